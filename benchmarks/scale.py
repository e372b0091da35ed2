"""Trainings by several processes: how much faster, what an all-reduce costs, how many trainings a sweep does an hour.

    python benchmarks/scale.py --out benchmarks/results/scale.md

Each process has one thread. Ranks of MPI train one model, in turns with one process that trains alone; workers of a
local Dask cluster do the trainings of a sweep. What more machines would give is computed from these figures. It needs
the extras `mpi` and `sweep`, and an `mpiexec` beside this Python or on the path.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np
from report import table

RANKS = WORKERS = (1, 2, 4)
# (samples in a batch, timesteps, input_dim, output_dim), recurrent layers
MODELS = {"LSTM, large": ((64, 50, 256, 512), 1), "lstm_text_generation": ((128, 20, 57, 512), 2)}
BATCHES, BUFFERS = 12, (10**4, 10**5, 10**6, 10**7)
# Trainings of a sweep, by how many epochs each has.
TRAININGS = {5: 24, 200: 8}
# What is assumed of a network, for the ring algorithm of an all-reduce.
BANDWIDTH, LATENCY = 10e9 / 8, 30e-6  # bytes a second, seconds
MACHINES = (2, 8, 16, 32, 64)
MARGIN = 0.8


def main(arguments=None):
    """Measure, and print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how many turns each has (default 3)")
    parser.add_argument("--out", type=pathlib.Path, help="write the tables to this file, too")
    parser.add_argument("--at-work", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.at_work:
        kind, *given = options.at_work
        found = {"model": time_of_a_batch, "buffers": times_of_all_reduce, "sweep": time_of_a_sweep}[kind](*given)
        if rank() in (None, 0):
            print(json.dumps(found))
        return
    found = measured(options.rounds)
    text = report(found)
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")


def measured(rounds):
    """Everything, each in turns."""
    found = {"batch": {}, "weights": {}}
    with tempfile.TemporaryDirectory() as cache:
        for name in MODELS:
            at_work(cache, 1, "model", name)  # Compiles.
            at_work(cache, 2, "model", name)
            times = {ranks: [] for ranks in RANKS}
            for _ in range(rounds):
                for ranks in RANKS:
                    seconds, found["weights"][name] = at_work(cache, ranks, "model", name)
                    times[ranks].append(seconds)
            found["batch"][name] = {ranks: float(np.median(seconds)) for ranks, seconds in times.items()}
        found["reduce"] = {ranks: at_work(cache, ranks, "buffers") for ranks in RANKS[1:]}
        at_work(cache, 0, "sweep", "1", "5")  # Compiles.
        found["sweep"] = {
            epochs: {workers: float(np.median([at_work(cache, 0, "sweep", str(workers), str(epochs))
                                               for _ in range(rounds)])) for workers in WORKERS}
            for epochs in TRAININGS}  # fmt: skip
    return found


def at_work(cache, ranks, *given):
    """What a new process found, or the first of so many ranks."""
    flags = f"base_compiledir={cache},floatX=float32"
    environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", THEANO_FLAGS=flags, PYTENSOR_FLAGS=flags)
    command = [sys.executable, __file__, "--at-work", *given]
    if ranks > 1:
        beside = pathlib.Path(sys.executable).with_name("mpiexec")
        command[:0] = [str(beside) if beside.exists() else shutil.which("mpiexec"), "-n", str(ranks)]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[0])


# ---- In processes of their own ------------------------------------------------------------------


def time_of_a_batch(name):
    """Seconds of a batch in `fit`, and how many weights the model has."""
    from recurrent_layers import LSTM, Dense, Sequential
    from recurrent_layers.callbacks import Callback

    (nb_samples, timesteps, input_dim, output_dim), depth = MODELS[name]
    np.random.seed(0)
    model = Sequential([LSTM(input_dim if layer == 0 else output_dim, output_dim, return_sequences=layer < depth - 1)
                        for layer in range(depth)] + [Dense(output_dim, 10, activation="softmax")])  # fmt: skip
    model.compile("sgd", "categorical_crossentropy")
    X = np.random.randn(BATCHES * nb_samples, timesteps, input_dim).astype("float32")
    y = np.eye(10)[np.random.randint(0, 10, len(X))]

    class Clock(Callback):
        ends = []

        def on_batch_end(self, batch, logs={}):
            self.ends.append(time.perf_counter())

    model.fit(X, y, nb_samples, 2, verbose=0, callbacks=[Clock()], distributed=rank() is not None)
    # Only rank 0 has callbacks.
    return float(np.median(np.diff(Clock.ends))) if Clock.ends else None, model.count_params()


