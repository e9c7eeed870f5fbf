"""Samples stacked for one training step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uhd.objects import Objects, Outline, Texts
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
        keypoints: (B, M, K, 3) float32 beside ``boxes``, zero beyond; None where no sample has any.
        masks, texts: per image and object of ``boxes``, see :class:`uhd.objects.Objects`; None where no sample has any.
        weights: (B, M) float32 beside ``boxes``, how much each teaches; None where all teach alike.
    """

    images: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    ignore: NDArray[np.float32]
    names: tuple[str, ...]
    teacher_images: NDArray[np.uint8] | None = None
    keypoints: NDArray[np.float32] | None = None
    masks: tuple[tuple[Outline, ...], ...] | None = None
    texts: tuple[tuple[Texts, ...], ...] | None = None
    weights: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.images)


def collate(samples: Sequence[Sample], teacher_images: NDArray[np.uint8] | None = None) -> Batch:
    """Stack samples whose images have one size to (B, H, W, 3).

    Args:
        samples: at least one.
        teacher_images: (B, H, W, 3), what they show at another size.

    Raises:
        ValueError: no samples, or images of different sizes.
    """
    keypoints = masks = texts = weights = None
    if not all(sample.objects.is_plain for sample in samples):
        # Joined once, so that each knows what the others know, then cut again.
        joined = Objects.concat([sample.objects.targets for sample in samples])
        ends = np.cumsum([sample.objects.count for sample in samples])
        parts = [joined.take(slice(end - s.objects.count, end)) for s, end in zip(samples, ends.tolist(), strict=True)]
        if joined.keypoints is not None:
            keypoints = _pad([part.keypoints for part in parts if part.keypoints is not None], 0)
        if joined.weights is not None:
            weights = _pad([part.weights for part in parts if part.weights is not None], 0)
        masks = None if joined.masks is None else tuple(part.masks or () for part in parts)
        texts = None if joined.texts is None else tuple(part.texts or () for part in parts)
    return Batch(
        np.stack([sample.image for sample in samples]),
        _pad([sample.boxes for sample in samples], 0),
        _pad([sample.labels for sample in samples], -1),
        _pad([sample.ignore for sample in samples], 0),
        tuple(sample.name for sample in samples),
        teacher_images,
        keypoints,
        masks,
        texts,
        weights,
    )


def _pad(rows: Sequence[NDArray[Any]], value: int) -> NDArray[Any]:
    """Stack arrays of different lengths, filled up to the longest (at least one entry, so that maxima exist)."""
    counts = np.array([len(row) for row in rows])
    longest = max(1, int(counts.max()))
    padded = np.full((len(rows), longest, *rows[0].shape[1:]), value, rows[0].dtype)
    padded[np.arange(longest) < counts[:, None]] = np.concatenate(rows)
    return padded
