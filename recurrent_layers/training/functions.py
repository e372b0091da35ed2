"""The functions that are compiled from a stack of layers: a training step, a test, a prediction."""

import contextlib
import math
import sys
import threading
import time
import weakref

import numpy as np

from recurrent_layers import engine, objectives, optimizers
from recurrent_layers.engine import tensor as T
from recurrent_layers.engine.turns import begun_anew_by_a_child
from recurrent_layers.layers.base import Layer
from recurrent_layers.layers.carrying import GoingOn, in_time
from recurrent_layers.layers.containers import Container
from recurrent_layers.training import parts
from recurrent_layers.training.calls import Direct
from recurrent_layers.utils.arguments import items, shown
from recurrent_layers.utils.building import building_a_graph, mask_of, noted, one_output_for_each_layer, output_of
from recurrent_layers.warned import warn

#: Of an error while the engine compiles.
NOTE = (f"{engine.NAME} could not compile it: `python -m recurrent_layers` shows the compiler, the flags and the "
        "folder of what is compiled; a flag of yours may be the reason, or a full disk")


class Functions:
    """What a model does, as graphs; each is compiled when it is first asked for.

    Parameters
    ----------
    model : Sequential
    optimizer : Optimizer
    loss : callable
    class_mode : {"categorical", "binary"}
    mode : str or Mode, optional
        How the engine compiles.

    Attributes
    ----------
    inputs : list of symbolic variables
        What goes into a prediction.
    output : symbolic variable
        What comes out of it.
    memory : list of shared variables
        What the optimizer remembers.
    layers : list of Layer
        Those that the model had.
    trainable : list of bool
        Which of all layers were to be trained.
    """

    def __init__(self, model, optimizer, loss, class_mode, mode=None):
        carried = []
        with one_output_for_each_layer(carried):
            graphs, mean_loss = _graphs(model, loss, class_mode)
            params, regularizers, constraints, updates = model.get_params()
            loss_of_data = mean_loss
            for regularizer in regularizers:
                mean_loss = _checked_penalty(regularizer, regularizer(mean_loss))
            graphs["train"][1][0] = mean_loss  # With the penalties, as in Keras; a test has none.
        self.inputs, self.output, _ = graphs["predict"]
        self._carried, self.going_on = [one for train, one in carried if not train], GoingOn()
        for name in graphs:
            self.going_on.add(name, [one for train, one in carried if one.goes_on and train == (name == "train")])
        _check_that_all_go_on(model, [one for carried in self.going_on.functions.values() for one in carried])
        _warn_of_states_of_others(model)

        steps = _steps(model, optimizer, params, constraints, mean_loss) if params else []
        graphs["train"][2].extend(_checked_updates("updates of layers", steps + updates))
        self._of_training = parts.OfTraining(optimizer, params, constraints, loss_of_data, steps, updates)
        self.memory = list(optimizer.memory) if params else []
        self.layers, self.trainable = list(model.layers), [layer.trainable for layer in model._all_layers()]
        self._stacks = [(one, list(one.layers)) for one in model._all_layers() if isinstance(one, Container)]
        self.turns = Turns()
        self._graphs, self._mode, self._compiled = graphs, mode, {}

    def are_of(self, model):
        """Whether a model, and those within it, still have the layers that they had."""
        return self.layers == model.layers and all(stack.layers == layers for stack, layers in self._stacks)

    def is_compiled(self, name):
        """Whether :meth:`get` has been asked for a function before."""
        return name in self._compiled

    def get(self, name, verbose=0):
        """The compiled function "train", "test" or "predict"; several threads may call it."""
        if name not in self._compiled:
            inputs, outputs, updates = self._graphs[name]
            carried, is_one = self.going_on.functions[name], not isinstance(outputs, list)
            if carried:
                inputs = inputs + [variable for one in carried for variable in one.variables]
                outputs = ([outputs] if is_one else outputs) + [variable for one in carried for variable in one.after]
            function = self._compiled_anew(name, inputs, outputs, updates, verbose=verbose)
            if carried:
                function = _GoesOn(function, name, self.going_on, is_one)
            self._compiled.setdefault(name, function)  # Another thread may have been faster: then it is that one's.
        return self._compiled[name]

    def _compiled_anew(self, name, inputs, outputs, updates=(), givens=(), verbose=0):
        try:
            with noted(NOTE), _announced(f"{engine.NAME} compiles the {name} function", verbose):
                function = engine.function(inputs, outputs, updates=list(updates), givens=list(givens), mode=self._mode,
                                           allow_input_downcast=True, name=name, on_unused_input="ignore")
        except engine.MissingInputError as error:
            read = engine.graph_inputs([outputs] if isinstance(outputs, engine.Variable) else outputs)
            unknown = [str(one) for one in read if one not in inputs
                       and not isinstance(one, (engine.Constant, engine.SharedVariable))]  # fmt: skip
            raise ValueError(f"the {name} function of the model needs a value of {', '.join(unknown)}, which is none "
                             "of its inputs: in an initial_state, a Lambda or a layer of your own, use shared "
                             "variables or layers of this model") from error
        changes = name in ("train", "gradients", "update")
        return (_Alone if changes else _Together)(function, self.turns)

    def of_inputs(self, name, outputs):
        """The compiled function of that name, with the inputs of a prediction; the outputs are read at first only."""
        if name not in self._compiled:
            self._compiled.setdefault(name, self._compiled_anew(name, self.inputs, outputs))
        return self._compiled[name]

    def variables(self):
        """All that a training step reads and writes besides its inputs: weights, what the optimizer knows, chance.

        They come in the same order for each model that is built in the same way.
        """
        _, outputs, updates = self._graphs["train"]
        read = engine.graph_inputs(outputs + [new for _, new in updates])
        return list(dict.fromkeys([variable for variable, _ in updates]
                                  + [variable for variable in read if isinstance(variable, engine.SharedVariable)]))

    def in_parts(self, model, verbose=0):
        """The functions of a training step of which several processes do a part each: see :mod:`parts`.

        Raises
        ------
        ValueError
            If a part cannot be computed by itself.
        """
        if "update" not in self._compiled:
            graphs = parts.graphs(self._graphs["train"], self._of_training, model.get_output_mask(True))
            for name, graph in graphs.items():
                self._compiled[name] = self._compiled_anew(name, *graph, verbose=verbose)
        return [self._compiled[name] for name in ("counts", "gradients", "update")]

    @property
    def trained(self):
        """The shared variables that are trained."""
        return self._of_training.params

    def step(self, model):
        """The compiled function of one step, which goes on where it has ended; see :class:`_Step`."""
        if "step" not in self._compiled:
            carried = in_time(model, self._carried)
            (X,), y, _ = self._graphs["predict"]
            inputs, givens = [X], []
            for one in self._carried:
                if one in carried:
                    variables, places = one.in_place()
                    inputs, givens = inputs + variables, givens + places
                elif one.goes_on:
                    givens += one.zeros(X.shape[0])
            ends = carried and not carried[-1].layer.return_sequences
            outputs = [y if ends else y[:, -1]] + [variable for one in carried for variable in one.after]
            self.going_on.add("step", carried)
            self._compiled.setdefault("step", _Step(self._compiled_anew("step", inputs, outputs, givens=givens),
                                                    self.going_on, model))  # fmt: skip
        return self._compiled["step"]

    def restore(self, model, kept):
        """Go on with the states of another one, as :attr:`going_on` keeps them."""
        if "step" in kept:
            self.going_on.add("step", in_time(model, self._carried))
        self.going_on.memory.kept.update(kept)

    def check_batches(self, name, nb_samples, batch_size):
        """Raise unless each batch has a sample for each state that a function goes on with.

        Parameters
        ----------
        name : str
            Of the function.
        nb_samples, batch_size : int
        """
        first = min(nb_samples, batch_size)
        last = nb_samples % batch_size or first
        if self.going_on.functions[name] and first != last:
            raise ValueError("a stateful model needs as many samples in each batch, but "
                             f"{nb_samples} samples in batches of {batch_size} leave {last} for the last; choose a "
                             "batch_size that divides their number")
        self.going_on.check(name, first)


