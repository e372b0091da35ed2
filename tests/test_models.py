import json
import sys
import warnings

import h5py
import numpy as np
import pytest
from engines import Mode, VM_Linker
from numpy.testing import assert_allclose
from other_processes import said

import recurrent_layers as rl
from recurrent_layers import (
    GRU,
    LSTM,
    Activation,
    Dense,
    Dropout,
    Embedding,
    Masking,
    RepeatVector,
    Sequential,
    SimpleRNN,
    TimeDistributedDense,
    callbacks,
    constraints,
    engine,
    model_from_json,
    objectives,
    optimizers,
)
from recurrent_layers.engine import tensor as T
from recurrent_layers.models import slice_X
from recurrent_layers.utils.np_utils import to_categorical


def data(nb_samples=40, timesteps=4):
    """Sequences, and whether their sum is above 0, one-hot."""
    X = np.random.randn(nb_samples, timesteps, 2)
    return X, to_categorical(X.sum(axis=(1, 2)) > 0, 2)


def penalty(function):
    """A regularizer of one's own."""
    return type("Penalty", (rl.regularizers.Regularizer,), {"__call__": lambda self, loss: function(loss)})()


def classifier(**compilation):
    model = Sequential([SimpleRNN(2, 4, activation="tanh"), Dense(4, 2, activation="softmax")])
    model.compile(**dict(dict(optimizer="adam", loss="categorical_crossentropy"), **compilation))
    return model


def sequence_model(loss="mse", **compilation):
    model = Sequential([Masking(), SimpleRNN(2, 3, return_sequences=True), TimeDistributedDense(3, 1)])
    model.compile(optimizer="sgd", loss=loss, **compilation)
    return model


class TestFit:
    def test_it_learns(self):
        X, y = data(200)
        model = classifier(optimizer=optimizers.Adam(lr=0.02))
        history = model.fit(X[:150], y[:150], batch_size=10, nb_epoch=15, verbose=0, show_accuracy=True,
                            validation_data=(X[150:], y[150:]))
        assert history.epoch == list(range(15))
        assert {name: len(values) for name, values in history.history.items()} == dict(
            loss=15, acc=15, val_loss=15, val_acc=15)
        assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
        assert history.history["val_acc"][-1] > 0.85

    def test_one_step_is_that_of_the_equations(self):
        """An update by hand with engine.grad gives the same weights as train_on_batch."""
        X, y = data(8)
        model = classifier(optimizer=optimizers.SGD(lr=0.1))
        first, second = model.layers
        p = second.get_output()
        loss = -T.mean(T.sum(y * T.log(p), axis=-1))
        step = engine.function([first.input], [loss] + [w - 0.1 * g for w, g in zip(model.params,
                                                                                 T.grad(loss, model.params))])
        expected_loss, *expected = step(X)
        assert_allclose(model.train_on_batch(X, y), expected_loss, rtol=1e-6)
        for weight, value in zip(model.get_weights(), expected):
            assert_allclose(weight, value, rtol=1e-6)

    def test_one_seed_one_result(self):
        losses = []
        for seed in (3, 3, 4):
            np.random.seed(seed)
            X, y = np.ones((20, 3, 2)) * np.arange(20)[:, None, None] / 20, to_categorical(np.arange(20) % 2)
            model = Sequential([rl.JZS1(2, 4), Dropout(0.5), Dense(4, 2, activation="softmax")])
            model.compile("sgd", "categorical_crossentropy")
            losses.append(model.fit(X, y, batch_size=7, nb_epoch=2, verbose=0).history["loss"])
        assert losses[0] == losses[1] != losses[2]

    def test_validation_split_takes_the_end(self):
        X, y = data(20)
        model = classifier()
        history = model.fit(X, y, nb_epoch=1, batch_size=20, validation_split=0.25, verbose=0)
        assert_allclose(history.history["val_loss"], model.evaluate(X[15:], y[15:], verbose=0), rtol=1e-10)
        weights = np.random.rand(20)
        history = model.fit(X, y, nb_epoch=1, validation_split=0.25, verbose=0, sample_weight=weights)
        expected = model.evaluate(X[15:], y[15:], verbose=0, sample_weight=weights[15:])
        assert_allclose(history.history["val_loss"], expected, rtol=1e-10)

    def test_validation_data_with_weights(self):
        X, y = data(20)
        weights = np.random.rand(20)
        model = classifier()
        history = model.fit(X, y, nb_epoch=1, validation_data=(X, y, weights), verbose=0)
        assert_allclose(history.history["val_loss"], model.evaluate(X, y, verbose=0, sample_weight=weights), rtol=1e-10)

    def test_shuffling(self):
        X, y = data(10)
        seen = []
        model = classifier()
        original = model._functions.get("train")
        model._functions._compiled["train"] = lambda X, *rest: (seen.append(X), original(X, *rest))[1]
        for shuffle in (False, True, "batch"):
            del seen[:]
            model.fit(X, y, batch_size=4, nb_epoch=1, shuffle=shuffle, verbose=0)
            assert [len(batch) for batch in seen] == [4, 4, 2]
            order = [np.flatnonzero((X == x).all(axis=(1, 2)))[0] for x in np.concatenate(seen)]
            assert sorted(order) == list(range(10))
            if shuffle != "batch":
                assert (order == list(range(10))) == (shuffle is False)
        starts = set()
        for _ in range(12):
            del seen[:]
            model.fit(X, y, batch_size=4, nb_epoch=1, shuffle="batch", verbose=0)
            order = [np.flatnonzero((X == x).all(axis=(1, 2)))[0] for x in np.concatenate(seen)]
            assert order[:4] in ([0, 1, 2, 3], [4, 5, 6, 7]) and order[8:] == [8, 9]
            starts.add(order[0])
        assert starts == {0, 4}

    def test_regularizers_and_constraints_of_layers_are_used(self):
        X, y = data(8)
        layers = [SimpleRNN(2, 4), Dense(4, 2, W_regularizer=rl.regularizers.l2(1.0), b_constraint=lambda b: 0 * b + 7)]
        plain = [SimpleRNN(2, 4, weights=layers[0].get_weights()), Dense(4, 2, weights=layers[1].get_weights())]
        W, _ = layers[1].get_weights()
        for model in map(Sequential, (layers, plain)):
            model.compile(optimizers.SGD(lr=0.1), "mse")
            model.train_on_batch(X, y)
        assert_allclose(layers[1].get_weights()[0], plain[1].get_weights()[0] - 0.1 * 2 * W, rtol=1e-10)
        assert_allclose(layers[1].get_weights()[1], 7.0)
        assert_allclose(layers[0].get_weights()[0], plain[0].get_weights()[0], rtol=1e-10)

    def test_updates_of_layers_are_made(self):
        X, y = data(8)
        model, count = classifier(), rl.initializations.zero(())
        model.layers[0].updates = [(count, count + 1)]
        model.compile("sgd", "categorical_crossentropy")
        model.fit(X, y, batch_size=4, nb_epoch=3, verbose=0)
        assert count.get_value() == 6

    def test_theano_mode_is_how_it_is_compiled(self):
        model = classifier(theano_mode=Mode("vm", None))
        assert isinstance(model._functions.get("predict").maker.linker, VM_Linker)

    def test_hdf5_input(self, tmp_path):
        X, y = data(20)
        with h5py.File(tmp_path / "data.h5", "w") as file:
            file["X"] = X
            histories = []
            for source in (X, file["X"]):
                np.random.seed(3)
                model = classifier()
                histories.append([model.fit(source, y, batch_size=6, nb_epoch=2, shuffle=shuffle, verbose=0).history
                                  for shuffle in (True, "batch", False)])
            assert histories[0] == histories[1]
            assert_allclose(model.predict(file["X"]), model.predict(X))

    def test_hdf5_input_is_checked_to_its_end(self, tmp_path):
        with h5py.File(tmp_path / "data.h5", "w") as file:
            file["X"] = np.zeros((5000, 2, 2))
            file["X"][4999] = np.nan
            with pytest.raises(ValueError, match="NaN"):
                classifier().predict(file["X"])

    def test_a_list_with_one_array_is_that_array(self):
        X, _ = data(5)
        model = classifier()
        assert_allclose(model.predict([X]), model.predict(X))

    def test_layers_of_ones_own_in_the_style_of_their_time(self):
        class Flatten(rl.Layer):
            def get_output(self, train=False):
                return T.flatten(self.get_input(train), 2)

        class Scale(rl.Layer):
            def __init__(self):
                self.scale = rl.initializations.one((1,))
                self.params = [self.scale]

            def get_output(self, train=False):
                return self.get_input(train) * engine.of_size_1(self.scale, 0)

        X, y = data(8)
        model = Sequential([GRU(2, 3, return_sequences=True), Flatten(), Scale(), Dense(12, 2)])
        model.compile("sgd", "mse")
        model.fit(X, y, nb_epoch=1, verbose=0)
        assert model.layers[2].get_weights()[0] != 1.0 and model.predict(X).shape == (8, 2)

    def test_a_first_layer_of_unknown_shape(self):
        model = Sequential([Dropout(0.2), Dense(3, 2), Dense(2, 1)])
        model.layers[0].input = T.matrix()
        model.compile("sgd", "mse")
        assert model.predict(np.ones((2, 3))).shape == (2, 1)

    def test_layers_that_are_not_trainable_stay_as_they_are(self):
        model = classifier()
        model.layers[0].trainable = False
        model.compile("adam", "categorical_crossentropy")
        frozen, before = model.layers[0].get_weights(), model.layers[1].get_weights()
        model.train_on_batch(*data(8))
        assert all(map(np.array_equal, frozen, model.layers[0].get_weights()))
        assert not np.array_equal(before[0], model.layers[1].get_weights()[0])

    def test_an_integer_input_is_taken(self):
        model = Sequential([Embedding(5, 3), GRU(3, 2), Dense(2, 1, activation="sigmoid")])
        model.compile("rmsprop", "binary_crossentropy", class_mode="binary")
        X, y = np.random.randint(0, 5, (10, 4)), np.random.randint(0, 2, 10)
        model.fit(X, y, nb_epoch=1, verbose=0)
        assert model.predict_classes(X.tolist(), verbose=0).shape == (10, 1)

    def test_encoder_and_decoder(self):
        model = Sequential([GRU(2, 4), RepeatVector(3), LSTM(4, 4, return_sequences=True), TimeDistributedDense(4, 2),
                            Activation("softmax")])
        model.compile("adam", "categorical_crossentropy")
        X, y = np.random.randn(6, 5, 2), to_categorical(np.random.randint(0, 2, (6, 3)))
        model.fit(X, y, nb_epoch=1, verbose=0, show_accuracy=True)
        assert model.predict_classes(X, verbose=0).shape == (6, 3)

    def test_a_model_in_a_model(self):
        inner = Sequential([SimpleRNN(2, 4)])
        model = Sequential([inner, Dense(4, 2, activation="softmax")])
        model.compile("sgd", "categorical_crossentropy")
        X, y = data(8)
        model.fit(X, y, nb_epoch=1, verbose=0)
        again = model_from_json(model.to_json())
        again.set_weights(model.get_weights())
        assert_allclose(again.predict(X), model.predict(X), rtol=1e-12)


