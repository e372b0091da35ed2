"""What C is written in: expressions, arrays, blocks, functions."""

import re
import textwrap
from typing import Any, Callable, NamedTuple, Optional, Tuple

import numpy as np


class Size(NamedTuple):
    """A size: so many for each timestep, and so many besides."""

    steps: int
    rest: int

    def __str__(self):
        if not self.steps:
            return str(self.rest)
        steps = "timesteps" if self.steps == 1 else f"{self.steps} * timesteps"
        return steps if not self.rest else f"{steps} {'+' if self.rest > 0 else '-'} {abs(self.rest)}"

    def plus(self, other, sign=1):
        return Size(self.steps + sign * other.steps, self.rest + sign * other.rest)

    def times(self, other):
        """The product; None if it has more than one factor that is not known."""
        if self.steps and other.steps:
            return None
        return Size(self.steps * other.rest + other.steps * self.rest, self.rest * other.rest)


ONE = Size(0, 1)


class TimestepsAre(Exception):
    """The graph makes sense for one number of timesteps only."""

    def __init__(self, number):
        super().__init__(number)
        self.number = number


class Code(str):
    """An expression of C, and how strongly its outermost operator binds."""

    TERNARY, COMPARED, SUM, PRODUCT, ATOM = range(5)

    def __new__(cls, code, level=ATOM):
        made = super().__new__(cls, code)
        made.level = level
        return made

    def within(self, level):
        """The same as an operand of something that binds so strongly."""
        return self if self.level >= level else f"({self})"


def chain(operator, level, parts):
    """Operands with an operator between them, from left to right."""
    first, *rest = parts
    return Code(f" {operator} ".join([first.within(level), *(part.within(level + 1) for part in rest)]), level)


def size_of(number):
    """A size within an expression."""
    return Code(str(number), Code.ATOM if re.fullmatch(r"\w+", str(number)) else Code.SUM)


def place_of(terms):
    """A place in an array: the sum of (number, by what it is multiplied)."""
    added = [index if size == ONE else chain("*", Code.PRODUCT, [index, size_of(size)]) for index, size in terms]
    return added[0] if len(added) == 1 else chain("+", Code.SUM, added) if added else Code("0")


class Array(NamedTuple):
    """What stands at each index, as C.

    Attributes
    ----------
    shape : tuple of Size
    is_real : bool
        Whether its numbers are of the file's type; else they are whole, or true or false.
    at : callable
        From an index for each axis, as Code, to Code.
    block : Block
        The innermost of those whose variables it mentions.
    cost : int
        How much is computed for each number.
    row : callable, optional
        From an index for each axis but the last to a pointer to the numbers along that, if they are beside each other.
    name : str, optional
        Of the memory that it is, from its first number to its last.
    place : callable, optional
        As `at`, for memory: what is assigned to.
    sizes : numpy.ndarray of Size, optional
        What the whole numbers are that are known.
    last : Array, optional
        The last along the first axis, where nothing else is kept.
    """

    shape: Tuple[Size, ...]
    is_real: bool
    at: Callable
    block: Any
    cost: int = 0
    row: Optional[Callable] = None
    name: Optional[str] = None
    place: Optional[Callable] = None
    sizes: Any = None
    last: Any = None

    @property
    def rank(self):
        return len(self.shape)


class Block:
    """Lines of code within braces.

    Parameters
    ----------
    outer : Block, optional
    """

    def __init__(self, outer=None):
        self.outer, self.lines = outer, []
        self.depth = 0 if outer is None else outer.depth + 1

    def write(self, line, indent=0):
        self.lines.append("    " * indent + line)

    def close(self, head):
        """Put it, with what is before the brace, into the outer one."""
        self.outer.lines += [head + " {", *("    " + line for line in self.lines), "}"]


def innermost(arrays):
    return max((array.block for array in arrays), key=lambda block: block.depth)


def _reals(function):
    return lambda code, *arguments: Code(f"{function}{code.suffix}({', '.join(arguments)})")


def _called(name):
    """A function of the file's own."""
    return lambda code, *arguments: Code(f"{code.helper(name)}({', '.join(arguments)})")


