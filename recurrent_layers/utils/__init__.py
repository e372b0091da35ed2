"""Helpers under the names that Keras 0.1 gave them."""
