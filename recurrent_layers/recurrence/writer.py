"""Writes one step as C code: products, and between them loops over samples and columns."""

import contextlib
import itertools
import math
from typing import NamedTuple

import numpy as np

from recurrent_layers.engine import MethodNotDefined, Sigmoid, Softplus
from recurrent_layers.engine import scalar as _scalar
from recurrent_layers.recurrence.errors import Unsupported
from recurrent_layers.recurrence.program import ancestors
from recurrent_layers.recurrence.values import Extent

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
    _scalar.Log: "logarithm({})".format,
    _scalar.Log1p: "logarithm_of_1_plus({})".format,
    _scalar.Sqrt: "square_root({})".format,
    _scalar.Tanh: "hyperbolic_tangent({})".format,
    Sigmoid: "real(1) / (real(1) + exponential(-{}))".format,
    Softplus: "({0} > 0 ? {0} : 0) + logarithm_of_1_plus(exponential(-absolute({0})))".format,
}


class Place(NamedTuple):
    """Where a value is: ``at`` points to the numbers of the first sample, ``row`` leads to the next sample."""

    at: str
    row: str

    def after(self, columns):
        """Where the columns after so many begin."""
        return self if columns == "0" else Place(f"{self.at} + {columns}", self.row)


class Target(NamedTuple):
    """Where a value is to go.

    Attributes
    ----------
    place : Place
    extent : Extent
        How many columns there are.
    adds : bool
        Whether it is added to what is there.
    """

    place: Place
    extent: Extent
    adds: bool = False


class Sizes:
    """Numbers of columns as C expressions.

    Parameters
    ----------
    arrays : dict
        The names of arrays whose sizes are known: name to how many axes it has.
    """

    def __init__(self, arrays):
        self.arrays, self.used, self.known, self._open = arrays, {}, {}, set()

    def of(self, extent):
        """An extent as C."""
        self.known.update(dict.fromkeys(extent.known))
        terms = [f"{times} * {self.name(columns)}" if times != 1 else self.name(columns)
                 for columns, times in extent.terms.items()]  # fmt: skip
        if extent.constant or not terms:
            terms.append(str(extent.constant))
        return " + ".join(terms).replace("+ -", "- ")

    def name(self, columns):
        """The C name of a number of columns."""
        columns = columns.root()
        if columns not in self.used:
            self.ways(columns)[0]
            self.used[columns] = f"columns{len(self.used)}"
        return self.used[columns]

    def ways(self, columns):
        """What a number of columns is, in as many ways as are known: (array, axis) pairs, and extents."""
        columns = columns.root()
        sizes = [(name, axis % self.arrays[name]) for name, axis in columns.sizes if name in self.arrays]
        found = sorted(dict.fromkeys(sizes), key=_first_of_sizes)
        if columns in self._open:
            if not found:
                raise Unsupported("columns whose number is not known")
            return found
        self._open.add(columns)
        for extent in dict.fromkeys(columns.extents):
            try:
                for term in extent.terms:
                    self.ways(term)
                if columns not in extent.terms:
                    found.append(extent)
            except Unsupported:
                continue
        self._open.discard(columns)
        if not found:
            raise Unsupported("columns whose number is not known")
        return found

    def declarations(self, graph):
        """What comes first: the numbers, and that all arrays have them."""
        for columns in graph.sizes:
            with contextlib.suppress(Unsupported):
                if columns.number() is not None:
                    self.known[columns] = None
                elif len(self.ways(columns)) > 1:
                    self.name(columns)
        lines, checks, done = [], [], set()
        while len(done) < len(self.used) + len(self.known):  # To say what one is may take others.
            for columns, name in [*self.used.items(), *((one, str(one.number())) for one in self.known)]:
                if columns not in done:
                    ways = [self._way(way) for way in self._ways_if_any(columns)]
                    done.add(columns)
                    if columns in self.used:
                        lines.append((name, ways[0]))
                    checks += [f'require_equal("{ways[0]}", {name}, "{way}", {way});' for way in ways if way != name
                               and (name, way) not in lines]  # fmt: skip
        return [f"const long {name} = {way};" for name, way in _sorted(lines)] + checks

    def _ways_if_any(self, columns):
        try:
            return self.ways(columns)
        except Unsupported:
            if columns.root().number() is None:
                raise
            return []

    def _way(self, way):
        return self.of(way) if isinstance(way, Extent) else f"{way[0]}.dim({way[1]})"


