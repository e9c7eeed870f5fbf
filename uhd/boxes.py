"""Box arithmetic on NumPy arrays. ``cxcywh`` is centre and size, ``xyxy`` is left, top, right, bottom.

Every function accepts any leading shape and any unit (pixels or normalised); the last axis has four entries. Of
whole numbers, overlaps are those of the same numbers as float32.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]


def cxcywh_to_xyxy(boxes: Boxes) -> Boxes:
    """Convert (..., 4) centre-size boxes to corners."""
    half = boxes[..., 2:] / 2
    return np.concatenate([boxes[..., :2] - half, boxes[..., :2] + half], axis=-1)


def xyxy_to_cxcywh(boxes: Boxes) -> Boxes:
    """Convert (..., 4) corner boxes to centre and size."""
    size = boxes[..., 2:] - boxes[..., :2]
    return np.concatenate([boxes[..., :2] + size / 2, size], axis=-1)


def clip_xyxy(boxes: Boxes, width: float = 1.0, height: float = 1.0) -> Boxes:
    """Clip (..., 4) corner boxes to the rectangle from (0, 0) to (``width``, ``height``)."""
    limit = np.array([width, height, width, height], dtype=boxes.dtype)
    return np.clip(boxes, 0, limit)


def as_floats(boxes: Boxes) -> Boxes:
    """Return boxes of whole numbers as float32, in which a difference neither wraps nor is cut; others as they are."""
    return boxes if boxes.dtype.kind == "f" else boxes.astype(np.float32)


def area_xyxy(boxes: Boxes) -> NDArray[np.float32]:
    """Return the areas (...) of (..., 4) corner boxes, in their unit squared; a box with a negative side has area 0."""
    boxes = as_floats(boxes)
    size = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return np.asarray(size[..., 0] * size[..., 1])


def intersection_matrix(a_xyxy: Boxes, b_xyxy: Boxes) -> NDArray[np.float32]:
    """Return the (N, M) overlap areas of (N, 4) and (M, 4) corner boxes."""
    a_xyxy, b_xyxy = as_floats(a_xyxy), as_floats(b_xyxy)
    # One (N, M) table per side needs less memory traffic than tables of pairs (N, M, 2).
    width = np.minimum(a_xyxy[:, None, 2], b_xyxy[None, :, 2]) - np.maximum(a_xyxy[:, None, 0], b_xyxy[None, :, 0])
    height = np.minimum(a_xyxy[:, None, 3], b_xyxy[None, :, 3]) - np.maximum(a_xyxy[:, None, 1], b_xyxy[None, :, 1])
    return np.asarray(np.maximum(width, 0) * np.maximum(height, 0))


def iou_matrix(a_xyxy: Boxes, b_xyxy: Boxes, eps: float = 1e-9) -> NDArray[np.float32]:
    """Return the (N, M) intersection over union of (N, 4) and (M, 4) corner boxes, in [0, 1].

    Args:
        a_xyxy, b_xyxy: in a unit in which areas are far above ``eps``.
        eps: is added to the union, so that boxes without area overlap nothing.
    """
    overlap = intersection_matrix(a_xyxy, b_xyxy)
    union = area_xyxy(a_xyxy)[:, None] + area_xyxy(b_xyxy)[None, :] - overlap
    return np.asarray(overlap / (union + eps))
