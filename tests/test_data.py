"""Data that need not be in memory: read, checked and split piece by piece."""

import contextlib
import copy
import pickle
import tracemalloc
import warnings

import h5py
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import recurrent_layers as rl
from recurrent_layers.training.data import Elsewhere, shuffled
from recurrent_layers.utils import arrays
from recurrent_layers.utils.io_utils import HDF5Matrix

MEGABYTE = 2**20


class Recorded:
    """An array that gives rows by slices and by indices in their order, and what was asked of it."""

    def __init__(self, array):
        self._array, self.shape, self.dtype, self.asked = array, array.shape, array.dtype, []

    def __len__(self):
        return len(self._array)

    def __getitem__(self, part):
        assert isinstance(part, slice) or np.all(np.diff(part) > 0)
        self.asked.append(part)
        return self._array[part]

    def __array__(self, *arguments, **named):
        raise AssertionError("it is read as a whole")

    def sizes(self):
        return [len(self._array[part]) for part in self.asked]


@pytest.fixture(scope="module")
def model():
    made = rl.Sequential([rl.Dense(2, 2)])
    made.compile("sgd", "mse")
    return made


@pytest.fixture(scope="module")
def model_of_steps():
    made = rl.Sequential([rl.TimeDistributedDense(1, 1)])
    made.compile("sgd", "mse")
    return made


@pytest.fixture
def small_pieces(monkeypatch):
    """Ten rows of two numbers are a piece."""
    monkeypatch.setattr(arrays, "PIECE", 160)


def samples(count=45):
    X = np.random.randn(count, 2)
    return X, np.eye(2)[np.arange(count) % 2], np.random.rand(count)


def test_whole_batches_are_shuffled_as_in_keras():
    """Those of an epoch, in the order of the one before."""
    order, np_order = np.arange(11), np.arange(11)
    for epoch in range(3):
        np.random.seed(epoch)
        order = shuffled(order, "batch", 3)
        np.random.seed(epoch)
        whole = np_order[:9].reshape(3, 3)
        np.random.shuffle(whole)
        np_order = np.append(whole.flatten(), np_order[9:])
        assert order.tolist() == np_order.tolist()


@pytest.mark.parametrize("steps", [12, 5])
def test_labels_of_other_timesteps_than_the_input(steps):
    y = np.zeros((2, steps, 4))
    model = rl.Sequential([rl.GRU(3, 8, return_sequences=True), rl.Reshape(-1, 4)])
    model.compile("sgd", "mse")
    if steps == 12:
        assert np.isfinite(model.train_on_batch(np.zeros((2, 6, 3)), y))
    kept = rl.Sequential([rl.GRU(3, 4, return_sequences=True), rl.Dropout(0.5)])
    kept.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"the labels must have the shape of the output, \(None, 6, 4\)"):
        kept.train_on_batch(np.zeros((2, 6, 3)), y)


@pytest.mark.parametrize("shuffle", [False, True, "batch"])
@pytest.mark.parametrize("weighted", [False, True])
def test_data_elsewhere_are_read_in_pieces_and_train_the_same(model, small_pieces, shuffle, weighted):
    X, y, weights = samples()
    before, histories, trained = model.get_weights(), [], []
    for kind in (np.asarray, Recorded):
        model.set_weights(before)
        np.random.seed(5)
        given = kind(X), kind(y), kind(weights) if weighted else None
        histories.append(model.fit(*given[:2], batch_size=6, nb_epoch=2, verbose=0, shuffle=shuffle,
                                   validation_split=0.3, sample_weight=given[2],
                                   class_weight={0: 1.0, 1: 3.0} if weighted else None).history)
        trained.append(model.get_weights())
    assert histories[0] == histories[1]
    assert all(map(np.array_equal, *trained))
    for one in filter(None, given):
        assert max(one.sizes()) == 10 if one is not given[2] else max(one.sizes()) <= 10
        if shuffle != True:  # noqa: E712
            assert all(isinstance(part, slice) for part in one.asked)


