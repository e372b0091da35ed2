"""Models from ONNX: what PyTorch and Keras 3 have exported, and graphs made by hand, beside ONNX Runtime."""

import os
import shutil
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from conftest import DATA
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from onnx import TensorProto, helper, numpy_helper

import recurrent_layers as rl
from recurrent_layers import conversion, engine, from_onnx, model_from_json

EXPORTED = DATA / "onnx"
FREE = ["samples", "steps", 4]


def names_of(model):
    return [type(layer).__name__ for layer in model.layers]


def predicted(model, X):
    model.compile("sgd", "mse")
    return model.predict(X, verbose=0)


def by_runtime(path, X):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: X})[0]


def drawn(*shape):
    return np.random.uniform(-1, 1, shape).astype("float32")


def read(name):
    return onnx.load(EXPORTED / f"{name}.onnx")


@pytest.mark.parametrize("name, layers", [
    *[(f"torch-{exporter}-{name}", layers) for exporter in ("script", "dynamo") for name, layers in [
        ("embedding-lstm", ["Embedding", "LSTM", "LSTM", "Dense"]), ("lstm-alone", ["LSTM", "LSTM"]),
        ("gru-both", ["Bidirectional", "Bidirectional", "Activation", "TimeDistributedDense"]),
        ("lstm-both-last", ["Bidirectional", "Dense"]), ("gru-learned", ["GRU"]),
    ]],
    ("keras-tensorflow-lstm", ["LSTM", "LSTM", "Dense"]),
    ("keras-tensorflow-embedding-lstm", ["Embedding", "LSTM", "TimeDistributedDense"]),
    ("keras-tensorflow-lstm-both", ["Bidirectional", "Bidirectional", "Dense"]),
    ("keras-tensorflow-lstm-backwards", ["LSTM", "LSTM", "Dense", "Activation"]),
])  # fmt: skip
def test_what_was_exported_gives_the_same(name, layers):
    path = EXPORTED / f"{name}.onnx"
    X = np.random.randint(0, 7, (3, 6)) if "embedding" in name else drawn(3, 6, 4)
    model = from_onnx(path)
    assert names_of(model) == layers
    integers = "int64" if name.startswith("torch") else "int32"
    expected = by_runtime(path, X.astype(integers) if "embedding" in name else X)
    assert_allclose(predicted(model, X), expected, rtol=1e-5, atol=1e-6)


def test_steps_that_come_first_in_the_file_come_second_here():
    path, X = EXPORTED / "torch-script-rnn-steps-first.onnx", drawn(6, 3, 4)
    model = from_onnx(path)
    assert names_of(model) == ["SimpleRNN", "TimeDistributedMerge", "Dense"]
    assert_allclose(predicted(model, X.swapaxes(0, 1)), by_runtime(path, X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name, message", [
    ("keras-tensorflow-gru", "the Loop node '.*gru.*': a loop has no equal here.*Keras 3 on TensorFlow exports GRU"),
    ("keras-torch-lstm", "the Gather node .* chooses one of the steps.*written out step by step.*take the weights by"),
    ("torch-dynamo-rnn-steps-first", "the Slice node .* chooses one of the steps.*torch.nn.RNN with dynamo=True"),
])  # fmt: skip
def test_loops_are_refused(name, message):
    with pytest.raises(ValueError, match=f"{name}.onnx: {message}"):
        from_onnx(EXPORTED / f"{name}.onnx")


def test_it_trains_and_comes_back_from_json():
    """With the states to begin with, which the file has as a constant."""
    model = from_onnx(EXPORTED / "torch-script-gru-learned.onnx")
    model.compile("sgd", "mse")
    X, y = drawn(3, 6, 4), drawn(3, 5)
    again = model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
    assert model.layers[0].initial_state == "learned" and model.layers[0].get_weights()[-1].any()
    before = model.train_on_batch(X, y)
    for _ in range(20):
        model.train_on_batch(X, y)
    assert model.train_on_batch(X, y) < before


def test_it_is_one_function():
    assert rl.from_onnx is conversion.from_onnx is from_onnx


# ---- Graphs made by hand --------------------------------------------------------------------------------------------

SIZES = {"LSTM": 4, "GRU": 3, "RNN": 1}


