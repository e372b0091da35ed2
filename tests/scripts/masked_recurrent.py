from __future__ import absolute_import
from __future__ import print_function
import numpy as np
import theano
from keras.utils.theano_utils import sharedX, shared_zeros
from keras.models import Sequential
from keras.layers.core import Dense, Activation, Merge, Dropout, TimeDistributedDense, Masking, MaskedLayer
from keras.layers.embeddings import Embedding
from keras.layers.recurrent import SimpleRNN, SimpleDeepRNN, LSTM, GRU
import theano.tensor as T

# Sums over sequences of different lengths. Steps that are -1 all over are padding, and must not count.

np.random.seed(1337)
theano.config.exception_verbosity = 'high'

nb_samples = 300
timesteps = 8
dim = 3
hidden = 20


def make_data(n):
    X = np.random.uniform(0, 1, (n, timesteps, dim))
    lengths = np.random.randint(2, timesteps + 1, n)
    y = np.zeros((n, 1))
    for i in range(n):
        X[i, :timesteps - lengths[i]] = -1.
        y[i, 0] = X[i, timesteps - lengths[i]:, 0].sum() / 4.
    return X, y


X, y = make_data(nb_samples)
X_test, y_test = make_data(100)

print('a model with dropout of the input, without an input of its own')
model = Sequential()
model.add(Masking(mask_value=-1))
model.add(GRU(dim, hidden, activation='tanh', return_sequences=True))
model.add(Activation('linear'))
model.add(SimpleRNN(hidden, hidden, activation='tanh'))
model.add(Dense(hidden, 1))
model.compile(loss='mse', optimizer='adam')
model.optimizer.lr.set_value(0.01)
for epoch in range(4):
    history = model.fit(X, y, batch_size=20, nb_epoch=2, verbose=0, shuffle=True)
    print('epoch', 2 * epoch, history.history['loss'])

score = model.evaluate(X_test, y_test, batch_size=50, verbose=0)
naive = np.mean((y_test - y.mean()) ** 2)
print('mse', score, 'of the mean', naive)

print('more padding in front changes nothing')
longer = np.concatenate([-np.ones((100, 3, dim)), X_test], axis=1)
difference = np.abs(model.predict(X_test) - model.predict(longer)).max()
print('difference', difference)
assert difference < 1e-5

print('Dropout first')
noisy = Sequential()
noisy.add(Dropout(0.1))
noisy.add(GRU(dim, hidden, activation='tanh'))
noisy.add(Activation('linear'))
noisy.add(Dense(hidden, 1))
noisy.compile(loss='mse', optimizer='rmsprop')
noisy.fit(X, y, batch_size=20, nb_epoch=4, verbose=0)
noisy_score = noisy.evaluate(X_test, y_test, batch_size=50, verbose=0)
print('mse with dropout', noisy_score)
assert noisy_score < 0.9 * naive

# 1 is perfect, 0 is no better than the mean
print('Result:', 1 - score / naive)
