"""ONNX Runtime: layers alone and whole models, as graphs made by hand. It does not train."""

import os

import numpy as np
import onnx
import onnxruntime
import whole_models
from cases import data, weights
from onnx import TensorProto, helper, numpy_helper
from processes import processors
from programs import ModelProgram, Program, StepProgram

# The gates in the order in which ONNX puts them on top of each other.
GATES = {"LSTM": "iofc", "GRU": "zrh"}


class Graph:
    """A graph that grows by a node at a time; values have names."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def node(self, op, *inputs, outputs=1, **attributes):
        """Add a node; gives the name of its output, or a list of names."""
        names = [f"value{len(self.nodes)}_{number}" for number in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        return names if outputs > 1 else names[0]

    def constant(self, value):
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def recurrent(self, layer, x, values, lengths="", states=()):
        """LSTM or GRU; gives all outputs and the last one, both with an axis for the direction.

        And the memory, if it goes on from these states.
        """
        W, U, b = (np.concatenate([values[f"{kind}_{gate}"].T for gate in GATES[layer]]) for kind in "WUb")
        names = {"hidden_size": U.shape[1]}
        if layer == "GRU":
            names["linear_before_reset"] = 0
        biases = np.concatenate([b, np.zeros_like(b)])
        weights = [self.constant(value[None]) for value in (W, U, biases)]
        return self.node(layer, x, *weights, lengths, *states, outputs=2 + bool(states), **names)

    def session(self, inputs, *outputs):
        """Ready to run, with so many threads as the environment says; `inputs` is (name, type, shape) of each."""
        graph = helper.make_graph(
            self.nodes, "graph", [helper.make_tensor_value_info(*one) for one in inputs],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None) for output in outputs],
            self.constants)  # fmt: skip
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads()
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def threads():
    """How many threads to use; ONNX Runtime would leave out processors that it takes for halves of one."""
    return int(os.environ.get("BENCHMARK_THREADS", 0)) or processors()


class ONNXProgram(Program):
    """The forward pass of a layer, from the same input as the others: samples first."""

    def set(self, case):
        graph = Graph()
        steps_first = graph.node("Transpose", "x", perm=[1, 0, 2])
        _, last = graph.recurrent(case.layer, steps_first, weights(case))
        output = graph.node("Squeeze", last, graph.constant(np.array([0])))
        x, _ = data(case)
        session = graph.session([("x", TensorProto.FLOAT, x.shape)], output)
        self.call = lambda: session.run(None, {"x": x})[0]


class ONNXStep(StepProgram):
    """A step of an LSTM: the states that come out go in again."""

    def load(self, values):
        graph = Graph()
        (n, m), states = values["W_i"].shape, ("h", "c")
        _, *after = graph.recurrent("LSTM", "x", values, states=states)
        shapes = {"x": (1, 1, n), "h": (1, 1, m), "c": (1, 1, m)}
        self.session = graph.session([(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()], *after)
        self.zeros = np.zeros(shapes["h"], "float32")

    def converted(self, x_t):
        return x_t[None]

    def begin(self):
        self.h = self.c = self.zeros

    def step(self, x_t):
        self.h, self.c = self.session.run(None, {"x": x_t, "h": self.h, "c": self.c})
        return self.h[0]


class ONNXModel(ModelProgram):
    """A whole model; its weights are made up, since it cannot train them."""

    def __init__(self, case):
        super().__init__(case)
        graph, values, x = Graph(), iter(whole_models.peers_weights(case.model)), "x"
        lengths = "lengths" if self.model.padded else ""
        for one in self.model.layers:
            x = self.add(graph, one, x, values, lengths)
        integers = self.model.input == "integers"
        shape = ["samples", self.model.steps] + ([] if integers else [self.model.input_dim])
        inputs = [("x", TensorProto.INT32 if integers else TensorProto.FLOAT, shape)]
        inputs += [("lengths", TensorProto.INT32, ["samples"])] if lengths else []
        self.session = graph.session(inputs, x)

    def add(self, graph, one, x, values, lengths):
        """Add a layer; gives its output, samples first."""
        if one.name in ("LSTM", "GRU"):
            steps_first = graph.node("Transpose", x, perm=[1, 0, 2])
            outputs, last = graph.recurrent(one.name, steps_first, next(values), lengths)
            if not one.names.get("return_sequences"):
                return graph.node("Squeeze", last, graph.constant(np.array([0])))
            outputs = graph.node("Squeeze", outputs, graph.constant(np.array([1])))
            return graph.node("Transpose", outputs, perm=[1, 0, 2])
        if one.name == "Embedding":
            return graph.node("Gather", graph.constant(next(values)["W"]), x)
        if one.name == "RepeatVector":
            widened = graph.node("Unsqueeze", x, graph.constant(np.array([1])))
            return graph.node("Tile", widened, graph.constant(np.array([1, one.sizes[0], 1])))
        if "Dense" in one.name:
            W, b = map(graph.constant, next(values).values())
            if one.name == "Dense":
                return graph.node("Gemm", x, W, b)
            return graph.node("Add", graph.node("MatMul", x, W), b)
        if one.name == "Activation":
            return graph.node("Sigmoid", x) if one.sizes[0] == "sigmoid" else graph.node("Softmax", x, axis=-1)
        return x  # Dropout

    def converted(self, x, y):
        x, lengths = whole_models.padded_on_the_right(self.name, x)
        return {"x": x} if lengths is None else {"x": x, "lengths": lengths.astype("int32")}

    def predict(self, inputs):
        batch = self.model.batch
        return np.concatenate([
            self.session.run(None, {name: value[start:start + batch] for name, value in inputs.items()})[0]
            for start in range(0, len(inputs["x"]), batch)])  # fmt: skip

    def predict_one(self, inputs):
        return self.session.run(None, inputs)[0]


class ONNXRuntime:
    """ONNX Runtime on processors."""

    def program(self, case):
        if isinstance(case, whole_models.ModelCase):
            return ONNXModel(case)
        return ONNXStep() if case.kind == "step" else ONNXProgram()

    def about(self):
        return [("ONNX Runtime", onnxruntime.__version__), ("ONNX", onnx.__version__)]
