"""Cells as graphs, as Jozefowicz et al. (2015) mutate them: from equations to other equations, and to layers.

A graph computes the states after a step from those before it and the input. Its nodes are these, and functions of one
or two other nodes:

- activations: ``sigmoid``, ``tanh``, ``relu``, and ``linear a``, a product with a matrix of its own plus a bias of its
  own, where the number a is added to the diagonal of the matrix, which is small random numbers else;
- elementwise operations: ``sum``, ``product``, ``difference``.
"""

import collections
import itertools
import json

ACTIVATIONS = ("sigmoid", "tanh", "relu", "linear 0", "linear 1", "linear 0.9", "linear 1.1")
ELEMENTWISE = ("sum", "product", "difference")
#: What a cell may have at most; an LSTM has 21 nodes beside its inputs, 8 of which are matrices.
MOST_NODES, MOST_MATRICES = 40, 12


class Cell:
    """A cell, as a graph in the one form that all equal graphs have.

    Parameters
    ----------
    nb_states : int
        1 or 2.
    nodes : list of list
        Each the name of a function and the places of its arguments. At the place 0 is the input, then come the states
        before the step, then `nodes`, which may stand in any order that has no circle.
    outputs : list of int
        The places of the states after the step; the first is the output of the layer.

    Attributes
    ----------
    key : str
        This form, in JSON. Equal graphs have equal keys: the order of nodes and of the arguments of sums and products
        does not count, nor do nodes that nothing needs, nor whether a value is computed once or twice. Graphs that are
        equal by algebra, as x + (y + z) and (x + y) + z, remain two.

    Raises
    ------
    ValueError
        If it is no such graph.

    Examples
    --------
    >>> simple = Cell(1, [["linear 0", 0], ["linear 0", 1], ["sum", 2, 3], ["tanh", 4]], [5])
    >>> print(simple.equations())
    h_t = tanh(W_1.x_t + b_1 + U_2.h_tm1 + b_2)
    """

    def __init__(self, nb_states, nodes, outputs):
        self.nb_states = nb_states
        self.inputs, self.states = ["x_t", "h_tm1", "c_tm1"][:nb_states + 1], ["h_t", "c_t"][:nb_states]
        graph = {place: [name] for place, name in enumerate(self.inputs)}
        graph.update((place, list(node)) for place, node in enumerate(nodes, len(graph)))
        if len(self.inputs) != nb_states + 1 or len(outputs) != nb_states:
            raise ValueError(f"a cell has 1 or 2 states, and as many outputs, not {nb_states} and {len(outputs)}")
        for name, *operands in list(graph.values())[nb_states + 1:]:
            if len(operands) != nb_operands(name) or not graph.keys() >= set(operands):
                raise ValueError(f"no node of a cell: {name} of {operands}, of {len(graph)} nodes in all")
        if not graph.keys() >= set(outputs):
            raise ValueError(f"the outputs {outputs} are not among the {len(graph)} nodes")
        self.graph, self.outputs = _in_order(*_merged(graph, outputs), len(self.inputs))
        self.nodes = self.graph[len(self.inputs):]
        self.key = json.dumps([nb_states, self.nodes, self.outputs])

    @classmethod
    def from_key(cls, key):
        """The cell that has this key."""
        return cls(*json.loads(key))

    def __eq__(self, other):
        return isinstance(other, Cell) and self.key == other.key

    def __hash__(self):
        return hash(self.key)

    def what_is_wrong(self):
        """Why it is no cell to be judged, or None."""
        needed = set()  # Places of inputs on which the output depends, now or at later steps.
        more = {self.outputs[0]}
        while more:
            of_these = set().union(*(ancestors(self.graph, place) | {place} for place in more))
            new = {place for place in of_these if place <= self.nb_states} - needed
            needed |= new
            more = {self.outputs[place - 1] for place in new if place > 0}
        if len(needed) <= self.nb_states:
            return "the output does not need the input and all states"
        if any(name == "difference" and len(set(operands)) == 1 for name, *operands in self.nodes):
            return "something is subtracted from itself"
        if not any(name.startswith("linear") for name, *_ in self.nodes):
            return "it has no weights"
        if len(self.nodes) > MOST_NODES or len(self.matrices()) > MOST_MATRICES:
            return f"it has more than {MOST_NODES} nodes or {MOST_MATRICES} matrices"
        return None

    # ---- weights --------------------------------------------------------------------------

    def matrices(self):
        """By the place of a ``linear`` node, the number of its weights in their names, its letter, and what a is."""
        places = [place for place, (name, *_) in enumerate(self.graph) if name.startswith("linear")]
        return {place: (number, "U" if self.graph[place][1] else "W", self.graph[place][0].split()[1])
                for number, place in enumerate(places, 1)}

    def count_params(self, input_dim, output_dim):
        """How many weights the layer has that are trained."""
        rows = {"W": input_dim, "U": output_dim}
        return sum((rows[letter] + 1) * output_dim for _, letter, _ in self.matrices().values())

    # ---- equations and code ---------------------------------------------------------------

    def equations(self):
        """What it computes, a line for each activation and each value that is used twice, as text."""
        return "\n".join(self._lines("{letter}_{number}.{} + b_{number}", "P.x_t", ""))

    def source(self, name="Evolved", scale=1.0):
        """A subclass of `Recurrent`, with all that it imports.

        Parameters
        ----------
        name : str
            Of the class.
        scale : float
            The default of its argument `scale`: matrices are drawn as by ``glorot_uniform``, times this.
        """
        lines = self._lines("T.dot({}, self.{letter}_{number}) + self.b_{number}", "T.dot(x_t, self.P)", "T.")
        weights = [f"{kind}_{number}" for number, letter, _ in self.matrices().values() for kind in (letter, "b")]
        diagonals = {f"{letter}_{number}": float(a) for number, letter, a in self.matrices().values() if a != "0"}
        return _SOURCE.format(
            name=name, scale=scale, nb_states=self.nb_states, diagonals=json.dumps(diagonals),
            equations=_indented(self.equations(), 8), weights=_wrapped(weights),
            projection='\n    non_trainable_names = ("P",)' * self._reads_x_as_it_is(),
            before=", ".join(self.inputs[1:]), steps=_indented("\n".join(lines), 8), after=", ".join(self.states))

    def layer(self):
        """The class that :meth:`source` is the source of."""
        namespace = {"__name__": "evolved"}
        exec(self.source(), namespace)
        return namespace["Evolved"]

    def _reads_x_as_it_is(self):
        of_others = [operand for name, *operands in self.nodes if not name.startswith("linear") for operand in operands]
        return 0 in of_others + self.outputs

    def _named(self):
        """The places of what has a name in equations: functions but linear ones, what is used twice, and long terms."""
        uses = collections.Counter(operand for _, *operands in self.nodes for operand in operands)
        named, length = set(range(len(self.inputs))) | set(self.outputs), collections.Counter()
        for place, (name, *operands) in list(enumerate(self.graph))[len(self.inputs):]:
            of = sorted(set(operands) - named, key=length.get)
            while sum(length[operand] for operand in of) > 4:
                named.add(of.pop())
            length[place] = 1 + sum(length[operand] for operand in of)
            if uses[place] > 1 or name in ("sigmoid", "tanh", "relu"):
                named.add(place)
        return named

    def _lines(self, linear, projected, module):
        """The assignments of a step, by how a product is written, x_t where it has no matrix, and functions."""
        named, matrices = self._named(), self.matrices()
        texts = dict(enumerate([(name, "name") for name in [projected, *self.inputs[1:]]]))
        names = {output: state for output, state in list(zip(self.outputs, self.states))[::-1] if output not in texts}
        lines, numbers = [], itertools.count(1)
        for place, (name, *operands) in list(enumerate(self.graph))[len(self.inputs):]:
            if place in matrices:
                number, letter, _ = matrices[place]
                operand = texts[operands[0]] if operands[0] else ("x_t", "name")
                operand = operand[0] if module else _in_parentheses(operand, ["sum", "product"])
                text = linear.format(operand, letter=letter, number=number), "sum"
            else:
                text = _call(name, [texts[operand] for operand in operands], module)
            if place in named:
                names[place] = names.get(place) or f"a_{next(numbers)}"
                lines.append(f"{names[place]} = {text[0]}")
                text = names[place], "name"
            texts[place] = text
        return lines + [f"{state} = {texts[output][0]}" for state, output in zip(self.states, self.outputs)
                        if texts[output][0] != state]


