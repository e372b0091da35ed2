"""The layers around the recurrent ones."""

from __future__ import annotations

import contextlib
import math
import numbers
from typing import Any, Callable, Sequence

import numpy as np

from recurrent_layers import activations, constraints, engine, initializations, regularizers
from recurrent_layers.elsewhere import classes_elsewhere
from recurrent_layers.engine import config
from recurrent_layers.engine import tensor as T
from recurrent_layers.layers.base import DrawsNumbers, Layer, MaskedLayer, Said
from recurrent_layers.layers.containers import AutoEncoder, Merge
from recurrent_layers.regularizers import ActivityRegularizer, Regularizer
from recurrent_layers.typing import Config, Named, Rule, Shape, ShapeIfKnown, Variable, Weights
from recurrent_layers.utils.arguments import choice, integer, items, number, shown, text
from recurrent_layers.utils.generic_utils import known_name, lookup, make_tuple
from recurrent_layers.utils.theano_utils import floatX, ndim_tensor, shared_zeros

__all__ = [
    "Activation", "ActivityRegularization", "ActivityRegularizer", "AutoEncoder", "DenoisingAutoEncoder", "Dense",
    "Dropout", "Flatten", "Lambda", "Layer", "MaskedLayer", "Masking", "MaxoutDense", "Merge", "Permute", "Regularizer",
    "RepeatVector", "Reshape", "TimeDistributedDense", "TimeDistributedMerge", "activations", "constraints", "floatX",
    "initializations", "make_tuple", "ndim_tensor", "regularizers", "shared_zeros",
]  # fmt: skip


def _has_known_activation(layer: Any) -> bool:
    """Whether the activation is one of ours: one of the user's own may look at several steps."""
    return known_name(layer.activation, activations.KNOWN) is not None


class Masking(MaskedLayer):
    """Mask the steps at which the whole input equals one value.

    Those steps are set to 0, and the layers that follow skip them. Input and output have shape
    (nb_samples, timesteps, dim).

    Parameters
    ----------
    mask_value : float
        The value that marks padding.

    Examples
    --------
    >>> import numpy as np
    >>> from recurrent_layers import GRU, Masking, Sequential
    >>> model = Sequential([Masking(), GRU(2, 4)])
    >>> model.compile(optimizer="sgd", loss="mse")
    >>> X = np.ones((1, 3, 2))
    >>> padded = np.concatenate([X, np.zeros((1, 2, 2))], axis=1)
    >>> np.allclose(model.predict(padded), model.predict(X))
    True
    """

    input_ndim = 3
    stepwise = True

    def __init__(self, mask_value: float = 0.0) -> None:
        super().__init__()
        self.mask_value = number("mask_value", mask_value)
        self.input = T.tensor3("Masking_input")

    def get_output(self, train: bool = False) -> Variable:
        return self.get_input(train) * T.shape_padright(self.get_output_mask(train))

    def get_output_mask(self, train: bool = False) -> Variable | None:
        return T.any(T.neq(self.get_input(train), self.mask_value), axis=-1)


class Dropout(DrawsNumbers, MaskedLayer):
    """Drop inputs at random while training (Hinton et al. 2012, arXiv:1207.0580).

    ::

        training:   y = x * m,   m = 1 with probability 1 - p, else 0
        otherwise:  y = x (1 - p)

    Parameters
    ----------
    p : float
        The probability of being dropped, from 0 to 1.

    Raises
    ------
    ValueError
        If `p` is not from 0 to 1.

    Notes
    -----
    Its stream of random numbers is seeded from NumPy's global generator when the layer is made.

    Examples
    --------
    >>> from recurrent_layers import LSTM, Dense, Dropout, Sequential
    >>> Sequential([LSTM(8, 32), Dropout(0.5), Dense(32, 1)])
    Sequential([LSTM(8, 32), Dropout(0.5), Dense(32, 1)])
    """

    stepwise = True

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = number("p", p, least=0.0, most=1.0)
        self.seed_streams()

    def get_output(self, train: bool = False) -> Variable:
        X = self.get_input(train)
        if train and self.p > 0.0:
            return X * self.draw("binomial", X, p=1.0 - self.p)
        return X * (1.0 - self.p)


