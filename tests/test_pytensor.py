"""What is of PyTensor only: its other linkers, and what stands in for Theano there."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest
from engines import Scan
from numpy.testing import assert_allclose

import recurrent_layers as rl
from recurrent_layers import engine
from recurrent_layers.engine import tensor as T
from recurrent_layers.recurrence.loops import Loops

# PyTensor's scan on JAX knows no gradients that are cut, nor shapes that are not known.
TRUNCATION = {"NUMBA": 2, **({"JAX": -1} if importlib.util.find_spec("jax") else {})}


@pytest.mark.parametrize("mode", TRUNCATION)
def test_other_linkers_run_layers_by_scan(mode):
    layer = rl.SimpleRNN(3, 1, return_sequences=True, truncate_gradient=TRUNCATION[mode])
    layer.input = T.tensor3(shape=(2, 4, 3))
    y = layer.get_output()
    outputs = [y, *T.grad(T.sqr(y).sum(), layer.params)]
    x = np.random.randn(2, 4, 3)
    found = []
    for linker, by_scan in ((mode, True), ("CVM", False)):
        function = engine.function([layer.input], outputs, mode=linker)
        ops = [node.op for node in function.maker.fgraph.toposort()]
        assert any(isinstance(op, Scan) for op in ops) == by_scan != any(isinstance(op, Loops) for op in ops)
        found.append(function(x))
    for one, other in zip(*found):
        assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def test_numba_trains_a_model():
    x, y = np.random.randn(2, 4, 3), np.eye(2)
    layers = [rl.Masking(), rl.SimpleRNN(3, 4), rl.Dropout(0.0), rl.Dense(4, 2, activation="softmax")]
    model = rl.Sequential(layers)
    weights, losses = model.get_weights(), []
    for one in ("NUMBA", "CVM"):
        model.set_weights(weights)
        model.compile("adam", "categorical_crossentropy", theano_mode=one)
        losses.append([model.train_on_batch(x, y) for _ in range(3)] + [model.predict(x).sum()])
    assert_allclose(*losses, rtol=1e-10)


def test_what_is_missing_says_so():
    rl.engine.provide_theano()
    import theano.tensor

    with pytest.raises(AttributeError, match=r"theano\.tensor\.nnet has no 'conv2d' here: it is PyTensor under"):
        theano.tensor.nnet.conv2d  # noqa: B018
    with pytest.raises(ModuleNotFoundError, match=r"no theano\.sandbox\.cuda here: theano is PyTensor"):
        import theano.sandbox.cuda  # noqa: F401
    with pytest.raises(ImportError, match="downsample"):
        from theano.tensor.signal import downsample  # noqa: F401
    with pytest.raises(AttributeError, match=r"theano\.config has no dnn here"):
        theano.config.dnn  # noqa: B018
    with pytest.warns(UserWarning, match="compute_test_value stays 'off'"):
        theano.config.compute_test_value = "raise"


@pytest.mark.parametrize("code, said", [
    ("import recurrent_layers, theano", "No module named 'theano'"),
    ("import recurrent_layers, sys, types; sys.modules['theano'] = types.ModuleType('theano'); "
     "recurrent_layers.engine.provide_theano()", "was imported as theano before; call provide_theano first"),
])  # fmt: skip
def test_only_who_asks_has_it_and_nobody_else_is_in_its_place(code, said):
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert said in process.stderr.splitlines()[-1], process.stderr
