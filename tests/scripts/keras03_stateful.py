'''Example script showing how to use stateful RNNs to model long sequences efficiently, in the style of Keras 0.3.'''
from __future__ import print_function
import numpy as np
from keras import backend as K
from keras.models import Sequential
from keras.layers.core import Dense, TimeDistributedDense, Activation
from keras.layers.recurrent import LSTM, GRU
from keras.optimizers import Adam

np.random.seed(1337)

# was the sum of all numbers so far, over a sequence that is cut into pieces, positive?
tsteps = 5
batch_size = 10
pieces = 4
hidden = 16


def gen_sums(n):
    x = np.random.normal(size=(n, pieces * tsteps, 1)) * 0.3
    start = np.where(np.random.rand(n) < 0.5, -2., 2.)
    x[:, 0, 0] = start
    y = np.repeat(start[:, None, None] > 0, pieces * tsteps, axis=1)
    return x, y.astype('float32')


print('Creating Model')
model = Sequential()
model.add(LSTM(hidden, batch_input_shape=(batch_size, tsteps, 1), return_sequences=True, stateful=True))
model.add(TimeDistributedDense(1))
model.add(Activation('sigmoid'))
model.compile(loss='binary_crossentropy', optimizer=Adam(lr=0.02), class_mode='binary')

print('Training')
for i in range(25):
    x, y = gen_sums(batch_size)
    model.reset_states()
    losses = []
    for t in range(0, pieces * tsteps, tsteps):
        losses.append(model.train_on_batch(x[:, t:t + tsteps], y[:, t:t + tsteps]))
    if i % 5 == 0:
        print('Batch', i, 'loss', float(np.mean([np.asarray(l).ravel()[0] for l in losses])))

print('Predicting')
right = []
for i in range(3):
    x, y = gen_sums(batch_size)
    model.reset_states()
    for t in range(0, pieces * tsteps, tsteps):
        predicted = model.predict(x[:, t:t + tsteps], batch_size=batch_size)
    # of the last piece, which has nothing of the first number in it
    right.append(np.mean((predicted > 0.5) == y[:, -tsteps:]))

# what the layer gives, by the backend
output = K.function([model.layers[0].input], [model.layers[0].get_output(train=False)])
hidden_states = output([x[:, :tsteps].astype('float32')])[0]
print(hidden_states.shape, K.backend() if hasattr(K, 'backend') else K._BACKEND)
assert hidden_states.shape == (batch_size, tsteps, hidden)
assert np.isclose(K.eval(K.mean(K.variable(np.array([1., 2.])))), 1.5)
print('Result:', float(np.mean(right)))
