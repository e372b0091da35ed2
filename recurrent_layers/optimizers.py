"""Optimizers, found by their names: ``get("adam")``.

An optimizer turns a loss into a list of updates, so it serves without a model too:
``theano.function([x], loss, updates=SGD(lr=0.1).get_updates(params, constraints, loss))``
(``recurrent_layers.engine.function`` on any engine).
"""

import inspect

from recurrent_layers.engine import tensor as T
from recurrent_layers.exchange.copies import PortableState, portable
from recurrent_layers.initializations import shared, zero
from recurrent_layers.utils.generic_utils import instance


def _zeros_like(param):
    """A shared variable of zeros in the shape of `param`, for what an optimizer remembers."""
    return zero(param.get_value(borrow=True).shape)


class Optimizer(PortableState):
    """What all optimizers share: gradients, their clipping, state, config.

    Parameters
    ----------
    clipnorm : float, keyword only
        If above 0, all gradients are scaled together so that their joint norm is at most this.
    clipvalue : float, keyword only
        If above 0, every element of a gradient is clipped to [-clipvalue, clipvalue].
    """

    def __init__(self, *, clipnorm=0.0, clipvalue=0.0):
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.updates = []

    def get_gradients(self, loss, params):
        """Gradients of `loss`, clipped if so asked.

        Parameters
        ----------
        loss : symbolic scalar
        params : list of shared variables

        Returns
        -------
        list of symbolic variables
        """
        gradients = T.grad(loss, params)
        if self.clipnorm > 0:
            norm = T.sqrt(sum(T.sum(T.sqr(g)) for g in gradients))
            gradients = [T.switch(T.ge(norm, self.clipnorm), g * self.clipnorm / norm, g) for g in gradients]
        if self.clipvalue > 0:
            gradients = [T.clip(g, -self.clipvalue, self.clipvalue) for g in gradients]
        return gradients

    def get_updates(self, params, constraints, loss):
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
        """
        self.updates = []
        gradients = self.get_gradients(loss, params)
        constrained = dict(zip(params, constraints))
        for variable, value in self._updates(params, gradients):
            self.updates.append((variable, constrained.get(variable, lambda new: new)(value)))
        return self.updates

    def _updates(self, params, gradients):
        """Yield (shared variable, new value) for the state and the params of one step."""
        raise NotImplementedError

    def get_state(self):
        """Values of everything that a step changes, the trained weights included."""
        return [variable.get_value() for variable, _ in self.updates]

    def set_state(self, value_list):
        """Restore what :meth:`get_state` gave.

        Raises
        ------
        ValueError
            If the number or the shapes of the arrays are not those of this optimizer's state.
        """
        variables = [variable for variable, _ in self.updates]
        expected = [variable.get_value(borrow=True).shape for variable in variables]
        given = [getattr(value, "shape", ()) for value in value_list]
        if expected != given:
            raise ValueError(f"this optimizer's state has arrays of shapes {expected}, got {given}")
        for variable, value in zip(variables, value_list):
            variable.set_value(value.astype(variable.dtype))

    def __getstate__(self):
        # What a step changes belongs to the model that was compiled; it restores its values (see Sequential).
        return portable(dict(self.__dict__, updates=[]))

    def get_config(self):
        """The class's name and the current values of its arguments, as a dict for JSON."""
        config = {"name": type(self).__name__}
        for name in inspect.signature(type(self).__init__).parameters:
            if name not in ("self", "clipping"):
                value = getattr(self, name)
                config[name] = value if isinstance(value, (bool, int, float)) else float(value.get_value())
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
    """

    def __init__(self, lr=0.01, momentum=0.0, decay=0.0, nesterov=False, **clipping):
        super().__init__(**clipping)
        self.iterations = shared(0)
        self.lr = shared(lr)
        self.momentum = shared(momentum)
        self.decay = shared(decay)
        self.nesterov = nesterov

    def _updates(self, params, gradients):
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
    """

    def __init__(self, lr=0.001, rho=0.9, epsilon=1e-6, **clipping):
        super().__init__(**clipping)
        self.lr = shared(lr)
        self.rho = shared(rho)
        self.epsilon = epsilon

    def _updates(self, params, gradients):
        for p, g in zip(params, gradients):
            a_tm1 = _zeros_like(p)
            a = self.rho * a_tm1 + (1.0 - self.rho) * T.sqr(g)
            yield a_tm1, a
            yield p, p - self.lr * g / T.sqrt(a + self.epsilon)


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
    """

    def __init__(self, lr=0.01, epsilon=1e-6, **clipping):
        super().__init__(**clipping)
        self.lr = shared(lr)
        self.epsilon = epsilon

    def _updates(self, params, gradients):
        for p, g in zip(params, gradients):
            a_tm1 = _zeros_like(p)
            a = a_tm1 + T.sqr(g)
            yield a_tm1, a
            yield p, p - self.lr * g / T.sqrt(a + self.epsilon)


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
    """

    def __init__(self, lr=1.0, rho=0.95, epsilon=1e-6, **clipping):
        super().__init__(**clipping)
        self.lr = shared(lr)
        self.rho = shared(rho)
        self.epsilon = epsilon

    def _updates(self, params, gradients):
        for p, g in zip(params, gradients):
            a_tm1, d_tm1 = _zeros_like(p), _zeros_like(p)
            a = self.rho * a_tm1 + (1.0 - self.rho) * T.sqr(g)
            u = g * T.sqrt(d_tm1 + self.epsilon) / T.sqrt(a + self.epsilon)
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
    """

    def __init__(self, lr=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8, **clipping):
        super().__init__(**clipping)
        self.iterations = shared(0)
        self.lr = shared(lr)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def _updates(self, params, gradients):
        t = self.iterations + 1.0
        yield self.iterations, t
        lr_t = self.lr * T.sqrt(1.0 - self.beta_2**t) / (1.0 - self.beta_1**t)
        for p, g in zip(params, gradients):
            m_tm1, v_tm1 = _zeros_like(p), _zeros_like(p)
            m = self.beta_1 * m_tm1 + (1.0 - self.beta_1) * g
            v = self.beta_2 * v_tm1 + (1.0 - self.beta_2) * T.sqr(g)
            yield m_tm1, m
            yield v_tm1, v
            yield p, p - lr_t * m / (T.sqrt(v) + self.epsilon)


sgd, rmsprop, adagrad, adadelta, adam = SGD, RMSprop, Adagrad, Adadelta, Adam

KNOWN = {name: cls for cls in (SGD, RMSprop, Adagrad, Adadelta, Adam)
          for name in (cls.__name__, cls.__name__.lower())}  # fmt: skip


def get(identifier, kwargs=None):
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
        If the name is not known; the message lists the known ones.
    """
    if isinstance(identifier, str):
        identifier = dict(kwargs or {}, name=identifier)
    return instance(identifier, KNOWN, "optimizer")
