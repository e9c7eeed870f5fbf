from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.augment.conftest import assert_same_place, extent, painted, photograph
from uhd.augment.mixing import CopyPaste, MixUp, Mosaic
from uhd.augment.pipeline import Pipeline
from uhd.augment.view import View
from uhd.sample import Sample


@given(
    st.integers(2, 70), st.integers(2, 70), st.integers(0, 10_000),
    st.sampled_from(["opencv_inter_nearest", "torch_nearest"]),
)  # fmt: skip
def test_every_quarter_shows_its_own_sample_and_boxes(h: int, w: int, seed: int, mode: str) -> None:
    draw = np.random.default_rng(seed)

    def partner(rng: np.random.Generator) -> Sample:
        height, width = draw.integers(4, 80, 2).tolist()
        x0, y0 = int(draw.integers(0, width)), int(draw.integers(0, height))
        x1, y1 = int(draw.integers(x0, width)) + 1, int(draw.integers(y0, height)) + 1
        return painted(height, width, (x0, y0, x1, y1))

    pipeline = Pipeline.load({"Mosaic": 1.0, "RandomWindow": 1.0, "HorizontalFlip": 0.5, "VerticalFlip": 0.5})
    result = pipeline(partner(draw), np.random.default_rng(seed), (h, w), mode, partner)
    regions = np.concatenate([result.boxes, result.ignore]) * np.array([w, h, w, h])
    centre = (regions[:, :2] + regions[:, 2:]) / 2
    assert len(regions) <= 4
    for rows, columns, _ in Mosaic.quarters((h, w)):
        inside = (centre[:, 0] > columns.start) & (centre[:, 0] < columns.stop)
        inside &= (centre[:, 1] > rows.start) & (centre[:, 1] < rows.stop)
        size = np.array([columns.stop - columns.start, rows.stop - rows.start] * 2)
        own = (regions[inside] - np.array([columns.start, rows.start] * 2)) / size
        assert np.abs(own - 0.5).max(initial=0) < 0.5 + 1e-5
        assert_same_place(result.image[rows, columns], np.clip(own, 0, 1))


def test_quarters_tile_the_image_exactly() -> None:
    for size in ((64, 64), (7, 9), (2, 2), (1, 1), (1, 5)):
        count = np.zeros(size, int)
        for rows, columns, place in Mosaic.quarters(size):
            count[rows, columns] += 1
            assert place == (columns.start / size[1], rows.start / size[0], columns.stop / size[1],
                             rows.stop / size[0])  # fmt: skip
        assert (count == 1).all()


def test_a_mosaic_asks_for_three_partners() -> None:
    asked = []

    def partner(rng: np.random.Generator) -> Sample:
        asked.append(1)
        return photograph(seed=len(asked))

    result = Pipeline.load({"Mosaic": 1.0})(photograph(), np.random.default_rng(0), (64, 64), "torch_nearest", partner)
    assert len(asked) == 3
    assert len(result.boxes) == 12
    assert len(result.ignore) == 4


def test_mixup_is_the_mean_of_both_and_keeps_all_boxes() -> None:
    a, b = photograph(32, 32, 2, 1), photograph(32, 32, 3, 2)
    mixed = MixUp(1.0)(a, np.random.default_rng(0), lambda: View.of(b), "torch_nearest")
    assert np.abs(mixed.image - (a.image.astype(float) + b.image) / 2).max() <= 0.5
    assert np.allclose(mixed.boxes, np.concatenate([a.boxes, b.boxes]), atol=1e-6)
    assert mixed.labels.tolist() == [0, 1, 0, 1, 2]
    assert len(mixed.ignore) == 2
    assert MixUp(0.0)(a, np.random.default_rng(0), lambda: View.of(b), "torch_nearest") is a


@given(st.integers(0, 10_000), st.integers(8, 90), st.integers(8, 90))
def test_a_pasted_object_lies_where_its_box_says(seed: int, h: int, w: int) -> None:
    target = Sample(np.zeros((h, w, 3), np.uint8))
    source = painted(50, 80, (20, 10, 50, 40), label=3)
    result = CopyPaste(1.0)(target, np.random.default_rng(seed), lambda: View.of(source), "opencv_inter_nearest")
    assert result.labels.tolist() == [3]
    seen = extent(result.image)
    assert seen is not None
    assert np.allclose(seen, result.boxes[0], atol=1e-6)  # patches are cut at whole pixels
    assert not target.image.any()


def test_what_a_patch_hides_becomes_an_ignore_region() -> None:
    target = Sample(np.zeros((40, 40, 3), np.uint8), np.array([[0.4, 0.4, 0.6, 0.6]], np.float32), np.array([0]))
    source = painted(40, 40, (0, 0, 40, 40), label=1)
    paste = CopyPaste(1.0, scale=(1.0, 1.0))
    result = paste(target, np.random.default_rng(0), lambda: View.of(source), "opencv_inter_nearest")
    assert result.labels.tolist() == [1]
    assert np.allclose(result.ignore, target.boxes)


def test_blends_and_pastes_run_in_a_pipeline_on_any_sizes() -> None:
    pipeline = Pipeline.load({"MixUp": 1.0, "CopyPaste": {"prob": 1.0, "sample_num": 2}, "RandomWindow": 1.0})
    for seed in range(20):
        rng = np.random.default_rng(seed)
        result = pipeline(photograph(30, 70), rng, (24, 40), "torch_bilinear", lambda r: photograph(50, 20, 4, 7))
        assert result.image.shape == (24, 40, 3)
        assert ((result.boxes >= 0) & (result.boxes <= 1)).all()
        assert len(result.boxes) == len(result.labels)
