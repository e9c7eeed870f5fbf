"""The figures of the task, over prompts that each mean one person of one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uhd.evaluation.average_precision import coco_ap, precision_recall
from uhd.refer.tables import Tables

_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RIGHT = 0.5  # least overlap of the box of the chosen candidate with that of the person meant


@dataclass(frozen=True, eq=False)
class Asked:
    """One prompt and what came of it.

    Attributes:
        tables: of its picture.
        person: who is meant.
        scores: (Q,) of the candidates, 0 to 1.
    """

    tables: Tables
    person: int
    scores: NDArray[np.float32]

    @property
    def best(self) -> int:
        """The candidate that is answered."""
        return int(self.scores.argmax())

    @property
    def is_right(self) -> bool:
        """Whether the answer is the person meant."""
        return bool(self.tables.box_iou[self.best, self.person] >= RIGHT)


def measure(asked: Sequence[Asked]) -> dict[str, float]:
    """Return the figures of prompts, 0 to 1; NaN where nothing was known to measure by.

    ``accuracy`` is the share of prompts answered by the person meant (boxes overlap by half), ``PCK@0.1`` the share of
    known keypoints within a tenth of the longer side of the person's box, ``oIoU`` all pixels common to answered and
    true masks over all in either, ``mIoU`` the mean of each prompt. AP counts all candidates of a prompt, as COCO does
    with one person per picture.
    """
    posed = [each for each in asked if each.tables.known[each.person] > 0]
    masked = [each for each in asked if each.tables.has_mask[each.person]]
    overlap = np.array([each.tables.overlap[each.best, each.person] for each in masked])
    union = np.array([each.tables.union[each.best, each.person] for each in masked])
    right = np.array([each.tables.right[each.best, each.person] for each in posed])
    known = np.array([each.tables.known[each.person] for each in posed])
    figures = {
        "accuracy": _mean([float(each.is_right) for each in asked]),
        "PCK@0.1": float(right.sum() / known.sum()) if len(known) else float("nan"),
        "OKS": _mean([float(each.tables.oks[each.best, each.person]) for each in posed]),
        "oIoU": float(overlap.sum() / union.sum()) if len(union) else float("nan"),
        "mIoU": _mean((overlap / np.maximum(union, 1)).tolist()),
    }
    for name, part, like in (
        ("box", asked, [each.tables.box_iou[:, each.person] for each in asked]),
        ("OKS", posed, [each.tables.oks[:, each.person] for each in posed]),
        ("mask", masked, [each.tables.mask_iou[:, each.person] for each in masked]),
    ):
        precision = average_precision([each.scores for each in part], like)
        figures |= {f"{name} AP": _mean(precision), f"{name} AP50": precision[0] if precision else float("nan")}
    return figures


def average_precision(
    scores: Sequence[NDArray[np.float32]], like: Sequence[NDArray[Any]], thresholds: NDArray[np.float64] = _THRESHOLDS
) -> list[float]:  # fmt: skip
    """Return the AP at every threshold where each picture shows one person.

    Args:
        scores: per picture (Q,).
        like: per picture (Q,), how much each candidate is like that person, 0 to 1.
        thresholds: (T,) from which they are alike.
    """
    if not scores:
        return []
    order = [np.argsort(-each, kind="stable") for each in scores]
    ranked = np.concatenate([each[k] for each, k in zip(scores, order, strict=True)])
    found = []
    for threshold in thresholds:
        hits = []
        for each, k in zip(like, order, strict=True):
            # A threshold is met as COCO's tools meet it.
            good = each[k] >= min(threshold, 1 - 1e-10)
            hits.append(good & (np.cumsum(good) == 1))
        precision, recall, _ = precision_recall(ranked, np.concatenate(hits), len(scores))
        found.append(coco_ap(precision, recall))
    return found


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
