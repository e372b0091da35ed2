"""The graph of one step, forwards and backwards, reduced to what can be written as loops over numbers.

A step of a cell is made of elementwise functions and of products with weights. So is its gradient. `Program`
finds out what of the forward steps the backward steps need again.
"""

from collections import OrderedDict
from typing import List, NamedTuple

from recurrent_layers import engine
from recurrent_layers.engine import Constant, DimShuffle, Dot, Elemwise, FunctionGraph, Sum, Variable, scalar
from recurrent_layers.engine import tensor as T

# So cheap that computing them again is faster than storing them.
CHEAP = (scalar.Add, scalar.Sub, scalar.Mul, scalar.Neg, scalar.Sqr,
         scalar.Clip, scalar.Switch, scalar.Second, scalar.Identity, scalar.Cast,
         scalar.Abs, scalar.Maximum, scalar.Minimum, scalar.LogicalComparison,
         scalar.BinaryBitOp, scalar.UnaryBitOp)  # fmt: skip


class Unsupported(Exception):
    """The step has something that is neither elementwise nor a product with a weight; scan can do it."""


class Cell(NamedTuple):
    """One step of a recurrence, as a graph without shared variables.

    Attributes
    ----------
    x, x_t : symbolic variable
        The input of all steps, (timesteps, nb_samples, input_dim), and of one.
    inputs, projected_t : list of symbolic variables
        What all steps receive from x, and what one receives from x_t.
    inputs_t : list of symbolic variables
        What one receives, as the step is given it.
    context_t : list of symbolic variables, each (nb_samples, 1)
        What else it receives.
    states_tm1 : list of symbolic variables, each (nb_samples, output_dim)
    states : list of symbolic variables
        The states after the step, as a graph of `inputs_t`, `context_t`, `states_tm1` and `weights`.
    weights : list of symbolic variables
        All else that there is.
    """

    x: Variable
    x_t: Variable
    inputs: List[Variable]
    projected_t: List[Variable]
    inputs_t: List[Variable]
    context_t: List[Variable]
    states_tm1: List[Variable]
    states: List[Variable]
    weights: List[Variable]

    def states_of_x_t(self, states):
        """States after the step, as a graph of x_t instead of inputs_t."""
        return substitute(states, dict(zip(self.inputs_t, self.projected_t)))

    def unmasked(self):
        """What masks the steps, and the states after one that is not masked.

        Returns
        -------
        int or None, list of symbolic variables
            Which of the context it is, if one keeps all states as they were where it is false.
        """
        chosen = [_chosen(state) for state in self.states]
        for k, context in enumerate(self.context_t):
            if context.dtype == "bool" and all(condition is context and otherwise is state_tm1 for
                                               (condition, _, otherwise), state_tm1 in zip(chosen, self.states_tm1)):
                return k, [state for _, state, _ in chosen]
        return None, self.states


def trace(inputs, step, nb_states, x_type, context_types):
    """Run `inputs` and `step` of :func:`recurrent_layers.recurrence.iterate` once, to see what they do.

    Returns
    -------
    Cell, list of symbolic variables
        The cell, and what stands for its weights where it is used.
    """
    # Shared variables have test values, the variables here have none.
    with engine.without_test_values():
        x, x_t = x_type(), T.TensorType(x_type.dtype, (False, False))()
        context_t = [T.TensorType(context.dtype, (False, True))() for context in context_types]
        states_tm1 = [T.matrix() for _ in range(nb_states)]
        of_all, of_one = inputs(x), inputs(x_t)
        inputs_t = [variable.type() for variable in of_one]
        states = list(step(*inputs_t, *context_t, *states_tm1))
        own = {x, x_t, *inputs_t, *context_t, *states_tm1}
        given = [variable for variable in dict.fromkeys(engine.graph_inputs(of_all + of_one + states))
                 if variable not in own and not isinstance(variable, Constant)]
        weights = [weight.type() for weight in given]
        clones = iter(engine.clone(of_all + of_one + states, dict(zip(given, weights))))
        of_all, of_one, states = ([next(clones) for _ in part] for part in (of_all, of_one, states))
    return Cell(x, x_t, of_all, of_one, inputs_t, context_t, states_tm1, states, weights), given


class Product(NamedTuple):
    """A product ``left . weight`` of the step, what it gives, and the gradient of that."""

    left: Variable
    weight: Variable
    output: Variable
    gradient: Variable


