"""Models as plain data and as JSON."""

import json

import numpy as np

from recurrent_layers import layers as layer_module
from recurrent_layers.utils.generic_utils import lookup


def as_json(config):
    """A config as JSON.

    Raises
    ------
    ValueError
        If there is something in it for which JSON has no name, such as a function of one's own.
    """

    def plain(value):
        if isinstance(value, np.generic):
            return value.item()
        raise ValueError(f"JSON cannot hold {value!r}: use a function of recurrent_layers by its name, or keep the "
                         "architecture in Python and save the weights only")

    return json.dumps(config, default=plain)


def layer_from_config(config, others):
    """The layer of a config, of this library or among the classes `others`, by name."""
    known = {name: getattr(layer_module, name) for name in layer_module.__all__}
    return lookup(config.get("name"), dict(known, **others), "layer", callables=False).from_config(config)
