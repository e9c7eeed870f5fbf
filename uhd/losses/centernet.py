"""The objective of CenterNet heads (Zhou et al., "Objects as Points", 2019).

total = focal loss of the heat map + L1 of the offset + L1 of the size, in cells, each divided by the number of people.
``--objective original`` is PINTO0309/UHD's: targets without a Gaussian around the centre, all weights 1 under its
preset, the last of several people in one cell counts alone, and the heat map's loss is clamped where it saturates.

Paper: https://arxiv.org/abs/1904.07850
"""

from __future__ import annotations

import torch
from torch import Tensor

from uhd.assigners.targets import Targets
from uhd.losses.config import LossConfig
from uhd.losses.heatmap import centre_cells, centre_gaussians, centre_points, outside_ignored

Maps = tuple[Tensor, Tensor, Tensor]


class CenterNetLoss(torch.nn.Module):
    """Callable (raw maps, targets) -> (total, parts)."""

    def __init__(self, config: LossConfig) -> None:
        super().__init__()
        self.config = config
        self.original = config.objective == "original"
        # The original's clamp leaves a person whose score fell below 1e-4 without gradient.
        self.least = 1e-4 if self.original else 1e-7

    def forward(self, raw: Maps, targets: Targets) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss.

        Args:
            raw: heat map (B, classes, h, w) in [0, 1], offset (B, 2, h, w), size (B, 2, h, w), both in cells.
            targets: ground truths on the same device.

        Returns:
            the scalar to minimise, and its detached parts ``loss, hm, off, wh, positives`` (the number of people).
        """
        heat, offset, size = (each.float() for each in raw)
        classes, h, w = heat.shape[1:]
        target_of = centre_points if self.original else centre_gaussians
        target = target_of(targets, classes, h, w)

        centre, wanted_size = centre_cells(targets, h, w)
        cell = centre.long()
        owns = self._owners(targets.people.image, cell, heat.shape)
        number = owns.sum().clamp(min=1)
        at = (targets.people.image, slice(None), cell[:, 1], cell[:, 0])
        off = ((offset[at] - (centre - cell)).abs().sum(1) * owns).sum() / number
        wh = ((size[at] - wanted_size).abs().sum(1) * owns).sum() / number
        hm = self._focal(heat, target, outside_ignored(targets, h, w))

        config = self.config
        total = config.loss_weight_hm * hm + config.loss_weight_off * off + config.loss_weight_wh * wh
        parts = {"loss": total, "hm": hm, "off": off, "wh": wh, "positives": owns.sum()}
        return total, {name: value.detach() for name, value in parts.items()}

    def _focal(self, heat: Tensor, target: Tensor, keep: Tensor | None) -> Tensor:
        """Return the penalty-reduced focal loss (alpha 2, beta 4), divided by the number of peaks."""
        p = heat.clamp(self.least, 1 - self.least)
        positive = target == 1
        found = p.log() * (1 - p).square()
        empty = (1 - p).log() * p.square() * (1 - target) ** 4
        if keep is not None:
            empty = empty * keep
        return -torch.where(positive, found, empty).sum() / positive.sum().clamp(min=1)

    def _owners(self, image: Tensor, cell: Tensor, shape: torch.Size) -> Tensor:
        """Return (T,) 1 for people who teach offset and size: all, or the last one of each cell as in the original."""
        if not self.original:
            return torch.ones(len(image), device=image.device)
        b, _, h, w = shape
        index, order = (image * h + cell[:, 1]) * w + cell[:, 0], torch.arange(len(image), device=image.device)
        last = order.new_full((b * h * w,), -1).scatter_reduce_(0, index, order, "amax")
        return (last[index] == order).float()
