"""Losses of boxes, one value per pair. What they are of the IoU kind is 1 minus the overlap of :mod:`.iou`."""

from __future__ import annotations

import torch
from torch import Tensor

from uhd.assigners.gaussian import CONSTANT, wasserstein
from uhd.losses.config import IOU_LOSSES
from uhd.losses.iou import EPS, aligned_iou


def box_loss(a_xyxy: Tensor, b_xyxy: Tensor, kind: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return the loss of boxes that learn others, by kind.

    Args:
        a_xyxy: (..., 4) predictions, normalised.
        b_xyxy: (..., 4) what they learn.
        kind: one of ``uhd.losses.config.BOX_LOSSES``.

    Returns:
        (...) the loss, the likeness that it is made of (IoU of the kind, or of Gaussians; of smooth L1 the plain IoU),
        and the plain IoU.
    """
    if kind in IOU_LOSSES:
        overlap, iou = aligned_iou(a_xyxy, b_xyxy, kind)
        return 1 - overlap, overlap, iou
    iou = aligned_iou(a_xyxy, b_xyxy)[1]
    if kind == "nwd":
        loss = nwd_loss(a_xyxy, b_xyxy)
        return loss, 1 - loss, iou
    return smooth_l1_boxes(a_xyxy, b_xyxy), iou, iou


def iou_loss(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """Return 1 - IoU (...), 0 to 1, of corner boxes (..., 4), normalised or in pixels: areas far above ``EPS``."""
    return 1 - aligned_iou(a_xyxy, b_xyxy, "iou")[0]


def giou_loss(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """Return 1 - GIoU (...), 0 to 2 (Rezatofighi et al., 2019, https://arxiv.org/abs/1902.09630)."""
    return 1 - aligned_iou(a_xyxy, b_xyxy, "giou")[0]


def diou_loss(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """Return 1 - DIoU (...), 0 to 2 (Zheng et al., 2020, https://arxiv.org/abs/1911.08287)."""
    return 1 - aligned_iou(a_xyxy, b_xyxy, "diou")[0]


def ciou_loss(a_xyxy: Tensor, b_xyxy: Tensor) -> Tensor:
    """Return 1 - CIoU (...), from 0 (Zheng et al., 2020, https://arxiv.org/abs/1911.08287).

    The factor of the aspect term is a constant to the gradient, as in the paper.
    """
    return 1 - aligned_iou(a_xyxy, b_xyxy, "ciou")[0]


def nwd_loss(a_xyxy: Tensor, b_xyxy: Tensor, constant: float = CONSTANT) -> Tensor:
    """Return 1 - the normalised Wasserstein distance (...), 0 to 1, of boxes as Gaussians.

    It falls smoothly also where tiny boxes do not overlap (Wang et al., 2021, https://arxiv.org/abs/2110.13389).

    Args:
        a_xyxy, b_xyxy: (..., 4) corner boxes.
        constant: in the unit of the boxes, about the size of a small object; the default is for normalised ones.
    """
    return 1 - torch.exp(-wasserstein(a_xyxy, b_xyxy, 1e-12) / constant)


def smooth_l1_loss(prediction: Tensor, target: Tensor, beta: float = 1.0) -> Tensor:
    """Return d^2 / (2 beta) where d = |prediction - target| is below beta, d - beta / 2 elsewhere; L1 at beta 0.

    Girshick, Fast R-CNN, 2015, https://arxiv.org/abs/1504.08083
    """
    distance = (prediction - target).abs()
    if beta <= 0:
        return distance
    return torch.where(distance < beta, distance.square() / (2 * beta), distance - beta / 2)


def smooth_l1_boxes(a_xyxy: Tensor, b_xyxy: Tensor, beta: float = 1 / 9) -> Tensor:
    """Return the smooth L1 (...) of a box against another, in the other's size, as Fast R-CNN encodes boxes.

    The four differences are those of the centre over width and height, and the logarithms of the ratios of width and
    height; so the unit makes no difference, and a small person counts like a large one.
    """
    size = (b_xyxy[..., 2:] - b_xyxy[..., :2]).clamp(min=EPS)
    centre = (a_xyxy[..., :2] + a_xyxy[..., 2:] - b_xyxy[..., :2] - b_xyxy[..., 2:]) / 2 / size
    ratio = ((a_xyxy[..., 2:] - a_xyxy[..., :2]).clamp(min=EPS) / size).log()
    distance = torch.cat([centre, ratio], -1)
    return smooth_l1_loss(distance, torch.zeros_like(distance), beta).sum(-1)
