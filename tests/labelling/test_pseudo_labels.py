"""What becomes a label, an ignore region, or nothing."""

from __future__ import annotations

import numpy as np

from uhd.labelling.config import LabelRules
from uhd.labelling.pseudo_labels import fuse_answers, pseudo_labels

RULES = LabelRules(high=0.5, low=0.3)


def answers(*rows: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(rows, np.float32).reshape(-1, 5)
    return table[:, :4], table[:, 4]


def test_scores_decide_between_label_ignore_region_and_nothing() -> None:
    found = pseudo_labels([answers((0, 0, 0.1, 0.1, 0.9), (0.3, 0, 0.4, 0.1, 0.4), (0.6, 0, 0.7, 0.1, 0.2))], RULES)
    assert found.boxes.tolist() == np.float32([[0, 0, 0.1, 0.1]]).tolist()
    assert found.scores.tolist() == np.float32([0.9]).tolist()
    assert found.ignore.tolist() == np.float32([[0.3, 0, 0.4, 0.1]]).tolist()


def test_duplicates_of_one_teacher_are_dropped_before_teachers_are_fused() -> None:
    once = answers((0, 0, 0.1, 0.1, 0.9), (0, 0, 0.1, 0.101, 0.8))
    boxes, scores = fuse_answers([once, once], RULES)
    assert len(boxes) == 1
    assert np.allclose(scores, 0.9)


def test_people_who_are_labelled_are_not_added_again() -> None:
    known = np.float32([[0, 0, 0.2, 0.4]])
    found = pseudo_labels(
        [answers((0, 0, 0.2, 0.38, 0.9), (0.05, 0.1, 0.1, 0.2, 0.4), (0.05, 0.1, 0.15, 0.3, 0.8))], RULES, known
    )
    # The first is the labelled person, the second a part of her; the third is sure enough to be a child before her.
    assert np.allclose(found.boxes, [[0.05, 0.1, 0.15, 0.3]])
    assert not len(found.ignore)


def test_ignore_regions_that_are_there_explain_answers() -> None:
    found = pseudo_labels([answers((0, 0, 0.2, 0.4, 0.9))], RULES, None, np.float32([[0, 0, 0.2, 0.4]]))
    assert not len(found.boxes)
