from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.augment.conftest import photograph
from uhd.augment import colour
from uhd.augment.layout import PIXELS

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent.parent / "golden" / "augment.json").read_text())
IMAGE = photograph(64, 48).image


@pytest.mark.parametrize("kind", PIXELS)
@pytest.mark.parametrize("shape", [(64, 64, 3), (1, 1, 3), (7, 40, 3)])
def test_every_operation_returns_a_new_image_of_the_same_kind(kind: type[Any], shape: tuple[int, int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    image.flags.writeable = False
    always, never = kind(prob=1.0), kind(prob=0.0)
    for seed in range(20):
        result = always(image, np.random.default_rng(seed))
        assert result.dtype == np.uint8
        assert result.shape == shape
        assert np.array_equal(result, always(image, np.random.default_rng(seed)))
        assert never(image, np.random.default_rng(seed)) is image


@pytest.mark.parametrize("kind", PIXELS)
def test_every_operation_changes_an_image_but_keeps_it_recognisable(kind: type[Any]) -> None:
    # A smooth picture: neither noise nor blur may destroy it.
    y, x = np.mgrid[0:64, 0:64]
    image = np.stack([x * 3 + 30, y * 3 + 30, 220 - x - y], -1).astype(np.uint8)
    results = [kind(prob=1.0)(image, np.random.default_rng(seed)).astype(int) for seed in range(30)]
    assert any((result != image).any() for result in results)
    assert np.abs(np.mean(results, 0) - image).mean() < 45


def test_hsv_gains_of_zero_only_round() -> None:
    neutral = colour.RandomHSV(1.0, 0.0, 0.0, 0.0)(IMAGE, np.random.default_rng(0))
    there_and_back = cv2.cvtColor(cv2.cvtColor(IMAGE, cv2.COLOR_RGB2HSV), cv2.COLOR_HSV2RGB)
    assert np.array_equal(neutral, there_and_back)


def test_hsv_gains_stay_in_their_range() -> None:
    image = np.full((4, 4, 3), (200, 100, 100), np.uint8)  # hue 0, saturation 1/2, value 200
    hsv = np.array([
        cv2.cvtColor(colour.RandomHSV(1.0, 0.0, 0.6, 0.25)(image, np.random.default_rng(s)), cv2.COLOR_RGB2HSV)[0, 0]
        for s in range(400)
    ])  # fmt: skip
    assert 150 <= hsv[:, 2].min() < 160
    assert 240 < hsv[:, 2].max() <= 250
    assert 48 <= hsv[:, 1].min() < 60
    assert 195 < hsv[:, 1].max() <= 206


def test_saturated_values_do_not_wrap_around() -> None:
    white = np.full((4, 4, 3), 255, np.uint8)
    for seed in range(20):
        result = colour.RandomHSV(1.0, 0.0, 0.0, 1.0)(white, np.random.default_rng(seed))
        gain = 2 * np.random.default_rng(seed).random(4)[3]
        assert (result == min(255, int(255 * gain))).all()
    assert (colour.brighten(white, 1.5) == 255).all()
    assert (colour.contrast(IMAGE, 5.0, np.array([128.0]))[IMAGE > 160] == 255).all()


def test_factors_of_one_change_nothing() -> None:
    assert np.array_equal(colour.brighten(IMAGE, 1.0), IMAGE)
    assert np.array_equal(colour.contrast(IMAGE, 1.0, np.array([10.0, 20.0, 30.0])), IMAGE)
    assert np.array_equal(colour.saturate(IMAGE, 1.0), IMAGE)


def test_formulas() -> None:
    image = IMAGE.astype(float)
    assert np.abs(colour.brighten(IMAGE, 0.7) - image * 0.7).max() <= 0.5
    mean = image.mean((0, 1))
    assert np.abs(colour.contrast(IMAGE, 0.5, mean) - (mean + (image - mean) * 0.5)).max() <= 0.5
    gray = image @ (0.299, 0.587, 0.114)
    assert np.abs(colour.saturate(IMAGE, 0.0) - gray[..., None]).max() <= 1
    blue = np.full((2, 2, 3), (0, 0, 255), np.uint8)
    assert np.array_equal(colour.shift_hue(blue, 1 / 3)[0, 0], (255, 0, 0))


def test_gray_is_the_originals() -> None:
    height, width = GOLDEN["image_size"]
    y, x = np.mgrid[0:height, 0:width]
    blue = np.bitwise_xor(7 * x + 13 * y, x // 5) % 256
    image = np.stack([x * 255 // 479, y * 255 // 359, blue], -1).astype(np.uint8)
    gray = colour.ToGray(1.0)(image, np.random.default_rng(0))
    assert gray.sum() / 255 == pytest.approx(GOLDEN["gray_sum"], rel=1e-3)
    assert (gray[..., 0] == gray[..., 2]).all()
