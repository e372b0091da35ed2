"""Normalization."""

from __future__ import annotations

from typing import Sequence

from recurrent_layers import initializations
from recurrent_layers.elsewhere import classes_elsewhere
from recurrent_layers.engine import tensor as T
from recurrent_layers.layers.base import Layer, OfOneShape
from recurrent_layers.typing import Params, Shape, Variable, Weights
from recurrent_layers.utils.arguments import choice, number
from recurrent_layers.utils.theano_utils import floatX, ndim_tensor, shared_ones, shared_zeros

__all__ = [
    "BatchNormalization", "LRN2D", "Layer", "floatX", "initializations", "ndim_tensor", "shared_ones", "shared_zeros",
]  # fmt: skip


class BatchNormalization(OfOneShape):
    """Normalize each unit by what is known of its mean and standard deviation, or each sample by its own.

    ::

        mode 0:  y = gamma * (x - running_mean) / (running_std + epsilon) + beta
        mode 1:  y = gamma * (x - mean(x)) / (std(x) + epsilon) + beta,   over the last axis

    and after each training step, where means are over the samples of the batch::

        running_mean = momentum * running_mean + (1 - momentum) * mean(x)
        running_std = momentum * running_std + (1 - momentum) * sqrt(mean((x - mean(x))^2 + epsilon))

    Input and output have the shape (nb_samples,) + input_shape. Weights: gamma, beta; last in `get_weights` and in
    weight files running_mean and running_std, which gradients do not train. Each has the shape `input_shape`.

    Parameters
    ----------
    input_shape : tuple of int
        The shape of a sample: `BatchNormalization((128,))`.
    epsilon : float
        Keeps from a division by 0.
    mode : {0, 1}
    momentum : float
        How much of the running numbers is kept at each step, from 0 to 1.
    weights : list of numpy.ndarray, optional
        Weights to begin with: [gamma, beta], or [gamma, beta, running_mean, running_std].

    Raises
    ------
    ValueError
        If an argument is none of these, or a weight does not fit.

    Notes
    -----
    The numbers are those of Keras 0.1, which in mode 0 normalizes by the running numbers while training, too, not by
    those of the batch as the paper does; so its gradients take the mean and the standard deviation for constants.
    gamma begins uniform in [-0.05, 0.05], beta at 0. It takes no mask: padding would count. With `trainable` False
    the running numbers stay as they are, too.

    References
    ----------
    Ioffe and Szegedy (2015), "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
    Shift", arXiv:1502.03167.

    Examples
    --------
    >>> from recurrent_layers import BatchNormalization, Dense, Sequential
    >>> model = Sequential([Dense(8, 4), BatchNormalization((4,)), Dense(4, 1)])
    >>> [weight.name for weight in model.layers[1].weights]
    ['gamma', 'beta', 'running_mean', 'running_std']
    >>> model.count_params()
    49
    """

    def __init__(self, input_shape: int | Sequence[int], epsilon: float = 1e-6, mode: int = 0, momentum: float = 0.9,
                 weights: Weights | None = None) -> None:
        super().__init__(input_shape)
        self.epsilon = number("epsilon", epsilon, least=0.0)
        self.mode = choice("mode", mode, 0, 1)
        self.momentum = number("momentum", momentum, least=0.0, most=1.0)
        begun = (("gamma", initializations.uniform), ("beta", initializations.zero),
                 ("running_mean", initializations.zero), ("running_std", initializations.one))
        self.gamma, self.beta, self.running_mean, self.running_std = (
            self.add_weight(name, init, self.sample_shape) for name, init in begun)
        self.params = [self.gamma, self.beta]
        self.non_trainable_weights = [self.running_mean, self.running_std]
        if weights is not None:
            self.set_weights(weights)

    @property
    def output_shape(self) -> Shape:
        return self.input_shape

    def get_output(self, train: bool = False) -> Variable:
        X = self._input_of_floatX(train)
        if self.mode == 0:
            normed = (X - self.running_mean) / (self.running_std + self.epsilon)
        else:
            from_mean = X - X.mean(axis=-1, keepdims=True)
            normed = from_mean / (_root(T.sqr(from_mean).mean(axis=-1, keepdims=True)) + self.epsilon)
        return self.gamma * normed + self.beta

    def get_params(self) -> Params:
        """All that training needs, what becomes of the running numbers, too; see :meth:`Layer.get_params`."""
        X = self._input_of_floatX(True)
        mean = X.mean(axis=0)
        std = T.sqrt(T.mean(T.sqr(X - mean) + self.epsilon, axis=0))
        running = [(variable, self.momentum * variable + (1.0 - self.momentum) * value)
                   for variable, value in ((self.running_mean, mean), (self.running_std, std))]  # fmt: skip
        params, regularizers, constraints, updates = super().get_params()
        return params, regularizers, constraints, updates + running


def _root(variance: Variable) -> Variable:
    """Its square root, with derivative 0 rather than NaN at 0, as where a sample is the same number throughout."""
    is_there = T.gt(variance, 0)
    return T.switch(is_there, T.sqrt(T.switch(is_there, variance, 1)), 0)


LRN2D, = classes_elsewhere(__name__, "LRN2D")