def _sorted(lines):
    """Definitions, in such an order that each is made of earlier ones."""
    left, done = list(lines), []
    while left:
        names = {name for name, _ in left}
        ready = [(name, way) for name, way in left
                 if not any(word in names for word in way.replace("(", " ").split())]  # fmt: skip
        if not ready:
            raise Unsupported("columns whose number is not known")
        done += ready
        left = [line for line in left if line not in ready]
    return done


def _first_of_sizes(size):
    """States and sequences before weights, and these before gradients."""
    kind, kinds = size[0].rstrip("0123456789"), ["initial", "sequence", "weight"]
    return kinds.index(kind) if kind in kinds else len(kinds), size


class Loop:
    """What is computed, put somewhere and summed, sample by sample and column by column."""

    def __init__(self, width):
        self.width, self.members, self.stores, self.rows = width, [], [], []


class StepWriter:
    """Writes what one step does for the samples ``active[0]``, ``active[1]``, ... and a share of the columns.

    A value's level is how many products and sums over columns there are between it and what is given. Products of a
    level come first; then, for all of its values with the same number of columns, one loop. First of all, sums within
    sums become one (`terms`, by sum); then the products among the terms of a sum are added up in one place
    (`shared`, by product: the first of them); then loops are formed, and last, places found for what one
    part of the step leaves for another.

    Parameters
    ----------
    program : Program
    sizes : Sizes
    places : dict
        Where given values are, and those that are kept, by value.
    stores : list of (Value, Target)
        What to compute, and where it goes.

    Attributes
    ----------
    input_lines : dict
        Products of sequences, several steps at once: the sequence's position to a list of str.
    levels_of_lines : list of list of str
        The step. What comes before must be done in all columns.
    rooms : list of (str, str)
        C names and sizes of what it needs room for.
    packed : dict
        The packed weights that the step needs, in the order in which it reads them: name to (weight, is transposed).
    packed_of_inputs : dict
        Those that are multiplied with sequences: name to the positions of these.
    has_rows : bool
        Whether it needs all columns at once, for a sum over them.
    """

    def __init__(self, program, sizes, places, stores):
        self.program, self.sizes, self.places = program, sizes, dict(places)
        self.stores = [part for value, target in stores for part in self._parts(value, target)]
        self.input_lines, self.levels_of_lines, self.rooms = {}, [], []
        self.packed, self.packed_of_inputs, self.ids = {}, {}, {}
        self.order = ancestors([value for value, _ in self.stores], stop=places)
        self.places.update((value, target.place) for value, target in stores
                           if value.kind == "join" and not target.adds)  # fmt: skip
        self.levels = {}
        for value in self.order:
            level = max([self._level(argument) for argument in value.arguments], default=0)
            self.levels[value] = level + (value.kind in ("product", "sum", "max"))
        self.users = {}
        for value in self.order:
            for argument in value.arguments:
                self.users.setdefault(argument, []).append(value)
        self._flatten_sums()
        self._let_products_share_rooms()
        self._form_loops()
        self.has_rows = any(loop.rows for loop in self.loops.values())
        self._find_places()
        self._write()

    def _parts(self, value, target):
        """A value and where it goes, or if it is joined, its parts and where they go."""
        if value.kind != "join":
            return [(value, target)]
        begin, parts = Extent(), []
        for part, extent in zip(value.arguments, value.detail):
            place = target.place.after(self.sizes.of(begin))
            parts.append((part, Target(place, extent if part.is_uniform else part.extent, target.adds)))
            begin = begin + extent
        return parts

    def _level(self, value):
        return self.levels.get(value, 0)

    def _is_only_a_term(self, value, total):
        """Whether nothing needs a value but one sum, as one of its terms."""
        is_stored = any(value is other for other, _ in self.stores)
        return value in self.levels and self.users.get(value) == [total] and not is_stored

    def _flatten_sums(self):
        """Let a sum take the terms of the sums within it."""
        self.terms = {}
        for value in filter(is_sum, self.order):
            terms = []
            for term in value.arguments:
                if term in self.terms and self._is_only_a_term(term, value) and term.dtype == value.dtype:
                    inner = self.terms.pop(term)
                    for inner_term in inner:
                        self.users[inner_term] = [value if user is term else user for user in self.users[inner_term]]
                    terms += inner
                else:
                    terms.append(term)
            self.terms[value] = terms
        self.order = [value for value in self.order if not is_sum(value) or value in self.terms]

    def _let_products_share_rooms(self):
        """Add the products up, where the first of them is, that are terms of the same sums in the same way."""
        self.shared, together = {}, {}
        for product in self.order:
            ways = self._ways_as_term(product) if product.kind == "product" else None
            if ways:
                together.setdefault((ways, product.columns.root()), []).append(product)
        for products in together.values():
            products.sort(key=lambda product: (self._level(product), not self._is_of_input(product)))
            self.shared.update((product, products[0]) for product in products[1:])

    def _ways_as_term(self, product):
        """The sums that a product is a term of, and by which of its columns; None if it is anything else."""
        ways, cuts = [], [user for user in self.users.get(product, []) if user.kind == "cut"]
        for value in [product, *cuts]:
            users = [user for user in self.users.get(value, []) if user not in cuts or value is not product]
            is_stored = any(value is other for other, _ in self.stores)
            if is_stored or any(user not in self.terms or self.terms[user].count(value) > 1 for user in users):
                return None
            ways += [(user, None if value is product else value.detail) for user in users]
        return frozenset(ways)

    def _is_of_input(self, product):
        """Whether it is one of a sequence, which is all there before the first step."""
        left = uncut(product.arguments[0])
        return left.kind == "leaf" and left.detail.kind == "sequence"

    def _is_inline(self, value):
        """Whether it is computed where it is used: the same number for all columns, or one that no room is for."""
        return value.is_uniform or value.dtype != self.program.dtype

    def _width(self, value):
        return self.sizes.of(value.extent)

    def _loop(self, level, width):
        return self.loops.setdefault((level, width), Loop(width))

    def _form_loops(self):
        """Find, for each level and width, what is computed, stored and summed in a loop."""
        self.loops, self.loop_of = {}, {}
        for value in self.order:
            if value.kind == "map" and not self._is_inline(value):
                self.loop_of[value] = self._loop(self._level(value), self._width(value))
                self.loop_of[value].members.append(value)
            elif value.kind in ("sum", "max"):
                argument = value.arguments[0]
                self.loop_of[value] = self._loop(self._level(argument), self._width(argument))
                self.loop_of[value].rows.append(value)
        for value, target in self.stores:
            self._loop(self._level(value), self.sizes.of(target.extent)).stores.append((value, target))

    def _find_places(self):
        """Give room to what one part of the step hands over to another."""
        stored = {value: target.place for value, target in reversed(self.stores)
                  if not target.adds and target.extent == value.extent}  # fmt: skip
        for value in self.order:
            if value.kind == "product":
                first = self.shared.get(value, value)
                self.places[value] = self.places[first] if first in self.places else self._new_room(first)
                left = value.arguments[0]
                if left.kind == "join" and left not in self.places:
                    self._join(left)
            elif value.kind in ("sum", "max"):
                self.places[value] = stored.get(value) or self._new_room(value)
            elif value in self.loop_of and self._is_handed_over(value):
                self.places[value] = stored.get(value) or self._new_room(value)
                if value not in stored:
                    self.loop_of[value].stores.append((value, Target(self.places[value], value.extent)))

    def _is_handed_over(self, value):
        here = self.loop_of[value]
        uses = [user for user in self.users.get(value, []) if user.kind != "join"]
        return any(user.kind == "product" or any(loop is not here for loop in self._loops_of(user)) for user in uses)

    def _loops_of(self, user):
        """The loops in which something is computed."""
        if user in self.loop_of:
            return [self.loop_of[user]]
        found = [loop for loop in self.loops.values() for value, _ in loop.stores if value is user]
        return found + [loop for other in self.users.get(user, []) if other.kind in ("map", "sum", "max")
                        for loop in self._loops_of(other)]  # fmt: skip

    def _join(self, value):
        """Let the parts of a value be put beside each other."""
        place = self._new_room(value)
        for part, target in self._parts(value, Target(place, value.extent)):
            self._loop(self._level(part), self.sizes.of(target.extent)).stores.append((part, target))

    def _new_room(self, value):
        name, row = f"room{len(self.rooms)}", f"products::padded({self._width(value)})"
        is_of_input = value.kind == "product" and self._is_of_input(value)
        self.rooms.append((name, f"ahead * batch * {row}" if is_of_input else f"batch * {row}"))
        self.places[value] = Place(f"{name} + t % ahead * batch * {row}" if is_of_input else name, row)
        return self.places[value]

    def _write(self):
        begun = set()
        for level in sorted({*self.levels.values(), *(level for level, _ in self.loops)}):
            products = [value for value in self.order if value.kind == "product" and self._level(value) == level]
            lines = []
            # In the order in which they are done: those of a sequence together.
            for value in sorted(products, key=self._position):
                lines_of = lines
                if self._is_of_input(value):
                    lines_of = self.input_lines.setdefault(self._position(value), [])
                lines_of += self._product(value, begun)
            if any(value.kind == "cut" and value.arguments[0] in products for value in self.order):
                # A loop over cut columns takes what another thread's share of the product is.
                self.levels_of_lines.append(lines)
                lines = []
            for (its_level, _), loop in self.loops.items():
                if its_level == level:
                    lines += _LoopWriter(self, loop).lines()
            self.levels_of_lines.append(lines)
        # Those of sequences come first, in the order of the sequences.
        first = [name for sequence in self.input_lines for name, positions in self.packed_of_inputs.items()
                 if sequence in positions]  # fmt: skip
        self.packed = {name: self.packed[name] for name in dict.fromkeys([*first, *self.packed])}

    def _position(self, product):
        """That of the sequence which is multiplied; behind all for what is none."""
        return uncut(product.arguments[0]).detail.position if self._is_of_input(product) else math.inf

    def _product(self, value, begun):
        weight, is_transposed = value.detail
        left, name = value.arguments[0], f"transposed{weight}" if is_transposed else f"packed{weight}"
        self.packed[name] = weight, is_transposed
        place = self.places[value]
        add = "true" if place.at in begun else "false"
        result, factor = (self.ids.setdefault(one, f"v{len(self.ids)}")
                          for one in (self.shared.get(value, value), left))  # fmt: skip
        comment = (f"// {result} {'+=' if place.at in begun else '='} {factor} . weight{weight}"
                   f"{' transposed' if is_transposed else ''}")
        begun.add(place.at)
        if self._is_of_input(value):
            position, begin = self._position(value), self.sizes.of(begin_of(left))
            self.packed_of_inputs.setdefault(name, set()).add(position)
            return [comment, f"{name}.multiply(inputs{position}.number(), sequence{position}.data() + {begin}, "
                    f"inputs{position}.of_x(), {place.at}, inputs{position}.of_rooms({place.row}), {add}, share);"]
        source = self.place(left)
        return [comment, f"{name}.multiply(count, {source.at}, {{active, {source.row}}}, {place.at}, "
                f"{{active, {place.row}}}, {add}, share);"]

    def place(self, value):
        """Where a value is that is not computed where it is used."""
        base = uncut(value)
        if value in self.places:
            return self.places[value]
        if base not in self.places:
            raise Unsupported(f"a {base.kind} where one cannot be")
        return self.places[base].after(self.sizes.of(begin_of(value)))


