"""What is aimed at, and whether it is met."""

import numpy as np
from cases import (
    COMPARISONS,
    FIRST_STEP_TARGETS,
    GATED,
    LENGTHS_SIZES,
    LINEAR,
    MASK_SIZES,
    MEMORY_STEPS,
    MEMORY_TARGET,
    ONNX,
    OTHER_ENGINE_TARGETS,
    RUNTIME_SIZES,
    SIZES,
    TARGETS,
    TORCH,
    WEIGHTS,
)
from whole_models import KINDS, MODELS, OURS, PYTORCH

TEXT = "lstm_text_generation"
OTHERS = [model for model in MODELS if model != TEXT]
RECOVERIES = 3  # times that the recovery is measured


def verdicts(results):
    """For each target: limit, worst value, where it was, how much of it was measured, and whether it is met."""
    rows = layer_rows(results) + other_rows(results) + model_rows(results) + thread_rows(results)
    return rows + padding_rows(results) + forward_rows(results) + engine_rows(results)


def layer_rows(results):
    """Layers beside others: the ratios of :data:`cases.TARGETS`."""
    rows = []
    for target in TARGETS:
        for kind in ("forward", "train"):
            pairs = [pair for pair in results["pairs"] if pair["peer"] == target.peer and pair["kind"] == kind
                     and pair["layer"] in target.layers and pair["size"] in target.sizes]
            values = {f"{pair['layer']} {pair['size']}, {pair['math']}": pair["ratio"] for pair in pairs}
            total = len(target.layers) * len(target.sizes) * len(COMPARISONS[target.peer][1])
            rows.append(verdict(f"{target.text}: {kind}", getattr(target, kind), values, total))
    return rows


def other_rows(results):
    """The first training step, and memory."""
    rows = []
    for name, limit in FIRST_STEP_TARGETS.items():
        seconds = results["first_step"].get(name)
        values = {} if seconds is None else {f"{name} cache": seconds}
        rows.append(verdict(f"first training step, {name} cache, s", limit, values, 1))
    long = SIZES["long"][1]
    sizes = {(entry["who"], entry["layer"], entry["steps"]): entry["bytes"] for entry in results["memory"]}
    over_torch = {f"{layer} {steps} steps": value / sizes["torch", layer, steps]
                  for (who, layer, steps), value in sizes.items()
                  if who == "ours" and steps == long and sizes.get(("torch", layer, steps))}
    fewest, most = MEMORY_STEPS[0], MEMORY_STEPS[-1]
    growth = {f"{layer} {fewest} to {most} steps": sizes[who, layer, most] / most / (value / fewest)
              for (who, layer, steps), value in sizes.items()
              if who == "ours" and steps == fewest and value and sizes.get((who, layer, most))}
    rows.append(verdict("memory of training at long, over torch", MEMORY_TARGET, over_torch, 2))
    rows.append(verdict(f"memory of training per timestep, {most} steps over {fewest}", LINEAR, growth, 2))
    return rows


def model_times(results, place="models"):
    """The times of whole models by model, kind, who, and threads: medians; means of what ran beside busy processes.

    There most calls that are short end before they lose their processor, and a few wait long.
    """
    which = "mean" if place == "busy" else "median"
    return {(row["model"], row["kind"], row["who"], row["threads"]): row[which] for row in results[place]}


def model_ratio(times, model, kind, peers):
    """Our time with two threads over that of the fastest of the peers; None where ours or all of theirs are missing."""
    ways = [kind, "call_one"] if kind == "predict_one" else [kind]
    theirs = [times[model, way, who, 2] for way in ways for who in peers if (model, way, who, 2) in times]
    ours = times.get((model, kind, OURS, 2))
    return ours / min(theirs) if ours and theirs else None


def over(times, models, kind, peers):
    """The :func:`model_ratio` of each model that has one."""
    ratios = {model: model_ratio(times, model, kind, peers) for model in models}
    return {model: ratio for model, ratio in ratios.items() if ratio is not None}


def two_over_one(times, cases):
    """Our times with two threads over those with one, for each (model, kind)."""
    found = {(model, kind): [times.get((model, kind, OURS, threads)) for threads in (1, 2)] for model, kind in cases}
    return {f"{model}, {KINDS.get(kind, kind)}": two / one
            for (model, kind), (one, two) in found.items() if one and two}  # fmt: skip


