"""Wrong calls: every public callable refuses a value of another kind, by an error of ours, and changes nothing.

What a parameter may be stands in `KINDS`, by its name, or in `ELSEWHERE` where a name means something else. A new
parameter, callable or module that stands nowhere fails `test_nothing_is_forgotten`.
"""

import contextlib
import dis
import importlib
import inspect
import itertools
import numbers
import os
import pathlib
import pickle
import pkgutil
import re
import sys
import types
import warnings
from typing import Any, Callable, NamedTuple

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import recurrent_layers as rl
from recurrent_layers import callbacks, engine
from recurrent_layers.engine import tensor as T
from recurrent_layers.exchange import weight_files
from recurrent_layers.layers import zoo
from recurrent_layers.preprocessing.text import Tokenizer
from recurrent_layers.utils.generic_utils import Progbar
from recurrent_layers.utils.io_utils import save_array
from recurrent_layers.wrappers import scikit_learn
from recurrent_layers.wrappers.scikit_learn import BaseWrapper

#: Names of functions that several modules have.
IN_SEVERAL = ("get", "load_data")
PACKAGE = pathlib.Path(rl.__file__).parent
ONNX = pathlib.Path(__file__).parent / "data" / "onnx" / "torch-script-lstm-alone.onnx"
PUBLIC = [
    "activations", "callbacks", "constraints", "datasets.cifar", "datasets.cifar10", "datasets.cifar100",
    "datasets.data_utils", "datasets.imdb", "datasets.mnist", "datasets.reuters", "exchange.conversion",
    "exchange.from_onnx", "exchange.weight_files", "initializations", "layers.advanced_activations", "layers.base",
    "layers.containers", "layers.core", "layers.embeddings", "layers.noise", "layers.normalization", "layers.recurrent",
    "layers.wrappers", "layers.zoo", "models", "objectives", "optimizers", "preprocessing.sequence",
    "preprocessing.text", "regularizers", "sweeps", "utils.generic_utils", "utils.io_utils", "utils.layer_utils",
    "utils.np_utils", "utils.test_utils", "utils.theano_utils", "wrappers.scikit_learn",
]  # fmt: skip
#: Called by our own modules, which have checked what they hand on; or packages and other names of the above, or names
#: that raise when they are used.
INTERNAL = [
    "__main__", "conversion", "datasets", "datasets.pickles", "datasets.word_sequences", "elsewhere", "engine",
    "exchange", "exchange.c_graphs", "exchange.c_words", "exchange.configs", "exchange.copies", "exchange.files",
    "exchange.hdf5", "exchange.later_keras", "exchange.onnx_graphs", "exchange.onnx_words", "exchange.predictions",
    "exchange.to_c", "exchange.to_onnx", "exchange.training_files", "layers", "layers.carrying", "layers.cells",
    "layers.convolutional", "layers.iteration", "layers.known", "layers.steps_of_keras", "preprocessing",
    "preprocessing.image", "recurrence", "scripts", "theano_setup", "training", "training.ahead", "training.batches",
    "training.calls", "training.data", "training.distributed", "training.epochs", "training.functions",
    "training.lengths", "training.parts", "typing", "utils", "utils.arguments", "utils.arrays", "utils.building",
    "utils.dot_utils", "utils.model_utils", "utils.visualize_util", "version", "warned", "weight_files", "wrappers",
]  # fmt: skip


# ---- What may be -------------------------------------------------------------------------------------------


class Kind(NamedTuple):
    """A kind of values: one of them, made anew each time, and whether another value is one, too."""

    example: Callable[[], Any]
    accepts: Callable[[Any], bool] = lambda value: False

    def or_none(self):
        return Kind(self.example, lambda value: value is None or self.accepts(value))


def number(least=-np.inf, most=np.inf, below=np.inf, example=0.5):
    def accepts(value):
        value = value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value
        is_real = isinstance(value, numbers.Real) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
        return is_real and least <= value <= most and value < below

    return Kind(lambda: example, accepts)


def integer(example, *others, least=1, most=2**63 - 1):
    def accepts(value):
        is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        return is_whole and (least <= value <= most or value in others)

    return Kind(lambda: example, accepts)


def choice(*known):
    def accepts(value):
        is_plain = isinstance(value, (str, numbers.Integral, np.bool_))
        return is_plain and any(value == one and isinstance(value, str) == isinstance(one, str) for one in known)

    return Kind(lambda: known[0], accepts)


def instance(example, *classes):
    return Kind(example, lambda value: isinstance(value, classes))


def named(example, module):
    """A name of a module, or any callable but a class."""
    return Kind(lambda: example, lambda value: isinstance(value, str) and value in module.KNOWN or
                callable(value) and not inspect.isclass(value))  # fmt: skip


def several(example, accepts, *classes):
    """A list of what is accepted, or an instance of one of the classes."""
    classes = (list, tuple, *classes)
    return Kind(example, lambda value: isinstance(value, classes) and getattr(value, "ndim", 1) > 0 and
                all(map(accepts, value)))  # fmt: skip


def array(*shape, example=None):
    """An array of finite numbers of a shape, in which None is any size."""

    def accepts(value):
        array = as_array(value)
        fits = is_array(value) and array.ndim == len(shape) and all(
            size in (None, given) for size, given in zip(shape, array.shape))  # fmt: skip
        return fits and array.size > 0 and bool(np.isfinite(array).all())

    return Kind(example or (lambda: np.full([size or 4 for size in shape], 0.5)), accepts)