class TestLossAndAccuracy:
    def test_masked_steps_count_in_neither(self):
        X = np.random.randn(3, 5, 2)
        X[0, :2] = X[1, 4:] = 0
        real = X.any(axis=-1)
        model = sequence_model(class_mode="binary")
        y = np.random.randint(0, 2, (3, 5, 1)).astype(float)
        error = (model.predict(X) - y)[..., 0]
        right = np.round(model.predict(X))[..., 0] == y[..., 0]
        loss, accuracy = model.evaluate(X, y, show_accuracy=True, verbose=0)
        assert_allclose(loss, np.mean(error[real] ** 2), rtol=1e-10)
        assert_allclose(accuracy, right[real].mean(), rtol=1e-10)
        y[~real] = 1e6
        assert_allclose(model.test_on_batch(X, y), loss, rtol=1e-10)

    def test_evaluate_is_the_same_for_any_batch_size(self):
        X = np.random.randn(7, 5, 2)
        X[0, 1:] = 0
        y = np.random.randn(7, 5, 1)
        weights = np.random.rand(7)
        model = sequence_model()
        values = [model.evaluate(X, y, batch_size=n, verbose=0, sample_weight=weights) for n in (1, 3, 7)]
        assert_allclose(values, values[0], rtol=1e-10)

    def test_nothing_to_count_is_no_nan(self):
        model = sequence_model()
        before = model.get_weights()
        assert model.train_on_batch(np.zeros((2, 3, 2)), np.ones((2, 3, 1))) == 0.0
        for old, new in zip(before, model.get_weights()):
            assert_allclose(new, old)

    def test_an_infinite_loss_that_does_not_count_is_not_seen(self):
        model = Sequential([SimpleRNN(1, 1, activation="linear")])
        model.compile("sgd", "mse")
        X = np.array([[[1e200]], [[1.0]]])
        assert np.isfinite(model.train_on_batch(X, [0, 0], sample_weight=[0, 1]))
        assert np.isfinite(model.get_weights()[0]).all()

    @pytest.mark.filterwarnings("ignore:.* is meant for")
    @pytest.mark.parametrize("loss", sorted({loss.__name__ for loss in objectives.KNOWN.values()}))
    def test_labels_that_do_not_count_may_be_any(self, loss):
        model = Sequential([Dense(2, 2, activation="softmax")])
        model.compile("sgd", loss)
        X, weights = np.random.randn(4, 2), [1, 1, 0, 0]
        y = np.array([[0.0, 1.0], [1.0, 0.0], [-1.0, -1.0], [-1e6, 1e6]])
        expected = model.test_on_batch(X[:2], y[:2])
        assert_allclose(model.test_on_batch(X, y, sample_weight=weights), expected, rtol=1e-10)
        assert_allclose(model.train_on_batch(X, y, sample_weight=weights), expected, rtol=1e-10)
        assert all(np.isfinite(weight).all() for weight in model.get_weights())

    @pytest.mark.parametrize("shape", [(6,), (6, 1), (6, 4), (6, 4, 1)])
    def test_weights_of_samples_and_steps(self, shape):
        model = sequence_model()
        X, y, weights = np.random.randn(6, 4, 2), np.random.randn(6, 4, 1), np.random.rand(*shape)
        error = (model.predict(X) - y)[..., 0] ** 2
        each = np.broadcast_to(weights.reshape(6, -1), (6, 4))
        assert_allclose(model.test_on_batch(X, y, sample_weight=weights), np.sum(each * error) / each.sum(), rtol=1e-10)

    def test_class_weight(self):
        X, y = data(20)
        model = classifier(optimizer=optimizers.SGD(lr=0.0))
        weights = np.where(y[:, 1] == 1, 3.0, 0.5)
        expected = model.test_on_batch(X, y, sample_weight=weights)
        assert_allclose(model.train_on_batch(X, y, class_weight={0: 0.5, 1: 3.0}), expected, rtol=1e-10)

    def test_class_and_sample_weights_multiply(self):
        X, y = data(20)
        model, of_samples = classifier(optimizer=optimizers.SGD(lr=0.0)), np.arange(20.0)
        expected = model.test_on_batch(X, y, sample_weight=of_samples * np.where(y[:, 1] == 1, 3.0, 0.5))
        found = model.train_on_batch(X, y, class_weight={0: 0.5, 1: 3.0}, sample_weight=of_samples)
        assert_allclose(found, expected, rtol=1e-10)

    @pytest.mark.parametrize("batch_size", [20, 6])
    def test_the_accuracy_counts_samples_alike(self, batch_size):
        """But not those of weight 0, such as padding."""
        X, y = data(20)
        model, weights = classifier(optimizer=optimizers.SGD(lr=0.0)), np.arange(20.0)
        hits = model.predict_classes(X, verbose=0) == y.argmax(axis=1)
        assert 0 < hits.sum() < 20
        _, accuracy = model.evaluate(X, y, batch_size, show_accuracy=True, verbose=0, sample_weight=weights)
        assert_allclose(accuracy, hits[1:].mean())
        history = model.fit(X, y, batch_size, 1, verbose=0, show_accuracy=True, class_weight={0: 9.0, 1: 0.5})
        assert_allclose(history.history["acc"], [hits.mean()])
        assert np.isclose(history.history["loss"][0], model.evaluate(X, y, verbose=0, sample_weight=np.where(
            y[:, 0] == 1, 9.0, 0.5)))  # fmt: skip

    def test_train_and_test_on_batch(self):
        X, y = data(20)
        model = classifier(optimizer=optimizers.SGD(lr=0.0))
        loss, accuracy = model.train_on_batch(X, y, accuracy=True)
        assert [loss, accuracy] == model.test_on_batch(X, y, accuracy=True)
        assert_allclose(accuracy, np.mean(model.predict_classes(X, verbose=0) == y.argmax(axis=1)))
        assert_allclose(model.predict_on_batch(X), model.predict(X, batch_size=3), rtol=1e-10)

    def test_predict_proba_warns(self):
        model = Sequential([SimpleRNN(2, 3), Dense(3, 2, weights=[np.ones((3, 2)), np.full(2, 5.0)])])
        model.compile("sgd", "mse")
        with pytest.warns(UserWarning, match="the outputs are no probabilities"):
            model.predict_proba(data()[0], verbose=0)


