"""What tests of sweeps train, in processes of their own: functions that can be imported there."""

import os
import pathlib
import signal
import time

import numpy as np

import recurrent_layers as rl
from recurrent_layers import engine


def note(folder, *words):
    """Write a line down that other processes read."""
    with open(os.path.join(folder, "log"), "a") as log:
        log.write(" ".join(map(str, words)) + "\n")


def noted(folder):
    log = pathlib.Path(folder, "log")
    return log.read_text().splitlines() if log.exists() else []


def wait_until(condition):
    for _ in range(60000):
        if condition():
            return
        time.sleep(0.01)
    raise TimeoutError("it did not come true within 10 minutes")


def learn(layer, rate, size=3):
    """Train a model: all its random numbers come from the sweep's seed."""
    model = rl.Sequential([getattr(rl, layer)(2, size), rl.Dense(size, 1)])
    model.compile(rl.optimizers.SGD(lr=rate), "mse")
    X = np.random.randn(8, 4, 2)
    losses = model.fit(X, X[:, 0, :1], nb_epoch=2, batch_size=4, verbose=0).history["loss"]
    return {"loss": losses[-1], "losses": losses, "drawn": np.random.rand()}


def noting(folder, number):
    note(folder, number)
    return {"tenfold": 10 * number}


def together(folder, number, of):
    """Wait until so many are at work at once."""
    note(folder, number, os.getpid())
    wait_until(lambda: len(noted(folder)) >= of)
    return {"process": os.getpid()}


def waiting_to_be_killed(folder, number):
    """The third waits, the first time that it runs, for its end."""
    note(folder, number, os.getpid())
    first = [line for line in noted(folder) if line.startswith(f"{number} ")]
    while number == 3 and len(first) == 1:
        time.sleep(0.01)
    return {"tenfold": 10 * number}


def deadly(folder, number):
    """The third kills its process, always."""
    note(folder, number)
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"tenfold": 10 * number}


def failing(folder, number, times, how="raise"):
    """The third fails so many times."""
    note(folder, number)
    if number == 3 and noted(folder).count("3") <= times:
        if how == "exit":
            raise SystemExit("has left")
        if how == "path":
            raise OSError("\udcff.npz")  # Of a name that is no UTF-8.
        raise ArithmeticError("it is the third")
    return {"tenfold": 10 * number}


def stopping(folder, number):
    """From the third on they wait until there is a file `go`."""
    note(folder, "begun", number, os.getpid())
    wait_until(lambda: number < 3 or os.path.exists(os.path.join(folder, "go")))
    note(folder, "ended", number)
    return {"tenfold": 10 * number}


def surroundings(number):
    """What a training finds in its process."""
    import threadpoolctl

    pools = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
    return {"threads": engine.number_of_threads(), "most": max(pools, default=1), "process": os.getpid(),
            "folder": os.getcwd(), "variable": os.environ["OMP_NUM_THREADS"]}  # fmt: skip


class Deadly(engine.Op):
    """Kills the first process that compiles it."""

    __props__ = ("folder",)

    def __init__(self, folder):
        self.folder = folder

    def make_node(self, x):
        return engine.Apply(self, [x], [x.type()])

    def perform(self, node, inputs, outputs):
        outputs[0][0] = inputs[0]

    def prepare_node(self, *arguments, **named):
        if not noted(self.folder):
            note(self.folder, "killed")
            os.kill(os.getpid(), signal.SIGKILL)


def compiling(folder, number):
    """Compile a function that trains, and whose first compilation is the end of its process."""
    weight, x = engine.shared(np.ones(2)), engine.tensor.vector()
    updates = [(weight, weight * 2 + 1)]
    function = engine.function([x], engine.tensor.exp(Deadly(folder)(x)).sum(), updates=updates, mode="FAST_RUN")
    note(folder, "compiled", number)
    return {"sum": float(function(np.zeros(2, engine.config.floatX)))}


def returning(what):
    """Returns something that may be no dict of numbers."""
    return {"a set": {1}, "a name of the setting": {"what": 1}, "a reserved name": {"error": 1.0},
            "an object": {"loss": object()}, "names that are the same": {"loss": 1, "Loss": 2}}.get(what)  # fmt: skip


def numbers(case):
    return {"nan": np.nan, "infinite": -np.inf, "yes": True, "numpys": np.float32(0.1), "whole": np.int64(7),
            "listed": [1, 2.5, np.nan], "array": np.arange(4).reshape(2, 2), "nothing": None, "text": "a'\"ü"}
