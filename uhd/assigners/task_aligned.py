"""Our task-aligned assignment: that of TOOD with a centre prior and SimOTA's number of positives.

A prediction is good for a person when it both scores high and fits: metric = score^alpha * IoU^beta. How many
predictions a person gets grows with how well they fit already: the sum of its best IoUs (Ge et al., YOLOX, 2021).

The paper's own form is :mod:`uhd.assigners.task_aligned_paper`.

Papers: https://arxiv.org/abs/2108.07755 (TOOD, Feng et al.), https://arxiv.org/abs/2107.08430
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from uhd.assigners.assignment import Assignment, Grid, Predictions, assignment, owners
from uhd.assigners.pairs import iou_table, near_centre, score_table
from uhd.assigners.rescue import rescue

if TYPE_CHECKING:
    from uhd.assigners.targets import Targets

_WIDTH = 16  # predictions a person that lost all its own may fall back on


@dataclass(frozen=True)
class TaskAlignedAssigner:
    """See :class:`uhd.losses.config.LossConfig` for the fields."""

    alpha: float = 0.5
    beta: float = 4.0
    topk: int = 10
    radius: float = 0.8
    min_radius_cells: float = 0.75

    @torch.no_grad()
    def __call__(self, predictions: Predictions, targets: Targets, grid: Grid) -> Assignment:
        """Assign; every person gets a prediction as long as its surroundings hold one that is not another's only."""
        total = grid.predictions * len(targets.boxes)
        first = targets.people.image[:, None] * grid.predictions
        cells = near_centre(targets, grid, self.radius, self.min_radius_cells)
        candidate = cells.flatten(1).repeat(1, len(grid.priors))
        iou = iou_table(predictions, targets)
        # The root of the metric orders alike, costs one power less per pair, and does not underflow.
        power = self.alpha / self.beta
        metric = score_table(Predictions(predictions.boxes, predictions.scores**power), targets) * iou
        metric = metric.masked_fill_(~candidate, -1)
        best, index = metric.topk(min(max(_WIDTH, self.topk), grid.predictions), dim=1)
        fits = iou.masked_fill(~candidate, 0).topk(min(self.topk, grid.predictions), dim=1, sorted=False)[0]
        wanted = fits.sum(1, keepdim=True).round_().clamp_(1, self.topk)

        usable, prediction, overlap = best >= 0, index + first, iou.gather(1, index)
        claims = usable & (torch.arange(best.shape[1], device=best.device) < wanted)
        owner = owners(prediction, claims, overlap, total)
        claims = rescue(prediction, claims, usable, overlap, owner)
        prediction, claims, overlap = _shorten(prediction, claims, overlap, self.topk)
        return assignment(prediction, claims, overlap, owner, targets, grid)


def _shorten(prediction: Tensor, claims: Tensor, overlap: Tensor, topk: int) -> tuple[Tensor, Tensor, Tensor]:
    """Keep ``topk`` columns: only the single claim of a rescued person can lie beyond them, and moves to the first."""
    first = claims.int().argmax(1, keepdim=True)
    alone = claims[:, 1:topk] & (first == 0)
    return (
        torch.cat([prediction.gather(1, first), prediction[:, 1:topk]], 1),
        torch.cat([claims.any(1, keepdim=True), alone], 1),
        torch.cat([overlap.gather(1, first), overlap[:, 1:topk]], 1),
    )
