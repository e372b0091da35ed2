"""Models as estimators of scikit-learn, which is not needed for them."""

from __future__ import annotations

import copy
import inspect
from typing import Any, Iterable

import numpy as np

from recurrent_layers.callbacks import Callback, History
from recurrent_layers.models import ClassMode, Sequential, Shuffle
from recurrent_layers.optimizers import Optimizer
from recurrent_layers.typing import Array, ArrayLike, Named
from recurrent_layers.utils.arguments import shown
from recurrent_layers.utils.np_utils import to_categorical

__all__ = ["BaseWrapper", "KerasClassifier", "KerasRegressor", "to_categorical"]


class BaseWrapper:
    """What both estimators share.

    Parameters
    ----------
    model : Sequential
        Which stays as it is; a copy is compiled and trained.
    optimizer, loss
        As for :meth:`Sequential.compile`.
    train_batch_size, test_batch_size : int
        How many samples are trained on, or predicted, at once.
    nb_epoch, shuffle, show_accuracy, validation_split, validation_data, callbacks, verbose
        As for :meth:`Sequential.fit`.

    Attributes
    ----------
    compiled_model_ : Sequential or None
        The copy that :meth:`fit` has trained.
    classes_ : numpy.ndarray
        The classes that it was given, or the numbers of the outputs.
    config_, weights_
        The config of the model, and the weights with which training began.

    Raises
    ------
    ValueError
        In :meth:`fit`, if an argument is none of these: scikit-learn sets them before, one by one.

    Examples
    --------
    >>> from recurrent_layers import Dense, Sequential
    >>> from recurrent_layers.wrappers.scikit_learn import BaseWrapper
    >>> estimator = BaseWrapper(Sequential([Dense(3, 1)]), "sgd", "mse", nb_epoch=5)
    >>> estimator.set_params(nb_epoch=10).get_params()["nb_epoch"]
    10
    """

    #: What scikit-learn takes it for: of a classifier, each fold has a share of each class.
    _estimator_type: str | None = None

    def __init__(self, model: Sequential, optimizer: str | Optimizer, loss: Named, train_batch_size: int = 128,
                 test_batch_size: int = 128, nb_epoch: int = 100, shuffle: Shuffle = True, show_accuracy: bool = False,
                 validation_split: float = 0, validation_data: Any = None, callbacks: Iterable[Callback] | None = None,
                 verbose: int = 0) -> None:
        self.model, self.optimizer, self.loss = model, optimizer, loss
        self.train_batch_size, self.test_batch_size, self.nb_epoch = train_batch_size, test_batch_size, nb_epoch
        self.shuffle, self.show_accuracy, self.verbose = shuffle, show_accuracy, verbose
        self.validation_split, self.validation_data, self.callbacks = validation_split, validation_data, callbacks
        self.compiled_model_: Sequential | None = None
        self.classes_: Any = []
        self.config_: Any = []
        self.weights_: list[Array] = []

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All arguments by their names. Keras 0.1 gave the first three only, so that copies lost the others."""
        return {name: getattr(self, name) for name in inspect.signature(BaseWrapper).parameters}

    def __sklearn_clone__(self) -> BaseWrapper:
        # By itself, scikit-learn takes the model for an estimator, too, since it has get_params.
        return type(self)(**copy.deepcopy(self.get_params()))

    def __sklearn_tags__(self) -> Any:
        from sklearn import base  # Only scikit-learn asks.

        mixins = {"classifier": [base.ClassifierMixin], "regressor": [base.RegressorMixin]}
        kinds = (*mixins.get(self._estimator_type or "", []), base.BaseEstimator)
        return type("Estimator", kinds, {})().__sklearn_tags__()

    def set_params(self, **params: Any) -> BaseWrapper:
        """Set arguments by their names.

        Raises
        ------
        ValueError
            If there is no argument of such a name; none has been set then.
        """
        unknown = sorted(set(params) - set(self.get_params()))
        if unknown:
            raise ValueError(f"{type(self).__name__} has no argument {', '.join(unknown)}; there are "
                             f"{', '.join(self.get_params())}")
        vars(self).update(params)
        return self

    def fit(self, X: ArrayLike, y: ArrayLike) -> History:
        """Train a copy of the model.

        Parameters
        ----------
        X : array_like
            Samples first.
        y : array_like
            The targets; for categorical_crossentropy classes from 0 on, (nb_samples,), will do.

        Returns
        -------
        History
        """
        if not isinstance(self.model, Sequential):
            raise ValueError(f"{type(self).__name__} needs a Sequential model, got {shown(self.model)}")
        y = np.asarray(y)
        classes = np.unique(y) if y.ndim == 1 else np.arange(y.shape[1] if y.ndim else 0)
        if y.ndim == 1 and self.loss == "categorical_crossentropy":
            y = to_categorical(y, self.model.output_shape[-1] if self.model.output_shape else None)
            classes = np.arange(y.shape[1])  # Those of the outputs, also if y has not all of them.
        compiled, shape = copy.deepcopy(self.model), self.model.output_shape
        # The largest of a single output would tell nothing.
        class_mode: ClassMode = "binary" if shape is not None and shape[-1] == 1 else "categorical"
        # An optimizer counts on in another model.
        compiled.compile(optimizer=copy.deepcopy(self.optimizer), loss=self.loss, class_mode=class_mode)
        history = compiled.fit(
            X, y, batch_size=self.train_batch_size, nb_epoch=self.nb_epoch, verbose=self.verbose, shuffle=self.shuffle,
            show_accuracy=self.show_accuracy, validation_split=self.validation_split,
            validation_data=self.validation_data, callbacks=[] if self.callbacks is None else self.callbacks)
        self.compiled_model_, self.classes_ = compiled, classes
        self.config_, self.weights_ = self.model.get_config(), self.model.get_weights()
        return history

    def _fitted(self) -> Sequential:
        if self.compiled_model_ is None:
            raise ValueError(f"{type(self).__name__} is not trained yet: call fit(X, y) first")
        return self.compiled_model_

    def _score(self, X: ArrayLike, y: ArrayLike, show_accuracy: bool) -> Any:
        y = np.asarray(y)
        if y.ndim == 1 and self.loss == "categorical_crossentropy":
            y = to_categorical(y, self._fitted().output_shape[-1])
        return self._fitted().evaluate(X, y, batch_size=self.test_batch_size, show_accuracy=show_accuracy,
                                       verbose=self.verbose)


class KerasClassifier(BaseWrapper):
    """A classifier; arguments and attributes as of :class:`BaseWrapper`, which take further ones by their names.

    Examples
    --------
    >>> import numpy as np
    >>> from recurrent_layers import Dense, Sequential
    >>> from recurrent_layers.wrappers.scikit_learn import KerasClassifier
    >>> X, y = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0, 1])
    >>> classifier = KerasClassifier(Sequential([Dense(2, 2, activation="softmax")]), nb_epoch=3)
    >>> history = classifier.fit(X, y)
    >>> classifier.predict_proba(X).shape
    (2, 2)
    """

    _estimator_type = "classifier"

    def __init__(self, model: Sequential, optimizer: str | Optimizer = "adam", loss: Named = "categorical_crossentropy",
                 **kwargs: Any) -> None:
        super().__init__(model, optimizer, loss, **kwargs)

    def predict(self, X: ArrayLike) -> Array:
        """The class of each sample: the largest output, or 1 where a single one is above 0.5."""
        model = self._fitted()
        classes = model.predict_classes(X, batch_size=self.test_batch_size, verbose=self.verbose)
        return classes[..., 0] if model.class_mode == "binary" else classes

    def predict_proba(self, X: ArrayLike) -> Array:
        """The probability of each class, for each sample."""
        return self._fitted().predict_proba(X, batch_size=self.test_batch_size, verbose=self.verbose)

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """The accuracy."""
        return self._score(X, y, True)[1]


class KerasRegressor(BaseWrapper):
    """A regressor; arguments and attributes as of :class:`KerasClassifier`.

    Examples
    --------
    >>> import numpy as np
    >>> from recurrent_layers import Dense, Sequential
    >>> from recurrent_layers.wrappers.scikit_learn import KerasRegressor
    >>> regressor = KerasRegressor(Sequential([Dense(2, 1)]), nb_epoch=3)
    >>> history = regressor.fit(np.zeros((4, 2)), np.ones((4, 1)))
    >>> regressor.predict(np.zeros((4, 2))).shape
    (4,)
    """

    _estimator_type = "regressor"

    def __init__(self, model: Sequential, optimizer: str | Optimizer = "adam", loss: Named = "mean_squared_error",
                 **kwargs: Any) -> None:
        super().__init__(model, optimizer, loss, **kwargs)

    def predict(self, X: ArrayLike) -> Array:
        """The output for each sample, in one row after the other."""
        return self._fitted().predict(X, batch_size=self.test_batch_size, verbose=self.verbose).ravel()

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """The loss: less is better, unlike what scikit-learn takes for a score."""
        return self._score(X, y, False)
