"""The command of the hostile trials; the trials themselves run by ``python -m trials``."""

import ctypes
import importlib
import json
import mmap
import os
import textwrap
import time

import h5py
import numpy as np
import pytest

if not os.path.exists("/proc/self/statm"):
    pytest.skip("trials fork, and read what Linux says of processes", allow_module_level=True)

import recurrent_layers as rl
from trials import calls, json_texts, sanitizer, signals, soak, steps, weight_files
from trials.children import in_children, resident_memory
from trials.process import Run
from trials.registry import TRIALS
from trials.runner import main


@pytest.fixture
def of_mine(tmp_path, monkeypatch):
    """Registers a trial that is written here."""

    def register(name, body):
        code = f'import os, signal, time\n\ndef trial(run):\n    """Mine."""\n{textwrap.indent(body, "    ")}\n'
        (tmp_path / f"{name}_trial.py").write_text(code)
        monkeypatch.setitem(TRIALS, name, f"{name}_trial")

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    return register


def test_trials_print_a_line_and_write_figures(tmp_path, capsys):
    assert main(["saving", "weight-files", "--seconds", "1", "--seed", "3", "--out", str(tmp_path)]) == 0
    first, second = capsys.readouterr().out.strip().splitlines()
    assert first.startswith("saving       passed  ") and " kills (" in first
    assert second.startswith("weight-files passed  ") and "refused or read" in second
    assert sorted(os.listdir(tmp_path)) == ["saving.json", "summary.md", "weight-files.json"]
    outcome = json.loads((tmp_path / "saving.json").read_text())
    assert outcome["passed"] and not outcome["failures"] and outcome["figures"]["kills_of_weights"] > 0
    assert outcome["seed"] == 3 and "numpy" in outcome["versions"] and outcome["duration"] >= 1
    assert f"| saving | passed | {outcome['what']} | " in (tmp_path / "summary.md").read_text()


def test_what_a_trial_finds_makes_it_fail(tmp_path, capsys, of_mine):
    of_mine("good", 'run.tries("one")\nreturn "all is well"')
    of_mine("bad", 'run.tries("one")\nrun.fails("it is broken", "long: f(1, 2)")\nrun.fails("it is broken", "f(1)")\n'
                   'return "1 of 1 broken"')  # fmt: skip
    assert main(["good", "--seconds", "1", "--out", str(tmp_path)]) == 0
    assert main(["good", "bad", "--seconds", "1", "--out", str(tmp_path)]) == 1
    assert "FAILED  1 of 1 broken; 1 distinct fault" in capsys.readouterr().out
    outcome = json.loads((tmp_path / "bad.json").read_text())
    assert outcome["failures"] == [{"what": "it is broken", "count": 2, "reproduce": "f(1)"}]
    assert "- it is broken (2 times): `f(1)`" in (tmp_path / "summary.md").read_text()


@pytest.mark.parametrize("body, found", [
    ('run.tries("the case")\nos.kill(os.getpid(), signal.SIGSEGV)', "the trial was ended by SIGSEGV"),
    ('raise KeyError("the case")', "exit status 1"), ('return "nothing"', "nothing was tried"),
])  # fmt: skip
def test_so_does_the_end_of_its_process(body, found, tmp_path, of_mine):
    of_mine("dying", body)
    assert main(["dying", "--seconds", "1", "--out", str(tmp_path)]) == 1
    failure, = json.loads((tmp_path / "dying.json").read_text())["failures"]
    assert failure["what"] == found
    assert "the case" in failure["reproduce"] + failure.get("log", "") or found == "nothing was tried"


@pytest.mark.skipif(not sanitizer.libraries(), reason="there are no sanitizers")
@pytest.mark.parametrize("wrong, found", [
    ("volatile int* few = new int[n]; few[n] = 1;", "AddressSanitizer: heap-buffer-overflow in wrong code.cpp"),
    ("volatile int large = n; large += 2147483647;", "signed integer overflow: 3 + 2147483647 "),
])  # fmt: skip
def test_sanitizers_find_what_c_code_does_wrong(wrong, found, tmp_path, of_mine):
    of_mine("wrong", textwrap.dedent(f"""
        import ctypes, subprocess
        cxx = os.environ["THEANO_FLAGS"].rpartition("cxx=")[2].partition(",")[0]
        (run.folder / "code.cpp").write_text('extern "C" void wrong(int n) {{ {wrong} }}')
        subprocess.run([cxx, "-shared", "-fPIC", "code.cpp", "-o", "code.so"], cwd=run.folder, check=True)
        run.tries("the case")
        ctypes.CDLL(str(run.folder / "code.so")).wrong(3)
        return "nothing is noticed"
    """))
    assert main(["wrong", "--seconds", "1", "--sanitize", "--out", str(tmp_path)]) == 1
    failure, = json.loads((tmp_path / "wrong-address.json").read_text())["failures"]
    assert failure["what"].startswith(found) and failure["reproduce"] == "the case"


