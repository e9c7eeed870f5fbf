"""All images of a list decoded in order by a few threads, each as it is kept and, where that differs, as it is read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from uhd.cores import usable_cores
from uhd.data.problems import BAD_IMAGE, Report
from uhd.data.reduction import reduce_image
from uhd.read import UnreadableImage, read_image
from uhd.resize import resize_image

Pixels = NDArray[np.uint8]


def decode_images(
    paths: Sequence[Path],
    size: tuple[int, int],
    mode: str,
    report: Report,
    progress: bool,
    append: Callable[[Pixels], object],
) -> tuple[NDArray[np.int64], list[str]]:
    """Decode all images in order.

    Args:
        paths: image files.
        size: network size (h, w).
        mode: resize mode.
        report: receives unreadable files.
        progress: show a bar on a terminal.
        append: receives the pixels of every image, and of its network input where that is kept too.

    Returns:
        (n, 6) int64 index, see :class:`uhd.data.cache.ImageCache`, and what could not be read.

    Raises:
        UserError: a file is unreadable and the report is strict.
    """
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

    threads = min(8, usable_cores())
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Future[_Decoded | UnreadableImage]] = deque()
        for path in paths:
            pending.append(pool.submit(decode, path))
            if len(pending) >= 4 * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
