"""What is shown of a layer: its equations, what is kept, and the code that is compiled."""

import os
import re
import subprocess
import sys
import threading

import numpy as np
import pytest
from compiled import IN_C, ops

from recurrent_layers import GRU, LSTM, Dense, SimpleDeepRNN, SimpleRNN, __main__, engine, show
from recurrent_layers.engine import tensor as T
from recurrent_layers.recurrence.loops import Loops
from recurrent_layers.recurrence.show import explain


def compiled(layer):
    """The forward and the backward loops of a function of all that a layer trains, and of its input."""
    y = layer.get_output()
    gradients = T.grad(T.sum(y * T.arange(y.shape[1]).dimshuffle("x", 0, "x")), layer.params + [layer.input])
    function = engine.function([layer.input], gradients, mode=IN_C)
    return [node.op for node in ops(function, Loops)], function


def without_names(code):
    return re.sub(r"[A-Za-z_]\w*", "_", code)


@pytest.mark.parametrize("kind", [GRU, SimpleDeepRNN])
def test_what_is_shown_is_what_is_compiled_but_for_names(kind):
    layer = kind(3, 5, return_sequences=True)
    loops, _ = compiled(layer)
    forward, backward = re.split("\n\n(?:Forward|Backward), all steps:\n\n", explain(layer))[1:]
    assert [without_names(forward), without_names(backward)] == [without_names(op.code) for op in loops]


def test_the_names_are_those_of_the_step():
    text = explain(GRU(3, 5))
    assert "hh = activation(W_h.x_t + U_h.(r * h_tm1) + b_h)" in text
    for line in ("const real z = ", "const real r = ", "const real hh = ", " . U_h\n", "h_tm1 . U_z\n"):
        assert line in text
    assert "weight" not in text


def test_what_is_kept_is_counted():
    layer = LSTM(3, 5, return_sequences=True)
    (forward, _), _ = compiled(layer)
    numbers = len(forward.shapes) * 5
    size = np.dtype(layer.input.dtype).itemsize
    assert f"of each sample for the gradient: {numbers} numbers, {numbers * size} bytes" in explain(layer)


@pytest.mark.parametrize("layer, kept", [
    (GRU(3, 5), ["state0_t", "r * h_tm1", "hh", "0.5 + 0.2 * (x_t . W_r + h_tm1 . U_r + b_r)",
                 "0.5 + 0.2 * (x_t . W_z + h_tm1 . U_z + b_z)"]),
    (SimpleRNN(3, 5, activation=lambda preactivation: preactivation / (1 + abs(preactivation))),
     ["state0_t", "preactivation"]),
])  # fmt: skip
def test_what_is_kept_has_names_or_formulas(layer, kept):
    rows = re.findall(r"^    (?:states|saved)\d+ +5  (.*)$", explain(layer), re.MULTILINE)
    # PyTensor makes another graph of some values, that then have no names but are equal.
    rows = ["preactivation" if row == "x_t . W + h_tm1 . U + b" else row for row in rows]
    assert sorted(rows) == sorted(kept)


def test_the_gradient_may_be_left_out():
    text = explain(SimpleRNN(3, 5), gradient=False)
    assert "Forward" in text and "Backward" not in text and "Kept" not in text


def test_what_runs_by_scan_says_why():
    text = explain(SimpleRNN(3, 5, activation=lambda x: T.tanh(T.cumsum(x, axis=1))))
    assert re.search(f"It runs by the scan of {engine.NAME}: its step has .*[Cc]um", text)


def test_what_draws_random_numbers_runs_by_scan():
    class Noisy(SimpleRNN):
        def step(self, x_t, h_tm1):
            return super().step(x_t, h_tm1) + self.draw("normal", h_tm1, avg=0.0, std=1.0)

    layer = Noisy(3, 5)
    layer.seed_streams()
    assert explain(layer).endswith(f"It runs by the scan of {engine.NAME}; why, is logged to the logger "
                                   "`recurrent_layers` at the level INFO.")  # fmt: skip


def test_what_has_no_loop_is_refused():
    with pytest.raises(ValueError, match="Dense has no loop"):
        explain(Dense(3, 5))
    for wrong in (LSTM, "LSTM", None):
        with pytest.raises(ValueError, match="layer must be a layer"):
            show(wrong)


def test_a_profiler_stays_in_its_thread():
    """Such as that of `cProfile` or of a debugger, though the names are noted by one of our own."""
    def looks(frame, event, argument):
        pass

    def found():
        sys.setprofile(looks)
        try:
            explain(SimpleRNN(3, 5), gradient=False)
            kept.append(sys.getprofile())
        finally:
            sys.setprofile(None)

    kept, before = [], sys.getprofile()
    try:
        found()
    finally:
        sys.setprofile(before)
    thread = threading.Thread(target=found)
    thread.start()
    thread.join()
    assert kept == [looks, looks]


def test_whoever_reads_it_may_stop():
    """As `head` does; the pipe is closed before anything is written."""
    read, write = os.pipe()
    os.close(read)
    process = subprocess.run([sys.executable, "-m", "recurrent_layers", "show", "SimpleRNN"], stdout=write,
                             stderr=subprocess.PIPE, text=True)  # fmt: skip
    os.close(write)
    assert (process.returncode, process.stderr) == (1, "")


def test_cells_of_the_zoo_are_found_by_their_names(capsys):
    assert not set(__main__.RECURRENT) & set(__main__.ZOO)
    shown = []
    for name in ("MGU", "zoo.MGU"):
        __main__.main(["show", name, "--no-gradient"])
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1] and shown[0].startswith("MGU\n")
    with pytest.raises(SystemExit):
        __main__.main(["show", "NoSuch"])
    assert "invalid choice: 'NoSuch'" in capsys.readouterr().err


def test_on_the_command_line(capsys):
    __main__.main(["show", "JZS1", "--input-dim", "3", "--output-dim", "7"])
    shown = capsys.readouterr().out
    assert "z = inner_activation(W_z.x_t + b_z)" in shown and "Pmat" in shown and "states0          7" in shown
    show(GRU(3, 7))
    assert capsys.readouterr().out == explain(GRU(3, 7)) + "\n"
    __main__.main(["show", "zoo.MGU", "--no-gradient"])
    assert "h_t = (1 - f) * h_tm1 + f * hh" in capsys.readouterr().out
