"""What a step computes, in a form of its own: the only one that the C code is written from.

A step is a graph of values. A `Value` has a number for each sample and column, or one for each sample (a column). It
is of one of few kinds:

========== ===========================================================================================================
leaf       given: a sequence, a state before the step, a weight, or in backward steps a gradient
constant   a number
count      the number of columns of another value
map        an elementwise function of others
product    a value times a weight, on its right
cut        some columns of another value, in order
join       the columns of one value after those of another
sum, max   over the columns of another value: a column
========== ===========================================================================================================

They are made by a `Graph`, which knows a value that it has made before, and keeps a form in which the rest is simple:
**cuts sink, joins rise**. Columns cut from a function of values are that function of columns cut from them, and a
function of joined values is joined from functions of their parts. So what stands in one loop is of one width; columns
are only cut from what lies in memory, and joined only where something is put into memory.
"""

import functools

from recurrent_layers.engine import scalar
from recurrent_layers.recurrence.errors import Unsupported

_ELSEWHERE = "columns that are joined at one place and cut at another"


class Columns:
    """A number of columns that some values have in common; it is known when the code runs.

    Attributes
    ----------
    sizes : list
        What it is, each an axis of a given array, as (name, axis).
    extents : list of Extent
        What it is, too, by the columns of other values.
    """

    def __init__(self, *sizes):
        self.sizes, self.extents, self._same, self._number = list(sizes), [], None, None

    def root(self):
        """What stands for all that are the same."""
        while self._same is not None:
            self = self._same
        return self

    def number(self):
        """The number, if it is known now."""
        if self._number is None:
            extents, self.extents = self.extents, []  # What one of them is may be said by these columns.
            self._number = next((extent.constant for extent in extents if not extent.terms), None)
            self.extents = extents
        return self._number

    def unite(self, other):
        """Say that both are the same number."""
        self, other = self.root(), other.root()
        if self is not other:
            other._same = self
            self.sizes += [size for size in other.sizes if size not in self.sizes]
            self.extents += other.extents


class Extent:
    """A number of columns, as a sum of numbers of columns and a constant.

    Parameters
    ----------
    columns : Columns, optional
    constant : int
    """

    def __init__(self, columns=None, constant=0):
        self._terms, self._constant = {} if columns is None else {columns: 1}, constant

    def _sum(self):
        """How often each number of columns is taken that is not known yet, and the rest."""
        terms, constant = {}, self._constant
        for columns, times in self._terms.items():
            number = columns.root().number()
            if number is None:
                terms[columns.root()] = terms.get(columns.root(), 0) + times
            else:
                constant += times * number
        return {columns: times for columns, times in terms.items() if times}, constant

    @property
    def known(self):
        """The numbers of columns in it that are known now."""
        return [columns.root() for columns in self._terms if columns.root().number() is not None]

    @property
    def terms(self):
        """How often each number of columns is taken that is not known yet."""
        return self._sum()[0]

    @property
    def constant(self):
        return self._sum()[1]

    def __add__(self, other, sign=1):
        total = Extent(constant=self._constant + sign * other._constant)
        total._terms = dict(self._terms)
        for columns, times in other._terms.items():
            total._terms[columns] = total._terms.get(columns, 0) + sign * times
        return total

    def __sub__(self, other):
        return self.__add__(other, -1)

    def __eq__(self, other):
        return self._sum() == other._sum()

    def __hash__(self):
        terms, constant = self._sum()
        return hash((frozenset(terms.items()), constant))

    def is_at_most(self, other):
        """Whether it is certain not to be more than another."""
        more = other - self
        return more.constant >= 0 and all(times > 0 for times in more.terms.values())


class Value:
    """A number for each sample and column, or for each sample. `Graph` makes it.

    Attributes
    ----------
    kind : str
    detail
        Of a leaf, what it is; of a constant, the number; of a map, the engine's function of numbers; of a product,
        (the weight's position, whether it is transposed); of a cut, (begin, end), each an `Extent`; of a join, the
        `Extent` of each part.
    arguments : tuple of Value
    dtype : str
    is_column : bool
        Whether it has one number for each sample.
    columns : Columns or None
        How many it has; None if they are all the same number.
    """

    def __init__(self, kind, detail, arguments, dtype, is_column, columns):
        self.kind, self.detail, self.arguments = kind, detail, arguments
        self.dtype, self.is_column, self.columns = dtype, is_column, columns

    @property
    def extent(self):
        """How many columns it has."""
        return Extent(constant=1) if self.is_column else Extent(self.columns)

    @property
    def is_uniform(self):
        """Whether it has the same number in all columns."""
        return self.columns is None

    def is_number(self, number):
        return self.kind == "constant" and self.detail == number


