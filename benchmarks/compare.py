"""Measure these layers beside those of other libraries, and whole models beside PyTorch's, Keras' and ONNX Runtime's.

Each implementation runs in a process of its own, and they take turns (A B A B): a round of ours, a round of the
peer's, while the other one waits. Times are medians over the calls of all rounds, in float32, on all cores, with the
same input, and the same weights where both compute the same; then their numbers must agree. The peers are installed
into environments of their own on first use. Run it with the Python that has this package with its extra "test";
today's torch needs 3.10 or 3.11.
"""

import argparse
import copy
import itertools
import json
import os
import pathlib
import sys
import time
from functools import partial

import measuring
import picture
import report
from cases import (
    ALL_SIZES,
    COMPARISONS,
    ENGINES,
    GATED,
    LENGTHS_SIZES,
    MASK_SIZES,
    MATHS,
    MEMORY_STEPS,
    QUICK_LAYERS,
    QUICK_PEERS,
    QUICK_SIZES,
    RUNTIME_SIZES,
    RUNTIMES,
    SIZES,
    WEIGHTS,
    pairs,
    sized,
)
from processes import ENGINE_FLAGS, HERE, Workers
from targets import RECOVERIES
from tqdm import tqdm
from whole_models import KINDS, MODELS, QUICK_MODELS

# With these set, somebody may not use the whole machine.
LIMITING = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_CORETYPE",
            "OPENBLAS_L2_SIZE", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA")
PARTS = ("times", "memory", "first-step", "growth", "engines", "models", "busy", "profile", "lengths",
         "masks", "runtimes")
MODEL_PARTS = PARTS[PARTS.index("models"):]
BUSY_ROUNDS = 3


def main(arguments=None):
    """Measure, and write and print what was found."""
    options = parse(arguments)
    settings = {name: os.environ[name] for name in (*LIMITING, *ENGINE_FLAGS) if name in os.environ}
    for name, value in settings.items():
        print(f"warning: {name}={value} is set, so not everything here may be as fast as it can be", file=sys.stderr)
    options.out.mkdir(parents=True, exist_ok=True)
    results = dict(copy.deepcopy(report.EMPTY), rounds=options.rounds)
    with Workers(options) as workers:
        results["machine"] = machine(workers, settings, options)
        measure(results, workers, options)
    text = report.as_text(results)
    (options.out / "compare.md").write_text(text, encoding="utf-8")
    (options.out / "summary.md").write_text(report.summary(results), encoding="utf-8")
    picture.draw(results, options.out / "compare.png")
    print(text)
    if options.readme:
        show_in(HERE.parent / "README.md", report.summary(results))


