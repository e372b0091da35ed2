"""The name that :mod:`recurrent_layers.exchange.weight_files` had in 0.1.0."""

from recurrent_layers.exchange.weight_files import read, write

__all__ = ["read", "write"]
