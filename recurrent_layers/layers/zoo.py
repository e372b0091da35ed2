"""A zoo of recurrent cells from the literature, each its equations, to be read beside the paper.

They are used as the seven of :mod:`recurrent_layers.layers.recurrent` are, with the same options, and the notation is
the one there. By default the activation is tanh and the inner activation sigmoid, unless a cell says otherwise.

All cells of torchrecurrent 0.2.5 are here; its MUT1, MUT2 and MUT3 are JZS1, JZS2 and JZS3 of this library. Where it
has other equations than the paper, the cell says so and has those of the paper.

In JSON their names begin with "zoo.", so that a cell of one's own may have the name of one of these.

What papers say of more than a step of x_t and the states before it is not here: in LiGRU the normalization over a
batch, in UnICORNN the shortcuts between layers, in FastGRNN the compression of its matrices.
"""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from recurrent_layers import activations
from recurrent_layers.engine import tensor as T
from recurrent_layers.layers.recurrent import Recurrent
from recurrent_layers.typing import Array, ArrayLike, Named, Variable
from recurrent_layers.utils.arguments import integer, number

__all__ = [
    "ATR", "AntisymmetricRNN", "BR", "CFN", "CoRNN", "CoupledLSTM", "DSGU", "FastGRNN", "FastRNN",
    "GatedAntisymmetricRNN", "IndRNN", "IntersectionRNN", "JANET", "LEM", "LayerNormGRU", "LayerNormLSTM", "LiGRU",
    "LightRU", "MCLSTM", "MGU", "MiRU1", "MiRU2", "MinGRU", "MinimalRNN", "MultiplicativeLSTM", "NAS", "NBR",
    "OriginalLSTM", "PeepholeLSTM", "RAN", "RecurrentHighway", "ResLSTM", "SCRN", "SGRN", "SGU", "STAR", "TGRU",
    "TLSTM", "TRNN", "TauGRU", "UGRNN", "UnICORNN", "WMCLSTM",
]  # fmt: skip


def _constant(value: float) -> Callable[[tuple[int, ...]], Array]:
    """An initialization by one number."""
    return lambda shape: np.full(shape, value)


def _uniform(least: float, most: float) -> Callable[[tuple[int, ...]], ArrayLike]:
    """An initialization by numbers between two."""
    return lambda shape: np.random.uniform(least, most, shape)


# ---- Simple ones ----------------------------------------------------------------------------------------------


class IndRNN(Recurrent):
    """Independently recurrent network: each unit sees only itself of the step before.

    ::

        h_t = activation(W.x_t + u * h_tm1 + b)

    The activation is relu by default.

    Weights: W, u, b; u is drawn from [0, 1).

    References
    ----------
    Li et al. (2018), "Independently Recurrent Neural Network (IndRNN): Building A Longer and Deeper RNN",
    arXiv:1803.04831.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import IndRNN
    >>> [weight.shape for weight in IndRNN(3, 8).get_weights()]
    [(3, 8), (8,), (8,)]
    """

    param_names = ("W", "u", "b")

    def __init__(self, input_dim: int, output_dim: int = 128, *, activation: Named = 'relu', **others: Any) -> None:
        super().__init__(input_dim, output_dim, activation=activation, **others)

    def initialization(self, name):
        return (_uniform(0, 1), (self.output_dim,)) if name == "u" else super().initialization(name)

    def step(self, x_t, h_tm1):
        return self.activation(T.dot(x_t, self.W) + self.u * h_tm1 + self.b)


class FastRNN(Recurrent):
    """A simple network with a weighted residual connection, by two numbers that are learned.

    ::

        hh = activation(W.x_t + U.h_tm1 + b)
        h_t = sigmoid(alpha) * hh + sigmoid(beta) * h_tm1

    Weights: W, U, b, alpha, beta; alpha and beta are single numbers, at first -3 and 3 as in the authors' code, so
    that most of the state is kept.

    References
    ----------
    Kusupati et al. (2018), "FastGRNN: A Fast, Accurate, Stable and Tiny Kilobyte Sized Gated Recurrent Neural
    Network", arXiv:1901.02358.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import FastRNN
    >>> [weight.shape for weight in FastRNN(3, 8).get_weights()]
    [(3, 8), (8, 8), (8,), (), ()]
    """

    param_names = ("W", "U", "b", "alpha", "beta")

    def initialization(self, name):
        numbers = {"alpha": (_constant(-3.0), ()), "beta": (_constant(3.0), ())}
        return numbers.get(name) or super().initialization(name)

    def step(self, x_t, h_tm1):
        hh = self.activation(T.dot(x_t, self.W) + T.dot(h_tm1, self.U) + self.b)
        return activations.sigmoid(self.alpha) * hh + activations.sigmoid(self.beta) * h_tm1


class FastGRNN(Recurrent):
    """FastRNN with a gate that shares the matrices of the candidate.

    ::

        z = inner_activation(W.x_t + U.h_tm1 + b_z)
        hh = activation(W.x_t + U.h_tm1 + b_h)
        h_t = (sigmoid(zeta) * (1 - z) + sigmoid(nu)) * hh + z * h_tm1

    The gate is a tanh by default in torchrecurrent, and a sigmoid in the paper and here.

    Weights: W, U, b_z, b_h, zeta, nu; zeta and nu are single numbers, at first 1 and -4 as in the authors' code.

    References
    ----------
    Kusupati et al. (2018), "FastGRNN: A Fast, Accurate, Stable and Tiny Kilobyte Sized Gated Recurrent Neural
    Network", arXiv:1901.02358.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import FastGRNN
    >>> [weight.shape for weight in FastGRNN(3, 8).get_weights()]
    [(3, 8), (8, 8), (8,), (8,), (), ()]
    """

    param_names = ("W", "U", "b_z", "b_h", "zeta", "nu")

    def initialization(self, name):
        numbers = {"zeta": (_constant(1.0), ()), "nu": (_constant(-4.0), ())}
        return numbers.get(name) or super().initialization(name)

    def step(self, x_t, h_tm1):
        both = T.dot(x_t, self.W) + T.dot(h_tm1, self.U)
        z, hh = self.inner_activation(both + self.b_z), self.activation(both + self.b_h)
        return (activations.sigmoid(self.zeta) * (1 - z) + activations.sigmoid(self.nu)) * hh + z * h_tm1


class SCRN(Recurrent):
    """Structurally constrained network: beside the hidden units there are some that change slowly.

    ::

        s_t = (1 - alpha) * (W_s.x_t + b_s) + alpha * s_tm1
        h_t = inner_activation(W_h.x_t + U_h.h_tm1 + U_sh.s_t + b_h)
        y_t = activation(U_y.h_t + U_sy.s_t + b_y)

    The states are y, the output, h and s. In the paper alpha is fixed, as here, but in its "adaptive context features",
    where each slow unit learns its own, and h_t is made of h_tm1; torchrecurrent trains alpha, and feeds back y_tm1 in
    the place of h_tm1.

    Weights: W_s, b_s, W_h, U_h, U_sh, b_h, U_y, U_sy, b_y. A further parameter, `alpha` (float from 0 to 1), says how
    slow the slow units are.

    References
    ----------
    Mikolov et al. (2014), "Learning Longer Memory in Recurrent Neural Networks", arXiv:1412.7753.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import SCRN
    >>> layer = SCRN(3, 8, alpha=0.9)
    >>> [weight.shape for weight in layer.get_weights()]
    [(3, 8), (8,), (3, 8), (8, 8), (8, 8), (8,), (8, 8), (8, 8), (8,)]
    >>> layer.state_sizes
    [8, 8, 8]
    """

    param_names = ("W_s", "b_s", "W_h", "U_h", "U_sh", "b_h", "U_y", "U_sy", "b_y")
    nb_states = 3

    def __init__(self, input_dim: int, output_dim: int = 128, *, alpha: float = 0.95, **others: Any) -> None:
        self.alpha = number("alpha", alpha, least=0.0, most=1.0)
        super().__init__(input_dim, output_dim, **others)

    def step(self, x_t, y_tm1, h_tm1, s_tm1):
        s_t = (1 - self.alpha) * (T.dot(x_t, self.W_s) + self.b_s) + self.alpha * s_tm1
        h_t = self.inner_activation(
            T.dot(x_t, self.W_h) + T.dot(h_tm1, self.U_h) + T.dot(s_t, self.U_sh) + self.b_h)
        y_t = self.activation(T.dot(h_t, self.U_y) + T.dot(s_t, self.U_sy) + self.b_y)
        return y_t, h_t, s_t


# ---- Like a differential equation -----------------------------------------------------------------------------


def _antisymmetric(U: Variable, gamma: float) -> Variable:
    """A matrix whose eigenvalues have the real part -gamma."""
    return U - U.T - gamma * T.eye(U.shape[0])


