"""The step between two maps of the pyramid (--use-fpn)."""

from __future__ import annotations

from torch import Tensor, nn

from uhd.models.layers import activation
from uhd.models.transformer.config import TransformerConfig


class PyramidStep(nn.Module):
    """3x3 depthwise, 1x1, then one batch-norm and one activation."""

    def __init__(self, config: TransformerConfig, stride: int) -> None:
        super().__init__()
        width = config.d_model
        self.dw = nn.Conv2d(width, width, 3, stride, 1, groups=width, bias=False)
        self.pw = nn.Conv2d(width, width, 1, bias=False)
        self.bn = nn.BatchNorm2d(width) if config.use_batchnorm else nn.Identity()
        self.act = activation(config.activation)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, width, H, W) to (B, width, H / stride, W / stride)."""
        y: Tensor = self.act(self.bn(self.pw(self.dw(x))))
        return y
