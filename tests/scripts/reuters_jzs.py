from __future__ import absolute_import
from __future__ import print_function

from keras.datasets import reuters
from keras.models import Sequential
from keras.layers.core import Dense, Dropout, Activation, MaskedLayer
from keras.layers.normalization import BatchNormalization
from keras.layers.embeddings import Embedding
from keras.layers.recurrent import SimpleRNN, SimpleDeepRNN, GRU, LSTM, JZS1, JZS2, JZS3
from keras.utils import np_utils
from keras.preprocessing import sequence
from keras.preprocessing.text import Tokenizer
from keras.optimizers import Adagrad
import numpy as np

'''
    Compares recurrent layers on newswires by topic; without an argument all of them.
        python reuters_jzs.py JZS3
'''
import sys
np.random.seed(1337)
max_words = 40
maxlen = 12
batch_size = 20

print("Loading data...")
(X_train, y_train), (X_test, y_test) = reuters.load_data(nb_words=max_words, test_split=0.2)
print(len(X_train), 'train sequences')
print(len(X_test), 'test sequences')

nb_classes = np.max(y_train) + 1
print(nb_classes, 'classes')

print("Vectorizing sequence data...")
tokenizer = Tokenizer(nb_words=max_words)
bags_train = tokenizer.sequences_to_matrix(X_train, mode="freq")
bags_test = tokenizer.sequences_to_matrix(X_test, mode="freq")
print('X_train shape:', bags_train.shape)
X_train = sequence.pad_sequences(X_train, maxlen=maxlen, padding='pre', truncating='post')
X_test = sequence.pad_sequences(X_test, maxlen=maxlen, padding='pre', truncating='post')

print("Convert class vector to binary class matrix (for use with categorical_crossentropy)")
Y_train = np_utils.to_categorical(y_train, nb_classes)
Y_test = np_utils.to_categorical(y_test, nb_classes)

names = sys.argv[1:] or ['SimpleRNN', 'SimpleDeepRNN', 'GRU', 'LSTM', 'JZS1', 'JZS2', 'JZS3']
accuracies = {}
for name in names:
    model = Sequential()
    model.add(Embedding(max_words, 16, mask_zero=True))
    model.add(globals()[name](16, 16, activation='tanh'))
    model.add(Dense(16, nb_classes))
    model.add(Activation('softmax'))
    model.compile(loss='categorical_crossentropy', optimizer='adam')
    model.optimizer.lr.set_value(0.01)
    history = model.fit(X_train, Y_train, nb_epoch=5, batch_size=batch_size, verbose=0, show_accuracy=True,
                        validation_split=0.1)
    score = model.evaluate(X_test, Y_test, batch_size=batch_size, verbose=0, show_accuracy=True)
    print('%-14s test score %.4f, test accuracy %.4f' % (name, score[0], score[1]))
    accuracies[name] = score[1]

print("Building a perceptron, which sees no order...")
model = Sequential()
model.add(Dense(max_words, nb_classes))
model.add(Activation('softmax'))
model.compile(loss='categorical_crossentropy', optimizer=Adagrad(lr=0.5))
model.fit(bags_train, Y_train, nb_epoch=8, batch_size=batch_size, verbose=0)
print('perceptron', model.evaluate(bags_test, Y_test, verbose=0, show_accuracy=True))
print('Result:', min(accuracies.values()))
