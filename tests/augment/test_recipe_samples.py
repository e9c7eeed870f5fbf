"""The shipped recipes give the samples that the published figures were measured with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from uhd.augment.geometry import RandomWindow
from uhd.augment.layout import RECIPE
from uhd.augment.pipeline import Pipeline
from uhd.sample import Sample

GOLDEN = Path(__file__).parent.parent / "golden" / "augment_recipe.npz"
PACKAGE = RECIPE.parent
CASES = {
    "recipe": (RECIPE, "opencv_inter_nearest"),
    "recipe bilinear": (RECIPE, "torch_bilinear"),
    "camera": (PACKAGE / "camera.yaml", "opencv_inter_nearest"),
    "original": (PACKAGE.parent / "aug.yaml", "torch_bilinear"),
}


def pattern(height: int, width: int, count: int, seed: int) -> Sample:
    """Return an image and boxes of closed form."""
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([(x * 7 + y * 3 + seed * 31) % 256, (x * x // 9 + y * 5) % 256, (y * 11 ^ x * seed) % 256], -1)
    k = np.arange(count)
    left, top = (k * 0.37 + seed * 0.11) % 0.7, (k * 0.23 + seed * 0.17) % 0.6
    boxes = np.stack([left, top, left + 0.08 + 0.2 * (k % 2), top + 0.3], -1).astype(np.float32).reshape(-1, 4)
    return Sample(image.astype(np.uint8), boxes, (k % 2).astype(np.int64), boxes[:1] / 2, str(seed))


def partner(rng: np.random.Generator) -> Sample:
    return pattern(70 + int(rng.integers(50)), 80, int(rng.integers(4)), int(rng.integers(9)))


def as_measured(operation: object) -> object:
    """Return an operation of the recipe as it was: point samples had a random phase, in a mirror from its other end."""
    return replace(operation, phase="random") if isinstance(operation, RandomWindow) else operation


def samples(case: str) -> Iterator[Sample]:
    path, mode = CASES[case]
    pipeline = Pipeline([as_measured(each) for each in Pipeline.load(path, (0, 1)).operations])
    for seed in range(12):
        source = pattern(90 + seed * 7, 120 + seed * 5, seed % 5, seed)
        yield pipeline(source, np.random.default_rng([7, seed]), (16, 20), mode, partner)


@pytest.mark.parametrize("case", CASES)
def test_samples_are_unchanged(case: str) -> None:
    with np.load(GOLDEN) as golden:
        for i, found in enumerate(samples(case)):
            for name in ("boxes", "labels", "ignore"):
                assert np.array_equal(getattr(found, name), golden[f"{case} {i} {name}"]), (i, name)
            # Colour conversion may round differently in another build of OpenCV; everything else is exact.
            difference = np.abs(found.image.astype(int) - golden[f"{case} {i} image"])
            assert difference.max() <= 1, i
            assert (difference > 0).mean() < 0.02, i
