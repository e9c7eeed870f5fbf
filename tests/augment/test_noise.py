from __future__ import annotations

import numpy as np
import pytest

from uhd.augment import noise

FLAT = np.full((128, 128, 3), 120, np.uint8)
DOT = np.zeros((41, 41, 3), np.uint8)
DOT[20, 20] = 255


@pytest.mark.parametrize("limit", [(3, 7), (5, 15), (3, 3), (4, 6), (1, 2)])
def test_kernels_are_odd_and_within_the_limits(limit: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    sides = {noise._odd(limit, rng) for _ in range(200)}
    assert sides == {side for side in range(limit[0], limit[1] + 1) if side % 2}


def test_noise_has_the_variance_asked_for() -> None:
    noisy = noise.GaussNoise(1.0, (25.0, 25.0))(FLAT, np.random.default_rng(0)).astype(float)
    assert noisy.mean() == pytest.approx(120, abs=0.1)
    assert noisy.std() == pytest.approx(5, abs=0.1)


def test_noise_is_clipped_not_wrapped() -> None:
    for level in (0, 255):
        noisy = noise.GaussNoise(1.0, (100.0, 100.0))(np.full_like(FLAT, level), np.random.default_rng(0))
        assert np.abs(noisy.astype(int) - level).max() < 80


def test_sensor_noise_grows_with_the_light_and_is_stronger_in_the_luma() -> None:
    dark, light = (noise.ISONoise(1.0)(np.full_like(FLAT, level), np.random.default_rng(0)) for level in (40, 160))
    assert 1.5 < light.std() / dark.std() < 2.5
    luma_only = noise.ISONoise(1.0, (0.3, 0.3), (0.0, 0.0))(FLAT, np.random.default_rng(0))
    assert (luma_only[..., 0] == luma_only[..., 1]).all()


@pytest.mark.parametrize("kind", [noise.Blur, noise.GaussianBlur, noise.MotionBlur])
def test_blurs_keep_the_light_and_its_place(kind: type[noise.Blur]) -> None:
    for seed in range(20):
        blurred = kind(1.0)(DOT, np.random.default_rng(seed))[..., 0].astype(float)
        assert blurred.sum() == pytest.approx(255, rel=0.15)
        y, x = np.mgrid[0:41, 0:41]
        assert (blurred * x).sum() / blurred.sum() == pytest.approx(20, abs=0.3)
        assert (blurred * y).sum() / blurred.sum() == pytest.approx(20, abs=0.3)


def test_the_median_removes_a_dot() -> None:
    assert not noise.MedianBlur(1.0)(DOT, np.random.default_rng(0)).any()


def test_compression_keeps_the_colours_apart() -> None:
    red = np.full((32, 32, 3), (220, 40, 30), np.uint8)
    result = noise.ImageCompression(1.0)(red, np.random.default_rng(0)).astype(int)
    assert np.abs(result - red).max() < 12
    texture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    low, high = (noise.ImageCompression(1.0, (q, q))(texture, np.random.default_rng(0)) for q in (20, 100))
    assert np.abs(low.astype(int) - texture).mean() > np.abs(high.astype(int) - texture).mean()