class _LoopWriter:
    """Writes a loop: over samples, and within that over columns."""

    def __init__(self, step, loop):
        self.step, self.loop = step, loop
        self.seen, self.before, self.within, self.after, self.numbers = set(), [], [], [], itertools.count()

    def lines(self):
        loop = self.loop
        for value in loop.members:
            self._value(value)
        for value, target in loop.stores:
            self._store(value, target)
        for value in loop.rows:
            self._row(value)
        sums = [f"{self.step.ids[value]}_of_row" for value in loop.rows if value.kind == "sum"]
        has_max = any(value.kind == "max" for value in loop.rows)
        pragma = "#pragma GCC ivdep" if not sums or has_max else f"#pragma omp simd reduction(+:{', '.join(sums)})"
        head = [f"const long begin = share.begin({loop.width}), end = share.end({loop.width});", pragma,
                "for (long j = begin; j < end; ++j) {"]  # fmt: skip
        if loop.width == "1":
            # Whoever makes products of one column goes on with them.
            head = ["if (share.begin(1) < share.end(1)) {", "    const long j = 0;"]
        columns = indented([*head, *indented(self.within), "}"])
        return ["for (long n = 0; n < count; ++n) {", "    const long i = active[n];", *indented(self.before),
                *columns, *indented(self.after), "}"]  # fmt: skip

    def _value(self, value):
        """The C expression of a value; what it takes is added to the loop."""
        if value.kind == "constant":
            return literal(value, self.step.program.dtype)
        if value.kind == "count":
            return f"({c_type(value.dtype, self.step.program.dtype)}({self.step._width(value.arguments[0])}))"
        name = self.step.ids.setdefault(value, f"v{len(self.step.ids)}")
        if value in self.seen:
            return name
        self.seen.add(value)
        is_here = self.step.loop_of.get(value) is self.loop or value.kind == "map" and self.step._is_inline(value)
        if value.kind == "map" and is_here and not (value.is_uniform and value in self.step.places):
            # A number for each sample is computed once for all of its columns.
            line = self._definition(value, name)
            (self.before if value.is_uniform else self.within).append(line)
        else:
            self._load(value, name)
        return name

    def _load(self, value, name):
        place, kind = self.step.place(value), c_type(value.dtype, self.step.program.dtype)
        if value.is_uniform:
            self.before.append(f"const {kind} {name} = ({place.at})[i * ({place.row})];")
        else:
            self.before.append(f"const {kind}* const at_{name} = {place.at} + i * ({place.row});")
            self.within.append(f"const {kind} {name} = at_{name}[j];")

    def _store(self, value, target):
        number, expression = next(self.numbers), self._value(value)
        place = target.place
        self.before.append(f"auto* const to{number} = {place.at} + i * ({place.row});")
        self.within.append(f"to{number}[j] {'+=' if target.adds else '='} {expression};")

    def _row(self, value):
        """Sum or compare the columns of a row."""
        expression, place = self._value(value.arguments[0]), self.step.places[value]
        name = self.step.ids.setdefault(value, f"v{len(self.step.ids)}")
        start = "0" if value.kind == "sum" else "-INFINITY"
        self.before.append(f"real {name}_of_row = real({start});")
        self.within.append(f"{name}_of_row += {expression};" if value.kind == "sum" else
                           # What is no number stays.
                           f"if ({expression} > {name}_of_row || {expression} != {expression}) "
                           f"{name}_of_row = {expression};")  # fmt: skip
        self.after.append(f"({place.at})[i * ({place.row})] = {name}_of_row;")

    def _definition(self, value, name):
        """The line that computes a value from those it depends on."""
        shared = self.step.shared
        terms = [term for term in self.step.terms.get(value, value.arguments) if uncut(term) not in shared]
        return definition(value.detail, [term.dtype for term in terms], value.dtype, name,
                          [self._value(term) for term in terms], self.step.program.dtype)


