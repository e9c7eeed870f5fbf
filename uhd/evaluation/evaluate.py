"""Score a detector on a whole data set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from uhd.evaluation.average_precision import all_point_ap, precision_recall
from uhd.evaluation.matching import Found, Matches, match
from uhd.evaluation.operating_points import ALARMS, PRECISION, at_alarms, at_precision
from uhd.evaluation.original_map import original_map
from uhd.evaluation.presence import Presence
from uhd.evaluation.report import Curve, Report
from uhd.heads import select
from uhd.nms.suppression import Suppression
from uhd.objects import Objects
from uhd.runtime.predictor import Prediction

LOWEST_SCORE = 0.001
THRESHOLDS = np.linspace(0.5, 0.95, 10)
# Person heights in network pixels: below 8 a person is a handful of cells of noise.
SIZES = {"<8px": (0.0, 8.0), "8-16px": (8.0, 16.0), "16-32px": (16.0, 32.0), ">32px": (32.0, np.inf)}


def evaluate(
    predictions: Sequence[Prediction],
    truths: Sequence[Objects],
    class_names: Sequence[str] = ("person",),
    network_height: int = 64,
    conf_thresh: float = 0.15,
    suppression: Suppression | None = None,
    file_thresh: float | None = None,
    precision: float = PRECISION,
) -> Report:
    """Score predictions against the truth.

    Detections below 0.001 are left out, and duplicates as the model says. A detection in a region to ignore (at least
    half of its own area) that found no truth does not count.

    Args:
        predictions: per image boxes (N, 4) ``xyxy`` normalised and scores (N, classes), unfiltered.
        truths: per image what is in it.
        class_names: names by class id.
        network_height: pixels, for the size classes.
        conf_thresh: of the original's mAP only.
        suppression: of duplicates, usually from the model's card; None takes the default.
        file_thresh: least score that the model's file says, for what depends on it; None for a model without a file.
        precision: at which the recall is told, 0 to 1.
    """
    found = select_all(predictions, suppression)
    # Curves are of detections by score: in that order once, every sort of some of them finds them sorted.
    matches = match(found, truths, THRESHOLDS).by_score()
    per_class: dict[str, list[float]] = {}
    for class_id, name in enumerate(class_names):
        if (matches.truth_class_ids == class_id).any():
            per_class[name] = [_ap(matches, t, class_id) for t in range(len(THRESHOLDS))]
    curve = _curve(matches)
    threshold, f1, best_precision, recall = curve.best()
    metrics = {
        "AP50": float(np.mean([aps[0] for aps in per_class.values()])) if per_class else 0.0,
        "AP": float(np.mean(list(per_class.values()))) if per_class else 0.0,
        **_size_metrics(matches, network_height),
        "recall": float(curve.recall[-1]) if len(curve.recall) else 0.0,
        "best_f1": f1,
        "best_threshold": threshold,
        "precision_at_best": best_precision,
        "recall_at_best": recall,
        "false_alarms_per_empty_image": _alarms_on_empty(matches, truths, threshold),
        **_operating_points(curve, precision, len(truths)),
        **_presence_metrics(Presence.of(matches, truths), threshold, file_thresh),
        "mAP@0.5 (original)": original_map(_above(found, conf_thresh), truths, len(class_names))["mAP@0.5"],
    }
    thresholds = {
        "lowest_score": LOWEST_SCORE, "nms_iou": (suppression or Suppression()).iou, "original": conf_thresh,
    }  # fmt: skip
    if file_thresh is not None:
        thresholds["file"] = file_thresh
    return Report(
        metrics, _counts(matches, truths), curve, {name: aps[0] for name, aps in per_class.items()}, thresholds
    )


def _above(found: Sequence[Found], least: float) -> list[Found]:
    """Return the detections from a score on; best first, they are the first so many."""
    counts = [np.count_nonzero(scores >= least) for _, scores, _ in found]
    return [(boxes[:n], scores[:n], ids[:n]) for (boxes, scores, ids), n in zip(found, counts, strict=True)]


def _alarms_on_empty(matches: Matches, truths: Sequence[Objects], threshold: float) -> float:
    above = np.bincount(matches.images[matches.scores >= threshold], minlength=len(truths))
    alarms = above[[len(truth) == 0 for truth in truths]]
    return float(alarms.mean()) if len(alarms) else 0.0


def _counts(matches: Matches, truths: Sequence[Objects]) -> dict[str, int]:
    return {
        "images": len(truths),
        "empty images": sum(len(truth) == 0 for truth in truths),
        "boxes": len(matches.truth_heights),
        "ignore regions": sum(len(truth.regions) for truth in truths),
        "detections": len(matches.scores),
    }


def select_all(predictions: Sequence[Prediction], suppression: Suppression | None = None) -> list[Found]:
    """Return the detections that an evaluation counts: above 0.001, without duplicates, best first."""
    suppression = suppression or Suppression()
    return [select(boxes, scores, LOWEST_SCORE, None, suppression) for boxes, scores in predictions]


def height_curve(matches: Matches, heights: tuple[float, float]) -> Curve:
    """Return the curve at IoU 0.5 of the people whose normalised height lies in [low, high), all classes pooled."""
    return _curve(matches, 0, None, heights)


def _curve(
    matches: Matches, threshold: int = 0, class_id: int | None = None, heights: tuple[float, float] = (-np.inf, np.inf)
) -> Curve:
    """Return the curve of one class, or of all pooled; see :func:`_counted`."""
    hit, counts, truths = _counted(matches, threshold, class_id, heights)
    return Curve(*precision_recall(matches.scores[counts], hit[counts], truths))


def _ap(
    matches: Matches, threshold: int, class_id: int | None, heights: tuple[float, float] = (-np.inf, np.inf)
) -> float:
    """Return the AP of matches with the best detection first: their curve's, of which it needs the hits alone."""
    hit, counts, truths = _counted(matches, threshold, class_id, heights)
    hits = np.flatnonzero(hit & counts)
    number = np.arange(1, len(hits) + 1)
    return all_point_ap(number / counts.cumsum()[hits], number / max(truths, 1))


