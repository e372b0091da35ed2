"""What scripts of the time use of `theano`: of Theano itself, or of what stands in for it on PyTensor."""

import sys

import numpy as np
import pytest
from engines import change_flags
from numpy.testing import assert_allclose, assert_array_equal

import recurrent_layers as rl

rl.engine.provide_theano()

import theano  # noqa: E402
import theano.tensor as T  # noqa: E402
from theano import config, function, shared  # noqa: E402
from theano.ifelse import ifelse  # noqa: E402
from theano.sandbox.rng_mrg import MRG_RandomStreams  # noqa: E402
from theano.tensor.shared_randomstreams import RandomStreams  # noqa: E402

STREAMS = [MRG_RandomStreams, RandomStreams]
a = np.array([[-2.0, 0.0, 0.5], [3.0, -0.25, 1.0]])


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def value(expression, *variables_and_values):
    """What an expression is for the values of some variables."""
    variables, values = variables_and_values[::2], variables_and_values[1::2]
    return function(list(variables), expression, on_unused_input="ignore")(*values)


# ---- Scripts ----------------------------------------------------------------------------------------------


def test_logistic_regression():
    """As in Theano's tutorial."""
    random = np.random.RandomState(0)
    data, labels = random.randn(50, 6).astype(config.floatX), random.randint(0, 2, 50)
    x, y = T.matrix("x"), T.ivector("y")
    w = shared(np.zeros(6, dtype=config.floatX), name="w")
    b = shared(np.asarray(0.0, dtype=config.floatX), name="b")
    p_1 = 1 / (1 + T.exp(-T.dot(x, w) - b))
    cost = (-y * T.log(p_1) - (1 - y) * T.log(1 - p_1)).mean() + 0.01 * (w ** 2).sum()
    gw, gb = T.grad(cost, [w, b])
    train = function(inputs=[], outputs=[p_1 > 0.5, cost], updates=((w, w - 0.1 * gw), (b, b - 0.1 * gb)),
                     givens={x: shared(data), y: T.cast(shared(labels), "int32")})  # fmt: skip
    weights, bias = np.zeros(6), 0.0
    for _ in range(3):
        prediction, cost_found = train()
        p = sigmoid(data.dot(weights) + bias)
        assert_allclose(cost_found, -np.mean(np.log(np.where(labels, p, 1 - p))) + 0.01 * (weights ** 2).sum())
        assert_array_equal(prediction, p > 0.5)
        weights = weights - 0.1 * (data.T.dot(p - labels) / 50 + 0.02 * weights)
        bias -= 0.1 * (p - labels).mean()
    assert_allclose(w.get_value(), weights)
    assert_allclose(b.get_value(), bias)


@pytest.mark.parametrize("truncate_gradient", [-1, 2])
def test_a_recurrent_network_by_scan(truncate_gradient):
    x, h0, W, U = T.matrix("x"), T.vector("h0"), T.matrix("W"), T.matrix("U")
    outputs, updates = theano.scan(lambda x_t, h_tm1, W, U: T.tanh(T.dot(x_t, W) + T.dot(h_tm1, U)), sequences=[x],
                                   outputs_info=[h0], non_sequences=[W, U], truncate_gradient=truncate_gradient)
    assert not updates
    random = np.random.RandomState(0)
    given = [random.randn(*shape) for shape in [(5, 3), (4,), (3, 4), (4, 4)]]
    states, gradient = value([outputs, T.grad(outputs[-1].sum(), U)], *sum(zip((x, h0, W, U), given), ()))
    hs = [given[1]]
    for x_t in given[0]:
        hs.append(np.tanh(x_t.dot(given[2]) + hs[-1].dot(given[3])))
    assert_allclose(states, hs[1:])
    expected, back = np.zeros((4, 4)), np.ones(4)
    for t in range(5, 0 if truncate_gradient == -1 else 5 - truncate_gradient, -1):
        back = back * (1 - hs[t] ** 2)
        expected += np.outer(hs[t - 1], back)
        back = given[3].dot(back)
    assert_allclose(gradient, expected)


def test_a_layer_of_ours_in_a_graph_of_theano():
    layer = rl.GRU(3, 2)
    layer.input = T.tensor3()
    rng = MRG_RandomStreams(seed=3)
    y = layer.get_output() * rng.binomial(size=(2,), n=1, p=0.5, dtype=config.floatX)
    f = theano.function([layer.input], [y, layer.get_output()])
    drawn = np.array([np.divide(*f(np.ones((1, 4, 3)))) for _ in range(40)])
    assert set(np.unique(drawn)) == {0.0, 1.0} and 0.25 < drawn.mean() < 0.75


def test_an_op_of_ones_own():
    class Square(theano.Op):
        __props__ = ()

        def make_node(self, x):
            x = T.as_tensor_variable(x)
            return theano.Apply(self, [x], [x.type()])

        def perform(self, node, inputs, output_storage):
            output_storage[0][0] = inputs[0] ** 2

        def grad(self, inputs, output_gradients):
            return [2 * inputs[0] * output_gradients[0]]

    x = T.matrix()
    assert_allclose(value(T.grad(Square()(x).sum(), x), x, a), 2 * a)


