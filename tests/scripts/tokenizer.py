# -*- coding: utf-8 -*-
from __future__ import print_function
import numpy as np
np.random.seed(1337)
from keras.preprocessing.text import Tokenizer, text_to_word_sequence, one_hot, base_filter
from keras.preprocessing import sequence, text
from keras.models import Sequential
from keras.layers.core import Dense, Activation, Dropout, Merge
from keras.layers.embeddings import Embedding
from keras.layers.recurrent import GRU, LSTM
from keras.optimizers import Adam
import random
import sys

# Which of two tweets is about the weather? Words become numbers in three ways.

weather = ["rain", "sunny", "clouds", "storm", "snow", "wind"]
sports = ["goal", "match", "team", "score", "league", "coach"]
other = ["what a", "I saw", "today:", "the", "really", "so much", "tomorrow,", "oh no!", "(again)", "isn't it"]

random.seed(1337)


def make_tweet(about):
    words = [random.choice(other), random.choice(about), random.choice(other), random.choice(about), random.choice(other)]
    random.shuffle(words)
    return ' '.join(words).capitalize()


labels = [random.randint(0, 1) for _ in range(350)]
tweets = [make_tweet(weather if label else sports) for label in labels]
print(tweets[:3], labels[:3])

print(text_to_word_sequence("Oh no! Isn't it RAIN, (again)?"))
assert text_to_word_sequence("Oh no! Isn't it RAIN, (again)?") == ['oh', 'no', "isn't", 'it', 'rain', 'again']
assert text_to_word_sequence("a-b\tC", lower=False) == ['a', 'b', 'C']

# 1. a tokenizer
max_features = 40
maxlen = 10
tokenizer = Tokenizer(nb_words=max_features)
tokenizer.fit_on_texts(tweets[:250])
X = sequence.pad_sequences(tokenizer.texts_to_sequences(tweets), maxlen=maxlen)
print(len(tokenizer.word_index), 'words,', X.shape)
lengths = [len(s) for s in tokenizer.texts_to_sequences_generator(tweets)]
assert max(lengths) <= maxlen

# 2. hashing
hashed = [one_hot(tweet, 100) for tweet in tweets]
X_hashed = sequence.pad_sequences(hashed, maxlen=maxlen)
assert X_hashed.max() < 100 and min(min(s) for s in hashed) > 0

# 3. a matrix, without an order
counts = tokenizer.texts_to_matrix(tweets, mode='count')
binary = tokenizer.texts_to_matrix(tweets, mode='binary')
tfidf = tokenizer.texts_to_matrix(tweets, mode='tfidf')
assert counts.shape == binary.shape == tfidf.shape == (350, max_features)
assert counts.sum() == sum(lengths)

y = np.array(labels)


def get_model(nb_features):
    model = Sequential()
    model.add(Embedding(nb_features, 12, mask_zero=True))
    model.add(GRU(12, 12, activation='tanh', inner_activation='sigmoid'))
    model.add(Dense(12, 1))
    model.add(Activation('sigmoid'))
    model.compile(loss='binary_crossentropy', optimizer=Adam(lr=0.02), class_mode='binary')
    return model


accuracies = []
for name, data, nb_features in [('tokenizer', X, max_features), ('one_hot', X_hashed, 100)]:
    model = get_model(nb_features)
    model.fit(data[:250], y[:250], batch_size=25, nb_epoch=5, show_accuracy=True, verbose=0)
    acc = model.evaluate(data[250:], y[250:], show_accuracy=True, verbose=0)[1]
    print(name, acc)
    accuracies.append(acc)

# the matrix, by a plain perceptron
model = Sequential()
model.add(Dense(max_features, 1, activation='sigmoid'))
model.compile(loss='binary_crossentropy', optimizer=Adam(lr=0.05), class_mode='binary')
model.fit(binary[:250], y[:250], batch_size=25, nb_epoch=10, verbose=0)
acc = model.evaluate(binary[250:], y[250:], show_accuracy=True, verbose=0)[1]
print('matrix', acc)
accuracies.append(acc)
print('Result:', min(accuracies))
