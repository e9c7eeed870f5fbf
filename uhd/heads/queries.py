"""From the outputs of a query detector to boxes and scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import cxcywh_to_xyxy

Array = NDArray[np.float32]


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
