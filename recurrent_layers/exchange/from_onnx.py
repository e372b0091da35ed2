"""Models from ONNX: what PyTorch and Keras 3 export, as layers of ours.

A graph is followed from its input to the output that is asked for. Of each value on this way it is known what our
layers would give there, and what its axes are (samples, timesteps, directions, features): a Transpose, Squeeze or
Reshape changes no more than these, and shapes that are computed for them are lists of sizes in which an axis stands for
its own. So there are no patterns of nodes to be found, only nodes to be understood one by one.
"""

# Nearly all functions are its own, and take of one another what is described below:
# mypy: allow-untyped-defs, allow-incomplete-defs

from __future__ import annotations

import math
import os
from typing import Any, NamedTuple

import numpy as np

from recurrent_layers.exchange.conversion import _take_apart
from recurrent_layers.layers.advanced_activations import LeakyReLU
from recurrent_layers.layers.core import Activation, Dense, TimeDistributedDense, TimeDistributedMerge
from recurrent_layers.layers.embeddings import Embedding
from recurrent_layers.layers.recurrent import GRU, LSTM, SimpleRNN
from recurrent_layers.layers.wrappers import Bidirectional
from recurrent_layers.models import Sequential
from recurrent_layers.typing import Array, Path
from recurrent_layers.utils.arguments import as_path, text

#: The gates, in the order in which ONNX puts their weights below each other.
_GATES = {LSTM: "iofc", GRU: "zrh", SimpleRNN: "h"}
_CELLS = {"LSTM": LSTM, "GRU": GRU, "RNN": SimpleRNN}

#: By their names in lower case: ours, which numbers they have, and which of these are ours.
_ACTIVATIONS = {
    "tanh": ("tanh", {}), "sigmoid": ("sigmoid", {}), "relu": ("relu", {}), "softplus": ("softplus", {}),
    "hardsigmoid": ("hard_sigmoid", {"alpha": (0.2, 0.2), "beta": (0.5, 0.5)}),
    "affine": ("linear", {"alpha": (1.0, 1.0), "beta": (0.0, 0.0)}),
}  # fmt: skip

#: Of the numbers that are read.
_TYPES = ("FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32",
          "UINT64", "BOOL")  # fmt: skip
_INTEGERS = {name for name in _TYPES if "INT" in name}

_END = 2**31 - 1  # Exporters say that something goes to the end by this or a larger number.


def from_onnx(path: Path, output: str | None = None) -> Sequential:
    """A model of ours from a file of ONNX, with its weights.

    Read are the operators LSTM, GRU and RNN where they have our equations, forwards, in reverse (`go_backwards`) and
    both (:class:`Bidirectional`), and what exporters put around them: the lookup of an :class:`Embedding`, matrix
    products (:class:`Dense`, :class:`TimeDistributedDense`), activations, the choice of the last step, sums and means
    over the steps, and all that only arranges axes. A GRU with `linear_before_reset` is ``GRU(reset_after=True)``; of
    two biases that are added there is the sum. States to begin with may be zero, or the same for all samples: then
    they are `initial_state="learned"`.

    Parameters
    ----------
    path : str, bytes or path-like
        What ``torch.onnx.export(module, x, path)`` wrote, or ``model.export(path, format="onnx")`` of Keras 3 on
        TensorFlow. Weights in a file beside it are read, too.
    output : str, optional
        The name of the output to follow, by default the first. Then others may only be last states of the recurrent
        layers, which are left out.

    Returns
    -------
    Sequential
        Not compiled. It takes (nb_samples, timesteps, input_dim) and gives (nb_samples, timesteps, output_dim) or
        (nb_samples, output_dim), also where in the file the timesteps come first, or the output has an axis of size 1
        besides. How many samples and timesteps there are is free, even if the file says it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If there is no package onnx: ``pip install onnx``.
    ValueError
        If it is no file of ONNX, or has something on the way to the output that has no equal here; the message names
        the node. Such are peepholes, `clip`, `input_forget`, `sequence_lens`, other activations, states to begin with
        that are computed, steps that are chosen but for the last, and branches. A loop that was written out step by
        step or is a Loop or Scan (GRU and SimpleRNN of Keras 3 on TensorFlow; all layers of Keras 3 on PyTorch, whose
        exporter writes out as many steps as it has seen) is none of the operators either.

    Examples
    --------
    >>> from recurrent_layers import LSTM, Dense, Sequential, from_onnx
    >>> Sequential([LSTM(3, 8), Dense(8, 2)]).to_onnx("model.onnx")
    >>> model = from_onnx("model.onnx")
    >>> [type(layer).__name__ for layer in model.layers]
    ['LSTM', 'Dense']
    >>> model.compile(loss="mse", optimizer="adam")

    PyTorch writes such a file by ``torch.onnx.export(module.eval(), x, "model.onnx", dynamo=True)``.
    """
    path, output = as_path("path", path), None if output is None else text("output", output)
    try:
        import onnx
    except ImportError:
        raise ImportError("models from ONNX need the package onnx: pip install onnx") from None
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no file {path}")
    try:
        return _Graph(onnx, path).model(output)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


# ---- What a value is ------------------------------------------------------------------------------------------------


class _Axis:
    """An axis that a value has had since the input or since a layer; two are the same if they are one object."""

    def __init__(self, size=None, is_directions=False):
        self.size, self.is_directions = size, is_directions


class _Size:
    """In a shape, the size of axes in one, of which some are free."""

    def __init__(self, axes):
        self.axes = tuple(axes)

    def __eq__(self, other):
        return isinstance(other, _Size) and self.axes == other.axes

    def __hash__(self):
        return hash(self.axes)

    def __mul__(self, other):
        if isinstance(other, _Size):
            return _Size(self.axes + other.axes)
        return self if other == 1 else NotImplemented

    __rmul__ = __mul__


class _Known(NamedTuple):
    """Numbers that depend on the input by its shape alone: `array`, broadcast to `shape`, in which may be sizes."""

    array: Array
    shape: tuple[Any, ...]

    @classmethod
    def of(cls, array):
        return cls(np.asarray(array), np.shape(array))


class _Data(NamedTuple):
    """What our layers give, after each other.

    Each of `axes` is a tuple of those that are in one: none if its size is 1, several if they have been joined. If it
    is `turned`, its steps are in the other order than ours.
    """

    layers: tuple[Any, ...]
    axes: tuple[Any, ...]
    turned: bool = False


class _Nothing(NamedTuple):
    """What has no equal, which matters only if it is used."""

    reason: str


# ---- Our layers, before they are made -------------------------------------------------------------------------------


class _Lookup(NamedTuple):
    W: Array

    def made(self, is_sequence):
        return Embedding(self.W.shape[0], self.W.shape[1], weights=[self.W]), True


class _Product(NamedTuple):
    W: Array
    b: Array | None = None
    activation: str = "linear"

    def made(self, is_sequence):
        n_in, n_out = self.W.shape
        b = np.zeros(n_out) if self.b is None else self.b
        cls = TimeDistributedDense if is_sequence else Dense
        return cls(n_in, n_out, activation=self.activation, weights=[self.W, b]), is_sequence


