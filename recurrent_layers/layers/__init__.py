"""The layers: `core`, `embeddings`, `recurrent`, as in Keras 0.1."""

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

__all__ = [
    "Activation",
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
    "Recurrent",
    "RepeatVector",
    "SimpleDeepRNN",
    "SimpleRNN",
    "TimeDistributedDense",
]
