"""Every kind of suppression against a plain loop, and what holds of all of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uhd.boxes import area_xyxy, iou_matrix
from uhd.nms import KINDS, Suppression, batched_nms, diou_nms, nms, soft_nms, weighted_boxes_fusion
from uhd.nms.soft import DECAYS

Scene = tuple[np.ndarray, np.ndarray, np.ndarray]


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Boxes on a fine grid (so that powers of two scale them exactly), distinct scores, two classes."""
    count, seed = draw(st.integers(0, 30)), draw(st.integers(0, 10**6))
    rng = np.random.default_rng(seed)
    corner = rng.integers(0, 40, (count, 2))
    boxes = (np.concatenate([corner, corner + rng.integers(1, 30, (count, 2))], 1) / 64).astype(np.float32)
    scores = ((rng.permutation(count) + 1) / (count + 1)).astype(np.float32)
    return boxes, scores, rng.integers(0, 2, count)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    overlap = float(max(wide, 0)) * float(max(high, 0))
    return overlap / (float((a[2] - a[0]) * (a[3] - a[1])) + float((b[2] - b[0]) * (b[3] - b[1])) - overlap)


def diou(a: np.ndarray, b: np.ndarray) -> float:
    apart = ((a[0] + a[2] - b[0] - b[2]) / 2) ** 2 + ((a[1] + a[3] - b[1] - b[3]) / 2) ** 2
    hull = (max(a[2], b[2]) - min(a[0], b[0])) ** 2 + (max(a[3], b[3]) - min(a[1], b[1])) ** 2
    return iou(a, b) - float(apart / hull)


def softened(boxes: np.ndarray, scores: np.ndarray, decay: str, bound: float) -> list[tuple[int, float]]:
    """Soft-NMS as its paper writes it down."""
    left, taken = {i: float(score) for i, score in enumerate(scores)}, []
    while left:
        best = max(left, key=lambda i: left[i])
        taken.append((best, left.pop(best)))
        for i in left:
            overlap = iou(boxes[best], boxes[i])
            if decay == "gaussian":
                left[i] *= math.exp(-(overlap**2) / bound)
            elif overlap >= bound:
                left[i] *= 1 - overlap
    return taken


@settings(max_examples=60, deadline=None)
@given(scene=scenes(), decay=st.sampled_from(["gaussian", "linear"]), bound=st.sampled_from([0.3, 0.5]))
def test_soft_nms_equals_the_loop(scene: Scene, decay: str, bound: float) -> None:
    boxes, scores, _ = scene
    before = scores.copy()
    taken, decayed = soft_nms(boxes, scores, bound, sigma=bound, decay=decay)
    slow = dict(softened(boxes, scores, decay, bound))
    assert sorted(taken.tolist()) == list(range(len(boxes)))
    assert decayed == pytest.approx([slow[i] for i in taken.tolist()], rel=1e-4, abs=1e-7)
    assert (np.diff(decayed) <= 0).all()
    assert (scores == before).all()  # the caller's are not written to


def test_soft_nms_by_hand_drops_what_falls_below() -> None:
    boxes = np.array([[0, 0, 2, 1], [0, 0, 1, 1], [5, 5, 6, 6]], np.float32)
    scores = np.array([0.9, 0.8, 0.7], np.float32)
    taken, decayed = soft_nms(boxes, scores)
    assert taken.tolist() == [0, 2, 1]
    assert decayed == pytest.approx([0.9, 0.7, 0.8 * math.exp(-0.5)])
    assert soft_nms(boxes, scores, decay="linear")[1] == pytest.approx([0.9, 0.7, 0.4])
    assert soft_nms(boxes, scores, least_score=0.5)[0].tolist() == [0, 2]
    assert len(soft_nms(boxes, scores, class_ids=np.array([0, 1, 0]))[0]) == 3
    with pytest.raises(ValueError, match="sigma"):
        soft_nms(boxes, scores, sigma=0)


