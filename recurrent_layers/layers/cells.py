"""What is wrong with a cell of one's own, said by its name before anything is compiled."""

import inspect
import re

import numpy as np

from recurrent_layers import activations, engine
from recurrent_layers.utils.arguments import integer, items, shown
from recurrent_layers.utils.building import building_a_graph, is_ours

#: How many samples a step is tried with: a number that is hardly a size of anything else.
NB_SAMPLES = 7
#: With how many samples it is tried at most, where it may be made for a certain number of them.
MOST_SAMPLES = 10**4


def check_names(layer, base):
    """Raise unless each weight has a name of its own.

    Parameters
    ----------
    layer : Recurrent
        Before it has any weights.
    base : type
        The class whose attributes are no weights.

    Raises
    ------
    ValueError
    """
    cls, all_names = type(layer).__name__, []
    for attribute in ("param_names", "non_trainable_names"):
        names = getattr(layer, attribute)
        if not isinstance(names, (tuple, list)) or not all(isinstance(name, str) and name for name in names):
            raise ValueError(f"{attribute} of {cls} must be names in a tuple, such as ('W', 'U', 'b') or ('W',), got "
                             f"{shown(names)}")
        all_names += names
    for name in all_names:
        if all_names.count(name) > 1:
            raise ValueError(f"there are {all_names.count(name)} weights {name} in {cls}: each needs a name of its own")
        if hasattr(base, name) or name in vars(layer):
            raise ValueError(f"the weight {name} of {cls} needs another name: layer.{name} is something else already")


def checked_initialization(layer, name):
    """The initialization and the shape that a cell says of a weight.

    Raises
    ------
    ValueError
        If it says something else.
    """
    given = layer.initialization(name)
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise ValueError(f"initialization({name!r}) of {type(layer).__name__} must give an initialization and a shape, "
                         f"such as 'uniform', ({layer.input_dim}, {layer.output_dim}), got {shown(given)}")
    return given


def check_sizes(layer):
    """Raise unless `state_sizes` has a size for each state, `output_dim` first.

    Raises
    ------
    ValueError
    AttributeError
        If the cell has no sizes, nor weights.
    """
    if "init" not in vars(layer):
        raise AttributeError(f"{type(layer).__name__} has no weights: let its __init__ call "
                             "super().__init__(input_dim, output_dim)")
    name = f"state_sizes of {type(layer).__name__}"
    given = [integer(f"a size in {name}", size) for size in items(name, layer.state_sizes, "integers")]
    if len(given) != layer.nb_states or given[0] != layer.output_dim:
        raise ValueError(f"{name} must be as many sizes as nb_states says, {layer.nb_states}, and the first "
                         f"output_dim, {layer.output_dim}, got {given}")


def checked_inputs(layer, given):
    """What a cell's `inputs` gives, as a list.

    Raises
    ------
    ValueError
        If it is no list of symbolic variables of two or three dimensions, or empty.
    """
    what = (f"what `inputs` of {type(layer).__name__} gives must be a list of symbolic variables, (timesteps, "
            "nb_samples, n) or (timesteps, nb_samples)")
    given = list(given) if isinstance(given, (tuple, list)) else given
    if not isinstance(given, list) or not given:
        raise ValueError(f"{what}, got {shown(given)}")
    for one in given:
        if not isinstance(one, engine.Variable) or one.ndim not in (2, 3):
            dimensions = f"one with {one.ndim} dimensions" if isinstance(one, engine.Variable) else shown(one)
            raise ValueError(f"{what}, got {dimensions} in it")
    return given


def called(layer, inputs, states_tm1):
    """The states that the step of a cell makes of its inputs and the states before it.

    Raises
    ------
    TypeError
        If it takes another number of arguments.
    ValueError
        If it returns something else than these states.
    """
    name, nb_states = type(layer).__name__, layer.nb_states
    try:
        inspect.signature(layer.step).bind(*inputs, *states_tm1)
    except TypeError as error:
        raise TypeError(f"the step of {name} is called with what `inputs` gives ({len(inputs)}) and with the states "
                        f"({nb_states}, as nb_states says), which it does not take: {error}") from None
    try:
        with building_a_graph(f"the step of {name}"):
            made = layer.step(*inputs, *states_tm1)
    except AttributeError as error:
        if not str(error).startswith(f"{name!r} object has no attribute"):
            raise
        weights = ", ".join([*layer.param_names, *layer.non_trainable_names]) or "none"
        raise AttributeError(f"{error}; the weights that param_names and non_trainable_names name are "
                             f"{weights}") from error
    states = list(made) if isinstance(made, (tuple, list)) else [made]
    if not all(isinstance(state, engine.Variable) for state in states):
        raise ValueError(f"the step of {name} must return symbolic variables, the states after it, got {shown(made)}")
    if len(states) != nb_states:
        raise ValueError(f"the step of {name} must return as many states as nb_states says, {nb_states}, but returns "
                         f"{len(states)}")
    return [_checked_state(f"state {k} that the step of {name} returns", state, size)
            for k, (state, size) in enumerate(zip(states, layer.state_sizes), 1)]  # fmt: skip


