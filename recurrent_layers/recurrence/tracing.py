"""`scan`, as Theano's, whose steps run in C where they can."""

from __future__ import annotations

import contextlib
import logging
import sys
import sysconfig
from typing import Any, Callable

from recurrent_layers import engine
from recurrent_layers.engine import Scan, Subtensor, replaced
from recurrent_layers.engine import tensor as T
from recurrent_layers.recurrence.errors import Unsupported
from recurrent_layers.recurrence.ops import Recurrence
from recurrent_layers.recurrence.origins import with_origins
from recurrent_layers.recurrence.step import State, Step
from recurrent_layers.typing import Variable
from recurrent_layers.utils.arguments import flag

_log = logging.getLogger(__name__)

# Whether values are to be called what the variables of a step's function are called.
naming = False


@contextlib.contextmanager
def names_of_steps():
    """Within this, the values of a step are called what the variables of its function are called."""
    global naming
    naming = True
    try:
        yield
    finally:
        naming = False


def scan(fn: Callable[..., Any], sequences: Any = None, outputs_info: Any = None, non_sequences: Any = None,
         n_steps: int | Variable | None = None, truncate_gradient: int = -1, go_backwards: bool = False,
         mode: Any = None, name: str | None = None, profile: Any = False, allow_gc: bool | None = None,
         strict: bool = False, return_list: bool = False) -> tuple[Any, Any]:
    """Iterate a function over time, as `theano.scan` does: the same arguments, the same results.

    What the function computes runs in C, forwards and backwards, if it is made of elementwise functions, products with
    weights on their right, sums, means and maxima over the last axis (and so softmax and layer normalization), and
    columns cut out and joined, of float32 or float64: sequences (timesteps, nb_samples, n) or (timesteps, nb_samples),
    states and outputs (nb_samples, n) or (nb_samples,), with any taps and initial states. Anything else is
    `theano.scan` itself; why, is logged to the logger ``recurrent_layers`` at the level INFO.

    Parameters
    ----------
    fn : callable
        One step: takes what the sequences are at it, the states before it and the non-sequences, and returns the
        states after it and whatever else it computes.
    sequences : symbolic variable, dict, or list of them, optional
        Iterated over along their first axis. A dict has ``input`` and ``taps``.
    outputs_info : symbolic variable, dict, None, or list of them, optional
        For each output the state before the first step; a dict with ``initial`` and ``taps`` to look back further; None
        for what is not fed back.
    non_sequences : symbolic variable or list of them, optional
        What is the same at all steps.
    n_steps : int or symbolic integer, optional
        How many steps; as many as the shortest sequence has, if not given.
    truncate_gradient : int
        Carry gradients through the last so many steps only (truncated BPTT); -1 for all.
    go_backwards : bool
        Begin with the last of the sequences.
    mode, profile, allow_gc, strict
        Handed to `theano.scan`, where that runs the loop.
    name : str, optional
    return_list : bool
        Return a list also of one output.

    Returns
    -------
    symbolic variable or list of them
        What each step computes, of all steps: (timesteps, ...). Where only the last, ``[-1]``, is used, nothing else is
        kept that no gradient needs.
    dict
        Updates of shared variables.

    Raises
    ------
    Exception
        Whatever `theano.scan` raises for such arguments.

    Examples
    --------
    >>> from recurrent_layers.engine import tensor as T
    >>> from recurrent_layers.recurrence import scan
    >>> x = T.as_tensor_variable([[1.0], [2.0], [3.0]])
    >>> h, _ = scan(lambda x_t, h_tm1: h_tm1 + x_t, sequences=x, outputs_info=T.zeros_like(x[0]))
    >>> h.eval().tolist()
    [[1.0], [3.0], [6.0]]
    """
    noted = Names(fn) if naming else None
    raw_sequences, initials = _sequences(sequences, go_backwards), _initials(outputs_info)
    options = dict(mode=mode, profile=profile, allow_gc=allow_gc)
    found, updates = engine.scan(noted or fn, sequences, outputs_info, non_sequences, n_steps, truncate_gradient,
                                 go_backwards, name=name, strict=strict, return_list=True, **options)
    try:
        if updates:
            raise Unsupported("updates of shared variables")
        found = _in_one_node(found, raw_sequences, initials, n_steps, truncate_gradient, name, options, noted)
    except Unsupported as reason:
        _log.info("%s runs by scan: its step has %s", name or "scan", reason)
    return found[0] if found and len(found) == 1 and return_list is not True else found, updates


