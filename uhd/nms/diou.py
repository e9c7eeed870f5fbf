"""DIoU-NMS (Zheng et al., 2020): two boxes are duplicates only if their centres lie near each other, too.

Paper: https://arxiv.org/abs/1911.08287
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import as_floats
from uhd.nms.greedy import Rows, check_lengths, survivors
from uhd.nms.pairs import duplicate_pairs

# The IoU of candidates is found in float32; what rounding took away may not cost one.
_SLACK = 0.999


def diou(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], class_ids: NDArray[np.int64], iou: float, _sigma: float
) -> Rows:
    """Return the boxes (K, 4), scores (K,) and class ids (K,) that :func:`diou_nms` keeps, best first."""
    kept = diou_nms(boxes, scores, iou, class_ids)
    return boxes[kept], scores[kept], class_ids[kept]


def diou_nms(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    threshold: float,
    class_ids: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Keep the best box of every group; see :func:`uhd.nms.nms`, with DIoU in place of IoU.

    DIoU is the IoU less the squared distance of the centres over the squared diagonal of the box around both: people
    who stand one behind the other overlap as much as two boxes of one person, but farther from centre to centre.

    Args:
        boxes: (N, 4) ``xyxy``, any unit.
        scores: (N,); equal scores keep their order.
        threshold: a box is dropped when its DIoU with a kept better one reaches this; 0 or less, and more
            than 1, drop none.
        class_ids: (N,) suppress only within a class; None treats all as one class.

    Returns:
        Indices of the kept boxes, best first; scores that are not numbers come last.

    Raises:
        ValueError: the arguments are not of one length.
    """
    check_lengths(boxes, scores, class_ids)
    order = np.argsort(-scores, kind="stable")
    if not 0 < threshold <= 1 or len(order) < 2:
        return order.astype(np.int64, copy=False)
    ranked = as_floats(boxes)[order]
    # DIoU never exceeds IoU.
    ids = None if class_ids is None else class_ids[order]
    better, worse = duplicate_pairs(ranked, threshold * _SLACK, ids)
    near = pair_diou(ranked[better].astype(np.float64), ranked[worse].astype(np.float64)) >= threshold
    keep = survivors(len(order), better[near], worse[near])
    return order[keep].astype(np.int64, copy=False)


def pair_diou(a_xyxy: NDArray[np.float64], b_xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the DIoU (P,), -1 to 1, of box i of one list (P, 4) with box i of the other; both have an area."""
    low, high = np.maximum(a_xyxy[:, :2], b_xyxy[:, :2]), np.minimum(a_xyxy[:, 2:], b_xyxy[:, 2:])
    overlap = np.maximum(high - low, 0).prod(1)
    union = (a_xyxy[:, 2:] - a_xyxy[:, :2]).prod(1) + (b_xyxy[:, 2:] - b_xyxy[:, :2]).prod(1) - overlap
    hull = np.maximum(a_xyxy[:, 2:], b_xyxy[:, 2:]) - np.minimum(a_xyxy[:, :2], b_xyxy[:, :2])
    apart = (a_xyxy[:, :2] + a_xyxy[:, 2:] - b_xyxy[:, :2] - b_xyxy[:, 2:]) / 2
    return np.asarray(overlap / union - np.square(apart).sum(1) / np.square(hull).sum(1))
