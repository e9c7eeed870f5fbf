"""SimOTA as the original computes it: the cost has no effect, the highest IoUs win, conflicts go to file order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from uhd.assigners.assignment import Assignment, Grid, Predictions, assignment, owners
from uhd.assigners.pairs import iou_table

if TYPE_CHECKING:
    from uhd.assigners.targets import Targets


@dataclass(frozen=True)
class SimOTALegacyAssigner:
    """Each person takes its k = int(sum of the best ``topk`` IoUs) best predictions anywhere, at least one.

    A prediction that an earlier person of the image took is lost without a replacement, so a person may get none.

    Attributes:
        topk: most predictions per person.
        multi_label: lost claims still teach their class.
    """

    topk: int = 10
    multi_label: bool = False

    @torch.no_grad()
    def __call__(self, predictions: Predictions, targets: Targets, grid: Grid) -> Assignment:
        """Assign; claims that were lost are dropped, unless objects may have several labels."""
        people = targets.people
        best, index = iou_table(predictions, targets).topk(min(self.topk, grid.predictions), dim=1)
        count = best.sum(1, keepdim=True).floor_().clamp_(1, best.shape[1])
        claims = torch.arange(best.shape[1], device=best.device) < count
        prediction = index + people.image[:, None] * grid.predictions
        first = -people.slot[:, None].to(best.dtype).expand_as(best)
        owner = owners(prediction, claims, first, grid.predictions * len(targets.boxes))
        won = claims & (owner[prediction] == torch.arange(len(best), device=best.device)[:, None])
        return assignment(prediction, claims if self.multi_label else won, best, owner, targets, grid)
