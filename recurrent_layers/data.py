"""Samples on their way into a model: what is taken of them, their weights, their order, their batches."""

import math

import numpy as np

from recurrent_layers import objectives
from recurrent_layers.engine import config
from recurrent_layers.utils.arguments import integer, items, number, shown
from recurrent_layers.utils.arrays import array_of_numbers, check_integers, converted, first_not_finite, is_finite


class Samples:
    """Input, labels and weights that belong together; samples come first in each.

    Parameters
    ----------
    X, y, weights : array_like
        As :func:`checked_input`, :func:`checked_labels` and :func:`weights_of` give them.
    """

    def __init__(self, X, y, weights):
        self.X, self.y, self.weights = X, y, weights

    def __len__(self):
        return len(self.X)

    def __getitem__(self, part):
        """Some of them, as a function takes them: those that indices or a slice name."""
        return rows(self.X, part), rows(self.y, part), self.weights[part]

    def split(self, at):
        """Those before an index, and the others."""
        return tuple(Samples(self.X[part], self.y[part], self.weights[part]) for part in (slice(at), slice(at, None)))


def checked_input(X, layer, ndim):
    """An array that can be the input of a layer.

    Parameters
    ----------
    X : array_like, or list of one
        Keras takes a list with an array for each input, too.
    layer : Layer
        Whose `check_data` is asked.
    ndim : int
        The dimensions that its input has.

    Raises
    ------
    ValueError
        If it is no array of numbers, if it is empty, or if the layer refuses it.
    """
    is_list_of_one = isinstance(X, list) and len(X) == 1
    if is_list_of_one and getattr(X[0], "ndim", 0) == ndim:
        X = X[0]
    if not _is_array_elsewhere(X):
        X = array_of_numbers("the input", X, "; sequences of different lengths must be padded")
    if is_list_of_one and len(X.shape) == ndim + 1:
        X = X[0]
    if len(X.shape) == 0:
        raise ValueError(f"the input must be an array of samples, got {shown(X)}")
    if X.shape[0] == 0 or (len(X.shape) > 1 and X.shape[1] == 0):
        raise ValueError(f"the input is empty: shape {tuple(X.shape)}")
    # What is not in memory (HDF5) is not brought there as a whole.
    for part in [X] if isinstance(X, np.ndarray) else (X[i:i + 4096] for i in range(0, len(X), 4096)):
        layer.check_data(np.asarray(part))
    return X


def checked_labels(y, X, shape, loss):
    """An array that can be the labels of an input.

    Parameters
    ----------
    y : array_like
    X : array
        As :func:`checked_input` gives it.
    shape : tuple of int or None
        That of the model's output.
    loss : callable

    Raises
    ------
    ValueError
        If they are not as many, are no numbers, have another shape, or cannot be labels for this loss.
    """
    y = array_of_numbers("the labels", y)
    if y.ndim == 0:
        raise ValueError(f"the labels must be an array with those of each sample, got {shown(y)}")
    y = y[:, None] if y.ndim == 1 else y
    if len(y) != len(X):
        raise ValueError(f"there are {len(X)} samples, but {len(y)} labels")
    if len(shape) == 3 and shape[1] is None and len(X.shape) > 1:
        shape = (None, X.shape[1], shape[2])
    if len(shape) != y.ndim or any(size not in (None, given) for size, given in zip(shape, y.shape)):
        hint = ""
        if loss is objectives.categorical_crossentropy:
            hint = "; for one-hot labels see recurrent_layers.utils.np_utils.to_categorical"
        raise ValueError(f"the labels must have the shape of the output, {shape}, got {y.shape}{hint}")
    if not is_finite(y, config.floatX):
        _, first, number = first_not_finite(y, config.floatX)
        raise ValueError(f"there is {'NaN' if np.isnan(number) else f'{number:g}'} in the labels, first in sample "
                         f"{first}; to leave samples out, give them any other labels and sample_weight 0")
    check_integers("labels", y, config.floatX)
    objectives.check_labels(loss, y)
    return y


def _is_array_elsewhere(X):
    """Whether it is an array of numbers that is not in memory, such as a data set of HDF5."""
    is_array = isinstance(getattr(X, "dtype", None), np.dtype) and isinstance(getattr(X, "shape", None), tuple)
    return is_array and not isinstance(X, np.ndarray) and X.dtype.kind in "fiub"


