"""Penalties on weights or outputs, added to the loss: ``Dense(64, 10, W_regularizer=l2(0.01))``."""

from __future__ import annotations

import copy
import inspect
from typing import TYPE_CHECKING, Any

from recurrent_layers.engine import Variable
from recurrent_layers.engine import tensor as T
from recurrent_layers.exchange.copies import PortableState
from recurrent_layers.typing import Config, Named
from recurrent_layers.utils.arguments import call_of, kept, number, shown
from recurrent_layers.utils.building import output_of
from recurrent_layers.utils.generic_utils import get_from_module, instance, with_arguments

if TYPE_CHECKING:
    from recurrent_layers.layers.base import Layer

__all__ = [
    "ActivityRegularizer", "Regularizer", "WeightRegularizer", "activity_l1", "activity_l1l2", "activity_l2", "get",
    "get_from_module", "identity", "l1", "l1l2", "l2",
]  # fmt: skip


class Regularizer(PortableState):
    """Takes the loss and returns it with a penalty added; this one adds none.

    Examples
    --------
    >>> from recurrent_layers.engine import tensor as T
    >>> from recurrent_layers.regularizers import Regularizer
    >>> from recurrent_layers.utils.theano_utils import sharedX
    >>> class L4(Regularizer):
    ...     def __call__(self, loss):
    ...         return loss + T.sum(self.target ** 4)
    >>> float(L4().on(sharedX([1.0, 2.0]))(0.0).eval())
    17.0
    """

    #: What :meth:`on` was given.
    target: Any

    def on(self, target: Any) -> Regularizer:
        """A copy that watches a weight (:class:`WeightRegularizer`) or a layer (:class:`ActivityRegularizer`)."""
        bound: Any = copy.copy(self)
        bound.target = target
        (bound.set_param if isinstance(target, Variable) else bound.set_layer)(target)
        return bound

    def set_param(self, p: Variable) -> None:
        """Watch a weight: what :meth:`on` calls in the copy, for regularizers in the manner of Keras 0.1."""
        self.p = p

    def set_layer(self, layer: Layer) -> None:
        """Watch a layer, as :meth:`set_param` a weight."""
        self.layer = layer

    def __call__(self, loss: Variable) -> Variable:
        return loss

    def __repr__(self) -> str:
        return call_of(self)

    def get_config(self) -> Config:
        """The class's name and its arguments, each of which is an attribute of its name, as a dict for JSON."""
        config: Config = {"name": type(self).__name__}
        for argument, parameter in inspect.signature(type(self)).parameters.items():
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                config[argument] = kept(self, argument)
        return config


