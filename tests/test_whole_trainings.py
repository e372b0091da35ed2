"""Trainings that go on in another process, from the file of a whole training, to the bits of uninterrupted ones."""

import functools
import itertools
import json
import os
import pathlib
import random
import shutil
import signal
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from other_processes import said

import recurrent_layers as rl
from recurrent_layers import optimizers
from recurrent_layers.callbacks import Callback, EarlyStopping, LearningRateScheduler, ModelCheckpoint, Monitor
from recurrent_layers.exchange import training_files

OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(lr=0.05, momentum=0.9, decay=0.01, nesterov=True, clipnorm=1.0),
    "rmsprop": lambda: optimizers.RMSprop(lr=0.01),
    "adagrad": lambda: optimizers.Adagrad(lr=0.05, clipvalue=0.5),
    "adadelta": lambda: optimizers.Adadelta(),
    "adam": lambda: optimizers.Adam(lr=0.01),
}


def model_of(seed=1, optimizer="adam", **options):
    """One with all that draws numbers or remembers any."""
    np.random.seed(seed)
    random.seed(seed)
    options = {"dropout_U": 0.2, "zoneout": 0.1, **options}
    model = rl.Sequential([rl.Masking(), rl.JZS1(3, 4, **options), rl.Dropout(0.2), rl.BatchNormalization(4),
                           rl.Dense(4, 2, W_regularizer="l2")])  # fmt: skip
    model.compile(OPTIMIZERS[optimizer](), "mse")
    return model


def squashed(x):
    return x / (1 + abs(x))


def samples(count=20):
    drawn = np.random.RandomState(3)
    X = drawn.randn(count, 4, 3)
    X[::3, :2] = 0  # padding
    return X, drawn.randn(count, 2)


def trained(model, path, *more, nb_epoch=5, patience=2, **options):
    """Train with callbacks that change what is trained, and remember what they saw."""
    callbacks = [LearningRateScheduler(lambda epoch: 0.05 / (epoch + 1)), ModelCheckpoint(path, whole=True),
                 EarlyStopping(patience=patience, restore_best_weights=True), *more]  # fmt: skip
    options = {"batch_size": 5, "validation_data": samples(7), "verbose": 0, **options}
    model.fit(*samples(), nb_epoch=nb_epoch, callbacks=callbacks, **options)
    return model


def all_of(model):
    """All that a training leaves: weights, the optimizer's memory, the history, and what is drawn next."""
    arrays = numbers_of(model)
    drawn = model.train_on_batch(*samples(5)) if not model.stateful else 0
    return arrays, (model.history.epoch, model.history.history), drawn, np.random.rand(), random.random()


def assert_same(found, expected):
    for one, other in zip(found[0], expected[0]):
        np.testing.assert_array_equal(one, other)
    assert len(found[0]) == len(expected[0]) and found[1:] == expected[1:]


def check_resumed(tmp_path, options=None, **build):
    """Whichever epoch was the last of which there is a file."""
    options = options or {}
    expected = all_of(trained(model_of(**build), tmp_path / "{epoch}.h5", nb_epoch=4, **options))
    again = model_of(seed=77, **build)
    for epoch in (1, 0, 2):
        trained(again, tmp_path / "again.h5", nb_epoch=4, resume=tmp_path / f"{epoch}.h5", **options)
        assert_same(all_of(again), expected)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_training_goes_on_to_the_same_bits(tmp_path, optimizer):
    check_resumed(tmp_path, optimizer=optimizer)


def test_batches_in_any_order_go_on(tmp_path):
    check_resumed(tmp_path, dict(shuffle="batch"))
    check_resumed(tmp_path, dict(shuffle=False))
    check_resumed(tmp_path, dict(by_length=True))


def test_states_go_on(tmp_path):
    check_resumed(tmp_path, dict(shuffle=False, batch_size=10, validation_data=samples(10)), stateful=True)


