"""The same trainings with one thread, with two, and with two once more."""

import contextlib
import hashlib
import os
import pathlib
import random
import subprocess
import sys

import numpy as np

import recurrent_layers as rl
from recurrent_layers.layers import zoo
from trials.children import name_of

CELLS = [rl.SimpleRNN, rl.SimpleDeepRNN, rl.GRU, rl.LSTM, rl.JZS1, rl.JZS2, rl.JZS3, zoo.LEM, zoo.MGU,
         zoo.LayerNormLSTM]  # fmt: skip
SIZES = (1, 2, 3, 5, 8, 13, 16, 17, 33, 64)
OPTIMIZERS = ("sgd", "rmsprop", "adagrad", "adadelta", "adam")
THREADS = (1, 2, 2)


def trial(run):
    """Trainings with one seed end with the same bits, with one thread, with two, and with two once more."""
    processes = [started(threads) for threads in THREADS]
    different = 0
    try:
        run.begins()
        while run.goes_on():
            chosen = drawn(run.seed, run.tried)
            run.tries(f"training {run.tried} of seed {run.seed}: {chosen}")
            for process in processes:
                process.stdin.write(f"{run.seed} {run.tried - 1}\n")
                process.stdin.flush()
            bits = [process.stdout.readline().split() for process in processes]
            if not all(bits):
                status = next(process.wait(60) for process, found in zip(processes, bits) if not found)
                how = name_of(-status) if status < 0 else f"exit status {status}"
                run.fails(f"a process ended: {how}", run.noted())
                break
            if bits[1] != bits[2]:
                run.fails("other bits with as many threads", run.noted())
            elif bits[0] != bits[1]:
                run.fails("other bits with one thread than with two", run.noted())
            different += len({tuple(found) for found in bits}) > 1
    finally:
        for process in processes:
            with contextlib.suppress(OSError):
                process.stdin.close()
            process.wait()
    run.figures.update(different=different)
    return f"{run.tried} trainings, each with one thread and twice with two: {run.tried - different} to the same bits"


def started(threads):
    """A process that trains what it is told."""
    return subprocess.Popen([sys.executable, "-m", "trials.bits"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            text=True, env=dict(os.environ, OPENBLAS_NUM_THREADS=str(threads)),
                            cwd=pathlib.Path(__file__).resolve().parent.parent)  # fmt: skip


def drawn(seed, number):
    """What a training is of."""
    chance = random.Random(f"{seed} {number}")
    return {
        "cell": chance.randrange(len(CELLS)), "input_dim": chance.choice(SIZES), "output_dim": chance.choice(SIZES),
        "timesteps": chance.choice(SIZES), "batch_size": chance.choice(SIZES), "optimizer": chance.choice(OPTIMIZERS),
        "is_masked": chance.random() < 0.3, "is_bidirectional": chance.random() < 0.2,
        "dropout_U": chance.choice((0.0, 0.3)), "truncate_gradient": chance.choice((-1, 3)),
    }  # fmt: skip


def trained(seed, number):
    """The bits of what a training leaves, as a hash."""
    chosen = drawn(seed, number)
    np.random.seed(number)
    sizes = chosen["input_dim"], chosen["output_dim"]
    layer = CELLS[chosen["cell"]](*sizes, dropout_U=chosen["dropout_U"], truncate_gradient=chosen["truncate_gradient"])
    width = sizes[1]
    if chosen["is_bidirectional"]:
        layer, width = rl.Bidirectional(layer), 2 * width
    model = rl.Sequential([rl.Masking()] * chosen["is_masked"] + [layer, rl.Dropout(0.2), rl.Dense(width, 1)])
    model.compile(chosen["optimizer"], "mse")
    X = np.random.randn(50, chosen["timesteps"], sizes[0])
    X[::3, :chosen["timesteps"] // 2] = 0
    losses = model.fit(X, X.sum(axis=(1, 2)), nb_epoch=2, batch_size=chosen["batch_size"], verbose=0).history["loss"]
    bits = hashlib.sha256(repr(losses).encode())
    for array in [*model.get_weights(), model.predict(X)]:
        bits.update(np.ascontiguousarray(array))
    return bits.hexdigest()


def main():
    """Train what is told by lines, until there are no more."""
    for line in sys.stdin:
        print(trained(*map(int, line.split())), flush=True)


if __name__ == "__main__":
    main()
