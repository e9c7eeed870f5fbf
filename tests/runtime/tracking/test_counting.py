"""Crossings and visits are counted once each."""

from __future__ import annotations

import numpy as np
import pytest

from uhd.detections import Detections
from uhd.errors import UserError
from uhd.runtime.tracking.counting import LineCounter, ZoneCounter, parse_points


def standing(*feet: tuple[int, float, float]) -> Detections:
    """Tracked people with number and feet, in shares of a frame of 100x200."""
    boxes = np.array([[200 * x - 5, 100 * y - 20, 200 * x + 5, 100 * y] for _, x, y in feet], np.float32).reshape(-1, 4)
    ids = np.array([number for number, _, _ in feet], np.int64)
    return Detections(boxes, np.ones(len(ids), np.float32), np.zeros(len(ids), np.int64), (100, 200), track_ids=ids)


def walk(counter: LineCounter | ZoneCounter, *places: tuple[float, float], number: int = 1) -> dict[str, int]:
    for x, y in places:
        counter.update(standing((number, x, y)))
    return counter.counts()


def line() -> LineCounter:
    return LineCounter(parse_points("0.2,0.5,0.8,0.5", 2))


def test_each_crossing_has_its_direction() -> None:
    assert walk(line(), (0.5, 0.4), (0.5, 0.6)) == {"forward": 1, "backward": 0}
    assert walk(line(), (0.5, 0.6), (0.5, 0.4)) == {"forward": 0, "backward": 1}
    assert walk(line(), (0.5, 0.4), (0.5, 0.6), (0.5, 0.4), (0.5, 0.6)) == {"forward": 2, "backward": 1}


def test_who_passes_beside_the_line_does_not_cross_it() -> None:
    assert walk(line(), (0.1, 0.4), (0.1, 0.6)) == {"forward": 0, "backward": 0}
    assert walk(line(), (0.3, 0.1), (0.6, 0.4)) == {"forward": 0, "backward": 0}


def test_standing_on_the_line_counts_when_left_on_the_other_side() -> None:
    assert walk(line(), (0.5, 0.4), (0.5, 0.5), (0.5, 0.5), (0.5, 0.6)) == {"forward": 1, "backward": 0}
    assert walk(line(), (0.5, 0.4), (0.5, 0.5), (0.5, 0.4)) == {"forward": 0, "backward": 0}


def test_people_are_counted_apart() -> None:
    counter = line()
    counter.update(standing((1, 0.3, 0.4), (2, 0.6, 0.6)))
    counter.update(standing((2, 0.6, 0.4), (1, 0.3, 0.6)))
    assert counter.counts() == {"forward": 1, "backward": 1}
    # Another person where somebody vanished is no crossing.
    counter.update(standing((3, 0.3, 0.4)))
    assert counter.counts() == {"forward": 1, "backward": 1}


def test_zones_know_who_is_there_and_who_has_been() -> None:
    # An L, so that a bounding box would not do.
    zone = ZoneCounter(parse_points("0.1,0.1,0.9,0.1,0.9,0.3,0.3,0.3,0.3,0.9,0.1,0.9", 3))
    zone.update(standing((1, 0.2, 0.8), (2, 0.7, 0.8), (3, 0.7, 0.2)))
    assert zone.counts() == {"inside": 2, "visitors": 2}
    zone.update(standing((1, 0.5, 0.5), (2, 0.2, 0.5)))
    assert zone.counts() == {"inside": 1, "visitors": 3}
    zone.update(standing())
    assert zone.counts() == {"inside": 0, "visitors": 3}


@pytest.mark.parametrize("text", ["", "0.1", "0.1,0.2", "a,b,c,d", "0.1,0.2,0.3", "0,0,1,2", "0.5,0.5,0.5,0.5"])
def test_points_that_are_none(text: str) -> None:
    with pytest.raises(UserError):
        parse_points(text, 2)


def test_untracked_detections_cannot_be_counted() -> None:
    with pytest.raises(ValueError, match="tracked"):
        line().update(Detections.empty((100, 200)))


def test_long_cameras_forget_who_left_and_keep_the_counts() -> None:
    counter = line()
    zone = ZoneCounter(parse_points("0,0,1,0,1,1,0,1", 3), patience=5)
    counter.patience = 5
    for number in range(1, 200):
        for y in (0.4, 0.6):
            for each in (counter, zone):
                each.update(standing((number, 0.5, y)))
    assert counter.counts() == {"forward": 199, "backward": 0}
    assert zone.counts() == {"inside": 1, "visitors": 199}
    assert len(counter._last) == len(counter._seen) < 10
    assert len(zone._seen) < 10


def test_who_steps_out_of_a_zone_and_back_is_one_visitor() -> None:
    zone = ZoneCounter(parse_points("0,0,0.5,0,0.5,1,0,1", 3), patience=3)
    places = [(0.2, 0.5), *[(0.8, 0.5)] * 10, (0.2, 0.5)]
    assert walk(zone, *places) == {"inside": 1, "visitors": 1}


def test_a_box_that_trembles_on_the_line_is_no_crowd() -> None:
    trembling = [(0.5, 0.51), (0.5, 0.49)] * 50  # of a person 0.2 high
    assert walk(line(), (0.5, 0.4), *trembling) == {"forward": 0, "backward": 0}
    assert walk(line(), (0.5, 0.4), *trembling, (0.5, 0.6)) == {"forward": 1, "backward": 0}
    assert walk(line(), *trembling, (0.5, 0.6), *trembling, (0.5, 0.4)) == {"forward": 0, "backward": 1}


@pytest.mark.parametrize("foot", [(0.5, 1.0), (0.5, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.5)])
def test_a_zone_of_the_whole_frame_holds_all(foot: tuple[float, float]) -> None:
    zone = ZoneCounter(parse_points("0,0,1,0,1,1,0,1", 3))
    assert walk(zone, foot) == {"inside": 1, "visitors": 1}
