# Word vectors from a file (as GloVe has them), which training must leave alone.
from __future__ import print_function
import numpy as np
import os, sys, gzip
import theano
from keras.models import Sequential
from keras.layers.core import Dense, Activation, Dropout, TimeDistributedDense, Lambda
from keras.layers.embeddings import Embedding
from keras.layers.recurrent import JZS2, LSTM
from keras.preprocessing.sequence import pad_sequences
from keras.utils.np_utils import to_categorical, probas_to_classes
from keras.utils.layer_utils import print_layer_shapes
from keras.models import model_from_json

np.random.seed(1337)
DIM = 6
good = ['good', 'great', 'fine', 'nice', 'happy', 'lovely']
bad = ['bad', 'awful', 'poor', 'ugly', 'sad', 'nasty']
rest = ['film', 'book', 'it', 'was', 'the', 'very', 'and', 'song']

def write_vectors(path):
	f = open(path, 'w')
	for words, mean in ((good, 0.8), (bad, -0.8), (rest, 0.)):
		for w in words:
			v = np.random.normal(size=DIM) * 0.3
			v[0] += mean
			f.write(w + ' ' + ' '.join('%.4f' % x for x in v) + '\n')
	f.close()

def read_vectors(path):
	vectors = {}
	for line in open(path):
		parts = line.split()
		vectors[parts[0]] = np.array([float(x) for x in parts[1:]])
	return vectors

write_vectors('glove.6d.txt')
vectors = read_vectors('glove.6d.txt')
words = sorted(vectors)
word_index = dict((w, i + 1) for i, w in enumerate(words))
weights = np.zeros((len(words) + 1, DIM))
for w in words:
	weights[word_index[w]] = vectors[w]

def make(n, some_good, some_bad):
	X, y = [], []
	for _ in range(n):
		label = np.random.randint(2)
		told = list(np.random.choice(some_good if label else some_bad, 2)) + list(np.random.choice(rest, np.random.randint(2, 5)))
		np.random.shuffle(told)
		X.append([word_index[w] for w in told])
		y.append(label)
	return pad_sequences(X, maxlen=6), to_categorical(y, 2)

# only half of the words are there when it learns: what it knows of the others is in their vectors
X_train, Y_train = make(300, good[:3], bad[:3])
X_test, Y_test = make(100, good[3:], bad[3:])

model = Sequential()
model.add(Embedding(len(words) + 1, DIM, weights=[weights], mask_zero=True))
model.add(JZS2(DIM, 12))
model.add(Dense(12, 2))
model.add(Activation('softmax'))
model.layers[0].params = []
model.compile(loss='categorical_crossentropy', optimizer='adam')
model.optimizer.lr.set_value(0.01)
model.fit(X_train, Y_train, batch_size=20, nb_epoch=8, verbose=2, show_accuracy=True)
assert model.layers[0].get_weights() == []
classes = probas_to_classes(model.predict(X_test))
acc = np.mean(classes == Y_test.argmax(axis=1))
print('words that it has never seen: %.2f' % acc)
print('Result:', acc)
