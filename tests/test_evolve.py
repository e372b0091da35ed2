"""The search of `examples/evolve.py`: cells as graphs and as layers, their mutations, and a search that is cut off."""

import contextlib
import importlib
import json
import os
import pathlib
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pytest
from numpy.testing import assert_allclose

import recurrent_layers as rl
from recurrent_layers import engine
from recurrent_layers.engine import tensor as T
from recurrent_layers.recurrence.show import explain

pytest.importorskip("matplotlib")

EXAMPLES = pathlib.Path(__file__).resolve().parent.parent / "examples"


@pytest.fixture(autouse=True)
def examples_can_be_imported(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))


@pytest.fixture
def cells():
    return importlib.import_module("_cells")


@pytest.fixture
def evolve():
    return importlib.import_module("evolve")


def some_mutations(cells, count, largest_share=1.0):
    """Mutations of the GRU and the LSTM, the same ones each time."""
    rng = random.Random(0)
    return [cells.mutated(rng.choice([cells.KNOWN["GRU"], cells.KNOWN["LSTM"]]), rng, largest_share)
            for _ in range(count)]


# ---- What a graph computes ------------------------------------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


FUNCTIONS = {"sigmoid": sigmoid, "tanh": np.tanh, "relu": lambda x: np.maximum(x, 0), "sum": np.add,
             "product": np.multiply, "difference": np.subtract}  # fmt: skip


def after_a_step(cell, weights, x_t, states):
    """The states after a step, by what the nodes of the graph mean."""
    values = [x_t, *states]
    for name, *operands in cell.nodes:
        if name.startswith("linear"):
            number = 1 + sum(other.startswith("linear") for other, *_ in cell.graph[:len(values)])
            matrix = weights[("U" if operands[0] else "W") + f"_{number}"]
            values.append(values[operands[0]] @ matrix + weights[f"b_{number}"])
        else:
            values.append(FUNCTIONS[name](*(values[place] if place else x_t @ weights["P"] for place in operands)))
    return [values[place] if place else x_t @ weights["P"] for place in cell.outputs]


def outputs_of(layer, X):
    return engine.function([layer.input], layer.get_output())(X)


def test_the_layer_computes_what_the_graph_says(cells):
    made = some_mutations(cells, 40)
    assert {name for cell in made for name, *_ in cell.nodes} == {*cells.ACTIVATIONS, *cells.ELEMENTWISE}
    assert any('"P"' in cell.source() for cell in made) and {cell.nb_states for cell in made} == {1, 2}
    x_t, states = np.random.uniform(-1, 1, (2, 3)), list(np.random.uniform(-1, 1, (2, 2, 5)))
    variables, symbolic, expected = T.matrices("x_t", "h_tm1", "c_tm1"), [], []
    for cell in made:
        layer = cell.layer()(3, 5)
        for weight in layer.params:
            weight.set_value(np.random.uniform(-0.7, 0.7, weight.get_value().shape))
        weights = {name: getattr(layer, name).get_value() for name in layer.param_names + layer.non_trainable_names}
        after = layer.step(*variables[:cell.nb_states + 1])
        symbolic += after if isinstance(after, tuple) else [after]
        expected += after_a_step(cell, weights, x_t, states[:cell.nb_states])
    results = engine.function(variables, symbolic)(x_t, *states)
    for result, one in zip(results, expected):
        assert_allclose(result, one, rtol=1e-9, atol=1e-12)


def test_steps_can_be_written_in_c(cells):
    for cell in some_mutations(cells, 10):
        assert "Backward, all steps:" in explain(cell.layer()(3, 5)), cell.source()


