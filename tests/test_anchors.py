"""Anchors equal those of the original's algorithms."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from uhd.anchors import auto_anchors, parse_anchors, wh_iou

GOLDEN = json.loads((Path(__file__).parent / "golden" / "auto_anchors.json").read_text())
SIZES = np.array(GOLDEN["boxes_wh"], np.float32)


@pytest.mark.parametrize("key", GOLDEN["results"])
def test_algorithms(key: str) -> None:
    algorithm, k = key.rsplit("_k", 1)
    np.testing.assert_allclose(auto_anchors(SIZES, int(k), algorithm), GOLDEN["results"][key], atol=1e-6)


def test_few_and_no_boxes() -> None:
    np.testing.assert_allclose(auto_anchors(SIZES[:5], 8), GOLDEN["few_boxes_k8"], atol=1e-6)
    assert not auto_anchors(np.zeros((0, 2), np.float32), 3).any()


def test_iou_of_sizes() -> None:
    one = np.array([[0.2, 0.4]], np.float32)
    other = np.array([[0.4, 0.2], [0.2, 0.4]], np.float32)
    np.testing.assert_allclose(wh_iou(one, other), [[0.04 / 0.12, 1]], rtol=1e-5)


def test_parsing() -> None:
    assert parse_anchors("0.1,0.2 0.3,0.4") == ((0.1, 0.2), (0.3, 0.4))
    for bad in ("0.1", "0.1,-1", "a,b", "nan,1"):
        with pytest.raises(ValueError):
            parse_anchors(bad)
