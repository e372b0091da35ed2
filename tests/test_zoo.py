"""The cells of the zoo: their numbers are torchrecurrent's or the paper's, they run in C, and do what all layers do."""

import pathlib
import re

import numpy as np
import pytest
from compiled import BY_SCAN, IN_C, assert_same, is_in_c
from conftest import masked_input
from numpy.testing import assert_allclose

import recurrent_layers as rl
from recurrent_layers import engine
from recurrent_layers.engine import tensor as T
from recurrent_layers.layers import zoo
from recurrent_layers.recurrence.graphs import with_clipped_sums, with_other_products
from recurrent_layers.recurrence.show import explain

DATA = pathlib.Path(__file__).parent / "data" / "torchrecurrent.npz"
OUTPUT_DIM = 5


@pytest.mark.parametrize("name", zoo.__all__)
def test_its_reference_has_authors_a_year_and_a_title(name):
    own = getattr(zoo, name).__doc__.partition("\n\nReferences\n----------\n")[2].partition("\n.. [1]")[0]
    assert re.match(r'[^()"]*[A-Z]\w+[^()"]* \(\d{4}\),\s"[^"]+"', own)


# ---- Against torchrecurrent -----------------------------------------------------------------------------------


def gates(letters, *but_of_state, **others):
    """Weights of gates with these letters, in the order in which torchrecurrent puts them beside each other."""
    names = {kind: " ".join(f"{kind}_{letter}" for letter in letters.split()) for kind in "WUb"}
    return {"weight_ih": names["W"], "weight_hh": names["U"], "bias_ih": names["b"], "bias_hh": names["b"], **others}


#: By torchrecurrent's names of cells and weights, those of ours that stand in its rows. Where it has two biases of one
#: sum, both are one of ours.
SIMPLE = dict(weight_ih="W", weight_hh="U", bias_ih="b", bias_hh="b")
TORCHRECURRENT = {
    "ATR": dict(SIMPLE, bias_hh="b_U"),
    "AntisymmetricRNN": SIMPLE,
    "BR": gates("a c h", weight_hh="u_a u_c", bias_hh="b_a b_c"),
    "CFN": gates("t n h", weight_hh="U_t U_n", bias_hh="b_t b_n"),
    "DSGU": gates("g z", bias_hh="b_Ug b_z", weight_ho="U_o"),
    "FastGRNN": dict(SIMPLE, bias_ih="b_z b_h", bias_hh="b_z b_h", zeta="zeta", nu="nu"),
    "FastRNN": dict(SIMPLE, alpha="alpha", beta="beta"),
    "GatedAntisymmetricRNN": gates("z h", weight_hh="U", bias_hh="b_h"),
    "IndRNN": dict(weight_ih="W", vector_u="u", bias_ih="b", bias_hh="b"),
    "IntersectionRNN": gates("y h gy gh"),
    "JANET": gates("f c"),
    "LiGRU": gates("z h"),
    "LightRU": gates("h f", weight_hh="U_f", bias_hh="b_f"),
    "MCLSTM": gates("f i o m n"),
    "MGU": gates("f h"),
    "MiRU1": gates("r h"),
    "MiRU2": SIMPLE,
    "MinimalRNN": dict(weight_ih="W_z", weight_hh="U_h", weight_mm="U_z", bias_ih="b_z", bias_hh="b_u"),
    "MultiplicativeLSTM": gates("m i f c o", weight_hh="U_m", bias_hh="b_Um", weight_mh="U_i U_f U_c U_o",
                                bias_mh="b_i b_f b_c b_o"),
    "NBR": gates("a c h", weight_hh="U_a U_c", bias_hh="b_a b_c"),
    "OriginalLSTM": gates("i c o"),
    "PeepholeLSTM": gates("i f c o", weight_ph="p_i p_f p_o"),
    "RAN": gates("c i f", weight_hh="U_i U_f", bias_ih="b_i b_f", bias_hh="b_i b_f"),
    "ResLSTM": gates("i f c o", weight_ph="p_i p_f p_o", weight_proj="U_p", weight_res="W_r"),
    "SGRN": dict(SIMPLE, bias_hh="b_U"),
    "SGU": gates("g z", bias_hh="b_Ug b_z"),
    "STAR": gates("z k", weight_hh="U_k", bias_hh="b_k"),
    "TGRU": gates("z f o", weight_hh="V_z V_f V_o"),
    "TLSTM": gates("z f o", weight_hh="V_z V_f V_o"),
    "TRNN": gates("z f"),
    "UGRNN": gates("c g"),
    "UnICORNN": dict(weight_ih="W", weight_hh="u", weight_ch="c", bias_ih="b"),
    "WMCLSTM": gates("i f c o", weight_mh="U_ci U_cf U_co", bias_mh="b_ci b_cf b_co"),
    "coRNN": dict(SIMPLE, weight_ch="U_z", bias_ch="b"),
    "tauGRU": gates("u z g a"),
}  # fmt: skip
OUR_NAME = {"coRNN": "CoRNN", "tauGRU": "TauGRU"}
#: The arguments that stand in `peers/torchrecurrent_cells.py`, too.
ARGUMENTS = {
    "AntisymmetricRNN": dict(epsilon=0.5, gamma=0.1), "GatedAntisymmetricRNN": dict(epsilon=0.5, gamma=0.1),
    "CoRNN": dict(dt=0.25, gamma=1.25, epsilon=0.75), "UnICORNN": dict(dt=0.25, alpha=0.5), "JANET": dict(beta=0.75),
    "MiRU1": dict(update_coefficient=0.25), "MiRU2": dict(update_coefficient=0.25, reset_coefficient=0.625),
    "SGU": dict(inner_activation="sigmoid"), "DSGU": dict(inner_activation="sigmoid"), "TauGRU": dict(delay=2),
}  # fmt: skip


