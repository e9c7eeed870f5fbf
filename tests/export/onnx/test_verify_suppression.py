"""Right answers of suppression pass, also where ties were broken otherwise; wrong ones do not."""

from __future__ import annotations

import numpy as np
import pytest

from uhd.boxes import cxcywh_to_xyxy
from uhd.export.onnx.form import ExportForm
from uhd.export.onnx.verify import predictions_differ
from uhd.export.onnx.verify_suppression import best_classes, is_suppressed
from uhd.nms import nms

# Score, class, cx, cy, w, h: A and B overlap, B and C overlap, A and C do not; D is A of another class.
A, B, C, D = rows = np.array(
    [[0.5, 0, 0.3, 0.5, 0.2, 0.2], [0.5, 0, 0.35, 0.5, 0.2, 0.2], [0.4, 0, 0.4, 0.5, 0.2, 0.2],
     [0.3, 1, 0.3, 0.5, 0.2, 0.2]], np.float32,
)  # fmt: skip


def of(table: np.ndarray) -> np.ndarray:
    """Return the one class that each candidate may be of."""
    return np.eye(2, dtype=bool)[table[:, 1].astype(int)]


@pytest.mark.parametrize("shown", [[A, C, D], [B, D]])
def test_either_of_two_equal_scores_may_survive(shown: list[np.ndarray]) -> None:
    assert is_suppressed(np.stack(shown), rows, of(rows), 0.5, 0.0)


@pytest.mark.parametrize("shown", [[A, B, C, D], [A, D], [A, C], [C, D], []])
def test_duplicates_and_rows_left_out_without_a_reason_are_noticed(shown: list[np.ndarray]) -> None:
    assert not is_suppressed(np.array(shown, np.float32).reshape(-1, 6), rows, of(rows), 0.5, 0.0)


def test_a_full_table_need_not_hold_the_rest() -> None:
    assert is_suppressed(np.stack([A, C]), rows, of(rows), 0.5, 0.4)
    assert not is_suppressed(np.stack([A]), rows, of(rows), 0.5, 0.35)


def test_the_librarys_own_suppression_passes() -> None:
    rng = np.random.default_rng(0)
    table = rng.random((300, 6), dtype=np.float32)
    table[:, 1] = rng.integers(0, 2, 300)
    kept = nms(np.clip(cxcywh_to_xyxy(table[:, 2:]), 0, 1), table[:, 0], 0.5, table[:, 1].astype(np.int64))
    assert 10 < len(kept) < 290
    assert is_suppressed(table[kept], table, of(table), 0.5, 0.0)
    for i in range(len(kept)):
        assert not is_suppressed(table[np.delete(kept, i)], table, of(table), 0.5, 0.0)


def test_classes_that_score_alike_may_be_either() -> None:
    scores = np.array([[0.5, 0.3], [0.005, 0.005000001], [0.2, 0.2]], np.float32)
    assert best_classes(scores).tolist() == [[True, False], [True, True], [True, True]]
    table = np.stack([A, D])
    assert is_suppressed(np.stack([A]), table, np.array([[True, False], [True, True]]), 0.5, 0.0)
    assert not is_suppressed(np.stack([A]), table, of(table), 0.5, 0.0)
    form, boxes = ExportForm("merged"), np.array([[0.1, 0.1, 0.3, 0.5]], np.float32)
    found = (boxes, np.array([[0.005, 0]], np.float32))
    assert predictions_differ(found, (boxes, np.array([[0.005, 0.0050001]], np.float32)), form) < 1e-6
    assert predictions_differ(found, (boxes, np.array([[0.003, 0.005]], np.float32)), form) > 1
