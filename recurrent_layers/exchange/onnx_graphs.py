"""What a graph of the engine is in ONNX: a value of it in operators, a loop of a layer in ONNX's own or in a `Scan`."""

import collections
import hashlib
from typing import Any, NamedTuple, Optional

import numpy as np

from recurrent_layers import activations, engine
from recurrent_layers.engine import DimShuffle, Join, Rebroadcast, SharedVariable, Subtensor
from recurrent_layers.exchange.onnx_words import (
    COMPARISONS,
    COMPOSED,
    LOGIC,
    OF_MANY,
    OPERATORS,
    ROUNDED,
    TESTS,
)
from recurrent_layers.exchange.predictions import NARROW, Translation
from recurrent_layers.layers.recurrent import GRU, LSTM, SimpleRNN
from recurrent_layers.recurrence.graphs import is_last

#: Kinds of numbers, the later ones can hold what the earlier do.
KINDS = ("bool", "int", "float")
#: Functions of integers that may give more than their type has.
OVERFLOWING = ("abs", "add", "mul", "neg", "pow", "sqr", "sub")
FIRST, LAST = np.iinfo("int64").min, np.iinfo("int64").max

#: Of the layers that are an operator of ONNX its name, and our gates in its order.
OPERATOR_OF = {LSTM: ("LSTM", ("_i", "_o", "_f", "_c")), GRU: ("GRU", ("_z", "_r", "_h")), SimpleRNN: ("RNN", ("",))}
#: Of our activations those that these operators have, with alpha and beta.
ACTIVATION_OF = {
    activations.hard_sigmoid: ("HardSigmoid", 0.2, 0.5), activations.linear: ("Affine", 1.0, 0.0),
    activations.relu: ("Relu",), activations.sigmoid: ("Sigmoid",), activations.softplus: ("Softplus",),
    activations.tanh: ("Tanh",),
}  # fmt: skip


class Value(NamedTuple):
    """A value in a graph of ONNX.

    Attributes
    ----------
    name : str
    kind : {"bool", "int", "float"}
    ndim : int
    array : numpy.ndarray or None
        What it always is.
    length : int or None
        Of a vector how many numbers it has.
    last : Value or None
        Of what is of all steps its last.
    is_zero : bool
        Whether it is known to be 0 everywhere.
    """

    name: str
    kind: str
    ndim: int
    array: Optional[np.ndarray] = None
    length: Optional[int] = None
    last: Any = None
    is_zero: bool = False


