"""The backbone of an UltraTinyOD: its own (stem, four separable blocks, one pooling block), or a published one."""

from __future__ import annotations

from torch import Tensor, nn

from uhd.errors import UserError
from uhd.models.layers import Blocks, PoolPyramid
from uhd.models.ultratinyod.config import UltraTinyODConfig
from uhd.models.ultratinyod.efficientnet import EfficientNetBackbone


class Backbone(nn.Module):
    """Map (B, in_channels, H, W) to (B, 4 * cnn_width, H / stride, W / stride)."""

    def __init__(self, config: UltraTinyODConfig, blocks: Blocks) -> None:
        super().__init__()
        c, stride = config.cnn_width, config.stride
        everywhere = config.utod_quant_arch in (10, 11)
        s2, s3 = (1 if stride == 4 else 2), (2 if stride == 16 else 1)
        self.residual = config.utod_residual or everywhere
        self.stem = blocks.cba(config.in_channels, c, 3, 2)
        self.block1 = blocks.dw(c, 2 * c, 2)
        self.block2 = blocks.dw(2 * c, 4 * c, s2)
        self.block3 = blocks.dw(4 * c, 8 * c, s3)
        self.block4 = blocks.dw(8 * c, 8 * c)
        self.block1_skip = blocks.cba(c, 2 * c, 1, 2, act=False) if everywhere else None
        self.block2_skip = blocks.cba(2 * c, 4 * c, 1, s2, act=False) if everywhere else None
        self.block3_skip = blocks.cba(4 * c, 8 * c, 1, s3, act=False) if self.residual else None
        self.sppf = PoolPyramid(blocks, 8 * c, 4 * c, config.utod_sppf_scale)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, C, H, W) to the feature map (B, 4c, h, w) that the head reads, c the width."""
        x = self.stem(images)
        x = _block(self.block1, self.block1_skip, x)
        x = _block(self.block2, self.block2_skip, x)
        x = _block(self.block3, self.block3_skip, x)
        y = self.block4(x)
        features: Tensor = self.sppf(y + x if self.residual else y)
        return features


def _block(block: nn.Module, skip: nn.Module | None, x: Tensor) -> Tensor:
    y: Tensor = block(x)
    return y if skip is None else y + skip(x)


def build_backbone(config: UltraTinyODConfig, blocks: Blocks) -> Backbone | EfficientNetBackbone:
    """Return what turns images into the map that the head reads.

    Raises:
        UserError: options contradict each other.
    """
    if config.utod_backbone == "own":
        return Backbone(config, blocks)
    if config.stride == 16:
        raise UserError(f"--utod-backbone {config.utod_backbone} has --output-stride 4 or 8, not 16")
    return EfficientNetBackbone(config, blocks)
