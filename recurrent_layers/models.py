"""A stack of layers with a loss and an optimizer: fit, predict, evaluate, save."""

import contextlib
import json
import pprint
import sys
import time
import warnings

import numpy as np
from tqdm import tqdm

from recurrent_layers import callbacks as callback_module
from recurrent_layers import engine, objectives, optimizers, weight_files
from recurrent_layers import layers as layer_module
from recurrent_layers.data import batches, rows, shuffled, slice_X, weights_of
from recurrent_layers.engine import tensor as T
from recurrent_layers.layers.base import Layer, one_output_for_each_layer
from recurrent_layers.utils.generic_utils import known_name, lookup, positive_int

__all__ = ["Sequential", "model_from_config", "model_from_json", "slice_X"]


class Sequential(Layer):
    """Layers, one after the other.

    Parameters
    ----------
    layers : iterable of Layer, optional
        Layers to begin with, as by :meth:`add`.

    Attributes
    ----------
    layers : list of Layer
    stop_training : bool
        Set by callbacks to end :meth:`fit`.

    Examples
    --------
    >>> model = Sequential()
    >>> model.add(LSTM(8, 32))
    >>> model.add(Dense(32, 10, activation="softmax"))
    >>> model.compile(loss="categorical_crossentropy", optimizer="adam")
    >>> history = model.fit(X, y, nb_epoch=10, validation_split=0.1, show_accuracy=True)

    Notes
    -----
    A model is a layer itself, and may be added to another one.
    """

    def __init__(self, layers=()):
        self.layers = []
        self.stop_training = False
        self._graph = None
        for layer in layers:
            self.add(layer)

    # ---- as a layer -------------------------------------------------------------------------

    def add(self, layer):
        """Put a layer on top.

        Parameters
        ----------
        layer : Layer

        Raises
        ------
        ValueError
            If it does not fit the layer below; the model is as it was then.

        Notes
        -----
        A compiled model must be compiled again afterwards.
        """
        if not isinstance(layer, Layer):
            raise ValueError(f"add needs a layer, such as LSTM(8, 32), got {layer!r}")
        if layer in self.layers or hasattr(layer._first(), "previous"):
            raise ValueError(f"this {type(layer).__name__} already stands behind another layer or in this model; make "
                             "a new one with from_config(layer.get_config()), and set_weights(layer.get_weights())")
        if self.layers:
            layer.set_previous(self.layers[-1])
        self.layers.append(layer)
        self._graph = None

    def _joined(self, attribute):
        return [item for layer in self.layers for item in getattr(layer, attribute)]

    def _all_layers(self):
        """The layers, and those of the models among them."""
        return [one for layer in self.layers
                for one in [layer] + (layer._all_layers() if isinstance(layer, Sequential) else [])]

    def get_params(self):
        """All that training needs, of the layers that are `trainable`; see :meth:`Layer.get_params`."""
        parts = [layer.get_params() for layer in self.layers if layer.trainable]
        return tuple([item for part in parts for item in part[k]] for k in range(4))

    params = property(lambda self: self._joined("params"))
    non_trainable_weights = property(lambda self: self._joined("non_trainable_weights"))
    regularizers = property(lambda self: self._joined("regularizers"))
    updates = property(lambda self: self._joined("updates"))
    constraints = property(lambda self: [c for layer in self.layers for c in layer.get_params()[2]])
    weights = property(lambda self: self._joined("weights"))
    input = property(lambda self: self._bottom().input)
    input_ndim = property(lambda self: self._bottom().input_ndim)
    expected_input_shape = property(lambda self: self._bottom().expected_input_shape)
    input_shape = property(lambda self: self._bottom().input_shape)
    output_shape = property(lambda self: self._top().output_shape)

    @input.setter
    def input(self, variable):
        self._bottom().input = variable

    def _bottom(self):
        if not self.layers:
            raise ValueError("the model has no layers yet: add some first")
        return self.layers[0]

    def _top(self):
        self._bottom()
        return self.layers[-1]

    def _first(self):
        return self._bottom()._first()

    def set_previous(self, layer, connection_map=None):
        self._bottom().set_previous(layer)

    def supports_masked_input(self):
        return self._bottom().supports_masked_input()

    def check_data(self, X):
        self._bottom().check_data(X)

    def get_input(self, train=False):
        return self._bottom().get_input(train)

    def get_output(self, train=False):
        return self._top().get_output(train)

    def get_output_mask(self, train=False):
        return self._top().get_output_mask(train)

    def match_weights(self, weights):
        """Pair arrays with the variables they are meant for; see :meth:`Layer.match_weights`."""
        return self._match(weights, "match_weights")

    def match_stored_weights(self, weights):
        """As :meth:`match_weights`, for arrays from a file; see :meth:`Layer.match_stored_weights`."""
        return self._match(weights, "match_stored_weights")

    def _match(self, weights, method):
        weights = list(weights)
        kind = "params" if len(weights) == len(self.params) else "weights"
        if len(weights) != len(getattr(self, kind)):
            raise ValueError(f"the model has {len(self.weights)} weights, got {len(weights)}")
        matched = []
        for layer in self.layers:
            count = len(getattr(layer, kind))
            matched += getattr(layer, method)(weights[:count])
            weights = weights[count:]
        return matched

    # ---- compilation ------------------------------------------------------------------------

    def compile(self, optimizer, loss, class_mode="categorical", theano_mode=None):
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
            How Theano compiles, such as "FAST_COMPILE"; by default as `theano.config.mode` says.

        Raises
        ------
        ValueError
            If a name is not known, or the model has no layers.

        Notes
        -----
        Theano compiles a function when it is first used: the training step in :meth:`fit`, and so on.
        """
        if hasattr(self._first(), "previous"):
            raise ValueError("this model stands in another one: compile that one")
        optimizer, loss = optimizers.get(optimizer), objectives.get(loss)
        if class_mode not in ("categorical", "binary"):
            raise ValueError(f"unknown class_mode {class_mode!r}. Known: binary, categorical.")

        with one_output_for_each_layer():
            graph, mean_loss = self._build(loss, class_mode)
            params, regularizers, constraints, updates = self.get_params()
            for regularizer in regularizers:
                mean_loss = regularizer(mean_loss)
        steps = optimizer.get_updates(params, constraints, mean_loss) if params else []
        graph["train"][2].extend(steps + updates)

        self.optimizer, self.loss, self.class_mode, self.theano_mode = optimizer, loss, class_mode, theano_mode
        self._graph, self._functions = graph, {}
        self._compiled_trainable = [layer.trainable for layer in self._all_layers()]
        self._optimizer_memory = [variable for variable, _ in steps if variable not in params]

    def _build(self, loss, class_mode):
        """The inputs, outputs and updates of each function, and the loss to train on."""
        X, y_pred = self.get_input(False), self.get_output(False)
        graph = {"predict": ([X], y_pred, [])}
        y = T.TensorType(engine.config.floatX, (False,) * y_pred.ndim)("y")
        weights = T.TensorType(engine.config.floatX, (False,) * (y.ndim - 1))("weights")
        for name, train in (("test", False), ("train", True)):
            y_pred, mask = self.get_output(train), self.get_output_mask(train)
            counts = weights if mask is None else weights * mask
            mean_loss = _weighted_mean(_finite_where_it_counts(loss, counts)(y, y_pred), counts)
            accuracy = _weighted_mean(_hits(class_mode)(y, y_pred), counts)
            graph[name] = ([self.get_input(train), y, weights], [mean_loss, accuracy, counts.sum()], [])
        return graph, mean_loss

    def _require_compiled(self):
        if self._graph is None:
            raise RuntimeError("the model is not compiled: call compile(optimizer, loss) first, and again after add")

    def _function(self, name, verbose=0):
        """The compiled function "train", "test" or "predict"."""
        self._require_compiled()
        if name not in self._functions:
            inputs, outputs, updates = self._graph[name]
            with _announced(f"Theano compiles the {name} function", verbose):
                self._functions[name] = engine.function(
                    inputs, outputs, updates=updates, mode=self.theano_mode, allow_input_downcast=True,
                    name=name, on_unused_input="ignore")
        return self._functions[name]

    def __getstate__(self):
        state = dict(self.__dict__, _graph=None, _functions={})
        if self._graph is not None:
            state["_optimizer_memory"] = [variable.get_value() for variable in self._optimizer_memory]
        return dict(state, _was_compiled=self._graph is not None)

    def __setstate__(self, state):
        state = dict(state)
        was_compiled = state.pop("_was_compiled")
        self.__dict__.update(state)
        if not was_compiled:
            return
        # As it was compiled, whatever has been frozen since.
        layers = self._all_layers()
        trainable = [layer.trainable for layer in layers]
        for layer, as_compiled in zip(layers, self._compiled_trainable):
            layer.trainable = as_compiled
        self.compile(self.optimizer, self.loss, self.class_mode, self.theano_mode)
        for layer, as_found in zip(layers, trainable):
            layer.trainable = as_found
        for variable, value in zip(self._optimizer_memory, state["_optimizer_memory"]):
            variable.set_value(value)

    # ---- data -------------------------------------------------------------------------------

    def _check_X(self, X):
        if isinstance(X, list) and len(X) == 1 and np.ndim(X[0]) == self._graph["predict"][0][0].ndim:
            X = X[0]  # Keras takes a list with an array for each input, too.
        X = X if hasattr(X, "shape") and hasattr(X, "dtype") else np.asarray(X)
        if X.dtype.kind not in "fiub":
            raise ValueError(f"the input must be numbers, in one array, got an array of {X.dtype}; "
                             "sequences of different lengths must be padded")
        if len(X.shape) == 0 or X.shape[0] == 0 or (len(X.shape) > 1 and X.shape[1] == 0):
            raise ValueError(f"the input is empty: shape {tuple(X.shape)}")
        # What is not in memory (HDF5) is not brought there as a whole.
        for part in [X] if isinstance(X, np.ndarray) else (X[i:i + 4096] for i in range(0, len(X), 4096)):
            self.check_data(np.asarray(part))
        return X

    def _check_y(self, X, y):
        y = np.asarray(y)
        y = y[:, None] if y.ndim == 1 else y
        if len(y) != len(X):
            raise ValueError(f"there are {len(X)} samples, but {len(y)} labels")
        if y.dtype.kind not in "fiub":
            raise ValueError(f"labels must be numbers, got an array of {y.dtype}")
        shape = self.output_shape or (None,) * self._graph["predict"][1].ndim
        if len(shape) == 3 and shape[1] is None and len(X.shape) > 1:
            shape = (None, X.shape[1], shape[2])
        if len(shape) != y.ndim or any(size not in (None, given) for size, given in zip(shape, y.shape)):
            hint = ""
            if self.loss is objectives.categorical_crossentropy:
                hint = "; for one-hot labels see recurrent_layers.utils.np_utils.to_categorical"
            raise ValueError(f"the labels must have the shape of the output, {shape}, got {y.shape}{hint}")
        if y.dtype.kind == "f" and np.isnan(y).any():
            raise ValueError("there is NaN in the labels; to leave samples out, give them sample_weight 0")
        objectives.check_labels(self.loss, y)
        return y

    # ---- training ---------------------------------------------------------------------------

    def fit(self, X, y, batch_size=128, nb_epoch=100, verbose=1, callbacks=[], validation_split=0.,
            validation_data=None, shuffle=True, show_accuracy=False, class_weight=None, sample_weight=None):
        """Train.

        Parameters
        ----------
        X : array_like
            The input, samples first.
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
            Shuffle the samples before each epoch; "batch" shuffles whole batches, which is faster for
            data on disk (HDF5).
        show_accuracy : bool
            Report the accuracy too.
        class_weight : dict of int to float, optional
            The weights of the classes in the loss.
        sample_weight : array_like, optional
            The weights of the samples in the loss, (nb_samples,), or of their steps,
            (nb_samples, timesteps). Masked steps count nothing anyway.

        Returns
        -------
        History
            Its `history` is a dict of lists, its `epoch` the list of epochs.

        Raises
        ------
        RuntimeError
            If the model is not compiled.
        ValueError
            If the data do not fit the model or the loss; nothing has been trained then.
        """
        self._require_compiled()
        batch_size, nb_epoch = positive_int("batch_size", batch_size), positive_int("nb_epoch", nb_epoch)
        X = self._check_X(X)
        y = self._check_y(X, y)
        if not 0.0 <= validation_split < 1.0:
            raise ValueError(f"validation_split must be from 0 to less than 1, got {validation_split!r}")
        weights = weights_of(y, sample_weight, class_weight)
        validation = None
        if validation_data is not None:
            if len(validation_data) not in (2, 3):
                raise ValueError("validation_data must be (X, y) or (X, y, sample_weight), "
                                 f"got {len(validation_data)} items")
            X_val = self._check_X(validation_data[0])
            y_val = self._check_y(X_val, validation_data[1])
            validation = X_val, y_val, weights_of(y_val, *validation_data[2:])
        elif validation_split:
            split = int(len(X) * (1.0 - validation_split))
            if split in (0, len(X)):
                raise ValueError(f"validation_split={validation_split} of {len(X)} samples leaves none to train or "
                                 "to validate on")
            y_val = y[split:]
            val_weights = weights_of(y_val, None if sample_weight is None else sample_weight[split:])
            validation = X[split:], y_val, val_weights
            X, y, weights = X[:split], y[:split], weights[:split]

        names = ["loss", "acc"] if show_accuracy else ["loss"]
        if show_accuracy:
            self._warn_of_a_single_class()
        history = callback_module.History()
        # The progress bar comes before the user's callbacks, so that what they print stands below it.
        logger = [callback_module.BaseLogger()] if verbose else []
        callbacks = callback_module.CallbackList([history] + logger + list(callbacks or ()))
        callbacks._set_model(self)
        callbacks._set_params({
            "batch_size": batch_size, "nb_epoch": nb_epoch, "nb_sample": len(X), "verbose": verbose,
            "do_validation": validation is not None, "metrics": names + ["val_" + name for name in names],
        })  # fmt: skip
        train = self._function("train", verbose)
        if validation is not None:
            self._function("test", verbose)

        self.stop_training = False
        order = np.arange(len(X))
        callbacks.on_train_begin()
        for epoch in range(nb_epoch):
            callbacks.on_epoch_begin(epoch)
            order = shuffled(order, shuffle, batch_size)
            mean = _RunningMean()
            for batch, ids in enumerate(batches(order, batch_size)):
                logs = {"batch": batch, "size": len(ids)}
                callbacks.on_batch_begin(batch, logs)
                outputs = train(rows(X, ids), rows(y, ids), weights[ids])
                mean.add(outputs)
                logs.update(zip(names, map(float, outputs)))
                callbacks.on_batch_end(batch, logs)
                if self.stop_training:
                    break
            logs = dict(zip(names, mean.values()))
            if validation is not None:
                logs.update(zip(["val_" + name for name in names], self._evaluate(*validation, batch_size)))
            callbacks.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        callbacks.on_train_end()
        return history

    def train_on_batch(self, X, y, accuracy=False, class_weight=None, sample_weight=None):
        """Make one update; returns the loss, or [loss, accuracy]. Parameters as for :meth:`fit`."""
        return self._on_batch("train", X, y, accuracy, class_weight, sample_weight)

    def test_on_batch(self, X, y, accuracy=False, sample_weight=None):
        """The loss of one batch, or [loss, accuracy]. Parameters as for :meth:`fit`."""
        return self._on_batch("test", X, y, accuracy, None, sample_weight)

    def _on_batch(self, name, X, y, accuracy, class_weight, sample_weight):
        self._require_compiled()
        X = self._check_X(X)
        y = self._check_y(X, y)
        weights = weights_of(y, sample_weight, class_weight)
        outputs = self._function(name)(rows(X), rows(y), weights)
        return [float(output) for output in outputs[:2]] if accuracy else float(outputs[0])

    # ---- use --------------------------------------------------------------------------------

    def evaluate(self, X, y, batch_size=128, show_accuracy=False, verbose=1, sample_weight=None):
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
        self._require_compiled()
        batch_size, X = positive_int("batch_size", batch_size), self._check_X(X)
        y = self._check_y(X, y)
        values = self._evaluate(X, y, weights_of(y, sample_weight), batch_size, verbose)
        if show_accuracy:
            self._warn_of_a_single_class()
        return values if show_accuracy else values[0]

    def _evaluate(self, X, y, weights, batch_size, verbose=0):
        test, mean = self._function("test", verbose), _RunningMean()
        for part in _progress(len(X), batch_size, "evaluate", verbose):
            mean.add(test(rows(X, part), rows(y, part), weights[part]))
        return mean.values()

    def predict(self, X, batch_size=128, verbose=0):
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
            Samples first, of `theano.config.floatX`.
        """
        self._require_compiled()
        batch_size, X = positive_int("batch_size", batch_size), self._check_X(X)
        predict = self._function("predict", verbose)
        if len(X) <= batch_size and not verbose:
            return predict(rows(X))
        outputs = None
        for part in _progress(len(X), batch_size, "predict", verbose):
            batch = predict(rows(X, part))
            if outputs is None:
                outputs = np.empty((len(X),) + batch.shape[1:], dtype=batch.dtype)
            outputs[part] = batch
        return outputs

    def predict_on_batch(self, X):
        """The output for one batch."""
        self._require_compiled()
        X = self._check_X(X)
        return self._function("predict")(rows(X))

    def predict_proba(self, X, batch_size=128, verbose=1):
        """As :meth:`predict`, with a warning if the outputs cannot be probabilities."""
        outputs = self.predict(X, batch_size, verbose)
        if outputs.min() < 0 or outputs.max() > 1:
            warnings.warn(f"the outputs are no probabilities: they go from {outputs.min():g} to {outputs.max():g}; "
                          "does the last layer have a softmax or a sigmoid?")
        return outputs

    def predict_classes(self, X, batch_size=128, verbose=1):
        """The class of each sample (or step): the largest output, or 1 where it is above 0.5.

        Returns
        -------
        numpy.ndarray of int
            With class_mode "categorical" one dimension less than the output.
        """
        outputs = self.predict(X, batch_size, verbose)
        self._warn_of_a_single_class()
        return outputs.argmax(axis=-1) if self.class_mode == "categorical" else (outputs > 0.5).astype("int32")

    def _warn_of_a_single_class(self):
        """Say so if the largest of a single output is asked for, which tells nothing."""
        shape = self.output_shape
        if self.class_mode == "categorical" and shape is not None and shape[-1] == 1:
            warnings.warn("with a single output and class_mode='categorical' there is one class only, and the accuracy "
                          "is always 1: pass class_mode='binary' to compile")

    def summary(self):
        """Print a table of the layers, the shapes of their outputs, and how many weights they train."""
        rows = [("layer", "output shape", "params")]
        rows += [(type(layer).__name__, str(layer.output_shape), str(layer.count_params())) for layer in self.layers]
        rows += [("total", "", str(self.count_params()))]
        widths = [max(map(len, column)) for column in zip(*rows)]
        for name, shape, count in rows:
            print(f"{name.ljust(widths[0])}  {shape.ljust(widths[1])}  {count.rjust(widths[2])}")

    # ---- files ------------------------------------------------------------------------------

    def save_weights(self, filepath, overwrite=False):
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
        """
        weight_files.write(filepath, [layer.get_weights() for layer in self.layers], overwrite)

    def load_weights(self, filepath):
        """Load all weights from HDF5, in the layout of Keras 0.1 to 0.3.

        Parameters
        ----------
        filepath : str or path-like

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is truncated or of another kind, holds the weights of another architecture, or lacks a
            random projection that Keras 0.1 did not save. The model's weights are as they were then.
        """
        stored = weight_files.read(filepath)
        if len(stored) != len(self.layers):
            raise ValueError("{} holds the weights of {} layers, but the model has {}: {}".format(
                filepath, len(stored), len(self.layers), ", ".join(type(layer).__name__ for layer in self.layers)))
        matched = []
        for k, (layer, arrays) in enumerate(zip(self.layers, stored)):
            try:
                matched += layer.match_stored_weights(arrays)
            except ValueError as error:
                raise ValueError(f"layer {k} in {filepath}: {error}") from error
        for variable, value in matched:
            variable.set_value(value)

    def get_config(self, verbose=0):
        """The layers' configs and, of a compiled model, how it is trained, as a dict; printed too if `verbose`."""
        config = {"name": type(self).__name__, "layers": [layer.get_config() for layer in self.layers]}
        if self._graph is not None:
            loss = known_name(self.loss, objectives.KNOWN) or self.loss
            config.update(optimizer=self.optimizer.get_config(), loss=loss, class_mode=self.class_mode,
                          theano_mode=self.theano_mode)
        if verbose:
            pprint.pprint(config)
        return config

    @classmethod
    def from_config(cls, config, custom_layers=None):
        """Make a model from what :meth:`get_config` gave, with new weights; compiled if that one was."""
        model = cls(_layer_from_config(layer, custom_layers) for layer in config.get("layers", ()))
        if "optimizer" in config:
            model.compile(config["optimizer"], config["loss"], config["class_mode"], config["theano_mode"])
        return model

    def to_json(self):
        """The architecture as JSON, for :func:`model_from_json`; the weights are not in it.

        Raises
        ------
        ValueError
            If a layer has a function of your own, for which JSON has no name.
        """

        def plain(value):
            if isinstance(value, np.generic):
                return value.item()
            raise ValueError(f"JSON cannot hold {value!r}: use a function of recurrent_layers by its name, or keep the "
                             "architecture in Python and save the weights only")

        return json.dumps(self.get_config(), default=plain)


