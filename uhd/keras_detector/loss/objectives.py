"""The two anchor objectives; the twins of :mod:`uhd.losses.aligned` and :mod:`uhd.losses.anchor`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from uhd.errors import UserError
from uhd.heads import HeadLayout
from uhd.keras_detector.loss.assignment import (
    Assignment,
    assign_legacy,
    assign_simota,
    assign_simota_legacy,
)
from uhd.keras_detector.loss.elements import (
    binary_cross_entropy,
    focal,
    objectness,
    quality_focal,
    varifocal,
    varifocal_legacy,
)
from uhd.keras_detector.loss.head import Predictions, read_raw
from uhd.keras_detector.loss.overlap import aligned_iou
from uhd.keras_detector.loss.targets import Targets, unpack_targets
from uhd.keras_detector.loss.task_aligned import assign_task_aligned
from uhd.losses.config import LossConfig

Parts = dict[str, Any]
_CLASS_LOSSES = ("bce", "ce", "vfl", "vfl-legacy", "focal", "qfl")
_DENSE: dict[str, Callable[[Any, Any], Any]] = {"vfl": varifocal, "focal": focal, "qfl": quality_focal}
ASSIGNERS: dict[str, Callable[[Predictions, Targets, LossConfig], Assignment]] = {
    "tal": assign_task_aligned,
    "legacy": lambda predictions, targets, _: assign_legacy(predictions, targets),
    "simota": lambda predictions, targets, config: assign_simota(predictions, targets, config.simota_topk),
    "simota-legacy": lambda predictions, targets, config: assign_simota_legacy(
        predictions, targets, config.simota_topk
    ),
}


def detection_loss(
    raw: Any, packed: Any, config: LossConfig, layout: HeadLayout, anchors: Any, wh_scale: Any
) -> tuple[Any, Parts]:
    """Return the scalar to minimise and its parts ``box, quality, obj, cls, positives``, in float32.

    Args:
        raw: (B, h, w, A * no) logits of the Keras model.
        packed: (B, M, 5), see :func:`uhd.keras_detector.loss.targets.pack_targets`.
        config: objective, assigner and weights.
        layout: of the head.
        anchors: (A, 2), normalised.
        wh_scale: (A, 2) trainable factor on them.

    Raises:
        UserError: the settings contradict each other.
    """
    check_loss(config)
    targets = unpack_targets(packed)
    predictions = read_raw(raw, layout, anchors, wh_scale)
    boxes, scores = ops.stop_gradient(predictions.boxes), predictions.scores
    still = Predictions(boxes, None, None, None, scores, predictions.priors, predictions.size)
    assigned = ASSIGNERS[config.anchor_assigner](still, targets, config)
    objective = _aligned if config.objective == "aligned" else _original
    return objective(predictions, targets, assigned, _taught(still, targets, assigned), config)


def check_loss(config: LossConfig) -> None:
    """Raise UserError where the settings contradict each other, or are of torch only."""
    known = {"anchor_assigner": ASSIGNERS, "iou_loss": ("iou", "giou", "ciou"), "anchor_cls_loss": _CLASS_LOSSES}
    for name, kinds in known.items():
        if getattr(config, name) not in kinds:
            flag, value = f"--{name.replace('_', '-')}", getattr(config, name)
            raise UserError(f"{flag} {value}: fit in Keras has {', '.join(kinds)}; uhd train --framework keras has it")
    if config.objective == "aligned" and config.anchor_cls_loss not in ("bce", "ce"):
        raise UserError(
            f"--anchor-cls-loss {config.anchor_cls_loss} is for --objective original; "
            "the aligned objective takes bce or ce"
        )


def _aligned(
    predictions: Predictions, targets: Targets, assigned: Assignment, keep: Any, config: LossConfig
) -> tuple[Any, Parts]:
    owns = ops.cast(assigned.positive, "float32")
    number = ops.maximum(ops.sum(owns), 1.0)
    overlap = _overlap(predictions, targets, assigned, config.iou_loss)[0]
    box = ops.sum((1 - overlap) * owns) / number
    cls = ops.sum(_owner_class_loss(predictions.classes, targets, assigned, config) * owns) / number
    goal = ops.clip(assigned.iou, 0, 1)
    obj_each = objectness(predictions.obj, owns if config.obj_target == "binary" else goal, config.obj_loss)
    has_quality = predictions.quality is not None
    logits = ops.stop_gradient(predictions.quality if has_quality else predictions.obj)
    s = ops.sigmoid(logits)
    weight = s * ops.sqrt(s) * config.quality_negative_scale + config.quality_negative_floor
    weight = ops.where(assigned.positive, 1.0, weight) * keep
    if has_quality:
        quality = ops.sum(binary_cross_entropy(predictions.quality, goal) * weight) / number
        obj = ops.sum(obj_each * keep) / number
    else:  # objectness alone tells persons from background
        quality, obj = ops.zeros(()), ops.sum(obj_each * weight) / number
    obj_weight = config.loss_weight_obj if has_quality else config.loss_weight_quality
    parts = {"box": box, "quality": quality, "obj": obj, "cls": cls, "positives": ops.sum(owns)}
    return _total(parts, config, obj_weight), parts


def _original(
    predictions: Predictions, targets: Targets, assigned: Assignment, keep: Any, config: LossConfig
) -> tuple[Any, Parts]:
    owns = ops.cast(assigned.positive, "float32")
    number = ops.sum(owns)
    somebody = ops.cast(number > 0, "float32")
    overlap, iou = _overlap(predictions, targets, assigned, config.iou_loss)
    box = ops.sum((1 - overlap) * owns) / ops.maximum(number, 1.0)
    fit = ops.clip(ops.stop_gradient(overlap), 0, 1) * owns
    has_quality, quality = predictions.quality is not None, ops.zeros(())
    if has_quality:
        quality = _mean(binary_cross_entropy(predictions.quality, fit), keep) * somebody
    by_fit = config.obj_target == "iou" or (config.obj_target == "auto" and has_quality)
    obj = _mean(objectness(predictions.obj, fit if by_fit else owns, config.obj_loss), keep)
    cls = ops.zeros(())
    if predictions.classes.shape[-1]:
        goal = _class_goal(targets, assigned, iou, int(predictions.classes.shape[-1]), has_quality, config)
        cls = _class_loss(predictions.classes, goal, owns, keep, config)
    parts = {"box": box, "quality": quality, "obj": obj, "cls": cls, "positives": number}
    return _total(parts, config, config.loss_weight_obj), parts


def _total(parts: Parts, config: LossConfig, obj_weight: float) -> Any:
    total = config.loss_weight_box * parts["box"] + obj_weight * parts["obj"] + config.loss_weight_cls * parts["cls"]
    return total + config.loss_weight_quality * parts["quality"]


def _overlap(predictions: Predictions, targets: Targets, assigned: Assignment, kind: str) -> tuple[Any, Any]:
    """Return the wanted overlap and the IoU (B, N) of every prediction with its owner, of any value where none is."""
    wanted = ops.take_along_axis(targets.boxes, assigned.owner[..., None], axis=1)
    whole = ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0])
    return aligned_iou(predictions.boxes, ops.where(assigned.positive[..., None], wanted, whole), kind)


def _owner_labels(targets: Targets, assigned: Assignment, classes: int) -> Any:
    """Return (B, N, classes), 1 at the class of the owner."""
    label = ops.take_along_axis(targets.labels, assigned.owner, axis=1)
    return ops.one_hot(label, classes) if classes > 1 else ops.ones_like(label, "float32")[..., None]


def _owner_class_loss(logits: Any, targets: Targets, assigned: Assignment, config: LossConfig) -> Any:
    classes = int(logits.shape[-1])
    if classes == 0:
        return ops.zeros_like(assigned.iou)
    goal = _owner_labels(targets, assigned, classes)
    if config.anchor_cls_loss == "ce" and classes > 1:
        return -ops.sum(ops.log_softmax(logits, -1) * goal, -1)
    return ops.sum(binary_cross_entropy(logits, goal), -1)


def _class_goal(
    targets: Targets, assigned: Assignment, iou: Any, classes: int, has_quality: bool, config: LossConfig
) -> Any:
    """Return (B, N, classes): 1, or the IoU, at every class that claims the prediction."""
    kind = config.anchor_cls_loss
    is_iou = kind in ("vfl", "qfl") or (not has_quality and config.anchor_assigner != "legacy" and kind != "focal")
    if is_iou and config.anchor_assigner == "simota-legacy":
        # The original lets the gradient of the class term reach the boxes through its target.
        value = ops.where(assigned.positive, iou, 0.0)
        return ops.minimum(value[..., None] * _owner_labels(targets, assigned, classes), 1.0)
    value = ops.cast(assigned.claims, "float32") * (assigned.table if is_iou else 1.0)
    whose = ops.one_hot(targets.labels if classes > 1 else ops.zeros_like(targets.labels), classes)
    goal = ops.matmul(ops.transpose(value, (0, 2, 1)), whose)
    return ops.minimum(ops.stop_gradient(goal), 1.0)


def _class_loss(logits: Any, goal: Any, owns: Any, keep: Any, config: LossConfig) -> Any:
    kind, number = config.anchor_cls_loss, ops.sum(owns)
    if kind == "vfl-legacy":
        each = varifocal_legacy(logits, goal)
        return _mean(each, keep[..., None] * ops.ones_like(each)) * ops.cast(number > 0, "float32")
    if kind in _DENSE:
        return ops.sum(ops.sum(_DENSE[kind](logits, goal), -1) * keep) / ops.maximum(number, 1.0)
    if kind == "ce" and logits.shape[-1] > 1:
        each = -ops.sum(ops.log_softmax(logits, -1) * goal, -1)
    else:
        each = ops.sum(binary_cross_entropy(logits, goal), -1)
    return ops.sum(each * owns) / ops.maximum(number, 1.0)


def _mean(each: Any, keep: Any) -> Any:
    return ops.sum(each * keep) / ops.maximum(ops.sum(keep), 1.0)


def _taught(predictions: Predictions, targets: Targets, assigned: Assignment) -> Any:
    """Return 1 (B, N) where a prediction may be taught: positives, and negatives outside the regions to ignore."""
    h, w = predictions.size
    x1, y1, x2, y2 = (targets.boxes[..., i : i + 1] for i in range(4))
    clipped = ops.clip(predictions.boxes, 0, 1)[:, None]
    area = (clipped[..., 2] - clipped[..., 0]) * (clipped[..., 3] - clipped[..., 1])
    wide = ops.minimum(clipped[..., 2], x2) - ops.maximum(clipped[..., 0], x1)
    high = ops.minimum(clipped[..., 3], y2) - ops.maximum(clipped[..., 1], y1)
    inside = ops.relu(wide) * ops.relu(high) * 2 >= ops.maximum(area, 1e-12)
    cx, cy = (ops.arange(w, dtype="float32") + 0.5) / w, (ops.arange(h, dtype="float32") + 0.5) / h
    cell = ((cy >= y1) & (cy <= y2))[..., :, None] & ((cx >= x1) & (cx <= x2))[..., None, :]
    cell = ops.reshape(cell, (-1, int(targets.boxes.shape[1]), h * w))
    inside = inside | ops.tile(cell, (1, 1, predictions.anchors))
    hit = ops.any(inside & targets.regions[..., None], axis=1)
    return ops.cast(~hit | assigned.positive, "float32")
