"""Goes through batches: to train for some epochs, to evaluate, to predict."""

import functools
import json
import os
import re

import numpy as np
from tqdm import tqdm

from recurrent_layers import callbacks as callback_module
from recurrent_layers import objectives
from recurrent_layers.exchange import training_files
from recurrent_layers.layers.known import config_of
from recurrent_layers.training import distributed
from recurrent_layers.training.data import cut, rows
from recurrent_layers.utils.arguments import as_path, flag, integer, shown
from recurrent_layers.utils.arrays import set_all
from recurrent_layers.utils.generic_utils import fingerprint, known_name


def fit(model, functions, batches, validation, callbacks, batch_size, nb_epoch, names, verbose, resume=None,
        ranks=distributed.ALONE):
    """Train for some epochs.

    Parameters
    ----------
    model : Sequential
        What callbacks are told of; its `stop_training` ends the training.
    functions : Functions
    batches : InOrder, ByLength or Generated
        Those to train on; see :mod:`recurrent_layers.training.batches`.
    validation : InOrder, ByLength, Generated or None
        Those to validate on after each epoch.
    callbacks : list of Callback
    batch_size : int or None
        What callbacks are told.
    nb_epoch : int
    names : list of str
        "loss" and, if it is reported, "acc".
    verbose : {0, 1, 2}
    resume : str, optional
        The file of a whole training, to go on with it.
    ranks : Alone or Ranks
        The processes that train together; only the first has callbacks, and reads `resume`.

    Returns
    -------
    History
    """
    history = callback_module.History()
    logs_may_grow = any(type(callback).__module__ != callback_module.__name__ for callback in callbacks)
    callbacks = callback_module.CallbackList(_in_order(history, callbacks, verbose) if ranks.is_first else [history])
    training = Training(model, functions, batches, callbacks)
    with ranks.all_or_none():
        stored = training.read(resume) if resume is not None and ranks.is_first else None
        train = ranks.train(model, functions, verbose)
        test = None if validation is None else functions.get("test", verbose)
    ranks.check_alike(batches, validation, [nb_epoch, names, validation is not None])

    model.history = history
    params = {
        "batch_size": batch_size, "nb_epoch": nb_epoch, "nb_sample": batches.nb_samples, "verbose": verbose,
        "do_validation": validation is not None, "metrics": names + ["val_" + name for name in names],
        "logs_may_grow": logs_may_grow,
    }  # fmt: skip
    with ranks.together():
        callbacks._set_model(model)
        callbacks._set_params(params)
        model.stop_training, model._training = False, training
        try:
            callbacks.on_train_begin()
            if stored is not None:
                training.restore(*stored)
        except BaseException:  # It has not begun, and so what callbacks do at an end is not done.
            model._training = None
            raise
        try:
            training.align(ranks)
            while training.epoch < nb_epoch and not ranks.first(model.stop_training):
                callbacks.on_epoch_begin(training.epoch)
                ranks.align()
                logs = dict(zip(names, _train_for_an_epoch(training, train, names, ranks)))
                if validation is not None:
                    logs.update(zip(["val_" + name for name in names], evaluate(test, validation, ranks=ranks)))
                training.epoch += 1
                callbacks.on_epoch_end(training.epoch - 1, logs)
        finally:
            model._training = None
            callbacks.on_train_end()
        training.align(ranks)  # With what callbacks did at last.
    return history


def _in_order(history, callbacks, verbose):
    """All callbacks: what those of the user print stands below the progress bar, and what keeps a training is last.

    Of those the ones that keep the best only come first, so that others keep what was the best with this epoch.
    """
    logger = [callback_module.BaseLogger()] if verbose else []
    return sorted([history] + logger + callbacks,
                  key=lambda one: _keeps_a_training(one) and (1 if one.save_best_only else 2))


def _train_for_an_epoch(training, train, names, ranks):
    """The mean loss and accuracy over the batches, until a callback stops it."""
    model, batches, callbacks = training.model, training.batches, training.callbacks
    mean, left = _RunningMean(), batches.nb_samples
    for batch, inputs in enumerate(batches.epoch()):
        logs = {"batch": batch, "size": len(inputs[0])}
        left -= len(inputs[0])
        callbacks.on_batch_begin(batch, logs)
        outputs = train(*inputs)
        mean.add(outputs)
        logs.update(zip(names, map(float, outputs)))
        callbacks.on_batch_end(batch, logs)
        if ranks.first(model.stop_training):
            break
    training.is_within_an_epoch = left > 0
    return mean.values()


def _keeps_a_training(callback):
    return getattr(callback, "whole", None) is True and isinstance(callback, callback_module.ModelCheckpoint)


