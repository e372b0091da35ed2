"""keras2c: `of_keras2c.py DIRECTORY` writes what it makes of the models of `exports.py` that it has layers for."""

import os
import sys

import keras
import numpy as np
from cases import LSTM_DENSE, weights
from exports_in_c import CASES, KERAS2C, files_of
from keras2c.keras2c_main import model2c


def network(case):
    """The same model in Keras, for one step, which goes on from the last one."""
    values, x = weights(case), keras.Input(batch_shape=(1, 1, case.input_dim))
    lstm, dense = keras.layers.LSTM(case.output_dim, stateful=True), keras.layers.Dense(1)
    model = keras.Model(x, dense(lstm(x)) if case.layer == LSTM_DENSE else lstm(x))
    lstm.set_weights([np.concatenate([values[f"{kind}_{gate}"] for gate in "ifco"], axis=-1) for kind in "WUb"])
    if case.layer == LSTM_DENSE:
        dense.set_weights([values["D"], values["d"]])
    return model


if __name__ == "__main__":
    for case in CASES.values():
        if "LSTM" in case.layer:
            for who in KERAS2C:
                os.chdir(files_of(sys.argv[1], case, who))
                model2c(network(case), "net", malloc="malloc" in who, verbose=False)
