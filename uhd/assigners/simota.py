"""SimOTA (Ge et al., YOLOX, 2021): every person takes the predictions that cost it least.

Paper: https://arxiv.org/abs/2107.08430
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from uhd.assigners.assignment import Assignment, Grid, Predictions, assignment, owners
from uhd.assigners.pairs import iou_table, near_centre, score_table

if TYPE_CHECKING:
    from uhd.assigners.targets import Targets

_EPS = 1e-7
_FAR = 1e5  # cost of a cell away from the person's centre


@dataclass(frozen=True)
class SimOTAAssigner:
    """cost = BCE(score -> 1) + ``iou_weight`` (-log IoU), plus a large constant away from the person's centre.

    k is the sum of the best ``topk`` IoUs near the person, at least one; a prediction wanted by several people goes
    to the one it costs least. A person that loses every claim gets none, as in the paper.
    """

    topk: int = 10
    iou_weight: float = 3.0
    radius: float = 1.0
    min_radius_cells: float = 0.75

    @torch.no_grad()
    def __call__(self, predictions: Predictions, targets: Targets, grid: Grid) -> Assignment:
        """Assign by cost."""
        people = targets.people
        iou = iou_table(predictions, targets)
        near = near_centre(targets, grid, self.radius, self.min_radius_cells).flatten(1).repeat(1, len(grid.priors))
        loss = Predictions(predictions.boxes, -predictions.scores.clamp(min=_EPS).log())
        cost = score_table(loss, targets) - self.iou_weight * iou.clamp(min=_EPS).log() + _FAR * ~near
        width = min(self.topk, grid.predictions)
        count = (iou * near).topk(width, dim=1, sorted=False)[0].sum(1, keepdim=True).floor_().clamp_(1, width)
        least, index = cost.topk(width, dim=1, largest=False)
        claims = (torch.arange(width, device=cost.device) < count) & (least < _FAR)
        prediction = index + people.image[:, None] * grid.predictions
        owner = owners(prediction, claims, -least, grid.predictions * len(targets.boxes))
        won = claims & (owner[prediction] == torch.arange(len(least), device=cost.device)[:, None])
        return assignment(prediction, won, iou.gather(1, index), owner, targets, grid)
