"""The recurrent layers. A cell is its equations; what all cells share stands once, in `Recurrent`.

Notation: ``x_t`` is the input and ``h_t`` the output of step t, ``h_tm1`` the output of the step
before; ``.`` is the matrix product, ``*`` the elementwise one. Samples are rows, so ``W.x_t`` of the
papers is written ``T.dot(x, W)``.
"""

import inspect

import numpy as np

from recurrent_layers import activations, initializations
from recurrent_layers.engine import of_any_size, of_size_1
from recurrent_layers.engine import tensor as T
from recurrent_layers.layers.base import MaskedLayer
from recurrent_layers.recurrence import scan
from recurrent_layers.utils.arguments import flag, integer, items

_SHARED_DOCUMENTATION = """

Parameters
----------
input_dim : int
    Size of the input at each step.
output_dim : int
    Size of the output and of the state.
init : str or callable
    Initialization of the matrices W, of shape (input_dim, output_dim).
inner_init : str or callable
    Initialization of the matrices U, of shape (output_dim, output_dim).
activation : str or callable
    The outer activation.
inner_activation : str or callable
    The activation of the gates.
weights : list of numpy.ndarray, optional
    Weights to begin with, in the order of `params`.
truncate_gradient : int
    Carry gradients through the last so many steps only (truncated BPTT); -1 for all.
return_sequences : bool
    Return the output of every step rather than of the last.

Notes
-----
Input of shape (nb_samples, timesteps, input_dim) gives output of shape (nb_samples, timesteps,
output_dim) with `return_sequences`, else (nb_samples, output_dim). At a masked step the state stays
what it was, so padding changes nothing, on whichever side it is.

Raises
------
ValueError
    If a size is not an integer of at least 1, a name is not known, or a weight does not fit.
"""


def _projection(shape):
    """The map of x into the space of h, where the paper leaves it open: ±1/sqrt(input_dim) at random."""
    input_dim, output_dim = shape
    if input_dim == output_dim:
        return initializations.identity(shape)
    signs = np.random.binomial(1, 0.5, size=shape) * 2 - 1
    return initializations.shared(signs / np.sqrt(input_dim))


