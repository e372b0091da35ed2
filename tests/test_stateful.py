"""States that go on from one batch to the next, and models that are computed one step at a time."""

import copy
import pickle
import threading

import numpy as np
import pytest
from compiled import is_in_c
from numpy.testing import assert_allclose, assert_array_equal
from own_layers import Within

import recurrent_layers as rl
from recurrent_layers import engine
from recurrent_layers.engine import tensor as T
from recurrent_layers.layers import containers
from recurrent_layers.recurrence.show import explain
from recurrent_layers.training.calls import Direct

TIMESTEPS = 7
RNG = np.random.RandomState(0)
X = RNG.randn(4, TIMESTEPS, 3)
X[0, :2] = X[1, 5:] = X[2, 3] = 0  # Padding on either side, and between.


def made(name, stateful, mode=None, **options):
    """Two layers behind a mask, with weights that are all drawn, the second with states to begin with."""
    np.random.seed(1)
    model = rl.Sequential([
        rl.Masking(), getattr(rl, name)(3, 5, return_sequences=True, stateful=stateful, **options),
        rl.LSTM(5, 4, return_sequences=True, stateful=stateful, initial_state="learned"),
        rl.TimeDistributedDense(4, 2, activation="tanh"),
    ])  # fmt: skip
    model.set_weights([np.random.uniform(-1, 1, weight.shape) for weight in model.get_weights()])
    model.compile("sgd", "mse", theano_mode=mode)
    return model


def in_pieces(model, X, size):
    return np.concatenate([model.predict(X[:, t:t + size]) for t in range(0, X.shape[1], size)], axis=1)


def in_steps(model, X):
    return np.stack([model.step(x_t) for x_t in X.swapaxes(0, 1)], axis=1)


@pytest.mark.parametrize("name", ["SimpleRNN", "SimpleDeepRNN", "LSTM", "JZS1"])
def test_pieces_and_steps_give_what_the_whole_gives(name):
    stateless, stateful = made(name, False), made(name, True)
    whole = stateless.predict(X)
    assert_allclose(in_pieces(stateful, X, 3), whole, rtol=1e-10)
    for model in (stateless, stateful):
        assert_allclose(in_steps(model, X), whole, rtol=1e-10)
        assert np.abs(in_steps(model, X) - whole).max() > 1e-3  # They go on, until they are to begin anew.
        model.reset_states()
        assert_allclose(in_steps(model, X), whole, rtol=1e-10)


@pytest.mark.parametrize("name", ["SimpleDeepRNN", "GRU"])
def test_they_do_so_in_c(name):
    model = made(name, True, "FAST_RUN")
    whole = made(name, False).predict(X)
    assert_allclose(in_pieces(model, X, 3), whole, rtol=1e-10)
    assert_allclose(in_steps(model, X), whole, rtol=1e-10)
    assert is_in_c(model._functions.get("predict")) and is_in_c(model._functions.step(model).function)


def test_a_layer_that_goes_backwards_takes_the_last_piece_first():
    whole = rl.Sequential([rl.GRU(3, 5, return_sequences=True, go_backwards=True)])
    pieces = rl.Sequential([rl.GRU(3, 5, return_sequences=True, go_backwards=True, stateful=True)])
    pieces.set_weights(whole.get_weights())
    for model in (whole, pieces):
        model.compile("sgd", "mse")
    found = np.concatenate([pieces.predict(X[:, 4:]), pieces.predict(X[:, :4])], axis=1)
    assert_allclose(found, whole.predict(X), rtol=1e-10)


# ---- A sum of all that has been -------------------------------------------------------------------------------


def summing(stateful=True, lr=0.0, **options):
    """A model whose output is the sum of its input so far."""
    layer = rl.SimpleRNN(1, 1, activation="linear", weights=[[[1.0]], [[1.0]], [0.0]], stateful=stateful, **options)
    model = rl.Sequential([layer])
    model.compile(rl.optimizers.SGD(lr=lr), "mse")
    return model


def ones(steps, nb_samples=1):
    return np.ones((nb_samples, steps, 1))


