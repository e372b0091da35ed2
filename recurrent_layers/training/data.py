"""Samples on their way into a model: what is taken of them, their weights, their order, their batches."""

import math

import numpy as np

from recurrent_layers import objectives
from recurrent_layers.engine import config
from recurrent_layers.utils.arguments import integer, items, number, shown
from recurrent_layers.utils.arrays import (
    array_of_numbers,
    check_integers,
    converted,
    first_not_finite,
    in_any_order,
    is_finite,
    pieces,
    slices,
)


class Samples:
    """Inputs, labels and weights that belong together; samples come first in each.

    Parameters
    ----------
    inputs : list of numpy.ndarray or Elsewhere
        As :func:`checked_inputs` gives them.
    y : numpy.ndarray or Elsewhere
        As :func:`checked_labels` gives it.
    weights : Weights
    """

    def __init__(self, inputs, y, weights):
        self.inputs, self.y, self.weights = inputs, y, weights

    def __len__(self):
        return len(self.y)

    def __getitem__(self, part):
        """Some of them, as a function takes them: those that indices or a slice name."""
        return (*(rows(X, part) for X in self.inputs), *self.labels(part))

    def labels(self, part):
        """The labels and weights of some of them."""
        y = self.y[part]
        return rows(y), self.weights.of(y, part)

    def split(self, at):
        """Those before an index, and the others."""
        return tuple(Samples([between(X, *ends) for X in self.inputs], between(self.y, *ends),
                             self.weights.between(*ends)) for ends in ((0, at), (at, len(self))))  # fmt: skip


class Elsewhere:
    """Rows of an array that is not in memory, such as a data set of HDF5; they are read when they are asked for.

    Parameters
    ----------
    name : str
        What it is, for error messages.
    array : array_like
        With a `shape`, a `dtype`, and rows by slices and by indices in their order.
    start, stop : int
        The first row, and the one after the last.
    is_column : bool
        Whether each row is a number, which is read as an array of one.
    """

    def __init__(self, name, array, start, stop, is_column=False):
        self.name, self.array, self.start, self.is_column = name, array, start, is_column
        self.shape = (stop - start,) + tuple(array.shape[1:]) + (1,) * is_column
        self.dtype, self.ndim = array.dtype, len(self.shape)

    def __len__(self):
        return self.shape[0]

    def between(self, start, stop):
        """The same from one row to another, of which nothing is read."""
        return Elsewhere(self.name, self.array, self.start + start, self.start + stop, self.is_column)

    def as_column(self):
        return Elsewhere(self.name, self.array, self.start, self.start + len(self), is_column=True)

    def __getitem__(self, part):
        """Some rows, in memory: those of a slice, or of indices in any order."""
        if isinstance(part, slice):
            start, stop, _ = part.indices(len(self))
            return self._read(slice(self.start + start, self.start + max(start, stop)))
        return in_any_order(self._read, np.asarray(part) + self.start)

    def _read(self, part):
        count = part.stop - part.start if isinstance(part, slice) else part.size
        read = array_of_numbers(self.name, np.asarray(self.array[part]))
        expected = (count,) + tuple(self.array.shape[1:])
        if read.shape != expected:
            raise ValueError(f"{self.name} is {shown(self.array)}, which says that its shape is "
                             f"{tuple(self.array.shape)}, but gives an array of shape {read.shape} for {count} rows")
        return read[:, None] if self.is_column else read


def array_or_elsewhere(name, value, advice=""):
    """Anything as an array of numbers: what is an array already but not in memory, stays where it is.

    Parameters
    ----------
    name, value, advice
        As for :func:`array_of_numbers`.

    Returns
    -------
    numpy.ndarray or Elsewhere

    Raises
    ------
    ValueError
        If it is no array of numbers.
    """
    if isinstance(value, Elsewhere):
        return value
    if type(value).__module__.partition(".")[0] == "h5py" and not value:
        raise ValueError(f"{name} is {shown(value)}: the file of HDF5 must stay open for as long as it is read")
    is_array = isinstance(getattr(value, "dtype", None), np.dtype) and isinstance(getattr(value, "shape", None), tuple)
    is_elsewhere = is_array and not isinstance(value, np.ndarray) and hasattr(type(value), "__getitem__")
    # Those with `iloc`, of pandas, are in memory, and take indices for labels.
    if is_elsewhere and value.dtype.kind in "fiub" and value.shape and not hasattr(value, "iloc"):
        return Elsewhere(name, value, 0, value.shape[0])
    return array_of_numbers(name, value, advice)


