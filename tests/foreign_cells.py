"""Recurrences as others write them: each takes a `scan`, arrays and weights, and returns a list of outputs."""

import numpy as np

from recurrent_layers import engine
from recurrent_layers.engine import nnet
from recurrent_layers.engine import tensor as T

CELLS, ARGUMENTS = {}, {}


def cell(**arguments):
    """Enter a recurrence in `CELLS`, and what it takes in `ARGUMENTS`.

    An argument is the name of each of its axes and, if it is not simply numbers of floatX, after a space its kind:
    "mask" for zeros and ones of floatX, "steps" for the number of timesteps, or an integer type for small integers.
    Axes: T timesteps, S two more, B nb_samples; n, m and i columns, 3 and 4 that many n, j n and i together; 1 and 2
    are themselves. What has neither timesteps nor samples is a shared variable.
    """

    def enter(function):
        CELLS[function.__name__], ARGUMENTS[function.__name__] = function, arguments
        return function

    return enter


def sizes_of_weights(n, m=7, i=5):
    """The size of each axis that does not depend on the data."""
    return {"n": n, "m": m, "i": i, "3": 3 * n, "4": 4 * n, "j": n + i, "1": 1, "2": 2}


class Given:
    """The variables that a recurrence takes, all of the floatX of now.

    Attributes
    ----------
    variables : list of symbolic variables
    inputs : list of symbolic variables
        Those that a function takes.
    differentiable : list of symbolic variables
    """

    def __init__(self, name, n):
        self.sizes, self.floatX = sizes_of_weights(n), engine.config.floatX
        self.arguments = {argument: (text.split(" ") + [""])[:2] for argument, text in ARGUMENTS[name].items()}
        self.variables = [self._variable(*item) for item in self.arguments.items()]
        self.inputs = [variable for variable in self.variables if not hasattr(variable, "get_value")]
        self.differentiable = [variable for variable in self.variables if variable.dtype == self.floatX
                               and not variable.name.startswith("mask")]  # fmt: skip

    def _variable(self, name, axes_and_kind):
        axes, kind = axes_and_kind
        if set(axes) & set("TSB") or kind:
            dtype = {"": self.floatX, "mask": self.floatX, "steps": "int64"}.get(kind, kind)
            return T.TensorType(dtype, (False,) * len(axes))(name)
        value = np.asarray(self._numbers(axes, self.sizes), self.floatX)
        return engine.shared(value, name, **{"broadcastable": (True, False)} if axes[0] == "1" else {})

    @staticmethod
    def _numbers(axes, sizes, kind=""):
        shape = [sizes[axis] for axis in axes]
        if kind == "steps":
            return sizes["T"]
        if kind:
            return np.random.rand(*shape) < 0.7
        return np.random.randn(*shape) / (2 if axes[0] in "TSB" or len(axes) == 1 else np.sqrt(shape[0]))

    def values(self, nb_samples, timesteps):
        """Arrays for the inputs."""
        sizes = dict(self.sizes, T=timesteps, S=timesteps + 2, B=nb_samples)
        return [np.asarray(self._numbers(axes, sizes, kind), variable.dtype)
                for variable, (axes, kind) in zip(self.variables, self.arguments.values()) if variable in self.inputs]


def number_of_units(matrix):
    """How many states a square matrix, or that of several gates, is of."""
    return matrix.get_value().shape[0]


def zeros(*shape):
    return T.alloc(np.asarray(0, engine.config.floatX), *shape)


# ---- Gates of one matrix --------------------------------------------------------------------------------------


