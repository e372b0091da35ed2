import os
import signal
import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest
from conftest import DATA
from numpy.testing import assert_allclose

import recurrent_layers as rl
from recurrent_layers import GRU, JZS1, JZS2, LSTM, Activation, Dense, Dropout, Embedding, Sequential


def model_of(*layers):
    model = Sequential(layers)
    model.compile("sgd", "mse")
    return model


def stack():
    """A model that is not compiled: weights need no more."""
    return Sequential([GRU(2, 3), Dropout(0.5), Dense(3, 1)])


def gru_model():
    return model_of(GRU(2, 3), Dropout(0.5), Dense(3, 1))


@pytest.fixture
def X():
    return np.random.randn(4, 5, 2)


@pytest.mark.parametrize("cls", ["SimpleRNN", "SimpleDeepRNN", "GRU", "LSTM", "JZS1", "JZS2", "JZS3"])
def test_what_is_saved_is_loaded(cls, X, tmp_path):
    first, second = (model_of(getattr(rl, cls)(2, 3), Dense(3, 1)) for _ in range(2))
    first.save_weights(tmp_path / "weights.h5")
    second.load_weights(str(tmp_path / "weights.h5"))
    assert_allclose(second.predict(X), first.predict(X), rtol=1e-12)


def test_the_layout_is_that_of_keras(tmp_path):
    model = gru_model()
    model.save_weights(tmp_path / "weights.h5")
    with h5py.File(tmp_path / "weights.h5", "r") as file:
        assert file.attrs["nb_layers"] == 3
        assert [file[f"layer_{k}"].attrs["nb_params"] for k in range(3)] == [9, 0, 2]
        assert_allclose(file["layer_2/param_1"][()], model.layers[2].get_weights()[1])


# Keras 0.3.3 computed its predictions in float32, its own default.
PRECISION = {"0.2.0": 1e-10, "0.3.3": 1e-6}


@pytest.mark.parametrize("version, name", [
    (version, name) for version, names in [("0.2.0", "simplernn simpledeeprnn gru lstm jzs1 jzs2 jzs3"),
                                           ("0.3.3", "simplernn gru lstm")] for name in names.split()
])  # fmt: skip
def test_files_of_keras_are_loaded(version, name):
    cls = {cls.lower(): getattr(rl, cls) for cls in rl.__all__}[name]
    # From 0.3 on, SimpleRNN and GRU had tanh as their default too.
    new = {"activation": "tanh"} if version == "0.3.3" else {}
    model = model_of(cls(5, 5, return_sequences=True, **new), cls(5, 5, **new), Dense(5, 3), Activation("softmax"))
    path = str(DATA / "models" / f"keras-{version}-{name}")
    model.load_weights(path + ".h5")
    with np.load(path + ".npz") as reference:
        assert_allclose(model.predict(reference["X"]), reference["Y"], rtol=PRECISION[version])


@pytest.mark.parametrize("version", ["0.2.0", "0.3.3"])
def test_files_of_keras_with_an_embedding_are_loaded(version):
    model = model_of(Embedding(20, 5, mask_zero=True), LSTM(5, 7), Dense(7, 1), Activation("sigmoid"))
    path = str(DATA / "models" / f"keras-{version}-embedding-lstm")
    model.load_weights(path + ".h5")
    with np.load(path + ".npz") as reference:
        assert_allclose(model.predict(reference["X"]), reference["Y"], rtol=PRECISION[version])


