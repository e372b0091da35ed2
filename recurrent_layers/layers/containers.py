"""Layers made of layers: one after the other, or several side by side."""

from __future__ import annotations

import functools
import operator
import textwrap
from typing import TYPE_CHECKING, Any, Callable, Iterable, List

from recurrent_layers.elsewhere import classes_elsewhere
from recurrent_layers.engine import tensor as T
from recurrent_layers.layers.base import Layer, unchanged
from recurrent_layers.layers.known import config_of, layer_from_config
from recurrent_layers.typing import ArrayLike, Config, Matched, Params, ShapeIfKnown, Variable, Weights
from recurrent_layers.utils.arguments import choice, flag, integer, items, shown
from recurrent_layers.utils.building import checked_params, mask_of, one_output_for_each_layer, output_of
from recurrent_layers.utils.generic_utils import not_too_deep
from recurrent_layers.utils.theano_utils import ndim_tensor
from recurrent_layers.warned import warn

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["AutoEncoder", "Graph", "Layer", "Merge", "Sequential", "ndim_tensor"]


class _OfLayers(List[Any]):
    """What the layers of a container have; it is put together anew each time, and so cannot be changed."""

    def _refuse(self, *_: Any) -> Any:
        raise TypeError("this list is put together of those of the layers, and what is put into it would be lost: "
                        "change the list of a layer, such as model.layers[0].params, before the layer is added")

    append = extend = insert = remove = pop = clear = __setitem__ = __delitem__ = __iadd__ = _refuse


def _joined(attribute: str) -> Any:
    """A property: what all layers of a container have of something."""
    return property(lambda self: _OfLayers(item for layer in self.layers for item in getattr(layer, attribute)))


def _one_after_the_other(constraints: list[Callable[[Variable], Variable]]) -> Callable[[Variable], Variable]:
    """The constraint that is all of these."""
    if len(constraints) < 2:
        return constraints[0] if constraints else unchanged
    return lambda value: functools.reduce(lambda held, constraint: constraint(held), constraints, value)


class Container(Layer):
    """A layer that is made of others: the params, penalties, weights and so on of its `layers` are its own.

    Examples
    --------
    >>> from recurrent_layers import Dense, Sequential
    >>> from recurrent_layers.layers.containers import Container
    >>> model = Sequential([Dense(8, 4), Dense(4, 1)])
    >>> isinstance(model, Container), len(model.params), model.count_params()
    (True, 4, 41)
    """

    def __init__(self) -> None:
        self.layers: list[Layer] = []

    def _all_layers(self) -> list[Layer]:
        return [one for layer in self.layers for one in [layer, *layer._all_layers()]]

    def get_params(self) -> Params:
        """All that training needs, of the layers that are `trainable`; see :meth:`Layer.get_params`.

        A weight that several of them have is there once, held to what each of them holds it to.
        """
        parts = [self._params_of(layer) for layer in self.layers if layer.trainable]
        params, regularizers, constraints, updates = ([item for part in parts for item in part[k]] for k in range(4))
        constraints_of: dict[Variable, list[Callable[[Variable], Variable]]] = {}
        for param, constraint in zip(params, constraints):
            known = constraints_of.setdefault(param, [])
            if constraint is not unchanged and constraint not in known:
                known.append(constraint)
        return list(constraints_of), regularizers, list(map(_one_after_the_other, constraints_of.values())), updates

    def _params_of(self, layer: Layer) -> Params:
        return layer.get_params()

    params: list[Variable] = _joined("params")
    non_trainable_weights: list[Variable] = _joined("non_trainable_weights")
    regularizers: list[Callable[[Variable], Variable]] = _joined("regularizers")
    updates: list[tuple[Variable, Variable]] = _joined("updates")
    weights: list[Variable] = _joined("weights")
    constraints: Any = property(lambda self: _OfLayers(c for layer in self.layers for c in layer.get_params()[2]))

    def match_weights(self, weights: Weights) -> Matched:
        """Pair arrays with the variables they are meant for; see :meth:`Layer.match_weights`."""
        return self._match(weights, "match_weights")

    def match_stored_weights(self, weights: Weights) -> Matched:
        """As :meth:`match_weights`, for arrays from a file; see :meth:`Layer.match_stored_weights`."""
        return self._match(weights, "match_stored_weights")

    def _match(self, weights: Weights, method: str) -> Matched:
        weights = items("weights", weights, "arrays")
        kind = "params" if len(weights) == len(self.params) else "weights"
        if len(weights) != len(getattr(self, kind)):
            raise ValueError(f"the model has {len(self.weights)} weights, got {len(weights)}")
        matched = []
        for layer in self.layers:
            count = len(getattr(layer, kind))
            matched += getattr(layer, method)(weights[:count])
            weights = weights[count:]
        return matched