def test_what_has_stopped_early_does_not_go_on_and_has_its_best_weights(tmp_path):
    path = tmp_path / "training.h5"
    options = dict(verbose=0, nb_epoch=50, validation_data=samples(7), resume=path)

    def fit(model):
        # No epoch is better than the first.
        callbacks = [EarlyStopping(patience=1, restore_best_weights=True, monitor="val_loss", mode="max"),
                     ModelCheckpoint(path, whole=True)]  # fmt: skip
        return model.fit(*samples(), callbacks=callbacks, **options)

    first, again = model_of(optimizer="sgd"), model_of(seed=77, optimizer="sgd")
    epochs = fit(first).epoch
    assert 3 <= len(epochs) < 50
    assert fit(again).epoch == epochs
    assert_same((again.get_weights(),), (first.get_weights(),))


def test_what_was_stopped_within_an_epoch_goes_on_from_its_beginning(tmp_path):
    class Stops(Callback):
        """As the handler of a signal does."""

        def on_batch_end(self, batch, logs={}):
            self.model.stop_training = (len(self.model.history.epoch), batch) == (2, 1)

    path = tmp_path / "training.h5"
    stopped, again = trained(model_of(), path, Stops(), nb_epoch=4, resume=path), model_of(seed=77)
    assert stopped.history.epoch == [0, 1, 2] and training_files.read(path)["epoch"] == 2
    trained(again, path, nb_epoch=4, resume=path)
    assert_same(all_of(again), all_of(trained(model_of(), tmp_path / "other.h5", nb_epoch=4)))


def test_more_epochs_are_trained_later(tmp_path):
    path, again = tmp_path / "training.h5", model_of(seed=77)
    trained(model_of(), path, nb_epoch=2)
    trained(again, path, nb_epoch=2, resume=path)
    assert again.history.epoch == [0, 1]
    assert_same(all_of(trained(again, path, nb_epoch=4, resume=path)),
                all_of(trained(model_of(), tmp_path / "other.h5", nb_epoch=4)))  # fmt: skip


def test_the_file_is_a_weight_file(tmp_path):
    path = tmp_path / "training.h5"
    model, other = trained(model_of(), path, nb_epoch=1), model_of(seed=77)
    other.load_weights(path)
    assert_same((other.get_weights(),), (model.get_weights(),))


def test_callbacks_of_ones_own_remember(tmp_path):
    class Counts(Callback):
        def on_train_begin(self, logs={}):
            self.seen, self.mean = 0, np.zeros(2)

        def on_epoch_end(self, epoch, logs={}):
            self.seen += 1
            self.mean = self.mean + logs["loss"]

        def get_state(self):
            return {"seen": self.seen, "means": [{"mean": self.mean, "is good": np.bool_(True), "nan": np.nan}]}

        def set_state(self, state):
            self.seen, self.mean = state["seen"], state["means"][0]["mean"]
            assert state["means"][0]["is good"] is True and np.isnan(state["means"][0]["nan"])

    path, model = tmp_path / "training.h5", model_of()
    expected, found = [Counts(), Counts()], [Counts(), Counts()]
    trained(model, tmp_path / "{epoch}.h5", *expected, patience=99)
    trained(model, path, *found, patience=99, resume=tmp_path / "2.h5")
    for one, other in zip(found, expected):
        assert one.seen == other.seen == 5
        np.testing.assert_array_equal(one.mean, other.mean)


@pytest.mark.filterwarnings("ignore:ModelCheckpoint watches value")
def test_a_file_of_the_best_is_not_replaced_by_a_worse_one_later(tmp_path):
    class Says(Callback):
        def on_epoch_end(self, epoch, logs={}):
            logs["value"] = [3.0, 1.0, 2.0][epoch]

    for nb_epoch in (2, 3):
        model = rl.Sequential([rl.Dense(3, 1)])
        model.compile("sgd", "mse")
        last = ModelCheckpoint(tmp_path / "last.h5", whole=True)
        best = ModelCheckpoint(tmp_path / "best.h5", "value", save_best_only=True, whole=True)
        model.fit(np.ones((4, 3)), np.ones(4), nb_epoch=nb_epoch, verbose=0, callbacks=[Says(), last, best],
                  resume=tmp_path / "last.h5")  # fmt: skip
        assert training_files.read(tmp_path / "last.h5")["epoch"] == nb_epoch
        assert training_files.read(tmp_path / "best.h5")["epoch"] == 2 and best.best == 1.0


