"""The layers that configs name, and the layer of a config."""

from recurrent_layers.utils.arguments import shown
from recurrent_layers.utils.generic_utils import lookup

#: The layers of this library by the names that they have in configs. Who has some puts them in, so that layers that are
#: made of others find all of them here.
KNOWN = {}


def layer_from_config(config):
    """The layer of a config, of this library or of the user's own.

    Raises
    ------
    ValueError
        If it is no config of a layer.
    """
    if not isinstance(config, dict):
        raise ValueError(f"the config of a layer is a dict, got {shown(config)}")
    return lookup(config.get("name"), KNOWN, "layer", callables=False).from_config(config)
