"""The original's assigner: one prediction per person, the cell of its centre and the anchor of most like shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from uhd.assigners.assignment import Assignment, Grid, Predictions, assignment, owners
from uhd.assigners.pairs import iou_table, wh_iou

if TYPE_CHECKING:
    from uhd.assigners.targets import Targets


@dataclass(frozen=True)
class LegacyAssigner:
    """Of people in one cell with one anchor the last owns the prediction; all of them claim it for their class."""

    @torch.no_grad()
    def __call__(self, predictions: Predictions, targets: Targets, grid: Grid) -> Assignment:
        """Assign; depends on the predictions only for the IoU it reports."""
        people = targets.people
        size = people.boxes[:, 2:] - people.boxes[:, :2]
        centre = (people.boxes[:, :2] + people.boxes[:, 2:]) / 2
        # The bound keeps a centre on the right or lower edge inside the last cell.
        column = (centre[:, 0] * grid.width).clamp(0, grid.width - 1e-3).long()
        row = (centre[:, 1] * grid.height).clamp(0, grid.height - 1e-3).long()
        anchor = wh_iou(size, grid.priors).argmax(1)
        index = (anchor * grid.cells + row * grid.width + column)[:, None]
        overlap = iou_table(predictions, targets).gather(1, index)
        prediction = index + people.image[:, None] * grid.predictions
        claims = torch.ones_like(prediction, dtype=torch.bool)
        last = people.slot[:, None].to(overlap.dtype)
        owner = owners(prediction, claims, last, grid.predictions * len(targets.boxes))
        return assignment(prediction, claims, overlap, owner, targets, grid)
