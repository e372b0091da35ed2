"""Trainings with many settings, in this process or on a Dask cluster, kept in a file as they end."""

from __future__ import annotations

import collections
import contextlib
import functools
import hashlib
import json
import logging
import multiprocessing
import os
import pickle
import random
import re
import shutil
import socket
import sys
import tempfile
import threading
import time
import traceback
import uuid
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Callable, Generator, Iterable, Iterator, NamedTuple, Tuple

import numpy as np
from tqdm import tqdm

from recurrent_layers import engine
from recurrent_layers.engine import cache, machine, setup
from recurrent_layers.exchange.training_files import random_state, set_random_state
from recurrent_layers.typing import Path
from recurrent_layers.utils.arguments import as_path, choice, integer, items, shown
from recurrent_layers.utils.generic_utils import fingerprint, full_name
from recurrent_layers.warned import warn

if TYPE_CHECKING:
    from distributed import Client

#: How many times a training is tried: after an error, and after the death of its worker.
TRIES = 3
#: So many seconds pass at most until the death of a worker is noticed.
PATIENCE = 1.0
#: So many seconds a result may take from its worker to us.
TRANSFER = 60.0
#: What else the table has, beside the names of settings and of numbers.
OWN = {"error": "TEXT", "sweep_train": "TEXT", "sweep_setting": "TEXT PRIMARY KEY", "sweep_numbers": "TEXT",
       "sweep_seed": "INTEGER", "sweep_seconds": "REAL", "sweep_worker": "TEXT", "sweep_finished": "TEXT"}  # fmt: skip
#: Why workers may not start.
GUARD = ("Workers import the script that is running: what calls sweep in it must stand under "
         '`if __name__ == "__main__":`')  # fmt: skip

_logger = logging.getLogger("recurrent_layers")


def sweep(train: Callable[..., dict[str, Any]], settings: Iterable[dict[str, Any]], client: str | Client | None = None,
          path: Path | None = None, workers: int | None = None, verbose: int = 1) -> list[dict[str, Any]]:
    """Train with each of many settings, one training per process, and keep what came out as it comes.

    Parameters
    ----------
    train : callable
        Called as ``train(**setting)``; returns a dict of numbers, or of lists of them. On a cluster it is called in
        other processes, which must be able to import its module; what is in a script or a notebook is sent to them.
    settings : list of dict
        The keyword arguments of the trainings, of what JSON holds: numbers, strings, True, False, None, and lists and
        dicts of these. Tuples and arrays reach `train` as lists, numbers of NumPy as Python's.
    client : None, "local", str or distributed.Client
        Where they run: one after the other in this process; on a cluster of processes of this machine, started for
        this; or on the cluster of which this is the address (``"tcp://host:8786"``) or a client. Needs
        ``pip install "dask[distributed]" threadpoolctl``.
    path : str or path-like, optional
        The SQLite file that keeps the results; it needs no suffix. Where it is there already, the sweep goes on:
        what has finished is not run again. By default they are kept in memory only.
    workers : int, optional
        How many processes `client="local"` has; by default as many as there are processors.
    verbose : {0, 1, 2}
        With 1, a bar on stderr, with the time left; with 2, a line on stdout for each training. Above 0, the traceback
        of what failed, on stderr, at once.

    Returns
    -------
    list of dict
        ``{**setting, **numbers}`` for each of the settings, in their order; ``{**setting, "error": traceback}`` for a
        training that failed.

    Raises
    ------
    ValueError
        If an argument is none of these, a setting has what JSON does not hold, or the file is not that of a sweep of
        `train`: nothing has run then. Or if a worker has several threads, whenever it comes.
    FileNotFoundError, IsADirectoryError, PermissionError
        If no file can be written at `path`.
    ImportError
        If Dask is needed and not installed.
    ConnectionError
        If the scheduler cannot be reached, or not any more; what has finished is kept.

    Warns
    -----
    RuntimeWarning
        If trainings failed.

    Notes
    -----
    Before each training, the generators of `numpy.random` and `random` get a seed that is made of its setting alone:
    one setting has one result, wherever and whenever it runs. NumPy's, from which all random numbers of this library
    come, is the training's own; from that of `random` the engine and Dask draw, too, so take a ``random.Random(seed)``
    there. A setting that is in the list twice runs once.

    A training that raises an error, or whose worker dies (`kill -9`, out of memory), is tried again, on whatever worker
    is free, and has failed after the third time. The others go on. The next call with the same `path` tries it again.

    Each worker has one training at a time, and none waiting: with a worker nothing is lost but its own. Workers use one
    thread, for BLAS and for recurrences, and in an empty folder of the engine one of each host compiles first.

    ``pandas.read_sql("SELECT * FROM trainings", sqlite3.connect(path))`` reads the table, also while the sweep runs: a
    row for each setting, with a column for each name of it and of its numbers, `error`, which is NULL if all went well,
    and others that begin with ``sweep_``. SQLite has no NaN and makes NULL of it; in `sweep_numbers`, in JSON, and in
    what is returned, it is there.

    Examples
    --------
    >>> from recurrent_layers import sweep
    >>> def train(rate, seed):
    ...     return {"loss": rate * seed}
    >>> sweep(train, [dict(rate=0.1, seed=seed) for seed in (1, 2)], verbose=0)
    [{'rate': 0.1, 'seed': 1, 'loss': 0.1}, {'rate': 0.1, 'seed': 2, 'loss': 0.2}]
    """
    if not callable(train):
        raise ValueError(f"train must be a function that returns a dict of numbers, got {shown(train)}")
    plain = [_setting(f"setting {number}", one) for number, one in enumerate(items("settings", settings, "dicts"))]
    texts = [json.dumps(setting, sort_keys=True) for setting in plain]
    by_text = dict(zip(texts, plain))
    verbose = choice("verbose", verbose, 0, 1, 2)
    _check_client(client, workers)
    what = _name(train)
    with contextlib.closing(_Table(what, path)) as table:
        found = table.found(by_text)
        waiting = collections.deque(text for text in by_text if text not in found)
        bar = tqdm(total=len(found) + len(waiting), initial=len(found), desc=what, unit="training",
                   dynamic_ncols=True, disable=verbose != 1)  # fmt: skip
        with bar, _outcomes(train, waiting, client, workers) as outcomes:
            for text, outcome in _last_tries(outcomes, waiting):
                found[text] = table.keep(text, by_text[text], outcome)
                if outcome.error is None or "error" in found[text]:  # Another sweep may have it meanwhile.
                    _tell(by_text[text], outcome, verbose)
                bar.update()
    nb_failed = sum("error" in numbers for numbers in found.values())
    if nb_failed:
        warn(f"{nb_failed} of {len(found)} trainings failed: see \"error\" in their rows. The next call with "
             "the same path tries them again", RuntimeWarning)  # fmt: skip
    return [{**setting, **found[text]} for setting, text in zip(plain, texts)]