class Made:
    """A graph, node by node."""

    def __init__(self, *shape, dtype=TensorProto.FLOAT):
        self.nodes, self.constants = [], []
        self.inputs = [helper.make_tensor_value_info("x", dtype, list(shape or FREE))]

    def constant(self, array):
        self.constants.append(numpy_helper.from_array(np.asarray(array), f"c{len(self.constants)}"))
        return self.constants[-1].name

    def node(self, op, *inputs, nb=1, **attributes):
        """A node; what is no name is a constant."""
        names = [one if isinstance(one, str) else self.constant(one) for one in inputs]
        outputs = [f"{op}{len(self.nodes)}.{k}" for k in range(nb)]
        name = f"the {op}" + f" of number {len(self.nodes)}" * any(node.op_type == op for node in self.nodes)
        self.nodes.append(helper.make_node(op, names, outputs, name=name, **attributes))
        return outputs[0] if nb == 1 else outputs

    def recurrent(self, op, x, n_in, n, *others, bias=True, direction="forward", **attributes):
        """Y, Y_h and, of an LSTM, Y_c."""
        nb, rows = 1 + (direction == "bidirectional"), SIZES[op] * n
        B = drawn(nb, 2 * rows) if bias else ""
        return self.node(op, x, drawn(nb, rows, n_in), drawn(nb, rows, n), B, *others, nb=2 + (op == "LSTM"),
                         hidden_size=n, direction=direction, **attributes)  # fmt: skip

    def model(self, *outputs, opset=17):
        values = [onnx.ValueInfoProto(name=name) for name in outputs]
        graph = helper.make_graph(self.nodes, "made", self.inputs, values, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)

    def save(self, path, *outputs, **options):
        onnx.save(self.model(*outputs, **options), str(path))
        return path


def last_of_first_layer(made, op="LSTM", **named):
    """What the input is, transposed, through one layer: Y and Y_h."""
    x = made.node("Transpose", "x", perm=[1, 0, 2])
    return made.recurrent(op, x, 4, 5, **named)[:2]


ACTIVATIONS = {
    "tanh": ("Tanh", None, None), "sigmoid": ("Sigmoid", None, None), "relu": ("Relu", None, None),
    "softplus": ("Softplus", None, None), "hard_sigmoid": ("HardSigmoid", 0.2, 0.5), "linear": ("Affine", 1.0, 0.0),
}  # fmt: skip


def activations(chosen):
    """The attributes for these activations of ours."""
    names, alphas, betas = zip(*(ACTIVATIONS[one] for one in chosen))
    numbers = {f"activation_{which}": [one for one in given if one is not None]
               for which, given in (("alpha", alphas), ("beta", betas))}  # fmt: skip
    return {"activations": list(names), **{key: given for key, given in numbers.items() if given}}


@st.composite
def layers(draw):
    """What a recurrent layer of a graph is."""
    op, kinds = draw(st.sampled_from(["LSTM", "GRU", "RNN"])), st.sampled_from(sorted(ACTIVATIONS))
    inner, outer = draw(kinds), draw(st.sampled_from(["tanh", "sigmoid", "hard_sigmoid"]))
    direction = draw(st.sampled_from(["forward", "reverse", "bidirectional"]))
    one = {"LSTM": [inner, outer, outer], "GRU": [inner, outer], "RNN": [outer]}[op]
    named = {} if draw(st.booleans()) else activations(one * (1 + (direction == "bidirectional")))
    if op == "GRU":
        named["linear_before_reset"] = draw(st.integers(0, 1))
    return op, dict(named, direction=direction, bias=draw(st.booleans())), draw(st.sampled_from(["", "0", "same"]))


def with_layer(made, x, n_in, n, layer):
    """A recurrent layer over (timesteps, nb_samples, n_in): Y and Y_h."""
    op, named, states = layer
    nb = 1 + (named["direction"] == "bidirectional")
    others = []
    if states:
        size = made.node("Slice", made.node("Shape", x), [1], [2])
        rows = drawn(nb, 1, n) if states == "same" else np.zeros((1, 1, 1), "float32")
        state = made.node("Expand", rows, made.node("Concat", [nb], size, [n], axis=0))
        others = ["", *[state] * (1 + (op == "LSTM"))]
    return made.recurrent(op, x, n_in, n, *others, **named)[:2]


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(st.lists(layers(), min_size=1, max_size=2), st.sampled_from(["steps", "last", "mean"]),
       st.sampled_from(["MatMul", "Gemm", "flat"]), st.sampled_from(["Softmax", "Relu", "HardSigmoid"]))  # fmt: skip
