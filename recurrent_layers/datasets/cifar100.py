"""Small pictures of a hundred kinds."""

from __future__ import annotations

import os
from typing import Literal

import numpy as np

from recurrent_layers.datasets.cifar import load_batch
from recurrent_layers.datasets.data_utils import get_file
from recurrent_layers.typing import Array
from recurrent_layers.utils.arguments import choice

__all__ = ["get_file", "load_batch", "load_data"]


def load_data(label_mode: Literal["fine", "coarse"] = "fine") -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """60000 pictures of 32 by 32 pixels, of 100 classes or of 20 (Krizhevsky 2009).

    They are in the folder ``~/.keras/datasets/cifar-100-python``, which is downloaded if it is not there.

    Parameters
    ----------
    label_mode : {"fine", "coarse"}
        Whether there are 100 classes or 20.

    Returns
    -------
    (X_train, y_train), (X_test, y_test)
        Arrays, 50000 and 10000 samples first: pictures (nb_samples, 3, 32, 32), and classes (nb_samples, 1).

    Raises
    ------
    FileNotFoundError, ValueError
        See :func:`recurrent_layers.datasets.data_utils.get_file`. Also if `label_mode` is none of these, or a file
        holds anything else.
    """
    label_key = choice("label_mode", label_mode, "fine", "coarse") + "_labels"
    folder = get_file("cifar-100-python", "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz", untar=True)
    (X_train, y_train), (X_test, y_test) = (load_batch(os.path.join(folder, name), label_key)
                                            for name in ("train", "test"))  # fmt: skip
    return (X_train, np.reshape(y_train, (-1, 1))), (X_test, np.reshape(y_test, (-1, 1)))
