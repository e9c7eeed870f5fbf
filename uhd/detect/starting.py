"""What a run takes from the checkpoint it starts from: everything the user did not type."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from uhd.card import ModelCard
from uhd.card_fields import INPUT_KEYS
from uhd.compress.config import quantisation_of
from uhd.compress.widths import read_widths
from uhd.config import from_plain, knob_of, to_plain
from uhd.config.hints import type_hints
from uhd.data.config import DataConfig
from uhd.detect.config import DetectConfig
from uhd.detect.original_run import loss_values, train_values
from uhd.detect.settings import Settings
from uhd.errors import UserError
from uhd.migrations import settings_of
from uhd.model_file import PACKAGED, model_file
from uhd.models.weights import architecture_of, read_checkpoint, read_weights, unsaid, untrained
from uhd.resize import format_size
from uhd.trained_on import TrainedOn
from uhd.training.checkpoint import newest_last

T = TypeVar("T")
# Where a run reads and writes is up to the user of today, never to a file.
_PLACES = ("exp_name", "output", "resume", "ckpt", "overwrite", "auto_anchors_plot_path", "cache_dir", "log_dir",
           "backbone_weights")  # fmt: skip
_MODES = {1: "opencv_inter_nearest_y", 2: "opencv_inter_nearest_yuv422"}  # of weights that do not say their mode


def start_file(ckpt: Path | None) -> Path | None:
    """Return the file that ``--ckpt`` means: a path, the best weights of a run folder, or a name of the package's.

    Raises:
        UserError: the folder holds no weights, or the package brings none.
    """
    if ckpt is None or ckpt.is_file():
        return ckpt
    if str(ckpt) in PACKAGED and not ckpt.exists():
        return model_file(ckpt, (".safetensors",))
    if ckpt.is_dir():
        for name in ("best.safetensors", "last.safetensors"):
            if (ckpt / name).is_file():
                return ckpt / name
        return newest_last(ckpt)
    return ckpt


def take_settings(settings: Settings, path: Path, model_of: Callable[[str], Any], resume: bool) -> tuple[Settings, str]:
    """Return the settings with those of the checkpoint where the user typed none, and one line that says so.

    ``--ckpt`` takes the network and its input (size, resize mode, classes, roles of labels, fake quantisation);
    how it is trained is up to the flags. ``--resume`` takes that too. Files of the original tell what its metadata
    and the shapes of its weights tell.

    Args:
        settings: from flags, YAML file and preset.
        path: checkpoint.
        model_of: configuration of an architecture from the flags.
        resume: whether the run is continued.

    Raises:
        UserError: unreadable, of no known architecture, or a value in it does not fit.
    """
    state, meta = read_weights(path)
    arch, network = architecture_of(state, meta, path)
    typed = settings.typed
    if "arch" in typed and settings.detect.arch != arch:
        raise UserError(f"{path}: is of --arch {arch}, not {settings.detect.arch}")
    ours = isinstance(meta.get("model_config"), Mapping)
    saved: dict[str, Mapping[str, Any]] = {
        "train": {},
        "detect": {"arch": arch},
        "data": _input_values(meta, network) | _split_values(meta, settings.data),
        "model": {name: value for name, value in to_plain(network).items() if name not in unsaid(arch, meta)},
        "quantisation": to_plain(quantisation_of(meta, str(path))),
    }
    if resume and ours:
        meta = _two_tables(meta)
        for name in ("train", "detect", "data", "loss", "distill", "prune"):
            saved[name] = settings_of(type(getattr(settings, name)), meta, f"{name}_config", str(path))
            kept = {key: value for key, value in saved[name].items() if key not in _PLACES}
            saved[name] = _paths_found(type(getattr(settings, name)), kept, str(meta.get("working_folder") or ""))
        saved["data"] = {"split_by": TrainedOn.split_by, **saved["data"]}
    elif resume:
        saved["data"] = {"split_by": TrainedOn.split_by, **saved["data"]}
        content = read_checkpoint(path)
        saved["train"] = train_values(content)
        saved["loss"] = loss_values(content)
    before = dataclasses.replace(settings, model=model_of(arch))
    after = {name: _taken(config, saved.get(name, {}), typed, path) for name, config in before.configs()}
    found = Settings(**after, typed=typed, widths=read_widths(meta, str(path)))
    line = _line(before, found, saved, typed, path)
    if not resume and (new := untrained(meta)):
        line += f"; untrained: {', '.join(new)}, which no score of it needs ({meta['rebuilt_from']})"
    return found, line


def _paths_found(kind: type[Any], values: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """Return values whose relative paths lead somewhere: from here, or else from where the run was started."""
    hints, found = type_hints(kind), dict(values)
    for name, value in values.items():
        if folder and hints.get(name) in (Path, Path | None) and isinstance(value, str):
            there = Path(folder) / value  # an absolute path stays what it is
            if not Path(value).exists() and there.exists():
                found[name] = str(there)
    return found


def _two_tables(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata with the detector's settings in a table of their own; the first version had one for both."""
    train, detect = meta.get("train_config"), meta.get("detect_config")
    if not isinstance(train, Mapping) or detect is not None:
        return dict(meta)
    own = {field.name for field in dataclasses.fields(DetectConfig)}
    return dict(meta) | {
        "train_config": {name: value for name, value in train.items() if name not in own},
        "detect_config": {name: value for name, value in train.items() if name in own},
    }


def _input_values(meta: Mapping[str, Any], network: Any) -> dict[str, Any]:
    values = {name: meta[name] for name in INPUT_KEYS if meta.get(name) not in (None, "", [], ())}
    if "resize_mode" not in values and network.in_channels in _MODES:
        values["resize_mode"] = _MODES[network.in_channels]
    if "classes" not in values and network.num_classes > 1:
        values["classes"] = list(range(network.num_classes))
    return values


def _split_values(meta: Mapping[str, Any], data: DataConfig) -> dict[str, Any]:
    """Return the split that the file's network was trained with, where it was on the same data.

    Another one would validate on images that it knows.
    """
    drawn, place = ModelCard.from_checkpoint(meta).trained_on, data.image_dir or data.train_list
    if drawn is None or drawn.seed is None or place is None or drawn.data != place.resolve().name:
        return {}
    return {
        "split_seed": drawn.seed, "split_by": drawn.split_by,
        "train_split": drawn.train_split, "val_split": drawn.val_split,
    }  # fmt: skip


def _taken(config: T, saved: Mapping[str, Any], typed: Collection[str], path: Path) -> T:
    names = {field.name for field in dataclasses.fields(config)} - set(typed)  # type: ignore[arg-type]
    values = {name: value for name, value in saved.items() if name in names}
    return from_plain(type(config), values, str(path), config)


def _line(
    before: Settings, after: Settings, saved: Mapping[str, Mapping[str, Any]], typed: Collection[str], path: Path
) -> str:
    """Name what the checkpoint changed, and what was typed in its place."""
    taken, given = [], []
    for name, new in after.configs():
        old = getattr(before, name)
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
