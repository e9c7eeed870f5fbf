"""The class term of an anchor head, the same under every objective."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from uhd.losses.classification import binary_cross_entropy, focal, quality_focal, varifocal, varifocal_legacy

# Summed over all cells, divided by the number of positives.
_SUMMED: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"vfl": varifocal, "focal": focal, "qfl": quality_focal}
# Those that teach background too; of the first three the target of a positive is its fit.
DENSE = ("vfl", "qfl", "vfl-legacy", "focal")
OF_FIT = ("vfl", "qfl", "vfl-legacy")


def dense_class_loss(
    kind: str, logits: Tensor, goal: Tensor, keep: Tensor | None, number: Tensor, weight: Tensor | None = None
) -> Tensor:
    """Return the class term of all cells.

    Args:
        kind: one of ``DENSE``.
        logits, goal: (B, N, classes); goals 0 to 1.
        keep: (B, N), which predictions are taught; None for all.
        number: of positives.
        weight: (classes,); None for 1 each.
    """
    if kind == "vfl-legacy":
        each = _weigh(varifocal_legacy(logits, goal), weight)
        if keep is None:
            return each.mean() * (number > 0)
        kept = keep[..., None].expand_as(each)
        return (each * kept).sum() / kept.sum().clamp(min=1) * (number > 0)
    each = _weigh(_SUMMED[kind](logits, goal), weight).sum(-1)
    return (each if keep is None else each * keep).sum() / number.clamp(min=1)


def claimed_class_loss(
    kind: str, logits: Tensor, labels: Tensor, label_sets: Tensor | None, weight: Tensor | None = None
) -> Tensor:
    """Return the class term (R,) of predictions that have a person.

    Args:
        kind: ``ce`` lets one class win, ``bce`` asks about each.
        logits: (R, classes).
        labels: (R,) the person's class.
        label_sets: (R, classes) 1 for each of several classes; None where there is one.
        weight: (classes,); None for 1 each.
    """
    if logits.shape[1] == 0:
        return logits.sum(1)
    if label_sets is not None:
        return _weigh(binary_cross_entropy(logits, label_sets[:, : logits.shape[1]]), weight).sum(1)
    if kind == "ce" and logits.shape[1] > 1:
        return F.cross_entropy(logits, labels, weight, reduction="none")
    goal = F.one_hot(labels, logits.shape[1]) if logits.shape[1] > 1 else torch.ones_like(logits)
    return _weigh(binary_cross_entropy(logits, goal), weight).sum(1)


def _weigh(each: Tensor, weight: Tensor | None) -> Tensor:
    return each if weight is None else each * weight
