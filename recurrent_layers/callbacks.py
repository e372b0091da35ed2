"""What may happen between epochs and batches: progress, history, checkpoints, stopping early."""

import csv
import math
import os
import time
import warnings

import numpy as np
from tqdm import tqdm


class Callback:
    """Something that `Sequential.fit` calls at its turning points; subclass it for your own.

    Attributes
    ----------
    params : dict
        batch_size, nb_epoch, nb_sample, verbose, do_validation, metrics.
    model : Sequential
        The model that is being trained; set its `stop_training` to end after this batch or epoch.

    Notes
    -----
    In `logs`, batches have ``batch``, ``size``, ``loss`` and ``acc``, epochs ``loss``, ``acc``,
    ``val_loss`` and ``val_acc``, as far as they were asked for.
    """

    params = None
    model = None

    def _set_params(self, params):
        self.params = params

    def _set_model(self, model):
        self.model = model

    def on_train_begin(self, logs={}):
        pass

    def on_train_end(self, logs={}):
        pass

    def on_epoch_begin(self, epoch, logs={}):
        pass

    def on_epoch_end(self, epoch, logs={}):
        pass

    def on_batch_begin(self, batch, logs={}):
        pass

    def on_batch_end(self, batch, logs={}):
        pass


class CallbackList(Callback):
    """Several callbacks as one, called in their order."""

    def __init__(self, callbacks=()):
        self.callbacks = list(callbacks)

    def append(self, callback):
        self.callbacks.append(callback)

    def _call(self, name, *arguments):
        for callback in self.callbacks:
            getattr(callback, name)(*arguments)

    def _set_params(self, params):
        self._call("_set_params", params)

    def _set_model(self, model):
        self._call("_set_model", model)

    def on_train_begin(self, logs={}):
        self._call("on_train_begin", logs)

    def on_train_end(self, logs={}):
        self._call("on_train_end", logs)

    def on_epoch_begin(self, epoch, logs={}):
        self._call("on_epoch_begin", epoch, logs)

    def on_epoch_end(self, epoch, logs={}):
        self._call("on_epoch_end", epoch, logs)

    def on_batch_begin(self, batch, logs={}):
        self._call("on_batch_begin", batch, logs)

    def on_batch_end(self, batch, logs={}):
        self._call("on_batch_end", batch, logs)


def _shown(logs, metrics):
    return {name: f"{float(logs[name]):.4f}" for name in metrics if name in logs}


