"""What benchmarks/ counts, chooses and says; and that the process that measures ours does."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from conftest import RECURRENT
from numpy.testing import assert_allclose

import recurrent_layers as rl

BENCHMARKS = pathlib.Path(rl.__file__).parent.parent / "benchmarks"


@pytest.fixture(scope="module", autouse=True)
def path():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield


@pytest.mark.parametrize("layer, forward, train", [
    # Products per step and sample: 2 operations for each entry of a matrix of 3 x 5 (W, P) or 5 x 5 (U).
    ("SimpleRNN", 30 + 50, 60 + 150),
    ("SimpleDeepRNN", 30 + 3 * 50, 60 + 3 * 150),
    ("GRU", 3 * (30 + 50), 3 * (60 + 150)),
    ("LSTM", 4 * (30 + 50), 4 * (60 + 150)),
    ("JZS1", 2 * 30 + 2 * 50 + 30, 2 * 60 + 2 * 150 + 30),
    ("JZS2", 2 * 30 + 3 * 50 + 30, 2 * 60 + 3 * 150 + 30),
    ("JZS3", 3 * (30 + 50), 3 * (60 + 150)),
])  # fmt: skip
def test_flops_are_those_counted_by_hand(layer, forward, train):
    import cases

    for kind, expected in (("forward", forward), ("train", train)):
        assert cases.flops(cases.Case(layer, 2, 7, 3, 5, kind, "torch")) == 2 * 7 * expected


@pytest.mark.parametrize("name", RECURRENT)
@pytest.mark.parametrize("input_dim", [3, 5])
def test_weights_fit_our_layers(name, input_dim):
    import cases

    weights = cases.weights(cases.Case(name, 2, 7, input_dim, 5, "forward", "torch"))
    layer = getattr(rl, name)(input_dim, 5)
    layer.set_weights(list(weights.values()))
    assert [variable.name for variable in layer.weights] == list(weights)


def test_all_pairs_have_what_the_targets_ask_for():
    import cases

    chosen = cases.pairs(cases.WEIGHTS, cases.SIZES, cases.COMPARISONS)
    assert len(chosen) == len(set(chosen))
    assert {pair.case.layer for pair in chosen} == set(RECURRENT)
    for target in cases.TARGETS:
        for layer in target.layers:
            for size in target.sizes:
                kinds = [pair.case.kind for pair in chosen
                         if (pair.peer, pair.case.layer, pair.size) == (target.peer, layer, size)]  # fmt: skip
                assert set(kinds) == {"forward", "train"}


def found(**changes):
    """Results as `compare.py` makes them, made up."""
    machine = {"processor": "A processor", "versions": {"torch": "2.13"}, "date": "2020-02-02",
               "environment": {"OMP_NUM_THREADS": "1"}}  # fmt: skip
    import report

    return dict(report.EMPTY, machine=machine, sgemm=1e9, **changes)


def pair(layer, size, kind, ours, theirs, peer="torch", math="torch"):
    return {"peer": peer, "layer": layer, "size": size, "math": math, "kind": kind, "flops": 1e5, "busy": 0.0,
            "ours": {"median": ours}, "theirs": {"median": theirs}, "ratio": ours / theirs}  # fmt: skip


def verdict(results, beginning):
    import report

    row, = [row for row in report.verdicts(results) if row[0].startswith(beginning)]
    return row[2:]


def test_a_target_is_met_when_all_of_it_was_measured():
    gru = [pair("GRU", size, "train", 0.7, 1, math=math) for size in ("small", "large", "stream", "long")
           for math in ("torch", "defaults")]  # fmt: skip
    text = "GRU, every size, over torch: train"
    assert verdict(found(pairs=gru), text) == ("0.70", "GRU small, torch", "8 of 8", "met")
    assert verdict(found(pairs=gru[:7]), text)[-1] == "met so far"
    slow = [*gru[:7], pair("GRU", "long", "train", 0.9, 1, math="defaults")]
    assert verdict(found(pairs=slow), text) == ("0.90", "GRU long, defaults", "8 of 8", "NOT met")
    assert verdict(found(), text) == ("", "", "0 of 8", "not measured")
    # Those of other kinds, layers and peers do not count.
    others = [pair("GRU", "small", "forward", 9, 1), pair("LSTM", "small", "train", 9, 1),
              pair("GRU", "small", "train", 9, 1, peer="Keras 0.3.3 as installed", math="defaults")]  # fmt: skip
    assert verdict(found(pairs=gru + others), text)[-1] == "met"


def test_targets_of_memory_and_of_the_first_step():
    from cases import MEMORY_STEPS

    def memory(*, growth, over_torch):
        sizes = {steps: 10 * (steps / 1000) ** growth for steps in MEMORY_STEPS}
        return [{"layer": layer, "steps": steps, "who": who, "bytes": size * (1 if who == "ours" else 1 / over_torch)}
                for layer in ("LSTM", "GRU") for steps, size in sizes.items() for who in ("ours", "torch")]  # fmt: skip

    for growth, worst, answer in ((1, "1.00", "met"), (1.1, "1.23", "NOT met"), (2, "8.00", "NOT met")):
        row = verdict(found(memory=memory(growth=growth, over_torch=1)), "memory of training per timestep")
        assert (row[0], row[2], row[3]) == (worst, "2 of 2", answer)
    for over_torch, answer in ((1.4, "met"), (1.6, "NOT met")):
        results = found(memory=memory(growth=1, over_torch=over_torch))
        assert verdict(results, "memory of training at long")[-1] == answer
    first = found(first_step={"empty": 44.0, "warm": 4.1})
    assert verdict(first, "first training step, empty")[-1] == "met"
    assert verdict(first, "first training step, warm")[-1] == "NOT met"


def test_the_tables(tmp_path):
    import picture
    import report

    results = found(
        pairs=[pair("GRU", "small", "forward", 0.001234, 0.002468), pair("GRU", "small", "train", 0.0123, 0.123)],
        memory=[{"layer": "GRU", "steps": 1000, "who": "ours", "bytes": 3e6},
                {"layer": "GRU", "steps": 1000, "who": "torch", "bytes": 2e6}],
        growth=[{"layer": "GRU", "what": "timesteps", "value": 50, "ours": 0.01, "theirs": 0.02}],
        failures=["LSTM: it\nbroke"])
    text = report.as_text(results)
    assert "| GRU | small | torch | 1.23 | 2.47 | 0.50 | 12.3 | 123 | 0.10 | 8 % / 1 % |" in text
    assert "| GRU | 1000 | 3.0 | 2.0 | 1.50 |" in text
    assert "| GRU | timesteps | 50 | 10.0 | 20.0 | 0.50 |" in text
    assert "A processor; torch 2.13; 2020-02-02; sgemm 1 GFLOP/s; with OMP_NUM_THREADS=1." in text
    assert "- LSTM: it\n  broke" in text
    assert "Not to be trusted" not in text
    results["pairs"][1]["busy"] = 0.5
    assert "busy: GRU small, torch, train, over torch." in report.as_text(results)
    picture.draw(results, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 1000


def test_the_process_that_measures_ours():
    import cases

    case = cases.Case("LSTM", 2, 3, 4, 5, "forward", "torch")
    orders = [{"do": "prepare", "case": case}, {"do": "run", "case": case, "repeats": 3},
              {"do": "prepare", "case": case._replace(kind="train", steps=4)}, {"do": "dance"}]  # fmt: skip
    flags = os.environ["THEANO_FLAGS"] + ",floatX=float32"
    process = subprocess.run(
        [sys.executable, str(BENCHMARKS / "workers.py"), "ours"], input="\n".join(map(json.dumps, orders)),
        env=dict(os.environ, THEANO_FLAGS=flags, PYTHONPATH=str(BENCHMARKS.parent)),
        stdout=subprocess.PIPE, text=True, check=True)  # fmt: skip
    output, seconds, loss, error = map(json.loads, process.stdout.splitlines())

    layer = rl.LSTM(4, 5, inner_activation="sigmoid", weights=list(cases.weights(case).values()))
    model = rl.Sequential([layer])
    model.compile("sgd", "mse")
    assert_allclose(output["answer"], model.predict(cases.data(case)[0])[0], rtol=1e-4, atol=1e-6)
    assert len(seconds["answer"]) == 3 and min(seconds["answer"]) > 0
    assert np.isfinite(loss["answer"]).all()
    assert "dance" in error["error"]


def test_the_readme_shows_the_results():
    results = (BENCHMARKS / "results" / "compare.md").read_text(encoding="utf-8").strip()
    assert results in (BENCHMARKS.parent / "README.md").read_text(encoding="utf-8")
