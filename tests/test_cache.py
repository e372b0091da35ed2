"""The folder of what is compiled: where it is if it cannot be written, and what was cut off in it."""

import os
import pathlib
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time

import pytest

import recurrent_layers
from recurrent_layers import engine
from recurrent_layers.engine import cache, headers

ENGINE = engine.prepare().engine

COMPUTE = """
import sys, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", RuntimeWarning)
    import recurrent_layers
from recurrent_layers import engine
from recurrent_layers.engine import tensor as T
x = T.matrix()
assert engine.function([x], T.exp(x).sum(), mode="FAST_RUN")([[0.0, 0.0]]) == 2
print("computed in", engine.config.compiledir)
print(*[warning.message for warning in caught if issubclass(warning.category, RuntimeWarning)])
"""


def compute(flags, **variables):
    """What a new process says: the folder it has compiled in, and its warnings."""
    environment = dict(os.environ, PYTHONPATH=str(pathlib.Path(recurrent_layers.__file__).parents[1]), **variables)
    environment[ENGINE.flags] = flags
    process = subprocess.run([sys.executable, "-c", COMPUTE], env=environment, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr[-2000:]
    folder, said = process.stdout.split("computed in ")[1].split("\n", 1)
    return folder, said.strip()


@pytest.fixture
def unwritable(tmp_path):
    """A path that is no folder, which not even root can write in."""
    (tmp_path / "file").write_text("")
    return str(tmp_path / "file" / "compiled")


@pytest.mark.parametrize("flag", ["base_compiledir", "compiledir", None])
def test_a_folder_that_cannot_be_written(flag, unwritable, tmp_path):
    flags = f"cxx=,{flag}={unwritable}" if flag else "cxx="
    folder, said = compute(flags, TMPDIR=str(tmp_path), HOME=unwritable)
    own = next(tmp_path.glob("recurrent_layers-*"))
    assert folder.startswith(str(own)) and stat.S_IMODE(own.stat().st_mode) == 0o700
    assert f"{unwritable}" in said and f"keeps what it compiles in {own} this time" in said
    assert f"set the flag {flag or 'base_compiledir'} to a folder" in said
    assert compute(flags, TMPDIR=str(tmp_path), HOME=unwritable) == (folder, said), "the same again"


def test_a_folder_that_can(tmp_path):
    folder, said = compute(f"cxx=,base_compiledir={tmp_path}/new")
    assert folder.startswith(f"{tmp_path}/new") and said == ""


@pytest.mark.parametrize("kind", ["open to others", "link", "file"])
def test_a_folder_that_others_can_fill_is_not_ours(kind, tmp_path, monkeypatch):
    """What is compiled is run, so it must not be anybody else's."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = pathlib.Path(cache._own_folder())
    assert folder.parent == tmp_path and cache._own_folder() == str(folder)
    if kind == "open to others":
        folder.chmod(0o777)
    else:
        folder.rmdir()
        folder.symlink_to(tmp_path) if kind == "link" else folder.write_text("")
    other = cache._own_folder()
    assert other != str(folder) and stat.S_IMODE(os.stat(other).st_mode) == 0o700


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compiled")
    compute(f"base_compiledir={folder}")
    return folder


LIBRARIES = ("*/librecurrent_layers_*.so", "*/lazylinker_ext/*.so", "*/cutils_ext/*.so", "*/tmp*/*.so")


@pytest.mark.skipif(not engine.config.cxx or not sys.platform.startswith("linux"), reason="nothing is compiled to ELF")
@pytest.mark.parametrize("share", [0, 0.5, 0.95])
def test_what_was_cut_off_is_compiled_again(share, compiled, tmp_path):
    """As a full disk or a crash leaves it. An hour ago, for what is being written now is left alone."""
    folder = tmp_path / "compiled"
    shutil.copytree(str(compiled), str(folder), symlinks=True)
    for pattern in (*LIBRARIES, "precompiled_headers_*/*.gch"):
        found = list(folder.glob(pattern))
        assert found or "cutils" in pattern, pattern  # Without any Python 2, Theano has no need of it.
        for path in found:
            os.truncate(str(path), int(share * path.stat().st_size))
            os.utime(str(path), (1e9, 1e9))
            assert path.suffix == ".gch" or cache._is_broken(str(path))
    assert compute(f"base_compiledir={folder}")[1] == ""
    for pattern in LIBRARIES:
        assert all(cache.is_whole(str(path)) for path in folder.glob(pattern))
    assert all(headers._is_whole(str(path)) for path in folder.glob("precompiled_headers_*/*.h"))


@pytest.mark.skipif(cache.fcntl is None, reason="there are no locks of files")
def test_the_child_of_a_fork_keeps_nobody_waiting_who_compiles(tmp_path):
    """Another thread may fork while this one compiles; such as a worker, which lives longer than that takes."""
    children, path = [], str(tmp_path / cache.FILLED)

    def compile_and_fork(maker):
        children.append(os.fork())
        if not children[0]:
            time.sleep(60)
            os._exit(0)

    cache._in_turn(compile_and_fork, path, threading.local())(None)
    try:
        with open(path, "ab") as filled:
            cache.fcntl.flock(filled, cache.fcntl.LOCK_EX | cache.fcntl.LOCK_NB)
    finally:
        os.kill(children[0], signal.SIGKILL)
        os.waitpid(children[0], 0)


def test_what_is_whole(compiled, tmp_path):
    path = next(compiled.glob("*/tmp*/*.so"))
    assert cache.is_whole(str(path)) and not cache._is_broken(str(path))
    half = tmp_path / "half.so"
    half.write_bytes(path.read_bytes()[:-1])
    assert not cache.is_whole(str(half)) and not cache._is_broken(str(half)), "it may be being written"
    other = tmp_path / "other.so"
    other.write_bytes(b"\xcf\xfa\xed\xfe" + bytes(100))
    assert cache.is_whole(str(other)), "not of Linux"
