"""Weighted boxes fusion (Solovyev, Wang, Gabruseva 2019, https://arxiv.org/abs/1910.13302): answers of several
detectors are averaged instead of one of them being kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import as_floats, iou_matrix
from uhd.nms.greedy import Rows, check_lengths

Array = NDArray[np.float32]
# Boxes whose scores add up to less have no mean weighted by them: the best of them stands for all.
_LEAST = 1e-300


def fuse(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], class_ids: NDArray[np.int64], iou: float, _sigma: float
) -> Rows:
    """Return one detector's rows fused, best first.

    A box is the mean of its duplicates weighted by their scores, its score that of the best: one detector's duplicates
    are no votes of several, and their mean score would only say how many poor ones there were.
    """
    boxes, order = as_floats(boxes), np.argsort(-scores, kind="stable")
    weight = scores[order].astype(np.float64)
    member = _clusters(boxes[order], weight, class_ids[order], iou)
    first = np.unique(member, return_index=True)[1]  # clusters are numbered by their best
    fused = _means(boxes[order], weight, member, np.bincount(member, weight))
    return fused.astype(np.float32), scores[order][first], class_ids[order][first]


def weighted_boxes_fusion(
    boxes: Sequence[Array],
    scores: Sequence[Array],
    iou: float = 0.55,
    weights: Sequence[float] | None = None,
    class_ids: Sequence[NDArray[np.int64]] | None = None,
) -> tuple[Array, Array, NDArray[np.int64]]:
    """Fuse the answers of several detectors about one image.

    Boxes are taken from the best score down; each joins the fused box that it overlaps most, if the IoU is above
    ``iou``, or starts a new one. A fused box is the mean of its members weighted by their scores; its score is their
    mean score, lowered by the share of the detectors' weight that is not among them.

    Args:
        boxes: per detector (N, 4) ``xyxy``, all in one unit in which their areas are far above 1e-9, normalised or
            pixels; suppress duplicates of each detector before.
        scores: per detector (N,), 0 to 1.
        iou: least overlap of one person's boxes, 0 to 1.
        weights: trust in each detector, above 0; equal when None.
        class_ids: per detector (N,); only boxes of one class are fused. One class when None.

    Returns:
        boxes (M, 4) float32, scores (M,) float32, best first, and class ids (M,).

    Raises:
        ValueError: the arguments are not of one length per detector.
    """
    trust = np.ones(len(boxes)) if weights is None else np.asarray(weights, np.float64)
    if len(scores) != len(boxes) or len(trust) != len(boxes) or not len(boxes) or trust.min() <= 0:
        raise ValueError(f"{len(boxes)} detectors' boxes, {len(scores)} of scores, weights {trust.tolist()}")
    ids = [np.zeros(len(each), np.int64) for each in boxes] if class_ids is None else class_ids
    for each in zip(boxes, scores, ids, strict=True):
        check_lengths(*each)
    box = np.concatenate(boxes).astype(np.float32).reshape(-1, 4)
    label = np.concatenate(ids).astype(np.int64)
    source = np.repeat(np.arange(len(boxes)), [len(each) for each in boxes])
    score = np.concatenate(scores).astype(np.float64) * trust[source]
    order = np.argsort(-score, kind="stable")
    member = _clusters(box[order], score[order], label[order], iou)
    count = int(member.max(initial=-1)) + 1
    total = np.bincount(member, score[order], count)
    fused = _means(box[order], score[order], member, total)
    voted = np.bincount(member, trust[source[order]], count)
    # Several boxes of one detector count once towards agreement, so that a cluster never scores above its members.
    heard = np.zeros((count, len(boxes)), bool)
    heard[member, source[order]] = True
    final = total / voted * (heard @ trust) / trust.sum()
    names = np.zeros(count, np.int64)
    names[member] = label[order]
    best = np.argsort(-final, kind="stable")
    return fused[best].astype(np.float32), final[best].astype(np.float32), names[best]


def _means(
    boxes: Array, scores: NDArray[np.float64], member: NDArray[np.int64], total: NDArray[Any]
) -> NDArray[np.float64]:
    """Return the mean box (M, 4) of each cluster of ranked boxes, weighted by scores, of which ``total`` is the sum."""
    first = np.unique(member, return_index=True)[1]
    sums = np.stack([np.bincount(member, scores * boxes[:, side], len(total)) for side in range(4)], 1)
    return np.asarray(np.where(total[:, None] > _LEAST, sums / np.maximum(total, _LEAST)[:, None], boxes[first]))


def _clusters(boxes: Array, scores: NDArray[np.float64], labels: NDArray[np.int64], iou: float) -> NDArray[np.int64]:
    """Return the cluster (N,) of each ranked box; one comparison with all fused boxes so far per box."""
    member = np.zeros(len(boxes), np.int64)
    fused, total, names = np.zeros_like(boxes), np.zeros(len(boxes)), np.full(len(boxes), -1, np.int64)
    count = 0
    for i, (box, score) in enumerate(zip(boxes, scores, strict=True)):
        overlap = np.where(names[:count] == labels[i], iou_matrix(box[None], fused[:count])[0], 0.0)
        j = int(overlap.argmax()) if count else -1
        if j < 0 or overlap[j] <= iou:
            j, count = count, count + 1
            names[j], fused[j] = labels[i], box
        elif total[j] + score > _LEAST:
            fused[j] = (fused[j] * total[j] + box * score) / (total[j] + score)
        member[i] = j
        total[j] += score
    return member
