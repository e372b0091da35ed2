"""Prepare the engine for this machine: its compiler, its BLAS, its flags.

The engine is Theano, or where that cannot run PyTensor, its descendant. Whatever the user has set wins over what is
set here.
"""
import configparser
import contextlib
import ctypes
import importlib
import importlib.util
import logging
import operator
import os
import platform
import re
import shlex
import sys
import warnings
from typing import Dict, List, NamedTuple, Optional, Tuple

from recurrent_layers.engine import cache, headers, machine, side_by_side, threads
from recurrent_layers.engine.machine import Blas, Compiler
from recurrent_layers.warned import warn

CHOICE = "RECURRENT_LAYERS_ENGINE"


class Engine(NamedTuple):
    """What computes, and where it finds what the user has set."""

    name: str
    module: str
    compiling: str
    linking: str
    making: str
    flags: str
    files: str
    default_file: str
    dot: str
    install: str

    @property
    def config(self):
        """All its flags."""
        return sys.modules[self.module].config

    @property
    def cmodule(self):
        """Its module that calls the compiler."""
        return importlib.import_module(f"{self.module}.{self.compiling}")

    @property
    def clinker(self):
        """Its module that writes C code."""
        return importlib.import_module(f"{self.module}.{self.linking}")

    @property
    def maker(self):
        """Its class that makes compiled functions."""
        return importlib.import_module(f"{self.module}.{self.making}").FunctionMaker

    @property
    def fixes(self):
        """Our module that mends it."""
        return importlib.import_module(f"recurrent_layers.engine.{self.module}_fixes")

    def flag(self, name: str) -> str:
        """How it spells the name of a flag, such as "blas.ldflags"."""
        return name.replace(".", self.dot)

    def get(self, name: str):
        """The value of a flag."""
        return operator.attrgetter(self.flag(name))(self.config)

    def set(self, name: str, value) -> None:
        """Set a flag."""
        section, _, option = self.flag(name).rpartition(".")
        setattr(operator.attrgetter(section)(self.config) if section else self.config, option, value)


ENGINES = {
    "theano": Engine("Theano", "theano", "gof.cmodule", "gof.cc", "compile.function_module", "THEANO_FLAGS", "THEANORC",
                     "~/.theanorc", ".", "pip install Theano==1.0.5 'numpy<1.24'"),
    "pytensor": Engine("PyTensor", "pytensor", "link.c.cmodule", "link.c.basic", "compile.maker", "PYTENSOR_FLAGS",
                       "PYTENSORRC", "~/.pytensorrc", "__", "pip install 'pytensor>=3.3,<3.4'"),
}


class Setup(NamedTuple):
    """What :func:`prepare` found and did."""

    engine: Engine
    user: Dict[str, str]
    ours: Dict[str, str]
    compiler: Compiler
    blas: Blas
    threads: threads.Library
    was_first: bool
    complaint: str


_setup: Optional[Setup] = None


