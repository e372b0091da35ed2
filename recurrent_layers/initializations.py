"""Initial weights, found by their names: ``get("orthogonal")``.

Each function takes a shape and returns a shared variable of `floatX`.
All of them draw from NumPy's global generator, in the order in which layers are built, so that
``numpy.random.seed(1337)`` at the top of a script makes all initial weights reproducible.
A callable of your own may return a shared variable or an array.
"""

from __future__ import annotations

from typing import Any, Callable, Sequence

import numpy as np

from recurrent_layers import engine
from recurrent_layers.typing import ArrayLike, Named, Variable
from recurrent_layers.utils.arguments import number, sizes
from recurrent_layers.utils.arrays import converted
from recurrent_layers.utils.generic_utils import get_from_module, lookup, put_into
from recurrent_layers.utils.theano_utils import shared_ones, shared_zeros, sharedX

__all__ = [
    "get", "get_fans", "get_from_module", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "identity",
    "lecun_uniform", "normal", "one", "orthogonal", "sharedX", "shared_ones", "shared_zeros", "uniform", "zero",
]  # fmt: skip


def shared(value: ArrayLike) -> Variable:
    """Return `value` as a shared variable of `floatX`."""
    return engine.shared(converted("value", value, engine.config.floatX, "set floatX=float64"))


def get_fans(shape: Sequence[int]) -> tuple[int, int]:
    """Numbers of inputs and outputs of a unit: (rows, columns) of a matrix.

    Parameters
    ----------
    shape : tuple of int
        Of other than two sizes the first is the number of outputs, the product of the others that of inputs.

    Returns
    -------
    fan_in, fan_out : int

    Raises
    ------
    ValueError
        If it is no shape of at least one size.

    Examples
    --------
    >>> from recurrent_layers.initializations import get_fans
    >>> get_fans((8, 32))
    (8, 32)
    >>> get_fans((16, 3, 5, 5))
    (75, 16)
    """
    shape = _at_least_1d(shape)
    if len(shape) == 2:
        return shape
    return int(np.prod(shape[1:])), shape[0]


def _at_least_1d(shape: Sequence[int]) -> tuple[int, ...]:
    shape = sizes("shape", shape)
    if not shape:
        raise ValueError("this initialization needs a shape of at least one size, got ()")
    return shape


def uniform(shape: Sequence[int], scale: float = 0.05) -> Variable:
    """Uniform in [-scale, scale].

    Examples
    --------
    >>> from recurrent_layers.initializations import uniform
    >>> bool(abs(uniform((8, 32), scale=0.1).get_value()).max() <= 0.1)
    True
    """
    shape, scale = sizes("shape", shape), number("scale", scale)
    return shared(np.random.uniform(low=-scale, high=scale, size=shape))


def normal(shape: Sequence[int], scale: float = 0.05) -> Variable:
    """Normal with mean 0 and standard deviation `scale`."""
    shape, scale = sizes("shape", shape), number("scale", scale)
    return shared(np.random.randn(*shape) * scale)


def lecun_uniform(shape: Sequence[int]) -> Variable:
    """Uniform within sqrt(3 / fan_in) (LeCun et al. 1998, "Efficient BackProp")."""
    fan_in, _ = get_fans(shape)
    return uniform(shape, np.sqrt(3.0 / fan_in))


def glorot_normal(shape: Sequence[int]) -> Variable:
    """Normal with variance 2 / (fan_in + fan_out) (Glorot and Bengio 2010)."""
    fan_in, fan_out = get_fans(shape)
    return normal(shape, np.sqrt(2.0 / (fan_in + fan_out)))


def glorot_uniform(shape: Sequence[int]) -> Variable:
    """Uniform within sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010).

    Examples
    --------
    >>> from recurrent_layers.initializations import glorot_uniform
    >>> W = glorot_uniform((8, 16)).get_value()
    >>> W.shape, bool(abs(W).max() <= (6 / (8 + 16)) ** 0.5)
    ((8, 16), True)
    """
    fan_in, fan_out = get_fans(shape)
    return uniform(shape, np.sqrt(6.0 / (fan_in + fan_out)))


