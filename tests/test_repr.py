"""Layers, models and what trains them are shown as the calls that make them."""

import inspect

import pytest
from conftest import RECURRENT
from drawn_stacks import stacks
from engines import change_flags
from hypothesis import given, settings
from hypothesis import strategies as st

import recurrent_layers as rl
from recurrent_layers import constraints, optimizers, regularizers
from recurrent_layers.engine import tensor as T
from recurrent_layers.exchange.configs import LAYERS
from recurrent_layers.layers import zoo
from recurrent_layers.layers.iteration import _ACTING_ON

NAMES = {**vars(constraints), **vars(regularizers), **vars(optimizers), **vars(zoo), **vars(rl)}
FEW = settings(derandomize=True, database=None, deadline=None, max_examples=40)

#: Each is what its own layer is shown as.
CALLS = [
    "Activation('relu')",
    "Activation('softmax', target=1.0, beta=0.5)",
    "ActivityRegularization(l2=0.25)",
    "AutoEncoder(Dense(3, 2), Sequential([Dense(2, 4), Dense(4, 3)]), output_reconstruction=False)",
    "BatchNormalization((3, 2), mode=1)",
    "Bidirectional(GRU(3, 4, return_sequences=True), merge='ave')",
    "Dense(3, 4)",
    "Dense(3, 4, init='zero', activation='tanh', W_regularizer=WeightRegularizer(l1=0.5), b_constraint=NonNeg())",
    "Dropout(0.5)",
    "Embedding(7, 3, W_constraint=UnitNorm(), mask_zero=True)",
    "Flatten()",
    "GaussianDropout(0.25)",
    "GaussianNoise(0.1)",
    "Lambda('tanh', output_shape=(3, None))",
    "Layer()",
    "LeakyReLU()",
    "LeakyReLU(alpha=0.1)",
    "MaskedLayer()",
    "Masking()",
    "Masking(mask_value=-1.0)",
    "MaxoutDense(3, 4, nb_feature=2, activity_regularizer=ActivityRegularizer(l1=0.1, l2=0.01))",
    "Merge([Dense(3, 2), Sequential([Dense(4, 2)])], mode='concat')",
    "PReLU((3,))",
    "ParametricSoftplus((3, 2), beta_init=1.0)",
    "Permute((2, 1))",
    "RepeatVector(5)",
    "Reshape(4, -1)",
    "ThresholdedLinear(theta=0.5)",
    "ThresholdedReLU(theta=0.5)",
    "TimeDistributedDense(3, 4, b_regularizer=WeightRegularizer(l2=0.01))",
    "TimeDistributedMerge(mode='mul')",
    "WordContextProduct(9, 2, activation='linear')",
    "Sequential([Dense(3, 2)])",
    "SimpleDeepRNN(3, 4, depth=2)",
    "GRU(3, 4, reset_after=True, initial_state='learned')",
    "LSTM(3, 128, forget_bias_init='zero', W_constraint=MaxNorm(m=3.0))",
    "LSTM(3, 4, initial_state=LSTM(5, 4, return_state=True))",
    "LEM(3, 4, dt=0.5, activation='relu')",
    "RecurrentHighway(3, 4, depth=2, zoneout=0.1)",
]


@pytest.mark.parametrize("call", CALLS)
def test_layers(call):
    layer = eval(call, NAMES)
    assert repr(layer) == call
    assert eval(repr(layer), NAMES).get_config() == layer.get_config()


def test_no_layer_is_forgotten():
    called = {call.partition("(")[0] for call in CALLS}
    assert {layer.__name__ for layer in LAYERS.values()} - called - {*RECURRENT, *zoo.__all__, "Recurrent"} == set()


CHOICES = dict(
    init=st.sampled_from(["normal", "uniform"]), inner_init=st.just("one"),
    activation=st.sampled_from(["relu", "linear"]), inner_activation=st.just("tanh"),
    truncate_gradient=st.integers(1, 9), return_sequences=st.booleans(), go_backwards=st.booleans(),
    initial_state=st.just("learned"), return_state=st.booleans(), stateful=st.booleans(), dropout_W=st.floats(0, 0.5),
    dropout_U=st.floats(0, 0.5), zoneout=st.floats(0, 1), gradient_clipping=st.floats(0, 9),
    W_regularizer=st.sampled_from(["l2", regularizers.l1l2(0.1, 0.3)]), U_regularizer=st.just("l1"),
    b_regularizer=st.just("l1l2"), activity_regularizer=st.just("activity_l2"),
    W_constraint=st.sampled_from(["nonneg", constraints.MaxNorm(0.1)]), U_constraint=st.just("unitnorm"),
    b_constraint=st.just("maxnorm"))  # fmt: skip


