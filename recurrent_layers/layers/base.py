"""What every layer has: an input, params, an output, a mask, weights, a config."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Callable, Sequence

import numpy as np

from recurrent_layers import activations, engine, initializations, regularizers
from recurrent_layers.engine import tensor as T
from recurrent_layers.exchange.copies import PortableState
from recurrent_layers.typing import (
    Array,
    ArrayLike,
    Config,
    Matched,
    Named,
    Params,
    Rule,
    Shape,
    ShapeIfKnown,
    Variable,
    Weights,
)
from recurrent_layers.utils.arguments import call_of, flag, items, kept, shown, sizes, text
from recurrent_layers.utils.arrays import (
    array_of_numbers,
    check_integers,
    check_memory,
    converted,
    first_not_finite,
    is_finite,
    set_all,
)
from recurrent_layers.utils.building import checked_params, is_ours, mask_of, one_output_for_each_layer, output_of
from recurrent_layers.utils.generic_utils import known_name

if TYPE_CHECKING:
    from typing_extensions import Self

    from recurrent_layers.regularizers import Regularizer

#: What a class has before there is any, of a type that lists have, too.
_NONE: Any = ()


def unchanged(value: Variable) -> Variable:
    """The constraint of a weight that has none."""
    return value


def _config_value(value: Any) -> Any:
    """A function's name if that name finds it again, an object's own config, anything else as it is."""
    if hasattr(value, "get_config"):
        return value.get_config()
    return known_name(value, activations.KNOWN) or known_name(value, initializations.KNOWN) or value


def _config_name(cls: type) -> str:
    """The name of a layer's class in a config; those of the zoo are told from cells of one's own of the same name."""
    return "zoo." * (cls.__module__ == "recurrent_layers.layers.zoo") + cls.__name__


def _finite(name: str, value: ArrayLike) -> Array:
    """The value of a weight, in floatX."""
    array = array_of_numbers(name, value)
    if not is_finite(array, engine.config.floatX):
        raise ValueError(f"{name} has NaN or infinity")
    return converted(name, array, engine.config.floatX, "set floatX=float64")


def _describe(names: list[Variable], shapes: list[tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {tuple(shape)}" for name, shape in zip(names, shapes))


class Said:
    """What a class computes of a layer, unless that has an attribute of this name itself.

    Examples
    --------
    >>> from recurrent_layers.layers.base import Said
    >>> class Square:
    ...     side = 3
    ...     area = Said(lambda square: square.side ** 2)
    >>> Square().area
    9
    """

    def __init__(self, compute: Callable[[Any], Any]) -> None:
        self.compute, self.__doc__ = compute, compute.__doc__

    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        return self if layer is None else self.compute(layer)


def _if_of_one_size(layer: Any) -> str:
    """What a layer that was made of one size may have been meant to be."""
    if not layer._of_one_size:
        return ""
    name, input_dim = type(layer).__name__, layer.input_dim
    return (f"; {name}({input_dim}) is {name}(input_dim={input_dim}, output_dim={layer.output_dim}), as in Keras 0.1, "
            f"not the {name}(output_dim={input_dim}) of Keras 0.2 and later, which python -m recurrent_layers "
            "--keras=0.3 script.py runs")


#: What layers of Keras 0.2 and 0.3 take, by keyword.
OF_LATER_KERAS = {"input_shape", "batch_input_shape", "input_dim", "input_length"}


def _with_checked_style(init: Callable[..., None]) -> Callable[..., None]:
    """The `__init__` of a layer, which says so if it is called as in Keras 0.2 and later, or with other arguments.

    Raises
    ------
    TypeError
        If it is.
    """
    signature = inspect.signature(init)
    sizes = [name for name in ("input_dim", "output_dim") if name in signature.parameters]
    unknown = OF_LATER_KERAS - set(signature.parameters)

    @functools.wraps(init)
    def checked(layer: Any, /, *arguments: Any, **named: Any) -> None:
        if type(layer).__init__ is checked:
            name, problem = type(layer).__name__, ""
            why = [f"{name}={shown(named[name])}" for name in sorted(unknown.intersection(named))]
            try:
                given = signature.bind(layer, *arguments, **named).arguments
                layer._of_one_size = len(sizes) == 2 and "output_dim" not in given
            except TypeError as error:
                problem = str(error)
                if len(sizes) == 2 and len(arguments) == 1 and "output_dim" not in named:
                    why.append(problem)
            if why:
                raise TypeError(_of_later_keras(name, signature, sizes, arguments, named, why))
            takes = list(inspect.signature(checked).parameters.values())[1:]  # With those that `**options` stands for.
            strange = sorted(set(named) - {one.name for one in takes})
            if problem or strange and not any(one.kind is one.VAR_KEYWORD for one in takes):
                problem = f"has no argument {', '.join(strange)}" if strange else f"cannot be made so, {problem}"
                raise TypeError(f"{name} {problem}; it takes {', '.join(one.name for one in takes)}")
        init(layer, *arguments, **named)

    return checked


def _of_later_keras(name: str, signature: inspect.Signature, sizes: list[str], arguments: tuple[Any, ...],
                    named: dict[str, Any], why: list[str]) -> str:
    call = ", ".join([*map(shown, arguments), *(f"{key}={shown(value)}" for key, value in named.items())])
    takes = ", ".join([key for key in signature.parameters if key != "self"][:len(sizes) or 1])
    return (f"{name}({call}) is in the style of Keras 0.2 and later ({', '.join(why)}): write it as in Keras 0.1, "
            f"{name}({takes}, ...), or run the script with Keras 0.3.3 itself, by pip install keras==0.3.3 and python "
            "-m recurrent_layers --keras=0.3 script.py")


#: Who gives what a layer reads, where no other layer does.
_OF_DATA = "got an array with"


class Layer(PortableState):
    """A piece of a network: symbolic input to symbolic output, with weights of its own.

    Attributes
    ----------
    params : list of shared variables
        The weights that training changes.
    non_trainable_weights : list of shared variables
        Weights that belong to the layer but stay as they are, such as a random projection.
    input : symbolic variable
        What the layer reads when it follows no other; may be replaced by a variable of your own.
    previous : Layer
        What the layer reads from, once :meth:`set_previous` has connected it.
    regularizers : list of callables
        Each takes the loss and returns it with a penalty added.
    constraints : list of callables
        One for each of `params`, applied after every update; empty for none.
    updates : list of (shared variable, new value)
        Further updates that a training step shall make.

    Notes
    -----
    Python shows a layer as the call that makes one like it: ``LSTM(3, 8, return_sequences=True)``. Weights and a `name`
    that were given are not in it, and a function of one's own or a variable only by its name.

    Examples
    --------
    Two layers stacked by hand, without a model:

    >>> from recurrent_layers import GRU, LSTM
    >>> from recurrent_layers.engine import tensor as T
    >>> first, second = GRU(8, 16, return_sequences=True), LSTM(16, 4)
    >>> first.input = T.tensor3()
    >>> second.set_previous(first)
    >>> y = second.get_output()
    >>> gradients = T.grad(T.sqr(y).sum(), first.params + second.params)
    >>> len(gradients)
    21
    """

    #: Whether the input means whole numbers rather than numbers of `floatX`.
    takes_integers = False
    #: The number of dimensions of the input, samples included; None where any will do.
    input_ndim: int | None = None
    #: How many inputs and outputs a layer has, for the model of Keras 0.3.
    nb_input = nb_output = 1
    #: Set to False before `compile` to keep the layer's weights as they are.
    trainable = True
    #: Whether the output at a step is made of that step of the input alone, and of states that are handed on.
    stepwise: bool | Said = False
    #: Read by the model of Keras 0.3, which our layers may stand in.
    cache_enabled = True
    #: What to do where a mask comes, the first of the ways.
    _instead_of_mask = ""
    #: The shape that the layers behind this one ask for, where it reads the input of a model and any will do for it.
    _shape_of_model: Shape | None = None

    #: Whether it was made of one size, where there are two of which one has a default.
    _of_one_size = False

    input: Variable
    previous: Layer
    # For layers of one's own that do not call __init__.
    params: list[Variable] = _NONE
    non_trainable_weights: list[Variable] = _NONE
    regularizers: list[Callable[[Variable], Variable]] = _NONE
    constraints: list[Callable[[Variable], Variable] | None] = _NONE
    updates: list[tuple[Variable, Variable]] = _NONE

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        if "__init__" in vars(cls) and is_ours(cls):
            cls.__init__ = _with_checked_style(cls.__init__)

    def __init__(self) -> None:
        self.params = []
        self.non_trainable_weights = []
        self.regularizers = []
        self.constraints = []
        self.updates = []

    def __repr__(self) -> str:
        return call_of(self)

    # ---- connection -------------------------------------------------------------------------

    @property
    def expected_input_shape(self) -> ShapeIfKnown:
        """The input shape that the layer asks for, with None where any size will do; or None."""
        if self.input_ndim is None:
            return self._shape_of_model
        return (None,) * self.input_ndim

    @property
    def input_shape(self) -> ShapeIfKnown:
        """Shape of the input, samples first, None where it is not fixed; None if unknown.

        A layer of your own may set it, as those of Keras 0.1 did; that is for itself, and tells the others nothing.
        """
        return vars(self).get("_input_shape", None) or self._shape_read()

    @input_shape.setter
    def input_shape(self, shape: Shape) -> None:
        self._input_shape = shape

    def _shape_read(self) -> ShapeIfKnown:
        """The shape of what the layer below gives, or that is asked for."""
        shape = self.previous.output_shape if hasattr(self, "previous") else None
        return self.expected_input_shape if shape is None else tuple(shape)

    @property
    def output_shape(self) -> ShapeIfKnown:
        """Shape of the output, samples first, None where it is not fixed; None if unknown.

        That of a layer of your own with its own `get_output` is unknown, unless it says it here.
        """
        return self._shape_read() if self.keeps_shape() else None

    def keeps_shape(self) -> bool:
        """Whether the output is known to have the shape of the input."""
        return type(self).output_shape is Layer.output_shape and type(self).get_output is Layer.get_output

    @property
    def trained_output_shape(self) -> ShapeIfKnown:
        """Shape of the output while training, for which the labels are; another one in an AutoEncoder only."""
        return self.output_shape

    def set_previous(self, layer: Layer, connection_map: None = None) -> None:
        """Read from another layer's output.

        Parameters
        ----------
        layer : Layer
        connection_map : None
            Not used; it stands here because it did in Keras 0.1.

        Raises
        ------
        ValueError
            If it is no other layer, or its output does not fit, in its shape or in having a mask.
        """
        if inspect.isclass(layer) or not hasattr(layer, "get_output") or layer is self:
            raise ValueError(f"{type(self).__name__}.set_previous needs another layer, such as LSTM(8, 32), got "
                             f"{shown(layer)}")
        given = layer.output_shape
        if given is not None:
            try:
                self._check_shape(self._as_expected(tuple(given)), f"{type(layer).__name__} gives")
            except ValueError as error:
                raise ValueError(f"{error}{_if_of_one_size(layer)}{_if_of_one_size(self)}") from None
        with one_output_for_each_layer([]):
            self._check_mask_of(layer)
        self.previous = layer

    def _check_mask_of(self, layer: Layer) -> None:
        """Raise where another layer's output has a mask, and this one does not heed it."""
        if not self.supports_masked_input() and mask_of(layer, False) is not None:
            mine = "" if is_ours(type(self)) else "; a layer of your own that heeds masks is a MaskedLayer"
            raise ValueError(f"{type(self).__name__} takes no mask, but the output of {type(layer).__name__} has one: "
                             f"{self._instead_of_mask}let a recurrent layer with return_sequences=False come between, "
                             f"or make none (no Masking, no mask_zero=True in an Embedding){mine}")

    def _readers(self) -> list[Layer]:
        """The layers that read what this one reads: itself, but for what is made of layers."""
        return [self]

    def _all_layers(self) -> list[Layer]:
        """The layers that this one is made of, and those that these are made of."""
        return []

    def _as_expected(self, shape: Shape) -> Shape:
        """The shape of another layer's output, but for axes that this one does not look at."""
        return shape

    def _check_shape(self, given: Shape, giver: str) -> None:
        """Raise unless `given` agrees with `expected_input_shape` wherever both are known."""
        expected, name = self.expected_input_shape, type(self).__name__
        if expected is None:
            return
        if len(given) != len(expected):
            hint = {
                (2, 3): "; set return_sequences=True in the recurrent layer before it, or put RepeatVector between",
                (3, 2): "; set return_sequences=False in the recurrent layer before it, or use TimeDistributedDense "
                        "instead of Dense",
            }.get((len(given), len(expected)), "")
            if giver == _OF_DATA:
                is_sample = len(given) == len(expected) - 1 and all(e in (None, g) for e, g in zip(expected[1:], given))
                hint = "; samples are along the first axis: a single one is X[None]" * is_sample
            raise ValueError(f"{name} expects input with {len(expected)} dimensions, {expected}, "
                             f"but {giver} {len(given)} dimensions, {given}{hint}")
        if any(e not in (None, g) and g is not None for e, g in zip(expected, given)):
            raise ValueError(f"{name} expects input of shape {expected} (None is any size), but {giver} {given}")

    def check_data(self, X: ArrayLike) -> None:
        """Raise if an array cannot be this layer's input.

        Parameters
        ----------
        X : numpy.ndarray
            Samples first; of much data, the samples of one piece after another.

        Raises
        ------
        ValueError
            If it is no array of numbers, if the number of dimensions or their sizes do not fit, or if there is a NaN,
            an infinity or a number that is infinite in `floatX`, or an integer that `floatX` would round.
        """
        X = array_of_numbers(f"the input of {type(self).__name__}", X)
        self._check_shape(tuple(X.shape), _OF_DATA)
        floatX, name = engine.config.floatX, type(self).__name__
        if not is_finite(X, floatX):
            count, first, number = first_not_finite(X, floatX)
            what = "NaN" if np.isnan(number) else f"{number:g}"
            what += f" (infinite in {floatX})" if np.isfinite(number) else ""
            raise ValueError(f"the input of {name} has {what} in {count} of {len(X)} samples, the first at index "
                             f"{first}; remove or replace them")
        if not self.takes_integers:
            check_integers(f"the input of {name}", X, floatX)

    # ---- computation ------------------------------------------------------------------------

    def get_input(self, train: bool = False) -> Variable:
        """The symbolic input: the previous layer's output, or else `input`.

        Parameters
        ----------
        train : bool
            Whether the graph is for training (dropout drops) or not.

        Raises
        ------
        ValueError
            If there is neither, or if it is no symbolic variable, or the number of dimensions is wrong.
        """
        train = flag("train", train)
        if hasattr(self, "previous"):
            X = output_of(self.previous, train)
        elif hasattr(self, "input"):
            X = self.input
        else:
            raise ValueError(f"{type(self).__name__} has no input: connect it with set_previous(layer), or set its "
                             "`input` to a symbolic variable")
        if not isinstance(X, engine.Variable):
            raise ValueError(f"{type(self).__name__} reads symbolic variables, got {shown(X)}")
        if self.input_ndim is not None and X.ndim != self.input_ndim:
            raise ValueError(f"{type(self).__name__} expects input with {self.input_ndim} dimensions, "
                             f"got a symbolic variable with {X.ndim}")
        return X

    def _input_of_floatX(self, train: bool) -> Variable:
        """The symbolic input for products with weights, which one of another type would take to that."""
        X = self.get_input(train)
        return X if X.dtype == engine.config.floatX else T.cast(X, engine.config.floatX)

    def get_output(self, train: bool = False) -> Variable:
        """The symbolic output.

        Parameters
        ----------
        train : bool
            Whether the graph is for training (dropout drops) or not.

        Returns
        -------
        symbolic variable
        """
        return self.get_input(train)

    def supports_masked_input(self) -> bool:
        """Whether the layer can follow one whose output has a mask."""
        return False

    def get_output_mask(self, train: bool = False) -> Variable | None:
        """The mask of the output: (nb_samples, timesteps), 0 where a step is padding; None for none."""
        return None

    # ---- weights ----------------------------------------------------------------------------

    def add_weight(self, name: str, init: Named, shape: tuple[int, ...]) -> Variable:
        """Make a weight.

        Parameters
        ----------
        name : str
            The name of the shared variable.
        init : str or callable
            From `shape` to a shared variable or an array; see :mod:`recurrent_layers.initializations`.
        shape : tuple of int

        Returns
        -------
        shared variable
            Of `theano.config.floatX`; the caller puts it into `params` or `non_trainable_weights`.

        Raises
        ------
        ValueError
            If `init` makes something of another shape, that is not finite, or that holds no numbers, or if there is
            not the memory for it.
        """
        name = text("name", name)
        shape = sizes(f"the shape of {name}", shape)
        check_memory(f"the weight {name} of {type(self).__name__}", shape)
        value = initializations.get(init)(shape)
        is_shared = isinstance(value, engine.SharedVariable)
        made = _finite(f"what the initialization of {name} made", value.get_value() if is_shared else value)
        if made.shape != shape:
            raise ValueError(f"the initialization of {name} made shape {made.shape} instead of {shape}")
        if not is_shared or value.dtype != engine.config.floatX:
            value = engine.shared(made)
        value.name = name
        return value

    def add_regularizer(self, identifier: Rule, target: Variable | Layer) -> Regularizer | None:
        """Put a penalty on a weight, or on the output, into `regularizers`.

        Parameters
        ----------
        identifier : str, Regularizer, dict or None
            See :func:`recurrent_layers.regularizers.get`.
        target : shared variable or Layer

        Returns
        -------
        Regularizer or None
        """
        regularizer = regularizers.get(identifier)
        if regularizer is not None:
            regularizer = regularizer.on(target)
            self.regularizers.append(regularizer)
        return regularizer

    def set_name(self, name: str) -> None:
        """Give all `params` names: `<name>_p0`, `<name>_p1` and so on, as in Keras 0.2.

        Parameters
        ----------
        name : str

        Raises
        ------
        ValueError
            If it is no text; then all names are what they were.
        """
        name = text("name", name)
        for k, param in enumerate(self.params):
            param.name = f"{name}_p{k}"

    @property
    def weights(self) -> list[Variable]:
        """All weights: `params`, then `non_trainable_weights`."""
        return list(self.params) + list(self.non_trainable_weights)

    def get_weights(self) -> Weights:
        """The values of all weights, in the order of Keras 0.1, what it did not save last.

        Returns
        -------
        list of numpy.ndarray
        """
        return [weight.get_value() for weight in self.weights]

    def set_weights(self, weights: Weights) -> None:
        """Set all weights, or only those of `params`.

        Parameters
        ----------
        weights : list of numpy.ndarray
            As :meth:`get_weights` gives them; `non_trainable_weights` may be left out and are kept.

        Raises
        ------
        ValueError
            If the number of arrays or a shape is wrong; then nothing has been changed.
        """
        self._set(self.match_weights(weights))

    def _set(self, matched: Matched) -> None:
        """Set variables to the values they are paired with."""
        set_all(matched)

    def match_weights(self, weights: Weights) -> Matched:
        """Pair arrays with the variables they are meant for, without setting them.

        Parameters
        ----------
        weights : list of numpy.ndarray
            As for :meth:`set_weights`.

        Returns
        -------
        list of (shared variable, numpy.ndarray)

        Raises
        ------
        ValueError
            If the number of arrays or a shape is wrong, or a number is not finite.
        """
        weights = [weight if isinstance(getattr(weight, "shape", None), tuple) else
                   array_of_numbers(f"a weight of {type(self).__name__}", weight)
                   for weight in items("weights", weights, "arrays")]  # fmt: skip
        variables = list(self.params) if len(weights) == len(self.params) else self.weights
        shapes = [variable.get_value(borrow=True).shape for variable in variables]
        if [tuple(weight.shape) for weight in weights] != shapes:
            optional = [str(variable) for variable in self.non_trainable_weights]
            raise ValueError("{} expects {} weights: {}{}; got {}: {}".format(
                type(self).__name__, len(variables), _describe(variables, shapes) or "none",
                " ({} may be left out)".format(", ".join(optional)) if optional else "",
                len(weights), ", ".join(str(weight.shape) for weight in weights) or "none"))
        # Only now, since what is in a file may be anything.
        return [(variable, _finite(f"the weight {variable} of {type(self).__name__}", weight))
                for variable, weight in zip(variables, weights)]

    def match_stored_weights(self, weights: Weights) -> Matched:
        """As :meth:`match_weights`, for arrays from a file: what is left out must be known.

        Raises
        ------
        ValueError
            Also if a non-trainable weight is not among them.
        """
        weights = items("weights", weights, "arrays")
        if len(weights) < len(self.weights) and len(weights) == len(self.params):
            raise ValueError("{} lacks {}".format(type(self).__name__, ", ".join(map(str, self.non_trainable_weights))))
        return self.match_weights(weights)

    def count_params(self) -> int:
        """The number of trained numbers."""
        return sum(param.get_value(borrow=True).size for param in dict.fromkeys(self.params))

    def get_params(self) -> Params:
        """All that training needs.

        Returns
        -------
        params, regularizers, constraints, updates : lists
            As many constraints as params.

        Raises
        ------
        ValueError
            If `params` are no shared variables of floats, or some of them have constraints and others have not.
        """
        params, constraints = checked_params(self), [constraint or unchanged for constraint in self.constraints]
        if 0 < len(constraints) < len(params):
            raise ValueError(f"{type(self).__name__} has {len(params)} params, but {len(constraints)} of constraints: "
                             "there must be one for each, None for none, or none at all")
        return params, list(self.regularizers), constraints or [unchanged] * len(params), list(self.updates)

    # ---- config -----------------------------------------------------------------------------

    def get_config(self) -> Config:
        """The class's name and the arguments that make such a layer again, without its weights.

        Returns
        -------
        dict
            Functions stand in it by their names if they are known by them, else as they are.
        """
        config = {"name": _config_name(type(self))}
        for argument in inspect.signature(type(self).__init__).parameters:
            if argument not in ("self", "weights", "name"):
                config[argument] = _config_value(kept(self, argument))
        return config

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Make a layer from what :meth:`get_config` gave, with new weights.

        Raises
        ------
        ValueError
            If it is no dict, if there are arguments that this layer does not have, and they are not None, or if one
            is missing that it needs.
        """
        if not isinstance(config, dict):
            raise ValueError(f"{cls.__name__}.from_config needs a dict, as get_config gives it, got {shown(config)}")
        known, several = inspect.signature(cls).parameters, []
        arguments = {key: value for key, value in config.items() if key != "name"}
        unknown = sorted(str(key) for key, value in arguments.items() if key not in known and value is not None)
        if unknown:
            raise ValueError(f"{cls.__name__} has no argument {', '.join(unknown)}")
        missing = [key for key, parameter in known.items() if key not in arguments
                   and parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
        if missing:
            raise ValueError(f"{cls.__name__} needs {', '.join(missing)}, which this config does not have")
        for key, parameter in known.items():
            if parameter.kind is parameter.VAR_POSITIONAL:
                several = items(key, arguments.pop(key, ()), "arguments")
        return cls(*several, **{key: value for key, value in arguments.items() if key in known})


class MaskedLayer(Layer):
    """A layer that hands on the mask of its input, and whose output has the input's shape.

    Examples
    --------
    >>> from recurrent_layers import GRU, Embedding, MaskedLayer, Sequential
    >>> class Halved(MaskedLayer):
    ...     def get_output(self, train=False):
    ...         return self.get_input(train) / 2
    >>> model = Sequential([Embedding(10, 4, mask_zero=True), Halved(), GRU(4, 2)])
    >>> model.output_shape
    (None, 2)
    """

    @property
    def output_shape(self) -> ShapeIfKnown:
        return self._shape_read() if self.keeps_shape() else None

    def keeps_shape(self) -> bool:
        made_by = next(cls for cls in type(self).__mro__ if "get_output" in vars(cls))
        # One of the user's own may give another shape.
        return type(self).output_shape is MaskedLayer.output_shape and is_ours(made_by)

    def supports_masked_input(self) -> bool:
        return True

    def get_input_mask(self, train: bool = False) -> Variable | None:
        """The mask of the previous layer's output; None without one."""
        train = flag("train", train)
        return mask_of(self.previous, train) if hasattr(self, "previous") else None

    def get_output_mask(self, train: bool = False) -> Variable | None:
        return self.get_input_mask(train)


