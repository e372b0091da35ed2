"""Makes layers of real Keras 3 and PyTorch, in an environment that has them; `test_conversion.py` calls it.

``run.py FOLDER`` reads ``job.json`` and ``arrays.npz`` there, and writes ``answer.json`` and ``answer.npz``. Beside the
input X and weights there may be a mask, and states to begin with; what a layer returns beside its output are last ones.
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
    weights = of_kind("weight_", arrays)
    if not weights:
        weights = [np.random.uniform(-0.5, 0.5, weight.shape) for weight in layer.get_weights()]
    layer.set_weights(weights)
    named = {"mask": arrays["mask"]} if "mask" in arrays else {}
    if of_kind("state_", arrays):
        named["initial_state"] = of_kind("state_", arrays)
    outputs = [layer(piece, **named) for piece in np.split(arrays["X"], job.get("pieces", 1), axis=1)]
    outputs = outputs[-1] if isinstance(outputs[0], (list, tuple)) else [keras.ops.concatenate(outputs, axis=1)]
    outputs = [keras.ops.convert_to_numpy(output) for output in outputs]
    return keras.layers.serialize(layer), {f"weight_{n}": w for n, w in enumerate(layer.get_weights())}, outputs


def torch_layer(job, arrays):
    import torch

    torch.manual_seed(1)
    module = getattr(torch.nn, job["class_name"])(batch_first=True, **job["config"])
    state = {name: torch.tensor(array) for name, array in arrays.items() if name != "X" and name[:6] != "state_"}
    if state:
        module.load_state_dict(state)
    states = tuple(map(torch.tensor, of_kind("state_", arrays)))
    with torch.no_grad():
        Y, last = module(torch.tensor(arrays["X"]), *([states] if states else []))
    outputs = [output.numpy() for output in (Y, *(last if isinstance(last, tuple) else [last]))]
    return {}, {name: tensor.numpy() for name, tensor in module.state_dict().items()}, outputs


def of_kind(beginning, arrays):
    """The arrays with such names, in the order of their numbers."""
    return [arrays[name] for name in sorted((name for name in arrays if name.startswith(beginning)),
                                            key=lambda name: int(name[len(beginning):]))]  # fmt: skip


folder = pathlib.Path(sys.argv[1])
job = json.loads((folder / "job.json").read_text())
with np.load(folder / "arrays.npz") as stored:
    arrays = {name: stored[name] for name in stored}
config, weights, (Y, *last) = {"keras": keras_layer, "torch": torch_layer}[job["library"]](job, arrays)
(folder / "answer.json").write_text(json.dumps(config))
np.savez(folder / "answer.npz", Y=Y, **weights, **{f"last_{k}": state for k, state in enumerate(last)})
