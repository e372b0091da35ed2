"""What processes that train together do, for `test_distributed.py`: ``mpiexec -n 2 python ranks_at_work.py DIR CASE``.

Each case returns what all ranks must have alike, and what only rank 0 knows; each rank writes that into a file.
"""

import functools
import json
import os
import pathlib
import signal
import sys

import conftest  # noqa: F401  (sets flags)
import numpy as np

import recurrent_layers as rl
from recurrent_layers.callbacks import Callback, EarlyStopping, LearningRateScheduler, ModelCheckpoint
from recurrent_layers.engine import RandomStreams
from recurrent_layers.engine import tensor as T

RANK = int(os.environ.get("PMI_RANK", 0))


def samples(count=23):
    drawn = np.random.RandomState(3)
    X = drawn.randn(count, 5, 3)
    X[::3, :2] = 0  # padding, of which ranks have more and less
    X[1::5, 3:] = 0
    return X, np.eye(2)[drawn.randint(0, 2, (count, 5))], drawn.rand(count, 5)


@functools.lru_cache(maxsize=None)
def masked_model(optimizer="adam", seed=1):
    """Compiled once for all cases that take the same: each goes on where the one before has ended."""
    np.random.seed(seed)
    model = rl.Sequential([
        rl.Masking(),
        rl.JZS1(3, 4, return_sequences=True, dropout_U=0.2, dropout_W=0.1, zoneout=0.1,
                activity_regularizer="activity_l2", U_regularizer="l2", U_constraint="maxnorm"),
        rl.Dropout(0.3), rl.GaussianNoise(0.1), rl.GaussianDropout(0.1),
        rl.TimeDistributedDense(4, 2, activation="softmax"),
    ])  # fmt: skip
    options = {"adam": dict(lr=0.01, clipnorm=0.5), "sgd": dict(lr=0.1, momentum=0.9)}[optimizer]
    model.compile(rl.optimizers.get({"name": optimizer, **options}), "categorical_crossentropy")
    return model


def found(model, *more):
    """What must be the same on all ranks to the last bit."""
    values = [value.tolist() for value in model.get_weights()]
    memory = [variable.get_value().tolist() for variable in model._functions.memory]
    return {"weights": values, "memory": memory, "drawn": np.random.rand(), "history": model.history.history,
            "epochs": model.history.epoch, "more": list(more)}  # fmt: skip


def masks_and_weights():
    model, (X, y, weights) = masked_model(), samples()
    # 23 samples in batches of 11: of the last one some ranks have none.
    model.fit(X, y, 11, 3, verbose=0, validation_data=(X[:9], y[:9]), sample_weight=weights, show_accuracy=True,
              callbacks=[LearningRateScheduler(lambda epoch: 0.05 / (epoch + 1))], distributed=True)  # fmt: skip
    return found(model)


def a_batch_without_weight():
    model, (X, y, weights) = masked_model("sgd"), samples(8)
    weights[2:6] = 0
    model.fit(X, y, 4, 2, verbose=0, sample_weight=weights, shuffle=False, distributed=True)
    return found(model)


def words_by_length():
    np.random.seed(1)
    model = rl.Sequential([rl.Embedding(9, 4, mask_zero=True), rl.GRU(4, 3), rl.Dense(3, 1)])
    model.compile("adagrad", lambda y_true, y_pred: abs(y_true - y_pred).mean(axis=-1) ** 1.5, class_mode="binary")
    drawn = np.random.RandomState(3)
    X = drawn.randint(1, 9, (21, 7)) * (np.arange(7) < drawn.randint(1, 8, (21, 1)))
    y = drawn.randn(21, 1)
    model.fit(X, y, 6, 3, verbose=0, by_length=True, validation_split=0.3, class_weight=None, distributed=True)
    return found(model)


def two_inputs():
    np.random.seed(1)
    left = rl.Sequential([rl.LSTM(3, 4), rl.Dropout(0.2)])
    model = rl.Sequential([rl.Merge([left, rl.Dense(2, 4)], mode="sum"), rl.Dense(4, 2)])
    model.compile("rmsprop", "mse")
    X, y, _ = samples(9)
    model.fit([X, X[:, 0, :2]], y[:, 0], 4, 2, verbose=0, shuffle="batch", distributed=True)
    return found(model)


class Meddles(Callback):
    """Changes what is trained, between batches and epochs; only rank 0 has it."""

    def on_batch_begin(self, batch, logs={}):
        self.model.optimizer.lr = 0.1 / (batch + 1)

    def on_batch_end(self, batch, logs={}):
        np.random.rand()
        if batch == 1:  # In another order of memory, too.
            self.model.set_weights([np.asfortranarray(0.9 * weight) for weight in self.model.get_weights()])
        if batch == 2:  # The weights are changed where they are.
            self.model.train_on_batch(*samples(4)[:2])


