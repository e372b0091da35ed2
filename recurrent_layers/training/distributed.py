"""Training by several processes, each on its part of every batch.

A part of the loss of a batch belongs to each process, so that these parts add up to it, and so do their gradients: one
all-reduce over one buffer gives all processes the gradient of the batch, and each makes the same step with it. What
callbacks do, which only the first process has, is handed on to the others before the next batch.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
import traceback
import zlib

import numpy as np

from recurrent_layers.exchange import training_files
from recurrent_layers.utils.arrays import set_all


class Alone:
    """A training by this process alone, which needs none of all that."""

    is_first = True

    def train(self, model, functions, verbose):
        """The function that makes a step with a batch."""
        return functions.get("train", verbose)

    def mine(self, batches):
        """Those batches of an epoch that this process evaluates."""
        return batches

    def sum(self, numbers):
        """The sum of what each process has."""
        return numbers

    def first(self, value=None):
        """What the first process has."""
        return value

    def check_alike(self, batches, validation, options):
        """Raise a ValueError on all unless all have the same model, samples and options."""

    def align(self):
        """Give all what the first has: weights, all else that a step needs, and random numbers."""

    def all_or_none(self):
        """A context in which all raise if one does."""
        return contextlib.nullcontext()

    def together(self):
        """A context of which no process comes out while others wait in it."""
        return contextlib.nullcontext()


ALONE = Alone()


class Ranks(Alone):
    """A training by the processes of a communicator of MPI.

    Parameters
    ----------
    communicator : mpi4py.MPI.Comm
    in_place : object
        By which MPI knows that a buffer is both what is given and what is taken.
    """

    def __init__(self, communicator, in_place):
        self._in_place = in_place
        self.communicator, self.rank, self.size = communicator, communicator.rank, communicator.size
        self.is_first, self._step = self.rank == 0, None

    def train(self, model, functions, verbose):
        self._step = _Step(self, model, functions, verbose)
        return self._step

    def mine(self, batches):
        return itertools.islice(batches, self.rank, None, self.size)

    def sum(self, numbers):
        return self.communicator.allreduce(numbers)

    def first(self, value=None):
        return self.communicator.bcast(value)

    def add_up(self, buffer):
        """Let a buffer be the sum of those of all processes."""
        self.communicator.Allreduce(self._in_place, buffer)

    def check_alike(self, batches, validation, options):
        with self.all_or_none():
            given = [batches] if validation is None else [batches, validation]
            samples, *validated = map(_checksums, given)
        configs = [one.config for one in given]
        found = {"another model": self._step.kinds, "other arguments": [configs, options], "other samples": samples,
                 "other samples to validate on": validated}
        for name, values in found.items():
            expected, all_values = self.first(values), self.communicator.allgather(values)
            others = [str(rank) for rank, one in enumerate(all_values) if one != expected]
            if others:
                raise ValueError(f"rank {', '.join(others)} has {name} than rank 0: give all the same model, samples "
                                 "and arguments, each takes its part of every batch itself")

    def align(self):
        self._step.align()
        training_files.set_random_state(self.first(training_files.random_state()))

    @contextlib.contextmanager
    def all_or_none(self):
        problem = None
        try:
            yield
        except Exception as error:
            problem = error
        problems = self.communicator.allgather(None if problem is None else f"{type(problem).__name__}: {problem}")
        if problem is not None:
            raise problem
        for rank, text in enumerate(problems):
            if text is not None:
                raise RuntimeError(f"rank {rank} could not begin to train: {text}")

    @contextlib.contextmanager
    def together(self):
        try:
            yield
        except BaseException:
            # The others wait for this one, and would for ever. In one piece, since mpiexec may lose what comes after.
            sys.stderr.write(f"{traceback.format_exc()}rank {self.rank} of {self.size} ends all\n")
            sys.stderr.flush()
            self.communicator.Abort(1)


def ranks() -> Alone:
    """All processes that MPI has started with this one.

    Raises
    ------
    ImportError
        If there is no mpi4py, or no MPI for it.
    """
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise ImportError("fit(distributed=True) needs mpi4py and an MPI, such as MPICH: pip install mpi4py "
                          f"mpich ({error})") from error
    return Ranks(MPI.COMM_WORLD, MPI.IN_PLACE) if MPI.COMM_WORLD.size > 1 else ALONE


def _checksums(batches):
    """What tells samples from others: of some of them."""
    ids = np.unique(np.linspace(0, batches.nb_samples - 1, 256).astype(int))
    return [zlib.crc32(np.ascontiguousarray(array)) for array in batches.samples[ids]]


class _Step:
    """Makes a step with a batch, of which this process computes its part."""

    def __init__(self, ranks, model, functions, verbose):
        self._ranks, self._communicator, self._functions = ranks, ranks.communicator, functions
        self._counts, self._gradients, self._update = functions.in_parts(model, verbose)
        self._variables = list(dict.fromkeys([*model.weights, *functions.variables()]))
        values = [param.get_value(borrow=True) for param in functions.trained]
        self.kinds = [f"{variable.type}" for variable in self._variables] + [value.shape for value in values]
        ends = np.cumsum([0] + [value.size for value in values])
        dtype = np.result_type(*values) if values else np.dtype("float64")
        # The gradients, one after the other, and behind them the loss and the accuracy.
        self._buffer = np.zeros(ends[-1] + 2, dtype)
        self._views = [self._buffer[start:stop].reshape(value.shape)
                       for start, stop, value in zip(ends, ends[1:], values)]  # fmt: skip
        self._values = self._nb_written = None

    def __call__(self, *inputs):
        self._align_if_changed()
        nb_samples = len(inputs[0])
        counts = np.array(self._counts(*inputs), "float64")  # In the loss, and in the accuracy.
        parts = np.array_split(np.arange(nb_samples), self._ranks.size)
        # Who has no sample takes the first for nothing: it draws the same random numbers as the others then.
        part = parts[self._ranks.rank]
        rows = slice(part[0], part[-1] + 1) if len(part) else slice(0, 1)
        totals, factor = counts.sum(axis=1), len(part) / nb_samples
        of_loss, of_accuracy = counts[:, rows].sum(axis=1) / np.where(totals > 0, totals, 1.0) * (len(part) > 0)
        loss, accuracy, *gradients = self._gradients(*(array[rows] for array in inputs), rows.start, nb_samples,
                                                     of_loss / factor if factor else 0.0, factor)  # fmt: skip
        for view, gradient in zip(self._views, gradients):
            view[...] = gradient
        self._buffer[-2:] = loss, of_accuracy * accuracy
        self._ranks.add_up(self._buffer)
        self._update(*self._views)
        self._remember()
        return [*self._buffer[-2:], *totals]

    def align(self):
        """Give all ranks the values of the first."""
        arrays = []
        for variable in self._variables:
            value = variable.get_value(borrow=True)
            if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
                value = np.array(value, order="C")  # MPI sends the bytes as they lie.
                self._communicator.Bcast(value)
                arrays.append((variable, value))
            else:
                variable.set_value(self._ranks.first(value))
        self._functions.turns.write(set_all, arrays)
        self._remember()

    def _remember(self):
        if self._ranks.is_first:
            self._values = [variable.get_value(borrow=True) for variable in self._variables]
            self._nb_written = self._functions.turns.nb_written

    def _align_if_changed(self):
        """Align if a callback has set or trained something: then a variable has another array, or was written to."""
        changed = self._ranks.is_first and (self._nb_written != self._functions.turns.nb_written or any(
            variable.get_value(borrow=True) is not value for variable, value in zip(self._variables, self._values)))
        if self._ranks.first(changed):
            self.align()
