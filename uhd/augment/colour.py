"""Colour operations on the small uint8 image; tables and OpenCV, no float images."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
_LEVELS = np.arange(256)


@dataclass(frozen=True)
class RandomHSV:
    """Multiply hue (modulo 180 degrees), saturation and value by 1 + uniform(-gain, gain)."""

    prob: float = 0.5
    hue: float = 0.015
    saturation: float = 0.7
    value: float = 0.4

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the recoloured image."""
        r = rng.random(4)
        if r[0] >= self.prob:
            return image
        gain = 1 + (2 * r[1:] - 1) * (self.hue, self.saturation, self.value)
        table = np.empty((1, 256, 3), np.uint8)
        table[0, :, 0] = (_LEVELS * gain[0]) % 180
        table[0, :, 1] = np.minimum(_LEVELS * gain[1], 255)
        table[0, :, 2] = np.minimum(_LEVELS * gain[2], 255)
        hsv = cv2.LUT(cv2.cvtColor(image, cv2.COLOR_RGB2HSV), table)
        return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)


@dataclass(frozen=True)
class RandomBrightness:
    """Multiply by a factor."""

    prob: float = 0.5
    factor: tuple[float, float] = (0.8, 1.2)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the brighter or darker image."""
        return brighten(image, rng.uniform(*self.factor)) if rng.random() < self.prob else image


@dataclass(frozen=True)
class RandomContrast:
    """Scale the distance to the mean luma by a factor."""

    prob: float = 0.5
    factor: tuple[float, float] = (0.8, 1.2)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the image with more or less contrast."""
        return contrast(image, rng.uniform(*self.factor)) if rng.random() < self.prob else image


@dataclass(frozen=True)
class RandomSaturation:
    """Scale the distance to gray by a factor."""

    prob: float = 0.5
    factor: tuple[float, float] = (0.8, 1.2)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the image with more or less colour."""
        return saturate(image, rng.uniform(*self.factor)) if rng.random() < self.prob else image


@dataclass(frozen=True)
class RandomPhotometricDistort:
    """Brightness, contrast, saturation and hue, each with probability one half (SSD, Liu et al. 2016)."""

    prob: float = 0.5
    brightness: tuple[float, float] = (0.875, 1.125)
    contrast: tuple[float, float] = (0.5, 1.5)
    saturation: tuple[float, float] = (0.5, 1.5)
    hue: float = 0.05

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the distorted image; contrast comes before or after the colours, at random."""
        if rng.random() >= self.prob:
            return image
        on = rng.random(5) < 0.5
        if on[0]:
            image = brighten(image, rng.uniform(*self.brightness))
        if on[1] and on[4]:
            image = contrast(image, rng.uniform(*self.contrast))
        if on[2]:
            image = saturate(image, rng.uniform(*self.saturation))
        if on[3]:
            image = shift_hue(image, rng.uniform(-self.hue, self.hue))
        if on[1] and not on[4]:
            image = contrast(image, rng.uniform(*self.contrast))
        return image


@dataclass(frozen=True)
class CLAHE:
    """Contrast-limited adaptive histogram equalisation of the lightness (Zuiderveld 1994)."""

    prob: float = 0.5
    clip_limit: float = 2.0
    tile_grid_size: tuple[int, int] = (8, 8)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the equalised image."""
        if rng.random() >= self.prob:
            return image
        lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
        lab[..., 0] = cv2.createCLAHE(self.clip_limit, self.tile_grid_size).apply(np.ascontiguousarray(lab[..., 0]))
        return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.uint8)


@dataclass(frozen=True)
class ToGray:
    """Replace the colours by the luma."""

    prob: float = 0.1

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the gray image, three channels."""
        if rng.random() >= self.prob:
            return image
        return np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)


def brighten(image: Image, factor: float) -> Image:
    """Multiply by a factor, clipped to 0..255."""
    return np.asarray(cv2.LUT(image, np.clip(_LEVELS * factor, 0, 255).astype(np.uint8)), np.uint8)


def contrast(image: Image, factor: float) -> Image:
    """Scale the distance to the mean luma by a factor."""
    mean = float(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).mean())
    return np.asarray(cv2.LUT(image, np.clip(mean + (_LEVELS - mean) * factor, 0, 255).astype(np.uint8)), np.uint8)


def saturate(image: Image, factor: float) -> Image:
    """Scale the distance of every pixel to its own gray by a factor."""
    gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(image, factor, gray, 1 - factor, 0), np.uint8)


def shift_hue(image: Image, turn: float) -> Image:
    """Rotate the hue by ``turn`` of a full circle."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(np.int16) + round(180 * turn)) % 180
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), np.uint8)