def _check_that_all_go_on(model, carried):
    """Raise if a layer is `stateful`, but hands nothing on."""
    layers = [one.layer for one in carried]
    for layer in model._all_layers():
        if getattr(layer, "stateful", False) and not isinstance(layer, Container) and layer not in layers:
            raise ValueError(f"{type(layer).__name__}(stateful=True) has a loop of its own, which begins each batch "
                             "anew: only the loop of Recurrent goes on")


def _warn_of_states_of_others(model):
    """Warn if a layer begins with the states of one that is no part of the model, but reads something of it."""
    weights = set(model.weights)
    for layer in model._all_layers():
        # Of a Bidirectional both begin with the same.
        other = getattr(getattr(layer, "forward", layer), "initial_state", None)
        if isinstance(other, Layer) and hasattr(other, "previous") and not weights.issuperset(other.weights):
            warn(f"{type(layer).__name__} begins with the states of {shown(other)}, which is no layer of the model: it "
                 "computes with its weights, but neither trains nor saves them")


def _checked_penalty(regularizer, penalized):
    """The loss with a penalty added, if it is one."""
    if not isinstance(penalized, engine.Variable) or penalized.ndim:
        given = f"{penalized.ndim} dimensions" if isinstance(penalized, engine.Variable) else shown(penalized)
        raise ValueError(f"a regularizer must give the loss with a penalty added, a single number, but {given} is what "
                         f"{shown(regularizer)} gives")
    return penalized


