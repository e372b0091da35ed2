"""Measure these layers beside PyTorch's, torchrecurrent's and those of Keras 0.3.3.

Each implementation runs in a process of its own, and they take turns (A B A B): a round of ours, a round of the
peer's, while the other one waits. Times are medians over the calls of all rounds, in float32, on all cores, with the
same input, and the same weights where both compute the same; then their numbers must agree. The peers are installed
into environments of their own on first use. Run it with the Python that has this package with its extra "test";
today's torch needs 3.10 or 3.11.
"""

import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import report
from cases import (
    COMPARISONS,
    MATHS,
    MEMORY_STEPS,
    QUICK_LAYERS,
    QUICK_PEERS,
    QUICK_SIZES,
    SIZES,
    TORCH,
    WEIGHTS,
    flops,
    pairs,
    sized,
)
from tqdm import tqdm

HERE = pathlib.Path(__file__).resolve().parent
REQUIREMENTS = {
    "torch": ["torch==2.13.0", "torchrecurrent==0.2.5", "numpy"],
    "keras": ["Theano==1.0.5", "numpy<1.24", "keras==0.3.3"],
}
WORKER_OF = {"torch": "torch", "torchrecurrent": "torch", "Keras 0.3.3 as installed": "keras",
             "Keras 0.3.3 on our Theano": "keras-prepared", "our GRU": "ours"}  # fmt: skip
# With these set, somebody may not use the whole machine.
LIMITING = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_CORETYPE",
            "OPENBLAS_L2_SIZE", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA")
TURN = 0.2  # seconds
# BLAS threads spin for some milliseconds after a call, and would take a core from whom comes next.
PAUSE = 0.05
PARTS = ("times", "memory", "first-step", "growth")


def main(arguments=None):
    """Measure, and write and print what was found."""
    options = parse(arguments)
    settings = {name: os.environ[name] for name in (*LIMITING, "THEANO_FLAGS") if name in os.environ}
    for name, value in settings.items():
        print(f"warning: {name}={value} is set, so not everything here may be as fast as it can be", file=sys.stderr)
    options.out.mkdir(parents=True, exist_ok=True)
    results = {"machine": {}, "rounds": options.rounds, "sgemm": None, "pairs": [], "memory": [], "first_step": {},
               "growth": [], "failures": []}  # fmt: skip
    with Workers(options) as workers:
        results["machine"] = machine(workers, settings)
        measure(results, workers, options)
    text = report.as_text(results)
    (options.out / "compare.md").write_text(text, encoding="utf-8")
    report.draw(results, options.out / "compare.png")
    print(text)


