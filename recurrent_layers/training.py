"""Goes through batches: to train for some epochs, to evaluate, to predict."""

import numpy as np
from tqdm import tqdm

from recurrent_layers import callbacks as callback_module
from recurrent_layers.data import cut, rows


def fit(model, functions, batches, validation, callbacks, batch_size, nb_epoch, names, verbose):
    """Train for some epochs.

    Parameters
    ----------
    model : Sequential
        What callbacks are told of; its `stop_training` ends the training.
    functions : Functions
    batches : InOrder, ByLength or Generated
        Those to train on; see :mod:`recurrent_layers.batches`.
    validation : InOrder, ByLength, Generated or None
        Those to validate on after each epoch.
    callbacks : list of Callback
    batch_size : int or None
        What callbacks are told.
    nb_epoch : int
    names : list of str
        "loss" and, if it is reported, "acc".
    verbose : {0, 1, 2}

    Returns
    -------
    History
    """
    history = model.history = callback_module.History()
    # The progress bar comes before the user's callbacks, so that what they print stands below it.
    logger = [callback_module.BaseLogger()] if verbose else []
    logs_may_grow = any(type(callback).__module__ != callback_module.__name__ for callback in callbacks)
    callbacks = callback_module.CallbackList([history] + logger + callbacks)
    callbacks._set_model(model)
    callbacks._set_params({
        "batch_size": batch_size, "nb_epoch": nb_epoch, "nb_sample": batches.nb_samples, "verbose": verbose,
        "do_validation": validation is not None, "metrics": names + ["val_" + name for name in names],
        "logs_may_grow": logs_may_grow,
    })  # fmt: skip
    train = functions.get("train", verbose)
    if validation is not None:
        test = functions.get("test", verbose)

    model.stop_training = False
    callbacks.on_train_begin()
    try:
        for epoch in range(nb_epoch):
            callbacks.on_epoch_begin(epoch)
            mean = _RunningMean()
            for batch, inputs in enumerate(batches.epoch()):
                logs = {"batch": batch, "size": len(inputs[0])}
                callbacks.on_batch_begin(batch, logs)
                outputs = train(*inputs)
                mean.add(outputs)
                logs.update(zip(names, map(float, outputs)))
                callbacks.on_batch_end(batch, logs)
                if model.stop_training:
                    break
            logs = dict(zip(names, mean.values()))
            if validation is not None:
                logs.update(zip(["val_" + name for name in names], evaluate(test, validation)))
            callbacks.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
    finally:
        callbacks.on_train_end()
    return history


def evaluate(test, batches, verbose=0):
    """The mean loss and the accuracy over all samples of an epoch: the same for any size of batches."""
    mean = _RunningMean()
    for inputs in _progress(batches.epoch(), lambda inputs: len(inputs[0]), batches.nb_samples, "evaluate", verbose):
        mean.add(test(*inputs))
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
    """The mean loss and accuracy over batches, each with its weight."""

    def __init__(self):
        self.sums, self.total = np.zeros(2), 0.0

    def add(self, outputs):
        loss, accuracy, weight = map(float, outputs)
        self.sums += np.multiply((loss, accuracy), weight)
        self.total += weight

    def values(self):
        return list(map(float, self.sums / (self.total or 1.0)))


def _progress(items, size, nb_samples, title, verbose):
    """Batches, behind a progress bar that counts their samples."""
    if not verbose:
        yield from items
        return
    with tqdm(total=nb_samples, desc=title, unit="sample", dynamic_ncols=True) as bar:
        for item in items:
            yield item
            bar.update(size(item))
