"""These layers, on Theano or on PyTensor, and those of Keras 0.3.3."""

import importlib
import os
import sys
import time

import numpy as np
import whole_models
from cases import BIDIRECTIONAL, DROPOUT_U, GRU_AFTER, LEARNING_RATE, LSTM_DENSE, OWN_CELL, data, mask, weights
from programs import ModelProgram, Program, StepProgram, timed


class TheanoProgram(Program):
    """A layer's forward pass or training step, compiled once for all batch sizes and timesteps.

    `theano` is that module, or `pytensor`.
    """

    def __init__(self, theano, layer, trained, fixed, kind, masked_input=None):
        T = theano.tensor
        self.weights = trained + fixed
        self.x = theano.shared(np.zeros((1, 1, 1), "float32"), borrow=True)
        self.target = theano.shared(np.zeros((1, 1), "float32"), borrow=True)
        self.mask = None
        if masked_input is None:
            layer.input = self.x
        else:
            self.mask = theano.shared(np.zeros((1, 1), "bool"), borrow=True)
            layer.set_previous(masked_input(self.x, self.mask))
        output = layer.get_output(train=kind == "train")
        if kind == "forward":
            self.call = theano.function([], theano.Out(output, borrow=True))
            return
        loss = T.mean(T.sqr(output - self.target))
        steps = [(weight, weight - np.float32(LEARNING_RATE) * gradient)
                 for weight, gradient in zip(trained, T.grad(loss, trained))]  # fmt: skip
        self.call = theano.function([], loss, updates=steps)

    def set(self, case):
        x, target = data(case)
        self.x.set_value(x, borrow=True)
        self.target.set_value(target, borrow=True)
        if self.mask is not None:
            self.mask.set_value(mask(case.batch, case.steps, case.padding), borrow=True)
        for weight, value in zip(self.weights, weights(case).values()):
            weight.set_value(value)


class Ours:
    """recurrent_layers."""

    def __init__(self):
        import recurrent_layers
        from recurrent_layers.layers import zoo

        self.library, self.layers, self.zoo = recurrent_layers, recurrent_layers.layers, zoo
        self.engine = recurrent_layers.engine
        self.theano = importlib.import_module(self.engine.prepare().engine.module)

    def program(self, case):
        if isinstance(case, whole_models.ModelCase):
            return OurModel(self.library, case)
        if case.kind == "step":
            return OurStep(self.library, case)
        if case.kind == "predict":
            return OurPrediction(self.library, case)
        layer = self.layer(case)
        masked_input = None if case.padding == "none" else self.masked_input
        return TheanoProgram(self.theano, layer, layer.params, layer.non_trainable_weights, case.kind, masked_input)

    def layer(self, case):
        names = {"activation": "tanh", "inner_activation": "sigmoid"} if case.math == "torch" else {}
        if case.layer == "SimpleRNN":
            names.pop("inner_activation", None)
        if case.layer == DROPOUT_U:
            names["dropout_U"] = 0.2
        # A cell of one's own is written as those of the zoo are.
        name = {BIDIRECTIONAL: "LSTM", DROPOUT_U: "LSTM", OWN_CELL: "PeepholeLSTM"}.get(case.layer, case.layer)
        module = self.zoo if name in self.zoo.__all__ else self.layers
        layer = getattr(module, name)(case.input_dim, case.output_dim, **names)
        return self.layers.Bidirectional(layer) if case.layer == BIDIRECTIONAL else layer

    def masked_input(self, x, mask):
        """A layer that gives an input with a mask, as Masking does."""

        class Input(self.layers.core.MaskedLayer):
            input_ndim = 3

            def get_output_mask(self, train=False):
                return mask

        layer = Input()
        layer.input = x
        return layer

    def about(self):
        return [("recurrent_layers", self.library.__version__), *self.engine.report()]

    def sgemm(self, size=1536, repeats=100):
        """The rate of a float32 matrix product in the engine's BLAS, in flops per second; None without it."""
        # So many repeats also give the system time to put the threads of BLAS on cores of their own.
        if self.engine.prepare().blas.library is None:
            return None
        theano = self.theano
        A, B = (theano.shared(np.random.RandomState(n).rand(size, size).astype("float32")) for n in range(2))
        product = theano.function([], theano.Out(theano.tensor.dot(A, B), borrow=True))
        return 2 * size**3 / min(timed(product, repeats))


