"""Random scenes: crowded enough that detections compete for truths and truths for detections."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from uhd.objects import Objects
from uhd.runtime.predictor import Prediction

Scene = tuple[list[Prediction], list[Objects]]


def boxes(rng: np.random.Generator, count: int, largest: float = 0.5) -> np.ndarray:
    size = rng.uniform(0.05, largest, (count, 2))
    low = rng.uniform(0, 1, (count, 2)) * (1 - size)
    return np.concatenate([low, low + size], 1).astype(np.float32)


def make_scene(
    rng: np.random.Generator, images: int, classes: int = 1, ignore: bool = True, with_ties: bool = False
) -> Scene:
    """Truths, and detections of which most are a truth moved a little."""
    predictions, truths = [], []
    for _ in range(images):
        count = int(rng.integers(0, 5))
        truth = boxes(rng, count)
        seeds = np.concatenate([np.repeat(truth, 3, 0), boxes(rng, 6)])
        size = seeds[:, 2:] - seeds[:, :2]
        shift = rng.normal(0, 0.12, seeds.shape) * np.tile(size, (1, 2))
        found = np.sort((seeds + shift).reshape(-1, 2, 2), axis=1).reshape(-1, 4).astype(np.float32)
        scores = rng.uniform(0, 1, (len(found), classes)).astype(np.float32)
        if with_ties:
            scores = np.round(scores, 1)
        region = boxes(rng, int(rng.integers(0, 3)), 0.7) if ignore else np.zeros((0, 4), np.float32)
        predictions.append((found, scores))
        truths.append(Objects.of(truth, rng.integers(0, classes, count), region))
    return predictions, truths


@pytest.fixture
def scene() -> Scene:
    return make_scene(np.random.default_rng(3), 30)


@pytest.fixture
def without_pyplot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing pyplot fails: it would choose a backend that needs a display. Other tests may have imported it."""
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
