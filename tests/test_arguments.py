"""What an argument may be: the same everywhere, and the same number whatever type it comes in."""

import tracemalloc

import numpy as np
import pytest
from engines import change_flags
from numpy.testing import assert_array_equal

import recurrent_layers as rl
from recurrent_layers import callbacks, constraints, engine, optimizers, regularizers
from recurrent_layers.engine import tensor as T
from recurrent_layers.models import slice_X
from recurrent_layers.preprocessing.sequence import pad_sequences
from recurrent_layers.utils import arguments
from recurrent_layers.utils.arrays import converted
from recurrent_layers.utils.np_utils import to_categorical

NO_NUMBERS = [None, "a", [1.0], np.ones(2), np.nan, np.inf, -1, True, 1j]
NO_FLAGS = ["no", None, 2, -1, 0.5, [True], np.ones(2)]
NO_SIZES = [0, -1, 1.0, "3", None, True, [2]]

NUMBERS = {
    **{f"{cls.__name__} {name}": lambda value, cls=cls, name=name: cls(**{name: value})
       for cls, names in {
           optimizers.SGD: ["lr", "momentum", "decay", "clipnorm", "clipvalue"],
           optimizers.RMSprop: ["lr", "rho", "epsilon"], optimizers.Adagrad: ["lr", "epsilon"],
           optimizers.Adadelta: ["lr", "rho", "epsilon"], optimizers.Adam: ["lr", "beta_1", "beta_2", "epsilon"],
           regularizers.WeightRegularizer: ["l1", "l2"], regularizers.ActivityRegularizer: ["l1", "l2"],
           constraints.MaxNorm: ["m"], rl.Dropout: ["p"]}.items() for name in names},
    "l2": regularizers.l2, "activity_l1": regularizers.activity_l1,
}  # fmt: skip
FLAGS = {
    "return_sequences": lambda value: rl.GRU(2, 3, return_sequences=value),
    "mask_zero": lambda value: rl.Embedding(2, 3, mask_zero=value), "nesterov": lambda value: rl.optimizers.SGD(
        nesterov=value), "save_best_only": lambda value: callbacks.ModelCheckpoint("x", save_best_only=value),
    "restore_best_weights": lambda value: callbacks.EarlyStopping(restore_best_weights=value),
}  # fmt: skip
SIZES = {
    "input_dim": lambda value: rl.LSTM(value, 2), "output_dim": lambda value: rl.Dense(2, value),
    "n": rl.RepeatVector, "depth": lambda value: rl.SimpleDeepRNN(2, 3, depth=value),
    "truncate_gradient": lambda value: rl.GRU(2, 3, truncate_gradient=-2 if value == -1 else value),
}  # fmt: skip


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
@pytest.mark.parametrize("make", NUMBERS.values(), ids=NUMBERS)
def test_what_is_no_such_number(make, value):
    with pytest.raises(ValueError, match="must be a finite number of at least 0.*, got"):
        make(value)


@pytest.mark.parametrize("make, value", [
    (lambda value: optimizers.SGD(momentum=value), 2.0), (lambda value: optimizers.RMSprop(rho=value), 1.5),
    (lambda value: optimizers.Adam(beta_1=value), 1.0), (rl.Dropout, 1.01),
    (lambda value: rl.Masking(value), np.inf), (lambda value: rl.Masking(value), None),
])  # fmt: skip
def test_what_is_out_of_range(make, value):
    with pytest.raises(ValueError, match=f"must be a finite number.*, got {value}"):
        make(value)


@pytest.mark.parametrize("value", NO_FLAGS, ids=repr)
@pytest.mark.parametrize("make", FLAGS.values(), ids=FLAGS)
def test_what_is_no_flag(make, value):
    with pytest.raises(ValueError, match="must be True or False, got"):
        make(value)


@pytest.mark.parametrize("value", NO_SIZES, ids=repr)
@pytest.mark.parametrize("make", SIZES.values(), ids=SIZES)
def test_what_is_no_size(make, value):
    with pytest.raises(ValueError, match="must be .*an integer of at least 1, got"):
        make(value)


