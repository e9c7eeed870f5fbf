from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.augment.conftest import BACKGROUND, assert_same_place, blur_of, painted, photograph
from uhd.augment.view import GRAY, View
from uhd.augment.visible import WHOLE, objects_in
from uhd.resize import RESIZE_MODES, is_point_sampling, resize_image

sizes = st.integers(1, 90)
parts = st.tuples(st.floats(-1, 0.9), st.floats(-1, 0.9), st.floats(0.05, 2.5), st.floats(0.05, 2.5))


@given(st.integers(1, 150), st.integers(1, 150), sizes, sizes, st.sampled_from(RESIZE_MODES))
def test_the_whole_image_is_read_as_deployment_reads_it(height: int, width: int, h: int, w: int, mode: str) -> None:
    sample = photograph(height, width)
    expected = resize_image(sample.image, (h, w), mode)
    assert np.array_equal(View.of(sample).read((h, w), mode), expected)
    assert np.array_equal(View.of(sample).flip_x().read((h, w), mode), expected[:, ::-1])
    assert np.array_equal(View.of(sample).flip_y().read((h, w), mode), expected[::-1])


@given(st.data(), sizes, sizes, st.sampled_from(RESIZE_MODES))
def test_a_window_of_whole_pixels_is_read_as_deployment_reads_that_part(
    data: st.DataObject, h: int, w: int, mode: str
) -> None:
    sample = photograph(60, 80)
    x0, y0 = data.draw(st.integers(0, 79)), data.draw(st.integers(0, 59))
    x1, y1 = data.draw(st.integers(x0 + 1, 80)), data.draw(st.integers(y0 + 1, 60))
    view = replace(View.of(sample), window=(float(x0), float(y0), float(x1), float(y1)))
    assert np.array_equal(view.read((h, w), mode), resize_image(sample.image[y0:y1, x0:x1], (h, w), mode))


@given(
    st.integers(4, 120), st.integers(4, 120), sizes, sizes, st.lists(parts, max_size=3), st.booleans(), st.booleans(),
    st.sampled_from(RESIZE_MODES), st.none() | st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)), st.data(),
)  # fmt: skip
def test_pixels_and_boxes_agree_through_any_windows(
    height: int, width: int, h: int, w: int, windows: list[tuple[float, float, float, float]], mirror_x: bool,
    mirror_y: bool, mode: str, phase: tuple[float, float] | None, data: st.DataObject,
) -> None:  # fmt: skip
    x0, y0 = data.draw(st.integers(0, width - 2)), data.draw(st.integers(0, height - 2))
    x1, y1 = data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height))
    ignored = data.draw(st.booleans())
    view = View.of(painted(height, width, (x0, y0, x1, y1), ignored))
    for i, (left, top, part_width, part_height) in enumerate(windows):
        view = view.crop((left, top, left + part_width, top + part_height), phase=phase)
        if mirror_x and i == 0:
            view = view.flip_x()
        if mirror_y and i != 1:
            view = view.flip_y()
    seen = objects_in([(view, WHOLE)])
    boxes, labels, ignore = seen.boxes[: seen.count], seen.labels[: seen.count], seen.regions
    assert len(boxes) == len(labels)
    assert not (ignored and len(boxes))
    assert_same_place(view.read((h, w), mode), np.concatenate([boxes, ignore]), blur_of(view, (h, w), mode))


@pytest.mark.parametrize("mode", RESIZE_MODES)
@given(part=parts, mirror=st.booleans())
def test_what_lies_beyond_the_image_is_filled(mode: str, part: tuple[float, float, float, float], mirror: bool) -> None:
    sample = painted(40, 50, None)
    left, top, width, height = part
    view = View.of(sample).crop((left, top, left + width, top + height))
    image = (view.flip_x() if mirror else view).read((32, 32), mode)
    is_gray, is_image = (image == GRAY).all(-1), (image == BACKGROUND).all(-1)
    assert (is_gray | is_image).all()  # no pixel mixes both
    inside_x, inside_y = min(1, left + width) - max(0, left), min(1, top + height) - max(0, top)
    expected = max(inside_x, 0) / width * max(inside_y, 0) / height
    assert is_image.mean() == pytest.approx(expected, abs=2 / 32)


