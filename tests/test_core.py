import numpy as np
import pytest
from conftest import DATA
from numpy.testing import assert_allclose

import recurrent_layers as rl
from recurrent_layers import (
    GRU,
    JZS1,
    Activation,
    Dense,
    Dropout,
    Embedding,
    Layer,
    Masking,
    RepeatVector,
    Sequential,
    TimeDistributedDense,
    constraints,
    engine,
    optimizers,
    regularizers,
)
from recurrent_layers.engine import tensor as T
from recurrent_layers.utils.building import one_output_for_each_layer


def run(layer, X, train=False):
    return engine.function([layer.input], layer.get_output(train), allow_input_downcast=True)(X)


@pytest.mark.parametrize("cls, shape", [(Dense, (2, 3)), (TimeDistributedDense, (2, 4, 3))])
def test_dense(cls, shape):
    layer, X = cls(3, 5, activation="tanh"), np.random.randn(*shape)
    W, b = layer.get_weights()
    layer.set_weights([W, b + 0.5])
    assert_allclose(run(layer, X), np.tanh(X.dot(W) + 0.5), rtol=1e-10)
    assert layer.output_shape == (None,) * (len(shape) - 1) + (5,)
    assert layer.count_params() == 20


@pytest.mark.parametrize("cls", [Dense, TimeDistributedDense, Embedding])
def test_one_seed_gives_the_initial_weights_of_keras(cls):
    np.random.seed(7)
    with np.load(DATA / "initial_weights.npz") as reference:
        for n, weight in enumerate(cls(3, 2).get_weights()):
            assert_allclose(weight, reference[f"{cls.__name__}/{n}"], rtol=1e-12)


def test_names_of_weights():
    assert [param.name for param in Dense(2, 3, name="out").params] == ["out_W", "out_b"]


def test_set_name_names_all_params():
    layer, stack = Dense(2, 3), Sequential([TimeDistributedDense(2, 3), JZS1(3, 4)])
    layer.set_name("encoder")
    assert [param.name for param in layer.params] == ["encoder_p0", "encoder_p1"]
    with pytest.raises(ValueError, match="name must be a string, got None"):
        layer.set_name(None)
    assert [param.name for param in layer.params] == ["encoder_p0", "encoder_p1"]
    projection = stack.layers[1].non_trainable_weights[0].name
    stack.set_name("both")
    assert [param.name for one in stack.layers for param in one.params] == [
        f"both_p{k}" for k in range(len(stack.params))]  # fmt: skip
    assert [weight.name for weight in stack.non_trainable_weights] == [projection]


def test_repeat_vector():
    layer, X = RepeatVector(3), np.random.randn(2, 4)
    assert_allclose(run(layer, X), np.repeat(X[:, None], 3, axis=1))
    gradient = engine.function([layer.input], T.grad(layer.get_output().sum(), layer.input))
    assert_allclose(gradient(X), np.full((2, 4), 3.0))
    layer.set_previous(Dense(2, 4))
    assert layer.output_shape == (None, 3, 4)


def test_activation():
    layer, X = Activation("relu"), np.random.randn(2, 4)
    layer.input = T.matrix()
    assert_allclose(run(layer, X), np.maximum(X, 0))


def test_embedding():
    layer = Embedding(4, 2, mask_zero=True)
    W, = layer.get_weights()
    X = np.array([[0, 3, 1]])
    assert_allclose(run(layer, X), W[X])
    assert engine.function([layer.input], layer.get_output_mask())(X.astype("int32")).tolist() == [[0, 1, 1]]
    assert Embedding(4, 2).get_output_mask() is None


def test_masking():
    layer = Masking(mask_value=-1.0)
    X = np.array([[[-1.0, -1.0], [-1.0, 2.0], [0.0, 0.0]]])
    assert_allclose(run(layer, X), [[[0.0, 0.0], [-1.0, 2.0], [0.0, 0.0]]])
    assert engine.function([layer.input], layer.get_output_mask())(X).tolist() == [[0, 1, 1]]


