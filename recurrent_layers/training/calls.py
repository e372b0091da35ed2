"""Calls a compiled function where what the engine does around a call takes longer than the function."""

import numpy as np

from recurrent_layers import engine


class Direct:
    """A compiled function, called without what the engine does around a call, where a single array needs none of that.

    The engine checks and converts what is given, looks for arrays that share memory, and updates shared variables.

    Parameters
    ----------
    function : compiled function
        Its own, which nobody else calls.
    """

    def __init__(self, function):
        self._function = function
        self._run = function.vm if hasattr(function, "vm") else function.fn
        given = [container for container in function.input_storage if container.required]
        self._inputs = [container.storage for container in given]
        self._outputs = [container.storage for container in function.output_storage]
        self._kind = None
        if len(given) == 1 and not function.profile:  # Which counts what goes through the function.
            kind = given[0].type
            has_any_size = not any(kind.broadcastable) and not any(getattr(kind, "shape", ()))
            self._kind = (np.dtype(kind.dtype), kind.ndim) if has_any_size else None
        #: Whether :meth:`run` does all that it does.
        self.is_complete = all(one.update is None for one in function.maker.inputs)

    def __call__(self, *arrays):
        """The same as the function gives."""
        if not self.is_complete or self._kind is None or not self._is_of_the_kind(*arrays):
            return self._function(*arrays)
        outputs = self.run(*arrays)
        return outputs[0] if self._function.unpack_single else outputs

    def _is_of_the_kind(self, array):
        return (type(array) is np.ndarray and (array.dtype, array.ndim) == self._kind
                and array.flags.c_contiguous and array.flags.aligned)  # fmt: skip

    def _say_where(self):
        """Raise the error that is being handled as the function would; return if nothing is known of it."""
        run = self._run
        if hasattr(run, "position_of_error"):
            place = run.position_of_error
            engine.raise_with_op(self._function.maker.fgraph, node=run.nodes[place], thunk=run.thunks[place],
                                 storage_map=getattr(run, "storage_map", None))  # fmt: skip

    def run(self, *arrays):
        """The outputs, for arrays of just the types of its inputs, each another one."""
        for storage, array in zip(self._inputs, arrays):
            storage[0] = array
        try:
            outputs = self._run()
        except Exception:
            self._say_where()
            raise
        if outputs is None:
            outputs = [storage[0] for storage in self._outputs]
        for storage in self._inputs + self._outputs:  # Else the next call would write into what this one has given.
            storage[0] = None
        return outputs