def test_slice_X():
    X, y = np.arange(5), np.arange(5) * 2
    assert slice_X(X, 1, 3).tolist() == [1, 2] and slice_X(X, 3).tolist() == [3, 4]
    assert [part.tolist() for part in slice_X([X, y], [0, 4])] == [[0, 4], [0, 8]]


class TestWhatIsPrinted:
    def test_nothing_with_verbose_0(self, capfd):
        X, y = data()
        model = classifier()
        model.fit(X, y, nb_epoch=1, verbose=0, validation_split=0.5, show_accuracy=True)
        model.evaluate(X, y, verbose=0)
        model.predict(X)
        model.predict_classes(X, verbose=0)
        assert tuple(capfd.readouterr()) == ("", "")

    def test_progress_with_verbose_1(self, capfd):
        X, y = data()
        model = classifier()
        model.fit(X, y, nb_epoch=2, batch_size=5, validation_split=0.5, show_accuracy=True)
        out, err = capfd.readouterr()
        assert out == ""
        for text in (f"{rl.engine.NAME} compiles the train function", "Epoch 1/2", "Epoch 2/2", "20/20", "loss=",
                     "acc=", "val_loss=", "val_acc=", "left"):
            assert text in err
        model.evaluate(X, y)
        assert "evaluate: 100%" in capfd.readouterr().err

    def test_a_line_for_each_epoch_with_verbose_2(self, capfd):
        X, y = data()
        classifier().fit(X, y, nb_epoch=2, verbose=2)
        lines = capfd.readouterr().out.splitlines()
        assert len(lines) == 2 and lines[1].startswith("Epoch 2/2, ") and "loss 0." in lines[1]

    def test_summary(self, capsys):
        classifier().summary()
        lines = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert lines[1] == ["SimpleRNN", "(None,", "4)", "28"]
        assert lines[-1] == ["total", "38"]


