"""Lets threads compile one after the other."""

import functools
import importlib
import threading

COMPILING = threading.RLock()


def one_compiles_at_a_time(module):
    """Let a thread that compiles wait for another one that does.

    The engine's cache of compiled modules, and the graphs of shared constants, are not made for two.

    Parameters
    ----------
    module : str
        Where the engine's `FunctionMaker` is, which does all of it.
    """
    maker = importlib.import_module(module).FunctionMaker
    for name in ("__init__", "create"):
        setattr(maker, name, _in_turn(getattr(maker, name)))


def _in_turn(method):
    @functools.wraps(method)
    def one_at_a_time(*arguments, **named):
        with COMPILING:
            return method(*arguments, **named)

    return one_at_a_time
