"""Several batches as one: their images, labels and raw maps, joined for an objective that sees them together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from uhd.data.batch import Batch
from uhd.models.network import Raw, maps_of


def can_be_joined(batches: Sequence[Batch]) -> bool:
    """Return whether all images have one size, as they have not under ``--multi-scale``."""
    return len({batch.images.shape[1:] for batch in batches}) == 1


def join_batches(batches: Sequence[Batch]) -> Batch:
    """Return one batch with what the objective of a detector reads: images, boxes, labels, regions, weights.

    Args:
        batches: of images of one size, (B, h, w, 3) each, with or without images for a teacher.
    """
    weights = None
    if any(batch.weights is not None for batch in batches):
        weights = _stack([_weights(batch) for batch in batches], 0)
    taught = [batch.teacher_images for batch in batches if batch.teacher_images is not None]
    return Batch(
        np.concatenate([batch.images for batch in batches]),
        _stack([batch.boxes for batch in batches], 0),
        _stack([batch.labels for batch in batches], -1),
        _stack([batch.ignore for batch in batches], 0),
        tuple(name for batch in batches for name in batch.names),
        np.concatenate(taught) if taught else None,
        weights=weights,
    )


def join_raw(raws: Sequence[Raw], kind: str) -> Raw:
    """Return the raw maps of several forward passes, of a head of this kind, as those of one."""
    # Those of queries have the images in the second place.
    place = 1 if kind == "queries" else 0
    maps = tuple(torch.cat(each, place) for each in zip(*map(maps_of, raws), strict=True))
    return maps[0] if isinstance(raws[0], Tensor) else maps


def _weights(batch: Batch) -> NDArray[np.float32]:
    return (batch.labels >= 0).astype(np.float32) if batch.weights is None else batch.weights


def _stack(tables: Sequence[NDArray[Any]], value: int) -> NDArray[Any]:
    """Join tables (B, M, ...), each filled up to the longest."""
    longest = max(table.shape[1] for table in tables)
    filled = [
        np.pad(table, [(0, 0), (0, longest - table.shape[1]), *[(0, 0)] * (table.ndim - 2)], constant_values=value)
        for table in tables
    ]
    return np.concatenate(filled)
