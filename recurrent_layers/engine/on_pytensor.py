"""What the library takes from PyTensor 3.3."""

import collections
import contextlib
import functools
import types
import warnings

import numpy as np
from pytensor import In, Out, config, function, grad, scalar, shared, tensor
from pytensor.compile.aliasing import Supervisor
from pytensor.compile.mode import Mode, get_mode, optdb
from pytensor.compile.ops import TypeCastingOp, ViewOp
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.gradient import DisconnectedInputError, DisconnectedType, GradClip, grad_clip
from pytensor.gradient import pushforward as Rop
from pytensor.graph import op
from pytensor.graph.basic import Apply, Constant, Variable, clone_get_equiv, equal_computations
from pytensor.graph.features import Feature
from pytensor.graph.fg import FunctionGraph, Output
from pytensor.graph.replace import clone_replace as clone
from pytensor.graph.rewriting.basic import graph_rewriter as optimizer
from pytensor.graph.rewriting.db import RewriteDatabaseQuery
from pytensor.graph.traversal import ancestors, graph_inputs, io_toposort
from pytensor.graph.utils import InconsistencyError, MethodNotDefined, MissingInputError
from pytensor.link.c import op as c_op
from pytensor.link.utils import raise_with_op
from pytensor.raise_op import Assert
from pytensor.scalar.math import Sigmoid, Softplus
from pytensor.scan.basic import scan as _scan
from pytensor.scan.op import Scan
from pytensor.tensor.basic import Alloc, Join, MakeVector
from pytensor.tensor.blockwise import Blockwise
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from pytensor.tensor.extra_ops import CumOp
from pytensor.tensor.math import Dot
from pytensor.tensor.shape import Reshape, Shape, SpecifyShape
from pytensor.tensor.special import LogSoftmax, Softmax
from pytensor.tensor.subtensor import AdvancedSubtensor, IncSubtensor, Subtensor, indices_from_subtensor

from recurrent_layers.engine.names import NAMES

__all__ = NAMES

SCAN_HAS_SECOND_DERIVATIVES = True


class _WithNamesOfTheano:
    """The methods that Theano calls, `grad`, `L_op` and `R_op`, for what PyTensor calls."""

    def pullback(self, inputs, outputs, output_gradients):
        return self.L_op(inputs, outputs, output_gradients)

    def L_op(self, inputs, outputs, output_gradients):
        return self.grad(inputs, output_gradients)

    def pushforward(self, inputs, outputs, eval_points):
        points = [None if isinstance(point.type, DisconnectedType) else point for point in eval_points]
        return self.R_op(inputs, points)


class Op(_WithNamesOfTheano, op.Op):
    """An op in Python."""


class COp(_WithNamesOfTheano, c_op.COp):
    """An op with C code."""


def register(name, optimization, position, *tags):
    """Let PyTensor apply an optimization where one of the tags is asked for."""
    optdb.register(name, optimization, *tags, position=position)


def simplify(fgraph):
    """Apply the canonical simplifications, and none of ours."""
    query = RewriteDatabaseQuery(include=["fast_run"], exclude=["recurrence"], position_cutoff=1.01)
    optdb.query(query).rewrite(fgraph)


class OrderedUpdates(collections.OrderedDict):
    """What shared variables become."""

    def __add__(self, other):
        return OrderedUpdates([*self.items(), *dict(other).items()])

    def __radd__(self, other):
        return OrderedUpdates([*dict(other).items(), *self.items()])


def with_updates(iterate):
    """A function such as `scan`, which returns updates and says nothing about it."""

    def run(*arguments, **named):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Scan return signature|Setting default_update", DeprecationWarning)
            outputs, updates = iterate(*arguments, **named)
        return outputs, OrderedUpdates(updates)

    run.__name__, run.__doc__ = iterate.__name__, iterate.__doc__
    return run


scan = with_updates(_scan)
SCANS = [scan, _scan]


def adapted_scan(original, ours):
    """A function with the signature of `scan` here, or of PyTensor's."""
    if original is scan:
        return ours

    @functools.wraps(_scan)
    def run(*arguments, return_updates=True, **named):
        outputs, updates = ours(*arguments, **named)
        if updates and not return_updates:
            raise ValueError(f"return_updates=False, but the steps update shared variables: {list(updates)}")
        return (outputs, dict(updates)) if return_updates else outputs

    return run


def step_of_scan(op):
    """A step of a `Scan`, as new variables and what is computed from them; the taps of states with several; whether
    that is all it has.
    """
    given = [variable.type() for variable in op.inner_inputs]
    is_all = not (op.info.as_while or op.info.n_untraced_sit_sot or op.info.n_mit_mot)
    return given, op.fgraph.bind(given), op.info.mit_sot_in_slices, is_all


def indices(node):
    """The indices of a `Subtensor` or an `IncSubtensor`: for each axis a slice, or a variable or a number."""
    first = 1 if isinstance(node.op, Subtensor) else 2
    return indices_from_subtensor(node.inputs[first:], node.op.idx_list)


