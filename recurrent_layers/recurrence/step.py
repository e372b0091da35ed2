"""The step of a loop, as a graph of the engine, and how it reads when each value belongs to a sample.

`Step` is what the engine's scan makes of a function: anything may be in it. `Reading` says the same in few words:
elementwise functions, products with weights, and the ops of `words`. Each value in it is a matrix, (nb_samples, n), or
a column, (nb_samples, 1): what is the same for all samples is one of them, too, so that the gradient of it is one for
each sample, and what is left to do is to add them up.
"""

from typing import List, NamedTuple, Tuple

from recurrent_layers import engine
from recurrent_layers.engine import (
    Alloc,
    Constant,
    DimShuffle,
    Elemwise,
    Join,
    LogSoftmax,
    Rebroadcast,
    Shape,
    Softmax,
    SpecifyShape,
    Subtensor,
    Variable,
    ViewOp,
    scalar,
)
from recurrent_layers.engine import tensor as T
from recurrent_layers.recurrence import words
from recurrent_layers.recurrence.errors import Unsupported
from recurrent_layers.recurrence.graphs import columns_of, is_all, joined_columns, substitute


class State(NamedTuple):
    """What a step hands over to later ones.

    Attributes
    ----------
    taps : tuple of int
        How many steps back the step looks, as negative numbers.
    before : list of symbolic variables
        The state so many steps before, one for each of the taps.
    after : symbolic variable
        The state after the step.
    """

    taps: Tuple[int, ...]
    before: List[Variable]
    after: Variable

    @property
    def depth(self):
        """How many states there must be before the first step."""
        return -min(self.taps)


class Step(NamedTuple):
    """One step of a loop, as a graph without shared variables.

    Attributes
    ----------
    sequences : list of symbolic variables
        What it receives of each sequence.
    states : list of State
    outputs : list of symbolic variables
        What else it computes.
    weights : list of symbolic variables
        All else that there is, the same at all steps.
    """

    sequences: List[Variable]
    states: List[State]
    outputs: List[Variable]
    weights: List[Variable]

    @property
    def given(self):
        """All that a step is given, in the order in which scan hands it over."""
        return [*self.sequences, *(variable for state in self.states for variable in state.before), *self.weights]

    @property
    def results(self):
        """All that it computes: the states after it, and the outputs."""
        return [state.after for state in self.states] + self.outputs

    def with_results(self, results):
        """The same step that computes something else."""
        states = [state._replace(after=after) for state, after in zip(self.states, results)]
        return self._replace(states=states, outputs=list(results[len(states):]))

    def unmasked(self):
        """What masks the steps, and a step that is not masked.

        Returns
        -------
        int or None, Step
            Which sequence it is, if one keeps all states as they were where it is false.
        """
        if self.outputs or not self.states or any(-1 not in state.taps for state in self.states):
            return None, self
        chosen = [_chosen(state.after) for state in self.states]
        for k, sequence in enumerate(self.sequences):
            if sequence.dtype in ("bool", "int8", "uint8") and is_column(sequence) and all(
                    _is_same(condition, sequence) and otherwise is state.before[state.taps.index(-1)]
                    # Else the choice is what spreads it over the columns.
                    and after.broadcastable == state.after.broadcastable
                    for (condition, after, otherwise), state in zip(chosen, self.states)):  # fmt: skip
                return k, self.with_results([after for _, after, _ in chosen])
        return None, self

    def without_constants(self, outer):
        """A step in which what is the same at all steps is given.

        Parameters
        ----------
        outer : list of symbolic variables
            The weights.

        Returns
        -------
        Step, list of symbolic variables
            The step, which has only weights that it needs, and these.

        Raises
        ------
        Unsupported
            If a result is the same at all steps: nothing would tell whether it is one for each sample.
        """
        changing, hoisted = {*self.given[:len(self.given) - len(self.weights)]}, {}
        nodes = engine.io_toposort([], self.results)
        for node in nodes:
            # What is clipped is the gradient of each step, and not their sum.
            if any(variable in changing for variable in node.inputs) or isinstance(node.op, engine.GradClip):
                changing.update(node.outputs)
        for node in nodes:
            for variable in node.inputs if changing.intersection(node.outputs) else ():
                if variable not in changing and _is_to_be_given(variable):
                    hoisted[variable] = variable.type()
        if not changing.issuperset(self.results):
            raise Unsupported("a result that is the same at all steps")
        values = substitute(list(hoisted), dict(zip(self.weights, outer)))
        results = substitute(self.results, hoisted)
        given = dict(zip([*self.weights, *hoisted.values()], [*outer, *values]))
        needed = [variable for variable in dict.fromkeys(engine.graph_inputs(results)) if variable in given]
        step = self._replace(weights=needed).with_results(results)
        return step, [given[variable] for variable in needed]

    def ahead(self):
        """What the engine's scan had better be given than compute at each step: what products make of a sequence.

        Returns
        -------
        Step, list of (int, symbolic variable)
            A step with more sequences, and for each of these which one it is made of, and how.
        """
        made_of = {sequence: k for k, sequence in enumerate(self.sequences) if sequence.ndim == 2}
        fixed, with_products, found = set(self.weights), set(), {}
        for node in engine.io_toposort([], self.results):
            given = [one for one in node.inputs if one not in fixed and not isinstance(one, Constant)]
            sources = {made_of.get(variable) for variable in given}
            is_product = engine.product(node) is not None and node.inputs[1] not in given
            is_of_rows = isinstance(node.op, (Elemwise, words.OfColumns)) or isinstance(
                node.op, Join) and joined_columns(node) is not None  # fmt: skip
            # What is fixed but of its own for each sample has other rows than those of all steps.
            is_fine = is_product or is_of_rows and all(
                one in given or one.ndim < 2 or one.broadcastable[0] for one in node.inputs)
            if not given:
                # What is clipped is the gradient of each step.
                fixed.update([] if isinstance(node.op, engine.GradClip) else node.outputs)
            elif len(sources) == 1 and None not in sources and is_fine and node.outputs[0].ndim == 2:
                made_of[node.outputs[0]] = sources.pop()
                if is_product or with_products.intersection(given):
                    with_products.add(node.outputs[0])
                continue
            found.update((variable, variable.type()) for variable in given if variable in with_products)
        step = self.with_results(substitute(self.results, found))
        return step._replace(sequences=self.sequences + list(found.values())), [
            (made_of[variable], variable) for variable in found]


