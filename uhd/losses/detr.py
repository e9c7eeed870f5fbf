"""Set loss of query detectors: every person is matched with one query, all other queries are background.

After Carion et al., "End-to-End Object Detection with Transformers" (DETR), 2020. ``--detr-matching original`` is what
PINTO0309/UHD does instead: pairs are taken greedily in ascending cost without regard to the class, overlap is the plain
IoU, and a background query weighs as much as a person.

Paper: https://arxiv.org/abs/2005.12872
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from uhd.assigners.hungarian import optimal_assignment
from uhd.assigners.targets import Targets
from uhd.losses.config import LossConfig
from uhd.losses.iou import aligned_iou

L1_WEIGHT, IOU_WEIGHT = 5.0, 2.0
_WORST = 1e6  # a cost that is not finite; the assignment takes such a pair last


class SetLoss(torch.nn.Module):
    """Callable (raw, targets) -> (total, parts).

    Args:
        config: ``detr_matching``, ``detr_background`` and ``detr_auxiliary``.
        num_classes: without the background.
    """

    def __init__(self, config: LossConfig, num_classes: int) -> None:
        super().__init__()
        self.original = config.detr_matching == "original"
        self.overlap = "iou" if self.original else "giou"
        self.background = 1.0 if self.original else config.detr_background
        self.auxiliary = config.detr_auxiliary
        self.num_classes = num_classes

    def forward(self, raw: tuple[Tensor, ...], targets: Targets) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss.

        Args:
            raw: logits (Q, B, num_classes + 1), the background last, and boxes (Q, B, 4) ``cxcywh``; then, if any, the
                same of the earlier decoder layers, each of which costs as much, with a matching of its own.
            targets: ground truths on the same device.

        Returns:
            the scalar to minimise, and its detached parts ``loss, cls, l1, iou, positives`` (the number of matches) of
            the last layer; ``early`` is the sum of the others' losses.
        """
        total, parts = self.of_layer(raw[0], raw[1], targets)
        if self.auxiliary and len(raw) > 2:
            early = [self.of_layer(raw[i], raw[i + 1], targets)[0] for i in range(2, len(raw), 2)]
            parts["early"] = torch.stack(early).sum()
            parts["loss"] = total = total + parts["early"]
        return total, {name: value.detach() for name, value in parts.items()}

    def of_layer(self, logits: Tensor, boxes_cxcywh: Tensor, targets: Targets) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of one decoder layer: logits (Q, B, C + 1), boxes (Q, B, 4); see :meth:`forward`."""
        logits, boxes_cxcywh = (each.float().transpose(0, 1) for each in (logits, boxes_cxcywh))
        boxes = corners(boxes_cxcywh)
        image, query, slot = self.match(logits, boxes_cxcywh, boxes, targets)

        goal = torch.full(logits.shape[:2], self.num_classes, device=logits.device)
        goal[image, query] = targets.labels[image, slot]
        weight = torch.full_like(goal, self.background, dtype=torch.float32)
        weight[ignored(boxes, targets)] = 0
        weight[image, query] = 1
        each = F.cross_entropy(logits.flatten(0, 1), goal.flatten(), reduction="none")
        cls = (each * weight.flatten()).sum() / weight.sum().clamp(min=1e-6)

        number = max(1, len(image))
        wanted = targets.boxes[image, slot]
        distance = (boxes_cxcywh[image, query] - centre_size(wanted)).abs()
        l1 = (distance.mean(-1) if self.original else distance.sum(-1)).sum() / number
        iou = (1 - aligned_iou(boxes[image, query], wanted, self.overlap)[0]).sum() / number
        total = cls + L1_WEIGHT * l1 + IOU_WEIGHT * iou
        return total, {
            "loss": total, "cls": cls, "l1": l1, "iou": iou, "positives": total.new_tensor(float(len(image)))
        }  # fmt: skip

    @torch.no_grad()
    def match(
        self, logits: Tensor, boxes_cxcywh: Tensor, boxes: Tensor, targets: Targets
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Give every person one query, or every query one person where the queries are fewer.

        Args:
            logits, boxes_cxcywh, boxes: (B, Q, ...) predictions; ``boxes`` are corners.
            targets: ground truths.

        Returns:
            three (P,) index tensors: image, query, and slot in the padded table of people.
        """
        cost = self.cost(logits, boxes_cxcywh, boxes, targets)
        table = np.nan_to_num(cost.cpu().numpy(), nan=_WORST, posinf=_WORST, neginf=_WORST)
        slots = (targets.labels >= 0).cpu().numpy()
        assign = greedy_assignment if self.original else optimal_assignment
        found = []
        for i in np.flatnonzero(slots.any(1)):
            real = np.flatnonzero(slots[i])
            query, person = assign(table[i][:, real])
            found.append(np.stack([np.full(len(query), i), query, real[person]]))
        indices = np.concatenate(found, 1) if found else np.zeros((3, 0), np.int64)
        image, query, slot = torch.from_numpy(indices.astype(np.int64)).to(logits.device)
        return image, query, slot

    def cost(self, logits: Tensor, boxes_cxcywh: Tensor, boxes: Tensor, targets: Targets) -> Tensor:
        """Return what it costs to match each query with each slot of the padded table: (B, Q, M)."""
        wanted = targets.boxes
        distance = torch.cdist(boxes_cxcywh, centre_size(wanted), p=1)
        overlap = aligned_iou(boxes[:, :, None], wanted[:, None], self.overlap)[0]
        cost = L1_WEIGHT * distance + IOU_WEIGHT * (1 - overlap)
        if self.original:
            return cost
        label = targets.labels.clamp(min=0)[:, None].expand(-1, logits.shape[1], -1)
        return cost - logits.softmax(-1).gather(2, label)


def greedy_assignment(cost: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of a cost (N, M) as rows (K,), columns (K,): the cheapest, then that of what is left, and so on."""
    cost = cost.copy()
    pairs = np.zeros((min(cost.shape), 2), np.int64)
    for pair in pairs:
        pair[:] = np.unravel_index(cost.argmin(), cost.shape)
        cost[pair[0]] = np.inf
        cost[:, pair[1]] = np.inf
    return pairs[:, 0], pairs[:, 1]


@torch.no_grad()
def ignored(boxes: Tensor, targets: Targets) -> Tensor:
    """Return which predictions (B, Q) lie, as far as the image goes, at least half in one ignore region.

    Args:
        boxes: (B, Q, 4) ``xyxy``.
        targets: whose regions.
    """
    if len(targets.regions.image) == 0:
        return torch.zeros(boxes.shape[:2], dtype=torch.bool, device=boxes.device)
    inside = boxes.clamp(0, 1)
    size = inside[..., 2:] - inside[..., :2]
    regions = targets.ignore[:, None]
    low = torch.maximum(inside[:, :, None, :2], regions[..., :2])
    high = torch.minimum(inside[:, :, None, 2:], regions[..., 2:])
    common = (high - low).clamp(min=0).prod(-1)
    return (2 * common >= size.prod(-1).clamp(min=1e-12)[..., None]).any(-1)


def corners(boxes_cxcywh: Tensor) -> Tensor:
    """Convert (..., 4) centre-size boxes to corners."""
    centre, half = boxes_cxcywh[..., :2], boxes_cxcywh[..., 2:] / 2
    return torch.cat([centre - half, centre + half], -1)


def centre_size(boxes_xyxy: Tensor) -> Tensor:
    """Convert (..., 4) corner boxes to centre and size."""
    low, high = boxes_xyxy[..., :2], boxes_xyxy[..., 2:]
    return torch.cat([(low + high) / 2, high - low], -1)
