"""Updates of weights and of what an optimizer remembers of them: one loop for all, by all threads.

The engine computes the new value of each array in a pass of its own, with one thread. Here all that a training step
makes of the same arrays by elementwise functions is one node: it reads each of them once, and puts the new values in
the place of the old.
"""

from collections import OrderedDict

from recurrent_layers import engine
from recurrent_layers.engine import Constant, Elemwise, InconsistencyError, ancestors
from recurrent_layers.engine import tensor as T
from recurrent_layers.recurrence import loops
from recurrent_layers.recurrence.errors import Unsupported
from recurrent_layers.recurrence.writer import c_type, definition, indented, literal

# So many elements are taken at once.
CHUNK = 16384


class Group:
    """New values that are computed from the same arrays.

    Parameters
    ----------
    outputs : list of symbolic variables

    Attributes
    ----------
    outputs : list of symbolic variables
    order : list of symbolic variables
        All that is computed, what is needed first coming first.
    arrays, numbers : list of symbolic variables
        What is given: arrays of the shape of the outputs, and arrays of one number.
    """

    def __init__(self, outputs):
        self.outputs, self.order, self.arrays, self.numbers = outputs, [], [], []
        self._seen = set()
        for output in outputs:
            self._visit(output)

    def _visit(self, variable):
        if variable in self._seen or is_constant(variable):
            return
        self._seen.add(variable)
        if all(variable.broadcastable):
            self.numbers.append(variable)
        elif variable.owner is not None and is_elementwise(variable):
            for argument in variable.owner.inputs:
                self._visit(argument)
            self.order.append(variable)
        else:
            self.arrays.append(variable)

    def written(self, places):
        """The C code, and the sizes of the outputs.

        Parameters
        ----------
        places : list of int
            Which of the arrays each output replaces; empty if none is to be.
        """
        dtype = self.outputs[0].dtype
        if dtype not in ("float32", "float64"):
            raise Unsupported(f"arrays of {dtype}")
        if any(variable.dtype != dtype for variable in self.arrays + self.outputs):
            raise Unsupported("different types of numbers")
        names, lines, loop = {}, [], []
        for k, array in enumerate(self.arrays):
            names[array] = f"array{k}[j]"
            lines += [f"const Input<real> given{k}(in[{k}], true);", f"const real* const array{k} = given{k}.data();"]
            lines += [f'require(given{k}.dim({axis}) == given0.dim({axis}), "arrays of different shapes");'
                      for axis in range(array.ndim)]  # fmt: skip
        for k, number in enumerate(self.numbers):
            names[number], kind = f"number{k}", c_type(number.dtype, dtype)
            lines.append(f"const {kind} number{k} = *Input<{kind}>(in[{len(self.arrays) + k}]).data();")
        for k, variable in enumerate(self.order):
            names[variable] = f"v{k}"
            given = [literal(argument, dtype) if is_constant(argument) else names[argument]
                     for argument in variable.owner.inputs]  # fmt: skip
            dtypes = [argument.dtype for argument in variable.owner.inputs]
            function = variable.owner.op.scalar_op
            loop.append(definition(function, dtypes, variable.dtype, names[variable], given, dtype))
        sizes = [f"given0.dim({axis})" for axis in range(self.outputs[0].ndim)]
        for k, output in enumerate(self.outputs):
            shape = "{" + ", ".join(sizes) + "}"
            found = f"in_place(out[{k}], in[{places[k]}], {shape})" if places else f"output(out[{k}], {shape})"
            lines.append(f"real* const to{k} = {found};")
            loop.append(f"to{k}[j] = {names[output]};")
        lines += ["const npy_int64 threads = *static_cast<const npy_int64*>(PyArray_DATA(settings_array));",
                  f"const long size = {' * '.join(sizes)};",
                  "const WithoutPython released;",
                  f"parts::run(threads, (size + {CHUNK - 1}) / {CHUNK}, [&](long job) {{",
                  f"    const long end = std::min((job + 1) * {CHUNK}, size);",
                  "    #pragma GCC ivdep",
                  f"    for (long j = job * {CHUNK}; j < end; ++j) {{", *indented(indented(loop)), "    }", "});"]
        shape = tuple(loops.Size(((0, axis, 1),)) for axis in range(len(sizes)))
        return "\n".join(lines), (shape,) * len(self.outputs)

    def op(self, places=()):
        """The op of the loop, for `arrays`, `numbers` and settings."""
        code, shapes = self.written(places)
        return loops.Loops("updates", code, self.outputs[0].dtype, shapes, tuple(places))


def is_constant(variable):
    """Whether it is a number."""
    return isinstance(variable, Constant) and variable.data.size == 1


