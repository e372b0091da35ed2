"""The processes that are measured, and how they take turns."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
REQUIREMENTS = {
    "torch": ["torch==2.13.0", "torchrecurrent==0.2.5", "keras==3.15.1", "numpy"],
    "jax": ["jax==0.10.2", "keras==3.15.1", "numpy"],
    "onnx": ["onnxruntime==1.32.0", "onnx==1.23.2", "numpy"],
    "keras": ["Theano==1.0.5", "numpy<1.24", "keras==0.3.3"],
    "keras2c": ["keras2c==2.0", "tensorflow==2.21.0", "keras==3.15.1", "pydantic==1.10.27"],
}
# Workers that live in the environment of another one.
HOME_OF = {"keras3-torch": "torch", "keras3-jax": "jax"}
ENGINE_FLAGS = ("THEANO_FLAGS", "PYTENSOR_FLAGS")
TURN = 0.2  # seconds
# BLAS threads spin for some time after a call, NumPy's the longest, and would take a core from whom comes next.
PAUSE = 0.12


class Worker:
    """A process with one implementation, which waits for orders.

    Parameters
    ----------
    command : list of str
    environment : dict of str to str
    log : pathlib.Path
        The file for what it prints.
    """

    def __init__(self, command, environment, log):
        self.log = log
        with open(log, "w") as stream:
            self.process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=stream, text=True)  # fmt: skip

    def ask(self, do, **order):
        """Give an order and wait for the answer."""
        self.tell(do, **order)
        return self.answer()

    def tell(self, do, **order):
        """Give an order."""
        with contextlib.suppress(BrokenPipeError):  # Then there is no answer either.
            self.process.stdin.write(json.dumps(dict(order, do=do)) + "\n")
            self.process.stdin.flush()

    def answer(self):
        """Wait for the answer to the last order."""
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a worker ended; it said:\n{self.log.read_text()[-2000:]}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["answer"]

    def end(self):
        """Let it end, and wait for that."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Workers:
    """All workers by name, each started when it is first asked for; they end with the `with` block."""

    def __init__(self, options):
        self.options = options
        self.running = {}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for worker in self.running.values():
            worker.end()

    def __getitem__(self, name):
        return self.with_threads(name, None)

    def with_threads(self, name, threads):
        """The worker of this name that uses so many threads; None for as many as it would."""
        key = name, threads
        if key not in self.running or self.running[key].process.poll() is not None:
            self.running[key] = self.new(name, f"{name}-{threads}" if threads else name, threads)
        return self.running[key]

    def new(self, name, log="", threads=None, flags=""):
        """Start a process of its own for a worker of this name; `flags` are more of the engine's."""
        environment = environment_of(name, self.options.cache, threads, flags)
        (self.options.cache / "home").mkdir(parents=True, exist_ok=True)
        return Worker(self.command(name), environment, self.options.out / f"{log or name}.log")

    def command(self, name):
        """How to start it: ours and Keras on our Theano in this Python, the others in their environments."""
        home = HOME_OF.get(name, name)
        given = getattr(self.options, "pythons", {}).get(home)
        if given:
            return [str(given), str(HERE / "workers.py"), name]
        if name == "other-engine":
            return [str(self.options.other_engine), str(HERE / "workers.py"), name]
        python = python_of(self.options.peers / home, REQUIREMENTS[home]) if home in REQUIREMENTS else sys.executable
        return [str(python), str(HERE / "workers.py"), name]


def environment_of(name, cache, threads=None, flags=""):
    """Environment variables of a worker; each engine compiles into a directory of its own, or they would wait."""
    environment = dict(os.environ, BENCHMARK_HOME=str(cache / "home"), **variables_of_threads(name, threads))
    flags = ",".join(filter(None, (f"floatX=float32,base_compiledir={cache / name}", flags)))
    if name == "keras":
        # Theano as pip leaves it, but for what it needs to be imported at all beside NumPy 1.22 and newer.
        return dict(environment, THEANO_FLAGS="blas.ldflags=," + flags, THEANORC=os.devnull)
    if name.startswith("keras3-"):
        environment["KERAS_BACKEND"] = name.split("-")[1]
    paths = [str(HERE.parent)] + [path for path in [os.environ.get("PYTHONPATH")] if path]
    variables = {name: ",".join(filter(None, (os.environ.get(name), flags))) for name in ENGINE_FLAGS}
    return dict(environment, **variables, PYTHONPATH=os.pathsep.join(paths))


