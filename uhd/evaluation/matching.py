"""Pair detections with ground truth, best score first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import area_xyxy, intersection_matrix, iou_matrix

Boxes = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """The truth of one image.

    Attributes:
        boxes: (N, 4) float32 ``xyxy`` normalised.
        labels: (N,) int64.
        ignore: (M, 4) regions that count neither for nor against.
    """

    boxes: Boxes
    labels: NDArray[np.int64]
    ignore: Boxes


@dataclass(frozen=True, eq=False)
class Matches:
    """Detections of one image and class against its truth, at several IoU thresholds.

    Attributes:
        scores: (K,) best first.
        matched: (T, K) index of the truth each detection found at each threshold, -1 for none.
        dropped: (T, K) detections without a truth that lie in an ignore region: they do not count.
        truths: number of ground-truth boxes.
    """

    scores: NDArray[np.float32]
    matched: NDArray[np.int64]
    dropped: NDArray[np.bool_]
    truths: int


def in_ignore(boxes: Boxes, ignore: Boxes) -> NDArray[np.bool_]:
    """Return (K,): at least half of the box's own area lies in one ignore region."""
    if not len(ignore) or not len(boxes):
        return np.zeros(len(boxes), bool)
    share = intersection_matrix(boxes, ignore) / np.maximum(area_xyxy(boxes), 1e-12)[:, None]
    return np.asarray(share.max(1) >= 0.5)


def match(
    boxes: Boxes, scores: NDArray[np.float32], truth: Boxes, ignore: Boxes, thresholds: NDArray[np.float64]
) -> Matches:
    """Match greedily: each detection, best first, takes the free truth it overlaps most.

    Args:
        boxes: (K, 4) ``xyxy``, sorted by descending score.
        scores: (K,).
        truth: (N, 4).
        ignore: (M, 4).
        thresholds: (T,) least IoU of a match.
    """
    matched = np.full((len(thresholds), len(boxes)), -1, np.int64)
    if len(truth) and len(boxes):
        iou = iou_matrix(boxes, truth, eps=1e-12).astype(np.float64)
        free = np.ones((len(thresholds), len(truth)), bool)
        # Only detections that overlap something can match; few do, so the greedy order costs little.
        for k in np.flatnonzero(iou.max(1) >= thresholds.min()):
            candidate = np.where(free & (iou[k] >= thresholds[:, None]), iou[k], -1.0)
            best = candidate.argmax(1)
            hit = candidate[np.arange(len(thresholds)), best] >= 0
            matched[hit, k] = best[hit]
            free[hit, best[hit]] = False
    dropped = (matched < 0) & in_ignore(boxes, ignore)[None]
    return Matches(scores, matched, dropped, len(truth))
