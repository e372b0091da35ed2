"""The recurrence as one node of the engine's graph, which an optimization replaces by C code, or by scan."""

import logging
from collections import OrderedDict

from recurrent_layers import engine
from recurrent_layers.engine import DisconnectedType, of_any_size
from recurrent_layers.engine import tensor as T
from recurrent_layers.recurrence import c_code
from recurrent_layers.recurrence.step import Program, Unsupported, substitute, trace

_log = logging.getLogger(__name__)


def iterate(inputs, step, x, context, nb_states, output_dim, truncate_gradient, return_sequences, name):
    """Iterate a step over time, from states of zeros.

    Parameters
    ----------
    inputs : callable
        What the steps receive from x: takes x of all steps, or of one, and returns a list of variables.
    step : callable
        Takes what `inputs` gives for one step, the context of the step and the states before it, and returns
        the states after it. The first of them is the output.
    x : symbolic variable, (timesteps, nb_samples, input_dim)
    context : list of symbolic variables, each (timesteps, nb_samples, 1)
        What else the steps receive.
    nb_states, output_dim : int
        Each state is (nb_samples, output_dim).
    truncate_gradient : int
        Carry gradients through the last so many steps only; -1 for all.
    return_sequences : bool
    name : str

    Returns
    -------
    symbolic variable
        The outputs of all steps, (timesteps, nb_samples, output_dim), or of the last, (nb_samples, output_dim).
    """
    # A size of 1 might be broadcastable, which nothing after a step is.
    x = of_any_size(x, *range(x.ndim))
    context = [of_any_size(engine.of_size_1(variable, 2), 0, 1) for variable in context]
    cell, weights = trace(inputs, step, nb_states, x.type, [variable.type for variable in context])
    op = Recurrence(cell, output_dim, truncate_gradient, return_sequences, name)
    return op(x, *context, *weights)


class Scannable(c_code.PerformedByFunction, engine.Op):
    """Something that `theano.scan` can do. An optimization replaces it; without any, it does so itself."""

    def scanned(self, *inputs):
        """The outputs, by `theano.scan`."""
        raise NotImplementedError

    def scanned_anew(self, inputs):
        """The same of new variables, as (variables, outputs): no input is part of another."""
        own = [variable.type() for variable in inputs]
        with engine.without_test_values():
            return own, self.scanned(*own)

    def function_for(self, node):
        with engine.without_test_values():
            return engine.function(*self.scanned_anew(node.inputs), on_unused_input="ignore")

    def R_op(self, inputs, eval_points):
        given = [(variable, point) for variable, point in zip(inputs, eval_points) if point is not None]
        return engine.Rop(self.scanned(*inputs), [variable for variable, _ in given], [point for _, point in given])


class Recurrence(Scannable):
    """All steps of a cell. Inputs: x, the context, the weights."""

    def __init__(self, cell, output_dim, truncate_gradient, return_sequences, name):
        self.cell, self.output_dim, self.truncate_gradient = cell, output_dim, truncate_gradient
        self.return_sequences, self.name = return_sequences, name

    def __str__(self):
        return self.name

    def make_node(self, *inputs):
        state = self.cell.states_tm1[0].type
        output = T.TensorType(state.dtype, (False,) * 3)() if self.return_sequences else state()
        return engine.Apply(self, list(inputs), [output])

    def infer_shape(self, node, shapes):
        timesteps, nb_samples, _ = shapes[0]
        return [((timesteps,) if self.return_sequences else ()) + (nb_samples, self.output_dim)]

    def scanned(self, *inputs):
        cell = self.cell
        contexts = inputs[1:1 + len(cell.context_t)]
        weights = dict(zip(cell.weights, inputs[1 + len(contexts):]))
        received = substitute(cell.inputs, {cell.x: inputs[0], **weights})
        own = cell.inputs_t + cell.context_t + cell.states_tm1

        def step(*values):
            return substitute(cell.states, {**dict(zip(own, values)), **weights})

        zeros = T.zeros((inputs[0].shape[1], self.output_dim), cell.states_tm1[0].dtype)
        zeros = of_any_size(zeros, 0, 1)
        outputs = engine.scan(step, sequences=received + list(contexts),
                              outputs_info=[zeros] * len(cell.states), truncate_gradient=self.truncate_gradient,
                              name=self.name)
        h = outputs[0] if len(cell.states) > 1 else outputs
        return [h if self.return_sequences else h[-1]]

    def connection_pattern(self, node):
        return [[k in differentiable(node.inputs)] for k in range(len(node.inputs))]

    def L_op(self, inputs, outputs, output_gradients):
        return in_place_of_all(RecurrenceGradient(self)(*inputs, *output_gradients, return_list=True), inputs)


