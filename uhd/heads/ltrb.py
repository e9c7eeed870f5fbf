"""From distances and class scores, one prediction per cell without anchors, to boxes.

After Tian et al., "FCOS: Fully Convolutional One-Stage Object Detection", 2019 (https://arxiv.org/abs/1904.01355), with
the distances as distributions of Li et al., "Generalized Focal Loss", 2020 (https://arxiv.org/abs/2006.04388). The
differentiable twin is :mod:`uhd.models.decode_ltrb`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from uhd.heads.anchor import sigmoid, softplus

Array = NDArray[np.float32]


@dataclass(frozen=True)
class LtrbLayout:
    """How distances and scores are read.

    Attributes:
        reg_max: the largest distance, in cells, of a distribution over 0 .. reg_max; 0 for plain distances.
        one_to_one: whether the network was taught to find everybody once, so that nothing is suppressed.
    """

    reg_max: int = 0
    one_to_one: bool = False
    kind: ClassVar[str] = "ltrb"
    outputs: ClassVar[tuple[str, ...]] = ("ltrb", "cls")

    @property
    def every_class(self) -> bool:
        """Whether each class of a prediction is a detection of its own: a cell finds one object."""
        return False

    @property
    def box_rule(self) -> str:
        """How a box follows from the channels of ``ltrb``, for people."""
        last = self.reg_max
        bins = f"l,t,r,b=sum of k*p[k], p=softmax of ltrb[j*{last + 1}+k] over k=0..{last}, j=0..3"
        distances = bins if last else "l,t,r,b=softplus(ltrb)"
        return f"{distances}; x1=(x+0.5-l)/w; y1=(y+0.5-t)/h; x2=(x+0.5+r)/w; y2=(y+0.5+b)/h"

    def predictions(self, raw: tuple[Array, ...]) -> list[tuple[Array, Array]]:
        """Decode distances (B, 4 * (reg_max + 1), h, w) and class logits (B, C, h, w)."""
        ltrb, cls = raw
        scores = sigmoid(cls.reshape(*cls.shape[:2], -1).swapaxes(1, 2))
        return list(zip(decode_ltrb(ltrb, self.reg_max), scores, strict=True))

    def to_metadata(self) -> dict[str, str]:
        """Return text from which :meth:`from_metadata` rebuilds the layout."""
        return {"reg_max": str(self.reg_max), "one_to_one": str(self.one_to_one).lower(), "every_class_counts": "false"}

    @classmethod
    def from_metadata(cls, table: Mapping[str, str]) -> LtrbLayout:
        """Rebuild from text; missing values take the defaults."""
        return cls(int(table.get("reg_max") or 0), table.get("one_to_one") == "true")


def decode_ltrb(ltrb: Array, reg_max: int = 0) -> Array:
    """Decode distances from the centre of a cell to the left, top, right and bottom of a box, in cells.

    Args:
        ltrb: (B, 4, h, w) logits of a softplus; with ``reg_max`` (B, 4 * (reg_max + 1), h, w) logits of distributions,
            side by side.
        reg_max: see :class:`LtrbLayout`.

    Returns:
        boxes (B, h * w, 4) ``xyxy`` normalised and not clipped.
    """
    b, _, h, w = ltrb.shape
    logits = ltrb.reshape(b, 4, -1, h * w)
    if reg_max:
        e = np.exp(logits - logits.max(2, keepdims=True))
        distance = (e * np.arange(reg_max + 1, dtype=np.float32)[:, None]).sum(2) / e.sum(2)
    else:
        distance = softplus(logits[:, :, 0])
    row, column = (np.mgrid[:h, :w].astype(np.float32) + 0.5).reshape(2, -1)
    sides = [column - distance[:, 0], row - distance[:, 1], column + distance[:, 2], row + distance[:, 3]]
    return np.asarray(np.stack(sides, -1) / np.array([w, h, w, h], np.float32), np.float32)
