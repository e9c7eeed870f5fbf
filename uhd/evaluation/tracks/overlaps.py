"""Overlaps of true and found tracks, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import iou_matrix
from uhd.detections import Detections


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of a video whose people are known.

    Attributes:
        truth: (R,) which true track each true box belongs to, from 0 on.
        found: (C,) which found track each found box belongs to, from 0 on.
        overlap: (R, C) their IoU.
    """

    truth: NDArray[np.int64]
    found: NDArray[np.int64]
    overlap: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Overlaps:
    """A video whose people are known.

    Attributes:
        frames: all of them.
        truth_lengths: (T,) boxes of every true track.
        found_lengths: (F,) boxes of every found track.
    """

    frames: list[Frame]
    truth_lengths: NDArray[np.int64]
    found_lengths: NDArray[np.int64]

    @classmethod
    def of(cls, truth: Sequence[Detections], found: Sequence[Detections]) -> Overlaps:
        """Compare tracked detections with the truth of the same frames, both with ``track_ids``.

        Raises:
            ValueError: their numbers of frames differ, somebody is not tracked, or one frame has a number twice.
        """
        if len(truth) != len(found):
            raise ValueError(f"{len(truth)} frames of truth and {len(found)} frames of tracks disagree")
        (rows, truth_lengths), (columns, found_lengths) = _numbered(truth), _numbered(found)
        frames = [Frame(row, column, _iou(a, b)) for row, column, a, b in zip(rows, columns, truth, found, strict=True)]
        return cls(frames, truth_lengths, found_lengths)


def _iou(a: Detections, b: Detections) -> NDArray[np.float64]:
    """Return the exact IoU: levels such as 0.6 are reached by round numbers of pixels."""
    eps = float(np.finfo(np.float64).tiny)
    return iou_matrix(a.xyxy.astype(np.float64), b.xyxy.astype(np.float64), eps).astype(np.float64)


def _numbered(frames: Sequence[Detections]) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
    """Return the tracks of every frame, counted from 0, and how many boxes each has."""
    ids: list[NDArray[np.int64]] = []
    for index, frame in enumerate(frames):
        if frame.track_ids is None:
            raise ValueError(f"frame {index}: measuring tracks needs track_ids")
        if len(np.unique(frame.track_ids)) != len(frame):
            raise ValueError(f"frame {index}: two boxes have one number")
        ids.append(frame.track_ids)
    together = np.concatenate([np.zeros(0, np.int64), *ids])
    _, tracks, lengths = np.unique(together, return_inverse=True, return_counts=True)
    return np.split(tracks.astype(np.int64), np.cumsum([len(each) for each in ids])[:-1]), lengths
