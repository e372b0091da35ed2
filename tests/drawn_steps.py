"""Scans with steps that are drawn at random, as programs that can be printed and built again from what was printed.

`programs` draws them. `build` makes the graph of one with any function of the signature of `theano.scan`. `outcomes`
compares the recurrence in C with the engine's scan. `simpler` makes a program that fails smaller.

Numbers stay about 1 and away from where a derivative jumps, so that rounding alone makes no difference that matters.
"""

import contextlib
import logging
import random
import re
from dataclasses import dataclass, fields, replace
from typing import Any, Callable, List, NamedTuple, Tuple, Union

import numpy as np
from engines import Scan, change_flags, get_mode
from hypothesis import strategies as st

from recurrent_layers import engine, recurrence
from recurrent_layers.engine import nnet
from recurrent_layers.engine import tensor as T

WIDTHS = (1, 3, 5, 8, 17)
SIZES = ((5, 7), (1, 4))  # nb_samples, timesteps
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
IN_C, BY_SCAN = get_mode("FAST_RUN"), get_mode("FAST_COMPILE")

# What the text of a step may call.
FUNCTIONS = {"abs": abs, "alloc": T.alloc, "clip": T.clip, "concatenate": T.concatenate, "cos": T.cos, "dot": T.dot,
             "exp": T.exp, "grad_clip": engine.grad_clip, "hard_sigmoid": nnet.hard_sigmoid, "log": T.log,
             "logsoftmax": nnet.logsoftmax, "maximum": T.maximum, "minimum": T.minimum,
             "number_of": lambda truths: T.cast(T.sum(truths, axis=1, keepdims=True), "int8"),
             "ones_like": T.ones_like, "relu": nnet.relu, "reshape": T.reshape, "sigmoid": nnet.sigmoid,
             "softmax": nnet.softmax, "softplus": nnet.softplus, "sqr": T.sqr, "sqrt": T.sqrt, "switch": T.switch,
             "tanh": T.tanh, "transposed": lambda x: x.dimshuffle(1, 0, 2), "zeros_like": T.zeros_like}  # fmt: skip


# ---- Programs ---------------------------------------------------------------------------------------------


class Sequence(NamedTuple):
    """One of (timesteps, nb_samples, width); if the width is 0, of (timesteps, nb_samples). Masks are boolean.

    What is given may be of another width: then the sequence is `made` of it, which the text calls by the same name.
    """

    name: str
    width: int
    is_mask: bool = False
    given_width: int = 0
    made: str = ""


class State(NamedTuple):
    """The step knows those before it as ``name_tm1`` and so on. At the start it is given, learned, or zeros."""

    name: str
    width: int
    taps: Tuple[int, ...]
    start: str


class Result(NamedTuple):
    """What the step returns (a column: of width 0), and if "all" steps of it are used, the "last", or "none"."""

    text: str
    width: int
    used: str


@dataclass(frozen=True)
class Program:
    """A scan. Its step is text: lines, and the results in terms of them.

    Attributes
    ----------
    dtype : str
    sequences : tuple of Sequence
    states : tuple of State
    weights : tuple of (str, tuple of int)
        Shared variables, by name: matrices, vectors, scalars.
    fixed : tuple of (str, int)
        What is (nb_samples, width) and the same at all steps, by name.
    lines : tuple of str
    results : tuple of Result
        Those of the states, then those that are not fed back.
    n_steps : int, "all" or None
    truncate_gradient : int
    go_backwards : bool
    is_strict : bool
        Whether weights are handed to scan as non_sequences; else it finds them in the step.
    wanted : tuple of str
        Of what the gradient is taken; of all, if it is empty.
    seed : int
        Of the values.
    """

    dtype: str
    sequences: Tuple[Sequence, ...]
    states: Tuple[State, ...]
    weights: Tuple[Tuple[str, Tuple[int, ...]], ...]
    fixed: Tuple[Tuple[str, int], ...]
    lines: Tuple[str, ...]
    results: Tuple[Result, ...]
    n_steps: Union[int, str, None] = None
    truncate_gradient: int = -1
    go_backwards: bool = False
    is_strict: bool = False
    wanted: Tuple[str, ...] = ()
    seed: int = 0

    def __str__(self):
        """The same as Python reads it, laid out to be read; without what is as usual."""
        rows = [f"lines=({''.join(chr(10) + ' ' * 8 + repr(line) + ',' for line in self.lines)})" if one.name == "lines"
                else f"{one.name}={getattr(self, one.name)!r}"
                for one in fields(self) if getattr(self, one.name) != one.default]  # fmt: skip
        return "Program(\n" + "".join(f"    {row},\n" for row in rows) + ")"


