"""Models that are exported: stacks of layers, drawn at random, and all that is done with axes and indices."""

from hypothesis import strategies as st

import recurrent_layers as rl
from recurrent_layers.engine import tensor as T
from recurrent_layers.layers import zoo

RECURRENT = ["LSTM", "GRU", "SimpleRNN", "SimpleDeepRNN", "JZS1", "JZS2", "JZS3", "zoo.MGU", "zoo.PeepholeLSTM"]
CHOICES = dict(go_backwards=st.booleans(), zoneout=st.just(0.25), initial_state=st.just("learned"),
               activation=st.sampled_from(["tanh", "relu", "hard_sigmoid"]))  # fmt: skip
OPTIONS = st.fixed_dictionaries({}, optional=CHOICES)
BETWEEN = st.sampled_from([lambda n: rl.TimeDistributedDense(n, n, activation="tanh"), lambda n: rl.Dropout(0.5),
                           lambda n: rl.LeakyReLU(), lambda n: rl.Activation("sigmoid")])  # fmt: skip


@st.composite
def stacks(draw):
    """Layers that take (nb_samples, timesteps, 3), or words."""
    begin = draw(st.sampled_from(["plain", "masked", "words", "masked words"]))
    layers = {"plain": [], "masked": [rl.Masking()], "words": [rl.Embedding(5, 3)],
              "masked words": [rl.Embedding(5, 3, mask_zero=True)]}[begin]  # fmt: skip
    size, count = 3, draw(st.integers(1, 2))
    for k in range(count):
        name, is_last = draw(st.sampled_from(RECURRENT)), k == count - 1
        options = dict(draw(OPTIONS), return_sequences=not is_last or draw(st.booleans()))
        cell = getattr(zoo, name[4:]) if name.startswith("zoo.") else getattr(rl, name)
        if draw(st.integers(0, 3)):
            layers.append(cell(size, 4, **options))
            size = 4
        else:
            options.pop("go_backwards", None)
            layers.append(rl.Bidirectional(cell(size, 2, **options)))
            size = 4
        if options["return_sequences"]:
            layers.append(draw(BETWEEN)(size))
    return layers


def arrangements(x):
    """(nb_samples, timesteps, 4) to the same, by all that is done with axes and indices."""
    y = x - x.max(axis=2, keepdims=True) + x.min(axis=(1, 2), keepdims=True) * T.ones_like(x)
    y = y + x[:, 0, ::-1].dimshuffle(0, "x", 1) + x[:, x.shape[1] - 1, 1].dimshuffle(0, "x", "x")
    product = x.reshape((x.shape[0], -1))[:, 1:3].prod(axis=1)
    y = y + T.dot(x, x[0, 0].dimshuffle(0, "x")) + product.dimshuffle(0, "x", "x") + T.cumsum(x, axis=1)[:, ::-1]
    y = y + T.alloc(0.5, x.shape[0], x.shape[1], 4) + (2 * x.dimshuffle(0, 2, 1)).dimshuffle(0, 2, 1)
    return T.concatenate([y[:, :, 2:], y[:, :, -4:-2]], axis=-1) + T.stack([x[:, 0], x[:, -1]], axis=1).mean()