def test_scores_that_are_not_numbers_come_last() -> None:
    boxes = np.array([[0, 0, 2, 1], [0, 0, 2, 1], [5, 5, 6, 6], [np.nan, 0, 1, 1]], np.float32)
    scores = np.array([np.nan, 0.8, 0.9, 0.7], np.float32)
    for decay in DECAYS:
        taken, decayed = soft_nms(boxes, scores, decay=decay)
        assert taken.tolist() == [2, 1, 3, 0]
        assert decayed == pytest.approx(np.float32([0.9, 0.8, 0.7, np.nan]), nan_ok=True)
        assert soft_nms(boxes, scores, decay=decay, least_score=0.75)[0].tolist() == [2, 1, 0]
    apart = boxes + np.arange(0, 40, 10, dtype=np.float32)[:, None]
    assert nms(apart, scores, 0.5).tolist() == soft_nms(apart, scores)[0].tolist()


@pytest.mark.parametrize("suppress", [nms, diou_nms, soft_nms])
def test_lists_of_other_lengths_are_refused(suppress: Callable[..., Any]) -> None:
    boxes, scores = np.zeros((3, 4), np.float32), np.ones(3, np.float32)
    with pytest.raises(ValueError, match="3 boxes do not go with 2 scores"):
        suppress(boxes, scores[:2], 0.5)
    with pytest.raises(ValueError, match="3 scores and 4 class ids"):
        suppress(boxes, scores, 0.5, np.zeros(4, np.int64))


@pytest.mark.parametrize("suppress", [nms, diou_nms])
def test_a_threshold_that_no_overlap_reaches_keeps_all(suppress: Callable[..., Any]) -> None:
    boxes, scores = np.tile(np.array([0, 0, 1, 1], np.float32), (2, 1)), np.ones(2, np.float32)
    assert [len(suppress(boxes, scores, threshold)) for threshold in (0, 1.0, 1.5)] == [2, 1, 2]


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
def test_boxes_of_whole_numbers_are_those_numbers(kind: type) -> None:
    rng = np.random.default_rng(0)
    corner = rng.integers(0, 100, (40, 2))
    whole = np.concatenate([corner, corner + rng.integers(1, 90, (40, 2))], 1)
    scores, ids, floats = rng.random(40).astype(np.float32), rng.integers(0, 2, 40), whole.astype(np.float32)
    whole = whole.astype(kind)
    assert np.array_equal(iou_matrix(whole, whole), iou_matrix(floats, floats))
    assert np.array_equal(area_xyxy(whole[:, [2, 3, 0, 1]]), np.zeros(40))  # inside out
    for suppress in (nms, diou_nms):
        assert np.array_equal(suppress(whole, scores, 0.3, ids), suppress(floats, scores, 0.3, ids))
    for found, expected in (
        *zip(soft_nms(whole, scores), soft_nms(floats, scores), strict=True),
        *zip(KINDS["wbf"](whole, scores, ids, 0.3, 0), KINDS["wbf"](floats, scores, ids, 0.3, 0), strict=True),
        *zip(weighted_boxes_fusion([whole], [scores]), weighted_boxes_fusion([floats], [scores]), strict=True),
    ):
        assert np.array_equal(found, expected)


def test_a_long_list_is_softened_like_a_short_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from uhd.nms import soft

    rng = np.random.default_rng(0)
    corner = rng.random((60, 2))
    boxes = np.concatenate([corner, corner + 0.4], 1).astype(np.float32)
    scores = rng.random(60).astype(np.float32)
    short = soft_nms(boxes, scores)
    monkeypatch.setattr(soft, "_TABLE", 1)
    assert all((a == b).all() for a, b in zip(short, soft_nms(boxes, scores), strict=True))


@settings(max_examples=60, deadline=None)
@given(scene=scenes(), threshold=st.sampled_from([0.1, 0.45, 0.7]))
def test_diou_nms_equals_the_loop(scene: Scene, threshold: float) -> None:
    boxes, scores, ids = scene
    kept: list[int] = []
    for i in np.argsort(-scores, kind="stable").tolist():
        if all(ids[i] != ids[j] or diou(boxes[i], boxes[j]) < threshold for j in kept):
            kept.append(i)
    assert diou_nms(boxes, scores, threshold, ids).tolist() == kept


def test_boxes_with_centres_apart_are_two_people_to_diou() -> None:
    boxes = np.array([[0, 0, 1, 1], [0, 0.3, 1, 1.3]], np.float32)
    scores = np.array([0.9, 0.8], np.float32)
    assert iou(*boxes) == pytest.approx(0.7 / 1.3)
    assert nms(boxes, scores, 0.52).tolist() == [0]
    assert diou_nms(boxes, scores, 0.52).tolist() == [0, 1]


