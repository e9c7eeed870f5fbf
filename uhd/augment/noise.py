"""Blur, noise and compression on the small uint8 image."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.config import knob

Image = NDArray[np.uint8]


def _odd(limit: tuple[int, int], rng: np.random.Generator) -> int:
    """Return an odd kernel side within the limits (one more where they hold no odd number)."""
    low, high = limit[0] // 2, max(limit[0] // 2, (limit[1] - 1) // 2)
    return int(rng.integers(low, high + 1)) * 2 + 1


@dataclass(frozen=True)
class Blur:
    """Box blur with an odd kernel."""

    prob: float = knob(0.5, "of doing anything", minimum=0, maximum=1)
    blur_limit: tuple[int, int] = knob((3, 7), "least and largest side of the kernel", minimum=1)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the (H, W, 3) image blurred."""
        if rng.random() >= self.prob:
            return image
        k = _odd(self.blur_limit, rng)
        return np.asarray(cv2.blur(image, (k, k)), np.uint8)


@dataclass(frozen=True)
class MedianBlur:
    """Median of an odd window."""

    prob: float = knob(0.5, "of doing anything", minimum=0, maximum=1)
    blur_limit: tuple[int, int] = knob((3, 7), "least and largest side of the kernel", minimum=1)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the (H, W, 3) image filtered."""
        if rng.random() >= self.prob:
            return image
        return np.asarray(cv2.medianBlur(image, _odd(self.blur_limit, rng)), np.uint8)


@dataclass(frozen=True)
class GaussianBlur:
    """Gaussian blur."""

    prob: float = knob(0.5, "of doing anything", minimum=0, maximum=1)
    blur_limit: tuple[int, int] = knob((3, 7), "least and largest side of the kernel", minimum=1)
    sigma_limit: tuple[float, float] = knob(
        (0.1, 2.0), "least and largest deviation, in pixels", minimum=0, exclusive_minimum=True
    )

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the (H, W, 3) image blurred."""
        if rng.random() >= self.prob:
            return image
        k = _odd(self.blur_limit, rng)
        return np.asarray(cv2.GaussianBlur(image, (k, k), rng.uniform(*self.sigma_limit)), np.uint8)


@dataclass(frozen=True)
class MotionBlur:
    """Mean along a line in a random direction."""

    prob: float = knob(0.5, "of doing anything", minimum=0, maximum=1)
    blur_limit: tuple[int, int] = knob((5, 15), "least and largest length", minimum=1)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the (H, W, 3) image smeared."""
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
    """Add independent normal noise to every value."""

    prob: float = knob(0.5, "of doing anything", minimum=0, maximum=1)
    var_limit: tuple[float, float] = knob((10.0, 50.0), "variance, in squared gray levels", minimum=0)
    mean: float = knob(0.0, "gray levels added everywhere", minimum=-255, maximum=255)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the (H, W, 3) image with noise, levels 0 to 255."""
        if rng.random() >= self.prob:
            return image
        sigma = np.sqrt(rng.uniform(*self.var_limit))
        noise = rng.standard_normal(image.shape, np.float32) * np.float32(sigma) + np.float32(self.mean)
        return np.asarray(cv2.add(image, np.rint(noise).astype(np.int16), dtype=cv2.CV_8U), np.uint8)


@dataclass(frozen=True)
class ISONoise:
    """Noise of a camera at high sensitivity: more in the luma than in the colour, growing with the brightness."""

    prob: float = knob(0.5, "of doing anything", minimum=0, maximum=1)
    intensity: tuple[float, float] = knob((0.02, 0.1), "deviation of the luma of white, 0 to 1", minimum=0, maximum=1)
    color_shift: tuple[float, float] = knob((0.01, 0.05), "deviation of its colours, 0 to 1", minimum=0, maximum=1)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the (H, W, 3) image with noise, levels 0 to 255."""
        if rng.random() >= self.prob:
            return image
        luma_noise, colour_noise = 255 * rng.uniform(*self.intensity), 255 * rng.uniform(*self.color_shift)
        luma = rng.standard_normal((*image.shape[:2], 1), np.float32) * np.float32(luma_noise)
        colour = rng.standard_normal(image.shape, np.float32) * np.float32(colour_noise)
        shot = np.sqrt(np.arange(256, dtype=np.float32) / 255)[image]  # photon noise grows with the root of the light
        return np.asarray(cv2.add(image, np.rint((luma + colour) * shot).astype(np.int16), dtype=cv2.CV_8U), np.uint8)


@dataclass(frozen=True)
class ImageCompression:
    """Save as JPEG and read again."""

    prob: float = knob(0.5, "of compressing", minimum=0, maximum=1)
    quality: tuple[int, int] = knob(
        (40, 90), "least and largest JPEG quality", flag="quality-range", minimum=1, maximum=100
    )

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the (H, W, 3) image with JPEG's artefacts."""
        if rng.random() >= self.prob:
            return image
        quality = int(rng.integers(self.quality[0], self.quality[1] + 1))
        data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        small = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
        return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), np.uint8)
