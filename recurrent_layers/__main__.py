"""`python -m recurrent_layers`: what computes here, on what, and how fast.

With `show LSTM` it shows the code of a layer, with `script.py` it runs a script of 2015 as it is.
"""
import argparse
import os
import sys
import textwrap
import time

import numpy

import recurrent_layers
from recurrent_layers import engine, scripts
from recurrent_layers.engine import tensor
from recurrent_layers.layers import recurrent, zoo

RECURRENT = {name: getattr(recurrent, name) for name in ("GRU", "JZS1", "JZS2", "JZS3", "LSTM", "SimpleDeepRNN",
                                                         "SimpleRNN")}  # fmt: skip
ZOO = {name: getattr(zoo, name) for name in zoo.__all__}


def main(arguments=None) -> None:
    """Print the report of the engine and the speed of a matrix product, or the code of a layer; or run a script."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    version, rest = None, arguments
    if rest and rest[0].startswith("--keras="):
        version, rest = rest[0][len("--keras="):], rest[1:]
    if version is not None or rest and (rest[0].endswith(".py") or os.path.isfile(rest[0])):
        if not rest or version not in (None, "0.1", "0.3"):
            raise SystemExit("usage: python -m recurrent_layers [--keras=0.1|0.3] script.py [arguments of the script]")
        return scripts.run(rest[0], rest[1:], version)
    parser = argparse.ArgumentParser(
        prog="python -m recurrent_layers", description="Show what computes here, on what, and how fast; or, with "
        "[--keras=0.1|0.3] script.py [arguments], run a script that imports keras and theano as they were in 2015.")
    parser.add_argument("--no-benchmark", action="store_true", help="do not measure how fast it multiplies")
    commands = parser.add_subparsers(dest="command")
    shown = commands.add_parser("show", help="show the C code that is written for the step of a layer",
                                description="Show a layer's equations, what is kept for its gradient, and its C code.")
    shown.add_argument("layer", choices=[*sorted(RECURRENT), *ZOO], metavar="layer",
                       type=lambda name: name[len("zoo."):] if name.startswith("zoo.") else name,
                       help=", ".join(sorted(RECURRENT)) + ", or one of the zoo, such as MGU or zoo.MGU")
    shown.add_argument("--input-dim", type=int, default=64)
    shown.add_argument("--output-dim", type=int, default=128)
    shown.add_argument("--no-gradient", action="store_true", help="only the forward steps")
    options = parser.parse_args(arguments)
    scripts.say_what_is_wrong()
    try:
        if options.command == "show":
            layer = {**RECURRENT, **ZOO}[options.layer](options.input_dim, options.output_dim)
            recurrent_layers.show(layer, gradient=not options.no_gradient)
        else:
            report(options.no_benchmark)
        sys.stdout.flush()
    except BrokenPipeError:  # Whoever read it, such as `head`, has enough; at exit Python would flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None


def report(no_benchmark) -> None:
    """Print what computes here, and how fast."""
    rows = [("recurrent_layers", recurrent_layers.__version__), *engine.report()]
    show([row for row in rows if row[0] != "slow because"])
    if not no_benchmark:
        print("compiling and measuring a matrix product ...", file=sys.stderr, flush=True)
        show(measured_speed())
    show([row for row in rows if row[0] == "slow because"])


def show(rows) -> None:
    """Print (name, value) pairs, the values below each other."""
    for name, value in rows:
        print(textwrap.fill(value, 110, initial_indent=f"{name:<18}", subsequent_indent=" " * 18,
                            break_long_words=False, break_on_hyphens=False), flush=True)


def measured_speed(size=1024, seconds=1.0):
    """Speed of a float32 matrix product in the engine and in NumPy, as (name, value) pairs."""
    matrix = tensor.fmatrix()
    product = engine.function([matrix], tensor.dot(matrix, matrix))
    value = numpy.random.RandomState(0).rand(size, size).astype("float32")
    rows = []
    for name, function in [(engine.NAME, product), ("NumPy", lambda value: value.dot(value))]:
        function(value)
        times = []
        while len(times) < 3 or sum(times) < seconds:
            start = time.perf_counter()
            function(value)
            times.append(time.perf_counter() - start)
        # The best, because other programs can only make it slower.
        rows.append((f"sgemm in {name}", f"{2 * size ** 3 / min(times) / 1e9:.0f} GFLOP/s (best of {len(times)})"))
    return rows


if __name__ == "__main__":
    main()
