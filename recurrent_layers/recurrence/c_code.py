"""C code for the steps of a `Program`, and the op that runs it."""

import hashlib
import math
import pathlib
import re

import theano
import theano.tensor as T
from theano.tensor.elemwise import Elemwise

from recurrent_layers.recurrence.step import Unsupported, arguments, is_constant, is_transposed, matrix, vector_weight

HEADERS = [(pathlib.Path(__file__).parent / name).read_text() for name in ("products.h", "arrays.h")]

_scalar, _nnet = theano.scalar, T.nnet.sigm
EXPRESSIONS = {
    _scalar.Add: lambda *terms: " + ".join(terms),
    _scalar.Mul: lambda *factors: " * ".join(factors),
    _scalar.Sub: "{} - {}".format,
    _scalar.TrueDiv: "{} / {}".format,
    _scalar.Neg: "-{}".format,
    _scalar.Sqr: "{0} * {0}".format,
    _scalar.Abs: "absolute({})".format,
    _scalar.Tanh: "hyperbolic_tangent({})".format,
    _scalar.Exp: "exponential({})".format,
    _nnet.ScalarSigmoid: "real(1) / (real(1) + exponential(-{}))".format,
    _scalar.Clip: "{0} < {1} ? {1} : {0} > {2} ? {2} : {0}".format,
    _scalar.Switch: "{} ? {} : {}".format,
    _scalar.Second: "{1}".format,
    _scalar.Identity: "{}".format,
    _scalar.LT: "{} < {}".format,
    _scalar.GT: "{} > {}".format,
    _scalar.LE: "{} <= {}".format,
    _scalar.GE: "{} >= {}".format,
    _scalar.EQ: "{} == {}".format,
    _scalar.NEQ: "{} != {}".format,
}


# The second of the settings, which are the last input.
OUTPUT_DIM = (-1, 1)
TIMESTEPS, NB_SAMPLES, INPUT_DIM = (0, 0), (0, 1), (0, 2)


class Loops(theano.Op):
    """Runs C code that computes arrays from arrays.

    Parameters
    ----------
    name : str
    code : str
        The body of a function of ``in`` and ``out``, arrays of NumPy arrays.
    dtype : str
        "float32" or "float64": that of `real` in the code and of all outputs.
    shapes : tuple of tuples of pairs
        The outputs' sizes along their axes, each as an input and an axis of it, or as `OUTPUT_DIM`.
    """

    __props__ = ("name", "code", "dtype", "shapes")

    def __init__(self, name, code, dtype, shapes):
        self.name, self.code, self.dtype, self.shapes = name, code, dtype, shapes

    def __str__(self):
        return self.name

    def make_node(self, *inputs):
        outputs = [T.TensorType(self.dtype, (False,) * len(shape))() for shape in self.shapes]
        return theano.Apply(self, [T.as_tensor_variable(variable) for variable in inputs], outputs)

    def infer_shape(self, node, shapes):
        return [[node.inputs[-1][1] if size == OUTPUT_DIM else shapes[size[0]][size[1]] for size in shape]
                for shape in self.shapes]

    def perform(self, node, inputs, output_storage):
        raise NotImplementedError(f"{self.name} runs in C only; Theano without C runs the recurrence by scan")

    def c_support_code(self):
        kind = {"float32": "float", "float64": "double"}[self.dtype]
        return "\n".join([f"typedef {kind} real;"] + HEADERS)

    def c_support_code_apply(self, node, name):
        return ("static void {}_compute(PyArrayObject* const* in, PyArrayObject** const* out) {{\n"
                "PyArrayObject* const settings_array = in[{}];\n{}\n}}\n"
                .format(name, len(node.inputs) - 1, self.code))

    def c_code(self, node, name, inputs, outputs, sub):
        return """
            try {{
                PyArrayObject* const in[] = {{{inputs}}};
                PyArrayObject** const out[] = {{{outputs}}};
                {name}_compute(in, out);
            }} catch (const std::exception& error) {{
                if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, error.what());
                {fail}
            }}
            """.format(inputs=", ".join(inputs), outputs=", ".join("&" + output for output in outputs), name=name,
                       fail=sub["fail"])

    def c_compile_args(self):
        return ["-fno-trapping-math", "-pthread"]

    def c_code_cache_version(self):
        digest = hashlib.sha256("\n".join(HEADERS).encode()).digest()
        return (int.from_bytes(digest[:8], "big"),)


