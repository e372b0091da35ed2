"""`_step` of the layers, as layers of 2015 gave it to `theano.scan`, beside what the layers compute themselves."""

import numpy as np
import pytest
from compiled import IN_C, is_in_c
from conftest import RECURRENT
from numpy.testing import assert_allclose

import recurrent_layers as rl
from recurrent_layers import engine
from recurrent_layers.engine import tensor as T
from recurrent_layers.recurrence import scan


def by_step(layer, X):
    """The outputs of a layer by a loop as Keras 0.1.3 wrote it, steps first."""
    depth, X_steps = getattr(layer, "depth", 1), X.dimshuffle(1, 0, 2)
    mask = layer.get_padded_shuffled_mask(False, X, pad=depth)
    of_gates = {"LSTM": "ifoc", "SimpleRNN": [""], "SimpleDeepRNN": [""]}.get(type(layer).__name__, "zrh")
    inputs, matrices = [], []
    for gate in of_gates:
        name = "_" + gate if gate else ""
        product = T.dot(X_steps, getattr(layer, "W" + name) if hasattr(layer, "W" + name) else layer.Pmat)
        product = T.tanh(product) if (type(layer), gate) == (rl.JZS1, "h") else product
        inputs.append(product + getattr(layer, "b" + name))
        matrices += [getattr(layer, "U" + name)] if hasattr(layer, "U" + name) else []
    zeros = T.zeros((X.shape[0], layer.output_dim))
    if isinstance(layer, rl.SimpleDeepRNN):
        taps = range(depth)
        return scan(layer._step, sequences=[*inputs, dict(input=mask, taps=[-k for k in taps])],
                    outputs_info=[dict(initial=T.zeros((depth, X.shape[0], layer.output_dim)),
                                       taps=[-k - 1 for k in taps])], non_sequences=layer.Us)[0]  # fmt: skip
    outputs, _ = scan(layer._step, sequences=[*inputs, mask], outputs_info=[zeros] * layer.nb_states,
                      non_sequences=matrices)  # fmt: skip
    return outputs[0] if isinstance(outputs, list) else outputs


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", RECURRENT)
def test_it_is_the_step_of_the_layer(name, masked):
    layer, draw = getattr(rl, name)(3, 4, return_sequences=True), np.random.RandomState(0)
    for param in layer.params:
        param.set_value(draw.randn(*param.get_value().shape))
    below = rl.Masking() if masked else rl.Activation("linear")
    below.input = T.tensor3()
    layer.set_previous(below)
    X, mask = draw.randn(3, 6, 3), np.ones((3, 6))
    if masked:
        X[0, :2] = X[1, :4] = 0
        mask[0, :2] = mask[1, :4] = 0
    outputs = [layer.get_output().dimshuffle(1, 0, 2), by_step(layer, layer.get_input())]
    expected, found = engine.function([below.input], outputs)(X)
    assert_allclose(found[mask.T > 0], expected[mask.T > 0], rtol=1e-10)


class Residual(rl.SimpleRNN):
    def _step(self, x_t, mask_tm1, h_tm1, u):
        return h_tm1 + self.activation(x_t + mask_tm1 * T.dot(h_tm1, u))


class Twice(rl.GRU):
    def _step(self, xz_t, xr_t, xh_t, mask_tm1, h_tm1, u_z, u_r, u_h):
        return 2 * super()._step(xz_t, xr_t, xh_t, mask_tm1, h_tm1, u_z, u_r, u_h)


class Peephole(rl.LSTM):
    def __init__(self, *sizes, **named):
        super().__init__(*sizes, **named)
        self.p = engine.shared(np.linspace(-1, 1, self.output_dim))
        self.params = self.params + [self.p]

    def _step(self, xi_t, xf_t, xo_t, xc_t, mask_tm1, h_tm1, c_tm1, u_i, u_f, u_o, u_c):
        i = self.inner_activation(xi_t + T.dot(mask_tm1 * h_tm1, u_i) + self.p * c_tm1)
        f = self.inner_activation(xf_t + T.dot(mask_tm1 * h_tm1, u_f))
        c_t = f * mask_tm1 * c_tm1 + i * self.activation(xc_t + T.dot(mask_tm1 * h_tm1, u_c))
        return self.inner_activation(xo_t + T.dot(mask_tm1 * h_tm1, u_o)) * self.activation(c_t), c_t


