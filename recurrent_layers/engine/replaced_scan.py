"""The engine's `scan`, in the place of which another one can stand in all of its modules."""

import sys

from recurrent_layers import engine

_replaced = {}


def replace_scan(ours):
    """Let the modules of the engine, and what stands for Theano's, have another function instead of `scan`."""
    for original in engine.SCANS:
        if original not in _replaced:
            _replaced[original] = engine.adapted_scan(original, ours)
            _put(original, _replaced[original])


def current_scan():
    """What stands for `scan` now."""
    return _replaced.get(engine.scan, engine.scan)


def restore_scan():
    """Put the engine's own back."""
    while _replaced:
        original, replacement = _replaced.popitem()
        _put(replacement, original)


def _put(old, new):
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in ("theano", "pytensor"):
            for attribute, value in list(getattr(module, "__dict__", {}).items()):
                if value is old:
                    setattr(module, attribute, new)
