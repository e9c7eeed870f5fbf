"""What a run keeps to continue exactly where it was, and how it is taken up again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from uhd.errors import UserError
from uhd.models.weights import check_numbers, reason_against
from uhd.training.optimiser import load_optimiser
from uhd.training.training_run import TrainingRun

_NEEDED = {"model", "optimizer", "step", "batch", "epoch", "stale", "metrics", "best_map", "scaler", "torch_rng"}


def state_of(trainer: TrainingRun) -> dict[str, Any]:
    """Return the trainer's part of a checkpoint, as tensors and plain values."""
    step, companion = trainer.stepper, trainer.task.companion
    state = {
        "format": 1,
        "epoch": trainer.epoch,
        "batch": trainer.batch,
        "step": trainer.step_count,
        "steps_per_epoch": trainer.steps_per_epoch,
        "images_per_step": trainer.images_per_step,
        "metric": trainer.task.metric.name,
        "best_map": -1.0 if trainer.best is None else trainer.best,
        "best_epoch": trainer.best_epoch,
        "stale": trainer.stale,
        "metrics": dict(trainer.metrics),
        "model": trainer.task.model.state_dict(),
        "companion": companion.state_dict() if companion is not None else None,
        "ema": step.ema.model.state_dict() if step.ema is not None else None,
        "ema_updates": step.ema.updates if step.ema is not None else 0,
        "use_ema": step.ema is not None,
        "optimizer": step.optimiser.state_dict(),
        "scaler": step.scaler.state_dict(),
        "epoch_means": trainer.means.state(),
        "torch_rng": torch.get_rng_state(),
    }
    if trainer.device.type == "cuda":
        state["cuda_rng"] = torch.cuda.get_rng_state(trainer.device)
    return state


def load_state(trainer: TrainingRun, state: Mapping[str, Any], where: Path) -> str:
    """Continue from a checkpoint of a trainer.

    With another batch size the run keeps its place: the share of the epoch, and of the schedule, that is done.

    Args:
        trainer: of the same task, without a step so far.
        state: content of the checkpoint.
        where: its path, for errors.

    Returns:
        one line that says what was left behind, "" where all was taken: another optimiser starts afresh.

    Raises:
        UserError: the checkpoint belongs to another architecture, is not of ours, or holds no numbers.
    """
    missing = _NEEDED - set(state)
    if missing:
        raise UserError(f"{where}: cannot be resumed: lacks {', '.join(sorted(missing))}; start with --ckpt instead")
    step, companion = trainer.stepper, trainer.task.companion
    check_numbers(state["model"], where)
    try:
        trainer.task.model.load_state_dict(state["model"])
        if companion is not None:
            companion.load_state_dict(state.get("companion") or {})
        if step.ema is not None:
            step.ema.model.load_state_dict(state.get("ema") or state["model"])
            step.ema.updates = int(state.get("ema_updates") or 0)
    except (RuntimeError, ValueError) as error:
        there, here = state.get("model_config"), trainer.task.describe().get("model_config")
        raise UserError(f"{where}: belongs to {reason_against(there, here, error)}") from None
    reason = _take_optimiser(trainer, state)
    step.scaler.load_state_dict(state["scaler"])
    torch.set_rng_state(state["torch_rng"])
    if trainer.device.type == "cuda" and "cuda_rng" in state:
        torch.cuda.set_rng_state(state["cuda_rng"], trainer.device)
    trainer.epoch, trainer.stale = int(state["epoch"]), int(state["stale"])
    trainer.metrics = dict(state["metrics"])
    # -1 stands for no evaluation so far; a score is never negative, and a loss is not called best_map.
    trainer.best = None if not trainer.metrics else float(state["best_map"])
    trainer.best_epoch = int(state.get("best_epoch", 0))
    _take_place(trainer, state)
    return f"{where.name}: continued with a fresh optimiser: {reason}" if reason else ""


def _take_optimiser(trainer: TrainingRun, state: Mapping[str, Any]) -> str:
    """Load the optimiser's state; returns why it does not fit, or ""."""
    there, here = (state.get("train_config") or {}).get("optimizer"), trainer.config.optimizer
    if there not in (None, here):
        return f"{there} there, {here} here"
    try:
        load_optimiser(trainer.stepper.optimiser, state["optimizer"])
    except ValueError as error:
        return str(error)
    return ""


def _take_place(trainer: TrainingRun, state: Mapping[str, Any]) -> None:
    batch, step, now = int(state["batch"]), int(state["step"]), trainer.steps_per_epoch
    then = int(state.get("steps_per_epoch") or _steps_per_epoch(trainer.epoch, batch, step, now))
    size = int(state.get("images_per_step") or trainer.images_per_step)
    if then == now and size == trainer.images_per_step:
        trainer.batch, trainer.step_count = batch, step
        if batch and state.get("epoch_means"):
            trainer.means.restore(state["epoch_means"], trainer.device)
        return
    window = trainer.config.accumulate
    trainer.batch = min(len(trainer.batches), batch * size // trainer.images_per_step // window * window)
    trainer.step_count = trainer.epoch * now + -(-trainer.batch // window)


def _steps_per_epoch(epoch: int, batch: int, step: int, now: int) -> int:
    """Return the length of an epoch of a checkpoint that does not say it: those of the first version."""
    return max(1, (step - batch) // epoch) if epoch else now