class Activation(MaskedLayer):
    """Apply an activation, elementwise or over the last axis.

    Parameters
    ----------
    activation : str or callable
    target, beta : float
        Not used; they stand here because they did in Keras 0.1.

    Raises
    ------
    ValueError
        If the name is not known, or `target` or `beta` is no number.

    Examples
    --------
    >>> from recurrent_layers import Activation, Dense, Sequential
    >>> model = Sequential([Dense(8, 3), Activation("softmax")])
    >>> model.output_shape
    (None, 3)
    """

    stepwise = Said(_has_known_activation)

    def __init__(self, activation: Named, target: float = 0, beta: float = 0.1) -> None:
        super().__init__()
        self.activation = activations.get(activation)
        self.target = number("target", target)
        self.beta = number("beta", beta)

    def get_output(self, train: bool = False) -> Variable:
        return self.activation(self.get_input(train))


class RepeatVector(Layer):
    """Repeat a vector, from (nb_samples, dim) to (nb_samples, n, dim).

    Parameters
    ----------
    n : int
        How many times.

    Raises
    ------
    ValueError
        If `n` is not an integer of at least 1.

    Examples
    --------
    >>> from recurrent_layers import Dense, RepeatVector, Sequential
    >>> model = Sequential([Dense(8, 3), RepeatVector(5)])
    >>> model.output_shape
    (None, 5, 3)
    """

    input_ndim = 2

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = integer("n", n)
        self.input = T.matrix("RepeatVector_input")

    @property
    def output_shape(self) -> Shape:
        nb_samples, dim = self.input_shape
        return (nb_samples, self.n, dim)

    def get_output(self, train: bool = False) -> Variable:
        X = self.get_input(train)
        return T.alloc(X.dimshuffle(0, 'x', 1), X.shape[0], self.n, X.shape[1])


class Reshape(Layer):
    """Give the numbers of each sample another shape, row by row: (nb_samples, ...) to ``(nb_samples, *dims)``.

    Parameters
    ----------
    *dims : int
        The new shape of a sample: `Reshape(4, 3)`, or `Reshape((4, 3))`. One of them may be -1, as many as there are
        numbers left.

    Raises
    ------
    ValueError
        If a size is not an integer of at least 1, none is given, or several are -1; in :meth:`set_previous` if a
        sample has not as many numbers.

    Notes
    -----
    It has no shape of its own to begin with, and so no input: as the first layer of a model, set its `input`. It takes
    no mask.

    Examples
    --------
    >>> from recurrent_layers import Dense, Reshape, Sequential
    >>> model = Sequential([Dense(8, 12), Reshape(4, -1)])
    >>> model.output_shape
    (None, 4, 3)
    """

    def __init__(self, *dims: int | Sequence[int]) -> None:
        super().__init__()
        given = dims[0] if len(dims) == 1 and not isinstance(dims[0], numbers.Integral) else dims
        self.dims = tuple(integer("a size in dims", size, or_minus_1="what is left")
                          for size in items("dims", given, "sizes"))  # fmt: skip
        if not self.dims or self.dims.count(-1) > 1:
            raise ValueError(f"dims must be sizes, such as Reshape(4, 3), of which at most one is -1, got {self.dims}")

    def _known(self) -> int:
        """How many numbers the sizes ask for, but for -1."""
        return math.prod(size for size in self.dims if size != -1)

    def _check_shape(self, given: Shape, giver: str) -> None:
        sizes: Any = given[1:]
        if None not in sizes:
            there, known = math.prod(sizes), self._known()
            if there % known if -1 in self.dims else there != known:
                raise ValueError(f"Reshape{self.dims} expects {'a multiple of ' * (-1 in self.dims)}{known} numbers in "
                                 f"each sample, but {giver} {given}")

    @property
    def output_shape(self) -> Shape:
        given = self.input_shape or (None, None)
        left = None if None in given[1:] else math.prod(given[1:]) // self._known()
        return given[:1] + tuple(left if size == -1 else size for size in self.dims)

    def get_output(self, train: bool = False) -> Variable:
        X = self.get_input(train)
        return T.reshape(X, (X.shape[0],) + self.dims)


