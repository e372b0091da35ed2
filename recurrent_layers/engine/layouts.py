"""Lets functions take arrays however they lie in memory."""

import functools
import importlib

import numpy as np


def take_any_layout(module):
    """Copy an array that compiled code would read wrongly, or refuse, before it goes into a function or a variable.

    An array that is not aligned, such as a field of records, is refused by both engines. Theano reads one that repeats
    itself, as `numpy.broadcast_to` makes it, as if it did not, and beyond its end.

    Parameters
    ----------
    module : str
        Where the engine's `TensorType` is.
    """
    tensor_type = importlib.import_module(module).TensorType
    original = tensor_type.filter

    @functools.wraps(original)
    def filter(self, data, *arguments, **named):
        if isinstance(data, np.ndarray) and (not data.flags.aligned or (0 in data.strides and _repeats(data))):
            data = np.array(data)
        return original(self, data, *arguments, **named)

    tensor_type.filter = filter


def _repeats(array):
    return any(not stride and size > 1 for stride, size in zip(array.strides, array.shape))
