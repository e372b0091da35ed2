"""One trial, in a process of its own: ``python -m trials.process MODULE`` is what the runner starts."""

import argparse
import importlib
import json
import os
import pathlib
import random
import resource
import time

DISTINCT = 60


class Run:
    """What a trial is given: its budget, its random numbers, a folder; and what it tells of what it found.

    Parameters
    ----------
    seconds : float
        How long it may go on. What it must do at least once may take longer.
    seed : int
    folder : path-like
        A folder of its own, which is removed afterwards.
    number : int
        How many cases it tries at least, however long that takes.

    Attributes
    ----------
    random : random.Random
    figures : dict of str to number or str
        What was measured; a trial adds to it.
    tried : int
    failures : dict of str to dict
        By what failed: how often, and how to see it again.
    """

    def __init__(self, seconds, seed, folder, number=0):
        self.seconds, self.seed, self.folder, self.number = seconds, seed, pathlib.Path(folder), number
        self.random = random.Random(seed)
        self.figures, self.failures, self.tried = {}, {}, 0
        self.began = time.monotonic()
        self._case = os.open(self.folder / "case", os.O_CREAT | os.O_WRONLY)

    def begins(self):
        """What had to be prepared is there: the budget is for what comes now."""
        self.began = time.monotonic()

    def goes_on(self, share=1.0):
        """Whether less than a share of the budget is spent, or too little has been tried."""
        return time.monotonic() - self.began < share * self.seconds or self.tried < share * self.number

    def tries(self, case=""):
        """Count a case, and note what it is."""
        self.tried += 1
        if case:
            self.notes(case)

    def notes(self, case):
        """Note what is being tried, in case that the process dies of it; also from the child of a fork."""
        os.ftruncate(self._case, 0)
        os.pwrite(self._case, case.encode(errors="backslashreplace")[:4000], 0)

    def noted(self):
        """What was noted last."""
        return (self.folder / "case").read_text()

    def fails(self, what, reproduce, count=1):
        """Tell of a failure; of those that are the same, the one that is shortest to reproduce is kept."""
        known = self.failures.setdefault(what, {"count": 0, "reproduce": reproduce})
        known["count"] += count
        known["reproduce"] = min(known["reproduce"], reproduce, key=len)


def answer(module, run):
    """Run a trial to its end; what it found, as a dict for JSON."""
    trial = importlib.import_module(module).trial
    sentence = trial(run)
    if not run.tried:
        run.fails("nothing was tried", module)
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    run.figures.update(tried=run.tried, peak_memory_MB=peak // 1024)
    failures = [dict(what=what, **known) for what, known in list(run.failures.items())[:DISTINCT]]
    return {"what": trial.__doc__.strip(), "sentence": sentence, "figures": run.figures,
            "distinct_failures": len(run.failures), "failures": failures}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--number", type=int, default=0)
    options = parser.parse_args()
    found = answer(options.module, Run(options.seconds, options.seed, options.folder, options.number))
    (options.folder / "answer.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
