"""Where the batches of an epoch come from: samples in some order, or a generator.

Each has `nb_samples`, the number of samples in an epoch, and `epoch()`, the batches of the next one: input, labels and
weights, as a compiled function takes them. Those that can be had once more, in another process, have a `config` that
says how, and in `order` what becomes another one from epoch to epoch, if there is such.
"""

import numpy as np

from recurrent_layers.training.ahead import Ahead, Ended
from recurrent_layers.training.data import cut, shuffled
from recurrent_layers.utils.arguments import shown
from recurrent_layers.warned import warn


class InOrder:
    """Batches of samples, in their order or shuffled.

    Parameters
    ----------
    samples : Samples
    batch_size : int
    shuffle : bool or "batch"
    """

    def __init__(self, samples, batch_size, shuffle=False):
        self.samples, self.batch_size, self.shuffle = samples, batch_size, shuffle
        self.nb_samples = len(samples)
        self.order = np.arange(self.nb_samples) if shuffle else None
        self.config = {"nb_samples": self.nb_samples, "batch_size": batch_size, "shuffle": shuffle, "by_length": False}

    def epoch(self):
        order = range(self.nb_samples)
        if self.shuffle:
            order = self.order = shuffled(self.order, self.shuffle, self.batch_size)
        for ids in cut(order, self.batch_size):
            yield self.samples[slice(ids.start, ids.stop) if isinstance(ids, range) else ids]


def _copied(given):
    """The same with arrays of its own: a generator may fill the same ones again."""
    if type(given) in (tuple, list):
        return type(given)(map(_copied, given))
    return given.copy() if isinstance(given, np.ndarray) else given


class Generated:
    """Batches that a generator gives.

    Parameters
    ----------
    name : str
        What it is, for error messages.
    generator : iterator
        Of (X, y) or (X, y, sample_weight).
    nb_samples : int
        How many samples, at the least, are an epoch.
    nb_epoch : int
        How many epochs there will be: no more is fetched ahead than they need.
    samples_of : callable
        From X, y and, if it is there, sample_weight to samples that fit the model.
    nb_worker : int
        How many threads fetch them.
    nb_inputs : int
        How many inputs the model has.
    """

    config = order = None

    def __init__(self, name, generator, nb_samples, nb_epoch, samples_of, nb_worker, nb_inputs=1):
        self.name, self.nb_samples, self._samples_of, self._nb_inputs = name, nb_samples, samples_of, nb_inputs
        self._ahead = Ahead(generator, _copied, self._checked, self._is_enough, nb_worker)
        self._epochs_left, self._counted, self._epoch = nb_epoch, 0, 0
        self._first = None

    def __enter__(self):
        return self

    def begin(self):
        """Fetch the first batch, and raise what is wrong with it, before anything has been trained."""
        self._first = self._take(0)

    def __exit__(self, *error):
        self._ahead.stop()

    def epoch(self):
        seen = 0
        while seen < self.nb_samples:
            inputs, self._first = self._first or self._take(seen), None
            seen += len(inputs[0])
            yield inputs
        if seen > self.nb_samples:
            warn(f"an epoch of {self.name} has {seen} samples, not {self.nb_samples}: its batches do not "
                 "divide them", RuntimeWarning)
        self._epoch += 1

    def _take(self, seen):
        try:
            return self._ahead.take()
        except Ended:
            raise ValueError(
                f"{self.name} ended in epoch {self._epoch + 1}, of which it gave {seen} of {self.nb_samples} samples: "
                "it must go on for as many epochs as there are, as by `while True`") from None

    def _checked(self, number, given):
        """The inputs of a function from what was given, by one of the threads."""
        if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
            raise ValueError(f"{self.name} must give (X, y) or (X, y, sample_weight), got {shown(given)} as batch "
                             f"{number}")
        try:
            return self._samples_of(*given)[:]
        except ValueError as error:
            raise ValueError(f"batch {number} of {self.name}: {error}") from error

    def _is_enough(self, given):
        """Whether this batch is the last that is needed, as far as one sees before it is checked."""
        X = given[0] if isinstance(given, (tuple, list)) and given else ()
        X = X[0] if isinstance(X, (list, tuple)) and len(X) == self._nb_inputs and hasattr(X[0], "shape") else X
        shape = (len(X),) if isinstance(X, (list, tuple)) else getattr(X, "shape", None)
        self._counted += shape[0] if isinstance(shape, tuple) and shape else 0
        if self._counted >= self.nb_samples:
            self._counted = 0
            self._epochs_left -= 1
        return self._epochs_left <= 0
