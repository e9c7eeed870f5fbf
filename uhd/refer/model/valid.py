"""Which part of a padded batch is picture: what lies beyond never reaches an answer."""

from __future__ import annotations

import math

import torch
from torch import Tensor


class Valid:
    """The extents of B pictures in a batch of one size, as masks at every stride.

    A map of stride s has ceil(extent / s) cells that belong to the picture, as convolutions with a stride count them.

    Args:
        extents: (B, 2) int64, width and height of each picture in pixels, at the left and top of the batch.
        size: (H, W) of the batch.
    """

    def __init__(self, extents: Tensor, size: tuple[int, int]) -> None:
        self.extents, self.size = extents, size
        self._masks: dict[tuple[int, int], Tensor] = {}

    @property
    def pixels(self) -> Tensor:
        """Width and height (B, 2) float in pixels."""
        return self.extents.float()

    def mask(self, cells: Tensor) -> Tensor:
        """Return which cells (B, 1, h, w) of a map (B, C, h, w) belong to the picture, 0 or 1."""
        height, width = cells.shape[-2:]
        if (height, width) not in self._masks:
            stride = stride_of(self.size, cells)
            own = (self.extents + stride - 1).div(stride, rounding_mode="floor")
            x = torch.arange(width, device=cells.device)[None] < own[:, :1]
            y = torch.arange(height, device=cells.device)[None] < own[:, 1:]
            self._masks[height, width] = (y[:, None, :, None] & x[:, None, None, :]).to(cells.dtype)
        return self._masks[height, width]


def stride_of(size: tuple[int, int], cells: Tensor) -> int:
    """Return the power of two by which a map (B, C, h, w) is smaller than a batch of a size (H, W) in pixels."""
    return int(2 ** math.ceil(math.log2(size[0] / int(cells.shape[-2]))))


def cut(cells: Tensor, valid: Valid | None) -> Tensor:
    """Return a map (B, C, h, w) with zeros beyond each picture; None says that every picture fills the batch."""
    return cells if valid is None else cells * valid.mask(cells)
