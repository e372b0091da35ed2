"""Takes into a step what its sequences are made by, where each sample and step of them is made by itself.

Somebody who writes ``scan(step, sequences=T.dot(x, W) + b)`` lets the engine make an array for all steps at once. A
step that is given x, and multiplies it itself, gives the same; but the loop does so on all threads and some steps
ahead, it adds the gradients of W and b up with those of the other weights, and no array of the size of the product is
needed.
"""

from recurrent_layers import engine
from recurrent_layers.engine import (
    Assert,
    Constant,
    DimShuffle,
    Elemwise,
    Join,
    Reshape,
    SharedVariable,
    Subtensor,
    Variable,
    ViewOp,
    scalar,
)
from recurrent_layers.engine import tensor as T
from recurrent_layers.recurrence import words
from recurrent_layers.recurrence.graphs import is_all, joined_columns, sizes, substitute, unwrapped

_AS_LONG = Assert("sequences that are added or joined have other numbers of steps")


def with_origins(step, sequences):
    """A step that makes of its sequences what they are, and what they are made of.

    Those that the step itself multiplies stay what they are: it does so some steps ahead, which it can do only with
    what it is given.

    Parameters
    ----------
    step : Step
    sequences : list of symbolic variables

    Returns
    -------
    Step, list of symbolic variables, list of symbolic variables
        The step, its sequences, and its new weights, which come last.
    """
    multiplied, used = {k for k, _ in step.ahead()[1]}, set(engine.graph_inputs(step.results))
    origins, made, given = _Origins(), {}, {}
    for k, (sequence, x_t) in enumerate(zip(sequences, step.sequences)):
        found = origins.of(sequence) if sequence.ndim == 3 and x_t in used and k not in multiplied else None
        if found is None:
            given[x_t] = sequence
        else:
            made[x_t] = found
    results = substitute(step.results, made)
    needed = set(engine.graph_inputs(results))
    given.update((own, sequence) for own, sequence in origins.given().items() if own in needed)
    weights = {own: weight for own, weight in origins.weights.items() if own in needed}
    step = step._replace(sequences=list(given), weights=step.weights + list(weights)).with_results(results)
    return step, list(given.values()), list(weights.values())


