"""Classify sequences of different lengths, and add padding to them that changes nothing.

The sequences are strings of brackets, 2 to 20 of them, and the question is whether each bracket has its partner, as in
"(()())" but not in "())(()". To go into one array they are padded with zeros, which Embedding(mask_zero=True) masks:
at a masked step a recurrent layer keeps its state. So it does not matter on which side the padding is, or how much.

    python examples/padding.py
    python examples/padding.py --layer LSTM

This takes less than a minute when everything is compiled for the first time, and a few seconds later. Two models
learn, with and without the mask, from strings padded on the left. Then each held-out string gets up to 40 zeros, on the
left or on the right. With the mask no prediction changes by more than a millionth; without it, zeros on either side
turn some predictions into their opposite.
"""

import numpy as np
from _common import LAYERS, argument_parser, save
from matplotlib import pyplot as plt

from recurrent_layers.layers import Dense, Embedding
from recurrent_layers.models import Sequential
from recurrent_layers.optimizers import Adam
from recurrent_layers.preprocessing.sequence import pad_sequences

OPEN, CLOSE = 1, 2  # 0 is the padding.


def main():
    parser = argument_parser(__doc__, layer="GRU", output="padding.png")
    parser.add_argument("--epochs", type=int, default=20, help="how often to go through the training strings")
    parser.add_argument("--samples", type=int, default=5000, help="how many strings to draw, some of them twice")
    parser.add_argument("--hidden", type=int, default=32, help="size of the recurrent layer")
    parser.add_argument("--padding", type=int, default=40, help="how many zeros to add to a string at most")
    args = parser.parse_args()
    np.random.seed(args.seed)

    # All strings are different ones, so that none of those held out has been seen.
    strings = list(dict.fromkeys(brackets(2 * np.random.randint(1, 11)) for _ in range(args.samples)))
    y = np.array([[is_matched(string)] for string in strings], dtype=float)
    n = len(strings) // 5  # A fifth is held out.

    added = np.unique(np.linspace(0, args.padding, 9).astype(int))
    changes, accuracies = {}, {}
    for masked in (True, False):
        model = Sequential()
        model.add(Embedding(3, 8, mask_zero=masked))
        model.add(LAYERS[args.layer](8, args.hidden, activation="tanh"))
        model.add(Dense(args.hidden, 1, activation="sigmoid"))
        model.compile(loss="binary_crossentropy", optimizer=Adam(lr=0.005), class_mode="binary")
        print("with the mask:" if masked else "without it:")
        model.fit(pad_sequences(strings[n:], padding="pre"), y[n:], batch_size=32, nb_epoch=args.epochs, verbose=2,
                  show_accuracy=True)

        alone = predict(model, strings[:n])
        for side in ("left", "right"):
            padded = [predict(model, strings[:n], **{side: zeros}) for zeros in added]
            changes[masked, side] = [np.abs(predicted - alone).max() for predicted in padded]
            accuracies[masked, side] = [np.mean((predicted > 0.5) == y[:n]) for predicted in padded]

    for masked in (True, False):
        print("held-out accuracy {}: {:.2f} % without padding, {:.2f} % with {} zeros on the left, {:.2f} % on the "
              "right".format("with the mask" if masked else "without it", 100 * accuracies[masked, "left"][0],
                             100 * accuracies[masked, "left"][-1], added[-1], 100 * accuracies[masked, "right"][-1]))
    print("largest change of a prediction by padding: {:.1e} with the mask, {:.1e} without it".format(
        *(max(changes[masked, "left"] + changes[masked, "right"]) for masked in (True, False))))
    save(draw(added, changes, accuracies), args.output)


def brackets(length):
    """A string of brackets that all have partners, in half of the cases with two brackets exchanged afterwards."""
    string, depth = [], 0
    for left in range(length, 0, -1):
        opens = depth == 0 or depth < left and np.random.rand() < 0.5
        string.append(OPEN if opens else CLOSE)
        depth += 1 if opens else -1
    if np.random.rand() < 0.5:
        i, j = np.random.randint(length, size=2)
        string[i], string[j] = string[j], string[i]
    return tuple(string)


def is_matched(string):
    """Whether each bracket has its partner; there are as many of one kind as of the other."""
    return np.cumsum(np.where(np.array(string) == OPEN, 1, -1)).min() >= 0


def predict(model, strings, left=0, right=0):
    """Predictions for strings that get so many zeros on either side, and no others: one length after the other."""
    lengths = np.array([len(string) for string in strings])
    predicted = np.empty((len(strings), 1))
    for length in np.unique(lengths):
        ids = np.flatnonzero(lengths == length)
        X = np.array([strings[i] for i in ids])
        predicted[ids] = model.predict(np.pad(X, [(0, 0), (left, right)], mode="constant"))
    return predicted


def draw(added, changes, accuracies):
    """Draw how far predictions change with the padding, and how many are right."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), constrained_layout=True)
    for (masked, side), change in changes.items():
        look = {"color": "C0" if masked else "C1", "linestyle": "-" if side == "left" else "--",
                "marker": "o" if side == "left" else "x",
                "label": f"{'with' if masked else 'without'} mask, padding on the {side}"}
        left.plot(added, change, **look)
        right.plot(added, 100 * np.array(accuracies[masked, side]), **look)
    left.set_yscale("symlog", linthresh=1e-8)  # A logarithm that has a place for 0.
    left.axhline(1e-6, color="0.5", lw=1, ls=":")
    left.set(title="What padding does to predictions", xlabel="zeros added to each string", ylim=(-1e-9, 3),
             ylabel="largest change of a probability")
    right.set(title="What it does to the accuracy", xlabel="zeros added to each string", ylabel="right, held out (%)",
              ylim=(0, 102))
    for axes in (left, right):
        axes.grid(alpha=0.3)
    right.legend(loc="lower left")
    return figure


if __name__ == "__main__":
    main()