class Recurrent(MaskedLayer):
    """Iterates a cell over the timesteps of its input.

    A subclass names its weights in `param_names` and says

    - what a step receives from the input, for all timesteps at once: :meth:`_inputs`;
    - how one step goes: :meth:`_step`, which never sees the loop, the mask or the truncation.

    The first letter of a weight's name is its kind: ``W`` (input_dim, output_dim), drawn by `init`;
    ``U`` (output_dim, output_dim), drawn by `inner_init`; ``b`` (output_dim,), zero; ``P``
    (input_dim, output_dim), a fixed projection.
    """

    input_ndim = 3
    param_names = ()
    non_trainable_names = ()
    nb_states = 1

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.__doc__ = inspect.cleandoc(cls.__doc__ or "") + _SHARED_DOCUMENTATION

    def __init__(self, input_dim, output_dim=128, init='glorot_uniform', inner_init='orthogonal',
                 activation='tanh', inner_activation='sigmoid',
                 weights=None, truncate_gradient=-1, return_sequences=False):
        super().__init__()
        self.input_dim = integer("input_dim", input_dim)
        self.output_dim = integer("output_dim", output_dim)
        self.init = initializations.get(init)
        self.inner_init = initializations.get(inner_init)
        self.activation = activations.get(activation)
        self.inner_activation = activations.get(inner_activation)
        self.truncate_gradient = integer("truncate_gradient", truncate_gradient, or_minus_1="all steps")
        self.return_sequences = flag("return_sequences", return_sequences)
        self.input = T.tensor3(type(self).__name__ + "_input")

        for name in self._draw_order() + list(self.non_trainable_names):
            setattr(self, name, self.add_weight(name, *self._initialization(name)))
        self.params = [getattr(self, name) for name in self.param_names]
        self.non_trainable_weights = [getattr(self, name) for name in self.non_trainable_names]
        if weights is not None:
            self.set_weights(weights)

    def _draw_order(self):
        """The params' names in the order in which Keras 0.1 drew them: one seed, the same weights."""
        return list(self.param_names)

    def _initialization(self, name):
        """The initialization and the shape of a weight."""
        n, m = self.input_dim, self.output_dim
        return {"W": (self.init, (n, m)), "U": (self.inner_init, (m, m)),
                "b": (initializations.zero, (m,)), "P": (_projection, (n, m))}[name[0]]

    @property
    def expected_input_shape(self):
        return (None, None, self.input_dim)

    @property
    def output_shape(self):
        nb_samples, timesteps, _ = self.input_shape
        return (nb_samples,) + (timesteps,) * self.return_sequences + (self.output_dim,)

    def get_output_mask(self, train=False):
        return self.get_input_mask(train) if self.return_sequences else None

    def match_stored_weights(self, weights):
        weights = items("weights", weights, "arrays")
        if len(weights) == len(self.params) < len(self.weights):
            if self.input_dim != self.output_dim:
                raise ValueError(
                    "Keras 0.1 did not save {0}, the random projection of {1}({2}, {3}), so this file alone does not "
                    "hold the model. If you can draw the same one again (by the same seed and the same layers), do "
                    "so and hand the arrays of the file to the layers' set_weights, which keeps {0}".format(
                        ", ".join(self.non_trainable_names), type(self).__name__, self.input_dim, self.output_dim))
            weights.append(np.identity(self.output_dim))
        return self.match_weights(weights)

    def _inputs(self, x):
        """What each step receives from the input.

        Parameters
        ----------
        x : symbolic tensor, (timesteps, nb_samples, input_dim)

        Returns
        -------
        list of symbolic tensors, each (timesteps, nb_samples, output_dim)
        """
        raise NotImplementedError

    def _context(self, x, mask):
        """What else each step receives, each (timesteps, nb_samples, 1): for a cell that must know its place in time.

        The mask is boolean, (timesteps, nb_samples, 1), or None.
        """
        return []

    def _step(self, *inputs_and_states):
        """One step: from what :meth:`_inputs` and :meth:`_context` give for it and the states before it to those after.

        The first state is the output.
        """
        raise NotImplementedError

    def get_output(self, train=False):
        x = self._input_of_floatX(train).dimshuffle(1, 0, 2)
        mask = self.get_input_mask(train)
        if mask is not None:
            mask = T.neq(mask, 0).dimshuffle(1, 0, 'x')
        of_steps = self._context(x, mask) + [mask] * (mask is not None)
        # A size of 1 might be broadcastable, which nothing in a step is but the last axis of these.
        sequences = [of_any_size(x, 0, 1, 2)] + [of_any_size(of_size_1(one, 2), 0, 1) for one in of_steps]

        def step(x_t, *given):
            of_step, states_tm1 = given[:-self.nb_states], given[-self.nb_states:]
            states = self._step(*self._inputs(x_t), *of_step[:len(of_steps) - (mask is not None)], *states_tm1)
            states = states if isinstance(states, tuple) else (states,)
            return states if mask is None else [T.switch(of_step[-1], state, state_tm1)
                                                for state, state_tm1 in zip(states, states_tm1)]

        zeros = of_any_size(T.zeros((x.shape[1], self.output_dim)), 0, 1)
        (h, *_), _ = scan(step, sequences, [zeros] * self.nb_states, truncate_gradient=self.truncate_gradient,
                          name=type(self).__name__, return_list=True)
        return h.dimshuffle(1, 0, 2) if self.return_sequences else h[-1]


class SimpleRNN(Recurrent):
    """Fully connected RNN whose output is fed back to its input.

    ::

        h_t = activation(W.x_t + U.h_tm1 + b)

    Weights: W, U, b.

    References
    ----------
    Elman (1990), "Finding Structure in Time", Cognitive Science 14.
    """

    param_names = ("W", "U", "b")

    def __init__(self, input_dim, output_dim, init='glorot_uniform', inner_init='orthogonal', activation='sigmoid',
                 weights=None, truncate_gradient=-1, return_sequences=False):
        super().__init__(input_dim, output_dim, init, inner_init, activation, 'linear',
                         weights, truncate_gradient, return_sequences)

    def _inputs(self, x):
        return [T.dot(x, self.W) + self.b]

    def _step(self, x_t, h_tm1):
        return self.activation(x_t + T.dot(h_tm1, self.U))


