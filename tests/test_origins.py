"""Sequences that are made by products of all steps at once: what the loop takes of that, and what it must not."""

import types

import numpy as np
import pytest
from compiled import BY_SCAN, IN_C, assert_same, is_in_c
from engines import own_scan

from recurrent_layers import engine
from recurrent_layers.engine import nnet
from recurrent_layers.engine import tensor as T
from recurrent_layers.recurrence import scan

NB_SAMPLES, TIMESTEPS, INPUT_DIM, OUTPUT_DIM = 5, 7, 3, 4

# PyTensor's own, of the updates that scan gives.
pytestmark = pytest.mark.filterwarnings("ignore:Scan return signature will change:DeprecationWarning")


def weights():
    """Shared variables by name."""
    rng = np.random.RandomState(0)
    shapes = {"W": (INPUT_DIM, 4 * OUTPUT_DIM), "b": (4 * OUTPUT_DIM,), "U": (OUTPUT_DIM, 4 * OUTPUT_DIM),
              "first": (INPUT_DIM, 2), "second": (2, 4 * OUTPUT_DIM)}  # fmt: skip
    for gate in "ifoc":
        shapes.update({f"W_{gate}": (INPUT_DIM, OUTPUT_DIM), f"b_{gate}": (OUTPUT_DIM,)})
    return {name: engine.shared(rng.uniform(-1, 1, shape), name) for name, shape in shapes.items()}


def steps_first(x):
    return x.dimshuffle(1, 0, 2)


def of_gate(x, w, gate, timesteps=TIMESTEPS):
    rows = T.dot(T.reshape(x, (-1, INPUT_DIM)), getattr(w, f"W_{gate}")) + getattr(w, f"b_{gate}")
    return T.reshape(rows, (-1, timesteps, OUTPUT_DIM))


def of_gates(x, w):
    """As Keras 0.3 does: a product for each gate, and sizes that are numbers."""
    return steps_first(T.concatenate([of_gate(x, w, gate) for gate in "ifoc"], axis=2))


def of_rows(x, w):
    samples, timesteps, input_dim = (x.shape[axis] for axis in range(3))
    rows = T.dot(T.reshape(x, (samples * timesteps, input_dim)), w.W) + w.b
    return steps_first(T.reshape(rows, (samples, timesteps, w.W.shape[1])))


# What sequences are made of x (nb_samples, timesteps, input_dim) and weights, in a way that the loop takes.
TAKEN = {
    "product": lambda x, w: T.dot(steps_first(x), w.W),
    "product and bias": lambda x, w: T.dot(steps_first(x), w.W) + w.b,
    "samples first": lambda x, w: steps_first(T.dot(x, w.W) + w.b),
    "tensordot": lambda x, w: T.tensordot(steps_first(x), w.W, axes=[[2], [0]]) - w.b,
    "numbers": lambda x, w: 2 * (T.dot(steps_first(x), w.W) + 0.5) * w.b,
    "backwards": lambda x, w: T.dot(steps_first(x), w.W)[::-1] + w.b,
    "some steps": lambda x, w: (T.dot(steps_first(x), w.W) + w.b)[1:-1],
    "rows": of_rows,
    "gates": of_gates,
    "one column": lambda x, w: T.dot(engine.of_size_1(steps_first(x)[:, :, :1], 2), w.W[:1]) + w.b,
    "cut": lambda x, w: T.dot(steps_first(x), T.concatenate([w.first, w.W], axis=1))[:, :, :4 * OUTPUT_DIM],
    "two products": lambda x, w: T.dot(steps_first(x), w.W) + T.dot(steps_first(x)[::-1], w.W) * w.b,
}  # fmt: skip
if engine.NAME == "PyTensor":
    TAKEN["matmul"] = lambda x, w: steps_first(x) @ w.W + w.b


def gated(x_t, h_tm1, c_tm1, U):
    z = x_t + T.dot(h_tm1, U)
    i, f, o, g = (z[:, k * OUTPUT_DIM:(k + 1) * OUTPUT_DIM] for k in range(4))
    c_t = nnet.sigmoid(f) * c_tm1 + nnet.sigmoid(i) * T.tanh(g)
    return nnet.sigmoid(o) * T.tanh(c_t), c_t


def compiled(which, mode, form, step=gated):
    """A function of x: the states after all steps, and the gradients of all that the sequence is made of."""
    w, x = types.SimpleNamespace(**weights()), T.tensor3("x")
    zeros = T.alloc(np.zeros((), engine.config.floatX), x.shape[0], OUTPUT_DIM)
    outputs, _ = which(step, form(x, w), [zeros, zeros], w.U)
    cost = T.sum(outputs[0] ** 2) + T.sum(outputs[1][-1])
    gradients = T.grad(cost, [x, *vars(w).values()], disconnected_inputs="ignore")
    return engine.function([x], outputs + gradients, mode=mode), w


def products(function):
    """Those that the loop does not do."""
    return [node for node in function.maker.fgraph.toposort()
            if any(word in str(node.op).lower() for word in ("dot", "gemm", "gemv", "matmul"))]  # fmt: skip


