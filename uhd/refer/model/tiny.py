"""The backbone ``tiny``: plain 3x3 convolutions with short cuts, which processors do well."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from uhd.refer.model.layers import ConvNorm
from uhd.refer.model.valid import Valid


class Residual(nn.Module):
    """Two 3x3 convolutions beside a short cut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = ConvNorm(channels, channels, 3), ConvNorm(channels, channels, 3, act=False)

    def forward(self, x: Tensor, valid: Valid | None = None) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        return F.relu(x + self.second(self.first(x, valid), valid), inplace=True)


class TinyBackbone(nn.Module):
    """Map pictures to maps at strides 4, 8, 16 and 32.

    Args:
        width: channels at stride 4; the others have 2, 3 and 4 times as many.

    Attributes:
        channels: of the four maps.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.channels = (width, 2 * width, 3 * width, 4 * width)
        self.stem = ConvNorm(3, width // 2, 3, 2)
        steps = zip((width // 2, *self.channels[:3]), self.channels, strict=True)
        self.down = nn.ModuleList(ConvNorm(cin, cout, 3, 2) for cin, cout in steps)
        self.blocks = nn.ModuleList(
            nn.Identity() if i == 0 else Residual(channels) for i, channels in enumerate(self.channels)
        )

    def forward(self, images: Tensor, valid: Valid | None = None) -> list[Tensor]:
        """Return the maps (B, C, ceil(H / s), ceil(W / s)) of pictures (B, 3, H, W), for s = 4, 8, 16, 32."""
        x, maps = self.stem(images, valid), []
        for down, block in zip(self.down, self.blocks, strict=True):
            x = down(x, valid)
            x = block(x, valid) if isinstance(block, Residual) else x
            maps.append(x)
        return maps
