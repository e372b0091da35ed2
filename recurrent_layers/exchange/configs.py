"""Models as plain data, as JSON and as YAML."""

import json

import numpy as np

from recurrent_layers import activations, constraints, initializations, objectives, optimizers, regularizers
from recurrent_layers.layers.known import KNOWN as LAYERS
from recurrent_layers.utils.arguments import shown
from recurrent_layers.utils.generic_utils import not_too_deep

OURS = {name for known in (LAYERS, activations.KNOWN, constraints.KNOWN, initializations.KNOWN, objectives.KNOWN,
                           optimizers.KNOWN, regularizers.KNOWN) for name in known}  # fmt: skip


def as_json(config, **options):
    """A config as JSON; `options` are for `json.dumps`.

    Raises
    ------
    ValueError
        If there is something in it for which JSON has no name, such as a lambda, or one name for two things.
    """
    named = {}

    def plain(value):
        if isinstance(value, np.generic):
            return value.item()
        name = getattr(value, "__name__", "")
        if callable(value) and name.isidentifier() and name not in OURS:
            if named.setdefault(name, value) != value:
                raise ValueError(f"JSON cannot hold two functions that are called {name}, by which only one of them "
                                 "would be found again: give the other one another name")
            return name
        raise ValueError(f"JSON cannot hold {shown(value)}: use a function of recurrent_layers by its name or one of "
                         "your own that has a name which none of ours has, or keep the architecture in Python and save "
                         "the weights only")

    return json.dumps(config, **dict(options, default=plain))


def as_yaml(config, **options):
    """A config as YAML; `options` are for `yaml.dump`.

    Raises
    ------
    ImportError
        If there is no PyYAML.
    ValueError
        As :func:`as_json` does.
    """
    return _yaml().safe_dump(json.loads(as_json(config)), **options)


def _yaml():
    try:
        import yaml
    except ImportError:
        raise ImportError("models as YAML need PyYAML: pip install pyyaml; or use JSON") from None
    return yaml


def from_yaml(text):
    """The config that YAML holds, as Keras wrote it too, with tuples; no code in it is run.

    Raises
    ------
    ImportError
        If there is no PyYAML.
    ValueError
        If it is no YAML, or holds something else than plain data.
    """
    yaml = _yaml()
    if not isinstance(text, (str, bytes, bytearray)):
        raise ValueError(f"YAML of a model is a string, got {shown(text)}")

    class Loader(yaml.SafeLoader):
        pass

    plain = "tag:yaml.org,2002:python/"
    Loader.add_constructor(plain + "tuple", lambda loader, node: tuple(loader.construct_sequence(node, deep=True)))
    Loader.add_constructor(plain + "unicode", yaml.SafeLoader.construct_yaml_str)
    Loader.add_constructor(plain + "long", yaml.SafeLoader.construct_yaml_int)
    try:
        with not_too_deep():
            return yaml.load(text, Loader)
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"this is no YAML of a model: {error}") from error


def check_name(thing):
    """Raise if an object, or one in it, would come back from its config as one of ours, which has the same name.

    Or if it would not come back at all, since it begins with the states of another layer, which only Python can name.
    """
    known = {**LAYERS, **optimizers.KNOWN, **constraints.KNOWN, **regularizers.KNOWN}
    ours = known.get(type(thing).__name__, type(thing))
    # A stack comes back as one that can be trained.
    if not isinstance(ours, type) or not issubclass(ours, type(thing)):
        raise ValueError(f"your class {type(thing).__qualname__} has the name of one of this library's, which it would "
                         "be when it is read again: give it another name")
    for name, part in getattr(thing, "__dict__", {}).items():
        if name == "initial_state" and hasattr(part, "get_config"):
            raise ValueError(f"JSON cannot say of {shown(thing)} that its first states are those of another layer: "
                             "keep the architecture in Python and save the weights only")
        if hasattr(part, "get_config") and (name == "forward" or name.endswith(("_regularizer", "_constraint"))):
            check_name(part)


def from_json(text):
    """The config that JSON holds.

    Raises
    ------
    ValueError
        If it is no JSON.
    """
    if not isinstance(text, (str, bytes, bytearray)):
        raise ValueError(f"JSON of a model is a string, got {shown(text)}")
    try:
        with not_too_deep():
            return json.loads(text)
    except ValueError as error:  # Bytes that are no text, too.
        raise ValueError(f"this is no JSON of a model: {error}; got {shown(text)}") from error
