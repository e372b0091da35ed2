import pathlib
import re

import numpy as np
import pytest

import recurrent_layers as rl
from recurrent_layers.utils.np_utils import to_categorical

README = (pathlib.Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_the_code_runs(code, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"X": np.random.randn(40, 5, 8), "y": to_categorical(np.arange(40) % 10), "X_new": np.random.randn(3, 5, 8),
             "stream": np.random.randn(2, 100, 8), "answers": np.random.randn(2, 100, 1),
             "model": rl.Sequential([rl.GRU(8, 4), rl.Dense(4, 1)])}  # fmt: skip
    exec(code.replace("nb_epoch=20", "nb_epoch=1"), names)
    if "classes" in names:
        assert names["classes"].shape == (3,)


@pytest.mark.parametrize("name", ["SimpleRNN", "SimpleDeepRNN", "GRU", "LSTM", "JZS1", "JZS2", "JZS3"])
def test_the_table_has_the_defaults(name):
    row = next(line for line in README.splitlines() if line.startswith(f"| `{name}`"))
    config = getattr(rl, name)(2, 3).get_config()
    assert row.split("|")[3].strip() == ", ".join(filter(None, [config["activation"], config.get("inner_activation")]))


def test_every_file_that_is_named_is_there():
    for path in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (pathlib.Path(__file__).parents[1] / path).exists(), path


def test_every_row_about_keras_names_a_test():
    section = README[README.index("## Coming from Keras"):README.index("## Examples")]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    assert len(rows) >= 20
    for row in rows:
        for name, test in re.findall(r"`(test_\w+\.py)::(\w+)`", row):
            source = (pathlib.Path(__file__).parent / name).read_text(encoding="utf-8")
            assert re.search(rf"^ *(def|class) {test}\b", source, re.MULTILINE), f"{name} has no {test}"
        assert "::" in row.split("|")[-2], row