def prepare() -> Setup:
    """Import the engine with flags that suit this machine; calling it again changes nothing.

    Returns
    -------
    Setup
        What was found and done.

    Raises
    ------
    ImportError
        If it cannot be imported; the message says what to do about it.
    """
    global _setup
    if _setup is not None:
        return _setup
    engine = choose(os.environ)
    user = user_settings(engine, os.environ)
    was_first = engine.module in sys.modules
    if was_first:
        cxx, ours = engine.get("cxx"), {}
        compiler = machine.find_compiler({"cxx": cxx})
        blas = Blas("", problem=f"{engine.name} was imported before recurrent_layers")
        complaint = complaint_about_earlier_import(engine, cxx, engine.get("blas.ldflags"))
    else:
        compiler = machine.find_compiler(user)
        blas = machine.find_blas(user, compiler)
        ours = default_flags(engine, user, compiler, blas)
        overrides, complaint = cache.overrides(engine, user)
        passed_over, about_gpu = without_gpu(engine, user)
        overrides.update(passed_over)
        complaint = f"{about_gpu} {complaint}".strip()
        _import(engine, ours, overrides)
        ours.update(overrides)
        complaint = f"{complaint} {complaint_about_machine(engine, user, compiler, blas)}".strip()
    engine.fixes.apply()
    headers.precompile(engine)
    side_by_side.compile_side_by_side(engine)
    cache.compile_again_what_is_broken(engine)
    machine.keep_freed_memory(os.environ)
    library = share_threads(engine, compiler, blas)
    if "blas.ldflags" in ours:
        ours["blas.ldflags"] = engine.get("blas.ldflags")
    if engine.get("cxx") and not library.name:
        complaint = f"{complaint} Recurrences run by scan, which is much slower: {library.problem}".strip()
    _setup = Setup(engine, user, ours, compiler, blas, library, was_first, complaint)
    if complaint and not is_run_by_name():
        warn(complaint, RuntimeWarning)
    return _setup


def is_run_by_name() -> bool:
    """Whether Python runs this package, as `python -m recurrent_layers`, which says itself what there is to say."""
    call = getattr(sys, "orig_argv", [])
    return any(pair == ("-m", "recurrent_layers") for pair in zip(call, call[1:]))


def choose(environment) -> Engine:
    """The engine: what the environment says, else the first that is installed, Theano before PyTensor.

    Parameters
    ----------
    environment : mapping
        Environment variables, such as `os.environ`.

    Raises
    ------
    ImportError
        If the environment asks for one that there is not.
    """
    wanted = environment.get(CHOICE, "")
    if wanted:
        if wanted not in ENGINES:
            raise ImportError(f"{CHOICE}={wanted}: it may be {' or '.join(ENGINES)}")
        return ENGINES[wanted]
    for engine in ENGINES.values():
        if importlib.util.find_spec(engine.module) is not None:
            return engine
    return ENGINES["pytensor" if sys.version_info >= (3, 12) else "theano"]


# ---- Flags ------------------------------------------------------------------------------------------------


def user_settings(engine: Engine, environment) -> Dict[str, str]:
    """Flags set by the user, in an environment variable or in files that another one names.

    Parameters
    ----------
    engine : Engine
    environment : mapping
        Environment variables, such as `os.environ`.

    Returns
    -------
    dict
        Values by full name, as Theano spells it (`"blas.ldflags"`). Names from files are lower case, as the files
        ignore case.

    Raises
    ------
    ImportError
        If a file, or the variable, is not written as such are.
    """
    # As both engines read them: %(USER)s stands for a user's name, and what cannot be replaced stays as it is.
    home = os.path.basename(os.path.expanduser("~"))
    known = {name: environment.get(name, "") for name in ("LSCRATCH", "TMPDIR", "TEMP", "TMP")}
    known.update(USER=environment.get("USER", home), PID=str(os.getpid()))
    files = configparser.RawConfigParser()
    replaced = configparser.ConfigParser({name: value.replace("%", "%%") for name, value in known.items()})
    names = [os.path.expanduser(name) for name in environment.get(engine.files, engine.default_file).split(os.pathsep)]
    try:
        for parser in (files, replaced):
            parser.read(names)
    except (configparser.Error, UnicodeDecodeError) as error:
        raise ImportError(f"the file of flags of {engine.name} ({engine.files}, by default {engine.default_file}) must "
                          "have lines such as floatX = float32 in a section such as [global]: "
                          f"{' '.join(str(error).split())}") from error
    settings = {}
    for section in files.sections():
        prefix = "" if section == "global" else section + "."
        for option, value in files.items(section):
            with contextlib.suppress(configparser.InterpolationError):
                value = replaced.get(section, option)
            settings[prefix + option] = value
    splitter = shlex.shlex(environment.get(engine.flags, ""), posix=True)
    splitter.whitespace = ","
    splitter.whitespace_split = True
    try:
        flags = list(splitter)
    except ValueError as error:
        raise ImportError(f"{engine.flags} must be flags such as floatX=float32,mode=FAST_RUN, got "
                          f"{environment[engine.flags]!r}: {error}") from error
    for flag in flags:
        name, equals, value = flag.strip().partition("=")
        if equals:
            settings[name] = value
    return {name.replace(engine.dot, "."): value for name, value in settings.items()}