_SOURCE = '''\
import numpy as np

from recurrent_layers import Recurrent, initializations
from recurrent_layers.engine import nnet
from recurrent_layers.engine import tensor as T


class {name}(Recurrent):
    """A cell that was found by a search as that of Jozefowicz et al. (2015).

    ::

{equations}

    Matrices are drawn as by ``glorot_uniform``, times `scale`, and numbers in `diagonals` added to their diagonals.
    """

    param_names = ({weights}){projection}
    nb_states = {nb_states}
    diagonals = {diagonals}

    def __init__(self, input_dim, output_dim, scale={scale}, **others):
        self.scale = scale
        super().__init__(input_dim, output_dim, **others)

    def initialization(self, name):
        init, shape = super().initialization(name)
        if name[0] not in "WU":
            return init, shape
        diagonal = self.diagonals.get(name, 0) * np.eye(*shape)
        return lambda shape: self.scale * initializations.glorot_uniform(shape).get_value() + diagonal, shape

    def step(self, x_t, {before}):
{steps}
        return {after}
'''


def _call(name, operands, module):
    """The text of a function of texts, and what it is."""
    if name in ("sigmoid", "tanh", "relu"):
        prefix = {"tanh": module}.get(name, module and "nnet.")
        return f"{prefix}{name}({operands[0][0]})", "name"
    if name == "product":
        return " * ".join(_in_parentheses(operand, ["sum"]) for operand in operands), "product"
    first, second = operands[0][0], _in_parentheses(operands[1], ["sum"] if name == "difference" else [])
    return f"{first} {'-' if name == 'difference' else '+'} {second}", "sum"


