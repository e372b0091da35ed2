"""Texts to sequences of integers, or to rows of a matrix."""

from __future__ import annotations

import string
from collections import Counter
from typing import Iterable, Iterator, Literal

import numpy as np

from recurrent_layers.typing import Array
from recurrent_layers.utils.arguments import choice, flag, integer, items, shown
from recurrent_layers.utils.arguments import text as checked_text
from recurrent_layers.utils.arrays import converted

__all__ = ["Tokenizer", "base_filter", "one_hot", "text_to_word_sequence"]


def base_filter() -> str:
    """The characters that separate words, besides the space: punctuation but the apostrophe, tabs and line breaks."""
    return string.punctuation.replace("'", "") + "\t\n"


FILTERS = base_filter()

#: What :meth:`Tokenizer.sequences_to_matrix` puts into a column.
Mode = Literal["binary", "count", "freq", "tfidf"]


def text_to_word_sequence(text: str, filters: str = FILTERS, lower: bool = True, split: str = " ") -> list[str]:
    """Split a text into words.

    Parameters
    ----------
    text : str
    filters : str
        The characters that are taken for `split`.
    lower : bool
        Whether words are put into lower case.
    split : str
        What is between words; it may be longer than a character.

    Returns
    -------
    list of str
        The words that are not empty.

    Raises
    ------
    ValueError
        If an argument is none of these, or `split` is empty.

    Examples
    --------
    >>> from recurrent_layers.preprocessing.text import text_to_word_sequence
    >>> text_to_word_sequence("Don't panic: it's only a text.")
    ["don't", 'panic', "it's", 'only', 'a', 'text']
    """
    return _Splitting(filters, lower, split).words(text)


class _Splitting:
    """How texts are split into words."""

    def __init__(self, filters: str, lower: bool, split: str) -> None:
        self.filters, self.lower = checked_text("filters", filters), flag("lower", lower)
        self.split = checked_text("split", split)
        if not self.split:
            raise ValueError("split must be a string that is between words, such as ' ', got ''")
        self._table = {ord(character): self.split for character in self.filters}

    def words(self, text: str) -> list[str]:
        if not isinstance(text, str):
            decoded = "; decode it first, text.decode('utf-8')" if isinstance(text, bytes) else ""
            raise ValueError(f"a text must be a string, got {shown(text)}{decoded}")
        text = text.lower() if self.lower else text
        return [word for word in text.translate(self._table).split(self.split) if word]

    def each(self, texts: Iterable[str]) -> Iterator[list[str]]:
        """The words of each text, one text after the other: `texts` may be more than fit into memory."""
        if hasattr(type(texts), "__next__"):
            return map(self.words, texts)
        return map(self.words, items("texts", texts, "strings"))


def one_hot(text: str, n: int, filters: str = FILTERS, lower: bool = True, split: str = " ") -> list[int]:
    """Hash each word of a text to an integer from 1 to n - 1.

    ::

        abs(hash(word)) % (n - 1) + 1

    Parameters
    ----------
    text : str
    n : int
        The number of integers, with 0, which no word has.
    filters, lower, split
        As for :func:`text_to_word_sequence`.

    Returns
    -------
    list of int
        One for each word; different words may have the same.

    Raises
    ------
    ValueError
        If an argument is none of these, or `n` is less than 2.

    Notes
    -----
    `hash` is Python's own. Since Python 3 it gives other numbers in each process, unless the environment variable
    PYTHONHASHSEED is set before that begins: for a model that is saved, set it, or use :class:`Tokenizer`.

    Examples
    --------
    >>> from recurrent_layers.preprocessing.text import one_hot
    >>> numbers = one_hot("To be, or not to be", 1000)
    >>> len(numbers), numbers[0] == numbers[4], numbers[1] == numbers[5]
    (6, True, True)
    """
    n = integer("n", n, least=2)
    return [abs(hash(word)) % (n - 1) + 1 for word in text_to_word_sequence(text, filters, lower, split)]


