"""A model as one file of C99, which needs nothing but `math.h`.

`c_graphs` says what the model computes; here that becomes functions, with a header, the weights and a test.
"""

import hashlib
import inspect
import itertools
import os
import re
import textwrap

import numpy as np

from recurrent_layers import engine
from recurrent_layers.exchange.c_graphs import ToC
from recurrent_layers.exchange.c_words import HELPERS, ONE, RESERVED, Block, Size, TimestepsAre, comment, number_of
from recurrent_layers.exchange.files import written_whole
from recurrent_layers.exchange.predictions import Prediction
from recurrent_layers.utils.arguments import as_path, choice
from recurrent_layers.utils.generic_utils import not_too_deep
from recurrent_layers.version import __version__

_HEADER = """\
{title}

#ifndef {NAME}_H
#define {NAME}_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

/* Which {name}.c this is of. */
#define {NAME}_FILE {digest}

/* How many numbers x has{of_each}. */
#define {NAME}_INPUT {input}
{step}
/* How many numbers {name}_predict gives, and how many it needs for what is between. */
#define {NAME}_PREDICTED(timesteps) ({predicted})
#define {NAME}_SCRATCH(timesteps) ({scratch})

{explained}
int {name}_predict({timesteps}const {type_of_x} x[], {real} y[], {real} scratch[]);

#ifdef __cplusplus
}}
#endif

#endif
"""

_HEADER_OF_STEP = """\
/* How many numbers {name}_step gives. */
#define {NAME}_OUTPUT {output}

/* What is handed on from one timestep to the next. */
typedef struct {{
{fields}
}} {name}_state;

/* Begin a sequence. */
void {name}_reset({name}_state *state);

/* Go on by one timestep, from the {NAME}_INPUT numbers of x to the {NAME}_OUTPUT numbers of y. It gives 0; or 1 if an
   index in x is none of those that there are, and then nothing has changed. */
int {name}_step({name}_state *state, const {type_of_x} x[], {real} y[]);
"""

_SOURCE = """\
{title}

#include "{name}.h"

#if {NAME}_FILE != {digest}
#error "{name}.h is of another model than {name}.c: write both again"
#endif

#include <math.h>

typedef {real} real;

{definitions}{functions}
#ifdef {NAME}_TEST
/* An input, and what the model itself predicts for it. */
{arrays}
static int differs(const real *y, const real *expected, long n, real within) {{
    for (long j = 0; j < n; j++)
        if (y[j] != expected[j] && !(fabs{suffix}(y[j] - expected[j]) <= within)
            && !(isnan(y[j]) && isnan(expected[j])))
            return 1;
    return 0;
}}

int main(void) {{
    static real y[{NAME}_PREDICTED({number})], scratch[{NAME}_SCRATCH({number})];
    real most = 0, within;
    for (long j = 0; j < {NAME}_PREDICTED({number}); j++)
        if (isfinite(test_y[j]))
            most = fmax{suffix}(most, fabs{suffix}(test_y[j]));
    within = {within} * most;
    int wrong = {name}_predict({timesteps}test_x, y, scratch) || differs(y, test_y, {NAME}_PREDICTED({number}), within);
{steps}    return wrong != 0;
}}
#endif
"""

#: What stands for the digest of both files in them until they are written.
_DIGEST = "<digest>"

_TEST_OF_STEP = """\
    static {name}_state state;
    {name}_reset(&state);
    for (long t = 0; t < {number}; t++)
        wrong += {name}_step(&state, test_x + t * {NAME}_INPUT, y) || {compared};
"""


def write(model, path, dtype=None):
    """Write a model as C; see :meth:`recurrent_layers.models.Sequential.to_c`."""
    path = as_path("path", path)
    dtype = choice("dtype", engine.config.floatX if dtype is None else dtype, "float32", "float64")
    name, extension = os.path.splitext(os.path.basename(path))
    if extension != ".c" or not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) or name in RESERVED:
        raise ValueError("path must be that of a file of C, such as 'net.c', whose functions are called by its name, "
                         f"as net_step, so that it cannot be a word of C or of that file: got {path!r}")
    with not_too_deep():
        header, source = _Written(model, name, dtype).texts()
    for target, text in ((f"{path[:-2]}.h", header), (path, source)):
        with written_whole(target, True, "the model as C") as file:
            file.write(text.encode("ascii", "replace"))


