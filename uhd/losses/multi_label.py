"""Objects with several labels: boxes at one place become one object, and attributes are learnt beside its class."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from uhd.assigners.simota_legacy import SimOTALegacyAssigner
from uhd.assigners.targets import Targets
from uhd.data.multi_label import SAME_PLACE
from uhd.losses.attribute import attribute_loss
from uhd.losses.classification import binary_cross_entropy
from uhd.losses.iou import pairwise_iou

if TYPE_CHECKING:
    from uhd.losses.aligned import AlignedLoss
    from uhd.losses.anchor import AnchorLoss


def joined(targets: Targets, ranks: Sequence[int], drop_lonely: bool = False) -> Targets:
    """Return one box per object, with all labels of the boxes at its place in ``label_sets``.

    A box is a guest when a box of lower rank lies at its place (IoU at least 0.7); it goes to the host that it
    overlaps most. A guest whose hosts are all guests themselves stays an object.

    Args:
        targets: boxes of every label.
        ranks: by label.
        drop_lonely: leave out boxes of the highest rank without a host.
    """
    people, labels = targets.people, targets.people_labels
    rank = torch.tensor(ranks, device=labels.device)[labels]
    iou = pairwise_iou(people.boxes, people.boxes)
    near = (iou >= SAME_PLACE) & (people.image[:, None] == people.image[None]) & (rank[None] < rank[:, None])
    host = ~near.any(1)
    overlap, chosen = (iou * (near & host[None])).max(1) if len(labels) else (iou.sum(1), labels)
    host = host | (overlap < SAME_PLACE)
    owner = torch.where(host, torch.arange(len(labels), device=labels.device), chosen)
    if drop_lonely:
        host = host & (rank < max(ranks))
    sets = torch.zeros(len(labels), len(ranks), device=labels.device)
    sets[owner, labels] = 1
    kept = targets.labels.clone()
    kept[people.image[~host], people.slot[~host]] = -1
    return dataclasses.replace(targets, labels=kept, listed=None, label_sets=sets[host])


class SingleBranchLoss:
    """One class branch for all labels; callable (raw, targets, wh_scale) -> (total, parts).

    The original's objective keeps every box an object of its own, as the original does: boxes of one place claim one
    prediction, which learns all their classes. Ours joins them first, so that they do not compete.
    """

    def __init__(self, loss: AlignedLoss | AnchorLoss, ranks: Sequence[int]) -> None:
        self.loss, self.ranks = loss, tuple(ranks)
        if isinstance(loss.assigner, SimOTALegacyAssigner):
            loss.assigner = dataclasses.replace(loss.assigner, multi_label=True)

    def __call__(self, raw: Tensor, targets: Targets, wh_scale: Tensor | None) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of the raw map (B, A * no, h, w), its parts; see :class:`~uhd.losses.aligned.AlignedLoss`."""
        if self.loss.config.objective == "aligned":
            targets = joined(targets, self.ranks)
        return self.loss(raw, targets, wh_scale)  # type: ignore[no-any-return]


class SeparateBranchLoss:
    """Objects and their attributes; callable (maps, targets, wh_scale) -> (total, parts with ``attr``).

    Under the original's objective attributes are learnt by the one prediction that the legacy assigner gives the
    attribute's own box, and an object without any attribute teaches nothing: an attribute without a rival is never
    taught to be absent. Ours teaches every prediction that learns an object which of the attributes it has.
    """

    def __init__(self, loss: AlignedLoss | AnchorLoss, ranks: Sequence[int]) -> None:
        self.loss, self.ranks, self.objects = loss, tuple(ranks), ranks.index(1)

    def __call__(
        self, maps: tuple[Tensor, Tensor], targets: Targets, wh_scale: Tensor | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss.

        Args:
            maps: raw (B, A * no, h, w) and attribute logits (B, A * attributes, h, w).
            targets: boxes of objects (labels from 0) and, behind them, of attributes.
            wh_scale: (A, 2) trainable factor on the anchors, or None for ones.
        """
        raw, logits = maps
        weight = self.loss.config.multi_label_attr_weight
        objects = joined(targets, self.ranks, drop_lonely=True)
        total, parts = self.loss(raw, objects, wh_scale)
        if self.loss.config.objective == "aligned":
            attr = self._of_objects(raw, logits, objects, wh_scale)
        else:
            labels = (targets.labels - self.objects).clamp(min=-1)
            alone = dataclasses.replace(targets, labels=labels, listed=None)
            attr = attribute_loss(logits, alone, self.loss.head.prior(wh_scale))
        total = total + weight * attr
        return total, {**parts, "loss": total.detach(), "attr": attr.detach()}

    def _of_objects(self, raw: Tensor, logits: Tensor, objects: Targets, wh_scale: Tensor | None) -> Tensor:
        head = self.loss.head
        predictions, grid = head.predict(raw.float(), head.prior(wh_scale))
        assigned = self.loss.assigner(predictions, objects, grid)
        b, channels, h, w = logits.shape
        count = channels // len(grid.priors)
        table = logits.float().view(b, len(grid.priors), count, h * w).transpose(2, 3).reshape(-1, count)
        assert objects.label_sets is not None
        goal = objects.label_sets[:, None, self.objects :].expand(*assigned.prediction.shape, count)
        each = binary_cross_entropy(table[assigned.prediction], goal).sum(-1)
        owns = assigned.owns.float()
        return (each * owns).sum() / owns.sum().clamp(min=1)
