"""Draw what flows through one step of each layer, into `pictures/`: ``python docs/draw_gates.py``.

What is drawn, and from where to where the arrows go, is read off the graph of the layer's `step`. Only the places
are chosen by hand.
"""

import inspect
import pathlib
from typing import List, NamedTuple

import recurrent_layers as rl
from recurrent_layers import engine
from recurrent_layers.engine import tensor as T
from recurrent_layers.recurrence.tracing import Names

PICTURES = pathlib.Path(__file__).parent / "pictures"
LAYERS = [rl.SimpleRNN, rl.SimpleDeepRNN, rl.GRU, rl.LSTM, rl.JZS1, rl.JZS2, rl.JZS3]

# ---- What a step computes ---------------------------------------------------------------------------------------

#: Functions that stand for the activations, so that they are found again in the graph, and what is drawn of them.
ACTIVATION, INNER_ACTIVATION = T.arctan, T.sinh
FUNCTIONS = {"ArcTan": "φ", "Sinh": "σ", "Tanh": "tanh"}


class Node(NamedTuple):
    """What is drawn at one place: an input, a weight, or what is computed of others."""

    kind: str
    inputs: List[str]


def traced(cls):
    """The nodes of a layer's step by their names, and the names of the states after it.

    A product is called as its weight is, another value as the step calls it, or else by what it is made of. What is
    added up before a function is an input of the function.
    """
    own = inspect.signature(cls).parameters
    layer = cls(2, 3, **{name: function for name, function in (
        ("activation", ACTIVATION), ("inner_activation", INNER_ACTIVATION)) if name in own})  # fmt: skip
    named = {getattr(layer, name): name for name in (*layer.param_names, *layer.non_trainable_names)}
    given = {T.matrix(name): name for name in names_of_arguments(layer)}
    step = Names(layer.step)
    after = step(*given)
    after = [state for state in (after if isinstance(after, tuple) else (after,)) if state not in given]
    step.give(after)
    for state, name in zip(after, ("h_t", "c_t")):
        state.name = name
    graph = Graph({**named, **given})
    return graph.nodes, [graph.name(state) for state in after]


def names_of_arguments(layer):
    """What a step takes, by name."""
    if isinstance(layer, rl.SimpleDeepRNN):
        return ["x_t", *(f"{name}{i}" for name in ("e_", "h_tm") for i in range(1, layer.depth + 1))]
    return list(inspect.signature(layer.step).parameters)


class Graph:
    """Finds the nodes of a graph; those that are known are its leaves."""

    def __init__(self, known):
        self.known, self.nodes = known, {}

    def name(self, variable):
        """The name of a variable; from then on it is among the nodes."""
        node = variable.owner
        if variable in self.known:
            return self._is(self.known[variable], "bias" if variable.ndim == 1 else "input", [])
        if engine.product(node):
            of, weight = engine.product(node)
            return self._is(self.known[weight], "weight", [self.name(of)])
        if isinstance(node.op, engine.DimShuffle):
            return self.name(node.inputs[0])
        kind = type(node.op.scalar_op).__name__
        if kind in FUNCTIONS:
            inputs = self._added(node.inputs[0])
            return self._is(variable.name or f"{FUNCTIONS[kind]}({' + '.join(inputs)})", FUNCTIONS[kind], inputs)
        if kind == "Sub" and is_number(node.inputs[0], 1):
            inputs = [self.name(node.inputs[1])]
            return self._is(variable.name or f"(1 - {inputs[0]})", "1−", inputs)
        inputs = self._added(variable, whole=True) if kind == "Add" else [self.name(one) for one in node.inputs]
        sign = {"Add": "+", "Mul": "×"}[kind]
        return self._is(variable.name or f" {sign} ".join(inputs), sign, inputs)

    def _added(self, variable, whole=False):
        """The names of what is added up in a variable; of one that has a name, if the `whole` is asked for."""
        node = variable.owner
        is_sum = node and isinstance(node.op, engine.Elemwise) and type(node.op.scalar_op).__name__ == "Add"
        if is_sum and (whole or not variable.name):
            return [name for one in node.inputs if not is_number(one, 0) for name in self._added(one)]
        return [self.name(variable)]

    def _is(self, name, kind, inputs):
        self.nodes[name] = Node(kind, inputs)
        return name


def is_number(variable, number):
    """Whether a variable is a constant that is this number everywhere."""
    while variable.owner and isinstance(variable.owner.op, engine.DimShuffle):
        variable = variable.owner.inputs[0]
    return isinstance(variable, engine.Constant) and variable.data.size == 1 and variable.data.item() == number


# ---- Where it is drawn ------------------------------------------------------------------------------------------

BOXES, GATES, MIDDLE, TOP = 2.2, 3.7, 4.9, 6.5  # Heights of rows; above x_t and h_tm1, which run at the bottom.
X_AND_H = {"x_t": (0, 0), "h_tm1": (0, 0.8)}