#: Of layers of the library, the equations of their graphs, and which weights are which.
EQUATIONS = {
    "SimpleRNN": {"are": ["h_t = tanh(W_1.x_t + b_1 + U_2.h_tm1 + b_2)"],
                  "weights": {"W_1": "W", "b_1": "b", "U_2": "U"}, "second biases": ["b_2"]},
    "GRU": {"are": ["a_1 = sigmoid(W_1.x_t + b_1 + U_4.h_tm1 + b_4)",
                    "a_2 = sigmoid(W_2.x_t + b_2 + U_5.h_tm1 + b_5)",
                    "a_3 = tanh(W_3.x_t + b_3 + U_6.(h_tm1 * a_1) + b_6)",
                    "h_t = a_3 + a_2 * (h_tm1 - a_3)"],
            "weights": {"W_1": "W_r", "b_1": "b_r", "U_4": "U_r", "W_2": "W_z", "b_2": "b_z", "U_5": "U_z",
                        "W_3": "W_h", "b_3": "b_h", "U_6": "U_h"}, "second biases": ["b_4", "b_5", "b_6"]},
    "LSTM": {"are": ["a_1 = sigmoid(W_1.x_t + b_1 + U_5.h_tm1 + b_5)",
                     "a_2 = sigmoid(W_2.x_t + b_2 + U_6.h_tm1 + b_6)",
                     "a_3 = sigmoid(W_3.x_t + b_3 + U_7.h_tm1 + b_7)",
                     "a_4 = tanh(W_4.x_t + b_4 + U_8.h_tm1 + b_8)",
                     "c_t = c_tm1 * a_1 + a_2 * a_4", "a_5 = tanh(c_t)", "h_t = a_3 * a_5"],
             "weights": {f"{kind}_{number}": f"{kind[0]}_{gate}" for kind, first in (("W", 1), ("b", 1), ("U", 5))
                         for number, gate in enumerate("fioc", first)},
             "second biases": ["b_5", "b_6", "b_7", "b_8"]},
    "JZS1": {"are": ["a_1 = sigmoid(W_1.x_t + b_1)", "a_2 = sigmoid(W_2.x_t + b_2 + U_3.h_tm1 + b_3)",
                     "a_3 = tanh(P.x_t)", "a_4 = tanh(U_4.(h_tm1 * a_2) + b_4 + a_3)",
                     "h_t = h_tm1 + a_1 * (a_4 - h_tm1)"],
             "weights": {"W_1": "W_z", "b_1": "b_z", "W_2": "W_r", "b_2": "b_r", "U_3": "U_r", "U_4": "U_h",
                         "b_4": "b_h", "P": "Pmat"}, "second biases": ["b_3"]},
}  # fmt: skip


def test_known_cells_are_the_layers_of_the_library(cells):
    X = np.random.uniform(-1, 1, (2, 4, 3))
    for name, expected in EQUATIONS.items():
        cell = cells.KNOWN[name]
        assert cell.equations().splitlines() == expected["are"]
        functions = dict(activation="tanh", **({} if name == "SimpleRNN" else {"inner_activation": "sigmoid"}))
        theirs = getattr(rl, name)(3, 5, return_sequences=True, **functions)
        ours = cell.layer()(3, 5, return_sequences=True)
        assert {*ours.param_names, *ours.non_trainable_names} == {*expected["weights"], *expected["second biases"]}
        for weight in theirs.params:
            weight.set_value(np.random.uniform(-1, 1, weight.get_value().shape))
        for of_ours, of_theirs in expected["weights"].items():
            getattr(ours, of_ours).set_value(getattr(theirs, of_theirs).get_value())
        for second in expected["second biases"]:  # A gate has one in the library.
            assert not getattr(ours, second).get_value().any()
        assert_allclose(outputs_of(ours, X), outputs_of(theirs, X), rtol=1e-10, atol=1e-12)


def test_matrices_begin_as_their_nodes_say(cells):
    cell = cells.Cell(1, [["linear 0", 0], ["linear 0.9", 1], ["sum", 2, 3]], [4])
    layer = cell.layer()(3, 40, scale=0.01)
    assert np.abs(layer.U_2.get_value() - 0.9 * np.eye(40)).max() <= 0.01 * np.sqrt(6 / 80)
    assert 0 < np.abs(layer.W_1.get_value()).max() <= 0.01 * np.sqrt(6 / 43)
    assert not layer.b_2.get_value().any() and layer.get_config()["scale"] == 0.01
    assert cell.count_params(3, 40) == sum(weight.get_value().size for weight in layer.params)


def test_long_terms_are_divided(cells):
    for cell in some_mutations(cells, 100):
        assert max(len(line) for line in cell.source().splitlines()) <= 150, cell.source()


# ---- Equal and other graphs -----------------------------------------------------------------------------------


