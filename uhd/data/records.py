"""What is known about one image before its pixels are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, slots=True)
class Record:
    """An image file and its labels.

    Attributes:
        image: path of the image file.
        boxes: (N, 4) float32 ``xyxy``, normalised, inside 0 to 1.
        labels: (N,) int64, position in the list of wanted classes.
        ignore: (M, 4) float32 ``xyxy``, normalised; regions that count neither for nor against.
    """

    image: Path
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    ignore: NDArray[np.float32]


def box_sizes(records: list[Record]) -> NDArray[np.float32]:
    """Return the (n, 2) normalised widths and heights of all boxes, for choosing anchors."""
    boxes = [record.boxes for record in records if len(record.boxes)]
    if not boxes:
        return np.zeros((0, 2), np.float32)
    stacked = np.concatenate(boxes)
    return np.ascontiguousarray(stacked[:, 2:] - stacked[:, :2])
