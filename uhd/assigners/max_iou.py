"""Thresholds on the IoU of anchors and people, the best anchor of everybody kept (Ren et al., Faster R-CNN, 2015).

The thresholds are RetinaNet's (Lin et al., 2017): from 0.5 an anchor learns a person, below 0.4 it is background, and
what lies between is taught nothing. Without the best anchor a person that no anchor fits would be background.

Papers: https://arxiv.org/abs/1506.01497, https://arxiv.org/abs/1708.02002
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from uhd.assigners.assignment import Assignment, Grid, Predictions, assignment, owners
from uhd.assigners.pairs import iou_table, prior_boxes, prior_iou_table
from uhd.assigners.rescue import rescue

if TYPE_CHECKING:
    from uhd.assigners.targets import Targets


@dataclass(frozen=True)
class MaxIoUAssigner:
    """Depends on the predictions only for the IoU that it reports.

    An anchor that fits several people goes to the one it is the best of, else to the one it overlaps most; who loses
    the best anchor to somebody else takes the best one that is nobody's only.

    Attributes:
        positive: least IoU of an anchor that learns a person.
        negative: IoU below which an anchor is background.
        topk: most anchors per person.
    """

    positive: float = 0.5
    negative: float = 0.4
    topk: int = 100

    @torch.no_grad()
    def __call__(self, predictions: Predictions, targets: Targets, grid: Grid) -> Assignment:
        """Assign by the anchors."""
        people, total = targets.people, grid.predictions * len(targets.boxes)
        fit = prior_iou_table(targets, grid)
        # Behind the anchors that overlap a person come the nearest.
        anchors = prior_boxes(grid)
        apart = torch.cdist((people.boxes[:, :2] + people.boxes[:, 2:]) / 2, (anchors[:, :2] + anchors[:, 2:]) / 2)
        rank = torch.where(fit > 0, fit, -apart)
        index = rank.argsort(dim=1, descending=True, stable=True)[:, : self.topk]
        overlap = fit.gather(1, index)
        best = torch.arange(index.shape[1], device=index.device) == 0
        claims = (overlap >= self.positive) | best
        prediction = index + people.image[:, None] * grid.predictions
        # An IoU never exceeds 1: whose best it is goes first.
        priority = overlap + 2.0 * best
        owner = owners(prediction, claims, priority, total)
        claims = rescue(prediction, claims, torch.ones_like(claims), priority, owner)
        reported = iou_table(predictions, targets).gather(1, index)
        found = assignment(prediction, claims, reported, owner, targets, grid)
        nearest = fit.new_zeros(len(targets.boxes), grid.predictions)
        nearest.scatter_reduce_(0, people.image[:, None].expand_as(fit), fit, "amax")
        return replace(found, neutral=(nearest >= self.negative) & (found.gt_index < 0))
