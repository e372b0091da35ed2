"""The recurrent layers. A cell is its equations; what all cells share stands once, in `Recurrent`.

Notation: ``x_t`` is the input and ``h_t`` the output of step t, ``h_tm1`` the output of the step
before; ``.`` is the matrix product, ``*`` the elementwise one. Samples are rows, so ``W.x_t`` of the
papers is written ``T.dot(x_t, W)``.
"""

from __future__ import annotations

from typing import Any, Sequence

from recurrent_layers import activations, initializations
from recurrent_layers.engine import tensor as T
from recurrent_layers.layers.base import Layer, MaskedLayer
from recurrent_layers.layers.iteration import Recurrent
from recurrent_layers.layers.steps_of_keras import arguments_of_keras, by_step_of_keras, step_of_keras
from recurrent_layers.typing import Named, Variable, Weights
from recurrent_layers.utils.arguments import flag, integer
from recurrent_layers.utils.theano_utils import alloc_zeros_matrix, shared_scalar, shared_zeros

__all__ = [
    "GRU", "JZS1", "JZS2", "JZS3", "LSTM", "Layer", "MaskedLayer", "Recurrent", "SimpleDeepRNN", "SimpleRNN",
    "activations", "alloc_zeros_matrix", "initializations", "shared_scalar", "shared_zeros",
]  # fmt: skip


class _OfKeras(Recurrent):
    """A layer of Keras 0.1, whose `_step` layers of that time call, or override to have another cell."""

    #: Its gates, in the order of Keras' `_step`.
    gates: Sequence[str] = "zrh"

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        if "_step" in vars(cls) and {"step", "get_output"}.isdisjoint(vars(cls)):
            cls.step = by_step_of_keras

    def _step(self, *arguments: Variable) -> Any:
        return step_of_keras(self, self.gates, arguments)

    def _projection(self, x_t: Variable) -> Variable:
        """What the gate reads of the input that has no W."""
        return T.dot(x_t, self.Pmat)

    def _arguments_of_keras(self, x_t: Variable, states_tm1: Sequence[Variable]) -> list[Variable]:
        return arguments_of_keras(self, self.gates, x_t, states_tm1)


class SimpleRNN(_OfKeras):
    """Fully connected RNN whose output is fed back to its input.

    ::

        h_t = activation(W.x_t + U.h_tm1 + b)

    Weights: W, U, b.

    References
    ----------
    Elman (1990), "Finding Structure in Time", Cognitive Science 14.

    Examples
    --------
    >>> from recurrent_layers import SimpleRNN
    >>> [weight.shape for weight in SimpleRNN(3, 8).get_weights()]
    [(3, 8), (8, 8), (8,)]
    """

    param_names = ("W", "U", "b")
    gates = ("",)
    fixed = ("inner_activation",)

    def __init__(self, input_dim: int, output_dim: int, init: Named = 'glorot_uniform',
                 inner_init: Named = 'orthogonal', activation: Named = 'sigmoid', weights: Weights | None = None,
                 truncate_gradient: int = -1, return_sequences: bool = False, **options: Any) -> None:
        super().__init__(input_dim, output_dim, init, inner_init, activation, 'linear',
                         weights, truncate_gradient, return_sequences, **options)

    def step(self, x_t, h_tm1):
        return self.activation(T.dot(x_t, self.W) + T.dot(h_tm1, self.U) + self.b)


