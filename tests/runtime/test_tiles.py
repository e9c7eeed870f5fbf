"""Tiles cover the frame within the budget, and what they find is put together once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from uhd.card import ModelSpec
from uhd.errors import UserError
from uhd.runtime.predictor import Prediction, Predictor
from uhd.runtime.tiles import TiledPredictor, Tiling, plan_tiles, suppress_across_seams


class BrightPixels(Predictor):
    """Finds the box round everything brighter than half in the 32x32 view; blind to less than twelve pixels."""

    def __init__(self) -> None:
        self.spec = ModelSpec(input_size=(32, 32), conf_thresh=0.3)
        self.calls = 0

    def infer(self, batch: NDArray[np.float32]) -> list[Prediction]:
        found = []
        for image in batch:
            self.calls += 1
            rows, columns = np.nonzero(image[0] > 0.5)
            if len(rows) < 12:
                found.append((np.zeros((0, 4), np.float32), np.zeros((0, 1), np.float32)))
                continue
            box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float32) / 32
            found.append((box[None], np.array([[0.9]], np.float32)))
        return found


def frame(*boxes: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    image = np.zeros((480, 640, 3), np.uint8)
    for left, top, right, bottom in boxes:
        image[top:bottom, left:right] = 255
    return image


@settings(deadline=None)
@given(st.integers(1, 2000), st.integers(1, 2000), st.integers(1, 30), st.floats(0, 0.6))
def test_tiles_cover_every_pixel_within_the_budget(height: int, width: int, budget: int, overlap: float) -> None:
    tiles = plan_tiles((height, width), Tiling(budget, overlap))
    assert 1 <= len(tiles) <= budget
    assert tiles[0].tolist() == [0, 0, width, height]
    assert (tiles[:, 2:] > tiles[:, :2]).all()
    assert (tiles >= 0).all()
    assert (tiles[:, 2] <= width).all()
    assert (tiles[:, 3] <= height).all()
    if len(tiles) > 1:
        for start, end, length in ((0, 2, width), (1, 3, height)):
            spans = sorted({(int(tile[start]), int(tile[end])) for tile in tiles[1:]})
            assert spans[0][0] == 0
            assert max(end for _, end in spans) == length
            assert all(after[0] <= before[1] for before, after in pairwise(spans))


def test_a_person_too_small_for_one_look_is_found_in_a_tile() -> None:
    image = frame((300, 180, 340, 240))
    assert len(BrightPixels().predict([image])[0]) == 0
    found = TiledPredictor(BrightPixels(), Tiling(9)).predict([image])[0]
    assert len(found) == 1
    np.testing.assert_allclose(found.xyxy[0], [300, 180, 340, 240], atol=12)


def test_a_person_across_a_seam_is_one_person() -> None:
    tiling = Tiling(9)
    tiles = plan_tiles((480, 640), tiling)
    seam = int(sorted(set(tiles[1:, 2].tolist()))[0])
    image = frame((seam - 60, 100, seam + 60, 220))
    found = TiledPredictor(BrightPixels(), tiling).predict([image])[0]
    assert len(found) == 1
    np.testing.assert_allclose(found.xyxy[0], [seam - 60, 100, seam + 60, 220], atol=22)


def test_the_budget_is_kept() -> None:
    inner = BrightPixels()
    TiledPredictor(inner, Tiling(6)).predict([frame((0, 0, 300, 300))])
    assert 1 <= inner.calls <= 6


def test_one_call_is_the_plain_predictor() -> None:
    image = frame((100, 100, 400, 300))
    plain = BrightPixels().predict([image])[0]
    tiled = TiledPredictor(BrightPixels(), Tiling(1)).predict([image])[0]
    np.testing.assert_array_equal(plain.xyxy, tiled.xyxy)


def test_whole_boxes_win_over_parts_of_them() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 30], [50, 50, 60, 60]], np.float32)
    scores = np.array([0.9, 0.5, 0.4], np.float32)
    none = np.zeros(3, np.int64)
    part = np.array([True, False, False])
    assert suppress_across_seams(boxes, scores, none, part, 0.5).tolist() == [1, 2]
    # Two whole boxes of which one holds the other are two people; so are two of different classes.
    assert suppress_across_seams(boxes, scores, none, ~part & False, 0.5).tolist() == [0, 1, 2]
    assert suppress_across_seams(boxes, scores, np.array([0, 1, 0]), part, 0.5).tolist() == [0, 1, 2]


def test_impossible_tilings() -> None:
    with pytest.raises(UserError, match="at least one call"):
        Tiling(0)
    with pytest.raises(UserError, match="overlap"):
        Tiling(4, 1.0)
    with pytest.raises(UserError, match="more than a budget"):
        plan_tiles((480, 640), Tiling(9, 0.25, 3, 3))
    with pytest.raises(UserError, match="more than a budget"):
        plan_tiles((480, 640), Tiling(4, rows=4))
    for grid in ({"rows": 0}, {"columns": 0}, {"rows": -1, "columns": -1}):
        with pytest.raises(UserError, match="a grid has at least 1"):
            Tiling(**grid)


def test_what_is_given_of_a_grid_holds_and_the_rest_is_chosen() -> None:
    for budget in (4, 9, 13):
        tiles = plan_tiles((480, 640), Tiling(budget, rows=3))[1:]
        assert len(set(tiles[:, 1].tolist())) == 3
        assert len(tiles) <= budget - 1
        tiles = plan_tiles((480, 640), Tiling(budget, columns=3))[1:]
        assert len(set(tiles[:, 0].tolist())) == 3
        assert len(tiles) <= budget - 1
    # One tile would be the whole frame again.
    assert len(plan_tiles((480, 640), Tiling(3))) == len(plan_tiles((480, 640), Tiling(9, rows=1, columns=1))) == 1
