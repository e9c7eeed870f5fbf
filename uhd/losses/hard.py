"""Online hard example mining (Shrivastava et al., 2016): of the many negatives only the hardest are taught.

Paper: https://arxiv.org/abs/1604.03540
"""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def hardest(loss: Tensor, positive: Tensor, keep: Tensor | None, ratio: float) -> Tensor | None:
    """Return which predictions (B, N) are taught: all positives, and ``ratio`` negatives for each in the batch.

    Args:
        loss: (B, N) of every prediction as background, or what grows with it, as its logit does.
        positive: (B, N) bool.
        keep: (B, N) bool, which may be taught; None for all.
        ratio: negatives per positive, of at least one; 0 returns ``keep``.
    """
    if ratio <= 0:
        return keep
    barred = positive if keep is None else positive | ~keep
    order = loss.masked_fill(barred, -torch.inf).flatten().argsort(descending=True, stable=True)
    place = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))
    chosen = (place < positive.sum().clamp(min=1) * ratio).view_as(positive) & ~barred
    return chosen | positive
