"""Models of several inputs, models that begin with any layer, and what scripts of the time did with models."""

import json
import pickle
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose

from recurrent_layers import (
    GRU,
    JZS1,
    LSTM,
    Activation,
    AutoEncoder,
    Dense,
    Dropout,
    Embedding,
    Layer,
    MaskedLayer,
    Masking,
    Merge,
    RepeatVector,
    Reshape,
    Sequential,
    SimpleRNN,
    TimeDistributedDense,
    TimeDistributedMerge,
    activations,
    engine,
    initializations,
    model_from_json,
    model_from_yaml,
    models,
    objectives,
    optimizers,
)
from recurrent_layers.engine import tensor as T
from recurrent_layers.layers import containers

MERGED = {
    "sum": lambda a, b: a + b, "ave": lambda a, b: (a + b) / 2, "mul": lambda a, b: a * b,
    "concat": lambda a, b: np.concatenate([a, b], axis=-1),
}  # fmt: skip


def compiled(layers, loss="mse", **named):
    model = layers if isinstance(layers, Sequential) else Sequential(layers)
    model.compile("sgd", loss, **named)
    return model


def samples(nb_samples=12, seed=0):
    """Words, vectors and labels."""
    draw = np.random.RandomState(seed)
    return [draw.randint(0, 9, (nb_samples, 5)), draw.randn(nb_samples, 3)], draw.rand(nb_samples, 2)


def two_inputs(mode="concat"):
    words, vector = Sequential([Embedding(9, 4), JZS1(4, 4)]), Sequential([Dense(3, 4, activation="tanh")])
    return compiled([Merge([words, vector], mode=mode), Dense(8 if mode == "concat" else 4, 2)])


