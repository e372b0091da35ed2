"""ONNX Runtime: layers alone and whole models, as graphs made by hand. It does not train."""

import os

import numpy as np
import onnx
import onnxruntime
import whole_models
from cases import GRU_AFTER, LSTM_DENSE, data, weights
from exports_in_c import files_of
from onnx import TensorProto, helper, numpy_helper
from processes import processors
from programs import ModelProgram, Program, StepProgram

# The gates in the order in which ONNX puts them on top of each other.
GATES = {"LSTM": "iofc", "GRU": "zrh"}


class Graph:
    """A graph that grows by a node at a time; values have names."""

    def __init__(self, name="value"):
        self.name, self.nodes, self.constants = name, [], []

    def node(self, op, *inputs, outputs=1, **attributes):
        """Add a node; gives the name of its output, or a list of names."""
        names = [f"{self.name}{len(self.nodes)}_{number}" for number in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        return names if outputs > 1 else names[0]

    def constant(self, value):
        name = f"{self.name}_constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def recurrent(self, layer, x, values, lengths="", states=()):
        """LSTM or GRU; gives all outputs and the last one, both with an axis for the direction.

        And the memory of an LSTM, if it goes on from these states.
        """
        W, U, b = (np.concatenate([values[f"{kind}_{gate}"].T for gate in GATES[layer]]) for kind in "WUb")
        names, of_U = {"hidden_size": U.shape[1]}, np.zeros_like(b)
        if layer == "GRU":
            names["linear_before_reset"] = int("b_Uh" in values)
            of_U[-U.shape[1]:] = values.get("b_Uh", 0)
        weights = [self.constant(value[None]) for value in (W, U, np.concatenate([b, of_U]))]
        return self.node(layer, x, *weights, lengths, *states, outputs=2 + (len(states) > 1), **names)

    def sum(self, x, W, *others):
        """The product of x with a matrix, and what is added to it."""
        y = self.node("MatMul", x, self.constant(W))
        for other in others:
            y = self.node("Add", y, other)
        return y

    def jzs1(self, x, values, h, steps):
        """JZS1, as a Scan where there are several steps; gives the last output."""
        W_z, b_z, W_r, U_r, b_r, U_h, b_h, P = values.values()
        z = self.node("Sigmoid", self.sum(x, W_z, self.constant(b_z)))
        a, p = self.sum(x, W_r, self.constant(b_r)), self.node("Tanh", self.sum(x, P))
        inner, names = (Graph("inner"), ("h_tm1", "z_t", "a_t", "p_t")) if steps > 1 else (self, (h, z, a, p))
        h_tm1, z_t, a_t, p_t = names
        r = inner.node("Sigmoid", inner.sum(h_tm1, U_r, a_t))
        new = inner.node("Tanh", inner.sum(inner.node("Mul", r, h_tm1), U_h, p_t, inner.constant(b_h)))
        kept = inner.node("Mul", h_tm1, inner.node("Sub", inner.constant(np.float32(1)), z_t))
        h_t = inner.node("Add", inner.node("Mul", new, z_t), kept)
        if inner is self:
            return h_t
        body = inner.graph([(name, TensorProto.FLOAT, None) for name in names], h_t)
        return self.node("Scan", h, z, a, p, num_scan_inputs=3, body=body)

    def graph(self, inputs, *outputs):
        """All of it; `inputs` is (name, type, shape) of each."""
        return helper.make_graph(
            self.nodes, self.name, [helper.make_tensor_value_info(*one) for one in inputs],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None) for output in outputs],
            self.constants)  # fmt: skip

    def session(self, inputs, *outputs):
        """Ready to run, with so many threads as the environment says; `inputs` as for :meth:`graph`."""
        opset = helper.make_opsetid("", 17)
        model = helper.make_model(self.graph(inputs, *outputs), opset_imports=[opset], ir_version=10)
        return session_of(model.SerializeToString())


