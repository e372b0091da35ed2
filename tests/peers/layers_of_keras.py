"""Writes what models of real Keras' layers give and learn in two steps into ``tests/data/layers_of_keras.npz``.

``layers_of_keras.py`` needs no arguments, but the source of Keras 0.2.0 on PYTHONPATH, Theano, and this library, which
makes that work. `test_layers.py` has the models of our layers.
"""

# ruff: noqa: E402, I001

import os
import pathlib
import sys
import types

os.environ["THEANO_FLAGS"] = "mode=FAST_COMPILE,floatX=float64," + os.environ.get("THEANO_FLAGS", "")

import recurrent_layers  # noqa: F401

# Theano 1.0 does not have what only layers of images use.
sys.modules["theano.tensor.signal.downsample"] = types.ModuleType("downsample")

import keras
import numpy as np
from keras.layers.advanced_activations import LeakyReLU, PReLU, ThresholdedLinear, ThresholdedReLU
from keras.layers.core import (
    ActivityRegularization, Dense, Flatten, MaxoutDense, Permute, Reshape, TimeDistributedDense, TimeDistributedMerge,
)  # fmt: skip
from keras.layers.embeddings import WordContextProduct
from keras.layers.normalization import BatchNormalization
from keras.models import Sequential
from keras.optimizers import SGD

DATA = pathlib.Path(__file__).parents[1] / "data" / "layers_of_keras.npz"


def vectors(*layers):
    return [Dense(4, input_dim=3), *layers]


def sequences(*layers):
    return [TimeDistributedDense(4, input_dim=3, input_length=5), *layers]


MODELS = {
    "ActivityRegularization": lambda: vectors(ActivityRegularization(l1=0.03, l2=0.2)),
    "ActivityRegularization of sequences": lambda: sequences(ActivityRegularization(l1=0.03, l2=0.2)),
    "BatchNormalization": lambda: vectors(BatchNormalization(momentum=0.75)),
    "BatchNormalization of each sample": lambda: vectors(BatchNormalization(mode=1, epsilon=0.01)),
    "BatchNormalization of sequences": lambda: sequences(BatchNormalization()),
    "BatchNormalization of steps": lambda: sequences(BatchNormalization(mode=1)),
    "Flatten": lambda: sequences(Flatten(), Dense(2)),
    "LeakyReLU": lambda: vectors(LeakyReLU(alpha=0.1)),
    "MaxoutDense": lambda: vectors(MaxoutDense(2, nb_feature=3, W_regularizer="l2", b_constraint="maxnorm")),
    "PReLU": lambda: vectors(PReLU()),
    "PReLU of sequences": lambda: sequences(PReLU()),
    "Permute": lambda: sequences(Permute((2, 1)), TimeDistributedDense(2)),
    "Reshape": lambda: sequences(Reshape((10, 2)), TimeDistributedDense(2)),
    "ThresholdedLinear": lambda: vectors(ThresholdedLinear(theta=0.5)),
    "ThresholdedReLU": lambda: vectors(ThresholdedReLU(theta=0.25)),
    "TimeDistributedMerge ave": lambda: sequences(TimeDistributedMerge("ave")),
    "TimeDistributedMerge sum": lambda: sequences(TimeDistributedMerge("sum")),
    "WordContextProduct": lambda: [WordContextProduct(6, proj_dim=3)],
}


def drawn(rng, *shape):
    """Numbers of few digits, which take less room."""
    return np.round(rng.uniform(-1, 1, shape) * 64) / 64


def numbers(name, rng):
    """Input and labels; the weights, losses of two steps, the weights after these; predictions before and after."""
    layers = MODELS[name]()
    model = Sequential()
    for layer in layers:
        model.add(layer)
    for layer in layers:  # The model of Keras hands a BatchNormalization its first two weights only.
        weights = [drawn(rng, *weight.shape) for weight in layer.get_weights()]
        if isinstance(layer, BatchNormalization):
            weights[3] = 1.0 + abs(weights[3])
        layer.set_weights(weights)
    model.compile(SGD(lr=0.125), "mse")
    nb_samples = 6
    if name == "WordContextProduct":
        X = rng.randint(0, 6, (nb_samples, 2))
    else:
        X = drawn(rng, nb_samples, *layers[0].input_shape[1:])
    found = {"X": X, "Y": model.predict(X, verbose=0)}
    found["y"] = drawn(rng, *found["Y"].shape)
    found.update((f"weight_{n}", weight) for n, weight in enumerate(model.get_weights()))
    found["losses"] = np.array([model.train_on_batch(X, found["y"]) for _ in range(2)], float).ravel()
    found.update((f"trained_{n}", weight) for n, weight in enumerate(model.get_weights()))
    found["trained_Y"] = model.predict(X, verbose=0)
    return {f"{name}/{key}": value for key, value in found.items()}


if __name__ == "__main__":
    found = {"version": "0.2.0"}
    assert keras.__file__.split(os.sep)[-3] == f"Keras-{found['version']}", keras.__file__
    for number, name in enumerate(MODELS):
        found.update(numbers(name, np.random.RandomState(number)))
    np.savez_compressed(DATA, **found)