def _in_parentheses(operand, kinds):
    text, kind = operand
    return f"({text})" if kind in kinds else text


def _indented(text, columns):
    return "\n".join(" " * columns + line for line in text.splitlines())


def _wrapped(names):
    """The items of a tuple of names, twelve in a line."""
    rows = [", ".join(f'"{name}"' for name in names[k:k + 12]) for k in range(0, len(names), 12)]
    return (",\n" + " " * 19).join(rows)


# ---- graphs -----------------------------------------------------------------------------------


def nb_operands(name):
    """How many arguments a function has; 0 for what is no function."""
    return 1 if name in ACTIVATIONS else 2 if name in ELEMENTWISE else 0


def ancestors(graph, place):
    """The places of all nodes on which one depends."""
    found, more = set(), list(graph[place][1:])
    while more:
        one = more.pop()
        if one not in found:
            found.add(one)
            more += graph[one][1:]
    return found


def _merged(graph, outputs):
    """The graph without what nothing needs, and with one node for all that are equal, by their places."""
    merged = {place: node for place, node in graph.items() if not nb_operands(node[0])}
    places, open_ = {place: place for place in merged}, set()

    def visit(place):
        if place in places:
            return places[place]
        if place in open_:
            raise ValueError(f"the node at {place} needs itself")
        open_.add(place)
        name, *operands = graph[place]
        operands = [visit(operand) for operand in operands]
        operands = operands if name == "difference" else sorted(operands)
        # Two linear ones have each a matrix of its own, so that they are never equal.
        equal = [other for other, node in merged.items() if node == [name, *operands] and not name.startswith("linear")]
        places[place] = equal[0] if equal else place
        merged[places[place]] = [name, *operands]
        return places[place]

    outputs = [visit(output) for output in outputs]
    return merged, outputs


