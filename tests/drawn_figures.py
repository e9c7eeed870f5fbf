"""Images that a detector learns by heart: bright figures on a dark ground, with labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np


def draw_figures(folders: Sequence[Path], size: int = 64) -> None:
    """Write image i of one or two figures, and its YOLO labels, into folder i; the folders are made.

    Args:
        folders: one for every image; an image's name is its number.
        size: height and width of the images, in pixels, a multiple of 32.
    """
    rng, half_size = np.random.default_rng(0), size // 2
    for i, folder in enumerate(folders):
        folder.mkdir(parents=True, exist_ok=True)
        image, lines = rng.integers(0, 60, (size, size, 3), np.uint8), []
        for half in range(int(rng.integers(1, 3))):
            w = int(rng.integers(size * 6 // 32, size * 14 // 32))
            h = int(rng.integers(size * 10 // 32, size * 28 // 32))
            left = half_size * half + int(rng.integers(0, half_size + 1 - w))
            top = int(rng.integers(0, size + 1 - h))
            image[top : top + h, left : left + w] = rng.integers(150, 250, 3)
            lines.append(f"0 {(left + w / 2) / size} {(top + h / 2) / size} {w / size} {h / size}\n")
        cv2.imwrite(str(folder / f"{i:02d}.png"), image)
        (folder / f"{i:02d}.txt").write_text("".join(lines))
