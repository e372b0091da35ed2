import theano
import theano.tensor as T
import numpy as np
from theano import config
theano.config.compute_test_value = 'off'

from keras.models import Sequential
from keras.layers.core import Dense, Activation, Dropout, TimeDistributedDense
from keras.layers.embeddings import Embedding
from keras.layers.recurrent import LSTM, GRU, SimpleRNN
from keras.preprocessing.sequence import pad_sequences
from keras.optimizers import SGD, RMSprop

from collections import defaultdict
import sys

# A language model: the probability of each word, given those before it.
# theano comes first here, and a function of our own gives the probabilities.

np.random.seed(1337)

determiners = ['the', 'a']
nouns = {'cat': 'meows', 'dog': 'barks', 'cow': 'moos', 'bird': 'sings'}
adverbs = ['loudly', 'often', 'today']


def generate():
    subject = np.random.choice(sorted(nouns))
    return [np.random.choice(determiners), subject, nouns[subject], np.random.choice(adverbs), '.']


corpus = [generate() for _ in range(300)]
vocabulary = ['<s>'] + sorted(set(word for sentence in corpus for word in sentence))
index = defaultdict(int, dict((w, i) for i, w in enumerate(vocabulary)))
V = len(vocabulary)
sys.stdout.write('%d words\n' % V)

encoded = np.array([[0] + [index[w] for w in sentence] for sentence in corpus], dtype='int32')
X, targets = encoded[:, :-1], encoded[:, 1:]
Y = np.zeros(targets.shape + (V,), dtype=config.floatX)
for i in range(len(targets)):
    for t in range(targets.shape[1]):
        Y[i, t, targets[i, t]] = 1

model = Sequential()
model.add(Embedding(V, 12))
model.add(LSTM(12, 24, return_sequences=True))
model.add(TimeDistributedDense(24, V))
model.add(Activation('time_distributed_softmax'))
model.compile(loss='categorical_crossentropy', optimizer=RMSprop(lr=0.02))

# our own function, on the symbolic output: the log probability of a whole sentence
words = model.get_input(train=False)
probabilities = model.get_output(train=False)
target = T.imatrix('target')
rows = T.arange(target.shape[0]).dimshuffle(0, 'x')
columns = T.arange(target.shape[1]).dimshuffle('x', 0)
log_probability = T.log(probabilities[rows, columns, target] + 1e-9)
score = theano.function([words, target], log_probability.sum(axis=1), allow_input_downcast=True)


def perplexity(X, targets):
    return float(np.exp(-score(X, targets).sum() / targets.size))


print('before: perplexity %.2f' % perplexity(X[250:], targets[250:]))
assert perplexity(X[250:], targets[250:]) > 0.8 * V
for epoch in range(4):
    model.fit(X[:250], Y[:250], batch_size=25, nb_epoch=3, verbose=0)
    print('epoch %d: perplexity %.2f' % (3 * epoch, perplexity(X[250:], targets[250:])))

right = np.array([[0] + [index[w] for w in 'the cow moos often .'.split()]])
wrong = np.array([[0] + [index[w] for w in 'the cow sings often .'.split()]])
print(score(right[:, :-1], right[:, 1:]), score(wrong[:, :-1], wrong[:, 1:]))
assert score(right[:, :-1], right[:, 1:]) > score(wrong[:, :-1], wrong[:, 1:])
# bits of each word that it saves, compared with one that knows nothing
print('Result: %.4f' % np.log2(V / perplexity(X[250:], targets[250:])))
