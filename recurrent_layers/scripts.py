"""Scripts of 2015, run as they are: `keras` and `theano` in their imports mean what they were written for."""

import ast
import importlib
import importlib.abc
import importlib.machinery
import importlib.metadata
import importlib.util
import os
import runpy
import sys
import tokenize
from typing import NamedTuple

from recurrent_layers import engine
from recurrent_layers.recurrence import speed_up_scan
from recurrent_layers.utils.arguments import choice

__all__ = ["as_keras"]

#: Layers that take the sizes of their input and output in Keras 0.1, and that of the output alone later.
OF_TWO_SIZES = {"Dense", "TimeDistributedDense", "MaxoutDense", "SimpleRNN", "SimpleDeepRNN", "GRU", "LSTM", "JZS1",
                "JZS2", "JZS3"}  # fmt: skip
#: And those that take the shape of their input first in Keras 0.1, and none later.
OF_A_SHAPE = {"BatchNormalization", "PReLU", "ParametricSoftplus"}
#: What layers take by keyword since Keras 0.2.
OF_LATER_KERAS = {"input_shape", "batch_input_shape", "input_length"}


def as_keras(version="0.1"):
    """Let `import keras` mean this library, and `import theano` work, in this process.

    What is imported from `keras` is then what stands in the same place of this library. On Python 3.12 and newer,
    `theano` is PyTensor, see :func:`recurrent_layers.engine.provide_theano`. :command:`python -m recurrent_layers
    script.py` does the same for a script, and finds out what it needs.

    Parameters
    ----------
    version : {"0.1", "0.3"}
        Which Keras is meant: with "0.1" it is this library; with "0.3" it is Keras 0.3.3 itself, which must be
        installed, on Theano. Loops of either, and of the script's own, run in C where they can
        (:func:`recurrent_layers.speed_up_scan`).

    Raises
    ------
    ImportError
        If there is no Keras 0.3.3.
    RuntimeError
        If something else has been imported as `keras` before.
    ValueError
        If it is no such version.

    Examples
    --------
    >>> import recurrent_layers
    >>> recurrent_layers.as_keras()
    >>> from keras.layers.recurrent import JZS1
    """
    version = choice("version", version, "0.1", "0.3")
    is_ours = any(isinstance(finder, _Finder) for finder in sys.meta_path)
    if version == "0.1" and is_ours:
        return
    if "keras" in sys.modules:
        raise RuntimeError(f"{sys.modules['keras']!r} was imported as keras before; call as_keras first")
    if version == "0.3":
        _check_keras()
        os.environ["KERAS_BACKEND"] = "theano"
    else:
        sys.meta_path.insert(0, _Finder())
    speed_up_scan()
    if engine.NAME == "PyTensor":
        engine.provide_theano()


