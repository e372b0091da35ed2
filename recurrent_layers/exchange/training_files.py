"""Whole trainings in a file: the weights, and all that a training needs to go on.

It is a weight file (see :mod:`recurrent_layers.exchange.weight_files`) with a group ``training`` besides: there,
``state`` is a text in JSON, as bytes, and ``array_<n>`` are the arrays that it refers to by
``{"array": n, "dtype": name}``.
"""

import json
import random

import h5py
import numpy as np

from recurrent_layers.exchange import weight_files
from recurrent_layers.exchange.hdf5 import DAMAGED, item, numbers, opened, written_whole
from recurrent_layers.utils.arguments import as_path, shown

_OF_ARRAYS = {"array", "dtype"}


def write(filepath, layers_weights, state):
    """Write a training; the file appears whole or not at all, also in the place of one that is there.

    Parameters
    ----------
    filepath : str, bytes or path-like
    layers_weights : list of list of numpy.ndarray
        The weights of each layer.
    state : dict
        Of dicts, lists, texts, numbers, None and arrays.

    Raises
    ------
    ValueError
        If something in it is none of these.
    OSError
        If it cannot be written: no folder, no permission, no space.
    """
    arrays = []
    text = json.dumps(_plain(state, "the state", arrays))
    with written_whole(as_path("filepath", filepath), True, "the training") as file:
        weight_files.put(file, layers_weights)
        group = file.create_group("training")
        group.create_dataset("state", data=np.frombuffer(text.encode(), "uint8"))
        for n, array in enumerate(arrays):
            group.create_dataset(f"array_{n}", data=array)


def read(filepath):
    """Read all of a training but the weights.

    Parameters
    ----------
    filepath : str, bytes or path-like

    Returns
    -------
    dict
        The state as :func:`write` was given it, with lists for tuples.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no whole file of a training, such as one with weights only.
    """
    with weight_files.opened(filepath), opened(filepath) as file:
        try:
            group = item(file, "training", h5py.Group)
            state = json.loads(_read(group, "state").tobytes().decode())
            if not isinstance(state, dict):
                raise ValueError("its state is no dict")
            return _with_arrays(state, group)
        except DAMAGED as error:
            raise ValueError(f"{filepath} is no file of a whole training, as ModelCheckpoint(path, whole=True) writes "
                             f"it: {error}") from error


def _read(group, name):
    """An array that takes no more memory than room in the file."""
    dataset = numbers(group, name)
    if dataset.id.get_storage_size() != dataset.nbytes:
        raise ValueError(f"the numbers of {dataset.name} are not all there")
    return np.asarray(dataset[()])  # A number, too, as it was given.


def _plain(value, name, arrays):
    """The same for JSON; arrays are put into the list."""
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise ValueError(f"{name} has the key {shown(key)}, which is no text, and cannot be kept in a file")
        if set(value) == _OF_ARRAYS:
            raise ValueError(f"{name} has the keys array and dtype and no others, which means an array in the file: "
                             "give it other ones")
        return {key: _plain(one, f"{name}[{key!r}]", arrays) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one, f"{name}[{k}]", arrays) for k, one in enumerate(value)]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        arrays.append(value.astype("uint8") if value.dtype == bool else value)
        return {"array": len(arrays) - 1, "dtype": value.dtype.str}
    raise ValueError(f"{name} is {shown(value)}, which cannot be kept in a file: only dicts, lists, texts, numbers and "
                     "arrays of numbers can")


def _with_arrays(value, group):
    if isinstance(value, dict):
        if set(value) == _OF_ARRAYS:
            return _read(group, "array_{:d}".format(value["array"])).astype(np.dtype(value["dtype"]), copy=False)
        return {key: _with_arrays(one, group) for key, one in value.items()}
    return [_with_arrays(one, group) for one in value] if isinstance(value, list) else value


def random_state():
    """The states of the generators of random numbers of NumPy and of Python."""
    return {"numpy": np.random.get_state(), "python": random.getstate()}


def set_random_state(state, of_numpy=np.random, of_python=random):
    """Go on with the random numbers as of a state from :func:`random_state`, also after its way through a file."""
    kind, keys, *rest = state["numpy"]
    version, words, gauss = state["python"]
    of_numpy.set_state((kind, np.asarray(keys, "uint32"), *rest))
    of_python.setstate((version, tuple(words), gauss))


def check_random_state(state):
    """Raise a ValueError, TypeError or KeyError unless that is such a state."""
    set_random_state(state, np.random.RandomState(), random.Random())
