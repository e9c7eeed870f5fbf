"""The vectorised suppression equals the plain greedy loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uhd.boxes import area_xyxy, intersection_matrix
from uhd.nms import nms, pairs
from uhd.nms.overlap import duplicates
from uhd.nms.pairs import _strips, _sweep, duplicate_pairs


def plain(boxes: np.ndarray, scores: np.ndarray, threshold: float, ids: np.ndarray) -> list[int]:
    kept: list[int] = []
    overlap = intersection_matrix(boxes, boxes)
    union = area_xyxy(boxes)[:, None] + area_xyxy(boxes)[None] - overlap
    same = (overlap > 0) & (overlap >= np.float32(threshold) * union)
    for i in np.argsort(-scores, kind="stable"):
        if all(ids[i] != ids[j] or not same[i, j] for j in kept):
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


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    threshold=st.sampled_from([0.05, 0.3, 0.5, 0.7, 1.0]),
    largest=st.sampled_from([0.05, 0.4]),
    unit=st.sampled_from([1, 64, 1920]),
)
def test_many_boxes_by_strips_equal_the_sweep(seed: int, threshold: float, largest: float, unit: int) -> None:
    rng = np.random.default_rng(seed)
    corner = rng.random((900, 2)) * rng.choice([0.1, 1])
    boxes = np.concatenate([corner, corner + rng.random((900, 2)) ** 3 * largest], 1).astype(np.float32) * unit
    boxes[:100] = boxes[100:200]
    boxes[5] = np.nan
    ids = rng.integers(0, 3, len(boxes))
    found = []
    for run in (_sweep, _strips):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pairs, "_SWEEP", 10**6 if run is _sweep else 0)
            found.append(set(zip(*(side.tolist() for side in duplicate_pairs(boxes, threshold, ids)), strict=True)))
    table = np.triu(duplicates(boxes, boxes, threshold) & (ids[:, None] == ids), 1)
    assert found[0] == found[1] == set(zip(*(side.tolist() for side in np.nonzero(table)), strict=True))
