"""Texts and words; the numbers are those that Keras 0.2.0's own functions give, which are those of Keras 0.1."""

import random

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from recurrent_layers.preprocessing.sequence import make_sampling_table, pad_sequences, skipgrams
from recurrent_layers.preprocessing.text import Tokenizer, base_filter, one_hot, text_to_word_sequence

TEXTS = ["The cat sat; the dog sat, too!", "A cat isn't a dog.\tThe end\n", ""]
SEQUENCES = [[1, 2, 3, 1, 4, 3, 6], [5, 2, 7, 5, 4, 1, 8], []]


def fitted(nb_words=None):
    tokenizer = Tokenizer(nb_words)
    tokenizer.fit_on_texts(TEXTS)
    return tokenizer


class TestWords:
    def test_are_those_of_keras(self):
        words = text_to_word_sequence("Don't panic: it's (only) a_text.\n")
        assert words == ["don't", "panic", "it's", "only", "a", "text"]
        assert text_to_word_sequence("A,b C", filters=",", lower=False, split="_") == ["A", "b C"]
        assert base_filter() == "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n"

    def test_may_be_split_by_more_than_a_character(self):
        assert text_to_word_sequence("a,b - c", filters=",", split=" - ") == ["a", "b", "c"]

    def test_letters_of_all_languages_stay(self):
        assert text_to_word_sequence("Été, Ελλάς!") == ["été", "ελλάς"]

    @pytest.mark.parametrize("arguments, message", [
        ((b"a b",), r"a text must be a string, got b'a b'; decode it first"), ((["a"],), "a text must be a string"),
        (("a", None), "filters must be a string, got None"), (("a", "", 2), "lower must be True or False, got 2"),
        (("a", "", True, ""), "split must be a string that is between words"),
    ])  # fmt: skip
    def test_what_is_none(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            text_to_word_sequence(*arguments)

    def test_hashed(self):
        hashes = one_hot("A cat, a dog", 50)
        assert hashes == [abs(hash(word)) % 49 + 1 for word in ("a", "cat", "a", "dog")]
        assert set(one_hot(" ".join(map(str, range(500))), 3)) == {1, 2}
        with pytest.raises(ValueError, match="n must be an integer of at least 2, got 1"):
            one_hot("a", 1)


class TestTokenizer:
    def test_counts_and_numbers_are_those_of_keras(self):
        tokenizer = fitted()
        assert tokenizer.word_index == {"the": 1, "cat": 2, "sat": 3, "dog": 4, "a": 5, "too": 6, "isn't": 7, "end": 8}
        assert tokenizer.word_counts == {"the": 3, "cat": 2, "sat": 2, "dog": 2, "too": 1, "a": 2, "isn't": 1, "end": 1}
        assert tokenizer.word_docs == {"dog": 2, "too": 1, "cat": 2, "sat": 1, "the": 2, "a": 1, "isn't": 1, "end": 1}
        assert tokenizer.index_docs == {4: 2, 6: 1, 2: 2, 3: 1, 1: 2, 5: 1, 7: 1, 8: 1}
        assert tokenizer.document_count == 3
        assert tokenizer.texts_to_sequences(TEXTS + ["unknown cat"]) == SEQUENCES + [[2]]

    @pytest.mark.parametrize("mode, rows", [
        ("binary", [[0, 1, 1, 1, 1, 0, 1, 0, 0], [0, 1, 1, 0, 1, 1, 0, 1, 1], [0] * 9]),
        ("count", [[0, 2, 1, 2, 1, 0, 1, 0, 0], [0, 1, 1, 0, 1, 2, 0, 1, 1], [0] * 9]),
        ("freq", np.array([[0, 2, 1, 2, 1, 0, 1, 0, 0], [0, 1, 1, 0, 1, 2, 0, 1, 1], [0] * 9]) / 7),
        ("tfidf", [[0, -0.8913511699921587, -1.3845310978047818, -1.024215814365643, -1.3845310978047818, 0,
                    -1.5909090531234253, 0, 0],
                   [0, -1.3845310978047818, -1.3845310978047818, 0, -1.3845310978047818, -1.024215814365643, 0,
                    -1.5909090531234253, -1.5909090531234253], [0] * 9]),
    ])  # fmt: skip
    def test_matrices_are_those_of_keras(self, mode, rows):
        assert_allclose(fitted().texts_to_matrix(TEXTS, mode), rows, rtol=1e-14)
        assert_allclose(fitted().sequences_to_matrix(SEQUENCES, mode), rows, rtol=1e-14)

    def test_only_the_most_frequent_words(self):
        tokenizer = fitted(4)
        assert tokenizer.texts_to_sequences(TEXTS) == [[1, 2, 3, 1, 3], [2, 1], []]
        assert_allclose(tokenizer.texts_to_matrix(TEXTS, "tfidf"), [
            [0, -0.6519484024100279, -1.1451283302226511, -0.7491277134966244],
            [0, -0.49317992781262326, -0.49317992781262326, 0], [0] * 4], rtol=1e-14)  # fmt: skip

    def test_numbers_that_have_no_column_are_left_out(self):
        """Keras 0.1 went on to write them, and crashed."""
        assert_array_equal(Tokenizer(3).sequences_to_matrix([[1, 2, 2, 3], [9]], "count"), [[0, 1, 2], [0, 0, 0]])
        assert_array_equal(Tokenizer(3).sequences_to_matrix([[1, 2, 2, 3]], "freq"), [[0, 0.25, 0.5]])

    def test_texts_may_come_from_a_generator(self):
        tokenizer = Tokenizer()
        tokenizer.fit_on_texts(text for text in TEXTS)
        made = tokenizer.texts_to_sequences_generator(iter(TEXTS))
        assert next(made) == SEQUENCES[0] and list(made) == SEQUENCES[1:]

    def test_it_counts_on(self):
        tokenizer = fitted()
        tokenizer.fit_on_texts(["dog dog dog"])
        assert (tokenizer.document_count, tokenizer.word_docs["dog"], tokenizer.word_index["dog"]) == (4, 3, 1)

    def test_from_sequences(self):
        tokenizer = Tokenizer(4)
        tokenizer.fit_on_sequences(np.array([[1, 1, 2], [3, 1, 5]]))
        assert (tokenizer.document_count, tokenizer.index_docs) == (2, {1: 2, 2: 1, 3: 1, 5: 1})
        tfidf = tokenizer.sequences_to_matrix([[1, 2]], "tfidf")
        assert_allclose(tfidf, [[0, *(np.log(0.5) / (1 + np.log(1 + docs / 3)) for docs in (2, 1)), 0]])

    def test_padded_it_is_the_input_of_an_embedding(self):
        X = pad_sequences(fitted(5).texts_to_sequences(TEXTS), maxlen=4)
        assert_array_equal(X, [[3, 1, 4, 3], [0, 2, 4, 1], [0, 0, 0, 0]])

    @pytest.mark.parametrize("call, message", [
        (lambda made: made.fit_on_texts("a cat"), "texts must be a list of strings, got 'a cat'"),
        (lambda made: made.fit_on_texts(["a cat", 5]), "a text must be a string, got 5"),
        (lambda made: made.fit_on_texts(iter(["a cat", b"a"])), "a text must be a string, got b'a'"),
        (lambda made: made.texts_to_sequences(["a", None]), "a text must be a string, got None"),
        (lambda made: made.fit_on_sequences([[1], 2]), "a sequence must be a list of integers"),
        (lambda made: made.fit_on_sequences([[1], [0.5]]), "it must hold the numbers of words"),
        (lambda made: made.sequences_to_matrix([[1, -1]]), "a list of integers of at least 0, got .*"),
        (lambda made: made.sequences_to_matrix([[1]], "tf"), "mode must be 'binary', 'count', 'freq' or 'tfidf'"),
    ])  # fmt: skip
    def test_what_it_refuses_changes_nothing(self, call, message):
        tokenizer = fitted()
        before = {name: repr(value) for name, value in vars(tokenizer).items()}
        with pytest.raises(ValueError, match=message):
            call(tokenizer)
        assert {name: repr(value) for name, value in vars(tokenizer).items()} == before

    def test_what_is_not_known_yet(self):
        with pytest.raises(ValueError, match="knows no words yet: call fit_on_texts"):
            Tokenizer(5).texts_to_sequences(["a"])
        with pytest.raises(ValueError, match="how many columns there are is not known"):
            Tokenizer().sequences_to_matrix([[1]])
        with pytest.raises(ValueError, match='mode="tfidf" needs counts'):
            Tokenizer(5).sequences_to_matrix([[1]], "tfidf")
        with pytest.raises(ValueError, match="nb_words must be an integer of at least 1, got 0"):
            Tokenizer(0)


class TestSkipgrams:
    def test_a_sampling_table_is_that_of_keras(self):
        assert_allclose(make_sampling_table(6), [
            0.0031522478751942504, 0.0031522478751942504, 0.0054759726939176976, 0.007415564097374219,
            0.009128167456366161, 0.010684345040995184], rtol=1e-14)  # fmt: skip
        assert_allclose(make_sampling_table(4, 0.3), [0.5459853477887479, 0.5459853477887479, 0.9484662926725268, 1.0])

    def test_couples_are_those_of_keras(self):
        random.seed(7)
        couples, labels = skipgrams([1, 2, 0, 3, 4], 10, window_size=1)
        assert couples == [[4, 1], [2, 1], [3, 2], [4, 3], [2, 2], [3, 4], [1, 2], [1, 9]]
        assert (labels, random.random()) == ([0, 1, 0, 1, 0, 1, 1, 0], 0.6928789899196898)

    def test_with_a_table_and_labels_of_classes(self):
        random.seed(8)
        couples, labels = skipgrams(np.array([1, 2, 0, 3, 4]), 10, window_size=2, negative_samples=0.5, shuffle=False,
                                    categorical=True, sampling_table=[0, 0.5, 0.5, 0.5, 0.5])  # fmt: skip
        assert (couples, labels) == ([[1, 2], [3, 2], [3, 4], [3, 4]], [[0, 1], [0, 1], [0, 1], [1, 0]])
        assert random.random() == 0.8112640455300252

    def test_without_others(self):
        random.seed(8)
        assert skipgrams([1, 2], 3, negative_samples=0) == ([[1, 2], [2, 1]], [1, 1])
        assert skipgrams([0, 0, 1], 3) == ([], [])

    @pytest.mark.parametrize("named, message", [
        ({"sequence": [1, -2]}, "a list of integers of at least 0"), ({"sequence": [[1]]}, "a list of integers"),
        ({"sequence": [0.5]}, "words are integers"), ({"vocabulary_size": 1}, "vocabulary_size must be an integer of"),
        ({"sampling_table": [0.1, 0.1]}, "sampling_table must have a number for each word, up to 2, got"),
        ({"negative_samples": -1}, "negative_samples must be a finite number of at least 0"),
        ({"window_size": 0.5}, "window_size must be an integer"), ({"categorical": "yes"}, "categorical must be True"),
    ])  # fmt: skip
    def test_what_is_refused_draws_nothing(self, named, message):
        before = random.getstate()
        with pytest.raises(ValueError, match=message):
            skipgrams(**{"sequence": [1, 2], "vocabulary_size": 5, **named})
        assert random.getstate() == before

    @pytest.mark.parametrize("arguments", [(0,), (3, 0), (3, -1)])
    def test_what_is_no_table(self, arguments):
        with pytest.raises(ValueError, match="must be"):
            make_sampling_table(*arguments)
