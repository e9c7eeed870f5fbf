"""Layers that several backbones are made of; none of them lets what lies beyond a picture into it."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uhd.refer.model.valid import Valid, cut

HIDDEN = -1e4  # as a logit; finite, so that a window of padding alone stays finite


class ConvBn(nn.Module):
    """Convolution, batch-norm and what follows them; ``ceil(side / stride)`` cells come out."""

    def __init__(
        self,
        cin: int,
        cout: int,
        k: int = 1,
        stride: int = 1,
        groups: int = 1,
        act: Callable[[Tensor], Tensor] | None = None,
        bias: bool = False,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, k, stride, k // 2, groups=groups, bias=bias)
        self.norm = nn.BatchNorm2d(cout)
        self.act = act

    def forward(self, x: Tensor, valid: Valid | None = None) -> Tensor:
        """Map (B, cin, H, W) to (B, cout, H / stride, W / stride)."""
        y: Tensor = self.norm(self.conv(cut(x, valid) if self.conv.kernel_size[0] > 1 else x))
        return y if self.act is None else self.act(y)


class InvertedResidual(nn.Module):
    """Widen, 3x3 or 5x5 depthwise, narrow, with a short cut where it fits (https://arxiv.org/abs/1801.04381)."""

    def __init__(
        self, cin: int, cout: int, ratio: int, act: Callable[[Tensor], Tensor], k: int = 3, stride: int = 1
    ) -> None:
        super().__init__()
        wide = cin * ratio
        self.widen = ConvBn(cin, wide, act=act) if ratio > 1 else None
        self.spatial = ConvBn(wide, wide, k, stride, wide, act)
        self.narrow = ConvBn(wide, cout)
        self.short = stride == 1 and cin == cout

    def forward(self, x: Tensor, valid: Valid | None = None) -> Tensor:
        """Map (B, cin, H, W) to (B, cout, H / stride, W / stride)."""
        y = x if self.widen is None else self.widen(x)
        y = self.narrow(self.spatial(y, valid))
        done: Tensor = x + y if self.short else y
        return done


class MapNorm(nn.LayerNorm):
    """Layer-norm over the channels of every cell of a map (B, C, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape."""
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class SelfAttention(nn.Module):
    """Multi-head attention (https://arxiv.org/abs/1706.03762) of queries to keys, some of which are hidden."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, memory: Tensor, bias: Tensor | None = None) -> Tensor:
        """Return what each of (N, Q, D) finds in (N, K, D); ``bias`` (N, 1 or heads, 1 or Q, K) is added to logits."""
        query, (key, value) = self._split(self.query(x)), map(self._split, self.key_value(memory).chunk(2, -1))
        logits = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        weights = (logits if bias is None else logits + bias).softmax(-1)
        found: Tensor = self.out((weights @ value).transpose(1, 2).flatten(2))
        return found

    def _split(self, x: Tensor) -> Tensor:
        n, k, width = x.shape
        return x.reshape(n, k, self.heads, width // self.heads).transpose(1, 2)


def tokens_of(cells: Tensor) -> Tensor:
    """Return a map (B, C, h, w) as tokens (B, h * w, C)."""
    return cells.flatten(2).transpose(1, 2)


def cells_of(tokens: Tensor, size: tuple[int, int]) -> Tensor:
    """Return tokens (B, h * w, C) as a map (B, C, h, w) of a size (h, w)."""
    b, _, channels = tokens.shape
    return tokens.transpose(1, 2).reshape(b, channels, *size)


def hide_beyond(cells: Tensor, valid: Valid | None) -> Tensor | None:
    """Return (B, 1, h * w): 0, or far below it where a cell of a map (B, C, h, w) lies beyond its picture."""
    return None if valid is None else (1 - valid.mask(cells)).flatten(2) * HIDDEN


def pad_to(cells: Tensor, multiple: int) -> Tensor:
    """Return a map (B, C, h, w) with zeros at its right and bottom, so that both sides are multiples."""
    height, width = cells.shape[-2:]
    return F.pad(cells, (0, -width % multiple, 0, -height % multiple))


def extent_mask(cells: Tensor, valid: Valid | None) -> Tensor:
    """Return (B, 1, h, w): 1 where a cell of a map (B, C, h, w) belongs to its picture."""
    return torch.ones_like(cells[:, :1]) if valid is None else valid.mask(cells)
