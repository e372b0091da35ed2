"""What is done with graphs of the engine."""

from recurrent_layers import engine
from recurrent_layers.engine import Alloc, Constant, DimShuffle, Elemwise, FunctionGraph, IncSubtensor, scalar


def substitute(outputs, replacements):
    """The same outputs with other variables in the place of some, and with new constants.

    Unlike `theano.clone`, it does not copy what the replacements depend on.

    Parameters
    ----------
    outputs : list of symbolic variables
    replacements : dict of symbolic variables
    """
    # A constant may belong to one function graph only.
    constants = [variable for variable in engine.graph_inputs(outputs) if isinstance(variable, Constant)]
    memo = {**{constant: constant.clone() for constant in constants}, **replacements}
    memo.update((output, output) for output in outputs if output.owner is None and output not in memo)
    copies = engine.clone_get_equiv(list(replacements), outputs, copy_inputs=False, copy_orphans=False, memo=memo)
    return [copies[output] for output in outputs]


def simplified(inputs, parts):
    """Inputs, and lists of variables computed from them, after the engine's canonical simplifications."""
    fgraph = FunctionGraph(inputs, [variable for part in parts for variable in part], clone=True)
    engine.simplify(fgraph)
    variables = iter(fgraph.outputs)
    return fgraph.inputs, [[next(variables) for _ in part] for part in parts]


def gradient_of_last(gradient):
    """The gradient of the last step, if that of all steps is zero elsewhere; else None."""
    node = gradient.owner
    if node is None or not isinstance(node.op, IncSubtensor):
        return None
    found, (base, last) = engine.indices(node), node.inputs[:2]
    return last if _is_zero(base) and is_last(found) else None


def _is_zero(variable):
    """Whether it is made to be zero everywhere."""
    while variable.owner is not None:
        if isinstance(variable.owner.op, Elemwise) and isinstance(variable.owner.op.scalar_op, scalar.Second):
            variable = variable.owner.inputs[1]
        elif isinstance(variable.owner.op, (Alloc, DimShuffle)):
            variable = variable.owner.inputs[0]
        else:
            return False
    return isinstance(variable, Constant) and not variable.data.any()


def is_last(found):
    """Whether indices take the last of an array."""
    return len(found) == 1 and isinstance(found[0], Constant) and int(found[0].data) == -1
