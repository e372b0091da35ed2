"""Optimizers, found by their names: ``get("adam")``.

An optimizer turns a loss into a list of updates, so it serves without a model too:
``theano.function([x], loss, updates=SGD(lr=0.1).get_updates(params, constraints, loss))``
(``recurrent_layers.engine.function`` on any engine).
"""

from __future__ import annotations

import functools
import inspect
import math
from typing import Any, Callable, Iterable, Iterator, Sequence

import numpy as np

from recurrent_layers import engine
from recurrent_layers.engine import tensor as T
from recurrent_layers.exchange.copies import PortableState, portable
from recurrent_layers.initializations import shared, zero
from recurrent_layers.typing import Array, ArrayLike, Config, Variable
from recurrent_layers.utils import arguments
from recurrent_layers.utils.arrays import array_of_numbers, converted, is_finite, set_all
from recurrent_layers.utils.building import building_a_graph
from recurrent_layers.utils.generic_utils import get_from_module, instance, with_arguments
from recurrent_layers.utils.theano_utils import floatX, shared_scalar, shared_zeros
from recurrent_layers.warned import warn

__all__ = [
    "Adadelta", "Adagrad", "Adam", "Optimizer", "RMSprop", "SGD", "adadelta", "adagrad", "adam", "clip_norm", "floatX",
    "get", "get_from_module", "kl_divergence", "rmsprop", "sgd", "shared_scalar", "shared_zeros",
]  # fmt: skip


def _zeros_like(param: Variable) -> Variable:
    """A shared variable of zeros in the shape of `param`, for what an optimizer remembers."""
    return zero(param.get_value(borrow=True).shape)


def _of_floatX(value: ArrayLike) -> Variable:
    return T.cast(value, engine.config.floatX)


def _norm(gradients: list[Variable]) -> Variable:
    """The joint norm of some gradients, also where the square of a number is beyond `floatX`."""
    if engine.config.floatX == "float32":
        return T.sqrt(sum(T.sum(T.sqr(T.cast(g, "float64"))) for g in gradients))
    plain, small = (T.sqrt(sum(T.sum(T.sqr(g * factor)) for g in gradients)) for factor in (1.0, 1e-160))
    return T.switch(T.isinf(plain), small * 1e160, plain)


def clip_norm(g: Variable, c: float, n: Variable) -> Variable:
    """A gradient `g`, scaled by c / n where `n`, the joint norm of all gradients, is at least `c`; as it is for c = 0.

    Parameters
    ----------
    g : symbolic variable
    c : float
    n : symbolic scalar

    Returns
    -------
    symbolic variable

    Raises
    ------
    ValueError
        If `c` is no number of at least 0.

    Examples
    --------
    >>> from recurrent_layers.optimizers import clip_norm
    >>> from recurrent_layers.utils.theano_utils import sharedX
    >>> clip_norm(sharedX([3.0, 4.0]), 2.5, sharedX(5.0)).eval().tolist()
    [1.5, 2.0]
    """
    return T.switch(T.ge(n, c), g * c / n, g) if arguments.number("c", c, least=0.0) else g


def kl_divergence(p: Variable, p_hat: Variable) -> Variable:
    """p_hat - p + p log(p / p_hat), elementwise, of symbolic variables or arrays."""
    return p_hat - p + p * T.log(p / p_hat)


def without_gradient(loss: Variable, params: Iterable[Variable]) -> list[Variable]:
    """Those of `params` on which a loss does not depend, or not by anything that has a gradient."""
    found = []
    for param in params:
        try:
            T.grad(loss, param)
        except engine.DisconnectedInputError:
            found.append(param)
    return found


class _Number:
    """A number of an optimizer: a shared variable, so that a new one counts at once, also after `compile`.

    Where Keras has a shared variable of `floatX`, so it is to the user, too; else it is a float.
    """

    def __init__(self, most: float = math.inf, below: float = math.inf, is_plain: bool = False) -> None:
        self.bounds, self.is_plain = dict(least=0.0, most=most, below=below), is_plain

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, optimizer: Any, owner: type | None = None) -> Any:
        if optimizer is None:
            return self
        variable = self.variable(optimizer)
        return float(variable.get_value()) if self.is_plain else variable

    def variable(self, optimizer: Any) -> Variable:
        """The shared variable."""
        if self.name not in vars(optimizer):
            cls = type(optimizer).__name__
            raise AttributeError(f"{cls} has no {self.name} yet: let its __init__ call super().__init__()")
        return vars(optimizer)[self.name]

    def __set__(self, optimizer: Any, value: float) -> None:
        value = self.checked(optimizer, arguments.number(self.name, value, **self.bounds))
        variable = vars(optimizer).get(self.name)
        if variable is None:
            # As float64, 1 - beta is what it is in Python.
            vars(optimizer)[self.name] = engine.shared(np.float64(value)) if self.is_plain else shared(value)
        else:
            variable.set_value(np.asarray(value, dtype=variable.dtype))

    def checked(self, optimizer: Any, value: float) -> float:
        return value


