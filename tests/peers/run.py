"""Makes layers of real Keras 3 and PyTorch, in an environment that has them; `test_conversion.py` calls it.

``run.py FOLDER`` reads ``job.json`` and ``arrays.npz`` there, and writes ``answer.json`` and ``answer.npz``.
"""

import json
import os
import pathlib
import sys

import numpy as np

os.environ["KERAS_BACKEND"] = "torch"


def keras_layer(job, arrays):
    import keras

    keras.utils.set_random_seed(1)
    layer = keras.layers.deserialize(job["config"])
    layer.build(arrays["X"].shape)
    weights = [arrays[f"weight_{n}"] for n in range(len(arrays) - 1)]
    if not weights:
        weights = [np.random.uniform(-0.5, 0.5, weight.shape) for weight in layer.get_weights()]
    layer.set_weights(weights)
    Y = keras.ops.convert_to_numpy(layer(arrays["X"]))
    return keras.layers.serialize(layer), {f"weight_{n}": w for n, w in enumerate(layer.get_weights())}, Y


def torch_layer(job, arrays):
    import torch

    torch.manual_seed(1)
    module = getattr(torch.nn, job["class_name"])(batch_first=True, **job["config"])
    state = {name: torch.tensor(array) for name, array in arrays.items() if name != "X"}
    if state:
        module.load_state_dict(state)
    with torch.no_grad():
        Y = module(torch.tensor(arrays["X"]))[0].numpy()
    return {}, {name: tensor.numpy() for name, tensor in module.state_dict().items()}, Y


folder = pathlib.Path(sys.argv[1])
job = json.loads((folder / "job.json").read_text())
with np.load(folder / "arrays.npz") as stored:
    arrays = {name: stored[name] for name in stored}
config, weights, Y = {"keras": keras_layer, "torch": torch_layer}[job["library"]](job, arrays)
(folder / "answer.json").write_text(json.dumps(config))
np.savez(folder / "answer.npz", Y=Y, **weights)
