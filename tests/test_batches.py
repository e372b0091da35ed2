"""The order in which samples come into batches, and batches that a generator gives."""

import itertools
import os
import signal
import threading
import time
import traceback

import numpy as np
import pytest

import recurrent_layers as rl
from recurrent_layers import ahead
from recurrent_layers.callbacks import Callback


@pytest.fixture(scope="module")
def model():
    made = rl.Sequential([rl.Dense(2, 2)])
    made.compile("sgd", "mse")
    return made


@pytest.fixture(autouse=True)
def no_threads_are_left(monkeypatch):
    monkeypatch.setattr(ahead, "PATIENCE", 0.2)
    yield
    assert fetching() == []


def fetching():
    return [thread for thread in threading.enumerate() if thread.name == "recurrent_layers.ahead"]


def samples(count=40):
    X = np.random.randn(count, 2)
    return X, np.eye(2)[np.arange(count) % 2], np.random.rand(count)


def forever(*arrays, size=8):
    """Their batches, again and again."""
    for start in itertools.cycle(range(0, len(arrays[0]), size)):
        yield tuple(array[start:start + size] for array in arrays)


class Each(Callback):
    """Calls a function after each batch."""

    def __init__(self, function):
        self.function, self.count = function, 0

    def on_batch_end(self, batch, logs={}):
        self.count += 1
        self.function(self)


def trained_alike(model, *calls):
    """Whether calls, each from the same weights, give the same history and weights."""
    before, results = model.get_weights(), []
    for call in calls:
        model.set_weights(before)
        results.append((call().history, model.get_weights()))
    histories, weights = zip(*results)
    # Validation may be in batches of another size.
    return all(one.keys() == histories[0].keys() and np.allclose([*one.values()], [*histories[0].values()], rtol=1e-12)
               for one in histories) and all(map(np.array_equal, itertools.chain(*weights), weights[0] * len(weights)))


