"""Trials with the C++ that the library has compiled under g++'s sanitizers.

``address`` finds what is read or written beside arrays, and what has no defined behaviour; ``thread`` finds what two
threads read and write at once.
"""

import os
import re
import shutil
import subprocess

FLAGS = "-O1 -g -fno-omit-frame-pointer -fsanitize="
KINDS = {"address": "address,undefined", "thread": "thread"}
LIBRARIES = {"address": ("libasan.so", "libubsan.so"), "thread": ("libtsan.so",)}
# The compiler itself runs as ever, and flags that come last win. The name matters to the engines.
COMPILER = '#!/bin/sh\nunset LD_PRELOAD\nexec {compiler} "$@" {flags}\n'


def environment(folder, kind):
    """The variables that let a process compile so, with an empty cache in `folder`."""
    (folder / "g++").write_text(COMPILER.format(compiler=shutil.which("g++"), flags=FLAGS + KINDS[kind]))
    # OpenBLAS waits for its threads by what the sanitizer does not see.
    (folder / "others").write_text("called_from_lib:libscipy_openblas\ncalled_from_lib:libopenblas\n")
    (folder / "g++").chmod(0o700)
    flags = f"cxx={folder / 'g++'},base_compiledir={folder / 'compiled'}"
    return {
        "LD_PRELOAD": " ".join(libraries(kind)), "PYTHONMALLOC": "malloc",
        # Python leaves much behind when it ends.
        "ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
        "TSAN_OPTIONS": f"halt_on_error=1:die_after_fork=0:suppressions={folder / 'others'}",
        **{name: f"{os.environ.get(name, '')},{flags}".lstrip(",") for name in ("THEANO_FLAGS", "PYTENSOR_FLAGS")},
    }  # fmt: skip


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