@pytest.mark.parametrize("make, message", [
    (lambda: callbacks.EarlyStopping(patience=-1), "patience must be an integer of at least 0, got -1"),
    (lambda: callbacks.EarlyStopping(monitor=3), "monitor must be a string, got 3"),
    (lambda: callbacks.EarlyStopping(mode="most"), "mode must be 'auto', 'min' or 'max', got 'most'"),
])  # fmt: skip
def test_other_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("changed, message", [
    ({"verbose": "loud"}, "verbose must be 0, 1 or 2, got 'loud'"), ({"verbose": 3}, "verbose must be 0, 1 or 2"),
    ({"shuffle": "bach"}, "shuffle must be True, False or 'batch', got 'bach'"), ({"show_accuracy": "yes"}, "show_acc"),
    ({"validation_split": "half"}, "validation_split must be a finite"), ({"batch_size": 2.0}, "batch_size must"),
])  # fmt: skip
def test_arguments_of_fit(changed, message):
    made = rl.Sequential([rl.Dense(2, 1)])
    made.compile("sgd", "mse")
    given = {"nb_epoch": 1, "verbose": 0, **changed}
    unchanged(made, lambda: made.fit(np.ones((4, 2)), np.ones(4), **given), message)


@pytest.mark.parametrize("value", [True, np.True_, 1, np.int64(1)])
def test_flags_may_be_of_any_kind(value):
    assert rl.GRU(2, 3, return_sequences=value).return_sequences is True
    assert arguments.choice("verbose", value, 0, 1, 2) == 1 and arguments.choice("shuffle", value, True, False) is True


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.longdouble, lambda value: np.array(value)])
def test_a_number_is_the_same_in_any_precision(kind):
    """NumPy's scalars would take a float32 variable to their own precision: a mask value never met what it was."""
    with change_flags(floatX="float32"):
        half, x = kind(0.5), T.matrix()
        masking = rl.Masking(half)
        masking.input = T.tensor3()
        dropout = rl.Dropout(half)
        dropout.input = x
        penalty = regularizers.l2(half).on(x)(T.constant(np.float32(0.0)))
        outputs = [masking.get_output(), dropout.get_output(), dropout.get_output(train=True), penalty,
                   constraints.maxnorm(half)(x)]
        assert {output.dtype for output in outputs} == {"float32"}
        weight = engine.shared(np.ones((2, 2), "float32"))
        for cls in (optimizers.SGD, optimizers.RMSprop, optimizers.Adagrad, optimizers.Adadelta, optimizers.Adam):
            updates = cls(lr=half, clipnorm=half, clipvalue=half).get_updates([weight], [lambda p: p], weight.sum())
            assert {value.dtype for _, value in updates} == {"float32"}


def test_a_mask_value_is_met_in_float32():
    with change_flags(floatX="float32"):
        for value in (0.1, np.float64(0.1), np.float32(0.1)):
            masking = rl.Masking(value)
            masking.input = T.tensor3()
            mask = engine.function([masking.input], masking.get_output_mask())
            assert mask(np.full((1, 2, 3), 0.1, "float32")).tolist() == [[0, 0]]


def test_a_number_that_is_infinite_in_floatX():
    with change_flags(floatX="float32"), pytest.raises(ValueError, match="got 1e.39, which is infinite in float32"):
        optimizers.SGD(lr=1e39)
    assert optimizers.SGD(lr=1e39).lr.get_value() == 1e39


