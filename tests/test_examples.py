"""Each example runs as it stands, prints what it found and saves a picture."""

import contextlib
import importlib
import json
import os
import pathlib
import random
import re
import sqlite3
import subprocess
import sys

import pytest

from recurrent_layers import engine

distributed = pytest.importorskip("distributed")
pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")
pytest.importorskip("statsmodels")

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "examples"
NAMES = ["digits", "addition", "text_generation", "by_hand", "forecast", "memory", "padding", "stream", "export"]
LAYERS = ["SimpleRNN", "SimpleDeepRNN", "GRU", "LSTM", "JZS1", "JZS2", "JZS3"]
# Engines are compared in other tests: here each layer runs on one of them.
IN_DIGITS = {"Theano": ["SimpleRNN", "SimpleDeepRNN", "GRU", "JZS2"], "PyTensor": ["LSTM", "JZS1", "JZS3"]}[engine.NAME]


def flags(directory):
    """Environment variables of an engine that compiles nothing, which is fastest for so small sizes."""
    flags = f"cxx=,linker=vm,optimizer=fast_compile,base_compiledir={directory / 'theano'}"
    return dict(THEANO_FLAGS=flags, PYTENSOR_FLAGS=flags)


def run(name, directory, *arguments, blocked=None, ranks=None):
    """Run an example in `directory`."""
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments]
    if blocked is not None:
        code = (f"import runpy, sys; sys.modules[{blocked!r}] = None; sys.path.insert(0, {str(EXAMPLES)!r}); "
                f"runpy.run_path({command[1]!r}, run_name='__main__')")
        command[1:2] = ["-c", code]
    if ranks is not None:
        command[:0] = [str(pathlib.Path(sys.executable).with_name("mpiexec")), "-n", str(ranks)]
    return within(directory, command)


def within(directory, command):
    environment = dict(os.environ, **flags(directory), PYTHONIOENCODING="utf-8")
    return subprocess.run(command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                          encoding="utf-8")


def result(done, pattern):
    """The numbers in the line that says what came out."""
    assert done.returncode == 0, done.stderr
    found = re.search(pattern, done.stdout)
    assert found, done.stdout
    return [float(number) for number in found.groups()]


def assert_picture(path):
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")
    assert 600 <= width <= 3000
    assert 400 <= height <= 3000
    assert len(content) > 10000


@pytest.mark.parametrize("layer", IN_DIGITS)
def test_digits_learns_with_every_layer(tmp_path, layer):
    done = run("digits", tmp_path, "--layer", layer, "--samples", "600", "--epochs", "8", "--hidden", "32")
    accuracy, right, total = result(done, r"held-out accuracy: (\S+) % \((\d+) of (\d+) images\)")
    assert total == 200
    assert accuracy == pytest.approx(100 * right / total, abs=0.01)
    assert accuracy > 40  # 10 by chance
    assert_picture(tmp_path / "digits.png")


def test_digits_is_the_same_for_the_same_seed_only(tmp_path):
    def losses(seed):
        done = run("digits", tmp_path, "--seed", seed, "--samples", "60", "--epochs", "1", "--hidden", "4")
        assert done.returncode == 0, done.stderr
        return re.findall(r"loss=[\d.]+", done.stderr)[-1]

    assert losses("1") == losses("1") != losses("2")


def test_addition_learns(tmp_path):
    done = run("addition", tmp_path, "--digits", "1", "--samples", "100", "--epochs", "40", "--hidden", "16",
               "--output", "sums.png")
    characters, sums = result(done, r"held-out accuracy: (\S+) % of the characters, (\S+) % of the sums")
    assert 0 <= sums <= characters <= 100
    losses = [float(loss) for loss in re.findall(r" loss=([\d.]+)", done.stderr)]
    assert losses[-1] < 0.9 * losses[0]
    guesses = re.findall(r"(\d+)\+(\d+) = (.{5}) (right|wrong, it is (\d+))", done.stdout)
    assert len(guesses) == 8 * 6
    for a, b, guess, verdict, answer in guesses:
        total = str(int(a) + int(b))
        assert (verdict == "right") == (guess.strip() == total)
        assert answer in ("", total)
    assert_picture(tmp_path / "sums.png")


def test_text_generation_learns(tmp_path):
    done = run("text_generation", tmp_path, "--characters", "10000", "--epochs", "5", "--hidden", "32",
               "--length", "20", "--sample", "10")
    first, last, frequencies = result(done, r"held-out loss: (\S+) bits .* first epoch, (\S+) after the last; (\S+) by")
    assert last < first - 0.3
    assert 4 < frequencies < 5.5
    assert [float(t) for t in re.findall(r"at temperature (\S+):", done.stdout)] == [0.3, 0.6, 1.0] * 2
    assert_picture(tmp_path / "text_generation.png")


