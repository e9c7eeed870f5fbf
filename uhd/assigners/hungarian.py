"""One prediction for everybody, the pairs of least total cost (Carion et al., DETR, 2020): no duplicates are taught.

Paper: https://arxiv.org/abs/2005.12872
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from uhd.assigners.assignment import Assignment, Grid, Predictions, assignment, owners
from uhd.assigners.pairs import EPS, iou_table, score_table

if TYPE_CHECKING:
    from uhd.assigners.targets import Targets

_WORST = 1e6  # a cost that is not finite; such a pair is taken last


@dataclass(frozen=True)
class HungarianAssigner:
    """cost = -``score_weight`` score + ``l1_weight`` L1 of centre and size + ``iou_weight`` (1 - GIoU).

    One call of SciPy per image with people. Where an image holds more people than predictions, some get none.
    """

    score_weight: float = 1.0
    l1_weight: float = 5.0
    iou_weight: float = 2.0

    @torch.no_grad()
    def __call__(self, predictions: Predictions, targets: Targets, grid: Grid) -> Assignment:
        """Assign by cost."""
        people = targets.people
        cost = self.cost(predictions, targets).cpu().numpy()
        cost = np.nan_to_num(cost, nan=_WORST, posinf=_WORST, neginf=_WORST)
        image = people.image.cpu().numpy()
        chosen = np.full(len(cost), -1, np.int64)
        for each in np.unique(image):
            rows = np.flatnonzero(image == each)
            person, column = optimal_assignment(cost[rows])
            chosen[rows[person]] = column
        index = torch.from_numpy(chosen).to(people.image.device)[:, None]
        claims, index = index >= 0, index.clamp(min=0)
        overlap = iou_table(predictions, targets).gather(1, index)
        prediction = index + people.image[:, None] * grid.predictions
        owner = owners(prediction, claims, overlap, grid.predictions * len(targets.boxes))
        return assignment(prediction, claims, overlap, owner, targets, grid)

    def cost(self, predictions: Predictions, targets: Targets) -> Tensor:
        """Return what it costs to give each person (T) each prediction of its image: (T, N)."""
        wanted = targets.people.boxes[:, None]
        boxes = predictions.boxes[targets.people.image]
        centre = (boxes[..., :2] + boxes[..., 2:] - wanted[..., :2] - wanted[..., 2:]).abs().sum(-1) / 2
        size = (boxes[..., 2:] - boxes[..., :2] - wanted[..., 2:] + wanted[..., :2]).abs().sum(-1)
        iou = iou_table(predictions, targets)
        hull = torch.maximum(boxes[..., 2:], wanted[..., 2:]) - torch.minimum(boxes[..., :2], wanted[..., :2])
        area = (boxes[..., 2:] - boxes[..., :2]).prod(-1) + (wanted[..., 2:] - wanted[..., :2]).prod(-1)
        union, hull_area = area / (1 + iou), hull.prod(-1)
        giou = iou - (hull_area - union) / (hull_area + EPS)
        score = score_table(predictions, targets)
        return self.l1_weight * (centre + size) + self.iou_weight * (1 - giou) - self.score_weight * score


def optimal_assignment(cost: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of least total cost (N, M), rows (K,) and columns (K,), K = min(N, M): the Hungarian method."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(cost)
    return rows.astype(np.int64), columns.astype(np.int64)
