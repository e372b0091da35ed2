from __future__ import print_function
import numpy as np
import argparse
import random
from random import shuffle
from keras.models import Sequential
from keras.layers.core import Dense, Activation, Merge, Dropout, Reshape, Flatten
from keras.layers.recurrent import LSTM, JZS1
from keras.layers.embeddings import Embedding
from keras.layers.convolutional import Convolution2D, MaxPooling2D
from keras.utils import np_utils, generic_utils
from keras.callbacks import ModelCheckpoint, RemoteMonitor

# Visual question answering: features of an image, which a CNN has made, beside a question that JZS1 reads.

parser = argparse.ArgumentParser()
parser.add_argument('-num_hidden_units', type=int, default=48)
parser.add_argument('-num_hidden_layers', type=int, default=1)
parser.add_argument('-dropout', type=float, default=0.2)
parser.add_argument('-num_epochs', type=int, default=12)
parser.add_argument('-batch_size', type=int, default=25)
args = parser.parse_args()

random.seed(1337)
np.random.seed(1337)
img_dim = 16
word_vec_dim = 10
max_len = 5
colors = ['red', 'green', 'blue']
shapes = ['cube', 'ball', 'cone']
questions = ['what color is it', 'what shape is it', 'tell me the color', 'which shape has it']
answers = colors + shapes
words = sorted(set(w for q in questions for w in q.split()))
word_index = dict((w, i + 1) for i, w in enumerate(words))

# what the network sees: a random but fixed direction for each color and each shape
projection = np.random.normal(size=(6, img_dim))


def get_images_matrix(picked):
    return np.array([projection[c] + projection[3 + s] + np.random.normal(size=img_dim) * 0.1 for c, s in picked])


def get_questions_matrix(qs):
    Q = np.zeros((len(qs), max_len), dtype='int32')
    for i, q in enumerate(qs):
        tokens = [word_index[w] for w in q.split()]
        Q[i, max_len - len(tokens):] = tokens
    return Q


def make_batch(n):
    picked = [(random.randrange(3), random.randrange(3)) for _ in range(n)]
    qs = [random.choice(questions) for _ in range(n)]
    y = [c if 'color' in q else 3 + s for (c, s), q in zip(picked, qs)]
    return get_questions_matrix(qs), get_images_matrix(picked), np_utils.to_categorical(y, len(answers))


image_model = Sequential()
image_model.add(Reshape(img_dim))
image_model.add(Dense(img_dim, 24, activation='tanh'))

language_model = Sequential()
language_model.add(Embedding(len(words) + 1, word_vec_dim, mask_zero=True))
language_model.add(JZS1(word_vec_dim, 24, return_sequences=False))

model = Sequential()
model.add(Merge([language_model, image_model], mode='concat', concat_axis=1))
dim = 24 + 24
for i in range(args.num_hidden_layers):
    model.add(Dense(dim, args.num_hidden_units, init='uniform'))
    model.add(Activation('tanh'))
    model.add(Dropout(args.dropout))
    dim = args.num_hidden_units
model.add(Dense(dim, len(answers)))
model.add(Activation('softmax'))

json_string = model.to_json()
open('visual_qa_%d.json' % args.num_hidden_units, 'w').write(json_string)

model.compile(loss='categorical_crossentropy', optimizer='rmsprop')
model.optimizer.lr.set_value(0.01)
print('Compilation done')

Q, I, A = make_batch(300)
for k in range(args.num_epochs):
    order = list(range(0, len(Q), args.batch_size))
    shuffle(order)
    progbar = generic_utils.Progbar(len(Q))
    for start in order:
        stop = start + args.batch_size
        loss = model.train_on_batch([Q[start:stop], I[start:stop]], A[start:stop])
        progbar.add(args.batch_size, values=[("train loss", loss)])
    model.save_weights('visual_qa_epoch_{:02d}.hdf5'.format(k))
model.load_weights('visual_qa_epoch_{:02d}.hdf5'.format(args.num_epochs - 1))

Q, I, A = make_batch(100)
predicted = model.predict_classes([Q, I], verbose=0)
for k in range(3):
    print(A[k].argmax(), answers[predicted[k]])
print('Result:', np_utils.accuracy(predicted, A.argmax(axis=1)))
