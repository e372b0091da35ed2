"""Children of this process, for what may take a process down: each is forked warm, and its end is told of."""

import contextlib
import faulthandler
import itertools
import os
import pickle
import re
import resource
import signal
import tempfile
import time
import traceback
from typing import NamedTuple


class Case(NamedTuple):
    """What came of a case: a `value`, or the `problem` that its process ended of, and where in Python that was.

    `megabytes` is how much memory it took meanwhile.
    """

    number: int
    value: object
    problem: str
    where: str
    megabytes: float


def in_children(work, goes_on, seconds=20.0, memory=None, each=20):
    """Do something for the numbers from 0 on, in children of this process; one that dies is followed by another.

    Parameters
    ----------
    work : callable
        Takes a number; what it returns is pickled.
    goes_on : callable
        Says whether there shall be another number.
    seconds : float
        A case that takes longer is ended, wherever it is.
    memory : int, optional
        How many MB of addresses a child may take beyond what it has; what needs more gets a MemoryError.
    each : int
        How many cases a child does.

    Yields
    ------
    Case
    """
    number = 0
    while goes_on():
        reading, writing = os.pipe()
        with tempfile.TemporaryFile() as last_words:
            child = os.fork()
            if child == 0:
                os.close(reading)
                _does(work, goes_on, range(number, number + each), writing, seconds, memory, last_words)
            os.close(writing)
            try:
                with open(reading, "rb") as stream:
                    for value, megabytes in _pickles(stream):
                        yield Case(number, value, "", "", megabytes)
                        number += 1
            except GeneratorExit:  # Nobody wants more.
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                raise
            problem = how_it_ended(os.waitpid(child, 0)[1], seconds)
            if problem:
                last_words.seek(0)
                yield Case(number, None, problem, _shortened(last_words.read().decode(errors="replace")), 0.0)
                number += 1


def in_a_child(work, seconds=20.0):
    """Do something once in a child of this process; a :class:`Case`."""
    once = itertools.chain([True], itertools.repeat(False))
    return next(in_children(lambda number: work(), lambda: next(once), seconds, each=1))


def _does(work, goes_on, numbers, writing, seconds, memory, last_words):
    """What a child does; it does not return."""
    status = 1
    try:
        # Not a handler of Python, which C code would not let come: the signal itself ends the process.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        faulthandler.enable(last_words)
        faulthandler.register(signal.SIGALRM, last_words, chain=True)
        if memory is not None:
            limit = _bytes(0) + memory * 2**20
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        with open(writing, "wb") as stream:
            for number in numbers:
                before = resident_memory()
                _forget_the_peak()
                signal.setitimer(signal.ITIMER_REAL, seconds)
                value = work(number)
                signal.setitimer(signal.ITIMER_REAL, 0)
                stream.write(pickle.dumps((value, _peak() - before)))
                stream.flush()
                if not goes_on():
                    break
        status = 0
    except BaseException as error:
        last_words.write(f"{type(error).__name__}: {error}\n{traceback.format_exc()}".encode(errors="replace"))
        last_words.flush()
    finally:
        os._exit(status)


def _shortened(last_words):
    """What the main thread was doing, from the traceback that it left: the first line if it is an error, and frames."""
    threads = last_words.split("\n\n")
    frames = re.findall(r'File ".*?([^/"]+/[^/"]+)", line (\d+),? in (\w+)', threads[-1])
    error = "" if re.match("(Current )?[Tt]hread|Fatal", last_words) else last_words.partition("\n")[0]
    return "; ".join(filter(None, [error] + [f"{file}:{line} {name}" for file, line, name in frames[:8]]))


def _pickles(stream):
    with contextlib.suppress(EOFError, pickle.UnpicklingError):
        while True:
            yield pickle.load(stream)


def how_it_ended(status, seconds):
    """What is wrong with the status of a process that ended; empty if nothing is."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return f"hangs: no end within {seconds:g} s" if number == signal.SIGALRM else f"ended by {name_of(number)}"
    return f"exit status {os.WEXITSTATUS(status)}" if os.WEXITSTATUS(status) else ""


def name_of(number):
    """The name of a signal."""
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def ends_within(child, seconds):
    """Wait for a child for some time; its status, or None if it was still there and was killed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


# ---- Memory -----------------------------------------------------------------------------------------------


def _bytes(column):
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[column]) * resource.getpagesize()


def resident_memory():
    """How many MB of this process are in memory."""
    return _bytes(1) / 2**20


def _forget_the_peak():
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as stream:
        stream.write("5")


def _peak():
    """How many MB of this process were in memory at the most since the peak was forgotten."""
    with open("/proc/self/status") as stream:
        return next(int(line.split()[1]) for line in stream if line.startswith("VmHWM")) / 1024


# ---- Errors -----------------------------------------------------------------------------------------------


def where(error):
    """The module and the function in which an error was raised."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    return "nowhere" if step is None else f"{step.tb_frame.f_globals.get('__name__')}.{step.tb_frame.f_code.co_name}"


def described(error):
    """The kind of an error and where it was raised, and its message, cut."""
    return f"{type(error).__name__} in {where(error)}", f"{error}"[:200]