class TestCallbacks:
    def fit(self, *used, **arguments):
        X, y = data()
        model = classifier(optimizer=optimizers.SGD(lr=arguments.pop("lr", 0.0)))
        return model, model.fit(X, y, nb_epoch=6, verbose=0, callbacks=list(used), validation_split=0.5, **arguments)

    def test_every_turning_point_is_called(self):
        calls = []

        class Recorder(callbacks.Callback):
            def __getattribute__(self, name):
                if name.startswith("on_"):
                    calls.append(name)
                return super().__getattribute__(name)

        recorder = Recorder()
        self.fit(recorder, batch_size=20)
        epoch = ["on_epoch_begin", "on_batch_begin", "on_batch_end", "on_epoch_end"]
        assert calls == ["on_train_begin"] + 6 * epoch + ["on_train_end"]
        assert recorder.params["nb_epoch"] == 6 and recorder.params["nb_sample"] == 20
        assert recorder.params["metrics"] == ["loss", "val_loss"]

    def test_a_history_can_be_plotted(self):
        matplotlib = pytest.importorskip("matplotlib")
        matplotlib.use("Agg")
        _, history = self.fit(show_accuracy=True)
        loss, accuracy = history.plot().axes
        assert (loss.get_ylabel(), accuracy.get_ylabel()) == ("loss", "accuracy")
        for axes, name in ((loss, "loss"), (accuracy, "acc")):
            assert [text.get_text() for text in axes.get_legend().get_texts()] == ["training", "validation"]
            for line, key in zip(axes.lines, (name, "val_" + name)):
                assert line.get_xdata().tolist() == [1, 2, 3, 4, 5, 6]
                assert list(line.get_ydata()) == history.history[key]
        own = matplotlib.figure.Figure()
        assert history.plot(own) is own and len(own.axes) == 2

    def test_a_history_becomes_a_table(self, tmp_path):
        _, history = self.fit()
        history.history["late"] = [0.5]
        history.to_csv(tmp_path / "history.csv")
        lines = (tmp_path / "history.csv").read_text(encoding="utf-8").splitlines()
        assert lines[0] == "epoch,loss,val_loss,late"
        rows = [line.split(",") for line in lines[1:]]
        assert [row[0] for row in rows] == list("012345") and [row[3] for row in rows] == [""] * 5 + ["0.5"]
        assert [float(row[1]) for row in rows] == history.history["loss"]

    def test_a_history_without_epochs_or_matplotlib_says_so(self, monkeypatch):
        history = callbacks.History()
        history.on_train_begin()
        with pytest.raises(ValueError, match="no epoch"):
            history.plot()
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(ImportError, match="pip install matplotlib"):
            history.plot()

    def test_early_stopping(self, capsys):
        _, history = self.fit(callbacks.EarlyStopping(patience=1, verbose=1))
        assert len(history.epoch) == 3
        assert "Epoch 3: val_loss has not fallen" in capsys.readouterr().out

    def test_early_stopping_waits_anew_after_each_improvement(self):
        stopper = callbacks.EarlyStopping(patience=1)
        stopper.model = Sequential()
        stopper.on_train_begin()
        stopped = []
        for epoch, loss in enumerate([3.0, 2.0, 2.5, 1.0, 2.0, 2.0]):
            stopper.on_epoch_end(epoch, {"val_loss": loss})
            stopped.append(stopper.model.stop_training)
        assert stopped == [False] * 5 + [True]

    def test_early_stopping_begins_anew_with_each_training(self):
        stopper = callbacks.EarlyStopping()
        stopper.model = Sequential()
        for losses in ([1.0, 2.0], [5.0, 4.0]):
            stopper.on_train_begin()
            for epoch, loss in enumerate(losses):
                stopper.on_epoch_end(epoch, {"val_loss": loss})
        assert stopper.best == 4.0 and stopper.wait == 0

    def test_watching_what_is_not_there_warns(self):
        with pytest.warns(RuntimeWarning, match="EarlyStopping watches val_acc, but there is only loss, val_loss"):
            _, history = self.fit(callbacks.EarlyStopping(monitor="val_acc"))
        assert len(history.epoch) == 6

    @pytest.mark.filterwarnings("ignore:EarlyStopping watches mine")
    def test_what_is_watched_must_be_a_number(self):
        class Text(callbacks.Callback):
            def on_epoch_end(self, epoch, logs={}):
                logs["mine"] = "better"

        with pytest.raises(ValueError, match="EarlyStopping watches mine, which must be a number, got 'better'"):
            self.fit(Text(), callbacks.EarlyStopping("mine"))

    @pytest.mark.filterwarnings("ignore:EarlyStopping watches mine")
    @pytest.mark.parametrize("kind", [float, np.float32, np.array, lambda value: np.array([value])])
    def test_a_number_may_be_an_array(self, kind, capsys):
        """A compiled function gives one without axes."""
        class Adds(callbacks.Callback):
            def on_epoch_end(self, epoch, logs={}):
                logs["mine"] = kind(epoch + 0.5)

        _, history = self.fit(Adds(), callbacks.EarlyStopping("mine", patience=1, verbose=1))
        assert len(history.epoch) == 3 and "mine has not fallen below 0.5000, stopped" in capsys.readouterr().out

    def test_a_stopper_of_ones_own_need_not_begin_as_ours_does(self):
        class Mine(callbacks.EarlyStopping):
            def on_train_begin(self, logs={}):
                self.began = True

        stopper = Mine("loss")
        _, history = self.fit(stopper)
        assert stopper.began and len(history.epoch) > 1

    def test_methods_of_a_callback_take_what_fit_gives(self):
        """Which is found out before an epoch has been trained."""
        class Old(callbacks.Callback):
            def on_epoch_end(self, epoch):
                pass

        model, (X, y) = classifier(), data()
        before = model.get_weights()
        for call in (lambda: model.fit(X, y, verbose=0, callbacks=[Old()]), lambda: callbacks.CallbackList([Old()])):
            with pytest.raises(TypeError, match=r"on_epoch_end of Old is called with \(epoch, logs\), which it"):
                call()
        assert all(map(np.array_equal, before, model.get_weights()))

    def test_checkpoint_keeps_the_best(self, tmp_path):
        path = tmp_path / "best.h5"
        model, history = self.fit(callbacks.ModelCheckpoint(path, save_best_only=True), lr=3.0)
        model.load_weights(path)
        best = model.get_weights()
        np.random.seed(1337)
        X, y = data()
        assert_allclose(model.evaluate(X[20:], y[20:], verbose=0), min(history.history["val_loss"]), rtol=1e-10)
        assert all(np.isfinite(weight).all() for weight in best)

    def test_checkpoint_of_every_epoch(self, tmp_path):
        self.fit(callbacks.ModelCheckpoint(str(tmp_path / "{epoch:02d}-{val_loss:.1f}.h5")))
        assert len(list(tmp_path.iterdir())) == 6

    def test_stop_on_nan(self, tmp_path):
        X, y = data()
        model = Sequential([SimpleRNN(2, 1, activation="linear")])
        model.compile(optimizers.SGD(lr=1e200), "mse")
        checkpoint = callbacks.ModelCheckpoint(tmp_path / "weights.h5")
        batches = []
        count = callbacks.Callback()
        count.on_batch_end = lambda batch, logs: batches.append(batch)
        with pytest.warns(RuntimeWarning, match="training is stopped"):
            history = model.fit(X, y[:, 0], nb_epoch=6, batch_size=10, verbose=0,
                                callbacks=[callbacks.TerminateOnNaN(), count, checkpoint])
        assert len(batches) < 4, "it stops within the epoch"
        assert history.epoch == [0] and not np.isfinite(history.history["loss"][0])
        assert not (tmp_path / "weights.h5").exists(), "weights that are lost are not saved over good ones"

    def test_checkpoint_without_a_folder_says_so_at_once(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="there is no folder .*absent"):
            self.fit(callbacks.ModelCheckpoint(tmp_path / "absent" / "weights.h5"))

    def test_learning_rate_schedule(self):
        model, _ = self.fit(callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1)))
        assert_allclose(model.optimizer.lr.get_value(), 0.1 / 6)

    @pytest.mark.parametrize("rate", [None, -1.0, np.nan, "0.1", [0.1, 0.2]])
    def test_a_schedule_that_gives_no_rate(self, rate):
        schedule = callbacks.LearningRateScheduler(lambda epoch: 0.25 if epoch == 0 else rate)
        X, y = data()
        model = classifier(optimizer=optimizers.SGD(lr=0.1))
        weights = []
        schedule.on_epoch_end = lambda epoch, logs: weights.append(model.get_weights())
        with pytest.raises(ValueError, match="the learning rate that the schedule gives for epoch 1 must be"):
            model.fit(X, y, nb_epoch=3, verbose=0, callbacks=[schedule])
        assert model.optimizer.lr.get_value() == 0.25
        for weight, reference in zip(model.get_weights(), weights[0]):
            assert_allclose(weight, reference, rtol=0)
        with pytest.raises(TypeError, match="needs a function"):
            callbacks.LearningRateScheduler(0.1)

    ACCURACIES, LOSSES = [0.1, 0.5, 0.3, 0.4, 0.6], [3.0, 1.0, 2.0, 2.5, 0.5]

    @pytest.mark.parametrize("monitor, mode, values, best", [
        ("val_acc", "auto", ACCURACIES[:4], 1), ("acc", "auto", ACCURACIES, 4), ("val_loss", "auto", LOSSES[:4], 1),
        ("val_loss", "max", LOSSES, 0), ("acc", "min", ACCURACIES, 0), ("f1_of_ones_own", "max", ACCURACIES, 4),
        ("val_acc_top5", "auto", ACCURACIES, 4),
    ])  # fmt: skip
    def test_what_is_better(self, monitor, mode, values, best, tmp_path):
        model = classifier()
        stopper = callbacks.EarlyStopping(monitor, patience=9, mode=mode, restore_best_weights=True)
        checkpoint = callbacks.ModelCheckpoint(tmp_path / "best.h5", monitor, save_best_only=True, mode=mode)
        for callback in (stopper, checkpoint):
            callback.model = model
            callback.on_train_begin()
        for epoch, value in enumerate(values):
            model.set_weights([np.full_like(weight, epoch) for weight in model.get_weights()])
            for callback in (stopper, checkpoint):
                callback.on_epoch_end(epoch, {monitor: value})
        stopper.on_train_end()
        assert all((weight == best).all() for weight in model.get_weights())
        model.load_weights(tmp_path / "best.h5")
        assert all((weight == best).all() for weight in model.get_weights())

    def test_a_value_that_is_not_known_at_the_start_warns_then(self):
        class Adds(callbacks.Callback):
            def on_epoch_end(self, epoch, logs={}):
                logs["mine"] = float(epoch)

        with pytest.warns(RuntimeWarning, match="EarlyStopping watches mine, but there is only loss, val_loss") as said:
            _, history = self.fit(Adds(), callbacks.EarlyStopping("mine", patience=1))
        assert sum("watches" in str(one.message) for one in said) == 1
        assert len(history.epoch) == 3, "it rises"

    @pytest.mark.parametrize("name, error, message", [
        ("{foo}.h5", ValueError, "asks for foo, but there is only epoch, loss, val_loss"),
        ("{val_acc:.2f}.h5", ValueError, "asks for val_acc.*show_accuracy=True"), ("{epoch", ValueError, "no format"),
        ("{:d}.h5", ValueError, "is no format"),
        ("", IsADirectoryError, "which is a folder"), ("{loss:d}", ValueError, "is no format"),
    ])  # fmt: skip
    def test_a_checkpoint_that_can_only_fail_does_so_at_the_start(self, name, error, message, tmp_path):
        epochs = []
        checkpoint = callbacks.ModelCheckpoint(str(tmp_path / name))
        with pytest.raises(error, match=message):
            self.fit(checkpoint, callbacks.LearningRateScheduler(lambda epoch: epochs.append(epoch) or 0.1))
        assert not epochs and not list(tmp_path.iterdir())

    def test_a_name_with_what_another_callback_adds(self, tmp_path):
        class Adds(callbacks.Callback):
            def on_epoch_end(self, epoch, logs={}):
                logs.update(mine=7, word="best")

        self.fit(Adds(), callbacks.ModelCheckpoint(str(tmp_path / "{mine:03d}{word:>5}.h5")))
        assert [path.name for path in tmp_path.iterdir()] == ["007 best.h5"]


def ones(shape):
    return np.ones(shape)


def squashed(x):
    return x / (1 + abs(x))


def fourth_power(y_true, y_pred):
    return ((y_true - y_pred) ** 4).mean(axis=-1)


class Slow(optimizers.SGD):
    pass


class Halving(constraints.Constraint):
    def __call__(self, p):
        return p / 2


def with_layers(layers, **others):
    return json.dumps(dict(name="Sequential", layers=layers, **others))


def dense(input_dim, output_dim):
    return {"name": "Dense", "input_dim": input_dim, "output_dim": output_dim}


def nested(depth):
    return '{"name": "Sequential", "layers": [' * depth + json.dumps(dense(1, 1)) + "]}" * depth