class _Clipping(_Number):
    """A limit for gradients; 0 is none."""

    def checked(self, optimizer: Any, value: float) -> float:
        if optimizer.updates and (getattr(optimizer, self.name) > 0) != (value > 0):
            raise ValueError(f"{self.name} cannot be switched {'on' if value > 0 else 'off'} after compile: compile "
                             "with a new optimizer")
        return value


def _own_arguments(init: Callable[..., None]) -> list[str]:
    """The names of what an `__init__` takes, without what it passes on, whatever it calls that."""
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [name for name, one in list(inspect.signature(init).parameters.items())[1:] if one.kind not in several]


def _noting_what_is_passed_on(init: Callable[..., None]) -> Callable[..., None]:
    """An `__init__` that keeps the names of the arguments that it leaves to another class: its config needs them."""
    own = _own_arguments(init)

    @functools.wraps(init)
    def noting(self: Any, *arguments: Any, **named: Any) -> None:
        vars(self).setdefault("_passed_on", [name for name in named if name not in own])
        init(self, *arguments, **named)

    return noting


class Optimizer(PortableState):
    """What all optimizers share: gradients, their clipping, state, config.

    Parameters
    ----------
    clipnorm : float, keyword only
        If above 0, all gradients are scaled together so that their joint norm is at most this.
    clipvalue : float, keyword only
        If above 0, every element of a gradient is clipped to [-clipvalue, clipvalue].

    Attributes
    ----------
    updates : list of (shared variable, new value)
        What :meth:`get_updates` gave.
    memory : list of shared variables
        Those of them that are not trained: what the optimizer remembers from step to step.

    Examples
    --------
    >>> from recurrent_layers import Dense, Sequential
    >>> from recurrent_layers.optimizers import SGD, Optimizer
    >>> from recurrent_layers.utils.theano_utils import sharedX
    >>> p = sharedX(4.0)
    >>> [gradient] = Optimizer(clipvalue=1.0).get_gradients(p ** 2, [p])
    >>> float(gradient.eval())
    1.0
    >>> model = Sequential([Dense(3, 1)])
    >>> model.compile(loss="mse", optimizer=SGD(lr=0.5, clipnorm=2.0))
    """

    #: The learning rate, which all of ours have.
    lr: Any
    updates: Sequence[tuple[Variable, Variable]] = ()
    memory: Sequence[Variable] = ()
    _passed_on: Sequence[str] = ()
    clipnorm = _Clipping(is_plain=True)
    clipvalue = _Clipping(is_plain=True)

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        if "__init__" in vars(cls):
            cls.__init__ = _noting_what_is_passed_on(cls.__init__)

    def __init__(self, *, clipnorm: float = 0.0, clipvalue: float = 0.0, **others: Any) -> None:
        if "kappa" in others:
            kappa = arguments.shown(others.pop("kappa"))
            warn(f"{type(self).__name__} does not use kappa={kappa}, as in Keras 0.1.3")
        if others:
            takes = ", ".join(dict.fromkeys([*_own_arguments(type(self).__init__), "clipnorm", "clipvalue"]))
            raise TypeError(f"{type(self).__name__} has no argument {', '.join(others)}; it takes {takes}")
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.updates = []

    def __repr__(self) -> str:
        return arguments.call_of(self)

    def _plain(self, *names: str) -> list[Variable]:
        """The variables of numbers that are floats to the user."""
        return [getattr(type(self), name).variable(self) for name in names]

    def get_gradients(self, loss: Variable, params: Iterable[Variable]) -> list[Variable]:
        """Gradients of `loss`, clipped if so asked.

        Parameters
        ----------
        loss : symbolic scalar
        params : list of shared variables

        Returns
        -------
        list of symbolic variables

        Raises
        ------
        ValueError
            If the loss is no symbolic scalar or has no gradient by one of `params`, or what is to be trained is no
            shared variable.
        """
        params = arguments.items("params", params, "shared variables")
        for param in params:
            if not isinstance(param, engine.SharedVariable):
                raise ValueError(f"params must be a list of shared variables, got {arguments.shown(param)} in it")
        if not isinstance(loss, engine.Variable) or getattr(loss, "ndim", None) != 0:
            raise ValueError(f"loss must be a symbolic scalar, got {arguments.shown(loss)}")
        try:
            gradients = T.grad(loss, params)
        except engine.DisconnectedInputError:
            names = ", ".join(str(param) for param in without_gradient(loss, params))
            raise engine.DisconnectedInputError(f"the loss has no gradient by what is to be trained: {names}") from None
        clipnorm, clipvalue = self._plain("clipnorm", "clipvalue")
        if self.clipnorm > 0:
            norm = _norm(gradients)
            factor = _of_floatX(T.switch(T.ge(norm, clipnorm), clipnorm / norm, 1.0))
            gradients = [g * factor for g in gradients]
        if self.clipvalue > 0:
            limit = _of_floatX(clipvalue)
            gradients = [T.clip(g, -limit, limit) for g in gradients]
        return gradients

    def get_updates(self, params: Sequence[Variable], constraints: Sequence[Callable[[Variable], Variable]],
                    loss: Variable) -> list[tuple[Variable, Variable]]:
        """Updates that make one step downhill.

        Parameters
        ----------
        params : list of shared variables
            What to train.
        constraints : list of callables
            One for each of `params`, applied to its new value.
        loss : symbolic scalar

        Returns
        -------
        list of (shared variable, new value)
            To be handed to ``theano.function``; also kept as ``self.updates``.

        Raises
        ------
        ValueError
            As :meth:`get_gradients`, or if there is not a constraint for each of `params`.
        """
        params = arguments.items("params", params, "shared variables")
        gradients = self.get_gradients(loss, params)
        constraints = arguments.items("constraints", constraints, "functions")
        if len(constraints) != len(params) or not all(map(callable, constraints)):
            raise ValueError(f"constraints must be {len(params)} functions, one for each of params, got "
                             f"{arguments.shown(constraints)}")
        constrained = dict(zip(params, constraints))
        updates = []
        for variable, value in self._updates(params, gradients):
            with building_a_graph(f"the constraint of {variable}"):
                new = constrained[variable](value) if variable in constrained else value
            if not isinstance(new, engine.Variable) or (new.ndim, new.dtype) != (value.ndim, value.dtype):
                given = new.type if isinstance(new, engine.Variable) else arguments.shown(new)
                raise ValueError(f"the constraint of {variable} must make another value of a value, {value.type}, got "
                                 f"{given}")
            updates.append((variable, new))
        self.updates = updates
        self.memory = [variable for variable, _ in self.updates if variable not in params]
        return self.updates

    def reset_state(self) -> None:
        """Forget all that steps have left, as after `compile`; what is trained stays as it is.

        One step with a gradient that is infinite or NaN makes NaN of running means for good.
        """
        set_all([(variable, np.zeros_like(variable.get_value(borrow=True))) for variable in self.memory])

    def _updates(self, params: Sequence[Variable], gradients: list[Variable]) -> Iterator[tuple[Variable, Variable]]:
        """Yield (shared variable, new value) for the state and the params of one step."""
        raise NotImplementedError(f"{type(self).__name__} has no updates: a subclass of Optimizer needs a method "
                                  "get_updates(self, params, constraints, loss)")

    def get_state(self) -> list[Array]:
        """Values of everything that a step changes, the trained weights included."""
        return [variable.get_value() for variable, _ in self.updates]

    def set_state(self, value_list: Iterable[ArrayLike]) -> None:
        """Restore what :meth:`get_state` gave.

        Raises
        ------
        ValueError
            If the number or the shapes of the arrays are not those of this optimizer's state, or a number is not
            finite.
        """
        variables = [variable for variable, _ in self.updates]
        values = [array_of_numbers("the state", value) for value in arguments.items("value_list", value_list, "arrays")]
        expected = [variable.get_value(borrow=True).shape for variable in variables]
        given = [value.shape for value in values]
        if expected != given:
            raise ValueError(f"this optimizer's state has arrays of shapes {expected}, got {given}")
        if not all(is_finite(value, variable.dtype) for variable, value in zip(variables, values)):
            raise ValueError("the state has NaN or infinity")
        set_all([(variable, converted("the state", value, variable.dtype))
                 for variable, value in zip(variables, values)])

    def __getstate__(self) -> dict[str, Any]:
        # What a step changes belongs to the model that was compiled; it restores its values (see Sequential).
        return portable(dict(self.__dict__, updates=[], memory=[]))

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        for name, value in state.items():
            # Until version 0.1 a float was all that there was.
            if isinstance(getattr(type(self), name, None), _Number) and isinstance(value, (int, float)):
                del vars(self)[name]
                setattr(self, name, value)

    def get_config(self) -> Config:
        """The class's name and the current values of its arguments, as a dict for JSON."""
        config: Config = {"name": type(self).__name__}
        passed_on = [name for name in self._passed_on if name not in ("clipnorm", "clipvalue") and hasattr(self, name)]
        for name in [*_own_arguments(type(self).__init__), *passed_on]:
            value = getattr(self, name)
            if hasattr(value, "get_value"):
                value = value.get_value()
            config[name] = value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
        for name in ("clipnorm", "clipvalue"):
            if getattr(self, name) > 0:
                config[name] = getattr(self, name)
        return config


