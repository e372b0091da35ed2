"""Shared variables and arrays for layers of one's own. `floatX` is what it is when one of these is called."""

import numpy as np

from recurrent_layers import engine
from recurrent_layers.engine import tensor as T
from recurrent_layers.utils.arguments import integer, shown, sizes, text
from recurrent_layers.utils.arrays import converted, dtype_of_numbers

__all__ = [
    "alloc_zeros_matrix", "floatX", "ndim_tensor", "on_gpu", "sharedX", "shared_ones", "shared_scalar", "shared_zeros",
]  # fmt: skip


def _dtype(dtype):
    return dtype_of_numbers(engine.config.floatX if dtype is None else dtype)


def floatX(X):
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


def sharedX(X, dtype=None, name=None):
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
    """
    name = name if name is None else text("name", name)
    return engine.shared(np.array(converted("X", X, _dtype(dtype))), name=name)


def shared_zeros(shape, dtype=None, name=None):
    """A shared variable of zeros; parameters as for :func:`sharedX`.

    Parameters
    ----------
    shape : tuple of int
    """
    return sharedX(np.zeros(sizes("shape", shape)), dtype, name)


def shared_scalar(val=0.0, dtype=None, name=None):
    """A shared variable that is a single number; parameters as for :func:`sharedX`.

    Parameters
    ----------
    val : float
    """
    value = converted("val", val, _dtype(dtype))
    if value.ndim:
        raise ValueError(f"val must be a single number, got {shown(val)}")
    return sharedX(value, value.dtype, name)


def shared_ones(shape, dtype=None, name=None):
    """A shared variable of ones; parameters as for :func:`shared_zeros`."""
    return sharedX(np.ones(sizes("shape", shape)), dtype, name)


def alloc_zeros_matrix(*dims):
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
    """
    for size in dims:
        is_symbolic = isinstance(size, engine.Variable) and getattr(size, "ndim", None) == 0
        if not (is_symbolic and "int" in str(size.dtype)):
            integer("a size", size, least=0)
    return T.alloc(floatX(0.0), *dims)


def ndim_tensor(ndim):
    """A new symbolic variable of `floatX`.

    Parameters
    ----------
    ndim : int
        The number of its dimensions, any. Keras 0.1 gave a matrix where it was not 1 to 4.

    Raises
    ------
    ValueError
        If it is no integer of at least 0.
    """
    return T.TensorType(engine.config.floatX, (False,) * integer("ndim", ndim, least=0, most=32))()


def on_gpu():
    """Whether the engine computes on a GPU, as its flag `device` says."""
    return str(getattr(engine.config, "device", "cpu")).startswith(("gpu", "cuda"))
