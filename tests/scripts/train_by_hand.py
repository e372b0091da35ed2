from __future__ import print_function
from keras.models import Sequential, make_batches, standardize_X, standardize_y
from keras.layers.core import Dense, Activation, Dropout, RepeatVector, TimeDistributedDense, Permute, AutoEncoder
from keras.layers.recurrent import JZS3, JZS2, JZS1, GRU
from keras.layers.noise import GaussianNoise, GaussianDropout
from keras.optimizers import SGD, Adagrad
from keras.utils.generic_utils import Progbar, printv
import numpy as np
import time

# trains without fit, by the functions that compile makes, with a schedule of its own

np.random.seed(1337)

N, STEPS, DIM, CLASSES = 300, 6, 4, 3
EPOCHS = 8
BATCH = 20

# where is the largest number of the first column: in the first third of the steps, in the second, or the last?
X = np.random.uniform(size=(N + 100, STEPS, DIM)).astype('float32')
where = X[:, :, 0].argmax(axis=1) * CLASSES // STEPS
Y = np.eye(CLASSES)[where].astype('float32')
weights = np.ones((N + 100, 1), dtype='float32')

model = Sequential()
model.add(JZS3(DIM, 24))
model.add(Dense(24, CLASSES, activation='softmax'))
sgd = SGD(lr=0.1, momentum=0.9, nesterov=True)
model.compile(loss='categorical_crossentropy', optimizer=sgd)

indices = np.arange(N)
start = time.time()
for epoch in range(EPOCHS):
    np.random.shuffle(indices)
    losses = []
    accs = []
    progbar = Progbar(target=N, verbose=0)
    for batch_start in range(0, N, BATCH):
        batch_end = min(batch_start + BATCH, N)
        ids = indices[batch_start:batch_end]
        if epoch % 2:
            loss = model._train(X[ids], Y[ids], weights[ids])
        else:
            loss, acc = model._train_with_acc(X[ids], Y[ids], weights[ids])
            accs.append(float(acc))
        losses.append(float(loss))
        progbar.update(batch_end, values=[('loss', losses[-1])])
    if epoch == 4:
        model.optimizer.lr.set_value(np.float32(0.05))
    test_loss = float(model._test(X[N:], Y[N:], weights[N:]))
    print('epoch %d: loss %.4f, acc %s, test loss %.4f' % (epoch, np.mean(losses), accs and np.mean(accs), test_loss))
print('%.1f s' % (time.time() - start))

loss, acc = model._test_with_acc(X[N:], Y[N:], weights[N:])
proba = model._predict(X[N:])
assert proba.shape == (100, CLASSES)
assert np.allclose(proba, model.predict(X[N:]), atol=1e-6)
assert abs(float(acc) - np.mean(proba.argmax(axis=1) == where[N:])) < 1e-6
assert abs(float(loss) - model.evaluate(X[N:], Y[N:], verbose=0)) < 1e-5
print('Result:', float(acc))