def _in_order(graph, outputs, nb_inputs):
    """The nodes in the one order that is that of all equal graphs: a list of them, and the places of the outputs."""
    colors = _told_apart(graph, outputs)
    ordered = list(range(nb_inputs))
    ready = set(graph) - set(ordered)
    while ready:
        free = [place for place in ready if not ready.intersection(graph[place][1:])]
        ordered.append(min(free, key=colors.get))
        ready.remove(ordered[-1])
    new = {place: k for k, place in enumerate(ordered)}
    nodes = [[name, *(of if name == "difference" else sorted(of))] for name, of in (
        (graph[place][0], [new[operand] for operand in graph[place][1:]]) for place in ordered[nb_inputs:])]
    return [graph[place] for place in range(nb_inputs)] + nodes, [new[output] for output in outputs]


def _told_apart(graph, outputs):
    """A number for each node, by what it computes and what becomes of it, whatever its place.

    These are colors as in color refinement, by Weisfeiler and Leman. Nodes that are alike to the end, such as two
    matrices in a sum, can change places, so that it does not matter which is the first.
    """
    colors = _numbered({place: (graph[place][0] if nb_operands(graph[place][0]) else f" {place}",
                                [k for k, output in enumerate(outputs) if output == place]) for place in graph})
    while True:
        refined = _numbered({place: (colors[place], *_surroundings(graph, colors, place)) for place in graph})
        if len(set(refined.values())) > len(set(colors.values())):
            colors = refined
            continue
        shared = [color for color, places in collections.Counter(refined.values()).items() if places > 1]
        if not shared:
            return refined
        first = next(place for place, color in refined.items() if color == min(shared))
        colors = _numbered({place: (color, place != first) for place, color in refined.items()})


def _surroundings(graph, colors, place):
    """The colors of the arguments of a node, and those of what it is an argument of."""
    name, *operands = graph[place]
    of = [colors[operand] for operand in operands]
    uses = [(colors[user], k if other == "difference" else 0) for user, (other, *operands) in graph.items()
            for k, operand in enumerate(operands) if operand == place]
    return (of if name == "difference" else sorted(of)), sorted(uses)


def _numbered(values):
    """By the same keys, the rank of each value."""
    ranks = {}
    for value in sorted(values.values()):
        ranks.setdefault(repr(value), len(ranks))
    return {key: ranks[repr(value)] for key, value in values.items()}


# ---- cells that are known ---------------------------------------------------------------------


def _built(nb_states, build):
    """The cell whose outputs a function gives for its inputs; `build` gets a function that adds a node, too."""
    nodes = []

    def node(*of):
        nodes.append(list(of))
        return nb_states + len(nodes)

    outputs = build(node, *range(nb_states + 1))
    return Cell(nb_states, nodes, outputs)


def _gate(node, activation, *of):
    """An activation of the sum of matrix products."""
    total = node("linear 0", of[0])
    for operand in of[1:]:
        total = node("sum", total, node("linear 0", operand))
    return node(activation, total)


def _mixed(node, z, h, hh):
    """The same as z * h + (1 - z) * hh, without the number 1."""
    return node("sum", hh, node("product", z, node("difference", h, hh)))


def _simple_rnn(node, x, h):
    return [_gate(node, "tanh", x, h)]


def _gru(node, x, h):
    z, r = _gate(node, "sigmoid", x, h), _gate(node, "sigmoid", x, h)
    return [_mixed(node, z, h, _gate(node, "tanh", x, node("product", r, h)))]


def _lstm(node, x, h, c):
    i, f, o, hh = (_gate(node, activation, x, h) for activation in ("sigmoid", "sigmoid", "sigmoid", "tanh"))
    c = node("sum", node("product", f, c), node("product", i, hh))
    return [node("product", o, node("tanh", c)), c]


def _jzs1(node, x, h):
    z, r = _gate(node, "sigmoid", x), _gate(node, "sigmoid", x, h)
    hh = node("tanh", node("sum", node("linear 0", node("product", r, h)), node("tanh", x)))
    return [_mixed(node, z, hh, h)]


