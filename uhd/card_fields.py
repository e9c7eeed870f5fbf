"""The fields of the model card as files hold them: keys, text, plain values, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from uhd.resize import format_size, parse_size
from uhd.trained_on import TrainedOn

# How the raw maps of the head are read, as text under the head's own names.
HEAD_KEYS = (
    "anchors", "wh_scale", "score_mode", "quality_power", "disable_cls", "every_class_counts", "topk", "heatmap_peaks",
    "class_channels", "has_quality", "attribute_channels", "reg_max", "one_to_one",
)  # fmt: skip


class Translation(NamedTuple):
    """Between a field and what a file holds: text, plain values, and back from either."""

    to_text: Callable[[Any], str]
    to_plain: Callable[[Any], Any]
    parse: Callable[[Any], Any]


def size_of(value: Any) -> tuple[int, int]:
    """Return (height, width) from text or two numbers."""
    return parse_size(value if isinstance(value, str) else "x".join(map(str, value)))


def _names(value: Any) -> tuple[str, ...]:
    found = json.loads(value) if isinstance(value, str) else value
    if not isinstance(found, list | tuple):
        raise ValueError(f"names {value!r} are not a list")
    return tuple(found)


def _numbers(value: Any) -> tuple[int, ...]:
    if isinstance(value, list | tuple):
        return tuple(int(each) for each in value)
    return tuple(int(part) for part in str(value).strip("[]").replace(",", " ").split())


def _metrics(value: Any) -> dict[str, float]:
    found = json.loads(value) if isinstance(value, str) else value
    if not isinstance(found, Mapping):
        raise ValueError(f"metrics {value!r} are not a table")
    if isinstance(value, str):
        return {str(name): float(number) for name, number in found.items()}
    return {str(name): float(number) for name, number in found.items() if isinstance(number, int | float)}


_TEXT = Translation(str, str, str)
_NUMBER = Translation(lambda value: repr(float(value)), float, float)
_COUNT = Translation(str, int, int)
_SIZE = Translation(format_size, format_size, size_of)
_NAMES = Translation(lambda value: json.dumps(list(value)), list, _names)
_NUMBERS = Translation(lambda value: ",".join(map(str, value)), list, _numbers)
_TRAINED = Translation(
    lambda value: "" if value is None else json.dumps(value.to_plain()),
    lambda value: None if value is None else value.to_plain(),
    lambda value: TrainedOn.from_plain(json.loads(value) if isinstance(value, str) else value),
)
_METRICS = Translation(lambda value: json.dumps({str(k): float(v) for k, v in value.items()}), dict, _metrics)
MEASURED = ("metrics_split", "metrics_data", "metrics_size", "metrics_resize_mode", "metrics_precision")
# Field, key in the file, translation.
FIELDS: tuple[tuple[str, str, Translation], ...] = (
    ("format", "format", _COUNT),
    ("task", "task", _TEXT),
    ("arch", "arch", _TEXT),
    ("kind", "kind", _TEXT),
    ("input_size", "img_size", _SIZE),
    ("resize_mode", "resize_mode", _TEXT),
    ("input_layout", "input_layout", _TEXT),
    ("input_range", "input_range", _TEXT),
    ("precision", "precision", _TEXT),
    ("class_names", "names", _NAMES),
    ("classes", "classes", _NUMBERS),
    ("multi_label_mode", "multi_label_mode", _TEXT),
    ("multi_label_det_classes", "multi_label_det_classes", _NUMBERS),
    ("multi_label_attr_classes", "multi_label_attr_classes", _NUMBERS),
    ("conf_thresh", "conf_thresh", _NUMBER),
    ("score", "decode_score", _TEXT),
    ("metrics", "metrics", _METRICS),
    ("trained_on", "trained_on", _TRAINED),
    ("licence", "license", _TEXT),
    ("version", "version", _TEXT),
)
# What a checkpoint says of itself; the rest follows from its weights and its configuration.
CHECKPOINT = frozenset(
    {
        "format", "task", "input_size", "resize_mode", "class_names", "classes", "multi_label_mode",
        "multi_label_det_classes", "multi_label_attr_classes", "metrics", "trained_on", "licence", "version",
        "precision", "conf_thresh",
    }
)  # fmt: skip
# The keys by which a run that starts from a checkpoint takes over its input and its labels. Not the names: they belong
# to the data set that the run is given.
INPUT_KEYS = ("img_size", "resize_mode", "classes", "multi_label_mode", "multi_label_det_classes",
              "multi_label_attr_classes")  # fmt: skip
