"""Losses, found by their names: ``get("mse")``.

Each takes the targets and the predictions, tensors of one shape ``(..., dim)``, and returns the loss
of every sample (or timestep), of shape ``(...)``. Weighting, masking and averaging are the model's.
"""

from __future__ import annotations

import math
from typing import Any, Callable

import numpy as np

from recurrent_layers.engine import config, nnet
from recurrent_layers.engine import tensor as T
from recurrent_layers.typing import ArrayLike, Named, Variable
from recurrent_layers.utils.arrays import pieces
from recurrent_layers.utils.generic_utils import get_from_module, lookup, put_into
from recurrent_layers.warned import warn

__all__ = [
    "MAE", "MAPE", "MSE", "MSLE", "binary_crossentropy", "categorical_crossentropy", "get", "get_from_module", "hinge",
    "mae", "mape", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error",
    "mean_squared_logarithmic_error", "mse", "msle", "poisson_loss", "squared_hinge",
]  # fmt: skip


def _epsilon() -> float:
    """The distance that is kept from 0 and 1 before a logarithm."""
    return 1e-9 if config.floatX == "float64" else 1e-7


def mean_squared_error(y_true: Variable, y_pred: Variable) -> Variable:
    """mean((y_pred - y_true)^2)

    Examples
    --------
    >>> from recurrent_layers.engine import tensor as T
    >>> from recurrent_layers.objectives import mean_squared_error
    >>> y_true, y_pred = T.as_tensor_variable([[1.0, 2.0]]), T.as_tensor_variable([[2.0, 5.0]])
    >>> mean_squared_error(y_true, y_pred).eval().tolist()
    [5.0]
    """
    return T.sqr(y_pred - y_true).mean(axis=-1)


def mean_absolute_error(y_true: Variable, y_pred: Variable) -> Variable:
    """mean(abs(y_pred - y_true))"""
    return abs(y_pred - y_true).mean(axis=-1)


def mean_absolute_percentage_error(y_true: Variable, y_pred: Variable) -> Variable:
    """100 mean(abs(y_true - y_pred) / abs(y_true))"""
    return 100.0 * abs((y_true - y_pred) / T.clip(abs(y_true), _epsilon(), np.inf)).mean(axis=-1)


def mean_squared_logarithmic_error(y_true: Variable, y_pred: Variable) -> Variable:
    """mean((log(y_pred + 1) - log(y_true + 1))^2), both taken as at least 0"""

    def log1p(y: Variable) -> Variable:
        return T.log(T.clip(y, _epsilon(), np.inf) + 1.0)

    return T.sqr(log1p(y_pred) - log1p(y_true)).mean(axis=-1)


def squared_hinge(y_true: Variable, y_pred: Variable) -> Variable:
    """mean(max(1 - y_true y_pred, 0)^2), for labels -1 and 1"""
    return T.sqr(T.maximum(1.0 - y_true * y_pred, 0.0)).mean(axis=-1)


def hinge(y_true: Variable, y_pred: Variable) -> Variable:
    """mean(max(1 - y_true y_pred, 0)), for labels -1 and 1"""
    return T.maximum(1.0 - y_true * y_pred, 0.0).mean(axis=-1)


def categorical_crossentropy(y_true: Variable, y_pred: Variable) -> Variable:
    """-sum(y_true log(y_pred)), for one-hot rows; y_pred is scaled to sum to 1

    Examples
    --------
    >>> from recurrent_layers.engine import tensor as T
    >>> from recurrent_layers.objectives import categorical_crossentropy
    >>> y_true, y_pred = T.as_tensor_variable([[0.0, 1.0]]), T.as_tensor_variable([[0.5, 0.5]])
    >>> categorical_crossentropy(y_true, y_pred).eval().round(4).tolist()
    [0.6931]
    """
    y_pred = T.clip(y_pred, _epsilon(), 1.0 - _epsilon())
    y_pred = y_pred / y_pred.sum(axis=-1, keepdims=True)
    return -T.sum(y_true * T.log(y_pred), axis=-1)


