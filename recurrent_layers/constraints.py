"""What a weight is held to after every update: ``Dense(64, 10, W_constraint=maxnorm(2))``."""

from __future__ import annotations

from typing import Callable

from recurrent_layers.engine import tensor as T
from recurrent_layers.typing import Config, Named, Variable
from recurrent_layers.utils.arguments import call_of, number
from recurrent_layers.utils.generic_utils import get_from_module, instance, with_arguments

__all__ = [
    "Constraint", "MaxNorm", "NonNeg", "UnitNorm", "get", "get_from_module", "identity", "maxnorm", "nonneg",
    "unitnorm",
]  # fmt: skip


class Constraint:
    """Takes a weight's new value and returns the nearest one that is allowed; this one allows all.

    Examples
    --------
    >>> from recurrent_layers import Dense
    >>> from recurrent_layers.constraints import Constraint
    >>> from recurrent_layers.utils.theano_utils import sharedX
    >>> class Symmetric(Constraint):
    ...     def __call__(self, p):
    ...         return (p + p.T) / 2
    >>> Symmetric()(sharedX([[1.0, 2.0], [4.0, 3.0]])).eval().tolist()
    [[1.0, 3.0], [3.0, 3.0]]
    >>> layer = Dense(8, 8, W_constraint=Symmetric())
    """

    def __call__(self, p: Variable) -> Variable:
        return p

    def __repr__(self) -> str:
        return call_of(self)

    def get_config(self) -> Config:
        """The class's name and its arguments, as a dict for JSON."""
        return dict(name=type(self).__name__, **vars(self))


class MaxNorm(Constraint):
    """The weights of each unit (a column) have a norm of at most `m` (Srivastava et al. 2014).

    Examples
    --------
    >>> from recurrent_layers.constraints import MaxNorm
    >>> from recurrent_layers.utils.theano_utils import sharedX
    >>> W = sharedX([[3.0, 0.75], [4.0, 1.0]])
    >>> MaxNorm(2.5)(W).eval().round(3).tolist()
    [[1.5, 0.75], [2.0, 1.0]]
    """

    def __init__(self, m: float = 2) -> None:
        self.m = number("m", m, least=0.0)

    def __call__(self, p: Variable) -> Variable:
        norms = T.sqrt(T.sum(T.sqr(p), axis=0))
        return p * (T.clip(norms, 0, self.m) / (1e-7 + norms))


class NonNeg(Constraint):
    """No weight is below 0.

    Examples
    --------
    >>> from recurrent_layers.constraints import NonNeg
    >>> from recurrent_layers.utils.theano_utils import sharedX
    >>> NonNeg()(sharedX([-3.0, 2.0])).eval().astype(int).tolist()
    [0, 2]
    """

    def __call__(self, p: Variable) -> Variable:
        return p * T.ge(p, 0)


class UnitNorm(Constraint):
    """Each row has norm 1, but for rows of zeros, which stay as they are: in Keras 0.1 they became NaN.

    Examples
    --------
    >>> from recurrent_layers.constraints import UnitNorm
    >>> from recurrent_layers.utils.theano_utils import sharedX
    >>> UnitNorm()(sharedX([[1.0, 1.0, 1.0, 1.0], [0.0, 2.0, 0.0, 0.0]])).eval().tolist()
    [[0.5, 0.5, 0.5, 0.5], [0.0, 1.0, 0.0, 0.0]]
    """

    def __call__(self, p: Variable) -> Variable:
        norms = T.sqrt(T.sum(T.sqr(p), axis=-1, keepdims=True))
        return p / T.switch(T.gt(norms, 0), norms, 1)


identity, maxnorm, nonneg, unitnorm = Constraint, MaxNorm, NonNeg, UnitNorm

KNOWN = {cls.__name__: cls for cls in (Constraint, MaxNorm, NonNeg, UnitNorm)}
KNOWN.update(identity=identity, maxnorm=maxnorm, nonneg=nonneg, unitnorm=unitnorm)


def get(identifier: Named | Config | None, kwargs: Config | None = None) -> Callable[[Variable], Variable] | None:
    """Find a constraint.

    Parameters
    ----------
    identifier : str, callable, dict or None
        A name of this module ("nonneg"), a callable from value to value, or what `get_config` gave.
    kwargs : dict, optional
        Arguments for the class that is named.

    Returns
    -------
    callable or None

    Raises
    ------
    ValueError
        If the name is not known; the message lists the known ones. Or if the arguments are not those of the class.

    Examples
    --------
    >>> from recurrent_layers import constraints
    >>> constraints.get("maxnorm", {"m": 3}).get_config()
    {'name': 'MaxNorm', 'm': 3.0}
    """
    identifier = with_arguments(identifier, kwargs, "constraint")
    return None if identifier is None else instance(identifier, KNOWN, "constraint")
