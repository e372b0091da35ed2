"""Files of data, from ``~/.keras/datasets`` or else from where they can be had."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import sys
import tarfile
import tempfile
import zlib
from typing import Any

from recurrent_layers.elsewhere import classes_elsewhere
from recurrent_layers.typing import Path
from recurrent_layers.utils.arguments import as_path, flag, shown, text
from recurrent_layers.utils.generic_utils import Progbar

__all__ = ["ParanoidURLopener", "Progbar", "get_file"]

(ParanoidURLopener,) = classes_elsewhere(__name__, "ParanoidURLopener", instead="get_file downloads without it")


def get_file(fname: Path, origin: str, untar: bool = False, *, md5_hash: str | None = None) -> str:
    """The path of a file in ``~/.keras/datasets``, which is downloaded if it is not there.

    Parameters
    ----------
    fname : str
        Its name there, or an absolute path.
    origin : str
        Where it is downloaded from: a URL (http, https, ftp).
    untar : bool
        Whether what is downloaded is a tar with a folder `fname` in it. It is kept as ``fname.tar.gz``, and unpacked
        beside that unless the folder is there.
    md5_hash : str, optional
        The file's MD5, 32 hexadecimal digits, which is checked if it is given, of a file that was there, too.

    Returns
    -------
    str
        The path of the file, or of the folder.

    Raises
    ------
    FileNotFoundError
        If it is not there and cannot be downloaded. The message says which file is expected where, and where it can
        be had; and how to install pooch, which downloads, if that is missing.
    ValueError
        If an argument is none of these, the hash is another one, or the tar is broken, would write elsewhere, or has
        no such folder.
    OSError
        If the file cannot be written.

    Notes
    -----
    A file appears under its name when it is complete, and a folder when it is unpacked.
    """
    fname, origin, untar = as_path("fname", fname), text("origin", origin), flag("untar", untar)
    if md5_hash is not None and not re.fullmatch("[0-9a-fA-F]{32}", text("md5_hash", md5_hash)):
        raise ValueError(f"md5_hash must be 32 hexadecimal digits, got {shown(md5_hash)}")
    folder = os.path.join(os.path.expanduser("~"), ".keras", "datasets")
    wanted = os.path.join(folder, fname)
    path = wanted + ".tar.gz" if untar else wanted
    if untar and os.path.exists(wanted):
        return wanted
    if os.path.isdir(path):
        raise ValueError(f"{path} is a folder, not a file; pass untar=True if it was unpacked from one")
    if not os.path.exists(path):
        _download(origin, path, md5_hash)
    elif md5_hash is not None and _md5(path) != md5_hash.lower():
        raise ValueError(f"{path} has the MD5 {_md5(path)} instead of {md5_hash}: move it away, and it is downloaded "
                         f"again from {origin}")
    if untar:
        _unpack(path, wanted, origin)
    return wanted


def _md5(path: str) -> str:
    digest = hashlib.md5()
    with open(path, "rb") as stream:
        for piece in iter(lambda: stream.read(2**20), b""):
            digest.update(piece)
    return digest.hexdigest()


def _download(origin: str, path: str, md5_hash: str | None) -> None:
    """Download a file; it appears when it is complete, and has the right hash."""
    expected = f"{path} is not there, nor could it be downloaded from {origin}"
    try:
        import pooch
    except ImportError as error:
        raise FileNotFoundError(f"{expected}, for which pooch is missing: pip install pooch, or put the file there "
                                "yourself") from error
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    print(f"downloading {origin} to {path}", file=sys.stderr)
    logger = pooch.get_logger()
    level = logger.level
    by_http = pooch.HTTPDownloader(progressbar=True, chunk_size=2**16, hooks={"response": _to_its_end})
    try:
        logger.setLevel("WARNING")  # It would recommend to give a hash, which scripts cannot.
        pooch.retrieve(origin, md5_hash and f"md5:{md5_hash.lower()}", name, folder, progressbar=True,
                       downloader=by_http if origin.startswith(("http:", "https:")) else None)
    except (OSError, ValueError) as error:
        # Those of the network are OSErrors; a wrong hash is a ValueError alone.
        if "hash" in str(error) and not isinstance(error, OSError):
            raise ValueError(f"what was downloaded from {origin} for {path} has another MD5 than {md5_hash}, and was "
                             f"not kept: {error}") from error
        if getattr(error, "filename", None) is not None:
            raise
        raise FileNotFoundError(f"{expected}: {error}; put the file there yourself, or try again where there is a "
                                "network") from error
    finally:
        logger.setLevel(level)


def _to_its_end(response: Any, *args: Any, **kwargs: Any) -> None:
    """Let a response raise if it ends early; urllib3 does so by itself since 2.0 only."""
    response.raw.enforce_content_length = True


def _unpack(archive: str, wanted: str, origin: str) -> None:
    """Unpack a tar beside itself; a folder appears when it is complete."""
    folder, name = os.path.split(wanted)
    with tempfile.TemporaryDirectory(dir=folder, prefix=name + ".") as unfinished:
        try:
            with tarfile.open(archive, "r:*") as tar:
                if hasattr(tarfile, "data_filter"):
                    tar.extractall(unfinished, filter="data")
                else:
                    _extract_files(tar, unfinished)
        except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            why = " ".join(str(error).split())
            raise ValueError(f"{archive} is broken, or would write where it must not, and was not unpacked: {why}; "
                             f"remove it, and it is downloaded again from {origin}") from error
        unpacked = os.listdir(unfinished)
        if name not in unpacked:
            raise ValueError(f"{archive} has no folder {name}, but {', '.join(map(repr, unpacked[:20])) or 'nothing'}")
        # That which is asked for comes last: where it is, all are.
        for entry in sorted(unpacked, key=lambda entry: entry == name):
            target = os.path.join(folder, entry)
            try:
                if not os.path.lexists(target):
                    os.replace(os.path.join(unfinished, entry), target)
            except OSError:
                if not os.path.lexists(target):  # Else another process was faster.
                    raise


def _extract_files(tar: tarfile.TarFile, folder: str) -> None:
    """What ``extractall(folder, filter="data")`` does for files and folders, for a Python that has no filters.

    Raises
    ------
    tarfile.TarError
        If there is anything else in it, or something that would stand outside the folder.
    """
    for member in tar:
        parts = member.name.replace("\\", "/").split("/")
        if ".." in parts or os.path.isabs(member.name) or ":" in parts[0] or not (member.isfile() or member.isdir()):
            raise tarfile.TarError(f"{member.name} is no file within the folder")
        path = os.path.join(folder, *parts)
        os.makedirs(path if member.isdir() else os.path.dirname(path), exist_ok=True)
        source = tar.extractfile(member)
        if source is not None:  # It is no folder.
            with source, open(path, "wb") as target:
                shutil.copyfileobj(source, target)
