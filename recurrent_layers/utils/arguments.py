"""What an argument may be: each of these gives the plain Python value, or says what was given and what may be."""

import math
import numbers

import numpy as np

from recurrent_layers.engine import config


def number(name, value, least=-math.inf, most=math.inf, below=math.inf):
    """A number, as a float of Python.

    A scalar of NumPy would take what it meets to its own precision; a float of Python does not.

    Parameters
    ----------
    name : str
        Of the argument, for the error message.
    value : object
        Anything; Python's and NumPy's real numbers pass, and arrays of one.
    least, most : float
        What it may be at least and at most.
    below : float
        What it must be less than.

    Raises
    ------
    ValueError
        If it is no such number, or not finite in `floatX`.
    """
    bounds = [f"of at least {least:g}"] * math.isfinite(least) + [f"of at most {most:g}"] * math.isfinite(most)
    bounds += [f"below {below:g}"] * math.isfinite(below)
    expected = " ".join(["a finite number", " and ".join(bounds)]).strip()
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise ValueError(f"{name} must be {expected}, got {value!r}")
    plain = float(value)
    with np.errstate(over="ignore"):
        is_finite = np.isfinite(np.asarray(plain, dtype=config.floatX))
    if not is_finite or not least <= plain <= most or not plain < below:
        why = f", which is infinite in {config.floatX}" if math.isfinite(plain) and not is_finite else ""
        raise ValueError(f"{name} must be {expected}, got {value!r}{why}")
    return plain


def integer(name, value, least=1, or_minus_1=""):
    """A whole number, as an int of Python.

    Parameters
    ----------
    name : str
        Of the argument, for the error message.
    value : object
        Anything; Python's and NumPy's integers of at least `least` pass.
    least : int
    or_minus_1 : str
        What -1 means, if that may be, too.

    Raises
    ------
    ValueError
        If it is no such number.
    """
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_whole or (value < least and not (or_minus_1 and value == -1)):
        other = f"-1 ({or_minus_1}) or " if or_minus_1 else ""
        raise ValueError(f"{name} must be {other}an integer of at least {least}, got {value!r}")
    return int(value)


def flag(name, value):
    """True or False.

    Parameters
    ----------
    name : str
        Of the argument, for the error message.
    value : object
        Anything; Python's and NumPy's bools pass, 0 and 1.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    return choice(name, value, True, False)


def choice(name, value, *known):
    """One of a few values.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    kind = str if isinstance(value, str) else int if isinstance(value, (numbers.Integral, np.bool_)) else None
    for one in known if kind else ():
        if isinstance(one, kind) and one == value:
            return one
    raise ValueError(f"{name} must be {', '.join(map(repr, known[:-1]))} or {known[-1]!r}, got {value!r}")


def text(name, value):
    """A string.

    Raises
    ------
    ValueError
        If it is none.
    """
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a string, got {value!r}")
    return value
