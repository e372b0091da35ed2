"""Types for annotations. Variables of Theano and PyTensor, which have no types of their own to check, are ``Any``."""

import os
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Tuple, Union

import numpy as np

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]
else:
    Array = np.ndarray  # NumPy 1.19 has no brackets for it.

#: A symbolic variable of Theano or PyTensor.
Variable = Any
#: What NumPy makes an array of.
ArrayLike = Any
#: The type of the numbers of an array.
DType = Union[str, type, "np.dtype[Any]"]
#: The name of an activation, an initialization, an objective, a regularizer or a constraint, or such a function.
Named = Union[str, Callable[..., Any]]
#: Layers, functions and classes of the user's own, by the names that they have in a config.
CustomObjects = Dict[str, Callable[..., Any]]
#: What `get_config` gives and JSON keeps.
Config = Dict[str, Any]
#: What `get_weights` gives and `set_weights` takes.
Weights = List[Array]
#: Variables, each with the array that it is to be set to.
Matched = List[Tuple[Variable, Array]]
#: What `get_params` gives: lists of params, regularizers, constraints and updates.
Params = Tuple[List[Any], ...]
#: A regularizer or a constraint, its name or its config; None for none.
Rule = Union[Named, Config, None]
#: The shape of an input or an output, samples first, with None where a size is not fixed.
Shape = Tuple[Optional[int], ...]
#: The same, or None where it is not known. mypy does not ask which it is, since nearly all layers know their shapes.
ShapeIfKnown = Union[Shape, Any]
#: Where a file is.
Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
