"""What a batch teaches, as one array: people and regions to ignore, padded, so that ``fit`` takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

PADDING, IGNORE = -1.0, -2.0


@dataclass(frozen=True, eq=False)
class Targets:
    """Ground truths of B images.

    Attributes:
        boxes: (B, M, 4) ``xyxy``, normalised.
        labels: (B, M) int32, 0 where there is none.
        people: (B, M) whether the row is a person.
        regions: (B, M) whether the row is a region to ignore.
    """

    boxes: Any
    labels: Any
    people: Any
    regions: Any


def pack_targets(
    boxes: NDArray[np.float32], labels: NDArray[np.int64], ignore: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Return what ``fit`` takes as ``y``: (B, M, 5), each row ``x1, y1, x2, y2, label``; see :func:`unpack_targets`.

    Args:
        boxes: (B, M, 4) ``xyxy``, normalised, as :class:`uhd.data.batch.Batch` has them.
        labels: (B, M), -1 padded.
        ignore: (B, K, 4) regions that teach nothing; rows without an area are padding.
    """
    people = np.concatenate([boxes, labels[..., None]], -1, dtype=np.float32)
    if ignore is None:
        ignore = np.zeros((len(boxes), 0, 4), np.float32)
    kind = np.where((ignore[..., 2:] > ignore[..., :2]).all(-1), IGNORE, PADDING)
    regions = np.concatenate([ignore, kind[..., None]], -1, dtype=np.float32)
    nobody = np.array([[[0, 0, 0, 0, PADDING]]], np.float32).repeat(len(boxes), 0)
    return np.concatenate([people, regions, nobody], 1)


def unpack_targets(packed: Any) -> Targets:
    """Read an array (B, M, 5): label 0 and up is a person, -1 padding, -2 a region to ignore."""
    packed = ops.cast(packed, "float32")
    kind = packed[..., 4]
    people = kind > PADDING / 2
    labels = ops.cast(ops.where(people, kind, 0.0), "int32")
    return Targets(packed[..., :4], labels, people, kind < (PADDING + IGNORE) / 2)
