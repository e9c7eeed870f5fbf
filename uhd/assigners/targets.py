"""Ground truths of a batch as tensors, padded per image and listed flat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class BatchArrays(Protocol):
    """The part of a batch from the loader that training needs."""

    @property
    def boxes(self) -> NDArray[np.float32]: ...
    @property
    def labels(self) -> NDArray[np.int64]: ...
    @property
    def ignore(self) -> NDArray[np.float32]: ...


@dataclass(frozen=True, eq=False)
class Listing:
    """The real entries of a padded table, in order of image, then slot.

    Attributes:
        image: (T,) int64, which image.
        slot: (T,) int64, which row of the padded table.
        boxes: (T, 4) ``xyxy``.
    """

    image: Tensor
    slot: Tensor
    boxes: Tensor


@dataclass(frozen=True, eq=False)
class Targets:
    """Ground truths of B images.

    The flat listings hold the real boxes only: losses work on them, since most of the padding of a batch is empty.
    They are found on creation, which waits for the device when the tensors live on one; :meth:`from_batch` finds
    them before the transfer and never waits.

    Attributes:
        boxes: (B, M, 4) float32 ``xyxy``, normalised, zero padded.
        labels: (B, M) int64, -1 padded.
        ignore: (B, K, 4) float32 ``xyxy`` regions that are neither positive nor negative, zero padded.
        listed: ``people`` and ``regions``, when known already.
        label_sets: (T, classes) 1 for every label of each box of ``people``; None where each has its own only.
        weights: (B, M) how much each box teaches, 0 padded; None where all teach alike.
    """

    boxes: Tensor
    labels: Tensor
    ignore: Tensor
    listed: tuple[Listing, Listing] | None = None
    label_sets: Tensor | None = None
    weights: Tensor | None = None

    def __post_init__(self) -> None:
        shapes = [tuple(t.shape) for t in (self.boxes, self.labels, self.ignore)]
        if self.boxes.shape != (*self.labels.shape, 4) or self.ignore.shape[::2] != (len(self.boxes), 4):
            raise ValueError(f"boxes (B, M, 4), labels (B, M) and ignore (B, K, 4) do not fit: {shapes}")
        if self.listed is None:
            object.__setattr__(self, "listed", _list_both(self.boxes, self.labels, self.ignore))

    @property
    def people(self) -> Listing:
        """The T boxes with a label of 0 or more."""
        assert self.listed is not None
        return self.listed[0]

    @property
    def regions(self) -> Listing:
        """The ignore regions with an area."""
        assert self.listed is not None
        return self.listed[1]

    @classmethod
    def from_batch(cls, batch: BatchArrays, device: torch.device | str = "cpu") -> Targets:
        """Move the arrays of a batch to a device.

        Args:
            batch: has ``boxes`` (B, M, 4), ``labels`` (B, M) and ``ignore`` (B, K, 4).
            device: where the loss runs.
        """
        boxes, labels, ignore = (torch.from_numpy(np.ascontiguousarray(a)) for a in _arrays(batch))
        weights = getattr(batch, "weights", None)
        return cls(boxes, labels, ignore, weights=None if weights is None else torch.from_numpy(weights)).to(device)

    def to(self, device: torch.device | str) -> Targets:
        """Return the targets on another device."""

        def move(listing: Listing) -> Listing:
            return Listing(*(_move(t, device) for t in (listing.image, listing.slot, listing.boxes)))

        boxes, labels, ignore = (_move(t, device) for t in (self.boxes, self.labels, self.ignore))
        sets = None if self.label_sets is None else _move(self.label_sets, device)
        weights = None if self.weights is None else _move(self.weights, device)
        return Targets(boxes, labels, ignore, (move(self.people), move(self.regions)), sets, weights)

    @property
    def people_labels(self) -> Tensor:
        """(T,) int64 labels of ``people``."""
        return self.labels[self.people.image, self.people.slot]


def taught(owns: Tensor, targets: Targets) -> Tensor:
    """Return how much each claim (T, K) teaches, flat: 1 or its person's weight where it is won, else 0."""
    won = owns.float()
    if targets.weights is not None:
        won = won * targets.weights[targets.people.image, targets.people.slot][:, None]
    return won.flatten()


def _arrays(batch: BatchArrays) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    return (
        np.asarray(batch.boxes, np.float32),
        np.asarray(batch.labels, np.int64),
        np.asarray(batch.ignore, np.float32),
    )


def _list_both(boxes: Tensor, labels: Tensor, ignore: Tensor) -> tuple[Listing, Listing]:
    has_area = (ignore[..., 2:] > ignore[..., :2]).all(-1)
    return _listing(boxes, labels >= 0), _listing(ignore, has_area)


def _listing(table: Tensor, real: Tensor) -> Listing:
    image, slot = real.nonzero(as_tuple=True)
    return Listing(image, slot, table[image, slot])


def _move(tensor: Tensor, device: torch.device | str) -> Tensor:
    if torch.device(device).type == "cuda" and not tensor.is_cuda:
        tensor = tensor.pin_memory()  # a pageable copy would wait for the device
    return tensor.to(device, non_blocking=True)
