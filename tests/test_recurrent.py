import copy
import functools
import inspect
import warnings

import numpy as np
import pytest
from conftest import DATA, RECURRENT, masked_input
from engines import change_flags, verify_grad
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import recurrent_layers as rl
from recurrent_layers import GRU, JZS1, JZS2, LSTM, Embedding, SimpleDeepRNN, SimpleRNN, engine
from recurrent_layers.engine import tensor as T

SIGNATURES = {
    "SimpleRNN": dict(init="glorot_uniform", inner_init="orthogonal", activation="sigmoid", weights=None,
                      truncate_gradient=-1, return_sequences=False),
    "SimpleDeepRNN": dict(depth=3, init="glorot_uniform", inner_init="orthogonal", activation="sigmoid",
                          inner_activation="hard_sigmoid", weights=None, truncate_gradient=-1,
                          return_sequences=False),
    "GRU": dict(output_dim=128, init="glorot_uniform", inner_init="orthogonal", activation="sigmoid",
                inner_activation="hard_sigmoid", weights=None, truncate_gradient=-1, return_sequences=False),
    "LSTM": dict(output_dim=128, init="glorot_uniform", inner_init="orthogonal", forget_bias_init="one",
                 activation="tanh", inner_activation="hard_sigmoid", weights=None, truncate_gradient=-1,
                 return_sequences=False),
}  # fmt: skip
for _name in ("JZS1", "JZS2", "JZS3"):
    SIGNATURES[_name] = dict(output_dim=128, init="glorot_uniform", inner_init="orthogonal", activation="tanh",
                             inner_activation="sigmoid", weights=None, truncate_gradient=-1, return_sequences=False)


@functools.lru_cache(maxsize=None)
def compiled(layer, masked):
    mask = T.matrix("mask")
    if masked:
        masked_input(layer, mask)
    return engine.function([layer.input, mask], layer.get_output(), on_unused_input="ignore")


def output(layer, X, mask=None):
    """What a layer gives for X."""
    return compiled(layer, mask is not None)(X, np.ones(X.shape[:2]) if mask is None else mask)


@pytest.mark.parametrize("name", RECURRENT)
def test_signature_is_that_of_keras(name):
    parameters = [parameter for parameter in inspect.signature(getattr(rl, name)).parameters.values()
                  if parameter.kind is not parameter.KEYWORD_ONLY]  # fmt: skip
    optional = {p.name: p.default for p in parameters if p.default is not p.empty}
    assert optional == SIGNATURES[name]
    assert list(optional) == list(SIGNATURES[name])
    required = [p.name for p in parameters if p.default is p.empty]
    assert required == (["input_dim"] if "output_dim" in optional else ["input_dim", "output_dim"])


def test_positional_arguments():
    layer = LSTM(3, 4, "normal", "uniform", "zero", "relu", "sigmoid", None, 5, True)
    expected = {
        "name": "LSTM", "input_dim": 3, "output_dim": 4, "init": "normal", "inner_init": "uniform",
        "forget_bias_init": "zero", "activation": "relu", "inner_activation": "sigmoid", "truncate_gradient": 5,
        "return_sequences": True,
    }  # fmt: skip
    config = layer.get_config()
    assert {key: config[key] for key in expected} == expected


@pytest.mark.parametrize("name", RECURRENT)
def test_one_seed_gives_the_initial_weights_of_keras(name):
    with np.load(DATA / "initial_weights.npz") as reference:
        np.random.seed(7)
        weights = getattr(rl, name)(3, 2).get_weights()
        assert len(weights) == sum(key.startswith(name + "/") for key in reference)
        for n, weight in enumerate(weights):
            assert_allclose(weight, reference[f"{name}/{n}"], rtol=1e-12)


@settings(max_examples=12, deadline=None)
@given(nb_samples=st.integers(1, 3), timesteps=st.integers(1, 5), input_dim=st.integers(1, 3),
       output_dim=st.integers(1, 3), return_sequences=st.booleans(), masked=st.booleans(),
       name=st.sampled_from(RECURRENT))  # fmt: skip
