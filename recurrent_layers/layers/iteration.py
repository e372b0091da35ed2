"""What all recurrent layers share: a cell, iterated over the timesteps of an input."""

from __future__ import annotations

import inspect
import warnings
from typing import TYPE_CHECKING, Any, Sequence

import numpy as np

from recurrent_layers import activations, constraints, initializations, regularizers
from recurrent_layers.engine import Constant, SharedVariable, Variable, config, graph_inputs, of_any_size, of_size_1
from recurrent_layers.engine import tensor as T
from recurrent_layers.layers import cells
from recurrent_layers.layers.base import DrawsNumbers, MaskedLayer, Said
from recurrent_layers.layers.carrying import Carried
from recurrent_layers.recurrence import scan
from recurrent_layers.recurrence.graphs import with_clipped_sums, with_other_products
from recurrent_layers.typing import Matched, Named, Rule, Shape, Weights
from recurrent_layers.utils.arguments import flag, integer, items, number, shown, text
from recurrent_layers.utils.building import goes_on, hand_on, made_once

_PARAMETERS = """

Parameters
----------
input_dim : int
    Size of the input at each step.
output_dim : int
    Size of the output and of the state.
init : str or callable
    Initialization of the matrices W, of shape (input_dim, output_dim).
inner_init : str or callable
    Initialization of the matrices U, of shape (output_dim, output_dim).
activation : str or callable
    The outer activation.
inner_activation : str or callable
    The activation of the gates.
weights : list of numpy.ndarray, optional
    Weights to begin with, in the order of `params`.
truncate_gradient : int
    Let gradients go through the last so many steps of each batch only; -1 for all. What comes before them trains
    neither this layer nor those below it. For labels at every step, cut sequences into pieces with `stateful` instead.
return_sequences : bool
    Return the output of every step rather than of the last."""

_OPTIONS = """
go_backwards : bool
    Begin with the last step. The outputs are in the order in which they are computed.
initial_state : symbolic variable, list of them, Recurrent, or "learned", optional
    The states before the first step, each (nb_samples, n), mostly with n = output_dim: variables, one for each state,
    in the order in which `step` has them, the output first; the last states of another recurrent layer, which has as
    many; or parameters that are trained, the same for all samples, which begin at 0 and come last in `params`. By
    default 0.
return_state : bool
    Let :meth:`get_output` leave the states after the last step in `final_states`.
stateful : bool
    Let each sample of a model's batch begin with the states that its row had at the end of the batch before, until
    :meth:`reset_states`: long sequences are trained on in pieces. Gradients do not reach back into that batch. See
    :meth:`Sequential.reset_states`.
dropout_W, dropout_U : float
    The share of the inputs, and of the recurrent inputs (whatever multiplies U), that is dropped while training: the
    same at all steps of a sample, and for all gates [1]_.
zoneout : float
    The share of the numbers of each state that stay what they were at a step, while training; else states are mixed in
    that proportion [2]_.
gradient_clipping : float
    At each step clip the elements of the gradient at each pre-activation (a sum with a product with U in it) to ± this
    number, as in Lasagne; 0 for no clipping.
W_regularizer, U_regularizer, b_regularizer, activity_regularizer : Regularizer or str, optional
    Penalties on the matrices W and U, on the biases b, and on the output, see :mod:`recurrent_layers.regularizers`.
W_constraint, U_constraint, b_constraint : callable or str, optional
    What these weights are held to, see :mod:`recurrent_layers.constraints`."""

_NOTES = """

Notes
-----
Input of shape (nb_samples, timesteps, input_dim) gives output of shape (nb_samples, timesteps,
output_dim) with `return_sequences`, else (nb_samples, output_dim). At a masked step the state stays
what it was, so padding changes nothing, on whichever side it is. With `truncate_gradient`, pad on the left:
padding at the end counts among the last steps.

Raises
------
ValueError
    If a size is not an integer of at least 1, a name is not known, or a weight does not fit.
"""

