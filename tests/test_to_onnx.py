"""Files of ONNX: ONNX Runtime gives what `predict` gives, for every layer, and what cannot be written is named."""

import builtins
import functools
import os

import numpy as np
import onnx
import onnxruntime
import pytest
from drawn_stacks import arrangements, stacks
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

import recurrent_layers as rl
from recurrent_layers import Dense, Sequential, engine
from recurrent_layers import layers as layer_module
from recurrent_layers.engine import tensor as T
from recurrent_layers.exchange import to_onnx
from recurrent_layers.layers import zoo
from recurrent_layers.recurrence import scan
from recurrent_layers.utils.building import one_output_for_each_layer

onnxruntime.set_default_logger_severity(3)
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
#: Batches and numbers of timesteps, of which none is in the file.
SIZES = [(3, 6), (1, 1), (4, 2)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


def drawn_weights(model):
    """All weights drawn, those that begin at 0, too."""
    model.set_weights([np.random.uniform(-0.8, 0.8, weight.shape) for weight in model.get_weights()])


def stack(*layers):
    model = Sequential(layers)
    drawn_weights(model)
    return model


def inputs_of(model, nb_samples, timesteps):
    """An array for each input of a model; sequences with padding on either side, zeros as words are padding, too."""
    arrays = []
    for reader in model._readers():
        sizes = zip(reader.input_shape[1:], (timesteps, 3))
        shape = (nb_samples, *(free if size is None else size for size, free in sizes))
        if reader.takes_integers:
            arrays.append(np.random.randint(0, reader.input_dim, shape).astype("int32"))
            continue
        array = np.random.uniform(-1, 1, shape)
        if len(shape) == 3 and shape[1] > 2:
            array[0, :2] = array[-1, -1:] = 0
        arrays.append(array)
    return arrays


def session(path):
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def run(running, arrays, dtype="float32"):
    names = [one.name for one in running.get_inputs()]
    return running.run(None, {name: array.astype(dtype) if array.dtype.kind == "f" else array
                              for name, array in zip(names, arrays)})  # fmt: skip


def assert_near(given, expected, dtype="float32"):
    assert given.shape == expected.shape and given.dtype == dtype
    np.testing.assert_allclose(given, expected, rtol=0, atol=TOLERANCE[dtype] * np.abs(expected).max(initial=1e-30))


def predict_of(model):
    """What `predict` of a model computes, which need not be compiled, with gradients, for it."""
    with one_output_for_each_layer():
        inputs = model.get_input()
        inputs = inputs if isinstance(inputs, list) else [inputs]
        return engine.function(inputs, model.get_output(), allow_input_downcast=True)


def compiled(model):
    model.compile("sgd", "mse")
    return lambda *arrays: model.predict(arrays[0] if len(arrays) == 1 else list(arrays))


def check(model, path, dtype="float32", sizes=SIZES, predict_of=predict_of):
    """Ask for what `predict` gives, with several sizes; returns the file."""
    model.to_onnx(path, dtype=dtype)
    running, predict = session(path), predict_of(model)
    for nb_samples, timesteps in sizes:
        arrays = inputs_of(model, nb_samples, timesteps)
        assert_near(run(running, arrays, dtype)[0], predict(*arrays), dtype)
    return onnx.load(str(path))


def ops(proto):
    return [node.op_type for node in proto.graph.node]


def loops(proto):
    return [op for op in ops(proto) if op in ("LSTM", "GRU", "RNN", "Scan")]


@pytest.mark.parametrize("name", zoo.__all__)
def test_cells_of_the_zoo(name, path):
    assert loops(check(stack(getattr(zoo, name)(3, 4, return_sequences=True)), path)) == ["Scan"]


# ---- Every layer ----------------------------------------------------------------------------------------------


def sequences(*layers):
    """Behind a recurrent layer, for layers that have no input of their own."""
    return stack(rl.SimpleRNN(3, 4, return_sequences=True), *layers)


def vectors(*layers):
    return stack(Dense(3, 4), *layers)


def merged(mode, **options):
    left, right = Sequential([Dense(3, 4)]), Sequential([rl.LSTM(2, 4)])
    return stack(rl.Merge([left, right], mode=mode, **options), Dense(8 if mode == "concat" else 4, 2))


def autoencoder(reconstructs):
    encoder = Sequential([rl.GRU(3, 4)])
    decoder = Sequential([rl.RepeatVector(5), rl.LSTM(4, 3, return_sequences=True)])
    return stack(rl.AutoEncoder(encoder, decoder, output_reconstruction=reconstructs))


def bidirectional(merge):
    return stack(rl.Bidirectional(rl.LSTM(3, 2, return_sequences=True), merge),
                 rl.Bidirectional(rl.GRU(4 if merge == "concat" else 2, 2), merge))  # fmt: skip


def merged_steps(mode):
    return sequences(rl.TimeDistributedMerge(mode))


#: Of each layer models with it, and the loops in their files.
LAYERS = {
    "Activation": [(lambda: sequences(*map(rl.Activation, ("softmax", "softplus", "hard_sigmoid", "relu"))), ["RNN"])],
    "ActivityRegularization": [(lambda: vectors(rl.ActivityRegularization(l1=0.1)), [])],
    "AutoEncoder": [(lambda: autoencoder(True), ["GRU", "LSTM"]), (lambda: autoencoder(False), ["GRU"])],
    "BatchNormalization": [(lambda: vectors(rl.BatchNormalization((4,)), rl.BatchNormalization((4,), mode=1)), [])],
    "Bidirectional": [(functools.partial(bidirectional, merge), ["LSTM", "LSTM", "GRU", "GRU"])
                      for merge in ("concat", "sum", "ave", "mul")],
    "Dense": [(lambda: vectors(Dense(4, 3, activation="softmax")), []),
              (lambda: sequences(Dense(4, 3, activation="tanh")), ["RNN"])],
    "Dropout": [(lambda: vectors(rl.Dropout(0.5), Dense(4, 2)), [])],
    "Embedding": [(lambda: stack(rl.Embedding(5, 3), rl.GRU(3, 4)), ["GRU"]),
                  (lambda: stack(rl.Embedding(3, 3, mask_zero=True), rl.GRU(3, 4)), ["Scan"])],
    "Flatten": [(lambda: sequences(rl.Flatten(), rl.Activation("tanh")), ["RNN"])],
    "GaussianDropout": [(lambda: vectors(rl.GaussianDropout(0.5)), [])],
    "GaussianNoise": [(lambda: vectors(rl.GaussianNoise(0.5)), [])],
    "GRU": [(lambda: stack(rl.GRU(3, 4, return_sequences=True), rl.GRU(4, 2)), ["GRU", "GRU"])],
    "JZS1": [(lambda: stack(rl.JZS1(3, 4, return_sequences=True), rl.JZS1(4, 4)), ["Scan", "Scan"])],
    "JZS2": [(lambda: stack(rl.JZS2(3, 4, return_sequences=True)), ["Scan"])],
    "JZS3": [(lambda: stack(rl.JZS3(3, 4)), ["Scan"])],
    "LSTM": [(lambda: stack(rl.LSTM(3, 4, return_sequences=True), rl.LSTM(4, 2)), ["LSTM", "LSTM"])],
    "Lambda": [(lambda: sequences(rl.Lambda(lambda x: x[:, -1] * 2 + x[:, ::2].sum(axis=1) - x.mean())), ["RNN"]),
               (lambda: sequences(rl.Lambda(lambda x: T.concatenate([x[:, :, 2:], x[:, :, :1]], axis=2))), ["RNN"])],
    "LeakyReLU": [(lambda: vectors(rl.LeakyReLU(0.2)), [])],
    "Masking": [(lambda: stack(rl.Masking(), rl.LSTM(3, 4, return_sequences=True), rl.TimeDistributedDense(4, 3),
                               rl.Dropout(0.5), rl.GRU(3, 2)), ["Scan", "Scan"]),
                (lambda: stack(rl.Masking(), rl.SimpleDeepRNN(3, 4, return_sequences=True),
                               rl.Bidirectional(rl.SimpleRNN(4, 2))), ["Scan", "Scan", "Scan"])],
    "MaxoutDense": [(lambda: stack(rl.MaxoutDense(3, 4)), [])],
    "Merge": [(lambda: merged("concat", concat_axis=1), ["LSTM"]), (lambda: merged("sum"), ["LSTM"]),
              (lambda: merged("mul"), ["LSTM"]), (lambda: merged("ave"), ["LSTM"])],
    "PReLU": [(lambda: vectors(rl.PReLU((4,))), [])],
    "ParametricSoftplus": [(lambda: vectors(rl.ParametricSoftplus((4,))), [])],
    "Permute": [(lambda: sequences(rl.Permute((2, 1)), rl.Activation("tanh")), ["RNN"])],
    "RepeatVector": [(lambda: vectors(rl.RepeatVector(3), rl.LSTM(4, 2)), ["LSTM"])],
    "Reshape": [(lambda: vectors(rl.Reshape(2, 2), rl.GRU(2, 3)), ["GRU"]), (lambda: vectors(rl.Reshape(-1)), [])],
    "SimpleDeepRNN": [(lambda: stack(rl.SimpleDeepRNN(3, 4, depth=2, return_sequences=True)), ["Scan"])],
    "SimpleRNN": [(lambda: stack(rl.SimpleRNN(3, 4, return_sequences=True), rl.SimpleRNN(4, 2)), ["RNN", "RNN"])],
    "ThresholdedLinear": [(lambda: vectors(rl.ThresholdedLinear(0.5)), [])],
    "ThresholdedReLU": [(lambda: vectors(rl.ThresholdedReLU(0.2)), [])],
    "TimeDistributedDense": [(lambda: stack(rl.TimeDistributedDense(3, 4, activation="softmax")), [])],
    "TimeDistributedMerge": [(functools.partial(merged_steps, mode), ["RNN"]) for mode in ("sum", "mul", "ave")],
    "WordContextProduct": [(lambda: stack(rl.WordContextProduct(5, 3)), [])],
}  # fmt: skip


def test_no_layer_is_forgotten():
    assert set(LAYERS) == set(layer_module.__all__) - {"Layer", "MaskedLayer", "Recurrent"}


@pytest.mark.parametrize("name, number", [(name, k) for name in LAYERS for k in range(len(LAYERS[name]))])
def test_layers(name, number, path):
    make, expected = LAYERS[name][number]
    # What Bidirectional does first is its own affair.
    assert sorted(loops(check(make(), path))) == sorted(expected)


# ---- Options of recurrent layers ------------------------------------------------------------------------------


@pytest.mark.parametrize("options, expected", [
    (dict(go_backwards=True), ["LSTM", "GRU", "RNN"]),
    (dict(initial_state="learned"), ["LSTM", "GRU", "RNN"]),
    (dict(return_state=True), ["LSTM", "GRU", "RNN"]),
    (dict(truncate_gradient=2, gradient_clipping=0.5, dropout_W=0.5, dropout_U=0.5), ["LSTM", "GRU", "RNN"]),
    (dict(activation="relu"), ["LSTM", "GRU", "RNN"]),
    (dict(activation="softplus"), ["LSTM", "GRU", "RNN"]),
    (dict(activation="hard_sigmoid"), ["LSTM", "GRU", "RNN"]),
    (dict(activation="linear"), ["LSTM", "GRU", "RNN"]),
    (dict(zoneout=0.25), ["Scan"] * 3),
    (dict(activation="softmax"), ["Scan"] * 3),
    (dict(activation=lambda x: T.tanh(x) * 2), ["Scan"] * 3),
])  # fmt: skip
def test_options(options, expected, path):
    model = stack(rl.LSTM(3, 4, return_sequences=True, **options), rl.GRU(4, 3, return_sequences=True, **options),
                  rl.SimpleRNN(3, 2, return_sequences=True, **options))  # fmt: skip
    assert loops(check(model, path)) == expected


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "linear", "softplus"])
def test_activations_of_gates(activation, path):
    model = stack(rl.LSTM(3, 4, return_sequences=True, inner_activation=activation),
                  rl.GRU(4, 2, inner_activation=activation, reset_after=True))  # fmt: skip
    proto = check(model, path)
    assert loops(proto) == ["LSTM", "GRU"]
    gru, = (node for node in proto.graph.node if node.op_type == "GRU")
    assert {one.name: one.i for one in gru.attribute}["linear_before_reset"] == 1


