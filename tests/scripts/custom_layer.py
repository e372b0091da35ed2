# -*- coding: utf-8 -*-
from __future__ import absolute_import
import theano
import theano.tensor as T
import numpy as np

from keras import activations, initializations
from keras.utils.theano_utils import shared_scalar, shared_zeros, alloc_zeros_matrix
from keras.layers.core import Layer, MaskedLayer, Dense, Activation, Masking
from keras.layers.recurrent import Recurrent
from keras.models import Sequential
from six.moves import range


class MGU(Recurrent):
    '''
        Minimal gated unit: one gate that forgets and updates.

        Eats inputs with shape (nb_samples, max_sample_length, input_dim),
        returns outputs with shape (nb_samples, output_dim), or those of all steps if return_sequences.
    '''
    def __init__(self, input_dim, output_dim=128,
                 init='glorot_uniform', inner_init='orthogonal', activation='tanh', inner_activation='hard_sigmoid',
                 weights=None, truncate_gradient=-1, return_sequences=False):

        super(Recurrent, self).__init__()
        self.input_dim = input_dim
        self.output_dim = output_dim
        self.truncate_gradient = truncate_gradient
        self.return_sequences = return_sequences

        self.init = initializations.get(init)
        self.inner_init = initializations.get(inner_init)
        self.activation = activations.get(activation)
        self.inner_activation = activations.get(inner_activation)
        self.input = T.tensor3()

        self.W_f = self.init((self.input_dim, self.output_dim))
        self.U_f = self.inner_init((self.output_dim, self.output_dim))
        self.b_f = shared_zeros((self.output_dim))

        self.W_h = self.init((self.input_dim, self.output_dim))
        self.U_h = self.inner_init((self.output_dim, self.output_dim))
        self.b_h = shared_zeros((self.output_dim))

        self.params = [
            self.W_f, self.U_f, self.b_f,
            self.W_h, self.U_h, self.b_h,
        ]

        if weights is not None:
            self.set_weights(weights)

    def _step(self, xf_t, xh_t, mask_tm1, h_tm1, u_f, u_h):
        h_mask_tm1 = mask_tm1 * h_tm1
        f = self.inner_activation(xf_t + T.dot(h_mask_tm1, u_f))
        hh_t = self.activation(xh_t + T.dot(f * h_mask_tm1, u_h))
        h_t = (1 - f) * h_mask_tm1 + f * hh_t
        return h_t

    def get_output(self, train=False):
        X = self.get_input(train)
        padded_mask = self.get_padded_shuffled_mask(train, X, pad=1)
        X = X.dimshuffle((1, 0, 2))

        x_f = T.dot(X, self.W_f) + self.b_f
        x_h = T.dot(X, self.W_h) + self.b_h
        outputs, updates = theano.scan(
            self._step,
            sequences=[x_f, x_h, padded_mask],
            outputs_info=T.unbroadcast(alloc_zeros_matrix(X.shape[1], self.output_dim), 1),
            non_sequences=[self.U_f, self.U_h],
            truncate_gradient=self.truncate_gradient
        )

        if self.return_sequences:
            return outputs.dimshuffle((1, 0, 2))
        return outputs[-1]

    def get_config(self):
        return {"name": self.__class__.__name__,
                "input_dim": self.input_dim,
                "output_dim": self.output_dim,
                "init": self.init.__name__,
                "inner_init": self.inner_init.__name__,
                "activation": self.activation.__name__,
                "inner_activation": self.inner_activation.__name__,
                "truncate_gradient": self.truncate_gradient,
                "return_sequences": self.return_sequences}


if __name__ == '__main__':
    np.random.seed(1337)
    # which of three patterns does a sequence, padded on the left, hold?
    patterns = np.random.uniform(-1, 1, (3, 4, 5))
    labels = np.random.randint(0, 3, 500)
    X = np.zeros((500, 7, 5))
    for i, k in enumerate(labels):
        length = np.random.randint(4, 8)
        X[i, 7 - length:] = np.random.normal(size=(length, 5)) * 0.4
        X[i, 3:] += patterns[k]
    Y = np.eye(3)[labels]

    model = Sequential()
    model.add(Masking())
    model.add(MGU(5, 16, return_sequences=True))
    model.add(MGU(16, 16))
    model.add(Dense(16, 3))
    model.add(Activation('softmax'))
    model.compile(loss='categorical_crossentropy', optimizer='adam')
    model.optimizer.lr.set_value(np.float32(0.01))
    model.fit(X[:400], Y[:400], batch_size=20, nb_epoch=6, show_accuracy=True, verbose=2)
    print(model.layers[1].get_config())
    model.save_weights('mgu.h5')
    loss, acc = model.evaluate(X[400:], Y[400:], show_accuracy=True, verbose=0)
    for layer in model.layers[1:4]:
        layer.set_weights([0 * w for w in layer.get_weights()])
    assert model.evaluate(X[400:], Y[400:], verbose=0) > loss
    model.load_weights('mgu.h5')
    assert abs(model.evaluate(X[400:], Y[400:], verbose=0) - loss) < 1e-5
    print("Result: %f" % acc)
