"""Models as C: compiled by gcc with all its warnings, and run with its sanitizers, beside what they predict."""

import operator
import os
import subprocess

import numpy as np
import pytest
from conftest import RECURRENT
from drawn_stacks import arrangements, stacks
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from own_layers import Within

import recurrent_layers as rl
from recurrent_layers import engine, layers
from recurrent_layers.engine import tensor as T
from recurrent_layers.layers import zoo
from recurrent_layers.recurrence import scan

GCC = ["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1"]
SANITIZED = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}

#: Reads how many timesteps there are, and then x; writes what net_predict gives, and then, if there is a net_step, what
#: that gives at each timestep. All memory is as large as the header says, and no larger.
DRIVER = """
#include "net.h"
#include <stdio.h>
#include <stdlib.h>

#define ROOM(number) ((number) > 0 ? (number) : 1)

int main(void) {
    long steps;
    while (fread(&steps, sizeof steps, 1, stdin) == 1) {
        TYPE_OF_X *x = malloc(sizeof *x * NET_INPUT * steps);
        REAL *y = malloc(sizeof *y * ROOM(NET_PREDICTED(steps)));
        REAL *scratch = malloc(sizeof *scratch * ROOM(NET_SCRATCH(steps)));
        if (fread(x, sizeof *x, NET_INPUT * steps, stdin) != (size_t) (NET_INPUT * steps))
            return 2;
        long status = net_predict(TIMESTEPS x, y, scratch);
        fwrite(&status, sizeof status, 1, stdout);
        fwrite(y, sizeof *y, ROOM(NET_PREDICTED(steps)), stdout);
#ifdef NET_OUTPUT
        REAL *each = malloc(sizeof *each * NET_OUTPUT);
        net_state *state = malloc(sizeof *state);
        net_reset(state);
        for (long t = 0; t < steps; t++) {
            status = net_step(state, x + t * NET_INPUT, each);
            fwrite(&status, sizeof status, 1, stdout);
            fwrite(each, sizeof *each, NET_OUTPUT, stdout);
        }
        free(each);
        free(state);
#endif
        free(x);
        free(y);
        free(scratch);
    }
    return 0;
}
"""