_REFERENCES = """
.. [1] Gal and Ghahramani (2016), "A Theoretically Grounded Application of Dropout in Recurrent Neural Networks",
   arXiv:1512.05287.
.. [2] Krueger et al. (2017), "Zoneout: Regularizing RNNs by Randomly Preserving Hidden Activations", arXiv:1606.01305.
"""


#: By the first letter of weights, the options that act on them.
_ACTING_ON = {"W": ("W_regularizer", "W_constraint"), "b": ("b_regularizer", "b_constraint"),
              "U": ("dropout_U", "gradient_clipping", "U_regularizer", "U_constraint")}  # fmt: skip


def _projection(shape):
    """The map of x into the space of h, where the paper leaves it open: ±1/sqrt(input_dim) at random."""
    input_dim, output_dim = shape
    if input_dim == output_dim:
        return initializations.identity(shape)
    signs = np.random.binomial(1, 0.5, size=shape) * 2 - 1
    return initializations.shared(signs / np.sqrt(input_dim))


class Recurrent(DrawsNumbers, MaskedLayer):
    """Iterates a cell over the timesteps of its input.

    A cell is a subclass that names its weights in `param_names`, says in `nb_states` how many states it has, and gives
    its equations: :meth:`step`, which never sees the loop, the mask or the truncation. All else comes for free.

    The first letter of a weight's name is its kind: ``W`` (input_dim, output_dim), drawn by `init`;
    ``U`` (output_dim, output_dim), drawn by `inner_init`; a small letter, such as ``b``, (output_dim,),
    zero; ``P`` (input_dim, output_dim), a random projection, fixed only if it is named in `non_trainable_names`. For
    others there is :meth:`initialization`.

    Examples
    --------
    >>> from recurrent_layers import Dense, Recurrent, Sequential
    >>> from recurrent_layers.engine import tensor as T
    >>> class MGU(Recurrent):
    ...     param_names = ("W_f", "U_f", "b_f", "W_h", "U_h", "b_h")
    ...
    ...     def step(self, x_t, h_tm1):
    ...         f = self.inner_activation(T.dot(x_t, self.W_f) + T.dot(h_tm1, self.U_f) + self.b_f)
    ...         hh = self.activation(T.dot(x_t, self.W_h) + T.dot(f * h_tm1, self.U_h) + self.b_h)
    ...         return (1 - f) * h_tm1 + f * hh
    >>> [weight.shape for weight in MGU(3, 8).get_weights()]
    [(3, 8), (8, 8), (8,), (3, 8), (8, 8), (8,)]
    >>> Sequential([MGU(3, 8, zoneout=0.1), Dense(8, 1)])
    Sequential([MGU(3, 8, zoneout=0.1), Dense(8, 1)])
    """

    input_ndim = 3
    param_names: tuple[str, ...] = ()
    non_trainable_names: tuple[str, ...] = ()
    nb_states: int = 1
    #: The arguments of its base that a layer passes on itself, so that no user may.
    fixed: tuple[str, ...] = ()

    # Of layers that were pickled by a version without these.
    go_backwards = return_state = stateful = False
    dropout_W = dropout_U = zoneout = gradient_clipping = 0.0
    initial_state = W_regularizer = U_regularizer = b_regularizer = activity_regularizer = None
    W_constraint = U_constraint = b_constraint = None
    _learned = ()

    if TYPE_CHECKING:  # Weights are attributes by their names.

        def __getattr__(self, name: str) -> Variable: ...

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__doc__ = _with_shared_sections(cls.__doc__)
        if "__init__" in vars(cls):
            base = next(base for base in cls.__mro__[1:] if issubclass(base, Recurrent))
            cls.__init__.__signature__ = _with_options(inspect.signature(cls.__init__), base, cls.fixed)

    def __init__(self, input_dim: int | None = None, output_dim: int = 128, init: Named = 'glorot_uniform',
                 inner_init: Named = 'orthogonal', activation: Named = 'tanh', inner_activation: Named = 'sigmoid',
                 weights: Weights | None = None, truncate_gradient: int = -1,
                 return_sequences: bool = False, *, go_backwards: bool = False,
                 initial_state: Variable | Sequence[Variable] | Recurrent | str | None = None,
                 return_state: bool = False, stateful: bool = False, dropout_W: float = 0.0, dropout_U: float = 0.0,
                 zoneout: float = 0.0, gradient_clipping: float = 0.0,
                 W_regularizer: Rule = None, U_regularizer: Rule = None, b_regularizer: Rule = None,
                 activity_regularizer: Rule = None,
                 W_constraint: Rule = None, U_constraint: Rule = None, b_constraint: Rule = None) -> None:
        super().__init__()
        if input_dim is None and type(self).get_output is not Recurrent.get_output:
            return  # A layer as one wrote it for Keras 0.1: with weights and a loop of its own.
        self.input_dim = integer("input_dim", input_dim)
        self.output_dim = integer("output_dim", output_dim)
        self.init = initializations.get(init)
        self.inner_init = initializations.get(inner_init)
        self.activation = activations.get(activation)
        self.inner_activation = activations.get(inner_activation)
        self.truncate_gradient = integer("truncate_gradient", truncate_gradient, or_minus_1="all steps")
        self.return_sequences = flag("return_sequences", return_sequences)
        self.go_backwards = flag("go_backwards", go_backwards)
        self.nb_states = integer(f"nb_states of {type(self).__name__}", self.nb_states)
        self.initial_state = self._checked_initial_state(initial_state)
        self.return_state = flag("return_state", return_state)
        self.stateful = flag("stateful", stateful)
        if self.stateful and not self.may_go_on:
            raise ValueError(f"{type(self).__name__} cannot be stateful: its own `inputs` may look at all steps, of "
                             "which it sees a part. If it needs no more than how many steps there have been, let it "
                             "take that as its parameter `steps_before`")
        if self.stateful and not (initial_state is None or isinstance(initial_state, str)):
            raise ValueError("stateful=True begins a batch with the states in which the one before has left the layer, "
                             "and initial_state=... with these: only 'learned' ones, which are those before the first "
                             "batch, go with stateful")
        self.dropout_W = number("dropout_W", dropout_W, least=0.0, below=1.0)
        self.dropout_U = number("dropout_U", dropout_U, least=0.0, below=1.0)
        self.zoneout = number("zoneout", zoneout, least=0.0, most=1.0)
        self.gradient_clipping = number("gradient_clipping", gradient_clipping, least=0.0)
        self.input = T.tensor3(type(self).__name__ + "_input")

        cells.check_names(self, Recurrent)
        for name in self.draw_order() + list(self.non_trainable_names):
            setattr(self, name, self.add_weight(name, *cells.checked_initialization(self, name)))
        self.params = [getattr(self, name) for name in self.param_names]
        self.non_trainable_weights = [getattr(self, name) for name in self.non_trainable_names]
        if isinstance(self.initial_state, str):
            self._learned = [self.add_weight(f"initial_state_{k}", initializations.zero, (size,))
                             for k, size in enumerate(self.state_sizes, 1)]
            self.params += self._learned
        self._hold(W_regularizer, U_regularizer, b_regularizer, activity_regularizer)
        self._constrain(W_constraint, U_constraint, b_constraint)
        self._refuse_what_does_nothing()
        if self.dropout_W or self.dropout_U or self.zoneout:
            self.seed_streams()
        if weights is not None:
            self.set_weights(weights)

    def _checked_initial_state(self, given):
        """The argument `initial_state`, if it is one; several states as a list."""
        what = ('initial_state must be "learned", a recurrent layer, or symbolic variables (nb_samples, output_dim), '
                f"one for each of the {self.nb_states} states of {type(self).__name__}")
        if given is None or isinstance(given, str) and given == "learned":
            return given
        if isinstance(given, Recurrent):
            if given.state_sizes != self.state_sizes:
                raise ValueError(f"{what}; {type(given).__name__} has states of {given.state_sizes} columns, "
                                 f"{type(self).__name__} has {self.state_sizes}")
            return given
        given = [given] if isinstance(given, Variable) else given
        if not isinstance(given, (list, tuple)) or len(given) != self.nb_states or not all(
                isinstance(state, Variable) and getattr(state, "ndim", None) == 2 for state in given):  # fmt: skip
            raise ValueError(f"{what}; got {shown(given)}")
        for state, size in zip(given, self.state_sizes):
            if isinstance(state, SharedVariable) and state.get_value(borrow=True).shape[1] != size:
                raise ValueError(f"{what}; got a shared variable of shape {state.get_value(borrow=True).shape}")
        return list(given)

    def _kinds(self):
        """The first letters of the names of `params`; what is a single number is of no kind, nor are first states."""
        named = zip(self.param_names, self.params)
        return [name[0] if weight.ndim else "" for name, weight in named] + [""] * len(self._learned)

    def _weights_of_kind(self, letter):
        return [weight for kind, weight in zip(self._kinds(), self.params) if kind == letter]

    def _hold(self, W_regularizer, U_regularizer, b_regularizer, activity_regularizer):
        """Put penalties on the weights of each kind, and on the output."""
        for letter, identifier in (("W", W_regularizer), ("U", U_regularizer), ("b", b_regularizer)):
            setattr(self, f"{letter}_regularizer", regularizers.get(identifier))
            for weight in self._weights_of_kind(letter):
                self.add_regularizer(getattr(self, f"{letter}_regularizer"), weight)
        self.activity_regularizer = self.add_regularizer(activity_regularizer, self)

    def _constrain(self, W_constraint, U_constraint, b_constraint):
        """Hold the weights of each kind to something."""
        kinds = {"W": constraints.get(W_constraint), "U": constraints.get(U_constraint),
                 "b": constraints.get(b_constraint)}  # fmt: skip
        self.W_constraint, self.U_constraint, self.b_constraint = kinds.values()
        if any(kinds.values()):
            self.constraints = [kinds.get(kind) for kind in self._kinds()]

    def _refuse_what_does_nothing(self):
        """Raise if an option acts on weights of a kind of which there are none."""
        for letter, options in _ACTING_ON.items():
            given = [option for option in options if getattr(self, option)]
            if given and not self._weights_of_kind(letter):
                raise ValueError(f"{given[0]} acts on weights {letter}, of which {type(self).__name__} has none, only "
                                 f"{', '.join(self.param_names)}: it would do nothing")

    # ---- what a cell says -------------------------------------------------------------------

    def draw_order(self) -> list[str]:
        """The names of `params` in the order in which they are drawn, for the same weights by the same seed."""
        return list(self.param_names)

    def initialization(self, name: str) -> tuple[Named, tuple[int, ...]]:
        """The initialization and the shape of a weight, by the first letter of its name: W, U, P or a small one.

        Parameters
        ----------
        name : str

        Returns
        -------
        str or callable, tuple of int

        Raises
        ------
        ValueError
            If it begins with none of these letters.
        """
        n, m, kind = self.input_dim, self.output_dim, text("name", name)[:1]
        kinds = {"W": (self.init, (n, m)), "U": (self.inner_init, (m, m)), "P": (_projection, (n, m))}
        if kind not in kinds and not kind.islower():
            raise ValueError(f"the weight {name} of {type(self).__name__} is of no kind that is known by its first "
                             "letter, W, U, P or a small one: let initialization(name) say what it is")
        return kinds.get(kind, (initializations.zero, (m,)))

    @property
    def state_sizes(self) -> list[int]:
        """How many columns each state has."""
        return [self.output_dim] * self.nb_states

    def inputs(self, x: Variable, mask: Variable | None) -> list[Variable]:
        """What a step receives of its place in time, beside the states: the input alone, unless a cell needs more.

        Parameters
        ----------
        x : symbolic variable, (timesteps, nb_samples, input_dim)
            The input, from the first step to the last that is computed.
        mask : symbolic variable or None
            (timesteps, nb_samples), true where a step is not padding; None without a mask.
        steps_before : symbolic variable, (nb_samples,), of integers
            Only if a cell's own `inputs` has this parameter: how many real steps there have been before this input,
            more than 0 where the states are carried. Such a cell may be `stateful` and in :meth:`Sequential.step`,
            which one with another `inputs` of its own may not.

        Returns
        -------
        list of symbolic variables
            Each (timesteps, nb_samples, n); or (timesteps, nb_samples), of which a step receives (nb_samples, 1).
        """
        return [x]

    def step(self, x_t: Variable, *states_tm1: Variable) -> Variable | tuple[Variable, ...]:
        """One step, from what :meth:`inputs` gives for it and the states before it to those after it.

        Parameters
        ----------
        x_t : symbolic variable, (nb_samples, input_dim)
        *states_tm1 : symbolic variables, (nb_samples, output_dim)

        Returns
        -------
        symbolic variable, or tuple of as many as there are states
            The first state is the output. Each is (nb_samples, n), of `floatX`, with the n that `state_sizes` says;
            if not, :meth:`get_output` raises an error.
        """
        raise NotImplementedError(f"{type(self).__name__} has no step: a subclass of Recurrent needs a method "
                                  "step(self, x_t, h_tm1), which returns the state after it")

    def __getstate__(self):
        state = super().__getstate__()
        for of_a_graph in ("_final_states", "_going_on"):
            state.pop(of_a_graph, None)
        return state

    # ---- states that are carried -----------------------------------------------------------

    @property
    def counts_steps(self) -> bool:
        """Whether :meth:`inputs` asks how many steps there have been."""
        return "steps_before" in inspect.signature(self.inputs).parameters

    @property
    def may_go_on(self) -> bool:
        """Whether a step needs nothing but its input, the states before it and how many steps there have been."""
        return type(self).inputs is Recurrent.inputs or self.counts_steps

    @Said
    def stepwise(self):
        """Whether the output at a step needs nothing of the steps that follow."""
        return self.may_go_on and not self.go_backwards

    def reset_states(self) -> None:
        """Begin anew at the next batch of this thread, in every model, whatever the batches before it have left."""
        for going_on in list(vars(self).get("_going_on", ())):
            going_on.reset(self)

    # ---- the loop ---------------------------------------------------------------------------

    @property
    def expected_input_shape(self) -> Shape:
        return (None, None, self.input_dim)

    @property
    def output_shape(self) -> Shape:
        nb_samples, timesteps, _ = self.input_shape
        return (nb_samples,) + (timesteps,) * self.return_sequences + (self.output_dim,)

    def get_output_mask(self, train: bool = False) -> Variable | None:
        mask = self.get_input_mask(train) if self.return_sequences else None
        return mask[:, ::-1] if mask is not None and self.go_backwards else mask

    def get_padded_shuffled_mask(self, train: bool, X: Variable, pad: int = 0) -> Variable:
        """The mask as Keras 0.1.3 gave it to the loop of a layer: for layers that were written for it.

        Parameters
        ----------
        train : bool
        X : symbolic variable, (nb_samples, timesteps, ...)
            The input.
        pad : int
            How many steps of zeros to put before it.

        Returns
        -------
        symbolic variable, (pad + timesteps, nb_samples, 1)
            Of int8, 0 where a step is padding.
        """
        if not isinstance(X, Variable):
            raise ValueError(f"X must be a symbolic variable, (nb_samples, timesteps, ...), got {shown(X)}")
        mask = self.get_input_mask(train)
        real = T.ones((X.shape[1], X.shape[0], 1), "int8") if mask is None else T.neq(mask, 0).dimshuffle(1, 0, 'x')
        before = T.zeros((integer("pad", pad, least=0), X.shape[0], 1), "int8")
        return of_size_1(T.concatenate([before, T.cast(real, "int8")], axis=0), 2)

    def match_stored_weights(self, weights: Weights) -> Matched:
        weights = items("weights", weights, "arrays")
        if len(weights) == len(self.params) < len(self.weights):
            if self.input_dim != self.output_dim:
                raise ValueError(
                    "Keras 0.1 did not save {0}, the random projection of {1}({2}, {3}), so this file alone does not "
                    "hold the model. If you can draw the same one again (by the same seed and the same layers), do "
                    "so and hand the arrays of the file to the layers' set_weights, which keeps {0}".format(
                        ", ".join(self.non_trainable_names), type(self).__name__, self.input_dim, self.output_dim))
            weights.append(np.identity(self.output_dim))
        return self.match_weights(weights)

    @property
    def final_states(self) -> list[Variable]:
        """The states after the last step, each (nb_samples, n), as :meth:`get_output` has left them."""
        if not hasattr(self, "_final_states"):
            raise ValueError(f"{type(self).__name__} has final states after get_output, with return_state=True")
        return self._final_states

    def get_output(self, train: bool = False) -> Variable:
        states = self._states(train)
        if self.return_state:
            self._final_states = [state[-1] for state in states]
        return states[0].dimshuffle(1, 0, 2) if self.return_sequences else states[0][-1]

    def _states(self, train):
        """All states after all steps, each (timesteps, nb_samples, output_dim)."""
        return made_once((self, "states", bool(train)), lambda: self._iterated(train))

    def _iterated(self, train):
        cells.check_sizes(self)
        x, mask = self._input_of_floatX(train).dimshuffle(1, 0, 2), self.get_input_mask(train)
        if train and self.dropout_W:
            x = x * self._kept(1.0 - self.dropout_W, [x.shape[1], self.input_dim]) / (1.0 - self.dropout_W)
        if mask is not None:
            mask = T.neq(mask, 0).dimshuffle(1, 0)
        if self.go_backwards:
            x, mask = x[::-1], None if mask is None else mask[::-1]
        carried = Carried(self, self._first_states(x.shape[1], train), x.shape[1], goes_on(self))
        place = {"steps_before": carried.steps} if self.counts_steps else {}
        inputs = cells.checked_inputs(self, self.inputs(x, mask, **place))
        given = inputs + self._zoned_out(x, train) + [mask] * (mask is not None)
        # A size of 1 might be broadcastable, which nothing in a step is but the last axis of a column.
        sequences = [of_any_size(one.dimshuffle(0, 1, 'x'), 0, 1) if one.ndim == 2 else of_any_size(one, 0, 1, 2)
                     for one in given]
        factors = self._factors(x.shape[1]) if train and self.dropout_U else {}

        def step(*given):
            of_step, given = list(given[:len(sequences)]), given[len(sequences):]
            states_tm1, of_size = given[:self.nb_states], dict(zip(factors, given[self.nb_states:]))
            states = cells.called(self, of_step[:len(inputs)], states_tm1)
            if not train and type(self).inputs is Recurrent.inputs:
                cells.try_step(self, of_step[0], states_tm1, states)
            states = with_other_products(states, self._of_matrices(of_size))
            if self.gradient_clipping:
                states = with_clipped_sums(states, self._weights_of_kind("U"), self.gradient_clipping)
            states = self._with_zoneout(states, states_tm1, of_step[len(inputs):], train)
            return states if mask is None else [T.switch(of_step[-1], state, state_tm1)
                                                for state, state_tm1 in zip(states, states_tm1)]

        states, updates = scan(step, sequences, carried.before(), list(factors.values()),
                               truncate_gradient=self.truncate_gradient, name=type(self).__name__, return_list=True)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Setting default_update", DeprecationWarning)
            for variable, new in updates.items():
                # Outside of the step there is nothing that it is given, by whose size it may draw random numbers.
                known = getattr(variable, "default_update", None)
                needed = graph_inputs([known]) if known is not None else [None]
                if not all(isinstance(one, (Constant, SharedVariable)) for one in needed):
                    variable.default_update = new
        carried.end([state[-1] for state in states], x.shape[0], mask)
        hand_on(bool(train), carried)
        return states

    def _first_states(self, nb_samples, train):
        """The states with which it begins."""
        if isinstance(self.initial_state, list):
            return [of_any_size(T.cast(state, config.floatX), 0, 1) for state in self.initial_state]
        if isinstance(self.initial_state, Recurrent):
            return [of_any_size(state[-1], 0, 1) for state in self.initial_state._states(train)]
        states = [T.zeros((nb_samples, size)) for size in self.state_sizes]
        states = [zeros + learned for zeros, learned in zip(states, self._learned)] or states
        return [of_any_size(state, 0, 1) for state in states]

    # ---- chance -----------------------------------------------------------------------------

    def _kept(self, share, shape, axis=0):
        """Ones with the probability `share`, else zeros."""
        return self.draw("binomial", shape, axis, p=share)

    def _factors(self, nb_samples):
        """By what the left sides of matrices U are multiplied, for each number of rows that they have."""
        sizes = dict.fromkeys(_rows(weight) for weight in self._weights_of_kind("U"))
        masks = (self._kept(1.0 - self.dropout_U, [nb_samples, size]) / (1.0 - self.dropout_U) for size in sizes)
        return {size: of_any_size(mask, 0, 1) for size, mask in zip(sizes, masks)}

    def _of_matrices(self, factors):
        return {weight: factors[_rows(weight)] for weight in self._weights_of_kind("U") if factors}

    def _zoned_out(self, x, train):
        """For each state and each step what stays as it was, while training."""
        if not (train and self.zoneout):
            return []
        return [self._kept(self.zoneout, [x.shape[0], x.shape[1], size], axis=1) for size in self.state_sizes]

    def _with_zoneout(self, states, states_tm1, stays, train):
        """The states after a step, some of whose numbers stay; what is a state before it does so anyway."""
        if not self.zoneout:
            return states
        if train:
            shares = [(share, 1 - share) for share in stays[:self.nb_states]]
        else:
            shares = [[np.asarray(share, config.floatX) for share in (self.zoneout, 1 - self.zoneout)]] * self.nb_states
        return [state if any(state is other for other in states_tm1) else old * state_tm1 + new * state
                for state, state_tm1, (old, new) in zip(states, states_tm1, shares)]  # fmt: skip


