"""Builds the library of the threads that recurrences and matrix products share (``threads.cpp``)."""

import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import NamedTuple

from recurrent_layers.engine.cache import is_whole

SOURCE = pathlib.Path(__file__).with_name("threads.cpp")
FLAGS = ["-std=c++11", "-O3", "-fPIC", "-shared", "-pthread"]

# What of BLAS goes through the library, instead of the same with "scipy_" in front.
PRODUCTS = {"sgemm_": "recurrent_layers_sgemm_", "dgemm_": "recurrent_layers_dgemm_"}


class Library(NamedTuple):
    """The library, as file `name` in `directory`; without a `name` there is none, and `problem` says why."""

    directory: str
    name: str = ""
    problem: str = ""

    @property
    def path(self) -> str:
        return os.path.join(self.directory, self.file)

    @property
    def file(self) -> str:
        return f"lib{self.name}.{'dylib' if sys.platform == 'darwin' else 'so'}"


def build(compiler: str, version: str, directory: str, blas_directory: str = "") -> Library:
    """Compile the library, unless it is there.

    Parameters
    ----------
    compiler, version : str
        The C++ compiler, and what it says of itself.
    directory : str
        Where the library is put.
    blas_directory : str
        Where the OpenBLAS of scipy-openblas32 is, if matrix products are to go through the library.

    Returns
    -------
    Library
    """
    flags = list(FLAGS)
    if blas_directory:
        flags += ["-DBLAS", f"-L{blas_directory}", "-lscipy_openblas", f"-Wl,-rpath,{blas_directory}"]
    identity = "\n".join([compiler, version, SOURCE.read_text(encoding="utf-8"), *flags])
    library = Library(directory, "recurrent_layers_" + hashlib.sha256(identity.encode()).hexdigest()[:16])
    if os.path.exists(library.path) and is_whole(library.path):
        return library
    try:
        os.makedirs(directory, exist_ok=True)
        # Other processes may do the same now: each writes a file of its own, and then puts it in place.
        with tempfile.TemporaryDirectory(dir=directory) as scratch:
            written = os.path.join(scratch, "library.so")
            if sys.platform == "darwin":  # Else what is linked with it looks for it where it was written.
                flags.append(f"-Wl,-install_name,@rpath/{library.file}")
            # Libraries are looked for in what stands before them.
            subprocess.run([compiler, str(SOURCE), *flags, "-o", written], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)  # fmt: skip
            os.replace(written, library.path)
    except subprocess.CalledProcessError as error:
        said = error.stdout.decode(errors="replace").strip().partition("\n")[0]
        return Library(directory, problem=f"{compiler} could not compile {SOURCE.name}: {said}")
    except OSError as error:
        return Library(directory, problem=f"{SOURCE.name} could not be compiled: {error}")
    return library
