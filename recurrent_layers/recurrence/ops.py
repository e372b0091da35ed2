"""The loop as one node of the engine's graph, which an optimization replaces by C code, or by scan."""

import functools
import logging
from collections import OrderedDict

import numpy as np

from recurrent_layers import engine
from recurrent_layers.engine import Alloc, Constant, DisconnectedType, Rebroadcast, Subtensor
from recurrent_layers.engine import tensor as T
from recurrent_layers.recurrence import c_code, loops
from recurrent_layers.recurrence.errors import Unsupported
from recurrent_layers.recurrence.graphs import gradient_of_last, is_last, substitute
from recurrent_layers.recurrence.program import Program

_log = logging.getLogger(__name__)


class Scannable(loops.PerformedByFunction, engine.Op):
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
    """All steps of a loop.

    Its inputs are those of `c_code.Given`; its outputs what each step computes, of all steps.

    Parameters
    ----------
    step : Step
    has_n_steps : bool
        Whether the first input says how many steps there are.
    types : list
        Those of the outputs.
    truncate_gradient : int
    name : str or None
    options : dict
        What else `theano.scan` is told.
    """

    def __init__(self, step, has_n_steps, types, truncate_gradient, name, options):
        self.step, self.has_n_steps, self.types = step, has_n_steps, types
        self.truncate_gradient, self.name, self.options = truncate_gradient, name, options

    def __str__(self):
        return self.name or "scan"

    def given(self, inputs):
        """The inputs by what they are."""
        rest = iter(inputs)
        n_steps = next(rest) if self.has_n_steps else None
        sequences, initials = [next(rest) for _ in self.step.sequences], [next(rest) for _ in self.step.states]
        return c_code.Given(n_steps, sequences, initials, list(rest))

    def make_node(self, *inputs):
        return engine.Apply(self, list(inputs), [of_type() for of_type in self.types])

    def scanned(self, *inputs):
        given = self.given(inputs)
        step, ahead = self.step.ahead()
        weights = dict(zip(step.weights, given.weights))
        sequences = given.sequences + [_of_all_steps(given.sequences[k], step.sequences[k], made, weights)
                                       for k, made in ahead]  # fmt: skip

        def fn(*values):
            return substitute(step.results, dict(zip(step.given, values)))

        infos = [dict(initial=initial, taps=list(state.taps)) for initial, state in zip(given.initials, step.states)]
        outputs, _ = engine.scan(fn, sequences, infos + [None] * len(step.outputs), given.weights, given.n_steps,
                                 truncate_gradient=self.truncate_gradient, name=self.name, return_list=True,
                                 **self.options)
        return outputs

    def connection_pattern(self, node):
        if not hasattr(self, "_pattern"):  # It is asked for each output, again and again.
            own = [set()] * self.has_n_steps + [{variable} for variable in self.step.sequences]
            own += [set(state.before) for state in self.step.states] + [{variable} for variable in self.step.weights]
            reached, have_gradients = self._reached(), differentiable(node.inputs)
            self._pattern = [[k in have_gradients and not variables.isdisjoint(found) for found in reached]
                             for k, variables in enumerate(own)]
        return self._pattern

    def _reached(self):
        """For each result what it is made of, at its step or an earlier one."""
        given = set(self.step.given)
        direct = [given.intersection(engine.ancestors([result])) for result in self.step.results]
        earlier = [[k for k, state in enumerate(self.step.states) if not found.isdisjoint(state.before)]
                   for found in direct]  # fmt: skip
        reached = []
        for k in range(len(direct)):
            found, waiting = {k}, [k]
            while waiting:
                new = set(earlier[waiting.pop()]) - found
                found |= new
                waiting += new
            reached.append(set().union(*(direct[one] for one in found)))
        return reached

    def L_op(self, inputs, outputs, output_gradients):
        forms, given = [], []
        for gradient in output_gradients:
            last = None if isinstance(gradient.type, DisconnectedType) else gradient_of_last(gradient)
            forms.append(None if isinstance(gradient.type, DisconnectedType) else "all" if last is None else "last")
            given += [] if forms[-1] is None else [of_any_size(gradient if last is None else last)]
        gradients = RecurrenceGradient(self, tuple(forms))(*inputs, *given, return_list=True)
        pattern = self.connection_pattern(outputs[0].owner)
        return [gradient if any(is_connected and form for is_connected, form in zip(reached, forms)) else
                DisconnectedType()() for gradient, reached in zip(in_place_of_all(gradients, inputs), pattern)]