class _Function(NamedTuple):
    cls: type
    argument: object

    def made(self, is_sequence):
        return self.cls(self.argument), is_sequence


class _Merged(NamedTuple):
    mode: str

    def made(self, is_sequence):
        return TimeDistributedMerge(self.mode), False


class _Cell(NamedTuple):
    """A recurrent layer; `weights` are W, U, b and b of U, with the gates beside each other."""

    cls: Any
    arguments: dict[str, Any]
    weights: tuple[Any, ...]
    states: tuple[Any, ...]
    go_backwards: bool
    return_sequences: bool = True

    def made(self, is_sequence, learned=False):
        W, U, _, _ = self.weights
        states = "learned" if learned or self.is_learned() else None
        layer = self.cls(*W.shape[:1], *U.shape[:1], return_sequences=self.return_sequences,
                         go_backwards=self.go_backwards, initial_state=states, **self.arguments)  # fmt: skip
        gates = _GATES if self.cls is not SimpleRNN else {}
        _take_apart(layer, gates, *self.weights)
        if states:
            layer.set_weights(layer.get_weights()[:-len(self.states)] + list(self.states))
        return layer, self.return_sequences

    def is_learned(self):
        return any(state.any() for state in self.states)


class _Both(NamedTuple):
    """Two of them, which read the same input."""

    forward: _Cell
    backward: _Cell
    merge: str = "concat"

    @property
    def return_sequences(self):
        return self.forward.return_sequences

    def made(self, is_sequence):
        learned = self.forward.is_learned() or self.backward.is_learned()
        forward, backward = (cell.made(is_sequence, learned)[0] for cell in (self.forward, self.backward))
        both = Bidirectional(forward, self.merge)
        both.set_weights(forward.get_weights() + backward.get_weights())
        return both, self.return_sequences


# ---- Nodes ----------------------------------------------------------------------------------------------------------


class _Node:
    """A node and its attributes."""

    def __init__(self, onnx, proto, constants):
        self.onnx, self.proto, self.constants = onnx, proto, constants
        self.attributes = {one.name: one for one in proto.attribute}

    def attribute(self, name, default=None):
        if name not in self.attributes:
            return default
        value = self.onnx.helper.get_attribute_value(self.attributes[name])
        if isinstance(value, self.onnx.TensorProto):
            return self.constants(value)
        value = [one.decode() for one in value] if isinstance(value, list) and value and isinstance(
            value[0], bytes) else value.decode() if isinstance(value, bytes) else value  # fmt: skip
        if default is not None and not isinstance(value, type(default)) and not isinstance(value, (int, float)):
            raise ValueError(f"its attribute {name} is {type(value).__name__}")
        return value

    def __str__(self):
        name = self.proto.name or next(iter(self.proto.output), "")
        domain = f"{self.proto.domain}." if self.proto.domain not in ("", "ai.onnx") else ""
        return f"the {domain}{self.proto.op_type} node {name!r}"


