"""Greedy non-maximum suppression without a loop over boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import iou_matrix


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
    if not len(order):
        return order.astype(np.int64)
    ranked = boxes[order]
    rival = iou_matrix(ranked, ranked, eps=1e-6) >= iou_threshold
    if class_ids is not None:
        ids = class_ids[order]
        rival &= ids[:, None] == ids[None, :]
    rival = np.asarray(np.triu(rival, 1))
    keep: NDArray[np.bool_] = np.ones(len(order), bool)
    while True:
        survives = np.asarray(~(rival & keep[:, None]).any(0))
        if (survives == keep).all():
            return order[keep].astype(np.int64)
        keep = survives
