"""Attention to a few places of every map, which the query chooses (https://arxiv.org/abs/2010.04159)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uhd.refer.model.valid import stride_of

HEADS, POINTS = 8, 4


class DeformableAttention(nn.Module):
    """Every head looks at four places of each map, around where the query is; plain torch, for any device and ONNX.

    Args:
        width: of queries and maps; a multiple of 8.
        levels: maps.
    """

    def __init__(self, width: int, levels: int) -> None:
        super().__init__()
        self.levels = levels
        self.offsets = nn.Linear(width, HEADS * levels * POINTS * 2)
        self.weights = nn.Linear(width, HEADS * levels * POINTS)
        # Without a bias, what lies beyond a picture is nothing, be it padding or the end of the map.
        self.value, self.out = nn.Linear(width, width, bias=False), nn.Linear(width, width)
        nn.init.normal_(self.offsets.weight, std=1e-3)
        turn = torch.arange(HEADS) * (2 * math.pi / HEADS)
        ways = torch.stack([turn.cos(), turn.sin()], -1)
        ways = (ways / ways.abs().amax(-1, keepdim=True))[:, None, None] * torch.arange(1, POINTS + 1)[:, None]
        with torch.no_grad():
            self.offsets.bias.copy_(ways.expand(-1, levels, -1, -1).reshape(-1))

    def forward(self, query: Tensor, places: Tensor, maps: list[Tensor], size: tuple[int, int]) -> Tensor:
        """Return what queries (B, N, D) find.

        Args:
            query: (B, N, D).
            places: (B, N, 2) in pixels of the batch.
            maps: (B, D, h, w) each, zero beyond the pictures.
            size: (H, W) of the batch in pixels.
        """
        b, n, width = query.shape
        shape = (HEADS, self.levels, POINTS)
        offsets = self.offsets(query).view(b, n, *shape, 2).permute(3, 0, 2, 1, 4, 5).flatten(1, 2)
        weights = self.weights(query).view(b, n, HEADS, -1).softmax(-1).view(b, n, *shape)
        weights = weights.permute(3, 0, 2, 1, 4).flatten(1, 2)  # (levels, B * heads, N, points)
        around = places[:, None].expand(-1, HEADS, -1, -1).flatten(0, 1)[:, :, None]
        found: Tensor = query.new_zeros(())
        for cells, offset, weight in zip(maps, offsets, weights, strict=True):
            stride = stride_of(size, cells)
            extent = places.new_tensor([cells.shape[3] * stride, cells.shape[2] * stride])
            grid = (around + offset * stride) * (2 / extent) - 1
            value = self.value(cells.permute(0, 2, 3, 1)).permute(0, 3, 1, 2).reshape(b * HEADS, -1, *cells.shape[2:])
            seen = F.grid_sample(value, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
            found = found + (seen * weight[:, None]).sum(-1)
        done: Tensor = self.out(found.reshape(b, width, n).transpose(1, 2))
        return done
