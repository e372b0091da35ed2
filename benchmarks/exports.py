"""What `model.to_c` writes beside `model.step` and `predict`, ONNX Runtime and PyTorch, in turns; and how large it is.

Steps and sequences of one sample in float32, with one thread. ONNX Runtime has graphs made by hand, and what
`model.to_onnx` writes where this Python has onnx. All must compute the same before they are timed. The peers are
installed into environments of their own on first use, as for `compare.py`, unless their Pythons are given:

    python benchmarks/exports.py --torch PYTHON --onnx PYTHON --out benchmarks/results/exports.md

keras2c is measured, too, with `--keras2c-library DIRECTORY`, the `include` of its repository, which its package leaves
out; and sizes for other processors with `--zig PYTHON`, which has the wheel `ziglang`.
"""

import argparse
import importlib.util
import pathlib
import sys
import tempfile
import time
from typing import NamedTuple, Tuple

import exports_in_c as in_c
from exports_in_c import CASES, KERAS2C, OURS, STEPS
from measuring import times_in_turns
from processes import HERE, REQUIREMENTS, Workers, environment_of, python_of
from report import table
from tqdm import tqdm

LIMIT = 1.0  # times ONNX Runtime's, a step of LIMITED in C
LIMITED, COMPILED, LIMITING = "LSTM 128 -> 128", "C, -O3 -march=native", "with io_binding"
BUSY = 0.1  # From this share of the processors in use by others, a row says so.
TURN = 0.15  # seconds
AGREE = 1e-5
PEERS = ("torch", "onnx", "keras2c")
TARGETS = {"x86, 32 bit": "x86-linux-musl", "ARM Cortex-M4": "thumb-linux-musleabihf -mcpu=cortex_m4"}


class Contestant(NamedTuple):
    """Who does it, which kind of a case that is there, and the flags of what is compiled."""

    worker: str
    kind: str
    flags: str = "-O3 -march=native"


STEP = {
    COMPILED: Contestant(OURS, "step"),
    "C, -O3": Contestant(OURS, "step", "-O3"),
    "C, -O2": Contestant(OURS, "step", "-O2"),
    "C by ctypes": Contestant(OURS, "ctypes"),
    "model.step": Contestant("ours", "step"),
    "ONNX Runtime": Contestant("onnx", "step"),
    LIMITING: Contestant("onnx", "io_binding"),
    "of to_onnx": Contestant("onnx", "to_onnx step"),
    "torch.nn": Contestant("torch", "step of a layer"),
    **{who: Contestant(who, "step") for who in KERAS2C},
}
SEQUENCE = {
    COMPILED: Contestant(OURS, "predict"),
    "C, -O3": Contestant(OURS, "predict", "-O3"),
    "C, -O2": Contestant(OURS, "predict", "-O2"),
    "predict": Contestant("ours", "predict"),
    "ONNX Runtime": Contestant("onnx", "predict"),
    "of to_onnx": Contestant("onnx", "to_onnx predict"),
    "torch.nn": Contestant("torch", "predict"),
}


class Row(NamedTuple):
    """The seconds of each, by name; `busy` as `times_in_turns` says, or what has failed."""

    name: str
    times: dict
    busy: float = 0.0
    failures: Tuple[str, ...] = ()


