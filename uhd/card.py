"""What a runtime needs to know of a model, carried in the model file itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from uhd.resize import canonical_mode, format_size, parse_size

# Fields of ModelSpec -> keys in the file. The keys of the original keep its names.
_KEYS = {
    "arch": "arch",
    "input_size": "img_size",
    "resize_mode": "resize_mode",
    "class_names": "names",
    "conf_thresh": "conf_thresh",
    "nms_iou": "nms_iou",
    "score": "decode_score",
    "licence": "license",
    "version": "version",
    "metrics": "metrics",
}


@dataclass(frozen=True)
class ModelSpec:
    """How to feed a model and read its output.

    Attributes:
        input_size: (height, width) of the network.
        resize_mode: how an image becomes the input.
        class_names: by class id.
        conf_thresh: score below which detections are not shown (best F1 on the validation split).
        nms_iou: IoU at which duplicates are dropped.
        arch: architecture.
        score: formula of the score, for people.
        metrics: measured on the named split.
        extra: whatever else the file says (recipe, how the raw output is read).
        licence: of the weights, e.g. ``MIT``.
        version: of the weights.

    Raises:
        ValueError: a threshold outside 0 to 1, a size that is not positive, no class name.
        UserError: unknown resize mode.
    """

    input_size: tuple[int, int] = (64, 64)
    resize_mode: str = "opencv_inter_nearest"
    class_names: tuple[str, ...] = ("person",)
    conf_thresh: float = 0.3
    nms_iou: float = 0.5
    arch: str = "ultratinyod"
    score: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    licence: str = ""
    version: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "resize_mode", canonical_mode(self.resize_mode))
        if len(self.input_size) != 2 or min(self.input_size) < 1:
            raise ValueError(f"input size {self.input_size} is not two positive numbers")
        if not self.class_names or not all(isinstance(name, str) for name in self.class_names):
            raise ValueError(f"class names {self.class_names!r} are not a list of names")
        for name in ("conf_thresh", "nms_iou"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} {getattr(self, name)} is not between 0 and 1")

    def to_metadata(self) -> dict[str, str]:
        """Return text values for an ONNX file."""
        return {
            **self.extra,
            "arch": self.arch,
            "img_size": format_size(self.input_size),
            "resize_mode": self.resize_mode,
            "names": json.dumps(self.class_names),
            "conf_thresh": repr(float(self.conf_thresh)),
            "nms_iou": repr(float(self.nms_iou)),
            "decode_score": self.score,
            "license": self.licence,
            "version": self.version,
            "metrics": json.dumps({name: float(value) for name, value in self.metrics.items()}),
        }

    @classmethod
    def from_metadata(cls, table: Mapping[str, str], **known: Any) -> ModelSpec:
        """Rebuild from text values; ``known`` values win over the file's, missing ones take the defaults.

        Raises:
            ValueError: a value is malformed.
            UserError: unknown resize mode.
        """
        values: dict[str, Any] = {name: table[key] for name, key in _KEYS.items() if table.get(key)}
        if "input_size" in values:
            values["input_size"] = parse_size(values["input_size"])
        if "class_names" in values:
            names = json.loads(values["class_names"])
            if not isinstance(names, list):
                raise ValueError(f"names {values['class_names']!r} is not a list")
            values["class_names"] = tuple(names)
        for name in ("conf_thresh", "nms_iou"):
            if name in values:
                values[name] = float(values[name])
        if "metrics" in values:
            metrics = json.loads(values["metrics"])
            if not isinstance(metrics, dict):
                raise ValueError(f"metrics {values['metrics']!r} is not a table")
            values["metrics"] = {str(name): float(value) for name, value in metrics.items()}
        values["extra"] = {key: value for key, value in table.items() if key not in _KEYS.values()}
        return cls(**(values | {key: value for key, value in known.items() if value is not None}))
