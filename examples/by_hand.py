"""Use the layers by hand, without a model: two of them stacked, your own loss, gradients and updates.

The task is to predict the series of Mackey and Glass (1977), a chaotic one that once described the number of
blood cells, 10 steps ahead. Everything that a Sequential model would do stands here in a few lines.

    python examples/by_hand.py
    python examples/by_hand.py --truncate-gradient 5     carries gradients through the last 5 steps only

The first takes less than a minute when everything is compiled for the first time, and a few seconds later. Its
error falls below 0.05 standard deviations; to guess that nothing changes has an error of 1.24.
"""

import numpy as np
from _common import LAYERS, argument_parser, save
from matplotlib import pyplot as plt
from tqdm import trange

from recurrent_layers.engine import config, function, shared  # Of Theano, or of PyTensor where that computes.
from recurrent_layers.engine import tensor as T


def main():
    parser = argument_parser(__doc__, layer="JZS1", output="by_hand.png")
    parser.add_argument("--updates", type=int, default=2000, help="how many steps of gradient descent")
    parser.add_argument("--hidden", type=int, default=32, help="size of both recurrent layers")
    parser.add_argument("--steps", type=int, default=40, help="how many values to read before predicting")
    parser.add_argument("--ahead", type=int, default=10, help="how far ahead to predict")
    parser.add_argument("--lr", type=float, default=0.01, help="learning rate")
    parser.add_argument("--truncate-gradient", type=int, default=-1,
                        help="through how many steps to carry gradients, -1 for all")
    args = parser.parse_args()
    np.random.seed(args.seed)

    # Two layers, one on the other. The first passes on its outputs of all steps, the second only its last one.
    layer = LAYERS[args.layer]
    first = layer(1, args.hidden, activation="tanh", truncate_gradient=args.truncate_gradient, return_sequences=True)
    second = layer(args.hidden, args.hidden, activation="tanh", truncate_gradient=args.truncate_gradient)
    first.input = T.tensor3("x")
    second.set_previous(first)
    h = second.get_output()

    # What the layers made is a symbolic expression as any other: (samples, hidden). Predict by a weighted sum of it.
    w = shared(np.zeros(args.hidden, dtype=config.floatX), name="w")
    b = shared(np.zeros((), dtype=config.floatX), name="b")
    predicted = T.dot(h, w) + b

    # Mean squared error, and gradient descent with momentum on the weights of the layers and our own.
    target = T.vector("target")
    loss = T.mean(T.sqr(predicted - target))
    updates = []
    params = first.params + second.params + [w, b]
    for param, gradient in zip(params, T.grad(loss, params)):
        velocity = shared(np.zeros_like(param.get_value()))
        new_velocity = 0.9 * velocity - args.lr * gradient
        updates += [(velocity, new_velocity), (param, param + new_velocity)]
    train = function([first.input, target], loss, updates=updates, allow_input_downcast=True)
    predict = function([first.input], predicted, allow_input_downcast=True)

    # Each sample is a stretch of the series, and its target the value `ahead` steps after it. The end is held out.
    series = mackey_glass(3000)
    starts = np.arange(len(series) - args.steps - args.ahead + 1)
    X = series[starts[:, None] + np.arange(args.steps)][:, :, None]
    y = series[starts + args.steps + args.ahead - 1]
    X_train, y_train, X_test, y_test = X[:2000], y[:2000], X[-500:], y[-500:]

    def error():
        return np.sqrt(np.mean((predict(X_test) - y_test) ** 2))

    errors = [error()]
    with trange(args.updates, desc="training", unit="update") as progress:
        for update in progress:
            batch = np.random.choice(len(X_train), 32)
            train(X_train[batch], y_train[batch])
            if update % 50 == 49 or update == args.updates - 1:
                errors.append(error())
                progress.set_postfix(error=f"{errors[-1]:.4f}")

    naive = np.sqrt(np.mean((X_test[:, -1, 0] - y_test) ** 2))
    print(f"held-out error: {errors[0]:.4f} before training, {errors[-1]:.4f} after; "
          f"{naive:.4f} for a guess that nothing changes")
    save(draw(y_test, predict(X_test), X_test[:, -1, 0], args.ahead), args.output)


def mackey_glass(length):
    """The Mackey-Glass series, dx/dt = 0.2 x(t - 17) / (1 + x(t - 17)^10) - 0.1 x(t), with mean 0 and deviation 1."""
    per_step, delay = 10, 17
    x = np.full((length + 200) * per_step, 1.2)
    for t in range(delay * per_step, len(x) - 1):
        delayed = x[t - delay * per_step]
        x[t + 1] = x[t] + (0.2 * delayed / (1 + delayed ** 10) - 0.1 * x[t]) / per_step
    series = x[200 * per_step::per_step]  # The first 200 steps depend on where we began.
    return (series - series.mean()) / series.std()


def draw(truth, predicted, naive, ahead):
    """Draw what came and what was predicted, over the first 300 of the held-out steps."""
    figure, axes = plt.subplots(figsize=(9, 3.8))
    axes.plot(naive[:300], color="0.75", label=f"{ahead} steps before")
    axes.plot(truth[:300], color="black", label="truth")
    axes.plot(predicted[:300], "C1--", label=f"predicted {ahead} steps ahead")
    axes.set(title="The Mackey-Glass series, held out", xlabel="time (steps)", ylabel="value (standard deviations)")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper center", ncol=3, bbox_to_anchor=(0.5, -0.18), frameon=False)
    return figure


if __name__ == "__main__":
    main()