class SimpleDeepRNN(_OfKeras):
    """Fully connected RNN that looks back over several of its outputs, not only the last.

    ::

        h_t = activation(W.x_t + b + inner_activation(U_1.h_tm1) + ... + inner_activation(U_depth.h_tmdepth))

    A step before the first contributes nothing at all, not inner_activation(0); a state that is given does.
    The states are the last `depth` outputs, the latest first.

    Weights: W, U_1, ..., U_depth, b. A further parameter, `depth` (int, at most
    1000), is how many steps it looks back.

    References
    ----------
    Keras 0.1, where it shows how to build RNNs with arbitrary lookback.

    Examples
    --------
    >>> from recurrent_layers import SimpleDeepRNN
    >>> layer = SimpleDeepRNN(3, 8, depth=2)
    >>> layer.param_names
    ('W', 'U_1', 'U_2', 'b')
    >>> layer.state_sizes
    [8, 8]
    """

    def __init__(self, input_dim: int, output_dim: int, depth: int = 3, init: Named = 'glorot_uniform',
                 inner_init: Named = 'orthogonal', activation: Named = 'sigmoid',
                 inner_activation: Named = 'hard_sigmoid', weights: Weights | None = None,
                 truncate_gradient: int = -1, return_sequences: bool = False, **options: Any) -> None:
        self.depth = self.nb_states = integer("depth", depth, most=1000)
        U_names = tuple(f"U_{i}" for i in range(1, self.depth + 1))
        self.param_names = ("W",) + U_names + ("b",)
        super().__init__(input_dim, output_dim, init, inner_init, activation, inner_activation,
                         weights, truncate_gradient, return_sequences, **options)
        self.Us = [getattr(self, name) for name in U_names]

    def inputs(self, x, mask, steps_before=0):
        real = T.cast(T.ones_like(x[:, :, 0]) if mask is None else mask, 'int64')
        steps = T.cumsum(real, axis=0) - real + steps_before + (0 if self.initial_state is None else self.depth)
        return [x] + [T.ge(steps, i) for i in range(1, self.depth + 1)]

    def step(self, x_t, *exists_and_h):
        exists, h = exists_and_h[:self.depth], exists_and_h[self.depth:]
        lookback = [e * self.inner_activation(T.dot(h_tmi, U)) for e, h_tmi, U in zip(exists, h, self.Us)]
        h_t = self.activation(T.dot(x_t, self.W) + self.b + sum(lookback))
        return (h_t,) + h[:-1]

    def _step(self, x_t: Variable, *masks_and_h_and_U: Variable) -> Any:
        masks, h, Us = (masks_and_h_and_U[k * self.depth:(k + 1) * self.depth] for k in range(3))
        lookback = [mask * self.inner_activation(T.dot(h_tmi, U)) for mask, h_tmi, U in zip(masks, h, Us)]
        return self.activation(x_t + sum(lookback))

    def _arguments_of_keras(self, x_t: Variable, exists_and_h: Sequence[Variable]) -> list[Variable]:
        return [T.dot(x_t, self.W) + self.b, *exists_and_h, *self.Us]


class GRU(_OfKeras):
    """Gated recurrent unit.

    ::

        z = inner_activation(W_z.x_t + U_z.h_tm1 + b_z)         update gate
        r = inner_activation(W_r.x_t + U_r.h_tm1 + b_r)         reset gate
        hh = activation(W_h.x_t + U_h.(r * h_tm1) + b_h)        candidate
        h_t = z * h_tm1 + (1 - z) * hh

    Weights: W_z, U_z, b_z, W_r, U_r, b_r, W_h, U_h, b_h. With the further parameter `reset_after` (bool),
    the reset gate comes after the product, as in PyTorch and cuDNN and by default in Keras 3, and there is
    one more weight, b_Uh::

        hh = activation(W_h.x_t + r * (U_h.h_tm1 + b_Uh) + b_h)

    References
    ----------
    Cho et al. (2014), "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine
    Translation", arXiv:1406.1078, section 2.3; Cho et al. (2014), "On the Properties of Neural Machine
    Translation: Encoder-Decoder Approaches", arXiv:1409.1259; Chung et al. (2014), "Empirical Evaluation of
    Gated Recurrent Neural Networks on Sequence Modeling", arXiv:1412.3555, where z and 1 - z stand the
    other way round.

    Examples
    --------
    >>> from recurrent_layers import GRU
    >>> [weight.shape for weight in GRU(3, 8).get_weights()]
    [(3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,)]
    >>> GRU(3, 8, reset_after=True).param_names[-1]
    'b_Uh'
    """

    param_names: tuple[str, ...] = ("W_z", "U_z", "b_z", "W_r", "U_r", "b_r", "W_h", "U_h", "b_h")
    reset_after = False

    def __init__(self, input_dim: int, output_dim: int = 128, init: Named = 'glorot_uniform',
                 inner_init: Named = 'orthogonal', activation: Named = 'sigmoid',
                 inner_activation: Named = 'hard_sigmoid', weights: Weights | None = None,
                 truncate_gradient: int = -1, return_sequences: bool = False, *, reset_after: bool = False,
                 **options: Any) -> None:
        self.reset_after = flag("reset_after", reset_after)
        if self.reset_after:
            self.param_names += ("b_Uh",)
        super().__init__(input_dim, output_dim, init, inner_init, activation, inner_activation,
                         weights, truncate_gradient, return_sequences, **options)

    def step(self, x_t, h_tm1):
        z = self.inner_activation(T.dot(x_t, self.W_z) + T.dot(h_tm1, self.U_z) + self.b_z)
        r = self.inner_activation(T.dot(x_t, self.W_r) + T.dot(h_tm1, self.U_r) + self.b_r)
        lookback = r * (T.dot(h_tm1, self.U_h) + self.b_Uh) if self.reset_after else T.dot(r * h_tm1, self.U_h)
        hh = self.activation(T.dot(x_t, self.W_h) + lookback + self.b_h)
        return z * h_tm1 + (1 - z) * hh


