"""Point sampling picks the very pixels of the library that the mode names, at every size."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from uhd.resize import RESIZE_MODES, resize_image, sample_indices, to_network

GOLDEN = np.load(Path(__file__).parent / "golden" / "resize.npz")


def synthetic() -> np.ndarray:
    y, x = np.mgrid[:360, :480]
    return np.stack([x * 255 // 479, y * 255 // 359, ((7 * x + 13 * y) ^ (x // 5)) % 256], -1).astype(np.uint8)


@pytest.mark.parametrize("mode", RESIZE_MODES)
def test_golden(mode: str) -> None:
    found = to_network(resize_image(synthetic(), (64, 64), mode)[None], mode)[0].transpose(1, 2, 0)
    wanted = GOLDEN[f"{mode}__64x64"]
    wanted = wanted if wanted.ndim == 3 else wanted[..., None]
    wanted = wanted if wanted.shape == found.shape else wanted.transpose(1, 2, 0)
    exact = mode in ("opencv_inter_nearest", "torch_nearest")
    np.testing.assert_allclose(found, wanted, atol=1e-7 if exact else 1 / 255 + 1e-6)


@settings(max_examples=300, deadline=None)
@given(n_in=st.integers(2, 1300), n_out=st.sampled_from([8, 48, 64, 80, 96]))
@example(n_in=240, n_out=64)
@example(n_in=480, n_out=64)
@example(n_in=960, n_out=64)
def test_indices_of_cv2_and_torch(n_in: int, n_out: int) -> None:
    line = np.arange(n_in, dtype=np.float32)[None]
    by_cv2 = cv2.resize(line, (n_out, 1), interpolation=cv2.INTER_NEAREST)[0].astype(int)
    np.testing.assert_array_equal(sample_indices(n_in, n_out, "cv2"), by_cv2)
    by_torch = torch.nn.functional.interpolate(torch.from_numpy(line)[None], size=n_out, mode="nearest")[0, 0]
    np.testing.assert_array_equal(sample_indices(n_in, n_out, "torch"), by_torch.numpy().astype(int))


@pytest.mark.parametrize("mode", RESIZE_MODES)
def test_channels_last_changes_the_order_in_memory_alone(mode: str) -> None:
    images = resize_image(synthetic(), (64, 48), mode)[None].repeat(2, 0)
    plain, last = to_network(images, mode), to_network(images, mode, channels_last=True)
    np.testing.assert_array_equal(plain, last)
    assert torch.from_numpy(plain).is_contiguous()
    assert torch.from_numpy(last).is_contiguous(memory_format=torch.channels_last)
