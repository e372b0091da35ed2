"""How far back the layers remember, and what `truncate_gradient` does to it: the adding problem.

Each step of a sequence has a random number from -1 to 1 and a mark. Two of the numbers are marked, one among the first
ten, another in the first half; the answer, due after the last step, is 0.5 + (first + second) / 4 (Hochreiter and
Schmidhuber 1997). So what counts lies at least half the length back. A length counts as solved as soon as the squared
error on held-out sequences is below a tenth of that of the best constant; lengths are tried in rising order, each with
a new model, up to the first that none of the learning rates solves within so many updates.

    python examples/memory.py
    python examples/memory.py --layer LSTM --lengths 50 100 --truncations -1 50

On two processor cores the first takes less than 10 minutes. GRU and JZS1 solve 400 steps, LSTM 50 in as many updates,
SimpleRNN none. Where gradients go through fewer steps, an update takes less time, and longer sequences than those
steps are not solved.
"""

import time

import numpy as np
from _common import LAYERS, argument_parser, save
from matplotlib import pyplot as plt

from recurrent_layers.layers import Dense
from recurrent_layers.models import Sequential
from recurrent_layers.optimizers import Adam

SOLVED = 0.1 / 24  # The variance of (first + second) / 4 is 1 / 24.


def main():
    parser = argument_parser(__doc__, layer=["SimpleRNN", "GRU", "LSTM", "JZS1"], output="memory.png")
    parser.add_argument("--lengths", type=int, nargs="+", default=[50, 100, 200, 400], help="lengths to try")
    parser.add_argument("--truncations", type=int, nargs="+", default=[-1, 100, 50, 10],
                        help="through how many steps to carry gradients, -1 for all")
    parser.add_argument("--updates", type=int, default=10000, help="how many batches to learn a length from at most")
    parser.add_argument("--rates", type=float, nargs="+", default=[0.02, 0.005], help="learning rates to try")
    parser.add_argument("--hidden", type=int, default=32, help="size of the recurrent layer")
    args = parser.parse_args()
    lengths = sorted(args.lengths)
    if lengths[0] < 4:
        parser.error("--lengths must be 4 at least, for two marks in the first half")

    solved, milliseconds = {}, {}
    for layer in args.layer:
        for truncation in args.truncations:
            solved[layer, truncation] = 0
            for length in lengths:
                for rate in args.rates:
                    np.random.seed(args.seed)
                    model = new_model(layer, args.hidden, truncation, rate)
                    updates, error = learn(model, length, args.updates)
                    print(f"{layer}, {through(truncation)}, length {length}, learning rate {rate}: "
                          f"{'solved after' if error < SOLVED else 'not solved in'} {updates} updates, "
                          f"error {error:.4f}", flush=True)
                    if error < SOLVED:
                        break
                if error >= SOLVED:
                    break
                solved[layer, truncation] = length
            milliseconds[layer, truncation] = time_of_update(model, lengths[-1])

    print(f"\nlayer        gradients through  longest solved  ms per update at length {lengths[-1]}")
    for (layer, truncation), length in solved.items():
        steps = "all" if truncation == -1 else truncation
        print(f"{layer:13}{steps:>17}{length or 'none':>16}{milliseconds[layer, truncation]:>32.2f}")
    save(draw(args.layer, args.truncations, lengths, solved, milliseconds), args.output)


def through(truncation):
    """The truncation in words."""
    return "gradients through all steps" if truncation == -1 else f"gradients through {truncation} steps"


def new_model(layer, hidden, truncation, rate):
    """A recurrent layer that reads numbers and marks, and a sum of its last output."""
    model = Sequential()
    model.add(LAYERS[layer](2, hidden, activation="tanh", truncate_gradient=truncation))
    model.add(Dense(hidden, 1))
    model.compile(loss="mse", optimizer=Adam(lr=rate, clipnorm=1.0))
    return model


def sequences(samples, length):
    """Numbers and marks, (samples, length, 2), and answers, (samples, 1)."""
    numbers, marks = np.random.uniform(-1, 1, (samples, length)), np.zeros((samples, length))
    rows, half = np.arange(samples), length // 2
    first = np.random.randint(min(10, half), size=samples)
    second = (first + np.random.randint(1, half, size=samples)) % half  # Another one than the first.
    marks[rows, first] = marks[rows, second] = 1
    answers = 0.5 + (numbers[rows, first] + numbers[rows, second]) / 4
    return np.stack([numbers, marks], axis=-1), answers[:, None]


def learn(model, length, updates):
    """Train until the held-out error is small enough; how many updates it took, and the error then."""
    X_test, y_test = sequences(500, length)
    for update in range(1, updates + 1):
        model.train_on_batch(*sequences(32, length))
        if update % 100 == 0 or update == updates:
            error = model.evaluate(X_test, y_test, verbose=0)
            if error < SOLVED:
                break
    return update, error


def time_of_update(model, length):
    """Milliseconds that an update takes, the median of some."""
    batch, times = sequences(32, length), []
    for _ in range(100):
        began = time.perf_counter()
        model.train_on_batch(*batch)
        times.append(time.perf_counter() - began)
    return 1000 * np.median(times)


def draw(layers, truncations, lengths, solved, milliseconds):
    """Draw the longest length that each layer solves with each truncation, and how long an update takes."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), constrained_layout=True)
    levels, width = [0] + lengths, 0.8 / len(truncations)
    for k, truncation in enumerate(truncations):
        places = np.arange(len(layers)) + (k - (len(truncations) - 1) / 2) * width
        heights = [levels.index(solved[layer, truncation]) for layer in layers]
        bars = left.bar(places, heights, 0.9 * width, color=f"C{k}", label=through(truncation))
        for bar, height in zip(bars, heights):
            if height == 0:
                left.text(bar.get_x() + bar.get_width() / 2, 0.04, "none", color=f"C{k}", ha="center",
                          va="bottom", rotation=90)
        right.bar(places, [milliseconds[layer, truncation] for layer in layers], 0.9 * width, color=f"C{k}")
    left.set(title="Longest length solved", ylabel="length (steps)", ylim=(0, len(lengths) + 0.2),
             yticks=range(len(levels)), yticklabels=levels)
    right.set(title=f"Time of an update at length {lengths[-1]}", ylabel="time (ms)")
    for axes in (left, right):
        axes.set(xticks=range(len(layers)), xticklabels=layers)
        axes.set_axisbelow(True)
        axes.grid(axis="y", alpha=0.3)
    figure.legend(*left.get_legend_handles_labels(), loc="upper center", bbox_to_anchor=(0.5, 0), frameon=False,
                  ncol=len(truncations))
    return figure


if __name__ == "__main__":
    main()