def test_each_function_goes_on_where_it_has_ended_itself():
    model, zero = summing(), np.zeros((1, 1))
    assert model.predict(ones(3)) == 3 and model.predict(ones(2)) == 5
    assert model.step(ones(1)[:, 0]) == 1 and model.step(ones(1)[:, 0]) == 2
    assert model.evaluate(ones(3), zero, verbose=0) == 9 and model.test_on_batch(ones(1), zero) == 16
    assert model.train_on_batch(ones(2), zero) == 4
    history = model.fit(ones(1), zero, nb_epoch=2, verbose=0, shuffle=False, validation_data=(ones(2), zero)).history
    assert history == {"loss": [9, 16], "val_loss": [36, 64]}
    assert model.predict_on_batch(ones(1)) == 6 and model.step(ones(1)[:, 0]) == 3
    model.reset_states()
    assert model.predict(ones(1)) == 1 and model.step(ones(1)[:, 0]) == 1 and model.train_on_batch(ones(1), zero) == 1
    model.layers[0].reset_states()
    assert model.predict(ones(1)) == 1 and model.test_on_batch(ones(1), zero) == 1


def test_each_sample_of_a_batch_goes_on_with_its_own():
    model = summing()
    x = np.arange(6.0).reshape(6, 1, 1)
    assert_array_equal(model.predict(x, batch_size=2), [[0], [1], [2], [4], [6], [9]])  # Batch by batch.
    assert_array_equal(model.predict(x[:2]), [[6], [10]])


def test_gradients_end_where_a_batch_begins():
    model = summing(lr=1.0)
    model.predict(ones(1))
    model.train_on_batch(5 * ones(1), [[5.0]])  # No error: nothing changes, and 5 goes on.
    before = model.get_weights()
    assert before[1] == 1
    model.train_on_batch(ones(1), [[4.0]])  # h = 1 + 5 u; d(h - 4)²/du = 2 (h - 4) 5, with 5 as it is.
    W, U, b = model.get_weights()
    assert_allclose([W[0, 0], U[0, 0], b[0]], [1 - 4, 1 - 20, 0 - 4])


def test_a_sequence_in_pieces_is_learned_from_where_they_meet():
    """Only what is carried tells in the second piece what has been in the first."""
    rng = np.random.RandomState(2)
    signs = rng.choice([-1.0, 1.0], (64, 1))
    pieces = [np.concatenate([signs[:, None], np.zeros((64, 2, 1))], axis=1), np.zeros((64, 3, 1))]
    accuracy = {}
    for stateful in (False, True):
        np.random.seed(3)
        model = rl.Sequential([rl.SimpleRNN(1, 4, activation="tanh", stateful=stateful), rl.Dense(4, 1)])
        model.compile(rl.optimizers.SGD(lr=0.1), "mse")
        for _ in range(60):
            model.reset_states()
            for piece in pieces:
                model.train_on_batch(piece, signs)
        model.reset_states()
        for piece in pieces:
            found = model.predict(piece)
        accuracy[stateful] = np.mean(np.sign(found) == signs)
    assert accuracy[True] == 1 and accuracy[False] < 0.7


# ---- Whose states they are ------------------------------------------------------------------------------------


def test_models_that_share_a_layer_go_on_each_with_its_own():
    first = summing()
    layer, second = first.layers[0], rl.Sequential(first.layers)
    second.compile("sgd", "mse")
    assert first.predict(ones(3)) == 3 and second.predict(ones(1)) == 1 and first.step(ones(1)[:, 0]) == 1
    assert second.step(2 * ones(1)[:, 0]) == 2 and first.step(ones(1)[:, 0]) == 2
    first.reset_states()
    assert first.predict(ones(1)) == 1 and second.predict(ones(1)) == 2
    layer.reset_states()  # In both.
    assert first.predict(ones(1)) == 1 and second.predict(ones(1)) == 1 and second.step(ones(1)[:, 0]) == 1


def test_a_layer_may_begin_anew_alone():
    first, second = (rl.SimpleRNN(1, 1, activation="linear", weights=[[[1.0]], [[1.0]], [0.0]], stateful=True,
                                  return_sequences=True) for _ in range(2))  # fmt: skip
    model = compiled(first, second)
    assert model.predict(ones(1)) == 1 and model.predict(ones(1)) == 3 and model.step(ones(1)[:, 0]) == 1
    second.reset_states()
    assert model.predict(ones(1)) == 3 and model.step(ones(1)[:, 0]) == 2
    again = pickle.loads(pickle.dumps(model))
    again.layers[1].reset_states()
    assert again.step(ones(1)[:, 0]) == 3 and again.predict(ones(1)) == 4