class ToONNX(Translation):
    """Says graphs in operators of ONNX.

    Parameters
    ----------
    onnx : module
    dtype : {"float32", "float64"}
        The type of all floats.
    prediction : Prediction
    names : dict of Layer to str
    """

    def __init__(self, onnx, dtype, prediction, names):
        outputs = [prediction.output, *prediction.after]
        super().__init__("ONNX", outputs)
        self._onnx, self._dtype, self._layers, self._loops = onnx, dtype, names, prediction.loops
        self._types = {"float": np.dtype(dtype), "int": np.dtype("int64"), "bool": np.dtype("bool")}
        self._weights = _names_of_weights(names)
        self._constants, self._wanted, self._turned = {}, {}, {}
        self._numbers, self._whole = collections.Counter(), _needed_whole(outputs)
        # The graph that nodes are put into, and those that it is in, with what has been computed in each.
        self._graphs = [({}, [])]

    # ---- Nodes ----------------------------------------------------------------------------------------------------

    def type_of(self, dtype):
        """The number by which ONNX calls a type."""
        names = {"float32": "FLOAT", "float64": "DOUBLE"}
        return getattr(self._onnx.TensorProto, names.get(str(dtype), str(dtype).upper()))

    def new(self, what):
        """A name that nothing has yet."""
        what = what if self._layer is None else f"{self._layers[self._layer]}/{what}"
        self._numbers[what] += 1
        return f"{what}_{self._numbers[what]}"

    def node(self, op, inputs, kind, ndim, **attributes):
        """The value that an operator gives."""
        names = tuple(value.name for value in inputs)
        key = (op, names, repr(sorted(attributes.items())))
        for made, _ in self._graphs:
            if key in made:
                return made[key]
        name = self.new(op)
        self.add(op, names, [name], **attributes)
        made, _ = self._graphs[-1]
        made[key] = Value(name, kind, ndim)
        return made[key]

    def add(self, op, inputs, outputs, **attributes):
        """A node with names of its inputs and outputs."""
        self._graphs[-1][1].append(self._onnx.helper.make_node(op, inputs, outputs, outputs[0], **attributes))

    def nodes(self):
        """All nodes of the graph."""
        return self._graphs[-1][1]

    def constants(self, names):
        """Those constants that have one of these names, each with that which it should have."""
        return [(value, self._wanted[value.name]) for value in self._constants.values() if value.name in names]

    def f(self, op, *arguments, **attributes):
        """What an operator gives that acts on numbers; of Python's, as those of the others."""
        like = next(one for one in arguments[::-1] if isinstance(one, Value))
        arguments = [one if isinstance(one, Value) else self.constant(np.asarray(one, self._types[like.kind]))
                     for one in arguments]  # fmt: skip
        tells = op in COMPARISONS.values() or op in TESTS.values() or op in LOGIC.values()
        return self.node(op, arguments, "bool" if tells else arguments[-1].kind,
                         max(one.ndim for one in arguments), **attributes)  # fmt: skip

    def integers(self, *numbers):
        """A vector of integers that are known."""
        return self.constant(np.array(numbers, "int64"))

    def kind(self, dtype):
        """The kind of the engine's type."""
        dtype = str(dtype)
        kind = {"bool": "bool", "int": "int", "uint": "int", "float": "float"}.get(dtype.rstrip("0123456789"))
        return kind or self.refuse(f"the type {dtype}")

    def as_kind(self, value, kind):
        """The same numbers as another kind."""
        if value.kind == kind:
            return value
        if value.array is not None:
            return self.constant(value.array.astype(self._types[kind]))
        return self.node("Cast", [value], kind, value.ndim, to=self.type_of(self._types[kind]))

    def of_one_kind(self, values, least="bool"):
        """The same numbers, all as the kind that can hold each."""
        kind = max([least, *(value.kind for value in values)], key=KINDS.index)
        return [self.as_kind(value, kind) for value in values]

    # ---- Words ----------------------------------------------------------------------------------------------------

    def value(self, variable):
        if variable not in self._values and self.known(variable) is not None:
            self.give(variable, self.constant(self.known(variable), self._weights.get(_of_weight(variable))))
        return super().value(variable)

    def constant(self, array, name=None):
        name, kind = name or "constant", self.kind(array.dtype)
        with np.errstate(over="ignore"):
            plain = np.asarray(array, self._types[kind], order="C")
        if kind == "float" and np.isinf(plain).any() and not np.isinf(array).any():
            raise ValueError(f"a number is too large for {self._dtype}: pass dtype='float64'")
        key = (name, kind, plain.shape, hashlib.sha256(plain.tobytes()).digest())
        if key not in self._constants:
            length = plain.size if plain.ndim == 1 else None
            value = Value(f"={len(self._constants)}", kind, plain.ndim, plain, length, is_zero=not plain.any())
            self._constants[key], self._wanted[value.name] = value, name
        return self._constants[key]

    def elementwise(self, function, values, dtype):
        kind = self.kind(dtype)
        if function == "cast":
            return self._as_type(values[0], kind, dtype)
        if function == "switch":
            return self._chosen(self.as_kind(values[0], "bool"), *(self.as_kind(one, kind) for one in values[1:]))
        if function == "neq":
            is_0 = values[1].is_zero and values[1].array is not None and values[1].array.size == 1
            return self.as_kind(values[0], "bool") if is_0 else self.f("Not", self.elementwise("eq", values, dtype))
        if function in COMPARISONS:
            return self.f(COMPARISONS[function], *self.of_one_kind(values, "bool" if function == "eq" else "int"))
        if function in TESTS:
            return self.f(TESTS[function], self.as_kind(values[0], "float"))
        values = [self.as_kind(value, kind) for value in values]
        made = self._function(function, values, kind)
        return self._as_type(made, kind, dtype) if dtype in NARROW and function in OVERFLOWING else made

    def _function(self, function, values, kind):
        """What a function gives of values of its own kind."""
        if kind == "bool" and function in ("abs", "identity", "sign", "sqr") or kind == "int" and function in ROUNDED:
            return values[0]
        operators = LOGIC if kind == "bool" else {**OPERATORS, **ROUNDED}
        if function in OF_MANY and function in operators:
            result = values[0]
            for value in values[1:]:
                result = self.f(operators[function], result, value)
            return result
        if function == "softplus" and self._dtype == "float32":
            return self.f("Softplus", values[0])
        if function == "hard_sigmoid" and self._dtype == "float32":  # ONNX Runtime has none of float64.
            return self.f("HardSigmoid", values[0], alpha=0.2, beta=0.5)
        if function in operators:
            return self.f(operators[function], *values)
        if function in COMPOSED and kind != "bool":
            return COMPOSED[function](self.f, *values)
        of = {"bool": " of truths", "int": " of integers", "float": ""}[kind]
        return self.refuse(f"the function {function}{of}")

    def _as_type(self, value, kind, dtype):
        if dtype in NARROW and value.kind != "bool":
            value = self.node("Cast", [value], "int", value.ndim, to=self.type_of(dtype))
            return self.node("Cast", [value], "int", value.ndim, to=self.type_of("int64"))
        return self.as_kind(value, kind)

    def _chosen(self, condition, first, second):
        if first.kind != "bool":
            return self.f("Where", condition, first, second)
        return self.f("Or", self.f("And", condition, first), self.f("And", self.f("Not", condition), second))

    def arranged(self, x, order):
        kept = [axis for axis in order if axis != "x"]
        dropped = [axis for axis in range(x.ndim) if axis not in kept]
        added = [axis for axis, from_ in enumerate(order) if from_ == "x"]
        if x.array is not None:
            array = x.array.transpose(kept + dropped).reshape([1 if a == "x" else x.array.shape[a] for a in order])
            return self.constant(array, self._wanted[x.name])
        if dropped:
            x = self.node("Squeeze", [x, self.integers(*dropped)], x.kind, len(kept))
        x = self._transposed(x, [sorted(kept).index(axis) for axis in kept])
        return self.node("Unsqueeze", [x, self.integers(*added)], x.kind, len(order)) if added else x

    def _transposed(self, x, places):
        """With the axes in another order; once, however often their order has been changed."""
        source, before = self._turned.get(x.name, (x, sorted(places)))
        places = [before[place] for place in places]
        if places == sorted(places):
            return source
        turned = self.node("Transpose", [source], x.kind, x.ndim, perm=places)
        self._turned[turned.name] = source, places
        return turned

    def cut(self, x, indices):
        if x.last is not None and indices == [-1]:
            return x.last
        starts, ends, steps, axes = [], [], [], []
        for axis, index in enumerate(indices):
            if isinstance(index, slice) and index != slice(None):
                step = 1 if index.step is None else index.step
                if isinstance(step, Value):
                    self.refuse("a slice whose step is computed")
                starts.append((0 if step > 0 else LAST) if index.start is None else index.start)
                ends.append((LAST if step > 0 else FIRST) if index.stop is None else index.stop)
                steps.append(step)
                axes.append(axis)
        if axes:
            bounds = [self.stacked(starts), self.stacked(ends), self.integers(*axes), self.integers(*steps)]
            x = self.node("Slice", [x, *bounds], x.kind, x.ndim)
        for axis, index in reversed(list(enumerate(indices))):
            if not isinstance(index, slice):
                x = self.node("Gather", [x, self._number(index)], x.kind, x.ndim - 1, axis=axis)
        return x

    def _number(self, index):
        return self.as_kind(index, "int") if isinstance(index, Value) else self.constant(np.asarray(index, "int64"))

    def joined(self, parts, axis):
        parts = self.of_one_kind(parts)
        return self.node("Concat", parts, parts[0].kind, parts[0].ndim, axis=axis)

    def stacked(self, numbers):
        numbers = [self._number(number) for number in numbers]
        if all(number.array is not None for number in numbers):
            return self.integers(*(int(number.array) for number in numbers))
        vectors = [self.arranged(number, ("x",)) for number in numbers]
        vector = vectors[0] if len(vectors) == 1 else self.node("Concat", vectors, "int", 1, axis=0)
        return vector._replace(length=len(numbers))

    def product(self, left, right):
        left, right = self.of_one_kind([left, right], "int")
        ndim = max(left.ndim, right.ndim) if min(left.ndim, right.ndim) > 1 else left.ndim + right.ndim - 2
        return self.node("MatMul", [left, right], left.kind, ndim)

    def reduced(self, function, x, axes):
        if not axes:
            return x
        tells = function in ("any", "all")
        x = self.as_kind(self.as_kind(x, "bool"), "int") if tells else self.of_one_kind([x], "int")[0]
        axes = sorted(axes)
        if function == "sum":
            return self.node("ReduceSum", [x, self.integers(*axes)], x.kind, x.ndim - len(axes), keepdims=0)
        op = {"max": "ReduceMax", "any": "ReduceMax", "min": "ReduceMin", "all": "ReduceMin", "prod": "ReduceProd"}
        found = self.node(op[function], [x], x.kind, x.ndim - len(axes), axes=axes, keepdims=0)
        return self.as_kind(found, "bool") if tells else found

    def filled(self, x, shape):
        filled = self.node("Expand", [x, shape], x.kind, max(x.ndim, shape.length))
        return filled._replace(is_zero=x.is_zero)

    def reshaped(self, x, shape, ndim):
        return self.node("Reshape", [x, self.as_kind(shape, "int")], x.kind, ndim)

    def shape(self, x):
        return self.node("Shape", [x], "int", 1)._replace(length=x.ndim)

    def rows(self, x, numbers):
        return self.node("Gather", [x, self.as_kind(numbers, "int")], x.kind, x.ndim + numbers.ndim - 1, axis=0)

    def softmax(self, x, axis, is_log):
        return self.node("LogSoftmax" if is_log else "Softmax", [x], x.kind, x.ndim, axis=axis)

    def cumulated(self, x, axis):
        x, = self.of_one_kind([x], "int")
        if axis is None:
            x, axis = self.reshaped(x, self.integers(-1), 1), 0
        return self.node("CumSum", [x, self._number(axis % x.ndim)], x.kind, x.ndim)

    # ---- Loops ----------------------------------------------------------------------------------------------------

    def loop(self, node):
        given = node.op.given(node.inputs)
        layer = self._loops.get(node.op)
        operator = next((kind for kind in OPERATOR_OF if isinstance(layer, kind)), None)
        if operator and self._is_operator(operator, layer, node, given):
            return self._by_operator(operator, layer, node, given)
        return self._by_scan(node, given, is_of_layer=layer is not None)

    def _is_operator(self, kind, layer, node, given):
        """Whether an operator of ONNX for a kind of layers gives what a loop needs."""
        step = node.op.step
        if (self._dtype != "float32" or not all(isinstance(weight, SharedVariable) for weight in given.weights)
                or not all(any(one is known for known in ACTIVATION_OF)
                           for one in (layer.activation, layer.inner_activation))
                or len(step.sequences) > 1 or not self._whole.isdisjoint(node.outputs[1:])):  # fmt: skip
            return False
        # The equations of the class itself, of the same variables.
        before = [variable for state in step.states for variable in state.before]
        made = kind.step(layer, step.sequences[0], *before)
        places = {variable: Value(f"given_{k}", "float", 2) for k, variable in enumerate(step.sequences + before)}
        places.update(zip(step.weights, map(self.value, given.weights)))
        said, numbers = [], self._numbers
        for results in (step.results, list(made) if isinstance(made, tuple) else [made]):
            self._numbers = numbers.copy()
            nodes, values = self._said_apart(places, results)
            said.append((nodes, [value.name for value in values]))
        self._numbers = numbers
        return said[0] == said[1]

    def _by_operator(self, kind, layer, node, given):
        op, gates = OPERATOR_OF[kind]
        inputs = [self.value(given.sequences[0]), *self._weights_of_operator(layer, gates)]
        initials = [self.value(initial) for initial in given.initials]
        begun = [] if all(one.is_zero for one in initials) else [self.arranged(one, ("x", 0, 1)) for one in initials]
        names = [value.name for value in inputs] + [""] * bool(begun) + [value.name for value in begun]
        outputs = [self.new(name) for name in ("Y", "Y_h", "Y_c")[:1 + len(initials)]]
        self.add(op, names, outputs, **_attributes(layer, op))
        lasts = [self.node("Squeeze", [Value(name, "float", 3), self.integers(0)], "float", 2) for name in outputs[1:]]
        all_steps = self.node("Squeeze", [Value(outputs[0], "float", 4), self.integers(1)], "float", 3)
        return [all_steps._replace(last=lasts[0]), *(Value("", "float", 3, last=last) for last in lasts[1:])]

    def _weights_of_operator(self, layer, gates):
        W, U, b = (np.concatenate([getattr(layer, letter + gate).get_value() for gate in gates], axis=-1)
                   for letter in "WUb")  # fmt: skip
        b_U = np.zeros_like(b)
        if getattr(layer, "reset_after", False):
            b_U[-layer.output_dim:] = layer.b_Uh.get_value()
        prefix = self._weights.get(getattr(layer, "W" + gates[0]), type(layer).__name__.lower()).rpartition("/")[0]
        return [self.constant(array[None], f"{prefix}/{name}")
                for name, array in (("W", W.T), ("R", U.T), ("B", np.concatenate([b, b_U])))]  # fmt: skip

    def _by_scan(self, node, given, is_of_layer):
        step, ahead = node.op.step.ahead()
        sequences = self._of_one_length(given, is_of_layer)
        weights = dict(zip(step.weights, map(self.value, given.weights)))
        sequences += [self._of_all_steps(sequences[k], step.sequences[k], made, weights) for k, made in ahead]
        firsts = [self._first_states(*one) for one in zip(step.states, given.initials)]
        before = [[self._of_step(one, one.ndim) for one in of_state] for of_state in firsts]
        elements = [self._of_step(one, one.ndim - 1) for one in sequences]
        places = dict(zip(step.sequences, elements))
        for state, of_state in zip(step.states, before):
            places.update((variable, of_state[tap]) for tap, variable in zip(state.taps, state.before))
        nodes, results = self._said_apart({**places, **weights}, step.results)
        handed_on = [one for of_state, result in zip(before, results) for one in [*of_state[1:], result]]
        whole = [k for k, output in enumerate(node.outputs) if output in self._whole or k >= len(step.states)]
        body = self._body(nodes, sum(before, []) + elements, handed_on + [results[k] for k in whole])
        lasts = [[one._replace(name=self.new("last")) for one in of_state] for of_state in before]
        steps = [Value(self.new("steps") if k in whole else "", result.kind, result.ndim + 1,
                       last=lasts[k][-1] if k < len(lasts) else None) for k, result in enumerate(results)]
        self.add("Scan", [value.name for value in sum(firsts, []) + sequences],
                 [value.name for value in sum(lasts, []) + [steps[k] for k in whole]],
                 body=body, num_scan_inputs=len(sequences))  # fmt: skip
        return steps

    def _of_all_steps(self, x, x_t, made, weights):
        """What a step makes of a sequence alone, at once: its products are faster outside of the loop."""
        if not any(isinstance(node.op, Join) for node in engine.io_toposort([x_t, *weights], [made])):
            return self._said_of({x_t: x, **weights}, made)  # Products and elementwise functions take any axes before.
        shape = self.shape(x)
        rows = self.reshaped(x, self.joined([self.integers(-1), self.cut(shape, [slice(2, None)])], 0), 2)
        value = self._said_of({x_t: rows, **weights}, made)
        sizes = [self.cut(shape, [slice(0, 2)]), self.cut(self.shape(value), [slice(1, None)])]
        return self.reshaped(value, self.joined(sizes, 0), 3)

    def _said_of(self, places, variable):
        """What a variable is where others are given values."""
        outer, self._values = self._values, {**self._values, **places}
        try:
            return self.value(variable)
        finally:
            self._values = outer

    def _first_states(self, state, initial):
        """The states before the first step, the one just before it last."""
        value = self.as_kind(self.value(initial), self.kind(state.after.dtype))
        return [value] if state.taps == (-1,) else [self.cut(value, [k]) for k in range(state.depth)]

    def _of_step(self, value, ndim):
        """What a step is given of it."""
        return Value(self.new("of_step"), value.kind, ndim)

    def _of_one_length(self, given, is_of_layer):
        """The sequences, of as many steps as there are; those of a layer have as many anyway."""
        sequences = [self.value(sequence) for sequence in given.sequences]
        if given.n_steps is not None:
            n_steps = self._number(self.value(given.n_steps))
            if not sequences:
                return [self.node("Range", [self._number(0), n_steps, self._number(1)], "int", 1)]
        elif is_of_layer or len(sequences) < 2:
            return sequences
        else:
            n_steps = self.f("Min", *(self.cut(self.shape(sequence), [0]) for sequence in sequences))
        return [self.cut(sequence, [slice(None, n_steps)]) for sequence in sequences]

    def _said_apart(self, places, variables):
        """The nodes of a graph within this one, and what variables are in it, where some are given values."""
        outer, whole = self._values, self._whole
        self._values, self._whole = {**outer, **places}, whole | _needed_whole(variables)
        self._graphs.append(({}, []))
        try:
            values = [self.as_kind(self.value(variable), self.kind(variable.dtype)) for variable in variables]
            return self.nodes(), values
        finally:
            self._values, self._whole = outer, whole
            self._graphs.pop()

    def _body(self, nodes, inputs, outputs):
        """The graph of a step, whose outputs are made by nodes of its own, each by another one."""
        made, names = {name for node in nodes for name in node.output}, []
        for value in outputs:
            name = value.name
            if name not in made or name in names:
                name = self.new("Identity")
                nodes.append(self._onnx.helper.make_node("Identity", [value.name], [name], name))
            names.append(name)
        return self._onnx.helper.make_graph(pruned(nodes, names), self.new("step"), [
            self.info(value.name, value) for value in inputs], list(map(self.info, names, outputs)))  # fmt: skip

    def info(self, name, value, shape=None):
        """What ONNX is told of an input or an output of a graph."""
        shape = [None] * value.ndim if shape is None else shape
        return self._onnx.helper.make_tensor_value_info(name, self.type_of(self._types[value.kind]), shape)


