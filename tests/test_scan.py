"""Our scan against the engine's own: outputs and gradients of recurrences as others write them, and what scan takes."""

import functools
import importlib
import inspect
import operator
import platform
import re
import sys
from collections import OrderedDict

import numpy as np
import pytest
from compiled import BY_SCAN, IN_C, assert_same, is_in_c, ops
from engines import Mode, Scan, VM_Linker, change_flags, own_scan, until
from foreign_cells import CELLS, Given

import recurrent_layers as rl
from recurrent_layers import engine
from recurrent_layers.engine import nnet
from recurrent_layers.engine import tensor as T
from recurrent_layers.recurrence import scan
from recurrent_layers.recurrence.errors import Unsupported
from recurrent_layers.recurrence.loops import Loops
from recurrent_layers.recurrence.program import Program

# One of each kind, where all would take CI too long. What PyTensor reads of a step is the same C then.
SOME = ["lstm_of_the_tutorial", "lstm_layer_normalized", "attention", "elman_of_two_taps", "lstm_with_projection",
        "several_sequences"]  # fmt: skip
ALL, SOME = (list(CELLS), SOME) if engine.NAME == "Theano" else (SOME, SOME[:1])

# PyTensor's own, of the updates that scan gives.
pytestmark = pytest.mark.filterwarnings("ignore:Scan return signature will change:DeprecationWarning")


def listed(outputs):
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def with_gradients(outputs, wanted):
    """The outputs, and the gradients of something that depends on all of them."""
    cost = sum(T.sum(output ** 2) / k for k, output in enumerate(listed(outputs), 1))
    return listed(outputs) + T.grad(cost, wanted, disconnected_inputs="ignore")


def outputs_and_last(scan, name, given):
    """What a recurrence gives, and the last step of what its scan does."""
    last = []

    def scan_and_look(*arguments, **named):
        outputs, updates = scan(*arguments, **named)
        last.extend(output[-1] for output in listed(outputs))
        return outputs, updates

    return list(CELLS[name](scan_and_look, *given.variables)), last


def last_steps_and_results(scan, name, given, last=False, only=None, **how):
    """The last steps, what is used (all outputs or their last steps, or one of them) and the gradients of that."""
    outputs, last_steps = outputs_and_last(functools.partial(scan, **how), name, given)
    used = last_steps if last else outputs
    return last_steps + with_gradients(used if only is None else [used[only]], given.differentiable)


@functools.lru_cache(maxsize=None)
def by_own_scan(name, n, floatX, **how):
    """What a recurrence is given, and a function of its results."""
    given = Given(name, n)
    return given, engine.function(given.inputs, last_steps_and_results(own_scan, name, given, **how), mode=BY_SCAN)


def check(name, n, **how):
    """The results of a recurrence by our scan and by the engine's own; the gradients by name, of ours."""
    given, by_scan = by_own_scan(name, n, engine.config.floatX, **how)
    in_c = engine.function(given.inputs, last_steps_and_results(scan, name, given, **how), mode=IN_C)
    assert is_in_c(in_c)
    # More than a tile and less than one in each direction; the most steps last.
    for nb_samples, timesteps in [(1, 1), (2, 3), (13, 9)]:
        values = given.values(nb_samples, timesteps)
        results = in_c(*values)
        assert_same(results, by_scan(*values))
    return dict(zip((variable.name for variable in given.differentiable), results[-len(given.differentiable):]))


@pytest.mark.parametrize("name", ALL)
def test_outputs_and_gradients_are_those_of_scan_in_float64(name):
    check(name, 19)


@pytest.mark.parametrize("name", SOME)
def test_outputs_and_gradients_are_those_of_scan_in_float32_truncated(name):
    with change_flags(floatX="float32"):
        gradients = check(name, 35, truncate_gradient=3)
    for argument, gradient in gradients.items():
        assert (argument.endswith(("_0", "_init")) <= (not gradient.any())), argument


@pytest.mark.parametrize("name", ["lstm_of_the_tutorial", "lstm_of_joined_inputs", "lstm_layer_normalized"])
def test_threads_that_share_the_columns_of_a_step(name):
    """Few samples and large weights: what one of them cuts out, another one has multiplied."""
    given, by_scan = by_own_scan(name, 330, engine.config.floatX)
    in_c = engine.function(given.inputs, last_steps_and_results(scan, name, given), mode=IN_C)
    for nb_samples in (1, 2, 2, 1):
        values = given.values(nb_samples, 4)
        assert_same(in_c(*values), by_scan(*values))


@pytest.mark.parametrize("name", ["several_sequences", "sequence_of_three_taps", "elman_of_two_taps"])
def test_backwards(name):
    check(name, 5, go_backwards=True, truncate_gradient=2)


@pytest.mark.parametrize("name", ["lstm_of_the_tutorial", "lstm_with_projection", "elman_of_two_taps"])
def test_gradients_of_the_last_step_only(name):
    check(name, 5, last=True)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("only", [0, 1])
def test_gradients_of_one_output_only(only, last):
    """Of one that is not fed back, and of one that is."""
    check("lstm_with_projection", 5, last=last, only=only)


@pytest.mark.parametrize("name", SOME)
def test_nothing_is_kept_where_only_the_last_step_is_used(name):
    (given, by_scan), made = by_own_scan(name, 19, engine.config.floatX), []
    _, last_steps = outputs_and_last(scan, name, given)

    def look(node, thunk, **_):
        if isinstance(node.op, Loops):
            made[-1].append([storage[0].shape for storage in thunk.outputs])

    looked_at = Mode(VM_Linker(callback=look, use_cloop=False), IN_C.optimizer)
    in_c = engine.function(given.inputs, last_steps, mode=looked_at)
    assert is_in_c(in_c)
    for timesteps in (6, 11):
        made.append([])
        values = given.values(3, timesteps)
        assert_same(in_c(*values), by_scan(*values)[:len(last_steps)])
    assert made[0] == made[1]


