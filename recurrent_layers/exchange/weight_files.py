"""Weight files: HDF5 in the layout of Keras 0.1 to 0.3.

The root has an attribute ``nb_layers``; each layer has a group ``layer_<k>`` with an attribute
``nb_params`` and data sets ``param_<n>``.
"""

from __future__ import annotations

import contextlib
from typing import Any, Iterable, Iterator, Sequence

import h5py
import numpy as np

from recurrent_layers.exchange import hdf5
from recurrent_layers.exchange.hdf5 import DAMAGED, item, numbers, written_whole
from recurrent_layers.typing import Array, ArrayLike, Path
from recurrent_layers.utils.arguments import as_path, flag, items
from recurrent_layers.utils.arrays import array_of_numbers


def write(filepath: Path, layers_weights: Iterable[Iterable[ArrayLike]], overwrite: bool = False) -> None:
    """Write the weights of all layers; the file appears whole or not at all.

    Parameters
    ----------
    filepath : str, bytes or path-like
    layers_weights : list of list of numpy.ndarray
        The weights of each layer.
    overwrite : bool
        Whether a file that is there may be replaced. It stays as it was until the new one is complete, and who may
        read and write it stays so, too.

    Raises
    ------
    FileExistsError
        If the file is there and `overwrite` is false, or if what is there is no file.
    ValueError
        If an argument is none of these.
    OSError
        If it cannot be written: no folder, no permission, no space.

    Examples
    --------
    >>> import numpy as np
    >>> from recurrent_layers.exchange import weight_files
    >>> weight_files.write("weights.h5", [[np.zeros((3, 8)), np.zeros(8)], []])
    >>> [[weight.shape for weight in weights] for weights in weight_files.read("weights.h5")]
    [[(3, 8), (8,)], []]
    """
    filepath, overwrite = as_path("filepath", filepath), flag("overwrite", overwrite)
    arrays = [[array_of_numbers("a weight", weight) for weight in items("weights", weights, "arrays")]
              for weights in items("layers_weights", layers_weights, "lists of arrays")]
    with written_whole(filepath, overwrite, "weights") as file:
        put(file, arrays)


def put(file: Any, layers_weights: Sequence[Sequence[Array]]) -> None:
    """Put the weights of all layers into an open file of HDF5."""
    file.attrs["nb_layers"] = len(layers_weights)
    for k, weights in enumerate(layers_weights):
        group = file.create_group(f"layer_{k}")
        group.attrs["nb_params"] = len(weights)
        for n, weight in enumerate(weights):
            group.create_dataset(f"param_{n}", data=weight)


@contextlib.contextmanager
def opened(filepath: Path) -> Iterator[list[list[Any]]]:
    """Open a weight file.

    Parameters
    ----------
    filepath : str, bytes or path-like

    Yields
    ------
    list of list of h5py.Dataset
        The weights of each layer, of which nothing has been read yet but what they are.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If `filepath` is no path, or if the file is not HDF5, is truncated, does not have the layout of a Keras 0.1
        weight file, or refers to anything outside.
    """
    filepath = as_path("filepath", filepath)
    with hdf5.opened(filepath) as file:
        try:
            groups = [item(file, f"layer_{k}", h5py.Group) for k in _counted(file, "nb_layers")]
            stored = [[numbers(group, f"param_{n}") for n in _counted(group, "nb_params")] for group in groups]
        except DAMAGED as error:
            raise ValueError(f"{filepath} is not a weight file of Keras 0.1 to 0.3, which has an attribute "
                             "nb_layers and groups layer_<k> with param_<n>, nor one of Keras 1 to 3, which has an "
                             f"attribute layer_names: {error}") from error
        yield stored


def read(filepath: Path) -> list[list[Array]]:
    """Read the weights of all layers.

    Parameters
    ----------
    filepath : str, bytes or path-like

    Returns
    -------
    list of list of numpy.ndarray
        The weights of each layer.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`opened`.
    """
    with opened(filepath) as stored:
        return [[dataset[()] for dataset in layer] for layer in stored]


def _counted(group: Any, name: str) -> range:
    """The numbers up to that of an attribute, no more than there are things in the group."""
    number = group.attrs[name]
    if np.ndim(number) or not np.issubdtype(np.asarray(number).dtype, np.integer) or not 0 <= number <= len(group):
        raise ValueError(f"{group.name} has {len(group)} items, but {name} is {number!r}"[:200])
    return range(int(number))
