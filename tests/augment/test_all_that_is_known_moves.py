"""A painted point, its mask and its box move together through every geometric operation; mirrors swap the sides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uhd.augment.layout import GEOMETRY
from uhd.augment.mirror import mirror_phrase
from uhd.augment.pipeline import Pipeline
from uhd.augment.view import View
from uhd.augment.visible import WHOLE, objects_in
from uhd.errors import UserError
from uhd.objects import Objects
from uhd.outlines import clip_outline, fill_outline, outline_area, outline_bounds
from uhd.sample import Sample

PAINT, DOT = (250, 30, 30), (30, 250, 30)
SIZE, MODE = (96, 128), "opencv_inter_nearest"
NAMES = [kind.__name__ for kind in GEOMETRY if kind.__name__ != "Soften"]


def scene(seed: int, ignored: bool = False) -> Sample:
    """A triangle with a dot at a random place of it, labelled with its box, its outline, its point and a phrase."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(300, 500, 2).tolist()
    low, high = rng.uniform(0.15, 0.4, 2), rng.uniform(0.6, 0.85, 2)
    ring = np.array([[low[0], high[1]], [high[0], high[1]], [rng.uniform(low[0], high[0]), low[1]]], np.float32)
    dot = (ring * rng.dirichlet(np.ones(3) * 5)[:, None]).sum(0)
    image = np.full((height, width, 3), (10, 60, 200), np.uint8)
    image[fill_outline((ring,), (height, width))] = PAINT
    x, y = int(dot[0] * width), int(dot[1] * height)
    image[y - 9 : y + 10, x - 9 : x + 10] = DOT
    objects = Objects(
        outline_bounds((ring,))[None], np.zeros(1, np.int64), np.array([ignored]),
        np.array([[[*dot, 2.0], [*dot, 0.0]]], np.float32), ((ring,),), (("the left one",),),
    )  # fmt: skip
    return Sample(image, objects=objects, name=str(seed))


def centre_of_dot(image: np.ndarray) -> np.ndarray | None:
    rows, columns = np.nonzero((image == DOT).all(-1))
    if not len(rows) or rows.min() == 0 or columns.min() == 0 or rows.max() == image.shape[0] - 1:
        return None
    if columns.max() == image.shape[1] - 1:
        return None
    return np.array([(columns.mean() + 0.5) / image.shape[1], (rows.mean() + 0.5) / image.shape[0]])


def assert_all_in_place(image: np.ndarray, objects: Objects, pieces: int = 1) -> None:
    """Assert that paint, mask, point and box agree, to a pixel or two."""
    assert objects.masks is not None
    assert objects.keypoints is not None
    height, width = image.shape[:2]
    painted = ((image == PAINT) | (image == DOT)).all(-1)
    covered = np.zeros((height, width), bool)
    for mask, box in zip(objects.masks, objects.boxes, strict=True):
        covered |= fill_outline(mask, (height, width))
        if mask:
            edges = outline_bounds(mask) - box
            assert (edges[:2] >= -1e-4).all()  # the mask lies in its box
            assert (edges[2:] <= 1e-4).all()
    border = 2 * (height + width) * pieces  # a pixel along the edges may fall either way
    assert np.count_nonzero(covered != painted) <= border / 2 + 8
    if pieces == 1 and len(objects) == 1:
        dot = centre_of_dot(image)
        x, y, seen = objects.keypoints[0, -2 if objects.keypoints[0, -2, 2] else -1]
        if dot is not None and seen:
            assert (np.abs(dot - (x, y)) * (width, height) <= 1.5).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4), st.integers(0, 10_000), st.booleans())
def test_through_any_sequence(names: list[str], seed: int, ignored: bool) -> None:
    sample, rng = scene(seed, ignored), np.random.default_rng(seed)
    view = View.of(sample)
    for name in names:
        swap = {"keypoint_swap_map": {0: 1}} if name.endswith("Flip") else {}
        (operation,) = Pipeline.load({name: {"prob": 1.0, **swap}}).operations
        view = operation(view, rng)
    seen = objects_in([(view, WHOLE)])
    if len(seen):
        assert_all_in_place(view.read(SIZE, MODE), seen)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["Mosaic", "CopyPaste"]))
def test_through_operations_that_join(seed: int, name: str) -> None:
    steps = [{name: {"prob": 1.0}}, {"HorizontalFlip": {"prob": 0.5, "keypoint_swap_map": {0: 1}}}]
    result = Pipeline.load(steps)(
        scene(seed), np.random.default_rng(seed), SIZE, MODE, lambda rng: scene(int(rng.integers(99)))
    )
    assert_all_in_place(result.image, result.objects, 4)


@pytest.mark.parametrize("name", ["HorizontalFlip", "VerticalFlip"])
def test_a_mirror_swaps_the_sides(name: str) -> None:
    sample = scene(3)
    result = Pipeline.load({name: {"prob": 1.0, "keypoint_swap_map": {0: 1}}})(
        sample, np.random.default_rng(0), SIZE, MODE, lambda _: sample
    )
    assert result.objects.keypoints is not None
    assert result.objects.keypoints[0, :, 2].tolist() == [0, 2]
    assert result.objects.texts == (("the right one" if name == "HorizontalFlip" else "the left one",),)


def test_keypoints_of_unknown_sides_are_not_guessed() -> None:
    sample = scene(3)
    with pytest.raises(UserError, match="keypoint_swap_map"):
        Pipeline.load({"HorizontalFlip": 1.0})(sample, np.random.default_rng(0), SIZE, MODE, lambda _: sample)


def test_mixup_keeps_what_belongs_to_both_and_cutout_hides_points() -> None:
    steps = [{"MixUp": {"prob": 1.0}}, {"Cutout": {"prob": 1.0, "height": 1.0, "width": 1.0, "min_visibility": 0.0}}]
    result = Pipeline.load(steps)(scene(1), np.random.default_rng(0), SIZE, MODE, lambda _: scene(2))
    assert len(result.objects) == len(result.objects.masks or ()) == len(result.objects.texts or ()) == 2
    assert result.objects.keypoints is not None
    assert sorted(result.objects.keypoints[..., 2].reshape(-1).tolist()) == [0, 0, 1, 1]


def test_words_keep_their_case_and_their_neighbours() -> None:
    assert mirror_phrase("LEFT foot, Right hand, leftover brightness") == "RIGHT foot, Left hand, leftover brightness"


def test_outlines_are_clipped_and_filled_exactly() -> None:
    square = (np.array([[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]], np.float32),)
    part = clip_outline(square, (0.5, 0.0, 1.0, 0.5))
    np.testing.assert_allclose(outline_bounds(part), [0.5, 0.1, 0.9, 0.5])
    assert outline_area(part) == pytest.approx(0.16)
    assert fill_outline(square, (10, 10)).sum() == 64
    ring = (*square, np.array([[0.4, 0.4], [0.6, 0.4], [0.6, 0.6], [0.4, 0.6]], np.float32))
    assert fill_outline(ring, (10, 10)).sum() == 60  # with a hole
    assert clip_outline(square, (0.95, 0.95, 1.0, 1.0)) == ()