def parse(arguments):
    """Read the command line; the quick mode is a choice of the other options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few layers and sizes, no Keras: two minutes at most")
    parser.add_argument("--only", nargs="+", metavar="LAYER", choices=list(WEIGHTS), help="only these layers")
    parser.add_argument("--sizes", nargs="+", metavar="SIZE", choices=list(ALL_SIZES), help="only these sizes")
    parser.add_argument("--beside", nargs="+", metavar="PEER", choices=list(COMPARISONS), help="only these peers")
    parser.add_argument("--models", nargs="+", metavar="MODEL", choices=list(MODELS), help="only these whole models")
    parser.add_argument("--parts", nargs="+", metavar="PART", choices=PARTS, help="only these of " + ", ".join(PARTS))
    parser.add_argument("--rounds", type=int, help="turns of each (7, in quick mode 3)")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results", help="directory of what is written")
    parser.add_argument("--peers", type=pathlib.Path, default=HERE / ".peers", help="directory of the environments")
    parser.add_argument("--cache", type=pathlib.Path, help="directory of Theano's caches (PEERS/theano)")
    parser.add_argument("--other-engine", type=pathlib.Path, metavar="PYTHON",
                        help="a Python of an environment with the other engine, for the part engines")
    parser.add_argument("--readme", action="store_true", help="put the small table into the README")
    options = parser.parse_args(arguments)
    quick = options.quick
    options.only = options.only or list(QUICK_LAYERS if quick else WEIGHTS)
    options.sizes = options.sizes or list(QUICK_SIZES if quick else ALL_SIZES)
    options.beside = options.beside or list(QUICK_PEERS if quick else COMPARISONS)
    options.models = options.models or list(QUICK_MODELS if quick else MODELS)
    options.parts = options.parts or (["times"] if quick else list(PARTS))
    options.rounds = options.rounds or (3 if quick else 7)
    options.peers = options.peers.absolute()
    options.cache = (options.cache or options.peers / "theano").absolute()
    return options


def machine(workers, settings, options):
    """The machine and the versions of everything."""
    about = dict(workers["ours"].ask("about"))
    names = ("recurrent_layers", "Python", *ENGINES, "NumPy", "BLAS")
    versions = {name: about[name] for name in names if name in about}
    peers = ["torch"] * bool(set(options.parts) - {"first-step", "profile", "masks"})
    peers += ["onnx"] * bool(set(options.parts) & {"models", "runtimes"})
    peers += ["jax"] * ("runtimes" in options.parts) + ["keras3-torch", "keras3-jax"] * ("models" in options.parts)
    for peer in peers:
        versions.update((name, value) for name, value in workers[peer].ask("about") if name != "Python")
    return {"processor": about["processor"], "platform": about["platform"], "compiler": about["compiler"],
            "scan loop": about["scan loop"], "cores": os.cpu_count(), "versions": versions, "environment": settings,
            "date": time.strftime("%Y-%m-%d")}  # fmt: skip


def show_in(readme, text):
    """Put a text into a file, between the two comments that mark its place."""
    content = readme.read_text(encoding="utf-8")
    before, rest = content.split(report.BEGIN, 1)
    _, after = rest.split(report.END, 1)
    readme.write_text(f"{before}{report.BEGIN}\n{text.strip()}\n{report.END}{after}", encoding="utf-8")


# ---- What is measured -------------------------------------------------------------------------------------


def measure(results, workers, options):
    """Measure all parts; what was found so far is always in compare.json."""
    tasks = [task for part in ("sgemm", *options.parts, "sgemm") for task in TASKS[part](workers, options)]
    for name, place, task in tqdm(tasks, desc="measuring", file=sys.stderr, dynamic_ncols=True):
        try:
            add(results, place, task())
        except Exception as error:
            results["failures"].append(f"{name}: {error}")
            tqdm.write(f"failed: {name}: {error}", file=sys.stderr)
        (options.out / "compare.json").write_text(json.dumps(results, indent=1) + "\n")


def add(results, place, found):
    """Put what was found into its place: a row or several into a list, names into a dict; of rates the best counts."""
    if isinstance(results[place], list):
        results[place] += found if isinstance(found, list) else [found]
    elif isinstance(results[place], dict):
        results[place].update(found)
    else:
        results[place] = max(found or 0, results[place] or 0) or None


def chosen(names, options):
    """Those layers or sizes that the command line leaves."""
    return [name for name in names if name in options.only or name in options.sizes]


# Each of these gives the tasks of a part, as (name, place in the results, function).


def sgemm_tasks(workers, options):
    yield "sgemm", "sgemm", lambda: workers["ours"].ask("sgemm")


def times_tasks(workers, options):
    maths = MATHS[:1] if options.quick else MATHS
    for pair in pairs(options.only, chosen(SIZES, options), options.beside, maths):
        yield f"{pair.case} over {pair.peer}", "pairs", partial(measuring.measure_pair, pair, workers, options.rounds)


def memory_tasks(workers, options):
    for layer, steps, who in itertools.product(chosen(GATED, options), MEMORY_STEPS, ("ours", "torch")):
        case = sized(layer, size="long", steps=steps)
        yield f"memory of {case}, {who}", "memory", partial(measuring.measure_memory, case, who, workers)


def first_step_tasks(workers, options):
    yield "first step", "first_step", partial(measuring.measure_first_step, options)


def growth_tasks(workers, options):
    for layer in chosen(GATED, options):
        cases = [("timesteps", steps, sized(layer, steps=steps)) for steps in (50, 100, 200, 400)]
        cases += [("output_dim", size, sized(layer, output_dim=size)) for size in (64, 128, 256, 512)]
        for case in cases:
            yield f"growth at {case[-1]}", "growth", partial(measuring.measure_growth, *case, workers, options.rounds)


def engines_tasks(workers, options):
    if options.other_engine is None:
        return
    yield ("first step on the other engine", "other_engine",
           partial(measuring.measure_other_engine, options, workers))  # fmt: skip
    for layer, size, kind in itertools.product(options.only, chosen(SIZES, options), ("forward", "train")):
        yield (f"{layer} {size} {kind} on both engines", "engines",
               partial(measuring.measure_engines, sized(layer, kind, size=size), size, workers, options.rounds))


def models_tasks(workers, options):
    for model in options.models:
        yield f"{model}, check", "checks", partial(measuring.check_model, model, workers)
        for kind in KINDS:
            yield f"{model}, {kind}", "models", partial(measuring.measure_model, model, kind, workers, options.rounds)
    if "LSTM" in options.only and "large" in options.sizes:
        yield "LSTM large by threads", "models", partial(measuring.measure_layer_threads, workers, options.rounds)


def busy_tasks(workers, options):
    rounds = min(options.rounds, BUSY_ROUNDS)
    for model, kind in itertools.product(options.models, KINDS):
        yield (f"{model}, {kind}, beside busy processes", "busy",
               partial(measuring.measure_beside_busy, model, kind, workers, rounds))  # fmt: skip
    for number in range(RECOVERIES):
        yield f"recovery {number}", "recovery", partial(measuring.measure_recovery, "addition_rnn", workers)


def profile_tasks(workers, options):
    for model in options.models:
        yield f"profile of {model}", "profile", partial(measuring.measure_profile, model, workers)


def lengths_tasks(workers, options):
    for case in itertools.product(chosen(GATED, options), chosen(LENGTHS_SIZES, options), ("forward", "train")):
        yield f"lengths of {case}", "lengths", partial(measuring.measure_lengths, *case, workers, options.rounds)


def masks_tasks(workers, options):
    for case in itertools.product(chosen(GATED, options), chosen(MASK_SIZES, options), ("forward", "train")):
        yield f"masks of {case}", "masks", partial(measuring.measure_masks, *case, workers, options.rounds)


def runtimes_tasks(workers, options):
    for pair in pairs(options.only, chosen(RUNTIME_SIZES, options), RUNTIMES, MATHS[:1], RUNTIMES):
        yield f"{pair.case} over {pair.peer}", "pairs", partial(measuring.measure_pair, pair, workers, options.rounds)


TASKS = {"sgemm": sgemm_tasks, "times": times_tasks, "memory": memory_tasks, "first-step": first_step_tasks,
         "growth": growth_tasks, "engines": engines_tasks, "models": models_tasks, "busy": busy_tasks,
         "profile": profile_tasks, "lengths": lengths_tasks, "masks": masks_tasks,
         "runtimes": runtimes_tasks}  # fmt: skip


if __name__ == "__main__":
    main()
