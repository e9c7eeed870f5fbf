"""A small network and a small drawn data set, for every test of this task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from uhd.refer.config import ReferDataConfig
from uhd.refer.data import ReferData, open_refer
from uhd.refer.model.config import ReferModelConfig
from uhd.refer.model.network import ReferNetwork
from uhd.refer.model.vocabulary import Vocabulary
from uhd.refer.run import ReferSettings, build_trainer
from uhd.refer.world.dataset import write_world
from uhd.training.config import TrainConfig
from uhd.training.trainer import Trainer

SMALL = ReferModelConfig(
    hidden_dim=32, backbone_width=8, num_queries=5, dec_layers=1, ground_layers=1, mask_channels=4, max_words=12
)
WORDS = Vocabulary(("the", "person", "left", "right", "red", "shirt"))


def small_network(seed: int = 0) -> ReferNetwork:
    """Return a network in evaluation mode whose batch-norm has seen something."""
    torch.manual_seed(seed)
    network = ReferNetwork(SMALL, WORDS)
    with torch.no_grad():
        for _ in range(2):
            network(torch.rand(4, 3, 64, 64), torch.ones(4, 1, 2, dtype=torch.int64))
    return network.eval()


def small_world(folder: Path, train: int = 6, val: int = 3, size: int = 64) -> ReferDataConfig:
    """Draw a data set and return where it is."""
    write_world(folder, train, part="train", size=size)
    write_world(folder, val, part="val", size=size)
    return ReferDataConfig(data=folder, img_size=(size, size))


def small_trainer(data: ReferDataConfig, folder: Path, opened: ReferData | None = None, **train: Any) -> Trainer:
    """Return a trainer of a small network; ``train`` are fields of its configuration."""
    known = {"epochs": 2, "batch_size": 3, "tensorboard": False, "warmup_steps": 2} | train
    settings = ReferSettings(TrainConfig(**known), data, SMALL)
    return build_trainer(settings, opened or open_refer(data, False), folder)