def test_columns_up_to_the_last_are_as_many_as_others():
    """``z[:, 3 * n:]`` beside ``z[:, :n]``: they are in one loop, and no function is computed again backwards."""

    def step(x_t, h_tm1, c_tm1, U):
        z = x_t + T.dot(h_tm1, U)
        i, f, o, g = z[:, :3], z[:, 3:6], z[:, 6:9], z[:, 9:]
        c_t = nnet.sigmoid(f) * c_tm1 + nnet.sigmoid(i) * T.tanh(g)
        return nnet.sigmoid(o) * T.tanh(c_t), c_t

    x, h, U = T.tensor3(), T.matrix(), T.matrix()
    (outputs, _), _ = scan(step, x, [h, h], U)
    function = engine.function([x, h, U], [outputs] + T.grad(T.sum(outputs), [x, U]), mode=IN_C)
    forward, backward = (node.op.code for node in ops(function, Loops))
    assert forward.count("hyperbolic_tangent(") == 2 and "hyperbolic_tangent(" not in backward
    with pytest.raises(ValueError, match="12"):
        function(np.ones((2, 1, 13)), np.ones((1, 3)), np.ones((3, 13)))


def test_columns_before_the_first_are_refused():
    x, h = T.tensor3(), T.matrix()
    (_, *outputs), _ = scan(lambda x_t, h_tm1: (x_t + h_tm1, h_tm1[:, -4], h_tm1[:, -4:-1], h_tm1[:, 2:-3]), x,
                            [h, None, None, None])  # fmt: skip
    functions = [engine.function([x, h], output, mode=IN_C) for output in outputs]
    assert all(map(is_in_c, functions))
    for function in functions:
        with pytest.raises(ValueError, match="cut where there are none"):
            function(np.ones((2, 2, 3)), np.ones((2, 3)))
        function(np.ones((2, 2, 5)), np.ones((2, 5)))


class TestDerivativesOfDerivatives:
    """Against differences, along a direction of all that a recurrence takes."""

    def prepare(self, name):
        self.given = Given(name, n=3)
        self.values = self.given.values(2, 4)
        shapes = dict(zip(self.given.inputs, (value.shape for value in self.values)))
        self.directions = [np.random.randn(*shapes.get(variable) or variable.get_value().shape)
                           for variable in self.given.differentiable]  # fmt: skip
        return list(CELLS[name](scan, *self.given.variables))

    def moved(self, function, length):
        """What a function gives somewhere along the direction."""
        directions, given = dict(zip(self.given.differentiable, self.directions)), []
        shared = [variable for variable in directions if variable not in self.given.inputs]
        for variable, value in zip(self.given.inputs, self.values):
            given.append(value + length * directions[variable] if variable in directions else value)
        before = [variable.get_value() for variable in shared]
        for variable, value in zip(shared, before):
            variable.set_value(value + length * directions[variable])
        results = function(*given)
        for variable, value in zip(shared, before):
            variable.set_value(value)
        return results

    def check(self, outputs, derivatives, mode):
        """The derivatives of outputs along the direction, against differences."""
        outputs, derivatives = (engine.function(self.given.inputs, variables, mode=mode, on_unused_input="ignore")
                                for variables in (outputs, derivatives))  # fmt: skip
        for after, before, found in zip(*(self.moved(outputs, length) for length in (1e-5, -1e-5)),
                                        derivatives(*self.values)):  # fmt: skip
            expected = (after - before) / 2e-5
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * abs(expected).max() + 1e-7)

    @pytest.mark.parametrize("name, mode", [
        ("elman_of_two_taps", BY_SCAN), ("lstm_with_projection", BY_SCAN), ("attention", BY_SCAN),
        ("elman_of_low_rank", IN_C),
    ])  # fmt: skip
    def test_second_derivatives(self, name, mode):
        outputs = self.prepare(name)
        gradients = with_gradients(outputs, self.given.differentiable)[len(outputs):]
        along = sum(T.sum(gradient * direction) for gradient, direction in zip(gradients, self.directions))
        self.check(gradients, T.grad(along, self.given.differentiable), mode)

    @pytest.mark.parametrize("name, mode", [
        ("lstm_of_the_tutorial", BY_SCAN), ("elman_of_two_taps", BY_SCAN), ("elman_of_low_rank", IN_C),
    ])  # fmt: skip
    def test_r_op(self, name, mode):
        outputs = self.prepare(name)
        directions = [T.constant(direction) for direction in self.directions]
        self.check(outputs, listed(engine.Rop(outputs, self.given.differentiable, directions)), mode)


# ---- What scan takes and gives --------------------------------------------------------------------------------


U = np.random.RandomState(0).randn(3, 3) / 2
X = np.random.RandomState(1).randn(6, 2, 3)
H = np.random.RandomState(2).randn(2, 3)


def elman(x_t, h_tm1, U=U):
    return T.tanh(x_t + T.dot(h_tm1, U))


