"""Outputs without post-processing: name, order and meaning of the tensors, and how they become one raw map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from uhd.heads import SCORE_MODES, HeadLayout

Array = NDArray[np.float32]
CONSTANTS = ("anchors", "wh_scale")
PARTS = ("box", "obj", "quality", "cls")
ATTRIBUTES = ("attr", "attr_logits")


def is_raw(outputs: Sequence[str]) -> bool:
    """Return whether these output names are a raw form that can be read: one concatenated map, or its parts."""
    maps = _maps(outputs)
    if not set(CONSTANTS) <= set(outputs):
        return False
    return _is_concatenated(maps) or ("box" in maps and len(maps) > 1 and set(maps) <= set(PARTS))


def fields_of(outputs: Sequence[str]) -> set[str]:
    """Return the branches (``box``, ``obj``, ``quality``, ``cls``) that raw outputs of these names hold."""
    maps = _maps(outputs)
    return set(maps[0].split("_")) if _is_concatenated(maps) else set(maps)


def joined_map(outputs: Sequence[str]) -> str | None:
    """Return the name of the one map that joins all branches, or None where they are separate."""
    maps = _maps(outputs)
    return maps[0] if _is_concatenated(maps) else None


def _maps(outputs: Sequence[str]) -> list[str]:
    return [name for name in outputs if name not in CONSTANTS + ATTRIBUTES]


def _is_concatenated(maps: Sequence[str]) -> bool:
    return len(maps) == 1 and maps[0].startswith(("txtywh_obj_", "txtywh_box_")) and maps[0].endswith("_x8")


def read_layout(tensors: Mapping[str, Array], table: Mapping[str, str]) -> HeadLayout:
    """Return how to read the raw map of a model.

    Args:
        tensors: every output of one run, by name: maps (B, C, h, w), anchors and wh_scale (A, 2).
        table: metadata of the file; ``score_mode``, ``quality_power`` and ``every_class_counts`` are used.

    Raises:
        ValueError: shapes that do not agree, or a score that needs a branch the file does not have.
    """
    anchors = np.asarray(tensors["anchors"], np.float32).reshape(-1, 2)
    scale = np.asarray(tensors["wh_scale"], np.float32).reshape(-1, 2)
    maps = _maps(list(tensors))
    fields = fields_of(list(tensors))
    has_quality = "quality" in fields
    if _is_concatenated(maps):
        classes, rest = divmod(tensors[maps[0]].shape[1], len(anchors))
        held = HeadLayout(anchors, scale, 0, has_quality, "obj").fields
        classes -= sum(count for name, count in held.items() if name == "box" or name in fields)
    else:
        classes, rest = divmod(tensors["cls"].shape[1], len(anchors)) if "cls" in fields else (0, 0)
    attributes = sum(tensors[name].shape[1] for name in ATTRIBUTES if name in tensors) // len(anchors)
    if rest or classes < 0 or scale.shape != anchors.shape:
        raise ValueError(f"{len(anchors)} anchors do not fit the outputs {', '.join(tensors)}")
    mode = table.get("score_mode") or "_".join(
        part for part in ("obj", "quality", "cls") if part in fields and (part != "cls" or classes)
    )
    if mode not in SCORE_MODES:
        raise ValueError(f"score_mode {mode!r} is not one of {', '.join(SCORE_MODES)}")
    missing = [part for part in mode.split("_") if part not in fields]
    if missing:
        raise ValueError(f"the score {mode} needs {', '.join(missing)}, which the file does not have")
    power = float(table.get("quality_power") or 1)
    several = table.get("every_class_counts") == "true"
    return HeadLayout(anchors, scale, classes, has_quality, mode, power, attributes, several)


def raw_map(tensors: Mapping[str, Array], layout: HeadLayout) -> Array:
    """Return the map (B, A * no, h, w) that :func:`uhd.heads.decode` reads, from one concatenated map or its parts."""
    maps = _maps(list(tensors))
    if _is_concatenated(maps) and maps[0].startswith("txtywh_obj_"):
        return tensors[maps[0]]
    parts = _unscrambled(maps[0], tensors[maps[0]], layout) if _is_concatenated(maps) else tensors
    b, _, h, w = parts["box"].shape
    raw = np.zeros((b, layout.num_anchors, layout.channels_per_anchor, h, w), np.float32)
    start = 0
    for name, channels in layout.fields.items():
        if name in parts:
            raw[:, :, start : start + channels] = parts[name].reshape(b, layout.num_anchors, channels, h, w)
        start += channels
    return raw.reshape(b, -1, h, w)


def attribute_map(tensors: Mapping[str, Array]) -> Array | None:
    """Return the map (B, A * attributes, h, w) of the attributes, or None in a file without them."""
    return next((tensors[name] for name in ATTRIBUTES if name in tensors), None)


def _unscrambled(name: str, data: Array, layout: HeadLayout) -> dict[str, Array]:
    """Return the parts of ``txtywh_box_...``, which the original's later version wrote anchor, row, column, channel.

    Its shape says (B, A * channels, h, w) all the same, so the shape must not be believed.
    """
    b, channels, h, w = data.shape
    maps = np.moveaxis(data.reshape(b, layout.num_anchors, h, w, channels // layout.num_anchors), -1, 2)
    parts, start, written = {}, 0, {"box", *name.split("_")}
    for part, count in layout.fields.items():
        if part in written:
            parts[part] = maps[:, :, start : start + count]
            start += count
    return {part: values.reshape(b, -1, h, w) for part, values in parts.items()}
