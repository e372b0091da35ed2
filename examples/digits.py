"""Recognize handwritten digits by reading their images row by row.

Each image has 8 rows of 8 pixels. To the recurrent layer they are a sequence of 8 steps with 8 values each;
its output after the last row goes to a softmax over the ten classes. A third of the images is held out, and
of these more than 95 % are recognized, with any of the layers.

    python examples/digits.py
    python examples/digits.py --layer LSTM

This takes less than a minute when everything is compiled for the first time, and 10 seconds later.

The picture shows how the accuracy rises with training, and how the model makes up its mind while a digit is
drawn from the top: what it believes when the rows still to come are left blank.
"""

import sys

import numpy as np
from _common import LAYERS, argument_parser, save
from matplotlib import pyplot as plt

from recurrent_layers.layers import Dense
from recurrent_layers.models import Sequential
from recurrent_layers.optimizers import Adam
from recurrent_layers.utils.np_utils import to_categorical

try:
    from sklearn.datasets import load_digits
except ImportError:
    sys.exit('The images come with scikit-learn: pip install -e ".[examples]"')


def main():
    parser = argument_parser(__doc__, layer="JZS2", output="digits.png")
    parser.add_argument("--epochs", type=int, default=25, help="how often to go through the training images")
    parser.add_argument("--samples", type=int, default=1797, help="how many images to use, 1797 at most")
    parser.add_argument("--hidden", type=int, default=64, help="size of the recurrent layer")
    args = parser.parse_args()
    np.random.seed(args.seed)

    # The images in random order, with pixels from 0 to 1: (samples, rows, columns). The first third is held out.
    digits = load_digits()
    order = np.random.permutation(len(digits.images))[:args.samples]
    X, classes = digits.images[order] / 16, digits.target[order]
    y = to_categorical(classes, 10)
    n = len(X) // 3
    X_test, y_test, X_train, y_train = X[:n], y[:n], X[n:], y[n:]

    model = Sequential()
    model.add(LAYERS[args.layer](8, args.hidden, activation="tanh"))
    model.add(Dense(args.hidden, 10, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer=Adam(lr=0.005))
    model.summary()
    history = model.fit(X_train, y_train, batch_size=32, nb_epoch=args.epochs, show_accuracy=True,
                        validation_data=(X_test, y_test)).history

    right = model.predict_classes(X_test, verbose=0) == classes[:n]
    print(f"held-out accuracy: {100 * right.mean():.2f} % ({right.sum()} of {n} images)")

    # Show the first 7, 8 and 9 that the model recognizes, and the first image that it does not.
    recognized, wrong = np.flatnonzero(right), np.flatnonzero(~right)
    first_of_each_class = recognized[np.unique(classes[recognized], return_index=True)[1]]
    shown = np.append(first_of_each_class[-3:], wrong[:1])
    beliefs = [row_by_row(model, image) for image in X_test[shown]]
    save(draw(history, X_test[shown], classes[shown], beliefs), args.output)


def row_by_row(model, image):
    """The probability of each class after each row, with the rows below left blank: (rows, classes)."""
    drawn = np.tril(np.ones((8, 8)))[:, :, None] * image  # The first of these images has one row, the last has all.
    return model.predict(drawn)


def draw(history, images, classes, beliefs):
    """Draw the accuracy over the epochs, and beside it some images with the beliefs about them, row beside row."""
    figure = plt.figure(figsize=(12, 4.5), constrained_layout=True)
    grid = figure.add_gridspec(2, 5, width_ratios=(17, 8, 10, 8, 10))

    epochs = np.arange(len(history["acc"])) + 1
    axes = figure.add_subplot(grid[:, 0])
    axes.plot(epochs, 100 * np.array(history["acc"]), label="training images")
    axes.plot(epochs, 100 * np.array(history["val_acc"]), label="held-out images")
    axes.set(title="Learning", xlabel="epoch", ylabel="recognized (%)", ylim=(0, 102))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")

    for k, (image, true_class, belief) in enumerate(zip(images, classes, beliefs)):
        row, column = k // 2, 1 + k % 2 * 2
        left = figure.add_subplot(grid[row, column])
        left.imshow(image, cmap="gray_r")
        left.set(title=f"this is a {true_class}", xticks=[], yticks=[], ylabel="8 rows")
        right = figure.add_subplot(grid[row, column + 1])
        shades = right.imshow(100 * belief, cmap="Blues", vmin=0, vmax=100)
        guess = belief[-1].argmax()
        if guess == true_class:
            right.set_title("recognized")
        else:
            right.set_title(f"taken for a {guess}", color="C3")
        right.set(xticks=range(10), yticks=[], xlabel="class")
    figure.colorbar(shades, ax=figure.axes[1:], label="probability after each row (%)")
    return figure


if __name__ == "__main__":
    main()
