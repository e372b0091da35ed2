"""Small pictures of ten kinds."""

from __future__ import annotations

import os

import numpy as np

from recurrent_layers.datasets.cifar import load_batch
from recurrent_layers.datasets.data_utils import get_file
from recurrent_layers.typing import Array

__all__ = ["get_file", "load_batch", "load_data"]


def load_data() -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """60000 pictures of 32 by 32 pixels, of 10 classes (Krizhevsky 2009).

    They are in the folder ``~/.keras/datasets/cifar-10-batches-py``, which is downloaded if it is not there.

    Returns
    -------
    (X_train, y_train), (X_test, y_test)
        Arrays, 50000 and 10000 samples first: pictures (nb_samples, 3, 32, 32), and classes (nb_samples, 1).

    Raises
    ------
    FileNotFoundError, ValueError
        See :func:`recurrent_layers.datasets.data_utils.get_file`. Also if a file holds anything else.
    """
    folder = get_file("cifar-10-batches-py", "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz", untar=True)
    batches = [load_batch(os.path.join(folder, f"data_batch_{n}")) for n in range(1, 6)]
    X_test, y_test = load_batch(os.path.join(folder, "test_batch"))
    X_train = np.concatenate([data for data, _ in batches]).astype("uint8", copy=False)
    y_train = np.concatenate([labels for _, labels in batches]).astype("uint8")
    return (X_train, y_train.reshape(-1, 1)), (X_test, np.reshape(y_test, (-1, 1)))