def test_masks_are_handed_on():
    embedding, gru = Embedding(4, 2, mask_zero=True), GRU(2, 3, return_sequences=True)
    layers = [embedding, gru, Dropout(0.5), Activation("tanh"), TimeDistributedDense(3, 2)]
    for below, above in zip(layers, layers[1:]):
        above.set_previous(below)
    mask = engine.function([embedding.input], layers[-1].get_output_mask(), allow_input_downcast=True)
    assert mask([[0, 1]]).tolist() == [[0, 1]]


def test_what_takes_no_mask_says_so():
    class Flat(Layer):
        pass

    with pytest.raises(ValueError, match="Flat takes no mask, .* Embedding has one: .*; a layer of your own that"):
        Flat().set_previous(Embedding(4, 2, mask_zero=True))


class TestDropout:
    def layer(self):
        layer = Dropout(0.25)
        layer.input = T.matrix()
        return layer

    def test_in_use_it_scales_as_in_keras(self):
        assert_allclose(run(self.layer(), np.ones((2, 3))), 0.75)

    def test_in_training_it_drops(self):
        Y = run(self.layer(), np.ones((100, 100)), train=True)
        assert set(np.unique(Y)) == {0.0, 1.0} and abs(Y.mean() - 0.75) < 0.03

    def test_numpys_seed_is_the_seed(self):
        drawn = []
        for seed in (1, 1, 2):
            np.random.seed(seed)
            drawn.append(run(self.layer(), np.ones((5, 5)), train=True))
        assert np.array_equal(drawn[0], drawn[1]) and not np.array_equal(drawn[0], drawn[2])

    def test_asked_twice_within_a_model_it_drops_the_same(self):
        dropout, masking = Dropout(0.5), Masking()
        dropout.input = T.tensor3()
        masking.set_previous(dropout)
        with one_output_for_each_layer():
            outputs = [masking.get_output(True), masking.get_output_mask(True)]
        Y, mask = engine.function([dropout.input], outputs)(np.ones((20, 5, 1)))
        assert np.array_equal(Y.any(axis=-1), mask.astype(bool)) and 0 < mask.mean() < 1

    @pytest.mark.parametrize("p", [-0.1, 1.5])
    def test_wrong_probability(self, p):
        with pytest.raises(ValueError, match="p must be a finite number of at least 0 and of at most 1"):
            Dropout(p)


@pytest.mark.parametrize("make", [
    lambda: Dense(0, 2), lambda: Dense(2, "3"), lambda: TimeDistributedDense(2, -1), lambda: RepeatVector(0),
    lambda: Embedding(2.5, 2),
])  # fmt: skip
def test_wrong_sizes(make):
    with pytest.raises(ValueError, match="must be an integer of at least 1"):
        make()