def test_shapes(nb_samples, timesteps, input_dim, output_dim, return_sequences, masked, name):
    layer = getattr(rl, name)(input_dim, output_dim, return_sequences=return_sequences)
    X = np.random.randn(nb_samples, timesteps, input_dim)
    mask = np.random.binomial(1, 0.5, (nb_samples, timesteps)).astype("float64") if masked else None
    Y = output(layer, X, mask)
    assert Y.shape == ((nb_samples, timesteps, output_dim) if return_sequences else (nb_samples, output_dim))
    assert layer.output_shape == ((None, None, output_dim) if return_sequences else (None, output_dim))
    assert np.isfinite(Y).all()


@functools.lru_cache(maxsize=None)
def sequence_layer(name):
    return getattr(rl, name)(2, 3, return_sequences=True)


@settings(max_examples=20, deadline=None)
@given(data=st.data(), name=st.sampled_from(RECURRENT))
def test_masked_steps_change_nothing_wherever_they_are(data, name):
    layer = sequence_layer(name)
    timesteps = data.draw(st.integers(1, 7))
    mask = np.array([data.draw(st.lists(st.integers(0, 1), min_size=timesteps, max_size=timesteps)) for _ in range(2)])
    X = np.random.randn(2, timesteps, 2)
    Y = output(layer, X, mask.astype("float64"))
    for x, y, real in zip(X, Y, mask.astype(bool)):
        if real.any():
            alone = output(layer, x[None, real], np.ones((1, real.sum())))[0]
            assert_allclose(y[real], alone, rtol=1e-12)
        before = np.zeros(3)
        for y_t, is_real in zip(y, real):
            assert is_real or np.array_equal(y_t, before), "the state is carried through a masked step"
            before = y_t


def test_a_mask_of_ones_is_no_mask(recurrent):
    layer = recurrent(2, 3)
    X = np.random.randn(2, 6, 2)
    assert_allclose(output(copy_of(layer), X, np.ones((2, 6))), output(layer, X), rtol=1e-12)


def copy_of(layer):
    twin = type(layer).from_config(layer.get_config())
    twin.set_weights(layer.get_weights())
    return twin


def test_the_gradient_is_right(recurrent):
    layer = recurrent(2, 3, activation="tanh", return_sequences=True)
    if hasattr(layer, "inner_activation"):
        layer.inner_activation = rl.activations.get("sigmoid")
    values = [np.random.randn(2, 5, 2)] + [param.get_value() for param in layer.params]

    def function(X, *params):
        layer.input = X
        return engine.clone(layer.get_output(), replace=dict(zip(layer.params, params)))

    verify_grad(function, values, rng=np.random.RandomState(1))


@pytest.mark.parametrize("steps", [1, 2, 6, 100])
def test_truncated_gradient_reaches_the_last_steps_only(recurrent, steps):
    layer = recurrent(2, 3, truncate_gradient=steps)
    gradient = engine.function([layer.input], T.grad(T.sum(layer.get_output()), layer.input))
    X = np.random.randn(2, 6, 2)
    reached = np.abs(gradient(X)).max(axis=(0, 2)) > 0
    assert reached.tolist() == [t >= 6 - steps for t in range(6)]


def test_lookback_goes_as_far_as_depth():
    layer = SimpleDeepRNN(1, 2, depth=2, return_sequences=True, activation="linear", inner_activation="linear")
    W, U_1, U_2, b = layer.get_weights()
    X = np.random.randn(1, 3, 1)
    Y = output(layer, X)[0]
    h_1 = X[0, 0].dot(W) + b
    h_2 = X[0, 1].dot(W) + b + h_1.dot(U_1)
    h_3 = X[0, 2].dot(W) + b + h_2.dot(U_1) + h_1.dot(U_2)
    assert_allclose(Y, [h_1, h_2, h_3], rtol=1e-12)


