"""Shared variables and arrays for layers of one's own. `floatX` is what it is when one of these is called."""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from recurrent_layers import engine
from recurrent_layers.engine import tensor as T
from recurrent_layers.typing import Array, ArrayLike, DType, Variable
from recurrent_layers.utils.arguments import integer, shown, sizes, text
from recurrent_layers.utils.arrays import converted, dtype_of_numbers

__all__ = [
    "alloc_zeros_matrix", "floatX", "ndim_tensor", "on_gpu", "sharedX", "shared_ones", "shared_scalar", "shared_zeros",
]  # fmt: skip


def _dtype(dtype: DType | None) -> np.dtype[Any]:
    return dtype_of_numbers(engine.config.floatX if dtype is None else dtype)


def floatX(X: ArrayLike) -> Array:
    """An array of `floatX`.

    Parameters
    ----------
    X : array_like

    Returns
    -------
    numpy.ndarray

    Raises
    ------
    ValueError
        If it is no array of numbers, or has some that `floatX` cannot hold.
    """
    return converted("X", X, engine.config.floatX, "set floatX=float64")


def sharedX(X: ArrayLike, dtype: DType | None = None, name: str | None = None) -> Variable:
    """A shared variable.

    Parameters
    ----------
    X : array_like
        Its value, which is copied.
    dtype : str or numpy.dtype, optional
        By default `floatX`.
    name : str, optional

    Returns
    -------
    shared variable

    Raises
    ------
    ValueError
        If an argument is none of these, or `dtype` cannot hold the numbers.

    Examples
    --------
    >>> from recurrent_layers.utils.theano_utils import sharedX
    >>> W = sharedX([[1.0, 2.0]], name="W")
    >>> W.name, W.get_value().tolist()
    ('W', [[1.0, 2.0]])
    """
    name = name if name is None else text("name", name)
    return engine.shared(np.array(converted("X", X, _dtype(dtype))), name=name)


def shared_zeros(shape: Sequence[int], dtype: DType | None = None, name: str | None = None) -> Variable:
    """A shared variable of zeros; parameters as for :func:`sharedX`.

    Parameters
    ----------
    shape : tuple of int

    Examples
    --------
    >>> from recurrent_layers.utils.theano_utils import shared_zeros
    >>> shared_zeros((2, 3)).get_value().tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    return sharedX(np.zeros(sizes("shape", shape)), dtype, name)


def shared_scalar(val: float = 0.0, dtype: DType | None = None, name: str | None = None) -> Variable:
    """A shared variable that is a single number; parameters as for :func:`sharedX`.

    Parameters
    ----------
    val : float
    """
    value = converted("val", val, _dtype(dtype))
    if value.ndim:
        raise ValueError(f"val must be a single number, got {shown(val)}")
    return sharedX(value, value.dtype, name)


def shared_ones(shape: Sequence[int], dtype: DType | None = None, name: str | None = None) -> Variable:
    """A shared variable of ones; parameters as for :func:`shared_zeros`."""
    return sharedX(np.ones(sizes("shape", shape)), dtype, name)


def alloc_zeros_matrix(*dims: int | Variable) -> Variable:
    """A symbolic array of zeros, for states before the first step.

    Parameters
    ----------
    *dims : int or symbolic scalar
        Its sizes, such as ``X.shape[0], self.output_dim``.

    Returns
    -------
    symbolic variable
        Of `floatX`.

    Raises
    ------
    ValueError
        If a size is none.

    Examples
    --------
    >>> from recurrent_layers.utils.theano_utils import alloc_zeros_matrix, ndim_tensor
    >>> X = ndim_tensor(3)
    >>> alloc_zeros_matrix(X.shape[0], 8).ndim
    2
    """
    for size in dims:
        if not (isinstance(size, engine.Variable) and getattr(size, "ndim", None) == 0 and "int" in str(size.dtype)):
            integer("a size", size, least=0)
    return T.alloc(floatX(0.0), *dims)


def ndim_tensor(ndim: int) -> Variable:
    """A new symbolic variable of `floatX`.

    Parameters
    ----------
    ndim : int
        The number of its dimensions, any. Keras 0.1 gave a matrix where it was not 1 to 4.

    Raises
    ------
    ValueError
        If it is no integer of at least 0.

    Examples
    --------
    >>> from recurrent_layers.utils.theano_utils import ndim_tensor
    >>> ndim_tensor(3).ndim
    3
    """
    return T.TensorType(engine.config.floatX, (False,) * integer("ndim", ndim, least=0, most=32))()


def on_gpu() -> bool:
    """Whether the engine computes on a GPU, as its flag `device` says."""
    return str(getattr(engine.config, "device", "cpu")).startswith(("gpu", "cuda"))