class Compiled:
    """A model as C, compiled."""

    def __init__(self, model, folder, dtype="float64", flags=SANITIZED):
        self.dtype, self.takes_integers = np.dtype(dtype), not model.get_input().dtype.startswith("float")
        model.to_c(folder / "net.c", dtype=dtype)
        self.source, self.header = (folder / "net.c").read_text(), (folder / "net.h").read_text()
        real = {"float32": "float", "float64": "double"}[dtype]
        words = {"REAL": real, "TYPE_OF_X": "int32_t" if self.takes_integers else real,
                 "TIMESTEPS": "steps," if "long timesteps" in self.header else ""}  # fmt: skip
        driver = DRIVER
        for word, meant in words.items():
            driver = driver.replace(word, meant)
        (folder / "driver.c").write_text(driver)
        subprocess.run([*GCC, *flags, "net.c", "driver.c", "-lm", "-o", "net"], cwd=folder, check=True)
        self.program, self.has_step = folder / "net", "int net_step" in self.header
        self.has_timesteps = "long timesteps" in self.header

    def __call__(self, x, size):
        """What it gives for one sample: a status and so many numbers; and for each step, if it has any."""
        steps = len(x) if self.has_timesteps else 1
        given = np.int64(steps).tobytes() + np.asarray(x, "int32" if self.takes_integers else self.dtype).tobytes()
        out = subprocess.run([self.program], input=given, stdout=subprocess.PIPE, check=True).stdout
        kinds = [("status", "int64"), ("y", self.dtype, (size,))]
        whole = np.frombuffer(out, kinds, count=1)[0]
        if not self.has_step:
            assert len(out) == whole.itemsize
            return whole, None
        rest = out[whole.itemsize:]
        number = (len(rest) // steps - 8) // self.dtype.itemsize
        return whole, np.frombuffer(rest, [("status", "int64"), ("y", self.dtype, (number,))], count=steps)


def prediction_of(model):
    """What a model predicts for one sample, by a graph of its own."""
    X = model.get_input()
    predict = engine.function([X], model.get_output(False), on_unused_input="ignore")
    return lambda x: predict(np.asarray(x)[None].astype(X.dtype))[0]


def shaken(model):
    """The model with weights of which none is as it was drawn, and no two are the same."""
    for weight in model.weights:
        value = weight.get_value()
        weight.set_value((value + 0.1 * np.random.randn(*value.shape)).astype(value.dtype))
    return model


def numbers(*shape):
    """What makes an input of so many timesteps, each of this shape; of the first of them some are zeros."""
    def draw(timesteps):
        x = np.random.randn(timesteps, *shape)
        x[:timesteps // 3] = 0
        return x

    return draw


def words(timesteps):
    """Indices, the first of which are 0."""
    x = np.random.randint(1, 10, timesteps)
    x[:timesteps // 3] = 0
    return x


def sample(*shape):
    """What makes an input without timesteps."""
    return lambda timesteps: np.random.randn(*shape)


def assert_as_predicted(made_of, folder, draw=numbers(4), dtype="float64", lengths=(1, 7), flags=SANITIZED):  # noqa: B008
    model = shaken(rl.Sequential(made_of))
    compiled, predict = Compiled(model, folder, dtype, flags), prediction_of(model)
    for length in lengths:
        x = draw(length)
        y = predict(x)
        whole, steps = compiled(x, y.size)
        within = TOLERANCE[dtype] * np.abs(y).max()
        assert whole["status"] == 0
        assert np.abs(whole["y"] - y.ravel()).max() <= within
        if steps is not None:
            assert not steps["status"].any()
            of_steps = steps["y"] if steps["y"].size == y.size else steps["y"][-1]
            assert np.abs(of_steps.ravel() - y.ravel()).max() <= within
    return compiled


CELLS = {**{name: getattr(rl, name) for name in RECURRENT}, **{name: getattr(zoo, name) for name in zoo.__all__}}


@pytest.mark.parametrize("name", list(CELLS))
def test_each_cell(name, tmp_path):
    assert assert_as_predicted([CELLS[name](4, 6)], tmp_path).has_step


class Shifted(rl.Recurrent):
    """Its first state is the second one of the step before.

    ::

        a_t = tanh(W.x_t + U.b_tm1 + b)
        b_t = a_tm1
    """

    param_names = ("W", "U", "b")
    nb_states = 2

    def step(self, x_t, a_tm1, b_tm1):
        return T.tanh(T.dot(x_t, self.W) + T.dot(b_tm1, self.U) + self.b), a_tm1


class Odd(rl.Recurrent):
    """With names that C needs for itself, and all kinds of functions."""

    param_names = ("W", "U", "b")

    def step(self, x_t, h_tm1):
        j = T.dot(x_t, self.W) + T.dot(h_tm1, self.U)
        static, exp = T.exp(-T.sqr(j)), T.log(1 + abs(j))
        t = T.switch(T.gt(j, 0) & T.lt(j, 1), T.maximum(static, exp), T.minimum(j, self.b))
        return T.concatenate([t[:, 3:], T.tanh(t[:, :3] / (1 + T.sqrt(static[:, 3:])))], axis=1)


class Größe(rl.Recurrent):
    """With names that have letters which C has not, or are those of types, macros, functions, weights."""

    param_names = ("W", "U", "b")
    nb_states = 2

    def step(self, x_t, ħ_tm1, ħ):
        fabs, NET_INPUT = T.dot(x_t, self.W), T.dot(ħ, self.U)
        int64_t, INFINITY = T.cast(fabs * 3, "int64") * 0.5, abs(NET_INPUT)
        constant_1 = T.minimum(fabs * INFINITY, np.inf)
        gre_1_W = T.tanh(fabs + NET_INPUT + constant_1) * np.arange(6.0)
        return T.tanh(gre_1_W + int64_t + self.b), constant_1 * ħ_tm1


class _2D(rl.Recurrent):
    """Its first letter is a digit, once the rest is gone; and its states have one name, but for _tm1."""

    param_names = ("W", "U", "b")
    nb_states = 2

    def step(self, x_t, h_tm1, h):
        return T.tanh(T.dot(x_t, self.W) + T.dot(h, self.U) + self.b), h_tm1


class Written(rl.Recurrent):
    """Its second state is of no use."""

    param_names = ("W", "U", "b")
    nb_states = 2

    def step(self, x_t, h_tm1, c_tm1):
        h = T.tanh(T.dot(x_t, self.W) + T.dot(h_tm1, self.U) + self.b)
        return h, T.exp(h)


class Lookback(rl.Layer):
    """A loop that looks two steps back, and gives beside its state something else."""

    input_ndim = 3

    def __init__(self):
        super().__init__()
        self.input = T.tensor3()
        self.U = self.add_weight("U", "orthogonal", (4, 4))
        self.params = [self.U]

    output_shape = property(lambda self: self.input_shape)

    def get_output(self, train=False):
        x = self.get_input(train).dimshuffle(1, 0, 2)
        first = T.zeros((2, x.shape[1], 4))
        states, _ = scan(lambda x_t, h_tm1, h_tm2: [x_t + T.tanh(T.dot(h_tm2, self.U)) * 0.5 - h_tm1, x_t * h_tm1],
                         x, [dict(initial=first, taps=[-1, -2]), None])
        return (states[0] + states[1]).dimshuffle(1, 0, 2)


MODELS = {
    "a shift register": (lambda: [Shifted(4, 6), rl.Dense(6, 2)], numbers(4)),
    "names that are others' or none in C": (lambda: [Größe(4, 6, return_sequences=True), _2D(6, 3)], numbers(4)),
    "odd names": (lambda: [Odd(4, 6, return_sequences=True)], numbers(4)),
    "looking back": (lambda: [rl.TimeDistributedDense(4, 4), Lookback()], numbers(4)),
    "reset_after": (lambda: [rl.GRU(4, 6, reset_after=True)], numbers(4)),
    "backwards": (lambda: [rl.GRU(4, 6, go_backwards=True, return_sequences=True), rl.LSTM(6, 4)], numbers(4)),
    "learned states": (lambda: [rl.LSTM(4, 6, initial_state="learned", return_sequences=True), rl.SimpleRNN(6, 3)],
                       numbers(4)),
    "zoneout": (lambda: [rl.LSTM(4, 6, zoneout=0.2)], numbers(4)),
    "activations": (lambda: [rl.LSTM(4, 6, activation="relu", inner_activation="sigmoid", return_sequences=True),
                             rl.SimpleRNN(6, 4, activation="softplus", return_sequences=True),
                             rl.SimpleRNN(4, 4, activation="softmax")], numbers(4)),
    "both directions": (lambda: [rl.Bidirectional(rl.LSTM(4, 3, return_sequences=True)),
                                 rl.Bidirectional(rl.GRU(6, 4), merge="mul")], numbers(4)),
    "both directions, masked": (lambda: [rl.Embedding(10, 4, mask_zero=True),
                                         rl.Bidirectional(rl.LSTM(4, 3, return_sequences=True), merge="ave"),
                                         rl.Bidirectional(rl.JZS1(3, 4), merge="sum")], words),
    "words": (lambda: [rl.Embedding(10, 4, mask_zero=True), rl.LSTM(4, 6, return_sequences=True),
                       rl.TimeDistributedDense(6, 3, activation="softmax")], words),
    "words, not masked": (lambda: [rl.Embedding(10, 4), rl.SimpleDeepRNN(4, 6, depth=3), rl.Dense(6, 2)], words),
    "masked": (lambda: [rl.Masking(), rl.GRU(4, 6)], numbers(4)),
    "from a sequence to another": (lambda: [rl.LSTM(4, 6), rl.RepeatVector(3), rl.GRU(6, 5, return_sequences=True),
                                            rl.TimeDistributedDense(5, 4, activation="softmax")], numbers(4)),
    "much in between": (lambda: [rl.LSTM(4, 6), rl.RepeatVector(300), rl.GRU(6, 5, return_sequences=True), rl.Flatten(),
                                 rl.Dense(1500, 2)], numbers(4)),
    "one step": (lambda: [rl.LSTM(4, 6), rl.RepeatVector(1), rl.SimpleDeepRNN(6, 5, depth=3, return_sequences=True)],
                 numbers(4)),
    "a state that nothing reads": (lambda: [Written(4, 6), rl.RepeatVector(1), Written(6, 3)], numbers(4)),
    "merged over time": (lambda: [rl.LSTM(4, 6, return_sequences=True), rl.TimeDistributedMerge(mode="ave")],
                         numbers(4)),
    "at each step": (lambda: [rl.SimpleRNN(4, 6, return_sequences=True), rl.Dropout(0.5), rl.Activation("hard_sigmoid"),
                              rl.Dense(6, 4), rl.GaussianNoise(0.1), rl.Activation("softmax")], numbers(4)),
    "a function": (lambda: [rl.GRU(4, 6, return_sequences=True), rl.Lambda(lambda x: T.max(x, axis=1) - x[:, -1])],
                   numbers(4)),
    "without time": (lambda: [rl.Dense(4, 6, activation="relu"), rl.BatchNormalization((6,)), rl.LeakyReLU(),
                              rl.PReLU((6,)), rl.ParametricSoftplus((6,)), rl.ThresholdedLinear(), rl.ThresholdedReLU(),
                              rl.MaxoutDense(6, 6), rl.Reshape(2, 3), rl.Permute((2, 1)), rl.Flatten(), rl.Dropout(0.1),
                              rl.GaussianDropout(0.1), rl.ActivityRegularization(),
                              rl.Dense(6, 3, activation="softmax")], sample(4)),
    "products of words": (lambda: [rl.WordContextProduct(10, 4)], lambda timesteps: np.random.randint(0, 10, 2)),
}


@pytest.mark.parametrize("name", list(MODELS))
def test_each_kind_of_model(name, tmp_path):
    make, draw = MODELS[name]
    assert_as_predicted(make(), tmp_path, draw)


def test_no_layer_is_forgotten():
    used = {type(layer).__name__ for make, _ in MODELS.values() for layer in make()} | set(CELLS)
    assert set(layers.__all__) - used == {"AutoEncoder", "Layer", "MaskedLayer", "Merge", "Recurrent"}


def test_only_what_a_prediction_needs_is_written(tmp_path):
    """Not the decoder of who gives the codes."""
    decoder = rl.Sequential([rl.RepeatVector(5), rl.LSTM(4, 4, return_sequences=True), rl.TimeDistributedDense(4, 3),
                             rl.Lambda(lambda x: T.sort(x))])  # fmt: skip
    layer = rl.AutoEncoder(rl.Sequential([rl.GRU(3, 4)]), decoder, output_reconstruction=False)
    made = assert_as_predicted([layer], tmp_path, numbers(3))
    assert "lstm_1" not in made.source


def test_a_softmax_over_the_steps(tmp_path):
    assert_as_predicted([rl.LSTM(4, 6, return_sequences=True), rl.Permute((2, 1)), rl.Activation("softmax"),
                         rl.Permute((2, 1))], tmp_path)  # fmt: skip


def test_what_has_no_steps_has_no_step(tmp_path):
    assert not assert_as_predicted([rl.PReLU((4,)), rl.LeakyReLU()], tmp_path, sample(4)).has_step


def test_a_recurrent_layer_within_one_of_ones_own(tmp_path):
    within = Within(rl.GRU(3, 5, return_sequences=True))
    within.stepwise = True
    layers = [rl.TimeDistributedDense(3, 3), within, rl.LSTM(5, 4)]
    assert assert_as_predicted(layers, tmp_path, numbers(3)).has_step


def test_in_float32(tmp_path):
    made_of = [rl.Masking(), rl.LSTM(4, 16, return_sequences=True), rl.JZS3(16, 8), rl.Dense(8, 3)]
    assert "1.0;" not in assert_as_predicted(made_of, tmp_path, dtype="float32", lengths=(1, 3, 40)).source


def test_a_sum_over_many_timesteps_in_float32(tmp_path):
    """In float32, numbers that are added to a large sum lose most of their bits."""
    weights = [np.array([[1.0, 0.5]]), np.zeros(2)]
    model = rl.Sequential([rl.TimeDistributedDense(1, 2, weights=weights), rl.TimeDistributedMerge("ave")])
    whole, _ = Compiled(model, tmp_path, "float32", ["-O2"])(np.full((100000, 1), 0.1), 2)
    assert np.allclose(whole["y"], [0.1, 0.05], rtol=1e-6, atol=0)


def test_stateful_layers_begin_anew_with_each_sequence(tmp_path):
    plain = shaken(rl.Sequential([rl.LSTM(4, 6), rl.Dense(6, 2)]))
    stateful = rl.Sequential([rl.LSTM(4, 6, stateful=True), rl.Dense(6, 2)])
    stateful.set_weights(plain.get_weights())
    compiled, x = Compiled(stateful, tmp_path), np.random.randn(5, 4)
    for _ in range(2):
        whole, steps = compiled(x, 2)
        assert np.allclose(whole["y"], prediction_of(plain)(x), rtol=1e-12, atol=0)
        assert np.allclose(steps["y"][-1], whole["y"], rtol=1e-12, atol=0)


def test_as_many_timesteps_as_the_layers_ask_for(tmp_path):
    made_of = [rl.SimpleRNN(4, 6, return_sequences=True), rl.Reshape(30), rl.Dense(30, 2)]
    compiled = assert_as_predicted(made_of, tmp_path, lengths=[5])
    whole, _ = compiled(np.zeros((6, 4)), 2)
    assert whole["status"] == 1


@pytest.mark.parametrize("function, least", [
    (lambda x: x[:, :3], 3), (lambda x: x[:, -3:], 3), (lambda x: x[:, 2], 3), (lambda x: x[:, -2], 2),
    (lambda x: x[:, 2:], 2), (lambda x: x[:, 1:-1], 2), (lambda x: x[:, 1:] - x[:, :-1], 1),
    (lambda x: x[:, :-1, 1:3], 1),
])  # fmt: skip
def test_parts_of_the_timesteps(function, least, tmp_path):
    made_of = [rl.TimeDistributedDense(4, 6), rl.Lambda(function)]
    compiled = assert_as_predicted(made_of, tmp_path, lengths=[least + 1, 9])
    if least > 1:
        x = np.zeros((least - 1, 4))
        given = np.int64(len(x)).tobytes() + x.tobytes()
        out = subprocess.run([compiled.program], input=given, stdout=subprocess.PIPE, check=True).stdout
        assert np.frombuffer(out, "int64", count=1) == 1


TABLE = np.random.RandomState(1).randn(10, 4)


def test_a_matrix_on_the_right_of_all_timesteps(tmp_path):
    W, multiply = engine.shared(np.random.randn(6, 5)), T.dot if engine.NAME == "Theano" else operator.matmul
    assert_as_predicted([rl.TimeDistributedDense(4, 6), rl.Lambda(lambda x: multiply(x, W) + T.constant(TABLE[0, 0])),
                         rl.TimeDistributedDense(5, 2)], tmp_path)  # fmt: skip
    assert_as_predicted([rl.TimeDistributedDense(4, 6), rl.Lambda(lambda x: multiply(x, W[:, 0]))], tmp_path)


@pytest.mark.parametrize("function, least, most", [
    (lambda x: x + T.constant(TABLE)[:x.shape[1]], 1, 10), (lambda x: x * T.constant(TABLE)[10 - x.shape[1]:], 1, 10),
    (lambda x: x[:, x.shape[1] - 5:], 5, 30), (lambda x: x[:, x.shape[1] - 5], 5, 30),
    (lambda x: x[:, :, :x.shape[1]].sum(axis=2), 1, 4), (lambda x: x[:, :2 * x.shape[1]], 1, 30),
    (lambda x: T.fill(T.zeros((1, 8)), x[:, :, 0]), 8, 8),
])  # fmt: skip
def test_nothing_is_read_outside_of_an_array(function, least, most, tmp_path):
    made_of = [rl.TimeDistributedDense(4, 4), rl.Lambda(function)]
    compiled = assert_as_predicted(made_of, tmp_path, lengths=[least, most])
    for steps in {least - 1, most + 1} & set(range(1, 30)):
        given = np.int64(steps).tobytes() + np.zeros((steps, 4)).tobytes()
        out = subprocess.run([compiled.program], input=given, stdout=subprocess.PIPE, check=True).stdout
        assert np.frombuffer(out, "int64", count=1) == 1


def counted(x):
    """How many numbers so far are greater than 0."""
    states, _ = scan(lambda x_t, n_tm1: n_tm1 + T.cast(x_t > 0, "int64"), x.dimshuffle(1, 0, 2),
                     [T.zeros((x.shape[0], 4), dtype="int64")])  # fmt: skip
    return states.dimshuffle(1, 0, 2)


@pytest.mark.parametrize("function", [
    lambda x: (T.gt(x, 0) + T.gt(x, -1) + T.eq(x, 0)) * 1.5, lambda x: T.concatenate([T.gt(x, 0), x], axis=2),
    lambda x: T.dot(T.gt(x[:, -1], 0), TABLE[:4]), lambda x: T.dot(T.cast(x[:, -1] * 3, "int64"), TABLE[:4]),
    lambda x: T.dot(T.sum(T.gt(x, 0), axis=1, dtype="float64"), TABLE[:4]),
    lambda x: T.gt(x, 0) * np.int8(100) + T.gt(x, -1) * np.int8(100),
    lambda x: T.cast(T.cast(abs(x) * 100, "int64"), "uint8") * np.uint8(3), lambda x: x + np.array([1, 2, -3, 4]),
    lambda x: T.constant(TABLE)[T.cast(T.clip(x[:, :, 0] * 3, 0, 9), "int64").flatten()].reshape(x.shape),
    lambda x: x.dimshuffle(1, 0, 2)[[0, -1, -1]].dimshuffle(1, 0, 2), counted,
    lambda x: T.constant(TABLE)[counted(x)[:, -1, 0]], lambda x: T.concatenate([counted(x)[:, -1], x[:, -1]], axis=1),
    lambda x: T.exp(x.dimshuffle(0, 1, 2, "x", "x", "x") * x.dimshuffle(0, 1, "x", 2, "x", "x")
                    - x.dimshuffle(0, 1, "x", "x", 2, "x") * x.dimshuffle(0, 1, "x", "x", "x", 2)).max(axis=(2, 3, 4)),
])  # fmt: skip
def test_whole_numbers_and_truths(function, tmp_path):
    assert_as_predicted([rl.TimeDistributedDense(4, 4), rl.Lambda(function)], tmp_path)


def test_axes_and_indices(tmp_path):
    assert_as_predicted([rl.SimpleRNN(3, 4, return_sequences=True), rl.Lambda(arrangements)], tmp_path, numbers(3),
                        lengths=(3, 7))  # fmt: skip


@given(stacks(), st.integers(1, 5))
@settings(derandomize=True, database=None, deadline=None, max_examples=8, phases=[Phase.explicit, Phase.generate])
def test_drawn_stacks(tmp_path_factory, layers, timesteps):
    draw = numbers(3) if layers[0].input_ndim == 3 else lambda number: words(number) % 5
    assert_as_predicted(layers, tmp_path_factory.mktemp("drawn"), draw, lengths=(1, timesteps))


def test_what_is_turned_round(tmp_path):
    made_of = [rl.TimeDistributedDense(4, 6), rl.Lambda(lambda x: x[:, ::-1]), rl.TimeDistributedDense(6, 3),
               rl.Lambda(lambda x: x[:, :, ::-1]), rl.Activation("softmax")]  # fmt: skip
    assert_as_predicted(made_of, tmp_path)


def test_indices_that_there_are_not_change_nothing(tmp_path):
    compiled = Compiled(rl.Sequential([rl.Embedding(10, 4), rl.LSTM(4, 3)]), tmp_path)
    for wrong in (-1, 10):
        whole, steps = compiled([3, wrong, 3, 4], 3)
        assert whole["status"] == 1 and steps["status"].tolist() == [0, 1, 0, 0]
        _, without = compiled([3, 3, 4], 3)
        assert np.array_equal(steps["y"][[0, 2, 3]], without["y"])


@pytest.mark.peers
@pytest.mark.parametrize("target", [
    ["x86_64-linux-musl"], ["x86-linux-musl"], ["arm-linux-musleabihf", "-mcpu=cortex_m4"],
], ids=["64 bits", "32 bits", "a microcontroller"])  # fmt: skip
def test_clang_has_nothing_to_say(target, request, tmp_path):
    zig = [request.config.getoption("--peers"), "-m", "ziglang", "cc", "-target", *target]
    environment = dict(os.environ, ZIG_GLOBAL_CACHE_DIR=str(tmp_path), ZIG_LOCAL_CACHE_DIR=str(tmp_path))
    for k, name in enumerate(["both directions, masked", "words, not masked", "without time", "odd names"]):
        for dtype in ("float32", "float64"):
            source = tmp_path / f"net_{k}_{dtype}.c"
            rl.Sequential(MODELS[name][0]()).to_c(source, dtype=dtype)
            command = [*zig, *GCC[1:5], "-Os", "-DNET_TEST", "-c", source, "-o", source.with_suffix(".o")]
            subprocess.run(command, env=environment, check=True)


class TestItsOwnTest:
    @pytest.fixture
    def written(self, tmp_path):
        shaken(rl.Sequential([rl.LSTM(8, 32), rl.Dense(32, 1)])).to_c(tmp_path / "net.c", dtype="float32")
        return tmp_path / "net.c"

    def run(self, source, k=""):
        """Compile it with nothing of ours, for a machine with little memory, and run its test."""
        flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Os", f"-DNET{k}_TEST"]
        subprocess.run(["gcc", *flags, source.name, "-lm", "-o", "test"], cwd=source.parent, check=True)
        return subprocess.run([source.parent / "test"]).returncode

    def test_it_passes(self, written):
        assert self.run(written) == 0

    def test_nan_is_compared_and_what_is_not_needed_is_not_missed(self, tmp_path):
        functions = [lambda x: T.concatenate([T.sqrt(x), x, 1 / T.zeros_like(x)], axis=1), lambda x: T.ones((1, 2))]
        for k, function in enumerate(functions):
            with np.errstate(all="ignore"):
                rl.Sequential([rl.Dense(4, 6), rl.Lambda(function)]).to_c(tmp_path / f"net{k}.c")
            assert self.run(tmp_path / f"net{k}.c", k) == 0

    def test_it_sees_a_weight_that_is_wrong(self, written):
        source = written.read_text()
        begin = source.index("lstm_1_U_f[32 * 32] = {") + len("lstm_1_U_f[32 * 32] = {")
        end = source.index(",", begin)
        written.write_text(f"{source[:begin]} 1.0f{source[end:]}")
        assert self.run(written) == 1


class TestFiles:
    def test_they_can_be_read(self, tmp_path):
        rl.Sequential([Shifted(4, 6, return_sequences=True)]).to_c(tmp_path / "some_name.c")
        source, header = ((tmp_path / f"some_name.{end}").read_text() for end in "ch")
        assert "       a_t = tanh(W.x_t + U.b_tm1 + b)\n" in source and "shifted_1_U[6 * 6] = {" in source
        assert f"recurrent_layers {rl.__version__}" in source and "Shifted(4, 6" in header
        assert "#define SOME_NAME_INPUT 4\n" in header and "} some_name_state;" in header
        assert max(map(len, (source + header).splitlines())) <= 200

    def test_a_header_and_a_source_of_two_models_are_no_program(self, tmp_path):
        rl.Sequential([rl.SimpleRNN(4, 6)]).to_c(tmp_path / "net.c")
        of_another = (tmp_path / "net.h").read_text()
        rl.Sequential([rl.SimpleRNN(4, 5)]).to_c(tmp_path / "net.c")
        compiled = [*GCC, "-c", tmp_path / "net.c", "-o", tmp_path / "net.o"]
        subprocess.run(compiled, check=True)
        (tmp_path / "net.h").write_text(of_another)
        process = subprocess.run(compiled, capture_output=True, text=True)
        assert process.returncode and "net.h is of another model than net.c: write both again" in process.stderr

    def test_it_is_called_from_another_language(self, tmp_path):
        rl.Sequential([rl.SimpleRNN(4, 6)]).to_c(tmp_path / "net.c")
        (tmp_path / "main.cpp").write_text('#include "net.h"\nint main() { static net_state s; net_reset(&s); }\n')
        subprocess.run([*GCC, "-c", tmp_path / "net.c", "-o", tmp_path / "net.o"], check=True)
        subprocess.run(["g++", "-Wall", "-Werror", "-pedantic", tmp_path / "main.cpp", tmp_path / "net.o", "-o",
                        tmp_path / "net"], check=True)  # fmt: skip
        subprocess.run([tmp_path / "net"], check=True)

    def test_the_type_is_floatX_unless_it_is_said(self, tmp_path):
        model = rl.Sequential([rl.SimpleRNN(4, 6)])
        model.to_c(tmp_path / "net.c")
        assert "typedef double real;" in (tmp_path / "net.c").read_text()

    def test_a_number_that_the_type_has_not(self, tmp_path):
        model = rl.Sequential([rl.Dense(4, 6), rl.Lambda(lambda x: T.maximum(x, -1e300))])
        model.to_c(tmp_path / "net.c", dtype="float64")
        with pytest.raises(ValueError, match="a number is too large for float32: pass dtype='float64'"):
            model.to_c(tmp_path / "net.c", dtype="float32")

    def test_what_is_there_is_replaced_or_stays(self, tmp_path):
        rl.Sequential([rl.SimpleRNN(4, 6)]).to_c(tmp_path / "net.c")
        before = (tmp_path / "net.c").read_text()
        with pytest.raises(ValueError, match="in Lambda has no equal in C"):
            rl.Sequential([rl.SimpleRNN(4, 6), rl.Lambda(lambda x: T.sort(x, axis=1))]).to_c(tmp_path / "net.c")
        assert (tmp_path / "net.c").read_text() == before and sorted(os.listdir(tmp_path)) == ["net.c", "net.h"]
        rl.Sequential([rl.SimpleRNN(3, 6)]).to_c(tmp_path / "net.c")
        assert (tmp_path / "net.c").read_text() != before

    @pytest.mark.parametrize("path", ["net", "net.cpp", "1.c", "my-net.c", "int.c", "größe.c", "", 3])
    def test_names_that_are_none_in_C(self, path, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ValueError, match="path must be"):
            rl.Sequential([rl.SimpleRNN(4, 6)]).to_c(path)
        assert not os.listdir(tmp_path)

    @pytest.mark.parametrize("made_of, what", [
        ([rl.Merge([rl.Sequential([rl.Dense(2, 3)]), rl.Sequential([rl.Dense(2, 3)])])], "several inputs"),
        ([rl.TimeDistributedMerge(mode="sum")], "sizes of the input"),
        ([rl.GRU(4, 6, return_sequences=True), rl.Lambda(lambda x: x[:, ::2])], "a cut in steps of 2 in Lambda"),
        ([rl.TimeDistributedDense(4, 4), rl.Lambda(lambda x: x[:, 10] + T.constant(TABLE)[x.shape[1]])],
         "the number at 10 of timesteps, for no number of timesteps"),
        ([rl.Dense(4, 6), rl.Lambda(lambda x: x + T.ones((1, 5)))], "an array of 6 where one of 5 is needed"),
    ])  # fmt: skip
    def test_what_has_no_equal(self, made_of, what, tmp_path):
        with pytest.raises(ValueError, match=what):
            rl.Sequential(made_of).to_c(tmp_path / "net.c")
        assert not os.listdir(tmp_path)