def test_persistent_state_and_conditions():
    state, step = shared(0), T.iscalar("step")
    accumulate = function([theano.In(step)], state, updates=[(state, state + step)])
    accumulate(1), accumulate(2)
    assert state.get_value() == 3
    x = T.scalar()
    assert value(ifelse(T.gt(x, 0), x, -x), x, -2.0) == 2


def test_a_graph_with_something_else_in_place():
    x, y = T.vectors("x", "y")
    assert_allclose(value(theano.clone(x ** 2, replace={x: y + 1}), y, a[0]), (a[0] + 1) ** 2)


def test_printing(capsys):
    x = T.vector("x")
    assert "x" in theano.pp(x ** 2) and "x" in theano.printing.pprint(x)
    value(theano.printing.Print("shown", attrs=("shape",))(x) * 1, x, a[0])
    theano.printing.debugprint(x ** 2)
    output = capsys.readouterr().out
    assert "shown" in output and "(3,)" in output and "[id A]" in output


# ---- Functions --------------------------------------------------------------------------------------------


x = T.matrix("x")
ELEMENTWISE = {
    "sigmoid": (T.nnet.sigmoid, sigmoid), "softplus": (T.nnet.softplus, lambda x: np.log1p(np.exp(x))),
    "hard_sigmoid": (T.nnet.hard_sigmoid, lambda x: np.clip(0.2 * x + 0.5, 0, 1)),
    "softmax": (T.nnet.softmax, softmax), "logsoftmax": (T.nnet.logsoftmax, lambda x: np.log(softmax(x))),
    "relu": (T.nnet.relu, lambda x: np.maximum(x, 0)),
    "leaky": (lambda x: T.nnet.relu(x, 0.1), lambda x: np.where(x > 0, x, 0.1 * x)),
    "elu": (lambda x: T.nnet.elu(x, 2.0), lambda x: np.where(x > 0, x, 2 * np.expm1(x))),
    "selu": (T.nnet.selu, lambda x: np.where(x > 0, 1.0507009873554805 * x, 1.7580993408473766 * np.expm1(x))),
    "softsign": (lambda x: x / (1.0 + abs(x)), lambda x: x / (1 + abs(x))),
    "abs_": (T.abs_, abs), "inv": (lambda x: T.inv(x + 5), lambda x: 1 / (x + 5)),
    "batched_dot": (lambda x: T.batched_dot(x, x), lambda x: (x * x).sum(axis=1)),
    "batched_dot of matrices": (lambda x: T.batched_dot(x.dimshuffle(0, 1, "x"), x.dimshuffle(0, "x", 1)),
                                lambda x: x[:, :, None] * x[:, None, :]),
    "stack": (lambda x: T.stack(x[0], x[1], x[0]), lambda x: x[[0, 1, 0]]),
    "stack of a list": (lambda x: T.stack([x[0], x[1]], axis=1), lambda x: x.T),
    "addbroadcast": (lambda x: x + T.addbroadcast(x[:, :1], 1), lambda x: x + x[:, :1]),
    "patternbroadcast": (lambda x: x + T.patternbroadcast(x[:1], (True, False)), lambda x: x + x[:1]),
    "dot": (lambda x: theano.dot(x, x.T), lambda x: x.dot(x.T)),
    "std": (lambda x: T.std(x, axis=0), lambda x: x.std(axis=0)),
    "set_subtensor": (lambda x: T.set_subtensor(x[0, 1:], 7.0), lambda x: np.array([[x[0, 0], 7, 7], x[1]])),
    "argmax": (lambda x: T.argmax(x, axis=1), lambda x: x.argmax(axis=1)),
    "switch": (lambda x: T.switch(T.neq(x, 0), x, T.constant(9.0)), lambda x: np.where(x != 0, x, 9)),
    "reduce": (lambda x: theano.reduce(lambda row, total: row + total, x, T.zeros_like(x[0]))[0],
               lambda x: x.sum(axis=0)),
    "map": (lambda x: theano.map(lambda row: row.sum(), x)[0], lambda x: x.sum(axis=1)),
    "foldl": (lambda x: theano.foldl(lambda row, total: row - total, x, T.zeros_like(x[0]))[0], lambda x: x[1] - x[0]),
}  # fmt: skip


@pytest.mark.parametrize("of_theano, of_numpy", ELEMENTWISE.values(), ids=ELEMENTWISE)
def test_functions(of_theano, of_numpy):
    assert_allclose(value(of_theano(x), x, a), of_numpy(a), rtol=1e-6)


def test_a_vector_in_softmax_is_a_row():
    v = T.vector()
    assert_allclose(value(T.nnet.softmax(v), v, a[0]), softmax(a[:1]))
    with pytest.raises(ValueError, match="1-d or 2-d"):
        T.nnet.softmax(T.tensor3())


def test_relu_has_half_a_slope_at_0():
    assert_array_equal(value(T.grad(T.nnet.relu(x).sum(), x), x, a), [[0, 0.5, 1], [1, 0, 1]])


