"""Warnings that point to the line of whoever called this library."""

import sys
import warnings


def warn(message, category=UserWarning):
    """Warn, as `warnings.warn` does, at the first line up the stack that is none of this library.

    Parameters
    ----------
    message : str
    category : type
    """
    frame, level = sys._getframe(), 1
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith("importlib._bootstrap"):  # `warnings.warn` does not count those.
            level -= 1
        elif name.partition(".")[0] != "recurrent_layers":
            break
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