@cell(x="TBi", mask="TB mask", W="i4", U="n4", b="4")
def lstm_of_the_tutorial(scan, x, mask, W, U, b):
    """As in the deep learning tutorial of Theano: weights by closure, a mask of floats, n_steps of the data."""
    nsteps, n_samples, dim = x.shape[0], x.shape[1], number_of_units(U)

    def _slice(_x, n, dim):
        return _x[:, n * dim:(n + 1) * dim]

    def _step(m_, x_, h_, c_):
        preact = T.dot(h_, U)
        preact += x_
        i = nnet.sigmoid(_slice(preact, 0, dim))
        f = nnet.sigmoid(_slice(preact, 1, dim))
        o = nnet.sigmoid(_slice(preact, 2, dim))
        c = T.tanh(_slice(preact, 3, dim))
        c = f * c_ + i * c
        c = m_[:, None] * c + (1. - m_)[:, None] * c_
        h = o * T.tanh(c)
        h = m_[:, None] * h + (1. - m_)[:, None] * h_
        return h, c

    outputs, _ = scan(_step, sequences=[mask, T.dot(x, W) + b], name="lstm_layers", n_steps=nsteps,
                      outputs_info=[zeros(n_samples, dim), zeros(n_samples, dim)])  # fmt: skip
    return outputs


def peephole_lstm(scan, x, mask, W, U, b, p_i, p_f, p_o, cell_init, hid_init, backwards=False):
    """As in Lasagne: samples first, one matrix for all gates, weights as non_sequences, learned initial states."""
    x = x.dimshuffle(1, 0, 2)
    num_batch, num_units = x.shape[1], number_of_units(U)
    non_seqs = [U, p_i, p_f, p_o]

    def slice_w(x, n):
        return x[:, n * num_units:(n + 1) * num_units]

    def step(input_n, cell_previous, hid_previous, *args):
        gates = input_n + T.dot(hid_previous, U)
        ingate = slice_w(gates, 0)
        forgetgate = slice_w(gates, 1)
        cell_input = slice_w(gates, 2)
        outgate = slice_w(gates, 3)
        ingate += cell_previous * p_i
        forgetgate += cell_previous * p_f
        ingate = nnet.sigmoid(ingate)
        forgetgate = nnet.sigmoid(forgetgate)
        cell = forgetgate * cell_previous + ingate * T.tanh(cell_input)
        outgate += cell * p_o
        outgate = nnet.sigmoid(outgate)
        return [cell, outgate * T.tanh(cell)]

    def step_masked(input_n, mask_n, cell_previous, hid_previous, *args):
        cell, hid = step(input_n, cell_previous, hid_previous, *args)
        return [T.switch(mask_n, cell, cell_previous), T.switch(mask_n, hid, hid_previous)]

    sequences, ones = [T.dot(x, W) + b], T.ones((num_batch, 1))
    if mask is not None:
        sequences.append(mask.dimshuffle(1, 0, "x"))
    outputs_info = [T.dot(ones, cell_init), T.dot(ones, hid_init) if mask is None else T.repeat(hid_init, num_batch, 0)]
    (_, hid_out), _ = scan(step if mask is None else step_masked, sequences, outputs_info, go_backwards=backwards,
                           non_sequences=non_seqs, strict=True)  # fmt: skip
    hid_out = hid_out.dimshuffle(1, 0, 2)
    return [hid_out[:, ::-1] if backwards else hid_out]


@cell(x="BTi", W="i4", U="n4", b="4", p_i="n", p_f="n", p_o="n", cell_init="1n", hid_init="1n")
def lstm_with_peepholes(scan, x, *weights):
    return peephole_lstm(scan, x, None, *weights)


@cell(x="BTi", mask="BT int8", W="i4", U="n4", b="4", p_i="n", p_f="n", p_o="n", cell_init="1n", hid_init="1n")
def lstm_with_peepholes_masked_backwards(scan, *given):
    return peephole_lstm(scan, *given, backwards=True)


