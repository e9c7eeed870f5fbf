"""Maps of one width, each knowing the coarser ones: inverted bottlenecks over every level, then from coarse to fine."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uhd.refer.model.layers import ConvNorm, twice
from uhd.refer.model.valid import Valid, cut


class InvertedBottleneck(nn.Module):
    """Widen, 5x5 depthwise, squeeze and excite, narrow, beside a short cut (https://arxiv.org/abs/1905.02244)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.widen = ConvNorm(width, 2 * width)
        self.spatial = ConvNorm(2 * width, 2 * width, 5, groups=2 * width)
        self.squeeze, self.excite = nn.Linear(2 * width, width // 2), nn.Linear(width // 2, 2 * width)
        self.narrow = ConvNorm(2 * width, width, act=False)

    def forward(self, x: Tensor, valid: Valid | None = None) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        y = self.spatial(self.widen(x), valid)
        if valid is None:
            mean = y.mean((2, 3))
        else:
            mask = valid.mask(y)
            mean = (y * mask).sum((2, 3)) / mask.sum((2, 3)).clamp(min=1)
        gate = self.excite(F.relu(self.squeeze(mean))).sigmoid()
        found: Tensor = x + self.narrow(y * gate[:, :, None, None])
        return found


class Pyramid(nn.Module):
    """Map maps at strides 8, 16 and 32 to one width.

    The coarsest sees far by pooling (SPPF); the blocks' weights are shared by the levels.

    Args:
        channels: of the three maps.
        width: of what comes out.
        layers: blocks over every level.
    """

    def __init__(self, channels: tuple[int, ...], width: int, layers: int) -> None:
        super().__init__()
        self.inputs = nn.ModuleList(ConvNorm(c, width) for c in channels)
        self.thin, self.pooled = ConvNorm(width, width // 2), ConvNorm(2 * width, width)
        self.blocks = nn.ModuleList(InvertedBottleneck(width) for _ in range(layers))
        self.merges = nn.ModuleList(ConvNorm(width, width, 3) for _ in channels[1:])

    def forward(self, maps: list[Tensor], valid: Valid | None = None) -> list[Tensor]:
        """Return the three maps (B, D, h, w), from fine to coarse, with zeros beyond each picture."""
        levels = [layer(x) for layer, x in zip(self.inputs, maps, strict=True)]
        pools = [cut(self.thin(levels[-1]), valid)]  # at least 0, as what lies beyond
        for _ in range(3):
            pools.append(cut(F.max_pool2d(pools[-1], 5, 1, 2), valid))
        levels[-1] = levels[-1] + self.pooled(torch.cat(pools, 1))
        for block in self.blocks:
            levels = [block(x, valid) for x in levels]
        for i in (1, 0):
            height, width = levels[i].shape[-2:]
            coarse = twice(levels[i + 1])[:, :, :height, :width]
            levels[i] = levels[i] + self.merges[i](levels[i] + coarse, valid)
        return [cut(x, valid) for x in levels]