class Names:
    """A step's function that notes what the variables in it are called.

    Parameters
    ----------
    fn : callable
    """

    def __init__(self, fn):
        self.fn, self._names, self._results = fn, {}, []
        self._installed = ("<frozen", *sysconfig.get_paths().values())

    def __call__(self, *arguments):
        before = sys.getprofile()
        sys.setprofile(self._look)
        try:
            results = self.fn(*arguments)
        finally:
            sys.setprofile(before)
        self._results = list(results) if isinstance(results, (list, tuple)) else [results]
        return results

    def _look(self, frame, event, argument):
        if event != "return":
            return
        # What steps call of other packages has names for variables, too, that say nothing of them; so has what checks.
        module, file = frame.f_globals.get("__name__", ""), frame.f_code.co_filename
        is_of_layers = module.startswith("recurrent_layers.layers") and module != "recurrent_layers.layers.cells"
        is_own = is_of_layers or module == self.fn.__module__ or not (
            module.startswith("recurrent_layers.") or file.startswith(self._installed))
        if is_own:
            for name, value in frame.f_locals.items():
                if isinstance(value, engine.Variable):
                    self._names.setdefault(value, name)

    def give(self, results):
        """Give the names to the variables of the same graphs that another has built."""
        waiting, seen = list(zip(self._results, results)), set()
        while waiting:
            noted, variable = waiting.pop()
            if variable in seen or not isinstance(noted, engine.Variable):
                continue
            seen.add(variable)
            variable.name = self._names.get(noted, variable.name)
            if noted.owner is not None and variable.owner is not None:
                waiting += zip(noted.owner.inputs, variable.owner.inputs)


def speed_up_scan(on: bool = True) -> None:
    """Let `theano.scan` be :func:`scan` in this process, so that other packages' loops run in C.

    It applies to graphs that are built from then on, by whatever calls `theano.scan`, `theano.map`, `theano.reduce` and
    the like (on PyTensor `pytensor.scan`). What a module has taken before by ``from theano import scan`` stays.

    Parameters
    ----------
    on : bool
        False puts back what was there.

    Examples
    --------
    >>> import recurrent_layers
    >>> recurrent_layers.speed_up_scan()
    >>> from keras.layers.recurrent import LSTM  # of Keras 0.3.3: its steps run in C
    """
    if flag("on", on):
        replaced.replace({original: engine.adapted_scan(original, scan) for original in engine.SCANS})
    else:
        replaced.restore()


def _as_list(given):
    return [] if given is None else list(given) if isinstance(given, (list, tuple)) else [given]


def _sequences(sequences, go_backwards):
    """For each tap of each sequence what is iterated over, from the first step to the last; None if it is cut."""
    found = []
    for sequence in _as_list(sequences):
        taps = [0]
        if isinstance(sequence, dict):
            taps = [0] if sequence.get("taps") is None else _as_list(sequence["taps"])
            sequence = sequence["input"]
        if taps == [0]:
            sequence = T.as_tensor_variable(sequence)
            found.append(sequence[::-1] if go_backwards else sequence)
        else:
            found += [None] * len(taps)
    return found


def _initials(outputs_info):
    """For each output what is before the first step; None if it is not fed back."""
    found = []
    for info in _as_list(outputs_info):
        if isinstance(info, dict):
            initial, taps = info.get("initial"), _as_list(info.get("taps")) or [-1]
            if initial is not None and info.get("taps") not in (None, [], [-1]):
                initial = T.as_tensor_variable(initial)[:-min(taps)]
                # To both engines, one in a tuple is several.
                initial = initial[0] if taps == [-1] else initial
            info = initial
        found.append(None if info is None else T.as_tensor_variable(info))
    return found


