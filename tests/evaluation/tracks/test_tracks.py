"""HOTA and IDF1 of small videos, and as trackeval measures them."""

from __future__ import annotations

import numpy as np
import pytest

from uhd.detections import Detections
from uhd.evaluation.tracks.hota import hota
from uhd.evaluation.tracks.identity import idf1
from uhd.evaluation.tracks.overlaps import Overlaps


def frame(*people: tuple[int, float]) -> Detections:
    """People 20 wide and 40 tall with a number, at a place."""
    boxes = np.array([[x, 0, x + 20, 40] for _, x in people], np.float32).reshape(-1, 4)
    ids = np.array([number for number, _ in people], np.int64)
    return Detections(boxes, np.ones(len(ids), np.float32), 0 * ids, (100, 400), track_ids=ids)


def test_a_number_that_changes_half_way_halves_what_is_associated() -> None:
    truth = [frame((7, 10.0))] * 8
    same = Overlaps.of(truth, [frame((1, 10.0))] * 8)
    assert (hota(same).hota, idf1(same)) == (1.0, 1.0)
    changed = Overlaps.of(truth, [frame((1, 10.0))] * 4 + [frame((2, 10.0))] * 4)
    assert hota(changed).detection == 1.0
    assert hota(changed).association == pytest.approx(0.5)
    assert hota(changed).hota == pytest.approx(0.5**0.5)
    assert idf1(changed) == pytest.approx(0.5)


def test_overlap_says_at_how_many_levels_a_box_counts() -> None:
    # 5 of 20 pixels aside: IoU 15/25 = 0.6, which 12 of the 19 levels reach.
    video = Overlaps.of([frame((1, 0.0))] * 3, [frame((4, 5.0))] * 3)
    assert hota(video).hota == pytest.approx(12 / 19)
    assert idf1(video) == 1.0
    assert idf1(Overlaps.of([frame((1, 0.0))], [frame((4, 12.0))])) == 0.0


def test_nothing_found_and_nothing_there() -> None:
    assert idf1(Overlaps.of([frame((1, 0.0))], [frame()])) == 0.0
    assert hota(Overlaps.of([frame()], [frame()])).hota == 0.0


def test_equals_trackeval_on_a_walk_with_gaps() -> None:
    rng = np.random.default_rng(3)
    truth, found = [], []
    for step in range(40):
        places = [(number, 60.0 * number + step * (2 - number)) for number in range(4)]
        truth.append(frame(*places))
        kept = [(number + 10 * (step > 15 + 5 * number), x + rng.normal(0, 4)) for number, x in places]
        found.append(frame(*[each for each in kept if rng.random() > 0.15], (99, float(rng.uniform(0, 300)))))
    video = Overlaps.of(truth, found)
    # Printed by trackeval 1.3.0 for these frames; benchmarks/tracking.py holds many more against it.
    assert [hota(video).hota, hota(video).detection, hota(video).association, idf1(video)] == pytest.approx(
        [0.397035382, 0.480003453, 0.328715996, 0.445103858], abs=1e-8
    )


def test_frames_that_disagree() -> None:
    with pytest.raises(ValueError, match="disagree"):
        Overlaps.of([frame()], [])
    with pytest.raises(ValueError, match="one number"):
        Overlaps.of([frame((1, 0.0), (1, 9.0))], [frame()])
