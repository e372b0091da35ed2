"""What is done with graphs of the engine."""

from recurrent_layers import engine
from recurrent_layers.engine import (
    Alloc,
    Constant,
    DimShuffle,
    Elemwise,
    FunctionGraph,
    IncSubtensor,
    Join,
    MakeVector,
    Rebroadcast,
    Reshape,
    Shape,
    Subtensor,
    Variable,
    scalar,
)
from recurrent_layers.engine import tensor as T


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
    node = unwrapped(gradient).owner
    if node is None or not isinstance(node.op, IncSubtensor):
        return None
    found, (base, last) = engine.indices(node), node.inputs[:2]
    is_whole = last.dtype == base.dtype and last.ndim == base.ndim - 1 and not any(
        narrow and not wide for narrow, wide in zip(last.broadcastable, base.broadcastable[1:]))
    return last if is_whole and _is_zero(base) and is_last(found) else None


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


def is_all(index):
    """Whether an index takes all that there is."""
    return isinstance(index, slice) and (index.start, index.stop, index.step) == (None, None, None)


def joined_columns(node):
    """What a `Join` puts beside each other; None if it does so along another axis than the last."""
    axis, *parts = ([node.op.axis] if hasattr(node.op, "axis") else []) + list(node.inputs)
    axis = axis.data if isinstance(axis, Constant) else axis
    return None if isinstance(axis, Variable) or int(axis) not in (-1, parts[0].ndim - 1) else parts


# ---- Sizes ----------------------------------------------------------------------------------------------------


def sizes(shape):
    """What the numbers of a vector are: each a number, (array, axis), or None; None if not even how many is known."""
    node = shape.owner
    if isinstance(shape, Constant):
        return [int(number) for number in shape.data]
    if node is None:
        return None
    if isinstance(node.op, MakeVector):
        return [size(number) for number in node.inputs]
    if isinstance(node.op, Shape):
        array = unwrapped(node.inputs[0])
        return [(array, axis) for axis in range(array.ndim)]
    if _is_cast(node):
        return sizes(node.inputs[0])
    if isinstance(node.op, Join):
        parts = [sizes(part) for part in joined_columns(node)]
        return None if None in parts else sum(parts, [])
    if isinstance(node.op, Subtensor) and node.inputs[0].ndim == 1:
        found, (index,) = sizes(node.inputs[0]), engine.indices(node)
        bounds = [_known(bound) for bound in (index.start, index.stop, index.step)]
        return None if found is None or Variable in bounds else found[slice(*bounds)]
    return None


def size(number):
    """What a number is: itself, (array, axis), or None if that is not known."""
    node = number.owner
    if isinstance(number, Constant):
        return int(number.data)
    if node is None:
        return None
    if _is_cast(node):
        return size(node.inputs[0])
    if isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, scalar.Mul):
        factors = [found for found in map(size, node.inputs) if found != 1]
        return factors[0] if len(factors) == 1 else None
    if isinstance(node.op, Subtensor) and node.inputs[0].ndim == 1 and number.ndim == 0:
        found, index = sizes(node.inputs[0]), _known(engine.indices(node)[0])
        return None if found is None or index is Variable else found[index]
    return None


def columns_of(number):
    """Of what matrix a number is the number of columns; None if of none."""
    found = size(number)
    return found[0] if isinstance(found, tuple) and found[1] == 1 and found[0].ndim == 2 else None


def unwrapped(array):
    """The array that another is made of without being changed."""
    while array.owner is not None:
        node, inner = array.owner, array.owner.inputs[0]
        is_same = isinstance(node.op, Rebroadcast)
        if isinstance(node.op, DimShuffle):
            is_same = tuple(node.op.new_order) == tuple(range(inner.ndim))
        elif isinstance(node.op, Reshape):
            is_same = sizes(node.inputs[1]) == [(unwrapped(inner), axis) for axis in range(inner.ndim)]
        if not is_same or array.broadcastable != inner.broadcastable:
            break
        array = inner
    return array


def _is_cast(node):
    return isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, scalar.Cast)


def _known(index):
    """An index as a number, or None; `Variable` if it is computed."""
    if isinstance(index, Constant):
        index = index.data
    return index if index is None else Variable if isinstance(index, Variable) else int(index)


def with_other_products(outputs, factors):
    """The same outputs, where what is multiplied with some matrices has been multiplied, elementwise, with something.

    Parameters
    ----------
    outputs : list of symbolic variables
    factors : dict
        By matrix the factor; it counts for what is computed of the matrix, too, such as the sum with its transposition.
    """

    def change(node, inputs):
        product = engine.product(node)
        matrix = _first_within(product[1], factors) if product else None
        if matrix is not None and not _is_a_weight(product[0]):
            return T.dot(inputs[0] * factors[matrix], product[1])

    return _rewritten(outputs, change) if factors else outputs


def _first_within(variable, matrices):
    """The first of some matrices of which a variable is computed; None if of none."""
    return next((one for one in engine.graph_inputs([variable]) if one in matrices), None)


def _is_a_weight(variable):
    """Whether a variable is computed of weights and constants alone."""
    return all(isinstance(one, (engine.SharedVariable, engine.Constant)) for one in engine.graph_inputs([variable]))


def with_clipped_sums(outputs, matrices, bound):
    """The same outputs, where the gradients of sums with products with some matrices are clipped.

    Of sums within sums, the outermost is; a product that is in none counts as one.

    Parameters
    ----------
    outputs : list of symbolic variables
    matrices : list of symbolic variables
    bound : float
        How large a number of such a gradient may be.
    """
    nodes, sums, within = engine.io_toposort([], outputs), set(), set()
    for node in nodes:
        product = engine.product(node)
        is_sum = isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, (scalar.Add, scalar.Sub))
        terms = sums.intersection(node.inputs) if is_sum else ()
        if terms or product and _first_within(product[1], matrices) is not None and not _is_a_weight(product[0]):
            sums.add(node.outputs[0])
            within.update(terms)

    def change(node, inputs):
        if node.outputs[0] in sums - within:
            return engine.grad_clip(node.clone_with_new_inputs(inputs).outputs[0], -bound, bound)

    return _rewritten(outputs, change)


def _rewritten(outputs, change):
    """The same outputs, with what `change` makes of a node and its new inputs, if it makes something."""
    changed = {}
    for node in engine.io_toposort([], outputs):
        inputs = [changed.get(variable, variable) for variable in node.inputs]
        made = change(node, inputs)
        if made is not None:
            changed[node.outputs[0]] = made
        elif inputs != node.inputs:
            changed.update(zip(node.outputs, node.clone_with_new_inputs(inputs).outputs))
    return [changed.get(output, output) for output in outputs]