class Unhashable:
    """An activation that is equal to itself only, and says so."""

    __name__ = "unhashable"

    def __call__(self, x):
        return T.tanh(x)

    def __eq__(self, other):
        return self is other


def test_an_activation_that_has_no_hash(path):
    assert loops(check(stack(rl.LSTM(3, 4, activation=Unhashable())), path)) == ["Scan"]


@pytest.mark.parametrize("by_own", [False, True])
def test_states_of_another_layer(by_own, path):
    """An encoder, whose last states are those with which a decoder begins."""
    encoder = rl.LSTM(3, 4, return_sequences=True)
    first = [T.tile(engine.shared(np.array([[0.5, -0.25, 1, 2]])), (1, 1))] * 2
    model = stack(encoder, rl.LSTM(4, 4, initial_state=first if by_own else encoder))
    assert loops(check(model, path, sizes=[(1, 3), (1, 1)] if by_own else SIZES)) == ["LSTM", "LSTM"]


def test_memory_of_which_all_steps_are_needed(path):
    class Memory(rl.LSTM):
        def get_output(self, train=False):
            return self._states(train)[1].dimshuffle(1, 0, 2)

    assert loops(check(stack(Memory(3, 4), Dense(4, 2)), path)) == ["Scan"]


def test_other_equations_of_a_subclass(path):
    class Doubled(rl.GRU):
        def step(self, x_t, h_tm1):
            return 2 * super().step(x_t, h_tm1)

    class Renamed(rl.GRU):
        pass

    model = stack(Doubled(3, 4, return_sequences=True), Renamed(4, 2))
    assert loops(check(model, path)) == ["Scan", "GRU"]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("layer, expected", [
    (lambda: rl.LSTM(3, 4, stateful=True, return_sequences=True), "LSTM"),
    (lambda: rl.GRU(3, 4, stateful=True, initial_state="learned", return_sequences=True), "GRU"),
    (lambda: rl.SimpleDeepRNN(3, 4, stateful=True, return_sequences=True), "Scan"),
])  # fmt: skip
def test_states_that_go_on(layer, expected, masked, path):
    model = stack(*[rl.Masking()] * masked, layer())
    model.to_onnx(path)
    assert loops(onnx.load(str(path))) == ["Scan" if masked else expected]
    running = session(path)
    X, = inputs_of(model, 3, 7)
    states = [np.zeros([3, *one.shape[1:]], {"tensor(int64)": "int64"}.get(one.type, "float32"))
              for one in running.get_inputs()[1:]]
    assert [one.name for one in running.get_inputs()] == ["x", *(f"state_{k + 1}" for k in range(len(states)))]
    assert [one.name for one in running.get_outputs()[1:]] == [f"state_{k + 1}_after" for k in range(len(states))]
    model.compile("sgd", "mse")
    for piece in (X[:, :3], X[:, 3:4], X[:, 4:]):
        y, *states = run(running, [piece, *states])
        assert_near(y, model.predict(piece))