def compare(build, *values, in_c=True):
    """What ``build(scan, *variables)`` gives, (outputs, updates), which is the same with the engine's own scan.

    `in_c`: how it runs; None if that is open.
    """
    variables = [T.TensorType(value.dtype, (False,) * value.ndim)() for value in values]
    results = []
    for which, mode in ((scan, IN_C), (own_scan, BY_SCAN)):
        outputs, updates = build(which, *variables)
        function = engine.function(variables, listed(outputs), updates=updates, mode=mode)
        results.append([np.asarray(array) for _ in range(2) for array in function(*values)])
        if which is scan and in_c is not None:
            assert bool(ops(function, Loops)) == in_c and bool(ops(function, Scan)) != in_c
    assert_same(*results)
    return results[0][:len(results[0]) // 2]


def test_the_signature_is_that_of_theano():
    own = inspect.signature(own_scan).parameters
    ours = inspect.signature(scan).parameters
    assert list(ours) == [name for name in own if name != "return_updates"]  # PyTensor's own.
    assert all(ours[name].default == own[name].default for name in ours)


@pytest.mark.parametrize("return_list", [False, True])
@pytest.mark.parametrize("outputs_info", [
    lambda h: h, lambda h: [h], lambda h: (h,), lambda h: dict(initial=h), lambda h: [dict(initial=h, taps=[-1])],
    lambda h: [h, None], lambda h: [h, {}],
])  # fmt: skip
def test_outputs_come_as_scan_gives_them(outputs_info, return_list):
    info = outputs_info(T.matrix())

    def step(x_t, h_tm1):
        h_t = elman(x_t, h_tm1)
        return [h_t, h_t * 2] if len(listed(info)) == 2 else h_t

    (ours, our_updates), (own, own_updates) = (which(step, T.tensor3(), info, return_list=return_list)
                                               for which in (scan, own_scan))  # fmt: skip
    assert type(ours) is type(own) and len(listed(ours)) == len(listed(own))
    assert [(output.dtype, output.broadcastable) for output in listed(ours)] == [
        (output.dtype, output.broadcastable) for output in listed(own)]  # fmt: skip
    assert isinstance(our_updates, type(own_updates)) and not our_updates


@pytest.mark.parametrize("product", [T.dot] + [operator.matmul] * (engine.NAME == "PyTensor"))
def test_products_with_matrices_and_vectors(product):
    def build(scan, x, h, U, v):
        def step(x_t, h_tm1):
            return T.tanh(x_t + product(h_tm1, U) + product(h_tm1, v).dimshuffle(0, "x"))

        outputs, updates = scan(step, x, h)
        return [outputs] + T.grad(T.sum(outputs ** 2), [x, h, U, v]), updates

    compare(build, X, H, U, U[0])


def test_sums_of_truth_values_count_them():
    def build(scan, x, h):
        def step(x_t, h_tm1):
            is_large = T.concatenate([T.cast(x_t > 0, "int8"), T.tanh(h_tm1)], axis=1)
            number = T.sum(x_t > h_tm1, axis=1, keepdims=True) + T.max(h_tm1 > x_t, axis=1, keepdims=True)
            return T.tanh(x_t * number / 2.0 + h_tm1 * T.sum(is_large, axis=1, keepdims=True))

        outputs, updates = scan(step, x, h)
        return [outputs] + T.grad(T.sum(outputs ** 2), [x, h]), updates

    compare(build, X, H)


def test_sums_of_large_numbers_run_by_scan():
    compare(lambda scan, x, h: scan(lambda x_t, h_tm1: h_tm1 + T.sum(T.cast(x_t, "int32"), axis=1, keepdims=True),
                                    x, h), X * 100, H, in_c=False)  # fmt: skip


def test_products_of_integers_run_by_scan():
    def build(scan, x, h):
        return scan(lambda x_t, h_tm1: T.tanh(T.dot(x_t, U) + h_tm1), x, h)

    compare(build, (X > 0).astype("int8"), H, in_c=False)


def test_an_output_as_a_vector_and_as_a_column():
    def build(scan, x, h):
        def step(x_t, h_tm1):
            return x_t + h_tm1, T.sum(x_t, axis=1), T.sum(x_t, axis=1, keepdims=True)

        return scan(step, x, [h, None, None])

    compare(build, X, H, in_c=False)


def test_what_is_of_its_own_for_each_sample_beside_a_product_by_scan():
    results = []
    for which in (scan, own_scan):
        x, c, h = T.tensor3(), T.matrix(), T.matrix()
        outputs, _ = which(lambda x_t, h_tm1, c: T.tanh(T.dot(x_t * c, U) + c + h_tm1), x, h, c)
        gradients = T.grad(T.sum(outputs), [x, c, h])
        results.append(engine.function([x, c, h], [outputs] + gradients, mode=BY_SCAN)(X, H + 1, H))
    assert_same(*results)


def test_a_number_of_each_sample_is_spread_over_as_many_columns_as_there_are():
    narrow, wide = (engine.shared(np.random.RandomState(width).randn(3, width)) for width in (2, 21))

    def build(scan, x, c, h):
        def step(x_t, c_t, h_tm1, g_tm1):
            c_t = c_t.dimshuffle(0, "x")
            spread = T.zeros_like(h_tm1) + c_t
            total = T.sum(x_t + c_t, axis=1, keepdims=True) + T.sum(spread, axis=1, keepdims=True)
            total = total + sum(T.sum(T.dot(h_tm1, U), axis=1, keepdims=True) for U in (narrow, wide))
            return (T.tanh(total * x_t), T.zeros_like(g_tm1) + T.tanh(c_t), nnet.softmax(spread) * h_tm1,
                    T.concatenate([spread, h_tm1], axis=1))  # fmt: skip

        outputs, updates = scan(step, [x, c], [h, h, None, None])
        cost = sum(T.sum(output ** 2) for output in outputs)
        return list(outputs) + T.grad(cost, [x, c, h, narrow, wide]), updates

    compare(build, X, X[:, :, 0], H)


def test_arrays_that_are_filled():
    """By a vector, as each sample's row, though there are as many samples as columns; and by a number of each."""

    def build(number):
        def build(scan, x, h, b):
            def step(x_t, h_tm1):
                column = T.sum(x_t, axis=1, keepdims=True)
                return h_tm1 + T.alloc(b, h_tm1.shape[0], h_tm1.shape[1]), T.alloc(column, x_t.shape[0], number(x_t))

            (outputs, filled), updates = scan(step, x, [h, None])
            return [outputs, filled] + T.grad(T.sum(outputs ** 2) + T.sum(filled ** 2), [x, h, b]), updates

        return build

    h = np.random.randn(3, 3)
    compare(build(lambda x_t: x_t.shape[1]), np.random.randn(2, 3, 3), h, H[0])
    compare(build(lambda x_t: 3), np.random.randn(2, 3, 3), h, H[0], in_c=None)


def test_a_matrix_of_one_column_may_be_said_to_be_a_column():
    def build(scan, x, h):
        outputs, updates = scan(lambda x_t, h_tm1: T.tanh(engine.of_size_1(h_tm1[:, :1], 1) * x_t + h_tm1), x, h)
        return [outputs] + T.grad(T.sum(outputs ** 2), [x, h]), updates

    compare(build, X, H)


def test_a_mask_may_choose_a_number_for_all_columns():
    def build(scan, x, c, mask, h):
        outputs, updates = scan(lambda x_t, c_t, mask_t, h_tm1: T.switch(
            mask_t.dimshuffle(0, "x"), c_t.dimshuffle(0, "x"), h_tm1), [x, c, mask], h)  # fmt: skip
        return [outputs] + T.grad(T.sum(outputs ** 2), [c, h]), updates

    compare(build, X, X[:, :, 0], X[:, :, 0] > 0, H)


def test_a_state_that_is_one_column_must_begin_as_one():
    x, h = T.tensor3(), T.matrix()
    outputs, _ = scan(lambda x_t, h_tm1: T.mean(T.tanh(h_tm1 + x_t), axis=1, keepdims=True), x, h)
    function = engine.function([x, h], [outputs] + T.grad(T.sum(outputs), [x, h]), mode=IN_C)
    assert is_in_c(function)
    found, _, gradient = function(X[:2, :, :1], H[:, :1])
    first = np.tanh(X[0, :, :1] + H[:, :1])
    second = np.tanh(X[1, :, :1] + first)
    assert_same([found], [np.stack([first, second])])
    assert_same([gradient], [(1 - first**2) * (2 - second**2)])
    with pytest.raises(ValueError, match="sizes that do not fit"):
        function(X, H)


def test_a_loop_without_states():
    compare(lambda scan, x: scan(lambda x_t: T.tanh(T.dot(x_t, U)), x), X, in_c=None)


def test_arrays_and_numbers_as_arguments():
    def build(scan, h):
        return scan(lambda x_t, h_tm1, bias, U, slope: elman(x_t, h_tm1, U) * slope + bias, X, h, [H, U, 0.5])

    compare(build, H)
    with_numbers = [which(elman, X, H, U)[0].eval() for which in (scan, own_scan)]
    assert_same(with_numbers[:1], with_numbers[1:])


def test_settings_of_scan_are_taken():
    def build(scan, x, h):
        return scan(elman, x, h, mode="FAST_COMPILE", profile=False, allow_gc=True, name="settled")

    compare(build, X, H)


def test_updates_of_shared_variables_are_given():
    counts = {}

    def build(scan, x, h):
        counts[scan] = engine.shared(np.zeros((2, 3)))
        return scan(lambda x_t, h_tm1: (elman(x_t, h_tm1), {counts[scan]: counts[scan] + x_t}), x, h)

    compare(build, X, H, in_c=False)
    for count in counts.values():
        np.testing.assert_allclose(count.get_value(), 2 * X.sum(axis=0), rtol=1e-12)


def test_until():
    def build(scan, x, h):
        def step(x_t, h_tm1):
            h_t = elman(x_t, h_tm1)
            return h_t, until(T.gt(x_t[0, 0], 1e3))

        return scan(step, x, h)

    x = X.copy()
    x[3, 0, 0] = 1e4
    h, = compare(build, x, H, in_c=False)
    assert len(h) == 4


def test_random_numbers_in_a_step():
    def build(scan, h):
        streams = engine.RandomStreams(7)
        return scan(lambda h_tm1: T.tanh(h_tm1 + streams.binomial(size=(2, 3), p=0.5, dtype="float64")),
                    outputs_info=h, n_steps=5)  # fmt: skip

    h, = compare(build, H, in_c=False)
    assert len(np.unique((h[1:] > h[:-1]).mean(axis=(1, 2)))) > 1


def test_one_step():
    """Theano's scan does it without a loop."""
    for n_steps in (1, T.constant(1)):
        outputs = [which(elman, T.tensor3(), T.matrix(), n_steps=n_steps)[0] for which in (scan, own_scan)]
        assert len({output.broadcastable for output in outputs}) == 1
    x, h = T.tensor3(), T.matrix()
    ours, own = (engine.function([x, h], which(elman, x, h, n_steps=1)[0], mode=BY_SCAN) for which in (scan, own_scan))
    assert_same([ours(X, H)], [own(X, H)])


@pytest.mark.parametrize("n_steps", [4, None])
def test_sequences_may_be_longer_than_the_loop(n_steps):
    """What is not read has no gradient."""

    def build(scan, x, y, h):
        outputs, updates = scan(lambda x_t, y_t, h_tm1: elman(x_t * y_t, h_tm1), [x, y], h, n_steps=n_steps)
        return [outputs] + T.grad(T.sum(outputs ** 2), [x, y, h]), updates

    h, x_gradient, _, _ = compare(build, X, X[:5], H)
    nb_steps = n_steps or 5
    assert len(h) == nb_steps
    assert x_gradient[:nb_steps].all() and not x_gradient[nb_steps:].any()


def test_sequences_may_not_be_shorter_than_n_steps():
    x, h = T.tensor3(), T.matrix()
    for which, mode in ((own_scan, BY_SCAN), (scan, IN_C)):
        function = engine.function([x, h], which(elman, x, h, n_steps=7)[0], mode=mode)
        with pytest.raises(Exception) as error:
            function(X, H)
        assert isinstance(error.value, (ValueError, IndexError, AssertionError)), error.value


STRANGE = {
    "sort": lambda h: T.sort(h, axis=1),
    "product of states": lambda h: T.dot(h, T.dot(h.T, h)),
    "cumulative sum": lambda h: T.cumsum(h, axis=1),
    "sum over samples": lambda h: h - h.mean(axis=0, keepdims=True),
    "row of means over samples": lambda h: h - h.mean(axis=0),
}


@pytest.mark.parametrize("strange", STRANGE)
def test_what_c_cannot_do_runs_by_scan_and_the_reason_is_logged(strange, caplog):
    def build(scan, x, h):
        outputs, updates = scan(lambda x_t, h_tm1: elman(x_t, STRANGE[strange](h_tm1)), x, h, name="strange")
        return [outputs] + T.grad(T.sum(outputs), [x, h]), updates

    with caplog.at_level("INFO", "recurrent_layers"):
        compare(build, X, H, in_c=False)
    assert "strange runs by scan" in caplog.text
    assert "over samples" not in strange or re.search(r"its step has Sum\{.*\} over samples", caplog.text)


def test_states_of_integers_run_by_scan(caplog):
    def build(scan, x, h, count):
        def step(x_t, h_tm1, n):
            return elman(x_t, h_tm1), n + T.cast(x_t > 0, "int64")

        return scan(step, x, [h, count], name="count")

    with caplog.at_level("INFO", "recurrent_layers"):
        compare(build, X, H, np.zeros((2, 3), "int64"), in_c=False)
    assert "count runs by scan" in caplog.text


def test_a_vector_as_the_state_of_one_sample_may_be_cut():
    def build(scan, x, h):
        def step(x_t, h_tm1, c_tm1):
            z = T.concatenate([x_t, x_t]) + T.dot(h_tm1, np.concatenate([U, -U], axis=1))
            c_t = nnet.sigmoid(z[:3]) * c_tm1 + T.tanh(z[3:])
            return T.tanh(c_t), c_t

        (outputs, _), updates = scan(step, x, [h, h])
        return [outputs] + T.grad(T.sum(outputs), [x, h]), updates

    compare(build, X[:, 0], H[0], in_c=False)


def test_very_deep_steps_are_left_to_scan():
    def step(x_t, h_tm1):
        for _ in range(400):
            h_tm1 = T.tanh(x_t + h_tm1)
        return h_tm1

    outputs, _ = scan(step, T.tensor3(), T.matrix())
    limit = sys.getrecursionlimit()  # PyTensor has a higher one than Python.
    sys.setrecursionlimit(1000)
    try:
        with pytest.raises(Unsupported, match="stack"):
            Program(outputs.owner.op.step)
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4)])
def test_states_of_other_numbers_of_axes_give_the_same(shape):
    """One state for all samples, and images for each."""

    def build(scan, x, h):
        outputs, updates = scan(lambda x_t, h_tm1: T.tanh(x_t + h_tm1), x, h)
        return [outputs, T.grad(T.sum(outputs ** 2), h)], updates

    compare(build, np.random.randn(5, *shape), np.random.randn(*shape), in_c=None)