def test_text_generation_reads_a_file(tmp_path):
    (tmp_path / "ab.txt").write_text("äb" * 1000, encoding="utf-8")

    def losses(epochs, *more, **named):
        done = run("text_generation", tmp_path, "--text", "ab.txt", "--epochs", epochs, "--hidden", "8", "--sample",
                   "20", "--layer", "SimpleRNN", *more, **named)
        return result(done, r"held-out loss: (\S+) bits .* first epoch, (\S+) after the last; (\S+) by")

    first, last, frequencies = losses("20")
    assert frequencies == pytest.approx(1)
    assert last < min(first, 0.7)  # A character follows from the one before.
    # With two processes, and in two parts.
    losses("9", "--distributed", "--training", "training.h5", ranks=2)
    again = losses("20", "--distributed", "--training", "training.h5", ranks=2)
    assert again == pytest.approx([first, last, frequencies], abs=0.002)


@pytest.mark.parametrize("truncate_gradient", ["-1", "3"])
def test_by_hand_learns(tmp_path, truncate_gradient):
    done = run("by_hand", tmp_path, "--updates", "80", "--hidden", "8", "--steps", "10",
               "--truncate-gradient", truncate_gradient)
    before, after, naive = result(done, r"held-out error: (\S+) before training, (\S+) after; (\S+) for a guess")
    assert after < 0.8 * before
    assert after < naive
    assert_picture(tmp_path / "by_hand.png")


def test_forecast_is_better_than_naive(tmp_path):
    done = run("forecast", tmp_path, "--networks", "1", "--epochs", "30", "--hidden", "8", "--window", "12")
    last, cycle, linear, recurrent = result(
        done, r"held-out error.*: (\S+) as last year, (\S+) as 11 years before, (\S+) linear, (\S+) GRU")
    assert linear < cycle < last
    assert recurrent < last
    rows = re.findall(r"^(as last year|as 11 years before|linear|GRU) +((?:\d+\.\d \( *\d+\.\d\) *){6})$",
                      done.stdout, re.MULTILINE)
    assert len(rows) == 4
    assert_picture(tmp_path / "forecast.png")


def test_forecast_needs_a_window_of_a_cycle(tmp_path):
    done = run("forecast", tmp_path, "--window", "10")
    assert done.returncode == 2
    assert "--window must be 11 at least" in done.stderr


def test_memory_tells_what_is_solved(tmp_path):
    arguments = ["--layers", "GRU", "--lengths", "20", "4", "--truncations", "-1", "1"]
    done = run("memory", tmp_path, *arguments, "--hidden", "8", "--rates", "0.01", "--updates", "300")
    assert done.returncode == 0, done.stderr
    found = {(through, int(length)): (verdict, float(error)) for through, length, verdict, error in re.findall(
        r"GRU, gradients through (\w+) steps, length (\d+), learning rate 0.01: (solved|not solved) .*, error (\S+)",
        done.stdout)}
    assert found["all", 4][0] == "solved" and found["1", 20][0] == "not solved"
    for verdict, error in found.values():
        assert (verdict == "solved") == (error < 0.1 / 24)  # 1 / 24 is the error of the best constant.
    longest = dict(re.findall(r"^GRU +(all|1) +(\S+) +\d+\.\d\d$", done.stdout, re.MULTILINE))
    for through in ("all", "1"):
        lengths = [length for (other, length), (verdict, _) in found.items() if (other, verdict) == (through, "solved")]
        assert longest[through] == str(max(lengths, default="none"))
    assert_picture(tmp_path / "memory.png")


def test_padding_changes_nothing_with_a_mask(tmp_path):
    done = run("padding", tmp_path, "--samples", "300", "--epochs", "2", "--hidden", "8", "--padding", "6")
    masked, plain = result(done, r"largest change of a prediction by padding: (\S+) with the mask, (\S+) without it")
    assert masked < 1e-6 < 1e-3 < plain
    accuracies = re.findall(r"held-out accuracy (?:with the mask|without it): (\S+) % without padding, (\S+) % with 6 "
                            r"zeros on the left, (\S+) % on the right", done.stdout)
    assert len(accuracies) == 2 and len(set(accuracies[0])) == 1
    assert_picture(tmp_path / "padding.png")


