"""The objective of heads without anchors: every term per positive, one target per branch.

A cell's class score learns how well its box fits (Zhang et al., VarifocalNet, 2021, https://arxiv.org/abs/2008.13367),
its distances learn the box and, where they are distributions, the two bins around each distance (Li et al., 2020,
https://arxiv.org/abs/2006.04388). A one-to-one head is taught by both of its branches (Wang et al., 2024,
https://arxiv.org/abs/2405.14458): the one that is kept, one cell per person, by the same measure as the other.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from uhd.assigners import build_assigner
from uhd.assigners.assignment import Assigner, Assignment, Grid, Predictions
from uhd.assigners.targets import Targets
from uhd.errors import UserError
from uhd.heads import LtrbLayout
from uhd.losses.box import box_loss
from uhd.losses.classification import binary_cross_entropy, distribution_focal
from uhd.losses.config import LossConfig
from uhd.losses.ignore import taught_mask
from uhd.models.decode import cell_grid
from uhd.models.decode_ltrb import decode_ltrb

# Those that compare anchors with people.
_WITH_ANCHORS = ("legacy", "max-iou", "atss", "nwd")


class LtrbLoss(torch.nn.Module):
    """Callable (raw maps, targets) -> (total, parts).

    Raises:
        UserError: an objective or assigner that needs anchors.
    """

    def __init__(self, config: LossConfig, layout: LtrbLayout) -> None:
        super().__init__()
        if config.objective != "aligned":
            raise UserError(f"--objective {config.objective} is for anchor heads; this head has --objective aligned")
        if config.anchor_assigner in _WITH_ANCHORS:
            raise UserError(f"--anchor-assigner {config.anchor_assigner} needs anchors; this head takes tal or simota")
        self.config, self.layout = config, layout
        self.many = build_assigner(config)
        self.one = build_assigner(dataclasses.replace(config, anchor_assigner="tal", tal_topk=1))

    def forward(self, raw: tuple[Tensor, ...], targets: Targets) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss.

        Args:
            raw: distances (B, 4 * (reg_max + 1), h, w) and class logits (B, C, h, w); of a one-to-one head in training
                the same of its second branch.
            targets: ground truths on the same device.

        Returns:
            the scalar to minimise, and its detached parts ``loss, box, cls, dfl, positives`` (the number) of all
            branches together.
        """
        maps = [each.float().contiguous() for each in raw]
        parts = self._branch(maps[0], maps[1], targets, self.one if self.layout.one_to_one else self.many)
        for ltrb, cls in zip(maps[2::2], maps[3::2], strict=True):
            second = self._branch(ltrb, cls, targets, self.many)
            parts = {name: value + second[name] for name, value in parts.items()}
        return parts["loss"], {name: value.detach() for name, value in parts.items()}

    def _branch(self, ltrb: Tensor, cls: Tensor, targets: Targets, assigner: Assigner) -> dict[str, Tensor]:
        config, (h, w) = self.config, ltrb.shape[2:]
        boxes, logits = decode_ltrb(ltrb, self.layout.reg_max), cls.flatten(2).transpose(1, 2)
        predictions = Predictions(boxes.detach(), torch.sigmoid(logits.detach()))
        grid = Grid(h, w, ltrb.new_tensor([[1 / w, 1 / h]]))
        assigned = assigner(predictions, targets, grid)
        keep = taught_mask(assigned, predictions, targets, grid)
        owns = assigned.owns.flatten().float()
        number = owns.sum().clamp(min=1)

        index, claims = assigned.prediction.flatten(), assigned.prediction.shape[1]
        wanted = targets.people.boxes.repeat_interleave(claims, 0)
        box = (box_loss(boxes.flatten(0, 1)[index], wanted, config.iou_loss)[0] * owns).sum() / number
        goal = self._goal(assigned, targets, logits)
        each = binary_cross_entropy(logits, goal) * self._weight(logits, goal)
        quality = (each.sum(-1) if keep is None else each.sum(-1) * keep).sum() / number
        dfl = box.new_zeros(())
        if self.layout.reg_max:
            dfl = (self._distribution_loss(ltrb, index, wanted) * owns).sum() / number
        total = config.loss_weight_box * box + config.loss_weight_quality * quality + config.loss_weight_dfl * dfl
        return {"loss": total, "box": box, "cls": quality, "dfl": dfl, "positives": owns.sum()}

    def _goal(self, assigned: Assignment, targets: Targets, logits: Tensor) -> Tensor:
        """Return (B, N, C): how well the box of a positive fits, at its class."""
        classes = logits.shape[-1]
        label = targets.people_labels[:, None] if classes > 1 else 0
        place = (assigned.prediction * classes + label).flatten()
        fit = assigned.quality.clamp(0, 1).flatten()[assigned.prediction.flatten()] * assigned.owns.flatten()
        return logits.new_zeros(logits.numel()).scatter_add(0, place, fit).view_as(logits)

    @torch.no_grad()
    def _weight(self, logits: Tensor, goal: Tensor) -> Tensor:
        """Return what a negative's score makes it worth, and 1 for positives: (B, N, C)."""
        s = torch.sigmoid(logits)
        weight = s * s.sqrt() * self.config.quality_negative_scale + self.config.quality_negative_floor
        return weight.masked_fill(goal > 0, 1)

    def _distribution_loss(self, ltrb: Tensor, index: Tensor, wanted: Tensor) -> Tensor:
        """Return the mean over the four sides of what the bins around each distance lack: (R,)."""
        (h, w), bins = ltrb.shape[2:], self.layout.reg_max + 1
        logits = ltrb.reshape(len(ltrb), 4, bins, h * w).permute(0, 3, 1, 2).flatten(0, 1)[index]
        centre = (cell_grid(h, w, ltrb.device).T + 0.5)[index % (h * w)]
        scaled = wanted * wanted.new_tensor([w, h, w, h])
        distance = torch.cat([centre - scaled[:, :2], scaled[:, 2:] - centre], 1)
        return distribution_focal(logits, distance).mean(-1)