def _in_one_node(outputs, sequences, initials, n_steps, truncate_gradient, name, options, noted=None):
    """The outputs of a node of the engine's scan, as those of a `Recurrence`."""
    sources = [_source(output) for output in outputs or []]
    if not sources or any(node is not sources[0][0] for node, _ in sources):
        raise Unsupported("no loop")
    node = sources[0][0]
    loop = _Loop(node)
    sequences = [given if raw is None else raw for raw, given in zip(sequences, loop.outer_sequences)]
    if noted:
        noted.give([loop.states[source].after if source in loop.states else loop.outputs[source]
                    for _, source in sources])  # fmt: skip
    fed_back = [k for k, (_, source) in enumerate(sources) if source in loop.states]
    others = [k for k, (_, source) in enumerate(sources) if source in loop.outputs]
    states = [loop.states[sources[k][1]] for k in fed_back]
    step = Step(loop.sequences, states, [loop.outputs[sources[k][1]] for k in others], loop.weights)
    step, sequences, more = with_origins(step, sequences)
    step, weights = step.without_constants(loop.outer_weights + more)
    order = fed_back + others
    # What is put out beside being fed back is that state.
    after = [state.after for state in step.states]
    twins = {k: fed_back[after.index(output)] for k, output in zip(others, step.outputs) if output in after}
    step = step._replace(outputs=[output for k, output in zip(others, step.outputs) if k not in twins])
    order = [k for k in order if k not in twins]
    for variable in [*sequences, *weights, *(initials[k] for k in fed_back), *outputs]:
        if not isinstance(variable.type, T.TensorType):
            raise Unsupported(f"something that is no array: {variable.type}")
    given = [] if n_steps is None else [T.cast(T.as_tensor_variable(n_steps), "int64")]
    given += sequences + [initials[k] for k in fed_back] + weights
    types = [T.TensorType(outputs[k].dtype, outputs[k].broadcastable) for k in order]
    op = Recurrence(step, n_steps is not None, types, truncate_gradient, name, options)
    found = dict(zip(order, op(*given, return_list=True)))
    return [found[twins.get(k, k)] for k in range(len(outputs))]


def _source(output):
    """The node of a scan that an output is taken from, and what of it."""
    variable, node = output, output.owner
    if node is not None and isinstance(node.op, Subtensor):
        variable, node = node.inputs[0], node.inputs[0].owner
    if node is None or not isinstance(node.op, Scan):
        raise Unsupported("no loop")
    return node, variable


class _Loop:
    """What a node of the engine's scan does at each step, with variables of its own.

    Attributes
    ----------
    sequences, weights : list of symbolic variables
        What a step is given.
    outer_sequences, outer_weights : list of symbolic variables
        What the loop is given for them.
    states, outputs : dict
        What the node gives of all steps, to the `State`, or what else the step computes.
    """

    def __init__(self, node):
        op = node.op
        own, results, taps_of_several, is_all = engine.step_of_scan(op)
        if not is_all:
            raise Unsupported("a condition, or states that are no arrays")
        self.sequences, self.weights = list(op.inner_seqs(own)), list(op.inner_non_seqs(own))
        self.outer_sequences = list(op.outer_seqs(node.inputs))
        self.outer_weights = list(op.outer_non_seqs(node.inputs))
        before = iter(op.inner_mitsot(own))
        states = [State(tuple(taps), [next(before) for _ in taps], after)
                  for taps, after in zip(taps_of_several, op.inner_mitsot_outs(results))]
        states += [State((-1,), [variable], after)
                   for variable, after in zip(op.inner_sitsot(own), op.inner_sitsot_outs(results))]
        outer = [*op.outer_mitsot_outs(node.outputs), *op.outer_sitsot_outs(node.outputs)]
        self.states = dict(zip(outer, states))
        self.outputs = dict(zip(op.outer_nitsot_outs(node.outputs), op.inner_nitsot_outs(results)))
