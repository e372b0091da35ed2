"""Forecast the sunspots, 1 to 11 years ahead, beside a linear and two naive forecasts.

The series is the yearly number of sunspots since 1700. Networks learn from the years up to 1920, and stop when they
get worse on 1921-1955. The years 1956-2008 are held out: no weight, no scale and no choice of an epoch comes from them.
The linear forecast, least squares over the same windows on the same scale, learns from all years up to 1955.

    python examples/forecast.py
    python examples/forecast.py --layer LSTM --window 12

The first takes less than a minute when everything is compiled for the first time, and 10 seconds later.

Nobody wins: over seeds 0 to 2 the mean error of the GRU is 24.1 to 25.8 sunspots, that of the linear forecast 25.3.
The GRU is the better one 3 to 6 years ahead, the linear one 1 year ahead and 8 or more. Both are far better than to
guess that all stays as it is (67.6), or comes again after 11 years (36.8).
"""

import os
import sys
import tempfile

import numpy as np
from _common import LAYERS, argument_parser, save
from matplotlib import pyplot as plt

from recurrent_layers.callbacks import EarlyStopping, ModelCheckpoint
from recurrent_layers.layers import Dense
from recurrent_layers.models import Sequential
from recurrent_layers.optimizers import Adam

try:
    from statsmodels.datasets import sunspots
except ImportError:
    sys.exit('The series comes with statsmodels: pip install -e ".[examples]"')

AHEAD = 11  # years: the length of a cycle of the sun
TRAINING, VALIDATION, HELD_OUT = (1700, 1920), (1921, 1955), (1956, 2008)


def main():
    parser = argument_parser(__doc__, layer="GRU", output="forecast.png")
    parser.add_argument("--epochs", type=int, default=400, help="how often to go through the training years at most")
    parser.add_argument("--patience", type=int, default=60, help="after how many epochs without progress to stop")
    parser.add_argument("--networks", type=int, default=5, help="of how many networks to take the mean")
    parser.add_argument("--window", type=int, default=24, help="how many years to read before a forecast, 11 at least")
    parser.add_argument("--hidden", type=int, default=32, help="size of the recurrent layer")
    args = parser.parse_args()
    if args.window < AHEAD:
        parser.error("--window must be 11 at least, for the forecast that all comes again after 11 years")
    np.random.seed(args.seed)

    data = sunspots.load_pandas().data
    years, numbers = data["YEAR"].to_numpy().astype(int), data["SUNACTIVITY"].to_numpy()

    # Each sample is a window of years, and its target the 11 years after it, which all lie within one of the periods.
    def samples(period):
        begins = np.flatnonzero((years >= period[0]) & (years <= period[1] - AHEAD + 1))
        begins = begins[begins >= args.window]
        return numbers[begins[:, None] + np.arange(-args.window, 0)], numbers[begins[:, None] + np.arange(AHEAD)]

    (X_train, y_train), (X_val, y_val), (X_test, y_test) = map(samples, (TRAINING, VALIDATION, HELD_OUT))

    forecasts = {
        "as last year": np.repeat(X_test[:, -1:], AHEAD, axis=1),
        "as 11 years before": X_test[:, -AHEAD:],
        "linear": linear(np.concatenate([X_train, X_val]), np.concatenate([y_train, y_val]), X_test),
        args.layer: recurrent(args, (X_train, y_train), (X_val, y_val), X_test),
    }
    errors = {name: np.sqrt(np.mean((forecast - y_test) ** 2, axis=0)) for name, forecast in forecasts.items()}

    shown = np.array([1, 2, 3, 5, 8, 11])
    print(f"\n{len(y_test)} forecasts of {HELD_OUT[0]}-{HELD_OUT[1]}: root mean squared (and mean absolute) error, "
          "in sunspots")
    print(f"{'years ahead':20}" + "".join(f"{k:13}" for k in shown))
    for name, forecast in forecasts.items():
        absolute = np.abs(forecast - y_test).mean(axis=0)
        print(f"{name:20}" + "".join(f"{errors[name][k - 1]:6.1f} ({absolute[k - 1]:4.1f})" for k in shown))
    print("held-out error, mean over the years ahead: "
          + ", ".join(f"{error.mean():.1f} {name}" for name, error in errors.items()))
    save(draw(years, numbers, forecasts, errors), args.output)


def scaled(X, *others):
    """Square roots, which vary as much in high cycles as in low ones, less the mean of the window, by its deviation.

    Each window gives its own scale, so that a cycle higher than all before is nothing new.
    """
    mean = np.sqrt(X).mean(axis=1, keepdims=True)
    deviation = np.sqrt(X).std(axis=1, keepdims=True)
    return [(np.sqrt(values) - mean) / deviation for values in (X, *others)]


