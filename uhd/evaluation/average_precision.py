"""Average precision from ranked detections."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def precision_recall(
    scores: NDArray[np.float32], correct: NDArray[np.bool_], truths: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float32]]:
    """Return precision and recall after each detection, best score first, and the sorted scores.

    Args:
        scores: (K,) in any order; equal scores keep it.
        correct: (K,) whether each detection is a true positive.
        truths: number of ground-truth boxes.
    """
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(correct[order])
    precision = hits / np.arange(1, len(order) + 1)
    recall = hits / max(truths, 1)
    return precision, recall, scores[order]


def all_point_ap(precision: NDArray[np.float64], recall: NDArray[np.float64]) -> float:
    """Return the area under the monotone envelope of the precision/recall curve (PASCAL VOC 2010 and later), 0 to 1.

    Args:
        precision: (K,) at each detection, best first.
        recall: (K,) there, ascending.
    """
    if not len(precision):
        return 0.0
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * envelope))


def coco_ap(precision: NDArray[np.float64], recall: NDArray[np.float64]) -> float:
    """Return the mean envelope precision at recall 0, 0.01, ..., 1 (COCO); arguments (K,) as :func:`all_point_ap`."""
    if not len(precision):
        return 0.0
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    index = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
    return float(np.mean(np.append(envelope, 0.0)[np.minimum(index, len(envelope))]))
