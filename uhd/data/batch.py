"""Samples stacked for one training step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uhd.sample import Sample


@dataclass(frozen=True, eq=False, slots=True)
class Batch:
    """B samples at network size.

    Attributes:
        images: (B, h, w, 3) uint8 RGB.
        boxes: (B, M, 4) float32 ``xyxy`` normalised, zero beyond each image's own; M is at least 1.
        labels: (B, M) int64, -1 beyond.
        ignore: (B, K, 4) float32 ``xyxy`` normalised, zero beyond; K is at least 1.
        names: B names.
        teacher_images: (B, H, W, 3) uint8 RGB, what ``images`` shows at another size, or None.
    """

    images: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    ignore: NDArray[np.float32]
    names: tuple[str, ...]
    teacher_images: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.images)


def collate(samples: Sequence[Sample], teacher_images: NDArray[np.uint8] | None = None) -> Batch:
    """Stack samples whose images have one size.

    Args:
        samples: at least one.
        teacher_images: what they show at another size, stacked already.

    Raises:
        ValueError: no samples, or images of different sizes.
    """
    return Batch(
        np.stack([sample.image for sample in samples]),
        _pad([sample.boxes for sample in samples], 0),
        _pad([sample.labels for sample in samples], -1),
        _pad([sample.ignore for sample in samples], 0),
        tuple(sample.name for sample in samples),
        teacher_images,
    )


def _pad(rows: Sequence[NDArray[Any]], value: int) -> NDArray[Any]:
    """Stack arrays of different lengths, filled up to the longest (at least one entry, so that maxima exist)."""
    counts = np.array([len(row) for row in rows])
    longest = max(1, int(counts.max()))
    padded = np.full((len(rows), longest, *rows[0].shape[1:]), value, rows[0].dtype)
    padded[np.arange(longest) < counts[:, None]] = np.concatenate(rows)
    return padded
