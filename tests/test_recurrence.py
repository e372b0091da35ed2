"""The recurrence in C against the plain scan: outputs and all gradients."""

import pickle

import numpy as np
import pytest
from compiled import BY_SCAN, IN_C, assert_same, is_in_c, ops
from conftest import masked_input
from engines import Mode, Scan, change_flags

import recurrent_layers as rl
from recurrent_layers import GRU, JZS1, LSTM, SimpleRNN, engine
from recurrent_layers.engine import tensor as T
from recurrent_layers.layers.recurrent import Recurrent
from recurrent_layers.layers.zoo import PeepholeLSTM
from recurrent_layers.recurrence import loops
from recurrent_layers.recurrence import ops as ops_module
from recurrent_layers.recurrence.loops import Loops
from recurrent_layers.recurrence.ops import Scannable


def functions(layer, mask=None, with_x=True, modes=(IN_C, BY_SCAN)):
    """The layer's output and gradients as a function of x, the output's gradient and the mask, in each mode."""
    if mask is not None:
        masked_input(layer, mask)
    y = layer.get_output()
    y_gradient = y.type()
    gradients = T.grad(T.sum(y * y_gradient), layer.params + [layer.input] * with_x)
    given = [layer.input, y_gradient] + [mask] * (mask is not None)
    return [engine.function(given, [y] + gradients, mode=mode) for mode in modes]


def values(layer, nb_samples, timesteps, masked=False):
    """Input, gradient of the output and mask; weights that are not small."""
    for param in layer.params:
        value = param.get_value()
        param.set_value((value + np.random.normal(0, 0.3, value.shape)).astype(value.dtype))
    x = np.random.randn(nb_samples, timesteps, layer.input_dim).astype(engine.config.floatX)
    shape = (nb_samples, timesteps, layer.output_dim) if layer.return_sequences else (nb_samples, layer.output_dim)
    y_gradient = np.random.randn(*shape).astype(engine.config.floatX)
    mask = (np.random.rand(nb_samples, timesteps) < 0.7).astype(engine.config.floatX)
    return [x, y_gradient] + [mask] * masked


def check(layer, masked):
    in_c, by_scan = functions(layer, T.matrix() if masked else None)
    assert is_in_c(in_c) and not is_in_c(by_scan)
    # More than a tile and less than one in each direction, threads with different numbers of samples.
    for nb_samples, timesteps in [(13, 9), (1, 1), (2, 3)]:
        given = values(layer, nb_samples, timesteps, masked)
        assert_same(in_c(*given), by_scan(*given))


def test_outputs_and_gradients_are_those_of_scan_in_float32(recurrent):
    with change_flags(floatX="float32"):
        check(recurrent(7, 67, return_sequences=True, truncate_gradient=3), masked=True)


@pytest.mark.parametrize("recurrent", ["SimpleDeepRNN", "LSTM", "JZS3"], indirect=True)
def test_outputs_and_gradients_are_those_of_scan_in_float64(recurrent):
    check(recurrent(7, 67), masked=False)


@pytest.mark.parametrize("return_sequences, masked, truncate_gradient", [
    (True, False, -1), (True, True, -1), (False, True, 2), (False, False, 1), (True, True, 100),
])  # fmt: skip
def test_masks_truncation_and_sequences(return_sequences, masked, truncate_gradient):
    check(GRU(3, 20, return_sequences=return_sequences, truncate_gradient=truncate_gradient), masked)


@pytest.mark.parametrize("output_dim", [1, 16, 129])
@pytest.mark.parametrize("input_dim", [1, 65])
def test_all_sizes(input_dim, output_dim):
    layer = GRU(input_dim, output_dim, activation="tanh")
    in_c, by_scan = functions(layer)
    given = values(layer, nb_samples=5, timesteps=4)
    assert_same(in_c(*given), by_scan(*given))


def test_sums_over_many_steps_are_exact_enough():
    with change_flags(floatX="float32"):
        layer = LSTM(3, 5)
        in_c, _ = functions(layer)
        given = values(layer, nb_samples=40, timesteps=700)
    with change_flags(floatX="float64"):
        exact = LSTM(3, 5, weights=[param.get_value() for param in layer.params])
        _, by_scan = functions(exact)
    references = by_scan(*given)
    for result, reference in zip(in_c(*given), references):
        assert np.abs(result - reference).max() <= 1e-5 * np.abs(reference).max()


