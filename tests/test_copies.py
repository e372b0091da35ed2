"""Layers and models survive pickle, copy, config and JSON."""

import copy
import pickle
import pickletools

import numpy as np
import pytest
from conftest import DATA, RECURRENT
from numpy.testing import assert_allclose

import recurrent_layers as rl
from recurrent_layers import engine
from recurrent_layers.engine import tensor as T

WAYS = {"pickle": lambda item: pickle.loads(pickle.dumps(item)), "deepcopy": copy.deepcopy}


def through_config(item):
    again = type(item).from_config(item.get_config())
    again.set_weights(item.get_weights())
    return again


def through_json(model):
    again = rl.model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    return again


def output(layer, X):
    return engine.function([layer.input], layer.get_output(), allow_input_downcast=True)(X)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_model_that_was_trained_before_it_was_put_into_another(way):
    inner, X = rl.Sequential([rl.Dense(4, 2)]), np.random.randn(2, 5, 3)
    inner.compile("sgd", "mse")
    inner.train_on_batch(np.random.randn(3, 4), np.ones((3, 2)))
    outer = rl.Sequential([rl.GRU(3, 4), inner])
    outer.compile("sgd", "mse")
    again = way(outer)
    assert_allclose(again.predict(X), outer.predict(X), rtol=1e-12)
    again.train_on_batch(X, np.ones((2, 2)))
    with pytest.raises(RuntimeError, match="the model is not compiled"):
        way(inner).predict(X)


def test_a_copy_that_is_begun_while_a_model_is_trained_has_the_weights_of_then():
    """Layers are copied later than what says that they are."""
    class Beginning(rl.callbacks.Callback):
        def on_epoch_end(self, epoch, logs):
            if epoch == 1:
                self.state, self.weights = model.__getstate__(), model.get_weights()

    model, begun = rl.Sequential([rl.GRU(3, 4), rl.Dense(4, 2)]), Beginning()
    model.compile("adam", "mse")
    model.fit(np.random.randn(8, 5, 3), np.random.randn(8, 2), nb_epoch=4, verbose=0, callbacks=[begun])
    again = rl.Sequential()
    again.__setstate__(copy.deepcopy(begun.state))
    for weight, expected, last in zip(again.get_weights(), begun.weights, model.get_weights()):
        assert np.array_equal(weight, expected) and not np.array_equal(weight, last)


@pytest.mark.parametrize("way", [*WAYS.values(), through_config], ids=[*WAYS, "config"])
@pytest.mark.parametrize("name", RECURRENT)
def test_a_recurrent_layer(name, way):
    layer = getattr(rl, name)(3, 2, return_sequences=True, truncate_gradient=4)
    again, X = way(layer), np.random.randn(2, 5, 3)
    assert_allclose(output(again, X), output(layer, X), rtol=1e-12)
    assert again.get_config() == layer.get_config()
    again.set_weights([0 * weight for weight in again.get_weights()])
    assert layer.get_weights()[0].any(), "the copy has weights of its own"


@pytest.mark.parametrize("way", [*WAYS.values(), through_config], ids=[*WAYS, "config"])
@pytest.mark.parametrize("layer, shape", [
    (rl.Dense(3, 2, activation="tanh", W_regularizer="l2"), (2, 3)), (rl.TimeDistributedDense(3, 2), (2, 4, 3)),
    (rl.RepeatVector(3), (2, 3)), (rl.Masking(1.0), (2, 4, 3)), (rl.Embedding(5, 2, mask_zero=True), (2, 4)),
])  # fmt: skip
def test_a_core_layer(layer, shape, way):
    X = np.random.randint(0, 5, shape)
    assert_allclose(output(way(layer), X), output(layer, X), rtol=1e-12)


def trained_model(**compilation):
    X, y = np.random.randn(10, 4, 3), np.random.rand(10, 2)
    model = rl.Sequential([rl.JZS1(3, 4), rl.Dropout(0.5), rl.Activation("relu"), rl.Dense(4, 3),
                           rl.Dense(3, 2, activation="sigmoid", W_constraint="nonneg")])
    model.compile(**dict(dict(optimizer="adam", loss="mse"), **compilation))
    model.fit(X, y, nb_epoch=2, verbose=0)
    return model, X, y


@pytest.mark.parametrize("way", [*WAYS.values(), through_config, through_json], ids=[*WAYS, "config", "json"])
def test_a_compiled_model(way):
    model, X, y = trained_model()
    again = way(model)
    assert_allclose(again.predict(X), model.predict(X), rtol=1e-12)
    assert_allclose(again.evaluate(X, y, verbose=0), model.evaluate(X, y, verbose=0), rtol=1e-12)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("optimizer", ["adam", "sgd", "adadelta"])
