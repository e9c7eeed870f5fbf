"""Layers that the parts share."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uhd.models.normalisation import BN_EPS, BN_MOMENTUM
from uhd.refer.model.valid import Valid, cut, stride_of


class ConvNorm(nn.Module):
    """Convolution, batch-norm and ReLU; nothing beyond the picture enters it."""

    def __init__(self, cin: int, cout: int, k: int = 1, stride: int = 1, groups: int = 1, act: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, k, stride, k // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(cout, BN_EPS, BN_MOMENTUM)
        self.act = act

    def forward(self, x: Tensor, valid: Valid | None = None) -> Tensor:
        """Map (B, cin, H, W) to (B, cout, H / stride, W / stride)."""
        y: Tensor = self.norm(self.conv(cut(x, valid) if self.conv.kernel_size[0] > 1 else x))
        return F.relu(y, inplace=True) if self.act else y


class Attention(nn.Module):
    """Multi-head attention with a key that every query may look at instead: it says "nothing here"."""

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.nothing = nn.Parameter(torch.zeros(1, 1, 2 * width))

    def forward(self, x: Tensor, memory: Tensor, bias: Tensor | None = None) -> Tensor:
        """Return what each of (N, Q, D) finds in (N, K, D).

        Args:
            x: queries.
            memory: keys and values.
            bias: (N, K) added to the logits of every key; -inf hides one.
        """
        n, q, d = x.shape
        both = torch.cat([self.key_value(memory), self.nothing.expand(n, -1, -1)], 1)
        k = both.shape[1]
        key, value = both.view(n, k, 2, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        query = self.query(x).view(n, q, self.heads, d // self.heads).transpose(1, 2)
        logits = query @ key.transpose(-1, -2) * (d // self.heads) ** -0.5
        if bias is not None:
            logits = logits + F.pad(bias, (0, 1))[:, None, None]
        found = (logits.softmax(-1) @ value).transpose(1, 2).reshape(n, q, d)
        y: Tensor = self.out(found)
        return y


class Mlp(nn.Sequential):
    """Layer-norm, then two layers (..., D) to (..., out)."""

    def __init__(self, width: int, hidden: int, out: int) -> None:
        super().__init__(nn.LayerNorm(width), nn.Linear(width, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, out))

    @property
    def last(self) -> nn.Linear:
        """The layer that answers."""
        layer = self[3]
        assert isinstance(layer, nn.Linear)
        return layer


def sine_code(values: Tensor, count: int) -> Tensor:
    """Return (..., n * 2 * count) sines and cosines of (..., n) values of about 0 to 1, at octaves from pi on."""
    angles = values[..., None] * (torch.pi * 2.0 ** torch.arange(count, device=values.device, dtype=values.dtype))
    return torch.cat([angles.sin(), angles.cos()], -1).flatten(-2)


def sample_at(cells: Tensor, points: Tensor, size: tuple[int, int]) -> Tensor:
    """Return what a map shows at points, bilinear: (B, N, C).

    Args:
        cells: (B, C, h, w), zero beyond each picture.
        points: (B, N, 2) x and y in pixels of the batch.
        size: (H, W) of the batch in pixels.
    """
    height, width = cells.shape[-2:]
    stride = stride_of(size, cells)
    extent = points.new_tensor([width * stride, height * stride])
    grid = points * (2 / extent) - 1
    found = F.grid_sample(cells, grid[:, :, None], mode="bilinear", padding_mode="zeros", align_corners=False)
    return found[..., 0].transpose(1, 2)


def twice(cells: Tensor) -> Tensor:
    """Return a map (B, C, h, w) with every cell repeated to two by two; no cell knows its neighbour's."""
    return F.interpolate(cells, scale_factor=2.0, mode="nearest")