class Sequential(Container):
    """Layers, one after the other, as one layer.

    To train them, see :class:`recurrent_layers.models.Sequential`.

    Parameters
    ----------
    layers : iterable of Layer, optional
        Layers to begin with, as by :meth:`add`.

    Attributes
    ----------
    layers : list of Layer

    Examples
    --------
    >>> import numpy as np
    >>> from recurrent_layers import Dense
    >>> from recurrent_layers.engine import function
    >>> from recurrent_layers.layers.containers import Sequential
    >>> stack = Sequential([Dense(3, 4, activation="relu"), Dense(4, 1)])
    >>> stack
    Sequential([Dense(3, 4, activation='relu'), Dense(4, 1)])
    >>> f = function([stack.input], stack.get_output(), allow_input_downcast=True)
    >>> f(np.zeros((2, 3))).tolist()
    [[0.0], [0.0]]
    """

    #: It is as its layers are, each of which is asked.
    stepwise = True

    # Of stacks that were pickled before there was this: none of their layers has fewer params since.
    _added: Any = ()
    #: The first layer, if it was given its input.
    _given: Layer | None = None

    def __init__(self, layers: Iterable[Layer] = ()) -> None:
        super().__init__()
        self._added = []
        try:
            for layer in items("layers", layers, "layers, such as [LSTM(8, 32), Dense(32, 1)]"):
                self.add(layer)
        except Exception:
            self._let_go()
            raise

    def __str__(self) -> str:
        """The same as `repr`, with a line for each layer where one line is not enough."""
        line, begin = repr(self), f"{type(self).__name__}(["
        if len(line) <= 88 or not line.startswith(begin):
            return line
        layers = "".join(f"{layer},\n" for layer in self.layers)
        return f"{begin}\n{textwrap.indent(layers, '    ')}])"

    def _let_go(self) -> None:
        """Undo what `add` has done to layers: there is no such stack, so that they may stand in another one."""
        for layer in self.layers[1:]:
            for one in layer._readers():
                del one.previous
        if self._given is not None:
            del self._given.input, self._given.takes_integers, self._given._shape_of_model

    def add(self, layer: Layer) -> None:
        """Put a layer on top.

        If the first layer has no input of its own, as `Dropout`, it reads what the first layer that has one would.

        Parameters
        ----------
        layer : Layer

        Raises
        ------
        ValueError
            If it does not fit the layer below, or its `params` are none; the model is as it was then.
        """
        if not isinstance(layer, Layer):
            raise ValueError(f"add needs a layer, such as LSTM(8, 32), got {shown(layer)}")
        if layer is self:
            raise ValueError("a model cannot stand in itself")
        params = [] if isinstance(layer, Container) else checked_params(layer)  # A container knows its own.
        if layer in self.layers or any(hasattr(one, "previous") for one in layer._readers()):
            raise ValueError(f"this {type(layer).__name__} already stands behind another layer or in this model; make "
                             "a new one with from_config(layer.get_config()), and set_weights(layer.get_weights())")
        if self.layers:
            with not_too_deep():
                layer.set_previous(self.layers[-1])
            self._give_input_of(layer)
        self.layers.append(layer)
        self._added = [*self._added[:len(self.layers) - 1], params]  # Without those of layers that are gone.

    def _give_input_of(self, layer: Layer) -> None:
        """Let the first layer, if it has no input, read what another one would."""
        first, other = self._readers(), layer._readers()[0]
        if len(first) > 1 or hasattr(first[0], "input") or not hasattr(other, "input"):
            return
        is_same = all(isinstance(one, Container) or one.keeps_shape() for one in [first[0], *self.layers])
        # Else its sizes are not known, but its axes, as in Keras 0.1.
        first[0]._shape_of_model = other.expected_input_shape if is_same else (None,) * other.input.ndim
        first[0].input = other.input.type(f"{type(first[0]).__name__}_input")
        first[0].takes_integers = other.takes_integers
        self._given = first[0]

    def _params_of(self, layer: Layer) -> Params:
        """What training needs of a layer, with the params that it had when it was added, which Keras 0.1 trained."""
        params, regularizers, constraints, updates = layer.get_params()
        added: list[Variable] = next((params for one, params in zip(self.layers, self._added) if one is layer), [])
        gone = [k for k, param in enumerate(added) if param not in layer.params]
        if gone:
            warn(f"{type(layer).__name__}.params has been changed after the layer was added. As in Keras 0.1, "
                 "those that it had then are trained nevertheless: to keep them as they are, change them "
                 "before, or set its `trainable` to False before compile")
            held = layer.constraints if len(layer.constraints) == len(added) else [None] * len(added)
            params = params + [added[k] for k in gone]
            constraints = constraints[:len(params) - len(gone)] + [held[k] or unchanged for k in gone]
        return params, regularizers, constraints, updates

    input_ndim: Any = property(lambda self: self._bottom().input_ndim)
    input_shape: Any = property(lambda self: self._bottom().input_shape)

    @property
    def input(self) -> Variable:
        """What the first layer reads."""
        return self._bottom().input

    @input.setter
    def input(self, variable: Variable) -> None:
        self._bottom().input = variable

    @property
    def expected_input_shape(self) -> ShapeIfKnown:
        return self._bottom().expected_input_shape

    @property
    def output_shape(self) -> ShapeIfKnown:
        return self._top().output_shape

    @property
    def trained_output_shape(self) -> ShapeIfKnown:
        return self._top().trained_output_shape

    def _bottom(self) -> Layer:
        if not self.layers:
            raise ValueError("the model has no layers yet: add some first")
        return self.layers[0]

    def _top(self) -> Layer:
        self._bottom()
        return self.layers[-1]

    def _readers(self) -> list[Layer]:
        return self._bottom()._readers()

    def _check_order(self) -> None:
        """Raise unless each layer reads what the one below gives, as :meth:`add` lets it, and heeds its mask.

        Raises
        ------
        ValueError
        """
        for below, layer in zip(self.layers, self.layers[1:]):
            if any(getattr(one, "previous", None) is not below for one in layer._readers()):
                raise ValueError(f"the list of layers has been changed: {type(layer).__name__} does not read what the "
                                 f"{type(below).__name__} before it gives; make a new model, to which layers are added")
        with one_output_for_each_layer([]):
            # What this stack reads may have got a mask since they were added.
            for below, layer in zip(self.layers, self.layers[1:]):
                layer._check_mask_of(below)

    def set_previous(self, layer: Layer, connection_map: None = None) -> None:
        self._bottom().set_previous(layer)

    def supports_masked_input(self) -> bool:
        return self._bottom().supports_masked_input()

    def check_data(self, X: ArrayLike) -> None:
        self._bottom().check_data(X)

    def get_input(self, train: bool = False) -> Variable:
        return self._bottom().get_input(train)

    def get_output(self, train: bool = False) -> Variable:
        return output_of(self._top(), train)

    def get_output_mask(self, train: bool = False) -> Variable | None:
        return mask_of(self._top(), train)

    def get_config(self) -> Config:
        """The configs of the layers, as a dict; see :meth:`Layer.get_config`."""
        return {"name": type(self).__name__, "layers": [config_of(layer) for layer in self.layers]}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Make a stack from what :meth:`get_config` gave; see :meth:`Layer.from_config`."""
        return cls(_layers_of(config, cls.__name__))


def _layers_of(config: Config, name: str) -> list[Layer]:
    """The layers of a config."""
    layers = config.get("layers", ()) if isinstance(config, dict) else None
    if not isinstance(layers, (list, tuple)):
        raise ValueError(f"this is no config of {name}, a dict with a list of layers: {shown(config)}")
    return [layer_from_config(layer) for layer in layers]


class Merge(Container):
    """The outputs of several models, or layers, as one: the first layer of a model with several inputs.

    ::

        y = x_1 + x_2 + ...          sum          y = x_1 * x_2 * ...          mul
        y = (x_1 + ... + x_n) / n    ave          y = [x_1, x_2, ...]          concat, along concat_axis

    The model takes a list of arrays, one for each input, in the order of the models: ``fit([X_1, X_2], y)``.

    Parameters
    ----------
    layers : list of Layer
        Two or more, each a model, mostly.
    mode : {"sum", "mul", "concat", "ave"}
    concat_axis : int
        The axis along which "concat" puts the outputs, samples being axis 0; by default the last.

    Raises
    ------
    ValueError
        If there are fewer than two, one is no layer or stands behind another one, there is no such `mode`, or their
        output shapes do not fit.

    Notes
    -----
    It hands on no masks, as in Keras 0.1: what follows takes padding for real. There is a warning if there are any.

    Examples
    --------
    >>> from recurrent_layers import JZS1, Dense, Embedding, Merge, Sequential
    >>> image, words = Sequential([Dense(512, 32)]), Sequential([Embedding(1000, 64), JZS1(64, 32)])
    >>> model = Sequential([Merge([image, words], mode="concat"), Dense(64, 10, activation="softmax")])
    >>> model.layers[0].output_shape, model.output_shape
    ((None, 64), (None, 10))
    """

    def __init__(self, layers: Iterable[Layer], mode: str = "sum", concat_axis: int = -1) -> None:
        super().__init__()
        models: list[Layer] = items("layers", layers, "models to merge, such as [left, right]")
        self.mode = choice("mode", mode, "sum", "mul", "concat", "ave")
        self.concat_axis = integer("concat_axis", concat_axis, least=-10)
        if len(models) < 2 or not all(isinstance(model, Layer) for model in models):
            raise ValueError(f"Merge needs two or more models or layers, got {shown(models)}")
        if any(hasattr(one, "previous") for layer in models for one in layer._readers()):
            raise ValueError("Merge needs models that begin with an input of their own, but one of these stands behind "
                             "another layer")
        self.layers = models
        self._check_shapes()
        with one_output_for_each_layer([]):
            masks = [mask_of(layer, False) for layer in models]
        if any(mask is not None for mask in masks):
            warn("Merge hands on no mask, as in Keras 0.1: what follows takes padding for real")

    def _axis(self, ndim: int) -> int:
        return self.concat_axis % ndim

    def _check_shapes(self) -> None:
        shapes = [layer.output_shape for layer in self.layers]
        known = [shape for shape in shapes if shape is not None]
        fit = len(set(map(len, known))) < 2
        if fit and known:
            ndim = len(known[0])
            if self.mode == "concat" and not 0 < self._axis(ndim) or not -ndim <= self.concat_axis < ndim:
                raise ValueError(f"concat_axis must be from 1 to {ndim - 1}, or from -1 to {1 - ndim}, for outputs "
                                 f"with {ndim} dimensions, got {self.concat_axis}: axis 0 are the samples")
            joined = self._axis(ndim) if self.mode == "concat" else None
            fit = all(len(set(sizes) - {None}) < 2 for axis, sizes in enumerate(zip(*known)) if axis != joined)
        if not fit:
            given = ", ".join(f"{type(layer).__name__} {shape}" for layer, shape in zip(self.layers, shapes))
            raise ValueError(f"Merge by {self.mode!r} needs outputs whose shapes fit, got {given}")

    @property
    def output_shape(self) -> ShapeIfKnown:
        shapes = [layer.output_shape for layer in self.layers]
        if any(shape is None for shape in shapes):
            return None
        merged = [next((size for size in sizes if size is not None), None) for sizes in zip(*shapes)]
        if self.mode == "concat":
            axis = self._axis(len(merged))
            sizes: list[Any] = [shape[axis] for shape in shapes]
            merged[axis] = None if None in sizes else sum(sizes)
        return tuple(merged)

    def _readers(self) -> list[Layer]:
        found = []
        for one in (one for layer in self.layers for one in layer._readers()):
            if one not in found:
                found.append(one)
        return found

    @property
    def input(self) -> list[Variable]:
        """The list of inputs; as :meth:`get_input`."""
        return self.get_input()

    def set_previous(self, layer: Layer, connection_map: None = None) -> None:
        """Raise: it reads what its models do.

        Raises
        ------
        ValueError
        """
        raise ValueError("Merge reads what the models do that it merges: it can be the first layer of a model only")

    def check_data(self, X: ArrayLike) -> None:
        """Raise if a list of arrays cannot be the inputs; see :meth:`Layer.check_data`."""
        readers, X = self._readers(), items("the inputs", X, "arrays, one for each")
        if len(X) != len(readers):
            raise ValueError(f"there are {len(readers)} inputs, got {len(X)} arrays")
        for one, array in zip(readers, X):
            one.check_data(array)

    def get_input(self, train: bool = False) -> Variable:
        """The list of the symbolic inputs of all models, each once."""
        return [one.get_input(train) for one in self._readers()]

    def get_output(self, train: bool = False) -> Variable:
        outputs = [output_of(layer, train) for layer in self.layers]
        if self.mode == "concat":
            return T.concatenate(outputs, axis=self._axis(outputs[0].ndim))
        merged = functools.reduce(operator.mul if self.mode == "mul" else operator.add, outputs)
        return merged / len(outputs) if self.mode == "ave" else merged

    def get_config(self) -> Config:
        return {"name": type(self).__name__, "layers": [config_of(layer) for layer in self.layers],
                "mode": self.mode, "concat_axis": self.concat_axis}  # fmt: skip

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Make such a layer from what `get_config` gave; see :meth:`Layer.from_config`."""
        layers = _layers_of(config, cls.__name__)
        return super().from_config(dict(config, layers=layers))