class LSTM(_OfKeras):
    """Long short-term memory, with a forget gate and without peepholes.

    ::

        i = inner_activation(W_i.x_t + U_i.h_tm1 + b_i)                 input gate
        f = inner_activation(W_f.x_t + U_f.h_tm1 + b_f)                 forget gate
        c_t = f * c_tm1 + i * activation(W_c.x_t + U_c.h_tm1 + b_c)     memory
        o = inner_activation(W_o.x_t + U_o.h_tm1 + b_o)                 output gate
        h_t = o * activation(c_t)

    The states are h, the output, and c.

    Weights: W_i, U_i, b_i, W_c, U_c, b_c, W_f, U_f, b_f, W_o, U_o, b_o. A further parameter,
    `forget_bias_init` (str or callable), initializes b_f: with 'one' f begins at about 0.7, with
    'zero' at 0.5, so that more of the memory is kept at first.

    References
    ----------
    Hochreiter and Schmidhuber (1997), "Long Short-Term Memory"; Gers et al. (2000), "Learning to
    Forget: Continual Prediction with LSTM"; Graves (2012), "Supervised Sequence Labelling with
    Recurrent Neural Networks".

    Examples
    --------
    >>> import numpy as np
    >>> from recurrent_layers import LSTM, Dense, Sequential
    >>> model = Sequential([LSTM(3, 8, return_sequences=True, dropout_U=0.2), LSTM(8, 4), Dense(4, 1)])
    >>> model.compile(optimizer="adam", loss="mse")
    >>> model.predict(np.zeros((2, 5, 3))).shape
    (2, 1)
    >>> [weight.shape for weight in LSTM(3, 8).get_weights()]
    [(3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,)]
    """

    param_names = ("W_i", "U_i", "b_i", "W_c", "U_c", "b_c", "W_f", "U_f", "b_f", "W_o", "U_o", "b_o")
    nb_states = 2
    gates = "ifoc"

    def __init__(self, input_dim: int, output_dim: int = 128, init: Named = 'glorot_uniform',
                 inner_init: Named = 'orthogonal', forget_bias_init: Named = 'one', activation: Named = 'tanh',
                 inner_activation: Named = 'hard_sigmoid', weights: Weights | None = None,
                 truncate_gradient: int = -1, return_sequences: bool = False, **options: Any) -> None:
        self.forget_bias_init = initializations.get(forget_bias_init)
        super().__init__(input_dim, output_dim, init, inner_init, activation, inner_activation,
                         weights, truncate_gradient, return_sequences, **options)

    def draw_order(self) -> list[str]:
        return sorted(self.param_names, key=lambda name: "ifco".index(name[-1]))

    def initialization(self, name):
        return (self.forget_bias_init, (self.output_dim,)) if name == "b_f" else super().initialization(name)

    def step(self, x_t, h_tm1, c_tm1):
        i = self.inner_activation(T.dot(x_t, self.W_i) + T.dot(h_tm1, self.U_i) + self.b_i)
        f = self.inner_activation(T.dot(x_t, self.W_f) + T.dot(h_tm1, self.U_f) + self.b_f)
        c_t = f * c_tm1 + i * self.activation(T.dot(x_t, self.W_c) + T.dot(h_tm1, self.U_c) + self.b_c)
        o = self.inner_activation(T.dot(x_t, self.W_o) + T.dot(h_tm1, self.U_o) + self.b_o)
        h_t = o * self.activation(c_t)
        return h_t, c_t


