"""What recurrent layers hand on from one call of a compiled function to the next."""

import threading
import weakref

import numpy as np

from recurrent_layers.engine import ViewOp
from recurrent_layers.engine import tensor as T
from recurrent_layers.layers.base import Layer


class Memory(threading.local):
    """The states in which the last call of each function has left the layers, in the thread that made it.

    Attributes
    ----------
    kept : dict of str to list
        For each layer of a function its arrays, or None if it begins anew.
    """

    def __init__(self):
        self.kept = {}

    def forget(self, layer, functions):
        """Let a layer begin anew; `functions` says which layers each function has."""
        for name, kept in self.kept.items():
            self.kept[name] = [None if carried.layer is layer else values
                               for carried, values in zip(functions[name], kept)]  # fmt: skip


class Carried:
    """The states of a layer before a graph's first step, and after its last.

    Where there are states to begin with, or the layer needs its place in time, the number of steps that each sample has
    had is among them.

    Parameters
    ----------
    layer : Recurrent
    first : list of symbolic variables
        The states with which it begins.
    nb_samples : symbolic variable
    goes_on : bool
        Whether it goes on with states that a function is given.

    Attributes
    ----------
    variables, after : lists of symbolic variables
        What stands for them before the first step, and what they are after the last: (nb_samples, n) each, and the
        numbers of steps (nb_samples,).
    steps : symbolic variable or None
        The numbers of steps before.
    """

    def __init__(self, layer, first, nb_samples, goes_on):
        self.layer, self.first, self.goes_on, self.after = layer, first, goes_on, None
        self.begins_with_0, self.steps = layer.initial_state is None, None
        if goes_on:
            self.states = [T.matrix(f"state_{k}") for k, _ in enumerate(first, 1)]
        else:
            self.states = first if self.begins_with_0 else [ViewOp()(state) for state in first]
        if layer.counts_steps or not self.begins_with_0:
            self.steps = T.lvector("steps") if goes_on else T.zeros((nb_samples,), "int64")
        self.variables = self.states + [self.steps] * (self.steps is not None)

    def before(self):
        """The states before the first step."""
        return self._begun(self.states, self.steps) if self.goes_on else self.states

    def _begun(self, states, steps):
        """States, but those with which the layer begins for samples that have had no steps."""
        if self.begins_with_0:
            return states
        has_begun = T.gt(steps, 0).dimshuffle(0, 'x')
        return [T.switch(has_begun, state, first) for state, first in zip(states, self.first)]

    def end(self, states, timesteps, mask):
        """Say what the states are after so many steps; a mask is (timesteps, nb_samples)."""
        self.after = list(states)
        if self.steps is not None:
            self.after.append(self.steps + (timesteps if mask is None else T.cast(mask, "int64").sum(axis=0)))

    def in_place(self):
        """Variables of a function, and what to put in the place of `variables` so that it goes on with them."""
        if self.goes_on:
            return self.variables, []
        given = [T.matrix(f"state_{k}") for k, _ in enumerate(self.states, 1)]
        steps = None if self.steps is None else T.lvector("steps")
        places = list(zip(self.states, self._begun(given, steps)))
        return given + [steps] * (steps is not None), places + [(self.steps, steps)] * (steps is not None)

    def values_at_first(self, nb_samples):
        """The arrays for `variables` at the first call."""
        return [np.zeros(shape, variable.dtype) for variable, shape in zip(self.variables, self._shapes(nb_samples))]

    def check_values(self, values):
        """Raise a ValueError unless these are arrays for `variables`, or None."""
        if values is None:
            return
        shapes = [tuple(value.shape) for value in values]
        if not shapes or shapes != self._shapes(shapes[0][0]):
            raise ValueError(f"{type(self.layer).__name__} cannot go on with states of shapes {shapes}")

    def zeros(self, nb_samples):
        """What to put in the place of `variables` so that the layer begins anew."""
        return [(variable, T.zeros(shape, variable.dtype))
                for variable, shape in zip(self.variables, self._shapes(nb_samples))]  # fmt: skip

    def _shapes(self, nb_samples):
        return [(nb_samples, size) for size in self.layer.state_sizes] + [(nb_samples,)] * (self.steps is not None)