def test_drawn_graphs(chosen, gives, product, activation):
    directions = [named["direction"] for _, named, _ in chosen]
    assume(directions != ["reverse", "bidirectional"])  # Refused: a Bidirectional puts what goes on forwards first.
    made = Made()
    x, n_in = made.node("Transpose", "x", perm=[1, 0, 2]), 4
    for k, layer in enumerate(chosen):
        y, h = with_layer(made, x, n_in, 5 - k, layer)
        n_in = (5 - k) * (1 + (layer[1]["direction"] == "bidirectional"))
        x = made.node("Reshape", made.node("Transpose", y, perm=[0, 2, 1, 3]), [0, 0, -1])
    if gives == "steps" and directions[-1] == "reverse":
        gives = "last"  # Our layer gives its steps in another order.
    if gives == "last":
        x = made.node("Reshape", made.node("Transpose", h, perm=[1, 0, 2]), [0, -1])
    elif gives == "mean":
        x = made.node("ReduceMean", x, axes=[0], keepdims=0)
    else:
        x = made.node("Transpose", x, perm=[1, 0, 2])
    if product == "flat" and gives == "steps":
        sizes = made.node("Slice", made.node("Shape", x), [0], [2])
        flat = made.node("Gemm", made.node("Reshape", x, [-1, n_in]), drawn(3, n_in), drawn(3), transB=1, alpha=0.5)
        x = made.node("Reshape", flat, made.node("Concat", sizes, [3], axis=0))
    elif product == "Gemm" and gives != "steps":
        x = made.node("Gemm", x, drawn(n_in, 3), drawn(1, 3), beta=2.0)
    else:
        x = made.node("Add", drawn(3), made.node("MatMul", x, drawn(n_in, 3)))
    x = made.node(activation, x, **{"axis": -1} if activation == "Softmax" else {})
    path, X = f"{os.environ['FOLDER']}/drawn.onnx", drawn(3, 6, 4)
    made.save(path, x)
    assert_allclose(predicted(from_onnx(path), X), by_runtime(path, X), rtol=1e-5, atol=1e-5)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """For functions that Hypothesis calls many times."""
    monkeypatch.setenv("FOLDER", str(tmp_path))


def by_index(made):
    y, _ = last_of_first_layer(made)
    return made.node("Gather", made.node("Squeeze", y, [1]), np.asarray(-1), axis=0)


def by_fixed_index(made):
    """The number of steps is known."""
    made.inputs[0] = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["samples", 6, 4])
    y, _ = last_of_first_layer(made)
    return made.node("Squeeze", made.node("Slice", y, [5], [6], [0], [1]), [0, 1])


def first_of_reverse(made):
    y, _ = last_of_first_layer(made, direction="reverse")
    return made.node("Squeeze", made.node("Slice", y, [0], [1], [0]), [0, 1])


def behind_dense(made):
    """The last step is chosen behind layers that compute each step by itself."""
    y, _ = last_of_first_layer(made)
    y = made.node("Add", made.node("MatMul", made.node("Squeeze", y, [1]), drawn(5, 3)), drawn(3))
    return made.node("Gather", made.node("LeakyRelu", y), np.asarray(-1), axis=0)


def one_direction(made):
    _, h = last_of_first_layer(made, "GRU", direction="bidirectional")
    return made.node("Gather", h, np.asarray(-1), axis=0)


def both_apart(made, op="Concat", **named):
    """Two nodes, as some exporters write them."""
    x = made.node("Transpose", "x", perm=[1, 0, 2])
    forward, backward = (made.node("Squeeze", made.recurrent("GRU", x, 4, 5, direction=direction)[0], [1])
                         for direction in ("forward", "reverse"))  # fmt: skip
    return made.node("Transpose", made.node(op, forward, backward, **named), perm=[1, 0, 2])


def input_turned_round(made):
    x = made.node("Transpose", "x", perm=[1, 0, 2])
    first = made.node("Squeeze", made.recurrent("RNN", x, 4, 5, direction="reverse")[0], [1])
    turned = made.node("Slice", first, [-1], [-2**63], [0], [-1])
    return made.node("Squeeze", made.recurrent("LSTM", turned, 5, 3)[1], [0])


def noise(made):
    """What exporters write around everything."""
    y, _ = last_of_first_layer(made)
    y = made.node("Dropout", made.node("Cast", made.node("Identity", y), to=TensorProto.FLOAT))
    y = made.node("Mul", made.node("Add", y, np.zeros(1, "float32")), np.ones((), "float32"))
    y = made.node("Squeeze", made.node("Unsqueeze", y, [0]), [0, 2])
    return made.node("Sigmoid", made.node("Transpose", y, perm=[1, 0, 2]))


def weights_made_in_the_graph(made):
    x = made.node("Transpose", "x", perm=[1, 0, 2])
    W = made.node("Unsqueeze", made.node("Transpose", made.node("Concat", drawn(4, 5), drawn(4, 15), axis=1)), [0])
    R = made.node("Split", drawn(1, 40, 5), axis=1, nb=2)[0]
    b = made.node("Concat", made.node("Mul", drawn(20), np.float32(0.5)), drawn(20), axis=0)
    y = made.node("LSTM", x, W, R, made.node("Unsqueeze", b, [0]), hidden_size=5)
    return made.node("Transpose", made.node("Squeeze", y, [1]), perm=[1, 0, 2])


