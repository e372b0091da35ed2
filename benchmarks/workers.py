"""One implementation, in a process of its own: ``workers.py NAME`` takes orders as lines of JSON and answers so.

An order is ``{"do": "run", "case": [...], "repeats": 3}``; "do" names a method of :class:`Worker`.
``workers.py first-step`` is a program of its own: import, a model, one training step.
"""

import ctypes
import gc
import json
import os
import platform
import re
import sys
import time
import traceback
from importlib import metadata

import numpy as np
from cases import Case, data, weights

LEARNING_RATE = 1e-6

# The weights of ours in each matrix of torch, from above; 0 for what we do not have. torch.nn.GRU resets after the
# product and torchrecurrent learns the projection of MUT1 and MUT2, which the paper leaves out.
TORCH_WEIGHTS = {
    "LSTM": ("W_i W_f W_c W_o", "U_i U_f U_c U_o", "b_i b_f b_c b_o", "0 0 0 0"),
    "GRU": ("W_r W_z W_h", "U_r U_z U_h", "b_r b_z b_h", "0 0 0"),
    "JZS1": ("W_z W_r Pmat", "U_r U_h", "b_z b_r 0", "0 b_h"),
    "JZS2": ("W_z Pmat W_h", "U_z U_r U_h", "b_z b_r b_h", "0 0 0"),
    "JZS3": ("W_z W_r W_h", "U_z U_r U_h", "b_z b_r b_h", "0 0 0"),
}


class TheanoProgram:
    """A layer's forward pass or training step, compiled once for all batch sizes and timesteps."""

    def __init__(self, layer, trained, fixed, kind):
        import theano
        import theano.tensor as T

        self.weights = trained + fixed
        self.x = theano.shared(np.zeros((1, 1, 1), "float32"), borrow=True)
        self.target = theano.shared(np.zeros((1, 1), "float32"), borrow=True)
        layer.input = self.x
        output = layer.get_output()
        if kind == "forward":
            self.call = theano.function([], theano.Out(output, borrow=True))
            return
        loss = T.mean(T.sqr(output - self.target))
        steps = [(weight, weight - np.float32(LEARNING_RATE) * gradient)
                 for weight, gradient in zip(trained, T.grad(loss, trained))]  # fmt: skip
        self.call = theano.function([], loss, updates=steps)

    def set(self, case):
        x, target = data(case)
        self.x.set_value(x, borrow=True)
        self.target.set_value(target, borrow=True)
        for weight, value in zip(self.weights, weights(case).values()):
            weight.set_value(value)


class Ours:
    """recurrent_layers."""

    def __init__(self):
        import recurrent_layers
        from recurrent_layers import theano_setup

        self.layers, self.setup = recurrent_layers.layers, theano_setup

    def program(self, case):
        names = {"activation": "tanh", "inner_activation": "sigmoid"} if case.math == "torch" else {}
        if case.layer == "SimpleRNN":
            names.pop("inner_activation", None)
        layer = getattr(self.layers, case.layer)(case.input_dim, case.output_dim, **names)
        return TheanoProgram(layer, layer.params, layer.non_trainable_weights, case.kind)

    def about(self):
        return self.setup.report()

    def sgemm(self, size=1536, repeats=100):
        """The rate of a float32 matrix product in the BLAS that Theano uses, in flops per second; None without it."""
        # So many repeats also give the system time to put the threads of BLAS on cores of their own.
        library = self.setup.prepare().blas.library
        if library is None:
            return None
        A, B, C = (np.random.RandomState(n).rand(size, size).astype("float32") for n in range(3))
        pointers = [matrix.ctypes.data_as(ctypes.c_void_p) for matrix in (A, B, C)]
        number, whole = ctypes.c_float, ctypes.c_int
        row_major, as_it_is = 101, 111
        arguments = [row_major, as_it_is, as_it_is, size, size, size, number(1), pointers[0], size, pointers[1], size,
                     number(0), pointers[2], size]  # fmt: skip
        arguments = [whole(value) if isinstance(value, int) else value for value in arguments]
        seconds = timed(lambda: library.scipy_cblas_sgemm(*arguments), repeats)
        return 2 * size**3 / min(seconds)


class Keras:
    """The layers of Keras 0.3.3, with the activations that ours have by default."""

    activations = {"SimpleRNN": ("sigmoid",), "GRU": ("sigmoid", "hard_sigmoid"), "LSTM": ("tanh", "hard_sigmoid")}

    def __init__(self, prepared):
        if prepared:
            import recurrent_layers  # noqa: F401
        elif sys.version_info >= (3, 11):
            # Nothing else makes scan work there: its C code does not compile on Python 3.11.
            sys.modules["theano.scan_module.scan_perform_ext"] = None
        # Keras reads and writes settings in the home directory.
        os.environ.update(HOME=os.environ["BENCHMARK_HOME"], KERAS_BACKEND="theano")
        import keras.layers.recurrent

        self.layers = keras.layers.recurrent

    def program(self, case):
        names = dict(zip(("activation", "inner_activation"), self.activations[case.layer]))
        layer = getattr(self.layers, case.layer)(case.output_dim, input_dim=case.input_dim, **names)
        layer.build()
        return TheanoProgram(layer, layer.trainable_weights, [], case.kind)

    def about(self):
        import keras
        import theano

        return [("Keras", keras.__version__), ("Theano", theano.__version__), ("NumPy", np.__version__),
                ("blas.ldflags", theano.config.blas.ldflags)]  # fmt: skip