# ---- Others' scan ---------------------------------------------------------------------------------------------


@pytest.fixture
def sped_up():
    rl.speed_up_scan()
    yield
    rl.speed_up_scan(False)


def others():
    """The modules that others take `scan` from."""
    rl.engine.provide_theano()
    return [importlib.import_module(name) for name in sorted({engine.NAME.lower(), "theano"})]


def runs_in_c(scan, **how):
    x, h = T.tensor3(), T.matrix()
    outputs = scan(elman, x, h, **how)
    return is_in_c(engine.function([x, h], outputs if how else outputs[0], mode=IN_C))


def test_the_scan_of_others_runs_in_c(sped_up):
    for module in others():
        assert runs_in_c(module.scan)
    if engine.NAME == "PyTensor":
        assert runs_in_c(others()[0].scan, return_updates=False)


def test_it_is_put_back():
    before = [module.scan for module in others()]
    assert not any(map(runs_in_c, before))
    for on in (False, True, True, False):
        rl.speed_up_scan(on)
    assert [module.scan for module in others()] == before


def test_what_falls_to_scan_falls_to_the_own_scan(sped_up):
    """And not to itself."""
    x, h = T.tensor3(), T.matrix()
    outputs, _ = others()[0].scan(lambda x_t, h_tm1: elman(x_t, T.sort(h_tm1, axis=1)), x, h)
    function = engine.function([x, h], outputs, mode=IN_C)
    assert ops(function, Scan) and function(X, H).shape == X.shape