# ---- What is said -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("call, message", [
    (lambda: rl.Sequential(rl.LSTM(3, 4)), r"layers must be a list of layers, such as \[LSTM.*, got LSTM\(3, 4\)$"),
    (lambda: fit(callbacks=callbacks.EarlyStopping()),
     r"callbacks must be a list of callbacks, such as \[EarlyStopping\(\)\], got <.*EarlyStopping object"),
    (lambda: fit(callbacks=[object()]), "a callback must be an object of a subclass of Callback, got <object"),
    (lambda: fit(callbacks=[callbacks.History]), "a callback must be an object of a subclass of Callback, got <class"),
    (lambda: fit(X=None), "the input must be numbers, in one array, got None; sequences of different lengths must be"),
    (lambda: fit(y=None), "the labels must be numbers, in one array, got None"),
    (lambda: fit(y=5), "the labels must be an array with those of each sample, got array"),
    (lambda: fit(X=[[[1, 2], [3]]]), "the input must be numbers, in one array.*must be padded"),
    (lambda: fit(validation_data=5), r"validation_data must be \(X, y\) or \(X, y, sample_weight\), got 5"),
    (lambda: fit(sample_weight=[1.0]), r"sample_weight must have shape \(4,\)"),
    (lambda: fit(class_weight={0: "a"}), "the weight of class 0 must be a finite number of at least 0, got 'a'"),
    (lambda: fit(class_weight=5), "class_weight must be a list of the weights of classes, or a dict, got 5"),
    (lambda: rl.Dense(2, 3).set_previous(None), "Dense.set_previous needs another layer.*, got None"),
    (lambda: rl.Sequential([rl.Dense(2, 3, activation=print), rl.Dense(3, 1)]).get_output(),
     "the output of Dense must be a symbolic variable, samples first, got None"),
    (lambda: rl.Dropout(None), "p must be a finite number of at least 0 and of at most 1, got None"),
    (lambda: rl.Dense(2, 3, weights=rl.Dense(3, 3).get_weights()), r"Dense expects 2 weights: W \(2, 3\).*; got 2: "),
    (lambda: rl.Dense(2, 3, weights=5), "weights must be a list of arrays, got 5"),
    (lambda: rl.Dense.from_config({"input_dim": 3}), "Dense needs output_dim, which this config does not have"),
    (lambda: rl.Dense(2, 3, W_regularizer="activity_l2"), "is a penalty on the output of a layer, not on W"),
    (lambda: rl.Dense(2, 3, activity_regularizer="l2"), "is a penalty on a weight, not on <.*Dense object"),
    (lambda: rl.GRU(2, 3, activation=rl.LSTM), "unknown activation <class .*LSTM'>"),
    (lambda: rl.GRU(10**30, 3), r"input_dim must be an integer of at most \d+, got 10"),
    (lambda: optimizers.SGD(lr=10**400), r"lr must be a finite number of at least 0, got 1000.*\.\.\. \(of type int\)"),
    (lambda: rl.GRU(10**5000, 3), r"input_dim must be an integer of at most \d+, got <int object"),
    (lambda: optimizers.get("sgd", {"rate": 1}), "SGD has no argument rate; it takes lr, momentum, decay, nesterov"),
    (lambda: optimizers.get("sgd", 5), "kwargs must be a dict of arguments, got 5"),
    (lambda: optimizers.get({"name": "sgd", 1: 2}), "the optimizer sgd cannot be made of these arguments"),
    (lambda: callbacks.ModelCheckpoint(1), "filepath must be a path .*, got 1"),
    (lambda: callbacks.History().to_csv("there.csv"), "there is nothing to write: no epoch was finished"),
    (lambda: callbacks.History().plot(), "there is nothing to plot: no epoch was finished"),
    (lambda: model().save_weights(1), "filepath must be a path .*, got 1"),
    (lambda: slice_X(np.ones(3), [0, 1], 2), r"stop=2 would be ignored, since start=\[0, 1\]"),
    (lambda: pad_sequences([1, 2]), "sequences must be a list of sequences, but there are single numbers in it"),
    (lambda: pad_sequences([[1]], dtype="text"), "dtype must be a type of numbers, such as .*, got 'text'"),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore:Creating an ndarray from ragged")
def test_what_is_said(call, message):
    with pytest.raises((ValueError, TypeError), match=message) as error:
        call()
    assert "\n" not in str(error.value)


def fit(**changed):
    model().fit(**{"X": np.zeros((4, 3, 2)), "y": np.zeros(4), "nb_epoch": 1, "verbose": 0, **changed})


@pytest.mark.parametrize("made, message", [
    (np.full((2, 3), np.nan), "what the initialization of W made has NaN or infinity"), (None, "numbers.*got None"),
    (np.full((2, 3), "a"), "what the initialization of W made must be numbers"), (np.ones((2, 3)) * 1j, "complex128"),
    (np.ones((3, 2)), r"the initialization of W made shape \(3, 2\) instead of \(2, 3\)"), (0.0, r"made shape \(\)"),
    (np.full((2, 3), 1e39), "the initialization of W made has NaN or infinity"),
    (np.full((2, 3), 2**24 + 1), "cannot be held by float32"),
])  # fmt: skip
def test_what_an_initialization_may_make(made, message):
    with change_flags(floatX="float32"):
        for value in (made, engine.shared(made)) if isinstance(made, np.ndarray) and made.dtype.kind == "f" else [made]:
            with pytest.raises(ValueError, match=message):
                rl.Dense(2, 3, init=lambda shape, value=value: value)
        assert rl.Dense(2, 3, init=lambda shape: np.ones(shape, int).tolist()).W.dtype == "float32"


