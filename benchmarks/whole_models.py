"""Five whole models as people wrote them, their input, and the same weights for everybody. Needs only NumPy."""

from typing import NamedTuple, Tuple

import numpy as np
from cases import WEIGHTS, drawn, lengths, mask

KINDS = {"fit": "fit", "predict": "predict", "predict_one": "predict of one sample"}
OURS, PYTORCH, ONNX = "ours", "PyTorch", "ONNX Runtime"
KERAS3_TORCH, KERAS3_JAX = "Keras 3 on PyTorch", "Keras 3 on JAX"
# The names of their workers.
WORKER_OF = {OURS: "ours", PYTORCH: "torch", ONNX: "onnx", KERAS3_TORCH: "keras3-torch", KERAS3_JAX: "keras3-jax"}
THREADS = (1, 2)

# Each weight of the layers that are not recurrent, in the order of `get_weights`.
PLAIN_WEIGHTS = {"Dense": "W b", "TimeDistributedDense": "W b", "Embedding": "W"}


class LayerOf(NamedTuple):
    """A layer of a model: its class, the sizes that are its first arguments, and further arguments by name."""

    name: str
    sizes: tuple
    names: dict


def layer(name, *sizes, **names):
    """A layer of a model."""
    return LayerOf(name, sizes, names)


class Model(NamedTuple):
    """A whole model: `input` is "one-hot", "integers" or "numbers", `padded` whether half of the steps is padding."""

    layers: Tuple[LayerOf, ...]
    input: str
    steps: int
    batch: int
    loss: str
    optimizer: str
    padded: bool = False

    @property
    def input_dim(self):
        return self.layers[0].sizes[0]

    @property
    def output_dim(self):
        return [one.sizes[1] for one in self.layers if len(one.sizes) == 2][-1]

    @property
    def output_steps(self):
        """How many steps the output has; 0 where it is one for the whole sequence."""
        return sum(one.sizes[0] for one in self.layers if one.name == "RepeatVector")

    @property
    def binary(self):
        return self.loss == "binary_crossentropy"


def sentiment(**names):
    """The layers of the model for reviews of films."""
    return (layer("Embedding", 20000, 256, **names), layer("LSTM", 256, 128), layer("Dropout", 0.5),
            layer("Dense", 128, 1), layer("Activation", "sigmoid"))  # fmt: skip


MODELS = {
    "addition_rnn": Model(
        (layer("LSTM", 12, 128), layer("RepeatVector", 4), layer("LSTM", 128, 128, return_sequences=True),
         layer("TimeDistributedDense", 128, 12), layer("Activation", "softmax")),
        "one-hot", 7, 128, "categorical_crossentropy", "adam"),
    "lstm_text_generation": Model(
        (layer("LSTM", 57, 512, return_sequences=True), layer("Dropout", 0.2), layer("LSTM", 512, 512),
         layer("Dropout", 0.2), layer("Dense", 512, 57), layer("Activation", "softmax")),
        "one-hot", 20, 128, "categorical_crossentropy", "rmsprop"),
    "imdb_lstm": Model(sentiment(), "integers", 100, 16, "binary_crossentropy", "adam"),
    "imdb_lstm_masked": Model(sentiment(mask_zero=True), "integers", 100, 16, "binary_crossentropy", "adam", True),
    "digits": Model((layer("GRU", 8, 64, activation="tanh"), layer("Dense", 64, 10), layer("Activation", "softmax")),
                    "numbers", 8, 32, "categorical_crossentropy", "adam"),
}  # fmt: skip
QUICK_MODELS = ("addition_rnn", "digits")


class ModelCase(NamedTuple):
    """What is measured of a model.

    `kind` is "fit", "predict", "predict_one", or "call_one": the fastest way that a peer has for one sample. With
    `math` "torch" the gates have the sigmoid, and the weights are those of :func:`weights`; with "defaults" both are
    as each library has them.
    """

    model: str
    kind: str
    math: str = "defaults"

    @property
    def program(self):
        """What one program is for: a model both fits and predicts."""
        return self._replace(kind="")


def weights(name):
    """The weights of each layer of a model by name, for the layers that have some."""
    random, known = np.random.RandomState(1), dict(WEIGHTS, **PLAIN_WEIGHTS)
    return [drawn(known[one.name], *one.sizes, random) for one in MODELS[name].layers if one.name in known]


def peers_weights(name):
    """The same for today's libraries, whose dropout scales in training, where ours scales in prediction."""
    found, kept = iter(weights(name)), 1.0
    scaled = []
    for one in MODELS[name].layers:
        if one.name == "Dropout":
            kept = np.float32(1 - one.sizes[0])
        elif len(one.sizes) == 2:
            scaled.append({key: value * kept if key[0] == "W" else value for key, value in next(found).items()})
            kept = 1.0
    return scaled


def data(name, samples):
    """The input and the labels of a model; padding is 0, on the left."""
    model, random = MODELS[name], np.random.RandomState(2)
    shape = samples, model.steps
    if model.input == "integers":
        x = random.randint(1, model.input_dim, size=shape).astype("int32")
    elif model.input == "one-hot":
        x = np.eye(model.input_dim, dtype="float32")[random.randint(model.input_dim, size=shape)]
    else:
        x = random.normal(size=(*shape, model.input_dim)).astype("float32")
    if model.padded:
        x *= mask(*shape, "left")
    if model.binary:
        return x, random.randint(2, size=(samples, 1)).astype("float32")
    steps = (model.output_steps,) if model.output_steps else ()
    return x, np.eye(model.output_dim, dtype="float32")[random.randint(model.output_dim, size=(samples, *steps))]


def padded_on_the_right(name, x):
    """The same input with its padding on the right, and the lengths; they are None where there is no padding."""
    if not MODELS[name].padded:
        return x, None
    samples, steps = x.shape
    real, left, right = lengths(samples, steps), mask(samples, steps, "left"), mask(samples, steps, "right")
    moved = np.zeros_like(x)
    moved[right] = x[left]
    return moved, real