def _is_to_be_given(variable):
    """Whether something that is the same at all steps is more than a weight or a number."""
    if not isinstance(variable.type, T.TensorType):
        return False
    if isinstance(variable, Constant):
        return variable.data.size > 1
    if variable.owner is None or not isinstance(variable.owner.op, DimShuffle):
        return variable.owner is not None
    inner = variable.owner.inputs[0]
    return inner.owner is not None or inner.ndim > 1 or isinstance(inner, Constant) and inner.data.size > 1


def _chosen(variable):
    """The condition of a choice between two, and both; thrice None if the variable is no such choice."""
    node = variable.owner
    if node is not None and isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, scalar.Switch):
        return node.inputs
    return None, None, None


def is_column(variable):
    """Whether it has one number for each sample."""
    return variable.ndim == 1 or variable.broadcastable == (False, True)


def _is_same(variable, column):
    """Whether a variable is a column, be it as a vector."""
    return variable is column or variable is not None and _vector_as_column(variable) is column


def _vector_as_column(variable):
    """The vector that a variable is, or the column of; None if it is neither."""
    node = variable.owner
    if node is not None and isinstance(node.op, DimShuffle) and tuple(node.op.new_order) == (0, "x"):
        return node.inputs[0]
    return variable if variable.ndim == 1 else None


class Leaf(NamedTuple):
    """What a value of a step is that is given.

    Attributes
    ----------
    kind : str
        "sequence"; "before", a state before the step; or of a weight how it is used: "matrix", on the right of
        products; "row", the same for all samples; "fixed", of its own for each sample; "number".
    position : int
        Which of the sequences, states or weights.
    tap : int
        Of a state, how many steps back.
    """

    kind: str
    position: int
    tap: int = 0


