"""How compiled functions run, and whether they give the same."""

import contextlib

import numpy as np
import pytest
from engines import CXXFLAGS, COp, Scan, change_flags, get_mode

from recurrent_layers.engine import side_by_side
from recurrent_layers.recurrence.loops import Loops

IN_C = get_mode("FAST_RUN")
BY_SCAN = get_mode("FAST_COMPILE")
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}


def ops(function, kind):
    return [node for node in function.maker.fgraph.toposort() if isinstance(node.op, kind)]


def unoptimized():
    """Within this, the compiler optimizes nothing: it takes half the time, for what runs once."""
    return change_flags(**{CXXFLAGS: "-O0"})


@contextlib.contextmanager
def ours_alone():
    """Within this, what is compiled are our operations, not the engine's, which Python does."""
    make_thunk = COp.make_thunk

    def by_python(op, node, storage_map, compute_map, no_recycling, impl=None):
        is_ours = type(op).__module__.startswith("recurrent_layers")
        is_large = len(node.inputs) + len(node.outputs) > 31  # NumPy has no functions of more.
        return make_thunk(op, node, storage_map, compute_map, no_recycling, impl if is_ours or is_large else "py")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(COp, "make_thunk", by_python)
        patch.setattr(side_by_side._Function, "_start", lambda function, done: None)
        yield


def is_in_c(function):
    return bool(ops(function, Loops)) and not ops(function, Scan)


def assert_same(results, references):
    assert len(results) == len(references)
    for result, reference in zip(results, references):
        assert result.dtype == reference.dtype and result.shape == reference.shape
        largest = np.abs(reference).max() if reference.size else 0
        assert np.abs(result - reference).max(initial=0) <= TOLERANCE.get(str(result.dtype), 0) * largest
