"""Preparing labels."""

import numpy as np


def to_categorical(y, nb_classes=None):
    """Turn integer classes into one-hot rows.

    Parameters
    ----------
    y : array_like of int
        Classes from 0 on, in any shape; a trailing dimension of size 1 is dropped.
    nb_classes : int, optional
        The number of classes; by default the largest class plus one.

    Returns
    -------
    numpy.ndarray
        Shape ``y.shape + (nb_classes,)``, float64, a single 1 in each row.

    Raises
    ------
    ValueError
        If `y` is empty, holds anything but integers, a negative one, or one of `nb_classes` or more.
    """
    classes = np.asarray(y)
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes[..., 0]
    if classes.size == 0 or not np.all(np.equal(classes, np.floor(classes))):
        raise ValueError(f"to_categorical needs integer classes, "
                         f"got an array of {classes.dtype} and shape {classes.shape}")
    classes = classes.astype("int64")
    if nb_classes is None:
        nb_classes = int(classes.max()) + 1
    if classes.min() < 0 or classes.max() >= nb_classes:
        raise ValueError(f"classes must lie in 0..{nb_classes - 1}, got {classes.min()}..{classes.max()}")
    return np.eye(nb_classes)[classes]