def he_normal(shape: Sequence[int]) -> Variable:
    """Normal with variance 2 / fan_in (He et al. 2015)."""
    fan_in, _ = get_fans(shape)
    return normal(shape, np.sqrt(2.0 / fan_in))


def he_uniform(shape: Sequence[int]) -> Variable:
    """Uniform within sqrt(6 / fan_in) (He et al. 2015)."""
    fan_in, _ = get_fans(shape)
    return uniform(shape, np.sqrt(6.0 / fan_in))


def orthogonal(shape: Sequence[int], scale: float = 1.1) -> Variable:
    """A random matrix with orthonormal rows or columns, times `scale` (Saxe et al. 2013).

    Keras 0.1 scales by 1.1, so that a saturating activation does not shrink the state.

    Since version 3.10, LAPACK gives some columns (or rows, if there are less of them) of a matrix with at most 25 the
    other sign than Keras got them with: under NumPy 2 the same seed gives such matrices up to these signs.

    Examples
    --------
    >>> import numpy as np
    >>> from recurrent_layers.initializations import orthogonal
    >>> U = orthogonal((4, 4), scale=1.0).get_value()
    >>> np.allclose(U.T.dot(U), np.identity(4), atol=1e-6)
    True
    """
    shape, scale = _at_least_1d(shape), number("scale", scale)
    flat_shape = (shape[0], int(np.prod(shape[1:])))
    rows, _, columns = np.linalg.svd(np.random.normal(0.0, 1.0, flat_shape), full_matrices=False)
    q = rows if rows.shape == flat_shape else columns
    return shared(scale * q.reshape(shape))


def identity(shape: Sequence[int], scale: float = 1) -> Variable:
    """The identity matrix times `scale`.

    Raises
    ------
    ValueError
        If `shape` is not that of a square matrix.

    Examples
    --------
    >>> from recurrent_layers.initializations import identity
    >>> identity((2, 2), scale=0.5).get_value().tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """
    shape, scale = sizes("shape", shape), number("scale", scale)
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(f"identity initializes square matrices only, got shape {shape}")
    return shared(scale * np.identity(shape[0]))


def zero(shape: Sequence[int]) -> Variable:
    """All zeros."""
    return shared(np.zeros(sizes("shape", shape)))


def one(shape: Sequence[int]) -> Variable:
    """All ones."""
    return shared(np.ones(sizes("shape", shape)))


KNOWN = {
    function.__name__: function
    for function in (
        uniform, normal, lecun_uniform, glorot_normal, glorot_uniform, he_normal, he_uniform,
        orthogonal, identity, zero, one,
    )
}  # fmt: skip


def get(identifier: Named) -> Callable[..., Any]:
    """Find an initialization.

    Parameters
    ----------
    identifier : str or callable
        "uniform", "normal", "lecun_uniform", "glorot_normal", "glorot_uniform", "he_normal",
        "he_uniform", "orthogonal", "identity", "zero" or "one"; a callable is returned as it is.

    Returns
    -------
    callable

    Raises
    ------
    ValueError
        If the name is not known; the message lists the known ones.

    Examples
    --------
    >>> import numpy as np
    >>> from recurrent_layers import Dense, initializations
    >>> initializations.get("orthogonal") is initializations.orthogonal
    True
    >>> layer = Dense(3, 2, init=lambda shape: np.full(shape, 0.25))
    >>> layer.W.get_value().tolist()
    [[0.25, 0.25], [0.25, 0.25], [0.25, 0.25]]
    """
    return lookup(identifier, {**KNOWN, **put_into(globals(), _AS_IMPORTED)}, "initialization")


_AS_IMPORTED = dict(globals())
