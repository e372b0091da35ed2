"""`python -m recurrent_layers`: what computes here, on what, and how fast."""
import argparse
import sys
import textwrap
import time

import numpy

import recurrent_layers
from recurrent_layers import engine
from recurrent_layers.engine import tensor


def main(arguments=None) -> None:
    """Print the report of the engine and the speed of a matrix product."""
    parser = argparse.ArgumentParser(prog="python -m recurrent_layers",
                                     description="Show what computes here, on what, and how fast.")
    parser.add_argument("--no-benchmark", action="store_true", help="do not measure how fast it multiplies")
    options = parser.parse_args(arguments)
    rows = [("recurrent_layers", recurrent_layers.__version__), *engine.report()]
    show([row for row in rows if row[0] != "slow because"])
    if not options.no_benchmark:
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