def main(arguments=None):
    """Measure, and print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for peer in (*PEERS, "zig"):
        parser.add_argument(f"--{peer}", metavar="PYTHON", help=f"a Python that has what {peer} needs")
    parser.add_argument("--keras2c-library", metavar="DIRECTORY", help="the directory `include` of its repository")
    parser.add_argument("--peers", type=pathlib.Path, default=HERE / ".peers", help="directory of the environments")
    parser.add_argument("--rounds", type=int, default=5, help="how many turns each has (default 5)")
    parser.add_argument("--only", nargs="+", choices=CASES, metavar="NAME", default=list(CASES),
                        help=f"only these models: {', '.join(CASES)}")  # fmt: skip
    parser.add_argument("--out", type=pathlib.Path, help="write the tables to this file, too")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory:
        text = as_text(*measured(options, pathlib.Path(directory)))
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")


# ---- Measuring ----------------------------------------------------------------------------------------------


def measured(options, directory):
    """Rows of steps, of sequences and of sizes; and what the workers say about themselves."""
    home = directory / "home"  # That of the workers, too.
    write_files(options, home)
    pythons = {peer: getattr(options, peer) for peer in PEERS}
    settings = argparse.Namespace(out=directory, cache=directory, peers=options.peers.absolute(), pythons=pythons)
    steps, sequences, about = [], [], {"gcc": in_c.run("gcc", "-dumpfullversion").strip()}
    with Workers(settings) as workers:
        for name in ("onnx", "torch", "ours"):
            about.update(workers.with_threads(name, 1).ask("about"))
        for name in tqdm(options.only, file=sys.stderr, dynamic_ncols=True):
            for rows, contestants in ((steps, STEP), (sequences, SEQUENCE)):
                rows.append(times_of(name, contestants, workers, home, options.rounds))
    sizes = {name: sizes_of(name, home, options.zig) for name in options.only}
    if options.keras2c_library:
        about["keras2c"] = REQUIREMENTS["keras2c"][0].partition("==")[2]
    return steps, sequences, sizes, about


def write_files(options, directory):
    """The files of C and ONNX: ours, and those of keras2c where they can be compiled."""
    import of_theano

    import recurrent_layers

    for name in options.only:
        case, has_onnx = CASES[name], importlib.util.find_spec("onnx")
        model, stateful = (of_theano.network_of(recurrent_layers, case, stateful=value) for value in (False, True))
        model.to_c(str(in_c.files_of(directory, case, OURS) / "net.c"), dtype="float32")
        for kind, one in (("predict", model), ("step", stateful)) if has_onnx else ():
            one.to_onnx(str(in_c.files_of(directory, case, "to_onnx") / f"{kind}.onnx"))
    if options.keras2c_library:
        python = options.keras2c or python_of(options.peers.absolute() / "keras2c", REQUIREMENTS["keras2c"])
        in_c.run(python, HERE / "of_keras2c.py", directory, env=environment_of("keras2c", directory))
        in_c.with_library(directory, options.keras2c_library)


def times_of(name, contestants, workers, directory, rounds):
    """The row of a model, each contestant prepared and compared with the first one."""
    prepared, failures, expected = {}, [], None
    for who, one in contestants.items():
        case = CASES[name]._replace(kind=one.kind)
        if can(one, case, directory):
            try:
                worker = (in_c.Compiled(directory, case, one.worker, one.flags) if one.worker in (OURS, *KERAS2C)
                          else workers.with_threads(one.worker, 1))  # fmt: skip
                output = worker.ask("prepare", case=case)
                expected = output if expected is None else expected
                agree(output, expected)
                prepared[who] = worker, case
            except Exception as error:
                failures.append(f"{name}, {who}: {str(error).strip().splitlines()[-1]}")
    found, busy = times_in_turns(list(prepared.values()), rounds, TURN)
    return Row(name, {who: one["median"] for who, one in zip(prepared, found)}, busy, tuple(failures))


def can(one, case, directory):
    """Whether there is such a thing."""
    if "to_onnx" in one.kind:
        return (in_c.files_of(directory, case, "to_onnx") / "step.onnx").exists()
    if one.worker in KERAS2C:
        return (in_c.files_of(directory, case, one.worker) / "net.c").exists()
    return one.worker != "torch" or case.layer != "JZS1"


def agree(output, expected):
    """Raise a ValueError if these are not the same numbers."""
    if len(output) != len(expected) or not max(abs(a - b) for a, b in zip(output, expected)) < AGREE:
        raise ValueError("it does not compute the same")


def sizes_of(name, directory, zig):
    """Bytes of what is compiled for size, by whose it is and for what."""
    case, found = CASES[name], {}
    files = in_c.files_of(directory, case, OURS)
    state = in_c.Compiled(directory, case).state.size
    found["the whole file"] = dict(in_c.sizes_of(files, OURS), state=state)
    found["net_step alone"] = dict(in_c.sizes_of(files, OURS, ("net_step", "net_reset")), state=state)
    for who in KERAS2C:
        theirs = in_c.files_of(directory, case, who)
        if (theirs / "net.c").exists():
            entries = ["net", "net_reset_states"] + ["net_initialize"] * ("malloc" in who)
            found[who] = in_c.sizes_of(theirs, who, entries)
    for target, words in TARGETS.items() if zig else ():
        found[f"the whole file, {target}"] = in_c.sizes_for(files, zig, words)
    return found


# ---- Tables -------------------------------------------------------------------------------------------------


def as_text(steps, sequences, sizes, about):
    """Everything as Markdown."""
    versions = ", ".join(f"{name} {about[name]}" for name in (
        "recurrent_layers", "Python", "Theano", "PyTensor", "gcc", "torch", "ONNX Runtime", "keras2c") if name in about)
    parts = ["# Exports beside others",
             f"{about['processor']}; {versions}; {time.strftime('%Y-%m-%d')}. One sample, float32, one thread, medians "
             "of calls in turns, all with the gates of PyTorch; made by `python benchmarks/exports.py`. What is "
             "compared computes the same numbers to 1e-5. ONNX Runtime has graphs made by hand, and what `to_onnx` "
             "writes.", verdict(steps),
             "## A step, µs",
             "In C it is called in a loop, in another file than the model's; by ctypes from Python, with pointers that "
             "are there already. With `io_binding` ONNX Runtime leaves the states where they are; PyTorch has a "
             "sequence of one step, under `inference_mode`.", times_table(steps, STEP),
             f"## A sequence of {STEPS} steps, µs", times_table(sequences, SEQUENCE), "## Size, bytes",
             "`gcc -Os`, and for other processors `zig cc -Os`; constants are weights, mostly. The stack is that of a "
             "step, without what `libm` takes. Of keras2c's C library, which is not in its package but in its "
             "repository, only what the model needs counts, and so it does where `net_step` is alone; what it copies "
             "to the heap, with malloc, does not.",
             sizes_table(sizes)]  # fmt: skip
    if not any(who in row.times for row in steps for who in KERAS2C):
        parts.append("keras2c was not measured: its package comes without its C library (`--keras2c-library`).")
    failures = [failure for row in (*steps, *sequences) for failure in row.failures]
    return "\n\n".join(parts + ["Failed: " + "; ".join(failures) + "."] * bool(failures)) + "\n"


def verdict(steps):
    """Whether the limit is met."""
    text = f"The limit of a step of {LIMITED} in C is {LIMIT} times ONNX Runtime's with `io_binding`"
    for row in steps:
        if row.name == LIMITED and {COMPILED, LIMITING} <= set(row.times):
            ratio = row.times[COMPILED] / row.times[LIMITING]
            return f"{text}: it takes {ratio:.2f}, **{'met' if ratio <= LIMIT else 'not met'}**."
    return f"{text}: not measured."


def times_table(rows, contestants):
    shown = [who for who in contestants if any(who in row.times for row in rows)]
    return table(["model", *shown], [
        [row.name + (" (others were busy)" if row.busy > BUSY else ""),
         *(microseconds(row.times[who]) if who in row.times else "" for who in shown)] for row in rows])  # fmt: skip


def microseconds(seconds):
    """A time with three digits."""
    value = 1e6 * seconds
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def sizes_table(sizes):
    columns = ("code", "constants", "state", "stack")
    return table(["model", "of", *columns], [[name, who, *(one.get(column, "") for column in columns)]
                                             for name, found in sizes.items() for who, one in found.items()])


if __name__ == "__main__":
    main()
