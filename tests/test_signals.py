"""Signals that come in the middle of something long: they are heard, and leave weights as they were."""

import numpy as np
import pytest
from other_processes import compiling, said

import recurrent_layers as rl
from recurrent_layers import callbacks, engine

pytestmark = pytest.mark.skipif(not engine.prepare().threads.name, reason=engine.prepare().threads.problem)

LONG = """
    import os, signal, sys, threading, time
    import numpy as np
    import recurrent_layers as rl
    from recurrent_layers import engine
    heard = threading.Event()
    layer = rl.LSTM(1, 64)
    last = engine.function([layer.input], layer.get_output())
    last(np.zeros((2, 1, 1)))
    def watch():
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGTERM)
        # It takes a fraction of a second; the recurrence takes minutes.
        if not heard.wait(30):
            os._exit(1)
    threading.Thread(target=watch, daemon=True).start()
    """


@pytest.mark.parametrize("samples", [1, 2])
def test_a_signal_is_heard_within_a_recurrence(samples):
    """With two samples, another thread is at work on one of them."""
    assert said(LONG + f"""
    def handler(number, frame):
        heard.set()
        sys.exit("heard")
    signal.signal(signal.SIGTERM, handler)
    try:
        last(np.zeros(({samples}, 10**7, 1)))
    except SystemExit as error:
        print(error, np.isfinite(last(np.ones((2, 3, 1)))).all())
    """, env=compiling()) == "heard True"


@pytest.mark.parametrize("call", ["predict(np.ones((2, 10**5, 1)), verbose=0)", "step(np.ones((10**5, 1)))"])
def test_what_a_handler_raises_ends_a_prediction(call):
    """An error, too, which is none of the computation."""
    assert said(f"""
    import signal, time
    import numpy as np
    import recurrent_layers as rl
    model = rl.Sequential([rl.LSTM(1, 64)])
    model.compile("sgd", "mse")
    model.predict(np.ones((2, 3, 1)), verbose=0), model.step(np.ones((2, 1))), model.reset_states()
    def handler(number, frame):
        raise TimeoutError("heard")
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    end = time.time() + 60
    try:
        while time.time() < end:
            model.{call}
    except TimeoutError as error:
        print(str(error).partition(chr(10))[0])
    """, env=compiling()) == "heard"


def test_a_handler_computes_as_usual():
    """Also with numbers that are too small to have all their digits, which a recurrence takes for 0."""
    assert said(LONG + """
    small = np.full(3, 1e-30, "float32")
    def handler(number, frame):
        heard.set()
        sys.exit(str(bool((small * np.float32(1e-10) > 0).all())))
    signal.signal(signal.SIGTERM, handler)
    try:
        last(np.zeros((1, 10**7, 1)))
    except SystemExit as error:
        print(error)
    """, env=compiling()) == "True"


STEPS = """
    import os, signal, sys, threading, time
    import numpy as np
    import recurrent_layers as rl
    layers = [rl.LSTM(8, 128, return_sequences=True), rl.GRU(128, 64), rl.Dense(64, 1)]
    model = rl.Sequential(layers)
    model.compile("adam", "mse")
    X, y = np.random.RandomState(0).randn(16, 400, 8), np.ones((16, 1))
    def train():
        return model.train_on_batch(X, y)
    def after(seconds, handler):
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, seconds)
    model.train_on_batch(X[:, :3], y)
    before, began = model.optimizer.get_state(), time.time()
    train()
    lasts, made = time.time() - began, model.optimizer.get_state()
    """


def test_a_step_is_made_or_not():
    """Whenever a signal comes: before the gradients of the lower layer, between layers, while weights change."""
    assert said(STEPS + """
    def interrupt(number, frame):
        raise KeyboardInterrupt
    outcomes = []
    for share in np.geomspace(0.002, 1, 14):
        model.optimizer.set_state(before)
        try:
            after(share * lasts, interrupt)
            train()
            signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            pass
        now = model.optimizer.get_state()
        unmade = all(map(np.array_equal, now, before))
        # Sums may be in another order.
        assert unmade or all(np.allclose(one, other, rtol=0, atol=1e-9) for one, other in zip(now, made)), share
        outcomes.append(unmade)
    assert any(outcomes)
    print("whole")
    """, env=compiling()) == "whole"


def test_a_handler_may_save_what_was_there_before():
    assert said(STEPS + """
    saved = []
    def handler(number, frame):
        weights = model.get_weights()
        try:
            model.set_weights(weights)
        except RuntimeError as error:
            # While the step is being computed, not when it has just been made.
            if all(map(np.array_equal, weights, before)):
                saved.append((model.predict(X[:2, :5]), str(error)))
        # Not at intervals: where all else is slow, the next signal would come before this has returned.
        after(0.005, handler)
    before, outputs = model.get_weights(), model.predict(X[:2, :5])
    after(0.005, handler)
    while not saved:
        model.set_weights(before)
        train()
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert np.array_equal(saved[0][0], outputs)
    assert not np.array_equal(model.get_weights()[0], before[0]), "the step was made"
    print(saved[0][1][:40])
    """, env=compiling()) == "the handler of a signal cannot train, se"


class Interrupt(callbacks.Callback):
    """As by Ctrl-C in the middle of the third epoch."""

    def on_batch_end(self, batch, logs={}):
        if len(self.model.history.epoch) == 2:
            raise KeyboardInterrupt


def test_an_interrupted_training_keeps_its_history_and_its_best_weights():
    model = rl.Sequential([rl.Dense(2, 1)])
    model.compile(rl.optimizers.SGD(lr=0.0), "mse")
    X, y, seen = np.ones((4, 2)), np.zeros(4), []

    class See(callbacks.Callback):
        def on_epoch_end(self, epoch, logs={}):
            seen.append(self.model.get_weights())
            self.model.layers[0].W.set_value(self.model.layers[0].W.get_value() * 2 + 1)

    best = callbacks.EarlyStopping(monitor="loss", patience=9, restore_best_weights=True)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y, nb_epoch=5, verbose=0, callbacks=[best, See(), Interrupt()])
    assert model.history.epoch == [0, 1] and len(model.history.history["loss"]) == 2
    best_epoch = int(np.argmin(model.history.history["loss"]))
    assert all(map(np.array_equal, model.get_weights(), seen[best_epoch]))
