"""Models for other libraries, under the names of Keras 0.1."""

__all__ = ["scikit_learn"]