class AntisymmetricRNN(Recurrent):
    """A differential equation that is stable, in steps of Euler's method.

    ::

        A = U - transposed U - gamma * identity
        h_t = h_tm1 + epsilon * activation(W.x_t + A.h_tm1 + b)

    Weights: W, U, b. Further parameters: `epsilon` (float), the size of a step, and `gamma` (float, not negative), how
    strongly the state is damped.

    References
    ----------
    Chang et al. (2019), "AntisymmetricRNN: A Dynamical System View on Recurrent Neural Networks", arXiv:1902.09689.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import AntisymmetricRNN
    >>> layer = AntisymmetricRNN(3, 8, epsilon=0.01, gamma=0.01)
    >>> [weight.shape for weight in layer.get_weights()]
    [(3, 8), (8, 8), (8,)]
    """

    param_names: tuple[str, ...] = ("W", "U", "b")

    def __init__(self, input_dim: int, output_dim: int = 128, *, epsilon: float = 1.0, gamma: float = 0.0,
                 **others: Any) -> None:
        self.epsilon, self.gamma = number("epsilon", epsilon, least=0.0), number("gamma", gamma, least=0.0)
        super().__init__(input_dim, output_dim, **others)

    def step(self, x_t, h_tm1):
        A = _antisymmetric(self.U, self.gamma)
        return h_tm1 + self.epsilon * self.activation(T.dot(x_t, self.W) + T.dot(h_tm1, A) + self.b)


class GatedAntisymmetricRNN(AntisymmetricRNN):
    """AntisymmetricRNN with a gate that shares its matrix.

    ::

        A = U - transposed U - gamma * identity
        z = inner_activation(W_z.x_t + A.h_tm1 + b_z)
        h_t = h_tm1 + epsilon * z * activation(W_h.x_t + A.h_tm1 + b_h)

    Weights: W_z, b_z, W_h, b_h, U. Further parameters: `epsilon` (float), the size of a step, and `gamma` (float, not
    negative), how strongly the state is damped.

    References
    ----------
    Chang et al. (2019), "AntisymmetricRNN: A Dynamical System View on Recurrent Neural Networks", arXiv:1902.09689.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import GatedAntisymmetricRNN
    >>> [weight.shape for weight in GatedAntisymmetricRNN(3, 8).get_weights()]
    [(3, 8), (8,), (3, 8), (8,), (8, 8)]
    """

    param_names = ("W_z", "b_z", "W_h", "b_h", "U")

    def step(self, x_t, h_tm1):
        lookback = T.dot(h_tm1, _antisymmetric(self.U, self.gamma))
        z = self.inner_activation(T.dot(x_t, self.W_z) + lookback + self.b_z)
        return h_tm1 + self.epsilon * z * self.activation(T.dot(x_t, self.W_h) + lookback + self.b_h)


class CoRNN(Recurrent):
    """Coupled oscillators, which a force drives that depends on all of them.

    ::

        z_t = z_tm1 + dt * (activation(W.x_t + U.y_tm1 + U_z.z_tm1 + b) - gamma * y_tm1 - epsilon * z_tm1)
        y_t = y_tm1 + dt * z_t

    The states are y, the output, and z, its velocity.

    Weights: W, U, U_z, b. Further parameters: `dt` (float), the size of a step, `gamma` (float), how fast they
    oscillate, and `epsilon` (float), how strongly they are damped.

    References
    ----------
    Rusch and Mishra (2021), "Coupled Oscillatory Recurrent Neural Network (coRNN)", arXiv:2010.00951.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import CoRNN
    >>> layer = CoRNN(3, 8, dt=0.05)
    >>> [weight.shape for weight in layer.get_weights()]
    [(3, 8), (8, 8), (8, 8), (8,)]
    >>> layer.state_sizes
    [8, 8]
    """

    param_names = ("W", "U", "U_z", "b")
    nb_states = 2

    def __init__(self, input_dim: int, output_dim: int = 128, *, dt: float = 0.1, gamma: float = 1.0,
                 epsilon: float = 1.0, **others: Any) -> None:
        self.dt, self.gamma = number("dt", dt, least=0.0), number("gamma", gamma, least=0.0)
        self.epsilon = number("epsilon", epsilon, least=0.0)
        super().__init__(input_dim, output_dim, **others)

    def step(self, x_t, y_tm1, z_tm1):
        force = self.activation(T.dot(x_t, self.W) + T.dot(y_tm1, self.U) + T.dot(z_tm1, self.U_z) + self.b)
        z_t = z_tm1 + self.dt * (force - self.gamma * y_tm1 - self.epsilon * z_tm1)
        return y_tm1 + self.dt * z_t, z_t


class UnICORNN(Recurrent):
    """Oscillators that are not damped and drive only themselves, each in a time of its own.

    ::

        z_t = z_tm1 - dt * sigmoid(c) * (activation(W.x_t + u * y_tm1 + b) + alpha * y_tm1)
        y_t = y_tm1 + dt * sigmoid(c) * z_t

    The states are y, the output, and z, its velocity.

    Weights: W, u, b, c; u is drawn from [0, 1), c from [-0.1, 0.1). Further parameters: `dt` (float), the size of a
    step, and `alpha` (float, not negative), how fast they oscillate by themselves.

    References
    ----------
    Rusch and Mishra (2021), "UnICORNN: A Recurrent Model for Learning Very Long Time Dependencies", arXiv:2103.05487.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import UnICORNN
    >>> layer = UnICORNN(3, 8, alpha=0.5)
    >>> [weight.shape for weight in layer.get_weights()]
    [(3, 8), (8,), (8,), (8,)]
    >>> layer.state_sizes
    [8, 8]
    """

    param_names = ("W", "u", "b", "c")
    nb_states = 2

    def __init__(self, input_dim: int, output_dim: int = 128, *, dt: float = 0.1, alpha: float = 0.0,
                 **others: Any) -> None:
        self.dt, self.alpha = number("dt", dt, least=0.0), number("alpha", alpha, least=0.0)
        super().__init__(input_dim, output_dim, **others)

    def initialization(self, name):
        drawn = {"u": _uniform(0, 1), "c": _uniform(-0.1, 0.1)}
        return (drawn[name], (self.output_dim,)) if name in drawn else super().initialization(name)

    def step(self, x_t, y_tm1, z_tm1):
        time = self.dt * activations.sigmoid(self.c)
        z_t = z_tm1 - time * (self.activation(T.dot(x_t, self.W) + self.u * y_tm1 + self.b) + self.alpha * y_tm1)
        return y_tm1 + time * z_t, z_t


class LEM(Recurrent):
    """Long expressive memory: two states, each in steps of a size that is learned.

    ::

        d_1 = dt * inner_activation(W_1.x_t + U_1.y_tm1 + b_1)
        d_2 = dt * inner_activation(W_2.x_t + U_2.y_tm1 + b_2)
        z_t = (1 - d_1) * z_tm1 + d_1 * activation(W_z.x_t + U_z.y_tm1 + b_z)
        y_t = (1 - d_2) * y_tm1 + d_2 * activation(W_y.x_t + U_y.z_t + b_y)

    The states are y, the output, and z. The paper takes z_t for y_t, as here, and torchrecurrent z_tm1.

    Weights: W_1, U_1, b_1, W_2, U_2, b_2, W_z, U_z, b_z, W_y, U_y, b_y. A further parameter, `dt` (float), is the
    largest size of a step.

    References
    ----------
    Rusch et al. (2022), "Long Expressive Memory for Sequence Modeling", arXiv:2110.04744.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import LEM
    >>> layer = LEM(3, 8, dt=0.5)
    >>> [weight.shape for weight in layer.get_weights()]
    [(3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,)]
    >>> layer.state_sizes
    [8, 8]
    """

    param_names = ("W_1", "U_1", "b_1", "W_2", "U_2", "b_2", "W_z", "U_z", "b_z", "W_y", "U_y", "b_y")
    nb_states = 2

    def __init__(self, input_dim: int, output_dim: int = 128, *, dt: float = 1.0, **others: Any) -> None:
        self.dt = number("dt", dt, least=0.0)
        super().__init__(input_dim, output_dim, **others)

    def step(self, x_t, y_tm1, z_tm1):
        d_1 = self.dt * self.inner_activation(T.dot(x_t, self.W_1) + T.dot(y_tm1, self.U_1) + self.b_1)
        d_2 = self.dt * self.inner_activation(T.dot(x_t, self.W_2) + T.dot(y_tm1, self.U_2) + self.b_2)
        z_t = (1 - d_1) * z_tm1 + d_1 * self.activation(T.dot(x_t, self.W_z) + T.dot(y_tm1, self.U_z) + self.b_z)
        y_t = (1 - d_2) * y_tm1 + d_2 * self.activation(T.dot(x_t, self.W_y) + T.dot(z_t, self.U_y) + self.b_y)
        return y_t, z_t


# ---- With one gate --------------------------------------------------------------------------------------------


class UGRNN(Recurrent):
    """Update gate RNN.

    ::

        g = inner_activation(W_g.x_t + U_g.h_tm1 + b_g)
        h_t = g * h_tm1 + (1 - g) * activation(W_c.x_t + U_c.h_tm1 + b_c)

    Weights: W_c, U_c, b_c, W_g, U_g, b_g.

    References
    ----------
    Collins, Sohl-Dickstein and Sussillo (2017), "Capacity and Trainability in Recurrent Neural Networks",
    arXiv:1611.09913.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import UGRNN
    >>> [weight.shape for weight in UGRNN(3, 8).get_weights()]
    [(3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,)]
    """

    param_names = ("W_c", "U_c", "b_c", "W_g", "U_g", "b_g")

    def step(self, x_t, h_tm1):
        c = self.activation(T.dot(x_t, self.W_c) + T.dot(h_tm1, self.U_c) + self.b_c)
        g = self.inner_activation(T.dot(x_t, self.W_g) + T.dot(h_tm1, self.U_g) + self.b_g)
        return g * h_tm1 + (1 - g) * c


