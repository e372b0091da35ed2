"""The name that `layer_utils` had before Keras 0.1.3."""

from recurrent_layers.utils.layer_utils import print_layer_shapes

__all__ = ["print_layer_shapes"]