class _Graph:
    """A file of ONNX, and what is known of its values."""

    def __init__(self, onnx, path):
        self.onnx = onnx
        with open(path, "rb") as file:
            content = file.read()
        try:
            proto = onnx.load_model_from_string(content)
        except Exception as error:  # What protobuf raises differs from version to version.
            raise ValueError(f"this is no file of ONNX: {error}") from error
        if not proto.HasField("graph") or not proto.graph.output:
            raise ValueError("this is no file of ONNX: there is no graph with an output in it")
        #: How many bytes may be computed of what is in the file; exporters have computed most of it before.
        self.left = 16 * len(content) + 2**20
        self.graph, self.folder = proto.graph, os.path.dirname(os.path.abspath(path))
        self.opset = max([one.version for one in proto.opset_import if one.domain in ("", "ai.onnx")], default=0)
        if self.opset < 7:
            raise ValueError(f"it is written in version {self.opset} of ONNX's operators; 7 and later are read")
        self.initializers = {one.name: one for one in self.graph.initializer}
        self.values: dict[str, Any] = {"": None}
        self.steps = self.samples = None
        #: The axes that layers have taken for their features: none may be the timesteps of another one.
        self.of_features: set[_Axis] = set()

    # ---- the way ------------------------------------------------------------------------------------

    def model(self, output):
        names = [one.name for one in self.graph.output]
        if output is not None and output not in names:
            raise ValueError(f"there is no output {output!r}, only {', '.join(map(repr, names))}")
        wanted = names[0] if output is None else output
        nodes = self._nodes_before(wanted)
        if output is None:
            self._check_others(names[1:])
        self._put_inputs(nodes, wanted)
        nodes = [_Node(self.onnx, proto, self._constant) for proto in nodes]
        for node in nodes:
            op = node.proto.op_type
            if node.proto.domain not in ("", "ai.onnx") or op not in _WAYS:
                raise ValueError(f"{node}: {_REASONS.get(op, 'this operator has no equal here')}")
        for node in nodes:
            try:
                self._understand(node)
            except ValueError as error:
                raise ValueError(f"{node}: {error}") from error
            except (ArithmeticError, AttributeError, LookupError, TypeError) as error:
                raise ValueError(f"{node} is not as ONNX says: {error!r}") from error
        try:
            return self._made(self.value(wanted))
        except ValueError as error:
            raise ValueError(f"the output {wanted!r}: {error}") from error

    def _nodes_before(self, wanted):
        """The nodes that a value is made of, in their order."""
        makers = {name: node for node in self.graph.node for name in node.output if name}
        needed, seen, left = set(), set(), [wanted]
        while left:
            name = left.pop()
            if name in seen or name not in makers:
                continue
            seen.add(name)
            needed.add(id(makers[name]))
            left.extend(makers[name].input)
        return [node for node in self.graph.node if id(node) in needed]

    def _check_others(self, names):
        """Raise unless the other outputs are last states."""
        makers = {name: node for node in self.graph.node for name in node.output}
        for name in names:
            maker, at = makers.get(name), name
            for _ in self.graph.node:  # No more, since what is no graph may go round and round.
                if maker is None or maker.op_type not in _ARRANGING or not maker.input:
                    break
                at = maker.input[0]
                maker = makers.get(at)
            if maker is None or maker.op_type not in _CELLS or at == maker.output[0]:
                raise ValueError(f"there are several outputs, of which {name!r} is no last state of a recurrent layer; "
                                 "say which one to follow, by output=...")

    def _put_inputs(self, nodes, wanted):
        """Say what the inputs are that are needed: one is the data."""
        needed = {name for node in nodes for name in node.input} | {wanted}
        inputs = [one for one in self.graph.input if one.name in needed and one.name not in self.initializers]
        for one in inputs[1:]:
            self.values[one.name] = _Nothing(f"it needs a second input, {one.name!r} besides {inputs[0].name!r}; a "
                                             "model here has one, and states to begin with are 0 or fixed")
        if not inputs:
            raise ValueError("the output does not depend on an input")
        tensor = inputs[0].type.tensor_type
        sizes = [dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None
                 for dim in tensor.shape.dim]  # fmt: skip
        if not tensor.HasField("shape") or not 2 <= len(sizes) <= 3:
            raise ValueError(f"the input {inputs[0].name!r} has {len(sizes)} axes; a model here reads (nb_samples, "
                             "timesteps, input_dim), or integers (nb_samples, timesteps)")
        self.reads_integers = tensor.elem_type in map(self.onnx.TensorProto.DataType.Value, _INTEGERS)
        self.values[inputs[0].name] = self.input = _Data((), tuple((_Axis(size),) for size in sizes))
        self.ndim = len(sizes)

    def value(self, name):
        if name not in self.values:
            if name not in self.initializers:
                raise ValueError(f"there is no value {name!r}")
            self.values[name] = _Known.of(self._constant(self.initializers[name]))
        return self.values[name]

    def _constant(self, tensor):
        """The numbers of a tensor in the file, or in another one beside it."""
        if tensor.data_location == self.onnx.TensorProto.EXTERNAL:
            tensor = self._from_beside(tensor)
        if tensor.data_type not in map(self.onnx.TensorProto.DataType.Value, _TYPES):
            raise ValueError(f"{tensor.name!r} is of type {tensor.data_type}; read are {', '.join(_TYPES)}")
        array = self.onnx.numpy_helper.to_array(tensor)
        if tensor.data_type == self.onnx.TensorProto.BFLOAT16 and array.itemsize == 2:  # NumPy has no such type.
            array = (np.ascontiguousarray(array).view("uint16").astype("uint32") << 16).view("float32")
        return array

    def _from_beside(self, tensor):
        """The same with its numbers in it."""
        said = {one.key: one.value for one in tensor.external_data}
        name = said.get("location", "")
        path = os.path.join(self.folder, name)
        if os.path.basename(name) != name or os.path.islink(path) or not os.path.isfile(path):
            raise ValueError(f"the weights {tensor.name!r} are in a file {name!r}, which must be beside this one, and "
                             "is not there")
        offset, size = int(said.get("offset", 0)), os.path.getsize(path)
        length = int(said.get("length", size - offset))
        if not 0 <= offset <= offset + length <= size:
            raise ValueError(f"the weights {tensor.name!r} are not all in the file {name!r}")
        with open(path, "rb") as file:
            file.seek(offset)
            content = file.read(length)
        self.left += 16 * length
        proto = self.onnx.TensorProto
        return proto(dims=tensor.dims, data_type=tensor.data_type, name=tensor.name, raw_data=content)

    def _understand(self, node):
        given = [self.value(name) for name in node.proto.input]
        if node.proto.op_type not in _TAKING_NOTHING:
            self._refuse_nothing(given)
        made = _WAYS[node.proto.op_type](self, node, *given)
        made = made if isinstance(made, list) else [made]
        self.values.update(zip(node.proto.output, made + [_Nothing("this output of it has no equal here")] * len(
            node.proto.output)))  # fmt: skip

    @staticmethod
    def _refuse_nothing(given):
        for one in given:
            if isinstance(one, _Nothing):
                raise ValueError(one.reason)

    # ---- numbers ------------------------------------------------------------------------------------

    def solid(self, known, what="an input"):
        """A value as an array of its own."""
        if not isinstance(known, _Known):
            raise ValueError(f"{what} is computed from the model's input; it must be a constant")
        if known.array.shape == known.shape:
            return known.array
        if not all(isinstance(size, int) for size in known.shape):
            raise ValueError(f"{what} is as large as the input")
        self._check_size(math.prod(known.shape) * known.array.itemsize)
        return np.broadcast_to(known.array, known.shape)

    def _check_size(self, nbytes):
        self.left -= nbytes
        if self.left < 0:
            raise ValueError("what is computed of the constants takes many times the memory that the file has")

    def integers(self, known, what):
        """A list of integers and sizes."""
        array = np.atleast_1d(self.solid(known, what))
        if array.ndim != 1 or array.dtype.kind not in "iuO":
            raise ValueError(f"{what} must be integers, got an array of {array.dtype} and shape {array.shape}")
        return [one if isinstance(one, _Size) else int(one) for one in array.tolist()]

    def _axes_of(self, node, given, value):
        """The axes that a node is told, by an attribute or later an input; None if it is not."""
        axes = node.attribute("axes") if given is None else self.integers(given, "axes")
        return None if axes is None else [_axis(int(axis), _ndim(value)) for axis in axes]

    # ---- nodes that compute or arrange --------------------------------------------------------------

    def constant(self, node):
        for name in ("value", "value_float", "value_floats", "value_int", "value_ints"):
            value = node.attribute(name)
            if value is not None:
                return _Known.of(np.asarray(value, dtype=None if name == "value" else
                                            "float32" if "float" in name else "int64"))  # fmt: skip
        raise ValueError("it has no number")

    def same(self, node, value, *_):
        return value

    def dropout(self, node, value, ratio=None, training=None):
        if training is not None and self.solid(training).any():
            raise ValueError("it drops in a prediction, too")
        return value

    def cast(self, node, value):
        if isinstance(value, _Known) and value.array.dtype != object:
            self._check_size(8 * value.array.size)
            dtype = np.dtype(self.onnx.helper.tensor_dtype_to_np_dtype(node.attribute("to", 1)))
            return value._replace(array=value.array.astype(dtype if dtype.kind in "fiub" else "float32"))
        to = self.onnx.TensorProto.DataType.Name(node.attribute("to", 1))
        if isinstance(value, _Data) and (to == "BOOL" or to in _INTEGERS and (value.layers or not self.reads_integers)):
            raise ValueError(f"it makes {to} of numbers that are computed")
        return value

    def shape(self, node, value):
        if isinstance(value, _Data):
            shape = [_size(axis) for axis in value.axes]
        else:
            shape = list(value.shape)
        start, end = node.attribute("start", 0), node.attribute("end", len(shape))
        return _Known.of(_of_sizes(shape[start:end]))

    def constant_of_shape(self, node, shape):
        value = node.attribute("value")
        value = np.zeros(1, "float32") if value is None else np.asarray(value)
        return self.expand(node, _Known.of(value.reshape(())), shape)

    def expand(self, node, value, shape):
        if isinstance(value, _Data):
            raise ValueError("it repeats what is computed from the input")
        wanted = self.integers(shape, "the shape")
        ndim = max(len(wanted), len(value.shape))
        wanted, there = [1] * (ndim - len(wanted)) + wanted, (1,) * (ndim - len(value.shape)) + value.shape
        made = tuple(old if new in (1, old) else new for old, new in zip(there, wanted))
        if any(old not in (1, size) for old, size in zip(there, made)):
            raise ValueError("shapes do not fit")
        return _Known(value.array.reshape((1,) * (ndim - value.array.ndim) + value.array.shape), made)

    def transpose(self, node, value):
        order = node.attribute("perm", list(range(_ndim(value)))[::-1])
        if sorted(order) != list(range(_ndim(value))):
            raise ValueError(f"perm is {order} for {_ndim(value)} axes")
        if isinstance(value, _Data):
            return value._replace(axes=tuple(value.axes[axis] for axis in order))
        return _Known(value.array.transpose(order), tuple(value.shape[axis] for axis in order))

    def squeeze(self, node, value, axes=None):
        axes = self._axes_of(node, axes, value)
        sizes = [_size(axis) for axis in value.axes] if isinstance(value, _Data) else list(value.shape)
        axes = [axis for axis, size in enumerate(sizes) if size == 1] if axes is None else axes
        if any(sizes[axis] != 1 for axis in axes):
            raise ValueError(f"it takes out axis {axes}, which is not known to have size 1")
        if isinstance(value, _Data):
            if any(value.axes[axis] for axis in axes):
                raise ValueError("it takes out the axis of the samples, the timesteps or the features, which has size "
                                 f"1 in the file; export the model with that axis free (dynamic), and {_WRITTEN_OUT}")
            return value._replace(axes=tuple(one for axis, one in enumerate(value.axes) if axis not in axes))
        return _Known(value.array.squeeze(tuple(axes)),
                      tuple(one for axis, one in enumerate(value.shape) if axis not in axes))

    def unsqueeze(self, node, value, axes=None):
        axes = node.attribute("axes") if axes is None else self.integers(axes, "axes")
        ndim = _ndim(value) + len(axes)
        axes = sorted(_axis(axis, ndim) for axis in axes)
        if isinstance(value, _Known):
            array, shape = value.array, list(value.shape)
            for axis in axes:
                array = np.expand_dims(array, axis)
                shape.insert(axis, 1)
            return _Known(array, tuple(shape))
        made = list(value.axes)
        for axis in axes:
            made.insert(axis, ())
        return value._replace(axes=tuple(made))

    def reshape(self, node, value, shape):
        wanted = self.integers(shape, "the shape")
        if isinstance(value, _Data):
            return value._replace(axes=_regrouped(value.axes, wanted, node.attribute("allowzero", 0)))
        if not node.attribute("allowzero", 0):
            wanted = [value.shape[k] if size == 0 else size for k, size in enumerate(wanted)]
        if value.array.size == 1 and -1 not in wanted:
            return _Known(value.array.reshape((1,) * len(wanted)), tuple(wanted))
        self._check_size(value.array.nbytes)
        return _Known.of(self.solid(value).reshape(wanted))

    def flatten(self, node, value):
        axis = _axis(node.attribute("axis", 1), _ndim(value) + 1)
        if isinstance(value, _Known):
            array = self.solid(value)
            return _Known.of(array.reshape(math.prod(array.shape[:axis]), -1))
        return value._replace(axes=tuple(sum(axes, ()) for axes in (value.axes[:axis], value.axes[axis:])))

    def gather(self, node, value, at):
        axis = _axis(node.attribute("axis", 0), _ndim(value))
        if isinstance(at, _Data):
            return self._lookup(value, at, axis)
        index = self.solid(at, "what is chosen")
        if index.dtype.kind not in "iu" or index.ndim > 1:
            raise ValueError("what is chosen must be an index or a list of them")
        if isinstance(value, _Known):
            array = value.array
            if array.shape[axis] != value.shape[axis]:
                if not isinstance(value.shape[axis], int):
                    raise ValueError("it chooses from what is as large as the input")
                index_there = np.zeros_like(index)
                if index.size and not (-value.shape[axis] <= index.min() and index.max() < value.shape[axis]):
                    raise ValueError("what is chosen is not there")
            else:
                index_there = index
            self._check_size(index.size * (array.nbytes // max(array.shape[axis], 1) + 1))
            made = value.shape[:axis] + index.shape + value.shape[axis + 1:]
            return _Known(np.asarray(array.take(index_there, axis)), made)
        if index.size != 1:
            if index.size == _size(value.axes[axis]) and (index == np.arange(index.size)).all():
                return value
            raise ValueError("it chooses several steps, samples or features")
        return self._chosen(value, axis, int(index.reshape(())), keep=index.ndim == 1)

    def _lookup(self, table, at, axis):
        table = self.solid(table, "the table")
        if axis != 0 or table.ndim != 2 or at.layers or not self.reads_integers:
            raise ValueError("only the rows of a constant matrix can be looked up by the model's input, if that is "
                             "integers")
        if len(at.axes) != 2:
            raise ValueError("an Embedding reads (nb_samples, timesteps)")
        return _Data((_Lookup(table),), (*at.axes, (_Axis(table.shape[1]),)), at.turned)

    def slice(self, node, value, starts=None, ends=None, axes=None, steps=None):
        starts, ends = (node.attribute(name) if given is None else self.integers(given, name)
                        for name, given in (("starts", starts), ("ends", ends)))
        axes = self._axes_of(node, axes, value) or list(range(len(starts)))
        steps = [1] * len(axes) if steps is None else self.integers(steps, "steps")
        if not len(starts) == len(ends) == len(axes) == len(steps):
            raise ValueError("starts, ends, axes and steps are not as many")
        for axis, start, end, step in zip(axes, starts, ends, steps):
            value = self._cut(value, axis, start, end, step)
        return value

    def _cut(self, value, axis, start, end, step):
        of_data = isinstance(value, _Data)
        size = _size(value.axes[axis]) if of_data else value.shape[axis]
        if step == 1 and start == 0 and (end == size or isinstance(end, int) and end >= _END):
            return value
        if isinstance(size, int):
            kept = range(size)[slice(start, end, step)]
        elif step == 1 and (start == -1 and isinstance(end, int) and end >= _END or (start, end) == (0, 1)):
            kept = range(start, start + 1)
        elif step == -1 and start in (-1, _END, 2**63 - 1) and isinstance(end, int) and end <= -_END:
            kept = None
        else:
            raise ValueError(f"it chooses other steps than the last; {_WRITTEN_OUT}")
        if not of_data:
            return self._cut_numbers(value, axis, kept)
        if kept is None or len(kept) > 1 and kept == range(size)[::-1]:
            return self._turned(value, axis)
        if len(kept) == size:
            return value
        if len(kept) != 1:
            raise ValueError("it chooses several steps, samples or features")
        return self._chosen(value, axis, kept[0], keep=True)

    def _cut_numbers(self, value, axis, kept):
        if kept is None:
            raise ValueError("it turns round what is as large as the input")
        shape = value.shape[:axis] + (len(kept),) + value.shape[axis + 1:]
        if value.array.shape[axis] == value.shape[axis]:
            return _Known(value.array.take(np.asarray(kept, int), axis), shape)
        return _Known(value.array, shape)

    def _chosen(self, value, axis, index, keep):
        """One thing along an axis of the data: the only one, one of the two directions, or the last step."""
        there, size = value.axes[axis], _size(value.axes[axis])
        if isinstance(size, int) and not -size <= index < size:
            raise ValueError(f"it chooses number {index} of {size}")
        if len(there) == 1 and there[0].is_directions:
            value = self._one_direction(value, index % 2)
        elif there and self._is_steps(there):
            is_last = index == -1 or isinstance(size, int) and index == size - 1
            is_first = index == 0 or isinstance(size, int) and index == -size
            if not (is_first if value.turned else is_last):
                raise ValueError(f"it chooses the step {index}, not that which is computed last; {_WRITTEN_OUT}")
            value = self._last_step(value)
        elif there:
            raise ValueError(f"it chooses one of the steps, samples or features; {_WRITTEN_OUT}")
        made = list(value.axes)
        made[axis:axis + 1] = [()] * keep
        return value._replace(axes=tuple(made))

    def _is_steps(self, axis):
        """Whether it is that of the steps, which the first recurrent layer has shown."""
        return self.steps is not None and axis == (self.steps,)

    @staticmethod
    def _recurrent_at(value):
        """Where the last recurrent layer is, behind which each step is computed by itself."""
        for k in reversed(range(len(value.layers))):
            if isinstance(value.layers[k], (_Cell, _Both)):
                return k
        raise ValueError("only behind a recurrent layer can a step or a direction be chosen")

    def _one_direction(self, value, which):
        k = self._recurrent_at(value)
        if not isinstance(value.layers[k], _Both):
            raise ValueError("it chooses a direction where there are not two")
        cell = value.layers[k].backward if which else value.layers[k].forward
        turned = value.turned != bool(which)
        return value._replace(layers=value.layers[:k] + (cell,) + value.layers[k + 1:], turned=turned)

    def _last_step(self, value):
        k = self._recurrent_at(value)
        cell = value.layers[k]
        if isinstance(cell, _Both):
            raise ValueError("at the last step the output of the direction that goes backwards is that of one step "
                             "only; a Bidirectional gives what either direction computes last, as ONNX's Y_h (h_n of "
                             "PyTorch) does")
        cell = cell._replace(return_sequences=False)
        return value._replace(layers=value.layers[:k] + (cell,) + value.layers[k + 1:], turned=False)

    def concat(self, node, *values):
        if any(isinstance(value, _Data) for value in values):
            axis = _axis(node.attribute("axis", 0), _ndim(values[0]))
            return values[0] if len(values) == 1 else self._beside(values, axis)
        axis = _axis(node.attribute("axis", 0), len(values[0].shape))
        if any(not isinstance(value.shape[axis], int) for value in values):
            raise ValueError("it joins what is as large as the input")
        rest = {value.shape[:axis] + (0,) + value.shape[axis + 1:] for value in values}
        if len(rest) > 1:
            raise ValueError("shapes do not fit")
        size = sum(value.shape[axis] for value in values)
        shape = values[0].shape[:axis] + (size,) + values[0].shape[axis + 1:]
        first = values[0].array.reshape(-1)[:1]
        if all(value.array.size == 1 and value.array.reshape(-1)[0] == first for value in values) and size:
            return _Known(values[0].array, shape)
        there = [np.max([value.array.shape[k] for value in values]) for k in range(len(shape))]
        self._check_size(math.prod(there[:axis] + [size] + there[axis + 1:]) * values[0].array.itemsize)
        return _Known(np.concatenate([np.broadcast_to(value.array, (*there[:axis], value.shape[axis],
                                                                    *there[axis + 1:])) for value in values], axis),
                      shape)  # fmt: skip

    def _beside(self, values, axis):
        """Both directions of a recurrent layer, which have been computed apart."""
        if len(values) != 2:
            raise ValueError("it joins several branches")
        cells, swapped = self._pair(values)
        if swapped:
            raise ValueError("it puts the direction that goes backwards first; a Bidirectional puts it last")
        axes = list(values[0].axes)
        if axes[axis] not in (axes[-1], ()):
            raise ValueError("it joins both directions along another axis than that of the features")
        axes[axis] = (_Axis(2, is_directions=True), *axes[axis])
        return _Data((*values[0].layers[:-1], cells), tuple(axes))

    def _pair(self, values, merge="concat"):
        """The two directions that two values are; and whether the first one is that which goes backwards."""
        why = "it joins two branches, which are not the two directions of one recurrent layer"
        first, second = values
        if not all(isinstance(value, _Data) and value.layers and isinstance(value.layers[-1], _Cell)
                   for value in values):  # fmt: skip
            raise ValueError(why)
        swapped = first.layers[-1].go_backwards
        forward, backward = (second, first) if swapped else (first, second)
        one, other = forward.layers[-1], backward.layers[-1]
        are_alike = (one.cls, one.arguments, one.return_sequences) == (other.cls, other.arguments,
                                                                       other.return_sequences)  # fmt: skip
        same_input = [id(layer) for layer in forward.layers[:-1]] == [id(layer) for layer in backward.layers[:-1]]
        in_order = not one.return_sequences or not forward.turned and backward.turned
        if not are_alike or not same_input or not in_order or one.go_backwards or not other.go_backwards or [
                len(axis) for axis in forward.axes] != [len(axis) for axis in backward.axes] or (
                    one.weights[1].shape != other.weights[1].shape):  # fmt: skip
            raise ValueError(why)
        return _Both(one, other, merge), swapped

    def split(self, node, value, sizes=None):
        array, axis = self.solid(value), _axis(node.attribute("axis", 0), _ndim(value))
        sizes = node.attribute("split") if sizes is None else self.integers(sizes, "split")
        nb = len(node.proto.output)
        if sizes is None:
            each = -(-array.shape[axis] // nb)
            sizes = [each] * (nb - 1) + [array.shape[axis] - each * (nb - 1)]
        if len(sizes) != nb or sum(sizes) != array.shape[axis] or min(sizes) < 0:
            raise ValueError("the pieces are not as many")
        return [_Known.of(piece) for piece in np.split(array, np.cumsum(sizes)[:-1], axis)]

    # ---- arithmetic ---------------------------------------------------------------------------------

    def arithmetic(self, node, a, b):
        op = node.proto.op_type
        if isinstance(a, _Known) and isinstance(b, _Known):
            return self._computed(op, a, b)
        if op == "Mul":
            for one in (a, b):
                if isinstance(one, _Known) and one.array.size == 1 and one.array.dtype != object and not one.array:
                    return _Known.of(one.array.reshape(()))
        self._refuse_nothing([a, b])
        if isinstance(a, _Data) and isinstance(b, _Data):
            if op not in ("Add", "Mul"):
                raise ValueError("it joins two branches")
            cells, _ = self._pair([a, b], {"Add": "sum", "Mul": "mul"}[op])
            return _Data((*a.layers[:-1], cells), a.axes)
        data, number = (a, b) if isinstance(a, _Data) else (b, a)
        number = self.solid(number, "what is added or multiplied")
        is_first = isinstance(a, _Data)
        if number.dtype == object:
            return self._mean(op, data, number, is_first)
        if op in ("Add", "Sub") and not number.any() and (is_first or op == "Add"):
            return data
        if op in ("Mul", "Div") and (number == 1).all() and (is_first or op == "Mul"):
            return data
        if self._is_half(op, number, is_first) and data.layers and isinstance(data.layers[-1], _Both) and (
                data.layers[-1].merge == "sum"):  # fmt: skip
            return data._replace(layers=(*data.layers[:-1], data.layers[-1]._replace(merge="ave")))
        if op == "Add":
            return self._with_bias(data, number)
        if not data.layers and self.reads_integers:
            return _Nothing("it computes with the integers of the input")
        raise ValueError("it computes with numbers what no layer here does")

    def _mean(self, op, data, number, is_first):
        """A sum over the steps, divided by how many there are."""
        of_steps = op == "Div" and is_first and number.size == 1 and number.reshape(()).item() == _size((self.steps,))
        if not of_steps or not data.layers or data.layers[-1] != _Merged("sum"):
            raise ValueError("it computes with the number of samples or timesteps")
        return data._replace(layers=(*data.layers[:-1], _Merged("ave")))

    @staticmethod
    def _is_half(op, number, is_first):
        return number.size == 1 and is_first and (op, float(number.reshape(()))) in (("Mul", 0.5), ("Div", 2.0))

    def _with_bias(self, data, number):
        if not data.layers and self.reads_integers:
            return _Nothing("it computes with the integers of the input")
        last = data.layers[-1] if data.layers else None
        if not isinstance(last, _Product) or last.activation != "linear" or number.size not in (
                1, last.W.shape[1]) or number.ndim and number.shape[-1] != number.size:  # fmt: skip
            raise ValueError("it adds numbers to what is not a product with a matrix just before it, or not one number "
                             "to each feature")
        self.features(data)
        b = np.broadcast_to(number.reshape(-1), last.W.shape[1:])
        b = b if last.b is None else last.b + b
        return data._replace(layers=(*data.layers[:-1], last._replace(b=b)))

    def _computed(self, op, a, b):
        if not isinstance(a, _Known) or not isinstance(b, _Known):
            raise ValueError("it compares what is computed from the input")
        shape = _broadcast(a.shape, b.shape)
        a, b = a.array, b.array
        self._check_size(math.prod(np.broadcast_shapes(a.shape, b.shape)) * max(a.itemsize, b.itemsize))
        if op == "Div" and a.dtype.kind in "iuO":
            if a.dtype == object or b.dtype == object or (a < 0).any() or (b <= 0).any():
                raise ValueError("it divides sizes that are not known")
            return _Known(a // b, shape)
        function: Any = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide, "Equal": np.equal,
                    "Less": np.less, "And": np.logical_and}[op]  # fmt: skip
        try:
            with np.errstate(all="ignore"):
                return _Known(np.asarray(function(a, b)), shape)
        except TypeError:
            raise ValueError("it computes with the number of samples or timesteps") from None

    def equal(self, node, a, b):
        return self._computed(node.proto.op_type, a, b)

    def less(self, node, a, b):
        if isinstance(a, _Data) and not a.layers and self.reads_integers and not self.solid(b).any():
            return _Known.of(np.asarray(False))  # The integers that an Embedding takes are not negative.
        return self._computed("Less", a, b)

    def not_(self, node, value):
        return _Known.of(np.logical_not(self.solid(value)))

    def where(self, node, condition, a, b):
        condition = self.solid(condition, "the condition")
        if condition.size == 1:
            return a if condition.reshape(()) else b
        return _Known.of(np.where(condition, self.solid(a), self.solid(b)))

    # ---- layers -------------------------------------------------------------------------------------

    def features(self, data):
        """The size of the last axis, which must be that of the features, and the whole of it."""
        *others, last = data.axes
        without = [one for one in last if not one.is_directions]
        if not last or len(without) != 1 or last[-1].is_directions or any(
                one.is_directions for axis in others for one in axis):  # fmt: skip
            raise ValueError("the last axis must be that of the features, with both directions beside each other in "
                             "it, if there are two")
        if last[-1] in (self.steps, self.samples):
            raise ValueError("the last axis is that of the timesteps or of the samples, not that of the features")
        # All layers here act along the same axis, which no Transpose between them changes.
        of_input = {one for axis in self.input.axes for one in axis}
        if not of_input.difference(self.of_features).issuperset(one for axis in others for one in axis):
            raise ValueError(_TAKEN)
        self.of_features.add(last[-1])
        return _number(_size(last))

    def matmul(self, node, a, b):
        if not isinstance(a, _Data):
            raise ValueError(f"only products of the data with a matrix behind them are layers here; {_WRITTEN_OUT}")
        return self._product(a, self.solid(b, "the matrix"))

    def _product(self, data, W):
        n = self.features(data)
        if W.ndim != 2 or 0 in W.shape or n not in (None, W.shape[0]):
            raise ValueError(f"the matrix must have shape ({n}, output_dim), got {W.shape}")
        return data._replace(layers=(*data.layers, _Product(W)), axes=(*data.axes[:-1], (_Axis(W.shape[1]),)))

    def gemm(self, node, a, b, c=None):
        if not isinstance(a, _Data) or node.attribute("transA", 0) or len(a.axes) != 2:
            raise ValueError("only products of the data with a matrix behind them are layers here")
        W = self.solid(b, "the matrix")
        made = self._product(a, node.attribute("alpha", 1.0) * (W.T if node.attribute("transB", 0) else W))
        return made if c is None else self._with_bias(made, node.attribute("beta", 1.0) * self.solid(c, "the bias"))

    def activation(self, node, data):
        if not isinstance(data, _Data):
            raise ValueError("it is not of the data")
        op = node.proto.op_type
        if op == "Softmax":
            axis = _axis(node.attribute("axis", -1 if self.opset >= 13 else 1), len(data.axes))
            self.features(data)
            if axis != len(data.axes) - 1:
                raise ValueError("it is not over the features, which are the last axis")
            name = "softmax"
        else:
            name = self._activation(op, [node.attribute("alpha")], [node.attribute("beta")])
        last = data.layers[-1] if data.layers else None
        if isinstance(last, _Product) and last.activation == "linear":
            return data._replace(layers=(*data.layers[:-1], last._replace(activation=name)))
        return data._replace(layers=(*data.layers, _Function(Activation, name)))

    def leaky_relu(self, node, data):
        if not isinstance(data, _Data):
            raise ValueError("it is not of the data")
        return data._replace(layers=(*data.layers, _Function(LeakyReLU, node.attribute("alpha", 0.01))))

    @staticmethod
    def _activation(name, alphas, betas):
        """The name here; what is used of the numbers is taken out of the lists."""
        if name.lower() not in _ACTIVATIONS:
            raise ValueError(f"the activation {name} is none of {', '.join(_ACTIVATIONS)}")
        ours, numbers = _ACTIVATIONS[name.lower()]
        for key, given in (("alpha", alphas), ("beta", betas)):
            if key in numbers:
                default, wanted = numbers[key]
                found = given.pop(0) if given else None
                found = default if found is None else found
                if not abs(found - wanted) <= 1e-6:
                    raise ValueError(f"the activation {name} has {key}={found:g}; ours, {ours}, is that with "
                                     f"{wanted:g}")
        return ours

    def over_steps(self, node, data, axes=None):
        if not isinstance(data, _Data):
            raise ValueError("a sum or mean of what is no data")
        axes = self._axes_of(node, axes, data)
        if axes is None or len(axes) != 1 or not self._is_steps(data.axes[axes[0]]):
            raise ValueError("only sums and means over the steps behind a recurrent layer are layers here")
        mode = {"ReduceSum": "sum", "ReduceMean": "ave"}[node.proto.op_type]
        made = list(data.axes)
        made[axes[0]:axes[0] + 1] = [()] * bool(node.attribute("keepdims", 1))
        return _Data((*data.layers, _Merged(mode)), tuple(made))

    def reverse_sequence(self, node, data, lengths):
        time, batch = node.attribute("time_axis", 0), node.attribute("batch_axis", 1)
        if not isinstance(data, _Data) or not isinstance(lengths, _Known):
            raise ValueError("it turns round what is no data, or as many steps as are computed")
        steps = _size(data.axes[time])
        if lengths.array.size != 1 or lengths.array.reshape(()).item() != steps or batch == time:
            raise ValueError("it turns round other steps than all")
        return self._turned(data, time)

    def _turned(self, data, axis):
        if self.steps is None and len(data.axes[axis]) == 1:
            self.steps = data.axes[axis][0]
        if not self._is_steps(data.axes[axis]):
            raise ValueError("it turns round samples or features")
        return data._replace(turned=not data.turned)

    def recurrent(self, node, X, W, R, B=None, lengths=None, initial_h=None, initial_c=None, P=None):
        cls = _CELLS[node.proto.op_type]
        if not isinstance(X, _Data) or len(X.axes) != 3:
            raise ValueError("it must read the data, (timesteps, nb_samples, input_dim)")
        self._refuse_options(node, P, lengths, X)
        layout = node.attribute("layout", 0)
        X = X._replace(axes=(X.axes[1], X.axes[0], X.axes[2])) if layout else X
        steps, samples = self._roles(X.axes)
        n_in = self.features(X)
        W, R = self.solid(W, "W"), self.solid(R, "R")
        both = node.attribute("direction", "forward") == "bidirectional"
        nb, gates, n = 1 + both, len(_GATES[cls]), R.shape[-1]
        shapes: dict[str, Any] = {"W": (W, (nb, gates * n, n_in or W.shape[-1])), "R": (R, (nb, gates * n, n))}
        B = np.zeros((nb, 2 * gates * n)) if B is None else self.solid(B, "B")
        shapes["B"] = B, (nb, 2 * gates * n)
        for name, (array, shape) in shapes.items():
            if array.shape != shape or 0 in shape:
                raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
        if node.attribute("hidden_size", n) != n:
            raise ValueError(f"hidden_size is {node.attribute('hidden_size')}, but R has shape {R.shape}")

        states = [self._states(name, given, nb, n, layout) for name, given in
                  (("initial_h", initial_h), ("initial_c", initial_c))[:1 + (cls is LSTM)]]  # fmt: skip
        reverse = self._directions(node)
        cells = []
        for k, arguments in enumerate(self._arguments(node, cls, nb)):
            b, b_U = np.split(B[k], 2)
            cells.append(_Cell(cls, arguments, (W[k].T, R[k].T, b, b_U), tuple(state[k] for state in states),
                               go_backwards=reverse[k] != X.turned))  # fmt: skip
        return self._outputs(X, cells, reverse, samples, steps, layout)

    def _outputs(self, X, cells, reverse, samples, steps, layout):
        last = [cell._replace(return_sequences=False) for cell in cells]
        directions: tuple[_Axis, ...] = ()
        if len(cells) == 2:
            if X.turned:
                raise ValueError("it goes both ways over what has been turned round")
            if cells[0].arguments != cells[1].arguments:
                raise ValueError("its two directions have other activations; those of a Bidirectional are the same")
            cells, last = [_Both(*cells)], [_Both(*last)]
            directions = (_Axis(2, is_directions=True),)
        n = (_Axis(last[0].forward.weights[1].shape[0] if directions else last[0].weights[1].shape[0]),)
        Y = [(samples,), (steps,), directions, n] if layout else [(steps,), directions, (samples,), n]
        Y_h = [axis for axis in Y if axis != (steps,)]
        turned = len(reverse) == 1 and reverse[0]
        return [_Data((*X.layers, cells[0]), tuple(Y), turned), _Data((*X.layers, last[0]), tuple(Y_h)),
                _Nothing("the memory of an LSTM is used, which here is no output of a layer")]  # fmt: skip

    def _refuse_options(self, node, P, lengths, X):
        if P is not None and (not isinstance(P, _Known) or P.array.any()):
            raise ValueError("it has peepholes (P), which LSTM here has not")
        if "clip" in node.attributes:
            raise ValueError(f"it has clip={node.attribute('clip'):g}, which no layer here has")
        if node.attribute("input_forget", 0):
            raise ValueError("it has input_forget, which LSTM here has not")
        if lengths is not None and not self._are_all(lengths, X, node):
            raise ValueError("it has sequence_lens; here padding is masked, by Embedding(mask_zero=True) or Masking()")

    @staticmethod
    def _are_all(lengths, X, node):
        """Whether lengths are the number of steps, for all samples."""
        steps = _size(X.axes[1 if node.attribute("layout", 0) else 0])
        return isinstance(lengths, _Known) and all(one == steps for one in lengths.array.reshape(-1).tolist())

    def _roles(self, axes):
        """The axes of the steps and of the samples, which are the same for all recurrent layers."""
        if [len(axis) for axis in axes[:2]] != [1, 1]:
            raise ValueError("it must read (timesteps, nb_samples, input_dim), but there is no axis of the samples or "
                             "of the timesteps, or several are in one")
        found = axes[0][0], axes[1][0]
        if not self.of_features.isdisjoint(found):
            raise ValueError(_TAKEN)
        if self.samples is None and (self.steps is None or self.steps is found[0]):
            self.steps, self.samples = found
        if (self.steps, self.samples) != found:
            raise ValueError("it takes for the timesteps what for another one are the samples; look whether "
                             "batch_first is what was meant")
        return found

    @staticmethod
    def _directions(node):
        direction = node.attribute("direction", "forward")
        known = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}
        if direction not in known:
            raise ValueError(f"its direction is {direction!r}, which is none of {', '.join(known)}")
        return known[direction]

    def _arguments(self, node, cls, nb):
        """The activations of each direction, and the kind of the GRU."""
        given = {SimpleRNN: ["Tanh"], GRU: ["Sigmoid", "Tanh"], LSTM: ["Sigmoid", "Tanh", "Tanh"]}[cls]
        names = node.attribute("activations", []) or given * nb
        alphas, betas = (list(node.attribute(f"activation_{which}", [])) for which in ("alpha", "beta"))
        if len(names) != nb * len(given):
            raise ValueError(f"it has {len(names)} activations, not {nb * len(given)}")
        names = [self._activation(name, alphas, betas) for name in names]
        made = []
        for k in range(nb):
            *inner, activation = names[k * len(given):(k + 1) * len(given)]
            if cls is LSTM and inner.pop() != activation:
                raise ValueError("its activations g and h differ; in LSTM here both are `activation`")
            arguments = {"activation": activation}
            if cls is not SimpleRNN:
                arguments["inner_activation"] = inner[0]
            if cls is GRU:
                arguments["reset_after"] = bool(node.attribute("linear_before_reset", 0))
            made.append(arguments)
        return made

    def _states(self, name, given, nb, n, layout):
        """States to begin with, one row for each direction."""
        if given is None:
            return np.zeros((nb, n))
        if not isinstance(given, _Known):
            raise ValueError(f"{name} is computed from the model's input; states to begin with are 0, or the same for "
                             "all samples")
        shape, array = given.shape, given.array
        if layout and len(shape) == 3:
            shape, array = (shape[1], shape[0], shape[2]), array.swapaxes(0, 1)
        if len(shape) != 3 or (shape[0], shape[2]) != (nb, n):
            raise ValueError(f"{name} must have {nb} direction(s) and {n} features, and be of three axes")
        if (array != array[:, :1]).any():
            raise ValueError(f"{name} is another one for each sample; states to begin with are 0, or the same for all")
        return np.broadcast_to(array[:, 0], (nb, n))

    # ---- the end ------------------------------------------------------------------------------------

    def _made(self, value):
        """The model."""
        if isinstance(value, _Nothing):
            raise ValueError(value.reason)
        if not isinstance(value, _Data):
            raise ValueError("it does not depend on the input")
        if not value.layers:
            raise ValueError("it is the input, and there is no layer on the way")
        value = value._replace(axes=tuple(axis for axis in value.axes if axis))
        self.features(value)
        samples = self.input.axes[0] if self.samples is None else (self.samples,)
        others = list(value.axes[:-1])
        if samples not in others or len(others) > 2 or any(len(axis) > 1 for axis in others):
            raise ValueError("its axes must be those of the samples, of the timesteps (or not) and of the features")
        if value.turned and len(others) == 2:
            raise ValueError("its steps are in the order of time, and our layer that goes backwards gives them in the "
                             "order in which it computes them; no layer turns them round but a Bidirectional")
        is_sequence = self.ndim == 3
        model = Sequential()
        for part in value.layers:
            layer, is_sequence = part.made(is_sequence)
            model.add(layer)
        return model


# ---- Axes and sizes -------------------------------------------------------------------------------------------------


def _ndim(value):
    return len(value.axes if isinstance(value, _Data) else value.shape)


def _axis(axis, ndim):
    if not -ndim <= axis < ndim:
        raise ValueError(f"there is no axis {axis} where there are {ndim}")
    return axis % ndim


def _size(axis):
    """How large axes in one are: an integer if that is known."""
    sizes = [one.size for one in axis]
    return _Size(axis) if None in sizes else math.prod(sizes)


def _number(size):
    """A size that is known, or None."""
    return size if isinstance(size, int) else None


def _broadcast(a, b):
    """The shape of what is computed of numbers of these."""
    ndim = max(len(a), len(b))
    made = []
    for one, other in zip((1,) * (ndim - len(a)) + a, (1,) * (ndim - len(b)) + b):
        if one != other and 1 not in (one, other):
            raise ValueError("shapes do not fit")
        made.append(other if one == 1 else one)
    return tuple(made)


def _of_sizes(sizes):
    """An array of integers, or of sizes, too."""
    if all(isinstance(size, int) for size in sizes):
        return np.asarray(sizes, "int64")
    array = np.empty(len(sizes), object)
    array[:] = sizes
    return array


def _regrouped(axes, wanted, keep_zero):
    """The axes that those of `axes` are in after a Reshape, which must leave them whole."""
    left = [one for axis in axes for one in axis]
    if not keep_zero:
        wanted = [_Size(axes[k]) if size == 0 else size for k, size in enumerate(wanted)]
    if wanted.count(-1) > 1:
        raise ValueError("the shape has -1 several times")
    open_at = wanted.index(-1) if -1 in wanted else len(wanted)
    before = [_taken(left, size) for size in wanted[:open_at]]
    left.reverse()
    after = [_taken(left, size)[::-1] for size in wanted[:open_at:-1]][::-1]
    left.reverse()
    if open_at == len(wanted):
        if left:
            raise ValueError("the shape does not fit")
        return tuple(before)
    return (*before, tuple(left), *after)


def _taken(left, size):
    """As many of the axes, from the first on, as have this size together; they are taken out of the list."""
    taken = []
    if isinstance(size, _Size):
        taken, left[:] = left[:len(size.axes)], left[len(size.axes):]
        if sorted(map(id, taken)) != sorted(map(id, size.axes)):
            raise ValueError("it does more than to join axes: it cuts one, or changes their order")
        return tuple(taken)
    while left and (math.prod(one.size for one in taken) < size or size == 1 and not taken and left[0].size == 1):
        if left[0].size is None:
            raise ValueError(f"it makes an axis of {size} of one whose size is not known")
        taken.append(left.pop(0))
    if math.prod(one.size for one in taken) != size:
        raise ValueError("it does more than to join axes: it cuts one")
    return tuple(taken)


_WAYS: dict[str, Any] = {
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _Graph.recurrent), "Constant": _Graph.constant, "Identity": _Graph.same,
    "Dropout": _Graph.dropout, "Cast": _Graph.cast, "Shape": _Graph.shape, "ConstantOfShape": _Graph.constant_of_shape,
    "Expand": _Graph.expand, "Transpose": _Graph.transpose, "Squeeze": _Graph.squeeze, "Unsqueeze": _Graph.unsqueeze,
    "Reshape": _Graph.reshape, "Flatten": _Graph.flatten, "Gather": _Graph.gather, "Slice": _Graph.slice,
    "Concat": _Graph.concat, "Split": _Graph.split, **dict.fromkeys(("Add", "Sub", "Mul", "Div"), _Graph.arithmetic),
    **dict.fromkeys(("Equal", "And"), _Graph.equal), "Less": _Graph.less, "Not": _Graph.not_, "Where": _Graph.where,
    "MatMul": _Graph.matmul, "Gemm": _Graph.gemm, "LeakyRelu": _Graph.leaky_relu,
    **dict.fromkeys(("Softmax", "Relu", "Tanh", "Sigmoid", "Softplus", "HardSigmoid"), _Graph.activation),
    **dict.fromkeys(("ReduceSum", "ReduceMean"), _Graph.over_steps), "ReverseSequence": _Graph.reverse_sequence,
}  # fmt: skip

#: Those that may leave out what they are given.
_TAKING_NOTHING = {"Where", "Mul"}

_ARRANGING = {"Identity", "Transpose", "Squeeze", "Unsqueeze", "Reshape", "Concat", "Cast", "Slice", "Gather"}

_TAKEN = "what stands for the timesteps here are the features of a layer before it"
_LOOP = ("a loop has no equal here, only the operators LSTM, GRU and RNN have; Keras 3 on TensorFlow exports GRU and "
         "SimpleRNN so, and its LSTM as an operator")  # fmt: skip
_WRITTEN_OUT = ("if this is a loop that the exporter has written out step by step, as it does for layers of Keras 3 on "
                "PyTorch and for torch.nn.RNN with dynamo=True, take the weights by from_keras3 or from_torch")
_REASONS = {"Loop": _LOOP, "Scan": _LOOP, "If": "what is decided when a model runs has no equal here"}