def _between(operator, level):
    return lambda code, *arguments: chain(operator, level, arguments)


def _compared(operator):
    return lambda code, *arguments: Code(
        f" {operator} ".join(argument.within(Code.SUM) for argument in arguments), Code.COMPARED)


def _sum(code, *arguments):
    """A sum, without what adds nothing to it."""
    rest = [one for one in arguments if one not in ("0", code.number(0.0))] or arguments[:1]
    return rest[0] if len(rest) == 1 else chain("+", Code.SUM, rest)


def _is_other(code, one, other):
    return one if other == "0" and one.level == Code.COMPARED else _compared("!=")(code, one, other)


def _switch(code, condition, one, other):
    return Code(f"{condition.within(Code.COMPARED)} ? {one.within(Code.COMPARED)} : {other.within(Code.COMPARED)}",
                Code.TERNARY)  # fmt: skip


def _negative(code, x):
    return Code(f"-{x.within(Code.ATOM)}", Code.PRODUCT)


#: Elementwise functions as C.
FUNCTIONS = {
    "add": _sum, "sub": _between("-", Code.SUM), "mul": _between("*", Code.PRODUCT),
    "truediv": _between("/", Code.PRODUCT), "neg": _negative, "switch": _switch,
    "lt": _compared("<"), "le": _compared("<="), "gt": _compared(">"), "ge": _compared(">="),
    "eq": _compared("=="), "neq": _is_other, "identity": lambda code, x: x,
    "and": lambda code, *arguments: Code(" && ".join(one.within(Code.SUM) for one in arguments), Code.TERNARY),
    "or": lambda code, *arguments: Code(" || ".join(one.within(Code.SUM) for one in arguments), Code.TERNARY),
    "xor": lambda code, a, b: Code(f"!{a.within(Code.ATOM)} != !{b.within(Code.ATOM)}", Code.COMPARED),
    "invert": lambda code, a: Code(f"!{a.within(Code.ATOM)}"),
    "reciprocal": lambda code, x: chain("/", Code.PRODUCT, [Code(code.number(1.0)), x]),
    **{name: _reals(name) for name in ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "tanh", "sinh", "cosh",
                                       "asinh", "acosh", "atanh", "sin", "cos", "tan", "sqrt", "pow", "floor", "ceil",
                                       "trunc", "erf", "erfc")},
    "abs": _reals("fabs"), "arcsin": _reals("asin"), "arccos": _reals("acos"), "arctan": _reals("atan"),
    "arctan2": _reals("atan2"), "arcsinh": _reals("asinh"), "arccosh": _reals("acosh"), "arctanh": _reals("atanh"),
    "roundhalftoeven": _reals("nearbyint"), "roundhalfawayfromzero": _reals("round"),
    **{name: _called(name) for name in ("sigmoid", "softplus", "hard_sigmoid", "relu", "sqr", "maximum",
                                         "minimum", "clip", "sign")},
}  # fmt: skip

#: Those of whole numbers.
WHOLE = ("add", "sub", "mul", "neg", "identity", "switch", "lt", "le", "gt", "ge", "eq", "neq", "and", "or", "xor",
         "invert")  # fmt: skip

