"""What a layer's step is made into: its equations, what is kept for its gradient, and the C code."""

from __future__ import annotations

import inspect
import re
import sys
from typing import IO, Any

from recurrent_layers import engine
from recurrent_layers.recurrence import c_code, ops, tracing
from recurrent_layers.recurrence.errors import Unsupported
from recurrent_layers.recurrence.program import Program
from recurrent_layers.recurrence.values import Extent, Value
from recurrent_layers.typing import Variable
from recurrent_layers.utils.arguments import shown
from recurrent_layers.utils.building import one_output_for_each_layer

#: Beyond this a formula says "...".
_DEPTH_OF_FORMULAS = 6
_SIGNS = {"add": "+", "sub": "-", "mul": "*", "true_div": "/"}
_WITHOUT_BRACKETS = {(sign, outer) for sign in "+-*/." for outer in ("", ",")} | {
    ("+", "+"), ("*", "+"), ("/", "+"), (".", "+"), ("*", "*")}  # fmt: skip


def explain(layer: Any, gradient: bool = True) -> str:
    """What becomes of a layer's recurrence when a function is compiled.

    Parameters
    ----------
    layer : layer
        Any that iterates a step; others' too, if their `get_output` makes a loop by :func:`recurrence.scan`.
    gradient : bool
        Also the backward steps, for the gradients of all weights and of the input.

    Returns
    -------
    str
        The layer's equations; what the arrays of the code are; what is kept of all steps for the gradient, and the
        bytes of that; and the C code, with the names that the step gives to its values. Or why it runs by the engine's
        scan.

    Raises
    ------
    ValueError
        If it is no layer, or if there is no loop in what the layer computes.

    Examples
    --------
    >>> from recurrent_layers import GRU
    >>> from recurrent_layers.recurrence.show import explain
    >>> print(explain(GRU(64, 128)))
    """
    if isinstance(layer, type) or not callable(getattr(layer, "get_output", None)):
        raise ValueError(f"layer must be a layer, such as LSTM(64, 128), got {shown(layer)}")
    with tracing.names_of_steps(), one_output_for_each_layer([]):
        output = layer.get_output()
    computed = engine.io_toposort([], [output])
    nodes = [node for node in computed if isinstance(node.op, ops.Recurrence)]
    if not nodes and any(isinstance(node.op, engine.Scan) for node in computed):
        return (f"{_equations(layer)}\n\nIt runs by the scan of {engine.NAME}; why, is logged to the logger "
                "`recurrent_layers` at the level INFO.")
    if not nodes:
        raise ValueError(f"{type(layer).__name__} has no loop made by recurrence.scan, so there is no code to show; "
                         "give a recurrent layer")
    own = [node for node in nodes if str(node.op) == type(layer).__name__] or nodes
    return "\n\n".join(filter(None, [_equations(layer), *_explained(own[-1], gradient)]))


def _equations(layer: Any) -> str:
    """The block of equations in a docstring."""
    found = re.search(r"::\n\n((?:    .*\n|\n)+)", inspect.cleandoc(type(layer).__doc__ or "") + "\n")
    return f"{type(layer).__name__}\n\n{found.group(1).rstrip()}" if found else type(layer).__name__


def _explained(node: Any, gradient: bool) -> list[str]:
    """The paragraphs on a node."""
    try:
        return _code(node, gradient)
    except Unsupported as reason:
        return [f"It runs by the scan of {engine.NAME}: its step has {reason}."]


def _code(node: Any, gradient: bool) -> list[str]:
    op, given = node.op, ops.given_of(node.op, node.inputs)
    wanted = [name for name, variable in zip(given.names, given.inputs[op.has_n_steps:])
              if variable.dtype.startswith("float") and not name.startswith("initial")] if gradient else []  # fmt: skip
    forms = ["all" if k == 0 else None for k in range(len(node.outputs))]
    program = Program(op.step, wanted, forms)
    forward = c_code.Forward(program, given, forms, str(op))
    names = _names(node, given)
    paragraphs = [_arrays(node, given, names)]
    codes: list[tuple[str, Any]] = [("Forward, all steps:", forward)]
    if gradient:
        backward = c_code.Backward(program, given, forms, forward.kept, wanted, f"gradient of {op}")
        paragraphs.append(_kept(backward, names))
        codes.append(("Backward, all steps:", backward))
    return paragraphs + [f"{title}\n\n{_renamed(code.loops.code, names, code.writer)}" for title, code in codes]


def _arrays(node: Any, given: Any, names: dict[str, str]) -> str:
    """What the arrays of the code are."""
    rows = [(names.get(name, name), str(variable.type)) for name, variable in
            zip(given.names, node.inputs[given.n_steps is not None:])]  # fmt: skip
    width = max(len(name) for name, _ in rows)
    return "Given:\n\n" + "\n".join(f"    {name:<{width}}  {kind}" for name, kind in rows)


