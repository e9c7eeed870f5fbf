"""MicroCSPNet: four convolutions with two cross-stage-partial blocks between (after Wang et al., CSPNet, 2020).

Paper: https://arxiv.org/abs/1911.11929
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from uhd.models.layers import Blocks


class CrossStagePartial(nn.Module):
    """A 1x1 to half the channels, two 3x3 behind it, both concatenated and mixed."""

    def __init__(self, blocks: Blocks, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.conv1 = blocks.cba(channels, half)
        self.conv2 = blocks.cba(half, half, 3)
        self.conv3 = blocks.cba(half, half, 3)
        self.conv4 = blocks.cba(2 * half, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (B, C, H, W)."""
        first = self.conv1(x)
        y: Tensor = self.conv4(torch.cat([first, self.conv3(self.conv2(first))], 1))
        return y


class MicroCSPNet(nn.Module):
    """Map (B, in_channels, H, W) to (B, 64, H / 8, W / 8)."""

    channels, stride = 64, 8

    def __init__(self, blocks: Blocks, in_channels: int) -> None:
        super().__init__()
        self.conv1 = blocks.cba(in_channels, 16, 3)
        self.conv2 = blocks.cba(16, 32, 3, 2)
        self.csp2 = CrossStagePartial(blocks, 32)
        self.conv3 = blocks.cba(32, 64, 3, 2)
        self.csp3 = CrossStagePartial(blocks, 64)
        self.conv4 = blocks.cba(64, 128, 3, 2)
        self.compress = blocks.cba(128, self.channels)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, C, H, W) to the feature map (B, C, h, w)."""
        x = self.csp2(self.conv2(self.conv1(images)))
        x = self.csp3(self.conv3(x))
        y: Tensor = self.compress(self.conv4(x))
        return y
