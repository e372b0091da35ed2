"""Samples on their way into a model: their weights, their order, their batches."""

import numpy as np

from recurrent_layers.engine import config


def weights_of(y, sample_weight=None, class_weight=None):
    """What each sample, or each of its steps, weighs in the loss.

    Parameters
    ----------
    y : numpy.ndarray
        The labels, (nb_samples, dim) or (nb_samples, timesteps, dim).
    sample_weight : array_like, optional
        Weights of samples or of steps, (nb_samples,) or (nb_samples, timesteps), with a last dimension of
        1 or without.
    class_weight : dict of int to float, optional
        Weights of classes.

    Returns
    -------
    numpy.ndarray
        Of the shape of `y` without its last dimension; 1 where nothing is asked for.

    Raises
    ------
    ValueError
        If a class has no weight, the shape does not fit, or a weight is negative or NaN.
    """
    shape = y.shape[:-1]
    weights = np.ones(shape)
    if class_weight is not None:
        classes = y[..., 0].astype("int64") if y.shape[-1] == 1 else np.argmax(y, axis=-1)
        missing = set(np.unique(classes).tolist()) - set(class_weight)
        if missing:
            raise ValueError(f"class_weight has no weight for class {', '.join(map(str, sorted(missing)))}")
        weights = weights * np.vectorize(class_weight.get, otypes=["float64"])(classes)
    if sample_weight is not None:
        given = np.asarray(sample_weight, dtype="float64")
        per_sample = given.reshape(given.shape[:1] + (1,) * (len(shape) - 1)) if given.ndim == 1 else given
        if per_sample.shape == shape + (1,):
            per_sample = per_sample[..., 0]
        try:
            weights = weights * np.broadcast_to(per_sample, shape)
        except ValueError:
            raise ValueError(f"sample_weight must have shape {shape[:1]} or {shape}, got {given.shape}") from None
    if not np.all(weights >= 0):
        raise ValueError("weights of samples must not be negative or NaN")
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
    """Rows of an array as Theano takes them: all, or those that indices or a slice name."""
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
    """
    if isinstance(X, list):
        return [slice_X(array, start, stop) for array in X]
    return X[start] if hasattr(start, "__len__") else X[start:stop]
