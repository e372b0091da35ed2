"""Every layer against outputs and gradients of real Keras, in Theano's Python and in C."""

import numpy as np
import pytest
from conftest import RECURRENT, masked_input, reference_case, reference_cases

from recurrent_layers import GRU, engine
from recurrent_layers.engine import tensor as T

CASES = [(name, case) for name in RECURRENT for case in reference_cases(name)]


def relative_error(value, reference):
    return np.abs(value - reference).max() / np.abs(reference).max()


def check(name, case_id, mode):
    case = reference_case(name, case_id)
    layer, mask = case.layer, T.matrix("mask")
    X = layer.input
    if case.mask is not None:
        masked_input(layer, mask)
    Y = layer.get_output()
    gradients = T.grad(T.sum(Y * case.R), layer.params + [X])
    function = engine.function([X, mask], [Y] + gradients, mode=mode, on_unused_input="ignore")
    Y, *gradients, X_gradient = function(case.X, np.ones(case.X.shape[:2]) if case.mask is None else case.mask)

    real = 1.0 if case.mask is None or Y.ndim == 2 else case.mask[..., None]
    assert relative_error(Y * real, case.Y * real) < 1e-8
    assert relative_error(X_gradient, case.X_gradient) < 1e-8
    for param, gradient, reference in zip(layer.params, gradients, case.gradients):
        assert relative_error(gradient, reference) < 1e-8, param


@pytest.mark.parametrize("name, case_id", CASES)
def test_outputs_and_gradients_are_those_of_keras(name, case_id):
    check(name, case_id, mode=None)


def test_the_reference_has_all_layers_and_kinds_of_cases():
    assert len(CASES) == 63
    for kind in ("last", "sequences", "square", "activations", "truncated", "left_padded"):
        assert {name for name, case in CASES if case.startswith(kind)} == set(RECURRENT)


@pytest.mark.parametrize("name, kind", [(name, "left_padded_sequences") for name in RECURRENT] + [
    (name, "truncated") for name in ("SimpleDeepRNN", "LSTM", "JZS1")])  # fmt: skip
def test_compiled_in_c_the_numbers_are_the_same(name, kind):
    assert engine.config.cxx, "these tests need a C++ compiler"
    case = next(case for case in reversed(reference_cases(name)) if case.startswith(kind))
    check(name, case, mode="FAST_RUN")


@pytest.mark.parametrize("truncate_gradient", [-1, 3])
def test_compiled_in_c_a_stack_has_the_same_gradients(truncate_gradient):
    """Theano's optimizations of a scan that feeds another one are where it failed without `engine.theano_fixes`."""
    first = GRU(2, 4, return_sequences=True, truncate_gradient=truncate_gradient)
    second = GRU(4, 4, truncate_gradient=truncate_gradient)
    second.set_previous(first)
    gradients = T.grad(T.sum(T.sqr(second.get_output())), first.params + second.params)
    X = np.random.randn(3, 8, 2)
    in_c, in_python = (engine.function([first.input], gradients, mode=mode)(X) for mode in ("FAST_RUN", None))
    for gradient, reference in zip(in_c, in_python):
        assert relative_error(gradient, reference) < 1e-8