def test_layers_of_a_model_that_was_not_made_may_stand_in_another_one():
    layers = [rl.Dense(2, 3), rl.Sequential([rl.Dense(3, 4)]), rl.Dense(4, 5)]
    for wrong in (rl.Dense(6, 7), 5):
        with pytest.raises(ValueError):
            rl.Sequential([*layers, wrong])
    assert rl.Sequential(layers).output_shape == (None, 5)


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
@pytest.mark.parametrize("labels, warns", [
    ([0, 1, 1, 0], True), ([0, 0, 0, 0], True), ([1, 1, 1, 1], False), ([-1, 1, 0, 0], False), ([0, 0.5, 1, 1], False),
])  # fmt: skip
def test_labels_0_and_1_for_hinge(loss, labels, warns, recwarn):
    made = rl.Sequential([rl.Dense(2, 1)])
    made.compile("sgd", loss)
    made.test_on_batch(np.ones((4, 2)), np.array(labels))
    assert [str(one.message) for one in recwarn if one.category is UserWarning] == [
        f"{loss} is meant for labels -1 and 1, got 0 and 1: a label of 0 trains nothing; map them to -1 and 1 by "
        "2 * y - 1"] * warns  # fmt: skip


def test_rows_of_zeros_among_one_hot_labels_are_padding(recwarn):
    made = rl.Sequential([rl.TimeDistributedDense(2, 3, activation="softmax")])
    made.compile("sgd", "categorical_crossentropy")
    y = np.eye(3)[[[0, 1], [2, 0]]]
    y[:, 1] = 0
    made.train_on_batch(np.ones((2, 2, 2)), y)
    assert not [one for one in recwarn if one.category is UserWarning]


@pytest.mark.parametrize("warns", [
    lambda: fit_dense("hinge"), lambda: fit_dense("mse", callbacks=[callbacks.EarlyStopping()]),
    lambda: fit_dense("mse", show_accuracy=True), lambda: fit_dense(lambda t, p: T.mean((t - p) ** 2)),
    lambda: rl.optimizers.Adam(kappa=0.9), lambda: rl.AutoEncoder(rl.Dense(2, 2), rl.Dense(2, 2), tie_weights=True),
    lambda: rl.Merge([rl.Embedding(3, 2, mask_zero=True), rl.Embedding(3, 2)]),
])  # fmt: skip
def test_warnings_point_to_the_line_of_who_calls(warns, recwarn):
    warns()
    assert [one.filename for one in recwarn if one.category in (UserWarning, RuntimeWarning)][:1] == [__file__]


def fit_dense(loss, **arguments):
    made = rl.Sequential([rl.Dense(2, 1)])
    made.compile("sgd", loss)
    made.fit(np.ones((4, 2)), np.array([0, 1, 1, 0]), nb_epoch=1, verbose=0, **arguments)


# ---- Data -------------------------------------------------------------------------------------------------


def model():
    made = rl.Sequential([rl.SimpleRNN(2, 3), rl.Dense(3, 1)])
    made.compile("sgd", "mse")
    return made


def unchanged(made, call, message):
    before = made.get_weights()
    with pytest.raises(ValueError, match=message):
        call()
    for weight, reference in zip(made.get_weights(), before):
        assert_array_equal(weight, reference)


@pytest.mark.parametrize("number, said", [(np.nan, "NaN"), (np.inf, "inf"), (-np.inf, "-inf"),
                                          (1e39, r"1e\+39 \(infinite in float32\)")])  # fmt: skip
def test_what_is_not_finite_in_the_input(number, said):
    with change_flags(floatX="float32"):
        made, X, y = model(), np.zeros((5, 3, 2)), np.zeros(5)
        X[3:, 1, 0] = number
        for call in (lambda: made.predict(X), lambda: made.fit(X, y, nb_epoch=1, verbose=0),
                     lambda: made.train_on_batch(X, y), lambda: made.evaluate(X, y, verbose=0)):
            unchanged(made, call, f"the input of SimpleRNN has {said} in 2 of 5 samples, the first at index 3")
        large = np.full((5, 3, 2), 3e38, "float32")  # The sum is infinite, the numbers are not.
        assert np.isfinite(made.predict(large)).all()


