from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.augment.conftest import PAINT, extent, painted, photograph
from uhd.augment.affine import Affine
from uhd.augment.geometry import RandomCrop, RandomWindow
from uhd.augment.pipeline import Pipeline
from uhd.augment.view import GRAY, View
from uhd.augment.visible import WHOLE, objects_in
from uhd.augment.warp import compose, inverse, warp_boxes
from uhd.resize import RESIZE_MODES, is_point_sampling
from uhd.sample import Sample

IDENTITY = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def turned(view: View, degrees: float, boxes: str = "ellipse", scale: float = 1.0) -> View:
    operation = Affine(1.0, (degrees, degrees), (scale, scale), (0.0, 0.0), 0.0, boxes=boxes)
    return operation(view, np.random.default_rng(0))


@pytest.mark.parametrize("mode", RESIZE_MODES)
def test_an_affine_that_does_nothing_shows_the_whole_image(mode: str) -> None:
    sample = photograph(64, 64)
    same = turned(View.of(sample), 0.0)
    assert np.array_equal(same.read((64, 64), mode), sample.image)
    assert np.allclose(objects_in([(same, WHOLE)]).targets.boxes, sample.boxes, atol=1e-6)


@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (180, 2), (-90, 3)])
def test_quarter_turns_are_counter_clockwise(degrees: float, turns: int) -> None:
    sample = photograph(48, 48)
    image = turned(View.of(sample), degrees).read((48, 48), "torch_bilinear")
    assert np.abs(image.astype(int) - np.rot90(sample.image, turns))[1:-1, 1:-1].max() <= 1


def test_a_photograph_turns_as_a_photograph_whatever_the_network_is() -> None:
    # A wide photograph of a square: turned by 45 degrees it is as wide as high in the photograph's own pixels.
    view = turned(View.of(painted(100, 200, (80, 30, 120, 70))), 45, "corners")
    box = objects_in([(view, WHOLE)]).targets.boxes[0]
    side = 40 * math.sqrt(2)
    assert np.allclose((box[2:] - box[:2]) * (200, 100), side, atol=1e-3)
    assert np.allclose((box[2:] + box[:2]) / 2, 0.5, atol=1e-6)


def test_factor_shear_and_shift() -> None:
    view = View.of(painted(100, 100, (40, 40, 60, 60)))
    rng = np.random.default_rng(0)
    large = Affine(1.0, (0.0, 0.0), (2.0, 2.0), (0.0, 0.0), 0.0)(view, rng)
    assert np.allclose(objects_in([(large, WHOLE)]).targets.boxes, [[0.3, 0.3, 0.7, 0.7]], atol=1e-6)
    lean = Affine(1.0, (0.0, 0.0), (1.0, 1.0), (45.0, 45.0), 0.0, boxes="corners")(view, rng)
    assert np.allclose(objects_in([(lean, WHOLE)]).targets.boxes, [[0.3, 0.4, 0.7, 0.6]], atol=1e-6)
    is_paint = lean.read((100, 100), "torch_nearest")[..., 0] == PAINT[0]
    assert is_paint[41, 35]  # the top leans to the left ...
    assert not is_paint[41, 60]
    assert not is_paint[59, 40]
    assert is_paint[59, 65]  # ... and the bottom to the right
    moved = Affine(1.0, (0.0, 0.0), (1.0, 1.0), (0.0, 0.0), 0.3)(view, rng)
    x0, y0, x1, y1 = objects_in([(moved, WHOLE)]).targets.boxes[0].tolist()
    assert x1 - x0 == pytest.approx(0.2, abs=1e-5)
    assert y1 - y0 == pytest.approx(0.2, abs=1e-5)
    assert 0.01 < abs(x0 - 0.4) <= 0.3
    assert 0.01 < abs(y0 - 0.4) <= 0.3