class Place:
    """Where a variable is: ``at`` points to the values of this thread's first sample, ``row`` leads to the next."""

    def __init__(self, at, row):
        self.at, self.row = at, row


class Widths:
    """How many columns each variable has, as C expressions. What meets in an elementwise function has the same."""

    def __init__(self, program, weight_names):
        self.program, self.weight_names = program, weight_names
        self.same, self.known = {}, {}
        for variable in program.ancestors(program.forward + program.backward):
            self.of(variable)

    def of(self, variable):
        """The number of columns; None for what is the same in all of them."""
        return self._representative(self._of(variable))

    def checks(self):
        """Pairs of expressions that must be equal."""
        return [(width, self._representative(width)) for width in self.same if width != self._representative(width)]

    def _of(self, variable):
        if variable not in self.known:
            self.known[variable] = self._find(variable)
        return self.known[variable]

    def _find(self, variable):
        program = self.program
        if variable.broadcastable[-1:] == (True,) or is_constant(variable):
            return None
        if variable is program.x_t:
            return "input_dim"
        if vector_weight(variable) is not None:
            return self.weight_names[vector_weight(variable)] + ".dim(0)"
        if variable in program.leaves:
            return "output_dim"
        node = variable.owner
        if isinstance(node.op, T.Dot):
            left, right = node.inputs
            rows, columns = (1, 0) if is_transposed(right) else (0, 1)
            name = self.weight_names[matrix(right)]
            self._unite(f"{name}.dim({rows})", self._of(left))
            return f"{name}.dim({columns})"
        widths = [width for width in map(self._of, node.inputs) if width is not None]
        for width in widths[1:]:
            self._unite(width, widths[0])
        return widths[0] if widths else None

    def _representative(self, width):
        while width in self.same:
            width = self.same[width]
        return width

    def _unite(self, width, other):
        # The shortest name first: input_dim and output_dim stand for all that equals them.
        width, other = sorted((self._representative(width), self._representative(other)), key=len)
        if width != other:
            self.same[other] = width