def as_array(value):
    """What NumPy makes of a value; None if that has no shape."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return None if isinstance(value, engine.Variable) or np.ma.is_masked(value) else np.asarray(value)
    except (ValueError, Warning):
        return None


def is_array(value, least=None, most=None):
    """Whether it is an array of numbers, or of integers in a range."""
    array = as_array(value)
    if array is None or array.dtype.kind not in "fiub":
        return False
    return least is None or bool(np.all((array == np.floor(array)) & (array >= least) & (array <= most)))


def is_words(value):
    """Whether it is a sequence of the numbers of words."""
    return is_array(value, 0, 2**63 - 1) and np.ndim(value) == 1


def is_empty(value, kind):
    return value is None or isinstance(value, kind) and not value


def is_none(value):
    return value is None


def is_learned(value):
    return value is None or isinstance(value, str) and value == "learned"


def weights_of(make):
    """The weights that a layer begins with; among the values there are none that fit."""
    return Kind(lambda: make().get_weights(), lambda value: value is None)


def model():
    made = rl.Sequential([rl.SimpleRNN(2, 3), rl.Dense(3, 1)])
    made.compile("sgd", "mse")
    return made


def merged():
    return rl.Merge([rl.Dense(2, 2), rl.Dense(2, 2)])


def encoded():
    return rl.AutoEncoder(rl.Dense(2, 2), rl.Dense(2, 2))


def optimizer():
    made = rl.optimizers.SGD()
    made.get_updates([WEIGHT], [abs], T.sum(WEIGHT))
    return made


def masked(layer):
    """A layer behind one that gives a mask."""
    layer.set_previous(rl.Embedding(2, 2, mask_zero=True))
    return layer


def behind(layer):
    """A layer that has no input of its own."""
    layer.set_previous(rl.Dense(2, 2))
    return layer


def fitted():
    tokenizer = Tokenizer(5)
    tokenizer.fit_on_texts(["a b", "b"])
    return tokenizer


def trained(history):
    history.on_train_begin()
    history.on_epoch_end(0, {"loss": 1.0})
    return history


WEIGHT = rl.Dense(2, 2).W
PICTURES = np.zeros((2, 3072), "uint8"), np.arange(2)
DATA = {"words.pkl": ([[1, 2], [3]], [0, 1]), "index.pkl": {"a": 1}, "pictures.pkl": (PICTURES, PICTURES),
        "batch.pkl": dict(zip(("data", "labels"), PICTURES))}  # fmt: skip


def data(name):
    """The path of a file, or of one that is there."""
    return Kind(lambda: os.path.abspath(name), PATH.accepts)


#: Not drawn: what hooks are given, what is documented as not used, and what only the engine can judge.
UNCHECKED = Kind(lambda: None, lambda value: True)
ANYTHING = Kind(lambda: WEIGHT, lambda value: True)
SHAPE = Kind(lambda: (2, 2), lambda value: all(map(integer(2).accepts, (
    value if isinstance(value, (list, tuple, range)) else [value]))))  # fmt: skip
FLAG, TEXT, LAYER = choice(False, True), instance(lambda: "some", str), instance(lambda: rl.Dense(2, 2), rl.Layer)
PATH = Kind(lambda: "weights.h5", lambda value: value not in ("", b"") if isinstance(value, bytes) else
            isinstance(value, str) and value != "" and "\0" not in value)  # fmt: skip
NEW_PATH = Kind(lambda: "new.h5", PATH.accepts)
INIT, ACTIVATION, LOSS = (named(*pair) for pair in (
    ("uniform", rl.initializations), ("tanh", rl.activations), ("mse", rl.objectives)))  # fmt: skip
REGULARIZER, CONSTRAINT = named("l2", rl.regularizers).or_none(), named("nonneg", rl.constraints).or_none()
OPTIMIZER = Kind(lambda: "sgd", lambda value: isinstance(value, rl.optimizers.Optimizer) or
                 isinstance(value, str) and value in rl.optimizers.KNOWN)  # fmt: skip
CONFIG = Kind(lambda: model().get_config())
CUSTOM = Kind(lambda: {"Twice": rl.Dense}, lambda value: is_empty(value, dict))

KINDS = {
    # Sizes
    "input_dim": integer(2), "output_dim": integer(2), "n": integer(2), "depth": integer(2), "batch_size": integer(2),
    "nb_epoch": integer(1), "truncate_gradient": integer(2, -1), "patience": integer(2, least=0),
    "pad": integer(1, least=0), "delay": integer(2),
    "samples_per_epoch": integer(4), "nb_val_samples": integer(4).or_none(), "nb_worker": integer(2),
    "nb_val_worker": integer(2).or_none(),
    "nb_feature": integer(2), "proj_dim": integer(2),
    "nb_classes": integer(9, least=9).or_none(), "maxlen": integer(2).or_none(),
    **dict.fromkeys(["shape", "output_shape"], SHAPE), "size": integer(2), "width": integer(2),
    **dict.fromkeys(["nb_train", "nb_test", "window_size"], integer(2, least=0)), "nb_class": integer(2),
    "vocabulary_size": integer(5, least=2), "ndim": integer(2, least=0, most=32),
    "input_shape": Kind(lambda: (2,), lambda value: integer(2).accepts(value) or isinstance(value, (
        list, tuple, range)) and len(value) > 0 and all(map(integer(2).accepts, value))),
    # Numbers
    **dict.fromkeys(["mask_value", "scale", "target", "beta", "alpha_init", "beta_init", "theta"], number()),
    **dict.fromkeys(["l", "l1", "l2", "m", "lr", "decay", "clipnorm", "clipvalue", "epsilon", "gradient_clipping"],
                    number(least=0)),
    **dict.fromkeys(["dt", "gamma", "sigma"], number(least=0)),
    **dict.fromkeys(["p", "rho", "momentum", "zoneout", "alpha", "update_coefficient", "reset_coefficient"],
                    number(least=0, most=1)),
    **dict.fromkeys(["beta_1", "beta_2", "dropout_W", "dropout_U"], number(least=0, below=1)),
    "validation_split": number(least=0, below=0.76, example=0.25),
    # Flags, choices and texts
    **dict.fromkeys(["return_sequences", "mask_zero", "nesterov", "save_best_only", "restore_best_weights",
                     "show_accuracy", "accuracy", "overwrite", "train", "go_backwards", "return_state", "stateful",
                     "reset_after", "whole"], FLAG),
    **dict.fromkeys(["lower", "categorical", "classification"], FLAG), "untar": choice(False, True),
    "verbose": choice(0, 1, 2), "shuffle": choice(True, False, "batch"), "mode": choice("auto", "min", "max"),
    "merge": choice("concat", "sum", "ave", "mul"),
    "class_mode": choice("categorical", "binary"), "padding": choice("pre", "post"),
    "truncating": choice("pre", "post"), "nonlinearity": choice("tanh", "relu"),
    # Strings are paths, of which no file is there.
    "distributed": Kind(lambda: False, FLAG.accepts),
    "filepath": PATH, "path": PATH, "resume": Kind(lambda: None, lambda value: value is None),
    "monitor": TEXT, "name": TEXT.or_none(),
    **dict.fromkeys(["text", "filters", "prefix", "module_name", "origin"], TEXT),
    "split": Kind(lambda: " ", lambda value: isinstance(value, str) and value != ""),
    # Functions and objects, or their names
    "init": INIT, "inner_init": INIT, "forget_bias_init": INIT, "activation": ACTIVATION,
    "inner_activation": ACTIVATION, "loss": LOSS, "optimizer": OPTIMIZER, "schedule": Kind(lambda: abs, callable),
    **dict.fromkeys(["W_regularizer", "U_regularizer", "b_regularizer"], REGULARIZER),
    **dict.fromkeys(["W_constraint", "U_constraint", "b_constraint"], CONSTRAINT),
    "initial_state": Kind(lambda: None, lambda value: isinstance(value, engine.Variable) or is_learned(value)),
    "activity_regularizer": named("activity_l2", rl.regularizers).or_none(),
    "layer": LAYER, "layers": several(lambda: [rl.Dense(2, 2)], LAYER.accepts),
    "callback": instance(callbacks.Callback, callbacks.Callback),
    "callbacks": several(list, lambda value: isinstance(value, callbacks.Callback)).or_none(),
    "custom_layers": CUSTOM, "custom_objects": CUSTOM,
    # Data
    "X": array(4, 5, 2), "y": array(4, 1, example=lambda: np.zeros((4, 1))),
    "sample_weight": Kind(lambda: np.ones(4), lambda value: value is None),
    "class_weight": several(lambda: {0: 1.0, 1: 2.0}, number(least=0).accepts, range, np.ndarray).or_none(),
    **dict.fromkeys(["mask", "x_t", "states_tm1", "h_tm1", "c_tm1", "exists_and_h", "steps_before"],
                    UNCHECKED),
    **dict.fromkeys(["s_tm1", "v_tm1", "x_tm1", "y_tm1", "z_tm1"], UNCHECKED),
    **dict.fromkeys(["x", "y_true", "y_pred", "logs", "epoch", "batch", "connection_map", "args", "kwargs",
                     "state"], UNCHECKED),
}  # fmt: skip

ELSEWHERE = {
    # Layers
    **{f"{cls.__name__}.weights": weights_of(lambda cls=cls: cls(2, 2)) for cls in (
        rl.SimpleRNN, rl.GRU, rl.LSTM, rl.JZS1, rl.JZS2, rl.JZS3, rl.Dense, rl.TimeDistributedDense, rl.Embedding,
        rl.WordContextProduct)},
    **{f"{cls.__name__}.weights": weights_of(lambda cls=cls: cls((2,))) for cls in (
        rl.PReLU, rl.ParametricSoftplus, rl.BatchNormalization)},
    "SimpleDeepRNN.weights": weights_of(lambda: rl.SimpleDeepRNN(2, 2, depth=2)),
    "MaxoutDense.weights": weights_of(lambda: rl.MaxoutDense(2, 2, nb_feature=2)),
    "LeakyReLU.alpha": number(), "GaussianDropout.p": number(least=0, below=1),
    "BatchNormalization.mode": choice(0, 1), "TimeDistributedMerge.mode": choice("sum", "mul", "ave"),
    "Permute.dims": Kind(lambda: (2, 1), lambda value: isinstance(value, (list, tuple, range)) and len(value) > 0 and
                         all(map(integer(1).accepts, value)) and sorted(value) == list(range(1, len(value) + 1))),
    "Lambda.function": ACTIVATION,
    "Lambda.output_shape": Kind(lambda: (2,), lambda value: value is None or (
        callable(value) and not inspect.isclass(value)) or isinstance(value, (list, tuple, range, np.ndarray)) and
        getattr(value, "ndim", 1) == 1 and all(one is None or integer(1).accepts(one) for one in value)),
    # They stand for themselves, without a name; and what it is given, it never reads.
    "Reshape.dims": UNCHECKED,
    **dict.fromkeys(["LSTM.initial_state", "SimpleDeepRNN.initial_state"], Kind(lambda: None, is_learned)),
    **dict.fromkeys([f"{cell}.initialization.name" for cell in (
        "Recurrent", "LSTM", "FastGRNN", "FastRNN", "IndRNN", "UnICORNN")], UNCHECKED),
    **dict.fromkeys(["Said.compute", "TauGRU.step.h", "unchanged.value", "Merge.set_previous.layer",
                     *(f"DrawsNumbers.draw.{name}" for name in ("distribution", "shape", "axis", "parameters"))],
                    UNCHECKED),
    **{f"{cell}.weights": UNCHECKED for cell in zoo.__all__}, "UnICORNN.alpha": number(least=0),
    "Recurrent.get_padded_shuffled_mask.X": instance(T.tensor3, engine.Variable),
    "Bidirectional.layer": instance(lambda: rl.GRU(2, 2), rl.Recurrent),
    "Bidirectional.from_config.config": Kind(lambda: rl.Bidirectional(rl.GRU(2, 2)).get_config()),
    **dict.fromkeys(["AutoEncoder.encoder", "AutoEncoder.decoder"], Kind(lambda: rl.Dense(2, 2))),
    "AutoEncoder.output_reconstruction": FLAG,
    "AutoEncoder.tie_weights": choice(False), "AutoEncoder.weights": weights_of(encoded),
    "AutoEncoder.from_config.config": Kind(lambda: encoded().get_config()),
    "AutoEncoder.get_output_mask.train": UNCHECKED, "model_from_yaml.yaml_string": Kind(lambda: model().to_yaml()),
    **dict.fromkeys(["Sequential.to_json.options", "Sequential.to_yaml.options"], UNCHECKED),
    "get_test_data.input_shape": SHAPE, "standardize_X.X": UNCHECKED,
    "standardize_y.y": Kind(lambda: [0, 1], lambda value: is_array(value) and np.ndim(value) > 0),
    "standardize_weights.y": Kind(lambda: [0, 1], lambda value: is_array(value) and np.ndim(value) > 0),
    "standardize_weights.sample_weight": Kind(lambda: [1, 1], lambda value: value is None),
    "make_batches.size": integer(4, least=0),
    "batch_shuffle.index_array": Kind(lambda: [0, 1, 2], lambda value: is_array(value) and np.ndim(value) > 0),
    "Merge.layers": Kind(lambda: [rl.Dense(2, 2), rl.Dense(2, 2)]), "Merge.mode": choice("sum", "mul", "concat", "ave"),
    "Merge.concat_axis": integer(1, least=-2, most=1), "Merge.check_data.X": several(
        lambda: [np.ones((2, 2))] * 2, array(None, 2).accepts),
    "Merge.from_config.config": Kind(lambda: merged().get_config()),
    "Container.match_weights.weights": Kind(lambda: merged().get_weights()),
    "Container.match_stored_weights.weights": Kind(lambda: merged().get_weights()),
    "Recurrent.weights": Kind(list, lambda value: is_empty(value, list)),
    # It has no weights itself on which these could act.
    **{f"Recurrent.{name}": Kind(lambda: 0.0, KINDS[name].accepts) for name in ("dropout_U", "gradient_clipping")},
    **{f"Recurrent.{letter}_{what}": Kind(lambda: None, KINDS[f"{letter}_{what}"].accepts)
       for letter in "WUb" for what in ("regularizer", "constraint")},
    **dict.fromkeys(["Layer.set_weights.weights", "Layer.match_weights.weights", "Layer.match_stored_weights.weights"],
                    Kind(lambda: rl.Dense(2, 2).get_weights())),
    "Recurrent.match_stored_weights.weights": Kind(lambda: rl.JZS1(2, 2).get_weights()),
    "Layer.add_weight.name": TEXT, "Layer.set_name.name": TEXT, "Layer.add_regularizer.identifier": REGULARIZER,
    "Layer.add_regularizer.target": instance(lambda: WEIGHT, engine.Variable),
    "Layer.from_config.config": Kind(lambda: rl.Dense(2, 2).get_config()), "Layer.get_output_mask.train": UNCHECKED,
    "Layer.check_data.X": array(None, 2),
    **dict.fromkeys(["Embedding.check_data.X", "WordContextProduct.check_data.X"], Kind(
        lambda: [[0, 1]], lambda value: is_array(value, 0, 1) and np.ndim(value) == 2)),
    # Models
    "Sequential.add.layer": instance(lambda: rl.Dense(1, 3), rl.Layer),
    "Sequential.set_previous.layer": instance(lambda: rl.SimpleRNN(2, 2, return_sequences=True), rl.Layer),
    "Sequential.get_output_mask.train": UNCHECKED, "Sequential.save_weights.filepath": NEW_PATH,
    "Sequential.to_onnx.path": NEW_PATH, "Sequential.to_onnx.dtype": choice("float32", "float64"),
    "Sequential.to_c.path": Kind(lambda: "net.c", lambda value: isinstance(value, str) and value.endswith(".c")),
    "Sequential.to_c.dtype": choice("float32", "float64").or_none(),
    "Sequential.fit_generator.validation_data": Kind(lambda: (np.ones((4, 5, 2)), np.ones((4, 1))),
                                                     lambda value: value is None),
    "Sequential.fit.validation_data": Kind(
        lambda: (np.ones((4, 5, 2)), np.ones((4, 1))), lambda value: value is None or value is False or
        isinstance(value, (tuple, list)) and not value), "Optimizer.others": UNCHECKED,
    "Sequential.fit.by_length": Kind(lambda: False, lambda value: FLAG.accepts(value) and not value),
    "Sequential.fit_generator.generator": Kind(lambda: itertools.repeat((np.ones((4, 5, 2)), np.zeros((4, 1))))),
    "Sequential.compile.theano_mode": choice("FAST_COMPILE", "FAST_RUN").or_none(),
    "Sequential.from_config.config": CONFIG, "model_from_config.config": CONFIG,
    "model_from_json.json_string": Kind(lambda: model().to_json()),
    "slice_X.X": Kind(lambda: np.ones((4, 2)), lambda value: all(isinstance(one, np.ndarray) and one.ndim for one in (
        value if isinstance(value, list) else [value]))),
    "slice_X.start": integer(1, least=-np.inf).or_none(), "slice_X.stop": integer(1, least=-np.inf).or_none(),
    # Optimizers, callbacks, regularizers and the like
    "optimizers.get.kwargs": Kind(lambda: {"lr": 0.5}, lambda value: is_empty(value, dict)),
    **dict.fromkeys(["constraints.get.kwargs", "regularizers.get.kwargs"],
                    Kind(lambda: None, lambda value: is_empty(value, dict))),
    **dict.fromkeys(["Regularizer.set_param.p", "Regularizer.set_layer.layer", "kl_divergence.p",
                     "kl_divergence.p_hat"], UNCHECKED),
    "clip_norm.g": ANYTHING, "clip_norm.n": ANYTHING, "clip_norm.c": number(least=0),
    "optimizers.get.identifier": OPTIMIZER, "constraints.get.identifier": CONSTRAINT,
    "regularizers.get.identifier": REGULARIZER, "initializations.get.identifier": INIT,
    "activations.get.identifier": ACTIVATION, "objectives.get.identifier": LOSS,
    "Optimizer.set_state.value_list": Kind(lambda: optimizer().get_state()),
    "Optimizer.get_gradients.loss": Kind(lambda: T.sum(WEIGHT)),
    "Optimizer.get_updates.loss": Kind(lambda: T.sum(WEIGHT)),
    "Optimizer.get_gradients.params": Kind(lambda: [WEIGHT], lambda value: is_empty(value, list) and value is not None),
    "Optimizer.get_updates.params": Kind(lambda: [WEIGHT]), "Optimizer.get_updates.constraints": several(
        lambda: [abs], callable),
    "Regularizer.on.target": UNCHECKED, "WeightRegularizer.on.target": instance(lambda: WEIGHT, engine.Variable),
    "ActivityRegularizer.on.target": LAYER, "History.to_csv.path": NEW_PATH, "History.plot.figure": UNCHECKED,
    "check_labels.loss": UNCHECKED, "check_labels.y": UNCHECKED,
    "shared.value": Kind(lambda: np.ones(2), is_array),
    # Texts and words
    "one_hot.n": integer(5, least=2), "Tokenizer.nb_words": integer(5).or_none(),
    **dict.fromkeys(["Tokenizer.fit_on_texts.texts", "Tokenizer.texts_to_sequences.texts",
                     "Tokenizer.texts_to_matrix.texts"], several(lambda: ["a b"], TEXT.accepts, np.ndarray)),
    "Tokenizer.texts_to_sequences_generator.texts": UNCHECKED,  # Looked at when it is asked for.
    **dict.fromkeys(["Tokenizer.fit_on_sequences.sequences", "Tokenizer.sequences_to_matrix.sequences"],
                    several(lambda: [[1, 2]], is_words, np.ndarray)),
    **dict.fromkeys(["Tokenizer.texts_to_matrix.mode", "Tokenizer.sequences_to_matrix.mode"],
                    choice("binary", "count", "freq", "tfidf")),
    "skipgrams.sequence": Kind(lambda: [1, 2], is_words), "skipgrams.negative_samples": number(least=0),
    "skipgrams.sampling_table": Kind(lambda: None, lambda value: value is None or is_array(value) and
                                     np.ndim(value) == 1 and np.size(value) > 2),
    "make_sampling_table.sampling_factor": Kind(lambda: 1e-5, lambda value: number(least=0).accepts(value) and
                                                value > 0),
    # Data sets
    "get_file.fname": data("weights.h5"), "get_file.md5_hash": Kind(lambda: None, lambda value: value is None),
    "load_batch.fpath": data("batch.pkl"), "load_batch.label_key": choice("labels"),
    "get_word_index.path": data("index.pkl"), "datasets.mnist.load_data.path": data("pictures.pkl"),
    "datasets.cifar100.load_data.label_mode": UNCHECKED,  # The data would have to be there.
    **{f"datasets.{name}.load_data.{parameter}": kind for name in ("imdb", "reuters") for parameter, kind in {
        "path": data("words.pkl"), **dict.fromkeys(["nb_words", "maxlen", "start_char", "oov_char"],
                                                   integer(5, least=0).or_none()),
        "skip_top": integer(0, least=0), "index_from": integer(3, least=0), "test_split": number(least=0, most=1),
        "seed": integer(5, least=0, most=2**32 - 1)}.items()},
    # Helpers
    **{f"{function}.{parameter}": UNCHECKED for function, parameters in {
        "put": ["file", "layers_weights"],
        "custom_objects_known": ["name", "objects"], "lookup": ["identifier", "known", "kind", "callables"],
        "known_name": ["function", "known"], "full_name": ["function"], "fingerprint": ["value"],
        "put_into": ["module", "as_imported"],
        "instance": ["identifier", "known", "kind", "method"],
        "with_arguments": ["identifier", "kwargs", "kind"],
        "without_gradient": ["loss", "params"]}.items() for parameter in parameters},
    "get_from_module.identifier": Kind(lambda: "a", lambda value: value == "a" or not isinstance(value, str)),
    "get_from_module.module_params": Kind(lambda: {"a": abs}), "get_from_module.instantiate": choice(False, True),
    "get_from_module.kwargs": Kind(dict, lambda value: value is None or isinstance(value, dict) and
                                   all(isinstance(key, str) for key in value)),
    "make_tuple.args": UNCHECKED, "printv.v": ANYTHING,
    "Progbar.target": number(least=0), "Progbar.update.current": number(), "Progbar.add.n": number(),
    **dict.fromkeys(["Progbar.update.values", "Progbar.add.values"],
                    Kind(lambda: [("loss", 0.5)], lambda value: isinstance(value, list) and not value)),
    "floatX.X": Kind(lambda: [1.0], is_array), "sharedX.X": Kind(lambda: [1.0], is_array),
    **dict.fromkeys(["sharedX.dtype", "shared_zeros.dtype", "shared_ones.dtype", "shared_scalar.dtype"],
                    Kind(lambda: "float64", lambda value: value is None or value is np.float32)),
    "shared_scalar.val": Kind(lambda: 0.5, lambda value: is_array(value) and np.ndim(value) == 0),
    "alloc_zeros_matrix.dims": UNCHECKED,
    "normalize.a": Kind(lambda: np.ones((2, 2)), lambda value: is_array(value) and np.ndim(value) > 0),
    "normalize.axis": integer(-1, least=-2, most=1),
    "normalize.order": Kind(lambda: 2, lambda value: number().accepts(value) or
                            isinstance(value, float) and np.isinf(value)),
    **dict.fromkeys(["binary_logloss.p", "binary_logloss.y"],
                    Kind(lambda: [0.0, 1.0], lambda value: is_array(value) and np.shape(value) == (2,))),
    "multiclass_logloss.P": Kind(lambda: np.full((2, 2), 0.5), lambda value: is_array(value) and np.ndim(value) == 2 and
                                 len(value) == 2 and np.shape(value)[1] > 1),
    "multiclass_logloss.Y": Kind(lambda: [1, 2], lambda value: is_array(value, 1, 2) and np.shape(value) == (2,)),
    **dict.fromkeys(["accuracy.p", "accuracy.y"], Kind(lambda: [0, 1], lambda value: isinstance(
        value, (list, tuple, range, np.ndarray)) and getattr(value, "ndim", 1) > 0 and len(value) == 2)),
    "probas_to_classes.y_pred": Kind(lambda: [0.5, 1], lambda value: is_array(value) and np.ndim(value) > 0 and
                                     np.size(value) > 0 and (np.ndim(value) == 2 or np.size(value) == len(value))),
    "categorical_probas_to_classes.p": Kind(lambda: np.eye(2), lambda value: is_array(value) and np.ndim(value) > 1 and
                                            np.size(value) > 0),
    "save_array.array": Kind(lambda: np.ones(2), is_array), "save_array.name": NEW_PATH,
    "load_array.name": data("array.h5"),
    "container_from_config.original_layer_dict": Kind(lambda: rl.Dense(2, 2).get_config()),
    "get_layer.identifier": choice("Dropout"), "get_layer.kwargs": Kind(lambda: {"p": 0.5}),
    "print_layer_shapes.model": Kind(model), "print_layer_shapes.input_shapes": Kind(lambda: (1, 5, 2)),
    **{f"{cls}.{parameter}": UNCHECKED for cls in ("BaseWrapper", "KerasClassifier", "KerasRegressor")
       for parameter in [*inspect.signature(BaseWrapper).parameters, "kwargs"] if parameter in (
           inspect.signature(getattr(scikit_learn, cls)).parameters)},  # In `fit`, as scikit-learn has it.
    **dict.fromkeys([f"{cls}.{method}.X" for cls, methods in {
        "BaseWrapper": ["fit"], "KerasClassifier": ["predict", "predict_proba", "score"],
        "KerasRegressor": ["predict", "score"]}.items() for method in methods], UNCHECKED),
    **dict.fromkeys(["BaseWrapper.fit.y", "KerasClassifier.score.y", "KerasRegressor.score.y",
                     "BaseWrapper.set_params.params", "BaseWrapper.get_params.deep"], UNCHECKED),
    # Data, files, other libraries
    "HDF5Matrix.datapath": PATH, "HDF5Matrix.dataset": choice("layer_0/param_0"),
    "HDF5Matrix.start": integer(0, least=0, most=1), "HDF5Matrix.end": integer(2, most=2),
    "HDF5Matrix.normalizer": UNCHECKED,
    "pad_sequences.sequences": several(lambda: [[1, 2], [3]], lambda value: is_array(value, -2**31, 2**31 - 1) and
                                       np.ndim(value) > 0, np.ndarray),
    "pad_sequences.dtype": Kind(lambda: "int32", lambda value: value is np.float32),
    "pad_sequences.value": Kind(lambda: 0, lambda value: is_array(value, -2**31, 2**31 - 1) and np.ndim(value) == 0),
    "to_categorical.y": Kind(lambda: [0, 8], lambda value: is_array(value, 0, 8) and np.size(value) > 0),
    "write.filepath": NEW_PATH, "write.layers_weights": several(
        lambda: [[np.ones(2)]], several(list, is_array, np.ndarray).accepts, np.ndarray),
    "from_keras3.config": Kind(lambda: {"class_name": "SimpleRNN", "config": {"units": 2, "activation": "tanh"}}),
    "from_keras3.weights": Kind(lambda: [np.ones((3, 2)), np.ones((2, 2)), np.ones(2)]),
    "from_onnx.path": Kind(lambda: str(ONNX), PATH.accepts),
    "from_onnx.output": Kind(lambda: None, TEXT.or_none().accepts),
    "from_torch.state_dict": Kind(lambda: {"weight_ih_l0": np.ones((2, 3)), "weight_hh_l0": np.ones((2, 2))}),
    "from_torch.prefix": Kind(lambda: "", TEXT.accepts),
    "from_torch.layer": integer(0, least=0, most=0), "to_keras3.layer": Kind(lambda: rl.SimpleRNN(2, 2)),
    "to_torch.layer": Kind(lambda: rl.SimpleRNN(2, 2, activation="tanh")),
    "sweep.train": Kind(lambda: lambda **setting: {}, callable), "sweep.path": NEW_PATH.or_none(),
    "sweep.settings": several(lambda: [{"rate": 0.5}], lambda value: False, np.ndarray, range),
    "sweep.client": Kind(lambda: None, is_none), "sweep.workers": Kind(lambda: None, is_none),
}  # fmt: skip

#: What the methods of a class are called on.
INSTANCES = {
    "Layer": lambda: rl.Dense(2, 2), "MaskedLayer": lambda: masked(rl.Activation("tanh")),
    "Masking": lambda: masked(rl.Masking()), "Dropout": lambda: masked(rl.Dropout(0.5)),
    "Activation": lambda: masked(rl.Activation("tanh")), "RepeatVector": lambda: rl.RepeatVector(2),
    "Embedding": lambda: rl.Embedding(2, 2, mask_zero=True), "WordContextProduct": lambda: rl.WordContextProduct(2, 2),
    **{cls.__name__: lambda cls=cls: masked(cls()) for cls in (
        rl.LeakyReLU, rl.ThresholdedLinear, rl.ThresholdedReLU)},
    **{cls.__name__: lambda cls=cls: masked(cls(0.5)) for cls in (rl.GaussianDropout, rl.GaussianNoise)},
    **{cls.__name__: lambda cls=cls: masked(cls((2,))) for cls in (rl.PReLU, rl.ParametricSoftplus)},
    **{type(make()).__name__: lambda make=make: behind(make()) for make in (
        rl.Flatten, lambda: rl.Reshape(-1), lambda: rl.Lambda("tanh"))},
    "BatchNormalization": lambda: rl.BatchNormalization((2,)), "MaxoutDense": lambda: rl.MaxoutDense(2, 2),
    "Permute": lambda: rl.Permute((2, 1)), "TimeDistributedMerge": rl.TimeDistributedMerge,
    "Bidirectional": lambda: masked(rl.Bidirectional(rl.GRU(2, 2, return_sequences=True))),
    "Recurrent": lambda: masked(rl.JZS1(2, 2, return_sequences=True)), "Sequential": model, "Optimizer": optimizer,
    "Container": merged, "Merge": merged, "AutoEncoder": encoded,
    "CallbackList": callbacks.CallbackList, "History": lambda: trained(callbacks.History()),
    "Tokenizer": fitted, "Progbar": lambda: Progbar(4, verbose=0),
    "WeightRegularizer": rl.regularizers.l2, "ActivityRegularizer": rl.regularizers.activity_l2,
}  # fmt: skip


# ---- What there is -----------------------------------------------------------------------------------------


def public_callables():
    """The public functions, classes, and methods where they are defined, by their names."""
    found = {}
    for path in PUBLIC:
        module = importlib.import_module("recurrent_layers." + path)
        for name, thing in vars(module).items():
            is_own = getattr(thing, "__module__", "") == module.__name__ or name in getattr(module, "__all__", ())
            if name.startswith("_") or not is_own or not callable(thing) or thing in found.values():
                continue
            found[f"{path}.{name}" if name in IN_SEVERAL else thing.__name__] = thing
            for method, function in vars(thing).items() if inspect.isclass(thing) else ():
                if not method.startswith("_") and isinstance(function, (types.FunctionType, classmethod)):
                    found[f"{thing.__name__}.{method}"] = getattr(thing, method)
    return found


def is_method(name):
    return "." in name and not name.endswith(IN_SEVERAL)


def parameters_of(function):
    """The names of the parameters; of `**clipping` those that `Optimizer` takes."""
    names = [name for name in inspect.signature(function).parameters if name != "self"]
    return [one for name in names for one in (["clipnorm", "clipvalue"] if name == "clipping" else [name])]


def kind_of(name, parameter):
    return ELSEWHERE.get(f"{name}.{parameter}", KINDS.get(parameter))


def is_checked(name, function, parameter):
    """Whether it has a kind; what each cell of the zoo hands on to `Recurrent` is checked there."""
    is_handed_on = function.__module__ == zoo.__name__ and parameter in parameters_of(rl.SimpleRNN)[2:]
    return kind_of(name, parameter) not in (None, UNCHECKED) and not is_handed_on


CALLABLES = {name: function for name, function in public_callables().items() if parameters_of(function)}
CHECKED = {
    name: names for name, names in (
        (name, [parameter for parameter in parameters_of(function) if is_checked(name, function, parameter)])
        for name, function in CALLABLES.items()) if names
}  # fmt: skip


def test_nothing_is_forgotten():
    modules = {module.name.split(".", 1)[1] for module in pkgutil.walk_packages([str(PACKAGE)], "recurrent_layers.")}
    assert {name for name in modules if not name.startswith(("engine.", "recurrence."))} == {*PUBLIC, *INTERNAL}
    settings_of_mypy = (pathlib.Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8").split("[tool.mypy]")[1]
    typed = re.findall(r'"recurrent_layers\.([\w.]+)"', settings_of_mypy.partition("]")[0])
    assert typed == ["recurrence.show", *PUBLIC]
    there = {f"{name}.{parameter}" for name, function in CALLABLES.items() for parameter in parameters_of(function)}
    assert [name for name in sorted(there) if kind_of(*name.rsplit(".", 1)) is None] == []
    assert set(ELSEWHERE) <= there, "these are no parameters any more"
    assert {name.split(".")[0] for name in CHECKED if is_method(name)} == set(INSTANCES)
    for function in (engine.prepare, engine.provide_theano, engine.report, engine.number_of_threads):
        assert not inspect.signature(function).parameters


# ---- What is drawn -----------------------------------------------------------------------------------------


class Anything:
    """No kind of value at all."""


VALUES = {
    # Numbers, truths and texts
    "None": lambda: None, "...": lambda: ..., "True": lambda: True, "a bool of NumPy": lambda: np.True_,
    "-1": lambda: -1, "0": lambda: 0, "2": lambda: 2, "10**30": lambda: 10**30, "10**400": lambda: 10**400,
    "-0.5": lambda: -0.5, "0.5": lambda: 0.5, "2.0": lambda: 2.0, "1e308": lambda: 1e308, "1j": lambda: 1j,
    "NaN": lambda: np.nan, "inf": lambda: np.inf, "a time": lambda: np.datetime64("2015-07-01"),
    "''": lambda: "", "'a'": lambda: "a", "'1'": lambda: "1", "a NUL": lambda: "a\0", "bytes": lambda: b"a",
    # Containers
    "[]": list, "[1]": lambda: [1], "[None]": lambda: [None], "['a']": lambda: ["a"], "(1, 2)": lambda: (1, 2),
    "[[1], [1, 2]]": lambda: [[1], [1, 2]], "range": lambda: range(2, 4), "a set": lambda: {1, 2}, "{}": dict,
    "{'name': 'a'}": lambda: {"name": "a"}, "{'name': [1]}": lambda: {"name": [1]}, "{1: 2}": lambda: {1: 2},
    "{0: 'a', 1: 1}": lambda: {0: "a", 1: 1}, "a pair": lambda: (np.ones((4, 5, 2)), None),
    "a list of weights": lambda: [np.ones((2, 2)), np.full(2, np.nan)],
    # Arrays
    "a number in an array": lambda: np.array(0.5), "ones": lambda: np.ones(2), "too many": lambda: np.ones((5, 1)),
    "four dimensions": lambda: np.ones((4, 2, 2, 2)), "NaN in an array": lambda: np.full((4, 5, 2), np.nan),
    "texts": lambda: np.array(["a", "b"]), "objects": lambda: np.array([None, 1]),
    "complex numbers": lambda: np.ones((4, 5, 2)) * 1j, "a mask": lambda: np.ma.masked_equal(np.eye(4)[:, :1], 0),
    # Of Python, of the engine and of ours
    "an object": Anything, "a class": lambda: dict, "a class without arguments": lambda: Anything,
    "a type of NumPy": lambda: np.float32, "a function": lambda: lambda *anything: None, "a module": lambda: np,
    "an exception": lambda: ValueError("a"), "a variable": T.matrix, "a list of variables": lambda: [T.vector()],
    "a weight": lambda: engine.shared(np.ones((2, 2))), "a layer": lambda: rl.LSTM(3, 3),
    "a layer's class": lambda: rl.LSTM, "a list of a layer's class": lambda: [rl.Dropout],
    "an optimizer": rl.optimizers.SGD, "a callback": callbacks.History, "a regularizer": rl.regularizers.l2,
}  # fmt: skip

EXAMPLES = 20  # For each parameter.


@st.composite
def wrong_calls(draw, name):
    """A parameter, and a value that is not of its kind."""
    parameter = draw(st.sampled_from(CHECKED[name]))
    listed = st.sampled_from(sorted(VALUES)).map(lambda name: VALUES[name]())
    plain = st.one_of(st.integers(), st.floats(), st.text(max_size=4), st.binary(max_size=4),
                      st.lists(st.one_of(st.none(), st.integers(), st.floats()), max_size=3))  # fmt: skip
    return parameter, draw(st.one_of(listed, listed, listed, plain))


def prepared(name):
    """What is called, on what, and valid arguments for it."""
    function, owner = CALLABLES[name], None
    if name == "opened":
        function = lambda **arguments: contextlib.ExitStack().enter_context(weight_files.opened(**arguments))  # noqa: E731
    if is_method(name):
        owner = INSTANCES[name.split(".")[0]]()
        function = getattr(owner, name.split(".")[1])
    return function, owner, {parameter: kind_of(name, parameter).example() for parameter in CHECKED[name]}


def state(thing, seen=None):
    """All that a call could change in an object."""
    seen = set() if seen is None else seen
    if isinstance(thing, engine.SharedVariable):
        return state(thing.get_value())
    if isinstance(thing, np.ndarray):
        return thing.dtype.str, thing.shape, repr(thing) if thing.dtype == object else thing.tobytes()
    if thing is None or isinstance(thing, (str, bytes, numbers.Number, np.generic)):
        return repr(thing)
    if id(thing) in seen:
        return "seen"
    seen.add(id(thing))
    if isinstance(thing, dict):
        return [(state(key, seen), state(value, seen)) for key, value in thing.items()]
    if isinstance(thing, (list, tuple, set)):
        return [state(one, seen) for one in thing]
    if type(thing).__module__.startswith("recurrent_layers.") and hasattr(thing, "memory"):
        return id(thing), state(thing.memory, seen)  # The compiled functions of a model.
    if type(thing).__module__.startswith("recurrent_layers.") and hasattr(thing, "__dict__"):
        return id(thing), state(vars(thing), seen)
    return id(thing)


def is_ours(error):
    """Whether a `raise` of the package made an error, or the arguments did not fit the signature."""
    last = error.__traceback__
    if last.tb_next is None:
        return isinstance(error, TypeError)
    while last.tb_next is not None:
        last = last.tb_next
    code = last.tb_frame.f_code
    is_raised = code.co_code[last.tb_lasti] == dis.opmap["RAISE_VARARGS"]  # Else it comes from C, as that of len(5).
    return is_raised and PACKAGE in pathlib.Path(code.co_filename).parents


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work where there is nothing but a file of weights, and data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    save_array(np.ones(2), "array.h5")
    for name, value in DATA.items():
        pathlib.Path(name).write_bytes(pickle.dumps(value))
    weight_files.write("weights.h5", [[np.ones((2, 3)), np.ones((3, 3)), np.ones(3)], [np.ones((3, 1)), np.ones(1)]])


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", sorted(CHECKED))
def test_right_calls(name):
    """The table says what may be: else it would not tell what may not."""
    function, _, right = prepared(name)
    function(**right)


@pytest.mark.parametrize("name", sorted(CHECKED))
def test_wrong_calls(name):
    function, owner, right = prepared(name)

    @settings(derandomize=True, deadline=None, max_examples=EXAMPLES * len(CHECKED[name]),
              database=None, phases=[Phase.generate])
    @given(wrong_calls(name))
    def wrong(drawn):
        parameter, value = drawn
        if kind_of(name, parameter).accepts(value):
            return
        before = state([owner, right, value])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                function(**{**right, parameter: value})
        except (ValueError, TypeError, OSError) as error:
            assert is_ours(error), f"{name}({parameter}={value!r}) gives a foreign {error!r}"
            assert 10 < len(str(error)) < 700
        else:
            raise AssertionError(f"{name}({parameter}={value!r}) is accepted")
        assert state([owner, right, value]) == before

    wrong()
