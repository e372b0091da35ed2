"""What the README and the pages in docs say: their code is run, and what they name is there."""

import contextlib
import functools
import gzip
import io
import logging
import pathlib
import re
import subprocess
import types

import numpy as np
import pytest
from compiled import BY_SCAN, IN_C, assert_same, is_in_c
from numpy.testing import assert_allclose
from other_processes import said

from recurrent_layers import Masking, Sequential, engine
from recurrent_layers.engine import tensor as T

TESTS = pathlib.Path(__file__).parent
ROOT = TESTS.parent
PATHS = [ROOT / "README.md", ROOT / "examples" / "README.md", ROOT / "trials" / "README.md",
         *sorted(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts)]  # fmt: skip
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PATHS}
CODE = {page: "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
        for page, text in PAGES.items()}  # fmt: skip
# What the code of any page may take as given: sequences and their classes, others and their targets, and long ones.
GIVEN = """
import numpy as np
X, y, X_new = np.random.randn(40, 5, 8), np.eye(10)[np.arange(40) % 10], np.random.randn(3, 5, 8)
targets = np.random.randn(40, 1)
stream, answers = np.random.randn(2, 100, 8), np.random.randn(2, 100, 1)
del np
"""


@pytest.fixture(scope="module")
def left_by(tmp_path_factory):
    """What the code of a page leaves that is run as a script is, once: its names, its folder and what it printed."""

    @functools.lru_cache(maxsize=None)
    def run(page):
        code, names, printed = GIVEN + CODE[page], {"__name__": "__main__"}, io.StringIO()
        folder = tmp_path_factory.mktemp("page")
        for name in re.findall(r'"(keras-.*?\.h5)"', code):  # Written by real Keras.
            (folder / name).write_bytes(gzip.decompress((TESTS / "data" / "models" / f"{name}.gz").read_bytes()))
        if "distributed=True" in code:  # MPI begins in its process.
            return types.SimpleNamespace(folder=folder, printed=said(code, cwd=folder))
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
            patch.chdir(folder)
            exec(compile(code, page, "exec"), names)
        logging.getLogger("recurrent_layers").setLevel(logging.NOTSET)
        return types.SimpleNamespace(names=names, folder=folder, printed=printed.getvalue())

    return run


@pytest.mark.parametrize("page", [page for page, code in CODE.items() if code])
def test_its_code_runs(page, left_by):
    left_by(page)


@pytest.mark.parametrize("page", PAGES)
def test_what_it_links_to_is_there(page):
    text = re.sub(r"^```.*?^```|`[^`]*`", "", PAGES[page], flags=re.DOTALL | re.MULTILINE)
    for path in re.findall(r"\]\((?!\w+:|#)([^)#]+)", text):
        assert (ROOT / page).parent.joinpath(path).exists(), path


# ---- What some pages promise of their code -----------------------------------------------------------------


def test_the_readme(left_by):
    page = left_by("README.md")
    assert page.names["classes"].shape == (3,)
    assert {path.name for path in page.folder.iterdir()} == {"net.onnx", "net.c", "net.h"}


def test_a_model_that_was_saved_predicts_the_same(left_by):
    names = left_by("docs/start.md").names
    assert_allclose(names["again"].predict(names["X"]), names["model"].predict(names["X"]), rtol=1e-6)


def test_every_row_about_keras_names_a_test():
    tables = re.findall(r"\| tested in \|\n\|[-|]+\n((?:\|.*\n)+)", PAGES["docs/from-keras.md"])
    rows = "".join(tables).splitlines()
    assert len(rows) > 50
    for row in rows:
        for name, tests in re.findall(r"`(test_\w+\.py)::([\w:]+)`", row):
            source = (TESTS / name).read_text(encoding="utf-8")
            for test in tests.split("::"):
                assert re.search(rf"^ *(def|class) {test}\b", source, re.MULTILINE), f"{name} has no {test}"
        assert "::" in row.split("|")[-2], row


@pytest.fixture
def names(left_by):
    """What the code of the page on cells leaves."""
    return left_by("docs/own-cell.md").names


