"""Our objective: one target per branch, every term per positive.

total = 2.5 CIoU + BCE(quality -> IoU) + 0.1 BCE(objectness -> IoU) + 0.2 BCE(class), each summed and divided by the
number of positives of the batch, so that the few positives are not drowned by hundreds of empty cells. A negative
weighs what its present quality makes it worth (after varifocal loss, Zhang et al., 2021).

A class term over all cells (``vfl``, ``qfl``, ``focal``) teaches the background too; its target is the fit, or 1.

Paper: https://arxiv.org/abs/2008.13367
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from uhd.assigners.assignment import Assigner, Assignment
from uhd.assigners.targets import Targets, taught
from uhd.losses.box import box_loss
from uhd.losses.class_term import DENSE, claimed_class_loss, dense_class_loss
from uhd.losses.classification import binary_cross_entropy
from uhd.losses.config import LossConfig
from uhd.losses.hard import hardest
from uhd.losses.head import AnchorHead, Claimed
from uhd.losses.ignore import taught_mask, weigh_people
from uhd.losses.objectness import objectness_loss


class AlignedLoss(torch.nn.Module):
    """Callable (raw, targets, wh_scale) -> (total, parts)."""

    def __init__(self, config: LossConfig, head: AnchorHead, assigner: Assigner) -> None:
        super().__init__()
        self.config, self.head, self.assigner = config, head, assigner
        self.class_weight = head.class_weight(config.class_weights)

    def forward(
        self, raw: Tensor, targets: Targets, wh_scale: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss.

        Args:
            raw: (B, A * no, h, w) logits.
            targets: ground truths on the same device.
            wh_scale: (A, 2) trainable factor on the anchors, or None for ones.

        Returns:
            the scalar to minimise, and its detached parts ``loss, box, quality, obj, cls, positives`` (the number).
        """
        config, head = self.config, self.head.to(raw.device)
        raw = raw.float().contiguous()  # many views follow, channel by channel
        prior = head.prior(wh_scale)
        predictions, grid = head.predict(raw, prior)
        assigned = self.assigner(predictions, targets, grid)
        keep = taught_mask(assigned, predictions, targets, grid)
        positive = assigned.gt_index >= 0
        owns, weighed = assigned.owns.flatten().float(), taught(assigned.owns, targets)
        number = owns.sum().clamp(min=1)

        claimed = head.claimed(raw, prior, assigned, targets)
        box = (box_loss(claimed.boxes, claimed.wanted, config.iou_loss)[0] * weighed).sum() / number

        obj_logits, quality_logits = head.branch_logits(raw)
        ranked = obj_logits if quality_logits is None else quality_logits
        keep = hardest(ranked, positive, keep, config.ohem_ratio)
        keep = weigh_people(keep, assigned, targets)
        cls = self._class_loss(raw, assigned, claimed, weighed, keep, number)
        goal = assigned.quality.clamp(0, 1)
        obj_goal = positive.float() if config.obj_target == "binary" else goal
        if quality_logits is None:  # objectness alone tells persons from background
            quality = raw.new_zeros(())
            weight = self._weight(obj_logits, positive, keep)
            obj = (objectness_loss(obj_logits, obj_goal, config.obj_loss) * weight).sum() / number
        else:
            weight = self._weight(quality_logits, positive, keep)
            quality = (binary_cross_entropy(quality_logits, goal) * weight).sum() / number
            each = objectness_loss(obj_logits, obj_goal, config.obj_loss)
            obj = (each if keep is None else each * keep).sum() / number

        # Without a quality branch objectness takes over its part, weight included.
        obj_weight = config.loss_weight_quality if quality_logits is None else config.loss_weight_obj
        total = config.loss_weight_box * box + obj_weight * obj + config.loss_weight_cls * cls
        total = total + config.loss_weight_quality * quality
        parts = {"loss": total, "box": box, "quality": quality, "obj": obj, "cls": cls, "positives": owns.sum()}
        return total, {name: value.detach() for name, value in parts.items()}

    @torch.no_grad()
    def _weight(self, logits: Tensor, positive: Tensor, keep: Tensor | None) -> Tensor:
        s = torch.sigmoid(logits)
        weight = (s * s.sqrt()).mul_(self.config.quality_negative_scale).add_(self.config.quality_negative_floor)
        weight.masked_fill_(positive, 1)
        return weight if keep is None else weight * keep

    def _class_loss(
        self, raw: Tensor, assigned: Assignment, claimed: Claimed, weighed: Tensor, keep: Tensor | None, number: Tensor
    ) -> Tensor:
        kind, classes, weight = self.config.anchor_cls_loss, self.head.num_classes, self.class_weight
        if kind not in DENSE or classes == 0:
            each = claimed_class_loss(kind, claimed.class_logits, claimed.labels, claimed.label_sets, weight)
            return (each * weighed).sum() / number
        owns = (weighed > 0).float()
        if claimed.label_sets is None:
            sets = F.one_hot(claimed.labels if classes > 1 else torch.zeros_like(claimed.labels), classes).to(owns)
        else:
            sets = claimed.label_sets[:, :classes].to(owns)
        value = owns if kind == "focal" else owns * assigned.quality.flatten()[assigned.prediction.flatten()]
        goal = owns.new_zeros(assigned.iou.numel(), classes)
        goal.index_add_(0, assigned.prediction.flatten(), sets * value[:, None])
        goal = goal.clamp(0, 1).view(*assigned.iou.shape, classes)
        return dense_class_loss(kind, self.head.class_logits(raw), goal, keep, number, weight)
