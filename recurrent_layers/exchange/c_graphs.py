"""What a model predicts, as C: each value of the graph is an array that says what stands at an index.

So what is computed number by number becomes one loop, written where its numbers are needed: by a product, by a loop
over time, or by more than one.
"""

import itertools
import re

import numpy as np

from recurrent_layers import engine
from recurrent_layers.engine import Subtensor
from recurrent_layers.exchange.c_words import (
    FUNCTIONS,
    INDICES,
    ONE,
    RESERVED,
    TAKEN,
    WHOLE,
    Array,
    Block,
    Code,
    Size,
    TimestepsAre,
    chain,
    comment,
    innermost,
    place_of,
    size_of,
)
from recurrent_layers.exchange.predictions import NARROW, Translation
from recurrent_layers.recurrence.graphs import is_last

#: How many numbers a variable of a function may have; small devices have little room for them.
ON_STACK = 1024


class ToC(Translation):
    """A prediction of one sample as C.

    Parameters
    ----------
    prediction : Prediction
    code : File
        Where the weights and the functions go that it needs.
    timesteps : int, optional
        How many there are, if it is known.
    has_scratch : bool
        Whether it is given memory, as `scratch`.
    """

    def __init__(self, prediction, code, timesteps=None, has_scratch=True):
        super().__init__("C", [prediction.output, *prediction.after])
        self.prediction, self.code, self.has_scratch = prediction, code, has_scratch
        self.timesteps = Size(1, 0) if timesteps is None else Size(0, timesteps)
        #: How many there must be at least, and how many there may be.
        self.least_timesteps, self.most_timesteps = 1, None
        self.block, self.scratch, self._users = Block(), Size(0, 0), {}
        self._names, self._kept_as_reals = RESERVED | code.names, set()
        self._node, self._is_in_step, self._stored = None, False, {}
        # The outputs of the first of nodes that compute the same, and of others those that they are the same as.
        self._firsts, self._same_as = {}, {}
        self._count([prediction.output, *prediction.after])

    def _count(self, outputs):
        """Note by which nodes each variable is used."""
        for output in outputs:
            self._users.setdefault(output, []).append(None)
        for node in engine.io_toposort([], outputs):
            for variable in node.inputs:
                self._users.setdefault(variable, []).append(node)

    def comment(self, text):
        """Say something before what follows."""
        self.block.lines += ["", *comment(text).splitlines()]

    def end(self, states):
        """Write the output to `y`, and what is handed on to the memory of the states."""
        y = self.value(self.prediction.output)
        after = [self.stored(self.value(variable), "after") for variable in self.prediction.after]
        self.shape_of_output, self.number_of_outputs = y.shape, self._total(y.shape)
        self.block.lines.append("")
        self._written(y, "y")
        for array, pointer in zip(after, states):
            self._written(array, pointer)

    def _written(self, array, pointer):
        self.fill(self.in_memory(None, array.shape, array.is_real, self.block, pointer=pointer), array.at)

    def _total(self, shape):
        """How many numbers an array of this shape has."""
        total = ONE
        for size in shape:
            total = total.times(size)
            if total is None:
                self.refuse("an array of more than so many numbers for each timestep")
        return total

    # ---- arrays in memory -------------------------------------------------------------------

    def unique(self, name):
        """A name of C that nothing else has."""
        name = re.sub(r"\W", "_", name, flags=re.ASCII) or "value"
        name = "_" * name[0].isdigit() + name
        name = f"value_{name}" if TAKEN.fullmatch(name) else name
        names = itertools.chain([name], (f"{name}_{number}" for number in itertools.count(2)))
        found = next(one for one in names if one not in self._names)
        self._names.add(found)
        return found

    def in_memory(self, name, shape, is_real, block, pointer=None):
        """An array that is memory, from its first number to its last: a variable of a block, or scratch memory."""
        total = self._total(shape)
        is_in_scratch = pointer is None and bool(total.steps or self.has_scratch and total.rest > ON_STACK)
        if pointer is None:
            name = self.unique(name)
            if not is_in_scratch:
                kind = "real" if is_real else "int64_t"
                block.write(f"{kind} {name}[{max(total.rest, 1)}];")
            else:
                begin = chain("+", Code.SUM, [Code("scratch"), size_of(self.scratch)])
                block.write(f"real *{name} = {begin if self.scratch != Size(0, 0) else 'scratch'};")
                self.scratch = self.scratch.plus(total)
            if is_in_scratch and not is_real:
                self._kept_as_reals.add(name)
        else:
            name = pointer
        strides = _strides(shape)

        def at(*indices):
            place = place_of([(index, stride) for index, stride in zip(indices, strides) if index != "0"])
            return Code(f"{name}[{place}]")

        def whole(*indices):
            return Code(f"(int64_t) {at(*indices)}", Code.PRODUCT)

        def row(*indices):
            place = place_of([(index, stride) for index, stride in zip(indices, strides) if index != "0"])
            return Code(name) if place == "0" else Code(f"{name} + {place}", Code.SUM)

        return Array(tuple(shape), is_real, whole if name in self._kept_as_reals else at, block,
                     row=row if shape and is_real else None, name=name, place=at)  # fmt: skip

    def fill(self, array, at):
        """Write the numbers of an array, each from its indices."""
        self._copied(array.block, array.shape, array.place, at)

    @staticmethod
    def loops(block, shape, lines, used=0):
        """Write loops over all indices, around the lines that are made of them."""
        free, indices, depth = iter(INDICES[used:]), [], 0
        for size in shape:
            if size == ONE:
                indices.append(Code("0"))
                continue
            index = next(free)
            block.write(f"for (long {index} = 0; {index} < {size}; {index}++)", depth)
            indices.append(Code(index))
            depth += 1
        made = lines(*indices)
        if len(made) > 1 and depth:
            block.lines[-1] += " {"
        for line in made:
            block.write(line, depth)
        if len(made) > 1 and depth:
            block.write("}", depth - 1)

    def stored(self, array, name="value"):
        """The same array, in memory."""
        if array.name is not None:
            return array
        if array.at not in self._stored:
            made = self.in_memory(name, array.shape, array.is_real, array.block)
            self.fill(made, array.at)
            self._stored[array.at] = made._replace(sizes=array.sizes)
        return self._stored[array.at]

    def _said(self, node):
        # Those of Theano are equal to themselves only.
        op = (type(node.op), str(node.op), node.op.axis) if engine.reduction(node) else node.op
        key = op, tuple(map(self._first_of, node.inputs))
        first = self._firsts.setdefault(key, node.outputs)
        if all(variable in self._values for variable in first):
            self._same_as.update(zip(node.outputs, first))
            return [self._values[variable] for variable in first]
        outer, self._node = self._node, node
        said = super()._said(node)
        self._node = outer
        return [self._kept(variable, array) for variable, array in zip(node.outputs, said)]

    def _first_of(self, variable):
        """The first of variables that are made in the same way; of constants what tells them apart."""
        known = None if isinstance(variable, engine.SharedVariable) else self.known(variable)
        return self._same_as.get(variable, variable) if known is None else (known.dtype, known.shape, known.tobytes())

    def _kept(self, variable, array):
        """A value, in memory if it is used more than once, or has a name."""
        if array is None or array.name is not None or array.cost < 1:
            return array
        is_named = self._is_in_step and variable.name is not None and array.is_real
        if is_named or array.cost > 1 and len(self._users.get(variable, ())) > 1 or array.cost > 20:
            return self.stored(array, variable.name or "value")
        return array

    # ---- words ------------------------------------------------------------------------------

    def same(self, one, other):
        """The size that two are, which must be the same."""
        if one == other:
            return one
        number, rest = divmod(other.rest - one.rest, one.steps - other.steps) if one.steps != other.steps else (0, 1)
        if rest or number < 1:
            self.refuse(f"an array of {one} where one of {other} is needed")
        raise TimestepsAre(number)

    def need(self, size, least, what):
        """Say that a size must be at least so large for something, and with it how many timesteps there may be."""
        if size.steps > 0:
            self.least_timesteps = max(self.least_timesteps, -((size.rest - least) // size.steps))
        elif size.steps:
            most = (size.rest - least) // -size.steps
            self.most_timesteps = most if self.most_timesteps is None else min(most, self.most_timesteps)
        elif size.rest < least:
            self.refuse(what)
        if self.most_timesteps is not None and self.most_timesteps < self.least_timesteps:
            self.refuse(f"{what}, for no number of timesteps,")

    def constant(self, array):
        is_real = array.dtype.kind == "f"
        sizes = None
        if not is_real and array.ndim < 2 and array.size < 100:
            sizes = _sizes_of((Size(0, int(number)) for number in array.flat), array.shape)
        shape, block = tuple(Size(0, size) for size in array.shape), self.outermost
        if array.size and array.tobytes() == array.size * array.flat[0].tobytes():  # -0.0 is not 0.0.
            number = self._number(array.flat[0])
            return Array(shape, is_real, lambda *indices: number, block, sizes=sizes)
        if not is_real:
            return self._whole_numbers(array) if sizes is None else self._of_sizes(sizes)
        return self.in_memory(None, shape, True, block, pointer=self.code.weight(array))

    def _whole_numbers(self, array):
        """Whole numbers that are constant."""
        if array.size and np.abs(array.astype("float64")).max() > 2**24:
            self.refuse("an array of large whole numbers")
        name = self.code.weight(array.astype("float64"))
        self._kept_as_reals.add(name)
        return self.in_memory(None, [Size(0, size) for size in array.shape], False, self.outermost, pointer=name)

    def reals(self, x):
        """The same numbers as those of the file's type."""
        return x if x.is_real else Array(x.shape, True, lambda *indices: self._as_real(x.at(*indices)), x.block, x.cost)

    @property
    def outermost(self):
        block = self.block
        while block.outer is not None:
            block = block.outer
        return block

    def _number(self, number):
        code = self.code.number(number) if number.dtype.kind == "f" else str(int(number))
        return Code(code, Code.PRODUCT if code.startswith("-") else Code.ATOM)

    def elementwise(self, name, arguments, dtype):
        is_real, node = dtype.startswith("float"), self._node
        given, shape = node.inputs[0].dtype, _broadcast(self.same, [argument.shape for argument in arguments])
        is_of_whole = not any(argument.is_real for argument in arguments)
        name = "or" if name == "add" and dtype == "bool" else name
        sizes = _sizes(name, arguments)
        if name == "cast":
            make = self._cast(given, dtype)
        elif name not in (FUNCTIONS if is_real or not is_of_whole else WHOLE):
            self.refuse(f"{node.op}")
        else:
            make = FUNCTIONS[name]
            if name == "invert" and given != "bool":
                self.refuse(f"{node.op} of whole numbers")
            if name in ("and", "or", "xor") and any(one.dtype != "bool" for one in node.inputs):
                self.refuse(f"{node.op} of whole numbers")
        is_computed_in_reals = is_real and name != "cast"
        is_narrow = dtype in NARROW and sizes is None and given != "bool" * (name == "cast")

        def at(*indices):
            of = [_at(argument, indices) for argument in arguments]
            for k, argument in enumerate(arguments):
                if is_computed_in_reals and not argument.is_real and not (name == "switch" and k == 0):
                    of[k] = self._as_real(of[k])
            made = make(self.code, *of)
            return Code(f"({dtype}_t) {made.within(Code.ATOM)}", Code.PRODUCT) if is_narrow else made

        cost = sum(argument.cost for argument in arguments) + (name != "identity")
        return Array(shape, is_real, at, innermost(arguments), cost, sizes=sizes)

    def _cast(self, given, dtype):
        if dtype == "bool":
            return lambda code, x: Code(f"{x.within(Code.SUM)} != 0", Code.COMPARED)
        if dtype.startswith("float") and not given.startswith("float"):
            return lambda code, x: self._as_real(x)
        if not dtype.startswith("float") and given.startswith("float"):
            return lambda code, x: Code(f"(int64_t) {x.within(Code.ATOM)}", Code.PRODUCT)
        return lambda code, x: x

    def _as_real(self, whole):
        """A whole number as one of the file's type."""
        if re.fullmatch("-?[0-9]+", whole):
            return Code(self.code.number(float(whole)), whole.level)
        return Code(f"(real) {whole.within(Code.ATOM)}", Code.PRODUCT)

    def arranged(self, x, order):
        shape = tuple(ONE if axis == "x" else x.shape[axis] for axis in order)
        sizes = x.sizes.reshape([int(str(size)) for size in shape]) if x.sizes is not None and not x.rank else None

        def places(indices):
            found = {axis: index for axis, index in zip(order, indices) if axis != "x"}
            return [found.get(axis, Code("0")) for axis in range(x.rank)]

        row = None
        if x.row is not None and order and order[-1] == x.rank - 1:
            def row(*indices):
                return x.row(*places([*indices, Code("0")])[:-1])

        # Where all but axes of one number are in order, it is the same memory.
        longer = [axis for axis in order if axis != "x" and x.shape[axis] != ONE]
        name = x.name if longer == sorted(longer) and x.is_real else None
        return Array(shape, x.is_real, lambda *indices: x.at(*places(indices)), x.block, x.cost, row, name, sizes)

    def cut(self, x, indices):
        if x.last is not None:
            if not isinstance(indices[0], int) or indices[0] != -1:
                self.refuse("a step of a loop that keeps its last only")
            return self.cut(x.last, indices[1:]) if indices[1:] else x.last
        indices = [*indices, *[slice(None)] * (x.rank - len(indices))]
        if x.sizes is not None and x.rank == 1:
            index, = indices
            return self._of_sizes(_sizes_of([x.sizes[index]], ()) if isinstance(index, int) else x.sizes[index])
        shape, places = [], []
        for size, index in zip(x.shape, indices):
            if isinstance(index, slice):
                length, place = self._range(size, index)
                shape.append(length)
            else:
                place = self._place(size, index)
            places.append((isinstance(index, slice), place))

        def placed(found):
            found = iter(found)
            return [place(next(found)) if is_axis else place() for is_axis, place in places]

        row = None
        if x.row is not None and isinstance(indices[-1], slice) and indices[-1].step in (None, 1):
            begin = places[-1][1](Code("0"))

            def row(*found):
                pointer = x.row(*placed([*found, Code("0")])[:-1])
                return pointer if begin == "0" else chain("+", Code.SUM, [pointer, begin])

        is_same = all(size == ONE or isinstance(index, slice) and length == size and index.step in (None, 1)
                      for size, index, length in zip(x.shape, indices, _lengths(shape, indices)))  # fmt: skip
        return Array(tuple(shape), x.is_real, lambda *found: x.at(*placed(found)), x.block, x.cost, row,
                     x.name if is_same else None)  # fmt: skip

    def _place(self, size, index):
        """What gives the index of one number along an axis."""
        if not isinstance(index, int):
            if index.sizes is None:
                self.refuse("an index that is computed")
            index = index.sizes[()]
        place = self._within(size, index if isinstance(index, Size) else Size(0, index))
        return lambda: size_of(place)

    def _within(self, size, index):
        """The place of one number along an axis, counted from the beginning."""
        what, place = f"the number at {index} of {size}", self._from_begin(size, index)
        self.need(place, 0, what)
        self.need(size.plus(place, -1), 1, what)
        return place

    def _from_begin(self, size, place):
        """A place that may be counted from the end, counted from the beginning."""
        if place.steps or place.rest >= 0:
            return place
        self.need(size, -place.rest, f"the number at {place} of {size}")
        return size.plus(place)

    def _range(self, size, cut):
        """How many numbers a cut takes along an axis, and what gives the index of each."""
        begin, end, step = (self._limit(size, bound) for bound in (cut.start, cut.stop, cut.step))
        step = 1 if step is None else step.rest
        if step == -1 and begin is None and end is None:
            last = size.plus(Size(0, -1))
            return size, lambda index: Code("0") if index == "0" and last == Size(0, 0) else chain(
                "-", Code.SUM, [size_of(last), index])  # fmt: skip
        if step != 1:
            self.refuse(f"a cut in steps of {step}")
        begin, end = (Size(0, 0) if begin is None else begin), (size if end is None else end)
        if not size.steps and not begin.steps and not end.steps:  # As Python has it, also beyond the end.
            first, last, _ = slice(begin.rest, end.rest).indices(size.rest)
            begin, end = Size(0, first), Size(0, max(first, last))
        else:
            begin, end = self._from_begin(size, begin), self._from_begin(size, end)
            beyond = end.plus(size, -1)
            end = size if min(beyond) >= 0 else end
            self.need(begin, 0, f"a cut from {begin}")
            self.need(size.plus(end, -1), 0, f"a cut to {end} of {size}")
        length = end.plus(begin, -1)
        self.need(length, 0, f"a cut from {begin} to {end}")
        return length, lambda index: index if begin == Size(0, 0) else size_of(begin) if index == "0" else chain(
            "+", Code.SUM, [index, size_of(begin)])  # fmt: skip

    def _limit(self, size, bound):
        if isinstance(bound, Array):
            if bound.sizes is None:
                self.refuse("a cut at a place that is computed")
            return bound.sizes[()]
        return None if bound is None else Size(0, bound)

    def joined(self, parts, axis):
        if all(part.sizes is not None and part.rank == 1 for part in parts):
            return self._of_sizes(np.concatenate([part.sizes for part in parts]))
        total = Size(0, 0)
        for part in parts:
            total = total.plus(part.shape[axis])
        shape = list(_broadcast(self.same, [part.shape[:axis] + (ONE,) + part.shape[axis + 1:] for part in parts]))
        shape[axis] = total
        block = innermost(parts)
        is_real, begin = any(part.is_real for part in parts), Size(0, 0)
        parts = [self.reals(part) for part in parts] if is_real else parts
        made = self.in_memory(self._node.outputs[0].name or "joined", shape, is_real, block)
        for part in parts:
            def place(*indices, begin=begin):
                indices = list(indices)
                if begin != Size(0, 0):
                    indices[axis] = size_of(begin) if indices[axis] == "0" else chain(
                        "+", Code.SUM, [indices[axis], size_of(begin)])  # fmt: skip
                return made.place(*indices)

            own = list(shape)
            own[axis] = part.shape[axis]
            self.loops(block, own, lambda *indices, part=part, place=place: [
                f"{place(*indices)} = {_at(part, indices)};"])  # fmt: skip
            begin = begin.plus(part.shape[axis])
        return made

    def stacked(self, numbers):
        if any(number.sizes is None for number in numbers):
            self.refuse("a vector of numbers that are computed")
        return self._of_sizes(_sizes_of((number.sizes[()] for number in numbers), len(numbers)))

    def _of_sizes(self, sizes):
        """Whole numbers that are known."""
        def at(*indices):
            if all(map(str.isdigit, indices)):
                return size_of(sizes[tuple(map(int, indices))])
            if not any(size.steps for size in sizes):
                return self._whole_numbers(np.array([size.rest for size in sizes])).at(*indices)
            index, = indices
            code = size_of(sizes[-1])
            for k, size in reversed(list(enumerate(sizes[:-1]))):
                code = Code(f"{index} == {k} ? {size_of(size)} : {code}", Code.TERNARY)
            return code

        return Array(tuple(Size(0, size) for size in sizes.shape), False, at, self.outermost, sizes=sizes)

    def product(self, left, right):
        if not left.is_real and not right.is_real:
            self.refuse("a product of whole numbers")
        left, right = self.reals(left), self.reals(right)
        if right.rank > 2 or any(size != ONE for size in left.shape[:-2]):
            self.refuse("a product of many matrices")
        if right.name is None:
            right = self.stored(right, "right")
        rows = left.shape[-2] if left.rank > 1 else ONE
        columns = right.shape[1] if right.rank == 2 else ONE
        inner = self.same(left.shape[-1], right.shape[0])
        is_one_row = rows == ONE and left.row is not None
        if not is_one_row and left.name is None:
            left = self.stored(left, "left")
        pointer = left.row(*[Code("0")] * (left.rank - 1)) if is_one_row else left.name
        shape = left.shape[:-1] + right.shape[1:]
        variable = self._node.outputs[0]
        name = variable.name or "_".join([_short(right.name), *_names_in(pointer)[-1:]])
        block = innermost([left, right])
        made = self.in_memory(name, shape, True, block)
        block.write(f"{self.code.helper('product')}({rows}, {inner}, {columns}, {pointer}, {right.name}, {made.name});")
        return made

    def reduced(self, name, x, axes):
        x = self.reals(x) if self._node.outputs[0].dtype.startswith("float") else x
        block, kept = x.block, [axis for axis in range(x.rank) if axis not in axes]
        made = self.in_memory(name, [x.shape[axis] for axis in kept], x.is_real, block)
        zero = self.code.number(0.0) if x.is_real else "0"
        first = {"sum": zero, "any": "0", "all": "1", "prod": "1"}.get(name)
        begin = Code("0")
        # The engine adds up in float64; in float32 each number would be rounded to what the sum has grown to.
        is_long = any(x.shape[axis].steps or x.shape[axis].rest > ON_STACK for axis in axes)
        total = self.unique("total") if name == "sum" and x.is_real and self.code.suffix and is_long else None

        def index(of_kept, of_axes):
            found = dict(zip(kept, of_kept))
            found.update(zip(axes, of_axes))
            return x.at(*(found[axis] for axis in range(x.rank)))

        def lines(*of_kept):
            target = made.place(*of_kept)
            inner, used = Block(), len([one for one in of_kept if one != "0"])
            inner.write(f"double {total} = 0;" if total else
                        f"{target} = {first or index(of_kept, [begin] * len(axes))};")

            def line(*of_axes):
                number = index(of_kept, of_axes)
                if total:
                    return [f"{total} += {number};"]
                if name in ("sum", "prod"):
                    return [f"{target} {'+' if name == 'sum' else '*'}= {number};"]
                if name in ("any", "all"):
                    return [f"{target} = {target} {'||' if name == 'any' else '&&'} {number.within(Code.COMPARED)};"]
                return [f"{target} = {self.code.helper(name + 'imum')}({target}, {number});"]

            self.loops(inner, [x.shape[axis] for axis in axes], line, used)
            return [*inner.lines, f"{target} = (real) {total};"] if total else inner.lines

        if name in ("max", "min") and not x.is_real:
            self.refuse(f"the {name} of whole numbers")
        self.loops(block, made.shape, lines)
        return made

    def filled(self, x, shape):
        shape = self._known_shape(shape)
        extra = len(shape) - x.rank
        for size, own in zip(shape[extra:], x.shape):
            if own != ONE:
                self.same(size, own)
        return Array(shape, x.is_real, lambda *indices: _at(x, indices[extra:]), x.block, x.cost)

    def _known_shape(self, shape):
        if shape.sizes is None:
            self.refuse("an array whose shape is computed")
        return tuple(shape.sizes)

    def reshaped(self, x, shape, ndim):
        shape, total = list(self._known_shape(shape)), self._total(x.shape)
        known = self._total([size for size in shape if size != Size(0, -1)])
        if Size(0, -1) in shape:
            as_often = Size(0, total.steps // known.steps) if known.steps else None
            if as_often and known.times(as_often) == total:
                rest = as_often
            elif known.steps or total.steps % known.rest or total.rest % known.rest:
                self.refuse("a shape that does not divide the numbers")
            else:
                rest = Size(total.steps // known.rest, total.rest // known.rest)
            shape[shape.index(Size(0, -1))] = rest
        else:
            self.same(known, total)
        x = self.stored(x)
        return self.in_memory(None, shape, x.is_real, x.block, pointer=x.name)

    def shape(self, x):
        return self._of_sizes(_sizes_of(x.shape, x.rank))

    def rows(self, x, numbers):
        if x.name is None:
            x = self.stored(x)
        rank, number = numbers.rank, x.shape[0]

        def check(*indices):
            found = numbers.at(*indices).within(Code.SUM)
            return [f"if ({found} < 0 || {found} >= {number})", "    return 1;"]

        if numbers.sizes is not None:
            places = (self._within(number, place) for place in numbers.sizes.flat)
            numbers = self._of_sizes(_sizes_of(places, numbers.sizes.shape))
        else:
            self.loops(numbers.block, numbers.shape, check)

        def at(*indices):
            return x.at(numbers.at(*indices[:rank]), *indices[rank:])

        row = None
        if x.rank == 2 and x.row is not None:
            def row(*indices):
                return x.row(numbers.at(*indices))

        return Array(numbers.shape + x.shape[1:], x.is_real, at, innermost([x, numbers]), 0, row)

    def softmax(self, x, axis, is_log):
        if axis != x.rank - 1:
            self.refuse("a softmax over another axis than the last")
        x, total = self.stored(x), self._total(x.shape[:-1])
        made = self.in_memory(self._node.outputs[0].name or "softmaxed", x.shape, True, x.block)
        name = self.code.helper("log_softmax" if is_log else "softmax")
        x.block.write(f"{name}({total}, {x.shape[-1]}, {x.name}, {made.name});")
        return made

    def cumulated(self, x, axis):
        if axis is None:
            self.refuse("a cumulated sum over all axes")
        made = self.in_memory(self._node.outputs[0].name or "cumulated", x.shape, x.is_real, x.block)

        def line(*indices):
            before = list(indices)
            before[axis] = chain("-", Code.SUM, [indices[axis], Code("1")])
            number, target = x.at(*indices), made.place(*indices)
            if indices[axis] == "0":
                return [f"{target} = {number};"]
            return [f"{target} = {number.within(Code.SUM)} + ({indices[axis]} > 0 ? {made.at(*before)} : 0);"]

        self.loops(x.block, x.shape, line)
        return made

    # ---- loops over time --------------------------------------------------------------------

    def loop(self, node):
        op, given = node.op, node.op.given(node.inputs)
        step, sequences = op.step, [self.value(one) for one in given.sequences]
        initials = [self.value(one) for one in given.initials]
        timesteps = self._timesteps(given, sequences)
        self._count(step.results)
        for own, weight in zip(step.weights, given.weights):
            self.give(own, self.value(weight))
        outer, is_one = self.block, timesteps == ONE
        self.block = outer if is_one else Block(outer)
        t = Code("0" if is_one else "t")
        for own, sequence in zip(step.sequences, sequences):
            self.give(own, self._at_step(sequence, t))
        memories = []
        for state, initial, output in zip(step.states, initials, node.outputs):
            is_needed = any(map(self._users.get, state.before)) or self._is_last_only(output)
            memory = None
            if is_one:
                memory = self.stored(initial, state.before[0].name or "h_tm1") if initial.cost else initial
            elif is_needed:
                memory = self._begun(state, initial, outer)
            memories.append(memory)
            for tap, own in zip(state.taps, state.before if memory else ()):
                place = size_of(Size(0, state.depth + tap))
                self.give(own, memory if memory.rank == own.ndim else self._at_step(memory, place))
        for made in engine.io_toposort(step.given, step.results):  # Which another such loop may have had before.
            for variable in made.outputs:
                self._values.pop(variable, None)
        self._is_in_step = True
        results = [self.value(result) for result in step.results]
        self._is_in_step = False
        held = {memory.name for memory in memories if memory}
        used = [self._users.get(output) or memory and not is_one
                for output, memory in itertools.zip_longest(node.outputs, memories)]  # fmt: skip
        results = [self._own(result, variable, held) if is_used else result
                   for result, variable, is_used in zip(results, step.results, used)]  # fmt: skip
        if is_one:
            return [self._one_step(result) for result in results]
        return self._end(node, outer, timesteps, memories, results)

    def _is_last_only(self, output):
        """Whether of what all steps give only that of the last is used."""
        users = self._users.get(output, ())
        return bool(users) and all(user is not None and isinstance(user.op, Subtensor)
                                   and is_last(engine.indices(user)) for user in users)  # fmt: skip

    def _timesteps(self, given, sequences):
        if given.n_steps is not None:
            known = self.known(given.n_steps)
            size = Size(0, int(known)) if known is not None else self.value(given.n_steps).sizes
            if size is None:
                self.refuse("a loop whose number of steps is computed")
            size = size if isinstance(size, Size) else size[()]
            for sequence in sequences:
                there_are = sequence.shape[0]
                self.need(there_are.plus(size, -1), 0, f"a loop of {size} steps where there are {there_are}")
            return size
        sizes = [sequence.shape[0] for sequence in sequences]
        for size in sizes[1:]:
            self.same(sizes[0], size)
        return sizes[0]

    def _at_step(self, x, t):
        """What an array is at a step."""
        def row(*indices):
            return x.row(t, *indices)

        is_row = x.row is not None and x.rank > 1
        return Array(x.shape[1:], x.is_real, lambda *indices: x.at(t, *indices), self.block, x.cost,
                     row if is_row else None)  # fmt: skip

    def _begun(self, state, initial, outer):
        """The memory of a state, filled with what is before the first step."""
        name = state.before[0].name or "h_tm1"
        made = self.in_memory(name, initial.shape, state.before[0].dtype.startswith("float"), outer)
        self.fill(made, initial.at)
        return made._replace(block=self.block)

    def _own(self, result, variable, held):
        """A result in memory of its own, not in that of a state."""
        if result.name is not None and result.block is self.block and result.name not in held:
            return result
        made = self.in_memory(variable.name or "after", result.shape, result.is_real, self.block)
        self.fill(made, result.at)
        return made

    def _one_step(self, result):
        """The outputs of a loop of one step."""
        def row(*indices):
            return result.row(*indices[1:])

        is_row = result.row is not None
        return Array((ONE, *result.shape), result.is_real, lambda first, *indices: result.at(*indices), result.block, 0,
                     row if is_row else None, result.name)  # fmt: skip

    def _end(self, node, outer, timesteps, memories, results):
        """Close a loop, and say what it gives."""
        inner, self.block, states = self.block, outer, node.op.step.states
        outputs = [self._gathered(variable, result, timesteps, inner, outer)
                   for variable, result in zip(node.outputs, results)]
        for k, (state, memory, result) in enumerate(zip(states, memories, results)):
            if memory is None:
                continue
            if state.depth > 1:
                rest = (Size(0, state.depth - 1), *memory.shape[1:])
                self._copied(inner, rest, memory.place, lambda row, *indices, memory=memory: memory.at(
                    chain("+", Code.SUM, [row, Code("1")]) if row != "0" else Code("1"), *indices))  # fmt: skip
            ahead = [size_of(Size(0, state.depth - 1))] if memory.rank > result.rank else []
            self._copied(inner, result.shape, lambda *indices, memory=memory, ahead=ahead: memory.place(
                *ahead, *indices), result.at)  # fmt: skip
            if outputs[k] is None:
                outputs[k] = self._last(timesteps, memory, result, ahead, outer)
        for k, (variable, result) in enumerate(zip(node.outputs, results)):
            if outputs[k] is None and self._is_last_only(variable):  # It is no state.
                made = self.in_memory(variable.name or "last", result.shape, result.is_real, outer)
                self._copied(inner, result.shape, made.place, result.at)
                outputs[k] = self._last(timesteps, made, result, [], outer)
        inner.close(f"for (long t = 0; t < {timesteps}; t++)")
        return outputs

    def _gathered(self, variable, result, timesteps, inner, outer):
        """What all steps give; None if only that of the last is used."""
        if self._is_last_only(variable) or not self._users.get(variable):
            return None
        made = self.in_memory(variable.name or "steps", (timesteps, *result.shape), result.is_real, outer)
        self._copied(inner, result.shape, lambda *indices: made.place(Code("t"), *indices), result.at)
        return made

    def _copied(self, block, shape, place, at):
        self.loops(block, shape, lambda *indices: [f"{place(*indices)} = {at(*indices)};"])

    def _last(self, timesteps, memory, result, ahead, outer):
        last = memory._replace(block=outer)
        if ahead:
            last = self._at_step(last, ahead[0])._replace(block=outer)
        return Array((timesteps, *result.shape), last.is_real, self._refused, outer, last=last)

    def _refused(self, *indices):
        self.refuse("a step of a loop that keeps its last only")


def _at(array, indices):
    """What stands there, where an axis of one number has it everywhere."""
    return array.at(*(Code("0") if size == ONE else index for size, index in zip(array.shape, indices)))


def _names_in(pointer):
    return [name for name in re.findall(r"[A-Za-z_]\w*", pointer) if name not in ("state", "t", "timesteps")]


def _short(name):
    """The name of a weight without that of its layer."""
    return re.sub(r"^[a-z0-9]+_\d+_", "", name)


def _lengths(shape, indices):
    """The sizes of the axes that a cut leaves, at the places of its indices."""
    left = iter(shape)
    return [next(left) if isinstance(index, slice) else ONE for index in indices]


def _strides(shape):
    strides, stride = [], ONE
    for size in reversed(shape):
        strides.append(stride)
        stride = stride.times(size) or stride
    return strides[::-1]


def _broadcast(same, shapes):
    """The shape of what is computed number by number from arrays of such shapes."""
    shape = []
    for sizes in zip(*shapes):
        longer = [size for size in sizes if size != ONE] or [ONE]
        for size in longer[1:]:
            same(longer[0], size)
        shape.append(longer[0])
    return tuple(shape)


def _sizes_of(sizes, shape):
    """An array of sizes, each of which NumPy would take for an array itself."""
    made = np.empty(shape, object)
    for place, size in zip(np.ndindex(made.shape), sizes):
        made[place] = size
    return made


def _sizes(name, arguments):
    """What is computed of whole numbers that are known."""
    if name not in ("add", "sub", "mul", "cast", "identity") or any(one.sizes is None for one in arguments):
        return None
    first, *rest = (one.sizes for one in arguments)
    ways = {"add": Size.plus, "sub": lambda one, other: one.plus(other, -1), "mul": Size.times}
    for other in rest:
        first, other = np.broadcast_arrays(first, other)
        first = _sizes_of(map(ways[name], first.flat, other.flat), first.shape)
    return first if all(size is not None for size in first.flat) else None