class SGD(Optimizer):
    """Gradient descent with momentum.

    ::

        v = momentum v - lr / (1 + decay t) g
        p = p + v                              (nesterov: p + momentum v - lr g)

    Parameters
    ----------
    lr : float
        Learning rate.
    momentum : float
        How much of the last step is kept.
    decay : float
        How fast the learning rate falls with the number of steps t.
    nesterov : bool
        Look ahead along the momentum (Nesterov 1983).
    **clipping
        `clipnorm` and `clipvalue`, see :class:`Optimizer`.

    Examples
    --------
    >>> from recurrent_layers import engine
    >>> from recurrent_layers.optimizers import SGD
    >>> from recurrent_layers.utils.theano_utils import sharedX
    >>> p = sharedX(4.0)
    >>> updates = SGD(lr=0.25, momentum=0.5).get_updates([p], [lambda value: value], p ** 2)
    >>> step = engine.function([], p ** 2, updates=updates, mode="FAST_COMPILE")
    >>> [float(step()) for _ in range(4)]
    [16.0, 4.0, 0.0, 1.0]

    Its numbers can be set while a model trains:

    >>> from recurrent_layers import Dense, Sequential
    >>> model = Sequential([Dense(3, 1)])
    >>> model.compile(loss="mse", optimizer=SGD(lr=0.5, nesterov=True))
    >>> model.optimizer.lr = 0.25
    >>> model.optimizer.get_config()
    {'name': 'SGD', 'lr': 0.25, 'momentum': 0.0, 'decay': 0.0, 'nesterov': True}
    """

    lr, momentum, decay = _Number(), _Number(most=1.0), _Number()

    def __init__(self, lr: float = 0.01, momentum: float = 0.0, decay: float = 0.0, nesterov: bool = False,
                 **clipping: float) -> None:
        super().__init__(**clipping)
        self.iterations = shared(0)
        self.lr = lr
        self.momentum = momentum
        self.decay = decay
        self.nesterov = nesterov

    @property
    def nesterov(self) -> bool:
        return vars(self)["nesterov"]

    @nesterov.setter
    def nesterov(self, value: bool) -> None:
        value = arguments.flag("nesterov", value)
        if self.updates and value != self.nesterov:
            raise ValueError("nesterov cannot be changed after compile: compile with a new optimizer")
        vars(self)["nesterov"] = value

    def _updates(self, params: Sequence[Variable], gradients: list[Variable]) -> Iterator[tuple[Variable, Variable]]:
        lr = self.lr / (1.0 + self.decay * self.iterations)
        yield self.iterations, self.iterations + 1.0
        for p, g in zip(params, gradients):
            v_tm1 = _zeros_like(p)
            v = self.momentum * v_tm1 - lr * g
            yield v_tm1, v
            yield p, p + self.momentum * v - lr * g if self.nesterov else p + v


