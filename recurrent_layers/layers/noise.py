"""Noise while training."""

from __future__ import annotations

import math

from recurrent_layers.layers.base import DrawsNumbers, MaskedLayer
from recurrent_layers.typing import Variable
from recurrent_layers.utils.arguments import number

__all__ = ["GaussianDropout", "GaussianNoise", "MaskedLayer"]


class GaussianNoise(DrawsNumbers, MaskedLayer):
    """Add normal noise while training.

    ::

        training:   y = x + e,   e normal with mean 0 and standard deviation sigma
        otherwise:  y = x

    Parameters
    ----------
    sigma : float
        The standard deviation.

    Raises
    ------
    ValueError
        If it is negative, or no finite number.

    Notes
    -----
    Its stream of random numbers is seeded from NumPy's global generator when the layer is made.

    Examples
    --------
    >>> from recurrent_layers import LSTM, GaussianNoise, Sequential
    >>> Sequential([GaussianNoise(0.1), LSTM(8, 32)])
    Sequential([GaussianNoise(0.1), LSTM(8, 32)])
    """

    stepwise = True

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.sigma = number("sigma", sigma, least=0.0)
        self.seed_streams()

    def get_output(self, train: bool = False) -> Variable:
        X = self.get_input(train)
        if not train or self.sigma == 0.0:
            return X
        return X + self.draw("normal", X, avg=0.0, std=self.sigma)


class GaussianDropout(DrawsNumbers, MaskedLayer):
    """Multiply by normal noise while training, which has mean and variance of dropout.

    ::

        training:   y = x * e,   e normal with mean 1 and standard deviation sqrt(p / (1 - p))
        otherwise:  y = x

    Parameters
    ----------
    p : float
        The probability of being dropped in a :class:`Dropout` with as much noise: from 0 to below 1.

    Raises
    ------
    ValueError
        If `p` is no such number.

    Notes
    -----
    Its stream of random numbers is seeded from NumPy's global generator when the layer is made.

    References
    ----------
    Srivastava et al. (2014), "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", section 10.

    Examples
    --------
    >>> from recurrent_layers import LSTM, Dense, GaussianDropout, Sequential
    >>> Sequential([LSTM(8, 32), GaussianDropout(0.5), Dense(32, 1)])
    Sequential([LSTM(8, 32), GaussianDropout(0.5), Dense(32, 1)])
    """

    stepwise = True

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = number("p", p, least=0.0, below=1.0)
        self.seed_streams()

    def get_output(self, train: bool = False) -> Variable:
        X = self.get_input(train)
        if not train or self.p == 0.0:
            return X
        return X * self.draw("normal", X, avg=1.0, std=math.sqrt(self.p / (1.0 - self.p)))
