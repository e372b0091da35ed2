"""Learn to write like a text, one character after the other.

The model reads a stretch of text and says at each character which one comes next: an Embedding turns
characters into vectors, a recurrent layer reads them, and TimeDistributedDense with a softmax gives the
probability of every character at every step. To write, draw a character from the last of these
probabilities, append it, and ask again. At a low temperature only the likeliest characters are drawn, which
is dull but correct; at temperature 1 they are drawn as the model believes, which is livelier.

    python examples/text_generation.py                     learns from the help texts that come with Python
    python examples/text_generation.py --text book.txt     learns from a text of yours
    mpiexec -n 2 python examples/text_generation.py --distributed    learns with two processes

With --training FILE it keeps the whole training in a file, and goes on from there when it is started again.

On two processor cores the first takes about a minute. To say which character comes next takes 4.7 bits by
their frequencies alone; the model learns to do it with less than 2, for text that it has not seen.
"""

import sys

import numpy as np
from _common import LAYERS, argument_parser, save
from matplotlib import pyplot as plt
from tqdm import tqdm

from recurrent_layers.callbacks import Callback, ModelCheckpoint
from recurrent_layers.layers import Embedding, TimeDistributedDense
from recurrent_layers.models import Sequential
from recurrent_layers.optimizers import Adam


def main():
    parser = argument_parser(__doc__, layer="GRU", output="text_generation.png")
    parser.add_argument("--text", help="a text file in UTF-8; by default the help texts that come with Python")
    parser.add_argument("--characters", type=int, default=400000, help="how many characters of it to use at most")
    parser.add_argument("--epochs", type=int, default=10, help="how often to go through the text")
    parser.add_argument("--hidden", type=int, default=128, help="size of the recurrent layer")
    parser.add_argument("--length", type=int, default=50, help="characters in a stretch of text")
    parser.add_argument("--sample", type=int, default=200, help="characters to write at each temperature")
    parser.add_argument("--training", help="a file that keeps the training after each epoch, to go on from there")
    parser.add_argument("--distributed", action="store_true", help="train with all processes that mpiexec has started")
    args = parser.parse_args()
    np.random.seed(args.seed)

    # Each character is the index of its kind.
    text = read(args.text)[:args.characters]
    alphabet = sorted(set(text))
    text_as_indices = np.array([alphabet.index(character) for character in text])

    # Stretches of text one after the other, and for each character the one that follows, one-hot. Truth values
    # take an eighth of the memory of numbers; the model makes numbers of them, batch by batch.
    n = (len(text) - 1) // args.length
    if n < 10:
        sys.exit(f"this text is too short: {len(text)} characters")
    X = text_as_indices[:n * args.length].reshape(n, args.length)
    following = text_as_indices[1:n * args.length + 1].reshape(n, args.length)
    y = np.eye(len(alphabet), dtype=bool)[following]

    model = Sequential()
    model.add(Embedding(len(alphabet), 32))
    model.add(LAYERS[args.layer](32, args.hidden, activation="tanh", return_sequences=True))
    model.add(TimeDistributedDense(args.hidden, len(alphabet), activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer=Adam(lr=0.003, clipnorm=1.0))
    is_first = not args.distributed or rank() == 0  # Only one prints and draws.
    if is_first:
        model.summary()

    # The last tenth of the text is held out. A writer that knows only how frequent each character is needs, on
    # average, the entropy of these frequencies to say which one comes next.
    frequencies = np.bincount(text_as_indices) / len(text_as_indices)
    entropy = -np.sum(frequencies * np.log2(frequencies))
    callbacks = [Writer(alphabet, X[-1], args.sample)]
    if args.training:
        callbacks.append(ModelCheckpoint(args.training, whole=True))
    history = model.fit(X, y, batch_size=32, nb_epoch=args.epochs, validation_split=0.1, callbacks=callbacks,
                        resume=args.training, distributed=args.distributed).history
    if not is_first:
        return

    # The loss is in nats; a bit is log 2 of them.
    training, held_out = np.array(history["loss"]) / np.log(2), np.array(history["val_loss"]) / np.log(2)
    print(f"held-out loss: {held_out[0]:.3f} bits per character after the first epoch, {held_out[-1]:.3f} after "
          f"the last; {entropy:.3f} by frequencies alone")
    save(draw(training, held_out, entropy), args.output)


def rank():
    """The number of this process among those that mpiexec has started."""
    from mpi4py import MPI
    return MPI.COMM_WORLD.rank


def read(path):
    """The text in a file, or else the help texts that come with Python."""
    if path is None:
        from pydoc_data.topics import topics
        return "\n".join(topics.values())
    with open(path, encoding="utf-8") as file:
        return file.read()


class Writer(Callback):
    """After every fifth epoch and after the first, let the model write at several temperatures."""

    def __init__(self, alphabet, beginning, length):
        self.alphabet, self.beginning, self.length = alphabet, list(beginning), length

    def on_epoch_end(self, epoch, logs={}):
        if epoch == 0 or epoch % 5 == 4:
            for temperature in (0.3, 0.6, 1.0):
                tqdm.write(f"\n--- after epoch {epoch + 1}, at temperature {temperature}:")
                tqdm.write(self.write(temperature))

    def write(self, temperature):
        """Continue the text."""
        indices = list(self.beginning)
        for _ in range(self.length):
            stretch = np.array([indices[-len(self.beginning):]])
            probabilities = self.model.predict(stretch)[0, -1].astype("float64")
            probabilities **= 1 / temperature
            indices.append(np.random.choice(len(self.alphabet), p=probabilities / probabilities.sum()))
        return "".join(self.alphabet[index] for index in indices[len(self.beginning):])


def draw(training, held_out, entropy):
    """Draw the loss over the epochs, and that of the frequencies alone."""
    figure, axes = plt.subplots(figsize=(6.5, 4.2))
    epochs = np.arange(len(training)) + 1
    axes.plot(epochs, training, label="text it learns from")
    axes.plot(epochs, held_out, label="held-out text")
    axes.axhline(entropy, color="gray", linestyle="--", label="by frequencies alone")
    axes.set(title="Learning to predict the next character", xlabel="epoch", ylabel="loss (bits per character)")
    axes.set_ylim(bottom=0)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


if __name__ == "__main__":
    main()
