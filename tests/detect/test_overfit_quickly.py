"""The default architecture learns 32 drawn images by heart within seconds."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from uhd.data.config import DataConfig
from uhd.data.loader import Loader
from uhd.data.open import open_data, read_dataset
from uhd.detect.config import DetectConfig
from uhd.detect.network import build_network
from uhd.detect.settings import Settings
from uhd.detect.task import DetectTask
from uhd.losses.config import LossConfig
from uhd.models.ultratinyod import UltraTinyODConfig
from uhd.training.config import TrainConfig
from uhd.training.trainer import Trainer

EPOCHS = 56


def draw(folder: Path) -> None:
    """Write 32 training and 8 validation images of one or two bright figures on a dark ground."""
    for split in ("train", "val"):
        (folder / split).mkdir()
    rng = np.random.default_rng(0)
    for i in range(40):
        image, lines = rng.integers(0, 60, (64, 64, 3), np.uint8), []
        for half in range(int(rng.integers(1, 3))):
            w, h = int(rng.integers(12, 28)), int(rng.integers(20, 56))
            left, top = 32 * half + int(rng.integers(0, 33 - w)), int(rng.integers(0, 65 - h))
            image[top : top + h, left : left + w] = rng.integers(150, 250, 3)
            lines.append(f"0 {(left + w / 2) / 64} {(top + h / 2) / 64} {w / 64} {h / 64}\n")
        place = folder / ("train" if i < 32 else "val")
        cv2.imwrite(str(place / f"{i:02d}.png"), image)
        (place / f"{i:02d}.txt").write_text("".join(lines))


def test_32_drawn_images(tmp_path: Path) -> None:
    draw(tmp_path)
    data, detect = DataConfig(image_dir=tmp_path), DetectConfig()
    opened = open_data(data)
    dataset = read_dataset(opened.train, data, opened.report, False)
    assert len(dataset) == 32
    train = TrainConfig(epochs=EPOCHS, batch_size=8, lr=0.003, warmup_steps=20)
    torch.manual_seed(0)
    model = build_network(Settings(train, detect, data, UltraTinyODConfig(cnn_width=16)), opened, dataset)
    task = DetectTask(model, data, LossConfig(), dataset, opened.names, 0.3)
    loader = Loader(dataset, None, data.img_size, data.resize_mode, train.batch_size, 0, prefetch=False)
    trainer = Trainer(task, loader, train, tmp_path / "run", torch.device("cpu"))
    model.train()
    for epoch in range(EPOCHS):  # without the files of a run, which cost more than the steps
        for batch in loader.epoch(epoch):
            trainer.step(batch)
    # Seeds 0 and 1 reach 0.96 and 0.98.
    assert task.evaluate(trainer.model)["AP50"] > 0.9