def in_time(model, carried):
    """What the recurrent layers hand on that go through the steps of a model's input.

    They are those up to the one that gives its last output only.

    Parameters
    ----------
    model : Sequential
    carried : list of Carried
        Those of the graph of its output.

    Raises
    ------
    ValueError
        If what is computed at a step needs more than that step and what has been before.
    """
    found, of_layer, layers = [], {one.layer: one for one in carried}, model._all_layers()
    for layer in layers:
        is_recurrent = hasattr(layer, "return_sequences")
        _check_is_stepwise(layer)
        if is_recurrent and layer not in of_layer:
            raise _needs_others(layer)
        if is_recurrent:
            found.append(of_layer[layer])
            if not layer.return_sequences:
                break
    # Those within layers of one's own go on, too. All come after what they read.
    ends = found and not found[-1].layer.return_sequences
    within = [one for one in (carried[:carried.index(found[-1])] if ends else carried) if one.layer not in layers]
    for one in within:
        _check_is_stepwise(one.layer)
        if not one.layer.return_sequences:
            raise _needs_others(one.layer)
    return sorted(found + within, key=carried.index)


def _check_is_stepwise(layer):
    if not is_stepwise(layer) or isinstance(getattr(layer, "initial_state", None), Layer):
        raise _needs_others(layer)


def _needs_others(layer):
    return ValueError(f"the model cannot be computed one step at a time: {type(layer).__name__} may need others than "
                      "those that have been. If it does not, but is a layer of your own or has a function of your own, "
                      "set its `stepwise` to True; a cell's `inputs` may take `steps_before`")


def is_stepwise(layer):
    """What a layer says of itself, unless its class has another `get_output` than the one of which that was said."""
    if "stepwise" in vars(layer):
        return layer.stepwise
    first = next(cls for cls in type(layer).__mro__ if not {"stepwise", "get_output"}.isdisjoint(vars(cls)))
    return "stepwise" in vars(first) and layer.stepwise


class GoingOn:
    """The states that the functions of a model go on with.

    Attributes
    ----------
    functions : dict of str to list of Carried
        What each function hands on.
    """

    def __init__(self):
        self.functions, self.memory = {}, Memory()

    def add(self, name, carried):
        """Say what a function hands on."""
        self.functions.setdefault(name, carried)
        for one in carried:
            vars(one.layer).setdefault("_going_on", weakref.WeakSet()).add(self)

    def reset(self, layer=None):
        """Let a layer, or all, begin anew in this thread."""
        if layer is None:
            self.memory.kept.clear()
        else:
            self.memory.forget(layer, self.functions)

    def check(self, name, nb_samples):
        """Raise if the last call of a function had another number of samples."""
        for values in self.memory.kept.get(name, ()):
            if values is not None and len(values[0]) != nb_samples:
                raise ValueError(f"the model goes on with the states of {len(values[0])} samples, but there are "
                                 f"{nb_samples} in a batch; to begin anew, call reset_states() first")

    def call(self, function, name, inputs):
        """Call a function with the states that its last call has left, and keep those that this one leaves.

        Raises
        ------
        ValueError
            If that one had another number of samples.
        """
        nb_samples, arguments, all_carried = len(inputs[0]), [*inputs], self.functions[name]
        self.check(name, nb_samples)
        for carried, values in zip(all_carried, self.memory.kept.get(name) or [None] * len(all_carried)):
            arguments += carried.values_at_first(nb_samples) if values is None else values
        outputs = function(*arguments)
        end = len(outputs) - len(arguments) + len(inputs)
        outputs, after, kept = outputs[:end], outputs[end:], []
        for carried in all_carried:
            kept.append(after[:len(carried.variables)])
            after = after[len(carried.variables):]
        self.memory.kept[name] = kept  # All at once, also where a signal comes between.
        return outputs