def is_elementwise(variable):
    """Whether it is computed elementwise from arrays of its own shape and from numbers."""
    node = variable.owner
    if not isinstance(node.op, Elemwise) or len(node.outputs) > 1 or not any(map(is_array, node.inputs)):
        return False
    return all(is_array(argument) or all(argument.broadcastable) for argument in node.inputs)


def is_array(variable):
    # The state of a random generator is no tensor.
    return isinstance(variable.type, T.TensorType) and variable.ndim > 0 and not any(variable.broadcastable)


def groups_of(fgraph, updated):
    """The outputs that can be computed in one loop, together with those that share an array with them."""
    found = []
    for output in dict.fromkeys(fgraph.outputs):
        if output.owner is None or not is_array(output) or not is_elementwise(output):
            continue
        group = Group([output])
        if not any(array in updated for array in group.arrays):
            continue
        shared = {*group.arrays, *group.order}
        together = [other for other in found if shared & {*other.arrays, *other.order}]
        found = [other for other in found if other not in together]
        found.append(Group([one for other in together for one in other.outputs] + [output]))
    return found


def updated_inputs(fgraph):
    """The inputs that new values may replace."""
    protected = [input for feature in fgraph._features if isinstance(feature, engine.Supervisor)
                 for input in feature.protected]  # fmt: skip
    return [input for input in fgraph.inputs if input not in protected]


def places_of(group, updated):
    """For each output of a group an array whose place it can take, as a position; None if there are not enough."""
    places = []
    for output in group.outputs:
        own = Group([output]).arrays
        free = [k for k, array in enumerate(group.arrays) if array in updated and array in own and k not in places]
        if not free:
            return None
        places.append(free[0])
    return places


@engine.optimizer
def updates_in_c(fgraph):
    """Compute in one loop what is made of the same arrays."""
    if not loops.is_possible():
        return
    updated = set(updated_inputs(fgraph))
    for group in groups_of(fgraph, updated):
        # What is given may depend on what is computed, as the norm of new values does by which they are scaled.
        if not set(group.outputs).isdisjoint(ancestors(group.arrays + group.numbers)):
            continue
        try:
            op, places = group.op(), places_of(group, updated)
        except Unsupported:
            continue
        op.in_place = group.op(places) if places else None
        settings = loops.settings()
        fgraph.replace_all_validate(
            list(zip(group.outputs, op(*group.arrays, *group.numbers, settings, return_list=True))),
            reason="updates_in_c")  # fmt: skip


@engine.optimizer
def updates_in_place(fgraph):
    """Put new values in the place of the old, where nothing else needs these afterwards."""
    for node in fgraph.toposort():
        better = getattr(node.op, "in_place", None)
        if better is not None:
            try:
                fgraph.replace_all_validate(list(zip(node.outputs, better(*node.inputs, return_list=True))),
                                            reason="updates_in_place")  # fmt: skip
            except InconsistencyError:
                continue


class UpdatesLast(engine.Feature):
    """Numbers that a function updates are written over when all that is no part of that has been computed.

    So what is interrupted, or fails, leaves either all of them as they were or none.
    """

    def orderings(self, fgraph):
        """For each node, what must have been computed before it."""
        updated = set(filter(holds_numbers, updated_inputs(fgraph)))
        nodes = engine.io_toposort(fgraph.inputs, fgraph.outputs)
        destroyed = {node: {origin(variable) for variable in destroyed_by(node)} for node in nodes}
        last, read, found = set(), set(), None
        while found != len(last):
            found = len(last)
            for node in nodes:
                follows = any(variable.owner in last for variable in node.inputs)
                # What writes over something that is read last must come after that.
                if follows or not destroyed[node].isdisjoint(updated | read):
                    last.add(node)
                    read.update(map(origin, node.inputs))
        others = [node for node in nodes if node not in last]
        return OrderedDict((node, list(others)) for node in nodes if node in last)


def holds_numbers(variable):
    """Whether it is no state of a random generator, which all else may have to wait for."""
    return isinstance(variable.type, T.TensorType) and variable.dtype.startswith("float")


def destroyed_by(node):
    return [node.inputs[k] for positions in getattr(node.op, "destroy_map", {}).values() for k in positions]


def origin(variable):
    """What a variable is a view of."""
    while variable.owner is not None:
        views = getattr(variable.owner.op, "view_map", {}).get(variable.owner.outputs.index(variable))
        if not views:
            break
        variable = variable.owner.inputs[views[0]]
    return variable


@engine.optimizer
def updates_last(fgraph):
    """Compute first, then write over."""
    fgraph.attach_feature(UpdatesLast())


# Before the engine makes one function of several elementwise ones; and with those that work in place.
engine.register("updates_in_c", updates_in_c, 48.9, "fast_run", "cxx_only", "recurrence")
engine.register("updates_last", updates_last, 200, "fast_run", "fast_compile", "recurrence")
engine.register("updates_in_place", updates_in_place, 74, "fast_run", "inplace", "cxx_only", "recurrence")
