"""The original's ``mAP@0.5``, kept so that its numbers can be compared with ours.

It differs from the usual definition: a detection whose best truth is taken gets no second choice, a class without
ground truth counts as 0, and only detections above the confidence threshold exist.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import cxcywh_to_xyxy, iou_matrix


def original_map(
    predictions: Sequence[NDArray[np.float64]],
    truths: Sequence[tuple[NDArray[np.float64], NDArray[np.int64]]],
    num_classes: int,
    iou_thresh: float = 0.5,
) -> dict[str, float]:
    """Return ``mAP@0.5`` and ``AP@0.5_class<i>``.

    Args:
        predictions: per image (K, 6): score, class, cx, cy, w, h.
        truths: per image boxes (N, 4) ``cxcywh`` and labels (N,).
        num_classes: classes averaged.
        iou_thresh: least IoU of a match.
    """
    result = {}
    for class_id in range(num_classes):
        rows: list[tuple[float, bool]] = []
        total = 0
        for found, (boxes, labels) in zip(predictions, truths, strict=True):
            wanted = boxes[labels == class_id]
            total += len(wanted)
            rows += _class_hits(found[found[:, 1] == class_id], wanted, iou_thresh) if len(found) else []
        result[f"AP@0.5_class{class_id}"] = _area(rows, total)
    return {"mAP@0.5": float(np.mean(list(result.values()))) if result else 0.0, **result}


def _class_hits(found: NDArray[np.float64], truth: NDArray[np.float64], iou_thresh: float) -> list[tuple[float, bool]]:
    order = np.argsort(-found[:, 0], kind="stable")
    used = np.zeros(len(truth), bool)
    hits = []
    iou = iou_matrix(_corners(found[:, 2:6]), _corners(truth), eps=1e-6) if len(truth) else np.zeros((len(found), 0))
    for k in order:
        best = int(iou[k].argmax()) if len(truth) else -1
        hit = best >= 0 and iou[k, best] >= iou_thresh and not used[best]
        if hit:
            used[best] = True
        hits.append((float(found[k, 0]), hit))
    return hits


def _corners(boxes: NDArray[np.float64]) -> NDArray[np.float32]:
    return cxcywh_to_xyxy(boxes.astype(np.float32))


def _area(rows: list[tuple[float, bool]], total: int) -> float:
    if not rows or not total:
        return 0.0
    ordered = np.array([hit for _, hit in sorted(rows, key=lambda row: -row[0])], np.float64)
    hits, misses = np.cumsum(ordered), np.cumsum(1 - ordered)
    recall = np.concatenate([[0.0], hits / (total + 1e-8), [1.0]])
    precision = np.concatenate([[0.0], hits / (hits + misses + 1e-8), [0.0]])
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall) * envelope[1:]))
