"""The original's anchor objective: means over all cells for objectness and quality, over positives for the rest.

Agrees with PINTO0309/UHD to float32 rounding under ``LossConfig`` preset ``original`` (there, ``simota`` is what is
called ``simota-legacy`` here, and ``vfl`` is ``vfl-legacy``). Known weaknesses kept on purpose: objectness and quality
learn the same target, quality learns nothing from a batch without people, ``vfl-legacy`` averages over all cells. The
class losses the original lacks (``vfl``, ``qfl``, ``focal``) are summed over all cells and divided by the positives.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from uhd.assigners.assignment import Assigner, Assignment
from uhd.assigners.targets import Targets, taught
from uhd.losses.box import box_loss
from uhd.losses.class_term import DENSE, dense_class_loss
from uhd.losses.classification import binary_cross_entropy
from uhd.losses.config import LossConfig
from uhd.losses.hard import hardest
from uhd.losses.head import AnchorHead
from uhd.losses.ignore import taught_mask, weigh_people
from uhd.losses.objectness import objectness_loss


class AnchorLoss(torch.nn.Module):
    """Callable (raw, targets, wh_scale) -> (total, parts)."""

    def __init__(self, config: LossConfig, head: AnchorHead, assigner: Assigner) -> None:
        super().__init__()
        self.config, self.head, self.assigner = config, head, assigner
        self.class_weight = head.class_weight(config.class_weights)
        # Varifocal and quality focal loss are made for IoU targets. The original has them for every class loss, where
        # no quality branch says how well the box fits and the assigner follows the fit.
        fits = not head.has_quality and config.anchor_assigner != "legacy"
        kind = config.anchor_cls_loss
        self.class_is_iou = kind in ("vfl", "qfl") or (fits and kind != "focal")

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
        number = owns.sum()

        claimed = head.claimed(raw, prior, assigned, targets)
        each, overlap, iou = box_loss(claimed.boxes, claimed.wanted, config.iou_loss)
        box = (each * weighed).sum() / number.clamp(min=1)

        fit = raw.new_zeros(positive.numel())
        fit.scatter_add_(0, assigned.prediction.flatten(), overlap.detach().clamp(0, 1) * owns)
        fit = fit.view_as(assigned.iou)
        obj_logits, quality_logits = head.branch_logits(raw)
        keep = hardest(obj_logits, positive, keep, config.ohem_ratio)
        keep = weigh_people(keep, assigned, targets)
        quality = raw.new_zeros(())
        if quality_logits is not None:
            quality = _mean(binary_cross_entropy(quality_logits, fit), keep) * (number > 0)
        by_fit = config.obj_target == "iou" or (config.obj_target == "auto" and head.has_quality)
        obj = _mean(objectness_loss(obj_logits, fit if by_fit else positive.float(), config.obj_loss), keep)
        cls = self._class_loss(raw, assigned, self._class_goal(assigned, iou, targets), keep, number)

        total = config.loss_weight_box * box + config.loss_weight_obj * obj + config.loss_weight_cls * cls
        total = total + config.loss_weight_quality * quality
        parts = {"loss": total, "box": box, "quality": quality, "obj": obj, "cls": cls, "positives": number}
        return total, {name: value.detach() for name, value in parts.items()}

    def _class_loss(
        self, raw: Tensor, assigned: Assignment, goal: Tensor, keep: Tensor | None, number: Tensor
    ) -> Tensor:
        kind, classes, weight = self.config.anchor_cls_loss, self.head.num_classes, self.class_weight
        if classes == 0:
            return raw.new_zeros(())
        logits = self.head.class_logits(raw)
        if kind in DENSE:
            return dense_class_loss(kind, logits, goal, keep, number, weight)
        soft = kind == "ce" and classes > 1
        each = -F.log_softmax(logits, -1) * goal if soft else binary_cross_entropy(logits, goal)
        each = (each if weight is None else each * weight).sum(-1)
        positive = assigned.gt_index >= 0
        return (each * (positive if keep is None else positive * keep)).sum() / number.clamp(min=1)

    def _class_goal(self, assigned: Assignment, iou: Tensor, targets: Targets) -> Tensor:
        """Return (B, N, classes): 1, or the IoU, at every class that claims the prediction."""
        classes = self.head.num_classes
        label = targets.people_labels[:, None] if classes > 1 else 0
        index = (assigned.prediction * max(classes, 1) + label).flatten()
        value = assigned.claims.flatten().float()
        if self.class_is_iou:
            if assigned.alignment is not None:
                iou = assigned.alignment.flatten()[assigned.prediction.flatten()]
            # The original lets the gradient of the class term reach the boxes through its target.
            value = value * (iou if self.config.anchor_assigner == "simota-legacy" else iou.detach())
        goal = value.new_zeros(assigned.iou.numel() * max(classes, 1)).scatter_add(0, index, value)
        return goal.clamp(max=1).view(*assigned.iou.shape, -1)


def _mean(each: Tensor, keep: Tensor | None) -> Tensor:
    return each.mean() if keep is None else (each * keep).sum() / keep.sum().clamp(min=1)