def test_float64(path):
    model = stack(rl.Masking(), rl.LSTM(3, 4, return_sequences=True),
                  rl.TimeDistributedDense(4, 4, activation="softplus"), rl.Bidirectional(rl.GRU(4, 2)),
                  rl.ThresholdedReLU(0.1), Dense(4, 2, activation="softmax"))  # fmt: skip
    proto = check(model, path, dtype="float64")
    assert loops(proto) == ["Scan"] * 3
    assert {one.type.tensor_type.elem_type for one in proto.graph.input} == {onnx.TensorProto.DOUBLE}


# ---- Cells and functions of one's own -------------------------------------------------------------------------


class Own(rl.Layer):
    """A layer that is a function of sequences, (timesteps, nb_samples, n)."""

    input_ndim = 3

    def __init__(self, function, size=3):
        super().__init__()
        self.function, self.size = function, size
        self.U = self.add_weight("U", "orthogonal", (3, 3))
        self.params, self.input = [self.U], T.tensor3()

    expected_input_shape = property(lambda self: (None, None, self.size))
    output_shape = None

    def get_output(self, train=False):
        return self.function(self.get_input(train).dimshuffle(1, 0, 2), self.U).dimshuffle(1, 0, 2)


def looking_back(x, U):
    """Two states with several taps, of which one is not the last, and an output that is fed back nowhere."""
    first = T.zeros((3, x.shape[1], 3)) + np.arange(3)[:, None, None]

    def step(x_t, h_tm3, h_tm1, g_tm2):
        h = T.tanh(x_t + T.dot(h_tm3, U) - h_tm1)
        return h, 0.5 * g_tm2 + h, h * g_tm2

    (h, g, product), _ = scan(step, x, [dict(initial=first, taps=[-3, -1]), dict(initial=first[:2], taps=[-2]), None])
    return h + g * product + h[-1]


