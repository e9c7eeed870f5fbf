"""Objectness: is there anybody, and how well does the box fit."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from uhd.losses.classification import binary_cross_entropy


def objectness_loss(logits: Tensor, target: Tensor, kind: str) -> Tensor:
    """Return the loss per element for targets 0 to 1; ``kind`` is ``bce`` or ``smoothl1`` (of the probability)."""
    if kind == "smoothl1":
        return F.smooth_l1_loss(torch.sigmoid(logits), target, reduction="none")
    return binary_cross_entropy(logits, target)
