"""Cells of the literature and of one's own beside those of PyTorch, torchrecurrent, JAX and ONNX Runtime, in turns.

Each cell of torchrecurrent, forward and a training step; a cell of one's own beside a loop in PyTorch, also compiled,
and in JAX; a bidirectional LSTM; dropout of the recurrent weights; and the steps of a stream of one sample. The peers
are installed into environments of their own on first use, as for `compare.py`, unless their Pythons are given:

    python benchmarks/cells.py --torch PYTHON --jax PYTHON --onnx PYTHON --out benchmarks/results/cells.md

Ours compiles into an empty directory, so that the seconds of compiling are those of the first time.
"""

import argparse
import itertools
import os
import pathlib
import sys
import tempfile
import threading
import time
from typing import NamedTuple, Optional, Tuple

import numpy as np
import of_theano
from cases import BIDIRECTIONAL, DROPOUT_U, JZS, OWN_CELL, OWN_CELL_COMPILED, SIZES, Case, sized
from measuring import difference_of, times_in_turns
from processes import HERE, Workers
from report import milliseconds, table
from tqdm import tqdm

THREADS = 2
CELL_SIZES, KINDS = ("small", "large"), ("forward", "train")
CELL_LIMIT = 0.4
BUSY = 0.1  # From this share of the processors in use by others, a row says so.
TURN = 0.15  # seconds
COMPILING = 600  # seconds that a peer may take
STEP, GROWTH = "model.step", "model.step, steps 900 to 1000"
# Cells of the zoo that torchrecurrent does not have.
OURS_ALONE = ("CoupledLSTM", "LayerNormGRU", "LayerNormLSTM", "MinGRU", "RecurrentHighway")
PEERS = ("torch", "jax", "onnx")


class Row(NamedTuple):
    """What is measured beside what; `agree` are the kinds in which both must compute the same."""

    what: str
    over: str
    limit: Optional[float]
    ours: Case
    peer: str
    theirs: Case
    agree: Tuple[str, ...] = ()