def pieces(name, key, array):
    """Our weights, or their gradients, in an array of torchrecurrent's."""
    names = TORCHRECURRENT[name][key].split()
    found = [piece.T for piece in np.split(array, len(names))]
    return [(ours, piece.reshape(()) if ours in ("alpha", "beta", "zeta", "nu") else piece)
            for ours, piece in zip(names, found)]  # fmt: skip


def with_gradients(layer, mode=IN_C):
    """The function of an input, and of what its outputs are weighed by, to the outputs and all gradients."""
    R, y = T.tensor3(), layer.get_output()
    outputs = [y] + T.grad(T.sum(y * R), [layer.input] + layer.params)
    function = engine.function([layer.input, R], outputs, mode=mode)
    assert mode is BY_SCAN or is_in_c(function)
    return function


# PyTensor takes longer to compile, and what it reads of a step is the same C then.
FEWER = slice(None, None, 1 if engine.NAME == "Theano" else 4)


@pytest.mark.parametrize("name", sorted(TORCHRECURRENT)[FEWER])
def test_numbers_are_those_of_torchrecurrent(name):
    with np.load(DATA) as stored:
        arrays = {key.split("/")[1]: stored[key] for key in stored if key.startswith(f"{name}/")}
    X, Y, R = arrays["X"], arrays["Y"], arrays["R"]
    cell = OUR_NAME.get(name, name)
    layer = getattr(zoo, cell)(X.shape[2], OUTPUT_DIM, return_sequences=True, **ARGUMENTS.get(cell, {}))
    weights = {}
    for key in arrays.keys() & TORCHRECURRENT[name]:
        for ours, piece in pieces(name, key, arrays[key]):
            weights[ours] = weights.get(ours, 0) + piece
    assert weights.keys() == set(layer.param_names)
    layer.set_weights([weights[name] for name in layer.param_names])
    y, of_X, *of_weights = with_gradients(layer)(X, R)
    assert_allclose(y, Y, rtol=1e-8, atol=1e-12)
    assert_allclose(of_X, arrays["X_grad"], rtol=1e-8, atol=1e-12)
    for key in arrays.keys() & TORCHRECURRENT[name]:
        for ours, piece in pieces(name, key, arrays[f"{key}_grad"]):
            assert_allclose(of_weights[layer.param_names.index(ours)], piece, rtol=1e-8, atol=1e-12, err_msg=ours)


# ---- Against the papers ---------------------------------------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def normalized(x):
    return (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)


class Weights(dict):
    """Weights by their names."""

    __getattr__ = dict.__getitem__

    def sum(self, gate, x, h):
        return x @ self[f"W_{gate}"] + h @ self[f"U_{gate}"] + self[f"b_{gate}"]