# ---- What is given ------------------------------------------------------------------------------------------


def _setting(what: str, setting: Any) -> dict[str, Any]:
    """A setting as JSON will have it."""
    if not isinstance(setting, dict):
        raise ValueError(f"settings must be a list of dicts, the arguments of train, but {what} is {shown(setting)}")
    return _plain(what, _named(what, setting))


def _named(what: str, values: dict[str, Any]) -> dict[str, Any]:
    """A dict, if its names may be columns of the table."""
    seen: dict[str, str] = {}
    for name in values:
        if not isinstance(name, str) or not name.isprintable() or not name:
            raise ValueError(f"a name in {what} must be a string that can be printed, got {shown(name)}")
        if _lower(name) in OWN or _lower(name).startswith("sweep_"):
            raise ValueError(f"{what} has the name {name!r}, which is a column of the sweep's own: choose another one")
        if seen.setdefault(_lower(name), name) != name:
            raise ValueError(f"{what} has the names {seen[_lower(name)]!r} and {name!r}, which are the same to SQLite: "
                             "choose others")  # fmt: skip
    return values


def _lower(name: str) -> str:
    """A name as SQLite compares it."""
    return re.sub("[A-Z]+", lambda letters: letters[0].lower(), name)


def _plain(what: str, value: Any) -> Any:
    """What JSON holds of a value."""
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {name: _plain(f"{name!r} in {what}", one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(what, one) for one in value]
    is_short = isinstance(value, int) and -2**63 <= value < 2**63
    is_text = isinstance(value, str) and value.encode(errors="replace").decode() == value
    if value is None or isinstance(value, float) or is_short or is_text:
        return value
    raise ValueError(f"{what} must be a number of at most 64 bits, a string, True, False, None, or a list or dict of "
                     f"these, got {shown(value)}")  # fmt: skip


def _name(train: Callable[..., Any]) -> str:
    """What a function is called, and where: the same when its module is run as a script; and what it is given."""
    given: list[str] = []
    while isinstance(train, functools.partial):
        given += map(_argument, train.args)
        given += [f"{key}={_argument(value)}" for key, value in sorted(train.keywords.items())]
        train = train.func
    return full_name(train) + f"({', '.join(given)})" * bool(given)


def _argument(value: Any) -> str:
    """What tells an argument from another one; of what has no fingerprint, its type."""
    try:
        whole = fingerprint(value)
    except Exception:  # Whatever a config of the user's own raises.
        return full_name(type(value))
    return whole if len(whole) < 100 else hashlib.sha256(whole.encode()).hexdigest()[:16]


def _check_client(client: Any, workers: int | None) -> None:
    if workers is not None:
        integer("workers", workers)
        if not isinstance(client, str) or client != "local":
            raise ValueError(f'workers is for client="local", which starts them, got client={shown(client)}')
    is_address = isinstance(client, str) and (client == "local" or re.fullmatch(r"(\w+://)?[^\s/]+:\d+", client))
    if client is None or is_address:
        return
    distributed = sys.modules.get("distributed")
    if distributed is None or not isinstance(client, distributed.Client) or client.asynchronous:
        raise ValueError('client must be None, "local", the address of a scheduler, such as "tcp://host:8786", or a '
                         f"distributed.Client that is not asynchronous, got {shown(client)}")  # fmt: skip


# ---- A training ---------------------------------------------------------------------------------------------


class _Outcome(NamedTuple):
    """What came of a training: its numbers or an error, after which it may be tried again."""

    numbers: dict[str, Any]
    error: str | None
    worker: str
    seconds: float | None = None
    again: bool = True


#: Settings, as text, and what came of their trainings.
_Outcomes = Generator[Tuple[str, _Outcome], None, None]


def _seed(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def _outcome(train: Callable[..., Any], text: str) -> _Outcome:
    """Train in this process, and leave its random numbers as they were."""
    before, began = random_state(), time.monotonic()
    worker = f"{socket.gethostname()}:{os.getpid()}"
    random.seed(_seed(text))
    np.random.seed(_seed(text))
    try:
        returned = train(**json.loads(text))
    except (Exception, SystemExit):
        return _Outcome({}, _traceback(), worker, time.monotonic() - began)
    finally:
        set_random_state(before)
    seconds = time.monotonic() - began
    try:
        return _Outcome(_numbers(json.loads(text), returned), None, worker, seconds)
    except ValueError as error:
        return _Outcome({}, f"{_name(train)} returned what a sweep cannot keep: {error}", worker, seconds, again=False)


def _numbers(setting: dict[str, Any], returned: Any) -> dict[str, Any]:
    if not isinstance(returned, dict):
        raise ValueError(f"it must return a dict of numbers, got {shown(returned)}")
    both = [name for name in returned if name in setting]
    if both:
        raise ValueError(f"{both[0]!r} is a name of the setting, too: choose another one")
    _named("what train returned", {**setting, **returned})
    return _plain("what train returned", returned)


class _Call:
    """A call that is made when it is unpickled.

    Dask gets its bytes and a function of Python's own: a worker dies of one that it cannot import, and a scheduler has
    to import it, too.
    """

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, self.arguments


def _outcome_on_worker(train: Callable[..., Any], text: str) -> _Outcome:
    setup.use_threads(1)
    with contextlib.suppress(ImportError):
        import threadpoolctl

        threadpoolctl.threadpool_limits(1)
    cache.fill_in_turns(engine.prepare().engine)
    return _outcome(train, text)


# ---- Where they run -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def _outcomes(train: Callable[..., Any], waiting: collections.deque[str], client: Any,
              workers: int | None) -> Iterator[_Outcomes]:
    """The trainings that wait, and what came of them; a cluster is there only while some wait."""
    with contextlib.ExitStack() as opened:
        if client is None or not waiting:
            yield _here(train, waiting)
            return
        distributed = _distributed()
        if client == "local":
            client = opened.enter_context(_local_cluster(distributed, workers or machine.usable_processors()))
        if not isinstance(client, distributed.Client):
            try:
                client = opened.enter_context(distributed.Client(client, set_as_default=False))
            except OSError as error:
                raise ConnectionError(f"no scheduler answers at {client}: {error}") from error
        yield opened.enter_context(contextlib.closing(_on_cluster(client, train, waiting)))


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise ImportError('a sweep on a cluster needs Dask: pip install "dask[distributed]" threadpoolctl') from error
    return distributed


def _last_tries(outcomes: _Outcomes, waiting: collections.deque[str]) -> _Outcomes:
    """The last outcome of each training; one that may be tried again waits for that behind the others."""
    tries: collections.Counter[str] = collections.Counter()
    for text, outcome in outcomes:
        tries[text] += 1
        if outcome.error is not None and outcome.again and tries[text] < TRIES:
            waiting.append(text)
        else:
            yield text, outcome


def _here(train: Callable[..., Any], waiting: collections.deque[str]) -> _Outcomes:
    """The trainings that wait and what came of them, one after the other."""
    while waiting:
        text = waiting.popleft()
        yield text, _outcome(train, text)


def _on_cluster(client: Any, train: Callable[..., Any], waiting: collections.deque[str]) -> _Outcomes:
    """The same from the workers of a cluster, as they end.

    Each training is for one worker, which has no other: so whose worker has died is known, and that nothing else was
    lost with it.
    """
    import cloudpickle  # Comes with Dask.

    running: dict[Any, tuple[str, str]] = {}
    changed, told = threading.Event(), False
    try:
        while waiting or running:
            workers = _workers(client)
            for future, (text, worker) in list(running.items()):
                if future.done() or worker not in workers:
                    del running[future]
                    yield text, _gathered(future, worker)
            free = [worker for worker in workers if worker not in [busy for _, busy in running.values()]]
            for worker in free[:len(waiting)]:
                text = waiting.popleft()
                call = cloudpickle.dumps(_Call(_outcome_on_worker, train, text))
                future = client.submit(pickle.loads, call, key=f"training-{uuid.uuid4().hex}", pure=False,
                                       workers=[worker], allow_other_workers=False)  # fmt: skip
                running[future] = text, worker
                future.add_done_callback(lambda future: changed.set())
            if not workers and not told:
                _logger.warning("no worker has come to %s yet: the sweep waits for one", client.scheduler.address)
                told = True
            if running or waiting:
                changed.wait(PATIENCE)
                changed.clear()
    finally:
        client.cancel(list(running))


def _workers(client: Any) -> dict[str, int]:
    """The addresses of the workers that are there now."""
    try:
        threads = client.nthreads()
    except OSError as error:
        raise ConnectionError(f"the scheduler at {client.scheduler.address} does not answer any more: {error}. What "
                              "has finished is kept: call sweep again when it is there") from error  # fmt: skip
    wrong = [f"{worker} ({number})" for worker, number in threads.items() if number != 1]
    if wrong:
        raise ValueError(f"workers must have one thread, since a training has its process for itself, but there are "
                         f"{', '.join(wrong[:3])}: start them with `dask worker --nthreads 1 --nworkers ...`, or as "
                         "SLURMCluster(cores=n, processes=n)")  # fmt: skip
    return threads


def _traceback() -> str:
    """That of the error at hand, as SQLite takes it: a path that is no UTF-8 may be in it."""
    return traceback.format_exc().encode("utf-8", "backslashreplace").decode()


def _gathered(future: Any, worker: str) -> _Outcome:
    """What came of a training, if its worker could still tell."""
    import asyncio

    if future.done():
        try:
            return future.result(timeout=TRANSFER)
        except (Exception, asyncio.CancelledError):  # Of Dask, such as that the worker cannot import `train`.
            return _Outcome({}, _traceback(), worker)
    future.cancel()
    return _Outcome({}, f"the worker {worker} died while it trained, as after kill -9 or out of memory", worker)


@contextlib.contextmanager
def _local_cluster(distributed: Any, workers: int) -> Iterator[Any]:
    """A cluster of processes of this machine, each with one thread; nothing of it is left."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):  # It is one of the workers, that imports.
        raise RuntimeError(GUARD)
    folder = tempfile.mkdtemp(prefix="recurrent_layers-sweep-")
    try:
        with machine.one_thread_in_children():  # Dask starts workers later, too.
            try:
                # No limit of memory, near which Dask lets a worker pause: the system's is the limit.
                of_scheduler = dict(dashboard=False, dashboard_address="127.0.0.1:0", local_directory=folder)
                cluster = distributed.LocalCluster(
                    n_workers=workers, threads_per_worker=1, processes=True, memory_limit=0, local_directory=folder,
                    silence_logs=logging.CRITICAL, scheduler_kwargs=of_scheduler)  # fmt: skip
            except RuntimeError as error:
                raise RuntimeError(f"the workers did not start, see above. {GUARD}") from error
            with cluster:
                yield cluster
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# ---- What is kept and told ----------------------------------------------------------------------------------


class _Table:
    """The trainings of a function in a file of SQLite, or in memory.

    Parameters
    ----------
    train : str
        Its name.
    path : str or path-like, optional
    """

    def __init__(self, train: str, path: Path | None) -> None:
        import sqlite3  # Some Pythons are built without it.

        self._train = train
        where = ":memory:" if path is None else _file(path)
        self._file = sqlite3.connect(where, timeout=600)
        try:
            self._check(where)
        except BaseException:
            self._file.close()
            raise

    def _check(self, where: str) -> None:
        """Raise unless the file has trainings of this function; the table is made in a file that is empty."""
        try:
            tables = [name for name, in self._file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            if not tables:
                self._file.execute("CREATE TABLE IF NOT EXISTS trainings ({})".format(
                    ", ".join(map(" ".join, OWN.items()))))  # fmt: skip
            if not self._columns().issuperset(OWN):
                raise ValueError(f"{where} is a database, but has no trainings of a sweep: choose another path")
            others = self._file.execute("SELECT sweep_train FROM trainings WHERE sweep_train != ?", [self._train])
            other = others.fetchone()
        except self._file.DatabaseError as error:
            raise ValueError(f"{where} is no file of a sweep, which SQLite can open ({error}): choose another "
                             "path") from error  # fmt: skip
        if other:
            raise ValueError(f"{where} has trainings of {other[0]}, not of {self._train}: choose another path")

    def _columns(self) -> set[str]:
        return {_lower(name) for _, name, *_ in self._file.execute("PRAGMA table_info(trainings)")}

    def found(self, texts: Iterable[str]) -> dict[str, Any]:
        """The numbers of those trainings that have finished, by their settings."""
        rows = self._file.execute("SELECT sweep_setting, sweep_numbers FROM trainings WHERE error IS NULL")
        return {text: json.loads(numbers) for text, numbers in rows if text in texts}

    def keep(self, text: str, setting: dict[str, Any], outcome: _Outcome) -> Any:
        """Write what came of a training, and give it; after this not even a crash of the machine loses it."""
        row = {name: _cell(value) for name, value in {**setting, **outcome.numbers}.items()}
        row.update(error=outcome.error, sweep_train=self._train, sweep_setting=text,
                   sweep_numbers=json.dumps(outcome.numbers), sweep_seed=_seed(text), sweep_seconds=outcome.seconds,
                   sweep_worker=outcome.worker,
                   sweep_finished=datetime.now(timezone.utc).isoformat(timespec="seconds"))  # fmt: skip
        with self._file:
            self._file.execute("BEGIN IMMEDIATE")
            done = {} if outcome.error is None else self.found([text])
            if done:  # By another sweep, meanwhile.
                return done[text]
            columns = self._columns()  # Another sweep may have added some.
            for name in row:
                if _lower(name) not in columns:
                    self._file.execute(f"ALTER TABLE trainings ADD COLUMN {_quoted(name)}")
            self._file.execute("INSERT OR REPLACE INTO trainings ({}) VALUES ({})".format(
                ", ".join(map(_quoted, row)), ", ".join("?" * len(row))), list(row.values()))  # fmt: skip
        return outcome.numbers if outcome.error is None else {"error": outcome.error}

    def close(self) -> None:
        self._file.close()


def _file(path: Path) -> str:
    path = os.path.abspath(as_path("path", path))
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"there is no folder {folder} to keep the sweep in")
    if os.path.isdir(path):
        raise IsADirectoryError(f"path must be a file, but {path} is a folder")
    if not os.access(folder, os.W_OK) or os.path.exists(path) and not os.access(path, os.W_OK):
        raise PermissionError(f"the sweep may not write {path}")
    return path


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _cell(value: Any) -> Any:
    """A value of JSON as one of SQLite."""
    return json.dumps(value) if isinstance(value, (list, dict)) else value


def _tell(setting: dict[str, Any], outcome: _Outcome, verbose: int) -> None:
    what = ", ".join(f"{name}={value}" for name, value in setting.items())
    if outcome.error is not None and verbose > 0:
        tqdm.write(f"the training with {what} failed:\n{outcome.error}", file=sys.stderr)
    elif verbose == 2:
        numbers = [f"{name}={value}" for name, value in outcome.numbers.items() if not isinstance(value, (list, dict))]
        tqdm.write(f"{what}: {', '.join([*numbers, f'{outcome.seconds:.1f} s'])}")