@settings(max_examples=60)
@given(
    st.integers(20, 200), st.integers(20, 200), st.floats(0.2, 1), st.floats(0.2, 1), st.floats(-180, 180),
    st.floats(-40, 40), st.integers(16, 64), st.integers(16, 64),
)  # fmt: skip
def test_the_ellipse_of_a_box_is_bounded_exactly(
    height: int, width: int, share_x: float, share_y: float, rotate: float, shear: float, h: int, w: int
) -> None:
    # Half the image, so that nothing turns out of the frame of a window four times as large.
    image = np.zeros((height, width, 3), np.uint8)
    half = np.array([width * share_x, height * share_y]) / 2
    centre = np.array([width, height]) / 2
    y, x = np.mgrid[0:height, 0:width] + 0.5
    image[((x - centre[0]) / half[0]) ** 2 + ((y - centre[1]) / half[1]) ** 2 <= 1] = PAINT
    box = np.concatenate([centre - half, centre + half]) / (width, height, width, height)
    sample = Sample(image, box[None].astype(np.float32), np.zeros(1, np.int64))
    far = View.of(sample).crop((-1.5, -1.5, 2.5, 2.5))
    view = Affine(1.0, (rotate, rotate), (1.0, 1.0), (shear, shear), 0.0)(far, np.random.default_rng(0))
    found = objects_in([(view, WHOLE)]).targets.boxes
    if not len(found):  # at the most slanted, it reaches beyond even that
        return
    seen = extent(view.read((8 * h, 8 * w), "opencv_inter_nearest"))
    pixels = np.array([w, h, w, h])
    # The painted ellipse is jagged by a pixel of the source.
    jag = 2 * np.max(np.array([w, h]) / np.array(view.extent))
    assert seen is not None
    assert (np.abs(seen - found[0]) * pixels <= 1 + jag).all()


@given(st.floats(-180, 180), st.floats(0.05, 1), st.floats(0.05, 1))
def test_the_ellipse_lies_in_the_corners_bounds_and_both_agree_unturned(turn: float, a: float, b: float) -> None:
    boxes = np.array([[0.5 - a / 2, 0.5 - b / 2, 0.5 + a / 2, 0.5 + b / 2]])
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    warp = compose(np.array([[cos, sin, 0.5], [-sin, cos, 0.5]]), np.array([[1.0, 0.0, -0.5], [0.0, 1.0, -0.5]]))
    ellipse, corners = (warp_boxes(boxes, warp, rule)[0] for rule in ("ellipse", "corners"))
    assert (ellipse[:, :2] >= corners[:, :2] - 1e-9).all()
    assert (ellipse[:, 2:] <= corners[:, 2:] + 1e-9).all()
    straight = [warp_boxes(boxes, IDENTITY, rule)[0] for rule in ("ellipse", "corners")]
    assert np.allclose(straight, boxes)


def test_a_standing_person_grows_less_by_the_ellipse() -> None:
    view = View.of(painted(400, 400, (175, 120, 225, 280)))  # 1 : 3.2
    boxes = {rule: objects_in([(turned(view, 10, rule), WHOLE)]).targets.boxes[0] for rule in ("ellipse", "corners")}
    widths = {rule: float(box[2] - box[0]) * 400 / 50 for rule, box in boxes.items()}
    assert widths["ellipse"] == pytest.approx(1.13, abs=0.01)
    assert widths["corners"] == pytest.approx(1.54, abs=0.01)


def test_regions_to_ignore_keep_all_they_cover() -> None:
    sample = painted(400, 400, (175, 120, 225, 280), ignored=True)
    ignore = objects_in([(turned(View.of(sample), 10), WHOLE)]).regions
    corners = objects_in(
        [(turned(View.of(painted(400, 400, (175, 120, 225, 280))), 10, "corners"), WHOLE)]
    ).targets.boxes
    assert np.array_equal(ignore, corners)


def test_a_cut_rectangle_is_bounded_by_what_is_left_of_it() -> None:
    # A diamond whose left half is cut off: its top and bottom lie on the border, which they share with nothing else.
    view = turned(View.of(painted(100, 100, (30, 30, 70, 70))), 45, "corners").crop((0.6, 0.0, 1.0, 1.0))
    (box,) = objects_in([(view, WHOLE)]).targets.boxes
    reach = 0.2 * math.sqrt(2)  # of the diamond from its centre
    assert np.allclose(box, [0, 0.5 - reach + 0.1, (reach - 0.1) / 0.4, 0.5 + reach - 0.1], atol=1e-5)


