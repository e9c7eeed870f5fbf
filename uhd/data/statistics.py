"""What a split holds, in the terms that matter to a tiny detector: how many pixels high are the objects it will see?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import iou_matrix
from uhd.data.dataset import Dataset

# Height over width in pixels, and objects in an image that has any.
ASPECT_BINS = {"<1": (0.0, 1.0), "1-2": (1.0, 2.0), "2-3": (2.0, 3.0), ">3": (3.0, float("inf"))}
CROWD_BINS = {"1": (1, 2), "2-3": (2, 4), "4-10": (4, 11), ">10": (11, float("inf"))}
CROWDED_IOU = 0.3
HEIGHT_BINS = {"<8": (0.0, 8.0), "8-16": (8.0, 16.0), "16-32": (16.0, 32.0), ">32": (32.0, float("inf"))}


@dataclass(frozen=True)
class Statistics:
    """Counts of one split.

    Attributes:
        images: readable images.
        empty: images without a wanted object.
        boxes: wanted objects.
        ignore: regions that count neither for nor against.
        per_class: boxes by class name.
        heights: boxes by height in network pixels, keys of ``HEIGHT_BINS``.
        most_boxes: in one image.
        smallest, largest: (height, width) of the images with the fewest and the most pixels.
        aspects: boxes by height over width in pixels, keys of ``ASPECT_BINS``.
        crowds: images by boxes, keys of ``CROWD_BINS``.
        crowded: share of boxes that overlap another by an IoU of 0.3 or more.
    """

    images: int
    empty: int
    boxes: int
    ignore: int
    per_class: dict[str, int]
    heights: dict[str, int]
    most_boxes: int
    smallest: tuple[int, int]
    largest: tuple[int, int]
    aspects: dict[str, int]
    crowds: dict[str, int]
    crowded: float

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-like values."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return a few lines of text."""
        share = self.empty / self.images if self.images else 0.0
        sizes = f"{self.smallest[0]}x{self.smallest[1]} to {self.largest[0]}x{self.largest[1]}"
        classes = ", ".join(f"{name} {count}" for name, count in self.per_class.items())
        heights = "  ".join(f"{name} px: {_share(count, self.boxes)}" for name, count in self.heights.items())
        return [
            f"{self.images} images ({sizes}), {self.empty} without objects ({share:.0%})",
            f"{self.boxes} boxes ({classes}), at most {self.most_boxes} in an image; {self.ignore} ignore regions",
            f"box height at network size: {heights}",
            "height over width: " + "  ".join(f"{name}: {_share(n, self.boxes)}" for name, n in self.aspects.items()),
            "boxes per image: "
            + "  ".join(f"{name}: {count} images" for name, count in self.crowds.items())
            + f"; {self.crowded:.0%} of the boxes overlap another by {CROWDED_IOU} IoU",
        ]


def statistics(dataset: Dataset, names: tuple[str, ...], network_height: int) -> Statistics:
    """Count what a data set holds.

    Args:
        dataset: the split.
        names: of the classes.
        network_height: rows of the network's input, in which box heights are measured.
    """
    counts = np.array([len(record.boxes) for record in dataset.records], np.int64)
    labels = np.concatenate([record.labels for record in dataset.records]) if len(counts) else np.zeros(0, np.int64)
    heights = dataset.label_sizes()[:, 1] * network_height
    per_class = np.bincount(labels, minlength=len(names))
    order = dataset.original_sizes[np.argsort(dataset.original_sizes.prod(1), kind="stable")]
    ends = [(int(height), int(width)) for height, width in order[[0, -1]]] if len(order) else [(0, 0)] * 2
    return Statistics(
        images=len(counts),
        empty=int((counts == 0).sum()),
        boxes=int(counts.sum()),
        ignore=sum(len(record.ignore) for record in dataset.records),
        per_class={name: int(count) for name, count in zip(names, per_class, strict=True)},
        heights=_binned(heights, HEIGHT_BINS),
        most_boxes=int(counts.max(initial=0)),
        smallest=ends[0],
        largest=ends[1],
        aspects=_binned(_aspects(dataset), ASPECT_BINS),
        crowds=_binned(counts[counts > 0], CROWD_BINS),
        crowded=_crowded(dataset),
    )


def _aspects(dataset: Dataset) -> NDArray[np.float64]:
    """Return height over width, in pixels, of every box, (n,)."""
    shapes = [
        (record.boxes[:, 3] - record.boxes[:, 1])
        * height
        / np.maximum((record.boxes[:, 2] - record.boxes[:, 0]) * width, 1e-6)
        for record, (height, width) in zip(dataset.records, dataset.original_sizes.tolist(), strict=True)
    ]
    return np.concatenate(shapes).astype(np.float64) if shapes else np.zeros(0)


def _crowded(dataset: Dataset) -> float:
    close = total = 0
    for boxes in (record.boxes for record in dataset.records):
        total += len(boxes)
        if len(boxes) > 1:
            overlap = iou_matrix(boxes, boxes) - np.eye(len(boxes), dtype=np.float32)
            close += int((overlap.max(1) >= CROWDED_IOU).sum())
    return close / total if total else 0.0


def _binned(values: NDArray[Any], bins: Mapping[str, tuple[float, float]]) -> dict[str, int]:
    return {name: int(((values >= low) & (values < high)).sum()) for name, (low, high) in bins.items()}


def _share(count: int, total: int) -> str:
    return f"{count} ({count / total:.0%})" if total else "0"
