"""Texts as sequences of words, with labels: what `imdb` and `reuters` share."""

from typing import List, Tuple

import numpy as np

from recurrent_layers.datasets import pickles
from recurrent_layers.datasets.data_utils import get_file
from recurrent_layers.utils.arguments import integer, number

#: Texts, and the label of each.
Texts = Tuple[List[List[int]], List[int]]


def load(path, origin, nb_words, skip_top, maxlen, test_split, seed, start_char, oov_char, index_from):
    """Read, shuffle and split; see :func:`recurrent_layers.datasets.imdb.load_data`."""
    nb_words, maxlen, start_char, oov_char = (value if value is None else integer(name, value, least=0)
                                              for name, value in (("nb_words", nb_words), ("maxlen", maxlen),
                                                                  ("start_char", start_char), ("oov_char", oov_char)))
    skip_top, index_from = integer("skip_top", skip_top, least=0), integer("index_from", index_from, least=0)
    test_split = number("test_split", test_split, least=0.0, most=1.0)
    seed = integer("seed", seed, least=0, most=2**32 - 1)
    path = get_file(path, origin)
    X, labels = _checked(pickles.read(path), path)

    # NumPy's global generator goes on from here, in scripts of the time too.
    for values in (X, labels):
        np.random.seed(seed)
        np.random.shuffle(values)
    start = [] if start_char is None else [start_char]
    X = [start + [word + index_from for word in words] for words in X]
    if maxlen:
        kept = [n for n, words in enumerate(X) if len(words) < maxlen]
        if X and not kept:
            raise ValueError(f"maxlen={maxlen} keeps only sequences of fewer numbers, and the shortest has "
                             f"{min(map(len, X))}")
        X, labels = [X[n] for n in kept], [labels[n] for n in kept]
    nb_words = nb_words or max((max(words) for words in X if words), default=0)
    if oov_char is None:
        X = [[word for word in words if skip_top <= word < nb_words] for words in X]
    else:
        X = [[word if skip_top <= word < nb_words else oov_char for word in words] for words in X]
    split = int(len(X) * (1 - test_split))
    return (X[:split], labels[:split]), (X[split:], labels[split:])


def _checked(loaded, path):
    """Lists of integers, and as many labels."""
    X, labels = loaded if isinstance(loaded, (tuple, list)) and len(loaded) == 2 else (None, None)
    is_right = isinstance(X, list) and isinstance(labels, (list, np.ndarray)) and len(X) == len(labels)
    if is_right:
        X = [words.tolist() if isinstance(words, np.ndarray) else words for words in X]
        is_right = all(isinstance(words, list) and set(map(type, words)) <= {int} for words in X)
    if not is_right:
        raise ValueError(f"{path} is no data set of texts, which is a list of lists of integers, and as many labels")
    return X, labels
