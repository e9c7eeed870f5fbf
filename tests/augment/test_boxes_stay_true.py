"""Paint a rectangle, augment, and its box still fits it; whatever the image's size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uhd.augment.geometry import (
    HorizontalFlip,
    RandomCrop,
    RandomScale,
    RandomWindow,
    Translation,
    VerticalFlip,
)
from uhd.augment.pipeline import OPERATIONS, Pipeline
from uhd.augment.view import View
from uhd.errors import UserError
from uhd.resize import RESIZE_MODES, resize_image
from uhd.sample import Sample

GEOMETRY = [
    HorizontalFlip(1.0),
    VerticalFlip(1.0),
    RandomWindow(1.0),
    RandomCrop(1.0, (0.3, 0.9)),
    RandomCrop(1.0, (1.0, 1.0), (1.0, 1.0), deterministic=True),
    RandomScale(1.0, (0.5, 1.8)),
    Translation(1.0, 0.3),
]


def painted(height: int, width: int, rng: np.random.Generator) -> Sample:
    """A red rectangle on blue, with its exact box."""
    image = np.full((height, width, 3), (0, 0, 255), np.uint8)
    x0, x1 = sorted(rng.choice(width + 1, 2, replace=False))
    y0, y1 = sorted(rng.choice(height + 1, 2, replace=False))
    image[y0:y1, x0:x1] = (255, 0, 0)
    box = np.array([[x0 / width, y0 / height, x1 / width, y1 / height]], np.float32)
    return Sample(image, box, np.zeros(1, np.int64))


@pytest.mark.parametrize("operation", GEOMETRY, ids=lambda op: type(op).__name__)
@settings(max_examples=60, deadline=None)
@given(height=st.integers(20, 200), width=st.integers(20, 200), seed=st.integers(0, 10**6))
def test_the_box_fits_the_rectangle(operation: object, height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sample = painted(height, width, rng)
    view = operation(View.of(sample), rng)  # type: ignore[operator]
    out = view.render((64, 96), "opencv_inter_nearest")
    red = (out.image == (255, 0, 0)).all(-1)
    boxes = np.concatenate([out.boxes, out.ignore])
    assert ((boxes >= 0) & (boxes <= 1)).all()
    if not len(boxes):
        # What is left without a box is thinner than a pixel's reach.
        assert red.any(0).sum() <= 1 or red.any(1).sum() <= 1
        return
    pixels = boxes[0] * (96, 64, 96, 64)
    if not red.any():
        assert min(pixels[2] - pixels[0], pixels[3] - pixels[1]) <= 1.01
        return
    rows, columns = np.flatnonzero(red.any(1)), np.flatnonzero(red.any(0))
    seen = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    np.testing.assert_allclose(seen, pixels, atol=1.01)


@pytest.mark.parametrize("mode", RESIZE_MODES)
def test_the_whole_image_is_read_as_deployment_reads_it(mode: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (240, 333, 3), np.uint8)
    found = View.of(Sample(image)).render((64, 64), mode).image
    np.testing.assert_array_equal(found, resize_image(image, (64, 64), mode))
    mirrored = View.of(Sample(image)).flip_x().render((64, 64), mode).image
    np.testing.assert_array_equal(mirrored, resize_image(image, (64, 64), mode)[:, ::-1])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), empty=st.booleans())
def test_our_recipe(seed: int, empty: bool) -> None:
    rng = np.random.default_rng(seed)
    pipeline = Pipeline.load(None)

    def draw(generator: np.random.Generator) -> Sample:
        sample = painted(*generator.integers(20, 200, 2), generator)
        return Sample(sample.image) if empty else sample

    first = pipeline(draw(rng), np.random.default_rng(seed), (64, 64), "opencv_inter_nearest", draw)
    again = pipeline(draw(np.random.default_rng(seed)), np.random.default_rng(seed), (64, 64), "torch_bilinear", draw)
    assert first.image.shape == again.image.shape == (64, 64, 3)
    assert ((first.boxes >= 0) & (first.boxes <= 1)).all()
    assert (first.boxes[:, 2:] > first.boxes[:, :2]).all()
    assert len(first.labels) == len(first.boxes)


def test_mosaic_puts_each_box_in_its_quarter() -> None:
    rng = np.random.default_rng(0)
    pipeline = Pipeline.load({"Mosaic": 1.0})
    out = pipeline(painted(50, 70, rng), rng, (64, 64), "opencv_inter_nearest", lambda r: painted(40, 90, r))
    assert len(out.boxes) == 4
    for box, (left, top) in zip(out.boxes, ((0, 0), (0.5, 0), (0, 0.5), (0.5, 0.5)), strict=True):
        assert left <= box[0] < box[2] <= left + 0.5
        assert top <= box[1] < box[3] <= top + 0.5


@pytest.mark.parametrize(
    "table",
    [
        {"HorizontalFlip": {"prob": 1, "class_swap_map": {3: 7}}},
        {"data_augment": {"HorizontalFlip": 1.0, "class_swap_map": {3: 7}}},
        {"data_augment_pre": {"HorizontalFlip": 1.0}, "class_swap_map": {3: 7, 7: 3}},
        {"data_augment_pre": {"HorizontalFlip": {"prob": 1.0}, "class_swap_map": {3: 7}}},
    ],
)
def test_a_flip_exchanges_left_and_right_classes(table: dict[str, object]) -> None:
    box = np.array([[0.1, 0.1, 0.4, 0.5]] * 3, np.float32)
    sample = Sample(np.zeros((20, 20, 3), np.uint8), box, np.array([0, 1, 2]))
    pipeline = Pipeline.load(table, classes=(3, 7, 9))
    out = pipeline(sample, np.random.default_rng(0), (64, 64), "torch_nearest", lambda r: sample)
    assert out.labels.tolist() == [1, 0, 2]
    np.testing.assert_allclose(out.boxes[0], [0.6, 0.1, 0.9, 0.5], atol=1e-6)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_runs_on_an_image_without_boxes(name: str) -> None:
    rng = np.random.default_rng(0)
    sample = Sample(rng.integers(0, 256, (37, 53, 3), np.uint8))
    out = Pipeline.load({name: {} if name != "RemoveOutliers" else 0.01})(
        sample, rng, (48, 80), "opencv_inter_nearest", lambda r: sample
    )
    assert out.image.shape == (48, 80, 3)


def test_wrong_names_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="Mosaic"):
        Pipeline.load({"Mosiac": 1.0})
    assert len(Pipeline.load({"RandomHSV": {"satration": 0.5}}).operations) == 1
    assert capsys.readouterr().err.count("did you mean 'saturation'") == 1