class JZS1(_OfKeras):
    """MUT1 of Jozefowicz et al., found by a search over ten thousand architectures.

    ::

        z = inner_activation(W_z.x_t + b_z)
        r = inner_activation(W_r.x_t + U_r.h_tm1 + b_r)
        h_t = activation(U_h.(r * h_tm1) + tanh(P.x_t) + b_h) * z + h_tm1 * (1 - z)

    The paper writes tanh(x_t), which needs input_dim = output_dim; P is the identity then, and else a
    fixed random matrix of ±1/sqrt(input_dim), as in Keras 0.1.

    Weights: W_z, b_z, W_r, U_r, b_r, U_h, b_h; last in `get_weights` and in weight files Pmat, which is
    P and not trained.

    References
    ----------
    Jozefowicz, Zaremba and Sutskever (2015), "An Empirical Exploration of Recurrent Network
    Architectures", section 4.

    Examples
    --------
    >>> from recurrent_layers import JZS1
    >>> layer = JZS1(3, 8)
    >>> [weight.shape for weight in layer.get_weights()]
    [(3, 8), (8,), (3, 8), (8, 8), (8,), (8, 8), (8,), (3, 8)]
    >>> [weight.name for weight in layer.non_trainable_weights]
    ['Pmat']
    """

    param_names = ("W_z", "b_z", "W_r", "U_r", "b_r", "U_h", "b_h")
    non_trainable_names = ("Pmat",)

    def _projection(self, x_t: Variable) -> Variable:
        return T.tanh(T.dot(x_t, self.Pmat))

    def step(self, x_t, h_tm1):
        z = self.inner_activation(T.dot(x_t, self.W_z) + self.b_z)
        r = self.inner_activation(T.dot(x_t, self.W_r) + T.dot(h_tm1, self.U_r) + self.b_r)
        hh = self.activation(T.tanh(T.dot(x_t, self.Pmat)) + T.dot(r * h_tm1, self.U_h) + self.b_h)
        return hh * z + h_tm1 * (1 - z)


class JZS2(_OfKeras):
    """MUT2 of Jozefowicz et al., found by a search over ten thousand architectures.

    ::

        z = inner_activation(W_z.x_t + U_z.h_tm1 + b_z)
        r = inner_activation(P.x_t + U_r.h_tm1 + b_r)
        h_t = activation(U_h.(r * h_tm1) + W_h.x_t + b_h) * z + h_tm1 * (1 - z)

    The paper writes x_t for P.x_t, which needs input_dim = output_dim; P is the identity then, and else
    a fixed random matrix of ±1/sqrt(input_dim), as in Keras 0.1.

    Weights: W_z, U_z, b_z, U_r, b_r, W_h, U_h, b_h; last in `get_weights` and in weight files Pmat,
    which is P and not trained.

    References
    ----------
    Jozefowicz, Zaremba and Sutskever (2015), "An Empirical Exploration of Recurrent Network
    Architectures", section 4.

    Examples
    --------
    >>> from recurrent_layers import JZS2
    >>> layer = JZS2(3, 8)
    >>> [weight.shape for weight in layer.get_weights()]
    [(3, 8), (8, 8), (8,), (8, 8), (8,), (3, 8), (8, 8), (8,), (3, 8)]
    >>> [weight.name for weight in layer.non_trainable_weights]
    ['Pmat']
    """

    param_names = ("W_z", "U_z", "b_z", "U_r", "b_r", "W_h", "U_h", "b_h")
    non_trainable_names = ("Pmat",)

    def step(self, x_t, h_tm1):
        z = self.inner_activation(T.dot(x_t, self.W_z) + T.dot(h_tm1, self.U_z) + self.b_z)
        r = self.inner_activation(T.dot(x_t, self.Pmat) + T.dot(h_tm1, self.U_r) + self.b_r)
        hh = self.activation(T.dot(x_t, self.W_h) + T.dot(r * h_tm1, self.U_h) + self.b_h)
        return hh * z + h_tm1 * (1 - z)


class JZS3(_OfKeras):
    """MUT3 of Jozefowicz et al., found by a search over ten thousand architectures.

    ::

        z = inner_activation(W_z.x_t + U_z.tanh(h_tm1) + b_z)
        r = inner_activation(W_r.x_t + U_r.h_tm1 + b_r)
        h_t = activation(U_h.(r * h_tm1) + W_h.x_t + b_h) * z + h_tm1 * (1 - z)

    Weights: W_z, U_z, b_z, W_r, U_r, b_r, W_h, U_h, b_h.

    References
    ----------
    Jozefowicz, Zaremba and Sutskever (2015), "An Empirical Exploration of Recurrent Network
    Architectures", section 4.

    Examples
    --------
    >>> from recurrent_layers import JZS3
    >>> [weight.shape for weight in JZS3(3, 8).get_weights()]
    [(3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,)]
    """

    param_names = ("W_z", "U_z", "b_z", "W_r", "U_r", "b_r", "W_h", "U_h", "b_h")

    def step(self, x_t, h_tm1):
        z = self.inner_activation(T.dot(x_t, self.W_z) + T.dot(T.tanh(h_tm1), self.U_z) + self.b_z)
        r = self.inner_activation(T.dot(x_t, self.W_r) + T.dot(h_tm1, self.U_r) + self.b_r)
        hh = self.activation(T.dot(x_t, self.W_h) + T.dot(r * h_tm1, self.U_h) + self.b_h)
        return hh * z + h_tm1 * (1 - z)
