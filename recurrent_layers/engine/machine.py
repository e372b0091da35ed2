"""What this machine has: compiler, BLAS, processors, memory. It knows nothing of the engine that uses them."""
import contextlib
import ctypes
import importlib.util
import math
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from importlib import metadata
from typing import NamedTuple, Optional, Tuple

from recurrent_layers.engine import threads

# What the engine's C code calls where it links with blas.ldflags. In scipy-openblas32 each begins with "scipy_".
BLAS_SYMBOLS = [kind + routine + "_" for routine in ("gemm", "gemv", "ger", "dot", "axpy") for kind in "sd"]
BLAS_SYMBOLS += ["openblas_get_num_threads", "openblas_set_num_threads", "goto_set_num_threads"]

# The first that is set counts, for OpenBLAS too.
THREADS_VARIABLES = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
# In which MPICH and Open MPI say how many processes they have started on this machine.
RANKS_VARIABLES = ("MPI_LOCALNRANKS", "OMPI_COMM_WORLD_LOCAL_SIZE")
# For the loops of recurrences, beside -O3 and -fno-math-errno. NaN and infinity stay what they are. Sums over columns
# may be made with vectors where a loop says so (#pragma omp simd).
LOOPS_FLAGS = ["-fno-trapping-math", "-fopenmp-simd"]
INSTALL_COMPILER = ("Debian, Ubuntu: apt install g++ python3-dev; Fedora: dnf install gcc-c++ python3-devel; "
                    "macOS: xcode-select --install; Windows with conda: conda install m2w64-toolchain")


class Compiler(NamedTuple):
    """The C++ compiler of the engine; without a `path` there is none, and `problem` says why."""

    path: str
    version: str = ""
    problem: str = ""


class Blas(NamedTuple):
    """The BLAS we offer to the engine; without `flags` there is none, and `problem` says why."""

    flags: str
    library: Optional[ctypes.CDLL] = None
    problem: str = ""
    directory: str = ""


# ---- Compiler and BLAS ------------------------------------------------------------------------------------


def find_compiler(user) -> Compiler:
    """Find the compiler as Theano and PyTensor do: what the flag `cxx` says, else g++, or clang++ where it is usual."""
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
    """Load the OpenBLAS of scipy-openblas32 and find the flags that link the engine's modules with it."""
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
        return Blas("", problem="a BLAS cannot be in a directory of this name: " + directory)
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


def blas_flags(directory: str, library: Optional[threads.Library] = None) -> str:
    """Value of `blas.ldflags` for the OpenBLAS in `directory`; empty if the engine could not parse it.

    With a `library` of threads, matrix products go through that.
    """
    directories = [library.directory, directory] if library else [directory]
    if any(re.search(r"""[\s,"'\\]""", name) for name in directories):
        return ""
    names = [library.name, "scipy_openblas"] if library else ["scipy_openblas"]
    products = threads.PRODUCTS if library else {}
    flags = [f"-L{name}" for name in directories]  # The engine itself adds -Wl,-rpath for each
    flags += [f"-l{name}" for name in names]
    return " ".join(flags + [f"-D{symbol}={products.get(symbol, 'scipy_' + symbol)}" for symbol in BLAS_SYMBOLS])


# ---- Processors and memory --------------------------------------------------------------------------------


def number_of_threads() -> int:
    """How many threads may be at work: what the environment says for OpenBLAS, at most one a processor.

    Processes that MPI has started on this machine share its processors.
    """
    processors = usable_processors()
    for name in THREADS_VARIABLES:
        value = os.environ.get(name, "").partition(",")[0].strip()  # Those after it are for threads within threads.
        with contextlib.suppress(ValueError):  # Python refuses thousands of digits, too.
            if value.isdecimal() and int(value) > 0:
                return min(int(value), processors)
    for name in RANKS_VARIABLES:
        ranks = os.environ.get(name, "")
        if ranks.isdecimal() and len(ranks) < 9:
            # Those of who has started it, since MPI may have given it some of them already.
            processors = min(processors, max(1, usable_processors(os.getppid()) // max(1, int(ranks))))
    return processors


@contextlib.contextmanager
def one_thread_in_children():
    """Within this, processes that are started use one thread, for any BLAS."""
    variables = {"OMP_NUM_THREADS", "MKL_NUM_THREADS", *THREADS_VARIABLES}
    before = {name: os.environ[name] for name in variables if name in os.environ}
    os.environ.update(dict.fromkeys(variables, "1"))
    try:
        yield
    finally:
        for name in variables:
            os.environ.pop(name, None)
        os.environ.update(before)


def usable_processors(process: int = 0) -> int:
    """Those on which a process may run, by default this one."""
    return len(os.sched_getaffinity(process)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# The limit of a container's memory, what is used of it, and of what: of both kinds of control groups.
CGROUPS = (("memory.max", "memory.current", "memory.stat"),
           ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"))  # fmt: skip


def available_memory() -> float:
    """Bytes that may still be taken, on this machine and in the container that this runs in; infinite if not known."""
    found = []
    with contextlib.suppress(OSError, AttributeError):
        kilobytes = re.search(r"^MemAvailable:\s*(\d+) kB", _read("/proc/meminfo"), re.MULTILINE)[1]
        found.append(1024 * int(kilobytes))
    for names in CGROUPS:
        with contextlib.suppress(OSError, ValueError):  # Where there is no limit, it is "max".
            limit, used, statistics = (_read("/sys/fs/cgroup/" + name) for name in names)
            # What is kept of files that were read is given back when it is needed.
            files = re.findall(r"^(?:total_)?inactive_file (\d+)", statistics, re.MULTILINE)
            found.append(int(limit) - int(used) + max(map(int, files), default=0))
    return min(found, default=math.inf)


def _read(path: str) -> str:
    with open(path) as stream:
        return stream.read()


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


def processor() -> Tuple[str, str]:
    try:
        with open("/proc/cpuinfo") as stream:
            first = stream.read().partition("\n\n")[0]
            entries = dict(re.findall(r"^([\w ]+?)\s*: (.*)$", first, re.MULTILINE))
    except OSError:
        entries = {}
    return entries.get("model name") or platform.processor() or platform.machine(), entries.get("flags", "")


def version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"