def is_softmax(node, kind):
    """Whether a node computes the softmax of each row, or its logarithm: `kind` is `Softmax` or `LogSoftmax`."""
    return isinstance(node.op, kind) and node.op.axis in (1, (1,))


def product(node):
    """What a node multiplies, as matrices, or as arrays of them; None if it does no such thing."""
    if not isinstance(node.op, Blockwise):
        return node.inputs if isinstance(node.op, Dot) else None
    if not isinstance(node.op.core_op, Dot):
        return None
    left, right = node.inputs
    if right.ndim == 3 and right.owner is not None and isinstance(
            right.owner.op, DimShuffle) and tuple(right.owner.op.new_order) == ("x", 0, 1):  # fmt: skip
        right = right.owner.inputs[0]
    return left, right


def reduction(node):
    """The function of numbers that a node applies along axes, and the axes; None if it does no such thing."""
    return (node.op.scalar_op, node.op.axis) if isinstance(node.op, CAReduce) else None


def rows(node):
    """The array that a node takes rows of, and their numbers; None if it does no such thing."""
    is_one = isinstance(node.op, AdvancedSubtensor) and len(node.inputs) == 2 and len(node.op.idx_list) == 1
    return node.inputs if is_one and node.inputs[1].dtype != "bool" else None


def cumulated(node):
    """What a node adds up along an axis, number by number, and the axis; None if it does no such thing."""
    return (node.inputs[0], node.op.axis) if isinstance(node.op, CumOp) and node.op.mode == "add" else None


def clients(fgraph, variable):
    """The nodes that take a variable, None for an output of the graph."""
    return [None if isinstance(node.op, Output) else node for node, _ in fgraph.clients.get(variable, ())]


class OfAnySize(_WithNamesOfTheano, TypeCastingOp):
    """The same array; of the sizes of some axes nothing is known."""

    __props__ = ("axes",)

    def __init__(self, axes):
        self.axes = axes

    def make_node(self, variable):
        shape = [None if axis in self.axes else size for axis, size in enumerate(variable.type.shape)]
        return Apply(self, [variable], [tensor.TensorType(variable.dtype, shape)()])

    def infer_shape(self, node, shapes):
        return shapes

    def grad(self, inputs, output_gradients):
        return output_gradients

    def R_op(self, inputs, eval_points):
        return eval_points


def of_any_size(variable, *axes):
    """The variable; of the sizes of these axes nothing is known."""
    if all(variable.type.shape[axis] is None for axis in axes):
        return variable
    return OfAnySize(axes)(variable)


def of_size_1(variable, axis):
    """The variable; along an axis it is broadcast."""
    return tensor.specify_broadcastable(variable, axis)


def without_test_values():
    """Within this, variables need no test values; PyTensor knows none."""
    return contextlib.nullcontext()


# What says something of a variable's type, and nothing of its values.
Rebroadcast = OfAnySize


class RandomStreams:
    """Random numbers that a function draws anew at each call.

    Parameters
    ----------
    seed : int, optional
    """

    def __init__(self, seed=None):
        self._seeds = np.random.SeedSequence(seed)

    def next(self, distribution, *arguments, **named):
        """Of a distribution of `pytensor.tensor.random`: a new state, what becomes of it, and what is drawn."""
        state = shared(np.random.default_rng(self._seeds.spawn(1)[0]), borrow=True)
        draw = getattr(tensor.random, distribution)
        after, drawn = draw(*arguments, rng=state, return_next_rng=True, **named)
        with warnings.catch_warnings():
            # PyTensor wants updates to be handed to each function; a graph of Theano brings its own with it.
            warnings.simplefilter("ignore", DeprecationWarning)
            state.default_update = after
        return state, after, drawn

    def binomial(self, size, p, dtype):
        """Ones with probability `p`, else zeros."""
        _, _, drawn = self.next("uniform", size=size, dtype="float32")
        return tensor.cast(drawn < np.float32(p), dtype)

    def normal(self, size, avg, std, dtype):
        """Normal, with this mean and standard deviation."""
        _, _, drawn = self.next("normal", size=size, dtype=dtype)
        return np.asarray(avg, dtype) + np.asarray(std, dtype) * drawn


def _relu(x):
    return 0.5 * (x + abs(x))  # As Theano does: at 0 the gradient is 1/2.


def _hard_sigmoid(x):
    return tensor.clip(x * np.asarray(0.2, x.dtype) + np.asarray(0.5, x.dtype), 0, 1)


def _binary_crossentropy(output, target):
    return -(target * tensor.log(output) + (1.0 - target) * tensor.log(1.0 - output))


def _softmax(x):
    return tensor.special.softmax(x, axis=-1)


def _logsoftmax(x):
    return tensor.special.log_softmax(x, axis=-1)


nnet = types.SimpleNamespace(sigmoid=tensor.sigmoid, softplus=tensor.softplus, softmax=_softmax, logsoftmax=_logsoftmax,
                             relu=_relu, hard_sigmoid=_hard_sigmoid, binary_crossentropy=_binary_crossentropy)