class TestRegularizersAndConstraints:
    def trained(self, layer, X, loss=0.0):
        """The penalized loss, and the weights after one step of gradient descent with learning rate 1."""
        params, penalties, held, _ = layer.get_params()
        objective = T.sum(layer.get_output()) * loss
        for penalty in penalties:
            objective = penalty(objective)
        updates = optimizers.SGD(lr=1.0).get_updates(params, held, objective)
        value = engine.function([layer.input], objective, updates=updates, allow_input_downcast=True)(X)
        return float(value), layer.get_weights()

    def test_weights(self):
        W, b = np.random.randn(3, 2), np.random.randn(2)
        layer = Dense(3, 2, weights=[W, b], W_regularizer=regularizers.l1l2(0.1, 0.2), b_regularizer="l2")
        value, (new_W, new_b) = self.trained(layer, np.ones((1, 3)))
        assert_allclose(value, 0.1 * abs(W).sum() + 0.2 * (W**2).sum() + 0.01 * (b**2).sum(), rtol=1e-10)
        assert_allclose(new_W, W - 0.1 * np.sign(W) - 0.4 * W, rtol=1e-10)

    def test_activity(self):
        X = np.random.randn(4, 3)
        layer = Dense(3, 2, activity_regularizer=regularizers.activity_l1l2(0.1, 0.2))
        Y = X.dot(layer.get_weights()[0])
        value, _ = self.trained(layer, X)
        assert_allclose(value, 0.1 * abs(Y).mean(axis=0).sum() + 0.2 * (Y**2).mean(axis=0).sum(), rtol=1e-10)

    #: l1 and l2 of what a name makes.
    OF_WEIGHTS = {"l1": (0.01, 0), "l2": (0, 0.01), "l1l2": (0.01, 0.01), "WeightRegularizer": (0, 0),
                  "Regularizer": (0, 0), "identity": (0, 0)}  # fmt: skip
    OF_OUTPUTS = {"activity_l1": (0.01, 0), "activity_l2": (0, 0.01), "activity_l1l2": (0.01, 0.01),
                  "ActivityRegularizer": (0, 0)}  # fmt: skip

    def test_all_regularizers_by_their_names(self):
        assert {*self.OF_WEIGHTS, *self.OF_OUTPUTS} == set(regularizers.KNOWN)
        W, X = np.random.randn(3, 2), np.random.randn(4, 3)
        for kind, names, penalized in (("W", self.OF_WEIGHTS, W), ("activity", self.OF_OUTPUTS, X.dot(W))):
            for name, (l1, l2) in names.items():
                layer = Dense(3, 2, weights=[W, np.zeros(2)], **{f"{kind}_regularizer": name})
                value, _ = self.trained(layer, X)
                samples = 4 if kind == "activity" else 1
                expected = (l1 * abs(penalized).sum() + l2 * (penalized**2).sum()) / samples
                assert_allclose(value, expected, rtol=1e-10, err_msg=name)

    def test_a_penalty_is_on_the_numbers_that_were_drawn(self):
        dropout = Dropout(0.5)
        dropout.add_regularizer(regularizers.activity_l1(1.0), dropout)
        model = Sequential([Dense(1, 1, weights=[np.ones((1, 1)), np.zeros(1)]), dropout])
        model.compile(optimizers.SGD(lr=0.0), "mse")
        assert model.train_on_batch(np.ones((64, 1)), np.ones(64)) == 1.0, "what is dropped, and what is not"

    def test_one_regularizer_serves_many_layers(self):
        shared = regularizers.l2(1.0)
        first, second = Dense(2, 2, W_regularizer=shared), Embedding(2, 2, W_regularizer=shared)
        assert (first.W_regularizer.target, second.W_regularizer.target) == (first.W, second.W)

    @pytest.mark.parametrize("constraint, expected", [
        (constraints.maxnorm(1.0), [[0.6, -0.1], [0.8, 0.2]]),
        ("nonneg", [[3.0, 0.0], [4.0, 0.2]]),
        (constraints.unitnorm(), np.divide([[3.0, -0.1], [4.0, 0.2]], [[np.sqrt(9.01)], [np.sqrt(16.04)]])),
        (lambda p: 2 * p, [[6.0, -0.2], [8.0, 0.4]]),
    ])  # fmt: skip
    def test_constraint(self, constraint, expected):
        layer = Dense(2, 2, weights=[np.array([[3.0, -0.1], [4.0, 0.2]]), np.zeros(2)], W_constraint=constraint)
        _, (W, b) = self.trained(layer, np.ones((1, 2)))
        assert_allclose(W, expected, rtol=1e-5)
        assert not b.any()

    def test_a_row_of_zeros_has_no_direction(self):
        """Such as that of padding, which no gradient changes."""
        layer = Embedding(3, 2, weights=[np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 2.0]])], W_constraint="unitnorm")
        _, (W,) = self.trained(layer, np.array([[1, 2]]))
        assert_allclose(W, [[0.0, 0.0], [0.6, 0.8], [0.0, 1.0]], rtol=1e-10)

    def test_all_constraints_by_their_names(self):
        value = np.array([[3.0, -0.1], [4.0, 0.2]])
        of_rows = value / np.sqrt((value**2).sum(axis=1, keepdims=True))
        expected = {"maxnorm": value * [[0.4, 1.0]], "nonneg": np.maximum(value, 0), "unitnorm": of_rows,
                    "identity": value}  # fmt: skip
        expected.update({cls.__name__: expected[name] for name, cls in constraints.KNOWN.items() if name in expected})
        assert set(expected) == set(constraints.KNOWN)
        for name, held in expected.items():
            layer = Dense(2, 2, weights=[value, np.zeros(2)], W_constraint=name)
            assert_allclose(self.trained(layer, np.ones((1, 2)))[1][0], held, rtol=1e-5, err_msg=name)

    def test_a_regularizer_of_ones_own(self):
        class L4(regularizers.Regularizer):
            def __call__(self, loss):
                return loss + (self.target**4).sum()

        for given in (L4, L4()):
            layer = Dense(2, 2, weights=[np.array([[1.0, 2.0], [0.0, 0.0]]), np.zeros(2)], W_regularizer=given)
            assert self.trained(layer, np.zeros((1, 2)))[0] == 17.0

    @pytest.mark.parametrize("name", ["W_regularizer", "b_regularizer", "activity_regularizer"])
    def test_functions_are_no_regularizers(self, name):
        """Keras 0.1 would give them the loss, later Keras the weight: the loss would be another without a word."""
        with pytest.raises(ValueError, match="must be a name or a Regularizer, got <function.*: derive a class from"):
            Dense(2, 2, **{name: lambda W: 0.01 * (W**2).sum()})

    def test_config(self):
        layer = Dense(2, 2, W_regularizer="l1", activity_regularizer="activity_l2", W_constraint=constraints.maxnorm(3))
        again = Dense.from_config(layer.get_config())
        assert again.get_config() == layer.get_config() and again.W_constraint.m == 3

    def test_unknown(self):
        with pytest.raises(ValueError, match="unknown regularizer 'l3'.*l1l2"):
            Dense(2, 2, W_regularizer="l3")
        with pytest.raises(ValueError, match="unknown constraint 'max'"):
            Embedding(2, 2, W_constraint="max")