@pytest.mark.skipif(not sanitizer.libraries("thread"), reason="there is no sanitizer of threads")
def test_sanitizers_find_what_threads_do_at_once(tmp_path, of_mine):
    of_mine("racing", textwrap.dedent("""
        import ctypes, subprocess
        (run.folder / "code.cpp").write_text('#include <thread>\\nint shared; extern "C" void race() '
                                             '{ std::thread other([] { shared = 1; }); shared = 2; other.join(); }')
        cxx = os.environ["THEANO_FLAGS"].rpartition("cxx=")[2].partition(",")[0]
        subprocess.run([cxx, "-shared", "-fPIC", "code.cpp", "-o", "code.so"], cwd=run.folder, check=True)
        run.tries("the case")
        ctypes.CDLL(str(run.folder / "code.so")).race()
        return "nothing is noticed"
    """))
    assert main(["racing", "--seconds", "1", "--sanitize-threads", "--out", str(tmp_path)]) == 1
    failure, = json.loads((tmp_path / "racing-thread.json").read_text())["failures"]
    assert failure["what"].startswith("ThreadSanitizer: data race in") and failure["reproduce"] == "the case"


def test_a_random_seed_is_told(tmp_path, of_mine):
    of_mine("seeded", 'run.tries("one")\nreturn f"seed {run.seed}, {run.number} cases"')
    assert main(["seeded", "--seconds", "1", "--seed", "random", "--number", "3", "--out", str(tmp_path)]) == 0
    outcome = json.loads((tmp_path / "seeded.json").read_text())
    assert outcome["sentence"] == f"seed {outcome['seed']}, 3 cases"
    assert outcome["command"].endswith(f" --seed {outcome['seed']} --number 3")


def test_a_run_goes_on_until_enough_has_been_tried(tmp_path):
    run = Run(0.0, 0, tmp_path, number=2)
    while run.goes_on():
        run.tries()
    assert run.tried == 2


def test_an_unknown_name(capsys):
    with pytest.raises(SystemExit) as end:
        main(["saving", "absent"])
    assert end.value.code == 2 and "there is no trial absent; there are saving, " in capsys.readouterr().err


@pytest.mark.parametrize("name", TRIALS)
def test_each_trial_says_what_it_is(name):
    doc = importlib.import_module(TRIALS[name]).trial.__doc__
    assert doc.strip().endswith(".") and "\n" not in doc.strip()


def test_children_may_die():
    def work(number):
        if number == 1:
            ctypes.string_at(0)
        if number == 2:
            time.sleep(60)
        if number == 3:
            raise ValueError("of the trial itself")
        return number

    cases = []
    for case in in_children(work, lambda: len(cases) < 5, seconds=10.0):
        cases.append(case)
    assert [case.value for case in cases[:5]] == [0, None, None, None, 4]
    assert [case.problem for case in cases[1:4]] == ["ended by SIGSEGV", "hangs: no end within 10 s", "exit status 1"]
    assert "ValueError: of the trial itself" in cases[3].where


def test_memory_of_children_is_seen_and_limited():
    sizes = {0: 0, 1: 100 * 2**20, 2: 2**30}

    def work(number):
        """Take memory from the system: what the C library has kept is in memory already."""
        size = sizes[number]
        try:
            with mmap.mmap(-1, max(size, 1)) as memory:
                for page in range(0, size, mmap.PAGESIZE):
                    memory[page] = 1
            return size
        except OSError:
            return "too much"

    cases = []
    for case in in_children(work, lambda: len(cases) < 3, memory=500, each=3):
        cases.append(case)
    none, some, much = cases
    assert (none.value, some.value, much.value) == (0, 100 * 2**20, "too much")
    assert none.megabytes < 20 and 80 < some.megabytes < 150


def test_mutations_are_the_same_again(tmp_path):
    good, path = tmp_path / "good.h5", tmp_path / "mutated.h5"
    weight_files.model().save_weights(good)
    for number in range(1, 60, 2):
        weight_files.mutate(good, path, 5, number)
        first = path.read_bytes()
        weight_files.mutate(good, path, 5, number)
        assert path.read_bytes() == first
    text = json_texts.compiled().to_json()
    assert [json_texts.mutated(text, 5, k) for k in range(40)] == [json_texts.mutated(text, 5, k) for k in range(40)]


