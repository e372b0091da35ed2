"""Layers around the recurrent ones, beside formulas in NumPy and beside real Keras."""

import copy
import json
import pickle

import numpy as np
import pytest
from compiled import IN_C, is_in_c
from conftest import DATA
from engines import change_flags
from numpy.testing import assert_allclose

import recurrent_layers as rl
from recurrent_layers import engine
from recurrent_layers.engine import tensor as T
from recurrent_layers.exchange import weight_files
from recurrent_layers.layers import advanced_activations, core, embeddings, noise, normalization


def reading(ndim, layer):
    """A layer without an input of its own, or with another one, reads one with as many dimensions."""
    layer.input = T.TensorType(engine.config.floatX, (False,) * ndim)()
    return layer


def drawn(*shape):
    """Numbers that are not near to 0, where rectifiers have a bend, nor near to each other."""
    numbers = np.random.permutation(np.arange(1, np.prod(shape) + 1)) / np.prod(shape)
    return (numbers * np.random.choice([-1, 1], numbers.shape)).reshape(shape)


def train(model, X, y, steps=2):
    return [model.train_on_batch(X, y) for _ in range(steps)]


def through_config(layer):
    again = type(layer).from_config(layer.get_config())
    again.set_weights(layer.get_weights())
    return again if layer.takes_integers else reading(layer.input.ndim, again)


# ---- Beside NumPy ------------------------------------------------------------------------------------------


def mirrored(x):
    return x[:, ::-1] ** 2


def root_mean_square(x):
    return np.sqrt(np.mean((x - x.mean(-1, keepdims=True)) ** 2, -1, keepdims=True))


#: Of a layer what makes it, the shape of its input, and what it computes of the input and of all weights.
FORMULAS = {
    "ActivityRegularization": (lambda: reading(2, rl.ActivityRegularization(0.5, 0.5)), (4, 3), lambda x: x),
    "BatchNormalization": (lambda: rl.BatchNormalization((3,), epsilon=0.25), (4, 3),
                           lambda x, gamma, beta, mean, std: gamma * (x - mean) / (std + 0.25) + beta),
    "BatchNormalization of sequences": (
        lambda: rl.BatchNormalization((2, 3)), (4, 2, 3),
        lambda x, gamma, beta, mean, std: gamma * (x - mean) / (std + 1e-6) + beta),
    "BatchNormalization of each sample": (
        lambda: rl.BatchNormalization((3,), mode=1), (4, 3), lambda x, gamma, beta, mean, std:
        gamma * (x - x.mean(1, keepdims=True)) / (root_mean_square(x) + 1e-6) + beta),
    "Flatten": (lambda: reading(4, rl.Flatten()), (2, 3, 2, 2), lambda x: x.reshape(2, 12)),
    "GaussianDropout": (lambda: reading(2, rl.GaussianDropout(0.5)), (4, 3), lambda x: x),
    "GaussianNoise": (lambda: reading(2, rl.GaussianNoise(0.5)), (4, 3), lambda x: x),
    "Lambda": (lambda: reading(2, rl.Lambda(mirrored)), (4, 3), lambda x: x[:, [2, 1, 0]] ** 2),
    "LeakyReLU": (lambda: reading(2, rl.LeakyReLU()), (4, 3), lambda x: np.where(x > 0, x, 0.3 * x)),
    "LeakyReLU(-2)": (lambda: reading(3, rl.LeakyReLU(-2)), (4, 2, 3), lambda x: np.where(x > 0, x, -2 * x)),
    "MaxoutDense": (lambda: rl.MaxoutDense(3, 5, nb_feature=4), (4, 3), lambda x, W, b: np.max(
        [x @ W[k] + b[k] for k in range(4)], axis=0)),
    "PReLU": (lambda: rl.PReLU((3,)), (4, 3), lambda x, alphas: np.where(x > 0, x, alphas * x)),
    "PReLU of sequences": (lambda: reading(3, rl.PReLU((3,))), (4, 2, 3),
                           lambda x, alphas: np.where(x > 0, x, alphas * x)),
    "PReLU of each step": (lambda: rl.PReLU((2, 3)), (4, 2, 3), lambda x, alphas: np.where(x > 0, x, alphas * x)),
    "ParametricSoftplus": (lambda: rl.ParametricSoftplus((3,)), (4, 3),
                           lambda x, alphas, betas: alphas * np.log(1 + np.exp(betas * x))),
    "ParametricSoftplus of sequences": (lambda: reading(3, rl.ParametricSoftplus(3)), (4, 2, 3),
                                        lambda x, alphas, betas: alphas * np.log(1 + np.exp(betas * x))),
    "Permute": (lambda: rl.Permute((3, 1, 2)), (4, 2, 3, 5), lambda x: np.moveaxis(x, 3, 1)),
    "Reshape": (lambda: reading(3, rl.Reshape(3, 4)), (2, 2, 6), lambda x: x.reshape(2, 3, 4)),
    "Reshape((-1, 4))": (lambda: reading(2, rl.Reshape((-1, 4))), (2, 12), lambda x: x.reshape(2, 3, 4)),
    "ThresholdedLinear": (lambda: reading(2, rl.ThresholdedLinear(0.52)), (4, 5),
                          lambda x: np.where(abs(x) < 0.52, 0, x)),
    "ThresholdedReLU": (lambda: reading(2, rl.ThresholdedReLU(0.32)), (4, 5), lambda x: np.where(x > 0.32, x, 0)),
    "TimeDistributedMerge": (rl.TimeDistributedMerge, (4, 2, 3), lambda x: x[:, 0] + x[:, 1]),
    "TimeDistributedMerge('ave')": (lambda: rl.TimeDistributedMerge("ave"), (4, 2, 3),
                                    lambda x: (x[:, 0] + x[:, 1]) / 2),
    "TimeDistributedMerge('mul')": (lambda: rl.TimeDistributedMerge(mode="mul"), (4, 3, 2),
                                    lambda x: x[:, 0] * x[:, 1] * x[:, 2]),
    "WordContextProduct": (lambda: rl.WordContextProduct(6, 3), None, lambda x, W_w, W_c: 1 / (
        1 + np.exp(-np.sum(W_w[x[:, 0]] * W_c[x[:, 1]], axis=1, keepdims=True)))),
}  # fmt: skip


