"""Preparing labels, and judging predictions."""

from __future__ import annotations

import math
import warnings

import numpy as np

from recurrent_layers.typing import Array, ArrayLike
from recurrent_layers.utils.arguments import integer, items, number, shown
from recurrent_layers.utils.arrays import array_of_numbers, converted

__all__ = [
    "accuracy", "binary_logloss", "categorical_probas_to_classes", "multiclass_logloss", "normalize",
    "probas_to_classes", "to_categorical",
]  # fmt: skip


def to_categorical(y: ArrayLike, nb_classes: int | None = None) -> Array:
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

    Examples
    --------
    >>> from recurrent_layers.utils.np_utils import to_categorical
    >>> to_categorical([0, 2, 1]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    >>> to_categorical([[0, 2, 1], [1, 1, 0]], nb_classes=4).shape
    (2, 3, 4)
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


def normalize(a: ArrayLike, axis: int = -1, order: float = 2) -> Array:
    """Divide an array by its norms along an axis; where the norm is 0, by 1.

    Parameters
    ----------
    a : array_like
    axis : int
    order : float
        Of the norm, see `numpy.linalg.norm`.

    Returns
    -------
    numpy.ndarray

    Raises
    ------
    ValueError
        If `a` is no array of numbers, or has no such axis.

    Examples
    --------
    >>> from recurrent_layers.utils.np_utils import normalize
    >>> normalize([[3.0, 4.0], [0.0, 0.0]]).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    array = array_of_numbers("a", a)
    if not array.ndim:
        raise ValueError(f"a must have an axis to be normalized along, got {shown(array)}")
    axis = integer("axis", axis, least=-array.ndim, most=array.ndim - 1)
    order = order if isinstance(order, float) and math.isinf(order) else number("order", order)
    norms = np.linalg.norm(array, order, axis, keepdims=True)
    return array / np.where(norms == 0, 1, norms)


def _of_samples(name: str, value: ArrayLike) -> Array:
    """An array with samples as its first axis, and at least one of them."""
    array = array_of_numbers(name, value)
    if not array.ndim or not len(array):
        raise ValueError(f"{name} must be an array with a row or a number for each sample, got {shown(array)}")
    return array


def _as_many(p: Array, y: Array) -> None:
    if len(p) != len(y):
        raise ValueError(f"there must be as many predictions as targets, got {len(p)} and {len(y)}")


def binary_logloss(p: ArrayLike, y: ArrayLike) -> float | Array:
    """-mean(y log(p) + (1 - y) log(1 - p)) over the samples, with p kept 1e-15 away from 0 and 1.

    Parameters
    ----------
    p, y : array_like
        Probabilities, and labels 0 and 1, of the same shape, samples first.

    Returns
    -------
    float, or numpy.ndarray
        Without the axis of the samples.

    Raises
    ------
    ValueError
        If they are no such arrays.

    Examples
    --------
    >>> from recurrent_layers.utils.np_utils import binary_logloss
    >>> round(float(binary_logloss([0.5, 0.5, 1.0], [0, 1, 1])), 4)
    0.4621
    """
    p, y = _of_samples("p", p), _of_samples("y", y)
    if p.shape != y.shape:
        raise ValueError(f"p and y must have the same shape, got {p.shape} and {y.shape}")
    p = np.clip(p.astype("float64"), 1e-15, 1 - 1e-15)  # Of float32, as models predict, 1 - 1e-15 would be 1.
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p), axis=0)


def multiclass_logloss(P: ArrayLike, Y: ArrayLike) -> float:
    """-mean(log(P[n, Y[n] - 1])) over the samples n: classes are counted from 1.

    Parameters
    ----------
    P : array_like
        Probabilities, (nb_samples, nb_classes).
    Y : array_like of int
        Classes from 1 on, (nb_samples,).

    Returns
    -------
    float
        Infinite if a probability is 0.

    Raises
    ------
    ValueError
        If they are no such arrays, or there is a class 0, which Keras 0.1 took for the last one.

    Examples
    --------
    >>> from recurrent_layers.utils.np_utils import multiclass_logloss
    >>> round(float(multiclass_logloss([[0.5, 0.5], [0.75, 0.25]], [2, 1])), 4)
    0.4904
    """
    P, Y = _of_samples("P", P), converted("Y", _of_samples("Y", Y), "int64", "classes are integers")
    _as_many(P, Y)
    if P.ndim != 2 or Y.ndim != 1:
        raise ValueError(f"P must have shape (nb_samples, nb_classes) and Y (nb_samples,), got {P.shape} and {Y.shape}")
    if Y.min() < 1 or Y.max() > P.shape[1]:
        raise ValueError(f"classes must lie in 1..{P.shape[1]} here, got {Y.min()}..{Y.max()}; if yours begin at 0, "
                         "pass Y + 1")
    with np.errstate(divide="ignore"):
        return -np.mean(np.log(P[np.arange(len(P)), Y - 1]))


def _classes(name: str, value: ArrayLike) -> Array:
    """An array of classes of any kind, one or a row for each sample."""
    array = value if isinstance(value, np.ndarray) else None
    if array is None:
        rows = items(name, value, "classes")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                array = np.array(rows)
                if array.dtype.kind in "SU":  # It would make texts of the numbers among them.
                    array = np.array(rows, dtype=object)
        except (ValueError, Warning):  # Rows of different lengths.
            array = np.zeros(0)
    if not array.ndim or not array.size:
        raise ValueError(f"{name} must have a class, or a row of as many as the others, for each sample, got "
                         f"{shown(value)}")
    return array


def accuracy(p: ArrayLike, y: ArrayLike) -> float:
    """The share of what is equal in two sequences.

    Parameters
    ----------
    p, y : array_like
        Predicted and true classes of any kind, one for each sample, or a row of them; a column (nb_samples, 1) fits
        (nb_samples,).

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If they are not of the same length, or their rows do not fit.

    Examples
    --------
    >>> from recurrent_layers.utils.np_utils import accuracy
    >>> float(accuracy([0, 1, 2, 1], [0, 1, 1, 1]))
    0.75
    """
    p, y = _classes("p", p), _classes("y", y)
    _as_many(p, y)
    if (p.dtype.kind in "SUO") != (y.dtype.kind in "SUO"):
        p, y = p.astype(object), y.astype(object)  # NumPy would not look at each of them.
    # Row beside row, as if they were compared one after the other.
    ndim = max(p.ndim, y.ndim)
    p, y = (one.reshape(one.shape[:1] + (1,) * (ndim - one.ndim) + one.shape[1:]) for one in (p, y))
    if any(a != b and 1 not in (a, b) for a, b in zip(p.shape, y.shape)):
        raise ValueError(f"the rows of p and y must fit each other, got shapes {p.shape} and {y.shape}")
    return np.mean(p == y)


def probas_to_classes(y_pred: ArrayLike) -> Array:
    """The class of each sample: the largest of several outputs, or 1 where a single one is above 0.5.

    Parameters
    ----------
    y_pred : array_like
        (nb_samples, nb_classes), (nb_samples, 1) or (nb_samples,).

    Returns
    -------
    numpy.ndarray of int
        Shape (nb_samples,).

    Raises
    ------
    ValueError
        If it is no such array.

    Examples
    --------
    >>> from recurrent_layers.utils.np_utils import probas_to_classes
    >>> probas_to_classes([[0.25, 0.75], [0.5, 0.25]]).tolist()
    [1, 0]
    >>> probas_to_classes([0.75, 0.25]).tolist()
    [1, 0]
    """
    array = _of_samples("y_pred", y_pred)
    if array.ndim == 2 and array.shape[1] > 1:
        return categorical_probas_to_classes(array)
    if array.size != len(array):
        raise ValueError(f"y_pred must have shape (nb_samples, nb_classes) or (nb_samples,), got {array.shape}")
    return (array.reshape(-1) > 0.5).astype(int)


def categorical_probas_to_classes(p: ArrayLike) -> Array:
    """The column of the largest number in each row.

    Parameters
    ----------
    p : array_like
        (nb_samples, nb_classes); further axes are kept.

    Returns
    -------
    numpy.ndarray of int

    Raises
    ------
    ValueError
        If it is no such array.

    Examples
    --------
    >>> from recurrent_layers.utils.np_utils import categorical_probas_to_classes
    >>> categorical_probas_to_classes([[0.25, 0.5, 0.25], [0.75, 0.25, 0.0]]).tolist()
    [1, 0]
    """
    array = _of_samples("p", p)
    if array.ndim < 2 or not array.shape[1]:
        raise ValueError(f"p must have shape (nb_samples, nb_classes), got {array.shape}")
    return np.argmax(array, axis=1)
