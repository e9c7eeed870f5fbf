"""Several models as one: each looks at the image, and their answers are fused or suppressed together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import clip_xyxy
from uhd.config.groups import TTA
from uhd.errors import UserError
from uhd.heads import select
from uhd.nms.suppression import Suppression
from uhd.nms.weighted_boxes_fusion import weighted_boxes_fusion
from uhd.runtime.mirror import MirroredPredictor
from uhd.runtime.predictor import Prediction, Predictor

# Of the paper on weighted boxes fusion.
FUSED_AT = 0.55
# Candidates below are no answers; an evaluation counts none of them either.
_LEAST = 0.001


def combine(
    predictors: Sequence[Predictor], tta: str = "none", kind: str | None = None, iou: float | None = None
) -> Predictor:
    """Return one predictor of several, each with its mirrored self where ``tta`` is ``mirror``.

    Args:
        predictors: of one task; a single one without ``tta`` is returned as it is.
        tta: one of ``TTA``.
        kind: of suppression, of all answers together; None fuses them (``wbf``).
        iou: of that kind; None takes ``FUSED_AT`` for fusion, else what the first model says.

    Raises:
        UserError: models that do not see the same image or do not find the same classes, or another ``tta``.
    """
    if tta not in TTA or not predictors:
        raise UserError(f"an ensemble of {len(predictors)} models with tta {tta!r}; known are {', '.join(TTA)}")
    if tta == "mirror":
        predictors = [each for one in predictors for each in (one, MirroredPredictor(one))]
    return predictors[0] if len(predictors) == 1 else EnsemblePredictor(predictors, kind or "wbf", iou)


class EnsemblePredictor(Predictor):
    """Models that read the same input and know the same classes.

    With ``wbf`` each model's own duplicates are dropped as its card says, and the answers are fused by weighted boxes
    fusion, which lowers what few of the models found; with another kind all candidates of all models are suppressed
    together by that.

    Args:
        members: two or more.
        kind: of suppression.
        iou: of that kind; see :func:`combine`.

    Raises:
        UserError: members that differ.
    """

    def __init__(self, members: Sequence[Predictor], kind: str = "wbf", iou: float | None = None) -> None:
        first = members[0].spec
        for each in members[1:]:
            for name in ("input_size", "resize_mode", "class_names"):
                ours, theirs = getattr(first, name), getattr(each.spec, name)
                if ours != theirs:
                    raise UserError(f"an ensemble's models see and name the same: {name} is {ours} and {theirs}")
        self.members, self.fuses = tuple(members), kind == "wbf"
        if iou is None:
            iou = FUSED_AT if self.fuses else first.suppression.iou
        self.iou = iou
        # What is fused already may still meet other tiles of a frame.
        rule = Suppression("greedy" if self.fuses else kind, iou, first.suppression.sigma)
        scores = [each.spec.conf_thresh for each in members]
        versions = " + ".join(dict.fromkeys(each.spec.version for each in members if each.spec.version))
        self.spec = replace(
            first.without_metrics(), suppression=rule, conf_thresh=sum(scores) / len(scores), version=versions
        )

    def infer(self, batch: NDArray[np.float32]) -> list[Prediction]:
        """Ask every model about (B, C, h, w); see :meth:`Predictor.infer`."""
        answers = [each.infer(batch) for each in self.members]
        join = self._fused if self.fuses else _together
        return [join(image) for image in zip(*answers, strict=True)]

    def _fused(self, answers: Sequence[Prediction]) -> Prediction:
        rules = [each.spec.suppression for each in self.members]
        own = [
            select(clip_xyxy(boxes), scores, _LEAST, None, rule.choosing())
            for (boxes, scores), rule in zip(answers, rules, strict=True)
        ]
        by_column = [list(column) for column in zip(*own, strict=True)]
        boxes, scores, class_ids = weighted_boxes_fusion(by_column[0], by_column[1], self.iou, None, by_column[2])
        table = np.zeros((len(boxes), answers[0][1].shape[1]), np.float32)
        table[np.arange(len(boxes)), class_ids] = scores
        return boxes, table


def _together(answers: Sequence[Prediction]) -> Prediction:
    return np.concatenate([boxes for boxes, _ in answers]), np.concatenate([scores for _, scores in answers])
