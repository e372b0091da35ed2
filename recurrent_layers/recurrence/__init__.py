"""Iterates the step of a cell over time, as fast as the machine goes.

A layer's recurrence is one node of the engine's graph, `Recurrence`, and so is its gradient. When a function is
compiled, an optimization looks at the graph of the step, and at that of its gradient, as the engine derives it. If all
of it is elementwise functions and products with weights, as in all our cells, it becomes one C function for all steps
(`recurrence_in_c`). If not, or without a compiler, it becomes `theano.scan` (`recurrence_by_scan`), which gives the
same numbers. So a layer's `_step` is the only place where its equations stand.

- `step`: the graph of a step and of its gradient, and what of the forward steps the backward steps need.
- `writer`: a step as C code. `c_code`: the loop over time around it. `signals.h`, `parts.h`, `products.h`, `arrays.h`:
  what that code calls.
- `ops`: the nodes and the optimizations.
- `updates`: what an optimizer makes of the gradients, in one loop for each weight, when all else has been computed.

``THEANO_FLAGS=optimizer_excluding=recurrence_in_c`` turns the C code off. Why a step runs by scan is logged, at the
level INFO, to the logger ``recurrent_layers``.
"""

from recurrent_layers.recurrence import updates  # noqa: F401
from recurrent_layers.recurrence.ops import iterate

__all__ = ["iterate"]