def uncut(value):
    """What columns are cut from."""
    return value.arguments[0] if value.kind == "cut" else value


def begin_of(value):
    """Where columns that are cut begin."""
    return value.detail[0] if value.kind == "cut" else Extent()


def is_sum(value):
    return value.kind == "map" and isinstance(value.detail, _scalar.Add)


def c_type(dtype, real):
    """The C type of numbers, `real` for one of them."""
    if dtype == real:
        return "real"
    if dtype.startswith(("float", "complex")):
        raise Unsupported(f"{dtype} together with {real}")
    return "bool" if dtype == "bool" else f"npy_{dtype}"


def literal(constant, real):
    """A number as C: a constant of the engine, or a value. What is compared with it must not round it."""
    number = constant.detail if hasattr(constant, "detail") else constant.data.reshape(()).item()
    if not constant.dtype.startswith("float"):
        return str(int(number))
    if math.isnan(number):
        return "real(NAN)"
    with np.errstate(over="ignore"):
        is_rounded = constant.dtype == "float64" and float(np.dtype(real).type(number)) != number
    if is_rounded:
        raise Unsupported(f"{number!r} of float64 together with {real}")
    return f"real({number!r})" if math.isfinite(number) else f"real({'-' if number < 0 else ''}INFINITY)"


def definition(function, dtypes, dtype, name, given, real):
    """The line that computes what an elementwise function gives.

    Parameters
    ----------
    function
        The engine's function of numbers.
    dtypes : list of str
        Those of its arguments.
    dtype : str
        That of what it gives.
    name : str
        The C name of that.
    given : list of str
        C expressions of what it is computed from.
    real : str
        What `real` stands for: "float32" or "float64".

    Raises
    ------
    Unsupported
        If there is no C for it.
    """
    given, kind = [f"({expression})" for expression in given], c_type(dtype, real)
    if isinstance(function, _scalar.Cast):
        return f"const {kind} {name} = {kind}({given[0]});"
    expression = EXPRESSIONS.get(type(function))
    if set(dtypes) == {real}:
        expression = expression or EXPRESSIONS_OF_REALS.get(type(function))
    if expression is not None:
        return f"const {kind} {name} = {expression(*given)};"
    if any(_has(function, more) for more in ("c_support_code", "c_headers", "c_libraries")):
        raise Unsupported(f"{function}, which needs more C code")
    scalars = function.make_node(*[_scalar.get_scalar_type(one)() for one in dtypes])
    try:
        code = function.c_code(scalars, name, given, [name], {"fail": 'throw std::runtime_error("failed");'})
    except (MethodNotDefined, NotImplementedError):
        raise Unsupported(f"{function}, which has no C code") from None
    return f"{kind} {name}; {{ {code} }}"


def _has(function, method):
    try:
        return bool(getattr(function, method)())
    except MethodNotDefined:
        return False


def indented(lines):
    return ["    " + line for line in lines]
