"""The recurrent layers of real Keras 0.3.3 by `speed_up_scan`, against themselves by Theano's scan."""

import numpy as np
import pytest
import theano
from compiled import BY_SCAN, IN_C, is_in_c
from numpy.testing import assert_allclose

import recurrent_layers as rl


@pytest.fixture
def speed_up_scan():
    yield rl.speed_up_scan
    rl.speed_up_scan(False)


def build(keras, recurrent, masked=False, stacked=False, **how):
    """A model of Keras: perhaps what gives a mask, one or two recurrent layers (`how` they are), a dense one."""
    model, first = keras.models.Sequential(), dict(input_dim=3)
    if how.get("stateful"):
        first = dict(batch_input_shape=(4, 5, 3))
    if masked and how.get("stateful"):
        model.add(keras.layers.core.Masking(0.0, **first))
    elif masked:
        model.add(keras.layers.embeddings.Embedding(9, 3, mask_zero=True))
        first = {}
    if stacked:
        model.add(recurrent(6, return_sequences=True, **how, **first))
        first = {}
    model.add(recurrent(7, return_sequences=stacked, **how, **first))
    model.add(keras.layers.core.TimeDistributedDense(2) if stacked else keras.layers.core.Dense(2))
    model.compile(keras.optimizers.SGD(lr=0.1), "mse")
    return model


def trained(model, masked=False, stacked=False, stateful=False, **_):
    """All that one sees of a model that is trained: losses, weights, states, predictions."""
    random = np.random.RandomState(5)
    seen = []
    for _ in range(2):
        X = random.randn(4, 5, 3) * (random.rand(4, 5, 1) < 0.7 if masked else 1)
        if masked and not stateful:
            X = random.randint(0, 3, (4, 5))
        seen.append(model.train_on_batch(X, random.rand(*(4, 5, 2) if stacked else (4, 2))))
    seen += model.get_weights()
    for _ in range(2):
        seen.append(model.predict(X, batch_size=4))
    if stateful:
        seen += [state.get_value() for layer in model.layers for state in getattr(layer, "states", [])]
        assert not np.array_equal(seen[-1], 0 * seen[-1])
        model.reset_states()
        seen.append(model.predict(X, batch_size=4))
    return seen


WAYS = {
    "plainly": dict(),
    "stacked backwards after a mask": dict(masked=True, stacked=True, go_backwards=True),
    "all at once": dict(masked=True, stateful=True, go_backwards=True, dropout_W=0.3, dropout_U=0.4),
}


@pytest.mark.parametrize("name, way", [("GRU", "plainly"), ("LSTM", "stacked backwards after a mask"),
                                       ("GRU", "all at once"), ("LSTM", "all at once")])
def test_layers_of_keras_run_in_c_and_give_the_same(keras, speed_up_scan, monkeypatch, name, way):
    recurrent, how, seen = getattr(keras.layers.recurrent, name), WAYS[way], []
    for in_c in (False, True):
        speed_up_scan(in_c)
        monkeypatch.setattr(keras.backend.function, "mode", IN_C if in_c else BY_SCAN)
        np.random.seed(3)
        model = build(keras, recurrent, **how)
        seen.append(trained(model, **how))
        assert in_c <= is_in_c(model._train.function) and in_c <= is_in_c(model._predict.function)
    for result, reference in zip(*seen):
        assert_allclose(result, reference, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN"])
def test_options_of_our_layers_are_those_of_keras(keras, monkeypatch, name):
    """Backwards, behind padding on either side, with dropout of the input and of the state; all gates drop the same."""
    rng, dropped = np.random.RandomState(1), {}
    for share, size in ((0.75, 3), (0.5, 5)):
        dropped[share] = (rng.uniform(size=(4, size)) < share).astype(float)
    monkeypatch.setattr(keras.backend, "dropout", lambda x, level, seed=None: x * dropped[1 - level] / (1 - level))
    monkeypatch.setattr(rl.Recurrent, "_kept", lambda self, share, shape: theano.tensor.constant(dropped[share]))
    how = dict(activation="tanh", return_sequences=True, go_backwards=True, dropout_W=0.25, dropout_U=0.5)
    their_mask, ours_mask = keras.layers.core.Masking(0.0, input_shape=(6, 3)), rl.Masking(0.0)
    theirs, ours = getattr(keras.layers.recurrent, name)(5, **how), getattr(rl, name)(3, 5, **how)
    theirs.set_previous(their_mask)
    theirs.build()
    ours_mask.input = theano.tensor.tensor3()
    ours.set_previous(ours_mask)
    weights = [rng.uniform(-1, 1, weight.shape) for weight in ours.get_weights()]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    X = rng.randn(4, 6, 3)
    X[0, 4:] = X[1, :2] = X[2, 3] = 0
    for train in (False, True):
        function = theano.function([ours_mask.input], ours.get_output(train), mode=IN_C)
        assert is_in_c(function)
        expected = theano.function([their_mask.input], theirs.get_output(train), mode=BY_SCAN)(X)
        assert_allclose(function(X), expected, rtol=1e-8, atol=1e-12)


def test_a_stateful_layer_goes_on_as_that_of_keras(keras):
    """What is trained and predicted of one sequence after the other, until its states are to begin anew."""
    rng, make = np.random.RandomState(2), keras.layers
    theirs = keras.models.Sequential()
    theirs.add(make.core.Masking(0.0, batch_input_shape=(4, 5, 3)))
    theirs.add(make.recurrent.LSTM(6, stateful=True, go_backwards=True))
    theirs.add(make.core.Dense(2))
    theirs.compile(keras.optimizers.SGD(lr=0.1), "mse")
    ours = rl.Sequential([rl.Masking(0.0), rl.LSTM(3, 6, stateful=True, go_backwards=True), rl.Dense(6, 2)])
    ours.compile(rl.optimizers.SGD(lr=0.1), "mse", theano_mode="FAST_RUN")
    ours.set_weights(theirs.get_weights())
    for _ in range(3):
        X, y = rng.randn(4, 5, 3) * (rng.rand(4, 5, 1) < 0.7), rng.randn(4, 2)
        assert_allclose(ours.train_on_batch(X, y), theirs.train_on_batch(X, y), rtol=1e-8)
    for found, expected in zip(ours.get_weights(), theirs.get_weights()):
        assert_allclose(found, expected, rtol=1e-8, atol=1e-12)
    theirs.reset_states()  # Theirs would go on with the states of the training.
    for _ in range(2):
        assert_allclose(ours.predict(X), theirs.predict(X, batch_size=4), rtol=1e-8)
    assert is_in_c(ours._functions.get("train"))
