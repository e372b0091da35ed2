"""`_step` of the layers, as layers of 2015 gave it to `theano.scan`, beside what the layers compute themselves."""

import numpy as np
import pytest
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
        product = T.dot(X_steps, getattr(layer, "W" + name, None) or layer.Pmat)
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


def test_one_with_another_number_of_arguments_says_what_it_takes():
    with pytest.raises(TypeError, match="GRU._step takes 8 variables: 3 inputs, .*, 1 states and 3 matrices; got 2"):
        rl.GRU(2, 3)._step(T.matrix(), T.matrix())
