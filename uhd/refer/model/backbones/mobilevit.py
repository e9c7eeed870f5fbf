"""The backbone MobileViT: convolutions, and attention between equal corners of 2x2 patches.

https://arxiv.org/abs/2110.02178
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uhd.refer.model.backbones.blocks import HIDDEN, ConvBn, InvertedResidual, SelfAttention, extent_mask, pad_to
from uhd.refer.model.valid import Valid, cut

_DEPTHS, _HEADS = (2, 4, 3), 4


class Layer(nn.Module):
    """Attention and an MLP of twice the width, both behind a layer-norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.attention = SelfAttention(width, _HEADS)
        self.first, self.last = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Map tokens (N, K, C) to the same shape; ``bias`` (N, 1, 1, K) hides keys."""
        y = self.norms[0](x)
        x = x + self.attention(y, y, bias)
        done: Tensor = x + self.last(F.silu(self.first(self.norms[1](x))))
        return done


class Block(nn.Module):
    """What is near by convolutions, what is far by attention, both merged."""

    def __init__(self, channels: int, width: int, depth: int) -> None:
        super().__init__()
        self.near, self.enter = ConvBn(channels, channels, 3, act=F.silu), nn.Conv2d(channels, width, 1, bias=False)
        self.layers, self.norm = nn.ModuleList(Layer(width) for _ in range(depth)), nn.LayerNorm(width)
        self.leave = ConvBn(width, channels, act=F.silu)
        self.merge = ConvBn(2 * channels, channels, 3, act=F.silu)

    def forward(self, x: Tensor, valid: Valid | None) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        y = self.enter(self.near(x, valid))
        height, width = y.shape[-2:]
        mask = _corners(pad_to(extent_mask(y, valid), 2))
        padded = pad_to(cut(y, valid), 2)
        tokens, bias = _corners(padded), ((1 - mask) * HIDDEN).transpose(1, 2)[:, None]
        for layer in self.layers:
            tokens = layer(tokens, bias)
        b, _, h, w = padded.shape
        y = self.norm(tokens).view(b, 2, 2, h // 2, w // 2, -1).permute(0, 5, 3, 1, 4, 2).reshape(b, -1, h, w)
        far = self.leave(y[:, :, :height, :width])
        merged: Tensor = self.merge(torch.cat([x, far], 1), valid)
        return merged


def _corners(cells: Tensor) -> Tensor:
    """Return a map (B, C, h, w) as (B * 4, h / 2 * w / 2, C): one row for each corner of the 2x2 patches."""
    b, c, h, w = cells.shape
    return cells.view(b, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 2, 4, 1).reshape(b * 4, h // 2 * (w // 2), c)


class MobileViT(nn.Module):
    """Map pictures to maps at strides 4, 8, 16 and 32.

    Args:
        steps: channels of the stem, of stride 2, and of strides 4, 8, 16 and 32.
        widths: of attention at strides 8, 16 and 32; multiples of 4.
        ratio: of the inverted bottlenecks.
        last: channels of the coarsest map.
    """

    def __init__(self, steps: tuple[int, ...], widths: tuple[int, ...], ratio: int, last: int) -> None:
        super().__init__()
        stem, two, four, *rest = steps
        self.channels = (four, *rest[:2], last)
        self.stem = ConvBn(3, stem, 3, 2, act=F.silu)
        self.first = InvertedResidual(stem, two, ratio, F.silu)
        ins = zip((two, four, four), (2, 1, 1), strict=True)
        self.second = nn.ModuleList(InvertedResidual(c, four, ratio, F.silu, stride=s) for c, s in ins)
        self.down = nn.ModuleList(
            InvertedResidual(cin, cout, ratio, F.silu, stride=2) for cin, cout in zip((four, *rest), rest, strict=False)
        )
        self.blocks = nn.ModuleList(Block(c, w, d) for c, w, d in zip(rest, widths, _DEPTHS, strict=True))
        self.last = ConvBn(rest[2], last, act=F.silu)

    def forward(self, images: Tensor, valid: Valid | None = None) -> list[Tensor]:
        """Return the maps (B, C, ceil(H / s), ceil(W / s)) of pictures (B, 3, H, W), for s = 4, 8, 16, 32."""
        x = self.first(self.stem(images, valid), valid)
        for layer in self.second:
            x = layer(x, valid)
        maps = [x]
        for down, block in zip(self.down, self.blocks, strict=True):
            x = block(down(x, valid), valid)
            maps.append(x)
        maps[-1] = self.last(maps[-1])
        return maps