# ---- Sums of products ------------------------------------------------------------------------------------------


def shared(*shape, seed=0):
    return engine.shared(np.random.RandomState(seed + sum(shape)).uniform(-1, 1, shape).astype(engine.config.floatX))


FIRST, SECOND = (np.random.RandomState(k).randn(4, 3, 5) for k in (1, 2))
BEFORE = np.random.RandomState(3).randn(3, 6)


def of_two_sequences(sums):
    """A loop over two sequences; `sums(a_t, b_t)` are the arguments of a tanh and of a sigmoid."""
    def build(scan, a, b, h):
        U = [shared(6, 6, seed=k) for k in (7, 8)]

        def step(a_t, b_t, h_tm1, *_):
            one, other = sums(a_t, b_t)
            return T.tanh(one + T.dot(h_tm1, U[0])) * engine.nnet.sigmoid(other + T.dot(h_tm1, U[1]))

        outputs, updates = scan(step, sequences=[a, b], outputs_info=h)
        return [outputs, *T.grad(T.sum(T.sqr(outputs)), [a, b, h, *U])], updates

    return build


@pytest.mark.parametrize("sums", [
    lambda a, b, W: (T.dot(a, W[0]) + T.dot(b, W[1]), T.dot(b, W[2]) + T.dot(a, W[3])),
    lambda a, b, W: (T.dot(b, W[1]) + T.dot(a, W[0]), T.dot(a, W[3]) + T.dot(b, W[2])),
    lambda a, b, W: (T.dot(a, W[0]) + T.dot(b, W[0]), T.dot(b, W[1]) + T.dot(a, W[0])),
], ids=["one order and the other", "the other and one", "by one weight"])  # fmt: skip
def test_two_sequences_are_multiplied_in_the_step(sums):
    W = [shared(5, 6, seed=k) for k in range(4)]
    compare(of_two_sequences(lambda a, b: sums(a, b, W)), FIRST, SECOND, BEFORE)


@pytest.mark.parametrize("first", [0, 1])
def test_gradients_that_are_one_column_for_products_of_several_widths(first):
    """They are the same, but for how many columns there are."""
    weights = [shared(6, 2), shared(6, 21)]

    def build(scan, x, h):
        def step(x_t, h_tm1, *_):
            sums = [T.sum(T.dot(h_tm1, weight), axis=1, keepdims=True) for weight in weights]
            return T.tanh(x_t + sums[first] + sums[1 - first])

        outputs, updates = scan(step, sequences=x, outputs_info=h)
        return [outputs, *T.grad(T.sum(T.sqr(outputs)), [x, h, *weights])], updates

    compare(build, np.random.RandomState(4).randn(4, 3, 6), BEFORE)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("wanted", [["b"], ["h"], ["b", "h"], ["each"], ["U", "b"]])