ACTIVATIONS = {
    "relu": "relu", "softplus": "softplus", "linear": "linear", "hard_sigmoid": "hard_sigmoid",
    "gelu": lambda x: x * engine.nnet.sigmoid(1.702 * x),
    "leaky": lambda x: T.switch(x > 0, x, 0.1 * x),
    "elu": lambda x: T.switch(x > 0, x, T.expm1(x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "minimum": lambda x: T.minimum(x, 0.5) ** 2,
}  # fmt: skip


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_elementwise_activations_run_in_c(activation):
    check(SimpleRNN(4, 20, activation=ACTIVATIONS[activation]), masked=False)


@pytest.mark.parametrize("name, function, by_numpy", [
    ("tanh", T.tanh, np.tanh), ("sigmoid", engine.nnet.sigmoid, lambda x: 1 / (1 + np.exp(-x))), ("exp", T.exp, np.exp),
    ("softplus", engine.nnet.softplus, lambda x: np.maximum(x, 0) + np.log1p(np.exp(-abs(x)))),
    ("log", lambda x: T.log(abs(x)), lambda x: np.log(abs(x))),
    ("log1p", lambda x: T.log1p(abs(x)), lambda x: np.log1p(abs(x))),
])  # fmt: skip
@pytest.mark.parametrize("floatX", ["float32", "float64"])
def test_functions_of_a_number_are_right_everywhere(name, function, by_numpy, floatX):
    """Small and large, infinite and NaN, as many as fill the vectors of the processor and some more."""
    # Beyond it `sigmoid` and `exp` leave the range of float32 that is not denormal.
    ends = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-30, -1e-30, 1e-7, 20.0, -20.0, 87.0, -87.0]
    x = np.concatenate([ends, np.linspace(-30, 30, 512), np.geomspace(1e-10, 80, 131)]).astype(floatX)
    with change_flags(floatX=floatX):
        layer = SimpleRNN(1, len(x), activation=function, init="zero", inner_init="zero")
        layer.b.set_value(x)
        compute = engine.function([layer.input], layer.get_output(), mode=IN_C)
    assert is_in_c(compute)
    with np.errstate(all="ignore"):
        expected = by_numpy(x.astype("longdouble"))
    found, eps = compute(np.zeros((1, 1, 1), floatX))[0], np.finfo(floatX).eps
    np.testing.assert_allclose(found, expected.astype(floatX), rtol=8 * eps, atol=0)


def log_softmax(x):
    return engine.nnet.logsoftmax(x)


@pytest.mark.parametrize("activation", ["softmax", log_softmax, lambda x: x - x.mean(axis=1, keepdims=True)])
def test_activations_of_whole_rows_run_in_c(activation):
    check(SimpleRNN(4, 20, activation=activation), masked=False)


def test_why_nothing_runs_in_c_is_logged_once(caplog, monkeypatch):
    monkeypatch.setattr(loops, "what_is_missing", lambda: "there is no C++ compiler")
    ops_module._say_once.cache_clear()
    with caplog.at_level("INFO", "recurrent_layers"):
        for _ in range(2):
            function, = functions(SimpleRNN(2, 3), modes=(IN_C,))
            assert not is_in_c(function)
    said = [record.getMessage() for record in caplog.records if record.name.startswith("recurrent_layers")]
    assert said == ["all recurrences run by scan: there is no C++ compiler"]


def test_other_activations_run_by_scan(caplog):
    layer = SimpleRNN(4, 5, activation=lambda x: T.tanh(T.cumsum(x, axis=1)))
    with caplog.at_level("INFO", "recurrent_layers"):
        in_c, by_scan = functions(layer)
    assert not is_in_c(in_c) and ops(in_c, Scan)
    assert "SimpleRNN runs by scan: its step has" in caplog.text
    given = values(layer, nb_samples=3, timesteps=5)
    assert_same(in_c(*given), by_scan(*given))


class TestSecondDerivatives:
    def check(self, *layers, mode=BY_SCAN):
        for below, layer in zip(layers, layers[1:]):
            layer.set_previous(below)
        layers[0].input = T.tensor3()
        params = [param for layer in layers for param in layer.params]
        cost = T.sum(layers[-1].get_output() ** 2)
        self.check_along(cost, layers[0].input, params, np.random.randn(2, 4, 2), mode)

    def check_along(self, cost, x, params, X, mode=BY_SCAN):
        """The derivatives of the gradient along a direction, against differences of the gradient."""
        directions = [np.random.randn(*param.get_value().shape) for param in params]
        gradients = T.grad(cost, params)
        along = sum(T.sum(gradient * direction) for gradient, direction in zip(gradients, directions))
        second = engine.function([x], T.grad(along, params), mode=mode)(X)
        first, ends = engine.function([x], gradients, mode=mode), []
        for sign in (1, -1):
            for param, direction in zip(params, directions):
                param.set_value(param.get_value() + sign * 1e-5 * direction)
            ends.append(first(X))
            for param, direction in zip(params, directions):
                param.set_value(param.get_value() - sign * 1e-5 * direction)
        for found, after, before in zip(second, *ends):
            expected = (after - before) / 2e-5
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * abs(expected).max() + 1e-7)

    def test_of_the_last_output(self):
        self.check(rl.TimeDistributedDense(2, 2, activation="tanh"), SimpleRNN(2, 3, activation="tanh"))

    def test_of_sequences(self, recurrent):
        self.check(recurrent(2, 3, return_sequences=True), recurrent(3, 2, return_sequences=True))

    def test_in_c_and_with_a_mask(self):
        """The first derivatives run in C, what follows from them by scan."""
        layers = [rl.Masking(), SimpleRNN(2, 3, activation="tanh", return_sequences=True)]
        self.check(*layers, mode=IN_C)

    def test_of_a_scan_of_ones_own(self):
        """With a state of two taps, and an output that is not fed back."""
        h_0, U, V = (engine.shared(np.random.randn(*shape)) for shape in ((2, 3), (3, 3), (3, 3)))

        def step(x_t, h_tm2, h_tm1, U, V):
            h_t = T.tanh(x_t + T.dot(h_tm1, U) + T.dot(h_tm2, V))
            return h_t, T.sqr(T.dot(h_tm1, U))

        x = T.tensor3()
        (h, squares), _ = engine.scan(step, sequences=x[0], outputs_info=[dict(initial=h_0, taps=[-2, -1]), None],
                                      non_sequences=[U, V])  # fmt: skip
        self.check_along(T.sum(h**2) + T.sum(squares * h), x, [h_0, U, V], np.random.randn(1, 4, 3))

    def test_where_scan_is_another_one_they_are_refused(self, monkeypatch):
        monkeypatch.setattr(engine, "SCAN_HAS_SECOND_DERIVATIVES", False)
        with pytest.raises(ValueError, match="no second derivatives with return_sequences=True: the scan of this"):
            self.check(SimpleRNN(2, 3, return_sequences=True))
        self.check(SimpleRNN(2, 3))

    def test_with_truncation_they_are_refused(self):
        with pytest.raises(ValueError, match="GRU has no second derivatives with truncate_gradient"):
            self.check(GRU(2, 3, truncate_gradient=2))