@pytest.mark.parametrize("thing, message", [
    ({2}, "is .*cannot be kept"), ({"array": np.zeros(3), "dtype": "float32"}, "has the keys array and dtype"),
    ({3: 4}, "has the key 3, which is no text"),
])  # fmt: skip
def test_what_cannot_be_kept_is_told(thing, message, tmp_path):
    class Odd(Callback):
        def get_state(self):
            return {"things": [1, thing]}

    path = tmp_path / "training.h5"
    with pytest.raises(ValueError, match=r"\['callbacks'\]\['Odd 1'\]\['things'\]\[1\] " + message):
        trained(model_of(), path, Odd())
    assert not path.exists()


# ---- killed ---------------------------------------------------------------------------------


class Waits(Callback):
    """Begins an epoch when it is allowed to, and tells when it has ended."""

    def __init__(self, permits, told):
        self.permits, self.told = permits, told

    def on_epoch_begin(self, epoch, logs={}):
        os.read(self.permits, 1)

    def on_epoch_end(self, epoch, logs={}):
        os.write(self.told, b".")


def killed_after(epochs, seconds, model, path):
    """Let a process go on with a training, and kill it so many seconds after it had trained so many epochs."""
    (permits, permit), (told, tell) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            trained(model, path, Waits(permits, tell), nb_epoch=45, patience=99, resume=path)
        finally:
            os._exit(0)
    os.close(tell)  # So that reading ends with the child.
    os.write(permit, b"." * (epochs + 1))
    for _ in range(epochs):
        assert os.read(told, 1)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    for end in (permits, permit, told):
        os.close(end)


def test_killed_at_20_moments_a_training_ends_with_the_same_bits(tmp_path):
    drawn, path, model = random.Random(5), tmp_path / "training.h5", model_of()
    model._functions.get("train"), model._functions.get("test")
    for _ in range(20):
        killed_after(drawn.randint(0, 2), drawn.uniform(0, 0.05), model, path)
        assert len(list(tmp_path.glob("*.tmp"))) <= 1
    assert path.exists()
    # Nothing has been drawn or trained in this one.
    expected = all_of(trained(model, tmp_path / "uninterrupted.h5", nb_epoch=45, patience=99))
    # The last process is a fresh one.
    weights, history = tmp_path / "weights.npz", json.dumps(expected[1])
    said(f"""
        import sys, json
        sys.path.insert(0, {str(pathlib.Path(__file__).parent)!r})
        import conftest
        import numpy as np
        from test_whole_trainings import all_of, model_of, trained
        path = {str(path)!r}
        arrays, history, *drawn = all_of(trained(model_of(seed=77), path, nb_epoch=45, patience=99, resume=path))
        assert json.dumps(history) == {history!r}, history
        np.savez({str(weights)!r}, *arrays, drawn=drawn[:2])
    """)
    with np.load(weights) as found:
        np.testing.assert_array_equal(found["drawn"], expected[2:4])
        for n, array in enumerate(expected[0]):
            np.testing.assert_array_equal(found[f"arr_{n}"], array)


# ---- what does not fit ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("written") / "training.h5"
    trained(model_of(), path, nb_epoch=2)
    return path


@pytest.fixture(scope="module")
def reader():
    return model_of(seed=77)


def numbers_of(model):
    return model.get_weights() + [variable.get_value() for variable in model._functions.memory]


def refused(error, match, path, model, **options):
    before, options = numbers_of(model), {"batch_size": 5, "verbose": 0, **options}
    with pytest.raises(error, match=match):
        model.fit(*options.pop("samples", samples()), resume=path, **options)
    assert_same((numbers_of(model),), (before,))


