"""From the answers of teachers to labels and ignore regions of one photograph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import area_xyxy, intersection_matrix, iou_matrix
from uhd.labelling.config import LabelRules
from uhd.nms import nms
from uhd.nms.weighted_boxes_fusion import weighted_boxes_fusion

Array = NDArray[np.float32]
Answers = tuple[Array, Array]
_INSIDE = 0.8  # share of an answer's area that makes it a part of a person who is labelled already


@dataclass(frozen=True, eq=False)
class PseudoLabels:
    """What teachers add to one photograph.

    Attributes:
        boxes: (N, 4) float32 ``xyxy`` normalised, new labels, best score first.
        scores: (N,) float32.
        ignore: (M, 4) float32 ``xyxy`` normalised, people whom the teachers are not sure of.
    """

    boxes: Array
    scores: Array
    ignore: Array


def fuse_answers(answers: Sequence[Answers], rules: LabelRules) -> Answers:
    """Return one set of boxes (N, 4) and scores (N,), best first, from the answers of one or more teachers.

    Each teacher's duplicates are dropped before, since a fusion of one detector's own neighbours lowers both.
    """
    kept = []
    for boxes, scores in answers:
        index = nms(boxes, scores, rules.suppress_iou)
        kept.append((boxes[index], scores[index]))
    if len(kept) == 1:
        return kept[0]
    boxes, scores, _ = weighted_boxes_fusion([box for box, _ in kept], [score for _, score in kept], rules.fuse_iou)
    return boxes, scores


def pseudo_labels(
    answers: Sequence[Answers], rules: LabelRules, known: Array | None = None, ignored: Array | None = None
) -> PseudoLabels:
    """Sort the answers of teachers into labels and ignore regions.

    Args:
        answers: per teacher boxes (N, 4) ``xyxy`` normalised and scores (N,).
        rules: thresholds.
        known: (K, 4) people who are labelled already; an answer that is one of them, or lies inside one, is dropped.
        ignored: (L, 4) regions that count neither way already; an answer in one of them is dropped.
    """
    boxes, scores = fuse_answers(answers, rules)
    new = scores >= rules.low
    for regions in (known, ignored):
        if regions is not None and len(regions) and len(boxes):
            new &= ~_explained(boxes, scores, regions, rules)
    sure = new & (scores >= rules.high)
    return PseudoLabels(boxes[sure], scores[sure], boxes[new & ~sure])


def _explained(boxes: Array, scores: Array, regions: Array, rules: LabelRules) -> NDArray[np.bool_]:
    same = iou_matrix(boxes, regions).max(1) >= rules.known_iou
    share = intersection_matrix(boxes, regions) / np.maximum(area_xyxy(boxes)[:, None], 1e-12)
    # A weak answer inside a labelled person is an arm or a head of hers; a strong one may be a child before her.
    part = (share.max(1) >= _INSIDE) & (scores < rules.high)
    return np.asarray(same | part)