def lem(w, x, y, z):
    dt, dt_bar = 0.75 * sigmoid(w.sum(1, x, y)), 0.75 * sigmoid(w.sum(2, x, y))
    z = (1 - dt) * z + dt * np.tanh(w.sum("z", x, y))
    return (1 - dt_bar) * y + dt_bar * np.tanh(w.sum("y", x, z)), z


def scrn(w, x, y, h, s):
    s = (1 - 0.9) * (x @ w.W_s + w.b_s) + 0.9 * s
    h = sigmoid(s @ w.U_sh + w.sum("h", x, h))
    return np.tanh(h @ w.U_y + s @ w.U_sy + w.b_y), h, s


def nas(w, x, h, c):
    add = [w.sum(k, x, h) for k in range(8)]
    multiply = (x @ w.W_3 + w.b_3) * (h @ w.U_3)
    leaves = [sigmoid(add[0]), np.maximum(add[1], 0), sigmoid(add[2]), np.maximum(multiply, 0), np.tanh(add[4]),
              sigmoid(add[5]), np.tanh(add[6]), sigmoid(add[7])]  # fmt: skip
    first, second = np.tanh(leaves[0] * leaves[1]), np.tanh(leaves[2] + leaves[3])
    third, fourth = np.tanh(leaves[4] * leaves[5]), sigmoid(leaves[6] + leaves[7])
    c = np.tanh(first + c) * second
    return np.tanh(c * np.tanh(third + fourth)), c


def min_gru(w, x, h):
    z = sigmoid(x @ w.W_z + w.b_z)
    return ((1 - z) * h + z * (x @ w.W_h + w.b_h),)


def coupled_lstm(w, x, h, c):
    f = sigmoid(w.sum("f", x, h))
    c = f * c + (1 - f) * np.tanh(w.sum("c", x, h))
    return sigmoid(w.sum("o", x, h)) * np.tanh(c), c


def recurrent_highway(w, x, h):
    for layer in (1, 2):
        hh = np.tanh(x @ w.W_h * (layer == 1) + h @ w[f"U_h{layer}"] + w[f"b_h{layer}"])
        t = sigmoid(x @ w.W_t * (layer == 1) + h @ w[f"U_t{layer}"] + w[f"b_t{layer}"])
        h = hh * t + h * (1 - t)
    return (h,)