def named(text):
    """The names in a text."""
    return set(re.findall(r"\b[a-zA-Z]\w*", text))


def pruned(program):
    """The program without lines, weights and fixed values that nothing needs."""
    needed = set().union(*(named(result.text) for result in program.results))
    needed.update(f"{state.name}_start" for state in program.states)
    needed.update(*(named(sequence.made) for sequence in program.sequences))
    lines = []
    for line in program.lines[::-1]:
        name, _, text = line.partition(" = ")
        if name in needed:
            lines.insert(0, line)
            needed |= named(text)
    weights, fixed = (tuple(one for one in those if one[0] in needed) for those in (program.weights, program.fixed))
    wanted = tuple(name for name in program.wanted if name in needed | {one.name for one in program.sequences})
    return replace(program, lines=tuple(lines), weights=weights, fixed=fixed, wanted=wanted)


# ---- Drawing ----------------------------------------------------------------------------------------------


class Value(NamedTuple):
    """A value of the step: its name, its width (0: a column), about how large its numbers get.

    Two numbers that are `alike` may be equal, as zeros are: no maximum is taken of such.
    """

    text: str
    width: int
    size: float = 1.0
    alike: bool = False


UNARY = {"tanh({})": 1, "sigmoid({})": 1, "hard_sigmoid({})": 1, "relu({})": None, "exp(tanh({}))": 2.7,
         "exp(-sqr({}))": 1, "sqr({})": None, "abs({})": None, "1 - {}": None, "-{}": None, "0.3 * {}": None,
         "sqrt(1 + sqr({}))": None, "minimum({}, 0.37)": None, "maximum({}, -0.21)": None, "sqr({}) * {}": None,
         "switch({} > 0.13, {}, 0.2 * {})": None, "softplus({})": None, "log(1 + sqr({}))": None, "cos({})": 1,
         "tanh({}) ** 3": 1, "clip({}, -0.41, 0.53)": None, "grad_clip({}, -0.15, 0.15)": None}  # fmt: skip
BINARY = ["{} + {}", "{} - {}", "{} * {}", "{} / (1 + sqr({}))", "minimum({}, {})", "maximum({}, {})",
          "switch({0} > {1}, tanh({0}), {1})", "sigmoid({}) * {}"]  # fmt: skip
FLAT = ("relu", "minimum", "maximum", "hard_sigmoid", "switch", "clip")
LARGEST = 3.0


