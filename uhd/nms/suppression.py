"""What is done about duplicates: part of the model card, and the only place that knows a threshold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uhd.errors import UserError, nearest
from uhd.nms.diou import diou
from uhd.nms.greedy import Rows, greedy
from uhd.nms.soft import soft_gaussian, soft_linear
from uhd.nms.weighted_boxes_fusion import fuse

Kind = Callable[[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64], float, float], Rows]
# One line and one file for each way. All take boxes (N, 4) xyxy, scores (N,), class ids (N,), iou and sigma, and return
# the rows that are left, best first; a way may change boxes and scores too.
KINDS: dict[str, Kind] = {
    "greedy": greedy,
    "soft-linear": soft_linear,
    "soft-gaussian": soft_gaussian,
    "diou": diou,
    "wbf": fuse,
}
# Those that leave the rows they keep as they are.
CHOOSING = ("greedy", "diou")
# Keys in a model file.
METADATA = ("nms", "nms_iou", "nms_sigma")


@dataclass(frozen=True)
class Suppression:
    """How the duplicates among the boxes of one image are found, and what becomes of them.

    Attributes:
        kind: one of ``KINDS``.
        iou: 0 to 1, of two boxes of one class at which they are duplicates (of ``diou`` their DIoU); 0 keeps all.
        sigma: above 0, width of the decay for kinds that lower scores instead of dropping rows.

    Raises:
        UserError: a kind that nobody knows.
        ValueError: a value out of range.
    """

    kind: str = "greedy"
    iou: float = 0.5
    sigma: float = 0.5

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            guess = nearest(self.kind, KINDS)
            raise UserError(f"unknown suppression {self.kind!r}{guess}: known are {', '.join(KINDS)}")
        if not 0 <= self.iou <= 1:
            raise ValueError(f"nms_iou {self.iou} is not between 0 and 1")
        if not self.sigma > 0:
            raise ValueError(f"nms_sigma {self.sigma} is not above 0")

    def __call__(
        self,
        boxes: NDArray[np.float32],
        scores: NDArray[np.float32],
        class_ids: NDArray[np.int64],
        least_score: float = 0.0,
    ) -> Rows:
        """Return the rows that are left, best first.

        Args:
            boxes: (N, 4) ``xyxy``, any unit, clipped to the frame by a caller who shows them.
            scores: (N,); equal scores keep their order.
            class_ids: (N,).
            least_score: of the rows returned; those given may have lost some of theirs.

        Returns:
            boxes (K, 4), scores (K,), class ids (K,).
        """
        if self.iou > 0:
            found = KINDS[self.kind](boxes, scores, class_ids, self.iou, self.sigma)
            if not len(found[1]) or found[1][-1] >= least_score:
                return found
            count = int(np.count_nonzero(found[1] >= least_score))
            return found[0][:count], found[1][:count], found[2][:count]
        order = np.argsort(-scores, kind="stable")
        return boxes[order], scores[order], class_ids[order]

    def at(self, iou: float | None) -> Suppression:
        """Return the same at another IoU; None changes nothing, 0 or less keeps all boxes.

        Raises:
            ValueError: above 1, or no number.
        """
        # In this order NaN stays what it is, and is refused.
        return self if iou is None else replace(self, iou=max(iou, 0.0))

    def of_kind(self, kind: str | None) -> Suppression:
        """Return the same by another kind; None changes nothing."""
        return self if kind is None else replace(self, kind=kind)

    def choosing(self) -> Suppression:
        """Return a rule that leaves boxes and scores as they are, for holding rows against others: self, or greedy."""
        return self if self.kind in CHOOSING else self.of_kind("greedy")

    def to_metadata(self) -> dict[str, str]:
        """Return text values for a model file: ``nms``, ``nms_iou``, and ``nms_sigma`` where it is not the default."""
        sigma = {} if self.sigma == Suppression.sigma else {"nms_sigma": repr(float(self.sigma))}
        return {"nms": self.kind, "nms_iou": repr(float(self.iou)), **sigma}

    @classmethod
    def from_metadata(cls, table: Mapping[str, Any]) -> Suppression:
        """Rebuild from text or plain values; missing ones take the defaults, as in files that say only ``nms_iou``.

        Raises:
            ValueError: a value is no number, or out of range.
            UserError: a kind that nobody knows.
        """
        keys = {"iou": "nms_iou", "sigma": "nms_sigma"}
        said = {name: float(table[key]) for name, key in keys.items() if table.get(key) not in (None, "")}
        return cls(table.get("nms") or cls.kind, **said)