def test_gradients_of_some_only(wanted, dtype):
    """What is added up over the steps is not what the last of them has."""
    def build(scan, x, h, each):
        given = {"U": shared(6, 24), "b": shared(24), "each": each, "h": h}

        def step(x_t, h_tm1, each, U, b):
            z = x_t + each + T.dot(h_tm1, U) + b
            i, f, o = (engine.nnet.sigmoid(z[:, 6 * k:6 * (k + 1)]) for k in range(3))
            return o * T.tanh(f * h_tm1 + i * T.tanh(z[:, 18:]))

        outputs, updates = scan(step, x, h, [each, given["U"], given["b"]])
        return [outputs, *T.grad(T.sum(T.sqr(outputs)), [given[name] for name in wanted])], updates

    rng = np.random.RandomState(5)
    with change_flags(floatX=dtype):
        compare(build, *(array.astype(dtype) for array in (rng.randn(4, 3, 24), BEFORE, rng.randn(3, 24))))


def test_a_state_of_one_column_beside_wide_ones():
    """With a product for it alone: whichever thread has made that goes on with it."""
    n = 512
    U, V, v = shared(n, n), shared(1, n), shared(n, 1)

    def build(scan, x, h, m):
        def step(x_t, h_tm1, m_tm1, *_):
            h_t = T.tanh(x_t + T.dot(h_tm1, U) / 20 + T.dot(m_tm1, V))
            return h_t, 0.9 * m_tm1 + T.dot(h_tm1, v) / 100 + 0.1 * x_t[:, :1]

        outputs, updates = scan(step, sequences=x, outputs_info=[h, m])
        return [*outputs, *T.grad(sum(T.sum(T.sqr(one)) for one in outputs), [x, h, m, U, V, v])], updates

    rng = np.random.RandomState(6)
    for nb_samples in (1, 2):
        compare(build, rng.randn(5, nb_samples, n), rng.randn(nb_samples, n), rng.randn(nb_samples, 1))


def test_products_of_two_arrays_of_integers_run_by_scan():
    M = np.random.RandomState(7).randint(-3, 4, (5, 6)).astype("int8")

    def build(scan, x, h):
        weight = engine.shared(M)
        return scan(lambda x_t, h_tm1, weight: T.tanh(T.cast(T.dot(x_t, weight), "float64") + h_tm1), sequences=x,
                    outputs_info=h, non_sequences=weight)  # fmt: skip

    compare(build, np.random.RandomState(8).randint(-3, 4, (4, 3, 5)).astype("int8"), BEFORE, in_c=False)


def test_the_gradient_of_a_weight_may_be_clipped_at_each_step():
    """Not what these add up to."""
    U, W = shared(6, 6), shared(6, 6, seed=1)

    def step(x_t, h_tm1, *weights):
        U, W = (engine.grad_clip(weight, -0.01, 0.01) for weight in weights)
        return T.tanh(T.dot(x_t, W) + T.dot(h_tm1, U))

    def build(scan, x, h):
        outputs, updates = scan(step, x, h, [U, W])
        return [outputs, *T.grad(T.sum(T.sqr(outputs)), [h, U, W])], updates

    for gradient in compare(build, np.random.RandomState(9).randn(4, 3, 6), BEFORE, in_c=None)[-2:]:
        assert 0.01 < abs(gradient).max() <= 0.04 + 1e-12


def test_numbers_are_compared_as_they_are():
    """That of float32 which is nearest to 0.1 is more."""
    def build(scan, x, h):
        threshold = T.constant(np.array(0.1, "float64"))
        return scan(lambda x_t, h_tm1: h_tm1 + T.switch(T.gt(x_t, threshold), x_t, 2 * x_t), sequences=x,
                    outputs_info=h)  # fmt: skip

    with change_flags(floatX="float32"):
        result, *_ = compare(build, np.full((1, 2, 3), 0.1, "float32"), np.zeros((2, 3), "float32"), in_c=None)
        assert (result == np.float32(0.1)).all()


def test_zeros_for_another_number_of_samples_are_refused():
    x = T.tensor3()
    outputs, _ = scan(lambda x_t, h_tm1: T.tanh(x_t + h_tm1), x, T.zeros((4, 6)))
    function = engine.function([x], outputs, mode=IN_C)
    assert is_in_c(function)
    assert function(np.ones((5, 4, 6))).shape == (5, 4, 6)
    with pytest.raises(ValueError):
        function(np.ones((5, 3, 6)))


# ---- Steps that people write ----------------------------------------------------------------------------------


def numbers(*shape, seed=0):
    return np.random.RandomState(seed).randn(*shape)


@pytest.mark.parametrize("last", [np.array(1.5), numbers(6), numbers(3, 6).astype("float32")],
                         ids=["a number", "a row", "of another type"])  # fmt: skip
def test_what_the_last_step_s_gradient_is_set_to(last):
    """It is spread over samples and columns, and converted."""
    def build(scan, x, h):
        outputs, updates = scan(lambda x_t, h_tm1: T.tanh(x_t + 0.5 * h_tm1), sequences=x, outputs_info=h)
        known = OrderedDict([(outputs, T.set_subtensor(T.zeros_like(outputs)[-1], last))])
        return [outputs, *engine.grad(None, [x, h], known_grads=known)], updates

    compare(build, numbers(4, 3, 6), BEFORE)