def zeros_of_shape(made):
    x = made.node("Transpose", "x", perm=[1, 0, 2])
    size = made.node("Unsqueeze", made.node("Gather", made.node("Shape", "x"), np.asarray(0)), [0])
    h = made.node("ConstantOfShape", made.node("Concat", [2], size, [5], axis=0))
    h = made.node("Slice", h, [1], [2], [0])
    return made.node("Squeeze", made.recurrent("GRU", x, 4, 5, "", h)[1], [0])


def state_of_sum(made):
    """Zeros as large as the input, and the same row for all samples."""
    x = made.node("Transpose", "x", perm=[1, 0, 2])
    shape = made.node("Concat", made.node("Slice", made.node("Shape", x), [1], [2]), [5], axis=0)
    h = made.node("Add", made.node("ConstantOfShape", shape), drawn(5))
    return made.node("Squeeze", made.recurrent("GRU", x, 4, 5, "", made.node("Unsqueeze", h, [0]))[1], [0])


def mean_by_division(made):
    y, _ = last_of_first_layer(made)
    steps = made.node("Cast", made.node("Gather", made.node("Shape", "x"), np.asarray(1)), to=TensorProto.FLOAT)
    return made.node("Div", made.node("ReduceSum", made.node("Squeeze", y, [1]), [0], keepdims=0), steps)