class Cell(Recurrent):
    """A cell of one's own."""

    param_names = ("W", "U", "b")

    def of_input(self, x_t):
        return T.dot(x_t, self.W) + self.b


class Bottleneck(Cell):
    """Other numbers of columns than those of input and state, and vectors of that size."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        floatX = engine.config.floatX
        self.V = engine.shared(np.random.randn(self.output_dim, 40).astype(floatX))
        self.c = engine.shared(np.random.randn(40).astype(floatX))
        self.V_back = engine.shared(np.random.randn(40, self.output_dim).astype(floatX))
        self.b_x = engine.shared(np.random.randn(self.input_dim).astype(floatX))
        self.params = [self.W, self.V, self.c, self.V_back, self.b_x]

    def step(self, x_t, h_tm1):
        return T.tanh(T.dot(x_t * self.b_x, self.W) + T.dot(T.tanh(T.dot(h_tm1, self.V) + self.c), self.V_back))


class Swapped(Cell):
    nb_states = 3

    def step(self, x_t, h_tm1, a_tm1, b_tm1):
        h_t = T.tanh(self.of_input(x_t) + T.dot(a_tm1, self.U) + T.dot(h_tm1, self.U))
        return h_t, b_tm1 * 0.5 + T.dot(h_t, self.U), a_tm1


class Linear(Cell):
    def step(self, x_t, h_tm1):
        return T.dot(h_tm1, self.U) + self.of_input(x_t)


class Tied(Cell):
    nb_states = 2

    def step(self, x_t, h_tm1, g_tm1):
        h_t = T.tanh(self.of_input(x_t) + T.dot(h_tm1, self.U)) * engine.nnet.sigmoid(T.dot(h_tm1, self.U))
        return h_t, h_t


@pytest.mark.parametrize("cell", [Bottleneck, Swapped, Linear, Tied])
@pytest.mark.parametrize("return_sequences", [False, True])
def test_cells_of_ones_own_run_in_c(cell, return_sequences):
    layer = cell(3, 5, return_sequences=return_sequences)
    check(layer, masked=return_sequences)


class Slope(Cell):
    """A weight that is one number."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.slope = engine.shared(np.full((1,), 0.7), broadcastable=(True,))
        self.params += [self.slope]

    def step(self, x_t, h_tm1):
        return T.tanh(self.slope * (self.of_input(x_t) + T.dot(h_tm1, self.U)))


