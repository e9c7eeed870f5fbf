from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.augment.conftest import photograph
from uhd.augment.view import View
from uhd.augment.visible import WHOLE, objects_in, visible
from uhd.boxes import area_xyxy
from uhd.objects import Objects
from uhd.sample import Sample


def with_boxes(boxes: list[list[float]], ignore: list[list[float]] | None = None) -> Sample:
    return Sample(
        np.zeros((100, 200, 3), np.uint8),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.arange(len(boxes), dtype=np.int64),
        np.array(ignore or [], np.float32).reshape(-1, 4),
    )


def test_the_whole_image_leaves_boxes_as_they_are() -> None:
    sample = photograph(count=20)
    seen = objects_in([(View.of(sample), WHOLE)])
    boxes, labels, ignore = seen.boxes[: seen.count], seen.labels[: seen.count], seen.regions
    assert np.allclose(boxes, sample.boxes, atol=1e-7)
    assert np.array_equal(labels, sample.labels)
    assert np.allclose(ignore, sample.ignore, atol=1e-7)
    assert boxes.dtype == ignore.dtype == np.float32
    assert labels.dtype == np.int64


def test_a_box_that_shows_too_little_becomes_an_ignore_region() -> None:
    sample = with_boxes([[0.0, 0.0, 0.6, 1.0], [0.4, 0.0, 0.8, 1.0], [0.0, 0.0, 0.5, 0.5]])
    view = View.of(sample).crop((0.5, 0.0, 1.0, 1.0), min_visibility=0.3)
    seen = objects_in([(view, WHOLE)])
    boxes, labels, ignore = seen.boxes[: seen.count], seen.labels[: seen.count], seen.regions
    assert labels.tolist() == [1]  # 1/6 of the first is shown, 3/4 of the second, nothing of the third
    assert np.allclose(boxes, [[0.0, 0.0, 0.6, 1.0]])
    assert np.allclose(ignore, [[0.0, 0.0, 0.2, 1.0]], atol=1e-6)


def test_the_share_counts_from_the_whole_box_through_several_windows() -> None:
    view = View.of(with_boxes([[0.0, 0.0, 1.0, 1.0]]))
    half = view.crop((0.0, 0.0, 0.5, 1.0), 0.3)
    assert len(objects_in([(half, WHOLE)]).targets.boxes) == 1
    assert (
        len(objects_in([(half.crop((0.0, 0.0, 1.0, 0.5), 0.1), WHOLE)]).targets.boxes) == 0
    )  # 1/4, under the stricter 0.3


def test_ignore_regions_are_moved_and_clipped_and_never_become_boxes() -> None:
    view = View.of(with_boxes([], [[0.2, 0.2, 0.8, 0.6], [0.0, 0.0, 0.1, 0.1]])).crop((0.5, 0.0, 1.0, 1.0)).flip_x()
    seen = objects_in([(view, WHOLE)])
    boxes, labels, ignore = seen.boxes[: seen.count], seen.labels[: seen.count], seen.regions
    assert boxes.shape == (0, 4)
    assert labels.shape == (0,)
    assert np.allclose(ignore, [[0.4, 0.2, 1.0, 0.6]], atol=1e-6)


def test_nothing_to_see() -> None:
    seen = objects_in([(View.of(with_boxes([])), WHOLE)])
    boxes, labels, ignore = seen.boxes[: seen.count], seen.labels[: seen.count], seen.regions
    assert boxes.shape == ignore.shape == (0, 4)
    assert labels.shape == (0,)
    assert boxes.dtype == np.float32
    assert labels.dtype == np.int64


@given(
    st.integers(0, 5), st.integers(0, 5), st.booleans(), st.booleans(),
    st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(0.2, 2), st.floats(0.2, 2)),
)  # fmt: skip
def test_several_views_are_each_one_by_itself(
    first: int, second: int, mirror_x: bool, mirror_y: bool, part: tuple[float, float, float, float]
) -> None:
    left, top, width, height = part
    views = [View.of(photograph(count=first, seed=1)).crop((left, top, left + width, top + height), 0.3)]
    other = View.of(photograph(70, 30, second, seed=2))
    views.append(replace(other, mirror_x=mirror_x, mirror_y=mirror_y))
    places = [(0.0, 0.0, 0.5, 0.25), (0.5, 0.25, 1.0, 1.0)]
    together = objects_in(list(zip(views, places, strict=True)))
    apart = [objects_in([(view, place)]) for view, place in zip(views, places, strict=True)]
    joined = Objects.concat(apart)
    assert np.allclose(together.boxes, joined.boxes, atol=1e-6)
    assert np.array_equal(together.labels, joined.labels)
    assert together.count == joined.count
    for part, place in zip(apart, places, strict=True):
        assert (area_xyxy(part.boxes) > 0).all()
        assert (part.boxes >= np.array([place[0], place[1]] * 2) - 1e-6).all()
        assert (part.boxes <= np.array([place[2], place[3]] * 2) + 1e-6).all()


def test_every_row_says_where_it_comes_from() -> None:
    first = with_boxes([[0.0, 0.0, 0.2, 0.2], [0.6, 0.6, 0.9, 0.9]], [[0.7, 0.7, 0.8, 0.8]])
    second = with_boxes([[0.1, 0.1, 0.9, 0.9], [0.9, 0.9, 1.0, 1.0]])
    views = [View.of(first).crop((0.5, 0.5, 1.0, 1.0)), View.of(second).crop((0.0, 0.0, 0.5, 0.5), 0.3)]
    shown = visible([(views[0], (0.0, 0.0, 0.5, 1.0)), (views[1], (0.5, 0.0, 1.0, 1.0))])
    assert shown.part.tolist() == [0, 0, 1]
    assert shown.row.tolist() == [1, 2, 0]
    assert shown.ignored.tolist() == [False, True, True]  # a quarter of the last is shown