def test_a_window_that_grows_again_shows_the_image_again() -> None:
    sample = photograph()
    back = View.of(sample).crop((0.25, 0.25, 0.75, 0.75)).crop((-0.5, -0.5, 1.5, 1.5))
    assert back.window == View.of(sample).window
    seen = objects_in([(back, WHOLE)])
    boxes, labels = seen.targets.boxes, seen.targets.labels
    assert np.allclose(boxes, sample.boxes, atol=1e-6)
    assert np.array_equal(labels, sample.labels)


@given(st.floats(0, 0.999), st.floats(0, 0.999))
def test_the_phase_moves_the_samples_inside_their_pixel(x: float, y: float) -> None:
    rows, columns = np.mgrid[0:64, 0:64].astype(np.uint8)
    sample = replace(photograph(), image=np.stack([rows, columns, rows], -1))
    image = replace(View.of(sample), phase=(x, y)).read((8, 8), "opencv_inter_nearest")
    assert np.array_equal(image[:, 0, 0], np.floor(np.arange(8) * 8 + y * 8))
    assert np.array_equal(image[0, :, 1], np.floor(np.arange(8) * 8 + x * 8))


@given(st.integers(0, 9), st.integers(0, 9), st.integers(1, 6), st.integers(1, 6), st.booleans(), st.booleans())
def test_a_mirrored_window_with_the_phase_of_deployment_is_read_as_a_mirrored_photograph(
    left: int, top: int, step_x: int, step_y: int, mirror_x: bool, mirror_y: bool
) -> None:
    sample = photograph(60, 80)
    right, bottom = left + 11 * step_x, top + 8 * step_y
    window = (float(left), float(top), float(right), float(bottom))
    view = replace(View.of(sample), window=window, phase=(0.0, 0.0), mirror_x=mirror_x, mirror_y=mirror_y)
    part = sample.image[top:bottom, left:right][:: -1 if mirror_y else 1, :: -1 if mirror_x else 1]
    expected = resize_image(np.ascontiguousarray(part), (8, 11), "opencv_inter_nearest")
    assert np.array_equal(view.read((8, 11), "opencv_inter_nearest"), expected)


@pytest.mark.parametrize("mode", ["torch_bilinear", "opencv_inter_linear"])
def test_interpolation_agrees_with_resizing_where_both_are_defined(mode: str) -> None:
    sample = photograph(60, 80)
    view = View.of(sample).crop((0.25, 0.2, 0.75, 0.7), phase=(0.0, 0.0))  # a phase asks for the general reading
    expected = resize_image(sample.image[12:42, 20:60], (20, 24), mode).astype(int)
    inner = (slice(1, -1), slice(1, -1))  # beside the window's edge one knows the neighbours, the other continues
    assert np.abs(view.read((20, 24), mode).astype(int) - expected)[inner].max() <= 5


@pytest.mark.parametrize("mode", [mode for mode in RESIZE_MODES if is_point_sampling(mode)])
def test_softness_of_one_pixel_reads_means(mode: str) -> None:
    sample = photograph(64, 64)
    soft = replace(View.of(sample), softness=(1.0, 1.0), phase=(0.5, 0.5)).read((8, 8), mode)
    assert soft.std() < 0.3 * sample.image.std()
    assert abs(float(soft.mean()) - float(sample.image.mean())) < 5


@given(parts, st.floats(0.1, 3))
def test_softness_does_not_move_anything(part: tuple[float, float, float, float], side: float) -> None:
    left, top, width, height = part
    view = View.of(painted(200, 240, (0, 0, 240, 200))).crop((left, top, left + width, top + height))
    sharp, soft = (replace(view, softness=(s, s)).read((32, 32), "opencv_inter_nearest") for s in (0.0, side))
    # One colour and the gray around it: blurring the image changes neither, but for OpenCV's rounding, and for samples
    # that fall exactly on the image's edge.
    assert (np.abs(sharp.astype(int) - soft).max(-1) > 1).mean() <= 2 / 32


def test_reading_does_not_write_into_the_source() -> None:
    sample = photograph(8, 8)  # already at network size
    image = View.of(sample).read((8, 8), "opencv_inter_nearest")
    image[:] = 0
    assert sample.image.any()


def test_a_crop_speaks_of_what_is_shown_not_of_the_source() -> None:
    view = View.of(painted(10, 40, (0, 0, 10, 10))).flip_x()  # the paint is shown on the right
    assert view.crop((0.75, 0.0, 1.0, 1.0)).window == (0.0, 0.0, 10.0, 10.0)
    assert view.flip_y().crop((0.0, 0.0, 1.0, 0.5)).window == (0.0, 5.0, 40.0, 10.0)
