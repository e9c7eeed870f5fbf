from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.augment.conftest import painted, photograph
from uhd.augment.geometry import RandomCrop, RandomResizedCrop, RandomWindow
from uhd.augment.view import View
from uhd.augment.visible import WHOLE, objects_in
from uhd.resize import resize_image


def test_windows_have_the_sides_and_aspects_asked_for() -> None:
    rng, view = np.random.default_rng(0), View.of(photograph(100, 300))
    windows = np.array([RandomWindow()(view, rng).window for _ in range(3000)])
    width, height = (windows[:, 2] - windows[:, 0]) / 300, (windows[:, 3] - windows[:, 1]) / 100
    side, aspect = np.sqrt(width * height), np.log(width / height)
    assert side.min() == pytest.approx(0.4, abs=0.01)
    assert side.max() == pytest.approx(1.4, abs=0.02)
    assert np.log(side).mean() == pytest.approx((np.log(0.4) + np.log(1.4)) / 2, abs=0.02)  # log-uniform
    assert np.abs(aspect).max() == pytest.approx(0.25, abs=0.01)
    assert aspect.mean() == pytest.approx(0, abs=0.02)
    inside = width <= 1
    assert (windows[inside, 0] >= -1e-9).all()
    assert (windows[inside, 2] <= 300 + 1e-9).all()
    assert (windows[~inside, 0] <= 1e-9).all()
    assert (windows[~inside, 2] >= 300 - 1e-9).all()


def test_a_window_keeps_people_of_whom_enough_is_seen() -> None:
    view = View.of(painted(100, 100, (0, 0, 30, 30)))
    kept = ignored = 0
    for seed in range(300):
        shown = RandomWindow()(view, np.random.default_rng(seed))
        x0, y0, x1, y1 = shown.window
        share = max(0, min(x1, 30) - max(x0, 0)) * max(0, min(y1, 30) - max(y0, 0)) / 900
        seen = objects_in([(shown, WHOLE)])
        boxes, ignore = seen.targets.boxes, seen.regions
        assert len(boxes) == (share >= 0.3)
        assert len(ignore) == (0 < share < 0.3)
        kept, ignored = kept + len(boxes), ignored + len(ignore)
    assert kept > 50
    assert ignored > 10


def test_the_phase_is_that_of_deployment_unless_it_is_random_or_off() -> None:
    view, rng = View.of(photograph()), np.random.default_rng(0)
    assert RandomWindow()(view, rng).phase == (0.0, 0.0)
    assert RandomWindow(phase="off")(view, rng).phase is None
    assert len({RandomWindow(phase="random")(view, rng).phase for _ in range(9)}) == 9


@given(st.integers(2, 200), st.integers(2, 200), st.floats(0.05, 1), st.floats(0.3, 3), st.integers(0, 1000))
def test_a_crop_has_its_area_and_aspect_and_lies_inside(
    height: int, width: int, ratio: float, aspect: float, seed: int
) -> None:
    view = View.of(photograph(height, width, 0))
    cut = RandomCrop(1.0, (ratio, ratio), (aspect, aspect))(view, np.random.default_rng(seed))
    x0, y0, x1, y1 = cut.window
    assert all(edge.is_integer() for edge in cut.window)
    assert x0 >= 0
    assert y0 >= 0
    assert x1 <= width
    assert y1 <= height
    w, h = x1 - x0, y1 - y0
    assert abs(w - h * aspect) <= max(1, aspect)
    expected = np.sqrt(ratio * width * height / aspect)
    assert abs(h - min(expected, height, width / aspect)) <= 1  # the area, or as much of it as fits


def test_a_crop_is_read_as_deployment_reads_a_cropped_photograph() -> None:
    sample = photograph(90, 120)
    cut = RandomCrop(1.0, (1.0, 1.0), (1.0, 1.0), deterministic=True)(View.of(sample), np.random.default_rng(0))
    for mode in ("opencv_inter_nearest", "torch_bilinear"):
        assert np.array_equal(cut.read((32, 32), mode), resize_image(sample.image[:, 15:105], (32, 32), mode))


def test_a_crop_is_tried_again_until_it_holds_a_box() -> None:
    view = View.of(painted(100, 100, (0, 0, 20, 20)))
    tries = RandomCrop(1.0, (0.25, 0.25), max_retries=50)
    once = RandomCrop(1.0, (0.25, 0.25), max_retries=1)
    free = RandomCrop(1.0, (0.25, 0.25), allow_empty=True)
    counts = []
    for operation in (tries, once, free):
        shown = [operation(view, np.random.default_rng(seed)) for seed in range(200)]
        boxes = sum(objects_in([(v, WHOLE)]).count for v in shown)
        counts.append([boxes, sum(v.window == view.window for v in shown)])
    assert counts[0] == [200, 0]  # found within 50 tries
    assert counts[1][0] == 200  # the whole image where the only try missed
    assert counts[1][1] > 20
    assert counts[2][0] < 180
    assert counts[2][1] == 0


def test_a_centred_crop_takes_the_middle_of_its_ranges() -> None:
    view = View.of(photograph(100, 100, 0))
    cuts = {RandomCrop(1.0, (0.2, 0.3), (0.5, 1.5), True)(view, np.random.default_rng(s)).window for s in range(5)}
    assert cuts == {(25.0, 25.0, 75.0, 75.0)}


def test_resized_crops_keep_to_their_ranges() -> None:
    rng, view = np.random.default_rng(0), View.of(photograph(200, 200, 0))
    for _ in range(200):
        x0, y0, x1, y1 = RandomResizedCrop(1.0)(view, rng).window
        assert 0.74 < (x1 - x0) / (y1 - y0) < 1.35
        assert 0.59 < (x1 - x0) * (y1 - y0) / 40000 <= 1
