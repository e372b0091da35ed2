"""The graphs of a training step of which several processes do a part each: of the samples of a batch.

The loss of a batch is a weighted mean over its samples and steps, with penalties. A part of it belongs to each process,

::

    factor * with_penalties(factor_of_data * loss of the data of its samples)

where `factor` is its share of the samples, and `factor` times `factor_of_data` its share of what they weigh. These
parts add up to the loss of the batch, and their gradients to its gradient: penalties on weights are the same
everywhere, and those on outputs are means over samples.
"""

from typing import Any, NamedTuple

from recurrent_layers import engine
from recurrent_layers.engine import tensor as T
from recurrent_layers.recurrence.graphs import substitute


class OfTraining(NamedTuple):
    """What a training step is made of."""

    optimizer: Any
    params: list
    constraints: list
    loss: Any  # Of the data, without penalties.
    steps: list
    updates: list

    def steps_for(self, gradients):
        """The same steps with other gradients."""
        optimizer = self.optimizer
        kept = vars(optimizer).copy()
        # The gradients of this loss are these, whatever an optimizer does with its gradients.
        loss = sum(T.sum(param * gradient) for param, gradient in zip(self.params, gradients))
        steps = optimizer.get_updates(self.params, self.constraints, loss) if self.params else []
        vars(optimizer).update(kept)
        # It remembers in other variables now.
        others = {other: variable for (other, _), (variable, _) in zip(steps, self.steps) if other is not variable}
        return list(zip((variable for variable, _ in self.steps), substitute([new for _, new in steps], others)))


def counted(weights, mask):
    """What samples, or their steps, weigh: nothing where they are masked."""
    return weights if mask is None else weights * T.shape_padright(mask, weights.ndim - 2)


def counted_alike(counts):
    """How much of what weighs this counts in the accuracy, where weights do not matter."""
    return T.cast(T.gt(counts, 0), counts.dtype)


def graphs(graph_of_step, of_training, mask):
    """What is compiled.

    Parameters
    ----------
    graph_of_step : tuple
        The inputs, outputs and updates of a step with a whole batch.
    of_training : OfTraining
    mask : symbolic variable or None
        That of the model's output.

    Returns
    -------
    dict
        Inputs, outputs and updates of three functions:

        - "counts", from the inputs and weights of a batch to what each of its samples weighs in the loss, and how much
          of it counts in the accuracy;
        - "gradients", from some samples of a batch as a step takes them, the index of the first of them, how many
          samples the batch has, `factor_of_data` and `factor`, to this part of the loss, the accuracy of these samples,
          and the gradients of that;
        - "update", from the gradients of the whole loss to nothing: it makes the step.

    Raises
    ------
    ValueError
        If a part cannot be computed by itself.
    """
    inputs, (with_penalties, accuracy, *_), _ = graph_of_step
    if of_training.updates or hasattr(of_training.loss.tag, "of_all_rows"):
        name = "the loss gives one number for"
        if of_training.updates:
            name = "a layer, such as BatchNormalization, looks at"
        raise ValueError(f"{name} all samples of a batch, and so they cannot be trained on in parts: train without "
                         "distributed=True")
    first, nb_samples = T.lscalar("first"), T.lscalar("nb_samples")
    factor_of_data, factor = T.scalar("factor_of_data"), T.scalar("factor")
    outputs, states = _drawn_for_a_part([of_training.loss, with_penalties, accuracy], first, nb_samples)
    of_data, with_penalties, accuracy = outputs
    loss, = substitute([with_penalties * factor], {of_data: of_data * factor_of_data})
    weights = inputs[-1]
    counts = counted(weights, mask)
    gradients = [param.type(f"gradient_{k}") for k, param in enumerate(of_training.params, 1)]
    return {
        "counts": (inputs, [one.sum(axis=1) if one.ndim > 1 else one
                            for one in (counts, counted_alike(counts))], []),
        "gradients": ([*inputs, first, nb_samples, factor_of_data, factor],
                      [loss, accuracy, *T.grad(loss, of_training.params)], states),
        "update": (gradients, [], of_training.steps_for(gradients)),
    }  # fmt: skip


def _drawn_for_a_part(outputs, first, nb_samples):
    """The same outputs, with the random numbers of a part of a batch that are drawn for the whole of it.

    Parameters
    ----------
    outputs : list of symbolic variables
    first, nb_samples : symbolic variables
        The index of the first sample in the batch, and how many there are in it.

    Returns
    -------
    outputs : list of symbolic variables
    states : list of (shared variable, new value)
        What becomes of the streams of random numbers.

    Raises
    ------
    ValueError
        If there are others than those that :meth:`DrawsNumbers.draw` gave.
    """
    parts, states = {}, {}
    variables = [variable for node in engine.io_toposort([], outputs) for variable in node.outputs]
    for variable in variables:
        if hasattr(variable.tag, "of_samples"):
            of_part, axis = variable.tag.of_samples
            after = {one: one.default_update for one in _streams([variable], engine.Shape)}
            # Its shape may be that of something for which numbers have been drawn before.
            whole, *after_whole = substitute([variable, *after.values()], {of_part: nb_samples, **parts})
            end = first + substitute([of_part.owner.inputs[0]], parts)[0]
            parts[variable] = whole[(slice(None),) * axis + (slice(first, end),)]
            states.update(zip(after, after_whole))
    if not set(_streams(outputs)) <= set(states):
        raise ValueError("a layer of your own draws random numbers, of which each process would draw others than for "
                         "the whole batch: let it be a DrawsNumbers, and draw by its method `draw`")
    return substitute(outputs, parts), list(states.items())


def _streams(outputs, but_for=()):
    """The streams of random numbers that some variables depend on, but for what depends on them by some ops."""
    left, seen = list(outputs), {}
    while left:
        variable = left.pop()
        if variable not in seen and variable.owner is not None and not isinstance(variable.owner.op, but_for):
            left.extend(variable.owner.inputs)
        seen[variable] = getattr(variable, "default_update", None) is not None
    return [variable for variable, is_stream in seen.items() if is_stream]