@cell(x="TBi", h_0="Bn", W="i3", U="n3", b="3")
def gru_of_one_matrix(scan, x, h_0, W, U, b):
    """As in Lasagne: the third product is cut out before the reset gate is multiplied."""
    n = number_of_units(U)

    def step(x_t, h_tm1):
        hidden = T.dot(h_tm1, U)
        gates = nnet.sigmoid(x_t[:, :2 * n] + hidden[:, :2 * n])
        r, z = gates[:, :n], gates[:, n:]
        hh = T.tanh(x_t[:, 2 * n:] + r * hidden[:, 2 * n:])
        return (1 - z) * h_tm1 + z * hh

    return [scan(step, T.dot(x, W) + b, h_0)[0]]


@cell(x="TBi", h_0="Bn", c_0="Bn", W="j4", b="4")
def lstm_of_joined_inputs(scan, x, h_0, c_0, W, b):
    """Input and state side by side, one product with one matrix."""
    n = W.get_value().shape[1] // 4

    def step(x_t, h_tm1, c_tm1):
        z = T.dot(T.concatenate([x_t, h_tm1], axis=1), W) + b
        i, f, o = (nnet.sigmoid(z[:, k * n:(k + 1) * n]) for k in range(3))
        c_t = f * c_tm1 + i * T.tanh(z[:, 3 * n:])
        return o * T.tanh(c_t), c_t

    return scan(step, sequences=x, outputs_info=[h_0, c_0])[0]


# ---- Rows as a whole ------------------------------------------------------------------------------------------


@cell(x="TBi", h_0="Bn", W="in", W_g="i2", U="nn", b="n", gain="n", shift="n", gain_x="n", shift_x="n")
def gru_layer_normalized(scan, x, h_0, W, W_g, U, b, gain, shift, gain_x, shift_x):
    """By means and variances of rows, with an update gate of two columns that are mixed to one."""

    def _ln(x, b, s):
        output = (x - x.mean(1)[:, None]) / T.sqrt(x.var(1)[:, None] + 1e-5)
        return s[None, :] * output + b[None, :]

    def step(x_t, g_t, h_tm1):
        r = nnet.sigmoid(_ln(T.dot(h_tm1, U) + x_t, shift, gain))
        z = nnet.sigmoid(g_t.sum(axis=1, keepdims=True) + b)
        hh = T.tanh(_ln(T.dot(r * h_tm1, U), shift_x, gain_x) + x_t)
        return z * h_tm1 + (1. - z) * hh

    return [scan(step, [T.dot(x, W), T.dot(x, W_g)], [h_0])[0]]


@cell(x="TBi", h_0="Bn", c_0="Bn", W="i4", U="n4", b="4", gain="4", gain_c="n", shift_c="n")
def lstm_layer_normalized(scan, x, h_0, c_0, W, U, b, gain, gain_c, shift_c):
    """By standard deviations of rows; of all gates together, and of the memory."""
    n = number_of_units(U)

    def normalize(a, gain, shift):
        return gain * (a - T.mean(a, axis=-1, keepdims=True)) / (T.std(a, axis=-1, keepdims=True) + 1e-3) + shift

    def step(x_t, h_tm1, c_tm1, U, b, gain, gain_c, shift_c):
        z = x_t + normalize(T.dot(h_tm1, U), gain, b)
        i, f, o = (nnet.sigmoid(z[:, k * n:(k + 1) * n]) for k in range(3))
        c_t = f * c_tm1 + i * T.tanh(z[:, 3 * n:4 * n])
        return o * T.tanh(normalize(c_t, gain_c, shift_c)), c_t

    return scan(step, T.dot(x, W), [h_0, c_0], [U, b, gain, gain_c, shift_c])[0]


@cell(x="TBn", h_0="Bn", A="nm", V="mn", U="nn")
def attention(scan, x, h_0, A, V, U):
    """Over seven learned contexts; how much of each is an output that is not fed back."""

    def step(x_t, h_tm1, A, V, U):
        alpha = nnet.softmax(T.dot(h_tm1, A))
        h_t = T.tanh(x_t + T.dot(alpha, V) + T.dot(h_tm1, U) * alpha.max(axis=1, keepdims=True))
        return h_t, alpha

    return scan(step, sequences=[x], outputs_info=[h_0, None], non_sequences=[A, V, U])[0]


