"""Every image decoded once into one contiguous uint8 buffer, in memory or in a mapped file."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from uhd.data.problems import BAD_IMAGE, Report
from uhd.data.reduction import reduce_image
from uhd.errors import UserError
from uhd.files import save_atomic
from uhd.read import UnreadableImage, read_image
from uhd.resize import resize_image

_MAGIC = b"UHDCACH2"
_HEADER = struct.Struct("<8sQQ")  # magic, bytes of pixels, bytes of the index behind them
_MEMORY_SHARE = 0.8
Pixels = NDArray[np.uint8]


class ImageStore(Protocol):
    """Decoded images by index.

    Attributes:
        shapes: (n, 2) int64, height and width as handed out; (0, 0) where the file could not be read.
        originals: (n, 2) int64, height and width of the file.
    """

    shapes: NDArray[np.int64]
    originals: NDArray[np.int64]

    def __getitem__(self, index: int) -> Pixels:
        """Return a (H, W, 3) RGB image, read-only."""
        ...

    def network_input(self, index: int, size: tuple[int, int], mode: str) -> Pixels:
        """Return the image at network size, (h, w, 3), as deployment reads it from the file."""
        ...


class ImageCache:
    """Images of any size in one buffer: workers share it, an access copies nothing.

    A large photograph is kept reduced (see :mod:`uhd.data.reduction`) and, beside it, at network size as deployment
    reads it, because interpolating a reduced image is not interpolating the photograph.

    Args:
        buffer: uint8 pixels of all images and network inputs.
        index: (n, 6) int64 columns height, width, original height, original width, start of the image in the buffer,
            start of its network input or -1 when the image itself was kept.
        size: network size (h, w) of the stored inputs.
        mode: resize mode of the stored inputs.
        file: where the buffer is mapped from; a spawned worker maps it again instead of receiving a copy.
    """

    def __init__(
        self, buffer: Pixels, index: NDArray[np.int64], size: tuple[int, int], mode: str, file: Path | None = None
    ) -> None:
        self.buffer = buffer
        self.buffer.flags.writeable = False
        self.size, self.mode, self._index, self._file = size, mode, index, file
        self.shapes, self.originals = index[:, :2], index[:, 2:4]
        self._rows: list[list[int]] = index.tolist()

    def __reduce__(self) -> tuple[Any, ...]:
        rest = (self._index, self.size, self.mode)
        return (ImageCache, (self.buffer, *rest)) if self._file is None else (_map_again, (self._file, *rest))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Pixels:
        """Return image ``index`` as a read-only (H, W, 3) view of the buffer."""
        height, width, _, _, start, _ = self._rows[index]
        return self.buffer[start : start + height * width * 3].reshape(height, width, 3)

    def network_input(self, index: int, size: tuple[int, int], mode: str) -> Pixels:
        """Return the image at network size (h, w, 3).

        Exactly as from the file for the size and mode the cache was built for; another size or mode is read from the
        cached image.
        """
        start = self._rows[index][5]
        if start >= 0 and (size, mode) == (self.size, self.mode):
            return self.buffer[start : start + size[0] * size[1] * 3].reshape(*size, 3)
        return resize_image(self[index], size, mode)


class Uncached:
    """Images decoded anew at every access, for data sets that fit neither memory nor disk."""

    def __init__(self, paths: Sequence[Path], index: NDArray[np.int64], size: tuple[int, int], mode: str) -> None:
        self._paths, self._size, self._mode = list(paths), size, mode
        self.shapes, self.originals = index[:, :2], index[:, 2:4]

    def __getitem__(self, index: int) -> Pixels:
        """Return image ``index`` as (H, W, 3), reduced as the cache would reduce it."""
        return reduce_image(read_image(self._paths[index]), self._size, self._mode)

    def network_input(self, index: int, size: tuple[int, int], mode: str) -> Pixels:
        """Return the image at network size (h, w, 3)."""
        return resize_image(read_image(self._paths[index]), size, mode)


def build_cache(
    paths: Sequence[Path],
    size: tuple[int, int],
    mode: str,
    report: Report,
    kind: str = "ram",
    folder: Path | None = None,
    progress: bool = True,
) -> ImageStore:
    """Decode the images once.

    Args:
        paths: image files.
        size: network size (h, w).
        mode: resize mode.
        report: receives unreadable files.
        kind: ``ram``; ``file``, a mapped file that later runs use again while the images stay as they are; ``none``,
            which only checks the images and decodes again at every access.
        folder: of the mapped file; default :func:`default_folder`.
        progress: show a bar on a terminal.

    Raises:
        UserError: the images do not fit in memory or on the disk, or a file is unreadable and the report is strict.
    """
    if kind == "file":
        return _file_cache(paths, size, mode, report, folder or default_folder(), progress)
    if kind == "none":
        index, _ = _fill(paths, size, mode, report, progress, lambda _: None)
        return Uncached(paths, index, size, mode)
    memory = _Memory()
    index, _ = _fill(paths, size, mode, report, progress, memory.append)
    return ImageCache(memory.finish(), index, size, mode)


def default_folder() -> Path:
    """Return the folder where the platform keeps caches of programs, for mapped files."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        return base / "uhd" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "uhd"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uhd"


