"""What every operation of the table holds to; one that is added to the table is tested here without another line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.augment.conftest import extent, painted, photograph
from uhd.augment.layout import GEOMETRY, OPERATIONS, SAMPLES
from uhd.augment.pipeline import Pipeline
from uhd.augment.view import View
from uhd.augment.visible import WHOLE, objects_in
from uhd.resize import RESIZE_MODES
from uhd.sample import Sample

# Wilder than the defaults, so that rare cases are common; the rectangle on the photograph is a rectangle.
WILD: dict[str, dict[str, Any]] = {
    "RandomCrop": {"ratio": [0.05, 1.0], "aspect_ratio": [0.2, 5.0]},
    "RandomResizedCrop": {"scale": [0.05, 1.0], "ratio": [0.2, 5.0]},
    "RandomScale": {"scale_range": [0.2, 4.0]},
    "Translation": {"translate": 0.9},
    "Affine": {"rotate": 180, "shear": 40, "scale": [0.3, 3.0], "translate": 0.5, "boxes": "corners"},
    "Rotate": {"rotate": 180, "boxes": "corners"},
    "CoarseDropout": {"holes": [1, 20], "height": [0.0, 30.0], "width": [0.0, 1.0]},
    "RandomRain": {"drop_length": [0, 30], "drop_width_range": [1, 5], "slant_range": [-10, 10]},
    "RandomSunFlare": {"src_radius_range": [0.01, 150]},
    "RemoveOutliers": {"min_area": 0.05},
}
GEOMETRIC = [name for name, kind in OPERATIONS.items() if kind in GEOMETRY]
ALONE = [name for name in OPERATIONS if name not in ("Mosaic", "MixUp", "CopyPaste")]
heights = st.integers(1, 300)
widths = st.integers(1, 400)
network = st.integers(1, 70)


def always(name: str) -> dict[str, Any]:
    return {name: {"prob": 1.0} | WILD.get(name, {}) if name != "RemoveOutliers" else WILD[name]}


def partner(rng: np.random.Generator) -> Sample:
    height, width, count, seed = rng.integers((1, 1, 0, 0), (60, 90, 5, 1000)).tolist()
    return photograph(height, width, count, seed)


@pytest.mark.parametrize("name", OPERATIONS)
@settings(max_examples=10)
@given(heights, widths, network, network, st.integers(0, 5), st.sampled_from(RESIZE_MODES), st.integers(0, 2**32))
@example(1, 1, 1, 1, 1, "torch_bilinear", 0)
@example(1, 1, 64, 64, 0, "opencv_inter_nearest", 4)
@example(3, 200, 64, 64, 2, "opencv_inter_nearest", 5)
@example(200, 3, 48, 80, 2, "torch_bilinear", 6)
@example(1, 400, 64, 64, 3, "opencv_inter_nearest", 1)
@example(300, 1, 64, 64, 3, "opencv_inter_linear", 2)
@example(300, 400, 1, 64, 0, "torch_nearest", 3)
def test_samples_are_sound(
    name: str, height: int, width: int, h: int, w: int, count: int, mode: str, seed: int
) -> None:
    pipeline, sample = Pipeline.load(always(name), (0, 1, 2)), photograph(height, width, count, seed % 7)
    before = [array.copy() for array in (sample.image, sample.boxes, sample.labels, sample.ignore)]
    first, again = (pipeline(sample, np.random.default_rng(seed), (h, w), mode, partner) for _ in range(2))
    assert first.image.shape == (h, w, 3)
    assert first.image.dtype == np.uint8
    assert first.labels.shape == (len(first.boxes),)
    assert first.name == sample.name
    for boxes in (first.boxes, first.ignore):
        assert boxes.dtype == np.float32
        assert ((boxes >= 0) & (boxes <= 1)).all()
        assert (boxes[:, 2:] > boxes[:, :2]).all()
    for field in ("image", "boxes", "labels", "ignore"):
        assert np.array_equal(getattr(first, field), getattr(again, field))
    after = (sample.image, sample.boxes, sample.labels, sample.ignore)
    assert all(np.array_equal(a, b) for a, b in zip(after, before, strict=True))


@pytest.mark.parametrize("name", OPERATIONS)
@settings(max_examples=5)
@given(heights, widths, st.integers(0, 2**32))
def test_nothing_appears_on_an_image_without_boxes(name: str, height: int, width: int, seed: int) -> None:
    empty = Sample(photograph(height, width, 0).image)
    result = Pipeline.load(always(name))(
        empty, np.random.default_rng(seed), (48, 80), "opencv_inter_nearest", lambda rng: empty
    )
    assert result.boxes.shape == result.ignore.shape == (0, 4)
    assert result.labels.shape == (0,)


@pytest.mark.parametrize("name", OPERATIONS)
def test_off_changes_nothing(name: str) -> None:
    if name == "RemoveOutliers":
        return
    sample = photograph()
    never, plain = Pipeline.load({name: {"prob": 0.0}}), Pipeline([])
    for seed in range(5):
        a, b = (
            each(sample, np.random.default_rng(seed), (40, 64), "torch_bilinear", partner) for each in (never, plain)
        )
        for field in ("image", "boxes", "labels", "ignore"):
            assert np.array_equal(getattr(a, field), getattr(b, field))


@st.composite
def rectangles(draw: st.DrawFn) -> tuple[int, int, tuple[int, int, int, int]]:
    """An image size and a rectangle of whole pixels in it, small images and extreme aspects included."""
    height, width = draw(heights), draw(widths)
    x0, y0 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return height, width, (x0, y0, draw(st.integers(x0 + 1, width)), draw(st.integers(y0 + 1, height)))


def shown(names: list[str], sample: Sample, seed: int) -> View:
    view, rng = View.of(sample), np.random.default_rng(seed)
    for name in names:
        (operation,) = Pipeline.load(always(name), (0,)).operations
        view = operation(view, rng)
    return replace(view, softness=(0.0, 0.0))  # a blurred edge is not where the paint ends


def assert_the_box_fits(view: View, size: tuple[int, int]) -> None:
    """Assert that paint and box agree to one network pixel; the paint is looked at through a magnifying glass."""
    glass = 8
    image = view.read((size[0] * glass, size[1] * glass), "opencv_inter_nearest")
    seen, regions = extent(image), objects_in([(view, WHOLE)]).boxes
    pixels = np.array([size[1], size[0]])
    assert len(regions) <= 1
    if not len(regions):
        # A tip of the paint may be thinner than what counts as seen.
        assert seen is None or ((seen[2:] - seen[:2]) * pixels <= 1).any()
        return
    box = regions[0].astype(np.float64)
    assert ((box >= 0) & (box <= 1)).all()
    if seen is None:
        assert ((box[2:] - box[:2]) * pixels <= 1).any() or is_sliver(view, size)
        return
    # A sharp tip, or a sliver of paint, can end between the samples of the glass; the box may never be too small.
    assert ((seen[:2] - box[:2]) * pixels >= -1 / glass - 1e-3).all()
    assert ((box[2:] - seen[2:]) * pixels >= -1 / glass - 1e-3).all()
    if (view.warp is not None and ((box[2:] - box[:2]) * pixels <= 1).any()) or is_sliver(view, size):
        return  # a slanted sliver, of which the samples see any part
    cut = bool(((box == 0) | (box == 1)).any())
    assert (np.abs(seen - box) * np.tile(pixels, 2) <= 1 + slack(view, size, cut)).all(), (seen, box)


def is_sliver(view: View, size: tuple[int, int]) -> bool:
    """Return whether the paint, turned, is thinner than a network pixel: samples miss most of it."""
    sides = np.abs(np.diff(view.sample.objects.boxes.reshape(-1, 2, 2), axis=1)) * view.sample.image.shape[1::-1]
    scale = np.array(size[::-1]) / view.extent
    return view.warp is not None and bool((sides * scale < 1).any())


def slack(view: View, size: tuple[int, int], cut: bool) -> float:
    """Return by how many network pixels a corner of the paint may fall between samples: none where it stays square.

    Where the border of the view cuts the paint, corners lie between border and side, too.
    """
    if view.warp is None:
        return 1e-3
    # Angle between the sides of the rectangle as shown; a tip of that angle is resolved where it is a sample wide.
    a, b = np.linalg.inv(view.warp[:, :2]).T * np.array([size[1], size[0]])
    x0, y0, x1, y1 = view.window
    a, b = a / (x1 - x0), b / (y1 - y0)
    sines = [abs(a[0] * b[1] - a[1] * b[0]) / (np.hypot(*a) * np.hypot(*b))]
    if cut:
        against = np.abs([*(a / np.hypot(*a)), *(b / np.hypot(*b))])
        sines += against[against > 1e-6].tolist()  # a side along the border makes no corner with it
    return float(0.25 / max(min(sines), 1e-3))


@pytest.mark.parametrize("name", GEOMETRIC)
@settings(max_examples=40)
@given(rectangles(), st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32), st.booleans())
def test_paint_and_box_agree(
    name: str, place: tuple[int, int, tuple[int, int, int, int]], h: int, w: int, seed: int, ignored: bool
) -> None:
    assert_the_box_fits(shown([name], painted(*place, ignored=ignored), seed), (h, w))


@given(
    st.lists(st.sampled_from(GEOMETRIC), min_size=2, max_size=5), rectangles(), st.integers(1, 40), st.integers(1, 40),
    st.integers(0, 2**32),
)  # fmt: skip
@example(["RandomCrop", "RandomResizedCrop", "Translation", "Affine"], (37, 12, (0, 0, 12, 37)), 11, 17, 11502)
def test_paint_and_box_agree_through_any_sequence(
    names: list[str], place: tuple[int, int, tuple[int, int, int, int]], h: int, w: int, seed: int
) -> None:
    assert_the_box_fits(shown(names, painted(*place), seed), (h, w))


@pytest.mark.parametrize("name", OPERATIONS)
@settings(max_examples=5)
@given(rectangles(), st.integers(0, 2**32))
def test_ignore_regions_go_where_boxes_go(
    name: str, place: tuple[int, int, tuple[int, int, int, int]], seed: int
) -> None:
    def run(ignored: bool) -> NDArray[np.float32]:
        # A partner without boxes of its own, or what it adds would differ.
        blank = Sample(photograph(50, 60, 0).image)
        sample = painted(*place, ignored=ignored)
        result = Pipeline.load(always(name))(
            sample, np.random.default_rng(seed), (64, 64), "opencv_inter_nearest", lambda rng: blank
        )
        return np.concatenate([result.boxes, result.ignore])

    if name not in ("RandomCrop", "CloserLook"):  # they look for boxes
        assert np.array_equal(run(True), run(False))


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from(ALONE), unique=True, max_size=12),
    st.integers(0, 2**32), st.sampled_from(["list", "table", "pre and post"]), st.integers(0, 30),
)  # fmt: skip
def test_operations_run_in_the_order_listed(names: list[str], seed: int, layout: str, split: int) -> None:
    tables = [always(name) for name in names]
    pre, post = ({k: v for table in part for k, v in table.items()} for part in (tables[:split], tables[split:]))
    config = {"list": tables, "table": {"data_augment": pre | post}}.get(
        layout, {"data_augment_post": post, "data_augment_pre": pre}
    )
    pipeline, sample = Pipeline.load(config), photograph(40, 50)
    found = pipeline(sample, np.random.default_rng(seed), (20, 24), "torch_nearest", partner)
    rng, size, mode = np.random.default_rng(seed), (20, 24), "torch_nearest"
    seen, view = sample, View.of(sample)
    for name in names:
        (operation,) = Pipeline.load(always(name)).operations
        if isinstance(operation, GEOMETRY):
            view = operation(view, rng)
            continue
        seen = view.render(size, mode)
        if isinstance(operation, SAMPLES):
            seen = operation(seen, rng)
        else:
            seen = replace(seen, image=operation(seen.image, rng))
        view = View.of(seen)
    expected = view.render(size, mode)
    assert np.array_equal(found.image, expected.image)
    assert np.array_equal(found.labels, expected.labels)
    for field in ("boxes", "ignore"):
        np.testing.assert_allclose(getattr(found, field), getattr(expected, field), atol=1e-6)
