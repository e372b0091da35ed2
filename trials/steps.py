"""Scans with steps that are drawn at random."""

import collections
import importlib
import pathlib
import sys
import time

from trials import sanitizer
from trials.children import in_a_child, in_children

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "tests"))
drawn_steps = importlib.import_module("drawn_steps")

TOGETHER = 5  # In one function.
SECONDS, SECONDS_OF_SHRINKING = 600.0, 60.0
IN_C = 0.9  # So many at least; said of a few, it means nothing.
FEW = 30


def trial(run):
    """Scans with drawn steps: outputs and all gradients are those of the engine's scan; nine in ten run in C."""
    counts, reasons = collections.Counter(), collections.Counter()

    def work(number):
        chosen = group(run.seed, number)
        run.notes("\n".join(map(repr, chosen)))
        return smaller(drawn_steps.outcomes(chosen))

    run.begins()
    said = 0
    for case in in_children(work, run.goes_on, SECONDS, each=1):
        run.tried += TOGETHER
        if case.problem:
            counts["ended"] += 1
            find_who_ends_it(run, case, said)
        said = sanitizer.size_of_log(run.folder)
        for outcome in case.value or ():
            counts[outcome.kind or ("in C" if outcome.is_in_c else "by scan")] += 1
            if outcome.kind:
                run.fails(what(outcome), f"{outcome}: {outcome.program!r}")
            elif not outcome.is_in_c:
                reasons[outcome.reason.partition(" runs by scan: ")[2] or "no reason is logged"] += 1
    well = counts["in C"] + counts["by scan"]
    if well >= FEW and counts["in C"] < IN_C * well:
        run.fails("more than one in ten runs by scan", f"{dict(reasons)}")
    run.figures.update(counts, reasons=dict(reasons.most_common(10)))
    return (f"{run.tried} drawn steps of seed {run.seed}: {counts['in C']} in C, {counts['by scan']} by scan, "
            f"{counts['differs']} with other numbers, {counts['fails'] + counts['scan fails']} errors, "
            f"{counts['ended']} processes ended")  # fmt: skip


def group(seed, number):
    """Programs of one dtype."""
    return drawn_steps.drawn(2 * TOGETHER, f"{seed} {number}")[number % 2::2]


def smaller(found):
    """The same, but the first program that is wrong is made smaller."""
    end = time.monotonic() + SECONDS_OF_SHRINKING
    wrong = [k for k, outcome in enumerate(found) if outcome.kind in ("differs", "fails")]
    for k in wrong[:1]:
        found[k] = drawn_steps.shrunk(found[k], lambda: time.monotonic() < end)
    return found


def what(outcome):
    """What is wrong, the same of all programs of which it is."""
    if outcome.kind == "differs":
        return "other numbers than by scan"
    return f"{outcome.kind}: {outcome.problem.partition(chr(10))[0][:100]}"


def find_who_ends_it(run, case, since):
    """Try each program alone of those with which a process ended."""
    report = sanitizer.reported(run.folder, since)
    alone = [(program, in_a_child(lambda program=program: drawn_steps.outcomes([program]), SECONDS))
             for program in group(run.seed, case.number)]  # fmt: skip
    guilty = [program for program, end in alone if end.problem]
    for program in guilty:
        run.fails(report or case.problem, f"{case.where} {program!r}".strip())
    if not guilty:
        run.fails(f"{report or case.problem}, of several programs together", f"{case.where} {run.noted()}".strip())
