"""Every module and public name of Keras 0.1 can be imported from the same place, and what is not here raises."""

import importlib
import json
import types

import pytest
from conftest import DATA

from recurrent_layers import elsewhere, layers
from recurrent_layers.callbacks import RemoteMonitor
from recurrent_layers.datasets import data_utils, reuters
from recurrent_layers.layers import convolutional
from recurrent_layers.preprocessing import image, text
from recurrent_layers.utils import arguments, arrays, dot_utils, visualize_util

NAMES = json.loads((DATA / "names_of_keras.json").read_text())
#: What `import *` gives besides; of a package its modules.
OURS = {
    "callbacks": ["Monitor", "TerminateOnNaN"], "layers": layers.__all__, "layers.containers": ["AutoEncoder"],
    "layers.core": ["Lambda"], **{package: [module[len(package) + 1:] for module in NAMES
                                            if module.startswith(package + ".")]
                                  for package in ("datasets", "preprocessing", "utils", "wrappers")},
}  # fmt: skip


@pytest.mark.parametrize("module", NAMES)
def test_they_can_be_imported(module):
    there = importlib.import_module("recurrent_layers." + module)
    assert [name for name in NAMES[module] if not hasattr(there, name)] == []


@pytest.mark.parametrize("module", NAMES)
def test_import_of_all_gives_them_and_no_helpers(module):
    given = {}
    exec(f"from recurrent_layers.{module} import *", given)
    del given["__builtins__"]
    assert sorted(given) == sorted({*NAMES[module], *OURS.get(module, [])})
    helpers = [thing for helper in (arguments, arrays) for thing in vars(helper).values()
               if getattr(thing, "__module__", "") == helper.__name__]  # fmt: skip
    assert [name for name, thing in given.items() if any(thing is helper for helper in helpers)] == []
    assert {thing.__name__.split(".")[0] for thing in given.values()
            if isinstance(thing, types.ModuleType)} <= {"recurrent_layers"}  # fmt: skip


def test_import_of_all_leaves_what_a_script_has_of_these_names():
    given = {"T": "a tensor", "config": "my own", "number": 3}
    exec("from recurrent_layers.preprocessing import text", given)
    for module in NAMES:
        if module != "preprocessing":
            exec(f"from recurrent_layers.{module} import *", given)
    assert given["text"] is text and (given["T"], given["config"], given["number"]) == ("a tensor", "my own", 3)


@pytest.mark.parametrize("thing", [
    *(getattr(convolutional, name) for name in NAMES["layers.convolutional"]
      if "olution" in name or "ool" in name or "Padding" in name or "Sample" in name or "conv" in name),
    *(getattr(image, name) for name in NAMES["preprocessing.image"]), RemoteMonitor, visualize_util.plot,
    dot_utils.Grapher, data_utils.ParanoidURLopener, reuters.make_reuters_dataset,
], ids=lambda thing: thing.__name__)  # fmt: skip
@pytest.mark.parametrize("arguments, named", [((), {}), ((32, 3, 3), {"border_mode": "full"})], ids=["none", "some"])
def test_what_is_not_here_says_so_when_it_is_used(thing, arguments, named):
    name = f"{thing.__module__.split('.', 1)[1]}.{thing.__name__}"
    with pytest.raises(NotImplementedError) as raised:
        thing(*arguments, **named)
    message = str(raised.value)
    assert message.startswith(f"{name} of Keras 0.1 is not in recurrent_layers; ") and message == thing.__doc__
    assert getattr(importlib.import_module(thing.__module__), thing.__name__) is thing
    if thing not in (data_utils.ParanoidURLopener, reuters.make_reuters_dataset):
        assert elsewhere.WAY_OUT in message


def test_so_does_what_inherits_from_it():
    class Mine(convolutional.Convolution2D):
        def __init__(self):
            self.filters = 1

    with pytest.raises(NotImplementedError, match="Convolution2D of Keras 0.1 is not .* pip install keras==0.3.3"):
        Mine()