def _steps(model, optimizer, params, constraints, loss):
    """The updates of an optimizer.

    Raises
    ------
    ValueError
        If the loss does not depend on one of `params`, which is named with its layer; or if they are no updates.
    """
    try:
        with noted(f"{type(optimizer).__name__} could not make a step of the model's loss: all that it depends on by "
                   "weights must have a gradient; random numbers are given to the step of a cell by its `inputs`"):
            steps = optimizer.get_updates(params, constraints, loss)
    except engine.DisconnectedInputError:
        unused = optimizers.without_gradient(loss, params)
        names = dict.fromkeys(f"{param} of {type(layer).__name__}" for layer in model._all_layers()
                              if not isinstance(layer, Container) for param in layer.params if param in unused)
        raise ValueError(f"the loss has no gradient by {', '.join(names)}: let the output depend on what is trained, "
                         "by more than comparisons and whole numbers, or take it out of params (param_names of a "
                         "cell)") from None
    return _checked_updates(f"what get_updates of {type(optimizer).__name__} gives", steps)


def _checked_updates(what, updates):
    """Pairs of shared variables and their new values.

    Raises
    ------
    ValueError
        If they are none, a value is of another type, or there are two for a variable.
    """
    updates = items(what, updates.items() if isinstance(updates, dict) else updates, "(shared variable, new value)")
    variables = []
    for update in updates:
        is_pair = isinstance(update, (tuple, list)) and len(update) == 2
        if not is_pair or not isinstance(update[0], engine.SharedVariable):
            raise ValueError(f"{what} must be a list of (shared variable, new value), got {shown(update)} in it")
        variable, value = update
        kind, given = _kind(variable), _kind(value)
        if isinstance(value, engine.Variable) and kind != given:
            was = f"; floatX is {engine.config.floatX} now" * (kind[0] != given[0] == engine.config.floatX)
            raise ValueError(f"{what}: the new value of {variable} must be of {kind[0]} with {kind[1]} dimensions as "
                             f"it is, got one of {given[0]} with {given[1]}{was}")
        if variable in variables:
            raise ValueError(f"{what}: there are two new values of {variable}")
        variables.append(variable)
    return updates


def _kind(variable):
    return getattr(variable, "dtype", None), getattr(variable, "ndim", None)


