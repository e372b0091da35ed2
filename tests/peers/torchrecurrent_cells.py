"""Writes what torchrecurrent's layers give for random weights into ``tests/data/torchrecurrent.npz``.

``torchrecurrent_cells.py`` needs no arguments, but torch and torchrecurrent 0.2.5. `test_zoo.py` says which weights of
ours theirs are.
"""

import importlib.metadata
import pathlib

import numpy as np
import torch
import torchrecurrent

DATA = pathlib.Path(__file__).parents[1] / "data" / "torchrecurrent.npz"
NB_SAMPLES, TIMESTEPS, INPUT_DIM, OUTPUT_DIM = 2, 4, 3, 5

# Where they leave something open, or the paper has it otherwise.
CELLS = {
    "ATR": {}, "AntisymmetricRNN": {"epsilon": 0.5, "gamma": 0.1}, "BR": {}, "CFN": {}, "DSGU": {
        "gate_nonlinearity": "sigmoid"}, "FastGRNN": {"nonlinearity": "sigmoid"}, "FastRNN": {},
    "GatedAntisymmetricRNN": {"epsilon": 0.5, "gamma": 0.1}, "IndRNN": {"nonlinearity": "relu"},
    "IntersectionRNN": {}, "JANET": {"beta": 0.75}, "LiGRU": {}, "LightRU": {}, "MCLSTM": {}, "MGU": {},
    "MiRU1": {"update_coefficient": 0.25}, "MiRU2": {"update_coefficient": 0.25, "reset_coefficient": 0.625},
    "MinimalRNN": {}, "MultiplicativeLSTM": {}, "NBR": {}, "OriginalLSTM": {}, "PeepholeLSTM": {}, "RAN": {},
    "ResLSTM": {}, "SGRN": {}, "SGU": {"gate_nonlinearity": "sigmoid"}, "STAR": {}, "TGRU": {}, "TLSTM": {},
    "TRNN": {}, "UGRNN": {}, "UnICORNN": {"dt": 0.25, "alpha": 0.5}, "WMCLSTM": {},
    "coRNN": {"dt": 0.25, "gamma": 1.25, "epsilon": 0.75}, "tauGRU": {"delay": 2},
}  # fmt: skip


def drawn(rng, *shape):
    """Numbers of few digits, which take less room."""
    return torch.tensor(np.round(rng.uniform(-1, 1, shape) * 64) / 64)


def numbers(name, rng):
    """The input, the output, all weights, and the gradients of the sum of the output times `R`."""
    X = drawn(rng, NB_SAMPLES, TIMESTEPS, OUTPUT_DIM if name == "IntersectionRNN" else INPUT_DIM).requires_grad_()
    layer = getattr(torchrecurrent, name)(X.shape[2], OUTPUT_DIM, batch_first=True, **CELLS[name]).double()
    weights = {weight.split(".")[-1]: value for weight, value in layer.named_parameters() if value.ndim}
    with torch.no_grad():
        for value in weights.values():
            value.copy_(drawn(rng, *value.shape))
    Y = layer(X)[0]
    R = drawn(rng, *Y.shape)
    (Y * R).sum().backward()
    arrays = {"X": X, "Y": Y, "R": R, "X_grad": X.grad, **weights}
    arrays.update((f"{weight}_grad", value.grad) for weight, value in weights.items())
    return {f"{name}/{key}": value.detach().numpy() for key, value in arrays.items()}


if __name__ == "__main__":
    found = {"version": importlib.metadata.version("torchrecurrent")}
    for number, name in enumerate(CELLS):
        found.update(numbers(name, np.random.RandomState(number)))
    np.savez_compressed(DATA, **found)
