"""The one rule by which two boxes are duplicates: their overlap is at least a share of their union.

``overlap > 0 and overlap >= iou * union``, without a small number added to the union: the answer does not depend on
the unit of the boxes, and an IoU of exactly the threshold is a duplicate, on the host, in graphs and in C alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import area_xyxy, intersection_matrix


def duplicates(a_xyxy: NDArray[np.float32], b_xyxy: NDArray[np.float32], iou: float) -> NDArray[np.bool_]:
    """Return which of (N, 4) and (M, 4) corner boxes are duplicates of each other: (N, M)."""
    overlap = intersection_matrix(a_xyxy, b_xyxy)
    union = area_xyxy(a_xyxy)[:, None] + area_xyxy(b_xyxy)[None]
    union -= overlap
    union *= np.float32(iou)
    return np.asarray((overlap >= union) & (overlap > 0))


def exclusive_threshold(iou: float) -> float:
    """Return the threshold for an operator that drops what lies *above* it, so that equality counts there too.

    It is the float32 before ``iou``: ONNX's NonMaxSuppression compares in float32.
    """
    return float(np.nextafter(np.float32(iou), np.float32(0)))
