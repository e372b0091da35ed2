"""Handwritten digits."""

from __future__ import annotations

import numpy as np

from recurrent_layers.datasets import pickles
from recurrent_layers.datasets.data_utils import get_file
from recurrent_layers.typing import Array, Path

__all__ = ["get_file", "load_data"]


def load_data(path: Path = "mnist.pkl.gz") -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """70000 handwritten digits (LeCun et al. 1998), of 28 rows of 28 pixels.

    Parameters
    ----------
    path : str
        The file in ``~/.keras/datasets``, or an absolute path. It is downloaded if it is not there.

    Returns
    -------
    (X_train, y_train), (X_test, y_test)
        Arrays, as the file has them: 60000 and 10000 pictures, (nb_samples, 28, 28) from 0 to 255, and digits.

    Raises
    ------
    FileNotFoundError, ValueError
        See :func:`recurrent_layers.datasets.data_utils.get_file`. Also if the file holds anything else.
    """
    path = get_file(path, "https://s3.amazonaws.com/img-datasets/mnist.pkl.gz")
    data = pickles.read(path)
    pairs = [pair for pair in data if isinstance(pair, (tuple, list)) and len(pair) == 2 and all(
        isinstance(array, np.ndarray) for array in pair)] if isinstance(data, (tuple, list)) else []  # fmt: skip
    if len(pairs) != 2 or len(data) != 2 or any(len(X) != len(y) for X, y in pairs):
        raise ValueError(f"{path} is no data set of pictures, which is ((X_train, y_train), (X_test, y_test))")
    return data