@pytest.mark.parametrize("name, input_dim", [("JZS1", 2), ("JZS2", 3)])
def test_jzs_is_the_same_in_a_new_process(name, input_dim, tmp_path):
    model, X = model_of(getattr(rl, name)(input_dim, 3), Dense(3, 1)), np.random.randn(4, 5, input_dim)
    model.save_weights(tmp_path / "weights.h5")
    np.save(tmp_path / "X.npy", X)
    script = f"""
        import os
        os.environ["THEANO_FLAGS"] = "mode=FAST_COMPILE,floatX=float64," + os.environ.get("THEANO_FLAGS", "")
        import numpy
        from recurrent_layers import {name}, Dense, Sequential
        model = Sequential([{name}({input_dim}, 3), Dense(3, 1)])
        model.compile("sgd", "mse")
        model.load_weights("weights.h5")
        numpy.save("Y.npy", model.predict(numpy.load("X.npy")))
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=tmp_path, check=True)
    assert_allclose(np.load(tmp_path / "Y.npy"), model.predict(X), rtol=1e-12)


def test_a_file_is_replaced_only_when_told_to(tmp_path):
    path = tmp_path / "weights.h5"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="pass overwrite=True"):
        gru_model().save_weights(path)
    assert path.read_text() == "precious"
    gru_model().save_weights(path, overwrite=True)
    gru_model().load_weights(path)
    assert os.listdir(tmp_path) == ["weights.h5"]


def test_a_crash_while_saving_leaves_the_old_file_whole(X, tmp_path):
    model, path = gru_model(), tmp_path / "weights.h5"
    model.save_weights(path)
    before = path.read_bytes()
    script = f"""
        import os, signal, h5py
        from recurrent_layers import GRU, Dense, Dropout, Sequential
        create, count = h5py.Group.create_dataset, [0]
        def create_and_crash(self, *arguments, **named):
            count[0] += 1
            if count[0] == 5:
                self.file.flush()
                os.kill(os.getpid(), signal.SIGKILL)
            return create(self, *arguments, **named)
        h5py.Group.create_dataset = create_and_crash
        Sequential([GRU(2, 3), Dropout(0.5), Dense(3, 1)]).save_weights({str(path)!r}, overwrite=True)
    """
    process = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], stderr=subprocess.PIPE)
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()
    assert path.read_bytes() == before
    again = gru_model()
    again.load_weights(path)
    assert_allclose(again.predict(X), model.predict(X), rtol=1e-12)


def test_of_what_lies_beside_only_what_a_dead_process_left_is_removed(tmp_path):
    left = tmp_path / "weights.h5.0123abcd.tmp"
    others = [tmp_path / f"weights.h5.{name}.tmp" for name in ("2015", "old", "0123abcd.old", "0123ABCD")]
    for path in (left, *others):
        path.touch()
    gru_model().save_weights(tmp_path / "weights.h5")
    assert not left.exists() and all(path.exists() for path in others)


def test_an_error_while_saving_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    model, path = gru_model(), tmp_path / "weights.h5"
    model.save_weights(path)
    before = path.read_bytes()

    def fail(*arguments, **named):
        raise OSError("no space left on device")

    monkeypatch.setattr(h5py.Group, "create_dataset", fail)
    with pytest.raises(OSError, match="no space left"):
        model.save_weights(path, overwrite=True)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["weights.h5"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "link.h5").symlink_to(tmp_path / "weights.h5")
    gru_model().save_weights(tmp_path / "weights.h5")
    gru_model().save_weights(tmp_path / "link.h5", overwrite=True)
    assert (tmp_path / "link.h5").is_symlink()


class TestWrongFiles:
    """Each raises, and leaves the model's weights as they are."""

    @pytest.fixture
    def path(self, tmp_path):
        stack().save_weights(tmp_path / "weights.h5")
        return tmp_path / "weights.h5"

    def refuses(self, model, path, error, message):
        before = model.get_weights()
        with pytest.raises(error, match=message):
            model.load_weights(path)
        for old, new in zip(before, model.get_weights()):
            assert np.array_equal(old, new)

    def test_none(self, tmp_path):
        self.refuses(stack(), tmp_path / "absent.h5", FileNotFoundError, "there is no file .*absent.h5")

    @pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
    def test_truncated(self, path, share):
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])
        self.refuses(stack(), path, ValueError, "is not a whole HDF5 file")

    def test_no_hdf5(self, path):
        path.write_text("weights, but in words " * 100)
        self.refuses(stack(), path, ValueError, "is not a whole HDF5 file")

    def test_foreign_hdf5(self, path):
        with h5py.File(path, "w") as file:
            file["model_weights"] = np.zeros(3)
        self.refuses(stack(), path, ValueError, "is not a weight file of Keras 0.1 to 0.3")

    @pytest.mark.parametrize("spoil", [
        lambda file: file.attrs.update(nb_layers="two"), lambda file: file["layer_0"].attrs.update(nb_params=3.5),
        lambda file: (file["layer_2"].pop("param_1"), file.create_group("layer_2/param_1")),
        lambda file: (file["layer_2"].pop("param_1"), file["layer_2"].create_dataset("param_1", data="text")),
    ])  # fmt: skip
    def test_spoilt_hdf5(self, path, spoil):
        with h5py.File(path, "r+") as file:
            spoil(file)
        self.refuses(stack(), path, ValueError, "weights.h5 is not a weight file of Keras 0.1 to 0.3")

    def test_missing_weight(self, path):
        with h5py.File(path, "r+") as file:
            del file["layer_2/param_1"]
        self.refuses(stack(), path, ValueError, "is not a weight file of Keras 0.1 to 0.3")

    def test_other_number_of_layers(self, path):
        self.refuses(Sequential([GRU(2, 3), Dense(3, 1)]), path, ValueError,
                     "holds the weights of 3 layers, but the model has 2: GRU, Dense")

    def test_other_shapes(self, path):
        self.refuses(Sequential([GRU(2, 3), Dropout(0.5), Dense(3, 2)]), path, ValueError,
                     r"layer 2 in .*Dense expects 2 weights: W \(3, 2\), b \(2,\); got 2: \(3, 1\), \(1,\)")

    def test_other_layer(self, path):
        self.refuses(Sequential([LSTM(2, 3), Dropout(0.5), Dense(3, 1)]), path, ValueError,
                     "layer 0 in .*LSTM expects 12 weights.*got 9")


    @pytest.mark.parametrize("kind", ["external", "external link", "soft link", "virtual", "cycle", "empty", "chunks"])
    def test_what_leads_elsewhere(self, kind, path, tmp_path):
        secret = tmp_path / "secret"
        secret.write_bytes(np.arange(3.0).tobytes())
        with h5py.File(tmp_path / "other.h5", "w") as other:
            other["numbers"] = np.arange(3.0).reshape(3, 1)
        with h5py.File(path, "r+") as file:
            group = file["layer_2"]
            del group["param_0"]
            if kind == "external":
                group.create_dataset("param_0", (3, 1), "float64", external=[(str(secret), 0, 24)])
            elif kind == "external link":
                group["param_0"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "numbers")
            elif kind == "soft link":
                group["param_0"] = h5py.SoftLink("/layer_0/param_0")
            elif kind == "virtual":
                layout = h5py.VirtualLayout((3, 1), "float64")
                layout[...] = h5py.VirtualSource(str(tmp_path / "other.h5"), "numbers", (3, 1))
                group.create_virtual_dataset("param_0", layout)
            elif kind == "cycle":
                group["param_0"] = file["layer_2"]
            elif kind == "empty":
                group["param_0"] = h5py.Empty("float64")
            else:
                group.create_dataset("param_0", (3, 1), "float64", chunks=(2**14, 2**14), maxshape=(None, None))
        self.refuses(stack(), path, ValueError, "weights.h5 is not a weight file of Keras 0.1 to 0.3")

    def test_a_large_array_is_not_read(self, path):
        """It would take 8 TB."""
        with h5py.File(path, "r+") as file:
            del file["layer_2/param_0"]
            file.create_dataset("layer_2/param_0", (10**6, 10**6), "float64", chunks=(1, 10**6), compression="gzip")
        assert path.stat().st_size < 10**6
        self.refuses(stack(), path, ValueError, r"layer 2 in .*Dense expects 2 weights: .*got 2: \(1000000, 1000")

    @pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
    def test_what_is_not_finite(self, number, path):
        with h5py.File(path, "r+") as file:
            file["layer_2/param_1"][...] = number
        self.refuses(stack(), path, ValueError, "layer 2 in .*the weight b of Dense has NaN or infinity")

    @pytest.mark.parametrize("count", [-1, 10**9, [3], 2.0])
    def test_wrong_counts(self, count, path):
        with h5py.File(path, "r+") as file:
            file.attrs["nb_layers"] = count
        self.refuses(stack(), path, ValueError, "nb_layers is")

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such files")
    def test_what_is_no_file(self, tmp_path):
        os.mkfifo(tmp_path / "fifo")
        self.refuses(stack(), tmp_path / "fifo", FileNotFoundError, "there is no file")
        (tmp_path / "broken").symlink_to(tmp_path / "absent")
        for name in ("fifo", "broken"):
            with pytest.raises(FileExistsError, match="is no file|is a link to .*absent, which is not there"):
                stack().save_weights(tmp_path / name, overwrite=True)
        assert sorted(os.listdir(tmp_path)) == ["broken", "fifo"]


