"""The layers around the recurrent ones."""

from recurrent_layers import activations, constraints, initializations
from recurrent_layers.engine import config
from recurrent_layers.engine import tensor as T
from recurrent_layers.layers.base import DrawsNumbers, Layer, MaskedLayer, Said
from recurrent_layers.utils.arguments import integer, number, text
from recurrent_layers.utils.generic_utils import known_name

__all__ = ["Activation", "Dense", "Dropout", "Layer", "MaskedLayer", "Masking", "RepeatVector",
           "TimeDistributedDense"]  # fmt: skip


def _has_known_activation(layer):
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
    """

    input_ndim = 3
    stepwise = True

    def __init__(self, mask_value=0.0):
        super().__init__()
        self.mask_value = number("mask_value", mask_value)
        self.input = T.tensor3("Masking_input")

    def get_output(self, train=False):
        return self.get_input(train) * T.shape_padright(self.get_output_mask(train))

    def get_output_mask(self, train=False):
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
    """

    stepwise = True

    def __init__(self, p):
        super().__init__()
        self.p = number("p", p, least=0.0, most=1.0)
        self.seed_streams()

    def get_output(self, train=False):
        X = self.get_input(train)
        if train and self.p > 0.0:
            return X * self.random_streams.binomial(X.shape, p=1.0 - self.p, dtype=config.floatX)
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
    """

    stepwise = Said(_has_known_activation)

    def __init__(self, activation, target=0, beta=0.1):
        super().__init__()
        self.activation = activations.get(activation)
        self.target = number("target", target)
        self.beta = number("beta", beta)

    def get_output(self, train=False):
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
    """

    input_ndim = 2

    def __init__(self, n):
        super().__init__()
        self.n = integer("n", n)
        self.input = T.matrix("RepeatVector_input")

    @property
    def output_shape(self):
        nb_samples, dim = self.input_shape
        return (nb_samples, self.n, dim)

    def get_output(self, train=False):
        X = self.get_input(train)
        return T.alloc(X.dimshuffle(0, 'x', 1), X.shape[0], self.n, X.shape[1])


class _Affine(Layer):
    """activation(W.x + b) over the last axis, for any number of axes before it."""

    stepwise = Said(lambda layer: _has_known_activation(layer) and len(layer.expected_input_shape) > 2)

    def __init__(self, input_dim, output_dim, init='glorot_uniform', activation='linear', weights=None, name=None,
                 W_regularizer=None, b_regularizer=None, activity_regularizer=None,
                 W_constraint=None, b_constraint=None):
        super().__init__()
        self.input_dim = integer("input_dim", input_dim)
        self.output_dim = integer("output_dim", output_dim)
        self.init = initializations.get(init)
        self.activation = activations.get(activation)
        prefix = "" if name is None else text("name", name) + "_"
        ndim = len(self.expected_input_shape)
        self.input = T.TensorType(config.floatX, (False,) * ndim)(type(self).__name__ + "_input")
        self.W = self.add_weight(prefix + "W", self.init, (self.input_dim, self.output_dim))
        self.b = self.add_weight(prefix + "b", initializations.zero, (self.output_dim,))
        self.params = [self.W, self.b]
        self.W_regularizer = self.add_regularizer(W_regularizer, self.W)
        self.b_regularizer = self.add_regularizer(b_regularizer, self.b)
        self.activity_regularizer = self.add_regularizer(activity_regularizer, self)
        self.W_constraint = constraints.get(W_constraint)
        self.b_constraint = constraints.get(b_constraint)
        self.constraints = [self.W_constraint, self.b_constraint]
        if weights is not None:
            self.set_weights(weights)

    @property
    def output_shape(self):
        return tuple(self.input_shape[:-1]) + (self.output_dim,)

    def get_output(self, train=False):
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
    """

    @property
    def expected_input_shape(self):
        shape = self.previous.output_shape if hasattr(self, "previous") else None
        return (None,) * (1 if shape is None else len(shape) - 1) + (self.input_dim,)

    def _as_expected(self, shape):
        return shape[:1] + shape[1:][-1:]


class TimeDistributedDense(_Affine, MaskedLayer):
    """The same :class:`Dense` at every step, which takes and hands on a mask.

    ::

        y_t = activation(W.x_t + b)

    Input (nb_samples, timesteps, input_dim), output (nb_samples, timesteps, output_dim). Parameters,
    weights and errors are those of :class:`Dense`.
    """

    input_ndim = 3

    @property
    def expected_input_shape(self):
        return (None, None, self.input_dim)