def weights_of(y, sample_weight=None, class_weight=None):
    """What each sample, or each of its steps, weighs in the loss.

    Parameters
    ----------
    y : numpy.ndarray
        The labels, (nb_samples, dim) or (nb_samples, timesteps, dim).
    sample_weight : array_like, optional
        Weights of samples or of steps, (nb_samples,) or (nb_samples, timesteps), with a last dimension of
        1 or without.
    class_weight : dict of int to float, or list of float, optional
        Weights of classes.

    Returns
    -------
    numpy.ndarray
        Of the shape of `y` without its last dimension; 1 where nothing is asked for.

    Raises
    ------
    ValueError
        If a class has no weight, the shape does not fit, or a weight is no number, negative, NaN or infinite.
    """
    shape = y.shape[:-1]
    weights = np.ones(shape)
    if class_weight is not None:
        if not hasattr(type(class_weight), "items"):
            class_weight = dict(enumerate(items("class_weight", class_weight, "the weights of classes, or a dict")))
        class_weight = {label: number(f"the weight of class {shown(label)}", weight, least=0.0)
                        for label, weight in class_weight.items()}
        classes = np.argmax(y, axis=-1)
        if y.shape[-1] == 1:
            classes = converted("labels", y[..., 0], "int64", "class_weight needs labels that are classes")
        missing = set(np.unique(classes).tolist()) - set(class_weight)
        if missing:
            raise ValueError(f"class_weight has no weight for class {', '.join(map(str, sorted(missing)))}")
        weights = weights * np.vectorize(class_weight.get, otypes=["float64"])(classes)
    if sample_weight is not None:
        given = converted("sample_weight", sample_weight, "float64")
        per_sample = given.reshape(given.shape[:1] + (1,) * (len(shape) - 1)) if given.ndim == 1 else given
        if per_sample.shape == shape + (1,):
            per_sample = per_sample[..., 0]
        try:
            weights = weights * np.broadcast_to(per_sample if given.shape[:1] == shape[:1] else [], shape)
        except ValueError:
            raise ValueError(f"sample_weight must have shape {shape[:1]} or {shape}, got {given.shape}") from None
    if not np.all(weights >= 0) or not is_finite(weights, config.floatX):
        raise ValueError("weights of samples must not be negative, NaN or infinite")
    return weights


def batches(order, batch_size):
    """Cut indices of samples into batches; the last may be smaller."""
    return [order[start:start + batch_size] for start in range(0, len(order), batch_size)]


def shuffled(order, shuffle, batch_size):
    """The indices of samples in the order of the next epoch.

    With `shuffle` "batch", samples that are neighbours in the data stay together, and those that do not fill
    a batch come last, as in Keras 0.1.
    """
    if shuffle == "batch":
        whole = len(order) // batch_size * batch_size
        together = np.arange(whole).reshape(-1, batch_size)
        np.random.shuffle(together)
        return np.concatenate([together.ravel(), np.arange(whole, len(order))])
    if shuffle:
        np.random.shuffle(order)
    return order


def rows(array, ids=None):
    """Rows of an array as the engine takes them: all, or those that indices or a slice name."""
    if ids is not None:
        if isinstance(array, np.ndarray) or isinstance(ids, slice):
            array = array[ids]
        else:
            # HDF5 reads rows in their order only.
            in_order, places = np.unique(ids, return_inverse=True)
            array = np.asarray(array[in_order])[places]
    array = np.asarray(array)
    return array if array.dtype.kind in "iu" else array.astype(config.floatX, copy=False)


def slice_X(X, start=None, stop=None):
    """Some of the samples of an array, or of each of a list of arrays.

    Parameters
    ----------
    X : numpy.ndarray or list of numpy.ndarray
        Samples first.
    start : int or array_like of int
        The first sample, or the indices of the samples.
    stop : int
        The sample after the last.

    Returns
    -------
    numpy.ndarray or list of numpy.ndarray

    Raises
    ------
    ValueError
        If `X` is no array, `start` or `stop` are no integers, or there is a `stop` besides indices.
    """
    if isinstance(X, list):
        return [slice_X(array, start, stop) for array in X]
    if not isinstance(getattr(X, "shape", None), tuple) or not X.shape:
        raise ValueError(f"X must be an array or a list of arrays, got {shown(X)}")
    if not hasattr(start, "__len__"):
        return X[slice(*(None if end is None else integer(name, end, least=-math.inf)
                         for name, end in (("start", start), ("stop", stop))))]  # fmt: skip
    if stop is not None:
        raise ValueError(f"stop={shown(stop)} would be ignored, since start={shown(start)} are the indices of samples")
    indices = array_of_numbers("start", start)
    if indices.dtype.kind == "f" and indices.size:
        raise ValueError(f"start must be an integer, or the indices of samples, got {shown(start)}")
    return X[start]
