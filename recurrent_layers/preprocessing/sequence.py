"""Sequences of different lengths, in one array."""

import numpy as np


def pad_sequences(sequences, maxlen=None, dtype='int32', padding='pre', truncating='pre', value=0.0):
    """Bring sequences to one length, for a layer that masks the padding.

    Parameters
    ----------
    sequences : iterable of sequences
        Each of shape (length,) or (length, dim, ...), with the same dim in all.
    maxlen : int, optional
        The length; by default that of the longest.
    dtype : str or numpy.dtype
        Of the result.
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
        If there are no sequences, `padding` or `truncating` is neither "pre" nor "post", or the sequences
        differ in more than their lengths.
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in ("pre", "post"):
            raise ValueError(f"{name} must be 'pre' or 'post', got {side!r}")
    sequences = [np.asarray(sequence) for sequence in sequences]
    if not sequences:
        raise ValueError("there are no sequences to pad")
    shapes = {sequence.shape[1:] for sequence in sequences if len(sequence)} or {()}
    if len(shapes) > 1:
        raise ValueError(f"sequences may differ in length only, but their steps have shapes {sorted(shapes)}")
    if maxlen is None:
        maxlen = max(len(sequence) for sequence in sequences)
    padded = np.full((len(sequences), maxlen) + shapes.pop(), value, dtype=dtype)
    for row, sequence in zip(padded, sequences):
        if len(sequence) > maxlen:
            sequence = sequence[len(sequence) - maxlen:] if truncating == "pre" else sequence[:maxlen]
        start = maxlen - len(sequence) if padding == "pre" else 0
        if len(sequence):
            row[start:start + len(sequence)] = sequence
    return padded