def of_several_lengths(x, U):
    longer = T.concatenate([x[::-1], x], axis=0)
    return scan(lambda x_t, y_t, h_tm1: T.tanh(x_t + y_t + h_tm1), [longer, x], T.zeros_like(x[0]))[0]


def without_sequences(x, U):
    return scan(lambda h_tm1: T.tanh(T.dot(h_tm1, U)), None, x[0], n_steps=x.shape[0] + 2)[0]


def so_many_steps(x, U):
    longer = T.concatenate([x[::-1], x], axis=0)
    return scan(lambda x_t, h_tm1: x_t + T.dot(h_tm1, U), longer, x[0], n_steps=x.shape[0])[0]


def columns(x, U):
    def step(x_t, h_tm1):
        gate, rest = engine.nnet.sigmoid(h_tm1[:, :1]), h_tm1[:, 1:]
        normed = (rest - rest.mean(axis=1, keepdims=True)) / T.sqrt(T.sqr(rest).sum(axis=1, keepdims=True) + 1)
        return T.concatenate([gate * x_t[:, :1], normed + T.max(x_t, axis=1, keepdims=True)], axis=1)

    return scan(step, x, T.zeros_like(x[0]))[0]


def of_joined_columns(x, U):
    """A product with columns that are joined, which is made before the loop."""
    V = T.concatenate([U, U[::-1]], axis=0)
    return scan(lambda x_t, h_tm1: T.tanh(T.dot(T.concatenate([T.sqr(x_t), x_t], axis=1), V) + T.dot(h_tm1, U)),
                x, T.zeros_like(x[0]))[0]  # fmt: skip