class MGU(Recurrent):
    """Minimal gated unit: a GRU whose two gates are one.

    ::

        f = inner_activation(W_f.x_t + U_f.h_tm1 + b_f)
        hh = activation(W_h.x_t + U_h.(f * h_tm1) + b_h)
        h_t = (1 - f) * h_tm1 + f * hh

    Weights: W_f, U_f, b_f, W_h, U_h, b_h.

    References
    ----------
    Zhou et al. (2016), "Minimal Gated Unit for Recurrent Neural Networks", arXiv:1603.09420.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import MGU
    >>> [weight.shape for weight in MGU(3, 8).get_weights()]
    [(3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,)]
    """

    param_names = ("W_f", "U_f", "b_f", "W_h", "U_h", "b_h")

    def step(self, x_t, h_tm1):
        f = self.inner_activation(T.dot(x_t, self.W_f) + T.dot(h_tm1, self.U_f) + self.b_f)
        hh = self.activation(T.dot(x_t, self.W_h) + T.dot(f * h_tm1, self.U_h) + self.b_h)
        return (1 - f) * h_tm1 + f * hh


class LiGRU(Recurrent):
    """Light GRU: without a reset gate.

    ::

        z = inner_activation(W_z.x_t + U_z.h_tm1 + b_z)
        h_t = z * h_tm1 + (1 - z) * activation(W_h.x_t + U_h.h_tm1 + b_h)

    The activation is relu by default. The paper also normalizes W_z.x and W_h.x over the batch, which is not done here.

    Weights: W_z, U_z, b_z, W_h, U_h, b_h.

    References
    ----------
    Ravanelli et al. (2018), "Light Gated Recurrent Units for Speech Recognition", arXiv:1803.10225.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import LiGRU
    >>> [weight.shape for weight in LiGRU(3, 8).get_weights()]
    [(3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,)]
    """

    param_names = ("W_z", "U_z", "b_z", "W_h", "U_h", "b_h")

    def __init__(self, input_dim: int, output_dim: int = 128, *, activation: Named = 'relu', **others: Any) -> None:
        super().__init__(input_dim, output_dim, activation=activation, **others)

    def step(self, x_t, h_tm1):
        z = self.inner_activation(T.dot(x_t, self.W_z) + T.dot(h_tm1, self.U_z) + self.b_z)
        hh = self.activation(T.dot(x_t, self.W_h) + T.dot(h_tm1, self.U_h) + self.b_h)
        return z * h_tm1 + (1 - z) * hh


class LightRU(Recurrent):
    """Light recurrent unit: the candidate sees only the input.

    ::

        f = inner_activation(W_f.x_t + U_f.h_tm1 + b_f)
        h_t = (1 - f) * h_tm1 + f * activation(W_h.x_t + b_h)

    Weights: W_h, b_h, W_f, U_f, b_f.

    References
    ----------
    Ye et al. (2024), "Light Recurrent Unit: Towards an Interpretable Recurrent Neural Network for Modeling Long-Range
    Dependency", Electronics 13.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import LightRU
    >>> [weight.shape for weight in LightRU(3, 8).get_weights()]
    [(3, 8), (8,), (3, 8), (8, 8), (8,)]
    """

    param_names = ("W_h", "b_h", "W_f", "U_f", "b_f")

    def step(self, x_t, h_tm1):
        hh = self.activation(T.dot(x_t, self.W_h) + self.b_h)
        f = self.inner_activation(T.dot(x_t, self.W_f) + T.dot(h_tm1, self.U_f) + self.b_f)
        return (1 - f) * h_tm1 + f * hh


class STAR(Recurrent):
    """Stackable recurrent cell: made so that gradients keep their size through many layers.

    ::

        z = activation(W_z.x_t + b_z)
        k = inner_activation(W_k.x_t + U_k.h_tm1 + b_k)
        h_t = activation((1 - k) * h_tm1 + k * z)

    Weights: W_z, b_z, W_k, U_k, b_k.

    References
    ----------
    Turkoglu et al. (2019), "Gating Revisited: Deep Multi-layer RNNs That Can Be Trained", arXiv:1911.11033.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import STAR
    >>> [weight.shape for weight in STAR(3, 8).get_weights()]
    [(3, 8), (8,), (3, 8), (8, 8), (8,)]
    """

    param_names = ("W_z", "b_z", "W_k", "U_k", "b_k")

    def step(self, x_t, h_tm1):
        z = self.activation(T.dot(x_t, self.W_z) + self.b_z)
        k = self.inner_activation(T.dot(x_t, self.W_k) + T.dot(h_tm1, self.U_k) + self.b_k)
        return self.activation((1 - k) * h_tm1 + k * z)


class SGRN(Recurrent):
    """Simple gated recurrent network: the gate shares the matrix of the input.

    ::

        f = inner_activation(W.x_t + b + U.h_tm1 + b_U)
        h_t = activation((1 - f) * (W.x_t + b) + f * h_tm1)

    Weights: W, b, U, b_U.

    References
    ----------
    Zu and Wei (2020), "A simple gated recurrent network for detection of power quality disturbances", IET Generation,
    Transmission & Distribution 15, doi:10.1049/gtd2.12056.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import SGRN
    >>> [weight.shape for weight in SGRN(3, 8).get_weights()]
    [(3, 8), (8,), (8, 8), (8,)]
    """

    param_names = ("W", "b", "U", "b_U")

    def step(self, x_t, h_tm1):
        new = T.dot(x_t, self.W) + self.b
        f = self.inner_activation(new + T.dot(h_tm1, self.U) + self.b_U)
        return self.activation((1 - f) * new + f * h_tm1)


class MinimalRNN(Recurrent):
    """A state that stays in the space of the inputs, by a gate.

    ::

        z = activation(W_z.x_t + b_z)
        u = inner_activation(U_h.h_tm1 + U_z.z + b_u)
        h_t = u * h_tm1 + (1 - u) * z

    Weights: W_z, b_z, U_h, U_z, b_u.

    References
    ----------
    Chen (2017), "MinimalRNN: Toward More Interpretable and Trainable Recurrent Neural Networks", arXiv:1711.06788.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import MinimalRNN
    >>> [weight.shape for weight in MinimalRNN(3, 8).get_weights()]
    [(3, 8), (8,), (8, 8), (8, 8), (8,)]
    """

    param_names = ("W_z", "b_z", "U_h", "U_z", "b_u")

    def step(self, x_t, h_tm1):
        z = self.activation(T.dot(x_t, self.W_z) + self.b_z)
        u = self.inner_activation(T.dot(h_tm1, self.U_h) + T.dot(z, self.U_z) + self.b_u)
        return u * h_tm1 + (1 - u) * z


class MinGRU(Recurrent):
    """A GRU in which neither gate nor candidate see the state, so that all steps could be made at once.

    ::

        z = inner_activation(W_z.x_t + b_z)
        h_t = (1 - z) * h_tm1 + z * activation(W_h.x_t + b_h)

    The activation is linear by default.

    Weights: W_z, b_z, W_h, b_h.

    References
    ----------
    Feng et al. (2024), "Were RNNs All We Needed?", arXiv:2410.01201.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import MinGRU
    >>> [weight.shape for weight in MinGRU(3, 8).get_weights()]
    [(3, 8), (8,), (3, 8), (8,)]
    """

    param_names = ("W_z", "b_z", "W_h", "b_h")

    def __init__(self, input_dim: int, output_dim: int = 128, *, activation: Named = 'linear', **others: Any) -> None:
        super().__init__(input_dim, output_dim, activation=activation, **others)

    def step(self, x_t, h_tm1):
        z = self.inner_activation(T.dot(x_t, self.W_z) + self.b_z)
        return (1 - z) * h_tm1 + z * self.activation(T.dot(x_t, self.W_h) + self.b_h)


class MiRU1(Recurrent):
    """Minion gated recurrent unit: a GRU whose update gate is a number.

    ::

        r = inner_activation(W_r.x_t + U_r.h_tm1 + b_r)
        hh = activation(W_h.x_t + U_h.(r * h_tm1) + b_h)
        h_t = update_coefficient * h_tm1 + (1 - update_coefficient) * hh

    Weights: W_r, U_r, b_r, W_h, U_h, b_h. A further parameter: `update_coefficient` (float from 0 to 1).

    References
    ----------
    Zyarah and Kudithipudi (2026), "Minion gated recurrent unit for continual learning", Neurocomputing 673,
    doi:10.1016/j.neucom.2026.132847.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import MiRU1
    >>> [weight.shape for weight in MiRU1(3, 8, update_coefficient=0.9).get_weights()]
    [(3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,)]
    """

    param_names = ("W_r", "U_r", "b_r", "W_h", "U_h", "b_h")

    def __init__(self, input_dim: int, output_dim: int = 128, *, update_coefficient: float = 0.5,
                 **others: Any) -> None:
        self.update_coefficient = number("update_coefficient", update_coefficient, least=0.0, most=1.0)
        super().__init__(input_dim, output_dim, **others)

    def step(self, x_t, h_tm1):
        r = self.inner_activation(T.dot(x_t, self.W_r) + T.dot(h_tm1, self.U_r) + self.b_r)
        hh = self.activation(T.dot(x_t, self.W_h) + T.dot(r * h_tm1, self.U_h) + self.b_h)
        return self.update_coefficient * h_tm1 + (1 - self.update_coefficient) * hh


