"""Prepare Theano for this machine: its compiler, its BLAS, its flags.

`import recurrent_layers` calls `prepare` before it imports Theano. This is the only module that knows about
compilers, BLAS, Theano flags and environment variables. Whatever the user has set wins over it.
"""
import configparser
import contextlib
import ctypes
import importlib.util
import logging
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import warnings
from importlib import metadata
from typing import Dict, List, NamedTuple, Optional, Tuple

from recurrent_layers import theano_fixes, threads

# What Theano's C code calls where it links with blas.ldflags. In scipy-openblas32 each begins with "scipy_".
BLAS_SYMBOLS = [kind + routine + "_" for routine in ("gemm", "gemv", "ger", "dot", "axpy") for kind in "sd"]
BLAS_SYMBOLS += ["openblas_get_num_threads", "openblas_set_num_threads", "goto_set_num_threads"]

# The first that is set counts, for OpenBLAS too.
THREADS_VARIABLES = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
ENVIRONMENT_VARIABLES = ("THEANO_FLAGS", "THEANORC", "OPENBLAS_CORETYPE", *THREADS_VARIABLES)
INSTALL_COMPILER = ("Debian, Ubuntu: apt install g++ python3-dev; Fedora: dnf install gcc-c++ python3-devel; "
                    "macOS: xcode-select --install; Windows with conda: conda install m2w64-toolchain")


class Compiler(NamedTuple):
    """The C++ compiler Theano uses; without a `path` there is none, and `problem` says why."""

    path: str
    version: str = ""
    problem: str = ""


class Blas(NamedTuple):
    """The BLAS we offer to Theano; without `flags` there is none, and `problem` says why."""

    flags: str
    library: Optional[ctypes.CDLL] = None
    problem: str = ""
    directory: str = ""


class Setup(NamedTuple):
    """What `prepare` found and did."""

    user: Dict[str, str]
    ours: Dict[str, str]
    compiler: Compiler
    blas: Blas
    threads: threads.Library
    theano_was_first: bool


_setup: Optional[Setup] = None


def prepare() -> Setup:
    """Import Theano with flags that suit this machine; calling it again changes nothing.

    Returns
    -------
    Setup
        What was found and done.

    Raises
    ------
    ImportError
        If Theano cannot be imported; the message says what to do about it.
    """
    global _setup
    if _setup is not None:
        return _setup
    user = user_settings(os.environ)
    theano_was_first = "theano" in sys.modules
    if theano_was_first:
        config = sys.modules["theano"].config
        ours: Dict[str, str] = {}
        compiler = find_compiler({"cxx": config.cxx})
        blas = Blas("", problem="Theano was imported before recurrent_layers")
        complaint = complaint_about_earlier_import(config.cxx, config.blas.ldflags)
    else:
        compiler = find_compiler(user)
        blas = find_blas(user, compiler)
        ours = default_flags(user, compiler, blas)
        _import_theano(ours)
        complaint = complaint_about_machine(user, compiler, blas)
    theano_fixes.apply()
    keep_freed_memory(os.environ)
    library = share_threads(compiler, blas)
    if "blas.ldflags" in ours:
        ours["blas.ldflags"] = sys.modules["theano"].config.blas.ldflags
    if sys.modules["theano"].config.cxx and not library.name:
        complaint = f"{complaint} Recurrences run by scan, which is much slower: {library.problem}".strip()
    _setup = Setup(user, ours, compiler, blas, library, theano_was_first)
    if complaint:
        warnings.warn(complaint, RuntimeWarning, stacklevel=3)
    return _setup


# ---- What the user and the machine have -------------------------------------------------------------------


def user_settings(environment) -> Dict[str, str]:
    """Theano flags set by the user, in THEANO_FLAGS or in the files that THEANORC names.

    Parameters
    ----------
    environment : mapping
        Environment variables, such as `os.environ`.

    Returns
    -------
    dict
        Values by full name (`"blas.ldflags"`). Names from files are lower case, as the files ignore case.
    """
    files = configparser.RawConfigParser()
    names = environment.get("THEANORC", "~/.theanorc").split(os.pathsep)
    files.read(os.path.expanduser(name) for name in names)
    settings = {}
    for section in files.sections():
        prefix = "" if section == "global" else section + "."
        settings.update((prefix + option, value) for option, value in files.items(section))
    splitter = shlex.shlex(environment.get("THEANO_FLAGS", ""), posix=True)
    splitter.whitespace = ","
    splitter.whitespace_split = True
    for flag in splitter:
        name, equals, value = flag.strip().partition("=")
        if equals:
            settings[name] = value
    return settings


