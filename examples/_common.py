"""What the examples share: the seven layers by name, the usual arguments, and saving a picture."""

import argparse
import sys

from recurrent_layers.layers import GRU, JZS1, JZS2, JZS3, LSTM, SimpleDeepRNN, SimpleRNN

try:
    import matplotlib
except ImportError:
    sys.exit('The examples draw pictures with matplotlib: pip install -e ".[examples]"')
matplotlib.use("Agg")  # Draws into files, so that no display is needed.

LAYERS = {cls.__name__: cls for cls in (SimpleRNN, SimpleDeepRNN, GRU, LSTM, JZS1, JZS2, JZS3)}


def argument_parser(description, layer, output):
    """Make a parser with the arguments that all examples have.

    Parameters
    ----------
    description : str
        The docstring of the example, shown by ``--help``.
    layer : str or list of str
        Default of ``--layer``; where it is a list, several layers may be given.
    output : str
        Default of ``--output``.

    Returns
    -------
    argparse.ArgumentParser
        To which the example adds arguments of its own.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=Help)
    if isinstance(layer, list):
        parser.add_argument("--layer", "--layers", default=layer, choices=LAYERS, nargs="+", help="recurrent layers")
    else:
        parser.add_argument("--layer", default=layer, choices=LAYERS, help="the recurrent layer")
    parser.add_argument("--seed", type=int, default=0, help="for all random numbers: one seed, one result")
    parser.add_argument("--output", default=output, help="file for the picture")
    return parser


class Help(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    """Keeps the lines of the description, and says what the defaults are."""


def save(figure, path):
    """Save a figure and say so."""
    figure.savefig(path, dpi=150, bbox_inches="tight")
    print(f"picture saved to {path}")
