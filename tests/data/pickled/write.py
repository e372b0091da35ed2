"""Pickle two models on the engine that is here, with what they shall give: see ../README.md.

Run it with floatX=float64 on each engine.
"""

import pathlib
import pickle

import numpy as np

import recurrent_layers as rl

np.random.seed(11)
X, y = np.random.randn(6, 4, 3), np.random.rand(6, 2)


def model(p):
    """A model after two epochs of training."""
    made = rl.Sequential([rl.JZS1(3, 4, return_sequences=True, truncate_gradient=2), rl.Dropout(p),
                          rl.LSTM(4, 3),
                          rl.Dense(3, 2, activation="sigmoid", W_regularizer="l2", W_constraint="nonneg")])
    made.compile("adam", "mse")
    made.fit(X, y, nb_epoch=2, verbose=0)
    return made


models = model(0.5), model(0.0)
here = pathlib.Path(__file__).with_name(rl.engine.NAME)
with open(here.with_suffix(".pickle"), "wb") as stream:
    pickle.dump(models, stream, protocol=4)
predicted = models[0].predict(X)
models[1].train_on_batch(X, y)
trained = np.concatenate([weight.ravel() for weight in models[1].get_weights()])
np.savez(here.with_suffix(".npz"), X=X, y=y, predicted=predicted, trained=trained)
