"""Threads that share a model, and threads that compile."""

import threading
import time

import numpy as np

import recurrent_layers as rl
from trials.children import described

WEIGHTS = 2  # How many sets of weights the writers choose from.
PREDICTING = 5  # Threads; with the writers, eight share the model.


def trial(run):
    """Threads predict, set, get and save weights of a model, and compile others: the numbers are those of one."""
    np.random.seed(run.seed)
    model = rl.Sequential([rl.LSTM(8, 48, return_sequences=True), rl.GRU(48, 16), rl.Dense(16, 3)])
    model.compile("sgd", "mse")
    X = np.random.randn(40, 9, 8)
    sets = [[weight + 0.1 * k for weight in model.get_weights()] for k in range(WEIGHTS)]
    known = []
    for weights in sets:
        model.set_weights(weights)
        known.append([model.predict(X[:n]) for n in range(1, 41)])
    counts = dict.fromkeys(("predictions", "sets", "gets", "files"), 0)
    other = rl.Sequential([rl.LSTM(8, 48, return_sequences=True), rl.GRU(48, 16), rl.Dense(16, 3)])

    def predicts(chance):
        n = chance.randrange(40)
        outputs = model.predict(X[:n + 1])
        if not any(np.array_equal(outputs, outputs_of[n]) for outputs_of in known):
            run.fails("a prediction is that of no set of weights", f"samples :{n + 1}")
        return "predictions"

    def sets_weights(chance):
        model.set_weights(sets[chance.randrange(WEIGHTS)])
        time.sleep(0.001 * chance.random())
        return "sets"

    def gets_weights(chance):
        check(model.get_weights(), "get_weights")
        return "gets"

    def saves(chance):
        path = run.folder / "weights.h5"
        model.save_weights(path, overwrite=True)
        other.load_weights(path)
        check(other.get_weights(), "save_weights")
        return "files"

    def check(weights, name):
        if not any(all(map(np.array_equal, weights, one)) for one in floats):
            run.fails(f"{name} mixes sets of weights", f"seed {run.seed}")

    floats = []
    for weights in sets:
        model.set_weights(weights)
        floats.append(model.get_weights())
    compile_at_once(run)
    run.begins()
    together(run, [predicts] * PREDICTING + [sets_weights, gets_weights, saves], counts)
    run.tried += sum(counts.values())
    for name, count in counts.items():
        if not count:
            run.fails(f"no {name} at all", f"seed {run.seed}")
    run.figures.update(counts)
    return (f"{counts['predictions']} predictions of {PREDICTING} threads while others set weights {counts['sets']} "
            f"times, got them {counts['gets']} times and saved {counts['files']} files; 2 threads compiled "
            f"{run.figures['compiled_at_once']} models at once")


def together(run, works, counts):
    """Let each work be done by a thread over and over."""
    lock = threading.Lock()

    def thread(work, number):
        chance = type(run.random)(f"{run.seed} {number}")
        while run.goes_on(0.7):
            try:
                name = work(chance)
            except Exception as error:
                run.fails("in a thread: {}".format(*described(error)), described(error)[1])
                return
            with lock:
                counts[name] += 1

    threads = [threading.Thread(target=thread, args=(work, number)) for number, work in enumerate(works)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def compile_at_once(run):
    """Let two threads compile and train at once, and compare with one that was alone."""
    X, y = np.random.RandomState(0).randn(6, 4, 2), np.zeros((6, 1))

    def trained(k):
        model = rl.Sequential([rl.SimpleRNN(2, 3 + k), rl.Dense(3 + k, 1)])
        model.set_weights([np.full_like(weight, 0.1) for weight in model.get_weights()])
        model.compile("sgd", "mse")
        return [model.train_on_batch(X, y) for _ in range(3)] + model.predict(X).ravel().tolist()

    alone = [trained(0), trained(1)]
    done = 0
    run.begins()
    while not done or run.goes_on(0.3):
        found = [None, None]

        def work(k, found=found):
            try:
                found[k] = trained(k)
            except Exception as error:
                run.fails("compiling at once: {}".format(*described(error)), described(error)[1])

        run.tries(f"two threads compile at once, time {done}")
        threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if None not in found and found != alone:
            run.fails("a model that was compiled beside another has other numbers", f"time {done}")
        done += 2
    run.figures["compiled_at_once"] = done
