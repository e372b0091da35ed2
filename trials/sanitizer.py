"""Trials with the C++ that the library has compiled under g++'s sanitizers.

``address`` finds what is read or written beside arrays, and what has no defined behaviour; ``thread`` finds what two
threads read and write at once.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig

FLAGS = "-O1 -g -fno-omit-frame-pointer -fsanitize="
KINDS = {"address": "address,undefined", "thread": "thread"}
LIBRARIES = {"address": ("libasan.so", "libubsan.so"), "thread": ("libtsan.so",)}
# The compiler itself runs as ever, and flags that come last win. The name matters to the engines.
COMPILER = '#!/bin/sh\nunset LD_PRELOAD\nexec {compiler} "$@" {flags}\n'
#: Those of scipy-openblas32, SciPy and NumPy: each of these may be in the path of one library only.
OPENBLAS = ("scipy_openblas32/lib/libscipy_openblas.so", "scipy.libs/libscipy_openblas", "numpy.libs/libopenblas")
# The sanitizer of threads has to be there from the beginning of a program: it cannot be loaded into one.
MAIN = "#include <Python.h>\nint main(int argc, char** argv) { return Py_BytesMain(argc, argv); }\n"


def environment(folder, kind):
    """The variables that let a process compile so, with an empty cache in `folder`."""
    (folder / "g++").write_text(COMPILER.format(compiler=shutil.which("g++"), flags=FLAGS + KINDS[kind]))
    # OpenBLAS waits for its threads by what the sanitizer does not see.
    (folder / "others").write_text("".join(f"called_from_lib:{name}\n" for name in OPENBLAS))
    (folder / "g++").chmod(0o700)
    flags = f"cxx={folder / 'g++'},base_compiledir={folder / 'compiled'}"
    return {
        "LD_PRELOAD": " ".join(libraries(kind)) if kind == "address" else "", "PYTHONMALLOC": "malloc",
        # Python leaves much behind when it ends.
        "ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
        "TSAN_OPTIONS": f"halt_on_error=1:die_after_fork=0:suppressions={folder / 'others'}",
        "UCX_MEM_EVENTS": "n",  # What MPI hooks into the system, it would call before the sanitizer knows a thread.
        **{name: f"{os.environ.get(name, '')},{flags}".lstrip(",") for name in ("THEANO_FLAGS", "PYTENSOR_FLAGS")},
    }  # fmt: skip


def python(folder, kind):
    """The Python to run with :func:`environment`, which has what this one has."""
    if kind != "thread":
        return sys.executable
    program = folder / "python" / "bin" / "python"
    program.parent.mkdir(parents=True)
    (folder / "python" / "lib").symlink_to(os.path.join(sys.prefix, "lib"))
    (folder / "python" / "pyvenv.cfg").write_text(f"home = {os.path.join(sys.base_prefix, 'bin')}\n")
    (folder / "main.cpp").write_text(MAIN)
    of_python = sysconfig.get_config_var
    directory = of_python("LIBDIR" if of_python("Py_ENABLE_SHARED") else "LIBPL")
    version = of_python("LDVERSION")
    subprocess.run([shutil.which("g++"), "main.cpp", "-fsanitize=thread", f"-I{sysconfig.get_path('include')}",
                    "-rdynamic", f"-L{directory}", f"-Wl,-rpath,{directory}", f"-lpython{version}",
                    *f"{of_python('LIBS')} {of_python('SYSLIBS')}".split(), "-o", program],
                   cwd=folder, check=True)  # fmt: skip
    return str(program)


def libraries(kind="address"):
    """The paths of the libraries of g++'s sanitizers of this kind; none if there are not all."""
    compiler, found = shutil.which("g++"), []
    for name in LIBRARIES[kind] if compiler else ():
        answer = subprocess.run([compiler, f"-print-file-name={name}"], stdout=subprocess.PIPE).stdout.decode().strip()
        found += [answer] if os.path.isabs(answer) else []
    return found if len(found) == len(LIBRARIES[kind]) else []


def size_of_log(folder):
    """How much a trial has said so far; sanitizers say there what they find."""
    log = folder / "log"
    return log.stat().st_size if log.exists() else 0


def reported(folder, since=0):
    """What sanitizers have found: the first error in the log, and where in the code; "" if nothing."""
    if not size_of_log(folder):
        return ""
    text = (folder / "log").read_bytes()[since:].decode(errors="replace")
    error = re.search(r"(?:ERROR|WARNING): ((?:Address|Thread)Sanitizer.*?)(?: on | \(|$)|runtime error: (.*)", text,
                      re.MULTILINE)  # fmt: skip
    if not error:
        return ""
    places = re.findall(r"#\d+ \w+ in (\S+).*?([^/\s]+:\d+)", text[error.end():])[:3]
    # Without the hashes that the engines put into names.
    where = ", ".join(re.sub("_*m?[0-9a-f]{32,}_*", "_", f"{name} {file}") for name, file in places)
    return f"{error[1] or error[2]} in {where}"