class TestJson:
    def test_roundtrip(self):
        model = classifier(optimizer=optimizers.SGD(lr=0.2, momentum=0.5), theano_mode="FAST_COMPILE")
        again = model_from_json(model.to_json())
        assert again.get_config() == model.get_config()
        assert again.optimizer.get_config()["momentum"] == 0.5
        again.set_weights(model.get_weights())
        X, _ = data()
        assert_allclose(again.predict(X), model.predict(X), rtol=1e-12)

    def test_a_function_without_a_name_says_what_to_do(self):
        model = Sequential([SimpleRNN(2, 3, activation=lambda x: x)])
        with pytest.raises(ValueError, match="JSON cannot hold .*lambda.*by its name"):
            model.to_json()
        assert Sequential.from_config(model.get_config()).layers[0].activation is model.layers[0].activation

    def test_what_is_not_trained_is_not_trained_later(self):
        frozen = [Dense(2, 3), Sequential([Dense(3, 3), Dense(3, 3)]), Dense(3, 2), Dense(2, 2)]
        both = rl.Merge([Sequential([frozen[0], Dense(3, 3)]), Sequential([Dense(2, 3)])])
        model = Sequential([both, frozen[1], rl.AutoEncoder(frozen[2], Dense(2, 2)), frozen[3], Dense(2, 1)])
        for layer in frozen:
            layer.trainable = False
        model.compile("sgd", "mse")
        again, (X, y) = model_from_json(model.to_json()), (np.random.randn(5, 2), np.ones(5))
        assert [layer.trainable for layer in again._all_layers()] == [layer.trainable for layer in model._all_layers()]
        again.set_weights(model.get_weights())
        for one in (model, again):
            one.train_on_batch([X, X], y)
        for one, other in zip(model.get_weights(), again.get_weights()):
            np.testing.assert_array_equal(one, other)
        own = json.loads(model.to_json())
        own["layers"][1]["trainable"] = "no"
        with pytest.raises(ValueError, match="trainable must be True or False, got 'no'"):
            model_from_json(json.dumps(own))

    def test_layers_of_ones_own(self):
        class Twice(rl.MaskedLayer):
            def get_output(self, train=False):
                return 2 * self.get_input(train)

        text = Sequential([SimpleRNN(2, 3), Twice()]).to_json()
        with pytest.raises(ValueError, match="unknown layer 'Twice'"):
            model_from_json(text)
        assert type(model_from_json(text, {"Twice": Twice}).layers[1]) is Twice

    def test_functions_of_ones_own(self):
        model = Sequential([SimpleRNN(2, 3, init=ones, activation=squashed), Dense(3, 1, W_constraint=Halving())])
        model.compile(Slow(lr=0.5), fourth_power)
        text = model.to_json()
        with pytest.raises(ValueError, match="unknown initialization 'ones'; did you mean 'one'?"):
            model_from_json(text)
        own = {"ones": ones, "squashed": squashed, "Halving": Halving, "Slow": Slow, "fourth_power": fourth_power}
        again = model_from_json(text, custom_objects=own)
        assert again.get_config() == model.get_config()
        assert again.layers[0].activation is squashed and again.loss is fourth_power
        assert type(again.optimizer) is Slow and again.optimizer.lr.get_value() == 0.5
        assert type(again.layers[1].W_constraint) is Halving
        again.set_weights(model.get_weights())
        X, y = np.random.randn(4, 5, 2), np.ones(4)
        assert again.train_on_batch(X, y) == model.train_on_batch(X, y)
        with pytest.raises(ValueError, match="unknown initialization"):  # They were known for a while only.
            model_from_json(text)
        with pytest.raises(ValueError, match="custom_objects must be a dict of names to functions and classes, got"):
            model_from_json(text, custom_objects={"ones": 1})

    def test_a_constraint_that_is_a_function(self):
        def halved(p):
            return 0.5 * p

        def halving():
            return Halving()

        model = Sequential([Dense(2, 3, W_constraint=halved), Dense(3, 1, W_constraint=Halving())])
        again = model_from_json(model.to_json(), custom_objects={"halved": halved, "Halving": halving})
        assert again.layers[0].W_constraint is halved and type(again.layers[1].W_constraint) is Halving

    def test_a_function_of_the_name_of_another_one(self):
        """It would come back as ours."""

        def tanh(x):
            return x

        with pytest.raises(ValueError, match="JSON cannot hold <function .*tanh"):
            Sequential([SimpleRNN(2, 3, activation=tanh)]).to_json()

    def test_two_functions_of_one_name_are_refused(self):
        def squashing(sharper):
            def squash(x):
                return T.tanh(sharper * x)
            return squash

        twice = squashing(2.0)
        model = Sequential([Dense(2, 2, activation=twice), Dense(2, 2, activation=twice)])
        again = model_from_json(model.to_json(), custom_objects={"squash": twice})
        assert again.layers[0].activation is again.layers[1].activation is twice
        model.add(Dense(2, 2, activation=squashing(3.0)))
        with pytest.raises(ValueError, match="two functions that are called squash, by which only one of them would"):
            model.to_json()

    @pytest.mark.parametrize("kind", ["SimpleRNN", "SGD"])
    def test_a_class_of_the_name_of_another_one(self, kind):
        own = type(kind, (getattr(optimizers, kind, SimpleRNN),), {})
        layer, optimizer = (own(2, 3), "sgd") if kind == "SimpleRNN" else (SimpleRNN(2, 3), own())
        model = Sequential([Sequential([layer]), Dense(3, 1)])
        model.compile(optimizer, "mse")
        with pytest.raises(ValueError, match=f"your class {kind} has the name of one of this library's"):
            model.to_json()

    @pytest.mark.parametrize("kind, base, make", [
        ("LSTM", rl.LSTM, lambda own: rl.Bidirectional(own(2, 3))),
        ("MaxNorm", constraints.Constraint, lambda own: rl.LSTM(2, 3, U_constraint=own())),
        ("nonneg", constraints.Constraint, lambda own: rl.Bidirectional(rl.LSTM(2, 3, U_constraint=own()))),
        ("l2", rl.regularizers.Regularizer, lambda own: rl.LSTM(2, 3, W_regularizer=own())),
        ("ActivityRegularizer", rl.regularizers.Regularizer, lambda own: rl.LSTM(2, 3, activity_regularizer=own())),
    ])  # fmt: skip
    def test_a_class_of_the_name_of_another_one_within_a_layer(self, kind, base, make):
        model = Sequential([make(type(kind, (base,), {}))])
        with pytest.raises(ValueError, match=f"your class {kind} has the name of one of this library's"):
            model.to_json()

    def test_numbers_of_numpy_are_numbers(self):
        model = Sequential([SimpleRNN(2, 3), Dropout(np.float32(0.5))])
        model.compile(optimizers.RMSprop(epsilon=np.float64(1e-3)), "mse")
        assert model_from_json(model.to_json()).layers[1].p == 0.5

    def test_config_is_printed(self, capsys):
        config = classifier().get_config(verbose=1)
        assert str(config["class_mode"]) in capsys.readouterr().out

    @pytest.mark.parametrize("text, message", [
        (with_layers([{}]), "unknown layer None"), (with_layers(3), "with a list of layers"), ("{}", "no config of"),
        (with_layers([{"name": "Mine"}]), "unknown layer 'Mine'.*must be given, as in custom_objects={'Mine': ...}.$"),
        (with_layers([dense(1, 1)], optimizer="sgd", loss="mine"), "unknown loss 'mine'.*={'mine': ...}.$"),
        (json.dumps({"class_name": "Sequential"}), "it is one of Keras 1 or later: make such layers here"),
        ("model.json", "no JSON of a model: .*; got 'model.json'"), (with_layers([None]), "of a layer is a dict"),
        ("[1]", "no config of"), ("no json", "no JSON of a model"),
        (json.dumps({"name": "Graph"}), "no config of"), (5, "is a string, got 5"), (b"\xff", "no JSON of a model"),
        (with_layers([{"name": "Dense", "input_dim": 3}]), "Dense needs output_dim"),
        (with_layers([dense(2, 10**12)]), r"weight W of Dense would have the shape \(2, 1000000000000\): there"),
        (with_layers([dense(10**15, 10**15)]), "not the memory"), (with_layers([dense(10**40, 1)]), "input_dim must"),
        (with_layers([dense(1e400, 1)]), "input_dim must"),
        ("[" * 10**5, "than Python can follow"), (nested(3000), "than Python can follow"),
        (with_layers([dense(1, 1)] * 3000), "than Python can follow"),
        (with_layers([dense(1, 1)], optimizer={"name": "SGD"}), "unknown loss None"),
        (with_layers([dense(1, 1)], optimizer="sgd", loss="mse", theano_mode=5), "theano_mode must be a mode"),
        (with_layers([dense(1, 1)], optimizer="sgd", loss="mse", theano_mode="FAST"), "theano_mode must be a mode of"),
        (with_layers([dense(1, 1)], optimizer="sgd", loss="mse", class_mode="x"), "class_mode must be"),
        (with_layers([dense(1, 1)], optimizer={"name": "Adam", "rho": 1}, loss="mse"), "optimizer Adam cannot be made"),
        (with_layers([dense(1, 1)], optimizer={"name": "SGD", "self": 1}, loss="mse"), "optimizer SGD cannot be made"),
        (with_layers([dict(dense(1, 1), name="SimpleDeepRNN", depth=10**9)]), "depth must be .*at most 1000"),
    ], ids=range(28))  # fmt: skip
    def test_what_is_no_model(self, text, message):
        with pytest.raises(ValueError, match=message):
            model_from_json(text)