class TorchProgram:
    """A module's forward pass or training step."""

    def __init__(self, module, case):
        import torch

        self.torch, self.module = torch, module
        self.call = self.forward if case.kind == "forward" else self.train
        self.optimizer = torch.optim.SGD(module.parameters(), lr=LEARNING_RATE)

    def set(self, case):
        self.x, self.target = map(self.torch.from_numpy, data(case))
        values = weights(case)
        zero = np.zeros(case.output_dim, "float32")
        parameters = dict(self.module.named_parameters())
        with self.torch.no_grad():
            for kind, names in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), TORCH_WEIGHTS[case.layer]):
                name = next(name for name in parameters if kind in name)
                rows = [values.get(name, zero).T for name in names.split()]
                parameters[name].copy_(self.torch.from_numpy(np.concatenate(rows)))

    def last(self):
        state = self.module(self.x)[1]
        return (state[0] if isinstance(state, tuple) else state)[-1]

    def forward(self):
        with self.torch.inference_mode():
            return self.last()

    def train(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.torch.mean((self.last() - self.target) ** 2)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


class Torch:
    """torch.nn.LSTM and GRU, and MUT1–3 of torchrecurrent."""

    def __init__(self):
        import torch
        import torchrecurrent

        self.torch, self.torchrecurrent = torch, torchrecurrent

    def program(self, case):
        if case.layer.startswith("JZS"):
            kind = getattr(self.torchrecurrent, case.layer.replace("JZS", "MUT"))
        else:
            kind = getattr(self.torch.nn, case.layer)
        return TorchProgram(kind(case.input_dim, case.output_dim, batch_first=True), case)

    def about(self):
        return [("torch", self.torch.__version__), ("torch threads", str(self.torch.get_num_threads())),
                ("torchrecurrent", metadata.version("torchrecurrent"))]  # fmt: skip


class Worker:
    """Does what it is told: each public method is an order."""

    def __init__(self, implementation):
        self.implementation = implementation
        self.programs, self.cases = {}, {}

    def about(self):
        return [("Python", platform.python_version())] + list(self.implementation.about())

    def sgemm(self):
        return self.implementation.sgemm()

    def prepare(self, case):
        """Compile and warm up; the last output of the first sample, or the loss, for comparison with others."""
        self.cases.clear()  # Weights may have been trained since.
        program = self._ready(Case(*case))
        first = np.asarray(program.call())
        timed(program.call, 2)
        return (first[0] if first.ndim else first.reshape(1)).tolist()

    def run(self, case, repeats):
        """Seconds of each call."""
        return timed(self._ready(Case(*case)).call, repeats)

    def memory(self, case, repeats=5):
        """By how many bytes a prepared case grows this process at most; only in a new process. None if unknown."""
        program = self._ready(Case(*case))
        gc.collect()
        if not sys.platform.startswith("linux"):
            return None
        # Memory that was freed but kept, or used while compiling, would hide what the calls need.
        ctypes.CDLL(None).malloc_trim(0)
        with open("/proc/self/clear_refs", "w") as stream:
            stream.write("5")
        before = peak_memory()
        for _ in range(repeats):
            program.call()
        return peak_memory() - before

    def _ready(self, case):
        # One program is for all batch sizes and timesteps.
        key = case._replace(batch=0, steps=0)
        if key not in self.programs:
            self.programs[key] = self.implementation.program(case)
        if self.cases.get(key) != case:
            self.programs[key].set(case)
            self.cases[key] = case
        return self.programs[key]


def timed(call, repeats):
    """Seconds of each of some calls."""
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return seconds


def peak_memory():
    """The most memory this process has had, in bytes."""
    with open("/proc/self/status") as stream:
        return 1024 * int(re.search(r"^VmHWM:\s+(\d+) kB", stream.read(), re.MULTILINE)[1])


def first_step():
    """Import, make and compile a model, train on one batch."""
    from recurrent_layers import LSTM, Dense, Sequential

    model = Sequential([LSTM(64, 64), Dense(64, 10, activation="softmax")])
    model.compile(loss="categorical_crossentropy", optimizer="sgd")
    model.train_on_batch(np.zeros((16, 20, 64), "float32"), np.eye(10, dtype="float32")[np.arange(16) % 10])


IMPLEMENTATIONS = {"ours": Ours, "torch": Torch, "keras": lambda: Keras(False), "keras-prepared": lambda: Keras(True)}


def serve(name):
    """Answer orders until there are no more."""
    # What libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = None
    for line in sys.stdin:
        order = json.loads(line)
        try:
            worker = worker or Worker(IMPLEMENTATIONS[name]())
            answer = {"answer": getattr(worker, order.pop("do"))(**order)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "first-step":
        first_step()
    else:
        serve(sys.argv[1])
