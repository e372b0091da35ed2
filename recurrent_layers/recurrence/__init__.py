"""Iterates the step of a cell over time, as fast as the machine goes."""

from recurrent_layers.recurrence.ops import iterate

__all__ = ["iterate"]