def _check_keras():
    """Raise unless there is a Keras of 2015, and Theano under it."""
    advice = "pip install keras==0.3.3, with Python 3.8 to 3.11, whose Theano it needs"
    try:
        version = importlib.metadata.version("keras")
    except importlib.metadata.PackageNotFoundError:
        raise ImportError(f"Keras 0.3.3 is not installed: {advice}") from None
    if not version.startswith(("0.2.", "0.3.")):
        raise ImportError(f"the Keras that is installed is {version}, not 0.3.3: {advice}")
    if engine.NAME != "Theano":
        raise ImportError(f"Keras {version} runs on Theano, not on {engine.NAME}: use Python 3.8 to 3.11")


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds modules of `keras` in the same places of this library."""

    def find_spec(self, name, path=None, target=None):
        top, dot, rest = name.partition(".")
        if top != "keras":
            return None
        if importlib.util.find_spec("recurrent_layers" + dot + rest) is None:
            raise ModuleNotFoundError(
                f"there is no {name} in recurrent_layers, which has the modules of Keras 0.1; for those of Keras 0.2 "
                "and 0.3 run the script by --keras=0.3", name=name)  # fmt: skip
        return importlib.machinery.ModuleSpec(name, self)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        # The module itself, under another name too: what is imported takes it from here.
        sys.modules[module.__name__] = importlib.import_module("recurrent_layers" + module.__name__[len("keras"):])


# ---- What a script was written for ------------------------------------------------------------------------


class Style(NamedTuple):
    """Which Keras a script was written for, and what says so."""

    version: str
    reason: str


def style_of(tree):
    """Which Keras a script was written for, by its imports and calls.

    Parameters
    ----------
    tree : ast.Module

    Returns
    -------
    Style
        Of 0.1 if nothing, or as much, says otherwise.
    """
    found = {"0.1": [], "0.3": []}
    layers = _names_of_layers(tree)
    for node in ast.walk(tree):
        for version, reason in _signs(node, layers):
            found[version].append(f"{reason} in line {node.lineno}")
    version = max(("0.1", "0.3"), key=lambda version: len(found[version]))
    return Style(version, found[version][0] if found[version] else "nothing says otherwise")


def _names_of_layers(tree):
    """What layers are called in a script: by their names, or by those that it gives them."""
    names = {name: name for name in OF_TWO_SIZES}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names.update((one.asname, one.name) for one in node.names if one.asname and one.name in OF_TWO_SIZES)
        elif isinstance(node, ast.Assign) and _last_name(node.value) in OF_TWO_SIZES:
            names.update((target.id, _last_name(node.value)) for target in node.targets
                         if isinstance(target, ast.Name))  # fmt: skip
    return names


def _last_name(node):
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None


def _signs(node, layers):
    """What one node says of the version: pairs of a version and a reason."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        modules = [one.name for one in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        if isinstance(node, ast.ImportFrom):
            modules = [f"{modules[0]}.{one.name}" for one in node.names]
        for name in modules:
            if name.startswith(("keras.backend", "keras.layers.wrappers", "keras.layers.local")):
                yield "0.3", f"import of {name}"
            elif name.startswith(("keras.utils.theano_utils", "keras.layers.recurrent.JZS",
                                  "keras.layers.recurrent.SimpleDeepRNN")):  # fmt: skip
                yield "0.1", f"import of {name}"
    if not isinstance(node, ast.Call):
        return
    name, keywords = _last_name(node.func), {keyword.arg for keyword in node.keywords}
    if None in keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
        return
    if not OF_LATER_KERAS.isdisjoint(keywords) and name not in OF_A_SHAPE:
        yield "0.3", f"{name}({sorted(OF_LATER_KERAS & keywords)[0]}=...)"
    elif name in layers:
        is_size = [not isinstance(argument, ast.Constant) or isinstance(argument.value, int) for argument in node.args]
        if is_size[:2] == [True, True]:
            yield "0.1", f"{name} with two sizes"
        elif is_size[:1] == [True] and "output_dim" not in keywords:
            yield "0.3", f"{name} with one size"
        elif not node.args and "output_dim" in keywords and "input_dim" not in keywords:
            yield "0.3", f"{name}(output_dim=...) without input_dim"
    elif name in OF_A_SHAPE:
        has_shape = "input_shape" in keywords or node.args and isinstance(node.args[0], ast.Tuple)
        yield ("0.1", f"{name} of a shape") if has_shape else ("0.3", f"{name} without a shape")
    elif name == "Reshape" and len(node.args) > 1:
        yield "0.1", "Reshape with several sizes"


# ---- Running it -------------------------------------------------------------------------------------------


def run(path, arguments=(), version=None):
    """Run a script as Python would, but for what `keras` and `theano` mean.

    Parameters
    ----------
    path : str
    arguments : sequence of str
        Those of the script, in `sys.argv`.
    version : {"0.1", "0.3"}, optional
        Which Keras is meant; by default what the script was written for.

    Raises
    ------
    SystemExit
        As the script does; or with a message, if it cannot be run.
    """
    try:
        with tokenize.open(path) as file:
            tree = ast.parse(file.read(), path)
    except OSError as error:
        raise SystemExit(f"recurrent_layers: cannot read {path}: {error.strerror}") from None
    except (SyntaxError, UnicodeDecodeError) as error:
        raise SystemExit(_about_syntax(path, error)) from None
    style = style_of(tree) if version is None else Style(version, f"--keras={version}")
    what = "recurrent_layers" if style.version == "0.1" else "Keras 0.3.3"
    print(f"recurrent_layers: keras is {what} here, theano is {engine.NAME} ({path} is in the style of Keras "
          f"{'0.1' if style.version == '0.1' else '0.2 or 0.3'}: {style.reason})", file=sys.stderr, flush=True)
    say_what_is_wrong()
    try:
        as_keras(style.version)
    except ImportError as error:
        raise SystemExit(f"recurrent_layers: {path} needs Keras 0.3.3 itself ({style.reason}), but {error}. If it is a "
                         "script for Keras 0.1 after all: --keras=0.1") from None
    sys.argv = [path, *arguments]
    sys.path[0] = os.path.dirname(os.path.abspath(path))
    runpy.run_path(path, run_name="__main__")


def say_what_is_wrong():
    """Say on stderr what is not as it should be, such as that there is no compiler; see `engine.prepare`."""
    if engine.prepare().complaint:
        print(f"recurrent_layers: {engine.prepare().complaint}", file=sys.stderr, flush=True)


def _about_syntax(path, error):
    line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
    return (f"recurrent_layers: {path}{line} is no Python 3: {error}\nIf it was written for Python 2 (print without "
            "parentheses, xrange, tabs mixed with spaces), translate it first: pip install future, and futurize -w "
            f"{path}; or 2to3 -w {path} where there is one, which came with Python up to 3.12")
