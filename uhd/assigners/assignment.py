"""What every assigner takes and gives: predictions and ground truths in, who learns whom out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

if TYPE_CHECKING:
    from uhd.assigners.targets import Targets


@dataclass(frozen=True, eq=False)
class Grid:
    """Where predictions sit.

    Attributes:
        height, width: cells of the map.
        priors: (A, 2) width and height of the anchors times their scale, normalised.
    """

    height: int
    width: int
    priors: Tensor

    @property
    def cells(self) -> int:
        """Cells of the map."""
        return self.height * self.width

    @property
    def predictions(self) -> int:
        """N, predictions per image; n = anchor * cells + row * width + column."""
        return len(self.priors) * self.cells


@dataclass(frozen=True, eq=False)
class Predictions:
    """Decoded predictions of B images, without gradient.

    Attributes:
        boxes: (B, N, 4) ``xyxy``, normalised, not clipped.
        scores: (B, N, classes) in [0, 1]; a classless head has one column.
    """

    boxes: Tensor
    scores: Tensor


@dataclass(frozen=True, eq=False)
class Assignment:
    """Which prediction learns which person.

    The same fact twice: dense over the predictions, and as a fixed-size list of claims, K per person of
    ``Targets.people``. The list lets a loss gather what it needs without asking the device how many positives
    there are. A prediction claimed by several people is owned by one.

    Attributes:
        gt_index: (B, N) int64, slot in ``Targets.boxes`` of the person owning the prediction; -1 where none.
        iou: (B, N), plain IoU of the predicted box with that person; 0 where none.
        prediction: (T, K) int64, image * N + n of a claim.
        claims: (T, K) bool, whether the entry is a claim at all; every prediction occurs at most once per person.
        owns: (T, K) bool, whether the claim was won. Each positive prediction occurs exactly once.
        claim_iou: (T, K), IoU of prediction and person.
        neutral: (B, N) bool, predictions that are neither positive nor background; None for none.
        alignment: (B, N), how good a positive is, 0 to 1, in place of its IoU; None where that is the measure.
    """

    gt_index: Tensor
    iou: Tensor
    prediction: Tensor
    claims: Tensor
    owns: Tensor
    claim_iou: Tensor
    neutral: Tensor | None = None
    alignment: Tensor | None = None

    @property
    def quality(self) -> Tensor:
        """(B, N) what a score that follows the fit learns: the alignment, or the IoU."""
        return self.iou if self.alignment is None else self.alignment


class Assigner(Protocol):
    """An assigner is a callable; its settings are its fields."""

    def __call__(self, predictions: Predictions, targets: Targets, grid: Grid) -> Assignment:
        """Assign predictions to people."""
        ...


def owners(prediction: Tensor, claims: Tensor, priority: Tensor, total: int) -> Tensor:
    """Give every claimed prediction to the claim of highest priority, ties to the first person.

    Args:
        prediction: (T, K) int64 in [0, total).
        claims: (T, K) bool.
        priority: (T, K) finite.
        total: number of predictions in the batch.

    Returns:
        (total,) int64, the person, or T where nobody claims.
    """
    people, index = len(prediction), prediction.flatten()
    bid = priority.masked_fill(~claims, -torch.inf)
    best = bid.new_full((total,), -torch.inf).scatter_reduce_(0, index, bid.flatten(), "amax")
    person = torch.arange(people, device=prediction.device)[:, None]
    wins = claims & (bid == best[prediction])
    person = person.masked_fill(~wins, people)
    return index.new_full((total,), people).scatter_reduce_(0, index, person.flatten(), "amin")


def assignment(
    prediction: Tensor, claims: Tensor, claim_iou: Tensor, owner: Tensor, targets: Targets, grid: Grid
) -> Assignment:
    """Write down an assignment from its claims and the owner (B * N,) of every prediction, T for nobody."""
    people, shape = len(prediction), (len(targets.boxes), grid.predictions)
    person = torch.arange(people, device=prediction.device)[:, None]
    owns = claims & (owner[prediction] == person)
    slot = torch.cat([targets.people.slot, targets.people.slot.new_full((1,), -1)])
    iou = claim_iou.new_zeros(owner.shape)
    iou.scatter_add_(0, prediction.flatten(), (claim_iou * owns).flatten())
    return Assignment(slot[owner].view(shape), iou.view(shape), prediction, claims, owns, claim_iou)
