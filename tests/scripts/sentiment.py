'''Sentiment of word sequences, as scripts were written for Keras 0.1.'''
from __future__ import absolute_import
from __future__ import print_function
import os
import tempfile

import numpy as np
np.random.seed(1337)  # for reproducibility

from keras.preprocessing import sequence
from keras.optimizers import SGD, RMSprop, Adagrad
from keras.utils import np_utils
from keras.models import Sequential
from keras.layers.core import Dense, Dropout, Activation
from keras.layers.embeddings import Embedding
from keras.layers.recurrent import LSTM, GRU
from keras.callbacks import EarlyStopping, ModelCheckpoint

max_features = 50
maxlen = 12  # cut texts after this number of words
batch_size = 16

print('Making data...')
# Words 1 to 9 are good, 10 to 19 are bad, all others say nothing.
sentences, labels = [], []
for i in range(300):
    sentence = list(np.random.randint(20, max_features, np.random.randint(3, 16)))
    label = np.random.randint(2)
    for place in np.random.choice(len(sentence), 3):
        sentence[place] = np.random.randint(1, 10) if label else np.random.randint(10, 20)
    sentences.append(sentence)
    labels.append(label)
X_train, y_train = sentences[:240], labels[:240]
X_test, y_test = sentences[240:], labels[240:]
print(len(X_train), 'train sequences')
print(len(X_test), 'test sequences')

print('Pad sequences (samples x time)')
X_train = sequence.pad_sequences(X_train, maxlen=maxlen)
X_test = sequence.pad_sequences(X_test, maxlen=maxlen)
print('X_train shape:', X_train.shape)
print('X_test shape:', X_test.shape)

print('Build model...')
model = Sequential()
model.add(Embedding(max_features, 8, mask_zero=True))
model.add(LSTM(8, 12))  # try using a GRU instead, for fun
model.add(Dropout(0.2))
model.add(Dense(12, 1))
model.add(Activation('sigmoid'))

# try using different optimizers and different optimizer configs
model.compile(loss='binary_crossentropy', optimizer=RMSprop(lr=0.02), class_mode="binary")

print('Train...')
weights_path = os.path.join(tempfile.mkdtemp(), 'weights.hdf5')
checkpointer = ModelCheckpoint(filepath=weights_path, verbose=1, save_best_only=True)
stopper = EarlyStopping(monitor='val_loss', patience=3)
history = model.fit(X_train, y_train, batch_size=batch_size, nb_epoch=12, validation_data=(X_test, y_test),
                    show_accuracy=True, callbacks=[checkpointer, stopper])
print(history.epoch, history.history['val_acc'])

model.load_weights(weights_path)
score, acc = model.evaluate(X_test, y_test, batch_size=batch_size, show_accuracy=True)
classes = model.predict_classes(X_test, batch_size=batch_size)
assert np.isclose(np.mean(classes[:, 0] == np.array(y_test)), acc)
one_hot = np_utils.to_categorical(y_test, 2)
assert one_hot.shape == (len(y_test), 2)
print('Test score:', score)
print('Test accuracy:', acc)
print('Result:', acc)
