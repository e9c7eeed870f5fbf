from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.augment.conftest import assert_same_place, blur_of, painted, photograph
from uhd.augment.geometry import (
    HorizontalFlip,
    RandomCrop,
    RandomResizedCrop,
    RandomScale,
    RandomWindow,
    Translation,
    VerticalFlip,
)
from uhd.augment.pipeline import Pipeline
from uhd.augment.view import View
from uhd.augment.visible import WHOLE, objects_in
from uhd.boxes import cxcywh_to_xyxy
from uhd.errors import UserError
from uhd.resize import RESIZE_MODES
from uhd.sample import Sample

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent.parent / "golden" / "augment.json").read_text())
ALWAYS = [
    HorizontalFlip(1.0),
    VerticalFlip(1.0),
    RandomScale(1.0, (0.3, 2.0)),
    RandomScale(1.0, (0.3, 2.0), keep_aspect_ratio=False),
    Translation(1.0, 0.6),
    RandomWindow(),
    RandomWindow(phase="off"),
    RandomCrop(1.0, (0.2, 1.0), (0.4, 2.5)),
    RandomCrop(1.0, (0.1, 0.3), None, allow_empty=True),
    RandomCrop(1.0, (0.4, 0.6), (1.0, 1.0), deterministic=True),
    RandomResizedCrop(1.0, (0.1, 1.0)),
]


@given(
    st.lists(st.sampled_from(ALWAYS), min_size=1, max_size=4), st.integers(3, 120), st.integers(3, 120),
    st.integers(1, 90), st.integers(1, 90), st.sampled_from(RESIZE_MODES), st.integers(0, 2**32), st.data(),
)  # fmt: skip
def test_pixels_and_boxes_agree(
    operations: list[Any], height: int, width: int, h: int, w: int, mode: str, seed: int, data: st.DataObject
) -> None:
    x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    x1, y1 = data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height))
    view, rng = View.of(painted(height, width, (x0, y0, x1, y1))), np.random.default_rng(seed)
    for operation in operations:
        view = operation(view, rng)
    seen = objects_in([(view, WHOLE)])
    boxes, ignore = seen.targets.boxes, seen.regions
    assert_same_place(view.read((h, w), mode), np.concatenate([boxes, ignore]), blur_of(view, (h, w), mode))


@pytest.mark.parametrize("operation", ALWAYS)
def test_no_boxes_is_no_problem_and_probability_zero_changes_nothing(operation: Any) -> None:
    view = operation(View.of(painted(30, 40, None)), np.random.default_rng(0))
    assert view.read((8, 8), "torch_nearest").shape == (8, 8, 3)
    never = type(operation)(prob=0.0)
    before = View.of(photograph())
    for seed in range(5):
        assert never(before, np.random.default_rng(seed)) is before


@pytest.mark.parametrize("name", [name for name in GOLDEN["operations"] if name not in ("ToGray", "CLAHE")])
def test_boxes_are_the_originals(name: str) -> None:
    height, width = (360, 360) if name.startswith("RandomScale") else GOLDEN["image_size"]
    expected = GOLDEN["operations"][name]
    config = {key: dict(value) if isinstance(value, dict) else value for key, value in expected["config"].items()}
    if "RandomCrop" in config:
        config["RandomCrop"]["min_visibility"] = 0.0  # the original keeps slivers
    boxes = cxcywh_to_xyxy(np.array(GOLDEN["boxes_cxcywh"], np.float32))
    sample = Sample(np.zeros((height, width, 3), np.uint8), boxes, np.array(GOLDEN["labels"]))
    pipeline = Pipeline.load(config | {"class_swap_map": {0: 1}} if name == "HorizontalFlip" else config, (0, 1, 2))
    result = pipeline(sample, np.random.default_rng(0), (64, 64), "opencv_inter_nearest", lambda rng: sample)
    assert np.allclose(result.boxes, cxcywh_to_xyxy(np.array(expected["boxes_cxcywh"], np.float32)), atol=2e-6)
    assert result.labels.tolist() == expected["labels"]


def test_flips_are_their_own_inverse() -> None:
    view, rng = View.of(photograph()), np.random.default_rng(0)
    twice = VerticalFlip(1.0)(HorizontalFlip(1.0)(VerticalFlip(1.0)(HorizontalFlip(1.0)(view, rng), rng), rng), rng)
    assert np.array_equal(twice.read((16, 16), "torch_nearest"), view.read((16, 16), "torch_nearest"))
    assert np.array_equal(objects_in([(twice, WHOLE)]).boxes, objects_in([(view, WHOLE)]).boxes)


def test_a_mirror_exchanges_left_and_right_classes() -> None:
    sample = photograph(count=4)  # labels 0, 1, 2, 3
    flip = HorizontalFlip(1.0, {1: 2, 2: 1, 7: 8, 8: 7})
    assert flip(View.of(sample), np.random.default_rng(0)).labels.tolist() == [0, 2, 1, 3]
    assert sample.labels.tolist() == [0, 1, 2, 3]
    assert HorizontalFlip(0.0, {1: 2, 2: 1})(View.of(sample), np.random.default_rng(0)).labels.tolist() == [0, 1, 2, 3]


def test_one_direction_of_a_pair_of_classes_is_enough() -> None:
    flip = HorizontalFlip(1.0, {1: 2, 3: 3})
    view = View.of(photograph(count=4))
    assert flip(view, np.random.default_rng(0)).labels.tolist() == [0, 2, 1, 3]
    assert flip(flip(view, np.random.default_rng(0)), np.random.default_rng(0)).labels.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("swap", [{0: 1, 2: 1}, {0: 1, 1: 2}, {0: 1, 1: 2, 2: 0}])
def test_two_classes_never_become_one(swap: dict[int, int]) -> None:
    with pytest.raises(UserError, match=r"class_swap_map: .: . does not go with"):
        HorizontalFlip(1.0, swap)


def test_enlarging_shows_the_centre() -> None:
    view = RandomScale(1.0, (2.0, 2.0))(View.of(painted(100, 100, (45, 45, 55, 55))), np.random.default_rng(0))
    assert np.allclose(objects_in([(view, WHOLE)]).targets.boxes, [[0.4, 0.4, 0.6, 0.6]], atol=1e-6)
    image = view.read((100, 100), "opencv_inter_nearest")
    assert image[50, 50, 0] == 250
    assert image[30, 30, 0] == 10


def test_a_shift_fills_with_the_colour_asked_for() -> None:
    view = Translation(1.0, 0.5, (1, 2, 3))(View.of(painted(50, 50, None)), np.random.default_rng(3))
    image = view.read((50, 50), "opencv_inter_nearest")
    assert ((image == (1, 2, 3)).all(-1) | (image[..., 2] == 200)).all()
    assert (image == (1, 2, 3)).all(-1).any()


def test_one_probability_decides() -> None:
    rng = np.random.default_rng(0)
    view = View.of(photograph())
    flipped = sum(HorizontalFlip(0.25)(view, rng).mirror_x for _ in range(2000))
    assert 420 < flipped < 580


def test_one_factor_for_both_axes_only_where_asked() -> None:
    view = View.of(photograph(60, 60))
    for keep in (True, False):
        scaled = [RandomScale(1.0, (0.5, 2.0), keep)(view, np.random.default_rng(seed)).extent for seed in range(5)]
        assert all((abs(width - height) < 1e-9) == keep for width, height in scaled)
