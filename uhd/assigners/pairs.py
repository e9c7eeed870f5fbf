"""Every person of the batch against every prediction of its own image: (T, N) tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from uhd.assigners.assignment import Grid, Predictions
    from uhd.assigners.targets import Targets

EPS = 1e-7


def iou_table(predictions: Predictions, targets: Targets) -> Tensor:
    """Return the (T, N) IoU of every person with every prediction of its image."""
    planes = predictions.boxes.movedim(-1, 0).contiguous()
    area = (planes[2] - planes[0]).clamp_(min=0).mul_((planes[3] - planes[1]).clamp_(min=0))
    image, boxes = targets.people.image, targets.people.boxes
    x1, y1, x2, y2 = (boxes[:, i : i + 1] for i in range(4))
    left, top, right, bottom = planes.index_select(1, image)
    wide = torch.minimum(right, x2).sub_(torch.maximum(left, x1))
    high = torch.minimum(bottom, y2).sub_(torch.maximum(top, y1))
    overlap = wide.clamp_(min=0).mul_(high.clamp_(min=0))
    union = area.index_select(0, image).add_((x2 - x1) * (y2 - y1)).sub_(overlap)
    return overlap.div_(union.add_(EPS))


def prior_boxes(grid: Grid) -> Tensor:
    """Return the anchors as boxes (N, 4) ``xyxy``: every prior around the centre of every cell."""
    device = grid.priors.device
    y, x = torch.meshgrid(
        (torch.arange(grid.height, device=device) + 0.5) / grid.height,
        (torch.arange(grid.width, device=device) + 0.5) / grid.width,
        indexing="ij",
    )
    centre = torch.stack([x, y], -1).view(1, -1, 2)
    half = grid.priors[:, None] / 2
    return torch.cat([centre - half, centre + half], -1).flatten(0, 1)


def prior_iou_table(targets: Targets, grid: Grid) -> Tensor:
    """Return the (T, N) IoU of every person with every anchor, whatever the network predicts."""
    anchors, people = prior_boxes(grid), targets.people.boxes[:, None]
    low, high = torch.maximum(anchors[:, :2], people[..., :2]), torch.minimum(anchors[:, 2:], people[..., 2:])
    overlap = (high - low).clamp_(min=0).prod(-1)
    area = (anchors[:, 2:] - anchors[:, :2]).prod(-1) + (people[..., 2:] - people[..., :2]).prod(-1)
    return overlap / (area - overlap + EPS)


def score_table(predictions: Predictions, targets: Targets) -> Tensor:
    """Return the (T, N) score of every prediction for the class of the person.

    Where predictions have one column (one class, or a classless head), every person is of that class.
    """
    if predictions.scores.shape[-1] == 1:
        return predictions.scores[..., 0].index_select(0, targets.people.image)
    return predictions.scores.movedim(-1, 1)[targets.people.image, targets.people_labels]


def near_centre(targets: Targets, grid: Grid, radius: float, min_radius_cells: float) -> Tensor:
    """Return which cells (T, h, w) have their centre near the person's centre.

    Near is, per axis, within ``radius`` half sizes of the person or ``min_radius_cells`` cells, whichever is more.
    Along an axis where no cell is that near, the one holding the person's centre counts.
    """
    boxes = targets.people.boxes
    masks = []
    for axis, cells in enumerate((grid.width, grid.height)):
        low, high = boxes[:, axis, None] * cells, boxes[:, axis + 2, None] * cells
        centre = (low + high) / 2
        reach = ((high - low) * (radius / 2)).clamp(min=min_radius_cells)
        cell = torch.arange(cells, device=boxes.device)
        near = (cell + 0.5 - centre).abs() <= reach
        holds = cell == centre.floor().clamp(0, cells - 1)
        masks.append(near | (holds & ~near.any(1, keepdim=True)))
    return masks[1][:, :, None] & masks[0][:, None, :]


def wh_iou(a_wh: Tensor, b_wh: Tensor) -> Tensor:
    """Return the (N, M) IoU of (N, 2) and (M, 2) widths and heights, as if the boxes had one centre."""
    overlap = torch.minimum(a_wh[:, None], b_wh[None]).prod(-1)
    union = a_wh.prod(-1)[:, None] + b_wh.prod(-1)[None] - overlap
    return overlap / (union + EPS)