class StepWriter:
    """Writes what one step does for the samples of one thread: products, and loops over samples and columns.

    Parameters
    ----------
    program : Program
    widths : Widths
    names : dict
        The C names of weights, and of packed weights: (weight, is_transposed) to name.
    dtype : str
    places : dict
        Where given variables are, by variable.
    columns : dict
        C expressions of the values of (nb_samples, 1) variables for the sample ``i``.
    stores : list of (variable, Place)
        What to compute, and where to put it.
    sums : list of (variable, str)
        What to sum over samples, and the C name of the array that it is added to.
    """

    def __init__(self, program, widths, names, dtype, places, columns, stores, sums=()):
        self.program, self.widths, self.names, self.dtype = program, widths, names, dtype
        self.places, self.columns, self.stores, self.sums = dict(places), columns, stores, sums
        self.order = program.ancestors([variable for variable, _ in [*stores, *sums]], stop=places)
        self._levels = {}
        for variable in self.order:
            level = max([self._level(argument) for argument in arguments(variable.owner)], default=0)
            self._levels[variable] = level + is_product(variable)
        self.ids = {}
        self.scratch = []
        self.packed = {}

    def lines(self):
        """The lines of the step. Then `scratch` holds (name, width) of what each thread needs room for."""
        users = {}
        for variable in self.order:
            for argument in arguments(variable.owner):
                users.setdefault(argument, []).append(variable)
        stored = {variable for variable, _ in self.stores}
        self._flatten_sums(users, stored)
        self._together = self._products_to_add(users, stored)
        groups = {}
        for variable in self.order:
            if not is_product(variable) and self.widths.of(variable) is not None:
                groups.setdefault((self._level(variable), self.widths.of(variable)), ([], [], []))[0].append(variable)
        for k, pairs in enumerate((self.stores, self.sums)):
            for variable, target in pairs:
                width = self.widths.of(variable) or "output_dim"
                groups.setdefault((self._level(variable), width), ([], [], []))[k + 1].append((variable, target))
        group_of = {variable: key for key, (members, _, _) in groups.items() for variable in members}
        for variable in self.order:
            if is_product(variable):
                self._give_scratch(self._together.get(variable, variable))
                self.places[variable] = self.places[self._together.get(variable, variable)]
            elif variable in group_of and any(is_product(user) or group_of.get(user, group_of[variable])
                                              != group_of[variable] for user in users.get(variable, [])):
                places = [place for other, place in self.stores if other is variable]
                self.places[variable] = places[0] if places else self._give_scratch(variable)
        lines, begun = [], set()
        levels = sorted({self._level(variable) for variable in self.order} | {level for level, _ in groups})
        for level in levels:
            for variable in self.order:
                if is_product(variable) and self._level(variable) == level:
                    lines.append(self._multiply(variable, begun))
            for (group_level, width), group in groups.items():
                if group_level == level:
                    lines += self._loop(group_of, (group_level, width), *group)
        return lines

    def _level(self, variable):
        """How many products lie between what is given and the variable."""
        return self._levels.get(variable, 0)

    def _flatten_sums(self, users, stored):
        """Let a sum take the terms of a sum that nothing else uses."""
        self._terms = {}
        for variable in self.order:
            if is_sum(variable):
                self._terms[variable] = []
                for term in variable.owner.inputs:
                    inner = self._terms.get(term) if users[term] == [variable] and term not in stored else None
                    if inner is None or term.dtype != variable.dtype or variable.owner.inputs.count(term) > 1:
                        self._terms[variable].append(term)
                    else:
                        self._terms[variable] += inner
                        users.update((inner_term, [variable if user is term else user for user in users[inner_term]])
                                     for inner_term in inner)
                        del self._terms[term]
        self.order = [variable for variable in self.order if not is_sum(variable) or variable in self._terms]

    def _products_to_add(self, users, stored):
        """Products that one sum adds up share their room: from each but the first, to the first."""
        together = {}
        for terms in self._terms.values():
            products = [term for term in terms if term in self.order and is_product(term)
                        and len(users[term]) == 1 and term not in stored and terms.count(term) == 1]
            products.sort(key=self._level)
            together.update((product, products[0]) for product in products[1:])
        return together

    def _give_scratch(self, variable):
        if variable not in self.places:
            name, width = f"scratch{len(self.scratch)}", self.widths.of(variable)
            self.scratch.append((name, width))
            self.places[variable] = Place(name, f"products::padded({width})")
        return self.places[variable]

    def _multiply(self, variable, begun):
        left, right = variable.owner.inputs
        place = self.places[variable]
        add = "true" if place.at in begun else "false"
        begun.add(place.at)
        packed = self.names[matrix(right), is_transposed(right)]
        self.packed[packed] = (matrix(right), is_transposed(right))
        source = self.places[left]
        return f"{packed}.multiply(rows, {source.at}, {source.row}, {place.at}, {place.row}, {add});"

    def _loop(self, group_of, key, members, stores, sums):
        reads, pointers, values, body = {}, [], [], []

        def value(variable):
            """The C expression of a variable in the loop."""
            if is_constant(variable):
                return self._literal(variable)
            if variable in self.columns:
                name = self._id(variable)
                if name not in reads:
                    reads[name] = True
                    pointers.append(f"const {self._type(variable)} {name} = {self.columns[variable]};")
                return name
            vector = vector_weight(variable)
            if vector is not None:
                return f"{self.names[vector]}.data()[j]"
            name = self._id(variable)
            if name in reads:
                return name
            reads[name] = True
            if group_of.get(variable) == key or self.widths.of(variable) is None:
                values.append(self._computed(variable, name, value))
            else:
                place = self.places[variable]
                pointers.append(f"const real* const at_{name} = {place.at} + i * ({place.row});")
                values.append(f"const real {name} = at_{name}[j];")
            return name

        for variable in members:
            value(variable)
        for variable, target in stores:
            body.append(f"to{len(body)}[j] = {value(variable)};")
            pointers.append(f"real* const to{len(body) - 1} = {target.at} + i * ({target.row});")
        for variable, target in sums:
            body.append(f"{target}[j] += {value(variable)};")
        stored = {variable for variable, _ in stores}
        for variable in members:
            if variable in self.places and variable not in stored:
                place = self.places[variable]
                pointers.append(f"real* const to_{self._id(variable)} = {place.at} + i * ({place.row});")
                body.append(f"to_{self._id(variable)}[j] = {value(variable)};")
        return ["for (long i = 0; i < rows; ++i) {", *indented(pointers), "    #pragma GCC ivdep",
                f"    for (long j = 0; j < {key[1]}; ++j) {{", *indented(indented(values + body)), "    }", "}"]

    def _id(self, variable):
        return self.ids.setdefault(variable, f"v{len(self.ids)}")

    def _type(self, variable):
        if variable.dtype == self.dtype:
            return "real"
        if variable.dtype.startswith(("float", "complex")):
            raise Unsupported(f"{variable.dtype} together with {self.dtype}")
        return "bool" if variable.dtype == "bool" else f"npy_{variable.dtype}"

    def _literal(self, constant):
        number = constant.data.reshape(()).item()
        if not constant.dtype.startswith("float"):
            return str(int(number))
        if math.isnan(number):
            return "real(NAN)"
        return f"real({number!r})" if math.isfinite(number) else f"real({'-' if number < 0 else ''}INFINITY)"

    def _computed(self, variable, name, value):
        """The definition of a variable from those it depends on."""
        node, operation = variable.owner, variable.owner.op.scalar_op
        terms = self._terms.get(variable, node.inputs)
        given = [f"({value(argument)})" for argument in terms if argument not in self._together]
        kind = self._type(variable)
        dtypes = {argument.dtype for argument in node.inputs}
        if isinstance(operation, theano.scalar.Cast):
            return f"const {kind} {name} = {kind}({given[0]});"
        if type(operation) in EXPRESSIONS and (dtypes == {self.dtype} or not isinstance(operation, FOR_REALS)):
            return f"const {kind} {name} = {EXPRESSIONS[type(operation)](*given)};"
        # Theano's own code.
        scalars = operation.make_node(*[theano.scalar.get_scalar_type(argument.dtype)() for argument in node.inputs])
        if any(has_code(method, operation) for method in ("c_support_code", "c_headers", "c_libraries")):
            raise Unsupported(f"{operation}, which needs more C code")
        try:
            code = operation.c_code(scalars, name, given, [name], {"fail": "throw std::runtime_error(\"failed\");"})
        except theano.gof.utils.MethodNotDefined:
            raise Unsupported(f"{operation}, which has no C code") from None
        return f"{kind} {name}; {{ {code} }}"


