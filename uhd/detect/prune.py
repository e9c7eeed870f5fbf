"""A pruning run: the network made smaller, trained on with the unpruned one as its teacher, and what that cost."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from uhd.detect.plan import Plan, make_plan
from uhd.detect.pruned_figures import figures_of
from uhd.detect.run import Run, claim, fit
from uhd.detect.settings import Settings
from uhd.errors import UserError
from uhd.files import save_text
from uhd.json_text import json_text
from uhd.models.network import DetectorNetwork
from uhd.models.weights import load_model
from uhd.training.hooks import Hook
from uhd.training.progress import say

SUMMARY = "pruning.json"


def run_pruning(settings: Settings, hooks: Iterable[Hook] = ()) -> tuple[Run, dict[str, Any]]:
    """Prune a trained network and train it on; a run folder as any, and ``pruning.json`` in it.

    Args:
        settings: with ``prune``, or of a run that is continued.
        hooks: called at fixed moments of the training.

    Returns:
        the run, and what the network costs and reaches, ``before`` and ``after``.

    Raises:
        UserError: anything the user can mend, before anything is written.
        Interrupted: stopped by the user; the run is saved.
    """
    plan = make_plan(settings, hooks)
    if plan.trainer is None:
        raise UserError("uhd prune trains what it prunes; uhd val measures a model: leave out --val-only")
    path = plan.folder / SUMMARY
    before = _before(plan, path)
    if not plan.trainer.finished:
        claim(plan, plan.trainer)
        if plan.processes.main:
            _write(path, {"before": before})
        fit(plan, plan.trainer)
    summary: dict[str, Any] = {}
    if plan.processes.main:
        summary = {"before": before, "after": _after(plan)}
        _write(path, summary)
        say("\n".join(lines_of(summary)))
    return Run(plan.folder, dict(plan.trainer.metrics), plan.trainer.best), summary


def lines_of(summary: dict[str, Any]) -> list[str]:
    """Return what changed as lines of text."""
    before, after = summary["before"], summary["after"]

    def line(title: str, key: str, form: str, unit: str) -> str:
        texts = [form.format(side[key]) if side.get(key) is not None else "?" for side in (before, after)]
        return f"{title:<14} {texts[0]} -> {texts[1]}{unit}"

    return [
        line("multiply-adds", "macs", "{:,}", ""),
        line("parameters", "params", "{:,}", ""),
        line("one thread", "milliseconds", "{:.3f}", " ms (ONNX, this machine)"),
        line("ESP32-S3", "esp32s3_milliseconds", "{:.1f}", " ms (ESTIMATE, not measured on a chip)"),
        line("AP50", "AP50", "{:.4f}", " (validation images)"),
    ]


def _before(plan: Plan, path: Path) -> dict[str, Any]:
    """Return the figures of the unpruned network, or those that were written down when the run began."""
    if not plan.processes.main:
        return {}
    if plan.last is not None and path.is_file():
        with suppress(ValueError, KeyError):  # changed by hand: measured again
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["before"]
            return found
    file = plan.settings.train.ckpt or plan.settings.distill.teacher_ckpt
    if file is None:
        return {}
    return _measured(plan, load_model(file)[0].to(next(plan.network.parameters()).device))


def _after(plan: Plan) -> dict[str, Any]:
    assert plan.trainer is not None
    network = plan.trainer.model.eval()
    assert isinstance(network, DetectorNetwork)
    widths = {name: list(sides) for name, sides in (network.widths or {}).items()}
    return _measured(plan, network) | {"widths": widths, "best_AP50": plan.trainer.best}


def _measured(plan: Plan, network: DetectorNetwork) -> dict[str, Any]:
    reached = plan.task.evaluate(network)["AP50"]
    return figures_of({"network": network}, plan.task.card())["network"] | {"AP50": round(reached, 4)}


def _write(path: Path, table: dict[str, Any]) -> None:
    save_text(path, json_text(table) + "\n")
