"""Weight files and whole models that Keras 1 and 2 wrote, and Keras 3 as ``.h5``.

The root, or in a whole model the group ``model_weights``, has an attribute ``layer_names``, and each layer a group of
its name, whose attribute ``weight_names`` says where the weights are in it. Layers without weights have no names. A
long list is in several attributes, ``weight_names0`` and so on. A whole model says in ``model_config``, as JSON, what
its layers are.
"""

import contextlib
import itertools
import json
import math

import h5py
import numpy as np

from recurrent_layers.exchange import hdf5
from recurrent_layers.exchange.conversion import _GATES_OF_KERAS3, _apart
from recurrent_layers.exchange.hdf5 import DAMAGED, item, numbers
from recurrent_layers.layers.advanced_activations import ParametricSoftplus, PReLU
from recurrent_layers.layers.core import Dense, MaxoutDense, TimeDistributedDense
from recurrent_layers.layers.embeddings import Embedding
from recurrent_layers.layers.normalization import BatchNormalization
from recurrent_layers.layers.recurrent import GRU, LSTM, SimpleRNN
from recurrent_layers.layers.wrappers import Bidirectional
from recurrent_layers.warned import warn

_MODEL = "model_weights"
#: What Keras from 1.2 on adds to the variance in BatchNormalization, unless it is told otherwise; before it was less.
_EPSILON = 1e-3
#: What makes other numbers of the same weights: the names of ours, and those in files.
_SAID = {"activation": ["activation"], "inner_activation": ["recurrent_activation", "inner_activation"],
         "go_backwards": ["go_backwards"], "reset_after": ["reset_after"], "merge": ["merge_mode"]}  # fmt: skip


def is_one(filepath):
    """Whether a file is one of these; errors as of :func:`weight_files.opened`."""
    with hdf5.opened(filepath) as file, contextlib.suppress(*DAMAGED):
        return "nb_layers" not in file.attrs and (
            any(name in file.attrs for name in ("layer_names", "layer_names0")) or
            isinstance(file.get(_MODEL, getlink=True), h5py.HardLink) and isinstance(file[_MODEL], h5py.Group))
    return False


def matched(filepath, layers):
    """Pair what a file holds with the variables that it is meant for; see :meth:`Sequential.load_weights`.

    It warns where a whole model says that its recurrent layers compute something else with them.

    Parameters
    ----------
    filepath : str, bytes or path-like
    layers : list of Layer

    Returns
    -------
    list of (shared variable, numpy.ndarray)

    Raises
    ------
    ValueError
        If it is damaged, or holds the weights of another architecture.
    """
    with hdf5.opened(filepath) as file:
        said = _said(file)
        try:
            stored = _stored(file)
        except DAMAGED as error:
            raise ValueError(f"{filepath} is not a whole file of Keras 1 to 3, which has an attribute layer_names and "
                             f"for each layer a group with weight_names: {error}") from error
        layers = [layer for layer in layers if layer.weights]
        pairs = _matched(stored, said, filepath, layers)
        others = [other for layer, (name, _) in zip(layers, stored)
                  for other in _others(layer, said.get(name, {}), name)]  # fmt: skip
        if others:
            warn(f"other numbers than those of {filepath} are computed with its weights: {'; '.join(others)}")
        return pairs


def _said(file):
    """What a whole model says of its layers, by their names; nothing in a file of weights alone."""
    said = {}

    def look(at):
        for one in at if isinstance(at, list) else at.values() if isinstance(at, dict) else []:
            look(one)
        config = at.get("config") if isinstance(at, dict) else None
        if isinstance(config, dict) and isinstance(config.get("name"), str):
            said[config["name"]] = config

    with contextlib.suppress(*DAMAGED, RecursionError):
        look(json.loads(file.attrs["model_config"]))
        version = file.attrs.get("keras_version", "")
        is_3 = (version.decode() if isinstance(version, bytes) else str(version)).startswith("3.")
        for config in said.values():
            for key, value in config.items():
                if is_3 and value == "hard_sigmoid":
                    config[key] = "hard_sigmoid (x / 6 + 0.5)"
    return said


