from __future__ import annotations

import json

import numpy as np
import pytest

from uhd.evaluation.evaluate import evaluate
from uhd.evaluation.report import Curve

from .conftest import Scene


def test_json_holds_what_the_text_shows(scene: Scene) -> None:
    report = evaluate(*scene)
    plain = json.loads(report.to_json())
    assert plain["metrics"] == pytest.approx(report.metrics)
    assert plain["counts"]["images"] == 30
    assert len(plain["curve"]["recall"]) <= 400
    text = report.to_text()
    for name, value in report.metrics.items():
        assert name in text
        assert f"{value:.4f}" in text


def test_best_f1_is_the_largest_on_the_curve(scene: Scene) -> None:
    curve = evaluate(*scene).curve
    threshold, f1, precision, recall = curve.best()
    assert f1 == pytest.approx(curve.f1.max())
    assert f1 == pytest.approx(2 * precision * recall / (precision + recall))
    assert threshold in curve.scores


def test_a_threshold_takes_in_all_detections_of_equal_score() -> None:
    curve = Curve(np.array([1.0, 0.5, 1 / 3]), np.array([0.5, 0.5, 0.5]), np.array([0.8, 0.8, 0.2], np.float32))
    threshold, _, precision, _ = curve.best()
    assert threshold == pytest.approx(0.8)
    assert precision == 0.5  # not 1.0: a threshold of 0.8 shows both


def test_without_detections_the_threshold_shows_nothing() -> None:
    assert Curve(np.zeros(0), np.zeros(0), np.zeros(0, np.float32)).best() == (1.0, 0.0, 0.0, 0.0)