def test_a_stream_is_learned_with_its_state_carried(tmp_path):
    done = run("stream", tmp_path, "--updates", "600", "--piece", "4", "--hidden", "8")
    carried, anew = (result(done, fr"GRU, {how}: (\S+) % of the answers")[0]
                     for how in ("state carried", "begun anew with each piece"))  # fmt: skip
    assert carried > 95 and anew < 65
    assert result(done, r"at most (\S+) away from what pieces give")[0] < 1e-5
    assert_picture(tmp_path / "stream.png")


@pytest.fixture
def jozefowicz(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("jozefowicz")


def test_arithmetic_of_jozefowicz(jozefowicz):
    rng, signs, digits, distractors = random.Random(0), set(), set(), set()
    for _ in range(300):
        text, begin = jozefowicz.arithmetic(rng, digits=8, distractors=3)
        question, result = text[:begin], text[begin:]
        assert re.fullmatch(r"([0-9+-][a-z]{0,3})+=", question)
        a, sign, b = re.fullmatch(r"(\d{1,8})([+-])(\d{1,8})=", re.sub("[a-z]", "", question)).groups()
        assert int(result) == (int(a) + int(b) if sign == "+" else int(a) - int(b))
        signs.add(sign)
        digits |= {len(a), len(b)}
        distractors |= {len(letters) for letters in re.findall("[a-z]*", question)}
    assert (signs, digits, distractors) == ({"+", "-"}, set(range(1, 9)), {0, 1, 2, 3})


def test_xml_of_jozefowicz(jozefowicz):
    depths = set()
    for seed in range(20):
        text, begin = jozefowicz.xml(random.Random(seed), tag=10, length=1000)
        assert len(text) == 1000 and begin == 1
        for document in text.split("\n")[:-1]:  # The last one is cut off.
            tags = re.findall("<(/?)([a-z]{2,10})>", document)
            assert "".join(f"<{slash}{name}>" for slash, name in tags) == document
            opened = []
            for slash, name in tags:
                assert opened.pop() == name if slash else opened.append(name) is None
                depths.add(len(opened))
            assert not opened and len([slash for slash, _ in tags if not slash]) <= 50
    assert depths >= {0, 1, 2, 3, 4}


@pytest.mark.parametrize("task, counted", [("Arithmetic", "0123456789-"), ("XML", "</>\nabcdefghijklmnopqrstuvwxyz")])
def test_what_counts_in_jozefowicz(jozefowicz, task, counted):
    X, y, counts = jozefowicz.batch(dict(jozefowicz.QUICK[task], name=task), random.Random(0), 50)
    assert X.shape == y.shape == counts.shape + (len(jozefowicz.CHARACTERS[task]),)
    assert (X[:, 1:] == y[:, :-1]).all()
    targets = {jozefowicz.CHARACTERS[task][i] for i in y[counts > 0].argmax(axis=-1)}
    assert targets == set(counted)
    assert (counts.all() if task == "XML" else not counts[:, 0].any())


def test_help_and_errors_of_jozefowicz(tmp_path):
    done = run("jozefowicz", tmp_path, "--help")
    assert done.returncode == 0, done.stderr
    for option in ("--quick", "--tasks", "--layers", "--seeds", "--results", "--output"):
        assert option in done.stdout
    assert "python examples/jozefowicz.py --quick" in done.stdout

    done = run("jozefowicz", tmp_path, "--layers", "Transformer")
    assert done.returncode == 2
    assert all(layer in done.stderr.splitlines()[-1] for layer in LAYERS + ["LSTM-b"])

    done = run("jozefowicz", tmp_path, "--layers", "LSTM", "--budget", "500")
    assert (done.returncode, done.stderr.strip()) == (
        1, "No size of LSTM comes within 2 % of 500 weights: take a larger --budget.")


def test_jozefowicz_resumes(tmp_path, monkeypatch):
    arguments = ["--quick", "--tasks", "Arithmetic", "--layers", "SimpleRNN", "LSTM", "LSTM-b", "--seeds", "1",
                 "--rates", "0.003", "0.01", "--updates", "2", "--budget", "5000", "--held-out", "50",
                 "--output", "a.png"]
    done = run("jozefowicz", tmp_path, *arguments)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"layer=\S+, .*rate=\S+, seed=\d, .*test=", done.stdout)) == 3 * (2 + 1)
    assert_picture(tmp_path / "a.png")
    table = (tmp_path / "a.md").read_text(encoding="utf-8")
    assert table in done.stdout
    weights = [int(row.split("|")[4]) for row in table.splitlines() if row.startswith(("| SimpleRNN", "| LSTM"))]
    assert len(weights) == 3 and all(abs(n - 5000) <= 100 for n in weights)
    assert re.search(r"Best first, in the paper: LSTM-b, LSTM, SimpleRNN; here: [\w, -]+\.", table)
    assert re.search(r"LSTM-b (beats|does not beat) LSTM: ", table)
    assert re.search(r"Every gated layer beats SimpleRNN|these do not beat SimpleRNN: LSTM", table)

    with contextlib.closing(sqlite3.connect(tmp_path / "jozefowicz_results")) as results, results:
        kept = "SELECT validation, test FROM trainings ORDER BY layer, rate, seed"
        before = results.execute(kept).fetchall()
        assert results.execute("DELETE FROM trainings WHERE layer = 'LSTM-b' AND seed = 1").rowcount == 1
    for name, value in flags(tmp_path).items():
        monkeypatch.setenv(name, value)
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None, memory_limit=0,
                                  local_directory=str(tmp_path)) as cluster:  # fmt: skip
        done = run("jozefowicz", tmp_path, *arguments, "--cluster", cluster.scheduler_address)
    assert re.findall(r"layer=(\S+), .*seed=(\d), .*test=", done.stdout) == [("LSTM-b", "1")], done.stderr
    assert (tmp_path / "a.md").read_text(encoding="utf-8") == table  # One seed, one result, wherever it runs.
    with contextlib.closing(sqlite3.connect(tmp_path / "jozefowicz_results")) as results:
        assert results.execute(kept).fetchall() == before


