"""Continue a run of the original: its settings under our names, and its state in our trainer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uhd.compress.fake_quantise import fit_ranges
from uhd.errors import UserError
from uhd.training.optimiser import load_optimiser

if TYPE_CHECKING:
    from uhd.training.trainer import Trainer

_RENAMED = {
    "anchor_assigner": {"simota": "simota-legacy"},
    "anchor_cls_loss": {"vfl": "vfl-legacy"},
}
_LOSS = {
    "iou_loss": "iou_loss",
    "anchor_assigner": "anchor_assigner",
    "anchor_cls_loss": "anchor_cls_loss",
    "loss_weight_box": "loss_weight_box",
    "loss_weight_obj": "loss_weight_obj",
    "loss_weight_cls": "loss_weight_cls",
    "loss_weight_quality": "loss_weight_quality",
    "obj_loss_type": "obj_loss",
    "obj_target": "obj_target",
    "simota_topk": "simota_topk",
    "multi_label_attr_weight": "multi_label_attr_weight",
}


def is_original(state: Mapping[str, Any]) -> bool:
    """Whether a checkpoint is one of the original, which has no configurations but counts its epochs."""
    return "model_config" not in state and isinstance(state.get("model"), Mapping)


def loss_values(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of :class:`~uhd.losses.config.LossConfig` that a checkpoint of the original tells.

    What it calls ``simota`` and ``vfl`` has ``-legacy`` in its name here.
    """
    found = {ours: state[theirs] for theirs, ours in _LOSS.items() if state.get(theirs) not in (None, "")}
    return {"objective": "original"} | {name: _RENAMED.get(name, {}).get(value, value) for name, value in found.items()}


def train_values(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of :class:`~uhd.training.config.TrainConfig` that a checkpoint of the original tells.

    Its length is the period of its cosine schedule, as the original resumes it.
    """
    values: dict[str, Any] = {"schedule": "epoch", "final_lr": 0.0, "warmup_steps": 0, "decay_all": True}
    for name in ("use_ema", "ema_decay", "grad_clip_norm"):
        if isinstance(state.get(name), int | float):
            values[name] = state[name]
    group = _group(state)
    if group:
        values["optimizer"] = "adamw" if "betas" in group else "sgd"
        values["lr"] = group.get("initial_lr", group.get("lr"))
        values |= {name: group[name] for name in ("weight_decay", "momentum") if group.get(name) is not None}
    schedule = state.get("scheduler")
    if isinstance(schedule, Mapping) and isinstance(schedule.get("T_max"), int):
        values["epochs"] = schedule["T_max"]
    return {name: value for name, value in values.items() if value is not None}


def adopt(trainer: Trainer, state: Mapping[str, Any], where: Path) -> str:
    """Continue from a checkpoint of the original: weights, averages, epoch and, where it fits, the optimiser.

    Its score is left behind: it was measured otherwise, so that the first evaluation here counts as the best.

    Returns:
        one line that says what was taken.

    Raises:
        UserError: the weights are of another architecture.
    """
    model, ema = trainer.task.model, trainer.stepper.ema
    weights = dict(state["model"])
    try:
        model.load_state_dict(fit_ranges(weights, model))
        if ema is not None:
            averaged = state["ema"] if isinstance(state.get("ema"), Mapping) else weights
            ema.model.load_state_dict(fit_ranges(dict(averaged), model))
            ema.updates = int(state.get("ema_updates") or 0)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:160]
        raise UserError(f"{where}: belongs to another architecture: {reason}") from None
    trainer.epoch = int(state.get("epoch") or 0)
    trainer.step_count = trainer.epoch * trainer.steps_per_epoch
    reason = _adopt_optimiser(trainer, state)
    optimiser = "optimiser" if not reason else f"a fresh optimiser ({reason})"
    averages = "averaged weights, " if ema is not None and isinstance(state.get("ema"), Mapping) else ""
    return (
        f"{where.name}, a run of the original: continued after epoch {trainer.epoch} of {trainer.config.epochs} with "
        f"its weights, {averages}{optimiser}"
    )


def _adopt_optimiser(trainer: Trainer, state: Mapping[str, Any]) -> str:
    """Load the optimiser's state; returns why it does not fit, or ""."""
    group, kind = _group(state), trainer.config.optimizer
    if not group:
        return "the file has none"
    theirs = "adamw" if "betas" in group else "sgd"
    if theirs != kind:
        return f"{theirs} there, {kind} here"
    parameters = dict(trainer.task.model.named_parameters())
    # The original's optimiser has one group, numbered in the order of the model's parameters.
    order = [name for name in state["model"] if name in parameters]
    numbers = group.get("params", [])
    if len(order) != len(numbers):
        return f"{len(numbers)} parameters there, {len(order)} here"
    slots = state["optimizer"]["state"]
    number_of = {id(parameters[name]): number for name, number in zip(order, numbers, strict=True)}
    own = trainer.stepper.optimiser.state_dict()
    listed = [parameter for each in trainer.stepper.optimiser.param_groups for parameter in each["params"]]
    taken = {}
    for i, parameter in enumerate(listed):
        slot = slots.get(number_of[id(parameter)])
        if slot is None:
            continue
        if any(getattr(value, "ndim", 0) and value.shape != parameter.shape for value in slot.values()):
            return "its shapes differ"
        taken[i] = dict(slot)
    load_optimiser(trainer.stepper.optimiser, {"state": taken, "param_groups": own["param_groups"]})
    return ""


def _group(state: Mapping[str, Any]) -> dict[str, Any]:
    optimiser = state.get("optimizer")
    groups = optimiser.get("param_groups") if isinstance(optimiser, Mapping) else None
    return dict(groups[0]) if isinstance(groups, list) and len(groups) == 1 else {}
