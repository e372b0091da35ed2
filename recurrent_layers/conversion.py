"""To and from the layers of Keras 3 and PyTorch; see :mod:`recurrent_layers.exchange.conversion`."""

from recurrent_layers.exchange.conversion import from_keras3, from_torch, to_keras3, to_torch

__all__ = ["from_keras3", "from_torch", "to_keras3", "to_torch"]