def test_another_training_is_refused(written, reader, tmp_path):
    refused(FileNotFoundError, "there is no file", tmp_path / "none.h5", reader)
    refused(FileNotFoundError, "there is no file", tmp_path / "none.h5", reader,
            callbacks=[ModelCheckpoint(tmp_path / "other.h5", whole=True)])  # fmt: skip
    refused(ValueError, "batch_size was 5, now it is 4", written, reader, batch_size=4)
    refused(ValueError, "shuffle was True, now it is 'batch'", written, reader, shuffle="batch")
    refused(ValueError, "by_length was False, now it is True", written, reader, by_length=True)
    refused(ValueError, "nb_samples was 20, now it is 19", written, reader, samples=samples(19))
    refused(ValueError, "optimizer was 'Adam', now it is 'SGD'", written, model_of(optimizer="sgd"))
    refused(ValueError, "resume must be a path", 3, reader)
    refused(ValueError, r"dropout_U of layer 2 \(JZS1\) was 0.2, now it is 0.3", written, model_of(dropout_U=0.3))
    refused(ValueError, r"activation of layer 2 \(JZS1\) was 'tanh', now it is 'test_whole_trainings.squashed'",
            written, model_of(activation=squashed))  # fmt: skip
    other = rl.Sequential([rl.Masking(), rl.GRU(3, 2)])
    other.compile("adam", "mae")
    refused(ValueError, "loss was 'mean_squared_error', now it is 'mean_absolute_error'.*layer 2 was 'JZS1', now it is "
            "'GRU'", written, other)  # fmt: skip
    weights = tmp_path / "weights.h5"
    reader.save_weights(weights)
    refused(ValueError, "no file of a whole training", weights, reader)


def test_another_step_of_the_optimizer_is_refused(tmp_path):
    def model_by(**options):
        model = rl.Sequential([rl.Dense(3, 2)])
        model.compile(optimizers.SGD(**{"lr": 0.1, "momentum": 0.9, "nesterov": True, **options}), "mse")
        return model

    path, (X, y) = tmp_path / "training.h5", samples()
    model_by().fit(X[:, 0], y, 5, 1, verbose=0, callbacks=[ModelCheckpoint(path, whole=True)])
    refused(ValueError, "nesterov of the optimizer was True, now it is False", path, model_by(nesterov=False),
            samples=(X[:, 0], y))  # fmt: skip
    refused(ValueError, r"what can be set of the optimizer was \[.*\], now it is \['clipvalue', 'decay', ", path,
            model_by(clipvalue=0.5), samples=(X[:, 0], y))  # fmt: skip
    # Its numbers are in the file, since callbacks change them.
    again = model_by(lr=0.5, momentum=0.5)
    again.fit(X[:, 0], y, 5, 2, verbose=0, resume=path)
    assert again.optimizer.get_config()["momentum"] == pytest.approx(0.9)


def test_numbers_that_were_set_go_on(tmp_path):
    path, (X, y) = tmp_path / "training.h5", samples()
    for nb_epoch, resume in ((1, None), (2, path)):
        model = rl.Sequential([rl.Dense(3, 2)])
        model.compile(optimizers.Adam(clipnorm=1.0), "mse")
        if resume is None:
            model.optimizer.beta_1, model.optimizer.clipnorm = 0.95, 0.5
        model.fit(X[:, 0], y, 5, nb_epoch, verbose=0, resume=resume, callbacks=[ModelCheckpoint(path, whole=True)])
        assert (model.optimizer.beta_1, model.optimizer.clipnorm) == (0.95, 0.5)