def of_vectors(x, U):
    """States that are one number for each sample, and choices."""
    def step(x_t, s_tm1):
        is_small = T.lt(s_tm1, 2) | T.eq(s_tm1, 0)
        return s_tm1 + T.switch(T.gt(x_t[:, 0], 0) & is_small, x_t[:, 1], 0.5)

    sums, _ = scan(step, x, T.zeros_like(x[0, :, 0]))
    return sums.dimshuffle(0, 1, "x") * x


@pytest.mark.parametrize("function", [
    looking_back, of_several_lengths, without_sequences, so_many_steps, columns, of_joined_columns, of_vectors])
def test_loops_of_ones_own(function, path):
    assert loops(check(stack(Own(function)), path)) == ["Scan"]


sign = getattr(T, "sgn", None) or T.sign

#: Functions of any numbers, and of those from 0 to 1, and above 1.
FUNCTIONS = {
    "any": [
        abs, T.arctan, T.ceil, T.cos, T.cosh, T.erf, T.exp, T.exp2, T.expm1, T.floor, T.neg, T.round, sign,
        T.sin, T.sinh, T.sqr, T.tan, T.tanh, T.trunc, T.arcsinh, T.deg2rad, T.rad2deg, T.isnan, T.isinf],
    "from 0 to 1": [T.arccos, T.arcsin, T.arctanh, T.log, T.log10, T.log1p, T.log2, T.sqrt],
    "above 1": [T.arccosh],
    "near 0": [T.erfc],  # Which is 1 - erf: of 7.3 nothing is left.
}  # fmt: skip
#: Some are rounded in several ways.
ANY = [0.5, -0.5, 1.5, 2.5, -2.5, 0.0, 1e-6, -1e-6, 7.3, -7.3]
NUMBERS = {"any": ANY, "from 0 to 1": [0.01, 0.5, 1e-6, 0.99, 1e-3], "above 1": [1, 1.5, 2, 100],
           "near 0": [-2, -0.1, 0, 0.5]}  # fmt: skip


def side_by_side(found):
    return T.concatenate([T.cast(one, engine.config.floatX) for one in found], axis=1)


def of_both(function, path, x):
    """What a function of a symbolic matrix gives, and what a file with it gives."""
    layer = rl.Lambda(function)
    layer.input = T.matrix()
    model, x = Sequential([layer]), np.array([x], "float32")
    model.to_onnx(path)
    return predict_of(model)(x), session(path).run(None, {"x": x})[0]


@pytest.mark.parametrize("kind", list(FUNCTIONS))
def test_functions_of_one_number(kind, path):
    expected, found = of_both(lambda x: side_by_side([one(x) for one in FUNCTIONS[kind]]), path, NUMBERS[kind])
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-12)


