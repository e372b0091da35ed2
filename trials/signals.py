"""Interrupted by SIGINT, as by Ctrl-C."""

import contextlib
import hashlib
import os
import select
import signal
import subprocess
import sys
import time

import numpy as np

import recurrent_layers as rl
from trials.children import described, in_children

BATCHES, BATCH_SIZE = 40, 16
EACH = 25  # Interrupts in one child.
HEARD_WITHIN = 1.0  # Seconds.


class Reference(rl.callbacks.Callback):
    """The states after each batch, as hashes."""

    def __init__(self):
        self.known = {}

    def on_train_begin(self, logs={}):
        self.known[state_of(self.model)] = "before"

    def on_batch_end(self, batch, logs={}):
        self.known[state_of(self.model)] = f"after batch {batch}"


class Interrupts(rl.callbacks.Callback):
    """Has SIGINT sent to this process a while after the training began."""

    def __init__(self, sender, delay):
        self.sender, self.delay = sender, delay

    def on_train_begin(self, logs={}):
        self.sender.sends_after(self.delay)


def trial(run):
    """SIGINT at random moments of a training: the state is one between batches, and a long recurrence hears of it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Whoever started us may have ignored it.
    np.random.seed(run.seed)
    model = rl.Sequential([rl.LSTM(6, 24, return_sequences=True), rl.GRU(24, 16), rl.Dense(16, 2)])
    model.compile("adam", "mse")
    X, y = np.random.randn(BATCHES * BATCH_SIZE, 10, 6), np.random.randn(BATCHES * BATCH_SIZE, 2)

    def train(callback):
        model.fit(X, y, batch_size=BATCH_SIZE, nb_epoch=1, shuffle=False, verbose=0, callbacks=[callback])

    model.train_on_batch(X[:BATCH_SIZE], y[:BATCH_SIZE])
    start, reference = model.optimizer.get_state(), Reference()
    train(reference)
    model.optimizer.set_state(start)
    began = time.monotonic()
    train(rl.callbacks.Callback())
    took = time.monotonic() - began

    sender = Sender()
    heard = how_soon(run, sender)
    seen, interrupted = set(), 0

    def work(number):
        delay = type(run.random)(f"{run.seed} {number}").uniform(0, took)
        model.optimizer.set_state(start)
        run.notes(f"interrupt number {number} of seed {run.seed}, {1000 * delay:.2f} ms after the training began")
        try:
            train(Interrupts(sender, delay))
            sender.waits()  # Here it comes if the training was faster.
            return None, ""
        except KeyboardInterrupt:
            return reference.known.get(state_of(model), ""), ""
        except BaseException as error:
            return None, f"after or by an interrupt a training fails: {described(error)[0]}"
        finally:
            sender.has_sent()
            if number % EACH == EACH - 1:
                again = Reference()
                model.optimizer.set_state(start)
                train(again)
                assert again.known == reference.known, "after interrupts the model trains otherwise"

    run.begins()
    places = at_each_place(run, model, X[:BATCH_SIZE], y[:BATCH_SIZE])
    for case in in_children(work, run.goes_on, seconds=10.0, each=EACH):
        run.tries()
        place, problem = case.value or (None, case.problem)
        if problem:
            run.fails(problem, f"{run.noted()}: {case.where}")
        elif place is not None:
            interrupted += 1
            seen.add(place)
            if not place:
                run.fails("after an interrupt the state is none between two batches",
                          f"interrupt number {case.number} of seed {run.seed}")  # fmt: skip
    sender.ends()
    run.figures.update(interrupts=interrupted, different_states=len(seen - {""}), seconds_until_heard=heard,
                       places=places, milliseconds_of_a_training=round(1000 * took))  # fmt: skip
    return (f"{interrupted} trainings interrupted, {len(seen - {''})} different states, and calls at {places} places; "
            f"a long recurrence hears an interrupt within {max(heard.values()):.2f} s")


def at_each_place(run, model, X, y):
    """Interrupt calls at each line of the library that they go through; how many places that were.

    After each the model must be as before the call or as after it, and the next call must not hang.
    """
    weights = [weight + 1 for weight in model.get_weights()]
    calls = {"train_on_batch": lambda: model.train_on_batch(X, y), "predict": lambda: model.predict(X),
             "get_weights": model.get_weights, "set_weights": lambda: model.set_weights(weights)}  # fmt: skip
    start = model.optimizer.get_state()
    cases = []
    for name, call in calls.items():
        call()
        model.optimizer.set_state(start)
        count, _ = interrupted_at(call, None)
        cases += [(name, place) for place in range(count)]
    run.random.shuffle(cases)
    done = []

    def work(number):
        name, place = cases[number]
        model.optimizer.set_state(start)
        calls[name]()
        after = state_of(model)
        model.optimizer.set_state(start)
        before = state_of(model)
        _, line = interrupted_at(calls[name], place)
        run.notes(f"an interrupt of {name} at {line}")
        found = state_of(model)
        model.set_weights(weights)
        return line, found in (before, after)

    for case in in_children(work, lambda: len(done) < len(cases) and run.goes_on(0.4), seconds=2.0, each=EACH):
        run.tries()
        done.append(case)
        name, _ = cases[case.number]
        line, is_whole = case.value or ("", True)
        if case.problem:
            run.fails(f"an interrupt of {name} makes the next call fail: {case.problem}",
                      f"{run.noted()}: {case.where}")  # fmt: skip
        elif not is_whole:
            run.fails(f"an interrupt of {name} leaves it half done", f"at {line}")
        if len(done) == len(cases):
            break
    return len(done)


def interrupted_at(call, place):
    """Raise KeyboardInterrupt where a call has come to a place; how many places there were until then, and the line."""
    count, line = 0, ""

    def trace(frame, event, argument):
        nonlocal count, line
        file = frame.f_code.co_filename.replace(os.sep, "/")
        if "/recurrent_layers/" not in file and not file.endswith("/contextlib.py"):
            return None
        count += 1
        if count - 1 == place:
            sys.settrace(None)
            line = f"{'/'.join(file.split('/')[-2:])}:{frame.f_lineno} {frame.f_code.co_name} ({event})"
            raise KeyboardInterrupt
        return trace

    known = sys.gettrace()
    with contextlib.suppress(KeyboardInterrupt):
        sys.settrace(trace)
        try:
            call()
        finally:
            sys.settrace(known)
    return count, line


def state_of(model):
    """A hash of all weights, and of what the optimizer remembers."""
    whole = hashlib.sha256()
    for array in model.get_weights() + model.optimizer.get_state():
        whole.update(np.ascontiguousarray(array).tobytes())
    return whole.hexdigest()


class Sender:
    """A process that sends SIGINT to others: a thread could itself be stopped halfway by what it sends."""

    CODE = """if True:
        import contextlib, os, signal, sys, time
        for line in sys.stdin:
            process, seconds = line.split()
            time.sleep(float(seconds))
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(process), signal.SIGINT)
            print("sent", flush=True)
    """

    def __init__(self):
        command = [sys.executable, "-c", self.CODE]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.there, self.back = self.process.stdin.fileno(), self.process.stdout.fileno()

    def sends_after(self, seconds):
        os.write(self.there, f"{os.getpid()} {seconds}\n".encode())

    def waits(self):
        """Wait for it, for as long as it may take."""
        select.select([self.back], [], [], 30)
        time.sleep(0.001)

    def has_sent(self):
        """Take the answer, once it has come, and what the signal raises if nobody has heard of it yet."""
        for _ in range(2):
            with contextlib.suppress(KeyboardInterrupt):
                self.waits()
        os.read(self.back, 100)

    def ends(self):
        self.process.kill()
        self.process.communicate()


def how_soon(run, sender):
    """How many seconds go by from a signal to the exception, within recurrences that take seconds."""
    heard = {}
    model = rl.Sequential([rl.LSTM(32, 128), rl.Dense(128, 1)])
    model.compile("adam", "mse")
    short, steps = np.zeros((64, 200, 32), "float32"), 200
    for name, call in (("predict_on_batch", lambda X: model.predict_on_batch(X)),
                       ("train_on_batch", lambda X: model.train_on_batch(X, np.zeros((64, 1))))):  # fmt: skip
        call(short)
        began = time.monotonic()
        call(short)
        steps = int(200 * 4.0 / (time.monotonic() - began))  # About 4 s.
        X = np.zeros((64, min(steps, 20000), 32), "float32")
        run.tries(f"SIGINT 0.5 s after {name} of {X.shape[1]} steps began")
        began = time.monotonic()
        try:
            sender.sends_after(0.5)
            call(X)
            sender.waits()
            run.fails(f"{name} hears of an interrupt only at its end", run.noted())
        except KeyboardInterrupt:
            pass
        seconds = heard[name] = round(time.monotonic() - began - 0.5, 2)
        sender.has_sent()
        if seconds > HEARD_WITHIN:
            run.fails(f"{name} hears of an interrupt after more than {HEARD_WITHIN:g} s", f"{run.noted()}: {seconds} s")
    return heard
