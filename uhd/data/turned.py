"""Objects given for a picture as it is stored, where EXIF says that it is shown turned by a quarter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from uhd.data.problems import Report
from uhd.data.records import Record
from uhd.jpeg import read_layout
from uhd.objects import Objects
from uhd.outlines import move_outline
from uhd.read import orientation_of

UNCLEAR_TURN = "picture turned by EXIF whose labels may be of the stored one"
TURNED = "picture whose labels were turned with it, as EXIF says"

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


def as_shown(record: Record, report: Report) -> Record:
    """Return a record in the frame in which its picture is shown: some programs label it as it is stored.

    The size that stands beside the boxes tells which picture is meant; where it does not, the shown one is taken.
    """
    quarter = quarter_of(record.image) if len(record.objects) else None
    if quarter is None:
        return record
    orientation, stored = quarter
    if stored[0] == stored[1] or record.size not in (stored, stored[::-1]):
        size = "no size" if record.size is None else "size {}x{}".format(*record.size)
        where = f"{record.image}: stored {stored[0]}x{stored[1]} and turned by EXIF, its labels are for {size}"
        report.problem(UNCLEAR_TURN, f"{where}: taken as labels of the turned picture")
        return record
    if record.size != stored:
        return record
    report.note(TURNED, case=str(record.image))
    return replace(record, objects=turn_objects(record.objects, orientation), size=stored[::-1])
