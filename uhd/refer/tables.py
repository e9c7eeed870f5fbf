"""Every candidate of a picture against every person there, in original pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import iou_matrix
from uhd.evaluation.similarity import mask_overlaps, oks_matrix
from uhd.objects import Objects
from uhd.outlines import fill_outline
from uhd.refer.answers import Found

PCK_SHARE = 0.1
Table = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Tables:
    """Q candidates against M people of one picture.

    Attributes:
        box_iou, oks: (Q, M), 0 to 1.
        overlap, union: (Q, M) pixels of masks.
        right: (Q, M) keypoints within a tenth of the person's longer side of where they are.
        known: (M,) keypoints that are known.
        has_mask: (M,) bool.
    """

    box_iou: Table
    oks: Table
    overlap: Table
    union: Table
    right: Table
    known: Table
    has_mask: NDArray[np.bool_]

    @property
    def mask_iou(self) -> NDArray[np.float64]:
        """(Q, M), 0 to 1; exact where it is a simple fraction, as thresholds are."""
        return self.overlap.astype(np.float64) / np.maximum(self.union, 1)


def compare(found: Found, people: Objects, size: tuple[int, int]) -> Tables:
    """Compare what was found with who is there.

    Args:
        found: in the picture.
        people: who is there, normalised; without keypoints or masks these count as not known.
        size: (H, W) of the picture in pixels.
    """
    extent = np.array([size[1], size[0]], np.float32)
    m = len(people)
    outlines = people.masks or ((),) * m
    truth = [fill_outline(outline, size) for outline in outlines]
    covered = np.array([float(mask.sum()) for mask in truth], np.float32)
    boxes = people.boxes * np.tile(extent, 2)
    sides = boxes[:, 2:] - boxes[:, :2]
    areas = np.where(covered > 0, covered, sides.prod(1) / 2).astype(np.float32)
    points = np.zeros((m, 17, 3), np.float32) if people.keypoints is None else people.keypoints.copy()
    points[..., :2] *= extent
    placed = found.keypoints * extent
    distance = np.linalg.norm(placed[:, None] - points[None, :, :, :2], axis=-1)
    near = distance <= PCK_SHARE * sides.max(1, initial=0)[None, :, None]
    known = points[..., 2] > 0
    masks = [found.mask(q, size) for q in range(len(found.boxes))]
    overlap, union = mask_overlaps(masks, truth)
    return Tables(
        iou_matrix(found.boxes, people.boxes, eps=1e-12),
        oks_matrix(placed, points, areas),
        overlap,
        union,
        (near & known).sum(-1).astype(np.float32),
        known.sum(-1).astype(np.float32),
        covered > 0,
    )
