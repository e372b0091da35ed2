"""Weights to and from Keras 3 and PyTorch: what needs neither, and (marked `peers`) against the real ones."""

import inspect
import json
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose
from safetensors.numpy import load_file, save_file
from test_options import CHOICES

from recurrent_layers import GRU, JZS1, LSTM, Bidirectional, Masking, Sequential, SimpleDeepRNN, SimpleRNN, engine
from recurrent_layers.conversion import from_keras3, from_torch, to_keras3, to_torch

X = np.random.RandomState(0).randn(3, 6, 4).astype("float32")


def output(layer):
    return engine.function([layer.input], layer.get_output(), allow_input_downcast=True)(X)


def keras_config(name, **config):
    return {"module": "keras.layers", "class_name": name, "config": dict(units=5, **config)}


def tanh(x):
    """Has the name of another function."""
    return 2 * x


def torch_state(rows):
    return {"weight_ih_l0": np.zeros((rows, 4)), "weight_hh_l0": np.zeros((rows, 5))}


class TestWithoutThem:
    @pytest.mark.parametrize("layer", [
        SimpleRNN(4, 5, activation="relu", return_sequences=True),
        GRU(4, 5, activation="tanh", inner_activation="sigmoid"),
        LSTM(4, 5, inner_activation="sigmoid"),
        GRU(4, 5, activation="tanh", inner_activation="sigmoid", reset_after=True),
        LSTM(4, 5, inner_activation="sigmoid", go_backwards=True, dropout_W=0.1, dropout_U=0.2),
    ])  # fmt: skip
    def test_keras3_and_back(self, layer):
        layer.set_weights([np.random.randn(*weight.shape) for weight in layer.get_weights()])
        again = from_keras3(*to_keras3(layer))
        assert {**again.get_config(), **layer.get_config()} == again.get_config()
        assert_allclose(output(again), output(layer), rtol=1e-10)

    @pytest.mark.parametrize("layer", [
        SimpleRNN(4, 5, activation="tanh"), LSTM(4, 5, inner_activation="sigmoid", return_sequences=True),
        GRU(4, 5, activation="tanh", inner_activation="sigmoid", reset_after=True),
    ])  # fmt: skip
    def test_torch_and_back(self, layer):
        layer.set_weights([np.random.randn(*weight.shape) for weight in layer.get_weights()])
        again = from_torch(to_torch(layer), return_sequences=layer.return_sequences)
        assert_allclose(output(again), output(layer), rtol=1e-10)

    @pytest.mark.parametrize("convert, layer, message", [
        (to_keras3, JZS1(4, 5), "Keras 3 has no layer with the equations of JZS1"),
        (to_keras3, SimpleDeepRNN(4, 5), "no layer with the equations of SimpleDeepRNN"),
        (to_keras3, LSTM(4, 5), r"hard_sigmoid is max\(0, min\(1, 0.2 x \+ 0.5\)\) here and .* in Keras 3"),
        (to_keras3, SimpleRNN(4, 5, activation=lambda x: x), "Keras 3 may not have the activation <function"),
        (to_torch, JZS1(4, 5), "PyTorch has no layer with the equations of JZS1"),
        (to_torch, GRU(4, 5), r"torch.nn.GRU applies the reset gate after the product.*no weights make them equal"),
        (to_torch, LSTM(4, 5), "always has activation='tanh' and inner_activation='sigmoid'.*hard_sigmoid"),
        (to_torch, SimpleRNN(4, 5), "'tanh' or 'relu' only, but this one has sigmoid"),
        (to_torch, SimpleRNN(4, 5, activation=tanh), "this one has <function tanh"),
        (to_torch, GRU(4, 5, reset_after=True), "torch.nn.GRU always has activation='tanh'.*but this one has sigmoid"),
        (to_torch, SimpleRNN(4, 5, activation="tanh", go_backwards=True), "no layer that only goes backwards"),
        (to_torch, SimpleRNN(4, 5, activation="tanh", stateful=True), "PyTorch has no stateful layer"),
        (to_torch, SimpleRNN(4, 5, activation="tanh", zoneout=0.1), "PyTorch has no layer with zoneout.*0.1"),
        (to_keras3, SimpleRNN(4, 5, initial_state="learned"), "Keras 3 has no layer with initial_state.*'learned'"),
        (to_keras3, SimpleRNN(4, 5, activation=tanh), "Keras 3 may not have the activation <function tanh"),
    ])  # fmt: skip
    def test_what_goes_out_wrong_is_refused(self, convert, layer, message):
        with pytest.raises(ValueError, match=message):
            convert(layer)

    @pytest.mark.parametrize("convert", [to_keras3, to_torch])
    @pytest.mark.parametrize("option", inspect.signature(LSTM).parameters)
    def test_each_option_is_handed_on_or_refused_or_changes_no_prediction(self, convert, option):
        values = dict({name: value for name, (_, value) in CHOICES.items()}, truncate_gradient=2, init="normal",
                      inner_init="normal", forget_bias_init="zero", activation="relu", inner_activation="tanh",
                      weights=LSTM(4, 5).get_weights(), input_dim=4, output_dim=5)  # fmt: skip
        given = dict(input_dim=4, output_dim=5, inner_activation="sigmoid")
        layer = LSTM(**dict(given, **{option: values[option]}))
        try:
            made = convert(layer)
        except ValueError as error:
            assert re.search(f"{option}|only goes backwards", str(error))
            return
        again = (from_keras3(*made) if convert is to_keras3 else
                 from_torch(made, return_sequences=layer.return_sequences))  # fmt: skip
        if option == "stateful":
            again.stateful = not again.stateful  # It is one there; alone neither could be computed.
            layer.stateful = False
        assert_allclose(output(again), output(layer), rtol=1e-6)

    def test_an_option_that_is_added_later_is_refused(self, monkeypatch):
        signature = inspect.signature(GRU.__init__)
        added = inspect.Parameter("leak", inspect.Parameter.KEYWORD_ONLY, default=0.0)
        monkeypatch.setattr(GRU.__init__, "__signature__", signature.replace(parameters=[
            *signature.parameters.values(), added]), raising=False)  # fmt: skip
        layer = GRU(4, 5, activation="tanh", inner_activation="sigmoid", reset_after=True)
        layer.leak = 0.0
        assert len(to_torch(layer)) == 4 and len(to_keras3(layer)) == 2
        layer.leak = 0.5
        for convert in (to_torch, to_keras3):
            with pytest.raises(ValueError, match="has no layer with leak; this one has 0.5"):
                convert(layer)

    @pytest.mark.parametrize("config, message", [
        (keras_config("LSTM", return_state=True), "return_state=True, which ours have not"),
        (keras_config("LSTM", recurrent_activation="hard_sigmoid"), "the activation 'hard_sigmoid' of Keras 3"),
        (keras_config("ConvLSTM1D"), "only SimpleRNN, GRU and LSTM have the same equations in Keras 3"),
    ])  # fmt: skip
    def test_what_comes_wrong_from_keras3_is_refused(self, config, message):
        with pytest.raises(ValueError, match=message):
            from_keras3(config, [np.zeros((4, 20)), np.zeros((5, 20)), np.zeros(20)])

    def test_a_stateful_layer_is_one_there_too(self):
        for stateful in (False, True):
            again = from_keras3(*to_keras3(SimpleRNN(4, 5, activation="tanh", stateful=stateful)))
            assert again.stateful is stateful

    def test_a_layer_that_is_not_trained_is_not_there_either(self):
        layer = SimpleRNN(4, 5, activation="tanh")
        assert from_keras3(*to_keras3(layer)).trainable is True
        layer.trainable = False
        assert from_keras3(*to_keras3(layer)).trainable is False

    def test_a_layer_of_keras3_without_a_bias(self):
        layer = from_keras3(keras_config("LSTM", use_bias=False), [np.ones((4, 20)), np.ones((5, 20))])
        assert not layer.b_i.get_value().any() and not layer.b_f.get_value().any() and layer.W_i.get_value().all()

    @pytest.mark.parametrize("config, message", [
        (keras_config("GRU"), r"the kernel of GRU must have shape \(None, 15\)"),
        (keras_config("LSTM", recurrent_dropout=1.5), "recurrent_dropout must be"),
        (keras_config("LSTM", dropout="a"), "dropout must be a finite number"),
        (keras_config("LSTM", kernel_regularizer={"class_name": "L2"}), "has kernel_regularizer=.*set it to None"),
        (keras_config("LSTM", zero_output_for_mask=True), "zero_output_for_mask=True, which ours have not"),
        (keras_config("LSTM", use_bias=False), "use_bias=False has 2 weights, kernel, recurrent kernel; got 3"),
        (keras_config("LSTM", return_sequences="no"), "return_sequences must be True or False, got 'no'"),
        (keras_config("LSTM", activation={"class_name": "mine"}), "the activation {'class_name': 'mine'} of Keras 3"),
        (dict(keras_config("LSTM"), config={"units": 6}), r"kernel of LSTM must have shape \(None, 24\).*\(4, 20\)"),
        (dict(keras_config("LSTM"), config={}), "units must be an integer of at least 1, got None"),
        ({"class_name": "LSTM"}, 'a dict with "class_name" and "config", got'), (None, "config must be what keras"),
        ({"units": 5}, "config must be what keras.layers.serialize"), ("LSTM", "config must be what keras"),
    ])  # fmt: skip
    def test_what_a_config_of_keras3_may_be(self, config, message):
        with pytest.raises(ValueError, match=message):
            from_keras3(config, [np.zeros((4, 20)), np.zeros((5, 20)), np.zeros(20)])

    @pytest.mark.parametrize("changed, message", [
        ({2: None}, "has 3 weights, kernel, recurrent kernel, bias; got 2"), ({3: np.zeros(20)}, "3 weights.*; got 4"),
        ({0: np.zeros((4, 15))}, r"the kernel of LSTM must have shape \(None, 20\) .*got \(4, 15\)"),
        ({1: np.zeros((4, 20))}, r"the recurrent kernel of LSTM must have shape \(5, 20\)"),
        ({2: np.zeros((2, 20))}, r"the bias of LSTM must have shape \(20,\)"), ({0: "a"}, "must be numbers"),
        ({1: np.full((5, 20), np.nan)}, "the recurrent kernel of LSTM has NaN or infinity"),
    ])  # fmt: skip
    def test_what_the_weights_of_keras3_may_be(self, changed, message):
        weights = {**dict(enumerate([np.zeros((4, 20)), np.zeros((5, 20)), np.zeros(20)])), **changed}
        with pytest.raises(ValueError, match=message):
            from_keras3(keras_config("LSTM"), [weight for weight in weights.values() if weight is not None])
        with pytest.raises(ValueError, match="weights must be a list of arrays, got 5"):
            from_keras3(keras_config("LSTM"), 5)

    @pytest.mark.parametrize("state, arguments, message", [
        (torch_state(20), {"nonlinearity": "relu"}, "a torch.nn.LSTM, which always has 'tanh'"),
        (torch_state(5), {"layer": -1}, "layer must be an integer of at least 0, got -1"),
        (torch_state(5), {"return_sequences": "no"}, "return_sequences must be True or False"),
        (torch_state(10), {}, r"shape \(4 \* output_dim, output_dim\).*got \(10, 5\)"), ({}, {}, "among nothing"),
        (torch_state(0), {}, r"got \(0, 5\)"), (5, {}, "state_dict must be a dict of names and arrays, got 5"),
        (dict(torch_state(5), bias_ih_l0=np.zeros(5)), {}, "there must be both bias_ih_l0 and bias_hh_l0, or none"),
        (dict(torch_state(5), weight_ih_l0=np.zeros((4, 4))), {}, r"weight_ih_l0 must have shape \(5, 4\)"),
        (dict(torch_state(5), weight_ih_l0=np.zeros(4)), {}, r"weight_ih_l0 must have shape \(None, None\)"),
        (dict(torch_state(5), bias_ih_l0=np.zeros(4), bias_hh_l0=np.zeros(4)), {}, r"bias_ih_l0 must have .*\(5,\)"),
        (dict(torch_state(5), weight_hh_l0=np.full((5, 5), np.inf)), {}, "weight_hh_l0 has NaN or infinity"),
        (dict(torch_state(5), weight_ch_l0=np.zeros(5)), {}, "there is weight_ch_l0 besides weight_ih_l0"),
    ])  # fmt: skip
    def test_what_the_weights_of_torch_may_be(self, state, arguments, message):
        with pytest.raises(ValueError, match=message):
            from_torch(state, **arguments)

    def test_other_layers_of_torch_may_stand_beside_it(self):
        names = [f"weight_{kind}_l{n}" for kind in ("ih", "hh") for n in (1, 10)]
        state = {**torch_state(5), **dict.fromkeys(names, np.ones((20, 5)))}
        assert type(from_torch(state)) is SimpleRNN and type(from_torch(state, layer=1)) is LSTM

    def test_of_both_directions_each_comes_alone(self):
        both = drawn(Bidirectional(LSTM(4, 5, inner_activation="sigmoid", return_sequences=True)))
        state = to_torch(both.forward)
        state.update({f"{name}_reverse": np.random.randn(*weight.shape) for name, weight in state.items()})
        forward, backward = (from_torch({name.replace("_reverse", ""): weight for name, weight in state.items()
                                         if name.endswith("_reverse") == is_backward}) for is_backward in (False, True))
        both.set_weights(forward.get_weights() + backward.get_weights())
        turned = engine.function([backward.input], backward.get_output(), allow_input_downcast=True)(X[:, ::-1])
        assert_allclose(output(both), np.concatenate([output(forward), turned[:, ::-1]], axis=-1), rtol=1e-10)

    @pytest.mark.parametrize("state, arguments, message", [
        (torch_state(15), {"nonlinearity": "relu"}, "a torch.nn.GRU, which always has 'tanh'"),
        (torch_state(5), {"layer": 1}, "there is no weight_ih_l1"),
        (torch_state(5), {"nonlinearity": "gelu"}, "'tanh' or 'relu'"),
        (dict(torch_state(5), weight_ih_l0_reverse=0), {}, "bidirectional.*a layer of each direction.*from_onnx"),
    ])  # fmt: skip
    def test_what_comes_wrong_from_torch_is_refused(self, state, arguments, message):
        with pytest.raises(ValueError, match=message):
            from_torch(state, **arguments)


