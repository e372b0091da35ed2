"""Killed while saving."""

import contextlib
import os
import shutil
import signal
import sqlite3
import struct
import time

import numpy as np

import recurrent_layers as rl
from recurrent_layers.exchange import training_files

TRAININGS = 500  # In a sweep.


def trial(run):
    """A process that saves weights, trainings or a sweep and is killed leaves a whole file, and nothing piles up."""
    kinds = [Weights(run.folder), Trainings(run.folder), Sweeps(run.folder)]
    kills, within, wrong, most = dict.fromkeys(kinds, 0), 0, 0, 0
    run.begins()
    while run.goes_on():
        kind = kinds[run.tried % len(kinds)]
        delay = run.random.uniform(0, 4 * kind.seconds)
        run.tries(f"kill number {run.tried + 1}, of {kind.what}, {1000 * delay:.1f} ms after the process is ready")
        began = kind.found()
        saved = killed(kind, began, delay)
        left, found = len(kind.unfinished()), kind.found()
        kills[kind] += 1
        within, most = within + (left > 0), max(most, left)
        # The kill may have come between the end of saving and the word of it.
        if found not in (saved, saved + 1):
            wrong += 1
            run.fails(f"after a kill the file of {kind.what} is not what was saved last",
                      f"{run.noted()}: it holds {found}, and {saved} was saved")  # fmt: skip
            kind.begins_anew()
        if left > 1:
            run.fails("unfinished files pile up", f"{run.noted()}: there are {left}")
    still = 0
    for kind in kinds:
        problem = kind.ends()
        still += len(kind.unfinished())
        if problem:
            run.fails(f"{kind.what}: {problem}", f"seed {run.seed}")
    if still:
        run.fails("unfinished files are there after a good save", f"{still} of them")
    run.figures.update({f"kills_of_{kind.what}": kills[kind] for kind in kinds}, kills_within_a_save=within,
                       most_unfinished_files=most, unfinished_at_end=still)  # fmt: skip
    each = ", ".join(f"{kills[kind]} of {kind.what}" for kind in kinds)
    return (f"{run.tried} kills ({each}), {within} of them seen to be within a save; {run.tried - wrong} files whole; "
            f"never more than {most} unfinished beside them, {still} after the next save")


class Saved:
    """Something that is saved over and over, each time as the next number, in a file of a folder of its own."""

    what, name = "", ""

    def __init__(self, folder):
        self.path, self.start = folder / self.what / self.name, folder / self.name
        self.path.parent.mkdir()
        began = time.monotonic()
        self.goes_on(tell_nobody, 0, 10)
        self.seconds = (time.monotonic() - began) / 10
        shutil.copy(self.path, self.start)

    def goes_on(self, tell, number, last=None):
        """Save number after number, up to the last, and tell of each when it has been saved."""
        raise NotImplementedError

    def read(self):
        """The number in the file."""
        raise NotImplementedError

    def found(self):
        """The number in the file, or what is wrong with it."""
        try:
            return self.read()
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    def begins_anew(self):
        shutil.copy(self.start, self.path)

    def ends(self):
        """Save once more, in peace; what is wrong then, or ""."""
        found = self.found()
        self.goes_on(tell_nobody, found, found + 1)
        return "" if self.found() == found + 1 else f"a good save leaves {self.found()} after {found}"

    def unfinished(self):
        return [path for path in self.path.parent.iterdir() if path != self.path]


def tell_nobody(number):
    """Nobody is to be told of a number."""


class Weights(Saved):
    """Weights that are all the number."""

    what, name = "weights", "weights.h5"

    def __init__(self, folder):
        self.model = rl.Sequential([rl.LSTM(16, 32), rl.Dense(32, 4)])
        super().__init__(folder)

    def goes_on(self, tell, number, last=None):
        while number != last:
            number += 1
            self.model.set_weights([np.full_like(weight, number) for weight in self.model.get_weights()])
            self.model.save_weights(self.path, overwrite=True)
            tell(number)

    def read(self):
        self.model.load_weights(self.path)
        number, = {float(number) for weight in self.model.get_weights() for number in np.unique(weight)}
        return int(number)


class Trainings(Saved):
    """A training that goes on where it was killed; the number is that of its epochs."""

    what, name = "trainings", "training.h5"

    def __init__(self, folder):
        np.random.seed(0)
        self.X, self.y = np.random.randn(20, 5, 3), np.random.randn(20, 1)
        self.model = rl.Sequential([rl.GRU(3, 8), rl.Dropout(0.2), rl.Dense(8, 1)])
        self.model.compile("adam", "mse")
        self.model.train_on_batch(self.X, self.y)  # So that all is compiled.
        super().__init__(folder)

    def goes_on(self, tell, number, last=None):
        checkpoint = rl.callbacks.ModelCheckpoint(self.path, whole=True)
        self.train(self.path, last or 10**6, [checkpoint, Tells(tell)])

    def train(self, path, epochs, callbacks=()):
        self.model.fit(self.X, self.y, batch_size=8, nb_epoch=epochs, verbose=0, resume=path, callbacks=list(callbacks))

    def read(self):
        return training_files.read(self.path)["epoch"]

    def ends(self):
        problem = super().ends()
        self.model.load_weights(self.path)
        killed_often = self.model.get_weights()
        self.train(self.start, self.read())
        is_same = all(map(np.array_equal, self.model.get_weights(), killed_often))
        return problem or ("" if is_same else "other bits than those of the training that was never killed")


class Tells(rl.callbacks.Callback):
    """Tells of the epochs that have been saved when the next one begins."""

    def __init__(self, tell):
        self.tell = tell

    def on_epoch_begin(self, epoch, logs={}):
        self.tell(epoch)


class Sweeps(Saved):
    """A sweep that goes on where it was killed; the number is that of the trainings that are kept."""

    what, name = "sweeps", "sweep.results"

    def goes_on(self, tell, number, last=None):
        def train(k):
            if k > number:  # All before it are kept.
                tell(k)
            return {"tenfold": 10 * k}

        rl.sweep(train, [{"k": k} for k in range(last or number + TRAININGS)], path=self.path, verbose=0)
        while not last:
            time.sleep(1.0)

    def read(self):
        with contextlib.closing(sqlite3.connect(self.path)) as file:
            rows = sorted(file.execute("SELECT k, tenfold FROM trainings"))
        if rows != [(k, 10 * k) for k in range(len(rows))]:
            raise ValueError(f"its rows are {rows}")
        return len(rows)


def killed(kind, number, delay):
    """Let a child go on saving, and kill it after a while; the last number that it had saved."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            os.write(writing, struct.pack("q", number))
            kind.goes_on(lambda number: os.write(writing, struct.pack("q", number)), number)
        finally:
            os._exit(1)
    os.close(writing)
    with open(reading, "rb", buffering=0) as stream:
        told = stream.read(8)
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        told += stream.read()
    return struct.unpack("q", told[-8:])[0]
