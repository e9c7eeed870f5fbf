"""Thresholds at a precision and at false alarms per image, and whether anybody is there, against slow counting."""

from __future__ import annotations

import numpy as np
import pytest

from uhd.evaluation.evaluate import THRESHOLDS, evaluate, select_all
from uhd.evaluation.matching import match
from uhd.evaluation.presence import Presence
from uhd.objects import Objects

from .conftest import Scene, make_scene


def counted(scene: Scene, threshold: float) -> tuple[int, int, int]:
    """Return true and false positives and the people, detection by detection."""
    predictions, truths = scene
    matches = match(select_all(predictions), truths, THRESHOLDS[:1])
    shown = matches.scores >= threshold
    hits = int((shown & (matches.matched[0] >= 0)).sum())
    return hits, int((shown & (matches.matched[0] < 0) & ~matches.ignorable).sum()), len(matches.truth_heights)


@pytest.mark.parametrize("seed", range(3))
def test_operating_points_are_the_best_of_all_thresholds(seed: int) -> None:
    scene = make_scene(np.random.default_rng(seed), 30)
    metrics = evaluate(*scene, precision=0.6).metrics
    every = np.unique(np.concatenate([scores for _, scores, _ in select_all(scene[0])]))
    table = [(counted(scene, float(t)), float(t)) for t in every]
    wanted = {
        "precision_0.6": lambda hits, alarms: hits / (hits + alarms) >= 0.6,
        "0.01_alarms": lambda _hits, alarms: alarms <= 0.01 * 30,
        "0.1_alarms": lambda _hits, alarms: alarms <= 0.1 * 30,
    }
    for name, allowed in wanted.items():
        recalls = [hits / people for (hits, alarms, people), _ in table if allowed(hits, alarms)]
        assert metrics[f"recall_at_{name}"] == pytest.approx(max(recalls, default=0))
        if recalls:
            hits, alarms, people = counted(scene, metrics[f"threshold_at_{name}"])
            assert allowed(hits, alarms)
            assert hits / people == pytest.approx(metrics[f"recall_at_{name}"])


@pytest.mark.parametrize("seed", range(3))
def test_presence_is_the_best_of_all_thresholds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    presence = Presence(rng.integers(0, 5, 40).astype(np.float32) / 5, rng.random(40) < 0.4)
    slow = {t: float(np.mean((presence.scores >= t) == presence.present)) for t in [*presence.scores.tolist(), 1.0]}
    threshold, accuracy = presence.best()
    assert accuracy == max(slow.values()) == presence.accuracy(threshold) == slow[threshold]


def test_who_is_there_and_who_may_be() -> None:
    one, none = np.array([[0.2, 0.2, 0.5, 0.8]], np.float32), np.zeros((0, 4), np.float32)
    truths = [Objects.of(one), Objects.of(none), Objects.of(none), Objects.of(none, ignore=one)]
    found = [(one, np.array([[s]], np.float32)) for s in (0.8, 0.3, 0.0, 0.9)]
    metrics = evaluate(found, truths, file_thresh=0.2).metrics
    assert (metrics["person_accuracy"], metrics["person_threshold"]) == (1, pytest.approx(0.8))
    # The image that is one region to ignore does not count; at 0.2 the second is a false alarm.
    assert metrics["person_accuracy_at_file"] == pytest.approx(2 / 3)
    assert metrics["recall_at_precision_0.9"] == metrics["recall_at_0.1_alarms"] == 1
    nobody = evaluate([(none, np.zeros((0, 1), np.float32))] * 2, [Objects.of(none)] * 2).metrics
    assert (nobody["person_accuracy"], nobody["person_threshold"], nobody["recall_at_0.1_alarms"]) == (1, 1, 0)