#: The library's cells as graphs. Each product has a bias of its own, so that there are two in a gate, and the forget
#: gate of the LSTM begins with 0.
KNOWN = {"SimpleRNN": _built(1, _simple_rnn), "GRU": _built(1, _gru), "LSTM": _built(2, _lstm),
         "JZS1": _built(1, _jzs1)}


# ---- mutation ---------------------------------------------------------------------------------


class _Graph(dict):
    """A graph that is being mutated: nodes by place, in no order, and the outputs."""

    def __init__(self, cell):
        super().__init__((place, list(node)) for place, node in enumerate(cell.graph))
        self.nb_inputs, self.outputs = len(cell.inputs), list(cell.outputs)

    def add(self, name, *operands):
        place = len(self)
        self[place] = [name, *operands]
        return place

    def before(self, place, rng):
        """A random node on which one depends."""
        return rng.choice(sorted(ancestors(self, place)))

    def put_before(self, place, rng, make):
        """Put what `make` gives for a random argument of a node in the place of it."""
        k = rng.randrange(1, len(self[place]))
        self[place][k] = make(self[place][k])

    def replace(self, place, other):
        """Let all that use a node use another one."""
        for one, (name, *operands) in self.items():
            self[one] = [name, *(other if operand == place else operand for operand in operands)]
        self.outputs = [other if output == place else output for output in self.outputs]

    def count_uses(self, place):
        """How often a node is an argument or an output."""
        return self.outputs.count(place) + sum(operands.count(place) for _, *operands in self.values())


def change_function(graph, place, rng):
    """Replace an activation by another one, or an elementwise operation by another one."""
    name = graph[place][0]
    graph[place][0] = rng.choice([other for other in (ACTIVATIONS if name in ACTIVATIONS else ELEMENTWISE)
                                  if other != name])


def insert_activation(graph, place, rng):
    """Put a random activation between a node and one of its arguments."""
    graph.put_before(place, rng, lambda operand: graph.add(rng.choice(ACTIVATIONS), operand))


def insert_elementwise(graph, place, rng):
    """Put a random operation between a node and one of its arguments, with a random ancestor of the node beside it."""
    other = graph.before(place, rng)
    graph.put_before(place, rng, lambda operand: graph.add(rng.choice(ELEMENTWISE), operand, other))


def remove(graph, place, rng):
    """Remove a node that has one argument and is used once."""
    graph.replace(place, graph[place][1])


def replace_by_ancestor(graph, place, rng):
    """Use a random ancestor wherever the node was used."""
    graph.replace(place, graph.before(place, rng))


def combine_ancestors(graph, place, rng):
    """Replace a node by the sum, product or difference of an ancestor of its own and one of any other node."""
    own = graph.before(place, rng)
    # What depends on the node cannot become its argument.
    of_any = sorted(ancestors(graph, rng.choice([one for one in graph if one >= graph.nb_inputs])))
    of_any = [one for one in of_any if one != place and place not in ancestors(graph, one)]
    graph[place] = [rng.choice(ELEMENTWISE), own, rng.choice(of_any)]


MUTATIONS = (change_function, insert_activation, insert_elementwise, remove, replace_by_ancestor, combine_ancestors)


def mutated(cell, rng, largest_share=1.0):
    """A cell that has been changed at random, and can be judged.

    Parameters
    ----------
    cell : Cell
    rng : random.Random
        It decides everything.
    largest_share : float
        The share of the nodes that are changed is drawn from 0 to this.

    Returns
    -------
    Cell
        Another one, in which :meth:`Cell.what_is_wrong` finds nothing.
    """
    while True:
        graph, share = _Graph(cell), rng.uniform(0, largest_share)
        for place in range(graph.nb_inputs, len(cell.graph)):
            if rng.random() < share:
                is_removable = len(graph[place]) == 2 and graph.count_uses(place) == 1
                rng.choice([one for one in MUTATIONS if one is not remove or is_removable])(graph, place, rng)
        new = Cell(cell.nb_states, [graph[place] for place in range(graph.nb_inputs, len(graph))], graph.outputs)
        if new != cell and new.what_is_wrong() is None:
            return new
