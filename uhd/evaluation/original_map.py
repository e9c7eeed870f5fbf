"""The original's ``mAP@0.5``, kept so that its numbers can be compared with ours.

It differs from the usual definition: a detection whose best truth is taken gets no second choice, a class without
ground truth counts as 0, and only detections above the confidence threshold exist.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import iou_matrix
from uhd.evaluation.matching import Found
from uhd.objects import Objects


def original_map(
    found: Sequence[Found], truths: Sequence[Objects], num_classes: int, iou_thresh: float = 0.5
) -> dict[str, float]:
    """Return ``mAP@0.5`` and ``AP@0.5_class<i>``.

    Args:
        found: per image boxes (K, 4) ``xyxy``, scores (K,), class ids (K,).
        truths: per image ground truth; ignore regions are not used.
        num_classes: classes averaged.
        iou_thresh: least IoU of a match.
    """
    result = {}
    for class_id in range(num_classes):
        scores, hits, total = [np.zeros(0, np.float32)], [np.zeros(0, bool)], 0
        for (boxes, values, class_ids), truth in zip(found, truths, strict=True):
            wanted = truth.boxes[: truth.count][truth.labels[: truth.count] == class_id]
            total += len(wanted)
            mine = np.flatnonzero(class_ids == class_id)
            if len(mine):
                mine = mine[np.argsort(-values[mine], kind="stable")]
                scores.append(values[mine])
                hits.append(_hits(boxes[mine], wanted, iou_thresh))
        result[f"AP@0.5_class{class_id}"] = _area(np.concatenate(scores), np.concatenate(hits), total)
    return {"mAP@0.5": float(np.mean(list(result.values()))) if result else 0.0, **result}


def _hits(boxes: NDArray[np.float32], wanted: NDArray[np.float32], iou_thresh: float) -> NDArray[np.bool_]:
    hits = np.zeros(len(boxes), bool)
    if len(boxes) and len(wanted):
        iou = iou_matrix(boxes, wanted, eps=1e-6)
        near = np.flatnonzero(iou.max(1) >= iou_thresh)
        if len(near):
            # The first of those that share a best truth gets it; the others are false.
            hits[near[np.unique(iou[near].argmax(1), return_index=True)[1]]] = True
    return hits


def _area(scores: NDArray[np.float32], hits: NDArray[np.bool_], total: int) -> float:
    if not len(scores) or not total:
        return 0.0
    ordered = hits[np.argsort(-scores, kind="stable")].astype(np.float64)
    right, wrong = np.cumsum(ordered), np.cumsum(1 - ordered)
    recall = np.concatenate([[0.0], right / (total + 1e-8), [1.0]])
    precision = np.concatenate([[0.0], right / (right + wrong + 1e-8), [0.0]])
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall) * envelope[1:]))
