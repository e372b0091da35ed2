"""Layers that are made of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from recurrent_layers.engine import tensor as T
from recurrent_layers.layers.base import MaskedLayer
from recurrent_layers.layers.known import layer_from_config
from recurrent_layers.layers.recurrent import Recurrent
from recurrent_layers.typing import Config, Params, Shape, Variable
from recurrent_layers.utils.arguments import choice, shown

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Bidirectional"]

_MERGED = {
    "concat": lambda forward, backward: T.concatenate([forward, backward], axis=forward.ndim - 1),
    "sum": lambda forward, backward: forward + backward,
    "ave": lambda forward, backward: (forward + backward) / 2,
    "mul": lambda forward, backward: forward * backward,
}


def _of_both(attribute: str) -> Any:
    """A property: what the one that goes forwards has, and the one that goes backwards."""
    return property(lambda self: getattr(self.forward, attribute) + getattr(self.backward, attribute))


class Bidirectional(MaskedLayer):
    """A recurrent layer, and one like it that goes backwards, over the same input.

    ::

        y = merge(layer(x), layer'(x backwards))

    With `return_sequences` the outputs of the second one are put in order, so that both are those of one step. Where
    there is padding, on either side, the second one begins with the last real step. Weights: those of the layer, then
    those of the one that goes backwards, which are drawn as the layer's are.

    Parameters
    ----------
    layer : Recurrent
        The one that goes forwards; it belongs to this from then on.
    merge : {"concat", "sum", "ave", "mul"}
        Put the outputs beside each other, or take their sum, their average or their product.

    Attributes
    ----------
    forward, backward : Recurrent

    Raises
    ------
    ValueError
        If it is no recurrent layer, goes backwards itself, stands behind another one, or there is no such `merge`.

    References
    ----------
    Schuster and Paliwal (1997), "Bidirectional Recurrent Neural Networks", IEEE Transactions on Signal Processing 45.

    Examples
    --------
    >>> import numpy as np
    >>> from recurrent_layers import LSTM, Bidirectional, Dense, Sequential
    >>> model = Sequential([Bidirectional(LSTM(8, 32)), Dense(64, 1)])
    >>> model.compile(optimizer="adam", loss="mse")
    >>> model.predict(np.zeros((2, 5, 8))).shape
    (2, 1)
    >>> Bidirectional(LSTM(8, 32), merge="sum").output_shape
    (None, 32)
    """

    input_ndim = 3

    def __init__(self, layer: Recurrent, merge: str = "concat") -> None:
        if not isinstance(layer, Recurrent) or layer.go_backwards:
            raise ValueError("Bidirectional needs a recurrent layer that goes forwards, such as LSTM(8, 32), got "
                             f"{shown(layer)}")
        if layer.stateful:
            raise ValueError("Bidirectional needs whole sequences: one with stateful=True goes on with the next piece, "
                             "which for the layer that goes backwards has to come before the last")
        if hasattr(layer, "previous"):
            raise ValueError(f"this {type(layer).__name__} stands behind another layer: make a new one")
        self.merge = choice("merge", merge, *_MERGED)
        self.forward = self.layer = layer
        # Of the config of an encoder there would be another one.
        config = dict(layer.get_config(), go_backwards=True, initial_state=layer.initial_state)
        # Those of the user's own have no name by which they would be found again.
        rules = {name: getattr(layer, name, None) for name in config if name.endswith(("_regularizer", "_constraint"))}
        self.backward = type(layer).from_config({**config, **rules})
        self.input = T.tensor3("Bidirectional_input")
        for one in (self.forward, self.backward):
            one.set_previous(_Input(self))

    params: list[Variable] = _of_both("params")
    non_trainable_weights: list[Variable] = _of_both("non_trainable_weights")
    weights: list[Variable] = _of_both("weights")
    regularizers: list[Callable[[Variable], Variable]] = _of_both("regularizers")
    updates: list[tuple[Variable, Variable]] = _of_both("updates")

    @property
    def expected_input_shape(self) -> Shape:
        return self.forward.expected_input_shape

    @property
    def output_shape(self) -> Shape:
        return self.forward.output_shape[:-1] + (self.forward.output_dim * (2 if self.merge == "concat" else 1),)

    def get_params(self) -> Params:
        """All that training needs, of both; see :meth:`Layer.get_params`.

        Raises
        ------
        ValueError
            Also if one of both is not `trainable`: this layer is trained as a whole, or not.
        """
        for one in (self.forward, self.backward):
            if not one.trainable:
                raise ValueError("Bidirectional is trained as a whole, or not: set its own `trainable` to False, not "
                                 f"that of its {type(one).__name__}")
        return tuple(mine + its for mine, its in zip(self.forward.get_params(), self.backward.get_params()))

    def get_output_mask(self, train: bool = False) -> Variable | None:
        return self.get_input_mask(train) if self.forward.return_sequences else None

    def get_output(self, train: bool = False) -> Variable:
        forward, backward = self.forward.get_output(train), self.backward.get_output(train)
        if self.forward.return_sequences:
            backward = backward[:, ::-1]
        return _MERGED[self.merge](forward, backward)

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Make such a layer from what `get_config` gave; see :meth:`Layer.from_config`."""
        if isinstance(config, dict) and isinstance(config.get("layer"), dict):
            config = dict(config, layer=layer_from_config(config["layer"]))
        return super().from_config(config)


class _Input(MaskedLayer):
    """What a layer reads that is within another one: what that one reads."""

    def __init__(self, outer: MaskedLayer) -> None:
        super().__init__()
        self._outer = outer

    @property
    def output_shape(self) -> Shape:
        return self._outer.input_shape

    def get_output(self, train: bool = False) -> Variable:
        return self._outer.get_input(train)

    def get_output_mask(self, train: bool = False) -> Variable | None:
        return self._outer.get_input_mask(train)
