"""Regions where nobody knows what is there: predictions in them are not punished for finding something."""

from __future__ import annotations

import torch
from torch import Tensor

from uhd.assigners.assignment import Assignment, Grid, Predictions
from uhd.assigners.targets import Targets


@torch.no_grad()
def taught_mask(assignment: Assignment, predictions: Predictions, targets: Targets, grid: Grid) -> Tensor | None:
    """Return which predictions (B, N) may be taught: all positives, and the negatives outside ignore regions.

    A negative lies in a region when at least half of its box (as far as the image goes) does, or the centre of its
    cell. Predictions that the assigner leaves neutral are not taught either.
    None means that there is nothing of the kind in this batch and all count.
    """
    regions = targets.regions
    if len(regions.image) == 0:
        return None if assignment.neutral is None else ~assignment.neutral
    left, top, right, bottom = predictions.boxes.movedim(-1, 0).index_select(1, regions.image).clamp_(0, 1)
    area = (right - left) * (bottom - top)
    x1, y1, x2, y2 = (regions.boxes[:, i : i + 1] for i in range(4))
    wide = torch.minimum(right, x2) - torch.maximum(left, x1)
    high = torch.minimum(bottom, y2) - torch.maximum(top, y1)
    inside = wide.clamp_(min=0) * high.clamp_(min=0) * 2 >= area.clamp_(min=1e-12)

    cx = (torch.arange(grid.width, device=x1.device) + 0.5) / grid.width
    cy = (torch.arange(grid.height, device=x1.device) + 0.5) / grid.height
    cell = ((cy >= y1) & (cy <= y2))[:, :, None] & ((cx >= x1) & (cx <= x2))[:, None, :]
    inside |= cell.flatten(1).repeat(1, len(grid.priors))
    hits = torch.zeros_like(assignment.iou).index_add_(0, regions.image, inside.float())
    taught = (hits == 0) | (assignment.gt_index >= 0)
    return taught if assignment.neutral is None else taught & ~assignment.neutral


def weigh_people(keep: Tensor | None, assignment: Assignment, targets: Targets) -> Tensor | None:
    """Return what each prediction (B, N) counts for: 0 or 1 as ``keep`` says, positives their person's weight."""
    if targets.weights is None:
        return keep
    own = targets.weights.gather(1, assignment.gt_index.clamp(min=0))
    counts = torch.where(assignment.gt_index >= 0, own, torch.ones_like(own))
    return counts if keep is None else counts * keep