class TestMerge:
    @pytest.mark.parametrize("mode", sorted(MERGED))
    def test_outputs(self, mode):
        words, vector = Sequential([Embedding(9, 4), JZS1(4, 4)]), Sequential([Dense(3, 4)])
        model, (X, _) = compiled([Merge([words, vector], mode=mode)]), samples()
        expected = MERGED[mode](compiled(words).predict(X[0]), compiled(vector).predict(X[1]))
        assert model.output_shape == (None,) + expected.shape[1:]
        assert_allclose(model.predict(X), expected, rtol=1e-5)
        assert_allclose(model.predict(X, batch_size=5), expected, rtol=1e-5)
        assert_allclose(model.predict_on_batch(X), expected, rtol=1e-5)
        assert_allclose(model.evaluate(X, expected + 1, verbose=0), 1.0, rtol=1e-5)

    def test_along_the_steps(self):
        first, second = (Sequential([GRU(3, 4, return_sequences=True)]) for _ in range(2))
        model = compiled([Merge([first, second], mode="concat", concat_axis=1), SimpleRNN(4, 2)])
        a, b = np.random.RandomState(0).randn(2, 6, 5, 3)
        both = np.concatenate([compiled(first).predict(a), compiled(second).predict(b)], axis=1)
        assert model.layers[0].output_shape == (None, None, 4)
        assert_allclose(model.predict([a, b]), _with(model.layers[1]).predict(both), rtol=1e-5)

    def test_a_step_of_training_is_that_of_gradients_by_hand(self):
        left, right = Dense(2, 1), Dense(3, 1)
        model = compiled([Merge([left, right], mode="mul")])
        draw = np.random.RandomState(1)
        a, b, y = draw.randn(7, 2), draw.randn(7, 3), draw.randn(7, 1)
        (V, c), (W, d) = left.get_weights(), right.get_weights()
        u, v = a @ V + c, b @ W + d
        loss, error = ((u * v - y) ** 2).mean(), 2 * (u * v - y) / len(y)
        assert_allclose(model.train_on_batch([a, b], y), loss, rtol=1e-5)
        assert_allclose(left.get_weights()[0], V - 0.01 * a.T @ (error * v), rtol=1e-4)
        assert_allclose(right.get_weights()[0], W - 0.01 * b.T @ (error * u), rtol=1e-4)
        assert_allclose(right.get_weights()[1], d - 0.01 * (error * u).sum(axis=0), rtol=1e-4)

    @pytest.mark.parametrize("named", [
        {}, dict(validation_split=0.25), dict(shuffle="batch"), dict(sample_weight=np.arange(12.0)),
        dict(validation_data=slice(6)),
    ])  # fmt: skip
    def test_it_trains_as_one_model_over_both_inputs_side_by_side(self, named):
        draw = np.random.RandomState(0)
        a, b, y = draw.randn(12, 2), draw.randn(12, 3), draw.rand(12, 1)
        left, right, both = Dense(2, 1), Dense(3, 1), Dense(5, 1)
        both.set_weights([np.concatenate([left.get_weights()[0], right.get_weights()[0]]), np.zeros(1)])
        for layer in (left, right, both):
            layer.params = [layer.W]  # Two biases would learn twice as fast as one.
            layer.constraints = []
        histories = []
        for layer, X in ((Merge([left, right]), [a, b]), (both, np.concatenate([a, b], axis=1))):
            given = dict(named)
            if "validation_data" in named:
                given = dict(validation_data=([a[:6], b[:6]] if isinstance(X, list) else X[:6], y[:6]))
            np.random.seed(3)
            model = compiled([layer])
            histories.append(model.fit(X, y, batch_size=4, nb_epoch=3, verbose=0, **given).history)
        assert histories[0].keys() == histories[1].keys()
        for name, values in histories[0].items():
            assert_allclose(values, histories[1][name], rtol=1e-5)

    def test_by_a_generator(self):
        model, (X, y) = two_inputs(), samples()
        given = []

        def batches():
            while True:
                for k in range(0, 12, 4):
                    given.append(k)
                    yield [one[k:k + 4] for one in X], y[k:k + 4]

        expected = pickle.loads(pickle.dumps(model))
        model.fit_generator(batches(), 12, 2, verbose=0, validation_data=(X, y))
        expected.fit(X, y, batch_size=4, nb_epoch=2, shuffle=False, verbose=0)
        assert given == [0, 4, 8] * 2, "no more than was needed"
        for one, other in zip(model.get_weights(), expected.get_weights()):
            assert_allclose(one, other, rtol=1e-5)

    def test_it_comes_back(self, tmp_path):
        model, (X, y) = two_inputs(), samples()
        model.train_on_batch(X, y)
        again = model_from_json(model.to_json())
        assert again.to_json() == model.to_json() and type(again.layers[0].layers[0]) is Sequential
        again.set_weights(model.get_weights())
        model.save_weights(tmp_path / "weights.h5")
        from_file = two_inputs()
        from_file.load_weights(tmp_path / "weights.h5")
        for one in (again, from_file, pickle.loads(pickle.dumps(model))):
            assert_allclose(one.predict(X), model.predict(X), rtol=1e-6)

    def test_models_of_models(self):
        X, y = samples()
        words, vector = Sequential([Embedding(9, 4), GRU(4, 4)]), Sequential([Dense(3, 4)])
        inner = Sequential([Merge([words, vector]), Dense(4, 3)])
        model = compiled([Merge([inner, Sequential([Dense(2, 3)])], mode="mul"), Activation("tanh"), Dense(3, 2)])
        extra = np.random.RandomState(5).randn(12, 2)
        before = model.get_weights()
        model.train_on_batch([*X, extra], y)
        assert model.predict([*X, extra]).shape == (12, 2)
        assert all(not np.array_equal(old, new) for old, new in zip(before, model.get_weights()))
        assert len(model.get_params()[0]) == len(before) == 1 + 9 + 2 + 2 + 2 + 2

    def test_two_branches_over_one_input(self):
        shared = Embedding(9, 4)
        model = compiled([Merge([Sequential([shared, GRU(4, 3)]), Sequential([shared, LSTM(4, 3)])]), Dense(3, 2)])
        (words, _), y = samples()
        assert len(model.get_params()[0]) == 1 + 9 + 12 + 2, "its weight is trained once"
        before = model.predict(words)
        model.train_on_batch(words, y)
        assert not np.array_equal(model.predict(words), before)
        assert model.count_params() == sum(param.get_value().size for param in model.get_params()[0])
        for write in (model.to_json, model.to_yaml):
            with pytest.raises(ValueError, match=r"JSON cannot say that several branches have the same Embedding\(9,"):
                write()

    def test_frozen(self):
        model, (X, y) = two_inputs(), samples()
        model.layers[0].layers[1].trainable = False
        compiled(model)
        before = model.layers[0].layers[1].get_weights()
        model.train_on_batch(X, y)
        assert all(map(np.array_equal, before, model.layers[0].layers[1].get_weights()))

    @pytest.mark.parametrize("given, message", [
        (lambda X: X[0], r"2 inputs and needs a list of 2 arrays, \[X_1, X_2, ...\], got an array"),
        (lambda X: X[:1], "got 1 of them"), (lambda X: [*X, X[0]], "got 3 of them"),
        (lambda X: [X[0], X[1][:5]], "all inputs need as many samples, got 12, 5"),
        (lambda X: X[::-1], "input 1: Embedding"), (lambda X: [X[0], X[0]], r"input 2: Dense expects input of shape"),
        (lambda X: [X[0], X[1] * np.nan], "input 2: the input of Dense has NaN"),
    ])  # fmt: skip
    def test_wrong_inputs(self, given, message):
        model, (X, y) = two_inputs(), samples()
        before = model.get_weights()
        for call in (lambda X: model.fit(X, y, verbose=0), lambda X: model.train_on_batch(X, y), model.predict,
                     model.predict_on_batch, lambda X: model.evaluate(X, y)):  # fmt: skip
            with pytest.raises(ValueError, match=message):
                call(given(X))
        assert all(map(np.array_equal, before, model.get_weights()))

    @pytest.mark.parametrize("arguments, message", [
        (lambda a, b: dict(layers=[a]), "two or more"), (lambda a, b: dict(layers=[a, 3]), "two or more"),
        (lambda a, b: dict(layers=[a, b], mode="join"), "mode must be"),
        (lambda a, b: dict(layers=[a, b], mode="concat", concat_axis=0), "axis 0 are the samples"),
        (lambda a, b: dict(layers=[a, b], mode="concat", concat_axis=2), "concat_axis must be from 1 to 1"),
        (lambda a, b: dict(layers=[a, Dense(2, 5)]), r"shapes fit, got Sequential \(None, 3\), Dense \(None, 5\)"),
        (lambda a, b: dict(layers=[a, GRU(2, 3, return_sequences=True)]), "whose shapes fit"),
        (lambda a, b: dict(layers=[a, Sequential([b, Dense(3, 3)]).layers[1]]), "stands behind another layer"),
    ])  # fmt: skip
    def test_what_cannot_be_merged(self, arguments, message):
        a, b = Sequential([Dense(2, 3)]), Sequential([Dense(2, 3)])
        with pytest.raises(ValueError, match=message):
            Merge(**arguments(a, b))
        assert compiled([Merge([a, b])]).output_shape == (None, 3)

    def test_it_is_the_first_layer(self):
        merge, model = Merge([Dense(2, 3), Dense(2, 3)]), Sequential([Dense(2, 2)])
        with pytest.raises(ValueError, match="the first layer of a model only"):
            model.add(merge)
        assert len(model.layers) == 1

    def test_masks_that_come_later_are_refused_as_in_one_stack(self):
        """What is in a stack was put together before it was known that there is a mask."""
        def within():
            return Sequential([GRU(2, 3, return_sequences=True), TimeDistributedMerge("ave")])

        message = "TimeDistributedMerge takes no mask, but the output of GRU has one"
        with pytest.raises(ValueError, match=message):
            Sequential([Masking(), GRU(2, 3, return_sequences=True), TimeDistributedMerge("ave")])
        for model in (Sequential([Masking(), within()]), Sequential([Masking(), Sequential([within()]), Dense(3, 1)])):
            with pytest.raises(ValueError, match=message):
                model.compile("sgd", "mse")
        Sequential([within(), Dense(3, 1)]).compile("sgd", "mse")
        Sequential([Masking(), Sequential([GRU(2, 3), Dense(3, 1)])]).compile("sgd", "mse")

    def test_masks_end_here(self):
        masked = Sequential([Masking(), GRU(2, 3, return_sequences=True)])
        with pytest.warns(UserWarning, match="hands on no mask"):
            merge = Merge([masked, GRU(2, 3, return_sequences=True)])
        assert merge.get_output_mask() is None

    def test_what_needs_one_input_says_so(self):
        model, (X, y) = two_inputs(), samples()
        with pytest.raises(ValueError, match="one step at a time: Merge"):
            model.step(X[0][:, 0])
        with pytest.raises(ValueError, match="by_length needs a model with one input"):
            model.fit(X, y, by_length=True, verbose=0)


