"""Objects given for a picture as it is stored, where EXIF says that it is shown turned by a quarter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from uhd.jpeg import read_layout
from uhd.objects import Objects
from uhd.outlines import move_outline
from uhd.read import orientation_of

# EXIF orientation -> the map (2, 3) from the stored picture, 0 to 1, to the shown one.
_QUARTERS = {
    5: np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]),
    6: np.array([[0.0, -1.0, 1.0], [1.0, 0.0, 0.0]]),
    7: np.array([[0.0, -1.0, 1.0], [-1.0, 0.0, 1.0]]),
    8: np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 1.0]]),
}
_HEAD = 1 << 12  # bytes in which cameras say the orientation; few pictures are read any further


def quarter_of(image: Path) -> tuple[int, tuple[int, int]] | None:
    """Return the EXIF orientation (5 to 8) and the stored (height, width) of a JPEG shown turned by a quarter.

    None for every other file, and for one that cannot be read: whoever reads its pixels says so.
    """
    if image.suffix.lower() not in (".jpg", ".jpeg", ".jpe", ".jfif"):
        return None
    try:
        with image.open("rb") as file:
            raw = file.read(_HEAD)
            orientation = orientation_of(np.frombuffer(raw, np.uint8))
            if orientation not in _QUARTERS:
                return None
            return orientation, read_layout(raw + file.read()).size
    except OSError:
        return None


def turn_objects(objects: Objects, orientation: int) -> Objects:
    """Return objects of the stored picture in the frame of the shown one.

    Args:
        objects: normalised to the picture as it is stored.
        orientation: 5 to 8.
    """
    matrix = _QUARTERS[orientation]
    corners = objects.boxes.reshape(-1, 2, 2) @ matrix[:, :2].T + matrix[:, 2]
    boxes = np.concatenate([corners.min(1), corners.max(1)], 1).astype(np.float32)
    keypoints, masks = objects.keypoints, objects.masks
    if keypoints is not None:
        keypoints = keypoints.copy()
        keypoints[..., :2] = keypoints[..., :2] @ matrix[:, :2].T + matrix[:, 2]
    if masks is not None:
        masks = tuple(move_outline(mask, matrix) for mask in masks)
    return replace(objects, boxes=boxes, keypoints=keypoints, masks=masks)
