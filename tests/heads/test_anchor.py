"""The NumPy decoder equals arithmetic written out, and its torch twin."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from uhd.heads import SCORE_MODES, HeadLayout, decode, one_class_each, resolve_score_mode, select, sigmoid
from uhd.models.decode import decode_all, score
from uhd.nms import Suppression


def layout(mode: str, classes: int, quality: bool, power: float = 1.0) -> HeadLayout:
    rng = np.random.default_rng(1)
    anchors = rng.uniform(0.1, 0.6, (3, 2)).astype(np.float32)
    scale = rng.uniform(0.8, 1.2, (3, 2)).astype(np.float32)
    return HeadLayout(anchors, scale, classes, quality, mode, power)


@pytest.mark.parametrize("mode", SCORE_MODES)
@pytest.mark.parametrize("classes", [0, 1, 3])
@pytest.mark.parametrize("quality", [True, False])
def test_written_out(mode: str, classes: int, quality: bool) -> None:
    mode = resolve_score_mode(mode, quality, True, classes)
    head = layout(mode, classes, quality, 1.5)
    h, w = 2, 3
    raw = np.random.default_rng(0).normal(0, 3, (2, 3 * head.channels_per_anchor, h, w)).astype(np.float32)
    boxes, scores = decode(raw, head)

    def sigmoid(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    for image in range(2):
        for a in range(3):
            for y in range(h):
                for x in range(w):
                    n = a * h * w + y * w + x
                    at = a * head.channels_per_anchor
                    v = [float(raw[image, at + j, y, x]) for j in range(head.channels_per_anchor)]
                    size = head.anchors[a] * head.wh_scale[a]
                    bw, bh = size[0] * math.log1p(math.exp(v[2])), size[1] * math.log1p(math.exp(v[3]))
                    cx, cy = (sigmoid(v[0]) + x) / w, (sigmoid(v[1]) + y) / h
                    wanted = [cx - bw / 2, cy - bh / 2, cx + bw / 2, cy + bh / 2]
                    np.testing.assert_allclose(boxes[image, n], wanted, rtol=1e-4, atol=1e-5)
                    base = 1.0
                    if "obj" in mode:
                        base *= sigmoid(v[4])
                    if "quality" in mode:
                        base *= sigmoid(v[5]) ** 1.5
                    first = 5 + quality
                    each = [sigmoid(v[first + c]) if "cls" in mode else 1.0 for c in range(classes)] or [1.0]
                    np.testing.assert_allclose(scores[image, n], [base * e for e in each], rtol=1e-4, atol=1e-6)
    twin = decode_all(torch.from_numpy(raw), torch.from_numpy(head.anchors * head.wh_scale)).numpy()
    np.testing.assert_allclose(twin, boxes, atol=1e-5)
    by_torch = score(torch.from_numpy(raw), head).numpy()
    np.testing.assert_allclose(by_torch, scores, atol=1e-5)


def test_select_sorts_limits_and_suppresses() -> None:
    boxes = np.array([[0, 0, 1, 1], [0, 0, 1, 0.9], [2, 2, 3, 3], [0, 0, 1, 1]], np.float32)
    scores = np.array([[0.9, 0], [0.8, 0], [0, 0.7], [0.01, 0.02]], np.float32)
    kept, best, ids = select(boxes, scores, 0.05, None, Suppression(iou=0.5))
    assert best.tolist() == pytest.approx([0.9, 0.7])
    assert ids.tolist() == [0, 1]
    assert kept.tolist() == boxes[[0, 2]].tolist()
    assert len(select(boxes, scores, 0.0)[1]) == 4
    assert len(select(boxes, scores, 0.0, topk=2)[1]) == 2
    assert len(select(boxes, scores, 2.0)[1]) == 0


def test_sigmoid_keeps_its_relative_precision_in_the_tail() -> None:
    x = np.linspace(-80, 80, 2001).astype(np.float32)
    exact = 1 / (1 + np.exp(-x.astype(np.float64)))
    np.testing.assert_allclose(sigmoid(x), exact, rtol=3e-7)


def test_attributes_are_further_columns_of_the_score() -> None:
    rng = np.random.default_rng(3)
    anchors = np.array([[0.2, 0.3], [0.5, 0.6]], np.float32)
    layout = HeadLayout(anchors, np.ones_like(anchors), 1, True, "quality_cls", num_attributes=2, multi_label=True)
    raw = rng.normal(size=(2, 14, 3, 4)).astype(np.float32)
    logits = rng.normal(size=(2, 4, 3, 4)).astype(np.float32)
    _, scores = decode(raw, layout, logits)
    assert scores.shape == (2, 24, layout.classes) == (2, 24, 3)
    quality = 1 / (1 + math.exp(-raw.reshape(2, 2, 7, 3, 4)[1, 1, 5, 2, 3]))
    assert scores[1, 23, 2] == pytest.approx(quality / (1 + math.exp(-logits[1, 3, 2, 3])), rel=1e-5)
    with pytest.raises(ValueError, match="attributes is missing"):
        decode(raw, layout)


def test_every_class_of_a_multi_label_prediction_counts() -> None:
    boxes = np.array([[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]], np.float32)
    scores = np.array([[0.9, 0.8], [0.1, 0.7]], np.float32)
    found = select(*one_class_each(boxes, scores), 0.5, suppression=Suppression())
    assert found[2].tolist() == [0, 1, 1]
    np.testing.assert_allclose(found[1], [0.9, 0.8, 0.7])
    np.testing.assert_array_equal(found[0], boxes[[0, 0, 1]])
