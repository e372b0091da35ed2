"""How compiled functions run, and whether they give the same."""

import numpy as np
from engines import CXXFLAGS, Scan, change_flags, get_mode

from recurrent_layers.recurrence.loops import Loops

IN_C = get_mode("FAST_RUN")
BY_SCAN = get_mode("FAST_COMPILE")
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}


def ops(function, kind):
    return [node for node in function.maker.fgraph.toposort() if isinstance(node.op, kind)]


def compiled_quickly():
    """Within this, the compiler optimizes nothing: it takes half the time, for what runs once."""
    return change_flags(**{CXXFLAGS: "-O0"})


def is_in_c(function):
    return bool(ops(function, Loops)) and not ops(function, Scan)


def assert_same(results, references):
    assert len(results) == len(references)
    for result, reference in zip(results, references):
        assert result.dtype == reference.dtype and result.shape == reference.shape
        largest = np.abs(reference).max() if reference.size else 0
        assert np.abs(result - reference).max(initial=0) <= TOLERANCE.get(str(result.dtype), 0) * largest
