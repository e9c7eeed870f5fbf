"""Whether every architecture can learn 64 photographs by heart: AP50 on the images it was trained on.

    python benchmarks/overfit.py --data PEOPLE [--only NAME ...] [--epochs N] [--seed 0]

The photographs are spread evenly over those of ``train/`` that show one to three people: in a crowd it is the grid
that limits CenterNet, since it finds no two people in neighbouring cells. There is neither augmentation nor dropout;
optimiser, schedule and objective are what ``uhd train --arch NAME`` takes by itself, and the averaged weights are
measured. A network that cannot do this has a mistake in its targets, its loss or its decoder.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import torch
from environment import environment

from uhd.data.config import DataConfig
from uhd.data.loader import Loader
from uhd.data.open import open_data, read_dataset
from uhd.detect.config import DetectConfig
from uhd.detect.network import build_network
from uhd.detect.settings import Settings
from uhd.detect.task import DetectTask
from uhd.losses.config import LossConfig
from uhd.models import ARCHITECTURES
from uhd.training.config import TrainConfig
from uhd.training.trainer import Trainer

IMAGES, MOST_PEOPLE = 64, 3


@dataclass(frozen=True)
class Case:
    """One network.

    Attributes:
        arch: architecture.
        epochs: passes over the 64 images.
        model: fields of its configuration.
        size: of the input, height and width.
        train: fields of the training configuration.
        loss: fields of the objective.
        framework: that computes the network.
    """

    arch: str
    epochs: int
    model: dict[str, Any] = field(default_factory=dict)
    size: tuple[int, int] = (64, 64)
    train: dict[str, Any] = field(default_factory=dict)
    loss: dict[str, Any] = field(default_factory=dict)
    framework: str = "torch"


SMALL_DETR = Case(
    "transformer", 220, {"d_model": 32, "heads": 2, "layers": 2, "dim_feedforward": 64, "dropout": 0.0}, (32, 32)
)
CASES = {
    "ultratinyod": Case("ultratinyod", 150, {"cnn_width": 16}),
    "ultratinyod, keras": Case("ultratinyod", 150, {"cnn_width": 16}, framework="keras"),
    "CenterNet": Case(
        "cnn",
        120,
        {"backbone": "ultratinyresnet", "backbone_channels": (16, 24, 32), "backbone_blocks": (1, 1, 2)},
    ),
    "cnn with anchors": Case("cnn", 120, {"backbone": "microcspnet", "use_anchor": True}),
    "DETR": SMALL_DETR,
    "DETR, last layer": dataclasses.replace(SMALL_DETR, loss={"detr_auxiliary": False}),
    "DETR, adamw": dataclasses.replace(SMALL_DETR, train={"optimizer": "adamw", "lr": 0.002, "weight_decay": 0.0001}),
}
ARCHITECTURE_CASES = ["ultratinyod", "CenterNet", "cnn with anchors", "DETR"]


def learn_by_heart(case: Case, place: Path, seed: int) -> tuple[float, int, float]:
    """Train on the photographs and measure on the same.

    Args:
        case: network and length.
        place: folder with ``train/`` and ``val/``.
        seed: of weights and order.

    Returns:
        AP50, number of parameters, seconds of training.
    """
    data = DataConfig(image_dir=place, img_size=case.size)
    opened = open_data(data)
    shown = [record for record in opened.train if 0 < len(record.boxes) <= MOST_PEOPLE]
    dataset = read_dataset(shown[:: max(1, len(shown) // IMAGES)][:IMAGES], data, opened.report, False)
    model = dataclasses.replace(ARCHITECTURES[case.arch].config(), **case.model)
    with tempfile.TemporaryDirectory() as folder:
        train = TrainConfig(
            epochs=case.epochs, eval_interval=case.epochs, seed=seed, tensorboard=False,
            **case.train,
        )  # fmt: skip
        torch.manual_seed(seed)
        detect = DetectConfig(arch=case.arch, framework=case.framework)
        network = build_network(Settings(train, detect, data, model), opened, dataset)
        task = DetectTask(network, data, LossConfig(**case.loss), dataset, opened.names, detect.conf_thresh)
        loader = Loader(dataset, None, data.img_size, data.resize_mode, train.batch_size, seed)
        began = time.perf_counter()
        metrics = Trainer(task, loader, train, Path(folder), torch.device("cpu")).fit()
        seconds = time.perf_counter() - began
    return metrics["AP50"], sum(p.numel() for p in network.parameters()), seconds


def main() -> None:
    """Parse the command line, train, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=list(CASES), default=ARCHITECTURE_CASES)
    parser.add_argument("--epochs", type=int, help="instead of each network's own number")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    print(environment(1))
    for name in arguments.only:
        case = CASES[name]
        if arguments.epochs:
            case = dataclasses.replace(case, epochs=arguments.epochs)
        score, parameters, seconds = learn_by_heart(case, arguments.data, arguments.seed)
        chosen = case.model | case.train | case.loss
        settings = ", ".join(f"{key} {value}" for key, value in chosen.items())
        print(
            f"AP50 {score:.4f}  {name:<18} {parameters:>7,} parameters  {case.epochs:>3} epochs  {seconds:>4.0f} s  "
            f"{case.size[0]}x{case.size[1]}, {settings}",
            flush=True,
        )


if __name__ == "__main__":
    main()
