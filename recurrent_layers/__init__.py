"""Keras' original recurrent layers on Theano: the API of Keras 0.1, installable today.

Importing this package prepares Theano first (see :mod:`recurrent_layers.theano_setup`);
``python -m recurrent_layers`` prints what was found.
"""

__version__ = "0.1.0"

from recurrent_layers import theano_setup

theano_setup.prepare()
