"""Models as files of ONNX, which ONNX Runtime and others run without Python.

What is written is the graph of the prediction, in operators of ONNX: a loop is a `Scan`, whose body is the graph of a
step, but that of `LSTM`, `GRU` and `SimpleRNN` is the operator for it where that gives the same.
"""

import collections

from recurrent_layers import engine
from recurrent_layers.engine import machine
from recurrent_layers.exchange.files import written_whole
from recurrent_layers.exchange.onnx_graphs import ToONNX, Value, needs, pruned, rename
from recurrent_layers.exchange.predictions import Prediction
from recurrent_layers.utils.arguments import as_path, choice
from recurrent_layers.utils.generic_utils import not_too_deep
from recurrent_layers.version import __version__

#: What ONNX Runtime has since 1.10, and all operators that are needed.
OPSET, IR_VERSION = 14, 8
#: A file of Protocol Buffers has less than 2 GB; something is needed beside the weights.
MOST_BYTES = 2**31 - 2**20


def write(model, path, dtype="float32"):
    """Write what a model predicts; see :meth:`recurrent_layers.models.Sequential.to_onnx`."""
    path, dtype = as_path("path", path), choice("dtype", dtype, "float32", "float64")
    try:
        import onnx
        import onnx.checker
        import onnx.shape_inference
    except ImportError as error:
        raise ImportError(f"to_onnx needs the package onnx: pip install onnx ({error})") from error
    with not_too_deep():
        proto = _Model(model, dtype, onnx).proto()
    onnx.checker.check_model(proto, full_check=True)
    with written_whole(path, True, "the model") as stream:
        stream.write(proto.SerializeToString())


class _Model:
    """What a model predicts, in ONNX.

    Parameters
    ----------
    model : Sequential
    dtype : {"float32", "float64"}
    onnx : module
    """

    def __init__(self, model, dtype, onnx):
        self._model, self._onnx, self._prediction = model, onnx, Prediction.whole(model)
        self._said = ToONNX(onnx, dtype, self._prediction, self._prediction.names)

    def proto(self):
        """All of it.

        Raises
        ------
        ValueError
            If something in it has no equal, or it has too many weights.
        """
        prediction, helper = self._prediction, self._onnx.helper
        inputs = self._inputs() + self._states()
        needed = prediction.needed
        for layer, variable in needed:
            with self._said.within(layer):
                self._said.value(variable)
        outputs = [self._put_out("y", prediction.output)]
        outputs += [self._put_out(f"state_{k}_after", variable) for k, variable in enumerate(prediction.after, 1)]
        nodes = pruned(self._said.nodes(), [output.name for output in outputs])
        layers = ", ".join(type(layer).__name__ for layer, _ in needed)
        doc = f"What predict of this model gives: {layers}"
        graph = helper.make_graph(nodes, type(self._model).__name__, inputs, outputs, self._initializers(nodes), doc)
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION,
                                  producer_name="recurrent_layers", producer_version=__version__, doc_string=doc)
        helper.set_model_props(proto, {
            "recurrent_layers": __version__, "engine": f"{engine.NAME} {machine.version(engine.NAME)}",
            "onnx": self._onnx.__version__, "layers": layers})  # fmt: skip
        return self._with_shapes(proto)

    def _inputs(self):
        readers, variables = self._model._readers(), self._prediction.inputs
        numbers = [""] if len(variables) == 1 else [f"_{k}" for k in range(1, 1 + len(variables))]
        return [self._given("x" + number, variable, _named(reader, variable.ndim, number))
                for number, reader, variable in zip(numbers, readers, variables)]  # fmt: skip

    def _states(self):
        sizes = []
        for one in self._prediction.carried:
            sizes += [[size] for size in one.layer.state_sizes] + [[]] * (one.steps is not None)
        return [self._given(f"state_{k}", variable, ["nb_samples", *size])
                for k, (variable, size) in enumerate(zip(self._prediction.before, sizes), 1)]  # fmt: skip

    def _given(self, name, variable, shape):
        """An input of the graph."""
        value = Value(name, self._said.kind(variable.dtype), variable.ndim)
        info = self._said.info(name, value, shape)
        if value.kind == "int" and variable.dtype != "int64":
            info.type.tensor_type.elem_type = self._said.type_of("int32")
            value = self._said.node("Cast", [value], "int", value.ndim, to=self._said.type_of("int64"))
        self._said.give(variable, value)
        return info

    def _put_out(self, name, variable):
        """An output of the graph."""
        value = self._said.value(variable)
        self._said.add("Identity", [value.name], [name])
        return self._said.info(name, value)

    def _initializers(self, nodes):
        """The constants that nodes need, which get their names."""
        constants = self._said.constants(set().union(*map(needs, nodes)))
        nb_bytes = sum(value.array.nbytes for value, _ in constants)
        if nb_bytes > MOST_BYTES:
            raise ValueError(f"the model has {nb_bytes / 2**30:.2f} GB of weights, and a file of ONNX has less than 2 "
                             "GB: make it smaller, or write it as float32")
        counts, names = collections.Counter(), {}
        for value, name in constants:
            counts[name] += 1
            names[value.name] = name if counts[name] == 1 else f"{name}_{counts[name]}"
        rename(nodes, names)
        return [self._onnx.numpy_helper.from_array(value.array, names[value.name]) for value, _ in constants]

    def _with_shapes(self, proto):
        """The same, whose outputs have the shapes that ONNX finds."""
        found = self._onnx.shape_inference.infer_shapes(proto, data_prop=True).graph.output
        for output, with_shape in zip(proto.graph.output, found):
            output.CopyFrom(with_shape)
            for size in output.type.tensor_type.shape.dim:
                if size.dim_param.startswith("unk__"):  # What ONNX calls a size of which it knows nothing.
                    size.Clear()
        return proto


def _named(reader, ndim, number):
    """The shape of an input that a layer reads, with names of the sizes that are free."""
    shape = reader.input_shape
    shape = shape if shape is not None and len(shape) == ndim else [None] * ndim
    names = {0: "nb_samples", **({1: f"timesteps{number}"} if ndim == 3 or reader.takes_integers else {})}
    return [size if size is not None and axis else names.get(axis, f"size_{axis}{number}")
            for axis, size in enumerate(shape)]  # fmt: skip
