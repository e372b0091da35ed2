"""Scripts of 2015, run as they are: `keras` and `theano` in their imports mean what they were written for."""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import importlib.abc
import importlib.machinery
import importlib.metadata
import importlib.util
import inspect
import os
import re
import runpy
import sys
import tokenize
import traceback
from typing import Any, NamedTuple, Sequence

from recurrent_layers import engine, layers
from recurrent_layers.layers import convolutional
from recurrent_layers.layers.base import OF_LATER_KERAS
from recurrent_layers.recurrence import speed_up_scan
from recurrent_layers.utils.arguments import choice

__all__ = ["as_keras"]


def as_keras(version: str = "0.1") -> None:
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

    Notes
    -----
    With "0.1", `floatX` is float64 from then on unless you have set one, as Theano's default was: scripts gave arrays
    of NumPy's to functions and variables of Theano, which take none of float64 where `floatX` is float32.

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
        sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
        os.environ["KERAS_BACKEND"] = "theano"
        _give_what_keras_calls()
    else:
        sys.meta_path.insert(0, _Finder())
        if _floatX_is_ours():
            engine.config.floatX = _told_floatX() or "float64"
    speed_up_scan()
    if engine.NAME == "PyTensor":
        engine.provide_theano()
    if not any(isinstance(finder, _WithoutCuda) for finder in sys.meta_path):
        sys.meta_path.insert(0, _WithoutCuda())


def _check_keras():
    """Raise unless there is a Keras of 2015, and Theano under it."""
    advice = "pip install keras==0.3.3, with Python 3.8 to 3.11, whose Theano it needs"
    version = _installed_keras()
    if not version:
        raise ImportError(f"Keras 0.3.3 is not installed: {advice}")
    if not version.startswith(("0.2.", "0.3.")):
        raise ImportError(f"the Keras that is installed is {version}, not 0.3.3: {advice}")
    if engine.NAME != "Theano":
        raise ImportError(f"Keras {version} runs on Theano, not on {engine.NAME}: use Python 3.8 to 3.11")


def _give_what_keras_calls():
    """Let there be what Keras 0.3.3 calls of others, and they have no more."""
    if not hasattr(inspect, "getargspec"):  # Until Python 3.10; for a Lambda, arguments of K.function, scikit-learn.
        inspect.getargspec = _getargspec
    with contextlib.suppress(ImportError):
        import yaml

        # Until PyYAML 5. This one, the default then, reads the tuples in a config and runs no code.
        if inspect.signature(yaml.load).parameters["Loader"].default is inspect.Parameter.empty:
            yaml.load = functools.partial(_load_yaml, yaml.load, yaml.FullLoader)


class _ArgSpec(NamedTuple):
    args: list[str]
    varargs: str | None
    keywords: str | None
    defaults: tuple[Any, ...] | None


def _getargspec(function):
    return _ArgSpec(*inspect.getfullargspec(function)[:4])


def _load_yaml(load, default, stream, Loader=None):
    return load(stream, default if Loader is None else Loader)


def _floatX_is_ours():
    """Whether `floatX` is our default, rather than what the user has set."""
    return "floatX" in engine.prepare().ours


def _told_floatX():
    """The `floatX` in flags of the environment, those of Theano for PyTensor, too; None if there is none."""
    flags = [os.environ.get(name, "") for name in (engine.prepare().engine.flags, "THEANO_FLAGS")]
    return next(iter(re.findall(r"\bfloatX\s*=\s*(\w+)", " ".join(flags))), None)


def _installed_keras():
    """The version of the Keras that is installed; empty if there is none."""
    try:
        return importlib.metadata.version("keras")
    except importlib.metadata.PackageNotFoundError:
        return ""


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