class TestCompileErrors:
    """What was compiled before goes on to work, with the same optimizer, too."""

    @pytest.mark.parametrize("changed, message", [
        (dict(loss=lambda t, p: 1.0), r"the loss <lambda> gives 1.0: it is given matrices, .*"),
        (dict(loss=lambda t, p: (t - p) ** 2), "gives 2 dimensions: it is given matrices, whose rows are"),
        (dict(loss=lambda t, p: T.mean(t - p, axis=0)), "gives 6 numbers for 7 rows: .* give a number for each row"),
        (dict(loss=lambda t, p: T.neq(T.argmax(t, -1), T.argmax(p, -1))), "the loss <lambda> has no gradient"),
        (dict(loss=lambda t, p: t.mean(axis=-1)), "has no gradient"), (dict(theano_mode=5), "theano_mode must be"),
        (dict(theano_mode="FAST"), "theano_mode must be .*got 'FAST'"), (dict(class_mode=3), "class_mode must be"),
        (dict(loss=None), "unknown loss None"), (dict(optimizer="adagard"), "did you mean 'adagrad'"),
    ])  # fmt: skip
    def test_what_was_there_stays(self, changed, message):
        model, (X, y) = classifier(), data(8)
        model.train_on_batch(X, y)
        state, config = model.optimizer.get_state(), model.get_config()
        with pytest.raises(ValueError, match=message):
            model.compile(**dict(dict(optimizer=model.optimizer, loss="mse"), **changed))
        assert model.get_config() == config
        for value, reference in zip(model.optimizer.get_state(), state):
            np.testing.assert_array_equal(value, reference)
        model.train_on_batch(X, y)
        assert model.optimizer.get_state()[0] == 2

    def test_a_loss_of_the_whole_batch_warns(self):
        with pytest.warns(UserWarning, match="the loss <lambda> gives one number for all rows of a batch, so that w"):
            model = classifier(loss=lambda t, p: T.sqr(t - p).mean())
        X, y = data(8)
        assert np.isclose(model.test_on_batch(X, y), np.mean((model.predict(X) - y) ** 2))

    def test_layers_upon_layers(self):
        model = Sequential([Dense(1, 1)])
        with pytest.raises(ValueError, match="than Python can follow"):
            for _ in range(3000):
                model.add(Dense(1, 1))
        fitting = len(model.layers)
        with pytest.raises(ValueError, match="than Python can follow"):
            model.compile("sgd", "mse")
        assert len(model.layers) == fitting


def test_stacks_of_recurrent_layers_are_connected_in_no_time():
    """The time doubled with each layer: thirty of them took hours."""
    assert said("""
    from recurrent_layers import Sequential, SimpleRNN
    print(Sequential([SimpleRNN(2, 2, return_sequences=True) for _ in range(40)]).output_shape)
    """, timeout=600) == "(None, None, 2)"


@pytest.mark.parametrize("interrupted", [0, 1, 3])
def test_weights_are_set_together(interrupted, monkeypatch):
    """Also if Ctrl-C comes between two of them."""
    model, count = Sequential([SimpleRNN(2, 3), Dense(3, 1)]), []
    cls, weights = type(model.weights[0]), [np.ones_like(weight) for weight in model.get_weights()]

    def set_value(self, *arguments, **named):
        original(self, *arguments, **named)
        count.append(self)
        if len(count) == interrupted + 1:
            raise KeyboardInterrupt

    original = cls.set_value
    monkeypatch.setattr(cls, "set_value", set_value)
    with pytest.raises(KeyboardInterrupt):
        model.set_weights(weights)
    assert all(map(np.array_equal, model.get_weights(), weights))


def test_a_constraint_makes_values():
    model = Sequential([Dense(2, 1, W_constraint=lambda p: None)])
    with pytest.raises(ValueError, match="the constraint of W must make another value of a value, .*, got None"):
        model.compile("sgd", "mse")


def test_an_optimizer_that_is_compiled_again_counts_on():
    sgd, steps = optimizers.SGD(lr=1.0, decay=1.0), []
    for _ in range(2):
        model = Sequential([Dense(1, 1, weights=[[[0.0]], [0.0]])])
        model.compile(sgd, lambda y_true, y_pred: (y_pred - y_true).mean(axis=-1))  # All gradients are 1.
        for _ in range(3):
            before = model.get_weights()[1][0]
            model.train_on_batch([[0.0]], [[0.0]])
            steps.append(before - model.get_weights()[1][0])
    assert_allclose(steps, [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5, 1 / 6], rtol=1e-6)


def test_an_optimizer_forgets():
    """Its memory is NaN after one bad step, and weights that are set again do not help."""
    model, (X, y) = classifier(), data(8)
    model.train_on_batch(X, y)
    weights = model.get_weights()
    fresh = classifier()
    fresh.set_weights(weights)
    for variable in model.optimizer.memory:
        variable.set_value(variable.get_value() * np.nan)
    model.optimizer.reset_state()
    for one, other in zip(model.get_weights(), weights):
        np.testing.assert_array_equal(one, other)
    assert model.train_on_batch(X, y) == fresh.train_on_batch(X, y)
    for one, other in zip(model.optimizer.get_state(), fresh.optimizer.get_state()):
        np.testing.assert_array_equal(one, other)


