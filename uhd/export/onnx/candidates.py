"""What the in-graph decoder of every head gives; the decoders are in :mod:`uhd.export.onnx.heads`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from uhd.models.decode import cell_grid


class Candidates(NamedTuple):
    """Everything a network proposes, on A maps of h x w cells.

    Attributes:
        centre, size: (B, A, 2, h * w) normalised to the image, x and width first.
        base: (B, A, h * w) score of a box whatever its class, or None where that is 1.
        classes: (B, A, C, h * w) factor of every class, or None where that is 1.
        attributes: (B, A, M, h * w) factor of every attribute, or None.
        grid: (h, w).
    """

    centre: Tensor
    size: Tensor
    base: Tensor | None
    classes: Tensor | None
    attributes: Tensor | None
    grid: tuple[int, int]


@dataclass(frozen=True)
class Axes:
    """Which axes of the maps are known when the graph is written.

    Attributes:
        batch: images per run, or None for any number.
        dynamic: height and width are free.
    """

    batch: int | None
    dynamic: bool

    def spread(self, x: Tensor, *middle: int) -> Tensor:
        """Reshape (B, ..., h, w) to (B, *middle, h * w)."""
        h, w = x.shape[-2:]
        if not self.dynamic:
            return x.reshape(self.batch or -1, *middle, h * w)
        return x.reshape(self.batch or x.shape[0], *middle, -1)

    def cells(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return column and row of every cell (1, 1, 2, h * w), and how many there are of each (1, 1, 2, 1)."""
        h, w = x.shape[-2:]
        if not self.dynamic:
            extent = torch.tensor([w, h], dtype=torch.float32)
            return cell_grid(h, w).view(1, 1, 2, h * w), extent.view(1, 1, 2, 1)
        # While a graph is traced these sizes are tensors of it.
        rows, columns = (torch.as_tensor(each).to(torch.float32) for each in (h, w))
        index = torch.arange(torch.as_tensor(h * w)).to(torch.float32)  # type: ignore[call-overload]
        row = torch.floor(index / columns)
        return torch.stack([index - row * columns, row]).view(1, 1, 2, -1), torch.stack([columns, rows]).view(
            1, 1, 2, 1
        )


def grid_of(x: Tensor) -> tuple[int, int]:
    """Return (h, w) of maps (..., h, w)."""
    h, w = x.shape[-2:]
    return h, w
