"""Trials with the C++ that the library has compiled under g++'s sanitizers of addresses and of undefined behaviour."""

import os
import re
import shutil
import subprocess

FLAGS = "-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined"
# The compiler itself runs as ever, and flags that come last win. The name matters to the engines.
COMPILER = '#!/bin/sh\nunset LD_PRELOAD\nexec {compiler} "$@" {flags}\n'


def environment(folder):
    """The variables that let a process compile so, with an empty cache in `folder`."""
    (folder / "g++").write_text(COMPILER.format(compiler=shutil.which("g++"), flags=FLAGS))
    (folder / "g++").chmod(0o700)
    flags = f"cxx={folder / 'g++'},base_compiledir={folder / 'compiled'}"
    return {
        "LD_PRELOAD": " ".join(libraries()), "PYTHONMALLOC": "malloc",
        # Python leaves much behind when it ends.
        "ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
        **{name: f"{os.environ.get(name, '')},{flags}".lstrip(",") for name in ("THEANO_FLAGS", "PYTENSOR_FLAGS")},
    }  # fmt: skip


def libraries():
    """The paths of the libraries of g++'s sanitizers; none if there are not both."""
    compiler, found = shutil.which("g++"), []
    for name in ("libasan.so", "libubsan.so") if compiler else ():
        answer = subprocess.run([compiler, f"-print-file-name={name}"], stdout=subprocess.PIPE).stdout.decode().strip()
        found += [answer] if os.path.isabs(answer) else []
    return found if len(found) == 2 else []


def size_of_log(folder):
    """How much a trial has said so far; sanitizers say there what they find."""
    log = folder / "log"
    return log.stat().st_size if log.exists() else 0


def reported(folder, since=0):
    """What sanitizers have found: the first error in the log, and where in the code; "" if nothing."""
    if not size_of_log(folder):
        return ""
    text = (folder / "log").read_bytes()[since:].decode(errors="replace")
    error = re.search(r"ERROR: (AddressSanitizer.*?)(?: on | \(|$)|runtime error: (.*)", text, re.MULTILINE)
    if not error:
        return ""
    places = re.findall(r"#\d+ \w+ in (\S+).*?([^/\s]+:\d+)", text[error.end():])[:3]
    # Without the hashes that the engines put into names.
    where = ", ".join(re.sub("_*m?[0-9a-f]{32,}_*", "_", f"{name} {file}") for name, file in places)
    return f"{error[1] or error[2]} in {where}"
