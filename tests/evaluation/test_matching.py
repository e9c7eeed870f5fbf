from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from uhd.evaluation.evaluate import select_all
from uhd.evaluation.matching import Found, in_ignore, match
from uhd.objects import Objects

from .conftest import boxes, make_scene

THRESHOLDS = np.array([0.3, 0.5, 0.75])


def iou(a: np.ndarray, b: np.ndarray) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    overlap = max(width, 0) * max(height, 0)
    return overlap / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - overlap)


def slow_match(found: Found, truth: Objects, threshold: float) -> list[int]:
    """Each detection, best first, takes the free truth of its class that it overlaps most."""
    truth = truth.targets
    free = [True] * len(truth)
    taken = []
    for box, class_id in zip(found[0], found[2], strict=True):
        overlaps = [
            iou(box, other) if free[j] and truth.labels[j] == class_id else -1.0 for j, other in enumerate(truth.boxes)
        ]
        best = int(np.argmax(overlaps)) if overlaps else -1
        hit = best >= 0 and overlaps[best] >= threshold
        taken.append(best if hit else -1)
        if hit:
            free[best] = False
    return taken


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.booleans())
def test_equals_the_greedy_loop(seed: int, classes: int, with_ties: bool) -> None:
    predictions, truths = make_scene(np.random.default_rng(seed), 6, classes, with_ties=with_ties)
    found = [(b, s.max(1), s.argmax(1)) for b, s in predictions]
    found = [(b[o], s[o], c[o]) for b, s, c in found for o in [np.argsort(-s, kind="stable")]]
    matches = match(found, truths, THRESHOLDS)
    start_d = start_g = 0
    for (detected, scores, _), truth in zip(found, truths, strict=True):
        part = matches.matched[:, start_d : start_d + len(scores)]
        for t, threshold in enumerate(THRESHOLDS):
            expected = [j + start_g if j >= 0 else -1 for j in slow_match((detected, scores, _), truth, threshold)]
            assert part[t].tolist() == expected
        start_d, start_g = start_d + len(scores), start_g + truth.count
    assert start_d == len(matches.scores)
    assert start_g == len(matches.truth_heights)


def test_one_detection_per_truth_and_one_truth_per_detection() -> None:
    predictions, truths = make_scene(np.random.default_rng(0), 50)
    matches = match(select_all(predictions), truths, THRESHOLDS)
    for row in matches.matched:
        taken = row[row >= 0]
        assert len(taken) == len(set(taken.tolist())) > 20


def test_the_second_choice_is_taken_when_the_first_is_gone() -> None:
    truth = Objects.of(np.array([[0, 0, 1, 1], [0, 0, 1, 0.8]], np.float32), np.zeros(2, np.int64), boxes_none())
    both = np.array([[0, 0, 1, 1], [0, 0, 1, 0.95]], np.float32)
    matches = match([(both, np.array([0.9, 0.8], np.float32), np.zeros(2, np.int64))], [truth], np.array([0.5]))
    assert matches.matched.tolist() == [[0, 1]]


def boxes_none() -> np.ndarray:
    return np.zeros((0, 4), np.float32)


def test_half_of_the_own_area_in_one_region_is_ignored() -> None:
    region = np.array([[0, 0, 0.5, 1], [0.9, 0, 1, 1]], np.float32)
    found = np.array([[0.25, 0, 0.75, 1], [0.3, 0, 0.75, 1], [0, 0, 0.1, 0.1], [0.95, 0.95, 1, 1]], np.float32)
    assert in_ignore(found, region).tolist() == [True, False, True, True]
    assert in_ignore(found, boxes_none()).tolist() == [False] * 4
    assert in_ignore(boxes_none(), region).tolist() == []


def test_nothing_to_match() -> None:
    empty = (boxes_none(), np.zeros(0, np.float32), np.zeros(0, np.int64))
    truth = Objects.of(boxes_none(), np.zeros(0, np.int64), boxes_none())
    assert truth.empty
    assert match([], [], THRESHOLDS).matched.shape == (3, 0)
    assert match([empty], [truth], THRESHOLDS).matched.shape == (3, 0)
    full = Objects.of(boxes(np.random.default_rng(0), 2), np.zeros(2, np.int64), boxes_none())
    assert len(match([empty], [full], THRESHOLDS).truth_heights) == 2
