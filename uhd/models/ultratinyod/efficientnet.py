"""EfficientNet-Lite0 as the backbone of an UltraTinyOD: knowledge of a million photographs in 0.8 million weights.

It looks at the image at twice its size: its first convolution has stride 1, so that a person of 16 pixels covers the
cells that one of 32 covered where the weights were learnt. The stages at strides 16 and 32 of the published network are
left out, since 64 pixels have no use for them.

Source: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019,
https://arxiv.org/abs/1905.11946; the Lite form has ReLU6 and no channel attention.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from uhd.models.layers import Blocks, ConvNormAct, PoolPyramid
from uhd.models.lite0 import STAGES, STEM
from uhd.models.ultratinyod.config import UltraTinyODConfig

_KEPT = STAGES[:5]  # here at strides 1, 2, 4, 8 and 8
_FINE = 2  # the stage at stride 4


class InvertedResidual(nn.Module):
    """Widen, depthwise, narrow, with a short cut where it fits (https://arxiv.org/abs/1801.04381)."""

    def __init__(self, blocks: Blocks, cin: int, cout: int, ratio: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = cin * ratio
        self.widen = blocks.cba(cin, wide) if ratio > 1 else None
        self.spatial = blocks.cba(wide, wide, kernel, stride, groups=wide)
        self.narrow = blocks.cba(wide, cout, act=False)
        self.short = stride == 1 and cin == cout

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, cin, H, W) to (B, cout, H / stride, W / stride)."""
        y: Tensor = self.narrow(self.spatial(x if self.widen is None else self.widen(x)))
        return x + y if self.short else y


class EfficientNetBackbone(nn.Module):
    """Map (B, in_channels, H, W) to (B, 4 * cnn_width, H / stride, W / stride), stride 4 or 8.

    Attributes:
        frozen: how many of its first parts (stem, then stages) keep their weights and batch-norm statistics.
    """

    def __init__(self, config: UltraTinyODConfig, blocks: Blocks) -> None:
        super().__init__()
        own = Blocks("relu6", config.use_batchnorm)
        self.frozen = 0
        self.stem, before = own.cba(config.in_channels, STEM, 3), STEM
        self.stages = nn.ModuleList()
        for count, kernel, stride, ratio, channels in _KEPT:
            shapes = [(before, stride)] + [(channels, 1)] * (count - 1)
            self.stages.append(
                nn.Sequential(*(InvertedResidual(own, c, channels, ratio, kernel, s) for c, s in shapes))
            )
            before = channels
        self.sppf = PoolPyramid(blocks, before, 4 * config.cnn_width, config.utod_sppf_scale)
        self.fine: ConvNormAct | None = None
        if config.stride == 4:
            self.fine = blocks.cba(_KEPT[_FINE][4], 4 * config.cnn_width)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, C, H, W) to the feature map (B, 4c, h, w) that the head reads, c the width."""
        x = fine = self.stem(images)
        for i, stage in enumerate(self.stages):
            x = stage(x)
            fine = x if i == _FINE else fine
        y: Tensor = self.sppf(x)
        return y if self.fine is None else self.fine(fine) + F.interpolate(y, scale_factor=2.0, mode="nearest")

    def parts(self) -> list[nn.Module]:
        """Return the stem and the stages, in order."""
        return [self.stem, *self.stages]

    def freeze(self, count: int) -> None:
        """Let the first parts keep their weights and statistics from now on."""
        self.frozen = count
        for part in self.parts()[:count]:
            part.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> EfficientNetBackbone:
        """Set the mode; frozen parts stay in evaluation."""
        super().train(mode)
        for part in self.parts()[: self.frozen]:
            part.eval()
        return self
