"""Whole models in Keras 3, on what its environment variable KERAS_BACKEND says."""

import os
from importlib import metadata

# Keras reads and writes settings in the home directory.
os.environ["KERAS_HOME"] = os.environ["BENCHMARK_HOME"]

import keras
import numpy as np
from programs import ModelProgram, timed


def made(one):
    """A layer; Dense serves each step by itself, too."""
    if one.name in ("LSTM", "GRU"):
        return getattr(keras.layers, one.name)(one.sizes[1], **one.names)
    if one.name == "Embedding":
        return keras.layers.Embedding(*one.sizes, **one.names)
    if "Dense" in one.name:
        return keras.layers.Dense(one.sizes[1])
    return getattr(keras.layers, one.name)(*one.sizes)


class Keras3Model(ModelProgram):
    """A whole model."""

    def __init__(self, case):
        super().__init__(case)
        integers = self.model.input == "integers"
        shape = (self.model.steps,) if integers else (self.model.steps, self.model.input_dim)
        source = keras.Input(shape, dtype="int32" if integers else "float32")
        self.network = keras.Sequential([source, *map(made, self.model.layers)])
        self.network.compile(loss=self.model.loss, optimizer=self.model.optimizer)
        self.direct = None

    def fit(self, data):
        self.network.fit(*data, batch_size=self.model.batch, epochs=1, verbose=0)

    def predict(self, data):
        return self.network.predict(data[0], batch_size=self.model.batch, verbose=0)

    predict_one = predict

    def call_one(self, data):
        """The output by the faster of two ways around `predict`."""
        if self.direct is None:
            ways = [self.network.predict_on_batch, self.called]
            self.direct = min(ways, key=lambda way: min(timed(lambda: way(data[0]), 5)))
        return self.direct(data[0])

    def called(self, x):
        return np.asarray(keras.ops.convert_to_numpy(self.network(x)))


class Keras3:
    """Keras 3."""

    def program(self, case):
        return Keras3Model(case)

    def about(self):
        backend = keras.backend.backend()
        return [("Keras", keras.__version__), ({"jax": "JAX"}.get(backend, backend), metadata.version(backend))]
