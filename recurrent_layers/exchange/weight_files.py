"""Weight files: HDF5 in the layout of Keras 0.1 to 0.3.

The root has an attribute ``nb_layers``; each layer has a group ``layer_<k>`` with an attribute
``nb_params`` and data sets ``param_<n>``.
"""

import os
import tempfile

import h5py


def write(filepath, layers_weights, overwrite=False):
    """Write the weights of all layers; the file appears whole or not at all.

    Parameters
    ----------
    filepath : str or path-like
    layers_weights : list of list of numpy.ndarray
        The weights of each layer.
    overwrite : bool
        Whether a file that is there may be replaced. It stays as it was until the new one is complete.

    Raises
    ------
    FileExistsError
        If the file is there and `overwrite` is false.
    """
    filepath = os.path.realpath(os.fspath(filepath))
    if os.path.exists(filepath) and not overwrite:
        raise FileExistsError(f"{filepath} exists already; pass overwrite=True to replace it")
    descriptor, unfinished = tempfile.mkstemp(
        prefix=os.path.basename(filepath) + ".", suffix=".tmp", dir=os.path.dirname(filepath))
    try:
        with os.fdopen(descriptor, "r+b") as stream:
            with h5py.File(stream, "w") as file:
                file.attrs["nb_layers"] = len(layers_weights)
                for k, weights in enumerate(layers_weights):
                    group = file.create_group(f"layer_{k}")
                    group.attrs["nb_params"] = len(weights)
                    for n, weight in enumerate(weights):
                        group.create_dataset(f"param_{n}", data=weight)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(unfinished, 0o666 & ~_umask())  # mkstemp's own would be for its user alone
        os.replace(unfinished, filepath)
    except BaseException:
        os.unlink(unfinished)
        raise


def _array(dataset):
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind not in "fiu":
        raise ValueError(f"{dataset.name} is no array of numbers")
    return dataset[()]


def _umask():
    current = os.umask(0)
    os.umask(current)
    return current


def read(filepath):
    """Read the weights of all layers.

    Parameters
    ----------
    filepath : str or path-like

    Returns
    -------
    list of list of numpy.ndarray
        The weights of each layer.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not HDF5, is truncated, or does not have the layout of a Keras 0.1 weight file.
    """
    filepath = os.fspath(filepath)
    if not os.path.isfile(filepath):
        raise FileNotFoundError(f"no weight file {filepath}")
    try:
        file = h5py.File(filepath, "r")
    except OSError as error:
        raise ValueError(f"{filepath} is not a whole HDF5 file: {error}") from error
    with file:
        try:
            groups = [file[f"layer_{k}"] for k in range(file.attrs["nb_layers"])]
            return [[_array(group[f"param_{n}"]) for n in range(group.attrs["nb_params"])] for group in groups]
        except (KeyError, OSError, TypeError, ValueError) as error:
            raise ValueError(f"{filepath} is not a weight file of Keras 0.1 to 0.3, which has an attribute "
                             f"nb_layers and groups layer_<k> with param_<n>: {error}") from error