def test_exports_give_the_same_curve(tmp_path):
    done = run("export", tmp_path, "--epochs", "3", "--hidden", "6")
    errors = dict(re.findall(r"^(\S.*?) +mean error ([0-9.]+)", done.stdout, re.MULTILINE))
    assert set(errors) == {"sensor", "predict", "ONNX Runtime", "program of C"}, done.stderr
    assert float(errors["predict"]) < 0.8 * float(errors["sensor"])
    away = re.findall(r"at most (\S+) away from predict", done.stdout)
    assert len(away) == 3 and max(map(float, away)) < 1e-5
    assert {"net.onnx", "net.c", "net.h", "main.c"} <= {path.name for path in (tmp_path / "exported").iterdir()}
    assert_picture(tmp_path / "export.png")


def test_the_gallery_shows_each_example():
    gallery = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    names = {path.stem for path in EXAMPLES.glob("[!_]*.py")}
    assert names == {*NAMES, "jozefowicz", "evolve"}
    for name in names:
        assert f"python examples/{name}.py" in gallery
        assert f"](pictures/{name}.png)" in gallery
        assert_picture(EXAMPLES / "pictures" / f"{name}.png")


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What each example says of itself, and of a layer that there is not: (code, output, errors); in one process."""
    code = """
import contextlib, io, json, runpy, sys
for path in sys.argv[1:]:
    for arguments in (["--help"], ["--layer", "Transformer"]):
        sys.argv, output, errors, code = [path, *arguments], io.StringIO(), io.StringIO(), None
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            try:
                runpy.run_path(path, run_name="__main__")
            except SystemExit as end:
                code = end.code
        print(json.dumps([code, output.getvalue(), errors.getvalue()]))
"""
    done = within(tmp_path_factory.mktemp("said"), [
        sys.executable, "-c", f"import sys; sys.path.insert(0, {str(EXAMPLES)!r})\n{code}",
        *(str(EXAMPLES / f"{name}.py") for name in NAMES)])  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = list(map(json.loads, done.stdout.splitlines()))
    return dict(zip(NAMES, zip(lines[::2], lines[1::2])))


@pytest.mark.parametrize("name", NAMES)
def test_help_and_errors(said, name):
    (code, output, errors), of_wrong = said[name]
    assert code == 0, errors
    for option in ("--layer", "--seed", "--output"):
        assert option in output
    assert f"python examples/{name}.py" in output

    code, output, errors = of_wrong
    assert code == 2, errors
    for layer in LAYERS:
        assert layer in errors.splitlines()[-1]


@pytest.mark.parametrize("name, blocked", [("by_hand", "matplotlib"), ("digits", "sklearn"),
                                           ("forecast", "statsmodels"), ("export", "onnxruntime")])
def test_what_is_missing_is_said_in_one_line(tmp_path, name, blocked):
    done = run(name, tmp_path, blocked=blocked)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert 'pip install -e ".[examples]"' in done.stderr