class MiRU2(Recurrent):
    """Minion gated recurrent unit whose gates are both numbers.

    ::

        hh = activation(W.x_t + U.(reset_coefficient * h_tm1) + b)
        h_t = update_coefficient * h_tm1 + (1 - update_coefficient) * hh

    Weights: W, U, b. Further parameters: `update_coefficient` and `reset_coefficient` (floats from 0 to 1).

    References
    ----------
    Zyarah and Kudithipudi (2026), "Minion gated recurrent unit for continual learning", Neurocomputing 673,
    doi:10.1016/j.neucom.2026.132847.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import MiRU2
    >>> layer = MiRU2(3, 8, update_coefficient=0.9, reset_coefficient=0.1)
    >>> [weight.shape for weight in layer.get_weights()]
    [(3, 8), (8, 8), (8,)]
    """

    param_names = ("W", "U", "b")

    def __init__(self, input_dim: int, output_dim: int = 128, *, update_coefficient: float = 0.5,
                 reset_coefficient: float = 0.5, **others: Any) -> None:
        self.update_coefficient = number("update_coefficient", update_coefficient, least=0.0, most=1.0)
        self.reset_coefficient = number("reset_coefficient", reset_coefficient, least=0.0, most=1.0)
        super().__init__(input_dim, output_dim, **others)

    def step(self, x_t, h_tm1):
        hh = self.activation(T.dot(x_t, self.W) + T.dot(self.reset_coefficient * h_tm1, self.U) + self.b)
        return self.update_coefficient * h_tm1 + (1 - self.update_coefficient) * hh


class SGU(Recurrent):
    """Simple gated unit: the state is multiplied by a gate that sees its product with the input.

    ::

        x_g = W_g.x_t + b_g
        z_g = activation(U_g.(x_g * h_tm1) + b_Ug)
        out = softplus(z_g * h_tm1)
        z = inner_activation(W_z.x_t + U_z.h_tm1 + b_z)
        h_t = (1 - z) * h_tm1 + z * out

    The inner activation is hard_sigmoid by default, as that of Keras is; torchrecurrent has a sigmoid.

    Weights: W_g, b_g, U_g, b_Ug, W_z, U_z, b_z.

    References
    ----------
    Gao and Glowacka (2016), "Deep Gate Recurrent Neural Network", arXiv:1604.02910.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import SGU
    >>> [weight.shape for weight in SGU(3, 8).get_weights()]
    [(3, 8), (8,), (8, 8), (8,), (3, 8), (8, 8), (8,)]
    """

    param_names: tuple[str, ...] = ("W_g", "b_g", "U_g", "b_Ug", "W_z", "U_z", "b_z")

    def __init__(self, input_dim: int, output_dim: int = 128, *, inner_activation: Named = 'hard_sigmoid',
                 **others: Any) -> None:
        super().__init__(input_dim, output_dim, inner_activation=inner_activation, **others)

    def _out(self, gated: Variable) -> Variable:
        return activations.softplus(gated)

    def step(self, x_t, h_tm1):
        x_g = T.dot(x_t, self.W_g) + self.b_g
        z_g = self.activation(T.dot(x_g * h_tm1, self.U_g) + self.b_Ug)
        z = self.inner_activation(T.dot(x_t, self.W_z) + T.dot(h_tm1, self.U_z) + self.b_z)
        return (1 - z) * h_tm1 + z * self._out(z_g * h_tm1)


class DSGU(SGU):
    """Deep simple gated unit: SGU with one more matrix.

    ::

        x_g = W_g.x_t + b_g
        z_g = activation(U_g.(x_g * h_tm1) + b_Ug)
        out = sigmoid(U_o.(z_g * h_tm1))
        z = inner_activation(W_z.x_t + U_z.h_tm1 + b_z)
        h_t = (1 - z) * h_tm1 + z * out

    The inner activation is hard_sigmoid by default, as that of Keras is; torchrecurrent has a sigmoid.

    Weights: W_g, b_g, U_g, b_Ug, W_z, U_z, b_z, U_o.

    References
    ----------
    Gao and Glowacka (2016), "Deep Gate Recurrent Neural Network", arXiv:1604.02910.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import DSGU
    >>> [weight.shape for weight in DSGU(3, 8).get_weights()]
    [(3, 8), (8,), (8, 8), (8,), (3, 8), (8, 8), (8,), (8, 8)]
    """

    param_names = SGU.param_names + ("U_o",)

    def _out(self, gated: Variable) -> Variable:
        return activations.sigmoid(T.dot(gated, self.U_o))


# ---- With several gates ---------------------------------------------------------------------------------------


class ATR(Recurrent):
    """Addition-subtraction twin-gated network: two gates of the same two products.

    ::

        p = W.x_t + b
        q = U.h_tm1 + b_U
        h_t = inner_activation(p + q) * p + inner_activation(p - q) * h_tm1

    Weights: W, b, U, b_U.

    References
    ----------
    Zhang et al. (2018), "Simplifying Neural Machine Translation with Addition-Subtraction Twin-Gated Recurrent
    Networks", arXiv:1810.12546.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import ATR
    >>> [weight.shape for weight in ATR(3, 8).get_weights()]
    [(3, 8), (8,), (8, 8), (8,)]
    """

    param_names = ("W", "b", "U", "b_U")

    def step(self, x_t, h_tm1):
        p, q = T.dot(x_t, self.W) + self.b, T.dot(h_tm1, self.U) + self.b_U
        return self.inner_activation(p + q) * p + self.inner_activation(p - q) * h_tm1


class BR(Recurrent):
    """Bistable recurrent cell: each unit remembers by itself, and for ever.

    ::

        a = 1 + activation(W_a.x_t + u_a * h_tm1 + b_a)
        c = inner_activation(W_c.x_t + u_c * h_tm1 + b_c)
        h_t = c * h_tm1 + (1 - c) * activation(W_h.x_t + a * h_tm1 + b_h)

    Weights: W_a, u_a, b_a, W_c, u_c, b_c, W_h, b_h.

    References
    ----------
    Vecoven, Ernst and Drion (2021), "A bio-inspired bistable recurrent cell allows for long-lasting memory", PLoS ONE
    16.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import BR
    >>> [weight.shape for weight in BR(3, 8).get_weights()]
    [(3, 8), (8,), (8,), (3, 8), (8,), (8,), (3, 8), (8,)]
    """

    param_names = ("W_a", "u_a", "b_a", "W_c", "u_c", "b_c", "W_h", "b_h")

    def step(self, x_t, h_tm1):
        a = 1 + self.activation(T.dot(x_t, self.W_a) + self.u_a * h_tm1 + self.b_a)
        c = self.inner_activation(T.dot(x_t, self.W_c) + self.u_c * h_tm1 + self.b_c)
        return c * h_tm1 + (1 - c) * self.activation(T.dot(x_t, self.W_h) + a * h_tm1 + self.b_h)


class NBR(Recurrent):
    """Bistable recurrent cell with neuromodulation: the gates see all units.

    ::

        a = 1 + activation(W_a.x_t + U_a.h_tm1 + b_a)
        c = inner_activation(W_c.x_t + U_c.h_tm1 + b_c)
        h_t = c * h_tm1 + (1 - c) * activation(W_h.x_t + a * h_tm1 + b_h)

    Weights: W_a, U_a, b_a, W_c, U_c, b_c, W_h, b_h.

    References
    ----------
    Vecoven, Ernst and Drion (2021), "A bio-inspired bistable recurrent cell allows for long-lasting memory", PLoS ONE
    16.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import NBR
    >>> [weight.shape for weight in NBR(3, 8).get_weights()]
    [(3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,), (3, 8), (8,)]
    """

    param_names = ("W_a", "U_a", "b_a", "W_c", "U_c", "b_c", "W_h", "b_h")

    def step(self, x_t, h_tm1):
        a = 1 + self.activation(T.dot(x_t, self.W_a) + T.dot(h_tm1, self.U_a) + self.b_a)
        c = self.inner_activation(T.dot(x_t, self.W_c) + T.dot(h_tm1, self.U_c) + self.b_c)
        return c * h_tm1 + (1 - c) * self.activation(T.dot(x_t, self.W_h) + a * h_tm1 + self.b_h)


