"""Writes all steps of a program as C code, and makes ops of it.

What is kept of all steps is (timesteps, nb_samples, columns). The samples are divided into as many parts as there are
threads. A thread does a part from the first step to the last, and so waits for nobody. Only where there are few
samples and large weights, threads share the columns of each step instead. Steps of samples that are masked are passed
over.
"""

from typing import List, NamedTuple, Optional

from recurrent_layers.engine import Variable
from recurrent_layers.recurrence.errors import Unsupported
from recurrent_layers.recurrence.loops import Loops, Size, Steps
from recurrent_layers.recurrence.program import name_of
from recurrent_layers.recurrence.step import Leaf
from recurrent_layers.recurrence.values import Extent
from recurrent_layers.recurrence.writer import Place, Sizes, StepWriter, Target, begin_of, c_type, indented, uncut

NO_TIMESTEPS = 'require(timesteps > 0, "the input has no timesteps, and so there is no last one");'


class Given(NamedTuple):
    """What a loop is given, in the order of the inputs of its op.

    Attributes
    ----------
    n_steps : symbolic variable or None
        How many steps there are; None for as many as the shortest sequence has.
    sequences, initials, weights : list of symbolic variables
        An initial state is that before the first step, or all that there must be, (depth, nb_samples, n).
    """

    n_steps: Optional[Variable]
    sequences: List[Variable]
    initials: List[Variable]
    weights: List[Variable]

    @property
    def inputs(self):
        """All of them."""
        return [self.n_steps] * (self.n_steps is not None) + self.sequences + self.initials + self.weights

    @property
    def names(self):
        """The C names of all but n_steps, in order."""
        return [f"{kind}{k}" for kind, variables in (("sequence", self.sequences), ("initial", self.initials),
                                                     ("weight", self.weights)) for k in range(len(variables))]


class Kept:
    """What is kept of all steps: a state (its number) or another value; its width is a C name of one op."""

    def __init__(self, key, name, extent, width):
        self.key, self.name, self.extent, self.width = key, name, extent, width
        self.is_state = isinstance(key, int)

    def at(self, t):
        return Place(f"{self.name} + ({t}) * batch * {self.width}", self.width)


