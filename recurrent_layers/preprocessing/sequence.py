"""Sequences of different lengths in one array, and words beside others."""

from __future__ import annotations

import random
from typing import Any, Iterable, Literal

import numpy as np

from recurrent_layers.typing import Array, ArrayLike, DType
from recurrent_layers.utils.arguments import choice, flag, integer, items, number, shown
from recurrent_layers.utils.arrays import converted, dtype_of_numbers

__all__ = ["make_sampling_table", "pad_sequences", "skipgrams"]


def pad_sequences(sequences: Iterable[ArrayLike], maxlen: int | None = None, dtype: DType = 'int32',
                  padding: Literal["pre", "post"] = 'pre', truncating: Literal["pre", "post"] = 'pre',
                  value: float = 0.0) -> Array:
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

    Examples
    --------
    >>> from recurrent_layers.preprocessing.sequence import pad_sequences
    >>> pad_sequences([[1, 2, 3], [4]]).tolist()
    [[1, 2, 3], [0, 0, 4]]
    >>> pad_sequences([[1, 2, 3], [4]], maxlen=2, padding="post", truncating="post").tolist()
    [[1, 2], [4, 0]]
    >>> pad_sequences([[[0.5, 1.5]], [[2.5, 3.5], [4.5, 5.5]]], dtype="float32").shape
    (2, 2, 2)
    """
    padding, truncating = (choice(name, side, "pre", "post")
                           for name, side in (("padding", padding), ("truncating", truncating)))  # fmt: skip
    dtype = dtype_of_numbers(dtype)
    fill = converted("value", value, dtype)
    if fill.ndim:
        raise ValueError(f"value must be a number, got {shown(fill)}")
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
    padded = np.full((len(sequences), maxlen) + shapes.pop(), fill, dtype=dtype)
    for row, sequence in zip(padded, sequences):
        if len(sequence) > maxlen:
            sequence = sequence[len(sequence) - maxlen:] if truncating == "pre" else sequence[:maxlen]
        start = maxlen - len(sequence) if padding == "pre" else 0
        if len(sequence):
            row[start:start + len(sequence)] = sequence
    return padded


def make_sampling_table(size: int, sampling_factor: float = 1e-5) -> Array:
    """The probability to keep a word of each rank, which is the lower the more frequent it is, as in word2vec.

    ::

        p = min(1, sqrt(sampling_factor / frequency))
        1 / frequency = rank (log(rank) + 0.577) + 1/2 - 1 / (12 rank)    (Zipf's law)

    Parameters
    ----------
    size : int
        The number of ranks, which begin at 1 for the most frequent word; at 0 stands the same as at 1.
    sampling_factor : float

    Returns
    -------
    numpy.ndarray
        Shape (size,), of float64.

    Raises
    ------
    ValueError
        If `size` is not an integer of at least 1, or `sampling_factor` no number above 0.

    References
    ----------
    Mikolov et al. (2013), arXiv:1310.4546.

    Examples
    --------
    >>> from recurrent_layers.preprocessing.sequence import make_sampling_table
    >>> make_sampling_table(1000)[[1, 10, 100, 999]].round(4).tolist()
    [0.0032, 0.0171, 0.072, 0.2734]
    """
    size, sampling_factor = integer("size", size), number("sampling_factor", sampling_factor, least=0.0)
    if not sampling_factor:
        raise ValueError("sampling_factor must be above 0, got 0")
    rank = np.maximum(np.arange(size), 1)
    scaled = sampling_factor * (rank * (np.log(rank) + 0.577) + 0.5 - 1.0 / (12.0 * rank))
    return np.minimum(1.0, scaled / np.sqrt(scaled))


def skipgrams(sequence: Iterable[int], vocabulary_size: int, window_size: int = 4, negative_samples: float = 1.0,
              shuffle: bool = True, categorical: bool = False,
              sampling_table: ArrayLike | None = None) -> tuple[list[list[int]], list[Any]]:
    """Couples of words: those that stand near each other, labelled 1, and random ones, labelled 0.

    Parameters
    ----------
    sequence : iterable of int
        Words; 0 is none, and is passed over.
    vocabulary_size : int
        The largest word that a random one may be, plus 1.
    window_size : int
        How many words away on either side another one may stand.
    negative_samples : float
        How many random couples there are for each other one.
    shuffle : bool
        Whether the couples are shuffled.
    categorical : bool
        Whether labels are ``[0, 1]`` and ``[1, 0]`` rather than 1 and 0.
    sampling_table : array_like, optional
        The probability with which each word is kept as the first of a couple; see :func:`make_sampling_table`.

    Returns
    -------
    couples : list of [int, int]
    labels : list of int, or of list of int

    Raises
    ------
    ValueError
        If an argument is none of these, or `sampling_table` has no number for a word. Nothing has been drawn then.

    Notes
    -----
    It draws from Python's `random`, as Keras 0.1 did: the same couples for one `random.seed`. Where it shuffles it
    seeds that anew.

    References
    ----------
    Mikolov et al. (2013), arXiv:1301.3781.

    Examples
    --------
    >>> from recurrent_layers.preprocessing.sequence import skipgrams
    >>> skipgrams([5, 6, 7], vocabulary_size=8, window_size=1, negative_samples=0, shuffle=False)
    ([[5, 6], [6, 5], [6, 7], [7, 6]], [1, 1, 1, 1])
    """
    words = converted("sequence", items("sequence", sequence, "integers"), "int64", "words are integers")
    if words.ndim != 1 or words.size and words.min() < 0:
        raise ValueError(f"sequence must be a list of integers of at least 0, got {shown(words)}")
    negative_samples = number("negative_samples", negative_samples, least=0.0)
    vocabulary_size = integer("vocabulary_size", vocabulary_size, least=2 if negative_samples else 1)
    window_size, shuffle = integer("window_size", window_size, least=0), flag("shuffle", shuffle)
    positive, negative = ([0, 1], [1, 0]) if flag("categorical", categorical) else (1, 0)
    if sampling_table is not None:
        sampling_table = converted("sampling_table", sampling_table, "float64")
        if sampling_table.ndim != 1 or words.size and words.max() >= len(sampling_table):
            raise ValueError(f"sampling_table must have a number for each word, up to {words.max(initial=0)}, got "
                             f"{shown(sampling_table)}")
    words, couples = words.tolist(), []
    for i, word in enumerate(words):
        if word and (sampling_table is None or sampling_table[word] >= random.random()):
            first = max(0, i - window_size)
            others = words[first:i] + words[i + 1:i + window_size + 1]
            couples += [[word, other] for other in others if other]
    labels: list[Any] = [positive] * len(couples)
    if negative_samples:
        firsts = [word for word, _ in couples]
        random.shuffle(firsts)
        count = int(len(labels) * negative_samples)
        couples += [[firsts[i % len(firsts)], random.randint(1, vocabulary_size - 1)] for i in range(count)]
        labels += [negative] * count
    if categorical:
        labels = [list(label) for label in labels]
    if shuffle:
        seed = random.randint(0, 10**7)
        for values in (couples, labels):
            random.seed(seed)
            random.shuffle(values)
    return couples, labels