def test_layers_are_stacked_by_hand():
    first, second = GRU(3, 4, return_sequences=True), LSTM(4, 2)
    first.input = T.tensor3()
    second.set_previous(first)
    params = first.params + second.params
    loss = T.sum(T.sqr(second.get_output() - 1.0))
    updates = [(param, param - 0.1 * gradient) for param, gradient in zip(params, T.grad(loss, params))]
    step = engine.function([first.input], loss, updates=updates)
    X = np.random.randn(4, 5, 3)
    losses = [float(step(X)) for _ in range(30)]
    assert losses[-1] < 0.5 * losses[0]


def test_any_callable_is_an_activation_and_an_initialization():
    layer = SimpleRNN(2, 3, init=lambda shape: np.full(shape, 0.5), activation=lambda x: 2 * x, return_sequences=True)
    assert_allclose(output(layer, np.ones((1, 1, 2)))[0, 0], [2.0, 2.0, 2.0])


def test_an_input_of_another_type_is_taken_as_floatX(recurrent):
    with change_flags(floatX="float32"):
        for layer, shape in ((recurrent(3, 2, return_sequences=True), (2, 4, 3)), (rl.Dense(3, 2), (2, 3))):
            found = []
            for dtype in ("float32", "float64", "int32", "int8"):
                layer.input = T.TensorType(dtype, (False,) * len(shape))()
                y = layer.get_output()
                function = engine.function([layer.input], [y, *T.grad(T.sqr(y).sum(), layer.params)])
                found.append(function(np.arange(np.prod(shape)).reshape(shape).astype(dtype)))
            assert {array.dtype.name for arrays in found for array in arrays} == {"float32"}
            for arrays in found:
                for array, reference in zip(arrays, found[0]):
                    np.testing.assert_array_equal(array, reference)


def test_nan_and_infinity_reach_the_output(recurrent):
    layer = recurrent(2, 3, return_sequences=True)
    X = np.random.randn(1, 4, 2)
    X[0, 1, 0] = np.nan
    Y = output(layer, X)
    assert np.isfinite(Y[0, 0]).all() and np.isnan(Y[0, 1:]).any(axis=-1).all()


def test_config_makes_the_same_layer_again(recurrent):
    layer = recurrent(2, 3, return_sequences=True)
    assert recurrent.from_config(layer.get_config()).get_config() == layer.get_config()
    assert layer.get_config()["name"] == recurrent.__name__


def test_documentation_has_equations_and_parameters(recurrent):
    assert "h_t = " in recurrent.__doc__ and "truncate_gradient : int" in recurrent.__doc__


class TestWeights:
    def test_roundtrip(self, recurrent):
        layer, other = recurrent(2, 3), recurrent(2, 3)
        other.set_weights(layer.get_weights())
        X = np.random.randn(2, 4, 2)
        assert_allclose(output(layer, X), output(other, X), rtol=1e-12)

    def test_attributes_have_the_names_of_keras(self):
        layer = LSTM(2, 3)
        assert layer.params == [layer.W_i, layer.U_i, layer.b_i, layer.W_c, layer.U_c, layer.b_c,
                                layer.W_f, layer.U_f, layer.b_f, layer.W_o, layer.U_o, layer.b_o]  # fmt: skip
        assert [p.name for p in layer.params[:3]] == ["W_i", "U_i", "b_i"]
        assert_allclose(layer.b_f.get_value(), 1.0)
        deep = SimpleDeepRNN(2, 3, depth=2)
        assert deep.params == [deep.W] + deep.Us + [deep.b]

    @pytest.mark.parametrize("cls", [JZS1, JZS2])
    def test_the_projection_is_a_weight_that_is_not_trained(self, cls):
        layer = cls(2, 3)
        P = layer.get_weights()[-1]
        assert_allclose(np.abs(P), 1 / np.sqrt(2))
        assert layer.Pmat not in layer.params and len(layer.get_weights()) == len(layer.params) + 1
        layer.set_weights([2 * w for w in layer.get_weights()[:-1]])
        assert_allclose(layer.get_weights()[-1], P)
        layer.set_weights(layer.get_weights()[:-1] + [3 * P])
        assert_allclose(layer.get_weights()[-1], 3 * P)
        assert_allclose(cls(3, 3).get_weights()[-1], np.eye(3))

    @pytest.mark.parametrize("change, message", [
        (lambda w: w[:-1], r"GRU expects 9 weights: W_z \(2, 3\), U_z \(3, 3\), b_z \(3,\).*; got 8: \(2, 3\)"),
        (lambda w: w + [w[0]], "GRU expects 9 weights.*got 10"),
        (lambda w: [w[0].T] + w[1:], r"W_z \(2, 3\).*got 9: \(3, 2\)"),
        (lambda w: [], "got 0: none"),
    ])  # fmt: skip
    def test_wrong_weights_change_nothing(self, change, message):
        layer = GRU(2, 3)
        before = layer.get_weights()
        wrong = change(copy.deepcopy([w + 1 for w in before]))
        with pytest.raises(ValueError, match=message):
            layer.set_weights(wrong)
        for old, new in zip(before, layer.get_weights()):
            assert np.array_equal(old, new)
        with pytest.raises(ValueError, match=message):
            GRU(2, 3, weights=wrong)

    def test_the_optional_projection_is_named(self):
        with pytest.raises(ValueError, match=r"JZS1 expects 8 weights.*\(Pmat may be left out\)"):
            JZS1(2, 3).set_weights([np.zeros(3)])


