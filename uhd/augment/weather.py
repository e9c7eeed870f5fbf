"""Simple rain, fog and sun flare on the small uint8 image; lengths are shares of it, above 1 pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from uhd.config import knob

Image = NDArray[np.uint8]
Range = tuple[float, float]


@dataclass(frozen=True)
class RandomRain:
    """Bright streaks of one slant, on a slightly darker image."""

    prob: float = knob(0.5, "of rain", minimum=0, maximum=1)
    density: Range = knob((0.005, 0.02), "streaks per pixel", minimum=0, maximum=1)
    length: Range = knob(
        (0.05, 0.15), "of a streak, in image heights; above 1 in pixels", flag="drop-length", minimum=0
    )
    width: tuple[int, int] = knob((1, 1), "of a streak, in pixels", flag="drop-width-range", minimum=1, maximum=255)
    slant: Range = knob((-0.04, 0.04), "sideways drift of a streak, in image widths; above 1 in pixels",
                        flag="slant-range")  # fmt: skip

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the (H, W, 3) image in rain, levels 0 to 255."""
        if rng.random() >= self.prob:
            return image
        h, w = image.shape[:2]
        start = rng.integers(0, (w, h), (round(rng.uniform(*self.density) * h * w), 2))
        drift = _pixels(rng.uniform(*self.slant), w)
        end = start + np.array([drift, max(1, _pixels(rng.uniform(*self.length), h))])
        streaks = np.zeros((h, w, 3), np.uint8)
        thickness = int(rng.integers(self.width[0], self.width[1] + 1))
        cv2.polylines(streaks, list(np.stack([start, end], 1).astype(np.int32)), False, (200, 200, 200), thickness)
        return np.asarray(cv2.addWeighted(image, 0.9, streaks, 0.3, 0), np.uint8)


@dataclass(frozen=True)
class RandomFog:
    """Blend with a light gray that thickens towards the top, where far things are."""

    prob: float = knob(0.5, "of fog", minimum=0, maximum=1)
    density: Range = knob((0.1, 0.5), "share of fog at the top", flag="fog-coef", minimum=0, maximum=1)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the (H, W, 3) image in fog, levels 0 to 255."""
        if rng.random() >= self.prob:
            return image
        share = rng.uniform(*self.density) * np.linspace(1, 0.3, image.shape[0], dtype=np.float32)[:, None]
        return _blend(image, np.broadcast_to(share.astype(np.float32), image.shape[:2]), 230)


@dataclass(frozen=True)
class RandomSunFlare:
    """A bright round glow somewhere in the upper half."""

    prob: float = knob(0.5, "of a flare", minimum=0, maximum=1)
    radius: Range = knob((0.1, 0.4), "of the glow, in image sides; above 1 in pixels", flag="src-radius-range",
                         minimum=0, exclusive_minimum=True)  # fmt: skip
    strength: Range = knob((0.4, 0.9), "at its centre", flag="src-intensity", minimum=0, maximum=1)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the (H, W, 3) image with a glow, levels 0 to 255."""
        if rng.random() >= self.prob:
            return image
        h, w = image.shape[:2]
        x, y = rng.random() * w, rng.random() * h / 2
        radius = max(0.5, _length(rng.uniform(*self.radius), max(h, w)))
        # A round Gaussian is the product of one along x and one along y.
        across, down = (np.exp(-(((np.arange(n) - at) / radius) ** 2)) for n, at in ((w, x), (h, y)))
        share = np.outer(rng.uniform(*self.strength) * down, across).astype(np.float32)
        return _blend(image, share, 255)


def _blend(image: Image, share: NDArray[np.float32], level: int) -> Image:
    """Return ``image * (1 - share) + level * share``, share (h, w) for every pixel."""
    light = np.full_like(image, level)
    return np.asarray(cv2.blendLinear(light, image, np.ascontiguousarray(share), 1 - share), np.uint8)


def _length(value: float, side: int) -> float:
    return value if abs(value) > 1 else value * side


def _pixels(value: float, side: int) -> int:
    return round(_length(value, side))
