"""From the three maps of CenterNet heads to boxes and scores (Zhou et al., "Objects as Points", 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True)
class CenterNetLayout:
    """How heat map, offset and size are read.

    Attributes:
        topk: most detections of an image.
        peaks: whether only local maxima are detections.
    """

    topk: int = 50
    peaks: bool = True
    kind: ClassVar[str] = "centernet"
    outputs: ClassVar[tuple[str, ...]] = ("hm", "off", "wh")

    @property
    def every_class(self) -> bool:
        """Whether each class of a prediction is a detection of its own: every class has a heat map."""
        return True

    def predictions(self, raw: tuple[Array, ...]) -> list[tuple[Array, Array]]:
        """Decode heat (B, C, h, w), offset (B, 2, h, w), size (B, 2, h, w); see :class:`uhd.heads.layout.Layout`."""
        heat, offset, size = raw
        return decode_centernet(heat, offset, size, self.topk, self.peaks)

    def to_metadata(self) -> dict[str, str]:
        """Return text from which :meth:`from_metadata` rebuilds the layout."""
        return {"topk": str(self.topk), "heatmap_peaks": str(self.peaks).lower(), "every_class_counts": "true"}

    @classmethod
    def from_metadata(cls, table: Mapping[str, str]) -> CenterNetLayout:
        """Rebuild from text; missing values take the defaults."""
        return cls(int(table.get("topk") or cls.topk), table.get("heatmap_peaks", "true") == "true")


def decode_centernet(
    heat: Array, offset: Array, size: Array, topk: int = 50, peaks: bool = True
) -> list[tuple[Array, Array]]:
    """Decode a batch.

    Args:
        heat: (B, classes, h, w) scores in [0, 1].
        offset: (B, 2, h, w) place of the centre in its cell, x then y, in cells.
        size: (B, 2, h, w) width and height, in cells.
        topk: most detections of an image, over all classes.
        peaks: only cells that no neighbour of the 3x3 around them exceeds are detections; otherwise any cell, as in
            the original.

    Returns:
        per image, best first: boxes (K, 4) ``xyxy`` normalised and not clipped, scores (K, classes), which are 0 but
        for the class of the peak, so that one cell can hold people of two classes.
    """
    b, classes, h, w = heat.shape
    found = (np.where(heat >= local_maximum(heat), heat, 0) if peaks else heat).reshape(b, -1)
    count = min(topk, found.shape[1])
    best = np.argpartition(-found, count - 1, axis=1)[:, :count]
    score = np.take_along_axis(found, best, 1)
    order = np.argsort(-score, axis=1, kind="stable")
    best, score = np.take_along_axis(best, order, 1), np.take_along_axis(score, order, 1)

    cell = best % (h * w)
    at = np.stack([cell % w, cell // w], -1)
    extent = np.array([w, h], np.float32)
    centre = (at + _gather(offset, cell)) / extent
    half = _gather(size, cell) / extent / 2
    boxes = np.concatenate([centre - half, centre + half], -1).astype(np.float32)
    table = np.where(best[..., None] // (h * w) == np.arange(classes), score[..., None], 0).astype(np.float32)
    return [(boxes[i][score[i] > 0], table[i][score[i] > 0]) for i in range(b)]


def local_maximum(heat: Array) -> Array:
    """Return the largest value of the 3x3 around every cell; keeps the shape (..., h, w)."""
    return _neighbours(_neighbours(heat, -1), -2)


def _neighbours(values: Array, axis: int) -> Array:
    """Return the largest of a value and the two beside it along an axis."""
    moved = np.moveaxis(values, axis, -1)
    result = moved.copy()
    np.maximum(result[..., 1:], moved[..., :-1], out=result[..., 1:])
    np.maximum(result[..., :-1], moved[..., 1:], out=result[..., :-1])
    return np.moveaxis(result, -1, axis)


def _gather(maps: Array, cell: NDArray[np.int64]) -> Array:
    """Read (B, 2, h, w) at the cells (B, K): (B, K, 2)."""
    flat = maps.reshape(len(maps), 2, -1)
    return np.stack([np.take_along_axis(flat[:, i], cell, 1) for i in range(2)], -1)