class CFN(Recurrent):
    """Chaos-free network: without input, the state decays.

    ::

        t = inner_activation(W_t.x_t + U_t.h_tm1 + b_t)
        n = inner_activation(W_n.x_t + U_n.h_tm1 + b_n)
        h_t = t * activation(h_tm1) + n * activation(W_h.x_t + b_h)

    Weights: W_t, U_t, b_t, W_n, U_n, b_n, W_h, b_h.

    References
    ----------
    Laurent and von Brecht (2016), "A recurrent neural network without chaos", arXiv:1612.06212.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import CFN
    >>> [weight.shape for weight in CFN(3, 8).get_weights()]
    [(3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,), (3, 8), (8,)]
    """

    param_names = ("W_t", "U_t", "b_t", "W_n", "U_n", "b_n", "W_h", "b_h")

    def step(self, x_t, h_tm1):
        t = self.inner_activation(T.dot(x_t, self.W_t) + T.dot(h_tm1, self.U_t) + self.b_t)
        n = self.inner_activation(T.dot(x_t, self.W_n) + T.dot(h_tm1, self.U_n) + self.b_n)
        return t * self.activation(h_tm1) + n * self.activation(T.dot(x_t, self.W_h) + self.b_h)


class IntersectionRNN(Recurrent):
    """The +RNN: beside the state there is an output with a gate of its own, past which the input may go.

    ::

        yy = relu(W_y.x_t + U_y.h_tm1 + b_y)
        hh = activation(W_h.x_t + U_h.h_tm1 + b_h)
        g_y = inner_activation(W_gy.x_t + U_gy.h_tm1 + b_gy)
        g_h = inner_activation(W_gh.x_t + U_gh.h_tm1 + b_gh)
        y_t = g_y * (P.x_t) + (1 - g_y) * yy
        h_t = g_h * h_tm1 + (1 - g_h) * hh

    The states are y, the output, and h. The paper writes x_t for P.x_t, which needs input_dim = output_dim; P is the
    identity then, and else a fixed random matrix of ±1/sqrt(input_dim).

    Weights: W_y, U_y, b_y, W_h, U_h, b_h, W_gy, U_gy, b_gy, W_gh, U_gh, b_gh; last in `get_weights` and in weight
    files Pmat, which is P and not trained.

    References
    ----------
    Collins, Sohl-Dickstein and Sussillo (2017), "Capacity and Trainability in Recurrent Neural Networks",
    arXiv:1611.09913.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import IntersectionRNN
    >>> layer = IntersectionRNN(3, 8)
    >>> [weight.shape for weight in layer.get_weights()]
    [(3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,), (3, 8)]
    >>> layer.state_sizes
    [8, 8]
    """

    param_names = ("W_y", "U_y", "b_y", "W_h", "U_h", "b_h", "W_gy", "U_gy", "b_gy", "W_gh", "U_gh", "b_gh")
    non_trainable_names = ("Pmat",)
    nb_states = 2

    def step(self, x_t, y_tm1, h_tm1):
        yy = activations.relu(T.dot(x_t, self.W_y) + T.dot(h_tm1, self.U_y) + self.b_y)
        hh = self.activation(T.dot(x_t, self.W_h) + T.dot(h_tm1, self.U_h) + self.b_h)
        g_y = self.inner_activation(T.dot(x_t, self.W_gy) + T.dot(h_tm1, self.U_gy) + self.b_gy)
        g_h = self.inner_activation(T.dot(x_t, self.W_gh) + T.dot(h_tm1, self.U_gh) + self.b_gh)
        return g_y * T.dot(x_t, self.Pmat) + (1 - g_y) * yy, g_h * h_tm1 + (1 - g_h) * hh


class TauGRU(Recurrent):
    """A gated unit that also looks at a state of longer ago.

    ::

        u = activation(W_u.x_t + U_u.h_tm1 + b_u)
        z = activation(W_z.x_t + U_z.h_tmd + b_z)
        g = inner_activation(W_g.x_t + U_g.h_tm1 + b_g)
        a = inner_activation(W_a.x_t + U_a.h_tm1 + b_a)
        h_t = (1 - g) * h_tm1 + g * (u + a * z)

    Here h_tmd is the output of `delay` steps before h_tm1. The states are the last outputs, the latest first.

    Weights: W_u, U_u, b_u, W_z, U_z, b_z, W_g, U_g, b_g, W_a, U_a, b_a. A further parameter: `delay` (int, at most
    1000).

    References
    ----------
    Erichson, Lim and Mahoney (2022), "Gated Recurrent Neural Networks with Weighted Time-Delay Feedback",
    arXiv:2212.00228.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import TauGRU
    >>> layer = TauGRU(3, 8, delay=4)
    >>> [weight.shape for weight in layer.get_weights()]
    [(3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,)]
    >>> layer.state_sizes
    [8, 8, 8, 8, 8]
    """

    param_names = ("W_u", "U_u", "b_u", "W_z", "U_z", "b_z", "W_g", "U_g", "b_g", "W_a", "U_a", "b_a")

    def __init__(self, input_dim: int, output_dim: int = 128, *, delay: int = 1, **others: Any) -> None:
        self.delay = integer("delay", delay, most=1000)
        self.nb_states = self.delay + 1
        super().__init__(input_dim, output_dim, **others)

    def step(self, x_t, *h):
        h_tm1, h_tmd = h[0], h[-1]
        u = self.activation(T.dot(x_t, self.W_u) + T.dot(h_tm1, self.U_u) + self.b_u)
        z = self.activation(T.dot(x_t, self.W_z) + T.dot(h_tmd, self.U_z) + self.b_z)
        g = self.inner_activation(T.dot(x_t, self.W_g) + T.dot(h_tm1, self.U_g) + self.b_g)
        a = self.inner_activation(T.dot(x_t, self.W_a) + T.dot(h_tm1, self.U_a) + self.b_a)
        return ((1 - g) * h_tm1 + g * (u + a * z),) + h[:-1]


class RecurrentHighway(Recurrent):
    """Several layers of a highway network between one step and the next.

    ::

        s_0 = h_tm1
        hh_l = activation((W_h.x_t, if l = 1) + U_hl.s_(l-1) + b_hl)
        t_l = inner_activation((W_t.x_t, if l = 1) + U_tl.s_(l-1) + b_tl)
        s_l = t_l * hh_l + (1 - t_l) * s_(l-1)
        h_t = s_depth

    The carry gate of the paper is 1 - t_l here, as in all its experiments.

    Weights: W_h, W_t, U_h1, b_h1, U_t1, b_t1, ..., U_hdepth, b_hdepth, U_tdepth, b_tdepth. A further parameter,
    `depth` (int, at most 1000), is how many layers there are.

    References
    ----------
    Zilly et al. (2017), "Recurrent Highway Networks", arXiv:1607.03474.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import RecurrentHighway
    >>> layer = RecurrentHighway(3, 8, depth=2)
    >>> layer.param_names
    ('W_h', 'W_t', 'U_h1', 'b_h1', 'U_t1', 'b_t1', 'U_h2', 'b_h2', 'U_t2', 'b_t2')
    >>> layer.count_params()
    336
    """

    def __init__(self, input_dim: int, output_dim: int = 128, *, depth: int = 3, **others: Any) -> None:
        self.depth = integer("depth", depth, most=1000)
        self.param_names = ("W_h", "W_t") + tuple(
            f"{name}{layer}" for layer in range(1, self.depth + 1) for name in ("U_h", "b_h", "U_t", "b_t"))
        super().__init__(input_dim, output_dim, **others)
        self.layers = [[getattr(self, name) for name in self.param_names[k:k + 4]]
                       for k in range(2, len(self.param_names), 4)]  # fmt: skip

    def step(self, x_t, h_tm1):
        s, x_h, x_t = h_tm1, T.dot(x_t, self.W_h), T.dot(x_t, self.W_t)
        for U_h, b_h, U_t, b_t in self.layers:
            hh = self.activation(x_h + T.dot(s, U_h) + b_h)
            t = self.inner_activation(x_t + T.dot(s, U_t) + b_t)
            s, x_h, x_t = t * hh + (1 - t) * s, 0, 0
        return s


class NAS(Recurrent):
    """The cell that a search by reinforcement learning found for language.

    ::

        a_k = W_k.x_t + b_k + U_k.h_tm1, for k = 0, ..., 7, but a_3 = (W_3.x_t + b_3) * (U_3.h_tm1)
        l_0 = activation(activation(inner_activation(a_0) * relu(a_1)) + c_tm1)
        l_1 = activation(inner_activation(a_2) + relu(a_3))
        l_2 = activation(activation(a_4) * inner_activation(a_5))
        l_3 = inner_activation(activation(a_6) + inner_activation(a_7))
        c_t = l_0 * l_1
        h_t = activation(c_t * activation(l_2 + l_3))

    The product in a_3 is that of the authors' code, in TensorFlow's NASCell; torchrecurrent has a sum there, too. That
    code has no biases by default, and else adds them to U_k.h_tm1, which makes a difference in a_3 alone.

    Weights: W_0, U_0, b_0, ..., W_7, U_7, b_7.

    References
    ----------
    Zoph and Le (2017), "Neural Architecture Search with Reinforcement Learning", arXiv:1611.01578.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import NAS
    >>> layer = NAS(3, 8)
    >>> len(layer.params), layer.count_params()
    (24, 768)
    >>> layer.param_names[:3]
    ('W_0', 'U_0', 'b_0')
    """

    param_names = tuple(f"{kind}_{k}" for k in range(8) for kind in "WUb")
    nb_states = 2

    def step(self, x_t, h_tm1, c_tm1):
        x = [T.dot(x_t, getattr(self, f"W_{k}")) + getattr(self, f"b_{k}") for k in range(8)]
        h = [T.dot(h_tm1, getattr(self, f"U_{k}")) for k in range(8)]
        phi, sigma, relu = self.activation, self.inner_activation, activations.relu
        l_0 = phi(phi(sigma(x[0] + h[0]) * relu(x[1] + h[1])) + c_tm1)
        l_1 = phi(sigma(x[2] + h[2]) + relu(x[3] * h[3]))
        l_2 = phi(phi(x[4] + h[4]) * sigma(x[5] + h[5]))
        l_3 = sigma(phi(x[6] + h[6]) + sigma(x[7] + h[7]))
        c_t = l_0 * l_1
        return phi(c_t * phi(l_2 + l_3)), c_t