def test_evaluate_and_predict_read_batches(model, small_pieces):
    X, y, weights = samples()
    elsewhere = list(map(Recorded, (X, y, weights)))
    assert_array_equal(model.predict(elsewhere[0], batch_size=4), model.predict(X, batch_size=4))
    assert_array_equal(model.predict(elsewhere[0]), model.predict(X))
    assert model.evaluate(*elsewhere[:2], batch_size=4, verbose=0, sample_weight=elsewhere[2]) == model.evaluate(
        X, y, batch_size=4, verbose=0, sample_weight=weights)
    assert model.test_on_batch(*elsewhere[:2]) == model.test_on_batch(X, y)
    assert max(elsewhere[1].sizes()[:-1]) == 10


def test_labels_may_be_a_column_elsewhere(small_pieces):
    X, y, _ = samples()
    made = rl.Sequential([rl.Dense(2, 1)])
    made.compile("sgd", "binary_crossentropy")
    labels = Recorded(y[:, 0].astype(int))
    assert made.evaluate(X, labels, batch_size=5, verbose=0) == made.evaluate(X, y[:, :1], batch_size=5, verbose=0)
    with pytest.warns(UserWarning, match="is meant for labels from 0 to 1, got 0 to 7"):
        made.evaluate(X, Recorded(np.where(np.arange(45) == 44, 7, y[:, 0])), verbose=0)


@pytest.mark.parametrize("what, message", [
    ("X", "has NaN in 1 of 5 samples, the first at index 3.*of samples 40 to 44"),
    ("y", "there is NaN in the labels, first in sample 43"), ("weights", "must not be negative, NaN"),
    ("class", "class_weight has no weight for class 1"),
])  # fmt: skip
def test_they_are_checked_to_their_end(model, small_pieces, what, message):
    given = dict(zip(("X", "y", "weights"), samples()))
    if what == "class":
        given["y"] = np.eye(2)[(np.arange(45) == 43) * 1]
    else:
        given[what][43] = np.nan
    before = model.get_weights()
    for kind in (np.asarray, Recorded):
        X, y, weights = map(kind, given.values())
        with pytest.raises(ValueError, match=message):
            model.fit(X, y, sample_weight=weights, class_weight={0: 1.0} if what == "class" else None, verbose=0)
    assert all(map(np.array_equal, model.get_weights(), before))


