"""A sampler of Optuna whose first trial takes the defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState


class DefaultsFirst(BaseSampler):
    """Lets another sampler choose, but for the first trial of a study.

    ``enqueue_trial`` would do the same for one process. Of several on SQLite, which locks no rows, two take the trial
    that waits, and the second one to finish it fails.

    Args:
        inner: sampler of all other trials.
        defaults: name -> value; of other names the first trial takes what ``inner`` says.
    """

    def __init__(self, inner: BaseSampler, defaults: Mapping[str, Any]) -> None:
        self.inner, self.defaults = inner, dict(defaults)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return what is chosen together."""
        return {} if trial.number == 0 else self.inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return values that were chosen together."""
        return self.inner.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return one value."""
        if trial.number == 0 and param_name in self.defaults:
            return self.defaults[param_name]
        return self.inner.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Pass on that a trial begins."""
        self.inner.before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Pass on that a trial has ended."""
        self.inner.after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        """Draw other numbers from now on."""
        self.inner.reseed_rng()