def find_compiler(user) -> Compiler:
    """Find the compiler as Theano does: what the flag `cxx` says, else g++, or clang++ where it is usual."""
    if "cxx" in user:
        if not user["cxx"]:
            return Compiler("", problem="the flag cxx is empty")
        return Compiler(user["cxx"], _version_of(user["cxx"]) or "does not answer")
    candidates = ["g++"]
    if sys.platform == "win32":
        candidates.append(os.path.join(os.path.dirname(sys.executable), "Library", "mingw-w64", "bin", "g++"))
    if sys.platform == "darwin" or sys.platform.startswith("freebsd"):
        candidates.insert(0, "clang++")
    for candidate in candidates:
        path = shutil.which(candidate)
        version = _version_of(path) if path else ""
        if version:
            if not _has_python_header():
                return Compiler("", problem=f"found {candidate}, but not Python.h, which it needs")
            return Compiler(path, version)
    return Compiler("", problem="found no " + " or ".join(candidates))


def find_blas(user, compiler: Compiler) -> Blas:
    """Load the OpenBLAS of scipy-openblas32 and find the flags that link Theano's modules with it."""
    if "blas.ldflags" in user:
        return Blas("", problem="you set blas.ldflags")
    if not compiler.path:
        return Blas("", problem="without a compiler nothing can link with OpenBLAS")
    if not sys.platform.startswith("linux"):
        return Blas("", problem="the OpenBLAS of scipy-openblas32 is used on Linux only")
    # Importing the package would put its symbols in front of those of everybody else, hence only a look.
    package = importlib.util.find_spec("scipy_openblas32")
    if package is None or not package.submodule_search_locations:
        return Blas("", problem="scipy-openblas32 is not installed (pip install scipy-openblas32)")
    directory = os.path.join(list(package.submodule_search_locations)[0], "lib")
    flags = blas_flags(directory)
    if not flags:
        return Blas("", problem="Theano cannot use a BLAS in a directory of this name: " + directory)
    try:
        library = ctypes.CDLL(os.path.join(directory, "libscipy_openblas.so"))
    except OSError as error:
        return Blas("", problem=f"the OpenBLAS of scipy-openblas32 does not load: {error}")
    return Blas(flags, library, directory=directory)


