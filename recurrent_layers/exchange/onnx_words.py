"""The engine's elementwise functions in operators of ONNX.

Each takes `f`, which makes a node: ``f("Add", x, 1.0)``; and what it is a function of, of one kind. Where ONNX has a
function, ONNX Runtime may have it of float32 only: what layers of this library need, and what can be said precisely by
others, is said by those that it has of float64, too.
"""

import math

#: Functions that are an operator.
OPERATORS = {
    "abs": "Abs", "add": "Add", "arccos": "Acos", "arccosh": "Acosh", "arcsin": "Asin", "arcsinh": "Asinh",
    "arctan": "Atan", "arctanh": "Atanh", "cos": "Cos", "cosh": "Cosh", "erf": "Erf", "exp": "Exp",
    "identity": "Identity", "log": "Log", "maximum": "Max", "minimum": "Min", "mul": "Mul", "neg": "Neg", "pow": "Pow",
    "reciprocal": "Reciprocal", "relu": "Relu", "sigmoid": "Sigmoid", "sin": "Sin", "sinh": "Sinh", "sqrt": "Sqrt",
    "sub": "Sub", "tan": "Tan", "tanh": "Tanh", "truediv": "Div",
}  # fmt: skip

#: Those that do nothing to integers.
ROUNDED = {"ceil": "Ceil", "floor": "Floor", "roundhalftoeven": "Round"}

#: Those that tell something of numbers.
COMPARISONS = {"eq": "Equal", "ge": "GreaterOrEqual", "gt": "Greater", "le": "LessOrEqual", "lt": "Less"}
TESTS = {"isinf": "IsInf", "isnan": "IsNaN"}

#: Those of truths; what sums, products and the like of them are, too.
LOGIC = {"add": "Or", "and": "And", "invert": "Not", "maximum": "Or", "minimum": "And", "mul": "And", "or": "Or",
         "xor": "Xor"}  # fmt: skip

#: Those that may have more than two arguments.
OF_MANY = ("add", "and", "maximum", "minimum", "mul", "or", "xor")


def _hard_sigmoid(f, x):
    return f("Min", f("Max", f("Add", f("Mul", x, 0.2), 0.5), 0.0), 1.0)


def _expm1(f, x):
    return f("Mul", f("Tanh", f("Mul", x, 0.5)), f("Add", f("Exp", x), 1.0))


def _log1p(f, x):
    # What is lost in 1 + x is lost in both parts of a quotient.
    sum_ = f("Add", x, 1.0)
    found = f("Sub", sum_, 1.0)
    scale = f("Where", f("Equal", found, x), 1.0, f("Div", x, found))
    return f("Where", f("Equal", sum_, 1.0), x, f("Mul", f("Log", sum_), scale))


def _softplus(f, x):
    return f("Add", f("Max", x, 0.0), _log1p(f, f("Exp", f("Neg", f("Abs", x)))))


def _sign(f, x):
    return f("Where", f("Equal", x, x), f("Sign", x), x)  # That of NaN is 1 in ONNX Runtime.


def _floor_div(f, x, y):
    if x.kind == "float":
        return f("Floor", f("Div", x, y))
    by, is_0 = _but_0(f, y)
    quotient, rest = f("Div", x, by), f("Mod", x, by)
    # ONNX rounds towards 0; the rest has the sign of the divisor.
    exact = f("Div", f("Sub", x, rest), by)
    return f("Where", is_0, 0, f("Where", f("Equal", rest, 0), quotient, exact))


def _mod(f, x, y):
    if x.kind == "int":
        by, is_0 = _but_0(f, y)
        return f("Where", is_0, 0, f("Mod", x, by))
    rest = f("Mod", x, y, fmod=1)
    is_of_other_sign = f("Xor", f("Less", rest, 0.0), f("Less", y, 0.0))
    return f("Where", f("And", f("Not", f("Equal", rest, 0.0)), is_of_other_sign), f("Add", rest, y), rest)


def _but_0(f, y):
    """A divisor by which ONNX Runtime does not end the process, and where it was 0, for which NumPy gives 0."""
    is_0 = f("Equal", y, 0)
    return f("Where", is_0, 1, y), is_0


def _trunc(f, x):
    return f("Mul", f("Sign", x), f("Floor", f("Abs", x)))


def _round_half_away_from_zero(f, x):
    return f("Mul", f("Sign", x), f("Floor", f("Add", f("Abs", x), 0.5)))


def _arctan2(f, y, x):
    angle = f("Atan", f("Div", y, x))
    turned = f("Where", f("Less", y, 0.0), f("Sub", angle, math.pi), f("Add", angle, math.pi))
    at_0 = f("Mul", f("Sign", y), math.pi / 2)
    return f("Where", f("Equal", x, 0.0), at_0, f("Where", f("Less", x, 0.0), turned, angle))


def _clip(f, x, least, most):
    return f("Min", f("Max", x, least), most)


#: Those that are several operators.
COMPOSED = {
    "arctan2": _arctan2,
    "clip": _clip,
    "deg2rad": lambda f, x: f("Mul", x, math.pi / 180),
    "erfc": lambda f, x: f("Sub", 1.0, f("Erf", x)),
    "exp2": lambda f, x: f("Pow", 2.0, x),
    "expm1": _expm1,
    "intdiv": _floor_div,
    "log10": lambda f, x: f("Mul", f("Log", x), 1 / math.log(10)),
    "log1mexp": lambda f, x: f("Log", f("Neg", _expm1(f, x))),
    "log1p": _log1p,
    "log2": lambda f, x: f("Mul", f("Log", x), 1 / math.log(2)),
    "mod": _mod,
    "rad2deg": lambda f, x: f("Mul", x, 180 / math.pi),
    "roundhalfawayfromzero": _round_half_away_from_zero,
    "sign": _sign,
    "hard_sigmoid": _hard_sigmoid, "softplus": _softplus,
    "sqr": lambda f, x: f("Mul", x, x),
    "trunc": _trunc,
}
