"""Is a table of rows what suppression leaves of the candidates, up to the rounding of scores and boxes?

Boxes whose scores are equal up to rounding may come in either order, and which of two duplicates survives decides about
others: two right answers can differ in whole rows. What holds of every right one is checked instead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import clip_xyxy, cxcywh_to_xyxy, iou_matrix

Array = NDArray[np.float32]
BUT_CLASS = (0, 2, 3, 4, 5)  # columns of a row
# What rounding may change.
_SCORE, _BOX, _IOU = 1e-5, 1e-3, 1e-3


def best_classes(scores: Array) -> NDArray[np.bool_]:
    """Return which classes (N, C) each candidate may be of: several where an untrained network scores them alike."""
    return np.asarray(scores >= scores.max(1, keepdims=True) - _SCORE)


def is_suppressed(shown: Array, candidates: Array, classes: NDArray[np.bool_], iou: float, least: float) -> bool:
    """Return whether no rows shown are duplicates, and each candidate left out has a better duplicate that is shown.

    Args:
        shown: (K, 6) rows score, class id, cx, cy, w, h, in shares of the frame.
        candidates: (N, 6), the same before suppression.
        classes: (N, C), those that each candidate may be of.
        iou: at which a box is a duplicate of a better one of its class.
        least: score up to which a candidate may be missing without a reason.
    """
    among = np.where(shown[:, None, 1] == shown[None, :, 1], _overlaps(shown, shown), 0)
    np.fill_diagonal(among, 0)
    if (among > iou + _IOU).any():
        return False
    above = candidates[:, 0] > least + _SCORE
    wanted, alike = candidates[above], classes[above][:, shown[:, 1].astype(int)]
    better = shown[None, :, 0] >= wanted[:, None, 0] - _SCORE
    apart = (np.abs(wanted[:, None] - shown[None]) / np.maximum(1, np.abs(wanted[:, None])))[..., BUT_CLASS].max(2)
    return bool((alike & ((apart < _BOX) | (better & (_overlaps(wanted, shown) >= iou - _IOU)))).any(1).all())


def _overlaps(a: Array, b: Array) -> Array:
    """Return the IoU (N, M) of what is seen of two tables' boxes."""
    first, second = (clip_xyxy(cxcywh_to_xyxy(each[:, 2:])) for each in (a, b))
    return iou_matrix(first, second)
