"""Sweeps: in this process, on real clusters of Dask, and with what dies in them."""

import contextlib
import copy
import functools
import json
import logging
import math
import os
import pathlib
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading

import dask
import distributed
import numpy as np
import pandas
import pytest
import trainings
from other_processes import compiling, said
from trainings import noted, wait_until

import recurrent_layers as rl
from recurrent_layers.engine import cache
from recurrent_layers.engine import tensor as T

TESTS = pathlib.Path(__file__).parent
PATHS = os.pathsep.join([str(TESTS), str(TESTS.parent)])
QUIET = dict(threads_per_worker=1, dashboard_address=None, memory_limit=0, silence_logs=logging.CRITICAL)
FOUR = [{"number": number} for number in (1, 2, 3, 4)]
TENFOLD = [{"number": number, "tenfold": 10 * number} for number in (1, 2, 3, 4)]
SCRIPT = """
import json, os, recurrent_layers, trainings

def train(number):
    return trainings.surroundings(number)

if __name__ == "__main__":
    settings = [{"number": number} for number in range(4)]
    print(json.dumps(recurrent_layers.sweep(train, settings, "local", "kept", workers=2)))
    names = ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"]
    print(json.dumps([os.environ.get(name) for name in names]))
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A cluster of two processes."""
    folder = str(tmp_path_factory.mktemp("dask"))
    with distributed.LocalCluster(n_workers=2, local_directory=folder, **QUIET) as cluster:
        with distributed.Client(cluster, set_as_default=False) as client:
            yield client


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to work in, which trainings are given."""
    monkeypatch.chdir(tmp_path)
    return str(tmp_path)


def within(folder, settings=FOUR, **others):
    return [{"folder": folder, **setting, **others} for setting in settings]


def results(rows):
    """Without the folder."""
    return [{name: value for name, value in row.items() if name != "folder"} for row in rows]


def started(code, stdout=None, **variables):
    """A process of Python in a group of its own, which knows the trainings, and hears Ctrl-C.

    What a shell runs in the background does not, and nor does what that starts.
    """
    environment = dict(os.environ, PYTHONPATH=PATHS, **variables)
    environment.pop("MKL_NUM_THREADS", None)
    return subprocess.Popen([sys.executable, *code], stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
                            text=True, start_new_session=True, env=environment,
                            preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL))  # fmt: skip


@contextlib.contextmanager
def ended_at_last(*processes):
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stderr.close()


def is_gone(pid):
    """Whether a process has ended, be it that nobody has asked for its end yet."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


# ---- Results ------------------------------------------------------------------------------------------------


