"""One long sequence, in pieces: truncated backpropagation through time, with the state carried from piece to piece.

A stream of numbers, +1 or -1, in which a mark comes now and then, on average every 25 steps. At each step the answer is
the number that stood at the last mark. The stream is read 10 steps at a time, and gradients go no further back than
that: the last mark is often in a piece before. A layer with `stateful=True` goes on with the state in which the piece
before has left it, and learns to keep the number for as long as it takes; one that begins anew with each piece, with
the same gradients, cannot know what has been. At the end the stream arrives one step at a time, as it would from a
sensor, and the model follows it by `model.step`.

    python examples/stream.py
    python examples/stream.py --layer JZS1 --piece 5

On two processor cores it takes less than a minute. GRU finds all answers with its state carried, and six in ten
without.
"""

import time

import numpy as np
from _common import LAYERS, argument_parser, save
from matplotlib import pyplot as plt

from recurrent_layers.layers import TimeDistributedDense
from recurrent_layers.models import Sequential
from recurrent_layers.optimizers import Adam

NAMES = {True: "state carried", False: "begun anew with each piece"}
COLORS = {True: "tab:blue", False: "tab:orange"}


def main():
    parser = argument_parser(__doc__, layer="GRU", output="stream.png")
    parser.add_argument("--piece", type=int, default=10, help="how many steps are read at once")
    parser.add_argument("--streams", type=int, default=32, help="how many streams are read side by side")
    parser.add_argument("--updates", type=int, default=3000, help="from how many pieces to learn")
    parser.add_argument("--hidden", type=int, default=16, help="size of the recurrent layer")
    args = parser.parse_args()

    models, right = {}, {}
    for stateful in (True, False):
        np.random.seed(args.seed)
        model = models[stateful] = new_model(args.layer, args.hidden, stateful)
        X, y = stream(args.streams, args.piece * args.updates)
        for t in range(0, X.shape[1], args.piece):
            model.train_on_batch(X[:, t:t + args.piece], y[:, t:t + args.piece])
        X, y = stream(args.streams, 50 * args.piece)
        right[stateful] = np.sign(read(model, X, args.piece)) == y
        print(f"{args.layer}, {NAMES[stateful]}: {100 * right[stateful].mean():.1f} % of the answers are right",
              flush=True)

    model, x = models[True], X[:1]
    model.step(x[:, 0])  # Which compiles it.
    model.reset_states()
    began = time.perf_counter()
    in_steps = np.stack([model.step(x[:, t]) for t in range(x.shape[1])], axis=1)
    took = 1e6 * (time.perf_counter() - began) / x.shape[1]
    print(f"one step at a time: {took:.0f} microseconds a step, at most "
          f"{abs(in_steps - read(model, x, args.piece)).max():.1e} away from what pieces give")
    outputs = {stateful: read(models[stateful], X[:1, :120], args.piece)[0, :, 0] for stateful in models}
    save(draw(args, X[0, :120], y[0, :120, 0], outputs, X[:, :, 1], right), args.output)


def new_model(layer, hidden, stateful):
    """A recurrent layer over the numbers and the marks, and an answer at each step."""
    model = Sequential()
    model.add(LAYERS[layer](2, hidden, activation="tanh", return_sequences=True, stateful=stateful))
    model.add(TimeDistributedDense(hidden, 1))
    model.compile(loss="mse", optimizer=Adam(lr=0.01, clipnorm=1.0))
    return model


def stream(streams, steps):
    """Numbers and marks, (streams, steps, 2), and the number at the last mark, (streams, steps, 1)."""
    numbers = np.random.choice([-1.0, 1.0], (streams, steps))
    marks = np.random.uniform(size=(streams, steps)) < 1 / 25
    marks[:, 0] = True
    last = np.maximum.accumulate(np.where(marks, np.arange(steps), 0), axis=1)
    return np.stack([numbers, marks], axis=-1), np.take_along_axis(numbers, last, axis=1)[:, :, None]


def read(model, X, piece):
    """What a model answers, from the beginning, piece by piece."""
    model.reset_states()
    return np.concatenate([model.predict(X[:, t:t + piece]) for t in range(0, X.shape[1], piece)], axis=1)


def draw(args, X, y, outputs, marks, right):
    """A part of a stream with the answers, and how many are right so many steps after the last mark."""
    figure, (above, below) = plt.subplots(2, 1, figsize=(9, 6.5), constrained_layout=True)
    for stateful in (False, True):
        above.plot(outputs[stateful], color=COLORS[stateful], label=NAMES[stateful])
    above.plot(y, color="black", linewidth=0.8, label="right answer")
    above.plot(np.nonzero(X[:, 1])[0], X[X[:, 1] == 1, 0], "o", color="black", label="mark")
    above.set(xlabel="step", ylabel="answer", title=f"{args.layer}, {args.piece} steps at a time", xlim=(0, len(y)))
    above.legend(ncol=4, loc="upper center", bbox_to_anchor=(0.5, -0.18), frameon=False)

    steps = np.arange(marks.shape[1])
    since = steps - np.maximum.accumulate(np.where(marks == 1, steps, 0), axis=1)
    shown = np.arange(61)
    for stateful in (False, True):
        below.plot(shown, [100 * right[stateful][since == k].mean() for k in shown], color=COLORS[stateful],
                   label=NAMES[stateful])
    below.axvline(args.piece, color="grey", linestyle=":", label="length of a piece")
    below.set(xlabel="steps since the last mark", ylabel="right answers (%)", ylim=(40, 102), xlim=(0, shown[-1]))
    below.legend(frameon=False)
    return figure


if __name__ == "__main__":
    main()
