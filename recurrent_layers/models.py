"""A stack of layers with a loss and an optimizer: fit, predict, evaluate, save."""

from __future__ import annotations

import contextlib
import functools
import pprint
from typing import Any, Callable, Iterable, Iterator, Literal, Mapping, Sequence, Union

import numpy as np

from recurrent_layers import callbacks as cbks
from recurrent_layers import constraints, objectives, optimizers, regularizers
from recurrent_layers.callbacks import Callback, History, checked_callbacks
from recurrent_layers.elsewhere import functions_elsewhere
from recurrent_layers.exchange import configs, later_keras, to_c, to_onnx, weight_files
from recurrent_layers.exchange.copies import portable
from recurrent_layers.layers import containers, known
from recurrent_layers.layers.base import Layer
from recurrent_layers.layers.carrying import is_stepwise
from recurrent_layers.layers.containers import Graph
from recurrent_layers.layers.recurrent import Recurrent
from recurrent_layers.layers.wrappers import Bidirectional
from recurrent_layers.optimizers import Optimizer
from recurrent_layers.training import distributed as processes
from recurrent_layers.training import epochs
from recurrent_layers.training.batches import Generated, InOrder
from recurrent_layers.training.data import (
    Samples,
    Weights,
    checked_class_weight,
    checked_inputs,
    checked_labels,
    cut,
    rows,
    shuffled,
    slice_X,
)
from recurrent_layers.training.functions import Functions, checked_mode
from recurrent_layers.training.lengths import ByLength, Steps, warn_of_truncated_padding
from recurrent_layers.typing import Array, ArrayLike, Config, CustomObjects, Named, Path, Variable
from recurrent_layers.utils.arguments import as_path, choice, flag, integer, number, shown
from recurrent_layers.utils.arrays import array_of_numbers
from recurrent_layers.utils.generic_utils import (
    Progbar,
    custom_objects_known,
    known_name,
    not_too_deep,
    printv,
)
from recurrent_layers.utils.layer_utils import container_from_config
from recurrent_layers.warned import warn

__all__ = [
    "Graph", "Model", "Progbar", "Sequential", "batch_shuffle", "cbks", "constraints", "container_from_config",
    "containers", "get_function_name", "make_batches", "model_from_config", "model_from_json", "model_from_yaml",
    "objectives", "optimizers", "printv", "regularizers", "slice_X", "standardize_X", "standardize_weights",
    "standardize_y", "weighted_objective",
]  # fmt: skip

ClassMode = Literal["categorical", "binary"]
#: The weights of classes, by their numbers.
ClassWeight = Union[Mapping[int, float], Sequence[float]]
Floats = Literal["float32", "float64"]
#: A loss, or a list of a loss and an accuracy.
Measured = Any
Shuffle = Union[bool, Literal["batch"]]