FOR_REALS = (theano.scalar.TrueDiv, theano.scalar.Tanh, theano.scalar.Exp, _nnet.ScalarSigmoid, theano.scalar.Abs)


def has_code(method, operation):
    try:
        return bool(getattr(operation, method)())
    except (theano.gof.utils.MethodNotDefined, AttributeError):
        return False


def is_product(variable):
    return isinstance(variable.owner.op, T.Dot)


def is_sum(variable):
    return isinstance(variable.owner.op, Elemwise) and isinstance(variable.owner.op.scalar_op, theano.scalar.Add)


def indented(lines):
    return ["    " + line for line in lines]


# ---- Whole ops ----------------------------------------------------------------------------------------------


def forward(program, name, output_at_all_steps):
    """The op of all steps.

    Its inputs are x, the context, the weights and settings: (threads, output_dim, truncate_gradient), int64. Its
    outputs are the outputs of all steps or of the last, then what the program saves.
    """
    code = _Code(program)
    lines = code.given()
    stores, step, finish = [], [], []
    buffers = _buffers(program, output_at_all_steps)
    if not output_at_all_steps:
        lines.append("real* const last_output = output(out[0], {batch, output_dim});")
    for k, (key, buffer) in enumerate(buffers, start=not output_at_all_steps):
        width = "output_dim" if isinstance(key, int) else code.widths.of(key)
        lines.append(f"real* const {buffer} = output(out[{k}], {{timesteps, batch, {width}}});")
        if not isinstance(key, int):
            stores.append((key, _in_time(buffer, "t", width)))
    buffers = dict(buffers)
    for k, state in enumerate(program.states):
        if k in buffers:
            step += _state_before(k, buffers[k])
            stores.append((state, _in_time(buffers[k], "t", "output_dim")))
        else:
            step += [f"const real* const state{k}_tm1 = state{k} + (t & 1) * rows * output_dim;",
                     f"real* const state{k}_t = state{k} + ((t + 1) & 1) * rows * output_dim;"]
            code.rolling.append(f"state{k}")
            stores.append((state, Place(f"state{k}_t", "output_dim")))
        row = f"state{k}_row" if k in buffers else "output_dim"
        code.places[program.states_tm1[k]] = Place(f"state{k}_tm1", row)
    if not output_at_all_steps:
        lines.append('require(timesteps > 0, "{}: the input has no timesteps");'.format(name))
        source = (_in_time(buffers[0], "(timesteps - 1)", "output_dim").at if 0 in buffers
                  else "state0 + (timesteps & 1) * rows * output_dim")
        finish = [f"std::copy_n({source}, rows * output_dim, last_output + first * output_dim);"]
    writer = code.writer(stores)
    step += writer.lines()
    lines += code.threads(writer, "for (long t = 0; t < timesteps; ++t) {", step, finish)
    shapes = [(TIMESTEPS, NB_SAMPLES, code.size(key)) for key in buffers]
    if not output_at_all_steps:
        shapes.insert(0, (NB_SAMPLES, OUTPUT_DIM))
    return Loops(name, "\n".join(lines), code.dtype, tuple(shapes))