def test_a_layer_more_or_less_is_refused(tmp_path):
    def model_of_parts(*more):
        model = rl.Sequential([rl.Dense(3, 4), rl.Sequential([rl.Dense(4, 2), *more])])
        model.compile("sgd", "mse")
        return model

    path, (X, y) = tmp_path / "training.h5", samples()
    for there, here, message in (([], [rl.Activation("softmax")], "layer 4 was 'none', now it is 'Activation'"),
                                 ([rl.Activation("tanh")], [], "layer 4 was 'Activation', now it is 'none'")):
        model_of_parts(*there).fit(X[:, 0], y, 5, 1, verbose=0, callbacks=[ModelCheckpoint(path, whole=True)])
        refused(ValueError, message, path, model_of_parts(*here), samples=(X[:, 0], y))


def test_a_file_of_other_arrays_is_refused(written, reader, tmp_path):
    path = tmp_path / "training.h5"
    state = training_files.read(written)
    del state["variables"][-1]
    training_files.write(path, [layer.get_weights() for layer in reader.layers], state)
    refused(ValueError, "beside weights a training step here changes arrays", path, reader)


def test_a_file_that_does_not_tell_of_layers_goes_on(written, reader, tmp_path):
    """As one of an earlier version."""
    path, before = tmp_path / "training.h5", reader.get_weights()
    state = training_files.read(written)
    state["config"] = {name: value for name, value in state["config"].items() if " " not in name}
    assert set(state["config"]) == {"nb_samples", "batch_size", "shuffle", "by_length", "optimizer", "loss"}
    reader.load_weights(written)
    training_files.write(path, [layer.get_weights() for layer in reader.layers], state)
    trained(reader, path, nb_epoch=3, resume=path)
    assert reader.history.epoch == [0, 1, 2]
    reader.set_weights(before)


class Exploding(Callback):
    """The last update of an epoch makes a weight infinite, of which the loss knows nothing yet."""

    def on_epoch_end(self, epoch, logs={}):
        if epoch == 1:
            W = self.model.layers[0].W
            W.set_value(np.full_like(W.get_value(), np.inf))


def test_weights_that_are_no_numbers_replace_no_good_ones(tmp_path):
    whole, best = tmp_path / "training.h5", tmp_path / "best.h5"
    model = rl.Sequential([rl.Dense(3, 2)])
    model.compile("sgd", "mse")
    X, y = samples()
    stopping = EarlyStopping("loss", patience=9, restore_best_weights=True)
    callbacks = [Exploding(), stopping, ModelCheckpoint(whole, whole=True),
                 ModelCheckpoint(best, "loss", save_best_only=True)]  # fmt: skip
    model.fit(X[:, 0], y, 20, 2, verbose=0, callbacks=callbacks)
    losses = model.history.history["loss"]
    assert losses[1] < losses[0]
    kept = model.get_weights()
    assert all(np.isfinite(weight).all() for weight in kept), "the best are those of the first epoch"
    for path in (whole, best):
        model.load_weights(path)
        assert_same((model.get_weights(),), (kept,))
    assert training_files.read(whole)["epoch"] == 1


@pytest.mark.parametrize("is_kept", [True, False])
def test_the_best_within_an_epoch_that_will_be_trained_again_is_not_written(is_kept, tmp_path):
    class Stops(Callback):
        def on_epoch_begin(self, epoch, logs={}):
            self.epoch = epoch

        def on_batch_end(self, batch, logs={}):
            self.model.stop_training = (self.epoch, batch) == (1, 0)

        def on_epoch_end(self, epoch, logs={}):
            weights.append(self.model.get_weights())

    best, weights = tmp_path / "best.h5", []
    model = rl.Sequential([rl.Dense(3, 2)])
    model.compile("sgd", "mse")
    X, y = samples()
    callbacks = [Stops(), ModelCheckpoint(best, save_best_only=True)]
    callbacks += [ModelCheckpoint(tmp_path / "training.h5", whole=True)] * is_kept
    model.fit(X[:, 0], y, 5, 4, verbose=0, validation_data=(X[:, 0], y), callbacks=callbacks)
    assert len(weights) == 2 and np.diff(model.history.history["val_loss"]) < 0
    model.load_weights(best)
    assert_same((model.get_weights(),), (weights[0 if is_kept else 1],))