class Older(rl.SimpleDeepRNN):
    def _step(self, x_t, *masks_and_h_and_U):
        return self.activation(x_t + T.dot(masks_and_h_and_U[self.depth + 1], masks_and_h_and_U[2 * self.depth + 1]))


class Negated(rl.JZS1):
    def _step(self, xz_t, xr_t, xh_t, mask_tm1, h_tm1, u_r, u_h):
        return super()._step(xz_t, xr_t, -xh_t, mask_tm1, h_tm1, u_r, u_h)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def hard_sigmoid(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


def twice(w, x, h):
    z, r = (hard_sigmoid(x @ w[f"W_{gate}"] + h @ w[f"U_{gate}"] + w[f"b_{gate}"]) for gate in "zr")
    return 2 * (z * h + (1 - z) * sigmoid(x @ w["W_h"] + (r * h) @ w["U_h"] + w["b_h"]))


def peephole(w, x, h, c):
    i, f, o, new = (x @ w[f"W_{gate}"] + h @ w[f"U_{gate}"] + w[f"b_{gate}"] for gate in "ifoc")
    c = hard_sigmoid(f) * c + hard_sigmoid(i + w["p"] * c) * np.tanh(new)
    return hard_sigmoid(o) * np.tanh(c), c


def negated(w, x, h):
    z = sigmoid(x @ w["W_z"] + w["b_z"])
    r = sigmoid(x @ w["W_r"] + h @ w["U_r"] + w["b_r"])
    return np.tanh((r * h) @ w["U_h"] - np.tanh(x @ w["Pmat"]) - w["b_h"]) * z + h * (1 - z)


BY_NUMPY = {
    Residual: lambda w, x, h: h + sigmoid(x @ w["W"] + w["b"] + h @ w["U"]), Twice: twice, Peephole: peephole,
    Older: lambda w, x, h, h_2, h_3: (sigmoid(x @ w["W"] + w["b"] + h_2 @ w["U_2"]), h, h_2), Negated: negated,
}  # fmt: skip


@pytest.mark.parametrize("mode", [None, IN_C], ids=["plain", "in C"])
@pytest.mark.parametrize("cell", BY_NUMPY)
def test_one_of_the_users_own_is_the_cell(cell, mode):
    layer, draw = cell(3, 4, return_sequences=True), np.random.RandomState(0)
    for param in layer.params:
        param.set_value(draw.randn(*param.get_value().shape))
    X, weights = draw.randn(2, 5, 3), {name: variable.get_value() for name, variable in vars(layer).items()
                                       if isinstance(variable, engine.SharedVariable)}  # fmt: skip
    compute = engine.function([layer.input], layer.get_output(), mode=mode)
    assert mode is None or is_in_c(compute)
    states = [np.zeros((2, 4))] * layer.nb_states
    for x, found in zip(X.transpose(1, 0, 2), compute(X).transpose(1, 0, 2)):
        states = BY_NUMPY[cell](weights, x, *states)
        states = states if isinstance(states, tuple) else (states,)
        assert_allclose(found, states[0], rtol=1e-9)


def test_one_of_the_users_own_is_trained_with_its_weights():
    model = rl.Sequential([rl.Masking(), Peephole(3, 4), rl.Dense(4, 1)])
    model.compile("sgd", "mse")
    X, before = np.random.RandomState(0).randn(5, 6, 3), model.get_weights()
    X[:2, :3] = 0
    alone = model.predict(X[:1, 3:])
    assert_allclose(model.predict(X)[:1], alone, rtol=1e-6)
    model.train_on_batch(X, np.ones((5, 1)))
    assert len(before) == 15 and not any(map(np.array_equal, before, model.get_weights()))


def test_one_with_another_number_of_arguments_says_what_it_takes():
    with pytest.raises(TypeError, match="GRU._step takes 8 variables: 3 inputs, .*, 1 states and 3 matrices; got 2"):
        rl.GRU(2, 3)._step(T.matrix(), T.matrix())
