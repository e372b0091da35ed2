"""What the library takes from Theano 1.0.5."""

import theano
from theano import Apply, Constant, In, Op, Out, Variable, clone, config, function, grad, scalar, shared, tensor
from theano.compile import Mode, SharedVariable, get_mode, optdb
from theano.compile.function_module import Supervisor
from theano.gof import FunctionGraph, InconsistencyError, Query, opt
from theano.gof.graph import ancestors, clone_get_equiv, io_toposort
from theano.gof.graph import inputs as graph_inputs
from theano.gof.toolbox import Feature
from theano.gof.utils import MethodNotDefined
from theano.gradient import DisconnectedType
from theano.sandbox.rng_mrg import MRG_RandomStreams as RandomStreams
from theano.tensor import Dot, Rop, nnet
from theano.tensor.elemwise import DimShuffle, Elemwise, Sum
from theano.tensor.nnet.sigm import ScalarSigmoid as Sigmoid

from recurrent_layers.engine import theano_fixes
from recurrent_layers.engine.names import NAMES

__all__ = NAMES

COp = Op  # Each op may have C code.
SCAN_HAS_SECOND_DERIVATIVES = theano_fixes.scan_has_second_derivatives
optimizer = opt.optimizer


def provide_theano():
    """Let scripts `import theano`, on PyTensor too: here they can."""


def scan(step, **arguments):
    """As `theano.scan`, without the updates of shared variables."""
    return theano.scan(step, **arguments)[0]


def register(name, optimization, position, *tags):
    """Let Theano apply an optimization where one of the tags is asked for."""
    optdb.register(name, optimization, position, *tags)


def simplify(fgraph):
    """Apply the canonical simplifications, and none of ours."""
    optdb.query(Query(include=["fast_run"], exclude=["recurrence"], position_cutoff=1.01)).optimize(fgraph)


def has_clients(fgraph, variable):
    """Whether anything in a graph needs a variable."""
    return bool(fgraph.clients(variable))


def of_any_size(variable, *axes):
    """The variable; of the sizes of these axes nothing is known."""
    return tensor.unbroadcast(variable, *axes)


def of_size_1(variable, axis):
    """The variable; along an axis it is broadcast."""
    return tensor.addbroadcast(variable, axis)


def without_test_values():
    """Within this, variables need no test values: those of a step have none."""
    return theano.change_flags(compute_test_value="off")
