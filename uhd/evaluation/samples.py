"""Validation images with what was labelled beside what was found; the worst ones first."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from uhd.detections import Detections
from uhd.draw import draw, enlarge
from uhd.evaluation.matching import Found, match
from uhd.objects import Objects
from uhd.sample import Sample

Image = NDArray[np.uint8]
_GAP = 6  # pixels between the two panels
_BEST_ROWS = 3  # boxes that are shown of a model that is sure of none
_MOST_ROWS = 20


def worst_first(found: Sequence[Found], truths: Sequence[Objects], threshold: float) -> NDArray[np.int64]:
    """Return the indices of the images in which something is labelled or found, those with most mistakes first.

    A mistake is a person not found at IoU 0.5, or a detection of nobody. Of equals, the one with fewer hits is worse.

    Args:
        found: per image boxes, scores and class ids, by descending score.
        truths: per image what is in it.
        threshold: least score that counts, 0 to 1.

    Returns:
        (N,) for the N images that are not empty in both.
    """
    counted = [(boxes[s >= threshold], s[s >= threshold], ids[s >= threshold]) for boxes, s, ids in found]
    matches = match(counted, truths, np.array([0.5]))
    hit = matches.matched[0] >= 0
    hits = np.bincount(matches.images[hit], minlength=len(truths))
    alarms = np.bincount(matches.images[~hit & ~matches.ignorable], minlength=len(truths))
    people = np.array([truth.count for truth in truths], np.int64)
    mistakes = people - hits + alarms
    order = np.lexsort((np.arange(len(truths)), hits, -mistakes))
    return order[(people + alarms)[order] > 0]


def rows_to_show(found: Detections, threshold: float) -> tuple[Detections, float]:
    """Return the detections worth a look and the least score among the allowed: those above a threshold.

    A young model is sure of nothing; its three best boxes then show what it is about to learn.

    Args:
        found: all detections of an image, best first.
        threshold: least score of a mature model.
    """
    sure = found.above(threshold)
    if len(sure):
        return sure[:_MOST_ROWS], threshold
    best = found[:_BEST_ROWS]
    return best, float(best.scores.min()) if len(best) else threshold


def draw_sample(sample: Sample, found: Detections, threshold: float, side: int = 384) -> Image:
    """Return an image twice (H, 2 W + 6, 3), side by side: with its labels, and with what a model found.

    Args:
        sample: image with labels, boxes normalised.
        found: all detections, boxes in pixels of the image, best first.
        threshold: see :func:`rows_to_show`; the picture says which score was asked for.
        side: least length of a panel's larger side; smaller images are enlarged.
    """
    shown, least = rows_to_show(found, threshold)
    picture = enlarge(sample.image, side)
    height, width = picture.shape[:2]
    labels = np.asarray(sample.labels, np.int64)
    truth = Detections(
        np.asarray(sample.boxes, np.float32) * np.array([width, height, width, height], np.float32),
        np.ones(len(labels), np.float32), labels, (height, width), found.class_names,
    )  # fmt: skip
    scale = width / sample.image.shape[1]
    scaled = dataclasses.replace(shown, xyxy=shown.xyxy * np.float32(scale), image_size=(height, width))
    told = f"found {len(shown)}, score at least {least:.2g}"
    if len(shown) and least < threshold:
        told = f"none above {threshold:.2g}; best {len(shown)}, from {least:.2g}"
    left = draw(picture, truth, labels=len(found.class_names) > 1, scores=False, notes=(f"labels {len(labels)}",))
    right = draw(picture, scaled, notes=(told,))
    return np.concatenate([left, np.full((height, _GAP, 3), 255, np.uint8), right], axis=1)