def test_crossentropies():
    p, y = softmax(a), np.array([2, 0])
    one_hot = np.eye(3)[y]
    target, labels = T.matrix(), T.lvector()
    expected = -np.log(p[[0, 1], y])
    assert_allclose(value(T.nnet.categorical_crossentropy(x, target), x, p, target, one_hot), expected)
    assert_allclose(value(T.nnet.categorical_crossentropy(x, labels), x, p, labels, y), expected)
    binary = -(one_hot * np.log(p) + (1 - one_hot) * np.log(1 - p))
    assert_allclose(value(T.nnet.binary_crossentropy(x, target), x, p, target, one_hot), binary)
    from_logits = T.nnet.sigmoid_binary_crossentropy(x, target)
    assert_allclose(value(from_logits, x, np.log(p / (1 - p)), target, one_hot), binary)


def test_rop_and_lop():
    W, v = T.matrix(), T.vector()
    y = T.tanh(T.dot(W, v))
    weights, at, direction = a[:, :2], a[0, 1:], a[1, :2]
    slope = 1 - np.tanh(weights.dot(at)) ** 2
    d = T.vector()
    assert_allclose(value(T.Rop(y, v, d), W, weights, v, at, d, direction), slope * weights.dot(direction))
    assert_allclose(value(T.Lop(y, v, d), W, weights, v, at, d, direction), weights.T.dot(slope * direction))
    assert_allclose(value(theano.gradient.jacobian(y, v), W, weights, v, at), slope[:, None] * weights)


def test_gradients_that_are_held_back():
    assert_array_equal(value(T.grad((x * theano.gradient.disconnected_grad(x)).sum(), x), x, a), a)
    assert_array_equal(value(T.grad(theano.gradient.grad_clip(3 * x, -1, 1).sum(), x), x, a), np.full_like(a, 3.0))


# ---- Random numbers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("streams", STREAMS)
def test_random_numbers(streams):
    def draw(seed):
        rng = streams(seed)
        f = function([], [rng.uniform((400,), low=2.0, high=3.0), rng.normal(size=(400,), avg=1.0, std=0.1),
                          rng.binomial((400,), n=1, p=0.25), rng.multinomial(pvals=np.full((200, 2), 0.5))])
        return f(), f()

    (uniform, normal, binomial, multinomial), second = draw(5)
    assert uniform.dtype == normal.dtype == config.floatX and binomial.dtype == "int64"
    assert 2 <= uniform.min() < uniform.max() < 3 and abs(uniform.mean() - 2.5) < 0.1
    assert abs(normal.mean() - 1) < 0.05 and 0.08 < normal.std() < 0.12
    assert set(binomial) == {0, 1} and 0.15 < binomial.mean() < 0.35
    assert multinomial.shape == (200, 2) and (multinomial.sum(axis=1) == 1).all() and 60 < multinomial[:, 0].sum() < 140
    assert not np.array_equal(uniform, second[0]), "drawn anew at each call"
    assert_array_equal(draw(5)[1][0], second[0])
    assert not np.array_equal(draw(6)[0][0], uniform)


def test_whole_numbers_and_orders():
    rng = RandomStreams(1)
    f = function([], [rng.random_integers(size=(300,), low=1, high=3), rng.permutation(n=6),
                      rng.choice(size=(200,), a=3, p=[0.0, 0.5, 0.5]), rng.poisson(size=(300,), lam=4.0)])
    numbers, order, choice, poisson = f()
    assert set(numbers) == {1, 2, 3} and sorted(order) == list(range(6)) and set(choice) == {1, 2}
    assert 3.5 < poisson.mean() < 4.5


@pytest.mark.parametrize("streams", STREAMS)
def test_random_numbers_within_scan_need_its_updates(streams):
    rng = streams(3)
    drawn, updates = theano.scan(lambda: rng.uniform((2,)), n_steps=4)
    f = function([], drawn, updates=updates)
    first, second = f(), f()
    assert len(np.unique([first, second])) == 16


# ---- Flags ------------------------------------------------------------------------------------------------


def test_flags():
    assert config.floatX == "float64" and config.device == "cpu" and config.compute_test_value == "off"
    assert config.blas.ldflags == rl.engine.prepare().engine.get("blas.ldflags")
    with change_flags(floatX="float32"):
        assert config.floatX == "float32" and T.matrix().dtype == "float32"
        config.floatX = "float64"
        assert T.matrix().dtype == "float64"
    with theano.configparser.change_flags(floatX="float32", compute_test_value="off"):
        assert T.scalar().dtype == "float32"
    assert T.scalar().dtype == "float64"
    with pytest.raises(AttributeError):
        config.no_such_flag  # noqa: B018


def test_updates_that_are_added():
    one, two = shared(1.0), shared(2.0)
    updates = theano.OrderedUpdates([(one, one + 1)]) + [(two, two * 2)]
    function([], [], updates=updates)()
    assert (one.get_value(), two.get_value()) == (2, 4)


def test_asking_again_changes_nothing():
    before = sys.modules["theano"], len(sys.meta_path)
    rl.engine.provide_theano()
    assert (sys.modules["theano"], len(sys.meta_path)) == before
