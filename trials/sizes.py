"""All recurrent layers at odd sizes."""

import random

import numpy as np

import recurrent_layers as rl
from recurrent_layers import engine
from recurrent_layers.engine import tensor as T
from recurrent_layers.layers import zoo
from recurrent_layers.recurrence.loops import Loops
from trials import sanitizer
from trials.children import in_children

SEVEN = ("SimpleRNN", "SimpleDeepRNN", "GRU", "LSTM", "JZS1", "JZS2", "JZS3")
CELLS = [getattr(rl, name) for name in SEVEN] + [getattr(zoo, name) for name in zoo.__all__]
SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33)
SECONDS = 900.0  # Sanitizers make compilers slow.
TOLERANCE = 1e-3  # Of sums in float32, relative to the largest.


def trial(run):
    """All recurrent layers at odd sizes, in C: samples together have the outputs and gradients that they have alone."""
    cells = set()

    def work(number):
        cell, chance = CELLS[number % len(CELLS)], random.Random(f"{run.seed} {number}")
        sizes = [chance.choice(SIZES) for _ in range(4)]
        run.notes(f"{cell.__name__}: {sizes} (nb_samples, timesteps, input_dim, output_dim), number {number}")
        return cell.__name__, problem_of(cell, *sizes, chance), run.noted()

    run.begins()
    said = 0
    for case in in_children(work, run.goes_on, SECONDS):
        run.tried += 1
        if case.problem:
            run.fails(sanitizer.reported(run.folder, said) or case.problem, f"{run.noted()} {case.where}".strip())
        else:
            name, problem, what = case.value
            cells.add(name)
            if problem:
                run.fails(f"{name}: {problem}", what)
        said = sanitizer.size_of_log(run.folder)
    run.figures.update(cells=len(cells))
    wrong = sum(known["count"] for known in run.failures.values())
    return f"{run.tried} layers of {len(cells)} kinds at odd sizes: {run.tried - wrong} right, {wrong} wrong"


def problem_of(cell, nb_samples, timesteps, input_dim, output_dim, chance):
    """What is wrong with a layer of these sizes; "" if nothing is."""
    np.random.seed(chance.randrange(2**31))
    options = {"return_sequences": chance.random() < 0.5, "go_backwards": chance.random() < 0.3,
               "truncate_gradient": chance.choice((-1, -1, 2))}  # fmt: skip
    layer = cell(input_dim, output_dim, **options)
    masking, x = rl.Masking(), T.tensor3()
    masking.input = x
    layer.set_previous(masking)
    params = [weight.type() for weight in layer.params]
    y = layer.get_output()
    given = dict(zip(layer.params, params))
    wanted = [y] + T.grad(T.sum(T.sqr(y)), layer.params)
    function = engine.function([x, *params], wanted, givens=given, on_unused_input="ignore")
    if not any(isinstance(node.op, Loops) for node in function.maker.fgraph.toposort()):
        return "it does not run in C"
    weights = [weight.get_value() for weight in layer.params]
    X = np.random.randn(nb_samples, timesteps, input_dim).astype(engine.config.floatX)
    X[chance.randrange(nb_samples), :chance.randrange(timesteps + 1)] = 0
    together = function(X, *weights)
    alone = [function(X[k:k + 1], *weights) for k in range(nb_samples)]
    expected = [np.concatenate([found[0] for found in alone])] + [sum(found) for found in list(zip(*alone))[1:]]
    for name, found, right in zip(["output"] + [weight.name for weight in layer.params], together, expected):
        if not np.isfinite(found).all():
            return f"{name} is not finite"
        if np.abs(found - right).max(initial=0) > TOLERANCE * max(1.0, np.abs(right).max(initial=0)):
            return f"{name} of samples together is not that of samples alone"
    return ""
