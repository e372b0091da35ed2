"""What is compared with what, at which sizes, on which numbers, and what is aimed at. Needs only NumPy."""

from typing import NamedTuple, Optional, Tuple

import numpy as np

# The weights of each layer in the order of its `get_weights`; the letters mean what they mean in the layers.
WEIGHTS = {
    "SimpleRNN": "W U b",
    "SimpleDeepRNN": "W U_1 U_2 U_3 b",
    "GRU": "W_z U_z b_z W_r U_r b_r W_h U_h b_h",
    "LSTM": "W_i U_i b_i W_c U_c b_c W_f U_f b_f W_o U_o b_o",
    "JZS1": "W_z b_z W_r U_r b_r U_h b_h Pmat",
    "JZS2": "W_z U_z b_z U_r b_r W_h U_h b_h Pmat",
    "JZS3": "W_z U_z b_z W_r U_r b_r W_h U_h b_h",
}
# The same of what only `cells.py` measures; "_back" are those of the layer that goes backwards.
BIDIRECTIONAL, DROPOUT_U, OWN_CELL = "Bidirectional(LSTM)", "LSTM with dropout_U", "own cell"
OWN_CELL_COMPILED = "own cell, compiled"
# And what only `exports.py` does.
GRU_AFTER, LSTM_DENSE = "GRU, reset_after", "LSTM + Dense(1)"
MORE_WEIGHTS = {
    BIDIRECTIONAL: " ".join([WEIGHTS["LSTM"], *(f"{name}_back" for name in WEIGHTS["LSTM"].split())]),
    DROPOUT_U: WEIGHTS["LSTM"],
    GRU_AFTER: f"{WEIGHTS['GRU']} b_Uh",
    LSTM_DENSE: f"{WEIGHTS['LSTM']} D d",
    **dict.fromkeys([OWN_CELL, OWN_CELL_COMPILED], "W_i U_i p_i b_i W_f U_f p_f b_f W_c U_c b_c W_o U_o p_o b_o"),
}
MATHS = ("torch", "defaults")
JZS = ("JZS1", "JZS2", "JZS3")
KERAS_LAYERS = ("SimpleRNN", "GRU", "LSTM")

# batch, timesteps, input_dim, output_dim
SIZES = {"small": (32, 100, 128, 128), "large": (64, 50, 256, 512), "stream": (1, 100, 128, 128),
         "long": (16, 1000, 64, 64)}  # fmt: skip
RUNTIME_SIZES = dict(SIZES, short=(128, 7, 12, 128), wide=(128, 20, 512, 512))
LENGTHS_SIZES = {name: SIZES[name] for name in ("small", "long")}
MASK_SIZES = {"small": SIZES["small"], "reviews": (16, 100, 256, 128)}
ALL_SIZES = dict(RUNTIME_SIZES, **MASK_SIZES)
QUICK_SIZES, QUICK_LAYERS = ("small", "stream"), ("LSTM", "GRU", "JZS1", "SimpleRNN")

ENGINES = ("Theano", "PyTensor")
TORCH, TORCHRECURRENT, OUR_GRU = "torch", "torchrecurrent", "our GRU"
KERAS, KERAS_PREPARED = "Keras 0.3.3 as installed", "Keras 0.3.3 on our Theano"
ONNX, JAX = "ONNX Runtime", "JAX"
QUICK_PEERS = (TORCH, TORCHRECURRENT, OUR_GRU)

# Which mathematics each layer is compared in: "torch" is tanh and sigmoid, "defaults" is hard_sigmoid and so on.
# Those of the JZS layers are torch's.
COMPARISONS = {
    TORCH: (("LSTM", "GRU"), MATHS),
    TORCHRECURRENT: (JZS, ("torch",)),
    KERAS: (KERAS_LAYERS, ("defaults",)),
    KERAS_PREPARED: (KERAS_LAYERS, ("defaults",)),
    OUR_GRU: (("SimpleRNN", "SimpleDeepRNN"), MATHS),
}
# The same for the part "runtimes": these have no layers of their own, only the mathematics.
GATED = ("LSTM", "GRU")
RUNTIMES = {ONNX: (GATED, ("torch",)), JAX: (GATED, ("torch",))}


class Target(NamedTuple):
    """The highest ratios of our time to a peer's that are aimed at."""

    text: str
    peer: str
    layers: Tuple[str, ...]
    sizes: Tuple[str, ...]
    forward: float
    train: float


TARGETS = [
    Target("GRU, every size, over torch", TORCH, ("GRU",), tuple(SIZES), 0.8, 0.8),
    Target("LSTM, large, over torch", TORCH, ("LSTM",), ("large",), 1.0, 1.0),
    Target("LSTM, small, stream, long, over torch", TORCH, ("LSTM",), ("small", "stream", "long"), 1.5, 1.5),
    Target("JZS1–3, every size, over torchrecurrent's MUT1–3", TORCHRECURRENT, JZS, tuple(SIZES), 0.4, 0.4),
    Target("every layer Keras 0.3.3 has, over Keras as installed", KERAS, KERAS_LAYERS, tuple(SIZES), 0.25, 0.3),
    Target("SimpleRNN, SimpleDeepRNN, over our own GRU", OUR_GRU, ("SimpleRNN", "SimpleDeepRNN"), tuple(SIZES), 1.2,
           1.2),
]  # fmt: skip
LEARNING_RATE = 1e-6
FIRST_STEP_TARGETS = {"empty": 45.0, "warm": 4.0}  # seconds
OTHER_ENGINE_TARGETS = {"mean": 1.03, "worst": 1.10, "empty": 18.0}  # times that of this one; seconds
MEMORY_TARGET = 1.5  # times that of torch
MEMORY_STEPS = (500, 1000, 2000, 4000)
LINEAR = 1.1  # For the most of these steps, times the memory per step for the fewest. The square of steps would be 8.