class RMSprop(Optimizer):
    """Divide the gradient by a running root mean square of itself (Tieleman and Hinton 2012).

    ::

        a = rho a + (1 - rho) g^2
        p = p - lr g / sqrt(a + epsilon)

    Parameters
    ----------
    lr : float
        Learning rate.
    rho : float
        How much of the running mean is kept.
    epsilon : float
        Keeps the root away from 0.
    **clipping
        `clipnorm` and `clipvalue`, see :class:`Optimizer`.

    Examples
    --------
    The first step is lr / sqrt(1 - rho) long, whatever the gradient:

    >>> from recurrent_layers import engine
    >>> from recurrent_layers.optimizers import RMSprop
    >>> from recurrent_layers.utils.theano_utils import sharedX
    >>> p = sharedX(4.0)
    >>> updates = RMSprop(lr=0.5, rho=0.75).get_updates([p], [lambda value: value], p ** 2)
    >>> _ = engine.function([], updates=updates, mode="FAST_COMPILE")()
    >>> round(float(p.get_value()), 4)
    3.0
    """

    lr, rho, epsilon = _Number(), _Number(most=1.0), _Number(is_plain=True)

    def __init__(self, lr: float = 0.001, rho: float = 0.9, epsilon: float = 1e-6, **clipping: float) -> None:
        super().__init__(**clipping)
        self.lr = lr
        self.rho = rho
        self.epsilon = epsilon

    def _updates(self, params: Sequence[Variable], gradients: list[Variable]) -> Iterator[tuple[Variable, Variable]]:
        epsilon, = map(_of_floatX, self._plain("epsilon"))
        for p, g in zip(params, gradients):
            a_tm1 = _zeros_like(p)
            a = self.rho * a_tm1 + (1.0 - self.rho) * T.sqr(g)
            yield a_tm1, a
            yield p, p - self.lr * g / T.sqrt(a + epsilon)


