"""Compare the layers as Jozefowicz, Zaremba and Sutskever did in 2015, on two of their tasks.

Arithmetic: read two numbers to add or subtract, with letters strewn in that mean nothing, and write the result:
"3e36d9-h1h39f94eeh43keg3c=-13991064". XML: predict each next character of tags that are opened at random and closed
in the right order. The accuracy is the share of the characters that are right, in Arithmetic those of the result,
each predicted from all that stand before it.

    python examples/jozefowicz.py --quick
    python examples/jozefowicz.py
    python examples/jozefowicz.py --cluster tcp://host:8786

On two processor cores the first takes less than 10 minutes, with smaller networks, shorter numbers and texts and fewer
updates, and the second about an hour; the third runs on a Dask cluster (docs/sweeps.md). Started again, each goes on
where it stopped: every run that ended is a row of the SQLite file --results.

All layers have the same number of weights and see the same data. For each, the learning rate is the best of a few on
validation data, after half as many updates; then come three runs with other seeds. What they get right of test data
stands in a table beside the paper's numbers, and the picture shows how they learn.
"""

import argparse
import functools
import itertools
import pathlib
import random
import string
import sys
import time

import numpy as np
from _common import Help, save
from matplotlib import pyplot as plt

from recurrent_layers import sweep
from recurrent_layers.layers import GRU, JZS1, JZS2, JZS3, LSTM, SimpleDeepRNN, SimpleRNN, TimeDistributedDense
from recurrent_layers.models import Sequential
from recurrent_layers.optimizers import Adam

# The functions of the paper, which are not the defaults of all layers. In the paper, LSTM-b is the LSTM that begins
# with a bias of 1 at the forget gate, as ours does by default, and LSTM the one without.
FUNCTIONS = dict(activation="tanh", inner_activation="sigmoid")
LAYERS = {
    "SimpleRNN": functools.partial(SimpleRNN, activation="tanh"),
    "SimpleDeepRNN": functools.partial(SimpleDeepRNN, **FUNCTIONS),
    "GRU": functools.partial(GRU, **FUNCTIONS),
    "LSTM": functools.partial(LSTM, forget_bias_init="zero", **FUNCTIONS),
    "LSTM-b": functools.partial(LSTM, forget_bias_init="one", **FUNCTIONS),
    "JZS1": functools.partial(JZS1, **FUNCTIONS),
    "JZS2": functools.partial(JZS2, **FUNCTIONS),
    "JZS3": functools.partial(JZS3, **FUNCTIONS),
}
GATED = ("GRU", "LSTM", "LSTM-b", "JZS1", "JZS2", "JZS3")

# Table 1 of the paper: its name of the layer, and the accuracies in percent. It has no SimpleDeepRNN.
PAPER = {
    "SimpleRNN": {"name": "Tanh", "Arithmetic": 29.493, "XML": 32.050},
    "GRU": {"name": "GRU", "Arithmetic": 89.565, "XML": 45.963},
    "LSTM": {"name": "LSTM", "Arithmetic": 89.228, "XML": 42.470},
    "LSTM-b": {"name": "LSTM-b", "Arithmetic": 90.163, "XML": 44.434},
    "JZS1": {"name": "MUT1", "Arithmetic": 92.135, "XML": 47.483},
    "JZS2": {"name": "MUT2", "Arithmetic": 89.735, "XML": 47.324},
    "JZS3": {"name": "MUT3", "Arithmetic": 90.728, "XML": 46.478},
}

CHARACTERS = {"Arithmetic": string.digits + "+-=" + string.ascii_lowercase,
              "XML": "</>\n" + string.ascii_lowercase}
FULL = {"Arithmetic": dict(digits=8, distractors=3, updates=14000, budget=50000),
        "XML": dict(tag=10, length=100, updates=6000, budget=50000)}