class TestFiles:
    """What else there is in a folder, and who may read it."""

    def test_what_the_dead_left_is_removed_and_what_others_write_is_not(self, tmp_path):
        fcntl = pytest.importorskip("fcntl")
        model = stack()
        dead, alive, foreign = (tmp_path / f"weights.h5{end}" for end in (".0123abcd.tmp", ".89abcdef.tmp", ".mine"))
        for path in (dead, alive, foreign):
            path.write_text("unfinished")
        with open(alive, "rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            model.save_weights(tmp_path / "weights.h5")
        assert sorted(os.listdir(tmp_path)) == sorted(["weights.h5", alive.name, foreign.name])

    @pytest.mark.skipif(os.name != "posix", reason="other permissions")
    def test_permissions_stay(self, tmp_path):
        model, path = stack(), tmp_path / "weights.h5"
        before = os.umask(0o027)
        try:
            model.save_weights(path)
            assert path.stat().st_mode & 0o777 == 0o640
            path.chmod(0o600)
            model.save_weights(path, overwrite=True)
            assert path.stat().st_mode & 0o777 == 0o600
        finally:
            os.umask(before)

    def test_names_of_any_kind(self, tmp_path):
        model = stack()
        for name in (255 * "x", 127 * "é", "a[b]*.h5"):
            model.save_weights(tmp_path / name)
            model.save_weights(os.fsencode(tmp_path / name), overwrite=True)
            model.load_weights(os.fsencode(tmp_path / name))
        assert len(os.listdir(tmp_path)) == 3

    def test_an_error_names_the_file_that_was_meant(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="cannot save weights: .*absent/weights.h5'$"):
            stack().save_weights(tmp_path / "absent" / "weights.h5")


class TestProjection:
    """Keras 0.1 kept the projection of JZS1 and JZS2 out of its files (Keras issue 779)."""

    def without_projection(self, model, path):
        model.save_weights(path)
        with h5py.File(path, "r+") as file:
            kept = len(model.params)
            del file[f"layer_0/param_{kept}"]
            file["layer_0"].attrs["nb_params"] = kept

    @pytest.mark.parametrize("cls", [JZS1, JZS2])
    def test_an_identity_need_not_be_in_the_file(self, cls, tmp_path):
        model, other = model_of(cls(2, 2)), model_of(cls(2, 2))
        other.layers[0].Pmat.set_value(5 * np.eye(2))
        self.without_projection(model, tmp_path / "weights.h5")
        other.load_weights(tmp_path / "weights.h5")
        X = np.random.randn(3, 4, 2)
        assert_allclose(other.predict(X), model.predict(X), rtol=1e-12)

    def test_nor_in_that_of_a_model_in_a_model(self, tmp_path):
        model, other = (model_of(Sequential([JZS1(2, 2)])) for _ in range(2))
        self.without_projection(model, tmp_path / "weights.h5")
        other.load_weights(tmp_path / "weights.h5")
        X = np.random.randn(3, 4, 2)
        assert_allclose(other.predict(X), model.predict(X), rtol=1e-12)

    @pytest.mark.parametrize("cls", [JZS1, JZS2])
    def test_a_random_one_must(self, cls, tmp_path):
        self.without_projection(model_of(cls(2, 3)), tmp_path / "weights.h5")
        model = model_of(cls(2, 3))
        before = model.get_weights()
        with pytest.raises(ValueError, match=r"Keras 0.1 did not save Pmat, the random projection of JZS\d\(2, 3\)"):
            model.load_weights(tmp_path / "weights.h5")
        assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights()))