class Adagrad(Optimizer):
    """Divide the gradient by the root of the sum of all its squares (Duchi et al. 2011).

    ::

        a = a + g^2
        p = p - lr g / sqrt(a + epsilon)

    Parameters
    ----------
    lr : float
        Learning rate.
    epsilon : float
        Keeps the root away from 0.
    **clipping
        `clipnorm` and `clipvalue`, see :class:`Optimizer`.

    Examples
    --------
    The first step is lr long, whatever the gradient:

    >>> from recurrent_layers import engine
    >>> from recurrent_layers.optimizers import Adagrad
    >>> from recurrent_layers.utils.theano_utils import sharedX
    >>> p = sharedX(4.0)
    >>> updates = Adagrad(lr=0.5).get_updates([p], [lambda value: value], p ** 2)
    >>> _ = engine.function([], updates=updates, mode="FAST_COMPILE")()
    >>> round(float(p.get_value()), 4)
    3.5
    """

    lr, epsilon = _Number(), _Number(is_plain=True)

    def __init__(self, lr: float = 0.01, epsilon: float = 1e-6, **clipping: float) -> None:
        super().__init__(**clipping)
        self.lr = lr
        self.epsilon = epsilon

    def _updates(self, params: Sequence[Variable], gradients: list[Variable]) -> Iterator[tuple[Variable, Variable]]:
        epsilon, = map(_of_floatX, self._plain("epsilon"))
        for p, g in zip(params, gradients):
            a_tm1 = _zeros_like(p)
            a = a_tm1 + T.sqr(g)
            yield a_tm1, a
            yield p, p - self.lr * g / T.sqrt(a + epsilon)


class Adadelta(Optimizer):
    """Steps in the units of the weights (Zeiler 2012, arXiv:1212.5701).

    ::

        a = rho a + (1 - rho) g^2
        u = g sqrt(d + epsilon) / sqrt(a + epsilon)
        p = p - lr u
        d = rho d + (1 - rho) u^2

    Parameters
    ----------
    lr : float
        Factor for the step, 1 in the paper.
    rho : float
        How much of the running means is kept.
    epsilon : float
        Keeps the roots away from 0, and starts the first step.
    **clipping
        `clipnorm` and `clipvalue`, see :class:`Optimizer`.

    Examples
    --------
    The first step is sqrt(epsilon / (1 - rho)) long, whatever the gradient:

    >>> from recurrent_layers import engine
    >>> from recurrent_layers.optimizers import Adadelta
    >>> from recurrent_layers.utils.theano_utils import sharedX
    >>> p = sharedX(4.0)
    >>> updates = Adadelta(rho=0.75, epsilon=0.0625).get_updates([p], [lambda value: value], p ** 2)
    >>> _ = engine.function([], updates=updates, mode="FAST_COMPILE")()
    >>> round(float(p.get_value()), 2)
    3.5
    """

    lr, rho, epsilon = _Number(), _Number(most=1.0), _Number(is_plain=True)

    def __init__(self, lr: float = 1.0, rho: float = 0.95, epsilon: float = 1e-6, **clipping: float) -> None:
        super().__init__(**clipping)
        self.lr = lr
        self.rho = rho
        self.epsilon = epsilon

    def _updates(self, params: Sequence[Variable], gradients: list[Variable]) -> Iterator[tuple[Variable, Variable]]:
        epsilon, = map(_of_floatX, self._plain("epsilon"))
        for p, g in zip(params, gradients):
            a_tm1, d_tm1 = _zeros_like(p), _zeros_like(p)
            a = self.rho * a_tm1 + (1.0 - self.rho) * T.sqr(g)
            u = g * T.sqrt(d_tm1 + epsilon) / T.sqrt(a + epsilon)
            yield a_tm1, a
            yield p, p - self.lr * u
            yield d_tm1, self.rho * d_tm1 + (1.0 - self.rho) * T.sqr(u)


