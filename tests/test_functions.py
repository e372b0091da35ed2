"""Activations, initializations, objectives and optimizers: the named functions."""

import copy
import json
import pickle

import numpy as np
import pytest
from conftest import DATA
from engines import change_flags
from numpy.testing import assert_allclose

from recurrent_layers import activations, constraints, engine, initializations, objectives, optimizers, regularizers
from recurrent_layers.engine import tensor as T
from recurrent_layers.utils.np_utils import to_categorical


@pytest.mark.parametrize("module", [activations, constraints, initializations, objectives, optimizers, regularizers])
def test_what_is_known_is_public(module):
    assert set(module.KNOWN) <= set(module.__all__)


class TestActivations:
    FORMULAS = {
        "softmax": lambda x: np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True),
        "time_distributed_softmax": lambda x: np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True),
        "softplus": lambda x: np.log(1 + np.exp(x)),
        "relu": lambda x: np.maximum(x, 0),
        "tanh": np.tanh,
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
        "hard_sigmoid": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
        "linear": lambda x: x,
    }

    @pytest.mark.parametrize("name", FORMULAS)
    def test_formula(self, name):
        X, x = np.random.randn(2, 3, 4) * 3, T.tensor3()
        result = engine.function([x], activations.get(name)(x))(X)
        assert_allclose(result, self.FORMULAS[name](X), rtol=1e-10)

    def test_none_is_forgotten(self):
        assert set(self.FORMULAS) == set(activations.KNOWN)

    def test_relu_has_half_a_slope_at_0(self):
        x = T.vector()
        slope = engine.function([x], T.grad(activations.relu(x).sum(), x))([-1.0, 0.0, 2.0])
        assert slope.tolist() == [0.0, 0.5, 1.0]

    def test_a_callable_is_itself(self):
        assert activations.get(T.cos) is T.cos

    @pytest.mark.parametrize("name", ["tanhh", None, 3, ""])
    def test_an_unknown_name_lists_the_known_ones(self, name):
        with pytest.raises(ValueError, match="unknown activation.*" + ", ".join(sorted(activations.KNOWN))):
            activations.get(name)


class TestInitializations:
    SPREADS = {
        "uniform": 0.05 / np.sqrt(3), "normal": 0.05, "lecun_uniform": np.sqrt(1 / 200),
        "glorot_normal": np.sqrt(2 / 300), "glorot_uniform": np.sqrt(2 / 300),
        "he_normal": np.sqrt(2 / 200), "he_uniform": np.sqrt(2 / 200),
        "orthogonal": 1.1 / np.sqrt(200), "zero": 0, "one": 0,
    }  # fmt: skip

    @pytest.mark.parametrize("name", SPREADS)
    def test_shape_type_and_spread(self, name):
        value = initializations.get(name)((200, 100)).get_value()
        assert value.shape == (200, 100) and value.dtype == engine.config.floatX
        assert_allclose(value.std(), self.SPREADS[name], rtol=0.03)
        assert_allclose(value.mean(), name == "one", atol=0.002)

    def test_none_is_forgotten(self):
        """That of the identity, which is for square matrices only, stands below."""
        assert {*self.SPREADS, "identity"} == set(initializations.KNOWN)

    @pytest.mark.parametrize("shape", [(4, 4), (3, 5), (5, 3)])
    def test_orthogonal_scales_by_1_1(self, shape):
        q = initializations.orthogonal(shape).get_value()
        gram = q.dot(q.T) if shape[0] <= shape[1] else q.T.dot(q)
        assert_allclose(gram, 1.21 * np.eye(min(shape)), atol=1e-12)

    @pytest.mark.parametrize("shape", [(8, 8), (8, 5), (5, 8), (30, 30)])
    def test_orthogonal_is_that_of_keras_but_for_signs(self, shape):
        """With LAPACK before 3.10, for all; since then for those that are larger than 25."""
        np.random.seed(0)
        q = initializations.orthogonal(shape).get_value()
        with np.load(DATA / "orthogonal.npz") as arrays:
            reference = arrays["{}x{}".format(*shape)]
        signs = np.sign((q * reference).sum(axis=0 if shape[0] >= shape[1] else 1, keepdims=True))
        if np.lib.NumpyVersion(np.__version__) < "1.24.0" or min(shape) > 25:
            assert (signs == 1).all()
        assert_allclose(q * signs.reshape((1, -1) if shape[0] >= shape[1] else (-1, 1)), reference, atol=1e-12)

    def test_identity(self):
        assert_allclose(initializations.identity((3, 3), scale=2).get_value(), 2 * np.eye(3))
        with pytest.raises(ValueError, match=r"square matrices only, got shape \(2, 3\)"):
            initializations.identity((2, 3))

    @pytest.mark.parametrize("name", ["uniform", "normal", "glorot_uniform", "orthogonal"])
    def test_numpys_seed_is_the_seed(self, name):
        values = []
        for seed in (1, 1, 2):
            np.random.seed(seed)
            values.append(initializations.get(name)((3, 3)).get_value())
        assert np.array_equal(values[0], values[1]) and not np.array_equal(values[0], values[2])

    def test_an_unknown_name_lists_the_known_ones(self):
        with pytest.raises(ValueError, match="unknown initialization 'xavier'.*glorot_uniform.*he_normal"):
            initializations.get("xavier")


