"""The layers, in the modules in which Keras 0.1 has them, and `wrappers`; more cells are in `zoo`."""

from recurrent_layers.layers import known, zoo
from recurrent_layers.layers.advanced_activations import (
    LeakyReLU,
    ParametricSoftplus,
    PReLU,
    ThresholdedLinear,
    ThresholdedReLU,
)
from recurrent_layers.layers.containers import AutoEncoder, Merge
from recurrent_layers.layers.core import (
    Activation,
    ActivityRegularization,
    Dense,
    Dropout,
    Flatten,
    Lambda,
    Layer,
    MaskedLayer,
    Masking,
    MaxoutDense,
    Permute,
    RepeatVector,
    Reshape,
    TimeDistributedDense,
    TimeDistributedMerge,
)
from recurrent_layers.layers.embeddings import Embedding, WordContextProduct
from recurrent_layers.layers.noise import GaussianDropout, GaussianNoise
from recurrent_layers.layers.normalization import BatchNormalization
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
    "ActivityRegularization",
    "AutoEncoder",
    "BatchNormalization",
    "Bidirectional",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GRU",
    "GaussianDropout",
    "GaussianNoise",
    "JZS1",
    "JZS2",
    "JZS3",
    "LSTM",
    "Lambda",
    "Layer",
    "LeakyReLU",
    "MaskedLayer",
    "Masking",
    "MaxoutDense",
    "Merge",
    "PReLU",
    "ParametricSoftplus",
    "Permute",
    "Recurrent",
    "RepeatVector",
    "Reshape",
    "SimpleDeepRNN",
    "SimpleRNN",
    "ThresholdedLinear",
    "ThresholdedReLU",
    "TimeDistributedDense",
    "TimeDistributedMerge",
    "WordContextProduct",
]

known.KNOWN.update({name: globals()[name] for name in __all__})
known.KNOWN.update({f"zoo.{name}": getattr(zoo, name) for name in zoo.__all__})
