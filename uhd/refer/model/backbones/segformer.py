"""The backbone SegFormer (MiT): attention to a map made smaller, no positions (https://arxiv.org/abs/2105.15203)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from uhd.refer.model.backbones.blocks import MapNorm, SelfAttention, cells_of, hide_beyond, pad_to, tokens_of
from uhd.refer.model.valid import Valid, cut

_HEADS, _SHRINK = (1, 2, 5, 8), (8, 4, 2, 1)


class Block(nn.Module):
    """Attention to a map shrunk by a convolution, then an MLP that sees its neighbours."""

    def __init__(self, width: int, heads: int, shrink: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.attention = SelfAttention(width, heads)
        self.shrink = nn.Conv2d(width, width, shrink, shrink) if shrink > 1 else None
        self.shrunk = nn.LayerNorm(width) if shrink > 1 else None
        self.first, self.last = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.spatial = nn.Conv2d(4 * width, 4 * width, 3, 1, 1, groups=4 * width)

    def forward(self, x: Tensor, size: tuple[int, int], valid: Valid | None) -> Tensor:
        """Map tokens (B, h * w, C) of a map of a size (h, w) to the same shape."""
        y = self.norms[0](x)
        cells = cells_of(y, size)
        if self.shrink is not None and self.shrunk is not None:
            cells = self.shrink(pad_to(cut(cells, valid), self.shrink.stride[0]))
            memory = self.shrunk(tokens_of(cells))
        else:
            memory = y
        hidden = hide_beyond(cells, valid)
        x = x + self.attention(y, memory, None if hidden is None else hidden[:, None])
        y = cells_of(self.first(self.norms[1](x)), size)
        y = tokens_of(F.gelu(self.spatial(cut(y, valid))))
        done: Tensor = x + self.last(y)
        return done


class SegFormer(nn.Module):
    """Map pictures to maps at strides 4, 8, 16 and 32.

    Args:
        channels: of the four maps; multiples of 1, 2, 5 and 8.
        depths: blocks of the four stages.
    """

    def __init__(self, channels: tuple[int, ...], depths: tuple[int, ...] = (2, 2, 2, 2)) -> None:
        super().__init__()
        self.channels = channels
        self.embed = nn.ModuleList(
            nn.Conv2d(cin, cout, 3 if i else 7, 2 if i else 4, 1 if i else 3)
            for i, (cin, cout) in enumerate(zip((3, *channels), channels, strict=False))
        )
        self.embedded = nn.ModuleList(MapNorm(c) for c in channels)
        self.blocks = nn.ModuleList(
            nn.ModuleList(Block(c, heads, shrink) for _ in range(depth))
            for c, heads, shrink, depth in zip(channels, _HEADS, _SHRINK, depths, strict=True)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(c) for c in channels)

    def forward(self, images: Tensor, valid: Valid | None = None) -> list[Tensor]:
        """Return the maps (B, C, ceil(H / s), ceil(W / s)) of pictures (B, 3, H, W), for s = 4, 8, 16, 32."""
        x, maps = images, []
        for embed, norm, blocks, last in zip(self.embed, self.embedded, self.blocks, self.norms, strict=True):
            x = norm(embed(cut(x, valid)))
            size = (x.shape[2], x.shape[3])
            tokens = tokens_of(x)
            for block in blocks:  # type: ignore[attr-defined]
                tokens = block(tokens, size, valid)
            x = cells_of(last(tokens), size)
            maps.append(x)
        return maps
