"""Colour operations on the small uint8 image; tables and OpenCV, no float images."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.config import knob

Image = NDArray[np.uint8]
Range = tuple[float, float]
_LEVELS = np.arange(256, dtype=np.float64)
_LEVELS_BY_CHANNEL = np.repeat(_LEVELS[:, None], 3, axis=1)


@dataclass(frozen=True)
class RandomHSV:
    """Multiply hue (modulo 180 degrees), saturation and value by 1 + uniform(-gain, gain)."""

    prob: float = knob(0.5, "of recolouring", minimum=0, maximum=1)
    hue: float = knob(0.015, "gain of the hue", flag="hue-gain", minimum=0, maximum=1)
    saturation: float = knob(0.7, "gain of the saturation", flag="saturation-gain", minimum=0, maximum=1)
    value: float = knob(0.4, "gain of the value", flag="value-gain", minimum=0, maximum=1)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the (H, W, 3) image recoloured, levels 0 to 255."""
        chance, h, s, v = rng.random(4).tolist()
        if chance >= self.prob:
            return image
        gains = (1 + (2 * h - 1) * self.hue, 1 + (2 * s - 1) * self.saturation, 1 + (2 * v - 1) * self.value)
        table = _LEVELS_BY_CHANNEL * gains
        np.minimum(table, 255, out=table)
        lut = table.astype(np.uint8)
        lut[:, 0] %= 180
        hsv = cv2.LUT(cv2.cvtColor(image, cv2.COLOR_RGB2HSV), lut[None])
        return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)


@dataclass(frozen=True)
class RandomBrightness:
    """Multiply by a factor."""

    prob: float = knob(0.5, "of changing the brightness", minimum=0, maximum=1)
    factor: Range = knob((0.8, 1.2), "least and largest factor", flag="factor-range", minimum=0)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the (H, W, 3) image brighter or darker, levels 0 to 255."""
        return brighten(image, rng.uniform(*self.factor)) if rng.random() < self.prob else image


@dataclass(frozen=True)
class RandomContrast:
    """Scale the distance to the mean of each channel by a factor."""

    prob: float = knob(0.5, "of changing the contrast", minimum=0, maximum=1)
    factor: Range = knob((0.8, 1.2), "least and largest factor", flag="factor-range", minimum=0)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the (H, W, 3) image with more or less contrast, levels 0 to 255."""
        if rng.random() >= self.prob:
            return image
        return contrast(image, rng.uniform(*self.factor), np.array(cv2.mean(image)[:3]))


@dataclass(frozen=True)
class RandomSaturation:
    """Scale the distance to gray by a factor."""

    prob: float = knob(0.5, "of changing the saturation", minimum=0, maximum=1)
    factor: Range = knob((0.8, 1.2), "least and largest factor", flag="factor-range", minimum=0)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the (H, W, 3) image with more or less colour, levels 0 to 255."""
        return saturate(image, rng.uniform(*self.factor)) if rng.random() < self.prob else image


@dataclass(frozen=True)
class RandomPhotometricDistort:
    """Brightness, contrast, saturation and hue, each with probability one half (SSD, Liu et al. 2016)."""

    prob: float = knob(0.5, "of distorting", minimum=0, maximum=1)
    brightness: Range = knob((0.875, 1.125), "factor", minimum=0)
    contrast: Range = knob((0.5, 1.5), "factor", minimum=0)
    saturation: Range = knob((0.5, 1.5), "factor", minimum=0)
    hue: float = knob(0.05, "largest rotation, in full circles", minimum=0, maximum=0.5)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the (H, W, 3) image distorted; contrast comes before or after the colours, at random."""
        if rng.random() >= self.prob:
            return image
        on = (rng.random(5) < 0.5).tolist()
        if on[0]:
            image = brighten(image, rng.uniform(*self.brightness))
        if on[1] and on[4]:
            image = contrast(image, rng.uniform(*self.contrast), _mean_luma(image))
        if on[2]:
            image = saturate(image, rng.uniform(*self.saturation))
        if on[3]:
            image = shift_hue(image, rng.uniform(-self.hue, self.hue))
        if on[1] and not on[4]:
            image = contrast(image, rng.uniform(*self.contrast), _mean_luma(image))
        return image


@dataclass(frozen=True)
class CLAHE:
    """Contrast-limited adaptive histogram equalisation of the lightness (Zuiderveld 1994)."""

    prob: float = knob(0.5, "of equalising", minimum=0, maximum=1)
    clip_limit: float = knob(2.0, "of the contrast", minimum=0)
    tile_grid_size: tuple[int, int] = knob((8, 8), "tiles, columns and rows", minimum=1)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the (H, W, 3) image equalised, levels 0 to 255."""
        if rng.random() >= self.prob:
            return image
        lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
        lab[..., 0] = cv2.createCLAHE(self.clip_limit, self.tile_grid_size).apply(np.ascontiguousarray(lab[..., 0]))
        return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.uint8)


@dataclass(frozen=True)
class ToGray:
    """Replace the colours by the luma."""

    prob: float = knob(0.1, "of removing the colour", minimum=0, maximum=1)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the (H, W, 3) image in gray: three equal channels."""
        if rng.random() >= self.prob:
            return image
        return np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)


def brighten(image: Image, factor: float) -> Image:
    """Multiply by a factor, clipped to 0 to 255."""
    return np.asarray(cv2.LUT(image, _table(_LEVELS * factor)), np.uint8)


def contrast(image: Image, factor: float, mean: NDArray[np.float64]) -> Image:
    """Scale the distance to a mean, one for all (1,) or per channel (3,), by a factor."""
    table = _table(mean + (_LEVELS[:, None] - mean) * factor)
    return np.asarray(cv2.LUT(image, table[None] if len(mean) == 3 else table), np.uint8)


def saturate(image: Image, factor: float) -> Image:
    """Scale the distance of every pixel to its own gray by a factor."""
    gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(image, factor, gray, 1 - factor, 0), np.uint8)


def shift_hue(image: Image, turn: float) -> Image:
    """Rotate the hue of a (H, W, 3) RGB image by ``turn`` of a full circle, in steps of 2 degrees."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(np.int16) + round(180 * turn)) % 180
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)


def _mean_luma(image: Image) -> NDArray[np.float64]:
    return np.array(cv2.mean(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))[:1])


def _table(levels: NDArray[np.float64]) -> Image:
    return np.rint(np.clip(levels, 0, 255)).astype(np.uint8)
