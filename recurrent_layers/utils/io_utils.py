"""Data on disk."""

from __future__ import annotations

from typing import Any, Callable

import h5py
import numpy as np

from recurrent_layers.exchange.hdf5 import written_whole
from recurrent_layers.typing import Array, ArrayLike, Path
from recurrent_layers.utils.arguments import as_path, integer, shown, text
from recurrent_layers.utils.arrays import array_of_numbers, in_any_order

__all__ = ["HDF5Matrix", "load_array", "save_array"]


class HDF5Matrix:
    """Rows of a data set in a file of HDF5, instead of an array in memory: they are read when they are asked for.

    Parameters
    ----------
    datapath : str or path-like
        The file, which is opened to be read.
    dataset : str
        The name of the data set in it.
    start, end : int
        The first row, and the one after the last.
    normalizer : callable, optional
        From rows, as they are read, to those that are given.

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy.dtype

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        If `normalizer` cannot be called.
    ValueError
        If it is no file of HDF5, has no such data set of numbers or not as many rows, or `normalizer` gives something
        else than as many rows.
    IndexError
        If a row is asked for that is not there.

    Examples
    --------
    >>> import numpy as np
    >>> from recurrent_layers.utils.io_utils import HDF5Matrix, save_array
    >>> save_array(np.arange(12.0).reshape(6, 2), "data.h5")
    >>> X = HDF5Matrix("data.h5", "data", 1, 5, normalizer=lambda x: x / 2)
    >>> X.shape
    (4, 2)
    >>> X[:2].tolist()
    [[1.0, 1.5], [2.0, 2.5]]

    A model reads it batch by batch: ``model.fit(X, y, shuffle="batch")``.
    """

    def __init__(self, datapath: Path, dataset: str, start: int, end: int,
                 normalizer: Callable[[Array], ArrayLike] | None = None) -> None:
        datapath, dataset = as_path("datapath", datapath), text("dataset", dataset)
        start, end = integer("start", start, least=0), integer("end", end)
        if normalizer is not None and not callable(normalizer):
            raise TypeError(f"normalizer must be a function from rows to rows, got {shown(normalizer)}")
        with open(datapath, "rb"):
            pass  # Where there is none, this says so better.
        try:
            self._file = h5py.File(datapath, "r")
        except OSError as error:
            raise ValueError(f"{datapath} is not a whole HDF5 file: {error}") from error
        self.data = self._file.get(dataset)
        if not isinstance(self.data, h5py.Dataset) or self.data.dtype.kind not in "fiub" or not self.data.shape:
            names = []
            self._file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
            raise ValueError(f"{datapath} has no array of numbers {shown(dataset)}; there are "
                             f"{', '.join(map(repr, names[:20])) or 'no data sets'}")
        if not start < end <= len(self.data):
            raise ValueError(f"start={start} and end={end} must be rows, the one before the other, of the "
                             f"{len(self.data)} in {dataset}")
        self.start, self.end, self.normalizer = start, end, normalizer
        first = self[:1]
        self.shape, self.dtype, self.ndim = (end - start,) + first.shape[1:], first.dtype, first.ndim
        self._arguments = datapath, dataset, start, end, normalizer

    def __reduce__(self) -> tuple[Any, ...]:  # The copy opens the file again.
        return type(self), self._arguments

    def __len__(self) -> int:
        return self.end - self.start

    def __getitem__(self, key: int | slice | ArrayLike) -> Array:
        """Rows, in memory, as of an array of NumPy: by an integer, a slice, or a list of indices."""
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            if step == 1:
                return self._normalized(self.data[self.start + start:self.start + max(start, stop)])
            key = range(start, stop, step)
        indices = None if isinstance(key, tuple) else array_of_numbers("indices", key)
        if indices is None or indices.dtype.kind not in "iu" and indices.size or indices.ndim > 1:
            raise IndexError(f"rows are asked for by an integer, a slice or a list of indices, got {shown(key)}")
        indices = indices.astype("int64")
        if np.any((indices < -len(self)) | (indices >= len(self))):
            raise IndexError(f"there are {len(self)} rows, asked for was {shown(key)}")
        return in_any_order(lambda part: self._normalized(self.data[part]), indices % len(self) + self.start)

    def _normalized(self, rows: Array) -> Array:
        if self.normalizer is None:
            return rows
        made = array_of_numbers("what normalizer gives", self.normalizer(rows))
        if made.shape[:1] != rows.shape[:1]:
            raise ValueError(f"normalizer must give as many rows as it gets, {len(rows)}, got {shown(made)}")
        return made


def save_array(array: ArrayLike, name: Path) -> None:
    """Write an array into a file of HDF5, as its data set ``data``.

    Parameters
    ----------
    array : array_like
    name : str or path-like
        The file; one that is there is replaced, and stays whole until the new one is complete.

    Raises
    ------
    ValueError
        If it is no array of numbers, or `name` no path.
    OSError
        If it cannot be written: no folder, no permission, no space.
    """
    array, name = array_of_numbers("array", array), as_path("name", name)
    with written_whole(name, True, "the array") as file:
        file.create_dataset("data", data=array)


def load_array(name: Path) -> Array:
    """Read what :func:`save_array` wrote, or that of Keras 0.1, which wrote by PyTables.

    Parameters
    ----------
    name : str or path-like

    Returns
    -------
    numpy.ndarray

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no file of HDF5, or has no such data set, or one that cannot be read here, such as a compressed one.

    Examples
    --------
    >>> import numpy as np
    >>> from recurrent_layers.utils.io_utils import load_array, save_array
    >>> save_array(np.array([1.0, 2.0]), "two.h5")
    >>> load_array("two.h5").tolist()
    [1.0, 2.0]
    """
    name = as_path("name", name)
    with open(name, "rb"):
        pass  # Where there is none, this says so better.
    try:
        with h5py.File(name, "r") as file:
            data = file.get("data")
            if not isinstance(data, h5py.Dataset) or data.dtype.kind not in "fiub":
                raise ValueError(f"there is no array of numbers 'data' in it, but {', '.join(file) or 'nothing'}")
            # The type that PyTables gives to truths is none of NumPy's.
            is_truths = data.id.get_type().get_class() == h5py.h5t.BITFIELD
            return data[()].astype(bool) if is_truths else data[()]
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise ValueError(f"{name} is not a file of save_array: {error}") from error