QUICK = {"Arithmetic": dict(digits=3, distractors=3, updates=5000, budget=20000),
         "XML": dict(tag=10, length=60, updates=2000, budget=20000)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=Help)
    parser.add_argument("--quick", action="store_true", help="smaller tasks and shorter runs")
    parser.add_argument("--tasks", nargs="+", default=list(CHARACTERS), choices=CHARACTERS, help="which tasks")
    parser.add_argument("--layers", nargs="+", default=list(LAYERS), choices=LAYERS, help="which layers")
    parser.add_argument("--seeds", type=int, default=3, help="how many runs with the best learning rate")
    parser.add_argument("--rates", nargs="+", type=float, default=(0.003, 0.01, 0.03), help="learning rates to try")
    parser.add_argument("--updates", type=int, help="how many updates a run has; depends on the task")
    parser.add_argument("--budget", type=int, help="how many weights a network has, within 2 %%; 50000, quick 20000")
    parser.add_argument("--held-out", type=int, default=1000, help="how many samples to validate and to test on")
    parser.add_argument("--cluster", default="local", help='"local", or the address of a Dask scheduler')
    parser.add_argument("--processes", type=int, help='how many runs at a time on "local"; as many as processors')
    parser.add_argument("--results", default="jozefowicz_results", help="file for what each run found")
    parser.add_argument("--output", default="jozefowicz.png", help="file for the picture; the table stands beside it")
    args = parser.parse_args()

    tasks = {name: dict(task, name=name, held_out=args.held_out, updates=args.updates or task["updates"],
                        budget=args.budget or task["budget"])
             for name, task in (QUICK if args.quick else FULL).items()}
    sizes = {(name, layer): size_for(layer, name, tasks[name]["budget"])
             for name in args.tasks for layer in args.layers}
    began = time.time()
    results = compare(tasks, sizes, args)
    print(f"{len(results)} comparisons in {(time.time() - began) / 60:.1f} minutes\n")

    text = "\n".join(report(tasks[name], [results[name, layer] for layer in args.layers]) for name in args.tasks)
    print(text)
    path = pathlib.Path(args.output).with_suffix(".md")
    path.write_text(text, encoding="utf-8")
    print(f"table saved to {path}")
    save(draw(results, args.tasks, args.layers), args.output)


# ---- the tasks ------------------------------------------------------------------------------


def arithmetic(rng, digits, distractors):
    """Two numbers to add or subtract, and the result: a text, and where its part to be predicted begins.

    Each number has from 1 to `digits` digits. Before each character but the first, there are up to so many distractors.
    """
    a, b = (rng.randrange(10 ** rng.randint(1, digits)) for _ in range(2))
    sign = rng.choice("+-")
    question = f"{a}{sign}{b}="
    noise = ["".join(rng.choices(string.ascii_lowercase, k=rng.randint(0, distractors))) for _ in question[1:]] + [""]
    question = "".join(character + letters for character, letters in zip(question, noise))
    return f"{question}{a + b if sign == '+' else a - b}", len(question)


def xml(rng, tag, length):
    """So many characters of documents, one a line, and where the part to be predicted begins.

    At each turn it is as likely that the last tag is closed, which ends the document if it was the first, as that one
    is opened, a name of 2 to `tag` letters. After 50 turns, tags are closed only.
    """
    text = ""
    while len(text) < length:
        stack, turn = [], 0
        while stack or turn == 0:
            if turn and (turn >= 50 or rng.random() < 0.5):
                text += f"</{stack.pop()}>"
            else:
                stack.append("".join(rng.choices(string.ascii_lowercase, k=rng.randint(2, tag))))
                text += f"<{stack[-1]}>"
            turn += 1
        text += "\n"
    return text[:length], 1


def batch(task, rng, size):
    """So many samples of a task: one-hot characters, those that come next, and which of these count."""
    if task["name"] == "Arithmetic":
        samples = [arithmetic(rng, task["digits"], task["distractors"]) for _ in range(size)]
    else:
        samples = [xml(rng, task["tag"], task["length"]) for _ in range(size)]
    return one_hot(samples, CHARACTERS[task["name"]])


