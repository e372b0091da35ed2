"""Theano's modules for scripts that import them, where PyTensor computes.

:func:`provide_theano` puts them into `sys.modules`, when it is asked to. A module here has the names of PyTensor's of
the same place, and in front of them what Theano called otherwise, or what means something else in PyTensor. Any other
name is an error that says it is missing.
"""

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import sys
import types
import warnings

from recurrent_layers.engine import on_pytensor as engine
from recurrent_layers.engine import replaced

PREFIX = "theano"


def provide_theano():
    """Let `import theano` work on PyTensor too, in this process; on Theano itself this does nothing.

    After it a script of the time runs that builds its graphs with `theano`, `theano.tensor`, `theano.tensor.nnet`,
    `theano.scan`, `theano.printing`, `theano.ifelse`, `theano.sandbox.rng_mrg` and the like. Other packages take it for
    Theano as well: that is why nothing but this call does it.

    Raises
    ------
    RuntimeError
        If something else has been imported as `theano`.

    Notes
    -----
    Random numbers are other ones than Theano's for the same seed. There are no convolutions and pooling, no default
    values of inputs, no GPU and no test values. What is missing says so: an attribute by an `AttributeError`, a module
    by a `ModuleNotFoundError`.

    Examples
    --------
    >>> import recurrent_layers
    >>> recurrent_layers.engine.provide_theano()
    >>> import theano
    >>> import theano.tensor as T
    """
    if isinstance(sys.modules.get(PREFIX), _Module):
        return
    if PREFIX in sys.modules:
        raise RuntimeError(f"{sys.modules[PREFIX]!r} was imported as theano before; call provide_theano first")
    sys.meta_path.insert(0, _Finder())
    try:
        for name in ("", ".tensor", ".tensor.nnet", ".compile", ".gof", ".gradient", ".printing"):
            importlib.import_module(PREFIX + name)
    except BaseException:
        sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
        raise


# ---- Modules ----------------------------------------------------------------------------------------------


class _Module(types.ModuleType):
    """A module of Theano: names of its own, and those of modules of PyTensor."""

    __path__ = ()

    def __getattr__(self, name):
        full = f"{self.__name__}.{name}"
        if full in _own or full in _BEHIND:
            return importlib.import_module(full)
        for module in () if name.startswith("__") else self.__dict__["_behind"]:
            with warnings.catch_warnings(), contextlib.suppress(AttributeError):
                warnings.simplefilter("ignore", DeprecationWarning)  # That it has another place there.
                found = getattr(module, name)
                return importlib.import_module(full) if isinstance(found, types.ModuleType) else found
        raise AttributeError(f"{self.__name__} has no {name!r} here: it is {self.__doc__}")


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name != PREFIX and not name.startswith(PREFIX + "."):
            return None
        if name not in _own and name not in _BEHIND and not _modules_behind(name):
            raise ModuleNotFoundError(f"there is no {name} here: theano is {_ABOUT}", name=name)
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return _Module(spec.name, _ABOUT)

    def exec_module(self, module):
        module._behind = _modules_behind(module.__name__)
        if module.__name__ in _own:
            vars(module).update(_own[module.__name__]())


_ABOUT = "PyTensor under Theano's names (recurrent_layers.engine.provide_theano), which lacks this"


def _modules_behind(name):
    """The modules of PyTensor that stand behind one of Theano."""
    names = _BEHIND.get(name, ["pytensor" + name[len(PREFIX):]])
    modules = []
    for one in names:
        with contextlib.suppress(ImportError):
            modules.append(importlib.import_module(one))
    return modules