@pytest.mark.parametrize("is_compiled", [False, True])
def test_a_model_within_another_is_reset_there(is_compiled):
    inner = rl.Sequential([rl.GRU(3, 4, return_sequences=True, stateful=True)])
    if is_compiled:
        inner.compile("sgd", "mse")
    outer = rl.Sequential([rl.Masking(), inner, rl.LSTM(4, 2, stateful=True)])
    outer.compile("sgd", "mse")
    first = outer.predict(X)
    inner.reset_states()
    assert not np.allclose(outer.predict(X), first)  # The LSTM goes on.
    inner.reset_states()
    outer.layers[2].reset_states()
    assert_array_equal(outer.predict(X), first)


def test_a_model_with_another_layer_begins_anew():
    model = compiled(rl.GRU(3, 4, return_sequences=True))
    model.step(X[:, 0])
    model.add(rl.LSTM(4, 2))
    model.compile("sgd", "mse")
    for t in range(2):
        assert_allclose(model.step(X[:, t]), model.predict(X[:, :t + 1]), rtol=1e-10)


def test_a_layer_within_one_of_ones_own_goes_on_and_begins_anew():
    model = compiled(Within(summing().layers[0]))
    assert model.stateful and model.predict(ones(2)) == 2 and model.predict(ones(1)) == 3
    model.reset_states()
    assert model.predict(ones(1)) == 1
    with pytest.raises(ValueError, match="shuffle=True would mix up"):
        model.fit(ones(1), [[0.0]], nb_epoch=1, verbose=0)


# ---- Threads and copies ---------------------------------------------------------------------------------------


def in_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def test_each_thread_goes_on_with_its_own():
    model = summing()
    assert model.predict(ones(3)) == 3 and model.step(ones(1)[:, 0]) == 1
    assert in_thread(lambda: (model.predict(ones(1)), model.step(5 * ones(1)[:, 0]))) == (1, 5)
    in_thread(model.reset_states)
    assert model.predict(ones(1)) == 4 and model.step(ones(1)[:, 0]) == 2


