"""Pickles of plain data are read without running anything that they name."""

import gzip
import io
import pickle

import numpy as np

from recurrent_layers.utils.arguments import shown


def read(path):
    """What a pickle of plain data holds.

    Parameters
    ----------
    path : str
        A file, which may be compressed by gzip.

    Returns
    -------
    object
        Of lists, tuples, dicts, strings, bytes, numbers, None, and arrays and scalars of NumPy that hold numbers,
        truths or strings. The strings of Python 2 are read as Latin-1.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no whole pickle, or there is anything else in it. What is named there is neither imported nor called.
    """
    with open(path, "rb") as stream:
        data = stream.read()
    try:
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        unpickler = _Unpickler(io.BytesIO(data), encoding="latin1")
        value = unpickler.load()
        return _without_stand_ins(value, set()) if unpickler.has_stand_ins else value
    except Exception as error:  # A broken one raises whatever its nonsense leads to.
        raise ValueError(f"{path} is no whole pickle of plain data: {type(error).__name__}: {error}") from error


class _Unpickler(pickle.Unpickler):
    has_stand_ins = False

    def find_class(self, module, name):
        """What stands for a function or a class of NumPy's. None of the real ones ever meets what is in the file."""
        self.has_stand_ins = True
        made = _MADE.get((module.replace("numpy._core", "numpy.core"), name))
        if made is None:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is no plain data")
        return made


class _Function:
    """Something that a pickle may call, and nothing else: it cannot be changed, nor be made anew."""

    __slots__ = ("_function",)
    __hash__ = None

    def __init__(self, function):
        self._function = function

    def __call__(self, *args):
        return self._function(*args)

    def __setstate__(self, state):
        raise pickle.UnpicklingError("it changes what is no data")


class _Dtype:
    """Stands for a dtype of numbers, truths or strings."""

    __slots__ = ("dtype",)
    __hash__ = None

    def __init__(self, name, align=False, copy=True):
        self.dtype = _plain(name)

    def __setstate__(self, state):
        byte_order, parts = state[1], state[2:5]
        if any(part is not None for part in parts):
            raise pickle.UnpicklingError("it has an array of records, which is no plain data")
        self.dtype = self.dtype.newbyteorder(byte_order)


class _Array:
    """Stands for an array, which is made when its state is there."""

    __slots__ = ("array",)
    __hash__ = None

    def __setstate__(self, state):
        shape, dtype, is_fortran, data = state[-4:]  # Before them stands a version, but in the oldest.
        self.array = _array(data, dtype, shape, "F" if is_fortran else "C")


def _plain(name):
    dtype = np.dtype(name) if isinstance(name, str) else None
    if dtype is None or dtype.kind not in "biufcSU":
        raise pickle.UnpicklingError(f"it has an array of {shown(name)}, which is no plain data")
    return dtype


def _array(data, dtype, shape, order="C"):
    if not isinstance(dtype, _Dtype) or not dtype.dtype.itemsize or order not in ("C", "F"):
        raise pickle.UnpicklingError("it has an array without a dtype, which is no plain data")
    data = data.encode("latin1") if isinstance(data, str) else bytes(data)
    return np.frombuffer(data, dtype.dtype).reshape(shape, order=order).copy()


def _made_of_bytes(*args):
    """What `bytes(...)` of Python 2's protocols is called with: nothing, or a text and its encoding."""
    if args and (len(args) != 2 or args[1] != "latin1" or not isinstance(args[0], str)):
        raise pickle.UnpicklingError("it makes bytes of what is no text in Latin-1")
    return args[0].encode("latin1") if args else b""


def _no_call(*args):
    raise pickle.UnpicklingError("it calls what is no function")


_MADE = {names: _Function(function) for names, function in {
    ("numpy.core.multiarray", "_reconstruct"): lambda kind, shape, code: _Array(),
    ("numpy.core.multiarray", "scalar"): lambda dtype, data: _array(data, dtype, ())[()],
    ("numpy.core.numeric", "_frombuffer"): _array,
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): _no_call,
    ("_codecs", "encode"): _made_of_bytes,
    ("__builtin__", "bytes"): _made_of_bytes,
}.items()}  # fmt: skip


def _without_stand_ins(value, seen):
    """The value with arrays for what stands for them; lists and dicts are changed in place."""
    if isinstance(value, _Array):
        return value.array
    if isinstance(value, (_Dtype, _Function)):
        raise pickle.UnpicklingError("it holds a function or a type, which is no plain data")
    if isinstance(value, tuple):
        return tuple(_without_stand_ins(one, seen) for one in value)
    if isinstance(value, (list, dict)) and id(value) not in seen:
        seen.add(id(value))
        for key, one in list(value.items() if isinstance(value, dict) else enumerate(value)):
            if isinstance(one, (_Array, _Dtype, _Function, tuple, list, dict)):
                value[key] = _without_stand_ins(one, seen)
    return value