def main(arguments=None):
    """Measure, and print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for peer in PEERS:
        parser.add_argument(f"--{peer}", metavar="PYTHON", help=f"a Python that has what {peer} needs")
    parser.add_argument("--peers", type=pathlib.Path, default=HERE / ".peers", help="directory of the environments")
    parser.add_argument("--rounds", type=int, default=3, help="how many turns each has (default 3)")
    names = ", ".join(dict.fromkeys(row.what for row in others()))
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"only these cells, or rows: {names}")
    parser.add_argument("--out", type=pathlib.Path, help="write the tables to this file, too")
    options = parser.parse_args(arguments)
    chosen = [row for row in rows() if options.only is None or row.ours.layer in options.only
              or row.what in options.only]  # fmt: skip
    if not chosen:
        parser.error(f"there are no such rows: {', '.join(options.only)}")
    with tempfile.TemporaryDirectory() as directory:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = os.path.join(directory, "inductor")
        found, about = measured(chosen, options, pathlib.Path(directory))
    text = as_text(found, about)
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")


def rows():
    """All rows, those of one program of ours side by side."""
    from recurrent_layers.layers import zoo

    for cell in [*JZS, *sorted(set(zoo.__all__) - set(OURS_ALONE), key=str.lower)]:
        for kind, size in itertools.product(KINDS, CELL_SIZES):
            case = sized(cell, kind, "torch" if cell in JZS else "defaults", size)
            if cell == "IntersectionRNN":  # It adds the input to the output.
                case = case._replace(input_dim=case.output_dim)
            yield Row(f"{cell}, {size}", "torchrecurrent", CELL_LIMIT, case, "torch", case, KINDS * (cell in JZS))
    yield from others()


def others():
    """The rows that are not of a cell of torchrecurrent."""
    own, both, lstm = (sized(layer, size="small") for layer in (OWN_CELL, BIDIRECTIONAL, "LSTM"))
    step = sized("LSTM", "step", size="stream")
    return [
        Row(OWN_CELL, "a loop in PyTorch", None, own, "torch", own, KINDS),
        Row(OWN_CELL, "torch.compile of it", 0.3, own, "torch", own._replace(layer=OWN_CELL_COMPILED), ("train",)),
        Row(OWN_CELL, "lax.scan in JAX", 0.5, own, "jax", own, KINDS),
        Row(BIDIRECTIONAL, "nn.LSTM", 0.95, both._replace(kind="forward"), "torch", both._replace(kind="forward"),
            ("forward",)),
        Row(BIDIRECTIONAL, "nn.LSTM", 0.7, both, "torch", both, KINDS),
        Row(DROPOUT_U, "our LSTM", 1.1, lstm._replace(layer=DROPOUT_U), "ours", lstm),
        Row(STEP, "nn.LSTMCell", 0.7, step, "torch", step, ("step",)),
        Row(STEP, "ONNX Runtime", 1.0, step, "onnx", step, ("step",)),
        Row(STEP, "ONNX Runtime, io_binding", 1.0, step, "onnx", step._replace(kind="io_binding"), ("step",)),
        Row(GROWTH, "steps 1 to 100", None, step, "ours", step),
    ]  # fmt: skip


# ---- Measuring --------------------------------------------------------------------------------------------


def measured(chosen, options, directory):
    """What was found of each row, as dicts; and what the workers say about themselves."""
    pythons = {peer: getattr(options, peer) for peer in PEERS}
    settings = argparse.Namespace(out=directory, cache=directory, peers=options.peers.absolute(), pythons=pythons)
    found, about = [], {"products": speed_of_products()}
    with Workers(settings) as workers:
        for name in dict.fromkeys(name for row in chosen for name in ("ours", row.peer)):
            about.update(dict(about_of(workers, name)))
        for kind in KINDS:  # What all cells need is compiled now, and does not count for the first.
            workers.with_threads("ours", THREADS).ask("prepare", case=sized("SimpleRNN", kind))
        compiling = {}
        for row in tqdm(chosen, file=sys.stderr, dynamic_ncols=True):
            result = {"what": row.what, "over": row.over, "kind": row.ours.kind, "limit": row.limit}
            try:
                result.update(times_of(row, workers, options.rounds, compiling))
                result["least"] = operations(row.ours) / about["products"] / result["theirs"]
            except Exception as error:
                result["failure"] = str(error).strip().splitlines()[-1]
                tqdm.write(f"failed: {row.what} over {row.over}: {error}", file=sys.stderr)
            found.append(result)
    return found, about


def speed_of_products():
    """The additions and multiplications of numbers that BLAS does in a second, of large matrices, on all processors."""
    size, seconds = 2048, []
    a, b = np.random.RandomState(0).uniform(-1, 1, (2, size, size)).astype("float32")
    for _ in range(10):
        began = time.perf_counter()
        np.dot(a, b)
        seconds.append(time.perf_counter() - began)
    return 2 * size**3 / min(seconds)


def operations(case):
    """The additions and multiplications that the products of a case take at least, each matrix being in one of them.

    Those of a training step are three times as many, but for what sees the input, whose gradient nobody asks for, and
    for weights that are fixed.
    """
    layer = of_theano.Ours().layer(case)
    sizes = {weight.name: weight.get_value().size for weight in layer.weights if weight.ndim == 2}
    forward, trained = sum(sizes.values()), [weight.name for weight in layer.params]
    backward = sum(size * ((name in trained) + (name[0] not in "WP")) for name, size in sizes.items())
    steps = 1 if case.kind == "step" else case.steps
    return 2 * case.batch * steps * (forward + backward * (case.kind == "train"))


def about_of(workers, name):
    about = workers.with_threads(name, THREADS).ask("about")
    return about if name == "ours" else [pair for pair in about if pair[0] not in ("Python", "NumPy")]


def times_of(row, workers, rounds, compiling):
    """Medians of both, and the seconds each took to compile, which `compiling` keeps."""
    pair = [(workers.with_threads(name, THREADS), name, case)
            for name, case in (("ours", row.ours), (row.peer, row.theirs))]  # fmt: skip
    for kind in dict.fromkeys([*row.agree, row.ours.kind]):
        outputs = [prepared(*one[:2], one[2]._replace(kind=kind) if kind in KINDS else one[2], compiling)
                   for one in pair]  # fmt: skip
        if np.shape(outputs[0]) != np.shape(outputs[1]) or not np.isfinite(np.concatenate(outputs)).all():
            raise ValueError(f"outputs of {len(outputs[0])} and {len(outputs[1])} numbers, or not all finite")
        difference_of(*outputs, must_agree=kind in row.agree)
    if row.what == GROWTH:
        streams = [pair[0][0].ask("stream", case=row.ours, steps=1000) for _ in range(rounds + 1)][1:]
        medians, busy = [float(np.median([stream[part] for stream in streams]))
                         for part in (slice(900, None), slice(100))], 0.0  # fmt: skip
    else:
        found, busy = times_in_turns([(worker, case) for worker, _, case in pair], rounds, TURN)
        medians = [one["median"] for one in found]
    return {"ours": medians[0], "theirs": medians[1], "ratio": medians[0] / medians[1], "busy": busy,
            "compiling": [compiling["ours", row.ours.program],
                          None if row.peer == "ours" else compiling[row.peer, row.theirs.program]]}  # fmt: skip


def prepared(worker, name, case, compiling):
    """What it computes; ends a worker that compiles for too long."""
    began, timer = time.perf_counter(), threading.Timer(COMPILING, worker.process.kill)
    timer.start()
    try:
        output = worker.ask("prepare", case=case)
    except RuntimeError as error:
        if time.perf_counter() - began >= COMPILING:
            raise RuntimeError(f"not compiled in {COMPILING // 60} minutes") from error
        raise
    finally:
        timer.cancel()
    compiling.setdefault((name, case.program), time.perf_counter() - began)
    return output


# ---- Tables -----------------------------------------------------------------------------------------------


def as_text(found, about):
    """Everything as Markdown."""
    versions = ", ".join(f"{name} {about[name]}" for name in (
        "recurrent_layers", "Python", "Theano", "PyTensor", "torch", "torchrecurrent", "JAX", "ONNX Runtime")
        if name in about)  # fmt: skip
    parts = ["# Cells beside those of others",
             f"{about['processor']}; {versions}; {time.strftime('%Y-%m-%d')}. Float32, {THREADS} threads, medians of "
             "calls in turns; ratio is our time over the peer's. A training step is the gradients of all weights and "
             "an update by them. Made by `python benchmarks/cells.py`.", verdict(found)]  # fmt: skip
    cells = {}
    for row in found:
        if row["over"] == "torchrecurrent":
            cell, size = row["what"].split(", ")
            cells.setdefault(cell, {})[size, row["kind"]] = row
    if cells:
        order = list(itertools.product(CELL_SIZES, KINDS))
        parts += ["## Over torchrecurrent",
                  f"The ratio (ours / theirs, ms); the limit is {CELL_LIMIT}. After ≥ stands what it would be if there "
                  "were nothing but the products of each step, as fast as BLAS multiplies large matrices on this "
                  f"machine, {about['products'] / 1e9:.0f} GFLOP/s. Sizes are (batch, timesteps, input, "
                  f"output): {', '.join(f'{size} {SIZES[size]}' for size in CELL_SIZES)}; IntersectionRNN, which needs "
                  "as many inputs as outputs, has 512 of both where it is large. Of JZS1 to JZS3 both have the same "
                  "weights, and their numbers agree; MUT1 and MUT2 train the projection, too, which is fixed here. The "
                  "others begin with weights of their own; that they are the same cells, the tests say. The seconds "
                  "are those of the first call, nothing compiled, forward / train.",
                  table(["of", *(f"{size}: {kind}" for size, kind in order), "first call, s"],
                        [[cell, *(in_short(rows.get(key)) for key in order), first_calls(rows)]
                         for cell, rows in cells.items()])]  # fmt: skip
    rest = [row for row in found if row["over"] != "torchrecurrent"]
    if rest:
        parts += ["## Others",
                  "The own cell is the peephole LSTM of docs/own-cell.md; it and the LSTMs are "
                  f"{SIZES['small']}, steps are those of one sample, {SIZES['stream'][2]} to {SIZES['stream'][3]}. The "
                  "first call is that with nothing compiled yet.",
                  table(["what", "of", "ours, ms", "over", "theirs, ms", "ratio", "limit", "verdict",
                         "first call, s", "theirs, s"], [in_full(row) for row in rest])]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def verdict(found):
    """How many limits are met, and which are not."""
    limited = [row for row in found if row["limit"] is not None]
    parts = [f"{sum(map(met, limited))} of {len(limited)} limits are met."]
    for text, named in (("Not met", [row for row in limited if "failure" not in row and not met(row)]),
                        ("Not measured", [row for row in found if "failure" in row])):  # fmt: skip
        names = "; ".join(f"{row['what']}, {row['kind']}, over {row['over']} ({why(row)})" for row in named)
        parts += [f"{text}: {names}."] if names else []
    bound = sum("failure" not in row and not met(row) and row["least"] > row["limit"] for row in limited)
    if bound:
        parts.append(f"{bound} of these are out of reach here: the products alone would take longer.")
    return " ".join(parts)


def why(row):
    return row["failure"] if "failure" in row else f"{row['ratio']:.2f}, limit {row['limit']}"


def met(row):
    """Whether the limit is met."""
    return "failure" not in row and row["ratio"] <= row["limit"]


def in_short(row):
    if row is None or "failure" in row:
        return "" if row is None else "failed"
    ratio = f"{row['ratio']:.2f}"
    return (f"{ratio if met(row) else f'**{ratio}**'} ({milliseconds(row['ours'])} / {milliseconds(row['theirs'])}) "
            f"≥ {row['least']:.2f}{disturbed(row)}")  # fmt: skip


def first_calls(rows):
    seconds = [rows.get(("small", kind), {}).get("compiling") for kind in KINDS]
    return " / ".join("" if one is None else f"{one[0]:.1f}" for one in seconds)


def in_full(row):
    what, limit = [row["what"], row["kind"]], "" if row["limit"] is None else row["limit"]
    if "failure" in row:
        return [*what, "", row["over"], "", row["failure"], limit, "not measured", "", ""]
    answer = "" if row["limit"] is None else "met" if met(row) else "**not met**"
    ours, theirs = (f"{1000 * row[who]:.4f}" if row["kind"] == "step" else milliseconds(row[who])
                    for who in ("ours", "theirs"))  # fmt: skip
    return [*what, ours, row["over"], theirs, f"{row['ratio']:.2f}{disturbed(row)}", limit, answer,
            *("" if seconds is None else f"{seconds:.1f}" for seconds in row["compiling"])]  # fmt: skip


def disturbed(row):
    return " (others were busy)" if row["busy"] > BUSY else ""


if __name__ == "__main__":
    main()