class Adam(Optimizer):
    """Running means of the gradient and of its square (Kingma and Ba 2014, arXiv:1412.6980).

    ::

        m = beta_1 m + (1 - beta_1) g
        v = beta_2 v + (1 - beta_2) g^2
        p = p - lr sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    Parameters
    ----------
    lr : float
        Learning rate.
    beta_1, beta_2 : float
        How much of the two running means is kept.
    epsilon : float
        Keeps the divisor away from 0.
    **clipping
        `clipnorm` and `clipvalue`, see :class:`Optimizer`.

    Examples
    --------
    The first step is lr long, whatever the gradient:

    >>> from recurrent_layers import engine
    >>> from recurrent_layers.optimizers import Adam
    >>> from recurrent_layers.utils.theano_utils import sharedX
    >>> p = sharedX(4.0)
    >>> updates = Adam(lr=0.5).get_updates([p], [lambda value: value], p ** 2)
    >>> _ = engine.function([], updates=updates, mode="FAST_COMPILE")()
    >>> round(float(p.get_value()), 4)
    3.5
    """

    lr, epsilon = _Number(), _Number(is_plain=True)
    beta_1, beta_2 = _Number(below=1.0, is_plain=True), _Number(below=1.0, is_plain=True)

    def __init__(self, lr: float = 0.001, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8,
                 **clipping: float) -> None:
        super().__init__(**clipping)
        self.iterations = shared(0)
        self.lr = lr
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def _updates(self, params: Sequence[Variable], gradients: list[Variable]) -> Iterator[tuple[Variable, Variable]]:
        t = self.iterations + 1.0
        yield self.iterations, t
        exact_1, exact_2, epsilon = self._plain("beta_1", "beta_2", "epsilon")
        beta_1, beta_2, epsilon = map(_of_floatX, (exact_1, exact_2, epsilon))
        new_1, new_2 = _of_floatX(1.0 - exact_1), _of_floatX(1.0 - exact_2)
        lr_t = self.lr * T.sqrt(1.0 - beta_2**t) / (1.0 - beta_1**t)
        for p, g in zip(params, gradients):
            m_tm1, v_tm1 = _zeros_like(p), _zeros_like(p)
            m = beta_1 * m_tm1 + new_1 * g
            v = beta_2 * v_tm1 + new_2 * T.sqr(g)
            yield m_tm1, m
            yield v_tm1, v
            yield p, p - lr_t * m / (T.sqrt(v) + epsilon)


sgd, rmsprop, adagrad, adadelta, adam = SGD, RMSprop, Adagrad, Adadelta, Adam

KNOWN = {name: cls for cls in (SGD, RMSprop, Adagrad, Adadelta, Adam)
          for name in (cls.__name__, cls.__name__.lower())}  # fmt: skip


def get(identifier: str | Config | Optimizer, kwargs: Config | None = None) -> Optimizer:
    """Find an optimizer.

    Parameters
    ----------
    identifier : str, dict or Optimizer
        A class's name, in its own or in lower case ("rmsprop"); what :meth:`Optimizer.get_config` gave; an
        optimizer is returned as it is.
    kwargs : dict, optional
        Arguments for the class that is named.

    Returns
    -------
    Optimizer

    Raises
    ------
    ValueError
        If the name is not known; the message lists the known ones. Or if the arguments are not those of the class.

    Examples
    --------
    >>> from recurrent_layers import optimizers
    >>> optimizers.get("sgd", {"lr": 0.5}).get_config()
    {'name': 'SGD', 'lr': 0.5, 'momentum': 0.0, 'decay': 0.0, 'nesterov': False}
    """
    return instance(with_arguments(identifier, kwargs, "optimizer"), KNOWN, "optimizer", "get_updates")
