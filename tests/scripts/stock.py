'''
Predicts a stock series, a day ahead, with a plain recurrent network.
Saves architecture and weights, and loads both again.
'''
from __future__ import print_function
import csv
import os
import json
import numpy as np
from keras.models import Sequential, model_from_json
from keras.layers.core import Dense, Dropout, Activation, TimeDistributedDense
from keras.layers.recurrent import SimpleRNN, LSTM
from keras.optimizers import SGD, Adam
from keras.utils import np_utils

np.random.seed(1337)
window = 6
in_out_neurons = 1
hidden_neurons = 16


def make_series(file_name, n=400):
    '''writes the file that others download: date and closing price'''
    t = np.arange(n)
    price = 100 + 10 * np.sin(t / 2.5) + 6 * np.sin(t / 1.7) + np.random.normal(size=n)
    with open(file_name, 'w') as f:
        writer = csv.writer(f)
        writer.writerow(['Date', 'Close'])
        for day, p in zip(t, price):
            writer.writerow(['2015-%03d' % day, '%.3f' % p])


def read_series(file_name):
    with open(file_name) as f:
        rows = list(csv.reader(f))
    return np.array([float(row[1]) for row in rows[1:]])


def _load_data(data, n_prev=window):
    docX, docY = [], []
    for i in range(len(data) - n_prev):
        docX.append(data[i:i + n_prev].reshape(-1, 1))
        docY.append([data[i + n_prev]])
    return np.array(docX), np.array(docY)


def train_test_split(data, test_size=0.2):
    ntrn = int(round(len(data) * (1 - test_size)))
    return _load_data(data[:ntrn]), _load_data(data[ntrn:])


make_series('prices.csv')
close = read_series('prices.csv')
mean, std = close.mean(), close.std()
(X_train, y_train), (X_test, y_test) = train_test_split((close - mean) / std)
print(X_train.shape, y_train.shape, X_test.shape, y_test.shape)

model = Sequential()
model.add(SimpleRNN(in_out_neurons, hidden_neurons, activation='tanh', inner_init='orthogonal', return_sequences=False))
model.add(Dense(hidden_neurons, in_out_neurons))
model.add(Activation("linear"))
model.compile(loss="mean_squared_error", optimizer=Adam(lr=0.01))
model.fit(X_train, y_train, batch_size=20, nb_epoch=15, validation_split=0.05, verbose=2)

# save it all
json_string = model.to_json()
with open('stock.json', 'w') as f:
    f.write(json_string)
if os.path.exists('stock_weights.h5'):
    os.remove('stock_weights.h5')
model.save_weights('stock_weights.h5')

# and load it again
loaded = model_from_json(open('stock.json').read())
loaded.load_weights('stock_weights.h5')
loaded.compile(loss='mean_squared_error', optimizer='sgd')
predicted = loaded.predict(X_test, batch_size=20)
assert np.allclose(predicted, model.predict(X_test, batch_size=20), atol=1e-6)

rmse = np.sqrt(((predicted - y_test) ** 2).mean(axis=0))
same_as_yesterday = np.sqrt(((X_test[:, -1] - y_test) ** 2).mean(axis=0))
print('rmse', rmse * std, 'of yesterday\'s price', same_as_yesterday * std)
# how much better than yesterday's price
print('Result:', float(same_as_yesterday[0] / rmse[0]))
