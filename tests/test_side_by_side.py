"""The compiler works on all operations of a function at once."""

import _thread
import concurrent.futures
import math
import signal
import tempfile
import threading

import numpy as np
import pytest
from compiled import IN_C, unoptimized

from recurrent_layers import engine
from recurrent_layers.engine import machine
from recurrent_layers.engine import tensor as T

CMODULE = engine.prepare().engine.cmodule


@pytest.fixture(autouse=True)
def two_processors(monkeypatch):
    monkeypatch.setattr(machine, "number_of_threads", lambda: 2)
    monkeypatch.setattr(machine, "available_memory", lambda: math.inf)


@pytest.fixture(autouse=True)
def quickly():
    with unoptimized():
        yield


@pytest.fixture
def compilers(monkeypatch):
    """The names of the threads in which the compiler has run; `before` is called first, with the call's number."""

    class Compilers:
        threads, before = [], staticmethod(lambda number: None)

    def run(*arguments, **named):
        Compilers.threads.append(threading.current_thread().name)
        Compilers.before(len(Compilers.threads))
        return original(*arguments, **named)

    original = CMODULE.output_subprocess_Popen
    monkeypatch.setattr(CMODULE, "output_subprocess_Popen", run)
    return Compilers


TURN = np.array([[0.6, 0.8], [-0.8, 0.6]])
X = np.array([[0.1, 0.2], [-0.3, 0.4]])


def never_compiled(number):
    """So many elementwise functions that no other run has, with a product after each, and what all of them give."""
    x = y = T.dmatrix()
    functions = np.random.RandomState().choice(["tanh", "sin", "cos", "arctan"], (number, 20))
    for several in functions:
        for name in several:
            y = getattr(T, name)(y)
        y = T.dot(y, TURN)

    def expected(given):
        for several in functions:
            for name in several:
                given = getattr(np, name)(given)
            given = given @ TURN
        return given

    return x, y, expected


def compute(x, y):
    return engine.function([x], y, mode=IN_C)(X)


def test_operations_are_compiled_at_once(compilers):
    meeting, left, met = threading.Barrier(2, timeout=60), [1, 2], []

    def meet(number):
        if threading.current_thread() is not threading.main_thread() and left:
            left.pop()
            met.append(meeting.wait())  # Raises, if only one compiler runs.

    compilers.before = meet
    x, y, expected = never_compiled(5)
    np.testing.assert_allclose(compute(x, y), expected(X), rtol=1e-14)
    assert len(met) == 2, "two at once, after the first one"
    del compilers.threads[:]
    compute(x, y)
    assert compilers.threads == [], "all is there now"


def test_each_is_compiled_once(compilers):
    stats = engine.prepare().engine.clinker.get_module_cache().stats
    before = stats[2]
    compute(*never_compiled(4)[:2])
    assert len(compilers.threads) == stats[2] - before >= 4


def test_one_thread_compiles_one_after_the_other(compilers, monkeypatch):
    monkeypatch.setattr(machine, "number_of_threads", lambda: 1)
    compute(*never_compiled(3)[:2])
    assert set(compilers.threads) == {threading.main_thread().name}


def test_without_memory_for_two_compilers_there_is_one(compilers, monkeypatch):
    monkeypatch.setattr(machine, "available_memory", lambda: 700 << 20)
    compute(*never_compiled(3)[:2])
    assert set(compilers.threads) == {threading.main_thread().name}


def test_where_none_can_be_started_one_compiles_after_the_other(compilers, monkeypatch):
    """As when Python ends, and its pools of threads take nothing any more."""

    def submit(self, *arguments):
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    monkeypatch.setattr(concurrent.futures.ThreadPoolExecutor, "submit", submit)
    x, y, expected = never_compiled(3)
    np.testing.assert_allclose(compute(x, y), expected(X), rtol=1e-14)
    assert set(compilers.threads) == {threading.main_thread().name}


def fails(*arguments, **named):
    return b"", b"no such thing", 1


@pytest.mark.parametrize("first", [1, 2])
def test_what_cannot_be_compiled_is_said_by_who_asks(first, compilers, monkeypatch, tmp_path, capfd):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    original = CMODULE.output_subprocess_Popen
    monkeypatch.setattr(CMODULE, "output_subprocess_Popen", lambda *given, **named: (
        fails if len(compilers.threads) >= first - 1 else original)(*given, **named))
    with pytest.raises(Exception, match="(?s)Compilation failed.*no such thing"):
        compute(*never_compiled(4)[:2])
    capfd.readouterr()
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []
    monkeypatch.setattr(CMODULE, "output_subprocess_Popen", original)
    x, y, expected = never_compiled(2)
    np.testing.assert_allclose(compute(x, y), expected(X), rtol=1e-14)


def test_whoever_is_interrupted_leaves_nothing(compilers, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    began = []

    def interrupt(number):
        if threading.current_thread() is not threading.main_thread():
            began.append(number)
            if len(began) == 1:
                _thread.interrupt_main()

    compilers.before = interrupt
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # A shell lets its background jobs ignore it.
    try:
        with pytest.raises(KeyboardInterrupt):
            compute(*never_compiled(20)[:2])
    finally:
        signal.signal(signal.SIGINT, before)
    assert list(tmp_path.iterdir()) == []
    assert len(began) < 19, "what had not begun was not begun"


def test_whoever_is_interrupted_can_compile_again(monkeypatch):
    cache = engine.prepare().engine.clinker.get_module_cache()

    def interrupt(*arguments, **named):
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(cache, "check_key", interrupt)
    x, y, expected = never_compiled(2)
    with pytest.raises(KeyboardInterrupt):
        compute(x, y)
    np.testing.assert_allclose(compute(x, y), expected(X), rtol=1e-14)
    cache.refresh()


def test_a_key_that_was_being_noted_can_be_noted_again(monkeypatch):
    compute(*never_compiled(1)[:2])
    cache = engine.prepare().engine.clinker.get_module_cache()
    data = list(cache.module_hash_to_key_data.values())[-1]

    def interrupt(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(data), "save_pkl", interrupt)
        with pytest.raises(KeyboardInterrupt):
            data.add_key(("a", "key"))
    data.add_key(("a", "key"), save_pkl=False)
    assert ("a", "key") in data.keys
    data.keys.remove(("a", "key"))
