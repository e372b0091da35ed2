"""What a step is said in, beside elementwise functions and products: ops that have no code of their own.

They stand in the graph of a step, and in that of its gradient, while the engine derives and simplifies it.
"""

from recurrent_layers.engine import Apply, DisconnectedType, Op, config
from recurrent_layers.engine import tensor as T


def matrix(dtype):
    return T.TensorType(dtype, (False, False))()


def column(dtype):
    return T.TensorType(dtype, (False, True))()


def _has_gradient(x):
    return x.dtype.startswith("float")


def _zeros_like(x):
    return T.zeros_like(x, dtype=config.floatX)


class Word(Op):
    """An op that is written as C within a step, and nowhere else."""

    __props__ = ()

    def do_constant_folding(self, *_):
        return False

    def perform(self, node, inputs, output_storage):
        raise NotImplementedError(f"{self} is only a word of a step")


class Cut(Word):
    """The columns from `begin` on and before `end`; negative ones count from the last; `end` None is after it."""

    __props__ = ("begin", "end", "is_column")

    def __init__(self, begin, end, is_column=False):
        self.begin, self.end, self.is_column = begin, end, is_column

    def make_node(self, x):
        return Apply(self, [x], [(column if self.is_column else matrix)(x.dtype)])

    def grad(self, inputs, output_gradients):
        return [Placed(self.begin, self.end)(output_gradients[0], inputs[0])]


class OfColumns(Word):
    """The same value, which has so many columns."""

    __props__ = ("number",)
    view_map = {0: [0]}

    def __init__(self, number):
        self.number = number

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        if inputs[0].shape[1] != self.number:
            raise ValueError(f"{inputs[0].shape[1]} columns are given where {self.number} are expected")
        output_storage[0][0] = inputs[0]

    def infer_shape(self, node, shapes):
        return shapes

    def grad(self, inputs, output_gradients):
        return output_gradients

    def R_op(self, inputs, eval_points):
        return eval_points


class Placed(Word):
    """Zeros like another value, with columns put in from `begin` on and before `end`."""

    __props__ = ("begin", "end")

    def __init__(self, begin, end):
        self.begin, self.end = begin, end

    def make_node(self, columns, like):
        return Apply(self, [columns, like], [matrix(columns.dtype)])


class Joined(Word):
    """Values beside each other."""

    def make_node(self, *parts):
        return Apply(self, list(parts), [matrix(parts[0].dtype)])

    def grad(self, inputs, output_gradients):
        return [Part(k)(output_gradients[0], *inputs) for k in range(len(inputs))]


class Part(Word):
    """The part of a value that is where one of several others is, beside each other."""

    __props__ = ("number",)

    def __init__(self, number):
        self.number = number

    def make_node(self, value, *parts):
        return Apply(self, [value, *parts], [parts[self.number].type()])


class RowSum(Word):
    """The sum over the columns."""

    def make_node(self, x):
        return Apply(self, [x], [column(x.dtype)])

    def grad(self, inputs, output_gradients):
        return [spread(output_gradients[0], inputs[0]) if _has_gradient(inputs[0]) else _zeros_like(inputs[0])]


class RowMax(Word):
    """The largest of the columns; its gradient goes to all that are as large."""

    def make_node(self, x):
        return Apply(self, [x], [column(x.dtype)])

    def L_op(self, inputs, outputs, output_gradients):
        if not _has_gradient(inputs[0]):
            return [_zeros_like(inputs[0])]
        return [T.cast(T.eq(inputs[0], outputs[0]), inputs[0].dtype) * output_gradients[0]]


class Count(Word):
    """How many columns there are."""

    def make_node(self, x):
        return Apply(self, [x], [T.TensorType("int64", (True, True))()])

    def connection_pattern(self, node):
        return [[False]]

    def grad(self, inputs, output_gradients):
        return [DisconnectedType()()]


class Spread(Word):
    """A value with as many columns as another."""

    def make_node(self, value, like):
        return Apply(self, [value, like], [matrix(value.dtype)])

    def connection_pattern(self, node):
        return [[True], [False]]

    def grad(self, inputs, output_gradients):
        value, gradient = inputs[0], output_gradients[0]
        return [row_sum(gradient) if value.broadcastable[1] else gradient, DisconnectedType()()]


class Filled(Word):
    """So many columns of a value, which has one."""

    __props__ = ("number",)

    def __init__(self, number):
        self.number = number

    def make_node(self, value):
        return Apply(self, [value], [matrix(value.dtype)])

    def grad(self, inputs, output_gradients):
        return [row_sum(output_gradients[0]) if _has_gradient(inputs[0]) else _zeros_like(inputs[0])]


class Held(Word):
    """The same value, whose gradient is zero."""

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def connection_pattern(self, node):
        return [[False]]

    def grad(self, inputs, output_gradients):
        return [DisconnectedType()()]


row_sum, row_max, count, spread, constant = RowSum(), RowMax(), Count(), Spread(), Held()


def cut(x, begin, end, is_column=False):
    """The columns of x from `begin` on and before `end`."""
    return Cut(begin, end, is_column)(x)


def join(parts):
    """Values beside each other."""
    return Joined()(*parts)
