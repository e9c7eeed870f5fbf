"""What is known about one image before its pixels are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from uhd.objects import Objects

# What label files say of an object beside its class: hard to tell, cut by the edge, partly hidden.
MARKS = ("difficult", "truncated", "occluded")
Marks = tuple[frozenset[str], ...]


@dataclass(frozen=True, eq=False, slots=True)
class Record:
    """An image file and what is in it.

    Attributes:
        image: path of the image file.
        objects: what is in it, normalised to the image.
        size: (height, width) in pixels that the labels say the image has; None where they do not.
        marks: per object, in its order, those of :data:`MARKS` that its file gives it; () where it gives none.
    """

    image: Path
    objects: Objects
    size: tuple[int, int] | None = None
    marks: Marks = ()

    @property
    def boxes(self) -> NDArray[np.float32]:
        """(N, 4) float32 ``xyxy`` of what is to be found, normalised, inside 0 to 1."""
        return self.objects.boxes[: self.objects.count]

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) int64 of what is to be found, position in the list of wanted classes."""
        return self.objects.labels[: self.objects.count]

    @property
    def ignore(self) -> NDArray[np.float32]:
        """(M, 4) float32 ``xyxy``, normalised; regions that count neither for nor against."""
        return self.objects.regions


def box_sizes(records: Sequence[Record]) -> NDArray[np.float32]:
    """Return the (n, 2) normalised widths and heights of all boxes, for choosing anchors."""
    boxes = [record.boxes for record in records if len(record.boxes)]
    if not boxes:
        return np.zeros((0, 2), np.float32)
    stacked = np.concatenate(boxes)
    return np.ascontiguousarray(stacked[:, 2:] - stacked[:, :2])
