"""What the steps of a loop compute, forwards and backwards, and what of it is kept.

Whatever gives the gradient of a step, the engine derives; what is the same at all steps is here one value of its own
for each sample and step, whose gradients only remain to be added up.
"""

from collections import OrderedDict
from typing import NamedTuple

from recurrent_layers import engine
from recurrent_layers.engine import Dot, scalar
from recurrent_layers.engine import tensor as T
from recurrent_layers.recurrence.errors import Unsupported
from recurrent_layers.recurrence.graphs import simplified
from recurrent_layers.recurrence.lowering import Lowering
from recurrent_layers.recurrence.step import Leaf, Reading, is_column
from recurrent_layers.recurrence.values import Extent, Graph, Value

# So cheap that computing them again is faster than storing them.
CHEAP = (scalar.Add, scalar.Sub, scalar.Mul, scalar.Neg, scalar.Sqr,
         scalar.Clip, scalar.Switch, scalar.Second, scalar.Identity, scalar.Cast,
         scalar.Abs, scalar.Maximum, scalar.Minimum, scalar.LogicalComparison,
         scalar.BinaryBitOp, scalar.UnaryBitOp)  # fmt: skip


class Product(NamedTuple):
    """A product ``left . weight`` of the step, and the gradient of what it gives."""

    left: Value
    weight: int
    output: Value
    gradient: Value


class Program:
    """What the steps compute.

    Parameters
    ----------
    step : Step
    wanted : collection of str
        Whose gradients are wanted: "sequence0", "initial0", "weight0" and so on.
    forms : tuple
        Of each result: "all", if each step's has a gradient from outside, "last", if only that of the last step, or
        None.

    Attributes
    ----------
    mask : int or None
        Which sequence masks the steps: where it is false, the states stay what they are, and nothing else happens.
    dtype : str
    graph : values.Graph
    states : list of Value
        The states after a step that is not masked.
    outputs : list of Value
    are_vectors : list of bool
        Which of the states and outputs are (nb_samples,).
    taps : list of lists of int
        How many steps back each state is looked at, the nearest first.
    depths : list of int
        How many states there must be before the first step.
    narrowed : list of int
        Which states are columns after a step, though nothing says so of those before: they must have been so, too.
    carried_on : list of lists of (int, Value)
        Of each state the gradients of those so many steps before.
    gradients : list of (Leaf, Value)
        Of sequences, and of weights that are not matrices.
    products : list of Product
        Those whose weight's gradient is wanted.
    kept_states : list of int
        Which states the backward steps need.
    kept : list of Value
        What else the forward steps compute and the backward steps need again.

    Raises
    ------
    Unsupported
        If the step cannot be written in this way.
    """

    def __init__(self, step, wanted=(), forms=()):
        self.are_vectors = [result.ndim == 1 for result in step.results]
        self.mask, step = step.unmasked()
        self._are_columns = list(map(is_column, step.results))
        self.taps = [sorted(-tap for tap in state.taps) for state in step.states]
        self.depths = [state.depth for state in step.states]
        self.narrowed = [k for k, state in enumerate(step.states)
                         if is_column(state.after) and not is_column(state.before[0])]  # fmt: skip
        reading = Reading(step)
        self.dtype = reading.dtype
        derived = _Derivation(reading, len(step.states), wanted, forms)
        own, parts = simplified(derived.given, derived.parts)
        numbers, found = None, {}
        while found != numbers:  # What is of one width should be so from the beginning.
            numbers, self.graph = found, Graph(found)
            lowering = self._lowering(own, reading, len(step.states))
            results, *others = parts
            results = [lowering.whole(variable) for variable in results]
            self._take(derived, [results, *([lowering.value(variable) for variable in part] for part in others)])
            self._fit_columns()
            found = self.graph.find_numbers()
        forms_of_outputs = zip(self.outputs, *(of[len(self.states):] for of in (self.are_vectors, self._are_columns)))
        if len(set(forms_of_outputs)) > len(set(self.outputs)):
            raise Unsupported("the same output in several shapes")
        self.forward = [*self.states, *self.outputs]
        self.backward = [gradient for taps in self.carried_on for _, gradient in taps]
        self.backward += [gradient for _, gradient in self.gradients] + [product.gradient for product in self.products]
        self.kept_states, self.kept = _Keeping(self).found() if wanted else ([], [])

    def _take(self, derived, parts):
        """Let the values be what they are."""
        results, gradients, outputs, lefts = parts
        self.states, self.outputs = results[:len(self.taps)], results[len(self.taps):]
        gradients = iter(gradients)
        self.carried_on = [[] for _ in self.states]
        for leaf, gradient in zip(derived.before, gradients):
            self.carried_on[leaf.position].append((leaf.tap, gradient))
        self.gradients = list(zip(derived.leaves, gradients))
        self.products = [Product(left, position, output, gradient) for position, left, output, gradient
                         in zip(derived.weights, lefts, outputs, gradients)]  # fmt: skip

    def _lowering(self, own, reading, nb_states):
        """What makes values of variables, with those that are given."""
        given, matrices, leaves = {}, {}, list(reading.leaves.values())
        for variable, leaf in zip(own, leaves):
            if leaf.kind == "matrix":
                matrices[variable] = leaf.position, name_of(leaf)
            else:
                given[variable] = self._given(variable, leaf, name_of(leaf))
        for k, variable in enumerate(own[len(leaves):]):
            kind, position = ("carried", k) if k < nb_states else ("output_gradient", k - nb_states)
            given[variable] = self._given(variable, Leaf(kind, position), f"{kind}{position}")
        return Lowering(self.graph, given, matrices)

    def _given(self, variable, leaf, name):
        # Of sequences and the like, the last axis.
        columns = None if variable.broadcastable[1] else self.graph.columns_of(name, -1)
        return self.graph.leaf(leaf, variable.dtype, columns)

    def _fit_columns(self):
        """Let what must have the same columns have them: gradients those of what they are of, states those before."""
        for k, result in enumerate(self.states + self.outputs):
            names = [f"output_gradient{k}"] + [f"carried{k}", f"initial{k}"] * (k < len(self.states))
            columns = [self.graph.columns_of(name, -1) for name in names]
            for other in columns[1:]:
                columns[0].unite(other)
            self._fit(result, columns[0])
        for k in self.narrowed:
            self.graph.columns_of(f"initial{k}", -1).root().extents.append(Extent(constant=1))
        for leaf, gradient in self.gradients:
            own = self.graph.find_leaf(leaf)
            if own is not None and not own.is_column:
                self._fit(gradient, own.columns)
        for k, taps in enumerate(self.carried_on):
            for _, gradient in taps:
                self._fit(gradient, self.graph.columns_of(f"carried{k}", -1))
        for product in self.products:
            self._fit(product.gradient, product.output.columns)

    @staticmethod
    def _fit(value, columns):
        if not value.is_uniform:
            columns.unite(value.columns)

    def columns_of_result(self, k):
        """The columns of a result; None if it is a column."""
        result = (self.states + self.outputs)[k]
        return None if result.is_column or self._are_columns[k] else self.graph.columns_of(f"output_gradient{k}", -1)