class SimpleDeepRNN(Recurrent):
    """Fully connected RNN that looks back over several of its outputs, not only the last.

    ::

        h_t = activation(W.x_t + b + inner_activation(U_1.h_tm1) + ... + inner_activation(U_depth.h_tmdepth))

    A step before the first contributes nothing at all, not inner_activation(0).

    Weights: W, U_1, ..., U_depth, b. A further parameter, `depth` (int, at most
    1000), is how many steps it looks back.

    References
    ----------
    Keras 0.1, where it shows how to build RNNs with arbitrary lookback.
    """

    def __init__(self, input_dim, output_dim, depth=3, init='glorot_uniform', inner_init='orthogonal',
                 activation='sigmoid', inner_activation='hard_sigmoid',
                 weights=None, truncate_gradient=-1, return_sequences=False):
        self.depth = self.nb_states = integer("depth", depth, most=1000)
        U_names = tuple(f"U_{i}" for i in range(1, self.depth + 1))
        self.param_names = ("W",) + U_names + ("b",)
        super().__init__(input_dim, output_dim, init, inner_init, activation, inner_activation,
                         weights, truncate_gradient, return_sequences)
        self.Us = [getattr(self, name) for name in U_names]

    def _inputs(self, x):
        return [T.dot(x, self.W) + self.b]

    def _context(self, x, mask):
        real = of_size_1(T.ones_like(x[:, :, :1]) if mask is None else mask, 2).astype('int32')
        steps_before = T.cumsum(real, axis=0) - real
        return [T.ge(steps_before, i) for i in range(1, self.depth + 1)]

    def _step(self, x_t, *exists_and_h):
        exists, h = exists_and_h[:self.depth], exists_and_h[self.depth:]
        lookback = [e * self.inner_activation(T.dot(h_tmi, U)) for e, h_tmi, U in zip(exists, h, self.Us)]
        h_t = self.activation(x_t + sum(lookback))
        return (h_t,) + h[:-1]


class GRU(Recurrent):
    """Gated recurrent unit.

    ::

        z = inner_activation(W_z.x_t + U_z.h_tm1 + b_z)         update gate
        r = inner_activation(W_r.x_t + U_r.h_tm1 + b_r)         reset gate
        hh = activation(W_h.x_t + U_h.(r * h_tm1) + b_h)        candidate
        h_t = z * h_tm1 + (1 - z) * hh

    Weights: W_z, U_z, b_z, W_r, U_r, b_r, W_h, U_h, b_h.

    References
    ----------
    Cho et al. (2014), "On the Properties of Neural Machine Translation: Encoder-Decoder Approaches";
    Chung et al. (2014), "Empirical Evaluation of Gated Recurrent Neural Networks on Sequence Modeling",
    arXiv:1412.3555.
    """

    param_names = ("W_z", "U_z", "b_z", "W_r", "U_r", "b_r", "W_h", "U_h", "b_h")

    def __init__(self, input_dim, output_dim=128, init='glorot_uniform', inner_init='orthogonal',
                 activation='sigmoid', inner_activation='hard_sigmoid',
                 weights=None, truncate_gradient=-1, return_sequences=False):
        super().__init__(input_dim, output_dim, init, inner_init, activation, inner_activation,
                         weights, truncate_gradient, return_sequences)

    def _inputs(self, x):
        return [T.dot(x, self.W_z) + self.b_z,
                T.dot(x, self.W_r) + self.b_r,
                T.dot(x, self.W_h) + self.b_h]

    def _step(self, xz_t, xr_t, xh_t, h_tm1):
        z = self.inner_activation(xz_t + T.dot(h_tm1, self.U_z))
        r = self.inner_activation(xr_t + T.dot(h_tm1, self.U_r))
        hh = self.activation(xh_t + T.dot(r * h_tm1, self.U_h))
        return z * h_tm1 + (1 - z) * hh