_BEHIND = {
    "theano.gof": ["pytensor.graph", "pytensor.graph.basic", "pytensor.graph.op", "pytensor.graph.type",
                   "pytensor.graph.utils", "pytensor.link"],
    "theano.gof.graph": ["pytensor.graph.basic", "pytensor.graph.traversal"],
    "theano.gof.fg": ["pytensor.graph.fg"],
    "theano.gof.op": ["pytensor.graph.op"],
    "theano.gof.utils": ["pytensor.graph.utils"],
    "theano.scan_module": ["pytensor.scan", "pytensor.scan.utils"],
    "theano.scan_module.scan_utils": ["pytensor.scan.utils"],
    "theano.tensor": ["pytensor.tensor", "pytensor.tensor.elemwise", "pytensor.tensor.math", "pytensor.tensor.basic",
                      "pytensor.tensor.shape", "pytensor.tensor.type"],
    "theano.tensor.basic": ["pytensor.tensor", "pytensor.tensor.math", "pytensor.tensor.basic"],
    "theano.tensor.nnet": [],
    "theano.ifelse": ["pytensor.conditional"],
    "theano.tensor.opt": [], "theano.sandbox": [], "theano.misc": [], "theano.configparser": [], "theano.version": [],
}  # fmt: skip
_own = {}


def _names(module):
    """Say that a function gives the names of a module's own."""

    def register(function):
        _own[module] = function
        return function

    return register


# ---- theano -----------------------------------------------------------------------------------------------


@_names("theano")
def _theano():
    names = {"config": _Config(), "Op": engine.COp, "OrderedUpdates": engine.OrderedUpdates, "__version__": "1.0.5",
             "clone": engine.clone, "dot": engine.tensor.dot, "shared": _shared, "as_op": _behind("compile").as_op,
             "pp": _behind("printing").pprint, "change_flags": _change_flags, "Rop": engine.Rop,
             "Lop": _behind("gradient").pullback}  # fmt: skip
    for name in ("Apply", "Constant", "FunctionGraph", "Type", "Variable"):
        names[name] = getattr(_behind("graph"), name)
    return dict(names, **_scans())


@_names("theano.version")
def _version():
    return {"version": "1.0.5", "short_version": "1.0.5"}


@_names("theano.configparser")
def _configparser():
    return {"change_flags": _change_flags}


@_names("theano.gof")
def _gof():
    return {"Op": engine.COp, "MethodNotDefined": engine.MethodNotDefined}


@_names("theano.gof.graph")
def _gof_graph():
    return {"inputs": engine.graph_inputs}


@_names("theano.gradient")
def _gradient():
    return {"Rop": engine.Rop, "Lop": _behind("gradient").pullback, "consider_constant": _behind("gradient").zero_grad}


@_names("theano.scan_module")
@_names("theano.scan_module.scan")
def _scans():
    """`scan` and its kin, which return updates and say nothing about it."""
    kin = {name: getattr(_behind("scan.views"), name) for name in ("map", "reduce", "foldl", "foldr")}
    names = {name: engine.with_updates(iterate) for name, iterate in kin.items()}
    return dict(names, scan=replaced.current(engine.scan))


def _shared(value, name=None, strict=False, allow_downcast=None, broadcastable=None, **named):
    if broadcastable is not None:
        named["shape"] = tuple(1 if one else None for one in broadcastable)
    return engine.shared(value, name=name, strict=strict, allow_downcast=allow_downcast, **named)


def _behind(name):
    return importlib.import_module("pytensor." + name)


class _Config:
    """PyTensor's flags by Theano's names: `config.blas.ldflags` is its `blas__ldflags`."""

    # What Theano's has, and PyTensor's has not: the only value that is true here.
    FIXED = {"device": "cpu", "compute_test_value": "off", "force_device": False, "init_gpu_device": "",
             "print_test_value": False}  # fmt: skip

    def __init__(self, section=""):
        vars(self)["_section"] = section

    def __getattr__(self, name):
        full = self._section + name
        if full in self.FIXED:
            return self.FIXED[full]
        if hasattr(engine.config, full):
            return getattr(engine.config, full)
        if not self._section and any(flag.startswith(name + "__") for flag in dir(engine.config)):
            return _Config(name + "__")
        raise AttributeError(f"theano.config has no {full.replace('__', '.')} here: it is {_ABOUT}")

    def __setattr__(self, name, value):
        full = self._section + name
        if full in self.FIXED:
            if value != self.FIXED[full]:
                warnings.warn(f"theano.config.{name} stays {self.FIXED[full]!r}: PyTensor knows no other", stacklevel=2)
        elif hasattr(engine.config, full):
            setattr(engine.config, full, value)
        else:
            self.__getattr__(name)

    def __repr__(self):
        return repr(engine.config)