def _with(layer):
    """A model of a layer like another one, with its weights."""
    again = type(layer).from_config(layer.get_config())
    again.set_weights(layer.get_weights())
    return compiled([again])


class TestAFirstLayerWithoutAnInput:
    @pytest.mark.parametrize("first", [
        [Dropout(0.25)], [Activation("linear"), Dropout(0.25)], [Sequential([Dropout(0.25)])],
    ], ids=["dropout", "two", "a model"])  # fmt: skip
    def test_it_reads_what_the_next_would(self, first):
        model = compiled([*(_again(layer) for layer in first), SimpleRNN(2, 3)])
        X = np.random.RandomState(0).randn(4, 5, 2)
        assert_allclose(model.predict(X), _with(model.layers[-1]).predict(0.75 * X), rtol=1e-5)
        assert model.input_shape == (None, None, 2)
        with pytest.raises(ValueError, match="expects input of shape .None, None, 2."):
            model.predict(X[:, :, :1])

    def test_integers(self):
        model = compiled([Activation("linear"), Embedding(5, 3), GRU(3, 2)])
        X = np.random.RandomState(0).randint(0, 5, (4, 6))
        assert_allclose(model.predict(X), compiled(list(map(_like, model.layers[1:]))).predict(X), rtol=1e-5)

    def test_where_shapes_change_between_it_has_as_many_axes(self):
        """As Keras gave it, whose scripts began with Reshape(4096), Dense(4096, 512)."""
        model = compiled([Dropout(0.25), _Halved(), Dense(2, 1)])
        X = np.random.RandomState(0).randn(3, 4)
        assert_allclose(model.predict(X), _with(model.layers[-1]).predict(0.75 * X[:, ::2]), rtol=1e-5)
        assert compiled([Reshape(6), Dense(6, 1)]).predict(np.ones((2, 6))).shape == (2, 1)
        with pytest.raises(ValueError, match="Dropout expects input with 2 dimensions"):
            model.predict(X[:, None])

    def test_a_stack_that_is_not_made_leaves_it_as_it_was(self):
        layer = Dropout(0.25)
        for others in ([Dense(5, 4), Dense(9, 2)], [Embedding(5, 4), Dense(9, 2)]):
            with pytest.raises(ValueError, match="Dense expects"):
                Sequential([layer, *others])
            assert not hasattr(layer, "input") and not layer.takes_integers and layer.output_shape is None
        assert compiled([layer, Dense(7, 2)]).predict(np.ones((3, 7))).shape == (3, 2)

    def test_a_layer_with_an_input_of_its_own_keeps_it(self):
        model = Sequential([RepeatVector(3), GRU(2, 2)])
        assert model.input.ndim == 2

    def test_it_comes_back(self):
        model = compiled([Dropout(0.25), SimpleRNN(2, 3)])
        X = np.random.RandomState(0).randn(4, 5, 2)
        for again in (pickle.loads(pickle.dumps(model)), model_from_json(model.to_json())):
            again.set_weights(model.get_weights())
            assert_allclose(again.predict(X), model.predict(X), rtol=1e-6)


