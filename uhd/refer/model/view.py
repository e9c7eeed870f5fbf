"""What a layer of a decoder is told: where its nodes are thought to be, and the maps."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class View:
    """Where 18 nodes of Q candidates are thought to be.

    Attributes:
        places: (B, Q, 18, 2) in pixels of the batch, the person's centre first.
        where: (B, Q, 18, 4) places in sides of the box, and its logarithmic sides.
        person: (B, Q) logit of being a person.
        maps: (B, C, h, w) each, zero beyond the pictures.
        size: (H, W) of the batch in pixels.
    """

    places: Tensor
    where: Tensor
    person: Tensor
    maps: list[Tensor]
    size: tuple[int, int]
