"""Loops of others, which `speed_up_scan` lets run in C, beside our own layers: training steps, in turns.

Needs Keras 0.3.3 beside this library (Python up to 3.11), and for the last row a Python with PyTorch:

    python benchmarks/scans.py --torch PYTHON --out benchmarks/results/scans.md
"""

import argparse
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
from cases import SIZES
from processes import busy, summary

# What is aimed at, as a multiple of the time of our own layer.
LIMITS = {"LSTM of Keras 0.3.3": 1.3, "GRU of Keras 0.3.3": 1.3, "LSTM in the manner of the tutorial": 1.2,
          "layer-normalized LSTM": 1.5}  # fmt: skip
BESIDE = {"GRU of Keras 0.3.3": "our GRU"}
IN_TORCH = "layer-normalized LSTM, as a loop in PyTorch"


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch", metavar="PYTHON", help="a Python with PyTorch, for its loop")
    parser.add_argument("--rounds", type=int, default=7, help="how many turns each has (default 7)")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--out", type=pathlib.Path, help="write the table to this file, too")
    parser.add_argument("--in-torch", nargs=4, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.in_torch:
        serve(torch_step(*options.in_torch))
        return
    table = as_text([row for size in options.sizes for row in measured(size, options)])
    print(table)
    if options.out:
        options.out.write_text(table + "\n", encoding="utf-8")


def measured(size, options):
    """Rows of (size, who, milliseconds, beside whom, ratio, limit, whether others were busy)."""
    calls = steps(*SIZES[size])
    if options.torch:
        worker = subprocess.Popen([options.torch, __file__, "--in-torch", *map(str, SIZES[size])], text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
        calls[IN_TORCH] = lambda: asked(worker)
        asked(worker)  # When it has been imported.
    before = busy()
    seconds = {who: [] for who in calls}
    for turn in range(options.rounds + 1):
        for who, call in calls.items():
            began, found = time.perf_counter(), []
            while not found or time.perf_counter() - began < 0.3:
                found.append(timed(call))
            seconds[who] += found if turn else []
    disturbed = max(before, busy()) > 0.1
    if options.torch:
        worker.stdin.close()
        worker.wait()
    medians = {who: summary(found)["median"] for who, found in seconds.items()}
    for who in itertools.chain(LIMITS, [IN_TORCH] * bool(options.torch)):
        beside = BESIDE.get(who, "layer-normalized LSTM" if who == IN_TORCH else "our LSTM")
        yield size, who, medians[who], beside, medians[who] / medians[beside], LIMITS.get(who), disturbed


def timed(call):
    """Seconds of a call; those that it says itself, if it does."""
    began = time.perf_counter()
    said = call()
    return said if isinstance(said, float) else time.perf_counter() - began


def as_text(rows):
    lines = ["# Loops of others beside our layers", "",
             "A training step (gradients of all weights), float32, medians of calls in turns; made by `python "
             "benchmarks/scans.py`.", "",
             "| size (batch, timesteps, input, output) | | ms | over | ratio | limit |", "|---|---|---|---|---|---|"]
    for size, who, seconds, beside, ratio, limit, disturbed in rows:
        limit = "" if limit is None else f"{limit}" if ratio <= limit else f"**{limit}, not met**"
        lines.append(f"| {size} {SIZES[size]} | {who} | {1000 * seconds:.2f} | {beside} | {ratio:.2f}"
                     f"{' (others were busy)' if disturbed else ''} | {limit} |")
    return "\n".join(lines)


# ---- Ours, and what runs in C -------------------------------------------------------------------------------


def steps(batch, timesteps, input_dim, output_dim):
    """For each contestant a call that computes the gradients of all its weights."""
    import recurrent_layers
    from recurrent_layers import GRU, LSTM, engine
    from recurrent_layers.recurrence.loops import Loops

    recurrent_layers.speed_up_scan()
    keras = keras_layers()
    x = np.random.RandomState(0).randn(batch, timesteps, input_dim).astype("float32")
    calls = {}
    for name, layer in [
        ("our LSTM", LSTM(input_dim, output_dim)), ("our GRU", GRU(input_dim, output_dim)),
        ("LSTM of Keras 0.3.3", keras.LSTM(output_dim, input_dim=input_dim)),
        ("GRU of Keras 0.3.3", keras.GRU(output_dim, input_dim=input_dim)),
        ("LSTM in the manner of the tutorial", Scanned(input_dim, output_dim, tutorial_step)),
        ("layer-normalized LSTM", Scanned(input_dim, output_dim, normalized_step)),
    ]:  # fmt: skip
        if hasattr(layer, "build"):
            layer.build()
        weights = getattr(layer, "trainable_weights", None) or layer.params
        cost = engine.tensor.sqr(layer.get_output(train=True)).mean()
        function = engine.function([layer.input], engine.grad(cost, weights))
        kinds = [type(node.op) for node in function.maker.fgraph.toposort()]
        if Loops not in kinds or engine.Scan in kinds:
            raise RuntimeError(f"{name} does not run in C")
        calls[name] = lambda function=function: function(x) and None
    return calls


def keras_layers():
    """The recurrent layers of Keras, which reads its settings from the home directory."""
    home = tempfile.mkdtemp()
    os.makedirs(os.path.join(home, ".keras"))
    with open(os.path.join(home, ".keras", "keras.json"), "w") as stream:
        json.dump({"floatx": "float32", "epsilon": 1e-7, "backend": "theano"}, stream)
    os.environ.update(HOME=home, KERAS_BACKEND="theano")
    import keras.layers.recurrent

    return keras.layers.recurrent


class Scanned:
    """An LSTM by `theano.scan`: one matrix for all gates, which are cut out of its product."""

    def __init__(self, input_dim, output_dim, step):
        import theano.tensor as T

        from recurrent_layers import initializations

        self.input, self.step, self.n = T.tensor3(), step, output_dim
        self.W = initializations.get("glorot_uniform")((input_dim, 4 * output_dim))
        self.U = initializations.get("orthogonal")((output_dim, 4 * output_dim))
        self.b, self.gain = (initializations.get(name)((4 * output_dim,)) for name in ("zero", "one"))
        self.params = [self.W, self.U, self.b] + [self.gain] * (step is normalized_step)

    def get_output(self, train=False):
        import theano
        import theano.tensor as T

        x = self.input.dimshuffle(1, 0, 2)
        zeros = T.alloc(np.float32(0), x.shape[1], self.n)
        (h, _), _ = theano.scan(lambda x_t, h_tm1, c_tm1: self.step(self, x_t, h_tm1, c_tm1),
                                sequences=T.dot(x, self.W) + self.b, outputs_info=[zeros, zeros])
        return h[-1]


def gates(z, n, c_tm1):
    import theano.tensor as T

    i, f, o = (T.nnet.sigmoid(z[:, k * n:(k + 1) * n]) for k in range(3))
    c_t = f * c_tm1 + i * T.tanh(z[:, 3 * n:])
    return o * T.tanh(c_t), c_t


def tutorial_step(layer, x_t, h_tm1, c_tm1):
    import theano.tensor as T

    return gates(x_t + T.dot(h_tm1, layer.U), layer.n, c_tm1)


def normalized_step(layer, x_t, h_tm1, c_tm1):
    import theano.tensor as T

    z = T.dot(h_tm1, layer.U)
    off = z - z.mean(axis=1, keepdims=True)
    z = off / T.sqrt(T.sqr(off).mean(axis=1, keepdims=True) + 1e-5)
    return gates(x_t + z * layer.gain, layer.n, c_tm1)


# ---- PyTorch ------------------------------------------------------------------------------------------------


def torch_step(batch, timesteps, input_dim, output_dim):
    """The layer-normalized LSTM, which PyTorch has no layer for."""
    import torch

    x = torch.randn(timesteps, batch, input_dim)
    n = output_dim
    W, U = (torch.randn(rows, 4 * n).mul_(rows ** -0.5).requires_grad_() for rows in (input_dim, n))
    b, gain = torch.zeros(4 * n, requires_grad=True), torch.ones(4 * n, requires_grad=True)

    def step():
        h = c = torch.zeros(batch, n)
        for projected in x @ W + b:
            z = projected + torch.nn.functional.layer_norm(h @ U, (4 * n,), gain)
            i, f, o, g = z.chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        torch.autograd.grad(h.square().mean(), [W, U, b, gain])

    return step


def serve(step):
    """Say how many seconds a step takes, each time a line comes."""
    for _ in sys.stdin:
        print(timed(step), flush=True)


def asked(worker):
    worker.stdin.write("go\n")
    worker.stdin.flush()
    return float(worker.stdout.readline())


if __name__ == "__main__":
    main()