def test_config_of_keras_is_taken_as_far_as_it_is_known():
    config = {"name": "Dropout", "p": 0.5, "input_shape": None}
    assert Dropout.from_config(config).p == 0.5
    with pytest.raises(ValueError, match="Dropout has no argument input_shape"):
        Dropout.from_config(dict(config, input_shape=[3]))


def test_wrong_weights():
    with pytest.raises(ValueError, match=r"Dense expects 2 weights: W \(2, 3\), b \(3,\); got 1: \(2, 3\)"):
        Dense(2, 3).set_weights([np.zeros((2, 3))])
    with pytest.raises(ValueError, match=r"Embedding expects 1 weights: W \(2, 3\)"):
        Embedding(2, 3, weights=[np.zeros((3, 2))])
    with pytest.raises(ValueError, match="Dropout expects 0 weights: none; got 1"):
        Dropout(0.5).set_weights([np.zeros(2)])


def test_dense_behind_a_sequence_acts_at_every_step():
    """As in Keras 0.1, whose own addition_rnn was written so."""
    model = Sequential([GRU(2, 3, return_sequences=True), Dense(3, 4, activation="softmax"), Dense(4, 2)])
    model.compile("sgd", "mse")
    assert model.output_shape == (None, None, 2)
    X = np.random.RandomState(0).randn(5, 6, 2)
    steps = Sequential([model.layers[0]])
    steps.compile("sgd", "mse")
    first, second = (layer.get_weights() for layer in model.layers[1:])
    z = np.exp(steps.predict(X) @ first[0] + first[1])
    expected = z / z.sum(axis=-1, keepdims=True) @ second[0] + second[1]
    assert_allclose(model.predict(X), expected, rtol=1e-5)
    assert_allclose([model.step(x_t) for x_t in X.transpose(1, 0, 2)], expected.transpose(1, 0, 2), rtol=1e-5)
    assert_allclose(model.test_on_batch(X, np.zeros((5, 6, 2))), (expected ** 2).mean(), rtol=1e-5)


