"""A trained network leaves Python: the same curve by `predict`, by ONNX Runtime and by a program of C.

A sensor lags behind what it measures, and is noisy. A recurrent network learns to say, at each step, what the true
value is. Then it is written twice: as ONNX, which runtimes in any language read, and as one file of C, which a small
device can run. The C is compiled with a `main` of ten lines that reads a number from the sensor, calls ``net_step`` and
prints the estimate; both of them and `predict` are given the same measurements.

    python examples/export.py
    python examples/export.py --layer JZS1 --hidden 16

On two processor cores it takes less than a minute. The estimates are less than half as far from the truth as the
sensor, and the three curves are the same to the sixth digit. It needs a C compiler, and ONNX Runtime:
pip install -e ".[examples]".
"""

import os
import shutil
import subprocess
import sys

import numpy as np
from _common import LAYERS, argument_parser, save
from matplotlib import pyplot as plt

from recurrent_layers.layers import TimeDistributedDense
from recurrent_layers.models import Sequential
from recurrent_layers.optimizers import Adam

try:
    import onnxruntime
except ImportError:
    sys.exit('ONNX Runtime runs one of the exports: pip install -e ".[examples]"')

LAG, NOISE = 6.0, 0.03
PROGRAM = """\
#include "net.h"
#include <stdio.h>

int main(void) {
    net_state state;
    float x[NET_INPUT], y[NET_OUTPUT];
    net_reset(&state);
    while (scanf("%f", x) == 1) {
        net_step(&state, x, y);
        printf("%.9g\\n", y[0]);
    }
    return 0;
}
"""


def main():
    parser = argument_parser(__doc__, layer="GRU", output="export.png")
    parser.add_argument("--hidden", type=int, default=24, help="size of the recurrent layer")
    parser.add_argument("--epochs", type=int, default=15, help="how often to go through the training data")
    parser.add_argument("--folder", default="exported", help="where to put net.onnx, net.c, net.h and the program")
    args = parser.parse_args()
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        sys.exit("A C compiler runs one of the exports, and there is none in the PATH")
    np.random.seed(args.seed)

    model = Sequential()
    model.add(LAYERS[args.layer](1, args.hidden, activation="tanh", return_sequences=True))
    model.add(TimeDistributedDense(args.hidden, 1))
    model.compile(loss="mse", optimizer=Adam(lr=0.01, clipnorm=1.0))
    sensor, truth = measured(400, 100)
    model.fit(sensor, truth, nb_epoch=args.epochs, batch_size=20, verbose=0)

    sensor, truth = measured(1, 300)
    os.makedirs(args.folder, exist_ok=True)
    onnx, c = (os.path.join(args.folder, name) for name in ("net.onnx", "net.c"))
    model.to_onnx(onnx)
    model.to_c(c, dtype="float32")
    estimates = {
        "predict": model.predict(sensor)[0, :, 0],
        "ONNX Runtime": run_onnx(onnx, sensor),
        "program of C": run_c(compiler, args.folder, sensor),
    }
    errors = {name: np.abs(values - truth[0, :, 0]).mean()
              for name, values in {"sensor": sensor[0, :, 0], **estimates}.items()}  # fmt: skip
    for name, error in errors.items():
        away = np.abs(estimates.get(name, sensor[0, :, 0]) - estimates["predict"]).max()
        print(f"{name:12}  mean error {error:.4f}" + f", at most {away:.1e} away from predict" * (name in estimates))
    print(f"{onnx}: {os.path.getsize(onnx)} bytes; {c} compiled: {size_of_code(compiler, args.folder)} bytes")
    save(draw(args, sensor[0, :, 0], truth[0, :, 0], estimates), args.output)


def measured(sequences, steps):
    """What a sensor that lags behind says, with noise, and the truth: each (sequences, steps, 1)."""
    t = np.arange(-50, steps)
    periods = np.random.uniform(15, 80, (sequences, 3, 1))
    truth = np.sin(2 * np.pi * (t / periods + np.random.uniform(size=(sequences, 3, 1)))).mean(axis=1)
    sensor = np.zeros_like(truth)
    for k in range(1, len(t)):
        sensor[:, k] = sensor[:, k - 1] + (truth[:, k] - sensor[:, k - 1]) / LAG
    sensor += NOISE * np.random.randn(*sensor.shape)
    return sensor[:, 50:, None].astype("float32"), truth[:, 50:, None].astype("float32")


def run_onnx(path, sensor):
    """What ONNX Runtime makes of all measurements at once."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: sensor})[0][0, :, 0]


def run_c(compiler, folder, sensor):
    """What a program of C makes of one measurement after the other."""
    with open(os.path.join(folder, "main.c"), "w") as file:
        file.write(PROGRAM)
    compile_with = [compiler, "-std=c99", "-O2", "net.c"]
    subprocess.run([*compile_with, "-DNET_TEST", "-o", "net_test", "-lm"], cwd=folder, check=True)
    subprocess.run([os.path.join(folder, "net_test")], check=True)  # It compares with what it was given.
    subprocess.run([*compile_with, "main.c", "-o", "net", "-lm"], cwd=folder, check=True)
    given = "\n".join(f"{value:.9g}" for value in sensor[0, :, 0])
    done = subprocess.run([os.path.join(folder, "net")], input=given, check=True, stdout=subprocess.PIPE, text=True)
    return np.array(done.stdout.split(), "float32")


def size_of_code(compiler, folder):
    """How large the compiled file is, with its weights, for little memory."""
    subprocess.run([compiler, "-std=c99", "-Os", "-c", "net.c"], cwd=folder, check=True)
    return os.path.getsize(os.path.join(folder, "net.o"))


def draw(args, sensor, truth, estimates):
    """The estimates beside the truth, and how far they are from each other."""
    figure, (above, below) = plt.subplots(2, 1, figsize=(9, 6.5), constrained_layout=True, sharex=True,
                                          gridspec_kw=dict(height_ratios=(3, 1)))  # fmt: skip
    above.plot(sensor, ".", color="grey", markersize=3, label="sensor")
    above.plot(truth, color="black", linewidth=1, label="truth")
    styles = {"predict": dict(color="tab:blue", linewidth=5, alpha=0.35),
              "ONNX Runtime": dict(color="tab:orange", linewidth=2.5),
              "program of C": dict(color="tab:green", linewidth=1.5, linestyle=(0, (3, 3)))}  # fmt: skip
    for name, values in estimates.items():
        above.plot(values, label=name, **styles[name])
    above.set(ylabel="value", title=f"{args.layer}, {args.hidden} units: three ways to compute it")
    above.legend(ncol=5, loc="upper center", bbox_to_anchor=(0.5, -0.03), frameon=False)
    for name in ("ONNX Runtime", "program of C"):
        below.plot(np.abs(estimates[name] - estimates["predict"]), ".", markersize=3,
                   color=styles[name]["color"], label=name)  # fmt: skip
    below.set(xlabel="step", ylabel="away from predict", xlim=(0, len(truth)))
    below.set_yscale("symlog", linthresh=1e-8)
    below.set_ylim(0, 1e-4)
    return figure


if __name__ == "__main__":
    main()
