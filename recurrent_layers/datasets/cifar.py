"""The files of CIFAR-10 and CIFAR-100."""

from __future__ import annotations

import numpy as np

from recurrent_layers.datasets import pickles
from recurrent_layers.typing import Array, Path
from recurrent_layers.utils.arguments import as_path, shown, text

__all__ = ["load_batch"]


def load_batch(fpath: Path, label_key: str = "labels") -> tuple[Array, list[int] | Array]:
    """Read a file of pictures.

    Parameters
    ----------
    fpath : str or path-like
    label_key : str
        Which labels: "labels" in CIFAR-10, "fine_labels" or "coarse_labels" in CIFAR-100.

    Returns
    -------
    data : numpy.ndarray
        Shape (nb_samples, 3, 32, 32): red, green and blue, from 0 to 255.
    labels : list of int

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If an argument is none of these, or the file holds anything else.
    """
    fpath, label_key = as_path("fpath", fpath), text("label_key", label_key)
    batch = pickles.read(fpath)
    data = batch.get("data") if isinstance(batch, dict) else None
    if not isinstance(data, np.ndarray) or data.ndim != 2 or data.shape[1] != 3 * 32 * 32:
        raise ValueError(f"{fpath} is no batch of CIFAR, a dict with an array (nb_samples, 3072) as its 'data'")
    labels = batch.get(label_key)
    if not isinstance(labels, (list, np.ndarray)) or len(labels) != len(data):
        raise ValueError(f"{fpath} has no labels {shown(label_key)} for its {len(data)} samples; there are "
                         f"{', '.join(map(repr, batch))}")
    return data.reshape(len(data), 3, 32, 32), labels
