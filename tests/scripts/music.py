from __future__ import print_function
import os, random, sys, time
import numpy
import theano, theano.tensor as T
from keras.models import Sequential
from keras.layers.core import Dense, Activation, Dropout, TimeDistributedDense
from keras.layers.recurrent import LSTM, GRU
from keras.optimizers import RMSprop, Adadelta
from keras.regularizers import l2

# composes: learns a piano roll, then plays on, one time step after the other, by what it has sampled itself

numpy.random.seed(1337)

NOTES = 12
CHORDS = [(0, 4, 7), (5, 9, 0), (7, 11, 2), (0, 4, 7), (9, 0, 4), (2, 5, 9)]
BATCH = 10
SEQ_LEN = 8

def rollOf(start, length):
	roll = numpy.zeros((length, NOTES))
	for t in range(length):
		for note in CHORDS[(start + t) % len(CHORDS)]:
			roll[t, note] = 1
	return roll

def getPieceBatch(size):
	starts = [random.randrange(len(CHORDS)) for _ in range(size)]
	pieces = numpy.array([rollOf(s, SEQ_LEN + 1) for s in starts])
	# a wrong note now and then
	noise = numpy.random.uniform(size=pieces[:, :-1].shape) < 0.01
	return numpy.abs(pieces[:, :-1] - noise), pieces[:, 1:]

def buildModel():
	model = Sequential()
	model.add(LSTM(NOTES, 32, return_sequences=True))
	model.add(Dropout(0.1))
	model.add(TimeDistributedDense(32, NOTES))
	model.add(Activation('sigmoid'))
	model.compile(loss='binary_crossentropy', optimizer=RMSprop(lr=0.01), class_mode='binary')
	return model

def trainPiece(model, epochs):
	stopflag = [False]
	for i in range(epochs):
		if stopflag[0]:
			break
		X, Y = getPieceBatch(BATCH)
		error = model.train_on_batch(X, Y)
		if i % 50 == 0:
			print("epoch {}, error={}".format(i, error))

def compose(model, length):
	# begins with the first chords, and hears all that it has played
	played = rollOf(0, 3)
	for t in range(length):
		heard = played[-SEQ_LEN:].reshape((1, -1, NOTES)).astype(theano.config.floatX)
		probs = model._predict(heard)[0, -1]
		notes = numpy.random.uniform(size=NOTES) < probs
		played = numpy.vstack([played, notes])
	return played

random.seed(1337)
m = buildModel()
start = time.time()
trainPiece(m, 150)
print('trained in %d s' % (time.time() - start))
piece = compose(m, 24)
for row in piece:
	print(''.join('#' if note else '.' for note in row))
right = rollOf(0, len(piece))
# notes that are where they should be, and of those that sound, counted together (intersection over union)
hits = numpy.logical_and(piece[3:], right[3:]).sum()
either = numpy.logical_or(piece[3:], right[3:]).sum()
print('Result: %.3f' % (float(hits) / either))