@pytest.mark.parametrize("make, layers", [
    (by_index, ["LSTM"]), (by_fixed_index, ["LSTM"]), (first_of_reverse, ["LSTM"]), (one_direction, ["GRU"]),
    (behind_dense, ["LSTM", "Dense", "LeakyReLU"]), (both_apart, ["Bidirectional"]), (noise, ["LSTM", "Activation"]),
    (input_turned_round, ["SimpleRNN", "LSTM"]), (weights_made_in_the_graph, ["LSTM"]), (zeros_of_shape, ["GRU"]),
    (state_of_sum, ["GRU"]), (mean_by_division, ["LSTM", "TimeDistributedMerge"]),
])  # fmt: skip
def test_ways_to_write_it(make, layers, tmp_path):
    made, X = Made(), drawn(3, 6, 4)
    options = {"axis": 2} if make is both_apart else {}
    path = made.save(tmp_path / "made.onnx", make(made, **options))
    model = from_onnx(path)
    assert names_of(model) == layers
    assert_allclose(predicted(model, X), by_runtime(path, X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("op, merge", [("Add", "sum"), ("Mul", "mul")])
def test_directions_that_are_merged(op, merge, tmp_path):
    made, X = Made(), drawn(3, 6, 4)
    path = made.save(tmp_path / "made.onnx", both_apart(made, op))
    model = from_onnx(path)
    assert model.layers[0].merge == merge
    assert_allclose(predicted(model, X), by_runtime(path, X), rtol=1e-5, atol=1e-6)


def test_indices_that_are_turned_round(tmp_path):
    """What is looked up of them is, too."""
    made, X = Made("samples", "steps", dtype=TensorProto.INT64), np.random.randint(0, 7, (3, 6))
    x = made.node("Gather", drawn(7, 4), made.node("Slice", "x", [-1], [-2**63 + 1], [1], [-1]), axis=0)
    _, h, _ = made.recurrent("LSTM", made.node("Transpose", x, perm=[1, 0, 2]), 4, 5)
    path = made.save(tmp_path / "made.onnx", made.node("Squeeze", h, [0]))
    model = from_onnx(path)
    assert model.layers[1].go_backwards
    assert_allclose(predicted(model, X), by_runtime(path, X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("op", ["LSTM", "GRU", "RNN"])
def test_layout_1(op, tmp_path):
    """ONNX Runtime has it not: the numbers are those of the same weights in layout 0."""
    X, h0 = drawn(3, 6, 4), drawn(1, 1, 5)
    paths = [tmp_path / f"layout_{layout}.onnx" for layout in (0, 1)]
    for layout, path in enumerate(paths):
        np.random.seed(1)
        made, x = Made(), "x"
        if layout == 0:
            x = made.node("Transpose", x, perm=[1, 0, 2])
        h = np.repeat(h0, 3, 1).swapaxes(0, layout)
        y, h, *_ = made.recurrent(op, x, 4, 5, "", *[h] * (1 + (op == "LSTM")), layout=layout)
        y = made.node("Squeeze", y, [1 + layout])
        made.save(path, y if layout else made.node("Transpose", y, perm=[1, 0, 2]), made.node("Squeeze", h, [layout]))
    names = [one.name for one in onnx.load(paths[1]).graph.output]
    session = onnxruntime.InferenceSession(str(paths[0]))
    for name, expected in zip(names, session.run(None, {"x": X})):
        assert_allclose(predicted(from_onnx(paths[1], name), X), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("opset", [7, 9, 11])
def test_older_operators(opset, tmp_path):
    """Axes are attributes, and Softmax is over all axes from one on."""
    made, X = Made(), drawn(3, 6, 4)
    y, _ = last_of_first_layer(made)
    last = made.node("Slice", y, axes=[0], starts=[-1], ends=[2**31 - 1]) if opset < 10 else made.node(
        "Slice", y, [-1], [2**31 - 1], [0])  # fmt: skip
    x = made.node("Softmax", made.node("Squeeze", last, axes=[0, 1]))
    path = made.save(tmp_path / "made.onnx", x, opset=opset)
    model = from_onnx(path)
    assert_allclose(predicted(model, X), by_runtime(path, X), rtol=1e-5, atol=1e-6)


def test_initializers_may_be_inputs_too(tmp_path):
    """As in files of the first exporters."""
    made, X = Made(), drawn(3, 6, 4)
    _, h = last_of_first_layer(made)
    model = made.model(made.node("Squeeze", h, [0]))
    model.graph.input.extend([helper.make_tensor_value_info(one.name, one.data_type, list(one.dims))
                              for one in model.graph.initializer])  # fmt: skip
    onnx.save(model, str(tmp_path / "made.onnx"))
    assert_allclose(predicted(from_onnx(tmp_path / "made.onnx"), X), by_runtime(tmp_path / "made.onnx", X), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "float64", "bfloat16"])
def test_weights_of_other_types(dtype, tmp_path):
    number = {"float16": TensorProto.FLOAT16, "float64": TensorProto.DOUBLE, "bfloat16": TensorProto.BFLOAT16}[dtype]
    made, W = Made(dtype=number), np.asarray([[0.5, -2.0], [1.25, 3.0], [0, 1], [1, 0]])
    made.constants.append(helper.make_tensor("W", number, W.shape, W.reshape(-1).tolist()))
    path = made.save(tmp_path / "made.onnx", made.node("MatMul", "x", "W"))
    assert np.array_equal(from_onnx(path).layers[0].get_weights()[0], W)


# ---- What is refused ------------------------------------------------------------------------------------------------


def lstm(*others, op="LSTM", n_in=4, **named):
    """Makes one node."""

    def make(made):
        x = made.node("Transpose", "x", perm=[1, 0, 2])
        return made.recurrent(op, x, n_in, 5, *others, **named)[1]

    return make


def behind(op, *others, **attributes):
    """Makes a node behind an LSTM that gives (timesteps, nb_samples, 5)."""

    def make(made):
        y, _ = last_of_first_layer(made)
        return made.node(op, made.node("Squeeze", y, [1]), *others, **attributes)

    return make


def before(op, *others, **attributes):
    return lambda made: made.node(op, "x", *others, **attributes)


def memory(made):
    return made.node("Squeeze", made.recurrent("LSTM", made.node("Transpose", "x", perm=[1, 0, 2]), 4, 5)[2], [0])


def all_steps_of_reverse(made):
    return made.node("Squeeze", last_of_first_layer(made, direction="reverse")[0], [1])


def last_step_of_both(made):
    y, _ = last_of_first_layer(made, direction="bidirectional")
    y = made.node("Reshape", made.node("Transpose", y, perm=[0, 2, 1, 3]), [0, 0, -1])
    return made.node("Gather", y, np.asarray(-1), axis=0)


def bias_along_samples(made):
    turned = made.node("Transpose", behind("MatMul", drawn(5, 3))(made), perm=[0, 2, 1])
    return made.node("Transpose", made.node("Add", turned, drawn(3)), perm=[0, 2, 1])


def state_from_input(made):
    x = made.node("Transpose", "x", perm=[1, 0, 2])
    h = made.recurrent("RNN", x, 4, 5)[1]
    return made.recurrent("RNN", x, 4, 5, "", h)[1]


def state_is_an_input(made):
    made.inputs.append(helper.make_tensor_value_info("h0", TensorProto.FLOAT, [1, "samples", 5]))
    return made.recurrent("RNN", made.node("Transpose", "x", perm=[1, 0, 2]), 4, 5, "", "h0")[1]


def residual(made):
    y = made.node("Squeeze", made.recurrent("RNN", "x", 4, 4)[0], [1])
    return made.node("Add", y, "x")


def swapped_directions(made):
    x = made.node("Transpose", "x", perm=[1, 0, 2])
    one, other = (made.recurrent("RNN", x, 4, 5, direction=which)[1] for which in ("reverse", "forward"))
    return made.node("Concat", one, other, axis=2)


def batch_first_or_not(made):
    y = made.node("Squeeze", made.recurrent("RNN", "x", 4, 5)[0], [1])
    return made.recurrent("RNN", made.node("Transpose", y, perm=[1, 0, 2]), 5, 5)[1]


def softmax_of_steps(made):
    """As PyTorch writes `softmax(dim=1)` up to version 12 of the operators."""
    turned = made.node("Softmax", made.node("Transpose", "x", perm=[0, 2, 1]), axis=2)
    return made.recurrent("RNN", made.node("Transpose", turned, perm=[2, 0, 1]), 4, 5)[1]


def product_over_steps(made):
    """Of sizes such that a second product over the features would do, too."""
    made.inputs[0] = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["samples", 6, 4])
    turned = made.node("Transpose", made.node("Tanh", made.node("MatMul", "x", drawn(4, 6))), perm=[0, 2, 1])
    return made.node("Transpose", made.node("MatMul", turned, drawn(6, 6)), perm=[0, 2, 1])


def features_first(made):
    return made.node("Transpose", made.node("MatMul", "x", drawn(4, 3)), perm=[0, 2, 1])


def custom(made):
    return made.node("Mish", "x", domain="com.example")


def directions_not_beside(made):
    y, _ = last_of_first_layer(made, direction="bidirectional")
    return made.node("Reshape", made.node("Transpose", y, perm=[0, 2, 3, 1]), [0, 0, -1])


def doubled(made):
    W = drawn(1, 1000)
    for _ in range(40):
        W = made.node("Concat", W, W, axis=1)
    return made.node("MatMul", "x", made.node("Reshape", W, [4, -1]))


def expanded(made):
    W = made.node("Expand", np.float32(1), made.node("Concat", [4], [2**40], axis=0))
    return made.node("MatMul", "x", W)


@pytest.mark.parametrize("make, message", [
    (lstm("", "", "", np.ones((1, 15), "float32")), "the LSTM node 'the LSTM': it has peepholes"),
    (lstm(clip=1.0), "it has clip=1"), (lstm(input_forget=1), "it has input_forget"),
    (lstm(np.asarray([3, 4, 2], "int32")), "it has sequence_lens; here padding is masked"),
    (lstm(activations=["Sigmoid", "Elu", "Elu"]), "the activation Elu is none of tanh, sigmoid, relu"),
    (lstm(activations=["Sigmoid", "Tanh", "Relu"]), "its activations g and h differ"),
    (lstm(activations=["Tanh"]), "it has 1 activations, not 3"),
    (lstm(op="GRU", activations=["HardSigmoid", "Tanh"], activation_alpha=[0.25]), "has alpha=0.25; ours.*with 0.2"),
    (lstm(op="RNN", activations=["Tanh", "Relu"], direction="bidirectional"), "two directions have other activations"),
    (lstm("", drawn(1, 3, 5), op="RNN"), "the RNN node 'the RNN': initial_h is another one for each sample"),
    (lstm("", drawn(1, 1, 4), op="RNN"), "initial_h must have 1 direction.* and 5 features"),
    (lstm(n_in=3), r"W must have shape \(1, 20, 4\), got \(1, 20, 3\)"),
    (lstm(direction="sideways"), "its direction is 'sideways'"),
    (state_from_input, "initial_h is computed from the model's input"),
    (state_is_an_input, "the RNN node 'the RNN': it needs a second input, 'h0' besides 'x'"),
    (memory, "the memory of an LSTM is used"), (all_steps_of_reverse, "the output '.*': its steps are in the order of"),
    (last_step_of_both, "the Gather node .*at the last step the output of the direction that goes backwards"),
    (swapped_directions, "the Concat node .*puts the direction that goes backwards first"),
    (residual, "the Add node .*joins two branches"), (batch_first_or_not, "takes for the timesteps what .* samples"),
    (directions_not_beside, "the last axis must be that of the features, with both directions beside each other"),
    (behind("Gather", np.asarray(2), axis=0), "chooses the step 2, not that which is computed last"),
    (behind("Slice", [1], [3], [0]), "chooses other steps than the last"),
    (behind("Gather", np.asarray(1), axis=2), "chooses one of the steps, samples or features"),
    (behind("Less", np.float32(0)), "the Less node .*compares what is computed from the input"),
    (behind("Elu"), "the Elu node 'the Elu': this operator has no equal here"),
    (behind("HardSigmoid", alpha=0.25), "the HardSigmoid node .*has alpha=0.25"),
    (behind("Softmax", axis=0), "the Softmax node .*not over the features"),
    (behind("Mul", np.float32(3)), "the Mul node .*computes with numbers what no layer here does"),
    (behind("Add", np.float32(3)), "the Add node .*adds numbers to what is not a product"),
    (lambda made: made.node("Div", behind("Relu")(made), made.node("Shape", "x")), "the Div node .*the number of"),
    (behind("MatMul", drawn(4, 3)), r"the MatMul node .*must have shape \(5, output_dim\), got \(4, 3\)"),
    (behind("ReduceMean", axes=[2], keepdims=0), "only sums and means over the steps"),
    (behind("Reshape", [-1, 2]), "the Reshape node .*it does more than to join axes"),
    (lambda made: made.node("Cast", behind("Cast", to=TensorProto.INT64)(made), to=TensorProto.FLOAT),
     "the Cast node .*makes INT64 of numbers that are computed"),
    (behind("Cast", to=TensorProto.BOOL), "the Cast node .*makes BOOL of numbers that are computed"),
    (bias_along_samples, "the Add node .*the last axis is that of the timesteps or of the samples"),
    (behind("Transpose", perm=[0, 2, 1]), "the last axis is that of the timesteps or of the samples"),
    (before("Squeeze", [0]), "takes out axis .*not known to have size 1"), (before("Identity"), "it is the input, and"),
    (before("Loop", body=helper.make_graph([], "body", [], [])), "the Loop node 'the Loop': a loop has no equal"),
    (before("If", then_branch=helper.make_graph([], "a", [], [])), "what is decided when a model"),
    (softmax_of_steps, "the RNN node .*what stands for the timesteps here are the features of a layer before it"),
    (product_over_steps, "the MatMul node .*of number.*: what stands for the timesteps here are the features"),
    (features_first, "the output '.*': what stands for the timesteps here are the features"),
    (custom, "the com.example.Mish node 'the Mish': this operator has no equal"),
    (before("MatMul", "not there"), "there is no value 'not there'"),
    (before("Transpose", perm=[0, 0, 1]), r"perm is \[0, 0, 1\] for 3 axes"), (before("Slice"), "is not as ONNX says"),
    (doubled, "takes many times the memory that the file has"), (expanded, "takes many times the memory"),
])  # fmt: skip
def test_what_has_no_equal_is_refused(make, message, tmp_path):
    made = Made()
    path = made.save(tmp_path / "made.onnx", make(made))
    with pytest.raises(ValueError, match=f"made.onnx: .*{message}"):
        from_onnx(path)


def test_no_more_is_read_than_the_output_needs(tmp_path):
    """Also if the file has what has no equal."""
    made = Made()
    _, h = last_of_first_layer(made)
    path = made.save(tmp_path / "made.onnx", h, made.node("Elu", "x"))
    with pytest.raises(ValueError, match="several outputs, of which 'Elu.*' is no last state .*output=..."):
        from_onnx(path)
    with pytest.raises(ValueError, match="there is no output 'h', only 'LSTM.*', 'Elu"):
        from_onnx(path, output="h")
    assert names_of(from_onnx(path, output=h)) == ["LSTM"]


@pytest.mark.parametrize("shape, message", [
    ((4,), "the input 'x' has 1 axes"), ((1, 2, 3, 4), "the input 'x' has 4 axes"),
    (("samples", 4), "it must read the data"),
])  # fmt: skip
def test_inputs(shape, message, tmp_path):
    made = Made(*shape)
    path = made.save(tmp_path / "made.onnx", made.recurrent("RNN", "x", 4, 5)[1])
    with pytest.raises(ValueError, match=message):
        from_onnx(path)


@pytest.mark.parametrize("step", [-1, 1])
def test_sizes_that_a_file_says_take_no_memory(step, tmp_path):
    made = Made("samples", 2**60, 4)
    x = made.node("Transpose", "x", perm=[1, 0, 2])
    turned = made.node("Slice", x, [-1 if step < 0 else 1], [-2**62 if step < 0 else 2**61], [0], [step])
    path = made.save(tmp_path / "made.onnx", made.recurrent("RNN", turned, 4, 5)[1])
    if step < 0:
        assert from_onnx(path).layers[0].go_backwards
    else:
        with pytest.raises(ValueError, match="the Slice node .*chooses several steps"):
            from_onnx(path)


# ---- Files ----------------------------------------------------------------------------------------------------------


def test_no_onnx(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match="models from ONNX need .*: pip install onnx"):
        from_onnx(EXPORTED / "torch-script-lstm-alone.onnx")


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file .*absent.onnx"):
        from_onnx(tmp_path / "absent.onnx")


@pytest.mark.parametrize("content", [b"", b"no ONNX\n" * 100, b"\0" * 1000])
def test_other_files(content, tmp_path):
    (tmp_path / "other.onnx").write_bytes(content)
    with pytest.raises(ValueError, match="other.onnx: this is no file of ONNX"):
        from_onnx(tmp_path / "other.onnx")


@pytest.mark.parametrize("name", ["torch-script-embedding-lstm", "keras-tensorflow-lstm-both"])
def test_damaged_files(name, tmp_path):
    """They are a model, or there is an error that says why not."""
    content, path = (EXPORTED / f"{name}.onnx").read_bytes(), tmp_path / "damaged.onnx"
    refused = 0
    for _ in range(150):
        damaged = bytearray(content)
        for at in np.random.randint(0, len(content), 3):
            damaged[at] = np.random.randint(256)
        path.write_bytes(damaged[:np.random.randint(len(damaged))] if np.random.rand() < 0.2 else damaged)
        try:
            from_onnx(path)
        except ValueError as error:
            assert "damaged.onnx: " in str(error)
            refused += 1
    assert refused > 30


class TestWeightsBeside:
    """As torch.onnx.export(..., dynamo=True) writes large ones."""

    @pytest.fixture
    def path(self, tmp_path):
        for end in ("", ".data"):
            shutil.copy(EXPORTED / f"torch-dynamo-gru-learned.onnx{end}", tmp_path / f"model.onnx{end}")
        self.say(tmp_path / "model.onnx", location="model.onnx.data")
        return tmp_path / "model.onnx"

    @staticmethod
    def say(path, **said):
        """Change where the weights are."""
        model = onnx.load(str(path), load_external_data=False)
        changed = 0
        for tensor in model.graph.initializer:
            for one in tensor.external_data:
                changed += one.key in said
                one.value = said.get(one.key, one.value)
        assert changed
        onnx.save(model, str(path))

    def test_they_are_read(self, path):
        X = drawn(3, 6, 4)
        assert_allclose(predicted(from_onnx(path), X), by_runtime(path, X), rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("said, message", [
        ({"location": "other.data"}, "in a file 'other.data', which must be beside this one, and is not there"),
        ({"location": "../model.onnx.data"}, "which must be beside this one"), ({"location": ""}, "must be beside"),
        ({"offset": "100000"}, "are not all in the file 'model.onnx.data'"), ({"length": "-5"}, "are not all in"),
        ({"length": "10000000000"}, "are not all in the file"), ({"offset": "many"}, "invalid literal"),
        ({"length": "4"}, "the GRU node"),
    ])  # fmt: skip
    def test_where_they_may_be(self, path, said, message):
        self.say(path, **said)
        with pytest.raises(ValueError, match=f"model.onnx: .*{message}"):
            from_onnx(path)

    @pytest.mark.skipif(not hasattr(os, "symlink"), reason="there are no links")
    def test_a_link_leads_elsewhere(self, path, tmp_path):
        os.rename(tmp_path / "model.onnx.data", tmp_path / "secret")
        os.symlink(tmp_path / "secret", tmp_path / "model.onnx.data")
        with pytest.raises(ValueError, match="must be beside this one"):
            from_onnx(path)


@pytest.mark.parametrize("made_of", [
    [rl.LSTM(3, 4), rl.Dense(4, 2, activation="hard_sigmoid")],
    [rl.GRU(3, 4, return_sequences=True), rl.TimeDistributedDense(4, 2, activation="softmax")],
    [rl.GRU(3, 4, reset_after=True, go_backwards=True), rl.Activation("relu"), rl.Dense(4, 2)],
    [rl.SimpleRNN(3, 4, activation="relu", initial_state="learned")],
    [rl.Bidirectional(rl.LSTM(3, 4, return_sequences=True), merge="ave"), rl.LSTM(4, 2, inner_activation="sigmoid")],
    [rl.Embedding(5, 3), rl.Bidirectional(rl.GRU(3, 4)), rl.Dense(8, 2, activation="softplus")],
])  # fmt: skip
def test_what_leaves_comes_back(made_of, tmp_path):
    model = rl.Sequential(made_of)
    for weight in model.weights:
        weight.set_value(np.random.uniform(-1, 1, weight.get_value().shape).astype(weight.dtype))
    model.to_onnx(tmp_path / "net.onnx")
    again = rl.from_onnx(tmp_path / "net.onnx")
    weights, back = model.get_weights(), again.get_weights()
    assert len(weights) == len(back)
    for weight, other in zip(weights, back):
        assert np.abs(weight - other).max() < 1e-6
    X = np.random.randn(2, 6, 3) if model.get_input().ndim == 3 else np.random.randint(0, 5, (2, 6))
    y, y_again = (engine.function([one.get_input()], one.get_output())(X.astype(one.get_input().dtype))
                  for one in (model, again))  # fmt: skip
    assert np.abs(y - y_again).max() < 1e-6
