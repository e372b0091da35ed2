"""Activations with numbers of their own: given, or learned for each unit."""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from recurrent_layers import initializations
from recurrent_layers.engine import nnet
from recurrent_layers.engine import tensor as T
from recurrent_layers.layers.base import Layer, MaskedLayer, OfOneShape, Said
from recurrent_layers.typing import ArrayLike, Shape, ShapeIfKnown, Variable, Weights
from recurrent_layers.utils.arguments import number
from recurrent_layers.utils.theano_utils import shared_ones, shared_zeros, sharedX

__all__ = [
    "Layer", "LeakyReLU", "MaskedLayer", "PReLU", "ParametricSoftplus", "ThresholdedLinear", "ThresholdedReLU",
    "initializations", "sharedX", "shared_ones", "shared_zeros",
]  # fmt: skip


def _rectified(x: Variable, alpha: float | Variable) -> Variable:
    """max(x, 0) + alpha min(x, 0); at 0 the derivative is between those of both sides, as Keras has it."""
    return nnet.relu(x) + alpha * (0.5 * (x - abs(x)))


def _is_the_same_at_all_steps(layer: Any) -> bool:
    """Whether the weights have no axis of steps."""
    return len(layer.sample_shape) == 1


class LeakyReLU(MaskedLayer):
    """A rectifier that lets some of what is below 0 through.

    ::

        y = x where x > 0, else alpha * x

    Parameters
    ----------
    alpha : float
        The slope below 0.

    Raises
    ------
    ValueError
        If it is no finite number.

    References
    ----------
    Maas et al. (2013), "Rectifier Nonlinearities Improve Neural Network Acoustic Models".

    Examples
    --------
    >>> from recurrent_layers import LeakyReLU
    >>> from recurrent_layers.engine import tensor as T
    >>> layer = LeakyReLU(alpha=0.25)
    >>> layer.input = T.as_tensor_variable([[-2.0, 3.0]])
    >>> layer.get_output().eval().tolist()
    [[-0.5, 3.0]]
    """

    stepwise = True

    def __init__(self, alpha: float = 0.3) -> None:
        super().__init__()
        self.alpha = number("alpha", alpha)

    def get_output(self, train: bool = False) -> Variable:
        return _rectified(self.get_input(train), self.alpha)


class _Learned(OfOneShape, MaskedLayer):
    """An activation with weights for the last axes, the same for all that come before, such as steps."""

    def _shape_read(self) -> ShapeIfKnown:
        if not hasattr(self, "previous"):
            return self.expected_input_shape
        # Of what is unknown even the number of axes is.
        given = self.previous.output_shape
        return None if given is None else tuple(given)

    def _check_shape(self, given: Shape, giver: str) -> None:
        last = given[1:][-len(self.sample_shape):]
        if len(last) < len(self.sample_shape) or any(g not in (None, e) for g, e in zip(last, self.sample_shape)):
            raise ValueError(f"{type(self).__name__}({self.sample_shape}) expects input whose last sizes are these, "
                             f"but {giver} {given}")

    def check_data(self, X: ArrayLike) -> None:
        super().check_data(X)
        if np.ndim(X) != self.input.ndim:
            raise ValueError(f"{type(self).__name__}({self.sample_shape}) reads an input with {self.input.ndim} "
                             f"dimensions, got an array with {np.ndim(X)}; to read another one, set its `input`")


class PReLU(_Learned):
    """A rectifier that learns how much of what is below 0 it lets through.

    ::

        y = x where x > 0, else alphas * x

    Weights: alphas, of shape `input_shape`, which begin at 0.

    Parameters
    ----------
    input_shape : tuple of int
        The shape of a sample, or its last sizes: `PReLU((128,))` has the same weights at all steps of a sequence,
        (nb_samples, timesteps, 128).
    weights : list of numpy.ndarray, optional
        Weights to begin with: [alphas].

    Raises
    ------
    ValueError
        If it is no shape, or a weight does not fit.

    References
    ----------
    He et al. (2015), "Delving Deep into Rectifiers", arXiv:1502.01852.

    Examples
    --------
    >>> from recurrent_layers import GRU, PReLU, Sequential
    >>> layer = PReLU((16,))
    >>> model = Sequential([GRU(8, 16, activation="linear", return_sequences=True), layer])
    >>> model.output_shape
    (None, None, 16)
    >>> [weight.shape for weight in layer.get_weights()]
    [(16,)]
    """

    stepwise = Said(_is_the_same_at_all_steps)

    def __init__(self, input_shape: int | Sequence[int], weights: Weights | None = None) -> None:
        super().__init__(input_shape)
        self.alphas = self.add_weight("alphas", initializations.zero, self.sample_shape)
        self.params = [self.alphas]
        if weights is not None:
            self.set_weights(weights)

    def get_output(self, train: bool = False) -> Variable:
        return _rectified(self.get_input(train), self.alphas)