@pytest.mark.parametrize("of", [
    lambda z: 0.1 * z[:, :2] + 0.01 * T.sum(z, axis=1, keepdims=True),
    lambda z: 0.1 * (z + logsoftmax(z))[:, 1:3] - 0.01 * T.mean(logsoftmax(z), axis=1, keepdims=True),
], ids=["a sum", "a mean of logarithms"])  # fmt: skip
def test_a_part_of_what_is_summed_beside_the_sum(of):
    """Its gradient is joined from one number for some columns and others; their sum is that of all columns."""
    def build(scan, x, h):
        outputs, updates = scan(lambda x_t, h_tm1: of(x_t + T.sum(h_tm1, axis=1, keepdims=True)), sequences=x,
                                outputs_info=h)  # fmt: skip
        return with_gradients(outputs, [x, h]), updates

    compare(build, numbers(4, 3, 5), numbers(3, 2, seed=1))


def logsoftmax(z):
    return z - T.log(T.sum(T.exp(z), axis=1, keepdims=True))


@pytest.mark.parametrize("of", [engine.nnet.softmax, lambda z: z - T.max(z, axis=1, keepdims=True)],
                         ids=["softmax", "max"])  # fmt: skip
def test_three_parts_joined(of):
    U = shared(6, 6)

    def build(scan, x, h):
        def step(x_t, h_tm1, U):
            parts = [x_t[:, :3], T.dot(h_tm1, U)[:, :2], h_tm1[:, :3] * x_t[:, 2:5]]
            return of(T.concatenate(parts, axis=1))[:, 1:7] + 0.1 * h_tm1

        outputs, updates = scan(step, x, h, U)
        return with_gradients(outputs, [x, h, U]), updates

    compare(build, numbers(4, 3, 6), BEFORE)


@pytest.mark.parametrize("clipped", [
    lambda s, b: engine.grad_clip(s, -0.01, 0.01), lambda s, b: engine.grad_clip(b.dimshuffle("x", 0), -0.01, 0.01),
], ids=["a number", "a row"])  # fmt: skip
def test_what_is_clipped_is_the_sum_over_the_samples(clipped):
    def build(scan, x, h):
        s, b = engine.shared(0.5), shared(6)
        outputs, updates = scan(lambda x_t, h_tm1, s, b: h_tm1 + x_t * clipped(s, b) + s * b.dimshuffle("x", 0), x, h,
                                [s, b])  # fmt: skip
        return with_gradients(outputs, [x, h, s, b]), updates

    compare(build, numbers(1, 3, 6), BEFORE, in_c=None)


@pytest.mark.parametrize("of", [
    lambda u, z: 0.5 * T.tanh(u) + 0.1 * T.max(z, axis=1, keepdims=True),
    lambda u, z: [0.5 * T.maximum(z, 0), u],
    lambda u, z: 0.5 * T.switch(T.ge(u, T.max(u, axis=1, keepdims=True)), u, 0.1 * z),
    lambda u, z: 0.5 * T.switch(T.le(u, T.min(u, axis=1, keepdims=True)), u, 0.1 * z),
], ids=["of all columns", "of two", "as large as it", "as small as the smallest"])  # fmt: skip
def test_the_gradient_goes_to_the_largest(of):
    """Whatever else is made of what it is compared with; a number computed once more might not be equal."""
    def build(scan, x, h):
        w, b = shared(37), shared(37, seed=1)

        def step(x_t, h_tm1, w, b):
            u = h_tm1 * w + b
            return of(u, x_t + u)

        outputs, updates = scan(step, x, [h] + [None] * isinstance(of(h, h), list), [w, b])
        return with_gradients(outputs, [x, h, w, b]), updates

    with change_flags(floatX="float32"):
        compare(build, numbers(5, 64, 37).astype("float32"), numbers(64, 37, seed=1).astype("float32"))


@pytest.mark.parametrize("of", [lambda h, s, b: 0.4, lambda h, s, b: s, lambda h, s, b: h[:, 0][:, None] * s,
                                lambda h, s, b: h.sum(axis=1, keepdims=True), lambda h, s, b: b + h[:, :3]],
                         ids=["a number", "a weight", "a column", "a sum", "columns"])  # fmt: skip
def test_so_many_columns(of):
    def build(scan, x, h):
        s, b, W = engine.shared(0.5), shared(3), shared(3, 6)

        def step(x_t, h_tm1, s, b, W):
            h = h_tm1 * x_t
            filled = T.alloc(of(h, s, b), x_t.shape[0], 3)
            return (T.concatenate([h[:, 1:4], filled], axis=1), T.tanh(T.dot(filled, W)) + h,
                    h + filled.mean(axis=1, keepdims=True), T.concatenate([filled * h[:, :3], filled], axis=1))

        outputs, updates = scan(step, x, [h, None, None, None], [s, b, W])
        return with_gradients(outputs, [x, h, s, b, W]), updates

    compare(build, numbers(4, 3, 6), BEFORE)


def test_the_same_number_of_several_widths():
    def build(scan, x, h):
        def step(x_t, h_tm1):
            s = h_tm1.sum(axis=1, keepdims=True)
            return h_tm1 + x_t, T.zeros_like(s), T.zeros_like(h_tm1), T.zeros_like(h_tm1[:, 2:5])

        return scan(step, x, [h, None, None, None])

    compare(build, numbers(4, 3, 6), BEFORE, in_c=None)


@pytest.mark.parametrize("bounds", [(1, 0.1), (0.1, 0.1)])
def test_a_sequence_that_is_clipped_twice(bounds):
    W, b = shared(6, 6), shared(6)

    def build(scan, x, h):
        made = [T.dot(engine.grad_clip(x, -bound, bound), W) + b for bound in bounds]
        outputs, updates = scan(lambda a_t, b_t, h_tm1: a_t * T.tanh(b_t + h_tm1), made, h)
        return with_gradients(outputs, [x, h, W, b]), updates

    compare(build, numbers(4, 3, 6), BEFORE)


