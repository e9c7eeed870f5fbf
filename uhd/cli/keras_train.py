"""``python -m uhd_keras.train``: the flags and defaults of UHD-keras, our code behind them."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from uhd.cli import guarded
from uhd.cli.flags import Flags, Resolved
from uhd.cli.sizes import sized_settings
from uhd.cli.train import flags_of, train_resolved
from uhd.config import knob
from uhd.data.config import DataConfig
from uhd.detect.config import DetectConfig
from uhd.errors import UserError
from uhd.losses.config import LossConfig
from uhd.losses.distillation.config import DistillConfig
from uhd.models.ultratinyod.config import UltraTinyODConfig
from uhd.training.config import TrainConfig

PROGRAM = "uhd_keras.train"
_GROUP = "names of UHD-keras"
_NO_AUG = Path("uhd_keras/no_aug.yaml")


@dataclass(frozen=True)
class KerasTrainConfig:
    """What UHD-keras calls otherwise than ``uhd train``, or has beside it."""

    names: Path | None = knob(
        None, "file with one class name per line; all of them where nothing else says which", group=_GROUP
    )
    class_count: int | None = knob(
        None,
        "detect classes 0 to N - 1 where --classes does not say which",
        group=_GROUP,
        flag="num-classes",
        minimum=1,
    )
    no_aug: bool = knob(False, "train on the images as they are", group=_GROUP)
    ckpt_out: Path | None = knob(None, "the run folder, in place of <output>/<exp-name>", group=_GROUP)
    feature_distill_weight: float | None = knob(None, "as --distill-feat", group=_GROUP, minimum=0)
    use_xla: bool = knob(False, "", ineffective="the trainer computes on torch, which has no XLA", group=_GROUP)
    max_boxes: int = knob(50, "", ineffective="no box of an image is left out", group=_GROUP, minimum=1)
    use_residual: bool | None = knob(None, "as --utod-residual", group=_GROUP)
    use_head_ese: bool | None = knob(None, "as --utod-head-ese", group=_GROUP)
    assigner: str = knob("legacy", "as --anchor-assigner", group=_GROUP, choices=("legacy", "simota"))
    cls_loss_type: str = knob("bce", "as --anchor-cls-loss", group=_GROUP, choices=("bce", "vfl"))


def train(argv: Sequence[str] | None = None) -> int:
    """``uhd_keras.train``: train with the preset ``keras``."""
    arguments = sys.argv[1:] if argv is None else argv
    return guarded(lambda: main(arguments))


def main(argv: Sequence[str]) -> int:
    """Train a detector in Keras; returns the exit code."""
    resolved = keras_flags().resolve(argv)
    if resolved[TrainConfig].resume is None and "classes" not in resolved.typed:
        raise UserError("how many classes are there? give --classes 0,1, --num-classes N or --names FILE")
    return train_resolved(resolved)


def keras_flags() -> Flags:
    """Return the flags: those of ``uhd train``, and the names of UHD-keras."""
    own = flags_of()
    about = "Train a detector in Keras on a folder of images with YOLO labels."
    return Flags(PROGRAM, about, (*own.kinds, KerasTrainConfig), "keras", settle)


def settle(resolved: Resolved) -> Resolved:
    """Return the settings with what the names of UHD-keras mean, where the user typed them.

    Raises:
        UserError: the file of names cannot be read, or two flags contradict each other.
    """
    asked, typed = resolved[KerasTrainConfig], resolved.typed
    resolved = _data(sized_settings(resolved), asked)
    if asked.no_aug:
        if "aug_config" in typed:
            raise UserError("--no-aug and --aug-config exclude each other")
        resolved = resolved.replace(dataclasses.replace(resolved[DetectConfig], aug_config=_NO_AUG), "aug_config")
    if asked.ckpt_out is not None:
        place = asked.ckpt_out
        resolved = resolved.replace(
            dataclasses.replace(resolved[TrainConfig], output=place.parent, exp_name=place.name), "output", "exp_name"
        )
    same: tuple[tuple[Any, str, str, Any], ...] = (
        (DistillConfig, "distill_feat", "feature_distill_weight", asked.feature_distill_weight),
        (UltraTinyODConfig, "utod_residual", "use_residual", asked.use_residual),
        (UltraTinyODConfig, "utod_head_ese", "use_head_ese", asked.use_head_ese),
        (LossConfig, "anchor_assigner", "assigner", asked.assigner),
        (LossConfig, "anchor_cls_loss", "cls_loss_type", asked.cls_loss_type),
    )
    for kind, ours, theirs, value in same:
        if theirs in typed and value is not None:
            resolved = resolved.replace(dataclasses.replace(resolved[kind], **{ours: value}), ours)
    return resolved


def _data(resolved: Resolved, asked: KerasTrainConfig) -> Resolved:
    """Return the settings with classes by UHD-keras' rules, and shares that add up to 1."""
    data, typed = resolved[DataConfig], []
    names = () if asked.names is None else _names(asked.names)
    classes = data.classes
    if "classes" not in resolved.typed and (asked.class_count or names):
        classes, typed = tuple(range(asked.class_count or len(names))), ["classes"]
    if names and all(isinstance(number, int) and number < len(names) for number in classes):
        data = dataclasses.replace(data, class_names=tuple(names[number] for number in classes))
    whole = data.train_split + data.val_split
    if whole > 0:
        data = dataclasses.replace(data, train_split=data.train_split / whole, val_split=data.val_split / whole)
    return resolved.replace(dataclasses.replace(data, classes=classes), *typed)


def _names(path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise UserError(f"--names {path}: {error.strerror}") from None
    found = tuple(line.strip() for line in lines if line.strip())
    if not found:
        raise UserError(f"--names {path}: holds no name")
    return found
