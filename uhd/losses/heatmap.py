"""Heat maps that a CenterNet learns: 1 where a person's centre is, less and less around it."""

from __future__ import annotations

import torch
from torch import Tensor

from uhd.assigners.targets import Targets


def gaussian_radius(size: Tensor, least_iou: float = 0.3) -> Tensor:
    """Return how far the corners of a box may lie off so that its IoU with the truth is still ``least_iou``.

    The least of the three cases of Law and Deng (CornerNet, 2018): both corners off outwards, both inwards, one each
    way, at their overlap of 0.3, solved exactly. (Known code takes 0.7 and divides two of the roots by the wrong
    number, which together comes out at about the same radius.)

    Paper: https://arxiv.org/abs/1808.01244

    Args:
        size: (..., 2) width and height in cells, positive.

    Returns:
        (...) radius in cells.
    """
    total, area = size.sum(-1), size.prod(-1)

    def root(a: float, b: Tensor, c: Tensor) -> Tensor:
        """Return the smaller positive root of a r^2 - b r + c = 0."""
        return (b - (b.square() - 4 * a * c).clamp(min=0).sqrt()) / (2 * a)

    shifted = root(1, total, area * (1 - least_iou) / (1 + least_iou))
    shrunk = root(4, 2 * total, (1 - least_iou) * area)
    b, c = 2 * least_iou * total, (least_iou - 1) * area
    grown = (-b + (b.square() - 16 * least_iou * c).sqrt()) / (8 * least_iou)
    return torch.minimum(torch.minimum(shifted, shrunk), grown).clamp(min=0)


def centre_cells(targets: Targets, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return where the people of a batch are.

    Returns:
        centres x, y (T, 2) and sizes w, h (T, 2) in cells; the cell is the centre without its fraction.
    """
    boxes = targets.people.boxes
    extent = boxes.new_tensor([width, height])
    # A centre on the right or lower edge belongs to the last cell.
    centre = ((boxes[:, :2] + boxes[:, 2:]) / 2 * extent).clamp(min=0).minimum(extent - 1e-3)
    return centre, (boxes[:, 2:] - boxes[:, :2]) * extent


def centre_points(targets: Targets, classes: int, height: int, width: int) -> Tensor:
    """Return (B, classes, height, width): 1 in the cell of every centre, 0 elsewhere (the original's target)."""
    column, row = centre_cells(targets, height, width)[0].long().unbind(1)
    heat = targets.boxes.new_zeros(len(targets.boxes) * classes * height * width)
    return heat.index_fill_(0, (_plane(targets, classes) * height + row) * width + column, 1).view(
        -1, classes, height, width
    )


def centre_gaussians(targets: Targets, classes: int, height: int, width: int) -> Tensor:
    """Return (B, classes, height, width): a Gaussian as wide as the person allows at every centre; the largest counts.

    Its deviation is a sixth of the diameter, in whole cells, within which a centre still makes a good box, and it
    ends there, as in the paper.
    """
    centre, size = centre_cells(targets, height, width)
    radius = gaussian_radius(size.ceil().clamp(min=1)).floor()[:, None]
    deviation = (2 * radius + 1) / 6
    x = torch.arange(width, device=centre.device) - centre[:, :1].floor()
    y = torch.arange(height, device=centre.device) - centre[:, 1:].floor()
    column, row = (torch.exp(-d.square() / (2 * deviation.square())) * (d.abs() <= radius) for d in (x, y))
    each = (row[:, :, None] * column[:, None, :]).flatten(1)
    heat = centre.new_zeros(len(targets.boxes) * classes, height * width)
    plane = _plane(targets, classes)[:, None].expand_as(each)
    return heat.scatter_reduce_(0, plane, each, "amax").view(-1, classes, height, width)


def outside_ignored(targets: Targets, height: int, width: int) -> Tensor | None:
    """Return which cells (B, 1, height, width) have their middle outside all ignore regions; None: there are none."""
    regions = targets.regions
    if len(regions.image) == 0:
        return None
    x1, y1, x2, y2 = (regions.boxes[:, i : i + 1] for i in range(4))
    cx = (torch.arange(width, device=x1.device) + 0.5) / width
    cy = (torch.arange(height, device=x1.device) + 0.5) / height
    inside = ((cy >= y1) & (cy <= y2))[:, :, None] & ((cx >= x1) & (cx <= x2))[:, None, :]
    hits = torch.zeros(len(targets.boxes), height, width, device=x1.device)
    return hits.index_add_(0, regions.image, inside.float())[:, None] == 0


def _plane(targets: Targets, classes: int) -> Tensor:
    """Return (T,) which of the B * classes maps each person belongs to; one map takes all classes."""
    image = targets.people.image
    return image if classes == 1 else image * classes + targets.people_labels
