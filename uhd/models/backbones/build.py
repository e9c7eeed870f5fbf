"""Optional backbones of the cnn: what turns an image into one feature map."""

from __future__ import annotations

from torch import Tensor, nn

from uhd.models.backbones.config import BackboneConfig
from uhd.models.backbones.enhanced_shufflenet import EnhancedShuffleNet
from uhd.models.backbones.layers import attention
from uhd.models.backbones.microcspnet import MicroCSPNet
from uhd.models.backbones.ultratinyresnet import UltraTinyResNet
from uhd.models.layers import Blocks

Backbone = MicroCSPNet | UltraTinyResNet | EnhancedShuffleNet


class Attended(nn.Module):
    """A backbone with channel attention behind it."""

    def __init__(self, backbone: Backbone, kind: str, act: str) -> None:
        super().__init__()
        self.channels, self.stride = backbone.channels, backbone.stride
        self.backbone = backbone
        self.se = attention(kind, backbone.channels, act)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, C, H, W) to the feature map (B, C, h, w)."""
        y: Tensor = self.se(self.backbone(images))
        return y


def build_backbone(config: BackboneConfig, blocks: Blocks, in_channels: int) -> Backbone | Attended:
    """Return the backbone that a configuration describes; it has ``channels`` and ``stride``.

    Raises:
        UserError: options contradict each other.
    """
    config.check_backbone()
    backbone: Backbone
    if config.backbone == "microcspnet":
        backbone = MicroCSPNet(blocks, in_channels)
    elif config.backbone == "enhanced-shufflenet":
        backbone = EnhancedShuffleNet(blocks, in_channels, config.backbone_skip)
    else:
        backbone = UltraTinyResNet(
            blocks,
            in_channels,
            config.channels,
            config.blocks,
            config.skip,
            config.backbone_fpn,
            config.backbone_stride,
        )
    return backbone if config.backbone_se == "none" else Attended(backbone, config.backbone_se, blocks.act)