class Sequential(containers.Sequential):
    """Layers, one after the other, and how to train them.

    Parameters
    ----------
    layers : iterable of Layer, optional
        Layers to begin with, as by :meth:`add`.

    Attributes
    ----------
    layers : list of Layer
    stop_training : bool
        Set by callbacks to end :meth:`fit`.
    history : History
        What the last :meth:`fit` returned, or would have if it had not been interrupted.

    Notes
    -----
    A model is a layer itself, and may be added to another one.

    Examples
    --------
    >>> import numpy as np
    >>> from recurrent_layers import LSTM, Dense, Sequential
    >>> model = Sequential()
    >>> model.add(LSTM(8, 32))
    >>> model.add(Dense(32, 10, activation="softmax"))
    >>> model.compile(loss="categorical_crossentropy", optimizer="adam")
    >>> model.summary()
    layer  output shape  params
    LSTM   (None, 32)      5248
    Dense  (None, 10)       330
    total                  5578
    >>> X, y = np.zeros((4, 5, 8)), np.eye(10)[[0, 3, 7, 7]]
    >>> history = model.fit(X, y, nb_epoch=2, verbose=0)
    >>> len(history.history["loss"])
    2
    >>> model.predict(X).shape
    (4, 10)
    """

    history: History | None = None
    _training: Any = None

    def __init__(self, layers: Iterable[Layer] = ()) -> None:
        self.stop_training = False
        self._functions: Functions | None = None
        super().__init__(layers)

    # ---- as a layer -------------------------------------------------------------------------

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

        Notes
        -----
        A compiled model must be compiled again afterwards.
        """
        super().add(layer)
        self._functions = None

    def get_weights(self) -> list[Array]:
        """The values of all weights; see :meth:`Layer.get_weights`."""
        return self._while_nobody_writes(super().get_weights)

    def _while_nobody_writes(self, function: Callable[[], Any]) -> Any:
        return function() if self._functions is None else self._functions.turns.read(function)

    def _set(self, matched: list[tuple[Variable, ArrayLike]]) -> None:
        """Set variables, while no thread predicts or trains with them."""
        if self._functions is None:
            super()._set(matched)
        else:
            self._functions.turns.write(super()._set, matched)

    # ---- compilation ------------------------------------------------------------------------

    def compile(self, optimizer: str | Config | Optimizer, loss: Named, class_mode: ClassMode = "categorical",
                theano_mode: Any = None) -> None:
        """Choose how to train.

        Parameters
        ----------
        optimizer : str or Optimizer
            See :mod:`recurrent_layers.optimizers`.
        loss : str or callable
            See :mod:`recurrent_layers.objectives`.
        class_mode : {"categorical", "binary"}
            Whether a class is the largest of the outputs, or an output above 0.5: for the accuracy and
            :meth:`predict_classes`.
        theano_mode : str or theano.compile.Mode, optional
            How the engine compiles, such as "FAST_COMPILE"; by default as its flag `mode` says.

        Raises
        ------
        ValueError
            If a name is not known, the model has no layers, the loss cannot be trained on, or an optimizer, a penalty,
            a constraint or a layer of your own gives what it must not; the model is as it was then.

        Notes
        -----
        A function is compiled when it is first used: the training step in :meth:`fit`, and so on.
        """
        if self._stands_in_another():
            raise ValueError("this model stands in another one: compile that one")
        optimizer, loss = optimizers.get(optimizer), objectives.get(loss)
        class_mode = choice("class_mode", class_mode, "binary", "categorical")

        theano_mode, kept = checked_mode(theano_mode), vars(optimizer).copy()
        try:
            with not_too_deep():
                for stack in [self, *self._all_layers()]:
                    if isinstance(stack, containers.Sequential):
                        stack._check_order()
                functions = Functions(self, optimizer, loss, class_mode, theano_mode)
        except Exception:
            vars(optimizer).update(kept)  # It may be that of the functions that the model goes on with.
            raise
        self.optimizer, self.loss, self.class_mode, self.theano_mode = optimizer, loss, class_mode, theano_mode
        self._functions = functions

    def _stands_in_another(self) -> bool:
        return any(hasattr(one, "previous") for one in self._readers())

    def _compiled(self) -> Functions:
        if self._functions is None or not self._functions.are_of(self):
            raise RuntimeError("the model is not compiled: call compile(optimizer, loss) first, and again after its "
                               "layers have changed")
        return self._functions

    def __getstate__(self) -> dict[str, Any]:
        return self._while_nobody_writes(self._state)

    def _state(self) -> dict[str, Any]:
        memory = trainable = going_on = weights = None
        functions = self._functions
        if functions is not None and functions.are_of(self) and not self._stands_in_another():
            going_on = functions.going_on.memory.kept
            memory = [variable.get_value() for variable in functions.memory]
            trainable = functions.trainable
        if self._training is not None:  # It goes on before all is copied.
            weights = self.get_weights()
        return portable(dict(self.__dict__, _functions=None, _training=None, _memory=memory, _trainable=trainable,
                             _going_on=going_on, _weights=weights))

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        memory, as_compiled, going_on = state.pop("_memory"), state.pop("_trainable"), state.pop("_going_on", None)
        weights = state.pop("_weights", None)
        self.__dict__.update(state)
        for variable, value in zip(self.weights, weights or []):
            variable.set_value(value)
        if memory is None:
            return
        # As it was compiled, whatever has been frozen since.
        layers = self._all_layers()
        as_found = [layer.trainable for layer in layers]
        for layer, trainable in zip(layers, as_compiled):
            layer.trainable = trainable
        self.compile(self.optimizer, self.loss, self.class_mode, self.theano_mode)
        for layer, trainable in zip(layers, as_found):
            layer.trainable = trainable
        functions = self._compiled()
        for variable, value in zip(functions.memory, memory):
            variable.set_value(value)
        functions.restore(self, going_on or {})

    # ---- training ---------------------------------------------------------------------------

    def _inputs(self, X: ArrayLike) -> list[Any]:
        """Inputs that fit this model; see :func:`recurrent_layers.training.data.checked_inputs`."""
        return checked_inputs(X, self._readers(), [variable.ndim for variable in self._compiled().inputs])

    def _samples(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike = None, class_weight: ArrayLike = None,
                 train: bool = False) -> Samples:
        """Samples that fit this model and its loss; see :mod:`recurrent_layers.training.data`."""
        inputs = self._inputs(X)
        shape = self.trained_output_shape if train else self.output_shape
        if shape is not None and len(shape) == 3 and shape[1] is None and len(inputs) == 1 and inputs[0].ndim > 1:
            if all(map(_keeps_steps, self._all_layers())):
                shape = (None, inputs[0].shape[1], shape[2])
        y = checked_labels(y, inputs, shape or (None,) * self._compiled().output.ndim, self.loss)
        return Samples(inputs, y, Weights(y, sample_weight, class_weight))

    def fit(self, X: ArrayLike, y: ArrayLike, batch_size: int = 128, nb_epoch: int = 100, verbose: int = 1,
            callbacks: Iterable[Callback] | None = [], validation_split: float = 0., validation_data: Any = None,
            shuffle: Shuffle = True, show_accuracy: bool = False, class_weight: ClassWeight | None = None,
            sample_weight: ArrayLike | None = None, *, by_length: bool = False, resume: Path | None = None,
            distributed: bool = False) -> History:
        """Train.

        Parameters
        ----------
        X : array_like, or list of them
            The input, samples first; of a model with several inputs (see :class:`Merge`) a list with each. It need not
            be in memory, and nor need `y` and `sample_weight`: of a
            `numpy.memmap`, a data set of HDF5, or anything else with a `shape`, a `dtype`, and rows by slices and by
            indices in their order, no more than a batch is read at once, or 16 MB to check it.
        y : array_like
            The labels, of the shape of the output.
        batch_size : int
            Number of samples in an update.
        nb_epoch : int
            How often to go through all samples.
        verbose : {0, 1, 2}
            Print nothing, a progress bar for each epoch, or a line for each epoch.
        callbacks : list of Callback
            See :mod:`recurrent_layers.callbacks`.
        validation_split : float
            The share of the samples, taken from the end, to validate on rather than to train on.
        validation_data : tuple (X, y) or (X, y, sample_weight), optional
            Samples to validate on.
        shuffle : bool or "batch"
            Shuffle the samples before each epoch; "batch" shuffles whole batches, each of which is read by one slice,
            which is faster for data on disk (HDF5).
        show_accuracy : bool
            Report the accuracy too.
        class_weight : dict of int to float, or list of float, optional
            The weights of the classes in the loss.
        sample_weight : array_like, optional
            The weights of the samples in the loss, (nb_samples,), or of their steps,
            (nb_samples, timesteps). Masked steps count nothing anyway.
        by_length : bool
            Whether samples with about the same number of steps that are not padding come into one batch, without the
            steps that are padding in all of them. That is faster, and changes neither losses nor gradients of a batch,
            since masked steps have no part in them, but for what counts steps: `truncate_gradient` counts padding at
            the end, and so reaches further back where that is cut off; penalties on outputs of steps add up over
            padding, too; and so may layers of your own. The mask must be made by the first layer, from the input.
        resume : str or path-like, optional
            A file of ``ModelCheckpoint(path, whole=True)``, to go on after the epoch with which it was written, until
            `nb_epoch` epochs have been trained in all. Everything is then as it was: weights, what the optimizer and
            callbacks remember, its learning rate, the random numbers of this process, the order of the samples; and so
            the training ends with the numbers of one that was never interrupted. The model, its loss and its optimizer,
            the data, `batch_size`, `shuffle` and `by_length` must be the same. Where there is no such file yet, but one
            of `callbacks` will write it, the training begins.
        distributed : bool
            Train with all processes that MPI has started with this one (``mpiexec -n 4 python script.py``), each of
            which runs the same script with the same data, and computes its part of every batch. The gradients are those
            of the whole batch, so that all have the same weights to the last bit, and the history is that of one
            process, but for rounding. Random numbers of dropout are drawn for the whole batch. Callbacks, progress and
            `resume` are those of rank 0; what they change there counts everywhere from the next batch on. It needs
            mpi4py and an MPI: ``pip install mpi4py mpich``.

        Returns
        -------
        History
            Its `history` is a dict of lists, its `epoch` the list of epochs.

        Raises
        ------
        RuntimeError
            If the model is not compiled.
        TypeError
            If a method of a callback does not take what it is called with.
        ValueError
            If the data do not fit the model or the loss, or an argument is none of these; if the model is stateful, and
            samples are to be mixed or do not come in batches of one size; or if `by_length` is true, but `shuffle` is
            "batch", or the first layer makes no mask, or not the only one; or if `resume` is no file of a whole
            training, or of another one; or if `distributed` is true, but the processes have other data, or the model
            cannot be trained on a part of a batch: stateful ones, BatchNormalization, losses that give one number for
            all samples, layers that draw random numbers by themselves. Nothing has been trained then.
        FileNotFoundError
            If there is no file `resume`.
        ImportError
            If `distributed` is true, but there is no mpi4py or no MPI.
        RuntimeError
            Also if another process could not begin. When one fails later, all are ended (``MPI_Abort``), since they
            would wait for it.

        Examples
        --------
        A script that can be killed at any time, and be started again to go on:

        >>> import numpy as np
        >>> from recurrent_layers import Dense, Sequential
        >>> from recurrent_layers.callbacks import ModelCheckpoint
        >>> model = Sequential([Dense(3, 1)])
        >>> model.compile(loss="mse", optimizer="sgd", class_mode="binary")
        >>> checkpoint = ModelCheckpoint("training.h5", whole=True)
        >>> history = model.fit(np.zeros((8, 3)), np.ones((8, 1)), nb_epoch=2, verbose=0, callbacks=[checkpoint],
        ...                     resume="training.h5")
        >>> history.epoch
        [0, 1]
        """
        ranks = processes.ranks() if flag("distributed", distributed) else processes.ALONE
        with ranks.all_or_none():
            prepared = self._prepared(X, y, batch_size, nb_epoch, verbose, callbacks, validation_split, validation_data,
                                      shuffle, show_accuracy, class_weight, sample_weight, by_length)
            if distributed and self.stateful:
                raise ValueError("a stateful model cannot be trained with distributed=True: the states of the samples "
                                 "would be here and there")
        return self._fit(*prepared, resume, ranks)

    def _prepared(self, X: ArrayLike, y: ArrayLike, batch_size: int, nb_epoch: int, verbose: int,
                  callbacks: Iterable[Callback] | None, validation_split: float, validation_data: Any, shuffle: Shuffle,
                  show_accuracy: bool, class_weight: ClassWeight | None, sample_weight: ArrayLike,
                  by_length: bool) -> tuple[Any, Any, list[Callback], int, int, bool, int]:
        """What :meth:`fit` is given, checked, as batches."""
        self._compiled()
        batch_size, nb_epoch = integer("batch_size", batch_size), integer("nb_epoch", nb_epoch)
        verbose, show_accuracy = choice("verbose", verbose, 0, 1, 2), flag("show_accuracy", show_accuracy)
        shuffle, by_length = choice("shuffle", shuffle, True, False, "batch"), flag("by_length", by_length)
        if by_length and shuffle == "batch":
            raise ValueError('shuffle="batch" keeps neighbours together, by_length those of about the same length: '
                             "pass shuffle=True or False, or leave by_length out")
        validation_split = number("validation_split", validation_split, least=0.0, below=1.0)
        samples, validation = self._samples(X, y, sample_weight, class_weight, train=True), None
        callbacks = [] if callbacks is None else checked_callbacks(callbacks)
        if validation_data is not None and not _is_nothing(validation_data):
            validation = self._validation_samples(validation_data)
        elif validation_split:
            split = int(len(samples) * (1.0 - validation_split))
            if split in (0, len(samples)):
                raise ValueError(f"validation_split={validation_split} of {len(samples)} samples leaves none to train "
                                 "or to validate on")
            samples, validation = samples.split(split)
            if self.trained_output_shape != self.output_shape:
                raise ValueError(f"validation_split needs labels that are those of predictions, too: here training has "
                                 f"outputs {self.trained_output_shape}, but predictions {self.output_shape}; pass "
                                 "validation_data")
            # The weights of classes are for training only.
            validation.weights = validation.weights.without_classes()
        if (shuffle or by_length) and self.stateful:
            mixes = "by_length=True" if by_length else f"shuffle={shuffle!r}"
            raise ValueError("the model is stateful, and each batch goes on with the one before it, which "
                             f"{mixes} would mix up: pass shuffle=False, and no by_length")
        self._warn_of_truncated_padding(samples)
        in_batches = functools.partial(ByLength, steps=Steps(self)) if by_length else InOrder
        return (in_batches(samples, batch_size, shuffle),
                None if validation is None else in_batches(validation, batch_size, False),
                callbacks, batch_size, nb_epoch, show_accuracy, verbose)  # fmt: skip

    def fit_generator(self, generator: Iterator[Any], samples_per_epoch: int, nb_epoch: int, verbose: int = 1,
                      show_accuracy: bool = False, callbacks: Iterable[Callback] | None = [],
                      validation_data: Any = None, nb_val_samples: int | None = None,
                      class_weight: ClassWeight | None = None, nb_worker: int = 1,
                      nb_val_worker: int | None = None) -> History:
        """Train on batches that a generator gives, such as one that reads files or makes each batch anew.

        Threads of their own fetch the next ten batches meanwhile, and check them.

        Parameters
        ----------
        generator : iterator
            Gives (X, y) or (X, y, sample_weight), each a batch, and goes on for as many epochs as there are.
        samples_per_epoch : int
            After how many samples an epoch ends, with the batch that reaches it.
        nb_epoch : int
            How many epochs there are.
        verbose, show_accuracy, callbacks, class_weight
            As for :meth:`fit`; `batch_size` in the `params` of callbacks is None.
        validation_data : tuple (X, y) or (X, y, sample_weight), or iterator of them, optional
            What to validate on after each epoch. A tuple is all of it, a generator goes on from epoch to epoch.
        nb_val_samples : int, optional
            After how many samples of a generator a validation ends.
        nb_worker : int
            How many threads fetch batches. One at a time is in the generator, and batches are trained on in its order;
            the others check what they have, and bring it into the form that the model takes.
        nb_val_worker : int, optional
            The same for `validation_data`, if that is a generator; by default `nb_worker`.

        Returns
        -------
        History
            As of :meth:`fit`.

        Raises
        ------
        RuntimeError
            If the model is not compiled.
        ValueError
            If an argument is none of these; if a batch does not fit the model or the loss, or the generator ends too
            early: then the batches before it have been trained on, but nothing has changed if it is the first.
        Exception
            What a generator raises, with its traceback.

        Notes
        -----
        When the training ends, the threads do; one that is still in a generator ends when that comes back. No more is
        fetched than `nb_epoch` epochs need, so that the generator can be used again; only what was fetched for a
        training that was stopped early is lost. A generator should draw from a `numpy.random.RandomState` of its own:
        from the global one it would draw at any time, between the draws of others.

        Examples
        --------
        >>> import numpy as np
        >>> from recurrent_layers import Dense, Sequential
        >>> def batches():
        ...     rng = np.random.RandomState(0)
        ...     while True:
        ...         X = rng.randn(32, 3)
        ...         yield X, X.sum(axis=1, keepdims=True)
        >>> model = Sequential([Dense(3, 1)])
        >>> model.compile(loss="mse", optimizer="sgd", class_mode="binary")
        >>> history = model.fit_generator(batches(), samples_per_epoch=320, nb_epoch=2, verbose=0)
        >>> history.history["loss"][1] < history.history["loss"][0]
        True
        """
        self._compiled()
        nb_samples, nb_epoch = integer("samples_per_epoch", samples_per_epoch), integer("nb_epoch", nb_epoch)
        verbose, show_accuracy = choice("verbose", verbose, 0, 1, 2), flag("show_accuracy", show_accuracy)
        nb_worker = integer("nb_worker", nb_worker)
        nb_val_worker = nb_worker if nb_val_worker is None else integer("nb_val_worker", nb_val_worker)
        nb_val_samples = None if nb_val_samples is None else integer("nb_val_samples", nb_val_samples)
        class_weight = None if class_weight is None else checked_class_weight(class_weight)
        callbacks = [] if callbacks is None else checked_callbacks(callbacks)
        if not _is_iterator(generator):
            raise ValueError("generator must be an iterator of (X, y) or (X, y, sample_weight), as a function with "
                             f"`yield` gives it when it is called, got {shown(generator)}")

        def samples_of(X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike = None) -> Samples:
            return self._samples(X, y, sample_weight, class_weight, train=True)

        validation, nb_inputs = None, len(self._readers())
        with contextlib.ExitStack() as threads:
            if _is_iterator(validation_data):
                if nb_val_samples is None:
                    raise ValueError("validation_data is a generator: pass nb_val_samples, the number of samples to "
                                     "validate on after each epoch")
                validation = threads.enter_context(Generated("the generator of validation_data", validation_data,
                                                             nb_val_samples, nb_epoch, self._samples, nb_val_worker,
                                                             nb_inputs))
                validation.begin()
            elif validation_data is not None:
                validation = InOrder(self._validation_samples(validation_data, ", or a generator of them"), 128)
            batches = threads.enter_context(Generated("the generator", generator, nb_samples, nb_epoch, samples_of,
                                                      nb_worker, nb_inputs))  # fmt: skip
            batches.begin()
            return self._fit(batches, validation, callbacks, None, nb_epoch, show_accuracy, verbose)

    def _validation_samples(self, given: Any, or_else: str = "") -> Samples:
        if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
            raise ValueError(f"validation_data must be (X, y) or (X, y, sample_weight){or_else}, got {shown(given)}")
        return self._samples(*given)

    def _fit(self, batches: Any, validation: Any, callbacks: list[Callback], batch_size: int | None, nb_epoch: int,
             show_accuracy: bool, verbose: int, resume: Path | None = None,
             ranks: processes.Alone = processes.ALONE) -> History:
        """Train on what :mod:`recurrent_layers.training.batches` gives."""
        for name, one in (("train", batches), ("test", validation)):
            if isinstance(one, InOrder):
                self._compiled().check_batches(name, one.nb_samples, one.batch_size)
        if show_accuracy:
            self._warn_of_a_single_class()
        return epochs.fit(self, self._compiled(), batches, validation, callbacks, batch_size, nb_epoch,
                          ["loss", "acc"] if show_accuracy else ["loss"], verbose if ranks.is_first else 0, resume,
                          ranks)

    def train_on_batch(self, X: ArrayLike, y: ArrayLike, accuracy: bool = False,
                       class_weight: ClassWeight | None = None, sample_weight: ArrayLike | None = None) -> Measured:
        """Make one update; returns the loss, or [loss, accuracy]. Parameters as for :meth:`fit`."""
        return self._on_batch("train", X, y, accuracy, class_weight, sample_weight)

    def test_on_batch(self, X: ArrayLike, y: ArrayLike, accuracy: bool = False,
                      sample_weight: ArrayLike | None = None) -> Measured:
        """The loss of one batch, or [loss, accuracy]. Parameters as for :meth:`fit`."""
        return self._on_batch("test", X, y, accuracy, None, sample_weight)

    def _on_batch(self, name: str, X: ArrayLike, y: ArrayLike, accuracy: bool, class_weight: ClassWeight | None,
                  sample_weight: ArrayLike) -> Measured:
        accuracy = flag("accuracy", accuracy)
        samples, functions = self._samples(X, y, sample_weight, class_weight, train=name == "train"), self._compiled()
        if name == "train" and not functions.is_compiled(name):
            self._warn_of_truncated_padding(samples)
        outputs = functions.get(name)(*samples[:])
        return [float(output) for output in outputs[:2]] if accuracy else float(outputs[0])

    def _warn_of_truncated_padding(self, samples: Samples) -> None:
        readers = self._readers()
        if len(readers) == 1:
            warn_of_truncated_padding(self._all_layers(), readers[0], samples.inputs[0])

    # The variables of the graphs, by the names that scripts of the time compile functions of their own with.
    X_train = property(lambda self: self.get_input(train=True))
    X_test = property(lambda self: self.get_input(train=False))
    y_train = property(lambda self: self.get_output(train=True))
    y_test = property(lambda self: self.get_output(train=False))

    # What scripts of the time call instead: as Theano's functions, with the inputs, labels and weights as arguments.
    _predict = property(lambda self: lambda *inputs: self.predict_on_batch(_one_or_list(inputs)))
    _train = property(lambda self: functools.partial(self._called_plainly, "train", False))
    _train_with_acc = property(lambda self: functools.partial(self._called_plainly, "train", True))
    _test = property(lambda self: functools.partial(self._called_plainly, "test", False))
    _test_with_acc = property(lambda self: functools.partial(self._called_plainly, "test", True))

    def _called_plainly(self, name: str, accuracy: bool, *arguments: ArrayLike) -> Measured:
        count = len(self._readers())
        if len(arguments) != count + 2:
            raise TypeError(f"_{name} takes {count + 2} arguments, {count} of input, labels and weights, got "
                            f"{len(arguments)}")
        *inputs, y, weights = arguments
        return self._on_batch(name, _one_or_list(inputs), y, accuracy, None, weights)

    # ---- use --------------------------------------------------------------------------------

    def evaluate(self, X: ArrayLike, y: ArrayLike, batch_size: int = 128, show_accuracy: bool = False, verbose: int = 1,
                 sample_weight: ArrayLike | None = None) -> Measured:
        """The mean loss.

        Parameters
        ----------
        X, y, batch_size, sample_weight
            As for :meth:`fit`.
        show_accuracy : bool
            Return the accuracy too.
        verbose : {0, 1}
            Whether to show a progress bar.

        Returns
        -------
        float, or list [loss, accuracy]
            Over all samples that are not masked; the same for any `batch_size`.
        """
        functions, batch_size = self._compiled(), integer("batch_size", batch_size)
        show_accuracy, verbose = flag("show_accuracy", show_accuracy), choice("verbose", verbose, 0, 1, 2)
        samples = self._samples(X, y, sample_weight)
        functions.check_batches("test", len(samples), batch_size)
        values = epochs.evaluate(functions.get("test", verbose), InOrder(samples, batch_size), verbose)
        if show_accuracy:
            self._warn_of_a_single_class()
        return values if show_accuracy else values[0]

    def predict(self, X: ArrayLike, batch_size: int = 128, verbose: int = 0) -> Array:
        """The output for each sample.

        Parameters
        ----------
        X : array_like
            The input, samples first.
        batch_size : int
        verbose : {0, 1}
            Whether to show a progress bar.

        Returns
        -------
        numpy.ndarray
            Samples first, of `floatX`.

        Examples
        --------
        >>> import numpy as np
        >>> from recurrent_layers import Dense, Sequential
        >>> model = Sequential([Dense(3, 2)])
        >>> model.compile(loss="mse", optimizer="sgd")
        >>> model.predict(np.zeros((4, 3))).tolist()
        [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
        """
        functions, batch_size, inputs = self._compiled(), integer("batch_size", batch_size), self._inputs(X)
        verbose = choice("verbose", verbose, 0, 1, 2)
        functions.check_batches("predict", len(inputs[0]), batch_size)
        return epochs.predict(functions.get("predict", verbose), inputs, batch_size, verbose)

    def predict_on_batch(self, X: ArrayLike) -> Array:
        """The output for one batch."""
        inputs = self._inputs(X)
        return self._compiled().get("predict")(*map(rows, inputs))

    def to_c(self, path: Path, dtype: Floats | None = None) -> None:
        """Write the model as one file of C, which needs no library but `math.h`.

        Beside `path`, such as ``net.c``, a header ``net.h`` is written; files that are there are replaced. The
        functions have the name of the file::

            void net_reset(net_state *state);
            int net_step(net_state *state, const float x[], float y[]);
            int net_predict(long timesteps, const float x[], float y[], float scratch[]);

        The first begins a sequence, the second goes on by one timestep, as :meth:`step` does, and the third computes a
        whole sequence, as :meth:`predict` does, each for one sample. They allocate nothing. A model that cannot go step
        by step, such as one with `Bidirectional`, has only the third. Compiled with ``-DNET_TEST`` the file is a
        program that computes a drawn input, and ends with the status 0 if it gives what the model predicts.

        Parameters
        ----------
        path : str or path-like
            That of the file, which ends with ``.c``.
        dtype : {"float32", "float64"}, optional
            The type of its numbers; by default `floatX`.

        Raises
        ------
        ValueError
            If `path` is no such name, the model has something that has no equal in C, which is named, or a number that
            is too large for `dtype`.
        OSError
            If the files cannot be written.

        Examples
        --------
        >>> from recurrent_layers import LSTM, Dense, Sequential
        >>> Sequential([LSTM(3, 8), Dense(8, 2)]).to_c("net.c", dtype="float32")
        >>> [line.strip() for line in open("net.h") if line.startswith("int net_step")]
        ['int net_step(net_state *state, const float x[], float y[]);']
        """
        self._while_nobody_writes(lambda: to_c.write(self, path, dtype))

    def step(self, x_t: ArrayLike) -> Array:
        """The output after one more step, for data that arrive one step at a time.

        The layers go on from where the last call in this thread has left them; after :meth:`reset_states`, and at
        first, they begin anew. The outputs are those that :meth:`predict` gives for all steps so far at once: at the
        last of them, if the model gives one for each step.

        Parameters
        ----------
        x_t : array_like
            The input at this step, samples first: (nb_samples, input_dim), or integers (nb_samples,) for an Embedding.

        Returns
        -------
        numpy.ndarray
            Samples first: (nb_samples, output_dim), or what :meth:`predict` gives if that has no steps of the input.

        Raises
        ------
        RuntimeError
            If the model is not compiled.
        ValueError
            If the input does not fit the model, or is of another number of samples than the last; or if the model
            needs more than the steps that have been, as with `go_backwards`, or with several steps in one output.

        Examples
        --------
        >>> import numpy as np
        >>> from recurrent_layers import GRU, Sequential
        >>> model = Sequential([GRU(3, 8)])
        >>> model.compile(loss="mse", optimizer="sgd")
        >>> X = np.random.randn(2, 5, 3)
        >>> model.reset_states()
        >>> for x_t in X.transpose(1, 0, 2):
        ...     y_t = model.step(x_t)
        >>> np.allclose(y_t, model.predict(X), atol=1e-6)
        True
        """
        step = self._compiled().step(self)
        if not step.fits(x_t):
            array = array_of_numbers("x_t", x_t)
            if not array.ndim:
                raise ValueError(f"x_t must be an array, (nb_samples, input_dim), got {shown(x_t)}")
            expected = self.expected_input_shape
            if expected is not None and array.ndim != len(expected) - 1:
                raise ValueError(f"x_t must have {len(expected) - 1} dimensions, samples first: one step of the input "
                                 f"{expected}; got {array.shape}")
            # Copied, wherever it lies, as where numpy.broadcast_to has made it.
            x_t = np.array(rows(*self._inputs(array[:, None]))[:, 0])
        return step(x_t)

    @property
    def stateful(self) -> bool:
        """Whether a layer goes on with the states in which the last batch has left it."""
        going_on = {} if self._functions is None else self._functions.going_on.functions
        return any(going_on.get(name) for name in ("predict", "train")) or any(
            getattr(layer, "stateful", False) for layer in self.layers)

    def reset_states(self) -> None:
        """Let all layers begin anew at the next batch, and at the next step.

        What layers go on with is kept for each thread, and separately for training (:meth:`fit`,
        :meth:`train_on_batch`), tests (:meth:`evaluate`, :meth:`test_on_batch`, validation in :meth:`fit`), predictions
        (:meth:`predict` and its like) and :meth:`step`: none of these touches what another goes on with. This resets
        all of them in the thread that calls it, and none in others; so does :meth:`compile`, in all.
        """
        if self._functions is not None:
            self._functions.going_on.reset()
        if self._functions is None or self._stands_in_another():
            for layer in self._all_layers():  # They may go on as part of another model.
                if hasattr(layer, "reset_states"):
                    layer.reset_states()

    def predict_proba(self, X: ArrayLike, batch_size: int = 128, verbose: int = 1) -> Array:
        """As :meth:`predict`, with a warning if the outputs cannot be probabilities."""
        outputs = self.predict(X, batch_size, verbose)
        if outputs.min() < 0 or outputs.max() > 1:
            warn(f"the outputs are no probabilities: they go from {outputs.min():g} to {outputs.max():g}; "
                 "does the last layer have a softmax or a sigmoid?")
        return outputs

    def predict_classes(self, X: ArrayLike, batch_size: int = 128, verbose: int = 1) -> Array:
        """The class of each sample (or step): the largest output, or 1 where it is above 0.5.

        Returns
        -------
        numpy.ndarray of int
            With class_mode "categorical" one dimension less than the output.
        """
        outputs = self.predict(X, batch_size, verbose)
        self._warn_of_a_single_class()
        return outputs.argmax(axis=-1) if self.class_mode == "categorical" else (outputs > 0.5).astype("int32")

    def _warn_of_a_single_class(self) -> None:
        """Say so if the largest of a single output is asked for, which tells nothing."""
        shape = self.output_shape
        if self.class_mode == "categorical" and shape is not None and shape[-1] == 1:
            warn("with a single output and class_mode='categorical' there is one class only, and the accuracy "
                 "is always 1: pass class_mode='binary' to compile")

    def summary(self) -> None:
        """Print a table of the layers, the shapes of their outputs, and how many weights they train."""
        rows = [("layer", "output shape", "params")]
        rows += [(type(layer).__name__, str(layer.output_shape), str(layer.count_params())) for layer in self.layers]
        rows += [("total", "", str(self.count_params()))]
        widths = [max(map(len, column)) for column in zip(*rows)]
        for name, shape, count in rows:
            print(f"{name.ljust(widths[0])}  {shape.ljust(widths[1])}  {count.rjust(widths[2])}")

    # ---- files ------------------------------------------------------------------------------

    def save_weights(self, filepath: Path, overwrite: bool = False) -> None:
        """Save all weights to HDF5, in the layout of Keras 0.1 to 0.3.

        Parameters
        ----------
        filepath : str or path-like
        overwrite : bool
            Whether a file that is there may be replaced. It stays whole until the new one is complete,
            even through a crash.

        Raises
        ------
        FileExistsError
            If the file is there and `overwrite` is false.
        ValueError
            If an argument is none of these.

        Examples
        --------
        >>> from recurrent_layers import GRU, Sequential, model_from_json
        >>> model = Sequential([GRU(3, 8)])
        >>> model.save_weights("weights.h5", overwrite=True)
        >>> again = model_from_json(model.to_json())
        >>> again.load_weights("weights.h5")
        >>> all((ours == theirs).all() for ours, theirs in zip(model.get_weights(), again.get_weights()))
        True
        """
        weights = self._while_nobody_writes(lambda: [layer.get_weights() for layer in self.layers])
        weight_files.write(filepath, weights, overwrite)

    def load_weights(self, filepath: Path) -> None:
        """Load all weights from HDF5: a weight file of Keras 0.1 to 2, or a whole model of Keras 1 to 3 (``.h5``).

        Files of Keras 1 and later say nothing of layers without weights; those with weights must be, in this order,
        LSTM, GRU, SimpleRNN (also those for cuDNN), Bidirectional, Embedding, Dense (also within TimeDistributed),
        MaxoutDense, BatchNormalization, PReLU or ParametricSoftplus, as here. A GRU with `reset_after` there is one
        here; biases that it has not there are 0; BatchNormalization has its epsilon from there, which is 0.001 where
        the file does not say it. Where a whole model says that a recurrent layer has other activations, or another
        direction, there is a warning.

        Parameters
        ----------
        filepath : str or path-like

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If `filepath` is no path, or if the file is truncated or of another kind, holds the weights of another
            architecture, or lacks a random projection that Keras 0.1 did not save. The model's weights are as they
            were then.

        Notes
        -----
        No file of weights alone says which activations there were. What Keras up to 2 calls hard_sigmoid is ours,
        0.2 x + 0.5 between 0 and 1; in Keras 3 it is x / 6 + 0.5, which no layer here has. The default
        `inner_activation` is hard_sigmoid up to Keras 2.2, as here, and sigmoid from 2.3 on; `activation` has been tanh
        since 0.3, also in SimpleRNN and GRU, which have sigmoid here. So for Keras 0.3 to 2.2 write ``LSTM(...)``,
        ``GRU(..., activation="tanh")`` and ``SimpleRNN(..., activation="tanh")``; from 2.3 on add
        ``inner_activation="sigmoid"`` to LSTM and GRU.

        `Dropout` here gives x (1 - p) in predictions, as that of Keras 0.1 did; from 0.3 on Keras gives x, and divides
        by 1 - p while training. For its predictions leave `Dropout` out, which has no weights.
        """
        self._set(self._match_file(filepath))

    def _match_file(self, filepath: Path) -> list[tuple[Variable, ArrayLike]]:
        """Pair the weights of a file with the variables they are meant for; see :meth:`load_weights`."""
        matched, filepath = [], as_path("filepath", filepath)
        if later_keras.is_one(filepath):
            return later_keras.matched(filepath, self.layers)
        with weight_files.opened(filepath) as stored:
            if len(stored) != len(self.layers):
                raise ValueError("{} holds the weights of {} layers, but the model has {}: {}".format(
                    filepath, len(stored), len(self.layers), ", ".join(type(layer).__name__ for layer in self.layers)))
            for k, (layer, arrays) in enumerate(zip(self.layers, stored)):
                try:
                    matched += layer.match_stored_weights(arrays)
                except (ValueError, OSError) as error:
                    raise ValueError(f"layer {k} in {filepath}: {error}") from error
        return matched

    def get_config(self, verbose: int = 0) -> Config:
        """The layers' configs and, of a compiled model, how it is trained, as a dict; printed too if `verbose`."""
        verbose = choice("verbose", verbose, 0, 1, 2)
        config = super().get_config()
        if self._functions is not None:
            loss = known_name(self.loss, objectives.KNOWN) or self.loss
            config.update(optimizer=self.optimizer.get_config(), loss=loss, class_mode=self.class_mode,
                          theano_mode=self.theano_mode)
        if verbose:
            pprint.pprint(config)
        return config

    @classmethod
    def from_config(cls, config: Config, custom_layers: CustomObjects | None = None,
                    custom_objects: CustomObjects | None = None) -> Sequential:
        """Make a model from what :meth:`get_config` gave, with new weights; compiled if that one was.

        See :func:`model_from_json`.
        """
        if not isinstance(config, dict) or config.get("name") not in ("Sequential", cls.__name__):
            later = "; it is one of Keras 1 or later: make such layers here, and load_weights its file"
            raise ValueError(f"this is no config of a Sequential model: {shown(config)}"
                             + later * (isinstance(config, dict) and "class_name" in config))
        with not_too_deep(), custom_objects_known("custom_layers", custom_layers), \
                custom_objects_known("custom_objects", custom_objects):  # fmt: skip
            model = super().from_config(config)
            if "optimizer" in config:
                loss: Any = config.get("loss")  # None is refused as any other that is not known.
                model.compile(config["optimizer"], loss, config.get("class_mode", "categorical"),
                              config.get("theano_mode"))  # fmt: skip
        return model

    def to_json(self, **options: Any) -> str:
        """The architecture as JSON, for :func:`model_from_json`; the weights are not in it, but which are trained.

        Functions of your own stand in it by their names.

        Parameters
        ----------
        **options
            For :func:`json.dumps`, such as `indent`.

        Raises
        ------
        ValueError
            If a function of your own has no name, as a lambda, or one that a function of this library has; or if a
            layer begins with the states of another one (`initial_state`).
        """
        return configs.as_json(self._config_to_store(), **options)

    def to_yaml(self, **options: Any) -> str:
        """The architecture as YAML, for :func:`model_from_yaml`; the weights are not in it.

        It needs PyYAML: ``pip install pyyaml``.

        Parameters
        ----------
        **options
            For :func:`yaml.dump`, such as `indent`.

        Raises
        ------
        ImportError
            If there is no PyYAML.
        ValueError
            As :meth:`to_json` does.
        """
        return configs.as_yaml(self._config_to_store(), **options)

    def to_onnx(self, path: Path, dtype: Floats = "float32") -> None:
        """Write what :meth:`predict` computes as a file of ONNX, which ONNX Runtime and others run without Python.

        It needs onnx: ``pip install onnx``. The model need not be compiled.

        Parameters
        ----------
        path : str or path-like
            A file that is there is replaced, and stays whole until the new one is complete.
        dtype : {"float32", "float64"}
            The type of all floats in the file, whatever `floatX` is. ONNX Runtime has some functions for float32 only.

        Raises
        ------
        ImportError
            If there is no onnx.
        ValueError
            If an argument is none of these; if something in the model has no equal in ONNX, which the message names;
            if a number is too large for `dtype`; or if the file would have 2 GB. The file that was there is as it was
            then.

        Notes
        -----
        The input is ``x``, or ``x_1``, ``x_2`` and so on of a model with several, the prediction ``y``, the first
        output. Samples and timesteps may be as many as one likes. Integers for an Embedding are int32. The states with
        which a `stateful` model goes on are further inputs ``state_1``, ``state_2``, ..., zeros at first, and outputs
        ``state_1_after``, ``state_2_after``, ..., to be given for the next batch.

        `LSTM`, `GRU` and `SimpleRNN` are ONNX's own operators where there is no mask, all activations are those that
        ONNX knows there, and `dtype` is float32. What is for training is not in the file: loss and optimizer,
        regularizers, constraints, dropout.

        Examples
        --------
        >>> import onnxruntime
        >>> import numpy as np
        >>> from recurrent_layers import LSTM, Dense, Sequential
        >>> Sequential([LSTM(3, 8), Dense(8, 2)]).to_onnx("model.onnx")
        >>> session = onnxruntime.InferenceSession("model.onnx")
        >>> y, = session.run(["y"], {"x": np.zeros((4, 5, 3), "float32")})
        >>> y.shape
        (4, 2)
        """
        self._while_nobody_writes(lambda: to_onnx.write(self, path, dtype))

    def _config_to_store(self) -> Config:
        layers = self._all_layers()
        for thing in layers + ([] if self._functions is None else [self.optimizer]):
            configs.check_name(thing)
        shared = [layer for k, layer in enumerate(layers) if layer in layers[:k]]
        if shared:
            raise ValueError(f"JSON cannot say that several branches have the same {shown(shared[0])}: keep the "
                             "architecture in Python and save the weights only")
        return self.get_config()


def _is_nothing(value: Any) -> bool:
    """Whether it is false, or has nothing in it, which scripts gave for None."""
    return isinstance(value, (bool, tuple, list)) and not value


def _one_or_list(inputs: Sequence[ArrayLike]) -> Any:
    return inputs[0] if len(inputs) == 1 else list(inputs)


def _is_iterator(value: Any) -> bool:
    return hasattr(type(value), "__next__")


def model_from_json(json_string: str, custom_layers: CustomObjects | None = None,
                    custom_objects: CustomObjects | None = None) -> Sequential:
    """Make a model from JSON.

    Parameters
    ----------
    json_string : str
        What :meth:`Sequential.to_json` gave.
    custom_layers : dict of str to class, optional
        Layers of your own, by the names that they have in the JSON.
    custom_objects : dict of str to callable, optional
        The same for layers and all else: activations, initializations, losses, optimizers, regularizers, constraints.

    Returns
    -------
    Sequential
        With new weights; compiled if the one that was saved was.

    Raises
    ------
    ValueError
        If it is not JSON of a model, a name in it is not known, a layer in it does not fit the one below, or the
        weights would need more memory than there is.

    Examples
    --------
    >>> from recurrent_layers import LSTM, Dense, Sequential, model_from_json
    >>> json = Sequential([LSTM(3, 8), Dense(8, 2)]).to_json()
    >>> [type(layer).__name__ for layer in model_from_json(json).layers]
    ['LSTM', 'Dense']
    """
    return model_from_config(configs.from_json(json_string), custom_layers, custom_objects)


def model_from_yaml(yaml_string: str, custom_layers: CustomObjects | None = None,
                    custom_objects: CustomObjects | None = None) -> Sequential:
    """Make a model from YAML; see :func:`model_from_json`.

    Parameters
    ----------
    yaml_string : str
        What :meth:`Sequential.to_yaml` gave.
    custom_layers : dict of str to class, optional
    custom_objects : dict of str to callable, optional

    Returns
    -------
    Sequential

    Raises
    ------
    ImportError
        If there is no PyYAML.
    ValueError
        As :func:`model_from_json` does. No code in it is run, whatever stands there.
    """
    return model_from_config(configs.from_yaml(yaml_string), custom_layers, custom_objects)


def model_from_config(config: Config, custom_layers: CustomObjects | None = None,
                      custom_objects: CustomObjects | None = None) -> Sequential:
    """As :func:`model_from_json`, from the dict that :meth:`Sequential.get_config` gave."""
    return Sequential.from_config(config, custom_layers, custom_objects)


#: A stack within another layer comes back as one that can be trained, too.
known.KNOWN["Sequential"] = Sequential

#: Names of Keras' module. Its `Model` was what `Sequential` and `Graph` had in common.
Model = Sequential
get_function_name, weighted_objective = functions_elsewhere(
    __name__, "get_function_name", "weighted_objective", instead="it was a part of `compile`: call that")


def standardize_X(X: ArrayLike) -> list[Any]:
    """A list of inputs: the one that is given, or those."""
    return X if isinstance(X, list) else [X]


def standardize_y(y: ArrayLike) -> Array:
    """Labels as an array, with a last axis if there is one number for each sample."""
    y = array_of_numbers("y", y)
    if y.ndim == 0:
        raise ValueError(f"y must be an array with the labels of each sample, got {shown(y)}")
    return y[:, None] if y.ndim == 1 else y


def standardize_weights(y: ArrayLike, sample_weight: ArrayLike | None = None,
                        class_weight: ClassWeight | None = None) -> Array:
    """The weights of samples, or of their steps, in the loss; see :meth:`Sequential.fit`.

    Returns
    -------
    numpy.ndarray
        Of the shape of `y`, but for the last axis, which has one number.

    Examples
    --------
    >>> from recurrent_layers.models import standardize_weights
    >>> standardize_weights([[0], [1], [1]], class_weight={0: 1.0, 1: 3.0}).tolist()
    [[1.0], [3.0], [3.0]]
    """
    y = standardize_y(y)
    return Weights(y, sample_weight, class_weight).of(y, slice(None))[..., None]


def make_batches(size: int, batch_size: int) -> list[tuple[int, int]]:
    """Where batches of so many samples begin and end: pairs of int.

    Examples
    --------
    >>> from recurrent_layers.models import make_batches
    >>> make_batches(10, 4)
    [(0, 4), (4, 8), (8, 10)]
    """
    size, batch_size = integer("size", size, least=0), integer("batch_size", batch_size)
    return [(ids.start, ids.stop) for ids in cut(range(size), batch_size)]


def _keeps_steps(layer: Layer) -> bool:
    """Whether it is known to give as many steps as it reads."""
    return layer.keeps_shape() or is_stepwise(layer) or isinstance(layer, (Recurrent, Bidirectional))


def batch_shuffle(index_array: ArrayLike, batch_size: int) -> Array:
    """Indices with whole batches in another order, those that fill none at the end."""
    index_array = array_of_numbers("index_array", index_array)
    if index_array.ndim == 0:
        raise ValueError(f"index_array must be an array, got {shown(index_array)}")
    return index_array[shuffled(np.arange(len(index_array)), "batch", integer("batch_size", batch_size))]