def check(form, step=gated, timesteps=TIMESTEPS):
    in_c, _ = compiled(scan, IN_C, form, step)
    by_scan, _ = compiled(own_scan, BY_SCAN, form, step)
    assert is_in_c(in_c)
    x = np.random.RandomState(1).randn(NB_SAMPLES, timesteps, INPUT_DIM)
    assert_same(in_c(x), by_scan(x))
    return in_c


# One of each kind on PyTensor, which takes longer to compile.
SOME = ["product and bias", "gates", "two products", "one column", "matmul"]


@pytest.mark.parametrize("name", TAKEN if engine.NAME == "Theano" else SOME)
def test_products_of_sequences_are_made_by_the_loop(name):
    assert not products(check(TAKEN[name]))


# What looks like one, but whose rows are not those of x at a step; and what the step multiplies again.
NOT_TAKEN = {
    "rows that are put together": lambda x, w: steps_first(T.reshape(T.dot(T.reshape(x, (-1, INPUT_DIM)), w.first), (
        -1, 2, 4 * OUTPUT_DIM))),
    "rows that are divided": lambda x, w: steps_first(T.reshape(
        T.dot(T.reshape(x, (-1, INPUT_DIM)), T.concatenate([w.W, w.W + 1], axis=1)), (-1, 14, 4 * OUTPUT_DIM))),
    "joined, of sizes that are not known": lambda x, w: T.concatenate([T.dot(steps_first(x), w.first), T.dot(
        steps_first(2 * x), w.W)], axis=2)[:, :, :4 * OUTPUT_DIM],
    "a product of a product": lambda x, w: T.dot(T.dot(steps_first(x), w.first), w.second) + w.b,
    "as many columns as are left": lambda x, w: steps_first(T.reshape(
        T.dot(T.reshape(x, (-1, INPUT_DIM)), w.W), (NB_SAMPLES, TIMESTEPS, -1))),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_TAKEN)
def test_rows_that_do_not_stay_are_made_before(name):
    assert products(check(NOT_TAKEN[name], timesteps=16 if "together" in name else TIMESTEPS))


def test_what_the_step_multiplies_is_made_before():
    """Else the loop could not multiply it some steps ahead."""

    def step(x_t, h_tm1, c_tm1, U):
        return gated(T.dot(T.tanh(x_t), U), h_tm1, c_tm1, U)

    assert products(check(lambda x, w: T.dot(steps_first(x), w.W[:, :OUTPUT_DIM]) + w.b[:OUTPUT_DIM], step))


def test_numbers_of_columns_that_are_relied_on_are_looked_at():
    """A weight may get another shape after the loop has been built."""
    function, w = compiled(scan, IN_C, of_gates)
    w.W_i.set_value(np.zeros((INPUT_DIM, OUTPUT_DIM + 1)))
    w.b_i.set_value(np.zeros(OUTPUT_DIM + 1))
    with pytest.raises(ValueError, match="columns are given where|sizes that do not fit"):
        function(np.zeros((NB_SAMPLES, TIMESTEPS, INPUT_DIM)))


OF_OTHER_LENGTHS = {
    "added": lambda x, w: T.dot(steps_first(x), w.W) + T.dot(steps_first(x)[1:], w.W),
    "joined": lambda x, w: steps_first(T.concatenate([of_gate(one, w, gate, one.shape[1]) for one, gate in (
        (x, "i"), (x[:, 1:], "f"), (x, "o"), (x, "c"))], axis=2)),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_OTHER_LENGTHS)
def test_sequences_that_are_put_together_must_be_as_long(name):
    """Though of several sequences that scan is given, a longer one is taken in part."""
    function, _ = compiled(scan, IN_C, OF_OTHER_LENGTHS[name])
    assert not products(function)
    with pytest.raises(AssertionError, match="other numbers of steps"):
        function(np.zeros((NB_SAMPLES, TIMESTEPS, INPUT_DIM)))


def test_such_a_loop_by_scan():
    """What C cannot do of a step, the engine's scan does; the products are still made before."""

    def step(x_t, h_tm1, c_tm1, U):
        h_t, c_t = gated(x_t, h_tm1, c_tm1, U)
        return T.sort(h_t, axis=1), c_t

    def with_product(x_t, h_tm1, c_tm1, U):
        return step(T.dot(x_t, T.concatenate([U[:1], U[:1] + 1])[:1]), h_tm1, c_tm1, U)

    x = np.random.RandomState(1).randn(NB_SAMPLES, TIMESTEPS, INPUT_DIM)
    for form, step_of_form in [(TAKEN["two products"], step),
                               (lambda x, w: engine.of_size_1(steps_first(x)[:, :, :1], 2), with_product)]:
        (ours, _), (own, _) = (compiled(which, mode, form, step_of_form) for which, mode in (
            (scan, IN_C), (own_scan, BY_SCAN)))  # fmt: skip
        assert not is_in_c(ours)
        assert_same(ours(x), own(x))
