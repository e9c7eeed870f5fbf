"""Greedy non-maximum suppression without a loop over boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import iou_matrix

_BLOCK = 96


def nms(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    iou_threshold: float,
    class_ids: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Keep the best box of every group of overlapping ones.

    The greedy result is the fixed point of "a box survives when no better survivor overlaps it", reached in as many
    steps as the longest chain of suppressions (Cluster-NMS, Zheng et al. 2020), so it is exact and vectorised.

    Args:
        boxes: (N, 4) ``xyxy``, any unit.
        scores: (N,); equal scores keep their order.
        iou_threshold: a box is dropped when its IoU with a kept better one reaches this.
        class_ids: (N,) suppress only within a class; None treats all as one class.

    Returns:
        Indices of the kept boxes, best first.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = boxes[order]
    ids = None if class_ids is None else class_ids[order]
    kept = np.zeros(0, np.int64)
    for start in range(0, len(order), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(order)))
        # Survivors of better blocks are few: comparing with them alone saves most of the full table.
        block = block[~_overlap(ranked, ids, kept, block, iou_threshold).any(0)]
        kept = np.concatenate([kept, block[_survivors(_overlap(ranked, ids, block, block, iou_threshold))]])
    return order[kept].astype(np.int64)


def _overlap(
    boxes: NDArray[np.float32],
    ids: NDArray[np.int64] | None,
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    iou_threshold: float,
) -> NDArray[np.bool_]:
    rival = iou_matrix(boxes[a], boxes[b], eps=1e-6) >= iou_threshold
    if ids is not None:
        rival &= ids[a][:, None] == ids[b][None, :]
    return np.asarray(rival)


def _survivors(rival: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which of the ranked boxes survive, given which pairs overlap (N, N)."""
    better = np.asarray(np.triu(rival, 1))
    keep: NDArray[np.bool_] = np.ones(len(rival), bool)
    while True:
        survives = np.asarray(~(better & keep[:, None]).any(0))
        if (survives == keep).all():
            return keep
        keep = survives
