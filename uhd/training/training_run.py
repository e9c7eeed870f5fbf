"""A run as its hooks and its checkpoints see it; :class:`uhd.training.trainer.Trainer` is one."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from uhd.training.config import TrainConfig
from uhd.training.means import StepMeans
from uhd.training.step import Stepper
from uhd.training.task import Batches, Task


class TrainingRun(Protocol):
    """Where a run is and what it works with.

    Attributes:
        task, batches, config, folder, device: what it was made of.
        stepper: takes the steps; holds optimiser, scaler and averaged weights.
        means: of the loss parts of the present epoch.
        epoch: finished epochs.
        batch: finished batches of the present epoch.
        step_count: steps so far, over all epochs.
        best: value of the task's metric at the best epoch so far, ``best_epoch``; None before the first evaluation.
        stale: evaluations since then.
        metrics: of the last evaluation.
        epoch_began, epoch_waited: seconds, when the epoch began, and waited for data until then.
    """

    task: Task
    batches: Batches
    config: TrainConfig
    folder: Path
    device: torch.device
    stepper: Stepper
    means: StepMeans
    epoch: int
    batch: int
    step_count: int
    best: float | None
    best_epoch: int
    stale: int
    metrics: dict[str, float]
    epoch_began: float
    epoch_waited: float

    @property
    def model(self) -> nn.Module:
        """The weights that are evaluated and shipped."""

    @property
    def images_per_step(self) -> int:
        """Samples of one batch, of all processes together."""

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of an epoch."""

    def request_stop(self) -> None:
        """End the run after the present step, saved, in every process."""