def one_hot(samples, characters):
    """Texts, and where their parts to be predicted begin, as a batch."""
    length = max(len(text) for text, _ in samples)
    index = {character: i for i, character in enumerate(characters)}
    indices = np.array([[index[character] for character in text.ljust(length, characters[0])] for text, _ in samples])
    vectors = np.eye(len(characters), dtype="float32")[indices]
    counts = np.array([np.arange(1, length) >= begin for _, begin in samples])
    counts &= np.arange(1, length) < np.array([[len(text)] for text, _ in samples])
    return vectors[:, :-1], vectors[:, 1:], counts.astype("float32")


# ---- the networks ---------------------------------------------------------------------------


def network(layer, size, characters):
    return Sequential([LAYERS[layer](characters, size, return_sequences=True),
                       TimeDistributedDense(size, characters, activation="softmax")])


def size_for(layer, task, budget):
    """The size of a layer with which the network has nearest to so many weights."""
    def weights(size):
        return network(layer, size, len(CHARACTERS[task])).count_params()

    low, high = 1, max(2, int(budget ** 0.5))  # U alone has size ** 2 weights.
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if weights(middle) <= budget else (low, middle)
    size = min(low, high, key=lambda size: abs(weights(size) - budget))
    if abs(weights(size) - budget) > 0.02 * budget:
        sys.exit(f"No size of {layer} comes within 2 % of {budget} weights: take a larger --budget.")
    return size


