"""Run hostile trials of the library, each in a process of its own; print a line for each, write figures and a table.

What a trial finds makes it fail, and so does the death of its process, or that it does not end.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from importlib import metadata

from tqdm import tqdm

from trials import sanitizer
from trials.registry import TRIALS

HERE = pathlib.Path(__file__).resolve().parent
DISTRIBUTIONS = ("recurrent-layers", "numpy", "Theano", "pytensor", "h5py", "hypothesis")


def main(arguments=None):
    """Run the trials that are named; the exit status is 1 if one of them failed."""
    options = parse(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for name in tqdm(options.names, unit="trial", disable=None, leave=False):
        outcome = outcome_of(name, options)
        outcomes.append(outcome)
        (options.out / f"{outcome['name']}.json").write_text(json.dumps(outcome, indent=1) + "\n", encoding="utf-8")
        (options.out / "summary.md").write_text(table(outcomes_in(options.out)), encoding="utf-8")
        tqdm.write(line(outcome))
        sys.stdout.flush()
    return int(not all(outcome["passed"] for outcome in outcomes))


def parse(arguments):
    parser = argparse.ArgumentParser(prog="python -m trials", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("names", nargs="*", metavar="NAME", help="of a trial; all by default: " + ", ".join(TRIALS))
    parser.add_argument("--seconds", type=float, default=50.0, help="budget of each trial (50)")
    parser.add_argument("--number", type=int, default=0, help="of cases that each trial tries at least (0)")
    parser.add_argument("--seed", type=_seed, default=0, help="of all random numbers (0), or: random")
    parser.add_argument("--sanitize", action="store_const", const="address", default="",
                        help="compile with -fsanitize=address,undefined")  # fmt: skip
    parser.add_argument("--sanitize-threads", action="store_const", const="thread", dest="sanitize",
                        help="compile with -fsanitize=thread")  # fmt: skip
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results", help="where to write (trials/results)")
    options = parser.parse_args(arguments)
    options.names = options.names or list(TRIALS)
    if options.sanitize and not sanitizer.libraries(options.sanitize):
        parser.error(f"to compile so needs g++ with {', '.join(sanitizer.LIBRARIES[options.sanitize])}")
    unknown = [name for name in options.names if name not in TRIALS]
    if unknown:
        parser.error(f"there is no trial {', '.join(unknown)}; there are {', '.join(TRIALS)}")
    return options


def _seed(text):
    return random.SystemRandom().randrange(2**31) if text == "random" else int(text)


def named(name, sanitized):
    """What the outcome of a trial is called, which may be another one when it is compiled for sanitizers."""
    return f"{name}-{sanitized}" if sanitized else name


def outcomes_in(folder):
    """What came of trials when they were run last, in their order."""
    paths = [folder / f"{named(name, kind)}.json" for name in TRIALS for kind in ("", *sanitizer.KINDS)]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]


def command_of(name, options):
    """The command that runs a trial so again."""
    more = f" --number {options.number}" * bool(options.number)
    more += {"": "", "address": " --sanitize", "thread": " --sanitize-threads"}[options.sanitize]
    return f"python -m trials {name} --seconds {options.seconds:g} --seed {options.seed}{more}"


def outcome_of(name, options):
    """Run a trial in a process of its own; what came of it, as a dict for JSON."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="trial-") as folder:
        found = _found(TRIALS[name], pathlib.Path(folder), options)
    return {"name": named(name, options.sanitize), "passed": not found["failures"], **found,
            "seed": options.seed, "seconds": options.seconds,
            "duration": round(time.monotonic() - began, 1), "date": time.strftime("%Y-%m-%d"),
            "command": command_of(name, options),
            "versions": versions(), "cores": os.cpu_count()}  # fmt: skip


def _found(module, folder, options):
    command = [sanitizer.python(folder, options.sanitize), "-m", "trials.process", module, "--folder", str(folder),
               "--seconds", str(options.seconds), "--seed", str(options.seed),
               "--number", str(options.number)]  # fmt: skip
    paths = [str(HERE.parent)] + [path for path in [os.environ.get("PYTHONPATH")] if path]
    # Compiling may take long.
    patience = 5 * options.seconds + 300 + 60 * options.number + 1000 * bool(options.sanitize)
    more = sanitizer.environment(folder, options.sanitize) if options.sanitize else {}
    with open(folder / "log", "w+b") as log:
        # In a session of its own, so that all that it started can be ended with it.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                   env=dict(os.environ, PYTHONPATH=os.pathsep.join(paths), **more))  # fmt: skip
        try:
            status = process.wait(patience)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        answer = folder / "answer.json"
        if status == 0 and answer.exists():
            return json.loads(answer.read_text(encoding="utf-8"))
        log.seek(0)
        last = log.read()[-1500:].decode(errors="replace").replace(str(HERE.parent) + os.sep, "").strip()
    if status is None:
        what = f"the trial hangs: no end within {patience:g} s"
    else:
        what = f"the trial was ended by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
    what = sanitizer.reported(folder) or what
    case = (folder / "case").read_text() if (folder / "case").exists() else ""
    return {"what": "", "sentence": what, "figures": {}, "distinct_failures": 1,
            "failures": [{"what": what, "count": 1, "reproduce": case, "log": last}]}  # fmt: skip


def versions():
    """The versions of Python and of what is installed of what matters."""
    found = {"Python": platform.python_version()}
    for name in DISTRIBUTIONS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def line(outcome):
    """What is printed of a trial."""
    word = "passed" if outcome["passed"] else "FAILED"
    number = outcome["distinct_failures"]
    faults = f"; {number} distinct fault{'s' * (number > 1)}" if number else ""
    return f"{outcome['name']:<13}{word}  {outcome['sentence']}{faults} ({outcome['duration']:.0f} s)"


def table(outcomes):
    """What is written of all of them, as Markdown."""
    lines = ["| trial | | what is promised | figures |", "|---|---|---|---|"]
    for outcome in outcomes:
        word = "passed" if outcome["passed"] else "**failed**"
        lines.append(f"| {outcome['name']} | {word} | {_cell(outcome['what'])} | {_cell(outcome['sentence'])} |")
    for outcome in outcomes:
        if outcome["failures"]:
            lines += ["", f"What {outcome['name']} found:", ""]
            lines += [f"- {_cell(failure['what'])} ({failure['count']} times): `{_cell(failure['reproduce'][:300])}`"
                      for failure in outcome["failures"]]  # fmt: skip
    lines += ["", "They were run by", ""] + [f"- `{outcome['command']}`" for outcome in outcomes]
    where = {}
    for outcome in outcomes:
        about = ", ".join(f"{name} {version}" for name, version in outcome["versions"].items())
        where.setdefault(f"{about}; {outcome['cores']} cores; {outcome['date']}", []).append(outcome["name"])
    lines += [""] + [f"With {about}: {', '.join(names)}." for about, names in where.items()]
    return "\n".join(lines) + "\n"


def _cell(text):
    return text.replace("|", "\\|").replace("\n", " ")