def test_no_option_is_forgotten():
    assert {*CHOICES, "input_dim", "output_dim", "weights"} == set(inspect.signature(rl.Recurrent).parameters)


@pytest.mark.parametrize("cell", RECURRENT + zoo.__all__)
@FEW
@given(st.fixed_dictionaries({}, optional=CHOICES))
def test_recurrent_layers(cell, options):
    plain = NAMES[cell](2, 3)
    kinds, taken = {name[0] for name in plain.param_names}, inspect.signature(NAMES[cell]).parameters
    refused = {option for kind, acting in _ACTING_ON.items() if kind not in kinds for option in acting}
    refused |= set() if plain.may_go_on else {"stateful"}
    layer = NAMES[cell](2, 3, **{name: options[name] for name in options if name in taken and name not in refused})
    assert repr(layer).startswith(f"{cell}(2, 3")
    assert eval(repr(layer), NAMES).get_config() == layer.get_config()


@FEW
@given(stacks())
def test_models(layers):
    model = rl.Sequential(layers)
    for text in (repr(model), str(model)):
        assert eval(text, NAMES).get_config() == model.get_config()


def test_a_line_for_each_layer():
    model = rl.Sequential([rl.Sequential([rl.LSTM(3, 8, dropout_W=0.5, return_sequences=True), rl.LSTM(8, 16)]),
                           rl.Dense(16, 10, activation="softmax"), rl.Activation("linear")])  # fmt: skip
    assert str(model).splitlines() == [
        "Sequential([", "    Sequential([LSTM(3, 8, return_sequences=True, dropout_W=0.5), LSTM(8, 16)]),",
        "    Dense(16, 10, activation='softmax'),", "    Activation('linear'),", "])"]  # fmt: skip
    assert "\n" not in repr(model)
    assert str(model.layers[1]) == repr(model.layers[1])


@pytest.mark.parametrize("call", [
    "Constraint()", "MaxNorm()", "MaxNorm(m=0.5)", "NonNeg()", "UnitNorm()", "Regularizer()",
    "WeightRegularizer(l1=0.1, l2=0.01)", "ActivityRegularizer(l2=0.5)", "SGD(lr=0.1, momentum=0.9, nesterov=True)",
    "RMSprop()", "Adagrad(epsilon=1e-05)", "Adadelta(rho=0.9)", "Adam(beta_1=0.8, clipnorm=1.0, clipvalue=0.5)",
])  # fmt: skip
@pytest.mark.parametrize("floatX", ["float32", "float64"])
def test_what_trains_them(call, floatX):
    with change_flags(floatX=floatX):
        thing = eval(call, NAMES)
        assert repr(thing) == call
        assert eval(repr(thing), NAMES).get_config() == thing.get_config()


def doubled(x):
    return 2 * x


def test_what_cannot_be_typed_again():
    assert repr(rl.Lambda(doubled)) == "Lambda(doubled)"
    assert repr(rl.Lambda(lambda x: x)) == "Lambda(<lambda>)"
    assert repr(rl.GRU(2, 3, initial_state=T.matrix("h_0"))) == "GRU(2, 3, initial_state=[h_0])"
    layer = rl.Dense(2, 3, name="first")
    assert repr(rl.Dense(2, 3, weights=layer.get_weights(), name="first")) == "Dense(2, 3)"


@pytest.mark.parametrize("cell", [*(layer.__name__ for layer in LAYERS.values()), "SGD"])
def test_what_is_half_built(cell):
    half = NAMES[cell].__new__(NAMES[cell])
    assert repr(half) in (object.__repr__(half), f"{cell}()")  # Some have no arguments.


def test_a_config_that_does_not_say_all():
    class Mine(rl.Layer):
        def __init__(self, size):
            super().__init__()

    class Model(rl.Sequential):
        def __init__(self, size):
            super().__init__([rl.Dense(size, 2)])

    for thing in (Mine(3), Model(3)):
        assert repr(thing) == str(thing) == object.__repr__(thing)


def test_error_messages_show_them():
    with pytest.raises(ValueError, match=r"Bidirectional needs .*, got Dense\(2, 3\)"):
        rl.Bidirectional(rl.Dense(2, 3))
    many = [rl.Dense(2, 2) for _ in range(100)]
    with pytest.raises(ValueError, match=r"add needs a layer, .*, got \[Dense\(2, 2\), .*\.\.\. \(of type list\)"):
        rl.Sequential().add(many)
