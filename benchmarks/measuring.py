"""How each part is measured: a function for each, which gives what goes into the results."""

import bisect
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
from cases import ENGINES, LENGTHS_SIZES, MASK_SIZES, TORCH, Case, flops, sized
from processes import HERE, busy, busy_processors, environment_of, in_turns, summary
from whole_models import (
    KERAS3_JAX,
    KERAS3_TORCH,
    MODELS,
    ONNX,
    OURS,
    PYTORCH,
    THREADS,
    ModelCase,
)
from whole_models import WORKER_OF as WORKER_OF_MODEL

WORKER_OF = {"torch": "torch", "torchrecurrent": "torch", "Keras 0.3.3 as installed": "keras",
             "Keras 0.3.3 on our Theano": "keras-prepared", "our GRU": "ours", "ONNX Runtime": "onnx",
             "JAX": "jax"}  # fmt: skip


def difference_of(one, other, whose="the two do", must_agree=True):
    """The largest difference of two outputs.

    Raises
    ------
    ValueError
        If they must agree and do not.
    """
    difference = float(np.abs(np.subtract(one, other)).max())
    if must_agree and not difference < 1e-4:
        raise ValueError(f"{whose} not compute the same: they differ by {difference}")
    return difference


def times_in_turns(contestants, rounds, *seconds_of_turn):
    """A summary of the times of each (worker, case), and how busy others kept the processors before or after."""
    before = busy()
    found = [summary(seconds) for seconds in in_turns(contestants, rounds, *seconds_of_turn)]
    return found, max(before, busy())


def measure_pair(pair, workers, rounds):
    """Times of ours and of the peer, in turns."""
    contestants = [(workers["ours"], pair.case), (workers[WORKER_OF[pair.peer]], pair.peer_case)]
    outputs = [worker.ask("prepare", case=case) for worker, case in contestants]
    difference = difference_of(*outputs) if pair.same_numbers else None
    (ours, theirs), disturbed = times_in_turns(contestants, rounds)
    return {"peer": pair.peer, "layer": pair.case.layer, "size": pair.size, "math": pair.case.math,
            "kind": pair.case.kind, "case": pair.case, "ours": ours, "theirs": theirs, "difference": difference,
            "ratio": ours["median"] / theirs["median"], "flops": flops(pair.case),
            "busy": disturbed}  # fmt: skip


def measure_memory(case, who, workers):
    """By how much training grows a new process."""
    worker = workers.new(who, f"{who}-memory")
    try:
        return {"layer": case.layer, "steps": case.steps, "who": who, "bytes": worker.ask("memory", case=case)}
    finally:
        worker.end()


def measure_engines(case, size, workers, rounds):
    """Times of ours here and on the other engine, in turns."""
    contestants = [(workers[name], case) for name in ("ours", "other-engine")]
    difference = difference_of(*(worker.ask("prepare", case=case) for worker, case in contestants))
    (here, there), disturbed = times_in_turns(contestants, rounds)
    return {"layer": case.layer, "size": size, "kind": case.kind, "here": here, "there": there,
            "difference": difference, "ratio": there["median"] / here["median"], "busy": disturbed}  # fmt: skip


def measure_other_engine(options, workers):
    """The versions of the other engine, and its first training step."""
    about = dict(workers["other-engine"].ask("about"))
    versions = {name: about[name] for name in ("Python", *ENGINES, "NumPy") if name in about}
    return dict(measure_first_step(options, options.other_engine), versions=versions)


def measure_first_step(options, python=sys.executable):
    """Seconds from the start of Python to the end of the first training step, nothing compiled, and then all."""
    with tempfile.TemporaryDirectory(dir=options.cache) as cache, open(options.out / "first-step.log", "w") as log:
        environment = environment_of("first-step", pathlib.Path(cache))

        def seconds():
            began = time.perf_counter()
            subprocess.run([str(python), str(HERE / "workers.py"), "first-step"], env=environment, check=True,
                           stdout=log, stderr=log)  # fmt: skip
            return time.perf_counter() - began

        return {"empty": seconds(), "warm": float(np.median([seconds() for _ in range(3)]))}


def measure_growth(what, value, case, workers, rounds):
    """Times of a training step of ours and of torch."""
    contestants = [(workers["ours"], case), (workers[WORKER_OF[TORCH]], case)]
    for worker, prepared in contestants:
        worker.ask("prepare", case=prepared)
    ours, theirs = map(np.median, in_turns(contestants, rounds))
    return {"layer": case.layer, "what": what, "value": value, "ours": float(ours), "theirs": float(theirs)}


# ---- Whole models -----------------------------------------------------------------------------------------

MODEL_TURN = 0.3  # seconds
WINDOW = 9  # training steps, whose median tells how fast a model is at a time
RECOVERED = 1.3  # times the idle time


def implementations(kind):
    """Who is measured in fitting or predicting, each as (who, threads, kind)."""
    whos = (OURS, PYTORCH) if kind == "fit" else (OURS, PYTORCH, ONNX)
    chosen = [(who, threads, kind) for who in whos for threads in THREADS]
    for who in (KERAS3_TORCH, KERAS3_JAX):
        chosen += [(who, max(THREADS), one) for one in ((kind, "call_one") if kind == "predict_one" else (kind,))]
    return chosen


def check_model(model, workers):
    """That PyTorch and ONNX Runtime predict what ours does, where they have the same layers; gives the differences."""
    case = ModelCase(model, "predict", "torch")
    peers = (ONNX,) if any(layer.name == "GRU" for layer in MODELS[model].layers) else (PYTORCH, ONNX)
    ours = workers.with_threads(WORKER_OF_MODEL[OURS], max(THREADS)).ask("prepare", case=case)
    differences = []
    for who in peers:
        theirs = workers.with_threads(WORKER_OF_MODEL[who], max(THREADS)).ask("prepare", case=case)
        differences.append({"model": model, "who": who, "difference": difference_of(ours, theirs, f"{who} and we do")})
    return differences