def variables_of_threads(name, threads):
    """The environment variables by which a worker uses so many threads; None for as many as it would."""
    if threads is None:
        return {}
    if name in ("ours", "other-engine", "keras-prepared"):
        return {"OPENBLAS_NUM_THREADS": str(threads)}
    if name in ("jax", "keras3-jax"):
        # JAX has no setting for it, but counts the processors that it may use.
        return {"BENCHMARK_PROCESSORS": str(threads)}
    return {"OMP_NUM_THREADS": str(threads), "BENCHMARK_THREADS": str(threads)}


def python_of(directory, requirements):
    """The Python of an environment that has these packages; makes it if it is not there."""
    python, done = directory / "bin" / "python", directory / "requirements.txt"
    wanted = "\n".join(requirements) + "\n"
    if not (done.exists() and done.read_text() == wanted):
        print(f"installing {', '.join(requirements)} into {directory}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(directory)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *requirements], check=True, stdout=sys.stderr)
        done.write_text(wanted)
    return python


# ---- Turns ------------------------------------------------------------------------------------------------


def in_turns(contestants, rounds, seconds_of_turn=TURN):
    """Seconds of each call, for each (worker, case), taking turns.

    Parameters
    ----------
    contestants : list of (Worker, Case)
        Prepared already.
    rounds : int
        How many turns each has, after one that does not count.
    seconds_of_turn : float
        How long a turn takes at least, about.

    Returns
    -------
    list of list of float
    """

    def turn(worker, case, repeats):
        time.sleep(PAUSE)
        return worker.ask("run", case=case, repeats=repeats)

    def enough(worker, case):
        # Twice, because what comes once in a turn is a large part of a short one.
        repeats = 2
        for _ in range(2):
            repeats = max(1, round(seconds_of_turn / min(turn(worker, case, repeats))))
        return repeats

    repeats = [enough(*contestant) for contestant in contestants]
    seconds = [[] for _ in contestants]
    for number in range(rounds + 1):
        for (worker, case), times, found in zip(contestants, repeats, seconds):
            latest = turn(worker, case, times)
            found.extend(latest if number else [])
    return seconds


def busy(seconds=0.2):
    """What share of the processors others use while all workers wait, from 0 to 1; 0 where that is not known."""
    try:
        time.sleep(PAUSE)
        begin = processor_times()
        time.sleep(seconds)
        spent = processor_times() - begin
    except OSError:
        return 0.0
    idle, iowait = 3, 4
    return float(1 - (spent[idle] + spent[iowait]) / spent.sum())


def processor_times():
    """The first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal."""
    with open("/proc/stat") as stream:
        return np.array(stream.readline().split()[1:9], dtype=float)


def summary(seconds):
    """Median, mean, quartiles and number of some times."""
    low, median, high = np.percentile(seconds, (25, 50, 75))
    return {"median": median, "mean": float(np.mean(seconds)), "quartiles": [low, high], "calls": len(seconds)}


@contextlib.contextmanager
def busy_processors():
    """Keep all processors busy, with a process for each, until the block ends or `end` is called, which it gives."""
    # The limit ends them if nobody else does.
    limit = "import resource; resource.setrlimit(resource.RLIMIT_CPU, (3600, 3600))"
    processes = [subprocess.Popen([sys.executable, "-c", f"{limit}\nwhile True: pass"])
                 for _ in range(processors())]  # fmt: skip

    def end():
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()

    try:
        time.sleep(0.5)  # They have to start.
        yield end
    finally:
        end()


def processors():
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
