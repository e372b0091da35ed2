"""What may happen between epochs and batches: progress, history, checkpoints, stopping early."""

from __future__ import annotations

import contextlib
import csv
import inspect
import math
import numbers
import os
import string
import time
from typing import TYPE_CHECKING, Any, Callable, Iterable, Literal, cast

import numpy as np
from tqdm import tqdm

from recurrent_layers.elsewhere import classes_elsewhere
from recurrent_layers.typing import Path, Weights
from recurrent_layers.utils.arguments import as_path, choice, flag, integer, items, number, shown, text
from recurrent_layers.utils.arrays import is_finite
from recurrent_layers.utils.generic_utils import Progbar
from recurrent_layers.warned import warn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from recurrent_layers.models import Sequential

__all__ = [
    "BaseLogger", "Callback", "CallbackList", "EarlyStopping", "History", "LearningRateScheduler", "ModelCheckpoint",
    "Monitor", "Progbar", "RemoteMonitor", "TerminateOnNaN",
]  # fmt: skip

(RemoteMonitor,) = classes_elsewhere(__name__, "RemoteMonitor")

MEASURES = ("loss", "acc", "val_loss", "val_acc")
#: Whether a measure shall fall or rise.
Mode = Literal["auto", "min", "max"]


class Callback:
    """Something that `Sequential.fit` calls at its turning points; subclass it for your own.

    Attributes
    ----------
    params : dict
        batch_size (None in `fit_generator`), nb_epoch, nb_sample, verbose, do_validation, metrics.
    model : Sequential
        The model that is being trained; set its `stop_training` to end after this batch or epoch.

    Notes
    -----
    In `logs`, batches have ``batch``, ``size``, ``loss`` and ``acc``, epochs ``loss``, ``acc``,
    ``val_loss`` and ``val_acc``, as far as they were asked for.

    Examples
    --------
    One that keeps the loss of each batch; :meth:`Sequential.fit` calls it, here it is called by hand:

    >>> from recurrent_layers.callbacks import Callback
    >>> class Losses(Callback):
    ...     def on_train_begin(self, logs={}):
    ...         self.losses = []
    ...
    ...     def on_batch_end(self, batch, logs={}):
    ...         self.losses.append(logs["loss"])
    >>> losses = Losses()
    >>> losses.on_train_begin()
    >>> losses.on_batch_end(0, {"batch": 0, "size": 32, "loss": 0.5})
    >>> losses.losses
    [0.5]
    """

    #: None until `fit` begins.
    params: dict[str, Any] = cast(Any, None)
    model: Sequential = cast(Any, None)

    def get_state(self) -> dict[str, Any]:
        """What it remembers from epoch to epoch, for a training that goes on in another process.

        Returns
        -------
        dict
            Of dicts, lists, texts, numbers, None and arrays of numbers; by default empty.
        """
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Remember what :meth:`get_state` gave: called after :meth:`on_train_begin` when a training goes on.

        Parameters
        ----------
        state : dict
            With lists for tuples. Empty if that training had no such callback.

        Raises
        ------
        ValueError
            If it is no such state, as in a file that is damaged; then nothing has changed.
        """

    def _set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def _set_model(self, model: Sequential) -> None:
        self.model = model

    def on_train_begin(self, logs: dict[str, Any] = {}) -> None:
        pass

    def on_train_end(self, logs: dict[str, Any] = {}) -> None:
        pass

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] = {}) -> None:
        pass

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] = {}) -> None:
        pass

    def on_batch_begin(self, batch: int, logs: dict[str, Any] = {}) -> None:
        pass

    def on_batch_end(self, batch: int, logs: dict[str, Any] = {}) -> None:
        pass


def checked_callbacks(callbacks: Iterable[Callback]) -> list[Callback]:
    """A list of callbacks, each of which has all that `fit` calls.

    Raises
    ------
    ValueError
        If it is no list, or something in it is no callback.
    TypeError
        If a method of one cannot be called as `fit` does.
    """
    callbacks = items("callbacks", callbacks, "callbacks, such as [EarlyStopping()]")
    for callback in callbacks:
        if not all(hasattr(type(callback), name) for name in _CALLED):
            raise ValueError(f"a callback must be an object of a subclass of Callback, got {shown(callback)}")
        for name, given in _CALLED.items():
            method = object.__getattribute__(callback, name)
            if getattr(method, "__func__", None) is vars(Callback)[name]:
                continue
            try:
                inspect.signature(method).bind(*given)
            except TypeError as error:
                raise TypeError(f"{name} of {type(callback).__name__} is called with ({', '.join(given)}), which it "
                                f"does not take: {error}") from None
    return callbacks


#: The methods that `fit` calls, and with what.
_CALLED = {name: list(inspect.signature(method).parameters)[1:] for name, method in vars(Callback).items()
           if name.startswith(("on_", "_set_"))}  # fmt: skip


class CallbackList(Callback):
    """Several callbacks as one, called in their order.

    Examples
    --------
    >>> from recurrent_layers.callbacks import CallbackList, EarlyStopping, History
    >>> history = History()
    >>> callbacks = CallbackList([history, EarlyStopping("loss", patience=3)])
    >>> callbacks.on_train_begin()
    >>> callbacks.on_epoch_end(0, {"loss": 0.5})
    >>> history.history
    {'loss': [0.5]}
    """

    def __init__(self, callbacks: Iterable[Callback] = ()) -> None:
        self.callbacks = checked_callbacks(callbacks)

    def append(self, callback: Callback) -> None:
        self.callbacks += checked_callbacks([callback])

    def _call(self, name: str, *arguments: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, name)(*arguments)

    def _set_params(self, params: dict[str, Any]) -> None:
        self._call("_set_params", params)

    def _set_model(self, model: Sequential) -> None:
        self._call("_set_model", model)

    def on_train_begin(self, logs: dict[str, Any] = {}) -> None:
        self._call("on_train_begin", logs)

    def on_train_end(self, logs: dict[str, Any] = {}) -> None:
        self._call("on_train_end", logs)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] = {}) -> None:
        self._call("on_epoch_begin", epoch, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] = {}) -> None:
        self._call("on_epoch_end", epoch, logs)

    def on_batch_begin(self, batch: int, logs: dict[str, Any] = {}) -> None:
        self._call("on_batch_begin", batch, logs)

    def on_batch_end(self, batch: int, logs: dict[str, Any] = {}) -> None:
        self._call("on_batch_end", batch, logs)


def _shown(logs: dict[str, Any], metrics: Iterable[str]) -> dict[str, str]:
    return {name: f"{float(logs[name]):.4f}" for name in metrics if name in logs}


class BaseLogger(Callback):
    """Shows progress: with verbose=1 a bar for each epoch, on stderr; with verbose=2 a line, on stdout.

    Examples
    --------
    >>> from recurrent_layers.callbacks import BaseLogger
    >>> logger = BaseLogger()
    >>> logger.params = {"nb_epoch": 1, "nb_sample": 32, "verbose": 2, "metrics": ["loss"]}
    >>> logger.on_train_begin()
    >>> logger.on_epoch_begin(0)
    >>> logger.on_batch_end(0, {"size": 32, "loss": 0.5})
    >>> logger.on_epoch_end(0, {"loss": 0.5})  # doctest: +ELLIPSIS
    Epoch 1/1, ... s: loss 0.5000
    """

    def on_train_begin(self, logs: dict[str, Any] = {}) -> None:
        self.began, self.epochs = time.time(), 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] = {}) -> None:
        self.epoch_began = time.time()
        title = "Epoch {}/{}".format(epoch + 1, self.params["nb_epoch"])
        if self.epochs:
            left = (self.epoch_began - self.began) / self.epochs * (self.params["nb_epoch"] - epoch)
            title += f", {tqdm.format_interval(left)} left"
        self.bar = tqdm(total=self.params["nb_sample"], desc=title, unit="sample", dynamic_ncols=True,
                        disable=self.params["verbose"] != 1)

    def on_batch_end(self, batch: int, logs: dict[str, Any] = {}) -> None:
        self.bar.set_postfix(_shown(logs, self.params["metrics"]), refresh=False)
        self.bar.update(logs.get("size", 0))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] = {}) -> None:
        self.epochs += 1
        shown = _shown(logs, self.params["metrics"])
        self.bar.set_postfix(shown)
        self.bar.close()
        if self.params["verbose"] == 2:
            tqdm.write("Epoch {}/{}, {:.1f} s: {}".format(
                epoch + 1, self.params["nb_epoch"], time.time() - self.epoch_began,
                ", ".join("{} {}".format(*item) for item in shown.items())))

    def on_train_end(self, logs: dict[str, Any] = {}) -> None:
        if hasattr(self, "bar"):
            self.bar.close()


class History(Callback):
    """What `fit` returns.

    Attributes
    ----------
    epoch : list of int
        The epochs that were finished, from 0.
    history : dict of str to list of float
        ``loss``, ``acc``, ``val_loss``, ``val_acc``, one value for each epoch.

    Examples
    --------
    >>> from recurrent_layers.callbacks import History
    >>> history = History()
    >>> history.on_train_begin()
    >>> history.on_epoch_end(0, {"loss": 0.5, "val_loss": 0.75})
    >>> history.on_epoch_end(1, {"loss": 0.25, "val_loss": 0.5})
    >>> history.epoch, history.history
    ([0, 1], {'loss': [0.5, 0.25], 'val_loss': [0.75, 0.5]})
    >>> history.to_csv("history.csv")
    >>> open("history.csv").read().split()
    ['epoch,loss,val_loss', '0,0.5,0.75', '1,0.25,0.5']
    """

    epoch: list[int] = cast(Any, ())
    history: dict[str, list[float]] = cast(Any, ())

    def on_train_begin(self, logs: dict[str, Any] = {}) -> None:
        self.epoch = []
        self.history = {}

    def get_state(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "history": self.history}

    def set_state(self, state: dict[str, Any]) -> None:
        epochs, history = items("the epochs of a history", state.get("epoch", []), "integers"), state.get("history", {})
        epochs = [integer("an epoch of a history", epoch, least=0) for epoch in epochs]
        if not isinstance(history, dict) or not all(isinstance(values, list) for values in history.values()):
            raise ValueError(f"a history must be lists of values by their names, got {shown(history)}")
        self.epoch, self.history = epochs, history

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] = {}) -> None:
        self.epoch.append(epoch)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)

    def plot(self, figure: Figure | None = None) -> Figure:
        """Draw what was measured over the epochs, counted from 1: a panel for the loss, another for the accuracy.

        Parameters
        ----------
        figure : matplotlib.figure.Figure, optional
            Where to draw; a new one of pyplot by default, which notebooks show by themselves.

        Returns
        -------
        matplotlib.figure.Figure
            For changes, or for its `savefig`.

        Raises
        ------
        ImportError
            If matplotlib is not installed; the message says how to get it.
        ValueError
            If no epoch was finished, or `figure` is none.
        """
        try:
            from matplotlib import pyplot as plt
            from matplotlib.figure import FigureBase
            from matplotlib.ticker import MaxNLocator
        except ImportError as error:
            raise ImportError("history.plot() draws with matplotlib: pip install matplotlib") from error
        if not self.history:
            raise ValueError("there is nothing to plot: no epoch was finished")
        if figure is not None and not isinstance(figure, FigureBase):
            raise ValueError(f"figure must be a figure of matplotlib, got {shown(figure)}")
        titles = {"loss": "loss", "acc": "accuracy"}
        names = list(dict.fromkeys(name[len("val_"):] if name.startswith("val_") else name for name in self.history))
        if figure is None:
            figure = plt.figure(figsize=(5 * len(names), 3.5), constrained_layout=True)
        for axes, name in zip(np.ravel(figure.subplots(1, len(names))), names):
            for key, label in ((name, "training"), ("val_" + name, "validation")):
                if key in self.history:
                    values = self.history[key]
                    axes.plot(np.array(self.epoch[-len(values):]) + 1, values, ".-", label=label)
            axes.set(xlabel="epoch", ylabel=titles.get(name, name))
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(alpha=0.3)
            axes.legend()
        return figure

    def to_csv(self, path: Path) -> None:
        """Write a table of the epochs, counted from 0 as in `epoch`, with a column for each measure.

        Parameters
        ----------
        path : str or path-like
            The file; one that is there is replaced.

        Raises
        ------
        ValueError
            If it is no path, or no epoch was finished.
        """
        filepath = as_path("path", path)
        if not self.history:
            raise ValueError("there is nothing to write: no epoch was finished")
        with open(filepath, "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["epoch", *self.history])
            # What was not measured from the beginning has fewer values.
            columns = [[""] * (len(self.epoch) - len(values)) + values for values in self.history.values()]
            writer.writerows(zip(self.epoch, *columns))


class Monitor(Callback):
    """What callbacks share that watch a value from epoch to epoch.

    Parameters
    ----------
    monitor : str
        A name in the `logs` of an epoch.
    mode : {"auto", "min", "max"}
        Whether the value shall fall or rise; "auto" is "max" for what has "acc" in its name, else "min".

    Raises
    ------
    ValueError
        If `mode` is none of these, or `monitor` no string.

    Examples
    --------
    >>> from recurrent_layers.callbacks import Monitor
    >>> Monitor("val_acc").rises, Monitor("val_loss").rises
    (True, False)
    """

    def __init__(self, monitor: str = "val_loss", mode: Mode = "auto") -> None:
        self.monitor = text("monitor", monitor)
        self.mode = choice("mode", mode, "auto", "min", "max")
        self.begin_anew()

    @property
    def rises(self) -> bool:
        """Whether more is better."""
        return self.mode == "max" or (self.mode == "auto" and "acc" in self.monitor)

    def begin_anew(self) -> None:
        """Forget the best value."""
        self.best = -math.inf if self.rises else math.inf

    def get_state(self) -> dict[str, Any]:
        return {"best": self.best}

    def set_state(self, state: dict[str, Any]) -> None:
        best = state.get("best", self.best)
        if not isinstance(best, numbers.Real) and np.shape(best) != (1,):
            raise ValueError(f"the best value that {type(self).__name__} remembers must be a number, got {shown(best)}")
        self.best = best

    def on_train_begin(self, logs: dict[str, Any] = {}) -> None:
        if self.params is not None and self.monitor not in self._measured():
            self._warn(self._measured())

    def _current(self, logs: dict[str, Any]) -> float | None:
        """The value of this epoch, or None and a warning."""
        if self.monitor not in logs:
            self._warn(logs)
            return None
        value = np.asarray(logs[self.monitor])
        if value.size != 1 or value.dtype.kind not in "biuf":
            raise ValueError(f"{type(self).__name__} watches {self.monitor}, which must be a number, got "
                             f"{shown(logs[self.monitor])}")
        return value.item()

    def _is_better(self, value: float | None) -> bool:
        """Whether a value is better than all before."""
        return value is not None and (value > self.best if self.rises else value < self.best)

    def _has_finite_weights(self) -> bool:
        """Whether they are numbers still: the loss is that before the last update."""
        return self.model._while_nobody_writes(lambda: all(
            is_finite(weight.get_value(borrow=True), weight.dtype) for weight in self.model.weights))

    def _measured(self) -> list[str]:
        """What `fit` puts into the logs of an epoch; other callbacks may add to it."""
        metrics = (self.params or {}).get("metrics", ())
        return [name for name in metrics if not name.startswith("val_") or self.params.get("do_validation")]

    def _warn(self, names: Iterable[str]) -> None:
        warn("{} watches {}, but there is only {}; pass validation data to fit, or show_accuracy=True"
             .format(type(self).__name__, self.monitor, ", ".join(sorted(names)) or "nothing"),
             RuntimeWarning)  # fmt: skip


class _OfAnyFormat:
    def __format__(self, specification: str) -> str:
        return "0"


class ModelCheckpoint(Monitor):
    """Save the weights, or the whole training, after every epoch, or after those that are the best so far.

    Nothing is saved after an epoch whose loss is NaN or infinite, or whose last update made a weight so.

    Parameters
    ----------
    filepath : str
        Where to; may hold format fields, as in ``"weights.{epoch:02d}-{val_loss:.2f}.h5"``.
    monitor : str
        What is watched, for `save_best_only`.
    verbose : {0, 1, 2}
        Above 0, say when a file is written.
    save_best_only : bool
        Save only when `monitor` is better than ever before.
    mode : {"auto", "min", "max"}
        Whether less or more is better; by default more for an accuracy, less for anything else.
    whole : bool, keyword only
        Save all that the training needs to go on in another process, for ``fit(..., resume=filepath)``: besides the
        weights what the optimizer remembers, the numbers of epochs, random streams, the order of the samples, and what
        callbacks remember (see :meth:`Callback.get_state`). It is a weight file, too, for `load_weights`, and several
        times as large as one. This callback then comes after all others. Nothing is saved after an epoch that
        `stop_training` has ended in its midst.

    Raises
    ------
    ValueError
        If an argument is none of these; when training begins, also if `filepath` has a field for something that is
        not measured, or is no format, or if `whole` is true in `fit_generator`, whose batches cannot be had once more.
    FileNotFoundError, IsADirectoryError, PermissionError
        When training begins, if no file can be written there.

    Examples
    --------
    >>> from recurrent_layers.callbacks import ModelCheckpoint
    >>> best = ModelCheckpoint("weights.{epoch:02d}-{val_loss:.2f}.h5", save_best_only=True)
    >>> best.filepath.format(epoch=3, val_loss=0.25)
    'weights.03-0.25.h5'
    >>> to_go_on = ModelCheckpoint("training.h5", whole=True)
    """

    whole = False  # For those that were pickled before there was this.

    def __init__(self, filepath: Path, monitor: str = 'val_loss', verbose: int = 0, save_best_only: bool = False,
                 mode: Mode = "auto", *, whole: bool = False) -> None:
        super().__init__(monitor, mode)
        self.filepath = as_path("filepath", filepath)
        self.verbose = choice("verbose", verbose, 0, 1, 2)
        self.save_best_only = flag("save_best_only", save_best_only)
        self.whole = flag("whole", whole)

    def on_train_begin(self, logs: dict[str, Any] = {}) -> None:
        if self.whole:
            self.model._training.check_can_go_on()
        if self.save_best_only:  # Better than in an earlier training, too.
            super().on_train_begin()
        filepath = self._filepath(0, self._trial_logs())
        folder = os.path.dirname(os.path.abspath(filepath))
        if not os.path.isdir(folder):
            raise FileNotFoundError(f"there is no folder {folder} to save weights in")
        if os.path.isdir(filepath):
            raise IsADirectoryError(f"ModelCheckpoint cannot save weights as {filepath}, which is a folder")
        if not os.access(folder, os.W_OK):
            raise PermissionError(f"ModelCheckpoint may not write in {folder}")

    def _trial_logs(self) -> dict[str, Any]:
        """Logs such as an epoch may have, to try the name with; what others may put there goes with any format."""
        if not (self.params or {}).get("logs_may_grow"):
            return dict.fromkeys(self._measured(), 0.0)
        with contextlib.suppress(ValueError):
            fields = [field for _, field, _, _ in string.Formatter().parse(self.filepath) if field]
            others = dict.fromkeys(set(fields) - {"epoch", *MEASURES}, _OfAnyFormat())
            return {**others, **dict.fromkeys(self._measured(), 0.0)}
        return {}

    def _filepath(self, epoch: int, logs: dict[str, Any]) -> str:
        try:
            return self.filepath.format(epoch=epoch, **logs)
        except KeyError as error:
            names = ", ".join(["epoch", *sorted(logs)])
            raise ValueError(f"the name {self.filepath!r} of ModelCheckpoint asks for {error.args[0]}, but there is "
                             f"only {names}; pass validation data to fit, or show_accuracy=True") from None
        except (ValueError, IndexError, AttributeError, TypeError) as error:
            raise ValueError(f"the name {self.filepath!r} of ModelCheckpoint is no format: {error}") from error

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] = {}) -> None:
        if not np.isfinite(logs.get("loss", 0.0)):
            return
        training = self.model._training
        if training is not None and training.is_within_an_epoch and (
                self.whole or self.save_best_only and training.is_kept):
            return  # Who goes on from there would leave out the rest of the epoch, and stop at once.
        current = self._current(logs) if self.save_best_only else None
        if self.save_best_only and not self._is_better(current) or not self._has_finite_weights():
            return
        if current is not None:
            self.best = current
        filepath = self._filepath(epoch, logs)
        if self.whole:
            self.model._training.save(filepath)
        else:
            self.model.save_weights(filepath, overwrite=True)
        if self.verbose > 0:
            tqdm.write(f"Epoch {epoch + 1}: {'training' if self.whole else 'weights'} saved to {filepath}")


class EarlyStopping(Monitor):
    """Stop when something has not become better for a while.

    Parameters
    ----------
    monitor : str
        What is watched.
    patience : int
        How many epochs in a row it may fail to, before the one that stops the training.
    verbose : {0, 1, 2}
        Above 0, say when training is stopped.
    mode : {"auto", "min", "max"}
        Whether less or more is better; by default more for an accuracy, less for anything else.
    restore_best_weights : bool
        Give the model the weights of its best epoch when training ends, however it does.

    Raises
    ------
    ValueError
        If an argument is none of these.

    Examples
    --------
    >>> from recurrent_layers import Sequential
    >>> from recurrent_layers.callbacks import EarlyStopping
    >>> stopping = EarlyStopping("val_loss", patience=1)
    >>> stopping.model = Sequential()
    >>> stopping.on_train_begin()
    >>> for epoch, loss in enumerate([0.5, 0.25, 0.375, 0.5]):
    ...     stopping.on_epoch_end(epoch, {"val_loss": loss})
    ...     print(epoch, stopping.model.stop_training)
    0 False
    1 False
    2 False
    3 True
    """

    # Also if a subclass has an `on_train_begin` of its own, which has always been empty here.
    wait = 0
    best_weights: Weights | None = None

    def __init__(self, monitor: str = 'val_loss', patience: int = 0, verbose: int = 0, mode: Mode = "auto",
                 restore_best_weights: bool = False) -> None:
        super().__init__(monitor, mode)
        self.patience = integer("patience", patience, least=0)
        self.verbose = choice("verbose", verbose, 0, 1, 2)
        self.restore_best_weights = flag("restore_best_weights", restore_best_weights)

    def on_train_begin(self, logs: dict[str, Any] = {}) -> None:
        super().on_train_begin()
        self.begin_anew()
        self.wait, self.best_weights = 0, None

    def get_state(self) -> dict[str, Any]:
        return dict(super().get_state(), wait=self.wait, best_weights=self.best_weights)

    def set_state(self, state: dict[str, Any]) -> None:
        wait = integer("the epochs that EarlyStopping has waited", state.get("wait", self.wait), least=0)
        weights = state.get("best_weights", self.best_weights)
        if weights is not None:
            weights = items("the weights that EarlyStopping remembers", weights, "arrays")
            self.model.match_weights(weights)
        super().set_state(state)
        self.wait, self.best_weights = wait, weights

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] = {}) -> None:
        current = self._current(logs)
        if current is None:
            return
        if self._is_better(current) and (not self.restore_best_weights or self._has_finite_weights()):
            self.best, self.wait = current, 0
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            return
        if self.wait >= self.patience:
            self.model.stop_training = True
            if self.verbose > 0:
                moved = "risen above" if self.rises else "fallen below"
                tqdm.write(f"Epoch {epoch + 1}: {self.monitor} has not {moved} {self.best:.4f}, stopped")
        self.wait += 1

    def on_train_end(self, logs: dict[str, Any] = {}) -> None:
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)


class TerminateOnNaN(Callback):
    """Stop at the first batch whose loss is NaN or infinite, and warn.

    Examples
    --------
    >>> import warnings
    >>> from recurrent_layers import Sequential
    >>> from recurrent_layers.callbacks import TerminateOnNaN
    >>> callback = TerminateOnNaN()
    >>> callback.model = Sequential()
    >>> with warnings.catch_warnings(record=True):
    ...     callback.on_batch_end(7, {"loss": float("nan")})
    >>> callback.model.stop_training
    True
    """

    def on_batch_end(self, batch: int, logs: dict[str, Any] = {}) -> None:
        loss = logs.get("loss", 0.0)
        if not np.isfinite(loss):
            self.model.stop_training = True
            warn(f"the loss of batch {batch} is {loss}, training is stopped: try a lower learning rate, or "
                 "clipnorm in the optimizer", RuntimeWarning)


class LearningRateScheduler(Callback):
    """Set the optimizer's learning rate before each epoch.

    Parameters
    ----------
    schedule : callable
        From the epoch's number, from 0, to a learning rate.

    Raises
    ------
    TypeError
        If `schedule` cannot be called.
    ValueError
        Before an epoch, if the schedule gives no learning rate for it; that of the epoch before stays.

    Examples
    --------
    >>> from recurrent_layers import Dense, Sequential
    >>> from recurrent_layers.callbacks import LearningRateScheduler
    >>> scheduler = LearningRateScheduler(lambda epoch: 0.5 / (1 + epoch))
    >>> scheduler.model = Sequential([Dense(3, 1)])
    >>> scheduler.model.compile(loss="mse", optimizer="sgd")
    >>> scheduler.on_epoch_begin(1)
    >>> float(scheduler.model.optimizer.lr.get_value())
    0.25
    """

    def __init__(self, schedule: Callable[[int], float]) -> None:
        if not callable(schedule):
            raise TypeError("LearningRateScheduler needs a function from epochs to learning rates, got "
                            f"{shown(schedule)}")
        self.schedule = schedule

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] = {}) -> None:
        rate = self.schedule(epoch)
        if isinstance(rate, np.ndarray) and rate.size == 1:
            rate = rate.item()
        name = f"the learning rate that the schedule gives for epoch {epoch}"
        self.model.optimizer.lr = number(name, rate, least=0.0)