class Reading:
    """A step in few words.

    Parameters
    ----------
    step : Step

    Attributes
    ----------
    leaves : dict
        What is given: variable to `Leaf`.
    results : list of symbolic variables
        What the step computes.
    dtype : str
        That of all results.

    Raises
    ------
    Unsupported
        If something is in the step that has no word.
    """

    def __init__(self, step):
        self.leaves, self._read, self._of_weights = {}, {}, {}
        self._weights = {weight: k for k, weight in enumerate(step.weights)}
        for k, variable in enumerate(step.sequences):
            self._give(variable, Leaf("sequence", k))
        for k, state in enumerate(step.states):
            for tap, variable in zip(state.taps, state.before):
                self._give(variable, Leaf("before", k, -tap))
        try:
            self.results = [self.read(result) for result in step.results]
        except RecursionError:
            raise Unsupported("more functions within each other than Python's stack holds") from None
        self.dtype = self.results[0].dtype
        for variable in [*self.results, *self.leaves]:
            if variable.dtype.startswith(("float", "complex")) and variable.dtype != self.dtype:
                raise Unsupported(f"{variable.dtype} together with {self.dtype}")
        if self.dtype not in ("float32", "float64") or any(result.dtype != self.dtype for result in self.results):
            raise Unsupported("results that are not of one type float32 or float64")
        if any(result.broadcastable[0] for result in self.results):
            raise Unsupported("results that are the same for all samples")

    def variable_of(self, leaf):
        """The variable of a leaf; None if the step does not need it."""
        return next((variable for variable, other in self.leaves.items() if other == leaf), None)

    def _give(self, variable, leaf):
        if not isinstance(variable.type, T.TensorType) or variable.ndim not in (1, 2) or variable.broadcastable[0]:
            raise Unsupported(f"steps that are given something else than vectors and matrices: {variable.type}")
        own = T.TensorType(variable.dtype, (False, is_column(variable)))(variable.name)
        self.leaves[own], self._read[variable] = leaf, own

    def _weight(self, weight, kind, is_column=False):
        """What stands for a weight where it is used in some way."""
        if weight not in self._weights:
            raise Unsupported(f"{weight.type}, which is not known at all steps")
        if (weight, kind) not in self._of_weights:
            if any(other is weight for other, _ in self._of_weights):
                raise Unsupported("a weight that is used in two ways")
            own = T.TensorType(weight.dtype, (False, is_column))()
            self._of_weights[weight, kind] = own
            self.leaves[own] = Leaf(kind, self._weights[weight])
        return self._of_weights[weight, kind]

    def read(self, variable):
        """What a variable is in few words: a matrix, a column, or a number (1, 1)."""
        if variable not in self._read:
            self._read[variable] = found = self._find(variable)
            found.name = found.name or variable.name
        return self._read[variable]

    def _find(self, variable):
        node = variable.owner
        if isinstance(variable, Constant):
            if not isinstance(variable.type, T.TensorType) or variable.data.size != 1:
                raise Unsupported(f"the constant {variable}")
            return T.constant(variable.data.reshape((1, 1)))
        if node is None:
            return self._given(variable)
        if engine.product(node):
            return self._product(node)
        for kinds, way in self.WAYS:
            if isinstance(node.op, kinds):
                return way(self, node)
        if engine.is_softmax(node, Softmax):
            powers = self._powers(node.inputs[0])
            return powers / words.row_sum(powers)
        if engine.is_softmax(node, LogSoftmax):
            x = self.read(node.inputs[0])
            shifted = x - _shift(x)
            return shifted - T.log(words.row_sum(T.exp(shifted)))
        if engine.reduction(node) and node.outputs[0] is variable:
            return self._reduction(node)
        raise Unsupported(f"{node.op}, which is neither elementwise nor a product")

    def _given(self, variable):
        if variable.ndim > 2 or not isinstance(variable.type, T.TensorType):
            raise Unsupported(f"a weight that is neither a matrix nor a vector: {variable.type}")
        if all(variable.broadcastable):
            return self._weight(variable, "number", is_column=True)
        if variable.ndim == 2 and variable.broadcastable[0]:
            return self._weight(variable, "row")
        return self._weight(variable, "fixed", is_column=is_column(variable))

    def _powers(self, variable):
        x = self.read(variable)
        return T.exp(x - _shift(x))

    def _elementwise(self, node):
        if len(node.outputs) > 1:
            raise Unsupported(f"{node.op}, which gives several values")
        given = [self.read(argument) for argument in node.inputs]
        if isinstance(node.op.scalar_op, scalar.Second):
            return given[1] if given[1].broadcastable == given[0].broadcastable else words.spread(given[1], given[0])
        return node.op(*given)

    def _product(self, node):
        left, right = engine.product(node)
        if left.ndim != 2 or right.ndim not in (1, 2):
            raise Unsupported("a product that is not one of a state or an input with a weight")
        if left.dtype != right.dtype or not left.dtype.startswith("float"):
            raise Unsupported(f"a product of {left.dtype} with {right.dtype}")
        if _vector_as_column(right) is not None:
            return words.row_sum(self.read(left) * self._weight(_vector_as_column(right), "row"))
        left = self.read(left)
        if right.owner is not None or any(right.broadcastable) or left.broadcastable != (False, False):
            raise Unsupported("a product that is not one of a state or an input with a weight")
        return T.dot(left, self._weight(right, "matrix"))

    def _transposition(self, node):
        order, (argument,) = tuple(node.op.new_order), node.inputs
        if argument.ndim == 1 and order == ("x", 0):
            if argument.owner is not None:
                self.read(argument)  # What is summed over samples says so.
                raise Unsupported("a row that it computes for all samples")
            is_number = argument.broadcastable == (True,)
            return self._weight(argument, "number" if is_number else "row", is_column=is_number)
        column = self.read(argument)
        if argument.ndim == 0 or order in ((0, 1), (0,)) or order == (0, "x"):
            return column
        raise Unsupported("samples as columns")

    def _cut(self, node):
        argument, indices = node.inputs[0], list(engine.indices(node))
        if argument.ndim == 1 and isinstance(argument.owner.op if argument.owner else None, (Shape, Elemwise)):
            return self._size(node.outputs[0])
        if argument.ndim != 2 or not is_all(indices[0]) or len(indices) > 2:
            raise Unsupported("some of the samples, cut out")
        if len(indices) == 1 or is_all(indices[1]):
            return self.read(argument)
        argument, index = self.read(argument), indices[1]
        if argument.broadcastable != (False, False):
            raise Unsupported("columns, cut from what has one")
        if not isinstance(index, slice):
            begin = _number(index)
            return words.cut(argument, begin, begin + 1 or None, is_column=True)
        if index.step is not None and _number(index.step) != 1:
            raise Unsupported("every so many columns")
        end = None if index.stop is None else _number(index.stop)
        start = 0 if index.start is None else _number(index.start)
        return words.cut(argument, start, end, is_column=node.outputs[0].broadcastable[1])

    def _size(self, number):
        """The number of columns, as `mean` divides by it."""
        like = columns_of(number)
        if like is None:
            raise Unsupported("sizes that it computes with")
        return T.cast(words.count(self.read(like)), number.dtype)

    def _joined(self, node):
        parts = joined_columns(node)
        if parts is None or parts[0].ndim != 2:
            raise Unsupported("samples, joined")
        return words.join([T.cast(self.read(part), node.outputs[0].dtype) for part in parts])

    def _reduction(self, node):
        function, axes = engine.reduction(node)
        argument = self.read(node.inputs[0])
        if node.inputs[0].ndim != 2 or axes not in (1, (1,), [1]):
            raise Unsupported(f"{node.op} over samples")
        if not argument.dtype.startswith("float") and argument.dtype not in _SMALL:
            raise Unsupported(f"{node.op} of {argument.dtype}")
        if isinstance(function, scalar.Add):
            return words.row_sum(T.cast(argument, node.outputs[0].dtype))  # Truth values are counted in int64.
        if isinstance(function, type(scalar.maximum)):
            return words.row_max(argument)
        raise Unsupported(f"{node.op}, which is neither elementwise nor a product")

    def _filled(self, node):
        filling, shape = node.inputs[0], node.inputs[1:]
        if node.outputs[0].ndim > 2:
            raise Unsupported("more than two dimensions")
        # The axes that it lacks are its first ones.
        value = self.read(filling.dimshuffle("x", 0) if (filling.ndim, len(shape)) == (1, 2) else filling)
        is_one = value.broadcastable != (False, False)
        for like in map(columns_of, shape):
            if like is not None and is_one:
                return words.spread(value, self.read(like))
        if len(shape) == 2 and isinstance(shape[1], Constant) and not node.outputs[0].broadcastable[1]:
            return (words.Filled if is_one else words.OfColumns)(int(shape[1].data))(value)
        if value.broadcastable == (False, True) and len(shape) == 2 and not node.outputs[0].broadcastable[1]:
            raise Unsupported("columns, as many as it does not have from others")
        return value

    def _same(self, node):
        value, made = self.read(node.inputs[0]), node.outputs[0]
        if made.ndim == 2 and made.broadcastable[1] and value.broadcastable == (False, False):
            return words.cut(words.OfColumns(1)(value), 0, 1, is_column=True)
        return value

    def _viewed(self, node):
        argument = node.inputs[0]
        if isinstance(node.op, engine.GradClip) and (not argument.ndim or argument.broadcastable[0]):
            raise Unsupported("a gradient that is clipped when it has been summed over the samples")
        return node.op(self.read(argument))

    WAYS = [(Elemwise, _elementwise), (DimShuffle, _transposition), (Subtensor, _cut), (Join, _joined),
            (Alloc, _filled), ((Rebroadcast, SpecifyShape), _same), ((ViewOp, words.OfColumns), _viewed)]  # fmt: skip


# Of these, C code adds up a row in float32 and loses nothing.
_SMALL = ("bool", "int8", "uint8")


def _shift(x):
    """What is taken from x before its powers, so that they stay small: it cancels out, and so does its gradient."""
    return words.constant(words.row_max(x))


def _number(index):
    """An index that is known, as a number."""
    if isinstance(index, Constant):
        index = index.data
    if isinstance(index, Variable):
        raise Unsupported("columns, cut where it is computed")
    return int(index)
