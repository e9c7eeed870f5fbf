"""Decoded images in a mapped file, which later runs and other processes use again while the images stay as they are."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.data.decoding import decode_images
from uhd.data.problems import BAD_IMAGE, Report
from uhd.errors import UserError
from uhd.files import save_atomic

_MAGIC = b"UHDCACH2"
_HEADER = struct.Struct("<8sQQ")  # magic, bytes of pixels, bytes of the index behind them
Pixels = NDArray[np.uint8]


def default_folder() -> Path:
    """Return the folder where the platform keeps caches of programs, for mapped files."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        return base / "uhd" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "uhd"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uhd"


def map_images(
    paths: Sequence[Path], size: tuple[int, int], mode: str, report: Report, folder: Path, progress: bool
) -> tuple[Pixels, NDArray[np.int64], Path]:
    """Return pixels, index (n, 6) and file of the images decoded, from the file of an earlier run where it fits.

    Processes that start together wait for the first of them to write the file.

    Args:
        paths: image files.
        size: network size (h, w).
        mode: resize mode.
        report: receives unreadable files.
        folder: of the mapped file.
        progress: show a bar on a terminal.

    Raises:
        UserError: the file cannot be written, or an image is unreadable and the report is strict.
    """
    path, key = _file_name(paths, size, mode, folder), _content_key(paths, size, mode)
    found = _open(path, key)
    if found is None:
        with _one_at_a_time(path):
            found = _open(path, key)  # another process may have been quicker
            if found is None:
                save_atomic(path, lambda temporary: _write(temporary, key, paths, size, mode, report, progress))
                written = _open(path, key)
                if written is None:
                    raise UserError(f"{path}: changed while it was written: run again, or use --cache ram")
                return written[0], _index(written[1]), path
    for message in found[1]["unreadable"]:
        report.problem(BAD_IMAGE, message)
    return found[0], _index(found[1]), path


def map_again(path: Path) -> Pixels:
    """Return the pixels of a file that was mapped before, in another process."""
    with path.open("rb") as file:
        length = int(_HEADER.unpack(file.read(_HEADER.size))[1])
    return _map(path, length)


def _index(content: dict[str, Any]) -> NDArray[np.int64]:
    return np.array(content["index"], np.int64).reshape(-1, 6)


@contextlib.contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Hold a lock on the folder; it ends with the process, however that ends. Windows writes twice instead."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise UserError(f"{path}: could not be saved: {error.strerror}; name a folder with --cache-dir") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _write(
    temporary: Path,
    key: str,
    paths: Sequence[Path],
    size: tuple[int, int],
    mode: str,
    report: Report,
    progress: bool,
) -> None:
    with temporary.open("wb") as file:
        file.write(bytes(_HEADER.size))
        index, unreadable = decode_images(
            paths, size, mode, report, progress, lambda pixels: file.write(np.ascontiguousarray(pixels).data)
        )
        data = file.tell() - _HEADER.size
        content = json.dumps({"key": key, "index": index.tolist(), "unreadable": unreadable}).encode()
        file.write(content)
        file.seek(0)
        file.write(_HEADER.pack(_MAGIC, data, len(content)))


def _map(path: Path, length: int) -> Pixels:
    return np.memmap(path, np.uint8, "r", _HEADER.size, (length,)).view(np.ndarray) if length else np.empty(0, np.uint8)


def _open(path: Path, key: str) -> tuple[Pixels, dict[str, Any]] | None:
    """Return pixels and index of a cache file, or None when it is missing, truncated, foreign or stale."""
    if not path.is_file() or path.stat().st_size < _HEADER.size:
        return None
    with path.open("rb") as file:
        magic, data, length = _HEADER.unpack(file.read(_HEADER.size))
        if magic != _MAGIC or path.stat().st_size != _HEADER.size + data + length:
            return None
        file.seek(_HEADER.size + data)
        try:
            content: dict[str, Any] = json.loads(file.read())
        except ValueError:
            return None
    if content.get("key") != key:
        return None
    return _map(path, data), content


def _file_name(paths: Sequence[Path], size: tuple[int, int], mode: str, folder: Path) -> Path:
    """One file per list of images and settings, so that a stale one is replaced and never piles up."""
    digest = hashlib.sha256(repr((size, mode)).encode())
    for path in paths:
        digest.update(f"{path.absolute()}\n".encode("utf-8", "surrogateescape"))
    return folder / f"{digest.hexdigest()[:24]}.uhdcache"


def _content_key(paths: Sequence[Path], size: tuple[int, int], mode: str) -> str:
    """Hash of path, size and modification time of every image, of the settings and of the decoder's version."""
    digest = hashlib.sha256(repr((size, mode, cv2.__version__)).encode())
    for path in paths:
        try:
            status = path.stat()
            stamp = f"{status.st_size} {status.st_mtime_ns}"
        except OSError:
            stamp = "missing"
        digest.update(f"{path.absolute()} {stamp}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
