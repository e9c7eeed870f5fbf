"""Where a person will be in the next frame: a Kalman filter of a box with constant velocity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Standard deviations of position and velocity as shares of the box's height, from SORT and its successors.
_POSITION, _VELOCITY = 1 / 20, 1 / 160


class BoxMotion:
    """Follows centre, width and height of one box and their change per frame.

    Args:
        xyxy: (4,) the first box, in pixels.
    """

    def __init__(self, xyxy: NDArray[np.float32]) -> None:
        box = _cxcywh(xyxy)
        self.mean = np.concatenate([box, np.zeros(4)])
        deviation = np.repeat([2 * _POSITION, 10 * _VELOCITY], 4) * box[3]
        self.covariance = np.diag(deviation**2)

    @property
    def xyxy(self) -> NDArray[np.float32]:
        """The expected box (4,)."""
        cx, cy, width, height = self.mean[:4]
        width, height = max(width, 1e-3), max(height, 1e-3)
        return np.array([cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2], np.float32)

    def predict(self, size_moves: bool = True) -> None:
        """Go one frame on; ``size_moves`` is False while nobody sees the person, so that its box does not swell."""
        if not size_moves:
            self.mean[6:] = 0
        self.mean[:4] += self.mean[4:]
        deviation = np.repeat([_POSITION, _VELOCITY], 4) * max(self.mean[3], 1e-3)
        flow = np.eye(8) + np.eye(8, k=4)
        self.covariance = flow @ self.covariance @ flow.T + np.diag(deviation**2)

    def update(self, xyxy: NDArray[np.float32]) -> None:
        """Take in the box (4,) that was seen in this frame."""
        noise = np.eye(4) * (_POSITION * max(self.mean[3], 1e-3)) ** 2
        seen = self.covariance[:4, :4] + noise
        gain = np.linalg.solve(seen, self.covariance[:4]).T
        self.mean = self.mean + gain @ (_cxcywh(xyxy) - self.mean[:4])
        self.covariance = self.covariance - gain @ self.covariance[:4]


def _cxcywh(xyxy: NDArray[np.float32]) -> NDArray[np.float64]:
    left, top, right, bottom = (float(edge) for edge in xyxy)
    return np.array([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top])