@contextlib.contextmanager
def _change_flags(*arguments, **named):
    flags = dict(*arguments, **named)
    flags = {name.replace(".", "__"): value for name, value in flags.items() if name not in _Config.FIXED}
    with engine.config.change_flags(**flags):
        yield


# ---- theano.tensor ----------------------------------------------------------------------------------------


@_names("theano.tensor")
@_names("theano.tensor.basic")
def _tensor():
    tensor, gradient = engine.tensor, _behind("gradient")

    def stack(*tensors, **named):
        """As PyTensor's; it may also be given several tensors as arguments, as in Theano 0.6."""
        several = len(tensors) > 1 and not isinstance(tensors[0], (list, tuple)) and isinstance(
            tensors[1], engine.Variable)  # fmt: skip
        return tensor.stack(list(tensors)) if several else tensor.stack(*tensors, **named)

    def patternbroadcast(x, broadcastable):
        x = tensor.as_tensor_variable(x)
        off = [axis for axis, one in enumerate(broadcastable) if not one]
        on = [axis for axis, one in enumerate(broadcastable) if one and not x.type.broadcastable[axis]]
        x = engine.of_any_size(x, *off) if off else x
        return tensor.specify_broadcastable(x, *on) if on else x

    def batched_dot(a, b):
        """The product of each a[i] with b[i]."""
        a, b = map(tensor.as_tensor_variable, (a, b))
        product = tensor.matmul(a[:, None, :] if a.ndim == 2 else a, b[:, :, None] if b.ndim == 2 else b)
        product = product[:, :, 0] if b.ndim == 2 else product
        return product[:, 0] if a.ndim == 2 else product

    return {
        **_gradient(), "abs_": tensor.abs, "addbroadcast": tensor.specify_broadcastable,
        "batched_dot": batched_dot, "inv": tensor.reciprocal,
        "nnet": importlib.import_module("theano.tensor.nnet"), "patternbroadcast": patternbroadcast, "stack": stack,
        "unbroadcast": engine.of_any_size, "verify_grad": gradient.verify_grad, "numeric_grad": gradient.numeric_grad,
        "_shared": _shared, "grad": engine.grad, "Dot": engine.Dot, "Elemwise": engine.Elemwise,
        "Sum": _behind("tensor.math").Sum,
    }  # fmt: skip


@_names("theano.tensor.nnet")
def _nnet():
    tensor, plain = engine.tensor, engine.nnet

    def rows(x):
        """Theano makes a row of a vector, and takes matrices only."""
        x = tensor.as_tensor_variable(x)
        if x.ndim not in (1, 2):
            raise ValueError(f"x must be 1-d or 2-d tensor of floats. Got {x.type}")
        return x[None, :] if x.ndim == 1 else x

    def softmax(c):
        """exp(c) / sum(exp(c)) of each row; the result is a matrix, for a vector too."""
        return plain.softmax(rows(c))

    def logsoftmax(c):
        """The logarithm of `softmax`."""
        return tensor.special.log_softmax(rows(c), axis=-1)

    def relu(x, alpha=0):
        """max(x, alpha x)"""
        return 0.5 * (1 + alpha) * x + 0.5 * (1 - alpha) * abs(x) if alpha != 0 else plain.relu(x)

    def elu(x, alpha=1):
        """As x where x > 0, else alpha (exp(x) - 1)."""
        return tensor.switch(x > 0, x, alpha * tensor.expm1(x))

    def selu(x):
        """The scaled `elu` of Klambauer et al. 2017 (arXiv:1706.02515)."""
        return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)

    def softsign(x):
        """The quotient x / (1 + abs(x))."""
        return x / (1.0 + abs(x))

    return {
        **_losses(), "elu": elu, "hard_sigmoid": plain.hard_sigmoid, "logsoftmax": logsoftmax, "relu": relu,
        "selu": selu, "sigmoid": plain.sigmoid, "softmax": softmax, "softplus": plain.softplus, "softsign": softsign,
    }  # fmt: skip