@pytest.mark.parametrize("as_column", [False, True])
def test_a_state_that_says_whether_it_is_the_first_step(as_column):
    """What it is after a step is the same for all samples and steps."""
    b = shared(6)

    def build(scan, x, h):
        def step(x_t, h_tm1, first, b):
            flag = first if as_column else first[:, None]
            return T.tanh(x_t + 0.5 * h_tm1 + flag * b.dimshuffle("x", 0)), T.zeros_like(first)

        ones = T.ones_like(x[0, :, :1]) if as_column else T.ones_like(x[0, :, 0])
        ones = engine.of_size_1(ones, 1) if as_column else ones
        (outputs, flags), updates = scan(step, x, [h, ones], b)
        return [outputs, flags, flags[-1], *T.grad(T.sum(T.sqr(outputs)), [x, h, b])], updates

    compare(build, numbers(4, 3, 6), BEFORE, in_c=None)


def test_a_sequence_of_one_number_for_all_samples():
    def build(scan, times, h):
        outputs, updates = scan(lambda time, h_tm1: T.tanh(h_tm1 * time), sequences=times.dimshuffle(0, "x"),
                                outputs_info=h)  # fmt: skip
        return with_gradients(outputs, [times, h]), updates

    compare(build, numbers(4), numbers(6), in_c=False)


def test_what_is_one_column_by_its_type():
    def build(scan, x, h):
        def step(x_t, h_tm1):
            first = T.dot(h_tm1, numbers(6, 6))[:, :1]
            # PyTensor knows it by the shape of the weight.
            return T.tanh(x_t + (engine.of_size_1(first, 1) if engine.NAME == "Theano" else first) * h_tm1)

        outputs, updates = scan(step, sequences=x, outputs_info=h)
        return with_gradients(outputs, [x, h]), updates

    compare(build, numbers(4, 3, 6), BEFORE, in_c=None)


@pytest.mark.parametrize("same", [
    lambda U, b: T.sum(U), lambda U, b: 2 * b, lambda U, b: U, lambda U, b: T.constant(3.0),
    lambda U, b: b.dimshuffle("x", 0) ** 2,
])  # fmt: skip
def test_a_result_that_is_the_same_at_all_steps(same):
    U, b = shared(6, 6), shared(6)

    def build(scan, x, h):
        outputs, updates = scan(lambda x_t, h_tm1, U, b: (T.tanh(x_t + T.dot(h_tm1, U) + b), same(U, b)), x, [h, None],
                                [U, b])  # fmt: skip
        return with_gradients(outputs, [x, h, U, b]), updates

    compare(build, numbers(4, 3, 6), BEFORE, in_c=False)


def test_sequences_cut_where_it_is_computed():
    W, b, U = shared(5, 12), shared(12), shared(6, 6)

    def build(scan, x, h):
        z, n = T.dot(x, W) + b, U.shape[0]
        outputs, updates = scan(lambda a_t, b_t, h_tm1, U: T.tanh(a_t + T.dot(h_tm1, U)) * b_t,
                                [z[:, :, :n], z[:, :, n:]], h, U)  # fmt: skip
        return with_gradients(outputs, [x, h, W, b, U]), updates

    compare(build, numbers(4, 3, 5), BEFORE)


def test_one_tap_in_a_tuple_is_one_of_several():
    def build(scan, x, h):
        outputs, updates = scan(lambda x_t, h_tm1: T.tanh(x_t + h_tm1), sequences=x,
                                outputs_info={"initial": h, "taps": (-1,)})  # fmt: skip
        return with_gradients(outputs, [x, h]), updates

    compare(build, numbers(4, 3, 6), BEFORE[None], in_c=None)


def test_sums_of_many_integers_are_exact():
    weights = np.array([2**24, 1, 1], "int32")

    def build(scan, k, h):
        def step(k_t, h_tm1):
            return h_tm1 + T.cast(T.eq(T.dot(k_t, weights), 2**24 + 1), "float32").dimshuffle(0, "x")

        return scan(step, sequences=k, outputs_info=h)

    with change_flags(floatX="float32"):
        result, = compare(build, np.array([[[1, 1, 0], [1, 0, 0]]], "int32"), np.zeros((2, 3), "float32"), in_c=None)
        assert (result == [[[1] * 3, [0] * 3]]).all()


def test_columns_joined_of_numbers_alone():
    def build(scan, x, h):
        def step(x_t, h_tm1):
            rows = h_tm1.shape[0]
            return x_t + h_tm1 * T.concatenate([T.zeros((rows, 2)), T.ones((rows, 4))], axis=1)

        outputs, updates = scan(step, sequences=x, outputs_info=h)
        return with_gradients(outputs, [x, h]), updates

    compare(build, numbers(4, 3, 6), BEFORE, in_c=None)


def test_biases_of_numpy_run_in_c():
    bias, U = numbers(6), shared(6, 6)

    def build(scan, x, h):
        outputs, updates = scan(lambda x_t, h_tm1, U: T.tanh(x_t + T.dot(h_tm1, U) + bias), x, h, U)
        return with_gradients(outputs, [x, h, U]), updates

    compare(build, numbers(4, 3, 6), BEFORE)


def test_a_generator_from_zeros_runs_in_c():
    U = shared(6, 6)

    def build(scan, x):
        outputs, updates = scan(lambda h_tm1, U: T.tanh(T.dot(h_tm1, U) + 0.1), outputs_info=T.zeros((x.shape[0], 6)),
                                non_sequences=U, n_steps=4)  # fmt: skip
        return with_gradients(outputs, [U]), updates

    compare(build, BEFORE)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="others do not tell the processor so")
def test_numbers_too_small_to_have_all_their_digits_are_zero():
    """Within a loop; what the processor is told of them ends with it, be it by an error."""
    with change_flags(floatX="float32"):
        x, h = T.ftensor3(), T.fmatrix()
        outputs, _ = scan(lambda x_t, h_tm1: h_tm1 * x_t, x, h)
        function = engine.function([x, h], outputs, mode=IN_C)
    assert is_in_c(function)
    small = np.float32(1e-30)
    for nb_samples in (1, 64):
        given = np.full((6, nb_samples, 2048), 1e-5, "float32"), np.full((nb_samples, 2048), small)
        found = function(*given)
        assert (found[0] > 0).all() and (found[1] == 0).all()
        with pytest.raises(ValueError):
            function(given[0], given[1][:, 1:])
        assert 0 < small * np.float32(1e-10) < np.finfo("float32").tiny