@pytest.mark.parametrize("arguments, message", [
    (dict(input_dim=0), "input_dim must be an integer of at least 1, got 0"),
    (dict(input_dim=2.5), "input_dim must be an integer.*2.5"),
    (dict(output_dim=-3), "output_dim must be"),
    (dict(output_dim="8"), "output_dim must be"),
    (dict(output_dim=True), "output_dim must be"),
    (dict(truncate_gradient=0), "truncate_gradient must be"),
    (dict(truncate_gradient=-2), "truncate_gradient must be"),
    (dict(init="glorot"), "unknown initialization 'glorot'.*glorot_uniform"),
    (dict(activation="tan"), "unknown activation 'tan'; did you mean 'tanh'.*hard_sigmoid"),
    (dict(init=lambda shape: np.zeros((1, 1))), r"initialization of W.* made shape \(1, 1\)"),
])  # fmt: skip
def test_wrong_arguments(recurrent, arguments, message):
    with pytest.raises(ValueError, match=message):
        recurrent(**dict(dict(input_dim=2, output_dim=3), **arguments))


@pytest.mark.parametrize("depth", [0, -1, 1.5])
def test_wrong_depth(depth):
    with pytest.raises(ValueError, match="depth must be an integer of at least 1"):
        SimpleDeepRNN(2, 3, depth=depth)


def test_unknown_inner_activation_and_forget_bias():
    with pytest.raises(ValueError, match="unknown activation 'step'"):
        GRU(2, 3, inner_activation="step")
    with pytest.raises(ValueError, match="unknown initialization 'ones'; did you mean 'one'"):
        LSTM(2, 3, forget_bias_init="ones")


class TestConnection:
    def test_wrong_size(self):
        message = r"LSTM expects input of shape \(None, None, 5\).*GRU gives \(None, None, 4\)"
        with pytest.raises(ValueError, match=message):
            LSTM(5, 2).set_previous(GRU(3, 4, return_sequences=True))

    def test_a_single_vector_is_no_sequence(self):
        layer = LSTM(4, 2)
        with pytest.raises(ValueError, match="LSTM expects input with 3 dimensions.*return_sequences=True"):
            layer.set_previous(GRU(3, 4))
        assert not hasattr(layer, "previous")

    def test_wrong_number_of_dimensions_by_hand(self, recurrent):
        layer = recurrent(2, 3)
        layer.input = T.matrix()
        with pytest.raises(ValueError, match="expects input with 3 dimensions, got a symbolic variable with 2"):
            layer.get_output()

    def test_no_input(self):
        with pytest.raises(ValueError, match="Activation has no input"):
            rl.Activation("tanh").get_output()

    def test_mask_ends_where_the_last_step_is_returned(self):
        embedding = Embedding(5, 2, mask_zero=True)
        for return_sequences in (True, False):
            layer = GRU(2, 3, return_sequences=return_sequences)
            layer.set_previous(embedding)
            assert (layer.get_output_mask() is not None) == return_sequences


