"""Arrays on their way into another type: nothing is cut, rounded, wrapped or made infinite without a word."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np

from recurrent_layers.engine import Variable, machine
from recurrent_layers.typing import Array, ArrayLike
from recurrent_layers.utils.arguments import shown

# Arrays with fewer numbers than this are made without a look at the memory that there is.
SMALL = 2**24

# Bytes of an array that are looked at at once: what is made of them takes memory, too.
PIECE = 2**24


def array_of_numbers(name: str, value: ArrayLike, advice: str = "") -> Array:
    """Anything as an array of numbers.

    Parameters
    ----------
    name : str
        What it is, for the error message.
    value : object
        Anything; arrays and nested lists of real numbers pass.
    advice : str
        What to do if it is none.

    Returns
    -------
    numpy.ndarray

    Raises
    ------
    ValueError
        If it is no array of numbers, or a masked one: its mask would not be heeded.
    """
    if type(value) is np.ndarray and value.dtype.kind in "fiub":
        return value
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError(f"{name} is a masked array, whose mask would not be heeded; fill it (numpy.ma.filled), "
                         "and mask steps by Masking, samples by sample_weight")
    try:
        array = None if isinstance(value, Variable) else np.asarray(value)
    except (ValueError, TypeError, Warning):  # Lists of different lengths; until NumPy 1.24 they only warn.
        array = None
    if array is not None and array.dtype.kind == "O" and array.ndim and all(map(_is_real, array.flat)):
        array = array.astype("float64")  # As pandas gives it for columns of several types.
    if array is None or array.dtype.kind not in "fiub":
        what = shown(value) if array is None or not array.ndim else f"an array of {array.dtype}"
        raise ValueError(f"{name} must be numbers, in one array, got {what}{advice}")
    return array


def _is_real(value):
    return isinstance(value, (numbers.Real, np.bool_))


def is_finite(array, dtype):
    """Whether all numbers of an array are finite, and stay so in another type.

    Parameters
    ----------
    array : numpy.ndarray
        Of floats; integers are always finite.
    dtype : str or numpy.dtype
        Of floats.
    """
    if array.dtype.kind != "f" or not array.size:
        return True
    # Of few numbers what NumPy does around a sum takes longer. (Of many, this would wake threads of BLAS.)
    is_plain = array.size <= 10000 and array.flags.c_contiguous and array.dtype.itemsize <= np.dtype(dtype).itemsize
    if is_plain and math.isfinite(np.vdot(array, array)):
        return True
    if array.dtype.itemsize > np.dtype(dtype).itemsize:  # A larger type of floats holds larger ones.
        limit = np.finfo(dtype).max
        return bool(-limit <= array.min() and array.max() <= limit)
    with np.errstate(over="ignore", invalid="ignore"):
        # One pass without an array in between: a sum is finite only if each number is.
        return bool(np.isfinite(array.sum())) or bool(np.isfinite(array).all())


def slices(array):
    """Slices of the rows of an array, each of about `PIECE` bytes."""
    bytes_of_a_row = math.prod(array.shape[1:]) * array.dtype.itemsize
    count = max(1, PIECE // max(1, bytes_of_a_row))
    return [slice(start, min(start + count, array.shape[0])) for start in range(0, array.shape[0], count)]


def pieces(array):
    """An array piece by piece, that it need not be in memory: the index of the first row of each, and the piece."""
    return ((part.start, np.asarray(array[part])) for part in slices(array))


def in_any_order(read, indices):
    """Rows by indices in any order, of what reads them by a slice, or by indices in their order only, as HDF5 does."""
    in_order, places = np.unique(indices, return_inverse=True)
    # Neighbours are faster to read as a slice.
    if in_order.size and in_order[-1] - in_order[0] == in_order.size - 1:
        in_order = slice(int(in_order[0]), int(in_order[-1]) + 1)
    return read(in_order)[places.reshape(np.shape(indices))]


def first_not_finite(array, dtype):
    """How many samples have a number that is not finite in a type, the first of them, and such a number."""
    with np.errstate(over="ignore"):
        places = np.nonzero(~np.isfinite(array.astype(dtype)))
    samples = np.unique(places[0])
    return len(samples), int(samples[0]), array[tuple(axis[0] for axis in places)]


def converted(name: str, array: ArrayLike, dtype: Any, advice: str = "pass another dtype") -> Array:
    """An array in another type.

    Parameters
    ----------
    name : str
        What it is, for the error message.
    array : array_like
    dtype : str or numpy.dtype
    advice : str
        What to do if that type cannot hold it.

    Returns
    -------
    numpy.ndarray

    Raises
    ------
    ValueError
        If it has no numbers, or numbers that the type cannot hold: fractions or large numbers in a type of integers,
        integers that a type of floats would round, numbers that would be infinite. A fraction in a shorter type of
        floats is the nearest there.
    """
    array, dtype = array_of_numbers(name, array), np.dtype(dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        result = array.astype(dtype)
        if array.dtype.kind == dtype.kind == "f":
            wrong = np.isfinite(array) & ~np.isfinite(result)
        elif dtype.kind == "f" and _is_large(array):
            # A comparison of integers with floats would round the integers, too.
            wrong = result.astype("O") != array.astype("O")
        else:
            wrong = (result != array) | ((result < 0) != (array < 0))
    if wrong.any():
        given, held = (one[wrong].flat[0].item() for one in (array, result))
        raise ValueError(f"{name} cannot be held by {dtype}: {given!r} would be {held!r}; {advice}")
    return result


def dtype_of_numbers(dtype: Any) -> np.dtype[Any]:
    """A type of NumPy for numbers.

    Parameters
    ----------
    dtype : object
        Anything; names, types and dtypes pass.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        found = np.dtype(dtype) if isinstance(dtype, (str, type, np.dtype)) else None
    except (TypeError, ValueError):
        found = None
    if found is None or found.kind not in "fiub":
        raise ValueError(f"dtype must be a type of numbers, such as 'int32' or 'float32', got {shown(dtype)}")
    return found


def check_integers(name, array, dtype):
    """Raise if an array has integers that a type of floats would round."""
    if _is_large(array):
        converted(name, array, dtype, "scale them, or set floatX=float64")


def _is_large(array):
    """Whether there are integers that not each type of floats can hold."""
    if array.dtype.kind not in "iu" or array.dtype.itemsize < 4 or not array.size:
        return False
    return max(abs(int(array.min())), abs(int(array.max()))) > 2**24


def check_memory(name, shape):
    """Raise if there is not the memory to draw an array of random numbers.

    Parameters
    ----------
    name : str
        Of the array, for the error message.
    shape : tuple of int

    Raises
    ------
    ValueError
        If the numbers, as they are drawn and as they are kept, are more than the memory that is free.
    """
    size = math.prod(shape)
    if size > SMALL and 16 * size > machine.available_memory():
        raise ValueError(f"{name} would have the shape {tuple(shape)}: there is not the memory for {size:.3g} numbers")


def set_all(pairs):
    """Set shared variables: all of them or, as if it had not been called, none.

    Parameters
    ----------
    pairs : list of (shared variable, numpy.ndarray)
        Of the variables' types.
    """
    own = [(variable, np.array(value, variable.dtype)) for variable, value in pairs]
    try:
        for variable, value in own:
            variable.set_value(value, borrow=True)
    except BaseException:  # Such as Ctrl-C.
        for variable, value in own:
            variable.set_value(value, borrow=True)
        raise