class TestResults:
    SETTINGS = [{"layer": "SimpleRNN", "rate": rate} for rate in (0.1, 0.2, 0.3)]

    def test_they_are_the_same_everywhere(self, client, folder):
        here = rl.sweep(trainings.learn, self.SETTINGS, verbose=0)
        assert [{"layer": row["layer"], "rate": row["rate"]} for row in here] == self.SETTINGS
        assert all(list(row) == ["layer", "rate", "loss", "losses", "drawn"] for row in here)
        assert len({row["drawn"] for row in here}) == 3, "each has a seed of its own"
        backwards = rl.sweep(trainings.learn, self.SETTINGS[::-1], client, verbose=0)
        assert backwards[::-1] == here
        address = client.scheduler.address
        assert rl.sweep(trainings.learn, self.SETTINGS, address, path="kept", verbose=0) == here
        assert rl.sweep(trainings.learn, self.SETTINGS, path="kept", verbose=0) == here
        assert client.nthreads(), "a client of others stays open"

    def test_the_callers_own_random_numbers_go_on(self):
        np.random.seed(1)
        random.seed(1)
        first = np.random.rand(), random.random()
        np.random.seed(1)
        random.seed(1)
        rl.sweep(trainings.learn, self.SETTINGS[:1], verbose=0)
        assert (np.random.rand(), random.random()) == first

    def test_the_seed_is_in_the_table(self, folder):
        row, = rl.sweep(trainings.learn, self.SETTINGS[:1], path="kept", verbose=0)
        table = pandas.read_sql("SELECT * FROM trainings", sqlite3.connect("kept"))
        np.random.seed(table.sweep_seed[0])
        assert trainings.learn(**self.SETTINGS[0])["loss"] == row["loss"] == table.loss[0]

    def test_equal_settings_run_once(self, folder):
        rows = rl.sweep(trainings.noting, within(folder, FOUR + FOUR[:2]), verbose=0)
        assert results(rows) == TENFOLD + TENFOLD[:2]
        assert noted(folder) == ["1", "2", "3", "4"]

    def test_what_json_holds_reaches_the_training(self):
        setting = {"yes": np.True_, "whole": np.int8(3), "short": np.float32(0.5), "several": (1, [None, "ü"]),
                   "array": np.eye(2), "graph": {"nodes": ["tanh"], "of": {"a": 1}}, "none": None, "odd": math.inf}
        plain = {"yes": True, "whole": 3, "short": 0.5, "several": [1, [None, "ü"]], "array": [[1.0, 0.0], [0.0, 1.0]],
                 "graph": {"nodes": ["tanh"], "of": {"a": 1}}, "none": None, "odd": math.inf}
        given = []
        assert rl.sweep(lambda **setting: given.append(setting) or {}, [setting], verbose=0) == given == [plain]
        assert {name: type(value) for name, value in given[0].items()} == {
            name: type(value) for name, value in plain.items()}  # fmt: skip

    def test_numbers_come_back_exactly(self, folder):
        first, = rl.sweep(trainings.numbers, [{"case": 1}], path="kept", verbose=0)
        again, = rl.sweep(trainings.numbers, [{"case": 1}], path="kept", verbose=0)
        expected = dict(case=1, nan=np.nan, infinite=-np.inf, yes=True, numpys=float(np.float32(0.1)), whole=7,
                        listed=[1, 2.5, np.nan], array=[[0, 1], [2, 3]], nothing=None, text="a'\"ü")
        assert repr(first) == repr(again) == repr(expected)

    def test_pandas_reads_them(self, folder):
        with pytest.warns(RuntimeWarning):
            rl.sweep(trainings.failing, within(folder, times=9), path="kept", verbose=0)
        with sqlite3.connect("kept") as file:
            table = pandas.read_sql("SELECT * FROM trainings", file).sort_values("number")
        assert table.tenfold.tolist()[:2] == [10, 20] and table.tenfold.isna().tolist() == [False, False, True, False]
        assert table.error.isna().tolist() == [True, True, False, True] and (table.sweep_seconds >= 0).all()
        assert table.sweep_worker.str.endswith(f":{os.getpid()}").all()
        assert pandas.to_datetime(table.sweep_finished).notna().all()

    def test_names_may_be_anything_that_prints(self, folder):
        names = {'a "quoted" name': 1, "select": 2, "val-acc; --": 3, "Ü": 4, "ü": 5}
        row, = rl.sweep(lambda x: names, [{"x": 1}], path="kept", verbose=0)
        table = pandas.read_sql("SELECT * FROM trainings", sqlite3.connect("kept"))
        assert row == {"x": 1, **names} and all(table[name][0] == value for name, value in names.items())

    def test_more_settings_and_numbers_come_to_the_same_file(self, folder):
        rl.sweep(trainings.noting, within(folder), path="kept", verbose=0)
        more = within(folder, [*FOUR, {"number": 5}])
        assert results(rl.sweep(trainings.noting, more, path="kept", verbose=0))[4] == {"number": 5, "tenfold": 50}
        assert noted(folder) == ["1", "2", "3", "4", "5"]

    def test_several_sweeps_may_keep_in_one_file_at_the_same_time(self, folder):
        def train(number, of=()):
            inner = rl.sweep(train, [{"number": one} for one in of], path="kept", verbose=0) if of else []
            return {"tenfold": 10 * number + len(inner)}

        rows = rl.sweep(train, [{"number": 1, "of": [2, 3]}, {"number": 2}], path="kept", verbose=0)
        assert [row["tenfold"] for row in rows] == [12, 20]
        table = pandas.read_sql("SELECT * FROM trainings", sqlite3.connect("kept"))
        assert sorted(table.tenfold) == [12, 20, 30]

    def test_what_another_sweep_has_done_stays_when_this_one_fails(self, folder):
        def failing(number):
            rl.sweep(finishing, [{"number": number}], path="kept", verbose=0)
            raise ArithmeticError("too late")

        def finishing(number):
            return {"tenfold": 10 * number}

        failing.__qualname__ = finishing.__qualname__  # What a file is of.
        assert rl.sweep(failing, [{"number": 2}], path="kept", verbose=0) == [{"number": 2, "tenfold": 20}]
        table = pandas.read_sql("SELECT * FROM trainings", sqlite3.connect("kept"))
        assert table.tenfold.tolist() == [20] and table.error.tolist() == [None]

    def test_progress(self, folder, capfd):
        rl.sweep(trainings.noting, within(folder, FOUR[:2]), path="kept")
        rl.sweep(trainings.noting, within(folder), path="kept")
        assert re.findall(r"(\d/\d) \[", capfd.readouterr().err)[-1] == "4/4"
        rl.sweep(trainings.noting, within(folder, [{"number": 5}]), path="kept", verbose=2)
        out, err = capfd.readouterr()
        assert re.fullmatch(r"folder=.*, number=5: tenfold=50, \d+\.\d s\n", out) and err == ""