def layer_norm_lstm(w, x, h, c):
    f, i, o, g = np.split(w.g_U * normalized(h @ w.U) + w.g_W * normalized(x @ w.W) + w.b, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(w.g_c * normalized(c) + w.b_c), c


def layer_norm_gru(w, x, h):
    z, r = np.split(w.g_U * normalized(h @ w.U) + w.g_W * normalized(x @ w.W) + w.b, 2, axis=1)
    lookback = sigmoid(r) * (w.g_Uh * normalized(h @ w.U_h) + w.b_Uh)
    hh = np.tanh(w.g_Wh * normalized(x @ w.W_h) + w.b_h + lookback)
    return ((1 - sigmoid(z)) * h + sigmoid(z) * hh,)


#: What torchrecurrent lacks, or has in another way than the paper.
PAPERS = {
    "LEM": (lem, dict(dt=0.75)), "SCRN": (scrn, dict(alpha=0.9)), "NAS": (nas, {}), "MinGRU": (min_gru, {}),
    "CoupledLSTM": (coupled_lstm, {}), "RecurrentHighway": (recurrent_highway, dict(depth=2)),
    "LayerNormLSTM": (layer_norm_lstm, {}), "LayerNormGRU": (layer_norm_gru, {}),
}  # fmt: skip


def made(name, seed=1, **options):
    """A layer with weights that are all drawn."""
    layer, rng = getattr(zoo, name)(3, OUTPUT_DIM, **options), np.random.RandomState(seed)
    layer.set_weights([rng.uniform(-1, 1, weight.shape) for weight in layer.get_weights()])
    return layer


@pytest.mark.parametrize("name", sorted(PAPERS)[FEWER])
def test_numbers_are_those_of_the_paper(name):
    step, arguments = PAPERS[name]
    layer, rng = made(name, return_sequences=True, **arguments), np.random.RandomState(2)
    X, R = rng.randn(2, 4, 3), rng.randn(2, 4, OUTPUT_DIM)
    weights, states = Weights(zip(layer.param_names, layer.get_weights())), np.zeros((layer.nb_states, 2, OUTPUT_DIM))
    expected = []
    for x_t in X.transpose(1, 0, 2):
        states = step(weights, x_t, *states)
        expected.append(states[0])
    results = with_gradients(layer)(X, R)
    assert_allclose(results[0], np.transpose(expected, (1, 0, 2)), rtol=1e-10, atol=1e-12)
    assert_same(results, with_gradients(layer, BY_SCAN)(X, R))


# ---- All of them ----------------------------------------------------------------------------------------------


def test_none_is_left_out():
    known = {OUR_NAME.get(name, name) for name in TORCHRECURRENT}
    assert known.isdisjoint(PAPERS) and {*known, *PAPERS} == set(zoo.__all__)
    assert all(issubclass(getattr(zoo, name), rl.Recurrent) for name in zoo.__all__)


@pytest.mark.parametrize("name", zoo.__all__)
def test_their_steps_can_be_written_in_c(name):
    text = explain(getattr(zoo, name)(3, OUTPUT_DIM))
    assert "Backward, all steps:" in text and "numbers" in text.partition("Forward")[0]
    assert text.startswith(f"{name}\n\n    "), "the equations stand first"


@pytest.mark.parametrize("name", zoo.__all__)
def test_they_come_back_from_json(name):
    arguments = dict(ARGUMENTS.get(name, {}), zoneout=0.25, return_sequences=True)
    layer = getattr(zoo, name)(3, OUTPUT_DIM, **arguments)
    model = rl.Sequential([layer, rl.Bidirectional(getattr(zoo, name)(OUTPUT_DIM, 2, **arguments))])
    again = rl.model_from_json(model.to_json())
    assert type(again.layers[0]) is type(again.layers[1].backward) is getattr(zoo, name)
    assert again.get_config() == model.get_config() and arguments.items() <= again.layers[0].get_config().items()
    again.set_weights(model.get_weights())


def test_cells_of_ones_own_may_have_their_names():
    class MGU(rl.SimpleRNN):
        pass

    model = rl.Sequential([MGU(3, 4, return_sequences=True), zoo.MGU(4, 2)])
    again = rl.model_from_json(model.to_json(), custom_objects={"MGU": MGU})
    assert [type(layer) for layer in again.layers] == [MGU, zoo.MGU]
    with pytest.raises(ValueError, match="unknown layer 'MGU'"):
        rl.model_from_json(model.to_json())
    assert not hasattr(rl, "PeepholeLSTM") and "PeepholeLSTM" not in rl.layers.__all__


@pytest.mark.parametrize("name", ["TLSTM", "TauGRU", "IntersectionRNN"][FEWER])
def test_padding_changes_nothing(name):
    layer, mask, X = made(name), T.matrix(), np.random.RandomState(0).randn(2, 6, 3)
    masked_input(layer, mask)
    function = engine.function([layer.input, mask], layer.get_output(), mode=IN_C)
    assert is_in_c(function)
    found = function(X, np.array([[1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 1, 1]]))
    for k, real in enumerate((slice(0, 3), slice(2, 6))):
        x = X[k:k + 1, real]
        assert_allclose(found[k:k + 1], function(x, np.ones(x.shape[:2])), rtol=1e-10)


def test_options_hold_for_a_matrix_that_is_computed_of_another():
    """What is dropped of a state before a product with U, and clipped of the gradient of a sum with it."""
    layer, (x, h, factor) = made("AntisymmetricRNN", gamma=0.1), [T.matrix() for _ in range(3)]
    dropped = with_other_products([layer.step(x, h)], {layer.U: factor})
    clipped = T.grad(T.sum(with_clipped_sums([layer.step(x, h)], [layer.U], 0.25)[0]), layer.b)
    function, rng = engine.function([x, h, factor], [*dropped, clipped]), np.random.RandomState(0)
    X, H, F = rng.randn(2, 3), rng.randn(2, OUTPUT_DIM), rng.randn(2, OUTPUT_DIM)
    W, U, b = layer.get_weights()
    A = U - U.T - 0.1 * np.identity(OUTPUT_DIM)
    of_dropped, gradient = function(X, H, F)
    assert_allclose(of_dropped, H + np.tanh(X @ W + (H * F) @ A + b), rtol=1e-10)
    assert_allclose(gradient, np.minimum(1 - np.tanh(X @ W + H @ A + b) ** 2, 0.25).sum(axis=0), rtol=1e-10)
