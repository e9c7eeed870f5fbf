"""Labels that can be read and yet cannot be right, once the size of every picture is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import iou_matrix
from uhd.data.dataset import Dataset
from uhd.data.problems import Report
from uhd.data.turned import quarter_of
from uhd.objects import Objects

NO_PIXEL = "box smaller than a pixel of its picture"
OTHER_SIZE = "picture of another size than its labels say"
UNTURNED = "labels that fit the picture before EXIF turns it"
SAME_PLACE = "two boxes of one class at one place"
IN_TWO_LISTS = "picture named twice"
_SAME_IOU = 0.95
_WIDE = 1.2  # a set whose objects are that much taller than wide, in the median, says what is upright


def name_suspicious(datasets: Sequence[Dataset], report: Report) -> None:
    """Report boxes of no pixel, sizes that are not the file's, labels of the unturned picture, boxes given twice.

    Args:
        datasets: the parts, read.
        report: receives them.
    """
    upright = _upright_shape(datasets)
    for dataset in datasets:
        for record, (height, width) in zip(dataset.records, dataset.original_sizes.tolist(), strict=True):
            sides = (record.boxes[:, 2:] - record.boxes[:, :2]) * (width, height)
            for side in sides[(sides < 0.999).any(1)].tolist():
                told = f"{side[0]:.2f} x {side[1]:.2f} pixels"
                report.problem(NO_PIXEL, f"{record.image}: a box of {told}")
            if record.size is not None and record.size != (height, width):
                told = f"is {height}x{width}, its labels are for {record.size[0]}x{record.size[1]}"
                report.problem(OTHER_SIZE, f"{record.image}: {told}")
            if record.size is None and len(sides):
                _name_unturned(record.image, sides, upright, report)
            for _ in range(_count_same(record.objects)):
                report.note(SAME_PLACE, case=str(record.image))


def name_repeated(images: Sequence[Path], where: str, report: Report) -> None:
    """Report pictures that a list names more than once."""
    for path, count in Counter(images).items():
        if count > 1:
            report.problem(IN_TWO_LISTS, f"{path}: {count} times in {where}")


def _upright_shape(datasets: Sequence[Dataset]) -> float:
    """Return the median height over width, in pixels, of all boxes; 1 where there is none."""
    shapes = [
        (box[3] - box[1]) * height / max((box[2] - box[0]) * width, 1e-6)
        for dataset in datasets
        for record, (height, width) in zip(dataset.records, dataset.original_sizes.tolist(), strict=True)
        for box in record.boxes.tolist()
    ]
    return float(np.median(shapes)) if shapes else 1.0


def _name_unturned(image: Path, sides: NDArray[np.float32], upright: float, report: Report) -> None:
    """Report labels whose objects would stand upright if the picture were not turned.

    A label file says no size. In a set of people who stand, boxes that all lie in a turned picture were drawn in a
    program that does not turn it; where objects have no usual shape nothing can be said.
    """
    if upright < _WIDE or (quarter := quarter_of(image)) is None:
        return
    # Boxes of the stored picture, read as shares of the turned one, keep their share of the other side.
    (stored_height, stored_width), shown = quarter[1], sides
    shares = shown / np.array([stored_height, stored_width])  # of the turned picture's width and height
    as_shown = float(np.median(shown[:, 1] / shown[:, 0]))
    as_stored = float(np.median(shares[:, 1] * stored_height / (shares[:, 0] * stored_width)))
    if abs(np.log(as_stored / upright)) + 0.3 < abs(np.log(as_shown / upright)):
        told = f"boxes are {as_shown:.1f} times as high as wide, as stored {as_stored:.1f}, in the data {upright:.1f}"
        report.problem(UNTURNED, f"{image}: {told}")


def _count_same(objects: Objects) -> int:
    """Return how many boxes lie where another of their class lies before them."""
    boxes, labels = objects.targets.boxes, objects.targets.labels
    if len(boxes) < 2:
        return 0
    same = (iou_matrix(boxes, boxes) >= _SAME_IOU) & (labels[:, None] == labels)
    return int(np.triu(same, 1).any(0).sum())
