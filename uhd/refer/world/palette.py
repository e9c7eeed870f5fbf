"""Colours that have a name, and textured backgrounds."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

# RGB. Far enough apart to be told from each other under the shading of a scene.
CLOTHES: dict[str, tuple[int, int, int]] = {
    "red": (205, 45, 45), "orange": (240, 140, 30), "yellow": (240, 220, 60), "green": (50, 150, 60),
    "blue": (40, 80, 200), "purple": (130, 50, 160), "white": (240, 240, 240), "black": (30, 30, 32),
}  # fmt: skip
SKIN = ((255, 219, 190), (224, 172, 126), (161, 108, 70), (92, 60, 42))
HAIR = ((40, 28, 22), (120, 76, 40), (215, 180, 110), (150, 150, 150))


def textured_background(size: tuple[int, int], rng: np.random.Generator) -> Image:
    """Return an RGB picture (H, W, 3) without people: a wall and a floor, noise of several scales, some furniture."""
    height, width = size
    wall, floor = rng.integers(60, 200, (2, 3)).astype(np.float32)
    picture = np.empty((height, width, 3), np.float32)
    horizon = int(height * rng.uniform(0.35, 0.6))
    picture[:horizon], picture[horizon:] = wall, floor
    for octave in (4, 12, 36):
        coarse = rng.normal(0, 40 / octave**0.5, (octave, octave, 3)).astype(np.float32)
        picture += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    canvas = np.clip(picture, 0, 255).astype(np.uint8)
    for _ in range(int(rng.integers(0, 5))):
        _draw_furniture(canvas, horizon, rng)
    return canvas


def _draw_furniture(canvas: Image, horizon: int, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    colour = tuple(int(value) for value in rng.integers(40, 220, 3))
    x, w = int(rng.integers(-width // 8, width)), int(rng.integers(width // 16, width // 4))
    bottom = horizon + int(rng.integers(0, height // 8))
    top = bottom - int(rng.integers(height // 10, height // 2))
    cv2.rectangle(canvas, (x, top), (x + w, bottom), colour, -1, cv2.LINE_AA)
    if rng.random() < 0.5:  # stripes, as on shelves and fences
        for y in range(top, bottom, max(3, (bottom - top) // int(rng.integers(3, 8)))):
            cv2.line(canvas, (x, y), (x + w, y), tuple(int(value * 0.6) for value in colour), 1, cv2.LINE_AA)
