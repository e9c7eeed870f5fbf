"""Greedy non-maximum suppression: the best box stays, its duplicates go, and so on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import as_floats
from uhd.nms.pairs import duplicate_pairs

# Up to so many pairs, one after the other is quicker than all of a box at once.
_FEW = 1000
Rows = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]


def greedy(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], class_ids: NDArray[np.int64], iou: float, _sigma: float
) -> Rows:
    """Return the boxes (K, 4), scores (K,) and class ids (K,) that :func:`nms` keeps, best first."""
    kept = nms(boxes, scores, iou, class_ids)
    return boxes[kept], scores[kept], class_ids[kept]


def nms(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    iou_threshold: float,
    class_ids: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Keep the best box of every group of overlapping ones.

    Args:
        boxes: (N, 4) ``xyxy``, any unit.
        scores: (N,); equal scores keep their order.
        iou_threshold: a box is dropped when its IoU with a kept better one reaches this (:mod:`uhd.nms.overlap`); 0 or
            less, and more than 1, drop none.
        class_ids: (N,) suppress only within a class; None treats all as one class.

    Returns:
        Indices of the kept boxes, best first; scores that are not numbers come last.

    Raises:
        ValueError: the arguments are not of one length.
    """
    check_lengths(boxes, scores, class_ids)
    order = np.argsort(-scores, kind="stable")
    if not 0 < iou_threshold <= 1 or len(order) < 2:
        return order.astype(np.int64, copy=False)
    ranked = as_floats(boxes).take(order, 0)
    ids = None if class_ids is None else class_ids[order]
    if ids is not None and (ids == ids[0]).all():
        ids = None
    keep = survivors(len(order), *duplicate_pairs(ranked, iou_threshold, ids))
    return order[keep].astype(np.int64, copy=False)


def batched_nms(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], class_ids: NDArray[np.int64], iou_threshold: float
) -> NDArray[np.int64]:
    """Return what :func:`nms` keeps of every class, best first: indices of all classes together.

    No class is moved away from the others by an offset: boxes keep their precision, however many classes there are.
    """
    return nms(boxes, scores, iou_threshold, class_ids)


def check_lengths(boxes: NDArray[np.float32], scores: NDArray[np.float32], class_ids: NDArray[np.int64] | None) -> None:
    """Make sure that there are as many boxes as scores and, where given, classes.

    Raises:
        ValueError: there are not.
    """
    if len(boxes) != len(scores) or (class_ids is not None and len(class_ids) != len(scores)):
        ids = "" if class_ids is None else f" and {len(class_ids)} class ids"
        raise ValueError(f"{len(boxes)} boxes do not go with {len(scores)} scores{ids}")


def survivors(count: int, better: NDArray[np.intp], worse: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return which of the ranked boxes survive, given the pairs of duplicates by ascending better one."""
    # By rank: whoever could drop the better one of a pair has been looked at before.
    if len(better) <= _FEW:
        stays = bytearray(b"\1" * count)
        for i, j in zip(better.tolist(), worse.tolist(), strict=True):
            if stays[i]:
                stays[j] = 0
        return np.frombuffer(stays, bool)
    keep: NDArray[np.bool_] = np.ones(count, bool)
    start = np.flatnonzero(np.concatenate([[True], better[1:] != better[:-1]]))
    for i, low, high in zip(better[start].tolist(), start.tolist(), [*start[1:].tolist(), len(better)], strict=True):
        if keep[i]:
            keep[worse[low:high]] = False
    return keep
