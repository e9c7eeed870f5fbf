"""Score raw predictions of a whole data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uhd.boxes import xyxy_to_cxcywh
from uhd.decode import select
from uhd.evaluation.average_precision import all_point_ap, precision_recall
from uhd.evaluation.matching import GroundTruth, Matches, match
from uhd.evaluation.original_map import original_map
from uhd.evaluation.report import Curve, Report

LOWEST_SCORE = 0.001
NMS_IOU = 0.5
THRESHOLDS = np.linspace(0.5, 0.95, 10)
# Person heights in network pixels at 64: below 8 a person is a handful of cells of noise.
SIZES = {"<8px": (0, 8), "8-16px": (8, 16), "16-32px": (16, 32), ">32px": (32, np.inf)}

Prediction = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class _Image:
    matches: Matches
    heights: NDArray[np.float32]
    found_heights: NDArray[np.float32]


def evaluate(
    predictions: Sequence[Prediction],
    truths: Sequence[GroundTruth],
    class_names: Sequence[str] = ("person",),
    network_height: int = 64,
    conf_thresh: float = 0.15,
) -> Report:
    """Score predictions against the truth.

    Args:
        predictions: per image boxes (N, 4) ``xyxy`` normalised and scores (N, classes), unfiltered.
        truths: per image ground truth.
        class_names: names by class id.
        network_height: pixels, for the size classes.
        conf_thresh: of the original's mAP only.
    """
    selected = [select(boxes, scores, LOWEST_SCORE, None, NMS_IOU) for boxes, scores in predictions]
    per_class: dict[str, tuple[float, float]] = {}
    curve = Curve(np.zeros(0), np.zeros(0), np.zeros(0, np.float32))
    metrics: dict[str, float] = {}
    for class_id, name in enumerate(class_names):
        images = [
            _match_image(found, truth, class_id, network_height) for found, truth in zip(selected, truths, strict=True)
        ]
        if class_id == 0:
            curve = _curve(images, 0, (0, np.inf))
            metrics |= _size_metrics(images)
        if sum(image.matches.truths for image in images):
            aps = [_ap(images, t, (0, np.inf)) for t in range(len(THRESHOLDS))]
            per_class[name] = aps[0], float(np.mean(aps))
    threshold, f1, precision, recall = curve.best()
    alarms = [int((scores >= threshold).sum()) for (_, scores, _), t in zip(selected, truths, strict=True) if _empty(t)]
    head = {
        "AP50": float(np.mean([ap50 for ap50, _ in per_class.values()])) if per_class else 0.0,
        "AP": float(np.mean([ap for _, ap in per_class.values()])) if per_class else 0.0,
    }
    tail = {
        "recall": float(curve.recall[-1]) if len(curve.recall) else 0.0,
        "best_f1": f1,
        "best_threshold": threshold,
        "precision_at_best": precision,
        "recall_at_best": recall,
        "false_alarms_per_empty_image": float(np.mean(alarms)) if alarms else 0.0,
        "mAP@0.5 (original)": _original(selected, truths, len(class_names), conf_thresh),
    }
    counts = {
        "images": len(truths),
        "empty images": sum(map(_empty, truths)),
        "boxes": sum(len(truth.boxes) for truth in truths),
        "ignore regions": sum(len(truth.ignore) for truth in truths),
        "detections": sum(len(scores) for _, scores, _ in selected),
    }
    return Report(head | metrics | tail, counts, curve, {name: ap50 for name, (ap50, _) in per_class.items()})


def _empty(truth: GroundTruth) -> bool:
    return not len(truth.boxes) and not len(truth.ignore)


def _match_image(
    found: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]],
    truth: GroundTruth,
    class_id: int,
    network_height: int,
) -> _Image:
    boxes, scores, class_ids = found
    mine = class_ids == class_id
    wanted = truth.boxes[truth.labels == class_id]
    matches = match(boxes[mine], scores[mine], wanted, truth.ignore, THRESHOLDS)
    heights = (wanted[:, 3] - wanted[:, 1]) * network_height
    return _Image(matches, heights, (boxes[mine, 3] - boxes[mine, 1]) * network_height)


def _curve(images: Sequence[_Image], threshold: int, heights: tuple[float, float]) -> Curve:
    """Gather all images; outside a height range, truths and the unmatched detections of other heights do not count."""
    low, high = heights
    scores, correct, total = [], [], 0
    for image in images:
        total += int(((image.heights >= low) & (image.heights < high)).sum())
        matched = image.matches.matched[threshold]
        hit = matched >= 0
        own = (image.found_heights >= low) & (image.found_heights < high)
        if hit.any():
            truth_height = image.heights[matched[hit]]
            own = own.copy()
            own[hit] = (truth_height >= low) & (truth_height < high)
        keep = own & ~image.matches.dropped[threshold]
        scores.append(image.matches.scores[keep])
        correct.append(hit[keep])
    joined = np.concatenate(scores) if scores else np.zeros(0, np.float32)
    return Curve(*precision_recall(joined, np.concatenate(correct) if correct else np.zeros(0, bool), total))


def _ap(images: Sequence[_Image], threshold: int, heights: tuple[float, float]) -> float:
    curve = _curve(images, threshold, heights)
    return all_point_ap(curve.precision, curve.recall)


def _size_metrics(images: Sequence[_Image]) -> dict[str, float]:
    found = {}
    for name, (low, high) in SIZES.items():
        if any(((image.heights >= low) & (image.heights < high)).any() for image in images):
            found[f"AP50/{name}"] = _ap(images, 0, (low, high))
    return found


def _original(
    selected: Sequence[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]],
    truths: Sequence[GroundTruth],
    num_classes: int,
    conf_thresh: float,
) -> float:
    predictions = []
    for boxes, scores, class_ids in selected:
        keep = scores >= conf_thresh
        rows = np.empty((int(keep.sum()), 6))
        rows[:, 0], rows[:, 1], rows[:, 2:] = scores[keep], class_ids[keep], xyxy_to_cxcywh(boxes[keep])
        predictions.append(rows)
    pairs = [(xyxy_to_cxcywh(truth.boxes).astype(np.float64), truth.labels) for truth in truths]
    return original_map(predictions, pairs, num_classes)["mAP@0.5"]
