"""Thousands of calls."""

import gc
import math
import os

import numpy as np

import recurrent_layers as rl
from trials.children import resident_memory

CALLS = 6  # In a cycle.
GROWTH, GROWTH_OF_A_COMPILATION = 1.0, 1.0  # MB for 1000 calls, and for one.


def trial(run):
    """Thousands of calls: memory does not grow, threads and open files stay as many, all numbers are finite."""
    np.random.seed(run.seed)
    model = rl.Sequential([rl.LSTM(8, 16, return_sequences=True), rl.GRU(16, 8), rl.Dense(8, 1)])
    model.compile("adam", "mse")
    X, y = np.random.randn(64, 10, 8), np.random.randn(64, 1)
    path = run.folder / "weights.h5"

    def cycle():
        numbers = [model.train_on_batch(X, y), model.evaluate(X, y, verbose=0), model.predict(X, batch_size=50).sum()]
        model.save_weights(path, overwrite=True)
        model.load_weights(path)
        model.fit(X, y, nb_epoch=1, verbose=0)
        if not all(map(math.isfinite, numbers)):
            run.fails("numbers are not finite", f"call {run.tried}")
        run.tried += CALLS

    def compile_another():
        other = rl.Sequential([rl.SimpleRNN(2, 3), rl.Dense(3, 1)])
        other.compile("sgd", "mse")
        other.train_on_batch(X[:, :, :2], y)

    compile_another()
    compile_another()
    for _ in range(50):  # Until everything has been allocated once.
        cycle()
    before = open_now()
    run.begins()
    per_call = growth(lambda: [cycle() for _ in range(20)], lambda: run.goes_on(0.7) or run.tried < run.number)
    per_call /= 20 * CALLS
    calls = run.tried
    per_compilation = growth(compile_another, run.goes_on)
    now = open_now()
    for name in now:
        if now[name] > before[name]:
            run.fails(f"there are more {name}", f"{before[name]} at first, {now[name]} at last")
    per_thousand = 1000 * per_call
    if per_thousand > GROWTH:
        run.fails("memory grows with calls", f"{per_thousand:.2f} MB for 1000 calls, over {calls} calls")
    if per_compilation > GROWTH_OF_A_COMPILATION:
        run.fails("memory grows with models that are compiled and forgotten", f"{per_compilation:.2f} MB for each")
    run.figures.update(calls=calls, megabytes_for_1000_calls=round(per_thousand, 3), **now,
                       megabytes_for_a_compilation=round(per_compilation, 3))  # fmt: skip
    return (f"{calls} calls: {per_thousand:+.2f} MB for 1000 of them, {per_compilation:+.2f} MB for each compilation; "
            f"{now['threads']} threads and {now['open files']} open files")


def growth(work, goes_on, least=8):
    """How many MB of memory a call of something takes that it does not give back."""
    calls, memory = [], []
    while len(calls) < least or goes_on():
        work()
        gc.collect()
        calls.append(len(calls))
        memory.append(resident_memory())
    half = len(calls) // 2
    return float(np.polyfit(calls[half:], memory[half:], 1)[0])


def open_now():
    """How many threads this process has, and how many open files."""
    return {"threads": len(os.listdir("/proc/self/task")), "open files": len(os.listdir("/proc/self/fd"))}
