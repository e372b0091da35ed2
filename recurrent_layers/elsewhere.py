"""What Keras 0.1 had and this library has not. It can be imported, as scripts do that never use it; used, it raises."""

from __future__ import annotations

from typing import Any, Callable

WAY_OUT = ("real Keras has it: pip install keras==0.3.3 (up to Python 3.11), which runs on Theano once "
           "recurrent_layers is imported, and for which calls have to be rewritten (input_shape= instead of the sizes "
           "of the input)")


def classes_elsewhere(module: str, *names: str, instead: str = WAY_OUT) -> list[Any]:
    """Classes that raise `NotImplementedError` when an object is made of them, or of a class that inherits from them.

    Parameters
    ----------
    module : str
        The `__name__` of the module that they stand in.
    *names : str
    instead : str
        What to do without them, for the error message.

    Returns
    -------
    list of class
    """

    def made(name):
        def __new__(cls, *args, **kwargs):
            raise NotImplementedError(_message(module, name, instead))

        return type(name, (), {"__new__": __new__, "__module__": module, "__doc__": _message(module, name, instead)})

    return [made(name) for name in names]


def functions_elsewhere(module: str, *names: str, instead: str = WAY_OUT) -> list[Callable[..., Any]]:
    """Functions that raise `NotImplementedError` when they are called; parameters as for :func:`classes_elsewhere`."""

    def made(name):
        def function(*args, **kwargs):
            raise NotImplementedError(function.__doc__)

        function.__name__ = function.__qualname__ = name
        function.__module__, function.__doc__ = module, _message(module, name, instead)
        return function

    return [made(name) for name in names]


def _message(module, name, instead):
    return f"{module.partition('.')[2]}.{name} of Keras 0.1 is not in recurrent_layers; {instead}"