def default_flags(engine: Engine, user, compiler: Compiler, blas: Blas) -> Dict[str, str]:
    """Our flags: only those that the user has not set."""
    # Even an empty blas.ldflags matters: without one, Theano asks NumPy for names that are gone since 1.22.
    flags = {"blas.ldflags": blas.flags, "floatX": "float32"}
    if not compiler.path:
        flags["cxx"] = ""
    elif engine.module == "pytensor":
        flags["linker"] = "cvm"  # Its own default is numba, which knows nothing of our C code.
    # In files, names ignore case.
    return {name: value for name, value in flags.items() if {name, name.lower()}.isdisjoint(user)}


def without_gpu(engine: Engine, user) -> Tuple[Dict[str, str], str]:
    """Flags in the place of those that ask for a GPU that there cannot be, and what to say about it.

    Theano 1.0 has no `device=gpu` any more, and fails; its successor `cuda` needs pygpu.
    """
    device = user.get("device", "cpu")
    has_pygpu = device.startswith("cuda") and importlib.util.find_spec("pygpu") is not None
    if engine.module != "theano" or not device.startswith(("gpu", "cuda", "opencl")) or has_pygpu:
        return {}, ""
    return ({"device": "cpu", "force_device": "False", "init_gpu_device": ""},
            f"device={device} is passed over: all runs on the CPU.")


def joined_flags(engine: Engine, ours, theirs: str, overrides) -> str:
    """The environment variable of flags: ours, what the user wrote there, and what must win over that."""
    # The variable is parsed as a shell would: outside quotes, # begins a comment.
    before, after = ([f'{engine.flag(name)}="{value}"' for name, value in flags.items()] for flags in (ours, overrides))
    return ",".join([*before, theirs, *after])


def complaint_about_machine(engine: Engine, user, compiler: Compiler, blas: Blas) -> str:
    """Say what this machine lacks; empty if nothing, or if the user has set it so."""
    name, ldflags = engine.name, engine.flag("blas.ldflags")
    if not compiler.path and "cxx" not in user:
        return (f"{name} has no C++ compiler and runs everything in Python, which is much slower: "
                f"{compiler.problem}. To install what is missing: {machine.INSTALL_COMPILER}. Then restart Python.")
    if compiler.path and not blas.flags and "blas.ldflags" not in user:
        return (f"{name} multiplies matrices through NumPy, slower than through OpenBLAS: {blas.problem}. "
                f"To use another BLAS, set the flag {ldflags}; to be content with NumPy, set it to "
                f"nothing ({engine.flags}={ldflags}=).")
    return ""


def complaint_about_earlier_import(engine: Engine, cxx: str, ldflags: str) -> str:
    """Say what an engine that was imported before us lacks; empty if nothing."""
    if cxx and ldflags:
        return ""
    lack = (f"BLAS (its flag {engine.flag('blas.ldflags')} is empty)" if cxx else
            "C++ compiler (its flag cxx is empty)")  # fmt: skip
    return (f"{engine.name} was imported before recurrent_layers and has no {lack}, which makes it slow. Import "
            f"recurrent_layers before {engine.module} and leave the flag to it, or set the flag.")


