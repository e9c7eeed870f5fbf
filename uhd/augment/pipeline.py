"""Augmentation as a YAML file lists it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from uhd.augment import colour, geometry, noise
from uhd.augment.mixing import Mosaic
from uhd.augment.outliers import RemoveOutliers
from uhd.augment.view import View
from uhd.errors import UserError, nearest
from uhd.sample import Sample

GEOMETRY: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        geometry.HorizontalFlip,
        geometry.VerticalFlip,
        geometry.RandomWindow,
        geometry.RandomCrop,
        geometry.RandomScale,
        geometry.Translation,
    )
}
PIXELS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        colour.RandomHSV,
        colour.RandomBrightness,
        colour.RandomContrast,
        colour.RandomSaturation,
        colour.RandomPhotometricDistort,
        colour.CLAHE,
        colour.ToGray,
        noise.Blur,
        noise.MedianBlur,
        noise.GaussianBlur,
        noise.MotionBlur,
        noise.GaussNoise,
    )
}
OPERATIONS: dict[str, type[Any]] = GEOMETRY | PIXELS | {"Mosaic": Mosaic, "RemoveOutliers": RemoveOutliers}
_SECTIONS = ("data_augment_pre", "data_augment", "data_augment_post")
_SCALAR = {"RemoveOutliers": "min_area", "RandomCrop": "ratio"}


class Pipeline:
    """Operations in the order listed.

    Geometric operations only move a window; the image is read once, at network size, when the first pixel operation
    comes (or at the end). A geometric operation listed after a pixel operation sees the small image.
    """

    def __init__(self, operations: Sequence[Any]) -> None:
        self.operations = tuple(operations)

    @classmethod
    def load(cls, source: Path | Mapping[str, Any] | None, classes: Sequence[int] = (0,)) -> Pipeline:
        """Read a YAML file or table; None takes our recipe.

        Layouts: ``data_augment_pre`` and ``data_augment_post`` maps, one ``data_augment`` map, or operations at the top
        level. A scalar stands for the probability (for RemoveOutliers the least area, for RandomCrop the ratio), an
        empty value switches the operation off.

        Args:
            source: file or table.
            classes: wanted class ids, to translate ``class_swap_map``.

        Raises:
            UserError: unreadable file, unknown operation or key, value of the wrong kind.
        """
        where = "our recipe" if source is None else str(source) if isinstance(source, Path) else "augmentation"
        table = _read(source)
        listed: dict[str, Any] = {}
        for section in _SECTIONS:
            if isinstance(table.get(section), Mapping):
                listed |= table[section]
        swap = table.get("class_swap_map")
        listed |= {key: value for key, value in table.items() if key not in (*_SECTIONS, "class_swap_map")}
        if "class_swap_map" in listed:
            swap = listed.pop("class_swap_map")
        operations = [_build(name, value, where, swap, classes) for name, value in listed.items() if value is not None]
        return cls(operations)

    def without_mosaic(self) -> Pipeline:
        """Return the pipeline less its mosaics, for the last epochs."""
        return Pipeline([operation for operation in self.operations if not isinstance(operation, Mosaic)])

    def __call__(
        self,
        sample: Sample,
        rng: np.random.Generator,
        size: tuple[int, int],
        mode: str,
        draw_partner: Callable[[np.random.Generator], Sample],
    ) -> Sample:
        """Return the augmented sample whose image is (h, w, 3) at network size."""
        current: View | Sample = View.of(sample)
        skip_geometry = False
        for position, operation in enumerate(self.operations):
            if isinstance(operation, Mosaic):
                if rng.random() < operation.prob:
                    later = [op for op in self.operations[position + 1 :] if type(op).__name__ in GEOMETRY]
                    current = operation(sample, rng, size, mode, draw_partner, later)
                    skip_geometry = True
            elif isinstance(operation, RemoveOutliers):
                current = operation(_rendered(current, size, mode))
            elif type(operation).__name__ in GEOMETRY:
                if not skip_geometry:
                    view = current if isinstance(current, View) else View.of(current)
                    current = operation(view, rng)
            else:
                small = _rendered(current, size, mode)
                current = dataclasses.replace(small, image=operation(small.image, rng))
        return _rendered(current, size, mode)


def _rendered(current: View | Sample, size: tuple[int, int], mode: str) -> Sample:
    return current.render(size, mode) if isinstance(current, View) else current


def _read(source: Path | Mapping[str, Any] | None) -> Mapping[str, Any]:
    if isinstance(source, Mapping):
        return source
    path = Path(str(files("uhd") / "augment" / "recipe.yaml")) if source is None else source
    try:
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read as YAML ({' '.join(str(error).split())})") from None
    if table is None:
        return {}
    if not isinstance(table, Mapping):
        raise UserError(f"{path}: must be a table of operations")
    return table


def _build(name: str, value: Any, where: str, swap: Any, classes: Sequence[int]) -> Any:
    if name not in OPERATIONS:
        raise UserError(f"{where}: unknown operation {name!r}{nearest(name, OPERATIONS)}")
    kind = OPERATIONS[name]
    options = dict(value) if isinstance(value, Mapping) else {_SCALAR.get(name, "prob"): value}
    fields = {field.name: field for field in dataclasses.fields(kind)}
    if name == "HorizontalFlip":
        options["class_swap_map"] = _swap_map(options.get("class_swap_map", swap), classes, where)
    for key in options:
        if key not in fields:
            raise UserError(f"{where}: {name}: unknown key {key!r}{nearest(key, fields)}")
    try:
        return kind(
            **{
                key: _value(item, "tuple" in str(fields[key].type) or "Range" in str(fields[key].type))
                for key, item in options.items()
            }
        )
    except (TypeError, ValueError) as error:
        raise UserError(f"{where}: {name}: {error}") from None


def _value(value: Any, is_range: bool) -> Any:
    if is_range and isinstance(value, int | float) and not isinstance(value, bool):
        return (value, value)
    if is_range and value is not None:
        low, high = value
        return (low, high)
    if isinstance(value, str):
        raise ValueError(f"{value!r} is not a number")
    return value


def _swap_map(table: Any, classes: Sequence[int], where: str) -> dict[int, int]:
    if not table:
        return {}
    if not isinstance(table, Mapping):
        raise UserError(f"{where}: class_swap_map must map class numbers to class numbers")
    place = {class_id: position for position, class_id in enumerate(classes)}
    pairs = {int(a): int(b) for a, b in table.items()}
    pairs |= {b: a for a, b in pairs.items() if b not in pairs}
    return {place[a]: place[b] for a, b in pairs.items() if a in place and b in place}