class TestObjectives:
    FORMULAS = {
        "mse": lambda y, p: (p - y) ** 2,
        "mae": lambda y, p: abs(p - y),
        "mape": lambda y, p: 100 * abs((y - p) / y),
        "msle": lambda y, p: (np.log(1 + p) - np.log(1 + y)) ** 2,
        "hinge": lambda y, p: np.maximum(1 - y * p, 0),
        "squared_hinge": lambda y, p: np.maximum(1 - y * p, 0) ** 2,
        "categorical_crossentropy": lambda y, p: -3 * y * np.log(p / p.sum(axis=-1, keepdims=True)),
        "binary_crossentropy": lambda y, p: -(y * np.log(p) + (1 - y) * np.log(1 - p)),
        "poisson_loss": lambda y, p: p - y * np.log(p),
    }

    @pytest.mark.parametrize("shape", [(4, 3), (2, 5, 3)])
    @pytest.mark.parametrize("name", FORMULAS)
    def test_formula(self, name, shape):
        y_true, y_pred = np.random.uniform(0.1, 0.9, (2,) + shape)
        y, p = [T.TensorType("float64", (False,) * len(shape))() for _ in range(2)]
        loss = engine.function([y, p], objectives.get(name)(y, p))(y_true, y_pred)
        assert_allclose(loss, self.FORMULAS[name](y_true, y_pred).mean(axis=-1), rtol=1e-6)

    def test_none_is_forgotten(self):
        assert {objectives.get(name) for name in self.FORMULAS} == set(objectives.KNOWN.values())

    @pytest.mark.parametrize("name", ["categorical_crossentropy", "binary_crossentropy", "poisson_loss"])
    def test_a_certain_and_wrong_prediction_has_a_finite_loss_and_gradient(self, name):
        y, p = T.matrix(), T.matrix()
        loss = objectives.get(name)(y, p).sum()
        values = engine.function([y, p], [loss, T.grad(loss, p)])([[1.0, 0.0]], [[0.0, 1.0]])
        assert all(np.isfinite(value).all() for value in values)

    def test_unknown(self):
        with pytest.raises(ValueError, match="unknown loss 'mean_square'; did you mean 'mean_squared"):
            objectives.get("mean_square")

    @pytest.mark.parametrize("name, labels, message", [
        ("categorical_crossentropy", [[0.0, 2.0]], "is meant for labels from 0 to 1, got 0 to 2"),
        ("categorical_crossentropy", [[1.0]], "single output is always 0"),
        ("binary_crossentropy", [[-1.0], [1.0]], "is meant for labels from 0 to 1, got -1 to 1"),
        ("hinge", [[0.0], [3.0]], "is meant for labels -1 and 1, got 0 to 3"),
        ("poisson_loss", [[-1.0]], "is meant for labels of at least 0"),
    ])  # fmt: skip
    def test_labels_that_do_not_fit(self, name, labels, message):
        with pytest.warns(UserWarning, match=message):
            objectives.check_labels(objectives.get(name), np.array(labels))