def quotients(x, y):
    i, j = T.cast(x, "int64"), T.cast(T.round(y), "int64")
    by = T.switch(T.eq(j, 0), 3, j)
    return [x // y, x % y, i // by, i % by, x ** 2, abs(x) ** y, T.maximum(x, y), T.minimum(x, y), x / y,
            T.clip(x, -1, y), T.arctan2(x, y), T.cast(i * 100, "int8"), T.cast(-i * 100, "uint8"), i + T.gt(x, y),
            -i * j, i / 2, T.switch(x, y, 1), T.true_div(i, by), abs(i), T.sqr(i), T.floor(x) * i,
            T.cast(i, "int8") * np.int8(100), T.cast(i, "int8") + np.int8(125),
            T.cast(i, "uint8") - np.uint8(200)]  # fmt: skip


def truths(x, y):
    a, b = T.gt(x, 0), T.le(y, 1)
    return [a & b, a | b, a ^ b, ~a, T.switch(a, b, ~b), T.eq(a, b), T.neq(a, b), T.neq(x, y), T.lt(a, b), T.ge(x, y),
            a * b, T.neq(x, 0), T.any(a, axis=1, keepdims=True) & a, T.all(b, axis=1, keepdims=True) | a,
            T.cumsum(a, axis=1), T.sum(a, axis=1, keepdims=True) * a, T.cast(T.cast(x, "bool"), "int8")]  # fmt: skip


@pytest.mark.parametrize("function", [quotients, truths])
def test_functions_of_two(function, path):
    x = [*ANY, 3.0, -3.0, 5.25, -8.0]
    y = [2.0, 2.5, -1.5, 1.0, 3.0, -3.0, -2.0, 0.75, -0.75, 5.0, -5.0, 1.5, 4.0, 6.0]
    expected, found = of_both(lambda both: side_by_side(function(both[:, :14], both[:, 14:])), path, x + y)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-12)


def not_all_finite(x):
    nnet = engine.nnet
    return side_by_side([
        T.maximum(x, 0), T.minimum(x, 0), T.clip(x, 0, 1), sign(x), T.log1p(x), T.expm1(x), T.eq(x, x[:, ::-1]),
        T.neq(x, x[:, ::-1]),
        T.isnan(x), T.isinf(x), T.tanh(x), nnet.sigmoid(x), nnet.softplus(x), T.neq(x, 0), T.switch(T.gt(x, 0), 1, x),
        x % 2, nnet.hard_sigmoid(x), T.le(x, 0), T.floor(x)])  # fmt: skip


def test_what_is_no_number(path):
    """NaN and infinity go through as they do in `predict`."""
    expected, found = of_both(not_all_finite, path, [np.nan, np.inf, -np.inf, -1.0])
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_axes_and_indices(path):
    check(stack(rl.SimpleRNN(3, 4, return_sequences=True), rl.Lambda(arrangements)), path)


# ---- Stacks that are drawn ------------------------------------------------------------------------------------

@given(stacks(), st.integers(1, 3), st.integers(1, 5))
@settings(derandomize=True, database=None, deadline=None, max_examples=8, phases=[Phase.explicit, Phase.generate])
def test_drawn_stacks(tmp_path_factory, layers, nb_samples, timesteps):
    np.random.seed(7)
    path = tmp_path_factory.mktemp("drawn") / "model.onnx"
    check(stack(*layers), path, sizes=[(nb_samples, timesteps), (2, 3)], predict_of=compiled)


# ---- The file -------------------------------------------------------------------------------------------------


def test_what_the_file_says(path):
    model = stack(rl.Embedding(5, 3, mask_zero=True), rl.LSTM(3, 4), Dense(4, 2), Dense(2, 2))
    model.to_onnx(path)
    proto = onnx.load(str(path))
    assert (proto.producer_name, proto.producer_version) == ("recurrent_layers", rl.__version__)
    properties = {one.key: one.value for one in proto.metadata_props}
    assert properties["layers"] == "Embedding, LSTM, Dense, Dense" and engine.NAME in properties["engine"]
    assert proto.ir_version == 8 and [(one.domain, one.version) for one in proto.opset_import] == [("", 14)]
    x, = proto.graph.input
    assert (x.name, x.type.tensor_type.elem_type) == ("x", onnx.TensorProto.INT32)
    assert [one.dim_param for one in x.type.tensor_type.shape.dim] == ["nb_samples", "timesteps"]
    y, = proto.graph.output
    assert y.name == "y"
    assert [one.dim_param or one.dim_value for one in y.type.tensor_type.shape.dim] == ["nb_samples", 2]
    arrays = {one.name: numpy_helper.to_array(one) for one in proto.graph.initializer}
    named = {name: array for name, array in arrays.items() if "/" in name or name.startswith("dense")}
    for prefix, layer in zip(("embedding_1", "lstm_1", "dense_1", "dense_2"), model.layers):
        for weight in layer.params:
            array = named.pop(f"{prefix}/{weight.name}")
            np.testing.assert_allclose(array.ravel(), weight.get_value().ravel(), rtol=1e-6)
    assert not named


