"""Search for better settings with Optuna: where each may lie, and a study that several processes share."""

from __future__ import annotations

import dataclasses
import random
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uhd.config import knob_of
from uhd.errors import UserError, install_hint, nearest

if TYPE_CHECKING:
    from optuna import Study, Trial

_ATTEMPTS = 20
_HEARTBEAT, _GRACE = 30, 120  # seconds; a trial silent for longer is dead


@dataclass(frozen=True)
class Dimension:
    """A setting that is searched.

    Attributes:
        name: of the field.
        default: its value otherwise.
        choices: allowed values; () for a number.
        low, high, log: closed range of a number, and whether steps are ratios.
        whole: whether it is a whole number.
    """

    name: str
    default: Any
    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False

    def suggest(self, trial: Trial) -> Any:
        """Return a value that a trial shall try."""
        if self.choices:
            return trial.suggest_categorical(self.name, self.choices)
        if self.whole:
            return trial.suggest_int(self.name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(self.name, self.low, self.high, log=self.log)

    @property
    def holds_default(self) -> bool:
        """Whether the default lies where the search looks."""
        return self.default in self.choices if self.choices else self.low <= self.default <= self.high


def dimensions(configs: Iterable[Any], names: Sequence[str]) -> list[Dimension]:
    """Return the dimensions of settings, from the ranges that their knobs name.

    Args:
        configs: configurations with the values that hold otherwise.
        names: fields to search; numbers with a search range, settings with choices, switches.

    Raises:
        UserError: no such setting, or one without a range.
    """
    known: dict[str, tuple[dataclasses.Field[Any], Any]] = {}
    for config in configs:
        for field in dataclasses.fields(config):
            known.setdefault(field.name, (field, getattr(config, field.name)))
    found = []
    for name in dict.fromkeys(name.replace("-", "_") for name in names):
        if name not in known:
            raise UserError(f"--search {name}: no such setting{nearest(name, known)}")
        field, value = known[name]
        rule = knob_of(field)
        if rule.search is not None:
            whole = isinstance(value, int) and not isinstance(value, bool)
            low, high = rule.search.low, rule.search.high
            found.append(Dimension(name, value, (), low, high, rule.search.log and low > 0, whole))
        elif rule.choices is not None:
            found.append(Dimension(name, value, tuple(choice for choice in rule.choices if choice is not None)))
        elif isinstance(value, bool):
            found.append(Dimension(name, value, (False, True)))
        else:
            ranged = [each for each, (other, _) in known.items() if knob_of(other).search is not None]
            raise UserError(f"--search {name}: has no range to search; these have: {', '.join(ranged)}")
    return found


def open_study(
    storage: str, name: str, larger_is_better: bool = True, seed: int | None = None, epochs: int = 0
) -> Study:
    """Return the study of a name, made where there is none; several processes may come here at once.

    Args:
        storage: an Optuna URL: ``sqlite:///study.db``, ``postgresql://user@host/db``, ...
        name: of the study.
        larger_is_better: direction of its value.
        seed: of the sampler; None where several processes share the study, which must not try the same.
        epochs: of a trial; it is not pruned in the first quarter of them.

    Raises:
        UserError: Optuna is not installed, or the storage cannot be used.
    """
    try:
        import optuna
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError as error:
        raise UserError(f"the search needs {error.name}: {install_hint('tune')}") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # it would warn of a failed trial with a traceback
    sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=max(1, epochs // 4))
    options: dict[str, Any] = (
        {"connect_args": {"timeout": 60}} if storage.startswith("sqlite") else {"pool_pre_ping": True}
    )
    for attempt in range(_ATTEMPTS):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # of the heartbeat
                place = optuna.storages.RDBStorage(
                    storage, engine_kwargs=options, heartbeat_interval=_HEARTBEAT, grace_period=_GRACE
                )
            return optuna.create_study(
                storage=place, study_name=name, load_if_exists=True, sampler=sampler, pruner=pruner,
                direction="maximize" if larger_is_better else "minimize",
            )  # fmt: skip
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            # Two processes that make the tables at once get in each other's way once; the second look finds them.
            if attempt == _ATTEMPTS - 1:
                reason = str(error).splitlines()[0]
                raise UserError(f"--storage {storage}: cannot be used ({reason}): check the address") from None
            time.sleep(random.uniform(0.05, 0.3))
        except (ImportError, ValueError) as error:
            raise UserError(f"--storage {storage}: cannot be used ({str(error).splitlines()[0]})") from None
    raise AssertionError


def run_study(
    study: Study,
    space: Sequence[Dimension],
    measure: Callable[[Trial, Mapping[str, Any]], float],
    trials: int,
    minutes: float = 0.0,
) -> int:
    """Try settings until a study holds enough finished trials, by this or other processes; returns how many it holds.

    The first trial of a study takes the defaults, so that the best is never worse than they are at the same budget.

    Args:
        study: see :func:`open_study`.
        space: what is searched.
        measure: a trial and its values -> the study's value; may raise ``optuna.TrialPruned``.
        trials: finished and pruned ones of the study, all processes together.
        minutes: after which no further trial begins; 0 for no limit.
    """
    from optuna.study import MaxTrialsCallback
    from optuna.trial import TrialState

    from uhd.training.defaults_first import DefaultsFirst

    done = (TrialState.COMPLETE, TrialState.PRUNED)
    study.sampler = DefaultsFirst(study.sampler, {each.name: each.default for each in space if each.holds_default})

    def count() -> int:
        return len(study.get_trials(deepcopy=False, states=done))

    if count() < trials:
        study.optimize(
            lambda trial: measure(trial, {each.name: each.suggest(trial) for each in space}),
            timeout=minutes * 60 or None,
            callbacks=[MaxTrialsCallback(trials, states=done)],
        )
    return count()


def importances(study: Study) -> dict[str, float]:
    """Return the share of each setting in what the finished trials differ by; {} where there are too few.

    By PED-ANOVA (Watanabe et al. 2023, https://arxiv.org/abs/2304.10255).
    """
    import optuna

    finished = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if len(finished) < 4 or len({trial.value for trial in finished}) < 2:
        return {}
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))