def measure_model(model, kind, workers, rounds, chosen=None):
    """Times of everybody who is chosen, in turns; all by default."""
    chosen = chosen or implementations(kind)
    found, disturbed = times_in_turns(contestants_of(model, chosen, workers), rounds, MODEL_TURN)
    return [dict(times, busy=disturbed, model=model, kind=one, who=who, threads=threads)
            for (who, threads, one), times in zip(chosen, found)]  # fmt: skip


def contestants_of(model, chosen, workers):
    """A prepared worker and its case for each (who, threads, kind)."""
    contestants = [(workers.with_threads(WORKER_OF_MODEL[who], threads), ModelCase(model, kind))
                   for who, threads, kind in chosen]  # fmt: skip
    for worker, case in contestants:
        worker.ask("prepare", case=case)
    return contestants


def measure_layer_threads(workers, rounds):
    """A training step of LSTM, large, by number of threads, as rows like those of the models."""
    case = sized("LSTM", size="large")
    contestants = [(workers.with_threads("ours", threads), case) for threads in THREADS]
    for worker, _ in contestants:
        worker.ask("prepare", case=case)
    found, disturbed = times_in_turns(contestants, rounds, MODEL_TURN)
    return [dict(times, busy=disturbed, model="LSTM large", kind="train", who=OURS, threads=threads)
            for threads, times in zip(THREADS, found)]  # fmt: skip


def measure_beside_busy(model, kind, workers, rounds):
    """Times of ours and of PyTorch while other processes keep all processors busy."""
    chosen = [(who, threads, kind) for who in (OURS, PYTORCH) for threads in THREADS]
    contestants_of(model, chosen, workers)  # What has to be compiled is, then.
    with busy_processors():
        return measure_model(model, kind, workers, rounds, chosen)


def measure_recovery(model, workers, idle=2.0, beside=2.0, after=4.0):
    """How long training takes to be as fast again as on an idle machine, once other processes have ended."""
    worker, case = workers.with_threads("ours", max(THREADS)), ModelCase(model, "fit")
    worker.ask("prepare", case=case)
    steps = worker.ask("watch", case=case, seconds=idle)
    idle_median = float(np.median([took for _, took in steps]))
    with busy_processors() as end:
        worker.tell("watch", case=case, seconds=beside + after)
        time.sleep(beside)
        end()
        ended = time.monotonic()  # The same clock in all processes.
        steps = worker.answer()
    busy_median = [took for at, took in steps if at < ended]
    return {"model": model, "idle": idle_median, "busy": float(np.median(busy_median)) if busy_median else None,
            "seconds": recovery(steps, ended, idle_median)}  # fmt: skip


def recovery(steps, ended, idle):
    """Seconds from a time until the median of some training steps is within 1.3 times the idle one.

    Parameters
    ----------
    steps : list of (float, float)
        When each step ended, and how long it took.
    ended : float
        When the machine became idle.
    idle : float
        The median of an idle machine.

    Returns
    -------
    float
        Infinite if it never is.
    """
    first = bisect.bisect([at for at, _ in steps], ended)
    for last in range(max(first, WINDOW - 1), len(steps)):
        if np.median([took for _, took in steps[last + 1 - WINDOW:last + 1]]) <= RECOVERED * idle:
            return steps[last][0] - ended
    return float("inf")


def measure_profile(model, workers, seconds=2.0):
    """Where the time of a batch of fit goes, from a process with Theano's profiler."""
    worker = workers.new("ours", "ours-profile", max(THREADS), flags="profile=True")
    try:
        return dict(worker.ask("profile", case=ModelCase(model, "fit"), seconds=seconds), model=model)
    finally:
        worker.end()


# ---- Padding ----------------------------------------------------------------------------------------------


def measure_lengths(layer, size, kind, workers, rounds):
    """Sequences of unequal length: ours with a mask, PyTorch's packed, and PyTorch's with their padding."""
    case = Case(layer, *LENGTHS_SIZES[size], kind, "torch", "right")
    torch = workers[WORKER_OF[TORCH]]
    contestants = [(workers["ours"], case), (torch, case), (torch, case._replace(padding="whole"))]
    ours, packed, whole = [worker.ask("prepare", case=case) for worker, case in contestants]
    difference_of(packed, whole)
    difference_of(ours, packed, must_agree=layer == "LSTM")
    (ours, packed, whole), disturbed = times_in_turns(contestants, rounds)
    return {"layer": layer, "size": size, "kind": kind, "ours": ours, "packed": packed, "whole": whole,
            "ratio": ours["median"] / packed["median"], "busy": disturbed}  # fmt: skip


def measure_masks(layer, size, kind, workers, rounds):
    """Ours without a mask, with one that is all 1, and with one that leaves out half of the steps."""
    cases = [Case(layer, *MASK_SIZES[size], kind, "torch", padding) for padding in ("none", "full", "left")]
    contestants = [(workers["ours"], case) for case in cases]
    outputs = [worker.ask("prepare", case=case) for worker, case in contestants]
    difference_of(*outputs[:2], "no mask and a mask of ones do")
    (none, full, left), disturbed = times_in_turns(contestants, rounds)
    return {"layer": layer, "size": size, "kind": kind, "none": none, "full": full, "left": left,
            "busy": disturbed}  # fmt: skip
