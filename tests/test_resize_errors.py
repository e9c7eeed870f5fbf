"""What the resize functions refuse, and the exact levels a network sees."""

from __future__ import annotations

import numpy as np
import pytest

from uhd.errors import UserError
from uhd.resize import RESIZE_MODES, resize_image, sample_indices, to_network


def test_unknown_mode_is_refused_and_named() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(UserError, match="opencv_inter_linear"):
        resize_image(image, (4, 4), "opencv_inter_linearr")
    with pytest.raises(UserError, match="nearby"):
        to_network(image[None], "nearby")
    with pytest.raises(ValueError, match="cv2"):
        sample_indices(8, 4, "pil")


def test_levels_are_divided_by_255() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, -1)
    expected = np.arange(256, dtype=np.float32).reshape(16, 16) / np.float32(255)
    for mode in ("opencv_inter_nearest", "torch_bilinear"):
        np.testing.assert_array_equal(to_network(ramp, mode)[0], np.stack([expected] * 3))


@pytest.mark.parametrize("mode", RESIZE_MODES)
def test_a_batch_equals_its_images_one_by_one(mode: str) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 6, 10, 3), np.uint8)
    together = to_network(images, mode)
    assert together.flags.c_contiguous
    for i in range(3):
        np.testing.assert_array_equal(together[i], to_network(images[i : i + 1], mode)[0])
    assert to_network(images[:0], mode).shape == (0, *together.shape[1:])
