"""Compiles once what all C modules of an engine include."""

import functools
import hashlib
import os
import subprocess
import sys
import tempfile

import numpy

# What most modules include, beside the engine's own header; g++ spends more than half of its time on it.
HEADERS = ("Python.h", "iostream", "math.h", "numpy/arrayobject.h", "numpy/arrayscalars.h", "vector", "algorithm")


def precompile(engine):
    """Let g++ read the headers that all modules include from a precompiled one: half the time.

    Parameters
    ----------
    engine : recurrent_layers.engine.setup.Engine
    """
    original = engine.cmodule.GCC_compiler.compile_str

    @functools.wraps(original)
    def compile_str(module_name, src_code, location=None, include_dirs=None, lib_dirs=None, libs=None,
                    preargs=None, **named):
        preargs = list(preargs or [])
        if _helper(engine) in src_code and "-O3" in preargs:
            # -g0 before the user's flags, so that a -g of theirs wins.
            preargs = ["-g0"] + preargs
            # Warnings and the names of BLAS routines do not matter to it.
            header = _precompiled_header(engine, tuple(flag for flag in preargs if flag[:2] not in ("-W", "-D")
                                                       or flag.startswith("-DNPY")))
            preargs += ["-include", header] if header else []
        return original(module_name, src_code, location, include_dirs, lib_dirs, libs, preargs, **named)

    engine.cmodule.GCC_compiler.compile_str = staticmethod(compile_str)


def _helper(engine):
    """The engine's own header."""
    return engine.module + "_mod_helper.h"


@functools.lru_cache(maxsize=None)
def _precompiled_header(engine, flags):
    """The path of a header that is there precompiled for these flags; None if that is not possible.

    Where g++ finds that it does not fit, it reads the plain header beside it.
    """
    cxx = engine.config.cxx
    text = "".join(f"#include <{header}>\n" for header in (HEADERS[0], _helper(engine), *HEADERS[1:]))
    directories = [f"-I{directory}" for directory in engine.cmodule.std_include_dirs()]
    try:
        version = subprocess.run([cxx, "--version"], stdout=subprocess.PIPE, check=True).stdout.decode()
        if "Free Software Foundation" not in version:
            return None  # Clang, also where it is called g++, fails on a header that does not fit.
        # g++ does not look whether the headers within have changed.
        identity = "\n".join([cxx, version, sys.version, numpy.__version__,
                              sys.modules[engine.module].__version__, text, *directories, *flags])
        folder = os.path.join(engine.config.base_compiledir,
                              "precompiled_headers_" + hashlib.sha256(identity.encode()).hexdigest()[:16])
        header = os.path.join(folder, "engine_headers.h")
        if not _is_whole(header):
            os.makedirs(folder, exist_ok=True)
            # Other processes may do the same now: each writes files of its own, and then puts them in place.
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                plain, compiled = os.path.join(scratch, "plain.h"), os.path.join(scratch, "compiled.gch")
                with open(plain, "w") as stream:
                    stream.write(text)
                subprocess.run([cxx, "-g", *flags, "-fvisibility=hidden", *directories, "-x", "c++-header", plain,
                                "-o", compiled], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
                with open(plain, "a") as stream:
                    stream.write(f"// {os.path.getsize(compiled)}")
                os.replace(compiled, header + ".gch")
                os.replace(plain, header)
    except (OSError, subprocess.CalledProcessError):
        return None
    return header


def _is_whole(header):
    """Whether the precompiled header is as long as the plain one says; g++ fails on one that was cut off."""
    try:
        with open(header) as stream:
            return os.path.getsize(header + ".gch") == int(stream.read().rpartition("// ")[2])
    except (OSError, ValueError):
        return False
