"""Convolutions and pooling have their names here, and raise when they are used; see `recurrent_layers.elsewhere`."""

from recurrent_layers import activations, constraints, initializations, regularizers
from recurrent_layers.elsewhere import classes_elsewhere, functions_elsewhere
from recurrent_layers.layers.base import Layer
from recurrent_layers.utils.theano_utils import on_gpu, shared_zeros

# Scripts import from here what Keras 0.1 imported here.
__all__ = [
    "Convolution1D", "Convolution2D", "Layer", "MaxPooling1D", "MaxPooling2D", "UpSample1D", "UpSample2D",
    "ZeroPadding1D", "ZeroPadding2D", "activations", "constraints", "conv_output_length", "initializations", "on_gpu",
    "pool_output_length", "regularizers", "shared_zeros",
]  # fmt: skip

(Convolution1D, Convolution2D, MaxPooling1D, MaxPooling2D, UpSample1D, UpSample2D, ZeroPadding1D,
 ZeroPadding2D) = classes_elsewhere(
    __name__, "Convolution1D", "Convolution2D", "MaxPooling1D", "MaxPooling2D", "UpSample1D", "UpSample2D",
    "ZeroPadding1D", "ZeroPadding2D")  # fmt: skip
conv_output_length, pool_output_length = functions_elsewhere(__name__, "conv_output_length", "pool_output_length")
