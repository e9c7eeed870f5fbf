"""Detectors of other projects: geometry in closed form, and recognition of files that are none of theirs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from uhd.errors import UserError
from uhd.model_file import model_file
from uhd.runtime.foreign import kind_of, open_foreign
from uhd.runtime.foreign.letterbox import fit_into_square
from uhd.runtime.foreign.mediapipe_ssd import _decode, ssd_anchors
from uhd.runtime.foreign.nanodet import _boxes


def test_the_way_into_the_square_and_back() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    square, place = fit_into_square(image, 416, 114)
    assert square.shape == (416, 416, 3)
    assert (square[0] == 114).all()
    assert (square[208] == 0).all()
    assert place.to_photograph(np.float32([[0, 104, 416, 312]])).tolist() == [[0, 0, 1, 1]]
    assert place.to_photograph(np.float32([[208, 0, 500, 208]])).tolist() == [[0.5, 0, 1, 0.5]]


def test_distances_are_the_expectation_over_bins() -> None:
    bins = np.full((1, 4, 11), -30, np.float32)
    for side, steps in enumerate((1, 2, 3, 4)):
        bins[0, side, steps] = 30
    box = _boxes(bins.reshape(1, 44), np.array([53]), columns=52, stride=8)  # row 1, column 1: centre 12, 12
    assert box == pytest.approx(np.float32([[12 - 8, 12 - 16, 12 + 24, 12 + 32]]), abs=1e-3)


def test_anchors_of_the_ssd() -> None:
    anchors = ssd_anchors()
    assert anchors.shape == (1917, 4)
    assert anchors[0] == pytest.approx([0.5 / 19, 0.5 / 19, 0.1, 0.1])
    assert anchors[-1] == pytest.approx([0.5, 0.5, np.sqrt(0.95), np.sqrt(0.95)])
    whole = _decode(np.zeros((1, 4), np.float32), np.float32([[0.5, 0.5, 1, 1]]))
    assert whole.tolist() == [[0, 0, 1, 1]]
    moved = _decode(np.float32([[1, 2, 5 * np.log(0.5), 0]]), np.float32([[0.5, 0.5, 0.2, 0.4]]))
    assert moved == pytest.approx(np.float32([[0.44, 0.44, 0.64, 0.64]]), abs=1e-6)


def test_our_own_models_are_none_of_theirs(tmp_path: Path) -> None:
    assert kind_of(model_file("small")) is None
    with pytest.raises(UserError, match="neither a model of this package"):
        open_foreign(model_file("small"))
    with pytest.raises(UserError, match="no such file"):
        open_foreign(tmp_path / "none.onnx")


@pytest.mark.shared
def test_nanodet_finds_the_people_of_a_photograph(people: Path) -> None:
    from uhd.boxes import iou_matrix
    from uhd.data.formats.yolo import ClassMap, read_labels
    from uhd.data.problems import Report
    from uhd.read import read_image

    teacher = open_foreign(people.parent.parent / "teachers" / "nanodet.onnx")
    found = wanted = 0
    for path in sorted((people / "val").glob("voc*.jpg"))[:20]:
        boxes, scores = teacher(read_image(path))
        truth, _ = read_labels(path.with_suffix(".txt"), ClassMap.of((0,)), Report())
        sure = boxes[scores > 0.4]
        wanted += len(truth)
        found += int((iou_matrix(truth, sure).max(1, initial=0) > 0.5).sum()) if len(truth) else 0
    assert wanted > 10
    assert found >= 0.6 * wanted
