"""Overlap of boxes: IoU, GIoU (Rezatofighi et al., 2019), CIoU (Zheng et al., 2020); see :mod:`uhd.losses.iou`.

Papers: https://arxiv.org/abs/1902.09630, https://arxiv.org/abs/1911.08287
"""

from __future__ import annotations

import math
from typing import Any

from keras import ops

from uhd.losses.config import IOU_LOSSES

EPS = 1e-7


def aligned_iou(a_xyxy: Any, b_xyxy: Any, kind: str = "iou") -> tuple[Any, Any]:
    """Return the wanted overlap (...) and the plain IoU (...) of boxes (..., 4) with boxes (..., 4), broadcast.

    Args:
        a_xyxy, b_xyxy: corner boxes; ``a`` is the prediction, whose gradient is wanted.
        kind: ``iou``, ``giou`` or ``ciou``.
    """
    ax1, ay1, ax2, ay2 = (a_xyxy[..., i] for i in range(4))
    bx1, by1, bx2, by2 = (b_xyxy[..., i] for i in range(4))
    aw, ah, bw, bh = ax2 - ax1, ay2 - ay1, bx2 - bx1, by2 - by1
    wide = ops.minimum(ax2, bx2) - ops.maximum(ax1, bx1)
    high = ops.minimum(ay2, by2) - ops.maximum(ay1, by1)
    overlap = ops.relu(wide) * ops.relu(high)
    union = ops.relu(aw) * ops.relu(ah) + ops.relu(bw) * ops.relu(bh) - overlap
    iou = overlap / (union + EPS)
    if kind == "iou":
        return iou, iou
    hull_w = ops.maximum(ax2, bx2) - ops.minimum(ax1, bx1)
    hull_h = ops.maximum(ay2, by2) - ops.minimum(ay1, by1)
    if kind == "giou":
        hull = hull_w * hull_h
        return iou - (hull - union) / (hull + EPS), iou
    if kind != "ciou":
        raise ValueError(f"kind must be one of {', '.join(IOU_LOSSES)}, not {kind!r}")
    centre = (ops.square(ax1 + ax2 - bx1 - bx2) + ops.square(ay1 + ay2 - by1 - by2)) / 4
    diagonal = ops.square(hull_w) + ops.square(hull_h) + EPS
    aspect = (4 / math.pi**2) * ops.square(ops.arctan(bw / (bh + EPS)) - ops.arctan(aw / (ah + EPS)))
    alpha = ops.stop_gradient(aspect / (1 - iou + aspect + EPS))
    return iou - centre / diagonal - alpha * aspect, iou


def iou_table(boxes: Any, people: Any) -> Any:
    """Return the IoU (B, M, N) of people (B, M, 4) with boxes (B, N, 4)."""
    return aligned_iou(boxes[:, None], people[:, :, None])[1]
