"""The op that runs C code over arrays, and what it needs to be told."""

import hashlib
import pathlib
import sys
from typing import NamedTuple, Optional, Tuple

import numpy as np

from recurrent_layers import engine
from recurrent_layers.engine import tensor as T

HEADERS = [(pathlib.Path(__file__).parent / name).read_text()
           for name in ("parts.h", "signals.h", "products.h", "arrays.h")]


def what_is_missing():
    """What this needs and there is not; nothing if there is all."""
    if not engine.config.cxx:
        return "there is no C++ compiler"
    if sys.platform == "win32":
        return "there is no C code for Windows"
    return "" if engine.prepare().threads.name else "there is no library of threads"


def is_possible():
    """Whether there is all that this needs."""
    return not what_is_missing()


def settings(truncate_gradient=-1):
    """The last input of an op: how many threads it may use, and truncate_gradient."""
    return T.constant(np.array([engine.number_of_threads(), truncate_gradient], "int64"))


class Size(NamedTuple):
    """A size of an output: a sum of sizes of inputs, each so many times, and a constant.

    Attributes
    ----------
    terms : tuple of (int, int, int)
        An input, an axis of it, and how often its size is taken.
    constant : int
    """

    terms: Tuple[Tuple[int, int, int], ...] = ()
    constant: int = 0

    def of(self, shapes):
        """What it is, given the shapes of the inputs."""
        sizes = [shapes[k][axis] * times if times != 1 else shapes[k][axis] for k, axis, times in self.terms]
        sizes += [T.constant(self.constant)] * bool(self.constant or not sizes)
        return sum(sizes[1:], sizes[0])


class Steps(NamedTuple):
    """The number of steps: what an input says, or the length of the shortest of some."""

    number: Optional[int]
    sequences: Tuple[int, ...]

    def of(self, node, shapes):
        if self.number is not None:
            return node.inputs[self.number]
        lengths = list(dict.fromkeys(shapes[k][0] for k in self.sequences))
        shortest = lengths[0]
        for length in lengths[1:]:
            shortest = T.minimum(shortest, length)
        return shortest


class PerformedByFunction:
    """An op that Python performs by a compiled function, which is made when it is first needed and not pickled."""

    def function_for(self, node):
        """The function of the inputs of a node."""
        raise NotImplementedError

    def perform(self, node, inputs, output_storage):
        if not hasattr(self, "_function"):
            self._function = self.function_for(node)
        for storage, value in zip(output_storage, self._function(*inputs)):
            storage[0] = value

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name != "_function"}


class Loops(PerformedByFunction, engine.COp):
    """Runs C code that computes arrays from arrays.

    Parameters
    ----------
    name : str
    code : str
        The body of a function of ``in`` and ``out``, arrays of NumPy arrays.
    dtype : str
        "float32" or "float64": that of `real` in the code and of all outputs.
    shapes : tuple of tuples
        The sizes of the outputs, each a `Size` or `Steps`.
    destroyed : tuple of int
        The inputs that become the outputs.
    """

    __props__ = ("name", "code", "dtype", "shapes", "destroyed")

    def __init__(self, name, code, dtype, shapes, destroyed=()):
        self.name, self.code, self.dtype, self.shapes, self.destroyed = name, code, dtype, shapes, destroyed
        self.destroy_map = {output: [position] for output, position in enumerate(destroyed)}

    def __str__(self):
        return self.name

    def make_node(self, *inputs):
        outputs = [T.TensorType(self.dtype, [size == Size((), 1) for size in shape])() for shape in self.shapes]
        return engine.Apply(self, [T.as_tensor_variable(variable) for variable in inputs], outputs)

    def infer_shape(self, node, shapes):
        return [[size.of(node, shapes) if isinstance(size, Steps) else size.of(shapes) for size in shape]
                for shape in self.shapes]

    def function_for(self, node):
        """For linkers that call Python: the C code all the same."""
        own = [variable.type() for variable in node.inputs]
        given = [engine.In(variable, mutable=k in self.destroyed, borrow=True) for k, variable in enumerate(own)]
        made = [engine.Out(output, borrow=True) for output in self(*own, return_list=True)]
        return engine.function(given, made, mode=engine.Mode("c|py", None), on_unused_input="ignore",
                               accept_inplace=True)

    def c_support_code(self, **named):
        return "\n".join(["typedef {} real;".format({"float32": "float", "float64": "double"}[self.dtype]), *HEADERS])

    def c_support_code_apply(self, node, name):
        return (f"static void {name}_compute(PyArrayObject* const* in, PyArrayObject** const* out) {{\n"
                + "\n".join("    " + line for line in [
                    f"PyArrayObject* const settings_array = in[{len(node.inputs) - 1}];", *self.code.split("\n")])
                + "\n}\n")

    def c_code(self, node, name, inputs, outputs, sub):
        return """
            try {{
                PyArrayObject* const in[] = {{{inputs}}};
                PyArrayObject** const out[] = {{{outputs}}};
                {name}_compute(in, out);
            }} catch (const Interrupted&) {{
                {fail}
            }} catch (const std::bad_alloc&) {{
                PyErr_NoMemory();
                {fail}
            }} catch (const std::exception& error) {{
                PyErr_SetString(PyExc_ValueError, error.what());
                {fail}
            }}
            """.format(inputs=", ".join(inputs), outputs=", ".join("&" + output for output in outputs), name=name,
                       fail=sub["fail"])

    def c_compile_args(self, **named):
        return [*engine.LOOPS_FLAGS, "-Wl,-rpath," + engine.prepare().threads.directory]

    def c_lib_dirs(self, **named):
        return [engine.prepare().threads.directory]

    def c_libraries(self, **named):
        return [engine.prepare().threads.name]

    def c_code_cache_version(self):
        digest = hashlib.sha256("\n".join(HEADERS).encode()).digest()
        return (2, int.from_bytes(digest[:8], "big"))  # The first for this file.