def written_otherwise(cell, rng):
    """The same graph: nodes in another order, arguments of sums and products exchanged, and some more nodes."""
    nodes = [[name, *operands[::rng.choice([1, -1]) if name in ("sum", "product") else 1]]
             for name, *operands in cell.nodes]  # fmt: skip
    first = len(cell.inputs)
    for place, (name, *operands) in list(enumerate(nodes, first)):
        if not name.startswith("linear") and rng.random() < 0.3:  # One of its users reads a copy of it.
            nodes.append([name, *operands])
            users = [node for node in nodes[:-1] if place in node[1:]]
            if users:
                user = rng.choice(users)
                user[rng.choice([k for k in range(1, len(user)) if user[k] == place])] = first + len(nodes) - 1
    nodes.append(["linear 0", rng.randrange(first)])  # Nothing needs it.
    order = list(range(len(nodes)))
    rng.shuffle(order)
    new = {first + old: first + place for place, old in enumerate(order)}
    moved = [[nodes[old][0], *(new.get(operand, operand) for operand in nodes[old][1:])] for old in order]
    return type(cell)(cell.nb_states, moved, [new.get(output, output) for output in cell.outputs])


def test_equal_graphs_have_equal_keys(cells):
    rng = random.Random(1)
    for cell in [*cells.KNOWN.values(), *some_mutations(cells, 200)]:
        other = written_otherwise(cell, rng)
        assert other == cell and other.key == cell.key and hash(other) == hash(cell)
        assert json.loads(cell.key) == [cell.nb_states, cell.nodes, cell.outputs]
        assert cells.Cell.from_key(cell.key) == cell


def test_other_graphs_have_other_keys(cells):
    def cell(*nodes):
        return cells.Cell(1, nodes, [len(nodes) + 1])

    one_matrix = cell(["linear 0", 0], ["product", 2, 2], ["sum", 3, 1])
    two_matrices = cell(["linear 0", 0], ["linear 0", 0], ["product", 2, 3], ["sum", 4, 1])
    assert one_matrix != two_matrices
    assert cell(["linear 0", 0], ["difference", 1, 2]) != cell(["linear 0", 0], ["difference", 2, 1])
    assert cell(["tanh", 0], ["sum", 1, 2]) != cell(["sigmoid", 0], ["sum", 1, 2]) != "a cell"
    assert len({one.key for one in some_mutations(cells, 200)}) > 150


def test_what_is_no_graph(cells):
    for arguments, what in [((1, [["tan", 0]], [2]), "tan"), ((1, [["sum", 0]], [2]), "sum"),
                            ((1, [["tanh", 7]], [2]), "tanh of .7."), ((1, [["tanh", 2]], [2]), "needs itself"),
                            ((1, [["tanh", 0]], [5]), "outputs"), ((1, [["tanh", 0]], [2, 1]), "as many outputs"),
                            ((3, [["tanh", 0]], [2, 1, 0]), "1 or 2 states")]:  # fmt: skip
        with pytest.raises(ValueError, match=what):
            cells.Cell(*arguments)


def test_what_cannot_be_judged(cells):
    def wrong(nb_states, nodes, outputs):
        return cells.Cell(nb_states, nodes, outputs).what_is_wrong()

    assert all(cell.what_is_wrong() is None for cell in cells.KNOWN.values())
    assert "need the input" in wrong(1, [["linear 0", 1]], [2])
    assert "need the input" in wrong(1, [["linear 0", 0]], [2])
    assert "need the input" in wrong(2, [["linear 0", 0], ["sum", 3, 1]], [4, 2])  # c_t is c_tm1, for h_t of no use.
    assert wrong(2, [["linear 0", 0], ["sum", 3, 2], ["tanh", 1]], [4, 5]) is None  # c_t sees h_tm1.
    assert "no weights" in wrong(1, [["sum", 0, 1]], [2])
    assert "itself" in wrong(1, [["linear 0", 0], ["sum", 1, 2], ["difference", 3, 3], ["sum", 3, 4]], [5])
    chain = [["linear 0", 0], ["sum", 1, 2]] + [["linear 1", place] for place in range(3, 15)]
    assert "12 matrices" in wrong(1, chain, [len(chain) + 1])
    chain = [["linear 0", 0], ["sum", 1, 2]] + [["tanh", place] for place in range(3, 43)]
    assert "40 nodes" in wrong(1, chain, [len(chain) + 1])


# ---- Mutation -------------------------------------------------------------------------------------------------


