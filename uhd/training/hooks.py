"""What a run calls at fixed moments: its own log and pictures, and yours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from uhd.training.training_run import TrainingRun


class Hook:
    """Does nothing at every moment of a run; a subclass overrides those it needs.

    Hooks run in the main process only, so they must not talk to the others. ``trainer.request_stop()`` ends the run
    after the step, saved, in every process. What a hook raises ends the run.
    """

    def on_start(self, trainer: TrainingRun) -> None:
        """Before the first step; ``trainer.epoch`` epochs are done already."""

    def on_step(self, trainer: TrainingRun, parts: Mapping[str, Tensor]) -> None:
        """After a step.

        Args:
            trainer: ``trainer.step_count`` counts this step, too.
            parts: of the loss, detached scalars on the run's device; reading one waits for it.
        """

    def on_evaluate(self, trainer: TrainingRun, metrics: Mapping[str, float], best: bool) -> None:
        """After an evaluation.

        Args:
            trainer: its ``model`` was measured.
            metrics: what the task returned.
            best: whether it is the best one so far; its checkpoint is on the disk.
        """

    def on_epoch(self, trainer: TrainingRun, train: Mapping[str, float], val: Mapping[str, float]) -> None:
        """After an epoch, its evaluation and its checkpoint.

        Args:
            trainer: ``trainer.epoch`` counts this epoch, too.
            train: means of the loss parts, learning rate, speed.
            val: metrics; empty where the epoch was not evaluated.
        """

    def on_checkpoint(self, trainer: TrainingRun, path: Path, kind: str) -> None:
        """After a checkpoint was written.

        Args:
            trainer: the run.
            path: of the ``.pt`` file; the weights are beside it as ``.safetensors``.
            kind: ``best`` or ``last``.
        """

    def on_end(self, trainer: TrainingRun) -> None:
        """When the run ends, however it ends."""
