"""The name that :mod:`recurrent_layers.engine` had in 0.1.0."""

from recurrent_layers.engine import number_of_threads, prepare, report

__all__ = ["number_of_threads", "prepare", "report"]
