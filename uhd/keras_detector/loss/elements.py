"""Losses on logits, one value per element; the same formulas as :mod:`uhd.losses.classification`, papers there."""

from __future__ import annotations

from typing import Any

from keras import ops


def binary_cross_entropy(logits: Any, target: Any) -> Any:
    """Cross-entropy of a sigmoid with a soft target in [0, 1]."""
    return ops.softplus(logits) - logits * target


def focal(logits: Any, target: Any, alpha: float = 0.25, gamma: float = 2.0) -> Any:
    """Focal loss; ``target`` 0 to 1."""
    p = ops.sigmoid(logits)
    miss = p + target - 2 * p * target
    return (alpha * target + (1 - alpha) * (1 - target)) * miss**gamma * binary_cross_entropy(logits, target)


def quality_focal(logits: Any, target: Any, beta: float = 2.0) -> Any:
    """Quality focal loss; the target is the IoU, 0 to 1."""
    return ops.abs(target - ops.sigmoid(logits)) ** beta * binary_cross_entropy(logits, target)


def varifocal(logits: Any, target: Any, alpha: float = 0.75, gamma: float = 2.0) -> Any:
    """Varifocal loss: positives weigh their IoU, 0 to 1, a constant; negatives alpha p^gamma, with its gradient."""
    weight = ops.where(target > 0, ops.stop_gradient(target), alpha * ops.sigmoid(logits) ** gamma)
    return weight * binary_cross_entropy(logits, target)


def varifocal_legacy(logits: Any, target: Any, alpha: float = 0.75, gamma: float = 2.0) -> Any:
    """Varifocal loss as the original has it, positives included; the target is the IoU, 0 to 1."""
    weight = ops.square(target) + alpha * (1 - target) * ops.sigmoid(logits) ** gamma
    return weight * binary_cross_entropy(logits, target)


def objectness(logits: Any, target: Any, kind: str) -> Any:
    """Return the loss per element for targets 0 to 1; ``kind`` is ``bce`` or ``smoothl1`` (of the probability)."""
    if kind == "smoothl1":
        miss = ops.abs(ops.sigmoid(logits) - target)
        return ops.where(miss < 1, 0.5 * ops.square(miss), miss - 0.5)
    return binary_cross_entropy(logits, target)