# ---- States, sequences, weights -------------------------------------------------------------------------------


@cell(x="TBi", h_0="2Bn", W="in", U="nn", V="nn", b="n")
def elman_of_two_taps(scan, x, h_0, W, U, V, b):
    def step(x_t, h_tm2, h_tm1):
        return T.tanh(x_t + T.dot(h_tm1, U) + T.dot(h_tm2, V) + b)

    return [scan(step, T.dot(x, W), outputs_info=dict(initial=h_0, taps=[-2, -1]))[0]]


@cell(x="TBn", h_0="Bn", U="nm", V="mn")
def elman_of_low_rank(scan, x, h_0, U, V):
    return [scan(lambda x_t, h_tm1: T.tanh(x_t + T.dot(T.dot(h_tm1, U), V)), x, h_0)[0]]


@cell(x="TBn", h_0="Bn", dropped="Bn", context="Bn", U="nn")
def elman_with_fixed_values(scan, x, h_0, dropped, context, U):
    """What is dropped of the state is the same at all steps, and so is a context."""

    def step(x_t, h_tm1, dropped, context, U):
        return T.tanh(x_t + context + T.dot(h_tm1 * dropped, U))

    return [scan(step, sequences=x, outputs_info=h_0, non_sequences=[dropped, context, U])[0]]


@cell(x="TBi", r_0="Bm", c_0="Bn", W="i4", U="m4", P="nm", V="ni")
def lstm_with_projection(scan, x, r_0, c_0, W, U, P, V):
    """States of two widths, and an output of a third that is not fed back."""
    n = number_of_units(P)

    def step(x_t, r_tm1, c_tm1):
        z = x_t + T.dot(r_tm1, U)
        c_t = nnet.sigmoid(z[:, :n]) * c_tm1 + nnet.sigmoid(z[:, n:2 * n]) * T.tanh(z[:, 2 * n:3 * n])
        h_t = nnet.sigmoid(z[:, 3 * n:]) * T.tanh(c_t)
        return [T.dot(h_t, V), T.dot(h_t, P), c_t]

    return scan(step, sequences=T.dot(x, W), outputs_info=[None, r_0, c_0])[0]


@cell(steps=" steps", h_0="Bn", y_0="Bm", U="nn", V="nm", W="mn")
def generator(scan, steps, h_0, y_0, U, V, W):
    """No sequences: what it gives is what it takes next."""

    def step(h_tm1, y_tm1):
        h_t = T.tanh(T.dot(y_tm1, W) + T.dot(h_tm1, U))
        return h_t, nnet.softmax(T.dot(h_t, V))

    return scan(step, outputs_info=[h_0, y_0], n_steps=steps)[0]


@cell(x="TBi", forced="TBn", speed="TB", kind="TB int32", h_0="Bn", W="in", U="nn")
def several_sequences(scan, x, forced, speed, kind, h_0, W, U):
    """Some of another number of columns, or of none; one is boolean. The input's product is in the step."""

    def step(x_t, forced_t, speed_t, is_kept_t, h_tm1):
        h_t = T.tanh(T.dot(x_t, W) + T.dot(h_tm1, U) * speed_t[:, None] + forced_t)
        return T.switch(is_kept_t.dimshuffle(0, "x"), h_tm1, h_t)

    return [scan(step, [x, forced, speed, T.eq(kind, 0)], h_0)[0]]


@cell(x="SBn", h_0="Bn", U="nn", p="n", q="n")
def sequence_of_three_taps(scan, x, h_0, U, p, q):
    def step(x_tm1, x_t, x_tp1, h_tm1):
        return T.tanh(p * x_tm1 + x_t + q * x_tp1 + T.dot(h_tm1, U))

    return [scan(step, sequences=dict(input=x, taps=[-1, 0, 1]), outputs_info=[h_0])[0]]