class Case(NamedTuple):
    """One thing to measure; `math` is "torch" or "defaults", `kind` "forward", "train", "step" or one of `exports.py`.

    With `padding` "left" or "right" the sequences are of different lengths, and half of all steps is padding; "whole"
    is "right" without a mask, and of each sequence the output of its last real step is taken; with "full" there is a
    mask, but all of it is 1; with "none" there is no mask.
    """

    layer: str
    batch: int
    steps: int
    input_dim: int
    output_dim: int
    kind: str
    math: str
    padding: str = "none"

    @property
    def program(self):
        """What one program is for: it is compiled once for all batch sizes and timesteps."""
        return self._replace(batch=0, steps=0)


class Pair(NamedTuple):
    """A case of ours beside the same of a peer, or beside our GRU."""

    peer: str
    size: str
    case: Case

    @property
    def peer_case(self) -> Case:
        return self.case._replace(layer="GRU") if self.peer == OUR_GRU else self.case

    @property
    def same_numbers(self) -> bool:
        """Whether both compute the same: torch's GRU is another one, and it has no hard_sigmoid."""
        if self.peer == TORCH:
            return self.case.layer == "LSTM" and self.case.math == "torch"
        return self.peer != OUR_GRU


def pairs(layers, sizes, peers, maths=MATHS, comparisons=COMPARISONS):
    """All pairs of these layers, sizes, peers and mathematics, those of one function of ours side by side."""
    chosen = [Pair(peer, size, Case(layer, *ALL_SIZES[size], kind, math))
              for peer in peers for layer in comparisons[peer][0] if layer in layers
              for math in comparisons[peer][1] if math in maths
              for size in sizes for kind in kinds(peer)]  # fmt: skip
    layer_order, size_order = list(WEIGHTS), list(ALL_SIZES)
    return sorted(chosen, key=lambda pair: (layer_order.index(pair.case.layer), MATHS.index(pair.case.math),
                                            size_order.index(pair.size), pair.case.kind))


def kinds(peer):
    """What a peer can do: ONNX Runtime does not train."""
    return ("forward",) if peer == ONNX else ("forward", "train")


def weights(case: Case):
    """The weights of a case by name: the same ones for everybody. None where each has those it begins with."""
    names = dict(WEIGHTS, **MORE_WEIGHTS).get(case.layer, "")
    return drawn(names, case.input_dim, case.output_dim, np.random.RandomState(1))


def drawn(names, n, m, random):
    """Weights of these names, separated by blanks, for `n` inputs and `m` outputs."""
    shapes = {"W": (n, m), "U": (m, m), "b": (m,), "p": (m,), "P": (n, m), "D": (m, 1), "d": (1,)}
    values = {name: random.uniform(-1, 1, shapes[name[0]]) / np.sqrt(m) for name in names.split()}
    if "Pmat" in values:
        values["Pmat"] = np.eye(n) if n == m else np.sign(values["Pmat"]) / np.sqrt(n)
    return {name: value.astype("float32") for name, value in values.items()}


def lengths(samples, steps):
    """Lengths of sequences, evenly spread from 1 to `steps`, in an order by chance: half of all steps is padding."""
    spread = 0.5 + steps * (np.arange(samples) + 0.5) / samples
    return np.random.RandomState(3).permutation(np.round(spread).clip(1, steps).astype("int64"))


def mask(samples, steps, padding):
    """A boolean matrix, False where there is padding; None for "none"."""
    if padding == "none":
        return None
    place, real = np.arange(steps), lengths(samples, steps)[:, None]
    return {"full": place < np.full_like(real, steps), "left": place >= steps - real, "right": place < real}[padding]


def data(case: Case):
    """The input and the target of a case."""
    random = np.random.RandomState(2)
    x = random.normal(size=(case.batch, case.steps, case.input_dim))
    columns = case.output_dim * (2 if case.layer == BIDIRECTIONAL else 1)
    target = random.uniform(-1, 1, size=(case.batch, columns))
    return x.astype("float32"), target.astype("float32")


def flops(case: Case) -> int:
    """Floating point operations of the matrix products that a case cannot do without.

    Those of the forward pass; in training also those for the gradients of W and U, and for the gradient that goes
    back through U to the step before. The input needs no gradient, and the fixed projection neither.
    """
    letters = [name[0] for name in WEIGHTS[case.layer].split()]
    rows, n, m = case.batch * case.steps, case.input_dim, case.output_dim
    W, U, P = (2 * rows * letters.count(letter) * size * m for letter, size in (("W", n), ("U", m), ("P", n)))
    return W + U + P if case.kind == "forward" else 2 * W + 3 * U + P


def sized(layer: str, kind: str = "train", math: str = "torch", size: Optional[str] = None, **changes) -> Case:
    """The case of a named size, or of batch 32, 50 steps, 128 to 128, with changes."""
    return Case(layer, *(ALL_SIZES[size] if size else (32, 50, 128, 128)), kind, math)._replace(**changes)