class Flatten(Layer):
    """Put all numbers of a sample into a vector, row by row: (nb_samples, ...) to (nb_samples, dim).

    Notes
    -----
    As for :class:`Reshape`.

    Examples
    --------
    >>> from recurrent_layers import Dense, Flatten, RepeatVector, Sequential
    >>> model = Sequential([Dense(8, 3), RepeatVector(5), Flatten()])
    >>> model.output_shape
    (None, 15)
    """

    @property
    def output_shape(self) -> Shape:
        given = self.input_shape or (None, None)
        return given[:1] + (None if None in given[1:] else math.prod(given[1:]),)

    def get_output(self, train: bool = False) -> Variable:
        return T.flatten(self.get_input(train), 2)


class Permute(Layer):
    """Put the axes of each sample into another order: (nb_samples, a, b) to (nb_samples, b, a) by `Permute((2, 1))`.

    Parameters
    ----------
    dims : tuple of int
        The axes in their new order, counted from 1; that of the samples stays.

    Raises
    ------
    ValueError
        If they are not 1, 2, ..., n in some order.

    Examples
    --------
    >>> from recurrent_layers import Dense, Permute, RepeatVector, Sequential
    >>> model = Sequential([Dense(8, 3), RepeatVector(5), Permute((2, 1))])
    >>> model.output_shape
    (None, 3, 5)
    """

    def __init__(self, dims: Sequence[int]) -> None:
        super().__init__()
        self.dims = tuple(integer("an axis in dims", axis) for axis in items("dims", dims, "axes"))
        if not self.dims or sorted(self.dims) != list(range(1, 1 + len(self.dims))):
            raise ValueError("dims must be all axes but that of the samples, counted from 1, in some order, such as "
                             f"(2, 1), got {self.dims}")
        self.input_ndim = 1 + len(self.dims)
        self.input = T.TensorType(config.floatX, (False,) * self.input_ndim)("Permute_input")

    @property
    def output_shape(self) -> Shape:
        given = self.input_shape  # Asked for once: it goes through all layers before.
        return given[:1] + tuple(given[axis] for axis in self.dims)

    def get_output(self, train: bool = False) -> Variable:
        return self.get_input(train).dimshuffle(0, *self.dims)


class TimeDistributedMerge(Layer):
    """One vector from those of all steps: (nb_samples, timesteps, dim) to (nb_samples, dim).

    Parameters
    ----------
    mode : {"sum", "mul", "ave"}
        Take their sum, their product or their average.

    Raises
    ------
    ValueError
        If there is no such mode.

    Notes
    -----
    It takes no mask, as in Keras: padding would count.

    Examples
    --------
    >>> from recurrent_layers import LSTM, Sequential, TimeDistributedMerge
    >>> model = Sequential([LSTM(8, 32, return_sequences=True), TimeDistributedMerge("ave")])
    >>> model.output_shape
    (None, 32)
    """

    input_ndim = 3

    def __init__(self, mode: str = 'sum') -> None:
        super().__init__()
        self.mode = choice("mode", mode, "sum", "mul", "ave")
        self.input = T.tensor3("TimeDistributedMerge_input")

    @property
    def output_shape(self) -> Shape:
        nb_samples, _, dim = self.input_shape
        return (nb_samples, dim)

    def get_output(self, train: bool = False) -> Variable:
        X = self.get_input(train)
        return {"sum": T.sum, "mul": T.prod, "ave": T.mean}[self.mode](X, axis=1)


