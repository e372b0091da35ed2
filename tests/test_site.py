"""The pages of the site; ``sphinx-build -W`` says the rest."""

import pathlib
import re

from test_wrong_calls import PUBLIC

from recurrent_layers.layers import zoo

DOCS = pathlib.Path(__file__).parents[1] / "docs"


def read(name):
    return (DOCS / name).read_text(encoding="utf-8")


def test_every_page_is_in_a_table_of_contents():
    listed = set()
    for index in ("index", "api/index"):
        entries = re.search(r"```\{toctree\}\n(.*?)```", read(f"{index}.md"), re.DOTALL)[1].split("\n\n")[1].split()
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
