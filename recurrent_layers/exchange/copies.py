"""How layers are pickled: in a form that either engine can read, and any version of NumPy."""

import copy

import numpy as np

from recurrent_layers import engine


class PortableState:
    """Pickles the variables and arrays among its attributes as plain data.

    What was one variable in several places, such as a weight and what a regularizer watches, is one again.
    """

    def __getstate__(self):
        return portable(self.__dict__)

    def __copy__(self):
        again = type(self).__new__(type(self))
        again.__dict__.update(self.__dict__)
        return again


def portable(state):
    """The same dicts, lists and tuples with a stand-in for each variable and each array.

    When that is unpickled or copied, it is the variable or the array again.
    """
    if type(state) is dict:
        return {key: portable(value) for key, value in state.items()}
    if type(state) in (list, tuple):
        return type(state)(map(portable, state))
    if isinstance(state, engine.Variable):
        return _Variable.of(state)
    return _Array(state) if isinstance(state, (np.ndarray, np.generic)) and state.dtype != object else state


class _StandIn:
    """Stands for a value in a pickle; a deep copy takes the value itself."""

    def __init__(self, value):
        self.value = value

    def __deepcopy__(self, memo):
        return copy.deepcopy(self.value, memo)


class _Array(_StandIn):
    # NumPy 1.23 cannot read what NumPy 2 pickles.
    def __reduce__(self):
        value = self.value
        return _array, (value.tobytes(), value.dtype.str, value.shape, isinstance(value, np.generic))


class _Variable(_StandIn):
    @classmethod
    def of(cls, variable):
        """The stand-in of a variable: always the same one, so that pickle sees that it is one."""
        if not isinstance(getattr(variable.tag, "stand_in", None), cls):
            variable.tag.stand_in = cls(variable)
        return variable.tag.stand_in

    def __reduce__(self):
        variable, tensor = self.value, engine.tensor
        if isinstance(variable.type, tensor.TensorType):
            described = variable.dtype, tuple(map(bool, variable.broadcastable)), variable.name
            if isinstance(variable, engine.SharedVariable):
                return _shared, (_Array(variable.get_value(borrow=True)), *described)
            if variable.owner is None and not isinstance(variable, engine.Constant):
                return _input, described
        return _computed, (_Engine(engine.NAME), variable)


def _array(data, dtype, shape, is_scalar):
    array = np.frombuffer(data, dtype).reshape(shape).copy()
    return array[()] if is_scalar else array


def _shared(value, dtype, broadcastable, name):
    kind = engine.tensor.TensorType(dtype, broadcastable)
    return type(engine.shared(value))(name=name, type=kind, value=value, strict=True)


def _input(dtype, broadcastable, name):
    return engine.tensor.TensorType(dtype, broadcastable)(name)


class _Engine:
    """Stands before what only one engine can read, so that the other one says so before it tries."""

    def __init__(self, name):
        self.name = name

    def __reduce__(self):
        return _only_of, (self.name,)


def _only_of(name):
    if name != engine.NAME:
        raise ValueError(f"this was pickled on {name} and has a variable computed from others, which {engine.NAME} "
                         f"cannot read: read it on {name}, or keep the architecture in JSON (to_json) and the weights "
                         "in a file (save_weights)")  # fmt: skip
    return _Engine(name)


def _computed(_, variable):
    return variable