#: Functions that a file has if it calls them; `real` is its type, and @ the suffix of the functions of math.h for it.
HELPERS = {
    "sigmoid": "real sigmoid(real x) { return 1 / (1 + exp@(-x)); }",
    "hard_sigmoid": "real hard_sigmoid(real x) { const real y = 0.2@ * x + 0.5@; return y < 0 ? 0 : y > 1 ? 1 : y; }",
    "relu": "real relu(real x) { return (x + fabs@(x)) / 2; }",
    "softplus": "real softplus(real x) { return (x > 0 ? x : 0) + log1p@(exp@(-fabs@(x))); }",
    "sqr": "real sqr(real x) { return x * x; }",
    "sign": "real sign(real x) { return x > 0 ? 1 : x < 0 ? -1 : x; }",
    "maximum": "real maximum(real a, real b) { return a >= b || a != a ? a : b; }",
    "minimum": "real minimum(real a, real b) { return a <= b || a != a ? a : b; }",
    "clip": "real clip(real x, real least, real most) { return x < least ? least : x > most ? most : x; }",
    "product": """
/* y = x.W, where x is (rows, inner), W is (inner, columns) and y is (rows, columns). */
void product(long rows, long inner, long columns, const real *restrict x, const real *restrict W,
                    real *restrict y) {
    for (; rows > 0; rows--, y += columns) {
        const real *w = W;
        long left = inner;
        for (long j = 0; j < columns; j++)
            y[j] = 0;
        for (; left >= 4; left -= 4, x += 4, w += 4 * columns)
            for (long j = 0; j < columns; j++)
                y[j] += x[0] * w[j] + x[1] * w[j + columns] + x[2] * w[j + 2 * columns] + x[3] * w[j + 3 * columns];
        for (; left > 0; left--, x++, w += columns)
            for (long j = 0; j < columns; j++)
                y[j] += x[0] * w[j];
    }
}""",
    "softmax": """
/* y = exp(x) / sum(exp(x)) for each row. */
void softmax(long rows, long columns, const real *x, real *y) {
    for (; rows > 0; rows--, x += columns, y += columns) {
        real most = x[0], sum = 0;
        for (long j = 1; j < columns; j++)
            if (x[j] > most)
                most = x[j];
        for (long j = 0; j < columns; j++)
            sum += y[j] = exp@(x[j] - most);
        for (long j = 0; j < columns; j++)
            y[j] /= sum;
    }
}""",
    "log_softmax": """
/* y = x - log(sum(exp(x))) for each row. */
void log_softmax(long rows, long columns, const real *x, real *y) {
    for (; rows > 0; rows--, x += columns, y += columns) {
        real most = x[0], sum = 0;
        for (long j = 1; j < columns; j++)
            if (x[j] > most)
                most = x[j];
        for (long j = 0; j < columns; j++)
            sum += exp@(x[j] - most);
        for (long j = 0; j < columns; j++)
            y[j] = x[j] - most - log@(sum);
    }
}""",
}  # fmt: skip

#: What no variable may be called: indices of loops, words of C, and what the file says itself.
RESERVED = set("""j k l m t timesteps x y state scratch real auto break case char const continue default do double else
    enum extern float for goto if inline int long register restrict return short signed sizeof static struct switch
    typedef union unsigned void volatile while main""".split()) | set(HELPERS)
RESERVED |= {name + suffix for suffix in ("", "f") for name in (
    *FUNCTIONS, "fabs", "asin", "acos", "atan", "atan2", "asinh", "acosh", "atanh", "nearbyint", "round", "fmax")}
#: Names that constants, types and macros have.
TAKEN = re.compile("constant_[0-9]+|u?int[0-9]+_t|[A-Z][A-Z0-9_]{2,}")
INDICES = (*"jklm", *(f"j{number}" for number in range(5, 33)))
RESERVED |= set(INDICES)


def comment(text):
    """A comment, as text; a first line that is long is wrapped."""
    first, *rest = text.strip().splitlines()
    lines = [*textwrap.wrap(first, 114, break_on_hyphens=False), *rest]
    return "/* " + "\n".join(lines[:1] + ["   " * bool(line) + line for line in lines[1:]]) + " */"


def number_of(number, dtype):
    """A number as a literal of a type, in as few digits as say which it is."""
    given, number = number, _rounded(number, dtype)
    if np.isinf(number) and not np.isinf(given):
        raise ValueError(f"a number is too large for {dtype}: pass dtype='float64'")
    if not np.isfinite(number):
        return "NAN" if np.isnan(number) else "INFINITY" if number > 0 else "-INFINITY"
    digits = np.format_float_positional(number) if 1e-4 <= abs(number) < 1e7 or not number else (
        np.format_float_scientific(number))  # fmt: skip
    return digits + "f" * (dtype == "float32")


def _rounded(number, dtype):
    with np.errstate(over="ignore"):
        return np.dtype(dtype).type(number)
