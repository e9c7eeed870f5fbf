"""Which detection of a frame belongs to which track."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import iou_matrix
from uhd.detections import Detections
from uhd.runtime.tracking.assignment import assign


class Matches:
    """Pairs of tracks and detections of one frame, found in several searches.

    Args:
        expected: (T, 4) boxes where the tracks are expected, in pixels.
        classes: (T,) their classes, which a track keeps.
        found: the detections.
    """

    def __init__(self, expected: NDArray[np.float32], classes: NDArray[np.int64], found: Detections) -> None:
        self._expected, self._boxes = expected, found.xyxy
        self._cost = 1 - iou_matrix(expected, found.xyxy).astype(np.float64)
        self._other = classes[:, None] != found.class_ids
        self._cost[self._other] = np.inf
        self._pairs: list[NDArray[np.int64]] = []

    def add(
        self, tracks: NDArray[np.int64], wanted: NDArray[np.int64], least: float, margin: float = 0.0
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Match some of the tracks with some of the detections, and return those of both that are left over.

        Args:
            tracks: their indices.
            wanted: indices of the detections.
            least: smallest IoU of a pair.
            margin: around both boxes, in shares of their larger side.
        """
        if not len(tracks) or not len(wanted):
            return tracks, wanted
        if margin:
            overlap = iou_matrix(_widened(self._expected[tracks], margin), _widened(self._boxes[wanted], margin))
            cost = np.where(self._other[tracks[:, None], wanted], np.inf, 1 - overlap.astype(np.float64))
        else:
            cost = self._cost[tracks[:, None], wanted]
        pairs = assign(cost, 1 - least)
        if not len(pairs):
            return tracks, wanted
        rows, columns = pairs[:, 0], pairs[:, 1]
        self._pairs.append(np.array([tracks[rows], wanted[columns]]))
        return _without(tracks, rows), _without(wanted, columns)

    def pairs(self) -> NDArray[np.int64]:
        """Return the indices (2, K) of tracks and their detections, in the order in which they were found."""
        return np.concatenate([np.zeros((2, 0), np.int64), *self._pairs], axis=1)


def _without(indices: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.int64]:
    left = np.ones(len(indices), bool)
    left[places] = False
    return indices[left]


def _widened(xyxy: NDArray[np.float32], margin: float) -> NDArray[np.float32]:
    """Return boxes (N, 4) with so many of their larger sides around them."""
    around = margin * (xyxy[:, 2:] - xyxy[:, :2]).max(1, keepdims=True)
    return np.concatenate([xyxy[:, :2] - around, xyxy[:, 2:] + around], axis=1)