# ---- What fails and what dies -------------------------------------------------------------------------------


class TestFailures:
    @pytest.mark.parametrize("on_cluster", [False, True])
    @pytest.mark.parametrize("how, said", [("raise", "ArithmeticError: it is the third"), ("exit", "SystemExit: has"),
                                           ("path", r"OSError: \udcff.npz")])  # fmt: skip
    def test_one_that_fails_is_tried_three_times(self, client, folder, capfd, on_cluster, how, said):
        settings = within(folder, times=3, how=how)
        with pytest.warns(RuntimeWarning, match="1 of 4 trainings failed"):
            rows = rl.sweep(trainings.failing, settings, client if on_cluster else None, path="kept")
        assert sorted(noted(folder)) == ["1", "2", "3", "3", "3", "4"]
        assert {name: row for name, row in rows[2].items() if name != "error"} == settings[2]
        assert "in failing\n" in rows[2]["error"] and said in rows[2]["error"]
        err = capfd.readouterr().err
        assert f"number=3, times=3, how={how} failed:" in err and said in err
        # The next call tries it again, and nothing else.
        assert rl.sweep(trainings.failing, settings, path="kept")[2]["tenfold"] == 30
        assert len(noted(folder)) == 7

    def test_one_that_fails_twice_has_not_failed(self, client, folder):
        assert results(rl.sweep(trainings.failing, within(folder, times=2), client, verbose=0))[2]["tenfold"] == 30
        assert sorted(noted(folder)) == ["1", "2", "3", "3", "3", "4"]

    @pytest.mark.parametrize("what, message", [
        ("nothing", "it must return a dict of numbers, got None"), ("a set", "it must return a dict .*, got {1}"),
        ("a name of the setting", "'what' is a name of the setting, too"), ("a reserved name", "has the name 'error'"),
        ("an object", "'loss' in what train returned must be a number .*, got <object"),
        ("names that are the same", "'loss' and 'Loss', which are the same to SQLite")])  # fmt: skip
    def test_what_cannot_be_kept(self, what, message):
        with pytest.warns(RuntimeWarning, match="1 of 1 trainings failed"):
            row, = rl.sweep(trainings.returning, [{"what": what}], verbose=0)
        assert re.search(f"trainings.returning returned what a sweep cannot keep: .*{message}", row["error"])

    def test_a_worker_that_is_killed_loses_nothing(self, client, folder):
        def kill():
            wait_until(lambda: any(line.startswith("3 ") for line in noted(folder)))
            os.kill(int(next(line for line in noted(folder) if line.startswith("3 ")).split()[1]), signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        rows = rl.sweep(trainings.waiting_to_be_killed, within(folder), client, path="kept")
        killer.join()
        assert results(rows) == TENFOLD
        runs = [line.split() for line in noted(folder)]
        assert sorted(number for number, _ in runs) == ["1", "2", "3", "3", "4"], "the others ran once"
        assert len({process for number, process in runs if number == "3"}) == 2

    def test_one_that_kills_its_workers_ends_alone(self, client, folder):
        with pytest.warns(RuntimeWarning, match="1 of 6"):
            rows = rl.sweep(trainings.deadly, within(folder, [*FOUR, {"number": 5}, {"number": 6}]), client, verbose=0)
        assert "died while it trained" in rows[2]["error"]
        assert [row["tenfold"] for row in rows if "tenfold" in row] == [10, 20, 40, 50, 60]
        assert sorted(noted(folder)) == ["1", "2", "3", "3", "3", "4", "5", "6"], "and nobody else's ran again"

    @pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT])
    def test_a_sweep_that_is_cut_off_goes_on(self, client, folder, by):
        """The caller is killed, or all of its group hear Ctrl-C; its own workers end with it."""
        code = "import recurrent_layers as rl, trainings; rl.sweep(trainings.stopping, [dict(folder='.', number=n) " \
               "for n in (1, 2, 3, 4, 5, 6)], 'local', path='kept', workers=2)"
        caller = started(["-c", code])
        with ended_at_last(caller):
            wait_until(lambda: sum(line.startswith("begun") for line in noted(folder)) == 4)
            workers = {int(line.split()[2]) for line in noted(folder) if line.startswith("begun")}
            (os.killpg if by == signal.SIGINT else os.kill)(caller.pid, by)
            err = caller.communicate()[1]
            assert caller.returncode == -by and ("KeyboardInterrupt" in err) == (by == signal.SIGINT)
            wait_until(lambda: all(map(is_gone, workers)))
        assert [line for line in noted(folder) if line.startswith("ended")] in (
            ["ended 1", "ended 2"], ["ended 2", "ended 1"])  # fmt: skip
        pathlib.Path("go").touch()
        settings = [{"folder": ".", "number": number} for number in (1, 2, 3, 4, 5, 6)]
        os.remove("log")
        rows = rl.sweep(trainings.stopping, settings, path="kept", verbose=0)
        assert [row["tenfold"] for row in rows] == [10, 20, 30, 40, 50, 60]
        assert [line.split()[1] for line in noted(folder) if line.startswith("ended")] == ["3", "4", "5", "6"]


