"""Writes one step as C code: products, and between them loops over samples and columns."""

import itertools
import math
from typing import NamedTuple

from recurrent_layers.engine import Dot, Elemwise, MethodNotDefined, Sigmoid
from recurrent_layers.engine import scalar as _scalar
from recurrent_layers.recurrence.step import (
    Unsupported,
    arguments,
    is_column,
    is_constant,
    is_transposed,
    vector_weight,
    weight_of,
)

# In these, g++ sees a loop that it can run with vectors, which the engine's own code often hides.
EXPRESSIONS = {
    _scalar.Add: lambda *terms: " + ".join(terms),
    _scalar.Mul: lambda *factors: " * ".join(factors),
    _scalar.Sub: "{} - {}".format,
    _scalar.Neg: "-{}".format,
    _scalar.Sqr: "{0} * {0}".format,
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
EXPRESSIONS_OF_REALS = {
    _scalar.TrueDiv: "{} / {}".format,
    _scalar.Abs: "absolute({})".format,
    _scalar.Exp: "exponential({})".format,
    _scalar.Sqrt: "square_root({})".format,
    _scalar.Tanh: "hyperbolic_tangent({})".format,
    Sigmoid: "real(1) / (real(1) + exponential(-{}))".format,
}


class Place(NamedTuple):
    """Where a variable is: ``at`` points to the values of the first sample, ``row`` leads to the next."""

    at: str
    row: str
    width: str = "output_dim"


class Total(NamedTuple):
    """An array of C that values are added to, and its size."""

    name: str
    width: str


class Widths:
    """How many columns each variable has, as C expressions. What meets in an elementwise function has the same."""

    def __init__(self, program, names):
        self.program, self.names = program, names
        self.same, self.known = {}, {}
        for variable in program.ancestors(program.forward + program.backward):
            self.of(variable)
        for variable in program.states + program.carried_on:
            self._fit(variable, "output_dim")
        if program.x_gradient is not None:
            self._fit(program.x_gradient, "input_dim")

    def of(self, variable):
        """The number of columns; None for what is the same in all of them."""
        if variable not in self.known:
            self.known[variable] = self._find(variable)
        return self._representative(self.known[variable])

    def of_vector(self, weight):
        """The size of a weight that is a vector."""
        return self._representative(self.names[weight] + ".dim(0)")

    def checks(self):
        """Pairs of expressions that must be equal."""
        return [(width, self._representative(width)) for width in self.same]

    def _find(self, variable):
        if is_column(variable) or is_constant(variable):
            return None
        if vector_weight(variable) is not None:
            return self.names[vector_weight(variable)] + ".dim(0)"
        if variable in self.program.leaves:
            return "input_dim" if variable is self.program.x_t else "output_dim"
        node = variable.owner
        if isinstance(node.op, Dot):
            left, right = node.inputs
            rows, columns = (1, 0) if is_transposed(right) else (0, 1)
            name = self.names[weight_of(right)]
            self._unite(f"{name}.dim({rows})", self.of(left))
            return f"{name}.dim({columns})"
        widths = [width for width in map(self.of, node.inputs) if width is not None]
        for width in widths[1:]:
            self._unite(width, widths[0])
        return widths[0] if widths else None

    def _fit(self, variable, width):
        if self.of(variable) is not None:
            self._unite(self.of(variable), width)

    def _representative(self, width):
        while width in self.same:
            width = self.same[width]
        return width

    def _unite(self, width, other):
        # The shortest first: input_dim and output_dim stand for all that equals them.
        width, other = sorted((self._representative(width), self._representative(other)), key=len)
        if width != other:
            self.same[other] = width


class StepWriter:
    """Writes what one step does for the samples ``active[0]``, ``active[1]``, ... and a share of the columns.

    A variable's level is the number of products between it and what is given. Products of a level come
    first; then, for all of its variables with the same number of columns, one loop. First of all, sums within
    sums become one (`terms`, by sum); then the products among the terms of a sum are added up in one place
    (`shared`, by product: the first of them); then loops are formed, and last, places found for what one
    part of the step leaves for another.

    Parameters
    ----------
    program : Program
    widths : Widths
    names : dict
        The C names of weights, and of packed weights: (weight, is transposed) to name.
    places : dict
        Where given variables are, by variable.
    columns : dict
        C expressions for sample ``i`` of variables of a single column.
    stores : list of (variable, Place)
        What to compute, and where to put it.
    sums : list of (variable, Total)
        What to sum over samples, and what it is added to.

    Attributes
    ----------
    input_lines : list of str
        Products of the input, several steps at once.
    levels_of_lines : list of list of str
        The step. What comes before must be done in all columns.
    rooms : list of (str, str)
        C names and sizes of what it needs room for.
    packed : dict
        The packed weights that the step needs: name to (weight, is transposed).
    packed_of_inputs : set of str
        Those that are multiplied with the input.
    """

    def __init__(self, program, widths, names, places, columns, stores, sums=()):
        self.program, self.widths, self.names = program, widths, names
        self.places, self.columns, self.stores, self.sums = dict(places), columns, stores, sums
        self.dtype = program.x_t.dtype
        self.input_lines, self.levels_of_lines, self.rooms = [], [], []
        self.packed, self.packed_of_inputs, self.ids = {}, set(), {}
        self.order = program.ancestors([variable for variable, _ in [*stores, *sums]], stop=places)
        self.levels = {}
        for variable in self.order:
            level = max([self._level(argument) for argument in arguments(variable.owner)], default=0)
            self.levels[variable] = level + is_product(variable)
        self.users = {}
        for variable in self.order:
            for argument in arguments(variable.owner):
                self.users.setdefault(argument, []).append(variable)
        self._flatten_sums()
        self._let_products_share_rooms()
        self._form_loops()
        self._find_places()
        self._write()

    def _level(self, variable):
        return self.levels.get(variable, 0)

    def _is_only_a_term(self, variable, total):
        """Whether nothing needs a variable but one sum, as one of its terms."""
        is_stored = any(variable is other for other, _ in [*self.stores, *self.sums])
        return variable in self.levels and self.users.get(variable) == [total] and not is_stored

    def _flatten_sums(self):
        """Let a sum take the terms of the sums within it."""
        self.terms = {}
        for variable in filter(is_sum, self.order):
            terms = []
            for term in variable.owner.inputs:
                if term in self.terms and self._is_only_a_term(term, variable) and term.dtype == variable.dtype:
                    inner = self.terms.pop(term)
                    for inner_term in inner:
                        users = self.users[inner_term]
                        self.users[inner_term] = [variable if user is term else user for user in users]
                    terms += inner
                else:
                    terms.append(term)
            self.terms[variable] = terms
        self.order = [variable for variable in self.order if not is_sum(variable) or variable in self.terms]

    def _let_products_share_rooms(self):
        """Add the products of a sum up where the first of them is."""
        self.shared = {}
        for total, terms in self.terms.items():
            products = [term for term in terms if self._is_only_a_term(term, total) and is_product(term)]
            products.sort(key=lambda term: (self._level(term), not self._is_of_input(term)))
            self.shared.update((product, products[0]) for product in products[1:])

    def _is_of_input(self, product):
        return product.owner.inputs[0] is self.program.x_t

    def _form_loops(self):
        """Find, for each level and width, what is computed, stored and summed in a loop."""
        self.loops, self.loop_of = {}, {}
        for variable in self.order:
            width = self.widths.of(variable)
            # What has the same value in all columns is computed where it is used.
            if not is_product(variable) and width is not None:
                self.loop_of[variable] = self._level(variable), width
                self.loops.setdefault(self.loop_of[variable], ([], [], []))[0].append(variable)
        for part, pairs in ((1, self.stores), (2, self.sums)):
            for variable, target in pairs:
                key = self._level(variable), self.widths.of(variable) or target.width
                self.loops.setdefault(key, ([], [], []))[part].append((variable, target))

    def _find_places(self):
        """Give room to what one part of the step hands over to another."""
        stored = {variable: place for variable, place in reversed(self.stores)}
        for variable in self.order:
            if is_product(variable):
                first = self.shared.get(variable, variable)
                self.places[variable] = self.places[first] if first in self.places else self._new_room(first)
            elif variable in self.loop_of:
                here = self.loop_of[variable]
                if any(self.loop_of.get(user, here) != here or is_product(user)
                       for user in self.users.get(variable, [])):  # fmt: skip
                    self.places[variable] = stored.get(variable) or self._new_room(variable)

    def _new_room(self, variable):
        name, row = f"room{len(self.rooms)}", f"products::padded({self.widths.of(variable)})"
        is_of_input = is_product(variable) and self._is_of_input(variable)
        self.rooms.append((name, f"ahead * batch * {row}" if is_of_input else f"batch * {row}"))
        self.places[variable] = Place(f"{name} + t % ahead * batch * {row}" if is_of_input else name, row)
        return self.places[variable]

    def _write(self):
        begun = set()
        for level in sorted({*self.levels.values(), *(level for level, _ in self.loops)}):
            products = [variable for variable in self.order if is_product(variable) and self._level(variable) == level]
            lines = []
            for variable in sorted(products, key=lambda product: not self._is_of_input(product)):
                (self.input_lines if self._is_of_input(variable) else lines).append(self._product(variable, begun))
            for key in self.loops:
                if key[0] == level:
                    lines += self._loop(key)
            self.levels_of_lines.append(lines)

    def _product(self, variable, begun):
        left, right = variable.owner.inputs
        name = self.names[weight_of(right), is_transposed(right)]
        self.packed[name] = (weight_of(right), is_transposed(right))
        place, source = self.places[variable], self.places[left]
        add = "true" if place.at in begun else "false"
        begun.add(place.at)
        if self._is_of_input(variable):
            # Those of several steps at once; only forward steps have such products.
            self.packed_of_inputs.add(name)
            return (f"{name}.multiply(inputs.number(), x.data(), inputs.of_x(), "
                    f"{place.at}, inputs.of_rooms({place.row}), {add}, share);")
        return (f"{name}.multiply(count, {source.at}, {{active, {source.row}}}, {place.at}, {{active, {place.row}}}, "
                f"{add}, share);")

    def _loop(self, key):
        members, stores, sums = self.loops[key]
        seen, before, within, numbers = set(), [], [], itertools.count()

        def value(variable):
            """The C expression of a variable; what it takes is added to the loop."""
            if is_constant(variable):
                return literal(variable)
            if vector_weight(variable) is not None:
                return self.names[vector_weight(variable), "values"] + "[j]"
            name = self.ids.setdefault(variable, f"v{len(self.ids)}")
            if variable in seen:
                return name
            seen.add(variable)
            if variable in self.columns:
                before.append(f"const {type_of(variable, self.dtype)} {name} = {self.columns[variable]};")
            elif self.loop_of.get(variable) == key or self.widths.of(variable) is None:
                within.append(self._definition(variable, name, value))
            else:
                place = self.places[variable]
                before.append(f"const real* const at_{name} = {place.at} + i * ({place.row});")
                within.append(f"const real {name} = at_{name}[j];")
            return name

        def store(variable, place):
            number = next(numbers)
            before.append(f"real* const to{number} = {place.at} + i * ({place.row});")
            within.append(f"to{number}[j] = {value(variable)};")

        for variable in members:
            value(variable)
        for variable, place in stores:
            store(variable, place)
        for variable, total in sums:
            within.append(f"{total.name}[j] += {value(variable)};")
        for variable in members:
            if variable in self.places and all(variable is not other for other, _ in stores):
                store(variable, self.places[variable])
        return ["for (long n = 0; n < count; ++n) {", "    const long i = active[n];", *indented(before),
                f"    const long begin = share.begin({key[1]}), end = share.end({key[1]});", "    #pragma GCC ivdep",
                "    for (long j = begin; j < end; ++j) {", *indented(indented(within)), "    }", "}"]

    def _definition(self, variable, name, value):
        """The line that computes a variable from those it depends on."""
        terms = self.terms.get(variable, variable.owner.inputs)
        return definition(variable, name, [value(argument) for argument in terms if argument not in self.shared],
                          self.dtype)


def type_of(variable, dtype):
    """The C type of a variable, `real` for `dtype`."""
    if variable.dtype == dtype:
        return "real"
    if variable.dtype.startswith(("float", "complex")):
        raise Unsupported(f"{variable.dtype} together with {dtype}")
    return "bool" if variable.dtype == "bool" else f"npy_{variable.dtype}"


def literal(constant):
    """A number as C."""
    number = constant.data.reshape(()).item()
    if not constant.dtype.startswith("float"):
        return str(int(number))
    if math.isnan(number):
        return "real(NAN)"
    return f"real({number!r})" if math.isfinite(number) else f"real({'-' if number < 0 else ''}INFINITY)"


def definition(variable, name, given, dtype):
    """The line that computes what an elementwise function gives.

    Parameters
    ----------
    variable : symbolic variable
        Computed by an `Elemwise`.
    name : str
        Its C name.
    given : list of str
        C expressions of what it is computed from.
    dtype : str
        That of `real`.

    Raises
    ------
    Unsupported
        If there is no C for it.
    """
    node, operation = variable.owner, variable.owner.op.scalar_op
    given = [f"({expression})" for expression in given]
    kind = type_of(variable, dtype)
    if isinstance(operation, _scalar.Cast):
        return f"const {kind} {name} = {kind}({given[0]});"
    expression = EXPRESSIONS.get(type(operation))
    if {argument.dtype for argument in node.inputs} == {dtype}:
        expression = expression or EXPRESSIONS_OF_REALS.get(type(operation))
    if expression is not None:
        return f"const {kind} {name} = {expression(*given)};"
    if any(_has(operation, more) for more in ("c_support_code", "c_headers", "c_libraries")):
        raise Unsupported(f"{operation}, which needs more C code")
    scalars = operation.make_node(*[_scalar.get_scalar_type(argument.dtype)() for argument in node.inputs])
    try:
        code = operation.c_code(scalars, name, given, [name], {"fail": 'throw std::runtime_error("failed");'})
    except (MethodNotDefined, NotImplementedError):
        raise Unsupported(f"{operation}, which has no C code") from None
    return f"{kind} {name}; {{ {code} }}"


def _has(operation, method):
    try:
        return bool(getattr(operation, method)())
    except MethodNotDefined:
        return False


def is_product(variable):
    return isinstance(variable.owner.op, Dot)


def is_sum(variable):
    return isinstance(variable.owner.op, Elemwise) and isinstance(variable.owner.op.scalar_op, _scalar.Add)


def indented(lines):
    return ["    " + line for line in lines]