class TestSafetensors:
    """Files as those of PyTorch's users, and modules within models."""

    @pytest.fixture
    def layer(self):
        return drawn(LSTM(4, 5, inner_activation="sigmoid", return_sequences=True))

    @pytest.fixture
    def path(self, layer, tmp_path):
        weights = {f"encoder.weight.lstm.{name}": array.copy() for name, array in to_torch(layer).items()}
        others = {"decoder.weight_ih_l0": np.ones((5, 4)), "out.weight": np.ones((2, 5)), "bias": np.ones(3, "int64")}
        save_file({**weights, **others}, str(tmp_path / "model.safetensors"))
        return tmp_path / "model.safetensors"

    def test_a_module_within_a_model(self, layer, path):
        for given in (path, str(path), load_file(str(path))):
            again = from_torch(given, prefix="encoder.weight.lstm.")
            assert_allclose(output(again), output(layer), rtol=1e-10)

    def test_a_module_alone(self, layer, tmp_path):
        state = {name: array.copy() for name, array in to_torch(layer).items()}
        save_file(state, str(tmp_path / "lstm.safetensors"))
        assert_allclose(output(from_torch(tmp_path / "lstm.safetensors")), output(layer), rtol=1e-10)

    @pytest.mark.parametrize("arguments, message", [
        ({}, "no weight_ih_l0 and weight_hh_l0 among bias, .*; prefix may be 'decoder.' or 'encoder.weight.lstm.'"),
        ({"prefix": "encoder."}, "there is no encoder.weight_ih_l0 and encoder.weight_hh_l0 among bias, decoder"),
        ({"prefix": "encoder.weight.lstm.", "layer": 1}, "there is no encoder.weight.lstm.weight_ih_l1"),
        ({"prefix": "decoder."}, "there is no decoder.weight_ih_l0 and decoder.weight_hh_l0"),
        ({"prefix": 5}, "prefix must be a string, got 5"),
    ])  # fmt: skip
    def test_what_is_not_there(self, path, arguments, message):
        with pytest.raises(ValueError, match=message):
            from_torch(path, **arguments)

    def test_what_stands_besides(self):
        state = {f"a.{name}": weight for name, weight in dict(torch_state(20), weight_hr_l0=np.ones(2)).items()}
        with pytest.raises(ValueError, match="proj_size have no equal"):
            from_torch(state, prefix="a.")
        assert type(from_torch({**torch_state(5), "lstm.weight_hr_l1": None})) is SimpleRNN

    def test_many_names_are_not_all_said(self):
        with pytest.raises(ValueError, match="among w0, .* and 950 others$") as raised:
            from_torch({f"w{n}": None for n in range(1000)})
        assert len(str(raised.value)) < 1000

    def test_wrong_files(self, path, tmp_path):
        with pytest.raises(FileNotFoundError, match="no file .*absent.safetensors"):
            from_torch(tmp_path / "absent.safetensors")
        content = path.read_bytes()
        for damaged in (b"", b"no weights", content[:50], content[:-8], b"\xff" * 100):
            path.write_bytes(damaged)
            with pytest.raises(ValueError, match="model.safetensors is no whole file of safetensors"):
                from_torch(path, prefix="encoder.weight.lstm.")

    def test_bfloat16_is_refused(self, path):
        header = {name: {"dtype": "BF16", "shape": [1, 1], "data_offsets": [2 * k, 2 * k + 2]}
                  for k, name in enumerate(["weight_ih_l0", "weight_hh_l0"])}  # fmt: skip
        header = json.dumps(header).encode()
        path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
        with pytest.raises(ValueError, match=r"_l0 is of type BF16; call module.float\(\) before you save it"):
            from_torch(path)

    def test_no_package(self, path, monkeypatch):
        monkeypatch.setitem(sys.modules, "safetensors", None)
        with pytest.raises(ImportError, match="pip install safetensors"):
            from_torch(path)


