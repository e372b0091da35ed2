"""Weight files and whole models of Keras 1 to 3, written by the real ones."""

import gzip
import json
import warnings

import h5py
import numpy as np
import pytest
from conftest import DATA
from numpy.testing import assert_allclose

from recurrent_layers import (
    GRU,
    JZS1,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
    MaxoutDense,
    PReLU,
    Sequential,
    SimpleRNN,
    TimeDistributedDense,
)

VERSIONS = ["1.2.2", "2.3.1", "3.15.1"]


@pytest.fixture
def unpacked(tmp_path):
    def unpack(name):
        path = tmp_path / f"{name}.h5"
        path.write_bytes(gzip.decompress((DATA / "models" / f"{name}.h5.gz").read_bytes()))
        return path

    return unpack


def options(version):
    """The defaults of Keras."""
    return {"activation": "tanh", "inner_activation": "hard_sigmoid" if version == "1.2.2" else "sigmoid"}


def stack(name, version="2.3.1"):
    cls, named, second = {"lstm": LSTM, "gru": GRU, "simplernn": SimpleRNN}[name], options(version), {}
    if cls is SimpleRNN:
        del named["inner_activation"]
    if cls is GRU and version != "1.2.2":
        second = {"reset_after": True}
    return Sequential([cls(5, 4, return_sequences=True, **named), cls(4, 3, return_sequences=True, **named, **second),
                       TimeDistributedDense(3, 2, activation="tanh")])  # fmt: skip


def whole(version="2.3.1"):
    """Without the Dropout that it has there, which here gives less in predictions, as in Keras 0.1."""
    return Sequential([Embedding(20, 5, mask_zero=True), Bidirectional(LSTM(5, 3, **options(version))),
                       BatchNormalization((6,)), Dense(6, 1, activation="sigmoid")])  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["lstm", "gru", "simplernn", "whole"])
