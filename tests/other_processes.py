"""Processes of their own, for what may take one down or needs other flags."""

import os
import subprocess
import sys
import textwrap


def said(code, **named):
    """What a new process of Python prints; it must end well."""
    process = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, **named)
    assert process.returncode == 0, (process.returncode, process.stderr[-2000:])
    return process.stdout.strip()


def compiling(excluding="none"):
    """The environment of a process that compiles, and has two threads."""
    flags = f",mode=FAST_RUN,optimizer_excluding={excluding}"
    return dict(os.environ, OPENBLAS_NUM_THREADS="2",
                **{name: os.environ[name] + flags for name in ("THEANO_FLAGS", "PYTENSOR_FLAGS")})  # fmt: skip