def _version_of(compiler: str) -> str:
    try:
        answer = subprocess.run([compiler, "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return answer.stdout.decode(errors="replace").partition("\n")[0].strip() or "version unknown"


def _has_python_header() -> bool:
    # Each of the two is wrong on some installations: the first on Debian's, the second on relocated ones.
    directories = (sysconfig.get_path("include"), sysconfig.get_config_var("INCLUDEPY"))
    return any(directory and os.path.exists(os.path.join(directory, "Python.h")) for directory in directories)


# ---- What follows from it ---------------------------------------------------------------------------------


def blas_flags(directory: str, library: Optional[threads.Library] = None) -> str:
    """Value of `blas.ldflags` for the OpenBLAS in `directory`; empty if Theano could not parse it.

    With a `library` of threads, matrix products go through that.
    """
    directories = [library.directory, directory] if library else [directory]
    if any(re.search(r"""[\s,"'\\]""", name) for name in directories):
        return ""
    names = [library.name, "scipy_openblas"] if library else ["scipy_openblas"]
    products = threads.PRODUCTS if library else {}
    flags = [f"-L{name}" for name in directories]  # Theano itself adds -Wl,-rpath for each
    flags += [f"-l{name}" for name in names]
    return " ".join(flags + [f"-D{symbol}={products.get(symbol, 'scipy_' + symbol)}" for symbol in BLAS_SYMBOLS])


def default_flags(user, compiler: Compiler, blas: Blas) -> Dict[str, str]:
    """Our Theano flags: only those that the user has not set."""
    # Even an empty blas.ldflags matters: without one, Theano asks NumPy for names that are gone since 1.22.
    flags = {"blas.ldflags": blas.flags, "floatX": "float32"}
    if not compiler.path:
        flags["cxx"] = ""
    # In files, names ignore case.
    return {name: value for name, value in flags.items() if {name, name.lower()}.isdisjoint(user)}


def joined_flags(ours, theano_flags: str) -> str:
    """THEANO_FLAGS with our flags in front of what the user wrote there."""
    # Theano parses the variable as a shell would: outside quotes, # begins a comment.
    return ",".join([f'{name}="{value}"' for name, value in ours.items()] + [theano_flags])


def complaint_about_machine(user, compiler: Compiler, blas: Blas) -> str:
    """Say what this machine lacks; empty if nothing, or if the user has set it so."""
    if not compiler.path and "cxx" not in user:
        return ("Theano has no C++ compiler and runs everything in Python, which is much slower: "
                f"{compiler.problem}. To install what is missing: {INSTALL_COMPILER}. Then restart Python.")
    if compiler.path and not blas.flags and "blas.ldflags" not in user:
        return (f"Theano multiplies matrices through NumPy, slower than through OpenBLAS: {blas.problem}. "
                "To use another BLAS, set the Theano flag blas.ldflags; to be content with NumPy, set it to "
                "nothing (THEANO_FLAGS=blas.ldflags=).")
    return ""


def complaint_about_earlier_import(cxx: str, ldflags: str) -> str:
    """Say what a Theano that was imported before us lacks; empty if nothing."""
    if cxx and ldflags:
        return ""
    lack = "BLAS (its flag blas.ldflags is empty)" if cxx else "C++ compiler (its flag cxx is empty)"
    return (f"Theano was imported before recurrent_layers and has no {lack}, which makes it slow. Import "
            "recurrent_layers before theano and leave the flag to it, or set the flag.")


def import_advice(error: BaseException, python_version: Tuple[int, ...], numpy_version: str) -> str:
    """Say what to do about a failed `import theano`."""
    if python_version >= (3, 12):
        return "Theano runs on Python 3.11 and older, not on {}.{}.".format(*python_version)
    if isinstance(error, ImportError) and error.name == "theano":
        return "Install it: pip install Theano==1.0.5 'numpy<1.24'"
    numbers = re.match(r"(\d+)\.(\d+)", numpy_version)
    if numbers and (int(numbers[1]), int(numbers[2])) >= (1, 24):
        return f"Theano needs NumPy 1.23 or older, not {numpy_version}: pip install 'numpy<1.24'"
    return "Look at the error above, and at THEANO_FLAGS and ~/.theanorc if you use them."


# ---- The import -------------------------------------------------------------------------------------------


def _import_theano(ours) -> None:
    logger = logging.getLogger("theano.tensor.blas")
    if ours.get("blas.ldflags") == "":
        logger.addFilter(_is_not_said_by_us)
    try:
        with warnings.catch_warnings(), _theano_flags(joined_flags(ours, os.environ.get("THEANO_FLAGS", ""))):
            warnings.filterwarnings("ignore", r"DeprecationWarning: there is no c\+\+ compiler")
            import theano  # noqa: F401
    except Exception as error:
        advice = import_advice(error, sys.version_info, _version("numpy"))
        cause = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise ImportError(f"import theano failed ({cause}). {advice}") from error
    finally:
        logger.removeFilter(_is_not_said_by_us)


def _is_not_said_by_us(record) -> bool:
    return "Using NumPy C-API based implementation" not in record.getMessage()


@contextlib.contextmanager
def _theano_flags(value: str):
    before = os.environ.get("THEANO_FLAGS")
    os.environ["THEANO_FLAGS"] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ["THEANO_FLAGS"]
        else:
            os.environ["THEANO_FLAGS"] = before


def share_threads(compiler: Compiler, blas: Blas) -> threads.Library:
    """Let recurrences and Theano's matrix products run on one set of threads.

    OpenBLAS gets no threads of its own then: they would stay at work for milliseconds after each product, and take
    the processors of what comes next.
    """
    config = sys.modules["theano"].config
    if not config.cxx:
        return threads.Library("", problem="there is no compiler")
    library = threads.build(config.cxx, compiler.version, config.compiledir, blas.directory)
    flags = blas_flags(blas.directory, library) if library.name and blas.library is not None else ""
    if flags:
        config.blas.ldflags = flags
        blas.library.scipy_openblas_set_num_threads(1)
        ctypes.CDLL(library.path).recurrent_layers_set_threads_of_products(ctypes.c_long(number_of_threads()))
    return library


def shares_threads(config) -> bool:
    """Whether Theano's matrix products run on the threads of the recurrences."""
    return any(product in config.blas.ldflags for product in threads.PRODUCTS.values())


def number_of_threads() -> int:
    """How many threads may be at work: what the environment says for OpenBLAS, else one a processor."""
    for name in THREADS_VARIABLES:
        value = os.environ.get(name, "")
        if value.isdigit() and int(value) > 0:
            return int(value)
    return _usable_processors()


def _usable_processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def keep_freed_memory(environment) -> bool:
    """Let the C library keep what is freed for what is allocated next, up to 512 MB.

    A training step frees its arrays and allocates the same again a moment later. Where glibc gave them back to the
    system, each page of them is mapped anew, which took a quarter of the time of a large step.

    Parameters
    ----------
    environment : mapping
        Environment variables, such as `os.environ`. Who has set one of glibc's own for this keeps it.

    Returns
    -------
    bool
        Whether that was done.
    """
    is_set = any(name.startswith(("MALLOC_TRIM_", "MALLOC_MMAP_")) for name in environment)
    if is_set or platform.libc_ver()[0] != "glibc":
        return False
    trim_threshold, mmap_threshold = -1, -3
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(mmap_threshold, 32 * 2**20) and mallopt(trim_threshold, 512 * 2**20))


# ---- The report -------------------------------------------------------------------------------------------


def report() -> List[Tuple[str, str]]:
    """Everything that decides how fast Theano runs here, as (name, value) pairs.

    Names repeat: there is one pair for each flag and for each reason why Theano is slow.
    """
    import recurrent_layers
    setup = prepare()
    config = sys.modules["theano"].config
    processor, instructions = _processor()
    processors = _usable_processors()
    core, threads = "", number_of_threads()
    compiler, blas = f"{setup.compiler.path} ({setup.compiler.version})", config.blas.ldflags
    if not config.cxx:
        compiler = "none: " + setup.compiler.problem
    if setup.blas.library is not None:
        setup.blas.library.scipy_openblas_get_corename.restype = ctypes.c_char_p
        core = setup.blas.library.scipy_openblas_get_corename().decode()
        if not shares_threads(config):
            threads = setup.blas.library.scipy_openblas_get_num_threads()
        blas = f"OpenBLAS {_version('scipy-openblas32')}, core type {core}, threads {threads}"
    elif not blas:
        blas = "that of NumPy: " + setup.blas.problem
    recurrences = "scan"
    if config.cxx and not setup.threads.name:
        recurrences = "scan: " + setup.threads.problem
    elif config.cxx:
        recurrences = f"C, threads {number_of_threads()}, flags {' '.join(_flags_of_recurrences())}"
    loop = "C" if config.cxx and sys.modules.get(theano_fixes.SCAN_EXTENSION, True) else "Python"
    rows = [("recurrent_layers", getattr(recurrent_layers, "__version__", "unknown")),
            ("Python", platform.python_version()), ("Theano", _version("Theano")),
            ("NumPy", _version("numpy")), ("SciPy", _version("scipy")), ("platform", platform.platform()),
            ("processor", f"{processor}, {processors} usable"), ("compiler", compiler), ("BLAS", blas),
            ("floatX", config.floatX), ("recurrences", recurrences), ("scan loop", loop),
            ("compiledir", config.compiledir)]
    rows += [("flag of ours", f"{name}={value}") for name, value in setup.ours.items()]
    rows += [("flag of yours", f"{name}={value}") for name, value in setup.user.items()]
    variables = [name for name in ENVIRONMENT_VARIABLES if name in os.environ]
    rows += [("environment", f"{name}={os.environ[name]}") for name in variables]
    reasons = slow_reasons(config, core, threads, processors, instructions)
    return rows + [("slow because", reason) for reason in reasons]


def slow_reasons(config, core: str, threads: int, processors: int, instructions: str) -> List[str]:
    """Say why Theano is slower than it could be on this machine, the worst first.

    Parameters
    ----------
    config : theano.config
    core, threads : str, int
        The core type for which OpenBLAS runs (empty if it is not used), and how many threads may be at work.
    processors, instructions : int, str
        Processors that this process may use, and what they can do, in the words of /proc/cpuinfo.
    """
    reasons = []
    if not config.cxx:
        reasons.append("there is no compiler: everything runs in Python")
    if config.optimizer in ("None", "fast_compile") or config.mode not in ("Mode", "FAST_RUN"):
        reasons.append(f"Theano does not optimise fully: mode={config.mode}, optimizer={config.optimizer}")
    if config.cxx and not config.blas.ldflags:
        reasons.append("matrix products go through NumPy, not through OpenBLAS")
    if core in ("Haswell", "Zen") and "avx512f" in instructions.split():
        reasons.append(f"OpenBLAS takes this processor for a {core}, though it has AVX-512: unset "
                       "OPENBLAS_CORETYPE, or set it to SKYLAKEX if it is not set")
    if threads < processors:
        reasons.append(f"only {threads} of {processors} processors are used: see OPENBLAS_NUM_THREADS and "
                       "OMP_NUM_THREADS")
    if config.floatX == "float64":
        reasons.append("floatX=float64 takes about twice the time of THEANO_FLAGS=floatX=float32")
    if "recurrence_in_c" in config.optimizer_excluding.split(":"):
        reasons.append("recurrences run by scan, because optimizer_excluding says so")
    return reasons


def _flags_of_recurrences() -> List[str]:
    from theano.gof.cmodule import GCC_compiler

    from recurrent_layers.recurrence import COMPILER_FLAGS
    of_processor = [flag for flag in GCC_compiler.compile_args() if flag.startswith("-march")]
    return ["-O3", "-fno-math-errno", *COMPILER_FLAGS, *of_processor]


def _processor() -> Tuple[str, str]:
    try:
        with open("/proc/cpuinfo") as stream:
            first = stream.read().partition("\n\n")[0]
            entries = dict(re.findall(r"^([\w ]+?)\s*: (.*)$", first, re.MULTILINE))
    except OSError:
        entries = {}
    return entries.get("model name") or platform.processor() or platform.machine(), entries.get("flags", "")


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"