def _attributes(layer, op):
    """What the operator for a layer is told."""
    used = [layer.activation] if op == "RNN" else [layer.inner_activation, layer.activation]
    used = [ACTIVATION_OF[one] for one in used + [layer.activation] * (op == "LSTM")]
    attributes = dict(hidden_size=layer.output_dim, activations=[name for name, *_ in used])
    with_numbers = [numbers for _, *numbers in used if numbers]
    if with_numbers:
        attributes.update(zip(("activation_alpha", "activation_beta"), map(list, zip(*with_numbers))))
    if op == "GRU":
        attributes["linear_before_reset"] = int(layer.reset_after)
    return attributes


def _needed_whole(outputs):
    """The variables of which more than the last is needed."""
    found = set(outputs)
    for node in engine.io_toposort([], outputs):
        if not (isinstance(node.op, Subtensor) and is_last(engine.indices(node))):
            found.update(node.inputs)
    return found


def _of_weight(variable):
    """The weight that a variable is, but for its axes."""
    while variable.owner is not None and isinstance(variable.owner.op, (DimShuffle, Rebroadcast)):
        variable = variable.owner.inputs[0]
    return variable


def _names_of_weights(names):
    """A name for each weight of layers, which have these."""
    found = {}
    for layer, prefix in names.items():
        parts = [(f"/{name}", vars(layer)[name]) for name in ("forward", "backward") if name in vars(layer)]
        for within, part in parts or [("", layer)]:
            for weight in part.weights:
                found.setdefault(weight, f"{prefix}{within}/{weight.name or 'weight'}")
    return found


def graphs_of(node):
    """The graphs within a node."""
    return [attribute.g for attribute in node.attribute if attribute.HasField("g")]


def needs(node):
    """The names that a node needs, and graphs within it."""
    found = set(node.input)
    for graph in graphs_of(node):
        found.update(output.name for output in graph.output)
        for inner in graph.node:
            found |= needs(inner)
    return found


def pruned(nodes, names):
    """The nodes that are needed for something."""
    needed, kept = set(names), []
    for node in reversed(nodes):
        if not needed.isdisjoint(node.output):
            needed |= needs(node)
            kept.append(node)
    return kept[::-1]


def rename(nodes, names):
    """Give what nodes need other names."""
    for node in nodes:
        node.input[:] = [names.get(name, name) for name in node.input]
        for graph in graphs_of(node):
            rename(graph.node, names)
