from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.augment.conftest import photograph
from uhd.augment.layout import OPERATIONS
from uhd.augment.pipeline import Pipeline
from uhd.boxes import area_xyxy
from uhd.resize import RESIZE_MODES, resize_image
from uhd.sample import Sample

EVERYTHING: dict[str, Any] = dict.fromkeys(OPERATIONS, 0.5) | {
    "RandomCrop": {"prob": 0.5, "ratio": [0.3, 1.0]}, "RemoveOutliers": 1e-4,
}  # fmt: skip


def run(pipeline: Pipeline, sample: Sample, seed: int, size: tuple[int, int] = (64, 64), mode: str = "") -> Sample:
    return pipeline(
        sample, np.random.default_rng(seed), size, mode or "opencv_inter_nearest",
        lambda rng: photograph(40, 70, int(rng.integers(4)), int(rng.integers(9))),
    )  # fmt: skip


@given(
    st.sampled_from([None, EVERYTHING]), st.integers(1, 130), st.integers(1, 130), st.integers(1, 90),
    st.integers(1, 90), st.integers(0, 5), st.sampled_from(RESIZE_MODES), st.integers(0, 2**32),
)  # fmt: skip
def test_any_image_any_size_any_mode(
    table: Any, height: int, width: int, h: int, w: int, count: int, mode: str, seed: int
) -> None:
    pipeline, sample = Pipeline.load(table), photograph(height, width, count)
    result = run(pipeline, sample, seed, (h, w), mode)
    assert result.image.shape == (h, w, 3)
    assert result.image.dtype == np.uint8
    for boxes in (result.boxes, result.ignore):
        assert boxes.dtype == np.float32
        assert ((boxes >= 0) & (boxes <= 1)).all()
        assert (boxes[:, 2:] >= boxes[:, :2]).all()
    assert (area_xyxy(result.boxes) >= (1e-4 if table else 0)).all()
    assert result.labels.shape == (len(result.boxes),)
    assert result.name == sample.name
    again = run(pipeline, sample, seed, (h, w), mode)
    for name in ("image", "boxes", "labels", "ignore"):
        assert np.array_equal(getattr(result, name), getattr(again, name))


def test_another_seed_gives_another_sample() -> None:
    images = {run(Pipeline.load(None), photograph(), seed).image.tobytes() for seed in range(20)}
    assert len(images) == 20


def test_the_source_is_never_written_to() -> None:
    sample = photograph(64, 64)
    before = [array.copy() for array in (sample.image, sample.boxes, sample.labels, sample.ignore)]
    for seed in range(20):
        run(Pipeline.load(EVERYTHING), sample, seed).image[:] = 0
    after = (sample.image, sample.boxes, sample.labels, sample.ignore)
    assert all(np.array_equal(a, b) for a, b in zip(after, before, strict=True))


@pytest.mark.parametrize("mode", RESIZE_MODES)
def test_no_operations_resize_as_deployment_does(mode: str) -> None:
    sample = photograph(77, 130)
    result = run(Pipeline([]), sample, 0, (48, 64), mode)
    assert np.array_equal(result.image, resize_image(sample.image, (48, 64), mode))
    assert np.allclose(result.boxes, sample.boxes, atol=1e-6)


def test_geometry_before_colour_reads_the_photograph_and_after_it_the_small_image() -> None:
    # A photograph of fine stripes, of which the middle half is shown.
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::4] = 255
    zoom = {"RandomScale": {"prob": 1.0, "scale_range": [2.0, 2.0]}}
    orders = [zoom, {"ToGray": 1.0}], [{"ToGray": 1.0}, zoom]
    first, after = (run(Pipeline.load(steps), Sample(stripes), 5).image for steps in orders)
    assert np.array_equal(first, stripes[64:192:2, 64:192:2])  # every second pixel: bright, dark, bright, dark
    small = stripes[::4, ::4]
    assert np.array_equal(after, small[16:48, 16:48].repeat(2, 0).repeat(2, 1))


def test_flips_after_colour_are_exact() -> None:
    steps = [{"HorizontalFlip": 1.0}, {"VerticalFlip": 1.0}, {"ToGray": 1.0}]
    for mode in RESIZE_MODES:
        a, b = (run(Pipeline.load(order), photograph(), 5, (48, 64), mode) for order in (steps, steps[::-1]))
        assert np.array_equal(a.image, b.image)
        np.testing.assert_allclose(a.boxes, b.boxes, atol=1e-6)


def test_a_mosaic_joins_before_colour_wherever_it_is_listed() -> None:
    listed = ["Mosaic", "RandomWindow", "RandomHSV"]
    orders = listed, [*listed[1:], "Mosaic"], listed[::-1]
    first, last, reversed_ = (run(Pipeline.load(dict.fromkeys(names, 1.0)), photograph(), 5) for names in orders)
    assert np.array_equal(first.image, last.image)
    assert not np.array_equal(first.image, reversed_.image)  # there the window is cut out of the mosaic


def test_geometry_keeps_its_order() -> None:
    # Cutting the left half and then mirroring is not mirroring and then cutting the left half.
    sample = photograph(40, 40)
    views = [Pipeline.load(table)(sample, np.random.default_rng(8), (40, 40), "torch_nearest", lambda rng: sample).image
             for table in ({"Translation": 1.0, "HorizontalFlip": 1.0}, {"HorizontalFlip": 1.0, "Translation": 1.0})
             ]  # fmt: skip
    assert not np.array_equal(views[0], views[1])


def test_the_share_of_mosaics() -> None:
    count = 0

    def partner(rng: np.random.Generator) -> Sample:
        nonlocal count
        count += 1
        return photograph()

    pipeline = Pipeline.load({"Mosaic": 0.25})
    for seed in range(1000):
        pipeline(photograph(), np.random.default_rng(seed), (4, 4), "torch_nearest", partner)
    assert 600 < count < 900  # three partners for a quarter of the samples


def test_labels_stay_with_their_boxes() -> None:
    # Label i marks a box of width (i + 1) / 10: flips and shifts change places, never widths.
    boxes = np.array([[0.0, 0.1 * i, 0.1 * (i + 1), 0.1 * i + 0.05] for i in range(5)], np.float32)
    sample = replace(photograph(), boxes=boxes, labels=np.arange(5, dtype=np.int64))
    pipeline = Pipeline.load({"HorizontalFlip": 0.5, "VerticalFlip": 0.5, "Mosaic": 0.5})
    for seed in range(20):
        own = pipeline(sample, np.random.default_rng(seed), (64, 64), "torch_nearest", lambda rng: sample)
        widths = (own.boxes[:, 2] - own.boxes[:, 0]) * (10 if len(own.boxes) == 5 else 20)
        assert np.allclose(widths, own.labels + 1, atol=1e-4)


def test_a_pipeline_can_be_sent_to_a_worker() -> None:
    import multiprocessing.reduction as reduction  # what a spawned loader process does

    pipeline = Pipeline.load(EVERYTHING, (0, 1))
    assert len(bytes(reduction.ForkingPickler.dumps(pipeline))) > 100
    assert repr(pipeline).startswith("Pipeline(")
    assert [name for entry in pipeline.to_plain() for name in entry] == list(OPERATIONS)
    assert Pipeline.load(pipeline.to_plain(), (0, 1)).operations == pipeline.operations
