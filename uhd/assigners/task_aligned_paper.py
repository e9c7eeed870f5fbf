"""Task-aligned assignment as in the paper (Feng et al., TOOD, 2021); ours is :mod:`uhd.assigners.task_aligned`.

Paper: https://arxiv.org/abs/2108.07755
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from uhd.assigners.assignment import Assignment, Grid, Predictions, assignment, owners
from uhd.assigners.pairs import iou_table, near_centre, score_table

if TYPE_CHECKING:
    from uhd.assigners.targets import Targets


@dataclass(frozen=True)
class TaskAlignedPaperAssigner:
    """The ``topk`` predictions of the largest ``t = score^alpha * IoU^beta`` among cells inside a person learn it.

    A prediction wanted by several people goes to the one it overlaps most. What a score learns of a positive is
    ``t / max t * max IoU``, the maxima over the person's positives (``Assignment.alignment``). A person smaller than a
    cell may hold no centre of one; then the cell that holds the person's centre counts.
    """

    alpha: float = 1.0
    beta: float = 6.0
    topk: int = 13

    @torch.no_grad()
    def __call__(self, predictions: Predictions, targets: Targets, grid: Grid) -> Assignment:
        """Assign by score and fit."""
        people = targets.people
        iou = iou_table(predictions, targets)
        inside = near_centre(targets, grid, 1.0, 0.0).flatten(1).repeat(1, len(grid.priors))
        metric = score_table(predictions, targets) ** self.alpha * iou**self.beta
        best, index = (metric * inside).topk(min(self.topk, grid.predictions), dim=1)
        overlap, claims = iou.gather(1, index), best > 0
        prediction = index + people.image[:, None] * grid.predictions
        owner = owners(prediction, claims, overlap, grid.predictions * len(targets.boxes))
        found = assignment(prediction, claims, overlap, owner, targets, grid)
        largest = [(each * found.owns).amax(1, keepdim=True) for each in (best, overlap)]
        aligned = best / largest[0].clamp(min=torch.finfo(best.dtype).tiny) * largest[1] * found.owns
        goal = torch.zeros_like(found.iou).flatten().scatter_add_(0, prediction.flatten(), aligned.flatten())
        return replace(found, alignment=goal.view_as(found.iou))
