"""Records as a YOLO data set: ``labels/``, ``ignore.json``, ``data.yaml``, and ``details.json`` for what lines lack."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from uhd.data.formats.decimals import centre_box, to_text
from uhd.data.formats.rows import Row, rows_of
from uhd.data.ignore import FILE_NAME
from uhd.data.records import Record
from uhd.files import save_text, save_text_soon
from uhd.outlines import outline_bounds

DETAILS = "details.json"


def write_yolo(folder: Path, parts: Mapping[str, Sequence[tuple[Path, Record]]], names: Sequence[str]) -> None:
    """Write labels of images that lie in ``folder/images``.

    A line is a pose where any object of the data set has keypoints, else an outline where there is one of a single
    ring, else a box. ``details.json`` holds, line by line, what its line cannot say: marks, the box of an outline, the
    outline of a pose, class and outline of a crowd.

    Args:
        folder: of the data set.
        parts: part (``train``, ...; "" for undivided data) -> place of the image, relative to ``images``, and record.
        names: of the classes.
    """
    records = [record for part in parts.values() for _, record in part]
    pose = keypoint_count(records)
    details: dict[str, Any] = {}
    regions: dict[Path, dict[str, list[list[float]]]] = {}
    for place, record in (entry for part in parts.values() for entry in part):
        lines, more = label_lines(record, pose)
        save_text_soon(folder / "labels" / place.with_suffix(".txt"), "".join(f"{line}\n" for line in lines))
        if more:
            details[place.as_posix()] = more
        if len(record.ignore):
            table = regions.setdefault(folder / "images" / place.parent, {})
            table[place.stem] = [centre_box(box) for box in record.ignore]
    for images, table in regions.items():
        save_text(images / FILE_NAME, json.dumps(table))
    if details:
        save_text(folder / DETAILS, json.dumps(details))
    # Without 'path' the others are relative to the file; Ultralytics takes "." as the folder that it is started in.
    content: dict[str, Any] = {part or "train": f"images/{part}".rstrip("/") for part in parts}
    content |= {"names": dict(enumerate(names))} | ({"kpt_shape": [pose, 3]} if pose else {})
    save_text(folder / "data.yaml", yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def keypoint_count(records: Sequence[Record]) -> int:
    """Return how many keypoints the objects have that have some, 0 where none has."""
    known = (record.objects.keypoints for record in records)
    return next((points.shape[1] for points in known if points is not None), 0)


def label_lines(record: Record, pose: int = 0) -> tuple[list[str], dict[str, Any]]:
    """Return the lines of a label file, and what they lack: ``lines`` and ``regions``, each a list of tables.

    Args:
        record: an image and its objects.
        pose: keypoints of every line; 0 for boxes and outlines.
    """
    lines: list[str] = []
    lacking: list[dict[str, Any]] = []
    regions: list[dict[str, Any]] = []
    for row in rows_of(record):
        if row.ignored:
            # A crowd of the first class without an outline is what ignore.json says already.
            regions.append(({"class": row.label} if row.label >= 0 else {}) | _marks(row) | _outline(row.outline))
            continue
        box = np.array(row.box, np.float32)
        fields, lacks = " ".join(map(to_text, centre_box(box))), _marks(row)
        if not pose and len(row.outline) == 1:
            fields = " ".join(to_text(value) for value in row.outline[0].reshape(-1))
            if not np.array_equal(outline_bounds(row.outline), box):
                lacks["box"] = box.astype(float).tolist()
        elif row.outline:
            lacks |= _outline(row.outline)
        if pose:
            points = np.zeros((pose, 3), np.float32) if row.keypoints is None else row.keypoints
            fields += " " + " ".join(to_text(value) for value in points.reshape(-1))
        lines.append(f"{row.label} {fields}")
        lacking.append(lacks)
    more = {"lines": lacking} if any(lacking) else {}
    return lines, more | ({"regions": regions} if any(regions) else {})


def _marks(row: Row) -> dict[str, Any]:
    return {"marks": sorted(row.marks)} if row.marks else {}


def _outline(outline: Sequence[NDArray[np.float32]]) -> dict[str, Any]:
    return {"outline": [ring.astype(float).reshape(-1).tolist() for ring in outline]} if outline else {}
