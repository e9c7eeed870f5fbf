"""The decoder of query detectors equals arithmetic written out, and the original's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.losses.conftest import hashed
from uhd.heads import select
from uhd.heads.queries import decode_queries

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "detr.json").read_text())


def test_agrees_with_the_original() -> None:
    logits, boxes = hashed((10, 2, 4), 120, 2.0).numpy(), hashed((10, 2, 4), 121, 2.0).sigmoid().numpy()
    found, scores = decode_queries(logits, boxes)
    for image in range(2):
        wanted = np.array(GOLDEN["decode_conf.3"][image])
        wanted = wanted[np.argsort(-wanted[:, 0])]
        corners, best, class_ids = select(found[image], scores[image], 0.3)
        np.testing.assert_allclose(best, wanted[:, 0], atol=1e-6)
        assert class_ids.tolist() == wanted[:, 1].tolist()
        np.testing.assert_allclose((corners[:, :2] + corners[:, 2:]) / 2, wanted[:, 2:4], atol=1e-6)
        np.testing.assert_allclose(corners[:, 2:] - corners[:, :2], wanted[:, 4:], atol=1e-6)


def test_written_out() -> None:
    logits = np.log(np.array([[[1, 3, 4]], [[2, 1, 1]]], np.float32))  # two queries, one image, two classes
    boxes = np.array([[[0.5, 0.25, 0.5, 0.25]], [[0.1, 0.1, 0.4, 0.2]]], np.float32)
    corners, scores = decode_queries(logits, boxes)
    np.testing.assert_allclose(scores, [[[0.125, 0.375], [0.5, 0.25]]], atol=1e-6)
    np.testing.assert_allclose(corners, [[[0.25, 0.125, 0.75, 0.375], [-0.1, 0, 0.3, 0.2]]], atol=1e-6)
    assert corners.dtype == scores.dtype == np.float32


@pytest.mark.parametrize("shift", [-1e4, 0, 1e4])
def test_large_logits_neither_overflow_nor_vanish(shift: float) -> None:
    logits = np.float32([[[shift, shift + 1]]])
    scores = decode_queries(logits, np.zeros((1, 1, 4), np.float32))[1]
    assert scores[0, 0, 0] == pytest.approx(1 / (1 + np.e), abs=1e-3)
