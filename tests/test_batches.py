"""The order in which samples come into batches, and batches that a generator gives."""

import itertools
import os
import signal
import threading
import time
import traceback

import h5py
import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose

import recurrent_layers as rl
from recurrent_layers.callbacks import Callback
from recurrent_layers.engine import tensor as T
from recurrent_layers.training import ahead
from recurrent_layers.utils import arrays


@pytest.fixture(scope="module")
def model():
    made = rl.Sequential([rl.Dense(2, 2)])
    made.compile("sgd", "mse")
    return made


@pytest.fixture(autouse=True)
def no_threads_are_left(monkeypatch):
    monkeypatch.setattr(ahead, "PATIENCE", 0.2)
    yield
    for thread in fetching():
        thread.join(60)  # It was told to end, and may find no processor for a while.
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

    def test_a_generator_may_fill_the_same_arrays_again(self, model):
        X, y, _ = samples()

        def refilled():
            batch = np.empty_like(X[:8]), np.empty_like(y[:8])
            while True:
                for k in range(0, 40, 8):
                    batch[0][:], batch[1][:] = X[k:k + 8], y[k:k + 8]
                    yield batch

        assert trained_alike(model, lambda: model.fit(X, y, batch_size=8, shuffle=False, nb_epoch=2, verbose=0),
                             lambda: model.fit_generator(refilled(), 40, 2, verbose=0))

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
        *((lambda X, y, kind=kind: (getattr(scipy.sparse, kind + "_matrix")(X), y), "batch 2 .*must be numbers")
          for kind in ("csr", "dia")),
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
        trained, released = threading.Event(), threading.Event()

        def waiting():
            yield tuple(samples(8)[:2])
            trained.wait()
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
            released.wait()

        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # A shell lets its background jobs ignore it.
        try:
            with pytest.raises(KeyboardInterrupt):
                model.fit_generator(waiting(), 40, 1, verbose=0, callbacks=[Each(lambda each: trained.set())])
        finally:
            signal.signal(signal.SIGINT, before)
        released.set()  # The thread was within the generator.
        for thread in fetching():
            thread.join(60)

    def test_ctrl_c_while_a_thread_is_started(self, model, monkeypatch):
        def start(self):
            raise KeyboardInterrupt

        monkeypatch.setattr(threading.Thread, "start", start)
        with pytest.raises(KeyboardInterrupt):
            model.fit_generator(forever(*samples()), 40, 1, verbose=0)

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


class Mean(rl.MaskedLayer):
    """The mean over the steps that are not padding: the least that a layer can do with a mask."""

    input_ndim, output_shape = 3, property(lambda self: (None, self.input_shape[2]))

    def get_output_mask(self, train=False):
        return None

    def get_output(self, train=False):
        mask = self.get_input_mask(train).dimshuffle(0, 1, 'x')
        return T.sum(self.get_input(train) * mask, axis=1) / T.maximum(T.sum(mask, axis=1), 1)


class WithMask(rl.MaskedLayer):
    """Has a mask that a function makes of that of its input."""

    input_ndim = 3

    def __init__(self, function):
        super().__init__()
        self.function = function

    def get_output_mask(self, train=False):
        return self.function(self.get_input_mask(train))


TIMESTEPS = 9
#: Of nine steps the first real one and the one after the last: padding before, behind, on both sides, none, all.
ENDS = [(5, 7), (2, 9), (8, 9), (0, 3), (0, 6), (4, 6), (3, 5), (1, 8), (4, 5), (9, 0), (0, 9), (9, 0)]
#: The shortest first, those of one length in their order.
ORDER = sorted(range(len(ENDS)), key=lambda k: max(0, ENDS[k][1] - ENDS[k][0]))
#: What batches of three need of the input; the first is two samples of padding alone, and one of a step.
NEEDED = [(8, 9), (4, 7), (0, 6), (0, 9)]


def padded(kind):
    """Sequences with the padding of ENDS, of vectors or of integers."""
    is_real = np.array([[start <= t < stop for t in range(TIMESTEPS)] for start, stop in ENDS])
    if kind == "integers":
        return np.random.randint(1, 5, is_real.shape) * is_real
    return np.random.randn(*is_real.shape, 2) * is_real[..., None]