class _Code:
    """The lines of an op, and what forward and backward steps have in common."""

    def __init__(self, program, given, more_arrays=()):
        self.program, self.given, self.lines = program, given, []
        variables = given.sequences + given.initials + given.weights
        self.variables = dict(zip(given.names, variables))
        self.ndims = {name: variable.ndim for name, variable in self.variables.items()}
        self.positions = {name: k for k, name in enumerate(given.names, start=given.n_steps is not None)}
        self.sizes = Sizes({**self.ndims, **dict(more_arrays)})
        self.places = self._places_of_given()

    # ---- What is given ------------------------------------------------------------------------------------

    def _places_of_given(self):
        """Where the values are that steps are given, but for states."""
        places, graph = {}, self.program.graph
        for leaf in graph.leaves:
            name = name_of(leaf.detail)
            if leaf.detail.kind == "sequence":
                places[leaf] = Place(f"{name}.data() + t * {name}.stride(0)", f"{name}.stride(1)")
            elif leaf.detail.kind in ("row", "number"):
                places[leaf] = Place(f"{name}.data()", "0")
            elif leaf.detail.kind == "fixed":
                places[leaf] = Place(f"{name}.data()", f"{name}.stride(0)")
        return places

    def head(self):
        """The inputs, and checks of their sizes."""
        given, program = self.given, self.program
        lines = ["if (PyErr_CheckSignals() != 0) throw Interrupted();",
                 "const npy_int64* const settings = static_cast<const npy_int64*>(PyArray_DATA(settings_array));",
                 "const long threads = std::max(settings[0], npy_int64(1));"]
        for k, variable in enumerate(given.sequences):
            kind = c_type(variable.dtype, program.dtype)
            lines.append(f"const Input<{kind}> sequence{k}(in[{self.positions[f'sequence{k}']}]);")
        for k in range(len(given.initials)):
            lines.append(f"const Initial initial{k}(in[{self.positions[f'initial{k}']}], "
                         f"{self._c(self.has_steps(k))}, {self._c(self._is_row(k))});")
        for k, variable in enumerate(given.weights):
            kind = c_type(variable.dtype, program.dtype)
            lines.append(f"const Input<{kind}> weight{k}(in[{self.positions[f'weight{k}']}]);")
        lines += [self._timesteps(), f"const long batch = {self._batch()};", *self._checks()]
        return lines

    @staticmethod
    def _c(flag):
        return "true" if flag else "false"

    def has_steps(self, k):
        """Whether an initial state is several, one for each step before the first."""
        return self.program.taps[k] != [1]

    def _is_row(self, k):
        """Whether all samples begin with the same state."""
        initial = self.given.initials[k]
        return not self.has_steps(k) and initial.ndim == 2 and initial.broadcastable[0]

    def _timesteps(self):
        if self.given.n_steps is not None:
            return "const long timesteps = *static_cast<const npy_int64*>(PyArray_DATA(in[0]));"
        lengths = ", ".join(f"sequence{k}.dim(0)" for k in range(len(self.given.sequences)))
        return f"const long timesteps = std::min({{{lengths}}});"

    def _batch(self):
        if self.given.sequences:
            return "sequence0.dim(1)"
        for k in range(len(self.given.initials)):
            if not self._is_row(k):
                return f"initial{k}.samples()"
        raise Unsupported("samples whose number is not known")

    def _checks(self):
        lines = []
        for k in range(len(self.given.sequences)):
            lines.append(f'require(sequence{k}.dim(1) == batch, "a sequence has other samples than the first one");')
            if self.given.n_steps is not None:
                lines.append(f'require(sequence{k}.dim(0) >= timesteps, "a sequence is shorter than n_steps");')
        lines += [f'require(initial{k}.fits(batch, {depth}), "an initial state has other samples or steps than the '
                  'loop");' for k, depth in enumerate(self.program.depths)]
        lines += [f'require({name_of(leaf.detail)}.dim(0) == batch, "a value of each sample has other samples than '
                  'the loop");' for leaf in self.program.graph.leaves if leaf.detail.kind == "fixed"]
        if self.given.n_steps is not None:
            lines.append('require(timesteps >= 0, "n_steps is negative");')
        return lines

    def limits(self):
        """Checks of what is cut."""
        lines = []
        for end, total in dict.fromkeys(self.program.graph.limits):
            if end.is_at_most(total):
                continue
            try:
                lines.append(f'require({self.sizes.of(end)} <= {self.sizes.of(total)}, '
                             '"columns are cut where there are none");')
            except Unsupported:
                continue  # Neither is computed here.
        return lines

    # ---- Sizes --------------------------------------------------------------------------------------------

    def width_of_result(self, k):
        """The number of columns of a result, as C."""
        return self.sizes.of(self.extent_of_result(k))

    def extent_of_result(self, k):
        columns = self.program.columns_of_result(k)
        return Extent(constant=1) if columns is None else Extent(columns)

    def size(self, extent):
        """A number of columns as `Loops` takes it."""
        terms, constant = [], extent.constant
        for columns, times in extent.terms.items():
            way = next((way for way in self.sizes.ways(columns) if not isinstance(way, Extent)
                        and way[0] in self.positions), None) or self.sizes.ways(columns)[0]
            if isinstance(way, Extent):
                inner = self.size(way)
                terms += [(k, axis, times * inner_times) for k, axis, inner_times in inner.terms]
                constant += times * inner.constant
            else:
                terms.append((self.positions[way[0]], way[1], times))
        return Size(tuple(terms), constant)

    def shape_of_all(self, extent, is_column=False):
        """The shape of what is kept of all steps."""
        n_steps = None if self.given.n_steps is None else 0
        steps = Steps(n_steps, tuple(self.positions[f"sequence{k}"] for k in range(len(self.given.sequences))))
        return (steps, *self.shape_of_last(extent, is_column))

    def shape_of_last(self, extent, is_column=False):
        if self.given.sequences:
            batch = Size(((self.positions["sequence0"], 1, 1),))
        else:
            k = int(self._batch()[len("initial"):-len(".samples()")])
            batch = Size(((self.positions[f"initial{k}"], int(self.has_steps(k)), 1),))
        return (batch,) if is_column else (batch, self.size(extent))

    # ---- Loops --------------------------------------------------------------------------------------------

    def state_before(self, k, tap, at):
        """Let a step find a state of an earlier one; returns what it does for that.

        Parameters
        ----------
        k, tap : int
        at : callable
            Where the state after step t is, as C, for t as C.
        """
        name, width = f"state{k}_tm{tap}", self.width_of_result(k)
        leaf = self.program.graph.find_leaf(Leaf("before", k, tap))
        if leaf is not None:
            self.places[leaf] = Place(name, f"{name}_row")
        return [f"const real* const {name} = t >= {tap} ? {at(f't - {tap}')} : "
                f"initial{k}.at(t - {tap} + {self.program.depths[k]});",
                f"const long {name}_row = t >= {tap} ? {width} : initial{k}.row();"]  # fmt: skip

    def loop_over_time(self, loop, writer, step, masked, begin, end):
        """Add the loop, for the samples of each part.

        Parameters
        ----------
        loop : str
            Its head.
        writer : StepWriter
        step : list of str
            What a step does before what the writer has written.
        masked : list of str
            What it does for a sample ``i`` that is masked.
        begin, end : list of str
            What comes before and after the loop.
        """
        self.lines += self._division(writer)
        lines = ["const long* const samples = samples_of.of(part);", "const long rows = samples_of.number(part);",
                 "Watch watch(released);", "const double work_of_step = rows * (work + 1000);",
                 *(f"products::Inputs inputs{k};" for k in writer.input_lines)]
        step = [*self._inputs_ahead(writer), *step]
        if self.program.mask is None:
            lines += ["const long* const active = samples;", "const long count = rows;"]
        else:
            lines.append("parts::Attendance attendance;")
            step += ["attendance.look(t, samples, rows, mask);",
                     "const long* const active = attendance.there.data();",
                     "const long count = attendance.there.size();",
                     "for (const long i : attendance.away) {", *indented(masked), "}"]  # fmt: skip
        for level in filter(None, writer.levels_of_lines):
            step += ["products::in_shares(division.shares, [&](products::Share share) {", *indented(level), "});"]
        step = ["watch.pass(work_of_step);", *step]
        lines += [*begin, loop + " {", *indented(step), "}", *end]
        names = ", ".join("&" + name for name in writer.packed)
        self.lines += ["{", "    WithoutPython released;", f"    products::pack(division.threads, {{{names}}});",
                       "    parts::run(division.parts, division.parts, [&](long part) {",
                       *indented(indented(lines)), "    }, [&] { released.heed(); });", "}"]  # fmt: skip

    def _division(self, writer):
        """Who does what, the packed weights, and the rooms."""
        sizes = [f"weight{weight}.dim(0) * weight{weight}.dim(1)" for weight, _ in writer.packed.values()]
        lines = [f"const double work = {' + '.join(['0.0', *sizes])};",
                 "const parts::Mask mask{" + self._mask() + "};",
                 f"const parts::Division division(threads, batch, steps, work, {self._c(not writer.has_rows)});",
                 "const parts::Samples samples_of(batch, division.parts, mask, stop, timesteps);",
                 "const long rows_of_part = batch / division.parts;",
                 "const long ahead = products::steps_at_once(rows_of_part);",
                 "const long reads = products::reads(steps, rows_of_part);",
                 "const long reads_of_inputs = products::reads(steps / ahead + 1, ahead * rows_of_part);"]
        for name, (weight, is_transposed) in writer.packed.items():
            array, (rows, columns) = f"weight{weight}", (1, 0) if is_transposed else (0, 1)
            reads = "reads_of_inputs" if name in writer.packed_of_inputs else "reads"
            lines.append(f"products::Weight {name}(scratch, {array}.data(), {array}.stride({rows}), "
                         f"{array}.stride({columns}), {array}.dim({rows}), {array}.dim({columns}), {reads});")
        return lines + [f"real* const {name} = scratch.get({size});" for name, size in writer.rooms]

    @staticmethod
    def _inputs_ahead(writer):
        """Products of sequences, of several steps at once."""
        lines = []
        for k, products in writer.input_lines.items():
            work = " + ".join(f"weight{writer.packed[name][0]}.dim(0) * weight{writer.packed[name][0]}.dim(1)"
                              for name, positions in writer.packed_of_inputs.items() if k in positions)
            lines += ["if (t % ahead == 0) {",
                      f"    inputs{k}.list(t, std::min(t + ahead, timesteps), samples, rows, mask, "
                      f"sequence{k}.stride(0), sequence{k}.stride(1), batch);",
                      f"    products::in_shares(division.shares_of(inputs{k}.number() * ({work})), "
                      "[&](products::Share share) {", *indented(indented(products)), "    });", "}"]  # fmt: skip
        return lines

    def _mask(self):
        """Values and strides of the mask, as C."""
        if self.program.mask is None:
            return "nullptr, 0, 0"
        name = f"sequence{self.program.mask}"
        return f"reinterpret_cast<const unsigned char*>({name}.data()), {name}.stride(0), {name}.stride(1)"

    def op(self, name, shapes, begin):
        """The op: `begin` comes after the inputs, before the lines."""
        limits = self.limits()  # They may need sizes.
        lines = [*self.head(), *self.sizes.declarations(self.program.graph), *limits, "products::Scratch scratch;",
                 *begin, *self.lines]
        return Loops(name, "\n".join(lines), self.program.dtype, tuple(shapes))


