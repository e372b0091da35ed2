"""Forks while another thread is within a recurrence."""

import multiprocessing
import os
import threading

import numpy as np

import recurrent_layers as rl
from trials.children import ends_within, how_it_ended

PATIENCE = 60.0  # Seconds that a child may take.


def trial(run):
    """Children that are forked while a thread is within a recurrence predict and train the same, and end."""
    np.random.seed(run.seed)
    model = rl.Sequential([rl.LSTM(8, 32, return_sequences=True), rl.GRU(32, 16), rl.Dense(16, 2)])
    model.compile("sgd", "mse")
    X, y = np.random.randn(20, 12, 8), np.zeros((20, 2))
    model.train_on_batch(X, y)
    weights, expected = model.get_weights(), model.predict(X)
    trained = model.train_on_batch(X, y), model.predict(X)
    model.set_weights(weights)
    large = np.random.randn(2000, 50, 8)  # So that the thread is within it nearly all of the time.
    stop = threading.Event()

    def predicts():
        while not stop.is_set():
            model.predict(large)

    def is_the_same():
        return (np.array_equal(model.predict(X), expected) and model.train_on_batch(X, y) == trained[0]
                and np.array_equal(model.predict(X), trained[1]))  # fmt: skip

    thread = threading.Thread(target=predicts)
    thread.start()
    run.begins()
    counts = {"os.fork": 0, "multiprocessing": 0}
    try:
        while run.goes_on():
            way = "multiprocessing" if run.tried % 5 == 4 else "os.fork"
            stop.wait(0.05 * run.random.random())
            run.tries(f"{way}, time {run.tried}")
            problem = (forked if way == "os.fork" else started)(is_the_same)
            if problem:
                run.fails(f"a child of {way}: {problem}", run.noted())
            counts[way] += 1
        if not np.array_equal(model.predict(X), expected):
            run.fails("the parent predicts otherwise afterwards", f"seed {run.seed}")
    finally:
        stop.set()
        thread.join()
    run.figures.update(counts)
    return (f"{counts['os.fork']} children of os.fork and {counts['multiprocessing']} of multiprocessing, while a "
            "thread was within a recurrence, predicted and trained")


def forked(is_the_same):
    """What is wrong with a child of os.fork."""
    child = os.fork()
    if child == 0:
        status = 2
        try:
            status = 0 if is_the_same() else 3
        finally:
            os._exit(status)
    return ended(ends_within(child, PATIENCE))


def ended(status):
    if status is None:
        return f"hangs: no end within {PATIENCE:g} s"
    return {3: "other numbers", 2: "an error"}.get(os.WEXITSTATUS(status), "") or how_it_ended(status, PATIENCE)


def started(is_the_same):
    """What is wrong with a child of multiprocessing."""

    def work():
        raise SystemExit(0 if is_the_same() else 3)

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join(PATIENCE)
    if process.is_alive():
        process.kill()
        process.join()
        return f"hangs: no end within {PATIENCE:g} s"
    return {0: "", 3: "other numbers"}.get(process.exitcode, f"exit code {process.exitcode}")
