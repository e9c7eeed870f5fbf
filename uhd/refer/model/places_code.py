"""Places as sines (https://arxiv.org/abs/1706.03762), in pixels, so that padding moves nothing."""

from __future__ import annotations

import torch
from torch import Tensor


def place_code(points: Tensor, width: int) -> Tensor:
    """Return (..., width) for points (..., 2) in pixels; ``width`` a multiple of 4."""
    steps = torch.arange(width // 4, device=points.device, dtype=points.dtype)
    angles = points[..., None] / 8 / 1000 ** (steps / (width // 4))
    return torch.cat([angles.sin(), angles.cos()], -1).flatten(-2)


def cell_centres(cells: Tensor, stride: int) -> Tensor:
    """Return the centres (h * w, 2) of the cells of a map (B, C, h, w) in pixels."""
    height, width = cells.shape[-2:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return ((torch.stack([x, y], -1).view(-1, 2) + 0.5) * stride).to(cells)
