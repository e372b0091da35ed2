"""Integers to vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from recurrent_layers import activations, constraints, initializations, regularizers
from recurrent_layers.constraints import unitnorm
from recurrent_layers.engine import tensor as T
from recurrent_layers.layers.base import Layer, MaskedLayer
from recurrent_layers.typing import ArrayLike, Named, Rule, Shape, Variable, Weights
from recurrent_layers.utils.arguments import flag, integer
from recurrent_layers.utils.theano_utils import sharedX

__all__ = [
    "Embedding", "Layer", "MaskedLayer", "WordContextProduct", "activations", "constraints", "initializations",
    "regularizers", "sharedX", "unitnorm",
]  # fmt: skip


def _check_range(layer: Any, X: ArrayLike) -> None:
    """Raise unless all numbers are integers from 0 to input_dim - 1."""
    X, name = np.asarray(X), type(layer).__name__
    if X.dtype.kind == "f" and not np.array_equal(X, np.floor(X)):
        raise ValueError(f"{name} needs integers, got an array of {X.dtype} with fractions")
    if X.size and (X.min() < 0 or X.max() >= layer.input_dim):
        raise ValueError(f"{name}(input_dim={layer.input_dim}) takes integers from 0 to {layer.input_dim - 1}, "
                         f"got {X.min():g} to {X.max():g}")


class Embedding(Layer):
    """Look up a vector for each integer: row k of W for k.

    Input of shape (nb_samples, timesteps), integers from 0 to input_dim - 1, gives output of shape
    (nb_samples, timesteps, output_dim). Weights: W (input_dim, output_dim).

    Parameters
    ----------
    input_dim : int
        Number of different integers: the largest plus one.
    output_dim : int
        Size of the vectors.
    init : str or callable
        Initialization of W.
    weights : list of numpy.ndarray, optional
        Weights to begin with: [W].
    W_regularizer : Regularizer or str, optional
        A penalty on W, see :mod:`recurrent_layers.regularizers`.
    W_constraint : callable or str, optional
        What W is held to, see :mod:`recurrent_layers.constraints`.
    mask_zero : bool
        Whether 0 is padding: the steps where it stands are then masked for the layers that follow.
    activity_regularizer : Regularizer or str, optional
        A penalty on the output.

    Raises
    ------
    ValueError
        If a size is not an integer of at least 1, `init` is not known, or a weight does not fit.

    Examples
    --------
    >>> from recurrent_layers import LSTM, Embedding, Sequential
    >>> model = Sequential([Embedding(1000, 64, mask_zero=True), LSTM(64, 32)])
    >>> model.output_shape
    (None, 32)
    >>> [weight.shape for weight in model.layers[0].get_weights()]
    [(1000, 64)]
    """

    input_ndim = 2
    takes_integers = True
    stepwise = True

    def __init__(self, input_dim: int, output_dim: int, init: Named = 'uniform',
                 weights: Weights | None = None, W_regularizer: Rule = None, W_constraint: Rule = None,
                 mask_zero: bool = False, activity_regularizer: Rule = None) -> None:
        super().__init__()
        self.input_dim = integer("input_dim", input_dim)
        self.output_dim = integer("output_dim", output_dim)
        self.init = initializations.get(init)
        self.mask_zero = flag("mask_zero", mask_zero)
        self.input = T.imatrix("Embedding_input")
        self.W = self.add_weight("W", self.init, (self.input_dim, self.output_dim))
        self.params = [self.W]
        self.W_regularizer = self.add_regularizer(W_regularizer, self.W)
        self.activity_regularizer = self.add_regularizer(activity_regularizer, self)
        self.W_constraint = constraints.get(W_constraint)
        self.constraints = [self.W_constraint]
        if weights is not None:
            self.set_weights(weights)

    @property
    def output_shape(self) -> Shape:
        return tuple(self.input_shape) + (self.output_dim,)

    def check_data(self, X: ArrayLike) -> None:
        super().check_data(X)
        _check_range(self, X)

    def get_output(self, train: bool = False) -> Variable:
        return self.W[T.cast(self.get_input(train), "int32")]

    def get_output_mask(self, train: bool = False) -> Variable | None:
        return T.neq(self.get_input(train), 0) if self.mask_zero else None


class WordContextProduct(Layer):
    """How well two words go together: the product of their vectors, of which each word has two.

    ::

        y = activation(sum(W_w[pivot] * W_c[context]))

    Input of shape (nb_samples, 2), integers from 0 to input_dim - 1, a word (the pivot) and one of its context, gives
    output of shape (nb_samples, 1). Weights: W_w and W_c, (input_dim, proj_dim) each.

    Parameters
    ----------
    input_dim : int
        Number of different words.
    proj_dim : int
        Size of the vectors.
    init : str or callable
        Initialization of both weights.
    activation : str or callable
    weights : list of numpy.ndarray, optional
        Weights to begin with: [W_w, W_c].

    Raises
    ------
    ValueError
        If a size is not an integer of at least 1, a name is not known, or a weight does not fit.

    References
    ----------
    Mikolov et al. (2013), "Efficient Estimation of Word Representations in Vector Space", arXiv:1301.3781.

    Examples
    --------
    >>> from recurrent_layers import WordContextProduct
    >>> layer = WordContextProduct(1000, 64)
    >>> layer.input_shape, layer.output_shape
    ((None, 2), (None, 1))
    >>> [weight.shape for weight in layer.get_weights()]
    [(1000, 64), (1000, 64)]
    """

    input_ndim = 2
    takes_integers = True

    def __init__(self, input_dim: int, proj_dim: int = 128, init: Named = 'uniform', activation: Named = 'sigmoid',
                 weights: Weights | None = None) -> None:
        super().__init__()
        self.input_dim = integer("input_dim", input_dim)
        self.proj_dim = integer("proj_dim", proj_dim)
        self.init = initializations.get(init)
        self.activation = activations.get(activation)
        self.input = T.imatrix("WordContextProduct_input")
        self.W_w, self.W_c = (self.add_weight(name, self.init, (self.input_dim, self.proj_dim))
                              for name in ("W_w", "W_c"))  # fmt: skip
        self.params = [self.W_w, self.W_c]
        if weights is not None:
            self.set_weights(weights)

    @property
    def expected_input_shape(self) -> Shape:
        return (None, 2)

    @property
    def output_shape(self) -> Shape:
        return (self.input_shape[0], 1)

    def check_data(self, X: ArrayLike) -> None:
        super().check_data(X)
        _check_range(self, X)

    def get_output(self, train: bool = False) -> Variable:
        X = T.cast(self.get_input(train), "int32")
        return self.activation(T.sum(self.W_w[X[:, 0]] * self.W_c[X[:, 1]], axis=1, keepdims=True))