class Forward(_Code):
    """The op of all steps.

    Parameters
    ----------
    program : Program
    given : Given
    forms : list
        What is wanted of each result: "all" steps, the "last" one, or None.

    Attributes
    ----------
    loops : Loops
        Its inputs are those of `given`, and settings. Its outputs are `kept`, and the last of some results.
    kept : list of Kept
    lasts : list of int
        The results of which it gives the last.
    """

    def __init__(self, program, given, forms, name):
        super().__init__(program, given)
        self.forms, self.nb_states = forms, len(program.states)
        self.kept = self._find_kept()
        self.lasts = [k for k, form in enumerate(forms) if form == "last"]
        self.step, self.masked, self.stores, self.begin, self.end = [], [], [], [], []
        for number, kept in enumerate(self.kept):
            self.begin.append(f"real* const {kept.name} = output(out[{number}], {self._shape(kept)});")
        for k in range(self.nb_states):
            self._state(k)
        for number, k in enumerate(self.lasts, start=len(self.kept)):
            self._last(number, k)
        for kept in self.kept:
            if not kept.is_state:
                self.stores.append((kept.key, Target(kept.at("t"), kept.extent)))
        self.begin.append("const long stop = 0, steps = timesteps;")
        if self.lasts:
            self.begin.insert(0, NO_TIMESTEPS)
        self.writer = StepWriter(program, self.sizes, self.places, self.stores)
        self.loop_over_time("for (long t = 0; t < timesteps; ++t)", self.writer, self.step, self.masked, [],
                            self.end)
        self.loops = self.op(name, self._shapes(), self.begin)

    def _find_kept(self):
        program, found = self.program, []
        for k in range(self.nb_states):
            if k in program.kept_states or self.forms[k] == "all":
                found.append(Kept(k, f"states{k}", self.extent_of_result(k), self.width_of_result(k)))
        values = [value for value, form in zip(program.outputs, self.forms[self.nb_states:]) if form == "all"]
        for value in dict.fromkeys([*values, *program.kept]):
            number = sum(not kept.is_state for kept in found)
            if value in values:
                k = self.nb_states + program.outputs.index(value)
                extent = self.extent_of_result(k)
            else:
                extent = value.extent
            found.append(Kept(value, f"saved{number}", extent, self.sizes.of(extent)))
        return found

    def _shape(self, kept):
        is_vector = self._is_vector(kept)
        return "{timesteps, batch}" if is_vector else f"{{timesteps, batch, {kept.width}}}"

    def _is_vector(self, kept):
        """Whether what is kept is a result of one number for each sample, as a vector."""
        if kept.is_state:
            return self.program.are_vectors[kept.key]
        return any(value is kept.key and form == "all" and is_vector for value, form, is_vector in zip(
            self.program.outputs, self.forms[self.nb_states:], self.program.are_vectors[self.nb_states:]))

    def _shapes(self):
        shapes = [self.shape_of_all(kept.extent, self._is_vector(kept)) for kept in self.kept]
        return shapes + [self.shape_of_last(self.extent_of_result(k), self.program.are_vectors[k]) for k in self.lasts]

    def at_state(self, k, t):
        """Where a state after a step is: of all steps, or of as many as are looked back upon, in turn."""
        kept = next((kept for kept in self.kept if kept.is_state and kept.key == k), None)
        if kept is not None:
            return kept.at(t).at
        return f"state{k} + ({t}) % {self.program.depths[k] + 1} * batch * {self.width_of_result(k)}"

    def _state(self, k):
        program, width = self.program, self.width_of_result(k)
        if all(not kept.is_state or kept.key != k for kept in self.kept):
            self.begin.append(f"real* const state{k} = scratch.get({program.depths[k] + 1} * batch * {width});")
        for tap in program.taps[k]:
            self.step += self.state_before(k, tap, lambda t: self.at_state(k, t))
        self.step.append(f"real* const state{k}_t = {self.at_state(k, 't')};")
        self.stores.append((program.states[k], Target(Place(f"state{k}_t", width), self.extent_of_result(k))))
        if program.mask is not None:
            self.masked.append(f"std::copy_n(state{k}_tm1 + i * state{k}_tm1_row, {width}, state{k}_t + i * {width});")

    def _last(self, number, k):
        width = self.width_of_result(k)
        shape = "{batch}" if self.program.are_vectors[k] else f"{{batch, {width}}}"
        self.begin.append(f"real* const last{k} = output(out[{number}], {shape});")
        if k >= self.nb_states:
            target = Target(Place(f"last{k}", width), self.extent_of_result(k))
            self.stores.append((self.program.outputs[k - self.nb_states], target))
            return
        self.end += [f"const real* const state{k}_at_last = {self.at_state(k, 'timesteps - 1')};",
                     "for (const long* i = samples; i < samples + rows; ++i)",
                     f"    std::copy_n(state{k}_at_last + *i * {width}, {width}, last{k} + *i * {width});"]