class _Halved(Dropout):
    """Half of the features."""

    def __init__(self):
        super().__init__(0.0)

    output_shape = property(lambda self: None)

    def get_output(self, train=False):
        return self.get_input(train)[:, ::2]


def _again(layer):
    if isinstance(layer, Sequential):
        return Sequential(map(_again, layer.layers))
    return type(layer).from_config(layer.get_config())


def _like(layer):
    again = _again(layer)
    again.set_weights(layer.get_weights())
    return again


class TestWhatScriptsDid:
    def test_the_functions_of_a_model(self):
        model = compiled([GRU(2, 3), Dense(3, 1, activation="sigmoid")], "binary_crossentropy", class_mode="binary")
        X, y = np.random.RandomState(0).randn(8, 4, 2), np.array([[0.0], [1.0]] * 4)
        weights = np.arange(8.0)[:, None]
        loss, accuracy = model.test_on_batch(X, y, accuracy=True, sample_weight=weights[:, 0])
        p = model.predict(X)
        by_hand = -(y * np.log(p) + (1 - y) * np.log(1 - p))
        assert_allclose(loss, (by_hand * weights).sum() / weights.sum(), rtol=1e-5)
        assert_allclose(model._predict(X), p)
        assert_allclose(model._test(X, y, weights), loss)
        assert_allclose(model._test_with_acc(X, y, weights), [loss, accuracy])
        assert_allclose(model._train(X, y, weights), loss, rtol=1e-5)
        assert model._train_with_acc(X, y, weights)[0] < loss, "it was trained"
        with pytest.raises(TypeError, match="_train takes 3 arguments, 1 of input, labels and weights, got 2"):
            model._train(X, y)

    def test_the_functions_of_a_model_with_two_inputs(self):
        model, (X, y) = two_inputs(), samples()
        assert_allclose(model._predict(*X), model.predict(X))
        assert_allclose(model._test(*X, y, np.ones((12, 1))), model.evaluate(X, y, verbose=0), rtol=1e-5)

    def test_params_that_are_taken_away_after_add_are_trained(self):
        """As by Keras 0.1, which had them then; it says so, since that is not what was meant."""
        model, like = (Sequential([Dense(2, 3, W_constraint="nonneg"), Dense(3, 1)]) for _ in range(2))
        like.set_weights(model.get_weights())
        W = model.layers[0].W
        model.layers[0].params = []
        with pytest.warns(UserWarning, match="Dense.params has been changed after the layer was added"):
            model.compile("sgd", "mse")
        X, y = np.random.RandomState(0).randn(6, 2), np.ones((6, 1))
        compiled(like).train_on_batch(X, y)
        model.train_on_batch(X, y)
        assert_allclose(W.get_value(), like.get_weights()[0], rtol=1e-5)
        assert len(model.get_weights()) == 2

    def test_a_weight_of_several_layers_is_held_to_what_each_of_them_holds_it_to(self):
        layers = [Dense(3, 3), Dense(3, 3, W_constraint="nonneg"), Dense(3, 3, W_constraint="unitnorm")]
        for layer in layers[1:]:
            layer.params[0] = layer.W = layers[0].W
        layers[0].W.set_value((1 - 2 * np.eye(3)).astype(engine.config.floatX))
        model = compiled([Sequential(layers[:2]), layers[2]])
        model.train_on_batch(np.ones((2, 3)), np.ones((2, 3)))
        W = layers[0].W.get_value()
        assert W.min() >= 0
        assert_allclose(np.sum(W ** 2, axis=1), np.ones(3), rtol=1e-6)

    def test_params_that_are_taken_away_before_are_not(self):
        layer = Dense(2, 3)
        layer.params = []
        model = compiled([layer, Dense(3, 1)])
        before = layer.W.get_value()
        model.train_on_batch(np.ones((6, 2)), np.ones((6, 1)))
        assert np.array_equal(before, layer.W.get_value())

    def test_functions_of_ones_own_are_compiled_of_the_variables_of_a_model(self):
        model = compiled([Dropout(0.5), GRU(2, 3), Dense(3, 1)])
        X = np.random.RandomState(0).randn(4, 5, 2)
        assert_allclose(engine.function([model.X_test], model.y_test)(X), model.predict(X), rtol=1e-6)
        of_layer = engine.function([model.layers[0].input], model.layers[1].get_output(train=False))
        assert_allclose(of_layer(X), compiled([_like(model.layers[1])]).predict(0.5 * X), rtol=1e-5)
        first, second = (engine.function([model.X_train], model.y_train)(X) for _ in range(2))
        assert not np.array_equal(first, model.predict(X)) and first.shape == second.shape

    @pytest.mark.parametrize("name", ["params", "regularizers", "constraints", "updates", "weights"])
    def test_what_is_put_into_the_lists_of_a_model_is_not_lost_in_silence(self, name):
        model = Sequential([Dense(2, 1)])
        for change in (lambda one: one.append(3), lambda one: one.extend([3]), lambda one: one.pop()):
            with pytest.raises(TypeError, match="would be lost: change the list of a layer"):
                change(getattr(model, name))
        assert getattr(model, name) + [3] == [*getattr(model, name), 3]

    def test_a_layer_of_ones_own_that_takes_masks_may_change_the_shape(self):
        class Last(MaskedLayer):
            def get_output(self, train=False):
                return self.get_input(train)[:, -1]

            def get_output_mask(self, train=None):
                return None

        model = compiled([GRU(2, 3, return_sequences=True), Last(), Dense(3, 2)])
        X, y = np.random.RandomState(0).randn(4, 5, 2), np.ones((4, 2))
        model.train_on_batch(X, y)
        same = compiled([GRU(2, 3, weights=model.layers[0].get_weights()), _like(model.layers[2])])
        assert_allclose(model.predict(X), same.predict(X), rtol=1e-6)

    def test_a_mask_is_of_steps(self):
        """Over another axis it would weigh samples by the steps of others, where there are as many."""
        class Own(MaskedLayer):
            def __init__(self, function):
                super().__init__()
                self.function = function

            def get_output(self, train=False):
                return self.function(self.get_input(train))

        for after in ([], [Activation("tanh")]):
            with pytest.raises(ValueError, match="^the output of Own has no steps, but a mask: let its get_output_"):
                compiled([Masking(), TimeDistributedDense(2, 3), Own(lambda x: x[:, -1]), *after])
        model = compiled([Masking(), TimeDistributedDense(2, 3), Own(lambda x: T.stack([x, 2 * x], axis=2))])
        X, y = np.random.RandomState(0).randn(2, 5, 2), np.random.RandomState(1).randn(2, 5, 2, 3)
        X[0, :3] = 0
        error = ((model.predict(X) - y) ** 2).mean(axis=-1)
        assert_allclose(model.test_on_batch(X, y), error[X.any(axis=-1)].mean(), rtol=1e-5)
        weights = np.arange(20.0).reshape(2, 5, 2)
        counts = weights * X.any(axis=-1)[:, :, None]
        expected = (counts * error).sum() / counts.sum()
        assert_allclose(model.test_on_batch(X, y, sample_weight=weights), expected, rtol=1e-5)

    def test_a_layer_of_ones_own_may_keep_its_input_shape(self):
        class Scale(Layer):
            def __init__(self, input_shape):
                super().__init__()
                self.input_shape = input_shape
                self.alphas = engine.shared(np.full(self.input_shape, 2.0))
                self.params = [self.alphas]

            def get_output(self, train=False):
                return self.alphas * self.get_input(train)

        model = compiled([Dense(2, 3), Scale((3,)), Dense(3, 1)])
        assert model.layers[1].input_shape == (3,)
        W, b, a, V, c = model.get_weights()
        X = np.random.RandomState(0).randn(4, 2)
        assert_allclose(model.predict(X), (X @ W + b) * a @ V + c, rtol=1e-5)

    @pytest.mark.parametrize("nothing", [None, (), [], False])
    def test_no_validation_data(self, nothing):
        model = compiled([Dense(2, 1)])
        history = model.fit(np.ones((4, 2)), np.ones((4, 1)), nb_epoch=1, verbose=0, validation_data=nothing)
        assert sorted(history.history) == ["loss"]

    def test_numbers_among_objects(self):
        """As pandas gives them for columns of several types."""
        model = compiled([Dense(2, 1)])
        X = np.array([[1, 2.5], [True, np.float32(3)]], dtype=object)
        assert_allclose(model.predict(X), model.predict(X.astype(float)))
        with pytest.raises(ValueError, match="must be numbers"):
            model.predict(np.array([[1, "2"]], dtype=object))

    def test_an_argument_that_optimizers_had_once(self):
        with pytest.warns(UserWarning, match="Adam does not use kappa=0.9, as in Keras 0.1.3"):
            optimizers.Adam(lr=0.1, kappa=0.9)
        with pytest.raises(TypeError, match="SGD has no argument l2; it takes lr, momentum, decay, nesterov, clip"):
            optimizers.SGD(l2=0.1)

    def test_what_is_put_into_a_module_is_found_by_its_name(self, monkeypatch):
        """As in Keras 0.1, which had no custom_objects; also in the place of what is there."""
        monkeypatch.setattr(activations, "double", lambda x: 2 * x, raising=False)
        monkeypatch.setattr(initializations, "threes", lambda shape: np.full(shape, 3.0), raising=False)
        monkeypatch.setattr(initializations, "one", lambda shape: np.full(shape, 4.0))
        monkeypatch.setattr(objectives, "mse", lambda y_true, y_pred: 10 * T.sqr(y_true - y_pred).mean(axis=-1))
        model = compiled([Dense(2, 1, init="threes", activation="double")], "mse")
        W, _ = model.get_weights()
        assert W.tolist() == [[3.0], [3.0]] and initializations.get("one")((1,)).tolist() == [4.0]
        assert_allclose(model.predict(np.ones((1, 2))), [[12.0]])
        assert_allclose(model.test_on_batch(np.ones((1, 2)), [[11.0]]), 10.0, rtol=1e-5)
        monkeypatch.undo()
        assert objectives.get("mse") is objectives.mean_squared_error
        with pytest.raises(ValueError, match="unknown activation 'double'"):
            Dense(2, 1, activation="double")

    def test_the_helpers_of_fit(self):
        assert models.make_batches(7, 3) == [(0, 3), (3, 6), (6, 7)] and models.make_batches(0, 3) == []
        np.random.seed(4)
        order = models.batch_shuffle(np.arange(10, 18), 3)
        assert sorted(map(tuple, order[:6].reshape(2, 3))) == [(10, 11, 12), (13, 14, 15)]
        assert list(order[6:]) == [16, 17]
        assert models.standardize_X(3) == [3] and models.standardize_X([3, 4]) == [3, 4]
        assert models.standardize_y([1, 2]).tolist() == [[1], [2]]
        assert models.standardize_weights([[0, 1], [1, 0]], class_weight={0: 2, 1: 3}).tolist() == [[3], [2]]
        assert models.standardize_weights(np.zeros((2, 3, 1)), [1, 2]).shape == (2, 3, 1)

    @pytest.mark.parametrize("masked", [False, True])
    def test_a_loss_of_ones_own_sees_rows(self, masked):
        seen = []

        def own(y_true, y_pred):
            seen.append((y_true.ndim, y_pred.ndim))
            return T.sqr(y_true - y_pred).sum(axis=-1) * T.arange(1, y_pred.shape[0] + 1)  # So that all rows differ.

        model = compiled([*([Masking()] if masked else []), SimpleRNN(2, 3, return_sequences=True)], own)
        draw = np.random.RandomState(0)
        X, y, weights = draw.randn(4, 5, 2), draw.rand(4, 5, 3), draw.rand(4, 5)
        weights[1, 2] = weights[3, 0] = 0
        real = np.ones((4, 5), bool)
        if masked:
            X[0, :2] = X[2, 0] = 0
            real = X.any(axis=-1)
        counts = real & (weights > 0)
        errors = ((model.predict(X) - y) ** 2).sum(axis=-1)[counts] * np.arange(1, counts.sum() + 1)
        expected = (errors * weights[counts]).sum() / weights[counts].sum()
        assert_allclose(model.test_on_batch(X, y, sample_weight=weights), expected, rtol=1e-5)
        assert set(seen) == {(2, 2)}
        before = model.get_weights()
        assert_allclose(model.train_on_batch(X, y, sample_weight=weights), expected, rtol=1e-5)
        assert not np.array_equal(before[0], model.get_weights()[0])

    @pytest.mark.parametrize("loss, y", [
        ("binary_crossentropy", [[3.0], [-1.0]]), ("hinge", [[0.3], [2.5]]),
        ("categorical_crossentropy", [[1.0], [1.0]]), ("poisson_loss", [[-1.0], [2.0]]),
    ])  # fmt: skip
    def test_labels_that_are_meant_for_another_loss_are_taken(self, loss, y):
        model = compiled([Dense(2, 1, activation="sigmoid")], loss)
        X, y = np.array([[0.5, -1.0], [1.5, 1.0]]), np.array(y)
        p = model.predict(X).astype("float64")
        by_hand = {
            "binary_crossentropy": -(y * np.log(p) + (1 - y) * np.log(1 - p)), "hinge": np.maximum(1 - y * p, 0),
            "categorical_crossentropy": np.zeros(2), "poisson_loss": p - y * np.log(p),
        }[loss].mean()  # fmt: skip
        with pytest.warns(UserWarning, match=f"^{loss} "):
            assert_allclose(model.test_on_batch(X, y), by_hand, rtol=1e-4, atol=2e-7)


