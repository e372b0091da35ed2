"""One implementation, in a process of its own: ``workers.py NAME`` takes orders as lines of JSON and answers so.

An order is ``{"do": "run", "case": [...], "repeats": 3}``; "do" names a method of :class:`Worker`.
``workers.py first-step`` is a program of its own: import, a model, one training step.
"""

import ctypes
import gc
import importlib
import json
import os
import platform
import re
import sys
import traceback

import numpy as np
from cases import Case
from whole_models import MODELS, ModelCase


class Worker:
    """Does what it is told: each public method is an order."""

    def __init__(self, implementation):
        self.implementation = implementation
        self.programs, self.cases = {}, {}

    def about(self):
        return [("Python", platform.python_version())] + list(self.implementation.about())

    def sgemm(self):
        return self.implementation.sgemm()

    def prepare(self, case):
        """Compile and warm up; the last output of the first sample, or the loss, for comparison with others."""
        self.cases.clear()  # Weights may have been trained since.
        program = self._ready(case_of(case))
        first = np.array(program.call())  # A copy, because some write into the same memory each time.
        program.run(2)
        return (first[0] if first.ndim else first.reshape(1)).tolist()

    def run(self, case, repeats):
        """Seconds of each call, or of a batch on average."""
        return self._ready(case_of(case)).run(repeats)

    def stream(self, case, steps):
        """Seconds of each step of a new stream of so many."""
        return self._ready(case_of(case)).stream(steps)

    def watch(self, case, seconds):
        """When each training step of the next so many seconds ended, and how long it took."""
        return self._ready(case_of(case)).watch(seconds)

    def profile(self, case, seconds):
        """Where the time of a model's training goes."""
        return self._ready(case_of(case)).profile(seconds)

    def memory(self, case, repeats=5):
        """By how many bytes a prepared case grows this process at most; only in a new process. None if unknown."""
        program = self._ready(case_of(case))
        gc.collect()
        if not sys.platform.startswith("linux"):
            return None
        # Memory that was freed but kept, or used while compiling, would hide what the calls need.
        ctypes.CDLL(None).malloc_trim(0)
        with open("/proc/self/clear_refs", "w") as stream:
            stream.write("5")
        before = peak_memory()
        for _ in range(repeats):
            program.call()
        return peak_memory() - before

    def _ready(self, case):
        key = case.program
        if key not in self.programs:
            self.programs[key] = self.implementation.program(case)
        if self.cases.get(key) != case:
            self.programs[key].set(case)
            self.cases[key] = case
        return self.programs[key]


def case_of(values):
    """A case as it comes through JSON: one of a model, or one of a layer."""
    return (ModelCase if values[0] in MODELS else Case)(*values)


def peak_memory():
    """The most memory this process has had, in bytes."""
    with open("/proc/self/status") as stream:
        return 1024 * int(re.search(r"^VmHWM:\s+(\d+) kB", stream.read(), re.MULTILINE)[1])


def first_step():
    """Import, make and compile a model, train on one batch."""
    from recurrent_layers import LSTM, Dense, Sequential

    model = Sequential([LSTM(64, 64), Dense(64, 10, activation="softmax")])
    model.compile(loss="categorical_crossentropy", optimizer="sgd")
    model.train_on_batch(np.zeros((16, 20, 64), "float32"), np.eye(10, dtype="float32")[np.arange(16) % 10])


def implementation(name):
    """The implementation of this name; imports its library, which others need not have."""
    if name in ("ours", "other-engine", "keras", "keras-prepared"):
        import of_theano

        return of_theano.Keras(prepared=name == "keras-prepared") if "keras" in name else of_theano.Ours()
    if name in ("keras3-torch", "keras3-jax"):
        import of_keras3

        return of_keras3.Keras3()
    module, kind = {"torch": ("of_torch", "Torch"), "onnx": ("of_onnx", "ONNXRuntime"), "jax": ("of_jax", "JAX")}[name]
    return getattr(importlib.import_module(module), kind)()


def serve(name):
    """Answer orders until there are no more."""
    # What libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if "BENCHMARK_PROCESSORS" in os.environ and hasattr(os, "sched_setaffinity"):
        # Before a library is imported, which counts them then.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:int(os.environ["BENCHMARK_PROCESSORS"])])
    worker = None
    for line in sys.stdin:
        order = json.loads(line)
        try:
            worker = worker or Worker(implementation(name))
            answer = {"answer": getattr(worker, order.pop("do"))(**order)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "first-step":
        first_step()
    else:
        serve(sys.argv[1])