def parse(arguments):
    """Read the command line; the quick mode is a choice of the other options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few layers and sizes, no Keras: two minutes at most")
    parser.add_argument("--only", nargs="+", metavar="LAYER", choices=list(WEIGHTS), help="only these layers")
    parser.add_argument("--sizes", nargs="+", metavar="SIZE", choices=list(SIZES), help="only these sizes")
    parser.add_argument("--beside", nargs="+", metavar="PEER", choices=list(COMPARISONS), help="only these peers")
    parser.add_argument("--parts", nargs="+", metavar="PART", choices=PARTS, help="only these of " + ", ".join(PARTS))
    parser.add_argument("--rounds", type=int, help="turns of each (7, in quick mode 3)")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results", help="directory of what is written")
    parser.add_argument("--peers", type=pathlib.Path, default=HERE / ".peers", help="directory of the environments")
    parser.add_argument("--cache", type=pathlib.Path, help="directory of Theano's caches (PEERS/theano)")
    options = parser.parse_args(arguments)
    quick = options.quick
    options.only = options.only or list(QUICK_LAYERS if quick else WEIGHTS)
    options.sizes = options.sizes or list(QUICK_SIZES if quick else SIZES)
    options.beside = options.beside or list(QUICK_PEERS if quick else COMPARISONS)
    options.parts = options.parts or (["times"] if quick else list(PARTS))
    options.rounds = options.rounds or (3 if quick else 7)
    options.peers = options.peers.absolute()
    options.cache = (options.cache or options.peers / "theano").absolute()
    return options


# ---- Processes --------------------------------------------------------------------------------------------


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
        with contextlib.suppress(BrokenPipeError):  # Then there is no answer either.
            self.process.stdin.write(json.dumps(dict(order, do=do)) + "\n")
            self.process.stdin.flush()
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
        if name not in self.running or self.running[name].process.poll() is not None:
            self.running[name] = self.new(name)
        return self.running[name]

    def new(self, name, log=""):
        """Start a process of its own for a worker of this name."""
        command, environment = self.command(name), environment_of(name, self.options.cache)
        (self.options.cache / "home").mkdir(parents=True, exist_ok=True)
        return Worker(command, environment, self.options.out / f"{log or name}.log")

    def command(self, name):
        """How to start it: ours and Keras on our Theano in this Python, the others in their environments."""
        python = python_of(self.options.peers / name, REQUIREMENTS[name]) if name in REQUIREMENTS else sys.executable
        return [str(python), str(HERE / "workers.py"), name]


def environment_of(name, cache):
    """Environment variables of a worker; Theano compiles into a directory of its own, or they would wait in line."""
    environment = dict(os.environ, BENCHMARK_HOME=str(cache / "home"))
    flags = f"floatX=float32,base_compiledir={cache / name}"
    if name == "keras":
        # Theano as pip leaves it, but for what it needs to be imported at all beside NumPy 1.22 and newer.
        return dict(environment, THEANO_FLAGS="blas.ldflags=," + flags, THEANORC=os.devnull)
    paths = [str(HERE.parent)] + [path for path in [os.environ.get("PYTHONPATH")] if path]
    flags = ",".join(part for part in (os.environ.get("THEANO_FLAGS"), flags) if part)
    return dict(environment, THEANO_FLAGS=flags, PYTHONPATH=os.pathsep.join(paths))


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


def machine(workers, settings):
    """The machine and the versions of everything."""
    about = dict(workers["ours"].ask("about"))
    versions = {name: about[name] for name in ("recurrent_layers", "Python", "Theano", "NumPy", "BLAS")}
    versions.update((name, value) for name, value in workers["torch"].ask("about") if name != "Python")
    return {"processor": about["processor"], "platform": about["platform"], "compiler": about["compiler"],
            "scan loop": about["scan loop"], "cores": os.cpu_count(), "versions": versions, "environment": settings,
            "date": time.strftime("%Y-%m-%d")}  # fmt: skip


# ---- What is measured -------------------------------------------------------------------------------------


def measure(results, workers, options):
    """Measure all parts; what was found so far is always in compare.json."""
    tasks = list(tasks_of(results, workers, options))
    for name, task in tqdm(tasks, desc="measuring", file=sys.stderr, dynamic_ncols=True):
        try:
            task()
        except Exception as error:
            results["failures"].append(f"{name}: {error}")
            tqdm.write(f"failed: {name}: {error}", file=sys.stderr)
        (options.out / "compare.json").write_text(json.dumps(results, indent=1))


def tasks_of(results, workers, options):
    """All that is to be measured, as (name, function) pairs; each adds to the results."""
    yield "sgemm", lambda: measure_sgemm(results, workers)
    if "times" in options.parts:
        maths = MATHS[:1] if options.quick else MATHS
        for pair in pairs(options.only, options.sizes, options.beside, maths):
            yield (f"{pair.case} over {pair.peer}",
                   lambda pair=pair: results["pairs"].append(measure_pair(pair, workers, options.rounds)))
    layers = [layer for layer in ("LSTM", "GRU") if layer in options.only]
    if "memory" in options.parts:
        for case in (sized(layer, size="long", steps=steps) for layer in layers for steps in MEMORY_STEPS):
            for who in ("ours", "torch"):
                yield (f"memory of {case}, {who}",
                       lambda case=case, who=who: results["memory"].append(measure_memory(case, who, workers)))
    if "first-step" in options.parts:
        yield "first step", lambda: results["first_step"].update(measure_first_step(options))
    if "growth" in options.parts:
        for layer in layers:
            cases = [("timesteps", steps, sized(layer, steps=steps)) for steps in (50, 100, 200, 400)]
            cases += [("output_dim", size, sized(layer, output_dim=size)) for size in (64, 128, 256, 512)]
            for what, value, case in cases:
                yield (f"growth at {case}", lambda what=what, value=value, case=case: results["growth"].append(
                    measure_growth(what, value, case, workers, options.rounds)))
    yield "sgemm", lambda: measure_sgemm(results, workers)


def measure_sgemm(results, workers):
    """Keep the best rate of matrix products that was ever seen."""
    rate = workers["ours"].ask("sgemm")
    results["sgemm"] = max(rate or 0, results["sgemm"] or 0) or None


def measure_pair(pair, workers, rounds):
    """Times of ours and of the peer, in turns."""
    contestants = [(workers["ours"], pair.case), (workers[WORKER_OF[pair.peer]], pair.peer_case)]
    outputs = [worker.ask("prepare", case=case) for worker, case in contestants]
    difference = float(np.abs(np.subtract(*outputs)).max()) if pair.same_numbers else None
    if difference is not None and not difference < 1e-4:
        raise ValueError(f"the two do not compute the same: they differ by {difference}")
    before = busy()
    ours, theirs = map(summary, in_turns(contestants, rounds))
    return {"peer": pair.peer, "layer": pair.case.layer, "size": pair.size, "math": pair.case.math,
            "kind": pair.case.kind, "case": pair.case, "ours": ours, "theirs": theirs, "difference": difference,
            "ratio": ours["median"] / theirs["median"], "flops": flops(pair.case),
            "busy": max(before, busy())}  # fmt: skip


def in_turns(contestants, rounds):
    """Seconds of each call, for each (worker, case), taking turns.

    Parameters
    ----------
    contestants : list of (Worker, Case)
        Prepared already.
    rounds : int
        How many turns each has, after one that does not count.

    Returns
    -------
    list of list of float
    """

    def turn(worker, case, repeats):
        time.sleep(PAUSE)
        return worker.ask("run", case=case, repeats=repeats)

    repeats = [max(1, round(TURN / min(turn(worker, case, 2)))) for worker, case in contestants]
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
    """Median, quartiles and number of some times."""
    low, median, high = np.percentile(seconds, (25, 50, 75))
    return {"median": median, "quartiles": [low, high], "calls": len(seconds)}


def measure_memory(case, who, workers):
    """By how much training grows a new process."""
    worker = workers.new(who, f"{who}-memory")
    try:
        return {"layer": case.layer, "steps": case.steps, "who": who, "bytes": worker.ask("memory", case=case)}
    finally:
        worker.end()


def measure_first_step(options):
    """Seconds from the start of Python to the end of the first training step, Theano's cache empty and then warm."""
    with tempfile.TemporaryDirectory(dir=options.cache) as cache, open(options.out / "first-step.log", "w") as log:
        environment = environment_of("first-step", pathlib.Path(cache))

        def seconds():
            began = time.perf_counter()
            subprocess.run([sys.executable, str(HERE / "workers.py"), "first-step"], env=environment, check=True,
                           stdout=log, stderr=log)  # fmt: skip
            return time.perf_counter() - began

        return {"empty": seconds(), "warm": float(np.median([seconds() for _ in range(3)]))}


def measure_growth(what, value, case, workers, rounds):
    """Times of a training step of ours and of torch."""
    contestants = [(workers["ours"], case), (workers[WORKER_OF[TORCH]], case)]
    for worker, prepared in contestants:
        worker.ask("prepare", case=prepared)
    ours, theirs = map(np.median, in_turns(contestants, rounds))
    return {"layer": case.layer, "what": what, "value": value, "ours": float(ours), "theirs": float(theirs)}


if __name__ == "__main__":
    main()