# ---- LSTMs ----------------------------------------------------------------------------------------------------


class OriginalLSTM(Recurrent):
    """The LSTM of 1997, without a forget gate, and with one activation for all that the paper scales differently.

    ::

        i = inner_activation(W_i.x_t + U_i.h_tm1 + b_i)
        c_t = c_tm1 + i * activation(W_c.x_t + U_c.h_tm1 + b_c)
        o = inner_activation(W_o.x_t + U_o.h_tm1 + b_o)
        h_t = o * activation(c_t)

    Weights: W_i, U_i, b_i, W_c, U_c, b_c, W_o, U_o, b_o.

    References
    ----------
    Hochreiter and Schmidhuber (1997), "Long Short-Term Memory", Neural Computation 9.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import OriginalLSTM
    >>> [weight.shape for weight in OriginalLSTM(3, 8).get_weights()]
    [(3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,)]
    """

    param_names = ("W_i", "U_i", "b_i", "W_c", "U_c", "b_c", "W_o", "U_o", "b_o")
    nb_states = 2

    def step(self, x_t, h_tm1, c_tm1):
        i = self.inner_activation(T.dot(x_t, self.W_i) + T.dot(h_tm1, self.U_i) + self.b_i)
        c_t = c_tm1 + i * self.activation(T.dot(x_t, self.W_c) + T.dot(h_tm1, self.U_c) + self.b_c)
        o = self.inner_activation(T.dot(x_t, self.W_o) + T.dot(h_tm1, self.U_o) + self.b_o)
        return o * self.activation(c_t), c_t


class PeepholeLSTM(Recurrent):
    """LSTM whose gates also look at the memory.

    ::

        i = inner_activation(W_i.x_t + U_i.h_tm1 + p_i * c_tm1 + b_i)
        f = inner_activation(W_f.x_t + U_f.h_tm1 + p_f * c_tm1 + b_f)
        c_t = f * c_tm1 + i * activation(W_c.x_t + U_c.h_tm1 + b_c)
        o = inner_activation(W_o.x_t + U_o.h_tm1 + p_o * c_t + b_o)
        h_t = o * activation(c_t)

    Weights: W_i, U_i, p_i, b_i, W_f, U_f, p_f, b_f, W_c, U_c, b_c, W_o, U_o, p_o, b_o.

    References
    ----------
    Gers, Schraudolph and Schmidhuber (2002), "Learning Precise Timing with LSTM Recurrent Networks", JMLR 3.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import PeepholeLSTM
    >>> [weight.shape for weight in PeepholeLSTM(3, 8).get_weights()]
    [(3, 8), (8, 8), (8,), (8,), (3, 8), (8, 8), (8,), (8,), (3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,), (8,)]
    """

    param_names = ("W_i", "U_i", "p_i", "b_i", "W_f", "U_f", "p_f", "b_f", "W_c", "U_c", "b_c",
                   "W_o", "U_o", "p_o", "b_o")  # fmt: skip
    nb_states = 2

    def step(self, x_t, h_tm1, c_tm1):
        i = self.inner_activation(T.dot(x_t, self.W_i) + T.dot(h_tm1, self.U_i) + self.p_i * c_tm1 + self.b_i)
        f = self.inner_activation(T.dot(x_t, self.W_f) + T.dot(h_tm1, self.U_f) + self.p_f * c_tm1 + self.b_f)
        c_t = f * c_tm1 + i * self.activation(T.dot(x_t, self.W_c) + T.dot(h_tm1, self.U_c) + self.b_c)
        o = self.inner_activation(T.dot(x_t, self.W_o) + T.dot(h_tm1, self.U_o) + self.p_o * c_t + self.b_o)
        return o * self.activation(c_t), c_t


class CoupledLSTM(Recurrent):
    """LSTM that forgets as much as it takes in.

    ::

        f = inner_activation(W_f.x_t + U_f.h_tm1 + b_f)
        c_t = f * c_tm1 + (1 - f) * activation(W_c.x_t + U_c.h_tm1 + b_c)
        o = inner_activation(W_o.x_t + U_o.h_tm1 + b_o)
        h_t = o * activation(c_t)

    Weights: W_f, U_f, b_f, W_c, U_c, b_c, W_o, U_o, b_o.

    References
    ----------
    Greff et al. (2017), "LSTM: A Search Space Odyssey", arXiv:1503.04069, its variant CIFG without peepholes.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import CoupledLSTM
    >>> [weight.shape for weight in CoupledLSTM(3, 8).get_weights()]
    [(3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,)]
    """

    param_names = ("W_f", "U_f", "b_f", "W_c", "U_c", "b_c", "W_o", "U_o", "b_o")
    nb_states = 2

    def step(self, x_t, h_tm1, c_tm1):
        f = self.inner_activation(T.dot(x_t, self.W_f) + T.dot(h_tm1, self.U_f) + self.b_f)
        c_t = f * c_tm1 + (1 - f) * self.activation(T.dot(x_t, self.W_c) + T.dot(h_tm1, self.U_c) + self.b_c)
        o = self.inner_activation(T.dot(x_t, self.W_o) + T.dot(h_tm1, self.U_o) + self.b_o)
        return o * self.activation(c_t), c_t


class JANET(Recurrent):
    """LSTM with the forget gate alone.

    ::

        s = W_f.x_t + U_f.h_tm1 + b_f
        hh = activation(W_c.x_t + U_c.h_tm1 + b_c)
        h_t = inner_activation(s) * h_tm1 + (1 - inner_activation(s - beta)) * hh

    In the paper beta is fixed, as here; torchrecurrent trains it.

    Weights: W_f, U_f, b_f, W_c, U_c, b_c. A further parameter, `beta` (float), says how much more is taken in than
    forgotten.

    References
    ----------
    van der Westhuizen and Lasenby (2018), "The unreasonable effectiveness of the forget gate", arXiv:1804.04849.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import JANET
    >>> [weight.shape for weight in JANET(3, 8, beta=0.5).get_weights()]
    [(3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,)]
    """

    param_names = ("W_f", "U_f", "b_f", "W_c", "U_c", "b_c")

    def __init__(self, input_dim: int, output_dim: int = 128, *, beta: float = 1.0, **others: Any) -> None:
        self.beta = number("beta", beta)
        super().__init__(input_dim, output_dim, **others)

    def step(self, x_t, h_tm1):
        s = T.dot(x_t, self.W_f) + T.dot(h_tm1, self.U_f) + self.b_f
        hh = self.activation(T.dot(x_t, self.W_c) + T.dot(h_tm1, self.U_c) + self.b_c)
        return self.inner_activation(s) * h_tm1 + (1 - self.inner_activation(s - self.beta)) * hh


class RAN(Recurrent):
    """Recurrent additive network: the memory is a weighted sum of inputs.

    ::

        i = inner_activation(W_i.x_t + U_i.h_tm1 + b_i)
        f = inner_activation(W_f.x_t + U_f.h_tm1 + b_f)
        c_t = i * (W_c.x_t) + f * c_tm1
        h_t = activation(c_t)

    Weights: W_c, W_i, U_i, b_i, W_f, U_f, b_f.

    References
    ----------
    Lee, Levy and Zettlemoyer (2017), "Recurrent Additive Networks", arXiv:1705.07393.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import RAN
    >>> [weight.shape for weight in RAN(3, 8).get_weights()]
    [(3, 8), (3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,)]
    """

    param_names = ("W_c", "W_i", "U_i", "b_i", "W_f", "U_f", "b_f")
    nb_states = 2

    def step(self, x_t, h_tm1, c_tm1):
        i = self.inner_activation(T.dot(x_t, self.W_i) + T.dot(h_tm1, self.U_i) + self.b_i)
        f = self.inner_activation(T.dot(x_t, self.W_f) + T.dot(h_tm1, self.U_f) + self.b_f)
        c_t = i * T.dot(x_t, self.W_c) + f * c_tm1
        return self.activation(c_t), c_t


