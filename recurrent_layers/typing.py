"""Types for annotations. Variables of Theano and PyTensor, which have no types of their own to check, are ``Any``."""

from typing import Any, Callable, Dict, List, Union

import numpy as np

#: A symbolic variable of Theano or PyTensor.
Variable = Any
#: What NumPy makes an array of.
ArrayLike = Any
#: The name of an activation, an initialization, an objective, a regularizer or a constraint, or such a function.
Named = Union[str, Callable[..., Any]]
#: What `get_config` gives and JSON keeps.
Config = Dict[str, Any]
#: What `get_weights` gives and `set_weights` takes.
Weights = List[np.ndarray]
