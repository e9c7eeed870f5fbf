"""A run of the detector: plan it, make the folder its own, train; or measure a checkpoint."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from uhd.data.multi_label import roles_of
from uhd.detect.broken import closing_line
from uhd.detect.framework import framework_hooks
from uhd.detect.network import draw_anchors
from uhd.detect.pictures import Pictures, draw_samples, write_report
from uhd.detect.plan import Plan, make_plan
from uhd.detect.settings import Settings, write_settings
from uhd.training.failures import failures_told
from uhd.training.folder import claim_folder
from uhd.training.hooks import Hook
from uhd.training.progress import say
from uhd.training.trainer import Interrupted, Trainer

VAL_ONLY = "val_only"


@dataclass(frozen=True)
class Run:
    """What a run leaves.

    Attributes:
        folder: with ``best.*``, ``last.*``, ``metrics.csv``, ``settings.yaml`` and pictures.
        metrics: of the last evaluation; after training, of the averaged weights.
        best: AP50 of the best checkpoint, ``folder / "best.safetensors"``; None before the first evaluation.
    """

    folder: Path
    metrics: dict[str, float] = field(default_factory=dict)
    best: float | None = None


@failures_told()
def run(settings: Settings, hooks: Iterable[Hook] = ()) -> Run:
    """Train a detector (or, with ``val_only``, measure one).

    Args:
        settings: all configurations.
        hooks: called at fixed moments of the training.

    Raises:
        UserError: anything the user can mend, before anything is written.
        Interrupted: stopped by the user; the run is saved.
    """
    plan = make_plan(settings, hooks)
    if plan.trainer is None:
        return measure(plan)
    if plan.trainer.finished:
        _tell_finished(plan, plan.trainer)
    else:
        claim(plan, plan.trainer)
        fit(plan, plan.trainer)
    return Run(plan.folder, dict(plan.trainer.metrics), plan.trainer.best)


def claim(plan: Plan, trainer: Trainer) -> None:
    """Make the run folder this run's own, with its settings and the picture of its anchors."""

    def make() -> None:
        if not plan.processes.main:
            return
        said = claim_folder(plan.folder, plan.last)
        if said:
            say(said)
        write_settings(plan.settings, plan.folder)
        draw_anchors(plan.network, plan.dataset, plan.settings.detect, roles_of(plan.settings.data), plan.folder)

    plan.processes.main_first(make)
    trainer.hooks.insert(0, Pictures(plan.task, plan.settings.detect.samples))
    trainer.hooks.extend(framework_hooks(plan.settings))


def fit(plan: Plan, trainer: Trainer) -> None:
    """Train to the end, and say what there is then.

    Raises:
        Interrupted: stopped by the user; the run is saved.
    """
    try:
        trainer.fit()
    except Interrupted as stop:
        _tell_broken(plan)
        if plan.processes.main:
            print(stop, file=sys.stderr)  # noqa: T201
        raise
    _tell_broken(plan)
    if plan.processes.main:
        _tell_more(trainer.metrics)
    if plan.processes.main and trainer.best is not None:
        best = plan.folder / "best.safetensors"
        if not trainer.best:
            _tell_nothing_found(plan)
        say(f"best: {best} ({trainer.task.metric.name} {trainer.best:.4f}, epoch {trainer.best_epoch})")
        model, exported = shlex.quote(str(best)), shlex.quote(f"{plan.folder.name}.onnx")
        say(f"next: uhd predict photo.jpg --model {model}, or uhd export {model} --output {exported}")


def _tell_nothing_found(plan: Plan) -> None:
    if not any(len(truth.boxes) for truth in plan.task.truths):
        say("no validation image shows a person, so nothing was measured: add some that do")
        return
    say(
        "nothing was found in the validation images, so the last epoch counts as the best: train longer (--epochs), "
        "start from our weights (--preset small), or look for wrong labels (uhd data check)"
    )


def measure(plan: Plan) -> Run:
    """Evaluate the checkpoint that was given and draw samples, into ``val_only/`` of the run folder."""
    if not plan.processes.main:  # one process measures all
        return Run(plan.folder)
    task, detect = plan.task, plan.settings.detect
    metrics = task.evaluate(plan.network.eval())
    say(task.report.to_text() if task.report else "")
    _tell_more(metrics)
    written = write_report(task, plan.folder / VAL_ONLY)
    draw_samples(task, plan.network, plan.folder / VAL_ONLY, detect.samples, detect.heatmap)
    say(f"wrote {written}")
    return Run(plan.folder, metrics)


def _tell_more(metrics: Mapping[str, float]) -> None:
    """Print the figures that were asked for beside those of every epoch."""
    for name, value in metrics.items():
        if name.startswith(("COCO/", "AP50/class ")):
            say(f"  {name}  {value:.4f}")


def _tell_broken(plan: Plan) -> None:
    """Say how many images broke, in any process; all of them come here."""
    broken = plan.processes.union(plan.broken.files)
    if broken and plan.processes.main:
        say(closing_line(len(broken)))


def _tell_finished(plan: Plan, trainer: Trainer) -> None:
    if not plan.processes.main:
        return
    why, how = f"all {trainer.config.epochs} epochs are done", f"--epochs {2 * trainer.epoch}"
    if trainer.epoch < trainer.config.epochs:
        why, how = f"no better {trainer.task.metric.name} for {trainer.stale} evaluations", "--patience 0"
    say(f"{plan.last}: the run is finished, {why}; {how} trains on")