def session_of(model):
    """That of a file, or of its bytes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


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
    """Steps of a layer and what comes after it: the states that come out go in again."""

    steps = 1

    def __init__(self, case):
        self.case = case

    def load(self, values):
        graph, case, m = Graph(), self.case, self.case.output_dim
        self.states = ("h", "c") if "LSTM" in case.layer else ("h",)
        if case.layer == "JZS1":
            after = [graph.jzs1("x", values, "h", self.steps)]
        else:
            kind = {GRU_AFTER: "GRU", LSTM_DENSE: "LSTM"}.get(case.layer, case.layer)
            _, *after = graph.recurrent(kind, "x", values, states=self.states)
        if case.layer == LSTM_DENSE:
            after += [graph.sum(after[0], values["D"], graph.constant(values["d"]))]
        shapes = {"x": (self.steps, 1, case.input_dim), **dict.fromkeys(self.states, (1, 1, m))}
        self.session = graph.session([(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()], *after)
        self.zeros = np.zeros((1, 1, m), "float32")

    def converted(self, x_t):
        return x_t[None]

    def begin(self):
        self.before = dict.fromkeys(self.states, self.zeros)

    def step(self, x_t):
        after = self.session.run(None, {"x": x_t, **self.before})
        self.before = dict(zip(self.states, after))
        return after[-1 if self.case.layer == LSTM_DENSE else 0][0]


class ONNXBoundStep(ONNXStep):
    """The same with memory that inputs and outputs are bound to, so that the states that come out need no copy."""

    def begin(self):
        names = [output.name for output in self.session.get_outputs()]
        self.arrays = [[np.zeros_like(self.zeros) for _ in self.states] for _ in range(2)]
        self.y, self.bindings = np.zeros((1, 1, 1), "float32"), []
        for before, after in (self.arrays, self.arrays[::-1]):
            binding = self.session.io_binding()
            for bind, bound in ((binding.bind_input, zip(("x", *self.states), (self.x_t, *before))),
                                (binding.bind_output, zip(names, (*after, self.y)))):  # fmt: skip
                for name, array in bound:
                    bind(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
            self.bindings.append(binding)

    def step(self, x_t):
        self.session.run_with_iobinding(self.bindings[0])
        self.bindings.reverse()
        self.arrays.reverse()
        return (self.y if self.case.layer == LSTM_DENSE else self.arrays[0][0])[0]


class ONNXPrediction(ONNXStep):
    """The same of a whole sequence, from zeros."""

    def set(self, case):
        self.steps = case.steps
        self.load(weights(case))
        self.begin()
        x = np.ascontiguousarray(data(case)[0].transpose(1, 0, 2))
        zeros = self.before

        def call():
            self.before = zeros
            return self.step(x)

        self.call = call


class OfToONNX(StepProgram):
    """Steps in what `to_onnx` has written of a stateful model."""

    def __init__(self, case):
        files = files_of(os.environ["BENCHMARK_HOME"], case, "to_onnx")
        self.session = session_of(str(files / f"{case.kind.split()[-1]}.onnx"))

    def load(self, values):
        self.states = [one for one in self.session.get_inputs() if one.name != "x"]

    def converted(self, x_t):
        return x_t[:, None]

    def begin(self):
        self.before = {one.name: np.zeros((1, one.shape[-1]), "float32") for one in self.states}

    def step(self, x_t):
        y, *after = self.session.run(None, {"x": x_t, **self.before})
        self.before = dict(zip(self.before, after))
        return y


class OfToONNXPrediction(OfToONNX):
    """The same of a whole sequence, by a model that is not stateful."""

    def set(self, case):
        x, _ = data(case)
        self.call = lambda: self.session.run(None, {"x": x})[0]


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
        kinds = {"step": ONNXStep, "io_binding": ONNXBoundStep, "predict": ONNXPrediction, "to_onnx step": OfToONNX,
                 "to_onnx predict": OfToONNXPrediction}  # fmt: skip
        return kinds[case.kind](case) if case.kind in kinds else ONNXProgram()

    def about(self):
        return [("ONNX Runtime", onnxruntime.__version__), ("ONNX", onnx.__version__)]