def backward(program, name, output_at_all_steps, gradients_of_x, gradients_of):
    """The op of the gradients through all steps.

    Parameters
    ----------
    gradients_of_x : bool
    gradients_of : list of int
        Positions of the weights.

    Its inputs are x, the context, the weights, what :func:`forward` gives for all steps, the gradient of
    the output, and settings.
    """
    code = _Code(program)
    lines = code.given()
    buffers = _buffers(program, output_at_all_steps)
    for k, (key, buffer) in enumerate(buffers):
        width = "output_dim" if isinstance(key, int) else code.widths.of(key)
        position = 1 + len(program.context_t) + len(program.weights) + k
        lines += [f"const Input<real> input_{buffer}(in[{position}]);",
                  f"const real* const {buffer} = input_{buffer}.data();"]
        if not isinstance(key, int):
            code.places[key] = _in_time(buffer, "t", width)
    position = 1 + len(program.context_t) + len(program.weights) + len(buffers)
    lines += [f"const Input<real> output_gradient(in[{position}]);",
              "const long truncate_gradient = settings[2];",
              "const long stop = truncate_gradient > 0 ? std::max(timesteps - truncate_gradient, 0L) : 0;"]
    buffers = dict(buffers)
    step, begin, stores, end = [], [], [], []
    for k, (state, state_tm1) in enumerate(zip(program.states, program.states_tm1)):
        if k in buffers:
            step += _state_before(k, buffers[k])
            code.places[state_tm1] = Place(f"state{k}_tm1", f"state{k}_row")
            code.places.setdefault(state, _in_time(buffers[k], "t", "output_dim"))
        code.rolling.append(f"carried{k}")
        step += [f"const real* const carried{k}_t = carried{k} + (t & 1) * rows * output_dim;",
                 f"real* const carried{k}_tm1 = carried{k} + ((t + 1) & 1) * rows * output_dim;"]
        code.places[program.carried[k]] = Place(f"carried{k}_t", "output_dim")
        stores.append((program.carried_on[k], Place(f"carried{k}_tm1", "output_dim")))
    if output_at_all_steps:
        code.places[program.output_gradient] = Place(
            "output_gradient.data() + t * output_gradient.stride(0) + first * output_gradient.stride(1)",
            "output_gradient.stride(1)")
    else:
        begin = ["for (long i = 0; i < rows; ++i)",
                 "    std::copy_n(output_gradient.data() + (first + i) * output_gradient.stride(0), output_dim,",
                 "                carried0 + ((timesteps - 1) & 1) * rows * output_dim + i * output_dim);"]
    outputs = iter(range(len(gradients_of) + gradients_of_x))
    if gradients_of_x:
        lines += [f"real* const x_gradient = output(out[{next(outputs)}], {{timesteps, batch, input_dim}});",
                  "std::fill(x_gradient, x_gradient + stop * batch * input_dim, real(0));"]
        stores.append((program.x_gradient, _in_time("x_gradient", "t", "input_dim")))
    gradients, jobs, needs_x = {}, {}, False
    for product in program.products:
        if product.gradient not in gradients:
            width, gradient = code.widths.of(product.output), f"gradient{len(gradients)}"
            gradients[product.gradient] = gradient
            lines.append(f"real* const {gradient} = scratch.get((timesteps - stop) * batch * {width});")
            stores.append((product.gradient, _in_time(gradient, "(t - stop)", width)))
        needs_x = needs_x or product.left is program.x_t
        jobs.setdefault(product.weight, []).append(
            _sum_over_time(product, code, gradients[product.gradient], buffers))
    if needs_x:
        lines += ["const bool x_is_in_order = timesteps == 1 || batch == 1 || x.stride(0) == batch * x.stride(1);",
                  "real* const x_copy = x_is_in_order ? nullptr : scratch.get((timesteps - stop) * batch * input_dim);",
                  "const real* const x_rows = x_is_in_order ? x.data() + stop * x.stride(0) : x_copy;",
                  "const long x_row = !x_is_in_order ? input_dim : batch == 1 ? x.stride(0) : x.stride(1);"]
        step += ["if (!x_is_in_order)",
                 "    for (long i = first; i < first + rows; ++i)",
                 "        std::copy_n(x.data() + t * x.stride(0) + i * x.stride(1), input_dim,",
                 "                    x_copy + ((t - stop) * batch + i) * input_dim);"]
    sums = []
    for n, (_, summand) in enumerate(program.sums):
        sums.append((summand, f"sum{n}"))
        lines.append(f"std::vector<double> total{n}(threads * output_dim);")
        begin.append(f"real* const sum{n} = scratch.get(output_dim);")
        step.append(f"std::fill(sum{n}, sum{n} + output_dim, real(0));")
        # float32 is enough for a few samples, but not for all of them at all steps.
        end.append(f"for (long j = 0; j < output_dim; ++j) total{n}[thread * output_dim + j] += sum{n}[j];")
    writer = code.writer(stores, sums)
    step += writer.lines() + end
    lines += code.threads(writer, "for (long t = timesteps - 1; t >= stop; --t) {", step, before=begin)
    lines += ["std::vector<std::function<void()>> jobs;"]
    totals = {vector: f"total{n}" for n, (vector, _) in enumerate(program.sums)}
    after = []
    for position in gradients_of:
        weight, name_of = program.weights[position], f"weight{position}"
        out = f"gradient_of_{name_of}"
        if weight in totals:
            lines.append(f"real* const {out} = output(out[{next(outputs)}], {{output_dim}});")
            after += [f"for (long j = 0; j < output_dim; ++j) {{",
                      f"    double total = 0;",
                      f"    for (long thread = 0; thread < threads; ++thread) total += {totals[weight]}[thread * output_dim + j];",
                      f"    {out}[j] = total;", "}"]
            continue
        lines += [f"real* const {out} = output(out[{next(outputs)}], {{{name_of}.dim(0), {name_of}.dim(1)}});",
                  f"std::fill({out}, {out} + {name_of}.dim(0) * {name_of}.dim(1), real(0));",
                  f"for (long j = 0; j < {name_of}.dim(1); j += products::WIDTH)",
                  "    jobs.push_back([&, j] {",
                  f"        const long end = std::min(j + products::WIDTH, {name_of}.dim(1));",
                  *["        " + line.format(out=out) for line in jobs.get(weight, [])],
                  "    });"]
    # Nothing between here and the end fails.
    lines += ["std::atomic<long> next(0);", "const WithoutPython released;",
              "products::in_threads(threads_for_products, [&](long) {",
              "    for (long job = next++; job < long(jobs.size()); job = next++) jobs[job]();", "});", *after]
    shapes = [(TIMESTEPS, NB_SAMPLES, INPUT_DIM)] * gradients_of_x
    for position in gradients_of:
        at = 1 + len(program.context_t) + position
        shapes.append(tuple((at, axis) for axis in range(program.weights[position].ndim)))
    return Loops(name, "\n".join(lines), code.dtype, tuple(shapes))