class TestAutoEncoder:
    def test_codes_have_the_mask_of_the_encoder(self):
        X = np.random.RandomState(0).randn(2, 5, 3)
        X[0, 3:] = 0
        encoder = GRU(3, 4, return_sequences=True)
        decoder = GRU(4, 4, return_sequences=True, go_backwards=True)
        layers = [Masking(), AutoEncoder(encoder, decoder, output_reconstruction=False)]
        model = compiled([*layers, GRU(4, 2)])
        same = compiled([Masking(), _like(encoder), _like(model.layers[2])])
        assert_allclose(model.predict(X), same.predict(X), rtol=1e-5)

    def test_it_learns_its_input_and_gives_codes(self):
        encoder = Sequential([Dense(6, 4, activation="tanh"), Dense(4, 2)])
        model = compiled([AutoEncoder(encoder, Dense(2, 6), output_reconstruction=False)])
        X = np.random.RandomState(0).randn(30, 2) @ np.random.RandomState(1).randn(2, 6)
        reconstruction = compiled([AutoEncoder(_like(encoder), _like(model.layers[0].decoder))])
        assert reconstruction.output_shape == (None, 6) and model.output_shape == (None, 2)
        expected = ((reconstruction.predict(X) - X) ** 2).mean()
        assert_allclose(model.train_on_batch(X, X), expected, rtol=1e-5)
        history = model.fit(X, X, batch_size=5, nb_epoch=40, verbose=0)
        assert history.history["loss"][-1] < 0.3 * expected
        W, b, V, c = encoder.get_weights()
        assert_allclose(model.predict(X), np.tanh(X @ W + b) @ V + c, rtol=1e-4, atol=1e-5)
        with pytest.raises(ValueError, match="validation_split needs labels that are those of predictions"):
            model.fit(X, X, validation_split=0.5, verbose=0)
        with pytest.raises(ValueError, match=r"the shape of the output, \(None, 2\), got \(30, 6\)"):
            model.evaluate(X, X)

    def test_sequences(self):
        decoder = Sequential([RepeatVector(5), GRU(4, 2, return_sequences=True)])
        model = compiled([AutoEncoder(LSTM(2, 4), decoder)])
        X = np.random.RandomState(0).randn(3, 5, 2)
        before = model.get_weights()
        model.train_on_batch(X, X)
        assert model.predict(X).shape == (3, 5, 2)
        assert all(not np.array_equal(old, new) for old, new in zip(before, model.get_weights()))
        for again in (model_from_json(model.to_json()), pickle.loads(pickle.dumps(model))):
            again.set_weights(model.get_weights())
            assert_allclose(again.predict(X), model.predict(X), rtol=1e-6)

    def test_a_config_of_keras(self):
        layer = AutoEncoder(Dense(3, 2), Dense(2, 3))
        config = layer.get_config()
        config["encoder_config"], config["decoder_config"] = config.pop("encoder"), config.pop("decoder")
        assert AutoEncoder.from_config(config).get_config() == layer.get_config()

    def test_what_does_nothing_says_so(self):
        with pytest.warns(UserWarning, match="tie_weights=True does nothing"):
            AutoEncoder(Dense(3, 2), Dense(2, 3), tie_weights=True)


