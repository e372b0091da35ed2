"""Preparing labels."""

import numpy as np

from recurrent_layers.utils.arguments import integer
from recurrent_layers.utils.arrays import array_of_numbers, converted


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
    classes = array_of_numbers("classes", y)
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes[..., 0]
    if classes.size == 0 or not np.all(np.equal(classes, np.floor(classes))):
        raise ValueError(f"to_categorical needs integer classes, "
                         f"got an array of {classes.dtype} and shape {classes.shape}")
    classes = converted("classes", classes, "int64", "they must be integers")
    nb_classes = int(classes.max()) + 1 if nb_classes is None else integer("nb_classes", nb_classes)
    if classes.min() < 0 or classes.max() >= nb_classes:
        raise ValueError(f"classes must lie in 0..{nb_classes - 1}, got {classes.min()}..{classes.max()}")
    rows = np.zeros(classes.shape + (nb_classes,))
    np.put_along_axis(rows, classes[..., None], 1.0, axis=-1)
    return rows
