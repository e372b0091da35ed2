"""What a worker runs and times, in any library. Needs only NumPy."""

import time

import numpy as np
import whole_models
from cases import data, weights
from whole_models import MODELS


def timed(call, repeats):
    """Seconds of each of some calls."""
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return seconds


class Program:
    """A layer's forward pass or training step: `call`, once `set` has taken a case."""

    def run(self, repeats):
        """Seconds of each of some calls."""
        return timed(self.call, repeats)


class StepProgram(Program):
    """A step, for data that arrive one step at a time: it goes on where the last one has ended.

    A library's own has `load(weights)`, `begin()`, which forgets all steps, and `step(x_t)`.
    """

    def set(self, case):
        self.load(weights(case))
        self.x_t = self.converted(np.ascontiguousarray(data(case)[0][:, 0]))
        self.begin()
        # So that what is compared comes of a state.
        for _ in range(3):
            self.call()

    def converted(self, x_t):
        return x_t

    def call(self):
        return self.step(self.x_t)

    def stream(self, steps):
        """Seconds of each step of a new stream."""
        self.begin()
        return self.run(steps)


class ModelProgram:
    """A whole model.

    A library's own has `fit(data)`, `predict(data)`, `predict_one(data)`, and :meth:`converted`, which makes of an
    input and labels what these take.
    """

    def __init__(self, case):
        self.name, self.model = case.model, MODELS[case.model]
        self._data = {}

    def set(self, case):
        self.kind = case.kind

    def converted(self, x, y):
        return x, y

    def data(self, samples):
        """The data of so many samples; only the last ones are kept."""
        if samples not in self._data:
            self._data = {samples: self.converted(*whole_models.data(self.name, samples))}
        return self._data[samples]

    def call(self):
        """Do it once; gives a row of numbers with the output of a whole batch."""
        if self.kind == "fit":
            self.fit(self.data(self.model.batch))
            return np.zeros((1, 1))
        return np.asarray(self._predict(self.data(1 if self._one else self.model.batch))).reshape(1, -1)

    def run(self, repeats):
        """Seconds of each call with one sample, or of a batch on average over so many of them."""
        if self._one:
            one = self.data(1)
            return timed(lambda: self._predict(one), repeats)
        do, data = self.fit if self.kind == "fit" else self.predict, self.data(repeats * self.model.batch)
        return [seconds / repeats for seconds in timed(lambda: do(data), 1)]

    @property
    def _one(self):
        return self.kind in ("predict_one", "call_one")

    @property
    def _predict(self):
        return getattr(self, self.kind)
