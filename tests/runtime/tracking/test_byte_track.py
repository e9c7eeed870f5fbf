"""The same person keeps the same number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from uhd.detections import Detections
from uhd.errors import UserError
from uhd.runtime.tracking.byte_track import ByteTracker, TrackingConfig
from uhd.runtime.tracking.motion import BoxMotion


def seen(*people: tuple[float, float, float], classes: Sequence[int] | None = None) -> Detections:
    """People 20 wide and 40 tall at (left, top) with a score, best first."""
    boxes = np.array([[x, y, x + 20, y + 40] for x, y, _ in people], np.float32).reshape(-1, 4)
    scores = np.array([score for _, _, score in people], np.float32)
    ids = np.array(classes if classes is not None else [0] * len(people), np.int64)
    return Detections(boxes, scores, ids, (200, 400))


def numbers(found: Detections) -> list[int]:
    assert found.track_ids is not None
    return [int(number) for number in found.track_ids]


def test_two_people_who_pass_each_other_keep_their_numbers() -> None:
    tracker = ByteTracker(TrackingConfig(high=0.5))
    for step in range(40):
        found = tracker.update(seen((10 + 4 * step, 50, 0.9), (330 - 4 * step, 62, 0.8)))
        assert numbers(found) == [1, 2], step


def test_a_doubtful_detection_keeps_a_track_but_starts_none() -> None:
    tracker = ByteTracker(TrackingConfig(high=0.5, low=0.1))
    assert numbers(tracker.update(seen((50, 50, 0.9), (200, 50, 0.3)))) == [1]
    for step in range(5):
        assert numbers(tracker.update(seen((50 + step, 50, 0.2), (200, 50, 0.3)))) == [1]


def test_out_of_sight_and_back() -> None:
    for patience, expected in ((10, 1), (3, 2)):
        tracker = ByteTracker(TrackingConfig(high=0.5, patience=patience, confirm=1))
        for step in range(10):
            tracker.update(seen((50 + 2 * step, 50, 0.9)))
        for _ in range(6):
            assert numbers(tracker.update(seen())) == []
        assert numbers(tracker.update(seen((50 + 2 * 16, 50, 0.9)))) == [expected]


def test_a_false_alarm_of_one_frame_gets_no_number() -> None:
    tracker = ByteTracker(TrackingConfig(high=0.5))
    tracker.update(seen((50, 50, 0.9)))
    assert numbers(tracker.update(seen((50, 50, 0.9), (300, 100, 0.8)))) == [1]
    assert numbers(tracker.update(seen((50, 50, 0.9)))) == [1]
    assert numbers(tracker.update(seen((50, 50, 0.9), (200, 20, 0.8)))) == [1]
    assert numbers(tracker.update(seen((50, 50, 0.9), (200, 21, 0.8)))) == [1, 2]


def test_classes_are_not_exchanged() -> None:
    tracker = ByteTracker(TrackingConfig(high=0.5, confirm=1))
    assert numbers(tracker.update(seen((50, 50, 0.9), classes=[0]))) == [1]
    assert numbers(tracker.update(seen((50, 50, 0.9), classes=[1]))) == [2]


def test_constant_velocity_is_learnt() -> None:
    motion = BoxMotion(np.array([0, 0, 20, 40], np.float32))
    for step in range(1, 30):
        motion.predict()
        motion.update(np.array([3 * step, step, 20 + 3 * step, 40 + step], np.float32))
    motion.predict()
    np.testing.assert_allclose(motion.xyxy, [90, 30, 110, 70], atol=0.5)
    np.testing.assert_allclose(motion.covariance, motion.covariance.T, atol=1e-9)
    assert (np.linalg.eigvalsh(motion.covariance) > 0).all()


@pytest.mark.parametrize("wrong", [{"low": 0.6, "high": 0.5}, {"high": 1.2}, {"patience": -1}, {"confirm": 0}])
def test_impossible_settings(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match="tracking"):
        TrackingConfig(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("step", [14, 18, 24])
def test_who_moves_most_of_a_width_between_two_frames_keeps_the_number(step: int) -> None:
    tracker = ByteTracker()
    for frame in range(12):  # 20 wide: at 14 the overlap is 0.18, from 20 on there is none
        assert numbers(tracker.update(seen((10 + step * frame, 50, 0.9)))) == [1], frame
    assert tracker.count == 1


def test_a_margin_gives_nobody_the_number_of_a_neighbour() -> None:
    tracker = ByteTracker()
    for _ in range(3):
        tracker.update(seen((50, 50, 0.9), (90, 50, 0.8)))
    # One leaves, the other stands still: the number of who is gone is not handed to who is there.
    assert numbers(tracker.update(seen((90, 50, 0.8)))) == [2]


@pytest.mark.parametrize("steps", [6.0, 10.0])
def test_low_frame_rates_and_gaps_keep_the_numbers(steps: float) -> None:
    tracker = ByteTracker()
    for frame in range(24):  # a height or more per second, out of sight for three frames twice
        left, right = 10 + 1.5 * steps * frame, 390 - 1.5 * steps * frame
        there = frame not in (8, 9, 10, 16, 17, 18)
        found = tracker.update(seen((left, 50, 0.9), (right, 110, 0.8)) if there else seen(), steps)
        assert numbers(found) == ([1, 2] if there else []), frame
    assert tracker.count == 2


def test_all_boxes_are_filtered_as_one_alone_by_the_full_matrices() -> None:
    rng = np.random.default_rng(0)
    first = np.array([[0, 0, 20, 40], [50, 10, 90, 130]], np.float32)
    motion = BoxMotion(first)
    means = [np.array([10, 20, 20, 40, 0, 0, 0, 0.0]), np.array([70, 70, 40, 120, 0, 0, 0, 0.0])]
    spreads = [np.diag((np.repeat([0.1, 0.0625], 4) * mean[3]) ** 2) for mean in means]
    flow = np.eye(8) + np.eye(8, k=4)
    for _ in range(5):
        seen_now = first + rng.normal(0, 3, (2, 4)).astype(np.float32)
        motion.predict()
        motion.update(seen_now)
        for index, box in enumerate(seen_now.astype(float)):
            mean = flow @ means[index]
            noise = np.diag((np.repeat([1 / 20, 1 / 160], 4) * mean[3]) ** 2)
            spread = flow @ spreads[index] @ flow.T + noise
            gain = spread[:, :4] @ np.linalg.inv(spread[:4, :4] + np.eye(4) * (mean[3] / 20) ** 2)
            target = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, box[2] - box[0], box[3] - box[1]])
            means[index], spreads[index] = mean + gain @ (target - mean[:4]), spread - gain @ spread[:4]
    np.testing.assert_allclose(np.concatenate([motion.place, motion.velocity], 1), means)
    np.testing.assert_allclose(motion.covariance[1], spreads[1][::4, ::4])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_a_box_that_is_none_disturbs_nobody(bad: float) -> None:
    tracker = ByteTracker(TrackingConfig(high=0.5))
    for _ in range(4):
        found = tracker.update(seen((bad, 50, 0.9), (100, 50, 0.8)))
        assert numbers(found) == [1]
        assert found.xyxy[0, 0] == 100


@pytest.mark.parametrize("steps", [0.0, -3.0, np.nan, np.inf])
def test_a_clock_that_goes_back_loses_nobody(steps: float) -> None:
    tracker = ByteTracker(TrackingConfig(high=0.5))
    for each in (1.0, 1.0, steps, 1.0, steps):
        assert numbers(tracker.update(seen((50, 50, 0.9)), each)) == [1]
