"""Our layers in the model of real Keras 0.3.3, between its own layers, and beside them."""

import inspect

import numpy as np
import pytest
import theano
from conftest import DATA
from numpy.testing import assert_allclose
from theano.sandbox.rng_mrg import MRG_RandomStreams

import recurrent_layers as rl
from recurrent_layers.utils import io_utils

# The layers before and after ours, by their names in Keras; None is where ours stands.
PLACES = {
    "alone": [(None, 4, 3, False)],
    "first": [(None, 4, 5, False), ("Dense", 3), ("Activation", "softmax")],
    "middle": [("TimeDistributedDense", 6), (None, 6, 5, True), ("Dropout", 0.0), ("TimeDistributedDense", 3)],
    "last": [("TimeDistributedDense", 6), (None, 6, 3, False)],
    "stacked": [(None, 4, 5, True), (None, 5, 6, True), (None, 6, 3, False)],
    "after a mask": [("Embedding", 9, 4), (None, 4, 5, True), (None, 5, 6, False), ("Dense", 3)],
}


def build(keras, place, recurrent):
    """A model of Keras; `recurrent(input_dim, output_dim, return_sequences)` makes the recurrent layers."""
    model = keras.models.Sequential()
    for kind, *arguments in PLACES[place]:
        if kind is None:
            model.add(recurrent(*arguments))
        elif kind == "Embedding":
            model.add(keras.layers.embeddings.Embedding(*arguments, mask_zero=True))
        else:
            first = {} if model.layers else {"input_dim": 4}
            model.add(getattr(keras.layers.core, kind)(*arguments, **first))
    model.compile(keras.optimizers.SGD(lr=0.1), "mse")
    return model


def data(model, place):
    X = np.random.randint(1, 9, (8, 5)) if place == "after a mask" else np.random.randn(8, 5, 4)
    if place == "after a mask":
        X[:4, :2] = 0
    return X, np.random.rand(*model.predict(X).shape)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["SimpleDeepRNN", "LSTM", "JZS1"])
def test_everywhere_in_a_model_of_keras(keras, name, place, tmp_path):
    cls = getattr(rl, name)
    model = build(keras, place, lambda n, m, sequences: cls(n, m, return_sequences=sequences))
    X, y = data(model, place)
    history = model.fit(X, y, batch_size=4, nb_epoch=8, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    loss, _ = model.evaluate(X, y, verbose=0, show_accuracy=True)
    assert_allclose(loss, np.mean((model.predict(X) - y) ** 2), rtol=1e-6)

    again = build(keras, place, lambda n, m, sequences: cls(n, m, return_sequences=sequences))
    model.save_weights(str(tmp_path / "weights.h5"))
    again.load_weights(str(tmp_path / "weights.h5"))
    assert_allclose(again.predict(X), model.predict(X), rtol=1e-10)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["SimpleRNN", "GRU", "LSTM"])
def test_beside_the_layer_of_keras_numbers_are_the_same(keras, name, place):
    ours, theirs = getattr(rl, name), getattr(keras.layers.recurrent, name)
    mine = build(keras, place, lambda n, m, sequences: ours(n, m, activation="tanh", return_sequences=sequences))
    other = build(keras, place, lambda n, m, sequences: theirs(input_dim=n, output_dim=m, return_sequences=sequences))
    other.set_weights(mine.get_weights())
    X, y = data(mine, place)
    assert_allclose(mine.predict(X), other.predict(X), rtol=1e-8)
    before = mine.get_weights()
    for model in (mine, other):
        for _ in range(10):
            model.train_on_batch(X, y)
    for initial, weight, reference in zip(before, mine.get_weights(), other.get_weights()):
        assert_allclose(weight, reference, rtol=1e-8, atol=1e-12)
        assert not np.array_equal(initial, weight)


@pytest.mark.parametrize("seed", [1, 2])
def test_dropout_drops_what_that_of_2015_dropped(seed):
    """As its layer was written then."""
    np.random.seed(seed)
    layer, x = rl.Dropout(0.4), theano.tensor.matrix()
    layer.input = x
    np.random.seed(seed)
    stream = MRG_RandomStreams(seed=np.random.randint(10e6))
    theirs = x * stream.binomial(x.shape, p=0.6, dtype=theano.config.floatX)
    function = theano.function([x], [layer.get_output(train=True), theirs])
    for _ in range(2):
        ours, expected = function(np.ones((20, 30)))
        assert np.array_equal(ours, expected) and 0 < ours.mean() < 1


@pytest.mark.parametrize("name", ["SimpleRNN", "GRU", "LSTM"])
def test_keras_reads_our_weight_files(keras, name, tmp_path):
    ours, theirs = getattr(rl, name), getattr(keras.layers.recurrent, name)
    model = rl.Sequential([rl.Embedding(9, 4, mask_zero=True), ours(4, 5, activation="tanh", return_sequences=True),
                           ours(5, 6, activation="tanh"), rl.Dense(6, 3)])
    model.compile("sgd", "mse")
    other = build(keras, "after a mask", lambda n, m, sequences: theirs(input_dim=n, output_dim=m,
                                                                         return_sequences=sequences))
    model.save_weights(tmp_path / "weights.h5")
    other.load_weights(str(tmp_path / "weights.h5"))
    X, _ = data(other, "after a mask")
    assert_allclose(other.predict(X), model.predict(X), rtol=1e-10)


@pytest.mark.parametrize("name", ["SimpleRNN", "GRU", "LSTM"])
def test_a_file_of_keras_means_the_same_to_both(keras, name, tmp_path):
    """In float64: the predictions stored with these files are those of Keras in float32."""
    ours, theirs = getattr(rl, name), getattr(keras.layers.recurrent, name)
    model = rl.Sequential([ours(5, 5, activation="tanh", return_sequences=True), ours(5, 5, activation="tanh"),
                           rl.Dense(5, 3), rl.Activation("softmax")])
    model.compile("sgd", "mse")
    other = keras.models.Sequential()
    other.add(theirs(input_dim=5, output_dim=5, return_sequences=True))
    other.add(theirs(5))
    other.add(keras.layers.core.Dense(3))
    other.add(keras.layers.core.Activation("softmax"))
    other.compile("sgd", "mse")
    path = DATA / "models" / f"keras-0.3.3-{name.lower()}"
    X = np.load(f"{path}.npz")["X"]

    model.load_weights(f"{path}.h5")
    other.load_weights(f"{path}.h5")
    assert_allclose(model.predict(X), other.predict(X), rtol=1e-10)

    model.save_weights(tmp_path / "back.h5")
    other.set_weights([0 * weight for weight in other.get_weights()])
    other.load_weights(str(tmp_path / "back.h5"))
    assert_allclose(other.predict(X), model.predict(X), rtol=1e-10)


def test_names_order_and_defaults_are_those_of_keras(keras):
    from keras.utils import io_utils as of_keras

    for ours, theirs in ((rl.Sequential.fit_generator, keras.models.Sequential.fit_generator),
                         (io_utils.HDF5Matrix, of_keras.HDF5Matrix)):
        names = [[(one.name, one.default) for one in inspect.signature(function).parameters.values()]
                 for function in (ours, theirs)]  # fmt: skip
        assert names[0] == names[1]