def made(name):
    """A layer with weights that are drawn, an input, and what it computes."""
    make, shape, formula = FORMULAS[name]
    layer = make()
    layer.set_weights([1.0 + 0.5 * drawn(*weight.shape) for weight in layer.get_weights()])
    X = np.array([[0, 5], [3, 3], [5, 0], [1, 3]]) if shape is None else drawn(*shape)
    return layer, X, formula


def derivatives(function, array, step=1e-6):
    """Those of a function that gives a number, by differences."""
    found = np.zeros(array.shape)
    for place in np.ndindex(*array.shape):
        number, ends = array[place], []
        for array[place] in (number + step, number - step):
            ends.append(function())
        array[place] = number
        found[place] = (ends[0] - ends[1]) / (2 * step)
    return found


@pytest.mark.parametrize("name", FORMULAS)
def test_outputs_and_gradients_are_those_of_the_formula(name):
    layer, X, formula = made(name)
    weights = layer.get_weights()
    expected = formula(X, *weights)
    R = drawn(*expected.shape)
    y = layer.get_output()
    wrt = layer.params if layer.takes_integers else [layer.input] + layer.params
    found, *gradients = engine.function([layer.input], [y] + T.grad(T.sum(y * R), wrt),
                                        allow_input_downcast=True)(X)  # fmt: skip
    assert found.shape == expected.shape
    assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    arrays = weights[:len(layer.params)] if layer.takes_integers else [X] + weights[:len(layer.params)]
    for gradient, array in zip(gradients, arrays):
        by_differences = derivatives(lambda: np.sum(formula(X, *weights) * R), array)
        assert_allclose(gradient, by_differences, rtol=1e-6, atol=1e-8)
    assert len(gradients) == len(arrays)


