"""Search for recurrent cells by mutating the LSTM and the GRU, as Jozefowicz, Zaremba and Sutskever did in 2015.

A cell is a graph of activations, matrices, sums, products and differences; a new one is a good one with some of its
nodes changed at random. It is judged in stages, and put away at the first that it does not pass: by Memory, to read a
few letters and write them again, of which 95 % must be right; then by Arithmetic and by XML (see jozefowicz.py), each
with a few settings of the learning rate and the initial scale. Its score is the lower of its two best accuracies, each
divided by the best of the GRU. The best cells are tried with further settings, and are the parents of the next ones.

    python examples/evolve.py --quick
    python examples/evolve.py --cluster tcp://scheduler:8786 --proposals 1000

On two processor cores the first takes less than 10 minutes, with smaller tasks and networks, and few new cells. The
second runs on a Dask cluster (docs/sweeps.md), whose workers have this directory in their PYTHONPATH. Workers that
share the engine's folder of compiled code compile one after the other: many of them should have one each. Each training
that ended is a row of the SQLite file --results, and a search that is started again goes on where it stopped.

At the end come a table of the best cells, beside SimpleRNN, GRU, LSTM and JZS1, which are judged in the same way; the
equations of the best one, and a layer that can be pasted; what a training cost, and how far a day on 100 processor
cores would come at that cost; and a picture of the search.

This is not the paper's search in all. There, each cell is taken from the list of the best whenever a machine is free;
here, new cells come in generations, each judged as a whole before the next, so that one seed gives one result, on any
cluster. All cells are tried with the same settings in the same order, and there are fewer of these. The paper also
judged on the Penn Treebank, which is not free. A network here reads letters as they are, without an embedding.
"""

import argparse
import contextlib
import functools
import itertools
import logging
import os
import random
import string
import sys
import textwrap

import jozefowicz
import numpy as np
from _cells import KNOWN, Cell, mutated
from _common import Help, save
from matplotlib import pyplot as plt

from recurrent_layers import Sequential, TimeDistributedDense, sweep
from recurrent_layers.optimizers import Adam

#: The tasks in the order of the stages, and their trainings; the size of a network is set by the number of its weights.
FULL = {"Memory": dict(symbols=5, letters=26, updates=5000, budget=20000), **jozefowicz.FULL}
QUICK = {"Memory": dict(symbols=5, letters=26, updates=3000, budget=10000),
         "Arithmetic": dict(digits=2, distractors=1, updates=1500, budget=10000),
         "XML": dict(tag=5, length=40, updates=1000, budget=10000)}
#: For how long, with how many settings, and how much of a new cell is changed at most. In a quick search there is no
#: time for the many new cells that are good for nothing after large changes.
SEARCH = {"full": dict(generations=100, proposals=100, first=4, again=20, settings=20, share=90, changed=1.0),
          "quick": dict(generations=2, proposals=6, first=2, again=2, settings=3, share=70, changed=0.25)}
RATES = (0.03, 0.02, 0.015, 0.01, 0.007)
SCALES = (0.5, 0.7, 1.0, 1.4)
#: How many of the best are parents, as in the paper, and how many are tried with all settings at last and shown.
LISTED, SHOWN = 100, 3
REFERENCES = ("SimpleRNN", "GRU", "LSTM", "JZS1")
JUDGED_BY = tuple(jozefowicz.FULL)


def main():
    args = parsed_arguments()
    with workers(args.cluster) as client:
        search = Search(args.tasks, args.settings, args.seed,
                        functools.partial(sweep, train, client=client, path=args.results))
        search.run(args.generations, args.proposals, args.first, args.again, args.remembered, args.share, args.changed)
        per_update = seconds_per_update(search, min(100, args.tasks["Memory"]["updates"]))
    print(report(search))
    print(estimate(search, per_update))
    save(draw(search), args.output)