class TestGenerator:
    @pytest.mark.parametrize("nb_worker", [1, 4])
    @pytest.mark.parametrize("weighted", [False, True])
    def test_it_trains_as_fit_does(self, model, nb_worker, weighted):
        X, y, weights = samples()
        arrays, class_weight = (X, y, weights)[:2 + weighted], {0: 2.0, 1: 0.5} if weighted else None
        common = dict(nb_epoch=2, verbose=0, show_accuracy=True, class_weight=class_weight)
        assert trained_alike(
            model,
            lambda: model.fit(X, y, batch_size=8, shuffle=False, validation_data=arrays,
                              sample_weight=weights if weighted else None, **common),
            lambda: model.fit_generator(forever(*arrays), 40, validation_data=arrays, nb_worker=nb_worker, **common),
            lambda: model.fit_generator(forever(*arrays), 40, validation_data=list(arrays), **common))
        histories = [model.fit_generator(forever(*arrays), 40, validation_data=validation, nb_val_samples=40,
                                         nb_val_worker=2, **common).history for validation in (forever(*arrays),)]
        assert np.isclose(histories[0]["val_loss"][-1], model.evaluate(
            X, y, verbose=0, sample_weight=weights if weighted else None), rtol=1e-12)

    def test_an_epoch_ends_with_the_batch_that_reaches_its_samples(self, model):
        X, y, _ = samples()
        sizes, each = [], Callback()
        each.on_batch_begin = lambda batch, logs: sizes.append((batch, logs["size"]))
        generator = forever(X, y, size=16)
        with pytest.warns(RuntimeWarning, match="an epoch of the generator has 40 samples, not 33"):
            model.fit_generator(generator, 33, 2, verbose=0, callbacks=[each])
        assert sizes == [(0, 16), (1, 16), (2, 8)] * 2
        assert each.params["nb_sample"] == 33 and each.params["batch_size"] is None

    def test_no_more_is_fetched_than_is_needed(self, model):
        X, y, _ = samples()
        given, most = [], []
        generator = (given.append(batch) or batch for batch in forever(X, y))
        each = Each(lambda each: (time.sleep(0.002), most.append(len(given) - each.count)))
        model.fit_generator(generator, 160, 2, verbose=0, callbacks=[each])
        assert len(given) == each.count == 40 and 1 < max(most) <= ahead.SIZE
        assert next(generator)[0] is not None and len(given) == 41, "it can be used again"

    def test_one_thread_at_a_time_is_in_the_generator(self, model):
        X, y, _ = samples(200)
        within, together, seen = [], [], []

        class Batches:
            def __next__(self):
                within.append(1)
                together.append(len(within))
                time.sleep(0.001)
                within.pop()
                start = 4 * (len(together) - 1)
                return X[start:start + 4], y[start:start + 4]

        before = model._functions.get("train")
        model._functions._compiled["train"] = lambda X, *rest: (seen.append(X), before(X, *rest))[1]
        try:
            model.fit_generator(Batches(), 200, 1, verbose=0, nb_worker=5)
        finally:
            model._functions._compiled["train"] = before
        assert set(together) == {1}
        assert np.array_equal(np.concatenate(seen), X)

    def test_what_it_raises_reaches_the_caller(self, model):
        X, y, _ = samples()

        def failing():
            yield from itertools.islice(forever(X, y), 3)
            raise ZeroDivisionError("in the generator")

        each = Each(lambda each: None)
        with pytest.raises(ZeroDivisionError, match="in the generator") as raised:
            model.fit_generator(failing(), 40, 1, verbose=0, callbacks=[each], nb_worker=2)
        assert "failing" in [frame.name for frame in traceback.extract_tb(raised.value.__traceback__)]
        assert each.count == 3

    @pytest.mark.parametrize("batches, message", [
        (3, "the generator ended in epoch 1, of which it gave 24 of 40 samples: it must go on"),
        (5, "the generator ended in epoch 2, of which it gave 0 of 40"), (0, "gave 0 of 40"),
    ])  # fmt: skip
    def test_it_ends_too_early(self, model, batches, message):
        X, y, _ = samples()
        with pytest.raises(ValueError, match=message):
            model.fit_generator(itertools.islice(forever(X, y), batches), 40, 2, verbose=0)

    def test_it_may_end_when_all_is_done(self, model):
        X, y, _ = samples()
        assert model.fit_generator(itertools.islice(forever(X, y), 10), 40, 2, verbose=0).epoch == [0, 1]

    @pytest.mark.parametrize("wrong, message", [
        (lambda X, y: (X, y[:3]), "batch 2 of the generator: there are 8 samples, but 3 labels"),
        (lambda X, y: (X * np.nan, y), "batch 2 of the generator: the input of Dense has NaN"),
        (lambda X, y: X, r"must give \(X, y\) or \(X, y, sample_weight\), got an array of .* as batch 2"),
        (lambda X, y: None, r"must give \(X, y\) .*, got None"), (lambda X, y: (None, y), "batch 2 .*must be numbers"),
        (lambda X, y: (), "must give"), (lambda X, y: (X[:0], y[:0]), "batch 2 of the generator: the input is empty"),
    ])  # fmt: skip
    def test_a_batch_that_does_not_fit(self, model, wrong, message):
        X, y, _ = samples()
        generator = (wrong(*batch) if k == 2 else batch for k, batch in enumerate(forever(X, y)))
        each = Each(lambda each: None)
        with pytest.raises(ValueError, match=message):
            model.fit_generator(generator, 40, 1, verbose=0, callbacks=[each])
        assert each.count == 2

    def test_a_first_batch_that_does_not_fit_changes_nothing(self):
        made = rl.Sequential([rl.Dense(2, 2)])
        made.compile("sgd", "mse")
        X, y, _ = samples()
        for batches, validation in ((forever(X * np.nan, y), None), (forever(X, y), forever(X * np.nan, y))):
            with pytest.raises(ValueError, match="batch 0 of the generator.* has NaN"):
                made.fit_generator(batches, 40, 1, validation_data=validation, nb_val_samples=40)
        assert made.history is None and not made._functions._compiled

    def test_a_list_of_one_array_is_that_array(self, model):
        X, y, _ = samples()
        given = []
        generator = (given.append(1) or ([X], y) for X, y in forever(X, y))
        model.fit_generator(generator, 40, 1, verbose=0)
        assert len(given) == 5
        # One sample in a list looks like it, and many batches of one seem to be enough before they are.
        model.fit_generator((([X[0]], y[:1]) for X, y in forever(X, y)), 5, 1, verbose=0)

    @pytest.mark.parametrize("raised", [ZeroDivisionError, KeyboardInterrupt, None])
    def test_a_training_that_ends_early(self, model, raised):
        """By an error, by Ctrl-C, or by `stop_training`; the fixture looks for threads."""
        X, y, _ = samples()

        def end(each):
            if raised is not None:
                raise raised
            model.stop_training = True

        each = Each(end)
        call = lambda: model.fit_generator(forever(X, y), 40, 3, verbose=0, callbacks=[each], nb_worker=3,  # noqa: E731
                                           validation_data=forever(X, y), nb_val_samples=8)
        if raised is None:
            assert call().epoch == [0]
        else:
            with pytest.raises(raised):
                call()
        assert each.count == 1

    def test_ctrl_c_while_the_generator_lets_one_wait(self, model):
        released = threading.Event()

        def waiting():
            yield tuple(samples(8)[:2])
            released.wait(30)

        began = time.time()
        timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            model.fit_generator(waiting(), 40, 1, verbose=0)
        assert time.time() - began < 10
        released.set()  # The thread was within the generator.
        for thread in fetching():
            thread.join(10)

    @pytest.mark.parametrize("changed, message", [
        (dict(generator=[samples()[:2]]), "generator must be an iterator of .*, as a function with `yield`"),
        (dict(generator=samples), "generator must be an iterator"), (dict(samples_per_epoch=0), "samples_per_epoch"),
        (dict(validation_data=iter([])), "validation_data is a generator: pass nb_val_samples"),
        (dict(validation_data=3), "or a generator of them, got 3"), (dict(nb_worker=0), "nb_worker must be"),
        (dict(class_weight=10), "class_weight must be"), (dict(nb_val_worker=-1), "nb_val_worker must be"),
        (dict(validation_data=(np.ones((4, 3)), np.ones((4, 2)))), "Dense expects input"),
    ])  # fmt: skip
    def test_wrong_arguments_fetch_nothing(self, model, changed, message):
        given = []
        generator = (given.append(batch) or batch for batch in forever(*samples()))
        with pytest.raises(ValueError, match=message):
            model.fit_generator(**{**dict(generator=generator, samples_per_epoch=40, nb_epoch=1, verbose=0), **changed})
        assert given == []

    def test_the_generator_of_validation_data_is_named(self, model):
        X, y, _ = samples()
        with pytest.raises(ValueError, match="the generator of validation_data ended in epoch 2, of which it gave 0"):
            model.fit_generator(forever(X, y), 40, 2, verbose=0, validation_data=itertools.islice(forever(X, y), 1),
                                nb_val_samples=8)

    def test_a_model_that_is_not_compiled(self):
        with pytest.raises(RuntimeError, match="not compiled"):
            rl.Sequential([rl.Dense(2, 2)]).fit_generator(forever(*samples()), 40, 1)

    def test_progress(self, model, capfd):
        model.fit_generator(forever(*samples()[:2]), 40, 1, verbose=1)
        assert "40/40" in capfd.readouterr().err
