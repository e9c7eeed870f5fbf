"""A part of a picture that is looked at alone: places go into it, answers come out of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uhd.augment.closer import window_around
from uhd.errors import UserError
from uhd.refer.answer import Answer
from uhd.refer.answers import Array

# Wider than any picture in sides of any box; the side of the window must stay a number.
_WIDEST = 1e6


@dataclass(frozen=True, eq=False)
class Part:
    """A rectangle of a picture.

    Attributes:
        image: (H, W, 3) RGB, the whole picture.
        left, top, right, bottom: of the part, in whole pixels.
    """

    image: NDArray[np.uint8]
    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def whole(cls, image: NDArray[np.uint8]) -> Part:
        """Return all of a picture."""
        return cls(image, 0, 0, image.shape[1], image.shape[0])

    @classmethod
    def around(cls, image: NDArray[np.uint8], box: Array, sides: float) -> Part:
        """Return the square around a box (4,) in pixels; its side is ``sides`` times the longer one of the box.

        Raises:
            UserError: less than the box would be in it, or no number.
        """
        number: Any = sides
        if isinstance(number, bool) or not isinstance(number, int | float | np.number) or not 1 <= number < np.inf:
            raise UserError(f"closer={number!r}: is at least 1, the box alone, and a finite number")
        sides = min(float(sides), _WIDEST)
        return cls(image, *(int(value) for value in window_around(box, (image.shape[0], image.shape[1]), sides)))

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """(h, w, 3) RGB of the part."""
        return self.image[self.top : self.bottom, self.left : self.right]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.bottom - self.top, self.right - self.left

    def inside(self, points: Array) -> Array:
        """Return points (..., 2) in pixels of the picture normalised to the part."""
        return ((points - [self.left, self.top]) / [self.right - self.left, self.bottom - self.top]).astype(np.float32)

    def outside(self, answer: Answer) -> Answer:
        """Return an answer in pixels of the part as one in pixels of the picture."""
        shift = np.array([self.left, self.top], np.float32)
        mask = np.zeros(self.image.shape[:2], bool)
        mask[self.top : self.bottom, self.left : self.right] = answer.mask
        points = answer.keypoints + np.append(shift, 0).astype(np.float32)
        return replace(answer, xyxy=answer.xyxy + np.tile(shift, 2), keypoints=points, mask=mask)
