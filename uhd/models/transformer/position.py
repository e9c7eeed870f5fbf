"""Where a token stands in the image, as sines and cosines."""

from __future__ import annotations

import torch
from torch import Tensor


def sine_position(height: int, width: int, channels: int, device: torch.device | None = None) -> Tensor:
    """Return the positional code (height * width, channels), row by row.

    Channels are [sin x, cos x, sin y, cos y], a quarter each, with frequencies 10000^(-2k / channels),
    k = 0 ... channels / 4 - 1; x is the column and y the row, in cells.

    Args:
        height, width: of the map.
        channels: divisible by 4.
        device: where the code is made.
    """
    order = torch.arange(channels // 4, device=device, dtype=torch.float32)
    frequency = 10000 ** (-2 * order / channels)
    x = torch.arange(width, device=device)[:, None] * frequency
    y = torch.arange(height, device=device)[:, None] * frequency
    across = torch.cat([x.sin(), x.cos()], 1).expand(height, width, -1)
    down = torch.cat([y.sin(), y.cos()], 1)[:, None].expand(height, width, -1)
    return torch.cat([across, down], 2).flatten(0, 1)
