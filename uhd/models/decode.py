"""The differentiable twin of :mod:`uhd.heads`: same formulas, same order, torch tensors."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from uhd.heads import BOX, HeadLayout


def split_raw(raw: Tensor, num_anchors: int) -> Tensor:
    """View the raw map (B, A * no, h, w) as (B, A, no, h * w)."""
    b, channels, h, w = raw.shape
    return raw.view(b, num_anchors, channels // num_anchors, h * w)


def cell_grid(h: int, w: int, device: torch.device | None = None) -> Tensor:
    """Return (2, h * w): column and row of every cell."""
    y, x = torch.meshgrid(torch.arange(h, device=device), torch.arange(w, device=device), indexing="ij")
    return torch.stack([x.flatten(), y.flatten()]).float()


def decode_boxes(t: Tensor, cell: Tensor, prior: Tensor, size: tuple[int, int]) -> Tensor:
    """Decode box logits.

    Args:
        t: (..., 4) logits tx, ty, tw, th.
        cell: (..., 2) column and row, broadcastable.
        prior: (..., 2) anchor times scale, normalised, broadcastable.
        size: (h, w) of the map.

    Returns:
        (..., 4) ``xyxy`` normalised, not clipped.
    """
    return torch.cat(_corners(t[..., :2], t[..., 2:], cell, prior, t.new_tensor([size[1], size[0]])), -1)


def _corners(place: Tensor, sides: Tensor, cell: Tensor, prior: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    """Return left upper and right lower corners of logits tx, ty and tw, th, whichever axis holds the two."""
    centre = (torch.sigmoid(place) + cell) / size
    half = prior * F.softplus(sides) / 2
    return centre - half, centre + half


def decode_all(raw: Tensor, prior: Tensor) -> Tensor:
    """Decode every prediction to (B, N, 4) ``xyxy``, N in the order anchor, row, column.

    Memory holds one plane per coordinate, as the raw map does: who compares boxes reads them coordinate by coordinate.
    """
    b, _, h, w = raw.shape
    t = split_raw(raw, len(prior))[:, :, BOX]
    cell, size = cell_grid(h, w, raw.device), t.new_tensor([w, h])[:, None]
    corners = _corners(t[:, :, :2], t[:, :, 2:], cell, prior[:, :, None], size)
    return torch.cat([each.movedim(2, 0).reshape(2, b, -1) for each in corners]).movedim(0, -1)


def branch(raw: Tensor, layout: HeadLayout, name: str) -> Tensor | None:
    """Return the logits (B, N, n) of one of the layout's fields, or None where the head lacks it."""
    place = layout.places.get(name)
    return None if place is None else split_raw(raw, layout.num_anchors)[:, :, place].transpose(2, 3).flatten(1, 2)


def score_logits(raw: Tensor, layout: HeadLayout) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Return objectness (B, N), quality (B, N) or None, class logits (B, N, classes) or None."""
    # One gradient for all planes together: each slice would fill one of the whole map with zeros.
    planes = split_raw(raw, layout.num_anchors).unbind(2)
    obj, quality = (planes[layout.places[name].start] if name in layout.places else None for name in ("obj", "quality"))
    assert obj is not None
    return obj.flatten(1), None if quality is None else quality.flatten(1), branch(raw, layout, "cls")


def score(raw: Tensor, layout: HeadLayout) -> Tensor:
    """Return the scores (B, N, max(1, classes)) by the layout's score mode."""
    obj, quality, cls = score_logits(raw, layout)
    mode, power = layout.score_mode, layout.quality_power
    base: Tensor | None = None
    if "quality" in mode and quality is not None:
        base = torch.sigmoid(quality) ** power
    if "obj" in mode or ("quality" in mode and quality is None):
        base = torch.sigmoid(obj) if base is None else base * torch.sigmoid(obj)
    if "cls" in mode and cls is not None:
        probability = torch.sigmoid(cls)
        return probability if base is None else base[..., None] * probability
    assert base is not None
    if cls is None:
        return base[..., None]
    return base[..., None].expand(*base.shape, cls.shape[-1])