class TestCellsOfOnesOwn:
    """What is wrong with one is said by its name, and before anything is compiled."""

    @staticmethod
    def cell(step=None, **attributes):
        def right(self, x_t, h_tm1):
            return T.tanh(T.dot(x_t, self.W) + T.dot(h_tm1, self.U) + self.b)

        return type("Cell", (rl.Recurrent,), {"param_names": ("W", "U", "b"), "step": step or right, **attributes})

    @pytest.mark.parametrize("attributes, message", [
        (dict(param_names="W_z"), r"param_names of Cell must be names in a tuple, such as .* or \('W',\), got 'W_z'"),
        (dict(param_names=("W", 3)), "param_names of Cell must be names in a tuple"),
        (dict(non_trainable_names=("P", "")), "non_trainable_names of Cell must be names in a tuple"),
        (dict(param_names=("W", "U", "b", "b")), "there are 2 weights b in Cell: each needs a name of its own"),
        (dict(non_trainable_names=("W",)), "there are 2 weights W in Cell"),
        (dict(param_names=("W", "U", "b", "step")), "the weight step of Cell needs another name: layer.step is someth"),
        (dict(param_names=("W", "U", "b", "init")), "the weight init of Cell needs another name"),
        (dict(param_names=("W", "U", "b", "input_shape")), "the weight input_shape of Cell needs another name"),
        (dict(nb_states=0), "nb_states of Cell must be an integer of at least 1, got 0"),
        (dict(nb_states="2"), "nb_states of Cell must be an integer of at least 1, got '2'"),
        (dict(initialization=lambda self, name: None),
         r"initialization\('W'\) of Cell must give an initialization and a shape, such as .*, got None"),
        (dict(initialization=lambda self, name: "uniform"), "must give an initialization and a shape.*got 'uniform'"),
        (dict(initialization=lambda self, name: ((3, 4), "uniform")), "the shape of W must be a list of integers, got"),
        (dict(initialization=lambda self, name: ("uniform", (3, 0))), "a size in the shape of W must be an integer"),
    ])  # fmt: skip
    def test_what_it_says_of_its_weights(self, attributes, message):
        with pytest.raises(ValueError, match=message):
            self.cell(**attributes)(3, 4)

    @pytest.mark.parametrize("attributes, message", [
        (dict(state_sizes=4), "state_sizes of Cell must be a list of integers, got 4"),
        (dict(state_sizes=[2]), "must be as many sizes as nb_states says, 1, and the first output_dim, 4, got .2."),
        (dict(state_sizes=[4, 4]), "must be as many sizes as nb_states says, 1, .*got .4, 4."),
        (dict(inputs=lambda self, x, mask: x), "what `inputs` of Cell gives must be a list of symbolic variables"),
        (dict(inputs=lambda self, x, mask: None), "what `inputs` of Cell gives must be a list of .*, got None"),
        (dict(inputs=lambda self, x, mask: []), r"must be a list of symbolic variables, .*, got \[\]"),
        (dict(inputs=lambda self, x, mask: [x, np.ones(3)]), "list of symbolic variables.*, got an array of .* in it"),
        (dict(inputs=lambda self, x, mask: [x[:, 0, 0]]), "list of .*nb_samples.*, got one with 1 dimensions in it"),
    ])  # fmt: skip
    def test_what_it_says_of_inputs_and_states(self, attributes, message):
        with pytest.raises(ValueError, match=message):
            self.cell(**attributes)(3, 4).get_output()

    @pytest.mark.parametrize("step, message", [
        (lambda self, x_t, h_tm1: None, "the step of Cell must return symbolic variables, .*, got None"),
        (lambda self, x_t, h_tm1: np.ones((2, 4)), "must return symbolic variables, .*, got an array of float64"),
        (lambda self, x_t, h_tm1: {"h": h_tm1}, "must return symbolic variables, .*, got {'h': "),
        (lambda self, x_t, h_tm1: h_tm1.sum(axis=1), r"state 1 .* must have 2 dimensions, \(nb_samples, 4\), got "),
        (lambda self, x_t, h_tm1: h_tm1.sum(axis=1, keepdims=True), r"shape \(nb_samples, 4\), got \(None, 1\)"),
        (lambda self, x_t, h_tm1: h_tm1.sum(axis=0, keepdims=True), r"shape \(nb_samples, 4\), got \(1, None\)"),
        (lambda self, x_t, h_tm1: T.gt(h_tm1, 0), "must be of floatX, float32, got bool: T.cast"),
        (lambda self, x_t, h_tm1: h_tm1 * np.ones(4), "got float64: numbers and arrays of NumPy in the step may be"),
        (lambda self, x_t, h_tm1: T.concatenate([h_tm1, x_t], axis=1),
         r"state 1 that the step of Cell returns must have the shape \(nb_samples, 4\), but has \(7, 7\) for 7"),
        (lambda self, x_t, h_tm1: h_tm1[:, :2], r"must have the shape \(nb_samples, 4\), but has \(7, 2\)"),
        (lambda self, x_t, h_tm1: T.dot(h_tm1, self.W), r"Cell\(3, 4\) cannot be computed, as here for 7 .*: [^(]"),
        (lambda self, x_t, h_tm1: h_tm1 + x_t, r"the step of Cell\(3, 4\) cannot be computed, as here for 7 samples"),
    ])  # fmt: skip
    def test_what_a_step_returns(self, step, message):
        with change_flags(floatX="float32"), pytest.raises(ValueError, match=message):
            self.cell(step)(3, 4).get_output()

    def test_a_step_that_takes_other_arguments(self):
        message = r"the step of Cell is called with what `inputs` gives \(1\) and with the states \(1, as nb_s"
        for step in (lambda self, x_t: x_t, lambda self, x_t, h_tm1, c_tm1: (h_tm1, c_tm1)):
            with pytest.raises(TypeError, match=message):
                self.cell(step)(3, 4).get_output()

    def test_no_step(self):
        with pytest.raises(NotImplementedError, match="Cell has no step: a subclass of Recurrent needs a method step"):
            type("Cell", (rl.Recurrent,), {})(3, 4).get_output()

    def test_no_weights(self):
        class Careless(rl.Recurrent):
            param_names = ("W", "U", "b")

            def __init__(self, input_dim, output_dim):
                self.input_dim, self.output_dim = input_dim, output_dim

        with pytest.raises(AttributeError, match=r"Careless has no weights: let its __init__ call super\(\).__init__"):
            rl.Sequential([Careless(3, 4)]).get_output()

    @pytest.mark.parametrize("cell", [rl.Recurrent, GRU])
    @pytest.mark.parametrize("called", ["options", "others"])
    def test_its_keywords_are_kept_whatever_they_are_called(self, cell, called):
        """In its config, its repr, in JSON and both ways of `Bidirectional`."""
        made = {"cell": cell}
        exec(f"def __init__(self, input_dim, output_dim, leak=0.9, **{called}):\n"
             f"    cell.__init__(self, input_dim, output_dim, **{called})\n    self.leak = leak\n", made)  # fmt: skip

        def step(self, x_t, h_tm1):
            return self.activation(T.dot(x_t, self.W) + self.leak * T.dot(h_tm1, self.U) + self.b)

        own = dict(param_names=("W", "U", "b"), step=step) if cell is rl.Recurrent else {}
        Mine = type("Mine", (cell,), {"__init__": made["__init__"], **own})
        options = dict(leak=0.5, init="normal", activation="relu", truncate_gradient=2, return_sequences=True)
        layer = Mine(3, 4, **options)
        config = layer.get_config()
        assert {name: config[name] for name in options} == options and "weights" not in config
        assert repr(layer) == ("Mine(3, 4, leak=0.5, init='normal', activation='relu', truncate_gradient=2, "
                               "return_sequences=True)")  # fmt: skip
        model = rl.Sequential([layer, rl.Bidirectional(Mine(4, 2, **options))])
        again = rl.model_from_json(model.to_json(), custom_layers={"Mine": Mine}).layers
        for one in (again[0], again[1].forward, again[1].backward, model.layers[1].forward, model.layers[1].backward):
            assert type(one) is Mine and {name: one.get_config()[name] for name in options} == options
        again[0].set_weights(layer.get_weights())
        x = np.random.randn(2, 5, 3)
        values = [engine.function([one.input], one.get_output())(x) for one in (layer, again[0])]
        assert values[0].shape == (2, 5, 4) and np.array_equal(*values)

    def test_its_keywords_are_those_of_the_layer_that_it_is_made_of(self):
        class Mine(LSTM):
            def __init__(self, input_dim, output_dim, leak=0.9, **others):
                super().__init__(input_dim, output_dim, **others)
                self.leak = leak

        assert Mine(3, 4).get_config() == dict(LSTM(3, 4).get_config(), name="Mine", leak=0.9)
        assert repr(Mine(3, 4)) == "Mine(3, 4)"
        layer = Mine(3, 4, forget_bias_init="zero", inner_activation="sigmoid")
        assert repr(layer) == "Mine(3, 4, forget_bias_init='zero', inner_activation='sigmoid')"
        assert Mine.from_config(layer.get_config()).b_f.get_value().tolist() == [0.0] * 4

    def test_what_a_layer_passes_on_itself_is_none_of_its_arguments(self):
        for cls in (SimpleRNN, type("Mine", (SimpleRNN,), {})):
            with pytest.raises(TypeError, match="inner_activation"):
                cls(3, 4, inner_activation="tanh")
            assert "inner_activation" not in cls(3, 4).get_config()

    def test_an_argument_that_was_not_kept(self):
        class Leaky(rl.Recurrent):
            param_names = ("W", "U", "b")

            def __init__(self, input_dim, output_dim, leak=0.9, **others):
                super().__init__(input_dim, output_dim, **others)

        with pytest.raises(AttributeError, match="Leaky needs all .* __init__, but it has not kept leak: .* self.leak"):
            Leaky(3, 4).get_config()

    def test_a_weight_that_was_not_named(self):
        with pytest.raises(AttributeError, match="no attribute 'U_z'; the weights that param_names .* are W, U, b$"):
            self.cell(lambda self, x_t, h_tm1: T.dot(h_tm1, self.U_z))(3, 4).get_output()

    @pytest.mark.skipif(not hasattr(Exception, "add_note"), reason="errors take notes from Python 3.11 on")
    def test_what_the_engine_says_of_a_step_is_explained(self):
        for step in (lambda self, x_t, h_tm1: h_tm1 if h_tm1 > 0 else x_t, lambda self, x_t, h_tm1: sum(h_tm1)):
            with pytest.raises(TypeError) as error:
                self.cell(step)(3, 4).get_output()
            assert "the step of Cell is called to build a graph, with symbolic variables" in error.value.__notes__[0]

    @pytest.mark.parametrize("step", [
        lambda self, x_t, h_tm1: T.tanh(T.dot(x_t, self.W) + np.ones((5, 4), engine.config.floatX) * h_tm1),
        lambda self, x_t, h_tm1: T.tanh(x_t.shape[0] * h_tm1 + T.dot(x_t, self.W) + self.drift),
        lambda self, x_t, h_tm1: T.dot(x_t, self.W) / T.zeros_like(h_tm1),
    ])  # fmt: skip
    def test_steps_that_are_not_refused(self, step):
        """For one number of samples only, with a variable that the user gives, or of numbers that are none."""
        assert self.cell(step, drift=T.matrix())(3, 4).get_output().ndim == 2

    def test_random_numbers_stay_what_they_will_be(self):
        drawn = []
        for in_a_step in (False, True):
            chance = engine.RandomStreams(1).normal((9,), avg=0.0, std=1.0, dtype=engine.config.floatX)
            if in_a_step:
                self.cell(lambda self, x_t, h_tm1, chance=chance: h_tm1 * chance.sum())(3, 4).get_output()
            drawn.append(engine.function([], chance)())
        assert (drawn[0] == drawn[1]).all()

    def test_a_function_of_ones_own_in_a_layer_of_ours(self):
        with pytest.raises(ValueError, match=r"the step of LSTM\(3, 4\) cannot be computed, as here for 7 samples"):
            LSTM(3, 4, activation=lambda x: x.sum(axis=-1)).get_output()