@settings(max_examples=40, deadline=None)
@given(scene=scenes(), kind=st.sampled_from(tuple(KINDS)), seed=st.integers(0, 99))
def test_order_and_unit_make_no_difference(scene: Scene, kind: str, seed: int) -> None:
    boxes, scores, ids = scene
    rule, order = Suppression(kind), np.random.default_rng(seed).permutation(len(scores))
    expected = rule(boxes, scores, ids)
    for found in (rule(boxes[order], scores[order], ids[order]), rule(boxes * np.float32(1024), scores, ids)):
        scale = 1024 if len(found[0]) and found[0].max() > 10 else 1
        assert found[0] / scale == pytest.approx(expected[0], abs=1e-6)
        assert found[1] == pytest.approx(expected[1], abs=1e-6)
        assert found[2].tolist() == expected[2].tolist()
    assert (np.diff(expected[1]) <= 0).all()


@settings(max_examples=40, deadline=None)
@given(scene=scenes(), kind=st.sampled_from(["greedy", "diou"]), threshold=st.sampled_from([0.2, 0.5]))
def test_what_is_left_has_no_duplicates(scene: Scene, kind: str, threshold: float) -> None:
    rule = Suppression(kind, threshold)
    once = rule(*scene)
    assert all((a == b).all() for a, b in zip(once, rule(*once), strict=True))


@settings(max_examples=60, deadline=None)
@given(scene=scenes(), kind=st.sampled_from(["greedy", "diou", "soft-linear"]))
def test_a_pair_is_judged_more_mildly_by_a_higher_threshold(scene: Scene, kind: str) -> None:
    # Of more than two boxes this does not hold: who survives drops others.
    boxes, scores, ids = (side[:2] for side in scene)
    total = [float(Suppression(kind, bound)(boxes, scores, ids)[1].sum()) for bound in (0.1, 0.4, 0.7, 1.0)]
    assert total == sorted(total)


def test_every_class_alone_without_an_offset() -> None:
    boxes = np.array([[-5, -5, -4, -4], [-5, -5, -4, -4], [1e6, 0, 1e6 + 1, 1]], np.float32)
    scores = np.array([0.9, 0.8, 0.7], np.float32)
    assert batched_nms(boxes, scores, np.array([0, 1, 0]), 0.5).tolist() == [0, 1, 2]
    assert batched_nms(boxes, scores, np.array([1, 1, 0]), 0.5).tolist() == [0, 2]
    assert batched_nms(boxes[:0], scores[:0], np.zeros(0, np.int64), 0.5).tolist() == []


def test_one_detectors_duplicates_are_averaged_under_the_score_of_the_best() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [30, 0, 40, 10]], np.float32)
    found = Suppression("wbf")(boxes, np.array([0.9, 0.3, 0.5], np.float32), np.zeros(3, np.int64))
    assert found[0] == pytest.approx(np.array([[0.25, 0, 10.25, 10], [30, 0, 40, 10]]))
    assert found[1].tolist() == [np.float32(0.9), np.float32(0.5)]
    # Of two detectors it is their mean, as the paper has it.
    assert weighted_boxes_fusion([boxes[:1], boxes[1:2]], [np.float32([0.9]), np.float32([0.3])])[1] == pytest.approx(
        [0.6]
    )


def test_scores_that_decay_below_the_least_are_not_shown() -> None:
    from tests.nms.test_suppression import Given
    from uhd.card import ModelCard

    boxes = np.array([[0, 0, 1, 1], [0, 0, 0.9, 1]], np.float32)
    model = Given(ModelCard(suppression=Suppression("soft-gaussian")), boxes, np.array([0.9, 0.5], np.float32))
    image = [np.zeros((8, 8, 3), np.uint8)]
    assert len(model.predict(image, 0.3)[0]) == 1
    decayed = 0.5 * math.exp(-0.81 / 0.5)
    assert model.predict(image, 0.05)[0].scores == pytest.approx([0.9, decayed])
    assert ModelCard.from_metadata(model.spec.to_metadata()).suppression.kind == "soft-gaussian"
    assert ModelCard.from_metadata({}, nms_type="diou", nms_iou=0.4).suppression == Suppression("diou", 0.4)
