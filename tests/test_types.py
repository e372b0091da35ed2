"""The types that the package says it has: a user's program is checked against them by mypy, and it runs."""

import os
import pathlib
import subprocess
import sys
import textwrap

import recurrent_layers as rl

PROGRAM = '''
from __future__ import annotations

from typing import Any

import numpy as np

from recurrent_layers import GRU, LSTM, Bidirectional, Dense, Dropout, Masking, Recurrent, Sequential, model_from_json
from recurrent_layers.callbacks import Callback, EarlyStopping, History
from recurrent_layers.engine import tensor as T
from recurrent_layers.layers import zoo
from recurrent_layers.optimizers import Adam
from recurrent_layers.preprocessing.sequence import pad_sequences
from recurrent_layers.regularizers import l2
from recurrent_layers.typing import Array, Variable
from recurrent_layers.utils.np_utils import to_categorical


class MGU(Recurrent):
    param_names = ("W_f", "U_f", "b_f", "W_h", "U_h", "b_h")

    def step(self, x_t: Variable, h_tm1: Variable) -> Variable:
        f = self.inner_activation(T.dot(x_t, self.W_f) + T.dot(h_tm1, self.U_f) + self.b_f)
        h = self.activation(T.dot(x_t, self.W_h) + T.dot(f * h_tm1, self.U_h) + self.b_h)
        return (1 - f) * h_tm1 + f * h


class StopAt(Callback):
    def __init__(self, limit: float) -> None:
        self.limit = limit

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] = {}) -> None:
        if logs["loss"] < self.limit:
            self.model.stop_training = True


def build(nb_classes: int) -> Sequential:
    model = Sequential([MGU(2, 3, return_sequences=True, U_regularizer=l2(0.01)), Dropout(0.2)])
    model.add(Dense(3, nb_classes, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer=Adam(lr=0.01, clipnorm=1.0))
    return model


def losses(model: Sequential, X: Array, y: Array) -> list[float]:
    history: History = model.fit(X, y, batch_size=2, nb_epoch=2, verbose=0, shuffle="batch",
                                 callbacks=[StopAt(0.1), EarlyStopping("loss", patience=1)])
    loss, accuracy = model.evaluate(X, y, show_accuracy=True, verbose=0)
    return [*history.history["loss"], loss, accuracy]


def used_again(model: Sequential, X: Array) -> Sequential:
    model.save_weights("weights.h5", overwrite=True)
    again = model_from_json(model.to_json(indent=2), custom_layers={"MGU": MGU})
    again.load_weights("weights.h5")
    again.to_onnx("model.onnx")
    again.to_c("net.c", dtype="float32")
    again.reset_states()
    for x_t in X.transpose(1, 0, 2):
        again.step(x_t).argmax(axis=-1)
    return again


X = pad_sequences([[[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]]], dtype="float32", padding="post")
labels = to_categorical([[0, 1], [1, 1]], nb_classes=2)
model = build(2)
found = losses(model, X, labels)
shapes = [weight.shape for weight in used_again(model, X).get_weights()]
stack: list[Any] = [Masking(), Bidirectional(GRU(2, 3), merge="sum"), zoo.LEM(2, 3, dt=0.5), LSTM(2, 3, init="normal")]
'''

WRONG = {
    'LSTM("3", 8)': 'Argument 1 to "LSTM" has incompatible type "str"; expected "int"',
    "Sequential().compile(loss=3, optimizer='sgd')": 'Argument "loss" to "compile" of "Sequential" has incompatible',
    "Sequential().fit_generator([1], 10, 1)": 'Argument 1 to "fit_generator" of "Sequential" has incompatible',
    "LSTM(3, 8).get_output(train='yes')": 'Argument "train" to "get_output"',
}


def test_a_program_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"__name__": "program"}
    exec(compile(PROGRAM, "program.py", "exec"), given)
    assert len(given["found"]) == 4 and given["shapes"][0] == (2, 3)
    assert {path.name for path in tmp_path.iterdir()} >= {"weights.h5", "model.onnx", "net.c", "net.h"}


if sys.version_info >= (3, 9):  # There is no mypy in the extra `test` of Python 3.8.

    def said_by_mypy(folder, program):
        """What mypy says of a program; of the package only what it says to its users."""
        (folder / "program.py").write_text(textwrap.dedent(program))
        (folder / "recurrent_layers").symlink_to(pathlib.Path(rl.__file__).parent)
        (folder / "mypy.ini").write_text("[mypy]\nstrict = True\nfollow_imports = silent\n")
        process = subprocess.run([sys.executable, "-m", "mypy", "program.py"], cwd=folder, capture_output=True,
                                 text=True, env=dict(os.environ, MYPY_CACHE_DIR=str(folder / "cache")))  # fmt: skip
        assert not process.stderr
        return process.stdout

    def test_a_program_agrees_with_them(tmp_path):
        assert said_by_mypy(tmp_path, PROGRAM) == "Success: no issues found in 1 source file\n"

    def test_wrong_arguments_do_not(tmp_path):
        said = said_by_mypy(tmp_path, "\n".join(["from recurrent_layers import LSTM, Sequential", *WRONG]))
        errors = [line for line in said.splitlines() if ": error: " in line]
        assert len(errors) == len(WRONG)
        assert [error for error, message in zip(errors, WRONG.values()) if message not in error] == []
