"""What several modules need and none of them owns."""

from __future__ import annotations

import contextlib
import datetime
import difflib
import functools
import hashlib
import inspect
import json
import os
import sys
import threading
import time
from typing import Any, Callable, Iterable, Iterator, Mapping

import numpy as np
from tqdm import tqdm

from recurrent_layers.typing import Config, CustomObjects
from recurrent_layers.utils.arguments import choice, flag, integer, items, number, shown, text
from recurrent_layers.utils.arrays import array_of_numbers

__all__ = ["Progbar", "get_from_module", "make_tuple", "printv"]


class _OfTheUser(threading.local):
    """Functions and classes of the user's own, by name."""

    objects: CustomObjects = {}
    may_be_given = False


_of_the_user = _OfTheUser()


@contextlib.contextmanager
def custom_objects_known(name: str, objects: CustomObjects | None) -> Iterator[None]:
    """Within this, names find functions and classes of the user's own, too, before ours.

    Parameters
    ----------
    name : str
        Of the argument, for the error message.
    objects : dict of str to callable, or None

    Raises
    ------
    ValueError
        If it is none.
    """
    objects = {} if objects is None else objects
    if not isinstance(objects, dict) or not all(isinstance(key, str) and callable(objects[key]) for key in objects):
        raise ValueError(f"{name} must be a dict of names to functions and classes, got {shown(objects)}")
    before = _of_the_user.objects, _of_the_user.may_be_given
    _of_the_user.objects, _of_the_user.may_be_given = {**_of_the_user.objects, **objects}, True
    try:
        yield
    finally:
        _of_the_user.objects, _of_the_user.may_be_given = before


@contextlib.contextmanager
def not_too_deep() -> Iterator[None]:
    """Say what is the matter where Python cannot follow layers within layers any further."""
    try:
        yield
    except RecursionError:
        raise ValueError("the model has more layers, or models within models, than Python can follow one into the "
                         f"other with sys.getrecursionlimit() = {sys.getrecursionlimit()}") from None


def lookup(identifier: Any, known: Mapping[str, Callable[..., Any]], kind: str,
           callables: bool = True) -> Callable[..., Any]:
    """Return a callable as it is, or find it by its name.

    Parameters
    ----------
    identifier : str or callable
        A name in `known`, or any callable but a class, which is returned unchanged.
    known : dict of str to callable
        The names to choose from, beside those of :func:`custom_objects_known`.
    kind : str
        What is looked up, for the error message ("activation").
    callables : bool
        Whether a callable will do, too.

    Returns
    -------
    callable

    Raises
    ------
    ValueError
        If `identifier` is neither callable nor a known name; the message lists the known ones.
    """
    if callables and callable(identifier) and not inspect.isclass(identifier):
        return identifier
    known = {**known, **_of_the_user.objects}
    if isinstance(identifier, str) and identifier in known:
        return known[identifier]
    close = difflib.get_close_matches(identifier, known, n=1) if isinstance(identifier, str) else ()
    hint = f"; did you mean {close[0]!r}?" if close else ""
    names = sorted({name if "." not in name else f"{name.partition('.')[0]}.*" for name in known})
    raise ValueError(f"unknown {kind} {shown(identifier)}{hint or '.'} Known: {', '.join(names)}."
                     + (" Any function is accepted too." if callables and not _of_the_user.may_be_given else "")
                     + (f" One of your own must be given, as in custom_objects={{{shown(identifier)}: ...}}."
                        if _of_the_user.may_be_given else ""))


def put_into(module: Mapping[str, Any], as_imported: Mapping[str, Any]) -> dict[str, Callable[..., Any]]:
    """The functions that a script has put into a module, or in the place of one there: Keras 0.1 found them by name.

    Parameters
    ----------
    module, as_imported : dict of str to object
        What it has, and what it had at first.
    """
    return {name: value for name, value in module.items() if callable(value) and not inspect.isclass(value)
            and as_imported.get(name) is not value}  # fmt: skip


def known_name(function: object, known: Mapping[str, Callable[..., Any]]) -> str | None:
    """The name by which :func:`lookup` finds exactly this function in `known`; None if none does."""
    name = getattr(function, "__name__", None)
    return name if name is not None and known.get(name) is function else None


def full_name(function: Any) -> str:
    """The name of a function or class, with that of its module, the same when that is run as a script."""
    named = function if hasattr(function, "__qualname__") else type(function)
    module = getattr(named, "__module__", None) or "builtins"
    if module == "__main__":
        module = os.path.splitext(os.path.basename(getattr(sys.modules[module], "__file__", None) or module))[0]
    return f"{module.rpartition('.')[2]}.{named.__qualname__}"


def fingerprint(value: object) -> str:
    """JSON that tells a value from others: what JSON does not know, by its name, its config, or a hash of its numbers.

    Of objects of other kinds it has the type only.

    Raises
    ------
    TypeError, ValueError
        If a dict has names that JSON cannot have, or something contains itself.
    """
    return json.dumps(value, default=_told, sort_keys=True)


