"""Exports models of PyTorch and Keras 3 to ONNX, in an environment that has them; wrote `tests/data/onnx`.

``onnx_models.py FOLDER torch`` needs torch, onnx and onnxscript; ``onnx_models.py FOLDER keras-tensorflow`` keras,
tensorflow and tf2onnx; ``onnx_models.py FOLDER keras-torch`` keras, torch and onnx. What exporters say about where
something came from, such as the lines of the program, is taken out: it is more than the model itself.
"""

import os
import pathlib
import sys

import numpy as np
import onnx


def of_torch(folder):
    import torch
    from torch import nn

    class Model(nn.Module):
        """Modules, and what is done with them."""

        def __init__(self, function, **modules):
            super().__init__()
            self.function = function
            for name, module in modules.items():
                setattr(self, name, module)

        def forward(self, x):
            return self.function(self, x)

    def learned(m, x):
        return m.rnn(x, m.h.expand(-1, x.shape[0], -1).contiguous())[1][0]

    both = dict(batch_first=True, bidirectional=True)
    models = {
        "embedding-lstm": lambda: Model(
            lambda m, x: torch.softmax(m.out(m.rnn(m.words(x))[0][:, -1]), -1), words=nn.Embedding(7, 4),
            rnn=nn.LSTM(4, 5, num_layers=2, batch_first=True), out=nn.Linear(5, 3)),
        "gru-both": lambda: Model(lambda m, x: torch.sigmoid(m.out(torch.relu(m.rnn(x)[0]))),
                                  rnn=nn.GRU(4, 5, num_layers=2, **both), out=nn.Linear(10, 3)),
        "lstm-both-last": lambda: Model(
            lambda m, x: torch.tanh(m.out(torch.cat([m.rnn(x)[1][0][-2], m.rnn(x)[1][0][-1]], 1))),
            rnn=nn.LSTM(4, 5, **both), out=nn.Linear(10, 3)),
        "lstm-alone": lambda: nn.LSTM(4, 5, num_layers=2, batch_first=True),
        "gru-learned": lambda: Model(learned, rnn=nn.GRU(4, 5, batch_first=True), h=nn.Parameter(torch.randn(1, 1, 5))),
        "rnn-steps-first": lambda: Model(lambda m, x: m.out(m.rnn(x)[0].mean(0)), out=nn.Linear(5, 3),
                                         rnn=nn.RNN(4, 5, nonlinearity="relu", bias=False)),
    }  # fmt: skip
    for seed, (name, make) in enumerate(models.items()):
        torch.manual_seed(seed)
        module = make().eval()
        x = torch.randint(0, 7, (3, 6)) if "embedding" in name else torch.randn(3, 6, 4)
        torch.onnx.export(module, (x,), folder / f"torch-script-{name}.onnx", dynamo=False, input_names=["x"],
                          dynamic_axes={"x": {0: "samples", 1: "steps"}})  # fmt: skip
        free = {} if name.startswith("rnn") else {1: torch.export.Dim("steps")}
        torch.onnx.export(module, (x,), folder / f"torch-dynamo-{name}.onnx", dynamo=True, verbose=False,
                          dynamic_shapes=({0: torch.export.Dim("samples"), **free},),
                          external_data=name == "gru-learned")  # fmt: skip


def of_keras(folder, backend):
    import keras
    from keras import layers as L

    models = {"lstm": [L.Input((None, 4)), L.LSTM(5, return_sequences=True), L.LSTM(5), L.Dense(3, "softmax")]}
    if backend == "tensorflow":
        models.update({
            "embedding-lstm": [L.Input((None,), dtype="int32"), L.Embedding(7, 4), L.LSTM(5, return_sequences=True),
                               L.Dense(3, "relu")],
            "lstm-both": [L.Input((None, 4)), L.Bidirectional(L.LSTM(5, return_sequences=True)),
                          L.Bidirectional(L.LSTM(4), merge_mode="ave"), L.Dense(3)],
            "lstm-backwards": [L.Input((6, 4)), L.LSTM(5, return_sequences=True, go_backwards=True, use_bias=False),
                               L.LSTM(4, "relu"), L.Dense(3, "tanh"), L.Activation("softplus")],
            "gru": [L.Input((None, 4)), L.GRU(5)],
        })  # fmt: skip
    for seed, (name, layers) in enumerate(models.items()):
        keras.utils.set_random_seed(seed)
        model = keras.Sequential(layers)
        model(np.zeros((2, 6), "int32") if "embedding" in name else np.zeros((2, 6, 4)))
        model.set_weights([np.random.uniform(-0.5, 0.5, weight.shape) for weight in model.get_weights()])
        model.export(folder / f"keras-{backend}-{name}.onnx", format="onnx", verbose=False)


def without_origins(path):
    """Take out of a file where its nodes came from."""
    model = onnx.load(path, load_external_data=False)
    for thing in [model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output,
                  *model.graph.value_info, *model.graph.initializer]:  # fmt: skip
        thing.doc_string = ""
        del thing.metadata_props[:]
    del model.graph.value_info[:]
    onnx.save(model, path)


if __name__ == "__main__":
    folder, library = pathlib.Path(sys.argv[1]), sys.argv[2]
    if library == "torch":
        of_torch(folder)
    else:
        os.environ["KERAS_BACKEND"] = library.partition("-")[2]
        of_keras(folder, os.environ["KERAS_BACKEND"])
    for path in folder.glob(f"{library}-*.onnx"):
        without_origins(path)
