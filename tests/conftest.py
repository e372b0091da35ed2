"""The engine without a compiler, in float64, for everything that checks numbers: it starts at once.

Set before it is imported; flags that are already set win. What must be compiled in C asks for
the mode FAST_RUN itself.
"""

import os

# Where each variable was made is not kept: looking at the stack takes a tenth of the time.
for variable, limit in (("THEANO_FLAGS", "traceback.limit"), ("PYTENSOR_FLAGS", "traceback__limit")):
    flags = f"mode=FAST_COMPILE,floatX=float64,on_opt_error=raise,{limit}=0," + os.environ.get(variable, "")
    os.environ[variable] = flags

import contextlib
import functools
import gc
import json
import pathlib

import numpy as np
import pytest
from compiled import ours_alone, unoptimized

import recurrent_layers as rl

# Only our operations are compiled, and what is not ours is left to Python, but where the compiler, its cache, products,
# what the engine does with what it is given, or the same bits in another process, is asked about.
OF_THE_ENGINE = ["test_arguments.py", "test_cache.py", "test_engine.py", "test_pytensor.py", "test_side_by_side.py",
                 "test_theano_fixes.py", "test_threads.py", "test_updates.py",
                 "test_whole_trainings.py"]  # fmt: skip
# What is asked in these is what becomes of a step, and so the compiler may optimize nothing, which takes half the time.
# That its optimizations change no numbers is asked in others, of all layers; and on Theano, since both have the same C.
QUICKLY = ["test_docs.py", "test_drawn_steps.py", "test_in_keras.py", "test_keras_in_c.py", "test_layers.py",
           "test_options.py", "test_origins.py", "test_scan.py", "test_stateful.py", "test_steps_of_keras.py",
           "test_zoo.py"]  # fmt: skip
# Of these, only those that ask for numbers are compiled as for a user.
FOR_NUMBERS = {
    "test_recurrence.py": (
        "test_outputs_and_gradients_are_those_of_scan_in_float32", "test_all_sizes", "test_sums",
        "test_elementwise_activations_run_in_c[s", "test_functions", "test_activations_of_whole_rows", "test_nan",
        "test_views", "test_the_number_of_threads"),
    "test_updates.py": ("test_each_optimizer_makes_the_steps_that_theano_makes[adam",),
}  # fmt: skip
# Of one engine only, or of the Keras that runs on it.
ON_THEANO = ["test_theano_fixes.py", "test_in_keras.py", "test_keras_in_c.py"]
# Of the longest, those that ask nothing of the engine that others do not: they run on Theano.
ON_ONE = {**dict.fromkeys(["test_benchmarks.py", "test_datasets.py", "test_evolve.py", "test_trials.py"], ("test_",)),
          # Those of the others stay: scan alone computes them, and PyTensor takes a minute for each.
          "test_recurrence.py": tuple(f"test_of_sequences[{name}]" for name in ("GRU", "LSTM", "JZS1", "JZS2", "JZS3")),
          "test_distributed.py": ("test_what_callbacks_did", "test_in_float32", "test_after_the_death",
                                  "test_what_cannot_be_trained", "test_a_failure_of_one"),
          "test_examples.py": ("test_jozefowicz_resumes", "test_memory_tells", "test_text_generation", "test_addition",
                               "test_a_stream_is_learned", "test_forecast_is_better", "test_padding")}  # fmt: skip
collect_ignore = ["test_pytensor.py"] if rl.engine.NAME == "Theano" else ON_THEANO

DATA = pathlib.Path(__file__).parent / "data"
RECURRENT = ["SimpleRNN", "SimpleDeepRNN", "GRU", "LSTM", "JZS1", "JZS2", "JZS3"]