class File:
    """What a file of C has besides its functions: weights, and what these functions call.

    Parameters
    ----------
    dtype : str
    weights : list of (str, numpy.ndarray)
        The weights of a model, and what they are called.
    """

    def __init__(self, dtype, weights):
        self.dtype, self.suffix = dtype, "f" if dtype == "float32" else ""
        # By their bytes: in memory all shapes are the same.
        self._helpers, self._weights, self._known = set(), {}, {}
        for name, array in weights:
            self._known.setdefault(array.tobytes(), name)
        #: What no variable may be called.
        self.names = {name for name, _ in weights}

    def number(self, number):
        """A number of the file's type."""
        return number_of(number, self.dtype)

    def helper(self, name):
        """The name of a function that the file has from then on."""
        self._helpers.add(name)
        return name

    def weight(self, array):
        """The name of an array that is constant."""
        key = array.tobytes()
        if key not in self._weights:
            self._weights[key] = self._known.get(key, f"constant_{len(self._weights) + 1}"), array
        return self._weights[key][0]

    def definitions(self):
        """The weights, and the functions that are called, as text."""
        parts = [self.array(name, "real", array, " * ".join(map(str, array.shape)))
                 for name, array in self._weights.values()]  # fmt: skip
        for name, code in HELPERS.items():
            if name in self._helpers:
                explained, end, code = code.strip("\n").rpartition("*/\n")
                parts.append(f"{explained}{end}static {code.replace('@', self.suffix)}\n")
        return "\n".join([*parts, ""]) if parts else ""

    def array(self, name, kind, array, sizes=""):
        """The definition of a constant array."""
        shown = self.number if kind == "real" else str
        numbers = textwrap.fill(", ".join(map(shown, array.ravel())), 116, break_on_hyphens=False)
        return f"static const {kind} {name}[{sizes}] = {{\n{textwrap.indent(numbers, '    ')}\n}};\n"


