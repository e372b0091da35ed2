"""The `_step` of Keras 0.1's own layers, which those of that time gave to `theano.scan` themselves, or overrode."""

import numpy as np

from recurrent_layers import engine
from recurrent_layers.engine import tensor as T


def step_of_keras(layer, gates, arguments):
    """What follows from a step: the equations of the layer, with what Keras computed before and what it gave.

    Parameters
    ----------
    layer : Recurrent
        Whose `step` has the equations.
    gates : sequence of str
        The names behind those of the weights (``"z"`` of ``W_z``), in the order in which Keras gave their inputs.
    arguments : sequence of symbolic variables
        The inputs at this step times W, plus b, one for each gate, (nb_samples, output_dim); the mask of the step
        before, (nb_samples, 1); the states before; and for each gate that has one, U.

    Returns
    -------
    symbolic variable, or tuple of them
        The states after it.
    """
    names, matrices = _names(gates), _matrices(layer, gates)
    count = len(gates) + 1 + layer.nb_states + len(matrices)
    if len(arguments) != count:
        raise TypeError(f"{type(layer).__name__}._step takes {count} variables: {len(gates)} inputs, the mask of the "
                        f"step before, {layer.nb_states} states and {len(matrices)} matrices; got {len(arguments)}")
    inputs, mask = arguments[:len(gates)], arguments[len(gates)]
    states, given = arguments[len(gates) + 1:][:layer.nb_states], arguments[len(gates) + 1 + layer.nb_states:]

    x_t = T.matrix()
    equations = next(vars(cls)["step"] for cls in type(layer).__mro__
                     if vars(cls).get("step", by_step_of_keras) is not by_step_of_keras)  # fmt: skip
    outputs = equations(layer, x_t, *(mask * state for state in states))
    places = dict(zip(matrices, given))
    places.update((bias, T.zeros_like(bias)) for bias in (getattr(layer, "b" + name) for name in names.values()))
    projections = {getattr(layer, "W" + name): gate for gate, name in names.items() if hasattr(layer, "W" + name)}
    for projection in layer.non_trainable_weights:  # It stands for the gate that has no W.
        projections[projection] = next(gate for gate in gates if gate not in projections.values())
    several = isinstance(outputs, (list, tuple))
    outputs = list(outputs) if several else [outputs]
    for variable, gate in _made_of_input(outputs, x_t, projections):
        places[variable] = inputs[list(gates).index(gate)]
    made = engine.clone(outputs, replace=places)
    return tuple(made) if several else made[0]


def arguments_of_keras(layer, gates, x_t, states_tm1):
    """What Keras gave to the `_step` of a layer, at a step that is not masked; see :func:`step_of_keras`."""
    inputs = [(T.dot(x_t, getattr(layer, "W" + name)) if hasattr(layer, "W" + name) else layer._projection(x_t))
              + getattr(layer, "b" + name) for name in _names(gates).values()]  # fmt: skip
    mask = T.as_tensor_variable(np.ones((1, 1), engine.config.floatX))
    return [*inputs, mask, *states_tm1, *_matrices(layer, gates)]


def by_step_of_keras(self, x_t, *states_tm1):
    """The `step` of a layer that has a `_step` of its own, in the manner of Keras 0.1."""
    after = self._step(*self._arguments_of_keras(x_t, states_tm1))
    after = tuple(after) if isinstance(after, (list, tuple)) else (after,)
    h_tm1 = states_tm1[-self.nb_states:]  # One that looks back over several steps hands the others on.
    return after + h_tm1[:self.nb_states - len(after)]


def _names(gates):
    return {gate: "_" + gate if gate else "" for gate in gates}


def _matrices(layer, gates):
    return [getattr(layer, "U" + name) for name in _names(gates).values() if hasattr(layer, "U" + name)]


def _made_of_input(outputs, x_t, projections):
    """What a step makes of its input alone, and the gate that it is made for, by the projection in it."""
    gate_of, found = {x_t: None}, {}
    for node in engine.io_toposort([x_t, *projections], outputs):
        known = [gate_of[one] for one in node.inputs if one in gate_of]
        others = [one for one in node.inputs if one not in gate_of and one not in projections
                  and not isinstance(one, engine.Constant)]  # fmt: skip
        if known and not others:
            gate = next((projections[one] for one in node.inputs if one in projections), known[0])
            gate_of.update((output, gate) for output in node.outputs)
        else:
            found.update((one, gate_of[one]) for one in node.inputs if one in gate_of)
    return found.items()
