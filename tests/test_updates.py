"""Updates of weights in one loop, against Theano's own."""

import numpy as np
import pytest
from engines import get_mode

import recurrent_layers as rl
from recurrent_layers import constraints, engine, optimizers
from recurrent_layers.engine import tensor as T
from recurrent_layers.recurrence.loops import Loops

IN_C = get_mode("FAST_RUN")
BY_THEANO = IN_C.excluding("updates_in_c")


def loops(function):
    return [node for node in function.maker.fgraph.toposort() if isinstance(node.op, Loops)]


@pytest.mark.parametrize("name, arguments", [
    ("sgd", {}), ("sgd", {"momentum": 0.9, "decay": 0.1, "nesterov": True}), ("rmsprop", {}), ("adagrad", {}),
    ("adadelta", {}), ("adam", {}), ("adam", {"clipnorm": 0.1}), ("rmsprop", {"clipvalue": 0.01}),
])  # fmt: skip
def test_each_optimizer_makes_the_steps_that_theano_makes(name, arguments):
    found = []
    for mode in (IN_C, BY_THEANO):
        random = np.random.RandomState(0)
        # Less than a vector, and more than is taken at once.
        weights = [engine.shared(random.randn(*shape)) for shape in [(5, 3), (3,), (3, 7000)]]
        x = T.matrix()
        loss = T.mean(T.sqr(T.dot(T.tanh(T.dot(x, weights[0]) + weights[1]), weights[2]) - 1))
        optimizer = optimizers.get(name, arguments)
        function = engine.function([x], loss, mode=mode,
                                   updates=optimizer.get_updates(weights, [lambda new: new] * 3, loss))  # fmt: skip
        losses = [function(random.randn(4, 5)) for _ in range(5)]
        found.append([losses] + [variable.get_value() for variable, _ in optimizer.updates] +
                     [weight.get_value() for weight in weights])
        assert len(loops(function)) == (3 if mode is IN_C else 0)
        assert all(node.op.destroy_map for node in loops(function))
    for one, other in zip(*found):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-14)


def test_beside_random_numbers():
    dropout, w = rl.Dropout(0.5), engine.shared(np.ones((30, 40)))
    dropout.input = T.matrix()
    function = engine.function([dropout.input], dropout.get_output(train=True), updates=[(w, w * 4)], mode=IN_C)
    assert len(loops(function)) == 1
    first, second = function(w.get_value()), function(w.get_value())
    assert set(np.unique(first)) == {0.0, 1.0} and not np.array_equal(first * 4, second), "drawn anew"
    assert (w.get_value() == 16).all()


def test_what_is_read_afterwards_is_not_replaced():
    w, x = engine.shared(np.ones((3, 4))), T.matrix()
    # The old values are an output too, so the new ones need room of their own.
    function = engine.function([x], [w, w.sum()], updates=[(w, w - 0.5 * x)], mode=IN_C)
    old, total = function(np.full((3, 4), 2.0))
    assert len(loops(function)) == 1
    assert np.array_equal(old, np.ones((3, 4))) and total == 12
    assert np.array_equal(w.get_value(), np.zeros((3, 4)))


def test_two_variables_can_change_places():
    a, b = engine.shared(np.zeros((2, 3))), engine.shared(np.ones((2, 3)))
    function = engine.function([], [], updates=[(a, b * 2.0), (b, a + 5.0)], mode=IN_C)
    function()
    assert np.array_equal(a.get_value(), np.full((2, 3), 2.0)) and np.array_equal(b.get_value(), np.full((2, 3), 5.0))
    function()
    assert np.array_equal(a.get_value(), np.full((2, 3), 10.0)) and np.array_equal(b.get_value(), np.full((2, 3), 7.0))


def test_arrays_that_do_not_lie_in_order():
    w = engine.shared(np.asfortranarray(np.arange(12.0).reshape(3, 4)), borrow=True)
    x = T.matrix()
    function = engine.function([x], [], updates=[(w, w + x)], mode=IN_C)
    expected, a = np.arange(12.0).reshape(3, 4), np.arange(24.0)
    for given in (a.reshape(3, 8)[:, ::2], a.reshape(4, 6)[:3, :4], a.reshape(6, 4)[2::-1],
                  np.broadcast_to(a[:4], (3, 4)), np.asfortranarray(a[:12].reshape(3, 4))):  # fmt: skip
        function(given)
        expected = expected + given
        assert np.array_equal(w.get_value(), expected)