class _WithoutCuda(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `theano.sandbox.cuda`, by which scripts chose a GPU, though no engine has it any more."""

    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name == "theano.sandbox.cuda" else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        module.cuda_available = module.cuda_enabled = False
        module.use = _use_the_cpu


def _use_the_cpu(device, *others, **named):
    print(f"recurrent_layers: device={device} is passed over: all runs on the CPU.", file=sys.stderr, flush=True)


# ---- What a script was written for ------------------------------------------------------------------------

#: What a sign weighs: any number of guesses less than one import, and of imports less than one call that is an error
#: in another version.
GUESS, IMPORT, CALL = 1, 1000, 1000000

#: Layers that take the sizes of their input and output in Keras 0.1, and that of the output alone later.
OF_TWO_SIZES = {"Dense", "TimeDistributedDense", "MaxoutDense", "SimpleRNN", "SimpleDeepRNN", "GRU", "LSTM", "JZS1",
                "JZS2", "JZS3"}  # fmt: skip
#: Those among them whose output_dim may be left out in Keras 0.1, and those that take a number behind it.
OF_A_DEFAULT = {"GRU", "LSTM", "JZS1", "JZS2", "JZS3"}
OF_A_NUMBER = {"MaxoutDense", "SimpleDeepRNN"}
#: And those that take the shape of their input first in Keras 0.1, and none later.
OF_A_SHAPE = {"BatchNormalization", "PReLU", "ParametricSoftplus"}
#: What is of Keras by its name alone, unless a script has it from elsewhere.
OF_KERAS = {*layers.__all__, *(name for name in convolutional.__all__ if name[0].isupper()), "LRN2D", "Model"}
#: What Keras 0.2 has and 0.3 has not.
ENDED = {"JZS1", "JZS2", "JZS3", "SimpleDeepRNN", "theano_utils"}

#: What layers take by keyword since Keras 0.2, and none took before.
OF_LATER_LAYERS = OF_LATER_KERAS - {"input_dim"}
#: What they and a Model take since Keras 1.0; and its methods.
OF_LAYERS_OF_1 = {"input", "inputs", "units", "kernel_initializer", "kernel_regularizer", "recurrent_initializer",
                  "recurrent_dropout"}  # fmt: skip
OF_METHODS_OF_1 = {"compile": {"metrics"}, "fit": {"epochs"}, "fit_generator": {"epochs", "steps_per_epoch"}}
#: Modules, and names in them, of one version.
MODULES = {
    "keras.utils.dot_utils": "0.1", "keras.utils.model_utils": "0.1", "keras.backend": "0.3",
    "keras.layers.wrappers": "0.3", "keras.utils.data_utils": "0.3", "keras.applications": "1.0",
    "keras.engine": "1.0", "keras.initializers": "1.0", "keras.layers.Input": "1.0", "keras.layers.local": "1.0",
    "keras.layers.merge": "1.0",
}  # fmt: skip
#: What is called so is no size.
NO_SIZE = re.compile(r"(^|_)(act|activ|activation|init|initialization|initializer)(_?(fn|func|function))?\d*$", re.I)


class Style(NamedTuple):
    """Which Keras a script was written for, and what says so."""

    version: str
    reason: str


class Sign(NamedTuple):
    """What one import or call says of the version: 1.0 stands for all later ones."""

    version: str
    weight: int
    reason: str
    line: int


def style_of(tree: ast.AST) -> Style:
    """Which Keras a script was written for, by its imports and calls.

    Parameters
    ----------
    tree : ast.Module

    Returns
    -------
    Style
        Of version "0.1", "0.3" (for 0.2 and 0.3) or "1.0" (for that and later ones); of 0.1 if nothing, or as much,
        says otherwise. The reason is the first of all that say so.
    """
    signs = [*_signs_of_imports(tree), *_signs_of_calls(tree)]
    early = [sign for sign in signs if sign.version == "0.1"]
    later = [sign for sign in signs if sign.version != "0.1"]
    # What came with 0.3 stayed in 1.0, whose scripts have signs of both.
    found = max(early, later, key=lambda signs: sum(sign.weight for sign in signs))
    if not found:
        return Style("0.1", "nothing says otherwise")
    version = max(sign.version for sign in found)
    first = min((sign for sign in found if sign.version == version), key=lambda sign: sign.line)
    return Style(version, f"{first.reason} in line {first.line}")


def _signs_of_imports(tree):
    """One sign for each module."""
    lines = {}
    for name, line in _imports(tree):
        if name.startswith("keras.layers.") and name[len("keras.layers."):] in OF_KERAS:
            lines.setdefault(("0.3", "layers from keras.layers itself"), line)
        for module, version in MODULES.items():
            if f"{name}.".startswith(f"{module}."):
                lines.setdefault((version, f"import of {module}"), line)
    return [Sign(version, IMPORT, reason, line) for (version, reason), line in lines.items()]


def _imports(tree):
    """What is imported, by its full name, and the line."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            yield from ((module + one.name, node.lineno) for one in node.names)


def _signs_of_calls(tree):
    names = _names(tree)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    added = {id(argument) for call in calls if _last_name(call.func) == "add" for argument in call.args}
    for call in calls:
        name, layer = _last_name(call.func), names.of_keras(call.func)
        keywords = {keyword.arg for keyword in call.keywords}
        # Things that are not of Keras have methods and keywords of these names, too.
        of_methods = OF_METHODS_OF_1.get(name, set()) if name not in names.others else set()
        of_1 = keywords & (OF_LAYERS_OF_1 if layer in OF_KERAS else of_methods)
        of_later = keywords & OF_LATER_LAYERS if layer or id(call) in added or name == "add_input" else set()
        if of_1:
            yield Sign("1.0", CALL, f"{name}({min(of_1)}=...)", call.lineno)
        elif of_later and layer not in OF_A_SHAPE:
            yield Sign("0.3", CALL, f"{name}({min(of_later)}=...)", call.lineno)
        elif None in keywords or any(isinstance(argument, ast.Starred) for argument in call.args):
            continue
        elif layer in OF_TWO_SIZES:
            yield from _signs_of_sizes(call, layer, name, keywords, names)
        elif layer in OF_A_SHAPE and call.args:
            yield Sign("0.1", CALL, f"{name} of a shape", call.lineno)
        elif layer in OF_A_SHAPE and not of_later:
            yield Sign("0.3", CALL, f"{name} without a shape", call.lineno)
        elif layer == "Reshape" and len(call.args) > 1:
            yield Sign("0.1", CALL, "Reshape with several sizes", call.lineno)


def _signs_of_sizes(call, layer, name, keywords, names):
    """What a layer of two sizes says: a call that one version refuses is of the other."""
    has_two = len(call.args) > 1 and names.is_size(call.args[1])
    in_01 = [*("input_dim", "output_dim")[:len(call.args)], *keywords]
    in_03 = [*("output_dim", "init")[:len(call.args)], *keywords]
    needed = {"input_dim"} if layer in OF_A_DEFAULT else {"input_dim", "output_dim"}
    fits_01 = len(set(in_01)) == len(in_01) and needed.issubset(in_01) and (len(call.args) < 2 or has_two)
    fits_03 = in_03.count("output_dim") == 1 and (not has_two or layer in OF_A_NUMBER)
    if call.args:
        reason = f"{name} with {'two sizes' if fits_01 and not fits_03 else 'one size'}"
    else:
        reason = f"{name} without {'output_dim' if fits_01 else 'input_dim'}"
    if not (fits_01 and fits_03):
        yield Sign("0.1" if fits_01 else "0.3", CALL, reason, call.lineno)
    elif len(call.args) == 1 and "output_dim" not in keywords:
        yield Sign("0.3", GUESS, reason, call.lineno)


class _Names(NamedTuple):
    """What the names in a script mean."""

    #: What is imported from keras, and layers that are given another name: to the names that they have there.
    imported: dict[str, str]
    #: What is imported from elsewhere, or defined in the script.
    others: set[str]
    #: What is a string, at one place at least.
    texts: set[str]

    def of_keras(self, node):
        """The name in Keras of what a name or an attribute means; None if it is not of Keras."""
        root, name = _root(node), _last_name(node)
        if root in self.others:
            return None
        if isinstance(node, ast.Name):
            name = self.imported.get(name, name)
        return name if name in OF_KERAS or root in self.imported else None

    def is_size(self, node):
        """Whether an argument is a size, rather than a function or the name of one."""
        if isinstance(node, ast.Constant):
            return isinstance(node.value, int)
        is_of_keras = _root(node) in self.imported and not isinstance(node, ast.Subscript)
        if isinstance(node, (ast.Lambda, ast.JoinedStr)) or is_of_keras:
            return False
        name = _last_name(node.func if isinstance(node, ast.Call) else node)
        return name is None or name not in self.texts and NO_SIZE.search(name) is None


def _names(tree):
    imported, others, texts, bound = {}, set(), set(), []
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for one in node.names:
                module, name = getattr(node, "module", None) or one.name, one.asname or one.name.partition(".")[0]
                if module.partition(".")[0] == "keras":
                    imported[name] = one.name
                else:
                    others.add(name)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            others.add(node.name)
        elif isinstance(node, ast.Assign):
            bound += ((target, node.value) for target in node.targets)
        elif isinstance(node, (ast.For, ast.comprehension)):
            bound += ((node.target, value) for value in getattr(node.iter, "elts", ()))
        elif isinstance(node, ast.arguments):
            bound += zip(reversed([*node.posonlyargs, *node.args]), reversed(node.defaults))
            bound += zip(node.kwonlyargs, node.kw_defaults)
    names = _Names(imported, others - set(imported), texts)
    for target, value in bound:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            texts.add(_last_name(target))
        elif isinstance(target, ast.Name) and names.of_keras(value) in OF_KERAS:
            imported[target.id] = names.of_keras(value)
    return names


def _last_name(node):
    """`c` of `a.b.c`, and of `a["c"]`."""
    if isinstance(node, ast.Subscript):
        texts = [inner.value for inner in ast.walk(node.slice) if isinstance(inner, ast.Constant)]
        return texts[0] if texts and isinstance(texts[0], str) else None
    return next((getattr(node, field) for field in ("attr", "id", "arg") if hasattr(node, field)), None)


def _root(node):
    """`a` of `a.b.c`, of `a.b(...)` and of `a["c"]`."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return _last_name(node)


def _ended(tree):
    """The first name of Keras 0.2 that Keras 0.3 has not, with its line; None if there is none."""
    imported = _names(tree).imported
    found = [(line, part) for name, line in _imports(tree) if name.startswith("keras.")
             for part in name.split(".") if part in ENDED]  # fmt: skip
    found += [(node.lineno, node.attr) for node in ast.walk(tree)
              if isinstance(node, ast.Attribute) and node.attr in ENDED and _root(node) in imported]  # fmt: skip
    return "{1} in line {0}".format(*min(found)) if found else None


# ---- Running it -------------------------------------------------------------------------------------------

#: What Python 2 has and Python 3 has not, by the error that it ends with.
OF_PYTHON_2 = {
    NameError: {"xrange", "raw_input", "unicode", "long", "basestring", "reduce", "unichr", "file"},
    ImportError: {"cPickle", "urllib2", "Queue", "StringIO", "cStringIO", "ConfigParser", "commands", "izip"},
    AttributeError: {"iteritems", "itervalues", "iterkeys", "has_key", "izip"},
}


def run(path: str, arguments: Sequence[str] = (), version: str | None = None) -> None:
    """Run a script as Python would, but for what `keras` and `theano` mean.

    An error that leaves it is printed as Python does, without what stands before the script, and with advice if it is
    of Python 2.

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
    tree = _parsed(path)
    _prepare(path, tree, style_of(tree) if version is None else Style(version, f"--keras={version}"))
    sys.argv = [path, *arguments]
    sys.path[0] = os.path.dirname(os.path.abspath(path))
    try:
        runpy.run_path(path, run_name="__main__")
    except BaseException:
        # Python calls it behind us; one of the script's own stays in use.
        sys.excepthook = functools.partial(_print_error, path, sys.excepthook)
        raise


def _parsed(path: str) -> ast.Module:
    try:
        with tokenize.open(path) as file:
            return ast.parse(file.read(), path)
    except OSError as error:
        raise SystemExit(f"recurrent_layers: cannot read {path}: {error.strerror}") from None
    except (SyntaxError, UnicodeDecodeError) as error:
        raise SystemExit(_about_syntax(path, error)) from None


def _prepare(path: str, tree: ast.Module, style: Style) -> None:
    """Say what `keras` and `theano` will mean to a script, and see to it."""
    if style.version == "1.0":
        raise SystemExit(f"recurrent_layers: {path} is for Keras 1.0 or later ({style.reason}), which this does not "
                         "run: it runs scripts for Keras 0.1 to 0.3. If it is one after all: --keras=0.1 or "
                         "--keras=0.3")  # fmt: skip
    what = "recurrent_layers" if style.version == "0.1" else "Keras 0.3.3"
    floatX, about_floatX = _wanted_floatX(tree), ""
    if not floatX and style.version == "0.1" and _floatX_is_ours() and not _told_floatX():
        about_floatX = ("; floatX is float64, Theano's default of that time: "
                        f"{engine.prepare().engine.flags}=floatX=float32 takes about half the time")
    print(f"recurrent_layers: keras is {what} here, theano is {engine.NAME} ({path} is in the style of Keras "
          f"{'0.1' if style.version == '0.1' else '0.2 or 0.3'}: {style.reason}){about_floatX}",
          file=sys.stderr, flush=True)
    say_what_is_wrong()
    ended = _ended(tree) if style.version == "0.3" and not _installed_keras().startswith("0.2.") else None
    if ended:
        raise SystemExit(
            f"recurrent_layers: {path} is for Keras 0.2 ({style.reason}; {ended}): JZS1, JZS2, JZS3, SimpleDeepRNN "
            "and theano_utils ended with it, and Keras 0.3.3 cannot run it. They are here as they were in Keras 0.1, "
            "whose layers take both sizes: write JZS1(4, 16) for JZS1(16, input_dim=4), the other layers in the same "
            "way, and run it by --keras=0.1")  # fmt: skip
    try:
        as_keras(style.version)
    except ImportError as error:
        raise SystemExit(f"recurrent_layers: {path} needs Keras 0.3.3 itself ({style.reason}), but {error}. If it is a "
                         "script for Keras 0.1 after all: --keras=0.1") from None
    if floatX:
        engine.config.floatX = floatX


def say_what_is_wrong() -> None:
    """Say on stderr what is not as it should be, such as that there is no compiler; see `engine.prepare`."""
    if engine.prepare().complaint:
        print(f"recurrent_layers: {engine.prepare().complaint}", file=sys.stderr, flush=True)


def _wanted_floatX(tree):
    """The floatX in the flags that a script writes into `os.environ`; None if there is none, or the user's own wins.

    The engine has read them before: what stands below the script's first import of it would have come too late for
    Theano, too.
    """
    if _told_floatX():
        return None
    found = None
    for statement in tree.body:
        if any(name.partition(".")[0] in ("theano", "keras") for name, _ in _imports(statement)):
            break
        for node in ast.walk(statement):
            texts = " ".join(_texts_for_flags(node))
            found = (re.findall(r"\bfloatX\s*=\s*(float(?:16|32|64))\b", texts) or [found])[-1]
    return found


def _texts_for_flags(node):
    """The strings in a node that writes `THEANO_FLAGS` into `os.environ`."""
    if isinstance(node, (ast.Assign, ast.AugAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        is_set = any(isinstance(target, ast.Subscript) and _last_name(target.value) == "environ" and
                     _last_name(target) == "THEANO_FLAGS" for target in targets)  # fmt: skip
    else:
        is_set = (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and
                  node.func.attr == "setdefault" and _last_name(node.func.value) == "environ" and
                  "THEANO_FLAGS" not in os.environ and
                  any(isinstance(name, ast.Constant) and name.value == "THEANO_FLAGS" for name in node.args[:1]))
    constants = [inner.value for inner in ast.walk(node) if isinstance(inner, ast.Constant)] if is_set else []
    return [value for value in constants if isinstance(value, str)]


def _print_error(path, hook, kind, error, trace):
    """Print an error that has left a script, as Python does, but from the script on, and give advice."""
    while trace is not None and trace.tb_frame.f_code.co_filename != path:
        trace = trace.tb_next
    error = error.with_traceback(trace)
    hook(kind, error, trace)
    names = re.findall(r"(?:^name|No module named|cannot import name|has no attribute) '(\w+)'", str(error))
    old = {name for of_error, known in OF_PYTHON_2.items() if isinstance(error, of_error) for name in known}
    if names and names[-1] in old:
        folder = os.path.dirname(os.path.abspath(path))
        files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(trace)]
        own = [file for file in files if os.path.dirname(os.path.abspath(file)) == folder]
        print(f"recurrent_layers: {names[-1]} is of Python 2: {_translate(own[-1] if own else path)}", file=sys.stderr)


def _translate(path):
    return (f"translate it first: pip install future, and futurize -w {path}; or 2to3 -w {path}; both need a module "
            "that came with Python up to 3.12, so with a newer one take the futurize of an older one")  # fmt: skip


def _about_syntax(path, error):
    line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
    return (f"recurrent_layers: {path}{line} is no Python 3: {error}\nIf it was written for Python 2 (print without "
            f"parentheses, xrange, tabs mixed with spaces), {_translate(path)}")