class Turns:
    """Those who read the weights do so together, who changes them is alone.

    The handler of a signal runs within whatever its thread does at the time. It may read, since what it has
    interrupted has changed nothing yet, but not write.

    Attributes
    ----------
    nb_written : int
        How often somebody has written.
    """

    def __init__(self):
        self.nb_written = 0
        begun_anew_by_a_child(self)

    def begin_anew(self):
        """As if nobody read or wrote: what other threads did ends with a fork."""
        # Entering a condition can be interrupted when it has the lock; entering a lock cannot.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        # Threads, by weak references to their turns.
        self._readers, self._writer = {}, {}

    def read(self, function, *arguments):
        """Call a function when nobody writes, and let nobody write until it has ended."""
        turn = _Turn()
        key = weakref.ref(turn, self._forget)
        try:
            with self._lock:
                while self._writer and not self._is_within():
                    self._changed.wait(PATIENCE)
                self._readers[key] = threading.get_ident()
            return function(*arguments)
        finally:
            self._end(key)
            del key  # Before its turn: in what a weak reference calls, Ctrl-C is not heard.

    def write(self, function, *arguments):
        """Call a function when all others have ended, and let nobody begin until it has.

        Raises
        ------
        RuntimeError
            If this thread is reading or writing: it would wait for itself.
        """
        turn = _Turn()
        key = weakref.ref(turn, self._forget)
        try:
            with self._lock:
                if self._is_within():
                    raise RuntimeError("the handler of a signal cannot train, set weights or, where recurrences run "
                                       "by scan, predict while its thread uses the model: let it set "
                                       "model.stop_training, or raise something")
                while self._writer:
                    self._changed.wait(PATIENCE)
                self._writer[key] = threading.get_ident()
                while self._readers:
                    self._changed.wait(PATIENCE)
            self.nb_written += 1
            return function(*arguments)
        finally:
            self._end(key)
            del key  # Before its turn: in what a weak reference calls, Ctrl-C is not heard.

    def _end(self, key):
        self._readers.pop(key, None)
        if self._writer:  # Who waits, waits for who writes, or is about to.
            with self._lock:
                self._writer.pop(key, None)
                self._changed.notify_all()

    def _forget(self, key):
        """End the turn of a call that was interrupted on its way out, as by Ctrl-C, once nobody has its frame."""
        self._readers.pop(key, None)
        self._writer.pop(key, None)

    def _is_within(self):
        """Whether this thread has a turn already."""
        return threading.get_ident() in (*list(self._readers.values()), *list(self._writer.values()))


class _Turn:
    """Lives as long as the frame of its call."""


# Seconds, after which those who wait look whether whom they wait for is still there.
PATIENCE = 1.0


class _Alone:
    """A compiled function that changes weights: nobody else reads them meanwhile."""

    def __init__(self, function, turns):
        self.function, self.turns = function, turns

    def __call__(self, *inputs):
        return self.turns.write(self.function, *inputs)

    def __getattr__(self, name):
        return getattr(vars(self)["function"], name)


class _Together(_Alone):
    """A compiled function that reads weights, for any number of threads.

    A compiled function keeps its arguments, and what it computes of them, in places of its own. So each call has a
    copy for itself; only where ops have functions within, which a copy would share, one call waits for the other.
    """

    def __init__(self, function, turns):
        super().__init__(function, turns)
        ops = {type(node.op).__name__ for node in function.maker.fgraph.apply_nodes}
        self.may_copy = not ops & WITH_FUNCTIONS_WITHIN
        self._free = [Direct(function)]
        self._is_complete = self._free[0].is_complete
        begun_anew_by_a_child(self)

    def begin_anew(self):
        """As if no other thread were within."""
        self._one_after_the_other = Turns()

    def __call__(self, *inputs):
        if self.may_copy:
            return self._by_a_copy(Direct.__call__, *inputs)
        return self._one_after_the_other.write(self._by_a_copy, Direct.__call__, *inputs)

    def of_arrays(self, *arrays):
        """A list of the outputs, for arrays of just the types of its inputs, each another one."""
        if self.may_copy and self._is_complete:
            return self._by_a_copy(Direct.run, *arrays)
        outputs = self(*arrays)
        return [outputs] if self.function.unpack_single else outputs

    def _by_a_copy(self, call, *inputs):
        try:
            direct = self._free.pop()
        except IndexError:
            function = self.function.copy()
            function.unpack_single = self.function.unpack_single  # A copy would give a list of one.
            direct = Direct(function)
        try:
            return self.turns.read(call, direct, *inputs)
        finally:
            self._free.append(direct)


