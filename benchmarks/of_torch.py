"""PyTorch's layers, torchrecurrent's, and whole models in PyTorch."""

import os
from importlib import metadata

import numpy as np
import torch
import torchrecurrent
import whole_models
from cases import (
    BIDIRECTIONAL,
    GRU_AFTER,
    LEARNING_RATE,
    LSTM_DENSE,
    OWN_CELL,
    OWN_CELL_COMPILED,
    data,
    lengths,
    weights,
)
from programs import ModelProgram, Program, StepProgram
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence

# The weights of ours in each matrix of torch, from above; 0 for what we do not have. torch.nn.GRU resets after the
# product and torchrecurrent learns the projection of MUT1 and MUT2, which the paper leaves out.
TORCH_WEIGHTS = {
    "LSTM": ("W_i W_f W_c W_o", "U_i U_f U_c U_o", "b_i b_f b_c b_o", "0 0 0 0"),
    "GRU": ("W_r W_z W_h", "U_r U_z U_h", "b_r b_z b_h", "0 0 0"),
    GRU_AFTER: ("W_r W_z W_h", "U_r U_z U_h", "b_r b_z b_h", "0 0 b_Uh"),
    "JZS1": ("W_z W_r Pmat", "U_r U_h", "b_z b_r 0", "0 b_h"),
    "JZS2": ("W_z Pmat W_h", "U_z U_r U_h", "b_z b_r b_h", "0 0 0"),
    "JZS3": ("W_z W_r W_h", "U_z U_r U_h", "b_z b_r b_h", "0 0 0"),
}
THEIR_NAMES = {"JZS1": "MUT1", "JZS2": "MUT2", "JZS3": "MUT3", "CoRNN": "coRNN", "TauGRU": "tauGRU"}
# Layers of torchrecurrent whose output is none of their states.
OUTPUT_APART = (torchrecurrent.base.DecoupledSingleStateRecurrentLayerBase,
                torchrecurrent.base.DecoupledDoubleStateRecurrentLayerBase)  # fmt: skip


def copy_weights(module, layer, values, ending=""):
    """Set a module's weights, those whose names end so, from those of a layer of ours."""
    zero = np.zeros_like(next(values[name] for name in values if name.startswith("b")))
    parameters = dict(module.named_parameters())
    with torch.no_grad():
        for kind, names in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), TORCH_WEIGHTS[layer]):
            name = next(name for name in parameters if kind in name and name.endswith(ending))
            rows = [values.get(name, zero).T for name in names.split()]
            parameters[name].copy_(torch.from_numpy(np.concatenate(rows)))


def packed(x, lengths):
    """Sequences without their padding, which is on the right; as they are where there is none."""
    return x if lengths is None else pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)


def last_real(outputs, lengths):
    """The output of each sequence at the last step before its padding."""
    return outputs[torch.arange(len(outputs)), lengths - 1]


def last_state(state):
    """The last output: LSTM gives its memory beside it."""
    return (state[0] if isinstance(state, tuple) else state)[-1]


