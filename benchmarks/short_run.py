"""One training run of a benchmark: named, measured on ``val/``, and not repeated once it is finished."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from uhd.data.config import DataConfig
from uhd.losses.config import LossConfig
from uhd.losses.distillation.config import DistillConfig
from uhd.models.ultratinyod import UltraTinyODConfig
from uhd.training.config import TrainConfig
from uhd.training.run import run


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
            eval_interval=epochs, samples=0, keep=1, tensorboard=False,
        )  # fmt: skip
        configs = [train, DataConfig(image_dir=data), UltraTinyODConfig(cnn_width=width), LossConfig(), DistillConfig()]
        left = dict(changes or {})
        for i, config in enumerate(configs):
            own = {field.name for field in dataclasses.fields(config)} & set(left)
            configs[i] = dataclasses.replace(config, **{name: left.pop(name) for name in own})
        if left:
            raise ValueError(f"no configuration has the fields {', '.join(left)}")
        run(*configs[:4], distill=configs[4])  # type: ignore[arg-type]
        if not keep_weights:
            for path in [*folder.glob("*.pt"), *folder.glob("*.safetensors")]:
                path.unlink()
        (folder / "done").touch()
    with (folder / "metrics.csv").open() as file:
        return float(list(csv.DictReader(file))[-1]["val/AP50"])


def folder_name(text: str) -> str:
    """Return a name of a run as the name of a folder."""
    return "".join(c if c.isalnum() else "_" for c in text)[:60]
