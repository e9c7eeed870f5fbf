"""What a recipe is chosen by: counts, sizes and shapes of a data set; no pixel is decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uhd.data.image_size import shown_size
from uhd.data.open import OpenedData
from uhd.data.records import box_sizes
from uhd.data.split import spread
from uhd.read import UnreadableImage

_SIZES_READ = 200
SMALL = 8  # network pixels; people of fewer are hardly learnt


@dataclass(frozen=True)
class Facts:
    """What the training part of a data set holds.

    Attributes:
        train, val: images.
        empty: training images without an object.
        boxes: objects to be found in the training part.
        names: of the classes.
        per_class: boxes of each.
        heights: 5th, 25th, 50th, 75th and 95th percentile of an object's height, as a share of its image.
        most: objects in one image.
        image_size: median (height, width) in pixels of some images.
        keypoints: how many an object has, 0 for none.
        outlines: whether objects have outlines.
        divided: whether the data set says itself what is trained on and what is validated on.
        classes: numbers that the classes have in it.
    """

    train: int
    val: int
    empty: int
    boxes: int
    names: tuple[str, ...]
    per_class: tuple[int, ...]
    heights: tuple[float, ...]
    most: int
    image_size: tuple[int, int]
    keypoints: int
    outlines: bool
    divided: bool = True
    classes: tuple[int, ...] = (0,)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-like values."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return a few lines of text."""
        low, _, middle, _, high = (f"{100 * height:.0f} %" for height in self.heights)
        counts = ", ".join(f"{name} {count}" for name, count in zip(self.names, self.per_class, strict=True))
        return [
            f"{self.train} images to train on ({self.empty} without objects), {self.val} to validate on, "
            f"{self.image_size[0]}x{self.image_size[1]} pixels in the median",
            f"{self.boxes} boxes ({counts}), at most {self.most} in an image",
            f"height of a box: {middle} of its image in the median, 90 % lie between {low} and {high}",
        ]


def facts_of(opened: OpenedData, classes: Sequence[int] = (0,)) -> tuple[Facts, NDArray[np.float32]]:
    """Return the facts of a data set, and the normalised widths and heights of its training boxes, (n, 2).

    Args:
        opened: the data set.
        classes: the numbers in it that were wanted.
    """
    records = opened.train
    sizes = box_sizes(records)
    labels = np.concatenate([record.labels for record in records]) if records else np.zeros(0, np.int64)
    heights = np.quantile(sizes[:, 1], (0.05, 0.25, 0.5, 0.75, 0.95)) if len(sizes) else np.zeros(5)
    points = (record.objects.keypoints for record in records)
    facts = Facts(
        len(records),
        len(opened.val),
        sum(not len(record.boxes) for record in records),
        len(sizes),
        opened.names,
        tuple(np.bincount(labels, minlength=len(opened.names)).tolist()),
        tuple(round(float(height), 4) for height in heights),
        max((len(record.boxes) for record in records), default=0),
        _median_size([record.image for record in records]),
        next((each.shape[1] for each in points if each is not None), 0),
        any(record.objects.masks is not None for record in records),
        not opened.drawn,
        tuple(classes),
    )
    return facts, sizes


def _median_size(images: Sequence[Any]) -> tuple[int, int]:
    found = []
    for i in spread(len(images), _SIZES_READ):
        try:
            found.append(shown_size(images[i]))
        except UnreadableImage:  # reading its pixels says so
            continue
    height, width = np.median(np.array(found or [(0, 0)]), 0).astype(int).tolist()
    return height, width