def _counted(
    matches: Matches, threshold: int, class_id: int | None, heights: tuple[float, float]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], int]:
    """Return which detections (K,) are hits, which count, and how many truths do.

    Outside a range of (normalised) heights, truths, what found them, and unmatched detections do not count.
    """
    low, high = heights
    matched = matches.matched[threshold]
    hit = matched >= 0
    counts = hit | ~matches.ignorable
    wanted = (matches.truth_heights >= low) & (matches.truth_heights < high)
    if heights != (-np.inf, np.inf):
        # A detection belongs to the height of the truth it found; one that found none, to its own.
        height = matches.heights.copy()
        height[hit] = matches.truth_heights[matched[hit]]
        counts &= (height >= low) & (height < high)
    if class_id is not None:
        counts &= matches.class_ids == class_id
        wanted &= matches.truth_class_ids == class_id
    return hit, counts, int(wanted.sum())


def _operating_points(curve: Curve, precision: float, images: int) -> dict[str, float]:
    points = {f"precision_{precision:g}": at_precision(curve, precision)}
    points |= {f"{per_image:g}_alarms": at_alarms(curve, per_image, images) for per_image in ALARMS}
    found: dict[str, float] = {}
    for name, (threshold, recall) in points.items():
        found |= {f"recall_at_{name}": recall, f"threshold_at_{name}": threshold}
    return found


def _presence_metrics(presence: Presence, best_f1: float, of_file: float | None) -> dict[str, float]:
    threshold, accuracy = presence.best()
    found = {"person_accuracy": accuracy, "person_threshold": threshold}
    found["person_accuracy_at_best"] = presence.accuracy(best_f1)
    return found if of_file is None else found | {"person_accuracy_at_file": presence.accuracy(of_file)}


def _size_metrics(matches: Matches, network_height: int) -> dict[str, float]:
    found = {}
    for name, (low, high) in SIZES.items():
        limits = low / network_height, high / network_height
        if ((matches.truth_heights >= limits[0]) & (matches.truth_heights < limits[1])).any():
            found[f"AP50/{name}"] = _ap(matches, 0, None, limits)
    return found
