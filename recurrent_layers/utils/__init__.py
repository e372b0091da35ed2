"""Helpers under the names that Keras 0.1 gave them."""

__all__ = [
    "dot_utils", "generic_utils", "io_utils", "layer_utils", "model_utils", "np_utils", "test_utils", "theano_utils",
    "visualize_util",
]  # fmt: skip
