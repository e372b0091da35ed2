"""What is done with graphs of the engine."""

from recurrent_layers import engine
from recurrent_layers.engine import Constant, FunctionGraph


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