class AutoEncoder(Sequential):
    """An encoder, and a decoder that finds the input again in what it gives.

    ::

        training:   y = decoder(encoder(x))
        otherwise:  the same, or encoder(x) without output_reconstruction

    Train it on its own input: ``fit(X, X)``. Weights: those of the encoder, then those of the decoder.

    Parameters
    ----------
    encoder, decoder : Layer
        Layers, or stacks of them.
    output_reconstruction : bool
        Whether predictions are reconstructions of the input, or what the encoder makes of it.
    tie_weights : bool
        Did nothing in Keras 0.1, and does nothing here; there is a warning if it is true.
    weights : list of numpy.ndarray, optional
        Weights to begin with.

    Raises
    ------
    ValueError
        If one is no layer or stands behind another one, they do not fit, or a weight does not fit.

    Examples
    --------
    >>> from recurrent_layers import LSTM, AutoEncoder, RepeatVector, Sequential
    >>> encoder = Sequential([LSTM(8, 32)])
    >>> decoder = Sequential([RepeatVector(20), LSTM(32, 8, return_sequences=True)])
    >>> model = Sequential([AutoEncoder(encoder, decoder, output_reconstruction=False)])
    >>> model.output_shape, model.trained_output_shape
    ((None, 32), (None, 20, 8))
    """

    #: An output of a step needs all of them.
    stepwise = False

    def __init__(self, encoder: Layer, decoder: Layer, output_reconstruction: bool = True, tie_weights: bool = False,
                 weights: Weights | None = None) -> None:
        output_reconstruction = flag("output_reconstruction", output_reconstruction)
        tie_weights = flag("tie_weights", tie_weights)
        super().__init__([encoder, decoder])
        self.encoder, self.decoder = encoder, decoder
        self.output_reconstruction, self.tie_weights = output_reconstruction, tie_weights
        if weights is not None:
            try:
                self.set_weights(weights)
            except Exception:
                self._let_go()
                raise
        if tie_weights:
            warn("tie_weights=True does nothing, as in Keras 0.1: the decoder has weights of its own")

    def _of(self, train: bool) -> Layer:
        """The layer whose output is that of this one."""
        return self.decoder if train or self.output_reconstruction else self.encoder

    @property
    def output_shape(self) -> ShapeIfKnown:
        return self._of(train=False).output_shape

    @property
    def trained_output_shape(self) -> ShapeIfKnown:
        return self.decoder.output_shape

    def get_output(self, train: bool = False) -> Variable:
        return output_of(self._of(train), train)

    def get_output_mask(self, train: bool = False) -> Variable | None:
        return mask_of(self._of(train), train)

    def get_config(self) -> Config:
        return {"name": type(self).__name__, "encoder": config_of(self.encoder), "decoder": config_of(self.decoder),
                "output_reconstruction": self.output_reconstruction, "tie_weights": self.tie_weights}  # fmt: skip

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Make such a layer from what `get_config` gave, here or in Keras; see :meth:`Layer.from_config`."""
        names = {"encoder_config": "encoder", "decoder_config": "decoder"}
        config = {names.get(name, name): value for name, value in config.items()} if isinstance(config, dict) else {}
        encoder, decoder = _layers_of(dict(layers=[config.get("encoder"), config.get("decoder")]), cls.__name__)
        return super(Sequential, cls).from_config(dict(config, encoder=encoder, decoder=decoder))


Graph, = classes_elsewhere(
    __name__, "Graph", instead="Merge has several inputs, Bidirectional both directions; real Keras has Graph, and "
    "takes layers of recurrent_layers in it: pip install keras==0.3.3, up to Python 3.11")