@pytest.mark.parametrize("number, said", [(np.nan, "NaN"), (np.inf, "inf"), (1e39, r"1e\+39")])
def test_what_is_not_finite_in_labels_and_weights(number, said):
    with change_flags(floatX="float32"):
        made, X = model(), np.zeros((5, 3, 2))
        wrong = np.array([0, 0, 1, number, 0])
        unchanged(made, lambda: made.train_on_batch(X, wrong), f"there is {said} in the labels, first in sample 3")
        unchanged(made, lambda: made.train_on_batch(X, np.zeros(5), sample_weight=wrong), "weights of samples must not")


@pytest.mark.parametrize("call, message", [
    (lambda made, X, y: made.train_on_batch(X, y, sample_weight=5), "sample_weight must have shape"),
    (lambda made, X, y: made.train_on_batch(X, y, sample_weight=["a"] * 5), "sample_weight must be numbers"),
    (lambda made, X, y: made.train_on_batch(X, y + 0.5, class_weight={0: 1.0}), "class_weight needs labels"),
    (lambda made, X, y: made.predict(np.ma.masked_equal(X, 0)), "the input is a masked array"),
    (lambda made, X, y: made.train_on_batch(X, np.ma.masked_equal(y, 0)), "the labels is a masked array"),
])  # fmt: skip
def test_what_would_be_ignored(call, message):
    made = model()
    unchanged(made, lambda: call(made, np.zeros((5, 3, 2)), np.zeros(5)), message)


BASE = np.random.RandomState(5).randn(4, 5, 3)


def in_a_field(array):
    records = np.zeros(array.shape, dtype=[("one", "i1"), ("two", array.dtype)])
    records["two"] = array
    return records["two"]


def misaligned(array):
    there = np.ndarray(array.shape, array.dtype, np.zeros(array.nbytes + 1, "uint8"), offset=1)
    there[...] = array
    assert not there.flags.aligned
    return there


LAYOUTS = {
    "repeated samples": lambda: np.broadcast_to(BASE[:1], BASE.shape), "misaligned": lambda: misaligned(BASE),
    "repeated steps": lambda: np.broadcast_to(BASE[:, :1], BASE.shape), "a field": lambda: in_a_field(BASE),
    "repeated numbers": lambda: np.broadcast_to(BASE[:, :, :1], BASE.shape), "backwards": lambda: BASE[:, ::-1],
    "in Fortran's order": lambda: np.asfortranarray(BASE), "every second": lambda: np.repeat(BASE, 2, axis=1)[:, ::2],
    "one sample, repeated": lambda: np.broadcast_to(BASE[:1, :1], (1, 5, 3)),
    "of the other byte order": lambda: BASE.astype(BASE.dtype.newbyteorder()),
}  # fmt: skip


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_may_lie_in_memory_as_they_like(layout, compiled):
    X = LAYOUTS[layout]()
    contiguous, y = np.array(X, dtype="float64", order="C"), BASE[:len(X), 0, :1]
    layer = rl.SimpleRNN(3, 2, return_sequences=True)
    by_hand = function_of(layer, compiled)
    assert_array_equal(by_hand(X), by_hand(contiguous))
    shared = engine.shared(np.zeros_like(contiguous))
    shared.set_value(X.astype(X.dtype.newbyteorder("=")) if not X.dtype.isnative else X, borrow=True)
    assert_array_equal(shared.get_value(), contiguous)
    made = rl.Sequential([rl.SimpleRNN(3, 2), rl.Dense(2, 1)])
    made.compile("sgd", "mse", theano_mode="FAST_RUN" if compiled else None)
    for call in (made.predict, made.predict_on_batch, lambda X: made.test_on_batch(X, y)):
        assert_array_equal(call(X), call(contiguous))
    repeated = np.broadcast_to(y[:1], y.shape)
    assert made.test_on_batch(contiguous, repeated) == made.test_on_batch(contiguous, np.array(repeated))


