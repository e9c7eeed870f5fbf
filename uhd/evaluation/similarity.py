"""How much one object is like another, beside the IoU of boxes: for :func:`uhd.evaluation.matching.match`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Spread of human annotators for COCO's 17 keypoints, https://cocodataset.org/#keypoints-eval.
COCO_SIGMAS = np.array(
    [
        0.026,
        0.025,
        0.025,
        0.035,
        0.035,
        0.079,
        0.079,
        0.072,
        0.072,
        0.062,
        0.062,
        0.107,
        0.107,
        0.087,
        0.087,
        0.089,
        0.089,
    ]
)


def oks_matrix(
    found: NDArray[np.float32], truth: NDArray[np.float32], areas: NDArray[np.float32],
    sigmas: NDArray[np.float64] = COCO_SIGMAS,
) -> NDArray[np.float32]:  # fmt: skip
    """Return the (N, M) object keypoint similarity, 0 to 1 (https://cocodataset.org/#keypoints-eval).

    Args:
        found: (N, K, 2 or 3) x and y, in any unit of equal sides (pixels).
        truth: (M, K, 3) x, y and visibility; points of visibility 0 do not count.
        areas: (M,) of the objects, in the unit squared.
        sigmas: (K,) spread per keypoint, in square roots of the area.
    """
    distance = ((found[:, None, :, :2].astype(np.float64) - truth[None, :, :, :2]) ** 2).sum(-1)
    spread = 2 * (2 * sigmas) ** 2 * np.maximum(areas, 1e-12)[:, None]
    known = truth[..., 2] > 0
    like = np.where(known, np.exp(-distance / spread), 0).sum(-1)
    return np.asarray(like / np.maximum(known.sum(-1), 1), np.float32)


def mask_overlaps(
    found: Sequence[NDArray[np.bool_]], truth: Sequence[NDArray[np.bool_]]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the pixels (N, M) in both of two bitmaps (h, w), and those in either; all are of one size."""
    if not len(found) or not len(truth):
        return np.zeros((len(found), len(truth)), np.float32), np.zeros((len(found), len(truth)), np.float32)
    a, b = (np.reshape(list(part), (len(part), -1)).astype(np.float32) for part in (found, truth))
    overlap = a @ b.T
    return overlap, a.sum(1)[:, None] + b.sum(1)[None] - overlap