class _Written:
    """The two files of a model.

    Parameters
    ----------
    model : Sequential
    name : str
        What its functions are called by.
    dtype : {"float32", "float64"}
    """

    def __init__(self, model, name, dtype):
        self.model, self.dtype, self.whole = model, dtype, Prediction.whole(model)
        if len(self.whole.inputs) > 1:
            raise ValueError("a model with several inputs has no equal in C, where it is given one array")
        self.step, self.why_no_step = None, None
        try:
            self.step = Prediction.step(model)
        except ValueError as error:
            self.why_no_step = str(error).partition(". If it does not")[0]
        self.names = self.whole.names
        self.file = File(dtype, _names_of_weights(self.names))
        X, = self.whole.inputs
        self.shape, self.is_of_numbers = self._input_shape(), X.dtype.startswith("float")
        self.has_timesteps = X.ndim > 2 or X.ndim == 2 and self.shape[1] is None
        #: How many there are, if that is not free.
        self.timesteps = self.shape[1] if self.has_timesteps else 1
        self.words = {"name": name, "NAME": name.upper(), "real": {"float32": "float", "float64": "double"}[dtype],
                      "suffix": self.file.suffix, "timesteps": "long timesteps, " * self.has_timesteps}  # fmt: skip
        self.words["digest"] = _DIGEST
        self.words["type_of_x"] = self.words["real"] if self.is_of_numbers else "int32_t"

    def texts(self):
        """The header, and the source."""
        step = None if self.step is None else self._translated(self.step, 1, explained=True)
        try:
            whole = self._translated(self.whole, self.timesteps, explained=step is None)
        except TimestepsAre as found:
            self.timesteps = found.number
            whole = self._translated(self.whole, self.timesteps, explained=step is None)
        functions = "\n".join([*([self._reset(), self._of_step(step)] if step else []), self._of_whole(whole)])
        texts = self._header(step, whole), self._source(whole, functions)
        digest = hashlib.sha256("".join(texts).encode()).hexdigest()[:8]
        return tuple(text.replace(_DIGEST, f"0x{digest}") for text in texts)

    # ---- what is translated -----------------------------------------------------------------

    def _input_shape(self):
        """The shape of the input, as far as the layers say, samples first."""
        X, = self.whole.inputs
        shape = [None] * X.ndim
        for layer, _ in self.whole.layers:
            said = layer.expected_input_shape or ()
            if len(said) == len(shape):
                shape = [own or other for own, other in zip(shape, said)]
            if not layer.keeps_shape():
                break
        if None in shape[2:] or X.ndim == 2 and shape[1] is None and X.dtype.startswith("float"):
            raise ValueError(f"C needs to know the sizes of the input, of which the layers say {tuple(shape)}: begin "
                             "with a layer that says them, such as LSTM(8, 32)")
        return shape

    def _translated(self, prediction, timesteps, explained):
        """A prediction as C, whose outputs are written to `y` and to the state."""
        is_step = prediction is self.step
        if not is_step:  # Each sequence begins anew.
            prediction = prediction._replace(after=[])
        made = ToC(prediction, self.file, timesteps, has_scratch=not is_step)
        self._give_inputs(made, prediction)
        for layer, output in prediction.needed:
            made.comment(_equations(layer) if explained else _described(layer))
            with made.within(layer):
                made.value(output)
        made.end([f"state->{name}" for name, _, _ in self._states(prediction)])
        return made

    def _give_inputs(self, made, prediction):
        """Say what the input is, and the states before."""
        X, = prediction.inputs
        sizes = [ONE] + [made.timesteps if self.has_timesteps and axis == 1 else Size(0, size)
                         for axis, size in enumerate(self.shape) if axis]  # fmt: skip
        made.give(X, made.in_memory(None, sizes, self.is_of_numbers, made.block, pointer="x"))
        for name, variable, size in self._states(prediction):
            shape = (1, size)[:variable.ndim]
            if prediction.after:
                sizes = [Size(0, one) for one in shape]
                value = made.in_memory(None, sizes, variable.ndim > 1, made.block, pointer=f"state->{name}")
            else:
                value = made.constant(np.zeros(shape, variable.dtype))
            made.give(variable, value)

    def _states(self, prediction):
        """The states of a prediction: for each its name, the variable, and how many numbers it has."""
        before = iter(prediction.before)
        for one in prediction.carried:
            names, sizes = _names_of_states(one.layer), list(one.layer.state_sizes)
            if one.steps is not None:
                names, sizes = [*names, "steps"], [*sizes, 1]
            yield from zip([f"{self.names[one.layer]}_{name}" for name in _all_different(names)], before, sizes)

    # ---- the files --------------------------------------------------------------------------

    def _title(self, extension):
        layers = ", ".join(map(_described, self.names))
        return comment(f"{self.words['name']}{extension}: a model of recurrent_layers {__version__} in C99. {layers}")

    def _reset(self):
        block = Block()
        for name, _, size in self._states(self.step):
            ToC.loops(block, [Size(0, size)], lambda index, name=name: [f"state->{name}[{index}] = 0;"])
        return self._function("void {name}_reset({name}_state *state)", block, self.step.carried or "(void) state;")

    def _of_step(self, step):
        block = step.block
        block.write("return 0;")
        return self._function("int {name}_step({name}_state *state, const {type_of_x} x[], {real} y[])", block,
                              self.step.carried or "(void) state;")  # fmt: skip

    def _of_whole(self, whole):
        block, first = whole.block, []
        block.write("return 0;")
        if self.has_timesteps:
            wrong = f"< {whole.least_timesteps}" if self.timesteps is None else f"!= {self.timesteps}"
            most = "" if whole.most_timesteps is None else f" || timesteps > {whole.most_timesteps}"
            first = [f"if (timesteps {wrong}{most})", "    return 1;"]
        if whole.scratch == Size(0, 0):
            first.append("(void) scratch;")
        head = "int {name}_predict({timesteps}const {type_of_x} x[], {real} y[], {real} scratch[])"
        return self._function(head, block, "\n".join(first))

    def _function(self, head, block, first):
        """A function, as text: what it is called with, and its lines, of which `first` come before the block's."""
        lines = [*(first.splitlines() if isinstance(first, str) else ()), *block.lines]
        if " x[]" in head and not any(re.search(r"\bx\b", line) for line in lines):
            lines.insert(0, "(void) x;")
        body = textwrap.indent("\n".join(lines), "    ")
        words = dict(self.words, real="real", type_of_x="real" if self.is_of_numbers else "int32_t")
        return f"{head.format_map(words)} {{\n{body}\n}}\n"

    def _header(self, step, whole):
        each, of_step = 1, comment(f"There is no {self.words['name']}_step: {self.why_no_step}.") + "\n"
        for size in self.shape[2 if self.has_timesteps else 1:]:
            each *= size
        if step is not None:
            fields = [f"    {self.words['real'] if variable.ndim > 1 else 'int64_t'} {field}[{size}];"
                      for field, variable, size in self._states(self.step)] or ["    char nothing;"]  # fmt: skip
            of_step = _HEADER_OF_STEP.format(output=step.number_of_outputs, fields="\n".join(fields), **self.words)
        return _HEADER.format(
            title=self._title(".h"), input=each, step=of_step, of_each=" for each timestep" * self.has_timesteps,
            predicted=_macro(whole.number_of_outputs), scratch=_macro(max(whole.scratch, ONE)),
            explained=comment(self._of_predict(whole)), **self.words)  # fmt: skip

    def _of_predict(self, whole):
        NAME = self.words["NAME"]
        if not self.has_timesteps:
            return f"A prediction, from the {NAME}_INPUT numbers of x to those of y."
        number = f"at least {whole.least_timesteps}" if self.timesteps is None else f"which must be {self.timesteps}"
        number += "" if whole.most_timesteps is None else f" and at most {whole.most_timesteps}"
        return (f"A whole sequence from its beginning, of so many timesteps, {number}. x has {NAME}_INPUT numbers for "
                f"each, y {NAME}_PREDICTED(timesteps) in all, scratch {NAME}_SCRATCH(timesteps). It gives 0; or 1 if "
                "there are no such timesteps, or an index in x is none of those that there are.")  # fmt: skip

    def _source(self, whole, functions):
        timesteps = max(10, whole.least_timesteps)
        if whole.most_timesteps is not None:
            timesteps = min(timesteps, whole.most_timesteps)
        X, y = self._drawn(self.timesteps or timesteps)
        number, steps = X.shape[1] if self.has_timesteps else 1, ""
        # Of two types, the one that says less.
        within = 80 * max(np.finfo(self.dtype).eps, np.finfo(engine.config.floatX).eps)
        if self.step is not None:
            is_each = any(size.steps for size in whole.shape_of_output)
            compared = ("differs(y, test_y + t * {0}_OUTPUT, {0}_OUTPUT, within)" if is_each else
                        "(t == {1} && differs(y, test_y, {0}_OUTPUT, within))").format(self.words["NAME"], number - 1)
            steps = _TEST_OF_STEP.format(number=number, compared=compared, **self.words)
        arrays = [self.file.array("test_x", "real" if self.is_of_numbers else "int32_t", X),
                  self.file.array("test_y", "real", y)]  # fmt: skip
        words = dict(self.words, timesteps=f"{number}, " * self.has_timesteps)
        return _SOURCE.format(title=self._title(".c"), definitions=self.file.definitions(), functions=functions,
                              arrays="\n".join(arrays), within=self.file.number(within), number=number, steps=steps,
                              **words)  # fmt: skip

    def _drawn(self, timesteps):
        """An input of one sample, and what is predicted for it."""
        X, = self.whole.inputs
        stream = np.random.RandomState(1)
        shape = [1, *([timesteps] if self.has_timesteps else [self.shape[1]]), *self.shape[2:]]
        if self.is_of_numbers:
            x = stream.randn(*shape).astype(self.dtype)
        else:
            x = stream.randint(0, min(getattr(layer, "input_dim", 2) for layer in self.model._readers()), shape)
        before = [value for one in self.whole.carried for value in one.values_at_first(1)]
        predict = engine.function([X, *self.whole.before], self.whole.output, mode="FAST_COMPILE",
                                  on_unused_input="ignore", allow_input_downcast=True)  # fmt: skip
        return x, np.asarray(predict(x.astype(X.dtype), *before)).astype(self.dtype)