def function_of(layer, compiled):
    layer.input = T.tensor3()
    return engine.function([layer.input], layer.get_output(), mode="FAST_RUN" if compiled else "FAST_COMPILE")


def test_integers_that_would_be_rounded():
    with change_flags(floatX="float32"):
        made, X = model(), np.zeros((2, 3, 2), "int64")
        made.predict(X + 2**24)
        unchanged(made, lambda: made.predict(X + 2**24 + 1), "input of SimpleRNN cannot be held by float32: .*16777217")
        unchanged(made, lambda: made.train_on_batch(X, np.array([0, 2**53 + 1])), "labels cannot be held by float32")
        embedding = rl.Embedding(2**24 + 3, 1)
        embedding.check_data(np.array([[2**24 + 1]]))


def test_weights_of_classes_may_be_a_list():
    X, y = np.random.randn(4, 3, 2), np.array([0, 1, 1, 0])
    made = model()
    trained = []
    for weights in ({0: 1.0, 1: 3.0}, [1, 3], np.array([1.0, 3.0])):
        made.set_weights([np.ones_like(weight) for weight in made.get_weights()])
        made.train_on_batch(X, y, class_weight=weights)
        trained.append(made.get_weights())
    for one, other, third in zip(*trained):
        assert_array_equal(one, other)
        assert_array_equal(one, third)


@pytest.mark.parametrize("array, dtype, wrong", [
    ([0.5], "int32", "0.5 would be 0"), ([2**40], "int32", "1099511627776"), ([-1], "uint8", "-1"),
    ([300], "uint8", "300"), ([2**63], "int64", "9223372036854775808"), ([np.nan], "int32", "nan"),
    ([1e30], "int64", "1e.30"), ([2], "bool", "2"),
    ([2**24 + 1], "float32", "16777217"), ([2**53 + 1], "float64", "9007199254740993"), ([1e39], "float32", "inf"),
    ([70000.0], "float16", "70000"),
])  # fmt: skip
def test_what_a_type_cannot_hold(array, dtype, wrong):
    with pytest.raises(ValueError, match=f"it cannot be held by {dtype}: .*{wrong}.*; pass another dtype"):
        converted("it", np.array(array), dtype)
    with pytest.raises(ValueError, match="it must be numbers"):
        converted("it", np.array(["a"]), dtype)


@pytest.mark.parametrize("array, dtype", [
    ([3.0, -4.0], "int32"), ([2**24, 7], "float32"), ([0.1], "float32"), ([True], "float32"), ([1, 0], "bool"),
    ([np.nan, np.inf], "float32"), ([255], "uint8"), ([2**63], "uint64"),
])  # fmt: skip
def test_what_it_can(array, dtype):
    array = np.array(array)
    assert_array_equal(converted("it", array, dtype), array.astype(dtype))


def test_padding_and_classes_are_held():
    for arguments_of_it, message in [
            (dict(sequences=[[0.5], [1]]), "sequences cannot be held by int32: .*0.5.*dtype='float32'"),
            (dict(sequences=[[2**40]]), "sequences cannot be held by int32"),
            (dict(sequences=[[1]], value=0.5), "value cannot be held by int32"),
            (dict(sequences=[["a"]]), "sequences must be numbers"),
            (dict(sequences=[[1]], maxlen=0), "maxlen must be an integer of at least 1")]:  # fmt: skip
        with pytest.raises(ValueError, match=message):
            pad_sequences(**arguments_of_it)
    assert pad_sequences([[0.5], [1, 2]], dtype="float32").tolist() == [[0, 0.5], [1, 2]]
    for classes in (["a"], [np.inf], [np.nan], [0.5]):
        with pytest.raises(ValueError, match="needs integer classes|classes cannot be held|classes must be numbers"):
            to_categorical(classes)
    assert to_categorical([[0, 2], [1, 1]]).tolist() == [[[1, 0, 0], [0, 0, 1]], [[0, 1, 0], [0, 1, 0]]]


def test_a_long_text_is_shown_on_one_line_with_little_memory():
    text = "one two\n" * 500000
    tracemalloc.start()
    try:
        shown = arguments.shown(text)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert shown.startswith(r"'one two\none two\n") and shown.endswith("... (of type str)") and len(shown) < 230
    assert peak < 4 * len(text)  # As one text; its words take some twenty times that.