def test_a_generator_cannot_go_on(tmp_path):
    model = model_of()
    before = model.get_weights()
    with pytest.raises(ValueError, match="cannot: train by `fit`"):
        model.fit_generator(iter([samples()] * 2), 20, 1, verbose=0,
                            callbacks=[ModelCheckpoint(tmp_path / "training.h5", whole=True)])  # fmt: skip
    assert_same((model.get_weights(),), (before,))


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_a_damaged_file_gives_a_clean_error(written, reader, data, tmp_path_factory):
    """Of the state a piece is another one, or of the file some bytes are."""
    path = tmp_path_factory.mktemp("damaged") / "training.h5"
    damaged = bytearray(written.read_bytes())
    if data.draw(st.booleans()):
        for _ in range(data.draw(st.integers(1, 4))):
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(damaged)
    else:
        path.write_bytes(damaged)
        state = training_files.read(path)
        place, key = state, data.draw(st.sampled_from(sorted(state)))
        while isinstance(place[key], (dict, list)) and place[key] and data.draw(st.booleans()):
            place = place[key]
            key = data.draw(st.sampled_from(sorted(place)) if isinstance(place, dict)
                            else st.integers(0, len(place) - 1))  # fmt: skip
        place[key] = data.draw(st.one_of(st.none(), st.booleans(), st.integers(-3, 2**70), st.text(max_size=3),
                                         st.just([]), st.just({}), st.just([[1]]), st.just(np.zeros(3))))  # fmt: skip
        training_files.write(path, [layer.get_weights() for layer in reader.layers], state)
    before = reader.get_weights()
    try:
        trained(reader, path, nb_epoch=3, resume=path)
    except ValueError:
        assert_same((reader.get_weights(),), (before,))


def test_what_callbacks_remember_is_checked(written, reader, tmp_path):
    """Each piece of it, in the place of which there is something else."""
    path, before = tmp_path / "training.h5", reader.get_weights()
    others = [None, -3, "mine", {}, [[1]], np.zeros(3), {"array": 32, "$type": "<f8"}]

    def places(state, within=()):
        for key in sorted(state) if isinstance(state, dict) else range(len(state)):
            yield (*within, key)
            if isinstance(state[key], (dict, list)):
                yield from places(state[key], (*within, key))

    shutil.copy(written, path)
    found = list(places(training_files.read(path)["callbacks"]))
    assert len(found) > 20 and ("EarlyStopping 1", "best_weights", 0) in found, found
    said_so = set()
    for (*within, key), other in itertools.product(found, others):
        shutil.copy(written, path)
        state = training_files.read(path)
        functools.reduce(lambda part, name: part[name], within, state["callbacks"])[key] = other
        training_files.write(path, [layer.get_weights() for layer in reader.layers], state)
        try:
            trained(reader, path, nb_epoch=3, resume=path)
        except ValueError:
            said_so.add((*within, key))
            assert_same((reader.get_weights(),), (before,))
        reader.set_weights(before)
    assert len(said_so) > len(found) / 2


def test_a_training_that_cannot_go_on_ends_nothing(written, reader, tmp_path):
    """One callback has been told what it was, another one refuses it."""
    class Refusing(EarlyStopping):
        def set_state(self, state):
            raise ValueError("not this")

    path, before = tmp_path / "training.h5", reader.get_weights()
    shutil.copy(written, path)
    state = training_files.read(path)
    best = [one for one in state["callbacks"].values() if "best_weights" in one]
    assert len(best) == 1 and best[0]["best_weights"] is not None
    with pytest.raises(ValueError, match="not this"):
        trained(reader, path, Refusing(), nb_epoch=3, resume=path)
    assert_same((reader.get_weights(),), (before,))
    assert reader._training is None


def test_a_monitor_that_was_not_there_begins_anew():
    one = Monitor()
    one.set_state({})
    assert one.best == np.inf