# ---- Clusters -----------------------------------------------------------------------------------------------


class TestClusters:
    def test_nothing_is_started_for_what_has_finished(self, folder, monkeypatch):
        rl.sweep(trainings.noting, within(folder), path="kept", verbose=0)
        monkeypatch.setattr(distributed, "LocalCluster", None)
        assert results(rl.sweep(trainings.noting, within(folder), "local", path="kept", verbose=0)) == TENFOLD

    @pytest.mark.parametrize("workers", [1, 3])
    def test_there_are_as_many_workers_as_asked_for(self, folder, workers):
        settings = [dict(folder=".", number=number, of=workers) for number in range(4)]
        rows = rl.sweep(trainings.together, settings, "local", workers=workers, verbose=0)
        assert len({row["process"] for row in rows}) == workers

    def test_a_scheduler_elsewhere(self, folder, caplog):
        """Workers may come later, and some with too many threads; when it ends, what has finished is kept."""
        scheduler = started(["-m", "dask", "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
                             "--scheduler-file", "scheduler.json"])  # fmt: skip
        with ended_at_last(scheduler):
            wait_until(lambda: os.path.exists("scheduler.json") and os.path.getsize("scheduler.json"))
            address = json.loads(pathlib.Path("scheduler.json").read_text())["address"]

            def worker(*options):
                return started(["-m", "dask", "worker", address, "--no-dashboard", "--local-directory", "dask",
                                *options], OPENBLAS_NUM_THREADS="2")  # fmt: skip

            several = worker("--nthreads", "2")
            with ended_at_last(several), pytest.raises(ValueError, match="workers must have one thread.*--nthreads 1"):
                rl.sweep(trainings.noting, within(folder), address, path="kept", verbose=0)
            assert noted(folder) == []
            # The scheduler may not have heard of the end of that one yet.
            with distributed.Client(address, set_as_default=False) as client:
                wait_until(lambda: not client.nthreads())

            workers = []
            later = threading.Thread(target=lambda: (
                wait_until(lambda: "no worker" in caplog.text), workers.append(worker("--nthreads", "1"))))
            later.start()
            rows = rl.sweep(trainings.noting, within(folder), address, path="kept", verbose=0)
            later.join()
            with ended_at_last(*workers):
                assert results(rows) == TENFOLD
                row, = rl.sweep(trainings.surroundings, [{"number": 1}], address, verbose=0)
                assert (row["threads"], row["most"]) == (1, 1), "whatever the worker was started with"
                timeout = "distributed.comm.timeouts.connect"
                end = threading.Thread(target=lambda: (
                    wait_until(lambda: "begun 3" in "\n".join(noted(folder))), dask.config.set({timeout: "1s"}),
                    os.killpg(scheduler.pid, 9)))
                end.start()
                with dask.config.set({timeout: "30s"}), pytest.raises(
                        ConnectionError, match="does not answer any more.*What has finished is kept"):  # fmt: skip
                    rl.sweep(trainings.stopping, within(folder), address, path="others", verbose=0)
                end.join()
        pathlib.Path("go").touch()
        rl.sweep(trainings.stopping, within(folder), path="others", verbose=0)
        assert [noted(folder).count(f"ended {number}") for number in (1, 2)] == [1, 1]

    def test_what_a_worker_cannot_import(self, client, folder, monkeypatch):
        pathlib.Path("only_here.py").write_text("def train(number):\n    return {}\n")
        monkeypatch.syspath_prepend(folder)
        only_here = __import__("only_here")
        with pytest.warns(RuntimeWarning):
            row, = rl.sweep(only_here.train, [{"number": 1}], client, verbose=0)
        assert "No module named 'only_here'" in row["error"]

    def test_local_is_a_cluster_of_our_own(self, folder):
        """A script is sent to it; each worker has one thread, whatever the script has, and nothing is left."""
        pathlib.Path("script.py").write_text(SCRIPT)
        os.mkdir("temporary")
        script = started(["script.py"], stdout=subprocess.PIPE, OPENBLAS_NUM_THREADS="2", OMP_NUM_THREADS="2",
                         TMPDIR=f"{folder}/temporary")  # fmt: skip
        with ended_at_last(script):
            out, err = script.communicate()
        assert script.returncode == 0, err
        rows, variables = map(json.loads, out.splitlines())
        assert {(row["threads"], row["most"], row["variable"]) for row in rows} == {(1, 1, "1")}
        processes = {row["process"] for row in rows}
        assert 1 <= len(processes) <= 2 and script.pid not in processes and all(map(is_gone, processes))
        assert variables == ["2", "2", None]
        assert set(os.listdir(folder)) == {"kept", "script.py", "temporary"} and not os.listdir("temporary")
        assert sqlite3.connect("kept").execute("SELECT DISTINCT sweep_train FROM trainings").fetchall() == [
            ("script.train",)]  # fmt: skip

    def test_the_commands_of_the_page(self, folder):
        """Run twice, the second time they find everything, and start nothing."""
        page = (TESTS.parent / "docs" / "sweeps.md").read_text(encoding="utf-8")
        pathlib.Path("many.py").write_text(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1])
        found = []
        for _ in range(2):
            script = started(["many.py"], stdout=subprocess.PIPE)
            with ended_at_last(script):
                out, err = script.communicate()
            assert script.returncode == 0, err
            found.append(out)
        assert found[0] == found[1] and found[0].count("'loss': ") == 1
        reader = started(["-c", re.search(r'^python -c "(.*)"$', page, re.MULTILINE)[1]], stdout=subprocess.PIPE)
        with ended_at_last(reader):
            assert len(reader.communicate()[0].splitlines()) == 1 + 4

    def test_a_script_that_its_workers_cannot_import(self, folder):
        pathlib.Path("script.py").write_text(SCRIPT.replace('if __name__ == "__main__":', "if True:"))
        script = started(["script.py"])
        with ended_at_last(script):  # Old versions of Dask start workers again and again.
            assert any('must stand under `if __name__ == "__main__":`' in line for line in script.stderr)

    def test_without_dask(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "distributed", None)
        assert rl.sweep(trainings.noting, [], "local") == []
        with pytest.raises(ImportError, match=r"pip install .dask\[distributed\]. threadpoolctl"):
            rl.sweep(trainings.noting, FOUR, "local")