class BaseLogger(Callback):
    """Shows progress: with verbose=1 a bar for each epoch, on stderr; with verbose=2 a line, on stdout."""

    def on_train_begin(self, logs={}):
        self.began = time.time()

    def on_epoch_begin(self, epoch, logs={}):
        self.epoch_began = time.time()
        title = "Epoch {}/{}".format(epoch + 1, self.params["nb_epoch"])
        if epoch:
            left = (self.epoch_began - self.began) / epoch * (self.params["nb_epoch"] - epoch)
            title += f", {tqdm.format_interval(left)} left"
        self.bar = tqdm(total=self.params["nb_sample"], desc=title, unit="sample", dynamic_ncols=True,
                        disable=self.params["verbose"] != 1)

    def on_batch_end(self, batch, logs={}):
        self.bar.set_postfix(_shown(logs, self.params["metrics"]), refresh=False)
        self.bar.update(logs.get("size", 0))

    def on_epoch_end(self, epoch, logs={}):
        shown = _shown(logs, self.params["metrics"])
        self.bar.set_postfix(shown)
        self.bar.close()
        if self.params["verbose"] == 2:
            tqdm.write("Epoch {}/{}, {:.1f} s: {}".format(
                epoch + 1, self.params["nb_epoch"], time.time() - self.epoch_began,
                ", ".join("{} {}".format(*item) for item in shown.items())))

    def on_train_end(self, logs={}):
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
    """

    def on_train_begin(self, logs={}):
        self.epoch = []
        self.history = {}

    def on_epoch_end(self, epoch, logs={}):
        self.epoch.append(epoch)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)

    def plot(self, figure=None):
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
            If no epoch was finished.
        """
        try:
            from matplotlib import pyplot as plt
            from matplotlib.ticker import MaxNLocator
        except ImportError as error:
            raise ImportError('history.plot() draws with matplotlib: pip install "recurrent-layers[plot]"') from error
        if not self.history:
            raise ValueError("there is nothing to plot: no epoch was finished")
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

    def to_csv(self, path):
        """Write a table of the epochs, counted from 0 as in `epoch`, with a column for each measure.

        Parameters
        ----------
        path : str or path-like
            The file; one that is there is replaced.
        """
        with open(path, "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["epoch", *self.history])
            # What was not measured from the beginning has fewer values.
            columns = [[""] * (len(self.epoch) - len(values)) + values for values in self.history.values()]
            writer.writerows(zip(self.epoch, *columns))


class ModelCheckpoint(Callback):
    """Save the weights after every epoch, or after those that are the best so far.

    Weights are never saved after an epoch whose loss is NaN or infinite.

    Parameters
    ----------
    filepath : str
        Where to; may hold format fields, as in ``"weights.{epoch:02d}-{val_loss:.2f}.h5"``.
    monitor : str
        What shall fall, for `save_best_only`.
    verbose : int
        Above 0, say when a file is written.
    save_best_only : bool
        Save only when `monitor` is lower than ever before.
    """

    def __init__(self, filepath, monitor='val_loss', verbose=0, save_best_only=False):
        self.filepath = str(filepath)
        self.monitor = monitor
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.best = math.inf

    def on_train_begin(self, logs={}):
        folder = os.path.dirname(os.path.abspath(self.filepath))
        if not os.path.isdir(folder):
            raise FileNotFoundError(f"there is no folder {folder} to save weights in")

    def on_epoch_end(self, epoch, logs={}):
        if not np.isfinite(logs.get("loss", 0.0)):
            return
        filepath = self.filepath.format(epoch=epoch, **logs)
        if self.save_best_only:
            current = _monitored(self, logs)
            if current is None or not current < self.best:
                return
            self.best = current
        self.model.save_weights(filepath, overwrite=True)
        if self.verbose > 0:
            tqdm.write(f"Epoch {epoch + 1}: weights saved to {filepath}")


class EarlyStopping(Callback):
    """Stop when something has not fallen for a while.

    Parameters
    ----------
    monitor : str
        What shall fall.
    patience : int
        How many epochs in a row it may fail to, before the one that stops the training.
    verbose : int
        Above 0, say when training is stopped.
    """

    def __init__(self, monitor='val_loss', patience=0, verbose=0):
        self.monitor = monitor
        self.patience = patience
        self.verbose = verbose

    def on_train_begin(self, logs={}):
        self.best = math.inf
        self.wait = 0

    def on_epoch_end(self, epoch, logs={}):
        current = _monitored(self, logs)
        if current is None:
            return
        if current < self.best:
            self.best = current
            self.wait = 0
            return
        if self.wait >= self.patience:
            self.model.stop_training = True
            if self.verbose > 0:
                tqdm.write(f"Epoch {epoch + 1}: {self.monitor} has not fallen below {self.best:.4f}, stopped")
        self.wait += 1


class TerminateOnNaN(Callback):
    """Stop at the first batch whose loss is NaN or infinite, and warn."""

    def on_batch_end(self, batch, logs={}):
        loss = logs.get("loss", 0.0)
        if not np.isfinite(loss):
            self.model.stop_training = True
            warnings.warn(f"the loss of batch {batch} is {loss}, training is stopped: try a lower learning rate, or "
                          "clipnorm in the optimizer", RuntimeWarning)


class LearningRateScheduler(Callback):
    """Set the optimizer's learning rate before each epoch.

    Parameters
    ----------
    schedule : callable
        From the epoch's number, from 0, to a learning rate.
    """

    def __init__(self, schedule):
        self.schedule = schedule

    def on_epoch_begin(self, epoch, logs={}):
        lr = self.model.optimizer.lr
        lr.set_value(np.asarray(self.schedule(epoch), dtype=lr.dtype))


def _monitored(callback, logs):
    """The value that a callback watches, or None and a warning."""
    if callback.monitor not in logs:
        warnings.warn("{} watches {}, but there is only {}; pass validation data to fit, or show_accuracy=True"
                      .format(type(callback).__name__, callback.monitor, ", ".join(sorted(logs)) or "nothing"),
                      RuntimeWarning)
        return None
    return logs[callback.monitor]