MODELS = {
    "a recurrence": lambda: [rl.Masking(), rl.SimpleRNN(2, 3, activation="tanh"), rl.Dense(3, 2)],
    "backwards": lambda: [rl.Masking(), rl.SimpleRNN(2, 3, return_sequences=True, go_backwards=True),
                          rl.TimeDistributedDense(3, 2)],
    "integers": lambda: [rl.Embedding(5, 3, mask_zero=True), rl.TimeDistributedDense(3, 2)],
    # As many steps as there are in a batch, by chance.
    "decoder": lambda: [rl.Embedding(5, 3, mask_zero=True), Mean(), rl.RepeatVector(3), rl.TimeDistributedDense(3, 2)],
    "in a model": lambda: [rl.Sequential([rl.Masking(), Mean()]), rl.Dense(2, 2)],
}  # fmt: skip


def compiled(layers):
    made = rl.Sequential(layers)
    made.compile(rl.optimizers.SGD(lr=0.1), "mse")
    return made


class TestByLength:
    @pytest.mark.parametrize("name, labels, weights", [
        ("a recurrence", (), ()), ("backwards", (9,), (9,)), ("integers", (9,), (9, 1)), ("decoder", (3,), ()),
        ("in a model", (), None),
    ])  # fmt: skip
    def test_losses_and_gradients_are_those_of_batches_that_are_not_cut(self, name, labels, weights):
        made = compiled(MODELS[name]())
        X = padded("integers" if name in ("integers", "decoder") else "vectors")
        y = np.random.randn(len(X), *labels, 2)
        weights = None if weights is None else np.random.rand(len(X), *weights)
        before, losses, shapes, each = made.get_weights(), [], [], Callback()
        each.on_batch_end = lambda batch, logs: losses.append(logs["loss"])
        train = made._functions.get("train")
        made._functions._compiled["train"] = lambda *inputs: (shapes.append([one.shape for one in inputs]),
                                                              train(*inputs))[1]
        history = made.fit(X, y, batch_size=3, nb_epoch=1, shuffle=False, verbose=0, callbacks=[each], by_length=True,
                           sample_weight=weights, validation_data=(X, y) if name == "backwards" else None)
        made._functions._compiled["train"] = train
        cut = made.get_weights()
        if name == "backwards":
            assert np.isclose(history.history["val_loss"][0], made.evaluate(X, y, verbose=0), rtol=1e-10)
        made.set_weights(before)
        expected = [made.train_on_batch(X[ids], y[ids], sample_weight=None if weights is None else weights[ids])
                    for ids in np.reshape(ORDER, (-1, 3))]
        assert_allclose(losses, expected, rtol=1e-10)
        for one, other, first in zip(cut, made.get_weights(), before):
            assert_allclose(one, other, rtol=1e-10, atol=1e-14)
            assert not np.array_equal(one, first)
        assert [shape[0][:2] for shape in shapes] == [(3, stop - start) for start, stop in NEEDED]
        assert [shape[1][:-1] for shape in shapes] == [shape[2] for shape in shapes]
        for of_X, of_y, _ in shapes:
            assert of_y == ((3, 2) if not labels else (3, 3 if labels == (3,) else of_X[1], 2))

    def test_a_batch_of_padding_alone_keeps_a_step(self):
        made = compiled(MODELS["integers"]())
        before = made.get_weights()
        X, shapes, train = padded("integers")[[9, 11, 9]], [], made._functions.get("train")
        made._functions._compiled["train"] = lambda X, *rest: (shapes.append(X.shape), train(X, *rest))[1]
        assert made.fit(X, np.ones((3, 9, 2)), nb_epoch=1, verbose=0, by_length=True).history["loss"] == [0.0]
        assert shapes == [(3, 1)] and all(map(np.array_equal, made.get_weights(), before))

    def test_chance_is_in_the_order_of_batches_and_among_equal_lengths(self):
        made = compiled(MODELS["in a model"]())
        lengths = np.repeat([2, 5, 9], 7)
        X = np.ones((21, 9, 2)) * (np.arange(9)[:, None] < lengths[:, None, None]) * np.arange(1, 22)[:, None, None]
        seen = []
        made._functions._compiled["train"] = lambda X, *rest: seen.append(X) or [0.0, 0.0, 1.0]
        epochs = []
        for seed in [3, 3, *range(30)]:
            np.random.seed(seed)
            del seen[:]
            made.fit(X, np.ones((21, 2)), batch_size=4, nb_epoch=1, verbose=0, by_length=True)
            epochs.append([(one.shape[1], *one[:, 0, 0].astype(int) - 1) for one in seen])
        assert epochs[0] == epochs[1]
        for epoch in epochs:
            assert sorted(k for _, *ids in epoch for k in ids) == list(range(21))
            assert sorted(len(ids) for _, *ids in epoch) == [1, 4, 4, 4, 4, 4]
            assert all(lengths[ids].max() == steps for steps, *ids in epoch)
            # In their order by length, batches follow one another.
            ends = sorted((lengths[ids].min(), lengths[ids].max()) for _, *ids in epoch)
            assert all(one[1] <= other[0] for one, other in zip(ends, ends[1:]))
        assert len({steps for steps, *_ in (epoch[0] for epoch in epochs)}) == 3, "any batch may come first"
        assert len({tuple(sorted(ids)) for epoch in epochs for _, *ids in epoch}) > 60
        alone = {lengths[ids[0]] for epoch in epochs for _, *ids in epoch if len(ids) == 1}
        assert alone == {2, 5, 9}, "batches begin elsewhere in each epoch"

    @pytest.mark.parametrize("kind", ["memory", "elsewhere"])
    def test_lengths_are_found_in_pieces(self, kind, monkeypatch, tmp_path):
        monkeypatch.setattr(arrays, "PIECE", 4 * TIMESTEPS * 8)  # Four samples.
        made, X, y = compiled(MODELS["integers"]()), padded("integers"), np.random.randn(len(ENDS), 9, 2)
        shapes = []
        made._functions._compiled["train"] = lambda X, *rest: shapes.append(X.shape) or [0.0, 0.0, 1.0]
        with h5py.File(tmp_path / "data.h5", "w") as file:
            file["X"], file["y"] = X, y
            data = (X, y) if kind == "memory" else (file["X"], file["y"])
            made.fit(*data, batch_size=3, nb_epoch=1, shuffle=False, verbose=0, by_length=True)
        assert shapes == [(3, stop - start) for start, stop in NEEDED]

    @pytest.mark.parametrize("layers, message", [
        (lambda: [rl.Dense(2, 2)], "whose first layer makes a mask from the input, but Dense makes none: begin with"),
        (lambda: [rl.Embedding(5, 3), rl.TimeDistributedDense(3, 2)], "but Embedding makes none"),
        (lambda: [rl.TimeDistributedDense(2, 2), rl.Masking(), rl.TimeDistributedDense(2, 2)], "Dense makes none"),
        (lambda: [rl.Masking(), WithMask(lambda mask: None)], "the outputs have steps, and no mask"),
        (lambda: [rl.Masking(), WithMask(lambda mask: mask[:, ::2])], r"shape of the input, \(12, 9\), but .*12, 5\)"),
        (lambda: [rl.Masking(), rl.PReLU((9, 2)), Mean()], r"PReLU\(\(9, 2\)\) has weights for each of them"),
        (lambda: [rl.Masking(), WithMask(T.ones_like), Mean()], "for WithMask, which has another mask, there are real"),
        (lambda: [rl.Masking(), WithMask(lambda mask: mask * T.eq(T.cumsum(mask, axis=1), 1))],
         "the mask of the outputs is not that of the inputs"),
    ])  # fmt: skip
    def test_models_in_which_it_would_change_something(self, layers, message):
        made = compiled(layers())
        X = padded("integers" if isinstance(made.layers[0], rl.Embedding) else "vectors")
        X = X[:, 0] if isinstance(made.layers[0], rl.Dense) else X
        y = np.ones(made.predict(X).shape)
        before = made.get_weights()
        with pytest.raises(ValueError, match=message):
            made.fit(X, y, verbose=0, by_length=True)
        assert all(map(np.array_equal, made.get_weights(), before)) and "train" not in made._functions._compiled

    def test_whole_batches_are_another_order(self, model):
        with pytest.raises(ValueError, match='shuffle="batch" keeps neighbours together'):
            model.fit(*samples()[:2], shuffle="batch", by_length=True)
