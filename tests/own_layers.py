"""Layers as users write them."""

import recurrent_layers as rl
from recurrent_layers.engine import tensor as T


class Within(rl.Layer):
    """A layer of a user's own around another one."""

    input_ndim = 3

    def __init__(self, inner):
        super().__init__()
        self.inner, self.input, self.params = inner, T.tensor3(), inner.params

    def get_output(self, train=False):
        self.inner.input = self.get_input(train)
        return self.inner.get_output(train)