def _sum_over_time(product, code, gradient, buffers):
    """The line that adds ``left' . gradient`` of all steps to the gradient of a weight, ``{{out}}``."""
    program, width = code.program, code.widths.of(product.output)
    left_width = code.widths.of(product.left)
    if product.left is program.x_t:
        left, left_row, skipped = "x_rows", "x_row", "0"
    elif product.left in program.states_tm1:
        # The state before the first step is zero.
        buffer = buffers[program.states_tm1.index(product.left)]
        left = f"{buffer} + std::max(stop - 1, 0L) * batch * {left_width}"
        left_row, skipped = left_width, "(stop > 0 ? 0 : batch)"
    else:
        key = product.left if product.left in buffers else program.states.index(product.left)
        left, left_row, skipped = f"{buffers[key]} + stop * batch * {left_width}", left_width, "0"
    return (f"products::multiply_transposed({left_width}, (timesteps - stop) * batch - {skipped}, {left}, {left_row}, "
            f"{gradient} + {skipped} * {width}, {width}, {{out}}, {width}, j, end);")


def _buffers(program, output_at_all_steps):
    """What is kept of all steps: (index of the state, or variable) and C name."""
    states = sorted(set(program.saved_states) | ({0} if output_at_all_steps else set()))
    return ([(k, f"states{k}") for k in states]
            + [(variable, f"saved{n}") for n, variable in enumerate(program.saved)])


