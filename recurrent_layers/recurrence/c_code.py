"""Writes all steps of a program as C code, and makes ops of it.

Arrays that are kept of all steps are (timesteps, nb_samples, columns). The samples are divided into as many parts
as there are threads. A thread does a part from the first step to the last, and so waits for nobody. Only where there
are few samples and large weights, threads share the columns of each step instead. Steps of samples that are masked
are passed over.
"""

import hashlib
import pathlib
import re
import sys

import numpy as np

from recurrent_layers import engine
from recurrent_layers.engine import tensor as T
from recurrent_layers.recurrence.step import Unsupported
from recurrent_layers.recurrence.writer import Place, StepWriter, Total, Widths, indented

HEADERS = [(pathlib.Path(__file__).parent / name).read_text()
           for name in ("signals.h", "parts.h", "products.h", "arrays.h")]


def is_possible():
    """Whether there is all that this needs."""
    return bool(engine.config.cxx) and sys.platform != "win32" and bool(engine.prepare().threads.name)


# The last input of an op: so many threads, the output_dim, truncate_gradient.
def settings(threads, output_dim, truncate_gradient):
    """Make it."""
    return T.constant(np.array([threads, output_dim, truncate_gradient], "int64"))


# Sizes of outputs: of an input, along an axis; or the second of the settings.
TIMESTEPS, NB_SAMPLES, INPUT_DIM = (0, 0), (0, 1), (0, 2)
OUTPUT_DIM = (-1, 1)


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
        The sizes of the outputs, each an (input, axis) pair or `OUTPUT_DIM`.
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
        outputs = [T.TensorType(self.dtype, (False,) * len(shape))() for shape in self.shapes]
        return engine.Apply(self, [T.as_tensor_variable(variable) for variable in inputs], outputs)

    def infer_shape(self, node, shapes):
        return [[node.inputs[-1][1] if size == OUTPUT_DIM else shapes[size[0]][size[1]] for size in shape]
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
                + "\n".join(indented([f"PyArrayObject* const settings_array = in[{len(node.inputs) - 1}];",
                                      *self.code.split("\n")])) + "\n}\n")

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
        return (1, int.from_bytes(digest[:8], "big"))  # The first for this file.


class Kept:
    """What is kept of all steps: a state (its number) or another variable."""

    def __init__(self, key, name, width):
        self.key, self.name, self.width = key, name, width
        self.is_state = isinstance(key, int)

    def at(self, t):
        return Place(f"{self.name} + ({t}) * batch * {self.width}", self.width, self.width)


def forward(program, name, return_sequences):
    """The op of all steps.

    Parameters
    ----------
    program : Program
    name : str
    return_sequences : bool

    Returns
    -------
    Loops
        Its inputs are x, the context, the weights, and settings: (threads, output_dim, truncate_gradient), int64.
        Its outputs are the outputs of all steps or of the last, then what else the program saves of all steps.
    """
    code = _Code(program, return_sequences)
    step, masked, end, stores, rolling = [], [], [], [], []
    if not return_sequences:
        code.lines.append("real* const last_output = output(out[0], {batch, output_dim});")
    for number, kept in enumerate(code.kept, start=not return_sequences):
        code.lines.append(f"real* const {kept.name} = output(out[{number}], {{timesteps, batch, {kept.width}}});")
        if not kept.is_state:
            stores.append((kept.key, kept.at("t")))
    for k, state in enumerate(program.states):
        if k in code.kept_states:
            step += code.add_state_before(k)
            place = code.kept_states[k].at("t")
        else:
            rolling.append(f"state{k}")
            step += [f"const real* const state{k}_tm1 = state{k} + t % 2 * batch * output_dim;",
                     f"real* const state{k}_t = state{k} + (t + 1) % 2 * batch * output_dim;"]
            code.places[program.states_tm1[k]] = Place(f"state{k}_tm1", "output_dim")
            place = Place(f"state{k}_t", "output_dim")
        stores.append((state, place))
        before = code.places[program.states_tm1[k]]
        masked.append(f"std::copy_n({before.at} + i * {before.row}, output_dim, {place.at} + i * output_dim);")
    if not return_sequences:
        last = (code.kept_states[0].at("timesteps - 1").at if 0 in code.kept_states
                else "state0 + timesteps % 2 * batch * output_dim")
        end = ["for (const long* i = samples; i < samples + rows; ++i)",
               f"    std::copy_n({last} + *i * output_dim, output_dim, last_output + *i * output_dim);"]
    code.lines.append("const long stop = 0, steps = timesteps;")
    code.loop_over_time("for (long t = 0; t < timesteps; ++t)", code.writer(stores), step, masked, [], rolling, [], end)
    shapes = [(TIMESTEPS, NB_SAMPLES, code.size(kept.width)) for kept in code.kept]
    if not return_sequences:
        shapes.insert(0, (NB_SAMPLES, OUTPUT_DIM))
    return code.op(name, shapes)


