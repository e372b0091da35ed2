"""What recurrent layers can do beside what Keras 0.1's did: their numbers, and that they do it in C."""

import copy
import functools
import inspect
import json
import pickle
import warnings

import numpy as np
import pytest
from compiled import BY_SCAN, IN_C, is_in_c
from conftest import RECURRENT, masked_input
from engines import change_flags
from numpy.testing import assert_allclose

import recurrent_layers as rl
from recurrent_layers import engine
from recurrent_layers.engine import tensor as T
from recurrent_layers.layers import zoo

NB_SAMPLES, TIMESTEPS, INPUT_DIM, OUTPUT_DIM = 3, 6, 2, 4
X = np.random.RandomState(0).randn(NB_SAMPLES, TIMESTEPS, INPUT_DIM)
# Padding on either side, and a sample without any.
MASK = np.array([[1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]])
REAL = [slice(0, 4), slice(2, 6), slice(0, 6)]


def made(name, seed=1, **options):
    """A layer with weights that are all drawn."""
    layer, rng = getattr(rl, name)(INPUT_DIM, OUTPUT_DIM, **options), np.random.RandomState(seed)
    layer.set_weights([rng.uniform(-1, 1, weight.shape) for weight in layer.get_weights()])
    return layer


def compiled(layer, *outputs, train=False, masked=False, inputs=()):
    mask = T.matrix()
    if masked:
        masked_input(layer, mask)
    output = layer.get_output(train)
    outputs = [output, *(make(output) for make in outputs)]
    function = engine.function([layer.input, mask, *inputs], outputs, mode=IN_C, on_unused_input="ignore")
    assert is_in_c(function)
    return function


def output(layer, x=X, mask=None):
    return compiled(layer, masked=mask is not None)(x, MASK if mask is None else mask)[0]


# PyTensor takes longer to compile, and what it reads of a step is the same C then.
NAMES, NB_COMBINATIONS = (RECURRENT, 6) if engine.NAME == "Theano" else (["LSTM", "SimpleDeepRNN", "JZS1"], 2)


# ---- Directions and states ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_backwards_is_the_input_turned_round(name):
    forwards, backwards = made(name, return_sequences=True), made(name, return_sequences=True, go_backwards=True)
    assert_allclose(output(backwards), output(forwards, X[:, ::-1]), rtol=1e-10)
    last = made(name, go_backwards=True)
    assert_allclose(output(last), output(forwards, X[:, ::-1])[:, -1], rtol=1e-10)
    masked = output(made(name, go_backwards=True), X, MASK)
    for k, real in enumerate(REAL):
        assert_allclose(masked[k:k + 1], output(last, X[k:k + 1, real]), rtol=1e-10)


def test_what_comes_after_a_layer_backwards_sees_the_same_padding():
    first, second = made("GRU", return_sequences=True, go_backwards=True), rl.LSTM(OUTPUT_DIM, 3)
    second.set_previous(first)
    mask = T.matrix()
    masked_input(first, mask)
    function = engine.function([first.input, mask], second.get_output())
    for k, real in enumerate(REAL):
        alone = function(X[k:k + 1, real], MASK[k:k + 1, real])
        assert_allclose(function(X, MASK)[k:k + 1], alone, rtol=1e-10)


def states_of(layer):
    """For `compiled`: what gives its final states."""
    return [lambda _, k=k: layer.final_states[k] for k in range(layer.nb_states)]


# Of a SimpleDeepRNN, all steps that it looks back on must have been.
@pytest.mark.parametrize("name, masked", [(name, masked) for name in NAMES for masked in (False, True)
                                          if not masked or name != "SimpleDeepRNN"])  # fmt: skip
