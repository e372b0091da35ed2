"""PyTorch's layers, torchrecurrent's, and whole models in PyTorch."""

import os
from importlib import metadata

import numpy as np
import torch
import torchrecurrent
import whole_models
from cases import LEARNING_RATE, data, lengths, weights
from programs import ModelProgram, Program
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence

# The weights of ours in each matrix of torch, from above; 0 for what we do not have. torch.nn.GRU resets after the
# product and torchrecurrent learns the projection of MUT1 and MUT2, which the paper leaves out.
TORCH_WEIGHTS = {
    "LSTM": ("W_i W_f W_c W_o", "U_i U_f U_c U_o", "b_i b_f b_c b_o", "0 0 0 0"),
    "GRU": ("W_r W_z W_h", "U_r U_z U_h", "b_r b_z b_h", "0 0 0"),
    "JZS1": ("W_z W_r Pmat", "U_r U_h", "b_z b_r 0", "0 b_h"),
    "JZS2": ("W_z Pmat W_h", "U_z U_r U_h", "b_z b_r b_h", "0 0 0"),
    "JZS3": ("W_z W_r W_h", "U_z U_r U_h", "b_z b_r b_h", "0 0 0"),
}


def copy_weights(module, layer, values):
    """Set a module's weights from those of a layer of ours."""
    zero = np.zeros_like(next(values[name] for name in values if name.startswith("b")))
    parameters = dict(module.named_parameters())
    with torch.no_grad():
        for kind, names in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), TORCH_WEIGHTS[layer]):
            name = next(name for name in parameters if kind in name)
            rows = [values.get(name, zero).T for name in names.split()]
            parameters[name].copy_(torch.from_numpy(np.concatenate(rows)))


def packed(x, lengths):
    """Sequences without their padding, which is on the right; as they are where there is none."""
    return x if lengths is None else pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)


def last_state(state):
    """The last output: LSTM gives its memory beside it."""
    return (state[0] if isinstance(state, tuple) else state)[-1]


class TorchProgram(Program):
    """A module's forward pass or training step."""

    def __init__(self, module, case):
        self.module = module
        self.call = self.forward if case.kind == "forward" else self.train
        self.optimizer = torch.optim.SGD(module.parameters(), lr=LEARNING_RATE)

    def set(self, case):
        self.x, self.target = map(torch.from_numpy, data(case))
        self.lengths = None if case.padding == "none" else torch.from_numpy(lengths(case.batch, case.steps))
        copy_weights(self.module, case.layer, weights(case))

    def last(self):
        return last_state(self.module(packed(self.x, self.lengths))[1])

    def forward(self):
        with torch.inference_mode():
            return self.last()

    def train(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = torch.mean((self.last() - self.target) ** 2)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


class Torch:
    """torch.nn.LSTM and GRU, and MUT1–3 of torchrecurrent."""

    def __init__(self):
        if "BENCHMARK_THREADS" in os.environ:
            torch.set_num_threads(int(os.environ["BENCHMARK_THREADS"]))

    def program(self, case):
        if isinstance(case, whole_models.ModelCase):
            return TorchModel(case)
        if case.layer.startswith("JZS"):
            kind = getattr(torchrecurrent, case.layer.replace("JZS", "MUT"))
        else:
            kind = getattr(torch.nn, case.layer)
        return TorchProgram(kind(case.input_dim, case.output_dim, batch_first=True), case)

    def about(self):
        return [("torch", torch.__version__), ("torch threads", str(torch.get_num_threads())),
                ("torchrecurrent", metadata.version("torchrecurrent"))]  # fmt: skip


class Network(nn.Module):
    """A whole model without its last activation, which PyTorch has in the loss."""

    def __init__(self, layers):
        super().__init__()
        self.described = layers
        self.stack = nn.ModuleList(self.module(one) for one in layers)

    def module(self, one):
        if one.name in ("LSTM", "GRU"):
            return getattr(nn, one.name)(*one.sizes, batch_first=True)
        if one.name == "Embedding":
            return nn.Embedding(*one.sizes, padding_idx=0 if one.names else None)
        if one.name == "Dropout":
            return nn.Dropout(*one.sizes)
        return nn.Linear(*one.sizes) if "Dense" in one.name else nn.Identity()

    def forward(self, x, lengths=None):
        for one, module in zip(self.described, self.stack):
            if one.name in ("LSTM", "GRU"):
                outputs, state = module(packed(x, lengths))
                x = outputs if one.names.get("return_sequences") else last_state(state)
            elif one.name == "RepeatVector":
                x = x.unsqueeze(1).expand(-1, one.sizes[0], -1)
            else:
                x = module(x)
        return x


class TorchModel(ModelProgram):
    """A whole model in PyTorch, trained by the loop that people write."""

    def __init__(self, case):
        super().__init__(case)
        self.network = Network(self.model.layers)
        if self.model.optimizer == "adam":
            self.optimizer = torch.optim.Adam(self.network.parameters())
        else:
            self.optimizer = torch.optim.RMSprop(self.network.parameters(), lr=0.001)
        if case.math == "torch":
            self.load(whole_models.peers_weights(case.model))

    def load(self, weights):
        weights = iter(weights)
        with torch.no_grad():
            for one, module in zip(self.network.described, self.network.stack):
                if one.name in ("LSTM", "GRU"):
                    copy_weights(module, one.name, next(weights))
                elif one.name == "Embedding":
                    module.weight.copy_(torch.from_numpy(next(weights)["W"]))
                elif "Dense" in one.name:
                    values = next(weights)
                    module.weight.copy_(torch.from_numpy(values["W"].T))
                    module.bias.copy_(torch.from_numpy(values["b"]))

    def converted(self, x, y):
        x, real = whole_models.padded_on_the_right(self.name, x)
        x = torch.from_numpy(x.astype("int64") if self.model.input == "integers" else x)
        y = torch.from_numpy(y if self.model.binary else y.argmax(-1))
        return x, y, None if real is None else torch.from_numpy(real)

    def loss(self, outputs, y):
        if self.model.binary:
            return functional.binary_cross_entropy_with_logits(outputs, y)
        return functional.cross_entropy(outputs.reshape(-1, outputs.shape[-1]), y.reshape(-1))

    def fit(self, data):
        x, y, lengths = data
        self.network.train()
        order, total = torch.randperm(len(x)), 0.0
        for start in range(0, len(x), self.model.batch):
            ids = order[start:start + self.model.batch]
            self.optimizer.zero_grad(set_to_none=True)
            loss = self.loss(self.network(x[ids], None if lengths is None else lengths[ids]), y[ids])
            loss.backward()
            self.optimizer.step()
            total += loss.item()
        return total

    def predict(self, data):
        x, _, lengths = data
        self.network.eval()
        outputs = []
        with torch.inference_mode():
            for start in range(0, len(x), self.model.batch):
                rows = slice(start, start + self.model.batch)
                output = self.network(x[rows], None if lengths is None else lengths[rows])
                outputs.append(torch.sigmoid(output) if self.model.binary else torch.softmax(output, dim=-1))
            return torch.cat(outputs).numpy()

    predict_one = predict
