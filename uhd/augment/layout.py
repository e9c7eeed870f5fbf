"""Augmentation files: which operations there are and how YAML names them."""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from uhd.augment import affine, closer, colour, cutout, geometry, mixing, noise, outliers, soften, weather
from uhd.augment.mirror import both_ways
from uhd.config import flag_of, from_plain
from uhd.config.hints import type_hints
from uhd.errors import UserError, nearest

GEOMETRY: tuple[type[Any], ...] = (
    geometry.HorizontalFlip,
    geometry.VerticalFlip,
    geometry.RandomWindow,
    geometry.RandomCrop,
    geometry.RandomResizedCrop,
    geometry.RandomScale,
    geometry.Translation,
    affine.Affine,
    affine.Rotate,
    closer.CloserLook,
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
# They see boxes as well as pixels, and need no other sample.
SAMPLES: tuple[type[Any], ...] = (cutout.CoarseDropout, cutout.Cutout, outliers.RemoveOutliers)
_ALL: tuple[type[Any], ...] = (mixing.Mosaic, *GEOMETRY, *MIXING, *PIXELS, *SAMPLES)
OPERATIONS: dict[str, type[Any]] = {kind.__name__: kind for kind in _ALL}
# Files beside this one that are known by name.
PRESETS = ("light", "medium", "heavy", "recipe", "camera", "whole")
RECIPE = Path(__file__).parent / "recipe.yaml"
PACKAGE = Path(__file__).parent.parent
_KERAS_PACKAGE = "uhd_keras"  # beside it, with the defaults of UHD-keras
_FLIPS = (geometry.HorizontalFlip, geometry.VerticalFlip)  # nothing is lost by mirroring the small image
_SECTIONS = ("data_augment_pre", "data_augment", "data_augment_post")
_SWAP = "class_swap_map"
_SCALAR = {"RemoveOutliers": "min_area", "RandomCrop": "ratio"}
_OTHER_KEYS = {"RandomResizedCrop": {"aspect_ratio": "aspect"}}

Entry = tuple[str, Any]


def read_operations(
    source: Path | str | Mapping[str, Any] | Sequence[Any] | None,
    classes: Sequence[int],
    warn: Callable[[str], None] | None = None,
) -> list[Any]:
    """Read the operations of a YAML file or table; None takes our recipe.

    Operations stand at the top level, under ``data_augment``, or under ``data_augment_pre`` and ``data_augment_post``,
    each of them a table (``HorizontalFlip: 0.5``) or a list (``- HorizontalFlip: 0.5``); a list may repeat a name.
    Each has a table of options; a scalar stands for the probability (for RemoveOutliers the least area, for RandomCrop
    the ratio), an empty value or false switches the operation off, an empty table takes the defaults.
    ``class_swap_map`` may stand at any level; the innermost counts.

    What is not known, operations or keys, is left out, and said in one line; so is an order that makes an operation
    enlarge the small image where it could read the photograph, or leaves one without effect.

    Args:
        source: file, table or list.
        classes: wanted raw class numbers, in the order of the labels.
        warn: receives such a line; the default prints it to standard error.

    Returns:
        the operations in the order listed, those of ``data_augment_pre`` first.

    Raises:
        UserError: unreadable file, value of the wrong kind or out of range, or no operation that is known.
    """
    given = None if source is None or isinstance(source, str | Path) else source
    where = "augmentation" if given is not None else str(source or RECIPE)
    table = _table(_read(find_file(Path(str(source or RECIPE)))) if given is None else given, where)
    swap = table.get(_SWAP)
    sections = [table.get(name) for name in _SECTIONS]
    sections.append({name: value for name, value in table.items() if name not in (*_SECTIONS, _SWAP)})
    operations: list[Any] = []
    unknown: list[str] = []
    known = 0
    for section in sections:
        entries = _entries(section, where)
        inner = next((value for name, value in entries if name == _SWAP), swap)
        for name, value in entries:
            if name == _SWAP:
                continue
            if name not in OPERATIONS:
                unknown.append(f"operation {name!r}{nearest(name, (*OPERATIONS, *_SECTIONS))}")
                continue
            known += 1
            if value is not None and value is not False:
                operations.append(_operation(name, value, where, inner, classes, unknown))
    if unknown and not known:
        raise UserError(f"{where}: unknown {', '.join(unknown)}: no operation is left")
    said = [f"left out: unknown {', '.join(unknown)}"] if unknown else []
    for line in [*said, *_reads_the_small_image(operations), *_looks_no_closer(operations)]:
        (warn or _tell)(f"{where}: {line}")
    return operations


def find_file(path: Path) -> Path:
    """Return a path as it is, or the file of the package that it names: ``heavy``, and ``uhd/aug.yaml`` everywhere."""
    if path.name in PRESETS and path == Path(path.name) and not path.exists():
        return RECIPE.with_name(f"{path.name}.yaml")
    shipped = PACKAGE.parent / path
    named = not path.is_absolute() and path.parts[:1] in ((PACKAGE.name,), (_KERAS_PACKAGE,)) and ".." not in path.parts
    return shipped if named and not path.exists() and shipped.is_file() else path


def option_keys(kind: type[Any]) -> dict[str, dataclasses.Field[Any]]:
    """Return the options of an operation by every key that names them, the original's first."""
    fields = {field.name: field for field in dataclasses.fields(kind)}
    keys = {flag_of(field).replace("-", "_"): field for field in fields.values()} | fields
    return keys | {key: fields[name] for key, name in _OTHER_KEYS.get(kind.__name__, {}).items()}


def _reads_the_small_image(operations: Sequence[Any]) -> list[str]:
    """Return what is to be said when the order makes an operation enlarge or cut the small image."""
    first = next((i for i, each in enumerate(operations) if not isinstance(each, (*GEOMETRY, mixing.Mosaic))), None)
    late = [each for each in operations[first or 0 :] if isinstance(each, GEOMETRY) and not isinstance(each, _FLIPS)]
    if first is None or not late:
        return []
    names = ", ".join(dict.fromkeys(type(each).__name__ for each in late))
    before = type(operations[first]).__name__
    return [f"{names} after {before}: works on the small image; listed before {before}, on the photograph"]


def _looks_no_closer(operations: Sequence[Any]) -> list[str]:
    """Return what is to be said when a closer look comes too late: a turned picture has no straight window."""
    turned = False
    for each in operations:
        if turned and isinstance(each, closer.CloserLook):
            return [f"{type(each).__name__} after a rotation: does nothing to what is turned; list it before"]
        turned = turned or isinstance(each, affine.Affine | affine.Rotate)
    return []


def _tell(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201


def _table(content: Any, where: str) -> Mapping[str, Any]:
    """Return the file's top level as a table; a list is that of ``data_augment``."""
    if content is None:
        return {}
    if isinstance(content, Mapping):
        return {str(name): value for name, value in content.items()}
    if isinstance(content, Sequence) and not isinstance(content, str):
        return {"data_augment": content}
    raise UserError(f"{where}: must be a table or a list of operations")


def _entries(section: Any, where: str) -> list[Entry]:
    """Return the (name, value) pairs of a section in their order."""
    if section is None:
        return []
    if isinstance(section, Mapping):
        return [(str(name), value) for name, value in section.items()]
    if isinstance(section, str) or not isinstance(section, Sequence):
        raise UserError(f"{where}: a section must be a table or a list of operations, not {section!r}")
    entries: list[Entry] = []
    for item in section:
        if isinstance(item, str):
            entries.append((item, {}))
        elif isinstance(item, Mapping):
            options = {str(key): value for key, value in item.items()}
            name = options.pop("name", None)
            entries += options.items() if name is None else [(str(name), options)]
        else:
            raise UserError(f"{where}: an entry of a list must be an operation, not {item!r}")
    return entries


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        presets = f"{', '.join(PRESETS[:-1])} and {PRESETS[-1]}"
        raise UserError(f"{path}: no such file; by name there are {presets}{nearest(path.name, PRESETS)}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read as YAML ({' '.join(str(error).split())})") from None


def _operation(name: str, value: Any, where: str, swap: Any, classes: Sequence[int], unknown: list[str]) -> Any:
    """Build one operation; keys that it does not have are added to ``unknown``."""
    kind = OPERATIONS[name]
    where = f"{where}: {name}"
    if isinstance(value, Mapping):
        given = {str(key).replace("-", "_"): item for key, item in value.items()}
    else:
        given = {} if value is True else {_SCALAR.get(name, "prob"): value}
    flip = given.pop(_SWAP, None) if kind is geometry.HorizontalFlip else None
    hints, keys = type_hints(kind), option_keys(kind)
    either_way = getattr(kind, "EITHER_WAY", ())
    options: dict[str, Any] = {}
    for key, item in given.items():
        field = keys.get(key)
        if field is None:
            unknown.append(f"key {key!r} of {name}{nearest(key, keys)}")
        else:
            low = -1 if field.name in either_way else 1
            options[field.name] = _plain_number(item, _length(hints[field.name]), low)
    operation = from_plain(kind, options, where)
    for field in dataclasses.fields(kind):
        limits = getattr(operation, field.name)
        is_range = _length(hints[field.name]) == 2 and field.name != "tile_grid_size"
        if is_range and limits is not None and limits[0] > limits[1]:
            raise UserError(f"{where}: {field.name}: the range {list(limits)} is upside down")
    if kind in _FLIPS and operation.keypoint_swap_map is not None:
        pairs = _pairs(operation.keypoint_swap_map, "keypoint", where)
        operation = dataclasses.replace(operation, keypoint_swap_map=pairs)
    if kind is geometry.HorizontalFlip:
        return dataclasses.replace(operation, class_swap_map=_swap_map(flip or swap, classes, where))
    return operation


def _length(hint: Any) -> int:
    """Return how many numbers an option holds: 2 for a range, 3 for a colour, 0 for a single value."""
    return max((len(typing.get_args(kind)) for kind in (hint, *typing.get_args(hint))
                if typing.get_origin(kind) is tuple), default=0)  # fmt: skip


def _plain_number(value: Any, length: int, low: int = 1) -> Any:
    """Return numbers such as ``1e-8``, which YAML reads as text, as numbers, and one number for many repeated.

    Args:
        value: as YAML gives it.
        length: numbers wanted, 0 for a single one.
        low: factor of the first of them, -1 where one number means as much either way.
    """
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return value
    if not length or isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return [low * value, *[value] * (length - 1)]


def _swap_map(table: Any, classes: Sequence[int], where: str) -> dict[int, int]:
    """Translate raw class numbers to class positions; pairs with a class that is not wanted are left out."""
    pairs = both_ways(_pairs(table or {}, "class", where), f"{where}: ")
    place = {raw: position for position, raw in enumerate(classes)}
    return {place[a]: place[b] for a, b in pairs.items() if a in place and b in place}


def _pairs(table: Any, what: str, where: str) -> dict[int, int]:
    """Return a table of whole numbers."""
    try:
        return {int(a): int(b) for a, b in table.items()}
    except (AttributeError, TypeError, ValueError):
        raise UserError(f"{where}: {what}_swap_map must map {what} numbers to {what} numbers, not {table!r}") from None
