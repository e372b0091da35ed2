"""Processes that compile at once, into one empty cache."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np

from recurrent_layers import GRU, Dense, Sequential, engine
from trials.children import name_of

PROCESSES, PATIENCE = 8, 900.0


def trial(run):
    """Processes that compile at once into one empty cache all train to the same numbers, also if one is killed."""
    began = time.monotonic()
    ended_well(run, [started(run.folder / "cache-of-one")], None)
    alone = time.monotonic() - began
    took, lost = [], 0
    run.begins()
    while not took or run.goes_on():
        round_ = len(took)
        began = time.monotonic()
        folder = run.folder / f"cache-{round_}"
        run.tries(f"{PROCESSES} processes on the empty cache of round {round_}")
        expected = ended_well(run, [started(folder) for _ in range(PROCESSES)], None)
        took.append(time.monotonic() - began)

        folder = run.folder / f"cache-with-a-kill-{round_}"
        delay = run.random.uniform(0.2, 0.6) * took[0]  # When it compiles.
        run.tries(f"{PROCESSES} processes on an empty cache, one of them killed after {delay:.1f} s")
        processes = [started(folder) for _ in range(PROCESSES)]
        time.sleep(delay)
        killed = processes.pop()
        lost += killed.poll() is None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(killed.pid, signal.SIGKILL)  # With its compiler.
        killed.communicate()
        ended_well(run, processes, expected)
        ended_well(run, [started(folder)], expected)
    run.figures.update(processes=PROCESSES, rounds=len(took), seconds_of_a_round=round(took[0], 1),
                       seconds_of_one_alone=round(alone, 1), killed_at_work=lost)
    return (f"{len(took)} times {PROCESSES} processes on an empty cache, then with one killed ({lost} of them at work) "
            f"and one afterwards; {took[0]:.0f} s for the first {PROCESSES}, {alone:.0f} s for one alone")


def started(folder):
    """A process that compiles and trains."""
    folder.mkdir(exist_ok=True)
    variable = engine.prepare().engine.flags
    # The last of the same flags counts.
    flags = ",".join(filter(None, (os.environ.get(variable), f"mode=FAST_RUN,base_compiledir={folder}")))
    return subprocess.Popen([sys.executable, "-m", "trials.cache"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, start_new_session=True, env=dict(os.environ, **{variable: flags}),
                            cwd=pathlib.Path(__file__).resolve().parent.parent)  # fmt: skip


def ended_well(run, processes, expected):
    """Wait for processes, and tell if one failed or has other numbers; the numbers of the first that has some."""
    end = time.monotonic() + PATIENCE
    for process in processes:
        try:
            out, err = process.communicate(timeout=max(1.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            run.fails("a process hangs", run.noted())
            continue
        if process.returncode < 0:
            run.fails(f"a process was ended by {name_of(-process.returncode)}", run.noted())
        elif process.returncode:
            last = (err.strip().splitlines() or [""])[-1]
            run.fails(f"a process failed: {last[:200]}", run.noted())
        else:
            numbers = json.loads(out.splitlines()[-1])
            expected = expected or numbers
            if numbers != expected:
                run.fails("a process has other numbers", run.noted())
    return expected


def main():
    """Train a small model, and print its numbers."""
    np.random.seed(0)
    model = Sequential([GRU(2, 3), Dense(3, 1)])
    model.compile("adam", "mse")
    X, y = np.random.randn(8, 5, 2), np.random.randn(8, 1)
    losses = [model.train_on_batch(X, y) for _ in range(5)]
    print(json.dumps([losses, [weight.tolist() for weight in model.get_weights()]]))


if __name__ == "__main__":
    main()
