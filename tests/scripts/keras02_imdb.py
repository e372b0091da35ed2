from __future__ import absolute_import
from __future__ import print_function
import numpy as np
np.random.seed(1337)  # for reproducibility

from keras.preprocessing import sequence
from keras.utils import np_utils
from keras.models import Sequential
from keras.layers.core import Dense, Dropout, Activation
from keras.layers.embeddings import Embedding
from keras.layers.recurrent import LSTM, SimpleRNN, GRU
from keras.datasets import imdb

'''
    In the style of Keras 0.2: layers know the size of what comes before them.
'''

max_features = 40
maxlen = 12  # cut texts after this number of words (among top max_features most common words)
batch_size = 20

print("Loading data...")
(X_train, y_train), (X_test, y_test) = imdb.load_data(nb_words=max_features, test_split=0.2)
print(len(X_train), 'train sequences')
print(len(X_test), 'test sequences')

print("Pad sequences (samples x time)")
X_train = sequence.pad_sequences(X_train, maxlen=maxlen)
X_test = sequence.pad_sequences(X_test, maxlen=maxlen)
y_train, y_test = np.array(y_train), np.array(y_test)
print('X_train shape:', X_train.shape)
print('X_test shape:', X_test.shape)

print('Build model...')
model = Sequential()
model.add(Embedding(max_features, 16, input_length=maxlen))
model.add(LSTM(output_dim=16, activation='tanh', inner_activation='hard_sigmoid'))  # try using a GRU instead, for fun
model.add(Dropout(0.5))
model.add(Dense(1))
model.add(Activation('sigmoid'))

# try using different optimizers and different optimizer configs
model.compile(loss='binary_crossentropy', optimizer='adam', class_mode="binary")
model.optimizer.lr.set_value(0.01)

print("Train...")
model.fit(X_train, y_train, batch_size=batch_size, nb_epoch=5, validation_data=(X_test, y_test), show_accuracy=True,
          verbose=2)
score, acc = model.evaluate(X_test, y_test, batch_size=batch_size, show_accuracy=True, verbose=0)
print('Test score:', score)
print('Test accuracy:', acc)

# sizes by keyword, and stacked
print('Build a second model...')
steps = np.random.normal(size=(200, 6, 8))
labels = (steps[:, :, 0].sum(axis=1) > 0).astype('int32')
second = Sequential()
second.add(GRU(32, input_dim=8, return_sequences=True))
second.add(GRU(16))
second.add(Dense(1, activation='sigmoid'))
second.compile(loss='binary_crossentropy', optimizer='adam', class_mode='binary')
second.optimizer.lr.set_value(0.01)
second.fit(steps[:160], labels[:160], batch_size=20, nb_epoch=8, show_accuracy=True, verbose=2)
second_acc = second.evaluate(steps[160:], labels[160:], show_accuracy=True, verbose=0)[1]
print('Test accuracy:', second_acc)
print('Result:', min(acc, second_acc))
