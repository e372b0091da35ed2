"""The pages of the site; ``sphinx-build -W`` says the rest."""

import ast
import importlib.util
import inspect
import pathlib
import re
from xml.etree import ElementTree

import pytest
from test_wrong_calls import PUBLIC

import recurrent_layers as rl
from recurrent_layers.layers import zoo

DOCS = pathlib.Path(__file__).parents[1] / "docs"
_spec = importlib.util.spec_from_file_location("draw_gates", DOCS / "draw_gates.py")
draw_gates = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(draw_gates)


def read(name):
    return (DOCS / name).read_text(encoding="utf-8")


def test_every_page_is_in_a_table_of_contents():
    listed = set()
    for index in ("index", "api/index"):
        entries = re.search(r"```\{toctree\}\n.*?\n\n(.*?)```", read(f"{index}.md"), re.DOTALL)[1].splitlines()
        entries = [entry.rpartition("<")[2].rstrip(">") for entry in entries]
        listed |= {index, *(str(pathlib.PurePosixPath(index).parent / entry) for entry in entries)}
    pages = [page for kind in ("md", "rst") for page in DOCS.rglob(f"*.{kind}") if "_build" not in page.parts]
    assert {page.relative_to(DOCS).with_suffix("").as_posix() for page in pages} == listed


def test_every_public_module_is_on_a_page():
    texts = [page.read_text(encoding="utf-8") for page in (DOCS / "zoo.md", *DOCS.glob("api/*.rst"))]
    documented = re.findall(r"automodule:: recurrent_layers\.(\S+)", "\n".join(texts))
    assert len(documented) == len(set(documented))
    assert set(PUBLIC) <= set(documented)


def test_every_cell_of_the_zoo_is_in_its_page():
    assert sorted(re.findall(r"autoclass:: (\w+)", read("zoo.md"))) == sorted(zoo.__all__)


@pytest.mark.parametrize("cls", draw_gates.LAYERS, ids=lambda cls: cls.__name__)
def test_a_picture_is_the_step(cls):
    nodes, after = draw_gates.traced(cls)
    assert set(draw_gates.PLACES[cls.__name__]) == set(nodes)
    arrows = [f"{source} to {name}" for name, node in nodes.items() for source in node.inputs]
    picture = ElementTree.parse(DOCS / "pictures" / f"{cls.__name__}.svg")
    drawn = {element.get("id") for element in picture.iter()}
    assert {*nodes, *arrows, *(f"{name} to None" for name in after)} <= drawn
    assert sum(" to " in (one or "") for one in drawn) == len(arrows) + len(after)


def section(cls):
    """What `layers.md` says of a layer."""
    return re.search(rf"^## {cls.__name__}\n(.*?)^## ", read("layers.md"), re.DOTALL | re.MULTILINE)[1]


def options_of_all():
    parameters = inspect.signature(rl.Recurrent).parameters.values()
    return [one.name for one in parameters if one.kind is one.KEYWORD_ONLY]


IN_MATHEMATICS = {"sigma": "inner_activation", "phi": "activation", "odot": "*", "tilde{h}": "hh", "tanh": "tanh",
                  "text": "", "dots": ""}  # fmt: skip


@pytest.mark.parametrize("cls", draw_gates.LAYERS, ids=lambda cls: cls.__name__)
def test_the_equations_are_those_of_the_docstring(cls):
    equations = []
    for block in re.findall(r"\$\$\n(.*?)\$\$", section(cls), re.DOTALL):
        block = re.sub(r"\\\\|&|\\(begin|end)\{aligned\}", "", block)
        block = re.sub(r"\\(tilde\{h\}|[a-z]+)", lambda word: IN_MATHEMATICS[word[1]], block).replace("{t-", "tm")
        equations += [re.sub(r"[{}\s]", "", line) for line in block.splitlines() if line.strip()]
    own = inspect.cleandoc(cls.__doc__).split("\n\nReferences\n")[0].split("\n\nParameters\n")[0]
    lines = [re.split(r"\s{2,}", line.strip())[0] for line in own.splitlines() if re.match(r" +\w+ = ", line)]
    assert equations == [re.sub(r"[.\s]", "", line) for line in lines]


def test_states_are_named_in_their_order():
    order = [name[:-len("_tm1")] for name in inspect.signature(rl.LSTM.step).parameters if name.endswith("_tm1")]
    said = re.search(r"^- It has two states, in this order: (.*?)\. ", section(rl.LSTM), re.DOTALL | re.MULTILINE)[1]
    assert re.findall(r"\$(\w)\$", said) == order
    assert re.findall(r"\b[hc]\b", re.search(r"^The states are (.*)\.$", rl.LSTM.__doc__, re.MULTILINE)[1]) == order
    assert f"`[{', '.join(order)}]` for an `LSTM`" in read("sequences.md")


@pytest.mark.parametrize("cls", draw_gates.LAYERS, ids=lambda cls: cls.__name__)
def test_weights_and_defaults_are_those_of_the_layer(cls):
    weights, defaults = re.findall(r"^- (?:Weights, in order|By default): ([^.]*)\.$", section(cls), re.MULTILINE)
    layer = cls(2, 3)
    assert re.findall(r"`(\w+)`", weights) == [*layer.param_names, *layer.non_trainable_names]
    said = {name: ast.literal_eval(value) for name, value in re.findall(r"`(\w+)=(\S+)`", defaults)}
    parameters = inspect.signature(cls).parameters.values()
    there = {one.name: one.default for one in parameters if one.default is not one.empty}
    of_all = {"weights", "truncate_gradient", "return_sequences", *options_of_all()}
    assert said == {name: value for name, value in there.items() if name not in of_all}
