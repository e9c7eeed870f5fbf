"""The images with most mistakes come first, labels stand beside what was found, and a young model shows something."""

from __future__ import annotations

import numpy as np

from uhd.detections import Detections
from uhd.evaluation.matching import Found
from uhd.evaluation.samples import draw_sample, rows_to_show, worst_first
from uhd.objects import Objects
from uhd.sample import Sample

PERSON = [0.2, 0.2, 0.5, 0.8]
OTHER = [0.6, 0.2, 0.9, 0.8]


def truth(*boxes: list[float]) -> Objects:
    count = len(boxes)
    none = np.zeros((0, 4), np.float32)
    return Objects.of(np.array(boxes, np.float32).reshape(-1, 4), np.zeros(count, np.int64), none)


def found(*boxes: list[float], score: float = 0.9) -> Found:
    count = len(boxes)
    rows = np.array(boxes, np.float32).reshape(-1, 4)
    return rows, np.full(count, score, np.float32), np.zeros(count, np.int64)


def detections(*scores: float) -> Detections:
    box = np.tile(np.array([[8, 8, 20, 32]], np.float32), (len(scores), 1))
    return Detections(box, np.array(scores, np.float32), np.zeros(len(scores), np.int64), (40, 40))


def test_most_mistakes_first() -> None:
    truths = [truth(PERSON), truth(PERSON, OTHER), truth(), truth(), truth(PERSON), truth(PERSON, OTHER)]
    seen = [found(PERSON), found(), found(), found(OTHER), found(OTHER), found(PERSON)]
    # Both missed, and one missed with a false alarm: two mistakes each; then the false alarm, then the one of two.
    assert worst_first(seen, truths, 0.5).tolist() == [1, 4, 3, 5, 0]
    low = [(*found(PERSON, score=0.3),)] * len(truths)
    assert worst_first(low, truths, 0.5).tolist() == [1, 5, 0, 4]


def test_a_young_model_shows_its_best_boxes() -> None:
    sure, least = rows_to_show(detections(0.9, 0.5, 0.01), 0.3)
    assert sure.scores.tolist() == np.float32([0.9, 0.5]).tolist()
    assert least == 0.3
    young, least = rows_to_show(detections(0.05, 0.04, 0.03, 0.02), 0.3)
    assert len(young) == 3
    assert least == np.float32(0.03)
    assert len(rows_to_show(detections(*[0.5] * 500), 0.006)[0]) == 20
    assert rows_to_show(detections(), 0.3)[1] == 0.3


def test_labels_left_found_right() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    labelled = np.array([[0.6, 0.5, 0.9, 0.9]], np.float32)
    sample = Sample(image, labelled, np.zeros(1, np.int64), np.zeros((0, 4), np.float32), "a")
    drawn = draw_sample(sample, detections(0.9), 0.3, side=200)
    assert drawn.shape == (200, 2 * 200 + 6, 3)
    left, right = drawn[:, :200], drawn[:, 206:]
    assert left[100, 120:180].any(axis=1).all()  # upper edge of the label
    assert not right[100, 120:180].any()
    assert right[160, 45:95].any(axis=1).all()  # lower edge of the box found
    assert not left[160, 45:95].any()
    assert (drawn[:, 200:206] == 255).all()
