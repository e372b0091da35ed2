# -*- coding: utf-8 -*-
# Sentiment with a GRU; stops early, and keeps the best weights on disk.
from __future__ import print_function
import os
import sys
import numpy as np
from keras.preprocessing import sequence
from keras.preprocessing.text import Tokenizer
from keras.optimizers import SGD, RMSprop, Adagrad, Adadelta, Adam
from keras.utils import np_utils, generic_utils
from keras.models import Sequential, model_from_json
from keras.layers.core import Dense, Dropout, Activation, TimeDistributedDense, Merge
from keras.layers.embeddings import Embedding
from keras.layers.recurrent import LSTM, GRU
from keras.callbacks import EarlyStopping, ModelCheckpoint, Callback
from keras.constraints import maxnorm
from keras.regularizers import l2
from keras.datasets import imdb

np.random.seed(1337)

MAX_FEATURES = 40
MAXLEN = 12
BATCH_SIZE = 20
HIDDEN = 16
WEIGHTS = 'imdb_gru.best.h5'

def get_data():
	global X_train, y_train, X_valid, y_valid, X_test, y_test
	(X_train, y_train), (X_test, y_test) = imdb.load_data(nb_words=MAX_FEATURES, skip_top=0, maxlen=None, test_split=0.2)
	X_train = sequence.pad_sequences(X_train, maxlen=MAXLEN)
	X_test = sequence.pad_sequences(X_test, maxlen=MAXLEN)
	X_train, X_valid = X_train[:-60], X_train[-60:]
	y_train, y_valid = y_train[:-60], y_train[-60:]

def get_model():
	global model
	model = Sequential()
	model.add(Embedding(MAX_FEATURES, HIDDEN, mask_zero=True, W_regularizer=l2(0.0001)))
	model.add(GRU(HIDDEN, HIDDEN, activation='tanh', return_sequences=False))
	model.add(Dropout(0.25))
	model.add(Dense(HIDDEN, 1, W_constraint=maxnorm(3)))
	model.add(Activation('sigmoid'))
	model.compile(loss='binary_crossentropy', optimizer='adam', class_mode='binary')

if __name__ == '__main__':
	get_data()
	print('%d train, %d valid, %d test' % (len(X_train), len(X_valid), len(X_test)))
	get_model()
	model.optimizer.lr.set_value(np.float32(0.02))
	earlyStopping = EarlyStopping(monitor='val_loss', patience=2, verbose=1)
	checkpointer = ModelCheckpoint(filepath=WEIGHTS, verbose=1, save_best_only=True)
	hist = model.fit(X_train, y_train, batch_size=BATCH_SIZE, nb_epoch=8, validation_data=(X_valid, y_valid),
		show_accuracy=True, callbacks=[earlyStopping, checkpointer], verbose=2)
	print(hist.history)
	assert os.path.exists(WEIGHTS)
	best = min(hist.history['val_loss'])
	model.load_weights(WEIGHTS)
	loss, acc = model.evaluate(X_valid, y_valid, batch_size=BATCH_SIZE, show_accuracy=True, verbose=0)
	print('best epoch:', np.argmin(hist.history['val_loss']), 'loss', best, 'again', loss)
	if abs(loss - best) > 1e-4:
		print('These are not the best weights!')
		sys.exit(1)
	score, acc = model.evaluate(X_test, y_test, batch_size=BATCH_SIZE, show_accuracy=True)
	print('Test score:', score)
	print('Result: %.4f' % acc)