def test_mutations_are_cells_and_all_kinds_occur(cells, monkeypatch):
    reached = set()

    def counted(mutation):
        def counting(graph, place, rng):
            reached.add(mutation.__name__)
            return mutation(graph, place, rng)
        return counting

    mutations = {one: counted(one) for one in cells.MUTATIONS}
    monkeypatch.setattr(cells, "MUTATIONS", tuple(mutations.values()))
    monkeypatch.setattr(cells, "remove", mutations[cells.remove])
    rng, cell = random.Random(0), cells.KNOWN["LSTM"]
    for _ in range(300):
        new = cells.mutated(cell, rng)
        assert new != cell and new.what_is_wrong() is None and new.nb_states == 2
        cell = new  # Far from the LSTM after a while.
    assert reached == {"change_function", "insert_activation", "insert_elementwise", "remove", "replace_by_ancestor",
                       "combine_ancestors"}  # fmt: skip


class First(random.Random):
    """Chance that always takes the first."""

    def choice(self, items):
        return items[0]

    def randrange(self, first, *more):
        return first


def test_what_each_mutation_does(cells):
    # 2 = W_1.x_t + b_1, 3 = tanh(2), 4 = 3 + h_tm1
    simple = cells.Cell(1, [["linear 0", 0], ["tanh", 2], ["sum", 3, 1]], [4])

    def mutated(mutation, place):
        graph = cells._Graph(simple)
        mutation(graph, place, First())
        return cells.Cell(1, [graph[place] for place in range(2, len(graph))], graph.outputs).equations().splitlines()

    assert simple.equations().splitlines() == ["a_1 = tanh(W_1.x_t + b_1)", "h_t = h_tm1 + a_1"]
    names = {place: name for place, (name, *_) in enumerate(simple.graph)}
    assert names == {0: "x_t", 1: "h_tm1", 2: "linear 0", 3: "tanh", 4: "sum"} and simple.graph[4] == ["sum", 1, 3]
    for mutation, place, lines in [
        (cells.change_function, 3, ["a_1 = sigmoid(W_1.x_t + b_1)", "h_t = h_tm1 + a_1"]),
        (cells.change_function, 4, ["a_1 = tanh(W_1.x_t + b_1)", "h_t = h_tm1 * a_1"]),
        (cells.insert_activation, 4, ["a_1 = sigmoid(h_tm1)", "a_2 = tanh(W_1.x_t + b_1)", "h_t = a_1 + a_2"]),
        (cells.insert_elementwise, 4, ["a_1 = tanh(W_1.x_t + b_1)", "h_t = P.x_t + h_tm1 + a_1"]),
        (cells.remove, 3, ["h_t = h_tm1 + W_1.x_t + b_1"]),
        (cells.replace_by_ancestor, 4, ["h_t = P.x_t"]),
        (cells.combine_ancestors, 4, ["h_t = P.x_t + P.x_t"]),
    ]:
        assert mutated(mutation, place) == lines, mutation.__name__


def test_a_node_is_not_combined_with_what_depends_on_it(cells):
    for seed in range(200):
        graph = cells._Graph(cells.KNOWN["GRU"])
        for place in range(graph.nb_inputs, len(graph)):
            cells.combine_ancestors(graph, place, random.Random(seed))
        assert all(place not in cells.ancestors(graph, place) for place in graph)


# ---- Trainings ------------------------------------------------------------------------------------------------


def test_memory(evolve):
    texts = [evolve.memory(random.Random(seed), symbols=3, letters=4) for seed in range(200)]
    assert all(re.fullmatch("([a-d]{3})=\\1", text) and begin == 4 for text, begin in texts)
    assert {text[0] for text, _ in texts} == set("abcd") and len(set(texts)) > 40


def test_a_network_has_no_more_weights_than_it_may(evolve, cells):
    for cell in [*cells.KNOWN.values(), *some_mutations(cells, 20)]:
        size, weights = evolve.size_for(cell, 27, 5000)
        model = rl.Sequential([cell.layer()(27, size, return_sequences=True), rl.TimeDistributedDense(size, 27)])
        assert weights == model.count_params() <= 5000
        assert cell.count_params(27, size + 1) + (size + 2) * 27 > 5000


def train(evolve, **setting):
    setting = {**dict(cell=evolve.KNOWN["SimpleRNN"].key, task="Memory", updates=40, budget=3000, held_out=50, number=0,
                      rate=0.01, scale=1.0, symbols=1, letters=3), **setting}  # fmt: skip
    return evolve.train(**setting)


