"""Iterates a step over time, as fast as the machine goes: the only room that knows how a loop is run.

:func:`scan` is Theano's, with one node of the engine's graph for a loop, `Recurrence`, and one for its gradient. When a
function is compiled, an optimization looks at the step, and at its gradient as the engine derives it. What can be
written in C becomes one function of all steps (`recurrence_in_c`); anything else, or without a compiler, becomes the
engine's scan (`recurrence_by_scan`), which gives the same numbers.

From a step to C, each module hands over to the next:

- `tracing`: what the engine's scan makes of a function and its arguments, as a `Step`. `ops`: the nodes, and the
  optimizations.
- `step`: a step in few words, each value one of a sample (`Reading`). `words`: those that are no elementwise function
  and no product.
- `program`: its gradient, by the engine; what of the forward steps the backward steps need (`Program`).
- `lowering`: from the engine's graphs to `values`, the form that code is written from.
- `writer`: a step as loops, and places for what goes from one to another, as text. `c_code`: the loop over time around
  it. `loops`: the op that runs it. `parts.h`, `signals.h`, `products.h`, `arrays.h`: what that code calls.
- `show`: all that for a layer, to be read.
- `updates`: what an optimizer makes of the gradients, in one loop for each weight, when all else has been computed.

``THEANO_FLAGS=optimizer_excluding=recurrence_in_c`` turns the C code off. Why a step runs by scan is logged, at the
level INFO, to the logger ``recurrent_layers``.
"""

from recurrent_layers.recurrence import updates  # noqa: F401
from recurrent_layers.recurrence.show import show
from recurrent_layers.recurrence.tracing import scan, speed_up_scan

__all__ = ["scan", "show", "speed_up_scan"]