class MultiplicativeLSTM(Recurrent):
    """LSTM whose matrices for the state depend on the input.

    ::

        m = (W_m.x_t + b_m) * (U_m.h_tm1 + b_Um)
        i = inner_activation(W_i.x_t + U_i.m + b_i)
        f = inner_activation(W_f.x_t + U_f.m + b_f)
        c_t = f * c_tm1 + i * activation(W_c.x_t + U_c.m + b_c)
        o = inner_activation(W_o.x_t + U_o.m + b_o)
        h_t = o * activation(c_t)

    Weights: W_m, b_m, U_m, b_Um, W_i, U_i, b_i, W_f, U_f, b_f, W_c, U_c, b_c, W_o, U_o, b_o.

    References
    ----------
    Krause et al. (2016), "Multiplicative LSTM for sequence modelling", arXiv:1609.07959.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import MultiplicativeLSTM
    >>> layer = MultiplicativeLSTM(3, 8)
    >>> len(layer.params), layer.count_params()
    (16, 488)
    >>> [weight.shape for weight in layer.get_weights()[:4]]
    [(3, 8), (8,), (8, 8), (8,)]
    """

    param_names = ("W_m", "b_m", "U_m", "b_Um", "W_i", "U_i", "b_i", "W_f", "U_f", "b_f", "W_c", "U_c", "b_c",
                   "W_o", "U_o", "b_o")  # fmt: skip
    nb_states = 2

    def step(self, x_t, h_tm1, c_tm1):
        m = (T.dot(x_t, self.W_m) + self.b_m) * (T.dot(h_tm1, self.U_m) + self.b_Um)
        i = self.inner_activation(T.dot(x_t, self.W_i) + T.dot(m, self.U_i) + self.b_i)
        f = self.inner_activation(T.dot(x_t, self.W_f) + T.dot(m, self.U_f) + self.b_f)
        c_t = f * c_tm1 + i * self.activation(T.dot(x_t, self.W_c) + T.dot(m, self.U_c) + self.b_c)
        o = self.inner_activation(T.dot(x_t, self.W_o) + T.dot(m, self.U_o) + self.b_o)
        return o * self.activation(c_t), c_t


class ResLSTM(Recurrent):
    """Residual LSTM: the output gate also lets the input through.

    ::

        i = inner_activation(W_i.x_t + U_i.h_tm1 + p_i * c_tm1 + b_i)
        f = inner_activation(W_f.x_t + U_f.h_tm1 + p_f * c_tm1 + b_f)
        c_t = f * c_tm1 + i * activation(W_c.x_t + U_c.h_tm1 + b_c)
        o = inner_activation(W_o.x_t + U_o.h_tm1 + p_o * c_t + b_o)
        h_t = o * (U_p.activation(c_t) + W_r.x_t)

    Weights: W_i, U_i, p_i, b_i, W_f, U_f, p_f, b_f, W_c, U_c, b_c, W_o, U_o, p_o, b_o, U_p, W_r.

    References
    ----------
    Kim, El-Khamy and Lee (2017), "Residual LSTM: Design of a Deep Recurrent Architecture for Distant Speech
    Recognition", arXiv:1701.03360.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import ResLSTM
    >>> layer = ResLSTM(3, 8)
    >>> len(layer.params), layer.count_params()
    (17, 496)
    >>> [weight.shape for weight in layer.get_weights()[-2:]]
    [(8, 8), (3, 8)]
    """

    param_names = PeepholeLSTM.param_names + ("U_p", "W_r")
    nb_states = 2

    def step(self, x_t, h_tm1, c_tm1):
        i = self.inner_activation(T.dot(x_t, self.W_i) + T.dot(h_tm1, self.U_i) + self.p_i * c_tm1 + self.b_i)
        f = self.inner_activation(T.dot(x_t, self.W_f) + T.dot(h_tm1, self.U_f) + self.p_f * c_tm1 + self.b_f)
        c_t = f * c_tm1 + i * self.activation(T.dot(x_t, self.W_c) + T.dot(h_tm1, self.U_c) + self.b_c)
        o = self.inner_activation(T.dot(x_t, self.W_o) + T.dot(h_tm1, self.U_o) + self.p_o * c_t + self.b_o)
        return o * (T.dot(self.activation(c_t), self.U_p) + T.dot(x_t, self.W_r)), c_t


class WMCLSTM(Recurrent):
    """LSTM with working memory connections: the gates look at all of the memory, through an activation.

    ::

        i = inner_activation(W_i.x_t + U_i.h_tm1 + activation(U_ci.c_tm1 + b_ci) + b_i)
        f = inner_activation(W_f.x_t + U_f.h_tm1 + activation(U_cf.c_tm1 + b_cf) + b_f)
        c_t = f * c_tm1 + i * activation(W_c.x_t + U_c.h_tm1 + b_c)
        o = inner_activation(W_o.x_t + U_o.h_tm1 + activation(U_co.c_t + b_co) + b_o)
        h_t = o * activation(c_t)

    Weights: W_i, U_i, U_ci, b_ci, b_i, W_f, U_f, U_cf, b_cf, b_f, W_c, U_c, b_c, W_o, U_o, U_co, b_co, b_o.

    References
    ----------
    Landi et al. (2021), "Working Memory Connections for LSTM", arXiv:2109.00020.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import WMCLSTM
    >>> layer = WMCLSTM(3, 8)
    >>> len(layer.params), layer.count_params()
    (18, 600)
    >>> [weight.shape for weight in layer.get_weights()[:5]]
    [(3, 8), (8, 8), (8, 8), (8,), (8,)]
    """

    param_names = ("W_i", "U_i", "U_ci", "b_ci", "b_i", "W_f", "U_f", "U_cf", "b_cf", "b_f", "W_c", "U_c", "b_c",
                   "W_o", "U_o", "U_co", "b_co", "b_o")  # fmt: skip
    nb_states = 2

    def step(self, x_t, h_tm1, c_tm1):
        of_i = self.activation(T.dot(c_tm1, self.U_ci) + self.b_ci)
        of_f = self.activation(T.dot(c_tm1, self.U_cf) + self.b_cf)
        i = self.inner_activation(T.dot(x_t, self.W_i) + T.dot(h_tm1, self.U_i) + of_i + self.b_i)
        f = self.inner_activation(T.dot(x_t, self.W_f) + T.dot(h_tm1, self.U_f) + of_f + self.b_f)
        c_t = f * c_tm1 + i * self.activation(T.dot(x_t, self.W_c) + T.dot(h_tm1, self.U_c) + self.b_c)
        of_o = self.activation(T.dot(c_t, self.U_co) + self.b_co)
        o = self.inner_activation(T.dot(x_t, self.W_o) + T.dot(h_tm1, self.U_o) + of_o + self.b_o)
        return o * self.activation(c_t), c_t


class MCLSTM(Recurrent):
    """Memory-controller LSTM: what is put out and what the gates see next are two readings of the memory.

    ::

        f = inner_activation(W_f.x_t + U_f.v_tm1 + b_f)
        i = inner_activation(W_i.x_t + U_i.v_tm1 + b_i)
        o = inner_activation(W_o.x_t + U_o.v_tm1 + b_o)
        m = inner_activation(W_m.x_t + U_m.v_tm1 + b_m)
        c_t = f * c_tm1 + i * activation(W_n.x_t + U_n.v_tm1 + b_n)
        h_t = o * activation(c_t)
        v_t = m * activation(c_t)

    The states are h, the output, which no step sees, v and c.

    Weights: W_f, U_f, b_f, W_i, U_i, b_i, W_o, U_o, b_o, W_m, U_m, b_m, W_n, U_n, b_n.

    References
    ----------
    Ben-Ari and Shwartz-Ziv (2017), "Sequence Modeling Using a Memory Controller Extension for LSTM", NIPS Time Series
    Workshop.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import MCLSTM
    >>> layer = MCLSTM(3, 8)
    >>> [weight.shape for weight in layer.get_weights()[:3]]
    [(3, 8), (8, 8), (8,)]
    >>> layer.state_sizes
    [8, 8, 8]
    """

    param_names = ("W_f", "U_f", "b_f", "W_i", "U_i", "b_i", "W_o", "U_o", "b_o", "W_m", "U_m", "b_m",
                   "W_n", "U_n", "b_n")  # fmt: skip
    nb_states = 3

    def step(self, x_t, h_tm1, v_tm1, c_tm1):
        f = self.inner_activation(T.dot(x_t, self.W_f) + T.dot(v_tm1, self.U_f) + self.b_f)
        i = self.inner_activation(T.dot(x_t, self.W_i) + T.dot(v_tm1, self.U_i) + self.b_i)
        o = self.inner_activation(T.dot(x_t, self.W_o) + T.dot(v_tm1, self.U_o) + self.b_o)
        m = self.inner_activation(T.dot(x_t, self.W_m) + T.dot(v_tm1, self.U_m) + self.b_m)
        c_t = f * c_tm1 + i * self.activation(T.dot(x_t, self.W_n) + T.dot(v_tm1, self.U_n) + self.b_n)
        return o * self.activation(c_t), m * self.activation(c_t), c_t


# ---- Strongly typed -------------------------------------------------------------------------------------------


class _StronglyTyped(Recurrent):
    """No matrix mixes the state; the gates see the input before, which is a state, through matrices V."""

    @property
    def state_sizes(self) -> list[int]:
        return [self.output_dim] * (self.nb_states - 1) + [self.input_dim]

    def initialization(self, name):
        return super().initialization("W" if name[0] == "V" else name)


