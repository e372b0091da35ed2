"""Sequences of different lengths, in one array."""

import numpy as np

from recurrent_layers.utils.arguments import choice, integer, items, shown
from recurrent_layers.utils.arrays import converted


def pad_sequences(sequences, maxlen=None, dtype='int32', padding='pre', truncating='pre', value=0.0):
    """Bring sequences to one length, for a layer that masks the padding.

    Parameters
    ----------
    sequences : iterable of sequences
        Each of shape (length,) or (length, dim, ...), with the same dim in all.
    maxlen : int, optional
        The length; by default that of the longest.
    dtype : str or numpy.dtype
        Of the result: sequences of anything but integers need another one than the default.
    padding : {"pre", "post"}
        Whether shorter sequences are padded before or after.
    truncating : {"pre", "post"}
        Whether longer sequences lose their beginning or their end.
    value : float
        What is padded with.

    Returns
    -------
    numpy.ndarray
        Shape (nb_samples, maxlen) or (nb_samples, maxlen, dim, ...).

    Raises
    ------
    ValueError
        If there are no sequences, an argument is none of these, the sequences differ in more than their lengths, or
        `dtype` cannot hold a number of them, or `value`.
    """
    padding, truncating = (choice(name, side, "pre", "post")
                           for name, side in (("padding", padding), ("truncating", truncating)))  # fmt: skip
    dtype = _of_numbers(dtype)
    value = converted("value", value, dtype)
    if value.ndim:
        raise ValueError(f"value must be a number, got {shown(value)}")
    sequences = [converted("sequences", sequence, dtype, "pass another dtype, such as dtype='float32'")
                 for sequence in items("sequences", sequences, "sequences")]  # fmt: skip
    if not sequences:
        raise ValueError("there are no sequences to pad")
    if not all(sequence.ndim for sequence in sequences):
        raise ValueError("sequences must be a list of sequences, but there are single numbers in it")
    shapes = {sequence.shape[1:] for sequence in sequences if len(sequence)} or {()}
    if len(shapes) > 1:
        raise ValueError(f"sequences may differ in length only, but their steps have shapes {sorted(shapes)}")
    longest = max(len(sequence) for sequence in sequences)
    maxlen = longest if maxlen is None else integer("maxlen", maxlen)
    padded = np.full((len(sequences), maxlen) + shapes.pop(), value, dtype=dtype)
    for row, sequence in zip(padded, sequences):
        if len(sequence) > maxlen:
            sequence = sequence[len(sequence) - maxlen:] if truncating == "pre" else sequence[:maxlen]
        start = maxlen - len(sequence) if padding == "pre" else 0
        if len(sequence):
            row[start:start + len(sequence)] = sequence
    return padded


def _of_numbers(dtype):
    """A type of NumPy for numbers."""
    try:
        found = np.dtype(dtype) if isinstance(dtype, (str, type, np.dtype)) else None
    except (TypeError, ValueError):
        found = None
    if found is None or found.kind not in "fiub":
        raise ValueError(f"dtype must be a type of numbers, such as 'int32' or 'float32', got {shown(dtype)}")
    return found
