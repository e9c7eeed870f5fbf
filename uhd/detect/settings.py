"""All configurations of a run of the detector, and the file that repeats it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from uhd.compress.config import QuantiseConfig
from uhd.compress.prune_config import PruneConfig
from uhd.config import validate
from uhd.data.config import DataConfig
from uhd.detect.config import DetectConfig
from uhd.errors import UserError
from uhd.losses.config import LossConfig
from uhd.losses.distillation.config import DistillConfig
from uhd.training.config import TrainConfig
from uhd.training.settings_file import write_settings_file

# They say how this run came about, or what it is measured by beside its training: no part of what is repeated.
_NOT_REPEATED = ("resume", "val_only", "heatmap", "overwrite")


@dataclass(frozen=True, eq=False)
class Settings:
    """All configurations of a run.

    Attributes:
        train: length, optimiser, schedule, saving.
        detect: architecture, augmentation, anchors, measure.
        data: images, labels, size.
        model: configuration of the architecture that ``detect.arch`` names.
        loss: objective.
        quantisation: fake quantisation of the network.
        distill: teachers, and what is learnt from them.
        prune: what is pruned away before the training, by ``uhd prune``.
        typed: fields that the user gave, of any of them; a checkpoint does not replace those.
        widths: channels of the pruned layers of the network that the run starts from; see :mod:`uhd.compress.widths`.
    """

    train: TrainConfig
    detect: DetectConfig
    data: DataConfig
    model: Any
    loss: LossConfig = field(default_factory=LossConfig)
    quantisation: QuantiseConfig = field(default_factory=QuantiseConfig)
    distill: DistillConfig = field(default_factory=DistillConfig)
    typed: frozenset[str] = frozenset()
    prune: PruneConfig = field(default_factory=PruneConfig)
    widths: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def configs(self) -> Iterator[tuple[str, Any]]:
        """Yield the configurations with their names."""
        for each in dataclasses.fields(self):
            if each.name not in ("typed", "widths"):
                yield each.name, getattr(self, each.name)

    def check(self) -> None:
        """Raise UserError where a value is out of its range, or two flags exclude each other."""
        for _, config in self.configs():
            validate(config, "flags")
        if self.train.resume is not None and self.train.ckpt is not None:
            raise UserError("--resume and --ckpt exclude each other: one continues a run, the other starts a new one")
        if self.quantisation.folds and self.train.resume is None and self.train.ckpt is None:
            raise UserError(f"--qat-backend {self.quantisation.qat_backend} trains a trained model on: give --ckpt")


def write_settings(settings: Settings, folder: Path) -> Path:
    """Write ``settings.yaml``: what ``uhd train --config`` needs to do the run again."""
    command = "uhd prune" if settings.prune.on else "uhd train"
    configs = [config for name, config in settings.configs() if name != "prune" or settings.prune.on]
    return write_settings_file(folder, command, configs, _NOT_REPEATED)
