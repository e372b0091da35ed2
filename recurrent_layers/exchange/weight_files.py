"""Weight files: HDF5 in the layout of Keras 0.1 to 0.3.

The root has an attribute ``nb_layers``; each layer has a group ``layer_<k>`` with an attribute
``nb_params`` and data sets ``param_<n>``.
"""

import contextlib
import glob
import hashlib
import os
import stat
import uuid

import h5py
import numpy as np

from recurrent_layers.utils.arguments import as_path, flag, items
from recurrent_layers.utils.arrays import array_of_numbers

try:
    import fcntl
except ImportError:  # There is none on Windows.
    fcntl = None


def write(filepath, layers_weights, overwrite=False):
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
    """
    filepath, overwrite = as_path("filepath", filepath), flag("overwrite", overwrite)
    layers_weights = [[array_of_numbers("a weight", weight) for weight in items("weights", weights, "arrays")]
                      for weights in items("layers_weights", layers_weights, "lists of arrays")]
    with written_whole(filepath, overwrite, "weights") as file:
        file.attrs["nb_layers"] = len(layers_weights)
        for k, weights in enumerate(layers_weights):
            group = file.create_group(f"layer_{k}")
            group.attrs["nb_params"] = len(weights)
            for n, weight in enumerate(weights):
                group.create_dataset(f"param_{n}", data=weight)


@contextlib.contextmanager
def written_whole(given, overwrite, what):
    """A file of HDF5 to be written, which appears when it is complete; parameters and errors as of :func:`write`.

    Parameters
    ----------
    given : str
        Its path.
    overwrite : bool
    what : str
        What it holds, for the error message.
    """
    filepath = os.path.realpath(given)
    there = os.stat(filepath) if os.path.exists(filepath) else None
    if there is not None and not stat.S_ISREG(there.st_mode):
        raise FileExistsError(f"{filepath} is no file, and is not replaced by one")
    if os.path.islink(given) and there is None:
        raise FileExistsError(f"{given} is a link to {filepath}, which is not there")
    if there is not None and not overwrite:
        raise FileExistsError(f"{filepath} exists already; pass overwrite=True to replace it")
    unfinished = None
    try:
        with _unfinished(filepath, what) as stream:
            unfinished = stream.name
            with h5py.File(stream, "w") as file:
                yield file
            stream.flush()
            os.fsync(stream.fileno())
            if there is not None:
                os.chmod(unfinished, stat.S_IMODE(there.st_mode))
            if fcntl is None:
                stream.close()  # Windows does not move an open file.
            os.replace(unfinished, filepath)
    except BaseException:
        if unfinished is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(unfinished)
        raise


def _unfinished(filepath, what):
    """A new file beside the one that is meant, open, and locked for as long as it is; those of the dead are removed."""
    folder, name = os.path.split(filepath)
    if len(os.fsencode(name)) > 200:  # A name has 255 bytes at the most.
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:32]
    beginning = os.path.join(folder, name)
    for path in glob.glob(glob.escape(beginning) + ".*.tmp") if fcntl else ():
        with contextlib.suppress(OSError), open(path, "rb") as stream:
            # Who writes holds a lock until its end, be it by a kill.
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
    try:
        stream = open(f"{beginning}.{uuid.uuid4().hex[:8]}.tmp", "x+b")  # noqa: SIM115
    except OSError as error:
        raise type(error)(error.errno, f"cannot save {what}: {error.strerror}", filepath) from error
    if fcntl:
        with contextlib.suppress(OSError):  # Some file systems have no locks.
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return stream


@contextlib.contextmanager
def opened(filepath):
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
    if not os.path.isfile(filepath):
        raise FileNotFoundError(f"no weight file {filepath}")
    try:
        file = h5py.File(filepath, "r")
    except OSError as error:
        raise ValueError(f"{filepath} is not a whole HDF5 file: {error}") from error
    with file:
        try:
            groups = [_item(file, f"layer_{k}", h5py.Group) for k in _counted(file, "nb_layers")]
            stored = [[_numbers(group, f"param_{n}") for n in _counted(group, "nb_params")] for group in groups]
        except (KeyError, OSError, RuntimeError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"{filepath} is not a weight file of Keras 0.1 to 0.3, which has an attribute "
                             f"nb_layers and groups layer_<k> with param_<n>: {error}") from error
        yield stored


def read(filepath):
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


def _counted(group, name):
    """The numbers up to that of an attribute, no more than there are things in the group."""
    number = group.attrs[name]
    if np.ndim(number) or not np.issubdtype(np.asarray(number).dtype, np.integer) or not 0 <= number <= len(group):
        raise ValueError(f"{group.name} has {len(group)} items, but {name} is {number!r}"[:200])
    return range(int(number))


def _item(group, name, kind):
    """What is in a group itself; a link may lead to any other file."""
    link = group.get(name, getlink=True)
    if not isinstance(link, h5py.HardLink):
        raise ValueError(f"{name} of {group.name} is missing, or a link")
    item = group[name]
    if not isinstance(item, kind):
        raise ValueError(f"{item.name} is no {kind.__name__.lower()}")
    return item


def _numbers(group, name):
    """A data set whose numbers are in the file itself, and take no more room there than they say."""
    dataset = _item(group, name, h5py.Dataset)
    if dataset.dtype.kind not in "fiu" or dataset.shape is None:
        raise ValueError(f"{dataset.name} is no array of numbers")
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"the numbers of {dataset.name} are in another file")
    if dataset.chunks and np.prod(dataset.chunks, dtype=float) > max(dataset.size, 1):
        raise ValueError(f"{dataset.name} has larger chunks than it has numbers")
    return dataset