def test_a_step_may_draw_random_numbers():
    """As many as there are samples, and anew at each step and in each call."""

    class Noise(rl.Recurrent):
        param_names = ("W",)

        def step(self, x_t, h_tm1):
            return 0 * T.dot(x_t, self.W) + self.draw("normal", h_tm1, avg=0.0, std=1.0)

    layer = Noise(2, 8, return_sequences=True)
    layer.seed_streams()
    function = engine.function([layer.input], layer.get_output())
    values = np.stack([function(np.ones((40, 10, 2))) for _ in range(2)])
    assert len(np.unique(values)) == values.size
    assert_allclose([values.mean(), values.std()], [0, 1], atol=0.06)  # Of 6400: five standard errors.


def test_what_draws_must_be_seeded():
    class Noise(rl.Recurrent):
        param_names = ("W",)

        def step(self, x_t, h_tm1):
            return T.dot(x_t, self.W) + self.draw("normal", h_tm1, avg=0.0, std=1.0)

    with pytest.raises(AttributeError, match=r"Noise has no random numbers .* call self.seed_streams\(\) at its end"):
        Noise(2, 8).get_output()


class TestTruncationAndPadding:
    X = np.concatenate([np.random.RandomState(0).uniform(1, 2, (2, 5, 2)), np.zeros((2, 6, 2))], axis=1)
    Y = np.ones((2, 3))

    @staticmethod
    def model(layer, first=None):
        model = rl.Sequential([first or rl.Masking(), layer])
        model.compile("sgd", "mse")
        return model

    def warned(self, layer, X, first=None):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.model(layer, first).fit(X, np.ones((2, layer.output_shape[-1])), nb_epoch=1, verbose=0)
        return [str(one.message) for one in caught if "with padding" in str(one.message)]

    def test_what_ends_with_padding_is_not_trained_and_said(self):
        layer = SimpleRNN(2, 3, truncate_gradient=3)
        before = layer.get_weights()
        message, = self.warned(layer, self.X)
        assert "2 of the first 2 samples end with padding, and SimpleRNN carries gradients through its la" in message
        assert "Pad on the left" in message
        assert all(map(np.array_equal, layer.get_weights(), before))

    def test_what_begins_with_it_is_trained(self):
        layer = SimpleRNN(2, 3, truncate_gradient=3)
        before = layer.get_weights()
        assert self.warned(layer, self.X[:, ::-1]) == []
        assert not np.array_equal(layer.get_weights()[0], before[0])

    def test_wherever_it_matters(self):
        words = (self.X[:, :, 0] > 0).astype(int)
        embedding = functools.partial(Embedding, 3, 2, mask_zero=True)
        assert len(self.warned(GRU(2, 3, truncate_gradient=3), words, embedding())) == 1
        assert self.warned(GRU(2, 3, truncate_gradient=3), words, Embedding(3, 2)) == []
        assert self.warned(SimpleRNN(2, 3), self.X) == []
        assert self.warned(SimpleRNN(2, 3, truncate_gradient=11), self.X) == []
        assert self.warned(SimpleRNN(2, 3, truncate_gradient=3), self.X + 1) == []
        backwards = functools.partial(SimpleRNN, 2, 3, truncate_gradient=3, go_backwards=True)
        assert self.warned(backwards(), self.X) == []
        message, = self.warned(backwards(), self.X[:, ::-1])
        assert "samples begin with padding" in message and "Pad on the right" in message
        both = rl.Bidirectional(SimpleRNN(2, 3, truncate_gradient=3))
        assert len(self.warned(both, self.X)) == 1

    def test_train_on_batch_says_it_once(self):
        model = self.model(SimpleRNN(2, 3, truncate_gradient=3))
        with pytest.warns(UserWarning, match="samples end with padding") as caught:
            for _ in range(3):
                model.train_on_batch(self.X, self.Y)
        said, = [one for one in caught if "with padding" in str(one.message)]
        assert said.filename == __file__