def test_a_sequence_may_be_continued(name, masked):
    """The states after the first half, as those before the second, give what the whole gives."""
    mask = MASK if masked else np.ones_like(MASK)
    first = made(name, return_state=True)
    before = compiled(first, *states_of(first), masked=masked)(X[:, :3], mask[:, :3])[1:]
    states = [T.matrix() for _ in before]
    second = made(name, return_sequences=True, initial_state=states)
    continued = compiled(second, masked=masked, inputs=states)(X[:, 3:], mask[:, 3:], *before)[0]
    expected = compiled(made(name, return_sequences=True), masked=masked)(X, mask)[0][:, 3:]
    assert_allclose(continued, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_learned_state_is_one_for_all_samples(name):
    """Its numbers, and its gradient: those of the states of all samples, added up."""
    layer, rng = made(name, initial_state="learned"), np.random.RandomState(3)
    nb_states, values = layer.nb_states, [rng.randn(OUTPUT_DIM) for _ in range(layer.nb_states)]
    for variable, value in zip(layer.params[-nb_states:], values):
        variable.set_value(value)
    learned = compiled(layer, *(lambda y, k=k: T.grad(T.sum(y ** 2), layer.params[k - nb_states])
                                for k in range(nb_states)))(X, MASK)  # fmt: skip
    states = [T.matrix() for _ in values]
    given = made(name, initial_state=states)
    given.set_weights(layer.get_weights()[:-nb_states] if not layer.non_trainable_names else
                      [weight.get_value() for weight in layer.params[:-nb_states] + layer.non_trainable_weights])
    reference = compiled(given, *(lambda y, state=state: T.grad(T.sum(y ** 2), state) for state in states),
                         inputs=states)(X, MASK, *(np.tile(value, (NB_SAMPLES, 1)) for value in values))  # fmt: skip
    assert_allclose(learned[0], reference[0], rtol=1e-10)
    for gradient, of_samples in zip(learned[1:], reference[1:]):
        assert_allclose(gradient, of_samples.sum(axis=0), rtol=1e-9, atol=1e-12)


def test_an_encoder_begins_a_decoder():
    """In a model: the states with which one layer ends are those with which another one begins, and gradients pass."""
    encoder = made("LSTM", return_state=True)
    decoder = rl.LSTM(OUTPUT_DIM, OUTPUT_DIM, initial_state=encoder)
    model = rl.Sequential([encoder, rl.RepeatVector(2), decoder])
    model.compile("sgd", "mse")
    first = made("LSTM", return_state=True)
    h, *states = compiled(first, *states_of(first))(X, MASK)
    variables = [T.matrix() for _ in states]
    alone = rl.LSTM(OUTPUT_DIM, OUTPUT_DIM, initial_state=variables)
    alone.set_weights(decoder.get_weights())
    expected = compiled(alone, inputs=variables)(np.repeat(h[:, None], 2, axis=1), MASK, *states)[0]
    assert_allclose(model.predict(X), expected, rtol=1e-9)
    y = np.ones((NB_SAMPLES, OUTPUT_DIM))
    loss = [model.train_on_batch(X, y) for _ in range(5)]
    assert all(after < before for before, after in zip(loss, loss[1:]))
    # What is repeated has no part in this one, so only gradients of the states reach the encoder.
    decoder.set_weights([weight.get_value() * (weight.name[0] != "W") for weight in decoder.weights])
    before = encoder.get_weights()
    model.train_on_batch(X, y)
    assert not any(map(np.array_equal, encoder.get_weights(), before))


def test_a_decoder_may_go_both_ways():
    encoder, h = made("GRU"), T.matrix()
    both, alone = (rl.Bidirectional(rl.GRU(OUTPUT_DIM, OUTPUT_DIM, initial_state=state)) for state in (encoder, h))
    model = rl.Sequential([encoder, rl.RepeatVector(2), both])
    model.compile("sgd", "mse")
    alone.set_weights(both.get_weights())
    first = compiled(made("GRU"))(X, MASK)[0]
    expected = compiled(alone, inputs=[h])(np.repeat(first[:, None], 2, axis=1), MASK, first)[0]
    assert_allclose(model.predict(X), expected, rtol=1e-9)


def test_an_encoder_beside_the_model_is_not_trained_and_said():
    below, beside = rl.TimeDistributedDense(INPUT_DIM, 3), rl.GRU(3, 4)
    beside.set_previous(below)
    for decoder in (rl.GRU(3, 4, initial_state=beside), rl.Bidirectional(rl.GRU(3, 4, initial_state=beside))):
        with pytest.warns(UserWarning, match=r"begins with the states of GRU\(3, 4\), which is no layer of the model"):
            rl.Sequential([copy.copy(below), decoder]).compile("sgd", "mse")
    both = rl.Bidirectional(rl.GRU(3, 4, return_sequences=True))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        rl.Sequential([below, both, rl.GRU(8, 4, initial_state=both.forward)]).compile("sgd", "mse")


def test_json_does_not_hold_a_decoder_that_could_not_be_read():
    for wrap in (lambda decoder: decoder, rl.Bidirectional):
        encoder = rl.LSTM(INPUT_DIM, OUTPUT_DIM)
        decoder = wrap(rl.LSTM(OUTPUT_DIM, OUTPUT_DIM, initial_state=encoder))
        model = rl.Sequential([encoder, rl.RepeatVector(2), decoder])
        for write in (model.to_json, model.to_yaml):
            with pytest.raises(ValueError, match="JSON cannot say of LSTM.* that its first states are"):
                write()


def test_states_that_do_not_fit_are_refused():
    for wrong in ("zeros", 3, T.matrix(), [T.matrix(), T.vector()], [T.matrix()] * 3, rl.GRU(2, OUTPUT_DIM),
                  rl.LSTM(2, OUTPUT_DIM + 1), [T.matrix(), engine.shared(np.ones((2, OUTPUT_DIM + 1)))]):  # fmt: skip
        with pytest.raises(ValueError, match="initial_state must be"):
            rl.LSTM(INPUT_DIM, OUTPUT_DIM, initial_state=wrong)
    with pytest.raises(ValueError, match="after get_output, with return_state=True"):
        assert rl.LSTM(INPUT_DIM, OUTPUT_DIM).final_states


def test_a_gru_may_reset_after_the_product():
    layer = made("GRU", activation="tanh", reset_after=True)
    W_z, U_z, b_z, W_r, U_r, b_r, W_h, U_h, b_h, b_Uh = layer.get_weights()
    h = np.zeros((NB_SAMPLES, OUTPUT_DIM))
    for x_t in X.transpose(1, 0, 2):
        z, r = sigmoid(x_t @ W_z + h @ U_z + b_z), sigmoid(x_t @ W_r + h @ U_r + b_r)
        h = z * h + (1 - z) * np.tanh(x_t @ W_h + r * (h @ U_h + b_Uh) + b_h)
    assert_allclose(output(layer), h, rtol=1e-10)


# ---- Both directions ------------------------------------------------------------------------------------------

MERGED = {"concat": lambda f, b: np.concatenate([f, b], axis=-1), "sum": np.add, "mul": np.multiply,
          "ave": lambda f, b: (f + b) / 2}  # fmt: skip


def both_ways(name, merge="concat", **options):
    """A layer that goes both ways, and two alone with the same weights."""
    layer = rl.Bidirectional(getattr(rl, name)(INPUT_DIM, OUTPUT_DIM, **options), merge)
    alone = [made(name, seed, **options) for seed in (1, 2)]
    layer.set_weights(alone[0].get_weights() + alone[1].get_weights())
    return layer, alone


@pytest.mark.parametrize("name, merge", [("LSTM", merge) for merge in MERGED] + [("JZS2", "concat")])
@pytest.mark.parametrize("return_sequences", [False, True])
def test_both_ways(name, merge, return_sequences):
    """What is padding is not seen, from either side; of sequences, both outputs are those of the same step."""
    layer, alone = both_ways(name, merge, return_sequences=return_sequences)
    found = output(layer, X, MASK)
    assert found.shape[1:] == layer.output_shape[1:] or return_sequences and found.shape[2] == layer.output_shape[2]
    for k, real in enumerate(REAL):
        x = X[k:k + 1, real]
        forward, backward = output(alone[0], x), output(alone[1], x[:, ::-1])
        if return_sequences:
            backward = backward[:, ::-1]
        expected = MERGED[merge](forward, backward)
        assert_allclose(found[k:k + 1, real] if return_sequences else found[k:k + 1], expected, rtol=1e-9)


def test_both_ways_in_a_model(tmp_path):
    def build():
        return rl.Sequential([rl.Masking(), rl.Bidirectional(rl.GRU(INPUT_DIM, OUTPUT_DIM, return_sequences=True,
                                                                    W_regularizer="l2", b_constraint="nonneg")),
                              rl.Bidirectional(rl.JZS1(2 * OUTPUT_DIM, OUTPUT_DIM, initial_state="learned"), "sum"),
                              rl.Dense(OUTPUT_DIM, 1)])  # fmt: skip

    model = build()
    model.compile("rmsprop", "mse", theano_mode="FAST_RUN")
    x, y = X * MASK[:, :, None], np.ones((NB_SAMPLES, 1))
    before = model.get_weights()
    losses = [model.train_on_batch(x, y) for _ in range(5)]
    assert losses[-1] < losses[0] and is_in_c(model._functions.get("train"))
    changed = [not np.array_equal(one, other) for one, other in zip(before, model.get_weights())]
    assert changed.count(False) == 2, "but for the two projections"
    assert all(weight.get_value().min() >= 0 for weight in model.layers[1].params if weight.name[0] == "b")
    model.save_weights(str(tmp_path / "weights.h5"))
    for again in (rl.model_from_json(model.to_json()), pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        again.load_weights(str(tmp_path / "weights.h5"))
        again.compile("rmsprop", "mse")  # Which is not in C.
        assert again.layers[1].output_shape == (None, None, 2 * OUTPUT_DIM)
        assert_allclose(again.predict(x), model.predict(x), rtol=1e-9)


def test_what_cannot_go_both_ways_is_refused():
    behind = rl.GRU(4, 2)
    behind.set_previous(rl.LSTM(2, 4, return_sequences=True))
    for wrong in (rl.Dense(2, 2), rl.GRU, rl.GRU(2, 2, go_backwards=True), behind):
        with pytest.raises(ValueError, match="Bidirectional needs a recurrent layer|stands behind another layer"):
            rl.Bidirectional(wrong)
    with pytest.raises(ValueError, match="merge"):
        rl.Bidirectional(rl.GRU(2, 2), "max")


def test_both_ways_are_trained_or_none():
    for name in ("forward", "backward"):
        model = rl.Sequential([rl.Bidirectional(rl.GRU(2, 2)), rl.Dense(4, 1)])
        getattr(model.layers[0], name).trainable = False
        with pytest.raises(ValueError, match="Bidirectional is trained as a whole, or not: set its own `trainable` to"):
            model.compile("sgd", "mse")
        model.layers[0].trainable = False
        model.compile("sgd", "mse")


def test_both_directions_have_penalties_and_constraints_of_ones_own():
    class L4(rl.regularizers.Regularizer):
        def __init__(self, strength):
            self.strength = strength

        def __call__(self, loss):
            return loss + self.strength * T.sum(self.target ** 4)

    class Halving(rl.constraints.Constraint):
        def __call__(self, p):
            return p / 2

    both = rl.Bidirectional(rl.SimpleRNN(INPUT_DIM, OUTPUT_DIM, W_regularizer=L4(2.0), U_constraint=Halving()))
    _, regularizers, constraints, _ = both.get_params()
    loss = T.constant(0.0)
    for regularizer in regularizers:
        loss = regularizer(loss)
    W, _, _, W_backwards, _, _ = both.get_weights()
    assert_allclose(loss.eval(), 2 * np.sum(W ** 4) + 2 * np.sum(W_backwards ** 4))
    assert type(constraints[1]) is type(constraints[4]) is Halving
    model = rl.Sequential([both])
    again = rl.model_from_json(model.to_json(), custom_objects={"L4": L4, "Halving": Halving})
    assert again.get_config() == model.get_config() and again.layers[0].backward.W_regularizer.strength == 2.0


# ---- Chance ---------------------------------------------------------------------------------------------------


def sigmoid(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


def lstm(weights, x, kept_W, kept_U, stays):
    """Steps of an LSTM in NumPy: x is (timesteps, nb_samples, input_dim), `stays` for each state and step."""
    W_i, U_i, b_i, W_c, U_c, b_c, W_f, U_f, b_f, W_o, U_o, b_o = weights
    h = c = np.zeros((x.shape[1], OUTPUT_DIM))
    for t, x_t in enumerate(x * kept_W):
        left = h * kept_U
        i, f, o = (sigmoid(x_t @ W + left @ U + b) for W, U, b in ((W_i, U_i, b_i), (W_f, U_f, b_f), (W_o, U_o, b_o)))
        c_t = f * c + i * np.tanh(x_t @ W_c + left @ U_c + b_c)
        h_t = o * np.tanh(c_t)
        h, c = stays[0][t] * h + (1 - stays[0][t]) * h_t, stays[1][t] * c + (1 - stays[1][t]) * c_t
    return h


def gru(weights, x, kept_W, kept_U, stays):
    W_z, U_z, b_z, W_r, U_r, b_r, W_h, U_h, b_h = weights
    h = np.zeros((x.shape[1], OUTPUT_DIM))
    for t, x_t in enumerate(x * kept_W):
        z = sigmoid(x_t @ W_z + h * kept_U @ U_z + b_z)
        r = sigmoid(x_t @ W_r + h * kept_U @ U_r + b_r)
        hh = np.tanh(x_t @ W_h + r * h * kept_U @ U_h + b_h)
        h = stays[0][t] * h + (1 - stays[0][t]) * (z * h + (1 - z) * hh)
    return h


def test_zoneout_keeps_the_precision():
    with change_flags(floatX="float32"):
        layer = rl.GRU(3, 4, zoneout=0.1)
        assert layer.get_output().dtype == layer.get_output(train=True).dtype == "float32"


@pytest.mark.parametrize("name, loop", [("LSTM", lstm), ("GRU", gru)])
def test_dropout_and_zoneout(name, loop, monkeypatch):
    """With what is drawn known, against a loop in NumPy; and what is drawn is drawn as it should be."""
    asked, drawn, rng = [], [], np.random.RandomState(4)

    def kept(self, share, shape, axis=0):
        asked.append((share, len(shape)))
        sizes = [[NB_SAMPLES, INPUT_DIM], [NB_SAMPLES, OUTPUT_DIM], [TIMESTEPS, NB_SAMPLES, OUTPUT_DIM]]
        kind = {0.75: 0, 0.5: 1, 0.125: 2}[share]
        drawn.append((kind, (rng.uniform(size=sizes[kind]) < share).astype(float)))
        return T.constant(drawn[-1][1])

    monkeypatch.setattr(rl.Recurrent, "_kept", kept)
    layer = made(name, activation="tanh", dropout_W=0.25, dropout_U=0.5, zoneout=0.125)
    result = compiled(layer, train=True)(X, MASK)[0]
    kept_W, kept_U = (next(value for kind, value in drawn if kind == k) / share for k, share in ((0, 0.75), (1, 0.5)))
    stays = [value for kind, value in drawn if kind == 2]
    assert len(stays) == layer.nb_states and len(drawn) == 2 + layer.nb_states
    steps, weights = X.transpose(1, 0, 2), layer.get_weights()
    assert_allclose(result, loop(weights, steps, kept_W, kept_U, stays), rtol=1e-10)
    shares = np.full((2, TIMESTEPS, 1, 1), 0.125)
    assert_allclose(output(layer), loop(weights, steps, 1, 1, shares), rtol=1e-10)


def test_what_is_dropped_is_drawn_anew_for_each_batch_and_seeded():
    def outputs():
        np.random.seed(11)
        function = compiled(made("LSTM", dropout_W=0.3, dropout_U=0.3, zoneout=0.1), train=True)
        return [function(X, MASK)[0] for _ in range(2)]

    (first, second), again = outputs(), outputs()
    assert not np.allclose(first, second)
    assert_allclose(again, [first, second])


def test_as_many_are_dropped_as_are_said():
    layer = rl.SimpleRNN(INPUT_DIM, OUTPUT_DIM, dropout_W=0.3)
    drawn = engine.function([], layer._kept(0.7, (400, 50)))()
    assert set(np.unique(drawn)) == {0.0, 1.0} and abs(drawn.mean() - 0.7) < 0.02


# ---- Gradients ------------------------------------------------------------------------------------------------


class Clipped(rl.Recurrent):
    """An LSTM that clips the gradients of what goes into its gates itself."""

    param_names, nb_states = rl.LSTM.param_names, 2

    def step(self, x_t, h_tm1, c_tm1):
        i, f, c, o = (engine.grad_clip(T.dot(x_t, W) + T.dot(h_tm1, U) + b, -0.02, 0.02) for W, U, b in (
            (self.W_i, self.U_i, self.b_i), (self.W_f, self.U_f, self.b_f), (self.W_c, self.U_c, self.b_c),
            (self.W_o, self.U_o, self.b_o)))  # fmt: skip
        c_t = self.inner_activation(f) * c_tm1 + self.inner_activation(i) * self.activation(c)
        return self.inner_activation(o) * self.activation(c_t), c_t


def test_gradients_are_clipped_at_each_step():
    results = []
    for mode, layer in ((BY_SCAN, Clipped(INPUT_DIM, OUTPUT_DIM, inner_activation="hard_sigmoid")),
                        (IN_C, made("LSTM", gradient_clipping=0.02)), (IN_C, made("LSTM"))):
        layer.set_weights(made("LSTM").get_weights())
        y = layer.get_output()
        function = engine.function([layer.input], [y] + T.grad(T.sum(y ** 2), layer.params), mode=mode)
        assert mode is BY_SCAN or is_in_c(function)
        results.append(function(X))
    for own, clipped in zip(*results[:2]):
        assert_allclose(clipped, own, rtol=1e-9, atol=1e-12)
    assert_allclose(results[0][0], results[2][0], rtol=1e-12)
    assert not np.allclose(results[1][1], results[2][1])


class OfSquare(rl.Recurrent):
    """A cell with a matrix that is a product of U with itself."""

    param_names = ("W", "U", "b")

    def __init__(self, *arguments, own_bound=None, **named):
        self.own_bound = own_bound
        super().__init__(*arguments, **named)

    def step(self, x_t, h_tm1):
        total = T.dot(x_t, self.W) + T.dot(h_tm1, T.dot(self.U.T, self.U)) + self.b
        return T.tanh(total if self.own_bound is None else engine.grad_clip(total, -self.own_bound, self.own_bound))


def test_a_matrix_that_is_a_product_is_not_clipped_itself():
    layers = [OfSquare(INPUT_DIM, OUTPUT_DIM, own_bound=0.02), OfSquare(INPUT_DIM, OUTPUT_DIM, gradient_clipping=0.02)]
    layers[1].set_weights(layers[0].get_weights())
    own, clipped = (engine.function([layer.input], T.grad(T.sum(layer.get_output() ** 2), layer.params),
                                    mode=mode)(X) for layer, mode in zip(layers, (BY_SCAN, IN_C)))  # fmt: skip
    for expected, found in zip(own, clipped):
        assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_penalties_of_both_directions_are_listed():
    both = rl.Bidirectional(rl.LSTM(INPUT_DIM, OUTPUT_DIM, U_regularizer="l2"))
    assert len(both.regularizers) == len(both.get_params()[1]) == len(rl.Sequential([both]).regularizers) == 2 * 4


def test_final_states_of_a_compiled_model_are_those_of_predictions():
    layer = rl.LSTM(INPUT_DIM, OUTPUT_DIM, return_state=True, dropout_U=0.5)
    model = rl.Sequential([layer])
    model.compile("sgd", "mse")
    states = engine.function([layer.input], layer.final_states)
    assert_allclose(states(X)[0], model.predict(X), rtol=1e-10)


# ---- Penalties and constraints --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["LSTM", "SimpleDeepRNN", "JZS1"])
def test_penalties_are_those_of_the_weights_of_a_kind(name):

    def penalty(**options):
        layer = made(name, **options)
        total = functools.reduce(lambda loss, regularizer: regularizer(loss), layer.get_params()[1], T.constant(0.0))
        return engine.function([layer.input], total, on_unused_input="ignore")(X)

    weights = {weight.name: weight.get_value() for weight in made(name).params}
    for kind, regularizer, norm in (("W", "l2", np.square), ("U", "l1", np.abs), ("b", "l2", np.square)):
        total = sum(norm(value).sum() for weight, value in weights.items() if weight[0] == kind)
        assert_allclose(penalty(**{f"{kind}_regularizer": regularizer}), 0.01 * total, rtol=1e-8)
    of_output = 0.01 * np.square(output(made(name))).mean(axis=0).sum()
    assert_allclose(penalty(activity_regularizer="activity_l2"), of_output, rtol=1e-8)


def test_constraints_hold_after_an_update():
    model = rl.Sequential([made("LSTM", W_constraint="nonneg", U_constraint=rl.constraints.maxnorm(0.5),
                                initial_state="learned"), rl.Dense(OUTPUT_DIM, 1)])  # fmt: skip
    model.compile("sgd", "mse")
    before = {weight.name: weight.get_value() for weight in model.layers[0].params}
    model.train_on_batch(X, np.ones((NB_SAMPLES, 1)))
    values = {weight.name: weight.get_value() for weight in model.layers[0].params}
    for name, value in values.items():
        assert value.min() < 0 or name[0] == "W" and value.min() == 0 or name.startswith("initial")
        assert name[0] != "U" or np.linalg.norm(value, axis=0).max() <= 0.5 < np.linalg.norm(before[name], axis=0).max()


# ---- Together -------------------------------------------------------------------------------------------------

CHOICES = dict(go_backwards=[False, True], initial_state=[None, "learned"], dropout_W=[0.0, 0.2], dropout_U=[0.0, 0.2],
               zoneout=[0.0, 0.1], gradient_clipping=[0.0, 1.0], W_regularizer=[None, "l2"],
               b_constraint=[None, "nonneg"], return_sequences=[False, True], truncate_gradient=[-1, 2],
               stateful=[False, True], return_state=[False, True], U_regularizer=[None, "l1"],
               b_regularizer=[None, "l2"], activity_regularizer=[None, "activity_l2"], W_constraint=[None, "maxnorm"],
               U_constraint=[None, "unitnorm"])  # fmt: skip


def test_no_option_is_forgotten():
    parameters = inspect.signature(rl.Recurrent).parameters.values()
    options = {one.name: one.default for one in parameters if one.kind is one.KEYWORD_ONLY}
    assert set(options) <= set(CHOICES)
    for name, default in options.items():
        assert CHOICES[name][0] == default != CHOICES[name][1]


@pytest.mark.parametrize("seed", range(NB_COMBINATIONS))
def test_options_work_together(seed, tmp_path):
    """A model that is trained in C, saved, and made again from JSON and from the file of its weights."""
    rng = np.random.RandomState(seed)
    name = RECURRENT[rng.randint(len(RECURRENT))]
    options = {key: values[rng.randint(len(values))] for key, values in CHOICES.items()}
    layers = [rl.Masking(), getattr(rl, name)(INPUT_DIM, OUTPUT_DIM, **options)]
    layers.append((rl.TimeDistributedDense if options["return_sequences"] else rl.Dense)(OUTPUT_DIM, 1))
    model = rl.Sequential(layers)
    model.compile("rmsprop", "mse", theano_mode="FAST_RUN")
    x = X * MASK[:, :, None]
    y = np.ones((NB_SAMPLES, TIMESTEPS, 1) if options["return_sequences"] else (NB_SAMPLES, 1))
    losses = [model.train_on_batch(x, y) for _ in range(3)]
    assert np.isfinite(losses).all() and is_in_c(model._functions.get("train"))
    again = rl.model_from_json(model.to_json())
    assert {key: again.layers[1].get_config()[key] for key in options} == {
        key: model.layers[1].get_config()[key] for key in options}
    assert json.loads(again.to_json()) == json.loads(model.to_json())
    again.compile("rmsprop", "mse")  # Which is not in C.
    model.save_weights(str(tmp_path / "weights.h5"))
    again.load_weights(str(tmp_path / "weights.h5"))
    assert_allclose(again.predict(x), model.predict(x), rtol=1e-7)


@pytest.mark.parametrize("name", RECURRENT)
def test_all_is_in_float32_if_that_is_asked_for(name):
    with change_flags(floatX="float32"):
        layer = getattr(rl, name)(INPUT_DIM, OUTPUT_DIM, zoneout=0.1, dropout_W=0.1, dropout_U=0.1,
                                  gradient_clipping=1.0, initial_state="learned", W_regularizer="l2")
        masked_input(layer, T.matrix())
        outputs = [layer.get_output(train) for train in (False, True)]
        gradients = T.grad(layer.regularizers[0](T.sum(outputs[1])), layer.params)
    assert {variable.dtype for variable in outputs + gradients} == {"float32"}


def test_a_single_number_is_no_bias():
    layer = zoo.FastRNN(INPUT_DIM, OUTPUT_DIM, b_constraint="maxnorm", b_regularizer="l2")
    held = [name for name, constraint in zip(layer.param_names, layer.get_params()[2])
            if constraint is layer.b_constraint]  # fmt: skip
    assert held == ["b"] and len(layer.regularizers) == 1
    model = rl.Sequential([layer])
    model.compile("sgd", "mse")
    assert np.isfinite(model.train_on_batch(X, np.ones((NB_SAMPLES, OUTPUT_DIM))))


# ---- Arguments of cells of one's own -------------------------------------------------------------------------


class Plain(rl.Recurrent):
    param_names = ("W", "U", "b")

    def step(self, x_t, h_tm1):
        return self.activation(T.dot(x_t, self.W) + T.dot(h_tm1, self.U) + self.b)


class Passing(Plain):
    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)


class Scaled(Plain):
    def __init__(self, input_dim, output_dim, scale=2.0, **named):
        super().__init__(input_dim, output_dim, **named)
        self.scale = scale


class WithOptions(Plain):
    def __init__(self, input_dim, output_dim, activation="relu", **options):
        super().__init__(input_dim, output_dim, activation=activation, **options)


@pytest.mark.parametrize("cell, arguments", [
    (Plain, dict(activation="sigmoid", zoneout=0.1)), (Passing, dict(activation="sigmoid", zoneout=0.1)),
    (Scaled, dict(scale=3.0, activation="sigmoid", go_backwards=True)), (WithOptions, dict(zoneout=0.1)),
])  # fmt: skip
def test_a_cell_of_ones_own_is_made_again_of_its_config(cell, arguments):
    layer = cell(INPUT_DIM, OUTPUT_DIM, **arguments)
    config = layer.get_config()
    again = cell.from_config(config)
    assert again.get_config() == config and arguments.items() <= config.items()
    assert again.activation is layer.activation and config["output_dim"] == OUTPUT_DIM
    if not layer.go_backwards:
        assert rl.Bidirectional(layer).backward.activation is layer.activation


@pytest.mark.parametrize("option, value", [
    ("dropout_U", 0.1), ("gradient_clipping", 1.0), ("U_regularizer", "l2"), ("U_constraint", "nonneg")])
def test_what_would_do_nothing_is_refused(option, value):
    class Elementwise(Plain):
        param_names = ("W", "u", "b")

    with pytest.raises(ValueError, match=f"{option} acts on weights U, of which Elementwise has none, only W, u, b"):
        Elementwise(INPUT_DIM, OUTPUT_DIM, **{option: value})
    Elementwise(INPUT_DIM, OUTPUT_DIM, W_regularizer="l2", b_constraint="nonneg")


def test_a_step_returns_as_many_states_as_there_are():
    class Two(Plain):
        nb_states = 2

        def step(self, x_t, h_tm1, c_tm1):
            return super().step(x_t, h_tm1)

    with pytest.raises(ValueError, match="step of Two must return as many states as nb_states says, 2, but returns 1"):
        Two(INPUT_DIM, OUTPUT_DIM).get_output()

    class Misnamed(Plain):
        param_names = ("W", "U", "B")

    with pytest.raises(ValueError, match="the weight B of Misnamed is of no kind"):
        Misnamed(INPUT_DIM, OUTPUT_DIM)


# ---- Layers of that time --------------------------------------------------------------------------------------


class OldGRU(rl.Recurrent):
    """A layer as one wrote it for Keras 0.1.3, with a loop of its own and a padded mask."""

    def __init__(self, input_dim, output_dim=128, init="glorot_uniform", inner_init="orthogonal", activation="sigmoid",
                 inner_activation="hard_sigmoid", weights=None, truncate_gradient=-1, return_sequences=False):
        super().__init__()
        self.input_dim, self.output_dim = input_dim, output_dim
        self.truncate_gradient, self.return_sequences = truncate_gradient, return_sequences
        self.init, self.inner_init = rl.initializations.get(init), rl.initializations.get(inner_init)
        self.activation, self.inner_activation = rl.activations.get(activation), rl.activations.get(inner_activation)
        self.input = T.tensor3()
        self.params = []
        for _ in "zrh":
            W, U = self.init((input_dim, output_dim)), self.inner_init((output_dim, output_dim))
            self.params += [W, U, engine.shared(np.zeros(output_dim))]
        self.W_z, self.U_z, self.b_z, self.W_r, self.U_r, self.b_r, self.W_h, self.U_h, self.b_h = self.params

    def _step(self, xz_t, xr_t, xh_t, mask_tm1, h_tm1, u_z, u_r, u_h):
        h_mask_tm1 = mask_tm1 * h_tm1
        z = self.inner_activation(xz_t + T.dot(h_mask_tm1, u_z))
        r = self.inner_activation(xr_t + T.dot(h_mask_tm1, u_r))
        hh_t = self.activation(xh_t + T.dot(r * h_mask_tm1, u_h))
        return z * h_mask_tm1 + (1 - z) * hh_t

    def get_output(self, train=False):
        X = self.get_input(train)
        padded_mask = self.get_padded_shuffled_mask(train, X, pad=1)
        X = X.dimshuffle((1, 0, 2))
        x_z, x_r, x_h = (T.dot(X, W) + b for W, b in (
            (self.W_z, self.b_z), (self.W_r, self.b_r), (self.W_h, self.b_h)))  # fmt: skip
        outputs, updates = rl.recurrence.scan(
            self._step, sequences=[x_z, x_r, x_h, padded_mask],
            outputs_info=engine.of_any_size(T.zeros((X.shape[1], self.output_dim)), 0, 1),
            non_sequences=[self.U_z, self.U_r, self.U_h], truncate_gradient=self.truncate_gradient)  # fmt: skip
        return outputs.dimshuffle((1, 0, 2)) if self.return_sequences else outputs[-1]


def test_a_layer_that_was_written_for_keras():
    """The loop is its own, and may run in C; of ours it has the mask and all around."""
    old, new = OldGRU(INPUT_DIM, OUTPUT_DIM, return_sequences=True), made("GRU", return_sequences=True)
    old.set_weights(new.get_weights())
    assert_allclose(output(old), output(new), rtol=1e-10)
    mask = T.matrix()
    masked_input(old, mask)
    padded = engine.function([old.input, mask], old.get_padded_shuffled_mask(False, old.input, pad=2),
                             on_unused_input="ignore")(X, MASK)  # fmt: skip
    assert padded.dtype == np.int8 and padded.shape == (TIMESTEPS + 2, NB_SAMPLES, 1)
    assert (padded[:2] == 0).all() and (padded[2:, :, 0] == MASK.T).all()
    with pytest.raises(ValueError, match="input_dim"):
        rl.Recurrent()