class _GoesOn:
    """A compiled function that goes on with the states in which its last call in the same thread has ended."""

    def __init__(self, function, name, going_on, is_one):
        self.function, self.name, self.going_on, self.is_one = function, name, going_on, is_one

    def __call__(self, *inputs):
        outputs = self.going_on.call(self.function, self.name, inputs)
        return outputs[0] if self.is_one else outputs

    def __getattr__(self, name):
        return getattr(vars(self)["function"], name)


class _Step:
    """A compiled function of one step that goes on where the last call in the same thread has ended.

    It takes an input of one step, `X`, or what :meth:`fits` of a step.
    """

    def __init__(self, function, going_on, model):
        self.function, self.going_on = function, going_on
        X = model.get_input()
        is_plain = not model._readers()[0].takes_integers and model.expected_input_shape is not None
        self._dtype, self._sizes = np.dtype(X.dtype), model.expected_input_shape[2:] if is_plain else None

    def fits(self, x_t):
        """Whether it needs neither a conversion nor a closer look: an array of the right type, of finite numbers."""
        return (type(x_t) is np.ndarray and x_t.dtype == self._dtype and x_t.shape[1:] == self._sizes
                and len(x_t) > 0 and x_t.flags.c_contiguous and x_t.flags.aligned
                and math.isfinite(np.vdot(x_t, x_t)))  # fmt: skip

    def __call__(self, x_t):
        return self.going_on.call(self.function.of_arrays, "step", [x_t[:, None]])[0]


WITH_FUNCTIONS_WITHIN = {"Scan", "OpFromGraph", "Recurrence", "RecurrenceGradient"}


def _graphs(model, loss, class_mode):
    """The inputs, outputs and updates of each function, and the loss to train on."""
    graphs = {}
    # That of training first: what a layer keeps of a graph, such as `final_states`, is that of predictions then.
    for name, train in (("train", True), ("test", False)):
        y_pred, mask = model.get_output(train), _mask_of_steps(model, train)
        y = T.TensorType(engine.config.floatX, (False,) * y_pred.ndim)("y")
        weights = T.TensorType(engine.config.floatX, (False,) * (y.ndim - 1))("weights")
        counts = parts.counted(weights, mask)
        of_loss = _seen_whole if loss in objectives.KNOWN.values() else _seen_in_rows
        values, seen = of_loss(loss, y, y_pred, counts)
        mean_loss = _weighted_mean(values, seen)
        if values.ndim == 0:
            mean_loss.tag.of_all_rows = True
        alike = parts.counted_alike(counts)
        accuracy = _weighted_mean(_hits(class_mode)(y, y_pred), alike)
        graphs[name] = ([*_inputs_of(model, train), y, weights], [mean_loss, accuracy, counts.sum(), alike.sum()], [])
    graphs["predict"] = _inputs_of(model, False), model.get_output(False), []
    return graphs, graphs["train"][1][0]


def _mask_of_steps(model, train):
    """The mask of a model's output, or None.

    Raises
    ------
    ValueError
        If there is one, but the output has no steps: it would weigh each sample by the steps of others.
    """
    mask = model.get_output_mask(train)
    if mask is not None and model.get_output(train).ndim < 3:
        name = next(type(layer).__name__ for layer in model.layers
                    if mask_of(layer, train) is not None and output_of(layer, train).ndim < 3)  # fmt: skip
        raise ValueError(f"the output of {name} has no steps, but a mask: let its get_output_mask return None")
    return mask


def _inputs_of(model, train):
    X = model.get_input(train)
    return X if isinstance(X, list) else [X]


