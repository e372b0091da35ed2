from __future__ import print_function
import numpy as np
import time, os, sys
from sklearn.preprocessing import StandardScaler, LabelEncoder
from keras.models import Sequential
from keras.layers.core import Dense, Dropout, Activation, Flatten, Reshape, Permute, TimeDistributedDense, Merge, Lambda
from keras.layers.core import ActivityRegularization, AutoEncoder, RepeatVector, MaxoutDense
from keras.layers import containers
from keras.layers.recurrent import LSTM
from keras.layers.convolutional import Convolution1D, MaxPooling1D
from keras.optimizers import SGD, Adam
from keras.utils import np_utils
from keras.regularizers import l1, l2

# What somebody does, by the accelerometer in the pocket. The file has channels first (samples, channels, time).

np.random.seed(1337)
ACTIVITIES = ['walking', 'sitting', 'stairs']
CHANNELS = 3
STEPS = 8
EPOCHS = 8


def record(activity):
	t = np.arange(STEPS) + np.random.uniform(0, 6)
	signal = np.random.normal(size=(CHANNELS, STEPS)) * 0.3
	signal[2] += 9.81
	if activity == 'walking':
		signal[0] += np.sin(1.5 * t)
		signal[2] += np.cos(1.5 * t)
	elif activity == 'stairs':
		signal[0] += np.sin(0.8 * t)
		signal[1] += np.sin(0.8 * t)
	return signal


names = np.random.choice(ACTIVITIES, 400)
X = np.array([record(name) for name in names])
encoder = LabelEncoder()
y = encoder.fit_transform(names)
Y = np_utils.to_categorical(y)
scaler = StandardScaler()
X = scaler.fit_transform(X.reshape(len(X), -1)).reshape(X.shape)
X_train, X_test, Y_train, Y_test = X[:300], X[300:], Y[:300], Y[300:]
print(X_train.shape, Y_train.shape)
flat_train, flat_test = [part.reshape(len(part), -1) for part in (X_train, X_test)]

# the two ways of reading it: steps after each other, and all of it at once
steps = Sequential()
steps.add(Permute((2, 1)))
steps.add(LSTM(CHANNELS, 12, return_sequences=True))
steps.add(TimeDistributedDense(12, 6, activation='relu'))
steps.add(Flatten())

flat = containers.Sequential()
flat.add(Dropout(0.1))
flat.add(Dense(CHANNELS * STEPS, 12, activation='relu'))

model = Sequential()
model.add(Merge([steps, flat], mode='concat'))
model.add(Dense(STEPS * 6 + 12, 3 * 8))
model.add(Reshape(3, 8))
model.add(Permute((2, 1)))
model.add(Flatten())
model.add(Dropout(0.2))
model.add(Dense(3 * 8, len(ACTIVITIES), W_regularizer=l2(1e-4)))
model.add(Activation('softmax'))
model.compile(loss='categorical_crossentropy', optimizer=Adam(lr=0.01))

model.fit([X_train, flat_train], Y_train, batch_size=20, nb_epoch=EPOCHS, validation_split=0.1, show_accuracy=True,
	verbose=2)
classes = model.predict_classes([X_test, flat_test], verbose=0)
acc = np_utils.accuracy(encoder.inverse_transform(classes), names[300:])
for name in ACTIVITIES:
	print(name, np.mean(classes[names[300:] == name] == encoder.transform([name])))
score = model.evaluate([X_test, flat_test], Y_test, show_accuracy=True, verbose=0)
assert abs(score[1] - acc) < 1e-6
print('Result: %s' % acc)
