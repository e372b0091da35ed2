# -*- coding: utf-8 -*-
from __future__ import print_function
import numpy as np
from keras.models import Sequential
from keras.layers.core import Dense, Activation, Dropout
from keras.layers.recurrent import LSTM
from keras.layers.embeddings import Embedding

# In the style of Keras 0.2, which knows by itself that there are 64 numbers at each step.
np.random.seed(1337)
X = np.random.randint(0, 20, (100, 8))
y = (X > 15).any(axis=1).astype('int32')

model = Sequential()
model.add(Embedding(20, 64))
model.add(LSTM(128))
model.add(Dropout(0.5))
model.add(Dense(1))
model.add(Activation('sigmoid'))
model.compile(loss='binary_crossentropy', optimizer='rmsprop', class_mode='binary')
model.fit(X, y, batch_size=20, nb_epoch=2)
print('Result:', model.evaluate(X, y, show_accuracy=True)[1])