class Tokenizer:
    """Numbers words by how frequent they are, from 1 for the most frequent, and turns texts into these numbers.

    Parameters
    ----------
    nb_words : int, optional
        Only numbers below this are used: the ``nb_words - 1`` most frequent words. By default all.
    filters, lower, split
        As for :func:`text_to_word_sequence`.

    Attributes
    ----------
    word_counts : dict of str to int
        How often each word occurred.
    word_docs : dict of str to int
        In how many texts it did.
    word_index : dict of str to int
        The number of each word, after :meth:`fit_on_texts`. Words of the same frequency have theirs in the order in
        which they first occurred.
    index_docs : dict of int to int
        In how many texts, or sequences, each number occurred.
    document_count : int
        How many texts, or sequences, there were.

    Raises
    ------
    ValueError
        If an argument is none of these.

    Examples
    --------
    >>> from recurrent_layers.preprocessing.sequence import pad_sequences
    >>> from recurrent_layers.preprocessing.text import Tokenizer
    >>> texts = ["The cat sat.", "The dog sat, too!"]
    >>> tokenizer = Tokenizer()
    >>> tokenizer.fit_on_texts(texts)
    >>> tokenizer.word_index
    {'the': 1, 'sat': 2, 'cat': 3, 'dog': 4, 'too': 5}
    >>> pad_sequences(tokenizer.texts_to_sequences(texts)).tolist()
    [[0, 1, 3, 2], [1, 4, 2, 5]]
    >>> tokenizer.texts_to_matrix(["the cat and the dog"], mode="count").tolist()
    [[0.0, 2.0, 0.0, 1.0, 1.0, 0.0]]
    """

    def __init__(self, nb_words: int | None = None, filters: str = FILTERS, lower: bool = True,
                 split: str = " ") -> None:
        self.nb_words = None if nb_words is None else integer("nb_words", nb_words)
        checked = _Splitting(filters, lower, split)
        self.filters, self.lower, self.split = checked.filters, checked.lower, checked.split
        self.word_counts: dict[str, int] = {}
        self.word_docs: dict[str, int] = {}
        self.document_count = 0

    def _words(self, texts: Iterable[str]) -> Iterator[list[str]]:
        return _Splitting(self.filters, self.lower, self.split).each(texts)

    def fit_on_texts(self, texts: Iterable[str]) -> None:
        """Count words, and number them.

        Parameters
        ----------
        texts : iterable of str
            May be a generator, of more than fits into memory.

        Raises
        ------
        ValueError
            If there is anything else in it; nothing is counted then.

        Notes
        -----
        A second call counts on. Keras 0.1 began `document_count`, and no other count, anew there.
        """
        counts, docs, document_count = Counter(self.word_counts), Counter(self.word_docs), self.document_count
        for words in self._words(texts):
            document_count += 1
            counts.update(words)
            docs.update(set(words))
        self.word_counts, self.word_docs, self.document_count = dict(counts), dict(docs), document_count
        by_frequency = sorted(counts, key=counts.__getitem__, reverse=True)
        self.word_index = {word: index for index, word in enumerate(by_frequency, start=1)}
        self.index_docs = {self.word_index[word]: count for word, count in docs.items()}

    def fit_on_sequences(self, sequences: Iterable[Iterable[int]]) -> None:
        """Count in how many sequences each integer occurs, for "tfidf" where there are no texts.

        Parameters
        ----------
        sequences : iterable of sequences of int
            What was counted before is forgotten.

        Raises
        ------
        ValueError
            If there is anything else in it; nothing has changed then.
        """
        sequences = self._sequences(sequences)
        self.document_count = len(sequences)
        self.index_docs = dict(Counter(index for sequence in sequences for index in set(sequence)))

    @staticmethod
    def _sequences(sequences: Iterable[Iterable[int]]) -> list[list[int]]:
        made = []
        for sequence in items("sequences", sequences, "sequences of integers"):
            sequence = converted("a sequence", sequence, "int64", "it must hold the numbers of words")
            if sequence.ndim != 1 or sequence.size and sequence.min() < 0:
                raise ValueError(f"a sequence must be a list of integers of at least 0, got {shown(sequence)}")
            made.append(sequence.tolist())
        return made

    def texts_to_sequences(self, texts: Iterable[str]) -> list[list[int]]:
        """The numbers of the words of each text.

        Parameters
        ----------
        texts : iterable of str

        Returns
        -------
        list of list of int
            Words that are not known, or not among the `nb_words`, are left out.

        Raises
        ------
        ValueError
            If it is no list of texts, or :meth:`fit_on_texts` has not been called.
        """
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[str]) -> Iterator[list[int]]:
        """As :meth:`texts_to_sequences`, one text after the other."""
        if not hasattr(self, "word_index"):
            raise ValueError("the Tokenizer knows no words yet: call fit_on_texts(texts) first")
        return map(self._numbers, self._words(texts))

    def _numbers(self, words: list[str]) -> list[int]:
        numbers = (self.word_index.get(word) for word in words)
        return [number for number in numbers if number is not None and (not self.nb_words or number < self.nb_words)]

    def texts_to_matrix(self, texts: Iterable[str], mode: Mode = "binary") -> Array:
        """A row for each text; see :meth:`sequences_to_matrix`."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences: Iterable[Iterable[int]], mode: Mode = "binary") -> Array:
        """A row for each sequence, with a column for each number of a word.

        ::

            binary:  1 where the number occurs
            count:   c, how often it does
            freq:    c / length
            tfidf:   log(c / length) / (1 + log(1 + index_docs / (1 + document_count)))

        Parameters
        ----------
        sequences : iterable of sequences of int
        mode : {"binary", "count", "freq", "tfidf"}

        Returns
        -------
        numpy.ndarray
            Shape (nb_sequences, nb_words), or as many columns as there are words, and one more. 0 where a number does
            not occur.

        Raises
        ------
        ValueError
            If an argument is none of these, or the number of columns, or for "tfidf" `document_count`, is not known.

        Notes
        -----
        Numbers of `nb_words` and more have no column, and are left out; they count in the length. Keras 0.1 meant to
        leave them out, and crashed. "tfidf" is the formula of Keras 0.1 on Python 3, which is not that of any textbook;
        on Python 2 the inner quotient was rounded down, to 0.
        """
        mode = choice("mode", mode, "binary", "count", "freq", "tfidf")
        sequences = self._sequences(sequences)
        nb_words = self.nb_words or len(getattr(self, "word_index", ())) + 1
        if nb_words == 1 and not self.nb_words:
            raise ValueError("how many columns there are is not known: pass nb_words to Tokenizer, or call "
                             "fit_on_texts(texts) first")
        if mode == "tfidf" and not self.document_count:
            raise ValueError('mode="tfidf" needs counts: call fit_on_texts(texts) or fit_on_sequences(sequences) first')
        value = {
            "binary": lambda index, count, length: 1.0,
            "count": lambda index, count, length: count,
            "freq": lambda index, count, length: count / length,
            "tfidf": lambda index, count, length: np.log(count / length) / (
                1 + np.log(1 + self.index_docs.get(index, 0) / (1 + self.document_count))),
        }[mode]  # fmt: skip
        X = np.zeros((len(sequences), nb_words))
        for row, sequence in zip(X, sequences):
            for index, count in Counter(sequence).items():
                if index < nb_words:
                    row[index] = value(index, count, len(sequence))
        return X
