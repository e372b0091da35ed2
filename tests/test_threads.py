"""The threads that recurrences and matrix products share."""

import collections
import ctypes
import gc
import os
import platform
import sys
import threading
import time

import numpy as np
import pytest
from other_processes import compiling, said

from recurrent_layers import engine
from recurrent_layers.engine import tensor as T
from recurrent_layers.engine import threads
from recurrent_layers.training.functions import Turns

LIBRARY = engine.prepare().threads

pytestmark = pytest.mark.skipif(not LIBRARY.name, reason=LIBRARY.problem)

JOB = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_long)


def run(number_of_threads, jobs, job):
    """Do jobs; what one of them raises, this raises."""
    errors = []

    def safely(_, number):
        try:
            job(number)
        except BaseException as error:
            errors.append(error)

    ctypes.CDLL(LIBRARY.path).recurrent_layers_run(
        ctypes.c_long(number_of_threads), ctypes.c_long(jobs), JOB(safely), None, None)
    if errors:
        raise errors[0]


@pytest.mark.parametrize("number_of_threads", [1, 2, 5])
@pytest.mark.parametrize("jobs", [0, 1, 2, 7, 100])
def test_each_job_is_done_once(number_of_threads, jobs):
    for _ in range(100):
        done = collections.Counter()
        run(number_of_threads, jobs, lambda number, done=done: done.update([number]))
        assert done == collections.Counter(range(jobs))


def test_a_job_may_have_jobs():
    done = collections.Counter()
    run(3, 4, lambda outer: run(3, 5, lambda inner: done.update([(outer, inner)])))
    assert done == collections.Counter((outer, inner) for outer in range(4) for inner in range(5))


def test_several_threads_of_python_may_have_jobs():
    done = collections.Counter()

    def work(name):
        for _ in range(100):
            run(2, 3, lambda number: done.update([(name, number)]))

    others = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    assert done == {(name, number): 100 for name in range(4) for number in range(3)}


def who_does_jobs(seconds):
    """Threads that did one of two jobs, each of so many seconds."""
    found = set()

    def job(number):
        found.add(threading.get_native_id())
        time.sleep(seconds)

    run(2, 2, job)
    return found