def backward(program, name, return_sequences, gradient_of_x, gradients_of):
    """The op of the gradients through all steps.

    Parameters
    ----------
    program : Program
    name : str
    return_sequences, gradient_of_x : bool
    gradients_of : list of int
        Positions of the weights.

    Returns
    -------
    Loops
        Its inputs are x, the context, the weights, what :func:`forward` gives of all steps, the gradient of its
        first output, and settings. Its outputs are the gradient of x, if wanted, and those of weights.
    """
    code = _Code(program, return_sequences)
    step, masked, begin, end, stores, rolling, sums = [], [], [], [], [], [], []
    position = code.first_weight + len(program.weights)
    for kept in code.kept:
        code.lines += [f"const Input<real> {kept.name}_array(in[{position}]);",
                       f"const real* const {kept.name} = {kept.name}_array.data();"]
        position += 1
        code.places[program.states[kept.key] if kept.is_state else kept.key] = kept.at("t")
    code.lines += [f"const Input<real> output_gradient(in[{position}]);",
                   "const long truncate_gradient = settings[2];",
                   "const long stop = truncate_gradient > 0 ? std::max(timesteps - truncate_gradient, 0L) : 0;",
                   "const long steps = timesteps - stop;"]
    sizes = ["timesteps", "batch", "output_dim"][not return_sequences:]
    code.lines += [f'require(output_gradient.dim({axis}) == {size}, "the gradient of the output has another shape");'
                   for axis, size in enumerate(sizes)]
    if return_sequences:
        code.places[program.output_gradient] = Place(
            "output_gradient.data() + t * output_gradient.stride(0)", "output_gradient.stride(1)")
    else:
        begin += ["for (const long* i = samples; i < samples + rows; ++i)",
                  "    std::copy_n(output_gradient.data() + *i * output_gradient.stride(0), output_dim,",
                  "                carried0 + ((timesteps - 1) % 2 * batch + *i) * output_dim);"]
    for k, state_gradient in enumerate(program.carried_on):
        if k in code.kept_states:
            step += code.add_state_before(k)
        rolling.append(f"carried{k}")
        step += [f"const real* const carried{k}_t = carried{k} + t % 2 * batch * output_dim;",
                 f"real* const carried{k}_tm1 = carried{k} + (t + 1) % 2 * batch * output_dim;"]
        masked.append(f"std::copy_n(carried{k}_t + i * output_dim, output_dim, carried{k}_tm1 + i * output_dim);")
        code.places[program.carried[k]] = Place(f"carried{k}_t", "output_dim")
        stores.append((state_gradient, Place(f"carried{k}_tm1", "output_dim")))
    if gradient_of_x:
        code.lines += ["real* const x_gradient = output(out[0], {timesteps, batch, input_dim});",
                       "std::fill_n(x_gradient, stop * batch * input_dim, real(0));"]
        place = Kept(None, "x_gradient", "input_dim").at("t")
        stores.append((program.x_gradient, place))
        masked.append(f"std::fill_n({place.at} + i * input_dim, input_dim, real(0));")
    if return_sequences:
        masked += [f"const real* const from_outside = {code.places[program.output_gradient].at} "
                   "+ i * output_gradient.stride(1);",
                   "for (long j = 0; j < output_dim; ++j) carried0_tm1[i * output_dim + j] += from_outside[j];"]

    # The gradients of products are kept of all steps: those of weights follow from them at once.
    product_gradients = {}
    for product in program.products:
        if product.gradient not in product_gradients:
            kept = Kept(product.gradient, f"product_gradient{len(product_gradients)}", code.widths.of(product.output))
            product_gradients[product.gradient] = kept
            code.lines.append(f"real* const {kept.name} = scratch.get(steps * batch * {kept.width});")
            stores.append((product.gradient, kept.at("t - stop")))
    for n, (vector, summand) in enumerate(program.sums):
        width = code.widths.of_vector(vector)
        sums.append((summand, Total(f"sum{n}", width)))
        code.lines += [f"std::vector<double> sums{n}(threads * {width});",
                       f"real* const sum{n}_of_parts = scratch.get(threads * {width});"]
        begin.append(f"real* const sum{n} = sum{n}_of_parts + part * {width};")
        step.append(f"std::fill_n(sum{n}, {width}, real(0));")
        # float32 is enough for the samples of one step, but not for all steps.
        end.append(f"for (long j = 0; j < {width}; ++j) sums{n}[part * {width} + j] += sum{n}[j];")
    code.loop_over_time("for (long t = timesteps - 1; t >= stop; --t)", code.writer(stores, sums), step, masked, end,
                        rolling, begin, [])
    code.gradients_of_weights(product_gradients, gradients_of, first_output=int(gradient_of_x))
    shapes = [(TIMESTEPS, NB_SAMPLES, INPUT_DIM)] * gradient_of_x
    for k in gradients_of:
        shapes.append(tuple((code.first_weight + k, axis) for axis in range(program.weights[k].ndim)))
    return code.op(name, shapes)