class ReferenceCase:
    """One case of real Keras' numbers, and our layer with its weights."""

    def __init__(self, name, arrays, entry):
        self.entry = entry
        self._array = lambda key: arrays["{}/{}".format(entry["case"], key)]
        self.X, self.Y, self.R, self.X_gradient = map(self._array, ("X", "Y", "R", "X_grad"))
        self.mask = self._array("mask") if entry["masked"] else None
        self.weights = [self._array(f"weights_{n}") for n in range(entry["n_weights"])]
        self.gradients = [self._array(f"weights_grad_{n}") for n in range(entry["n_weights"])]
        self.layer = getattr(rl, name)(entry["input_dim"], entry["output_dim"], weights=self.weights, **entry["kwargs"])


def reference_cases(name):
    """The ids of a layer's cases."""
    with np.load(DATA / f"{name}.npz") as arrays:
        return [entry["case"] for entry in json.loads(str(arrays["index"]))]


def reference_case(name, case):
    with np.load(DATA / f"{name}.npz") as arrays:
        entry = next(entry for entry in json.loads(str(arrays["index"])) if entry["case"] == case)
        return ReferenceCase(name, dict(arrays), entry)


@pytest.fixture(autouse=True)
def seed():
    np.random.seed(1337)


@pytest.fixture(autouse=True)
def compiled_as_it_must_be(request):
    file, test = request.node.path.name, request.node.name
    with contextlib.ExitStack() as stack:
        if (rl.engine.NAME != "Theano" or file in QUICKLY
                or file in FOR_NUMBERS and not test.startswith(FOR_NUMBERS[file])):  # fmt: skip
            stack.enter_context(unoptimized())
        if file not in OF_THE_ENGINE:
            stack.enter_context(ours_alone())
        yield


class WhenCalled:
    """A function of Keras, which is compiled when it is called first: a model makes five, and few tests call all."""

    mode = None  # The engine's own.

    def __init__(self, inputs, outputs, updates=()):
        self._make = functools.partial(rl.engine.function, inputs, outputs, updates=updates, mode=self.mode,
                                       allow_input_downcast=True)  # fmt: skip

    @functools.cached_property
    def function(self):
        return self._make()

    def __call__(self, inputs):
        return self.function(*inputs)


@pytest.fixture(scope="session")
def keras(tmp_path_factory):
    """Keras, which reads its settings from the home directory when it is imported; its functions wait until called."""
    home = tmp_path_factory.mktemp("home")
    (home / ".keras").mkdir()
    settings = {"floatx": rl.engine.config.floatX, "epsilon": 1e-7, "backend": "theano"}
    (home / ".keras" / "keras.json").write_text(json.dumps(settings))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("KERAS_BACKEND", "theano")
        import keras
        import keras.layers.core
        import keras.layers.embeddings
        import keras.layers.recurrent
        import keras.models
        import keras.optimizers
    assert "site-packages" in os.path.dirname(keras.__file__)
    keras.backend.function = WhenCalled
    return keras


@pytest.fixture(params=RECURRENT)
def recurrent(request):
    """Each of the seven classes."""
    return getattr(rl, request.param)


def masked_input(layer, mask_variable):
    """Let `layer` read its own input, with a mask that is an input of its own."""

    class Input(rl.MaskedLayer):
        input_ndim = 3

        def get_output_mask(self, train=False):
            return mask_variable

    source = Input()
    source.input = layer.input
    layer.set_previous(source)


def pytest_addoption(parser):
    parser.addoption("--peers", metavar="PYTHON",
                     help="a Python with torch, keras 3 and ziglang, for the tests marked `peers`")


def pytest_collection_finish():
    """Look seldom for garbage: graphs make much that is not, and this takes a sixth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)


def pytest_collection_modifyitems(config, items):
    """Without ``--peers`` the tests that need it are not chosen, nor on PyTensor those that run on Theano."""
    chosen = [item for item in items if (config.getoption("--peers") or not item.get_closest_marker("peers"))
              and (rl.engine.NAME == "Theano" or not item.name.startswith(ON_ONE.get(item.path.name, ("no test",))))]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen
