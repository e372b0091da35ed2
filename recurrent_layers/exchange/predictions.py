"""What a model predicts, as a graph, and that graph in few words, which other languages have, too.

Not layers are translated, but what they compute: so whatever a layer does, of the library's or of one's own, is said
once it is made of these words.
"""

import collections
import contextlib
import re
from typing import Any, Dict, List, NamedTuple, Tuple

import numpy as np

from recurrent_layers import engine
from recurrent_layers.engine import (
    Alloc,
    Assert,
    Constant,
    DimShuffle,
    Elemwise,
    Join,
    LogSoftmax,
    MakeVector,
    Rebroadcast,
    Reshape,
    Shape,
    SharedVariable,
    Softmax,
    SpecifyShape,
    Subtensor,
    Variable,
    ViewOp,
    scalar,
)
from recurrent_layers.layers.base import Layer
from recurrent_layers.layers.carrying import in_time
from recurrent_layers.layers.containers import Container
from recurrent_layers.recurrence.graphs import sizes, substitute, unwrapped
from recurrent_layers.recurrence.ops import Recurrence
from recurrent_layers.recurrence.tracing import names_of_steps
from recurrent_layers.recurrence.words import OfColumns
from recurrent_layers.utils.building import one_output_for_each_layer, output_of


class Prediction(NamedTuple):
    """What a model predicts, or one step of it.

    Attributes
    ----------
    inputs : list of symbolic variables
    output : symbolic variable
    carried : list of Carried
        What is handed on from one call to the next.
    before, after : lists of symbolic variables
        The states that are handed on: those before it, and those after it.
    layers : list of (Layer, symbolic variable)
        The output of each layer, in order; containers are not among them.
    loops : dict of Recurrence to Recurrent
        The layers whose loops are in it, those within others, too.
    names : dict of Layer to str
        What the layers are called, each with the number that it has among those of its class.
    """

    inputs: List[Variable]
    output: Variable
    carried: List[Any]
    before: List[Variable]
    after: List[Variable]
    layers: List[Tuple[Layer, Variable]]
    loops: Dict[Recurrence, Layer]
    names: Dict[Layer, str]

    @classmethod
    def whole(cls, model):
        """That of all timesteps; what is handed on is that of `stateful` layers."""
        return cls._made(model)[0]

    @classmethod
    def step(cls, model):
        """That of the next step: its input has one timestep, and its output none.

        Raises
        ------
        ValueError
            If what is computed at a step needs more than that step and what has been before, or there are no steps.
        """
        whole, carried = cls._made(model)
        if whole.inputs[0].ndim == 2 and whole.inputs[0].dtype.startswith("float"):
            raise ValueError("the input of the model has no timesteps")
        handed_on = in_time(model, carried)
        before, places, ends = [], [], bool(handed_on) and not handed_on[-1].layer.return_sequences
        for one in carried:
            if one in handed_on:
                variables, replaced = one.in_place()
                before, places = before + variables, places + replaced
            elif one.goes_on:
                places += one.zeros(whole.inputs[0].shape[0])
        output = whole.output if ends else whole.output[:, -1]
        after = [variable for one in handed_on for variable in one.after]
        outputs = [output, *after, *(made for _, made in whole.layers)]
        for _ in handed_on:  # What takes the place of one thing may be made of others.
            outputs = substitute(outputs, dict(places)) if places else outputs
        layers = [(layer, made) for (layer, _), made in zip(whole.layers, outputs[1 + len(after):])]
        return cls(whole.inputs, outputs[0], handed_on, before, outputs[1:1 + len(after)], layers, whole.loops,
                   whole.names)

    @property
    def needed(self):
        """Those of `layers` that it is computed of: not what is there in training only."""
        found = set(engine.ancestors([self.output, *self.after]))
        return [(layer, output) for layer, output in self.layers if output in found]

    @classmethod
    def _made(cls, model):
        carried = []
        with names_of_steps(), one_output_for_each_layer(carried):
            inputs, output = model.get_input(False), output_of(model, False)
            layers = [(layer, output_of(layer, False)) for layer in model._all_layers()
                      if not isinstance(layer, Container)]  # fmt: skip
            carried = [one for train, one in carried if not train]
            loops = {state.owner.op: one.layer for one in carried for state in one.layer._states(False)
                     if isinstance(state.owner.op, Recurrence)}  # fmt: skip
        going_on = [one for one in carried if one.goes_on]
        return cls(inputs if isinstance(inputs, list) else [inputs], output, going_on,
                   [variable for one in going_on for variable in one.variables],
                   [variable for one in going_on for variable in one.after], layers, loops,
                   # Some of those that hand something on may be within layers of one's own.
                   _names(dict.fromkeys([layer for layer, _ in layers] + [one.layer for one in carried]))), carried


def _names(layers):
    """What layers are called, each with the number that it has among those of its class."""
    counts, names = collections.Counter(), {}
    for layer in layers:
        kind = re.sub("^[0-9]+|[^a-z0-9]", "", type(layer).__name__.lower().strip("_")) or "layer"
        counts[kind] += 1
        names[layer] = f"{kind}_{counts[kind]}"
    return names


#: What gives its first input as it is.
_SAME = (Rebroadcast, SpecifyShape, ViewOp, Assert, OfColumns)

#: Integers of fewer bits than those that the other languages compute with: what is one of these must wrap.
NARROW = ("int8", "int16", "uint8", "uint16", "uint32")

#: Elementwise functions whose names differ between the engines.
_NAMES = {"scalarsigmoid": "sigmoid", "scalarsoftplus": "softplus", "scalarmaximum": "maximum",
          "scalarminimum": "minimum", "inv": "reciprocal", "sgn": "sign"}  # fmt: skip


class Translation:
    """Says graphs in the words of another language, each value once.

    What is made of weights and constants alone is a constant. A subclass has a method for each word, which takes and
    gives values of its own kind: `constant`, `elementwise`, `arranged`, `cut`, `joined`, `stacked`, `product`,
    `reduced`, `filled`, `reshaped`, `shape`, `rows`, `softmax`, `cumulated` and `loop`.

    Parameters
    ----------
    language : str
        What it is called in messages.
    outputs : list of symbolic variables
        All that is to be said.
    """

    def __init__(self, language, outputs):
        self.language, self._values, self._layer = language, {}, None
        self._fixed = _fixed(outputs)

    def give(self, variable, value):
        """Say what a variable is."""
        self._values[variable] = value

    def value(self, variable):
        """What a variable is in the other language.

        Raises
        ------
        ValueError
            If there is no word for something in it.
        """
        for node in engine.io_toposort([*self._values, *self._fixed], [variable]):
            if not all(output in self._values or output in self._fixed for output in node.outputs):
                for output, said in zip(node.outputs, self._said(node)):
                    self._values.setdefault(output, said)
        if variable not in self._values:
            known = self.known(variable)
            if known is None:
                self.refuse(f"{variable}, a variable that is no input of the model,")
            self._values[variable] = self.constant(known)
        if self._values[variable] is None:
            self.refuse(f"{variable.owner.op}, but for its first output,")
        return self._values[variable]

    @contextlib.contextmanager
    def within(self, layer):
        """Within this, messages say that something is in this layer."""
        before, self._layer = self._layer, layer
        try:
            yield
        finally:
            self._layer = before

    def known(self, variable):
        """The array that a variable always is; None if it is not always the same."""
        if isinstance(variable, Constant):
            return np.asarray(variable.data)
        if isinstance(variable, SharedVariable) and variable not in self._values:
            return np.asarray(variable.get_value(borrow=True))
        return self._fixed.get(variable)

    def refuse(self, what):
        """Raise, since there is no word for something."""
        where = "" if self._layer is None else f" in {type(self._layer).__name__}"
        raise ValueError(f"{what}{where} has no equal in {self.language}")

    def _said(self, node):
        op, inputs = node.op, node.inputs
        if isinstance(op, Recurrence):
            return self.loop(node)
        if isinstance(op, _SAME) or type(op).__name__ in ("ScalarFromTensor", "TensorFromScalar"):
            return [self.value(inputs[0])]
        for kinds, way in self.WAYS:
            if isinstance(op, kinds):
                return [way(self, node)]
        if engine.product(node):
            return [self.product(*map(self.value, engine.product(node)))]
        if engine.reduction(node):
            function, axes = engine.reduction(node)
            axes = range(inputs[0].ndim) if axes is None else [axes] if isinstance(axes, int) else axes
            name = {"add": "sum", "maximum": "max", "minimum": "min", "mul": "prod", "or": "any", "and": "all"}
            found = name.get(_name(function)) or self.refuse(f"{op}")
            return [self.reduced(found, self.value(inputs[0]), tuple(int(axis) for axis in axes)), None]
        if engine.rows(node):
            return [self.rows(*map(self.value, engine.rows(node)))]
        if engine.cumulated(node):
            x, axis = engine.cumulated(node)
            return [self.cumulated(self.value(x), axis)]
        return self.refuse(f"{op}")

    def _elementwise(self, node):
        function = node.op.scalar_op
        found = self._activation(node)
        if found is not None:
            name, x = found
            return self.elementwise(name, [self.value(x)], node.outputs[0].dtype)
        if isinstance(function, scalar.Second):
            return self.filled(self.value(node.inputs[1]), self.shape(self.value(node.inputs[0])))
        return self.elementwise(_name(function), [self.value(one) for one in node.inputs], node.outputs[0].dtype)

    def _activation(self, node):
        """Of our activations that are made of several functions the name, and what it is of; None if it is none."""
        inputs = node.inputs
        for half, total in [inputs, inputs[::-1]] if self._is_function(node.outputs[0], "mul") else ():
            if self._is_number(half, 0.5) and self._is_function(total, "add"):
                x, absolute = total.owner.inputs
                if self._is_function(absolute, "abs") and absolute.owner.inputs[0] is x:
                    return "relu", x
        if self._is_function(node.outputs[0], "clip") and self._is_number(inputs[1], 0) and self._is_number(
                inputs[2], 1) and self._is_function(inputs[0], "add"):  # fmt: skip
            product, shift = inputs[0].owner.inputs
            if self._is_number(shift, 0.5) and self._is_function(product, "mul"):
                x, slope = product.owner.inputs
                return ("hard_sigmoid", x) if self._is_number(slope, 0.2) else None
        return None

    @staticmethod
    def _is_function(variable, name):
        """Whether a variable is what an elementwise function of so many arguments gives."""
        node = variable.owner
        return (node is not None and isinstance(node.op, Elemwise) and _name(node.op.scalar_op) == name
                and len(node.inputs) == {"abs": 1, "clip": 3}.get(name, 2))  # fmt: skip

    def _is_number(self, variable, number):
        known = self.known(variable)
        return known is not None and known.size == 1 and bool(known.item() == known.dtype.type(number))

    def _arranged(self, node):
        return self.arranged(self.value(node.inputs[0]), tuple(node.op.new_order))

    def _cut(self, node):
        return self.cut(self.value(node.inputs[0]), [
            slice(*map(self._bound, (index.start, index.stop, index.step))) if isinstance(index, slice)
            else self._bound(index) for index in engine.indices(node)])  # fmt: skip

    def _bound(self, index):
        """An index as None, as a number, or as a value."""
        if not isinstance(index, Variable):
            return None if index is None else int(index)
        known = self.known(index)
        return self.value(index) if known is None else int(known)

    def _joined(self, node):
        axis, *parts = ([node.op.axis] if hasattr(node.op, "axis") else []) + list(node.inputs)
        axis = self._bound(axis)
        return self.joined([self.value(part) for part in parts], axis % parts[0].ndim)

    def _stacked(self, node):
        return self.stacked([self.value(number) for number in node.inputs])

    def _filled(self, node):
        return self.filled(self.value(node.inputs[0]), self.stacked([self.value(size) for size in node.inputs[1:]]))

    def _reshaped(self, node):
        found = _looked_up(node)
        if found is not None:
            return self.rows(*map(self.value, found))
        return self.reshaped(self.value(node.inputs[0]), self.value(node.inputs[1]), node.outputs[0].ndim)

    def _shape(self, node):
        return self.shape(self.value(node.inputs[0]))

    def _softmax(self, node):
        axis = getattr(node.op, "axis", None)
        axis = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
        ndim = node.inputs[0].ndim
        if axis is None and ndim > 2 or not (axis is None or isinstance(axis, int)):
            self.refuse(f"{node.op}")
        return self.softmax(self.value(node.inputs[0]), (-1 if axis is None else axis) % ndim,
                            isinstance(node.op, LogSoftmax))  # fmt: skip

    WAYS = [(Elemwise, _elementwise), (DimShuffle, _arranged), (Subtensor, _cut), (Join, _joined),
            (MakeVector, _stacked), (Alloc, _filled), (Reshape, _reshaped), (Shape, _shape),
            ((Softmax, LogSoftmax), _softmax)]  # fmt: skip


