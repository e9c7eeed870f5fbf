"""``uhd tune``: search for better settings of ``uhd train``, in one process or many."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uhd.cli.flags import Resolved
from uhd.cli.train import flags_of, train_as
from uhd.config import knob
from uhd.config.groups import JsonText
from uhd.data.config import parse_names
from uhd.errors import UserError
from uhd.json_text import json_text
from uhd.training.config import TrainConfig

if TYPE_CHECKING:
    from optuna import Study, Trial

METRIC = "AP50"
_BEST, _PICTURE = "best.yaml", "search.png"
SEARCHED = ("lr", "muon_lr", "weight_decay", "final_lr", "ema_decay")


@dataclass(frozen=True)
class TuneConfig(JsonText):
    """What is searched, how long, and where the study is kept."""

    trials: int = knob(20, "finished trials of the study, all processes together", group="search", minimum=1)
    minutes: float = knob(0.0, "begin no further trial after so many minutes; 0: no limit", group="search", minimum=0)
    search: tuple[str, ...] = knob(
        SEARCHED,
        "settings to search, by their flags; --search help lists them",
        group="search",
        parse=parse_names,
    )
    storage: str | None = knob(
        None, "Optuna URL that processes and machines share (default: sqlite file in the run folder)", group="search"
    )
    study: str | None = knob(None, "name of the study in it (default: --exp-name)", group="search")
    sampler_seed: int | None = knob(
        None, "seed of the search, for one process alone (default: none)", group="search", minimum=0
    )
    plot: bool = knob(True, "draw history and importance into search.png", group="search")


def main(argv: Sequence[str]) -> int:
    """Search; returns the exit code."""
    flags = flags_of("uhd tune", more=(TuneConfig,))
    flags.parser.description = "Search for better settings of uhd train; every trial is a run of its own."
    resolved = flags.resolve(argv)
    config, train = resolved[TuneConfig], resolved[TrainConfig]
    if train.resume is not None:
        raise UserError("uhd tune goes on by itself where a study is: leave out --resume")

    from uhd.data.config import DataConfig
    from uhd.data.open import open_data
    from uhd.training.folder import check_apart_from
    from uhd.training.search import dimensions, open_study, run_study
    from uhd.training.trainer import Interrupted

    if config.search == ("help",):
        return _list_settings(resolved)
    names = config.search
    if "search" not in resolved.typed and train.optimizer != "muon":
        names = tuple(name for name in names if name != "muon_lr")
    space = dimensions(resolved.configs.values(), names)
    open_data(resolved[DataConfig])  # what no trial could read is said before there is a study
    folder = train.output / train.exp_name
    check_apart_from(folder, resolved[DataConfig])
    if not any(folder.glob("study.db")) and not any(folder.glob("trial-*")):  # no study of ours that goes on
        for name in (_BEST, _PICTURE):
            if (folder / name).exists():
                raise UserError(f"{folder / name}: is there already: give another --exp-name")
    folder.mkdir(parents=True, exist_ok=True)
    storage = config.storage or f"sqlite:///{folder / 'study.db'}"
    study = open_study(storage, config.study or train.exp_name, True, config.sampler_seed, train.epochs)

    def measure(trial: Trial, values: Mapping[str, Any]) -> float:
        shown = "  ".join(
            f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in values.items()
        )
        print(f"trial {trial.number}: {shown}", flush=True)
        return _run_trial(trial, _settings(resolved, values), folder)

    try:
        count = run_study(study, space, measure, config.trials, config.minutes)
    except Interrupted:
        print(f"stopped; the same command goes on ({len(study.trials)} trials so far)")
        return 130
    return _close(study, resolved, folder, count)


def _run_trial(trial: Trial, resolved: Resolved, folder: Path) -> float:
    """Train as a trial's values say; returns the best value of its metric."""
    from optuna import TrialPruned

    from uhd.training.pruning_hook import PruningHook

    name = f"trial-{trial.number:04d}"
    train = dataclasses.replace(resolved[TrainConfig], output=folder, exp_name=name, keep=1, overwrite=True)
    try:
        done = train_as(resolved.replace(train), [PruningHook(trial, METRIC)])
    except UserError as error:
        if not (folder / name).is_dir():
            raise  # nothing to do with these values
        raise TrialPruned(str(error)) from error
    return done.best or 0.0


def _settings(resolved: Resolved, values: Mapping[str, Any]) -> Resolved:
    """Return settings with a trial's values, in every configuration that has the field."""
    for config in resolved.configs.values():
        own = {field.name for field in dataclasses.fields(config)} & values.keys()
        if own:
            resolved = resolved.replace(dataclasses.replace(config, **{name: values[name] for name in own}), *own)
    return resolved


def _close(study: Study, resolved: Resolved, folder: Path, count: int) -> int:
    """Write the best settings and the picture, and say what came out."""
    from optuna.trial import TrialState

    from uhd.evaluation.study_plot import plot_study
    from uhd.files import save_text
    from uhd.training.search import importances

    finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if not finished:
        raise UserError(f"{folder}: no trial came to an end: more --minutes, or fewer --epochs")
    best, shares = study.best_trial, importances(study)
    chosen = _settings(resolved, best.params)
    target = folder / _BEST
    save_text(target, _train_yaml(chosen))
    if resolved[TuneConfig].plot:
        values = [(trial.number, float(trial.value or 0)) for trial in finished]
        plot_study(values, shares, METRIC, folder / _PICTURE)
    first = next((trial for trial in finished if trial.number == 0), None)
    table = {
        "trials": count, "pruned": count - len(finished), "best": {"trial": best.number, METRIC: best.value},
        "defaults": None if first is None else first.value, "values": best.params, "importance": shares,
        "config": str(target),
    }  # fmt: skip
    if resolved[TuneConfig].json:
        print(json_text(table))
        return 0
    early = f"{count - len(finished)} given up early"
    gain = f", the first trial {first.value:.4f}" if first is not None else ""
    print(f"{count} trials ({early}); best {METRIC} {best.value:.4f} in trial {best.number}{gain}")
    for name, value in best.params.items():
        share = f"  (share of the differences {shares[name]:.0%})" if name in shares else ""
        print(f"  {_shown((name, value))}{share}")
    print(f"next: uhd train --config {shlex.quote(str(target))} --exp-name tuned")
    return 0


def _train_yaml(resolved: Resolved) -> str:
    """Return settings as YAML for ``uhd train --config``, without those of the search."""
    own = flags_of()
    kept = frozenset(resolved.typed - {field.name for field in dataclasses.fields(TuneConfig)})
    return own.to_yaml(dataclasses.replace(resolved, typed=kept))


def _shown(pair: tuple[str, Any]) -> str:
    name, value = pair
    return f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"


def _list_settings(resolved: Resolved) -> int:
    from uhd.config import knob_of

    for kind, config in resolved.configs.items():
        for field in dataclasses.fields(kind):
            search = knob_of(field).search
            if search is not None:
                steps = ", by ratio" if search.log else ""
                print(f"{field.name:28} {search.low:g} to {search.high:g}{steps} (now {getattr(config, field.name)})")
    return 0