def import_advice(engine: Engine, error: BaseException, python_version: Tuple[int, ...], numpy_version: str) -> str:
    """Say what to do about a failed import of the engine."""
    if engine.module == "theano" and python_version >= (3, 12):
        python = "{}.{}".format(*python_version)
        return f"Theano runs on Python 3.11 and older, not on {python}; PyTensor does: {ENGINES['pytensor'].install}"
    if isinstance(error, ImportError) and error.name == engine.module:
        return f"Install it: {engine.install}"
    numbers = re.match(r"(\d+)\.(\d+)", numpy_version)
    if engine.module == "theano" and numbers and (int(numbers[1]), int(numbers[2])) >= (1, 24):
        return f"Theano needs NumPy 1.23 or older, not {numpy_version}: pip install 'numpy<1.24'"
    return f"Look at the error above, and at {engine.flags} and {engine.default_file} if you use them."


# ---- The import -------------------------------------------------------------------------------------------


def _import(engine: Engine, ours, overrides) -> None:
    logger = logging.getLogger(f"{engine.module}.tensor.blas")
    if ours.get("blas.ldflags") == "":
        logger.addFilter(_is_not_said_by_us)
    try:
        with warnings.catch_warnings(), _environment(engine.flags, joined_flags(
                engine, ours, os.environ.get(engine.flags, ""), overrides)):  # fmt: skip
            warnings.filterwarnings("ignore", r"DeprecationWarning: there is no c\+\+ compiler")
            importlib.import_module(engine.module)
    except Exception as error:
        advice = import_advice(engine, error, sys.version_info, machine.version("numpy"))
        cause = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise ImportError(f"import {engine.module} failed ({cause}). {advice}") from error
    finally:
        logger.removeFilter(_is_not_said_by_us)


def _is_not_said_by_us(record) -> bool:
    return "Using NumPy C-API based implementation" not in record.getMessage()


@contextlib.contextmanager
def _environment(name: str, value: str):
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def share_threads(engine: Engine, compiler: Compiler, blas: Blas) -> threads.Library:
    """Let recurrences and the engine's matrix products run on one set of threads.

    OpenBLAS gets no threads of its own then: they would stay at work for milliseconds after each product, and take
    the processors of what comes next.
    """
    cxx = engine.get("cxx")
    if not cxx:
        return threads.Library("", problem="there is no compiler")
    library = threads.build(cxx, compiler.version, str(engine.get("compiledir")), blas.directory)
    flags = machine.blas_flags(blas.directory, library) if library.name and blas.library is not None else ""
    if flags:
        engine.set("blas.ldflags", flags)
        blas.library.scipy_openblas_set_num_threads(1)
        _set_threads_of_products(library, machine.number_of_threads())
    return library


def _set_threads_of_products(library: threads.Library, number: int) -> None:
    ctypes.CDLL(library.path).recurrent_layers_set_threads_of_products(ctypes.c_long(number))


def use_threads(number: int) -> None:
    """Let recurrences that are compiled from now on, and the engine's matrix products, use so many threads."""
    setup = prepare()
    os.environ[machine.THREADS_VARIABLES[0]] = str(number)
    if shares_threads(setup.engine):
        _set_threads_of_products(setup.threads, number)


def shares_threads(engine: Engine) -> bool:
    """Whether the engine's matrix products run on the threads of the recurrences."""
    return any(product in engine.get("blas.ldflags") for product in threads.PRODUCTS.values())


# ---- The report -------------------------------------------------------------------------------------------