def between(array, start, stop):
    """The rows of an array from one to another; nothing is read of what is elsewhere."""
    return array.between(start, stop) if isinstance(array, Elsewhere) else array[start:stop]


def checked_inputs(X, readers, ndims):
    """Arrays that can be the inputs of a model.

    Parameters
    ----------
    X : array_like, or list of them
        A list where there are several.
    readers : list of Layer
        The layers that read them.
    ndims : list of int
        The dimensions of each.

    Returns
    -------
    list of numpy.ndarray or Elsewhere

    Raises
    ------
    ValueError
        If there are not as many, or not as many samples in each, or one cannot be the input of its layer.
    """
    if len(readers) == 1:
        return [checked_input(X, readers[0], ndims[0])]
    if not isinstance(X, (list, tuple)) or len(X) != len(readers):
        given = f"{len(X)} of them" if isinstance(X, (list, tuple)) else shown(X)
        raise ValueError(f"the model has {len(readers)} inputs and needs a list of {len(readers)} arrays, "
                         f"[X_1, X_2, ...], got {given}")
    inputs = []
    for k, (one, reader, ndim) in enumerate(zip(X, readers, ndims), 1):
        try:
            inputs.append(checked_input(one, reader, ndim))
        except ValueError as error:
            raise ValueError(f"input {k}: {error}") from error
    if len(set(map(len, inputs))) > 1:
        raise ValueError(f"all inputs need as many samples, got {', '.join(str(len(one)) for one in inputs)}")
    return inputs


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
    if is_list_of_one and isinstance(getattr(X[0], "shape", None), tuple) and len(X[0].shape) == ndim:
        X = X[0]
    X = array_or_elsewhere("the input", X, "; sequences of different lengths must be padded")
    if is_list_of_one and X.ndim == ndim + 1:
        X = X[0]
    if X.ndim == 0:
        raise ValueError(f"the input must be an array of samples, got {shown(X)}")
    if X.shape[0] == 0 or (X.ndim > 1 and X.shape[1] == 0):
        raise ValueError(f"the input is empty: shape {tuple(X.shape)}")
    for start, piece in pieces(X):
        try:
            layer.check_data(piece)
        except ValueError as error:
            if len(piece) == len(X):
                raise
            raise ValueError(f"{error} (of samples {start} to {start + len(piece) - 1}, counted from the first of "
                             "these)") from error
    return X


def checked_labels(y, inputs, shape, loss):
    """An array that can be the labels of an input.

    Parameters
    ----------
    y : array_like
    inputs : list of array
        As :func:`checked_inputs` gives them.
    shape : tuple of int or None
        That of the model's output.
    loss : callable

    Raises
    ------
    ValueError
        If they are not as many, are no numbers, have another shape, or cannot be labels for this loss.
    """
    y = array_or_elsewhere("the labels", y)
    if y.ndim == 0:
        raise ValueError(f"the labels must be an array with those of each sample, got {shown(y)}")
    if y.ndim == 1:
        y = y.as_column() if isinstance(y, Elsewhere) else y[:, None]
    if len(y) != len(inputs[0]):
        raise ValueError(f"there are {len(inputs[0])} samples, but {len(y)} labels")
    if len(shape) != y.ndim or any(size not in (None, given) for size, given in zip(shape, y.shape)):
        hint = ""
        if loss is objectives.categorical_crossentropy:
            hint = "; for one-hot labels see recurrent_layers.utils.np_utils.to_categorical"
        raise ValueError(f"the labels must have the shape of the output, {shape}, got {y.shape}{hint}")
    for start, piece in pieces(y):
        if not is_finite(piece, config.floatX):
            _, first, number = first_not_finite(piece, config.floatX)
            raise ValueError(f"there is {'NaN' if np.isnan(number) else f'{number:g}'} in the labels, first in sample "
                             f"{start + first}; to leave samples out, give them any other labels and sample_weight 0")
        check_integers("labels", piece, config.floatX)
    objectives.check_labels(loss, y)
    return y