def test_several_inputs(path):
    check(merged("sum"), path, predict_of=compiled)
    assert [[one.name, *(size.dim_param or size.dim_value for size in one.type.tensor_type.shape.dim)]
            for one in onnx.load(str(path)).graph.input] == [["x_1", "nb_samples", 3],
                                                             ["x_2", "nb_samples", "timesteps_2", 2]]  # fmt: skip


def test_nothing_is_written_that_nothing_needs(path):
    autoencoder(False).to_onnx(path)
    proto = onnx.load(str(path))
    assert {one.name.split("/")[0] for one in proto.graph.initializer} <= {"gru_1", "constant"}
    made = {name for node in proto.graph.node for name in node.input} | {one.name for one in proto.graph.output}
    assert all(not made.isdisjoint(node.output) for node in proto.graph.node)


def test_a_function_that_has_no_equal_is_named(path):
    path.write_bytes(b"as it was")

    class Sorting(rl.Layer):
        input_ndim = 2

        def get_output(self, train=False):
            return T.sort(self.get_input(train))

    for layer, message in (
            (lambda: Sorting(), r"Sort.* in Sorting has no equal in ONNX"),
            (lambda: rl.Lambda(T.gamma), "the function gamma in Lambda has no equal in ONNX"),
            (lambda: rl.Lambda(lambda x: T.cast(T.cast(x, "int64") & 1, engine.config.floatX)),
             "the function and of integers in Lambda has no equal in ONNX"),
            (lambda: rl.Lambda(lambda x: x * T.matrix("other")), "other, a variable that is no input of the model, in"),
            (lambda: rl.Lambda(lambda x: T.cast(T.argmax(x, axis=1, keepdims=True), engine.config.floatX)),
             "rgmax.* in Lambda has no equal in ONNX"),
            (lambda: rl.Lambda(lambda x: engine.scan(lambda x_t: x_t * 2, x)[0]), " in Lambda has no equal in ONNX"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            vectors(layer()).to_onnx(path)
        assert path.read_bytes() == b"as it was" and os.listdir(path.parent) == [path.name]


def test_numbers_that_the_type_has_not(path):
    model = vectors(rl.Lambda(lambda x: x * 1e300))
    with pytest.raises(ValueError, match="too large for float32: pass dtype='float64'"):
        model.to_onnx(path)
    if engine.config.floatX == "float64":
        model.to_onnx(path, dtype="float64")


def test_too_many_weights(path, monkeypatch):
    monkeypatch.setattr(to_onnx, "MOST_BYTES", 200)
    Sequential([rl.TimeDistributedDense(3, 2)]).to_onnx(path)
    with pytest.raises(ValueError, match="less than 2 GB"):
        Sequential([rl.TimeDistributedDense(3, 20)]).to_onnx(path)


def test_without_onnx(path, monkeypatch):
    original = builtins.__import__

    def missing(name, *arguments, **named):
        if name.split(".")[0] == "onnx":
            raise ImportError(f"No module named {name!r}")
        return original(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match="needs the package onnx: pip install onnx"):
        vectors().to_onnx(path)
    assert not path.exists()


def test_arguments(path):
    with pytest.raises(ValueError, match="dtype"):
        vectors().to_onnx(path, dtype="float16")
    with pytest.raises(ValueError, match="the model has no layers yet"):
        Sequential().to_onnx(path)
    with pytest.raises(OSError, match="cannot save the model"):
        vectors().to_onnx(path.parent / "missing" / "model.onnx")


def test_a_file_is_replaced(path):
    path.write_bytes(b"another")
    os.chmod(path, 0o640)
    vectors().to_onnx(str(path))
    assert ops(onnx.load(str(path)))[0] == "MatMul" and os.stat(path).st_mode & 0o777 == 0o640