class Training:
    """A model, and all else that a training needs to go on in another process, to the same numbers.

    Parameters
    ----------
    model : Sequential
    functions : Functions
    batches : InOrder, ByLength or Generated
    callbacks : CallbackList

    Attributes
    ----------
    epoch : int
        How many epochs have been finished.
    is_within_an_epoch : bool
        Whether the last of them was stopped before its end.
    """

    def __init__(self, model, functions, batches, callbacks):
        self.model, self.functions, self.batches, self.callbacks = model, functions, batches, callbacks
        self.epoch, self.is_within_an_epoch = 0, False

    @property
    def is_kept(self):
        """Whether a callback writes all of it, so that it can go on."""
        return any(map(_keeps_a_training, self.callbacks.callbacks))

    def align(self, ranks):
        """Be where the training of the first process is."""
        stands = self.epoch, self.model.stop_training, self.batches.order, self.model.history.get_state()
        self.epoch, self.model.stop_training, self.batches.order, history = ranks.first(stands)
        self.model.history.set_state(history)
        ranks.align()

    def check_can_go_on(self):
        """Raise a ValueError unless another process could go on with it."""
        if self.batches.config is None:
            raise ValueError("ModelCheckpoint(whole=True) needs batches that can be had once more, to go on with them; "
                             "those that a generator gives cannot: train by `fit`")

    def save(self, filepath):
        """Write all of it into a file; see :mod:`recurrent_layers.exchange.training_files`."""
        weights = [layer.get_weights() for layer in self.model.layers]
        training_files.write(filepath, weights, self._state())

    def _config(self):
        """What must be the same when it goes on."""
        loss, optimizer = self.model.loss, self.model.optimizer
        loss = known_name(loss, objectives.KNOWN) or getattr(loss, "__name__", type(loss).__name__)
        options = _options(optimizer.get_config)
        # Numbers may have been set since; they are in the file.
        numbers = [name for name in options
                   if hasattr(vars(optimizer).get(name, getattr(optimizer, name, None)), "get_value")]
        config = dict(self.batches.config, optimizer=type(optimizer).__name__, loss=loss)
        config["what can be set of the optimizer"] = sorted(numbers)
        config.update((f"{name} of the optimizer", value) for name, value in options.items() if name not in numbers)
        for number, layer in enumerate(self.model._all_layers(), 1):
            layer_is = f"layer {number} ({type(layer).__name__})"
            config[f"layer {number}"] = type(layer).__name__
            config.update((f"{name} of {layer_is}", value) for name, value
                          in _options(functools.partial(config_of, layer)).items())  # fmt: skip
        return config

    def _variables(self):
        """What a training step reads and writes, but for the weights of layers."""
        weights = set(self.model.weights)
        return [variable for variable in self.functions.variables() if variable not in weights]

    def _state(self):
        kept = self.functions.going_on.memory.kept
        return {
            "version": 1,
            "config": self._config(),
            "epoch": self.epoch,
            "stopped": bool(self.model.stop_training),
            "variables": [_value(variable) for variable in self._variables()],
            "random": training_files.random_state(),
            "order": self.batches.order,
            "goes_on": {name: kept[name] for name in ("train", "test") if name in kept},
            "callbacks": {name: callback.get_state() for name, callback in self._callbacks().items()},
        }

    def read(self, filepath):
        """What a file has to go on with, which has been checked; None if this training will write it at first.

        Raises
        ------
        FileNotFoundError
            If there is no such file, and no callback that would write it.
        ValueError
            If it holds no whole training, or that of another model or of other batches.
        """
        path = os.path.abspath(as_path("resume", filepath))
        writers = [callback.filepath for callback in self.callbacks.callbacks if _keeps_a_training(callback)]
        if not os.path.exists(path) and path in map(os.path.abspath, writers):
            return None
        state = training_files.read(path)
        try:
            self._check(state)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is damaged: {type(error).__name__}: {error}") from error
        except ValueError as error:
            raise ValueError(f"{path} cannot be gone on with: {error}") from error
        return self.model._match_file(path), state

    def _check(self, state):
        if state["version"] != 1:
            raise ValueError("it was written by a later version of this library")
        config, stored = self._config(), dict(state["config"])
        # What is not in it, an earlier version of this library did not write; but of layers it is all, or nothing.
        if "layer 1" in stored:
            for name in filter(re.compile(r"layer \d+").fullmatch, [*stored, *config]):
                stored.setdefault(name, "none"), config.setdefault(name, "none")
        others = [f"{name} was {shown(stored[name])}, now it is {shown(value)}" for name, value in config.items()
                  if stored.get(name, value) != value]  # fmt: skip
        if others:
            raise ValueError(f"this is another training: {'; '.join(others)}. To begin a new one with its weights, "
                             "call load_weights with the file")
        given = [_kind(value) for value in state["variables"]]
        expected = [_kind(_value(variable)) for variable in self._variables()]
        if given != expected:
            raise ValueError(f"beside weights a training step here changes arrays {expected}, but in it are {given}: "
                             "the layers, the options of the optimizer or floatX are others")
        order, ids = state["order"], self.batches.order
        if (order is None) != (ids is None) or ids is not None and not np.array_equal(np.sort(order), np.sort(ids)):
            raise ValueError("its order of the samples is none")
        integer("epoch", state["epoch"], least=0), flag("stopped", state["stopped"])
        training_files.check_random_state(state["random"])
        for name in self._callbacks():
            if not isinstance(state["callbacks"].get(name, {}), dict):
                raise ValueError(f"what {name} remembers is no dict")
        carried = self.functions.going_on.functions
        for name, kept in state["goes_on"].items():
            for one, values in zip(carried[name], kept):
                one.check_values(values)

    def restore(self, matched, state):
        """Go on with what :meth:`read` gave."""
        for name, callback in self._callbacks().items():
            callback.set_state(state["callbacks"].get(name, {}))
        self.model._set(matched)
        self.functions.turns.write(_set_values, self._variables(), state["variables"])
        self.batches.order = state["order"]
        self.functions.going_on.memory.kept.update(state["goes_on"])
        self.epoch, self.model.stop_training = state["epoch"], state["stopped"]
        training_files.set_random_state(state["random"])

    def _callbacks(self):
        """Those that remember something, by names under which another process finds them."""
        found = {}
        for callback in self.callbacks.callbacks:
            if hasattr(callback, "get_state"):
                kind = type(callback).__name__
                found[f"{kind} {sum(name.split()[0] == kind for name in found) + 1}"] = callback
        return found


