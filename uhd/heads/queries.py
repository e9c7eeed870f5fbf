"""From the outputs of a query detector to boxes and scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import cxcywh_to_xyxy

Array = NDArray[np.float32]


@dataclass(frozen=True)
class QueryLayout:
    """How the answers of queries are read: nothing of it varies."""

    kind: ClassVar[str] = "queries"
    outputs: ClassVar[tuple[str, ...]] = ("logits", "boxes")

    @property
    def every_class(self) -> bool:
        """Whether each class of a prediction is a detection of its own: a query finds one object."""
        return False

    def predictions(self, raw: tuple[Array, ...]) -> list[tuple[Array, Array]]:
        """Decode logits (Q, B, C + 1) and boxes (Q, B, 4); see :class:`uhd.heads.layout.Layout`."""
        return list(zip(*decode_queries(raw[0], raw[1]), strict=True))

    def to_metadata(self) -> dict[str, str]:
        """Return text from which :meth:`from_metadata` rebuilds the layout."""
        return {"every_class_counts": "false"}

    @classmethod
    def from_metadata(cls, table: Mapping[str, str]) -> QueryLayout:
        """Return the one layout there is."""
        del table
        return cls()


def decode_queries(logits: Array, boxes_cxcywh: Array) -> tuple[Array, Array]:
    """Decode the answers of Q queries.

    Args:
        logits: (Q, B, num_classes + 1), the background last.
        boxes_cxcywh: (Q, B, 4) normalised.

    Returns:
        boxes (B, Q, 4) ``xyxy`` normalised and not clipped, scores (B, Q, num_classes): probabilities of the classes
        against each other and the background.
    """
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    scores = shifted / shifted.sum(-1, keepdims=True)
    boxes = cxcywh_to_xyxy(boxes_cxcywh)
    return (
        np.ascontiguousarray(boxes.swapaxes(0, 1), np.float32),
        np.ascontiguousarray(scores[..., :-1].swapaxes(0, 1), np.float32),
    )
