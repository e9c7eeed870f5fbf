"""The differentiable twin of :mod:`uhd.heads.ltrb`: same formulas, same order, torch tensors."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from uhd.models.decode import cell_grid


def ltrb_distances(ltrb: Tensor, reg_max: int) -> Tensor:
    """Return distances (B, 4, N), in cells, from logits (B, 4 * (reg_max + 1), h, w)."""
    b, channels, h, w = ltrb.shape
    logits = ltrb.reshape(b, 4, channels // 4, h * w)
    if not reg_max:
        return F.softplus(logits[:, :, 0])
    bins = torch.arange(reg_max + 1, device=ltrb.device, dtype=ltrb.dtype)
    return (logits.softmax(2) * bins[:, None]).sum(2)


def decode_ltrb(ltrb: Tensor, reg_max: int) -> Tensor:
    """Return boxes (B, N, 4) ``xyxy``, normalised, not clipped, from logits (B, 4 * (reg_max + 1), h, w)."""
    h, w = ltrb.shape[2:]
    centre = cell_grid(h, w, ltrb.device) + 0.5
    distance = ltrb_distances(ltrb, reg_max)
    extent = ltrb.new_tensor([w, h])[:, None]
    corners = torch.cat([(centre - distance[:, :2]) / extent, (centre + distance[:, 2:]) / extent], 1)
    return corners.transpose(1, 2)
