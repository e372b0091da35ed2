"""Preparing data, under the names of Keras 0.1."""

__all__ = ["image", "sequence", "text"]
