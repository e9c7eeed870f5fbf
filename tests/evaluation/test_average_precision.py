from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uhd.evaluation.average_precision import all_point_ap, coco_ap, precision_recall

hits = st.lists(st.booleans(), max_size=40)


def slow_all_point(correct: list[bool], truths: int) -> float:
    """Sum over true positives of 1 / truths times the best precision from there on."""
    points = [sum(correct[: k + 1]) / (k + 1) for k in range(len(correct))]
    return sum(max(points[k:]) for k, hit in enumerate(correct) if hit) / truths


def slow_coco(correct: list[bool], truths: int) -> float:
    total = 0.0
    for level in np.linspace(0, 1, 101):
        reached = [k for k in range(len(correct)) if sum(correct[: k + 1]) / truths >= level]
        total += max((sum(correct[: k + 1]) / (k + 1) for k in reached), default=0.0)
    return total / 101


def curve(correct: list[bool], truths: int) -> tuple[np.ndarray, np.ndarray]:
    scores = np.linspace(1, 0.1, len(correct), dtype=np.float32)
    precision, recall, _ = precision_recall(scores, np.array(correct, bool), truths)
    return precision, recall


@given(hits, st.integers(0, 5))
def test_all_point_ap_equals_its_definition(correct: list[bool], missed: int) -> None:
    truths = sum(correct) + missed
    if truths:
        assert all_point_ap(*curve(correct, truths)) == pytest.approx(slow_all_point(correct, truths), abs=1e-12)


@given(hits, st.integers(0, 5))
def test_coco_ap_equals_its_definition(correct: list[bool], missed: int) -> None:
    truths = sum(correct) + missed
    if truths:
        assert coco_ap(*curve(correct, truths)) == pytest.approx(slow_coco(correct, truths), abs=1e-12)


def test_perfect_and_empty() -> None:
    assert all_point_ap(*curve([True] * 4, 4)) == 1
    assert coco_ap(*curve([True] * 4, 4)) == 1
    assert all_point_ap(*curve([], 4)) == 0
    assert coco_ap(*curve([], 4)) == 0
    assert all_point_ap(*curve([True, False, True], 4)) == pytest.approx(1 / 4 + 2 / 3 / 4)


@given(hits)
def test_a_false_alarm_behind_everything_costs_nothing(correct: list[bool]) -> None:
    if any(correct):
        truths = sum(correct)
        assert all_point_ap(*curve([*correct, False], truths)) == pytest.approx(all_point_ap(*curve(correct, truths)))


def test_detections_are_sorted_by_score_and_ties_keep_their_order() -> None:
    scores = np.array([0.2, 0.9, 0.5, 0.5], np.float32)
    precision, recall, ranked = precision_recall(scores, np.array([False, True, False, True]), 2)
    assert ranked.tolist() == pytest.approx([0.9, 0.5, 0.5, 0.2])
    assert precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3, 2 / 4])
    assert recall.tolist() == [0.5, 0.5, 1, 1]
