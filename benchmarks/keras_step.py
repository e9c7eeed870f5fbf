"""What a training step of the Keras network costs beside one of the torch network, in the same trainer.

    python benchmarks/keras_step.py --data PEOPLE [--widths 16 32] [--batch 16] [--steps 8] [--pairs 9]
        [--optimizer muon]

A step is all that the trainer does with a batch: forward, loss, backward, clipping, optimiser, averaged weights. Both
take the same photographs, one thread, by turns; the median ratio of their processor times is printed.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import torch
from environment import environment

from uhd.data.config import DataConfig
from uhd.data.dataset import Dataset
from uhd.data.loader import Loader
from uhd.data.open import OpenedData, open_data, read_dataset
from uhd.detect.config import DetectConfig
from uhd.detect.network import build_network
from uhd.detect.settings import Settings
from uhd.detect.task import DetectTask
from uhd.losses.config import LossConfig
from uhd.models.ultratinyod import UltraTinyODConfig
from uhd.training.config import TrainConfig
from uhd.training.trainer import Trainer


class Bench:
    """The photographs, and trainers for them."""

    def __init__(self, data: Path, train: TrainConfig, folder: Path, steps: int) -> None:
        self.data, self.train, self.folder = DataConfig(image_dir=data), train, folder
        self.opened: OpenedData = open_data(self.data)
        records = self.opened.train[: steps * train.batch_size]
        self.dataset: Dataset = read_dataset(records, self.data, self.opened.report, False)
        self.batches = list(islice(self.loader().epoch(0), steps))

    def loader(self) -> Loader:
        """Return the photographs as batches."""
        return Loader(self.dataset, None, self.data.img_size, self.data.resize_mode, self.train.batch_size, 0)

    def trainer(self, framework: str, width: int) -> Trainer:
        """Return a trainer of a fresh network."""
        torch.manual_seed(0)
        detect = DetectConfig(framework=framework)
        settings = Settings(self.train, detect, self.data, UltraTinyODConfig(cnn_width=width))
        network = build_network(settings, self.opened, self.dataset)
        task = DetectTask(network, self.data, LossConfig(), self.dataset, self.opened.names, detect.conf_thresh)
        return Trainer(task, self.loader(), self.train, self.folder, torch.device("cpu"))


def seconds(trainer: Trainer, batches: Sequence[Any]) -> float:
    """Return the processor time of a step with each batch."""
    began = time.process_time()
    for batch in batches:
        trainer.step(batch)
    return time.process_time() - began


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 32])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--optimizer", default="muon")
    arguments = parser.parse_args()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    print(environment(1))
    train = TrainConfig(batch_size=arguments.batch, optimizer=arguments.optimizer, tensorboard=False)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(arguments.data, train, Path(folder), arguments.steps)
        for width in arguments.widths:
            keras, bare = bench.trainer("keras", width), bench.trainer("torch", width)
            pairs = [(seconds(keras, bench.batches), seconds(bare, bench.batches)) for _ in range(1 + arguments.pairs)]
            pairs = pairs[1:]  # the first is slower
            ratios = [a / b for a, b in pairs]
            each = statistics.median(b for _, b in pairs) / arguments.steps * 1e3
            told = f"{statistics.median(ratios):.2f} times torch's step of {each:.1f} ms"
            print(f"width {width}: {told} (pairs: {min(ratios):.2f} to {max(ratios):.2f})", flush=True)


if __name__ == "__main__":
    main()
