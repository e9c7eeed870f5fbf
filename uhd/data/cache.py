"""Every image decoded once into one contiguous uint8 buffer, in memory or in a mapped file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from uhd.data.cache_file import default_folder, map_again, map_images
from uhd.data.decoding import decode_images
from uhd.data.problems import Report
from uhd.data.reduction import reduce_image
from uhd.errors import UserError
from uhd.read import read_image
from uhd.resize import resize_image

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
        return (ImageCache, (self.buffer, *rest)) if self._file is None else (_mapped, (self._file, *rest))

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
        buffer, index, file = map_images(paths, size, mode, report, folder or default_folder(), progress)
        return ImageCache(buffer, index, size, mode, file)
    if kind == "none":
        index, _ = decode_images(paths, size, mode, report, progress, lambda _: None)
        return Uncached(paths, index, size, mode)
    memory = _Memory()
    index, _ = decode_images(paths, size, mode, report, progress, memory.append)
    return ImageCache(memory.finish(), index, size, mode)


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


def _mapped(file: Path, index: NDArray[np.int64], size: tuple[int, int], mode: str) -> ImageCache:
    return ImageCache(map_again(file), index, size, mode, file)
