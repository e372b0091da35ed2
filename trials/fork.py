"""Children that are begun while another thread is within a recurrence."""

import functools
import multiprocessing
import os
import threading

import joblib
import numpy as np

import recurrent_layers as rl
from trials.children import ends_within, how_it_ended

PATIENCE = 300.0  # Seconds that a child may take.


def trial(run):
    """Children that are begun while a thread is within a recurrence predict and train the same, and end."""
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

    thread = threading.Thread(target=predicts)
    thread.start()
    run.begins()
    counts = dict.fromkeys(WAYS, 0)
    try:
        while run.goes_on():
            way = next(way for way, each in EACH.items() if run.tried % each == each - 1)
            stop.wait(0.05 * run.random.random())
            run.tries(f"{way}, time {run.tried}")
            problem = WAYS[way](model, X, y, expected, trained)
            if problem:
                run.fails(f"a child of {way}: {problem}", run.noted())
            counts[way] += 1
        if not np.array_equal(model.predict(X), expected):
            run.fails("the parent predicts otherwise afterwards", f"seed {run.seed}")
    finally:
        stop.set()
        thread.join()
    run.figures.update(counts)
    children = ", ".join(f"{count} of {way}" for way, count in counts.items())
    return f"children begun while a thread was within a recurrence, which predicted and trained: {children}"


def is_the_same(model, X, y, expected, trained):
    """Whether a model predicts and trains as it should."""
    return (np.array_equal(model.predict(X), expected) and model.train_on_batch(X, y) == trained[0]
            and np.array_equal(model.predict(X), trained[1]))  # fmt: skip


def forked(*given):
    """What is wrong with a child of os.fork."""
    child = os.fork()
    if child == 0:
        status = 2
        try:
            status = 0 if is_the_same(*given) else 3
        finally:
            os._exit(status)
    return ended(ends_within(child, PATIENCE))


def ended(status):
    if status is None:
        return f"hangs: no end within {PATIENCE:g} s"
    return {3: "other numbers", 2: "an error"}.get(os.WEXITSTATUS(status), "") or how_it_ended(status, PATIENCE)


def does(*given):
    raise SystemExit(0 if is_the_same(*given) else 3)


def started(start_method, *given):
    """What is wrong with a child of multiprocessing."""
    process = multiprocessing.get_context(start_method).Process(target=does, args=given)
    process.start()
    process.join(PATIENCE)
    if process.is_alive():
        process.kill()
        process.join()
        return f"hangs: no end within {PATIENCE:g} s"
    return {0: "", 3: "other numbers"}.get(process.exitcode, f"exit code {process.exitcode}")


def by_joblib(*given):
    """What is wrong with the children of joblib, one of which does it once, the other twice."""
    found = joblib.Parallel(n_jobs=2, timeout=PATIENCE)(joblib.delayed(is_the_same)(*given) for _ in range(3))
    return "" if all(found) else "other numbers"


WAYS = {"os.fork": forked, "multiprocessing by fork": functools.partial(started, "fork"),
        "multiprocessing by spawn": functools.partial(started, "spawn"), "joblib": by_joblib}  # fmt: skip
#: Of so many, the last is begun in this way.
EACH = {"joblib": 40, "multiprocessing by spawn": 20, "multiprocessing by fork": 5, "os.fork": 1}
