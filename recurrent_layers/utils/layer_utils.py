"""Layers from configs, and their shapes."""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from recurrent_layers import constraints, engine, regularizers
from recurrent_layers import layers as layer_module
from recurrent_layers.layers import convolutional
from recurrent_layers.layers.base import Layer
from recurrent_layers.layers.known import layer_from_config
from recurrent_layers.typing import Config, CustomObjects
from recurrent_layers.utils.arguments import items, shown, sizes
from recurrent_layers.utils.arrays import check_memory
from recurrent_layers.utils.building import one_output_for_each_layer
from recurrent_layers.utils.generic_utils import (
    custom_objects_known,
    get_from_module,
    not_too_deep,
    with_arguments,
)

__all__ = [
    "Activation", "ActivityRegularization", "AutoEncoder", "BatchNormalization", "Convolution1D", "Convolution2D",
    "Dense", "Dropout", "Embedding", "Flatten", "GRU", "GaussianDropout", "GaussianNoise", "JZS1", "JZS2", "JZS3",
    "LSTM", "Layer", "LeakyReLU", "Masking", "MaxPooling1D", "MaxPooling2D", "MaxoutDense", "Merge", "PReLU", "Permute",
    "RepeatVector", "Reshape", "SimpleDeepRNN", "SimpleRNN", "TimeDistributedDense", "WordContextProduct",
    "ZeroPadding2D", "constraints", "container_from_config", "containers", "get_from_module", "get_layer",
    "print_layer_shapes", "regularizers",
]  # fmt: skip


def container_from_config(original_layer_dict: Config, custom_layers: CustomObjects = {}) -> Layer:
    """The layer of a config, with new weights; of a model's, the model, which is not compiled.

    Parameters
    ----------
    original_layer_dict : dict
        As `get_config` gave it; it stays as it is.
    custom_layers : dict of str to class
        Layers of your own, by the names that they have in it.

    Returns
    -------
    Layer

    Raises
    ------
    ValueError
        If it is no config, a name in it is not known, or a layer does not fit the one below.

    Examples
    --------
    >>> from recurrent_layers import Dense
    >>> from recurrent_layers.utils.layer_utils import container_from_config
    >>> layer = container_from_config(Dense(3, 2, activation="tanh").get_config())
    >>> layer.W.get_value().shape
    (3, 2)
    """
    config = original_layer_dict
    with not_too_deep(), custom_objects_known("custom_layers", custom_layers):
        if isinstance(config, dict) and config.get("name") == "Sequential":
            config = {key: config[key] for key in ("name", "layers") if key in config}
        return layer_from_config(config)


def get_layer(identifier: str | Config | Layer, kwargs: Config | None = None,
              custom_layers: CustomObjects = {}) -> Layer:
    """Make a layer from its name.

    Parameters
    ----------
    identifier : str or Layer
        The name of a layer's class; a layer is returned as it is.
    kwargs : dict, optional
        The arguments of the class.
    custom_layers : dict of str to class
        Layers of your own, by their names.

    Returns
    -------
    Layer

    Raises
    ------
    ValueError
        If the name is not known, or the arguments are not those of the class.

    Examples
    --------
    >>> from recurrent_layers.utils.layer_utils import get_layer
    >>> get_layer("LSTM", {"input_dim": 3, "output_dim": 8}).output_dim
    8
    """
    named = with_arguments(identifier, kwargs, "layer")
    if isinstance(named, Layer):
        return named
    with custom_objects_known("custom_layers", custom_layers):
        return layer_from_config(named if isinstance(named, dict) else {"name": named})


def print_layer_shapes(model: Layer, input_shapes: Sequence[Any]) -> None:
    """Print the shape of the output of each layer, found by computing it for zeros.

    Parameters
    ----------
    model : Sequential
    input_shapes : tuple of int, or list of tuples of int
        The shape of the input, samples first; one for each if the model has several.

    Raises
    ------
    ValueError
        If it is no model with layers, or there is not a shape for each input, or one does not fit.

    Examples
    --------
    >>> from recurrent_layers import Dense, Flatten, Sequential, TimeDistributedDense
    >>> from recurrent_layers.utils.layer_utils import print_layer_shapes
    >>> print_layer_shapes(Sequential([TimeDistributedDense(3, 4), Flatten(), Dense(20, 2)]), (6, 5, 3))
    input shapes :  [(6, 5, 3)]
    shape after TimeDistributedDense: (6, 5, 4)
    shape after Flatten: (6, 20)
    shape after Dense: (6, 2)
    """
    layers = getattr(model, "layers", None)
    if not isinstance(model, Layer) or not layers:
        raise ValueError(f"print_layer_shapes needs a model with layers, got {shown(model)}")
    inputs = model.get_input()
    inputs = inputs if isinstance(inputs, list) else [inputs]
    shapes = items("input_shapes", input_shapes, "shapes")
    if not shapes or not isinstance(shapes[0], (tuple, list)):
        shapes = [shapes]
    shapes = [sizes("input_shapes", shape) for shape in shapes]
    if [len(shape) for shape in shapes] != [variable.ndim for variable in inputs]:
        raise ValueError(f"the model reads {len(inputs)} arrays, with {[variable.ndim for variable in inputs]} "
                         f"dimensions, got shapes {shapes}")
    for shape in shapes:
        check_memory("an input", shape)
    zeros = [np.zeros(shape, variable.dtype) for shape, variable in zip(shapes, inputs)]
    if len(inputs) == 1:
        model.check_data(zeros[0])
    carried: list[Any] = []
    with one_output_for_each_layer(carried):
        outputs = [layer.get_output() for layer in layers]
    begin_anew = [pair for _, one in carried if one.goes_on for pair in one.zeros(inputs[0].shape[0])]
    # For a single call nothing is worth being compiled in C.
    function = engine.function(inputs, [output.shape for output in outputs], givens=begin_anew,
                               on_unused_input="ignore", mode="FAST_COMPILE")
    computed = function(*zeros)
    print("input shapes : ", shapes)
    for layer, shape in zip(layers, computed):
        print(f"shape after {type(layer).__name__}: {tuple(map(int, shape))}")


def __getattr__(name: str) -> Any:
    """Scripts import the layers from here, too, where Keras 0.1 looked them up."""
    for place in () if name.startswith("_") else (layer_module, convolutional):
        if hasattr(place, name):
            return getattr(place, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
