"""One labelled image on its way from a file to a batch."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


def _no_boxes() -> NDArray[np.float32]:
    return np.zeros((0, 4), dtype=np.float32)


def _no_labels() -> NDArray[np.int64]:
    return np.zeros((0,), dtype=np.int64)


@dataclass(frozen=True, eq=False, slots=True)
class Sample:
    """An image with its boxes.

    Attributes:
        image: (H, W, 3) uint8, RGB.
        boxes: (N, 4) float32 ``xyxy``, normalised to the image, 0 to 1.
        labels: (N,) int64, position in the list of wanted classes.
        ignore: (M, 4) float32 ``xyxy``, normalised; regions that are neither positive nor negative.
        name: identifies the image in reports, usually its path.
    """

    image: NDArray[np.uint8]
    boxes: NDArray[np.float32] = field(default_factory=_no_boxes)
    labels: NDArray[np.int64] = field(default_factory=_no_labels)
    ignore: NDArray[np.float32] = field(default_factory=_no_boxes)
    name: str = ""

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != np.uint8:
            raise ValueError(f"image must be (H, W, 3) uint8, not {self.image.shape} {self.image.dtype}")
        if self.boxes.ndim != 2 or self.boxes.shape[1] != 4 or self.ignore.ndim != 2 or self.ignore.shape[1] != 4:
            raise ValueError(f"boxes must be (N, 4), not {self.boxes.shape} and {self.ignore.shape}")
        if self.labels.shape != (len(self.boxes),):
            raise ValueError(f"{len(self.boxes)} boxes but labels of shape {self.labels.shape}")


@dataclass(frozen=True, eq=False, slots=True)
class SecondImage:
    """What one sample shows, to be read once more at another size: with it a teacher sees a student's crop sharper.

    Attributes:
        image: (H, W, 3) uint8 RGB, filled by whoever makes the sample.
        mode: resize mode by which its pixels are read.
    """

    image: NDArray[np.uint8]
    mode: str
