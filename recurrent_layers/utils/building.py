"""What is made once while a graph is built, and what its layers hand on."""

import contextlib
import threading
import traceback

from recurrent_layers import engine
from recurrent_layers.utils.arguments import items, shown


class _Outputs(threading.local):
    """The outputs that were made; each thread builds graphs of its own."""

    made = carried = None


_outputs = _Outputs()


@contextlib.contextmanager
def one_output_for_each_layer(carried=None):
    """Make each layer's output once, however often it is asked for: else Dropout would drop anew each time.

    Parameters
    ----------
    carried : list, optional
        Where to put what the recurrent layers hand on, as pairs of `train` and `Carried`; without it none may be
        `stateful`.
    """
    before = _outputs.made, _outputs.carried
    _outputs.made, _outputs.carried = {}, carried
    try:
        yield
    finally:
        _outputs.made, _outputs.carried = before


def goes_on(layer):
    """Whether a layer goes on with states that are kept for it.

    Raises
    ------
    ValueError
        If it is `stateful`, and nobody keeps any.
    """
    if layer.stateful and _outputs.carried is None:
        raise ValueError(f"{type(layer).__name__}(stateful=True) needs a model, which keeps its states; for a function "
                         "of your own, give the states by initial_state=[...] and take them by return_state=True")
    return layer.stateful


def hand_on(train, carried):
    """Say what a layer hands on, to who asked."""
    if _outputs.carried is not None:
        _outputs.carried.append((train, carried))


def made_once(key, make):
    """What `make` makes; within :func:`one_output_for_each_layer` once for each key."""
    if _outputs.made is None:
        return make()
    if key not in _outputs.made:
        _outputs.made[key] = make()
    return _outputs.made[key]


def is_ours(cls):
    """Whether a class is of this library, rather than the user's own."""
    return cls.__module__.startswith("recurrent_layers.")


@contextlib.contextmanager
def noted(note):
    """Add a note to an error that is none of this library, where errors take notes: from Python 3.11 on.

    Parameters
    ----------
    note : str
    """
    try:
        yield
    except Exception as error:
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        is_ours = frame.f_globals.get("__name__", "").startswith("recurrent_layers.")
        if hasattr(error, "add_note") and not is_ours and not hasattr(error, "__notes__"):
            error.add_note(note)
        raise


def building_a_graph(what):
    """As :func:`noted`, around a call of a function of the user's own, which `what` names."""
    return noted(f"{what} is called to build a graph, with symbolic variables, which have no values then: the "
                 "functions of recurrent_layers.engine.tensor take them, those of NumPy and math do not, and "
                 "tensor.switch(condition, a, b) stands for `a if condition else b`")


def checked_params(layer):
    """The params of a layer, as a list.

    Raises
    ------
    ValueError
        If they are no list of shared variables of floats.
    """
    what = f"params of {type(layer).__name__}"
    params = items(what, layer.params, "shared variables")
    for param in params:
        if not isinstance(param, engine.SharedVariable) or not getattr(param, "dtype", "").startswith("float"):
            given = getattr(param, "type", param)
            raise ValueError(f"{what} must be shared variables of floats, as add_weight makes them, got {shown(given)} "
                             "among them")
    return params


def output_of(layer, train):
    """The output of a layer; within :func:`one_output_for_each_layer` made once.

    Raises
    ------
    ValueError
        If it is no symbolic variable, or has no dimension for samples.
    """
    return made_once((layer, bool(train)), lambda: _checked_output(layer, train))


def _checked_output(layer, train):
    name = type(layer).__name__
    with building_a_graph(f"get_output of {name}"):
        y = layer.get_output(train=train)
    if not isinstance(y, engine.Variable) or not y.ndim:
        given = "a single number" if isinstance(y, engine.Variable) else shown(y)
        raise ValueError(f"the output of {name} must be a symbolic variable, samples first, got {given}")
    return y


def mask_of(layer, train):
    """The mask of a layer's output, or None.

    Raises
    ------
    ValueError
        If it is neither.
    """
    mask = layer.get_output_mask(train)
    is_variable = isinstance(mask, engine.Variable)
    if mask is not None and not (is_variable and mask.ndim == 2):
        given = f"one with {mask.ndim} dimensions" if is_variable else shown(mask)
        raise ValueError(f"the mask of {type(layer).__name__} must be a symbolic variable, (nb_samples, timesteps), or "
                         f"None, got {given}")
    return mask