@pytest.fixture
def peer(request, tmp_path):
    """Let the Python of ``--peers`` make a layer: (config, weights, output)."""

    def run(library, arrays, **job):
        (tmp_path / "job.json").write_text(json.dumps(dict(job, library=library)))
        np.savez(tmp_path / "arrays.npz", X=X, **{name: array.astype("float32") for name, array in arrays.items()})
        script = pathlib.Path(__file__).parent / "peers" / "run.py"
        process = subprocess.run([request.config.getoption("--peers"), str(script), str(tmp_path)],
                                 capture_output=True, text=True)
        assert process.returncode == 0, process.stderr
        with np.load(tmp_path / "answer.npz") as answer:
            weights = {name: answer[name] for name in answer}
        return json.loads((tmp_path / "answer.json").read_text()), weights, weights.pop("Y")

    return run


def drawn(layer):
    layer.set_weights([np.random.randn(*weight.shape) for weight in layer.get_weights()])
    return layer


def compiled(*layers):
    model = Sequential(layers)
    model.compile("sgd", "mse")
    return model


def with_states():
    """A layer with variables for its first states, and values for these."""
    variables = [engine.tensor.matrix() for _ in range(2)]
    layer = LSTM(4, 5, inner_activation="sigmoid", return_sequences=True, initial_state=variables, return_state=True)
    return drawn(layer), [np.random.randn(3, 5) for _ in range(2)]


