"""One training run of a benchmark: named, measured on ``val/``, and not repeated once it is finished."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import torch
from environment import environment

from uhd.data.config import DataConfig
from uhd.detect.config import DetectConfig
from uhd.detect.run import run
from uhd.detect.settings import Settings
from uhd.losses.config import LossConfig
from uhd.losses.distillation.config import DistillConfig
from uhd.models.ultratinyod import UltraTinyODConfig
from uhd.training.config import TrainConfig


def short_run(
    folder: Path,
    data: Path,
    width: int,
    epochs: int,
    seed: int,
    changes: Mapping[str, Any] | None = None,
    keep_weights: bool = False,
) -> float:
    """Train UltraTinyOD with the default recipe (unless ``folder`` holds the finished run) and return its AP50.

    Args:
        folder: of the run; a file ``done`` marks it as finished.
        data: holds ``train/`` and ``val/``.
        width: of the stem.
        epochs: passes over ``train/``; the final averaged weights are measured.
        seed: of weights, order and augmentation.
        changes: field -> value, of any of the configurations.
        keep_weights: leave the checkpoint of the end in the folder.
    """
    if not (folder / "done").is_file():
        train = TrainConfig(
            exp_name=folder.name, output=folder.parent, overwrite=True, epochs=epochs, seed=seed, threads=1,
            eval_interval=epochs, keep=1, tensorboard=False,
        )  # fmt: skip
        configs = [train, DetectConfig(samples=0), DataConfig(image_dir=data), UltraTinyODConfig(cnn_width=width)]
        configs += [LossConfig(), DistillConfig()]
        left = dict(changes or {})
        for i, config in enumerate(configs):
            own = {field.name for field in dataclasses.fields(config)} & set(left)
            configs[i] = dataclasses.replace(config, **{name: left.pop(name) for name in own})
        if left:
            raise ValueError(f"no configuration has the fields {', '.join(left)}")
        # What is said here holds, whatever the weights say that a run begins with.
        typed = frozenset({"cnn_width", *(changes or {})})
        run(Settings(*configs[:5], distill=configs[5], typed=typed))  # type: ignore[arg-type]
        if not keep_weights:
            for path in [*folder.glob("*.pt"), *folder.glob("*.safetensors")]:
                path.unlink()
        (folder / "done").touch()
    with (folder / "metrics.csv").open() as file:
        return float(list(csv.DictReader(file))[-1]["val/AP50"])


def compare_changes(changes: Mapping[str, Mapping[str, Any]], about: str, output: str, seeds: Sequence[int]) -> None:
    """Parse a command line, train once per change and seed, and print the mean AP50 of each change.

    Args:
        changes: what is compared: name -> the fields of the configurations that differ from the recipe.
        about: text of ``--help``.
        output: default folder of the runs.
        seeds: default seeds.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(seeds))
    parser.add_argument("--only", nargs="+", choices=list(changes), default=list(changes))
    parser.add_argument("--output", type=Path, default=Path(output))
    arguments = parser.parse_args()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    print(environment(1))
    print(f"width {arguments.width}, {arguments.epochs} epochs, seeds {arguments.seeds}")
    for name in arguments.only:
        scores = [
            short_run(
                arguments.output / f"{folder_name(name)}_w{arguments.width}_e{arguments.epochs}_s{seed}",
                arguments.data, arguments.width, arguments.epochs, seed, changes[name],
            )
            for seed in arguments.seeds
        ]  # fmt: skip
        spread = f" (min {min(scores):.4f}, max {max(scores):.4f})" if len(scores) > 1 else ""
        print(f"AP50 {statistics.mean(scores):.4f}{spread}  {name}", flush=True)


def folder_name(text: str) -> str:
    """Return a name of a run as the name of a folder."""
    return "".join(c if c.isalnum() else "_" for c in text)[:60]