def wait_for(condition):
    """Wait until something holds, however slow the machine is."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it never came"


def test_helpers_take_jobs_and_leave_signals_to_others():
    found = set()
    wait_for(lambda: len(found.update(who_does_jobs(0.01)) or found) > 1)
    interrupt, child = 2, 17
    for helper in found - {threading.get_native_id()}:
        with open(f"/proc/self/task/{helper}/status") as stream:
            blocked, = [int(line.split()[1], 16) for line in stream if line.startswith("SigBlk")]
        assert blocked >> (interrupt - 1) & 1 and blocked >> (child - 1) & 1


def test_who_lost_its_processor_is_left_out_for_a_while():
    def has_been_late():
        """Let a helper begin a job that takes much longer than those of ours."""
        late = []

        def job(number):
            if threading.current_thread() is not threading.main_thread():
                late.append(number)
                time.sleep(0.3)
            else:
                time.sleep(0.005)

        run(2, 2, job)
        return late

    wait_for(has_been_late)
    # The shortest break is 10 ms, in which one thread can do both jobs; one that may come takes one of them. A machine
    # that stops us for longer here proves nothing, so it may happen again.
    for _ in range(3):
        wait_for(lambda: has_been_late() and len(who_does_jobs(0.003)) == 1)
    wait_for(lambda: len(who_does_jobs(0.01)) == 2)


CHILD = """
    import os, threading
    import numpy as np, recurrent_layers as rl
    from recurrent_layers import engine
    from recurrent_layers.engine import tensor as T

    layer = rl.LSTM(32, 32)
    function = engine.function([layer.input], T.grad(T.sum(layer.get_output()), layer.params))
    x = np.random.RandomState(0).rand(32, 20, 32).astype("float32")
    expected = function(x)
    again = engine.function([layer.input], T.grad(T.sum(layer.get_output()), layer.params))
    stop = threading.Event()

    def work():
        while not stop.is_set():
            again(x)

    def children():
        for _ in range(5):
            child = os.fork()
            if child == 0:
                for _ in range(20):
                    same = all(map(np.array_equal, function(x), expected))
                    if not same:
                        os._exit(1)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0

    children()
    other = threading.Thread(target=work)
    other.start()
    try:
        children()
    finally:
        stop.set()
    other.join()
    assert all(map(np.array_equal, function(x), expected))
    """


def test_the_child_of_a_fork_works_also_if_another_thread_was_at_work():
    said(CHILD, env=compiling())


def test_python_ends_while_helpers_wait():
    said("""
        import ctypes
        from recurrent_layers import engine
        library = ctypes.CDLL(engine.prepare().threads.path)
        job = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_long)(lambda with_, number: None)
        library.recurrent_layers_run(ctypes.c_long(4), ctypes.c_long(4), job, None, None)
        """, env=compiling())


@pytest.mark.skipif((sys.platform, platform.machine()) != ("linux", "x86_64"), reason="others tell it otherwise")
def test_helpers_do_not_take_the_smallest_numbers_for_0():
    """Not even those that begin while who asks for them does."""
    assert said("""
        import ctypes, threading
        import numpy as np
        from recurrent_layers import engine
        library, c = ctypes.CDLL(engine.prepare().threads.path), ctypes.CDLL("libm.so.6")
        setting, found, together = ctypes.create_string_buffer(32), {}, threading.Barrier(2, timeout=60)
        def job(with_, number):
            together.wait()
            found[threading.get_ident()] = bool(np.array([1e-30], "float32") * np.float32(1e-10) > 0)
        job = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_long)(job)
        c.fegetenv(setting)
        setting[29] = setting[29][0] | 0x80  # Of MXCSR, the last word: flush to zero.
        c.fesetenv(setting)
        library.recurrent_layers_run(ctypes.c_long(2), ctypes.c_long(2), job, None, None)
        found[threading.get_ident()], here = "here", found[threading.get_ident()]
        print(here, *(one for one in found.values() if one != "here"))
        """, env=compiling()) == "False True"


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("float64", 1e-13)])
@pytest.mark.parametrize("m, k, n", [(300, 70, 65), (65, 70, 300), (1, 2000, 600), (600, 2000, 1), (129, 128, 127)])
def test_products_in_pieces_are_those_of_numpy(dtype, tolerance, m, k, n):
    a, b = T.TensorType(dtype, (False, False))(), T.TensorType(dtype, (False, False))()
    function = engine.function([a, b], [T.dot(a, b), 0.5 * T.dot(b.T, a.T)], mode="FAST_RUN")
    random = np.random.RandomState(0)
    left, right = random.uniform(-1, 1, (m, k)).astype(dtype), random.uniform(-1, 1, (k, n)).astype(dtype)
    library = ctypes.CDLL(LIBRARY.path)
    for given in ((left, right), (np.asfortranarray(left), right), (left, np.asfortranarray(right))):
        for pieces in (1, 2, 3):
            library.recurrent_layers_set_threads_of_products(ctypes.c_long(pieces))
            try:
                product, transposed = function(*given)
            finally:
                library.recurrent_layers_set_threads_of_products(ctypes.c_long(engine.number_of_threads()))
            expected = left.astype("float64").dot(right.astype("float64"))
            assert np.allclose(product, expected, rtol=0, atol=tolerance * k**0.5 * 5)
            assert np.allclose(transposed, 0.5 * expected.T, rtol=0, atol=tolerance * k**0.5 * 5)


def test_a_library_that_does_not_compile_says_why(tmp_path, monkeypatch):
    source = tmp_path / "threads.cpp"
    source.write_text("this is no C++")
    monkeypatch.setattr(threads, "SOURCE", source)
    library = threads.build(engine.config.cxx, "12", str(tmp_path))
    assert library.name == "" and "could not compile threads.cpp" in library.problem
    assert "could not be compiled" in threads.build("/absent/g++", "12", str(tmp_path)).problem


def test_a_library_is_compiled_once(tmp_path):
    first = threads.build(engine.config.cxx, "12", str(tmp_path / "new"))
    made = os.stat(first.path).st_mtime_ns
    assert threads.build(engine.config.cxx, "12", str(tmp_path / "new")) == first
    assert os.stat(first.path).st_mtime_ns == made
    assert threads.build(engine.config.cxx, "13", str(tmp_path / "new")).name != first.name


# ---- Threads of Python ------------------------------------------------------------------------------------


MODEL = """
    import threading
    import numpy as np
    import recurrent_layers as rl
    from recurrent_layers import engine
    np.random.seed(0)
    layers = [rl.LSTM(8, 64, return_sequences=True), rl.GRU(64, 32), rl.Dense(32, 2, activation="softmax")]
    model = rl.Sequential(layers)
    model.compile("sgd", "mse")
    X = np.random.randn(40, 9, 8)
    def together(work, number):
        errors = []
        def safely(k):
            try:
                work(k)
            except BaseException as error:
                errors.append(error)
        threads = [threading.Thread(target=safely, args=(k,)) for k in range(number)]
        [thread.start() for thread in threads], [thread.join() for thread in threads]
        assert not errors, errors
    """


@pytest.mark.parametrize("excluding", ["none", "recurrence_in_c"])
def test_threads_may_share_a_model(excluding):
    """In a process of its own, because it may take it down."""
    assert said(MODEL + """
    expected = [model.predict(X[:n]) for n in range(1, 41)]
    def work(k):
        for n in range(k, 200, 4):
            n %= 40
            assert np.array_equal(model.predict(X[:n + 1]), expected[n])
    together(work, 4)
    print("the same")
    """, env=compiling(excluding)) == "the same"


def test_threads_may_compile_at_once():
    assert said(MODEL + """
    def work(k):
        x = [engine.tensor.matrix, engine.tensor.tensor3][k % 2]()
        f = engine.function([x], engine.tensor.exp(x * (k + 1.5)).sum())
        assert np.isclose(f(np.ones((2, 3, 4)[:x.ndim])), np.exp(k + 1.5) * (6, 24)[k % 2])
        again = rl.Sequential([rl.GRU(8, 5 + k), rl.Dense(5 + k, 2)])
        again.compile("adam", "mse")
        again.train_on_batch(X, np.zeros((40, 2)))
        assert again.predict(X).shape == model.predict(X).shape
    together(work, 4)
    from recurrent_layers.utils import building
    print(building._outputs.made)
    """) == "None"


def test_who_changes_weights_is_alone():
    """A dense layer whose weights are equal to each other stays so; half changed ones would not."""
    assert said(MODEL + """
    model = rl.Sequential([rl.Dense(300, 300), rl.Dense(300, 300)])
    model.compile("sgd", "mse")
    def weights(value):
        return [np.full_like(weight, value * (weight.ndim == 2)) for weight in model.get_weights()]
    model.set_weights(weights(1.0))
    X, stop = np.full((4, 300), 1 / 300), []
    def work(k):
        try:
            for step in range(300 * (k == 0)):
                model.set_weights(weights(1.0 + step % 2)) if step % 3 else model.train_on_batch(X, 0 * X)
        finally:
            stop.extend([True] * (k == 0))
        while k and not stop:
            outputs = model.predict(X)
            assert np.ptp(outputs) <= 1e-9 * abs(outputs).max(), outputs
    together(work, 3)
    print("whole")
    """) == "whole"


def test_python_ends_while_a_thread_is_in_a_recurrence():
    assert said(MODEL + """
    import time
    X = np.random.randn(3000, 50, 8)  # So that it is nowhere else most of the time.
    model.predict(X)
    threading.Thread(target=lambda: [model.predict(X) for _ in range(10**6)], daemon=True).start()
    time.sleep(0.3)
    print("ends")
    """, env=compiling()) == "ends"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_child_has_the_model_to_itself():
    assert said(MODEL + """
    import os
    from recurrent_layers.engine import turns
    expected, y = model.predict(X), np.zeros((40, 2))
    functions = model._functions
    child = None
    def fork():
        global child
        child = os.fork()
        if child == 0:
            assert np.array_equal(model.predict(X), expected)
            model.train_on_batch(X, y)
            os._exit(7)
    def by_another_thread():
        thread = threading.Thread(target=fork)
        thread.start(), thread.join()
    with turns._compiling.lock:
        functions.turns.write(by_another_thread)
    _, status = os.waitpid(child, 0)
    print(os.WEXITSTATUS(status))
    """) == "7"


def test_turns():
    turns, log, may_end, inside = Turns(), [], threading.Event(), threading.Barrier(3)

    def write(name):
        log.append((name, "begins"))
        time.sleep(0.02)
        log.append((name, "ends"))

    def read():
        inside.wait(60)
        may_end.wait()

    readers = [threading.Thread(target=turns.read, args=(read,)) for _ in range(2)]
    writers = [threading.Thread(target=turns.write, args=(write, name)) for name in "ab"]
    later = threading.Thread(target=turns.read, args=(log.append, "reads"))
    try:
        for group in (readers, writers, [later]):
            for thread in group:
                thread.start()
            if group is readers:
                inside.wait(60)
            time.sleep(0.02)
        assert log == []
    finally:
        may_end.set()
    for thread in [*readers, *writers, later]:
        thread.join()
    places = {one: log.index(one) for one in log}
    for name in "ab":
        assert places[name, "ends"] == places[name, "begins"] + 1, "nobody comes between"
    assert len(log) == 5


def test_who_has_a_turn_may_read_within_it():
    turns = Turns()
    assert turns.write(turns.read, turns.read, int, "3") == turns.read(turns.read, int, "3") == 3
    for outer in (turns.read, turns.write):
        with pytest.raises(RuntimeError, match="the handler of a signal cannot train"):
            outer(turns.write, int)
    assert turns.write(int) == 0, "what failed has ended its turn"


@pytest.mark.parametrize("outer", ["read", "write"])
def test_a_turn_ends_with_its_call_however_that_is_interrupted(outer, monkeypatch):
    """Ctrl-C may come where the turn is given back."""
    turns = Turns()
    with monkeypatch.context() as patches:
        patches.setattr(turns, "_end", lambda turn: int("interrupted"))
        with pytest.raises(ValueError, match="interrupted") as interrupted:
            getattr(turns, outer)(int)
    del interrupted  # Its traceback holds the frames.
    gc.collect()
    assert turns.write(turns.read, int) == 0
    thread = threading.Thread(target=turns.write, args=(int,))
    thread.start(), thread.join(60)
    assert not thread.is_alive()


def test_nothing_of_a_turn_runs_where_an_interruption_would_be_lost(monkeypatch):
    """What a weak reference calls cannot raise: a Ctrl-C that came then was printed and forgotten."""
    forgotten = []
    monkeypatch.setattr(Turns, "_forget", lambda turns, key: forgotten.append(key))
    turns = Turns()
    assert turns.read(len, [1]) == turns.write(len, [1]) == 1
    assert not forgotten