def _of_all_steps(x, x_t, made, weights):
    """What is made of x_t at each step, at once."""
    rows = of_any_size(x.reshape((x.shape[0] * x.shape[1], x.shape[2])))
    if x_t.broadcastable[1]:
        rows = engine.of_size_1(rows, 1)
    value, = substitute([made], {x_t: rows, **weights})
    return of_any_size(value.reshape((x.shape[0], x.shape[1], value.shape[1])))


def of_any_size(variable):
    return engine.of_any_size(variable, *range(variable.ndim))


class RecurrenceGradient(Scannable):
    """The gradients of a `Recurrence`.

    Its inputs are those of the recurrence, and the gradients of the outputs that have one.

    Parameters
    ----------
    recurrence : Recurrence
    forms : tuple
        Of each output the form of its gradient: "all" steps, the "last" one, or None.
    """

    __props__ = ("recurrence", "forms")

    def __init__(self, recurrence, forms):
        self.recurrence, self.forms = recurrence, forms
        self.nb_gradients = sum(form is not None for form in forms)

    def __str__(self):
        return f"gradient of {self.recurrence}"

    def parted(self, inputs):
        """The inputs of the recurrence, and the gradients."""
        nb_own = len(inputs) - self.nb_gradients
        return list(inputs[:nb_own]), list(inputs[nb_own:])

    def make_node(self, *inputs):
        own, _ = self.parted(inputs)
        return engine.Apply(self, list(inputs), [own[k].type() for k in differentiable(own)])

    def infer_shape(self, node, shapes):
        own, _ = self.parted(node.inputs)
        return [shapes[k] for k in differentiable(own)]

    def scanned(self, *inputs):
        own, gradients = self.parted(inputs)
        variables, outputs = self.recurrence.scanned_anew(own)
        outputs = [output[-1] if form == "last" else output for output, form in zip(outputs, self.forms) if form]
        return gradients_through(variables, outputs, own, gradients)

    def connection_pattern(self, node):
        return [[k in differentiable(node.inputs)] * len(node.outputs) for k in range(len(node.inputs))]

    def grad(self, inputs, output_gradients):
        name = str(self.recurrence)
        if self.recurrence.truncate_gradient != -1:
            raise ValueError(f"{name} has no second derivatives with truncate_gradient: a gradient through some of the "
                             "steps is not that of any function. Use truncate_gradient=-1")
        if "all" in self.forms and not engine.SCAN_HAS_SECOND_DERIVATIVES:
            raise ValueError(f"{name} has no second derivatives with return_sequences=True: the scan of this version "
                             f"of {engine.NAME} would give wrong ones. They are right with return_sequences=False, and "
                             "by Rop")
        variables, outputs = self.scanned_anew(inputs)
        return in_place_of_all(gradients_through(variables, outputs, inputs, output_gradients), inputs)


def gradients_through(own, outputs, inputs, output_gradients):
    """The gradients of all inputs that have one.

    Parameters
    ----------
    own, outputs : lists of symbolic variables
        Variables, and what is computed from them.
    inputs, output_gradients : lists of symbolic variables
        What to put in the place of the variables, and the gradients of the outputs.
    """
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


@functools.lru_cache(maxsize=None)
def _say_once(*message):
    _log.info(*message)


@engine.optimizer
def recurrence_in_c(fgraph):
    """Replace each recurrence and its gradient by C code, where its step allows it."""
    missing = loops.what_is_missing()
    if missing:
        if any(isinstance(node.op, Recurrence) for node in fgraph.apply_nodes):
            _say_once("all recurrences run by scan: %s", missing)
        return
    forwards = {}
    for node in fgraph.toposort()[::-1]:
        way = {Recurrence: _steps_in_c, RecurrenceGradient: _gradient_in_c}.get(type(node.op))
        if way is not None:
            try:
                way(fgraph, node, forwards)
            except Unsupported as reason:
                name = getattr(node.op, "recurrence", node.op)
                _log.info("%s runs by scan: its step has %s", name, reason)


