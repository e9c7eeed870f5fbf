"""Weighted boxes fusion against its closed form."""

from __future__ import annotations

import numpy as np
import pytest

from uhd.nms.weighted_boxes_fusion import weighted_boxes_fusion


def table(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


def test_two_answers_about_one_person_are_averaged_by_their_scores() -> None:
    boxes, scores, ids = weighted_boxes_fusion(
        [table((0, 0, 10, 10)), table((1, 0, 11, 10))], [np.float32([0.9]), np.float32([0.3])]
    )
    assert boxes == pytest.approx(table((0.25, 0, 10.25, 10)))
    assert scores == pytest.approx([0.6])  # the mean; both detectors agree
    assert ids.tolist() == [0]


def test_who_stands_alone_is_believed_less() -> None:
    boxes, scores, _ = weighted_boxes_fusion(
        [table((0, 0, 10, 10)), table((50, 50, 60, 60))], [np.float32([0.8]), np.float32([0.6])], weights=(2.0, 1.0)
    )
    # 0.8 of the detector with two thirds of the trust; 0.6 of the other; scores count once, trust twice.
    assert boxes.tolist() == [[0, 0, 10, 10], [50, 50, 60, 60]]
    assert scores == pytest.approx([0.8 * 2 / 3, 0.6 / 3])


def test_classes_are_not_mixed_and_empty_answers_are_none() -> None:
    same = table((0, 0, 10, 10))
    boxes, scores, ids = weighted_boxes_fusion(
        [same, same], [np.float32([0.9]), np.float32([0.8])], class_ids=[np.array([0]), np.array([1])]
    )
    assert len(boxes) == 2
    assert ids.tolist() == [0, 1]
    empty = np.zeros((0, 4), np.float32)
    boxes, scores, ids = weighted_boxes_fusion([empty], [np.zeros(0, np.float32)])
    assert boxes.shape == (0, 4)
    assert len(scores) == len(ids) == 0


def test_a_detector_with_two_boxes_on_one_person_does_not_count_twice() -> None:
    twice = table((0, 0, 10, 10), (0, 0, 10, 10))
    _, scores, _ = weighted_boxes_fusion(
        [twice, np.zeros((0, 4), np.float32)], [np.float32([0.8, 0.8]), np.zeros(0, np.float32)]
    )
    assert scores == pytest.approx([0.4])


def test_arguments_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="detectors"):
        weighted_boxes_fusion([table((0, 0, 1, 1))], [])

    with pytest.raises(ValueError, match="2 boxes do not go with 1 scores"):
        weighted_boxes_fusion([table((0, 0, 1, 1), (0, 0, 1, 1))], [np.float32([0.5])])


@pytest.mark.parametrize("score", [0, 1e-40, 1e-13])
def test_boxes_of_hardly_any_score_stay_where_they_are(score: float) -> None:
    one, other = (1, 2, 3, 5), (50, 50, 60, 60)
    boxes, scores, _ = weighted_boxes_fusion([table(one, other)], [np.float32([score, 0])])
    assert boxes == pytest.approx(table(one, other))
    assert scores == pytest.approx([score, 0], rel=1e-5, abs=0)
    # Two of one person, of which the first stands for both where there is nothing to weigh by.
    boxes, _, _ = weighted_boxes_fusion([table(one), table((1, 2, 3, 4.5))], [np.float32([score]), np.float32([score])])
    assert boxes == pytest.approx(table((1, 2, 3, 4.75) if score else one))