def _checked_state(what, state, size):
    floatX = engine.config.floatX
    if getattr(state, "ndim", None) != 2:
        raise ValueError(f"{what} must have 2 dimensions, (nb_samples, {size}), got {state.type}")
    if state.broadcastable[0] or state.broadcastable[1] and size > 1:
        given = tuple(1 if is_1 else None for is_1 in state.broadcastable)
        raise ValueError(f"{what} must have the shape (nb_samples, {size}), got {given} (None is any size)")
    if state.dtype != floatX:
        why = ("numbers and arrays of NumPy in the step may be of that type" if state.dtype[0] in "fc" else
               f"T.cast(state, {floatX!r}) makes it so")  # fmt: skip
        raise ValueError(f"{what} must be of floatX, {floatX}, got {state.dtype}: {why}")
    return engine.of_any_size(state, 1) if state.broadcastable[1] else state


def try_step(layer, x_t, states_tm1, states):
    """Compute a step of a cell of one's own, or with functions of one's own, to see that its sizes fit.

    One that draws random numbers is not computed: they stay what they will be.

    Parameters
    ----------
    layer : Recurrent
        One whose `inputs` are the input alone.
    x_t : symbolic variable
    states_tm1, states : lists of symbolic variables
        What the step is given, and what it makes of it.

    Raises
    ------
    ValueError
        If a state has other columns than `state_sizes` says, or if the step can be computed for no number of samples.
    """
    known = activations.KNOWN.values()
    draws = any(getattr(one, "default_update", None) is not None for one in engine.graph_inputs(states))
    if draws or is_ours(type(layer)) and layer.activation in known and layer.inner_activation in known:
        return
    try:
        with np.errstate(all="ignore"):  # The numbers do not matter.
            step = engine.function([x_t, *states_tm1], states, mode="FAST_COMPILE", on_unused_input="ignore")
    except Exception:  # Such as variables that only the function of the user's own will be given.
        return
    name, error = type(layer).__name__, None
    for nb_samples in [NB_SAMPLES, *_sizes_within(states, layer.weights)]:
        given = [np.random.RandomState(k).uniform(0.1, 0.9, (nb_samples, size)).astype(engine.config.floatX)
                 for k, size in enumerate([layer.input_dim, *layer.state_sizes])]  # fmt: skip
        try:
            with np.errstate(all="ignore"):  # The numbers do not matter.
                made = step(*given)
            break
        except (ValueError, IndexError) as other:
            if isinstance(other, np.linalg.LinAlgError):
                return
            error = error or other
        except Exception:  # Of numbers rather than sizes, which are others here than later.
            return
    else:
        raise ValueError(f"the step of {name}({layer.input_dim}, {layer.output_dim}) cannot be computed, as here for "
                         f"{NB_SAMPLES} samples: {_first_line(error)}") from error
    for k, (state, size) in enumerate(zip(made, layer.state_sizes), 1):
        if state.shape[1] != size:
            raise ValueError(f"state {k} that the step of {name} returns must have the shape (nb_samples, {size}), but "
                             f"has {state.shape} for {nb_samples} samples")


def _sizes_within(states, weights):
    """The sizes of what a step computes with beside weights, which may be for one number of samples only."""
    arrays = [variable.data if isinstance(variable, engine.Constant) else variable.get_value(borrow=True)
              for variable in engine.graph_inputs(states) if variable not in weights
              and isinstance(variable, (engine.Constant, engine.SharedVariable))]  # fmt: skip
    return list(dict.fromkeys(size for array in arrays for size in np.shape(array) if 0 < size <= MOST_SAMPLES))


def _first_line(error):
    """What an engine says first; it tells of the node and its inputs in the following lines."""
    line = str(error.args[0] if error.args else error).strip().split("\n")[0]
    return re.sub(r"^\('(.*?)', .*\)$", r"\1", line)  # Theano shows all that the error was made of.
