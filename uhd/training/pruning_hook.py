"""A hook that tells a trial how its run goes, and ends a run that is worse than most were at its age."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from uhd.training.hooks import Hook
from uhd.training.training_run import TrainingRun

if TYPE_CHECKING:
    from optuna import Trial


class PruningHook(Hook):
    """Reports the metric after every evaluation.

    Args:
        trial: of Optuna.
        metric: key of the metrics.

    Raises:
        optuna.TrialPruned: from the run, where the pruner gives it up.
    """

    def __init__(self, trial: Trial, metric: str) -> None:
        self._trial, self._metric = trial, metric

    def on_evaluate(self, trainer: TrainingRun, metrics: Mapping[str, float], best: bool) -> None:  # noqa: ARG002
        """Report; give up where the pruner says so."""
        from optuna import TrialPruned

        self._trial.report(float(metrics[self._metric]), trainer.epoch)
        if self._trial.should_prune():
            raise TrialPruned(f"epoch {trainer.epoch}")