def _others(layer, said, name):
    """In what a recurrent layer is said to be another one than this."""
    if not isinstance(layer, (Bidirectional, LSTM, GRU, SimpleRNN)):
        return
    ours = {"merge": layer.merge} if isinstance(layer, Bidirectional) else layer.get_config()
    for key, keys in _SAID.items():
        for of_keras in keys:
            value = said.get(of_keras)
            if key in ours and isinstance(value, (str, bool)) and value != ours[key]:
                yield f"{name} has {of_keras}={value!r}, and {type(layer).__name__} {key}={ours[key]!r}"
    inner = said.get("layer")
    if isinstance(layer, Bidirectional) and isinstance(inner, dict) and isinstance(inner.get("config"), dict):
        yield from _others(layer.forward, inner["config"], name)


def _matched(stored, said, filepath, layers):
    if len(stored) != len(layers):
        found = ", ".join(f"{name} ({len(arrays)})" for name, arrays in stored[:50]) or "none"
        raise ValueError(f"{filepath} holds the weights of {len(stored)} layers (with so many arrays): {found}; the "
                         f"model has {len(layers)} with weights: {', '.join(type(layer).__name__ for layer in layers)}")
    pairs = []
    for layer, (name, arrays) in zip(layers, stored):
        try:
            pairs += _of_layer(layer, arrays, said.get(name, {}))
        except (ValueError, OSError) as error:
            raise ValueError(f"the layer {name} in {filepath}, for {type(layer).__name__}: {error}") from error
    return pairs


def _stored(file):
    """The layers that have weights: pairs of a name and a dict of data sets by their names, of which none is read."""
    group = item(file, _MODEL, h5py.Group) if "layer_names" not in file.attrs and _MODEL in file else file
    stored = []
    for name in _names(group, "layer_names"):
        layer = item(group, name, h5py.Group)
        arrays = {weight: _at(layer, weight) for weight in _names(layer, "weight_names")}
        if arrays:
            stored.append((name, arrays))
    return stored


def _names(group, key):
    """The texts of an attribute, or of several whose names end with 0, 1 and so on."""
    keys = [key] if key in group.attrs else list(itertools.takewhile(
        lambda one: one in group.attrs, (f"{key}{k}" for k in itertools.count())))  # fmt: skip
    if not keys:
        raise ValueError(f"{group.name} has no attribute {key}")
    found = [name for one in keys for name in np.atleast_1d(group.attrs[one]).tolist()]
    names = [name.decode() if isinstance(name, bytes) else name for name in found]
    if not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
        raise ValueError(f"{key} of {group.name} are no names, or one stands there twice")
    return names


def _at(group, path):
    """The numbers at a path within a group, on the way to which there are no links."""
    *folders, name = path.split("/")
    for folder in folders:
        group = item(group, folder, h5py.Group)
    return numbers(group, name)


def _of_layer(layer, arrays, said):
    """Pairs of a layer's variables and what is in the file, which is not read before its shape is right."""
    names, arrays = list(arrays), list(arrays.values())
    if type(layer) is Bidirectional:
        half = len(arrays) // 2
        if len(arrays) % 2:
            raise ValueError(f"expected those of two layers, one for each direction, found {_described(names, arrays)}")
        return [pair for one, part in ((layer.forward, slice(half)), (layer.backward, slice(half, None)))
                for pair in _of_layer(one, dict(zip(names[part], arrays[part])), {})]  # fmt: skip
    if type(layer) in (LSTM, GRU, SimpleRNN):
        return _of_recurrent(layer, names, arrays)
    if type(layer) not in (Dense, TimeDistributedDense, Embedding, MaxoutDense, BatchNormalization, PReLU,
                           ParametricSoftplus):  # fmt: skip
        raise ValueError("Keras 1 and later have no layer with these weights, and in models within models they keep "
                         "them in another order")
    if isinstance(layer, (Dense, TimeDistributedDense)) and len(arrays) == 1:  # use_bias=False
        return layer.match_weights([arrays[0], np.zeros(layer.output_dim)])
    pairs = layer.match_stored_weights(arrays)
    if isinstance(layer, BatchNormalization):
        variance = pairs[-1][1]
        if (variance < 0).any():
            raise ValueError("the variance is negative")
        epsilon = said.get("epsilon", _EPSILON)
        if isinstance(epsilon, bool) or not isinstance(epsilon, (int, float)) or not 0 <= epsilon < math.inf:
            raise ValueError(f"epsilon is {epsilon!r}")
        # There the square root is taken of the variance and epsilon, here epsilon is added to the root.
        pairs[-1] = (pairs[-1][0], np.maximum(np.sqrt(variance + epsilon) - layer.epsilon, 0).astype(variance.dtype))
    return pairs