class Draft:
    """A step that is being drawn."""

    def __init__(self, random):
        self.random = random
        self.widths = random.sample(WIDTHS, self.one_of([1, 2, 3]))
        self.values, self.lines, self.weights, self.fixed = [], [], {}, {}

    def one_of(self, choices):
        return self.random.choice(choices)

    def chance(self, percent):
        return self.random.randrange(100) < percent

    def width(self):
        return self.one_of(self.widths)

    def some(self, values):
        """One of them, rather of the last."""
        return self.one_of(values[-3:] if self.chance(50) else values)

    # ---- What there is

    def among(self, *widths):
        """The values of these widths."""
        return [value for value in self.values if value.width in widths]

    def matrices(self):
        return [value for value in self.values if value.width]

    def weight(self, kind, *shape):
        """A weight: sometimes one that is there."""
        known = [name for name, other in self.weights.items() if other == shape and name.startswith(kind)]
        if known and self.chance(15):
            return self.one_of(known)
        name = f"{kind}{len(self.weights)}"
        self.weights[name] = shape
        return name

    def fixed_value(self, width):
        known = [name for name, other in self.fixed.items() if other == width]
        if known and self.chance(50):
            return self.one_of(known)
        name = f"c{len(self.fixed)}"
        self.fixed[name] = width
        return name

    def line(self, text, width, size=1.0, alike=False):
        """Add a line; what gets too large is squashed."""
        if size > LARGEST:
            text, size = f"tanh({text})", 1.0
        value = Value(f"v{len(self.lines)}", width, size, alike)
        self.lines.append(f"{value.text} = {text}")
        self.values.append(value)
        return value

    # ---- What becomes of it

    def unary(self, value):
        form = self.one_of(list(UNARY))
        size = UNARY[form] or (value.size**3 if form.startswith("sqr({}) *") else value.size**2
                               if form.startswith("sqr") else value.size + 1)  # fmt: skip
        return self.line(form.replace("{}", value.text), value.width, size,
                         value.alike or form.startswith(FLAT))

    def binary(self, value):
        other = self.one_of([one for one in self.among(value.width, 0) if one != value] or [value])
        form = self.one_of(BINARY if other != value else BINARY[:4])
        size = value.size * other.size if "*" in form else value.size + other.size
        alike = (value.alike or other.alike) if "*" in form or form.startswith(FLAT) else value.alike and other.alike
        return self.line(form.format(value.text, other.text), value.width, size, alike)

    def with_parameter(self, value):
        """A bias, a peephole, a value that stays the same at all steps, or a scalar."""
        width = value.width
        kinds = ["{} + {}", "{} * {}"] if width else ["{} * {}"]
        other = self.one_of(["vector", "vector", "fixed", "scalar"] if width else ["scalar"])
        name = (self.weight("b", width) if other == "vector" else self.fixed_value(width) if other == "fixed"
                else self.weight("s"))  # fmt: skip
        form = self.one_of(kinds)
        return self.line(form.format(value.text, name), width, value.size + 0.5 * ("+" in form),
                         value.alike and "*" in form)

    def cut(self, value):
        if value.width < 3:
            return self.unary(value)
        size = self.random.randint(1, value.width - 1)
        start = self.one_of([0, value.width - size, (value.width - size) // 2])
        if self.chance(50) and any(width < value.width for width in self.widths):
            size, start = self.one_of([width for width in self.widths if width < value.width]), 0
        if self.chance(15):
            return self.line(f"{value.text}[:, {start}][:, None]", 0, value.size, value.alike)
        return self.slice(value, start, start + size, from_end=self.chance(15))

    def made(self, sequence):
        """The sequence, made of something that is given, as people do before they call scan."""
        x, width, given_width = sequence.name, sequence.width, self.width()
        form = self.one_of(["{dot}", "{dot} + {b}", "2 * ({dot} - 0.2) * {b}", "({dot} + {b})[::-1]", "{rows}",
                            "{joined}", "transposed(dot(transposed({x}), {W}) + {b})", "{dot} + dot({x}[::-1], {W})"])

        def rows(width):
            W, b = self.weight("W", given_width, width), self.weight("b", width)
            return f"reshape(dot(reshape({x}, (-1, {given_width})), {W}) + {b}, (-1, {x}.shape[1], {width}))"

        if width == 1 and form in ("{rows}", "{joined}"):
            form = "{dot}"  # What is reshaped to one column is broadcastable: Theano's scan refuses a state of that.
        if form == "{rows}":
            text = rows(width)
        elif form == "{joined}":
            text = f"concatenate([{rows(width - width // 2)}, {rows(width // 2)}], axis=2)"
        else:
            W = self.weight("W", given_width, width)
            text = form.format(x=x, W=W, b=self.weight("b", width) if "{b}" in form else "", dot=f"dot({x}, {W})")
        return sequence._replace(given_width=given_width, made=text)

    def slice(self, value, start, stop, from_end=False):
        if from_end:
            text = f"{start - value.width}:{stop - value.width if stop < value.width else ''}"
        else:
            text = f"{start or ''}:{stop if stop < value.width else ''}"
        return self.line(f"{value.text}[:, {text}]", stop - start, value.size, value.alike)

    def join(self, value):
        others = [self.one_of(self.values) for _ in range(1 + self.chance(20))]
        if self.chance(30):  # One number, in several columns.
            filling = self.one_of(["0.4", self.weight("s"), *(column.text for column in self.among(0))])
            width = self.one_of([2, 3])
            others.append(self.line(f"alloc({filling}, {value.text}.shape[0], {width})", width, 1, alike=True))
        parts = [value] + [other for other in others if other != value]
        if len(parts) == 1 or sum(part.width for part in parts) > 40:
            return self.binary(value)
        if self.chance(50):
            parts.reverse()
        text = ", ".join(part.text for part in parts)
        return self.line(f"concatenate([{text}], axis=1)", sum(part.width or 1 for part in parts),
                         max(part.size for part in parts), any(part.alike for part in parts))

    def product(self, value, width=None):
        """With a matrix, or two."""
        width = width or self.width()
        if self.chance(10):
            text = f"dot({value.text}, {self.weight('W', width, value.width)}.T)"
            return self.line(text, width, value.size, value.alike)
        if self.chance(20):
            rank = self.one_of([1, 2, 4])
            text = f"dot({value.text}, {self.weight('U', value.width, rank)})"
            return self.line(f"dot({text}, {self.weight('V', rank, width)})", width, value.size, value.alike)
        return self.line(f"dot({value.text}, {self.weight('W', value.width, width)})", width, value.size, value.alike)

    def row(self, value):
        """One number for each sample."""
        kinds = ["sum", "mean", "number", "norm"] + ["max", "min"] * (not value.alike)
        kind = self.one_of(kinds)
        if kind == "norm":
            return self.line(f"sqrt(sqr({value.text}).sum(axis=1, keepdims=True) + 0.1)", 0, LARGEST, value.alike)
        if kind == "number":
            return self.line(f"0.1 * number_of({value.text} > 0.13)", 0, 1, alike=True)
        size = value.size * max(value.width**0.5, 1) if kind == "sum" else value.size
        return self.line(f"{value.text}.{kind}(axis=1, keepdims=True)", 0, size, value.alike)

    def beside_its_row(self, value):
        """What is needed as it is, and as one number for each sample."""
        row = self.row(self.join(value) if self.chance(50) else value)
        return self.line(f"{value.text} - 0.3 * {row.text}", value.width, value.size + 0.3 * row.size, value.alike)

    def spread(self, value):
        """A number of each sample, or a vector, in all columns."""
        columns = self.among(0)
        if columns and self.chance(70):
            column = self.some(columns)
            return self.line(f"zeros_like({value.text}) + {column.text}", value.width, column.size, alike=True)
        filling, shape = self.weight("b", value.width), f"{value.text}.shape[0], {value.text}.shape[1]"
        return self.line(f"{value.text} + alloc({filling}, {shape})", value.width, value.size + 0.5)

    def softmax(self, value):
        if self.chance(20):
            return self.line(f"0.3 * logsoftmax({value.text})", value.width, value.size,
                             alike=value.alike or value.width == 1)
        if self.chance(50):
            return self.line(f"softmax({value.text})", value.width, 1, alike=value.alike or value.width == 1)
        shifted = f" - {value.text}.max(axis=1, keepdims=True)" * (not value.alike and self.chance(50))
        powers = self.line(f"exp({value.text}{shifted})", value.width, 1, alike=True)
        return self.line(f"{powers.text} / {powers.text}.sum(axis=1, keepdims=True)", value.width, 1,
                         alike=value.alike or value.width == 1)

    def layer_norm(self, value):
        width, alike = value.width, value.alike or value.width == 1
        centred = self.line(f"{value.text} - {value.text}.mean(axis=1, keepdims=True)", width, value.size, alike)
        variance = self.line(f"sqr({centred.text}).mean(axis=1, keepdims=True)", 0, 1, alike)
        text = f"{centred.text} / sqrt({variance.text} + 0.1)"
        if self.chance(70):
            text = f"{text} * {self.weight('g', width)} + {self.weight('b', width)}"
            alike = False
        return self.line(text, width, 1.5, alike)

    def anything(self):
        """Something of something."""
        value = self.some(self.values)
        if not value.width:
            return self.one_of([self.unary, self.binary, self.with_parameter])(value)
        return self.one_of([self.unary, self.unary, self.binary, self.binary, self.with_parameter, self.cut, self.join,
                            self.product, self.product, self.row, self.beside_its_row, self.spread, self.softmax,
                            self.layer_norm])(value)  # fmt: skip

    def the_same_at_all_steps(self):
        """What does not depend on the step."""
        value = self.some(self.matrices())
        return self.line(f"0.3 * ones_like({value.text})", value.width, 0.3, alike=True)

    # ---- States

    def left_of_product(self):
        value = self.some(self.matrices())
        kind = self.one_of(["itself", "itself", "join", "times"])
        if kind == "join":
            value = self.join(value)
        if kind == "times":
            value = self.binary(value)
        return value

    def sum_of_products(self, width):
        """What most cells squash: products, and whatever has the size."""
        terms = [self.product(self.left_of_product(), width) for _ in range(1 + self.chance(50))]
        terms += [self.some(self.among(width, 0)) for _ in range(self.chance(60))]
        texts = [term.text for term in terms] + [self.weight("b", width) for _ in range(self.chance(50))]
        alike = all(term.alike for term in terms) and len(texts) == len(terms)
        if self.chance(30):
            other = self.weight("p", width) if self.chance(50) else self.fixed_value(width)
            texts.append(f"{self.some(self.among(width)).text} * {other}")
        value = self.line(" + ".join(texts), width, min(sum(term.size for term in terms), LARGEST), alike)
        return self.layer_norm(value) if self.chance(15) else value

    def candidate(self, width):
        value = self.sum_of_products(width)
        form = self.one_of(["tanh({})", "tanh({})", "sigmoid({})", "0.5 * relu(tanh({}))", "softmax({})"])
        return self.line(form.format(value.text), width, 1, value.alike or "relu" in form)

    def update(self, before):
        """A state after the step."""
        width = before.width
        kind = self.one_of(["candidate", "candidate", "gate", "gates", "gates", "mean", "squashed", "other"])
        if kind == "gates":
            return self.gates(before)
        if kind == "gate":
            z, c = self.line(f"sigmoid({self.sum_of_products(width).text})", width, 1), self.candidate(width)
            return self.line(f"{z.text} * {before.text} + (1 - {z.text}) * {c.text}", width, 1)
        if kind == "mean":
            return self.line(f"0.5 * ({before.text} + {self.candidate(width).text})", width, 1)
        others = [value for value in self.among(width) if value != before]
        if kind == "candidate" or not others:
            return self.candidate(width)
        other = self.one_of(others)
        if kind == "other" and other.size <= 1:
            return other
        return self.line(f"tanh({other.text})", width, 1, other.alike)

    def gates(self, before):
        """One product for several, cut."""
        width, number = before.width, self.one_of([2, 3, 4])
        z = self.product(self.left_of_product(), number * width)
        z = self.line(f"{z.text} + {self.weight('b', number * width)}", z.width, 1.5)
        cuts = [self.slice(z, k * width, (k + 1) * width).text for k in range(number)]
        squash = self.one_of(["sigmoid", "hard_sigmoid"])
        forget, candidate = f"{squash}({cuts[0]})", f"tanh({cuts[1]})"
        enter = f"{squash}({cuts[2]})" if number > 2 else f"(1 - {forget})"
        cell = self.line(f"{forget} * {before.text} + {enter} * {candidate}", width, 1)
        return cell if number < 4 else self.line(f"{squash}({cuts[3]}) * tanh({cell.text})", width, 1)


USES = ("all", "all", "last", "last", "none")


def trained(program):
    """The names of what there are gradients of."""
    return [*(one.name for one in program.sequences if not one.is_mask), *(name for name, _ in program.weights),
            *(name for name, _ in program.fixed),
            *(f"{state.name}_start" for state in program.states if state.start == "given")]  # fmt: skip


def drawn_with(random, dtype):
    """A program, drawn with a `random.Random`."""
    draft = Draft(random)
    sequences = [Sequence(f"x{k}", draft.one_of([draft.width(), draft.width(), 0]) if k else draft.width())
                 for k in range(draft.one_of([1, 1, 2, 3]))]  # fmt: skip
    sequences = [draft.made(sequence) if sequence.width and draft.chance(40) else sequence for sequence in sequences]
    for sequence in sequences:
        text = sequence.name if sequence.width else f"{sequence.name}[:, None]"
        draft.values.append(Value(text, sequence.width))
    if len(sequences) < 3 and draft.chance(30):
        sequences.append(Sequence("mask", draft.one_of([1, 0]), is_mask=True))
    states, before = [], []
    for k in range(draft.one_of([1, 1, 2, 2, 3])):
        taps = draft.one_of([(-1,), (-1,), (-1,), (-2, -1), (-3,)])
        start = draft.one_of(["given", "given", "zeros", "learned"] if taps == (-1,) else ["given", "given", "zeros"])
        states.append(State(f"h{k}", draft.width(), taps, start))
        # Zeros are alike, and products with them.
        values = [Value(f"h{k}_tm{-tap}", states[-1].width, 1, start == "zeros") for tap in taps]
        before.append(values[-1])
        draft.values += values
        if start == "learned":
            draft.weights[f"h{k}_start"] = (states[-1].width,)
    for _ in range(draft.one_of([0, 1, 2, 4])):
        draft.anything()
    results = [Result(draft.update(value).text, value.width, draft.one_of(USES)) for value in before]
    if sequences[-1].is_mask:
        mask = "mask" if sequences[-1].width else "mask[:, None]"
        results = [result._replace(text=f"switch({mask}, {result.text}, {value.text})")
                   for result, value in zip(results, before)]  # fmt: skip
    for _ in range(draft.one_of([0, 0, 1, 2])):
        value = draft.the_same_at_all_steps() if draft.chance(10) else draft.anything()
        results.append(Result(value.text, value.width, draft.one_of(USES)))
    if all(result.used == "none" for result in results):
        results[0] = results[0]._replace(used="all")
    program = pruned(Program(
        dtype, tuple(sequences), tuple(states), tuple(draft.weights.items()),
        tuple(draft.fixed.items()), tuple(draft.lines), tuple(results), draft.one_of([None, None, None, "all", 3]),
        draft.one_of([-1, -1, -1, 1, 2, 100]), draft.chance(25), draft.chance(50), seed=random.randrange(1000),
    ))  # fmt: skip
    return replace(program, wanted=(draft.one_of(trained(program)),)) if draft.chance(20) else program


# For hypothesis.
programs = st.builds(drawn_with, st.randoms(use_true_random=False), st.sampled_from(["float32", "float64"]))


def drawn(number, seed):
    """So many programs, in turn of each dtype; of the same seed the same.

    Not by hypothesis itself, which tries what is beside a program next: of twenty, many would be much alike, and others
    with another version of it.
    """
    return [drawn_with(random.Random(f"{seed} {k}"), ("float32", "float64")[k % 2]) for k in range(number)]


# ---- Building ---------------------------------------------------------------------------------------------


class Built(NamedTuple):
    """The graph of a program.

    Attributes
    ----------
    givens : list of symbolic variables
        The last of them are the gradients of the outputs.
    outputs, gradients : list of symbolic variables
    names : list of str
        Of what there are gradients.
    values : callable
        Takes (nb_samples, timesteps), returns the values of the givens.
    """

    givens: List[Any]
    outputs: List[Any]
    gradients: List[Any]
    names: List[str]
    values: Callable


def build(program, scan, name="drawn"):
    """Make the graph of a program.

    Parameters
    ----------
    program : Program
    scan : callable
        With the signature and the results of `theano.scan`.
    name : str
        Of the scan.

    Returns
    -------
    Built
    """
    with change_flags(floatX=program.dtype):
        return _Builder(program).built(scan, name)


class _Builder:
    def __init__(self, program):
        self.program, self.dtype = program, program.dtype
        self.random = np.random.RandomState(program.seed)
        self.givens = []  # Variables, and what draws their values.
        self.weights = {name: engine.shared(self.weight(name, shape), name) for name, shape in program.weights}
        self.given_sequences = {one.name: self.sequence(one) for one in program.sequences}
        self.sequences = {one.name: eval(one.made or one.name, {**FUNCTIONS, **self.weights, **self.given_sequences})
                          for one in program.sequences}  # fmt: skip
        self.starts = {state.name: self.start(state) for state in program.states}
        self.fixed = {name: self.given(self.dtype, 2, lambda random, n, timesteps, width=width:
                                       random.uniform(0.2, 1.2, (n, width))) for name, width in program.fixed}

    def given(self, dtype, ndim, draw, is_column=False):
        variable = T.TensorType(dtype, (False,) * (ndim - 1) + (is_column,))()
        self.givens.append((variable, draw))
        return variable

    def weight(self, name, shape):
        if len(shape) == 2:
            value = self.random.normal(0, 0.8 / shape[0] ** 0.5, shape)
        else:
            value = self.random.normal(0.3, 0.4, shape)
        return np.asarray(value, self.dtype)

    def sequence(self, one):
        columns = (one.given_width or one.width,) * (one.width > 0)
        if one.is_mask:
            return self.given("bool", 2 + len(columns), lambda random, n, timesteps:
                              random.uniform(size=(timesteps, n, *columns)) < 0.7, is_column=bool(columns))
        return self.given(self.dtype, 2 + len(columns), lambda random, n, timesteps:
                          random.normal(0, 0.7, (timesteps, n, *columns)))

    def start(self, state):
        depth = (-min(state.taps),) * (state.taps != (-1,))
        if state.start == "given":
            return self.given(self.dtype, 2 + len(depth), lambda random, n, timesteps:
                              random.uniform(-0.8, 0.8, (*depth, n, state.width)))
        nb_samples = next(iter(self.given_sequences.values())).shape[1]
        value = T.zeros((*depth, nb_samples, state.width), self.dtype)
        if state.start == "learned":
            value = value + self.weights[f"{state.name}_start"]
        return engine.of_any_size(value, *range(value.ndim))

    def scanned(self, scan, name):
        """All outputs of all steps."""
        program = self.program
        others = {**self.weights, **self.fixed}
        names = [one.name for one in program.sequences]
        names += [f"{state.name}_tm{-tap}" for state in program.states for tap in state.taps]
        names += list(others) if program.is_strict else []

        def step(*arguments):
            known = {**FUNCTIONS, **others, **dict(zip(names, arguments))}
            for line in program.lines:
                variable, _, text = line.partition(" = ")
                known[variable] = eval(text, known)
            return [eval(result.text, known) for result in program.results]

        infos = [self.starts[state.name] if state.taps == (-1,) else
                 dict(initial=self.starts[state.name], taps=list(state.taps)) for state in program.states]
        infos += [None] * (len(program.results) - len(infos))
        sequences = list(self.sequences.values())
        outputs, updates = scan(step, sequences=sequences, outputs_info=infos,
                                non_sequences=list(others.values()) if program.is_strict else None,
                                n_steps=sequences[0].shape[0] if program.n_steps == "all" else program.n_steps,
                                truncate_gradient=program.truncate_gradient, go_backwards=program.go_backwards,
                                name=name, strict=program.is_strict)  # fmt: skip
        assert not updates
        return outputs if isinstance(outputs, (list, tuple)) else [outputs]

    def built(self, scan, name):
        program, outputs, cost = self.program, [], 0
        for result, output in zip(program.results, self.scanned(scan, name)):
            if result.used != "none":
                outputs.append(output if result.used == "all" else output[-1])
                gradient = outputs[-1].type()
                self.givens.append((gradient, self.output_gradient(result)))
                cost = cost + T.sum(outputs[-1] * gradient)
        variables = {**{f"{state.name}_start": self.starts[state.name] for state in program.states},
                     **self.given_sequences, **self.weights, **self.fixed}  # fmt: skip
        wanted = {name: variables[name] for name in program.wanted or trained(program)}
        gradients = engine.grad(cost, list(wanted.values()), disconnected_inputs="ignore")
        names = [f"output {k} ({result.used})" for k, result in enumerate(program.results) if result.used != "none"]
        return Built([variable for variable, _ in self.givens], outputs, gradients,
                     names + [f"gradient of {name}" for name in wanted], self.values)  # fmt: skip

    def output_gradient(self, result):
        steps = self.program.n_steps

        def draw(random, n, timesteps):
            steps_of = (steps if isinstance(steps, int) else timesteps,) * (result.used == "all")
            return random.normal(size=(*steps_of, n, result.width or 1))

        return draw

    def values(self, nb_samples, timesteps):
        random = np.random.RandomState(self.program.seed)
        return [np.asarray(draw(random, nb_samples, timesteps), variable.dtype) for variable, draw in self.givens]


# ---- Comparing --------------------------------------------------------------------------------------------


class Outcome(NamedTuple):
    """What came of a program: what is wrong, if something is, and whether it ran in C, or why not.

    The `kind` is "" if all is well, "differs", "fails", or "scan fails" if the engine's own does.
    """

    program: Program
    kind: str = ""
    problem: str = ""
    is_in_c: bool = False
    reason: str = ""

    def __str__(self):
        return f"{self.kind}: {self.problem}" if self.kind else "in C" if self.is_in_c else f"by scan: {self.reason}"


class Together:
    """Several programs, compiled to one function."""

    def __init__(self, programs, scan, mode):
        with _log_of_reasons() as reasons:
            self.builts = [build(program, scan, f"drawn{k}_") for k, program in enumerate(programs)]
            self.function = engine.function([variable for built in self.builts for variable in built.givens],
                                            [output for built in self.builts for output in built.outputs
                                             + built.gradients], mode=mode, on_unused_input="ignore")  # fmt: skip
        nodes = self.function.maker.fgraph.toposort()
        scans = " ".join(str(node.op.name) for node in nodes if isinstance(node.op, Scan))
        self.is_in_c = [f"drawn{k}_" not in scans for k in range(len(programs))]
        self.reasons = ["; ".join(dict.fromkeys(reason for reason in reasons if f"drawn{k}_" in reason))
                        for k in range(len(programs))]  # fmt: skip

    def __call__(self, nb_samples, timesteps):
        """The results of each program."""
        found = iter(self.function(*(value for built in self.builts for value in built.values(nb_samples, timesteps))))
        return [[next(found) for _ in built.names] for built in self.builts]


@contextlib.contextmanager
def _log_of_reasons():
    reasons = []
    handler = logging.Handler("INFO")
    handler.emit = lambda record: reasons.append(record.getMessage())
    logger = logging.getLogger("recurrent_layers")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel("INFO")
    try:
        yield reasons
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def difference(names, results, references):
    """Say where results of one program differ; "" if nowhere."""
    largest = [float(np.abs(reference).max(initial=0)) for reference in references]
    for name, result, reference, its_largest in zip(names, results, references, largest):
        if result.dtype != reference.dtype or result.shape != reference.shape:
            return f"{name} is {result.dtype} {result.shape}, not {reference.dtype} {reference.shape}"
        # What is nothing but rounding, as the gradient of a bias that a layer normalization takes away, may differ.
        scale = max(its_largest, 0.01 * max(largest), 0.001)
        off = np.abs(result - reference).max(initial=0)
        if not off <= TOLERANCE[str(result.dtype)] * scale:
            return f"{name} is off by {off:.2g}, its largest number is {its_largest:.2g}"
    return ""


def outcomes(programs, scan=None, mode=IN_C):
    """Compare programs of one dtype by the engine's scan with the same in C; those that fail also alone.

    Parameters
    ----------
    programs : list of Program
    scan : callable, optional
        Instead of `recurrence.scan`.
    mode : Mode, optional
        For it.

    Returns
    -------
    list of Outcome
    """
    # Of what runs by scan, the steps run in this mode: without a compiler.
    with change_flags(floatX=programs[0].dtype, mode="FAST_COMPILE"):
        found = _outcomes(programs, scan or recurrence.scan, mode)
    if len(programs) == 1:
        return found
    alone = [outcomes([outcome.program], scan, mode)[0] if outcome.kind else outcome for outcome in found]
    if "fails" in found[0].kind and any(outcome.kind for outcome in alone):
        return alone  # It was one that made the others fail.
    return [one if one.kind == together.kind else together._replace(problem=f"{together.problem} (but not alone)")
            for one, together in zip(alone, found)]  # fmt: skip


def _outcomes(programs, scan, mode):
    found, kind = [Outcome(program) for program in programs], "scan fails"
    try:
        reference = Together(programs, engine.scan, BY_SCAN)
        expected = [reference(*size) for size in SIZES]
        kind = "fails"
        ours = Together(programs, scan, mode)
        results = [ours(*size) for size in SIZES]
    except Exception as error:
        return [outcome._replace(kind=kind, problem=f"{type(error).__name__}: {error}") for outcome in found]
    for k, built in enumerate(ours.builts):
        problems = [f"with (nb_samples, timesteps) = {size}, " + difference(built.names, here[k], there[k])
                    for size, there, here in zip(SIZES, expected, results)
                    if difference(built.names, here[k], there[k])]  # fmt: skip
        found[k] = found[k]._replace(kind="differs" if problems else "", problem="; ".join(problems),
                                     is_in_c=ours.is_in_c[k], reason=ours.reasons[k])  # fmt: skip
    return found


# ---- Shrinking --------------------------------------------------------------------------------------------


def shrunk(outcome, goes_on, scan=None, mode=IN_C):
    """The smallest program that fails in the same way, and how, found as long as `goes_on` says so."""
    candidates = simpler(outcome.program)
    while goes_on():
        candidate = next(candidates, None)
        if candidate is None:
            break
        found, = outcomes([candidate], scan, mode)
        if found.kind == outcome.kind:
            outcome, candidates = found, simpler(candidate)
    return outcome


def simpler(program):
    """Programs with a little less. Some of them are none: a width does not fit."""
    results = program.results
    for k in range(len(program.states), len(results)):
        yield pruned(replace(program, results=results[:k] + results[k + 1:]))
    for k, result in enumerate(results):
        if result.used != "none" and any(other.used != "none" for other in results[:k] + results[k + 1:]):
            yield pruned(replace(program, results=(*results[:k], result._replace(used="none"), *results[k + 1:])))
    if program.sequences[-1].is_mask:
        unmasked = [result._replace(text=re.sub(r"^switch\(mask\S*, (\w+), \w+\)$", r"\1", result.text))
                    for result in results]  # fmt: skip
        yield pruned(replace(program, sequences=program.sequences[:-1], results=tuple(unmasked)))
    for k, sequence in enumerate(program.sequences):
        if sequence.made:
            plain = sequence._replace(made="", given_width=0)
            yield pruned(replace(program, sequences=(*program.sequences[:k], plain, *program.sequences[k + 1:])))
    for usual in (dict(n_steps=None), dict(truncate_gradient=-1), dict(go_backwards=False), dict(is_strict=False),
                  dict(wanted=())):
        if replace(program, **usual) != program:
            yield replace(program, **usual)
    for line in program.lines[::-1]:
        name, _, text = line.partition(" = ")
        for argument in sorted(named(text) - set(FUNCTIONS) - {name for name, _ in program.weights}):
            yield pruned(_without_line(program, line, name, argument))


def _without_line(program, line, name, argument):
    """The program with the argument of a line in the place of what the line computes."""
    def without(text):
        return re.sub(rf"\b{name}\b", argument, text)

    return replace(program, lines=tuple(without(other) for other in program.lines if other != line),
                   results=tuple(result._replace(text=without(result.text)) for result in program.results))
