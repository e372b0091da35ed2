"""What the pages in docs say."""

import logging
import pathlib
import re
import subprocess

import numpy as np
import pytest
from compiled import BY_SCAN, IN_C, assert_same, is_in_c
from numpy.testing import assert_allclose
from other_processes import said

from recurrent_layers import engine
from recurrent_layers.engine import tensor as T

DOCS = pathlib.Path(__file__).parents[1] / "docs"


def left_by(page, **given):
    """What the code of a page leaves, when it is run as a script is, with what it is given."""
    text, names = (DOCS / page).read_text(encoding="utf-8"), {"__name__": "__main__", **given}
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(code, names)
    return names


@pytest.fixture(scope="module")
def names():
    """What the code of the page on cells leaves."""
    names = left_by("own-cell.md")
    logging.getLogger("recurrent_layers").setLevel(logging.NOTSET)
    return names


def test_the_model_is_trained_and_comes_back(names):
    model, again, X = names["model"], names["again"], names["X"]
    assert np.isfinite(names["history"].history["loss"]).all()
    again.compile(loss="mse", optimizer="sgd", class_mode="binary")
    assert_allclose(again.predict(X), model.predict(X), rtol=1e-6)


@pytest.mark.parametrize("name", ["PeepholeLSTM", "Clock", "Leaky"])
def test_its_cells_run_in_c(names, name):
    layer = names[name](3, 5)
    rng = np.random.RandomState(1)
    layer.set_weights([rng.uniform(-0.5, 0.5, weight.shape) for weight in layer.get_weights()])
    y = layer.get_output()
    outputs = [y] + T.grad(T.sum(y ** 2), layer.params)
    in_c = engine.function([layer.input], outputs, mode=IN_C)
    assert is_in_c(in_c)
    X = rng.randn(4, 6, 3)
    assert_same(in_c(X), engine.function([layer.input], outputs, mode=BY_SCAN)(X))


def test_the_peepholes_are_those_of_the_equations(names):
    layer, rng = names["PeepholeLSTM"](3, 5, activation="tanh", inner_activation="sigmoid"), np.random.RandomState(2)
    layer.set_weights([rng.uniform(-1, 1, weight.shape) for weight in layer.get_weights()])
    W_i, U_i, p_i, b_i, W_f, U_f, p_f, b_f, W_c, U_c, b_c, W_o, U_o, p_o, b_o = layer.get_weights()
    X = rng.randn(4, 6, 3)
    h, c = np.zeros((2, 4, 5))
    for x in X.transpose(1, 0, 2):
        i = 1 / (1 + np.exp(-(x @ W_i + h @ U_i + p_i * c + b_i)))
        f = 1 / (1 + np.exp(-(x @ W_f + h @ U_f + p_f * c + b_f)))
        c = f * c + i * np.tanh(x @ W_c + h @ U_c + b_c)
        h = np.tanh(c) / (1 + np.exp(-(x @ W_o + h @ U_o + p_o * c + b_o)))
    assert_allclose(engine.function([layer.input], layer.get_output())(X), h, rtol=1e-10)


def test_trainings_go_on_as_the_page_says(tmp_path):
    """In a process of its own, since MPI begins in it."""
    codes = re.findall(r"```python\n(.*?)```", (DOCS / "trainings.md").read_text(encoding="utf-8"), re.DOTALL)
    begin = "import numpy as np\nX, y = np.random.randn(40, 5, 8), np.eye(10)[np.arange(40) % 10]\n"
    end = "print(mean.epochs, model.history.epoch, len(history['loss']))"
    assert said("\n".join([begin, *codes, end]), cwd=tmp_path).splitlines()[-1] == "3 [0, 1] 2"
    assert {path.name for path in tmp_path.iterdir()} == {"training.h5", "mean.h5"}


def test_sweeps(tmp_path, monkeypatch, capsys):
    pytest.importorskip("distributed")
    pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    names = left_by("sweeps.md")
    settings, results, table = names["more"], names["results"], names["table"]
    assert [{name: found[name] for name in ("size", "rate", "seed")} for found in results] == settings
    assert len(table) == 5 and names["best"]["loss"] > 0
    assert sorted(table.loss) == sorted(found["loss"] for found in results)
    assert set(re.findall(r"`(sweep_\w+)`", (DOCS / "sweeps.md").read_text(encoding="utf-8"))) == {
        name for name in table if name.startswith("sweep_")}  # fmt: skip
    assert "2.0 ZeroDivisionError: division by zero 1 of 2 trainings failed" in capsys.readouterr().out


def test_export(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X = np.random.randn(3, 7, 8)
    names = left_by("export.md", X=X, targets=np.zeros((3, 1)))
    model, page = names["model"], (DOCS / "export.md").read_text(encoding="utf-8")
    predict = engine.function([model.get_input()], model.get_output())
    assert_allclose(names["y"], predict(X.astype(engine.config.floatX)), rtol=1e-4, atol=1e-6)
    declared, whole = re.findall(r"```c\n(.*?)```", page, re.DOTALL)
    include, _, step = declared.partition("\n\n")
    begin, whole = "int main(void) { double x[8 * 100] = {1};", whole.replace("float", "double")
    (tmp_path / "main.c").write_text("\n".join([include, begin, whole, step, "return 0; }\n"]))
    subprocess.run("gcc -std=c99 -Wall net.c main.c -lm -o main && ./main", shell=True, check=True)
    test, = re.findall(r"`(gcc .*?)`", page[:page.index("With `gcc -O3")])
    subprocess.run(test, shell=True, check=True)