def test_it_learns_and_stops_when_that_is_enough(evolve):
    found, again, enough = train(evolve), train(evolve), train(evolve, enough=60)
    assert found["made"] == 40 and found["validation"] > 60 and found["test"] > 60
    assert {name: found[name] for name in ("validation", "test")} == {name: again[name] for name in
                                                                      ("validation", "test")}  # fmt: skip
    assert enough["made"] < 40 and enough["validation"] >= 60


def test_what_diverges_has_nothing_right(evolve):
    explosive = evolve.Cell(1, [["linear 1.1", 1], ["product", 2, 2], ["linear 1.1", 0], ["sum", 3, 4]], [5])
    found = train(evolve, cell=explosive.key, scale=50.0, symbols=9)
    assert found["made"] < 40 and found["validation"] == found["test"] == 0.0


# ---- The search -----------------------------------------------------------------------------------------------


TASKS = {"Memory": dict(enough=95), "Arithmetic": {}, "XML": {}}
PLAN = dict(proposals=12, first=2, again=3, remembered=20, share=60, changed=0.5)


def as_if_trained(settings):
    """What might come of trainings: the same for the same setting, and an error now and then."""
    found = []
    for setting in settings:
        rng = random.Random(json.dumps(setting, sort_keys=True))
        numbers = dict(validation=rng.uniform(0, 100), test=rng.uniform(0, 100), compiling=1.0, training=2.0)
        found.append({**setting, **(numbers if rng.random() < 0.9 else {"error": "Traceback"})})
    return found


def searched(evolve, seed, generations):
    search = evolve.Search(TASKS, 5, seed, as_if_trained)
    search.run(generations, **PLAN)
    return search


def test_one_seed_one_search(evolve):
    def what_was_found(search):
        return [(one.cell.key, one.parent.name, one.ended, one.found) for one in search.proposed]

    first, again, longer, other = (searched(evolve, *how) for how in ((0, 4), (0, 4), (0, 5), (1, 4)))
    assert what_was_found(first) == what_was_found(again) != what_was_found(other)
    assert [one.cell for one in longer.proposed[:48]] == [one.cell for one in first.proposed]
    assert evolve.report(first) == evolve.report(again)


def test_a_new_cell_is_put_away_at_the_first_task_that_it_does_not_pass(evolve):
    search = searched(evolve, 0, 6)
    assert {one.ended for one in search.proposed} == {"Memory", "Arithmetic", "XML", None}
    for one in search.proposed:
        passed = [one.found["Memory"] and evolve.accuracy_of(one.best("Memory")) >= 20]
        passed += [bool(one.found[task]) and search.relative(one, task) >= 0.6 for task in evolve.JUDGED_BY]
        tried = [len(one.found[task]) for task in TASKS]
        assert tried[0] == 1 and all(count in (0, 2, 4, 5) for count in tried[1:])
        assert one.ended == (None if all(passed) else list(TASKS)[passed.index(False)])
        assert bool(tried[1]) == passed[0] and bool(tried[2]) == (passed[0] and passed[1])
        assert (one in search.listed) == (one.ended is None)
        assert one.parent in search.listed and one.cell.nb_states == one.parent.cell.nb_states
    assert len({one.cell for one in search.proposed}) == 6 * 12
    assert [len(one.found["XML"]) for one in search.best_found(3)] == [5] * 3, "the best are tried with all settings"
    for one in search.references.values():
        assert [len(one.found[task]) for task in TASKS] == [1, 5, 5]
    numbers = [[found["number"] for found in one.found["XML"]] for one in search.listed]
    assert all(some == list(range(len(some))) for some in numbers), "all are tried with the same settings"
    assert search.score(search.references["GRU"]) == 1
    scores = [search.score(one) for one in search.ranked(search.listed)]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) > 3


def test_all_may_fail(evolve, tmp_path):
    search = evolve.Search(TASKS, 2, 0, lambda settings: [dict(setting, error="Traceback") for setting in settings])
    search.run(1, **PLAN)
    assert [one.ended for one in search.proposed] == ["Memory"] * 12
    assert "No new cell has come into the list" in evolve.report(search)
    evolve.save(evolve.draw(search), tmp_path / "a.png")


TINY = ["--quick", "--generations", "1", "--proposals", "1", "--settings", "1", "--updates", "2", "--budget", "2000",
        "--held-out", "5", "--remembered", "0", "--share", "0"]  # fmt: skip