def rank():
    """The number of this process among those that `mpiexec` has started, or None if it has not."""
    found = [os.environ[name] for name in ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK") if name in os.environ]
    return int(found[0]) if found else None


def times_of_all_reduce():
    """Seconds of an all-reduce for each number of float32."""
    from mpi4py import MPI

    seconds = []
    for size in BUFFERS:
        buffer, times = np.zeros(size, "float32"), []
        for _ in range(30):
            MPI.COMM_WORLD.Barrier()
            began = time.perf_counter()
            MPI.COMM_WORLD.Allreduce(MPI.IN_PLACE, buffer)
            times.append(time.perf_counter() - began)
        seconds.append(float(np.median(times)))
    return seconds


def train(rate, seed, epochs):
    """A small training: 1,200 sequences of 8 steps."""
    from recurrent_layers import GRU, Dense, Sequential
    from recurrent_layers.optimizers import Adam

    model = Sequential([GRU(8, 64), Dense(64, 10, activation="softmax")])
    model.compile(Adam(lr=rate), "categorical_crossentropy")
    X = np.random.randn(1200, 8, 8)
    history = model.fit(X, np.eye(10)[np.random.randint(0, 10, 1200)], 32, epochs, verbose=0).history
    return {"loss": history["loss"][-1]}


def time_of_a_sweep(workers, epochs):
    """Seconds of a training in a sweep, without the start of the cluster."""
    from distributed import Client, LocalCluster

    from recurrent_layers import sweep

    settings = [dict(rate=0.01, seed=seed, epochs=int(epochs)) for seed in range(TRAININGS[int(epochs)])]
    with LocalCluster(n_workers=int(workers), threads_per_worker=1, dashboard_address=None) as cluster, \
            Client(cluster) as client:  # fmt: skip
        sweep(train, [dict(rate=0.1, seed=seed, epochs=1) for seed in range(int(workers))], client, verbose=0)
        began = time.perf_counter()
        sweep(train, settings, client, verbose=0)
        return (time.perf_counter() - began) / len(settings)


# ---- What was found -----------------------------------------------------------------------------


def report(found):
    """The tables in Markdown."""
    import recurrent_layers

    processors = len(os.sched_getaffinity(0))
    about = (f"recurrent_layers {recurrent_layers.__version__}, Python {sys.version.split()[0]}, {processors} "
             "processors, one thread in each process. By `python benchmarks/scale.py`.")  # fmt: skip
    parts = ["# Several processes", about, *of_ranks(found, processors), *of_buffers(found), *on_paper(found),
             *of_sweeps(found, processors)]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def of_ranks(found, processors):
    rows = []
    for name, times in found["batch"].items():
        efficiency = [times[1] / times[ranks] / min(ranks, processors) for ranks in RANKS[1:]]
        rows.append([name, f"{found['weights'][name]:,}", *(f"{1000 * times[ranks]:.0f}" for ranks in RANKS),
                     *(f"{one:.2f}" for one in efficiency)])
    return ["## Ranks of MPI, one model",
            "Milliseconds of a batch in `fit`; the batch is the same, and each rank computes its part of it. The "
            "efficiency is the time of one process over that of the ranks and the number of processors that they have: "
            f"the aim is {MARGIN} with two ranks on two processors. More ranks than processors share them.",
            table(["model", "weights", *(f"{ranks} rank{'s' * (ranks > 1)}" for ranks in RANKS),
                   *(f"efficiency, {ranks}" for ranks in RANKS[1:])], rows)]  # fmt: skip


def of_buffers(found):
    rows = [[ranks, *(f"{1000 * one:.2f}" for one in seconds)] for ranks, seconds in found["reduce"].items()]
    return ["## An all-reduce", "Milliseconds on this machine, float32, by the number of weights.",
            table(["ranks", *(f"{size:,}" for size in BUFFERS)], rows)]


def on_paper(found):
    rows = []
    for name, times in found["batch"].items():
        sizes = [ring(machines, 4 * found["weights"][name]) for machines in MACHINES]
        rows.append([name, *(f"{times[1] / (times[1] + seconds):.2f}" for seconds in sizes)])
    return ["## On paper: more machines",
            "The efficiency of so many machines over one, if each computes as many samples as one rank does here, with "
            "one thread (what a batch takes is then as above, for one rank), and the gradients go over 10 Gbit/s by a "
            f"ring: 2 (n - 1) / n times their bytes over the bandwidth, and 2 (n - 1) times {1e6 * LATENCY:.0f} µs. "
            "Nothing is computed meanwhile. It leaves out that all wait for the slowest machine, and other traffic.",
            table(["model", *(f"{machines} machines" for machines in MACHINES)], rows)]  # fmt: skip


def of_sweeps(found, processors):
    rows = []
    for epochs, times in found["sweep"].items():
        for workers, seconds in times.items():
            efficiency = times[WORKERS[0]] / seconds / min(workers, processors)
            rows.append([epochs, workers, f"{seconds:.2f}", f"{3600 / seconds:,.0f}", f"{efficiency:.2f}"])
    return ["## A sweep", "Trainings of a GRU(8, 64) and a Dense on 1,200 sequences of 8 steps, 38 updates an epoch, "
            "everything compiled before, on a local cluster. Half of the shortest is for making a model's functions.",
            table(["epochs", "workers", "seconds of a training", "trainings an hour", "efficiency"], rows)]  # fmt: skip


def ring(machines, size):
    """Seconds of an all-reduce of so many bytes over a network."""
    return 2 * (machines - 1) / machines * size / BANDWIDTH + 2 * (machines - 1) * LATENCY


if __name__ == "__main__":
    main()
