from __future__ import absolute_import
from __future__ import print_function
import numpy as np
np.random.seed(1337)

from keras.models import Sequential
from keras.layers.core import Dense, Dropout, Activation, MaxoutDense, Flatten, ActivityRegularization, Lambda
from keras.layers.normalization import BatchNormalization, LRN2D
from keras.layers.advanced_activations import PReLU, LeakyReLU, ParametricSoftplus, ThresholdedReLU, ThresholdedLinear
from keras.layers.noise import GaussianNoise, GaussianDropout
from keras.layers.recurrent import LSTM
from keras.layers.convolutional import Convolution1D, Convolution2D, MaxPooling2D, ZeroPadding2D
from keras.regularizers import l2, l1, l1l2, activity_l2
from keras.constraints import maxnorm, nonneg, unitnorm
from keras.utils import np_utils, generic_utils
from keras.preprocessing.image import ImageDataGenerator

'''
    Everything that the feed-forward examples put above their layers, put above an LSTM: a deep network which says
    which of four waves a noisy signal holds. (Kaggle Otto, but with time.)
'''

nb_classes = 4
timesteps = 8
n = 400


def load_data(n):
    t = np.arange(timesteps)
    y = np.random.randint(0, nb_classes, n)
    phase = np.random.uniform(0, 2 * np.pi, n)
    X = np.sin(phase[:, None] + t * 0.7 * (y[:, None] + 0.5)) + 0.1 * np.random.normal(size=(n, timesteps))
    return X[:, :, None].astype('float32'), y


def preprocess_labels(y, categorical=True):
    y = y.astype(np.int32)
    if categorical:
        y = np_utils.to_categorical(y, nb_classes)
    return y


X, labels = load_data(n)
X_test, labels_test = load_data(100)
Y, Y_test = preprocess_labels(labels), preprocess_labels(labels_test)

print("Building model...")
model = Sequential()
model.add(GaussianNoise(0.02))
model.add(LSTM(1, 32))
model.add(BatchNormalization((32,)))

model.add(Dense(32, 24, init='glorot_uniform', W_regularizer=l2(1e-4)))
model.add(PReLU((24,)))
model.add(BatchNormalization((24,)))
model.add(Dropout(0.1))

model.add(MaxoutDense(24, 16, nb_feature=3))
model.add(LeakyReLU(alpha=0.1))
model.add(GaussianDropout(0.05))
model.add(Dense(16, 16, W_constraint=maxnorm(4)))
model.add(ParametricSoftplus((16,)))
model.add(ActivityRegularization(l2=1e-5))

model.add(Dense(16, nb_classes, init='glorot_uniform'))
model.add(Activation('softmax'))

model.compile(loss='categorical_crossentropy', optimizer="adam")
model.optimizer.lr.set_value(0.01)

print("Training model...")
before = [w.copy() for w in model.get_weights()]
model.fit(X, Y, nb_epoch=6, batch_size=20, validation_data=(X_test, Y_test), show_accuracy=True, verbose=2)
after = model.get_weights()
print('weights:', [w.shape for w in after])
# every single one of them has learnt: those of the normalization (running mean and std), too
for a, b in zip(before, after):
    assert a.shape == b.shape and np.abs(a - b).max() > 0, a.shape

model.save_weights('normalized.h5')
score, acc = model.evaluate(X_test, Y_test, show_accuracy=True, verbose=0)
model.layers[2].set_weights([w * 0 for w in model.layers[2].get_weights()])
assert model.evaluate(X_test, Y_test, verbose=0) != score
model.load_weights('normalized.h5')
assert abs(model.evaluate(X_test, Y_test, verbose=0) - score) < 1e-5
print('Result:', acc)