def _of_recurrent(layer, names, arrays):
    """Those of a recurrent layer: for each gate its own, or all gates' beside each other, with a bias or without."""
    if len(layer.params) != len(layer.param_names):
        raise ValueError("Keras has no initial_state='learned': load the weights into a layer without it")
    n_in, n, gates = layer.input_dim, layer.output_dim, len(_GATES_OF_KERAS3.get(type(layer), [""]))
    shapes = [array.shape for array in arrays]
    by_gate = {name: variable.get_value(borrow=True).shape for name, variable in zip(layer.param_names, layer.params)}
    if gates > 1 and len(arrays) == 3 * gates and "b_Uh" not in by_gate:
        order = [_ending(name, by_gate) for name in names]
        if None in order:
            order = list(by_gate)
        given = dict(zip(order, arrays))
        return layer.match_weights([given[name] for name in by_gate if name in given])

    columns, reset_after = gates * n, "b_Uh" in by_gate
    biases = {LSTM: [(columns,), (2 * columns,)], SimpleRNN: [(columns,)]}.get(
        type(layer), [(2, columns), (2 * columns,)] if reset_after else [(columns,)])  # fmt: skip
    expected = [(n_in, columns), (n, columns)]
    if shapes[:2] != expected or len(shapes) > 3 or len(shapes) == 3 and shapes[2] not in biases:
        raise ValueError(f"expected kernel {expected[0]}, recurrent kernel {expected[1]} and, if any, bias "
                         f"{' or '.join(map(str, biases))}, or three arrays for each gate; found "
                         f"{_described(names, arrays)}{_other_kind(layer, shapes, columns)}")
    kernel, recurrent_kernel, *bias = (array[()] for array in arrays)
    bias = bias[0] if bias else np.zeros(columns)
    if bias.shape == (2 * columns,):
        kernel, recurrent_kernel = (np.hstack([turned(part) for part in np.split(one, gates, axis=1)])
                                    for one, turned in ((kernel, _from_cudnn), (recurrent_kernel, np.transpose)))
    both = bias.reshape(2, columns) if bias.size == 2 * columns else np.stack([bias, np.zeros_like(bias)])
    return layer.match_weights(_apart(layer, _GATES_OF_KERAS3, kernel, recurrent_kernel, *both))


def _from_cudnn(kernel):
    """One gate's kernel as Keras' layers for cuDNN keep it: of the right shape, but filled column by column."""
    return kernel.T.reshape(kernel.shape, order="F")


def _ending(name, known):
    """The weight of ours whose name a name ends with, as in lstm_1_W_i; None for none."""
    return next((one for one in known if name.split(":")[0].endswith(f"_{one}")), None)


def _other_kind(layer, shapes, columns):
    """What a GRU may be instead."""
    if type(layer) is not GRU or len(shapes) != 3:
        return ""
    if "b_Uh" in layer.param_names and shapes[2] == (columns,):
        return "; that is a GRU with reset_after=False"
    if "b_Uh" not in layer.param_names and math.prod(shapes[2]) == 2 * columns:
        return "; that is a GRU with reset_after=True"
    return ""


def _described(names, arrays):
    return ", ".join(f"{name.rsplit('/', 1)[-1]} {array.shape}" for name, array in zip(names[:50], arrays)) or "none"
