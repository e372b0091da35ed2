"""What is mended in Theano, seen from new processes that share one empty cache; and what only Theano has."""

import json
import os
import pathlib
import subprocess
import sys
import textwrap
import time
import types

import pytest
from engines import change_flags

import recurrent_layers
from recurrent_layers import LSTM, SimpleRNN, engine

COMPILE = """
    import json
    import recurrent_layers, theano
    from theano import tensor as T
    from theano.gof.cmodule import GCC_compiler
    commands = []
    original = theano.gof.cmodule.output_subprocess_Popen
    def output_subprocess_Popen(command, **named):
        commands.append(command)
        return original(command, **named)
    theano.gof.cmodule.output_subprocess_Popen = output_subprocess_Popen
    x = T.matrix("x")
    function = theano.function([x], [T.dot(x, x), T.alloc(x[0, 0], 3), T.tanh(x) * 2, T.nnet.softmax(x)])
    product, filled, curve, shares = function([[1.0, 2.0], [3.0, 4.0]])
    assert product.tolist() == [[7.0, 10.0], [15.0, 22.0]] and filled.tolist() == [1.0] * 3
    assert abs(shares.sum() - 2.0) < 1e-6
    modules = [command for command in commands if "-shared" in command]
    print(json.dumps([len(modules), sum("-include" in module for module in modules)]))
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def compile_in(cache, before="", **variables):
    """The number of modules that a new process compiles, and how many of them with the header."""
    environment = dict(os.environ, THEANO_FLAGS=f"base_compiledir={cache},floatX=float32", **variables)
    environment["PYTHONPATH"] = str(pathlib.Path(recurrent_layers.__file__).parents[1])
    process = subprocess.run([sys.executable, "-c", textwrap.dedent(before) + textwrap.dedent(COMPILE)],
                             env=environment, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.splitlines()[-1])


def test_modules_are_compiled_once_with_a_precompiled_header(cache):
    compiled, with_header = compile_in(cache)
    assert with_header >= 4 and compiled - with_header <= 2, "but for parts of Theano itself"
    headers = list(cache.glob("precompiled_headers_*/*"))
    assert sorted(header.name for header in headers) == ["engine_headers.h", "engine_headers.h.gch"]
    assert compile_in(cache) == [0, 0], "a second process finds everything in the cache"


def test_without_the_header_all_is_compiled_too(tmp_path):
    refuse = """
        import subprocess
        run_as_before = subprocess.run
        def run(command, **named):
            if "c++-header" in command:
                raise subprocess.CalledProcessError(1, command)
            return run_as_before(command, **named)
        subprocess.run = run
    """
    compiled, with_header = compile_in(tmp_path, before=refuse)
    assert compiled >= 4 and with_header == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("streams, sizes", [(1, (5, 3)), (7, (3, 7, 20)), (200, (64, 199, 200, 1001))])
def test_random_numbers_are_those_of_theano(dtype, streams, sizes):
    import numpy as np
    import theano
    from theano.sandbox.rng_mrg import MRG_RandomStreams

    for mode in ("FAST_RUN", "FAST_COMPILE"):
        drawn = []
        # In Python, Theano's own.
        for linker in ("c|py", "py"):
            random = MRG_RandomStreams(seed=1234)
            optimizer = theano.compile.get_mode(mode).optimizer
            functions = [theano.function([], random.uniform((size,), dtype=dtype, nstreams=streams),
                                         mode=theano.Mode(linker, optimizer)) for size in sizes]  # fmt: skip
            drawn.append([function() for function in functions for _ in range(3)])
        for ours, theirs in zip(*drawn):
            # Python scales them in float64, and rounds once instead of twice.
            assert ours.dtype == theirs.dtype == dtype
            assert np.abs(ours - theirs).max() <= (1.2e-7 if dtype == "float32" else 0)


def test_streams_begin_where_those_of_theano_do():
    """Each 2^72 numbers after the one before it, what comes next 2^134 after the first; here by Python's integers."""
    import numpy as np
    from theano.sandbox import rng_mrg

    def after(state, A, m):
        return [sum(int(a) * s for a, s in zip(row, state)) % int(m) for row in A]

    def both(state, first, second):
        return after(state[:3], first, rng_mrg.M1) + after(state[3:], second, rng_mrg.M2)

    streams = rng_mrg.MRG_RandomStreams(seed=[2147483646, 5, 77, 2147462578, 3, 1])
    state = list(map(int, streams.rstate))
    for number in (1, 2, 3, 1000, 4097):
        expected = [state]
        while len(expected) < number:
            expected.append(both(expected[-1], rng_mrg.A1p72, rng_mrg.A2p72))
        found = streams.get_substream_rstates(number, "float32")
        assert found.dtype == np.int32 and found.tolist() == expected
        state = both(state, rng_mrg.A1p134, rng_mrg.A2p134)
        assert streams.rstate.dtype == np.int32 and streams.rstate.tolist() == state


def test_test_values_are_computed_by_scan():
    """The variables of a step have none themselves, which `compute_test_value="raise"` would complain of."""
    import numpy as np
    import theano.tensor as T

    layers = [SimpleRNN(3, 4, return_sequences=True), LSTM(4, 2, truncate_gradient=2)]
    x = layers[0].input
    layers[1].set_previous(layers[0])
    x.tag.test_value = np.random.randn(5, 6, 3)
    with change_flags(compute_test_value="raise"):
        y = layers[1].get_output()
        outputs = [y, *T.grad(T.sqr(y).sum(), layers[0].params + layers[1].params)]
    for output, value in zip(outputs, engine.function([x], outputs)(x.tag.test_value)):
        np.testing.assert_allclose(output.tag.test_value, value, rtol=1e-10)


def test_the_lock_is_given_back_after_an_error():
    from theano.gof import compilelock

    with compilelock.lock_ctx():
        before, folder = compilelock.get_lock.n_lock, compilelock.get_lock.lock_dir
    assert not os.path.exists(folder)
    with pytest.raises(KeyboardInterrupt), compilelock.lock_ctx():
        assert compilelock.get_lock.n_lock == before
        raise KeyboardInterrupt
    assert compilelock.get_lock.n_lock == before - 1 and not os.path.exists(folder)


@pytest.mark.parametrize("of_the_user, longest", [(5, 0.2), (7, 14)])
def test_who_waits_for_a_process_that_compiles_looks_often(tmp_path, monkeypatch, of_the_user, longest):
    from theano import config
    from theano.gof import compilelock

    folder, slept = tmp_path / "lock_dir", []
    folder.mkdir()
    other = f"{os.getppid()}_1_{compilelock.hostname}"  # A process that lives.
    (folder / "lock").write_text(other)

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            (folder / "lock").unlink()
            folder.rmdir()

    monkeypatch.setattr(compilelock, "time", types.SimpleNamespace(time=time.time, sleep=sleep))
    monkeypatch.setattr(vars(type(config.compile))["wait"], "val", of_the_user)
    compilelock.lock(str(folder))
    assert len(slept) == 3 and 0 < min(slept) and longest / 4 <= max(slept) <= longest
    assert (folder / "lock").read_text().startswith(f"{os.getpid()}_")
