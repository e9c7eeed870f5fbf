"""Outlines of objects: moved, clipped and rasterised. One outline is a tuple of rings (P, 2), x and y, even-odd."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uhd.objects import Boxes, Outline

Ring = NDArray[np.float32]
Window = tuple[float, float, float, float]


def move_outline(outline: Outline, matrix: NDArray[np.float64]) -> Outline:
    """Return every ring through an affine map (2, 3)."""
    return tuple((ring @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32) for ring in outline)


def clip_outline(outline: Outline, window: Window) -> Outline:
    """Return the part inside a window (left, top, right, bottom); rings of which nothing is left are dropped.

    Every side cuts in turn (Sutherland and Hodgman 1974, https://doi.org/10.1145/360767.360802).
    """
    clipped = []
    for ring in outline:
        part = ring.astype(np.float64)
        for axis, sign, limit in ((0, 1, window[0]), (1, 1, window[1]), (0, -1, window[2]), (1, -1, window[3])):
            part = _cut(part, sign * (part[:, axis] - limit))
        if len(part) > 2:
            clipped.append(part.astype(np.float32))
    return tuple(clipped)


def outline_bounds(outline: Outline) -> Boxes:
    """Return the (4,) ``xyxy`` bounds of an outline of at least one ring."""
    points = np.concatenate(outline)
    return np.concatenate([points.min(0), points.max(0)])


def outline_area(outline: Outline) -> float:
    """Return the area of the rings, those inside another (holes) counted against it when they run the other way."""
    return abs(sum(float(_signed_area(ring.astype(np.float64))) for ring in outline))


def fill_outline(outline: Outline, size: tuple[int, int], window: Window = (0.0, 0.0, 1.0, 1.0)) -> NDArray[np.bool_]:
    """Return (h, w) bool: the pixels whose centre lies inside.

    Args:
        outline: rings, in the unit of ``window``.
        size: (h, w) of the bitmap.
        window: left, top, right, bottom of what the bitmap shows.
    """
    h, w = size
    left, top, right, bottom = window
    toggles = np.zeros((h, w + 1), np.int64)
    centres = top + (np.arange(h) + 0.5) * (bottom - top) / h
    for ring in outline:
        a, b = ring.astype(np.float64), np.roll(ring.astype(np.float64), -1, 0)
        row, edge = ((a[:, 1] <= centres[:, None]) != (b[:, 1] <= centres[:, None])).nonzero()
        share = (centres[row] - a[edge, 1]) / (b[edge, 1] - a[edge, 1])
        x = a[edge, 0] + share * (b[edge, 0] - a[edge, 0])
        column = np.ceil((x - left) / (right - left) * w - 0.5)
        np.add.at(toggles, (row, np.clip(column, 0, w).astype(np.int64)), 1)
    return np.asarray(np.cumsum(toggles, 1)[:, :w] % 2 == 1)


def _cut(ring: NDArray[np.float64], inside: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a ring cut at the line where ``inside``, a signed distance per point, is 0."""
    following, after = np.roll(ring, -1, 0), np.roll(inside, -1)
    crosses = (inside >= 0) != (after >= 0)
    share = np.where(crosses, inside / np.where(crosses, inside - after, 1), 0)[:, None]
    points = np.stack([ring, ring + share * (following - ring)], 1)
    return np.asarray(points[np.stack([inside >= 0, crosses], 1)])


def _signed_area(ring: NDArray[np.float64]) -> np.float64:
    x, y = ring.T
    return np.float64((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)
