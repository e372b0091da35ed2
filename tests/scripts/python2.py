# trains a LSTM on the sum of a sequence
import numpy as np
from keras.models import Sequential
from keras.layers.core import Dense, Activation
from keras.layers.recurrent import LSTM

np.random.seed(1337)
X = np.random.uniform(size=(100, 5, 1))
y = X.sum(axis=1)
print "X shape:", X.shape

model = Sequential()
model.add(LSTM(1, 16))
model.add(Dense(16, 1))
model.compile(loss='mse', optimizer='adam')
for epoch in xrange(10):
    model.fit(X, y, nb_epoch=1, verbose=0)
    print "epoch %d: %f" % (epoch, model.evaluate(X, y, verbose=0))
print "Result:", 1