class ActivityRegularization(Layer):
    """Give on what comes in, with a penalty on it in the loss.

    ::

        loss + l1 sum(mean(abs(x))) + l2 sum(mean(x^2)),   means over the samples

    Parameters
    ----------
    l1, l2 : float
        The factors of the two.

    Raises
    ------
    ValueError
        If one is negative or no number.

    Notes
    -----
    It takes no mask, as in Keras: padding would count.

    Examples
    --------
    >>> from recurrent_layers import ActivityRegularization, Dense, Sequential
    >>> model = Sequential([Dense(8, 4, activation="relu"), ActivityRegularization(l1=0.01)])
    >>> model.regularizers
    [ActivityRegularizer(l1=0.01)]
    """

    stepwise = True

    def __init__(self, l1: float = 0., l2: float = 0.) -> None:
        super().__init__()
        regularizer = regularizers.ActivityRegularizer(l1=l1, l2=l2)
        self.l1, self.l2 = regularizer.l1, regularizer.l2
        self.add_regularizer(regularizer, self)


class Lambda(Layer):
    """Apply a function of one's own to the input, without weights.

    Parameters
    ----------
    function : callable
        From the symbolic input to the symbolic output; or the name of an activation.
    output_shape : tuple, callable or None
        The shape of a sample of the output; or a function from the input's shape to the output's, both with samples,
        where None is a size that is not fixed. By default it is found by trying, and unknown where that fails; then
        the model does not know whether the layer after it, or the labels, fit. One that the function's own output
        contradicts is refused.

    Raises
    ------
    ValueError
        If `function` is not callable, `output_shape` is none of these, or one of both is a name that is not known; in
        :meth:`get_output` if the function gives no symbolic variable.

    Notes
    -----
    It takes no mask, as in Keras. In JSON functions stand by their names, to be given to
    :func:`recurrent_layers.model_from_json` as `custom_objects`. If the output at a step is made of that step alone,
    set `stepwise` to True for :meth:`Sequential.step`.

    Examples
    --------
    >>> import numpy as np
    >>> from recurrent_layers import LSTM, Lambda, Sequential
    >>> model = Sequential([LSTM(8, 4, return_sequences=True), Lambda(lambda x: x.max(axis=1))])
    >>> model.output_shape
    (None, 4)
    >>> model.compile(optimizer="sgd", loss="mse")
    >>> model.predict(np.zeros((2, 5, 8))).shape
    (2, 4)
    """

    def __init__(self, function: Named,
                 output_shape: Sequence[int | None] | Callable[[Shape], Shape] | str | None = None) -> None:
        super().__init__()
        self.function = lookup(function, activations.KNOWN, "function")
        self._shape: Shape | Callable[[Shape], Shape] | None
        if callable(output_shape) or isinstance(output_shape, str):
            self._shape = lookup(output_shape, {}, "function from a shape to another")
        else:
            self._shape = None if output_shape is None else _shape("output_shape", output_shape)
        self._found: dict[Shape, Shape | None] = {}

    @property
    def output_shape(self) -> ShapeIfKnown:
        given = self.input_shape
        said = None
        if isinstance(self._shape, tuple):
            said = (given[0] if given else None,) + self._shape
        if given is None:
            return said
        if callable(self._shape):
            said = _shape("what output_shape gives", self._shape(given))
        if given not in self._found:
            self._found[given] = _shape_of(self.function, given)
        found = self._found[given]
        if said is None or found is None:
            return found if said is None else said
        if len(said) != len(found) or any(None not in pair and len(set(pair)) > 1 for pair in zip(said, found)):
            raise ValueError(f"output_shape of a Lambda says {said}, but its function gives {found} of {given}")
        return said

    def get_output(self, train: bool = False) -> Variable:
        y = self.function(self.get_input(train))
        if not isinstance(y, engine.Variable):
            raise ValueError(f"the function of a Lambda must give a symbolic variable, got {shown(y)}")
        return y

    def get_config(self) -> Config:
        """The class's name and its arguments; see :meth:`Layer.get_config`."""
        function = known_name(self.function, activations.KNOWN) or self.function
        return {"name": type(self).__name__, "function": function, "output_shape": self._shape}


def _shape(name: str, value: Any) -> Shape:
    """A shape in which None is a size that is not fixed."""
    return tuple(None if size is None else integer(f"a size in {name}", size)
                 for size in items(name, value, "integers, or None where a size is not fixed"))  # fmt: skip


