"""What a batch says is in its pictures, as tensors in pixels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from uhd.assigners.targets import Targets
from uhd.refer.prompt_batches import MASK_STRIDE, PromptBatch

_LEAST_AREA = 4.0


@dataclass(frozen=True, eq=False)
class ReferTargets:
    """People of B pictures of one size.

    Attributes:
        people: boxes normalised, labels, ignored regions.
        boxes: (B, M, 4) ``xyxy`` in pixels.
        keypoints: (B, M, 17, 3) in pixels, with visibility.
        masks: (B, M, h / 2, w / 2) 0 or 1.
        areas: (B, M) of the masks in pixels; half the box's where there is none.
        real: (B, M) bool, which rows are people.
        size: (H, W) in pixels.
    """

    people: Targets
    boxes: Tensor
    keypoints: Tensor
    masks: Tensor
    areas: Tensor
    real: Tensor
    size: tuple[int, int]

    @classmethod
    def of(cls, batch: PromptBatch, device: torch.device | str = "cpu") -> ReferTargets:
        """Return the targets of a batch on a device."""
        height, width = batch.images.shape[1:3]
        people = Targets.from_batch(batch, device)
        extent = torch.tensor([width, height], dtype=torch.float32, device=device)
        boxes = people.boxes * extent.repeat(2)
        keypoints = torch.from_numpy(batch.keypoints).to(device, copy=True)
        keypoints[..., :2] *= extent
        masks = torch.from_numpy(batch.masks).to(device).float()
        sides = (boxes[..., 2:] - boxes[..., :2]).prod(-1)
        own = masks.sum((-1, -2)) * MASK_STRIDE**2
        areas = torch.where(own > 0, own, sides / 2).clamp(min=_LEAST_AREA)
        return cls(people, boxes, keypoints, masks, areas, people.labels >= 0, (height, width))
