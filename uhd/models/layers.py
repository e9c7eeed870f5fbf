"""Building blocks whose module names are the original's, so that its checkpoints load."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from uhd.models.normalisation import BN_EPS, BN_MOMENTUM


def activation(name: str) -> nn.Module:
    """Return ReLU, ReLU6, or SiLU for ``swish`` and ``silu``."""
    kinds = {"relu": nn.ReLU, "relu6": nn.ReLU6}
    return kinds.get(name, nn.SiLU)(inplace=True)


class Blocks:
    """Makes layers that share an activation, batch-norm or none, and depthwise or standard convolutions."""

    def __init__(self, act: str, use_batchnorm: bool, conv: str = "dw") -> None:
        self.act = act
        self.use_batchnorm = use_batchnorm
        self.standard = conv == "std"

    def norm(self, channels: int) -> nn.Module:
        """Return batch-norm, or identity when it is off."""
        return nn.BatchNorm2d(channels, BN_EPS, BN_MOMENTUM) if self.use_batchnorm else nn.Identity()

    def cba(self, cin: int, cout: int, k: int = 1, s: int = 1, groups: int = 1, act: bool = True) -> ConvNormAct:
        """Return convolution, norm and activation."""
        return ConvNormAct(self, cin, cout, k, s, groups, act)

    def dw(self, cin: int, cout: int, s: int = 1) -> nn.Module:
        """Return a depthwise-separable block, or one dense 3x3 in ``std`` mode."""
        return DenseBlock(self, cin, cout, s) if self.standard else SeparableBlock(self, cin, cout, s)

    def spatial(self, channels: int, k: int, s: int = 1, dilation: int = 1) -> nn.Conv2d:
        """Return a bare k x k convolution that keeps the channels; depthwise unless in ``std`` mode."""
        groups = 1 if self.standard else channels
        return nn.Conv2d(channels, channels, k, s, dilation * (k // 2), dilation, groups, bias=False)


class ConvNormAct(nn.Module):
    """Convolution without bias, batch-norm, activation."""

    def __init__(self, blocks: Blocks, cin: int, cout: int, k: int, s: int, groups: int, act: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, k, s, k // 2, groups=groups, bias=False)
        self.bn = blocks.norm(cout)
        self.act = activation(blocks.act) if act else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, cin, H, W) to (B, cout, H/s, W/s)."""
        y: Tensor = self.act(self.bn(self.conv(x)))
        return y


class SeparableBlock(nn.Module):
    """3x3 depthwise then 1x1, both with norm and activation."""

    def __init__(self, blocks: Blocks, cin: int, cout: int, s: int) -> None:
        super().__init__()
        self.dw = blocks.cba(cin, cin, 3, s, groups=cin)
        self.pw = blocks.cba(cin, cout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, cin, H, W) to (B, cout, H/s, W/s)."""
        y: Tensor = self.pw(self.dw(x))
        return y


class LowRankBlock(nn.Module):
    """3x3 depthwise, then a 1x1 through a bottleneck of half the channels (at least 8)."""

    def __init__(self, blocks: Blocks, channels: int) -> None:
        super().__init__()
        rank = max(8, round(channels * 0.5))
        self.dw = blocks.cba(channels, channels, 3, groups=channels)
        self.pw_reduce = blocks.cba(channels, rank)
        self.pw_expand = blocks.cba(rank, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (B, C, H, W)."""
        y: Tensor = self.pw_expand(self.pw_reduce(self.dw(x)))
        return y


class DenseBlock(nn.Module):
    """One dense 3x3 convolution with norm and activation."""

    def __init__(self, blocks: Blocks, cin: int, cout: int, s: int) -> None:
        super().__init__()
        self.conv = blocks.cba(cin, cout, 3, s)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, cin, H, W) to (B, cout, H/s, W/s)."""
        y: Tensor = self.conv(x)
        return y


class EffectiveSE(nn.Module):
    """Channel attention with one full-width layer (Lee and Park, CenterMask, 2019).

    Paper: https://arxiv.org/abs/1911.06667
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (B, C, H, W)."""
        return x * torch.sigmoid(self.fc(x.mean((2, 3), keepdim=True)))


class ReceptiveField(nn.Module):
    """A dilated 3x3 and a 5x5 branch, fused and added to the input (after Liu et al., RFBNet, 2018).

    Paper: https://arxiv.org/abs/1711.07767
    """

    def __init__(self, blocks: Blocks, channels: int, dilation: int) -> None:
        super().__init__()
        self.branch_dilated = nn.Sequential(
            blocks.spatial(channels, 3, dilation=dilation), blocks.norm(channels), activation(blocks.act)
        )
        self.branch_wide = nn.Sequential(blocks.spatial(channels, 5), blocks.norm(channels), activation(blocks.act))
        self.fuse = blocks.cba(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (B, C, H, W)."""
        fused: Tensor = self.fuse(torch.cat([self.branch_dilated(x), self.branch_wide(x)], 1))
        return x + fused


class PoolPyramid(nn.Module):
    """1x1, one 5x5 max-pool beside it, concat, 1x1: the smallest form of SPPF."""

    def __init__(self, blocks: Blocks, cin: int, cout: int, scale: str) -> None:
        super().__init__()
        hidden = cin // 2

        def scaling() -> nn.Module:
            if scale == "conv":
                return blocks.cba(hidden, hidden, act=False)
            return blocks.norm(hidden) if scale == "bn" else nn.Identity()

        self.cv1 = blocks.cba(cin, hidden)
        self.pool = nn.MaxPool2d(5, 1, 2)
        self.scale_x = scaling()
        self.scale_y = scaling()
        self.cv2 = blocks.cba(2 * hidden, cout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, cin, H, W) to (B, cout, H, W)."""
        x = self.cv1(x)
        y: Tensor = self.cv2(torch.cat([self.scale_x(x), self.scale_y(self.pool(x))], 1))
        return y
