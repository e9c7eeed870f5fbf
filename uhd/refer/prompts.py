"""Prompts made from annotations: a point, a scribble, or a box that is not quite right."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SCRIBBLE_POINTS = 12
_TRIES = 10


def point_in(mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the centre (2,), x and y in pixels, of a pixel well inside a mask (H, W) that is not empty."""
    rows, columns = _core(mask).nonzero()
    k = int(rng.integers(len(rows)))
    return np.array([columns[k] + 0.5, rows[k] + 0.5], np.float32)


def scribble_in(mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a stroke over a mask: 12 points (12, 2), x and y in pixels, along a cubic Bezier curve.

    The four control points lie well inside the mask; of ten curves the one with most points on the mask is taken, so
    that a stroke rarely leaves a person with spread limbs.

    Args:
        mask: (H, W) with at least one pixel.
        rng: decides the stroke.
    """
    rows, columns = _core(mask).nonzero()
    height, width = mask.shape
    t = np.linspace(0, 1, SCRIBBLE_POINTS)[:, None]
    weights = np.concatenate([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], 1)
    best, most = np.zeros((SCRIBBLE_POINTS, 2)), -1
    for _ in range(_TRIES):
        k = rng.integers(len(rows), size=4)
        curve = weights @ np.stack([columns[k] + 0.5, rows[k] + 0.5], 1)
        x = np.clip(curve[:, 0].astype(int), 0, width - 1)
        y = np.clip(curve[:, 1].astype(int), 0, height - 1)
        on_mask = int(mask[y, x].sum())
        if on_mask > most:
            best, most = curve, on_mask
        if most == SCRIBBLE_POINTS:
            break
    return best.astype(np.float32)


def jittered_box(box: NDArray[np.float32], rng: np.random.Generator, amount: float = 0.1) -> NDArray[np.float32]:
    """Return a box (4,) ``xyxy`` whose sides are each moved by up to ``amount`` of its width or height."""
    extent = np.array([box[2] - box[0], box[3] - box[1]] * 2, np.float32)
    return np.asarray(box + extent * rng.uniform(-amount, amount, 4), np.float32)


def _core(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the mask without its rim, or the mask where nothing would be left."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=2) > 0
    return inner if inner.any() else mask