class OfOneShape(Layer):
    """A layer that is made for samples of one shape, which its weights have, too.

    Parameters
    ----------
    input_shape : tuple of int
        The shape of a sample.

    Attributes
    ----------
    sample_shape : tuple of int
        The same; `input_shape` has the samples, too, as in all layers.

    Raises
    ------
    ValueError
        If it is no shape, or has no sizes.

    Examples
    --------
    >>> from recurrent_layers.layers.base import OfOneShape
    >>> layer = OfOneShape((4, 3))
    >>> layer.sample_shape, layer.expected_input_shape
    ((4, 3), (None, 4, 3))
    """

    def __init__(self, input_shape: int | Sequence[int]) -> None:
        super().__init__()
        self.sample_shape = sizes("input_shape", input_shape)
        if not self.sample_shape:
            raise ValueError("input_shape must have a size or more, such as (128,), got ()")
        broadcastable = (False,) * (1 + len(self.sample_shape))
        self.input = T.TensorType(engine.config.floatX, broadcastable)(f"{type(self).__name__}_input")

    @property
    def expected_input_shape(self) -> Shape:
        return (None,) + self.sample_shape

    def get_config(self) -> Config:
        """The class's name and its arguments; see :meth:`Layer.get_config`."""
        return dict(super().get_config(), input_shape=self.sample_shape)


