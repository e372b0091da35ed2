"""Killed while saving."""

import os
import signal
import struct
import time

import numpy as np

from recurrent_layers import LSTM, Dense, Sequential


def trial(run):
    """A process that saves weights is killed at random moments; the file is whole each time, and nothing piles up."""
    model = Sequential([LSTM(16, 32), Dense(32, 4)])
    path = run.folder / "weights" / "weights.h5"
    path.parent.mkdir()
    began = time.monotonic()
    for version in range(10):
        save(model, path, version)
    once = (time.monotonic() - began) / 10
    within, most = 0, 0
    run.begins()
    while run.goes_on():
        delay = run.random.uniform(0, 4 * once)
        run.tries(f"kill number {run.tried + 1}, {1000 * delay:.1f} ms after the process is ready")
        returned = killed_while_saving(model, path, version, delay)
        left = len(unfinished(path))
        within, most = within + bool(left), max(most, left)
        found = found_in(model, path)
        # The kill may have come between the replacement of the file and the return.
        if found not in (returned, returned + 1):
            run.fails("after a kill the file is not what was saved last",
                      f"{run.noted()}: it holds {found}, and {returned} was saved")  # fmt: skip
        if left > 1:
            run.fails("unfinished files pile up", f"{run.noted()}: there are {left}")
        version = found if isinstance(found, int) else returned + 1
    save(model, path, version + 1)
    still = len(unfinished(path))
    if still:
        run.fails("unfinished files are there after a good save", f"{still} of them")
    run.figures.update(kills=run.tried, kills_within_a_save=within, most_unfinished_files=most, unfinished_at_end=still,
                       milliseconds_of_a_save=round(1000 * once, 2))  # fmt: skip
    return (f"{run.tried} kills, {within} of them within a save; {run.tried - failures(run)} files whole; "
            f"never more than {most} unfinished beside them, {still} after the next save")


def failures(run):
    return sum(known["count"] for what, known in run.failures.items() if what.startswith("after a kill"))


def save(model, path, version):
    """Save weights by which the version is known."""
    model.set_weights([np.full_like(weight, version) for weight in model.get_weights()])
    model.save_weights(path, overwrite=True)


def killed_while_saving(model, path, version, delay):
    """Let a child save version after version, and kill it after a while; the last one that it had saved."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            os.write(writing, struct.pack("q", version))
            while True:
                version += 1
                save(model, path, version)
                os.write(writing, struct.pack("q", version))
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


def found_in(model, path):
    """The version in a file, or what is wrong with it."""
    try:
        model.load_weights(path)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    numbers = {float(number) for weight in model.get_weights() for number in np.unique(weight)}
    return int(numbers.pop()) if len(numbers) == 1 else f"versions {sorted(numbers)[:5]}"


def unfinished(path):
    return list(path.parent.glob("*.tmp"))