def test_dense_behind_a_sequence_takes_no_mask_and_no_other_size():
    layer = Dense(4, 2)
    with pytest.raises(ValueError, match=r"Dense expects input of shape \(None, 4\).* but GRU gives \(None, 3\)"):
        layer.set_previous(GRU(2, 3, return_sequences=True))
    with pytest.raises(ValueError, match=r"Dense takes no mask, .*: take TimeDistributedDense, .* in an Embedding\)$"):
        Sequential([Masking(), GRU(2, 4, return_sequences=True), layer])
    with pytest.raises(ValueError, match="Dense expects input with 2 dimensions"):
        layer.check_data(np.ones((2, 3, 4)))


@pytest.mark.parametrize("layer", [
    Dense(2, 3, init="normal"), Activation("relu"), Dropout(0.3), RepeatVector(4), Masking(2.0),
    Embedding(3, 4, mask_zero=True), TimeDistributedDense(2, 3),
])  # fmt: skip
def test_config_makes_the_same_layer_again(layer):
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


class TestLayersOfOnesOwn:
    """What is wrong with one is said by its name when the model is built or compiled."""

    @staticmethod
    def model(*after, base=rl.Layer, **attributes):
        model = rl.Sequential([rl.TimeDistributedDense(2, 3), type("Own", (base,), attributes)(), *after])
        model.compile("sgd", "mse")

    @pytest.mark.parametrize("y, message", [
        (None, "the output of Own must be a symbolic variable, samples first, got None"),
        (np.ones((2, 3)), "the output of Own must be a symbolic variable, samples first, got an array of float64"),
        ([T.matrix()], "the output of Own must be a symbolic variable, samples first, got .<"),
        (T.scalar(), "the output of Own must be a symbolic variable, samples first, got a single number"),
    ])  # fmt: skip
    def test_outputs(self, y, message):
        for after in ([], [rl.Dense(3, 1)]):
            with pytest.raises(ValueError, match=message):
                self.model(*after, get_output=lambda self, train=False: y)

    @pytest.mark.parametrize("mask, message", [
        (True, r"the mask of Own must be a symbolic variable, \(nb_samples, timesteps\), or None, got True"),
        (np.ones((2, 5), "int8"), "the mask of Own must be a symbolic variable, .*, got an array of int8"),
        (T.tensor3(), "the mask of Own must be a symbolic variable, .*, got one with 3 dimensions"),
    ])  # fmt: skip
    def test_masks(self, mask, message):
        for after in ([], [rl.LSTM(3, 4)], [rl.Dense(3, 1)]):
            with pytest.raises(ValueError, match=message):
                self.model(*after, base=rl.MaskedLayer, get_output_mask=lambda self, train=False: mask)

    @pytest.mark.skipif(not hasattr(Exception, "add_note"), reason="errors take notes from Python 3.11 on")
    def test_what_the_engine_says_of_an_output_is_explained(self):
        for layer in (rl.Dense(3, 2, activation=lambda x: np.maximum(x, 0)), rl.Lambda(lambda x: x if x > 0 else -x)):
            model = rl.Sequential([layer, rl.Dense(2, 1)])
            layer.input = T.matrix()
            with pytest.raises(TypeError) as error:
                model.get_output()
            assert [note.split(", ")[0] for note in error.value.__notes__] == [
                f"get_output of {type(layer).__name__} is called to build a graph"]  # fmt: skip