def _looked_up(node):
    """What rows are taken of, and an array of their numbers, where the engine does so by a vector; else None."""
    taken = node.inputs[0].owner and engine.rows(node.inputs[0].owner)
    flat = taken[1].owner if taken else None
    if flat is None or not isinstance(flat.op, Reshape):
        return None
    numbers = flat.inputs[0]
    of_numbers = [(unwrapped(numbers), axis) for axis in range(numbers.ndim)]
    return (taken[0], numbers) if sizes(node.inputs[1]) == [*of_numbers, (taken[0], 1)] else None


def _name(function):
    name = type(function).__name__.lower()
    return _NAMES.get(name, name)


def _fixed(outputs):
    """The variables that are made of weights and constants alone, and are needed by others, with their arrays."""
    made, needed = set(), {}
    for node in engine.io_toposort([], outputs):
        if all(one in made or isinstance(one, (Constant, SharedVariable)) for one in node.inputs):
            made.update(node.outputs)
        else:
            needed.update((one, True) for one in node.inputs if one in made)
    needed.update((one, True) for one in outputs if one in made)
    if not needed:
        return {}
    arrays = engine.function([], list(needed), mode="FAST_COMPILE", on_unused_input="ignore")()
    return {variable: np.asarray(array) for variable, array in zip(needed, arrays)}