class LSTM(Recurrent):
    """Long short-term memory, with a forget gate and without peepholes.

    ::

        i = inner_activation(W_i.x_t + U_i.h_tm1 + b_i)                 input gate
        f = inner_activation(W_f.x_t + U_f.h_tm1 + b_f)                 forget gate
        c_t = f * c_tm1 + i * activation(W_c.x_t + U_c.h_tm1 + b_c)     memory
        o = inner_activation(W_o.x_t + U_o.h_tm1 + b_o)                 output gate
        h_t = o * activation(c_t)

    Weights: W_i, U_i, b_i, W_c, U_c, b_c, W_f, U_f, b_f, W_o, U_o, b_o. A further parameter,
    `forget_bias_init` (str or callable), initializes b_f: with 'one' the memory is kept at first.

    References
    ----------
    Hochreiter and Schmidhuber (1997), "Long Short-Term Memory"; Gers et al. (2000), "Learning to
    Forget: Continual Prediction with LSTM"; Graves (2012), "Supervised Sequence Labelling with
    Recurrent Neural Networks".
    """

    param_names = ("W_i", "U_i", "b_i", "W_c", "U_c", "b_c", "W_f", "U_f", "b_f", "W_o", "U_o", "b_o")
    nb_states = 2

    def __init__(self, input_dim, output_dim=128, init='glorot_uniform', inner_init='orthogonal',
                 forget_bias_init='one', activation='tanh', inner_activation='hard_sigmoid',
                 weights=None, truncate_gradient=-1, return_sequences=False):
        self.forget_bias_init = initializations.get(forget_bias_init)
        super().__init__(input_dim, output_dim, init, inner_init, activation, inner_activation,
                         weights, truncate_gradient, return_sequences)

    def _draw_order(self):
        return sorted(self.param_names, key=lambda name: "ifco".index(name[-1]))

    def _initialization(self, name):
        return (self.forget_bias_init, (self.output_dim,)) if name == "b_f" else super()._initialization(name)

    def _inputs(self, x):
        return [T.dot(x, self.W_i) + self.b_i,
                T.dot(x, self.W_f) + self.b_f,
                T.dot(x, self.W_c) + self.b_c,
                T.dot(x, self.W_o) + self.b_o]

    def _step(self, xi_t, xf_t, xc_t, xo_t, h_tm1, c_tm1):
        i = self.inner_activation(xi_t + T.dot(h_tm1, self.U_i))
        f = self.inner_activation(xf_t + T.dot(h_tm1, self.U_f))
        c_t = f * c_tm1 + i * self.activation(xc_t + T.dot(h_tm1, self.U_c))
        o = self.inner_activation(xo_t + T.dot(h_tm1, self.U_o))
        h_t = o * self.activation(c_t)
        return h_t, c_t


class JZS1(Recurrent):
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
    """

    param_names = ("W_z", "b_z", "W_r", "U_r", "b_r", "U_h", "b_h")
    non_trainable_names = ("Pmat",)

    def _inputs(self, x):
        return [T.dot(x, self.W_z) + self.b_z,
                T.dot(x, self.W_r) + self.b_r,
                T.tanh(T.dot(x, self.Pmat)) + self.b_h]

    def _step(self, xz_t, xr_t, xh_t, h_tm1):
        z = self.inner_activation(xz_t)
        r = self.inner_activation(xr_t + T.dot(h_tm1, self.U_r))
        hh = self.activation(xh_t + T.dot(r * h_tm1, self.U_h))
        return hh * z + h_tm1 * (1 - z)


class JZS2(Recurrent):
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
    """

    param_names = ("W_z", "U_z", "b_z", "U_r", "b_r", "W_h", "U_h", "b_h")
    non_trainable_names = ("Pmat",)

    def _inputs(self, x):
        return [T.dot(x, self.W_z) + self.b_z,
                T.dot(x, self.Pmat) + self.b_r,
                T.dot(x, self.W_h) + self.b_h]

    def _step(self, xz_t, xr_t, xh_t, h_tm1):
        z = self.inner_activation(xz_t + T.dot(h_tm1, self.U_z))
        r = self.inner_activation(xr_t + T.dot(h_tm1, self.U_r))
        hh = self.activation(xh_t + T.dot(r * h_tm1, self.U_h))
        return hh * z + h_tm1 * (1 - z)


class JZS3(Recurrent):
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
    """

    param_names = ("W_z", "U_z", "b_z", "W_r", "U_r", "b_r", "W_h", "U_h", "b_h")

    def _inputs(self, x):
        return [T.dot(x, self.W_z) + self.b_z,
                T.dot(x, self.W_r) + self.b_r,
                T.dot(x, self.W_h) + self.b_h]

    def _step(self, xz_t, xr_t, xh_t, h_tm1):
        z = self.inner_activation(xz_t + T.dot(T.tanh(h_tm1), self.U_z))
        r = self.inner_activation(xr_t + T.dot(h_tm1, self.U_r))
        hh = self.activation(xh_t + T.dot(r * h_tm1, self.U_h))
        return hh * z + h_tm1 * (1 - z)