def gate(name, letter, x):
    """The places of a gate of the LSTM, above its two products, with its bias on the right."""
    return {f"W_{letter}": (x - 0.5, BOXES), f"U_{letter}": (x + 0.5, BOXES), name: (x, GATES),
            f"b_{letter}": (x + 0.9, GATES)}  # fmt: skip


#: What the GRU and its mutations have in common: z, r and the candidate hh, from left to right.
OF_THREE = {
    **X_AND_H, "z": (2.2, GATES), "b_z": (3.1, GATES), "U_r": (5.7, BOXES), "r": (5.2, GATES), "b_r": (4.3, GATES),
    "r × h_tm1": (6.5, GATES), "U_h": (7.6, GATES), "hh": (9.0, GATES), "b_h": (9.9, GATES), "h_t": (9.0, TOP),
}  # fmt: skip
MUTATED = {**OF_THREE, "hh × z": (9.0, MIDDLE), "(1 - z)": (2.2, 5.7), "h_tm1 × (1 - z)": (2.2, TOP)}

PLACES = {
    "SimpleRNN": {**X_AND_H, "W": (1.7, BOXES), "U": (2.7, BOXES), "h_t": (2.2, GATES), "b": (1.3, GATES)},
    "SimpleDeepRNN": {
        **{name: (x, y) for i, y in ((1, 4.4), (2, 3.0), (3, 1.6)) for name, x, y in (
            (f"h_tm{i}", 0, y), (f"U_{i}", 1.7, y), (f"σ(U_{i})", 3.0, y), (f"e_{i} × σ(U_{i})", 4.3, y),
            (f"e_{i}", 4.3, y + 0.7))},
        "x_t": (0, 0.3), "W": (4.3, 0.3), "h_t": (6.0, 3.0), "b": (6.0, 1.7),
    },
    "GRU": {
        **OF_THREE, "W_z": (1.7, BOXES), "U_z": (2.7, BOXES), "W_r": (4.7, BOXES), "W_h": (9.0, BOXES),
        "z × h_tm1": (2.2, TOP), "(1 - z)": (3.6, MIDDLE), "(1 - z) × hh": (9.0, MIDDLE),
    },
    "LSTM": {
        **X_AND_H, "c_tm1": (0, TOP), **gate("f", "f", 2.2), **gate("i", "i", 4.8),
        **gate("φ(W_c + U_c + b_c)", "c", 7.4), **gate("o", "o", 10.0), "b_o": (9.1, GATES), "f × c_tm1": (2.2, TOP),
        "i × φ(W_c + U_c + b_c)": (7.4, MIDDLE), "c_t": (7.4, TOP), "φ(c_t)": (11.4, 5.0), "h_t": (11.4, GATES),
    },
    "JZS1": {**MUTATED, "W_z": (2.2, BOXES), "W_r": (4.7, BOXES), "Pmat": (9.0, 1.5), "tanh(Pmat)": (9.0, 2.6)},
    "JZS2": {**MUTATED, "W_z": (1.7, BOXES), "U_z": (2.7, BOXES), "Pmat": (4.7, BOXES), "W_h": (9.0, BOXES)},
    "JZS3": {
        **MUTATED, "W_z": (1.7, 2.5), "tanh(h_tm1)": (2.7, 1.6), "U_z": (2.7, 2.5), "W_r": (4.7, BOXES),
        "W_h": (9.0, BOXES),
    },
}  # fmt: skip

# ---- Drawing ----------------------------------------------------------------------------------------------------

UNIT = 0.5  # Of places, in inches, so that all pictures have the same size of type.
INK, GREEN, BROWN = "#222222", "#1b7837", "#a3480b"
COLOURS = {"x_t": "#1f5fa8", "h_tm1": GREEN, "h_tm2": GREEN, "h_tm3": GREEN, "c_tm1": BROWN, "c_t": BROWN}
FILLED = {"weight": "#e9eef5", "σ": "#fff2c2", "φ": "#fbdcd0", "tanh": "#fbdcd0"}
RADII = {"σ": 0.34, "φ": 0.34, "tanh": 0.34, "×": 0.22, "+": 0.22, "1−": 0.28}
BOX = (0.36, 0.25)  # Half of its width and height.
STYLE = {"font.family": "STIXGeneral", "mathtext.fontset": "stix", "font.size": 13}


def draw(cls, path):
    """Draw a layer's step into a file."""
    import matplotlib

    matplotlib.use("Agg")  # Draws into files, so that no display is needed.
    from matplotlib import pyplot as plt

    nodes, after = traced(cls)
    places = PLACES[cls.__name__]
    columns, rows = zip(*places.values())
    left, right, bottom, top = -0.85, max(columns) + 2, min(rows) - 0.6, max(rows) + 0.6
    with plt.rc_context({**STYLE, "svg.hashsalt": cls.__name__}):
        figure = plt.figure(figsize=(UNIT * (right - left), UNIT * (top - bottom)), facecolor="white")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(left, right), ylim=(bottom, top))
        axes.axis("off")
        # What comes last crosses over the others.
        for source in sorted(nodes, key=lambda name: (name == "x_t", name in COLOURS)):
            ways = {target: way(source, target, nodes, places) for target in nodes if source in nodes[target].inputs}
            if source in after:
                x, y = places[source]
                ways[None] = [(x, y), (right - 0.85, y)]
                axes.text(right - 0.75, y, label(source), color=COLOURS.get(source, INK), ha="left", va="center")
            draw_ways(axes, source, ways, nodes)
        for name, node in nodes.items():
            draw_node(axes, name, node.kind, places[name])
        figure.savefig(path, metadata={"Creator": None, "Date": None})
        plt.close(figure)


