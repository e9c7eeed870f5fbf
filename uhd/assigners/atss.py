"""Adaptive training sample selection (Zhang et al., ATSS, 2020): everybody has a threshold of their own.

Paper: https://arxiv.org/abs/1912.02424
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from uhd.assigners.assignment import Assignment, Grid, Predictions, assignment, owners
from uhd.assigners.pairs import iou_table, near_centre, prior_iou_table

if TYPE_CHECKING:
    from uhd.assigners.targets import Targets


@dataclass(frozen=True)
class ATSSAssigner:
    """Candidates are the anchors of the ``topk`` cells nearest to the person's centre.

    Those learn it whose IoU with it reaches the mean of the candidates' plus their standard deviation, and whose centre
    lies inside it. An anchor wanted by several people goes to the one it overlaps most. A person smaller than a cell
    may hold no centre of one; then the cell that holds the person's centre counts, where the paper has none.

    Depends on the predictions only for the IoU that it reports.
    """

    topk: int = 9

    @torch.no_grad()
    def __call__(self, predictions: Predictions, targets: Targets, grid: Grid) -> Assignment:
        """Assign by the anchors."""
        people, anchors = targets.people, len(grid.priors)
        centre = (people.boxes[:, :2] + people.boxes[:, 2:]) / 2
        device = centre.device
        x = (torch.arange(grid.width, device=device) + 0.5) / grid.width - centre[:, :1]
        y = (torch.arange(grid.height, device=device) + 0.5) / grid.height - centre[:, 1:]
        apart = (y.square()[:, :, None] + x.square()[:, None]).flatten(1)
        cell = apart.argsort(dim=1, stable=True)[:, : self.topk]
        index = (cell[:, None] + torch.arange(anchors, device=device)[:, None] * grid.cells).flatten(1)
        fit = prior_iou_table(targets, grid).gather(1, index)
        mean = fit.mean(1, keepdim=True)
        bound = mean + ((fit - mean).square().sum(1, keepdim=True) / max(1, fit.shape[1] - 1)).sqrt()
        inside = near_centre(targets, grid, 1.0, 0.0).flatten(1).gather(1, cell).repeat(1, anchors)
        claims = (fit >= bound) & inside
        prediction = index + people.image[:, None] * grid.predictions
        owner = owners(prediction, claims, fit, grid.predictions * len(targets.boxes))
        reported = iou_table(predictions, targets).gather(1, index)
        return assignment(prediction, claims, reported, owner, targets, grid)
