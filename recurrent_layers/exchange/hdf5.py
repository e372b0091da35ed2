"""Files of HDF5: written so that they are whole or not there, and read with care."""

import contextlib
import os

import h5py
import numpy as np

from recurrent_layers.exchange import files
from recurrent_layers.utils.arguments import as_path

#: What h5py raises of damaged files.
DAMAGED = KeyError, OSError, RuntimeError, TypeError, ValueError, OverflowError


@contextlib.contextmanager
def written_whole(given, overwrite, what):
    """A file of HDF5 to be written; see :func:`files.written_whole`."""
    with files.written_whole(given, overwrite, what) as stream, h5py.File(stream, "w") as file:
        yield file


@contextlib.contextmanager
def opened(given):
    """A file of HDF5 to be read; errors as of :func:`weight_files.opened`."""
    filepath = as_path("filepath", given)
    if not os.path.isfile(filepath):
        raise FileNotFoundError(f"there is no file {filepath}")
    try:
        file = h5py.File(filepath, "r")
    except OSError as error:
        raise ValueError(f"{filepath} is not a whole HDF5 file: {error}") from error
    with file:
        yield file


def item(group, name, kind):
    """What is in a group itself; a link may lead to any other file."""
    link = group.get(name, getlink=True)
    if not isinstance(link, h5py.HardLink):
        raise ValueError(f"{name} of {group.name} is missing, or a link")
    item = group[name]
    if not isinstance(item, kind):
        raise ValueError(f"{item.name} is no {kind.__name__.lower()}")
    return item


def numbers(group, name):
    """A data set whose numbers are in the file itself, and take no more room there than they say."""
    dataset = item(group, name, h5py.Dataset)
    if dataset.dtype.kind not in "fiu" or dataset.shape is None:
        raise ValueError(f"{dataset.name} is no array of numbers")
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"the numbers of {dataset.name} are in another file")
    if dataset.chunks and np.prod(dataset.chunks, dtype=float) > max(dataset.size, 1):
        raise ValueError(f"{dataset.name} has larger chunks than it has numbers")
    return dataset
