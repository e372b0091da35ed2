"""The folder where the engine keeps what it has compiled: one that can be written, with nothing broken in it.

Where many processes begin at once with an empty one, it is filled by one after the other.
"""

import contextlib
import functools
import glob
import os
import shutil
import stat
import struct
import sys
import tempfile
import threading
import time
from typing import Dict, List, Tuple

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

# What the engine compiles of its own when it is imported, each in a folder of its name.
OF_IMPORT = ("cutils_ext", "lazylinker_ext", "scan_perform")
# So many seconds after the last change nobody writes a library any more.
WRITTEN_NOW = 10
# Is there, and not empty, when a training function has been compiled; before that, it is locked by who compiles.
FILLED = "recurrent_layers_filled"


def overrides(engine, user) -> Tuple[Dict[str, str], str]:
    """Flags that must win over the user's, because the folder that they name, or the default, cannot be written.

    Parameters
    ----------
    engine : recurrent_layers.engine.setup.Engine
    user : dict
        The user's flags, by full name.

    Returns
    -------
    dict, str
        The flags, none if all can be written; and what to say about it.
    """
    folders = {"base_compiledir": f"~/.{engine.module}"} if sys.platform != "win32" else {}
    folders.update((flag, user[flag]) for flag in ("base_compiledir", "compiledir") if flag in user)
    flags, complaint = {}, ""
    for flag, folder in folders.items():
        folder = os.path.expanduser(folder)
        problem = _why_not_writable(folder)
        if problem:
            flags[flag] = _own_folder()
            complaint = (f"{folder} cannot be written ({problem}), so {engine.name} keeps what it compiles in "
                         f"{flags[flag]} this time. To keep it for longer, set the flag {flag} to a folder that can.")
        else:
            _remove_broken(folder)
    return flags, complaint


def _why_not_writable(folder: str) -> str:
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def _own_folder() -> str:
    """A folder for temporary files in which nobody else can put anything, the same as last time if possible."""
    folder = os.path.join(tempfile.gettempdir(), f"recurrent_layers-{os.getuid() if hasattr(os, 'getuid') else ''}")
    with contextlib.suppress(OSError):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        found = os.lstat(folder)
        is_own = not hasattr(os, "getuid") or found.st_uid == os.getuid()
        if stat.S_ISDIR(found.st_mode) and is_own and not found.st_mode & 0o077 and not _why_not_writable(folder):
            return folder
    return tempfile.mkdtemp(prefix="recurrent_layers-")


def is_whole(path: str) -> bool:
    """Whether a library ends where it says that it does; one that was cut off crashes who loads it.

    What is not of Linux is taken to be whole.
    """
    with open(path, "rb") as stream:
        header = stream.read(64)
        size = os.fstat(stream.fileno()).st_size
    if not header.startswith(b"\x7fELF\x02") and size >= 64:
        return True
    if size < 64:
        return False
    # The table of sections comes last; the header has its place, the size of an entry and their number.
    order = "<" if header[5] == 1 else ">"
    place, = struct.unpack_from(order + "Q", header, 40)
    entry, number = struct.unpack_from(order + "HH", header, 58)
    return place + entry * number <= size


def _remove_broken(folder: str) -> None:
    """Remove what the engine would load when it is imported, if it was cut off: then it is compiled again."""
    for name in OF_IMPORT:
        for path in _found(folder, "*", name, "*.so") + _found(folder, name, "*.so"):
            if _is_broken(path):
                shutil.rmtree(os.path.dirname(path), ignore_errors=True)


def _found(folder: str, *pattern: str) -> List[str]:
    return glob.glob(os.path.join(glob.escape(folder), *pattern))


def _is_broken(path: str) -> bool:
    """Whether a library was cut off, and is not being written now."""
    try:
        return not is_whole(path) and time.time() - os.path.getmtime(path) > WRITTEN_NOW
    except OSError:
        return False


def compile_again_what_is_broken(engine) -> None:
    """Let the engine compile again what it finds cut off among its modules, as after a full disk or Ctrl-C.

    Parameters
    ----------
    engine : recurrent_layers.engine.setup.Engine
    """
    original = engine.cmodule.ModuleCache.refresh

    @functools.wraps(original)
    def refresh(self, *arguments, **named):
        for path in _found(self.dirname, "*", "*.so"):
            if path not in seen and _is_broken(path):
                os.remove(path)
            seen.add(path)
        # What Ctrl-C has left half noted would be an error each time.
        for name in set(self.module_from_name).difference(self.entry_from_key.values()):
            del self.module_from_name[name]
        return original(self, *arguments, **named)

    @functools.wraps(engine.cmodule.KeyData.add_key)
    def add_key(self, key, *arguments, **named):
        self.keys.discard(key)
        return add_key_once(self, key, *arguments, **named)

    seen, add_key_once = set(), engine.cmodule.KeyData.add_key
    engine.cmodule.ModuleCache.refresh, engine.cmodule.KeyData.add_key = refresh, add_key


def fill_in_turns(engine) -> None:
    """Let this process wait while another one of this host compiles, until a training function has been compiled.

    Else all would compile the same at first, and sleep for seconds whenever they meet. The lock is the system's, and
    ends with who holds it.

    Parameters
    ----------
    engine : recurrent_layers.engine.setup.Engine
    """
    path = os.path.join(str(engine.get("compiledir")), FILLED)
    if fcntl is None or not engine.get("cxx") or hasattr(engine.maker.create, "filled"):
        return
    within = threading.local()
    for name in ("__init__", "create"):
        setattr(engine.maker, name, _in_turn(getattr(engine.maker, name), path, within))


def _in_turn(method, path: str, within):
    @functools.wraps(method)
    def in_turn(maker, *arguments, **named):
        with open(path, "ab") as filled:
            if filled.tell() or getattr(within, "held", False):  # A loop is a function within another.
                return method(maker, *arguments, **named)
            within.held = True
            try:
                with contextlib.suppress(OSError):  # Some file systems have no locks.
                    fcntl.flock(filled, fcntl.LOCK_EX)
                made = method(maker, *arguments, **named)
                if made is not None and any(getattr(one, "update", None) is not None for one in maker.inputs):
                    filled.write(b"1")
                    filled.flush()
                return made
            finally:
                within.held = False
                # Closed here, the file may still be open in the child of a fork, which would keep the lock.
                with contextlib.suppress(OSError):
                    fcntl.flock(filled, fcntl.LOCK_UN)

    in_turn.filled = path
    return in_turn
