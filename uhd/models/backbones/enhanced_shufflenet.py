"""Enhanced ShuffleNet: two stages of ShuffleNet-V2 units that widen on the way (after Ma et al., 2018).

Paper: https://arxiv.org/abs/1807.11164
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from uhd.models.backbones.layers import shuffle_channels
from uhd.models.layers import Blocks


class ShuffleUnit(nn.Module):
    """One half of the channels passes, the other is convolved; at stride 2 both are convolved. Then they are mixed."""

    def __init__(self, blocks: Blocks, cin: int, cout: int, s: int = 1) -> None:
        super().__init__()
        half = cout // 2
        entering = cin if s == 2 else half
        self.branch1 = (
            nn.Sequential(blocks.spatial(cin, 3, 2), blocks.norm(cin), blocks.cba(cin, half)) if s == 2 else None
        )
        self.branch2 = nn.Sequential(
            blocks.cba(entering, half), blocks.spatial(half, 3, s), blocks.norm(half), blocks.cba(half, half)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, cin, H, W) to (B, cout, H/s, W/s)."""
        if self.branch1 is None:
            left, right = x.chunk(2, 1)
        else:
            left, right = self.branch1(x), x
        return shuffle_channels(torch.cat([left, self.branch2(right)], 1))


class EnhancedShuffleNet(nn.Module):
    """Map (B, in_channels, H, W) to (B, 128, H / 8, W / 8); ``skip`` adds two early stages to the output."""

    channels, stride = 128, 8

    def __init__(self, blocks: Blocks, in_channels: int, skip: bool) -> None:
        super().__init__()
        self.conv1 = blocks.cba(in_channels, 32, 3, 2)
        self.stage2 = _stage(blocks, 32, (64, 80, 96, 112))
        self.stage3 = _stage(blocks, 112, (144, 160, 176, 192))
        self.out_conv = blocks.cba(192, self.channels)
        self.stage2_shortcut = blocks.cba(32, 112, 1, 2)
        self.stage3_shortcut = blocks.cba(112, 192, 1, 2)
        self.global_proj1 = blocks.cba(32, self.channels, 1, 4) if skip else None
        self.global_proj2 = blocks.cba(112, self.channels, 1, 2) if skip else None

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, C, H, W) to the feature map (B, C, h, w)."""
        x = self.conv1(images)
        y = self.stage2(x) + self.stage2_shortcut(x)
        z: Tensor = self.out_conv(self.stage3(y) + self.stage3_shortcut(y))
        if self.global_proj1 is not None and self.global_proj2 is not None:
            z = z + self.global_proj1(x) + self.global_proj2(y)
        return z


def _stage(blocks: Blocks, cin: int, widths: tuple[int, ...]) -> nn.Sequential:
    """Return a strided unit to the first width, then for each further one a 1x1 that widens and two units."""
    layers: list[nn.Module] = [ShuffleUnit(blocks, cin, widths[0], 2)]
    for before, width in pairwise(widths):
        layers += [blocks.cba(before, width), ShuffleUnit(blocks, width, width), ShuffleUnit(blocks, width, width)]
    return nn.Sequential(*layers)
