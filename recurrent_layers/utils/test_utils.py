"""Data to try a model with."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from recurrent_layers.typing import Array
from recurrent_layers.utils.arguments import flag, integer, sizes

__all__ = ["get_test_data"]


def get_test_data(nb_train: int = 1000, nb_test: int = 500, input_shape: Sequence[int] = (10,),
                  output_shape: Sequence[int] = (2,), classification: bool = True,
                  nb_class: int = 2) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Draw samples whose numbers lie around their class, or around a number of their own.

    ::

        classification:  y in 0..nb_class - 1,  X = y + noise
        otherwise:       mean in [0, 1),  X = mean + noise,  y = mean + noise

    Parameters
    ----------
    nb_train, nb_test : int
        How many samples there are.
    input_shape, output_shape : tuple of int
        The shape of a sample, and of its target if `classification` is false.
    classification : bool
    nb_class : int

    Returns
    -------
    (X_train, y_train), (X_test, y_test)
        Arrays, samples first; classes are integers, of shape (nb_samples, 1). They are drawn from NumPy's global
        generator, the same as in Keras 0.1 for one `numpy.random.seed`.

    Raises
    ------
    ValueError
        If an argument is none of these; nothing has been drawn then.

    Examples
    --------
    >>> from recurrent_layers.utils.test_utils import get_test_data
    >>> (X_train, y_train), (X_test, y_test) = get_test_data(nb_train=100, nb_test=20, input_shape=(5, 3))
    >>> X_train.shape, y_train.shape, X_test.shape
    ((100, 5, 3), (100, 1), (20, 5, 3))
    """
    nb_train, nb_test = integer("nb_train", nb_train, least=0), integer("nb_test", nb_test, least=0)
    input_shape, output_shape = sizes("input_shape", input_shape), sizes("output_shape", output_shape)
    classification, nb_class = flag("classification", classification), integer("nb_class", nb_class)
    nb_samples = nb_train + nb_test
    means = np.random.randint(0, nb_class, size=nb_samples) if classification else np.random.random(nb_samples)
    X = np.zeros((nb_samples,) + input_shape)
    y = means[:, None] if classification else np.zeros((nb_samples,) + output_shape)
    for n, mean in enumerate(means):  # One after the other, as Keras drew them.
        X[n] = np.random.normal(mean, 1.0, input_shape)
        if not classification:
            y[n] = np.random.normal(mean, 1.0, output_shape)
    return (X[:nb_train], y[:nb_train]), (X[nb_train:], y[nb_train:])