class _OfNorms(Regularizer):
    """`l1` and `l2` are the factors of the two norms."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = number("l1", l1, least=0.0)
        self.l2 = number("l2", l2, least=0.0)


class WeightRegularizer(_OfNorms):
    """loss + l1 sum(abs(W)) + l2 sum(W^2)

    Examples
    --------
    >>> from recurrent_layers import Dense
    >>> from recurrent_layers.regularizers import WeightRegularizer
    >>> from recurrent_layers.utils.theano_utils import sharedX
    >>> penalty = WeightRegularizer(l1=0.5, l2=0.25).on(sharedX([[-1.0, 2.0]]))
    >>> float(penalty(0.0).eval())
    2.75
    >>> layer = Dense(64, 10, W_regularizer=WeightRegularizer(l2=0.01))
    """

    def on(self, target: Variable) -> Regularizer:
        if not isinstance(target, Variable):
            raise ValueError(f"WeightRegularizer is a penalty on a weight, not on {shown(target)}; for the output of a "
                             "layer there is ActivityRegularizer")
        return super().on(target)

    def __call__(self, loss: Variable) -> Variable:
        return loss + self.l1 * T.sum(abs(self.target)) + self.l2 * T.sum(T.sqr(self.target))


class ActivityRegularizer(_OfNorms):
    """loss + l1 sum(mean(abs(y))) + l2 sum(mean(y^2)), means over the samples of the layer's output y

    Examples
    --------
    >>> from recurrent_layers import LSTM
    >>> from recurrent_layers.regularizers import ActivityRegularizer
    >>> ActivityRegularizer(l1=0.5).get_config()
    {'name': 'ActivityRegularizer', 'l1': 0.5, 'l2': 0.0}
    >>> layer = LSTM(3, 8, activity_regularizer=ActivityRegularizer(l1=0.01))
    """

    def on(self, target: Any) -> Regularizer:
        if inspect.isclass(target) or not hasattr(target, "get_output"):
            raise ValueError(f"ActivityRegularizer is a penalty on the output of a layer, not on {shown(target)}; for "
                             "a weight there is WeightRegularizer")
        return super().on(target)

    def __call__(self, loss: Variable) -> Variable:
        y = output_of(self.target, True)
        return loss + self.l1 * T.sum(T.mean(abs(y), axis=0)) + self.l2 * T.sum(T.mean(T.sqr(y), axis=0))


def l1(l: float = 0.01) -> WeightRegularizer:
    """Penalty on the absolute values of a weight."""
    return WeightRegularizer(l1=l)


def l2(l: float = 0.01) -> WeightRegularizer:
    """Penalty on the squares of a weight: weight decay.

    Examples
    --------
    >>> from recurrent_layers import LSTM
    >>> from recurrent_layers.regularizers import l2
    >>> layer = LSTM(3, 8, W_regularizer=l2(0.01), U_regularizer=l2(0.001))
    """
    return WeightRegularizer(l2=l)


def l1l2(l1: float = 0.01, l2: float = 0.01) -> WeightRegularizer:
    """Both penalties on a weight."""
    return WeightRegularizer(l1=l1, l2=l2)


def activity_l1(l: float = 0.01) -> ActivityRegularizer:
    """Penalty on the absolute values of an output."""
    return ActivityRegularizer(l1=l)


def activity_l2(l: float = 0.01) -> ActivityRegularizer:
    """Penalty on the squares of an output."""
    return ActivityRegularizer(l2=l)


def activity_l1l2(l1: float = 0.01, l2: float = 0.01) -> ActivityRegularizer:
    """Both penalties on an output."""
    return ActivityRegularizer(l1=l1, l2=l2)


identity = Regularizer

KNOWN = {made.__name__: made for made in (Regularizer, WeightRegularizer, ActivityRegularizer, l1, l2, l1l2,
                                          activity_l1, activity_l2, activity_l1l2)}  # fmt: skip
KNOWN["identity"] = identity


def get(identifier: Named | Config | None, kwargs: Config | None = None) -> Regularizer | None:
    """Find a regularizer.

    Parameters
    ----------
    identifier : str, Regularizer, dict or None
        A name of this module ("l2"), a regularizer, or what its `get_config` gave.
    kwargs : dict, optional
        Arguments for the class that is named.

    Returns
    -------
    Regularizer or None

    Raises
    ------
    ValueError
        If the name is not known; the message lists the known ones. If the arguments are not those of the class. Or if
        it is another callable: later Keras gives such a function the weight, Keras 0.1 gave it the loss.

    Examples
    --------
    >>> from recurrent_layers import regularizers
    >>> regularizers.get("l1l2", {"l1": 0.5}).get_config()
    {'name': 'WeightRegularizer', 'l1': 0.5, 'l2': 0.01}
    """
    identifier = with_arguments(identifier, kwargs, "regularizer")
    if identifier is None:
        return None
    if callable(identifier) and not inspect.isclass(identifier) and not hasattr(identifier, "on") \
            and all(identifier is not one for one in KNOWN.values()):
        raise ValueError(f"a regularizer must be a name or a Regularizer, got {shown(identifier)}: derive a class from "
                         "recurrent_layers.regularizers.Regularizer, whose __call__(loss) returns the loss with a "
                         "penalty on self.target added")
    return instance(identifier, KNOWN, "regularizer", method="on")
