"""The vectorised suppression equals the plain greedy loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uhd.boxes import iou_matrix
from uhd.nms import nms


def plain(boxes: np.ndarray, scores: np.ndarray, threshold: float, ids: np.ndarray) -> list[int]:
    kept: list[int] = []
    iou = iou_matrix(boxes, boxes, eps=1e-6)
    for i in np.argsort(-scores, kind="stable"):
        if all(ids[i] != ids[j] or iou[i, j] < threshold for j in kept):
            kept.append(int(i))
    return kept


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(0, 250), threshold=st.sampled_from([0.1, 0.5, 0.9]))
def test_equals_the_loop(seed: int, count: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    corner = rng.random((count, 2))
    boxes = np.concatenate([corner, corner + rng.choice([0, 0.2, 0.5], (count, 2))], 1).astype(np.float32)
    scores = rng.choice([0.1, 0.5, 0.9], count).astype(np.float32)
    ids = rng.integers(0, 2, count)
    assert nms(boxes, scores, threshold, ids).tolist() == plain(boxes, scores, threshold, ids)
    assert nms(boxes, scores, threshold).tolist() == plain(boxes, scores, threshold, np.zeros(count))


@pytest.mark.parametrize("length", [2, 10, 300])
def test_a_long_chain_of_overlaps(length: int) -> None:
    left = np.arange(length, dtype=np.float32)[:, None] * 0.4
    boxes = np.concatenate([left, left * 0, left + 1, left * 0 + 1], 1)
    scores = np.linspace(1, 0, length).astype(np.float32)
    assert nms(boxes, scores, 0.4).tolist() == list(range(0, length, 2))