def binary_crossentropy(y_true: Variable, y_pred: Variable) -> Variable:
    """-mean(y_true log(y_pred) + (1 - y_true) log(1 - y_pred)), for labels 0 and 1"""
    y_pred = T.clip(y_pred, _epsilon(), 1.0 - _epsilon())
    return nnet.binary_crossentropy(y_pred, y_true).mean(axis=-1)


def poisson_loss(y_true: Variable, y_pred: Variable) -> Variable:
    """mean(y_pred - y_true log(y_pred)), for counts"""
    return T.mean(y_pred - y_true * T.log(y_pred + _epsilon()), axis=-1)


mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error

KNOWN = {
    function.__name__: function
    for function in (
        mean_squared_error, mean_absolute_error, mean_absolute_percentage_error,
        mean_squared_logarithmic_error, squared_hinge, hinge, categorical_crossentropy,
        binary_crossentropy, poisson_loss,
    )
}  # fmt: skip
KNOWN.update({"mse": mse, "MSE": mse, "mae": mae, "MAE": mae,
               "mape": mape, "MAPE": mape, "msle": msle, "MSLE": msle})  # fmt: skip


def get(identifier: Named) -> Callable[..., Any]:
    """Find a loss.

    Parameters
    ----------
    identifier : str or callable
        The name of a function of this module, or its short form ("mse", "mae", "mape", "msle");
        a callable ``(y_true, y_pred) -> loss`` is returned as it is.

    Returns
    -------
    callable

    Raises
    ------
    ValueError
        If the name is not known; the message lists the known ones.

    Examples
    --------
    >>> from recurrent_layers import Dense, Sequential, objectives
    >>> objectives.get("mse") is objectives.mean_squared_error
    True
    >>> model = Sequential([Dense(3, 1)])
    >>> model.compile(optimizer="sgd", loss=lambda y_true, y_pred: abs(y_true - y_pred).mean(axis=-1))
    """
    return lookup(identifier, {**KNOWN, **put_into(globals(), _AS_IMPORTED)}, "loss")


def check_labels(loss: Callable[..., Any], y: ArrayLike) -> None:
    """Warn of labels that are probably not meant for a loss; they are taken as they are, as in Keras.

    Parameters
    ----------
    loss : callable
        A function of this module; nothing is asked of the labels of any other.
    y : array_like
        The targets, of shape ``(..., dim)``; they need not be in memory, and are looked at piece by piece.
    """
    if loss in (categorical_crossentropy, binary_crossentropy):
        if loss is categorical_crossentropy and y.shape[-1] == 1:
            warn("categorical_crossentropy over a single output is always 0 and trains nothing: use "
                 "binary_crossentropy, or one-hot labels (recurrent_layers.utils.np_utils.to_categorical)")
        lowest, highest, wanted = 0.0, 1.0, "labels from 0 to 1"
    elif loss in (hinge, squared_hinge):
        lowest, highest, wanted = -1.0, 1.0, "labels -1 and 1"
    elif loss in (poisson_loss, mean_squared_logarithmic_error):
        lowest, highest, wanted = 0.0, math.inf, "labels of at least 0"
    else:
        return
    if not math.prod(y.shape):
        return
    is_hinge = loss in (hinge, squared_hinge)
    lows, highs, is_0_or_1 = zip(*((float(piece.min()), float(piece.max()),
                                    is_hinge and bool(((piece == 0) | (piece == 1)).all())) for _, piece in pieces(y)))
    least, most = min(lows), max(highs)
    if least < lowest or most > highest:
        warn(f"{loss.__name__} is meant for {wanted}, got {least:g} to {most:g}")
    if least == 0 and all(is_0_or_1):
        warn(f"{loss.__name__} is meant for labels -1 and 1, got 0 and 1: a label of 0 trains nothing; map "
             "them to -1 and 1 by 2 * y - 1")


_AS_IMPORTED = dict(globals())
