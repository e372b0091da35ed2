"""Calls a compiled function where what the engine does around a call takes longer than the function."""


class Direct:
    """A compiled function without updates, called with arrays of just the types of its inputs, each another one.

    The engine itself checks and converts them, and looks for those that share memory.

    Parameters
    ----------
    function : compiled function
        Its own, which nobody else calls.
    """

    def __init__(self, function):
        self._function = function
        self._run = function.vm if hasattr(function, "vm") else function.fn
        self._inputs = [container.storage for container in function.input_storage if container.required]
        self._outputs = [container.storage for container in function.output_storage]

    def __call__(self, *arrays):
        for storage, array in zip(self._inputs, arrays):
            storage[0] = array
        try:
            outputs = self._run()
        except Exception:
            outputs = self._function(*arrays)  # Which says where the error is.
        if outputs is None:
            outputs = [storage[0] for storage in self._outputs]
        for storage in self._outputs:  # Else the next call would write into what this one has given.
            storage[0] = None
        return outputs
