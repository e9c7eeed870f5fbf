from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from uhd.boxes import cxcywh_to_xyxy
from uhd.evaluation.original_map import original_map
from uhd.objects import Objects

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "map.json").read_text())
NONE = np.zeros((0, 4), np.float32)


def test_equals_the_original() -> None:
    rows = [np.array(image, np.float32) for image in GOLDEN["pred"]]
    found = [(cxcywh_to_xyxy(r[:, 2:]), r[:, 0], r[:, 1].astype(np.int64)) for r in rows]
    truths = [
        Objects.of(cxcywh_to_xyxy(np.array(t["boxes"], np.float32)), np.array(t["labels"]), NONE) for t in GOLDEN["gt"]
    ]
    result = original_map(found, truths, 2)
    assert set(result) == set(GOLDEN["result"])
    for name, value in GOLDEN["result"].items():
        assert result[name] == pytest.approx(value, abs=1e-6), name


def test_no_second_choice_and_a_class_without_truth_counts_as_zero() -> None:
    truth = Objects.of(np.array([[0, 0, 1, 1], [0, 0, 1, 0.8]], np.float32), np.zeros(2, np.int64), NONE)
    both = np.array([[0, 0, 1, 1], [0, 0, 1, 0.95]], np.float32)
    found = [(both, np.array([0.9, 0.8], np.float32), np.zeros(2, np.int64))]
    assert original_map(found, [truth], 1)["mAP@0.5"] == pytest.approx(0.5, abs=1e-6)
    assert original_map(found, [truth], 2)["mAP@0.5"] == pytest.approx(0.25, abs=1e-6)


def test_nothing_found_and_nothing_there() -> None:
    nothing = (NONE, np.zeros(0, np.float32), np.zeros(0, np.int64))
    assert original_map([nothing], [Objects.of(NONE, np.zeros(0, np.int64), NONE)], 1)["mAP@0.5"] == 0
    assert original_map([], [], 0) == {"mAP@0.5": 0.0}