def test_what_a_slanted_window_does_not_reach_is_not_seen() -> None:
    # The bounds of the turned rectangle touch the output, the rectangle itself does not.
    view = turned(View.of(painted(100, 100, (0, 0, 20, 20))), 45, "corners").crop((0.0, 0.2, 0.12, 0.34))
    assert extent(view.read((50, 50), "torch_nearest")) is None
    assert len(objects_in([(view, WHOLE)]).targets.boxes) == 0


@pytest.mark.parametrize("mode", RESIZE_MODES)
def test_pixels_are_those_of_opencv(mode: str) -> None:
    sample = photograph(60, 80)
    view = turned(View.of(sample), 30, scale=1.5)
    found = view.read((60, 80), mode).astype(int)
    matrix = cv2.getRotationMatrix2D((39.5, 29.5), 30, 1.5)
    expected = cv2.warpAffine(sample.image, matrix, (80, 60), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if is_point_sampling(mode):  # the pixel of the source itself
        assert {tuple(p) for p in found.reshape(-1, 3)} <= {GRAY, *(tuple(p) for p in sample.image.reshape(-1, 3))}
    else:
        assert np.abs(found - expected)[5:-5, 5:-5].max() <= 8


def test_beyond_the_image_is_filled_and_nothing_is_mixed_with_it() -> None:
    sample = painted(40, 50, None)
    for mode in ("opencv_inter_nearest", "torch_bilinear"):
        image = Affine(1.0, (30, 30), (0.5, 0.5), fill=(1, 2, 3))(View.of(sample), np.random.default_rng(0)).read(
            (64, 64), mode
        )
        filled, own = (image == (1, 2, 3)).all(-1), (image == sample.image[0, 0]).all(-1)
        assert (filled | own).all()
        assert 0.15 < own.mean() < 0.35


def test_windows_flips_and_crops_follow() -> None:
    view, rng = turned(View.of(photograph(60, 80)), 20), np.random.default_rng(1)
    image = view.read((64, 64), "torch_nearest")
    # Read at the middle of the pixels: otherwise a mirror moves the samples to their other side.
    centred = view.crop((0, 0, 1, 1), phase=(0.5, 0.5))
    assert np.array_equal(centred.flip_x().read((64, 64), "torch_nearest"),
                          centred.read((64, 64), "torch_nearest")[:, ::-1])  # fmt: skip
    assert np.array_equal(view.flip_x().flip_x().read((64, 64), "torch_nearest"), image)
    assert np.array_equal(view.flip_y().flip_y().read((64, 64), "torch_nearest"), image)
    part = view.crop((0.25, 0.5, 0.75, 1.0))
    assert np.array_equal(part.read((32, 32), "torch_nearest"), image[32:, 16:48])
    for _ in range(20):
        window = RandomWindow(scale=(0.5, 0.8))(view, rng)
        assert max(window.extent[0] / view.extent[0], window.extent[1] / view.extent[1]) < 1
        width, height = RandomCrop(1.0, (0.5, 0.5), (1.0, 1.0), allow_empty=True)(view, rng).extent
        assert width == pytest.approx(height, rel=0.03)
        assert width * height == pytest.approx(0.5 * view.extent[0] * view.extent[1], rel=0.05)


def test_a_blurred_source_is_turned_too() -> None:
    sample = painted(200, 240, (80, 60, 160, 140))
    sharp, soft = (
        Pipeline.load([{"Affine": {"prob": 1.0, "rotate": [30, 30]}}, *blur])(
            sample, np.random.default_rng(0), (64, 64), "opencv_inter_nearest", lambda rng: sample
        )
        for blur in ([], [{"Soften": {"prob": 1.0, "side": [1.0, 1.0]}}])
    )
    assert np.array_equal(sharp.boxes, soft.boxes)
    assert 0 < (np.abs(sharp.image.astype(int) - soft.image).max(-1) > 8).mean() < 0.2


def test_maps() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 2, 3))
    point = rng.normal(size=2)
    inner = b[:, :2] @ point + b[:, 2]
    both = compose(a, b)
    assert np.allclose(both[:, :2] @ point + both[:, 2], a[:, :2] @ inner + a[:, 2])
    assert np.allclose(compose(a, inverse(a)), IDENTITY)