class _Code:
    """The lines of an op, and what forward and backward steps have in common."""

    def __init__(self, program, return_sequences):
        self.program, self.return_sequences = program, return_sequences
        self.dtype = program.x_t.dtype
        if self.dtype not in ("float32", "float64"):
            raise Unsupported(f"an input of {self.dtype}")
        for variable in program.weights + program.states:
            if variable.dtype != self.dtype:
                raise Unsupported(f"{variable.dtype} together with {self.dtype}")
        self.names = {}
        for k, weight in enumerate(program.weights):
            self.names.update({weight: f"weight{k}", (weight, "values"): f"values{k}",
                               (weight, False): f"packed{k}", (weight, True): f"transposed{k}"})  # fmt: skip
        self.widths = Widths(program, self.names)
        self.first_weight = 1 + len(program.context_t)
        states = sorted({*program.saved_states, *([0] if return_sequences else [])})
        self.kept = [Kept(k, f"states{k}", "output_dim") for k in states]
        self.kept += [Kept(variable, f"saved{n}", self.widths.of(variable)) for n, variable in enumerate(program.saved)]
        self.kept_states = {kept.key: kept for kept in self.kept if kept.is_state}
        self.places = {program.x_t: Place("x.data() + t * x.stride(0)", "x.stride(1)")}
        self.columns = {context: f"context{k}.data()[t * context{k}.stride(0) + i * context{k}.stride(1)]"
                        for k, context in enumerate(program.context_t)}
        self.lines = self._given()

    def _given(self):
        """The inputs, and checks of their sizes."""
        lines = ["if (PyErr_CheckSignals() != 0) throw Interrupted();", "const Input<real> x(in[0]);",
                 "const npy_int64* const settings = static_cast<const npy_int64*>(PyArray_DATA(settings_array));",
                 "const long timesteps = x.dim(0), batch = x.dim(1), input_dim = x.dim(2), output_dim = settings[1];",
                 "const long threads = std::max(settings[0], npy_int64(1));"]
        for k, context in enumerate(self.program.context_t):
            kind = "bool" if context.dtype == "bool" else f"npy_{context.dtype}"
            lines += [f"const Input<{kind}> context{k}(in[{1 + k}]);",
                      f"require(context{k}.dim(0) == timesteps && context{k}.dim(1) == batch, "
                      '"the mask has other timesteps or samples than the input");']
        for k, weight in enumerate(self.program.weights):
            lines.append(f"const Input<real> weight{k}(in[{self.first_weight + k}]);")
            if weight.ndim == 1:
                lines.append(f"const real* const values{k} = weight{k}.data();")
        lines += [f'require_equal("{width}", {width}, "{other}", {other});' for width, other in self.widths.checks()]
        if not self.return_sequences:
            lines.append('require(timesteps > 0, "the input has no timesteps, and so there is no last one");')
        return lines + ["products::Scratch scratch;", "real* const zeros = scratch.zeros(output_dim);"]

    def op(self, name, shapes):
        return Loops(name, "\n".join(self.lines), self.dtype, tuple(shapes))

    def size(self, width):
        """A number of columns as `Loops` takes it."""
        if width in ("input_dim", "output_dim"):
            return INPUT_DIM if width == "input_dim" else OUTPUT_DIM
        number, axis = re.match(r"weight(\d+)\.dim\((\d)\)", width).groups()
        return (self.first_weight + int(number), int(axis))

    def add_state_before(self, k):
        """Let a step find a kept state of the step before, zero before the first; returns what it does for that."""
        kept = self.kept_states[k]
        self.places[self.program.states_tm1[k]] = Place(f"state{k}_tm1", f"state{k}_row")
        return [f"const real* const state{k}_tm1 = t > 0 ? {kept.at('t - 1').at} : zeros;",
                f"const long state{k}_row = t > 0 ? output_dim : 0;"]

    def writer(self, stores, sums=()):
        return StepWriter(self.program, self.widths, self.names, self.places, self.columns, stores, sums)

    def loop_over_time(self, loop, writer, step, masked, after, rolling, begin, end):
        """Add the loop, for the samples of each part.

        Parameters
        ----------
        loop : str
            Its head.
        writer : StepWriter
        step, after : list of str
            What a step does before and after what the writer has written.
        masked : list of str
            What it does for a sample ``i`` that is masked.
        rolling : list of str
            C names of what has room for a step and the one before it, and is zero at first.
        begin, end : list of str
            What comes before and after the loop.
        """
        packed = sorted(writer.packed.items())
        sizes = {name: f"{self.names[weight]}.dim(0) * {self.names[weight]}.dim(1)" for name, (weight, _) in packed}
        of_inputs = [size for name, size in sizes.items() if name in writer.packed_of_inputs]
        self.lines += [f"const double work = {' + '.join(['0.0', *sizes.values()])};",
                       "const parts::Mask mask{" + self._mask() + "};",
                       "const parts::Division division(threads, batch, steps, work);",
                       "const parts::Samples samples_of(batch, division.parts, mask, stop, timesteps);",
                       "const long rows_of_part = batch / division.parts;",
                       "const long ahead = products::steps_at_once(rows_of_part);",
                       "const long reads = products::reads(steps, rows_of_part);",
                       "const long reads_of_inputs = products::reads(steps / ahead + 1, ahead * rows_of_part);"]
        for name, (weight, is_transposed) in packed:
            array = self.names[weight]
            rows, columns = (1, 0) if is_transposed else (0, 1)
            reads = "reads_of_inputs" if name in writer.packed_of_inputs else "reads"
            self.lines.append(f"const products::Weight {name}(scratch, {array}.data(), {array}.stride({rows}), "
                              f"{array}.stride({columns}), {array}.dim({rows}), {array}.dim({columns}), {reads});")
        self.lines += [f"real* const {name} = scratch.get({size});" for name, size in writer.rooms]
        self.lines += [f"real* const {name} = scratch.zeros(2 * batch * output_dim);" for name in rolling]
        lines = ["const long* const samples = samples_of.of(part);", "const long rows = samples_of.number(part);",
                 "Watch watch(released);", "const double work_of_step = rows * (work + 1000);"]
        if writer.packed_of_inputs:
            lines.append("products::Inputs inputs;")
            step = ["if (t % ahead == 0) {", "    inputs.list(t, std::min(t + ahead, timesteps), samples, rows, mask, "
                    "x.stride(0), x.stride(1), batch);",
                    f"    products::in_shares(division.shares_of(inputs.number() * ({' + '.join(of_inputs)})), "
                    "[&](products::Share share) {", *indented(indented(writer.input_lines)), "    });", "}",
                    *step]  # fmt: skip
        if self.program.mask is None:
            lines += ["const long* const active = samples;", "const long count = rows;"]
        else:
            lines.append("parts::Attendance attendance;")
            step = [*step, "attendance.look(t, samples, rows, mask);",
                    "const long* const active = attendance.there.data();",
                    "const long count = attendance.there.size();",
                    "for (const long i : attendance.away) {", *indented(masked), "}"]  # fmt: skip
        for level in writer.levels_of_lines:
            step = [*step, "products::in_shares(division.shares, [&](products::Share share) {", *indented(level), "});"]
        step = ["watch.pass(work_of_step);", *step]
        lines += [*begin, loop + " {", *indented([*step, *after]), "}", *end]
        names = ", ".join("&" + name for name, _ in packed)
        self.lines += ["{", "    WithoutPython released;", f"    products::pack(division.threads, {{{names}}});",
                       "    parts::run(division.parts, division.parts, [&](long part) {",
                       *indented(indented(lines)), "    }, [&] { released.heed(); });", "}"]  # fmt: skip

    def _mask(self):
        """Values and strides of the mask, as C."""
        if self.program.mask is None:
            return "nullptr, 0, 0"
        name = f"context{self.program.context_t.index(self.program.mask)}"
        return f"{name}.data(), {name}.stride(0), {name}.stride(1)"

    def gradients_of_weights(self, product_gradients, gradients_of, first_output):
        """Add up the gradients of weights over time."""
        program, last = self.program, []
        sums = {vector: f"sums{n}" for n, (vector, _) in enumerate(program.sums)}
        self.lines += ["const products::Taken taken(mask, batch, stop, timesteps, x.stride(0), x.stride(1));",
                       "std::vector<std::function<void(Watch&)>> jobs;"]
        for output, k in enumerate(gradients_of, start=first_output):
            weight, name = program.weights[k], f"gradient_of_weight{k}"
            if weight in sums:
                width = self.widths.of_vector(weight)
                self.lines.append(f"real* const {name} = output(out[{output}], {{{width}}});")
                last += [f"for (long j = 0; j < {width}; ++j) {{", "    double sum = 0;",
                         "    for (long part = 0; part < division.parts; ++part)",
                         f"        sum += {sums[weight]}[part * {width} + j];", f"    {name}[j] = sum;", "}"]
                continue
            self.lines += [f"const long rows{k} = weight{k}.dim(0), columns{k} = weight{k}.dim(1);",
                           f"real* const {name} = output(out[{output}], {{rows{k}, columns{k}}});",
                           f"std::fill_n({name}, rows{k} * columns{k}, real(0));",
                           f"for (long j = 0; j < columns{k}; j += products::GROUP)",
                           "    jobs.push_back([&, j](Watch& watch) {",
                           f"        const long end = std::min(j + products::GROUP, columns{k});"]
            for product in program.products:
                if product.weight is weight:
                    left, rows, skipped = self._left_of_all_steps(product)
                    gradient = product_gradients[product.gradient].name
                    self.lines += [
                        f"        products::multiply_transposed(rows{k}, taken.rows.size() - {skipped}, {left},",
                        f"                                      {{{rows}}}, {gradient}, "
                        f"{{taken.rows.data() + {skipped}, columns{k}}},",
                        f"                                      {name}, columns{k}, j, end, watch);"]
            self.lines.append("    });")
        self.lines += ["WithoutPython released;",
                       "parts::run(division.threads, jobs.size(), [&](long job) {", "    Watch watch(released);",
                       "    jobs[job](watch);", "}, [&] { released.heed(); });", *last]

    def _left_of_all_steps(self, product):
        """Where the left sides of a product are, their rows, and how many rows of zeros are left out at first."""
        program, left = self.program, product.left
        if left is program.x_t:
            return "x.data()", "taken.rows_of_x.data(), 1", "0"
        if left in program.states_tm1:
            kept = self.kept_states[program.states_tm1.index(left)]
            return (f"{kept.name} + std::max(stop - 1, 0L) * batch * {kept.width}",
                    f"taken.rows_before.data(), {kept.width}", "taken.without_state")
        kept = next(kept for kept in self.kept if left is (program.states[kept.key] if kept.is_state else kept.key))
        return f"{kept.name} + stop * batch * {kept.width}", f"taken.rows.data(), {kept.width}", "0"
