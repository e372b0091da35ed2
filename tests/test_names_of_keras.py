"""Every module and public name of Keras 0.1 can be imported from the same place, and what is not here raises."""

import importlib
import json

import pytest
from conftest import DATA

from recurrent_layers import elsewhere
from recurrent_layers.callbacks import RemoteMonitor
from recurrent_layers.datasets import data_utils, reuters
from recurrent_layers.layers import convolutional
from recurrent_layers.preprocessing import image
from recurrent_layers.utils import dot_utils, visualize_util

NAMES = json.loads((DATA / "names_of_keras.json").read_text())


@pytest.mark.parametrize("module", NAMES)
def test_they_can_be_imported(module):
    there = importlib.import_module("recurrent_layers." + module)
    assert [name for name in NAMES[module] if not hasattr(there, name)] == []


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