def _shape_of(function: Callable[[Variable], Variable], given: Shape) -> Shape | None:
    """The shape that a function gives for another one, with None where it is not fixed; None if it cannot be found.

    It is computed for two inputs, which differ in all sizes that are not fixed.
    """
    with contextlib.suppress(Exception):  # Whatever a function of the user's own raises, it raises again in use.
        x = T.TensorType(config.floatX, (False,) * len(given))()
        shape_for = engine.function([x], function(x).shape, mode="FAST_COMPILE", on_unused_input="ignore")
        first, second = ([int(size) for size in shape_for(np.ones([other if size is None else size for size in given],
                                                                  config.floatX))] for other in (7, 11))
        return tuple(size if size == other else None for size, other in zip(first, second))
    return None


class _Affine(Layer):
    """activation(W.x + b) over the last axis, for any number of axes before it."""

    stepwise = Said(lambda layer: _has_known_activation(layer) and len(layer.expected_input_shape) > 2)

    def __init__(self, input_dim: int, output_dim: int, init: Named = 'glorot_uniform', activation: Named = 'linear',
                 weights: Weights | None = None, name: str | None = None,
                 W_regularizer: Rule = None, b_regularizer: Rule = None, activity_regularizer: Rule = None,
                 W_constraint: Rule = None, b_constraint: Rule = None) -> None:
        super().__init__()
        self.input_dim = integer("input_dim", input_dim)
        self.output_dim = integer("output_dim", output_dim)
        self.init = initializations.get(init)
        self.activation = activations.get(activation)
        prefix = "" if name is None else text("name", name) + "_"
        ndim = len(self.expected_input_shape)
        self.input = T.TensorType(config.floatX, (False,) * ndim)(type(self).__name__ + "_input")
        self.W = self.add_weight(prefix + "W", self.init, self._pieces() + (self.input_dim, self.output_dim))
        self.b = self.add_weight(prefix + "b", initializations.zero, self._pieces() + (self.output_dim,))
        self.params = [self.W, self.b]
        self.W_regularizer = self.add_regularizer(W_regularizer, self.W)
        self.b_regularizer = self.add_regularizer(b_regularizer, self.b)
        self.activity_regularizer = self.add_regularizer(activity_regularizer, self)
        self.W_constraint = constraints.get(W_constraint)
        self.b_constraint = constraints.get(b_constraint)
        self.constraints = [self.W_constraint, self.b_constraint]
        if weights is not None:
            self.set_weights(weights)

    def _pieces(self) -> tuple[int, ...]:
        """The first axis of the weights, where there are several of each."""
        return ()

    @property
    def expected_input_shape(self) -> Shape:
        return super().expected_input_shape[:-1] + (self.input_dim,)

    @property
    def output_shape(self) -> Shape:
        return tuple(self.input_shape[:-1]) + (self.output_dim,)

    def get_output(self, train: bool = False) -> Variable:
        return self.activation(T.dot(self._input_of_floatX(train), self.W) + self.b)


class Dense(_Affine):
    """A fully connected layer.

    ::

        y = activation(W.x + b)

    Input (nb_samples, input_dim), output (nb_samples, output_dim). Behind a layer that gives more axes, such as the
    steps of one with `return_sequences`, it acts on the last axis, at every step. Weights: W (input_dim, output_dim),
    b (output_dim,).

    Parameters
    ----------
    input_dim, output_dim : int
        Sizes of the input and of the output.
    init : str or callable
        Initialization of W; b begins at 0.
    activation : str or callable
    weights : list of numpy.ndarray, optional
        Weights to begin with: [W, b].
    name : str, optional
        A prefix for the names of the shared variables.
    W_regularizer, b_regularizer, activity_regularizer : Regularizer or str, optional
        Penalties on W, on b and on the output, see :mod:`recurrent_layers.regularizers`.
    W_constraint, b_constraint : callable or str, optional
        What W and b are held to, see :mod:`recurrent_layers.constraints`.

    Raises
    ------
    ValueError
        If a size is not an integer of at least 1, a name is not known, or a weight does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from recurrent_layers import Dense
    >>> [weight.shape for weight in Dense(8, 3, activation="softmax").get_weights()]
    [(8, 3), (3,)]
    >>> Dense(2, 1, weights=[np.ones((2, 1)), np.zeros(1)], W_regularizer="l2", W_constraint="nonneg")
    Dense(2, 1, W_regularizer=WeightRegularizer(l2=0.01), W_constraint=NonNeg())
    """

    _instead_of_mask = "take TimeDistributedDense, which heeds it, "

    @property
    def expected_input_shape(self) -> Shape:
        shape = self.previous.output_shape if hasattr(self, "previous") else None
        return (None,) * (1 if shape is None else len(shape) - 1) + (self.input_dim,)

    def _as_expected(self, shape: Shape) -> Shape:
        return shape[:1] + shape[1:][-1:]


