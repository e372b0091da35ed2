"""Models as estimators, alone and within scikit-learn."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut, cross_val_predict, cross_val_score

import recurrent_layers as rl
from recurrent_layers.utils.np_utils import to_categorical
from recurrent_layers.utils.test_utils import get_test_data
from recurrent_layers.wrappers.scikit_learn import BaseWrapper, KerasClassifier, KerasRegressor


@pytest.fixture(scope="module")
def data():
    np.random.seed(3)
    (X, y), (X_test, y_test) = get_test_data(120, 40, (4,), nb_class=3)
    return X, y[:, 0], X_test, y_test[:, 0]


def classifier(**named):
    model = rl.Sequential([rl.Dense(4, 3, activation="softmax")])
    return KerasClassifier(model, **{"nb_epoch": 30, "train_batch_size": 16, **named})


def test_a_second_fit_is_that_of_the_first(data):
    X, y, *_ = data
    made = classifier(optimizer=rl.optimizers.SGD(lr=0.5, decay=0.1, momentum=0.9), nb_epoch=2, shuffle=False)
    fits = [(made.fit(X, y).history["loss"], made.predict_proba(X)) for _ in range(2)]
    assert fits[0][0] == fits[1][0]
    assert_array_equal(fits[0][1], fits[1][1])


def test_a_classifier(data):
    X, y, X_test, y_test = data
    made = classifier(optimizer="sgd", show_accuracy=True)
    weights = made.model.get_weights()
    np.random.seed(5)
    history = made.fit(X, y)
    # The same by hand.
    model = rl.Sequential([rl.Dense(4, 3, activation="softmax", weights=weights)])
    model.compile("sgd", "categorical_crossentropy")
    np.random.seed(5)
    expected = model.fit(X, to_categorical(y), batch_size=16, nb_epoch=30, verbose=0, show_accuracy=True)
    assert history.history == expected.history and len(history.epoch) == 30
    probabilities = model.predict(X_test)
    assert_array_equal(made.predict_proba(X_test), probabilities)
    assert_array_equal(made.predict(X_test), probabilities.argmax(axis=1))
    assert_allclose(made.score(X_test, y_test), np.mean(probabilities.argmax(axis=1) == y_test))
    assert made.score(X_test, to_categorical(y_test)) == made.score(X_test, y_test)
    assert made.classes_.tolist() == [0, 1, 2] and made.config_ == made.model.get_config()
    assert all(map(np.array_equal, made.weights_, weights))
    assert all(map(np.array_equal, made.model.get_weights(), weights))


def test_classes_are_those_of_the_outputs(data):
    """Also if some are missing in what is learned, as in a fold."""
    X, y, X_test, y_test = data
    made = classifier(nb_epoch=1)
    made.fit(X[y != 1], y[y != 1])
    assert made.classes_.tolist() == [0, 1, 2] and made.predict_proba(X_test).shape == (len(X_test), 3)
    # Each fold lacks the class that it is asked about.
    order = np.argsort(y_test, kind="stable")
    folds = LeaveOneGroupOut().split(X_test[order], groups=y_test[order])
    found = cross_val_predict(classifier(nb_epoch=1), X_test[order], y_test[order], cv=list(folds),
                              method="predict_proba")  # fmt: skip
    assert found.shape == (len(X_test), 3)
    assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


def test_a_classifier_of_two_classes_by_one_output(data):
    X, y, X_test, y_test = data
    X, y, X_test, y_test = X[y < 2], y[y < 2], X_test[y_test < 2], y_test[y_test < 2]
    made = KerasClassifier(rl.Sequential([rl.Dense(4, 1, activation="sigmoid")]), loss="binary_crossentropy",
                           nb_epoch=30, train_batch_size=16)  # fmt: skip
    made.fit(X, y)
    expected = (made.predict_proba(X_test)[:, 0] > 0.5).astype(int)
    assert set(expected) == {0, 1}
    assert_array_equal(made.predict(X_test), expected)
    assert_allclose(made.score(X_test, y_test), np.mean(expected == y_test))


def test_a_regressor(data):
    X, _, X_test, _ = data
    made = KerasRegressor(rl.Sequential([rl.Dense(4, 1)]), optimizer=rl.optimizers.SGD(lr=0.05), nb_epoch=20)
    made.fit(X, X.sum(axis=1))
    predicted = made.predict(X_test)
    assert predicted.shape == (40,)
    assert_allclose(made.score(X_test, X_test.sum(axis=1)), np.mean((predicted - X_test.sum(axis=1)) ** 2))
    assert made.score(X_test, X_test.sum(axis=1)) < 0.1


def test_within_scikit_learn(data):
    X, y, _, _ = data
    made = classifier(nb_epoch=10)
    again = clone(made)
    assert again.model is not made.model and (again.nb_epoch, again.train_batch_size) == (10, 16)
    assert cross_val_score(made, X, y, cv=3).mean() > 0.5
    search = GridSearchCV(made, {"nb_epoch": [1, 20]}, cv=2).fit(X, y)
    assert search.best_params_ == {"nb_epoch": 20}


def test_what_they_are_taken_for(data):
    X, y, _, _ = data
    made, regressor = classifier(nb_epoch=10), KerasRegressor(rl.Sequential([rl.Dense(4, 1)]))
    assert is_classifier(made) and not is_regressor(made)
    assert is_regressor(regressor) and not is_classifier(regressor)
    # Without a share of each class in each fold, it is tested on a class that it has not seen.
    in_order = np.argsort(y, kind="stable")
    assert cross_val_score(made, X[in_order], y[in_order], cv=3).mean() > 0.5
    assert cross_val_score(made, X, y, cv=2, scoring="roc_auc_ovr").min() > 0.5
    two = KerasClassifier(rl.Sequential([rl.Dense(4, 2, activation="softmax")]), nb_epoch=10)
    for scoring in ("f1", "roc_auc"):
        assert cross_val_score(two, X[y < 2], y[y < 2], cv=2, scoring=scoring).min() > 0.5


def test_arguments_are_set_by_their_names():
    made = classifier()
    assert made.set_params(nb_epoch=3, loss="mse") is made and made.get_params()["nb_epoch"] == 3
    before = made.get_params()
    with pytest.raises(ValueError, match="KerasClassifier has no argument other; there are model, optimizer"):
        made.set_params(nb_epoch=4, other=1)
    assert made.get_params() == before
    with pytest.raises(TypeError, match="other"):
        classifier(other=1)


@pytest.mark.parametrize("make, message", [
    (lambda: KerasClassifier(5), "KerasClassifier needs a Sequential model, got 5"),
    (lambda: classifier(nb_epoch=0), "nb_epoch must be an integer of at least 1"),
    (lambda: classifier(optimizer="sdg"), "unknown optimizer 'sdg'; did you mean 'sgd'"),
    (lambda: classifier(train_batch_size="all"), "batch_size must be an integer"),
])  # fmt: skip
def test_what_cannot_be_trained_changes_nothing(data, make, message):
    made = make()
    with pytest.raises(ValueError, match=message):
        made.fit(*data[:2])
    assert (made.compiled_model_, made.classes_, made.config_, made.weights_) == (None, [], [], [])
    with pytest.raises(ValueError, match="is not trained yet: call fit"):
        made.predict(data[0])
    with pytest.raises(ValueError, match="the input of Dense|is not trained yet"):
        KerasRegressor(rl.Sequential([rl.Dense(4, 1)])).score(*data[:2])


def test_a_base_has_all_arguments_by_place():
    model = rl.Sequential([rl.Dense(4, 1)])
    made = BaseWrapper(model, "sgd", "mse", 1, 2, 3, False, True, 0.1, None, [], 1)
    assert list(made.get_params().values()) == [model, "sgd", "mse", 1, 2, 3, False, True, 0.1, None, [], 1]