def outputs_of(layer, states):
    """The output and the last states."""
    y = layer.get_output()
    return engine.function([layer.input, *layer.initial_state], [y, *layer.final_states],
                           allow_input_downcast=True)(X, *states)  # fmt: skip


@pytest.mark.peers
class TestAgainstKeras3:
    @pytest.mark.parametrize("layer", [
        SimpleRNN(4, 5, activation="tanh"), SimpleRNN(4, 5, activation="relu", return_sequences=True),
        GRU(4, 5, activation="tanh", inner_activation="sigmoid"),
        GRU(4, 5, inner_activation="sigmoid", return_sequences=True),
        LSTM(4, 5, inner_activation="sigmoid"),
        LSTM(4, 5, activation="relu", inner_activation="sigmoid", return_sequences=True),
        GRU(4, 5, activation="tanh", inner_activation="sigmoid", reset_after=True),
        LSTM(4, 5, inner_activation="sigmoid", return_sequences=True, go_backwards=True, dropout_W=0.1, dropout_U=0.1),
    ])  # fmt: skip
    def test_ours_goes_there(self, peer, layer):
        layer.set_weights([np.random.randn(*weight.shape) for weight in layer.get_weights()])
        config, weights = to_keras3(layer)
        _, _, Y = peer("keras", {f"weight_{n}": weight for n, weight in enumerate(weights)}, config=config)
        assert_allclose(output(layer), Y, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("config", [
        keras_config("SimpleRNN", return_sequences=True), keras_config("GRU", reset_after=False),
        keras_config("GRU", reset_after=False, use_bias=False, activation="relu"), keras_config("LSTM"),
        keras_config("LSTM", return_sequences=True, activation="softplus", use_bias=False),
        keras_config("GRU", return_sequences=True), keras_config("GRU", use_bias=False, go_backwards=True),
        keras_config("SimpleRNN", dropout=0.2, recurrent_dropout=0.3),
    ])  # fmt: skip
    def test_theirs_comes_here(self, peer, config):
        config, weights, Y = peer("keras", {}, config=config)
        layer = from_keras3(config, [weights[f"weight_{n}"] for n in range(len(weights))])
        assert_allclose(output(layer), Y, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("merge", ["concat", "ave"])
    def test_both_directions(self, peer, merge):
        """Behind padding on either side."""
        both = drawn(Bidirectional(LSTM(4, 5, inner_activation="sigmoid"), merge))
        (forward, kernels), (_, others) = to_keras3(both.forward), to_keras3(both.backward)
        config = {"module": "keras.layers", "class_name": "Bidirectional",
                  "config": {"layer": forward, "merge_mode": merge}}  # fmt: skip
        mask = np.ones((3, 6))
        mask[0, :2] = mask[1, 4:] = 0
        weights = {f"weight_{n}": weight for n, weight in enumerate(kernels + others)}
        _, _, Y = peer("keras", dict(weights, mask=mask), config=config)
        model = compiled(Masking(), both)
        assert_allclose(model.predict(X * mask[:, :, None]), Y, rtol=1e-5, atol=1e-6)

    def test_a_stateful_layer_in_two_pieces(self, peer):
        layer = drawn(GRU(4, 5, activation="tanh", inner_activation="sigmoid", return_sequences=True, stateful=True))
        config, weights = to_keras3(layer)
        _, _, Y = peer("keras", {f"weight_{n}": weight for n, weight in enumerate(weights)}, config=config, pieces=2)
        model = compiled(layer)
        for piece, expected in zip(np.split(X, 2, axis=1), np.split(Y, 2, axis=1)):
            assert_allclose(model.predict(piece), expected, rtol=1e-5, atol=1e-6)

    def test_states_before_and_after(self, peer):
        layer, states = with_states()
        config, weights = to_keras3(LSTM(4, 5, inner_activation="sigmoid", weights=layer.get_weights()))
        config["config"].update(return_sequences=True, return_state=True)
        _, last, Y = peer("keras", {**{f"weight_{n}": weight for n, weight in enumerate(weights)},
                                    **{f"state_{k}": state for k, state in enumerate(states)}}, config=config)
        for found, expected in zip(outputs_of(layer, states), (Y, last["last_0"], last["last_1"])):
            assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.peers
class TestAgainstTorch:
    @pytest.mark.parametrize("class_name, layer, config", [
        ("RNN", SimpleRNN(4, 5, activation="tanh", return_sequences=True), {}),
        ("RNN", SimpleRNN(4, 5, activation="relu", return_sequences=True), {"nonlinearity": "relu"}),
        ("LSTM", LSTM(4, 5, inner_activation="sigmoid", return_sequences=True), {}),
        ("GRU", GRU(4, 5, activation="tanh", inner_activation="sigmoid", return_sequences=True, reset_after=True), {}),
    ])  # fmt: skip
    def test_ours_goes_there(self, peer, class_name, layer, config):
        layer.set_weights([np.random.randn(*weight.shape) for weight in layer.get_weights()])
        config = dict(config, input_size=4, hidden_size=5)
        _, _, Y = peer("torch", to_torch(layer), class_name=class_name, config=config)
        assert_allclose(output(layer), Y, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("class_name, config, arguments", [
        ("RNN", {}, {}), ("RNN", {"nonlinearity": "relu"}, {"nonlinearity": "relu"}), ("LSTM", {}, {}),
        ("LSTM", {"bias": False}, {}), ("GRU", {}, {}), ("GRU", {"bias": False}, {}),
    ])  # fmt: skip
    def test_theirs_comes_here(self, peer, class_name, config, arguments):
        _, state, Y = peer("torch", {}, class_name=class_name, config=dict(config, input_size=4, hidden_size=5))
        assert_allclose(output(from_torch(state, **arguments)), Y, rtol=1e-5, atol=1e-6)

    def test_both_directions(self, peer):
        both = drawn(Bidirectional(LSTM(4, 5, inner_activation="sigmoid", return_sequences=True)))
        state = to_torch(both.forward)
        turned = to_torch(LSTM(4, 5, inner_activation="sigmoid", weights=both.backward.get_weights()))
        state.update({f"{name}_reverse": weight for name, weight in turned.items()})
        config = dict(input_size=4, hidden_size=5, bidirectional=True)
        assert_allclose(output(both), peer("torch", state, class_name="LSTM", config=config)[2], rtol=1e-5, atol=1e-6)

    def test_states_before_and_after(self, peer):
        layer, states = with_states()
        arrays = to_torch(LSTM(4, 5, inner_activation="sigmoid", weights=layer.get_weights()))
        arrays.update({f"state_{k}": state[None] for k, state in enumerate(states)})
        _, last, Y = peer("torch", arrays, class_name="LSTM", config=dict(input_size=4, hidden_size=5))
        for found, expected in zip(outputs_of(layer, states), (Y, last["last_0"][0], last["last_1"][0])):
            assert_allclose(found, expected, rtol=1e-5, atol=1e-6)

    def test_theirs_comes_here_layer_by_layer(self, peer):
        config = dict(input_size=4, hidden_size=5, num_layers=2)
        _, state, Y = peer("torch", {}, class_name="LSTM", config=config)
        first, second = from_torch(state), from_torch(state, layer=1)
        second.set_previous(first)
        stacked = engine.function([first.input], second.get_output(), allow_input_downcast=True)
        assert_allclose(stacked(X), Y, rtol=1e-5, atol=1e-6)
