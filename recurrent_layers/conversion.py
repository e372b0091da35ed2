"""From and to Keras 3 and PyTorch, and from ONNX.

See :mod:`recurrent_layers.exchange.conversion` and :mod:`recurrent_layers.exchange.from_onnx`.
"""

from recurrent_layers.exchange.conversion import from_keras3, from_torch, to_keras3, to_torch
from recurrent_layers.exchange.from_onnx import from_onnx

__all__ = ["from_keras3", "from_onnx", "from_torch", "to_keras3", "to_torch"]
