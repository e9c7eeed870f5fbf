"""Rectangles painted over the image, so that a person is found by more than one part."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.augment.view import GRAY, Colour
from uhd.config import knob
from uhd.objects import Objects
from uhd.sample import Sample

Range = tuple[float, float]


@dataclass(frozen=True)
class CoarseDropout:
    """Paint over some rectangles (Cutout, DeVries and Taylor 2017; several: coarse dropout).

    A box of which the rectangles together leave less than ``min_visibility`` is ignored; a keypoint
    under one is hidden.
    """

    prob: float = knob(0.5, "of painting", minimum=0, maximum=1)
    holes: tuple[int, int] = knob((1, 5), "least and most rectangles", flag="num-holes-range", minimum=1)
    height: Range = knob((0.05, 0.2), "of a rectangle, in image heights; above 1 in pixels", flag="hole-height-range",
                         minimum=0)  # fmt: skip
    width: Range = knob((0.05, 0.2), "of a rectangle, in image widths; above 1 in pixels", flag="hole-width-range",
                        minimum=0)  # fmt: skip
    fill: Colour = knob(GRAY, "colour of the rectangles, RGB", minimum=0, maximum=255)
    min_visibility: float = knob(0.3, "boxes of which less is left are ignored", minimum=0, maximum=1)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Return the sample, at network size, with rectangles on it."""
        if rng.random() >= self.prob:
            return sample
        h, w = sample.image.shape[:2]
        image, hole = sample.image.copy(), np.zeros((h, w), np.uint8)
        for _ in range(int(rng.integers(self.holes[0], self.holes[1] + 1))):
            height, width = pixels(rng.uniform(*self.height), h), pixels(rng.uniform(*self.width), w)
            top, left = rng.integers(0, (h - height + 1, w - width + 1)).tolist()
            image[top : top + height, left : left + width] = self.fill
            hole[top : top + height, left : left + width] = 1
        hidden = covered_share(hole, sample.boxes) > 1 - self.min_visibility
        return Sample(image, objects=_hide_keypoints(sample.objects, hole).ignoring(hidden), name=sample.name)


@dataclass(frozen=True)
class Cutout(CoarseDropout):
    """Paint over one rectangle, larger than those of :class:`CoarseDropout`."""

    holes: tuple[int, int] = knob((1, 1), "least and most rectangles", flag="num-holes-range", minimum=1)
    height: Range = knob((0.2, 0.4), "of a rectangle, in image heights; above 1 in pixels", flag="hole-height-range",
                         minimum=0)  # fmt: skip
    width: Range = knob((0.2, 0.4), "of a rectangle, in image widths; above 1 in pixels", flag="hole-width-range",
                        minimum=0)  # fmt: skip


def _hide_keypoints(objects: Objects, hole: NDArray[np.uint8]) -> Objects:
    """Return the objects with the keypoints under the ones of a mask (h, w) hidden (visibility 1)."""
    if objects.keypoints is None:
        return objects
    h, w = hole.shape
    points = objects.keypoints.copy()
    column = np.clip((points[..., 0] * w).astype(int), 0, w - 1)
    row = np.clip((points[..., 1] * h).astype(int), 0, h - 1)
    points[..., 2] = np.where(hole[row, column] > 0, np.minimum(points[..., 2], 1), points[..., 2])
    return replace(objects, keypoints=points)


def pixels(length: float, side: int) -> int:
    """Return a length in whole pixels, at least one and at most a side: up to 1 it counts sides, above that pixels."""
    return min(max(1, round(length if length > 1 else length * side)), side)


def covered_share(mask: NDArray[np.uint8], boxes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the share (N,) of each normalised ``xyxy`` box (N, 4) that the ones of a mask (h, w) cover."""
    h, w = mask.shape
    table = cv2.integral(mask)  # (h + 1, w + 1); between its entries the covered area is bilinear
    x, y = boxes[:, 0::2].astype(np.float64) * w, boxes[:, 1::2].astype(np.float64) * h
    column, row = np.minimum(x.astype(int), w - 1), np.minimum(y.astype(int), h - 1)
    u, v = x - column, y - row

    def area(i: int, j: int) -> NDArray[np.float64]:
        r, c, a, b = row[:, i], column[:, j], v[:, i], u[:, j]
        upper = table[r, c] * (1 - b) + table[r, c + 1] * b
        return np.asarray(upper * (1 - a) + (table[r + 1, c] * (1 - b) + table[r + 1, c + 1] * b) * a)

    covered = area(1, 1) - area(0, 1) - area(1, 0) + area(0, 0)
    return np.asarray(covered / np.maximum((x[:, 1] - x[:, 0]) * (y[:, 1] - y[:, 0]), 1e-9))