class RecurrenceGradient(Scannable):
    """The gradients of a `Recurrence`. Inputs: its inputs, and the gradient of its output."""

    __props__ = ("recurrence",)

    def __init__(self, recurrence):
        self.recurrence = recurrence

    def __str__(self):
        return f"gradient of {self.recurrence.name}"

    def make_node(self, *inputs):
        return engine.Apply(self, list(inputs), [inputs[k].type() for k in differentiable(inputs[:-1])])

    def infer_shape(self, node, shapes):
        return [shapes[k] for k in differentiable(node.inputs[:-1])]

    def scanned(self, *inputs):
        return gradients_by_scan(self.recurrence, inputs[:-1], inputs[-1:])

    def connection_pattern(self, node):
        return [[k in differentiable(node.inputs)] * len(node.outputs) for k in range(len(node.inputs))]

    def grad(self, inputs, output_gradients):
        name = self.recurrence.name
        if self.recurrence.truncate_gradient != -1:
            raise ValueError(f"{name} has no second derivatives with truncate_gradient: a gradient through some of the "
                             "steps is not that of any function. Use truncate_gradient=-1")
        if self.recurrence.return_sequences and not engine.SCAN_HAS_SECOND_DERIVATIVES:
            raise ValueError(f"{name} has no second derivatives with return_sequences=True: the scan of this version "
                             f"of {engine.NAME} would give wrong ones. They are right with return_sequences=False, and "
                             "by Rop")
        return in_place_of_all(gradients_by_scan(self, inputs, output_gradients), inputs)


def gradients_by_scan(op, inputs, output_gradients):
    """The gradients of what an op computes, of all inputs that have one."""
    own, outputs = op.scanned_anew(inputs)
    known = OrderedDict((output, gradient.type()) for output, gradient in zip(outputs, output_gradients)
                        if not isinstance(gradient.type, DisconnectedType))
    wanted = [own[k] for k in differentiable(own)]
    gradients = engine.grad(None, wanted, known_grads=known, disconnected_inputs='ignore')
    given = {known[output]: gradient for output, gradient in zip(outputs, output_gradients) if output in known}
    return substitute(gradients, {**dict(zip(own, inputs)), **given})


def differentiable(inputs):
    """The positions of the inputs that have a gradient: all but masks and the like."""
    return [k for k, variable in enumerate(inputs) if variable.dtype.startswith("float")]


def in_place_of_all(gradients, inputs):
    """The gradients of the inputs that have one, and what stands for those of the others."""
    found = dict(zip(differentiable(inputs), gradients))
    return [found.get(k, DisconnectedType()()) for k in range(len(inputs))]


# ---- Optimizations --------------------------------------------------------------------------------------------


@engine.optimizer
def recurrence_in_c(fgraph):
    """Replace each recurrence and its gradient by C code, where its step allows it."""
    if not c_code.is_possible():
        return
    forwards = {}
    for node in fgraph.toposort()[::-1]:
        is_gradient = isinstance(node.op, RecurrenceGradient)
        if not is_gradient and not isinstance(node.op, Recurrence):
            continue
        try:
            if is_gradient:
                _gradient_in_c(fgraph, node, forwards)
            else:
                _steps_in_c(fgraph, node, forwards)
        except Unsupported as reason:
            op = node.op.recurrence if is_gradient else node.op
            _log.info("%s runs by scan: its step has %s", op.name, reason)


def _settings(recurrence):
    return c_code.settings(engine.number_of_threads(), recurrence.output_dim, recurrence.truncate_gradient)


def _steps_in_c(fgraph, node, forwards):
    op = node.op
    key = (op, *node.inputs)
    if key not in forwards:
        loops = c_code.forward(Program(op.cell), op.name, op.return_sequences)
        forwards[key] = loops(*node.inputs, _settings(op), return_list=True)
    fgraph.replace_validate(node.outputs[0], forwards[key][0], reason="recurrence_in_c")


def _gradient_in_c(fgraph, node, forwards):
    op, inputs = node.op.recurrence, node.inputs[:-1]
    wanted = [(k, output) for k, output in zip(differentiable(inputs), node.outputs)
              if engine.has_clients(fgraph, output)]
    own = [op.cell.x] + op.cell.context_t + op.cell.weights
    if any(own[k] in op.cell.context_t for k, _ in wanted):
        raise Unsupported("a context whose gradient is wanted")
    program = Program(op.cell, [own[k] for k, _ in wanted], op.return_sequences)
    steps = c_code.forward(program, op.name, op.return_sequences)
    first_weight = 1 + len(op.cell.context_t)
    gradients = c_code.backward(program, str(node.op), op.return_sequences, own[wanted[0][0]] is op.cell.x,
                                [k - first_weight for k, _ in wanted if k >= first_weight])  # fmt: skip
    outputs = steps(*inputs, _settings(op), return_list=True)
    kept = outputs if op.return_sequences else outputs[1:]
    results = gradients(*inputs, *kept, node.inputs[-1], _settings(op), return_list=True)
    fgraph.replace_all_validate([(output, result) for (_, output), result in zip(wanted, results)],
                                reason="recurrence_in_c")
    forwards[(op, *inputs)] = outputs


@engine.optimizer
def recurrence_by_scan(fgraph):
    """Replace each recurrence and its gradient by `theano.scan`."""
    for node in fgraph.toposort()[::-1]:
        if isinstance(node.op, (Recurrence, RecurrenceGradient)):
            own, outputs = node.op.scanned_anew(node.inputs)
            outputs = substitute(outputs, dict(zip(own, node.inputs)))
            fgraph.replace_all_validate(list(zip(node.outputs, outputs)), reason="recurrence_by_scan")


engine.register("recurrence_in_c", recurrence_in_c, 0.02, "fast_run", "cxx_only", "recurrence")
engine.register("recurrence_by_scan", recurrence_by_scan, 0.03, "fast_run", "fast_compile", "recurrence")
