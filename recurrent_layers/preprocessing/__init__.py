"""Preparing data, under the names of Keras 0.1."""
