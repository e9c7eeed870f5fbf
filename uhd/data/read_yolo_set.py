"""Read a YOLO data set with all its classes, and with what ``details.json`` adds to its lines."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from uhd.data.class_names import class_names, known_names
from uhd.data.config import DataConfig
from uhd.data.discover import Found, discover, label_path
from uhd.data.formats import annotation_format
from uhd.data.formats.rows import Row, record_of, rows_of
from uhd.data.formats.yolo import read_text
from uhd.data.formats.yolo_writer import DETAILS
from uhd.data.labelled_set import LabelledSet, part_of, set_of
from uhd.data.open import LabelReader
from uhd.data.problems import BAD_LABEL, Report
from uhd.data.records import Record
from uhd.errors import UserError
from uhd.objects import Outline


def read_yolo_set(place: Path, report: Report) -> LabelledSet:
    """Read a folder, a data.yaml or a list of images.

    Args:
        place: where it is.
        report: receives what is wrong.

    Raises:
        UserError: no images.
    """
    config = DataConfig(image_dir=place)
    found = discover(place, None, None, report)
    known = found.names or known_names(config)
    classes = tuple(range(len(known))) or _classes_used(found)
    config = dataclasses.replace(config, classes=classes)
    reader = LabelReader(config, dataclasses.replace(found, names=known), report)
    parts = {"train": found.train, "val": found.val, "test": found.test}
    records = [(part, record) for part, images in parts.items() for record in reader.records(images or [])]
    root = place if place.is_dir() else place.parent
    if found.val is None and found.test is None:
        records = [(part_of(record.image, root), record) for _, record in records]
    more, base = _details(place), root / "images"
    pairs = [(part, _with_details(record, more, base, report)) for part, record in records]
    return set_of(pairs, class_names(config, known))


def _classes_used(found: Found) -> tuple[int, ...]:
    """Return 0 up to the highest class number in the label files."""
    highest = 0
    for image in (*found.train, *(found.val or ()), *(found.test or ())):
        path = label_path(image)
        if annotation_format(image) is not None or not path.is_file():
            continue
        for line in read_text(path).splitlines():
            first = line.split(maxsplit=1)[:1]
            if first and first[0].isdigit() and int(first[0]) < 10000:
                highest = max(highest, int(first[0]))
    return tuple(range(highest + 1))


def _details(place: Path) -> dict[str, Any]:
    path = (place if place.is_dir() else place.parent) / DETAILS
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({error}): mend it or move it away") from None
    return content if isinstance(content, dict) else {}


def _with_details(record: Record, more: dict[str, Any], base: Path, report: Report) -> Record:
    """Return a record with marks, boxes and outlines that its label file has no place for."""
    name = record.image.relative_to(base).as_posix() if more and record.image.is_relative_to(base) else ""
    if name not in more:
        return record
    rows, found = rows_of(record), more[name]
    lines = [row for row in rows if not row.ignored]
    regions = [row for row in rows if row.ignored]
    for key, known in (("lines", lines), ("regions", regions)):
        if key in found and len(found[key]) != len(known):
            where = f"{base.parent / DETAILS}: {name}"
            report.problem(BAD_LABEL, f"{where}: {len(found[key])} {key}, but its labels have {len(known)}")
            return record
    told = [*found.get("lines", [{}] * len(lines)), *found.get("regions", [{}] * len(regions))]
    full = [_detailed(row, table) for row, table in zip([*lines, *regions], told, strict=True)]
    return record_of(record.image, full, record.size)


def _detailed(row: Row, table: dict[str, Any]) -> Row:
    changes: dict[str, Any] = {}
    if "class" in table:
        changes["label"] = int(table["class"])
    if "marks" in table:
        changes["marks"] = frozenset(map(str, table["marks"]))
    if "box" in table:
        changes["box"] = tuple(map(float, table["box"]))
    if "outline" in table:
        rings: Outline = tuple(np.array(ring, np.float32).reshape(-1, 2) for ring in table["outline"])
        changes["outline"] = rings
    return dataclasses.replace(row, **changes)