def _options(get_config):
    """What a config says beside names, as JSON has it; nothing if there is no config."""
    try:
        config = json.loads(fingerprint(get_config()))
        return {name: value for name, value in config.items() if name not in ("name", "layers")}
    except Exception:  # Whatever a config of the user's own raises.
        return {}


def _value(variable):
    """The value of a shared variable, for a file; of a generator of random numbers its state."""
    value = variable.get_value(borrow=True)
    return value.bit_generator.state if isinstance(value, np.random.Generator) else np.array(value)


def _kind(value):
    """What two values must have in common if one is to take the other's place."""
    return value["bit_generator"] if isinstance(value, dict) else f"{value.dtype} {value.shape}"


def _set_values(variables, values):
    """Set shared variables to what :func:`_value` gave."""
    arrays = []
    for variable, value in zip(variables, values):
        if isinstance(value, dict):
            generator = variable.get_value()  # A copy.
            generator.bit_generator.state = value
            variable.set_value(generator, borrow=True)
        else:
            arrays.append((variable, value))
    set_all(arrays)


def evaluate(test, batches, verbose=0, ranks=distributed.ALONE):
    """The mean loss and the accuracy over all samples of an epoch: the same for any size of batches."""
    mean = _RunningMean()
    mine = ranks.mine(batches.epoch())
    for inputs in _progress(mine, lambda inputs: len(inputs[0]), batches.nb_samples, "evaluate", verbose):
        mean.add(test(*inputs))
    mean.sums, mean.totals = ranks.sum(mean.sums), ranks.sum(mean.totals)
    return mean.values()


def predict(function, inputs, batch_size, verbose=0):
    """The outputs for all samples."""
    nb_samples = len(inputs[0])
    if nb_samples <= batch_size and not verbose:
        return function(*map(rows, inputs))
    outputs = None
    parts = [slice(ids.start, ids.stop) for ids in cut(range(nb_samples), batch_size)]
    for part in _progress(parts, lambda part: part.stop - part.start, nb_samples, "predict", verbose):
        batch = function(*(rows(X, part) for X in inputs))
        if outputs is None:
            outputs = np.empty((nb_samples,) + batch.shape[1:], dtype=batch.dtype)
        outputs[part] = batch
    return outputs


class _RunningMean:
    """The mean loss and accuracy over batches, each with what counts of a batch."""

    def __init__(self):
        self.sums, self.totals = np.zeros(2), np.zeros(2)

    def add(self, outputs):
        loss, accuracy, *counts = map(float, outputs)
        self.sums += np.multiply((loss, accuracy), counts)
        self.totals += counts

    def values(self):
        return (self.sums / np.where(self.totals == 0, 1.0, self.totals)).tolist()


def _progress(items, size, nb_samples, title, verbose):
    """Batches, behind a progress bar that counts their samples."""
    if not verbose:
        yield from items
        return
    with tqdm(total=nb_samples, desc=title, unit="sample", dynamic_ncols=True) as bar:
        for item in items:
            yield item
            bar.update(size(item))
