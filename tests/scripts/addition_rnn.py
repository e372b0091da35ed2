# -*- coding: utf-8 -*-
from __future__ import print_function
from keras.models import Sequential, slice_X
from keras.layers.core import Activation, TimeDistributedDense, Dense, Dropout, RepeatVector
from keras.layers import recurrent
from sklearn.utils import shuffle
import sys
import numpy as np
from six.moves import range

"""
Sequence to sequence learning of sums: "5+7" in, "12" out.

    python addition_rnn.py [LSTM|GRU|JZS1|JZS2|JZS3]

The input is inverted, which shortens the way from a digit to that of the sum.
"""


class CharacterTable(object):
    def __init__(self, chars, maxlen):
        self.chars = sorted(set(chars))
        self.char_indices = dict((c, i) for i, c in enumerate(self.chars))
        self.indices_char = dict((i, c) for i, c in enumerate(self.chars))
        self.maxlen = maxlen

    def encode(self, C, maxlen=None):
        maxlen = maxlen if maxlen else self.maxlen
        X = np.zeros((maxlen, len(self.chars)))
        for i, c in enumerate(C):
            X[i, self.char_indices[c]] = 1
        return X

    def decode(self, X, calc_argmax=True):
        if calc_argmax:
            X = X.argmax(axis=-1)
        return ''.join(self.indices_char[x] for x in X)


np.random.seed(1337)
DIGITS = 1
INVERT = True
RNN = getattr(recurrent, sys.argv[1]) if len(sys.argv) > 1 else recurrent.LSTM
HIDDEN_SIZE = 32
BATCH_SIZE = 20
LAYERS = 1
MAXLEN = DIGITS + 1 + DIGITS

chars = '0123456789+ '
ctable = CharacterTable(chars, MAXLEN)

print('Generating data...')
questions = []
expected = []
for a in range(10):
    for b in range(10):
        q = '{}+{}'.format(a, b)
        ans = str(a + b)
        ans += ' ' * (DIGITS + 1 - len(ans))
        questions.append(q[::-1] if INVERT else q)
        expected.append(ans)
print('Total addition questions:', len(questions))

print('Vectorization...')
X = np.zeros((len(questions), MAXLEN, len(chars)), dtype=bool)
y = np.zeros((len(questions), DIGITS + 1, len(chars)), dtype=bool)
for i, sentence in enumerate(questions):
    X[i] = ctable.encode(sentence, maxlen=MAXLEN)
for i, sentence in enumerate(expected):
    y[i] = ctable.encode(sentence, maxlen=DIGITS + 1)
X, y = shuffle(X, y, random_state=1337)
X, y = np.concatenate([X] * 4), np.concatenate([y] * 4)
(X_train, X_val) = (slice_X(X, 0, 360), slice_X(X, 360))
(y_train, y_val) = (slice_X(y, 0, 360), slice_X(y, 360))
print(X_train.shape, y_train.shape)

print('Build model...')
model = Sequential()
# "Encode" the input sequence using an RNN, producing an output of HIDDEN_SIZE
model.add(RNN(len(chars), HIDDEN_SIZE))
# For the decoder's input, we repeat the encoded input for each time step
model.add(RepeatVector(DIGITS + 1))
for _ in range(LAYERS):
    model.add(RNN(HIDDEN_SIZE, HIDDEN_SIZE, return_sequences=True))
# For each of step of the output sequence, decide which character should be chosen
model.add(Dense(HIDDEN_SIZE, len(chars)))
model.add(Activation('softmax'))
model.compile(loss='categorical_crossentropy', optimizer='adam')
model.optimizer.lr.set_value(0.01)

for iteration in range(1, 3):
    print('-' * 50)
    print('Iteration', iteration)
    model.fit(X_train, y_train, batch_size=BATCH_SIZE, nb_epoch=6, validation_data=(X_val, y_val), show_accuracy=True,
              verbose=2)
    for i in range(3):
        ind = np.random.randint(0, len(X_val))
        rowX, rowy = X_val[np.array([ind])], y_val[np.array([ind])]
        preds = model.predict_classes(rowX, verbose=0)
        q = ctable.decode(rowX[0])
        print('Q', q[::-1] if INVERT else q, 'T', ctable.decode(rowy[0]), 'A', ctable.decode(preds[0], calc_argmax=False))

score, acc = model.evaluate(X_val, y_val, show_accuracy=True, verbose=0)
print('Result:', acc)
