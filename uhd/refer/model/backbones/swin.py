"""The backbone Swin: attention within windows, every second time shifted (https://arxiv.org/abs/2103.14030)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uhd.refer.model.backbones.blocks import HIDDEN, MapNorm, SelfAttention, extent_mask, pad_to
from uhd.refer.model.valid import Valid, cut

WINDOW = 7


class Block(nn.Module):
    """Attention within windows of 7x7 cells with a bias for every offset, then an MLP."""

    def __init__(self, width: int, heads: int, shift: int) -> None:
        super().__init__()
        self.norms, self.shift = nn.ModuleList(MapNorm(width) for _ in range(2)), shift
        self.attention = SelfAttention(width, heads)
        self.offsets = nn.Parameter(torch.randn((2 * WINDOW - 1) ** 2, heads) * 0.02)
        self.first, self.last = nn.Conv2d(width, 4 * width, 1), nn.Conv2d(4 * width, width, 1)
        place = torch.stack(torch.meshgrid(torch.arange(WINDOW), torch.arange(WINDOW), indexing="ij"), -1).view(-1, 2)
        apart = place[:, None] - place[None] + WINDOW - 1
        self.register_buffer("index", apart[..., 0] * (2 * WINDOW - 1) + apart[..., 1], persistent=False)

    def forward(self, x: Tensor, valid: Valid | None) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        # A shift is padding before the first window; what is padding is no key, so that no window wraps around.
        before = WINDOW - self.shift if self.shift else 0
        y = self.norms[0](x)
        padded, mask = (
            pad_to(F.pad(each, (before, 0, before, 0)), WINDOW) for each in (cut(y, valid), extent_mask(y, valid))
        )
        windows, shown = _windows(padded), _windows(mask)
        bias = self.offsets[self.get_buffer("index")].permute(2, 0, 1)
        hidden = ((1 - shown) * HIDDEN).transpose(1, 2)[:, None]
        found = self.attention(windows, windows, bias + hidden)
        b, _, h, w = padded.shape
        found = found.view(b, h // WINDOW, w // WINDOW, WINDOW, WINDOW, -1).permute(0, 5, 1, 3, 2, 4)
        height, width = x.shape[-2:]
        x = x + found.reshape(b, -1, h, w)[:, :, before : before + height, before : before + width]
        done: Tensor = x + self.last(F.gelu(self.first(self.norms[1](x))))
        return done


def _windows(cells: Tensor) -> Tensor:
    """Return a map (B, C, h, w) as (B * windows, 49, C)."""
    b, c, h, w = cells.shape
    parts = cells.view(b, c, h // WINDOW, WINDOW, w // WINDOW, WINDOW).permute(0, 2, 4, 3, 5, 1)
    return parts.reshape(-1, WINDOW * WINDOW, c)


class Merging(nn.Module):
    """Make one cell of two by two."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.reduce = MapNorm(4 * width), nn.Conv2d(4 * width, 2 * width, 1, bias=False)

    def forward(self, x: Tensor, valid: Valid | None) -> Tensor:
        """Map (B, C, H, W) to (B, 2 * C, H / 2, W / 2)."""
        x = pad_to(cut(x, valid), 2)
        y: Tensor = self.reduce(self.norm(torch.cat([x[:, :, i::2, j::2] for j in (0, 1) for i in (0, 1)], 1)))
        return y


class Swin(nn.Module):
    """Map pictures to maps at strides 4, 8, 16 and 32.

    Args:
        width: channels at stride 4; each later map has twice as many.
        depths: blocks of the four stages.
        heads: of the four stages.
    """

    def __init__(self, width: int, depths: tuple[int, ...], heads: tuple[int, ...]) -> None:
        super().__init__()
        self.channels = tuple(width * 2**i for i in range(4))
        self.embed, self.embedded = nn.Conv2d(3, width, 4, 4), MapNorm(width)
        self.merging = nn.ModuleList(Merging(c) for c in self.channels[:3])
        self.blocks = nn.ModuleList(
            nn.ModuleList(Block(c, n, WINDOW // 2 if i % 2 else 0) for i in range(depth))
            for c, n, depth in zip(self.channels, heads, depths, strict=True)
        )
        self.norms = nn.ModuleList(MapNorm(c) for c in self.channels)

    def forward(self, images: Tensor, valid: Valid | None = None) -> list[Tensor]:
        """Return the maps (B, C, ceil(H / s), ceil(W / s)) of pictures (B, 3, H, W), for s = 4, 8, 16, 32."""
        x, maps = self.embedded(self.embed(pad_to(cut(images, valid), 4))), []
        for i, (blocks, norm) in enumerate(zip(self.blocks, self.norms, strict=True)):
            x = self.merging[i - 1](x, valid) if i else x
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, valid)
            maps.append(norm(x))
        return maps