def compare(tasks, sizes, args):
    """The runs of each layer on each task with its best learning rate; those to find that have half as many updates."""
    def setting(name, layer, rate, seed, updates):
        task = {key: value for key, value in tasks[name].items() if key not in ("name", "budget")}
        return {"task": name, "layer": layer, "size": sizes[name, layer], "rate": rate, "seed": seed, **task,
                "updates": updates}  # fmt: skip

    def run(settings):
        workers = args.processes if args.cluster == "local" else None
        results = {}
        for found in sweep(learn, settings, args.cluster, args.results, workers, verbose=2):
            if "error" in found:
                sys.exit(f"A run failed. Started again, only such runs are tried again.\n{found['error']}")
            results.setdefault((found["task"], found["layer"]), []).append(found)
        return results

    tries = run([setting(*network, rate, 0, -(-tasks[network[0]]["updates"] // 2))
                 for network in sizes for rate in args.rates])  # fmt: skip
    best = {network: max(runs, key=lambda found: found["validation"][-1])["rate"] for network, runs in tries.items()}
    return run([setting(*network, best[network], seed, tasks[network[0]]["updates"])
                for network in sizes for seed in range(1, args.seeds + 1)])  # fmt: skip


def learn(task, layer, size, rate, seed, updates, held_out, **text):
    """Train a network: its accuracy on validation data while it learns, and on test data at last, in percent."""
    np.random.seed(seed)
    task = dict(text, name=task)
    model = network(layer, size, len(CHARACTERS[task["name"]]))
    model.compile(loss="categorical_crossentropy", optimizer=Adam(lr=rate, clipnorm=1.0))

    def accuracy(data):
        X, y, counts = data
        return 100 * model.evaluate(X, y, show_accuracy=True, sample_weight=counts, verbose=0)[1]

    # A seed has the same data for all layers and learning rates; validation and test are the same for all seeds.
    rng = random.Random(f"training {seed}")
    validation, test = (batch(task, random.Random(name), held_out) for name in ("validation", "test"))
    after, accuracies = [], []
    for update in range(1, updates + 1):
        model.optimizer.lr.set_value(np.float32(rate * (updates - update + 1) / updates))  # Falls to almost 0.
        X, y, counts = batch(task, rng, 32)
        model.train_on_batch(X, y, sample_weight=counts)
        if update % max(1, updates // 25) == 0 or update == updates:
            after.append(update)
            accuracies.append(accuracy(validation))
    return dict(weights=model.count_params(), after=after, validation=accuracies, test=accuracy(test))


# ---- what was found -------------------------------------------------------------------------


def report(settings, results):
    """A table in Markdown of the runs of each layer, and how the order differs from the paper's."""
    task, results = settings["name"], sorted(results, key=lambda runs: -mean(runs))
    lines = [f"## {task}", "",
             f"Right characters of test data, mean ± standard deviation over {len(results[0])} seeds, with "
             + ", ".join(f"{name} {value}" for name, value in settings.items() if name != "name") + ". The paper's are "
             "the best of many settings, and of longer training: compare the order, not the height.", "",
             "| layer | in the paper | its size | weights | learning rate | right (%) | in the paper (%) |",
             "|---|---|---|---|---|---|---|"]
    for runs in results:
        paper = PAPER.get(runs[0]["layer"])
        lines.append("| {layer} | {} | {size} | {weights} | {rate} | {} | {} |".format(
            paper["name"] if paper else "", shown(runs), f"{paper[task]:.1f}" if paper else "", **runs[0]))

    ours = {runs[0]["layer"]: runs for runs in results}
    known = [layer for layer in ours if layer in PAPER]
    lines += ["", "Best first, in the paper: {}; here: {}.".format(
        ", ".join(sorted(known, key=lambda layer: -PAPER[layer][task])), ", ".join(known))]
    clear, unclear = [], []
    for better, worse in itertools.combinations(known, 2):
        if PAPER[better][task] < PAPER[worse][task]:
            gap = mean(ours[better]) - mean(ours[worse])
            differs = clear if gap > spread(ours[better]) + spread(ours[worse]) else unclear
            differs.append(f"{better} above {worse} (by {gap:.1f})")
    lines += ["", "The other way round than in the paper, by more than the two spreads: {}; by less: {}.".format(
        ", ".join(clear) or "none", ", ".join(unclear) or "none")]
    if {"LSTM", "LSTM-b"} <= set(ours):
        verb = "beats" if mean(ours["LSTM-b"]) > mean(ours["LSTM"]) else "does not beat"
        lines += ["", f"LSTM-b {verb} LSTM: {shown(ours['LSTM-b'])} % against {shown(ours['LSTM'])} %."]
    if "SimpleRNN" in ours and len(known) > 1:
        behind = [layer for layer in known if layer in GATED and mean(ours[layer]) <= mean(ours["SimpleRNN"])]
        lines += ["", "Every gated layer beats SimpleRNN." if not behind else
                  "Of the gated layers, these do not beat SimpleRNN: " + ", ".join(behind) + "."]
    return "\n".join(lines) + "\n"


def mean(runs):
    return np.mean([found["test"] for found in runs])


def spread(runs):
    """The standard deviation over the seeds."""
    return np.std([found["test"] for found in runs], ddof=1) if len(runs) > 1 else 0.0


def shown(runs):
    return f"{mean(runs):.1f} ± {spread(runs):.1f}"


def draw(results, tasks, layers):
    """Draw the accuracy on validation data over the updates: the mean over the seeds, and a band of their spread."""
    figure, panels = plt.subplots(1, len(tasks), figsize=(1.5 + 5 * len(tasks), 4.5), squeeze=False)
    for axes, task in zip(panels[0], tasks):
        for layer in layers:
            runs = results[task, layer]
            curves = np.array([found["validation"] for found in runs])
            middle, deviation = curves.mean(axis=0), curves.std(axis=0)
            color = f"C{list(LAYERS).index(layer)}"
            axes.plot(runs[0]["after"], middle, color, label=layer)
            axes.fill_between(runs[0]["after"], middle - deviation, middle + deviation, color=color, alpha=0.2, lw=0)
        axes.set(title=task, xlabel="updates", ylabel="characters right (%)")
        axes.grid(alpha=0.3)
    panels[0, -1].legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return figure


if __name__ == "__main__":
    main()