def _macro(size):
    return str(size).replace("timesteps", "(timesteps)")


def _names_of_weights(names_of_layers):
    """What weights are called, each after its layer, and their arrays."""
    found = []
    for layer, of_layer in names_of_layers.items():
        for weight in [*layer.params, *layer.non_trainable_weights]:
            found.append((f"{of_layer}_" + re.sub(r"\W", "_", weight.name or "weight", flags=re.ASCII),
                          np.asarray(weight.get_value(borrow=True))))  # fmt: skip
    names, arrays = zip(*found) if found else ((), ())
    return list(zip(_all_different(names), arrays))


def _all_different(names):
    """The same names, numbered where they are equal."""
    found = []
    for name in names:
        of_number = itertools.chain([name], (f"{name}_{number}" for number in itertools.count(2)))
        found.append(next(one for one in of_number if one not in found))
    return found


def _names_of_states(layer):
    """What a layer's own step calls its states."""
    number = len(layer.state_sizes)
    named = list(inspect.signature(layer.step).parameters.values())[-number:]
    names = [re.sub(r"\W", "_", re.sub(r"_tm1$", "", one.name), flags=re.ASCII)
             for one in named if one.kind is one.POSITIONAL_OR_KEYWORD]  # fmt: skip
    return names if len(names) == number else [f"state_{k}" for k in range(1, number + 1)]


def _described(layer):
    """A layer, with its sizes and activations."""
    found = {key: value for key, value in layer.get_config().items() if key in _SHOWN}
    sizes = [str(found.pop(key)) for key in ("input_dim", "output_dim") if key in found]
    options = [f"{key}={getattr(value, '__name__', value)}" for key, value in found.items()
               if value not in (None, False)]  # fmt: skip
    return f"{type(layer).__name__}({', '.join(sizes + options)})"


_SHOWN = ("input_dim", "output_dim", "activation", "inner_activation", "go_backwards", "reset_after", "n", "mask_value",
          "merge", "depth")  # fmt: skip


def _equations(layer):
    """A layer, and the equations that its class says."""
    found = re.search(r"::\n\n((?: +.*\n|\n)+)", inspect.cleandoc(type(layer).__doc__ or "") + "\n")
    equations = "" if found is None else "\n\n" + textwrap.indent(textwrap.dedent(found.group(1)).strip("\n"), "    ")
    return _described(layer) + equations.replace("*/", "* /").replace("/*", "/ *")