def _kept(backward: c_code.Backward, names: dict[str, str]) -> str:
    """What is kept of all steps for the gradient, and how much that is."""
    size = {"float32": 4, "float64": 8}[backward.program.dtype]
    shapes = {name: _shape_of(variable) for name, variable in zip(
        backward.given.names, backward.given.inputs[backward.given.n_steps is not None:])}  # fmt: skip
    rows: list[str] = []
    total: int | None = 0
    for kept in backward.needed:
        said = f"state{kept.key}_t" if kept.is_state else _said(kept.key, backward.program.graph.names, names)
        number = _number(backward.sizes, kept.extent, shapes)
        total = None if total is None or number is None else total + number
        rows.append(f"    {kept.name:<8} {kept.width if number is None else number:>9}  {said}")
    amount = "" if total is None else f": {total} numbers, {total * size} bytes"
    return "\n".join([f"Kept of each step of each sample for the gradient{amount}", "", *rows])


def _said(value: Value, names: dict[Value, str], of_arrays: dict[str, str], outer: str = "", depth: int = 0) -> str:
    """A value of the step as a formula, down to what has a name; within one whose sign is `outer`."""
    if names.get(value):
        return names[value]
    if value.kind == "constant":
        return f"{value.detail:g}"
    if value.kind == "leaf":
        return _given(value.detail, of_arrays)
    if depth == _DEPTH_OF_FORMULAS:
        return "..."
    kind = str(value.detail).replace("scalar_", "") if value.kind == "map" else value.kind
    sign = {"product": ".", **_SIGNS}.get(kind, ",")
    parts = [_said(argument, names, of_arrays, sign, depth + 1) for argument in value.arguments]
    if kind.startswith("Cast"):
        return parts[0]
    if sign == ",":
        return f"{kind}({', '.join(parts)})"
    if value.kind == "product":
        weight = f"weight{value.detail[0]}"
        parts.append(of_arrays.get(weight, weight))
    formula = f" {sign} ".join(parts)
    return f"({formula})" if (sign, outer) not in _WITHOUT_BRACKETS else formula


def _given(leaf: Any, of_arrays: dict[str, str]) -> str:
    """What is given to a step, by its name in the code."""
    if leaf.kind == "before":
        return f"state{leaf.position}_tm{leaf.tap}"
    name = f"{'sequence' if leaf.kind == 'sequence' else 'weight'}{leaf.position}"
    return of_arrays.get(name, name)


def _shape_of(variable: Variable) -> tuple[int, ...] | None:
    """The shape of a weight, or of a constant; None if it is not known."""
    if isinstance(variable, engine.SharedVariable):
        return variable.get_value(borrow=True).shape
    return variable.data.shape if isinstance(variable, engine.Constant) else None


def _number(sizes: Any, extent: Extent, shapes: dict[str, Any], within: tuple[Any, ...] = ()) -> int | None:
    """A number of columns, if it is known; those of `within` are what is looked for."""
    total = extent.constant
    for columns, times in extent.terms.items():
        ways = (_number(sizes, way, shapes, (*within, columns)) if isinstance(way, Extent) else
                shapes[way[0]][way[1]] for way in (() if columns in within else sizes.ways(columns))
                if isinstance(way, Extent) or shapes.get(way[0]))  # fmt: skip
        found = next((way for way in ways if way is not None), None)
        if found is None:
            return None
        total += times * found
    return total


def _names(node: Any, given: Any) -> dict[str, str]:
    """C names of weights, and what they are called."""
    found = {}
    for name, variable in zip(given.names, node.inputs[given.n_steps is not None:]):
        if name.startswith("weight") and variable.name:
            found[name] = re.sub(r"\W", "_", variable.name)
    return found


def _renamed(code: str, names: dict[str, str], writer: Any) -> str:
    """The code, with the names of the step."""
    graph = writer.program.graph
    taken, own = set(re.findall(r"\w+", code)), dict(names)
    for value, name in writer.ids.items():
        new = re.sub(r"\W", "_", graph.names.get(value) or "")
        if new and new not in taken:
            own[name] = new
            taken.add(new)
    own.update({f"at_{name}": f"at_{new}" for name, new in list(own.items())})
    for name, new in names.items():
        own.update({f"{kind}{name[len('weight'):]}": f"{kind}_{new}" for kind in ("packed", "transposed")})
        own[f"gradient_of_{name}"] = f"gradient_of_{new}"
    return re.sub(r"\w+", lambda match: own.get(match.group(), match.group()), code)


def show(layer: Any, gradient: bool = True, file: IO[str] | None = None) -> None:
    """Print what becomes of a layer's recurrence when a function is compiled; see :func:`explain`."""
    print(explain(layer, gradient), file=file or sys.stdout)
