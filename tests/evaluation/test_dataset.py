from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from uhd.card import ModelSpec
from uhd.data.records import Record
from uhd.evaluation.dataset import evaluate_dataset, infer_images, truths_of
from uhd.objects import Objects
from uhd.resize import resize_image
from uhd.runtime.predictor import Prediction, Predictor

SPEC = ModelSpec((32, 48), class_names=("person",))
NONE = np.zeros((0, 4), np.float32)


class Brightest(Predictor):
    """Finds the box around the bright pixels: wrong as soon as images are fed in another order, size or scale."""

    spec = SPEC

    def __init__(self) -> None:
        self.batches: list[int] = []

    def infer(self, batch: np.ndarray) -> list[Prediction]:
        self.batches.append(len(batch))
        assert batch.shape[1:] == (3, 32, 48)
        found = []
        for image in batch:
            y, x = np.nonzero(image[0] > 0.5)
            box = [x.min() / 48, y.min() / 32, (x.max() + 1) / 48, (y.max() + 1) / 32] if len(x) else [0, 0, 1, 1]
            found.append((np.array([box], np.float32), np.array([[0.9 if len(x) else 0.0]], np.float32)))
        return found


class Scenes:
    """Stands in for a data set: dark photographs, most with one bright person."""

    def __init__(self, count: int) -> None:
        rng = np.random.default_rng(0)
        self.records, self.images = [], []
        for i in range(count):
            image = np.zeros((64, 96, 3), np.uint8)
            low = rng.integers(0, 16, 2) * 2
            high = low + rng.integers(4, 16, 2) * 2
            image[low[1] : high[1], low[0] : high[0]] = 255 if i % 5 else 0
            box = np.array([[low[0] / 96, low[1] / 64, high[0] / 96, high[1] / 64]], np.float32) if i % 5 else NONE
            self.images.append(image)
            self.records.append(Record(Path(f"{i}.png"), Objects.of(box)))

    def __len__(self) -> int:
        return len(self.records)

    def network_images(self, size: tuple[int, int], mode: str) -> np.ndarray:
        return np.stack([resize_image(image, size, mode) for image in self.images])


def test_images_and_truths_stay_together_over_batches() -> None:
    scenes, predictor = Scenes(70), Brightest()
    report = evaluate_dataset(predictor, scenes)  # type: ignore[arg-type]
    assert predictor.batches == [64, 6]
    assert report.metrics["AP50"] == pytest.approx(1)
    assert report.metrics["AP"] == pytest.approx(1)
    assert report.counts["images"] == 70
    assert report.counts["empty images"] == 14
    assert len(truths_of(scenes)) == 70  # type: ignore[arg-type]


def test_no_images() -> None:
    assert infer_images(Brightest(), np.zeros((0, 32, 48, 3), np.uint8)) == []