@pytest.mark.parametrize("last, warns", [(0.0, True), (-1.0, False)])
def test_labels_of_a_hinge_are_judged_as_a_whole(small_pieces, last, warns):
    y = np.ones((45, 1))
    y[::2] = last
    with pytest.warns(UserWarning, match="meant for labels -1 and 1") if warns else contextlib.nullcontext():
        with contextlib.nullcontext() if warns else warnings.catch_warnings():
            if not warns:
                warnings.simplefilter("error")
            rl.objectives.check_labels(rl.objectives.hinge, y)
    y[:40], y[40:] = [[1.0]], -1.0
    y[::3] = [[0.0]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rl.objectives.check_labels(rl.objectives.hinge, y)


@pytest.mark.parametrize("shape", [(6,), (6, 1), (6, 4), (6, 4, 1)])
def test_weights_elsewhere_may_be_of_samples_or_of_steps(model_of_steps, shape):
    made = model_of_steps
    X, y, weights = np.random.randn(6, 4, 1), np.random.randn(6, 4, 1), np.random.rand(*shape)
    error = (made.predict(X) - y)[..., 0] ** 2
    each = np.broadcast_to(weights.reshape(6, -1), (6, 4))
    given = made.evaluate(X, Recorded(y), sample_weight=Recorded(weights), batch_size=4, verbose=0)
    assert_allclose(given, np.sum(each * error) / each.sum(), rtol=1e-10)
    with pytest.raises(ValueError, match=r"sample_weight must have shape \(6,\) or \(6, 4\), got \(6, 3\)"):
        made.evaluate(X, y, sample_weight=Recorded(np.ones((6, 3))), verbose=0)


def test_what_gives_other_rows_than_it_says(model):
    class Wrong(Recorded):
        def __getitem__(self, part):
            return self._array[:2]

    with pytest.raises(ValueError, match=r"says that its shape is \(45, 2\), but gives an array of shape \(2, 2\)"):
        model.predict(Wrong(samples()[0]))


def test_a_file_that_was_closed(model, tmp_path):
    X, y, _ = samples()
    with h5py.File(tmp_path / "closed.h5", "w") as file:
        file["X"], file["y"] = X, y
        closed = file["X"], file["y"]
    for given, name in ((closed[0], y), "the input"), ((X, closed[1]), "the labels"):
        with pytest.raises(ValueError, match=f"{name} is <Closed HDF5 dataset>: the file of HDF5 must stay open"):
            model.test_on_batch(*given)


def test_labels_of_pandas_are_taken_by_their_place(model):
    pandas = pytest.importorskip("pandas")
    X, y, weights = samples()
    other_way_round = pandas.Series(weights, index=np.arange(45)[::-1])
    assert model.evaluate(X, y, sample_weight=other_way_round, batch_size=4, verbose=0) == model.evaluate(
        X, y, sample_weight=weights, batch_size=4, verbose=0)
    assert model.evaluate(pandas.DataFrame(X), y, verbose=0) == model.evaluate(X, y, verbose=0)


@pytest.mark.parametrize("source", ["memmap", "HDF5"])
def test_not_more_than_pieces_are_in_memory(model_of_steps, tmp_path, monkeypatch, source):
    """8 MB of X, as many of y, and half a million steps, each of which has a weight."""
    monkeypatch.setattr(arrays, "PIECE", MEGABYTE // 4)
    shape, stop = (256, 4096, 1), rl.callbacks.Callback()
    stop.on_batch_end = lambda batch, logs: setattr(model_of_steps, "stop_training", True)
    with h5py.File(tmp_path / "data.h5", "w") as file:
        if source == "memmap":
            X, y, weights = (np.memmap(tmp_path / name, "float64", "w+", shape=shape) for name in "Xyw")
        else:
            X, y, weights = (file.create_dataset(name, shape, "float64") for name in "Xyw")
        model_of_steps.fit(np.zeros((2, 2, 1)), np.zeros((2, 2, 1)), nb_epoch=1, verbose=0)
        tracemalloc.start()
        try:
            for shuffle in (True, "batch"):
                model_of_steps.fit(X, y, batch_size=2, nb_epoch=1, verbose=0, shuffle=shuffle, sample_weight=weights,
                                   class_weight=[1.0], callbacks=[stop])
            model_of_steps.predict_on_batch(X[:1])
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 3 * MEGABYTE


class TestElsewhere:
    @pytest.mark.parametrize("part", [
        slice(2, 5), slice(None), slice(4, 2), slice(5, 99), np.array([3, 1, 2]), np.array([6, 0, 3]), np.array([4])])
    def test_it_is_indexed_as_an_array(self, part):
        array = np.random.randn(10, 3)
        given = Elsewhere("it", Recorded(array), 1, 9).between(1, 8)
        assert given.shape == (7, 3) and len(given) == 7
        assert_array_equal(given[part], array[2:9][part])
        column = Elsewhere("it", Recorded(array[:, 0]), 2, 9).as_column()
        assert column.shape == (7, 1) == column.between(0, 7).shape
        assert_array_equal(column[part], array[2:9, :1][part])


class TestHDF5Matrix:
    @pytest.fixture
    def path(self, tmp_path):
        with h5py.File(tmp_path / "data.h5", "w") as file:
            file["X"] = np.arange(40.0).reshape(20, 2)
            file["group/y"] = np.arange(20) % 2
            file["names"] = [b"a", b"b"]
        return str(tmp_path / "data.h5")

    @pytest.mark.parametrize("again", [copy.deepcopy, lambda given: pickle.loads(pickle.dumps(given))])
    def test_a_copy_opens_the_file_again(self, path, again):
        given = HDF5Matrix(path, "X", 5, 10)
        assert_array_equal(again(given)[1:3], given[1:3])

    @pytest.mark.parametrize("key", [0, 4, -1, slice(2, 4), slice(None), slice(None, None, 2), slice(None, None, -1),
                                     [1, 3], [3, 1, 3], np.array([4, 0]), [], slice(3, 99)])  # fmt: skip
    @pytest.mark.parametrize("normalizer", [None, lambda rows: rows / 2 - 1])
    def test_it_is_indexed_as_an_array(self, path, key, normalizer):
        given = HDF5Matrix(path, "X", 5, 10, normalizer)
        array = np.arange(40.0).reshape(20, 2)[5:10]
        array = array if normalizer is None else array / 2 - 1
        assert len(given) == 5 and given.shape == (5, 2) and given.dtype == "float64"
        assert_array_equal(given[key], array[key])

    @pytest.mark.parametrize("key", [5, -6, [0, 5], np.array([9]), 0.5, [[0]], (0, 1)])
    def test_rows_that_are_not_there(self, path, key):
        with pytest.raises(IndexError, match="there are 5 rows|rows are asked for by"):
            HDF5Matrix(path, "X", 5, 10)[key]

    @pytest.mark.parametrize("arguments, message", [
        ({"dataset": "Z"}, "has no array of numbers 'Z'; there are 'X', 'group/y', 'names'"),
        ({"end": 21}, "start=0 and end=21 must be rows, .* of the 20 in X"),
        ({"dataset": "names"}, "has no array of numbers"), ({"dataset": "group"}, "has no array of numbers"),
        ({"start": 4, "end": 4}, "start=4 and end=4 must be rows"), ({"start": -1}, "start must be"),
        ({"end": None}, "end must be an integer"),
        ({"normalizer": lambda rows: rows[0]}, "as many rows as it gets, 1"),
        ({"normalizer": lambda rows: None}, "what normalizer gives must be numbers"), ({"datapath": 3}, "be a path"),
    ])  # fmt: skip
    def test_what_it_cannot_be(self, path, arguments, message):
        with pytest.raises(ValueError, match=message):
            HDF5Matrix(**{**dict(datapath=path, dataset="X", start=0, end=2), **arguments})

    def test_no_such_file_and_no_function(self, path, tmp_path):
        with pytest.raises(FileNotFoundError):
            HDF5Matrix(tmp_path / "no.h5", "X", 0, 2)
        (tmp_path / "other.h5").write_bytes(b"something else")
        with pytest.raises(ValueError, match="not a whole HDF5 file"):
            HDF5Matrix(tmp_path / "other.h5", "X", 0, 2)
        with pytest.raises(TypeError, match="normalizer must be a function"):
            HDF5Matrix(path, "X", 0, 2, normalizer=2.0)

    def test_it_trains_as_in_scripts_of_its_time(self, path, model):
        X, y = np.arange(40.0).reshape(20, 2) / 40, np.eye(2)[np.arange(20) % 2]
        with h5py.File(path, "a") as file:
            file["one_hot"] = y
        before = model.get_weights()
        given = HDF5Matrix(path, "X", 0, 15, lambda rows: rows / 40), HDF5Matrix(path, "one_hot", 0, 15)
        losses = []
        for data in (given, (X[:15], y[:15])):
            model.set_weights(before)
            np.random.seed(1)
            losses.append(model.fit(*data, batch_size=4, nb_epoch=2, shuffle="batch", verbose=0).history["loss"])
        assert losses[0] == losses[1]
        assert_array_equal(model.predict(HDF5Matrix(path, "X", 15, 20, lambda rows: rows / 40)), model.predict(X[15:]))