class ParametricSoftplus(_Learned):
    """A softplus that learns its scales.

    ::

        y = alphas * log(1 + exp(betas * x))

    Weights: alphas, betas, each of shape `input_shape`.

    Parameters
    ----------
    input_shape : tuple of int
        As for :class:`PReLU`.
    alpha_init, beta_init : float
        What the weights begin with.
    weights : list of numpy.ndarray, optional
        Weights to begin with: [alphas, betas].

    Raises
    ------
    ValueError
        If `input_shape` is no shape, a number is none, or a weight does not fit.

    References
    ----------
    McFarland et al. (2013), "Inferring Nonlinear Neuronal Computation Based on Physiologically Plausible Inputs",
    PLOS Computational Biology 9.

    Examples
    --------
    >>> from recurrent_layers import ParametricSoftplus
    >>> layer = ParametricSoftplus((2,), alpha_init=0.5)
    >>> [weight.tolist() for weight in layer.get_weights()]
    [[0.5, 0.5], [5.0, 5.0]]
    """

    stepwise = Said(_is_the_same_at_all_steps)

    def __init__(self, input_shape: int | Sequence[int], alpha_init: float = 0.2, beta_init: float = 5.0,
                 weights: Weights | None = None) -> None:
        super().__init__(input_shape)
        self.alpha_init, self.beta_init = number("alpha_init", alpha_init), number("beta_init", beta_init)
        self.alphas, self.betas = self.params = [
            self.add_weight(name, lambda shape, value=value: np.full(shape, value), self.sample_shape)
            for name, value in (("alphas", self.alpha_init), ("betas", self.beta_init))
        ]
        if weights is not None:
            self.set_weights(weights)

    def get_output(self, train: bool = False) -> Variable:
        return self.alphas * nnet.softplus(self.betas * self.get_input(train))


class ThresholdedLinear(MaskedLayer):
    """Set to 0 what is near to it.

    ::

        y = x where abs(x) >= theta, else 0

    Parameters
    ----------
    theta : float
        How near.

    Raises
    ------
    ValueError
        If it is no finite number.

    References
    ----------
    Konda, Memisevic and Krueger (2014), "Zero-Bias Autoencoders and the Benefits of Co-Adapting Features",
    arXiv:1402.3337.

    Examples
    --------
    >>> from recurrent_layers import ThresholdedLinear
    >>> from recurrent_layers.engine import tensor as T
    >>> layer = ThresholdedLinear(theta=1.0)
    >>> layer.input = T.as_tensor_variable([[-2.0, 0.5, 3.0]])
    >>> layer.get_output().eval().tolist()
    [[-2.0, 0.0, 3.0]]
    """

    stepwise = True

    def __init__(self, theta: float = 1.0) -> None:
        super().__init__()
        self.theta = number("theta", theta)

    def get_output(self, train: bool = False) -> Variable:
        X = self.get_input(train)
        return T.switch(T.lt(abs(X), self.theta), 0, X)


class ThresholdedReLU(MaskedLayer):
    """Set to 0 what is not above a threshold.

    ::

        y = x where x > theta, else 0

    Parameters
    ----------
    theta : float
        The threshold.

    Raises
    ------
    ValueError
        If it is no finite number.

    References
    ----------
    As for :class:`ThresholdedLinear`.

    Examples
    --------
    >>> from recurrent_layers import ThresholdedReLU
    >>> from recurrent_layers.engine import tensor as T
    >>> layer = ThresholdedReLU(theta=1.0)
    >>> layer.input = T.as_tensor_variable([[-2.0, 0.5, 3.0]])
    >>> layer.get_output().eval().tolist()
    [[0.0, 0.0, 3.0]]
    """

    stepwise = True

    def __init__(self, theta: float = 1.0) -> None:
        super().__init__()
        self.theta = number("theta", theta)

    def get_output(self, train: bool = False) -> Variable:
        X = self.get_input(train)
        return T.switch(T.gt(X, self.theta), X, 0)