def _told(value: Any) -> Any:
    """Something that JSON knows, or parts of a value of which this can be had."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        if value.size < 100 or value.dtype.hasobject:
            return value.tolist()
        numbers = hashlib.sha256(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)
        return f"{value.dtype} {value.shape} {numbers.hexdigest()[:16]}"
    if isinstance(value, (bytes, complex, range, datetime.date, datetime.timedelta)):
        return repr(value)
    if isinstance(value, (set, frozenset)):
        return sorted(map(fingerprint, value))
    if isinstance(value, np.ufunc) or hasattr(value, "make_node"):  # Functions of NumPy, and of the engine.
        return str(value)
    if isinstance(value, functools.partial):
        return [value.func, value.args, value.keywords]
    if hasattr(value, "get_config") and not inspect.isclass(value):
        return [full_name(value), value.get_config()]
    return os.fspath(value) if isinstance(value, os.PathLike) else full_name(value)


def instance(identifier: Any, known: Mapping[str, Callable[..., Any]], kind: str, method: str = "__call__") -> Any:
    """Return an object as it is, or make one from its name or its config.

    Parameters
    ----------
    identifier : str, dict, class or object
        A name in `known`, or what it stands for; a dict with such a ``"name"`` and the arguments; a class of one's
        own; an object of such a class is returned unchanged.
    known : dict of str to callable
        What makes the objects.
    kind : str
        What is looked up, for the error message ("optimizer").
    method : str
        What all of them have.

    Raises
    ------
    ValueError
        If it is none of these, the message lists the known names; or if the arguments are not those of the class.
    """
    if any(identifier is one for one in known.values()):
        return identifier()
    if inspect.isclass(identifier) and any(method in vars(cls) for cls in identifier.__mro__):
        return identifier()
    if not inspect.isclass(identifier) and hasattr(identifier, method):
        return identifier
    arguments = dict(identifier) if isinstance(identifier, dict) else {"name": identifier}
    name = arguments.pop("name", None)
    make = lookup(name, known, kind, callables=False)
    if inspect.isfunction(make) and not arguments and hasattr(make, method) and not _takes_nothing(make):
        return make  # One of the user's own.
    try:
        return make(**arguments)
    except TypeError as error:
        raise ValueError(f"the {kind} {name} cannot be made of these arguments: {error}") from error


def _takes_nothing(function: Callable[..., Any]) -> bool:
    """Whether it can be called without arguments, as what makes an object can."""
    try:
        inspect.signature(function).bind()
    except TypeError:
        return False
    return True


def with_arguments(identifier: Any, kwargs: Config | None, kind: str) -> Any:
    """What :func:`instance` takes, from a name and a dict of arguments.

    Raises
    ------
    ValueError
        If `kwargs` is no dict of arguments or None, or there are some for what is not named.
    """
    if kwargs is not None and (not isinstance(kwargs, dict) or "name" in kwargs):
        raise ValueError(f"kwargs must be a dict of arguments, got {shown(kwargs)}")
    if kwargs and not isinstance(identifier, str):
        raise ValueError(f"kwargs are for a {kind} that is named, not for {shown(identifier)}")
    return dict(kwargs, name=identifier) if kwargs else identifier


def get_from_module(identifier: Any, module_params: dict[str, Any], module_name: str, instantiate: bool = False,
                    kwargs: dict[str, Any] | None = None) -> Any:
    """Find something of a module by its name.

    Parameters
    ----------
    identifier : str or object
        A name; anything else is returned as it is.
    module_params : dict of str to object
        Where to look for it, such as ``globals()``.
    module_name : str
        What is looked for, for the error message.
    instantiate : bool
        Whether what was found is called, with `kwargs`.
    kwargs : dict, optional

    Returns
    -------
    object

    Raises
    ------
    ValueError
        If there is no such name, or an argument is none of these.

    Examples
    --------
    >>> from recurrent_layers.utils.generic_utils import get_from_module
    >>> known = {"half": 0.5, "list": list}
    >>> get_from_module("half", known, "number")
    0.5
    >>> get_from_module("list", known, "kind", instantiate=True)
    []
    """
    module_name, instantiate = text("module_name", module_name), flag("instantiate", instantiate)
    for name, value in (("module_params", module_params), ("kwargs", {} if kwargs is None else kwargs)):
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise ValueError(f"{name} must be a dict with names as its keys, got {shown(value)}")
    if not isinstance(identifier, str):
        return identifier
    found = module_params.get(identifier)
    if found is None or instantiate and not callable(found):
        close = difflib.get_close_matches(identifier, module_params, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else f". Known: {', '.join(sorted(module_params)[:50])}"
        raise ValueError(f"unknown {module_name} {shown(identifier)}{hint}")
    return found(**(kwargs or {})) if instantiate else found


def make_tuple(*args: Any) -> tuple[Any, ...]:
    """The arguments, as a tuple.

    Examples
    --------
    >>> from recurrent_layers.utils.generic_utils import make_tuple
    >>> make_tuple(3, 8)
    (3, 8)
    """
    return args


def printv(v: object, prefix: str = "") -> None:
    """Print a config: the ``"name"`` of a dict, then what is in it, three dots further in at each level.

    Parameters
    ----------
    v : dict, list or object
        Dicts and lists may be in each other. It stays as it is, where Keras 0.1 took the names out.
    prefix : str
        What stands before each line.

    Raises
    ------
    ValueError
        If `prefix` is no string.

    Examples
    --------
    >>> from recurrent_layers.utils.generic_utils import printv
    >>> printv({"name": "Sequential", "layers": [{"name": "Dense", "output_dim": 8}]})
    #Sequential
    ...layers:
    ......#0
    ......#Dense
    .........output_dim:8
    """
    deeper = text("prefix", prefix) + "..."
    if isinstance(v, dict):
        if "name" in v:
            print(f"{prefix}#{v['name']}")
        for key, value in v.items():
            if key == "name":
                continue
            if isinstance(value, (dict, list)):
                print(f"{deeper}{key}:")
                printv(value, deeper)
            else:
                print(f"{deeper}{key}:{value}")
    elif isinstance(v, list):
        for n, value in enumerate(v):
            print(f"{deeper}#{n}")
            printv(value, deeper)
    else:
        print(f"{deeper}{v}")


class Progbar:
    """Shows how far a loop of one's own has come, with means of what it measures.

    Parameters
    ----------
    target : int
        How many steps there will be.
    width : int
        Of the bar, in characters.
    verbose : {0, 1, 2}
        Show nothing, a bar on stderr, or a line at the end on stdout.

    Attributes
    ----------
    seen_so_far : int
        How many steps there have been.
    sum_values : dict of str to [float, float]
        Of each measure, the sum over all steps, and how many these were.

    Raises
    ------
    ValueError
        If an argument is none of these.

    Examples
    --------
    >>> from recurrent_layers.utils.generic_utils import Progbar
    >>> progbar = Progbar(96, verbose=2)
    >>> for loss in (0.5, 0.25, 0.75):
    ...     progbar.add(32, values=[("loss", loss)])
    0s - loss: 0.5000
    >>> progbar.seen_so_far
    96
    """

    def __init__(self, target: float, width: int = 30, verbose: int = 1) -> None:
        target, self.width = number("target", target, least=0.0), integer("width", width)
        self.target: float = int(target) if target.is_integer() else target
        self.verbose = choice("verbose", verbose, 0, 1, 2)
        self.sum_values: dict[str, Any] = {}
        self.seen_so_far: float = 0
        self.start = time.time()
        self._bar: tqdm | None = None

    def update(self, current: float, values: Iterable[tuple[str, float]] = []) -> None:
        """Say which step has been reached.

        Parameters
        ----------
        current : int
            The number of steps so far.
        values : list of (str, float)
            Measures, each the mean over the steps since the last call.

        Raises
        ------
        ValueError
            If an argument is none of these; nothing has changed then.
        """
        current = number("current", current)
        measured = [self._measured(pair) for pair in items("values", values, "pairs of a name and a number")]
        steps = current - self.seen_so_far
        for name, value in measured:
            before = self.sum_values.get(name, [0.0, 0.0])
            self.sum_values[name] = [before[0] + value * steps, before[1] + steps]
        self.seen_so_far = int(current) if current.is_integer() else current
        if self.verbose == 1:
            self._show()
        elif self.verbose == 2 and current >= self.target:
            tqdm.write(" - ".join([f"{time.time() - self.start:.0f}s",
                                   *(f"{name}: {mean}" for name, mean in self._means().items())]))

    @staticmethod
    def _measured(pair: Any) -> tuple[str, float]:
        if isinstance(pair, (tuple, list)) and len(pair) == 2 and isinstance(pair[0], str):
            array = array_of_numbers("a value", pair[1])
            if array.size == 1:
                return pair[0], float(array.item())
        raise ValueError(f"values must be pairs of a name and a number, got {shown(pair)}")

    def _means(self) -> dict[str, str]:
        # Scripts put texts of their own among the sums.
        return {name: f"{value[0] / max(1, value[1]):.4f}" if isinstance(value, list) else str(value)
                for name, value in self.sum_values.items()}  # fmt: skip

    def _show(self) -> None:
        if self._bar is None:
            self._bar = tqdm(total=self.target, bar_format=f"{{l_bar}}{{bar:{self.width}}}{{r_bar}}")
        is_last = self.seen_so_far >= self.target
        self._bar.set_postfix(self._means(), refresh=is_last)
        self._bar.update(self.seen_so_far - self._bar.n)
        if is_last:
            self._bar.close()
            self._bar = None

    def add(self, n: float, values: Iterable[tuple[str, float]] = []) -> None:
        """Say that there have been `n` more steps; see :meth:`update`."""
        self.update(self.seen_so_far + number("n", n), values)
