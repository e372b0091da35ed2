from __future__ import print_function
import numpy as np
import theano
import theano.tensor as T
from keras.models import Sequential
from keras.layers.core import Dense, TimeDistributedDense, Masking, Activation, Dropout
from keras.layers.recurrent import LSTM, GRU
from keras import objectives
from keras.objectives import mean_squared_error
from keras.optimizers import Adam, RMSprop
import keras.callbacks

# A mixture of nothing fancier than one Gaussian: the network says mean and log of the standard deviation at every
# step, and the loss is the negative log likelihood. Sequences have different lengths; the end of the short ones is masked.

np.random.seed(1337)
SAMPLES = 300
MAXLEN = 8
HIDDEN = 16
PAD = -5.


def nll(y_true, y_pred):
	# keras has put all the steps below each other: (samples * steps, columns)
	assert y_pred.ndim == 2, 'a loss takes rows'
	mean = y_pred[:, 0:1]
	log_sd = T.clip(y_pred[:, 1:2], -4., 4.)
	target = y_true[:, 0:1]
	z = (target - mean) / T.exp(log_sd)
	return T.mean(0.5 * z ** 2 + log_sd, axis=1)


def make(n):
	x = np.zeros((n, MAXLEN, 2))
	y = np.zeros((n, MAXLEN, 2))	# the second column is not used, but the shapes have to agree
	for i in range(n):
		length = np.random.randint(4, MAXLEN + 1)
		x[i, :, 0] = np.random.uniform(-1, 1, MAXLEN)
		x[i, :, 1] = np.random.randint(0, 2, MAXLEN)
		noise = np.where(x[i, :, 1] == 1, 0.5, 0.05)
		previous = np.concatenate([[0], x[i, :-1, 0]])
		y[i, :, 0] = 0.5 * x[i, :, 0] + 0.5 * previous + noise * np.random.normal(size=MAXLEN)
		x[i, length:] = PAD
		y[i, length:] = 100.	# nobody must see this
	return x, y


X_train, y_train = make(SAMPLES)
X_test, y_test = make(100)
real = X_test[:, :, 0] != PAD

model = Sequential()
model.add(Masking(mask_value=PAD))
model.add(LSTM(2, HIDDEN, return_sequences=True))
model.add(TimeDistributedDense(HIDDEN, 2))
model.compile(loss=nll, optimizer=Adam(lr=0.02))

model.fit(X_train, y_train, batch_size=20, nb_epoch=12, verbose=0)
score = model.evaluate(X_test, y_test, batch_size=100, verbose=0)

predicted = model.predict(X_test, batch_size=100)
mean, sd = predicted[:, :, 0][real], np.exp(np.clip(predicted[:, :, 1][real], -4, 4))
target = y_test[:, :, 0][real]
by_hand = np.mean(0.5 * ((target - mean) / sd) ** 2 + np.log(sd))
print('negative log likelihood %.4f, by hand %.4f' % (score, by_hand))
assert abs(score - by_hand) < 1e-3

noisy = X_test[:, :, 1][real] == 1
print('standard deviations', sd[noisy].mean(), sd[~noisy].mean())
# one Gaussian for all, which looks at nothing
naive = 0.5 + np.log(target.std())
print('without looking', naive)
print('Result:', naive - score)
