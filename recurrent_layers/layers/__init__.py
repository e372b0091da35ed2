"""The layers: `containers`, `core`, `embeddings`, `recurrent`, as in Keras 0.1, and `wrappers`; more cells in `zoo`."""

from recurrent_layers.layers.containers import AutoEncoder, Merge
from recurrent_layers.layers.core import (
    Activation,
    Dense,
    Dropout,
    Layer,
    MaskedLayer,
    Masking,
    RepeatVector,
    TimeDistributedDense,
)
from recurrent_layers.layers.embeddings import Embedding
from recurrent_layers.layers.recurrent import (
    GRU,
    JZS1,
    JZS2,
    JZS3,
    LSTM,
    Recurrent,
    SimpleDeepRNN,
    SimpleRNN,
)
from recurrent_layers.layers.wrappers import Bidirectional

__all__ = [
    "Activation",
    "AutoEncoder",
    "Bidirectional",
    "Dense",
    "Dropout",
    "Embedding",
    "GRU",
    "JZS1",
    "JZS2",
    "JZS3",
    "LSTM",
    "Layer",
    "MaskedLayer",
    "Masking",
    "Merge",
    "Recurrent",
    "RepeatVector",
    "SimpleDeepRNN",
    "SimpleRNN",
    "TimeDistributedDense",
]