class StopsWithin(Callback):
    def __init__(self, epoch, batch):
        self.epoch_and_batch = epoch, batch

    def on_epoch_begin(self, epoch, logs={}):
        self.epoch = epoch

    def on_batch_end(self, batch, logs={}):
        self.model.stop_training = (self.epoch, batch) == self.epoch_and_batch


def meddled_with():
    model, (X, y, _) = masked_model("sgd"), samples()
    stops = StopsWithin(1, 2)
    model.fit(X, y, 5, 4, verbose=0, callbacks=[Meddles(), stops], distributed=True)
    return found(model)


def stopped_early():
    model, (X, y, _) = masked_model("sgd"), samples()
    stop = EarlyStopping(patience=1, mode="max", monitor="loss", restore_best_weights=True)
    model.fit(X, y, 6, 9, verbose=0, callbacks=[stop], distributed=True)
    return found(model)


class Dies(Callback):
    """A rank is killed in the middle of an epoch; rank 0 tells when."""

    def on_epoch_begin(self, epoch, logs={}):
        if epoch == 3:
            pathlib.Path(sys.argv[1], "now").touch()


def resumed(dies=False):
    """Train for 5 epochs, or go on until then; rank 1 may die in the fourth."""
    path = pathlib.Path(sys.argv[1], "training.h5")
    model, (X, y, _) = masked_model("adam", RANK + (8 if path.exists() else 7)), samples()
    if dies and RANK == 1:
        counts = type(model._functions.in_parts(model)[0])
        was_called = counts.__call__

        def killed(self, *inputs):
            if pathlib.Path(sys.argv[1], "now").exists():
                os.kill(os.getpid(), signal.SIGKILL)
            return was_called(self, *inputs)

        counts.__call__ = killed
    model.fit(X, y, 5, 5, verbose=0, distributed=True, resume=path,
              callbacks=[ModelCheckpoint(path, whole=True), *[Dies()] * dies])  # fmt: skip
    return found(model)


def killed():
    return resumed(dies=True)


def error_of(function, *arguments, **named):
    try:
        function(*arguments, distributed=True, verbose=0, nb_epoch=1, **named)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "none"


def wrong():
    X, y, _ = samples(4)
    model = masked_model()
    before = model.get_weights()
    errors = [error_of(model.fit, X + RANK, y), error_of(model.fit, X, y, batch_size=2 + RANK),
              error_of(model.fit, X, y, validation_data=(X, np.roll(y, RANK, axis=-1))),
              error_of(model.fit, X, y, validation_data=(X[RANK:], y[RANK:])),
              error_of(model.fit, X, y if RANK != 1 else y[:, :, :1]), error_of(model.fit, X, y, resume="none.h5")]

    class Own(rl.Dropout):
        def get_output(self, train=False):
            X = self.get_input(train)
            return X * RandomStreams(seed=3).binomial(X.shape, p=0.5, dtype=rl.engine.config.floatX)

    stateful = rl.GRU(3, 3, return_sequences=True, stateful=True)
    for layers, loss in (([rl.BatchNormalization((5, 3))], "mse"), ([stateful], "mse"),
                         ([Own(0.5), rl.Dropout(0.5)], "mse"), ([], lambda y, y_pred: T.mean(abs(y - y_pred)))):
        other = rl.Sequential([*layers, rl.TimeDistributedDense(3, 2)])
        other.compile("sgd", loss)
        errors.append(error_of(other.fit, X, y, shuffle=False))
    other = rl.Sequential([rl.TimeDistributedDense(3, 4 - RANK), rl.TimeDistributedDense(4 - RANK, 2)])
    other.compile("sgd", "mse")
    errors.append(error_of(other.fit, X, y))
    unchanged = all(map(np.array_equal, before, model.get_weights()))
    return {"errors": errors, "unchanged": unchanged}


class Fails(Callback):
    def on_batch_end(self, batch, logs={}):
        raise OSError("the disk is full")


def failing():
    # mpiexec may lose what a process has said just before all are ended.
    sys.stderr = open(pathlib.Path(sys.argv[1], f"said-{RANK}.txt"), "w", encoding="utf-8")
    model, (X, y, _) = masked_model("sgd"), samples()
    model.fit(X, y, 6, 9, verbose=0, callbacks=[Fails()], distributed=True)


if __name__ == "__main__":
    for case in sys.argv[2:]:
        pathlib.Path(sys.argv[1], f"{case}-{RANK}.json").write_text(json.dumps(globals()[case]()))