class DrawsNumbers(Layer):
    """A layer with a stream of random numbers, which is seeded from NumPy's global generator.

    Examples
    --------
    >>> from recurrent_layers.layers.base import DrawsNumbers
    >>> layer = DrawsNumbers()
    >>> layer.seed_streams()
    >>> layer.draw("binomial", (2, 3), p=0.5).eval().shape
    (2, 3)
    """

    def seed_streams(self) -> None:
        """Begin the stream `random_streams`."""
        self._seed = np.random.randint(10**7) or 1  # As Keras 0.1 did; the streams take no 0.
        self.random_streams = engine.RandomStreams(seed=self._seed)

    def draw(self, distribution: str, shape: Variable | Sequence[Any], axis: int = 0, **parameters: Any) -> Variable:
        """Random numbers for some samples, which can also be drawn as those of a part of a batch.

        Parameters
        ----------
        distribution : {"binomial", "normal"}
        shape : sequence of int or symbolic scalars, or symbolic variable
            A variable stands for its shape.
        axis : int
            Which of the shape is the number of samples.
        **parameters
            As the engine's streams take them: `p`, or `avg` and `std`.

        Returns
        -------
        symbolic variable
            Of `floatX`. Its `tag.of_samples` is the variable that says how many samples there are, which stands
            nowhere else in the graph, and the axis.

        Raises
        ------
        AttributeError
            If :meth:`seed_streams` has not been called.
        """
        if "random_streams" not in vars(self):
            raise AttributeError(f"{type(self).__name__} has no random numbers to draw yet: let its __init__ call "
                                 "self.seed_streams() at its end")
        sizes = [shape.shape[k] for k in range(shape.ndim)] if isinstance(shape, engine.Variable) else list(shape)
        nb_samples = engine.ViewOp()(T.as_tensor_variable(sizes[axis]))
        sizes[axis] = nb_samples
        drawn = getattr(self.random_streams, distribution)(tuple(sizes), dtype=engine.config.floatX, **parameters)
        drawn.tag.of_samples = nb_samples, axis
        return drawn

    def __getstate__(self) -> dict[str, Any]:
        # The streams are of the engine; the copy draws other numbers.
        state = super().__getstate__()
        if state.pop("random_streams", None) is not None:
            state["_seed"] = np.random.RandomState(self._seed).randint(1, 10**7)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "_seed" in state:
            self.random_streams = engine.RandomStreams(seed=self._seed)