def unscaled(y, X):
    """Sunspots, from what was forecast after the windows `X`."""
    root = y * np.sqrt(X).std(axis=1, keepdims=True) + np.sqrt(X).mean(axis=1, keepdims=True)
    return np.maximum(root, 0) ** 2


def linear(X, y, X_new):
    """An autoregression: each of the years ahead is a weighted sum of the window, by least squares."""
    def with_one(Z):
        return np.column_stack([Z, np.ones(len(Z))])

    X, y = scaled(X, y)
    weights = np.linalg.lstsq(with_one(X), y, rcond=None)[0]
    return unscaled(with_one(scaled(X_new)[0]) @ weights, X_new)


def recurrent(args, training, validation, X_new):
    """The mean forecast of some networks, each with the weights of its best epoch on the validation years."""
    (X_train, y_train), (X_val, y_val) = scaled(*training), scaled(*validation)
    forecasts = []
    for k in range(args.networks):
        model = Sequential()
        model.add(LAYERS[args.layer](1, args.hidden, activation="tanh"))
        model.add(Dense(args.hidden, AHEAD))
        model.compile(loss="mse", optimizer=Adam(lr=0.003))
        with tempfile.TemporaryDirectory() as folder:
            best = os.path.join(folder, "best.h5")
            history = model.fit(X_train[:, :, None], y_train, batch_size=32, nb_epoch=args.epochs, verbose=0,
                                validation_data=(X_val[:, :, None], y_val),
                                callbacks=[ModelCheckpoint(best, save_best_only=True),
                                           EarlyStopping(patience=args.patience)]).history
            model.load_weights(best)
        print(f"network {k + 1} of {args.networks}: best after epoch {np.argmin(history['val_loss']) + 1} of "
              f"{len(history['val_loss'])}, validation loss {min(history['val_loss']):.3f}", flush=True)
        forecasts.append(unscaled(model.predict(scaled(X_new)[0][:, :, None]), X_new))
    return np.mean(forecasts, axis=0)


def draw(years, numbers, forecasts, errors):
    """Draw the held-out years with the forecasts of them made 1 and 5 years before, and the errors of all of these."""
    figure = plt.figure(figsize=(12, 5.2), constrained_layout=True)
    grid = figure.add_gridspec(2, 2, width_ratios=(5, 3))
    *naive, linear, recurrent = forecasts
    looks = {naive[0]: {"color": "0.75"}, naive[1]: {"color": "0.55", "linestyle": ":"},
             linear: {"color": "C0"}, recurrent: {"color": "C1"}}

    for row, ahead in enumerate((1, 5)):
        axes = figure.add_subplot(grid[row, 0])
        axes.plot(years[years >= HELD_OUT[0] - 15], numbers[years >= HELD_OUT[0] - 15], "k", lw=1)
        axes.axvspan(years[0], HELD_OUT[0] - 0.5, color="0.93")
        for name in (linear, recurrent):
            forecast = forecasts[name][:, ahead - 1]
            axes.plot(HELD_OUT[0] + ahead - 1 + np.arange(len(forecast)), forecast, "--", **looks[name])
        axes.set(title=f"Forecast {ahead} year{'s' * (ahead > 1)} before", ylabel="sunspots", ylim=(0, 240),
                 xlim=(HELD_OUT[0] - 15, HELD_OUT[1]))
        axes.grid(alpha=0.3)
    axes.set_xlabel("year")
    figure.axes[0].text(HELD_OUT[0] - 1.5, 233, "not held out", ha="right", va="top", color="0.4")
    figure.axes[0].text(HELD_OUT[0] + 0.5, 233, "held out", ha="left", va="top", color="0.4")

    axes = figure.add_subplot(grid[:, 1])
    for name, error in errors.items():
        axes.plot(np.arange(AHEAD) + 1, error, marker=".", label=name, **looks[name])
    axes.plot([], [], "k", lw=1, label="truth (left)")
    axes.set(title="Error, held out", xlabel="years ahead", ylabel="root mean squared error (sunspots)",
             xticks=range(1, AHEAD + 1), ylim=(0, None))
    axes.grid(alpha=0.3)
    figure.legend(*axes.get_legend_handles_labels(), loc="upper center", bbox_to_anchor=(0.5, 0), ncol=5, frameon=False)
    return figure


if __name__ == "__main__":
    main()
