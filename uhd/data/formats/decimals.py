"""Numbers as the shortest decimals that are read back as the same float32."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import clip_xyxy, cxcywh_to_xyxy, xyxy_to_cxcywh

Values = NDArray[np.float64]
_DIGITS = (0, 1, 2, 4, 6, 8, 10, 12, 14)


def shortest(values: Values, read: Callable[[Values], NDArray[np.float32]], wanted: NDArray[np.float32]) -> list[float]:
    """Return values (N,) with as few decimals as a reader needs to find ``wanted`` (M,) again, bit for bit.

    Args:
        values: in full.
        read: what the reader makes of them.
        wanted: what it has to make.
    """
    for digits in _DIGITS:
        rounded = np.round(values, digits)
        if np.array_equal(read(rounded), wanted):
            return [float(value) for value in rounded]
    return [float(value) for value in values]


def centre_box(box: NDArray[np.float32]) -> list[float]:
    """Return a normalised ``xyxy`` box (4,) as the ``cx cy w h`` of a YOLO label file."""

    def read(values: Values) -> NDArray[np.float32]:
        return clip_xyxy(cxcywh_to_xyxy(values)).astype(np.float32)  # type: ignore[arg-type]

    return shortest(xyxy_to_cxcywh(box.astype(np.float64)), read, box)  # type: ignore[arg-type]


def pixel_box(box: NDArray[np.float32], size: tuple[int, int]) -> list[float]:
    """Return a normalised ``xyxy`` box (4,) as the ``left, top, width, height`` in pixels of a COCO file.

    Args:
        box: inside the image.
        size: (height, width) of the image in pixels.
    """
    limit = np.array([size[1], size[0], size[1], size[0]], np.float64)
    corners = box.astype(np.float64) * limit
    corners[2:] -= corners[:2]

    def read(values: Values) -> NDArray[np.float32]:
        ends = np.concatenate([values[:2], values[:2] + values[2:]]) / limit
        return clip_xyxy(ends.astype(np.float32))

    return shortest(corners, read, box)


def pixel_points(points: NDArray[np.float32], size: tuple[int, int]) -> list[float]:
    """Return normalised points (N, 2) as x, y, x, y, ... in pixels of an image of (height, width)."""
    scale = np.array([size[1], size[0]], np.float64)

    def read(values: Values) -> NDArray[np.float32]:
        return (values.reshape(-1, 2) / scale).astype(np.float32).reshape(-1)

    return shortest((points.astype(np.float64) * scale).reshape(-1), read, points.reshape(-1))


def to_text(value: float | np.float32) -> str:
    """Return a number without exponent and idle zeros: ``0.5``, ``12``."""
    return np.format_float_positional(value, trim="-")
