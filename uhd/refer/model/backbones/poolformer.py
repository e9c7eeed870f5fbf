"""The backbone PoolFormer: cells are mixed by the mean of their neighbours (https://arxiv.org/abs/2111.11418)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uhd.refer.model.backbones.blocks import extent_mask
from uhd.refer.model.valid import Valid, cut

_SCALE = 1e-2  # of a branch before anything is learnt


class PictureNorm(nn.Module):
    """Normalise a map (B, C, H, W) by the mean and deviation of everything in the picture."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape; mask (B, 1, H, W)."""
        count = mask.sum((1, 2, 3), keepdim=True) * x.shape[1]
        mean = (x * mask).sum((1, 2, 3), keepdim=True) / count
        centred = x - mean
        deviation = ((centred.square() * mask).sum((1, 2, 3), keepdim=True) / count + 1e-5).sqrt()
        return centred / deviation * self.weight[:, None, None] + self.bias[:, None, None]


class Block(nn.Module):
    """The mean of 3x3 cells less the cell itself, then an MLP of every cell."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(PictureNorm(width) for _ in range(2))
        self.first, self.last = nn.Conv2d(width, 4 * width, 1), nn.Conv2d(4 * width, width, 1)
        self.scales = nn.ParameterList(nn.Parameter(torch.full((width, 1, 1), _SCALE)) for _ in range(2))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape; mask (B, 1, H, W)."""
        y = self.norms[0](x, mask)
        around = F.avg_pool2d(mask, 3, 1, 1).clamp(min=1e-6)
        x = x + self.scales[0] * (F.avg_pool2d(y * mask, 3, 1, 1) / around - y)
        y = self.last(F.gelu(self.first(self.norms[1](x, mask))))
        done: Tensor = x + self.scales[1] * y
        return done


class PoolFormer(nn.Module):
    """Map pictures to maps at strides 4, 8, 16 and 32.

    Args:
        channels: of the four maps.
        depths: blocks of the four stages.
    """

    def __init__(self, channels: tuple[int, ...], depths: tuple[int, ...]) -> None:
        super().__init__()
        self.channels = channels
        self.embed = nn.ModuleList(
            nn.Conv2d(cin, cout, 3 if i else 7, 2 if i else 4, 1 if i else 0)
            for i, (cin, cout) in enumerate(zip((3, *channels), channels, strict=False))
        )
        self.blocks = nn.ModuleList(
            nn.ModuleList(Block(c) for _ in range(depth)) for c, depth in zip(channels, depths, strict=True)
        )

    def forward(self, images: Tensor, valid: Valid | None = None) -> list[Tensor]:
        """Return the maps (B, C, ceil(H / s), ceil(W / s)) of pictures (B, 3, H, W), for s = 4, 8, 16, 32."""
        x, maps = F.pad(cut(images, valid), (2, 4, 2, 4)), []  # as 2 on every side, for any size
        for i, (embed, blocks) in enumerate(zip(self.embed, self.blocks, strict=True)):
            x = embed(cut(x, valid) if i else x)
            mask = extent_mask(x, valid)
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, mask)
            maps.append(x)
        return maps