class _Derivation:
    """A step and its gradient, as the engine derives it.

    Attributes
    ----------
    given : list of symbolic variables
        All that a step is given, forwards or backwards: the leaves of the reading, the gradients of the states that
        are carried from later steps, and those of the results that come from outside.
    parts : list of lists of symbolic variables
        The results; the gradients of `before`, of `leaves`, and of the products with `weights`; what these products
        give; what they have on their left.
    before, leaves : list of Leaf
        States before the step; and sequences and weights that are not matrices, whose gradients are wanted.
    weights : list of int
        The positions of the weights of the products whose gradients are wanted, by product.
    """

    def __init__(self, reading, nb_states, wanted, forms):
        results = [T.tensor_copy(result) for result in reading.results]
        carried = [result.type() for result in results[:nb_states]]
        outside = [result.type() for result in results]
        dots = [node for node in engine.io_toposort([], results) if isinstance(node.op, Dot)
                and name_of(reading.leaves[node.inputs[1]]) in wanted]  # fmt: skip
        before = {leaf: variable for variable, leaf in reading.leaves.items() if leaf.kind == "before"}
        leaves = {leaf: variable for variable, leaf in reading.leaves.items()
                  if name_of(leaf) in wanted and leaf.kind not in ("before", "matrix")}  # fmt: skip
        gradients = []
        if wanted:
            known = OrderedDict()
            for k, result in enumerate(results):
                if k < nb_states:
                    known[result] = carried[k] + outside[k] if forms[k] == "all" else carried[k]
                elif forms[k]:
                    known[result] = outside[k]
            targets = [*before.values(), *leaves.values(), *(node.outputs[0] for node in dots)]
            gradients = engine.grad(None, targets, known_grads=known, disconnected_inputs="ignore")
        self.given = [*reading.leaves, *carried, *outside]
        self.parts = [results, gradients, [node.outputs[0] for node in dots], [node.inputs[0] for node in dots]]
        self.before, self.leaves = list(before), list(leaves)
        self.weights = [reading.leaves[node.inputs[1]].position for node in dots]