class Backward(_Code):
    """The op of the gradients through all steps.

    Parameters
    ----------
    program : Program
    given : Given
    forms : list
        Of each result the form of its gradient: "all" steps, the "last" one, or None.
    kept : list of Kept
        What :class:`Forward` gives of all steps.
    wanted : list of str
        Whose gradients are wanted, in order.

    Attributes
    ----------
    loops : Loops
        Its inputs are those of `given`, `needed`, the gradients of the results that have any, and settings. Its
        outputs are the gradients of what is wanted.
    needed : list of Kept
        What it needs of what is kept.
    """

    def __init__(self, program, given, forms, kept, wanted, name):
        ndim = {"all": 3, "last": 2}
        arrays = {f"output_gradient{k}": ndim[form] - program.are_vectors[k] for k, form in enumerate(forms) if form
                  and program.columns_of_result(k) is not None}  # fmt: skip
        super().__init__(program, given, arrays)
        self.forms, self.wanted, self.nb_states = forms, wanted, len(program.states)
        self.needed = [Kept(one.key, one.name, one.extent, self.sizes.of(one.extent)) for one in kept
                       if one.key in (program.kept_states if one.is_state else program.kept)]  # fmt: skip
        self.kept_states = {one.key: one for one in self.needed if one.is_state}
        self.step, self.masked, self.stores = [], [], []
        self.begin, self.start, self.finish, self.last = [], [], [], []
        self._declare()
        for k in range(self.nb_states):
            self._state(k)
        for k in range(len(forms)):
            if forms[k]:
                self._outside(k)
        for leaf, gradient in program.gradients:
            self._gradient(leaf, gradient)
        self._nothing_for_others()
        self.product_gradients = self._product_gradients()
        self.gradients_of_weights()
        self.writer = StepWriter(program, self.sizes, self.places, self.stores)
        weights, self.lines = self.lines, []
        self.loop_over_time("for (long t = timesteps - 1; t >= stop; --t)", self.writer, self.step, self.masked,
                            self.start, self.finish)
        self.lines += weights
        self.loops = self.op(name, [self._shape(name) for name in wanted], self.begin)

    def _shape(self, name):
        return tuple(Size((), 1) if is_1 else Size(((self.positions[name], axis, 1),))
                     for axis, is_1 in enumerate(self.variables[name].broadcastable))

    def _dims(self, name):
        return "{" + ", ".join(f"{name}.dim({axis})" for axis in range(self.ndims[name])) + "}"

    def _declare(self):
        """What is given beside the inputs, and the steps."""
        position = len(self.positions) + (self.given.n_steps is not None)
        for one in self.needed:
            self.begin += [f"const Input<real> {one.name}_array(in[{position}]);",
                           f"const real* const {one.name} = {one.name}_array.data();"]
            position += 1
            self.places[self.program.states[one.key] if one.is_state else one.key] = one.at("t")
        self.head_of_gradients = []
        for k, form in enumerate(self.forms):
            if form:
                self.head_of_gradients.append(f"const Input<real> output_gradient{k}(in[{position}]);")
                position += 1
                sizes = ["timesteps", "batch"] if form == "all" else ["batch"]
                self.begin += [f'require(output_gradient{k}.dim({axis}) == {size}, "the gradient of the output has '
                               'another shape");' for axis, size in enumerate(sizes)]
        self.begin += ["const long truncate_gradient = settings[1];",
                       "const long stop = truncate_gradient > 0 ? std::max(timesteps - truncate_gradient, 0L) : 0;",
                       "const long steps = timesteps - stop;"]

    def head(self):
        return super().head() + self.head_of_gradients

    def _state(self, k):
        """What is carried of a state's gradient, from each step to the earlier ones that the state was made from."""
        program, width = self.program, self.width_of_result(k)
        depth = program.depths[k]
        slots = depth + 1
        if k in self.kept_states:
            for tap in program.taps[k]:
                self.step += self.state_before(k, tap, lambda t: self.kept_states[k].at(t).at)
        self.begin.append(f"real* const carried{k} = scratch.zeros({slots} * batch * {width});")
        self.step.append(f"const real* const carried{k}_t = carried{k} + t % {slots} * batch * {width};")
        carried = program.graph.find_leaf(Leaf("carried", k))
        if carried is not None:
            self.places[carried] = Place(f"carried{k}_t", width)
        found = dict(program.carried_on[k])
        for tap in program.taps[k]:
            name = f"carried{k}_tm{tap}"
            self.step.append(f"real* const {name} = carried{k} + (t - {tap} + {slots}) % {slots} * batch * {width};")
            zero = program.graph.constant(0.0, program.dtype)
            # The first that comes to an earlier step is what goes back furthest.
            self.stores.append((found.get(tap, zero), Target(Place(name, width), self.extent_of_result(k),
                                                             adds=tap != depth)))
        if program.mask is not None:
            for tap in sorted(program.taps[k], reverse=True):
                self.masked += self._masked(k, tap, width)
        if f"initial{k}" in self.wanted:
            self._initial(k, slots, width)

    def _masked(self, k, tap, width):
        to = f"carried{k}_tm{tap} + i * {width}"
        if tap == self.program.depths[k]:
            return [f"std::copy_n(carried{k}_t + i * {width}, {width}, {to});" if tap == 1 else
                    f"std::fill_n({to}, {width}, real(0));"]
        if tap == 1:
            return [f"for (long j = 0; j < {width}; ++j) ({to})[j] += carried{k}_t[i * {width} + j];"]
        return []

    def _initial(self, k, slots, width):
        """The gradient of the states before the first step: zero where it is not carried so far."""
        name, depth = f"gradient_of_initial{k}", self.program.depths[k]
        self.begin.append(f"real* const {name} = output(out[{self.wanted.index(f'initial{k}')}], "
                          f"{self._dims(f'initial{k}')});")
        self.finish += [
            f"for (long before = 1; before <= {depth}; ++before)",
            "    for (const long* i = samples; i < samples + rows; ++i) {",
            f"        real* const to = {name} + (({depth} - before) * batch + *i) * {width};",
            f"        const real* const from = carried{k} + (({slots} - before) * batch + *i) * {width};",
            f"        if ({depth} - before < stop) std::fill_n(to, {width}, real(0));",
            f"        else std::copy_n(from, {width}, to);", "    }"]

    def _outside(self, k):
        """The gradient of a result that comes from outside."""
        width, leaf = self.width_of_result(k), self.program.graph.find_leaf(Leaf("output_gradient", k))
        row = f"output_gradient{k}.stride({int(self.forms[k] == 'all')})"
        if self.forms[k] == "all":
            place = Place(f"output_gradient{k}.data() + t * output_gradient{k}.stride(0)", row)
        else:
            self.begin.insert(0, NO_TIMESTEPS)
            if k < self.nb_states:
                slots = self.program.depths[k] + 1
                self.start += ["for (const long* i = samples; i < samples + rows; ++i)",
                               f"    std::copy_n(output_gradient{k}.data() + *i * {row}, {width},",
                               f"                carried{k} + ((timesteps - 1) % {slots} * batch + *i) * {width});"]
                return
            self.begin.append(f"real* const nothing{k} = scratch.zeros({width});")
            self.step += [f"const real* const output_gradient{k}_t = "
                          f"t == timesteps - 1 ? output_gradient{k}.data() : nothing{k};",
                          f"const long output_gradient{k}_row = t == timesteps - 1 ? {row} : 0;"]
            place = Place(f"output_gradient{k}_t", f"output_gradient{k}_row")
        if leaf is not None:
            self.places[leaf] = place
        if self.program.mask is not None and k < self.nb_states:
            self.masked += [f"const real* const from_outside{k} = {place.at} + i * {place.row};",
                            f"for (long j = 0; j < {width}; ++j) carried{k}_tm1[i * {width} + j] += "
                            f"from_outside{k}[j];"]

    def _gradient(self, leaf, value):
        """The gradient of a sequence, or of a weight that is no matrix."""
        name, extent = f"gradient_of_{name_of(leaf)}", self._extent(leaf)
        width = self.sizes.of(extent)
        self.begin.append(f"real* const {name} = output(out[{self.wanted.index(name_of(leaf))}], "
                          f"{self._dims(name_of(leaf))});")
        if leaf.kind == "sequence":
            self.begin += [f"std::fill_n({name}, stop * batch * {width}, real(0));",
                           f"std::fill_n({name} + timesteps * batch * {width}, "
                           f"(sequence{leaf.position}.dim(0) - timesteps) * batch * {width}, real(0));"]
            place = Place(f"{name} + t * batch * {width}", width)
            self.stores.append((value, Target(place, extent)))
            self.masked.append(f"std::fill_n({place.at} + i * {width}, {width}, real(0));")
        elif leaf.kind == "fixed":
            self.begin.append(f"std::fill_n({name}, batch * {width}, real(0));")
            self.stores.append((value, Target(Place(name, width), extent, adds=True)))
        else:
            self._total(leaf.position, value, extent, width)

    def _nothing_for_others(self):
        """What no step computes with has a gradient of zero."""
        found = {name_of(leaf) for leaf, _ in self.program.gradients}
        found |= {f"weight{product.weight}" for product in self.program.products}
        for number, name in enumerate(self.wanted):
            if name not in found and not name.startswith("initial"):
                size = " * ".join(["1", *(f"{name}.dim({axis})" for axis in range(self.ndims[name]))])
                self.begin.append(f"std::fill_n(output(out[{number}], {self._dims(name)}), {size}, real(0));")

    def _extent(self, leaf):
        own = self.program.graph.find_leaf(leaf)
        return own.extent if own is not None else Extent(self.program.graph.columns_of(name_of(leaf), -1))

    def _total(self, n, value, extent, width):
        """Add up over steps, and then over samples: in an order that does not depend on who computes what."""
        # float32 is not enough for all steps.
        self.begin.append(f"std::vector<double> sums{n}((batch + 1) * {width});")
        self.stores.append((value, Target(Place(f"sums{n}.data()", width), extent, adds=True)))
        self.last += [f"double* const sum{n} = sums{n}.data() + batch * {width};", "for (long i = 0; i < batch; ++i)",
                      f"    for (long j = 0; j < {width}; ++j) sum{n}[j] += sums{n}[i * {width} + j];",
                      f"std::copy_n(sum{n}, {width}, gradient_of_weight{n});"]

    # ---- Gradients of matrices ----------------------------------------------------------------------------

    def _product_gradients(self):
        """Keep the gradients of products of all steps: those of weights follow from them at once."""
        found = {}
        for product in self.program.products:
            if self._gradient_and_width(product) not in found:
                extent = product.output.extent
                kept = Kept(product.gradient, f"product_gradient{len(found)}", extent, self.sizes.of(extent))
                found[self._gradient_and_width(product)] = kept
                self.begin.append(f"real* const {kept.name} = scratch.get(steps * batch * {kept.width});")
                self.stores.append((product.gradient, Target(kept.at("t - stop"), extent)))
        return found

    def _gradient_and_width(self, product):
        """What tells gradients of products apart: one number for all columns may be that of several widths."""
        return product.gradient, self.sizes.of(product.output.extent)

    def gradients_of_weights(self):
        """Multiply the lefts of products with their gradients, over all steps at once."""
        self.lines += ["const products::Taken taken(mask, batch, stop, timesteps);",
                       "std::vector<std::function<void(Watch&)>> jobs;"]
        self.lefts = {}
        for k in sorted({product.weight for product in self.program.products}):
            name, products = f"gradient_of_weight{k}", []
            for product in self.program.products:
                if product.weight == k:
                    products += self._products_over_time(product, name)
            self.begin.append(f"real* const {name} = output(out[{self.wanted.index(f'weight{k}')}], "
                              f"{self._dims(f'weight{k}')});")
            self.lines += [f"std::fill_n({name}, weight{k}.dim(0) * weight{k}.dim(1), real(0));",
                           f"for (long j = 0; j < weight{k}.dim(1); j += products::GROUP)",
                           "    jobs.push_back([&, j](Watch& watch) {",
                           f"        const long end = std::min(j + products::GROUP, weight{k}.dim(1));",
                           *indented(indented(products)), "    });"]
        self.lines += ["WithoutPython released;",
                       "parts::run(division.threads, jobs.size(), [&](long job) {", "    Watch watch(released);",
                       "    jobs[job](watch);", "}, [&] { released.heed(); });", *self.last]

    def _products_over_time(self, product, name):
        lines, gradient = [], self.product_gradients[self._gradient_and_width(product)]
        for left, rows, first, number in self._lefts(product.left):
            lines += [f"products::multiply_transposed(weight{product.weight}.dim(0), {number}, {left}, {rows},",
                      f"                              {gradient.name}, {{taken.rows.data() + {first}, "
                      f"{gradient.width}}},",
                      f"                              {name}, weight{product.weight}.dim(1), j, end, watch);"]
        return lines

    def _lefts(self, value):
        """Where the left sides of a product are: (pointer, rows, first row, number of rows) of each piece."""
        cut, base = self.sizes.of(begin_of(value)), uncut(value)
        if base.kind == "leaf" and base.detail.kind == "sequence":
            array = f"sequence{base.detail.position}"
            rows = self._rows(f"rows_of_{array}", f"taken.of({array}.stride(0), {array}.stride(1))")
            return [(f"{array}.data() + {cut}", rows, "0", "taken.number()")]
        if base.kind == "leaf" and base.detail.kind == "before":
            return self._lefts_before(base.detail, cut)
        kept = next((one for one in self.needed if base is (self.program.states[one.key] if one.is_state else one.key)),
                    None)
        if kept is None:
            raise Unsupported("a product whose left side is not kept")
        return [(f"{kept.name} + stop * batch * {kept.width} + {cut}", f"{{taken.rows.data(), {kept.width}}}", "0",
                 "taken.number()")]

    def _lefts_before(self, leaf, cut):
        """Of states before a step: those before the first step, if they are not zero, and others."""
        k, tap, depth = leaf.position, leaf.tap, self.program.depths[leaf.position]
        kept, first = self.kept_states[k], f"taken.before({tap})"
        rows = self._rows(f"rows_of_state{k}_tm{tap}", f"taken.of(batch * {kept.width}, {kept.width}, {tap})")
        initial = self._rows(f"rows_of_initial{k}_tm{tap}",
                             f"taken.of(initial{k}.step(), initial{k}.row(), {tap - depth})")  # fmt: skip
        number = f"begins_with_zeros{k}"
        if number not in self.lefts:
            self.lefts[number] = None
            self.lines.append(f"const bool {number} = initial{k}.is_zero({depth}, {kept.width});")
        return [(f"{kept.name} + {cut}", rows.replace(",", f" + {first},"), first, f"taken.number() - {first}"),
                (f"initial{k}.at(0) + {cut}", initial, "0", f"({number} ? 0 : {first})")]

    def _rows(self, name, rows):
        """Let a list of rows be made once; returns them as C."""
        if name not in self.lefts:
            self.lefts[name] = None
            self.lines.append(f"const std::vector<long> {name} = {rows};")
        return f"{{{name}.data(), 1}}"
