"""Functions of the engine, such as `scan`, in the place of which others can stand in all of its modules."""

import sys

_replaced = {}


def replace(functions):
    """Let the modules of the engine, and what stands for Theano's, have other functions instead of some.

    Parameters
    ----------
    functions : dict
        Of the engine's own to the others.
    """
    for original, other in functions.items():
        if original not in _replaced:
            _replaced[original] = other
            _put(original, other)


def current(original):
    """What stands for a function of the engine now."""
    return _replaced.get(original, original)


def restore():
    """Put the engine's own back."""
    while _replaced:
        original, other = _replaced.popitem()
        _put(other, original)


def _put(old, new):
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in ("theano", "pytensor"):
            for attribute, value in list(getattr(module, "__dict__", {}).items()):
                if value is old:
                    setattr(module, attribute, new)