def test_a_mutation_of_the_structure(tmp_path):
    good, path = tmp_path / "good.h5", tmp_path / "mutated.h5"
    weight_files.model().save_weights(good)
    chosen = {weight_files.mutation(0, number)[0]: number for number in range(0, 400, 2)}
    weight_files.mutate(good, path, 0, chosen[weight_files.not_finite])
    with h5py.File(path, "r") as file:
        weights = [file[name][()] for name in weight_files.places(file) if isinstance(file[name], h5py.Dataset)]
    assert sum(not np.isfinite(weight).all() for weight in weights) == 1


def test_a_run_keeps_what_is_shortest(tmp_path):
    run = Run(0.0, 0, tmp_path)
    for case in ("f(1, 2)", "f(1)", "f(1, 2, 3)"):
        run.tries(case)
        run.fails("broken", case)
    assert run.noted() == "f(1, 2, 3)" and run.tried == 3 and not run.goes_on()
    assert run.failures == {"broken": {"count": 3, "reproduce": "f(1)"}}


def test_what_memory_grows_is_measured(tmp_path, monkeypatch):
    assert resident_memory() > 10, "MB"
    kept = []
    monkeypatch.setattr(soak, "resident_memory", lambda: 100 + len(kept))
    monkeypatch.setattr(soak.gc, "collect", lambda: 0)  # Through all that other tests have left, each time.
    run = Run(0.5, 0, tmp_path)
    assert np.isclose(soak.growth(lambda: kept.append(1), run.goes_on), 1)
    assert np.isclose(soak.growth(lambda: None, run.goes_on), 0)


def test_calls_are_of_all_that_is_public():
    names = {name for name, _, _, _ in calls.public()}
    assert {"rl.LSTM", "rl.Sequential.fit", "rl.Sequential.set_weights", "rl.model_from_json", "conversion.from_torch",
            "rl.optimizers.get", "rl.callbacks.EarlyStopping", "sequence.pad_sequences"} <= names  # fmt: skip
    assert "rl.Dense.stepwise" not in names, "it is no method"


@pytest.mark.parametrize("call, replaced, kind", [
    ("rl.Dense", {"input_dim": "None"}, "clear"), ("rl.Dense", {"activation": "'tanh'"}, "accepted"),
    ("broken", {}, "foreign"), ("it.half", {}, "half-changed"),
])  # fmt: skip
def test_what_comes_of_a_call(call, replaced, kind, monkeypatch):
    def broken():
        raise KeyError("of somebody else")

    class Thing:
        def half(self):
            self.is_half = True
            rl.Dense(0, 1)

    monkeypatch.setitem(calls.NAMESPACE, "broken", broken)
    monkeypatch.setitem(calls.NAMESPACE, "Thing", Thing)
    valid = {"input_dim": "2", "output_dim": "3"} if call == "rl.Dense" else {}
    assert calls.outcome(calls.Target(call, "Thing()", call, valid), replaced)[0] == kind


def test_interrupts_come_where_they_shall():
    layer = rl.Dense(2, 3)
    count, line = signals.interrupted_at(layer.get_weights, None)
    assert count > 3 and line == ""
    lines = [signals.interrupted_at(layer.get_weights, place)[1] for place in range(count)]
    assert all("recurrent_layers/" in line or "layers/base.py" in line for line in lines)
    assert len(set(lines)) > 2


class TestSteps:
    def test_they_are_of_one_dtype_and_others_each_time(self):
        first, second = steps.group(7, 0), steps.group(7, 1)
        assert {program.dtype for program in first} == {"float32"} and first == steps.group(7, 0)
        assert {program.dtype for program in second} == {"float64"} and not {*first} & {*second}

    def test_what_is_found_is_told(self, tmp_path, monkeypatch):
        def outcomes(programs):
            outcome = steps.drawn_steps.Outcome
            if programs[0].dtype == "float64":
                os.abort()
            return [outcome(programs[0], "differs", "by much"), *(outcome(one, is_in_c=True) for one in programs[1:])]

        monkeypatch.setattr(steps.drawn_steps, "outcomes", outcomes)
        monkeypatch.setattr(steps.drawn_steps, "shrunk", lambda outcome, goes_on: outcome)
        run = Run(0.0, 0, tmp_path, number=2 * steps.TOGETHER)
        assert steps.trial(run) == ("10 drawn steps of seed 0: 4 in C, 0 by scan, 1 with other numbers, 0 errors, "
                                    "1 processes ended")  # fmt: skip
        assert set(run.failures) == {"other numbers than by scan", "ended by SIGABRT"}
        assert run.failures["ended by SIGABRT"]["count"] == steps.TOGETHER
        assert "Program(dtype='float64'" in run.failures["ended by SIGABRT"]["reproduce"]
