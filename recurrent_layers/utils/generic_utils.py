"""What several modules need and none of them owns."""

import contextlib
import difflib
import inspect
import sys
import threading

from recurrent_layers.utils.arguments import shown


class _OfTheUser(threading.local):
    """Functions and classes of the user's own, by name."""

    objects = {}


_of_the_user = _OfTheUser()


@contextlib.contextmanager
def custom_objects_known(name, objects):
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
    before, _of_the_user.objects = _of_the_user.objects, {**_of_the_user.objects, **objects}
    try:
        yield
    finally:
        _of_the_user.objects = before


@contextlib.contextmanager
def not_too_deep():
    """Say what is the matter where Python cannot follow layers within layers any further."""
    try:
        yield
    except RecursionError:
        raise ValueError("the model has more layers, or models within models, than Python can follow one into the "
                         f"other with sys.getrecursionlimit() = {sys.getrecursionlimit()}") from None


def lookup(identifier, known, kind, callables=True):
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
    raise ValueError(f"unknown {kind} {shown(identifier)}{hint or '.'} Known: {', '.join(sorted(known))}."
                     + (" Any function is accepted too." if callables else ""))


def known_name(function, known):
    """The name by which :func:`lookup` finds exactly this function in `known`; None if none does."""
    name = getattr(function, "__name__", None)
    return name if name is not None and known.get(name) is function else None


def instance(identifier, known, kind, method="__call__"):
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
    try:
        return make(**arguments)
    except TypeError as error:
        raise ValueError(f"the {kind} {name} cannot be made of these arguments: {error}") from error