class TestErrors:
    """Each raises before anything has changed."""

    @pytest.mark.parametrize("call", [
        lambda model, X, y: model.fit(X, y), lambda model, X, y: model.predict(X),
        lambda model, X, y: model.evaluate(X, y), lambda model, X, y: model.train_on_batch(X, y),
    ])  # fmt: skip
    def test_use_before_compile(self, call):
        with pytest.raises(RuntimeError, match=r"not compiled: call compile\(optimizer, loss\) first"):
            call(Sequential([SimpleRNN(2, 3)]), *data())

    def test_add_asks_for_compile_again(self):
        model = classifier()
        model.add(Activation("linear"))
        with pytest.raises(RuntimeError, match="and again after its layers have changed"):
            model.predict(data()[0])

    @pytest.mark.parametrize("X, message", [
        (np.ones((3, 2)), r"SimpleRNN expects input with 3 dimensions.*got an array with 2 dimensions, .*X\[None\]$"),
        (np.ones((3, 4)), r"SimpleRNN expects input with 3 dimensions.*got an array with 2 dimensions, \(3, 4\)$"),
        (np.ones((3, 4, 5)), r"SimpleRNN expects input of shape \(None, None, 2\).*\(3, 4, 5\)"),
        (np.ones((0, 4, 2)), r"the input is empty: shape \(0, 4, 2\)"),
        (np.ones((3, 0, 2)), r"the input is empty: shape \(3, 0, 2\)"),
        ([], "the input is empty"),
        (np.array([[["a", "b"]]]), "the input must be numbers"),
        (np.where(np.arange(24).reshape(3, 4, 2) == 17, np.nan, 1.0), "NaN in 1 of 3 samples, the first at index 2"),
    ])  # fmt: skip
    def test_wrong_input(self, X, message):
        model = classifier()
        before = model.get_weights()
        for call in (model.predict, lambda X: model.fit(X, np.ones((len(X), 2)) / 2, verbose=0)):
            with pytest.raises(ValueError, match=message):
                call(X)
        for old, new in zip(before, model.get_weights()):
            assert np.array_equal(old, new)

    @pytest.mark.parametrize("loss, y, message", [
        ("categorical_crossentropy", np.arange(40) % 2, r"of the output, \(None, 2\), got \(40, 1\).*to_categorical"),
        ("mse", np.ones((40, 3)), r"shape of the output, \(None, 2\), got \(40, 3\)"),
        ("mse", np.ones((40, 2, 1)), "shape of the output"),
        ("mse", np.ones((39, 2)), "there are 40 samples, but 39 labels"),
        ("mse", np.full((40, 2), np.nan), "NaN in the labels"),
        ("mse", np.full((40, 2), "a"), "labels must be numbers"),
    ])  # fmt: skip
    def test_labels_that_do_not_fit(self, loss, y, message):
        model = classifier(loss=loss)
        before = model.get_weights()
        for call in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
            with pytest.raises(ValueError, match=message):
                call(data()[0], y)
        for old, new in zip(before, model.get_weights()):
            assert np.array_equal(old, new)

    def test_labels_of_sequences_need_the_timesteps_of_the_input(self):
        with pytest.raises(ValueError, match=r"shape of the output, \(None, 4, 1\), got \(2, 3, 1\)"):
            sequence_model().fit(np.ones((2, 4, 2)), np.ones((2, 3, 1)))

    def test_embedding_range(self):
        model = Sequential([Embedding(5, 2), SimpleRNN(2, 1)])
        model.compile("sgd", "mse")
        for X, message in (([[1, 5]], "takes integers from 0 to 4, got 1 to 5"), ([[-1, 0]], "got -1 to 0"),
                           ([[0.5]], "needs integers")):
            with pytest.raises(ValueError, match=message):
                model.predict(X)

    @pytest.mark.parametrize("arguments, message", [
        (dict(optimizer="sgdd"), "unknown optimizer 'sgdd'; did you mean 'sgd'"),
        (dict(loss="crossentropy"), "unknown loss 'crossentropy'"),
        (dict(class_mode="multi"), "class_mode must be 'binary' or 'categorical', got 'multi'"),
    ])  # fmt: skip
    def test_unknown_names(self, arguments, message):
        model = classifier()
        with pytest.raises(ValueError, match=message):
            model.compile(**dict(dict(optimizer="sgd", loss="mse"), **arguments))
        assert model.predict(data()[0]).shape == (40, 2), "the model is still compiled as it was"

    @pytest.mark.parametrize("arguments, message", [
        (dict(batch_size=0), "batch_size must be an integer of at least 1"),
        (dict(nb_epoch=0), "nb_epoch must be an integer of at least 1"),
        (dict(validation_split=1.0), "validation_split must be a finite number of at least 0 and below 1, got 1.0"),
        (dict(validation_split=0.999), "leaves none to train or to validate on"),
        (dict(validation_data=(1,)), r"validation_data must be \(X, y\)"),
        (dict(class_weight={0: 1.0}), "class_weight has no weight for class 1"),
        (dict(sample_weight=np.ones(3)), r"sample_weight must have shape \(40,\)"),
        (dict(sample_weight=-np.ones(40)), "must not be negative"),
    ])  # fmt: skip
    def test_wrong_arguments_of_fit(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            classifier().fit(*data(), **dict(dict(verbose=0), **arguments))

    def test_a_compile_that_fails_changes_nothing(self):
        model, (X, y) = classifier(), data(4)
        optimizer, before = model.optimizer, model.predict(X)

        def loss(y_true, y_pred):
            raise ArithmeticError("no such loss")

        with pytest.raises(ArithmeticError):
            model.compile("sgd", loss)
        assert model.optimizer is optimizer
        model.train_on_batch(X, y)
        assert not np.array_equal(model.predict(X), before)

    def test_wrong_data_compile_nothing(self):
        model = classifier()
        for call in (model.predict, model.predict_on_batch, lambda X: model.evaluate(X, X),
                     lambda X: model.train_on_batch(X, X), lambda X: model.fit(X, X)):
            with pytest.raises(ValueError):
                call(np.ones((3, 2)))
        assert not model._functions._compiled

    def test_a_single_output_is_no_category(self):
        model = Sequential([SimpleRNN(2, 1)])
        model.compile("sgd", "binary_crossentropy")
        X, y = np.zeros((2, 3, 2)), [0, 1]
        for call in (lambda: model.fit(X, y, nb_epoch=1, verbose=0, show_accuracy=True),
                     lambda: model.evaluate(X, y, verbose=0, show_accuracy=True),
                     lambda: model.predict_classes(X, verbose=0)):
            with pytest.warns(UserWarning, match="pass class_mode='binary'"):
                call()

    def test_a_layer_stands_in_one_place(self):
        shared = Dense(4, 4)
        model = Sequential([SimpleRNN(2, 4), shared])
        for wrong in (lambda: model.add(shared), lambda: Sequential([shared]),
                      lambda: Sequential([SimpleRNN(2, 4), shared]),
                      lambda: Sequential([model.layers[0], Dense(4, 1), model.layers[0]])):
            with pytest.raises(ValueError, match=r"already stands behind another layer.*from_config"):
                wrong()
        assert len(model.layers) == 2

    def test_a_model_within_another_is_not_compiled(self):
        inner = Sequential([Dense(4, 2)])
        Sequential([SimpleRNN(2, 4), inner])
        with pytest.raises(ValueError, match="stands in another one"):
            inner.compile("sgd", "mse")
        with pytest.raises(ValueError, match="the model has no layers yet"):
            Sequential([Sequential(), Dense(2, 2)])

    def test_an_empty_model(self):
        with pytest.raises(ValueError, match="the model has no layers yet"):
            Sequential().compile("sgd", "mse")

    def test_what_is_no_layer(self):
        with pytest.raises(ValueError, match="add needs a layer"):
            Sequential().add(LSTM)

    def test_a_layer_that_does_not_fit_is_not_added(self):
        model = Sequential([SimpleRNN(2, 3)])
        with pytest.raises(ValueError, match=r"Dense expects input of shape \(None, 4\).*SimpleRNN gives \(None, 3\)"):
            model.add(Dense(4, 2))
        assert len(model.layers) == 1

    def test_wrong_number_of_weights(self):
        with pytest.raises(ValueError, match="the model has 5 weights, got 2"):
            classifier().set_weights([np.zeros(2)] * 2)


class TestWhatIsOnesOwn:
    """What is wrong with it is said by `compile`, which changes nothing then."""

    class Own(optimizers.Optimizer):
        """Gives for each of `params` what a function does."""

        def __init__(self, step):
            super().__init__()
            self.step = step

        def get_updates(self, params, constraints, loss):
            self.updates = []
            return self.step(params, self.get_gradients(loss, params))

    @pytest.mark.parametrize("step, message", [
        (lambda params, gradients: None, r"get_updates of Own gives must be a list of \(shared variable, new value"),
        (lambda params, gradients: params, r"gives must be a list of \(shared variable, new value\), got W in it"),
        (lambda params, gradients: [(1 * p, p) for p in params], "list of .*, got .* in it"),
        (lambda params, gradients: [(p, p.sum()) for p in params],
         "the new value of W must be of float64 with 2 dimensions as it is, got one of float64 with 0$"),
        (lambda params, gradients: [(p, T.cast(p, "float32")) for p in params], "got one of float32 with 2$"),
        (lambda params, gradients: 2 * [(p, p) for p in params], "gives: there are two new values of W"),
    ])  # fmt: skip
    def test_optimizers_of_ones_own(self, step, message):
        model, (X, y), right = classifier(), data(8), self.Own(lambda params, gradients: [])
        model.compile(right, "mse")
        before, right.step = model.evaluate(X, y, verbose=0), step
        right.updates = "what is kept"
        with pytest.raises(ValueError, match=message):
            model.compile(right, "mae")
        assert right.updates == "what is kept" and model.evaluate(X, y, verbose=0) == before

    def test_an_optimizer_that_leaves_out_what_all_have(self):
        class Careless(optimizers.Optimizer):
            __init__ = object.__init__

            def get_updates(self, params, constraints, loss):
                return [(p, p - g) for p, g in zip(params, self.get_gradients(loss, params))]

        with pytest.raises(AttributeError, match=r"Careless has no clipnorm yet: let its __init__ call super\(\)"):
            classifier(optimizer=Careless())
        with pytest.raises(NotImplementedError, match=r"Empty has no updates: .* needs a method get_updates"):
            classifier(optimizer=type("Empty", (optimizers.Optimizer,), {})())

    @pytest.mark.parametrize("changed, message", [
        (dict(W_regularizer=penalty(lambda loss: None)), "must give the loss with a penalty added, .* None is"),
        (dict(W_regularizer=penalty(lambda loss: loss * T.ones((2, 2)))), "a single number, but 2 dimensions is"),
        (dict(W_constraint=lambda W: None), "constraint of W must make another value of a value, .*, got None"),
        (dict(W_constraint=lambda W: W.sum()), "constraint of W must make another value of a value, .*, got "),
        (dict(W_constraint=lambda W: T.cast(W, "float32")), "of W must make .* value, .*float64.*, got .*float32"),
    ])  # fmt: skip
    def test_penalties_and_constraints_of_ones_own(self, changed, message):
        with pytest.raises(ValueError, match=message):
            Sequential([Dense(2, 1, **changed)]).compile("sgd", "mse")

    @pytest.mark.parametrize("changes, message", [
        (dict(params=[np.ones((2, 2))]), "params of Scale must be shared variables of floats, as add_weight makes"),
        (dict(params=[engine.shared(np.ones(2, int))]), "params of Scale must be shared variables of floats, .*int64"),
        (dict(params=T.vector()), "params of Scale must be a list of shared variables, got"),
    ])  # fmt: skip
    def test_params_that_are_none(self, changes, message):
        """They are refused before the layer stands in a model."""
        layer = scale(**changes)
        with pytest.raises(ValueError, match=message):
            Sequential([Dense(2, 2), layer])
        assert not hasattr(layer, "previous")

    @pytest.mark.parametrize("changes, message", [
        (dict(), "^the loss has no gradient by unused of Scale: let the output depend on what is trained, by"),
        (dict(constraints=[constraints.nonneg()]), "Scale has 2 params, but 1 of constraints: there must be one"),
        (dict(updates=[engine.shared(1.0)]), r"updates of layers must be a list of \(shared variable, new value"),
        (dict(updates=[(engine.shared(1.0, "n"), T.vector())]), "updates of layers: the new value of n must be of "),
    ])  # fmt: skip
    def test_what_a_layer_of_ones_own_has(self, changes, message):
        layer = scale(**changes)
        if "updates" in changes:
            del layer.params[1]
        with pytest.raises(ValueError, match=message):
            Sequential([Dense(2, 2), layer, Dense(2, 1)]).compile("sgd", "mse")
        layer.trainable = False
        if "updates" not in changes:
            Sequential([Dense(2, 2), Dense(2, 1)]).compile("sgd", "mse")

    def test_a_weight_that_a_cell_does_not_use(self):
        class Cell(rl.Recurrent):
            param_names = ("W", "U", "b")

            def step(self, x_t, h_tm1):
                return T.tanh(T.dot(x_t, self.W) + h_tm1)

        with pytest.raises(ValueError, match="^the loss has no gradient by U of Cell, b of Cell: let the output"):
            Sequential([Cell(2, 3), Dense(3, 1)]).compile("sgd", "mse")
        with pytest.raises(ValueError, match="^the loss has no gradient by W of Dense, b of Dense: let the output"):
            Sequential([Dense(2, 3), Embedding(3, 2)]).compile("sgd", "mse")

    def test_by_hand_too(self):
        x, used, unused = T.vector(), engine.shared(1.0, "used"), engine.shared(1.0, "unused")
        for params, message in (([used, unused], "by what is to be trained: unused$"), ([unused], "trained: unused$")):
            with pytest.raises(ValueError, match=message):
                optimizers.SGD().get_updates(params, [lambda p: p] * len(params), T.sum(x * used))

    @pytest.mark.parametrize("change", [
        lambda layers: layers.append(Dense(2, 2)), lambda layers: layers.insert(0, Dense(2, 2)),
        lambda layers: layers.__setitem__(0, SimpleRNN(2, 4)),
    ])  # fmt: skip
    def test_a_list_of_layers_that_was_changed(self, change):
        model = classifier()
        change(model.layers)
        with pytest.raises(RuntimeError, match="the model is not compiled: .* again after its layers have changed"):
            model.predict(data()[0])
        with pytest.raises(ValueError, match="the list of layers has been changed: .* does not read what the .* bef"):
            model.compile("sgd", "mse")

    def test_a_model_without_its_last_layer(self):
        """As scripts did to look at what is within."""
        model, X = classifier(), data(3)[0]
        model.layers.pop()
        with pytest.raises(RuntimeError, match="again after its layers have changed"):
            model.predict(X)
        model.compile("sgd", "mse")
        assert model.predict(X).shape == (3, 4)

    def test_a_model_with_another_last_layer(self):
        model, X = classifier(), data(3)[0]
        model.layers.pop()
        model.add(Dense(4, 5))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.compile("sgd", "mse")
        before = model.get_weights()
        model.train_on_batch(X, np.ones((3, 5)))
        assert not any(map(np.array_equal, before, model.get_weights()))

    def test_a_model_within_has_other_layers(self):
        inner = Sequential([Dense(4, 4)])
        model, X = Sequential([SimpleRNN(2, 4), inner]), data(3)[0]
        model.compile("sgd", "mse")
        model.predict(X)
        inner.add(Dense(4, 4))
        with pytest.raises(RuntimeError, match="again after its layers have changed"):
            model.predict(X)
        model.compile("sgd", "mse")
        assert model.predict(X).shape == (3, 4)

    def test_a_model_in_itself(self):
        model = Sequential([Dense(2, 2)])
        with pytest.raises(ValueError, match="a model cannot stand in itself"):
            model.add(model)
        assert len(model.layers) == 1 and not hasattr(model.layers[0], "previous")

    @pytest.mark.parametrize("layer", [
        lambda: rl.Lambda(lambda x: x * T.vector("other")), lambda: SimpleRNN(2, 2, initial_state=T.matrix("other")),
        lambda: SimpleRNN(2, 2, initial_state=reading(SimpleRNN(2, 2), T.tensor3("other"))),
    ])  # fmt: skip
    def test_a_variable_that_nobody_gives(self, layer):
        model = Sequential([SimpleRNN(2, 2, return_sequences=True), layer()])
        model.compile("sgd", "mse")
        with pytest.raises(ValueError, match="the predict function of the model needs a value of other, which is"):
            model.predict(data()[0])

    @pytest.mark.skipif(not hasattr(Exception, "add_note"), reason="errors take notes from Python 3.11 on")
    def test_what_the_engine_says_of_a_loss_is_explained(self):
        with pytest.raises(TypeError) as error:
            classifier(loss=lambda t, p: np.mean((t - p) ** 2))
        assert error.value.__notes__[0].startswith("the loss <lambda> is called to build a graph, with symbolic var")

    @pytest.mark.skipif(not hasattr(Exception, "add_note"), reason="errors take notes from Python 3.11 on")
    def test_what_the_engine_says_of_a_gradient_is_explained(self):
        with pytest.raises(TypeError) as error:
            Sequential([Dense(2, 1, W_constraint=lambda W: np.clip(W, 0, 1))]).compile("sgd", "mse")
        assert error.value.__notes__[0].startswith("the constraint of W is called to build a graph, with symbolic vari")
        with pytest.raises(TypeError) as error:
            classifier(optimizer=self.Own(lambda params, gradients: None + 1))
        assert error.value.__notes__[0].startswith("Own could not make a step of the model's loss: all that it depends")

    @pytest.mark.skipif(not hasattr(Exception, "add_note"), reason="errors take notes from Python 3.11 on")
    def test_what_the_compiler_says_is_explained(self, monkeypatch):
        def failing(*arguments, **named):
            raise OSError("No space left on device")

        model = classifier()
        monkeypatch.setattr(engine, "function", failing)
        with pytest.raises(OSError, match="No space left") as error:
            model.predict(data()[0])
        assert "could not compile it: `python -m recurrent_layers` shows the compiler" in error.value.__notes__[0]


def scale(**changes):
    """A layer of one's own with a weight, and another one that it does not use."""
    class Scale(rl.Layer):
        def __init__(self):
            super().__init__()
            self.W, unused = (self.add_weight(name, "one", (2,)) for name in ("W", "unused"))
            self.params = [self.W, unused]

        def get_output(self, train=False):
            return self.get_input(train) * self.W

    layer = Scale()
    vars(layer).update(changes)
    return layer


def reading(layer, variable):
    layer.input = variable
    return layer
