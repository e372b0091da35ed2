"""What a recurrent layer hands on from one call of a compiled function to the next."""

import threading

import numpy as np

from recurrent_layers.engine import config
from recurrent_layers.engine import tensor as T
from recurrent_layers.exchange.copies import portable
from recurrent_layers.layers.base import Layer


class Memory(threading.local):
    """The states of a layer after the last call of each function, in the thread that made it.

    A copy has those of the thread that copies.
    """

    def __init__(self):
        self.states = {}

    def __reduce__(self):
        return _memory, (portable(self.states),)


def _memory(states):
    memory = Memory()
    memory.states.update(states)
    return memory


class Carried:
    """The states of a layer in a graph: variables for those before it, and what they are after it.

    Where there are states to begin with, or the layer needs its place in time, the number of steps that each sample has
    had is handed on, too.

    Parameters
    ----------
    layer : Recurrent

    Attributes
    ----------
    variables, after : lists of symbolic variables
        As many of both; (nb_samples, n) each, and the numbers of steps (nb_samples,).
    steps : symbolic variable or None
        The numbers of steps before it.
    """

    def __init__(self, layer):
        self.layer = layer
        self.states = [T.matrix(f"state_{k}") for k, _ in enumerate(layer.state_sizes, 1)]
        self.steps = T.lvector("steps") if layer.initial_state is not None or layer.counts_steps else None
        self.variables = self.states + ([] if self.steps is None else [self.steps])
        self.after = None

    def before(self, first):
        """The states before the first step of a graph, where those before the first of all are `first`."""
        if self.layer.initial_state is None:
            return self.states
        has_begun = T.gt(self.steps, 0).dimshuffle(0, 'x')
        return [T.switch(has_begun, state, initial) for state, initial in zip(self.states, first)]

    def end(self, states, timesteps, mask):
        """Say what the states are after so many steps; a mask is (timesteps, nb_samples)."""
        self.after = list(states)
        if self.steps is not None:
            self.after.append(self.steps + (timesteps if mask is None else T.cast(mask, "int64").sum(axis=0)))

    def nb_samples(self, function):
        """Of how many samples the states are that the last call of a function has left; None without any."""
        kept = self.layer.memory.states.get(function)
        return None if kept is None else len(kept[0])

    def values(self, function, nb_samples):
        """The arrays for `variables`: what the last call of a function has left, or zeros.

        Raises
        ------
        ValueError
            If that one had another number of samples.
        """
        kept = self.layer.memory.states.get(function)
        if kept is not None and len(kept[0]) != nb_samples:
            raise ValueError(f"the model goes on with the states of {len(kept[0])} samples, but there are {nb_samples} "
                             "in a batch; to begin anew, call reset_states() first")
        if kept is None:
            kept = [np.zeros((nb_samples, size), config.floatX) for size in self.layer.state_sizes]
            kept += [] if self.steps is None else [np.zeros(nb_samples, "int64")]
        return kept

    def keep(self, function, values):
        """Keep the values of `after` for the next call of a function in this thread."""
        self.layer.memory.states[function] = values


class HandedOn:
    """Makes what takes the states of some layers from one call of a function to the next, see `Carried`.

    Parameters
    ----------
    is_chosen : callable
        Of a layer, whether it is one of them.

    Attributes
    ----------
    by_train : dict of bool to list of Carried
        In the graphs for training and the others.
    """

    def __init__(self, is_chosen):
        self.is_chosen, self.by_train = is_chosen, {False: [], True: []}

    def __call__(self, layer, train):
        if not self.is_chosen(layer):
            return None
        carried = Carried(layer)
        self.by_train[train].append(carried)
        return carried


def in_time(model):
    """The recurrent layers that go through the steps of a model's input: up to one that gives its last output only.

    Raises
    ------
    ValueError
        If what is computed at a step needs more than that step and what has been before.
    """
    found = []
    for layer in model._all_layers():
        if hasattr(layer, "_all_layers"):
            continue
        if not _is_stepwise(layer) or isinstance(getattr(layer, "initial_state", None), Layer):
            raise ValueError(f"the model cannot be computed one step at a time: {type(layer).__name__} may need others "
                             "than those that have been. If it is a layer of your own that does not, let it say so by "
                             "`stepwise = True`; a cell's `inputs` may take `steps_before`")
        if hasattr(layer, "return_sequences"):
            found.append(layer)
            if not layer.return_sequences:
                break
    return found


def _is_stepwise(layer):
    """What a layer says of itself, unless its class has another `get_output` than the one of which that was said."""
    if "stepwise" in vars(layer):
        return layer.stepwise
    first = next(cls for cls in type(layer).__mro__ if not {"stepwise", "get_output"}.isdisjoint(vars(cls)))
    return "stepwise" in vars(first) and layer.stepwise


def going_on(function, name, handed_on, inputs):
    """Call a function with the states that its last call by this name has left, and keep those that this one leaves."""
    nb_samples = len(inputs[0])
    arguments = [*inputs]
    for carried in handed_on:
        arguments += carried.values(name, nb_samples)
    outputs = function(*arguments)
    kept = []
    for carried in handed_on[::-1]:
        nb_others = len(outputs) - len(carried.variables)
        kept.append((carried, outputs[nb_others:]))
        outputs = outputs[:nb_others]
    try:
        for carried, values in kept:
            carried.keep(name, values)
    except BaseException:  # Such as Ctrl-C: all layers go on from the same step.
        for carried, values in kept:
            carried.keep(name, values)
        raise
    return outputs
