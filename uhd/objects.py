"""What is in an image: one table of boxes with everything that is known of each, carried as one thing.

Masks are outlines (polygons), not bitmaps: a handful of numbers per object that any window, turn or mirror moves
exactly and that are rasterised once, at the size they are needed at. A bitmap would be resampled by every operation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]
Index = NDArray[np.int64] | NDArray[np.bool_] | slice
# The rings of one object, each (P, 2) float32 normalised x and y, filled by the even-odd rule; () where not known.
Outline = tuple[NDArray[np.float32], ...]
Texts = tuple[str, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Objects:
    """N objects of one image, in any frame (that of a file, of a crop, of a batch).

    Objects to be found come first, ignored ones after them: rows given in another order are brought into this one, with
    all that belongs to them.

    Attributes:
        boxes: (N, 4) float32 ``xyxy``, normalised to the image, 0 to 1.
        labels: (N,) int64, position in the list of wanted classes; -1 for an ignored region of no class.
        ignored: (N,) bool, counts neither for nor against.
        keypoints: (N, K, 3) float32: x and y normalised, and visibility (0 not known or not in the picture, 1 hidden, 2
            seen); None where there are none.
        masks: per object its outline, hidden parts included; None where there are none.
        texts: per object the phrases that describe it; None where there are none.
        weights: (N,) float32, how much each teaches, above 0; None where all teach alike.
        count: how many rows are to be found.
    """

    boxes: Boxes
    labels: NDArray[np.int64]
    ignored: NDArray[np.bool_]
    keypoints: NDArray[np.float32] | None = None
    masks: tuple[Outline, ...] | None = None
    texts: tuple[Texts, ...] | None = None
    weights: NDArray[np.float32] | None = None
    count: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        rows = len(self.boxes)
        if self.boxes.shape != (rows, 4):
            raise ValueError(f"boxes must be (N, 4), not {self.boxes.shape}")
        if not self.labels.shape == self.ignored.shape == (rows,):
            raise ValueError(f"{rows} boxes but labels of shape {self.labels.shape}, ignored {self.ignored.shape}")
        if not self.is_plain:
            for name in ("keypoints", "masks", "texts", "weights"):
                part = getattr(self, name)
                if part is not None and len(part) != rows:
                    raise ValueError(f"{rows} boxes but {len(part)} {name}")
        count = rows - int(np.count_nonzero(self.ignored))
        object.__setattr__(self, "count", count)
        if count < rows and self.ignored[:count].any():
            order = np.argsort(self.ignored, kind="stable")
            for name, value in self._taken(order).items():
                object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def empty(cls) -> Objects:
        """Return no objects."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, bool))

    @classmethod
    def of(cls, boxes: Boxes, labels: NDArray[np.int64] | None = None, ignore: Boxes | None = None) -> Objects:
        """Return objects of boxes and regions given apart.

        Args:
            boxes: (N, 4) to be found.
            labels: (N,); 0 for all by default.
            ignore: (M, 4) regions to ignore.

        Raises:
            ValueError: the shapes do not fit.
        """
        labels = np.zeros(len(boxes), np.int64) if labels is None else labels
        if labels.shape != boxes.shape[:1]:
            raise ValueError(f"{len(boxes)} boxes but labels of shape {labels.shape}")
        if ignore is None or (not len(ignore) and ignore.shape[1:] == (4,)):
            return cls(boxes, labels, np.zeros(len(boxes), bool))
        if boxes.shape[1:] != (4,) or ignore.shape[1:] != (4,):
            raise ValueError(f"boxes must be (N, 4), not {boxes.shape} and {ignore.shape}")
        ignored = np.zeros(len(boxes) + len(ignore), bool)
        ignored[len(boxes) :] = True
        classes = np.concatenate([labels, np.full(len(ignore), -1, np.int64)])
        return cls(np.concatenate([boxes, ignore]), classes, ignored)

    @property
    def targets(self) -> Objects:
        """The objects to be found."""
        return self if self.count == len(self) else self.take(slice(0, self.count))

    @property
    def regions(self) -> Boxes:
        """(M, 4) boxes of the ignored ones."""
        return self.boxes[self.count :]

    def take(
        self,
        index: Index,
        boxes: Boxes | None = None,
        ignored: NDArray[np.bool_] | None = None,
        keypoints: NDArray[np.float32] | None = None,
        masks: tuple[Outline, ...] | None = None,
    ) -> Objects:
        """Return some rows with all that belongs to them.

        Args:
            index: a slice, a mask (N,) or row numbers (M,) in any order.
            boxes, ignored, keypoints, masks: of the rows taken, where they are to be other ones.
        """
        if self.is_plain and keypoints is None and masks is None:  # the common case, on the way of every sample
            return Objects(
                self.boxes[index] if boxes is None else boxes,
                self.labels[index],
                self.ignored[index] if ignored is None else ignored,
            )
        changes = {"boxes": boxes, "ignored": ignored, "keypoints": keypoints, "masks": masks}
        return Objects(**self._taken(index) | {name: value for name, value in changes.items() if value is not None})

    def ignoring(self, hidden: NDArray[np.bool_]) -> Objects:
        """Return the same objects, some of those to be found (a mask, (count,)) ignored: they come last."""
        if not hidden.any():
            return self
        gone = np.flatnonzero(hidden)
        order = np.concatenate([np.flatnonzero(~hidden), np.arange(self.count, len(self)), gone])
        return self.take(order, ignored=np.arange(len(self)) >= self.count - len(gone))

    def weighing(self, factor: float) -> Objects:
        """Return the same objects, each of which teaches ``factor`` times as much."""
        before = np.ones(len(self), np.float32) if self.weights is None else self.weights
        return replace(self, weights=before * np.float32(factor))

    def with_labels(self, labels: NDArray[np.int64]) -> Objects:
        """Return the same objects under other labels (N,)."""
        return replace(self, labels=labels)

    @staticmethod
    def concat(parts: Sequence[Objects]) -> Objects:
        """Return the objects of several tables in their order, those to be found first.

        What one part knows and another does not is filled: keypoints with visibility 0, no outline, no phrase.

        Raises:
            ValueError: keypoints of different numbers.
        """
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return Objects.empty()
        # In the order that the table keeps, so that nothing is sorted afterwards.
        spans = [(part, slice(0, part.count)) for part in parts]
        spans += [(part, slice(part.count, None)) for part in parts if part.count < len(part.boxes)]
        known = (
            np.concatenate([part.boxes[rows] for part, rows in spans]),
            np.concatenate([part.labels[rows] for part, rows in spans]),
            np.concatenate([part.ignored[rows] for part, rows in spans]),
        )
        if all(part.is_plain for part in parts):
            return Objects(*known)
        sizes = [len(part.boxes[rows]) for part, rows in spans]
        masks = [None if part.masks is None else part.masks[rows] for part, rows in spans]
        texts = [None if part.texts is None else part.texts[rows] for part, rows in spans]
        points = [None if part.keypoints is None else part.keypoints[rows] for part, rows in spans]
        weights = None
        if any(part.weights is not None for part in parts):
            full = [np.ones(len(part), np.float32) if part.weights is None else part.weights for part in parts]
            by_part = {id(part): each for part, each in zip(parts, full, strict=True)}
            weights = np.concatenate([by_part[id(part)][rows] for part, rows in spans])
        return Objects(*known, _joined_keypoints(points, sizes), _joined(masks, sizes), _joined(texts, sizes), weights)

    @property
    def is_plain(self) -> bool:
        """Whether boxes, labels and ``ignored`` are all that is known."""
        return self.keypoints is None and self.masks is None and self.texts is None and self.weights is None

    def _taken(self, index: Index) -> dict[str, Any]:
        found: dict[str, Any] = {
            "boxes": self.boxes[index],
            "labels": self.labels[index],
            "ignored": self.ignored[index],
        }
        if self.keypoints is not None:
            found["keypoints"] = self.keypoints[index]
        if self.weights is not None:
            found["weights"] = self.weights[index]
        if self.masks is not None or self.texts is not None:
            rows = np.arange(len(self))[index].tolist()
            if self.masks is not None:
                found["masks"] = tuple(self.masks[row] for row in rows)
            if self.texts is not None:
                found["texts"] = tuple(self.texts[row] for row in rows)
        return found


def _joined_keypoints(parts: Sequence[NDArray[np.float32] | None], counts: Sequence[int]) -> NDArray[np.float32] | None:
    known = next((part for part in parts if part is not None), None)
    if known is None:
        return None
    blank = known.shape[1:]
    return np.concatenate(
        [np.zeros((count, *blank), np.float32) if part is None else part
         for part, count in zip(parts, counts, strict=True)]
    )  # fmt: skip


def _joined(parts: Sequence[tuple[Any, ...] | None], counts: Sequence[int]) -> tuple[Any, ...] | None:
    if all(part is None for part in parts):
        return None
    filled = [((),) * count if part is None else part for part, count in zip(parts, counts, strict=True)]
    return tuple(entry for part in filled for entry in part)