def model_from_json(json_string, custom_layers=None):
    """Make a model from JSON.

    Parameters
    ----------
    json_string : str
        What :meth:`Sequential.to_json` gave.
    custom_layers : dict of str to class, optional
        Layers of your own, by the names that they have in the JSON.

    Returns
    -------
    Sequential
        With new weights; compiled if the one that was saved was.

    Raises
    ------
    ValueError
        If it is not JSON of a model, or a name in it is not known.
    """
    return model_from_config(json.loads(json_string), custom_layers)


def model_from_config(config, custom_layers=None):
    """As :func:`model_from_json`, from the dict that :meth:`Sequential.get_config` gave."""
    if not isinstance(config, dict) or config.get("name") != "Sequential":
        raise ValueError(f"this is no config of a Sequential model: {config!r}"[:200])
    return Sequential.from_config(config, custom_layers)


def _layer_from_config(config, custom_layers):
    if config.get("name") == "Sequential":
        return Sequential.from_config(config, custom_layers)
    known = {name: getattr(layer_module, name) for name in layer_module.__all__}
    known.update(custom_layers or {})
    return lookup(config.get("name"), known, "layer", callables=False).from_config(config)


def _weighted_mean(values, weights):
    """sum(weights values) / sum(weights), and 0 where there is nothing to count."""
    total = weights.sum()
    return T.sum(weights * values) / T.switch(T.gt(total, 0), total, 1)


