"""Where people will be in the next frame: a Kalman filter of every box with constant velocity."""

from __future__ import annotations

from types import EllipsisType

import numpy as np
from numpy.typing import NDArray

# Standard deviations of position and velocity as shares of the box's height, from SORT and its successors.
_POSITION, _VELOCITY = 1 / 20, 1 / 160


class BoxMotion:
    """Follows centre, width and height of boxes and their change per frame.

    The four numbers of a box start with one uncertainty, move in one way and are measured with one noise, apart from
    each other: their covariance of 8x8 is the same 2x2 matrix (of place and velocity) four times, and all boxes are
    filtered at once.

    Args:
        xyxy: (..., 4) the first boxes, in pixels.

    Attributes:
        place: (..., 4) centre and size.
        velocity: (..., 4) their change per frame.
        spread: (..., 3) variance of the place, its covariance with the velocity, variance of the velocity.
    """

    def __init__(self, xyxy: NDArray[np.float32]) -> None:
        self.place = _cxcywh(xyxy)
        self.velocity = np.zeros_like(self.place)
        height = self.place[..., 3:]
        self.spread = height**2 * np.array([(2 * _POSITION) ** 2, 0.0, (10 * _VELOCITY) ** 2])

    def __len__(self) -> int:
        return len(self.place)

    @property
    def xyxy(self) -> NDArray[np.float32]:
        """The expected boxes (..., 4)."""
        centre, half = self.place[..., :2], np.maximum(self.place[..., 2:], 1e-3) / 2
        return np.concatenate([centre - half, centre + half], axis=-1).astype(np.float32)

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Covariance (..., 2, 2) of place and velocity, in pixels squared."""
        return np.asarray(self.spread[..., [[0, 1], [1, 2]]])

    def predict(self, steps: float = 1.0, size_moves: NDArray[np.bool_] | bool = True) -> None:
        """Go on by some time.

        Args:
            steps: how long, in frames at 30 per second.
            size_moves: (...) False while nobody sees a person, so that its box does not swell.
        """
        if size_moves is not True:
            self.velocity[..., 2:] *= np.asarray(size_moves)[..., None]
        self.place += steps * self.velocity
        scale = steps * np.maximum(self.place[..., 3], 1e-3) ** 2
        place, both, velocity = self.spread[..., 0], self.spread[..., 1], self.spread[..., 2]
        place += steps * (2 * both + steps * velocity) + _POSITION**2 * scale
        both += steps * velocity
        velocity += _VELOCITY**2 * scale

    def update(self, xyxy: NDArray[np.float32], who: NDArray[np.int64] | EllipsisType = ...) -> None:
        """Take in the boxes (..., 4) that were seen in this frame: of all, or of the K ``who`` are numbered."""
        place, velocity, spread = self.place[who], self.velocity[who], self.spread[who]
        noise = (_POSITION * np.maximum(place[..., 3:], 1e-3)) ** 2
        gain = spread[..., :2] / (spread[..., :1] + noise)
        missed_by = _cxcywh(xyxy) - place
        self.place[who] = place + gain[..., :1] * missed_by
        self.velocity[who] = velocity + gain[..., 1:] * missed_by
        self.spread[who] = spread - gain[..., [0, 0, 1]] * spread[..., [0, 1, 1]]

    def keep(self, who: NDArray[np.bool_]) -> None:
        """Forget the boxes (N,) that are not kept."""
        self.place, self.velocity, self.spread = self.place[who], self.velocity[who], self.spread[who]

    def add(self, xyxy: NDArray[np.float32]) -> None:
        """Follow the boxes (K, 4) too, from now on."""
        more = BoxMotion(xyxy)
        self.place = np.concatenate([self.place, more.place])
        self.velocity = np.concatenate([self.velocity, more.velocity])
        self.spread = np.concatenate([self.spread, more.spread])


def _cxcywh(xyxy: NDArray[np.float32]) -> NDArray[np.float64]:
    corners = np.asarray(xyxy, np.float64)
    return np.concatenate([(corners[..., :2] + corners[..., 2:]) / 2, corners[..., 2:] - corners[..., :2]], axis=-1)
