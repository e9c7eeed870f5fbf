"""Simple rain, fog and sun flare on the small uint8 image; strengths are shares, so that they fit any network size."""

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
    """Thin bright streaks of one slant, on a slightly darker image."""

    prob: float = knob(0.5, "of rain", minimum=0, maximum=1)
    drops: Range = knob((0.005, 0.02), "streaks per pixel", minimum=0, maximum=1)
    length: Range = knob((0.05, 0.15), "length of a streak, in image heights", minimum=0, maximum=1)
    slant: float = knob(0.3, "largest sideways drift per row", minimum=0)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the rainy image."""
        if rng.random() >= self.prob:
            return image
        h, w = image.shape[:2]
        start = rng.integers(0, (w, h), (round(rng.uniform(*self.drops) * h * w), 2))
        fall = max(1, round(rng.uniform(*self.length) * h))
        end = start + np.array([round(rng.uniform(-self.slant, self.slant) * fall), fall])
        streaks = np.zeros((h, w, 3), np.uint8)
        cv2.polylines(streaks, list(np.stack([start, end], 1).astype(np.int32)), False, (200, 200, 200))
        return np.asarray(cv2.addWeighted(image, 0.9, streaks, 0.3, 0), np.uint8)


@dataclass(frozen=True)
class RandomFog:
    """Blend with a light gray that thickens towards the top, where far things are."""

    prob: float = knob(0.5, "of fog", minimum=0, maximum=1)
    density: Range = knob((0.1, 0.5), "share of fog at the top", minimum=0, maximum=1)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the foggy image."""
        if rng.random() >= self.prob:
            return image
        share = rng.uniform(*self.density) * np.linspace(1, 0.3, image.shape[0])[:, None, None]
        return np.rint(image * (1 - share) + 230 * share).astype(np.uint8)


@dataclass(frozen=True)
class RandomSunFlare:
    """A bright round glow somewhere in the upper half."""

    prob: float = knob(0.5, "of a flare", minimum=0, maximum=1)
    radius: Range = knob((0.1, 0.4), "of the glow, in image sides", minimum=0, exclusive_minimum=True)
    strength: Range = knob((0.4, 0.9), "at its centre", minimum=0, maximum=1)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Return the image with a glow."""
        if rng.random() >= self.prob:
            return image
        h, w = image.shape[:2]
        x, y = rng.random() * w, rng.random() * h / 2
        radius = rng.uniform(*self.radius) * max(h, w)
        distance = ((np.arange(w) - x) ** 2 + ((np.arange(h) - y) ** 2)[:, None]) / radius**2
        share = (rng.uniform(*self.strength) * np.exp(-distance))[..., None]
        return np.asarray(np.rint(image * (1 - share) + 255 * share), np.uint8)
