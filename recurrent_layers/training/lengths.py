"""Batches of samples of about the same length, cut to the steps that the longest of them needs."""

import numpy as np

from recurrent_layers.layers.wrappers import Bidirectional
from recurrent_layers.training.data import rows
from recurrent_layers.utils.arguments import shown
from recurrent_layers.utils.arrays import slices
from recurrent_layers.utils.building import one_output_for_each_layer
from recurrent_layers.warned import warn


def warn_of_truncated_padding(layers, reader, X):
    """Warn if gradients are carried through the last so many steps, and those of some samples are padding.

    It costs a look at one step of the first samples.

    Parameters
    ----------
    layers : list of Layer
        All of a model, in their order.
    reader : Layer
        The one that takes `X`.
    X : numpy.ndarray or Elsewhere
    """
    padding = getattr(reader, "mask_value", 0 if getattr(reader, "mask_zero", False) else None)
    is_reversed, warned_of = False, None
    for layer in layers if padding is not None else ():
        for one in (layer.forward, layer.backward) if isinstance(layer, Bidirectional) else (layer,):
            goes_backwards, steps = getattr(one, "go_backwards", False), getattr(one, "truncate_gradient", -1)
            with one_output_for_each_layer([]):
                mask = layer.get_input_mask(False) if 0 < steps < X.shape[1] and warned_of is None else None
            if mask is not None:
                is_at_the_end = goes_backwards == is_reversed
                step = rows(np.asarray(X[next(iter(slices(X)))])[:, -1 if is_at_the_end else 0])
                count = int((step == padding).reshape(len(step), -1).all(axis=1).sum())
                warned_of = (one, is_at_the_end, count, len(step)) if count else None
        is_reversed ^= layer is one and goes_backwards and layer.return_sequences
    if warned_of is not None:
        layer, is_at_the_end, count, of = warned_of
        ends, side = ("end", "left") if is_at_the_end else ("begin", "right")
        warn(f"{count} of the first {of} samples {ends} with padding, and {type(layer).__name__} carries gradients "
             f"through its last {layer.truncate_gradient} steps only (truncate_gradient), padding among them: what is "
             f"real may not be trained at all. Pad on the {side}, or pass truncate_gradient=-1")


