"""Boxes as Gaussians, whose distance also tells tiny boxes apart that do not overlap at all (Xu et al., 2022).

The normalised Wasserstein distance of two boxes is ``exp(-W / constant)``, where ``W^2`` is the squared distance of
their centres plus a quarter of that of their sizes: a box's Gaussian has its centre, and half its sides as deviations.

Papers: https://arxiv.org/abs/2110.13389, https://arxiv.org/abs/2206.13996
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from uhd.assigners.assignment import Assignment, Grid, Predictions, assignment, owners
from uhd.assigners.pairs import iou_table, prior_boxes
from uhd.assigners.rescue import rescue

if TYPE_CHECKING:
    from uhd.assigners.targets import Targets

# The papers' 12.8 pixels, on images of 64.
CONSTANT = 0.2


def wasserstein(a_xyxy: Tensor, b_xyxy: Tensor, eps: float = 0.0) -> Tensor:
    """Return the 2-Wasserstein distance (...) of boxes (..., 4) as Gaussians, in their unit.

    Args:
        a_xyxy, b_xyxy: corner boxes, broadcast against each other.
        eps: added under the root; above 0 where the gradient at equal boxes is needed.
    """
    centre = (a_xyxy[..., :2] + a_xyxy[..., 2:] - b_xyxy[..., :2] - b_xyxy[..., 2:]) / 2
    deviation = (a_xyxy[..., 2:] - a_xyxy[..., :2] - b_xyxy[..., 2:] + b_xyxy[..., :2]) / 2
    return (centre.square().sum(-1) + deviation.square().sum(-1) + eps).sqrt()


@dataclass(frozen=True)
class GaussianAssigner:
    """The ``topk`` anchors nearest to a person learn it (NWD-RKA), by the distance of their Gaussians.

    Every person gets equally many, however small: by IoU a tiny one would get none. An anchor wanted by several goes to
    the nearest; who loses them all takes the nearest that is nobody's only. Depends on the predictions only for the IoU
    that it reports.
    """

    topk: int = 3

    @torch.no_grad()
    def __call__(self, predictions: Predictions, targets: Targets, grid: Grid) -> Assignment:
        """Assign by the anchors."""
        people = targets.people
        apart = wasserstein(people.boxes[:, None], prior_boxes(grid))
        spare = min(max(16, self.topk), grid.predictions)
        index = apart.argsort(dim=1, stable=True)[:, :spare]
        nearness = -apart.gather(1, index)
        claims = (torch.arange(spare, device=index.device) < self.topk).expand_as(index)
        prediction = index + people.image[:, None] * grid.predictions
        owner = owners(prediction, claims, nearness, grid.predictions * len(targets.boxes))
        claims = rescue(prediction, claims, torch.ones_like(claims), nearness, owner)
        reported = iou_table(predictions, targets).gather(1, index)
        return assignment(prediction, claims, reported, owner, targets, grid)
