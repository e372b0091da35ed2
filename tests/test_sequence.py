"""Sequences of different lengths, for arrays."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from recurrent_layers.preprocessing.sequence import pad_sequences


class TestPadSequences:
    def test_as_in_keras(self):
        sequences = [[1, 2, 3], [4], []]
        assert_array_equal(pad_sequences(sequences), [[1, 2, 3], [0, 0, 4], [0, 0, 0]])
        assert_array_equal(pad_sequences(sequences, maxlen=2), [[2, 3], [0, 4], [0, 0]])
        assert_array_equal(pad_sequences(sequences, 2, padding="post", truncating="post", value=9),
                           [[1, 2], [4, 9], [9, 9]])
        assert pad_sequences(sequences).dtype == np.int32

    def test_steps_may_be_vectors(self):
        padded = pad_sequences([np.ones((2, 3)), np.ones((1, 3))], dtype="float64")
        assert padded.shape == (2, 2, 3) and padded.sum() == 9

    @pytest.mark.parametrize("sequences, arguments, message", [
        ([], {}, "no sequences to pad"), ([[1]], {"padding": "left"}, "padding must be 'pre' or 'post', got 'left'"),
        ([[1]], {"truncating": None}, "truncating must be"),
        ([np.ones((2, 3)), np.ones((2, 4))], {}, "may differ in length only"),
    ])  # fmt: skip
    def test_errors(self, sequences, arguments, message):
        with pytest.raises(ValueError, match=message):
            pad_sequences(sequences, **arguments)