def given_of(op, inputs, wanted=()):
    """What C code is given. States of zeros are one row, which needs no computing, if no gradient of it is wanted."""
    given = op.given(inputs)
    if not given.sequences:  # Only they tell how many samples there are.
        return given
    return given._replace(initials=[initial if f"initial{k}" in wanted else _as_row(initial)
                                    for k, initial in enumerate(given.initials)])


def _as_row(initial):
    """An initial state of zeros, for any number of samples, as a constant row, if its size is known; else as it is."""
    variable = initial
    while variable.owner is not None and isinstance(variable.owner.op, Rebroadcast):
        variable = variable.owner.inputs[0]
    if variable.owner is not None and isinstance(variable.owner.op, Alloc) and variable.ndim == 2:
        value, rows, size = variable.owner.inputs
        is_of_any = not isinstance(rows, Constant) or rows.data == 1
        if is_of_any and isinstance(value, Constant) and isinstance(size, Constant) and not value.data.any():
            return T.constant(np.zeros((1, int(size.data)), initial.dtype))
    return initial


def _forms(fgraph, outputs):
    """What is needed of each output: "all" steps, the "last" one, or None."""
    forms = []
    for output in outputs:
        clients = engine.clients(fgraph, output)
        forms.append(None if not clients else "last" if all(map(_is_last, clients)) else "all")
    return forms


def _is_last(node):
    """Whether a node takes the last of its input."""
    return node is not None and isinstance(node.op, Subtensor) and is_last(engine.indices(node))


def _replace_outputs(fgraph, node, forward, results):
    """Let what needs the outputs of a node take those of C code."""
    numbers = {kept.key if kept.is_state else ("output", kept.key): n for n, kept in enumerate(forward.kept)}
    nb_states = len(node.op.step.states)
    replacements = []
    for k, (output, form) in enumerate(zip(node.outputs, forward.forms)):
        if form == "last":
            last = results[len(forward.kept) + forward.lasts.index(k)]
            replacements += [(client.outputs[0], last) for client in engine.clients(fgraph, output)]
        elif form == "all":
            key = k if k < nb_states else ("output", forward.program.outputs[k - nb_states])
            replacements.append((output, results[numbers[key]]))
    fgraph.replace_all_validate(replacements, reason="recurrence_in_c")


def _steps_in_c(fgraph, node, forwards):
    op = node.op
    forms = _forms(fgraph, node.outputs)
    found = forwards.get((op, *node.inputs))
    if found is None or found[0].forms != forms:
        given = given_of(op, node.inputs)
        forward = c_code.Forward(Program(op.step), given, forms, str(op))
        found = forward, forward.loops(*given.inputs, loops.settings(), return_list=True)
    _replace_outputs(fgraph, node, *found)


def _gradient_in_c(fgraph, node, forwards):
    op = node.op.recurrence
    inputs, gradients = node.op.parted(node.inputs)
    names = [None] * op.has_n_steps + op.given(inputs).names
    found = [(names[k], output) for k, output in zip(differentiable(inputs), node.outputs)
             if engine.clients(fgraph, output)]  # fmt: skip
    wanted = [name for name, _ in found]
    given = given_of(op, inputs, wanted)
    program = Program(op.step, wanted, node.op.forms)
    its_forward = next((other for other in fgraph.apply_nodes if other.op is op and other.inputs == inputs), None)
    forms = [None] * len(node.op.forms) if its_forward is None else _forms(fgraph, its_forward.outputs)
    forward = c_code.Forward(program, given, forms, str(op))
    backward = c_code.Backward(program, given, node.op.forms, forward.kept, wanted, str(node.op))
    results = forward.loops(*given.inputs, loops.settings(), return_list=True)
    names = [one.name for one in forward.kept]
    kept = [results[names.index(one.name)] for one in backward.needed]
    own = backward.loops(*given.inputs, *kept, *gradients, loops.settings(op.truncate_gradient), return_list=True)
    fgraph.replace_all_validate(list(zip([output for _, output in found], own)), reason="recurrence_in_c")
    forwards[(op, *inputs)] = forward, results


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