def model_rows(results):
    """Whole models beside others."""
    times, fastest = model_times(results), (PYTORCH, ONNX)
    one = "predict of one sample, {}, over the faster of PyTorch and ONNX Runtime"
    return [
        verdict("fit, each model, over PyTorch", 0.85, over(times, MODELS, "fit", [PYTORCH]), len(MODELS)),
        verdict("predict in batches, each model, over PyTorch", 0.95, over(times, MODELS, "predict", [PYTORCH]),
                len(MODELS)),
        verdict(one.format(f"each model but {TEXT}"), 0.8, over(times, OTHERS, "predict_one", fastest), len(OTHERS)),
        verdict(one.format(TEXT), 1.0, over(times, [TEXT], "predict_one", fastest), 1),
    ]  # fmt: skip


def thread_rows(results):
    """Two threads beside one, on an idle machine and on a busy one."""
    idle, busy = model_times(results), model_times(results, "busy")
    others, text, all_of_them = ([(model, kind) for model in models for kind in KINDS]
                                 for models in (OTHERS, [TEXT], MODELS))  # fmt: skip
    large = [("imdb_lstm", "fit"), (TEXT, "fit"), ("LSTM large", "train")]
    recovered = {f"{row['model']}, time {number}": row["seconds"] for number, row in enumerate(results["recovery"], 1)}
    return [
        verdict(f"two threads over one, each model but {TEXT}", 1.05, two_over_one(idle, others), len(others)),
        verdict(f"two threads over one, {TEXT}", 0.65, two_over_one(idle, text), len(text)),
        verdict("two threads over one, where there is much to do", 0.7, two_over_one(idle, large), len(large)),
        verdict("two threads over one, beside busy processes", 1.5, two_over_one(busy, all_of_them), len(all_of_them)),
        verdict("recovery after busy processes, s", 1.0, recovered, RECOVERIES),
    ]


def padding_rows(results):
    """Sequences of unequal length, and masks."""
    unequal, full, left = {}, {}, {}
    for row in results["lengths"]:
        unequal[f"{row['layer']} {row['size']}, {row['kind']}"] = row["ratio"]
    for row in results["masks"]:
        name, none = f"{row['layer']} {row['size']}, {row['kind']}", row["none"]["median"]
        full[name], left[name] = row["full"]["median"] / none, row["left"]["median"] / none
    total = 2 * len(GATED)  # Forward and training.
    return [
        verdict("sequences of unequal length, over torch's packed ones", 0.5, unequal, total * len(LENGTHS_SIZES)),
        verdict("a mask of ones, over no mask", 1.05, full, total * len(MASK_SIZES)),
        verdict("a mask that leaves out half of the steps, over no mask", 0.7, left, total * len(MASK_SIZES)),
    ]


def forward_rows(results):
    """The forward pass over ONNX Runtime's, and that of LSTM over torch's."""
    found = {peer: {f"{pair['layer']} {pair['size']}, {pair['math']}": pair["ratio"] for pair in results["pairs"]
                    if pair["peer"] == peer and pair["kind"] == "forward" and pair["layer"] in layers}
             for peer, layers in ((ONNX, GATED), (TORCH, ("LSTM",)))}  # fmt: skip
    return [
        verdict("LSTM and GRU, every size, over ONNX Runtime: forward", 1.0, found[ONNX],
                len(GATED) * len(RUNTIME_SIZES)),
        verdict("LSTM, every size and both mathematics, over torch: forward", 0.95, found[TORCH],
                len(SIZES) * len(COMPARISONS[TORCH][1])),
    ]  # fmt: skip


def engine_rows(results):
    """The other engine over this one."""
    ratios = {f"{row['layer']} {row['size']}, {row['kind']}": row["ratio"] for row in results["engines"]}
    total, limits = 2 * len(WEIGHTS) * len(SIZES), OTHER_ENGINE_TARGETS  # Forward and training.
    mean = {f"{len(ratios)} cells": float(np.exp(np.mean(np.log(list(ratios.values())))))} if ratios else {}
    first = {name: seconds for name, seconds in results["other_engine"].items() if name == "empty"}
    return [
        verdict("the other engine over this one, geometric mean", limits["mean"], mean, 1),
        verdict("the other engine over this one, each", limits["worst"], ratios, total),
        verdict("first training step on the other engine, empty cache, s", limits["empty"], first, 1),
    ]


def verdict(text, limit, values, total):
    """A row of the table of targets.

    Parameters
    ----------
    text : str
    limit : float
        The highest value aimed at.
    values : dict of str to float
        What was found, by where.
    total : int
        How many values it takes to be sure.
    """
    if not values:
        return text, f"≤ {limit}", "", "", f"0 of {total}", "not measured"
    where = max(values, key=values.get)
    answer = "NOT met" if values[where] > limit else "met" if len(values) >= total else "met so far"
    return text, f"≤ {limit}", f"{values[where]:.2f}", where, f"{len(values)} of {total}", answer
