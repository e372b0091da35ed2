from __future__ import absolute_import
from __future__ import print_function
from functools import reduce
import re
import tarfile

import numpy as np
np.random.seed(1337)  # for reproducibility

from keras.datasets.data_utils import get_file
from keras.layers.embeddings import Embedding
from keras.layers.core import Dense, Merge, Dropout, RepeatVector, Activation
from keras.layers import recurrent
from keras.models import Sequential
from keras.preprocessing.sequence import pad_sequences

'''
Two RNNs for question answering on bAbI (Weston et al., http://arxiv.org/abs/1502.05698):
one of them reads the story, the other the question; the answer is one word.
'''


def words_of(sentence):
    return [w.strip() for w in re.split(r'(\W+)', sentence) if w.strip()]


def read_stories(f):
    '''All (story, question, answer) of a file; a line which begins with 1 begins a new story.'''
    data = []
    story = []
    for line in f.readlines():
        number, line = line.decode('utf-8').strip().split(' ', 1)
        if number == '1':
            story = []
        if '\t' in line:
            q, a, supporting = line.split('\t')
            data.append((reduce(lambda x, y: x + y, story), words_of(q), a))
        else:
            story.append(words_of(line))
    return data


def vectorize(data):
    X, Xq, Y = [], [], []
    for story, query, answer in data:
        X.append([word_idx[w] for w in story])
        Xq.append([word_idx[w] for w in query])
        y = np.zeros(vocab_size)
        y[word_idx[answer]] = 1
        Y.append(y)
    return pad_sequences(X, maxlen=story_maxlen), pad_sequences(Xq, maxlen=query_maxlen), np.array(Y)


RNN = recurrent.GRU
EMBED_HIDDEN_SIZE = 12
SENT_HIDDEN_SIZE = 24
QUERY_HIDDEN_SIZE = 12
BATCH_SIZE = 20
EPOCHS = 15
print('RNN / Embed / Sent / Query = {}, {}, {}, {}'.format(RNN, EMBED_HIDDEN_SIZE, SENT_HIDDEN_SIZE, QUERY_HIDDEN_SIZE))

path = get_file('babi-tasks-v1-2.tar.gz', origin='http://www.thespermwhale.com/jaseweston/babi/tasks_1-20_v1-2.tar.gz')
tar = tarfile.open(path)
challenge = 'tasks_1-20_v1-2/en/qa1_single-supporting-fact_{}.txt'
train = read_stories(tar.extractfile(challenge.format('train')))
test = read_stories(tar.extractfile(challenge.format('test')))

vocab = sorted(reduce(lambda x, y: x | y, (set(story + q + [answer]) for story, q, answer in train + test)))
# Reserve 0 for masking via pad_sequences
vocab_size = len(vocab) + 1
word_idx = dict((c, i + 1) for i, c in enumerate(vocab))
story_maxlen = max(map(len, (x for x, _, _ in train + test)))
query_maxlen = max(map(len, (x for _, x, _ in train + test)))

X, Xq, Y = vectorize(train)
tX, tXq, tY = vectorize(test)
print('vocab = {}'.format(vocab))
print('X.shape = {}, Xq.shape = {}, Y.shape = {}'.format(X.shape, Xq.shape, Y.shape))

print('Build model...')
sentrnn = Sequential()
sentrnn.add(Embedding(vocab_size, EMBED_HIDDEN_SIZE, mask_zero=True))
sentrnn.add(RNN(EMBED_HIDDEN_SIZE, SENT_HIDDEN_SIZE, activation='tanh', return_sequences=False))

qrnn = Sequential()
qrnn.add(Embedding(vocab_size, EMBED_HIDDEN_SIZE))
qrnn.add(RNN(EMBED_HIDDEN_SIZE, QUERY_HIDDEN_SIZE, activation='tanh', return_sequences=False))

model = Sequential()
model.add(Merge([sentrnn, qrnn], mode='concat'))
model.add(Dense(SENT_HIDDEN_SIZE + QUERY_HIDDEN_SIZE, vocab_size, activation='softmax'))

model.compile(optimizer='adam', loss='categorical_crossentropy', class_mode='categorical')
model.optimizer.lr.set_value(0.02)

print('Training')
model.fit([X, Xq], Y, batch_size=BATCH_SIZE, nb_epoch=EPOCHS, validation_split=0.05, show_accuracy=True, verbose=2)
loss, acc = model.evaluate([tX, tXq], tY, batch_size=BATCH_SIZE, show_accuracy=True)
print('Test loss / test accuracy = {:.4f} / {:.4f}'.format(loss, acc))
print('Result:', acc)
