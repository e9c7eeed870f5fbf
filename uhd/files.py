"""Write files so that they are either whole or not there."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

from uhd.errors import UserError, reason_of

_STALE_SECONDS = 3600.0


def save_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Write under a temporary name in the same folder, sync, then rename.

    Args:
        path: final name; its folder is created.
        write: receives the temporary path and writes the content.

    Raises:
        UserError: the disk is full or the folder cannot be written; nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(path)
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        # Some writers make private files; this one gets the mode that any other new file has here.
        temporary.chmod(_new_file_mode(temporary.with_name(f"{temporary.name}.mode")))
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        # What the system says of the temporary name is true of the other, too.
        own = error.filename is None or str(error.filename).startswith(str(temporary))
        raise UserError(
            f"{path}: could not be saved: {(error.strerror or error) if own else reason_of(error)}"
        ) from None
    except RuntimeError as error:
        # Some writers, such as esp-ppq's, report a failed write so.
        raise UserError(f"{path}: could not be saved: {str(error).splitlines()[0]}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def real_path(path: Path) -> Path:
    """Return the absolute path without links; unlike ``Path.resolve``, it says nothing of links that go in circles."""
    return Path(os.path.realpath(path))


def save_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all; file names that are no text go through as they are.

    Raises:
        UserError: see :func:`save_atomic`.
    """
    save_atomic(path, lambda temporary: temporary.write_text(text, encoding="utf-8", errors="surrogateescape"))


def save_text_soon(path: Path, text: str) -> None:
    """Write a text file whole or not at all, as :func:`save_text`, without waiting for the disk.

    For one of thousands of files that the same command makes again. A file that holds the text already stays.

    Raises:
        UserError: the file cannot be written.
    """
    save_bytes_soon(path, text.encode("utf-8", "surrogateescape"))


def save_bytes_soon(path: Path, data: bytes) -> None:
    """Write bytes as :func:`save_text_soon` writes a text.

    Raises:
        UserError: the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (path.is_file() and path.read_bytes() == data):
            temporary.write_bytes(data)
            temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise UserError(f"{path}: could not be saved: {error.strerror or error}") from None


def check_place(folder: Path, flag: str) -> None:
    """Refuse a folder in which nothing can be written, before anything is done.

    Raises:
        UserError: a file is in its place, or its owner keeps it for himself.
    """
    for place in (folder, *folder.parents):
        if place.is_file():
            raise UserError(f"{place}: is a file; name a folder with {flag}")
    there = next((place for place in (folder, *folder.absolute().parents) if place.is_dir()), None)
    if there is not None and not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"{there}: nothing can be written there; name a folder with {flag}")


def free_name(path: Path, between: str) -> Path:
    """Return the path with the first number behind it that is free: ``a.old-1`` of ``a`` and ``.old-``."""
    number = 1
    while (place := path.with_name(f"{path.name}{between}{number}")).exists():
        number += 1
    return place


def _remove_stale(path: Path) -> None:
    """Remove what writers of this file that were killed have left: temporary files of processes that are gone."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.tmp*"):
        found = re.search(r"\.(\d+)(?:-\d+)?\.tmp", left.name)
        with contextlib.suppress(OSError):
            # An hour, because a folder may be shared with machines whose processes are not seen from here.
            if found and not _is_alive(int(found.group(1))) and time.time() - left.stat().st_mtime > _STALE_SECONDS:
                left.unlink()


def _is_alive(process: int) -> bool:
    if os.name != "posix":
        return True  # there, asking a process whether it lives would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _new_file_mode(probe: Path) -> int:
    """Return the mode of a new file, without touching the process's umask: other threads make files, too."""
    with probe.open("xb"):
        mode = probe.stat().st_mode & 0o777
    probe.unlink()
    return mode


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut, where the system can."""
    with contextlib.suppress(OSError):  # Windows opens no folders; some file systems sync none
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