class Faded(Cell):
    """A context that is learned."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.speed = engine.shared(0.3)
        self.params += [self.speed]

    def inputs(self, x, mask):
        return [x, T.cumsum(T.ones_like(x[:, :, 0]), axis=0) * self.speed]

    def step(self, x_t, time, h_tm1):
        return T.tanh(self.of_input(x_t) + T.dot(h_tm1, self.U) * T.exp(-time))


class Scaled(Cell):
    """A weight that is used in two ways."""

    def step(self, x_t, h_tm1):
        total = T.dot(h_tm1, self.U) * T.sum(self.U) + T.dot(h_tm1, self.U.T) * T.sum(self.b)
        return T.tanh(self.of_input(x_t) + total)


class Sorted(Cell):
    def step(self, x_t, h_tm1):
        return T.tanh(self.of_input(x_t) + T.dot(T.sort(h_tm1, axis=1), self.U))


@pytest.mark.parametrize("cell", [Slope, Faded, Scaled])
def test_weights_of_other_kinds(cell):
    check(cell(3, 5, return_sequences=True), masked=True)


def test_a_cell_that_c_cannot_do_runs_by_scan():
    layer = Sorted(3, 5)
    in_c, by_scan = functions(layer)
    assert not is_in_c(in_c)
    given = values(layer, nb_samples=3, timesteps=4)
    assert_same(in_c(*given), by_scan(*given))


def test_a_column_is_computed_again_rather_than_kept():
    layer = Faded(3, 5)
    layer.params.remove(layer.speed)
    check(layer, masked=False)


def test_floatX_at_compilation_does_not_matter():
    with change_flags(floatX="float32"):
        layer = GRU(3, 4)
        given = values(layer, nb_samples=2, timesteps=3)
        y = layer.get_output()
    for mode in (IN_C, BY_SCAN):
        assert engine.function([layer.input], y, mode=mode)(given[0]).dtype == "float32"


def test_the_optimization_can_be_excluded():
    layer = GRU(4, 5)
    in_c, excluded = functions(layer, modes=(IN_C, IN_C.excluding("recurrence_in_c")))
    assert is_in_c(in_c) and ops(excluded, Scan) and not is_in_c(excluded)
    given = values(layer, nb_samples=3, timesteps=5)
    assert_same(in_c(*given), excluded(*given))


def test_without_any_optimization_the_numbers_are_the_same():
    layer = GRU(4, 5)
    bare, by_scan = functions(layer, modes=(Mode("py", None), BY_SCAN))
    given = values(layer, nb_samples=3, timesteps=5)
    assert_same(bare(*given), by_scan(*given))


def test_a_linker_in_python_calls_the_same_code():
    """As the flag linker=py does; the recurrences, and the updates that are made in place."""
    trained = []
    for mode in (IN_C, Mode("py", IN_C.optimizer)):
        np.random.seed(0)
        model = rl.Sequential([LSTM(3, 4, return_sequences=True), GRU(4, 2)])
        model.compile("adam", "mse", theano_mode=mode)
        X, y = np.random.randn(5, 6, 3), np.random.randn(5, 2)
        losses = [model.train_on_batch(X, y) for _ in range(4)]
        assert is_in_c(model._functions.get("train"))
        trained.append([np.array(losses), *model.optimizer.get_state()])
    assert_same(trained[1], trained[0])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_reach_the_output(recurrent, value):
    layer = recurrent(4, 18, return_sequences=True)
    in_c, by_scan = (engine.function([layer.input], layer.get_output(), mode=mode) for mode in (IN_C, BY_SCAN))
    x = np.random.randn(3, 5, 4)
    x[1, 2, 3] = value
    result, reference = in_c(x), by_scan(x)
    assert np.array_equal(np.isnan(result), np.isnan(reference))
    assert np.isnan(value) <= np.isnan(result[1, 2:]).all()
    finite = ~np.isnan(reference)
    assert np.allclose(result[finite], reference[finite], rtol=1e-10, atol=0)


def test_views_of_any_strides_are_read_rightly():
    layer = GRU(4, 6)
    x, given = T.tensor3(), values(layer, nb_samples=3, timesteps=5)[0]
    layer.input = x[::-1, ::-1, ::-1]
    in_c, by_scan = (engine.function([x], layer.get_output(), mode=mode) for mode in (IN_C, BY_SCAN))
    for strange in (given, given.transpose(1, 0, 2).copy().transpose(1, 0, 2), np.repeat(given, 2, axis=2)[:, :, ::2]):
        assert_same([in_c(strange)], [by_scan(strange)])


def test_a_stack_runs_in_c():
    first, second = JZS1(3, 8, return_sequences=True), LSTM(8, 6)
    second.set_previous(first)
    y = second.get_output()
    gradients = T.grad(T.sum(T.sqr(y)), first.params + second.params)
    in_c, by_scan = (engine.function([first.input], [y] + gradients, mode=mode) for mode in (IN_C, BY_SCAN))
    assert is_in_c(in_c)
    assert ops(by_scan, Scan) and not ops(by_scan, Scannable)
    x = np.random.randn(4, 7, 3)
    assert_same(in_c(x), by_scan(x))


def test_steps_run_once_for_output_and_gradients():
    in_c, _ = functions(LSTM(3, 4), with_x=False)
    assert len(ops(in_c, Loops)) == 2


def test_gradients_of_gradients():
    layer = GRU(3, 4, inner_activation="sigmoid")
    gradient = T.grad(T.sum(T.sqr(layer.get_output())), layer.U_h)
    second = engine.function([layer.input], T.grad(T.sum(T.sqr(gradient)), layer.U_z), mode=BY_SCAN)
    x, U_z = np.random.randn(2, 4, 3), layer.U_z.get_value()
    expected = second(x)[1, 2]
    first_order = engine.function([layer.input], T.sum(T.sqr(gradient)), mode=BY_SCAN)
    shift = np.zeros_like(U_z)
    shift[1, 2] = 1e-5
    ends = []
    for sign in (1, -1):
        layer.U_z.set_value(U_z + sign * shift)
        ends.append(first_order(x))
    assert np.isclose((ends[0] - ends[1]) / 2e-5, expected, rtol=1e-4)


def test_r_op():
    layer = GRU(3, 4, inner_activation="sigmoid")
    direction = np.random.randn(4, 4)
    y = layer.get_output()
    derivative = engine.function([layer.input], engine.Rop(y, layer.U_h, T.constant(direction)), mode=BY_SCAN)
    output, x, U_h = engine.function([layer.input], y, mode=BY_SCAN), np.random.randn(2, 4, 3), layer.U_h.get_value()
    expected = derivative(x)
    layer.U_h.set_value(U_h + 1e-6 * direction)
    ahead = output(x)
    layer.U_h.set_value(U_h - 1e-6 * direction)
    assert np.allclose((ahead - output(x)) / 2e-6, expected, atol=1e-7)


def test_shapes_are_known_without_running_it():
    layer = GRU(3, 4, return_sequences=True)
    function = engine.function([layer.input], layer.get_output().shape, mode=IN_C)
    assert not ops(function, Loops)
    assert function(np.zeros((2, 7, 3))).tolist() == [2, 7, 4]


def test_no_timesteps_and_no_samples():
    layer = GRU(3, 4)
    in_c, _ = functions(layer)
    with pytest.raises(ValueError, match="no timesteps"):
        in_c(np.zeros((2, 0, 3)), np.zeros((2, 4)))
    results = in_c(np.zeros((0, 2, 3)), np.zeros((0, 4)))
    assert results[0].shape == (0, 4) and not any(result.any() for result in results)


def test_what_does_not_fit_is_refused():
    layer = GRU(3, 4)
    in_c, _ = functions(layer)
    with pytest.raises(ValueError, match=r"is 5, weight.* is 3"):
        in_c(np.zeros((2, 6, 5)), np.zeros((2, 4)))
    with pytest.raises(ValueError, match="output_gradient0.* is 5"):
        in_c(np.zeros((2, 6, 3)), np.zeros((2, 5)))
    layer.U_h.set_value(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="is 4, weight.* is 3"):
        in_c(np.zeros((2, 6, 3)), np.zeros((2, 4)))
    simple = SimpleRNN(3, 4)
    for param, shape in zip(simple.params, [(3, 4000), (4000, 4000), (4000,)]):
        param.set_value(np.zeros(shape))
    with pytest.raises(ValueError, match="is 4, weight.* is 4000"):
        engine.function([simple.input], simple.get_output(), mode=IN_C)(np.zeros((2, 6, 3)))


def test_a_gradient_without_timesteps_is_refused():
    layer = SimpleRNN(3, 4, activation="linear")
    gradient = T.grad(T.sum(layer.get_output()), layer.b)
    with pytest.raises(ValueError, match="no timesteps"):
        engine.function([layer.input], gradient, mode=IN_C)(np.zeros((2, 0, 3)))


@pytest.mark.parametrize("kind, input_dim, output_dim, nb_samples", [
    (LSTM, 5, 64, 11),  # Threads have samples of their own.
    (PeepholeLSTM, 5, 64, 11),  # They add up the gradients of vectors.
    (LSTM, 70, 300, 2), (GRU, 70, 330, 1),  # They share the columns of each step.
])  # fmt: skip
@pytest.mark.parametrize("masked", [False, True])
def test_the_number_of_threads_changes_nothing(kind, input_dim, output_dim, nb_samples, masked, monkeypatch):
    results = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(engine, "number_of_threads", lambda threads=threads: threads)
        np.random.seed(3)
        layer = kind(input_dim, output_dim, return_sequences=masked, truncate_gradient=5)
        in_c, = functions(layer, T.matrix() if masked else None, modes=[IN_C])
        results.append(in_c(*values(layer, nb_samples, timesteps=8, masked=masked)))
    for result in results[1:]:
        for one, other in zip(result, results[0]):
            assert np.array_equal(one, other)


def test_one_step_of_one_sample_reads_the_weights_as_they_lie():
    # Whole panels of columns, and the rest.
    for output_dim in (64, 100):
        layer = LSTM(10, output_dim)
        in_c, by_scan = functions(layer)
        given = values(layer, nb_samples=1, timesteps=2)
        assert_same(in_c(*given), by_scan(*given))


def test_masked_steps_are_not_looked_at():
    layer = LSTM(3, 20, return_sequences=True)
    in_c, = functions(layer, T.matrix(), modes=[IN_C])
    x, y_gradient, mask = values(layer, nb_samples=4, timesteps=6, masked=True)
    mask[0] = 0
    y, *gradients = in_c(x, y_gradient, mask)
    assert np.array_equal(y[0], np.zeros_like(y[0]))
    x_gradient = gradients[-1]
    assert np.array_equal(x_gradient[mask == 0], np.zeros_like(x_gradient[mask == 0]))
    nothing = np.where(mask[:, :, None] == 0, np.nan, x)
    for result, reference in zip(in_c(nothing, y_gradient, mask), [y, *gradients]):
        assert np.array_equal(result, reference)


def test_graphs_can_be_pickled():
    layer = GRU(3, 4)
    y = layer.get_output()
    x = np.random.randn(2, 5, 3)
    expected = engine.function([layer.input], y)(x)
    x_again, y_again = pickle.loads(pickle.dumps((layer.input, y), protocol=-1))
    assert np.array_equal(engine.function([x_again], y_again)(x), expected)


def test_every_layer_of_a_kind_shares_the_compiled_code():
    first, second = (functions(rl.GRU(3, n), modes=[IN_C])[0] for n in (4, 5))
    assert is_in_c(first) and is_in_c(second)
    assert [node.op for node in ops(first, Loops)] == [node.op for node in ops(second, Loops)]
