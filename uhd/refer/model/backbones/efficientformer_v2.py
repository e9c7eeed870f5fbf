"""The backbone EfficientFormerV2: convolutions, and attention with few keys late (https://arxiv.org/abs/2212.08059).

Biases of attention belong to distances in cells; there, a table was tied to pictures of 224 pixels. Here farther cells
take the bias of the farthest known distance, so that any size will do.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uhd.refer.model.backbones.blocks import ConvBn, hide_beyond
from uhd.refer.model.layers import twice
from uhd.refer.model.valid import Valid, cut

_HEADS, _SCALE = 8, 1e-2


class DistanceBias(nn.Module):
    """A learnt number for each head and each distance in rows and columns, up to a side."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side, self.table = side, nn.Parameter(torch.zeros(_HEADS, side * side))

    def forward(self, query: tuple[int, int], key: tuple[int, int], step: int) -> Tensor:
        """Return (heads, Q, K) for maps of sizes (h, w); a query cell is ``step`` key cells wide."""
        rows, columns = (
            (torch.arange(q)[:, None] * step - torch.arange(k)[None]).abs().clamp(max=self.side - 1)
            for q, k in zip(query, key, strict=True)
        )
        index = rows[:, None, :, None] * self.side + columns[None, :, None, :]
        flat = index.reshape(query[0] * query[1], key[0] * key[1])
        return self.table[:, flat.to(self.table.device)]


class Attention(nn.Module):
    """Attention whose heads talk with each other; of a map at half the side where ``half``, and then made large."""

    def __init__(self, width: int, half: bool, side: int, key: int = 32) -> None:
        super().__init__()
        inner, value = key * _HEADS, 4 * key * _HEADS
        self.shrink = ConvBn(width, width, 3, 2, width, bias=True) if half else None
        self.query, self.key = ConvBn(width, inner, bias=True), ConvBn(width, inner, bias=True)
        self.value, self.near = ConvBn(width, value, bias=True), ConvBn(value, value, 3, 1, value, bias=True)
        self.before, self.after = nn.Conv2d(_HEADS, _HEADS, 1), nn.Conv2d(_HEADS, _HEADS, 1)
        self.out, self.bias = ConvBn(value, width, bias=True), DistanceBias(side)

    def forward(self, x: Tensor, valid: Valid | None) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        y = x if self.shrink is None else self.shrink(x, valid)
        size = (y.shape[2], y.shape[3])
        query, key, value = self.query(y), self.key(y), self.value(y)
        logits = _heads(query).transpose(-1, -2) @ _heads(key) * (query.shape[1] // _HEADS) ** -0.5
        logits = self.before(logits + self.bias(size, size, 1))
        hidden = hide_beyond(y, valid)
        weights = self.after((logits if hidden is None else logits + hidden[:, None]).softmax(-1))
        # Afterwards a head may weigh hidden cells by its bias: their values are nothing.
        found = (_heads(cut(value, valid)) @ weights.transpose(-1, -2)).flatten(1, 2).unflatten(2, size)
        found = found + self.near(value, valid)
        if self.shrink is not None:
            found = twice(found)[:, :, : x.shape[2], : x.shape[3]]
        done: Tensor = self.out(F.gelu(found))
        return done


def _heads(x: Tensor) -> Tensor:
    b, channels, height, width = x.shape
    return x.reshape(b, _HEADS, channels // _HEADS, height * width)


class AttentionDown(nn.Module):
    """Attention of the cells of a map at half the side to all cells of the map."""

    def __init__(self, cin: int, cout: int, side: int, key: int = 16) -> None:
        super().__init__()
        inner, value = key * _HEADS, 4 * key * _HEADS
        self.local = nn.Conv2d(cin, cin, 3, 2, 1, groups=cin)
        self.query, self.key = ConvBn(cin, inner, bias=True), ConvBn(cin, inner, bias=True)
        self.value, self.near = ConvBn(cin, value, bias=True), ConvBn(value, value, 3, 2, value, bias=True)
        self.out, self.bias = ConvBn(value, cout, bias=True), DistanceBias(side)

    def forward(self, x: Tensor, valid: Valid | None) -> Tensor:
        """Map (B, C, H, W) to (B, cout, H / 2, W / 2)."""
        query = self.query(self.local(cut(x, valid)) + x[:, :, ::2, ::2])
        key, value = self.key(x), self.value(x)
        size = (query.shape[2], query.shape[3])
        logits = _heads(query).transpose(-1, -2) @ _heads(key) * (query.shape[1] // _HEADS) ** -0.5
        logits = logits + self.bias(size, (x.shape[2], x.shape[3]), 2)
        hidden = hide_beyond(x, valid)
        weights = (logits if hidden is None else logits + hidden[:, None]).softmax(-1)
        found = (_heads(value) @ weights.transpose(-1, -2)).flatten(1, 2).unflatten(2, size)
        done: Tensor = self.out(F.gelu(found + self.near(value, valid)))
        return done


class Block(nn.Module):
    """Attention, where it has one, and an inverted bottleneck, each scaled."""

    def __init__(self, width: int, ratio: int, attention: Attention | None) -> None:
        super().__init__()
        wide = width * ratio
        self.attention = attention
        self.first, self.last = ConvBn(width, wide, act=F.gelu, bias=True), ConvBn(wide, width, bias=True)
        self.spatial = ConvBn(wide, wide, 3, 1, wide, F.gelu, bias=True)
        count = 1 if attention is None else 2
        self.scales = nn.ParameterList(nn.Parameter(torch.full((width, 1, 1), _SCALE)) for _ in range(count))

    def forward(self, x: Tensor, valid: Valid | None) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        if self.attention is not None:
            x = x + self.scales[1] * self.attention(x, valid)
        done: Tensor = x + self.scales[0] * self.last(self.spatial(self.first(x), valid))
        return done


class EfficientFormerV2(nn.Module):
    """Map pictures to maps at strides 4, 8, 16 and 32.

    Args:
        channels: of the four maps.
        ratios: of the bottlenecks of every block of the four stages.
        attentions: blocks with attention at the end of the last two stages.
    """

    def __init__(self, channels: tuple[int, ...], ratios: tuple[tuple[int, ...], ...], attentions: int) -> None:
        super().__init__()
        self.channels = channels
        half = channels[0] // 2
        self.stem = nn.ModuleList(ConvBn(a, b, 3, 2, 1, F.gelu, True) for a, b in ((3, half), (half, channels[0])))
        steps = list(pairwise(channels))
        self.down = nn.ModuleList(ConvBn(a, b, 3, 2, bias=True) for a, b in steps)
        self.asking = AttentionDown(*steps[-1], 14)
        self.stages = nn.ModuleList()
        for i, (width, each) in enumerate(zip(channels, ratios, strict=True)):
            own = [i >= 2 and k >= len(each) - attentions for k in range(len(each))]
            self.stages.append(
                nn.ModuleList(
                    Block(width, r, Attention(width, i == 2, 7) if asks else None)
                    for r, asks in zip(each, own, strict=True)
                )
            )

    def forward(self, images: Tensor, valid: Valid | None = None) -> list[Tensor]:
        """Return the maps (B, C, ceil(H / s), ceil(W / s)) of pictures (B, 3, H, W), for s = 4, 8, 16, 32."""
        x, maps = images, []
        for layer in self.stem:
            x = layer(x, valid)
        for i, stage in enumerate(self.stages):
            if i:
                down = self.down[i - 1](x, valid)
                x = down + self.asking(x, valid) if i == 3 else down
            for block in stage:  # type: ignore[attr-defined]
                x = block(x, valid)
            maps.append(x)
        return maps