def parsed_arguments():
    """The arguments, with what a quick or a full search takes where they are not given, and the tasks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=Help)
    parser.add_argument("--quick", action="store_true", help="smaller tasks and networks, and fewer new cells")
    parser.add_argument("--generations", type=int, help="how many times to propose new cells; 100, quick 2")
    parser.add_argument("--proposals", type=int, help="how many new cells each time; 100, quick 6. On a cluster take "
                        "several times as many as it has workers")
    parser.add_argument("--settings", type=int, help="with how many settings a task is tried at most; 20, quick 3")
    parser.add_argument("--remembered", type=float, default=95, help="percent of the letters of Memory that a new cell "
                        "must get right")
    parser.add_argument("--share", type=float, help="percent of the GRU's accuracy that it must reach on Arithmetic "
                        "and on XML; 90, quick 70")
    parser.add_argument("--updates", type=int, help="how many updates a training has; depends on the task")
    parser.add_argument("--budget", type=int, help="how many weights a network has at most; depends on the task")
    parser.add_argument("--held-out", type=int, default=500, help="how many samples to validate and to test on")
    parser.add_argument("--seed", type=int, default=0, help="for all random numbers: one seed, one search")
    parser.add_argument("--cluster", default="local", metavar="ADDRESS",
                        help='where to train: "local" for a process for each processor of this machine, the address of '
                        'a scheduler of Dask, or "none" for this process')
    parser.add_argument("--results", default="evolve_results", help="file of SQLite for what each training found")
    parser.add_argument("--output", default="evolve.png", help="file for the picture")
    args = parser.parse_args()

    for name in ("generations", "proposals", "settings", "updates", "budget", "held_out"):
        given = getattr(args, name)
        if given is not None and given < 1:
            parser.error(f"--{name.replace('_', '-')} must be 1 at least, not {given}")
    if args.settings is not None and args.settings > len(RATES) * len(SCALES):
        parser.error(f"--settings must be {len(RATES) * len(SCALES)} at most, of which there are no more")
    for name, value in SEARCH["quick" if args.quick else "full"].items():
        if getattr(args, name, None) is None:
            setattr(args, name, value)
    of_all = {name: getattr(args, name) for name in ("updates", "budget", "held_out") if getattr(args, name)}
    args.tasks = {name: dict(task, **of_all) for name, task in (QUICK if args.quick else FULL).items()}
    args.tasks["Memory"]["enough"] = args.remembered
    return args


@contextlib.contextmanager
def workers(cluster):
    """What runs the trainings; on this machine one cluster for all sweeps, as each would start one of its own."""
    if cluster != "local":
        yield None if cluster == "none" else cluster
        return
    try:
        import distributed
    except ImportError:
        sys.exit('The search trains on a cluster of Dask: pip install -e ".[sweep]", or --cluster none')
    with distributed.Client(threads_per_worker=1, memory_limit=0, dashboard_address="127.0.0.1:0",
                            silence_logs=logging.CRITICAL) as client:
        yield client


# ---- trainings ------------------------------------------------------------------------------


def memory(rng, symbols, letters):
    """Some of the first so many letters, to be written again: a text, and where its part to be predicted begins."""
    text = "".join(rng.choices(string.ascii_lowercase[:letters], k=symbols))
    return f"{text}={text}", symbols + 1


#: How a task makes a text and says where its part to be predicted begins, and the characters in it.
TASKS = {"Memory": (memory, "=" + string.ascii_lowercase),
         "Arithmetic": (jozefowicz.arithmetic, jozefowicz.CHARACTERS["Arithmetic"]),
         "XML": (jozefowicz.xml, jozefowicz.CHARACTERS["XML"])}


def train(cell, task, updates, budget, held_out, number, rate, scale, enough=None, **parameters):
    """Train a network with a cell on a task, no further than to where enough percent are right.

    Returns
    -------
    dict
        The accuracies on validation and test data in percent, 0 where training diverged; the size of the layer and the
        number of weights of the network; the updates made; and seconds of processor time, for what has to be compiled
        and for training.
    """
    make, characters = TASKS[task]
    cell, began = Cell.from_key(cell), processor_seconds()
    size, weights = size_for(cell, len(characters), budget)
    np.random.seed(number)
    model = Sequential([cell.layer()(len(characters), size, scale=scale, return_sequences=True),
                        TimeDistributedDense(size, len(characters), activation="softmax")])
    model.compile(loss="categorical_crossentropy", optimizer=Adam(lr=rate, clipnorm=1.0))

    def batch(rng, samples):
        return jozefowicz.one_hot([make(rng, **parameters) for _ in range(samples)], characters)

    def accuracy(data):
        X, y, counts = data
        return 100 * float(model.evaluate(X, y, show_accuracy=True, sample_weight=counts, verbose=0)[1])

    # A number has the same data for all cells; validation and test are the same for all numbers.
    rng = random.Random(f"training {number}")
    validation, test = (batch(random.Random(name), held_out) for name in ("validation", "test"))
    compiled, right = began, 0.0
    for update in range(1, updates + 1):
        model.optimizer.lr.set_value(np.float32(rate * (updates - update + 1) / updates))  # Falls to almost 0.
        X, y, counts = batch(rng, 32)
        loss = model.train_on_batch(X, y, sample_weight=counts)
        if not np.isfinite(loss):
            right = 0.0
            break
        if update == 1:
            accuracy(batch(random.Random(0), 2))
            compiled = processor_seconds()
        if update == updates or enough is not None and update % max(1, updates // 15) == 0:
            right = accuracy(validation)
            if enough is not None and right >= enough:
                break
    return dict(validation=right, test=accuracy(test) if right else 0.0, size=size, weights=weights, made=update,
                compiling=compiled - began, training=processor_seconds() - compiled)


def processor_seconds():
    """What this process and its compilers have taken so far."""
    return sum(os.times()[:4])


def size_for(cell, characters, budget):
    """The largest size of a cell with which the network has no more than so many weights, and how many these are."""
    def weights(size):
        return cell.count_params(characters, size) + (size + 1) * characters

    size = max(1, sum(1 for _ in itertools.takewhile(lambda size: weights(size) <= budget, itertools.count(1))))
    return size, weights(size)


# ---- the search -----------------------------------------------------------------------------


class Candidate:
    """A cell in the search: of which its parent is a mutation, and what came of its trainings, by task.

    `ended` is the task at which it was put away, or None.
    """

    def __init__(self, cell, name, parent=None):
        self.cell, self.name, self.parent, self.ended = cell, name, parent, None
        self.found = {task: [] for task in TASKS}

    def best(self, task):
        """The training with the best accuracy on validation data."""
        return max(self.found[task], key=accuracy_of)


def accuracy_of(found, data="validation"):
    """What a training got right, in percent; one that failed, nothing."""
    return found.get(data, 0.0)


class Search:
    """A search; it is the same for the same arguments.

    Parameters
    ----------
    tasks : dict of dict
        By name, what each training of a task is given.
    settings : int
        With how many settings a task is tried at most.
    seed : int
    sweep : callable
        From a list of settings to one of dicts of what came of them.
    """

    def __init__(self, tasks, settings, seed, sweep):
        self.tasks, self.seed, self.sweep = tasks, seed, sweep
        self.settings = {task: self.random_settings(task)[:settings] for task in tasks}
        self.references = {name: Candidate(KNOWN[name], name) for name in REFERENCES}
        self.listed = [self.references["LSTM"], self.references["GRU"]]
        self.proposed = []

    def random_settings(self, task):
        """All settings, in the order in which they are tried."""
        settings = [dict(rate=rate, scale=scale) for rate in RATES for scale in SCALES]
        random.Random(f"{self.seed} {task}").shuffle(settings)
        return [dict(setting, number=number) for number, setting in enumerate(settings)]

    def run(self, generations, proposals, first, again, remembered, share, changed):
        """Judge the references, and then generations of new cells.

        Parameters
        ----------
        generations, proposals : int
            How many, and how many new cells in each.
        first, again : int
            With how many settings a new cell is tried on a task, and how many of the best cells are tried with as many
            more in each generation. The best ones are tried with all settings at last, as the references are at first.
        remembered, share : float
            Percent that a new cell must get right in Memory, and of the GRU's accuracy on the other tasks, to be judged
            further.
        changed : float
            The share of its parent's nodes that are changed is drawn from 0 to this.
        """
        self.try_out(self.references.values(), ["Memory"], 1)
        self.try_out(self.references.values(), JUDGED_BY, len(RATES) * len(SCALES))
        for generation in range(1, generations + 1):
            new = self.propose(generation, proposals, changed)
            left = [len(new)]
            for task in TASKS:
                self.try_out(new, [task], 1 if task == "Memory" else first)
                for one in new:
                    reached = accuracy_of(one.best(task)) if task == "Memory" else 100 * self.relative(one, task)
                    one.ended = task if reached < (remembered if task == "Memory" else share) else None
                new = [one for one in new if one.ended is None]
                left.append(len(new))
            self.listed = self.ranked(self.listed + new)[:LISTED]
            self.try_out(self.best_found(again), JUDGED_BY, first)
            print("generation {}: of {} new cells {} remember, {} calculate, and {} come into the list".format(
                generation, *left), flush=True)
        self.try_out(self.best_found(SHOWN), JUDGED_BY, len(RATES) * len(SCALES))

    def propose(self, generation, count, changed):
        """So many cells that are not among those before."""
        rng, new = random.Random(f"{self.seed} generation {generation}"), []
        known = {one.cell for one in self.listed + self.proposed}
        while len(new) < count:
            parent = rng.choice(self.listed)
            cell = mutated(parent.cell, rng, changed)
            if cell not in known:
                known.add(cell)
                new.append(Candidate(cell, str(len(self.proposed) + len(new) + 1), parent))
        self.proposed += new
        return new

    def try_out(self, candidates, tasks, more):
        """Train candidates on tasks with so many settings more, as far as there are as many."""
        trainings = [(one, task, setting) for one in candidates for task in tasks
                     for setting in self.settings[task][len(one.found[task]):len(one.found[task]) + more]]
        settings = [dict(self.tasks[task], task=task, cell=one.cell.key, **setting) for one, task, setting in trainings]
        for (one, task, _), found in zip(trainings, self.sweep(settings) if settings else []):
            one.found[task].append(found)

    def relative(self, one, task):
        """The best accuracy on a task, divided by that of the GRU."""
        return accuracy_of(one.best(task)) / max(accuracy_of(self.references["GRU"].best(task)), 1e-9)

    def score(self, one):
        """The lower of the two, for one that was not put away before it was judged."""
        return min(self.relative(one, task) for task in JUDGED_BY if one.found[task])

    def ranked(self, candidates):
        return sorted(candidates, key=self.score, reverse=True)

    def best_found(self, count):
        return [one for one in self.ranked(self.listed) if one.parent is not None][:count]


# ---- what was found -------------------------------------------------------------------------


def report(search):
    """A table in Markdown of the best cells and the references; the equations and the layer of the best one."""
    best = search.best_found(SHOWN)
    lines = ["", "| cell | mutation of | matrices | Memory (%) | Arithmetic (%) | XML (%) | score | settings |",
             "|---|---|---|---|---|---|---|---|"]
    for one in search.ranked(best + list(search.references.values())):
        accuracies = " | ".join(f"{accuracy_of(one.best(task), 'test'):.1f}" for task in TASKS)
        lines.append(f"| {one.name} | {one.parent.name if one.parent else ''} | {len(one.cell.matrices())} | "
                     f"{accuracies} | {search.score(one):.3f} | {len(one.found['XML'])} |")
    lines += ["", "Right characters of test data, with the setting of so many that is best on validation data. The "
              "score is that of the search, on validation data.", ""]
    if not best:
        return "\n".join(lines + ["No new cell has come into the list."])
    simple = search.references["SimpleRNN"]
    better = [one for one in best if all(test_of(one, task) > test_of(simple, task) for task in JUDGED_BY)]
    lines += [f"Of the {len(best)} best new cells {len(better)} beat SimpleRNN on both tasks. Cell {best[0].name}:", ""]
    settings = {task: best[0].best(task) for task in JUDGED_BY}
    used = ", ".join(f"{{rate}} and {{scale}} on {task}".format(**found) for task, found in settings.items())
    return "\n".join(lines + [best[0].cell.equations(), "", f"Learning rate of Adam and scale: {used}. As a layer:", "",
                              best[0].cell.source(f"Evolved{best[0].name}", settings["Arithmetic"]["scale"])])


def test_of(one, task):
    return accuracy_of(one.best(task), "test")


def seconds_per_update(search, updates):
    """Processor seconds of an update of a full search, by task, from so many of the GRU."""
    setting = dict(cell=KNOWN["GRU"].key, updates=updates, held_out=1, number=0, rate=0.01, scale=1.0)
    found = search.sweep([dict(parameters, task=task, **setting) for task, parameters in FULL.items()])
    return {one["task"]: one["training"] / updates for one in found}


def estimate(search, per_update):
    """What a training cost here, and how far a day on 100 processor cores would come, in words."""
    everyone = [*search.references.values(), *search.proposed]
    found = {task: [found for one in everyone for found in one.found[task] if "training" in found] for task in TASKS}
    means = ", ".join(f"{np.mean([one['training'] for one in of_task]):.1f} for {task} ({len(of_task)} trainings)"
                      for task, of_task in found.items())
    compiling = np.mean([one["compiling"] for one in found["Memory"]])

    plan = SEARCH["full"]
    costs = {task: compiling + FULL[task]["updates"] * seconds for task, seconds in per_update.items()}
    ended = [one.ended for one in search.proposed]
    remember = 1 - ended.count("Memory") / len(ended)
    calculate = remember - ended.count("Arithmetic") / len(ended)
    again = plan["again"] / plan["proposals"]
    counts = {"Memory": 1, "Arithmetic": plan["first"] * (remember + again), "XML": plan["first"] * (calculate + again)}
    cells = 100 * 24 * 3600 / sum(counts[task] * costs[task] for task in TASKS)
    trainings, seconds = cells * sum(counts.values()), ", ".join(f"{costs[task]:.0f} for {task}" for task in TASKS)
    return "\n" + textwrap.fill(
        f"Processor seconds here, on average: {compiling:.1f} to compile a new cell; {means}. In a full search a "
        f"training would take {seconds}, by what updates of the GRU at its sizes take. So a day on 100 cores would "
        f"judge {cells:,.0f} new cells in {trainings:,.0f} trainings, if these cores are as fast as those here and "
        "never idle, if each training compiles its cell anew, if cells cost what the GRU does, and if as many as here "
        f"go on to Arithmetic ({remember:.0%}) and to XML ({calculate:.0%}). The paper judged about 10,000 cells.",
        119) + "\n"


def draw(search):
    """Draw the score of each new cell, with a line to its parent, and both accuracies of those that got as far."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 5.5), constrained_layout=True,
                                         gridspec_kw=dict(width_ratios=[2, 1]))
    places = {one: number for number, one in enumerate(search.proposed, 1)}
    kept = [one for one in places if one.ended is None]
    for one in kept:
        ends = [one.parent, one]
        left.plot([places.get(end, 0) for end in ends], [search.score(end) for end in ends], "C0", alpha=0.3, lw=1)
    for task, marker, color in [("Arithmetic", "v", "C1"), ("XML", "s", "C1"), (None, "o", "C0")]:
        some = [one for one in places if one.ended == task]
        left.plot([places[one] for one in some], [search.score(one) for one in some], marker, color=color,
                  label=f"put away at {task}" if task else "in the list", mfc="none" if task else color)
    forgot = [places[one] for one in places if one.ended == "Memory"]
    left.plot(forgot, [0.02] * len(forgot), "x", color="0.5", transform=left.get_xaxis_transform(),
              label="put away at Memory")
    left.step([places[one] for one in kept], np.maximum.accumulate([search.score(one) for one in kept]), "C0",
              where="post", lw=2, label="best so far")
    left.set(title="Each new cell; thin lines come from its parent", xlabel="new cell", xlim=(-0.5, len(places) + 0.5),
             ylabel="accuracy over that of the GRU,\nthe lower of Arithmetic and XML")
    for one in kept:
        right.plot(*(accuracy_of(one.best(task)) for task in JUDGED_BY), "oC0")
    for k, (name, one) in enumerate(search.references.items(), 2):
        left.axhline(search.score(one), color=f"C{k}", ls="--", lw=1, zorder=0, label=name)
        right.plot(*(accuracy_of(one.best(task)) for task in JUDGED_BY), "*", ms=14, color=f"C{k}")
    right.set(title="Right characters of validation data (%)", xlabel="Arithmetic", ylabel="XML")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.legend(*left.get_legend_handles_labels(), loc="upper center", bbox_to_anchor=(0.5, 0), frameon=False, ncol=5)
    return figure


if __name__ == "__main__":
    main()