def test_they_predict_the_same(version, name, unpacked):
    """By gate and joined (Keras 1), with a bias and without, GRU of both kinds; files of weights and whole models."""
    model = whole(version) if name == "whole" else stack(name, version)
    model.compile("sgd", "mse")
    model.load_weights(unpacked(f"keras-{version}-{name}"))
    with np.load(DATA / "models" / f"keras-{version}-{name}.npz") as reference:
        assert_allclose(model.predict(reference["X"], verbose=0), reference["Y"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name, at", [("lstm", 0), ("gru", 1)])
def test_those_for_cudnn_are_the_same_layers(name, at, unpacked):
    plain, other = stack(name), stack(name)
    plain.load_weights(unpacked(f"keras-2.3.1-{name}"))
    layer = other.layers[at]
    alone = Sequential([type(layer).from_config(layer.get_config())])
    alone.load_weights(unpacked(f"keras-2.3.1-{name}-of-cudnn"))
    for expected, found in zip(plain.layers[at].get_weights(), alone.get_weights()):
        assert_allclose(found, expected, rtol=1e-6)


def test_long_lists_of_names_are_in_several_attributes(unpacked):
    """As Keras 2 writes those that HDF5 takes not in one."""
    path = unpacked("keras-2.3.1-lstm")
    plain, model = stack("lstm"), stack("lstm")
    plain.load_weights(path)
    with h5py.File(path, "r+") as file:
        names = file.attrs["layer_names"]
        file.attrs["layer_names0"], file.attrs["layer_names1"] = names[:2], names[2:]
        del file.attrs["layer_names"]
    model.load_weights(path)
    assert all(map(np.array_equal, plain.get_weights(), model.get_weights()))


def written(path, *layers):
    """A file as Keras 2 writes it, with these weights for each layer."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([f"layer_{k}" for k in range(len(layers))], "S")
        for k, weights in enumerate(layers):
            group = file.create_group(f"layer_{k}")
            group.attrs["weight_names"] = np.array([f"layer_{k}/w_{n}:0" for n in range(len(weights))], "S")
            for n, weight in enumerate(weights):
                group.create_dataset(f"layer_{k}/w_{n}:0", data=weight)
    return path


def test_other_layers_and_those_without_a_bias(tmp_path):
    weights = [np.random.randn(2, 3, 4), np.random.randn(2, 4)], [], [np.random.rand(4)], [np.random.randn(4, 2)]
    model = Sequential([MaxoutDense(3, 4, nb_feature=2), Dropout(0.5), PReLU((4,)), Dense(4, 2)])
    model.load_weights(written(tmp_path / "weights.h5", *weights))
    expected = [*weights[0], *weights[2], *weights[3], np.zeros(2)]
    assert all(map(np.allclose, model.get_weights(), expected)) and len(model.get_weights()) == len(expected)


class TestWhatAWholeModelSays:
    @pytest.fixture
    def saying(self, unpacked):
        """A whole model of Keras 2.3.1 of which this is changed, in its layers of a kind."""
        def change(kind, **changes):
            path = unpacked("keras-2.3.1-whole")
            with h5py.File(path, "r+") as file:
                config = json.loads(file.attrs["model_config"])
                for layer in config["config"]["layers"]:
                    for one in (layer, layer["config"].get("layer", {})):
                        if one.get("class_name") == kind:
                            one["config"].update(changes)
                file.attrs["model_config"] = json.dumps(config).encode()
            return path

        return change

    @pytest.mark.parametrize("kind, changes, warning", [
        ("LSTM", {"recurrent_activation": "hard_sigmoid"},
         "bidirectional_1 has recurrent_activation='hard_sigmoid', and LSTM inner_activation='sigmoid'$"),
        ("LSTM", {"activation": "relu", "go_backwards": True}, "activation='relu', and LSTM activation='tanh'; "
         "bidirectional_1 has go_backwards=True, and LSTM go_backwards=False$"),
        ("Bidirectional", {"merge_mode": "sum"}, "merge_mode='sum', and Bidirectional merge='concat'$"),
    ])  # fmt: skip
    def test_another_layer_is_warned_of(self, kind, changes, warning, saying):
        path, model, plain = saying(kind, **changes), whole(), whole()
        with pytest.warns(UserWarning, match=warning) as warned:
            model.load_weights(path)
        assert len(warned) == 1 and str(path) in str(warned[0].message) and warned[0].filename == __file__
        plain.load_weights(saying(kind))
        assert all(map(np.array_equal, model.get_weights(), plain.get_weights()))

    def test_a_gru_without_a_bias_of_the_other_kind(self, tmp_path):
        """Whose weights have the same shapes."""
        path = written(tmp_path / "model.h5", [np.ones((5, 12)), np.ones((4, 12))])
        config = {"name": "layer_0", "use_bias": False, "reset_after": True, "activation": "tanh",
                  "recurrent_activation": "sigmoid"}  # fmt: skip
        with h5py.File(path, "r+") as file:
            group = file.create_group("model_weights")
            file.move("layer_0", "model_weights/layer_0")
            group.attrs["layer_names"] = file.attrs.pop("layer_names")
            file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"layers": [
                {"class_name": "GRU", "config": config}]}}).encode()  # fmt: skip
        for reset_after in (False, True):
            model = Sequential([GRU(5, 4, **options("2.3.1"), reset_after=reset_after)])
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                model.load_weights(path)
            assert [str(one.message).endswith("has reset_after=True, and GRU reset_after=False")
                    for one in warned] == [True] * (not reset_after)  # fmt: skip

    def test_hard_sigmoid_of_keras_3(self, saying):
        path = saying("LSTM", recurrent_activation="hard_sigmoid")
        with h5py.File(path, "r+") as file:
            file.attrs["keras_version"] = "3.15.1"
        model = Sequential([Embedding(20, 5, mask_zero=True), Bidirectional(LSTM(5, 3)), BatchNormalization((6,)),
                            Dense(6, 1, activation="sigmoid")])  # fmt: skip
        with pytest.warns(UserWarning, match=r"recurrent_activation='hard_sigmoid \(x / 6 \+ 0.5\)', and LSTM inner_"):
            model.load_weights(path)

    @pytest.mark.parametrize("epsilon", [0, 1e-5, 0.1])
    def test_its_epsilon_counts(self, epsilon, saying):
        path, model = saying("BatchNormalization", epsilon=epsilon), whole()
        model.load_weights(path)
        with h5py.File(path, "r") as file:
            group = file["model_weights/batch_normalization_1"]
            variance = group[group.attrs["weight_names"][-1]][()]
        layer = model.layers[2]
        assert_allclose(layer.running_std.get_value() + layer.epsilon, np.sqrt(variance + epsilon), rtol=1e-6)

    @pytest.mark.parametrize("epsilon", ["small", -1.0, np.nan, True])
    def test_no_number(self, epsilon, saying):
        path, model = saying("BatchNormalization", epsilon=epsilon), whole()
        before = model.get_weights()
        with pytest.raises(ValueError, match="the layer batch_normalization_1 .*: epsilon is"):
            model.load_weights(path)
        assert all(map(np.array_equal, before, model.get_weights()))

    @pytest.mark.parametrize("text", ["{", "[" * 60000, "3", b"\xff", '{"config": {"name": 3}}'])
    def test_what_cannot_be_read_says_nothing(self, text, unpacked):
        path, model = unpacked("keras-2.3.1-whole"), whole()
        with h5py.File(path, "r+") as file:
            del file.attrs["model_config"]
            file.attrs["model_config"] = text
        model.load_weights(path)


class TestWrongFiles:
    """Each raises, and leaves the model's weights as they are."""

    def refuses(self, model, path, message):
        before = model.get_weights()
        with pytest.raises(ValueError, match=message):
            model.load_weights(path)
        assert all(map(np.array_equal, before, model.get_weights()))

    def test_other_number_of_layers(self, unpacked):
        self.refuses(Sequential([LSTM(5, 4), Dropout(0.5)]), unpacked("keras-1.2.2-lstm"),
                     r"weights of 3 layers .*: lstm_1 \(12\), lstm_2 \(3\), timedistributed_1 \(2\); the model has 1 "
                     "with weights: LSTM")  # fmt: skip

    @pytest.mark.parametrize("name, layer, message", [
        ("lstm", LSTM(5, 3), r"the layer lstm_1 in .*, for LSTM: expected kernel \(5, 12\), recurrent kernel \(3, 12\)"
                             r" .*bias \(12,\) or \(24,\), .*found kernel \(5, 16\), recurrent_kernel \(4, 16\)"),
        ("lstm", GRU(5, 4), r"for GRU: expected kernel \(5, 12\)"), ("gru", LSTM(5, 4), "for LSTM: expected kernel"),
        ("lstm", JZS1(5, 4), "for JZS1: Keras 1 and later have no layer with these weights"),
        ("lstm", Sequential([LSTM(5, 4)]), "for Sequential: Keras 1 and later have no layer .* models within models"),
        ("lstm", Dense(5, 4), "for Dense: Dense expects 2 weights"),
        ("lstm", Bidirectional(LSTM(5, 4)), "for Bidirectional: expected those of two layers, one for each direction"),
        ("gru", GRU(5, 4, reset_after=True), r"bias \(2, 12\) or \(24,\).*that is a GRU with reset_after=False"),
        ("lstm", LSTM(5, 4, initial_state="learned"), "Keras has no initial_state='learned'"),
    ])  # fmt: skip
    def test_other_layers(self, name, layer, message, unpacked):
        model = stack(name)
        wrong = Sequential([layer])
        wrong.layers += model.layers[1:]
        self.refuses(wrong, unpacked(f"keras-2.3.1-{name}"), message)

    def test_a_gru_of_the_other_kind(self, unpacked):
        model = stack("gru", "1.2.2")
        self.refuses(model, unpacked("keras-2.3.1-gru"), "the layer gru_2 .*that is a GRU with reset_after=True")

    def test_by_gate_of_other_shapes(self, unpacked):
        model = Sequential([LSTM(5, 3), LSTM(4, 3), Dense(3, 2)][:1])
        model.layers += stack("lstm").layers[1:]
        self.refuses(model, unpacked("keras-1.2.2-lstm"), r"layer lstm_1 .*LSTM expects 12 weights: W_i \(5, 3\)")

    def test_the_last_layer_is_wrong(self, unpacked):
        """Those before it stay what they were, too."""
        model = stack("lstm")
        model.layers[-1] = TimeDistributedDense(3, 4)
        self.refuses(model, unpacked("keras-2.3.1-lstm"), "for TimeDistributedDense: TimeDistributedDense expects 2")

    @pytest.mark.parametrize("spoil, message", [
        (lambda file: file.attrs.__delitem__("layer_names"), "nor one of Keras 1 to 3"),
        (lambda file: file.attrs.__setitem__("layer_names", 3), "are no names"),
        (lambda file: file.attrs.__setitem__("layer_names", h5py.Empty("S10")), "is not a whole file of Keras 1 to 3"),
        (lambda file: file.attrs.__setitem__("layer_names", np.array(["lstm_1", "lstm_1"], "S")), "stands there twice"),
        (lambda file: file.attrs.__setitem__("layer_names", np.array([b"\xff"], "S")), "is not a whole file of Keras"),
        (lambda file: file["lstm_1"].attrs.__delitem__("weight_names"), "lstm_1 has no attribute weight_names"),
        (lambda file: file.__delitem__("lstm_2"), "lstm_2 of / is missing, or a link"),
        (lambda file: file["lstm_1"].attrs.__setitem__("weight_names", np.array(["/lstm_2"], "S")), "is missing, or a"),
        (lambda file: file["lstm_1"].attrs.__setitem__("weight_names", np.array(["lstm_1"], "S")), "is no dataset"),
        (lambda file: file["lstm_1/lstm_1"].__setitem__("soft", h5py.SoftLink("/lstm_1")) or file["lstm_1"].attrs.
            __setitem__("weight_names", np.array(["lstm_1/soft/lstm_1/bias"], "S")), "is missing, or a link"),
    ])  # fmt: skip
    def test_spoilt_files(self, spoil, message, unpacked):
        path = unpacked("keras-2.3.1-lstm")
        with h5py.File(path, "r+") as file:
            spoil(file)
        self.refuses(stack("lstm"), path, message)

    @pytest.mark.parametrize("number, message", [(np.nan, "has NaN or infinity"), (-1.0, "the variance is negative")])
    def test_numbers_that_cannot_be(self, number, message, unpacked):
        path = unpacked("keras-2.3.1-whole")
        with h5py.File(path, "r+") as file:
            group = file["model_weights/batch_normalization_1"]
            group[group.attrs["weight_names"][-1]][...] = number
        self.refuses(whole(), path, f"the layer batch_normalization_1 .*{message}")

    @pytest.mark.parametrize("name, make", [("keras-1.2.2-lstm", lambda: stack("lstm")), ("keras-2.3.1-whole", whole)])
    def test_damaged_files(self, name, make, unpacked):
        """They are loaded, or there is an error that names the file."""
        path, model = unpacked(name), make()
        content, refused = path.read_bytes(), 0
        for _ in range(60):
            damaged = bytearray(content)
            for at in np.random.randint(0, len(content), 20):
                damaged[at] = np.random.randint(256)
            path.write_bytes(damaged)
            before = model.get_weights()
            try:
                model.load_weights(path)
            except ValueError as error:
                assert str(path) in str(error)
                assert all(map(np.array_equal, before, model.get_weights()))
                refused += 1
            assert all(np.isfinite(weight).all() for weight in model.get_weights())
        assert refused > 10

    def test_batch_normalization_without_the_running_numbers(self, tmp_path):
        self.refuses(Sequential([BatchNormalization((2,))]), written(tmp_path / "weights.h5", [np.ones(2)] * 2),
                     "BatchNormalization lacks running_mean, running_std")  # fmt: skip

    def test_a_large_array_is_not_read(self, tmp_path):
        """It would take 4 TB."""
        path = written(tmp_path / "weights.h5", [np.ones((5, 16)), np.ones((4, 16))])
        with h5py.File(path, "r+") as file:
            del file["layer_0/layer_0/w_0:0"]
            file.create_dataset("layer_0/layer_0/w_0:0", (10**6, 10**6), "float32", chunks=(1, 10**6),
                                compression="gzip")  # fmt: skip
        self.refuses(Sequential([LSTM(5, 4)]), path, r"expected kernel \(5, 16\).*found w_0:0 \(1000000, 1000000\)")
