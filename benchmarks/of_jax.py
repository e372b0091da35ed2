"""JAX: a layer is a `lax.scan` under `jit`, as people write it."""

import jax
import jax.numpy as jnp
import numpy as np
from cases import LEARNING_RATE, OWN_CELL, data, weights
from jax import lax
from programs import Program

GATES = {"LSTM": "ifco", "GRU": "zrh", OWN_CELL: "ifco"}


def lstm(values, x):
    """The last output; the products with the input are made for all steps at once."""
    W, U, b = values

    def step(state, x_t):
        h, c = state
        i, f, candidate, o = jnp.split(x_t + h @ U, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(candidate)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    zero = jnp.zeros((x.shape[0], U.shape[0]), x.dtype)
    return lax.scan(step, (zero, zero), jnp.swapaxes(x @ W + b, 0, 1))[0][0]


def gru(values, x):
    """The last output; the reset gate comes before the product, as in ours."""
    W, U, b = values
    size = U.shape[0]
    U_zr, U_h = U[:, :2 * size], U[:, 2 * size:]

    def step(h, x_t):
        z, r = jnp.split(jax.nn.sigmoid(x_t[:, :2 * size] + h @ U_zr), 2, axis=-1)
        candidate = jnp.tanh(x_t[:, 2 * size:] + (r * h) @ U_h)
        return z * h + (1 - z) * candidate, None

    return lax.scan(step, jnp.zeros((x.shape[0], size), x.dtype), jnp.swapaxes(x @ W + b, 0, 1))[0]


def peephole_lstm(values, x):
    """The last output of a cell of one's own."""
    W, U, b, p = values
    p_i, p_f, p_o = jnp.split(p, 3)

    def step(state, x_t):
        h, c_tm1 = state
        i, f, candidate, o = jnp.split(x_t + h @ U, 4, axis=-1)
        c = jax.nn.sigmoid(f + p_f * c_tm1) * c_tm1 + jax.nn.sigmoid(i + p_i * c_tm1) * jnp.tanh(candidate)
        return (jax.nn.sigmoid(o + p_o * c) * jnp.tanh(c), c), None

    zero = jnp.zeros((x.shape[0], U.shape[0]), x.dtype)
    return lax.scan(step, (zero, zero), jnp.swapaxes(x @ W + b, 0, 1))[0][0]


class JAXProgram(Program):
    """A layer's forward pass or training step."""

    def __init__(self, case):
        layer = {"LSTM": lstm, "GRU": gru, OWN_CELL: peephole_lstm}[case.layer]
        self.forward = jax.jit(layer)

        def loss(values, x, target):
            return jnp.mean((layer(values, x) - target) ** 2)

        @jax.jit
        def train(values, x, target):
            value, gradients = jax.value_and_grad(loss)(values, x, target)
            return value, [one - LEARNING_RATE * gradient for one, gradient in zip(values, gradients)]

        self.step = train
        self.call = self.forwards if case.kind == "forward" else self.train

    def set(self, case):
        self.x, self.target = map(jnp.asarray, data(case))
        values = weights(case)
        names = [[f"{kind}_{gate}" for gate in GATES[case.layer]] for kind in ("WUbp" if "p_i" in values else "WUb")]
        self.values = [jnp.asarray(np.concatenate([values[name] for name in some if name in values], axis=-1))
                       for some in names]  # fmt: skip

    def forwards(self):
        return self.forward(self.values, self.x).block_until_ready()

    def train(self):
        loss, self.values = jax.block_until_ready(self.step(self.values, self.x, self.target))
        return loss


class JAX:
    """JAX on processors."""

    def program(self, case):
        return JAXProgram(case)

    def about(self):
        return [("JAX", jax.__version__)]