class TRNN(Recurrent):
    """Strongly typed RNN: no matrix mixes the state.

    ::

        z = W_z.x_t + b_z
        f = inner_activation(W_f.x_t + b_f)
        h_t = f * h_tm1 + (1 - f) * z

    Weights: W_z, b_z, W_f, b_f.

    References
    ----------
    Balduzzi and Ghifary (2016), "Strongly-Typed Recurrent Neural Networks", arXiv:1602.02218.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import TRNN
    >>> [weight.shape for weight in TRNN(3, 8).get_weights()]
    [(3, 8), (8,), (3, 8), (8,)]
    """

    param_names = ("W_z", "b_z", "W_f", "b_f")

    def step(self, x_t, h_tm1):
        f = self.inner_activation(T.dot(x_t, self.W_f) + self.b_f)
        return f * h_tm1 + (1 - f) * (T.dot(x_t, self.W_z) + self.b_z)


class TGRU(_StronglyTyped):
    """Strongly typed GRU: the gates see the input before instead of the state.

    ::

        z = V_z.x_tm1 + W_z.x_t + b_z
        f = inner_activation(V_f.x_tm1 + W_f.x_t + b_f)
        o = activation(V_o.x_tm1 + W_o.x_t + b_o)
        h_t = f * h_tm1 + z * o

    The states are h, the output, and x_t, (nb_samples, input_dim).

    Weights: V_z, W_z, b_z, V_f, W_f, b_f, V_o, W_o, b_o; the matrices V are drawn as W, and no regularizer or
    constraint of W acts on them.

    References
    ----------
    Balduzzi and Ghifary (2016), "Strongly-Typed Recurrent Neural Networks", arXiv:1602.02218.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import TGRU
    >>> layer = TGRU(3, 8)
    >>> [weight.shape for weight in layer.get_weights()]
    [(3, 8), (3, 8), (8,), (3, 8), (3, 8), (8,), (3, 8), (3, 8), (8,)]
    >>> layer.state_sizes
    [8, 3]
    """

    param_names = ("V_z", "W_z", "b_z", "V_f", "W_f", "b_f", "V_o", "W_o", "b_o")
    nb_states = 2

    def step(self, x_t, h_tm1, x_tm1):
        z = T.dot(x_tm1, self.V_z) + T.dot(x_t, self.W_z) + self.b_z
        f = self.inner_activation(T.dot(x_tm1, self.V_f) + T.dot(x_t, self.W_f) + self.b_f)
        o = self.activation(T.dot(x_tm1, self.V_o) + T.dot(x_t, self.W_o) + self.b_o)
        return f * h_tm1 + z * o, x_t


class TLSTM(_StronglyTyped):
    """Strongly typed LSTM: the gates see the input before instead of the state.

    ::

        z = V_z.x_tm1 + W_z.x_t + b_z
        f = inner_activation(V_f.x_tm1 + W_f.x_t + b_f)
        o = activation(V_o.x_tm1 + W_o.x_t + b_o)
        c_t = f * c_tm1 + (1 - f) * z
        h_t = c_t * o

    The states are h, the output, which no step sees, c, and x_t, (nb_samples, input_dim).

    Weights: V_z, W_z, b_z, V_f, W_f, b_f, V_o, W_o, b_o; the matrices V are drawn as W, and no regularizer or
    constraint of W acts on them.

    References
    ----------
    Balduzzi and Ghifary (2016), "Strongly-Typed Recurrent Neural Networks", arXiv:1602.02218.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import TLSTM
    >>> layer = TLSTM(3, 8)
    >>> [weight.shape for weight in layer.get_weights()]
    [(3, 8), (3, 8), (8,), (3, 8), (3, 8), (8,), (3, 8), (3, 8), (8,)]
    >>> layer.state_sizes
    [8, 8, 3]
    """

    param_names = ("V_z", "W_z", "b_z", "V_f", "W_f", "b_f", "V_o", "W_o", "b_o")
    nb_states = 3

    def step(self, x_t, h_tm1, c_tm1, x_tm1):
        z = T.dot(x_tm1, self.V_z) + T.dot(x_t, self.W_z) + self.b_z
        f = self.inner_activation(T.dot(x_tm1, self.V_f) + T.dot(x_t, self.W_f) + self.b_f)
        o = self.activation(T.dot(x_tm1, self.V_o) + T.dot(x_t, self.W_o) + self.b_o)
        c_t = f * c_tm1 + (1 - f) * z
        return c_t * o, c_t, x_t


# ---- With layer normalization ---------------------------------------------------------------------------------


class _Normalized(Recurrent):
    """Products are normalized; each matrix holds several gates beside each other, `gates` says how many."""

    gates: dict[str, int] = {}

    def initialization(self, name):
        init, (*rows, columns) = super().initialization("b" if name[0] == "g" else name)
        return "one" if name[0] == "g" else init, (*rows, columns * self.gates.get(name, 1))

    def _gate(self, gates: Variable, k: int) -> Variable:
        return gates[:, k * self.output_dim:(k + 1) * self.output_dim]


def _normalized(x: Variable, gain: Variable) -> Variable:
    """Each row with mean 0 and variance 1, times a gain."""
    centered = x - T.mean(x, axis=1, keepdims=True)
    return gain * centered / T.sqrt(T.mean(T.sqr(centered), axis=1, keepdims=True) + 1e-5)


class LayerNormLSTM(_Normalized):
    """LSTM with layer normalization.

    ::

        f, i, o, g = LN(U.h_tm1; g_U) + LN(W.x_t; g_W) + b
        c_t = inner_activation(f) * c_tm1 + inner_activation(i) * activation(g)
        h_t = inner_activation(o) * activation(LN(c_t; g_c) + b_c)

    LN(a; g) is g * (a - mean of a) / sqrt(variance of a + 1e-5), of each sample. As in the paper it is that of all four
    gates together, which are the columns of W, (input_dim, 4 output_dim), U, (output_dim, 4 output_dim), g_U, g_W and
    b, (4 output_dim,). The paper has a bias for each LN; of two in one sum there is one here.

    Weights: W, g_W, U, g_U, b, g_c, b_c; the gains g are 1 at first.

    References
    ----------
    Ba, Kiros and Hinton (2016), "Layer Normalization", arXiv:1607.06450, supplementary material.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import LayerNormLSTM
    >>> [weight.shape for weight in LayerNormLSTM(3, 8).get_weights()]
    [(3, 32), (32,), (8, 32), (32,), (32,), (8,), (8,)]
    """

    param_names = ("W", "g_W", "U", "g_U", "b", "g_c", "b_c")
    nb_states = 2
    gates = dict.fromkeys(["W", "g_W", "U", "g_U", "b"], 4)

    def step(self, x_t, h_tm1, c_tm1):
        gates = _normalized(T.dot(h_tm1, self.U), self.g_U) + _normalized(T.dot(x_t, self.W), self.g_W) + self.b
        f, i, o, g = (self._gate(gates, k) for k in range(4))
        c_t = self.inner_activation(f) * c_tm1 + self.inner_activation(i) * self.activation(g)
        return self.inner_activation(o) * self.activation(_normalized(c_t, self.g_c) + self.b_c), c_t


class LayerNormGRU(_Normalized):
    """GRU with layer normalization.

    ::

        z, r = LN(U.h_tm1; g_U) + LN(W.x_t; g_W) + b
        hh = activation(LN(W_h.x_t; g_Wh) + b_h + inner_activation(r) * (LN(U_h.h_tm1; g_Uh) + b_Uh))
        h_t = (1 - inner_activation(z)) * h_tm1 + inner_activation(z) * hh

    LN(a; g) is g * (a - mean of a) / sqrt(variance of a + 1e-5), of each sample. As in the paper it is that of both
    gates together, which are the columns of W, (input_dim, 2 output_dim), U, (output_dim, 2 output_dim), g_U, g_W and
    b, (2 output_dim,). The paper has a bias for each LN; of two in one sum there is one here.

    Weights: W, g_W, U, g_U, b, W_h, g_Wh, b_h, U_h, g_Uh, b_Uh; the gains g are 1 at first.

    References
    ----------
    Ba, Kiros and Hinton (2016), "Layer Normalization", arXiv:1607.06450, supplementary material.

    Examples
    --------
    >>> from recurrent_layers.layers.zoo import LayerNormGRU
    >>> [weight.shape for weight in LayerNormGRU(3, 8).get_weights()]
    [(3, 16), (16,), (8, 16), (16,), (16,), (3, 8), (8,), (8,), (8, 8), (8,), (8,)]
    """

    param_names = ("W", "g_W", "U", "g_U", "b", "W_h", "g_Wh", "b_h", "U_h", "g_Uh", "b_Uh")
    gates = dict.fromkeys(["W", "g_W", "U", "g_U", "b"], 2)

    def step(self, x_t, h_tm1):
        gates = _normalized(T.dot(h_tm1, self.U), self.g_U) + _normalized(T.dot(x_t, self.W), self.g_W) + self.b
        z, r = (self.inner_activation(self._gate(gates, k)) for k in range(2))
        lookback = r * (_normalized(T.dot(h_tm1, self.U_h), self.g_Uh) + self.b_Uh)
        hh = self.activation(_normalized(T.dot(x_t, self.W_h), self.g_Wh) + self.b_h + lookback)
        return (1 - z) * h_tm1 + z * hh