def report() -> List[Tuple[str, str]]:
    """Everything that decides how fast the engine runs here, as (name, value) pairs.

    Names repeat: there is one pair for each flag and for each reason why it is slow.
    """
    setup = prepare()
    engine, config = setup.engine, setup.engine.config
    processor, instructions = machine.processor()
    processors = machine.usable_processors()
    core, threads = "", machine.number_of_threads()
    compiler, blas = f"{setup.compiler.path} ({setup.compiler.version})", engine.get("blas.ldflags")
    if not config.cxx:
        compiler = "none: " + setup.compiler.problem
    if setup.blas.library is not None:
        setup.blas.library.scipy_openblas_get_corename.restype = ctypes.c_char_p
        core = setup.blas.library.scipy_openblas_get_corename().decode()
        if not shares_threads(engine):
            threads = setup.blas.library.scipy_openblas_get_num_threads()
        blas = f"OpenBLAS {machine.version('scipy-openblas32')}, core type {core}, threads {threads}"
    elif not blas:
        blas = "that of NumPy: " + setup.blas.problem
    recurrences = "scan"
    if config.cxx and not setup.threads.name:
        recurrences = "scan: " + setup.threads.problem
    elif config.cxx:
        recurrences = f"C, threads {machine.number_of_threads()}, flags {' '.join(_flags_of_recurrences(engine))}"
    loop = "C" if config.cxx and sys.modules.get(engine.fixes.SCAN_EXTENSION, True) else "Python"
    rows = [("Python", platform.python_version()), (engine.name, machine.version(engine.name)),
            ("NumPy", machine.version("numpy")), ("SciPy", machine.version("scipy")), ("platform", platform.platform()),
            ("processor", f"{processor}, {processors} cores"), ("compiler", compiler), ("BLAS", blas),
            ("floatX", config.floatX), ("recurrences", recurrences), ("scan loop", loop),
            ("compiledir", str(config.compiledir))]
    rows += [("flag of ours", f"{engine.flag(name)}={value}") for name, value in setup.ours.items()]
    rows += [("flag of yours", f"{engine.flag(name)}={value}") for name, value in setup.user.items()]
    variables = (CHOICE, engine.flags, engine.files, "OPENBLAS_CORETYPE", *machine.THREADS_VARIABLES)
    variables = [name for name in variables if name in os.environ]
    rows += [("environment", f"{name}={os.environ[name]}") for name in variables]
    reasons = slow_reasons(engine, core, threads, processors, instructions)
    return rows + [("slow because", reason) for reason in reasons]


def slow_reasons(engine: Engine, core: str, threads: int, processors: int, instructions: str) -> List[str]:
    """Say why the engine is slower than it could be on this machine, the worst first.

    Parameters
    ----------
    engine : Engine
    core, threads : str, int
        The core type for which OpenBLAS runs (empty if it is not used), and how many threads may be at work.
    processors, instructions : int, str
        Processors that this process may use, and what they can do, in the words of /proc/cpuinfo.
    """
    reasons = []
    if not engine.get("cxx"):
        reasons.append("there is no compiler: everything runs in Python")
    mode, optimizer = engine.get("mode"), engine.get("optimizer")
    if optimizer in ("None", "fast_compile") or mode not in ("Mode", "FAST_RUN"):
        reasons.append(f"{engine.name} does not optimise fully: mode={mode}, optimizer={optimizer}")
    if engine.get("cxx") and not engine.get("blas.ldflags"):
        reasons.append("matrix products go through NumPy, not through OpenBLAS")
    if core in ("Haswell", "Zen") and "avx512f" in instructions.split():
        reasons.append(f"OpenBLAS takes this processor for a {core}, though it has AVX-512: unset "
                       "OPENBLAS_CORETYPE, or set it to SKYLAKEX if it is not set")
    if threads < processors:
        reasons.append(f"only {threads} of {processors} processors are used: see OPENBLAS_NUM_THREADS and "
                       "OMP_NUM_THREADS")
    if engine.get("floatX") == "float64":
        reasons.append(f"floatX=float64 takes about twice the time of {engine.flags}=floatX=float32")
    if "recurrence_in_c" in engine.get("optimizer_excluding").split(":"):
        reasons.append("recurrences run by scan, because optimizer_excluding says so")
    return reasons


def _flags_of_recurrences(engine: Engine) -> List[str]:
    of_processor = [flag for flag in engine.cmodule.GCC_compiler.compile_args() if flag.startswith("-march")]
    return ["-O3", "-fno-math-errno", *machine.LOOPS_FLAGS, *of_processor]
