"""Blur and noise on the small uint8 image."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def _odd(limit: tuple[int, int], rng: np.random.Generator) -> int:
    return int(rng.integers(limit[0] // 2, limit[1] // 2 + 1)) * 2 + 1


@dataclass(frozen=True)
class Blur:
    """Box blur with an odd kernel."""

    prob: float = 0.5
    blur_limit: tuple[int, int] = (3, 7)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the blurred image."""
        if rng.random() >= self.prob:
            return image
        k = _odd(self.blur_limit, rng)
        return np.asarray(cv2.blur(image, (k, k)), np.uint8)


@dataclass(frozen=True)
class MedianBlur:
    """Median of an odd window."""

    prob: float = 0.5
    blur_limit: tuple[int, int] = (3, 7)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the filtered image."""
        if rng.random() >= self.prob:
            return image
        return np.asarray(cv2.medianBlur(image, _odd(self.blur_limit, rng)), np.uint8)


@dataclass(frozen=True)
class GaussianBlur:
    """Gaussian blur."""

    prob: float = 0.5
    blur_limit: tuple[int, int] = (3, 7)
    sigma_limit: tuple[float, float] = (0.1, 2.0)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the blurred image."""
        if rng.random() >= self.prob:
            return image
        k = _odd(self.blur_limit, rng)
        return np.asarray(cv2.GaussianBlur(image, (k, k), rng.uniform(*self.sigma_limit)), np.uint8)


@dataclass(frozen=True)
class MotionBlur:
    """Mean along a line in a random direction."""

    prob: float = 0.5
    blur_limit: tuple[int, int] = (5, 15)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the smeared image."""
        if rng.random() >= self.prob:
            return image
        k = _odd(self.blur_limit, rng)
        kernel = np.zeros((k, k), np.float32)
        kernel[k // 2] = 1
        turn = cv2.getRotationMatrix2D((k / 2 - 0.5, k / 2 - 0.5), float(rng.uniform(0, 180)), 1)
        kernel = np.asarray(cv2.warpAffine(kernel, turn, (k, k)), np.float32)
        return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.uint8)


@dataclass(frozen=True)
class GaussNoise:
    """Add independent normal noise to every value.

    Attributes:
        prob: of doing anything.
        var_limit: range of the noise's variance in squared gray levels.
    """

    prob: float = 0.5
    var_limit: tuple[float, float] = (10.0, 50.0)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the noisy image."""
        if rng.random() >= self.prob:
            return image
        sigma = np.sqrt(rng.uniform(*self.var_limit))
        noisy = image + rng.standard_normal(image.shape, np.float32) * np.float32(sigma)
        return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