def _losses():
    """Those of `theano.tensor.nnet`."""
    tensor = engine.tensor

    def sigmoid_binary_crossentropy(output, target):
        """`binary_crossentropy` of sigmoid(output)."""
        return tensor.softplus(-abs(output)) + output * ((output > 0) - target)

    def crossentropy_categorical_1hot(coding_dist, true_one_of_n):
        """-log of what each row has at its index."""
        return -tensor.log(coding_dist[tensor.arange(coding_dist.shape[0]), true_one_of_n])

    def categorical_crossentropy(coding_dist, true_dist):
        """-sum(true_dist log(coding_dist)) of each row; `true_dist` may be a vector of indices."""
        coding_dist, true_dist = map(tensor.as_tensor_variable, (coding_dist, true_dist))
        if true_dist.ndim == coding_dist.ndim:
            return -tensor.sum(true_dist * tensor.log(coding_dist), axis=coding_dist.ndim - 1)
        if true_dist.ndim == coding_dist.ndim - 1:
            return crossentropy_categorical_1hot(coding_dist, true_dist)
        raise TypeError("rank mismatch between coding and true distributions")

    return {
        "binary_crossentropy": engine.nnet.binary_crossentropy, "categorical_crossentropy": categorical_crossentropy,
        "crossentropy_categorical_1hot": crossentropy_categorical_1hot,
        "sigmoid_binary_crossentropy": sigmoid_binary_crossentropy,
    }  # fmt: skip


# ---- Random numbers ---------------------------------------------------------------------------------------


@_names("theano.sandbox.rng_mrg")
def _rng_mrg():
    return {"MRG_RandomStreams": RandomStreams}


@_names("theano.tensor.shared_randomstreams")
def _shared_randomstreams():
    return {"RandomStreams": RandomStreams}


class RandomStreams(engine.RandomStreams):
    """The methods of Theano's streams of random numbers; each variable is drawn anew at each call of a function.

    Parameters
    ----------
    seed : int, optional
    """

    def __init__(self, seed=None):
        super().__init__(seed)
        self.state_updates = []

    def updates(self):
        """What becomes of the states when all variables of these streams are drawn."""
        return list(self.state_updates)

    def draw(self, distribution, *arguments, dtype=None, **named):
        """A variable of one of the distributions of `pytensor.tensor.random`, cast to `dtype`."""
        state, after, drawn = self.next(distribution, *arguments, **named)
        self.state_updates.append((state, after))
        return engine.tensor.cast(drawn, engine.config.floatX if dtype is None else dtype)

    def uniform(self, size=None, low=0.0, high=1.0, ndim=None, dtype=None):
        """Uniform from `low` to `high`."""
        return self.draw("uniform", low, high, size=size, dtype=dtype)

    def normal(self, size=None, avg=0.0, std=1.0, ndim=None, dtype=None):
        """Normal, with this mean and standard deviation."""
        return self.draw("normal", avg, std, size=size, dtype=dtype)

    def binomial(self, size=None, n=1, p=0.5, ndim=None, dtype="int64"):
        """How often out of `n` times something of probability `p` happens."""
        return self.draw("binomial", n, p, size=size, dtype=dtype)

    def multinomial(self, size=None, n=1, pvals=(0.5, 0.5), ndim=None, dtype="int64"):
        """How often out of `n` times each of the things of these probabilities happens; `pvals` may be rows of them."""
        return self.draw("multinomial", n, pvals, size=size, dtype=dtype)

    def random_integers(self, size=None, low=0, high=1, ndim=None, dtype="int64"):
        """Whole numbers from `low` to `high`, both included."""
        return self.draw("integers", low, high + 1, size=size, dtype=dtype)

    def poisson(self, size=None, lam=1.0, ndim=None, dtype="int64"):
        """Poisson's distribution of this mean."""
        return self.draw("poisson", lam, size=size, dtype=dtype)

    def choice(self, size=None, a=2, replace=True, p=None, ndim=None, dtype="int64"):
        """Some of `a`, or of the whole numbers below it."""
        return self.draw("choice", a, size=size, replace=replace, p=p, dtype=dtype)

    def permutation(self, size=None, n=1, ndim=None, dtype="int64"):
        """The whole numbers below `n` in an order by chance."""
        if size not in (None, (), []):
            raise NotImplementedError(f"permutation gives one at a time here, got size={size!r}")
        return self.draw("permutation", n, dtype=dtype)
