# -*- coding: utf-8 -*-
from __future__ import absolute_import
from __future__ import print_function

import numpy as np
import theano
import theano.tensor as T
from keras import activations, initializations, regularizers, constraints
from keras.layers.core import Layer, MaskedLayer, Dense, Activation, Dropout
from keras.layers.recurrent import Recurrent, GRU, LSTM
from keras.layers.embeddings import Embedding
from keras.models import Sequential
from keras.optimizers import Adam
from keras.utils.theano_utils import shared_scalar, shared_zeros, sharedX, alloc_zeros_matrix, floatX
from six.moves import range

np.random.seed(1337)


class GRUWithStart(GRU):
    '''
        A GRU which begins in a state that is learnt rather than in zeros,
        and whose output is scaled by a number that is learnt, too.
    '''
    def __init__(self, input_dim, output_dim=128, **kwargs):
        super(GRUWithStart, self).__init__(input_dim, output_dim, **kwargs)
        self.h0 = shared_zeros((1, self.output_dim))
        self.scale = sharedX(np.ones((self.output_dim,)))
        self.params = self.params + [self.h0, self.scale]

    def get_output(self, train=False):
        X = self.get_input(train)
        padded_mask = self.get_padded_shuffled_mask(train, X, pad=1)
        # the state before the first step counts
        padded_mask = T.set_subtensor(padded_mask[0], 1)
        X = X.dimshuffle((1, 0, 2))

        x_z = T.dot(X, self.W_z) + self.b_z
        x_r = T.dot(X, self.W_r) + self.b_r
        x_h = T.dot(X, self.W_h) + self.b_h
        start = alloc_zeros_matrix(X.shape[1], self.output_dim) + T.addbroadcast(self.h0, 0)
        outputs, updates = theano.scan(
            self._step,
            sequences=[x_z, x_r, x_h, padded_mask],
            outputs_info=T.unbroadcast(start, 1),
            non_sequences=[self.U_z, self.U_r, self.U_h],
            truncate_gradient=self.truncate_gradient
        )
        outputs = outputs * self.scale
        if self.return_sequences:
            return outputs.dimshuffle((1, 0, 2))
        return outputs[-1]


# the majority of three bits among noise
maxlen, dim = 6, 4
n = 400


def make(n):
    X = np.random.randint(0, 2, (n, maxlen, dim))
    y = (X[:, 1:4, 0].sum(axis=1) >= 2).astype('int32')
    return floatX(X), y


X, y = make(n)
X_test, y_test = make(100)

model = Sequential()
layer = GRUWithStart(dim, 24, activation='tanh', return_sequences=True)
model.add(layer)
model.add(GRU(24, 16, activation='tanh'))
model.add(Dense(16, 1, activation='sigmoid'))
model.compile(loss='binary_crossentropy', optimizer=Adam(lr=0.02), class_mode='binary')

before = layer.h0.get_value().copy()
model.fit(X, y, batch_size=20, nb_epoch=8, show_accuracy=True, verbose=2)
print('the state at the start has moved by', np.abs(layer.h0.get_value() - before).max())
assert np.abs(layer.h0.get_value() - before).max() > 0.001
assert np.abs(layer.scale.get_value() - 1).max() > 0.001
score, acc = model.evaluate(X_test, y_test, show_accuracy=True, verbose=0)
print('Result:', acc)
