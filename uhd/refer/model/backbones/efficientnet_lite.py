"""The backbone EfficientNet-Lite0: EfficientNet-B0 without what small processors do badly.

https://arxiv.org/abs/1905.11946
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from uhd.models.lite0 import STAGES, STEM
from uhd.models.lite0_file import EPSILON
from uhd.refer.model.backbones.blocks import ConvBn, InvertedResidual
from uhd.refer.model.valid import Valid

# A map leaves after the last stage of each stride.
_LEAVES = (1, 2, 4, 6)


class EfficientNetLite(nn.Module):
    """Map pictures to maps at strides 4, 8, 16 and 32.

    Args:
        stages: blocks, kernel, stride, ratio and channels of the seven stages.
        stem: channels at stride 2.
    """

    def __init__(self, stages: tuple[tuple[int, ...], ...] = STAGES, stem: int = STEM) -> None:
        super().__init__()
        self.channels = tuple(stages[i][4] for i in _LEAVES)
        self.stem, before = ConvBn(3, stem, 3, 2, act=F.relu6), stem
        self.stages = nn.ModuleList()
        for count, kernel, stride, ratio, channels in stages:
            ins = zip((before, *[channels] * (count - 1)), (stride, *[1] * (count - 1)), strict=True)
            self.stages.append(nn.ModuleList(InvertedResidual(c, channels, ratio, F.relu6, kernel, s) for c, s in ins))
            before = channels
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eps = EPSILON  # some channels of the published weights vary less than the usual epsilon

    def forward(self, images: Tensor, valid: Valid | None = None) -> list[Tensor]:
        """Return the maps (B, C, ceil(H / s), ceil(W / s)) of pictures (B, 3, H, W), for s = 4, 8, 16, 32."""
        x, maps = self.stem(images, valid), []
        for i, stage in enumerate(self.stages):
            for block in stage:  # type: ignore[attr-defined]
                x = block(x, valid)
            if i in _LEAVES:
                maps.append(x)
        return maps
