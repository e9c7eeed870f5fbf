"""Predictions of a dense head, one per anchor and cell, read alike from every architecture that has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from uhd.heads import LtrbLayout
from uhd.models.decode import cell_grid, decode_all, score, score_logits
from uhd.models.decode_ltrb import decode_ltrb
from uhd.models.network import AnchorNetwork, DetectorNetwork, Raw, maps_of


@dataclass(frozen=True, eq=False)
class Dense:
    """N = A * h * w predictions per image, in the order anchor, row, column.

    Attributes:
        boxes: (B, N, 4) ``cxcywh`` normalised.
        cls: (B, N, C) class logits, or None for a classless head.
        obj: (B, N) objectness logits, or None.
        quality: (B, N) quality logits, or None.
        score: (B, N) what ranks the predictions, best class, 0 to 1.
        grid: (h, w).
        valid: (B, N) 1 where the prediction can be compared, 0 elsewhere; None for everywhere.
    """

    boxes: Tensor
    cls: Tensor | None
    obj: Tensor | None
    quality: Tensor | None
    score: Tensor
    grid: tuple[int, int]
    valid: Tensor | None = None


def read_dense(network: DetectorNetwork, raw: Raw) -> Dense:
    """Read the raw maps of an anchor or CenterNet head, with gradient."""
    return READERS[network.kind](network, tuple(each.float() for each in maps_of(raw)))


def _read_anchor(network: DetectorNetwork, maps: tuple[Tensor, ...]) -> Dense:
    assert isinstance(network, AnchorNetwork)
    raw = maps[0]
    layout, scale = network.layout(), network.wh_scale
    prior = network.anchors.float() if scale is None else network.anchors.float() * scale.float()
    corners = decode_all(raw, prior)
    boxes = torch.cat([(corners[..., :2] + corners[..., 2:]) / 2, corners[..., 2:] - corners[..., :2]], -1)
    obj, quality, cls = score_logits(raw, layout)
    with torch.no_grad():
        ranked = score(raw, layout)
    return Dense(boxes, cls, obj, quality, ranked.amax(-1), (raw.shape[2], raw.shape[3]))


def _read_centernet(network: DetectorNetwork, maps: tuple[Tensor, ...]) -> Dense:
    del network
    heat, offset, size = maps
    h, w = heat.shape[2:]
    extent = heat.new_tensor([w, h])
    centre = (offset.flatten(2).transpose(1, 2) + cell_grid(h, w, heat.device).T) / extent
    boxes = torch.cat([centre, size.flatten(2).transpose(1, 2) / extent], -1)
    table = heat.flatten(2).transpose(1, 2)
    return Dense(boxes, torch.logit(table, 1e-4), None, None, table.detach().amax(-1), (h, w))


def _read_ltrb(network: DetectorNetwork, maps: tuple[Tensor, ...]) -> Dense:
    ltrb, cls = maps[:2]
    layout = network.layout()
    assert isinstance(layout, LtrbLayout)
    corners, logits = decode_ltrb(ltrb, layout.reg_max), cls.flatten(2).transpose(1, 2)
    boxes = torch.cat([(corners[..., :2] + corners[..., 2:]) / 2, corners[..., 2:] - corners[..., :2]], -1)
    ranked = torch.sigmoid(logits.detach()).amax(-1)
    return Dense(boxes, logits, None, None, ranked, (ltrb.shape[2], ltrb.shape[3]))


# By kind of head (:mod:`uhd.heads`), of those that predict on a grid.
READERS: dict[str, Callable[[DetectorNetwork, tuple[Tensor, ...]], Dense]] = {
    "anchor": _read_anchor,
    "centernet": _read_centernet,
    "ltrb": _read_ltrb,
}


def paired(teacher: Dense, anchors: Sequence[int]) -> Dense:
    """Return the teacher's predictions in the order of the student's anchors.

    Args:
        teacher: on any grid.
        anchors: for every anchor of the student the teacher's that teaches it; -1 for none, which is not ``valid``.
    """
    index = torch.tensor(anchors, device=teacher.score.device)
    cells = teacher.grid[0] * teacher.grid[1]

    def pick(table: Tensor | None) -> Tensor | None:
        return (
            None
            if table is None
            else table.reshape(len(table), -1, cells, *table.shape[2:])[:, index.clamp(min=0)].flatten(1, 2)
        )

    boxes, score_, valid = pick(teacher.boxes), pick(teacher.score), pick(teacher.valid)
    assert boxes is not None
    assert score_ is not None
    known = (index >= 0).float().repeat_interleave(cells).expand_as(score_)
    valid = known if valid is None else valid * known
    return Dense(boxes, pick(teacher.cls), pick(teacher.obj), pick(teacher.quality), score_, teacher.grid, valid)


def aligned(teacher: Dense, grid: tuple[int, int]) -> Dense:
    """Return the teacher's predictions in the student's cells, per anchor.

    Where several of the teacher's cells lie in one of the student's, the prediction with the highest score speaks for
    it. Where the teacher's cells are larger, a prediction speaks for the student's cell that holds its centre.

    Args:
        teacher: on its own grid.
        grid: the student's (h, w).
    """
    if teacher.grid == grid:
        return teacher
    (ht, wt), (h, w) = teacher.grid, grid
    b, n = teacher.score.shape
    anchors = n // (ht * wt)
    maps = teacher.score.view(b, anchors, ht, wt)
    if ht >= h and wt >= w:
        cell = F.adaptive_max_pool2d(maps, (h, w), return_indices=True)[1]
    else:
        rows = torch.arange(h, device=maps.device) * ht // h
        columns = torch.arange(w, device=maps.device) * wt // w
        cell = (rows[:, None] * wt + columns).expand(b, anchors, h, w)
    first = torch.arange(anchors, device=maps.device)[None, :, None] * (ht * wt)
    index = (cell.flatten(2) + first).flatten(1)

    def pick(table: Tensor | None) -> Tensor | None:
        if table is None or table.ndim == 2:
            return None if table is None else table.gather(1, index)
        return table.gather(1, index[..., None].expand(-1, -1, table.shape[2]))

    boxes, score_ = pick(teacher.boxes), pick(teacher.score)
    assert boxes is not None
    assert score_ is not None
    picked = Dense(boxes, pick(teacher.cls), pick(teacher.obj), pick(teacher.quality), score_, grid)
    if ht >= h and wt >= w:
        return picked
    own = cell_grid(h, w, maps.device).T.repeat(anchors, 1)
    inside = (boxes[..., :2] * boxes.new_tensor([w, h])).floor() == own
    return replace(picked, valid=inside.all(-1).float())