def checked_mode(mode):
    """How the engine compiles.

    Parameters
    ----------
    mode : str, Mode or None

    Raises
    ------
    ValueError
        If it is none of these, or no name of a mode.
    """
    if mode is None or isinstance(mode, engine.Mode):
        return mode
    if isinstance(mode, str):
        with contextlib.suppress(Exception):  # Theano raises this, and no other.
            engine.get_mode(mode)
            return mode
    raise ValueError(f"theano_mode must be a mode of {engine.NAME}, such as 'FAST_RUN' or 'FAST_COMPILE', got "
                     f"{shown(mode)}")


def _name(function):
    return getattr(function, "__name__", shown(function))


def _checked_loss(loss, values, y_true, y_pred):
    """What a loss gives, if it is something to train on.

    Raises
    ------
    ValueError
        If it is not one number for each row, nor one for all, or has no gradient.
    """
    name = _name(loss)
    if not isinstance(values, engine.Variable) or values.ndim not in (0, y_pred.ndim - 1):
        given = f"{values.ndim} dimensions" if isinstance(values, engine.Variable) else shown(values)
        raise ValueError(_of_no_rows(name, given))
    if values.ndim:
        nb_rows, found = 7, None
        with contextlib.suppress(Exception):  # Whatever it raises for such matrices, it may not for those that come.
            count = engine.function([y_true, y_pred], values.shape[0], mode="FAST_COMPILE", on_unused_input="ignore")
            found = int(count(*np.full((2, nb_rows, nb_rows - 1), 0.5, engine.config.floatX)))
        if found not in (None, nb_rows):
            raise ValueError(_of_no_rows(name, f"{found} numbers for {nb_rows} rows"))
    if not _follows_from(y_pred, values):
        raise ValueError(f"the loss {name} has no gradient: nothing in it depends on the output but by comparisons, "
                         "whole numbers or not at all")
    if values.ndim == 0:
        warn(f"the loss {name} gives one number for all rows of a batch, so that weights of samples do not "
             "count; take the mean over the last axis only")
    return values


def _of_no_rows(name, given):
    return (f"the loss {name} gives {given}: it is given matrices, whose rows are samples, or their steps, and must "
            "give a number for each row, as a mean over the last axis does")


def _follows_from(source, variable):
    """Whether a variable is computed from another one by numbers that are not whole."""
    left, seen = [variable], set()
    while left:
        one = left.pop()
        if one is source:
            return True
        if one not in seen and one.owner is not None and getattr(one, "dtype", "").startswith("float"):
            left.extend(one.owner.inputs)
        seen.add(one)
    return False


def _weighted_mean(values, weights):
    """sum(weights values) / sum(weights), and 0 where there is nothing to count."""
    total = weights.sum()
    return T.sum(weights * values) / T.switch(T.gt(total, 0), total, 1)


def _seen_whole(loss, y_true, y_pred, weights):
    """A loss of ours, and what it weighs; it sees zeros where the weight is 0: 0 times infinity or NaN is NaN."""
    counts = T.gt(weights, 0).dimshuffle(*range(weights.ndim), 'x')
    return loss(*(T.switch(counts, y, 0) for y in (y_true, y_pred))), weights


def _seen_in_rows(loss, y_true, y_pred, weights):
    """A loss of the user's own, and what it weighs; it sees matrices, as in Keras 0.1: the rows that count."""
    counts = T.gt(weights, 0).nonzero()
    wanted, rows = y_true[counts], y_pred[counts]
    with building_a_graph(f"the loss {_name(loss)}"):
        values = loss(wanted, rows)
    return _checked_loss(loss, values, wanted, rows), weights[counts]


def _hits(class_mode):
    """1 where the class is right, else 0, for each sample or step."""
    if class_mode == "categorical":
        return lambda y_true, y_pred: T.eq(T.argmax(y_true, axis=-1), T.argmax(y_pred, axis=-1))
    return lambda y_true, y_pred: T.eq(y_true, T.round(y_pred)).mean(axis=-1)


@contextlib.contextmanager
def _announced(what, verbose):
    """Say on stderr what takes long, and then how long it took."""
    if verbose:
        print(what + " (the first time takes longest) ...", end=" ", file=sys.stderr, flush=True)
    began = time.time()
    try:
        yield
    finally:
        if verbose:
            print(f"{time.time() - began:.1f} s", file=sys.stderr, flush=True)
