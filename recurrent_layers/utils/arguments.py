"""What an argument may be: each of these gives the plain Python value, or says what was given and what may be."""

from __future__ import annotations

import inspect
import math
import numbers
import os
import sys
from typing import Any

import numpy as np

from recurrent_layers.engine import SharedVariable, Variable, config


def shown(value: object) -> str:
    """A value in an error message: on one line, and no longer than one reads."""
    if isinstance(value, np.ndarray) and value.ndim:
        return f"an array of {value.dtype} and shape {value.shape}"
    try:
        text = repr(value)
    except Exception:  # Whatever an object's own code raises; also integers of thousands of digits have no text.
        text = object.__repr__(value)
    one_line = " ".join(text[:1000].split())  # The words of a long text would take many times its memory.
    if len(text) <= 1000 and len(one_line) <= 200:
        return one_line
    return f"{one_line[:200]}... (of type {type(value).__name__})"


def call_of(thing: Any) -> str:
    """The call that makes such a thing: its class, its sizes, and what else is not as it is by default.

    The arguments are those of its `get_config`: weights and names that were given are not among them. Functions of
    one's own and variables stand there by their names, other layers and regularizers as the calls that make them. What
    is half built, or has a config that lacks an argument, is shown as Python shows any object.
    """
    try:
        config, given, is_in_order = dict(thing.get_config()), [], True
        del config["name"]
        for name, parameter in inspect.signature(type(thing)).parameters.items():
            is_in_order = is_in_order and parameter.kind is not parameter.KEYWORD_ONLY and (
                parameter.default in (parameter.empty, ()) or name.endswith("_dim"))
            if parameter.kind is parameter.VAR_KEYWORD:
                given += [f"{key}={_typed(value)}" for key, value in config.items()]
            elif parameter.kind is parameter.VAR_POSITIONAL:
                given += map(_typed, config.pop(name))
            elif name not in ("weights", "name"):
                value = _argument(thing, name, config.pop(name))
                if is_in_order:
                    given.append(_typed(value))
                elif value != parameter.default:
                    given.append(f"{name}={_typed(value)}")
        return f"{type(thing).__name__}({', '.join(given)})"
    except Exception:  # Whatever a config of the user's own raises.
        return object.__repr__(thing)


def kept(thing: Any, argument: str) -> Any:
    """What a thing has kept of an argument of its `__init__`, for its config.

    Raises
    ------
    AttributeError
        If it has no attribute of this name.
    """
    if not hasattr(thing, argument):
        raise AttributeError(f"the config of {type(thing).__name__} needs all arguments of its __init__, but it has "
                             f"not kept {argument}: let it set self.{argument}")
    return getattr(thing, argument)


def _argument(thing: Any, name: str, value: Any) -> Any:
    """What `value` stands for in a config."""
    given = getattr(thing, name, None)
    if isinstance(given, SharedVariable):
        return float(str(given.get_value()))  # With as many digits as `floatX` has.
    is_of_configs = isinstance(value, dict) or isinstance(value, list) and all(isinstance(one, dict) for one in value)
    return given if is_of_configs else value


def _typed(value: Any) -> str:
    """How an argument is typed."""
    if isinstance(value, (list, tuple)):
        inside = ", ".join(map(_typed, value)) + "," * (isinstance(value, tuple) and len(value) == 1)
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    if isinstance(value, Variable):
        return str(value)
    return getattr(value, "__name__", None) or repr(value)


def number(name: str, value: Any, least: float = -math.inf, most: float = math.inf, below: float = math.inf) -> float:
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
        raise ValueError(f"{name} must be {expected}, got {shown(value)}")
    try:
        plain = float(value)
    except OverflowError:
        plain = math.inf
    with np.errstate(over="ignore"):
        is_finite = np.isfinite(np.asarray(plain, dtype=config.floatX))
    if not is_finite or not least <= plain <= most or not plain < below:
        why = f", which is infinite in {config.floatX}" if math.isfinite(plain) and not is_finite else ""
        raise ValueError(f"{name} must be {expected}, got {shown(value)}{why}")
    return plain


def integer(name: str, value: Any, least: float = 1, or_minus_1: str = "", most: int = sys.maxsize) -> int:
    """A whole number, as an int of Python.

    Parameters
    ----------
    name : str
        Of the argument, for the error message.
    value : object
        Anything; Python's and NumPy's integers of at least `least` pass that may be a size.
    least : int or float
    or_minus_1 : str
        What -1 means, if that may be, too.
    most : int

    Raises
    ------
    ValueError
        If it is no such number.
    """
    is_whole = type(value) is int or isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_whole or (value < least and not (or_minus_1 and value == -1)):
        other = f"-1 ({or_minus_1}) or " if or_minus_1 else ""
        bound = f" of at least {least}" if math.isfinite(least) else ""
        raise ValueError(f"{name} must be {other}an integer{bound}, got {shown(value)}")
    if value > most:
        raise ValueError(f"{name} must be an integer of at most {most}, got {shown(value)}")
    return int(value)


def flag(name: str, value: object) -> bool:
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


def choice(name: str, value: object, *known: Any) -> Any:
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
    raise ValueError(f"{name} must be {', '.join(map(repr, known[:-1]))} or {known[-1]!r}, got {shown(value)}")


def text(name: str, value: object) -> str:
    """A string.

    Raises
    ------
    ValueError
        If it is none.
    """
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a string, got {shown(value)}")
    return value


def as_path(name: str, value: object) -> str:
    """The path of a file, as a string.

    Parameters
    ----------
    name : str
        Of the argument, for the error message.
    value : object
        Anything; a str, bytes or path-like passes. A number does not: `open` would take it for a file that is open.

    Raises
    ------
    ValueError
        If it is none of these, or no file can have this name.
    """
    if not isinstance(value, (str, bytes, os.PathLike)):
        raise ValueError(f"{name} must be a path (a str or a pathlib.Path), got {shown(value)}")
    plain = os.fsdecode(value)
    if not plain or "\0" in plain:
        raise ValueError(f"{name} must be a path, got {shown(value)}, which no file can be called")
    return plain


def items(name: str, value: Any, of: str) -> list[Any]:
    """The items of a list, or of anything else that is gone through in an order of its own.

    Parameters
    ----------
    name : str
        Of the argument, for the error message.
    value : object
        Anything; what can be iterated over passes, but texts, dicts and sets.
    of : str
        What the items are, for the error message.

    Returns
    -------
    list

    Raises
    ------
    ValueError
        If it is no such thing.
    """
    iterator = None
    if not isinstance(value, (str, bytes, dict, set, frozenset, Variable)):
        try:
            iterator = iter(value)
        except TypeError:
            pass
    if iterator is None:
        raise ValueError(f"{name} must be a list of {of}, got {shown(value)}")
    return list(iterator)


def sizes(name: str, value: Any) -> tuple[int, ...]:
    """A shape: a tuple of integers of at least 1; a single one is one, too.

    Raises
    ------
    ValueError
        If it is none.
    """
    if isinstance(value, numbers.Integral):
        value = (value,)
    return tuple(integer(f"a size in {name}", size) for size in items(name, value, "integers"))
