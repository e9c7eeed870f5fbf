"""Shrink a large photograph for the cache without changing what training and deployment read from it."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.resize import is_point_sampling, sample_indices

KEEP_UP_TO = 512  # pixels of the longer side


def cached_size(height: int, width: int, size: tuple[int, int]) -> tuple[int, int]:
    """Return the (height, width) at which an image is cached.

    Images with a longer side of at most 512 pixels (or twice the network's) stay as they are. Larger ones get a whole
    multiple of the network size per axis, 1 to 1.5 times that limit, with the pair of multiples whose aspect ratio is
    closest to the image's. Nothing is ever enlarged.

    Args:
        height, width: of the photograph.
        size: network size (h, w).
    """
    limit = max(KEEP_UP_TO, 2 * max(size))
    if max(height, width) <= limit:
        return height, width
    long, short = (0, 1) if height >= width else (1, 0)
    source = (height, width)
    best, best_error = source, math.inf
    for multiple in range(max(1, limit // size[long]), max(1, math.ceil(1.5 * limit / size[long])) + 1):
        long_side = multiple * size[long]
        exact = source[short] * long_side / source[long] / size[short]
        short_side = max(1, round(exact)) * size[short]
        if long_side > source[long] or short_side > source[short]:
            continue
        error = abs(math.log(max(1, round(exact)) / exact))
        if error < best_error - 0.005:  # a larger image must be worth it
            best = (long_side, short_side) if long == 0 else (short_side, long_side)
            best_error = error
    return best


def reduce_image(image: NDArray[np.uint8], size: tuple[int, int], mode: str) -> NDArray[np.uint8]:
    """Reduce an image to :func:`cached_size`; small images are returned as they are.

    Nearest modes pick pixels, so that reading the reduced image at network size gives the very pixels that reading the
    photograph gives; the other modes average areas.

    Args:
        image: (H, W, 3) uint8.
        size: network size (h, w).
        mode: resize mode.

    Returns:
        (H', W', 3) uint8.
    """
    target = cached_size(image.shape[0], image.shape[1], size)
    if target == image.shape[:2]:
        return image
    if is_point_sampling(mode):
        library = "torch" if mode.startswith("torch") else "cv2"
        rows = _nested_indices(image.shape[0], target[0], size[0], library)
        columns = _nested_indices(image.shape[1], target[1], size[1], library)
        return image.take(rows, 0).take(columns, 1)
    return np.asarray(cv2.resize(image, target[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def _nested_indices(n_in: int, n_cached: int, n_network: int, library: str) -> NDArray[np.int64]:
    """Return the indices of the reduced grid; every k-th is the one that the network's own grid reads.

    In real numbers floor(k*i * n / (k*m)) = floor(i * n / m) holds by itself; in floating point it can miss by one.
    """
    indices = sample_indices(n_in, n_cached, library)
    indices[:: n_cached // n_network] = sample_indices(n_in, n_network, library)
    return indices
