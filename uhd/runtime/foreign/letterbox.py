"""Fit a whole photograph into a square without changing its proportions, and find the way back."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Placement:
    """Where the photograph lies in the square, in pixels of the square."""

    left: int
    top: int
    width: int
    height: int

    def to_photograph(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return ``xyxy`` boxes (N, 4) in pixels of the square as boxes normalised to the photograph, clipped to it."""
        corner, extent = (self.left, self.top) * 2, (self.width, self.height) * 2
        return np.clip((boxes - np.array(corner, np.float32)) / np.array(extent, np.float32), 0, 1).astype(np.float32)


def fit_into_square(image: NDArray[np.uint8], side: int, fill: int) -> tuple[NDArray[np.uint8], Placement]:
    """Return the image (H, W, 3) centred in a (side, side, 3) square of gray ``fill``, and where it lies."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    h, w = max(1, round(height * scale)), max(1, round(width * scale))
    place = Placement((side - w) // 2, (side - h) // 2, w, h)
    square = np.full((side, side, 3), fill, np.uint8)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    square[place.top : place.top + h, place.left : place.left + w] = cv2.resize(image, (w, h), interpolation=method)
    return square, place
