"""Loss of the attribute head: several labels per person beside the detector's class."""

from __future__ import annotations

import torch
from torch import Tensor

from uhd.assigners.assignment import Grid, Predictions
from uhd.assigners.legacy import LegacyAssigner
from uhd.assigners.targets import Targets
from uhd.losses.classification import binary_cross_entropy


def attribute_loss(logits: Tensor, targets: Targets, priors: Tensor) -> Tensor:
    """Return the cross-entropy of the attributes, summed and divided by the number of positives.

    Args:
        logits: (B, A * attributes, h, w), channel a * attributes + j.
        targets: boxes whose labels are attributes; boxes in one cell with one anchor add up their labels.
        priors: (A, 2) anchors times their scale, normalised.
    """
    b, channels, h, w = logits.shape
    count = channels // len(priors)
    table = logits.float().view(b, len(priors), count, h * w).transpose(2, 3).reshape(b, -1, count)
    grid = Grid(h, w, priors.detach())
    empty = Predictions(table.new_zeros(b, grid.predictions, 4), table.new_zeros(b, grid.predictions, 1))
    assigned = LegacyAssigner()(empty, targets, grid)
    index = (assigned.prediction * count + targets.people_labels[:, None]).flatten()
    goal = torch.zeros_like(table).flatten().index_fill_(0, index, 1).view_as(table)
    positive = assigned.gt_index >= 0
    return (binary_cross_entropy(table, goal).sum(-1) * positive).sum() / positive.sum().clamp(min=1)
