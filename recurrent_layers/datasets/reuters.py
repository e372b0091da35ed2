"""Newswires, and their topics."""

from __future__ import annotations

from recurrent_layers.datasets import pickles, word_sequences
from recurrent_layers.datasets.data_utils import get_file
from recurrent_layers.datasets.word_sequences import Texts
from recurrent_layers.elsewhere import functions_elsewhere
from recurrent_layers.typing import Path

__all__ = ["get_file", "get_word_index", "load_data", "make_reuters_dataset"]

(make_reuters_dataset,) = functions_elsewhere(
    __name__, "make_reuters_dataset", instead="it made reuters.pkl and reuters_word_index.pkl, which load_data() and "
    "get_word_index() read")  # fmt: skip


def load_data(path: Path = "reuters.pkl", nb_words: int | None = None, skip_top: int = 0, maxlen: int | None = None,
              test_split: float = 0.2, seed: int = 113, start_char: int | None = 1, oov_char: int | None = 2,
              index_from: int = 3) -> tuple[Texts, Texts]:
    """11228 newswires of Reuters of 46 topics, as sequences of words by their frequency.

    Parameters, what is returned and errors are as of :func:`recurrent_layers.datasets.imdb.load_data`, with topics from
    0 to 45 as labels.
    """
    return word_sequences.load(path, "https://s3.amazonaws.com/text-datasets/reuters.pkl", nb_words, skip_top, maxlen,
                               test_split, seed, start_char, oov_char, index_from)


def get_word_index(path: Path = "reuters_word_index.pkl") -> dict[str, int]:
    """The numbers of the words in `reuters.pkl`.

    Parameters
    ----------
    path : str
        The file in ``~/.keras/datasets``, or an absolute path. It is downloaded if it is not there.

    Returns
    -------
    dict of str to int
        From 1 on; :func:`load_data` adds its `index_from`.

    Raises
    ------
    FileNotFoundError, ValueError
        See :func:`recurrent_layers.datasets.data_utils.get_file`. Also if the file holds anything else.
    """
    path = get_file(path, "https://s3.amazonaws.com/text-datasets/reuters_word_index.pkl")
    index = pickles.read(path)
    if not isinstance(index, dict) or not all(isinstance(word, str) and type(index[word]) is int for word in index):
        raise ValueError(f"{path} is no index of words, which is a dict of strings to integers")
    return index
