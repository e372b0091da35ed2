"""Activation functions, found by their names: ``get("tanh")``.

Each takes a symbolic tensor and returns one of the same shape. Wherever a layer takes an
activation, any callable that does the same will do.
"""

from __future__ import annotations

from typing import Any, Callable

from recurrent_layers.engine import nnet
from recurrent_layers.engine import tensor as T
from recurrent_layers.typing import Named, Variable
from recurrent_layers.utils.generic_utils import get_from_module, lookup, put_into

__all__ = [
    "get", "get_from_module", "hard_sigmoid", "linear", "relu", "sigmoid", "softmax", "softplus", "tanh",
    "time_distributed_softmax",
]  # fmt: skip


def softmax(x: Variable) -> Variable:
    """exp(x) / sum(exp(x)) over the last axis, for any number of dimensions.

    Examples
    --------
    >>> from recurrent_layers.activations import softmax
    >>> from recurrent_layers.engine import tensor as T
    >>> softmax(T.as_tensor_variable([[0.0, 0.0, 0.0, 0.0]])).eval().tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    return nnet.softmax(x) if x.ndim == 2 else nnet.softmax(x.reshape((-1, x.shape[-1]))).reshape(x.shape)


def time_distributed_softmax(x: Variable) -> Variable:
    """The name that :func:`softmax` had for sequences in early scripts."""
    return softmax(x)


def softplus(x: Variable) -> Variable:
    """log(1 + exp(x)), elementwise."""
    return nnet.softplus(x)


def relu(x: Variable) -> Variable:
    """max(x, 0), elementwise."""
    return nnet.relu(x)


def tanh(x: Variable) -> Variable:
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x)), elementwise."""
    return T.tanh(x)


def sigmoid(x: Variable) -> Variable:
    """1 / (1 + exp(-x)), elementwise."""
    return nnet.sigmoid(x)


def hard_sigmoid(x: Variable) -> Variable:
    """A sigmoid of three straight lines: min(max(0.2 x + 0.5, 0), 1), elementwise.

    Examples
    --------
    >>> from recurrent_layers.activations import hard_sigmoid
    >>> from recurrent_layers.engine import tensor as T
    >>> hard_sigmoid(T.as_tensor_variable([-3.0, 0.0, 1.0, 3.0])).eval().round(3).tolist()
    [0.0, 0.5, 0.7, 1.0]
    """
    return nnet.hard_sigmoid(x)


def linear(x: Variable) -> Variable:
    """X itself."""
    return x


KNOWN = {
    function.__name__: function
    for function in (softmax, time_distributed_softmax, softplus, relu, tanh, sigmoid, hard_sigmoid, linear)
}


def get(identifier: Named) -> Callable[..., Any]:
    """Find an activation.

    Parameters
    ----------
    identifier : str or callable
        "softmax", "softplus", "relu", "tanh", "sigmoid", "hard_sigmoid" or "linear"; a callable is
        returned as it is.

    Returns
    -------
    callable

    Raises
    ------
    ValueError
        If the name is not known; the message lists the known ones.

    Examples
    --------
    >>> from recurrent_layers import LSTM, activations
    >>> activations.get("tanh") is activations.tanh
    True
    >>> layer = LSTM(3, 8, activation="tanh", inner_activation=activations.sigmoid)
    """
    return lookup(identifier, {**KNOWN, **put_into(globals(), _AS_IMPORTED)}, "activation")


_AS_IMPORTED = dict(globals())
