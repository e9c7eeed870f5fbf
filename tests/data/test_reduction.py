from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uhd.data.reduction import KEEP_UP_TO, cached_size, reduce_image
from uhd.resize import resize_image

sides = st.integers(1, 4000)


@given(sides, sides, st.sampled_from([(64, 64), (48, 80), (96, 96), (60, 100), (320, 320), (416, 256)]))
def test_never_enlarged_and_a_whole_multiple(height: int, width: int, size: tuple[int, int]) -> None:
    cached = cached_size(height, width, size)
    assert cached[0] <= height
    assert cached[1] <= width
    if cached != (height, width):
        assert cached[0] % size[0] == 0
        assert cached[1] % size[1] == 0


@pytest.mark.parametrize("photo", [(480, 640), (720, 1280), (1080, 1920), (3000, 4000), (4000, 3000), (2000, 3000)])
def test_photographs_keep_their_aspect(photo: tuple[int, int]) -> None:
    height, width = cached_size(*photo, (64, 64))
    assert max(height, width) <= 1.5 * KEEP_UP_TO
    assert abs(width / height * photo[0] / photo[1] - 1) < 0.03


def test_small_images_stay_themselves(picture) -> None:
    image = picture(512, 300)
    assert reduce_image(image, (64, 64), "opencv_inter_nearest") is image


@given(st.integers(520, 1500), st.integers(520, 1500), st.sampled_from([(64, 64), (48, 80), (56, 72)]))
@settings(max_examples=40, deadline=None)
def test_point_sampling_twice_reads_the_pixels_of_once(height: int, width: int, size: tuple[int, int]) -> None:
    # Every pixel's value tells its place, so a wrong index cannot hide.
    image = np.stack([*np.indices((height, width)) % 256, np.indices((height, width)).sum(0) // 256], -1)
    image = image.astype(np.uint8)
    for mode in ("opencv_inter_nearest", "torch_nearest"):
        reduced = reduce_image(image, size, mode)
        assert reduced.shape[:2] != image.shape[:2]
        np.testing.assert_array_equal(resize_image(reduced, size, mode), resize_image(image, size, mode))


def test_linear_modes_average() -> None:
    stripes = np.zeros((1024, 1024, 3), np.uint8)
    stripes[:, ::2] = 200
    reduced = reduce_image(stripes, (64, 64), "torch_bilinear")
    assert reduced.shape == (512, 512, 3)
    assert np.unique(reduced).tolist() == [100]
