"""Flags of the original that are known but whose features are not here yet."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from uhd.cli.flags import Resolved
from uhd.config import flag_of, knob, knob_of, preset
from uhd.errors import UserError

_MISC = "more (not yet)"


@dataclass(frozen=True)
class LaterTrainConfig:
    """Training flags that are parsed, shown and refused when used."""

    val_aug_config: Path | None = knob(None, "augmentation of validation images", group=_MISC)
    heatmap: str | None = knob(
        None,
        "feature heat maps of --val-only",
        group=_MISC,
        choices=("mean", "sum"),
        shortcuts={"with_heatmap_mean": "mean", "with_heatmap_sum": "sum"},
    )
    auto_anchors_plot: bool = knob(False, "plot the chosen anchors", group=_MISC)
    auto_anchors_plot_path: Path | None = knob(None, "where to", group=_MISC)


def refuse_later(resolved: Resolved, kind: type[object]) -> None:
    """Raise UserError when a flag of a feature that is not here yet was given a value other than its default."""
    config, defaults = resolved.configs[kind], preset(kind, resolved.preset)
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if getattr(config, field.name) != getattr(defaults, field.name):
            raise UserError(f"--{flag_of(field)} ({knob_of(field).help}) is not available yet")