class TestCompilingInTurns:
    @pytest.fixture
    def empty(self, folder):
        """The environment of processes whose folder of compiled code is empty."""
        environment = compiling()
        for name in ("THEANO_FLAGS", "PYTENSOR_FLAGS"):
            environment[name] += f",base_compiledir={folder}/compiled"
        environment["PYTHONPATH"] = PATHS
        return environment

    def test_one_compiles_first_and_may_die(self, folder, empty):
        code = """
            import recurrent_layers as rl, trainings
            rows = rl.sweep(trainings.compiling, [dict(folder=".", number=n) for n in range(4)], "local", workers=2)
            print([row["sum"] for row in rows])
        """
        assert said(code, env=empty) == "[2.0, 2.0, 2.0, 2.0]"
        assert sorted(noted(folder)) == ["compiled 0", "compiled 1", "compiled 2", "compiled 3", "killed"]
        sources = [path.read_text() for path in pathlib.Path(folder).glob("compiled/*/tmp*/mod.cpp")]
        assert len(sources) == len(set(sources)) > 0
        filled, = pathlib.Path(folder).glob(f"compiled/*/{cache.FILLED}")
        assert filled.read_text() == "1"

    def test_others_wait_until_one_has_trained(self, folder):
        fcntl = pytest.importorskip("fcntl")
        with open("filled", "wb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            maker, log = type("Maker", (), {"inputs": [type("In", (), {"update": 1})]}), []
            make = cache._in_turn(lambda maker: log.append("made") or maker, "filled", threading.local())
            other = threading.Thread(target=make, args=(maker,))
            other.start()
            other.join(0.2)
            assert log == []
        other.join()
        assert log == ["made"] and pathlib.Path("filled").read_text() == "1"

    def test_a_function_within_another_does_not_wait(self, folder):
        within = threading.local()
        inner = cache._in_turn(lambda maker: None, "filled", within)
        assert cache._in_turn(lambda maker: inner(maker) or "made", "filled", within)(
            type("Maker", (), {"inputs": []})) == "made"
        assert os.path.getsize("filled") == 0, "nothing was trained"


# ---- Wrong calls --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong, message", [
    ({"lr": object()}, "'lr' in setting 1 must be a number of at most 64 bits.*, got <object"),
    ({"lr": [1, {2}]}, "'lr' in setting 1 must be .*, got {2"), ({"lr": 1j}, "'lr' in setting 1 .* got 1j"),
    ({"lr": 2**63}, "'lr' in setting 1 must be a number of at most 64 bits"),
    ({"lr": "\ud800"}, "'lr' in setting 1"), ({"of": {1: 2}}, "'of' in setting 1"),
    ({1: 2}, "a name in setting 1 must be a string that can be printed, got 1"),
    ({"a\0": 1}, "a name in setting 1"), ({"": 1}, "a name in setting 1"), ({"error": 1}, "has the name 'error'"),
    ({"sweep_seed": 1}, "setting 1 has the name 'sweep_seed', which is a column of the sweep's own"),
    ({"Error": 1}, "has the name 'Error'"), ({"SWEEP_setting": 1}, "has the name 'SWEEP_setting'"),
    ({"W": 1, "w": 2}, "setting 1 has the names 'W' and 'w', which are the same to SQLite"),
    ([1], r"settings must be a list of dicts, .* but setting 1 is \[1\]"),
])  # fmt: skip
def test_wrong_settings_run_nothing(folder, wrong, message):
    with pytest.raises(ValueError, match=message):
        rl.sweep(trainings.noting, [{"folder": folder, "number": 1}, wrong], path="kept")
    assert os.listdir(folder) == []