class TestYaml:
    def test_it_comes_back(self):
        model = two_inputs()
        again = model_from_yaml(model.to_yaml(indent=4))
        assert again.to_json() == model.to_json() and json.loads(model.to_json(indent=2)) == json.loads(model.to_json())

    def test_tuples_as_keras_wrote_them(self):
        text = "{name: Sequential, layers: !!python/tuple [{name: Dense, input_dim: 2, output_dim: !!python/long '3'}]}"
        assert model_from_yaml(text).output_shape == (None, 3)

    @pytest.mark.parametrize("text, message", [
        ("!!python/object/apply:os.getcwd []", "no YAML of a model: could not determine a constructor"),
        ("{", "no YAML of a model"), ("[1]", "no config of"), (3, "is a string, got 3"),
        ("{name: Sequential, layers: [{name: !!python/name:os.system ''}]}", "no YAML of a model"),
        ("[" * 10**5, "than Python can follow"),
    ], ids=range(6))  # fmt: skip
    def test_what_is_none(self, text, message):
        with pytest.raises(ValueError, match=message):
            model_from_yaml(text)

    def test_without_its_library_it_says_what_is_needed(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "yaml", None)
        with pytest.raises(ImportError, match="pip install pyyaml; or use JSON"):
            Sequential([Dense(1, 1)]).to_yaml()


class TestAStack:
    """`keras.layers.containers.Sequential`, which cannot be trained by itself."""

    def test_it_is_a_layer(self):
        stack = containers.Sequential([GRU(2, 3, return_sequences=True), GRU(3, 2)])
        model = compiled([stack, Dense(2, 1)])
        X = np.random.RandomState(0).randn(4, 5, 2)
        flat = compiled([*map(_like, stack.layers), _like(model.layers[1])])
        assert_allclose(model.predict(X), flat.predict(X), rtol=1e-6)
        assert not hasattr(stack, "fit")
        again = model_from_json(model.to_json())
        again.set_weights(model.get_weights())
        assert_allclose(again.predict(X), model.predict(X), rtol=1e-6)

    def test_models_of_that_time_are_read(self):
        """As pickles of stacks before they remembered what they were made of."""
        model = Sequential([Dense(2, 1)])
        del model._added
        again = compiled(pickle.loads(pickle.dumps(model)))
        assert again.predict(np.ones((1, 2))).shape == (1, 1)
