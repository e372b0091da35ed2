'''Sequence to sequence addition, as scripts were written for Keras 0.1.'''
from keras.models import Sequential, model_from_json
from keras.layers.core import Activation, Dense, Dropout, RepeatVector, TimeDistributedDense
from keras.layers import recurrent
from keras.utils.np_utils import to_categorical
import numpy as np
from six.moves import range

np.random.seed(1337)
chars = '0123456789+ '
DIGITS = 1
MAXLEN = DIGITS + 1 + DIGITS
RNN = recurrent.GRU
HIDDEN_SIZE = 48
LAYERS = 2


def encode(text, length):
    X = np.zeros((length, len(chars)), dtype=bool)
    for i, c in enumerate(text.ljust(length)):
        X[i, chars.index(c)] = 1
    return X


pairs = [(a, b) for a in range(10) for b in range(10)]
X = np.array([encode('%d+%d' % pair, MAXLEN)[::-1] for pair in pairs * 4])
y = np.array([encode(str(sum(pair)), DIGITS + 1) for pair in pairs * 4])

print('Build model...')
model = Sequential()
model.add(RNN(len(chars), HIDDEN_SIZE, activation='tanh'))
model.add(RepeatVector(DIGITS + 1))
for _ in range(LAYERS):
    model.add(RNN(HIDDEN_SIZE, HIDDEN_SIZE, activation='tanh', return_sequences=True))
model.add(Dropout(0.0))
model.add(TimeDistributedDense(HIDDEN_SIZE, len(chars)))
model.add(Activation('time_distributed_softmax'))
model.compile(loss='categorical_crossentropy', optimizer='adam')

for iteration in range(1, 3):
    print('Iteration', iteration)
    history = model.fit(X, y, batch_size=20, nb_epoch=8, validation_data=(X[:100], y[:100]), show_accuracy=True,
                        verbose=2)
    for ind in np.random.randint(0, 100, 3):
        rowX, rowy = X[np.array([ind])], y[np.array([ind])]
        preds = model.predict_classes(rowX, verbose=0)
        print(''.join(chars[k] for k in rowX[0][::-1].argmax(axis=-1)), ''.join(chars[k] for k in preds[0]))

again = model_from_json(model.to_json())
again.set_weights(model.get_weights())
acc = again.evaluate(X[:100], y[:100], show_accuracy=True, verbose=0)[1]
print('Result:', acc)