def command(directory, *arguments):
    """The program, with the engine compiling nothing, which is fastest for so small a size."""
    flags = f"cxx=,linker=vm,optimizer=fast_compile,base_compiledir={directory / 'compiled'}"
    environment = dict(os.environ, THEANO_FLAGS=flags, PYTENSOR_FLAGS=flags, PYTHONIOENCODING="utf-8")
    return dict(args=[sys.executable, str(EXAMPLES / "evolve.py"), *arguments], cwd=directory, env=environment,
                stdin=subprocess.DEVNULL, encoding="utf-8")  # fmt: skip


def run(directory, *arguments):
    return subprocess.run(**command(directory, *arguments), capture_output=True)


def finished(path):
    """What is known of each training that has finished."""
    with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM trainings ORDER BY task, cell, number, updates").fetchall()
    return []


def test_a_search_that_was_killed_goes_on(tmp_path):
    pytest.importorskip("distributed")
    results = tmp_path / "evolve_results"
    here = [*TINY, "--cluster", "none"]
    with subprocess.Popen(**command(tmp_path, *here), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while len(finished(results)) < 6 and process.poll() is None:
            time.sleep(0.05)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    before = finished(results)
    assert 6 <= len(before) < 18

    done = run(tmp_path, *TINY)  # Now on a cluster of two processes or more.
    assert done.returncode == 0, done.stderr
    after = finished(results)
    assert {row[:len(before[0])] for row in before} <= {row[:len(before[0])] for row in after}
    assert len(after) == 4 * 3 + 3 + 3  # Of the references, of the new cell, and for the estimate.
    check_what_was_printed(done.stdout)
    assert (tmp_path / "evolve.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"

    again = run(tmp_path, *here)
    assert again.stdout == done.stdout and finished(results) == after


def check_what_was_printed(text):
    """A table, equations, a layer that can be pasted, and the cost."""
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    assert rows[0] == "cell" and {*rows[1:]} == {"SimpleRNN", "GRU", "LSTM", "JZS1", "1"}
    assert "generation 1: of 1 new cells 1 remember, 1 calculate, and 1 come into the list" in text
    assert re.search(r"a day on 100 cores would judge [\d,]+ new cells in [\d,]+ trainings", " ".join(text.split()))
    source = re.search("^import numpy.*?^        return h_t[^\n]*\n", text, re.DOTALL | re.MULTILINE).group()
    pasted = {}
    exec(source, pasted)
    for line in re.search(r"Cell 1:\n\n(.*?)\n\n", text, re.DOTALL).group(1).splitlines():
        assert f"        {line}\n" in source
    model = rl.Sequential([pasted["Evolved1"](3, 5), rl.Dense(5, 2)])
    again = rl.model_from_json(model.to_json(), custom_objects={"Evolved1": pasted["Evolved1"]})
    assert again.get_config() == model.get_config()


def test_help(tmp_path):
    done = run(tmp_path, "--help")
    assert done.returncode == 0, done.stderr
    for text in ("--quick", "--cluster", "--results", "--output", "python examples/evolve.py --quick"):
        assert text in done.stdout


def test_the_gallery_says_how_many_cells_are_judged(evolve, monkeypatch):
    gallery = " ".join((EXAMPLES / "README.md").read_text(encoding="utf-8").split())
    by_default, command, shown = re.search(
        r"`python examples/evolve.py --quick` judges (\d+) new cells .*?`python (examples/evolve.py --quick .*?)`: .*? "
        r"by which (\d+) new cells", gallery).groups()  # fmt: skip
    for arguments, cells in (("evolve.py --quick", by_default), (command, shown)):
        monkeypatch.setattr(sys, "argv", arguments.split())
        parsed = evolve.parsed_arguments()
        assert parsed.generations * parsed.proposals == int(cells)


@pytest.mark.parametrize("wrong", [["--generations", "0"], ["--held-out", "0"], ["--settings", "21"]])
def test_wrong_arguments(evolve, monkeypatch, capsys, wrong):
    monkeypatch.setattr(sys, "argv", ["evolve.py", *wrong])
    with pytest.raises(SystemExit, match="2"):
        evolve.main()
    assert wrong[0] in capsys.readouterr().err.splitlines()[-1]


def test_what_is_missing_is_said_in_one_line(evolve, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SystemExit, match=r'pip install -e ".\[sweep\]"'):
        evolve.workers("local").__enter__()
