from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uhd.evaluation.average_precision import all_point_ap, precision_recall
from uhd.evaluation.evaluate import evaluate, select_all
from uhd.evaluation.matching import in_ignore
from uhd.evaluation.report import Report
from uhd.objects import Objects

from .conftest import Scene, boxes, make_scene
from .test_matching import boxes_none, slow_match


def slow_ap(scene: Scene, threshold: float) -> float:
    predictions, truths = scene
    scores: list[float] = []
    correct: list[bool] = []
    for found, truth in zip(select_all(predictions), truths, strict=True):
        taken = slow_match(found, truth, threshold)
        for k, hit in enumerate(taken):
            if hit >= 0 or not in_ignore(found[0][k : k + 1], truth.regions)[0]:
                scores.append(float(found[1][k]))
                correct.append(hit >= 0)
    total = sum(truth.count for truth in truths)
    precision, recall, _ = precision_recall(np.array(scores, np.float32), np.array(correct), total)
    return all_point_ap(precision, recall)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_ap_equals_the_slow_way(seed: int) -> None:
    scene = make_scene(np.random.default_rng(seed), 12)
    report = evaluate(*scene)
    assert report.metrics["AP50"] == pytest.approx(slow_ap(scene, 0.5), abs=1e-9)
    mean = np.mean([slow_ap(scene, t) for t in np.linspace(0.5, 0.95, 10)])
    assert report.metrics["AP"] == pytest.approx(float(mean), abs=1e-9)


def oracle(truths: list[Objects], score: float = 0.9) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(truth.targets.boxes, np.full((truth.count, 1), score, np.float32)) for truth in truths]


def far_apart() -> list[Objects]:
    """People of all size classes that do not overlap, and empty images."""
    heights = [5 / 64, 10 / 64, 20 / 64, 50 / 64]
    truths = []
    for i in range(12):
        box = np.array([[0.2, 0.1, 0.4, 0.1 + heights[i % 4]]], np.float32)
        boxed = box if i < 8 else boxes_none()
        truths.append(Objects.of(boxed, np.zeros(len(boxed), np.int64), boxes_none()))
    return truths


def test_a_perfect_detector() -> None:
    truths = far_apart()
    metrics = evaluate(oracle(truths), truths).metrics
    for name in ("AP50", "AP", "AP50/<8px", "AP50/8-16px", "AP50/16-32px", "AP50/>32px", "recall", "best_f1"):
        assert metrics[name] == pytest.approx(1), name
    assert metrics["false_alarms_per_empty_image"] == 0
    assert metrics["best_threshold"] == pytest.approx(0.9)
    assert metrics["mAP@0.5 (original)"] == pytest.approx(1, abs=1e-6)


def test_size_classes_are_separate_and_scale_with_the_network() -> None:
    truths = far_apart()
    predictions = oracle(truths)
    small = [(b, s) if len(b) and b[0, 3] - b[0, 1] < 8 / 64 else (b[:0], s[:0]) for b, s in predictions]
    metrics = evaluate(small, truths).metrics
    assert metrics["AP50/<8px"] == pytest.approx(1)
    assert metrics["AP50/8-16px"] == 0
    at_128 = evaluate(small, truths, network_height=128).metrics
    assert at_128["AP50/8-16px"] == pytest.approx(1)
    assert "AP50/<8px" not in at_128


def test_a_detection_of_a_truth_of_another_height_is_no_false_alarm_of_that_height() -> None:
    truth = Objects.of(np.array([[0, 0, 0.5, 17 / 64]], np.float32), np.zeros(1, np.int64), boxes_none())
    other = Objects.of(np.array([[0, 0, 0.5, 12 / 64]], np.float32), np.zeros(1, np.int64), boxes_none())
    found = [
        (np.array([[0, 0, 0.5, 15 / 64]], np.float32), np.array([[0.9]], np.float32)),
        (other.boxes, np.array([[0.8]], np.float32)),
    ]
    metrics = evaluate(found, [truth, other]).metrics
    assert metrics["AP50/8-16px"] == pytest.approx(1)
    assert metrics["AP50/16-32px"] == pytest.approx(1)


