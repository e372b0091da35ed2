"""Reviews of films, and whether they are good."""

from __future__ import annotations

from recurrent_layers.datasets import word_sequences
from recurrent_layers.datasets.data_utils import get_file
from recurrent_layers.datasets.word_sequences import Texts
from recurrent_layers.typing import Path

__all__ = ["get_file", "load_data"]


def load_data(path: Path = "imdb.pkl", nb_words: int | None = None, skip_top: int = 0, maxlen: int | None = None,
              test_split: float = 0.2, seed: int = 113, start_char: int | None = 1, oov_char: int | None = 2,
              index_from: int = 3) -> tuple[Texts, Texts]:
    """25000 reviews of the Internet Movie Database (Maas et al. 2011), as sequences of words by their frequency.

    Parameters
    ----------
    path : str
        The file in ``~/.keras/datasets``, or an absolute path. It is downloaded if it is not there.
    nb_words : int, optional
        Words of this number and more are rare: `oov_char` stands for them. By default the largest that occurs.
    skip_top : int
        Words below this are frequent: `oov_char` stands for them, too.
    maxlen : int, optional
        Only reviews shorter than this are given.
    test_split : float
        The share of the reviews that are for tests.
    seed : int
        Of the order of the reviews.
    start_char : int or None
        What each review begins with.
    oov_char : int or None
        What stands for words that are too rare or too frequent; None leaves them out.
    index_from : int
        What is added to the number of each word, since those below have a meaning of their own.

    Returns
    -------
    (X_train, y_train), (X_test, y_test)
        Lists of lists of int, and lists of labels, 0 or 1.

    Raises
    ------
    FileNotFoundError, ValueError
        See :func:`recurrent_layers.datasets.data_utils.get_file`. Also if an argument is none of these, or the file
        holds anything else.

    Notes
    -----
    For the same arguments these are the same numbers as in Keras 0.1, but for ``oov_char=None``, which there kept the
    rare and the frequent words and left out all others. As there, NumPy's global generator is left where `seed` and
    the shuffling have brought it, so that what is drawn next is the same, too.
    """
    return word_sequences.load(path, "https://s3.amazonaws.com/text-datasets/imdb.pkl", nb_words, skip_top, maxlen,
                               test_split, seed, start_char, oov_char, index_from)