def network_of(library, case, **names):
    """A model of a layer, in the mathematics of torch and with the weights of its case."""
    names.update({"reset_after": True} if case.layer == GRU_AFTER else {})
    kind = getattr(library, {GRU_AFTER: "GRU", LSTM_DENSE: "LSTM"}.get(case.layer, case.layer))
    layers = [kind(case.input_dim, case.output_dim, activation="tanh", inner_activation="sigmoid", **names)]
    layers += [library.Dense(case.output_dim, 1)] * (case.layer == LSTM_DENSE)
    network = library.Sequential(layers)
    network.set_weights(list(weights(case).values()))
    return network


class OurStep(StepProgram):
    """`model.step`."""

    def __init__(self, library, case):
        self.network = network_of(library, case)
        self.network.compile(loss="mse", optimizer="sgd")
        self.step, self.begin = self.network.step, self.network.reset_states

    def load(self, values):
        self.network.set_weights(list(values.values()))


class OurPrediction(Program):
    """`model.predict`."""

    def __init__(self, library, case):
        self.network = network_of(library, case)
        self.network.compile(loss="mse", optimizer="sgd")

    def set(self, case):
        x, _ = data(case)
        self.call = lambda: self.network.predict(x)


class OurModel(ModelProgram):
    """A whole model of ours."""

    def __init__(self, library, case):
        super().__init__(case)
        gates = {"inner_activation": "sigmoid"} if case.math == "torch" else {}
        self.network = library.Sequential(
            getattr(library, one.name)(*one.sizes, **one.names, **(gates if one.name in ("LSTM", "GRU") else {}))
            for one in self.model.layers)  # fmt: skip
        self.network.compile(loss=self.model.loss, optimizer=self.model.optimizer,
                             class_mode="binary" if self.model.binary else "categorical")  # fmt: skip
        if case.math == "torch":
            self.network.set_weights([value for one in whole_models.weights(case.model) for value in one.values()])

    def fit(self, data):
        self.network.fit(*data, batch_size=self.model.batch, nb_epoch=1, verbose=0)

    def predict(self, data):
        return self.network.predict(data[0], batch_size=self.model.batch)

    predict_one = predict

    def watch(self, seconds):
        """When each training step of the next so many seconds ended, and how long it took."""
        X, y = self.data(self.model.batch)
        steps, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            took, = timed(lambda: self.network.train_on_batch(X, y), 1)
            steps.append((time.monotonic(), took))
        return steps

    def profile(self, seconds):
        """What a batch of fit spends, in all and in each op, on average over about so many seconds.

        Only where the engine's flag "profile" is set.
        """
        self.kind = "fit"
        self.call()  # Compiles.
        batches = max(5, round(seconds / self.run(3)[0]))
        profile = self.network._functions.get("train").profile
        before = dict(profile.apply_time), dict(profile.apply_callcount), profile.fct_call_time
        whole, = self.run(batches)
        ops = {}
        for key in profile.apply_time:
            node = key[1] if isinstance(key, tuple) else key  # PyTensor's keys begin with the graph.
            op = ops.setdefault(str(node.op), {"calls": 0, "seconds": 0})
            op["seconds"] += (profile.apply_time[key] - before[0][key]) / batches
            op["calls"] += (profile.apply_callcount[key] - before[1][key]) / batches
        return {"seconds": whole, "function": (profile.fct_call_time - before[2]) / batches, "ops": ops}


class Keras:
    """The layers of Keras 0.3.3, with the activations that ours have by default."""

    activations = {"SimpleRNN": ("sigmoid",), "GRU": ("sigmoid", "hard_sigmoid"), "LSTM": ("tanh", "hard_sigmoid")}

    def __init__(self, prepared):
        if prepared:
            import recurrent_layers  # noqa: F401
        elif sys.version_info >= (3, 11):
            # Nothing else makes scan work there: its C code does not compile on Python 3.11.
            sys.modules["theano.scan_module.scan_perform_ext"] = None
        # Keras reads and writes settings in the home directory.
        os.environ.update(HOME=os.environ["BENCHMARK_HOME"], KERAS_BACKEND="theano")
        import keras.layers.recurrent
        import theano

        self.layers, self.theano = keras.layers.recurrent, theano

    def program(self, case):
        names = dict(zip(("activation", "inner_activation"), self.activations[case.layer]))
        layer = getattr(self.layers, case.layer)(case.output_dim, input_dim=case.input_dim, **names)
        layer.build()
        return TheanoProgram(self.theano, layer, layer.trainable_weights, [], case.kind)

    def about(self):
        import keras

        return [("Keras", keras.__version__), ("Theano", self.theano.__version__), ("NumPy", np.__version__),
                ("blas.ldflags", self.theano.config.blas.ldflags)]  # fmt: skip