class Program:
    """What the steps compute, forwards and backwards.

    Parameters
    ----------
    cell : Cell
    gradients_of : list of symbolic variables
        Those of ``cell.x`` and ``cell.weights`` whose gradients are wanted.
    return_sequences : bool
        Whether each step's output has a gradient from outside, or only that of the last.

    Attributes
    ----------
    x_t, context_t, states_tm1, weights : as of the cell
    leaves : set of symbolic variables
        All that a step, forwards or backwards, is given.
    forward, backward : list of symbolic variables
        What forward and backward steps compute in the end.
    mask : symbolic variable or None
        Of the context: where it is false, the states stay what they are, and nothing else happens at the step.
    states : list of symbolic variables
        The states after the step, where it is not masked.
    saved_states : list of int
        Which states the backward steps need.
    saved : list of symbolic variables
        What else the forward steps compute and the backward steps need again.
    carried : list of symbolic variables
        The gradients of the states that come from the step after.
    output_gradient : symbolic variable
        The gradient of the step's output that comes from outside.
    carried_on : list of symbolic variables
        The gradients of the states before the step.
    x_gradient : symbolic variable or None
    products : list of Product
        Those whose weight's gradient is wanted.
    sums : list of (symbolic variable, symbolic variable)
        A weight that is a vector, and what to sum over samples for its gradient.

    Raises
    ------
    Unsupported
        If the step cannot be written in this way.
    """

    def __init__(self, cell, gradients_of=(), return_sequences=False):
        mask, states = cell.unmasked()
        states = [T.tensor_copy(state) for state in cell.states_of_x_t(states)]
        carried = [state.type() for state in cell.states_tm1]
        output_gradient = cell.states_tm1[0].type()
        dots = [node for node in engine.io_toposort([], states) if isinstance(node.op, Dot)]
        dots = [node for node in dots if weight_of(node.inputs[1]) in gradients_of]
        if any(is_transposed(node.inputs[1]) for node in dots):
            raise Unsupported("a product with a transposed weight")
        vectors = [weight for weight in cell.weights if weight in gradients_of and weight.ndim == 1]
        for weight in cell.weights:
            if weight.ndim not in (1, 2) or any(weight.broadcastable):
                raise Unsupported(f"a weight that is neither a matrix nor a vector: {weight.type}")
        wrt_x = [cell.x_t] if cell.x in gradients_of else []
        targets = wrt_x + cell.states_tm1 + [node.outputs[0] for node in dots] + vectors
        gradients = []
        if gradients_of:
            known = OrderedDict(zip(states, carried))
            if return_sequences:
                known[states[0]] = carried[0] + output_gradient
            gradients = engine.grad(None, targets, known_grads=known, disconnected_inputs='ignore')
        inputs, states, gradients, outputs, lefts = map(iter, _simplified([
            [cell.x_t, *cell.context_t, *cell.states_tm1, *cell.weights, *carried, output_gradient],
            states, gradients, [node.outputs[0] for node in dots], [node.inputs[0] for node in dots]]))

        def take(iterator, like):
            return [next(iterator) for _ in like]

        self.states = list(states)
        self.x_t, self.context_t = next(inputs), take(inputs, cell.context_t)
        self.mask = None if mask is None else self.context_t[mask]
        self.states_tm1, self.weights = take(inputs, cell.states_tm1), take(inputs, cell.weights)
        self.carried, self.output_gradient = take(inputs, carried), next(inputs)
        self.x_gradient = next(gradients) if wrt_x else None
        self.carried_on = take(gradients, cell.states_tm1) if gradients_of else []
        weights = dict(zip(cell.weights, self.weights))
        self.products = [Product(left, weights[weight_of(node.inputs[1])], output, gradient)
                         for node, left, output, gradient in zip(dots, lefts, outputs, take(gradients, dots))]
        self.sums = [(weights[vector], _summand(gradient)) for vector, gradient in zip(vectors, gradients)]
        self.leaves = {self.x_t, *self.context_t, *self.states_tm1, *self.weights, *self.carried, self.output_gradient}
        self.forward = self.states
        self.backward = [variable for variable in [self.x_gradient] + self.carried_on
                         + [product.gradient for product in self.products] + [summand for _, summand in self.sums]
                         if variable is not None]
        self._check(self.forward + self.backward)
        self.saved_states, self.saved = self._find_saved() if gradients_of else ([], [])

    def ancestors(self, variables, stop=()):
        """The computed variables that `variables` depend on, themselves included, in order of computation."""
        found, stop = {}, set(stop) | self.leaves

        def visit(variable):
            if variable in found or variable in stop or is_constant(variable) or vector_weight(variable) is not None:
                return
            for argument in arguments(variable.owner):
                visit(argument)
            found[variable] = True

        for variable in variables:
            visit(variable)
        return list(found)

    def _check(self, variables):
        """Look for what cannot be written as loops and products."""
        seen, stack = set(), list(variables)
        while stack:
            variable = stack.pop()
            if variable in seen or is_constant(variable) or vector_weight(variable) in self.weights:
                continue
            seen.add(variable)
            if variable in self.weights:
                raise Unsupported(f"a weight, {variable.type}, elsewhere than on the right of a product or as a bias")
            if variable in self.leaves:
                continue
            node = variable.owner
            if node is None:
                raise Unsupported(f"the constant {variable}")
            if isinstance(node.op, Dot):
                left, right = node.inputs
                if weight_of(right) not in self.weights or left.broadcastable != (False, False):
                    raise Unsupported("a product that is not one of a state or an input with a weight")
            elif not isinstance(node.op, Elemwise) or len(node.outputs) > 1:
                raise Unsupported(f"{node.op}, which is neither elementwise nor a product")
            stack += arguments(node)

    def _find_saved(self):
        """What to keep of the forward steps.

        First, all that the backward steps take from the forward steps, and what products have on their left; then,
        without what is cheap to compute from the rest. Lefts stay, since the gradients of weights take them as they
        are.
        """
        forward, backward = self.ancestors(self.forward), self.ancestors(self.backward)
        from_outside = {*self.carried, self.output_gradient}
        for variable in backward:
            if any(argument in from_outside for argument in arguments(variable.owner)):
                from_outside.add(variable)
        saved_states, saved = set(), {}

        def need(variable):
            if variable in self.states_tm1:
                saved_states.add(self.states_tm1.index(variable))
            elif is_given(variable):
                pass
            elif variable in self.states:
                saved_states.add(self.states.index(variable))
            elif (variable in forward or not isinstance(variable.owner.op, Elemwise)) and not is_column(variable):
                saved[variable] = True
            else:
                for argument in arguments(variable.owner):
                    need(argument)

        def is_given(variable):
            return variable in self.leaves or is_constant(variable) or vector_weight(variable) is not None

        def is_cheap(variable):
            if is_given(variable) or variable in saved:
                return True
            if variable in self.states:
                return self.states.index(variable) in saved_states
            node = variable.owner
            return (isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, CHEAP)
                    and all(map(is_cheap, arguments(node))))

        for product in self.products:
            need(product.left)
        lefts = set(saved)
        for variable in backward:
            if variable in from_outside:
                for argument in arguments(variable.owner):
                    if argument not in from_outside:
                        need(argument)
        for variable in self.backward:
            if variable not in from_outside:
                need(variable)
        for variable in list(saved):
            if variable not in lefts:
                del saved[variable]
                if not is_cheap(variable):
                    saved[variable] = True
        return sorted(saved_states), list(saved)


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
    copies = engine.clone_get_equiv(list(replacements), outputs, copy_inputs=False, copy_orphans=False,
                                   memo={**{constant: constant.clone() for constant in constants}, **replacements})
    return [copies[output] for output in outputs]