def test_the_model_is_trained_and_comes_back(names):
    model, again, X = names["model"], names["again"], names["X"]
    assert np.isfinite(names["history"].history["loss"]).all()
    again.compile(loss="mse", optimizer="sgd", class_mode="binary")
    assert_allclose(again.predict(X), model.predict(X), rtol=1e-6)


@pytest.mark.parametrize("name", ["PeepholeLSTM", "KeepingLSTM", "Clock", "Leaky"])
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


@pytest.mark.parametrize("name", ["PeepholeLSTM", "KeepingLSTM", "Clock", "Leaky"])
def test_padding_changes_nothing_for_its_cells(names, name):
    layer, rng = names[name](3, 5), np.random.RandomState(3)
    layer.set_weights([rng.uniform(-1, 1, weight.shape) for weight in layer.get_weights()])
    model = Sequential([Masking(), layer])
    model.compile(loss="mse", optimizer="sgd")
    X, padding = rng.randn(4, 6, 3), np.zeros((4, 2, 3))
    expected = model.predict(X, verbose=0)
    for padded in ([padding, X], [X, padding], [X[:, :3], padding, X[:, 3:]]):
        assert_allclose(model.predict(np.concatenate(padded, axis=1), verbose=0), expected, rtol=1e-6)
    for x_t in X.transpose(1, 0, 2):
        y_t = model.step(x_t)
    assert_allclose(y_t, expected, rtol=1e-6)


def test_noise_is_drawn_anew_in_each_call_and_at_each_step_in_c(names):
    layer = names["Noisy"](3, 5, sigma=0.5, return_sequences=True, activation="linear", inner_init="zero")
    layer.W.set_value(np.zeros_like(layer.W.get_value()))
    function = engine.function([layer.input], layer.get_output(), mode=IN_C)
    assert is_in_c(function)
    noise = np.stack([function(np.ones((40, 10, 3))) for _ in range(2)])
    assert len(np.unique(noise)) == noise.size
    assert_allclose([noise.mean(), noise.std()], [0, 0.5], atol=0.04)  # Of 4000: five standard errors.


def test_a_forget_bias_of_1(names):
    layer = names["KeepingLSTM"](3, 5)
    begins_at_1 = [name for name, weight in zip(layer.param_names, layer.get_weights()) if (weight == 1).all()]
    assert begins_at_1 == ["b_f"]


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


def test_trainings_go_on_as_the_page_says(left_by):
    page = left_by("docs/trainings.md")
    assert page.printed.splitlines()[-2:] == ["3", "[0, 1] 2"]
    assert {path.name for path in page.folder.iterdir()} == {"training.h5", "mean.h5"}


def test_sweeps(left_by):
    page = left_by("docs/sweeps.md")
    names = page.names
    settings, results, table = names["more"], names["results"], names["table"]
    assert [{name: found[name] for name in ("size", "rate", "seed")} for found in results] == settings
    assert len(table) == 5 and names["one"]["losses"] == pytest.approx(results[0]["losses"])
    assert sorted(table.loss) == sorted(found["loss"] for found in results)
    assert set(re.findall(r"`(sweep_\w+)`", PAGES["docs/sweeps.md"])) == {
        name for name in table if name.startswith("sweep_")}  # fmt: skip
    assert "2.0 ZeroDivisionError: division by zero 1 of 2 trainings failed" in page.printed


def test_export(left_by):
    page, text = left_by("docs/export.md"), PAGES["docs/export.md"]
    X, model, folder = page.names["X"], page.names["model"], page.folder
    predict = engine.function([model.get_input()], model.get_output())
    assert_allclose(page.names["y"], predict(X.astype(engine.config.floatX)), rtol=1e-4, atol=1e-6)
    declared, whole = re.findall(r"```c\n(.*?)```", text, re.DOTALL)
    include, _, step = declared.partition("\n\n")
    begin, whole = "int main(void) { double x[8 * 100] = {1};", whole.replace("float", "double")
    (folder / "main.c").write_text("\n".join([include, begin, whole, step, "return 0; }\n"]))
    subprocess.run("gcc -std=c99 -Wall net.c main.c -lm -o main && ./main", shell=True, check=True, cwd=folder)
    test, = re.findall(r"`(gcc .*?)`", text[:text.index("With `gcc -O3")])
    subprocess.run(test, shell=True, check=True, cwd=folder)
