"""Data sets drawn for the tests: smooth random pictures with boxes, in a temporary folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

Draw = Callable[..., NDArray[np.uint8]]
Make = Callable[..., Path]


@pytest.fixture(scope="session")
def picture() -> Draw:
    """Draw a smooth picture: ``picture(height, width, seed)`` -> (H, W, 3) uint8 RGB."""

    def draw(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
        noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC))

    return draw


@pytest.fixture
def make_folder(picture: Draw) -> Make:
    """Write ``count`` labelled PNGs of different sizes into a folder; every third one is empty."""

    def make(folder: Path, count: int = 9, seed: int = 0) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(count):
            image = picture(40 + 4 * i, 60 - 2 * i, 1000 * seed + i)
            assert cv2.imwrite(str(folder / f"p{i:03d}.png"), image[..., ::-1])
            lines = [f"0 0.5 0.5 0.{1 + i % 8} 0.4", "0 0.3 0.3 0.1 0.1"][: i % 3]
            (folder / f"p{i:03d}.txt").write_text("\n".join(lines))
        return folder

    return make