def name_of(leaf):
    """The name of the array that a leaf is taken from."""
    return {"sequence": "sequence", "before": "initial"}.get(leaf.kind, "weight") + str(leaf.position)


def ancestors(values, stop=()):
    """What `values` are computed from, themselves included, in order of computation; leaves and numbers are not."""
    found, stop, waiting = {}, set(stop), list(values)[::-1]
    while waiting:
        value = waiting[-1]
        if value in found or value in stop or value.kind in ("leaf", "constant", "count"):
            waiting.pop()
            continue
        missing = [argument for argument in value.arguments if argument not in found and argument not in stop
                   and argument.kind not in ("leaf", "constant", "count")]  # fmt: skip
        if not missing:
            found[waiting.pop()] = True
        waiting += missing
    return list(found)


class _Keeping:
    """Finds what of the forward steps the backward steps need.

    First, all that the backward steps take from the forward steps, and what products have on their left; then,
    without what is cheap to compute from the rest. Lefts stay, since the gradients of weights take them as they are,
    and what is asked to be equal, such as to the largest of all: computed again, it might be rounded in another way.
    """

    def __init__(self, program):
        self.program = program
        self.states, self.kept = set(), {}

    def found(self):
        program = self.program
        self.is_forward = set(ancestors(program.forward))
        for product in program.products:
            self._need(product.left, is_left=True)
        as_they_are = set(self.kept)
        from_outside = set()
        backward = ancestors(program.backward)
        for value in backward:
            if any(self._is_from_outside(argument, from_outside) for argument in value.arguments):
                from_outside.add(value)
        for value in backward:
            if value in from_outside:
                for argument in value.arguments:
                    if not self._is_from_outside(argument, from_outside):
                        self._need(argument)
        for value in program.backward:
            if not self._is_from_outside(value, from_outside):
                self._need(value)
        for value in backward:
            if self._asks_for_the_same(value):
                as_they_are.update(value.arguments)
        for value in list(self.kept):
            if value not in as_they_are:
                del self.kept[value]
                if not self._is_cheap(value):
                    self.kept[value] = True
        return sorted(self.states), list(self.kept)

    @staticmethod
    def _asks_for_the_same(value):
        """Whether it compares what is equal but for rounding, where it is."""
        return value.kind == "map" and (
            isinstance(value.detail, (scalar.EQ, scalar.NEQ)) or isinstance(value.detail, scalar.LogicalComparison)
            and any(one.kind == "max" for one in ancestors(value.arguments)))  # fmt: skip

    @staticmethod
    def _is_from_outside(value, found):
        return value in found or value.kind == "leaf" and value.detail.kind in ("carried", "output_gradient")

    def _need(self, value, is_left=False):
        if value.kind == "leaf":
            if value.detail.kind == "before":
                self.states.add(value.detail.position)
        elif value.kind == "cut":
            self._need(value.arguments[0])
        elif value in self.program.states:
            self.states.add(self.program.states.index(value))
        elif value.kind in ("constant", "count"):
            pass
        elif value.kind == "join" and not is_left:
            for argument in value.arguments:
                self._need(argument)
        elif value.dtype == self.program.dtype and (value in self.is_forward or value.kind != "map"):
            self.kept[value] = True
        else:
            for argument in value.arguments:
                self._need(argument)

    def _is_cheap(self, value):
        if value.kind in ("leaf", "constant", "count") or value in self.kept:
            return value.kind != "leaf" or value.detail.kind != "before" or value.detail.position in self.states
        if value in self.program.states:
            return self.program.states.index(value) in self.states
        return (value.kind == "cut" or value.kind == "map" and isinstance(value.detail, CHEAP)) and all(
            map(self._is_cheap, value.arguments))
