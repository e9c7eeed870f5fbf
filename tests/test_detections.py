"""Detections by number, mask and slice, together, as text, and with numbers of other widths."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from uhd.detections import Detections
from uhd.errors import UserError


def found(scores: list[float], size: tuple[int, int] = (48, 64), tracked: bool = False) -> Detections:
    boxes = np.arange(4 * len(scores), dtype=np.float32).reshape(-1, 4)
    ids = np.zeros(len(scores), np.int64)
    return Detections(boxes, np.array(scores, np.float32), ids, size, track_ids=ids + 7 if tracked else None)


def test_a_number_selects_one_and_counts_from_the_end() -> None:
    three = found([0.9, 0.8, 0.7])
    assert three[0].scores.tolist() == pytest.approx([0.9])
    assert three[-1].xyxy.tolist() == [[8, 9, 10, 11]]
    assert [len(three[index]) for index in (np.int64(1), slice(1, 3), [True, False, True], [0, 2], [])] == [
        1,
        2,
        2,
        2,
        0,
    ]
    with pytest.raises(IndexError):
        three[3]


def test_merged_detections_are_best_first() -> None:
    together = Detections.merge([found([0.9, 0.1], tracked=True), found([0.5], tracked=True)])
    assert together.scores.tolist() == pytest.approx([0.9, 0.5, 0.1])
    assert together.track_ids is not None
    assert together.track_ids.tolist() == [7, 7, 7]


@pytest.mark.parametrize(
    "parts", [[], [found([0.9]), found([0.8], (10, 10))], [found([0.9]), found([0.8], tracked=True)]]
)
def test_what_does_not_belong_together_is_not_merged(parts: list[Detections]) -> None:
    with pytest.raises(ValueError, match=r"(?i)detections"):
        Detections.merge(parts)


def test_what_another_package_is_needed_for_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(UserError, match="pip install supervision"):
        Detections.empty((4, 4)).to_supervision()


def test_text_is_short() -> None:
    assert repr(found([])) == "<Detections 0 in 64x48>"
    assert repr(found([0.9] * 5)) == "<Detections 5 in 64x48: person 0.90, person 0.90, person 0.90, 2 more>"


def test_numbers_of_other_widths_are_taken_over_and_others_refused() -> None:
    each = Detections(np.zeros((1, 4)), np.ones(1), np.zeros(1, np.int32), (4, 4))
    assert (each.xyxy.dtype, each.scores.dtype, each.class_ids.dtype) == (np.float32, np.float32, np.int64)
    with pytest.raises(ValueError, match="class_ids"):
        Detections(np.zeros((1, 4)), np.ones(1), np.zeros(1), (4, 4))
    with pytest.raises(ValueError, match="scores"):
        Detections(np.zeros((1, 4)), np.array(["high"]), np.zeros(1, np.int64), (4, 4))


def test_iterating_gives_one_dict_a_box() -> None:
    assert [box["score"] for box in found([0.5, 0.25])] == [0.5, 0.25]
