from __future__ import absolute_import
from __future__ import print_function
import numpy as np
np.random.seed(1337)  # for reproducibility

from keras.models import Sequential
from keras.layers.core import Dense, Activation, Dropout
from keras.layers.recurrent import GRU, SimpleRNN
from keras.utils import np_utils
from sklearn.metrics import confusion_matrix
import warnings

# One class of three is rare, and must not be missed: it weighs more. And some of the labels are not to be trusted.

nb_classes = 3
steps, dim = 6, 2
batch_size = 25
rare = 2
high_weight = 10.


def make(n):
    labels = np.random.choice(3, n, p=[0.47, 0.47, 0.06])
    X = np.random.normal(size=(n, steps, dim)) * 0.9
    X[:, :, 0] += np.where(labels == 0, -0.9, 0.5)[:, None]
    X[:, :, 1] += np.where(labels == rare, 1., 0.)[:, None]
    return X.astype('float32'), labels


def get_model():
    np.random.seed(1337)
    model = Sequential()
    model.add(GRU(dim, 16, activation='tanh'))
    model.add(Dense(16, nb_classes))
    model.add(Activation('softmax'))
    model.compile(loss='categorical_crossentropy', optimizer='rmsprop')
    model.optimizer.lr.set_value(0.01)
    return model


X_train, y_train = make(400)
X_test, y_test = make(1000)
Y_train = np_utils.to_categorical(y_train, nb_classes)
Y_test = np_utils.to_categorical(y_test, nb_classes)
class_weight = dict([(i, 1.) for i in range(nb_classes)])
class_weight[rare] = high_weight
sample_weight = np.ones((len(y_train),))
sample_weight[y_train == rare] = high_weight


def recall(model):
    predicted = model.predict_classes(X_test, verbose=0)
    print(confusion_matrix(y_test, predicted))
    return float(np.mean(predicted[y_test == rare] == rare))


print('Test without weights')
model = get_model()
model.fit(X_train, Y_train, batch_size=batch_size, nb_epoch=4, verbose=0)
plain = recall(model)

print('Test class_weight')
model = get_model()
model.fit(X_train, Y_train, batch_size=batch_size, nb_epoch=4, verbose=0, class_weight=class_weight)
by_class = recall(model)
again = model.predict(X_test)

print('Test sample_weight')
model = get_model()
model.fit(X_train, Y_train, batch_size=batch_size, nb_epoch=4, verbose=0, sample_weight=sample_weight)
by_sample = recall(model)
assert np.allclose(model.predict(X_test), again, atol=1e-4), 'these are the same weights'

print('Test train_on_batch, and wrong labels that weigh nothing')
wrong = Y_train.copy()
wrong[::2] = np.roll(wrong[::2], 1, axis=1)
trusted = np.array(sample_weight)
trusted[::2] = 0
for epoch in range(6):
    for start in range(0, len(X_train), batch_size):
        model.train_on_batch(X_train[start:start + batch_size], wrong[start:start + batch_size],
                             sample_weight=trusted[start:start + batch_size])
model.train_on_batch(X_train[:32], Y_train[:32], class_weight=class_weight)
loss = model.test_on_batch(X_test[:32], Y_test[:32], sample_weight=np.ones(32))
print('loss', float(loss))
trusting = recall(model)
score = model.evaluate(X_test, Y_test, show_accuracy=True, verbose=0,
                       sample_weight=np.where(y_test == rare, high_weight, 1.))
print(score)

print('recall without weights %.2f, with %.2f, %.2f and %.2f' % (plain, by_class, by_sample, trusting))
assert by_class > plain
print('Result:', min(by_class, by_sample, trusting))
