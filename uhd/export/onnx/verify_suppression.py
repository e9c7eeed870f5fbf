"""Is a table of rows what suppression leaves of the candidates, up to the rounding of scores and boxes?

Boxes whose scores are equal up to rounding may come in either order, and which of two duplicates survives decides about
others: two right answers can differ in whole rows. What holds of every right one is checked instead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import clip_xyxy, cxcywh_to_xyxy, iou_matrix

Array = NDArray[np.float32]
# What rounding may change.
_SCORE, _BOX, _IOU = 1e-5, 1e-3, 1e-3


def is_suppressed(shown: Array, candidates: Array, iou: float, least: float) -> bool:
    """Return whether no rows shown are duplicates, and each candidate left out has a better duplicate that is shown.

    Args:
        shown: (K, 6) rows score, class id, cx, cy, w, h, in shares of the frame.
        candidates: (N, 6), the same before suppression.
        iou: at which a box is a duplicate of a better one of its class.
        least: score up to which a candidate may be missing without a reason.
    """
    among = _overlaps(shown, shown)
    np.fill_diagonal(among, 0)
    if (among > iou + _IOU).any():
        return False
    wanted = candidates[candidates[:, 0] > least + _SCORE]
    better = shown[None, :, 0] >= wanted[:, None, 0] - _SCORE
    there = (np.abs(wanted[:, None] - shown[None]) / np.maximum(1, np.abs(wanted[:, None]))).max(2) < _BOX
    return bool((there | (better & (_overlaps(wanted, shown) >= iou - _IOU))).any(1).all())


def _overlaps(a: Array, b: Array) -> Array:
    """Return the IoU (N, M) of what is seen of two tables' boxes, 0 for boxes of different classes."""
    first, second = (clip_xyxy(cxcywh_to_xyxy(each[:, 2:])) for each in (a, b))
    return np.where(a[:, None, 1] == b[None, :, 1], iou_matrix(first, second), np.float32(0))
