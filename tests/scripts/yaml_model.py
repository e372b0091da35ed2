from __future__ import absolute_import
from __future__ import print_function
import numpy as np
np.random.seed(1337)
import yaml
from keras.models import Sequential, model_from_yaml, model_from_json, model_from_config
from keras.layers.core import Dense, Activation, Dropout, TimeDistributedDense, RepeatVector
from keras.layers.recurrent import GRU, LSTM
from keras.optimizers import SGD, RMSprop
from keras.regularizers import l2
from keras.constraints import maxnorm

# An autoencoder of sequences, which is kept as YAML and HDF5.

N, STEPS, DIM = 300, 5, 3
freq = np.random.uniform(0.5, 1.5, (N, 1, 1))
phase = np.random.uniform(0, 2 * np.pi, (N, 1, DIM))
X = np.sin(np.arange(STEPS).reshape(1, STEPS, 1) * freq + phase)
X_train, X_test = X[:250], X[250:]

model = Sequential()
model.add(GRU(DIM, 24, activation='tanh'))
model.add(RepeatVector(STEPS))
model.add(GRU(24, 24, activation='tanh', return_sequences=True))
model.add(TimeDistributedDense(24, DIM, W_regularizer=l2(1e-6), W_constraint=maxnorm(10)))
model.compile(loss='mse', optimizer=RMSprop(lr=0.01))
model.fit(X_train, X_train, batch_size=25, nb_epoch=12, verbose=2)
mse = model.evaluate(X_test, X_test, verbose=0)

yaml_string = model.to_yaml()
with open('autoencoder.yaml', 'w') as f:
    f.write(yaml_string)
model.save_weights('autoencoder.h5')
print(yaml_string)
config = yaml.safe_load(yaml_string)
print([layer['name'] for layer in config['layers']])
assert [layer['name'] for layer in config['layers']] == ['GRU', 'RepeatVector', 'GRU', 'TimeDistributedDense']

del model
again = model_from_yaml(open('autoencoder.yaml').read())
again.load_weights('autoencoder.h5')
again.compile(loss='mse', optimizer='sgd')
score = again.evaluate(X_test, X_test, verbose=0)
print('mse %.5f, again %.5f' % (mse, score))
assert abs(score - mse) < 1e-5
# the same goes on with the optimizer that was in it
assert model_from_yaml(yaml_string).optimizer.__class__.__name__ == 'RMSprop'
# the part of the variance that went through the bottleneck
print('Result:', 1 - score / X_test.var())
