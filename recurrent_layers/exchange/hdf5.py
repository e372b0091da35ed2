"""Files of HDF5: written so that they are whole or not there, and read with care."""

import contextlib

import h5py
import numpy as np

from recurrent_layers.exchange import files


@contextlib.contextmanager
def written_whole(given, overwrite, what):
    """A file of HDF5 to be written; see :func:`files.written_whole`."""
    with files.written_whole(given, overwrite, what) as stream, h5py.File(stream, "w") as file:
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
