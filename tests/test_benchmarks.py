"""What benchmarks/ counts, chooses and says; and that the process that measures ours does."""

import json
import os
import pathlib
import shutil
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
    machine = {"processor": "A processor", "versions": {"recurrent_layers": "0.9"}, "date": "2020-02-02",
               "environment": {"OMP_NUM_THREADS": "1"}}  # fmt: skip
    import report

    return dict(report.EMPTY, machine=machine, rounds=7, sgemm=1e9, **changes)


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
    assert "A processor; recurrent_layers 0.9; 2020-02-02; 7 turns of each; sgemm 1 GFLOP/s; with OMP_NUM_" in text
    assert "- LSTM: it\n  broke" in text
    assert "Not to be trusted" not in text
    results["pairs"][1]["busy"] = 0.5
    assert "busy: GRU small, torch, train, over torch." in report.as_text(results)
    picture.draw(results, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 1000


def times(model, kind, **seconds):
    """Rows of whole models: `ours_2=0.1` is the time of ours with two threads."""
    import whole_models

    names = {"ours": whole_models.OURS, "torch": whole_models.PYTORCH, "onnx": whole_models.ONNX,
             "keras": whole_models.KERAS3_JAX}  # fmt: skip
    return [{"model": model, "kind": kind, "who": names[who], "threads": int(threads), "median": value,
             "mean": value, "busy": 0.0}
            for (who, threads), value in ((name.split("_"), value) for name, value in seconds.items())]


def test_targets_of_whole_models():
    from whole_models import MODELS

    rows = [row for model in MODELS for kind in ("fit", "predict", "predict_one")
            for row in times(model, kind, ours_2=0.7, torch_2=1.0, ours_1=9.0, torch_1=0.1)]  # fmt: skip
    results = found(models=rows)
    one = "predict of one sample, each model but lstm_text_generation"
    for text in ("fit, each model", "predict in batches", one, "predict of one sample, lstm_text_generation"):
        assert verdict(results, text)[0] == "0.70" and verdict(results, text)[-1] == "met"
    # Where ONNX Runtime is faster than PyTorch, it is what counts for one sample, and only there.
    results["models"] += times("digits", "predict_one", onnx_2=0.5) + times("digits", "predict", onnx_2=0.5)
    results["models"] += times("imdb_lstm", "predict_one", onnx_2=2.0)
    assert verdict(results, one) == ("1.40", "digits", "4 of 4", "NOT met")
    assert verdict(results, "predict in batches")[-1] == "met"
    assert verdict(found(models=rows[:4]), "fit, each model") == ("0.70", "addition_rnn", "1 of 5", "met so far")
    assert verdict(found(), "fit, each model")[-1] == "not measured"


def test_targets_of_threads():
    from whole_models import MODELS

    def rows(ratio, text_ratio):
        return [row for model in MODELS for kind in ("fit", "predict", "predict_one")
                for row in times(model, kind, ours_1=1.0, torch_1=1.0, torch_2=9.0,
                                 ours_2=text_ratio if model == "lstm_text_generation" else ratio)]  # fmt: skip

    large = times("LSTM large", "train", ours_1=1.0, ours_2=0.8)
    idle = found(models=rows(1.02, 0.6) + large)
    assert verdict(idle, "two threads over one, each")[::3] == ("1.02", "met")
    assert verdict(idle, "two threads over one, each")[2] == "12 of 12"
    assert verdict(idle, "two threads over one, lstm")[::2] == ("0.60", "3 of 3")
    assert verdict(idle, "two threads over one, where") == ("1.02", "imdb_lstm, fit", "3 of 3", "NOT met")
    assert verdict(idle, "two threads over one, beside")[-1] == "not measured"
    busy = found(busy=rows(1.6, 0.6))
    assert verdict(busy, "two threads over one, beside") == (
        "1.60", "addition_rnn, fit", "15 of 15", "NOT met")  # fmt: skip
    recovered = [{"model": "digits", "idle": 1, "busy": 2, "seconds": value} for value in (0.1, 0.2, float("inf"))]
    assert verdict(found(recovery=recovered[:2]), "recovery") == ("0.20", "digits, time 2", "2 of 3", "met so far")
    assert verdict(found(recovery=recovered), "recovery")[::3] == ("inf", "NOT met")


def test_targets_of_padding_and_of_forward_passes():
    from cases import GATED, LENGTHS_SIZES, MASK_SIZES, ONNX, RUNTIME_SIZES, SIZES

    def rows(sizes, **columns):
        return [dict(columns, layer=layer, size=size, kind=kind, busy=0.0)
                for layer in GATED for size in sizes for kind in ("forward", "train")]  # fmt: skip

    lengths = rows(LENGTHS_SIZES, ratio=0.4)
    masks = rows(MASK_SIZES, none={"median": 1.0}, full={"median": 1.04}, left={"median": 0.8})
    onnx = [pair(layer, size, "forward", 0.9, 1, peer=ONNX) for layer in GATED for size in RUNTIME_SIZES]
    torch = [pair("LSTM", size, "forward", 0.97, 1, math=math) for size in SIZES for math in ("torch", "defaults")]
    results = found(lengths=lengths, masks=masks, pairs=onnx + torch)
    assert verdict(results, "sequences of unequal length")[1:] == ("LSTM small, forward", "8 of 8", "met")
    assert verdict(results, "a mask of ones")[::2] == ("1.04", "8 of 8")
    assert verdict(results, "a mask that leaves out half")[::3] == ("0.80", "NOT met")
    assert verdict(results, "LSTM and GRU, every size, over ONNX")[2:] == ("12 of 12", "met")
    assert verdict(results, "LSTM, every size and both")[::2] == ("0.97", "8 of 8")


def cell(what, kind, ours, theirs, limit=0.4, over="torchrecurrent", **others):
    """A row of `cells.py`, made up."""
    return {"what": what, "over": over, "kind": kind, "limit": limit, "ours": ours, "theirs": theirs, "busy": 0.0,
            "ratio": ours / theirs, "least": 0.0421, "compiling": [1.25, 0.5], **others}  # fmt: skip


def test_the_tables_of_cells():
    import cells

    found = [cell("MGU, small", "forward", 0.001, 0.01), cell("MGU, small", "train", 0.005, 0.01),
             cell("MGU, large", "train", 0.03, 0.1, busy=0.2),
             cell("own cell", "train", 0.02, 0.2, None, "a loop in PyTorch"),
             {"what": "own cell", "over": "torch.compile of it", "kind": "train", "limit": 0.3,
              "failure": "not compiled in 10 minutes"},
             cell("model.step", "step", 0.00001, 0.000008, 1.0, "ONNX Runtime", compiling=[2.0, None])]  # fmt: skip
    text = cells.as_text(found, {"processor": "A processor", "torch": "2.13", "ctypes": "1", "products": 2.5e11})
    assert "on this machine, 250 GFLOP/s." in text and "out of reach" not in text
    assert "A processor; torch 2.13; 2" in text
    assert "2 of 5 limits are met. Not met: MGU, small, train, over torchrecurrent (0.50, limit 0.4); model" in text
    assert "Not measured: own cell, train, over torch.compile of it (not compiled in 10 minutes)." in text
    assert ("| MGU | 0.10 (1.00 / 10.0) ≥ 0.04 | **0.50** (5.00 / 10.0) ≥ 0.04 |  "
            "| 0.30 (30.0 / 100) ≥ 0.04 (others were busy) | 1.2 / 1.2 |") in text  # fmt: skip
    assert "| own cell | train | 20.0 | a loop in PyTorch | 200 | 0.10 |  |  | 1.2 | 0.5 |" in text
    assert "| torch.compile of it |  | not compiled in 10 minutes | 0.3 | not measured |  |  |" in text
    assert "| model.step | step | 0.0100 | ONNX Runtime | 0.0080 | 1.25 | 1.0 | **not met** | 2.0 |  |" in text
    broken = {"what": "MGU, small", "over": "torchrecurrent", "kind": "train", "limit": 0.4, "failure": "it broke"}
    text = cells.as_text([broken], {"processor": "A processor", "products": 2.5e11})
    assert "0 of 1 limits are met. Not measured: MGU, small, train, over torchrecurrent (it broke)." in text
    assert "| MGU |  | failed |" in text and "## Others" not in text


def test_limits_below_what_products_take_are_out_of_reach():
    import cells

    found = [cell("MGU, large", "train", 0.05, 0.1, least=least) for least in (0.3, 0.41, 0.45)]
    found.append(cell("ATR, large", "train", 0.039, 0.1, least=0.38))
    text = cells.verdict(found)
    assert text.startswith("1 of 4 limits are met.")
    assert text.endswith(" 2 of these are out of reach here: the products alone would take longer.")


def test_the_operations_of_cells():
    """Of an LSTM, (n + m) * 4m multiplications a step and sample, as many additions; backwards, twice but for x."""
    import cases
    import cells

    case = cases.Case("LSTM", 2, 3, 5, 7, "forward", "torch")
    assert cells.operations(case) == 2 * 2 * 3 * (5 + 7) * 4 * 7
    assert cells.operations(case._replace(kind="train")) == 2 * 2 * 3 * (2 * 5 + 3 * 7) * 4 * 7
    assert cells.operations(case._replace(layer="IndRNN")) == 2 * 2 * 3 * 5 * 7


def test_the_rows_of_cells():
    import cases
    import cells
    import of_theano

    rows = list(cells.rows())
    of_zoo = [row for row in rows if row.over == "torchrecurrent"]
    # torchrecurrent 0.2.5 has so many layers.
    assert len(of_zoo) == 41 * 4 and len(rows) == len(set(rows)) == len(of_zoo) + 10
    assert all(row.limit == 0.4 and row.ours == row.theirs for row in of_zoo)
    ours = of_theano.Ours()
    for case in (row.ours for row in cells.others() if row.ours.kind != "step"):
        layer, values = ours.layer(case), cases.weights(case)
        assert [weight.shape for weight in layer.get_weights()] == [value.shape for value in values.values()]
        assert [weight.name for weight in layer.weights] == [key.replace("_back", "") for key in values]


def test_the_process_that_measures_ours_makes_steps():
    import cases

    case = cases.Case("LSTM", 1, 3, 4, 5, "step", "torch")
    output, seconds = answers([{"do": "prepare", "case": case}, {"do": "stream", "case": case, "steps": 20}])
    layer = rl.LSTM(4, 5, inner_activation="sigmoid", weights=list(cases.weights(case).values()))
    model = rl.Sequential([layer])
    model.compile("sgd", "mse")
    assert_allclose(output["answer"], model.predict(np.repeat(cases.data(case)[0][:, :1], 4, axis=1))[0], rtol=1e-4)
    assert len(seconds["answer"]) == 20 and min(seconds["answer"]) > 0


def test_recovery_is_when_a_median_is_as_it_was():
    from measuring import WINDOW, recovery

    slow, fast = [(0.3 * number, 0.3) for number in range(1, 11)], [(3 + 0.1 * number, 0.1) for number in range(1, 21)]
    # The median of the window is fast as soon as more than half of its steps are.
    assert_allclose(recovery(slow + fast, 3.0, 0.1), 0.1 * (WINDOW // 2 + 1))
    assert recovery(slow, 1.0, 0.1) == recovery([], 1.0, 0.1) == float("inf")
    # What was before the end does not count, however fast it was.
    assert_allclose(recovery(fast, 4.05, 0.1), 0.05)
    assert_allclose(recovery(slow, 2.0, 0.24), 0.7)  # So soon as there are enough steps.


def test_all_that_the_targets_count_is_measured():
    import compare
    import measuring
    from whole_models import KERAS3_JAX, KERAS3_TORCH, KINDS, MODELS, ONNX, OURS, PYTORCH

    options = compare.parse([])
    assert options.parts == list(compare.PARTS) == [part for part in compare.TASKS if part != "sgemm"]
    count = {part: len(list(compare.TASKS[part](None, options))) for part in compare.MODEL_PARTS}
    assert count == {"models": 5 * 4 + 1, "busy": 5 * 3 + 3, "profile": 5, "lengths": 8, "masks": 8, "runtimes": 36}
    both = [(who, threads, "fit") for who in (OURS, PYTORCH) for threads in (1, 2)]
    assert measuring.implementations("fit") == both + [(who, 2, "fit") for who in (KERAS3_TORCH, KERAS3_JAX)]
    one = measuring.implementations("predict_one")
    assert {(ONNX, 1, "predict_one"), (ONNX, 2, "predict_one"), (KERAS3_JAX, 2, "call_one")} < set(one)
    quick = compare.parse(["--quick", "--parts", "models", "masks", "times"])
    names = [name for part in quick.parts for name, _, _ in compare.TASKS[part](None, quick)]
    assert not any("imdb" in name or "reviews" in name or "large" in name for name in names)
    chosen = compare.parse(["--models", "digits", "--sizes", "wide", "--only", "GRU", "--parts", "models", "runtimes"])
    assert chosen.models == ["digits"] and set(KINDS) == {"fit", "predict", "predict_one"} and set(MODELS) > {"digits"}
    assert len(list(compare.runtimes_tasks(None, chosen))) == 3


@pytest.mark.parametrize("name, sizes", [
    ("addition_rnn", ((7, 12), (4, 12))), ("lstm_text_generation", ((20, 57), (57,))), ("imdb_lstm", ((100,), (1,))),
    ("imdb_lstm_masked", ((100,), (1,))), ("digits", ((8, 8), (10,)))])  # fmt: skip
def test_the_whole_models(name, sizes):
    import of_theano
    import whole_models

    x, y = whole_models.data(name, 6)
    assert (x.shape[1:], y.shape[1:]) == sizes and len(x) == len(y) == 6
    model = of_theano.OurModel(rl, whole_models.ModelCase(name, "predict", "torch")).network
    assert model.output_shape[1:] == y.shape[1:] or (name, model.output_shape) == ("addition_rnn", (None, 4, 12))
    weights = [value for one in whole_models.weights(name) for value in one.values()]
    assert [value.shape for value in weights] == [value.shape for value in model.get_weights()]
    assert_allclose(model.get_weights()[0], weights[0])
    # Ours scales what comes through Dropout, the peers do not.
    for ours, theirs in zip(whole_models.weights(name), whole_models.peers_weights(name)):
        ratios = {key: round(float((theirs[key] / ours[key]).max()), 3) for key in ours}
        assert set(ratios.values()) <= {1.0, 0.8, 0.5}
        assert all(ratio == 1.0 for key, ratio in ratios.items() if key[0] != "W")
    last = {"lstm_text_generation": 0.8, "imdb_lstm": 0.5, "imdb_lstm_masked": 0.5}.get(name, 1.0)
    assert ratios == {"W": last, "b": 1.0}


def test_padding():
    import cases
    import whole_models

    for samples, steps in ((16, 1000), (32, 100), (5, 7), (4096, 10)):
        lengths = cases.lengths(samples, steps)
        assert lengths.min() >= 1 and lengths.max() <= steps and len(lengths) == samples
        assert_allclose(lengths.mean() / steps, 0.5, atol=0.08)
        for side in ("left", "right"):
            mask = cases.mask(samples, steps, side)
            assert mask.dtype == bool and (mask.sum(1) == lengths).all()
        assert mask[:, 0].all() and cases.mask(samples, steps, "left")[:, -1].all()
    assert cases.mask(2, 3, "full").all() and cases.mask(2, 3, "none") is None
    x, _ = whole_models.data("imdb_lstm_masked", 16)
    moved, lengths = whole_models.padded_on_the_right("imdb_lstm_masked", x)
    for before, after, length in zip(x, moved, lengths):
        assert (before[100 - length:] == after[:length]).all() and after[:length].all()
        assert not before[:100 - length].any() and not after[length:].any()
    assert (whole_models.data("imdb_lstm", 16)[0] > 0).all()


def test_workers_have_as_many_threads_as_are_asked_for(tmp_path):
    from processes import environment_of

    def settings(name, threads):
        names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "BENCHMARK_THREADS", "BENCHMARK_PROCESSORS")
        with_them, without = environment_of(name, tmp_path, threads), environment_of(name, tmp_path)
        return {key: with_them[key] for key in names if with_them.get(key) != without.get(key)}

    assert settings("ours", 3) == {"OPENBLAS_NUM_THREADS": "3"}
    assert settings("torch", 3) == {"OMP_NUM_THREADS": "3", "BENCHMARK_THREADS": "3"}
    assert settings("keras3-jax", 3) == {"BENCHMARK_PROCESSORS": "3"}
    assert environment_of("keras3-jax", tmp_path)["KERAS_BACKEND"] == "jax"
    for variable in ("THEANO_FLAGS", "PYTENSOR_FLAGS"):
        assert environment_of("ours", tmp_path, flags="profile=True")[variable].endswith("profile=True")


def test_the_tables_of_whole_models_and_padding(tmp_path):
    import picture
    import report

    models = times("digits", "fit", ours_1=0.002, ours_2=0.001, torch_1=0.004, torch_2=0.002, keras_2=0.01)
    models += times("digits", "predict_one", ours_2=0.001, onnx_2=0.0005, keras_2=0.01)
    models += times("digits", "call_one", keras_2=0.004)
    half = {"median": 0.001}
    profile = {"model": "digits", "seconds": 0.01, "function": 0.009, "ops": {
        "LSTM": {"calls": 2.0, "seconds": 0.007}, "Elemwise{" + 99 * "i" + "}": {"calls": 1.0, "seconds": 0.001},
        "Shape": {"calls": 3.0, "seconds": 0.00005}}}  # fmt: skip
    padding = {"layer": "GRU", "size": "small", "kind": "train", "busy": 0.0}
    results = found(
        models=models, busy=times("digits", "fit", ours_1=0.002, ours_2=0.003, torch_2=0.004),
        recovery=[{"model": "digits", "idle": 0.001, "busy": 0.0021, "seconds": 0.25}], profile=[profile],
        checks=[{"model": "digits", "who": "ONNX Runtime", "difference": 1.2e-7}],
        lengths=[dict(padding, ours=half, packed={"median": 0.002}, whole={"median": 0.004}, ratio=0.5)],
        masks=[dict(padding, none={"median": 0.002}, full={"median": 0.0022}, left=half)],
        pairs=[pair("GRU", "wide", "forward", 0.001, 0.002, peer="ONNX Runtime"),
               pair("GRU", "small", "train", 0.001, 0.002), pair("GRU", "large", "train", 0.003, 0.004),
               pair("GRU", "small", "forward", 0.001, 0.01)])  # fmt: skip
    text = report.as_text(results)
    assert "| digits | 2.00 / 1.00 | 4.00 / 2.00 | ? | 10.0 | 0.50 |  | 0.10 |" in text
    assert "| digits | ? / 1.00 | ? / ? | ? / 0.50 | ? | 10.0 / 4.00 |  | 2.00 |  | 0.25 |" in text
    assert "| digits | fit | 2.00 / 3.00 | ? / 4.00 | 1.50 |" in text
    assert "takes 1.00, 2.10 beside busy processes; it is as fast again 0.25 s after" in text
    assert "| `LSTM` | 2 | 7.000 | 70.0 |" in text and "i…` | 1 | 1.000 | 10.0 |" in text
    assert "| other ops |  | 0.050 | 0.5 |" in text
    assert "| the function around its ops |  | 0.950 | 9.5 |" in text
    assert "| `fit` around the function |  | 1.000 | 10.0 |" in text
    assert "| GRU | small | train | 1.00 | 2.00 | 0.50 | 4.00 | 0.25 |" in text
    assert "| GRU | small | train | 2.00 | 2.20 | 1.00 | 1.10 | 0.50 |" in text
    assert "| GRU | wide | torch | 1.00 | 2.00 | 0.50 |" in text
    assert "agree to 1e-07" in text and "Not to be trusted" not in text
    results["models"][0]["busy"] = results["masks"][0]["busy"] = 0.5
    assert "busy: digits, fit." in report.as_text(results) and "busy: GRU small, train." in report.as_text(results)
    summary = report.summary(results)
    assert summary.rstrip().endswith("busy: digits, fit.")  # The README must not show it without saying so.
    assert "| digits | 0.50 (1.00 / 2.00) |  |  |" in summary
    assert "| `GRU` over `torch.nn.GRU` alone | 0.75 | 0.10 |  |" in summary
    assert "MUT1" not in summary and "imdb" not in summary
    assert report.model_ratios(results) == {("digits", "fit", "PyTorch"): 0.5,
                                            ("digits", "fit", "Keras 3 on JAX"): 0.1,
                                            ("digits", "predict_one", "ONNX Runtime"): 2.0,
                                            ("digits", "predict_one", "Keras 3 on JAX"): 0.25}  # fmt: skip
    picture.draw(results, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 1000


def test_both_engines_beside_each_other(tmp_path):
    import compare
    import processes
    import report

    assert not list(compare.engines_tasks(None, compare.parse([])))
    options = compare.parse(["--other-engine", "other/python", "--out", str(tmp_path)])
    assert len(list(compare.engines_tasks(None, options))) == 1 + 2 * 7 * 4
    assert processes.Workers(options).command("other-engine")[0] == "other/python"
    cell = {"layer": "GRU", "size": "small", "kind": "train", "busy": 0.0, "here": {"median": 0.001},
            "there": {"median": 0.00102}, "ratio": 1.02}  # fmt: skip
    other = {"versions": {"Python": "3.13.0", "PyTensor": "3.3.8", "NumPy": "2.5"}, "empty": 17.0, "warm": 1.5}
    results = found(engines=[cell, dict(cell, kind="forward", there={"median": 0.0012}, ratio=1.2)],
                    other_engine=other)  # fmt: skip
    results["machine"]["versions"] = {"recurrent_layers": "0.1", "Python": "3.11.7", "Theano": "1.0.5", "NumPy": "1.23"}
    text = report.as_text(results)
    assert "### PyTensor 3.3.8 over Theano 1.0.5" in text
    assert "| GRU | small | 1.00 | 1.20 | 1.20 | 1.00 | 1.02 | 1.02 |" in text
    assert "takes 17.0 s when nothing is compiled, and 1.5 s later" in text
    mean, each = (f"the other engine over this one, {which}" for which in ("geometric mean", "each"))
    assert verdict(results, mean) == ("1.11", "2 cells", "1 of 1", "NOT met")
    assert verdict(results, each) == ("1.20", "GRU small, forward", "2 of 56", "NOT met")
    assert verdict(results, "first training step on the other")[::3] == ("17.00", "met")
    assert verdict(found(), each)[-1] == "not measured"


def answers(orders, flags=""):
    """What the process that measures ours answers."""
    environment = dict(os.environ, PYTHONPATH=str(BENCHMARKS.parent))
    for variable in ("THEANO_FLAGS", "PYTENSOR_FLAGS"):
        environment[variable] += ",floatX=float32" + flags
    process = subprocess.run(
        [sys.executable, str(BENCHMARKS / "workers.py"), "ours"], input="\n".join(map(json.dumps, orders)),
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)  # fmt: skip
    return map(json.loads, process.stdout.splitlines())


def test_the_process_that_measures_ours():
    import cases

    case = cases.Case("LSTM", 2, 3, 4, 5, "forward", "torch")
    orders = [{"do": "prepare", "case": case}, {"do": "run", "case": case, "repeats": 3},
              {"do": "prepare", "case": case._replace(kind="train", steps=4)}, {"do": "dance"}]  # fmt: skip
    output, seconds, loss, error = answers(orders)

    layer = rl.LSTM(4, 5, inner_activation="sigmoid", weights=list(cases.weights(case).values()))
    model = rl.Sequential([layer])
    model.compile("sgd", "mse")
    assert_allclose(output["answer"], model.predict(cases.data(case)[0])[0], rtol=1e-4, atol=1e-6)
    assert len(seconds["answer"]) == 3 and min(seconds["answer"]) > 0
    assert np.isfinite(loss["answer"]).all()
    assert "dance" in error["error"]


def test_the_process_that_measures_ours_leaves_padding_out():
    import cases

    case = cases.Case("LSTM", 3, 4, 5, 6, "forward", "torch")
    orders = [{"do": "prepare", "case": case._replace(padding=padding)} for padding in ("none", "full", "right")]
    none, full, right = (np.array(answer["answer"]) for answer in answers(orders))
    assert_allclose(full, none, rtol=1e-5)

    length = cases.lengths(3, 4)[0]
    layer = rl.LSTM(5, 6, inner_activation="sigmoid", weights=list(cases.weights(case).values()))
    model = rl.Sequential([layer])
    model.compile("sgd", "mse")
    assert_allclose(right, model.predict(cases.data(case)[0][:1, :length])[0], rtol=1e-4, atol=1e-6)


def test_the_process_that_measures_ours_does_with_a_model():
    import of_theano
    import whole_models

    def order(do, kind, math="defaults", **names):
        return dict(names, do=do, case=whole_models.ModelCase("digits", kind, math))

    orders = [order("prepare", "predict", "torch"), order("prepare", "fit"), order("run", "fit", repeats=3),
              order("run", "predict", repeats=3), order("run", "predict_one", repeats=3),
              order("watch", "fit", seconds=0.1), order("profile", "fit", seconds=0.1)]  # fmt: skip
    output, fit, *runs, steps, profile = (answer["answer"] for answer in answers(orders, ",profile=True"))

    ours = of_theano.OurModel(rl, whole_models.ModelCase("digits", "predict", "torch"))
    expected = ours.network.predict(whole_models.data("digits", ours.model.batch)[0])
    assert_allclose(np.reshape(output, expected.shape), expected, atol=1e-5)
    assert fit == [0.0]
    assert [len(run) for run in runs] == [1, 1, 3] and min(map(min, runs)) > 0
    assert steps and all(took > 0 for _, took in steps)
    assert profile["seconds"] > profile["function"] > sum(op["seconds"] for op in profile["ops"].values()) > 0
    assert any(op["calls"] >= 1 for op in profile["ops"].values())


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_exports_are_called_and_weighed(tmp_path):
    import cases
    import exports_in_c as in_c
    import of_theano

    case = in_c.CASES["LSTM + Dense(1) 8 -> 32"]
    files = in_c.files_of(tmp_path, case, in_c.OURS)
    model = of_theano.network_of(rl, case)
    model.to_c(str(files / "net.c"), dtype="float32")
    model.compile("sgd", "mse")
    compiled, (x, _) = in_c.Compiled(tmp_path, case, flags="-O1"), cases.data(case)
    for kind, number, X in (("step", 3, x[:, [0] * 4]), ("ctypes", 110, x[:, [0] * 4]), ("predict", 110, x)):
        output = compiled.ask("prepare", case=case._replace(kind=kind))
        assert_allclose(output, model.predict(X)[0], atol=1e-6)
        seconds = compiled.ask("run", case=case._replace(kind=kind), repeats=110)
        assert len(seconds) == number and min(seconds) > 0
    whole, step = in_c.sizes_of(files, in_c.OURS), in_c.sizes_of(files, in_c.OURS, ("net_step", "net_reset"))
    weights = 4 * sum(value.size for value in cases.weights(case).values())
    assert weights <= step["constants"] <= whole["constants"] < weights + 200
    assert 0 < step["code"] < whole["code"] and step["stack"] == whole["stack"] > 4 * 32


def test_the_tables_of_exports():
    import exports

    def text(onnx, **changes):
        times = {exports.COMPILED: 8e-6, "ONNX Runtime": 2e-5, "with io_binding": onnx}
        steps, sizes = exports.Row(exports.LIMITED, times, **changes), {"LSTM": {"keras2c": {"code": 7, "stack": 9}}}
        return exports.as_text([steps], [steps._replace(name="GRU")], sizes, {"processor": "A processor", "gcc": "12"})

    assert "it takes 0.80, **met**." in text(1e-5) and "it takes 1.25, **not met**." in text(6.4e-6)
    assert "| LSTM 128 -> 128 | 8.00 | 20.0 | 10.0 |" in text(1e-5) and "| GRU | 8.00 | 20.0 |" in text(1e-5)
    assert "| LSTM | keras2c | 7 |  |  | 9 |" in text(1e-5) and "keras2c was not measured" in text(1e-5)
    assert "128 (others were busy) |" in text(1e-5, busy=0.5)
    assert text(1e-5, failures=("torch: no",)).endswith("\n\nFailed: torch: no; torch: no.\n")
    with pytest.raises(ValueError, match="not compute the same"):
        exports.agree([1.0, 2.0], [1.0, 2.001])


def test_the_readme_shows_the_results(tmp_path):
    import compare
    import report

    summary = (BENCHMARKS / "results" / "summary.md").read_text(encoding="utf-8").strip()
    readme = (BENCHMARKS.parent / "README.md").read_text(encoding="utf-8")
    assert f"{report.BEGIN}\n{summary}\n{report.END}\n" in readme
    copy = tmp_path / "README.md"
    copy.write_text(readme, encoding="utf-8")
    compare.show_in(copy, "Other results.\n")
    assert copy.read_text(encoding="utf-8") == readme.replace(summary, "Other results.")
