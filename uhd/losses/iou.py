"""Overlap of boxes: IoU, GIoU (Rezatofighi et al., 2019), DIoU and CIoU (Zheng et al., 2020).

Papers: https://arxiv.org/abs/1902.09630, https://arxiv.org/abs/1911.08287
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from uhd.losses.config import IOU_LOSSES

# Added to areas and lengths, so that boxes without any give finite values and gradients.
EPS = 1e-7


def aligned_iou(a_xyxy: Tensor, b_xyxy: Tensor, kind: str = "iou") -> tuple[Tensor, Tensor]:
    """Compare box i of one list with box i of the other.

    Args:
        a_xyxy, b_xyxy: (..., 4) corner boxes in a unit in which their areas are far above ``EPS``, normalised or
            pixels: below, the overlap of equal boxes falls from 1 to 0; ``a`` is the prediction, whose gradient is
            wanted.
        kind: ``iou`` (0 to 1), ``giou``, ``diou`` (-1 to 1) or ``ciou`` (at most 1, below -1 for far-apart boxes).

    Returns:
        the wanted overlap (...) and the plain IoU (...). With ``iou`` both are the same tensor.
    """
    ax1, ay1, ax2, ay2 = a_xyxy.unbind(-1)
    bx1, by1, bx2, by2 = b_xyxy.unbind(-1)
    aw, ah, bw, bh = ax2 - ax1, ay2 - ay1, bx2 - bx1, by2 - by1
    wide = torch.minimum(ax2, bx2) - torch.maximum(ax1, bx1)
    high = torch.minimum(ay2, by2) - torch.maximum(ay1, by1)
    overlap = wide.clamp(min=0) * high.clamp(min=0)
    union = aw.clamp(min=0) * ah.clamp(min=0) + bw.clamp(min=0) * bh.clamp(min=0) - overlap
    iou = overlap / (union + EPS)
    if kind == "iou":
        return iou, iou
    hull_w = torch.maximum(ax2, bx2) - torch.minimum(ax1, bx1)
    hull_h = torch.maximum(ay2, by2) - torch.minimum(ay1, by1)
    if kind == "giou":
        hull = hull_w * hull_h
        return iou - (hull - union) / (hull + EPS), iou
    if kind not in ("diou", "ciou"):
        raise ValueError(f"kind must be one of {', '.join(IOU_LOSSES)}, not {kind!r}")
    centre = ((ax1 + ax2 - bx1 - bx2).square() + (ay1 + ay2 - by1 - by2).square()) / 4
    diagonal = hull_w.square() + hull_h.square() + EPS
    if kind == "diou":
        return iou - centre / diagonal, iou
    aspect = (4 / math.pi**2) * (torch.atan(bw / (bh + EPS)) - torch.atan(aw / (ah + EPS))).square()
    with torch.no_grad():
        alpha = aspect / (1 - iou + aspect + EPS)
    return iou - centre / diagonal - alpha * aspect, iou


def pairwise_iou(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """Return the (..., N, M) IoU of (..., N, 4) and (..., M, 4) corner boxes, units as in :func:`aligned_iou`."""
    return aligned_iou(a_xyxy[..., :, None, :], b_xyxy[..., None, :, :])[1]
