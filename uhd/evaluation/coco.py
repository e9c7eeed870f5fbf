"""The COCO numbers, by faster-coco-eval (equal to pycocotools)."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uhd.data.dataset import Dataset
from uhd.errors import UserError, install_hint
from uhd.evaluation.dataset import infer_images, truths_of
from uhd.evaluation.evaluate import select_all
from uhd.nms.suppression import Suppression
from uhd.objects import Objects
from uhd.runtime.predictor import Prediction, Predictor

_NAMES = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")
# Boxes are normalised, COCO wants pixels. Its photographs are 640 wide, so its size classes keep their meaning.
_SIDE = 640


def coco_metrics(predictor: Predictor, dataset: Dataset) -> dict[str, float]:
    """Return COCO's twelve numbers of a predictor on a data set; see :func:`coco_numbers`."""
    spec = predictor.spec
    found = infer_images(predictor, dataset.network_images(spec.input_size, spec.resize_mode))
    return coco_numbers(found, truths_of(dataset), len(spec.class_names), spec.suppression)


def coco_numbers(
    predictions: Sequence[Prediction],
    truths: Sequence[Objects],
    num_classes: int,
    suppression: Suppression | None = None,
) -> dict[str, float]:
    """Return COCO's numbers of unfiltered predictions; -1 where a size class has no truth.

    Ignore regions are crowd annotations, for which COCO asks a share of the detection's own area that rises with the
    IoU threshold; our own AP asks half at all thresholds, so only AP50 is comparable where there are such regions.

    Raises:
        UserError: faster-coco-eval is not installed.
    """
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ImportError:
        raise UserError(f"COCO numbers need faster-coco-eval: {install_hint('train')}") from None
    truth, results = to_coco(predictions, truths, num_classes, suppression)
    if not results or not truth["annotations"]:
        return dict.fromkeys(_NAMES, 0.0)
    with contextlib.redirect_stdout(io.StringIO()):
        reference = COCO(truth)
        evaluation = COCOeval_faster(reference, reference.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(_NAMES, map(float, evaluation.stats[: len(_NAMES)]), strict=True))


def to_coco(
    predictions: Sequence[Prediction],
    truths: Sequence[Objects],
    num_classes: int,
    suppression: Suppression | None = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return ground truth and results in COCO's form, on square images of 640 pixels; category ids start at 1."""
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for image_id, (truth, (boxes, scores, class_ids)) in enumerate(
        zip(truths, select_all(predictions, suppression), strict=True), 1
    ):
        people = truth.targets
        rows = [(bbox, label + 1, 0) for bbox, label in zip(_bboxes(people.boxes), people.labels.tolist(), strict=True)]
        rows += [(bbox, category, 1) for bbox in _bboxes(truth.regions) for category in range(1, num_classes + 1)]
        for bbox, category, crowd in rows:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": category,
                    "bbox": bbox,
                    "area": bbox[2] * bbox[3],
                    "iscrowd": crowd,
                }
            )
        results += [
            {"image_id": image_id, "category_id": class_id + 1, "bbox": bbox, "score": score}
            for bbox, score, class_id in zip(_bboxes(boxes), scores.tolist(), class_ids.tolist(), strict=True)
        ]
    images = [{"id": i, "width": _SIDE, "height": _SIDE} for i in range(1, len(truths) + 1)]
    categories = [{"id": i, "name": str(i)} for i in range(1, num_classes + 1)]
    return {"images": images, "annotations": annotations, "categories": categories}, results


def _bboxes(boxes_xyxy: NDArray[np.float32]) -> list[list[float]]:
    pixels = boxes_xyxy.astype(np.float64) * _SIDE
    bboxes: list[list[float]] = np.concatenate([pixels[:, :2], pixels[:, 2:] - pixels[:, :2]], 1).tolist()
    return bboxes
