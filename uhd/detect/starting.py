"""What a run takes from the checkpoint it starts from: everything the user did not type."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from uhd.card import INPUT_KEYS
from uhd.compress.config import QuantiseConfig, quantisation_of
from uhd.config import from_plain, knob_of, to_plain
from uhd.data.config import DataConfig
from uhd.detect.original_run import loss_values, train_values
from uhd.errors import UserError
from uhd.losses.config import LossConfig
from uhd.losses.distillation.config import DistillConfig
from uhd.migrations import settings_of
from uhd.models.weights import architecture_of, read_checkpoint, read_weights
from uhd.resize import format_size
from uhd.training.config import TrainConfig

T = TypeVar("T")
_MODES = {1: "opencv_inter_nearest_y", 2: "opencv_inter_nearest_yuv422"}  # of weights that do not say their mode


@dataclass(frozen=True, eq=False)
class Settings:
    """All configurations of a run; ``model`` is that of the architecture that ``train.arch`` names."""

    train: TrainConfig
    data: DataConfig
    model: Any
    loss: LossConfig
    quantisation: QuantiseConfig
    distill: DistillConfig


def started(
    settings: Settings, path: Path, typed: Collection[str], model_of: Callable[[str], Any], resume: bool
) -> tuple[Settings, str]:
    """Return the settings with those of the checkpoint where the user typed none, and one line that says so.

    ``--ckpt`` takes the network and its input (size, resize mode, classes, roles of labels, fake quantisation);
    how it is trained is up to the flags. ``--resume`` takes that too. Files of the original tell what its metadata
    and the shapes of its weights tell.

    Args:
        settings: from flags, YAML file and preset.
        path: checkpoint.
        typed: fields that the user gave.
        model_of: configuration of an architecture from the flags.
        resume: whether the run is continued.

    Raises:
        UserError: unreadable, of no known architecture, or a value in it does not fit.
    """
    state, meta = read_weights(path)
    arch, network = architecture_of(state, meta, path)
    if "arch" in typed and settings.train.arch != arch:
        raise UserError(f"{path}: is of --arch {arch}, not {settings.train.arch}")
    ours = isinstance(meta.get("model_config"), Mapping)
    saved: dict[str, Mapping[str, Any]] = {
        "train": {"arch": arch},
        "data": _input_values(meta, network),
        "model": to_plain(network),
        "quantisation": to_plain(quantisation_of(meta, str(path))),
    }
    if resume and ours:
        for name in ("train", "data", "loss", "distill"):
            saved[name] = settings_of(type(getattr(settings, name)), meta, f"{name}_config", str(path))
    elif resume:
        content = read_checkpoint(path)
        saved["train"] = {"arch": arch} | train_values(content)
        saved["loss"] = loss_values(content)
    before = dataclasses.replace(settings, model=model_of(arch))
    kept = {"resume": settings.train.resume, "ckpt": settings.train.ckpt}
    after = {name: _taken(getattr(before, name), saved.get(name, {}), typed, path) for name in _names()}
    after["train"] = dataclasses.replace(after["train"], **kept)
    found = Settings(**after)
    return found, _line(before, found, saved, typed, path)


def _names() -> list[str]:
    return [field.name for field in dataclasses.fields(Settings)]


def _input_values(meta: Mapping[str, Any], network: Any) -> dict[str, Any]:
    values = {name: meta[name] for name in INPUT_KEYS if meta.get(name) not in (None, "", [], ())}
    if "resize_mode" not in values and network.in_channels in _MODES:
        values["resize_mode"] = _MODES[network.in_channels]
    if "classes" not in values and network.num_classes > 1:
        values["classes"] = list(range(network.num_classes))
    return values


def _taken(config: T, saved: Mapping[str, Any], typed: Collection[str], path: Path) -> T:
    names = {field.name for field in dataclasses.fields(config)} - set(typed)  # type: ignore[arg-type]
    values = {name: value for name, value in saved.items() if name in names}
    return from_plain(type(config), values, str(path), config)


def _line(
    before: Settings, after: Settings, saved: Mapping[str, Mapping[str, Any]], typed: Collection[str], path: Path
) -> str:
    """Name what the checkpoint changed, and what was typed in its place."""
    taken, given = [], []
    for name in _names():
        old, new = getattr(before, name), getattr(after, name)
        for field in dataclasses.fields(new):
            if field.name not in saved.get(name, {}) or knob_of(field).group == "run" or knob_of(field).hidden:
                continue
            value = getattr(new, field.name)
            if field.name not in typed and value != getattr(old, field.name):
                taken.append(f"{field.name} {_text(field.name, value)}")
            elif field.name in typed and to_plain(new)[field.name] != saved[name][field.name]:
                given.append(field.name)
    parts = [f"from {path.name}: {', '.join(dict.fromkeys(taken)) or 'weights only'}"]
    if given:
        parts.append(f"from flags: {', '.join(dict.fromkeys(given))}")
    return "; ".join(parts)


def _text(name: str, value: Any) -> str:
    if name == "anchors":
        return f"({len(value)})"
    if name == "img_size":
        return format_size(value)
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