def _with_shared_sections(doc):
    """A class's docstring with what all recurrent layers share."""
    own, _, examples = inspect.cleandoc(doc or "").partition("\n\nExamples\n")
    own, _, references = own.partition("\n\nReferences\n")
    references = f"\n\nReferences\n{references}" if references else "\n\nReferences\n----------"
    return (own + _PARAMETERS + _OPTIONS + _NOTES + references + _REFERENCES
            + (f"\nExamples\n{examples}\n" if examples else ""))


def _rows(weight):
    return weight.get_value(borrow=True).shape[0]


def _with_options(signature, base, fixed):
    """A signature with the parameters of a base that its ``**options`` stand for: all but those that are fixed."""
    Parameter, kinds = inspect.Parameter, {one.kind for one in signature.parameters.values()}
    if Parameter.VAR_KEYWORD not in kinds:
        return signature
    more = []
    for one in inspect.signature(base.__init__).parameters.values():
        if one.name not in signature.parameters and one.name not in fixed:
            more.append(one if Parameter.VAR_POSITIONAL in kinds else one.replace(kind=Parameter.KEYWORD_ONLY))
    own = [one for one in signature.parameters.values()
           if one.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)]  # fmt: skip
    return signature.replace(parameters=sorted(own + more, key=lambda one: (one.kind, one.default is not one.empty)))


# Only a layer with a loop of its own may leave it out.
Recurrent.__init__.__signature__ = inspect.signature(Recurrent.__init__).replace(parameters=[
    one.replace(default=one.empty) if one.name == "input_dim" else one
    for one in inspect.signature(Recurrent.__init__).parameters.values()])  # fmt: skip
Recurrent.__doc__ = _with_shared_sections(Recurrent.__doc__)
