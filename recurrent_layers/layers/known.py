"""The layers that configs name, and the layer of a config."""

import inspect

from recurrent_layers.utils.arguments import flag, shown
from recurrent_layers.utils.generic_utils import lookup

#: The layers of this library by the names that they have in configs. Who has some puts them in, so that layers that are
#: made of others find all of them here.
KNOWN = {}


def config_of(layer):
    """The config of a layer, and whether it is not to be trained, for :func:`layer_from_config`."""
    config = layer.get_config()
    return config if layer.trainable else {"trainable": False, **config}


def layer_from_config(config):
    """The layer of a config, of this library or of the user's own.

    Raises
    ------
    ValueError
        If it is no config of a layer.
    """
    if not isinstance(config, dict):
        raise ValueError(f"the config of a layer is a dict, got {shown(config)}")
    cls = lookup(config.get("name"), KNOWN, "layer", callables=False)
    if config.get("trainable") is None or "trainable" in inspect.signature(cls).parameters:
        return cls.from_config(config)
    layer = cls.from_config({key: value for key, value in config.items() if key != "trainable"})
    layer.trainable = flag("trainable", config["trainable"])
    return layer
