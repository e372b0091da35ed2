"""Lets threads compile one after the other; and what waits for threads begin anew in the child of a fork."""

import functools
import importlib
import os
import threading
import weakref

_waiting = weakref.WeakSet()


def begun_anew_by_a_child(waiting):
    """Let an object `begin_anew`, now and in each child of a fork, where other threads do not go on."""
    _waiting.add(waiting)
    waiting.begin_anew()


def _all_begin_anew():
    for waiting in list(_waiting):
        waiting.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_all_begin_anew)


class _Compiling:
    def begin_anew(self):
        self.lock = threading.RLock()


_compiling = _Compiling()
begun_anew_by_a_child(_compiling)


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
        with _compiling.lock:
            return method(*arguments, **named)

    return one_at_a_time