def test_training_goes_on_as_if_nothing_had_happened(way, optimizer):
    model, X, y = trained_model(optimizer=optimizer)
    model.layers[1].p = 0.0
    model.compile(optimizer, "mse")
    model.train_on_batch(X, y)
    again = way(model)
    for one in (model, again):
        one.train_on_batch(X, y)
    for weight, reference in zip(again.get_weights(), model.get_weights()):
        assert_allclose(weight, reference, rtol=1e-12)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_model_that_is_not_compiled(way):
    model = rl.Sequential([rl.GRU(3, 2)])
    again = way(model)
    with pytest.raises(RuntimeError, match="not compiled"):
        again.predict(np.zeros((1, 2, 3)))
    again.compile("sgd", "mse")
    model.compile("sgd", "mse")
    X = np.random.randn(2, 3, 3)
    assert_allclose(again.predict(X), model.predict(X), rtol=1e-12)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_copy_is_of_this_model_whoever_shares_its_optimizer(way):
    optimizer = rl.optimizers.Adam()
    model, X, _ = trained_model(optimizer=optimizer)
    trained_model(optimizer=optimizer)
    assert_allclose(way(model).predict(X), model.predict(X), rtol=1e-12)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_copy_after_layers_were_frozen_or_added(way):
    model, X, y = trained_model()
    model.layers[0].trainable = False
    again = way(model)
    assert [layer.trainable for layer in again.layers] == [False, True, True, True, True]
    assert_allclose(again.predict(X), model.predict(X), rtol=1e-12)
    model.add(rl.Activation("linear"))
    with pytest.raises(RuntimeError, match="not compiled"):
        way(model).predict(X)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_copy_after_a_layer_of_a_model_within_was_frozen(way):
    model = rl.Sequential([rl.Sequential([rl.GRU(3, 4)]), rl.Dense(4, 2)])
    X, y = np.random.randn(4, 3, 3), np.ones((4, 2))
    model.compile("adam", "mse")
    model.train_on_batch(X, y)
    model.layers[0].layers[0].trainable = False
    again = way(model)
    for one in (model, again):
        one.train_on_batch(X, y)
    for weight, reference in zip(again.get_weights(), model.get_weights()):
        assert_allclose(weight, reference, rtol=1e-12)


PICKLED = DATA / "pickled"


@pytest.mark.parametrize("engine_name", ["Theano", "PyTensor"])
def test_pickles_of_either_engine(engine_name):
    with np.load(PICKLED / f"{engine_name}.npz") as arrays:
        X, y, predicted, trained = (arrays[name] for name in ("X", "y", "predicted", "trained"))
    with open(PICKLED / f"{engine_name}.pickle", "rb") as stream:
        with_dropout, model = pickle.load(stream)
    assert_allclose(with_dropout.predict(X), predicted, rtol=1e-10)
    with_dropout.train_on_batch(X, y)
    model.train_on_batch(X, y)
    assert_allclose(np.concatenate([weight.ravel() for weight in model.get_weights()]), trained, rtol=1e-10)


def test_pickles_name_neither_engine_nor_numpy():
    model, _, _ = trained_model()
    layer = rl.Dense(3, 2, W_regularizer="l2")
    for item in (model, layer, rl.optimizers.SGD()):
        named = [argument for operation, argument, _ in pickletools.genops(pickle.dumps(item))
                 if operation.name in ("GLOBAL", "SHORT_BINUNICODE", "BINUNICODE") and isinstance(argument, str)]
        assert not [name for name in named if name.split(".")[0] in ("theano", "pytensor", "numpy")]


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_what_was_one_variable_is_one_again(way):
    one, other = rl.Dense(3, 3, W_regularizer="l2"), rl.Dense(3, 3)
    other.params[0] = other.W = one.W
    layers = way([one, other])
    assert layers[0].W is layers[1].W is layers[1].params[0] is layers[0].regularizers[0].target
    layer, weight = copy.deepcopy([one, one.W])
    assert layer.W is weight and weight is not one.W
    assert copy.copy(one).W is one.W


def test_a_computed_variable_is_of_one_engine(monkeypatch):
    layer = rl.Dense(3, 2)
    layer.input = 2 * T.matrix()
    data = pickle.dumps(layer)
    assert pickle.loads(data).get_output().ndim == 2
    monkeypatch.setattr(engine, "NAME", "Another")
    with pytest.raises(ValueError, match="was pickled on (Theano|PyTensor) and has a variable computed from others, "
                                         "which Another cannot read: .*save_weights"):
        pickle.loads(data)


def test_dropout_draws_other_numbers_in_each_copy():
    layer = rl.Dropout(0.5)
    layer.input = T.matrix()
    again = pickle.loads(pickle.dumps(layer))
    X, once_more = np.ones((20, 20)), pickle.loads(pickle.dumps(again))
    masks = [engine.function([one.input], one.get_output(train=True))(X) for one in (layer, again, once_more)]
    assert all(0.3 < mask.mean() < 0.7 for mask in masks)
    assert len({mask.tobytes() for mask in masks}) == 3


def own_activation(x):
    return 2.0 * x


class TestFunctionsOfOnesOwn:
    def test_pickle_finds_them_by_their_module(self):
        layer = rl.SimpleRNN(3, 2, activation=own_activation)
        assert pickle.loads(pickle.dumps(layer)).activation is own_activation

    def test_config_holds_them(self):
        layer = rl.SimpleRNN(3, 2, activation=own_activation, init=np.ones)
        again = rl.SimpleRNN.from_config(layer.get_config())
        assert again.activation is own_activation and again.W.get_value().all()

    def test_json_says_what_to_do(self):
        with pytest.raises(ValueError, match="JSON cannot hold <function .*use a function of recurrent_layers by its "
                                             "name or .*, or keep the architecture in Python"):
            rl.Sequential([rl.SimpleRNN(3, 2, activation=lambda x: x)]).to_json()
