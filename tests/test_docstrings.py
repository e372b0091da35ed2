"""Docstrings: each public class has examples, and all examples give what they say."""

import doctest
import importlib
import inspect
import re

import pytest
from test_wrong_calls import PUBLIC

from recurrent_layers import Recurrent
from recurrent_layers.recurrence import scan

# `Recurrent` is defined in a room of its own.
MODULES = [importlib.import_module(f"recurrent_layers.{name}") for name in [*PUBLIC, "layers.iteration"]]
CLASSES = {
    f"{module.__name__}.{thing.__name__}": thing for module in MODULES for thing in vars(module).values()
    if inspect.isclass(thing) and thing.__module__ == module.__name__ and not thing.__name__.startswith("_")
    and "is not in recurrent_layers" not in (thing.__doc__ or "")  # Those can only be imported.
}  # fmt: skip
EXAMPLES = {
    found.name: found for module in MODULES
    for found in doctest.DocTestFinder().find(module, globs={"__name__": "__main__"}) if found.examples
}  # fmt: skip
# Not `speed_up_scan` beside it, which changes the whole process.
EXAMPLES["scan"], = doctest.DocTestFinder(recurse=False).find(scan, "scan")


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_each_class_has_examples(name):
    text = inspect.cleandoc(CLASSES[name].__doc__ or "").partition("\n\nExamples\n--------\n")[2]
    assert doctest.DocTestParser().get_examples(text), f"{name} has no section of Examples with code to run"


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = []
    failed, _ = doctest.DocTestRunner(verbose=False).run(EXAMPLES[name], out=said.append)
    assert not failed, "".join(said)


@pytest.mark.parametrize("name", inspect.signature(Recurrent).parameters)
def test_recurrent_documents_all_that_it_takes(name):
    assert re.search(rf"^(\w+, )*{name}(, \w+)* : ", Recurrent.__doc__, re.MULTILINE)