@pytest.mark.parametrize("wrong, message", [
    (dict(settings={"number": 1}), "settings must be a list of dicts"), (dict(verbose=3), "verbose must be"),
    (dict(train=3), "train must be a function"), (dict(client="here"), 'client must be None, "local", the address of'),
    (dict(client=3), "client must be None"), (dict(workers=2), 'workers is for client="local".*, got client=None'),
    (dict(workers=0, client="local"), "workers must be an integer of at least 1"),
    (dict(path=3), "path must be a path"),
])  # fmt: skip
def test_wrong_arguments_run_nothing(folder, wrong, message):
    with pytest.raises(ValueError, match=message):
        rl.sweep(**{"train": trainings.noting, "settings": within(folder), "path": "kept", **wrong})
    assert os.listdir(folder) == []


def test_a_file_that_is_of_something_else(folder):
    pathlib.Path("text").write_text("not a database " * 100)
    with sqlite3.connect("others") as file:
        file.execute("CREATE TABLE trainings (name TEXT)")
    rl.sweep(trainings.noting, within(folder), path="kept", verbose=0)
    before = {name: pathlib.Path(name).read_bytes() for name in ("text", "others", "kept")}
    for path, message in [("text", "no file of a sweep"), ("others", "has no trainings of a sweep"),
                          ("kept", "kept has trainings of trainings.noting, not of trainings.learn")]:
        with pytest.raises(ValueError, match=f"{message}.*choose another path"):
            rl.sweep(trainings.learn, TestResults.SETTINGS, path=path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        rl.sweep(trainings.noting, within(folder), path="nowhere/kept")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        rl.sweep(trainings.noting, within(folder), path=folder)
    assert {name: pathlib.Path(name).read_bytes() for name in before} == before


def test_what_a_partial_binds_is_part_of_the_function(folder):
    def swept(*arguments, **named):
        return rl.sweep(functools.partial(scaled, *arguments, **named), [{"number": 3}], path="kept", verbose=0)

    assert swept(2, of="x") == swept(2, of="x") == [{"number": 3, "product": 6}]
    for arguments, of in ((3, "x"), (2, "y")):
        with pytest.raises(ValueError, match=r"has trainings of test_sweeps.scaled\(2, of=.x.\), not of .*scaled\("):
            swept(arguments, of=of)
    for bound in (np.arange(3), np.arange(300), object()):  # The second is told in short.
        rl.sweep(functools.partial(scaled, of=bound), [{"factor": 2, "number": 3}], path=f"{np.size(bound)}", verbose=0)
    names = [sqlite3.connect(name).execute("SELECT sweep_train FROM trainings").fetchone()[0]
             for name in sorted(os.listdir(folder)) if name != "kept"]
    assert len(names) == 3
    assert {"test_sweeps.scaled(of=[0, 1, 2])", 'test_sweeps.scaled(of="builtins.object")'}.issubset(names)
    assert max(map(len, names)) < 60


@pytest.mark.parametrize("one, other", [
    (rl.GRU, rl.LSTM), (np.tanh, np.exp), (T.tanh, T.exp), (str.lower, str.upper), (1j, 2j), ({1, 2}, {1, 3}),
    (np.zeros(300), np.ones(300)), (np.zeros(300), np.zeros((30, 10))),
    ((np.zeros(300), 1), (np.zeros(300), 2)), (rl.optimizers.SGD(lr=0.5), rl.optimizers.SGD(lr=0.25)),
])  # fmt: skip
def test_what_json_does_not_know_is_told_from_others(folder, one, other):
    for bound in (one, copy.deepcopy(one)):
        rl.sweep(functools.partial(scaled, 2, of=bound), [{"number": 3}], path="kept", verbose=0)
    with pytest.raises(ValueError, match="kept has trainings of"):
        rl.sweep(functools.partial(scaled, 2, of=other), [{"number": 3}], path="kept", verbose=0)


def test_the_order_of_what_is_bound_makes_no_other_function(folder):
    for bound in ({"a": 1, "b": 2}, {"b": 2, "a": 1}):
        rl.sweep(functools.partial(scaled, 2, of=bound), [{"number": 3}], path="kept", verbose=0)


def scaled(factor, number, of=None):
    return {"product": factor * number}


def test_an_address_where_nobody_answers(folder):
    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}):
        with pytest.raises(ConnectionError, match="no scheduler answers at tcp://127.0.0.1:1"):
            rl.sweep(trainings.noting, within(folder), "tcp://127.0.0.1:1", path="kept", verbose=0)
    assert noted(folder) == []


def test_all_columns_of_its_own_but_error_begin_alike(folder):
    rl.sweep(trainings.noting, within(folder), path="kept", verbose=0)
    table = pandas.read_sql("SELECT * FROM trainings", sqlite3.connect("kept"))
    others = set(table) - {"folder", "number", "tenfold", "error"}
    assert others and all(name.startswith("sweep_") for name in others)