class TestOptimizers:
    """Three steps of each by NumPy, from the equations."""

    @staticmethod
    def steps(name, gradients, p):
        a = d = m = v = np.zeros_like(p)
        for t, g in enumerate(gradients):
            if name == "sgd":
                v = 0.9 * v - 0.1 / (1 + 0.5 * t) * g
                p = p + v
            elif name == "nesterov":
                v = 0.9 * v - 0.1 * g
                p = p + 0.9 * v - 0.1 * g
            elif name == "rmsprop":
                a = 0.9 * a + 0.1 * g**2
                p = p - 0.001 * g / np.sqrt(a + 1e-6)
            elif name == "adagrad":
                a = a + g**2
                p = p - 0.01 * g / np.sqrt(a + 1e-6)
            elif name == "adadelta":
                a = 0.95 * a + 0.05 * g**2
                u = g * np.sqrt(d + 1e-6) / np.sqrt(a + 1e-6)
                d = 0.95 * d + 0.05 * u**2
                p = p - u
            elif name == "adam":
                m = 0.9 * m + 0.1 * g
                v = 0.999 * v + 0.001 * g**2
                p = p - 0.001 * np.sqrt(1 - 0.999 ** (t + 1)) / (1 - 0.9 ** (t + 1)) * m / (np.sqrt(v) + 1e-8)
            else:
                raise KeyError(name)
        return p

    MADE = {
        "sgd": lambda: optimizers.SGD(lr=0.1, momentum=0.9, decay=0.5),
        "nesterov": lambda: optimizers.SGD(lr=0.1, momentum=0.9, nesterov=True),
        "rmsprop": lambda: optimizers.get("rmsprop"),
        "adagrad": lambda: optimizers.get("Adagrad"),
        "adadelta": lambda: optimizers.get("adadelta"),
        "adam": lambda: optimizers.get("adam"),
    }

    def train(self, optimizer, gradients, constraint=lambda p: p):
        param, gradient = initializations.shared([1.0, -2.0]), T.vector()
        updates = optimizer.get_updates([param], [constraint], T.sum(param * gradient))
        step = engine.function([gradient], [], updates=updates)
        for g in gradients:
            step(g)
        return param.get_value()

    @pytest.mark.parametrize("name", MADE)
    def test_three_steps(self, name):
        gradients = np.random.randn(3, 2)
        trained = self.train(self.MADE[name](), gradients)
        assert_allclose(trained, self.steps(name, gradients, np.array([1.0, -2.0])), rtol=1e-10)

    def test_none_is_forgotten(self):
        assert {type(make()) for make in self.MADE.values()} == set(optimizers.KNOWN.values())

    def test_clipping(self):
        assert_allclose(self.train(optimizers.SGD(lr=1.0, clipvalue=0.5), [[3.0, -4.0]]), [0.5, -1.5])
        assert_allclose(self.train(optimizers.SGD(lr=1.0, clipnorm=1.0), [[3.0, -4.0]]), [0.4, -1.2])
        assert_allclose(self.train(optimizers.SGD(lr=1.0, clipnorm=10.0), [[3.0, -4.0]]), [-2.0, 2.0])

    def test_clipnorm_of_a_norm_whose_square_is_too_large(self):
        large = 3e38 if engine.config.floatX == "float32" else 1e308
        assert_allclose(self.train(optimizers.SGD(lr=1.0, clipnorm=1.0), [[large, 0.0]]), [0.0, -2.0], atol=1e-6)
        with change_flags(floatX="float32"):
            trained = self.train(optimizers.SGD(lr=1.0, clipnorm=1.0), np.float32([[3e30, -4e30]]))
        assert_allclose(trained, [0.4, -1.2], rtol=1e-6)

    @pytest.mark.parametrize("name", MADE)
    def test_numbers_may_be_set_at_any_time(self, name):
        optimizer, param = self.MADE[name](), initializations.shared([1.0, -2.0])
        step = engine.function([], [], updates=optimizer.get_updates([param], [lambda p: p], T.sum(3.0 * param)))
        step()
        before = param.get_value()
        optimizer.lr = np.float32(0.0)
        if name in ("sgd", "nesterov"):
            optimizer.momentum = 0.0
        step()
        assert_allclose(param.get_value(), before, rtol=1e-15)
        optimizer.lr.set_value(np.asarray(0.5, dtype=engine.config.floatX))
        step()
        assert (param.get_value() < before).all()
        assert optimizer.get_config()["lr"] == 0.5

    def test_the_numbers_that_are_floats_count_too(self):
        def steps(change):
            optimizer, param = optimizers.Adam(lr=0.1, clipnorm=100.0), initializations.shared([1.0])
            step = engine.function([], [], updates=optimizer.get_updates([param], [lambda p: p], T.sum(T.sqr(param))))
            change(optimizer)
            step(), step()
            return param.get_value()

        def by_hand(beta_1=0.9, beta_2=0.999, epsilon=1e-8, clipnorm=100.0):
            p, m, v = 1.0, 0.0, 0.0
            for t in (1, 2):
                g = 2 * p * min(1, clipnorm / abs(2 * p))
                m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g * g
                p -= 0.1 * np.sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (np.sqrt(v) + epsilon)
            return [p]

        for changed in ({}, {"beta_1": 0.5}, {"beta_2": 0.3}, {"epsilon": 2.0}, {"clipnorm": 0.25, "epsilon": 1.0}):
            found = steps(lambda optimizer, changed=changed: [setattr(optimizer, *item) for item in changed.items()])
            assert_allclose(found, by_hand(**changed), rtol=1e-12)

    def test_what_would_change_the_graph_is_refused_after_compile(self):
        optimizer = optimizers.SGD(clipvalue=1.0)
        optimizer.nesterov = True
        optimizer.nesterov = False
        self.train(optimizer, [[1.0, 1.0]])
        for name, value, message in (("nesterov", True, "nesterov cannot be changed after compile"),
                                     ("clipnorm", 1.0, "clipnorm cannot be switched on after compile"),
                                     ("clipvalue", 0.0, "clipvalue cannot be switched off")):  # fmt: skip
            with pytest.raises(ValueError, match=message):
                setattr(optimizer, name, value)
        assert (optimizer.nesterov, optimizer.clipnorm, optimizer.clipvalue) == (False, 0.0, 1.0)
        optimizer.clipvalue, optimizer.nesterov = 2.0, 0

    def test_constraint(self):
        trained = self.train(optimizers.SGD(lr=1.0), [[3.0, -4.0]], constraint=lambda p: T.maximum(p, 0.0))
        assert_allclose(trained, [0.0, 2.0])

    @pytest.mark.parametrize("name", MADE)
    def test_config_makes_the_same_optimizer_again(self, name):
        config = self.MADE[name]().get_config()
        arguments = dict(config)
        assert optimizers.get(arguments.pop("name"), arguments).get_config() == config

    def test_config_has_the_clipping(self):
        assert optimizers.Adam(clipnorm=2.0).get_config()["clipnorm"] == 2.0

    def test_config_of_ones_own_has_what_it_passes_on(self):
        class Mom(optimizers.SGD):
            def __init__(self, mass=1.0, **others):
                super().__init__(**others)
                self.mass = mass

        class Ahead(optimizers.SGD):
            def __init__(self, lr=0.25, **clipping):
                super().__init__(lr, nesterov=True, **clipping)

        mom = Mom(2.0, lr=0.5, nesterov=True, clipvalue=1.0)
        assert mom.get_config() == {"name": "Mom", "mass": 2.0, "lr": 0.5, "nesterov": True, "clipvalue": 1.0}
        assert repr(mom) == "Mom(mass=2.0, lr=0.5, nesterov=True, clipvalue=1.0)"
        assert Ahead(clipnorm=3.0).get_config() == {"name": "Ahead", "lr": 0.25, "clipnorm": 3.0}

        class Drawing(optimizers.Optimizer):
            def __init__(self, kind="gauss", rate=0.5, **clipping):
                super().__init__(**clipping)
                self.kind, self.rate = kind, rate

        expected = {"name": "Drawing", "kind": "flat", "rate": 0.25}
        assert json.loads(json.dumps(Drawing("flat", np.float32(0.25)).get_config())) == expected
        for optimizer in (mom, Ahead(0.5), pickle.loads(pickle.dumps(optimizers.SGD(momentum=0.5)))):
            arguments = dict(optimizer.get_config())
            del arguments["name"]
            assert type(optimizer)(**arguments).get_config() == optimizer.get_config()
        assert copy.deepcopy(mom).get_config() == mom.get_config()
        for cls, takes in ((Mom, "mass, clipnorm, clipvalue"), (optimizers.Optimizer, "clipnorm, clipvalue"),
                           (optimizers.Adagrad, "lr, epsilon, clipnorm, clipvalue")):  # fmt: skip
            with pytest.raises(TypeError, match=f"{cls.__name__} has no argument mas; it takes {takes}$"):
                cls(mas=2.0)

    def test_state(self):
        optimizer = optimizers.Adam()
        self.train(optimizer, np.ones((2, 2)))
        state = optimizer.get_state()
        assert float(state[0]) == 2.0
        with pytest.raises(ValueError, match="state has arrays of shapes"):
            optimizer.set_state(state[1:])
        optimizer.set_state([0 * value for value in state])
        assert all(not value.any() for value in optimizer.get_state())

    def test_unknown(self):
        with pytest.raises(ValueError, match="unknown optimizer 'adm'; did you mean 'adam'"):
            optimizers.get("adm")


class TestToCategorical:
    def test_one_hot(self):
        assert_allclose(to_categorical([0, 2]), [[1, 0, 0], [0, 0, 1]])
        assert to_categorical(np.zeros((4, 5, 1)), 3).shape == (4, 5, 3)

    @pytest.mark.parametrize("y, message", [
        ([0.5], "needs integer classes"), ([], "needs integer classes"), ([-1], r"must lie in 0..1, got -1"),
        ([2], r"must lie in 0..1, got 2..2"),
    ])  # fmt: skip
    def test_wrong_classes(self, y, message):
        with pytest.raises(ValueError, match=message):
            to_categorical(y, 2)