@pytest.mark.parametrize("mode", [None, "FAST_RUN"])
def test_threads_step_at_the_same_time(mode):
    """In C each calls a copy of its own, by scan one waits for the other."""
    model, found = summing(stateful=False), {}
    model.compile("sgd", "mse", theano_mode=mode)
    assert model._functions.step(model).function.may_copy == (mode is not None)

    def serve(k):
        for _ in range(200):
            found[k] = model.step(np.full((1, 1), float(k)))

    threads = [threading.Thread(target=serve, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {k: 200 * k for k in range(4)}


@pytest.mark.parametrize("again", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_goes_on_from_where_the_model_is(again):
    model = summing()
    model.predict(ones(3)), model.train_on_batch(ones(2), [[0.0]]), model.step(ones(1)[:, 0])
    other = again(model)
    for one in (other, model):
        assert one.predict(ones(1)) == 4 and one.train_on_batch(ones(1), [[0.0]]) == 9
        assert one.step(ones(1)[:, 0]) == 2
    assert in_thread(lambda: other.predict(ones(1))) == 1


def test_a_model_from_json_is_stateful_too():
    model = rl.model_from_json(summing().to_json())
    assert model.stateful and model.layers[0].stateful and not summing(stateful=False).stateful


# ---- One step -------------------------------------------------------------------------------------------------


def compiled(*layers):
    model = rl.Sequential(layers)
    model.compile("sgd", "mse")
    return model


class Twice(rl.Layer):
    """A layer of a user's own."""

    input_ndim = 3

    def __init__(self):
        super().__init__()
        self.input = T.tensor3()

    def get_output(self, train=False):
        return 2 * self.get_input(train)


def twice():
    layer = Twice()
    layer.stepwise = True
    return layer


@pytest.mark.parametrize("make", [
    lambda: compiled(rl.LSTM(3, 5), rl.Dense(5, 2)),
    lambda: compiled(rl.GRU(3, 5, return_sequences=True), rl.Dropout(0.5), rl.Activation("tanh"), rl.LSTM(5, 4)),
    lambda: compiled(rl.GRU(3, 5), rl.RepeatVector(4), rl.LSTM(5, 4, return_sequences=True, go_backwards=True)),
    lambda: compiled(rl.Sequential([rl.GRU(3, 5, return_sequences=True), rl.Sequential([rl.LSTM(5, 4)])]),
                     rl.Dense(4, 2)),
    lambda: compiled(twice(), rl.SimpleDeepRNN(3, 4, depth=3, zoneout=0.2)),
    lambda: compiled(rl.TimeDistributedDense(3, 4)),
], ids=["last output", "stacked", "decoder", "models", "own layer", "nothing recurrent"])  # fmt: skip
def test_a_step_gives_what_the_steps_so_far_give(make):
    model, nb_steps = make(), 4
    is_of_steps = len(model.output_shape) == 3 and model.output_shape[1] is None
    for t in range(nb_steps):
        whole = model.predict(X[:, :t + 1])
        assert_allclose(model.step(X[:, t]), whole[:, t] if is_of_steps else whole, rtol=1e-10)


def test_a_decoder_begins_with_the_states_of_the_encoder_at_each_step():
    encoder = rl.LSTM(3, 5)
    model = compiled(encoder, rl.RepeatVector(3), rl.LSTM(5, 5, initial_state=encoder))
    for t in range(3):
        assert_allclose(model.step(X[:, t]), model.predict(X[:, :t + 1]), rtol=1e-10)


def test_a_layer_within_one_of_ones_own_goes_on_from_step_to_step():
    def within(inner):
        layer = Within(inner)
        layer.stepwise = True
        return layer

    model = compiled(within(rl.GRU(3, 5, return_sequences=True)), rl.LSTM(5, 4), rl.RepeatVector(2),
                     Within(rl.GRU(4, 2)))  # fmt: skip
    for t in range(3):
        assert_allclose(model.step(X[:, t]), model.predict(X[:, :t + 1]), rtol=1e-10)
    for inner in (rl.GRU(3, 5, return_sequences=True, go_backwards=True), rl.GRU(3, 5)):
        with pytest.raises(ValueError, match="cannot be computed one step at a time: GRU may need others"):
            compiled(within(inner)).step(X[:, 0])


class Noisy(rl.Recurrent):
    param_names = ("W", "U", "b")

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.seed_streams()

    def inputs(self, x, mask, steps_before=0):
        return [x, self.draw("normal", [x.shape[0], x.shape[1], self.output_dim], axis=1, avg=1.0, std=0.01)]

    def step(self, x_t, noise, h_tm1):
        return h_tm1 + T.dot(x_t, self.W) + T.dot(h_tm1, self.U) + self.b + noise


def test_steps_that_draw_random_numbers():
    model = rl.Sequential([Noisy(3, 4, weights=[np.zeros((3, 4)), np.zeros((4, 4)), np.zeros(4)])])
    model.compile("sgd", "mse", theano_mode="FAST_RUN")
    drawn = np.diff([np.zeros((2, 4))] + [model.step(np.zeros((2, 3))) for _ in range(5)], axis=0)
    assert np.all(abs(drawn - 1) < 0.1) and len(np.unique(drawn)) == drawn.size


def test_a_decoder_that_goes_on():
    """It is there in training only."""
    encoder, decoder = (summing(return_sequences=True).layers[0] for _ in range(2))
    layer = rl.AutoEncoder(encoder, decoder, output_reconstruction=False)
    model = rl.Sequential([layer])
    model.compile(rl.optimizers.SGD(lr=0.0), "mse")
    assert model.stateful
    with pytest.raises(ValueError, match="the model is stateful"):
        model.fit(np.ones((2, 3, 1)), np.ones((2, 3, 1)), batch_size=1, verbose=0)
    zeros = np.zeros((1, 2, 1))
    losses = [model.train_on_batch(np.ones((1, 2, 1)), zeros) for _ in range(2)]
    # The encoder gives 1, 2, then 3, 4; the decoder what these add up to.
    assert_allclose(losses, [(1 + 9) / 2, (36 + 100) / 2])


def test_masks_of_layers_that_go_on_may_be_asked_for():
    below = rl.GRU(3, 5, return_sequences=True, stateful=True)
    model = compiled(rl.Masking(), below, rl.Masking(), rl.LSTM(5, 4, truncate_gradient=2))
    model.fit(X, np.ones((len(X), 4)), batch_size=len(X), nb_epoch=1, shuffle=False, verbose=0)
    model.train_on_batch(X, np.ones((len(X), 4)))
    with pytest.warns(UserWarning, match="Merge hands on no mask"):
        rl.Merge([rl.Sequential([rl.GRU(3, 4, return_sequences=True, stateful=True), rl.Masking()]),
                  rl.Sequential([rl.GRU(3, 4, return_sequences=True)])])  # fmt: skip


def test_a_model_within_another_begins_anew_with_all_that_is_in_it():
    within = containers.Sequential([summing(return_sequences=True).layers[0]])
    inner = rl.Sequential([within])
    model = compiled(inner)
    assert [float(model.predict(ones(1))[0, -1, 0]) for _ in range(2)] == [ones(1).shape[1], 2 * ones(1).shape[1]]
    inner.reset_states()
    assert float(model.predict(ones(1))[0, -1, 0]) == ones(1).shape[1]


def test_steps_of_integers():
    model = compiled(rl.Embedding(9, 3, mask_zero=True), rl.GRU(3, 5))
    words = np.array([[1, 2, 0, 8], [0, 3, 4, 0]])
    for t in range(4):
        assert_allclose(model.step(words[:, t]), model.predict(words[:, :t + 1]), rtol=1e-10)
    with pytest.raises(ValueError, match="takes integers from 0 to 8, got 1 to 9"):
        model.step(np.array([9, 1]))


def test_what_is_given_and_taken_is_the_callers():
    model = summing(stateful=False, return_sequences=True)
    x = ones(1)[:, 0]
    first = model.step(x)
    x[:] = 7
    second = model.step(x)
    assert first == 1 and second == 8
    first[:] = second[:] = 50
    assert model.step(np.array([[1.0]])) == 9 and first == second == 50


def test_anything_that_is_an_array_of_numbers_is_a_step():
    model = summing(stateful=False)
    assert model.step([[1]]) == 1 and model.step(np.array([[2]], "int8")) == 3
    assert model.step(np.array([[3.0]], "float32")) == 6 and model.step(np.ones((2, 2))[1:, ::2]) == 7


@pytest.mark.parametrize("x_t, message", [
    (np.array([[np.nan]]), "has NaN in 1 of 1 samples"), (np.array([[np.inf]]), "has inf"),
    (np.ones(1), r"x_t must have 2 dimensions, .*; got \(1,\)"), (np.ones((1, 2)), "got an array with"),
    (np.ones((1, 1, 1)), r"x_t must have 2 dimensions, .*; got \(1, 1, 1\)"), (np.ones((0, 1)), "is empty"),
    (np.ones((2, 1)), "the states of 1 samples, but there are 2"), (None, "x_t must be numbers"),
    ("abc", "x_t must be numbers"), (3.0, "x_t must be an array"),
])  # fmt: skip
def test_a_wrong_step_changes_nothing(x_t, message):
    model = summing(stateful=False)
    model.step(ones(1)[:, 0])
    with pytest.raises(ValueError, match=message):
        model.step(x_t)
    assert model.step(ones(1)[:, 0]) == 2


@pytest.mark.parametrize("repeated", [np.broadcast_to([1.0, -2.0, 3.0], (4, 3)),
                                      np.broadcast_to([[1.0], [2.0]], (2, 3))])  # fmt: skip
def test_a_step_may_lie_in_memory_as_it_likes(repeated):
    """Theano would read what repeats itself beyond its end."""
    model = rl.Sequential([rl.GRU(3, 4)])
    model.compile("sgd", "mse", theano_mode="FAST_RUN")
    assert_allclose(model.step(repeated), model.predict(np.array(repeated)[:, None]), rtol=1e-10)


def test_a_step_that_is_interrupted_has_not_been(monkeypatch):
    model = compiled(*(rl.SimpleRNN(1, 1, activation="linear", weights=[[[1.0]], [[1.0]], [0.0]], return_sequences=True)
                       for _ in range(2)))  # fmt: skip
    model.step(ones(1)[:, 0])
    step = model._functions.step(model)

    def interrupted():
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(step.function, "of_arrays", lambda *inputs: (step.function(*inputs), interrupted()))
        model.step(ones(1)[:, 0])
    assert model.step(ones(1)[:, 0]) == 1 + 2


class OtherMasking(rl.Masking):
    def get_output(self, train=False):
        return super().get_output(train)[:, ::-1]


class OwnLoop(rl.SimpleRNN):
    def get_output(self, train=False):
        return T.dot(T.dot(self.get_input(train).sum(axis=1), self.W), self.U) + self.b


class LooksAhead(rl.SimpleRNN):
    def inputs(self, x, mask):
        return [x + x[::-1]]


@pytest.mark.parametrize("layers", [
    lambda: [rl.GRU(3, 4, go_backwards=True)], lambda: [rl.Bidirectional(rl.GRU(3, 4))], lambda: [rl.Dense(3, 4)],
    lambda: [Twice(), rl.GRU(3, 4)], lambda: [OtherMasking(), rl.GRU(3, 4)], lambda: [LooksAhead(3, 4)],
    lambda: [rl.Masking(), rl.Activation(lambda x: x - x.mean(axis=1, keepdims=True)), rl.GRU(3, 4)],
    lambda: [rl.TimeDistributedDense(3, 3, activation=lambda x: x[:, ::-1]), rl.GRU(3, 4)], lambda: [OwnLoop(3, 4)],
    lambda: [rl.GRU(3, 3, return_sequences=True), rl.GRU(3, 3, initial_state=rl.GRU(3, 3))],
])  # fmt: skip
def test_a_model_that_needs_other_steps_has_none(layers):
    with pytest.raises(ValueError, match="cannot be computed one step at a time"):
        compiled(*layers()).step(X[:, 0])


def test_a_function_of_ones_own_may_be_said_to_look_at_one_step():
    activation = rl.Activation(lambda x: T.maximum(0.1 * x, x))
    activation.stepwise = True
    model = compiled(rl.Masking(), activation, rl.GRU(3, 4))
    assert_allclose([model.step(X[:, t]) for t in range(3)][-1], model.predict(X[:, :3]), rtol=1e-10)


def test_a_step_that_runs_by_scan():
    model = summing(stateful=False)
    assert not model._functions.step(model).function.may_copy
    assert model.step(ones(1)[:, 0]) == 1 and model.step(ones(1)[:, 0]) == 2


# ---- What is refused ------------------------------------------------------------------------------------------


def test_what_would_mix_up_states_is_refused_before_anything_is_done():
    model, y = summing(lr=0.1), np.zeros((4, 1))
    model.predict(ones(1, 2))
    with pytest.raises(ValueError, match="pass shuffle=False"):
        model.fit(ones(2, 4), y, nb_epoch=1, verbose=0)
    with pytest.raises(ValueError, match="shuffle='batch' would mix up"):
        model.fit(ones(2, 4), y, nb_epoch=1, verbose=0, shuffle="batch")
    with pytest.raises(ValueError, match="by_length=True would mix up"):
        model.fit(ones(2, 4), y, nb_epoch=1, verbose=0, shuffle=False, by_length=True)
    for batch_size, options in ((3, {}), (2, dict(validation_split=0.25)),
                                (2, dict(validation_data=(ones(2, 3), y[:3])))):  # fmt: skip
        with pytest.raises(ValueError, match="a stateful model needs as many samples in each batch"):
            model.fit(ones(2, 4), y, batch_size, nb_epoch=1, verbose=0, shuffle=False, **options)
    with pytest.raises(ValueError, match=r"4 samples in batches of 3 leave 1 for the last"):
        model.evaluate(ones(2, 4), y, batch_size=3)
    for call in (model.predict, model.predict_on_batch):
        with pytest.raises(ValueError, match=r"the states of 2 samples, but there are 3 in a batch.*reset_states\(\)"):
            call(ones(1, 3))
    assert_array_equal(model.get_weights()[1], [[1.0]])
    assert_array_equal(model.predict(ones(1, 2)), [[2], [2]])
    model.reset_states()
    assert len(model.predict(ones(1, 3))) == 3


def test_batches_of_a_generator_go_on_from_one_to_the_next():
    model = summing()
    batches = ((ones(1, n), np.zeros((n, 1))) for n in (2, 2, 2, 3))
    history = model.fit_generator(batches, samples_per_epoch=2, nb_epoch=2, verbose=0, nb_worker=1).history
    assert history == {"loss": [1, 4]}
    with pytest.raises(ValueError, match="the states of 2 samples, but there are 3"):
        model.fit_generator(batches, samples_per_epoch=5, nb_epoch=1, verbose=0)
    assert model.train_on_batch(ones(1, 2), np.zeros((2, 1))) == 16


def test_layers_that_cannot_be_stateful():
    with pytest.raises(ValueError, match="LooksAhead cannot be stateful.*steps_before"):
        LooksAhead(3, 4, stateful=True)
    with pytest.raises(ValueError, match="Bidirectional needs whole sequences"):
        rl.Bidirectional(rl.GRU(3, 4, stateful=True))
    with pytest.raises(ValueError, match="needs a model, which keeps its states"):
        rl.GRU(3, 4, stateful=True).get_output()
    with pytest.raises(ValueError, match="only 'learned' ones"):
        rl.GRU(3, 4, stateful=True, initial_state=T.matrix())
    with pytest.raises(ValueError, match=r"OwnLoop\(stateful=True\) has a loop of its own"):
        compiled(OwnLoop(3, 4, stateful=True))


def test_a_stateful_layer_may_stand_before_any_other_and_be_shown():
    model = compiled(rl.GRU(3, 4, return_sequences=True, stateful=True), rl.Masking(), rl.Activation("tanh"),
                     rl.LSTM(4, 2, stateful=True))  # fmt: skip
    assert_allclose(in_steps(model, X)[:, -1], model.predict(X), rtol=1e-10)
    assert "activation" in explain(rl.GRU(3, 4, stateful=True))


class Halved(rl.SimpleDeepRNN):
    """A cell that was written before there was `steps_before`."""

    def inputs(self, x, mask):
        return super().inputs(x / 2, mask)


def test_a_cell_may_leave_out_its_place_in_time():
    layer = Halved(3, 4)
    halved, plain = compiled(layer), compiled(rl.SimpleDeepRNN(3, 4, weights=layer.get_weights()))
    assert_allclose(halved.predict(X), plain.predict(X / 2), rtol=1e-10)
    with pytest.raises(ValueError, match="Halved cannot be stateful"):
        Halved(3, 4, stateful=True)


class Clock(rl.SimpleRNN):
    """A cell that knows how late it is."""

    def inputs(self, x, mask, steps_before):
        real = T.ones_like(x[:, :, 0]) if mask is None else T.cast(mask, x.dtype)
        return [x, T.cumsum(real, axis=0) + steps_before]

    def step(self, x_t, time, h_tm1):
        return super().step(x_t * time, h_tm1)


def test_a_cell_that_asks_for_its_place_in_time_is_told():
    np.random.seed(5)
    model = compiled(rl.Masking(), Clock(3, 4, return_sequences=True, stateful=True))
    whole = compiled(rl.Masking(), Clock(3, 4, return_sequences=True, weights=model.get_weights())).predict(X)
    assert_allclose(in_pieces(model, X, 2), whole, rtol=1e-10)
    assert_allclose(in_steps(model, X), whole, rtol=1e-10)
    h = np.zeros((4, 4))
    W, U, b = model.get_weights()
    time = np.cumsum(X.any(axis=2), axis=1)
    for t in range(TIMESTEPS):
        new = 1 / (1 + np.exp(-(X[:, t] * time[:, t, None] @ W + h @ U + b)))
        h = np.where(X[:, t].any(axis=1)[:, None], new, h)
        assert_allclose(whole[:, t], h, rtol=1e-10)


def test_the_engine_says_where_an_error_is():
    """A function that is called without what the engine does around a call."""
    x = T.matrix()
    direct = Direct(engine.function([x], T.dot(x, x)))
    for call in (direct, lambda x: direct.run(x)[0]):
        assert_array_equal(call(np.ones((2, 2))), [[2, 2], [2, 2]])
        with pytest.raises(ValueError, match="HINT"):
            call(np.ones((2, 3)))
