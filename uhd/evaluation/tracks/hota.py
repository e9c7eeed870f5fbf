"""HOTA: how well people are found and how well they keep their numbers, in one figure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uhd.evaluation.tracks.overlaps import Overlaps
from uhd.runtime.tracking.assignment import assign_exactly

LEVELS = np.linspace(0.05, 0.95, 19)


@dataclass(frozen=True)
class Hota:
    """Means over the levels of overlap, all from 0 to 1.

    Attributes:
        hota: of the geometric means of the next two.
        detection: found people among all that are there or were found (DetA).
        association: boxes that two matched tracks share, among all of both (AssA).
    """

    hota: float
    detection: float
    association: float


def hota(video: Overlaps) -> Hota:
    """Return the higher order tracking accuracy (Luiten et al., IJCV 2020, https://arxiv.org/abs/2009.07736).

    In every frame boxes are matched so that the tracks fit best over the whole video; at each level (IoU 0.05 to 0.95)
    the matches of at least so much overlap count.
    """
    fit = _fit(video)
    shared = np.zeros((len(LEVELS), *fit.shape))
    for frame in video.frames:
        cost = 1 - fit[frame.truth[:, None], frame.found] * frame.overlap
        rows, columns = assign_exactly(np.where(frame.overlap > 0, cost, np.inf), 1.0).T
        # A pair that lies on a level but for rounding counts.
        counts = frame.overlap[rows, columns] >= LEVELS[:, None] - np.finfo(np.float64).eps
        shared[:, frame.truth[rows], frame.found[columns]] += counts
    right = shared.sum((1, 2))
    boxes = (video.truth_lengths[:, None] + video.found_lengths).astype(np.float64)
    detection = _share(right, boxes_of(video) - right)
    association = _share((shared * _share(shared, boxes - shared)).sum((1, 2)), right)
    return Hota(*(float(each.mean()) for each in (np.sqrt(detection * association), detection, association)))


def boxes_of(video: Overlaps) -> int:
    """Return how many boxes are true and found, together."""
    return int(video.truth_lengths.sum() + video.found_lengths.sum())


def _fit(video: Overlaps) -> NDArray[np.float64]:
    """Return (T, F) how well two tracks fit; an overlap counts less the more others there are."""
    together = np.zeros((len(video.truth_lengths), len(video.found_lengths)))
    for frame in video.frames:
        others = frame.overlap.sum(0, keepdims=True) + frame.overlap.sum(1, keepdims=True) - frame.overlap
        together[frame.truth[:, None], frame.found] += _share(frame.overlap, others)
    return _share(together, video.truth_lengths[:, None] + video.found_lengths - together)


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the quotient, 0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
