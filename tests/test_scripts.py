"""Scripts of 2015 run with nothing changed, by `python -m recurrent_layers script.py`, and learn what they learnt."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from script_files import write_all

import recurrent_layers as rl
from recurrent_layers import engine

SCRIPTS = pathlib.Path(__file__).parent / "scripts"
# What is written as it was for Keras 0.1; what each prints as its result at least, which none does that learns nothing.
FOR_KERAS_01 = [
    ("addition.py", 0.8),
    ("addition_rnn.py", 0.65),
    ("addition_rnn.py JZS3", 0.65),
    ("babi_rnn.py", 0.65),
    ("callbacks.py", 0.6),
    ("custom_gru.py", 0.75),
    ("custom_layer.py", 0.7),
    ("custom_loss.py", 0.5),
    ("deep_rnn.py", 0.8),
    ("imdb_gru.py", 0.8),
    ("imdb_lstm.py", 0.8),
    ("language_model.py", 2.0),
    ("lstm_text_generation.py", 0.35),
    ("masked_recurrent.py", 0.7),
    ("mnist_irnn.py", 0.4),
    ("music.py", 0.6),
    ("normalized.py", 0.5),
    ("pretrained.py", 0.75),
    ("reuters_jzs.py SimpleDeepRNN JZS2", 0.7),
    ("sensors.py", 0.7),
    ("sentiment.py", 0.8),
    ("skipgrams.py", 0.8),
    ("stock.py", 1.4),
    ("tokenizer.py", 0.8),
    ("train_by_hand.py", 0.55),
    ("visual_qa.py", 0.6),
    ("weighted.py", 0.6),
    ("yaml_model.py", 0.5),
]
# These run in C, as for a user; the others as tests do, since compiling takes longest.
IN_C = ["addition_rnn.py JZS3", "lstm_text_generation.py"]
# And for Keras 0.2 and 0.3, which needs Theano.
FOR_KERAS_03 = [("keras02_imdb.py", 0.7), ("keras03_stateful.py", 0.8)]
ON_THEANO = engine.NAME == "Theano"
# What a script asks of the engine, other tests ask, too: some run on both, the others on one, these on PyTensor.
ON_BOTH = ["addition_rnn.py JZS3", "custom_gru.py", "imdb_lstm.py", "lstm_text_generation.py"]
ON_PYTENSOR = ["addition_rnn.py JZS3", "callbacks.py", "custom_gru.py", "custom_layer.py", "imdb_lstm.py",
               "lstm_text_generation.py", "masked_recurrent.py", "reuters_jzs.py SimpleDeepRNN JZS2",
               "train_by_hand.py", "visual_qa.py", "weighted.py"]  # fmt: skip


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    """What has been downloaded before."""
    folder = tmp_path_factory.mktemp("keras") / "datasets"
    write_all(folder)
    return folder


@pytest.fixture
def run(datasets, tmp_path):
    """Runs a script in a folder and a home of its own, with options for the runner and a path to further packages."""
    home, folder = tmp_path / "home", tmp_path / "scripts"
    shutil.copytree(datasets, home / ".keras" / "datasets")
    # Of a Keras of later years.
    (home / ".keras" / "keras.json").write_text(
        json.dumps({"floatx": "float32", "epsilon": 1e-07, "backend": "tensorflow"}))
    folder.mkdir()

    def run(command, *options, in_c=False, packages=""):
        name, *arguments = command.split()
        shutil.copy(SCRIPTS / name, folder)
        # In the type that a user has, who sets none, and with what is compiled where it always is.
        flags = f",base_compiledir={engine.config.base_compiledir}"
        environment = dict(os.environ, HOME=str(home), OPENBLAS_NUM_THREADS="2",
                           PYTHONPATH=os.pathsep.join([str(pathlib.Path(rl.__file__).parents[1]), str(packages)]))
        for variable, cxxflags in (("THEANO_FLAGS", "gcc.cxxflags"), ("PYTENSOR_FLAGS", "gcc__cxxflags")):
            environment[variable] = re.sub(r"\bfloatX=\w+,", "", environment[variable])
            environment[variable] += flags + (f",mode=FAST_RUN,{cxxflags}=-O0" if in_c else "")
        environment.pop("KERAS_BACKEND", None)
        return subprocess.run([sys.executable, "-m", "recurrent_layers", *options, name, *arguments],
                              cwd=folder, env=environment, capture_output=True, text=True)

    return run


def learnt(process, keras, least):
    """Check that a script ended well, began by saying which Keras it has, and has learnt enough."""
    assert process.returncode == 0, (process.returncode, process.stdout[-1000:], process.stderr[-3000:])
    first = process.stderr.splitlines()[0]
    assert first.startswith(f"recurrent_layers: keras is {keras} here, theano is {engine.NAME} ("), first
    result = float(re.search(r"^Result: (.+)$", process.stdout, re.MULTILINE).group(1))
    assert result >= least


@pytest.mark.parametrize("command, least", [(command, least) for command, least in FOR_KERAS_01
                                            if command in ON_BOTH or ON_THEANO != (command in ON_PYTENSOR)])
def test_a_script_of_its_time(command, least, run):
    learnt(run(command, in_c=command in IN_C), "recurrent_layers", least)


if ON_THEANO:

    @pytest.mark.parametrize("command, least", FOR_KERAS_03)
    def test_a_script_for_later_keras(command, least, run):
        learnt(run(command), "Keras 0.3.3", least)

else:

    @pytest.mark.parametrize("command", [command for command, _ in FOR_KERAS_03])
    def test_a_script_for_later_keras_says_what_it_needs(command, run):
        process = run(command)
        assert process.returncode == 1 and not process.stdout
        assert f"{command} needs Keras 0.3.3 itself" in process.stderr and "Python 3.8 to 3.11" in process.stderr


def test_all_scripts_are_run():
    commands = [command.split()[0] for command, _ in FOR_KERAS_01 + FOR_KERAS_03]
    not_to_run = {"python2.py", "keras02_one_size.py"}
    assert {*commands, *not_to_run} == {path.name for path in SCRIPTS.glob("*.py")}
    page = (SCRIPTS.parents[1] / "docs" / "from-keras.md").read_text(encoding="utf-8")
    first, both, second = re.search(r"(\d+) scripts written .*? (\d+) of them\s+on both; and (\d+) scripts",
                                    page, re.DOTALL).groups()  # fmt: skip
    assert int(first) == len({command.split()[0] for command, _ in FOR_KERAS_01}) and int(second) == len(FOR_KERAS_03)
    assert int(both) == len(ON_BOTH) and {*ON_BOTH} <= {*ON_PYTENSOR}


class TestWhatCannotRun:
    def test_python_2(self, run):
        process = run("python2.py")
        assert process.returncode == 1 and not process.stdout and "Traceback" not in process.stderr
        assert "python2.py, line 10 is no Python 3" in process.stderr
        assert "futurize -w python2.py" in process.stderr and "2to3 -w python2.py" in process.stderr
        assert "both need a module that came with Python up to 3.12" in process.stderr

    def test_a_style_whose_keras_is_not_there(self, run, tmp_path):
        # The Keras of today stands in its place.
        package = tmp_path / "packages" / "keras-3.0.0.dist-info"
        package.mkdir(parents=True)
        (package / "METADATA").write_text("Metadata-Version: 2.1\nName: keras\nVersion: 3.0.0\n")
        process = run("keras02_one_size.py", packages=package.parent)
        assert process.returncode == 1 and not process.stdout and "Traceback" not in process.stderr
        *_, message = process.stderr.splitlines()
        assert "keras02_one_size.py needs Keras 0.3.3 itself (LSTM with one size in line 16)" in message
        assert "the Keras that is installed is 3.0.0, not 0.3.3" in message
        assert "pip install keras==0.3.3" in message and "--keras=0.1" in message

    def test_one_size_as_two(self, run):
        process = run("keras02_one_size.py", "--keras=0.1")
        assert process.returncode == 1 and not process.stdout
        *_, message = process.stderr.splitlines()
        assert message.startswith("ValueError: LSTM expects input of shape (None, None, 128)")
        assert "LSTM(128) is LSTM(input_dim=128, output_dim=128)" in message and "--keras=0.3" in message
