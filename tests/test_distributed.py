"""Trainings by several processes at once: real ranks of MPI, beside one process that trains alone."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from recurrent_layers import engine
from recurrent_layers.training import distributed

HERE = pathlib.Path(__file__).parent
MPIEXEC = pathlib.Path(sys.executable).with_name("mpiexec")
CASES = {3: ["masks_and_weights", "words_by_length"]}
CASES[1] = CASES[2] = CASES[3] + ["a_batch_without_weight", "two_inputs", "meddled_with", "stopped_early"]
if engine.NAME != "Theano":  # What ranks tell each other is no matter of the engine.
    CASES = {1: CASES[3], 2: CASES[3]}


def run(ranks, folder, *cases, check=True, **environment):
    """Let so many ranks do some cases; what each wrote, by case, and the process."""
    folder.mkdir(exist_ok=True)
    command = [MPIEXEC, "-n", str(ranks), sys.executable, HERE / "ranks_at_work.py", folder, *cases]
    # In the order of rank 0 what is said of it: one processor each is enough.
    environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", **environment)
    process = subprocess.run(command, capture_output=True, text=True, env=environment)
    if not check:
        return process
    assert process.returncode == 0, (process.returncode, process.stderr[-3000:])
    written = {case: [json.loads((folder / f"{case}-{rank}.json").read_text()) for rank in range(ranks)]
               for case in cases}  # fmt: skip
    return written


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    return {ranks: run(ranks, folder / str(ranks), *cases) for ranks, cases in CASES.items()}


def assert_close(found, expected, tolerance):
    assert found["epochs"] == expected["epochs"] and found["drawn"] == expected["drawn"]
    assert found["history"].keys() == expected["history"].keys() > set()
    for name, values in expected["history"].items():
        np.testing.assert_allclose(found["history"][name], values, rtol=tolerance, atol=tolerance)
    for kind in ("weights", "memory"):
        for one, other in zip(found[kind], expected[kind]):
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("ranks, case", [(ranks, case) for ranks in (2, 3) for case in CASES.get(ranks, [])])
def test_ranks_train_as_one_process_does(results, ranks, case):
    first, *others = results[ranks][case]
    assert all(other == first for other in others), "not the same bits"
    assert_close(first, results[1][case][0], 1e-12)


def test_what_callbacks_did_counted(results):
    assert results[1]["meddled_with"][0]["epochs"] == [0, 1]
    epochs = results[1]["stopped_early"][0]["epochs"]
    assert 3 <= len(epochs) < 9 and epochs == list(range(len(epochs)))


def test_in_float32(tmp_path):
    flags = {name: os.environ[name].replace("floatX=float64", "floatX=float32")
             for name in ("THEANO_FLAGS", "PYTENSOR_FLAGS")}  # fmt: skip
    alone, both = (run(ranks, tmp_path / str(ranks), "masks_and_weights", **flags)["masks_and_weights"]
                   for ranks in (1, 2))  # fmt: skip
    assert both[0] == both[1]
    assert all((np.float32(weight) == weight).all() for weight in both[0]["weights"])
    for name, values in alone[0]["history"].items():
        np.testing.assert_allclose(both[0]["history"][name], values, rtol=1e-6)


def test_after_the_death_of_a_rank_the_training_goes_on(tmp_path):
    expected = run(2, tmp_path / "whole", "resumed")["resumed"]
    process = run(2, tmp_path / "died", "killed", check=False)
    assert process.returncode != 0 and (tmp_path / "died" / "now").exists()
    assert not list((tmp_path / "died").glob("*.json")) and (tmp_path / "died" / "training.h5").exists()
    found = run(2, tmp_path / "died", "resumed")["resumed"]
    assert found[0] == found[1]
    assert found[0] == expected[0]


def test_what_cannot_be_trained_in_parts_is_refused_by_all(tmp_path):
    found = run(2, tmp_path / "wrong", "wrong")["wrong"]
    samples, arguments, validated, other, shape, missing, *refused, model = zip(*(one["errors"] for one in found))
    assert all("rank 1 has other samples than rank 0" in text for text in samples)
    assert all("rank 1 has other samples to validate on than rank 0" in text for text in validated)
    assert all("rank 1 has other arguments than rank 0" in text for text in other)
    assert all("rank 1 has other arguments than rank 0" in text for text in arguments)
    assert shape[0].startswith("RuntimeError: rank 1 could not begin") and shape[1].startswith("ValueError")
    assert missing[0].startswith("FileNotFoundError") and "rank 0 could not begin" in missing[1]
    expected = ["BatchNormalization", "stateful", "draw by its method `draw`", "one number for all samples"]
    for texts, part in zip(refused, expected):
        assert all(text.startswith("ValueError") and part in text for text in texts), texts
    assert all("rank 1 has another model" in text for text in model)
    assert all(one["unchanged"] for one in found)


def test_a_failure_of_one_ends_all(tmp_path):
    process = run(2, tmp_path / "failing", "failing", check=False)
    assert process.returncode != 0
    said = (tmp_path / "failing" / "said-0.txt").read_text(encoding="utf-8")
    assert "the disk is full" in said and said.endswith("rank 0 of 2 ends all\n")


def test_without_mpi(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ImportError, match="pip install mpi4py mpich"):
        distributed.ranks()