class Steps:
    """Which steps of samples are real, as the first layer of a model says, which makes the mask from the input.

    Parameters
    ----------
    model : Sequential
        Compiled.

    Raises
    ------
    ValueError
        If that layer makes no mask, or the outputs have steps but no mask: steps that are cut off would count in the
        loss. Or if a layer has weights for each step, such as PReLU((timesteps, n)).
    """

    def __init__(self, model):
        readers, output = model._readers(), model._compiled().output
        if len(readers) > 1:
            raise ValueError("by_length needs a model with one input, whose steps it cuts, not with "
                             f"{len(readers)}: leave by_length out")
        first, = readers
        mask, of_output = first.get_output_mask(False), model.get_output_mask(False)
        if mask is None:
            raise ValueError("by_length needs a model whose first layer makes a mask from the input, but "
                             f"{type(first).__name__} makes none: begin with Masking() or Embedding(..., "
                             "mask_zero=True), or leave by_length out")
        shape = model.output_shape
        if of_output is None and output.ndim > 2 and (shape is None or shape[1] is None):
            raise ValueError("by_length cuts off steps that are padding, but here the outputs have steps, and no mask "
                             "that says which of them are: let the layers of your own hand it on (get_output_mask), or "
                             "leave by_length out")
        self.labels_have_steps = of_output is not None
        self._layers, masks = [first], [mask]
        for layer in model._all_layers():
            if len(getattr(layer, "sample_shape", ())) > 1:
                raise ValueError(f"by_length cuts off steps, but {shown(layer)} has weights for each of them: leave "
                                 "by_length out")
            if layer is not first and layer.get_output_mask(False) is not None:
                self._layers.append(layer)
                masks.append(layer.get_output_mask(False))
        if self.labels_have_steps:
            masks.append(of_output)
        self._masks = model._compiled().of_inputs("masks", masks)

    def of(self, X):
        """The real steps of each sample.

        Parameters
        ----------
        X : numpy.ndarray or Elsewhere
            (nb_samples, timesteps, ...), of which no more than a piece is read at once.

        Returns
        -------
        starts, stops : numpy.ndarray of int
            The first real step of each sample, and the one after the last; `timesteps` and 0 if there is none.
        labels_are_reversed : bool
            Whether the steps of the outputs are in the other order, as of a layer that goes backwards.

        Raises
        ------
        ValueError
            If another layer has a mask in which padding is real, or that of the outputs is another one.
        """
        timesteps = X.shape[1]
        found, as_they_are, reversed_ = [], True, True
        for part in slices(X):
            (starts, stops), *others = (self._ends(mask, (part.stop - part.start, timesteps))
                                        for mask in self._masks(rows(X, part)))
            found.append((starts, stops))
            ends = [(starts, stops), (timesteps - stops, timesteps - starts)]
            for layer, (first, last) in zip(self._layers[1:], others):
                if not any(np.all((first >= start) & (last <= stop)) for start, stop in ends):
                    raise ValueError(f"by_length cuts off what {type(self._layers[0]).__name__} masks, but for "
                                     f"{type(layer).__name__}, which has another mask, there are real steps among "
                                     "these: leave by_length out")
            if self.labels_have_steps:
                as_they_are, reversed_ = (so_far and all(map(np.array_equal, others[-1], expected))
                                          for so_far, expected in zip((as_they_are, reversed_), ends))
        if not as_they_are and not reversed_:
            raise ValueError("by_length cuts off the same steps of labels as of inputs, but the mask of the outputs is "
                             "not that of the inputs: leave by_length out")
        starts, stops = map(np.concatenate, zip(*found))
        return starts, stops, not as_they_are

    def _ends(self, mask, shape):
        """The first step of each sample that a mask has, and the one after the last."""
        if mask.shape != shape:
            raise ValueError(f"by_length needs masks of the shape of the input, {shape}, but a layer has one of shape "
                             f"{mask.shape}: leave by_length out")
        is_real = np.asarray(mask) != 0
        starts, stops = is_real.argmax(axis=1), shape[1] - is_real[:, ::-1].argmax(axis=1)
        has_any = is_real.any(axis=1)
        return np.where(has_any, starts, shape[1]), np.where(has_any, stops, 0)


class ByLength:
    """Batches of samples of about the same length, without steps that are padding in all of them; see `batches`.

    Parameters
    ----------
    samples : Samples
    batch_size : int
    shuffle : bool
        Whether samples of the same length come together by chance, and batches in any order; else the shortest come
        first.
    steps : Steps
    """

    order = None

    def __init__(self, samples, batch_size, shuffle, steps):
        self.samples, self.batch_size, self.shuffle = samples, batch_size, shuffle
        self.nb_samples = len(samples)
        self.config = {"nb_samples": self.nb_samples, "batch_size": batch_size, "shuffle": shuffle, "by_length": True}
        self._starts, self._stops, self._are_reversed = steps.of(*samples.inputs)
        self._labels_have_steps = steps.labels_have_steps
        self._lengths = np.maximum(self._stops - self._starts, 0)

    def epoch(self):
        order = np.arange(self.nb_samples)
        whole, rest = divmod(self.nb_samples, self.batch_size)
        sizes = [self.batch_size] * whole + [rest] * (rest > 0)
        if self.shuffle:
            np.random.shuffle(order)
            np.random.shuffle(sizes)  # So that batches begin elsewhere in each epoch.
        order = order[np.argsort(self._lengths[order], kind="stable")]
        parts = np.split(order, np.cumsum(sizes)[:-1])
        if self.shuffle:
            parts = [parts[k] for k in np.random.permutation(len(parts))]
        for ids in parts:
            yield self._cut(ids)

    def _cut(self, ids):
        (X,), (y, weights) = self.samples.inputs, self.samples.labels(ids)
        start, stop = self._starts[ids].min(), self._stops[ids].max()
        # Where all is padding a single step is as good as any.
        start, stop = (start, stop) if start < stop else (0, 1)
        if self._labels_have_steps:
            of_labels = slice(X.shape[1] - stop, X.shape[1] - start) if self._are_reversed else slice(start, stop)
            y, weights = y[:, of_labels], weights[:, of_labels]
        # What is in memory is cut before it is copied.
        X = rows(X[:, start:stop], ids) if isinstance(X, np.ndarray) else rows(X, ids)[:, start:stop]
        return X, y, weights
