"""Losses on logits. All return one value per element; the caller weighs and averages them.

Sums over all cells are divided by the number of positives, not of cells: a mean would drown the few people.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def binary_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of a sigmoid with a soft target in [0, 1]."""
    return F.softplus(logits) - logits * target


def focal(logits: Tensor, target: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Focal loss (Lin et al., 2017, https://arxiv.org/abs/1708.02002); ``target`` 0 to 1."""
    p = torch.sigmoid(logits)
    miss = p + target - 2 * p * target
    return (alpha * target + (1 - alpha) * (1 - target)) * miss**gamma * binary_cross_entropy(logits, target)


def quality_focal(logits: Tensor, target: Tensor, beta: float = 2.0) -> Tensor:
    """Quality focal loss (Li et al., 2020, https://arxiv.org/abs/2006.04388): the target is the IoU, 0 to 1."""
    return (target - torch.sigmoid(logits)).abs() ** beta * binary_cross_entropy(logits, target)


def varifocal(logits: Tensor, target: Tensor, alpha: float = 0.75, gamma: float = 2.0) -> Tensor:
    """Varifocal loss (Zhang et al., 2021): positives weigh their IoU, 0 to 1, negatives alpha p^gamma.

    The gradient goes through the weight of negatives too, as in focal loss; that of positives is a constant.

    Paper: https://arxiv.org/abs/2008.13367
    """
    weight = torch.where(target > 0, target.detach(), alpha * torch.sigmoid(logits) ** gamma)
    return weight * binary_cross_entropy(logits, target)


def varifocal_legacy(logits: Tensor, target: Tensor, alpha: float = 0.75, gamma: float = 2.0) -> Tensor:
    """Varifocal loss as the original has it: weight t^2 + alpha (1 - t) p^gamma, positives included.

    The target t is the IoU, 0 to 1.
    """
    weight = target**2 + alpha * (1 - target) * torch.sigmoid(logits) ** gamma
    return weight * binary_cross_entropy(logits, target)


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of a softmax over the last axis: logits (..., C) and class numbers (...) to (...)."""
    rows = logits.reshape(-1, logits.shape[-1])
    return F.cross_entropy(rows, target.flatten(), reduction="none").view(target.shape)


def distribution_focal(logits: Tensor, target: Tensor) -> Tensor:
    """Distribution focal loss (Li et al., 2020): the two bins around the target share the probability.

    The value that a distribution stands for is the mean of the bin numbers 0 .. bins - 1.

    Paper: https://arxiv.org/abs/2006.04388

    Args:
        logits: (..., bins), at least 2 of them.
        target: (...) in bins; what lies outside is moved just inside.

    Raises:
        ValueError: fewer than 2 bins.
    """
    bins = logits.shape[-1]
    if bins < 2:
        raise ValueError(f"a distribution has at least 2 bins, not {bins}")
    wanted = target.clamp(0, bins - 1 - 1e-2)
    # In half precision just inside is rounded to the last bin, which has no right neighbour.
    left = wanted.floor().clamp(max=bins - 2)
    share = wanted - left
    index = left.long()
    return (1 - share) * cross_entropy(logits, index) + share * cross_entropy(logits, index + 1)


# Their public names, as :mod:`uhd.losses` exports them.
binary_cross_entropy_loss = binary_cross_entropy
cross_entropy_loss = cross_entropy
distribution_focal_loss = distribution_focal
focal_loss = focal
quality_focal_loss = quality_focal
varifocal_loss = varifocal
