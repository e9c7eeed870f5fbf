"""Augmentation files: which operations there are and how YAML names them."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from uhd.augment import colour, geometry, mixing, noise, outliers, soften, weather
from uhd.config import from_plain
from uhd.errors import UserError, nearest

GEOMETRY: tuple[type[Any], ...] = (
    geometry.HorizontalFlip,
    geometry.VerticalFlip,
    geometry.RandomWindow,
    geometry.RandomCrop,
    geometry.RandomResizedCrop,
    geometry.RandomScale,
    geometry.Translation,
    soften.Soften,
)
MIXING: tuple[type[Any], ...] = (mixing.MixUp, mixing.CopyPaste)
PIXELS: tuple[type[Any], ...] = (
    colour.RandomHSV,
    colour.RandomPhotometricDistort,
    colour.RandomBrightness,
    colour.RandomContrast,
    colour.RandomSaturation,
    colour.CLAHE,
    colour.ToGray,
    noise.Blur,
    noise.MedianBlur,
    noise.GaussianBlur,
    noise.MotionBlur,
    noise.GaussNoise,
    noise.ISONoise,
    noise.ImageCompression,
    weather.RandomRain,
    weather.RandomFog,
    weather.RandomSunFlare,
)
_ALL: tuple[type[Any], ...] = (mixing.Mosaic, *GEOMETRY, *MIXING, *PIXELS, outliers.RemoveOutliers)
OPERATIONS: dict[str, type[Any]] = {kind.__name__: kind for kind in _ALL}
RECIPE = Path(__file__).parent / "recipe.yaml"
_SECTIONS = ("data_augment_pre", "data_augment", "data_augment_post")
_SWAP = "class_swap_map"
_SCALAR = {"RemoveOutliers": "min_area", "RandomCrop": "ratio"}


def read_operations(source: Path | str | Mapping[str, Any] | None, classes: Sequence[int]) -> list[Any]:
    """Read the operations of a YAML file or table; None takes our recipe.

    Operations stand at the top level, under ``data_augment``, or under ``data_augment_pre`` and ``data_augment_post``.
    Each has a table of options; a scalar stands for the probability (for RemoveOutliers the least area, for RandomCrop
    the ratio), an empty value or false switches the operation off, an empty table takes the defaults.
    ``class_swap_map`` may stand at any level; the innermost counts.

    Args:
        source: file or table.
        classes: wanted raw class numbers, in the order of the labels.

    Raises:
        UserError: unreadable file, unknown operation or key, value of the wrong kind or out of range.
    """
    where = "augmentation" if isinstance(source, Mapping) else str(source or RECIPE)
    table = source if isinstance(source, Mapping) else _read(Path(source or RECIPE))
    swap = table.get(_SWAP)
    sections = [table.get(name) or {} for name in _SECTIONS]
    sections.append({name: value for name, value in table.items() if name not in (*_SECTIONS, _SWAP)})
    operations = []
    for section in sections:
        if not isinstance(section, Mapping):
            raise UserError(f"{where}: a section must be a table of operations, not {section!r}")
        inner = section.get(_SWAP, swap)
        for name, value in section.items():
            if name != _SWAP and value is not None and value is not False:
                operations.append(_operation(str(name), value, where, inner, classes))
    return operations


def _read(path: Path) -> Mapping[str, Any]:
    try:
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read as YAML ({' '.join(str(error).split())})") from None
    if table is None:
        return {}
    if not isinstance(table, Mapping):
        raise UserError(f"{path}: must be a table of operations")
    return table


def _operation(name: str, value: Any, where: str, swap: Any, classes: Sequence[int]) -> Any:
    kind = OPERATIONS.get(name)
    if kind is None:
        raise UserError(f"{where}: unknown operation {name!r}{nearest(name, (*OPERATIONS, *_SECTIONS))}")
    where = f"{where}: {name}"
    if isinstance(value, Mapping):
        options = {str(key): item for key, item in value.items()}
    elif value is True:
        options = {}
    else:
        options = {_SCALAR.get(name, "prob"): value}
    flip = options.pop(_SWAP, None) if kind is geometry.HorizontalFlip else None
    hints = typing.get_type_hints(kind)
    by_key = {key.replace("-", "_"): field for field in dataclasses.fields(kind) for key in _keys(field)}
    for key, item in options.items():
        field = by_key.get(key.replace("-", "_"))
        if field is not None:
            options[key] = _plain_number(item, _length(hints[field.name]))
    operation = from_plain(kind, options, where)
    for field in dataclasses.fields(kind):
        limits = getattr(operation, field.name)
        is_range = _length(hints[field.name]) == 2 and field.name != "tile_grid_size"
        if is_range and limits is not None and limits[0] > limits[1]:
            raise UserError(f"{where}: {field.name}: the range {list(limits)} is upside down")
    if kind is geometry.HorizontalFlip:
        return dataclasses.replace(operation, class_swap_map=_swap_map(flip or swap, classes, where))
    return operation


def _keys(field: dataclasses.Field[Any]) -> tuple[str, ...]:
    knob = field.metadata.get("knob")
    return (field.name, knob.flag) if knob is not None and knob.flag else (field.name,)


def _length(hint: Any) -> int:
    """Return how many numbers an option holds: 2 for a range, 3 for a colour, 0 for a single value."""
    return max((len(typing.get_args(kind)) for kind in (hint, *typing.get_args(hint))
                if typing.get_origin(kind) is tuple), default=0)  # fmt: skip


def _plain_number(value: Any, length: int) -> Any:
    """Return numbers such as ``1e-8``, which YAML reads as text, as numbers, and one number for many repeated."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return value
    return [value] * length if length and isinstance(value, int | float) and not isinstance(value, bool) else value


def _swap_map(table: Any, classes: Sequence[int], where: str) -> dict[int, int]:
    """Translate raw class numbers to class positions; pairs with a class that is not wanted are left out."""
    if not table:
        return {}
    try:
        pairs = {int(a): int(b) for a, b in table.items()}
    except (AttributeError, TypeError, ValueError):
        raise UserError(f"{where}: {_SWAP} must map class numbers to class numbers, not {table!r}") from None
    pairs |= {b: a for a, b in pairs.items() if b not in pairs}
    place = {raw: position for position, raw in enumerate(classes)}
    return {place[a]: place[b] for a, b in pairs.items() if a in place and b in place}
