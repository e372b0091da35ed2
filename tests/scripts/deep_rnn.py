"""Delayed echo: a recurrent net that looks back by itself says what it has heard two steps ago."""
from __future__ import division
from __future__ import print_function
import numpy as np
try:
    import cPickle as pickle
except ImportError:
    import pickle
from keras import models, optimizers, objectives, regularizers, constraints, activations, initializations, callbacks
from keras.models import Sequential
from keras.layers.core import Dense, Activation, TimeDistributedDense, Dropout, Layer
from keras.layers.recurrent import SimpleDeepRNN, SimpleRNN
from keras.optimizers import SGD, RMSprop, Adagrad, Adadelta, Adam
from keras.utils.io_utils import HDF5Matrix
from keras.utils.theano_utils import floatX

np.random.seed(1337)
n, steps, delay = 200, 10, 2
dim = 2
X = np.random.randint(0, 2, (n, steps, dim))
Y = np.zeros((n, steps, 1))
Y[:, delay:, 0] = X[:, :-delay, 0]
# the first steps have heard nothing yet, and weigh nothing
weights = np.ones((n, steps, 1))
weights[:, :delay] = 0

model = Sequential([])
model.add(SimpleDeepRNN(dim, 16, depth=3, activation='tanh', inner_activation='tanh', return_sequences=True,
                        truncate_gradient=6))
model.add(Dropout(0.))
model.add(TimeDistributedDense(16, 1, init='he_normal', b_constraint=constraints.nonneg()))
model.add(Activation('sigmoid'))
model.compile(loss=objectives.binary_crossentropy, optimizer=Adagrad(lr=0.1), class_mode='binary')
print(model.get_config()['layers'][0])

for epoch in range(3):
    history = model.fit(X[:160], Y[:160], sample_weight=weights[:160], batch_size=10, nb_epoch=4, verbose=0)
    print('loss', history.history['loss'][-1])

pickle.dump(model.get_weights(), open('deep_rnn.pkl', 'wb'))
proba = model.predict_proba(X[160:], verbose=0)
for w, layer in zip(model.get_weights(), model.layers[0].params):
    assert w.shape == layer.get_value().shape
model.set_weights(pickle.load(open('deep_rnn.pkl', 'rb')))
classes = model.predict_classes(X[160:], verbose=0)
assert np.array_equal(classes, proba > 0.5)
accuracy = np.mean(classes[:, delay:] == Y[160:, delay:])
print('at the steps that count', accuracy)
print('Result:', accuracy)
