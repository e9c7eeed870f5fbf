"""Soft-NMS (Bodla et al., 2017): boxes that overlap a better one lose score instead of being dropped.

Paper: https://arxiv.org/abs/1704.04503
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import iou_matrix
from uhd.nms.greedy import Rows, check_lengths

DECAYS = ("gaussian", "linear")
# Added to the union, so that boxes without area overlap nothing and the unit of the boxes makes no difference.
_EPS = float(np.finfo(np.float32).tiny)
# Up to so many boxes the overlaps of all with all are found at once.
_TABLE = 1024


def soft_linear(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], class_ids: NDArray[np.int64], iou: float, _sigma: float
) -> Rows:
    """Return all rows with the scores of :func:`soft_nms` under linear decay, best first."""
    order, decayed = soft_nms(boxes, scores, iou, class_ids, decay="linear")
    return boxes[order], decayed, class_ids[order]


def soft_gaussian(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], class_ids: NDArray[np.int64], _iou: float, sigma: float
) -> Rows:
    """Return all rows with the scores of :func:`soft_nms` under Gaussian decay, best first."""
    order, decayed = soft_nms(boxes, scores, 0.5, class_ids, sigma)
    return boxes[order], decayed, class_ids[order]


def soft_nms(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    iou_threshold: float = 0.5,
    class_ids: NDArray[np.int64] | None = None,
    sigma: float = 0.5,
    decay: str = "gaussian",
    least_score: float = 0.0,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Lower the scores of boxes that overlap better ones: the best of what is left is taken, the others decay, again.

    Args:
        boxes: (N, 4) ``xyxy``, any unit.
        scores: (N,) from 0; they are not written to. Of equal ones the first counts as better.
        iou_threshold: of ``linear``: IoU from which a score decays.
        class_ids: (N,) decay only within a class; None treats all as one class.
        sigma: of ``gaussian``, above 0: smaller decays faster.
        decay: ``gaussian``: times ``exp(-IoU^2 / sigma)``; ``linear``: times ``1 - IoU``.
        least_score: rows whose score falls below are dropped.

    Returns:
        indices (K,) of the rows in the order they were taken, best first, and their decayed scores (K,). As of
        :func:`uhd.nms.nms`, scores that are not numbers come last; no ``least_score`` drops them.

    Raises:
        ValueError: another decay, a sigma that is not above 0, or arguments that are not of one length.
    """
    check_lengths(boxes, scores, class_ids)
    if decay not in DECAYS or not sigma > 0:
        raise ValueError(f"decay {decay!r} is not one of {', '.join(DECAYS)}, or sigma {sigma} is not above 0")
    left = np.array(scores, np.float32)
    ids = np.zeros(len(left), np.int64) if class_ids is None else class_ids
    table = iou_matrix(boxes, boxes, _EPS) if len(boxes) <= _TABLE else None
    # NaN would be every maximum.
    alive = ~np.isnan(left)
    left[~alive] = -np.inf
    last = np.flatnonzero(~alive)
    taken, final = np.zeros(len(left), np.int64), np.zeros(len(left), np.float32)
    count = len(left) - len(last)
    for place in range(count):
        best = int(left.argmax())
        if not left[best] >= least_score:
            count = place
            break
        taken[place], final[place] = best, left[best]
        left[best], alive[best] = -np.inf, False
        overlap = iou_matrix(boxes[best : best + 1], boxes, _EPS)[0] if table is None else table[best]
        # Not of boxes that are not numbers, either.
        overlap = np.where((ids == ids[best]) & (overlap > 0), overlap, np.float32(0))
        if decay == "gaussian":
            factor = np.exp(np.square(overlap) / np.float32(-sigma))
        else:
            factor = np.where((overlap >= np.float32(iou_threshold)) & (overlap > 0), 1 - overlap, np.float32(1))
        np.multiply(left, factor, out=left, where=alive)
    end = count + len(last)
    taken[count:end], final[count:end] = last, np.nan
    return taken[:end], final[:end]
