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
MATHS = ("torch", "defaults")
JZS = ("JZS1", "JZS2", "JZS3")
KERAS_LAYERS = ("SimpleRNN", "GRU", "LSTM")

# batch, timesteps, input_dim, output_dim
SIZES = {"small": (32, 100, 128, 128), "large": (64, 50, 256, 512), "stream": (1, 100, 128, 128),
         "long": (16, 1000, 64, 64)}  # fmt: skip
QUICK_SIZES, QUICK_LAYERS = ("small", "stream"), ("LSTM", "GRU", "JZS1", "SimpleRNN")

TORCH, TORCHRECURRENT, OUR_GRU = "torch", "torchrecurrent", "our GRU"
KERAS, KERAS_PREPARED = "Keras 0.3.3 as installed", "Keras 0.3.3 on our Theano"
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
FIRST_STEP_TARGETS = {"empty": 45.0, "warm": 4.0}  # seconds
MEMORY_TARGET = 1.5  # times that of torch
MEMORY_STEPS = (500, 1000, 2000, 4000)
LINEAR = 1.1  # For the most of these steps, times the memory per step for the fewest. The square of steps would be 8.


class Case(NamedTuple):
    """One thing to measure; `kind` is "forward" or "train", `math` "torch" or "defaults"."""

    layer: str
    batch: int
    steps: int
    input_dim: int
    output_dim: int
    kind: str
    math: str


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


def pairs(layers, sizes, peers, maths=MATHS):
    """All pairs of these layers, sizes, peers and mathematics, those of one function of ours side by side."""
    chosen = [Pair(peer, size, Case(layer, *SIZES[size], kind, math))
              for peer in peers for layer in COMPARISONS[peer][0] if layer in layers
              for math in COMPARISONS[peer][1] if math in maths
              for size in sizes for kind in ("forward", "train")]  # fmt: skip
    layer_order, size_order = list(WEIGHTS), list(SIZES)
    return sorted(chosen, key=lambda pair: (layer_order.index(pair.case.layer), MATHS.index(pair.case.math),
                                            size_order.index(pair.size), pair.case.kind))


def weights(case: Case):
    """The weights of a case by name: the same ones for everybody."""
    random = np.random.RandomState(1)
    n, m = case.input_dim, case.output_dim
    shapes = {"W": (n, m), "U": (m, m), "b": (m,), "P": (n, m)}
    values = {name: random.uniform(-1, 1, shapes[name[0]]) / np.sqrt(m) for name in WEIGHTS[case.layer].split()}
    if "Pmat" in values:
        values["Pmat"] = np.eye(n) if n == m else np.sign(values["Pmat"]) / np.sqrt(n)
    return {name: value.astype("float32") for name, value in values.items()}


def data(case: Case):
    """The input and the target of a case."""
    random = np.random.RandomState(2)
    x = random.normal(size=(case.batch, case.steps, case.input_dim))
    target = random.uniform(-1, 1, size=(case.batch, case.output_dim))
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
    return Case(layer, *(SIZES[size] if size else (32, 50, 128, 128)), kind, math)._replace(**changes)