def test_weights_that_do_not_lie_in_order():
    w = engine.shared(np.arange(24.0).reshape(4, 6)[:3, :4], borrow=True)
    expected = w.get_value() * 2
    engine.function([], [], updates=[(w, w * 2.0)], mode=IN_C)()
    assert np.array_equal(w.get_value(), expected)


def test_other_shapes_are_refused():
    w, x = engine.shared(np.ones((3, 4))), T.matrix()
    function = engine.function([x], [], updates=[(w, w + x)], mode=IN_C)
    with pytest.raises(ValueError, match="different shapes"):
        function(np.ones((3, 1)))
    assert np.array_equal(w.get_value(), np.ones((3, 4)))


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_new_values_may_be_scaled_by_their_own_norm(optimizer):
    found = []
    for mode in (IN_C, BY_THEANO):
        b, x = engine.shared(np.linspace(1, 2, 5)), T.matrix()
        loss = T.mean(T.sqr(x + b))
        arguments = {"momentum": 0.9, "nesterov": True} if optimizer == "sgd" else {}
        steps = optimizers.get(optimizer, arguments)
        function = engine.function([x], loss, mode=mode, updates=steps.get_updates(
            [b], [lambda new: new * 2 / T.maximum(2, T.sqrt(T.sum(T.sqr(new))))], loss))  # fmt: skip
        found.append([float(function(np.ones((3, 5)))) for _ in range(4)] + [b.get_value()])
    for one, other in zip(*found):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_what_depends_on_another_new_value_by_more_than_elements():
    for later in (lambda m: T.sum(T.sqr(m)), lambda m: T.dot(m, np.ones((4, 4)))):
        found = []
        for mode in (IN_C, BY_THEANO):
            m, p, g = engine.shared(np.arange(4.0)), engine.shared(np.ones(4)), T.vector()
            new = m + g
            function = engine.function([g], [], mode=mode, updates=[(m, new), (p, p - new * later(new))])
            for _ in range(3):
                function(np.linspace(0, 1, 4))
            found.append((m.get_value(), p.get_value()))
        np.testing.assert_allclose(found[0], found[1], rtol=1e-12)


@pytest.mark.parametrize("dtype", ["int64", "bool", "complex128"])
def test_other_numbers_are_left_to_theano(dtype):
    n = engine.shared(np.zeros(3, dtype))
    function = engine.function([], [], updates=[(n, T.cast(T.neq(n, n) + T.ones_like(n), dtype))] if dtype == "bool"
                               else [(n, n + np.ones(3, dtype))], mode=IN_C)  # fmt: skip
    function()
    assert np.array_equal(n.get_value(), np.ones(3, dtype)) and not loops(function)


class Gradient(engine.Op):
    """The identity, interrupted as by Ctrl-C while `is_interrupted`."""

    __props__ = ()
    is_interrupted = False

    def make_node(self, x):
        return engine.Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        if self.is_interrupted:
            raise KeyboardInterrupt
        output_storage[0][0] = inputs[0].copy()


class Identity(Gradient):
    is_interrupted = property(lambda self: False)

    def grad(self, inputs, output_gradients):
        return [Gradient()(output_gradients[0])]


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "adagrad", "adadelta", "adam"])
@pytest.mark.parametrize("mode", ["FAST_RUN", "FAST_COMPILE"])
def test_a_step_that_is_interrupted_changes_nothing(name, mode, monkeypatch):
    """Without an order, the upper weights are written over before the gradients of the lower are computed."""
    lower, upper, x = engine.shared(np.random.randn(3, 4)), engine.shared(np.random.randn(4, 2)), T.matrix()
    loss = T.mean(T.sqr(T.dot(Identity()(T.tanh(T.dot(x, lower))), upper) - 1))
    optimizer = optimizers.get(name)
    updates = optimizer.get_updates([upper, lower], [constraints.maxnorm(0.5)] * 2, loss)
    step, X = engine.function([x], loss, updates=updates, mode=mode), np.random.randn(6, 3)
    step(X)
    before = optimizer.get_state()
    with monkeypatch.context() as patches, pytest.raises(KeyboardInterrupt):
        patches.setattr(Gradient, "is_interrupted", True)
        step(X)
    for value, reference in zip(optimizer.get_state(), before):
        np.testing.assert_array_equal(value, reference)
    step(X)
    assert not any(np.array_equal(value, reference) for value, reference in zip(optimizer.get_state(), before))
