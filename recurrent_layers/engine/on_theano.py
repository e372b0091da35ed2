"""What the library takes from Theano 1.0.5."""

import theano
from theano import Apply, Constant, In, Op, Out, Variable, clone, config, function, grad, scalar, shared, tensor
from theano.compile import Mode, Rebroadcast, Shape, SharedVariable, SpecifyShape, ViewOp, get_mode, optdb
from theano.compile.function_module import Supervisor
from theano.gof import FunctionGraph, InconsistencyError, Query, link, opt
from theano.gof.fg import MissingInputError
from theano.gof.graph import ancestors, clone_get_equiv, io_toposort
from theano.gof.graph import inputs as graph_inputs
from theano.gof.toolbox import Feature
from theano.gof.utils import MethodNotDefined
from theano.gradient import DisconnectedInputError, DisconnectedType, GradClip, grad_clip
from theano.sandbox.rng_mrg import MRG_RandomStreams as RandomStreams
from theano.scan_module.scan import scan
from theano.scan_module.scan_op import Scan
from theano.scan_module.scan_utils import equal_computations
from theano.tensor import Alloc, Dot, Join, MaxAndArgmax, Reshape, Rop, nnet
from theano.tensor.elemwise import CAReduce, DimShuffle, Elemwise
from theano.tensor.extra_ops import CumOp
from theano.tensor.nnet.nnet import LogSoftmax, Softmax
from theano.tensor.nnet.sigm import ScalarSigmoid as Sigmoid
from theano.tensor.nnet.sigm import ScalarSoftplus as Softplus
from theano.tensor.opt import Assert, MakeVector
from theano.tensor.subtensor import AdvancedSubtensor1, IncSubtensor, Subtensor, get_idx_list

from recurrent_layers.engine import theano_fixes
from recurrent_layers.engine.names import NAMES

__all__ = NAMES

COp = Op  # Each op may have C code.
SCANS = [scan]
SCAN_HAS_SECOND_DERIVATIVES = theano_fixes.scan_has_second_derivatives
optimizer = opt.optimizer


def raise_with_op(fgraph, **of_node):
    """Raise the error that is being handled with what is known of the node it comes from."""
    link.raise_with_op(**of_node)


def provide_theano():
    """Let scripts `import theano`, on PyTensor too: here they can."""


def adapted_scan(original, ours):
    """A function with the signature of Theano's."""
    return ours


def step_of_scan(op):
    """A step of a `Scan`, as new variables and what is computed from them; the taps of states with several; whether
    that is all it has.
    """
    given = [variable.type() for variable in op.inputs]
    made = clone_get_equiv(op.inputs, op.outputs, copy_inputs=False, copy_orphans=False,
                           memo=dict(zip(op.inputs, given)))
    results = [made[variable] for variable in op.outputs]
    is_all = not (op.as_while or op.n_shared_outs or op.n_mit_mot)
    return given, results, op.tap_array[op.n_mit_mot:op.n_mit_mot + op.n_mit_sot], is_all


def indices(node):
    """The indices of a `Subtensor` or an `IncSubtensor`: for each axis a slice, or a variable or a number."""
    first = 1 if isinstance(node.op, Subtensor) else 2
    return get_idx_list([None] + node.inputs[first:], node.op.idx_list)


def is_softmax(node, kind):
    """Whether a node computes the softmax of each row, or its logarithm: `kind` is `Softmax` or `LogSoftmax`."""
    return isinstance(node.op, kind)


def product(node):
    """What a node multiplies, as matrices; None if it does no such thing."""
    return node.inputs if isinstance(node.op, Dot) else None


def reduction(node):
    """The function of numbers that a node applies along axes, and the axes; None if it does no such thing."""
    if isinstance(node.op, MaxAndArgmax):
        return scalar.maximum, tuple(node.op.axis)
    return (node.op.scalar_op, node.op.axis) if isinstance(node.op, CAReduce) else None


def rows(node):
    """The array that a node takes rows of, and their numbers; None if it does no such thing."""
    return node.inputs if isinstance(node.op, AdvancedSubtensor1) else None


def cumulated(node):
    """What a node adds up along an axis, number by number, and the axis; None if it does no such thing."""
    return (node.inputs[0], node.op.axis) if isinstance(node.op, CumOp) and node.op.mode == "add" else None


def register(name, optimization, position, *tags):
    """Let Theano apply an optimization where one of the tags is asked for."""
    optdb.register(name, optimization, position, *tags)


def simplify(fgraph):
    """Apply the canonical simplifications, and none of ours."""
    optdb.query(Query(include=["fast_run"], exclude=["recurrence"], position_cutoff=1.01)).optimize(fgraph)


def clients(fgraph, variable):
    """The nodes that take a variable, None for an output of the graph."""
    return [node if isinstance(node, Apply) else None for node, _ in fgraph.clients(variable)]


def of_any_size(variable, *axes):
    """The variable; of the sizes of these axes nothing is known."""
    return tensor.unbroadcast(variable, *axes)


def of_size_1(variable, axis):
    """The variable; along an axis it is broadcast."""
    return tensor.addbroadcast(variable, axis)


def without_test_values():
    """Within this, variables need no test values: those of a step have none."""
    return theano.change_flags(compute_test_value="off")
