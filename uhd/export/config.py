"""Which weights are exported: the settings that every target shares."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from uhd.config import knob, same_knob
from uhd.config.groups import NetworkSize
from uhd.export.targets import TARGETS
from uhd.models import ARCHITECTURES
from uhd.nms.config import SuppressionFlags

_GROUP = "model"


@dataclass(frozen=True)
class ExportConfig:
    """What is written, from which file, and what the file says of itself."""

    format: str = knob("onnx", f"what to write: {', '.join(TARGETS)}; each has its own --help", group=_GROUP)
    checkpoint: Path | None = knob(None, "checkpoint (.safetensors or .pt), or a run folder", group=_GROUP)
    weights: Path | None = knob(None, "the same, under the original's other name", group=_GROUP)
    output: Path | None = knob(None, "file to write (default: the checkpoint's name)", group=_GROUP)
    arch: str | None = knob(None, "architecture the checkpoint must be of", choices=tuple(ARCHITECTURES), group=_GROUP)
    img_size: tuple[int, int] | None = same_knob(
        NetworkSize, "img_size", None, group=_GROUP, presets={"original": (64, 64)}
    )
    ema: bool = knob(True, "averaged weights where the checkpoint has them", group=_GROUP)
    non_strict: bool = knob(False, "leave out tensors that the model has no place for", group=_GROUP)
    licence: str = knob("", "licence of the weights, written into the file (default: what it says)", group=_GROUP)
    model_version: str = knob("", "version of the weights, written into the file (default: their digest)", group=_GROUP)
    nms_type: str | None = same_knob(
        SuppressionFlags, "nms_type", None, group=_GROUP,
        help="what whoever runs the file does about duplicate boxes (default: what the checkpoint says)",
    )  # fmt: skip
    threshold: float | None = knob(
        None, "least score that the file recommends (default: what it says, the best F1 of its validation images)",
        group=_GROUP, minimum=0, maximum=1,
    )  # fmt: skip
    threshold_data: Path | None = knob(
        None, "choose that score on labelled images: the best F1 on their training part", group=_GROUP
    )
    measured_on: str = knob(
        "", "split that the checkpoint's AP was measured on (default: what it says, else val)", group=_GROUP
    )