def test_false_alarms_are_counted_on_images_without_anything() -> None:
    truths = far_apart()
    predictions = oracle(truths)
    alarm = np.array([[0.5, 0.5, 0.9, 0.9], [0.1, 0.5, 0.3, 0.9]], np.float32)
    predictions[-1] = (alarm, np.array([[0.95], [0.2]], np.float32))
    report = evaluate(predictions, truths)
    assert report.metrics["false_alarms_per_empty_image"] == pytest.approx(1 / 4)
    assert report.counts["empty images"] == 4
    region = Objects.of(boxes_none(), np.zeros(0, np.int64), np.array([[0, 0, 1, 1]], np.float32))
    in_region = evaluate(predictions, [*truths[:-1], region])
    assert in_region.metrics["false_alarms_per_empty_image"] == 0
    assert in_region.metrics["precision_at_best"] == pytest.approx(1)


def test_classes_are_averaged_over_those_that_occur() -> None:
    truth = Objects.of(np.array([[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1]], np.float32), np.array([0, 1]), boxes_none())
    scores = np.array([[0.9, 0.1, 0], [0.8, 0.1, 0]], np.float32)
    report = evaluate([(truth.boxes, scores)], [truth], ("person", "car", "dog"))
    assert report.classes == {"person": pytest.approx(1), "car": 0}
    assert report.metrics["AP50"] == pytest.approx(0.5)


def test_no_detection_no_truth_no_image() -> None:
    truths = far_apart()
    nothing = [(boxes_none(), np.zeros((0, 1), np.float32))] * len(truths)
    assert evaluate(nothing, truths).metrics["AP50"] == 0
    assert evaluate([], []).metrics["AP50"] == 0
    empty = [truth for truth in truths if truth.empty]
    assert evaluate(nothing[: len(empty)], empty).metrics["AP50"] == 0
    assert isinstance(evaluate([], []), Report)


def test_order_of_images_does_not_matter() -> None:
    predictions, truths = make_scene(np.random.default_rng(5), 20)
    order = np.random.default_rng(0).permutation(20)
    shuffled = evaluate([predictions[i] for i in order], [truths[i] for i in order])
    assert shuffled.metrics == pytest.approx(evaluate(predictions, truths).metrics)


def test_a_validation_set_of_400_images_takes_seconds_at_most() -> None:
    rng = np.random.default_rng(0)
    predictions = [(boxes(rng, 512), rng.uniform(0, 1, (512, 1)).astype(np.float32)) for _ in range(40)]
    truths = [Objects.of(boxes(rng, 2), np.zeros(2, np.int64), boxes(rng, 1)) for _ in range(40)]
    evaluate(predictions[:4], truths[:4])
    began = time.process_time()
    evaluate(predictions, truths)
    # A tenth of the images; a loop over boxes takes ten times as long.
    assert time.process_time() - began < 0.6


def test_detections_down_to_a_score_of_a_thousandth_count() -> None:
    truths = far_apart()
    assert evaluate(oracle(truths, 0.0011), truths).metrics["AP50"] == pytest.approx(1)
    assert evaluate(oracle(truths, 0.0009), truths).metrics["AP50"] == 0


def test_duplicates_are_suppressed_at_half_overlap() -> None:
    truth = Objects.of(np.array([[0, 0, 0.5, 0.5]], np.float32), np.zeros(1, np.int64), boxes_none())
    found = np.array([[0, 0, 0.5, 0.5], [0, 0, 0.5, 0.45]], np.float32)
    report = evaluate([(found, np.array([[0.9], [0.8]], np.float32))], [truth])
    assert report.counts["detections"] == 1
