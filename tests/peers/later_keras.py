"""Writes weight files and whole models of real Keras 1, 2 or 3; wrote those in `tests/data/models`.

``later_keras.py FOLDER`` runs in an environment with one of them: Keras 1.2.2 and 2.3.1 on Theano 1.0.5 (Python 3.8,
``KERAS_BACKEND=theano THEANO_FLAGS=blas.ldflags=``), Keras 3 on PyTorch. Each file ``keras-<version>-<name>.h5`` has
an input and Keras' prediction for it beside it, in ``.npz``, and is compressed, since HDF5 keeps much room free.
"""

import gzip
import pathlib
import sys

import keras
import numpy as np
from keras import layers as L
from keras.models import Sequential

VERSION = keras.__version__
MAJOR = int(VERSION[0])


def recurrent(name, output_dim, first=False, mode=None, **options):
    """A layer of 5 or more inputs; `mode` says how Keras keeps its weights."""
    if MAJOR == 1:
        options["consume_less"] = mode or "cpu"
    if first:
        options["input_shape"] = (None, 5)
    return getattr(L, name)(output_dim, **options)


def models():
    for name in ("LSTM", "GRU", "SimpleRNN"):
        others = {"reset_after": True} if name == "GRU" and MAJOR > 1 else {"use_bias": False} if MAJOR > 1 else {}
        first = {"reset_after": False} if name == "GRU" and MAJOR > 1 else {}
        yield name.lower(), False, [recurrent(name, 4, first=True, return_sequences=True, **first),
                                    recurrent(name, 3, mode="gpu", return_sequences=True, **others),
                                    L.TimeDistributed(L.Dense(2, activation="tanh"))]  # fmt: skip
    embedding = L.Embedding(20, 5, mask_zero=True, **({} if MAJOR == 3 else {"input_length": 6}))
    yield "whole", True, [embedding, L.Bidirectional(recurrent("LSTM", 3, mode="mem")), L.Dropout(0.5),
                          L.BatchNormalization(), L.Dense(1, activation="sigmoid")]  # fmt: skip


def drawn(weight, name):
    low = 0.1 if "var" in name or "std" in name else -1.0
    return np.random.uniform(low, 1, weight.shape)


folder = pathlib.Path(sys.argv[1])
for seed, (name, whole, layers) in enumerate(models()):
    np.random.seed(seed)
    model = Sequential()
    for layer in layers:
        model.add(layer)
    X = np.random.randint(0, 20, (4, 6)) if whole else np.random.randn(4, 6, 5)
    X[:1, :2] = 0
    model.compile("sgd", "mse")
    model.predict(X)
    weights = [weight for layer in model.layers for weight in layer.weights]
    model.set_weights([drawn(value, weight.name) for value, weight in zip(model.get_weights(), weights)])
    path = folder / f"keras-{VERSION}-{name}"
    if whole:
        model.save(str(path) + ".h5", **({} if MAJOR == 1 else {"include_optimizer": False}))
    elif MAJOR < 3:
        model.save_weights(str(path) + ".h5")
    else:
        model.save(str(path) + ".h5", include_optimizer=False)
    np.savez(str(path) + ".npz", X=X, Y=model.predict(X))

if VERSION == "2.3.1":
    # What its layers for cuDNN would write, which run on graphics cards only: by Keras' own conversion.
    import h5py
    from keras.engine.saving import _convert_rnn_weights

    for name in ("lstm", "gru"):
        kind = type("CuDNN" + name.upper(), (), {})
        path = folder / f"keras-{VERSION}-{name}"
        with h5py.File(str(path) + ".h5", "r") as old, h5py.File(str(path) + "-of-cudnn.h5", "w") as new:
            layer = old.attrs["layer_names"][0 if name == "lstm" else 1]
            names = old[layer].attrs["weight_names"]
            new.attrs["layer_names"] = np.array([layer], "S")
            new.create_group(layer).attrs["weight_names"] = names
            for one, weight in zip(names, _convert_rnn_weights(kind(), [old[layer][one][()] for one in names])):
                new[layer].create_dataset(one, data=weight)

for path in folder.glob(f"keras-{VERSION}-*.h5"):
    with gzip.GzipFile(str(path) + ".gz", "wb", mtime=0) as file:
        file.write(path.read_bytes())
    path.unlink()
