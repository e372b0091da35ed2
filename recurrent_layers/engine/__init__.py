"""The engine that computes: Theano, or PyTensor, its descendant, where Theano cannot run.

This is the only room of the library that knows which. It prepares the engine for this machine when it is imported, and
gives what the library needs of it by the same names, whichever it is (:data:`recurrent_layers.engine.names.NAMES`).
"""

from typing import TYPE_CHECKING, Any

from recurrent_layers.engine.machine import LOOPS_FLAGS, number_of_threads
from recurrent_layers.engine.names import NAMES
from recurrent_layers.engine.setup import prepare, report

NAME = prepare().engine.name

if NAME == "Theano":
    from recurrent_layers.engine.on_theano import *
    from recurrent_layers.engine.on_theano import provide_theano
else:
    from recurrent_layers.engine.on_pytensor import *
    from recurrent_layers.engine.theano_names import provide_theano

__all__ = ["LOOPS_FLAGS", "NAME", "number_of_threads", "prepare", "provide_theano", "report", *NAMES]

if TYPE_CHECKING:  # Which names these are, no type checker can follow, and the engines have no types.

    def __getattr__(name: str) -> Any: ...