class TorchProgram(Program):
    """A module's forward pass or training step."""

    def __init__(self, module, case):
        self.module = module
        self.call = self.forward if case.kind == "forward" else self.train
        self.optimizer = torch.optim.SGD(module.parameters(), lr=LEARNING_RATE, fused=True)
        self.is_packed = case.padding != "whole"

    def set(self, case):
        self.x, self.target = map(torch.from_numpy, data(case))
        self.lengths = None if case.padding == "none" else torch.from_numpy(lengths(case.batch, case.steps))
        self.load(case.layer, weights(case))

    def load(self, layer, values):
        if values:
            copy_weights(self.module, layer, values)

    def last(self):
        if not self.is_packed:
            return last_real(self.module(self.x)[0], self.lengths)
        outputs, state = self.module(packed(self.x, self.lengths))
        return outputs[:, -1] if isinstance(self.module, OUTPUT_APART) else last_state(state)

    def forward(self):
        with torch.inference_mode():
            return self.last()

    def train(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = torch.mean((self.last() - self.target) ** 2)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


class BothWays(TorchProgram):
    """A bidirectional LSTM."""

    def load(self, layer, values):
        copy_weights(self.module, "LSTM", values)
        back = {name[:-len("_back")]: value for name, value in values.items() if name.endswith("_back")}
        copy_weights(self.module, "LSTM", back, "_reverse")

    def last(self):
        return torch.cat(tuple(self.module(self.x)[1][0]), dim=-1)


class PeepholeLSTM(nn.Module):
    """A cell of one's own, as a loop; the products with the input are made for all steps at once."""

    def __init__(self, input_dim, output_dim):
        super().__init__()
        self.W = nn.Parameter(torch.empty(input_dim, 4 * output_dim))
        self.U = nn.Parameter(torch.empty(output_dim, 4 * output_dim))
        self.b = nn.Parameter(torch.empty(4 * output_dim))
        self.p = nn.Parameter(torch.empty(3 * output_dim))

    def forward(self, x):
        h = c = x.new_zeros(x.shape[0], self.U.shape[0])
        p_i, p_f, p_o = self.p.chunk(3)
        for x_t in (x @ self.W + self.b).unbind(1):
            i, f, candidate, o = (x_t + h @ self.U).chunk(4, dim=1)
            c_tm1 = c
            c = torch.sigmoid(f + p_f * c_tm1) * c_tm1 + torch.sigmoid(i + p_i * c_tm1) * torch.tanh(candidate)
            h = torch.sigmoid(o + p_o * c) * torch.tanh(c)
        return h


class OwnCell(TorchProgram):
    """That loop, as it is or compiled."""

    def __init__(self, case):
        module = PeepholeLSTM(case.input_dim, case.output_dim)
        super().__init__(module, case)
        self.run_module = torch.compile(module) if case.layer == OWN_CELL_COMPILED else module

    def load(self, layer, values):
        with torch.no_grad():
            for kind, gates in (("W", "ifco"), ("U", "ifco"), ("b", "ifco"), ("p", "ifo")):
                rows = [values[f"{kind}_{gate}"] for gate in gates]
                getattr(self.module, kind).copy_(torch.from_numpy(np.concatenate(rows, axis=-1)))

    def last(self):
        return self.run_module(self.x)


class TorchStep(StepProgram):
    """torch.nn.LSTMCell."""

    def __init__(self, case):
        self.cell = nn.LSTMCell(case.input_dim, case.output_dim)
        self.converted = torch.from_numpy

    def load(self, values):
        self.cell.requires_grad_(False)
        copy_weights(self.cell, "LSTM", values)

    def begin(self):
        self.state = None

    def step(self, x_t):
        self.state = self.cell(x_t, self.state)
        return self.state[0]

    def run(self, repeats):
        with torch.inference_mode():
            return super().run(repeats)


class TorchLayerStep(StepProgram):
    """torch.nn.LSTM or GRU, with what comes after it, over a sequence of one step, its states handed on."""

    def __init__(self, case):
        kind, self.name = (nn.GRU, GRU_AFTER) if case.layer == GRU_AFTER else (nn.LSTM, "LSTM")
        self.layer = kind(case.input_dim, case.output_dim, batch_first=True)
        self.end = nn.Linear(case.output_dim, 1) if case.layer == LSTM_DENSE else nn.Identity()
        nn.ModuleList([self.layer, self.end]).requires_grad_(False)

    def load(self, values):
        copy_weights(self.layer, self.name, values)
        if "D" in values:
            self.end.load_state_dict({"weight": torch.from_numpy(values["D"].T), "bias": torch.from_numpy(values["d"])})

    def converted(self, x_t):
        return torch.from_numpy(x_t[:, None])

    def begin(self):
        self.state = None

    def step(self, x_t):
        output, self.state = self.layer(x_t, self.state)
        return self.end(output[:, -1])

    def run(self, repeats):
        with torch.inference_mode():
            return super().run(repeats)


class TorchPrediction(TorchLayerStep):
    """The same over a whole sequence, from zeros."""

    def set(self, case):
        self.load(weights(case))
        self.x_t = torch.from_numpy(data(case)[0])

    def step(self, x):
        self.begin()
        return super().step(x)


class Torch:
    """torch.nn.LSTM and GRU, all layers of torchrecurrent, and a loop."""

    def __init__(self):
        # As within our loops: else cells whose gradients vanish take many times as long.
        torch.set_flush_denormal(True)
        if "BENCHMARK_THREADS" in os.environ:
            torch.set_num_threads(int(os.environ["BENCHMARK_THREADS"]))

    def program(self, case):
        if isinstance(case, whole_models.ModelCase):
            return TorchModel(case)
        if case.kind == "step":
            return TorchStep(case)
        if case.kind in ("step of a layer", "predict"):
            return (TorchPrediction if case.kind == "predict" else TorchLayerStep)(case)
        if case.layer in (OWN_CELL, OWN_CELL_COMPILED):
            return OwnCell(case)
        sizes = case.input_dim, case.output_dim
        if case.layer == BIDIRECTIONAL:
            return BothWays(nn.LSTM(*sizes, batch_first=True, bidirectional=True), case)
        name = THEIR_NAMES.get(case.layer, case.layer)
        kind = getattr(torchrecurrent, name, None) or getattr(nn, name)
        return TorchProgram(kind(*sizes, batch_first=True), case)

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
                # Through padding, too: that is faster than what packing spares.
                outputs, state = module(x)
                x = (outputs if one.names.get("return_sequences") else
                     last_state(state) if lengths is None else last_real(outputs, lengths))  # fmt: skip
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
            self.optimizer = torch.optim.Adam(self.network.parameters(), fused=True)
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
