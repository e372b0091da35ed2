"""Files that are whole or not there."""

import contextlib
import glob
import hashlib
import os
import stat
import uuid

try:
    import fcntl
except ImportError:  # There is none on Windows.
    fcntl = None


@contextlib.contextmanager
def written_whole(given, overwrite, what):
    """A file to be written, which appears when it is complete; errors as of `weight_files.write`.

    Parameters
    ----------
    given : str
        Its path.
    overwrite : bool
    what : str
        What it holds, for the error message.

    Yields
    ------
    binary file
    """
    filepath = os.path.realpath(given)
    there = os.stat(filepath) if os.path.exists(filepath) else None
    if there is not None and not stat.S_ISREG(there.st_mode):
        raise FileExistsError(f"{filepath} is no file, and is not replaced by one")
    if os.path.islink(given) and there is None:
        raise FileExistsError(f"{given} is a link to {filepath}, which is not there")
    if there is not None and not overwrite:
        raise FileExistsError(f"{filepath} exists already; pass overwrite=True to replace it")
    unfinished = None
    try:
        with _unfinished(filepath, what) as stream:
            unfinished = stream.name
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            if there is not None:
                os.chmod(unfinished, stat.S_IMODE(there.st_mode))
            if fcntl is None:
                stream.close()  # Windows does not move an open file.
            os.replace(unfinished, filepath)
    except BaseException:
        if unfinished is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(unfinished)
        raise


def _unfinished(filepath, what):
    """A new file beside the one that is meant, open, and locked for as long as it is; those of the dead are removed."""
    folder, name = os.path.split(filepath)
    if len(os.fsencode(name)) > 200:  # A name has 255 bytes at the most.
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:32]
    beginning = os.path.join(folder, name)
    for path in glob.glob(glob.escape(beginning) + "." + "[0-9a-f]" * 8 + ".tmp") if fcntl else ():
        with contextlib.suppress(OSError), open(path, "rb") as stream:
            # Who writes holds a lock until its end, be it by a kill.
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
    try:
        stream = open(f"{beginning}.{uuid.uuid4().hex[:8]}.tmp", "x+b")  # noqa: SIM115
    except OSError as error:
        raise type(error)(error.errno, f"cannot save {what}: {error.strerror}", filepath) from error
    if fcntl:
        with contextlib.suppress(OSError):  # Some file systems have no locks.
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return stream