class TimeDistributedDense(_Affine, MaskedLayer):
    """The same :class:`Dense` at every step, which takes and hands on a mask.

    ::

        y_t = activation(W.x_t + b)

    Input (nb_samples, timesteps, input_dim), output (nb_samples, timesteps, output_dim). Parameters,
    weights and errors are those of :class:`Dense`.

    Examples
    --------
    >>> from recurrent_layers import GRU, Sequential, TimeDistributedDense
    >>> model = Sequential([GRU(8, 32, return_sequences=True), TimeDistributedDense(32, 3, activation="softmax")])
    >>> model.output_shape
    (None, None, 3)
    """

    input_ndim = 3


class MaxoutDense(_Affine):
    """The largest of several linear functions, unit by unit (Goodfellow et al. 2013, arXiv:1302.4389).

    ::

        y = max(W_1.x + b_1, ..., W_n.x + b_n),   n = nb_feature

    Input (nb_samples, input_dim), output (nb_samples, output_dim). Weights: W (nb_feature, input_dim, output_dim),
    b (nb_feature, output_dim).

    Parameters
    ----------
    input_dim, output_dim : int
        Sizes of the input and of the output.
    nb_feature : int
        How many functions there are for each unit.
    init : str or callable
        Initialization of W; b begins at 0.
    weights : list of numpy.ndarray, optional
        Weights to begin with: [W, b].
    W_regularizer, b_regularizer, activity_regularizer : Regularizer or str, optional
        Penalties on W, on b and on the output, see :mod:`recurrent_layers.regularizers`.
    W_constraint, b_constraint : callable or str, optional
        What W and b are held to, see :mod:`recurrent_layers.constraints`.

    Raises
    ------
    ValueError
        If a size is not an integer of at least 1, a name is not known, or a weight does not fit.

    Examples
    --------
    >>> from recurrent_layers import MaxoutDense
    >>> [weight.shape for weight in MaxoutDense(8, 3, nb_feature=5).get_weights()]
    [(5, 8, 3), (5, 3)]
    """

    input_ndim = 2

    def __init__(self, input_dim: int, output_dim: int, nb_feature: int = 4, init: Named = 'glorot_uniform',
                 weights: Weights | None = None,
                 W_regularizer: Rule = None, b_regularizer: Rule = None, activity_regularizer: Rule = None,
                 W_constraint: Rule = None, b_constraint: Rule = None) -> None:
        self.nb_feature = integer("nb_feature", nb_feature)
        super().__init__(input_dim, output_dim, init, weights=weights, W_regularizer=W_regularizer,
                         b_regularizer=b_regularizer, activity_regularizer=activity_regularizer,
                         W_constraint=W_constraint, b_constraint=b_constraint)

    def _pieces(self) -> tuple[int, ...]:
        return (self.nb_feature,)

    def get_output(self, train: bool = False) -> Variable:
        return T.max(T.dot(self._input_of_floatX(train), self.W) + self.b, axis=1)


DenoisingAutoEncoder, = classes_elsewhere(__name__, "DenoisingAutoEncoder",
                                          instead="put a Dropout or a GaussianNoise before an AutoEncoder")