def _fill(
    paths: Sequence[Path],
    size: tuple[int, int],
    mode: str,
    report: Report,
    progress: bool,
    append: Callable[[Pixels], object],
) -> tuple[NDArray[np.int64], list[str]]:
    """Decode all images in order and append their pixels; return the index and what could not be read."""
    index = np.zeros((len(paths), 6), np.int64)
    index[:, 5] = -1
    unreadable: list[str] = []
    used = 0
    decoded = _decoded(paths, size, mode)
    bar = tqdm(decoded, desc="decoding", unit="img", total=len(paths), disable=None if progress else True)
    for row, item in zip(index, bar, strict=True):
        if isinstance(item, UnreadableImage):
            report.problem(BAD_IMAGE, str(item))
            unreadable.append(str(item))
            continue
        original, image, network_input = item
        row[:5] = (*image.shape[:2], *original, used)
        append(image)
        used += image.size
        if network_input is not None:
            row[5] = used
            append(network_input)
            used += network_input.size
    return index, unreadable


_Decoded = tuple[tuple[int, int], Pixels, Pixels | None]


def _decoded(paths: Sequence[Path], size: tuple[int, int], mode: str) -> Iterator[_Decoded | UnreadableImage]:
    """Yield (original size, image as cached, network input or None) per path, in order, decoded by a few threads."""

    def decode(path: Path) -> _Decoded | UnreadableImage:
        try:
            image = read_image(path)
        except UnreadableImage as error:
            return error
        reduced = reduce_image(image, size, mode)
        extra = None if reduced is image else resize_image(image, size, mode)
        return (image.shape[0], image.shape[1]), reduced, extra

    threads = min(8, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Future[_Decoded | UnreadableImage]] = deque()
        for path in paths:
            pending.append(pool.submit(decode, path))
            if len(pending) >= 4 * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


class _Memory:
    """A buffer that grows in place (realloc moves pages, it does not copy them)."""

    def __init__(self) -> None:
        self._buffer = np.empty(1 << 24, np.uint8)
        self._used = 0
        self._limit = _available_memory() * _MEMORY_SHARE

    def append(self, pixels: Pixels) -> None:
        end = self._used + pixels.size
        if end > self._limit:
            raise UserError(
                f"the decoded images need more than {self._limit / 2**30:.1f} GiB of memory: use --cache file"
            )
        if end > self._buffer.size:
            self._buffer.resize(max(self._buffer.size * 3 // 2, end), refcheck=False)
        self._buffer[self._used : end] = pixels.reshape(-1)
        self._used = end

    def finish(self) -> Pixels:
        self._buffer.resize(self._used, refcheck=False)
        return self._buffer


def _available_memory() -> float:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:  # not Linux: no limit
        return float("inf")
    return next((int(line.split()[1]) * 1024.0 for line in lines if line.startswith("MemAvailable")), float("inf"))


def _file_cache(
    paths: Sequence[Path], size: tuple[int, int], mode: str, report: Report, folder: Path, progress: bool
) -> ImageCache:
    path, key = _file_name(paths, size, mode, folder), _content_key(paths, size, mode)
    found = _open(path, key)
    if found is not None:
        for message in found[1]["unreadable"]:
            report.problem(BAD_IMAGE, message)
    else:
        save_atomic(path, lambda temporary: _write(temporary, key, paths, size, mode, report, progress))
        found = _open(path, key)
        if found is None:
            raise UserError(f"{path}: changed while it was written: run again, or use --cache ram")
    buffer, content = found
    return ImageCache(buffer, np.array(content["index"], np.int64).reshape(-1, 6), size, mode, path)


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
        index, unreadable = _fill(
            paths, size, mode, report, progress, lambda pixels: file.write(np.ascontiguousarray(pixels).data)
        )
        data = file.tell() - _HEADER.size
        content = json.dumps({"key": key, "index": index.tolist(), "unreadable": unreadable}).encode()
        file.write(content)
        file.seek(0)
        file.write(_HEADER.pack(_MAGIC, data, len(content)))


def _map_again(path: Path, index: NDArray[np.int64], size: tuple[int, int], mode: str) -> ImageCache:
    with path.open("rb") as file:
        length = int(_HEADER.unpack(file.read(_HEADER.size))[1])
    return ImageCache(_map(path, length), index, size, mode, path)


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