def _in_time(buffer, t, width):
    return Place(f"{buffer} + ({t} * batch + first) * {width}", width)


def _state_before(k, buffer):
    return [f"const real* const state{k}_tm1 = t > 0 ? {buffer} + ((t - 1) * batch + first) * output_dim : zeros;",
            f"const long state{k}_row = t > 0 ? output_dim : 0;"]


class _Code:
    """What the code of forward and backward steps has in common."""

    def __init__(self, program):
        self.program = program
        self.dtype = program.x_t.dtype
        if self.dtype not in ("float32", "float64"):
            raise Unsupported(f"an input of {self.dtype}")
        for variable in program.weights + program.states:
            if variable.dtype != self.dtype:
                raise Unsupported(f"{variable.dtype} together with {self.dtype}")
        self.names = {}
        for k, weight in enumerate(program.weights):
            self.names.update({weight: f"weight{k}", (weight, False): f"packed{k}", (weight, True): f"transposed{k}"})
        self.widths = Widths(program, self.names)
        self.places = {program.x_t: Place("x.data() + t * x.stride(0) + first * x.stride(1)", "x.stride(1)")}
        self.columns = {context: f"context{k}.data()[t * context{k}.stride(0) + (first + i) * context{k}.stride(1)]"
                        for k, context in enumerate(program.context_t)}
        self.rolling = []

    def size(self, key):
        """The number of columns of what is kept of all steps, as `Loops` takes it."""
        width = "output_dim" if isinstance(key, int) else self.widths.of(key)
        if width in ("input_dim", "output_dim"):
            return INPUT_DIM if width == "input_dim" else OUTPUT_DIM
        name, axis = re.match(r"(\w+)\.dim\((\d)\)", width).groups()
        position = next(k for k, weight in enumerate(self.program.weights) if self.names[weight] == name)
        return (1 + len(self.program.context_t) + position, int(axis))

    def given(self):
        """The declaration of all inputs, and the checks of their sizes."""
        program = self.program
        lines = ["const Input<real> x(in[0]);",
                 "const npy_int64* const settings = static_cast<const npy_int64*>(PyArray_DATA(settings_array));",
                 "const long timesteps = x.dim(0), batch = x.dim(1), input_dim = x.dim(2), output_dim = settings[1];"]
        for k, context in enumerate(program.context_t):
            kind = "bool" if context.dtype == "bool" else f"npy_{context.dtype}"
            lines += [f"const Input<{kind}> context{k}(in[{1 + k}]);",
                      f"require(context{k}.dim(0) == timesteps && context{k}.dim(1) == batch, "
                      f'"the mask has not the timesteps and samples of the input");']
        for k, weight in enumerate(program.weights):
            lines.append(f"const Input<real> weight{k}(in[{1 + len(program.context_t) + k}]);")
        lines += [f'require({width} == {other}, "a weight does not fit the input or the state: {width} is " + '
                  f'std::to_string({width}) + " and {other} is " + std::to_string({other}));'
                  for width, other in self.widths.checks()]
        return lines + ["products::Scratch scratch;", "real* const zeros = scratch.zeros(output_dim);",
                        "const long threads = std::max(std::min<long>(settings[0], batch), 1L), "
                        "threads_for_products = settings[0];"]

    def writer(self, stores, sums=()):
        return StepWriter(self.program, self.widths, self.names, self.dtype, self.places, self.columns, stores, sums)

    def threads(self, writer, loop, step, after=(), before=()):
        """The loop over time, for the samples of each thread."""
        lines = []
        for name, (weight, transposed) in sorted(writer.packed.items()):
            array = self.names[weight]
            strides, dims = [f"{array}.stride(0)", f"{array}.stride(1)"], [f"{array}.dim(0)", f"{array}.dim(1)"]
            arguments = ", ".join((strides[::-1] + dims[::-1]) if transposed else strides + dims)
            lines.append(f"const products::Packed {name}(scratch, {array}.data(), {arguments});")
        inner = ["const long first = batch * thread / threads, rows = batch * (thread + 1) / threads - first;",
                 "products::Scratch scratch;"]
        inner += [f"real* const {name} = scratch.get(rows * products::padded({width}));" for name, width in writer.scratch]
        inner += [f"real* const {name} = scratch.zeros(2 * rows * output_dim);" for name in self.rolling]
        inner += [*before, loop, *indented(step), "}", *after]
        return [*lines, "{", "    const WithoutPython released;", "    products::in_threads(threads, [&](long thread) {",
                *indented(indented(inner)), "    });", "}"]
