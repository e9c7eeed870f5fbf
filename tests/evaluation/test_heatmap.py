from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from uhd.evaluation.heatmap import SHARE, overlay, reduce_channels


def test_stretched_from_least_to_most() -> None:
    feature = np.array([[[0.0, 1.0], [2.0, 3.0]], [[0.0, 1.0], [4.0, 7.0]]], np.float32)
    expected = np.array([[0, 2], [6, 10]]) / 10
    for how in ("mean", "sum"):
        np.testing.assert_allclose(reduce_channels(feature, how), expected, atol=1e-7)


def test_a_flat_map_is_cold() -> None:
    assert (reduce_channels(np.full((3, 4, 5), 7.0, np.float32)) == 0).all()
    assert (reduce_channels(np.full((1, 1, 1), np.nan, np.float32)) == 0).all()


def test_an_unknown_reduction_is_refused() -> None:
    with pytest.raises(ValueError, match="mean, sum"):
        reduce_channels(np.zeros((1, 2, 2), np.float32), "median")


@given(arrays(np.float32, st.tuples(*[st.integers(1, 6)] * 3), elements=st.floats(-1e6, 1e6, width=32)),
       st.sampled_from(["mean", "sum"]))  # fmt: skip
def test_always_between_zero_and_one(feature: np.ndarray, how: str) -> None:
    heat = reduce_channels(feature, how)
    assert heat.shape == feature.shape[1:]
    assert heat.dtype == np.float32
    assert ((heat >= 0) & (heat <= 1)).all()


def test_cells_keep_their_place_and_the_picture_shines_through() -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:, 30:] = 200
    heat = np.array([[0.0, 0.0], [0.0, 1.0]], np.float32)
    drawn = overlay(picture, heat)
    assert drawn.shape == picture.shape
    assert (picture[:, 30:] == 200).all()
    # The cold end of inferno is black, the hot end a light yellow: R and G high, B lower.
    assert (drawn[:20, :30] <= 3).all()
    assert (np.abs(drawn[:20, 30:].astype(int) - round(200 * (1 - SHARE))) <= 3).all()
    hot = drawn[25:, 35:].reshape(-1, 3)
    assert (hot == hot[0]).all()
    assert hot[0, 0] > 200
    assert hot[0, 2] < hot[0, 1]


def test_any_size_of_picture() -> None:
    for shape in ((1, 1), (3, 200), (200, 3)):
        assert overlay(np.zeros((*shape, 3), np.uint8), np.ones((8, 8), np.float32)).shape == (*shape, 3)