def arguments(node):
    """The inputs of a node that its value depends on."""
    return node.inputs[:1] if isinstance(node.op, (Dot, DimShuffle)) else node.inputs


def is_constant(variable):
    """Whether it is a number."""
    return isinstance(variable, Constant) and variable.data.size == 1


def vector_weight(variable):
    """The vector of which `variable` is the row; None if it is no row."""
    node = variable.owner
    if node is not None and isinstance(node.op, DimShuffle) and node.op.new_order == ('x', 0):
        return node.inputs[0]
    return None


def weight_of(right):
    """The matrix that a product has on its right, be it transposed."""
    node = right.owner
    if node is not None and isinstance(node.op, DimShuffle) and node.op.new_order == (1, 0):
        return node.inputs[0]
    return right


def is_transposed(right):
    return right.owner is not None


def _chosen(state):
    """The condition of a choice between two, and both; thrice None if the state is no such choice."""
    node = state.owner
    if node is not None and isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, scalar.Switch):
        return node.inputs
    return None, None, None


def is_column(variable):
    """Whether it has one value for each sample."""
    return variable.broadcastable[-1:] == (True,)


def _summand(gradient):
    """What the gradient of a vector sums over samples."""
    while gradient.owner is not None and isinstance(gradient.owner.op, DimShuffle):
        gradient = gradient.owner.inputs[0]
    node = gradient.owner
    if node is None or not isinstance(node.op, Sum) or node.op.axis != (0,) or node.inputs[0].ndim != 2:
        raise Unsupported("a vector that is not added to each sample")
    return node.inputs[0]


def _simplified(parts):
    """The same lists of variables after the engine's canonical simplifications; the first holds the inputs."""
    outputs = [variable for part in parts[1:] for variable in part]
    fgraph = FunctionGraph(parts[0], outputs, clone=True)
    engine.simplify(fgraph)
    variables = iter(fgraph.outputs)
    return [fgraph.inputs] + [[next(variables) for _ in part] for part in parts[1:]]
