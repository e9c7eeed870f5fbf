"""Blocks of the backbones beyond those of UltraTinyOD."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from uhd.models.layers import Blocks, EffectiveSE, activation


class StandardBlocks(Blocks):
    """Blocks whose batch-norm has torch's own settings (eps 1e-5, momentum 0.1), as the original's checkpoints need."""

    def norm(self, channels: int) -> nn.Module:
        """Return batch-norm, or identity when it is off."""
        return nn.BatchNorm2d(channels) if self.use_batchnorm else nn.Identity()


class SqueezeExcite(nn.Module):
    """Channel attention through a bottleneck of a quarter of the channels (Hu et al., 2018).

    Paper: https://arxiv.org/abs/1709.01507
    """

    def __init__(self, channels: int, act: str) -> None:
        super().__init__()
        hidden = max(1, channels // 4)
        self.fc1 = nn.Conv2d(channels, hidden, 1)
        self.act = activation(act)
        self.fc2 = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (B, C, H, W)."""
        gate: Tensor = self.fc2(self.act(self.fc1(x.mean((2, 3), keepdim=True))))
        return x * torch.sigmoid(gate)


def attention(kind: str, channels: int, act: str) -> nn.Module:
    """Return the channel attention called ``se`` or ``ese``; identity for ``none``."""
    if kind == "none":
        return nn.Identity()
    return EffectiveSE(channels) if kind == "ese" else SqueezeExcite(channels, act)


def shuffle_channels(x: Tensor, groups: int = 2) -> Tensor:
    """Interleave groups of the channels of (B, C, H, W) (Zhang et al., ShuffleNet, 2018, https://arxiv.org/abs/1707.01083)."""
    b, c, h, w = x.shape
    return x.view(b, groups, c // groups, h, w).transpose(1, 2).reshape(b, c, h, w)
