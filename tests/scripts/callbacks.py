from __future__ import print_function
import os
import numpy as np
import keras
from keras.models import Sequential
from keras.layers.core import Dense, Dropout, Activation
from keras.layers.recurrent import SimpleRNN, LSTM, SimpleDeepRNN
from keras.callbacks import Callback, LearningRateScheduler, ModelCheckpoint, EarlyStopping, History, BaseLogger
from keras.optimizers import SGD

np.random.seed(1337)

# Adding problem, a small one: the sum of the two numbers which are marked.

class LossHistory(keras.callbacks.Callback):
	def on_train_begin(self, logs={}):
		self.losses = []
		self.rates = []

	def on_batch_end(self, batch, logs={}):
		self.losses.append(logs.get('loss'))

	def on_epoch_end(self, epoch, logs={}):
		self.rates.append(float(self.model.optimizer.lr.get_value()))
		print('epoch %d of %d: val_loss %.4f' % (epoch, self.params['nb_epoch'], logs.get('val_loss')))


class StopWhenGood(Callback):
	def __init__(self, good):
		super(StopWhenGood, self).__init__()
		self.good = good
		self.stopped = None

	def on_epoch_end(self, epoch, logs={}):
		if logs['val_loss'] < self.good:
			self.stopped = epoch
			self.model.stop_training = True


def scheduler(epoch):
	if epoch < 8:
		return 0.02
	return 0.02 * 0.8 ** (epoch - 7)


def make(n, steps=6):
	X = np.zeros((n, steps, 2))
	X[:, :, 0] = np.random.uniform(0, 1, (n, steps))
	for i in range(n):
		X[i, np.random.choice(steps, 2, replace=False), 1] = 1
	return X, (X[:, :, 0] * X[:, :, 1]).sum(axis=1)


X_train, y_train = make(400)
X_test, y_test = make(100)

model = Sequential()
model.add(LSTM(2, 20))
model.add(Dense(20, 1))
optimizer = keras.optimizers.Adam(lr=0.001)
model.compile(loss='mse', optimizer=optimizer)

history = LossHistory()
stop = StopWhenGood(0.02)
checkpoint = ModelCheckpoint('weights.{epoch:02d}-{val_loss:.2f}.hdf5')
hist = model.fit(X_train, y_train, batch_size=20, nb_epoch=16, verbose=0, validation_data=(X_test, y_test),
	callbacks=[history, LearningRateScheduler(scheduler), stop, checkpoint])

epochs = len(hist.epoch)
assert len(history.losses) == epochs * 20
assert np.allclose(history.rates, [scheduler(e) for e in range(epochs)]), history.rates
assert len([name for name in os.listdir('.') if name.startswith('weights.')]) == epochs
assert epochs == 16 or stop.stopped == epochs - 1
mse = model.evaluate(X_test, y_test, verbose=0)
print('mse', mse, 'of the mean', y_test.var())
print('Result:', 1 - mse / y_test.var())