class _Origins:
    """What sequences are made of.

    Attributes
    ----------
    weights : dict
        For what they are in a step, the weights.
    """

    def __init__(self):
        self.weights, self._sequences, self._others, self._first = {}, {}, {}, None

    def given(self):
        """For what they are in a step, the sequences; those that are added or joined have as many steps."""
        given = {}
        for own, sequence in self._sequences.items():
            same = [T.eq(sequence.shape[0], self._sequences[other].shape[0]) for other in self._others.get(own, ())]
            sequence = _AS_LONG(sequence, *same) if same else sequence
            given[own] = engine.of_any_size(sequence, *range(3))
        return given

    def of(self, sequence):
        """What a step makes to have a sequence; None if there is nothing to do."""
        self._first = None
        made = self.rows(sequence, lambda rows: rows)
        return None if made.owner is None else made

    def rows(self, variable, arranged):
        """What a step makes to have, of a sequence, what belongs to it.

        Parameters
        ----------
        variable : symbolic variable
            The rows of the sequence, as a matrix, or in three dimensions.
        arranged : callable
            Makes a sequence of anything that has such rows.
        """
        node = variable.owner
        for way in self.WAYS if node is not None else ():
            found = way(self, node, arranged)
            if found is not None:
                return found
        return self._given(arranged(variable))

    def _given(self, sequence):
        same = [own for own, other in self._sequences.items() if other is sequence or
                engine.equal_computations([other], [sequence]) and not _has_view(sequence)]  # fmt: skip
        own = same[0] if same else T.TensorType(sequence.dtype, (False, False))()
        self._sequences.setdefault(own, sequence)
        self._first = own if self._first is None else self._first
        if own is not self._first:
            self._others.setdefault(own, []).append(self._first)
        return own

    def _weight(self, weight):
        own = weight.type()
        self.weights[own] = weight
        return own

    def _transposed(self, node, arranged):
        if isinstance(node.op, DimShuffle) and tuple(node.op.new_order) in ((0, 1, 2), (1, 0, 2)):
            return self.rows(node.inputs[0], lambda rows: arranged(rows.dimshuffle(*node.op.new_order)))

    def _cut(self, node, arranged):
        indices = list(engine.indices(node)) if isinstance(node.op, Subtensor) else []
        if not indices or node.inputs[0].ndim != 3 or not all(isinstance(index, slice) for index in indices):
            return None
        if any(_is_computed(bound) for index in indices[2:] for bound in (index.start, index.stop, index.step)):
            return None
        own = self.rows(node.inputs[0], lambda rows: arranged(rows[tuple(indices[:2])]))
        if all(map(is_all, indices[2:])):
            return own
        return own[:, indices[2]] if _has_product(own) else None

    def _rows_of_matrix(self, node, arranged):
        """A matrix, whose rows are put in order, if they stay what they are."""
        rows, found = node.inputs[0], sizes(node.inputs[1]) if isinstance(node.op, Reshape) else None
        if found is None or len(found) != 3 or rows.ndim != 2 or any(node.outputs[0].broadcastable):
            return None
        if not self._are_columns(found[2], rows):
            return None
        first, second = node.inputs[1][0], node.inputs[1][1]
        own = self.rows(rows, lambda others: arranged(others.reshape((first, second, others.shape[1]), ndim=3)))
        return words.OfColumns(found[2])(own) if isinstance(found[2], int) else own

    @staticmethod
    def _are_columns(size, rows):
        """Whether a size is certain to be the number of columns of a matrix."""
        while rows.owner is not None and _is_sum(rows.owner) and _whole(rows.owner):
            rows = _whole(rows.owner)[0]
        product = rows.owner and engine.product(rows.owner)
        weight = unwrapped(product[1]) if product else None
        if weight is None or weight.ndim != 2:
            return False
        return size == (weight, 1) or isinstance(size, int) and size == _known_columns(weight)

    def _product(self, node, arranged):
        product = engine.product(node)
        if product and product[1].ndim == 2 and _are_of_one_type(*product, node.outputs[0]) and not any(
                product[1].broadcastable):  # fmt: skip
            # Of what is given, since that can be multiplied some steps ahead.
            return T.dot(self._given(arranged(product[0])), self._weight(unwrapped(product[1])))

    def _joined(self, node, arranged):
        parts = joined_columns(node) if isinstance(node.op, Join) else None
        if parts and _are_of_one_type(*parts, node.outputs[0]):
            made = [self.rows(part, arranged) for part in parts]
            # Else it could not be seen which of them a step cuts out.
            if all(part.owner is not None and isinstance(part.owner.op, words.OfColumns) for part in made):
                return T.concatenate(made, axis=1)

    def _sum(self, node, arranged):
        """Rows that are added or multiplied, with others, or with what is the same for all."""
        if not _is_sum(node):
            return None
        values = []
        for one in node.inputs:
            vector = _vector(one)
            if vector is None:
                values.append(self.rows(one, arranged))
            elif _is_number(vector):
                values.append(T.constant(vector.data.reshape((1, 1))))
            else:
                values.append(self._weight(vector).dimshuffle(*["x"] * (2 - vector.ndim), *range(vector.ndim)))
        if len(_whole(node)) == 1 or any(map(_has_product, values)):
            return node.op(*values)

    WAYS = [_transposed, _cut, _rows_of_matrix, _product, _joined, _sum]


def _are_of_one_type(*variables):
    return variables[0].dtype in ("float32", "float64") and len({variable.dtype for variable in variables}) == 1


def _is_computed(bound):
    return isinstance(bound, Variable) and not isinstance(bound, Constant)


def _has_view(value):
    """Whether it goes through something that changes its gradient alone: how, such as by clipping, it may not tell."""
    return any(isinstance(node.op, ViewOp) for node in engine.io_toposort([], [value]))


def _has_product(value):
    return any(engine.product(node) for node in engine.io_toposort([], [value]))


def _is_sum(node):
    """Whether it adds or multiplies rows."""
    made, whole, vectors = node.outputs[0], _whole(node), map(_vector, node.inputs)
    return isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, (scalar.Add, scalar.Sub, scalar.Mul)) and (
        not any(made.broadcastable) and all(one.broadcastable == made.broadcastable for one in whole)) and (
            _are_of_one_type(made, *whole, *(one for one in vectors if one is not None and not _is_number(one))))


def _whole(node):
    """The inputs of an elementwise function that are not the same for all rows."""
    return [one for one in node.inputs if _vector(one) is None]


def _vector(variable):
    """The vector or the number that is the same for all rows; None if it is not."""
    node, before = variable.owner, ("x",) * (variable.ndim - 1)
    if node is not None and isinstance(node.op, DimShuffle) and node.inputs[0].ndim < 2 and tuple(
            node.op.new_order) in ((*before, 0), (*before, "x")):  # fmt: skip
        return node.inputs[0]
    return variable if _is_number(variable) else None


def _is_number(variable):
    return isinstance(variable, Constant) and variable.data.size == 1


def _known_columns(weight):
    """The number of columns of a weight, if it is known now; a step that relies on it makes sure."""
    if isinstance(weight, SharedVariable):
        return weight.get_value(borrow=True).shape[1]
    return weight.data.shape[1] if isinstance(weight, Constant) else None
