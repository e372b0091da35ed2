"""Threads that fetch from a generator ahead of who needs it."""

import contextlib
import threading

from recurrent_layers.training.functions import PATIENCE

#: How many things may be fetched and not taken yet.
SIZE = 10


class Ended(Exception):
    """A generator gives nothing more."""


class Ahead:
    """What a generator gives, in its order, fetched by threads while the caller is busy with what came before.

    One thread at a time is within the generator; what is made of the things is made by all at once.

    Parameters
    ----------
    generator : iterator
    copy : callable
        From a thing to one of its own, which the generator does not change when it makes the next.
    make : callable
        From the number of a thing, from 0, and the thing, to what is wanted of it.
    is_enough : callable
        Called with each thing when it has been fetched: whether those so far are all that will be needed. Then no more
        are fetched, unless one is asked for.
    nb_threads : int
    """

    def __init__(self, generator, copy, make, is_enough, nb_threads):
        self._generator, self._copy, self._make, self._is_enough = generator, copy, make, is_enough
        self._within = threading.Lock()
        # Entering a condition can be interrupted when it has the lock; entering a lock cannot.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._made, self._fetched, self._taken = {}, 0, 0
        self._has_enough = self._is_missed = self._stopped = False
        self._threads = []
        self._nb_threads = nb_threads

    def take(self):
        """The next thing.

        Raises
        ------
        Ended
            If there is none.
        BaseException
            What the generator, or `make`, has raised at this thing.
        """
        while len(self._threads) < self._nb_threads:
            self._threads.append(threading.Thread(target=self._work, daemon=True, name="recurrent_layers.ahead"))
            self._threads[-1].start()
        with self._lock:
            while self._taken not in self._made:
                if not any(thread.is_alive() for thread in self._threads):
                    raise RuntimeError("the threads that fetch batches are gone, as in the child of a fork")
                self._is_missed = True
                self._changed.notify_all()
                self._changed.wait(PATIENCE)
            self._is_missed = False
            made, error = self._made.pop(self._taken)
            self._taken += 1
            self._changed.notify_all()
        if error is not None:
            raise error
        return made

    def stop(self):
        """Let the threads end; one that is within the generator does so when that comes back."""
        self._stopped = True
        with self._lock:
            self._changed.notify_all()
        for thread in self._threads:
            with contextlib.suppress(RuntimeError):  # The last may not have been started, as by Ctrl-C.
                thread.join(PATIENCE)

    def _work(self):
        while True:
            with self._within:
                if not self._waited_for_room():
                    return
                number, thing, error = self._fetched, None, None
                try:
                    thing = self._copy(next(self._generator))
                    self._has_enough = self._is_enough(thing)
                except StopIteration:
                    error = Ended()
                except BaseException as raised:  # It is the caller's.
                    error = raised
                self._fetched += 1
                self._stopped = self._stopped or error is not None
            if error is None:
                try:
                    thing = self._make(number, thing)
                except BaseException as raised:
                    error = raised
                    self._stopped = True
            with self._lock:
                self._made[number] = thing, error
                self._changed.notify_all()

    def _waited_for_room(self):
        """Wait until there is something to fetch, or until the end: then False."""
        with self._lock:
            while not self._stopped:
                ahead = self._fetched - self._taken
                if ahead == 0 and self._is_missed or ahead < SIZE and not self._has_enough:
                    return True
                self._changed.wait(PATIENCE)
        return False
