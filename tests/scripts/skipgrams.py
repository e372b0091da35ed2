'''
    Word vectors by skip-grams (word2vec), then a LSTM which begins with them.

    There is no need of labels for the vectors: a pair of words is either real, or one of them was drawn at random.
'''
from __future__ import absolute_import
from __future__ import print_function
import numpy as np
import six.moves.cPickle
import os, re, json, random
from six.moves import range, zip

from keras.preprocessing import sequence, text
from keras.optimizers import SGD, RMSprop, Adagrad
from keras.utils import np_utils, generic_utils
from keras.models import Sequential
from keras.layers.embeddings import WordContextProduct, Embedding
from keras.layers.recurrent import LSTM
from keras.layers.core import Dense, Dropout, Activation

random.seed(1337)
np.random.seed(1337)
max_features = 21  # top 20 words
skip_top = 0
nb_epoch = 6
dim_proj = 8
save = True
save_dir = 'models'
model_save_fname = "HN_skipgram_model.pkl"
tokenizer_fname = "HN_tokenizer.pkl"

topics = [['apple', 'pear', 'plum', 'grape', 'fig', 'lemon', 'peach', 'melon', 'kiwi', 'date'],
          ['iron', 'gold', 'zinc', 'lead', 'tin', 'copper', 'silver', 'nickel', 'chrome', 'cobalt']]


def text_generator(n):
    for i in range(n):
        topic = topics[i % 2]
        yield ' '.join(random.choice(topic) for _ in range(8))


# model management
print("Fit tokenizer...")
tokenizer = text.Tokenizer(nb_words=max_features)
tokenizer.fit_on_texts(text_generator(200))
if save:
    print("Save tokenizer...")
    if not os.path.exists(save_dir):
        os.makedirs(save_dir)
    six.moves.cPickle.dump(tokenizer, open(os.path.join(save_dir, tokenizer_fname), "wb"))
tokenizer = six.moves.cPickle.load(open(os.path.join(save_dir, tokenizer_fname), "rb"))

# training process
sampling_table = sequence.make_sampling_table(max_features, sampling_factor=1.)
assert sampling_table.shape == (max_features,) and sampling_table.min() > 0 and sampling_table.max() <= 1
model = Sequential()
model.add(WordContextProduct(max_features, proj_dim=dim_proj, init="uniform"))
model.compile(loss='mse', optimizer=RMSprop(lr=0.02))

for e in range(nb_epoch):
    print('-' * 40)
    print('Epoch', e)
    progbar = generic_utils.Progbar(100)
    losses = []
    for i, seq in enumerate(tokenizer.texts_to_sequences_generator(text_generator(100))):
        # get skipgram couples for one text in the dataset
        couples, labels = sequence.skipgrams(seq, max_features, window_size=4, negative_samples=1.,
                                             sampling_table=sampling_table)
        if couples:
            X = np.array(couples, dtype="int32")
            # one gradient update per sentence
            loss = model.train_on_batch(X, labels)
            losses.append(loss)
        progbar.add(1, values=[("loss", float(np.mean(losses[-10:] or [0])))])
    print('Mean loss', np.mean(losses))

# recover the embedding weights trained with skipgram:
weights = model.layers[0].get_weights()[0]
norm_weights = np_utils.normalize(weights)
word_index = tokenizer.word_index
reverse_word_index = dict([(v, k) for k, v in list(word_index.items())])


def embed_word(w):
    return norm_weights[word_index[w]]


def closest_to_word(w, nb_closest=5):
    proximity = np.dot(norm_weights, embed_word(w))
    order = [i for i in np.argsort(-proximity) if i in reverse_word_index and i != word_index[w]]
    return [reverse_word_index[i] for i in order[:nb_closest]]


same = []
for topic in topics:
    for w in topic:
        closest = closest_to_word(w)
        same += [c in topic for c in closest]
    print('%s is closest to %s' % (w, ', '.join(closest)))
print('of the same topic:', np.mean(same))

# an LSTM that begins with these vectors tells the topics apart
lstm = Sequential()
lstm.add(Embedding(max_features, dim_proj, weights=[norm_weights]))
lstm.add(LSTM(dim_proj, 8))
lstm.add(Dense(8, 1, activation='sigmoid'))
lstm.compile(loss='binary_crossentropy', optimizer='adam', class_mode='binary')
lstm.optimizer.lr.set_value(0.02)
X = np.array(list(tokenizer.texts_to_sequences_generator(text_generator(200))))
y = np.arange(200) % 2
lstm.fit(X, y, batch_size=20, nb_epoch=4, verbose=0)
X_test = np.array(tokenizer.texts_to_sequences(text_generator(50)))
acc = lstm.evaluate(X_test, np.arange(50) % 2, show_accuracy=True, verbose=0)[1]
print('Test accuracy:', acc)
print('Result:', min(acc, np.mean(same)))