class Weights:
    """What samples, or their steps, weigh in the loss; for some of them, when they are asked for.

    Parameters
    ----------
    y : numpy.ndarray or Elsewhere
        The labels, (nb_samples, dim) or (nb_samples, timesteps, dim).
    sample_weight : array_like, optional
        Weights of samples or of steps, (nb_samples,) or (nb_samples, timesteps), with a last dimension of
        1 or without.
    class_weight : dict of int to float, or list of float, optional
        Weights of classes.

    Raises
    ------
    ValueError
        If a class has no weight, the shape does not fit, or a weight is no number, negative, NaN or infinite.
    """

    def __init__(self, y, sample_weight=None, class_weight=None):
        self.shape = tuple(y.shape[:-1])
        self.given = self.of_classes = None
        if class_weight is not None:
            of_classes = checked_class_weight(class_weight)
            there = set()
            for _, piece in pieces(y):
                if y.shape[-1] == 1:
                    converted("labels", piece, "int64", "class_weight needs labels that are classes")
                there.update(np.unique(_classes(piece)).tolist())
            missing = there - set(of_classes)
            if missing:
                raise ValueError(f"class_weight has no weight for class {', '.join(map(str, sorted(missing)))}")
            self.of_classes = np.array(sorted(there)), np.array([of_classes[label] for label in sorted(there)])
        if sample_weight is not None:
            self.given = array_or_elsewhere("sample_weight", sample_weight)
            if self.given.shape[:1] != self.shape[:1]:
                raise self._no_such_shape()
        if self.given is not None or self.of_classes is not None:
            for part in slices(y):
                if self.given is not None:
                    converted("sample_weight", self.given[part], "float64")
                weights = self.of(None if self.of_classes is None else y[part], part)
                if not np.all(weights >= 0) or not is_finite(weights, config.floatX):
                    raise ValueError("weights of samples must not be negative, NaN or infinite")

    def _no_such_shape(self):
        shapes = " or ".join(dict.fromkeys([str(self.shape[:1]), str(self.shape)]))
        return ValueError(f"sample_weight must have shape {shapes}, got {tuple(self.given.shape)}")

    def of(self, y, part):
        """The weights of some samples.

        Parameters
        ----------
        y : numpy.ndarray
            Their labels.
        part : slice or array of int
            Which they are.

        Returns
        -------
        numpy.ndarray
            Of the shape of `y` without its last dimension; 1 where nothing is asked for.
        """
        shape = (len(range(*part.indices(self.shape[0]))) if isinstance(part, slice) else len(part),) + self.shape[1:]
        weights = np.ones(shape)
        if self.of_classes is not None:
            labels, weights_of_labels = self.of_classes
            weights = weights_of_labels[np.searchsorted(labels, _classes(y))]
        if self.given is not None:
            given = self.given[part].astype("float64", copy=False)
            given = given.reshape(given.shape[:1] + (1,) * (len(shape) - 1)) if given.ndim == 1 else given
            try:
                weights = weights * np.broadcast_to(given[..., 0] if given.shape == shape + (1,) else given, shape)
            except ValueError:
                raise self._no_such_shape() from None
        return weights

    def between(self, start, stop):
        """Those of the samples from one to another."""
        part = object.__new__(Weights)
        part.shape, part.of_classes = (stop - start,) + self.shape[1:], self.of_classes
        part.given = None if self.given is None else between(self.given, start, stop)
        return part

    def without_classes(self):
        """Those of the samples alone."""
        alone = self.between(0, self.shape[0])
        alone.of_classes = None
        return alone


def checked_class_weight(class_weight):
    """The weights of classes, as a dict."""
    if not hasattr(type(class_weight), "items"):
        class_weight = dict(enumerate(items("class_weight", class_weight, "the weights of classes, or a dict")))
    return {label: number(f"the weight of class {shown(label)}", weight, least=0.0)
            for label, weight in class_weight.items()}


def _classes(y):
    """The class of each sample, or step."""
    return y[..., 0].astype("int64") if y.shape[-1] == 1 else np.argmax(y, axis=-1)


def cut(order, batch_size):
    """Cut indices of samples into batches; the last may be smaller."""
    return [order[start:start + batch_size] for start in range(0, len(order), batch_size)]


def shuffled(order, shuffle, batch_size):
    """The indices of samples in the order of the next epoch.

    With `shuffle` "batch", samples that are neighbours in it stay together, and those that do not fill a batch come
    last, as in Keras 0.1.
    """
    if shuffle == "batch":
        whole = len(order) // batch_size * batch_size
        together = order[:whole].reshape(-1, batch_size)
        np.random.shuffle(together)
        return np.concatenate([together.ravel(), order[whole:]])
    if shuffle:
        np.random.shuffle(order)
    return order


def rows(array, part=None):
    """Rows of an array as the engine takes them: all, or those that indices or a slice name."""
    if part is not None or isinstance(array, Elsewhere):
        array = array[slice(None) if part is None else part]
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
