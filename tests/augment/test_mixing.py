from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.augment.conftest import assert_same_place, extent, painted, photograph
from uhd.augment.cover import Cover
from uhd.augment.mixing import CopyPaste, MixUp, Mosaic
from uhd.augment.pipeline import Pipeline
from uhd.augment.view import View
from uhd.data.batch import collate
from uhd.objects import Objects
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
    for part in Mosaic().parts((h, w), draw):
        rows, columns = part.rows, part.columns
        inside = (centre[:, 0] > columns.start) & (centre[:, 0] < columns.stop)
        inside &= (centre[:, 1] > rows.start) & (centre[:, 1] < rows.stop)
        size = np.array([columns.stop - columns.start, rows.stop - rows.start] * 2)
        own = (regions[inside] - np.array([columns.start, rows.start] * 2)) / size
        assert np.abs(own - 0.5).max(initial=0) < 0.5 + 1e-5
        assert_same_place(result.image[rows, columns], np.clip(own, 0, 1))


def test_quarters_tile_the_image_exactly() -> None:
    for size in ((64, 64), (7, 9), (2, 2), (1, 1), (1, 5)):
        count = np.zeros(size, int)
        for part in Mosaic().parts(size, np.random.default_rng(0)):
            rows, columns = part.rows, part.columns
            count[rows, columns] += 1
            assert part.shown == (0, 0, 1, 1)
            assert part.place == (columns.start / size[1], rows.start / size[0], columns.stop / size[1],
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


@given(st.integers(0, 10_000))
@example(5572)
def test_parts_that_meet_off_the_middle_keep_aspect_and_boxes(seed: int) -> None:
    draw = np.random.default_rng(seed)
    mosaic = Mosaic(centre=(0.2, 0.8), min_visibility=0.0)
    for part in mosaic.parts((60, 80), draw):
        left, top, right, bottom = part.place
        wide, high = part.shown[2] - part.shown[0], part.shown[3] - part.shown[1]
        assert (right - left) / wide == pytest.approx((bottom - top) / high, rel=1e-6)
        assert max(wide, high) == pytest.approx(1)
        # What is shown touches the place where the four meet.
        assert part.shown[0 if left > 0 else 2] == (0 if left > 0 else 1)
        assert part.shown[1 if top > 0 else 3] == (0 if top > 0 else 1)
        x0, y0 = (int(draw.integers(0, 40)) for _ in range(2))
        view = mosaic.look(View.of(painted(60, 80, (x0, y0, x0 + 20, y0 + 15))), part)
        size = part.rows.stop - part.rows.start, part.columns.stop - part.columns.start
        shown = view.render(size, "opencv_inter_nearest")
        assert_same_place(shown.image, shown.boxes, (1.0, 1.0))


def test_a_blend_of_unequal_shares_weighs_its_boxes() -> None:
    ours, other = photograph(count=2), photograph(count=1, seed=1)
    rng = np.random.default_rng(3)
    mixed = Pipeline([MixUp(alpha=2.0)])(ours, rng, (64, 64), "torch_nearest", lambda _: other)
    weights = mixed.objects.weights
    assert weights is not None
    share = weights[0]
    assert weights[: mixed.objects.count] == pytest.approx([share, share, 1 - share])
    assert 0.02 < share < 0.98
    assert abs(share - 0.5) > 0.02
    sides = [View.of(each).read((64, 64), "torch_nearest").astype(float) for each in (ours, other)]
    assert np.abs(mixed.image - (share * sides[0] + (1 - share) * sides[1])).max() <= 0.51
    batch = collate([mixed, View.of(ours).render((64, 64), "torch_nearest")])
    assert batch.weights is not None
    assert batch.weights[1].tolist() == [1, 1, 0]
    plain = Pipeline([MixUp()])(ours, rng, (64, 64), "torch_nearest", lambda _: other)
    assert plain.objects.weights is None


def test_what_several_outlines_hide_adds_up() -> None:
    box = np.array([[0.0, 0.0, 1.0, 0.5], [0.0, 0.5, 0.5, 1.0]], np.float32)
    objects = Objects.of(box)
    cover = Cover((40, 40), objects)
    left = np.array([[0, 0], [0.5, 0], [0.5, 0.5], [0, 0.5]], np.float32)
    triangle = np.array([[0.5, 0], [1, 0], [1, 0.5]], np.float32)
    patch = np.array([[0.0, 0.0, 1.0, 1.0]], np.float32)
    assert cover.hide(objects, patch, (left,)) == pytest.approx([0.5, 0.0])
    assert cover.hide(objects, patch, (triangle,)) == pytest.approx([0.75, 0.0], abs=0.03)
    # Without an outline the patch hides all of its box.
    assert cover.hide(objects, patch[:, [0, 1, 2, 2]] * np.float32(0.5), ()) == pytest.approx([0.5, 0.0])


@pytest.mark.parametrize("name", ["light", "medium", "heavy", "recipe"])
def test_presets_are_known_by_name(name: str) -> None:
    pipeline = Pipeline.load(name, warn=lambda line: pytest.fail(line))
    seen = pipeline(photograph(), np.random.default_rng(0), (64, 64), "opencv_inter_nearest", lambda _: photograph())
    assert seen.image.shape == (64, 64, 3)
    assert len(pipeline.operations) >= 3
