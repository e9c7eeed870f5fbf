"""The part all cnn networks share: image to one feature map, by the plain trunk or by a backbone."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from uhd.models.backbones.build import build_backbone
from uhd.models.backbones.layers import StandardBlocks, attention
from uhd.models.cnn.config import CNNConfig
from uhd.models.layers import Blocks, activation
from uhd.models.network import DetectorNetwork, check_size

_STRIDES = {4: (2, 1, 1), 8: (2, 2, 1), 16: (2, 2, 2)}


class Stage(nn.Module):
    """3x3 depthwise then 1x1, with one norm and activation at the end."""

    def __init__(self, blocks: Blocks, cin: int, cout: int, s: int) -> None:
        super().__init__()
        self.dw = nn.Conv2d(cin, cin, 3, s, 1, groups=cin, bias=False)
        self.pw = nn.Conv2d(cin, cout, 1, bias=False)
        self.bn = blocks.norm(cout)
        self.act = activation(blocks.act)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, cin, H, W) to (B, cout, H/s, W/s)."""
        y: Tensor = self.act(self.bn(self.pw(self.dw(x))))
        return y


class TrunkNetwork(DetectorNetwork):
    """Base of the cnn networks. Its layers are its own children, since the names in checkpoints have no prefix.

    Raises:
        UserError: options contradict each other.
    """

    arch: ClassVar[str] = "cnn"
    tag: ClassVar[str] = "cnn"
    config: CNNConfig

    def __init__(self, config: CNNConfig) -> None:
        super().__init__()
        config.check()
        self.config = dataclasses.replace(config, backbone=config.backbone if config.has_backbone else None)
        blocks = StandardBlocks(config.activation, config.use_batchnorm)
        if config.has_backbone:
            self.backbone = build_backbone(config, blocks, config.in_channels)
            self.channels = self.backbone.channels
        else:
            self._build_trunk(blocks)
            self.channels = config.last_width

    def _build_trunk(self, blocks: Blocks) -> None:
        config, width, out = self.config, self.config.cnn_width, self.config.last_width
        s1, s2, s3 = _STRIDES[config.stride]
        self.stem = nn.Sequential(
            nn.Conv2d(config.in_channels, width, 3, 2, 1, bias=False), blocks.norm(width), activation(blocks.act)
        )
        if config.use_skip:
            self.skip_s2 = nn.Identity() if out == width else nn.Conv2d(width, out, 1, bias=False)
            self.skip_s1 = nn.Identity() if out == width else nn.Conv2d(width, out, 1, bias=False)
        self.stage1 = Stage(blocks, width, width, s1)
        self.stage2 = Stage(blocks, width, width, s2)
        self.stage3 = Stage(blocks, width, out, s3)
        self.se = attention(config.last_se, out, blocks.act)
        self._pooled = (s2 * s3, s3)

    def features(self, images: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, channels, H / stride, W / stride).

        Raises:
            UserError: the size is not divisible by the stride.
        """
        check_size((int(images.shape[-2]), int(images.shape[-1])), self.config.stride)
        y: Tensor
        if self.config.has_backbone:
            y = self.backbone(images)
            return y
        x1 = self.stage1(self.stem(images))
        x2 = self.stage2(x1)
        y = self.stage3(x2)
        if self.config.use_skip:
            y = y + self.skip_s2(F.avg_pool2d(x2, self._pooled[1])) + self.skip_s1(F.avg_pool2d(x1, self._pooled[0]))
        y = self.se(y)
        return y