class Graph:
    """Makes values.

    Parameters
    ----------
    numbers : dict, optional
        What sizes of arrays are known to be: (name, axis) to a number.

    Attributes
    ----------
    limits : list of (Extent, Extent)
        What must not be more than what.
    names : dict
        What the step calls some values.
    """

    def __init__(self, numbers=()):
        self._made, self._leaves, self._sizes, self.limits, self.names = {}, {}, {}, [], {}
        self._numbers, self._columns = dict(numbers), []

    def columns_of(self, name, axis):
        """The number of columns that is the size of an array along an axis."""
        if (name, axis) not in self._sizes:
            self._sizes[name, axis] = columns = self._new_columns((name, axis))
            if (name, axis) in self._numbers:
                columns.extents.append(Extent(constant=self._numbers[name, axis]))
        return self._sizes[name, axis]

    def columns_of_extent(self, extent):
        """So many columns."""
        columns = self._new_columns()
        columns.extents.append(extent)
        return columns

    def _new_columns(self, *sizes):
        self._columns.append(Columns(*sizes))
        return self._columns[-1]

    def find_numbers(self):
        """The sizes of arrays that are known, by what is the same as what: if 14 columns are those from 42 on, there
        are 56.
        """
        is_new = True
        while is_new:
            is_new = False
            for columns in dict.fromkeys(columns.root() for columns in self._columns):
                number = columns.number()
                for extent in columns.extents if number is not None else ():
                    terms, rest = extent.terms, number - extent.constant
                    if len(terms) == 1:
                        (other, times), = terms.items()
                        if rest % times == 0:
                            other.extents.append(Extent(constant=rest // times))
                            is_new = True
        numbers = {key: columns.root().number() for key, columns in self._sizes.items()}
        return {key: number for key, number in numbers.items() if number is not None}

    @property
    def sizes(self):
        """All numbers of columns that arrays have."""
        return list(dict.fromkeys(columns.root() for columns in self._sizes.values()))

    @property
    def leaves(self):
        """All leaves."""
        return list(self._leaves.values())

    def find_leaf(self, detail):
        """A leaf that has been made; None if none has."""
        return self._leaves.get(detail)

    def _make(self, kind, detail, arguments, dtype, is_column=False, columns=None):
        key = (kind, detail, arguments, dtype, is_column)
        if key not in self._made:
            self._made[key] = Value(kind, detail, arguments, dtype, is_column, columns)
        return self._made[key]

    def leaf(self, detail, dtype, columns=None):
        """What is given: a column, if it has no number of columns."""
        self._leaves[detail] = self._make("leaf", detail, (), dtype, columns is None, columns)
        return self._leaves[detail]

    def constant(self, number, dtype):
        # Equal numbers need not be the same: 0.0 and -0.0, 1 and True.
        if ("constant", repr(number), dtype) not in self._made:
            self._made["constant", repr(number), dtype] = Value("constant", number, (), dtype, False, None)
        return self._made["constant", repr(number), dtype]

    def count(self, value, dtype):
        """How many columns a value has."""
        if value.is_column:
            return self.constant(1, dtype)
        if value.columns is None:
            raise Unsupported("the number of columns of what has any number of them")
        return self._make("count", None, (value,), dtype)

    def map(self, function, arguments, dtype):
        """An elementwise function of values."""
        if isinstance(function, scalar.Add):
            arguments = [argument for argument in arguments if not argument.is_number(0)] or arguments[:1]
        if isinstance(function, scalar.Mul) and any(argument.is_number(0) for argument in arguments):
            return self.constant(0.0, dtype)
        if isinstance(function, (scalar.Add, scalar.Mul)) and len(arguments) == 1 and arguments[0].dtype == dtype:
            return arguments[0]
        if any(argument.kind == "join" for argument in arguments):
            return self._map_of_joined(function, arguments, dtype)
        several = [argument.columns for argument in arguments if argument.columns is not None]
        for columns in several[1:]:
            several[0].unite(columns)
        is_column = not several and any(argument.is_column for argument in arguments)
        return self._make("map", function, tuple(arguments), dtype, is_column, several[0] if several else None)

    def _map_of_joined(self, function, arguments, dtype):
        joined = [argument for argument in arguments if argument.kind == "join"]
        for argument in arguments:
            if not argument.is_uniform:
                joined[0].columns.unite(argument.columns)
        bounds = [Extent(), *self._bounds(joined), joined[0].extent]
        parts = []
        for begin, end in zip(bounds, bounds[1:]):
            cut = [self.cut(argument, begin, end) for argument in arguments]
            parts.append((self.map(function, cut, dtype), end - begin))
        return self.join(parts)

    def _bounds(self, joined):
        """Where a part of some joined values begins, but for the first of them, in order."""
        ordered = []
        for value in joined:
            bound = Extent()
            for extent in value.detail[:-1]:
                bound = bound + extent
                if bound in ordered:
                    continue
                place = sum(self._is_at_most(other, bound) for other in ordered)
                if not all(self._is_at_most(other, bound) for other in ordered[:place]) or not all(
                        self._is_at_most(bound, other) for other in ordered[place:]):  # fmt: skip
                    raise Unsupported(_ELSEWHERE)
                ordered.insert(place, bound)
        return ordered

    def filled(self, value, columns):
        """So many columns of what is the same in all of them."""
        key = ("filled", value, columns.root())
        if key not in self._made:
            self._made[key] = Value("map", scalar.identity, (value,), value.dtype, False, columns)
        return self._made[key]

    def product(self, left, weight, is_transposed, columns):
        """A value times a weight."""
        if left.is_uniform:
            raise Unsupported("a product whose left side has one column")
        return self._make("product", (weight, is_transposed), (left,), left.dtype, False, columns)

    def cut(self, value, begin, end, is_column=False):
        """The columns of a value from `begin` on, and before `end`."""
        if value.is_uniform or (begin == Extent() and end == value.extent and not is_column):
            return value
        if value.kind == "map" and all(argument.is_uniform for argument in value.arguments) and not is_column:
            return self.filled(value.arguments[0], self.columns_of_extent(end - begin))
        if value.kind == "map":
            arguments = [self.cut(argument, begin, end, is_column) for argument in value.arguments]
            return self.map(value.detail, arguments, value.dtype)
        if value.kind == "cut":
            start, _ = value.detail
            return self.cut(value.arguments[0], start + begin, start + end, is_column)
        if value.kind == "join":
            return self._cut_of_joined(value, begin, end, is_column)
        # Also that they begin where there are some: -5 is before the first of four.
        for less, more in ((Extent(), begin), (begin, end), (end, value.extent)):
            if not less.is_at_most(more):
                self.limits.append((less, more))
        columns = None if is_column else self.columns_of_extent(end - begin)
        return self._make("cut", (begin, end), (value,), value.dtype, is_column, columns)

    def _cut_of_joined(self, value, begin, end, is_column):
        start, parts, total = Extent(), [], Extent()
        for extent in value.detail:
            total = total + extent
        end = total if end == value.extent else end
        for part, extent in zip(value.arguments, value.detail):
            stop = start + extent
            if not self._is_at_most(stop, begin) and not self._is_at_most(end, start):
                first, last = self._ordered(start, begin)[1], self._ordered(stop, end)[0]
                parts.append((self.cut(part, first - start, last - start, is_column), last - first))
            start = stop
        if not parts:
            raise Unsupported("no columns, cut from others")
        return parts[0][0] if is_column else self.join(parts)

    def _is_at_most(self, one, other):
        """Whether an extent is certain not to be more than another, if `limits` hold."""
        return one.is_at_most(other) or any(one.is_at_most(less) and more.is_at_most(other)
                                            for less, more in self.limits)

    def _ordered(self, one, other):
        """The smaller and the larger of two extents."""
        if self._is_at_most(one, other):
            return one, other
        if self._is_at_most(other, one):
            return other, one
        raise Unsupported(_ELSEWHERE)

    def join(self, parts):
        """Values beside each other.

        Parameters
        ----------
        parts : list of (Value, Extent)
        """
        flat = []
        for value, extent in parts:
            inner = zip(value.arguments, value.detail) if value.kind == "join" else [(value, extent)]
            for part, size in inner:
                if flat and part.kind == "constant" and flat[-1][0] is part:
                    flat[-1] = (part, flat[-1][1] + size)
                elif size != Extent():
                    flat.append((part, size))
        if len(flat) == 1:
            return flat[0][0]
        total, columns = Extent(), self._new_columns()
        for value, extent in flat:
            total = total + extent
            if not value.is_uniform and extent != value.extent:
                value.columns.root().extents.append(extent)
        columns.extents.append(total)
        dtype = next((value.dtype for value, _ in flat if value.kind != "constant"), flat[0][0].dtype)
        values, extents = zip(*flat)
        return self._make("join", extents, values, dtype, False, columns)

    def reduce(self, kind, value):
        """The "sum" or "max" over the columns of a value."""
        if value.is_column:
            return value
        if value.is_uniform:
            raise Unsupported(f"the {kind} of what has any number of columns")
        if value.kind == "join":
            together = {"sum": scalar.add, "max": scalar.maximum}[kind]
            parts = []
            for part, extent in zip(value.arguments, value.detail):
                if part.is_uniform and not (part.is_column and extent == Extent(constant=1)):
                    part = self.filled(part, self.columns_of_extent(extent))
                parts.append(self.reduce(kind, part))
            return functools.reduce(lambda one, other: self.map(together, [one, other], value.dtype), parts)
        return self._make(kind, None, (value,), value.dtype, True)
