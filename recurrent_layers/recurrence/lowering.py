"""From the graph of a step, in the engine's ops and in words, to values."""

from recurrent_layers import engine
from recurrent_layers.engine import Alloc, Constant, DimShuffle, Dot, Elemwise, ViewOp, scalar
from recurrent_layers.recurrence import words
from recurrent_layers.recurrence.errors import Unsupported
from recurrent_layers.recurrence.values import Extent


class Lowering:
    """Makes values of variables.

    Parameters
    ----------
    graph : values.Graph
    given : dict
        What is given: variable to `Value`.
    matrices : dict
        The weights that stand on the right of products: variable to (position, name).
    """

    def __init__(self, graph, given, matrices):
        self.graph, self._values, self.matrices = graph, dict(given), matrices

    def value(self, variable):
        """The value of a variable."""
        waiting = [variable]  # Not by recursion: a graph may be deeper than Python's stack.
        while waiting:
            last = waiting[-1]
            missing = [argument for argument in _arguments(last) if argument not in self._values]
            if last not in self._values and not missing:
                self._values[last] = self._of(last)
            if last in self._values and last.name:
                self.graph.names.setdefault(self._values[last], last.name)
            if last in self._values:
                waiting.pop()
            waiting += missing
        return self._values[variable]

    def whole(self, variable):
        """The value of a variable, with as many columns as that has, be they all the same."""
        value = self.value(variable)
        if not value.is_column or variable.ndim < 2 or variable.broadcastable[1]:
            return value
        return self.graph.filled(value, self._columns(variable))

    def _columns(self, variable):
        """The columns of a variable that are all the same: those of what it is spread like."""
        waiting = [variable]
        while waiting:
            last = waiting.pop()
            if not self.value(last).is_uniform:
                return self.value(last).columns
            likes = _likes(last.owner) if last.owner is not None else []
            waiting += [like for like in likes if like.ndim == 2 and not like.broadcastable[1]]
        raise Unsupported("the number of columns of what has any number of them")

    def _of(self, variable):
        node = variable.owner
        if isinstance(variable, Constant) and variable.data.size == 1:
            return self.graph.constant(variable.data.reshape(()).item(), variable.dtype)
        if node is None:
            raise Unsupported(f"the constant {variable}")
        read = self.whole if isinstance(node.op, _OF_COLUMNS) else self._values.__getitem__
        values = [read(argument) for argument in _arguments(variable)]
        for kind, way in self.WAYS:
            if isinstance(node.op, kind):
                return way(self, node, *values)
        function, axes = engine.reduction(node) or (None, None)
        if isinstance(function, scalar.Add) and axes in (1, (1,), [1]):
            return self._sum(node, self.whole(node.inputs[0]))
        raise Unsupported(f"{node.op}, which is neither elementwise nor a product")

    def _map(self, node, *values):
        function = node.op.scalar_op
        return values[1] if isinstance(function, scalar.Second) else self.graph.map(
            function, list(values), node.outputs[0].dtype)  # fmt: skip

    def _product(self, node, left):
        right = node.inputs[1]
        is_transposed = right not in self.matrices
        matrix = right.owner.inputs[0] if is_transposed and right.owner is not None else right
        if matrix not in self.matrices:
            raise Unsupported("a product that is not one of a state or an input with a weight")
        position, name = self.matrices[matrix]
        rows, columns = (1, 0) if is_transposed else (0, 1)
        if not left.is_uniform:
            left.columns.unite(self.graph.columns_of(name, rows))
        elif is_transposed:  # The gradient of a product whose columns are added up, say.
            left = self.graph.filled(left, self.graph.columns_of(name, rows))
        return self.graph.product(left, position, is_transposed, self.graph.columns_of(name, columns))

    def _same(self, node, value):
        return value

    def _cut(self, node, value):
        return self.graph.cut(value, *_bounds(node.op, value), node.op.is_column)

    def _of_columns(self, node, value):
        if not value.is_uniform:
            if not value.extent.terms and value.extent.constant != node.op.number:
                raise Unsupported(f"{value.extent.constant} columns where there are {node.op.number}")
            value.columns.root().extents.append(Extent(constant=node.op.number))
        return value

    def _filled(self, node, value):
        return self.graph.filled(value, self.graph.columns_of_extent(Extent(constant=node.op.number)))

    def _placed(self, node, columns, like):
        begin, end = _bounds(node.op, like)
        zero = self.graph.constant(0.0, columns.dtype)
        placed = self.graph.join([(zero, begin), (columns, end - begin), (zero, like.extent - end)])
        if not placed.is_uniform:
            placed.columns.unite(like.columns)
        return placed

    def _joined(self, node, *parts):
        return self.graph.join([(part, _extent(part)) for part in parts])

    def _part(self, node, value, *parts):
        number = node.op.number
        begin = Extent()
        for part in parts[:number]:
            begin = begin + _extent(part)
        if number == len(parts) - 1 and not parts[number].is_column:
            return self.graph.cut(value, begin, value.extent)
        return self.graph.cut(value, begin, begin + _extent(parts[number]), parts[number].is_column)

    def _sum(self, node, value):
        return self.graph.reduce("sum", value)

    def _max(self, node, value):
        return self.graph.reduce("max", value)

    def _count(self, node, value):
        return self.graph.count(value, node.outputs[0].dtype)

    WAYS = [(Elemwise, _map), (Dot, _product), (words.Cut, _cut), (words.Placed, _placed), (words.Joined, _joined),
            (words.Part, _part), (words.OfColumns, _of_columns), (words.Filled, _filled),
            (words.RowSum, _sum), (words.RowMax, _max), (words.Count, _count),
            ((DimShuffle, Alloc, ViewOp, words.Spread, words.Held), _same)]  # fmt: skip


#: Where it matters how many columns there are, though all have the same number.
_OF_COLUMNS = (words.Cut, words.Placed, words.Joined, words.Part, words.RowSum, words.Count)


def _arguments(variable):
    """What the value of a variable is computed from: of a product its left, and of sizes nothing."""
    node = variable.owner
    if node is None:
        return []
    is_of_first = isinstance(node.op, (Dot, DimShuffle, Alloc, words.Spread))
    return node.inputs[:1] if is_of_first else node.inputs


def _likes(node):
    """The inputs of a node that have as many columns as what it gives, or one."""
    if isinstance(node.op, (words.Spread, words.Placed)):
        return node.inputs[1:]
    return node.inputs if isinstance(node.op, (Elemwise, ViewOp, words.Held)) else []


def _extent(value):
    if value.is_uniform and not value.is_column:
        raise Unsupported("the number of columns of what has any number of them")
    return value.extent


def _bounds(op, value):
    """Where the columns of a cut begin and end."""
    total = _extent(value)
    begin, end = (total + Extent(constant=number) if number < 0 else Extent(constant=number)
                  for number in (op.begin, op.end or 0))  # fmt: skip
    return begin, total if op.end is None else end