@pytest.mark.parametrize("name", FORMULAS)
def test_in_float32_all_is_in_float32(name):
    with change_flags(floatX="float32"):
        layer, X, formula = made(name)
        outputs = [layer.get_output(), layer.get_output(train=True)]
        updates = [new for _, new in layer.get_params()[3]]
        gradients = T.grad(T.sum(outputs[1] ** 2), layer.params) if layer.params else []
        assert {variable.dtype for variable in outputs + updates + gradients} == {"float32"}
        found = engine.function([layer.input], outputs[0], allow_input_downcast=True)(X)
    assert_allclose(found, formula(X, *layer.get_weights()), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", FORMULAS)
def test_shapes_are_those_of_the_output(name):
    layer, X, formula = made(name)

    class Source(rl.Layer):
        output_shape = (None,) + X.shape[1:]

    layer.set_previous(Source())
    assert layer.output_shape == (None,) + formula(X, *layer.get_weights()).shape[1:]


@pytest.mark.parametrize("way", [lambda layer: pickle.loads(pickle.dumps(layer)), copy.deepcopy, through_config],
                         ids=["pickle", "deepcopy", "config"])  # fmt: skip
@pytest.mark.parametrize("name", FORMULAS)
def test_a_copy_is_the_same_and_another_one(name, way):
    layer, X, formula = made(name)
    again = way(layer)
    assert again.get_config() == layer.get_config()
    found = engine.function([again.input], again.get_output(), allow_input_downcast=True)(X)
    assert_allclose(found, formula(X, *layer.get_weights()), rtol=1e-10, atol=1e-12)
    again.set_weights([0 * weight for weight in again.get_weights()])
    assert all(weight.all() for weight in layer.get_weights())


# ---- Beside Keras ------------------------------------------------------------------------------------------


def vectors(*layers):
    return rl.Sequential([rl.Dense(3, 4), *layers])


def sequences(*layers):
    return rl.Sequential([rl.TimeDistributedDense(3, 4), *layers])


#: The models of `peers/layers_of_keras.py`.
OF_KERAS = {
    "ActivityRegularization": lambda: vectors(rl.ActivityRegularization(l1=0.03, l2=0.2)),
    "ActivityRegularization of sequences": lambda: sequences(rl.ActivityRegularization(0.03, 0.2)),
    "BatchNormalization": lambda: vectors(rl.BatchNormalization((4,), momentum=0.75)),
    "BatchNormalization of each sample": lambda: vectors(rl.BatchNormalization((4,), mode=1, epsilon=0.01)),
    "BatchNormalization of sequences": lambda: sequences(rl.BatchNormalization((5, 4))),
    "BatchNormalization of steps": lambda: sequences(rl.BatchNormalization((5, 4), mode=1)),
    "Flatten": lambda: sequences(rl.Flatten(), rl.Dense(20, 2)),
    "LeakyReLU": lambda: vectors(rl.LeakyReLU(alpha=0.1)),
    "MaxoutDense": lambda: vectors(rl.MaxoutDense(4, 2, nb_feature=3, W_regularizer="l2", b_constraint="maxnorm")),
    "PReLU": lambda: vectors(rl.PReLU((4,))),
    "PReLU of sequences": lambda: sequences(rl.PReLU((5, 4))),
    "Permute": lambda: sequences(rl.Permute((2, 1)), rl.TimeDistributedDense(5, 2)),
    "Reshape": lambda: sequences(rl.Reshape(10, 2), rl.TimeDistributedDense(2, 2)),
    "ThresholdedLinear": lambda: vectors(rl.ThresholdedLinear(theta=0.5)),
    "ThresholdedReLU": lambda: vectors(rl.ThresholdedReLU(theta=0.25)),
    "TimeDistributedMerge ave": lambda: sequences(rl.TimeDistributedMerge("ave")),
    "TimeDistributedMerge sum": lambda: sequences(rl.TimeDistributedMerge("sum")),
    "WordContextProduct": lambda: rl.Sequential([rl.WordContextProduct(6, proj_dim=3)]),
}


def numbers_of_keras():
    """By model, the arrays of the file."""
    found = {}
    with np.load(DATA / "layers_of_keras.npz") as stored:
        for name in stored:
            model, _, key = name.rpartition("/")
            found.setdefault(model, {})[key] = stored[name]
    return found


def test_the_models_are_those_of_keras():
    assert set(numbers_of_keras()) == {*OF_KERAS, ""}


@pytest.mark.parametrize("name", OF_KERAS)
def test_two_steps_of_training_are_those_of_keras(name):
    arrays, model = numbers_of_keras()[name], OF_KERAS[name]()
    count = len(model.get_weights())
    model.set_weights([arrays[f"weight_{n}"] for n in range(count)])
    model.compile(rl.optimizers.SGD(lr=0.125), "mse")
    assert_allclose(model.predict(arrays["X"]), arrays["Y"], rtol=1e-9, atol=1e-12)
    losses = train(model, arrays["X"], arrays["y"])
    assert_allclose(losses, arrays["losses"], rtol=1e-9)  # With penalties.
    for n, weight in enumerate(model.get_weights()):
        assert_allclose(weight, arrays[f"trained_{n}"], rtol=1e-8, atol=1e-12)
    assert_allclose(model.predict(arrays["X"]), arrays["trained_Y"], rtol=1e-8, atol=1e-12)


def test_two_steps_of_a_softplus_are_those_of_numpy():
    """Keras 0.2.0 could not make one."""
    model, X, y = rl.Sequential([rl.ParametricSoftplus((3,))]), drawn(5, 3), drawn(5, 3)
    model.compile(rl.optimizers.SGD(lr=0.5), "mse")
    alphas, betas, losses = np.full(3, 0.2), np.full(3, 5.0), []
    for _ in range(2):
        softplus = np.log1p(np.exp(betas * X))
        from_label = alphas * softplus - y
        losses.append(np.mean(from_label ** 2))
        error = 2 * from_label / X.size
        alphas, betas = (alphas - 0.5 * np.sum(error * softplus, 0),
                         betas - 0.5 * np.sum(error * alphas * X / (1 + np.exp(-betas * X)), 0))  # fmt: skip
    assert_allclose(train(model, X, y), losses, rtol=1e-9)
    for weight, expected in zip(model.get_weights(), (alphas, betas)):
        assert_allclose(weight, expected, rtol=1e-9)


def test_a_step_of_noise_is_that_of_the_noise_that_was_drawn():
    for layer, of_x in ((rl.GaussianDropout(0.5), lambda x, y: y / x), (rl.GaussianNoise(2.0), lambda x, y: 1 + 0 * x)):
        y, X = reading(2, layer).get_output(train=True), drawn(5, 3)
        found, gradient = engine.function([layer.input], [y, T.grad(T.sum(y), layer.input)])(X)
        assert abs(found - X).min() > 0
        assert_allclose(gradient, of_x(X, found), rtol=1e-9)


# ---- Single layers -----------------------------------------------------------------------------------------


class TestNoise:
    def drawn(self, layer, X):
        y = reading(2, layer).get_output(train=True)
        return engine.function([layer.input], y)(X)

    def test_noise_is_added(self):
        added = self.drawn(rl.GaussianNoise(0.5), np.full((200, 100), 3.0)) - 3.0
        assert abs(added.mean()) < 0.02 and abs(added.std() - 0.5) < 0.02
        assert abs(np.mean(added ** 4) / added.std() ** 4 - 3) < 0.3, "the kurtosis of a normal distribution is 3"

    @pytest.mark.parametrize("p", [0.2, 0.5])
    def test_it_has_mean_and_variance_of_dropout(self, p):
        factors = self.drawn(rl.GaussianDropout(p), np.full((200, 100), 2.0)) / 2.0
        # Of what is dropped with probability p, and else divided by 1 - p.
        assert abs(factors.mean() - 1) < 0.03 and abs(factors.std() - np.sqrt(p * (1 - p)) / (1 - p)) < 0.03

    @pytest.mark.parametrize("cls", [rl.GaussianNoise, rl.GaussianDropout])
    def test_none_is_none(self, cls):
        X = np.random.randn(3, 2)
        assert np.array_equal(self.drawn(cls(0), X), X)

    @pytest.mark.parametrize("cls", [rl.GaussianNoise, rl.GaussianDropout])
    def test_numpys_seed_is_the_seed(self, cls):
        found = []
        for seed in (1, 1, 2):
            np.random.seed(seed)
            found.append(self.drawn(cls(0.5), np.ones((5, 5))))
        assert np.array_equal(found[0], found[1]) and not np.array_equal(found[0], found[2])


class TestBatchNormalization:
    def model(self, **options):
        model = rl.Sequential([rl.BatchNormalization((2,), **options), rl.Dense(2, 1)])
        model.compile("sgd", "mse")
        return model

    def test_the_running_numbers_are_those_of_the_batches(self):
        model, X = self.model(momentum=0.5), np.array([[1.0, 5.0], [3.0, 5.0]])
        train(model, X, np.zeros((2, 1)))
        _, _, mean, std = model.layers[0].get_weights()
        assert_allclose(mean, [1.5, 3.75])
        assert_allclose(std, [np.sqrt(1 + 1e-6) * 0.75 + 0.25, 1e-3 * 0.75 + 0.25])
        model.predict(X), model.evaluate(X, np.zeros((2, 1)), verbose=0)
        assert_allclose(model.layers[0].get_weights()[2], mean)

    def test_in_training_it_takes_the_running_numbers(self):
        layer, X = rl.BatchNormalization((3,)), drawn(4, 3)
        found = engine.function([layer.input], [layer.get_output(train=train) for train in (False, True)])(X)
        assert_allclose(found[0], found[1])

    def test_what_is_frozen_stays(self):
        model = rl.Sequential([rl.BatchNormalization((2,)), rl.Dense(2, 1)])
        model.layers[0].trainable = False
        model.compile("sgd", "mse")
        before = model.layers[0].get_weights()
        train(model, drawn(4, 2), np.zeros((4, 1)))
        assert all(map(np.array_equal, model.layers[0].get_weights(), before))

    def test_it_begins_as_in_keras(self):
        np.random.seed(7)
        gamma, beta, mean, std = rl.BatchNormalization((5, 4)).get_weights()
        np.random.seed(7)
        assert_allclose(gamma, np.random.uniform(-0.05, 0.05, (5, 4)))
        assert not beta.any() and not mean.any() and (std == 1).all()

    def test_running_numbers_may_be_left_out_where_they_are_known(self, tmp_path):
        layer = rl.BatchNormalization((2,), weights=[np.ones(2), np.zeros(2), np.full(2, 3.0), np.full(2, 4.0)])
        layer.set_weights([np.full(2, 7.0), np.full(2, 8.0)])
        assert [weight[0] for weight in layer.get_weights()] == [7, 8, 3, 4]
        weight_files.write(tmp_path / "weights.h5", [layer.get_weights()[:2]])
        with pytest.raises(ValueError, match="layer 0 in .*: BatchNormalization lacks running_mean, running_std"):
            rl.Sequential([layer]).load_weights(tmp_path / "weights.h5")
        assert [weight[0] for weight in layer.get_weights()] == [7, 8, 3, 4]

    def test_a_constant_sample_has_gradients(self):
        model = self.model(mode=1)
        train(model, np.array([[2.0, 2.0], [0.0, 0.0], [1.0, 3.0]]), np.ones((3, 1)))
        assert all(np.isfinite(weight).all() for weight in model.get_weights())
        layer = rl.BatchNormalization((2,), mode=1)
        gradient = engine.function([layer.input], T.grad(T.sum(layer.get_output()), layer.input))
        assert np.isfinite(gradient([[2.0, 2.0]])).all()

    def test_the_running_numbers_are_of_what_was_dropped_in_that_step(self):
        ones, zeros = np.ones(100), np.zeros(100)
        layer = rl.BatchNormalization((100,), epsilon=0, momentum=0, weights=[ones, zeros, zeros, ones])
        model = rl.Sequential([reading(2, rl.Dropout(0.5)), layer])
        model.compile("sgd", "mse")
        # One sample of ones, of which some are dropped: its mean square is its mean.
        loss = model.train_on_batch(ones[None], zeros[None])
        assert 0 < loss < 1
        assert_allclose(loss, layer.get_weights()[2].mean())

    def test_a_graph_made_by_hand_has_the_updates(self):
        layer, X = rl.BatchNormalization((2,), momentum=0.0), drawn(4, 2)
        _, _, _, updates = layer.get_params()
        engine.function([layer.input], [], updates=updates)(X)
        assert_allclose(layer.get_weights()[2], X.mean(axis=0))


class TestReshape:
    @pytest.mark.parametrize("dims, previous, shape", [
        ((4, 3), 12, (None, 4, 3)), (((3, 4),), 12, (None, 3, 4)), (([12],), 12, (None, 12)),
        ((-1, 6), 12, (None, 2, 6)), ((np.int64(12), 1), 12, (None, 12, 1)), ((2, -1, 2), 12, (None, 2, 3, 2)),
    ])  # fmt: skip
    def test_shapes(self, dims, previous, shape):
        layer = rl.Reshape(*dims)
        layer.set_previous(rl.Dense(2, previous))
        assert layer.output_shape == shape

    def test_what_is_not_known_is_not_known(self):
        layer = rl.Reshape(-1, 4)
        assert layer.output_shape == (None, None, 4)
        layer.set_previous(rl.GRU(2, 4, return_sequences=True))
        assert layer.output_shape == (None, None, 4) and rl.Reshape(2, 3).output_shape == (None, 2, 3)
        flat = rl.Flatten()
        assert flat.output_shape == (None, None)
        flat.set_previous(layer)
        assert flat.output_shape == (None, None)

    @pytest.mark.parametrize("dims", [
        (), ((),), (-1, -1), (0,), (2, None), ("ab",), (2.0,), ({1, 2},), (3, (4,)), (-2,), (True,), ([[1], [1, 2]],),
        (T.matrix(),),
    ])  # fmt: skip
    def test_what_is_no_shape(self, dims):
        with pytest.raises(ValueError, match="dims"):
            rl.Reshape(*dims)

    @pytest.mark.parametrize("dims, message", [
        ((5, 2), r"Reshape\(5, 2\) expects 10 numbers in each sample, but Dense gives \(None, 12\)"),
        ((5, -1), r"Reshape\(5, -1\) expects a multiple of 5 numbers in each sample, but Dense gives \(None, 12\)"),
    ])  # fmt: skip
    def test_what_does_not_fit(self, dims, message):
        layer = rl.Reshape(*dims)
        with pytest.raises(ValueError, match=message):
            layer.set_previous(rl.Dense(2, 12))
        assert not hasattr(layer, "previous")

    def test_the_first_layer_needs_an_input(self):
        with pytest.raises(ValueError, match="Reshape has no input: connect it with set_previous"):
            rl.Reshape(4, 3).get_output()
        model = rl.Sequential([reading(2, rl.Reshape(4, 3)), rl.GRU(3, 2)])
        model.compile("sgd", "mse")
        assert model.predict(np.ones((2, 12))).shape == (2, 2)
        with pytest.raises(ValueError, match="expects 12 numbers in each sample, but got an array with \\(2, 11\\)"):
            model.predict(np.ones((2, 11)))

    @pytest.mark.parametrize("steps", [1, 3])
    def test_recurrent_layers_read_it(self, steps):
        size = 12 // steps
        model = rl.Sequential([rl.Dense(2, 12), rl.Reshape(steps, size), rl.GRU(size, 4), rl.Dense(4, 1)])
        model.compile("sgd", "mse", theano_mode=IN_C)
        losses = train(model, drawn(5, 2), np.ones((5, 1)), 3)
        assert losses[0] > losses[1] > losses[2]


class TestPermute:
    def test_shape(self):
        layer = rl.Permute([2, 1])
        assert layer.expected_input_shape == (None, None, None)
        layer.set_previous(rl.RepeatVector(5))
        assert layer.output_shape == (None, None, 5)

    @pytest.mark.parametrize("dims", [(), (0, 1), (1, 1), (1, 3), (2,), 2, None, "21", (1.0, 2.0), {1, 2}])
    def test_what_are_no_axes(self, dims):
        with pytest.raises(ValueError, match="dims must be"):
            rl.Permute(dims)

    def test_another_number_of_axes(self):
        with pytest.raises(ValueError, match="Permute expects input with 3 dimensions"):
            rl.Permute((2, 1)).set_previous(rl.Dense(2, 3))


class TestLearnedActivations:
    @pytest.mark.parametrize("cls, begun", [(rl.PReLU, [0.0]), (rl.ParametricSoftplus, [0.2, 5.0])])
    def test_they_begin_as_in_keras(self, cls, begun):
        for shape in ((3,), (2, 3)):
            for weight, number in zip(cls(shape).get_weights(), begun):
                assert weight.shape == shape and (weight == number).all()

    @pytest.mark.parametrize("cls", [rl.PReLU, rl.ParametricSoftplus])
    def test_what_fits(self, cls):
        behind = cls((4,))
        behind.set_previous(rl.GRU(2, 4, return_sequences=True))
        assert behind.output_shape == (None, None, 4)
        unknown = cls((4,))
        unknown.set_previous(type("Own", (rl.Layer,), {"get_output": lambda self, train=False: T.matrix()})())
        assert unknown.output_shape is None and cls((4,)).output_shape == (None, 4)

    @pytest.mark.parametrize("shape, layer", [
        ((3,), rl.Dense(2, 4)), ((4, 4), rl.Dense(2, 4)), ((3, 4), rl.Reshape(2, 4)),
    ])  # fmt: skip
    def test_what_does_not(self, shape, layer):
        activation = rl.PReLU(shape)
        with pytest.raises(ValueError, match=r"PReLU\(.*\) expects input whose last sizes are these, but"):
            activation.set_previous(layer)
        assert not hasattr(activation, "previous")

    def test_data_of_another_number_of_axes(self):
        layer = rl.PReLU((3,))
        with pytest.raises(ValueError, match="reads an input with 2 dimensions, got an array with 3; .* its `input`"):
            layer.check_data(np.ones((2, 5, 3)))
        reading(3, layer).check_data(np.ones((2, 5, 3)))


class TestLambda:
    def behind(self, layer, *arguments):
        found = rl.Lambda(*arguments)
        found.set_previous(layer)
        return found

    @pytest.mark.parametrize("function, shape", [
        (lambda x: x, (None, None, 4)), (lambda x: x[:, -1], (None, 4)), (lambda x: x[:, :, 1:3], (None, None, 2)),
        (lambda x: x.dimshuffle(0, 2, 1), (None, 4, None)), (lambda x: T.concatenate([x, x], axis=2), (None, None, 8)),
        (lambda x: x[:, :5], (None, 5, 4)), (lambda x: x.sum(axis=2, keepdims=True), (None, None, 1)),
        (lambda x: x.flatten(2), (None, None)), (lambda x: x.no_such_thing, None), (lambda x: 3, None),
    ])  # fmt: skip
    def test_shapes_are_found(self, function, shape):
        assert self.behind(rl.GRU(2, 4, return_sequences=True), function).output_shape == shape

    @pytest.mark.parametrize("given, shape", [
        ((7,), (None, 7)), ([2, None], (None, 2, None)), (lambda shape: (shape[0], shape[1] * 2), (None, 8)),
        (lambda shape: [*shape, 3], (None, 4, 3)),
    ])  # fmt: skip
    def test_shapes_are_given(self, given, shape):
        """Where none is found, and else if it is that."""
        assert self.behind(rl.Dense(2, 4), lambda x: x.no_such_thing, given).output_shape == shape
        assert self.behind(rl.GRU(2, 4, return_sequences=True), mirrored, (5, None)).output_shape == (None, 5, None)
        for wrong in ((5, 3), (4,), lambda shape: shape[:1]):
            message = r"output_shape of a Lambda says \(None.*, but its function gives \(None, None, 4\)"
            with pytest.raises(ValueError, match=message):
                rl.Sequential([rl.GRU(2, 4, return_sequences=True), rl.Lambda(mirrored, wrong), rl.Dense(3, 1)])

    def test_where_there_is_no_input_shape(self):
        assert rl.Lambda(mirrored).output_shape is None
        assert rl.Lambda(mirrored, lambda shape: shape).output_shape is None
        assert rl.Lambda(mirrored, (3,)).output_shape == (None, 3)

    def test_the_next_layer_must_fit(self):
        model = rl.Sequential([rl.GRU(2, 4, return_sequences=True), rl.Lambda(lambda x: x[:, -1])])
        with pytest.raises(ValueError, match=r"expects input of shape \(None, 5\).*but Lambda gives \(None, 4\)"):
            model.add(rl.Dense(5, 1))
        model.add(rl.Dense(4, 1))
        model.compile("sgd", "mse")
        assert train(model, drawn(3, 5, 2), np.ones((3, 1)))[1] > 0

    @pytest.mark.parametrize("arguments, message", [
        ((None,), "unknown function None"), (("tanhh",), "unknown function 'tanhh'; did you mean 'tanh'"),
        ((dict,), "unknown function <class 'dict'>"), ((mirrored, 5), "output_shape must be a list of integers"),
        ((mirrored, (0,)), "a size in output_shape must be an integer of at least 1"),
        ((mirrored, "mine"), "unknown function from a shape to another 'mine'"),
        ((mirrored, ""), "unknown function from a shape to another ''"),
    ])  # fmt: skip
    def test_wrong_arguments(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            rl.Lambda(*arguments)

    def test_what_functions_give(self):
        with pytest.raises(ValueError, match="function of a Lambda must give a symbolic variable, got 3"):
            reading(2, rl.Lambda(lambda x: 3)).get_output()
        with pytest.raises(ValueError, match="what output_shape gives must be a list of integers, or None .*got 3"):
            self.behind(rl.Dense(2, 4), mirrored, lambda shape: 3).output_shape  # noqa: B018

    def test_in_json_by_names(self):
        model = vectors(rl.Lambda(doubled, twice_as_long), rl.Lambda("tanh"), rl.Lambda(mirrored, (8,)))
        text = model.to_json()
        with pytest.raises(ValueError, match="unknown function 'doubled'"):
            rl.model_from_json(text)
        mine = {"doubled": doubled, "mirrored": mirrored, "twice_as_long": twice_as_long}
        again = rl.model_from_json(text, custom_objects=mine)
        assert again.get_config() == model.get_config() and again.to_json() == text
        assert again.layers[1].function is doubled and again.layers[1].output_shape == (None, 8)
        with pytest.raises(ValueError, match="JSON cannot hold .*lambda"):
            vectors(rl.Lambda(lambda x: x)).to_json()


def doubled(x):
    return T.concatenate([x, x], axis=1)


def twice_as_long(shape):
    return shape[:-1] + (2 * shape[-1],)


class TestWordContextProduct:
    def test_it_learns_which_words_go_together(self):
        model = rl.Sequential([rl.WordContextProduct(4, 8, init="normal")])
        model.compile("adam", "binary_crossentropy", class_mode="binary")
        X = np.array([[a, b] for a in range(4) for b in range(4)])
        y = (X.sum(axis=1) % 2)[:, None]
        losses = model.fit(X, y, nb_epoch=200, batch_size=16, verbose=0).history["loss"]
        assert losses[-1] < losses[0]

    @pytest.mark.parametrize("X, message", [
        ([[0, 6]], r"WordContextProduct\(input_dim=6\) takes integers from 0 to 5, got 0 to 6"),
        ([[0, -1]], "takes integers from 0 to 5"), ([[0.5, 1]], "needs integers, got an array of float64 with frac"),
        ([[0, 1, 2]], r"expects input of shape \(None, 2\)"), ([1, 2], "expects input with 2 dimensions"),
    ])  # fmt: skip
    def test_what_is_no_pair_of_words(self, X, message):
        with pytest.raises(ValueError, match=message):
            rl.WordContextProduct(6, 3).check_data(X)

    def test_it_begins_as_in_keras(self):
        np.random.seed(7)
        weights = rl.WordContextProduct(5).get_weights()
        np.random.seed(7)
        for weight in weights:
            assert_allclose(weight, np.random.uniform(-0.05, 0.05, (5, 128)))


def test_maxout_begins_as_in_keras():
    np.random.seed(7)
    W, b = rl.MaxoutDense(3, 5, 2).get_weights()
    np.random.seed(7)
    # Of three axes Keras takes the first for the outputs.
    assert_allclose(W, np.random.uniform(-1, 1, (2, 3, 5)) * np.sqrt(6 / (3 * 5 + 2)))
    assert b.shape == (2, 5) and not b.any()


# ---- All of them -------------------------------------------------------------------------------------------

WITH_MASK = {
    "GaussianDropout": lambda: rl.GaussianDropout(0.5), "GaussianNoise": lambda: rl.GaussianNoise(0.5),
    "LeakyReLU": rl.LeakyReLU, "PReLU": lambda: rl.PReLU((3,)),
    "ParametricSoftplus": lambda: rl.ParametricSoftplus((3,)),
    "ThresholdedLinear": rl.ThresholdedLinear, "ThresholdedReLU": rl.ThresholdedReLU,
}  # fmt: skip
WITHOUT_MASK = {
    "ActivityRegularization": rl.ActivityRegularization, "BatchNormalization": lambda: rl.BatchNormalization((5, 3)),
    "Flatten": rl.Flatten, "Lambda": lambda: rl.Lambda(mirrored), "Permute": lambda: rl.Permute((2, 1)),
    "Reshape": lambda: rl.Reshape(3, -1), "TimeDistributedMerge": rl.TimeDistributedMerge,
}  # fmt: skip


@pytest.mark.parametrize("name", WITH_MASK)
def test_masks_are_handed_on(name):
    layer = WITH_MASK[name]()
    model = rl.Sequential([rl.Embedding(4, 3, mask_zero=True), layer, rl.GRU(3, 2)])
    model.compile("sgd", "mse")
    mask = engine.function([model.input], layer.get_output_mask(), allow_input_downcast=True)
    assert mask([[0, 1, 0, 3]]).tolist() == [[0, 1, 0, 1]]
    assert_allclose(model.predict([[0, 0, 2, 3]]), model.predict([[2, 3]]), rtol=1e-10)


@pytest.mark.parametrize("name", WITHOUT_MASK)
def test_those_of_which_padding_would_be_a_part_take_no_mask(name):
    layer = WITHOUT_MASK[name]()
    with pytest.raises(ValueError, match=f"{name} takes no mask, but the output of Embedding has one"):
        layer.set_previous(rl.Embedding(4, 3, mask_zero=True))
    assert not hasattr(layer, "previous")


def stack():
    """A model with all of them."""
    model = rl.Sequential([
        rl.GRU(3, 4, activation="tanh", return_sequences=True), rl.LeakyReLU(0.1), rl.PReLU((4,)),
        rl.GaussianNoise(0.1), rl.ParametricSoftplus((4,), 0.5, 1.5), rl.ThresholdedLinear(0.01),
        rl.ThresholdedReLU(-0.5), rl.ActivityRegularization(0.01, 0.02), rl.LSTM(4, 6),
        rl.BatchNormalization((6,), momentum=0.5), rl.MaxoutDense(6, 12, 2), rl.GaussianDropout(0.1),
        rl.Reshape(3, 4), rl.Permute((2, 1)), rl.Lambda(mirrored), rl.BatchNormalization((4, 3), mode=1),
        rl.Flatten(), rl.Reshape((4, -1)), rl.TimeDistributedMerge("ave"), rl.Dense(3, 2),
    ])  # fmt: skip
    model.compile("sgd", "mse")
    return model


def test_a_model_of_all_of_them_is_trained_and_comes_back(tmp_path, capsys):
    model, X, y = stack(), drawn(6, 5, 3), drawn(6, 2)
    before = model.get_weights()
    model.fit(X, y, nb_epoch=2, batch_size=3, verbose=0)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    assert [str(weight) for weight, value, old in zip(model.weights, model.get_weights(), before)
            if np.array_equal(value, old)] == []  # fmt: skip
    expected = model.predict(X)
    model.save_weights(tmp_path / "weights.h5")
    text = model.to_json()
    again = rl.model_from_json(text, custom_objects={"mirrored": mirrored})
    assert again.get_config() == model.get_config() and again.to_json() == text
    again.load_weights(tmp_path / "weights.h5")
    assert_allclose(again.predict(X), expected, rtol=1e-10)
    assert_allclose(pickle.loads(pickle.dumps(model)).predict(X), expected, rtol=1e-10)
    model.summary()
    rows = {tuple(line.split()[:1]): line for line in capsys.readouterr().out.splitlines()}
    assert "(None, 12)" in rows["MaxoutDense",] and "(None, 3)" in rows["TimeDistributedMerge",]


def test_in_c_all_of_them_give_the_same():
    model, X, y = stack(), drawn(6, 5, 3), drawn(6, 2)
    in_c = copy.deepcopy(model)
    in_c.compile("sgd", "mse", theano_mode=IN_C)
    assert_allclose(in_c.predict(X), model.predict(X), rtol=1e-9)
    assert is_in_c(in_c._functions.get("predict"))
    for one in (model, in_c):  # Without noise, which is another one in a copy.
        one.layers[3].sigma = one.layers[11].p = 0.0
        one.compile("sgd", "mse", theano_mode=IN_C if one is in_c else None)
    assert_allclose(train(in_c, X, y), train(model, X, y), rtol=1e-8)
    for weight, expected in zip(in_c.get_weights(), model.get_weights()):
        assert_allclose(weight, expected, rtol=1e-7, atol=1e-10)


def test_a_step_gives_what_all_steps_so_far_give():
    twice = rl.Lambda(lambda x: 2 * x)
    twice.stepwise = True
    of_the_last = [rl.LSTM(4, 6), rl.BatchNormalization((6,)), rl.MaxoutDense(6, 4, 2), rl.Reshape(2, 2), rl.Flatten()]
    for end in ([], of_the_last):
        model, X = rl.Sequential([
            rl.GRU(3, 4, return_sequences=True), rl.LeakyReLU(0.1), rl.PReLU((4,)), rl.GaussianNoise(0.1),
            rl.ParametricSoftplus((4,)), rl.ThresholdedLinear(0.01), rl.ThresholdedReLU(0.01), rl.GaussianDropout(0.1),
            rl.ActivityRegularization(0.1), *([] if end else [twice]), *end,
        ]), drawn(2, 4, 3)  # fmt: skip
        model.compile("sgd", "mse")
        for t in range(4):
            whole = model.predict(X[:, :t + 1])
            assert_allclose(model.step(X[:, t]), whole if end else whole[:, t], rtol=1e-10)


@pytest.mark.parametrize("layer", [
    rl.BatchNormalization((5, 4)), rl.BatchNormalization((5, 4), mode=1), rl.Flatten(), rl.Lambda(mirrored),
    rl.PReLU((5, 4)), rl.ParametricSoftplus((5, 4)), rl.Permute((2, 1)), rl.Reshape(-1, 2), rl.TimeDistributedMerge(),
], ids=lambda layer: type(layer).__name__)  # fmt: skip
def test_what_looks_at_several_steps_cannot_be_computed_step_by_step(layer):
    model = rl.Sequential([rl.GRU(3, 4, return_sequences=True), layer])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=f"cannot be computed one step at a time: {type(layer).__name__} may need"):
        model.step(np.ones((2, 3)))


@pytest.mark.parametrize("make, message", [
    (lambda: rl.MaxoutDense(2, 3, 0), "nb_feature must be an integer of at least 1, got 0"),
    (lambda: rl.MaxoutDense(2, "3"), "output_dim must be an integer"),
    (lambda: rl.MaxoutDense(2, 3, weights=[np.ones((2, 3)), np.ones(3)]), r"expects 2 weights: W \(4, 2, 3\)"),
    (lambda: rl.ActivityRegularization(l1=-1), "l1 must be a finite number of at least 0"),
    (lambda: rl.TimeDistributedMerge("max"), "mode must be 'sum', 'mul' or 'ave', got 'max'"),
    (lambda: rl.LeakyReLU("0.3"), "alpha must be a finite number"),
    (lambda: rl.PReLU(()), "input_shape must have a size"),
    (lambda: rl.PReLU(None), "input_shape must be a list of integers"),
    (lambda: rl.PReLU((3,), [np.ones(4)]), r"PReLU expects 1 weights: alphas \(3,\); got 1: \(4,\)"),
    (lambda: rl.ParametricSoftplus((3,), np.nan), "alpha_init must be a finite number"),
    (lambda: rl.ThresholdedReLU(None), "theta must be a finite number"),
    (lambda: rl.ThresholdedLinear(np.inf), "theta must be a finite number"),
    (lambda: rl.BatchNormalization((None, 3)), "a size in input_shape must be an integer of at least 1, got None"),
    (lambda: rl.BatchNormalization((3,), mode=2), "mode must be 0 or 1, got 2"),
    (lambda: rl.BatchNormalization((3,), momentum=1.5), "momentum must be a finite number of at least 0 and of at m"),
    (lambda: rl.BatchNormalization((3,), epsilon=-1), "epsilon must be"),
    (lambda: rl.BatchNormalization((3,)).set_previous(rl.GRU(2, 3, return_sequences=True)),
     "BatchNormalization expects input with 2 dimensions.*set return_sequences=False"),
    (lambda: rl.GaussianNoise(-0.1), "sigma must be a finite number of at least 0"),
    (lambda: rl.GaussianDropout(1), "p must be a finite number of at least 0 and below 1, got 1"),
    (lambda: rl.WordContextProduct(0), "input_dim must be an integer of at least 1"),
    (lambda: rl.WordContextProduct(3, 0), "proj_dim must be an integer of at least 1"),
    (lambda: rl.Reshape.from_config({"dims": 3}), "dims must be a list of arguments, got 3"),
    (lambda: rl.BatchNormalization.from_config({"epsilon": 1.0}), "BatchNormalization needs input_shape"),
])  # fmt: skip
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_configs_of_keras_are_read():
    """Those that Keras 0.1.3 wrote: lists for shapes, and names of functions."""
    layers = [
        {"name": "Dense", "input_dim": 2, "output_dim": 12, "init": "glorot_uniform", "activation": "linear"},
        {"name": "BatchNormalization", "input_shape": [12], "epsilon": 1e-5, "mode": 0},
        {"name": "PReLU", "input_shape": [12]}, {"name": "Reshape", "dims": [3, 4]},
        {"name": "Permute", "dims": [2, 1]}, {"name": "Flatten"},
        {"name": "MaxoutDense", "input_dim": 12, "output_dim": 3, "init": "uniform", "nb_feature": 2,
         "W_regularizer": None, "W_constraint": None},
    ]  # fmt: skip
    model = rl.model_from_json(json.dumps({"name": "Sequential", "layers": layers}))
    assert [layer.output_shape for layer in model.layers] == [
        (None, 12), (None, 12), (None, 12), (None, 3, 4), (None, 4, 3), (None, 12), (None, 3)]  # fmt: skip
    assert model.layers[1].epsilon == 1e-5 and model.layers[6].nb_feature == 2


def test_what_is_made_for_images_says_where_it_is():
    with pytest.raises(NotImplementedError, match="LRN2D of Keras 0.1 is not.*pip install keras==0.3.3"):
        normalization.LRN2D()


@pytest.mark.parametrize("module", [advanced_activations, core, embeddings, noise, normalization])
def test_layers_can_be_imported_from_their_modules_and_from_the_top(module):
    own = {name for name, thing in vars(module).items()
           if isinstance(thing, type) and thing.__module__ == module.__name__ and not name.startswith("_")}  # fmt: skip
    assert own
    for name in own - {"LRN2D", "DenoisingAutoEncoder"}:  # These are not here.
        assert getattr(rl, name) is getattr(module, name) and name in rl.layers.__all__ and name in rl.__all__