def way(source, target, nodes, places):
    """The corners of an arrow: along rows and columns, but straight from where it is short."""
    (x, y), (to_x, to_y) = places[source], places[target]
    kind = nodes[source].kind
    if x == to_x or y == to_y or kind == "weight" or kind == "×" and nodes[target].kind == "φ":
        corners = []
    elif kind == "input" and to_y == TOP:
        corners = [(0.8, y), (0.8, to_y)]
    else:
        corners = [(to_x, y)] if kind in ("input", "+") else [(x, to_y)]
    return [(x, y), *corners, (to_x, to_y)]


def draw_ways(axes, source, ways, nodes):
    """Draw the arrows from a node: what they cross is interrupted, and where they part there is a dot."""
    colour = COLOURS.get(source, INK)
    for corners in ways.values():
        axes.plot(*zip(*corners), color="white", linewidth=4.5, zorder=1, solid_capstyle="butt")
    for target, corners in ways.items():
        end = edge(corners[-2], corners[-1], target and nodes[target].kind)
        axes.plot(*zip(*corners[:-1], end), color=colour, linewidth=1.3, zorder=1, gid=f"{source} to {target}")
        arrow = dict(arrowstyle="-|>,head_width=0.18,head_length=0.35", color=colour, shrinkA=0, shrinkB=0)
        axes.annotate("", end, corners[-2], zorder=1, arrowprops=arrow)
    for dot in partings(list(ways.values())):
        axes.plot(*dot, "o", color=colour, markersize=4, zorder=2)


def edge(before, place, kind):
    """Where an arrow ends that comes from `before`, at the edge of what is drawn."""
    (x0, y0), (x, y) = before, place
    length = ((x - x0) ** 2 + (y - y0) ** 2) ** 0.5
    back = {"weight": BOX[int(x0 == x)], None: 0}.get(kind, RADII.get(kind)) / length
    return (x - (x - x0) * back, y - (y - y0) * back)


def partings(ways):
    """Where ways that begin together part."""
    found, all_points = set(), [points_of(corners) for corners in ways]
    for one in all_points:
        for other in all_points:
            common = [point for point, beside in zip(one, other) if point == beside]
            if 1 < len(common) < min(len(one), len(other)):
                found.add(common[-1])
    return found


def points_of(corners):
    """Points along a way, close together."""
    points = [corners[0]]
    for (x0, y0), (x, y) in zip(corners, corners[1:]):
        number = round(20 * max(abs(x - x0), abs(y - y0)))
        points += [(round(x0 + (x - x0) * k / number, 2), round(y0 + (y - y0) * k / number, 2))
                   for k in range(1, number + 1)]  # fmt: skip
    return points


def draw_node(axes, name, kind, place):
    """Draw a box, a circle or a letter."""
    from matplotlib.patches import Circle, FancyBboxPatch

    x, y = place
    middle = dict(ha="center" if x else "right", va="center", zorder=4)
    if kind in ("input", "bias"):
        around = dict(facecolor="white", edgecolor="none", pad=1.5)
        axes.text(x, y, label(name), color=COLOURS.get(name, INK), bbox=around, gid=name, **middle)
        return
    shape = dict(facecolor=FILLED.get(kind, "white"), edgecolor=INK, zorder=3, gid=name)
    if kind == "weight":
        (w, h), pad = BOX, 0.05
        box = FancyBboxPatch((x - w + pad, y - h + pad), 2 * (w - pad), 2 * (h - pad), f"round,pad={pad}", **shape)
    else:
        box = Circle(place, RADII[kind], **shape)
    axes.add_patch(box)
    signs = {"weight": label(name), "σ": r"$\sigma$", "φ": r"$\phi$", "tanh": "tanh", "×": r"$\times$", "+": "$+$",
             "1−": "$1-$"}  # fmt: skip
    axes.text(x, y, signs[kind], fontsize={"tanh": 9, "1−": 11}.get(kind), **middle)
    if kind in ("σ", "φ") and len(name) < 3:
        axes.text(x - 0.3, y + 0.28, label(name), ha="right", va="bottom", zorder=4)


def label(name):
    """A name in mathematics."""
    letter, _, index = {"Pmat": "P", "hh": r"\tilde{h}"}.get(name, name).partition("_")
    index = index.replace("tm", "t-")
    return f"${letter}_{{{index}}}$" if index else f"${letter}$"


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    for cls in LAYERS:
        draw(cls, PICTURES / f"{cls.__name__}.svg")