def _finite_where_it_counts(loss, weights):
    """A loss that sees the target itself where the weight is 0, since 0 times infinity is NaN."""

    def counted(y_true, y_pred):
        return loss(y_true, T.switch(T.gt(weights, 0).dimshuffle(*range(weights.ndim), 'x'), y_pred, y_true))

    return counted


def _hits(class_mode):
    """1 where the class is right, else 0, for each sample or step."""
    if class_mode == "categorical":
        return lambda y_true, y_pred: T.eq(T.argmax(y_true, axis=-1), T.argmax(y_pred, axis=-1))
    return lambda y_true, y_pred: T.eq(y_true, T.round(y_pred)).mean(axis=-1)


class _RunningMean:
    """The mean loss and accuracy over batches, each with its weight."""

    def __init__(self):
        self.sums, self.total = np.zeros(2), 0.0

    def add(self, outputs):
        loss, accuracy, weight = map(float, outputs)
        self.sums += np.multiply((loss, accuracy), weight)
        self.total += weight

    def values(self):
        return list(map(float, self.sums / (self.total or 1.0)))


def _progress(nb_samples, batch_size, title, verbose):
    """Slices of the samples, batch by batch, behind a progress bar that counts samples."""
    parts = [slice(ids.start, ids.stop) for ids in batches(range(nb_samples), batch_size)]
    if not verbose:
        yield from parts
        return
    with tqdm(total=nb_samples, desc=title, unit="sample", dynamic_ncols=True) as bar:
        for part in parts:
            yield part
            bar.update(part.stop - part.start)


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
