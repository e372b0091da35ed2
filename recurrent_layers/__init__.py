"""Keras' original recurrent layers on Theano: the API of Keras 0.1, installable today.

Importing this package prepares Theano, or on Python 3.12 and newer PyTensor, its descendant (see
:mod:`recurrent_layers.engine`);
``python -m recurrent_layers`` prints what was found. All public names can be imported from here:
the layers, :class:`Sequential`, and the modules ``activations``, ``initializations``, ``objectives``,
``optimizers``, ``regularizers``,
``constraints`` and ``callbacks``.

All random numbers (initial weights, projections, dropout, shuffling) come from NumPy's global
generator: ``numpy.random.seed(1337)`` before a model is built makes a run reproducible.
"""

from recurrent_layers import (
    activations,
    callbacks,
    constraints,
    initializations,
    layers,
    objectives,
    optimizers,
    regularizers,
)
from recurrent_layers.exchange.from_onnx import from_onnx
from recurrent_layers.layers import *
from recurrent_layers.models import Sequential, model_from_config, model_from_json, model_from_yaml
from recurrent_layers.recurrence import show, speed_up_scan
from recurrent_layers.scripts import as_keras
from recurrent_layers.sweeps import sweep
from recurrent_layers.version import __version__  # noqa: F401

__all__ = [
    "Sequential",
    "activations",
    "as_keras",
    "callbacks",
    "constraints",
    "from_onnx",
    "initializations",
    "model_from_config",
    "model_from_json",
    "model_from_yaml",
    "objectives",
    "optimizers",
    "regularizers",
    "show",
    "speed_up_scan",
    "sweep",
]
__all__ += layers.__all__
