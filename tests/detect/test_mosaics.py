"""The last epochs of ``--close-mosaic`` show single photographs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from uhd.augment.pipeline import Pipeline
from uhd.data.config import DataConfig
from uhd.detect.config import DetectConfig
from uhd.detect.mosaics import close_mosaics
from uhd.detect.plan import make_plan
from uhd.detect.settings import Settings
from uhd.models.ultratinyod import UltraTinyODConfig
from uhd.training.config import TrainConfig


@pytest.mark.parametrize(
    ("epochs", "share", "without"), [(5, 0.4, 2), (30, 0.1, 3), (5, 0.0, 0), (5, 1.0, 5), (1, 0.1, 0)]
)
def test_how_many_epochs_have_none(epochs: int, share: float, without: int) -> None:
    pipelines, stage_of = close_mosaics(Pipeline.load({"Mosaic": 1, "HorizontalFlip": 1}), epochs, share)
    assert [stage_of(epoch) for epoch in range(epochs)] == [0] * (epochs - without) + [1] * without
    assert [len(pipeline.operations) for pipeline in pipelines] == [2, 1]


def test_samples_of_the_last_epochs_hold_no_mosaic(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for level in range(16):  # a gray of its own each: a mosaic shows several
        cv2.imwrite(str(photos / f"{level}.png"), np.full((32, 32, 3), 10 * level, np.uint8))
        (photos / f"{level}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (tmp_path / "mosaics.yaml").write_text("Mosaic: 1\n")
    settings = Settings(
        TrainConfig(epochs=3, batch_size=4, output=tmp_path, exp_name="a"),
        DetectConfig(aug_config=tmp_path / "mosaics.yaml", close_mosaic=0.34),
        DataConfig(image_dir=photos),
        UltraTinyODConfig(cnn_width=4),
    )
    trainer = make_plan(settings).trainer
    assert trainer is not None
    grays = [
        [len(np.unique(image)) for batch in trainer.batches.epoch(epoch) for image in batch.images]
        for epoch in range(3)
    ]
    trainer.batches.close()
    assert max(grays[0]) > 1
    assert max(grays[1]) > 1
    assert set(grays[2]) == {1}
